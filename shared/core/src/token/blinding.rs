//! Randomness for RSA: primes, and the blinding that hides the private key from timing attacks on signatures.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;

use crate::port::{Entropy, EntropyError};

/// Size of generated keys (at least 2048 bits by NIST SP 800-131A and RFC 7518, section 3.3).
pub(super) const BITS: usize = 2048;

/// Returns a generator for the `rsa` crate, seeded with 256 bits of `entropy`. This takes one draw; the search for primes would
/// make thousands.
pub(super) fn generator(entropy: &dyn Entropy) -> Result<ChaCha20Rng, EntropyError> {
    Ok(ChaCha20Rng::from_seed(entropy.bytes()?))
}
