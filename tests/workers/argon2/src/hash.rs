use argon2::{Algorithm, Argon2, Block, Error, Params, Version};

/// One hash in a working memory that is kept, as a Worker computes it; `memory` grows to `kibibytes` once.
pub fn hash(memory: &mut Vec<Block>, kibibytes: u32, passes: u32) -> Result<[u8; 32], Error> {
    let params = Params::new(kibibytes, passes, 1, None)?;
    if memory.len() < params.block_count() {
        memory.resize(params.block_count(), Block::new());
    }
    let mut hash = [0; 32];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into_with_memory(b"seven green boats at noon", &[7; 16], &mut hash, memory)?;
    Ok(hash)
}
