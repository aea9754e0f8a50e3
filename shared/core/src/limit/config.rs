//! Limited actions and their quotas: built in, or from `LATCHKEY_LIMITS`.

use std::fmt;
use std::str::FromStr;

use super::quota::{InvalidQuota, Quota};

/// Action that is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Sign-up, by client address.
    Signup,
    /// Sign-up, by e-mail address.
    SignupEmail,
    /// Sign-up that is refused, for example for a weak password; by client address.
    SignupRefused,
    /// Sign-in with a password, by client address.
    Signin,
    /// Sign-in with a password, by e-mail address, even one without an account. By device if the browser signed in to this
    /// account before.
    SigninEmail,
    /// Like [`SigninEmail`](Self::SigninEmail), over a longer window.
    SigninEmailDay,
    /// Return from an OAuth provider, by client address.
    OauthCallback,
    /// Any other public route, by client address.
    Public,
    /// Read with a valid token, by session; counted in process.
    Session,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 9] = [
        Self::Signup,
        Self::SignupEmail,
        Self::SignupRefused,
        Self::Signin,
        Self::SigninEmail,
        Self::SigninEmailDay,
        Self::OauthCallback,
        Self::Public,
        Self::Session,
    ];

    /// Returns its name in configuration, in keys and in errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signup => "signup",
            Self::SignupEmail => "signup_email",
            Self::SignupRefused => "signup_refused",
            Self::Signin => "signin",
            Self::SigninEmail => "signin_email",
            Self::SigninEmailDay => "signin_email_day",
            Self::OauthCallback => "oauth_callback",
            Self::Public => "public",
            Self::Session => "session",
        }
    }

    /// Returns the default quota.
    pub const fn default_quota(self) -> Quota {
        match self {
            Self::Signup => Quota::per_minutes(3, 15),
            Self::SignupEmail => Quota::per_minutes(5, 60),
            Self::SignupRefused => Quota::per_minutes(20, 15),
            Self::Signin => Quota::per_minutes(5, 1),
            Self::SigninEmail => Quota::per_minutes(10, 15),
            Self::SigninEmailDay => Quota::per_minutes(50, 24 * 60),
            Self::OauthCallback => Quota::per_minutes(10, 1),
            Self::Public => Quota::per_minutes(60, 1),
            Self::Session => Quota::per_minutes(600, 1),
        }
    }

    /// Returns true if it accepts or creates a credential. Such an action stays limited, in process, while the counters fail.
    pub const fn is_credential(self) -> bool {
        match self {
            Self::Signup
            | Self::SignupEmail
            | Self::SignupRefused
            | Self::Signin
            | Self::SigninEmail
            | Self::SigninEmailDay
            | Self::OauthCallback => true,
            Self::Public | Self::Session => false,
        }
    }
}

impl FromStr for Action {
    type Err = InvalidLimits;

    fn from_str(name: &str) -> Result<Self, InvalidLimits> {
        let unknown = || InvalidLimits::UnknownAction { name: name.to_owned() };
        Self::ALL.into_iter().find(|action| action.name() == name).ok_or_else(unknown)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Quotas of all actions, or none. Written `signup=3/15m,signin=10/30s`, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limits {
    /// Every action has a quota.
    On(Quotas),
    /// Nothing is counted or refused, for load tests on a local machine.
    Off,
}

/// Quota of each action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    signup: Quota,
    signup_email: Quota,
    signup_refused: Quota,
    signin: Quota,
    signin_email: Quota,
    signin_email_day: Quota,
    oauth_callback: Quota,
    public: Quota,
    session: Quota,
}

impl Limits {
    /// Parses the quotas that differ from the defaults. An empty text changes none. `off` for the whole text is accepted only
    /// with `allow_off`.
    pub fn parse(text: &str, allow_off: bool) -> Result<Self, InvalidLimits> {
        let text = text.trim();
        if text == "off" {
            return if allow_off { Ok(Self::Off) } else { Err(InvalidLimits::OffNotAllowed) };
        }
        let mut quotas = Quotas::default();
        if text.is_empty() {
            return Ok(Self::On(quotas));
        }
        let mut seen = Vec::new();
        for part in text.split(',').map(str::trim) {
            let (name, quota) =
                part.split_once('=').ok_or_else(|| InvalidLimits::NoPair { part: part.to_owned() })?;
            let action: Action = name.parse()?;
            if seen.contains(&action) {
                return Err(InvalidLimits::Twice { action });
            }
            seen.push(action);
            *quotas.slot(action) =
                quota.parse().map_err(|why| InvalidLimits::Quota { part: part.to_owned(), why })?;
        }
        Ok(Self::On(quotas))
    }

    /// Returns the quota of `action`; `None` if limits are off.
    pub const fn quota(&self, action: Action) -> Option<Quota> {
        match self {
            Self::On(quotas) => Some(quotas.of(action)),
            Self::Off => None,
        }
    }
}

impl Quotas {
    /// Returns the quota of `action`.
    pub const fn of(&self, action: Action) -> Quota {
        match action {
            Action::Signup => self.signup,
            Action::SignupEmail => self.signup_email,
            Action::SignupRefused => self.signup_refused,
            Action::Signin => self.signin,
            Action::SigninEmail => self.signin_email,
            Action::SigninEmailDay => self.signin_email_day,
            Action::OauthCallback => self.oauth_callback,
            Action::Public => self.public,
            Action::Session => self.session,
        }
    }

