//! What RSA needs of randomness: primes, and the blinding that hides the private key from whoever times signatures.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;

use crate::port::{Entropy, EntropyError};

/// The size of generated keys (NIST SP 800-131A: at least 2048 bits; RFC 7518, section 3.3 says the same).
pub(super) const BITS: usize = 2048;

/// A generator for the `rsa` crate, seeded with 256 bits of `entropy`: one draw, where the search for primes would make
/// thousands.
pub(super) fn generator(entropy: &dyn Entropy) -> Result<ChaCha20Rng, EntropyError> {
    Ok(ChaCha20Rng::from_seed(entropy.bytes()?))
}
