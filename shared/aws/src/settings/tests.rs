use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use latchkey_core::port::{Fetch, FetchError};
use latchkey_testkit::{SeededEntropy, TestClock};
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:latchkey-AbCdEf";
const PARAMETER: &str = "arn:aws:ssm:eu-west-1:123456789012:parameter/latchkey/token";
const VALUE: &str = "the value that nobody may see";

/// Both services in memory. They return the given responses one after the other, and repeat the last one.
struct StandIn {
    answers: Mutex<Vec<Result<(u16, Value), FetchError>>>,
    requests: Mutex<Vec<Request<Bytes>>>,
}

impl StandIn {
    fn new(answers: Vec<Result<(u16, Value), FetchError>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers), requests: Mutex::default() })
    }

    fn requests(&self) -> Vec<Request<Bytes>> {
        self.requests.lock().unwrap().clone()
    }
}

#[async_trait]
impl Fetch for StandIn {
    async fn fetch(&self, request: Request<Bytes>, _: Duration) -> Result<Response<Bytes>, FetchError> {
        self.requests.lock().unwrap().push(request);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        answer.map(|(status, body)| {
            let mut response = Response::new(Bytes::from(body.to_string()));
            *response.status_mut() = status.try_into().unwrap();
            response
        })
    }
}

fn var(vars: &[(&str, &str)]) -> Var {
    let own: Vec<(String, String)> = vars.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Arc::new(move |name| own.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone()))
}

const CREDENTIALS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "the key of the function's role"),
    ("AWS_SESSION_TOKEN", "session-token"),
];

fn aws(stand_in: &Arc<StandIn>, vars: &[(&str, &str)]) -> Aws {
    Aws {
        fetch: Arc::<StandIn>::clone(stand_in),
        clock: Arc::new(TestClock::new()),
        entropy: Arc::new(SeededEntropy::new(1)),
        var: var(&[vars, &CREDENTIALS].concat()),
    }
}

fn reader(var: &dyn Fn(&str) -> Option<String>) {
    // This imitates a configuration that reads some variables only if others are valid.
    if var("FIRST").is_some_and(|value| !value.starts_with("arn:")) {
        let _ = var("SECOND");
    }
}

async fn read(stand_in: &Arc<StandIn>, vars: &[(&str, &str)]) -> Result<LambdaSettings, Mistakes> {
    LambdaSettings::read(&var(vars), reader, &aws(stand_in, &[])).await
}

#[expect(clippy::unnecessary_wraps, reason = "it stands among answers that fail")]
fn secret(text: &str) -> Result<(u16, Value), FetchError> {
    Ok((
        200,
        json!({ "ARN": SECRET, "Name": "latchkey", "SecretString": text, "VersionStages": ["AWSCURRENT"] }),
    ))
}

#[expect(clippy::unnecessary_wraps, reason = "it stands among answers that fail")]
fn refused(status: u16, kind: &str) -> Result<(u16, Value), FetchError> {
    Ok((status, json!({ "__type": kind, "Message": format!("about {VALUE}") })))
}

#[tokio::test]
async fn values_cost_no_request() {
    let stand_in = StandIn::new(vec![secret(VALUE)]);
    let settings = read(&stand_in, &[("FIRST", "one"), ("SECOND", "two"), ("THIRD", SECRET)]).await.unwrap();
    assert_eq!(settings.get("FIRST").as_deref(), Some("one"));
    assert_eq!(settings.get("THIRD").as_deref(), Some(SECRET), "nobody reads it as a setting");
    assert!(!settings.has_references());
    assert_eq!(stand_in.requests().len(), 0);
}

#[tokio::test]
async fn a_secret_is_asked_for_by_a_signed_request() {
    let stand_in = StandIn::new(vec![secret(VALUE)]);
    let settings = read(&stand_in, &[("FIRST", SECRET)]).await.unwrap();
    assert_eq!(settings.get("FIRST").as_deref(), Some(VALUE));
    assert!(settings.has_references());
    let request = &stand_in.requests()[0];
    assert_eq!(request.uri(), "https://secretsmanager.eu-central-1.amazonaws.com/");
    assert_eq!(request.headers()["x-amz-target"], "secretsmanager.GetSecretValue");
    assert_eq!(request.headers()["x-amz-security-token"], "session-token");
    assert_eq!(serde_json::from_slice::<Value>(request.body()).unwrap(), json!({ "SecretId": SECRET }));
    let authorization = request.headers()["authorization"].to_str().unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{authorization}");
    assert!(authorization.contains("/eu-central-1/secretsmanager/aws4_request"), "{authorization}");
    assert!(authorization.contains("x-amz-target"), "{authorization}");
}

#[tokio::test]
async fn a_parameter_comes_decrypted() {
    let stand_in =
        StandIn::new(vec![Ok((200, json!({ "Parameter": { "Value": VALUE, "Type": "SecureString" } })))]);
    let settings = read(&stand_in, &[("FIRST", PARAMETER)]).await.unwrap();
    assert_eq!(settings.get("FIRST").as_deref(), Some(VALUE));
    let request = &stand_in.requests()[0];
    assert_eq!(request.uri(), "https://ssm.eu-west-1.amazonaws.com/");
    assert_eq!(request.headers()["x-amz-target"], "AmazonSSM.GetParameter");
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(body, json!({ "Name": PARAMETER, "WithDecryption": true }));
}

