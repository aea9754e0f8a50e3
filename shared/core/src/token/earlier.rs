//! Keys, tokens and sealed values that an earlier version wrote with the `RustCrypto` crates of 2023. Each is still read and
//! written in the same form.

use serde_json::Value;

use super::ring::KeyRing;
use super::set::KeySet;
use super::stored::{StoredKeys, StoredRing, StoredSet};
use super::testing::{NEW_SECRET, issuer_and_audience, noon, sealer, session, signed_input, user};
use super::{Algorithm, Presentation, RefreshFamily, RefreshToken, UnverifiedToken};
use crate::port::table::{Item, Version};
use crate::port::{Entropy, EntropyError};

/// Generator that always gives the same bytes, so that sealing a value twice gives the same text.
struct Constant;

impl Entropy for Constant {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        bytes.fill(0x5a);
        Ok(())
    }
}

fn earlier(name: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("../../tests/data/earlier.json")).unwrap();
    all[name].clone()
}

fn read<K: StoredKeys>(body: &Value) -> K {
    let item =
        Item { key: K::key(), body: body.to_string(), version: Version::first(noon()), expires_at: None };
    K::read(&item, &sealer(&[NEW_SECRET])).ok().unwrap()
}

#[test]
fn stored_keys_are_read_and_written_as_an_earlier_version_did() {
    let sealer = sealer(&[NEW_SECRET]);
    for algorithm in Algorithm::ALL {
        let stored = earlier(algorithm.name());
        let (ring, set) = (read::<KeyRing>(&stored["ring"]), read::<KeySet>(&stored["set"]));
        let sealed = StoredRing::seal(&ring, &sealer, &Constant).unwrap();
        assert_eq!(serde_json::to_value(sealed).unwrap(), stored["ring"], "{algorithm}");
        let sealed = StoredSet::seal(&set, &sealer, &Constant).unwrap();
        assert_eq!(serde_json::to_value(sealed).unwrap(), stored["set"], "{algorithm}");
        for set in [set, KeySet::of(&ring)] {
            assert_eq!(serde_json::to_value(set.jwks(noon())).unwrap(), stored["jwks"], "{algorithm}");
        }
    }
}

#[test]
fn a_token_has_the_signature_that_an_earlier_version_gave_it() {
    for algorithm in Algorithm::ALL {
        let stored = earlier(algorithm.name());
        let ring = read::<KeyRing>(&stored["ring"]);
        let token = stored["token"].as_str().unwrap();
        let verified = UnverifiedToken::parse(token).unwrap();
        assert!(
            verified.verify(ring.current().verifying_key(), &issuer_and_audience(), noon()).is_ok(),
            "{algorithm}"
        );
        let (input, _) = token.rsplit_once('.').unwrap();
        let again = signed_input(ring.current(), input);
        assert_eq!(again, token, "{algorithm}");
    }
}

#[test]
fn refresh_tokens_and_their_family_are_as_an_earlier_version_made_them() {
    let (stored, sealer) = (earlier("refresh"), sealer(&[NEW_SECRET]));
    let token = |name: &str| stored[name].as_str().unwrap().to_owned();
    let first = RefreshToken::parse(&token("first"), &sealer).unwrap();
    assert_eq!(RefreshToken::issue(user(), session(), &Constant, &sealer).unwrap().expose(), token("first"));
    let family: RefreshFamily = serde_json::from_value(stored["family"].clone()).unwrap();
    let Presentation::Again(next) = family.present(&first, noon()).unwrap() else {
        panic!("not given again")
    };
    assert_eq!(next.expose(), token("next"));
    let fresh = RefreshFamily::new(&first);
    let Presentation::Rotate(rotation) = fresh.present(&first, noon()).unwrap() else { panic!("not live") };
    let (minted, _) = rotation.mint(&Constant, &sealer).unwrap();
    assert_eq!(serde_json::to_value(minted).unwrap(), stored["family"]);
}
