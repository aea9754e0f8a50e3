use std::sync::Arc;

use futures_util::future::try_join_all;
use secrecy::{ExposeSecret, SecretString};

use super::http::{self, Failure};
use crate::port::Fetch;

/// The responses of `urls`, asked for at once with the access token: together they take as long as the slowest.
pub(super) async fn get_all(
    fetch: &Arc<dyn Fetch>,
    urls: &[&str],
    access_token: &SecretString,
) -> Result<Vec<Vec<u8>>, Failure> {
    try_join_all(urls.iter().map(|url| http::get_json(fetch, url, Some(access_token.expose_secret())))).await
}
