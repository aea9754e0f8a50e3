use latchkey_core::port::FetchError;

/// Maximum length of Redis's own text in an error, in characters.
const MAX_TOLD: usize = 200;

/// Reason that Upstash gave no result. Each text contains the fix and never the token.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}: check that the database is up and UPSTASH_REDIS_REST_URL is its REST URL")]
    NoAnswer(FetchError),
    #[error("it refuses the token: set UPSTASH_REDIS_REST_TOKEN to the REST token of this database")]
    WrongToken,
    #[error(
        "it refuses the command ({0}): set UPSTASH_REDIS_REST_TOKEN to the token that may write, not the read-only one"
    )]
    ReadOnly(String),
    #[error("it refuses the command: {0}")]
    Refused(String),
    #[error(
        "it responds with status {0}; if this persists, check that UPSTASH_REDIS_REST_URL is the database's \
         REST URL"
    )]
    Status(u16),
    #[error("its response is not Upstash's; check that UPSTASH_REDIS_REST_URL is the database's REST URL")]
    Garbage,
}

impl Failure {
    /// Returns the meaning of an error message of Redis.
    pub fn redis(message: &str) -> Self {
        let told = || message.chars().filter(|c| !c.is_control()).take(MAX_TOLD).collect();
        match message.split(' ').next() {
            Some("WRONGPASS") => Self::WrongToken,
            Some("NOPERM") => Self::ReadOnly(told()),
            _ => Self::Refused(told()),
        }
    }
}
