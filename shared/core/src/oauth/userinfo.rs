use std::sync::Arc;

use futures_util::future::try_join_all;
use secrecy::{ExposeSecret, SecretString};

use super::http::{self, Failure};
use crate::port::Fetch;

/// Fetches `urls` in parallel with the access token, and returns the responses. It takes as long as the slowest one.
pub(super) async fn get_all(
    fetch: &Arc<dyn Fetch>,
    urls: &[&str],
    access_token: &SecretString,
) -> Result<Vec<Vec<u8>>, Failure> {
    try_join_all(urls.iter().map(|url| http::get_json(fetch, url, Some(access_token.expose_secret())))).await
}
