use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use tower::Service;
use tracing::Instrument;

use crate::live::Live;

/// Passes each event to a handler that is not called over HTTP.
pub(crate) struct Direct<T, A> {
    live: Arc<Live<T>>,
    answer: A,
}

/// Error of an event that was not handled. The caller gets the reason, and the runtime's client logs it.
#[derive(Debug)]
pub(crate) struct Unanswered(String);

impl From<Unanswered> for Diagnostic {
    fn from(Unanswered(why): Unanswered) -> Self {
        Self { error_type: "Latchkey.Unanswered".to_owned(), error_message: why }
    }
}

impl<T, A> Direct<T, A> {
    pub(crate) fn new(live: Live<T>, answer: A) -> Self {
        Self { live: Arc::new(live), answer }
    }
}

impl<T, A, F, E> Service<LambdaEvent<Value>> for Direct<T, A>
where
    T: Clone + Send + Sync + 'static,
    A: Fn(T, Value) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Value, E>> + Send + 'static,
    E: Display + 'static,
{
    type Response = Value;
    type Error = Unanswered;
    type Future = Pin<Box<dyn Future<Output = Result<Value, Unanswered>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unanswered>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, event: LambdaEvent<Value>) -> Self::Future {
        let (live, answer) = (Arc::clone(&self.live), self.answer.clone());
        let LambdaEvent { payload, context } = event;
        let span = tracing::error_span!("event", request_id = %context.request_id);
        let answered = async move {
            let answered =
                async { answer(live.app().await, payload).await.map_err(|error| error.to_string()) };
            let (answered, ()) = tokio::join!(answered, live.renew());
            answered.map_err(Unanswered)
        };
        Box::pin(answered.instrument(span))
    }
}
