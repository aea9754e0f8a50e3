use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as CredentialsFuture;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, IdentityCache, ProvideCredentials, Region, SharedCredentialsProvider,
};
use aws_sdk_dynamodb::error::BoxError;
use latchkey_core::config::ConfigError;

use super::{http, retry};

/// Tries again after a failure, so that there are at most four attempts.
const RETRIES: u32 = 3;

/// A source of environment variables.
type Find = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Where DynamoDB is, and how long to wait for it.
///
/// A call takes no longer than its [`DynamoTable`](super::DynamoTable) allows; these are the times of its attempts.
#[derive(Clone)]
pub struct DynamoDbSettings {
    /// The region's name, such as `eu-central-1`.
    pub region: String,
    /// The URL of an emulator; none for AWS.
    pub endpoint: Option<String>,
    /// For a connection.
    pub connect_timeout: Duration,
    /// For one attempt, its connection included.
    pub attempt_timeout: Duration,
    /// The longest wait before the first retry; each later one may be twice as long, up to `max_backoff`. The wait itself is
    /// drawn evenly from nothing up to that.
    pub backoff: Duration,
    /// The longest wait before any retry.
    pub max_backoff: Duration,
    /// Retries of clients in one partition share a budget, which successes fill again: a store that is down is not asked
    /// four times by every call. None for the one of the region.
    pub retry_partition: Option<RetryPartition>,
    find: Find,
}

impl DynamoDbSettings {
    /// Reads `AWS_REGION`, and `AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL` for an emulator. An empty value counts as
    /// missing. The credentials (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`) are read at each use,
    /// and never kept here.
    pub fn read(
        find: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Self, Vec<ConfigError>> {
        let find: Find = Arc::new(move |name| find(name).filter(|value| !value.trim().is_empty()));
        let endpoint = find("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| find("AWS_ENDPOINT_URL"));
        let mut errors = Vec::new();
        let region = find("AWS_REGION").or_else(|| find("AWS_DEFAULT_REGION")).unwrap_or_else(|| {
            errors.push(ConfigError::new(
                "AWS_REGION",
                "is missing",
                "set the region of the table; Lambda sets it by itself",
            ));
            String::new()
        });
        if endpoint.as_ref().is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            errors.push(ConfigError::new(
                "AWS_ENDPOINT_URL_DYNAMODB",
                "is no http or https URL",
                "write it like http://127.0.0.1:8000, or leave it out for AWS",
            ));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self::new(region, endpoint, find))
    }

    /// For an emulator at `endpoint`, with credentials that nobody checks.
    pub fn emulated(endpoint: &str) -> Self {
        let find = |_: &str| Some("emulated".to_owned());
        Self::new("us-east-1".to_owned(), Some(endpoint.to_owned()), Arc::new(find))
    }

    fn new(region: String, endpoint: Option<String>, find: Find) -> Self {
        Self {
            region,
            endpoint,
            connect_timeout: Duration::from_secs(1),
            attempt_timeout: Duration::from_millis(1500),
            backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(1),
            retry_partition: None,
            find,
        }
    }
}

impl fmt::Debug for DynamoDbSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoDbSettings")
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// A client for [`DynamoTable`](super::DynamoTable), without connections so far. Needs tokio's I/O and time drivers.
///
/// It retries what may pass: throttling, conflicts of transactions, 5xx, and answers that were late, lost or garbled.
pub fn client(settings: &DynamoDbSettings) -> Client {
    let retries = RetryConfig::standard()
        .with_max_attempts(1 + RETRIES)
        .with_initial_backoff(settings.backoff)
        .with_max_backoff(settings.max_backoff);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(settings.connect_timeout)
        .operation_attempt_timeout(settings.attempt_timeout)
        .build();
    let credentials = Environment(Arc::clone(&settings.find));
    let mut config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .http_client(http::client(settings.connect_timeout))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        // Reading them again costs less than knowing when they are stale.
        .identity_cache(IdentityCache::no_cache())
        .retry_config(retries)
        .retry_classifier(retry::Passing)
        .timeout_config(timeouts);
    config.set_endpoint_url(settings.endpoint.clone());
    if let Some(partition) = &settings.retry_partition {
        config = config.retry_partition(partition.clone());
    }
    Client::from_conf(config.build())
}

/// Credentials as Lambda gives them.
struct Environment(Find);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}

impl ProvideCredentials for Environment {
    fn provide_credentials<'a>(&'a self) -> CredentialsFuture<'a>
    where
        Self: 'a,
    {
        CredentialsFuture::ready(self.credentials())
    }
}

impl Environment {
    fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let var = |name: &'static str| {
            (self.0)(name).ok_or_else(|| {
                let fix: BoxError =
                    format!("{name} is missing; Lambda sets it by itself, elsewhere set it").into();
                CredentialsError::not_loaded(fix)
            })
        };
        let (id, secret) = (var("AWS_ACCESS_KEY_ID")?, var("AWS_SECRET_ACCESS_KEY")?);
        Ok(Credentials::new(id, secret, (self.0)("AWS_SESSION_TOKEN"), None, "environment"))
    }
}
