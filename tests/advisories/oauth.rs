//! The trip to a provider and back: what a client may say of it, and when.

use latchkey_testkit::pkce::{CHALLENGE, VERIFIER};
use latchkey_testkit::provider::{CLIENT_ID, ISSUER};
use latchkey_testkit::{TestRequest, World, query};
use serde_json::{Value, json};
use url::Url;

const APP: &str = "com.example.app:/in";

/// A service with one provider and one app.
fn world() -> World {
    World::new(latchkey_all::function(), |app| {
        app.var("LATCHKEY_LIMITS", "off").var("LATCHKEY_APP_REDIRECTS", APP)
    })
}

fn start(parameters: &[(&str, &str)]) -> TestRequest {
    TestRequest::get(&format!("/v1/oauth/acme/start?{}", query(parameters)))
}

/// A one-time code, as it comes to the app.
async fn code(world: &World) -> String {
    let mut browser = world.browser();
    let asked = query(&[("redirect_to", APP), ("code_challenge", CHALLENGE)]);
    let granted = world.provider.authorize(&browser.start("acme", &asked).await);
    let answer = browser.come_back("acme", &granted).await;
    answer.header("location").strip_prefix(&format!("{APP}?code=")).expect("a code").to_owned()
}

async fn exchange(world: &World, body: &Value) -> (u16, String) {
    let answer = world.app.send(TestRequest::post("/v1/oauth/exchange", body)).await;
    (answer.status.as_u16(), answer.code())
}

/// What a client adds to the start, or a provider's answer to a form, asks the provider for nothing else: the flow is always the
/// code flow, of our client, back to our address.
#[tokio::test]
async fn cve_2026_7571_no_parameter_of_a_client_changes_the_flow() {
    let world = world();
    let wishes = [
        ("response_type", "id_token token"),
        ("response_mode", "fragment"),
        ("client_id", "evil"),
        ("redirect_uri", "https://evil.example/"),
        ("scope", "everything"),
        ("state", "chosen"),
        ("nonce", "chosen"),
        ("request_uri", "https://evil.example/request"),
    ];
    for wish in wishes {
        let answer = world.app.send(start(&[wish])).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_request"), "{wish:?}");
    }
    let mut browser = world.browser();
    let location = browser.start("acme", "").await;
    let asked: Vec<(String, String)> = Url::parse(&location).unwrap().query_pairs().into_owned().collect();
    let is = |name: &str, value: &str| {
        let found: Vec<_> =
            asked.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect();
        assert_eq!(found, [value], "{name}");
    };
    is("response_type", "code");
    is("client_id", CLIENT_ID);
    is("redirect_uri", "https://auth.example.com/v1/oauth/acme/callback");
    is("scope", "openid email profile");
    for (name, value) in wishes {
        assert!(!asked.contains(&(name.to_owned(), value.to_owned())), "{name}");
    }
    // Tokens in the answer in place of a code are no answer.
    let granted = world.provider.authorize(&location);
    let tokens =
        [("access_token", "x"), ("id_token", "x.y.z"), ("state", granted.state.as_str()), ("iss", ISSUER)];
    let answer = browser.callback("acme", &tokens).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_code"));
}

/// Where the browser goes was checked when it left, and rests sealed: nothing that comes back with it is trusted again.
#[tokio::test]
async fn workers_oauth_provider_pr_92_and_openauth_pr_305_the_return_names_no_place() {
    let world = world();
    for elsewhere in ["https://evil.example/", "JaVaScRiPt:alert(1)", "https:evil.example"] {
        let mut browser = world.browser();
        let location = browser.start("acme", &query(&[("redirect_to", "/welcome")])).await;
        let granted = world.provider.authorize(&location);
        let own = [("code", granted.code.as_str()), ("state", &granted.state), ("iss", ISSUER)];
        let wishes = [("redirect_to", elsewhere), ("redirect_uri", elsewhere)];
        let answer = browser.callback("acme", &[&own[..], &wishes].concat()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (303, "https://app.example.com/welcome")
        );
    }
}

/// Checked where the flow begins, and again where the code is exchanged.
#[tokio::test]
async fn cve_2025_4143_the_place_of_a_code_is_checked_at_both_ends() {
    let world = world();
    for place in ["com.example.app:/other", "https://evil.example/in"] {
        let asked = start(&[("redirect_to", place), ("code_challenge", CHALLENGE)]);
        let answer = world.app.send(asked).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_redirect"), "{place}");
    }
    let body =
        |code: &str, place: &str| json!({ "code": code, "code_verifier": VERIFIER, "redirect_to": place });
    let refused = (401, "invalid_signin_code".to_owned());
    assert_eq!(exchange(&world, &body(&code(&world).await, "https://evil.example/in")).await, refused);
    assert_eq!(exchange(&world, &body(&code(&world).await, APP)).await, (200, String::new()));
}

/// A code without a verifier and a verifier without a challenge both come to nothing.
#[tokio::test]
async fn cve_2025_4144_pkce_cannot_be_left_out_at_either_end() {
    let world = world();
    let without = exchange(&world, &json!({ "code": code(&world).await })).await;
    assert_eq!(without, (422, "invalid_request".to_owned()));
    let refused = (401, "invalid_signin_code".to_owned());
    for verifier in ["", CHALLENGE, &"x".repeat(43)] {
        let body = json!({ "code": code(&world).await, "code_verifier": verifier });
        assert_eq!(exchange(&world, &body).await, refused, "{verifier}");
    }
    // Without a challenge no code is given that a verifier could go with: not to an app, and to a page only cookies.
    let answer = world.app.send(start(&[("redirect_to", APP)])).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_redirect"));
    let mut browser = world.browser();
    let location = browser.start("acme", &query(&[("redirect_to", "/welcome")])).await;
    let answer = browser.come_back("acme", &world.provider.authorize(&location)).await;
    assert_eq!(answer.header("location"), "https://app.example.com/welcome");
}
