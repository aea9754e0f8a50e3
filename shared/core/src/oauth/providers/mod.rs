//! The providers, a file each: where they are, what they are asked for, what they do in their own way, and how what they say
//! of a person is read.

pub(super) mod apple;
pub(super) mod discord;
pub(super) mod github;
pub(super) mod google;
pub(super) mod linkedin;
pub(super) mod microsoft;
pub(super) mod oidc;

use super::ProviderName;

/// The name of a provider that is built in.
fn name(text: &'static str) -> ProviderName {
    #[expect(clippy::expect_used, reason = "the names are constants, and each is made in a test")]
    text.parse().expect("a provider's name is lower-case letters")
}
