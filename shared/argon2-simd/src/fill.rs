use crate::block::Block;
use crate::{Argon2, Error, Params, Variant, Version, hash};

/// Number of slices of the memory, `SL`. In each slice every lane has a segment, and reads no block of
/// another lane's segment there.
pub(crate) const SLICES: u32 = 4;
/// Number of addresses in an address block.
const ADDRESSES: u32 = 128;

/// Computes all blocks (section 3.2, steps 3 to 6).
pub(crate) fn fill(argon2: &Argon2<'_>, seed: &[u8], memory: &mut [Block]) -> Result<(), Error> {
    let Params { passes, lanes, .. } = argon2.params;
    let lane_length = argon2.params.segment().saturating_mul(SLICES) as usize;
    for (lane, blocks) in (0u32..).zip(memory.chunks_exact_mut(lane_length)) {
        for (column, block) in (0u32..2).zip(blocks) {
            let mut bytes = [0; Block::SIZE];
            hash::long(&[seed, &column.to_le_bytes(), &lane.to_le_bytes()], &mut bytes)?;
            *block = Block::from_bytes(&bytes);
        }
    }
    for pass in 0..passes {
        for slice in 0..SLICES {
            for lane in 0..lanes {
                Segment { argon2, pass, slice, lane }.fill(memory)?;
            }
        }
    }
    Ok(())
}

/// Blocks of one lane in one slice of a pass.
struct Segment<'a> {
    argon2: &'a Argon2<'a>,
    pass: u32,
    slice: u32,
    lane: u32,
}

impl Segment<'_> {
    fn fill(&self, memory: &mut [Block]) -> Result<(), Error> {
        let length = self.argon2.params.segment();
        let lane_begin = self.lane * length * SLICES;
        let begin = lane_begin + self.slice * length;
        let overwrites = self.pass == 0 || self.argon2.version == Version::V0x10;
        // The first two blocks of a lane come from the seed.
        let first = if self.pass == 0 && self.slice == 0 { 2 } else { 0 };
        let mut previous =
            (if begin + first == lane_begin { begin + length * SLICES } else { begin + first }) - 1;

        let by_position = self.is_addressed_by_position();
        let mut addresses = [0; ADDRESSES as usize];
        // `J_2 || J_1` of the block at `at`; `before` is the first word of the previous block.
        let mut pseudo_random = |at: u32, before: u64| {
            if !by_position {
                return before;
            }
            if at == first || at.is_multiple_of(ADDRESSES) {
                addresses = self.addresses(at / ADDRESSES + 1);
            }
            addresses.get((at % ADDRESSES) as usize).copied().unwrap_or_default()
        };

        let mut scratch = Block::ZERO;
        let before = memory.get(previous as usize).ok_or(Error::MemoryTooLittle)?.first_word();
        let mut reference = self.reference(pseudo_random(first, before), first);
        for at in first..length {
            let current = begin + at;
            let [block, x, y] = memory
                .get_disjoint_mut([current as usize, previous as usize, reference as usize])
                .map_err(|_| Error::MemoryTooLittle)?;
            if overwrites {
                *block = Block::ZERO;
            }
            block.begin(x, y, &mut scratch);
            if at + 1 < length {
                reference = self.reference(pseudo_random(at + 1, block.first_word()), at + 1);
                memory.get(reference as usize).ok_or(Error::MemoryTooLittle)?.prefetch();
            }
            memory.get_mut(current as usize).ok_or(Error::MemoryTooLittle)?.finish(&scratch);
            previous = current;
        }
        Ok(())
    }

    fn is_addressed_by_position(&self) -> bool {
        match self.argon2.variant {
            Variant::D => false,
            Variant::I => true,
            Variant::Id => self.pass == 0 && self.slice < SLICES / 2,
        }
    }

    /// Returns the address block with this number, counted from 1 (section 3.4.1.2).
    fn addresses(&self, number: u32) -> [u64; ADDRESSES as usize] {
        let Argon2 { params, variant, .. } = self.argon2;
        let blocks = params.segment() * SLICES * params.lanes;
        let input = [self.pass, self.lane, self.slice, blocks, params.passes, *variant as u32, number, 0];
        let mut scratch = Block::ZERO;
        let mut compress = |input: &Block| {
            let mut output = Block::ZERO;
            output.begin(&Block::ZERO, input, &mut scratch);
            output.finish(&scratch);
            output
        };
        let once = compress(&Block::beginning_with(input.map(u64::from)));
        let twice = compress(&once);
        let mut addresses = [0; ADDRESSES as usize];
        for (address, word) in addresses.iter_mut().zip(twice.words()) {
            *address = word;
        }
        addresses
    }

    /// Returns the index of the block that the one at `at` reads besides its predecessor (section 3.4.2).
    /// `word` is `J_2 || J_1`.
    fn reference(&self, word: u64, at: u32) -> u32 {
        let Params { lanes, .. } = self.argon2.params;
        let length = self.argon2.params.segment();
        let lane_length = length * SLICES;
        #[expect(clippy::cast_possible_truncation, reason = "the two halves of the word")]
        let (j1, j2) = (word as u32, (word >> 32) as u32);
        let lane = if self.pass == 0 && self.slice == 0 { self.lane } else { j2 % lanes };
        // Readable blocks of other segments, and their start.
        let (finished, start) = match (self.pass, self.slice) {
            (0, slice) => (slice * length, 0),
            (_, slice) => (lane_length - length, (slice + 1) % SLICES * length),
        };
        let area = if lane == self.lane {
            finished + at - 1
        } else {
            // For the first block of a segment, the last block of the other lane is excluded.
            finished - u32::from(at == 0)
        };
        let position = area - 1 - high_half(area, high_half(j1, j1));
        // The position counts from the start, and wraps from the last block of the lane to its first.
        let column = start.checked_sub(lane_length - position).unwrap_or(start + position);
        lane * lane_length + column
    }
}

/// Returns the upper 32 bits of a product.
fn high_half(a: u32, b: u32) -> u32 {
    a.carrying_mul(b, 0).1
}
