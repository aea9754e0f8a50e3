//! What people do with a provider, each step by the function that does it.

use http::header::SET_COOKIE;
use latchkey_testkit::pkce::{CHALLENGE, VERIFIER};
use latchkey_testkit::provider::ISSUER;
use latchkey_testkit::{TestRequest, TestResponse};
use latchkey_tests::support::{Person, grant, make_role, sign_up};
use serde_json::{Value, json};
use url::Url;

use super::{Deployment, delete, put};

/// Whoever the provider vouches for from now on.
pub fn vouch(all: &Deployment, subject: &str, email: &str, name: &str) {
    let mut provider = all.provider.edit();
    provider.claims["sub"] = json!(subject);
    provider.claims["email"] = json!(email);
    provider.claims["name"] = json!(name);
}

/// The cookie of the trip that `begun` began.
fn authorization_cookie(begun: &TestResponse) -> String {
    let cookies = begun.headers.get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
    let cookie = cookies.filter_map(|cookie| cookie.split(';').next()).find(|c| c.contains("-oauth-"));
    cookie.expect("a cookie for the trip").to_owned()
}

async fn come_back(all: &Deployment, location: &str, cookie: &str) -> TestResponse {
    let granted = all.provider.authorize(location);
    let query = [("code", granted.code.as_str()), ("state", &granted.state), ("iss", ISSUER)];
    let url = Url::parse_with_params("https://x/v1/oauth/acme/callback", query).expect("a URL");
    let path = format!("{}?{}", url.path(), url.query().expect("a query"));
    all.send("OauthCallback", TestRequest::get(&path).header("cookie", cookie)).await
}

/// To the provider and back.
async fn enter(all: &Deployment, query: &str) -> TestResponse {
    let start = TestRequest::get(&format!("/v1/oauth/acme/start?{query}"));
    let begun = all.send("OauthStart", start).await;
    assert_eq!(begun.status, 303, "{}", begun.json());
    come_back(all, begun.header("location"), &authorization_cookie(&begun)).await
}

/// The access token of whoever the provider vouches for: as an app gets it.
pub async fn token(all: &Deployment) -> String {
    let code = code(all).await;
    let exchange = json!({ "code": code, "code_verifier": VERIFIER });
    let answer = all.ask("OauthCallback", TestRequest::post("/v1/oauth/exchange", &exchange)).await;
    answer["access_token"].as_str().expect("a token").to_owned()
}

async fn code(all: &Deployment) -> String {
    let query = format!("redirect_to=com.example.app:/in&code_challenge={CHALLENGE}");
    let answer = enter(all, &query).await;
    let (_, code) = answer.header("location").split_once("code=").expect("a code");
    code.to_owned()
}

async fn link(all: &Deployment, access: &str) -> TestResponse {
    let begun = all.send("Identities", TestRequest::post("/v1/oauth/acme/link", &json!({})).bearer(access));
    let begun = begun.await;
    come_back(all, &begun.text("location"), &authorization_cookie(&begun)).await
}

