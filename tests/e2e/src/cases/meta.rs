//! `GET /health`, `GET /openapi.json`.

use http::Method;
use latchkey_harness::{Failure, Request, Result};
use serde_json::json;

use crate::Trial;

cases![health, description];

fn health(t: &Trial<'_>) -> Result {
    let answer = t.send(Request::get("/health"))?.ok(200)?;
    ensure_eq!(answer.text("status"), "ok");
    ensure_eq!(answer.member("stores"), json!({ "table": "ok", "counters": "ok" }));
    ensure!(!answer.text("version").is_empty(), "no version: {}", answer.shown());
    Ok(())
}

/// Every route that it describes is there: one that is not would answer 404, not 405.
fn description(t: &Trial<'_>) -> Result {
    if !t.place.running.one_function() {
        return Err(Failure::Skipped("every function is by itself: the description is on `all`"));
    }
    let answer = t.send(Request::get("/openapi.json"))?.ok(200)?;
    ensure_eq!(answer.text("openapi").split('.').next(), Some("3"));
    let document = answer.json();
    let paths = document["paths"].as_object().ok_or_else(|| "no paths".to_owned())?;
    ensure!(paths.len() >= 20, "only {} paths", paths.len());
    for (path, described) in paths {
        let concrete = path.replace("{id}", "0198c0de-0000-7000-8000-000000000000").replace("{name}", "user");
        if concrete.contains('{') {
            continue;
        }
        // A method that the route does not take changes nothing.
        let methods = [Method::PATCH, Method::PUT, Method::DELETE];
        let free = methods.into_iter().find(|method| described[method.as_str().to_lowercase()].is_null());
        let method = free.ok_or_else(|| format!("{path} takes every method"))?;
        let answer = t.quietly(&Request::new(method, &concrete))?;
        ensure!(answer.status == 405, "{path} is described and not there: {}", answer.shown());
    }
    Ok(())
}
