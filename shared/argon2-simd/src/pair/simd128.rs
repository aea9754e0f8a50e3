//! Pairs in vectors of wasm. The intrinsics are safe: none of them touches memory, and `Pair` is loaded and
//! stored like any value.

use core::arch::wasm32::{
    i8x16_shuffle, i32x4_shuffle, i64x2_shuffle, u64x2, u64x2_add, u64x2_extmul_high_u32x4,
    u64x2_extmul_low_u32x4, u64x2_extract_lane, u64x2_shl, u64x2_shr, v128, v128_or, v128_xor,
};

/// Two words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair(v128);

impl Pair {
    pub(crate) const ZERO: Self = Self(u64x2(0, 0));

    pub(crate) const fn new(low: u64, high: u64) -> Self {
        Self(u64x2(low, high))
    }

    pub(crate) fn words(self) -> [u64; 2] {
        [u64x2_extract_lane::<0>(self.0), u64x2_extract_lane::<1>(self.0)]
    }

    #[inline]
    pub(crate) fn xor(self, other: Self) -> Self {
        Self(v128_xor(self.0, other.0))
    }

    /// Adds each word modulo 2^64.
    #[inline]
    pub(crate) fn add(self, other: Self) -> Self {
        Self(u64x2_add(self.0, other.0))
    }

    /// Rotates each word.
    #[inline]
    pub(crate) fn rotate_right<const BITS: u32>(self) -> Self {
        let a = self.0;
        Self(match BITS {
            // A rotation by whole bytes is one instruction instead of three shifts.
            16 => i8x16_shuffle::<2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14, 15, 8, 9>(a, a),
            24 => i8x16_shuffle::<3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15, 8, 9, 10>(a, a),
            32 => i32x4_shuffle::<1, 0, 3, 2>(a, a),
            _ => v128_or(u64x2_shr(a, BITS), u64x2_shl(a, 64 - BITS)),
        })
    }

    /// Returns the second word of this pair and the first word of `next`.
    #[inline]
    pub(crate) fn then(self, next: Self) -> Self {
        Self(i64x2_shuffle::<1, 2>(self.0, next.0))
    }

    /// Multiplies the low halves of each word of `a` with those of `b`.
    ///
    /// V8 compiles a 64-bit multiplication to eight instructions, but each of these two to one multiplication
    /// and two moves. Therefore the low halves of two pairs are packed into one vector first.
    #[inline]
    pub(crate) fn multiply_low([a0, a1]: [Self; 2], [b0, b1]: [Self; 2]) -> [Self; 2] {
        let a = i32x4_shuffle::<0, 2, 4, 6>(a0.0, a1.0);
        let b = i32x4_shuffle::<0, 2, 4, 6>(b0.0, b1.0);
        [Self(u64x2_extmul_low_u32x4(a, b)), Self(u64x2_extmul_high_u32x4(a, b))]
    }
}
