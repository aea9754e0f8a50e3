//! Providers, one file each: endpoints, scopes, deviations from the standard, and the mapping of their profile.

pub(super) mod apple;
pub(super) mod discord;
pub(super) mod github;
pub(super) mod google;
pub(super) mod linkedin;
pub(super) mod microsoft;
pub(super) mod oidc;

use crate::model::identity::ProviderName;

/// Returns the name of a built-in provider.
fn name(text: &'static str) -> ProviderName {
    #[expect(clippy::expect_used, reason = "the names are constants, and each is made in a test")]
    text.parse().expect("a provider's name is lower-case letters")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Generates JSON that is almost a response of a provider.
    fn near() -> impl Strategy<Value = Vec<u8>> {
        let member = r#""(id|sub|login|username|email|verified|primary|avatar|name)":("[a-z@.]{0,9}"|[0-9]{1,21}|-1|true|null|\[\])"#;
        let object =
            proptest::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(",")));
        let list = proptest::collection::vec(object, 0..3);
        prop_oneof![
            list.clone().prop_map(|list| list.concat().into_bytes()),
            list.prop_map(|list| format!("[{}]", list.join(",")).into_bytes()),
            any::<Vec<u8>>(),
        ]
    }

    proptest! {
        #[test]
        fn no_answer_makes_them_panic(answers in proptest::collection::vec(near(), 0..3)) {
            for profile in [github::profile, discord::profile] {
                if let Some(profile) = profile(&answers) {
                    let _ = profile.into_identity(name("github"), "https://github.com".parse().unwrap());
                }
            }
        }
    }
}
