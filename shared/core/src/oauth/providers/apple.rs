//! <https://developer.apple.com/documentation/signinwithapplerestapi>. The client secret is a JWT that Latchkey signs. The
//! response is a form post. Only it contains the person's name, and only at the first sign-in.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey;
use secrecy::SecretString;
use serde_json::json;

use super::super::id_token::{IdToken, Truth};
use super::super::metadata::Metadata;
use super::super::profile::Profile;
use super::super::provider::{Client, Location, Provider, Secret, Source};
use crate::Timestamp;

const ISSUER: &str = "https://appleid.apple.com";
/// Lifetime of a client secret, in seconds. Apple accepts up to six months; the secret is used at once.
const SECRET_LIFETIME: i64 = 300;

/// Key that signs client secrets.
pub(in super::super) struct AppleKey {
    pub team_id: String,
    pub key_id: String,
    pub key: SigningKey,
}

pub(in super::super) fn provider(client_id: String, key: AppleKey) -> Provider {
    let metadata = Metadata::known(
        ISSUER,
        "https://appleid.apple.com/auth/authorize",
        "https://appleid.apple.com/auth/token",
        Some("https://appleid.apple.com/auth/keys"),
    );
    let client = Client { id: client_id, secret: SecretString::default() };
    Provider {
        label: "Apple".to_owned(),
        secret: Secret::Apple(Box::new(key)),
        // Apple sends name and e-mail only in a form post.
        scopes: &["openid", "name", "email"],
        extra: &[("response_mode", "form_post")],
        form_post: true,
        source: Source::IdToken { map: profile, userinfo: false },
        ..Provider::openid(super::name("apple"), client, Location::Known(Box::new(metadata)))
    }
}

/// Reads the profile. Apple documents `email_verified` as a text or a boolean.
fn profile(token: &IdToken) -> Profile {
    let is_verified = matches!(token.claims.email_verified, Truth::Yes | Truth::Text);
    Profile::from_claims_where(token, is_verified)
}

/// Parses the key of a `.p8` file. In a variable of one line its line breaks may be written as `\\n`.
pub(in super::super) fn key(pem: &str) -> Option<SigningKey> {
    SigningKey::from_pkcs8_pem(&pem.replace("\\n", "\n")).ok()
}

impl AppleKey {
    pub(in super::super) fn client_secret(&self, client_id: &str, now: Timestamp) -> SecretString {
        let encode = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let header = encode(json!({ "alg": "ES256", "kid": self.key_id }));
        let (iat, exp) = (now.as_secs(), now.as_secs().saturating_add(SECRET_LIFETIME));
        let claims =
            encode(json!({ "iss": self.team_id, "iat": iat, "exp": exp, "aud": ISSUER, "sub": client_id }));
        // Deterministic (RFC 6979), so it needs no randomness.
        let signature: Signature = self.key.sign(format!("{header}.{claims}").as_bytes());
        format!("{header}.{claims}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes())).into()
    }
}
