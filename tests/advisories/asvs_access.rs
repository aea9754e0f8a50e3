//! OWASP ASVS 5.0, V8: who may do what to what; V2 and V16.5: what happens when a part fails.

use http::Method;
use latchkey_testkit::{Call, Fault, TestApp, TestRequest};
use latchkey_tests::support::{PASSWORD, admin, credentials, grant, make_role, open_app, sign_in, sign_up};
use serde_json::json;

#[tokio::test]
async fn asvs_8_2_2_and_ghsa_4vcf_q4xf_f48m_nobody_reaches_what_is_another_users() {
    let app = open_app();
    let victim = sign_up(&app, "victim@example.com").await;
    let attacker = sign_up(&app, "attacker@example.com").await;
    let operations = latchkey_all::function();
    let by_id = operations.operations().iter().filter(|operation| operation.path.contains("{id}"));
    let mut seen = 0;
    for operation in by_id {
        for id in [&victim.session, &victim.id] {
            let path =
                operation.path.replace("{id}", id).replace("{name}", "user").replace("{provider}", "github");
            let request = TestRequest::new(operation.method.clone(), &path);
            let takes_a_body = operation.method == Method::PATCH;
            let request = if takes_a_body { request.json(&json!({ "status": "disabled" })) } else { request };
            let answer = app.send(request.bearer(&attacker.access)).await;
            assert!(
                [403, 404].contains(&answer.status.as_u16()),
                "{} {path}: {}",
                operation.method,
                answer.status
            );
            seen += 1;
        }
    }
    assert!(seen >= 12, "{seen}");
    assert_eq!(app.send(TestRequest::get("/v1/session").bearer(&victim.access)).await.status, 200);
    let refresh = TestRequest::post("/v1/token/refresh", &json!({ "refresh_token": victim.refresh }));
    assert_eq!(app.send(refresh).await.status, 200);
}

/// Members that no client may set, with values that it would like to.
fn wishes(id: &str) -> serde_json::Value {
    json!({
        "id": id, "user_id": id, "userId": id, "sub": id, "sid": id, "role": "admin", "roles": ["admin"], "permissions": ["*"],
        "is_admin": true, "admin": true, "email_verified": true, "emailVerified": true, "verified": true, "status": "active",
        "epoch": 7, "created_at": "1999-01-01T00:00:00Z", "user": { "id": id, "roles": ["admin"], "email_verified": true },
        "session": { "id": id }, "expires_in": 999_999, "actor": "operator", "__proto__": { "admin": true },
    })
}

fn merged(mut body: serde_json::Value, more: &serde_json::Value) -> serde_json::Value {
    for (name, value) in more.as_object().unwrap().clone() {
        body.as_object_mut().unwrap().entry(name).or_insert(value);
    }
    body
}

#[tokio::test]
async fn asvs_8_2_3_and_cve_2026_27946_mass_assignment_at_sign_up_and_sign_in() {
    let app = open_app();
    let admin = admin(&app).await;
    let good = credentials("user@example.com", PASSWORD);
    for path in ["/v1/signup", "/v1/signin"] {
        for (name, value) in wishes(&admin.id).as_object().unwrap().clone() {
            let answer = app
                .send(TestRequest::post(path, &merged(good.clone(), &json!({ name.clone(): value }))))
                .await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (422, "invalid_request"),
                "{path} {name}"
            );
        }
        let answer = app.send(TestRequest::post(path, &good)).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.json());
        let user = &answer.json()["user"];
        assert_eq!((&user["roles"], &user["email_verified"]), (&json!(["user"]), &json!(false)), "{path}");
        assert_eq!(answer.json()["expires_in"], 900, "{path}");
    }
}

#[tokio::test]
async fn asvs_8_2_3_mass_assignment_by_an_administrator() {
    let app = open_app();
    let admin = admin(&app).await;
    let user = sign_up(&app, "user@example.com").await;
    let path = format!("/v1/users/{}", user.id);
    let ask = |body| app.send(TestRequest::new(Method::PATCH, &path).json(&body).bearer(&admin.access));
    let mut wishes = wishes(&admin.id);
    wishes["email"] = json!("other@example.com");
    for (name, value) in wishes.as_object().unwrap().clone() {
        let answer = ask(merged(json!({ "status": "active" }), &json!({ name.clone(): value }))).await;
        assert_eq!(answer.status, if name == "status" { 200 } else { 422 }, "{name}");
    }
    let changed = ask(json!({ "status": "active" })).await.json();
    assert_eq!(changed["id"], user.id.as_str());
    assert_eq!((&changed["email"], &changed["email_verified"]), (&json!("user@example.com"), &json!(false)));
    assert_eq!(changed["roles"], json!(["user"]));
}

