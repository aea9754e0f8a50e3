//! `GET /v1/authorize`, as reverse proxies call it.

use latchkey_testkit::TestRequest;
use latchkey_testkit::people::{admin, get, post, sign_up};

use super::app;

#[tokio::test]
async fn the_status_is_the_answer_and_headers_say_who() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    for path in [
        "/v1/authorize?signed_in=true",
        "/v1/authorize?permission=users:read",
        "/v1/authorize?permission=users:read&fresh=true",
    ] {
        let response = get(&app, path, &root).await;
        assert_eq!((response.status.as_u16(), response.body.len()), (204, 0), "{path}");
        assert_eq!(response.header("x-latchkey-user"), root.id);
        assert_eq!(response.header("x-latchkey-session"), root.session);
        assert_eq!(response.header("x-latchkey-roles"), "admin,user");
        assert_eq!(response.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn who_may_not_gets_403_and_who_is_nobody_401() {
    let app = app().await;
    let ada = sign_up(&app, "ada@example.com").await;
    let response = get(&app, "/v1/authorize?permission=users:read", &ada).await;
    assert_eq!((response.status.as_u16(), response.code().as_str()), (403, "permission_denied"));
    assert_eq!(response.header("x-latchkey-user"), "", "a refused caller is not passed on");
    for request in [
        TestRequest::get("/v1/authorize?signed_in=true"),
        TestRequest::get("/v1/authorize?permission=products:read"),
        TestRequest::get("/v1/authorize?signed_in=true").bearer("nonsense"),
    ] {
        let response = app.send(request).await;
        assert_eq!(response.status, 401);
        assert!(response.header("www-authenticate").starts_with("Bearer"));
    }
    post(&app, "/v1/signout", &ada).await;
    assert_eq!(get(&app, "/v1/authorize?signed_in=true", &ada).await.status, 401);
}

#[tokio::test]
async fn a_question_that_is_none_is_refused_not_answered() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    for query in ["permission=*", "permission=users:*", "permission=", "permission=users"] {
        let response = get(&app, &format!("/v1/authorize?{query}"), &root).await;
        assert_eq!(
            (response.status.as_u16(), response.code().as_str()),
            (422, "invalid_permission"),
            "{query}"
        );
    }
    assert_eq!(get(&app, "/v1/authorize?signed_in=true&fresh=perhaps", &root).await.status, 400);
}

#[tokio::test]
async fn a_misspelt_question_opens_no_door() {
    let app = app().await;
    let root = admin(&app, "root@example.com").await;
    for (query, named) in [
        ("", "`signed_in=true`"),
        ("?fresh=true", "`signed_in=true`"),
        ("?signed_in=false", "`signed_in=true`"),
        ("?permission=users:read&signed_in=true", "`signed_in=true`"),
        ("?permissions=users:read", "`permissions`"),
        ("?perm=users:read", "`perm`"),
        ("?Permission=users:read", "`Permission`"),
        ("?signed_in=true&signedin=true", "`signedin`"),
        ("?permission=users:read&permission=orders:read", "`permission`"),
    ] {
        let response = get(&app, &format!("/v1/authorize{query}"), &root).await;
        assert_eq!((response.status.as_u16(), response.code().as_str()), (400, "invalid_request"), "{query}");
        assert!(response.text("detail").contains(named), "{query}: {}", response.json());
    }
}
