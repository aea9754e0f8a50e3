use secrecy::SecretString;
use subtle::ConstantTimeEq;

use super::Password;
use crate::model::{Argon2Parameters, PasswordHash};
use crate::port::{Derivation, Entropy, HasherError, PasswordHasher};

/// Reason that a password was not hashed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HashError {
    /// The hasher did not accept or finish the job.
    #[error(transparent)]
    Hasher(#[from] HasherError),
    /// The generator gave no salt.
    #[error(transparent)]
    Entropy(#[from] crate::port::EntropyError),
}

/// Hashes a new password with its own salt.
pub async fn hash(
    password: &Password,
    parameters: &Argon2Parameters,
    hasher: &dyn PasswordHasher,
    entropy: &dyn Entropy,
) -> Result<PasswordHash, HashError> {
    let salt = entropy.bytes()?;
    let hash = hasher.derive(derivation(password, salt, parameters)).await?;
    Ok(PasswordHash { parameters: parameters.clone(), salt, hash })
}

/// Returns true if `password` is the one that was hashed.
///
/// The work is the same for every result: that of the more expensive of the hash's own parameters and `parameters`. Without a
/// hash (no such account, or one without a password) it is that of `parameters`. The time therefore reveals nothing about an
/// account.
pub async fn verify(
    password: &Password,
    expected: Option<&PasswordHash>,
    parameters: &Argon2Parameters,
    hasher: &dyn PasswordHasher,
) -> Result<bool, HasherError> {
    let (salt, own) = expected.map_or(([0; 16], parameters), |e| (e.salt, &e.parameters));
    let actual = hasher.derive(derivation(password, salt, own)).await?;
    if let Some(rest) = own.rest_of(parameters) {
        hasher.derive(derivation(password, salt, &rest)).await?;
    }
    Ok(expected.is_some_and(|e| actual.ct_eq(&e.hash).into()))
}

fn derivation(password: &Password, salt: [u8; 16], parameters: &Argon2Parameters) -> Derivation {
    Derivation::new(SecretString::from(password.expose()), salt, parameters.0.clone())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use argon2::password_hash::phc;
    use async_trait::async_trait;

    use super::*;

    /// Hasher that runs each hash inline and records the number of computed blocks.
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

    fn weak() -> Argon2Parameters {
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

    fn parameters(text: &str) -> Argon2Parameters {
        text.parse().unwrap()
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
            let stored = pollster::block_on(hash(&password, &parameters(made), &hasher, &Zeros)).unwrap();
            assert_eq!(stored.is_outdated(&parameters(wanted)), outdated, "{made} to {wanted}");
        }
        // Many passes over little memory are much work, but still below OWASP's minimum.
        assert!(parameters("m=19456,t=2,p=1").is_above(&parameters("m=4096,t=32,p=1")));
        assert!(!parameters("m=4096,t=32,p=1").is_above(&parameters("m=19456,t=2,p=1")));
    }

    #[test]
    fn the_work_is_that_of_the_dearer_parameters_whoever_asks() {
        let (right, wrong) = (Password::new(&"correct horse".into()), Password::new(&"wrong horse".into()));
        let configured = parameters("m=256,t=2,p=1");
        for (made, work) in [
            ("m=8,t=1,p=1", 512),
            ("m=64,t=1,p=1", 512),
            ("m=128,t=3,p=1", 512),
            ("m=256,t=2,p=1", 512),
            ("m=512,t=2,p=1", 1024),
        ] {
            let hasher = Inline::default();
            let stored = pollster::block_on(hash(&right, &parameters(made), &hasher, &Zeros)).unwrap();
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
}
