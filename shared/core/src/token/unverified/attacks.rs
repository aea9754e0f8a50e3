//! Attacks of RFC 8725 and of advisories on other systems, each against every algorithm.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;
use crate::token::testing::{Seeded, claims, issuer_and_audience, keys, noon, signed};
use crate::token::{ACCESS_TOKEN_LIFETIME, SigningKey};

fn header(key: &SigningKey) -> Value {
    json!({ "alg": key.algorithm().name(), "typ": "at+jwt", "kid": key.kid() })
}

fn payload() -> Value {
    serde_json::to_value(claims(noon())).unwrap()
}

/// Returns `value` with one member replaced, or removed if `member` is null.
fn with(mut value: Value, name: &str, member: Value) -> Value {
    let object = value.as_object_mut().unwrap();
    if member.is_null() {
        object.remove(name);
    } else {
        object.insert(name.into(), member);
    }
    value
}

fn refusal(text: &str, key: &SigningKey) -> Reason {
    let verified = UnverifiedToken::parse(text)
        .and_then(|token| token.verify(key.verifying_key(), &issuer_and_audience(), noon()));
    verified.expect_err(text).reason()
}

/// Runs an attack against a key of each algorithm. The attacker holds the second key.
fn each(attack: impl Fn(&'static SigningKey, &'static SigningKey)) {
    for algorithm in Algorithm::ALL {
        let [key, other] = keys(algorithm);
        attack(key, other);
    }
}

#[test]
fn the_token_that_these_tests_change_is_valid() {
    each(|key, _| {
        let token = signed(key, header(key), payload());
        let token = UnverifiedToken::parse(&token).unwrap();
        assert_eq!(
            token.verify(key.verifying_key(), &issuer_and_audience(), noon()).unwrap(),
            claims(noon())
        );
    });
}

#[test]
fn alg_none_in_every_spelling() {
    each(|key, _| {
        for bits in 0..16u8 {
            let spelled =
                |(place, c): (usize, char)| if bits >> place & 1 == 1 { c.to_ascii_uppercase() } else { c };
            let none: String = "none".chars().enumerate().map(spelled).collect();
            let token = signed(key, with(header(key), "alg", json!(none)), payload());
            assert_eq!(refusal(&token, key), Reason::Algorithm, "{none}");
            // The attack in its usual form: without a signature.
            let (unsigned, _) = token.rsplit_once('.').unwrap();
            for token in [unsigned.to_owned(), format!("{unsigned}."), format!("{unsigned}.AA")] {
                assert!(matches!(refusal(&token, key), Reason::Malformed | Reason::Algorithm), "{token}");
            }
        }
        for alg in [json!(""), json!(null), json!(["none"]), json!(0), json!("None "), json!("nonе")] {
            let token = signed(key, with(header(key), "alg", alg), payload());
            assert!(matches!(refusal(&token, key), Reason::Header | Reason::Algorithm), "{token}");
        }
    });
}

#[test]
fn the_public_key_as_the_secret_of_an_hmac() {
    each(|key, _| {
        let public = key.verifying_key();
        let jwk = serde_json::to_string(&public.jwk()).unwrap();
        for secret in [public.to_bytes().unwrap(), jwk.into_bytes(), key.kid().to_string().into_bytes()] {
            for alg in ["HS256", key.algorithm().name()] {
                let (head, body) = (with(header(key), "alg", json!(alg)).to_string(), payload().to_string());
                let input = [head, body].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".");
                let mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap().chain_update(&input).finalize();
                let token = format!("{input}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac.into_bytes()));
                assert!(matches!(refusal(&token, key), Reason::Algorithm | Reason::Signature), "{alg}");
            }
        }
    });
}

#[test]
fn another_algorithm_than_the_keys() {
    each(|key, _| {
        for alg in ["EdDSA", "ES256", "RS256", "ES384", "RS512", "PS256", "eddsa", "Ed25519"] {
            if alg != key.algorithm().name() {
                let token = signed(key, with(header(key), "alg", json!(alg)), payload());
                assert_eq!(refusal(&token, key), Reason::Algorithm, "{alg}");
            }
        }
    });
}

#[test]
fn a_key_that_the_token_brings_along() {
    each(|key, attacker| {
        let jwk = serde_json::to_value(attacker.verifying_key().jwk()).unwrap();
        for (name, member) in [
            ("jwk", jwk),
            ("jku", json!("https://attacker.example/jwks.json")),
            ("x5u", json!("https://attacker.example/cert.pem")),
            ("x5c", json!(["MIIB"])),
            ("crit", json!(["exp"])),
            ("crit", json!([])),
            ("b64", json!(false)),
            ("zip", json!("DEF")),
            ("cty", json!("JWT")),
        ] {
            let forged = signed(attacker, with(header(key), name, member.clone()), payload());
            assert_eq!(refusal(&forged, key), Reason::Header, "{name}");
            let genuine = signed(key, with(header(key), name, member), payload());
            assert_eq!(refusal(&genuine, key), Reason::Header, "{name}");
        }
    });
}

