use std::sync::{Arc, Mutex, PoisonError};

use argon2::Block;
use async_trait::async_trait;
use latchkey_core::port::{Derivation, HASH_LEN, HasherError, PasswordHasher};
use latchkey_native::vec_on_huge_pages;

/// argon2id on a thread beside the one that does I/O, in one buffer that is kept from hash to hash.
///
/// A container serves one event at a time, so nothing waits for a hash but its own request. It still has a thread of its own:
/// on the only one, it would hold up the connections to the stores for as long as it takes (a second, in a small
/// container), and their deadlines would pass while their responses lie in the socket. A second hash waits for the first, which
/// bounds the memory.
#[derive(Default)]
pub struct BlockingHasher {
    memory: Arc<Mutex<Vec<Block>>>,
}

#[async_trait]
impl PasswordHasher for BlockingHasher {
    async fn derive(&self, job: Derivation) -> Result<[u8; HASH_LEN], HasherError> {
        let memory = Arc::clone(&self.memory);
        // What a panic left in the buffer is overwritten by the next hash.
        tokio::task::spawn_blocking(move || {
            let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
            if memory.capacity() < job.memory_blocks() {
                *memory = vec_on_huge_pages(job.memory_blocks());
            }
            job.run(&mut memory)
        })
        .await
        .unwrap_or_else(|error| Err(HasherError::Failed(error.to_string())))
    }
}
