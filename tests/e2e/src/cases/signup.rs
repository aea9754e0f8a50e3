//! `POST /v1/signup`.

use latchkey_harness::{Request, Result, bearer};
use serde_json::json;

use crate::{PASSWORD, Person, Trial};

cases![made, taken, other_alphabets, refused, two_hundred_at_once];

fn made(t: &Trial<'_>) -> Result {
    let mut body = bearer(&t.email("Ada"), PASSWORD);
    body["name"] = json!(" Ada Lovelace ");
    let answer = t.send(Request::post("/v1/signup").json(&body))?.ok(201)?;
    ensure_eq!(answer.text("user.email"), t.email("ada"));
    ensure_eq!(answer.text("user.name"), "Ada Lovelace");
    ensure_eq!(answer.member("user.roles"), json!(["user"]));
    ensure_eq!(answer.member("user.email_verified"), json!(false));
    ensure_eq!(answer.text("session.transport"), "bearer");
    ensure_eq!(answer.text("session.user_agent"), "latchkey-e2e");
    ensure!(!answer.text("session.address").is_empty(), "the session has no address: {}", answer.shown());
    ensure_eq!((answer.text("token_type"), answer.member("expires_in")), ("Bearer".to_owned(), json!(900)));
    let ada = Person::read(&answer)?;
    ensure_eq!(t.ask(Request::get("/v1/session"), &ada)?.ok(200)?.text("session.id"), ada.session);
    Ok(())
}

fn taken(t: &Trial<'_>) -> Result {
    t.sign_up("ada")?;
    for email in [t.email("ada"), t.email("ADA"), format!(" {} ", t.email("ada"))] {
        t.send(Request::post("/v1/signup").json(&bearer(&email, PASSWORD)))?.problem(409, "email_taken")?;
    }
    Ok(())
}

/// A domain beyond ASCII is stored as A-labels, and is one domain in both spellings.
fn other_alphabets(t: &Trial<'_>) -> Result {
    let ascii = "xn--exmple-cua.com";
    let email = t.email("ada");
    let (local, _) = email.split_once('@').ok_or_else(|| "no address".to_owned())?;
    let made =
        t.send(Request::post("/v1/signup").json(&bearer(&format!("{local}@Exämple.com"), PASSWORD)))?;
    ensure_eq!(made.ok(201)?.text("user.email"), format!("{local}@{ascii}"));
    for email in [format!("{local}@exämple.com"), format!("{local}@{ascii}")] {
        t.send(Request::post("/v1/signup").json(&bearer(&email, PASSWORD)))?.problem(409, "email_taken")?;
    }
    Ok(())
}

fn refused(t: &Trial<'_>) -> Result {
    let email = t.email("ada");
    let long = "x".repeat(257);
    for (body, code) in [
        (bearer("ada", PASSWORD), "invalid_email"),
        (bearer("ada@localhost", PASSWORD), "invalid_email"),
        (bearer(&format!("{email},eve@example.com"), PASSWORD), "invalid_email"),
        (bearer(&format!("ﬂ{email}"), PASSWORD), "invalid_email"),
        (bearer(&format!("ｂ{email}"), PASSWORD), "invalid_email"),
        (bearer(&email.replace('@', "＠"), PASSWORD), "invalid_email"),
        (bearer(&format!("=?utf-8?q?{email}"), PASSWORD), "invalid_email"),
        (bearer(&email, "seven 7"), "weak_password"),
        (bearer(&email, "password123"), "weak_password"),
        (bearer(&email, &long), "weak_password"),
        (bearer(&email, &email), "weak_password"),
        (json!({ "email": email, "password": PASSWORD, "name": "two\nlines" }), "invalid_name"),
        (json!({ "email": email, "password": PASSWORD, "transport": "pigeon" }), "invalid_request"),
        (json!({ "email": email }), "invalid_request"),
        (json!({ "email": 1, "password": PASSWORD }), "invalid_request"),
        (json!([email, PASSWORD]), "invalid_request"),
    ] {
        t.send(Request::post("/v1/signup").json(&body))?.problem(422, code)?;
    }
    t.sign_up("ada")?;
    Ok(())
}

fn two_hundred_at_once(t: &Trial<'_>) -> Result {
    let spellings = [t.email("ada"), t.email("Ada"), t.email("ADA")];
    let requests: Vec<_> = spellings
        .iter()
        .cycle()
        .take(200)
        .map(|email| Request::post("/v1/signup").json(&bearer(email, PASSWORD)))
        .collect();
    let answers = t.at_once(&requests)?;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    let taken = answers.iter().filter(|answer| answer.code() == "email_taken").count();
    ensure_eq!((made.len(), taken), (1, 199));
    let ada = Person::read(made.first().ok_or_else(|| "nobody".to_owned())?)?;
    ensure_eq!(t.sign_in(&ada)?.id, ada.id);
    Ok(())
}
