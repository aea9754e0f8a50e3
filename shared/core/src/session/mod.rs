//! Sessions: server-side records that access and refresh tokens refer to.

mod authenticate;
mod holder;
mod list;
mod live;
mod refresh;
mod service;

pub use authenticate::{AuthenticateError, Freshness};
pub use holder::{EndError, TokenHolder};
pub use list::{MAX_SESSIONS, RevokeError, SessionPage};
pub use live::{Live, SessionMemory};
pub use refresh::{RefreshError, RefreshedSession};
pub use service::{NewSession, Opening, PendingSession, Sessions, Tokens};

pub use crate::model::{
    ABSOLUTE_LIFETIME, IDLE_LIFETIME, RECENT_SIGN_IN, ReauthenticationRequired, SEEN_EVERY, Session,
    Transport,
};
