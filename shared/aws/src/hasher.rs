use std::sync::{Arc, Mutex, PoisonError};

use argon2::Block;
use async_trait::async_trait;
use latchkey_core::port::{Derivation, HASH_LEN, HasherError, PasswordHasher};
use latchkey_native::vec_on_huge_pages;

/// argon2id on a separate thread, in one buffer that is reused for every hash.
///
/// A container serves one event at a time, so only its own request waits for a hash. A separate thread is
/// still needed: on the I/O thread a hash (a second, in a small container) would block the connections to the
/// stores, and their deadlines would pass while responses wait in the socket. A second hash waits for the
/// first, which bounds the memory.
#[derive(Default)]
pub struct BlockingHasher {
    memory: Arc<Mutex<Vec<Block>>>,
}

#[async_trait]
impl PasswordHasher for BlockingHasher {
    async fn derive(&self, job: Derivation) -> Result<[u8; HASH_LEN], HasherError> {
        let memory = Arc::clone(&self.memory);
        // After a panic the next hash overwrites the content of the buffer.
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
