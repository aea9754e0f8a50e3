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

/// Every route that it describes is there, with the methods that it names and no others.
fn description(t: &Trial<'_>) -> Result {
    if !t.place.running.one_function() {
        return Err(Failure::Skipped("every function is by itself: the description is on `all`"));
    }
    let answer = t.send(Request::get("/openapi.json"))?.ok(200)?;
    ensure_eq!(answer.header("cache-control"), "public, max-age=300");
    ensure_eq!(answer.text("openapi").split('.').next(), Some("3"));
    let document = answer.json();
    let paths = document["paths"].as_object().ok_or_else(|| "no paths".to_owned())?;
    ensure!(paths.len() >= 20, "only {} paths", paths.len());
    for (path, described) in paths {
        let concrete = path.replace("{id}", "0198c0de-0000-7000-8000-000000000000");
        let concrete = concrete.replace("{name}", "user").replace("{provider}", "github");
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            if !described[method.as_str().to_lowercase()].is_null() {
                continue;
            }
            let answer = t.quietly(&Request::new(method.clone(), &concrete))?;
            let answer = answer.problem(405, "method_not_allowed")?;
            let mut allowed: Vec<_> =
                described.as_object().into_iter().flatten().map(|(name, _)| name.to_uppercase()).collect();
            if allowed.iter().any(|name| name == "GET") {
                allowed.push("HEAD".to_owned());
            }
            allowed.sort();
            ensure_eq!(answer.allow(), allowed, "{method} {path}");
        }
    }
    Ok(())
}
