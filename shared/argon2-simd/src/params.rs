use crate::fill::SLICES;

/// The type `y`: the way in which the blocks to read are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Argon2d: chosen by computed data, hence by the password.
    D = 0,
    /// Argon2i: chosen only by position.
    I = 1,
    /// Argon2id: chosen by position in the first half of the first pass, then by computed data.
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

/// Error of inputs outside the bounds of Argon2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The memory has less than eight blocks a lane, or fewer blocks were passed than [`Params::blocks`].
    #[error("argon2 has too little memory; it needs 8 KiB a lane")]
    MemoryTooLittle,
    /// The number of passes is 0.
    #[error("argon2 has 0 passes; set at least 1")]
    TooFewPasses,
    /// The number of lanes is 0, or at least 2^24.
    #[error("argon2 has an invalid number of lanes; set 1 to 16777215")]
    LanesOutOfBounds,
    /// The salt has less than 8 bytes.
    #[error("the salt of argon2 is too short; it needs at least 8 bytes")]
    SaltTooShort,
    /// The tag has less than 4 bytes.
    #[error("the tag of argon2 is too short; it needs at least 4 bytes")]
    TagTooShort,
    /// An input has at least 2^32 bytes.
    #[error("an input or the tag of argon2 is too long; each needs fewer than 2^32 bytes")]
    TooLong,
}

impl Params {
    /// Creates parameters from the memory in KiB, the passes and the lanes.
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

    /// Returns the number of blocks computed in a pass, `m'`: the memory rounded down to whole segments.
    pub const fn blocks(&self) -> usize {
        (self.segment() * SLICES * self.lanes) as usize
    }

    /// Returns the number of blocks of one lane in one slice.
    pub(crate) const fn segment(&self) -> u32 {
        self.memory / (SLICES * self.lanes)
    }
}
