//! Signed-in users, and tokens that only a holder of the signing key could make.

mod forge;
mod people;
mod whole;

pub use forge::Forge;
pub use latchkey_testkit::people::{
    PASSWORD, Person, bare, credentials, grant, refresh_request, signin_request, signup_request,
};
pub use people::{
    admin, app, external, issuer_of, link, make_role, open_app, provider_app, sign_in, sign_up,
};
pub use whole::assert_whole;
