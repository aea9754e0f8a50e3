//! Requests that no client should send: a problem says so, and nothing of ours fails.

use latchkey_harness::{Answer, Request, Result};
use serde_json::json;

use crate::description::{Operation, operations};
use crate::{PASSWORD, Person, Trial};

cases![
    what_is_no_json,
    json_of_another_form,
    what_is_no_text,
    deep_nesting,
    a_missing_member_is_named,
    another_content_type,
    a_body_of_64_kib_and_one_byte_more,
    a_body_in_chunks,
    a_body_that_nobody_reads,
    a_body_that_breaks_off_harms_nothing,
    a_header_beyond_ascii_harms_nothing,
    a_secret_is_not_repeated,
    no_route_takes_a_name_that_it_does_not_know,
    a_query_that_cannot_be_read,
    the_cursor_of_one_list_is_none_of_another,
    a_role_has_a_name_of_a_form,
    an_identifier_that_is_none
];

/// Every operation that takes a body.
fn with_bodies(about: &Person) -> Result<Vec<Operation>> {
    let found: Vec<_> = operations(about)?.into_iter().filter(|operation| operation.body.is_some()).collect();
    ensure!(found.len() >= 6, "{found:?}");
    Ok(found)
}

/// Sends the text as JSON to every operation that takes a body, and demands a client's error.
fn refused_everywhere(t: &Trial<'_>, by: &Person, body: &dyn Fn(&Operation) -> Vec<u8>) -> Result {
    for operation in with_bodies(by)? {
        let request = operation.request().bearer(&by.access).bytes("application/json", body(&operation));
        t.send(request)?.client_error()?;
    }
    Ok(())
}

fn what_is_no_json(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    for text in [
        "",
        " \n",
        "hello",
        "{\"MEMBER\":",
        "{\"MEMBER\":\"a@example.com\",}",
        "{}{}",
        "{} x",
        "{'MEMBER':'a@example.com'}",
        "{}/* */",
        "{\"MEMBER\":NaN}",
        "\u{feff}{}",
        "{\"MEMBER\":\"a\0@example.com\"}",
        "email=a%40example.com&password=x",
    ] {
        // A name that the route does not know is refused where it is met.
        refused_everywhere(t, &root, &|operation| text.replace("MEMBER", operation.member()).into_bytes())?;
    }
    Ok(())
}

fn json_of_another_form(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    for text in [
        "null",
        "true",
        "1",
        "\"text\"",
        "[]",
        "[{}]",
        // The members' values in order, which serde would take for the struct.
        "[\"new@example.com\",\"violet harbour tundra\",null,\"bearer\"]",
        "[\"new@example.com\",\"violet harbour tundra\",\"bearer\"]",
        "[\"token\"]",
        "[\"disabled\"]",
        "[null,[],[]]",
        "[\"products:read\",null,null,false]",
    ] {
        refused_everywhere(t, &root, &|_| text.as_bytes().to_vec())?;
    }
    let (digits, long) = ("9".repeat(400), format!("\"{}@example.com\"", "e".repeat(7_000)));
    for value in [
        "1",
        "-1e308",
        "1e999",
        &digits,
        "{}",
        "[[]]",
        "true",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        &long,
    ] {
        refused_everywhere(t, &root, &|operation| operation.with_each(value))?;
    }
    // One name twice.
    refused_everywhere(t, &root, &|operation| {
        let member = format!("\"{}\":null", operation.member());
        format!("{{{member},{member}}}").into_bytes()
    })
}

fn what_is_no_text(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    refused_everywhere(t, &root, &|_| b"\xff\xfe{\0}\0".to_vec())?;
    refused_everywhere(t, &root, &|operation| {
        [b"{\"", operation.member().as_bytes(), b"\":\"\xc0\xaf\"}"].concat()
    })
}

fn deep_nesting(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    let deep = ["[".repeat(10_000), "]".repeat(10_000)].concat();
    refused_everywhere(t, &root, &|_| deep.clone().into_bytes())?;
    refused_everywhere(t, &root, &|operation| format!("{{\"{}\":{deep}}}", operation.member()).into_bytes())
}

fn a_missing_member_is_named(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    for operation in with_bodies(&root)? {
        let answer = t.ask(operation.request().json(&json!({})), &root)?;
        if let Some(first) = operation.required.first() {
            let answer = answer.problem(422, "invalid_request")?;
            ensure_eq!(answer.text("detail"), format!("missing field `{first}`"), "{}", answer.asked);
        }
    }
    Ok(())
}

