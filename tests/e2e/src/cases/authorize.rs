//! `GET /v1/authorize`, as reverse proxies call it.

use crate::failure::Result;
use crate::request::Request;
use crate::trial::Trial;

cases![the_status_is_the_answer_and_headers_say_who, who_may_not_is_not_passed_on, what_is_no_question];

fn the_status_is_the_answer_and_headers_say_who(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    for query in ["?signed_in=true", "?permission=products:read", "?permission=products%3Aread&fresh=true"] {
        let answer = t.ask(Request::get(&format!("/v1/authorize{query}")), &ada)?.ok(204)?;
        ensure_eq!(answer.header("x-latchkey-user"), ada.id);
        ensure_eq!(answer.header("x-latchkey-session"), ada.session);
        ensure_eq!(answer.header("x-latchkey-roles"), "user");
        ensure!(answer.body.is_empty(), "a 204 has a body");
    }
    Ok(())
}

fn who_may_not_is_not_passed_on(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    let denied = t.ask(Request::get("/v1/authorize?permission=users:read"), &ada)?;
    ensure_eq!(denied.problem(403, "permission_denied")?.header("x-latchkey-user"), "");
    t.send(Request::get("/v1/authorize?signed_in=true"))?.problem(401, "not_signed_in")?;
    t.send(Request::get("/v1/authorize?signed_in=true").bearer("nonsense"))?.problem(401, "invalid_token")?;
    t.ask(Request::post("/v1/signout"), &ada)?.ok(204)?;
    t.ask(Request::get("/v1/authorize?signed_in=true&fresh=true"), &ada)?.problem(401, "session_ended")?;
    Ok(())
}

fn what_is_no_question(t: &Trial<'_>) -> Result {
    let ada = t.sign_up("ada")?;
    for query in ["permission=*", "permission=users:*", "permission=", "permission=users"] {
        t.ask(Request::get(&format!("/v1/authorize?{query}")), &ada)?.problem(422, "invalid_permission")?;
    }
    // A name that is misspelt never opens a door, nor does a request that names nothing.
    for query in [
        "",
        "?permissions=users:read",
        "?perm=users:read",
        "?Permission=users:read",
        "?permission=products:read&permission=users:read",
        "?permission=products:read&signed_in=true",
        "?signed_in=false",
        "?signed_in=true&signed_in=true",
        "?fresh=true",
        "?fresh=perhaps",
    ] {
        t.ask(Request::get(&format!("/v1/authorize{query}")), &ada)?.problem(400, "invalid_request")?;
    }
    Ok(())
}
