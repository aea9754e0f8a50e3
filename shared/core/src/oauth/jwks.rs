//! Keys of another issuer (RFC 7517) whose signatures Latchkey can verify.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::token::{Algorithm, VerifyingKey};

/// Maximum number of keys. No issuer publishes more; a longer list is cut.
const MAX_KEYS: usize = 64;

/// Keys of an issuer for the algorithms that Latchkey supports.
#[derive(Debug)]
pub(super) struct KeySet(Vec<ForeignKey>);

#[derive(Debug)]
struct ForeignKey {
    kid: Option<String>,
    key: VerifyingKey,
}

/// Published key. Its type decides its algorithm, so an issuer cannot select another one.
#[derive(Deserialize)]
struct Published {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
}

/// Result of the search for the key that a token names, among those of its issuer.
#[derive(Debug)]
pub(super) enum Found<'a> {
    Key(&'a VerifyingKey),
    /// No key matches; it may be new.
    Unknown,
    /// The token names no key, and several match.
    Ambiguous,
}

impl KeySet {
    /// Parses `{"keys": [...]}`. Leaves out keys of another type or use and malformed keys, as section 5 demands.
    pub fn read(json: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let document: Document = crate::json::object(json).ok()?;
        let keys = document.keys.into_iter().take(MAX_KEYS);
        Some(Self(
            keys.filter_map(|key| serde_json::from_value(key).ok().and_then(ForeignKey::new)).collect(),
        ))
    }

    /// Returns the key of `kid` for `algorithm`. Without a `kid`, returns the only key for it (OpenID Connect Core, section
    /// 10.1).
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Found<'_> {
        let named = |key: &&ForeignKey| kid.is_none() || key.kid.as_deref() == kid;
        let mut fitting = self.0.iter().filter(|key| key.key.algorithm() == algorithm).filter(named);
        match (fitting.next(), fitting.next()) {
            (None, _) => Found::Unknown,
            (Some(key), None) => Found::Key(&key.key),
            (Some(_), Some(_)) => Found::Ambiguous,
        }
    }
}

impl ForeignKey {
    fn new(published: Published) -> Option<Self> {
        let number = |text: &Option<String>| BASE64_URL_SAFE_NO_PAD.decode(text.as_ref()?).ok();
        // `use` and `key_ops` are optional, but if present they must allow verification (RFC 7517, sections 4.2 and 4.3).
        let verifies = |operations: &Vec<String>| operations.iter().any(|operation| operation == "verify");
        if published.usage.as_deref().is_some_and(|usage| usage != "sig")
            || !published.key_ops.as_ref().is_none_or(verifies)
        {
            return None;
        }
        let key = match (published.kty.as_str(), published.crv.as_deref()) {
            ("RSA", _) => VerifyingKey::rsa(&number(&published.n)?, &number(&published.e)?)?,
            ("EC", Some("P-256")) => VerifyingKey::p256(&number(&published.x)?, &number(&published.y)?)?,
            ("OKP", Some("Ed25519")) => VerifyingKey::ed25519(&number(&published.x)?)?,
            _ => return None,
        };
        let says = published.alg.as_deref();
        // RFC 9864 names EdDSA over Ed25519 after the curve.
        let fits = says
            .is_none_or(|alg| alg == key.algorithm().name() || (alg == "Ed25519" && published.kty == "OKP"));
        fits.then_some(Self { kid: published.kid, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::testing::keys;
    use proptest::prelude::*;
    use serde_json::json;

    fn published(algorithm: Algorithm, kid: Option<&str>) -> Value {
        let mut jwk = serde_json::to_value(keys(algorithm)[0].verifying_key().jwk()).unwrap();
        jwk["kid"] = json!(kid);
        jwk
    }

    fn set(keys: &[Value]) -> KeySet {
        KeySet::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_key_is_read_as_it_was_published() {
        for algorithm in Algorithm::ALL {
            let set = set(&[published(algorithm, Some("a"))]);
            let Found::Key(key) = set.find(Some("a"), algorithm) else { panic!("{algorithm}") };
            assert_eq!(key.kid(), keys(algorithm)[0].kid());
            assert!(matches!(set.find(None, algorithm), Found::Key(_)));
            assert!(matches!(set.find(Some("b"), algorithm), Found::Unknown));
        }
    }

    #[test]
    fn several_keys_without_a_name_are_ambiguous() {
        let both = set(&[published(Algorithm::Es256, Some("a")), published(Algorithm::Es256, Some("b"))]);
        assert!(matches!(both.find(None, Algorithm::Es256), Found::Ambiguous));
        assert!(matches!(both.find(Some("b"), Algorithm::Es256), Found::Key(_)));
        let twice = set(&[published(Algorithm::Es256, Some("a")), published(Algorithm::Es256, Some("a"))]);
        assert!(matches!(twice.find(Some("a"), Algorithm::Es256), Found::Ambiguous));
        let kinds = set(&[published(Algorithm::Es256, None), published(Algorithm::Rs256, None)]);
        assert!(matches!(kinds.find(None, Algorithm::Rs256), Found::Key(_)));
        assert!(matches!(kinds.find(Some("a"), Algorithm::Rs256), Found::Unknown));
    }

    #[test]
    fn keys_that_are_not_for_us_are_left_out() {
        let with = |name: &str, value: Value| {
            let mut jwk = published(Algorithm::Rs256, Some("a"));
            jwk[name] = value;
            jwk
        };
        for bad in [
            with("use", json!("enc")),
            with("key_ops", json!([])),
            with("key_ops", json!(["sign"])),
            with("key_ops", json!(["encrypt", "wrapKey"])),
            with("key_ops", json!("verify")),
            with("key_ops", json!(7)),
            with("alg", json!("RS512")),
            with("alg", json!("HS256")),
            with("kty", json!("oct")),
            with("kty", json!("EC")),
            with("n", json!("AQAB")),
            with("n", json!("!")),
            with("n", json!("")),
            with("n", json!("AAAA")),
            with("n", json!(BASE64_URL_SAFE_NO_PAD.encode([&[1], &[0xff; 512][..]].concat()))),
            with("e", json!("AA")),
            with("e", json!("")),
            with("kid", json!(7)),
            json!("key"),
            json!(null),
        ] {
            let set = set(std::slice::from_ref(&bad));
            assert!(matches!(set.find(None, Algorithm::Rs256), Found::Unknown), "{bad}");
        }
        let good = set(&[with("key_ops", json!(["verify"]))]);
        assert!(matches!(good.find(None, Algorithm::Rs256), Found::Key(_)));
        let mut point = published(Algorithm::Es256, None);
        point["x"] = point["y"].clone();
        assert!(matches!(set(&[point]).find(None, Algorithm::Es256), Found::Unknown), "off the curve");
    }

    proptest! {
        #[test]
        fn no_document_makes_it_panic(json in "\\PC*|\\{\"keys\":\\[[\\[\\]{}\":,a-z0-9]{0,60}\\]\\}") {
            let _ = KeySet::read(json.as_bytes());
        }

        #[test]
        fn no_numbers_make_it_panic(kty in "RSA|EC|OKP", crv in "P-256|Ed25519", n in "[A-Za-z0-9_-]{0,500}", e in "[A-Za-z0-9_-]{0,12}") {
            let json = json!({"keys": [{"kty": kty, "crv": crv, "n": n, "e": e, "x": n, "y": e}]});
            let _ = KeySet::read(json.to_string().as_bytes());
        }
    }
}
