//! Accounts: sign-up, sign-in, and changes by administrators.

mod accounts;
mod administration;
mod creation;
mod device;
mod identity;
mod lookup;
mod own_account;
mod password_sign_in;
mod passwords;
mod registration;
mod reseal;

pub(crate) use accounts::Accounts;
pub use accounts::UserPage;
pub use administration::{Authority, ManageError, UserAdministration};
pub use creation::CreateError;
pub use device::Devices;
pub use identity::{
    CodeOpening, IdentityCode, IdentityError, IdentityLinking, IdentityRelocation, IssuerCount,
    IssuerIdentities, LinkError, MAX_PROVIDER_REFRESH_TOKEN, ProviderSession, ProviderSignIn, RedeemError,
    Redemption, Relocation, RelocationReport, StoredRefreshToken, TokenVault, UnlinkError, VaultError,
};
pub use lookup::NamedError;
pub use own_account::{CheckedPasswordChange, DeleteError, OwnAccount, PasswordChange, PasswordChangeError};
pub use password_sign_in::{PasswordSignIn, SignIn, SignInError};
pub(crate) use passwords::Passwords;
pub use registration::{CheckedSignUp, Registration, SignUp, SignUpError};
pub use reseal::SealedCount;
pub(crate) use reseal::{AccountSeals, Reseal};

pub use crate::model::identity::{
    Avatar, Handle, Identity, IdentityHash, InvalidAvatar, InvalidHandle, LinkTicket, MAX_IDENTITIES,
    ProviderProfile, ProviderRefreshToken,
};
pub use crate::model::{
    Account, AccountName, Credential, DEVICE_LIFETIME, Device, FAILURES_PER_LOCK, FIRST_LOCK,
    InvalidAccountName, InvalidName, LONGEST_LOCK, Lockout, Login, MAX_DEVICE_FAILURES, MAX_FAILURES, Name,
    Status, User,
};
