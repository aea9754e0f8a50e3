//! Password hashes and their cost.

use std::fmt;
use std::str::FromStr;

use argon2::Params;
use argon2::password_hash::phc::{self, Output, ParamsString, Salt};
use serde::{Deserialize, Serialize};

use super::Sealed;

const ALGORITHM: &str = "argon2id";
const VERSION: u32 = 19;

/// Cost of one argon2id hash (RFC 9106, section 3.1), for this service and for an attacker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argon2Parameters(pub(crate) Params);

/// Error: the parameters are outside of the range of argon2.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "not argon2 parameters: expected m=<KiB>,t=<passes>,p=<lanes>, such as m=19456,t=2,p=1, with m at least 8 times p"
)]
pub struct InvalidArgon2Parameters;

/// OWASP's minimum parameters for argon2id, from its Password Storage Cheat Sheet: memory in KiB and passes. All choices are
/// equally strong.
const OWASP_LEAST: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9216, 4), (7168, 5)];

impl Argon2Parameters {
    /// Returns the work of one hash, in computed blocks of 1 KiB. It measures the cost of a guess and the time of a hash.
    fn work(&self) -> u64 {
        u64::from(self.0.m_cost()).saturating_mul(u64::from(self.0.t_cost()))
    }

    /// Returns true if it reaches at least one of OWASP's minimum choices.
    pub fn meets_owasp(&self) -> bool {
        OWASP_LEAST.iter().any(|(memory, passes)| self.0.m_cost() >= *memory && self.0.t_cost() >= *passes)
    }

    /// Returns true if it protects better than `other`: it takes more work, or reaches OWASP's minimum where `other` does not.
    pub(crate) fn is_above(&self, other: &Self) -> bool {
        match (self.meets_owasp(), other.meets_owasp()) {
            (true, false) => true,
            (false, true) => false,
            (true, true) | (false, false) => self.work() > other.work(),
        }
    }

    /// Returns parameters for the work that this one lacks to reach that of `dearer`; `None` if the difference is negligible.
    pub(crate) fn rest_of(&self, dearer: &Self) -> Option<Self> {
        let missing = dearer.work().checked_sub(self.work())?;
        let passes = u64::from(dearer.0.t_cost());
        let memory = u32::try_from(missing.checked_div(passes)?).ok()?;
        Params::new(memory, dearer.0.t_cost(), 1, Some(32)).map(Self).ok()
    }
}

impl Default for Argon2Parameters {
    /// Returns 19 MiB, 2 passes, 1 lane: the first choice of the OWASP cheat sheet.
    fn default() -> Self {
        Self(Params::new(19 * 1024, 2, 1, Some(32)).unwrap_or_default())
    }
}

impl FromStr for Argon2Parameters {
    type Err = InvalidArgon2Parameters;

    /// Reads `m=19456,t=2,p=1`: memory in KiB, passes, lanes. At most 1 GiB, 32 passes and 16 lanes.
    fn from_str(text: &str) -> Result<Self, InvalidArgon2Parameters> {
        let mut values = text.split(',').zip(["m", "t", "p"]).map(|(part, name)| {
            part.trim()
                .split_once('=')
                .filter(|(key, _)| *key == name)
                .and_then(|(_, v)| v.parse::<u32>().ok())
        });
        let (Some(Some(m)), Some(Some(t)), Some(Some(p)), 3) =
            (values.next(), values.next(), values.next(), text.split(',').count())
        else {
            return Err(InvalidArgon2Parameters);
        };
        if m > 1024 * 1024 || t > 32 || p > 16 {
            return Err(InvalidArgon2Parameters);
        }
        Params::new(m, t, p, Some(32)).map(Self).map_err(|_| InvalidArgon2Parameters)
    }
}

impl fmt::Display for Argon2Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={},t={},p={}", self.0.m_cost(), self.0.t_cost(), self.0.p_cost())
    }
}

/// Hashed password as a PHC string, `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PasswordHash {
    pub(crate) parameters: Argon2Parameters,
    pub(crate) salt: [u8; 16],
    pub(crate) hash: [u8; 32],
}

/// Error: the text is not an argon2id PHC string with a salt of 16 bytes and a hash of 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a password hash: expected an argon2id PHC string with a 16-byte salt and a 32-byte hash")]
pub struct InvalidPasswordHash;

impl PasswordHash {
    /// Returns a hash that costs the same work to compare and matches nothing, for an attempt at which no password is tried.
    pub(crate) fn decoy(&self) -> Self {
        Self { parameters: self.parameters.clone(), salt: [0; 16], hash: [0; 32] }
    }

    /// Returns true if `wanted` protects better than the parameters of this hash, so that the next sign-in makes a new hash. A
    /// cost lowered later does not weaken existing hashes.
    pub fn is_outdated(&self, wanted: &Argon2Parameters) -> bool {
        wanted.is_above(&self.parameters)
    }
}

