//! Records and value types of the domain. Nothing here needs a port.
//!
//! Services build on this module, and it does not import them. Behaviour of a record that needs a clock, randomness or a secret
//! is an `impl` in the module of its service.

mod account;
mod account_name;
mod address;
pub mod audit;
mod device;
mod digest;
mod email;
mod id;
pub mod identity;
mod lockout;
pub(crate) mod password_hash;
pub mod permission;
pub(crate) mod refresh_family;
mod sealed;
mod session;
mod setting;
pub(crate) mod shards;
pub mod store;
mod time;
mod user;

pub use account::{Account, Credential, Login};
pub use account_name::{AccountName, InvalidAccountName};
pub use address::{ClientAddress, Network, UnknownAddress};
pub use device::{DEVICE_LIFETIME, Device};
pub use digest::Digest;
pub use email::{Email, InvalidEmail};
pub use id::{DeviceId, EventId, InvalidId, SessionId, UserId};
pub use lockout::{FAILURES_PER_LOCK, FIRST_LOCK, LONGEST_LOCK, Lockout, MAX_DEVICE_FAILURES, MAX_FAILURES};
pub(crate) use lockout::{Guess, Shut};
pub use password_hash::{
    Argon2Parameters, InvalidArgon2Parameters, InvalidPasswordHash, PasswordHash, StoredHash,
};
pub use refresh_family::RefreshFamily;
pub(crate) use sealed::SecretId;
pub use sealed::{InvalidSealed, Sealed};
pub use session::{
    ABSOLUTE_LIFETIME, IDLE_LIFETIME, RECENT_SIGN_IN, ReauthenticationRequired, SEEN_EVERY, Session,
    Transport,
};
pub(crate) use setting::is_loopback;
pub use setting::{ConfigError, Exposure};
pub use time::Timestamp;
pub use user::{InvalidName, Name, Status, User};
