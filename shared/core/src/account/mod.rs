//! Accounts: making one, proving that one is yours, and what an administrator does to them.

mod accounts;
mod device;
mod identity;
mod lockout;
mod manage;
mod named;
mod record;
mod reseal;
mod signin;
mod signup;
mod unlock;
mod user;

pub use accounts::{AccountError, Accounts};
pub use device::{DEVICE_LIFETIME, Device};
pub use identity::{
    Avatar, CodeOpening, GrantError, Handle, Identity, IdentityCode, IdentityError, IdentityHash,
    IdentitySignedIn, InvalidAvatar, InvalidHandle, IssuerCount, KeptGrant, LinkError, LinkTicket, Located,
    MAX_GRANT, MAX_IDENTITIES, ProviderGrant, ProviderProfile, RedeemError, Redemption, Relocated,
    Relocation, UnlinkError,
};
pub use lockout::{FAILURES_PER_LOCK, FIRST_LOCK, LONGEST_LOCK, Lockout, MAX_DEVICE_FAILURES, MAX_FAILURES};
pub use manage::{Authority, ManageError, UserPage};
pub use named::{AccountName, InvalidAccountName, NamedError};
pub use record::{Account, Credential, Login};
pub(crate) use reseal::Reseal;
pub use reseal::SealedCount;
pub use signin::{SignIn, SignInError};
pub use signup::{CheckedSignUp, CreateError, SignUp, SignUpError};
pub use user::{InvalidName, Name, Status, User};
