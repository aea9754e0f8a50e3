//! Check for breached passwords with a range service.

use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderValue, Request, StatusCode};
use sha1::{Digest, Sha1};
use url::Url;

use super::Password;
use crate::port::Fetch;

/// Time that a sign-up waits for the service.
const DEADLINE: Duration = Duration::from_secs(2);
/// Number of hexadecimal digits of a hash that are sent to the service.
const PREFIX: usize = 5;

/// Address of a service that lists the SHA-1 hashes of breached passwords by their first five hexadecimal digits, such as
/// `https://api.pwnedpasswords.com/range/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeService(String);

/// Error: the text is not the address of a [`RangeService`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an https address that ends with a slash")]
pub struct InvalidRangeService;

impl FromStr for RangeService {
    type Err = InvalidRangeService;

    fn from_str(text: &str) -> Result<Self, InvalidRangeService> {
        let url = Url::parse(text).map_err(|_| InvalidRangeService)?;
        let is_plain = url.query().is_none() && url.fragment().is_none() && url.path().ends_with('/');
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && crate::model::is_loopback(&url));
        if is_plain && is_safe { Ok(Self(url.into())) } else { Err(InvalidRangeService) }
    }
}

/// Client of a [`RangeService`]. The service learns five of forty digits of a hash, which some hundreds of breached passwords
/// share.
pub struct Breaches {
    service: RangeService,
    fetch: Arc<dyn Fetch>,
}

impl Breaches {
    /// Returns the client of `service`.
    pub fn new(service: RangeService, fetch: Arc<dyn Fetch>) -> Self {
        Self { service, fetch }
    }

    /// Returns true if `password` is known from a breach. Without a response it returns false and logs a warning, so that
    /// people can sign up while the service is down.
    pub async fn know(&self, password: &Password) -> bool {
        let mut hash = String::with_capacity(40);
        for byte in Sha1::digest(password.expose().as_bytes()) {
            // Writing to a string does not fail.
            let _ = write!(hash, "{byte:02X}");
        }
        let (prefix, suffix) = hash.split_at_checked(PREFIX).unwrap_or_default();
        match self.range(prefix).await {
            Ok(range) => lists(&range, suffix),
            Err(why) => {
                tracing::warn!(why, "breached passwords could not be checked: the password was accepted");
                false
            }
        }
    }

    async fn range(&self, prefix: &str) -> Result<String, String> {
        let mut request = Request::get(format!("{}{prefix}", self.service.0))
            .body(Bytes::new())
            .map_err(|_| "its address is not valid".to_owned())?;
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("latchkey"));
        // With padding all responses have about the same size, so an eavesdropper learns nothing about the prefix.
        request.headers_mut().insert("add-padding", HeaderValue::from_static("true"));
        let response = self.fetch.fetch(request, DEADLINE).await.map_err(|error| error.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("it responded with status {}", response.status().as_u16()));
        }
        String::from_utf8(response.into_body().to_vec()).map_err(|_| "its response is not text".to_owned())
    }
}

/// Returns true if `range` has a line `<suffix>:<count>` with a count above zero. Padding lines have the count zero.
fn lists(range: &str, suffix: &str) -> bool {
    range.lines().filter_map(|line| line.trim().split_once(':')).any(|(listed, count)| {
        listed.eq_ignore_ascii_case(suffix) && count.trim().parse::<u64>().is_ok_and(|count| count > 0)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use http::Response;

    use super::*;
    use crate::port::FetchError;

    /// Service that gives every request the same response and records the requests.
    struct Service {
        answer: Result<(u16, &'static str), FetchError>,
        asked: Mutex<Vec<String>>,
    }

    #[async_trait]
    impl Fetch for Service {
        async fn fetch(&self, request: Request<Bytes>, _: Duration) -> Result<Response<Bytes>, FetchError> {
            self.asked.lock().unwrap().push(request.uri().to_string());
            let (status, body) = self.answer.clone()?;
            Ok(Response::builder().status(status).body(Bytes::from_static(body.as_bytes())).unwrap())
        }
    }

    fn know(answer: Result<(u16, &'static str), FetchError>) -> (bool, String) {
        let service = Arc::new(Service { answer, asked: Mutex::default() });
        let address = "https://range.example.com/range/".parse().unwrap();
        let breaches = Breaches::new(address, Arc::<Service>::clone(&service));
        let known = pollster::block_on(breaches.know(&Password::new(&"password".into())));
        let asked = service.asked.lock().unwrap().join(" ");
        (known, asked)
    }

    #[test]
    fn only_five_digits_of_the_hash_are_sent() {
        // printf password | sha1sum: 5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8
        let found =
            "1D72CD07550416C216D8AD296BF5C0AE8E0:10\r\n1E4C9B93F3F0682250B6CF8331B7EE68FD8:3861493\r\n";
        let asked = "https://range.example.com/range/5BAA6".to_owned();
        assert_eq!(know(Ok((200, found))), (true, asked.clone()));
        assert_eq!(know(Ok((200, "1e4c9b93f3f0682250b6cf8331b7ee68fd8:1"))), (true, asked));
        for others in
            ["", "1E4C9B93F3F0682250B6CF8331B7EE68FD8:0", "1E4C9B93F3F0682250B6CF8331B7EE68FD9:7", "nonsense"]
        {
            assert!(!know(Ok((200, others))).0, "{others}");
        }
    }

    #[test]
    fn without_a_response_a_password_is_accepted() {
        assert!(!know(Err(FetchError::Timeout(DEADLINE))).0);
        assert!(!know(Ok((503, "1E4C9B93F3F0682250B6CF8331B7EE68FD8:1"))).0);
    }

    #[test]
    fn the_service_is_asked_in_private() {
        for good in ["https://api.pwnedpasswords.com/range/", "http://127.0.0.1:3000/"] {
            assert!(good.parse::<RangeService>().is_ok(), "{good}");
        }
        for bad in
            ["", "on", "http://range.example.com/", "https://a.example/range", "https://a.example/?q=/"]
        {
            assert_eq!(bad.parse::<RangeService>(), Err(InvalidRangeService), "{bad}");
        }
    }
}
