//! The two cookies of a browser session.

use latchkey_harness::{Answer, Request, Result, bearer};
use serde_json::json;

use crate::{Cookie, PASSWORD, Trial};

cases![
    two_headers_with_every_attribute,
    they_open_and_the_body_has_no_token,
    the_refresh_cookie_opens_nothing_else,
    similar_names_are_other_cookies,
    among_others_the_right_one_is_found,
    cookies_of_others_in_any_encoding_do_not_disturb,
    two_of_one_name_are_refused_and_neither_is_removed,
    another_scheme_beside_a_good_cookie,
    refreshed_by_cookie,
    removed_by_signing_out,
    removed_by_a_refused_refresh_of_ours,
    either_is_enough_to_sign_out,
    none_with_bearer
];

const BOTH: [Cookie; 2] = [Cookie::Access, Cookie::Refresh];

/// The attributes that both have, in lower case and sorted; `Secure` only where the service is on https.
fn attributes(t: &Trial<'_>, max_age: u32) -> Vec<String> {
    let mut all =
        ["httponly", &format!("max-age={max_age}"), "path=/", "samesite=lax"].map(str::to_owned).to_vec();
    if t.place.issuer.starts_with("https:") {
        all.push("secure".to_owned());
    }
    all
}

/// The request as a page of the service itself makes it, with these cookies.
fn same_origin(t: &Trial<'_>, request: Request, cookies: &str) -> Request {
    let request = request.header("cookie", cookies);
    request.header("origin", &t.place.issuer).header("sec-fetch-site", "same-origin")
}

fn pair(t: &Trial<'_>, cookie: Cookie, value: &str) -> String {
    format!("{}={value}", t.place.cookie(cookie))
}

fn both_removed(t: &Trial<'_>, answer: &Answer) -> Result {
    ensure_eq!(answer.all("set-cookie").len(), 2, "{}", answer.asked);
    for cookie in BOTH {
        let set = answer.set_cookie(&t.place.cookie(cookie))?;
        ensure_eq!(set, (String::new(), attributes(t, 0)), "{}", answer.asked);
    }
    Ok(())
}

fn two_headers_with_every_attribute(t: &Trial<'_>) -> Result {
    let body = json!({ "email": t.email("ada"), "password": PASSWORD });
    let named = json!({ "email": t.email("eve"), "password": PASSWORD, "transport": "cookie" });
    for (path, body, status) in [
        ("/v1/signup", &body, 201),
        ("/v1/signin", &body, 200),
        ("/v1/signup", &named, 201),
        ("/v1/signin", &named, 200),
    ] {
        let answer = t.send(Request::post(path).json(body))?.ok(status)?;
        ensure_eq!(answer.all("set-cookie").len(), 3, "a header each, and one for the device, never folded");
        let (access, found) = answer.set_cookie(&t.place.cookie(Cookie::Access))?;
        ensure_eq!(found, attributes(t, 900));
        let (refresh, found) = answer.set_cookie(&t.place.cookie(Cookie::Refresh))?;
        // It lives as long as the session, which has begun a moment ago.
        let ages = (604_790..=604_800).map(|age| attributes(t, age));
        ensure!(ages.into_iter().any(|expected| expected == found), "{found:?}");
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(!text.contains(&access) && !text.contains(&refresh), "the body repeats a token");
        ensure!(!text.contains("_token\""), "the body has tokens: {text}");
    }
    Ok(())
}

fn they_open_and_the_body_has_no_token(t: &Trial<'_>) -> Result {
    let (access, _) = t.sign_up_in_browser("ada")?;
    let answer = t.send(Request::get("/v1/session").header("cookie", &pair(t, Cookie::Access, &access)))?;
    ensure_eq!(answer.ok(200)?.text("user.email"), t.email("ada"));
    Ok(())
}

fn the_refresh_cookie_opens_nothing_else(t: &Trial<'_>) -> Result {
    let (_, refresh) = t.sign_up_in_browser("ada")?;
    for (cookie, code) in [(Cookie::Refresh, "not_signed_in"), (Cookie::Access, "invalid_token")] {
        let request = Request::get("/v1/session").header("cookie", &pair(t, cookie, &refresh));
        t.send(request)?.problem(401, code)?;
    }
    t.send(Request::get("/v1/session").bearer(&refresh))?.problem(401, "invalid_token")?;
    Ok(())
}