#[test]
fn another_key_under_the_same_kid() {
    each(|key, attacker| {
        assert_eq!(refusal(&signed(attacker, header(key), payload()), key), Reason::Signature);
    });
}

#[test]
fn a_kid_that_names_no_key() {
    each(|key, other| {
        for kid in [
            "../../../dev/null",
            "' UNION SELECT 'k",
            "",
            "key\0",
            "http://attacker.example",
            "${jndi:ldap://a}",
        ] {
            let token = signed(key, with(header(key), "kid", json!(kid)), payload());
            assert_eq!(refusal(&token, key), Reason::Header, "{kid}");
        }
        for kid in [json!(null), json!(1), json!([key.kid()])] {
            assert_eq!(refusal(&signed(key, with(header(key), "kid", kid), payload()), key), Reason::Header);
        }
        assert_eq!(refusal(&signed(key, header(other), payload()), key), Reason::UnknownKey);
    });
}

#[test]
fn a_token_of_another_kind() {
    each(|key, _| {
        for typ in ["JWT", "jwt", "AT+JWT", "application/at+jwt", "at+jwt ", "logout+jwt", "dpop+jwt", ""] {
            let token = signed(key, with(header(key), "typ", json!(typ)), payload());
            assert_eq!(refusal(&token, key), Reason::Type, "{typ}");
        }
        assert_eq!(
            refusal(&signed(key, with(header(key), "typ", json!(null)), payload()), key),
            Reason::Header
        );
    });
}

#[test]
fn another_issuer_or_audience() {
    each(|key, _| {
        let iss = issuer_and_audience().issuer().to_owned();
        for other in [format!("{iss}/"), iss.to_uppercase(), format!("{iss}.attacker.example"), String::new()]
        {
            let token = signed(key, header(key), with(payload(), "iss", json!(other)));
            assert_eq!(refusal(&token, key), Reason::Issuer, "{other}");
        }
        let aud = issuer_and_audience().audience().to_owned();
        for other in [format!("{aud}/"), "https://other.example".into(), String::new(), "*".into()] {
            let token = signed(key, header(key), with(payload(), "aud", json!(other)));
            assert_eq!(refusal(&token, key), Reason::Audience, "{other}");
        }
        for list in
            [json!([aud]), json!([aud, "https://other.example"]), json!([]), json!({ "0": aud }), json!(true)]
        {
            let token = signed(key, header(key), with(payload(), "aud", list));
            assert_eq!(refusal(&token, key), Reason::Claims);
        }
    });
}

#[test]
fn a_claim_that_is_missing_or_of_another_type() {
    each(|key, _| {
        for name in ["iss", "aud", "sub", "sid", "iat", "exp", "jti", "roles"] {
            for member in [json!(null), json!({}), json!(true)] {
                let token = signed(key, header(key), with(payload(), name, member.clone()));
                assert_eq!(refusal(&token, key), Reason::Claims, "{name} {member}");
            }
        }
        for (name, member) in [
            ("sub", json!("0195F2A0-7C1E-7B3A-8F00-0123456789AB")),
            ("sid", json!("' OR 1=1 --")),
            ("jti", json!("../..")),
            ("roles", json!("admin")),
            ("roles", json!([1])),
        ] {
            let token = signed(key, header(key), with(payload(), name, member.clone()));
            assert_eq!(refusal(&token, key), Reason::Claims, "{name} {member}");
        }
    });
}

#[test]
fn an_expiry_that_is_not_a_time() {
    each(|key, _| {
        let good = (noon() + ACCESS_TOKEN_LIFETIME).as_secs();
        // As text, because a number in Rust would already be a valid one.
        for (exp, reason) in [
            (format!("\"{good}\""), Reason::Claims),
            (format!("{good}.0"), Reason::Claims),
            (format!("{good}e0"), Reason::Claims),
            ("1e400".into(), Reason::Claims),
            ("99999999999999999999".into(), Reason::Claims),
            ("NaN".into(), Reason::Claims),
            ("Infinity".into(), Reason::Claims),
            (format!("[{good}]"), Reason::Claims),
            (i64::MAX.to_string(), Reason::Lifetime),
            ((good + 1).to_string(), Reason::Lifetime),
            ("0".into(), Reason::Expired),
            ((-good).to_string(), Reason::Expired),
            (i64::MIN.to_string(), Reason::Expired),
        ] {
            let token = signed(key, header(key), payload().to_string().replace(&good.to_string(), &exp));
            assert_eq!(refusal(&token, key), reason, "{exp}");
        }
    });
}

#[test]
fn a_beginning_in_the_future_or_in_the_distant_past() {
    each(|key, _| {
        let now = noon().as_secs();
        for (iat, exp, reason) in [
            (now + 61, now + 900, Reason::FromTheFuture),
            (i64::MAX, now + 900, Reason::FromTheFuture),
            (now + 30, now + 30, Reason::Lifetime),
            (now + 30, now + 20, Reason::Lifetime),
            (now - 1, now + 900, Reason::Lifetime),
            (i64::MIN, now + 900, Reason::Lifetime),
            (i64::MIN, i64::MAX, Reason::Lifetime),
        ] {
            let times = with(with(payload(), "iat", json!(iat)), "exp", json!(exp));
            assert_eq!(refusal(&signed(key, header(key), times), key), reason, "{iat} {exp}");
        }
    });
}

