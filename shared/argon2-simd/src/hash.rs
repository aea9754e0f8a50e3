use blake2::Blake2bVarCore;
use blake2::digest::Output;
use blake2::digest::block_api::{Buffer, UpdateCore, VariableOutputCore};

use crate::{Argon2, Error};

/// Maximum length of the output of `BLAKE2b`, in bytes.
const LONGEST: usize = 64;

/// Computes `H_0` (section 3.2, step 1).
pub(crate) fn seed(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    tag: usize,
) -> Result<[u8; LONGEST], Error> {
    let le32 = |length: usize| u32::try_from(length).map(u32::to_le_bytes).map_err(|_| Error::TooLong);
    let Argon2 { variant, version, params, secret, associated_data } = *argon2;
    let mut seed = [0; LONGEST];
    blake2b(
        &[
            &params.lanes.to_le_bytes(),
            &le32(tag)?,
            &params.memory.to_le_bytes(),
            &params.passes.to_le_bytes(),
            &(version as u32).to_le_bytes(),
            &(variant as u32).to_le_bytes(),
            &le32(password.len())?,
            password,
            &le32(salt.len())?,
            salt,
            &le32(secret.len())?,
            secret,
            &le32(associated_data.len())?,
            associated_data,
        ],
        &mut seed,
    )?;
    Ok(seed)
}

/// Computes the variable-length hash H' (section 3.3) of all `parts` in a row.
pub(crate) fn long(parts: &[&[u8]], out: &mut [u8]) -> Result<(), Error> {
    let length = u32::try_from(out.len()).map_err(|_| Error::TooLong)?.to_le_bytes();
    let mut input: Vec<&[u8]> = vec![&length];
    input.extend(parts);
    if out.len() <= LONGEST {
        return blake2b(&input, out);
    }
    // V_1 to V_r contribute their first halves to the output, and V_r+1 contributes all of it.
    let r = out.len().div_ceil(LONGEST / 2) - 2;
    let (halves, last) = out.split_at_mut(r * LONGEST / 2);
    let mut value = [0; LONGEST];
    blake2b(&input, &mut value)?;
    for (number, half) in halves.chunks_exact_mut(LONGEST / 2).enumerate() {
        if number > 0 {
            let before = value;
            blake2b(&[&before], &mut value)?;
        }
        let (first, _) = value.split_at(LONGEST / 2);
        half.copy_from_slice(first);
    }
    blake2b(&[&value], last)
}

/// Computes `BLAKE2b` (RFC 7693) of all `parts` in a row. The output has 1 to 64 bytes, and its length is a
/// parameter of the hash.
fn blake2b(parts: &[&[u8]], out: &mut [u8]) -> Result<(), Error> {
    let mut core = Blake2bVarCore::new(out.len()).map_err(|_| Error::TooLong)?;
    let mut buffer = Buffer::<Blake2bVarCore>::default();
    for part in parts {
        buffer.digest_blocks(part, |blocks| core.update_blocks(blocks));
    }
    let mut whole = Output::<Blake2bVarCore>::default();
    core.finalize_variable_core(&mut buffer, &mut whole);
    for (byte, hashed) in out.iter_mut().zip(whole) {
        *byte = hashed;
    }
    Ok(())
}
