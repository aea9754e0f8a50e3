/// The platform's secure generator gave no bytes.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no secure random bytes: {0}")]
pub struct EntropyError(pub String);

/// Secure random bytes.
pub trait Entropy: Send + Sync {
    /// Fills the whole of `bytes` from a cryptographically secure generator.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

impl dyn Entropy + '_ {
    /// `N` secure random bytes.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], EntropyError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}
