//! The limits as they are by default, each spent by one case from one address, one case after the other.

use latchkey_harness::{Answer, Failure, Request, Result, bearer};
use serde_json::json;

use crate::{PASSWORD, Trial};

cases![
    a_session_asks_600_times_a_minute,
    five_sign_ins_a_minute_whatever_headers_say,
    three_sign_ups_in_15_minutes_whatever_headers_say,
    twenty_refused_sign_ups_in_15_minutes,
    sixty_bad_refreshes_a_minute,
    ten_sign_ins_in_15_minutes_for_one_e_mail_from_anywhere,
    another_address_has_its_own
];

/// Headers in which a client can claim to be somebody else.
const CLAIMS: [&str; 11] = [
    "x-forwarded-for",
    "x-real-ip",
    "cf-connecting-ip",
    "true-client-ip",
    "forwarded",
    "x-client-ip",
    "fastly-client-ip",
    "x-cluster-client-ip",
    "x-forwarded",
    "x-forwarded-host",
    "x-user-id",
];

/// The request with an address of this number in every header that must not matter.
fn claiming(t: &Trial<'_>, mut request: Request, number: usize) -> Request {
    for name in CLAIMS.into_iter().filter(|name| Some(*name) != t.place.running.address_header()) {
        let address = format!("203.0.113.{}", number + 1);
        request = request.header(name, &if name == "forwarded" { format!("for={address}") } else { address });
    }
    request
}

fn is_limited(answer: Answer, limit: &str, seconds: u32) -> Result {
    let answer = answer.problem(429, "rate_limited")?;
    let retry: u32 = answer.header("retry-after").parse().unwrap_or_default();
    ensure!((1..=seconds).contains(&retry), "come again in {retry} s");
    ensure_eq!(answer.header("ratelimit-limit"), limit);
    ensure_eq!(answer.header("ratelimit-remaining"), "0");
    ensure_eq!(answer.header("ratelimit-reset"), answer.header("retry-after"));
    Ok(())
}

/// Asks until nothing remains, each time from an address that only the headers claim; then the next is refused. Others may
/// have spent some before.
fn counts_down(t: &Trial<'_>, limit: u32, seconds: u32, ask: impl Fn(usize) -> Result<Answer>) -> Result {
    let mut last = None::<u32>;
    for number in 0..=limit as usize {
        let answer = ask(number)?;
        if answer.status == 429 {
            ensure_eq!(last, Some(0), "refused though something remained");
            t.note(&format!("then {} {}", answer.status, answer.code()));
            return is_limited(answer, &limit.to_string(), seconds);
        }
        ensure!(answer.status < 300, "{}: {}", answer.asked, answer.shown());
        ensure_eq!(answer.header("ratelimit-limit"), limit.to_string());
        let remaining: Option<u32> = answer.header("ratelimit-remaining").parse().ok();
        ensure!(
            remaining.is_some_and(|now| last.is_none_or(|before| before == now + 1)),
            "what remains went from {last:?} to {remaining:?}"
        );
        last = remaining;
    }
    Err(format!("{} requests and no 429", limit + 1).into())
}

fn a_session_asks_600_times_a_minute(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    // What the passing seconds pay for goes on top, and in no minute more than as much again.
    for number in 0..1200 {
        let request = claiming(t, Request::get("/v1/session").bearer(&root.access), number % 200);
        let answer = t.quietly(&request)?;
        if answer.status == 429 {
            ensure!(number >= 600, "refused after {number}");
            return is_limited(answer, "600", 60);
        }
        answer.ok(200)?;
    }
    Err("1200 requests and no 429".to_owned().into())
}

fn five_sign_ins_a_minute_whatever_headers_say(t: &Trial<'_>) -> Result {
    let admin = t.place.admin.clone().ok_or(Failure::Skipped("no administrator is known here"))?;
    let request = Request::post("/v1/signin").json(&bearer(&admin.email, &admin.password));
    counts_down(t, 5, 60, |number| t.quietly(&claiming(t, request.clone(), number)))
}

fn three_sign_ups_in_15_minutes_whatever_headers_say(t: &Trial<'_>) -> Result {
    for _ in 0..5 {
        let weak = bearer(&t.email("weak"), "password");
        t.send(Request::post("/v1/signup").json(&weak))?.problem(422, "weak_password")?;
    }
    counts_down(t, 3, 900, |number| {
        let body = bearer(&t.email(&format!("ada{number}")), PASSWORD);
        t.quietly(&claiming(t, Request::post("/v1/signup").json(&body), number))
    })
}

/// The case before has spent some.
fn twenty_refused_sign_ups_in_15_minutes(t: &Trial<'_>) -> Result {
    for number in 0..=20 {
        let body = bearer(&t.email("weak"), &"qw".repeat(15));
        let answer = t.quietly(&claiming(t, Request::post("/v1/signup").json(&body), number))?;
        if answer.status == 429 {
            return is_limited(answer, "20", 900);
        }
        answer.problem(422, "weak_password")?;
    }
    Err("21 requests and no 429".to_owned().into())
}

fn sixty_bad_refreshes_a_minute(t: &Trial<'_>) -> Result {
    let request = Request::post("/v1/token/refresh").json(&json!({ "refresh_token": "nonsense" }));
    for number in 0..=60 {
        let answer = t.quietly(&claiming(t, request.clone(), number))?;
        if answer.status == 429 {
            return is_limited(answer, "60", 60);
        }
        answer.problem(401, "invalid_refresh_token")?;
    }
    Err("61 requests and no 429".to_owned().into())
}

/// Known or not, the e-mail has the same limit, and nothing in the responses tells which it is.
fn ten_sign_ins_in_15_minutes_for_one_e_mail_from_anywhere(t: &Trial<'_>) -> Result {
    let name = t
        .place
        .running
        .address_header()
        .ok_or(Failure::Skipped("every request here comes from one address"))?;
    let email = t.email("nobody");
    for number in 0..10 {
        let guess = Request::post("/v1/signin").json(&bearer(&email, "not the password"));
        let answer = t.quietly(&guess.header(name, &format!("198.51.100.{}", 100 + number)))?;
        answer.problem(401, "invalid_credentials")?;
    }
    let guess = Request::post("/v1/signin").json(&bearer(&email, "not the password"));
    is_limited(t.send(guess.header(name, "198.51.100.120"))?, "10", 900)
}

/// Where the platform takes the address from a header that requests here can set, another one is not concerned.
fn another_address_has_its_own(t: &Trial<'_>) -> Result {
    let name = t
        .place
        .running
        .address_header()
        .ok_or(Failure::Skipped("every request here comes from one address"))?;
    let sign_up = |name: &str| Request::post("/v1/signup").json(&bearer(&t.email(name), PASSWORD));
    t.send(sign_up("here"))?.problem(429, "rate_limited")?;
    t.send(sign_up("there").header(name, "198.51.100.23"))?.ok(201)?;
    // An IPv6 address counts by its /64.
    for (number, host) in ["::1", "::2:3", ":ffff:ffff:ffff:ffff"].iter().enumerate() {
        t.send(sign_up(&format!("six{number}")).header(name, &format!("2001:db8:1:2{host}")))?.ok(201)?;
    }
    t.send(sign_up("six4").header(name, "2001:db8:1:2::4"))?.problem(429, "rate_limited")?;
    t.send(sign_up("six5").header(name, "2001:db8:1:3::1"))?.ok(201)?;
    Ok(())
}
