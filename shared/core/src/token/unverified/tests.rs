use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::token::testing::{Seeded, claims, issuer_and_audience, keys, noon};
use crate::token::{ACCESS_TOKEN_LIFETIME, CLOCK_LEEWAY, SigningKey};

fn token(key: &SigningKey) -> String {
    key.sign(&claims(noon()), &Seeded::new(3)).unwrap()
}

fn verify_at(text: &str, key: &SigningKey, now: Timestamp) -> Result<Claims, Reason> {
    UnverifiedToken::parse(text)
        .and_then(|token| token.verify(key.verifying_key(), &issuer_and_audience(), now))
        .map_err(InvalidToken::reason)
}

#[test]
fn every_algorithm_verifies_what_it_signed() {
    for algorithm in Algorithm::ALL {
        let [key, _] = keys(algorithm);
        assert_eq!(verify_at(&token(key), key, noon()), Ok(claims(noon())), "{algorithm}");
    }
}

#[test]
fn the_token_is_a_jwt_to_an_implementation_that_is_not_ours() {
    for (algorithm, other) in Algorithm::ALL.into_iter().zip([
        jsonwebtoken::Algorithm::EdDSA,
        jsonwebtoken::Algorithm::ES256,
        jsonwebtoken::Algorithm::RS256,
    ]) {
        let [key, _] = keys(algorithm);
        let jwk = serde_json::to_value(key.verifying_key().jwk()).unwrap();
        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(jwk).unwrap();
        assert_eq!(jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap(), key.kid().to_string());

        let mut validation = jsonwebtoken::Validation::new(other);
        validation.validate_exp = false;
        validation.set_issuer(&[issuer_and_audience().issuer()]);
        validation.set_audience(&[issuer_and_audience().audience()]);
        let decoding = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
        let decoded = jsonwebtoken::decode::<Claims>(token(key), &decoding, &validation).unwrap();
        assert_eq!(decoded.claims, claims(noon()));
        assert_eq!(decoded.header.typ.as_deref(), Some("at+jwt"));
        assert_eq!(decoded.header.kid, Some(key.kid().to_string()));
    }
}

#[test]
fn the_signature_of_rfc_8037_appendix_a_4() {
    let bytes = |text| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let key = SigningKey::from_bytes(Algorithm::EdDsa, &bytes("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"))
        .unwrap();
    let input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert_eq!(key.sign_bytes(input.as_bytes(), &Seeded::new(1)).unwrap(), bytes(signature));
    assert!(key.verifying_key().verify(input.as_bytes(), &bytes(signature)));
}

#[test]
fn the_example_of_rfc_7515_appendix_a_3_verifies() {
    let bytes = |text| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    let mut point = vec![4];
    point.extend(bytes("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"));
    point.extend(bytes("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"));
    let key = VerifyingKey::from_bytes(Algorithm::Es256, &point).unwrap();
    let input = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19y\
                 b290Ijp0cnVlfQ";
    let signature =
        bytes("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");
    assert!(key.verify(input.as_bytes(), &signature));
    assert!(!key.verify(&input.as_bytes()[1..], &signature));
}

#[test]
fn time_is_checked_against_the_time_that_is_passed() {
    let [key, _] = keys(Algorithm::EdDsa);
    let (text, second) = (token(key), Duration::from_secs(1));
    let end = noon() + ACCESS_TOKEN_LIFETIME;
    assert!(verify_at(&text, key, end - Duration::from_millis(1)).is_ok());
    assert_eq!(verify_at(&text, key, end), Err(Reason::Expired));
    assert!(verify_at(&text, key, noon() - CLOCK_LEEWAY).is_ok(), "the issuer's clock may be ahead");
    assert_eq!(verify_at(&text, key, noon() - CLOCK_LEEWAY - second), Err(Reason::FromTheFuture));
}

#[test]
fn a_token_that_would_be_refused_for_its_length_is_not_signed() {
    let [key, _] = keys(Algorithm::Rs256);
    let mut claims = claims(noon());
    claims.roles = vec!["r".repeat(40); 80];
    assert!(matches!(key.sign(&claims, &Seeded::new(1)), Err(crate::token::key::SignError::TooLong(4097..))));
}

#[test]
fn issuer_and_audience_are_not_empty() {
    for (issuer, audience) in [("", "a"), ("i", ""), ("", "")] {
        assert!(IssuerAndAudience::new(issuer, audience).is_err());
    }
}

#[test]
fn the_response_is_one_text_for_every_reason() {
    let refused = [Reason::Expired, Reason::Signature].map(InvalidToken::from);
    assert_eq!(refused[0].to_string(), refused[1].to_string());
}

fn any_algorithm() -> impl Strategy<Value = Algorithm> {
    select(Algorithm::ALL.as_slice())
}

proptest! {
    #[test]
    fn any_changed_character_is_refused(algorithm in any_algorithm(), place: Index, with in "[A-Za-z0-9_.=+/ -]") {
        let [key, _] = keys(algorithm);
        let good = token(key);
        let place = place.index(good.len());
        let mut changed = good.clone();
        changed.replace_range(place..=place, &with);
        prop_assume!(changed != good);
        prop_assert!(verify_at(&changed, key, noon()).is_err(), "{changed}");
    }

    #[test]
    fn any_insertion_or_removal_is_refused(algorithm in any_algorithm(), place: Index, with in "\\PC?") {
        let [key, _] = keys(algorithm);
        let good = token(key);
        let place = place.index(good.len());
        let mut changed = good.clone();
        if with.is_empty() { changed.remove(place); } else { changed.insert_str(place, &with); }
        prop_assert!(verify_at(&changed, key, noon()).is_err(), "{changed}");
    }

    #[test]
    fn any_text_is_refused(text in "\\PC{0,200}|([A-Za-z0-9_-]{0,60}\\.){1,4}[A-Za-z0-9_-]{0,60}") {
        prop_assert!(verify_at(&text, &keys(Algorithm::EdDsa)[0], noon()).is_err());
    }
}

/// The last character of a 64-byte signature carries four bits that no byte uses. With a lax decoder, each of the other fifteen
/// characters that decode to the same bytes gives another text of the same token.
#[test]
fn the_spare_bits_of_the_last_character_are_refused() {
    for algorithm in Algorithm::ALL {
        let [key, _] = keys(algorithm);
        let good = token(key);
        for last in ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']) {
            let text = format!("{}{last}", &good[..good.len() - 1]);
            assert_eq!(verify_at(&text, key, noon()).is_ok(), text == good, "{algorithm} {last}");
        }
    }
}