impl FromStr for PasswordHash {
    type Err = InvalidPasswordHash;

    fn from_str(text: &str) -> Result<Self, InvalidPasswordHash> {
        let parsed = phc::PasswordHash::new(text).map_err(|_| InvalidPasswordHash)?;
        if parsed.algorithm.as_str() != ALGORITHM || parsed.version != Some(VERSION) {
            return Err(InvalidPasswordHash);
        }
        let params = Params::try_from(&parsed.params).map_err(|_| InvalidPasswordHash)?;
        // With a key id or data it would match no password.
        if !params.keyid().is_empty() || !params.data().is_empty() {
            return Err(InvalidPasswordHash);
        }
        let parameters = format!("m={},t={},p={}", params.m_cost(), params.t_cost(), params.p_cost())
            .parse()
            .map_err(|_| InvalidPasswordHash)?;
        let salt = parsed.salt.as_ref().and_then(|s| <[u8; 16]>::try_from(AsRef::<[u8]>::as_ref(s)).ok());
        let hash = parsed.hash.as_ref().and_then(|h| <[u8; 32]>::try_from(h.as_bytes()).ok());
        match (salt, hash) {
            (Some(salt), Some(hash)) => Ok(Self { parameters, salt, hash }),
            _ => Err(InvalidPasswordHash),
        }
    }
}

impl TryFrom<String> for PasswordHash {
    type Error = InvalidPasswordHash;
    fn try_from(text: String) -> Result<Self, InvalidPasswordHash> {
        text.parse()
    }
}

impl From<PasswordHash> for String {
    fn from(hash: PasswordHash) -> String {
        // Every part was checked when the value was made. An empty text does not parse, so it never verifies.
        let params = || {
            let mut params = ParamsString::new();
            params.add_decimal("m", hash.parameters.0.m_cost())?;
            params.add_decimal("t", hash.parameters.0.t_cost())?;
            params.add_decimal("p", hash.parameters.0.p_cost())?;
            Ok::<_, phc::Error>(phc::PasswordHash {
                algorithm: phc::Ident::new(ALGORITHM)?,
                version: Some(VERSION),
                params,
                salt: Some(Salt::new(&hash.salt)?),
                hash: Some(Output::new(&hash.hash)?),
            })
        };
        params().map(|phc| phc.to_string()).unwrap_or_default()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordHash").field("parameters", &self.parameters).finish_non_exhaustive()
    }
}

/// Stored password hash, sealed and bound to its user. A stolen table is worthless without `LATCHKEY_SECRET`, and a hash copied
/// to another user cannot be opened.
///
/// A hash written without access to the secret (by the SQL of `latchkey d1 first-admin`, or by an import) is unsealed until its
/// owner signs in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoredHash(pub(crate) Form);

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Form {
    Sealed(Sealed),
    Unsealed(PasswordHash),
}

impl fmt::Debug for StoredHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Sealed(_) => f.write_str("StoredHash(sealed)"),
            Form::Unsealed(_) => f.write_str("StoredHash(unsealed)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(text: &str) -> Argon2Parameters {
        text.parse().unwrap()
    }

    #[test]
    fn parameters_have_bounds_and_one_spelling() {
        assert_eq!(Argon2Parameters::default().to_string(), "m=19456,t=2,p=1");
        for bad in [
            "",
            "m=19456",
            "t=2,m=19456,p=1",
            "m=7,t=1,p=1",
            "m=19456,t=0,p=1",
            "m=9999999,t=2,p=1",
            "m=64,t=1,p=1,x=2",
        ] {
            assert!(bad.parse::<Argon2Parameters>().is_err(), "{bad}");
        }
    }

    #[test]
    fn owasps_least_is_any_of_its_choices() {
        for enough in [
            "m=19456,t=2,p=1",
            "m=47104,t=1,p=1",
            "m=12288,t=3,p=1",
            "m=9216,t=4,p=1",
            "m=7168,t=5,p=1",
            "m=65536,t=3,p=4",
        ] {
            assert!(parameters(enough).meets_owasp(), "{enough}");
        }
        for less in ["m=19455,t=2,p=1", "m=19456,t=1,p=1", "m=7167,t=32,p=1", "m=4096,t=1,p=1", "m=8,t=1,p=1"]
        {
            assert!(!parameters(less).meets_owasp(), "{less}");
        }
    }

    #[test]
    fn other_algorithms_and_sizes_are_no_password_hash() {
        for text in ["", "$2b$12$abc", "$argon2i$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA", "plain"] {
            assert_eq!(text.parse::<PasswordHash>(), Err(InvalidPasswordHash), "{text}");
        }
    }
}
