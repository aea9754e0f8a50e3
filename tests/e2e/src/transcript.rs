//! The answers that a case saw, in lines that are equal wherever Latchkey behaves equally.

use std::collections::BTreeSet;
use std::path::Path;

use http::HeaderMap;
use latchkey_harness::{Answer, Result};

/// The headers that every answer has; a line names only those that it has with another value, or lacks.
const USUAL: [(&str, &str); 8] = [
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
    ("referrer-policy", "no-referrer"),
    ("vary", "origin"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];
/// The headers of some answers that belong to the behaviour, with their values.
const COMPARED: [&str; 13] = [
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "allow",
    "cache-control",
    "clear-site-data",
    "content-type",
    "location",
    "www-authenticate",
    "x-latchkey-roles",
];
/// Those whose presence does, while the value depends on what else happens.
const NAMED: [&str; 7] = [
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "retry-after",
    "strict-transport-security",
    "x-latchkey-session",
    "x-latchkey-user",
];
/// The number of its last lines that a failure shows.
const SHOWN: usize = 3;

/// Compares what a case saw with its golden transcript, where `family` names the platforms that have one of their own: that one
/// must differ. `INSTA_UPDATE=always` writes the golden transcript instead.
pub fn compare(case: &str, family: Option<&str>, seen: &[String]) -> Result {
    let (noun, name) = case.split_once("::").unwrap_or((case, "case"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts").join(noun);
    let text = seen.join("\n");
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    if let Some(family) = family {
        let others = std::fs::read_to_string(folder.join(format!("{name}.snap")))?;
        let stale = others.trim_end().ends_with(&format!("---\n{text}"));
        ensure!(!stale, "it sees what the others see; remove its line from known.rs");
        settings.set_snapshot_suffix(family);
    }
    settings.bind(|| insta::assert_snapshot!(name, text));
    Ok(())
}

/// The last lines, for a message.
pub fn end(seen: &[String]) -> String {
    let from = seen.len().saturating_sub(SHOWN);
    seen.iter().skip(from).map(|line| format!("    saw {line}")).collect::<Vec<_>>().join("\n")
}

/// One line of an answer: what was asked, the status, a problem's code and detail or the members of the body, the headers.
/// `word` is what only this case has, so that it can be told from what must be equal.
pub fn line(answer: &Answer, word: &str) -> String {
    let parts =
        [answer.asked.clone(), answer.status.to_string(), body(answer), headers(&answer.headers).join("; ")];
    mask(&parts.join(" | "), word)
}

fn body(answer: &Answer) -> String {
    let json = answer.json();
    if answer.status >= 400 {
        // A detail that says when to come again says another number each time.
        let detail = answer.text("detail");
        let detail = if answer.headers.contains_key("retry-after") { digits(&detail) } else { detail };
        return format!("{}: {detail}", answer.code());
    }
    match json.as_object() {
        Some(members) => members.keys().map(String::as_str).collect::<Vec<_>>().join(","),
        None if answer.body.is_empty() => String::new(),
        None => "not an object".to_owned(),
    }
}

/// Returns a part of the line for each header, a list's values in their order: gateways join and sort them.
fn headers(headers: &HeaderMap) -> Vec<String> {
    let values = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).iter();
        values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
    };
    let joined = |name: &str| {
        let joined = values(name).join(",");
        if ["vary", "allow"].contains(&name) { sorted(&joined) } else { joined }
    };
    let mut lines = Vec::new();
    for (name, usual) in USUAL {
        match joined(name) {
            value if value == usual => {}
            value if value.is_empty() => lines.push(format!("no {name}")),
            value => lines.push(format!("{name}: {value}")),
        }
    }
    if !headers.contains_key("x-request-id") {
        lines.push("no x-request-id".to_owned());
    }
    let compared = COMPARED.iter().filter(|name| headers.contains_key(**name));
    lines.extend(compared.map(|name| format!("{name}: {}", joined(name))));
    lines.extend(NAMED.iter().filter(|name| headers.contains_key(**name)).map(|name| (*name).to_owned()));
    lines.extend(values("set-cookie").iter().map(|value| format!("set-cookie: {}", without_value(value))));
    lines
}

fn sorted(list: &str) -> String {
    let names: BTreeSet<_> = list.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
    names.into_iter().collect::<Vec<_>>().join(",")
}

/// A cookie without what it holds and without the account in its name, its age in whole minutes: a session has begun a moment before its cookie is written.
fn without_value(cookie: &str) -> String {
    let mut parts = cookie.split(';').map(str::trim);
    let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).unwrap_or((cookie, ""));
    let device = "-device-";
    let name = name.find(device).and_then(|place| name.get(..place + device.len())).unwrap_or(name);
    let mut out = format!("{name}={}", if value.is_empty() { "" } else { "…" });
    for part in parts {
        let age = part.strip_prefix("Max-Age=").and_then(|age| age.parse::<u64>().ok());
        match age {
            Some(age) => out.extend([" Max-Age=", &age.div_ceil(60).to_string(), "min"]),
            None => out.extend([" ", part]),
        }
    }
    out
}