fn similar_names_are_other_cookies(t: &Trial<'_>) -> Result {
    let (access, _) = t.sign_up_in_browser("ada")?;
    let name = t.place.cookie(Cookie::Access);
    for similar in [
        &name.to_uppercase(),
        &format!("{name}2"),
        &format!("x{name}"),
        &format!("{name} "),
        &format!("__Host-{name}"),
        &format!("__Secure-{name}"),
        "latchkey-access",
        "__host-latchkey-access",
        &t.place.cookie(Cookie::Refresh),
    ] {
        t.send(Request::get("/v1/session").cookie(similar, &access))?.problem(401, "not_signed_in")?;
    }
    Ok(())
}

fn among_others_the_right_one_is_found(t: &Trial<'_>) -> Result {
    let (access, _) = t.sign_up_in_browser("ada")?;
    let good = pair(t, Cookie::Access, &access);
    let similar = pair(t, Cookie::Access, "evil").to_uppercase();
    for cookies in [
        format!("a=b; {good}; c=d"),
        format!("{good};a=b"),
        format!("a; =; ;{good}"),
        format!("theme=\"x;y\"; {good}"),
        format!("{similar}; {good}"),
    ] {
        t.send(Request::get("/v1/session").header("cookie", &cookies))?.ok(200)?;
    }
    Ok(())
}

fn cookies_of_others_in_any_encoding_do_not_disturb(t: &Trial<'_>) -> Result {
    let (access, refresh) = t.sign_up_in_browser("ada")?;
    let cookies = format!("city=Zürich; {}; ключ=значение", pair(t, Cookie::Access, &access));
    t.send(Request::get("/v1/session").header("cookie", &cookies))?.ok(200)?;
    let cookies = format!("city=Zürich; {}", pair(t, Cookie::Refresh, &refresh));
    t.send(same_origin(t, Request::post("/v1/token/refresh"), &cookies))?.ok(200)?;
    Ok(())
}

fn two_of_one_name_are_refused_and_neither_is_removed(t: &Trial<'_>) -> Result {
    let (access, refresh) = t.sign_up_in_browser("ada")?;
    for (request, cookie, good) in [
        (Request::get("/v1/session"), Cookie::Access, &access),
        (Request::post("/v1/token/refresh"), Cookie::Refresh, &refresh),
    ] {
        let (name, good) = (t.place.cookie(cookie), pair(t, cookie, good));
        for other in [format!("{name}=planted"), format!("{name}="), good.clone()] {
            for cookies in [format!("{other}; {good}"), format!("{good}; {other}")] {
                let answer = t.send(same_origin(t, request.clone(), &cookies))?;
                let answer = answer.problem(401, "duplicate_cookie")?;
                ensure!(answer.text("detail").contains(&format!("`{name}`")), "{}", answer.shown());
                ensure_eq!(answer.all("set-cookie").len(), 0);
            }
        }
        t.send(same_origin(t, request, &good))?.ok(200)?;
    }
    // A page of another site is not let through by a second cookie, and a bearer token says who asks, whatever cookies say.
    let name = t.place.cookie(Cookie::Access);
    let two = format!("{name}=x; {name}={access}");
    let forged = Request::post("/v1/signout").header("origin", "https://evil.example");
    t.send(forged.header("cookie", &two))?.problem(403, "cross_site_request")?;
    t.send(Request::get("/v1/session").bearer(&access).header("cookie", &two))?.ok(200)?;
    Ok(())
}

fn another_scheme_beside_a_good_cookie(t: &Trial<'_>) -> Result {
    let (access, _) = t.sign_up_in_browser("ada")?;
    let cookie = pair(t, Cookie::Access, &access);
    for scheme in ["Basic dXNlcjpwYXNz", "Negotiate abc", "DPoP x", "Basic", "Bearerx y"] {
        let request = Request::get("/v1/session").header("authorization", scheme);
        t.send(request.clone().header("cookie", &cookie))?.ok(200)?;
        t.send(request)?.problem(401, "not_signed_in")?;
    }
    // A bad token of ours is not made good by a cookie.
    let both = Request::get("/v1/session").bearer("nonsense").header("cookie", &cookie);
    t.send(both)?.problem(401, "invalid_token")?;
    Ok(())
}