    const fn slot(&mut self, action: Action) -> &mut Quota {
        match action {
            Action::Signup => &mut self.signup,
            Action::SignupEmail => &mut self.signup_email,
            Action::SignupRefused => &mut self.signup_refused,
            Action::Signin => &mut self.signin,
            Action::SigninEmail => &mut self.signin_email,
            Action::SigninEmailDay => &mut self.signin_email_day,
            Action::OauthCallback => &mut self.oauth_callback,
            Action::Public => &mut self.public,
            Action::Session => &mut self.session,
        }
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            signup: Action::Signup.default_quota(),
            signup_email: Action::SignupEmail.default_quota(),
            signup_refused: Action::SignupRefused.default_quota(),
            signin: Action::Signin.default_quota(),
            signin_email: Action::SigninEmail.default_quota(),
            signin_email_day: Action::SigninEmailDay.default_quota(),
            oauth_callback: Action::OauthCallback.default_quota(),
            public: Action::Public.default_quota(),
            session: Action::Session.default_quota(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::On(Quotas::default())
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::On(quotas) = self else { return f.write_str("off") };
        for (place, action) in Action::ALL.into_iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{action}={}", quotas.of(action))?;
        }
        Ok(())
    }
}

/// Reason that a text is not [`Limits`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLimits {
    /// The text is `off`, which would leave a public service unprotected.
    #[error(
        "limits can be off on a loopback LATCHKEY_URL only: remove the value, raise quotas, such as signin=100/1m, or take the \
         risk with LATCHKEY_ALLOW_NO_LIMITS=yes"
    )]
    OffNotAllowed,
    /// A part has no equals sign.
    #[error("{part:?} is not an action and its quota: write it as signup=3/15m, parts separated by commas")]
    NoPair {
        /// Part.
        part: String,
    },
    /// A part names an action that is not limited.
    #[error("{name:?} is not limited: choose from {}", Action::ALL.map(Action::name).join(", "))]
    UnknownAction {
        /// Text before the equals sign.
        name: String,
    },
    /// The quota of a part is not valid.
    #[error("{part:?} has no valid quota: {why}")]
    Quota {
        /// Part.
        part: String,
        /// Expected form.
        why: InvalidQuota,
    },
    /// Two parts name the same action.
    #[error("{action} is given twice: keep one of the two")]
    Twice {
        /// Action.
        action: Action,
    },
}

#[cfg(test)]
mod tests {
    use super::super::quota::{MAX_LIMIT, MAX_SECS};
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn the_defaults() {
        let shown = Limits::default().to_string();
        assert_eq!(
            shown,
            "signup=3/15m,signup_email=5/1h,signup_refused=20/15m,signin=5/1m,signin_email=10/15m,signin_email_day=50/1d,\
             oauth_callback=10/1m,public=60/1m,session=600/1m"
        );
        for text in ["", "  ", shown.as_str(), "session=600/60s, signup=3/15m"] {
            assert_eq!(Limits::parse(text, false), Ok(Limits::default()), "{text:?}");
        }
    }

    #[test]
    fn a_given_quota_replaces_only_its_default() {
        let limits = Limits::parse("signup=7/2h,signin=10/30s", false).unwrap();
        for action in Action::ALL {
            let expected = match action {
                Action::Signup => "7/2h".parse().unwrap(),
                Action::Signin => "10/30s".parse().unwrap(),
                _ => action.default_quota(),
            };
            assert_eq!(limits.quota(action), Some(expected), "{action}");
        }
    }

    #[test]
    fn off_is_for_where_it_is_allowed() {
        assert_eq!(Limits::parse(" off ", true), Ok(Limits::Off));
        assert_eq!(Limits::parse("off", false), Err(InvalidLimits::OffNotAllowed));
        assert_eq!(Limits::Off.quota(Action::Signin), None);
        assert!(Limits::parse("signin=off", true).is_err());
        assert!(Limits::parse("off,signin=5/1m", true).is_err());
    }

    #[test]
    fn errors_name_the_part_and_the_fix() {
        for (text, part, fix) in [
            ("off", "off", "LATCHKEY_ALLOW_NO_LIMITS=yes"),
            ("signup=3/15m,signin", "\"signin\"", "write it as signup=3/15m"),
            ("signup=3/15m,", "\"\"", "write it as signup=3/15m"),
            ("sign-up=3/15m", "\"sign-up\"", "signup, signup_email"),
            ("Signup=3/15m", "\"Signup\"", "signup, signup_email"),
            ("signup=3", "\"signup=3\"", "such as 3/15m"),
            ("signup=0/1m", "\"signup=0/1m\"", "count of 1 to 10000"),
            ("signup = 3/15m", "\"signup \"", "signup, signup_email"),
            ("signup=3/15m,signup=4/15m", "signup", "keep one"),
            ("a\nb=1/1m", "\"a\\nb\"", "choose from"),
        ] {
            let error = Limits::parse(text, false).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains(fix), "{text:?}: {error}");
            assert!(!error.contains('\n'), "{error:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(quotas in proptest::array::uniform9((1..=MAX_LIMIT, 1..=MAX_SECS))) {
            let mut all = Quotas::default();
            for (action, (limit, secs)) in Action::ALL.into_iter().zip(quotas) {
                *all.slot(action) = Quota::new(limit, Duration::from_secs(secs)).unwrap();
            }
            let limits = Limits::On(all);
            prop_assert_eq!(Limits::parse(&limits.to_string(), false), Ok(limits));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|[a-z_=0-9/smhd,]*") {
            let _ = Limits::parse(&text, true);
        }
    }
}
