//! Pairs in plain words, for tests on any machine.

/// Two words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair([u64; 2]);

impl Pair {
    pub(crate) const ZERO: Self = Self([0; 2]);

    pub(crate) const fn new(low: u64, high: u64) -> Self {
        Self([low, high])
    }

    pub(crate) const fn words(self) -> [u64; 2] {
        self.0
    }

    pub(crate) const fn xor(self, other: Self) -> Self {
        let ([a, b], [c, d]) = (self.0, other.0);
        Self([a ^ c, b ^ d])
    }

    /// Adds each word modulo 2^64.
    pub(crate) const fn add(self, other: Self) -> Self {
        let ([a, b], [c, d]) = (self.0, other.0);
        Self([a.wrapping_add(c), b.wrapping_add(d)])
    }

    /// Rotates each word.
    pub(crate) const fn rotate_right<const BITS: u32>(self) -> Self {
        let [a, b] = self.0;
        Self([a.rotate_right(BITS), b.rotate_right(BITS)])
    }

    /// Returns the second word of this pair and the first word of `next`.
    pub(crate) const fn then(self, next: Self) -> Self {
        let ([_, b], [c, _]) = (self.0, next.0);
        Self([b, c])
    }

    /// Multiplies the low halves of each word of `a` with those of `b`.
    pub(crate) const fn multiply_low([a0, a1]: [Self; 2], [b0, b1]: [Self; 2]) -> [Self; 2] {
        const fn low(Pair([a, b]): Pair, Pair([c, d]): Pair) -> Pair {
            const LOW: u64 = 0xffff_ffff;
            Pair([(a & LOW).wrapping_mul(c & LOW), (b & LOW).wrapping_mul(d & LOW)])
        }
        [low(a0, b0), low(a1, b1)]
    }
}
