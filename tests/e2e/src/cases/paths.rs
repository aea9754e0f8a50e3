//! A route has one spelling. The targets go out as they are written here.

use latchkey_harness::{Request, Result};

use crate::Trial;

cases![another_spelling_is_nothing, what_a_url_parser_resolves_opens_nothing_more];

fn another_spelling_is_nothing(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    t.send_raw(Request::get("/v1/session").bearer(&ada.access))?.ok(200)?;
    for target in [
        "//v1/session",
        "/v1//session",
        "/v1/session/",
        "/V1/session",
        "/v1/SESSION",
        "/v1/sessio%6e",
        "/v1%2fsession",
        "/v1/session%00",
        "/v1/session%20",
        "/v1/session;a=b",
        "/v1/session%c0%af",
        "/v1/session%2f..%2fsession",
    ] {
        t.send_raw(Request::get(target).bearer(&ada.access))?.problem(404, "not_found")?;
    }
    Ok(())
}

/// Dot segments and backslashes: a platform that reads the target as a URL (WHATWG) takes them for the path that they lead
/// to before Latchkey sees it. That path must be all that they lead to.
fn what_a_url_parser_resolves_opens_nothing_more(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    for target in [
        "/v1/./session",
        "/v1/x/../session",
        "/x/../v1/session",
        "/v1/%2e/session",
        "/v1/x/%2e%2e/session",
        "/v1\\session",
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
