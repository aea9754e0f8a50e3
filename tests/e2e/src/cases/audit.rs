//! `GET /v1/audit`.

use latchkey_harness::{Answer, Request, Result};

use crate::{PASSWORD, Person, Trial};

cases![an_event_says_who_did_what, events_are_paged, an_administrators_change_is_noted, what_is_no_question];

const WRONG: &str = "not the right one";

fn of(t: &Trial<'_>, root: &Person, person: &Person, query: &str) -> Result<Answer> {
    t.ask(Request::get(&format!("/v1/audit?user={}{query}", person.id)), root)?.ok(200)
}

fn an_event_says_who_did_what(t: &Trial<'_>) -> Result {
    let (root, ada) = (t.admin()?, t.sign_up("ada")?);
    t.try_sign_in(&ada.email, WRONG)?.problem(401, "invalid_credentials")?;
    let failed = of(t, &root, &ada, "&action=signin:failed")?;
    let events = failed.list("events")?;
    ensure_eq!(events.len(), 1);
    ensure_eq!(failed.text("events.0.actor"), "anonymous");
    ensure_eq!(failed.text("events.0.user_agent"), "latchkey-e2e");
    ensure!(!failed.text("events.0.address").is_empty(), "an event has no address: {}", failed.shown());
    let made = of(t, &root, &ada, "&action=signup:succeeded")?;
    ensure_eq!(made.text("events.0.actor"), format!("user:{}", ada.id));
    let text = of(t, &root, &ada, "")?.json().to_string();
    for secret in [WRONG, PASSWORD, "lkr_", &ada.access] {
        ensure!(!text.contains(secret), "the audit log holds {secret}");
    }
    Ok(())
}

fn events_are_paged(t: &Trial<'_>) -> Result {
    let (root, ada) = (t.admin()?, t.sign_up("ada")?);
    for _ in 0..4 {
        t.try_sign_in(&ada.email, WRONG)?.problem(401, "invalid_credentials")?;
    }
    let all = of(t, &root, &ada, "")?.list("events")?;
    ensure_eq!(all.len(), 5);
    let (mut walked, mut after) = (Vec::new(), String::new());
    for _ in 0..10 {
        let path = format!("/v1/audit?user={}&limit=2{after}", ada.id);
        let page = t.quietly(&Request::get(&path).bearer(&root.access))?.ok(200)?;
        walked.extend(page.list("events")?);
        if page.text("next").is_empty() {
            break;
        }
        after = format!("&cursor={}", page.text("next"));
    }
    ensure_eq!(walked, all);
    Ok(())
}

fn an_administrators_change_is_noted(t: &Trial<'_>) -> Result {
    let (root, ada) = (t.admin()?, t.sign_up("ada")?);
    t.grant(&root, &ada, "content-editor")?;
    let granted = of(t, &root, &ada, "&action=role:granted")?;
    ensure_eq!(granted.text("events.0.actor"), format!("user:{}", root.id));
    ensure_eq!(granted.text("events.0.resource"), "role:content-editor");
    t.ask(Request::delete(&format!("/v1/users/{}", ada.id)), &root)?.ok(204)?;
    let kept = of(t, &root, &ada, "&action=user:deleted")?;
    ensure_eq!(kept.list("events")?.len(), 1, "the log outlives the account");
    Ok(())
}

fn what_is_no_question(t: &Trial<'_>) -> Result {
    let root = t.admin()?;
    for query in [
        "user=nonsense",
        "action=signin:unheard-of",
        "since=yesterday",
        "limit=0",
        "cursor=nonsense",
        "cursor=bm9uc2Vuc2U",
    ] {
        t.ask(Request::get(&format!("/v1/audit?{query}")), &root)?.problem(400, "invalid_request")?;
    }
    Ok(())
}