#[tokio::test]
async fn cve_2025_61928_identity_in_the_body_never_overrides_the_session() {
    let app = open_app();
    let admin = admin(&app).await;
    let user = sign_up(&app, "user@example.com").await;
    let ids =
        |id: &str| json!({ "id": id, "user": id, "user_id": id, "userId": id, "sub": id, "session_id": id });
    for operation in latchkey_all::function().operations() {
        if operation.access == latchkey_http::Access::Public {
            continue;
        }
        let path = operation
            .path
            .replace("{id}", &user.session)
            .replace("{name}", "user")
            .replace("{provider}", "github");
        let query = format!("{path}?user_id={0}&userId={0}&sub={0}", admin.id);
        for request in [
            TestRequest::new(operation.method.clone(), &path).json(&ids(&admin.id)),
            TestRequest::new(operation.method.clone(), &query)
                .header("x-user-id", &admin.id)
                .header("x-latchkey-user", &admin.id)
                .header("x-latchkey-roles", "admin"),
        ] {
            let code = app.send(request).await.code();
            assert!(
                ["not_signed_in", "invalid_request"].contains(&code.as_str()),
                "{} {path}",
                operation.method
            );
        }
    }
    let check = merged(json!({ "permission": "users:delete" }), &ids(&admin.id));
    let answer = app.send(TestRequest::post("/v1/permissions/check", &check).bearer(&user.access)).await;
    assert_eq!(answer.status, 422);
    let sign_out = TestRequest::post("/v1/signout/all", &ids(&admin.id)).bearer(&user.access);
    assert_eq!(app.send(sign_out).await.status, 422);
    assert_eq!(app.send(TestRequest::get("/v1/session").bearer(&admin.access)).await.status, 200);
}