fn refreshed_by_cookie(t: &Trial<'_>) -> Result {
    let (_, first) = t.sign_up_in_browser("ada")?;
    let request = same_origin(t, Request::post("/v1/token/refresh"), &pair(t, Cookie::Refresh, &first));
    let answer = t.send(request)?.ok(200)?;
    ensure_eq!(answer.all("set-cookie").len(), 2);
    let (second, found) = answer.set_cookie(&t.place.cookie(Cookie::Refresh))?;
    ensure!(second != first && second.starts_with("lkr_"), "the token did not change");
    ensure!(found.contains(&"path=/".to_owned()), "{found:?}");
    ensure_eq!(answer.text("refresh_token"), "", "what came in a cookie goes out in one");
    let (access, _) = answer.set_cookie(&t.place.cookie(Cookie::Access))?;
    t.send(Request::get("/v1/session").header("cookie", &pair(t, Cookie::Access, &access)))?.ok(200)?;
    Ok(())
}

fn removed_by_signing_out(t: &Trial<'_>) -> Result {
    t.sign_up_in_browser("ada")?;
    let body = json!({ "email": t.email("ada"), "password": PASSWORD });
    for way in ["/v1/signout", "/v1/signout/all", "/v1/sessions/"] {
        let begun = t.send(Request::post("/v1/signin").json(&body))?.ok(200)?;
        let (access, _) = begun.set_cookie(&t.place.cookie(Cookie::Access))?;
        let request = if way.ends_with('/') {
            Request::delete(&format!("{way}{}", begun.text("session.id")))
        } else {
            Request::post(way)
        };
        let answer = t.send(same_origin(t, request, &pair(t, Cookie::Access, &access)))?.ok(204)?;
        both_removed(t, &answer)?;
        ensure_eq!(answer.header("clear-site-data"), "\"cache\"", "{way}");
    }
    Ok(())
}

fn removed_by_a_refused_refresh_of_ours(t: &Trial<'_>) -> Result {
    let ask = |path: &str, token: &str| {
        t.send(same_origin(t, Request::post(path), &pair(t, Cookie::Refresh, token)))
    };
    for path in ["/v1/token/refresh", "/v1/signout"] {
        let answer = ask(path, "nonsense")?.problem(401, "invalid_refresh_token")?;
        ensure_eq!(answer.all("set-cookie").len(), 0);
    }
    let (_, token) = t.sign_up_in_browser("ada")?;
    ask("/v1/signout", &token)?.ok(204)?;
    both_removed(t, &ask("/v1/token/refresh", &token)?.problem(401, "invalid_refresh_token")?)
}

fn either_is_enough_to_sign_out(t: &Trial<'_>) -> Result {
    for (number, chosen) in [&BOTH[..1], &BOTH[1..], &BOTH].into_iter().enumerate() {
        let (access, refresh) = t.sign_up_in_browser(&format!("ada{number}"))?;
        let pairs = chosen.iter().map(|cookie| match cookie {
            Cookie::Access => pair(t, Cookie::Access, &access),
            Cookie::Refresh => pair(t, Cookie::Refresh, &refresh),
        });
        let cookies = pairs.collect::<Vec<_>>().join("; ");
        let out = || t.send(same_origin(t, Request::post("/v1/signout"), &cookies));
        both_removed(t, &out()?.ok(204)?)?;
        let shown = Request::get("/v1/authorize?permission=products:read&fresh=true");
        t.send(shown.header("cookie", &pair(t, Cookie::Access, &access)))?.problem(401, "session_ended")?;
        both_removed(t, &out()?.problem(401, "session_ended")?)?;
    }
    t.send(Request::post("/v1/signout"))?.problem(401, "not_signed_in")?;
    Ok(())
}

fn none_with_bearer(t: &Trial<'_>) -> Result {
    let body = bearer(&t.email("ada"), PASSWORD);
    let made = t.send(Request::post("/v1/signup").json(&body))?.ok(201)?;
    let refreshed = t.refresh(&made.text("refresh_token"))?.ok(200)?;
    ensure_eq!((made.all("set-cookie").len(), refreshed.all("set-cookie").len()), (0, 0));
    Ok(())
}
