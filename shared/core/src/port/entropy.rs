/// Failure of the platform's secure generator to give bytes.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no secure random bytes: {0}")]
pub struct EntropyError(pub String);

/// Source of secure random bytes.
///
/// # Example
///
/// The generator of a Unix system:
///
/// ```
/// use std::fs::File;
/// use std::io::Read;
///
/// use latchkey_core::port::{Entropy, EntropyError};
///
/// struct Urandom;
///
/// impl Entropy for Urandom {
///     fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
///         File::open("/dev/urandom")
///             .and_then(|mut device| device.read_exact(bytes))
///             .map_err(|error| EntropyError(error.to_string()))
///     }
/// }
///
/// latchkey_testkit::conformance::entropy::no_draw_comes_twice(&Urandom);
/// ```
pub trait Entropy: Send + Sync {
    /// Fills all of `bytes` from a cryptographically secure generator.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

impl dyn Entropy + '_ {
    /// Returns `N` secure random bytes.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], EntropyError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}