#[tokio::test]
async fn asvs_8_3_1_and_4_1_3_rights_come_from_the_server_only() {
    let app = open_app();
    admin(&app).await;
    let user = sign_up(&app, "user@example.com").await;
    for (name, value) in [
        ("x-latchkey-roles", "admin"),
        ("x-roles", "admin"),
        ("x-user-role", "admin"),
        ("x-original-url", "/v1/session"),
        ("x-rewrite-url", "/v1/session"),
        ("x-http-method-override", "GET"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-user", "admin@example.com"),
        ("x-middleware-subrequest", "middleware"),
        ("cookie", "role=admin"),
    ] {
        let answer = app.send(TestRequest::get("/v1/users").bearer(&user.access).header(name, value)).await;
        assert_eq!(answer.code(), "permission_denied", "{name}");
    }
}

#[tokio::test]
async fn an_administrator_gives_nobody_more_than_they_have() {
    let app = open_app();
    let admin = admin(&app).await;
    let manager = sign_up(&app, "manager@example.com").await;
    make_role(&app, "manager", &["roles:manage", "users:update", "users:delete"]).await;
    make_role(&app, "everything", &["*"]).await;
    grant(&app, &manager, "manager").await;
    let put = |path: String, body: serde_json::Value| TestRequest::new(Method::PUT, &path).json(&body);
    for (what, request) in [
        ("a role", put("/v1/roles/new".into(), json!({ "permissions": ["users:read"] }))),
        ("a wildcard", put("/v1/roles/new".into(), json!({ "permissions": ["roles:*"] }))),
        ("an include", put("/v1/roles/new".into(), json!({ "includes": ["admin"] }))),
        ("their own role", put("/v1/roles/manager".into(), json!({ "permissions": ["*"] }))),
        ("everybody's role", put("/v1/roles/user".into(), json!({ "permissions": ["system:admin"] }))),
        ("less for those above", put("/v1/roles/everything".into(), json!({ "permissions": [] }))),
        ("a grant to themselves", put(format!("/v1/users/{}/roles/admin", manager.id), json!({}))),
        ("a wildcard to themselves", put(format!("/v1/users/{}/roles/everything", manager.id), json!({}))),
        (
            "taking from those above",
            TestRequest::new(Method::DELETE, &format!("/v1/users/{}/roles/admin", admin.id)),
        ),
        ("deleting those above", TestRequest::new(Method::DELETE, &format!("/v1/users/{}", admin.id))),
        (
            "signing out those above",
            TestRequest::new(Method::DELETE, &format!("/v1/users/{}/sessions", admin.id)),
        ),
        (
            "disabling those above",
            TestRequest::new(Method::PATCH, &format!("/v1/users/{}", admin.id))
                .json(&json!({ "status": "disabled" })),
        ),
        ("deleting the role of those above", TestRequest::new(Method::DELETE, "/v1/roles/everything")),
    ] {
        let answer = app.send(request.bearer(&manager.access)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (403, "beyond_authority"),
            "{what}: {}",
            answer.json()
        );
    }
}

#[tokio::test]
async fn asvs_2_3_3_a_sign_up_happens_whole_or_not_at_all() {
    let app = open_app();
    sign_up(&app, "first@example.com").await;
    app.table.faults.add(Fault::unavailable().on(Call::Commit).times(1));
    let sign_up = || TestRequest::post("/v1/signup", &credentials("user@example.com", PASSWORD));
    assert_eq!(app.send(sign_up()).await.status, 503);
    let signin = TestRequest::post("/v1/signin", &credentials("user@example.com", PASSWORD));
    assert_eq!(app.send(signin).await.code(), "invalid_credentials", "nothing was made");
    assert_eq!(app.send(sign_up()).await.status, 201, "the address is not burnt");
}

#[tokio::test]
async fn asvs_16_5_2_and_ghsa_8fpg_xm3f_6cx3_when_the_store_fails_nobody_is_let_in() {
    let app = open_app();
    let admin = admin(&app).await;
    app.table.faults.add(Fault::unavailable().times(100_000));
    let operations = latchkey_all::function();
    for operation in
        operations.operations().iter().filter(|o| matches!(o.access, latchkey_http::Access::Permission(_)))
    {
        let path = operation
            .path
            .replace("{id}", &admin.id)
            .replace("{name}", "user")
            .replace("{provider}", "github");
        let request = TestRequest::new(operation.method.clone(), &path).json(&json!({ "status": "active" }));
        let answer = app.send(request.bearer(&admin.access)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (503, "unavailable"),
            "{} {path}",
            operation.method
        );
        assert!(!answer.header("retry-after").is_empty());
    }
    for (path, body) in [
        ("/v1/signin", credentials("admin@example.com", PASSWORD)),
        ("/v1/signin", credentials("admin@example.com", "wrong password")),
        ("/v1/signup", credentials("new@example.com", PASSWORD)),
        ("/v1/token/refresh", json!({ "refresh_token": admin.refresh })),
    ] {
        let answer = app.send(TestRequest::post(path, &body)).await;
        assert_eq!(answer.status, 503, "{path}: a failure of the store is nobody's wrong password");
    }
    app.table.faults.clear();
    let refresh = TestRequest::post("/v1/token/refresh", &json!({ "refresh_token": admin.refresh }));
    assert_eq!(app.send(refresh).await.status, 200, "the family was not revoked by a fault");
}

#[tokio::test]
async fn ghsa_8fpg_xm3f_6cx3_under_another_secret_nobody_is_let_in() {
    let app = open_app();
    let user = sign_up(&app, "user@example.com").await;
    let misconfigured = TestApp::builder()
        .table(app.services.ports.table.clone())
        .var("LATCHKEY_SECRET", "hN2YpD9sVw4zTq8LmKx1Rb7Jc5Gf3Ea6Uo0iZtPyQdM=")
        .build(latchkey_all::function());
    for (request, refusal) in [
        (TestRequest::get("/v1/session").bearer(&user.access), (503, "unavailable")),
        (TestRequest::get("/.well-known/jwks.json"), (503, "unavailable")),
        (TestRequest::post("/v1/signin", &credentials("user@example.com", PASSWORD)), (503, "unavailable")),
    ] {
        let answer = misconfigured.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), refusal);
        let text = String::from_utf8(answer.body).unwrap();
        assert!(!text.contains("LATCHKEY_SECRET") && !text.contains("seal"), "{text}");
    }
    assert_eq!(app.send(TestRequest::get("/v1/session").bearer(&user.access)).await.status, 200);
}

#[tokio::test]
async fn asvs_16_5_1_a_failure_tells_nothing_of_the_inside() {
    let app = open_app();
    let user = sign_in(&app, {
        sign_up(&app, "user@example.com").await;
        "user@example.com"
    })
    .await;
    app.table.faults.add(Fault::unavailable().times(1000));
    for request in [
        TestRequest::new(Method::POST, "/v1/signout").bearer(&user.access),
        TestRequest::post("/v1/signin", &credentials("user@example.com", PASSWORD)),
        TestRequest::get("/health"),
    ] {
        let text = String::from_utf8(app.send(request).await.body).unwrap().to_lowercase();
        for word in ["sqlite", "panic", "src/", ".rs", "partition", "select", "argon2", "0x", "unavailable("]
        {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
}
