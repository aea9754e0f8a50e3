use proptest::prelude::*;

use super::*;
use crate::token::testing::Seeded;

const OLD: &str = "qkU3cd6UKfPE0DF9SkOFNzlQKGVLF2Ry1wHhP3oFjZ8=";
const NEW: &str = "hN2YpD9sVw4zTq8LmKx1Rb7Jc5Gf3Ea6Uo0iZtPyQdM";
const NOTES: Purpose = Purpose::new("notes");
const OTHER: Purpose = Purpose::new("other");

fn sealer(secrets: &[&str]) -> Sealer {
    Sealer::new(&MasterSecrets::parse(&secrets.join(",")).unwrap())
}

fn seal(sealer: &Sealer, text: &str) -> Sealed {
    sealer.seal(NOTES, b"id 1", text.as_bytes(), &Seeded::new(1)).unwrap()
}

#[test]
fn opens_what_it_sealed_after_a_trip_through_text() {
    let sealer = sealer(&[NEW]);
    let text = seal(&sealer, "hello").to_string();
    assert!(text.starts_with("v1.") && !text.contains("hello"), "{text}");
    assert_eq!(sealer.open(NOTES, b"id 1", &text.parse().unwrap()).unwrap().as_slice(), b"hello");
}

#[test]
fn another_purpose_or_other_associated_data_does_not_open_it() {
    let sealer = sealer(&[NEW]);
    let closed = seal(&sealer, "hello");
    assert_eq!(sealer.open(OTHER, b"id 1", &closed), Err(OpenError::Refused));
    assert_eq!(sealer.open(NOTES, b"id 2", &closed), Err(OpenError::Refused));
}

#[test]
fn the_same_plaintext_never_looks_the_same() {
    let (sealer, entropy) = (sealer(&[NEW]), Seeded::new(1));
    let twice = [(); 2].map(|()| sealer.seal(NOTES, b"", b"hello", &entropy).unwrap());
    assert_ne!(twice[0], twice[1]);
}

#[test]
fn a_rotated_secret_still_opens_until_it_is_removed() {
    let sealed = seal(&sealer(&[OLD]), "hello");
    let rotated = sealer(&[NEW, OLD]);
    assert_eq!(rotated.open(NOTES, b"id 1", &sealed).unwrap().as_slice(), b"hello");
    assert_ne!(seal(&rotated, "hello").secret, sealed.secret, "new values use the new secret");
    assert_eq!(sealer(&[NEW]).open(NOTES, b"id 1", &sealed), Err(OpenError::UnknownSecret));
}

#[test]
fn tags_follow_purpose_message_and_secrets() {
    let old = sealer(&[OLD]).tag(NOTES, b"hello");
    let rotated = sealer(&[NEW, OLD]);
    assert!(rotated.verify_tag(NOTES, b"hello", &old));
    assert!(rotated.verify_tag(NOTES, b"hello", &rotated.tag(NOTES, b"hello")));
    assert!(rotated.verify_tag(NOTES, b"hello", &old[..MIN_TAG]));
    assert!(!rotated.verify_tag(OTHER, b"hello", &old));
    assert!(!rotated.verify_tag(NOTES, b"hallo", &old));
    assert!(!sealer(&[NEW]).verify_tag(NOTES, b"hello", &old));
}

#[test]
fn a_tag_of_a_wrong_length_proves_nothing() {
    let sealer = sealer(&[NEW]);
    let tag = sealer.tag(NOTES, b"hello");
    for short in 0..MIN_TAG {
        assert!(!sealer.verify_tag(NOTES, b"hello", &tag[..short]), "{short}");
    }
    assert!(!sealer.verify_tag(NOTES, b"hello", &[tag.as_slice(), b"\0"].concat()));
}

#[test]
fn sealing_and_tagging_use_different_keys() {
    let root = sealer(&[NEW]).current;
    assert_ne!(root.derive(Use::Seal, NOTES), root.derive(Use::Tag, NOTES));
}

#[test]
fn other_forms_are_not_sealed_values() {
    let good = seal(&sealer(&[NEW]), "hello").to_string();
    for text in [
        "",
        "v1",
        "v1.",
        "v1..",
        "v2.AAAAAAAAAAA.AAAA",
        "v1.AAAA.AAAA",
        "v1.AAAAAAAAAAA.AAA=",
        "v1.AAAAAAAAAAA",
    ] {
        assert_eq!(text.parse::<Sealed>(), Err(InvalidSealed), "{text}");
    }
    assert!(format!("{good} ").parse::<Sealed>().is_err());
}

proptest! {
    #[test]
    fn any_changed_character_is_refused(place in 0..200usize, with in "[A-Za-z0-9_.-]", text in "[a-z]{0,80}") {
        let sealer = sealer(&[NEW]);
        let good = seal(&sealer, &text).to_string();
        let place = place % good.len();
        let mut changed = good.clone();
        changed.replace_range(place..=place, &with);
        prop_assume!(changed != good);
        if let Ok(changed) = changed.parse::<Sealed>() {
            prop_assert!(sealer.open(NOTES, b"id 1", &changed).is_err());
        }
    }

    #[test]
    fn any_text_parses_or_not(text in "\\PC{0,100}") {
        if let Ok(sealed) = text.parse::<Sealed>() {
            prop_assert_eq!(sealed.to_string(), text);
        }
    }
}
