//! A provider of identities that lives in the test: an authorization server that checks what a client sends, and lies when told.

#![expect(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test whose provider is asked for what it does not have fails by a panic"
)]

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, Response};
use jsonwebtoken::{Algorithm, EncodingKey};
use latchkey_core::port::{Clock, Fetch, FetchError};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::TestClock;

/// The client's id at every stand-in.
pub const CLIENT_ID: &str = "latchkey-test";
/// The client's secret, with characters that must be escaped on the way.
pub const CLIENT_SECRET: &str = "s3cret+with/odd=chars&";
/// The issuer of [`Shape::openid`].
pub const ISSUER: &str = "https://id.example.com";

/// What kind of provider it is: its addresses, and what it demands.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Its authorization endpoint.
    pub authorization: String,
    /// Its token endpoint.
    pub token: String,
    /// The `iss` of its ID tokens; none when it gives none.
    pub issuer: Option<String>,
    /// What it answers to GET, by URL.
    pub documents: BTreeMap<String, Value>,
    /// Where it publishes its keys.
    pub jwks: Option<String>,
    /// The scopes that it expects.
    pub scopes: &'static str,
    /// Whether the secret comes in the `Authorization` header.
    pub basic: bool,
    /// Whether it demands PKCE; else it refuses a verifier.
    pub pkce: bool,
    /// What else it puts into the answer of its token endpoint.
    pub extra: Value,
}

impl Shape {
    /// An OpenID provider that is found by its issuer.
    pub fn openid() -> Self {
        let at = |path: &str| format!("{ISSUER}{path}");
        let metadata = json!({
            "issuer": ISSUER,
            "authorization_endpoint": at("/authorize"),
            "token_endpoint": at("/token"),
            "jwks_uri": at("/jwks"),
            "userinfo_endpoint": at("/userinfo"),
            "authorization_response_iss_parameter_supported": true,
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        });
        Self {
            authorization: at("/authorize"),
            token: at("/token"),
            issuer: Some(ISSUER.to_owned()),
            documents: BTreeMap::from([(at("/.well-known/openid-configuration"), metadata)]),
            jwks: Some(at("/jwks")),
            scopes: "openid email profile",
            basic: true,
            pkce: true,
            extra: json!({}),
        }
    }
}

