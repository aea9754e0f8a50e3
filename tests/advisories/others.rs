//! Advisories of other systems that touch what is built here, and that nothing else in these tests covers.

use std::sync::Arc;

use http::Method;
use latchkey_core::Config;
use latchkey_core::config::Exposure;
use latchkey_testkit::{TestApp, TestRequest};
use latchkey_tests::support::{PASSWORD, admin, credentials, grant, make_role, open_app, sign_up};
use serde_json::{Value, json};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ghsa_392p_2q2v_4372_parallel_refreshes_do_not_fork_the_family() {
    let app = Arc::new(open_app());
    let user = sign_up(&app, "user@example.com").await;
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let (app, token) = (Arc::clone(&app), user.refresh.clone());
        tasks.spawn(async move {
            app.send(TestRequest::post("/v1/token/refresh", &json!({ "refresh_token": token }))).await
        });
    }
    let answers = tasks.join_all().await;
    let mut successors: Vec<_> = answers
        .iter()
        .filter(|answer| answer.status == 200)
        .map(|answer| answer.text("refresh_token"))
        .collect();
    assert!(answers.iter().all(|answer| [200, 503].contains(&answer.status.as_u16())));
    successors.sort();
    successors.dedup();
    assert_eq!(successors.len(), 1, "one family has one successor");
    let next = TestRequest::post("/v1/token/refresh", &json!({ "refresh_token": successors[0] }));
    assert_eq!(app.send(next).await.status, 200);
    app.clock.advance(std::time::Duration::from_secs(11));
    for token in [&user.refresh, &successors[0]] {
        let answer =
            app.send(TestRequest::post("/v1/token/refresh", &json!({ "refresh_token": token }))).await;
        assert_eq!(answer.code(), "invalid_refresh_token", "the replay ends all of it");
    }
}

#[tokio::test]
async fn ghsa_9h47_pqcx_hjr4_discovery_never_names_none() {
    let app = open_app();
    let document = app.send(TestRequest::get("/.well-known/openid-configuration")).await.json();
    assert_eq!(document["id_token_signing_alg_values_supported"], json!(["EdDSA", "ES256", "RS256"]));
    assert!(!document.to_string().to_lowercase().contains("none"));
    let keys = app.send(TestRequest::get("/.well-known/jwks.json")).await.json();
    for key in keys["keys"].as_array().expect("keys") {
        assert_eq!((&key["alg"], &key["use"]), (&json!("EdDSA"), &json!("sig")));
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key[private].is_null(), "{private} is published");
        }
    }
}

#[tokio::test]
async fn ghsa_3529_5m8x_rpv3_no_header_of_a_client_becomes_a_link() {
    let app = open_app();
    let request = TestRequest::get("/.well-known/openid-configuration")
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example")
        .header("x-forwarded-proto", "http")
        .header("forwarded", "host=evil.example")
        .header("origin", "https://evil.example");
    let answer = app.send(request).await;
    assert_eq!(answer.text("issuer"), "https://auth.example.com");
    assert_eq!(answer.text("jwks_uri"), "https://auth.example.com/.well-known/jwks.json");
    assert!(!String::from_utf8(answer.body).unwrap().contains("evil"));
}

#[tokio::test]
async fn ghsa_7rqj_j65f_68wh_and_cve_2022_35924_an_address_is_one_address_after_normalisation() {
    let app = open_app();
    for email in [
        "a@example.com,b@evil.example",
        "a@example.com;b@evil.example",
        "a@example.com b@evil.example",
        "a@b@example.com",
        "a@example.com\u{ff0c}b@evil.example",
        "a\u{ff20}b@example.com",
        "\"a@evil.example\"@example.com",
        "a@example.com\r\nBcc: b@evil.example",
        "<a@example.com>",
        "A <a@example.com>",
        "a@example.com>",
        "\u{430}@example.com",
        "a@localhost",
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        "@example.com",
        "a@",
        "a@example..com",
        ".a@example.com",
        "a@-example.com",
        "a@example.com\0",
    ] {
        let answer = app.send(TestRequest::post("/v1/signup", &credentials(email, PASSWORD))).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "invalid_email"), "{email:?}");
    }
    sign_up(&app, "user@example.com").await;
    for email in ["USER@EXAMPLE.COM", " user@example.com "] {
        let answer = app.send(TestRequest::post("/v1/signup", &credentials(email, PASSWORD))).await;
        assert_eq!(answer.code(), "email_taken", "{email:?}");
    }
    // A look-alike is never folded onto the account that is there.
    for email in ["user\u{ff20}example.com", "\u{ff55}ser@example.com", "user@example\u{ff0e}com"] {
        let answer = app.send(TestRequest::post("/v1/signup", &credentials(email, PASSWORD))).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "invalid_email"), "{email:?}");
    }
    // A domain in other letters is another domain, and is stored so that it looks like one.
    let request = TestRequest::post("/v1/signup", &credentials("user@ex\u{430}mple.com", PASSWORD));
    assert_eq!(app.send(request).await.text("user.email"), "user@xn--exmple-4nf.com");
}

#[tokio::test]
async fn cve_2026_9802_what_was_revoked_stays_so_after_a_restart() {
    let app = open_app();
    let user = sign_up(&app, "user@example.com").await;
    assert_eq!(
        app.send(TestRequest::new(Method::POST, "/v1/signout").bearer(&user.access)).await.status,
        204
    );
    let restarted = TestApp::builder()
        .table(app.services.ports.table.clone())
        .clock(app.clock.clone())
        .seed(2)
        .build(latchkey_all::function());
    assert_eq!(
        restarted.send(TestRequest::get("/v1/session").bearer(&user.access)).await.code(),
        "session_ended"
    );
    let refresh = TestRequest::post("/v1/token/refresh", &json!({ "refresh_token": user.refresh }));
    assert_eq!(restarted.send(refresh).await.code(), "invalid_refresh_token");
}

