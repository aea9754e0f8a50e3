//! Random and listed inputs of Argon2, and their comparison with the `argon2` crate. `../differential.rs`
//! runs it on any machine and `../../examples/compare.rs` runs it as wasm.

use argon2::{AssociatedData, ParamsBuilder};
use latchkey_argon2_simd::{Argon2, Block, Error, Params, Variant, Version};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Maximum length of associated data in the `argon2` crate.
const LONGEST_DATA: usize = argon2::Params::MAX_DATA_LEN;

/// All inputs of one hash.
#[derive(Debug, Clone)]
pub struct Case {
    variant: Variant,
    version: Version,
    memory: u32,
    passes: u32,
    lanes: u32,
    tag: usize,
    password: Vec<u8>,
    salt: Vec<u8>,
    secret: Vec<u8>,
    data: Vec<u8>,
}

impl Case {
    /// Compares the tags, or checks that both implementations refuse the inputs. `memory` contains blocks of
    /// earlier cases and grows as needed.
    pub fn compare(&self, memory: &mut Vec<Block>) -> Result<(), String> {
        let (expected, actual) = (self.expected(), self.actual(memory));
        if expected.as_ref().ok() != actual.as_ref().ok() {
            return Err(format!("argon2 gives {expected:02x?}, argon2-simd {actual:02x?}, for {self:?}"));
        }
        Ok(())
    }

    /// Returns the tag of the `argon2` crate.
    fn expected(&self) -> Result<Vec<u8>, argon2::Error> {
        let algorithm = match self.variant {
            Variant::D => argon2::Algorithm::Argon2d,
            Variant::I => argon2::Algorithm::Argon2i,
            Variant::Id => argon2::Algorithm::Argon2id,
        };
        let version = match self.version {
            Version::V0x10 => argon2::Version::V0x10,
            Version::V0x13 => argon2::Version::V0x13,
        };
        let data = AssociatedData::new(&self.data)?;
        let params = ParamsBuilder::new()
            .m_cost(self.memory)
            .t_cost(self.passes)
            .p_cost(self.lanes)
            .data(data)
            .build()?;
        let mut tag = vec![0; self.tag];
        argon2::Argon2::new_with_secret(&self.secret, algorithm, version, params)
            .and_then(|argon2| argon2.hash_password_into(&self.password, &self.salt, &mut tag))?;
        Ok(tag)
    }

    /// Returns the tag of this crate.
    fn actual(&self, memory: &mut Vec<Block>) -> Result<Vec<u8>, Error> {
        let params = Params::new(self.memory, self.passes, self.lanes)?;
        if memory.len() < params.blocks() {
            memory.resize(params.blocks(), Block::ZERO);
        }
        let mut argon2 = Argon2::new(self.variant, self.version, params);
        (argon2.secret, argon2.associated_data) = (&self.secret, &self.data);
        let mut tag = vec![0; self.tag];
        argon2.hash(&self.password, &self.salt, memory, &mut tag)?;
        Ok(tag)
    }
}

/// Compares the tags of the vectors of RFC 9106, section 5.
pub fn compare_vectors(memory: &mut Vec<Block>) -> Result<(), String> {
    for (variant, expected) in [
        (Variant::D, "512b391b6f1162975371d30919734294f868e3be3984f3c1a13a4db9fabe4acb"),
        (Variant::I, "c814d9d1dc7f37aa13f0d77f2494bda1c8de6b016dd388d29952a4c4672b6ce8"),
        (Variant::Id, "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"),
    ] {
        let case = Case {
            variant,
            version: Version::V0x13,
            memory: 32,
            passes: 3,
            lanes: 4,
            tag: 32,
            password: vec![1; 32],
            salt: vec![2; 16],
            secret: vec![3; 8],
            data: vec![4; 12],
        };
        let tag = case.actual(memory).map_err(|error| error.to_string())?;
        let actual = tag.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        if actual != expected {
            return Err(format!("RFC 9106 gives {expected}, argon2-simd {actual}, for {case:?}"));
        }
    }
    Ok(())
}

