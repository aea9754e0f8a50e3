//! The test vectors of RFC 9106, section 5.

use latchkey_argon2_simd::{Argon2, Block, Error, Params, Variant, Version};

fn tag(variant: Variant) -> String {
    let params = Params::new(32, 3, 4).unwrap();
    let mut memory = vec![Block::ZERO; params.blocks()];
    let mut tag = [0; 32];
    Argon2 { secret: &[3; 8], associated_data: &[4; 12], ..Argon2::new(variant, Version::V0x13, params) }
        .hash(&[1; 32], &[2; 16], &mut memory, &mut tag)
        .unwrap();
    tag.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn argon2d() {
    assert_eq!(tag(Variant::D), "512b391b6f1162975371d30919734294f868e3be3984f3c1a13a4db9fabe4acb");
}

#[test]
fn argon2i() {
    assert_eq!(tag(Variant::I), "c814d9d1dc7f37aa13f0d77f2494bda1c8de6b016dd388d29952a4c4672b6ce8");
}

#[test]
fn argon2id() {
    assert_eq!(tag(Variant::Id), "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659");
}

#[test]
fn memory_that_is_too_short_is_refused() {
    let params = Params::new(32, 1, 1).unwrap();
    let mut memory = vec![Block::ZERO; params.blocks() - 1];
    let argon2 = Argon2::new(Variant::Id, Version::V0x13, params);
    assert_eq!(argon2.hash(b"", &[0; 16], &mut memory, &mut [0; 32]), Err(Error::MemoryTooLittle));
}
