//! The domain of Latchkey and the ports it needs.
//!
//! Nothing here does I/O, knows an HTTP framework or names a platform: whatever comes from outside, the clock and
//! randomness too, comes through a trait of [`port`]. The domain is laid out by its nouns, a folder each.

// account
// audit
// config
pub mod email;
pub mod id;
// limit
// password
// permission
pub mod port;
pub mod seal;
// session
pub mod time;
pub mod token;

// Config
pub use email::Email;
pub use id::{EventId, SessionId, UserId};
pub use port::Ports;
pub use secrecy::{ExposeSecret, SecretString};
pub use time::Timestamp;
