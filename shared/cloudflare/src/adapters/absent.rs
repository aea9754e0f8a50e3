use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::port::{
    Count, Counters, Derivation, HASH_LEN, HasherError, PasswordHasher, StoreError, Window,
};

/// A port that this Worker was built without, as no operation of it needs one: what stands behind the two would be some 20 KB of a
/// small Worker as it is sent.
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
