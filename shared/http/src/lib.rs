//! The HTTP interface of Latchkey, the same on every platform: a tower service over the services of
//! [`latchkey_core`].
//!
//! A function crate builds a [`Function`] from its [`Routes`], each with an access rule and a
//! [`Description`]. [`app`] puts any number of functions behind the middleware that every request passes:
//! canonical paths, CSRF, CORS, security headers, request identifiers, problems.

mod app;
mod authorization_cookie;
pub mod bearer;
mod body;
mod caller;
mod client;
pub mod cookies;
mod cors;
mod csrf;
mod description;
mod device;
mod function;
mod health;
mod middleware;
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
mod response;
mod routes;
mod signature;
mod strict;

pub use app::{App, app};
pub use authorization_cookie::{
    authorization_cookie, authorization_cookies, clear_authorization_cookie, set_authorization_cookie,
};
pub use body::{Body, MAX_BODY, RequestTimeout};
pub use caller::{BearerOnly, Caller, Replaced, TokenHolders};
pub use client::{ClientInfo, PeerAddress};
pub use description::{Description, ResponseDescription, any_json, bodiless, json};
pub use device::{DeviceCookies, MAX_DEVICE_COOKIES};
pub use function::Function;
pub use health::health;
pub use middleware::{Middleware, canonical, without_service};
pub use page::{Onward, see_other};
pub use paging::{DEFAULT_LIMIT, MAX_LIMIT, PageParams, page_size};
pub use params::{Params, PathParam, PathParams, Segment};
pub use paths::Paths;
pub use problem::{Problem, ProblemBody};
pub use response::{
    SessionBody, SignedInBody, TransportName, UserBody, clear_cookies, private, rate_limit_headers,
    set_cookies, signed_in, signed_out, tokens_refreshed,
};
pub use routes::{Access, Operation, Routes};
pub use signature::{Input, Inputs, Signature};
pub use strict::{AnyQuery, Query, Takes};
