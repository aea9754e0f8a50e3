//! Sends requests to one base URL: no cookie jar, no redirects, every status an answer.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use http::Method;
use ureq::Agent;

use crate::{Answer, Failure, Request, Result, raw};

/// The longest wait for one answer: a place may still be building what it serves.
const PATIENCE: Duration = Duration::from_mins(1);
/// Shorter than any server keeps a connection without requests, so that none ends as it is used again.
const IDLE: Duration = Duration::from_secs(2);

/// A client of one base URL.
pub struct Client {
    base: String,
    agent: Agent,
    most: usize,
    own: Option<(String, String)>,
}

impl Client {
    /// For the base URL, without a slash at its end.
    pub fn new(base: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_age(IDLE)
            .timeout_global(Some(PATIENCE))
            .user_agent("latchkey-e2e")
            .build();
        Self {
            base: base.trim_end_matches('/').to_owned(),
            agent: config.into(),
            most: usize::MAX,
            own: None,
        }
    }

    /// The same, with so many requests at one moment at the most.
    pub fn at_most(self, most: usize) -> Self {
        Self { most: most.max(1), ..self }
    }

    /// The same with a header in every request that has none of this name.
    pub fn with_header(self, name: &str, value: &str) -> Self {
        Self { own: Some((name.to_owned(), value.to_owned())), ..self }
    }

    /// The base URL.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends one request.
    pub fn send(&self, request: &Request) -> Result<Answer> {
        let url = format!("{}{}", self.base, request.path);
        let mut builder = http::Request::builder().method(request.method.clone()).uri(url);
        for (name, value) in &self.with_own(request).headers {
            builder = builder.header(name, value);
        }
        // A method that may have a body says that it has none with `Content-Length: 0`, as browsers do.
        let may = [Method::POST, Method::PUT, Method::PATCH].contains(&request.method);
        let response = match &request.body {
            None if !may => self.agent.run(builder.body(())?)?,
            body => self.agent.run(builder.body(body.as_deref().unwrap_or_default())?)?,
        };
        let (parts, mut body) = response.into_parts();
        Ok(Answer {
            asked: format!("{} {}", request.method, request.path),
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.read_to_vec()?,
        })
    }

    /// Sends a request as it is written, on a connection of its own, and reads the answer whenever it comes.
    pub fn send_raw(&self, request: &Request) -> Result<Answer> {
        raw::send(&self.base, &self.with_own(request))
    }

    /// Sends a request that ends before its body does.
    pub fn break_off(&self, request: &Request) -> Result {
        raw::break_off(&self.base, &self.with_own(request))
    }

    fn with_own(&self, request: &Request) -> Request {
        let own = self.own.iter().filter(|(name, _)| !request.has(name));
        own.fold(request.clone(), |request, (name, value)| request.header(name, value))
    }

    /// Sends all requests at the same moment, or as many as the place takes and then the next; the answers in the order of the
    /// requests.
    pub fn at_once(&self, requests: &[Request]) -> Result<Vec<Answer>> {
        let mut answers = Vec::with_capacity(requests.len());
        for some in requests.chunks(self.most) {
            answers.extend(self.all_at_once(some)?);
        }
        Ok(answers)
    }

    /// Each on a thread of its own.
    fn all_at_once(&self, requests: &[Request]) -> Result<Vec<Answer>> {
        let start = Barrier::new(requests.len());
        thread::scope(|scope| {
            let threads: Vec<_> = requests
                .iter()
                .map(|request| {
                    scope.spawn(|| {
                        start.wait();
                        self.send(request)
                    })
                })
                .collect();
            let lost = |_| Failure::Failed("a thread of the client panicked".to_owned());
            threads.into_iter().map(|thread| thread.join().map_err(lost)?).collect()
        })
    }
}
