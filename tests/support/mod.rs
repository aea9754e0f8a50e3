//! Signed-in users, and tokens that only a holder of the signing key could make.

mod forge;
mod people;
mod whole;

pub use forge::Forge;
pub use people::{
    PASSWORD, Signed, admin, app, credentials, external, grant, link, make_role, open_app, provider_app,
    sign_in, sign_up,
};
pub use whole::assert_whole;
