#![expect(clippy::indexing_slicing, reason = "indices below 8 of arrays of 8, which the compiler sees")]

use core::array::from_fn;
use core::hint::black_box;

use crate::pair::Pair;

/// A block of 1 KiB: an 8 by 8 matrix of 16-byte registers, row by row.
#[derive(Debug, Clone, Copy)]
pub struct Block([[Pair; 8]; 8]);

impl Block {
    /// Block of zeros.
    pub const ZERO: Self = Self([[Pair::ZERO; 8]; 8]);

    pub(crate) const SIZE: usize = 1024;

    /// Returns a block of these words, little-endian.
    pub(crate) fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        let mut words = bytes.as_chunks().0.iter().copied().map(u64::from_le_bytes);
        let mut next = || words.next().unwrap_or_default();
        Self(from_fn(|_| from_fn(|_| Pair::new(next(), next()))))
    }

    pub(crate) fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        for (chunk, word) in bytes.as_chunks_mut().0.iter_mut().zip(self.words()) {
            *chunk = word.to_le_bytes();
        }
        bytes
    }

    /// Returns a block that begins with `words` and continues with zeros.
    pub(crate) fn beginning_with(words: [u64; 8]) -> Self {
        let mut block = Self::ZERO;
        for (pair, [low, high]) in block.0[0].iter_mut().zip(words.as_chunks().0) {
            *pair = Pair::new(*low, *high);
        }
        block
    }

    pub(crate) fn first_word(&self) -> u64 {
        self.0[0][0].words()[0]
    }

    /// Returns the 128 words.
    pub(crate) fn words(&self) -> impl Iterator<Item = u64> {
        self.0.as_flattened().iter().flat_map(|pair| pair.words())
    }

    pub(crate) fn xor(&self, other: &Self) -> Self {
        Self(from_fn(|row| from_fn(|column| self.0[row][column].xor(other.0[row][column]))))
    }

    /// XORs G(`x`, `y`), the compression function (section 3.5), into this block, except for its columns 1 to
    /// 7, which [`finish`](Self::finish) completes. In between the first word is available, which determines
    /// the next block to read. `scratch` is overwritten.
    ///
    /// No block is copied: R goes into this block, and Z comes to it from `scratch`. The two halves of the
    /// permutation P are separate loops. Within a half each instruction waits for the one before, and a
    /// processor looks ahead no further than one or two halves. In a sequence of whole P's it finds nothing
    /// else to do; in a sequence of first halves it finds the next one.
    pub(crate) fn begin(&mut self, x: &Self, y: &Self, scratch: &mut Self) {
        for row in 0..8 {
            let r: [Pair; 8] = from_fn(|at| x.0[row][at].xor(y.0[row][at]));
            for (pair, r) in self.0[row].iter_mut().zip(r) {
                *pair = pair.xor(r);
            }
            scratch.0[row] = mix_columns(r);
        }
        for row in &mut scratch.0 {
            *row = mix_diagonals(*row);
        }
        for column in 0..8 {
            let z = mix_columns(from_fn(|row| scratch.0[row][column]));
            for (row, z) in scratch.0.iter_mut().zip(z) {
                row[column] = z;
            }
        }
        self.finish_column(0, scratch);
    }

    /// Completes [`begin`](Self::begin).
    pub(crate) fn finish(&mut self, scratch: &Self) {
        for column in 1..8 {
            self.finish_column(column, scratch);
        }
    }

    #[inline]
    fn finish_column(&mut self, column: usize, scratch: &Self) {
        let z = mix_diagonals(from_fn(|row| scratch.0[row][column]));
        for (row, z) in self.0.iter_mut().zip(z) {
            row[column] = row[column].xor(z);
        }
    }

    /// Reads the first byte of each 64 bytes, so that the block is in the processor's cache when it is
    /// needed. wasm has no instruction for that.
    pub(crate) fn prefetch(&self) {
        let lines = self.0.as_flattened().iter().step_by(4);
        black_box(lines.fold(Pair::ZERO, |all, pair| all.xor(*pair)));
    }
}

/// Computes the first half of the permutation P (section 3.6), a round of `BLAKE2b` with multiplications: GB
/// on the columns of the 4 by 4 matrix of words. Then the diagonals move to the place of the columns.
#[inline]
fn mix_columns([v0, v1, v2, v3, v4, v5, v6, v7]: [Pair; 8]) -> [Pair; 8] {
    let [[a0, a1], [b0, b1], [c0, c1], [d0, d1]] = mix([v0, v1], [v2, v3], [v4, v5], [v6, v7]);
    [a0, a1, b0.then(b1), b1.then(b0), c1, c0, d1.then(d0), d0.then(d1)]
}

/// Computes the second half of the permutation P: GB on the diagonals, which then move back.
#[inline]
fn mix_diagonals([v0, v1, v2, v3, v4, v5, v6, v7]: [Pair; 8]) -> [Pair; 8] {
    let [[a0, a1], [b0, b1], [c1, c0], [d1, d0]] = mix([v0, v1], [v2, v3], [v4, v5], [v6, v7]);
    [a0, a1, b1.then(b0), b0.then(b1), c0, c1, d1.then(d0), d0.then(d1)]
}

type Row = [Pair; 2];

/// Computes the function GB (section 3.6) on four columns at the same time: `a` to `d` are rows of four
/// words.
#[inline]
fn mix(a: Row, b: Row, c: Row, d: Row) -> [Row; 4] {
    let a = add_multiplied(a, b);
    let d = xor_rotated::<32>(d, a);
    let c = add_multiplied(c, d);
    let b = xor_rotated::<24>(b, c);
    let a = add_multiplied(a, b);
    let d = xor_rotated::<16>(d, a);
    let c = add_multiplied(c, d);
    let b = xor_rotated::<63>(b, c);
    [a, b, c, d]
}

/// Returns `a + b + 2 * trunc(a) * trunc(b)`, modulo 2^64.
#[inline]
fn add_multiplied(a: Row, b: Row) -> Row {
    let product = Pair::multiply_low(a, b);
    from_fn(|at| a[at].add(b[at]).add(product[at]).add(product[at]))
}

#[inline]
fn xor_rotated<const BITS: u32>(a: Row, b: Row) -> Row {
    from_fn(|at| a[at].xor(b[at]).rotate_right::<BITS>())
}