/// Somebody new, known, renamed and refused, in a browser and in an app, and a code that comes again.
async fn sign_ins(all: &Deployment) {
    vouch(all, "carol", "carol@example.com", "Carol");
    let first = enter(all, "").await;
    assert_eq!(first.status, 303, "{}", first.json());
    let cookie = first.set_cookie("__Host-latchkey-access").and_then(|cookie| cookie.split(';').next());
    let cookie = format!("__Host-latchkey-access={}", cookie.expect("a session"));
    vouch(all, "carol", "carol@example.com", "Carol C.");
    // In place of the session that the browser has.
    let again = TestRequest::get("/v1/oauth/acme/start").header("cookie", &cookie);
    let again = all.send("OauthStart", again.header("sec-fetch-site", "same-origin")).await;
    let cookies = format!("{}; {cookie}", authorization_cookie(&again));
    // By then the keys are read again, to check the cookie.
    all.clock.advance(std::time::Duration::from_mins(6));
    assert_eq!(come_back(all, again.header("location"), &cookies).await.status, 303);
    let forged = TestRequest::get("/v1/oauth/acme/callback?code=x&state=y");
    assert_eq!(all.send("OauthCallback", forged).await.code(), "invalid_state");
    vouch(all, "mallory", "carol@example.com", "Mallory");
    assert_eq!(enter(all, "").await.code(), "account_exists");
    // An account that never proved the address gives way.
    let erin = sign_up(&all.outside, "erin@example.com").await;
    vouch(all, "frida", "frida@gmail.example", "Frida");
    assert_eq!(link(all, &erin.access).await.status, 303);
    vouch(all, "erin", "erin@example.com", "Erin");
    assert_eq!(enter(all, "").await.status, 303);
    vouch(all, "carol", "carol@example.com", "Carol");
    let exchange = json!({ "code": code(all).await, "code_verifier": "x".repeat(43) });
    let refused = all.send("OauthCallback", TestRequest::post("/v1/oauth/exchange", &exchange)).await;
    assert_eq!(refused.code(), "invalid_signin_code");
    let exchange = json!({ "code": code(all).await, "code_verifier": VERIFIER });
    for code in ["", "invalid_signin_code"] {
        let answer = all.send("OauthCallback", TestRequest::post("/v1/oauth/exchange", &exchange)).await;
        assert_eq!(answer.code(), code);
    }
}

/// The account of `who` gets another way in, twice, and loses it.
async fn links(all: &Deployment, who: &Person) {
    vouch(all, "dora", "dora@gmail.example", "Dora");
    for _ in 0..2 {
        assert_eq!(link(all, &who.access).await.status, 303);
    }
    all.ask("Identities", TestRequest::get("/v1/identities").bearer(&who.access)).await;
    let unlink = all.send("Identities", delete("/v1/identities/acme").bearer(&who.access)).await;
    assert_eq!(unlink.status, 204);
}

/// A token of the provider's, for who may have it.
async fn act_for(all: &Deployment, user: &str) {
    let server = sign_up(&all.outside, "server@example.com").await;
    make_role(&all.outside, "mirror", &["identities:token"]).await;
    grant(&all.outside, &server, "mirror").await;
    let path = format!("/v1/identities/acme/token?user={user}");
    all.ask("Identities", TestRequest::new(http::Method::POST, &path).bearer(&server.access)).await;
}

/// What concerns accounts at large, of one that has an identity and a handle.
async fn accounts(all: &Deployment, admin: &str, user: &str) {
    for command in ["disable", "enable"] {
        all.operate(json!({ "command": command, "email": "carol@example.com" })).await;
    }
    let (from, to) = (ISSUER, "https://elsewhere.example");
    all.operate(json!({ "command": "move-identities", "provider": "acme", "from": from, "to": to })).await;
    all.operate(json!({ "command": "drop-identities", "provider": "acme", "issuer": to })).await;
    let by_admin = [
        TestRequest::new("PATCH".parse().expect("a method"), &format!("/v1/users/{user}"))
            .json(&json!({ "status": "disabled" })),
        put(&format!("/v1/users/{user}/roles/admin")),
        delete(&format!("/v1/users/{user}")),
    ];
    for request in by_admin {
        all.ask("Admin", request.bearer(admin)).await;
    }
}

/// All of it; `admin` is the token of one.
pub async fn providers(all: &Deployment, admin: &str) {
    sign_ins(all).await;
    let dora = sign_up(&all.outside, "dora@example.com").await;
    links(all, &dora).await;
    vouch(all, "carol", "carol@example.com", "Carol");
    let carol = token(all).await;
    let last = all.send("Identities", delete("/v1/identities/acme").bearer(&carol)).await;
    assert_eq!(last.code(), "last_way_in");
    let session: Value = all.ask("Session", TestRequest::get("/v1/session").bearer(&carol)).await;
    let user = session["user"]["id"].as_str().expect("an id");
    act_for(all, user).await;
    all.ask("Session", TestRequest::post("/v1/signout/all", &json!({})).bearer(&carol)).await;
    accounts(all, admin, user).await;
}
