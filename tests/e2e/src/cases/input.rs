//! What no client should send: a problem that says so, never a failure of ours.

use http::Method;
use latchkey_harness::{Request, Result};
use serde_json::{Value, json};

use crate::{PASSWORD, Trial};

cases![
    what_is_no_json,
    what_is_no_text,
    deep_nesting,
    another_content_type,
    a_body_of_64_kib_and_one_byte_more,
    a_body_that_nobody_reads,
    a_secret_is_not_repeated,
    an_unknown_route,
    no_route_takes_a_name_that_it_does_not_know,
    another_method_says_which_there_are,
    bad_percent_encoding,
    an_identifier_that_is_none
];

const TAKE_BODIES: [&str; 3] = ["/v1/signup", "/v1/signin", "/v1/token/refresh"];

fn what_is_no_json(t: &Trial<'_>) -> Result {
    for path in TAKE_BODIES {
        // A member that the route knows: what it does not know is refused where it is met.
        let member = if path == "/v1/token/refresh" { "refresh_token" } else { "email" };
        for body in [
            b" \n".to_vec(),
            b"hello".to_vec(),
            format!("{{\"{member}\":").into_bytes(),
            format!("{{\"{member}\":\"a@example.com\",}}").into_bytes(),
            b"{'email':'a@example.com'}".to_vec(),
            b"\xef\xbb\xbf{}".to_vec(),
            b"email=a%40example.com".to_vec(),
        ] {
            let request = Request::post(path).bytes("application/json", body);
            t.send(request)?.problem(400, "invalid_json")?;
        }
        for body in ["null", "1", "\"text\"", "[]", "[{}]"] {
            let request = Request::post(path).bytes("application/json", body.into());
            t.send(request)?.problem(422, "invalid_request")?;
        }
    }
    Ok(())
}

fn what_is_no_text(t: &Trial<'_>) -> Result {
    for path in TAKE_BODIES {
        for body in [b"\xff\xfe{\0}\0".as_slice(), b"{\"email\":\"\xc0\xaf\",\"refresh_token\":\"\xc0\xaf\"}"]
        {
            let request = Request::post(path).bytes("application/json", body.to_vec());
            t.send(request)?.problem(400, "invalid_json")?;
        }
    }
    Ok(())
}

fn deep_nesting(t: &Trial<'_>) -> Result {
    let deep = ["[".repeat(10_000), "]".repeat(10_000)].concat();
    for path in TAKE_BODIES {
        for body in [deep.clone(), format!("{{\"email\":{deep},\"refresh_token\":{deep}}}")] {
            let answer = t.send(Request::post(path).bytes("application/json", body.into_bytes()))?;
            let status = answer.status;
            let code = answer.code();
            ensure!(
                [(400, "invalid_json"), (422, "invalid_request")].contains(&(status, code.as_str())),
                "{path}: {}",
                answer.shown()
            );
        }
    }
    Ok(())
}

fn another_content_type(t: &Trial<'_>) -> Result {
    for kind in ["text/plain", "text/plain;charset=application/json", "application/jsonx", "text/json", "*/*"]
    {
        for path in TAKE_BODIES {
            let request = Request::post(path).bytes(kind, b"{}".to_vec());
            t.send(request)?.problem(415, "unsupported_media_type")?;
        }
    }
    for kind in ["application/json; charset=utf-8", "Application/JSON ;charset=x"] {
        let request = Request::post("/v1/signin").bytes(kind, b"{}".to_vec());
        t.send(request)?.problem(422, "invalid_request")?;
    }
    Ok(())
}

fn a_body_of_64_kib_and_one_byte_more(t: &Trial<'_>) -> Result {
    let sized = |length: usize| {
        let frame = "{\"unknown\":\"\"}".len();
        format!("{{\"unknown\":\"{}\"}}", "x".repeat(length - frame)).into_bytes()
    };
    for path in TAKE_BODIES {
        let ask = |length| t.send_raw(Request::post(path).bytes("application/json", sized(length)));
        ask(64 * 1024)?.problem(422, "invalid_request")?;
        ask(64 * 1024 + 1)?.problem(413, "body_too_large")?;
        ask(1024 * 1024)?.problem(413, "body_too_large")?;
    }
    Ok(())
}

/// An answer before the end of its request can spoil the connection for the next one. Asked of the client itself, as a trial
/// would ask again.
fn a_body_that_nobody_reads(t: &Trial<'_>) -> Result {
    let ask = |request: Request, status, code| t.place.client.send(&request)?.problem(status, code);
    let body = json!({ "email": t.email("ada"), "password": PASSWORD });
    for _ in 0..20 {
        let forged = Request::post("/v1/signin").json(&body).header("origin", "https://evil.example");
        ask(forged, 403, "cross_site_request")?;
        ask(Request::post("/v1/nothing").json(&body), 404, "not_found")?;
        ask(Request::put("/v1/signup").json(&body), 405, "method_not_allowed")?;
        ask(Request::post("/v1/signup").bytes("text/plain", vec![b'x'; 100]), 415, "unsupported_media_type")?;
    }
    Ok(())
}

