use std::fmt;
use std::str::FromStr;

use argon2::Params;
use argon2::password_hash::phc::{self, Output, ParamsString, Salt};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::Password;
use crate::port::{Derivation, Entropy, HasherError, PasswordHasher};

const ALGORITHM: &str = "argon2id";
const VERSION: u32 = 19;

/// What one argon2id hash costs whoever computes it (RFC 9106, section 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strength(Params);

/// The parameters are outside of what argon2 can compute.
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "not argon2 parameters: expected m=<KiB>,t=<passes>,p=<lanes>, such as m=19456,t=2,p=1, with m at least 8 times p"
)]
pub struct InvalidStrength;

/// OWASP's least for argon2id, from its Password Storage Cheat Sheet: memory in KiB and passes. Each is as good as the others.
const OWASP_LEAST: [(u32, u32); 5] = [(47_104, 1), (19_456, 2), (12_288, 3), (9216, 4), (7168, 5)];

impl Strength {
    /// The work of one hash, in blocks of 1 KiB computed: what it takes whoever guesses, and the time that it takes here.
    fn work(&self) -> u64 {
        u64::from(self.0.m_cost()).saturating_mul(u64::from(self.0.t_cost()))
    }

    /// Whether it is at least one of OWASP's choices.
    pub fn meets_owasp(&self) -> bool {
        OWASP_LEAST.iter().any(|(memory, passes)| self.0.m_cost() >= *memory && self.0.t_cost() >= *passes)
    }

    /// Whether it protects better than `other`: it takes more work, or meets OWASP's least where the other does not.
    fn is_above(&self, other: &Self) -> bool {
        match (self.meets_owasp(), other.meets_owasp()) {
            (true, false) => true,
            (false, true) => false,
            (true, true) | (false, false) => self.work() > other.work(),
        }
    }

    /// What is missing from the work of this to that of `dearer`; `None` when it is next to nothing.
    fn rest_of(&self, dearer: &Self) -> Option<Self> {
        let missing = dearer.work().checked_sub(self.work())?;
        let passes = u64::from(dearer.0.t_cost());
        let memory = u32::try_from(missing.checked_div(passes)?).ok()?;
        Params::new(memory, dearer.0.t_cost(), 1, Some(32)).map(Self).ok()
    }
}

impl Default for Strength {
    /// 19 MiB, 2 passes, 1 lane: the OWASP cheat sheet's first choice.
    fn default() -> Self {
        Self(Params::new(19 * 1024, 2, 1, Some(32)).unwrap_or_default())
    }
}

impl FromStr for Strength {
    type Err = InvalidStrength;

    /// Reads `m=19456,t=2,p=1`: memory in KiB, passes, lanes. At most 1 GiB, 32 passes and 16 lanes.
    fn from_str(text: &str) -> Result<Self, InvalidStrength> {
        let mut values = text.split(',').zip(["m", "t", "p"]).map(|(part, name)| {
            part.trim()
                .split_once('=')
                .filter(|(key, _)| *key == name)
                .and_then(|(_, v)| v.parse::<u32>().ok())
        });
        let (Some(Some(m)), Some(Some(t)), Some(Some(p)), 3) =
            (values.next(), values.next(), values.next(), text.split(',').count())
        else {
            return Err(InvalidStrength);
        };
        if m > 1024 * 1024 || t > 32 || p > 16 {
            return Err(InvalidStrength);
        }
        Params::new(m, t, p, Some(32)).map(Self).map_err(|_| InvalidStrength)
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={},t={},p={}", self.0.m_cost(), self.0.t_cost(), self.0.p_cost())
    }
}

/// A hashed password as a PHC string, `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PasswordHash {
    strength: Strength,
    salt: [u8; 16],
    hash: [u8; 32],
}

/// The text is not an argon2id PHC string with a salt of 16 and a hash of 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a password hash: expected an argon2id PHC string with a 16-byte salt and a 32-byte hash")]
pub struct InvalidPasswordHash;

impl PasswordHash {
    /// Returns what costs the same work to compare with and matches nothing: for an attempt at which no password is tried.
    pub(crate) fn decoy(&self) -> Self {
        Self { strength: self.strength.clone(), salt: [0; 16], hash: [0; 32] }
    }

