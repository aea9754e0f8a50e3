//! Secrets Manager and Parameter Store: one signed request each.
//!
//! The SDK's own clients are not used: the one for Systems Manager alone takes longer to compile than all of
//! Latchkey. AWS's Lambda extension is not used either: it responds only after the start, when a missing
//! secret is already a user's error.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use latchkey_core::Timestamp;
use latchkey_core::port::{Clock, Entropy, Fetch};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::reference::{Reference, What};
use super::{Trouble, Var};

/// Time limit of a response. The services respond within tens of milliseconds.
const DEADLINE: Duration = Duration::from_secs(2);
/// Maximum pause before the second attempt. It doubles before the third.
const PAUSE: Duration = Duration::from_millis(200);

/// Number of attempts to get a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Three, because no request waits yet.
    Start,
    /// One, because a request waits.
    AtWork,
}

/// Resources for requests to AWS: the ports, and the source of the credentials.
#[derive(Clone)]
pub struct Aws {
    /// Outgoing HTTP.
    pub fetch: Arc<dyn Fetch>,
    /// Clock for the time in signatures.
    pub clock: Arc<dyn Clock>,
    /// Randomness that spreads the attempts of many containers.
    pub entropy: Arc<dyn Entropy>,
    /// The environment: `AWS_ACCESS_KEY_ID` and the other credentials, which Lambda sets, and
    /// `AWS_ENDPOINT_URL_SECRETS_MANAGER`, `AWS_ENDPOINT_URL_SSM` or `AWS_ENDPOINT_URL` for custom endpoints,
    /// as the SDKs read them.
    pub var: Var,
}

/// A failed attempt.
enum Attempt {
    /// A retry may succeed.
    Again(Trouble),
    /// A retry cannot succeed.
    Never(Trouble),
}

impl Aws {
    /// Returns the value that `reference` names.
    pub(super) async fn read(
        &self,
        reference: &Reference,
        patience: Patience,
    ) -> Result<SecretString, Trouble> {
        let mut left = if patience == Patience::Start { 2 } else { 0 };
        let mut pause = PAUSE;
        loop {
            match self.attempt(reference).await {
                Ok(value) => return Ok(value),
                Err(Attempt::Never(trouble)) => return Err(trouble),
                Err(Attempt::Again(trouble)) if left == 0 => return Err(trouble),
                Err(Attempt::Again(_)) => {}
            }
            left -= 1;
            tokio::time::sleep(self.part_of(pause)).await;
            pause *= 2;
        }
    }

    async fn attempt(&self, reference: &Reference) -> Result<SecretString, Attempt> {
        let request = self.request(reference).map_err(Attempt::Never)?;
        let response = self
            .fetch
            .fetch(request, DEADLINE)
            .await
            .map_err(|error| Attempt::Again(Trouble::Silent(error.to_string())))?;
        value(&response, reference)
    }

    /// Returns the signed request.
    fn request(&self, reference: &Reference) -> Result<Request<Bytes>, Trouble> {
        let (service, target, body) = match &reference.what {
            What::Secret { stage, version, .. } => {
                let mut body = json!({ "SecretId": reference.arn });
                for (name, value) in [("VersionStage", stage), ("VersionId", version)] {
                    if let (Some(value), Some(body)) = (value, body.as_object_mut()) {
                        body.insert(name.to_owned(), Value::from(value.clone()));
                    }
                }
                ("secretsmanager", "secretsmanager.GetSecretValue", body)
            }
            What::Parameter => {
                ("ssm", "AmazonSSM.GetParameter", json!({ "Name": reference.arn, "WithDecryption": true }))
            }
        };
        let mut request = Request::post(self.endpoint(service, reference))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", target)
            .body(Bytes::from(body.to_string()))
            .map_err(|error| Trouble::Request(error.to_string()))?;
        self.sign(&mut request, service, &reference.region)?;
        Ok(request)
    }

