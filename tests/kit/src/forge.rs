//! Tokens that only a holder of the signing key could make.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test that cannot set itself up fails by a panic"
)]

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use latchkey_core::port::table::Key;
use latchkey_core::seal::{Purpose, Sealed};
use serde_json::{Value, json};

use crate::TestApp;
use crate::people::Person;

/// The current signing key of an app, taken from its store with the master secret: whatever a token of it says, its
/// signature is good. Another implementation of JWT than the one under test signs.
pub struct Forge {
    key: EncodingKey,
    /// The `kid` of the key.
    pub kid: String,
}

impl Forge {
    /// The key of `app`, which must have signed something already.
    pub async fn new(app: &TestApp) -> Self {
        let ports = &app.services.ports;
        let found = ports.table.get(&[Key::new("keys", "ring")], ports.clock.now()).await;
        let item = found.expect("the store answers").pop().flatten().expect("there is a ring");
        let ring: Value = item.decode().expect("the ring is JSON");
        let kid = ring["current"]["kid"].as_str().expect("a kid").to_owned();
        let sealed: Sealed = serde_json::from_value(ring["current"]["sealed"].clone()).expect("a sealed key");
        let sealer = &app.services.config.sealer;
        let seed = sealer.open(Purpose::new("signing-key"), kid.as_bytes(), &sealed).expect("it opens");
        Self { key: ed25519(&seed), kid }
    }

    /// A key that the service does not know, under the same `kid`.
    pub fn stranger(&self) -> Self {
        Self { key: ed25519(&[7; 32]), kid: self.kid.clone() }
    }

    /// The header of a genuine token.
    pub fn header(&self) -> Value {
        json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.kid })
    }

    /// A token of any header and payload.
    pub fn sign(&self, header: &str, payload: &str) -> String {
        let input = [header, payload].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part)).join(".");
        let signature = jsonwebtoken::crypto::sign(input.as_bytes(), &self.key, Algorithm::EdDSA);
        format!("{input}.{}", signature.expect("the key signs"))
    }

    /// A token with these claims under a genuine header.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    /// What the genuine token of `of` says.
    pub fn claims(of: &Person) -> Value {
        let payload = of.access.split('.').nth(1).expect("a token has a payload");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(payload).expect("it is base64url");
        serde_json::from_slice(&bytes).expect("it is JSON")
    }
}

/// PKCS #8 of an Ed25519 seed (RFC 8410, section 7).
fn ed25519(seed: &[u8]) -> EncodingKey {
    let prefix =
        [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    EncodingKey::from_ed_der(&[&prefix, seed].concat())
}
