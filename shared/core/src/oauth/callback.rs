//! Authorization response of a provider (RFC 6749, section 4.1.2), as it comes from a browser that anybody may have sent.

use secrecy::SecretString;

use super::profile;

/// Maximum length of a code, in bytes. Codes of Microsoft have about 1,200.
pub const MAX_CODE: usize = 4096;
/// Maximum length of a response, in bytes.
const MAX_ANSWER: usize = 16 * 1024;
/// Maximum length of a state. Those of Latchkey have 44 characters.
const MAX_STATE: usize = 64;

/// Parameters of a response, each at most once.
#[derive(Debug, Default)]
pub struct ProviderResponse {
    pub(super) state: Option<String>,
    pub(super) code: Option<SecretString>,
    pub(super) error: Option<String>,
    pub(super) iss: Option<String>,
    /// Name from the `user` parameter of Apple.
    pub(super) name: Option<String>,
}

/// Reason that a response is refused. Users see the texts; no text contains any part of the response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// The response belongs to no authorization request of this browser: it is forged, expired or used, or belongs to another
    /// browser or another provider.
    #[error(
        "this sign-in was not started in this browser, took longer than 10 minutes, or is already finished; start it again"
    )]
    State,
    /// The response comes from another issuer than that of the authorization request (RFC 9207).
    #[error("the response comes from another provider; start the sign-in again")]
    Issuer,
    /// The provider refused to send a code.
    #[error("{0}")]
    Provider(ProviderError),
    /// The code is missing, or cannot be a code.
    #[error("the provider sent no usable code; start the sign-in again")]
    Code,
}

/// Error codes of RFC 6749, section 4.1.2.1, and OpenID Connect Core, section 3.1.2.6, grouped by the reaction to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The user cancelled.
    #[error("the sign-in was cancelled at the provider")]
    Denied,
    /// The provider has a problem.
    #[error("the provider cannot sign anybody in now; try again later")]
    Unavailable,
    /// Any other error, mostly a wrong setting here or at the provider.
    #[error("the provider refused the sign-in; check the settings here and at the provider")]
    Refused,
}

impl ProviderError {
    fn of(code: &str) -> Self {
        match code {
            // The second one is Apple's.
            "access_denied"
            | "user_cancelled_authorize"
            | "user_cancelled_login"
            | "consent_required"
            | "interaction_required"
            | "login_required" => Self::Denied,
            "server_error" | "temporarily_unavailable" => Self::Unavailable,
            _ => Self::Refused,
        }
    }
}

impl ProviderResponse {
    /// Parses a query or a form body. Refuses parameters that are named twice (RFC 6749, section 3.1), and ignores unknown
    /// ones.
    pub fn parse(text: &str) -> Result<Self, CallbackError> {
        if text.len() > MAX_ANSWER {
            return Err(CallbackError::State);
        }
        let mut returned = Self::default();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let once = match name.as_ref() {
                "state" => put(&mut returned.state, value.into_owned()),
                "code" => put(&mut returned.code, value.into_owned().into()),
                "error" => put(&mut returned.error, value.into_owned()),
                "iss" => put(&mut returned.iss, value.into_owned()),
                "user" => {
                    returned.name = name_in(&value);
                    true
                }
                _ => true,
            };
            if !once {
                return Err(CallbackError::State);
            }
        }
        Ok(returned)
    }

    pub(super) fn state(&self) -> Result<&str, CallbackError> {
        self.state
            .as_deref()
            .filter(|state| (1..=MAX_STATE).contains(&state.len()))
            .ok_or(CallbackError::State)
    }

    /// Returns the code, unless the provider sent an error instead.
    pub(super) fn code(&self) -> Result<&SecretString, CallbackError> {
        use secrecy::ExposeSecret;
        if let Some(error) = &self.error {
            return Err(CallbackError::Provider(ProviderError::of(error)));
        }
        // Visible characters (RFC 6749, appendix A.11).
        let fits = |code: &&SecretString| {
            let code = code.expose_secret();
            (1..=MAX_CODE).contains(&code.len()) && code.bytes().all(|b| (b' '..=b'~').contains(&b))
        };
        self.code.as_ref().filter(fits).ok_or(CallbackError::Code)
    }
}

fn put<T>(slot: &mut Option<T>, value: T) -> bool {
    slot.replace(value).is_none()
}

/// Returns the name in Apple's `user`. Apple sends it once, at the first sign-in, next to the code and unsigned: use it only
/// for display.
fn name_in(json: &str) -> Option<String> {
    let user: serde_json::Value = crate::json::read(json.as_bytes()).ok()?;
    let part = |name: &str| user.pointer(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    profile::line(&format!("{} {}", part("/name/firstName"), part("/name/lastName")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parameters_come_once() {
        for twice in ["state=a&state=a", "code=a&code=b", "iss=a&iss=b", "error=a&error=b"] {
            assert_eq!(ProviderResponse::parse(twice).err(), Some(CallbackError::State), "{twice}");
        }
        let returned = ProviderResponse::parse("state=a%20b&session_state=x&code=c&scope=y&scope=z").unwrap();
        assert_eq!(returned.state(), Ok("a b"));
        assert!(returned.code().is_ok());
    }

    #[test]
    fn codes_have_bounds() {
        for bad in ["", "code=", "code=a%00b", "code=%C3%A9", &format!("code={}", "x".repeat(MAX_CODE + 1))] {
            assert_eq!(
                ProviderResponse::parse(bad).unwrap().code().err(),
                Some(CallbackError::Code),
                "{bad}"
            );
        }
        assert!(ProviderResponse::parse(&format!("code={}", "x".repeat(MAX_CODE))).unwrap().code().is_ok());
    }

    #[test]
    fn an_error_wins_over_a_code_and_is_never_repeated() {
        for (code, kind) in [
            ("access_denied", ProviderError::Denied),
            ("temporarily_unavailable", ProviderError::Unavailable),
            ("invalid_scope", ProviderError::Refused),
            ("<script>alert(1)</script>", ProviderError::Refused),
        ] {
            let error = ProviderResponse::parse(&format!("code=x&error={code}")).unwrap().code().unwrap_err();
            assert_eq!(error, CallbackError::Provider(kind));
            assert!(!error.to_string().contains(code));
        }
    }

    #[test]
    fn apples_name_is_one_line() {
        let name = |json: &str| {
            let query =
                url::form_urlencoded::Serializer::new(String::new()).append_pair("user", json).finish();
            ProviderResponse::parse(&query).unwrap().name
        };
        assert_eq!(
            name(r#"{"name":{"firstName":"Ada","lastName":"Lovelace"},"email":"x"}"#).as_deref(),
            Some("Ada Lovelace")
        );
        assert_eq!(name(r#"{"name":{"firstName":"A\nda"}}"#).as_deref(), Some("Ada"));
        for none in ["", "x", "[]", "{}", r#"{"name":7}"#, r#"{"name":{"firstName":{}}}"#] {
            assert_eq!(name(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|((state|code|error|iss|user)=[%a-f0-9{}\":]{0,20}&){0,6}") {
            if let Ok(returned) = ProviderResponse::parse(&text) {
                let _ = (returned.state().is_ok(), returned.code().is_ok());
            }
        }
    }
}
