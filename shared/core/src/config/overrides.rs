use super::ConfigError;
use super::reader::Reader;
use crate::limit::Limits;
use crate::password::Argon2Parameters;

/// Danger that an operator accepts by naming it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Override {
    /// `LATCHKEY_ALLOW_WEAK_HASHES=yes`: `LATCHKEY_ARGON2` may be below OWASP's minimum.
    WeakHashes,
    /// `LATCHKEY_ALLOW_NO_LIMITS=yes`: `LATCHKEY_LIMITS` may be `off`.
    NoLimits,
}

impl Override {
    const ALL: [Self; 2] = [Self::WeakHashes, Self::NoLimits];

    /// Returns the variable that allows it.
    pub const fn variable(self) -> &'static str {
        match self {
            Self::WeakHashes => "LATCHKEY_ALLOW_WEAK_HASHES",
            Self::NoLimits => "LATCHKEY_ALLOW_NO_LIMITS",
        }
    }

    /// Returns its consequence, for the log of each start.
    pub const fn consequence(self) -> &'static str {
        match self {
            Self::WeakHashes => {
                "stolen password hashes are cheap to guess: remove it and set LATCHKEY_ARGON2 to m=19456,t=2,p=1"
            }
            Self::NoLimits => "passwords can be guessed without a limit: remove it and set LATCHKEY_LIMITS",
        }
    }

    fn given(self, value: Option<&str>) -> Result<bool, ConfigError> {
        match value {
            None => Ok(false),
            Some("yes") => Ok(true),
            Some(_) => Err(ConfigError::new(self.variable(), "is not yes", "write yes, or remove it")),
        }
    }
}

/// Reads the dangers that the operator allows.
pub(super) fn read(reader: &mut Reader<'_>) -> Vec<Override> {
    let given = |danger: &Override| {
        let value = danger.given(reader.text(danger.variable()).as_deref());
        reader.take(value) == Some(true)
    };
    Override::ALL.into_iter().filter(given).collect()
}

/// Returns the allowed dangers that are in use: without them the configuration would be refused on a public URL.
pub(super) fn in_use(allowed: &[Override], limits: Limits, argon2: &Argon2Parameters) -> Vec<Override> {
    let in_use = |danger: &&Override| match danger {
        Override::WeakHashes => !argon2.meets_owasp(),
        Override::NoLimits => limits == Limits::Off,
    };
    allowed.iter().filter(in_use).copied().collect()
}
