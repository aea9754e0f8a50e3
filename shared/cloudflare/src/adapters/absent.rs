use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::port::{
    Count, Counters, Derivation, HASH_LEN, HasherError, PasswordHasher, StoreError, Window,
};

/// A port that this Worker was built without, because none of its operations needs it. The real
/// implementations of both ports would add about 20 KB to the upload of a small Worker.
#[derive(Debug, Clone, Copy, Default)]
pub struct Absent;

#[async_trait]
impl PasswordHasher for Absent {
    async fn derive(&self, _: Derivation) -> Result<[u8; HASH_LEN], HasherError> {
        Err(HasherError::Failed("this Worker was built without the feature `passwords`".to_owned()))
    }
}

#[async_trait]
impl Counters for Absent {
    async fn hit(&self, windows: &[Window], _: Timestamp) -> Result<Vec<Count>, StoreError> {
        if windows.is_empty() {
            return Ok(Vec::new());
        }
        Err(StoreError::Unavailable("this Worker was built without the feature `limits`".to_owned()))
    }
}
