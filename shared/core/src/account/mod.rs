//! Accounts: making one, proving that one is yours, and what an administrator does to them.

mod accounts;
mod administration;
mod creation;
mod device;
mod identity;
mod lockout;
mod lookup;
mod name;
mod password_sign_in;
mod passwords;
mod record;
mod registration;
mod reseal;
mod user;

pub(crate) use accounts::Accounts;
pub use accounts::UserPage;
pub use administration::{Authority, ManageError, UserAdministration};
pub use creation::CreateError;
pub use device::{DEVICE_LIFETIME, Device};
pub use identity::{
    Avatar, CodeOpening, GrantError, Handle, Identity, IdentityCode, IdentityError, IdentityHash,
    IdentityLinking, IdentityRelocation, IdentitySignedIn, InvalidAvatar, InvalidHandle, IssuerCount,
    KeptGrant, LinkError, LinkTicket, Located, MAX_GRANT, MAX_IDENTITIES, ProviderGrant, ProviderProfile,
    ProviderSignIn, RedeemError, Redemption, Relocated, Relocation, TokenVault, UnlinkError,
};
pub use lockout::{FAILURES_PER_LOCK, FIRST_LOCK, LONGEST_LOCK, Lockout, MAX_DEVICE_FAILURES, MAX_FAILURES};
pub use lookup::NamedError;
pub use name::{AccountName, InvalidAccountName};
pub use password_sign_in::{PasswordSignIn, SignIn, SignInError};
pub(crate) use passwords::Passwords;
pub use record::{Account, Credential, Login};
pub use registration::{CheckedSignUp, Registration, SignUp, SignUpError};
pub use reseal::SealedCount;
pub(crate) use reseal::{AccountSeals, Reseal};
pub use user::{InvalidName, Name, Status, User};
