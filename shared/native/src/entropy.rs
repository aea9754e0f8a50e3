use latchkey_core::port::{Entropy, EntropyError};

/// The operating system's secure generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        #[expect(clippy::disallowed_methods, reason = "this is the port that others take randomness from")]
        getrandom::fill(bytes).map_err(|error| EntropyError(error.to_string()))
    }
}
