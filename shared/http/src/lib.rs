//! How Latchkey speaks HTTP, the same on every platform: a tower service over the services of [`latchkey_core`].
//!
//! A function crate makes a [`Function`] of its [`Routes`], each with who may call it and a [`Description`]. [`app`] puts any number
//! of functions behind the edge that every request passes: canonical paths, CSRF, CORS, security headers, request
//! identifiers, problems.

mod answer;
mod app;
pub mod bearer;
mod body;
mod caller;
mod client;
pub mod cookies;
mod cors;
mod csrf;
mod description;
mod device;
mod edge;
mod flow;
mod function;
mod health;
mod navigation;
#[cfg(feature = "description")]
mod openapi;
mod page;
mod paging;
mod params;
mod paths;
mod problem;
mod provider;
mod refusal;
mod routes;
mod signature;
mod strict;

pub use answer::{
    SessionBody, SignedInBody, TransportName, UserBody, clear_cookies, private, rate_limit_headers,
    set_cookies, signed_in, signed_out, tokens_refreshed,
};
pub use app::{App, app};
pub use body::{Body, MAX_BODY, RequestTimeout};
pub use caller::{BearerOnly, Caller, Holders, Replaced};
pub use client::{ClientInfo, PeerAddress};
pub use description::{Description, ResponseDescription, any_json, bodiless, json};
pub use device::{DeviceCookies, MAX_DEVICE_COOKIES};
pub use edge::{Edge, canonical, without_service};
pub use flow::{clear_flow, flow_cookie, flow_cookies, set_flow};
pub use function::Function;
pub use health::health;
pub use page::{Onward, see_other};
pub use paging::{DEFAULT_LIMIT, MAX_LIMIT, PageParams, page_size};
pub use params::{Params, PathParam, PathParams, Segment};
pub use paths::Paths;
pub use problem::{Problem, ProblemBody};
pub use routes::{Access, Operation, Routes};
pub use signature::{Input, Inputs, Signature};
pub use strict::{AnyQuery, Query, Takes};