fn another_content_type(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    let ask =
        |operation: &Operation, kind: &str| t.ask(operation.request().bytes(kind, b"{}".to_vec()), &root);
    for operation in with_bodies(&root)? {
        for kind in [
            "text/plain",
            "text/plain;charset=application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/xml",
            "application/jsonx",
            "application/json+x",
            "text/json",
            "application",
            "",
            "*/*",
            "text/plain, application/json",
        ] {
            ask(&operation, kind)?.problem(415, "unsupported_media_type")?;
        }
        for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON ;charset=x"] {
            let answer = ask(&operation, kind)?;
            ensure!(answer.status != 415, "{kind}: {}", answer.shown());
        }
    }
    Ok(())
}

fn a_body_of_64_kib_and_one_byte_more(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    let sized = |length: usize| {
        let frame = "{\"unknown\":\"\"}".len();
        format!("{{\"unknown\":\"{}\"}}", "x".repeat(length - frame)).into_bytes()
    };
    for operation in with_bodies(&root)? {
        let ask = |length| {
            let request = operation.request().bearer(&root.access);
            t.send_raw(request.bytes("application/json", sized(length)))
        };
        ask(64 * 1024)?.problem(422, "invalid_request")?;
        ask(64 * 1024 + 1)?.problem(413, "body_too_large")?;
        ask(1024 * 1024)?.problem(413, "body_too_large")?;
    }
    Ok(())
}

fn a_body_in_chunks(t: &Trial<'_>) -> Result {
    let body = json!({ "email": t.email("nobody"), "password": PASSWORD }).to_string();
    let (one, two) = body.split_at(9);
    let chunks = |chunks: &[&str]| {
        let written: Vec<_> =
            chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len())).collect();
        t.send_raw(Request::post("/v1/signin").chunked("application/json", written.concat().into_bytes()))
    };
    chunks(&[one, two, ""])?.problem(401, "invalid_credentials")?;
    chunks(&[&" ".repeat(64 * 1024 + 1), ""])?.problem(413, "body_too_large")?;
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

fn a_body_that_breaks_off_harms_nothing(t: &Trial<'_>) -> Result {
    for (framing, value) in [("content-length", "100"), ("transfer-encoding", "chunked")] {
        let request = Request::post("/v1/signin").header(framing, value);
        t.place.client.break_off(&request.bytes("application/json", b"2\r\n{\"".to_vec()))?;
        t.send(Request::get("/health"))?.ok(200)?;
    }
    Ok(())
}

fn a_header_beyond_ascii_harms_nothing(t: &Trial<'_>) -> Result {
    t.send(Request::get("/health").header("user-agent", "café \u{ff}"))?.ok(200)?;
    Ok(())
}