fn a_secret_is_not_repeated(t: &Trial<'_>) -> Result {
    let secret = "hunter2-not-to-be-repeated";
    for body in [
        json!({ "email": secret, "password": secret }),
        json!({ "email": "a@example.com", "password": secret, "transport": secret }),
        json!({ "email": "a@example.com", "password": { "value": secret } }),
        json!({ "refresh_token": [secret], "email": 1, "password": secret }),
        json!([secret]),
        json!(secret),
    ] {
        for path in TAKE_BODIES {
            let answer = t.send(Request::post(path).json(&body))?;
            ensure!((400..500).contains(&answer.status), "{path} {body}: {}", answer.shown());
            ensure!(!String::from_utf8_lossy(&answer.body).contains(secret), "{path}: {}", answer.shown());
        }
    }
    Ok(())
}

fn an_unknown_route(t: &Trial<'_>) -> Result {
    for path in ["/v1/nothing", "/v2/signup", "/v1/signup/more", "/v1", "/v1/sign"] {
        t.send(Request::get(path))?.problem(404, "not_found")?;
        t.send(Request::post(path).json(&json!({})))?.problem(404, "not_found")?;
    }
    Ok(())
}

/// The routes that others than Latchkey's clients call take any query.
const ANY_QUERY: [&str; 4] = [
    "/.well-known/jwks.json",
    "/.well-known/openid-configuration",
    "/health",
    "/v1/oauth/{provider}/callback",
];

fn no_route_takes_a_name_that_it_does_not_know(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    let document: Value = serde_json::from_str(include_str!("../../../../functions/all/openapi.json"))?;
    let paths = document["paths"].as_object().into_iter().flatten();
    for (path, item) in paths.filter(|(path, _)| !ANY_QUERY.contains(&path.as_str())) {
        for method in item.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase()) {
            // A permission that no role has is asked for first.
            if path.ends_with("/token") && path.contains("identities") {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).map_err(http::Error::from)?;
            let at = path
                .replace("/users/{id}", &format!("/users/{}", root.id))
                .replace("/sessions/{id}", &format!("/sessions/{}", root.session))
                .replace("{name}", "user")
                .replace("{provider}", "nobody");
            let what = format!("{method} {path}");
            let asked = Request::new(method.clone(), &format!("{at}?latchkey_unknown=1"));
            let asked = if item[method.as_str().to_lowercase()]["requestBody"].is_null() {
                asked
            } else {
                asked.json(&json!({}))
            };
            let answer = t.ask(asked, &root)?.problem(400, "invalid_request")?;
            ensure!(answer.text("detail").contains("`latchkey_unknown`"), "{what}: {}", answer.shown());
            if !method.is_safe() {
                let asked = Request::new(method, &at).json(&json!({ "latchkey_unknown": 1 }));
                let answer = t.ask(asked, &root)?.problem(422, "invalid_request")?;
                ensure!(answer.text("detail").contains("`latchkey_unknown`"), "{what}: {}", answer.shown());
            }
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
        let mut found: Vec<_> =
            answer.all("allow").iter().flat_map(|list| list.split(',')).map(str::trim).collect();
        found.sort_unstable();
        ensure_eq!(found, allowed, "{path}");
    }
    Ok(())
}

fn bad_percent_encoding(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    for query in ["permission=%", "permission=%zz", "permission=%ff", "permission=products%00:read"] {
        let answer = t.ask(Request::get(&format!("/v1/authorize?{query}")), &ada)?;
        let code = answer.code();
        ensure!(
            [(400, "invalid_request"), (422, "invalid_permission")].contains(&(answer.status, code.as_str())),
            "{query}: {}",
            answer.shown()
        );
    }
    Ok(())
}

fn an_identifier_that_is_none(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    for id in ["x", "-1", "null", "0198C0DE-0000-7000-8000-000000000000", &"a".repeat(2_000)] {
        for request in [
            Request::delete(&format!("/v1/sessions/{id}")),
            Request::get(&format!("/v1/users/{id}")),
            Request::patch(&format!("/v1/users/{id}")).json(&json!({ "status": "active" })),
            Request::delete(&format!("/v1/users/{id}/sessions")),
            Request::put(&format!("/v1/users/{id}/roles/user")),
        ] {
            t.ask(request, &root)?.problem(404, "not_found")?;
        }
    }
    Ok(())
}