#[tokio::test]
async fn cve_2026_33729_and_34972_and_41131_no_check_gets_the_answer_to_another() {
    let app = open_app();
    make_role(&app, "reader", &["documents:read"]).await;
    make_role(&app, "writer", &["documents:write"]).await;
    let (reader, writer) =
        (sign_up(&app, "reader@example.com").await, sign_up(&app, "writer@example.com").await);
    grant(&app, &reader, "reader").await;
    grant(&app, &writer, "writer").await;
    let asked = ["documents:read", "documents:write", "documents:read", "document:sread", "documents:readx"];
    for _ in 0..3 {
        for (who, expected) in
            [(&reader, [true, false, true, false, false]), (&writer, [false, true, false, false, false])]
        {
            let body = json!({ "permissions": asked });
            let answer =
                app.send(TestRequest::post("/v1/permissions/check", &body).bearer(&who.access)).await.json();
            let results = answer["results"].as_array().unwrap();
            let allowed: Vec<_> = results.iter().map(|result| result["allowed"] == true).collect();
            assert_eq!(allowed, expected);
            let names: Vec<_> = results.iter().map(|result| result["permission"].as_str().unwrap()).collect();
            assert_eq!(names, asked, "in the order asked");
            assert_eq!(answer["allowed"], false);
        }
    }
}

#[tokio::test]
async fn cve_2024_42473_and_2025_64751_wildcards_reach_no_further_than_their_resource() {
    let app = open_app();
    make_role(&app, "shop", &["products:*"]).await;
    let user = sign_up(&app, "user@example.com").await;
    grant(&app, &user, "shop").await;
    for (permission, allowed) in [
        ("products:read", true),
        ("products:delete", true),
        ("productsx:create", false),
        ("product:create", false),
        ("users:read", false),
        ("system:admin", false),
    ] {
        let request =
            TestRequest::get(&format!("/v1/authorize?permission={permission}")).bearer(&user.access);
        assert_eq!(app.send(request).await.status, if allowed { 204 } else { 403 }, "{permission}");
    }
    for pattern in ["products:*", "*", "*:read", "products:", ":read", "products", "a:b:c", "products:Read"] {
        let body = json!({ "permission": pattern });
        let answer = app.send(TestRequest::post("/v1/permissions/check", &body).bearer(&user.access)).await;
        assert_eq!(answer.code(), "invalid_permission", "{pattern}: a pattern is granted, never asked for");
    }
}

#[tokio::test]
async fn cve_2024_56323_roles_that_include_each_other_are_refused() {
    let app = open_app();
    let admin = admin(&app).await;
    let put = |name: &str, includes: Value| {
        let request = TestRequest::new(Method::PUT, &format!("/v1/roles/{name}"))
            .json(&json!({ "includes": includes }));
        request.bearer(&admin.access)
    };
    assert_eq!(app.send(put("one", json!([]))).await.status, 201);
    assert_eq!(app.send(put("two", json!(["one"]))).await.status, 201);
    for (name, includes) in [("one", json!(["two"])), ("one", json!(["one"])), ("three", json!(["nowhere"]))]
    {
        let answer = app.send(put(name, includes)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "role_conflict"), "{name}");
    }
}

#[tokio::test]
async fn cve_2026_55689_a_token_for_another_audience_is_refused_and_there_is_always_one() {
    let table = latchkey_testkit::memory_table();
    let with = |audience: &str| {
        TestApp::builder()
            .table(Arc::clone(&table))
            .var("LATCHKEY_AUDIENCE", audience)
            .build(latchkey_all::function())
    };
    let (one, other) = (with("https://one.example"), with("https://other.example"));
    let user = sign_up(&one, "user@example.com").await;
    assert_eq!(one.send(TestRequest::get("/v1/session").bearer(&user.access)).await.status, 200);
    assert_eq!(
        other.send(TestRequest::get("/v1/session").bearer(&user.access)).await.code(),
        "invalid_token"
    );
    // An empty audience is a missing one, and a missing one is the URL: never none.
    for audience in ["", "  "] {
        let find = |name: &str| match name {
            "LATCHKEY_URL" => Some("https://auth.example.com".to_owned()),
            "LATCHKEY_SECRET" => Some("fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=".to_owned()),
            "LATCHKEY_AUDIENCE" => Some(audience.to_owned()),
            _ => None,
        };
        let config = Config::read(find, Exposure::Deployed).expect("it starts");
        assert_eq!(config.issuer_and_audience.audience(), "https://auth.example.com");
    }
}

#[tokio::test]
async fn cve_2026_55170_identifiers_that_differ_in_case_are_different() {
    let app = open_app();
    let admin = admin(&app).await;
    let upper = admin.id.to_uppercase();
    assert_ne!(upper, admin.id);
    for (path, status) in [
        (format!("/v1/users/{upper}"), 404),
        // No role can have such a name.
        ("/v1/roles/Admin".to_owned(), 422),
        ("/v1/roles/ADMIN".to_owned(), 422),
    ] {
        assert_eq!(app.send(TestRequest::get(&path).bearer(&admin.access)).await.status, status, "{path}");
    }
    for permission in ["Users:read", "users:READ"] {
        let body = json!({ "permission": permission });
        let answer = app.send(TestRequest::post("/v1/permissions/check", &body).bearer(&admin.access)).await;
        assert_ne!(answer.json()["allowed"], true, "{permission}");
    }
}
