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

/// Maximum number of retries, which gives at most four attempts.
const RETRIES: u32 = 3;

/// Source of environment variables.
type Find = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Address of DynamoDB, and time limits.
///
/// [`DynamoTable`](super::DynamoTable) limits the time of a call; these are the limits of its attempts.
#[derive(Clone)]
pub struct DynamoDbSettings {
    /// Name of the region, such as `eu-central-1`.
    pub region: String,
    /// URL of an emulator; `None` for AWS.
    pub endpoint: Option<String>,
    /// Time limit for a connection.
    pub connect_timeout: Duration,
    /// Time limit for one attempt, including its connection.
    pub attempt_timeout: Duration,
    /// Maximum wait before the first retry. It doubles for each later one, up to `max_backoff`. The actual
    /// wait is random between zero and the maximum.
    pub backoff: Duration,
    /// Maximum wait before any retry.
    pub max_backoff: Duration,
    /// Retry budget that clients in one partition share and successes refill, so that a failing store is not
    /// called four times by every request. `None` for the partition of the region.
    pub retry_partition: Option<RetryPartition>,
    find: Find,
}

impl DynamoDbSettings {
    /// Reads `AWS_REGION`, and `AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL` for an emulator. An empty
    /// value counts as missing. The credentials (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    /// `AWS_SESSION_TOKEN`) are read at each use, and never stored here.
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
                "is not an http or https URL",
                "write it like http://127.0.0.1:8000, or leave it out for AWS",
            ));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self::new(region, endpoint, find))
    }

    /// Returns the settings of an emulator at `endpoint`, with credentials that nobody checks.
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

/// Creates a client for [`DynamoTable`](super::DynamoTable), without connections yet. It needs tokio's I/O
/// and time drivers.
///
/// It retries failures that may pass: throttling, conflicts of transactions, 5xx, and responses that were
/// late, lost or unreadable.
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
        // Reading the credentials again costs less than tracking when they expire.
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

/// Credentials from the environment, as Lambda provides them.
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
