//! The two cookies of a browser session.

use latchkey_harness::{Answer, Request, Result, bearer};
use serde_json::json;

use crate::{Cookie, PASSWORD, Trial};

cases![
    two_headers_with_every_attribute,
    they_open_and_the_body_has_no_token,
    similar_names_are_other_cookies,
    cookies_of_others_in_any_encoding_do_not_disturb,
    two_of_one_name_are_refused_and_neither_is_removed,
    another_scheme_beside_a_good_cookie,
    refreshed_by_cookie,
    removed_by_signing_out,
    removed_by_a_refused_refresh_of_ours,
    signed_out_by_the_refresh_cookie_alone,
    none_with_bearer
];

/// What both have, in lower case and sorted; `Secure` only where the service is on https.
fn attributes(t: &Trial<'_>, path: &str, max_age: u32) -> Vec<String> {
    let mut all = vec![
        "httponly".to_owned(),
        format!("max-age={max_age}"),
        format!("path={path}"),
        "samesite=lax".to_owned(),
    ];
    if t.place.issuer.starts_with("https:") {
        all.push("secure".to_owned());
    }
    all
}

fn same_origin(t: &Trial<'_>, request: Request, cookie: Cookie, value: &str) -> Request {
    let origin = t.place.issuer.clone();
    let request = request.cookie(&t.place.cookie(cookie), value);
    request.header("origin", &origin).header("sec-fetch-site", "same-origin")
}

fn both_removed(t: &Trial<'_>, answer: &Answer) -> Result {
    ensure_eq!(answer.all("set-cookie").len(), 2);
    for (cookie, path) in [(Cookie::Access, "/"), (Cookie::Refresh, "/")] {
        let set = answer.set_cookie(&t.place.cookie(cookie))?;
        ensure_eq!(set, (String::new(), attributes(t, path, 0)));
    }
    Ok(())
}

fn two_headers_with_every_attribute(t: &Trial<'_>) -> Result {
    let body = json!({ "email": t.email("ada"), "password": PASSWORD });
    for (path, status) in [("/v1/signup", 201), ("/v1/signin", 200)] {
        let answer = t.send(Request::post(path).json(&body))?.ok(status)?;
        ensure_eq!(answer.all("set-cookie").len(), 3, "a header each, and one for the device, never folded");
        let (access, found) = answer.set_cookie(&t.place.cookie(Cookie::Access))?;
        ensure_eq!(found, attributes(t, "/", 900));
        let (refresh, found) = answer.set_cookie(&t.place.cookie(Cookie::Refresh))?;
        // It lives as long as the session, which has begun a moment ago.
        let ages = (604_790..=604_800).map(|age| attributes(t, "/", age));
        ensure!(ages.into_iter().any(|expected| expected == found), "{found:?}");
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(!text.contains(&access) && !text.contains(&refresh), "the body repeats a token");
        ensure!(!text.contains("_token\""), "the body has tokens: {text}");
    }
    Ok(())
}

fn they_open_and_the_body_has_no_token(t: &Trial<'_>) -> Result {
    let (access, refresh) = t.sign_up_in_browser("ada")?;
    let (name, other) = (t.place.cookie(Cookie::Access), t.place.cookie(Cookie::Refresh));
    let good = format!("{name}={access}");
    for cookies in [good.clone(), format!("a=b; {good}; c=d"), format!("theme=\"x;y\"; {good}")] {
        let answer = t.send(Request::get("/v1/session").header("cookie", &cookies))?.ok(200)?;
        ensure_eq!(answer.text("user.email"), t.email("ada"));
    }
    t.send(Request::get("/v1/session").cookie(&other, &refresh))?.problem(401, "not_signed_in")?;
    t.send(Request::get("/v1/session").cookie(&name, &refresh))?.problem(401, "invalid_token")?;
    Ok(())
}

fn similar_names_are_other_cookies(t: &Trial<'_>) -> Result {
    let (access, _) = t.sign_up_in_browser("ada")?;
    let name = t.place.cookie(Cookie::Access);
    for similar in [&name.to_uppercase(), &format!("{name}2"), &format!("x{name}")] {
        t.send(Request::get("/v1/session").cookie(similar, &access))?.problem(401, "not_signed_in")?;
    }
    Ok(())
}

fn cookies_of_others_in_any_encoding_do_not_disturb(t: &Trial<'_>) -> Result {
    let (access, refresh) = t.sign_up_in_browser("ada")?;
    let name = t.place.cookie(Cookie::Access);
    let cookies = format!("city=Zürich; {name}={access}; ключ=значение");
    t.send(Request::get("/v1/session").header("cookie", &cookies))?.ok(200)?;
    let name = t.place.cookie(Cookie::Refresh);
    let request =
        Request::post("/v1/token/refresh").header("cookie", &format!("city=Zürich; {name}={refresh}"));
    t.send(request.header("origin", &t.place.issuer).header("sec-fetch-site", "same-origin"))?.ok(200)?;
    Ok(())
}

