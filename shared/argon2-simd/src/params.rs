use crate::fill::SLICES;

/// The type `y`: how the blocks to read are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Argon2d: by what was computed, hence by the password.
    D = 0,
    /// Argon2i: by position alone.
    I = 1,
    /// Argon2id: by position in the first half of the first pass, then by what was computed.
    Id = 2,
}

/// The version `v`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 1.0: a later pass overwrites blocks.
    V0x10 = 0x10,
    /// 1.3, of RFC 9106: a later pass XORs into blocks.
    V0x13 = 0x13,
}

/// Memory, passes and lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Params {
    pub(crate) memory: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
}

/// Inputs are outside the bounds of Argon2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Memory is less than eight blocks a lane, or fewer blocks were given than [`Params::blocks`].
    #[error("argon2 has too little memory; it needs 8 KiB a lane")]
    MemoryTooLittle,
    /// No pass.
    #[error("argon2 has no pass; it needs one")]
    TooFewPasses,
    /// No lane, or 2^24 lanes.
    #[error("the lanes of argon2 are 1 to 16777215")]
    LanesOutOfBounds,
    /// The salt has less than 8 bytes.
    #[error("the salt of argon2 has at least 8 bytes")]
    SaltTooShort,
    /// The tag has less than 4 bytes.
    #[error("the tag of argon2 has at least 4 bytes")]
    TagTooShort,
    /// An input has 2^32 bytes.
    #[error("inputs and tag of argon2 have fewer than 2^32 bytes each")]
    TooLong,
}

impl Params {
    /// Memory in KiB, passes, lanes.
    pub const fn new(memory: u32, passes: u32, lanes: u32) -> Result<Self, Error> {
        if lanes == 0 || lanes >= 1 << 24 {
            return Err(Error::LanesOutOfBounds);
        }
        if memory < 2 * SLICES * lanes {
            return Err(Error::MemoryTooLittle);
        }
        if passes == 0 {
            return Err(Error::TooFewPasses);
        }
        Ok(Self { memory, passes, lanes })
    }

    /// The number of blocks computed in a pass, `m'`: memory rounded down to whole segments.
    pub const fn blocks(&self) -> usize {
        (self.segment() * SLICES * self.lanes) as usize
    }

    /// Blocks of one lane in one slice.
    pub(crate) const fn segment(&self) -> u32 {
        self.memory / (SLICES * self.lanes)
    }
}