/// Without the port in the names of cookies, which tells one server on a machine from another.
fn without_ports(text: &str) -> String {
    const PREFIX: &str = "latchkey-";
    let mut parts = text.split(PREFIX);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(PREFIX);
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        out.push_str(if rest.len() < part.len() { rest.strip_prefix('-').unwrap_or(part) } else { part });
    }
    out
}

/// Without what only this case has: its word, its port, and identifiers.
fn mask(text: &str, word: &str) -> String {
    let text = without_ports(&text.replace(word, "…"));
    let mut masked = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        if let Some(id) = rest.get(..36).filter(|id| is_uuid(id)) {
            masked.push('…');
            rest = rest.get(id.len()..).unwrap_or_default();
        } else {
            masked.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    masked
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(place, byte)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

/// A text in which numbers are not compared: seconds that are left.
fn digits(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('0') {
            out.push('0');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Answer { asked: "GET /v1/x".to_owned(), status, headers: map, body: body.into() }
    }

    #[test]
    fn what_differs_from_run_to_run_is_not_compared() {
        let one = answer(
            429,
            &[("retry-after", "60"), ("x-request-id", "a-1"), ("vary", "Origin, Accept"), ("date", "today")],
            "{\"code\":\"rate_limited\",\"detail\":\"try again in 60 s, w1w\"}",
        );
        let two = answer(
            429,
            &[("retry-after", "7"), ("x-request-id", "b-2"), ("vary", "accept"), ("vary", "origin")],
            "{\"code\":\"rate_limited\",\"detail\":\"try again in 7 s, w2w\"}",
        );
        assert_eq!(line(&one, "w1w"), line(&two, "w2w"));
        let mut user = answer(200, &[], "{}");
        user.asked = "GET /v1/users/0195f2a0-7c1e-7b3a-8f00-0123456789ab".to_owned();
        assert!(line(&user, "w").starts_with("GET /v1/users/… | 200 |  | no content-security-policy"));
    }

    #[test]
    fn what_is_behaviour_is_compared() {
        let base = answer(200, &[("set-cookie", "a=1; HttpOnly")], "{\"user\":1}");
        let all: BTreeSet<_> = [
            base.clone(),
            answer(201, &[("set-cookie", "a=1; HttpOnly")], "{\"user\":1}"),
            answer(200, &[("set-cookie", "a=1")], "{\"user\":1}"),
            answer(200, &[("set-cookie", "a=; HttpOnly")], "{\"user\":1}"),
            answer(200, &[("set-cookie", "a=1; HttpOnly"), ("set-cookie", "b=1")], "{\"user\":1}"),
            answer(200, &[("set-cookie", "a=1; HttpOnly"), ("cache-control", "no-store")], "{\"user\":1}"),
            answer(200, &[("set-cookie", "a=1; HttpOnly")], "{\"user\":1,\"session\":2}"),
        ]
        .iter()
        .map(|answer| line(answer, "w"))
        .collect();
        assert_eq!(all.len(), 7, "{all:#?}");
        let ages = ["a=1; Max-Age=604800", "a=1; Max-Age=604799"].map(without_value);
        assert_eq!(ages, ["a=… Max-Age=10080min", "a=… Max-Age=10080min"]);
        let other = answer(200, &[("set-cookie", "a=2; HttpOnly")], "{\"user\":2}");
        assert_eq!(line(&base, "w"), line(&other, "w"));
        let ports = ["latchkey-8787-access=1", "latchkey-80-access=1", "latchkey-access=1"]
            .map(|cookie| line(&answer(200, &[("set-cookie", cookie)], ""), "w"));
        assert!(ports.iter().all(|line| *line == ports[0]), "{ports:?}");
    }
}
