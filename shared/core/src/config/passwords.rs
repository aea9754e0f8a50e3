use super::ConfigError;
use super::reader::Reader;
use crate::password::{PasswordRules, RangeService, Strength};

const NAME: &str = "LATCHKEY_ARGON2";

/// Settings of passwords.
pub(super) struct PasswordSettings {
    pub strength: Strength,
    pub breached: Option<RangeService>,
    pub rules: PasswordRules,
}

impl PasswordSettings {
    /// Reads them; `allow_weak` says whether a hash may cost less than OWASP asks for.
    pub fn read(reader: &mut Reader<'_>, allow_weak: bool) -> Self {
        let strength = reader.parsed(NAME, "use m=19456,t=2,p=1").unwrap_or_default();
        let strength = reader.take(checked(strength, allow_weak)).unwrap_or_default();
        let breached = reader.parsed("LATCHKEY_BREACHED", "use https://api.pwnedpasswords.com/range/");
        let min = reader.number("LATCHKEY_PASSWORD_MIN", 8, 8..=64);
        Self { strength, breached, rules: PasswordRules { min_chars: usize::from(min) } }
    }
}

fn checked(strength: Strength, allow_weak: bool) -> Result<Strength, ConfigError> {
    if strength.meets_owasp() || allow_weak {
        return Ok(strength);
    }
    Err(ConfigError::new(
        NAME,
        format!("`{strength}` is below OWASP's least, which only a loopback LATCHKEY_URL may use"),
        "use m=19456,t=2,p=1, m=12288,t=3,p=1 or m=7168,t=5,p=1, or take the risk with LATCHKEY_ALLOW_WEAK_HASHES=yes",
    ))
}
