use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use latchkey_core::port::WriteFault;
use latchkey_core::port::table::Key;
use latchkey_core::{Ports, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{AnyQuery, Description, Function, Routes, json};

/// Time for which a response is reused. The route is public, and each check costs the stores a round trip.
const REPEATED_FOR: Duration = Duration::from_secs(5);

const OK: &str = "ok";
const UNAVAILABLE: &str = "unavailable";

/// Result of the last check of the stores.
#[derive(Default)]
pub(crate) struct Health(Mutex<Option<(Timestamp, Stores)>>);

/// The state of each store: `ok` or `unavailable`.
#[derive(Clone, Copy, Serialize, ToSchema)]
pub struct Stores {
    /// Store of accounts, sessions, keys and roles. If it can be read but not written, the reason:
    /// `disk_full`, `read_only` or `write_failed`.
    table: &'static str,
    /// Store of rate limits. The service runs without it.
    counters: &'static str,
}

/// The health of the service.
#[derive(Serialize, ToSchema)]
pub struct HealthBody {
    /// `ok`, `degraded` if reads work but writes fail, or `unavailable`.
    status: &'static str,
    /// The running version.
    version: &'static str,
    /// State of the stores, at most 5 seconds old.
    stores: Stores,
}

/// Returns `GET /health`, which every deployment has.
pub fn health() -> Function {
    Routes::new("meta").public(Method::GET, "/health", show, &HEALTH).into()
}

const HEALTH: Description = Description {
    id: "show_health",
    summary: "Health",
    details: "Checks the service and its stores. The result of a check is reused for 5 seconds.",
    responses: &[
        json::<HealthBody>(200, "It works"),
        json::<HealthBody>(503, "The table does not respond, or it cannot be written"),
    ],
    problems: &[],
};

async fn show(_: AnyQuery, State(ports): State<Ports>, State(health): State<Arc<Health>>) -> Response {
    let now = ports.clock.now();
    let known = *health.0.lock().unwrap_or_else(PoisonError::into_inner);
    let stores = match known {
        Some((at, stores)) if at <= now && now.since(at) < REPEATED_FOR => stores,
        _ => {
            let stores = look(&ports, now).await;
            *health.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, stores));
            stores
        }
    };
    let works = stores.table == OK;
    let status = if works { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = HealthBody {
        status: match stores.table {
            word @ (OK | UNAVAILABLE) => word,
            _ => "degraded",
        },
        version: env!("CARGO_PKG_VERSION"),
        stores,
    };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

async fn look(ports: &Ports, now: Timestamp) -> Stores {
    let word = |works: bool| if works { OK } else { UNAVAILABLE };
    let table = match ports.table.get(&[Key::probe()], now).await {
        Ok(_) => match ports.table.check_writes(now).await {
            Ok(()) => OK,
            Err(fault) => {
                tracing::error!(%fault, "the table cannot be written");
                match fault {
                    WriteFault::DiskFull => "disk_full",
                    WriteFault::ReadOnly => "read_only",
                    WriteFault::Other => "write_failed",
                }
            }
        },
        Err(_) => UNAVAILABLE,
    };
    // This call reaches the counters but counts nothing: most functions never count, and some are not allowed
    // to write.
    Stores { table, counters: word(ports.counters.hit(&[], now).await.is_ok()) }
}
