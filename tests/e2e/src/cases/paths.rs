//! A route has one spelling. The targets go out as they are written here.

use http::Method;
use latchkey_harness::{Request, Result};
use serde_json::json;

use crate::Trial;

cases![
    another_spelling_is_nothing,
    another_method_says_which_there_are,
    what_a_url_parser_resolves_opens_nothing_more
];

fn another_spelling_is_nothing(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    t.send_raw(Request::get("/v1/session").bearer(&root.access))?.ok(200)?;
    for target in [
        "/v1",
        "/v1/",
        "/v1/nothing",
        "/v1/sign",
        "/v2/signup",
        "/v1/signup/more",
        "/v1/signup.json",
        "//v1/session",
        "/v1//session",
        "/v1/session/",
        "/V1/session",
        "/v1/SESSION",
        "/v1/sessio%6e",
        "/%76%31/session",
        "/v1%2fsession",
        "/v1/session%00",
        "/v1/session%20",
        "/v1/session%3f",
        "/v1/session%",
        "/v1/session%zz",
        "/v1/session;a=b",
        "/v1/session%c0%af",
        "/v1/session%2f..%2fsession",
        "/v1/roles/%ff",
    ] {
        t.send_raw(Request::get(target).bearer(&root.access))?.problem(404, "not_found")?;
        for method in [Method::POST, Method::PUT, Method::DELETE] {
            // A method that the route does not take says so first.
            let request = Request::new(method, target).bearer(&root.access).json(&json!({}));
            let answer = t.send_raw(request)?.client_error()?;
            ensure!([404, 405].contains(&answer.status), "{target}: {}", answer.shown());
        }
    }
    Ok(())
}

fn another_method_says_which_there_are(t: &Trial<'_>) -> Result {
    for (method, path, allowed) in [
        (Method::PUT, "/v1/signup", vec!["POST"]),
        (Method::GET, "/v1/signin", vec!["POST"]),
        (Method::POST, "/v1/session", vec!["GET", "HEAD"]),
        (Method::GET, "/v1/signout", vec!["POST"]),
        (Method::PUT, "/v1/permissions/check", vec!["POST"]),
        (Method::POST, "/v1/roles/user", vec!["DELETE", "GET", "HEAD", "PUT"]),
        (Method::POST, "/.well-known/jwks.json", vec!["GET", "HEAD"]),
        (Method::DELETE, "/health", vec!["GET", "HEAD"]),
    ] {
        let answer = t.send(Request::new(method, path))?.problem(405, "method_not_allowed")?;
        ensure_eq!(answer.allow(), allowed, "{path}");
    }
    Ok(())
}

/// Dot segments and backslashes: a platform that reads the target as a URL (WHATWG) takes them for the path that they lead
/// to before Latchkey sees it. That path must be all that they lead to.
fn what_a_url_parser_resolves_opens_nothing_more(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    for target in [
        "/v1/./session",
        "/v1/session/.",
        "/v1/x/../session",
        "/x/../v1/session",
        "/v1/%2e/session",
        "/%2e/v1/session",
        "/v1/x/%2e%2e/session",
        "/v1\\session",
        "/v1/users/..",
        "/v1/roles/%2e%2e",
    ] {
        let answer = t.send_raw(Request::get(target).bearer(&ada.access))?;
        let known = [404, 400].contains(&answer.status)
            || (answer.status == 200 && answer.text("session.id") == ada.session);
        ensure!(known, "{target}: {}", answer.shown());
        let nobody = t.send_raw(Request::get(target).bearer("nonsense"))?;
        ensure!([400, 401, 404].contains(&nobody.status), "{target}: {}", nobody.shown());
    }
    Ok(())
}