/// How an address answers instead of properly.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Not at all.
    Timeout,
    /// With this status, media type and body.
    Answer(u16, &'static str, String),
    /// The same with a body that need not be text.
    Bytes(u16, &'static str, Vec<u8>),
}

/// A signing key of the provider.
#[derive(Clone)]
pub struct ProviderKey {
    /// Its name; none leaves `kid` out.
    pub kid: Option<String>,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl ProviderKey {
    /// An Ed25519 key of this seed.
    pub fn ed25519(kid: &str, seed: u8) -> Self {
        // PKCS #8 of an Ed25519 seed (RFC 8410, section 7).
        let prefix =
            [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
        let key = EncodingKey::from_ed_der(&[&prefix[..], &[seed; 32]].concat());
        Self { kid: Some(kid.to_owned()), algorithm: Algorithm::EdDSA, key }
    }

    /// A P-256 key of this seed.
    pub fn p256(kid: &str, seed: u8) -> Self {
        let key = p256::SecretKey::from_slice(&[seed; 32]).unwrap();
        let der = p256::pkcs8::EncodePrivateKey::to_pkcs8_der(&key).unwrap();
        Self {
            kid: Some(kid.to_owned()),
            algorithm: Algorithm::ES256,
            key: EncodingKey::from_ec_der(der.as_bytes()),
        }
    }

    /// The same under another name, or none.
    #[must_use]
    pub fn named(mut self, kid: Option<&str>) -> Self {
        self.kid = kid.map(str::to_owned);
        self
    }

    /// As it is published.
    pub fn jwk(&self) -> Value {
        let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["use"] = json!("sig");
        jwk["kid"] = json!(self.kid);
        jwk
    }

    /// A token of any header and payload.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let signature = jsonwebtoken::crypto::sign(input.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{input}.{signature}")
    }
}

type Tamper = Box<dyn Fn(&mut Value, &mut Value) + Send>;

/// What a test changes of a provider.
pub struct Inner {
    /// What kind it is.
    pub shape: Shape,
    /// What it says of the person: claims of the ID token.
    pub claims: Value,
    /// What signs ID tokens.
    pub signer: ProviderKey,
    /// What it publishes.
    pub published: Vec<Value>,
    /// What it answers instead, by URL.
    pub faults: HashMap<String, Fault>,
    /// Changes header and claims of ID tokens before they are signed.
    pub tamper: Option<Tamper>,
    /// Takes the ID token's place.
    pub id_token: Option<String>,
    /// Never looks at the verifier.
    pub ignores_pkce: bool,
    /// Takes a code any number of times.
    pub reuses_codes: bool,
    /// What redeems a refresh token, besides the one it gave last.
    pub refresh_token: String,
    codes: HashMap<String, Pending>,
    granted: u32,
    requests: Vec<String>,
    forms: Vec<BTreeMap<String, String>>,
    in_flight: u32,
    round_trips: u32,
}

#[derive(Clone)]
struct Pending {
    redirect_uri: String,
    challenge: Option<String>,
    nonce: Option<String>,
}

/// What a provider sends a browser back with.
#[derive(Debug, Clone)]
pub struct Granted {
    /// The state that came.
    pub state: String,
    /// The code.
    pub code: String,
    /// Where it goes.
    pub redirect_uri: String,
}

/// The provider. As a [`Fetch`] it is the whole internet.
#[derive(Clone)]
pub struct StandInProvider {
    inner: Arc<Mutex<Inner>>,
    clock: Arc<TestClock>,
}

impl StandInProvider {
    /// A well-behaved provider, at which Ada has an account.
    pub fn new(shape: Shape, clock: Arc<TestClock>) -> Self {
        let signer = ProviderKey::ed25519("key-1", 1);
        let inner = Inner {
            shape,
            claims: json!({
                "sub": "1234567890",
                "email": "ada@example.com",
                "email_verified": true,
                "name": "Ada Lovelace",
                "preferred_username": "ada",
                "picture": "https://pictures.example.com/ada.png",
            }),
            published: vec![signer.jwk()],
            signer,
            faults: HashMap::new(),
            tamper: None,
            id_token: None,
            ignores_pkce: false,
            reuses_codes: false,
            refresh_token: "provider-refresh-1".to_owned(),
            codes: HashMap::new(),
            granted: 0,
            requests: Vec::new(),
            forms: Vec::new(),
            in_flight: 0,
            round_trips: 0,
        };
        Self { inner: Arc::new(Mutex::new(inner)), clock }
    }

    /// Its parts, to change them.
    pub fn edit(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every URL that was asked for.
    pub fn requests(&self) -> Vec<String> {
        self.edit().requests.clone()
    }

    /// Every form that came to its token endpoint.
    pub fn forms(&self) -> Vec<BTreeMap<String, String>> {
        self.edit().forms.clone()
    }

    /// How many times it was asked since the last call, where what is asked at once counts once.
    pub fn take_round_trips(&self) -> u32 {
        std::mem::take(&mut self.edit().round_trips)
    }

    /// Consents to the authorization request of `location`, which must be right in everything.
    pub fn authorize(&self, location: &str) -> Granted {
        let url = Url::parse(location).unwrap();
        let asked: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let mut inner = self.edit();
        let shape = inner.shape.clone();
        assert_eq!(location.split('?').next(), Some(shape.authorization.as_str()));
        assert_eq!(url.query_pairs().count(), asked.len(), "each parameter once: {url}");
        assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", CLIENT_ID));
        assert_eq!(asked["scope"], shape.scopes);
        assert!(asked["state"].len() >= 43);
        assert_eq!(asked.contains_key("code_challenge"), shape.pkce);
        if shape.pkce {
            assert_eq!(
                (asked["code_challenge_method"].as_str(), asked["code_challenge"].len()),
                ("S256", 43)
            );
        }
        assert!(!asked.contains_key("client_secret") && !asked.contains_key("code_verifier"));
        let code = format!("code-{}", inner.granted);
        inner.granted += 1;
        let pending = Pending {
            redirect_uri: asked["redirect_uri"].clone(),
            challenge: asked.get("code_challenge").cloned(),
            nonce: asked.get("nonce").cloned(),
        };
        let granted = Granted {
            state: asked["state"].clone(),
            redirect_uri: pending.redirect_uri.clone(),
            code: code.clone(),
        };
        inner.codes.insert(code, pending);
        granted
    }

    fn answer(&self, request: &Request<Bytes>) -> Result<Response<Bytes>, FetchError> {
        let mut inner = self.edit();
        let url = request.uri().to_string();
        inner.requests.push(url.clone());
        match inner.faults.get(&url) {
            Some(Fault::Timeout) => return Err(FetchError::Timeout(Duration::from_secs(5))),
            Some(Fault::Answer(status, kind, body)) => return Ok(with(*status, kind, body.clone())),
            Some(Fault::Bytes(status, kind, body)) => return Ok(with(*status, kind, body.clone())),
            None => {}
        }
        if url == inner.shape.token {
            let (status, body) = inner.token(request, &self.clock);
            return Ok(with(status, "application/json; charset=utf-8", body.to_string()));
        }
        if Some(&url) == inner.shape.jwks.as_ref() {
            return Ok(with(200, "application/json", json!({ "keys": inner.published }).to_string()));
        }
        match inner.shape.documents.get(&url) {
            Some(document) if is_public(&url) || has_token(request) => {
                Ok(with(200, "application/json", document.to_string()))
            }
            Some(_) => Ok(with(401, "application/json", "{}".to_owned())),
            None => Err(FetchError::Connection(format!("nothing is at {url}"))),
        }
    }
}

fn is_public(url: &str) -> bool {
    url.contains("/.well-known/")
}

fn has_token(request: &Request<Bytes>) -> bool {
    request.headers().get(AUTHORIZATION).is_some_and(|value| value == "Bearer provider-access")
}

fn with(status: u16, kind: &str, body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder().status(status).header(CONTENT_TYPE, kind).body(body.into()).unwrap()
}

impl Inner {
    /// The token endpoint: checks the client, the code, its redirect URI and its verifier.
    fn token(&mut self, request: &Request<Bytes>, clock: &TestClock) -> (u16, Value) {
        let form: BTreeMap<String, String> =
            url::form_urlencoded::parse(request.body()).into_owned().collect();
        self.forms.push(form.clone());
        let is = |name: &str, value: &str| form.get(name).is_some_and(|own| own == value);
        let known = if self.shape.basic {
            request.headers().get(AUTHORIZATION) == Some(&basic().parse().unwrap())
                && !form.contains_key("client_secret")
        } else {
            is("client_id", CLIENT_ID) && (is("client_secret", CLIENT_SECRET) || self.takes_assertion(&form))
        };
        if !known || (!self.shape.pkce && form.contains_key("code_verifier")) {
            return (401, json!({ "error": "invalid_client" }));
        }
        if is("grant_type", "refresh_token") {
            let good = is("refresh_token", &self.refresh_token.clone());
            "provider-refresh-2".clone_into(&mut self.refresh_token);
            return if good {
                (200, self.tokens(None, clock))
            } else {
                (400, json!({ "error": "invalid_grant" }))
            };
        }
        let pending = form.get("code").and_then(|code| {
            if self.reuses_codes { self.codes.get(code).cloned() } else { self.codes.remove(code) }
        });
        match pending {
            Some(pending)
                if is("grant_type", "authorization_code")
                    && is("redirect_uri", &pending.redirect_uri)
                    && (self.ignores_pkce
                        || pending.challenge == form.get("code_verifier").map(|v| s256(v))) =>
            {
                (200, self.tokens(pending.nonce, clock))
            }
            _ => (400, json!({ "error": "invalid_grant", "error_description": "<b>no</b>" })),
        }
    }

    /// Apple's way: the secret is a JWT that names us.
    fn takes_assertion(&self, form: &BTreeMap<String, String>) -> bool {
        let secret = form.get("client_secret").map(String::as_str).unwrap_or_default();
        self.shape.token.contains("apple") && secret.split('.').count() == 3
    }

    fn tokens(&self, nonce: Option<String>, clock: &TestClock) -> Value {
        let mut tokens = json!({
            "access_token": "provider-access",
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": self.refresh_token,
        });
        if let Some(issuer) = &self.shape.issuer {
            let now = clock.now().as_secs();
            let mut claims = self.claims.clone();
            let standard = json!({ "iss": issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300 });
            claims.as_object_mut().unwrap().extend(standard.as_object().unwrap().clone());
            if let Some(nonce) = nonce {
                claims["nonce"] = json!(nonce);
            }
            let algorithm = serde_json::to_value(self.signer.algorithm).unwrap();
            let mut header = json!({ "alg": algorithm, "typ": "JWT", "kid": self.signer.kid });
            if let Some(tamper) = &self.tamper {
                tamper(&mut header, &mut claims);
            }
            let signed = || self.signer.sign(&header, &claims);
            tokens["id_token"] = json!(self.id_token.clone().unwrap_or_else(signed));
        }
        tokens.as_object_mut().unwrap().extend(self.shape.extra.as_object().unwrap().clone());
        tokens
    }
}

/// RFC 6749, section 2.3.1: each part is form-encoded first.
fn basic() -> String {
    let [id, secret] = [CLIENT_ID, CLIENT_SECRET]
        .map(|part| url::form_urlencoded::byte_serialize(part.as_bytes()).collect::<String>());
    format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")))
}

/// RFC 7636, section 4.2.
fn s256(verifier: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    assert!((43..=128).contains(&verifier.len()) && verifier.bytes().all(plain), "{verifier}");
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

#[async_trait]
impl Fetch for StandInProvider {
    async fn fetch(&self, request: Request<Bytes>, _: Duration) -> Result<Response<Bytes>, FetchError> {
        {
            let mut inner = self.edit();
            inner.round_trips += u32::from(inner.in_flight == 0);
            inner.in_flight += 1;
        }
        // Whatever is asked at the same time comes in before the first answer goes out.
        tokio::task::yield_now().await;
        let answer = self.answer(&request);
        self.edit().in_flight -= 1;
        answer
    }
}