    fn endpoint(&self, service: &str, reference: &Reference) -> String {
        let own = match service {
            "ssm" => "AWS_ENDPOINT_URL_SSM",
            _ => "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        };
        let set = |name| (self.var)(name).filter(|url| !url.is_empty());
        set(own).or_else(|| set("AWS_ENDPOINT_URL")).unwrap_or_else(|| {
            let china = if reference.partition == "aws-cn" { ".cn" } else { "" };
            format!("https://{service}.{}.amazonaws.com{china}/", reference.region)
        })
    }

    fn sign(&self, request: &mut Request<Bytes>, service: &str, region: &str) -> Result<(), Trouble> {
        let set = |name| (self.var)(name).filter(|value| !value.is_empty());
        let (Some(id), Some(key)) = (set("AWS_ACCESS_KEY_ID"), set("AWS_SECRET_ACCESS_KEY")) else {
            return Err(Trouble::NoCredentials);
        };
        let identity = Credentials::new(id, key, set("AWS_SESSION_TOKEN"), None, "environment").into();
        let failed = |error: &dyn std::fmt::Display| Trouble::Request(error.to_string());
        let parameters: SigningParams<'_> = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(UNIX_EPOCH + self.clock.now().since(Timestamp::default()))
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let uri = request.uri().to_string();
        let headers =
            request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new("POST", uri, headers, SignableBody::Bytes(request.body()))
            .map_err(|error| failed(&error))?;
        let (instructions, _) = sign(signable, &parameters).map_err(|error| failed(&error))?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }

    /// Returns a random part of `pause` (full jitter).
    fn part_of(&self, pause: Duration) -> Duration {
        let [byte] = self.entropy.bytes().unwrap_or([u8::MAX]);
        pause * u32::from(byte) / u32::from(u8::MAX)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SecretValue {
    secret_string: Option<SecretString>,
    secret_binary: Option<SecretString>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ParameterResponse {
    parameter: ParameterValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ParameterValue {
    value: SecretString,
}

/// Returns the value in the response. An error repeats no text of the response except the name of the
/// service's own error.
fn value(response: &Response<Bytes>, reference: &Reference) -> Result<SecretString, Attempt> {
    if response.status() != StatusCode::OK {
        return Err(refusal(response));
    }
    let garbage = |_| Attempt::Again(Trouble::Garbage);
    match &reference.what {
        What::Parameter => {
            let answer: ParameterResponse = serde_json::from_slice(response.body()).map_err(garbage)?;
            Ok(answer.parameter.value)
        }
        What::Secret { json_key, .. } => {
            let answer: SecretValue = serde_json::from_slice(response.body()).map_err(garbage)?;
            let whole = whole(answer).ok_or(Attempt::Never(Trouble::Garbage))?;
            match json_key {
                None => Ok(whole),
                Some(key) => {
                    member(&whole, key).ok_or_else(|| Attempt::Never(Trouble::NoMember(key.clone())))
                }
            }
        }
    }
}

fn whole(answer: SecretValue) -> Option<SecretString> {
    use secrecy::ExposeSecret;
    answer.secret_string.or_else(|| {
        // Binary secrets come in base64, which is also how a setting with bytes is written.
        let text = answer.secret_binary?;
        BASE64_STANDARD.decode(text.expose_secret()).ok()?;
        Some(text)
    })
}

fn member(json: &SecretString, key: &str) -> Option<SecretString> {
    use secrecy::ExposeSecret;
    let mut members: std::collections::HashMap<String, Value> =
        serde_json::from_str(json.expose_secret()).ok()?;
    match members.remove(key)? {
        Value::String(text) => Some(text.into()),
        Value::Number(number) => Some(number.to_string().into()),
        _ => None,
    }
}

#[derive(Deserialize)]
struct ErrorResponse {
    #[serde(rename = "__type", default)]
    kind: String,
}

/// Returns the meaning of an error response.
fn refusal(response: &Response<Bytes>) -> Attempt {
    let named: Option<ErrorResponse> = serde_json::from_slice(response.body()).ok();
    let kind = named.map(|answer| answer.kind).unwrap_or_default();
    let kind = kind.rsplit('#').next().unwrap_or_default();
    match kind {
        "AccessDeniedException" | "AccessDenied" => Attempt::Never(Trouble::Denied),
        "ResourceNotFoundException" | "ParameterNotFound" | "ParameterVersionNotFound" => {
            Attempt::Never(Trouble::Missing)
        }
        "ThrottlingException" | "Throttling" | "InternalServiceError" | "InternalServerError" => {
            Attempt::Again(Trouble::Refused(kind.to_owned()))
        }
        _ => {
            let plain =
                !kind.is_empty() && kind.len() < 80 && kind.bytes().all(|b| b.is_ascii_alphanumeric());
            let text = if plain { kind.to_owned() } else { format!("status {}", response.status().as_u16()) };
            let trouble = Trouble::Refused(text);
            if response.status().is_server_error() {
                Attempt::Again(trouble)
            } else {
                Attempt::Never(trouble)
            }
        }
    }
}
