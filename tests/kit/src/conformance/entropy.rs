//! What every secure [`Entropy`] must do. No test tells good randomness from bad; these tell it from none.

#![expect(clippy::expect_used, reason = "a rule fails by panicking")]

use std::collections::BTreeSet;

use latchkey_core::port::Entropy;

/// Makes a `#[test]` of each rule. Takes an expression that gives an `Arc<dyn Entropy>`; the crate that calls it needs
/// `latchkey-core`.
#[macro_export]
macro_rules! entropy_conformance {
    ($new:expr) => {
        $crate::entropy_conformance!(
            @rules $new;
            a_buffer_of_any_size_is_filled_to_its_end
            no_draw_comes_twice
        );
    };
    (@rules $new:expr; $($rule:ident)*) => {
        $(
            #[test]
            fn $rule() {
                let entropy: std::sync::Arc<dyn ::latchkey_core::port::Entropy> = $new;
                $crate::conformance::entropy::$rule(&*entropy);
            }
        )*
    };
}

/// Every byte of the buffer is written: over 64 draws, one that stays zero by chance is not to be expected in the
/// lifetime of the universe.
pub fn a_buffer_of_any_size_is_filled_to_its_end(entropy: &dyn Entropy) {
    for size in [0, 1, 3, 7, 15, 33, 255, 257, 4097, 65_537] {
        let mut seen = vec![0; size];
        for _ in 0..64 {
            let mut bytes = vec![0; size];
            entropy.fill(&mut bytes).expect("the generator works");
            seen.iter_mut().zip(bytes).for_each(|(seen, byte)| *seen |= byte);
        }
        assert_eq!(seen.iter().position(|byte| *byte == 0), None, "of {size} bytes");
    }
}

/// A thousand draws of 32 bytes are a thousand values, and none is all zeros.
pub fn no_draw_comes_twice(entropy: &dyn Entropy) {
    let draw = |_| entropy.bytes::<32>().expect("the generator works");
    let drawn: BTreeSet<[u8; 32]> = (0..1000).map(draw).collect();
    assert_eq!(drawn.len(), 1000);
    assert!(!drawn.contains(&[0; 32]));
}
