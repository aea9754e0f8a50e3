use bytes::Bytes;
use http::Response;
use latchkey_core::Timestamp;
use latchkey_core::port::FetchError;
use url::Url;

use super::checks;

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let response = Response::builder().status(status);
    let response = headers.iter().fold(response, |response, (name, value)| response.header(*name, *value));
    response.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

#[test]
fn only_this_machine_may_use_http() {
    for good in ["https://auth.example.com", "http://localhost:8787", "http://127.0.0.1", "http://[::1]:80"] {
        assert!(checks::scheme(&url(good)).is_ok(), "{good}");
    }
    for bad in ["http://auth.example.com", "http://10.0.0.1", "http://localhost.example.com"] {
        assert!(checks::scheme(&url(bad)).unwrap_err().contains("https"), "{bad}");
    }
}

#[test]
fn a_store_that_does_not_answer_is_named() {
    let body = r#"{"status":"unavailable","version":"1","stores":{"table":"unavailable","counters":"ok"}}"#;
    let wrong = checks::health(&response(503, &[], body)).unwrap_err();
    assert!(wrong.contains(r#""table":"unavailable""#), "{wrong}");
    let wrong = checks::health(&response(200, &[], "<html>")).unwrap_err();
    assert!(wrong.contains("check the URL"), "{wrong}");
    assert!(checks::health(&response(200, &[], r#"{"status":"ok","version":"1"}"#)).is_ok());
}

#[test]
fn a_header_that_a_proxy_took_off_is_named() {
    let headers = [
        ("content-security-policy", "x"),
        ("permissions-policy", "x"),
        ("referrer-policy", "x"),
        ("x-content-type-options", "x"),
        ("x-frame-options", "x"),
        ("x-request-id", "x"),
    ];
    let response = response(200, &headers, "");
    assert!(checks::headers(&url("http://localhost"), &response).is_ok());
    let wrong = checks::headers(&url("https://auth.example.com"), &response).unwrap_err();
    assert!(wrong.contains("responses lack strict-transport-security;"), "{wrong}");
}

#[test]
fn a_clock_that_is_wrong_is_told_with_its_direction() {
    let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
    let response = response(200, &[("date", "Sun, 06 Nov 1994 08:49:37 GMT")], "");
    let there = 784_111_777;
    assert!(checks::clock(&response, at(there + 30)).is_ok());
    assert!(checks::clock(&response, at(there + 31)).unwrap_err().contains("31 s behind"));
    assert!(checks::clock(&response, at(there - 90)).unwrap_err().contains("90 s ahead"));
}

#[test]
fn what_responds_without_tls_is_wrong_unless_it_leads_to_https() {
    let to = [("location", "https://auth.example.com/health")];
    assert!(checks::plain_http(Ok(response(301, &to, ""))).is_ok());
    assert!(checks::plain_http(Ok(response(403, &[], ""))).is_ok());
    assert!(checks::plain_http(Err(FetchError::Connection("refused".to_owned()))).is_ok());
    assert!(checks::plain_http(Ok(response(200, &[], ""))).is_err());
    assert!(checks::plain_http(Ok(response(503, &[], r#"{"status":"unavailable"}"#))).is_err());
    let elsewhere = [("location", "http://auth.example.com/login")];
    assert!(checks::plain_http(Ok(response(302, &elsewhere, ""))).is_err());
}

#[test]
fn a_key_set_without_keys_or_with_a_private_one_is_wrong() {
    let public = r#"{"keys":[{"kid":"a","alg":"EdDSA","x":"…"}]}"#;
    assert!(checks::key_set(&url("https://a.example"), &response(200, &[], public)).is_ok());
    for body in [
        "{}",
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kid":"a","alg":"EdDSA","d":"secret"}]}"#,
        r#"{"keys":[{"alg":"EdDSA"}]}"#,
        r#"{"keys":[{"kid":"a","alg":"HS256","k":"secret"}]}"#,
    ] {
        let wrong = checks::key_set(&url("https://a.example"), &response(200, &[], body)).unwrap_err();
        assert!(!wrong.contains("secret\""), "{wrong}");
    }
}

#[test]
fn an_issuer_that_is_not_the_url_is_wrong() {
    let response = response(200, &[], r#"{"issuer":"https://auth.example.com"}"#);
    assert!(checks::discovery(&url("https://auth.example.com/"), &response).is_ok());
    let wrong = checks::discovery(&url("https://other.example.com"), &response).unwrap_err();
    assert!(wrong.contains("set LATCHKEY_URL"), "{wrong}");
}

#[test]
fn only_an_origin_that_is_allowed_with_cookies_may_call() {
    let origin = "https://app.example.com";
    let allow = ("access-control-allow-origin", origin);
    let credentials = ("access-control-allow-credentials", "true");
    assert!(checks::listed(origin, &response(204, &[allow, credentials], "")).is_ok());
    assert!(checks::listed(origin, &response(204, &[allow], "")).is_err());
    assert!(checks::listed(origin, &response(204, &[], "")).unwrap_err().contains("LATCHKEY_ORIGINS"));
    assert!(checks::stranger(&response(204, &[], "")).is_ok());
    assert!(checks::stranger(&response(502, &[], "")).is_err());
    let every = ("access-control-allow-origin", "*");
    assert!(checks::stranger(&response(204, &[every], "")).is_err());
}

#[test]
fn a_proxy_that_takes_off_what_browsers_say_is_found() {
    let at = url("https://a.example");
    let refused = response(403, &[], r#"{"code":"cross_site_request"}"#);
    let let_through = response(401, &[], r#"{"code":"not_signed_in"}"#);
    assert!(checks::forged(&at, &refused).is_ok() && checks::forged(&at, &let_through).is_err());
    assert!(checks::own_page(&at, &let_through).is_ok() && checks::own_page(&at, &refused).is_err());
}

#[test]
fn a_session_that_caches_may_store_is_wrong() {
    let body = r#"{"code":"not_signed_in"}"#;
    assert!(
        checks::anonymous(&url("https://a.example"), &response(401, &[("cache-control", "no-store")], body))
            .is_ok()
    );
    assert!(checks::anonymous(&url("https://a.example"), &response(401, &[], body)).is_err());
    assert!(checks::anonymous(&url("https://a.example"), &response(200, &[], "<html>")).is_err());
}