#[tokio::test]
async fn what_is_read_after_a_reference_may_be_one_too() {
    let stand_in = StandIn::new(vec![secret("one"), secret("two")]);
    let settings = read(&stand_in, &[("FIRST", SECRET), ("SECOND", SECRET)]).await.unwrap();
    assert_eq!(settings.get("SECOND").as_deref(), Some("two"));
}

#[tokio::test]
async fn a_member_of_a_json_secret() {
    let stand_in = StandIn::new(vec![secret(r#"{"token":"abc","port":6379,"list":[]}"#)]);
    for (key, expected) in [("token", "abc"), ("port", "6379")] {
        let settings = read(&stand_in, &[("FIRST", &format!("{SECRET}:{key}::"))]).await.unwrap();
        assert_eq!(settings.get("FIRST").as_deref(), Some(expected));
    }
    for key in ["list", "absent"] {
        let mistakes = read(&stand_in, &[("FIRST", &format!("{SECRET}:{key}::"))]).await.err().unwrap();
        assert!(mistakes.to_string().contains(&format!("no member `{key}`")), "{mistakes}");
    }
}

#[tokio::test]
async fn endpoints_of_ones_own() {
    for (name, arn) in [
        ("AWS_ENDPOINT_URL_SSM", PARAMETER),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", SECRET),
        ("AWS_ENDPOINT_URL", SECRET),
    ] {
        let stand_in = StandIn::new(vec![secret(VALUE)]);
        let aws = aws(&stand_in, &[(name, "http://127.0.0.1:4566/")]);
        let _ = LambdaSettings::read(&var(&[("FIRST", arn)]), reader, &aws).await;
        assert_eq!(stand_in.requests()[0].uri(), "http://127.0.0.1:4566/", "{name}");
    }
}

#[tokio::test]
async fn what_is_wrong_names_the_variable_the_reference_and_the_fix_and_no_value() {
    for (answer, expected) in [
        (refused(400, "AccessDeniedException"), "allow secretsmanager:GetSecretValue"),
        (refused(400, "com.amazonaws.secretsmanager#ResourceNotFoundException"), "does not exist; create it"),
        (refused(400, "InvalidRequestException"), "(InvalidRequestException)"),
        (refused(400, VALUE), "(status 400)"),
        (Ok((200, json!({ "SecretString": [VALUE] }))), "unreadable"),
        (Ok((200, json!({ "Name": VALUE }))), "unreadable"),
    ] {
        let mistakes = read(&StandIn::new(vec![answer]), &[("FIRST", SECRET)]).await.err().unwrap();
        let [line] = mistakes.lines() else { panic!("{mistakes:?}") };
        assert!(line.starts_with("FIRST: ") && line.contains(SECRET), "{line}");
        assert!(line.contains(expected) && !line.contains(VALUE), "{line}");
    }
}

#[tokio::test]
async fn other_arns_and_missing_credentials_are_told_without_a_request() {
    let stand_in = StandIn::new(vec![secret(VALUE)]);
    let mistakes = read(&stand_in, &[("FIRST", "arn:aws:s3:::bucket")]).await.err().unwrap();
    assert!(mistakes.to_string().starts_with("FIRST: begins with `arn:`"), "{mistakes}");
    let mut aws = aws(&stand_in, &[]);
    aws.var = var(&[]);
    let mistakes = LambdaSettings::read(&var(&[("FIRST", SECRET)]), reader, &aws).await.err().unwrap();
    assert!(mistakes.to_string().contains("AWS_ACCESS_KEY_ID"), "{mistakes}");
    assert_eq!(stand_in.requests().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_three_times_at_the_start_and_once_at_work() {
    for trouble in [
        refused(400, "ThrottlingException"),
        refused(500, "InternalServiceError"),
        Ok((503, Value::Null)),
        Err(FetchError::Timeout(Duration::from_secs(2))),
        Err(FetchError::Connection("refused".to_owned())),
    ] {
        let stand_in = StandIn::new(vec![trouble.clone(), trouble.clone(), secret(VALUE)]);
        assert!(read(&stand_in, &[("FIRST", SECRET)]).await.is_ok(), "{trouble:?}");
        let stand_in = StandIn::new(vec![trouble.clone()]);
        assert!(read(&stand_in, &[("FIRST", SECRET)]).await.is_err());
        assert_eq!(stand_in.requests().len(), 3);
        let stand_in = StandIn::new(vec![trouble]);
        assert!(
            LambdaSettings::read_once(&var(&[("FIRST", SECRET)]), reader, &aws(&stand_in, &[]))
                .await
                .is_err()
        );
        assert_eq!(stand_in.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_will_not_pass_is_asked_once() {
    let stand_in = StandIn::new(vec![refused(400, "AccessDeniedException")]);
    assert!(read(&stand_in, &[("FIRST", SECRET)]).await.is_err());
    assert_eq!(stand_in.requests().len(), 1);
}
