use latchkey_core::port::{Entropy, EntropyError};

/// The Worker's secure generator, `crypto.getRandomValues`. It works only during a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct WorkerEntropy;

impl Entropy for WorkerEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        #[expect(clippy::disallowed_methods, reason = "this is the port that others take randomness from")]
        getrandom::fill(bytes).map_err(|error| EntropyError(error.to_string()))
    }
}
