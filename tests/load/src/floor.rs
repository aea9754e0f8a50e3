//! How many passwords this machine can hash at all: what sign-in and sign-up are measured against.

#![expect(clippy::print_stdout, reason = "a program for people")]

use std::time::Duration;

use argon2::{Algorithm, Argon2, Block, Params, Version};

use crate::{Result, now};

const KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;

/// Prints the hashes a second of all cores given together, each on a thread with memory of its own, kept from hash to hash.
pub fn print(duration: Duration) -> Result<()> {
    let threads = std::thread::available_parallelism()?.get();
    let running: Vec<_> = (0..threads).map(|_| std::thread::spawn(move || rate(duration))).collect();
    let mut total = 0.0;
    for thread in running {
        total += thread.join().map_err(|_| "a hashing thread panicked")??;
    }
    println!("{total}");
    Ok(())
}

fn rate(duration: Duration) -> Result<f64> {
    let params = Params::new(KIB, PASSES, 1, Some(32)).map_err(|error| error.to_string())?;
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut hash = || {
        let mut out = [0; 32];
        argon2
            .hash_password_into_with_memory(
                b"correct horse battery staple",
                b"sixteen bytes!!!",
                &mut out,
                &mut memory,
            )
            .map_err(|error| error.to_string())
    };
    // The first touches the memory.
    hash()?;
    let start = now();
    let mut hashes = 0_u32;
    while start.elapsed() < duration {
        hash()?;
        hashes += 1;
    }
    Ok(f64::from(hashes) / start.elapsed().as_secs_f64())
}
