use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use lambda_runtime::LambdaEvent;
use latchkey_http::{Middleware, Paths};
use serde_json::value::RawValue;
use tower::{Service, ServiceExt};
use tracing::Instrument;

use crate::event::{Event, EventError, LambdaResponse};
use crate::live::Live;

/// Handler of events, which the runtime's client calls for each event.
#[derive(Clone)]
pub(crate) struct Entry(Arc<Live<Middleware<Paths>>>);

impl Entry {
    pub(crate) fn new(live: Live<Middleware<Paths>>) -> Self {
        Self(Arc::new(live))
    }
}

impl Service<LambdaEvent<Box<RawValue>>> for Entry {
    type Response = LambdaResponse;
    type Error = EventError;
    type Future = Pin<Box<dyn Future<Output = Result<LambdaResponse, EventError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), EventError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, event: LambdaEvent<Box<RawValue>>) -> Self::Future {
        let live = Arc::clone(&self.0);
        let LambdaEvent { payload, context } = event;
        // The span has the level of errors, so every log line has it.
        let span = tracing::error_span!("event", request_id = %context.request_id);
        let answer = async move {
            // A container is frozen between events, so due work runs beside the request and not after it.
            let (answer, ()) =
                tokio::join!(async { answer(live.app().await, payload.get()).await }, live.renew());
            answer
        };
        Box::pin(answer.instrument(span))
    }
}

/// Returns the response of `app` to the JSON of one event.
pub async fn answer(app: Middleware<Paths>, event: &str) -> Result<LambdaResponse, EventError> {
    let Event { request, shape } = Event::parse(event)?;
    let Ok(response) = app.oneshot(request).await;
    LambdaResponse::of(response, shape).await
}