/// Returns cases with little memory: from the minimum to several address blocks in a segment.
pub fn drawn() -> impl Strategy<Value = Case> {
    let lanes = prop_oneof![3 => Just(1), 2 => 2..=4_u32, 1 => 5..=16_u32];
    let least = |lanes: u32| prop_oneof![2 => Just(0), 3 => 0..64 * lanes, 1 => 0..1400 * lanes.min(2)];
    let costs =
        lanes.prop_flat_map(move |lanes| (Just(lanes), least(lanes).prop_map(move |more| 8 * lanes + more)));
    let passes = prop_oneof![4 => 1..=4_u32, 1 => 5..=32_u32];
    (variant(), version(), costs, passes, inputs()).prop_map(
        |(variant, version, (lanes, memory), passes, inputs)| {
            let (tag, password, salt, secret, data) = inputs;
            // Many passes over much memory take long and test nothing more.
            let passes = if memory > 1000 { passes.min(3) } else { passes };
            Case { variant, version, memory, passes, lanes, tag, password, salt, secret, data }
        },
    )
}

/// Returns cases at the bounds of every input. Many of them are refused.
pub fn at_bounds() -> impl Strategy<Value = Case> {
    let lanes = prop_oneof![8 => 0..=4_u32, 1 => select(vec![0xff_ffff, 0x100_0000, u32::MAX])];
    let costs = (variant(), version(), 0..=33_u32, 0..=2_u32, lanes);
    (costs, 0..=5_usize, 0..=9_usize).prop_map(|((variant, version, memory, passes, lanes), tag, salt)| {
        Case {
            variant,
            version,
            memory,
            passes,
            lanes,
            tag,
            password: Vec::new(),
            salt: vec![3; salt],
            secret: Vec::new(),
            data: Vec::new(),
        }
    })
}

/// Returns the default of `LATCHKEY_ARGON2`, OWASP's other choices, the minimum and the maximum of lanes and
/// passes, and a case with much memory.
pub fn listed() -> impl Iterator<Item = Case> {
    [
        (19_456, 2, 1),
        (47_104, 1, 1),
        (12_288, 3, 1),
        (9216, 4, 1),
        (7168, 5, 1),
        (65_536, 3, 4),
        (8, 1, 1),
        (8, 32, 1),
        (128, 32, 16),
        (8192, 1, 16),
    ]
    .into_iter()
    .map(|(memory, passes, lanes)| Case {
        variant: Variant::Id,
        version: Version::V0x13,
        memory,
        passes,
        lanes,
        tag: 32,
        password: b"seven green boats at noon".to_vec(),
        salt: (0..16).collect(),
        secret: Vec::new(),
        data: Vec::new(),
    })
}

fn variant() -> impl Strategy<Value = Variant> {
    prop_oneof![2 => Just(Variant::Id), 1 => Just(Variant::D), 1 => Just(Variant::I)]
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![2 => Just(Version::V0x13), 1 => Just(Version::V0x10)]
}

/// Returns tag length, password, salt, secret value and associated data. `BLAKE2b` behaves differently around
/// the lengths 64 and 128.
fn inputs() -> impl Strategy<Value = (usize, Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>)> {
    (
        prop_oneof![2 => Just(32), 2 => 4..=200_usize, 1 => select(vec![4, 63, 64, 65, 95, 96, 97, 128, 1024])],
        prop_oneof![4 => bytes(0, 256), 1 => bytes(257, 1100)],
        prop_oneof![2 => bytes(16, 16), 1 => bytes(8, 80)],
        prop_oneof![2 => bytes(0, 0), 1 => bytes(1, 160)],
        prop_oneof![2 => bytes(0, 0), 1 => bytes(1, LONGEST_DATA)],
    )
}

fn bytes(least: usize, most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), least..=most)
}