    /// Whether `wanted` protects better than the parameters that it was made with: then it is to be made anew at the next
    /// sign-in. A cost that was lowered since makes no hash weaker.
    pub fn is_outdated(&self, wanted: &Strength) -> bool {
        wanted.is_above(&self.strength)
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
        // Made with more than a password and a salt, it would match no password.
        if !params.keyid().is_empty() || !params.data().is_empty() {
            return Err(InvalidPasswordHash);
        }
        let strength = format!("m={},t={},p={}", params.m_cost(), params.t_cost(), params.p_cost())
            .parse()
            .map_err(|_| InvalidPasswordHash)?;
        let salt = parsed.salt.as_ref().and_then(|s| <[u8; 16]>::try_from(AsRef::<[u8]>::as_ref(s)).ok());
        let hash = parsed.hash.as_ref().and_then(|h| <[u8; 32]>::try_from(h.as_bytes()).ok());
        match (salt, hash) {
            (Some(salt), Some(hash)) => Ok(Self { strength, salt, hash }),
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
        // Every part was checked when the value was made; an empty text would not parse and so never verify.
        let params = || {
            let mut params = ParamsString::new();
            params.add_decimal("m", hash.strength.0.m_cost())?;
            params.add_decimal("t", hash.strength.0.t_cost())?;
            params.add_decimal("p", hash.strength.0.p_cost())?;
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
        f.debug_struct("PasswordHash").field("strength", &self.strength).finish_non_exhaustive()
    }
}

/// Why a password was not hashed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HashError {
    /// The hasher did not take or finish the job.
    #[error(transparent)]
    Hasher(#[from] HasherError),
    /// There was no salt.
    #[error(transparent)]
    Entropy(#[from] crate::port::EntropyError),
}

/// Hashes a new password with a salt of its own.
pub async fn hash(
    password: &Password,
    strength: &Strength,
    hasher: &dyn PasswordHasher,
    entropy: &dyn Entropy,
) -> Result<PasswordHash, HashError> {
    let salt = entropy.bytes()?;
    let hash = hasher.derive(derivation(password, salt, strength)).await?;
    Ok(PasswordHash { strength: strength.clone(), salt, hash })
}

/// Whether `password` is the one that was hashed.
///
/// The work is that of the dearer of the hash's own parameters and `strength`, whatever the outcome. Without a hash to compare with
/// (no such account, or one without a password) it is that of `strength`. So the time tells nothing about an account.
pub async fn verify(
    password: &Password,
    expected: Option<&PasswordHash>,
    strength: &Strength,
    hasher: &dyn PasswordHasher,
) -> Result<bool, HasherError> {
    let (salt, own) = expected.map_or(([0; 16], strength), |e| (e.salt, &e.strength));
    let actual = hasher.derive(derivation(password, salt, own)).await?;
    if let Some(rest) = own.rest_of(strength) {
        hasher.derive(derivation(password, salt, &rest)).await?;
    }
    Ok(expected.is_some_and(|e| actual.ct_eq(&e.hash).into()))
}

fn derivation(password: &Password, salt: [u8; 16], strength: &Strength) -> Derivation {
    Derivation::new(SecretString::from(password.expose()), salt, strength.0.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;

    /// Runs each hash in line, and notes how many blocks it computed.
    #[derive(Default)]
    struct Inline {
        memory: Mutex<Vec<argon2::Block>>,
        asked: Mutex<Vec<usize>>,
    }

    #[async_trait]
    impl PasswordHasher for Inline {
        async fn derive(&self, job: Derivation) -> Result<[u8; 32], HasherError> {
            self.asked.lock().unwrap().push(job.work());
            job.run(&mut self.memory.lock().unwrap())
        }
    }

    struct Zeros;

    impl Entropy for Zeros {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), crate::port::EntropyError> {
            bytes.fill(0);
            Ok(())
        }
    }

    fn weak() -> Strength {
        "m=64,t=1,p=1".parse().unwrap()
    }

    #[test]
    fn a_hash_verifies_its_password_and_no_other() {
        let hasher = Inline::default();
        let right = Password::new(&"correct horse".into());
        let wrong = Password::new(&"correct horse ".into());
        let stored = pollster::block_on(hash(&right, &weak(), &hasher, &Zeros)).unwrap();
        let verify = |p, e| pollster::block_on(verify(p, e, &weak(), &hasher)).unwrap();
        assert!(verify(&right, Some(&stored)));
        assert!(!verify(&wrong, Some(&stored)));
        assert!(!verify(&right, None));
    }

    #[test]
    fn it_is_a_phc_string_that_the_argon2_crate_verifies_too() {
        use argon2::password_hash::PasswordVerifier;
        let hasher = Inline::default();
        let password = Password::new(&"correct horse".into());
        let stored = pollster::block_on(hash(&password, &weak(), &hasher, &Zeros)).unwrap();
        let text = String::from(stored.clone());
        assert!(text.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{text}");
        assert_eq!(text.parse(), Ok(stored));
        let parsed = phc::PasswordHash::new(&text).unwrap();
        assert!(argon2::Argon2::default().verify_password(b"correct horse", &parsed).is_ok());
    }

    #[test]
    fn parameters_have_bounds_and_one_spelling() {
        assert_eq!(Strength::default().to_string(), "m=19456,t=2,p=1");
        for bad in [
            "",
            "m=19456",
            "t=2,m=19456,p=1",
            "m=7,t=1,p=1",
            "m=19456,t=0,p=1",
            "m=9999999,t=2,p=1",
            "m=64,t=1,p=1,x=2",
        ] {
            assert!(bad.parse::<Strength>().is_err(), "{bad}");
        }
    }

    fn strength(text: &str) -> Strength {
        text.parse().unwrap()
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
            assert!(strength(enough).meets_owasp(), "{enough}");
        }
        for less in ["m=19455,t=2,p=1", "m=19456,t=1,p=1", "m=7167,t=32,p=1", "m=4096,t=1,p=1", "m=8,t=1,p=1"]
        {
            assert!(!strength(less).meets_owasp(), "{less}");
        }
    }

    #[test]
    fn a_hash_is_outdated_when_the_configured_parameters_protect_better_and_never_otherwise() {
        let hasher = Inline::default();
        let password = Password::new(&"correct horse".into());
        for (made, wanted, outdated) in [
            ("m=64,t=1,p=1", "m=64,t=1,p=1", false),
            ("m=64,t=1,p=1", "m=64,t=2,p=1", true),
            ("m=64,t=2,p=1", "m=64,t=1,p=1", false),
            ("m=128,t=1,p=1", "m=64,t=2,p=1", false),
        ] {
            let stored = pollster::block_on(hash(&password, &strength(made), &hasher, &Zeros)).unwrap();
            assert_eq!(stored.is_outdated(&strength(wanted)), outdated, "{made} to {wanted}");
        }
        // Many passes over little memory are work, and still below what OWASP asks for.
        assert!(strength("m=19456,t=2,p=1").is_above(&strength("m=4096,t=32,p=1")));
        assert!(!strength("m=4096,t=32,p=1").is_above(&strength("m=19456,t=2,p=1")));
    }

    #[test]
    fn the_work_is_that_of_the_dearer_parameters_whoever_asks() {
        let (right, wrong) = (Password::new(&"correct horse".into()), Password::new(&"wrong horse".into()));
        let configured = strength("m=256,t=2,p=1");
        for (made, work) in [
            ("m=8,t=1,p=1", 512),
            ("m=64,t=1,p=1", 512),
            ("m=128,t=3,p=1", 512),
            ("m=256,t=2,p=1", 512),
            ("m=512,t=2,p=1", 1024),
        ] {
            let hasher = Inline::default();
            let stored = pollster::block_on(hash(&right, &strength(made), &hasher, &Zeros)).unwrap();
            for password in [&right, &wrong] {
                hasher.asked.lock().unwrap().clear();
                pollster::block_on(verify(password, Some(&stored), &configured, &hasher)).unwrap();
                let asked: usize = hasher.asked.lock().unwrap().iter().sum();
                assert!(asked.abs_diff(work) <= 16, "{made}: {asked} blocks");
            }
            hasher.asked.lock().unwrap().clear();
            pollster::block_on(verify(&right, None, &configured, &hasher)).unwrap();
            assert_eq!(hasher.asked.lock().unwrap().iter().sum::<usize>(), 512);
        }
    }

    #[test]
    fn other_algorithms_and_sizes_are_no_password_hash() {
        for text in ["", "$2b$12$abc", "$argon2i$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA", "plain"] {
            assert_eq!(text.parse::<PasswordHash>(), Err(InvalidPasswordHash), "{text}");
        }
    }
}
