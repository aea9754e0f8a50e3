use super::ConfigError;
use super::reader::Reader;
use crate::password::{Argon2Parameters, PasswordRules, RangeService};

const NAME: &str = "LATCHKEY_ARGON2";

/// Password settings.
pub(super) struct PasswordSettings {
    pub argon2: Argon2Parameters,
    pub breached: Option<RangeService>,
    pub rules: PasswordRules,
}

impl PasswordSettings {
    /// Reads the settings. With `allow_weak`, a hash may cost less than OWASP's minimum.
    pub fn read(reader: &mut Reader<'_>, allow_weak: bool) -> Self {
        let argon2 = reader.parsed(NAME, "use m=19456,t=2,p=1").unwrap_or_default();
        let argon2 = reader.take(checked(argon2, allow_weak)).unwrap_or_default();
        let breached = reader.parsed("LATCHKEY_BREACHED", "use https://api.pwnedpasswords.com/range/");
        let min = reader.number("LATCHKEY_PASSWORD_MIN", 8, 8..=64);
        Self { argon2, breached, rules: PasswordRules { min_chars: usize::from(min) } }
    }
}

fn checked(argon2: Argon2Parameters, allow_weak: bool) -> Result<Argon2Parameters, ConfigError> {
    if argon2.meets_owasp() || allow_weak {
        return Ok(argon2);
    }
    Err(ConfigError::new(
        NAME,
        format!("`{argon2}` is below OWASP's minimum, which only a loopback LATCHKEY_URL may use"),
        "use m=19456,t=2,p=1, m=12288,t=3,p=1 or m=7168,t=5,p=1, or take the risk with LATCHKEY_ALLOW_WEAK_HASHES=yes",
    ))
}
