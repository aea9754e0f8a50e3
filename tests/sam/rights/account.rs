//! What owners do to their accounts.

use http::Method;
use latchkey_testkit::TestRequest;
use latchkey_tests::support::{PASSWORD, credentials, sign_up};
use serde_json::{Value, json};

use super::providers::{token, vouch};
use super::{Deployment, delete};

fn change(current: &str) -> Value {
    json!({ "current_password": current, "new_password": "lantern orchard mosaic", "transport": "bearer" })
}

/// An administrator, and somebody who came by a provider and has a handle, each until they leave.
pub async fn own_account(all: &Deployment) {
    let heidi = sign_up(&all.outside, "heidi@example.com").await;
    all.operate(json!({ "command": "grant", "id": heidi.id, "role": "admin" })).await;
    let wrong = TestRequest::post("/v1/password/change", &change("not the password at all"));
    assert_eq!(all.send("Account", wrong.bearer(&heidi.access)).await.code(), "wrong_password");
    let right = TestRequest::post("/v1/password/change", &change(PASSWORD));
    let heidi = all.ask("Account", right.bearer(&heidi.access)).await;
    let heidi = heidi["access_token"].as_str().expect("a token").to_owned();
    vouch(all, "ivan", "ivan@example.com", "Ivan");
    let ivan = token(all).await;
    let rename = TestRequest::new(Method::PATCH, "/v1/me").json(&json!({ "name": "Ivan the Second" }));
    all.ask("Account", rename.bearer(&ivan)).await;
    for leaver in [&heidi, &ivan] {
        all.ask("Account", TestRequest::get("/v1/me").bearer(leaver)).await;
        assert_eq!(all.send("Account", delete("/v1/me").bearer(leaver)).await.status, 204);
    }
    // The address is free.
    all.ask("Signup", TestRequest::post("/v1/signup", &credentials("heidi@example.com", PASSWORD))).await;
}