fn two_of_one_name_are_refused_and_neither_is_removed(t: &Trial<'_>) -> Result {
    let (access, refresh) = t.sign_up_in_browser("ada")?;
    let name = t.place.cookie(Cookie::Access);
    let cookies = format!("{name}=planted; {name}={access}");
    let answer =
        t.send(Request::get("/v1/session").header("cookie", &cookies))?.problem(401, "duplicate_cookie")?;
    ensure_eq!(answer.all("set-cookie").len(), 0);
    let name = t.place.cookie(Cookie::Refresh);
    let request = same_origin(
        t,
        Request::post("/v1/token/refresh"),
        Cookie::Refresh,
        &format!("planted; {name}={refresh}"),
    );
    let answer = t.send(request)?.problem(401, "duplicate_cookie")?;
    ensure_eq!(answer.all("set-cookie").len(), 0);
    t.send(same_origin(t, Request::post("/v1/token/refresh"), Cookie::Refresh, &refresh))?.ok(200)?;
    Ok(())
}

fn another_scheme_beside_a_good_cookie(t: &Trial<'_>) -> Result {
    let (access, _) = t.sign_up_in_browser("ada")?;
    let request = Request::get("/v1/session").header("authorization", "Basic dXNlcjpwYXNz");
    t.send(request.clone().cookie(&t.place.cookie(Cookie::Access), &access))?.ok(200)?;
    t.send(request)?.problem(401, "not_signed_in")?;
    Ok(())
}

fn refreshed_by_cookie(t: &Trial<'_>) -> Result {
    let (_, first) = t.sign_up_in_browser("ada")?;
    let request = same_origin(t, Request::post("/v1/token/refresh"), Cookie::Refresh, &first);
    let answer = t.send(request)?.ok(200)?;
    ensure_eq!(answer.all("set-cookie").len(), 2);
    let (second, found) = answer.set_cookie(&t.place.cookie(Cookie::Refresh))?;
    ensure!(second != first && second.starts_with("lkr_"), "the token did not change");
    ensure!(found.contains(&"path=/".to_owned()), "{found:?}");
    ensure_eq!(answer.text("refresh_token"), "", "what came in a cookie goes out in one");
    let (access, _) = answer.set_cookie(&t.place.cookie(Cookie::Access))?;
    t.send(Request::get("/v1/session").cookie(&t.place.cookie(Cookie::Access), &access))?.ok(200)?;
    Ok(())
}

fn removed_by_signing_out(t: &Trial<'_>) -> Result {
    let (first, _) = t.sign_up_in_browser("ada")?;
    both_removed(t, &t.send(same_origin(t, Request::post("/v1/signout"), Cookie::Access, &first))?.ok(204)?)?;
    let body = json!({ "email": t.email("ada"), "password": PASSWORD });
    let again = t.send(Request::post("/v1/signin").json(&body))?.ok(200)?;
    let (second, _) = again.set_cookie(&t.place.cookie(Cookie::Access))?;
    let path = format!("/v1/sessions/{}", again.text("session.id"));
    both_removed(t, &t.send(same_origin(t, Request::delete(&path), Cookie::Access, &second))?.ok(204)?)
}

fn removed_by_a_refused_refresh_of_ours(t: &Trial<'_>) -> Result {
    let refresh = |token: &str| same_origin(t, Request::post("/v1/token/refresh"), Cookie::Refresh, token);
    let answer = t.send(refresh("nonsense"))?.problem(401, "invalid_refresh_token")?;
    ensure_eq!(answer.all("set-cookie").len(), 0);
    let (_, token) = t.sign_up_in_browser("ada")?;
    t.send(same_origin(t, Request::post("/v1/signout"), Cookie::Refresh, &token))?.ok(204)?;
    both_removed(t, &t.send(refresh(&token))?.problem(401, "invalid_refresh_token")?)
}

fn signed_out_by_the_refresh_cookie_alone(t: &Trial<'_>) -> Result {
    let (access, refresh) = t.sign_up_in_browser("ada")?;
    let out = same_origin(t, Request::post("/v1/signout"), Cookie::Refresh, &refresh);
    both_removed(t, &t.send(out)?.ok(204)?)?;
    let shown = Request::get("/v1/authorize?permission=products:read&fresh=true");
    t.send(shown.cookie(&t.place.cookie(Cookie::Access), &access))?.problem(401, "session_ended")?;
    Ok(())
}

fn none_with_bearer(t: &Trial<'_>) -> Result {
    let body = bearer(&t.email("ada"), PASSWORD);
    let made = t.send(Request::post("/v1/signup").json(&body))?.ok(201)?;
    let refreshed = t.refresh(&made.text("refresh_token"))?.ok(200)?;
    ensure_eq!((made.all("set-cookie").len(), refreshed.all("set-cookie").len()), (0, 0));
    Ok(())
}
