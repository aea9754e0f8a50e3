use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use latchkey_core::Timestamp;
use latchkey_core::audit::{Action, Actor, AuditCursor, AuditLog, Event, Filter};
use latchkey_http::{Caller, Description, Params, Problem, json, page_size, private};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::user_id;

/// Filter and page of the audit log.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// Only events about this user.
    user: Option<String>,
    /// Only events of this action, such as `signin:failed`.
    action: Option<String>,
    /// Only events from this moment on (RFC 3339).
    since: Option<String>,
    /// Only events before this moment (RFC 3339).
    until: Option<String>,
    /// Maximum number of events on the page: 1 to 200, 50 by default.
    limit: Option<u32>,
    /// `next` of the previous page.
    cursor: Option<String>,
}

/// An event of the audit log.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventBody {
    /// Identifier; sorts by time.
    id: String,
    /// Time of the event (RFC 3339).
    at: String,
    /// Action, such as `signin:failed`.
    action: String,
    /// Actor: `anonymous`, `operator`, `system` or `user:<id>`.
    actor: String,
    /// User whose account the event is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// Other resource that the event is about, such as `session:<id>` or `role:<name>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    /// Client address.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// User agent of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    /// The role, or the roles of the user, before the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// The role, or the roles of the user, after the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
    /// Further details, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    details: BTreeMap<String, String>,
}

/// Events, newest first. A page may hold fewer events than requested although `next` is present.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventList {
    /// Events on this page.
    events: Vec<EventBody>,
    /// `cursor` of the next page, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl From<Event> for EventBody {
    fn from(event: Event) -> Self {
        Self {
            id: event.id.to_string(),
            at: event.at.to_string(),
            action: event.action.as_str().to_owned(),
            actor: match event.actor {
                Actor::Anonymous => "anonymous".to_owned(),
                Actor::Operator => "operator".to_owned(),
                Actor::System => "system".to_owned(),
                Actor::User(id) => format!("user:{id}"),
            },
            user_id: event.user_id.map(|id| id.to_string()),
            resource: event.resource,
            address: event.address,
            user_agent: event.user_agent.map(|agent| agent.to_string()),
            before: event.before,
            after: event.after,
            details: event.details,
        }
    }
}

pub(crate) const LIST: Description = Description {
    id: "list_audit_events",
    summary: "Show the audit log",
    details: "Events, newest first, filtered by user, action and time.",
    responses: &[json::<EventList>(200, "A page of events; needs `system:admin`")],
    problems: &[(400, "`invalid_request`: a parameter is invalid")],
};

pub(crate) async fn list(
    State(audit): State<AuditLog>,
    _: Caller,
    Params(params): Params<AuditParams>,
) -> Result<Response, Problem> {
    let filter = Filter {
        user_id: params.user.as_deref().map(user_id).transpose()?,
        action: params
            .action
            .map(|text| text.parse::<Action>())
            .transpose()
            .map_err(|error| Problem::invalid(error.to_string()))?,
        since: params.since.as_deref().map(|text| moment("since", text)).transpose()?,
        until: params.until.as_deref().map(|text| moment("until", text)).transpose()?,
        limit: page_size(params.limit)?,
        after: params.cursor.map(AuditCursor),
    };
    let page = audit.list(&filter).await?;
    let events = page.events.into_iter().map(Into::into).collect();
    Ok(private(EventList { events, next: page.next.map(|cursor| cursor.0) }))
}

fn moment(name: &str, text: &str) -> Result<Timestamp, Problem> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| Problem::invalid(format!("`{name}` must be a time such as 2026-01-31T12:00:00Z")))
}