fn a_secret_is_not_repeated(t: &Trial<'_>) -> Result {
    let secret = "hunter2-not-to-be-repeated";
    for body in [
        json!({ "email": secret, "password": secret }),
        json!({ "email": "a@example.com", "password": secret, "transport": secret }),
        json!({ "email": "a@example.com", "password": { "value": secret } }),
        json!({ "refresh_token": [secret], "email": 1, "password": secret }),
        json!({ "refresh_token": secret }),
        json!([secret]),
        json!(secret),
    ] {
        for path in ["/v1/signup", "/v1/signin", "/v1/token/refresh"] {
            let answer = t.send(Request::post(path).json(&body))?.client_error()?;
            ensure!(!String::from_utf8_lossy(&answer.body).contains(secret), "{path}: {}", answer.shown());
        }
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
    let names = |answer: Answer, status| -> Result {
        let answer = answer.problem(status, "invalid_request")?;
        ensure!(answer.text("detail").contains("`latchkey_unknown`"), "{}: {}", answer.asked, answer.shown());
        Ok(())
    };
    for operation in operations(&root)? {
        // Of these a permission is asked for first that no role has; see tests/contract.
        let is_reported = operation.template.contains("identities") && operation.template.ends_with("/token");
        if is_reported {
            continue;
        }
        let asked = Request::new(operation.method.clone(), &format!("{}?latchkey_unknown=1", operation.path));
        let asked = if operation.body.is_none() { asked } else { asked.json(&json!({})) };
        let answer = t.ask(asked, &root)?;
        if ANY_QUERY.contains(&operation.template.as_str()) {
            ensure!(answer.code() != "invalid_request", "{}: {}", answer.asked, answer.shown());
            continue;
        }
        names(answer, 400)?;
        if !operation.method.is_safe() {
            names(t.ask(operation.request().json(&json!({ "latchkey_unknown": 1 })), &root)?, 422)?;
        }
    }
    Ok(())
}

fn a_query_that_cannot_be_read(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    let (long, unread) = ("a".repeat(5_000), "eyJkYXkiOjEsImN1cnNvciI6bnVsbH0");
    for query in [
        "users?cursor=x",
        "users?cursor=",
        "users?cursor=%00",
        "users?cursor=%ff%fe",
        "users?cursor=..%2f..",
        &format!("users?cursor={long}"),
        &format!("users?cursor={unread}"),
        "users?limit=0",
        "users?limit=201",
        "users?limit=-1",
        "users?limit=x",
        "users?limit=99999999999999999999",
        "users?limit=1&limit=2",
        "users?email=x",
        "users?email=a%40b%2cc%40d.example",
        "audit?cursor=x",
        "audit?cursor=%7b%7d",
        &format!("audit?cursor={long}"),
        "audit?limit=0",
        "audit?user=x",
        "audit?action=nothing",
        "audit?action=",
        "audit?since=yesterday",
        "audit?until=2026-13-01T00:00:00Z",
        "audit?since=%00",
        "authorize?permission=%",
        "authorize?permission=%zz",
        "authorize?permission=%ff",
        "authorize?permission=products%00:read",
        "authorize?permission=a:b:c",
        "authorize?permission=a:b&fresh=perhaps",
    ] {
        let answer = t.ask(Request::get(&format!("/v1/{query}")), &root)?.client_error()?;
        ensure!([400, 422].contains(&answer.status), "{query}: {}", answer.shown());
    }
    Ok(())
}

fn the_cursor_of_one_list_is_none_of_another(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    t.sign_up("ada")?;
    let next = |path: &str| -> Result<String> { Ok(t.ask(Request::get(path), &root)?.ok(200)?.text("next")) };
    let (users, events) = (next("/v1/users?limit=1")?, next("/v1/audit?limit=1")?);
    ensure!(!users.is_empty() && !events.is_empty(), "a list has no next page");
    for path in [format!("/v1/audit?cursor={users}"), format!("/v1/users?cursor={events}")] {
        t.quietly(&Request::get(&path).bearer(&root.access))?.problem(400, "invalid_request")?;
    }
    Ok(())
}

fn a_role_has_a_name_of_a_form(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    for name in ["Editor", "a_b", "content_editor", "1", &"a".repeat(65)] {
        let (role, granted) = (format!("/v1/roles/{name}"), format!("/v1/users/{}/roles/{name}", root.id));
        for request in [
            Request::get(&role),
            Request::put(&role).json(&json!({})),
            Request::delete(&role).json(&json!({})),
            Request::put(&granted).json(&json!({})),
            Request::delete(&granted).json(&json!({})),
        ] {
            let answer = t.ask(request, &root)?.problem(422, "invalid_role")?;
            let detail = answer.text("detail");
            ensure!(detail.contains("1 to 64 of a-z, 0-9 and '-'"), "{}: {detail}", answer.asked);
        }
    }
    Ok(())
}

fn an_identifier_that_is_none(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    let unknown = "0198c0de-0000-7000-8000-000000000000";
    let (upper, long) = (unknown.to_uppercase(), "a".repeat(2_000));
    for id in ["x", "1", "-1", "0", "null", "undefined", unknown, &upper, &unknown.replace('-', ""), &long] {
        for request in [
            Request::delete(&format!("/v1/sessions/{id}")),
            Request::get(&format!("/v1/users/{id}")),
            Request::patch(&format!("/v1/users/{id}")).json(&json!({ "status": "active" })),
            Request::delete(&format!("/v1/users/{id}")),
            Request::get(&format!("/v1/users/{id}/sessions")),
            Request::delete(&format!("/v1/users/{id}/sessions")),
            Request::put(&format!("/v1/users/{id}/roles/user")),
            Request::delete(&format!("/v1/users/{id}/roles/user")),
        ] {
            t.ask(request, &root)?.problem(404, "not_found")?;
        }
    }
    Ok(())
}
