use argon2::{Algorithm, Argon2, Block, Error, Params, Version};

pub const PASSWORD: &[u8] = b"seven green boats at noon";
pub const SALT: [u8; 16] = [7; 16];

/// One hash in a working memory that is kept, as a Worker computes it; `memory` grows to `kibibytes` once.
pub fn hash(memory: &mut Vec<Block>, kibibytes: u32, passes: u32) -> Result<[u8; 32], Error> {
    let params = Params::new(kibibytes, passes, 1, None)?;
    if memory.len() < params.block_count() {
        memory.resize(params.block_count(), Block::new());
    }
    let mut hash = [0; 32];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into_with_memory(PASSWORD, &SALT, &mut hash, memory)?;
    Ok(hash)
}
