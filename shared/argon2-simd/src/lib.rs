//! Argon2 (RFC 9106) in 128-bit vectors, for wasm32 with simd128.
//!
//! Workers hash with this crate, and every other platform hashes with the `argon2` crate, which has vector
//! code only for x86. Both give the same hashes bit for bit, and the tests of this crate compare them: on any
//! machine with pairs of plain words, and as wasm with vectors.
//! `docs/decisions/0023-argon2-in-vectors-on-workers.md` gives the reasons for this crate and the conditions
//! for its removal.
//!
//! Names and section numbers are those of RFC 9106, section 3.

mod block;
mod fill;
mod hash;
mod pair;
mod params;

pub use block::Block;
pub use params::{Error, Params, Variant, Version};

/// Configuration of Argon2: all inputs except password, salt and tag length.
#[derive(Debug, Clone, Copy)]
pub struct Argon2<'a> {
    /// The type `y`.
    pub variant: Variant,
    /// The version `v`.
    pub version: Version,
    /// Memory, passes and lanes.
    pub params: Params,
    /// The secret value `K`; empty for none.
    pub secret: &'a [u8],
    /// The associated data `X`; empty for none.
    pub associated_data: &'a [u8],
}

impl Argon2<'_> {
    /// Returns Argon2 without secret value and associated data.
    pub const fn new(variant: Variant, version: Version, params: Params) -> Self {
        Self { variant, version, params, secret: &[], associated_data: &[] }
    }

    /// Computes the tag of `password` and `salt` in `memory`, which must have at least [`Params::blocks`].
    /// The previous contents of `memory` do not affect the tag. The computed blocks stay there afterwards.
    pub fn hash(
        &self,
        password: &[u8],
        salt: &[u8],
        memory: &mut [Block],
        tag: &mut [u8],
    ) -> Result<(), Error> {
        if salt.len() < 8 {
            return Err(Error::SaltTooShort);
        }
        if tag.len() < 4 {
            return Err(Error::TagTooShort);
        }
        let memory = memory.get_mut(..self.params.blocks()).ok_or(Error::MemoryTooLittle)?;
        let seed = hash::seed(self, password, salt, tag.len())?;
        fill::fill(self, &seed, memory)?;
        hash::long(&[&self.last_column(memory).to_bytes()], tag)
    }

    /// Returns the XOR of the last blocks of all lanes.
    fn last_column(&self, memory: &[Block]) -> Block {
        let lane = self.params.segment().saturating_mul(fill::SLICES) as usize;
        memory.chunks_exact(lane).filter_map(<[Block]>::last).fold(Block::ZERO, |all, block| all.xor(block))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_too_short_is_refused() {
        let params = Params::new(32, 1, 1).unwrap();
        let mut memory = vec![Block::ZERO; params.blocks() - 1];
        let argon2 = Argon2::new(Variant::Id, Version::V0x13, params);
        assert_eq!(argon2.hash(b"", &[0; 16], &mut memory, &mut [0; 32]), Err(Error::MemoryTooLittle));
    }
}