#[test]
fn a_member_that_is_named_twice() {
    each(|key, _| {
        for name in ["exp", "sub", "roles"] {
            let twice = payload().to_string().replacen('{', &format!("{{\"{name}\":{},", payload()[name]), 1);
            assert_eq!(refusal(&signed(key, header(key), twice), key), Reason::Claims, "{name}");
        }
        let twice = header(key).to_string().replacen('{', r#"{"alg":"none","#, 1);
        assert_eq!(refusal(&signed(key, twice, payload()), key), Reason::Header);
    });
}

#[test]
fn json_that_is_not_one_object() {
    each(|key, _| {
        let (head, body) = (header(key).to_string(), payload().to_string());
        let array = json!([key.algorithm(), "at+jwt", key.kid()]).to_string();
        for bad in [
            format!("{head}{head}"),
            format!(" {head}"),
            format!("{head}\n"),
            array,
            "{".into(),
            "\u{feff}{}".into(),
        ] {
            assert_eq!(refusal(&signed(key, &bad, &body), key), Reason::Header, "{bad}");
        }
        let values =
            serde_json::to_string(&payload().as_object().unwrap().values().collect::<Vec<_>>()).unwrap();
        for bad in [format!("{body}{{}}"), format!("{body} "), values, "null".into(), "[".repeat(1000)] {
            assert_eq!(refusal(&signed(key, &head, &bad), key), Reason::Claims, "{bad}");
        }
    });
}

#[test]
fn parts_too_many_too_few_or_empty() {
    each(|key, _| {
        let good = signed(key, header(key), payload());
        let parts: Vec<&str> = good.split('.').collect();
        let (head, body, signature) = (parts[0], parts[1], parts[2]);
        for text in [
            String::new(),
            "..".into(),
            head.into(),
            format!("{head}.{body}"),
            format!("{head}.{body}."),
            format!("{head}..{signature}"),
            format!(".{body}.{signature}"),
            format!("{good}."),
            format!("{good}.{signature}"),
            format!("{head}.{head}.{body}.{signature}"),
            format!(".{good}"),
            format!("{good} "),
            format!(" {good}"),
            format!("{good}\n"),
            format!("{good}="),
            format!("{good}\0"),
            format!("Bearer {good}"),
            format!("{head}=.{body}.{signature}"),
            good.replace('.', " "),
        ] {
            assert_eq!(refusal(&text, key), Reason::Malformed, "{text}");
        }
    });
}

#[test]
fn five_thousand_bytes() {
    each(|key, _| {
        let long = signed(key, header(key), with(payload(), "org", json!("o".repeat(3000))));
        assert!(long.len() > MAX_TOKEN);
        assert_eq!(refusal(&long, key), Reason::TooLong);
        assert_eq!(refusal(&"A".repeat(5000), key), Reason::TooLong);
    });
}

#[test]
fn the_signature_of_another_token() {
    each(|key, _| {
        let tokens = [noon(), noon() - crate::token::CLOCK_LEEWAY]
            .map(|at| key.sign(&claims(at), &Seeded::new(1)).unwrap());
        let (input, _) = tokens[0].rsplit_once('.').unwrap();
        let (_, signature) = tokens[1].rsplit_once('.').unwrap();
        assert_eq!(refusal(&format!("{input}.{signature}"), key), Reason::Signature);
    });
}

#[test]
fn signatures_of_zeros_and_of_other_lengths() {
    each(|key, _| {
        let good = signed(key, header(key), payload());
        let (input, _) = good.rsplit_once('.').unwrap();
        // With 64 zeros, r = s = 0 is the signature that a careless ECDSA accepts for any message ("psychic signatures").
        for bytes in
            [vec![0; 64], vec![0; 256], vec![0; 1], vec![0; 63], vec![0; 65], vec![255; 64], vec![255; 256]]
        {
            let token = format!("{input}.{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
            assert_eq!(refusal(&token, key), Reason::Signature);
        }
        // r or s is zero, or the order of the curve.
        let order: [u8; 32] = p256_order();
        for (r, s) in [([0; 32], [1; 32]), ([1; 32], [0; 32]), (order, order), ([1; 32], order)] {
            let token = format!("{input}.{}", BASE64_URL_SAFE_NO_PAD.encode([r, s].concat()));
            assert_eq!(refusal(&token, key), Reason::Signature);
        }
    });
}

/// Returns n of P-256 (FIPS 186-5).
fn p256_order() -> [u8; 32] {
    let mut order = [0xff; 32];
    order[4..8].fill(0);
    let low =
        [0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51];
    order[16..].copy_from_slice(&low);
    order
}
