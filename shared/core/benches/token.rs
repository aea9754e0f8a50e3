//! Signing and verifying tokens, one at a time: number of each per second and core.
#![expect(clippy::unwrap_used, reason = "a failure here is a failed run")]

use std::hint::black_box;
use std::sync::Mutex;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use latchkey_core::port::{Entropy, EntropyError};
use latchkey_core::seal::{MasterSecrets, Sealer};
use latchkey_core::token::{
    Algorithm, Claims, IssuerAndAudience, Presentation, RefreshFamily, RefreshToken, SigningKey,
    TokenSubject, UnverifiedToken,
};
use latchkey_core::{SessionId, Timestamp, UserId};

/// Generator as fast as a buffering system generator, with the same bytes in each run.
struct Seeded(Mutex<ChaCha20Rng>);

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.0.lock().unwrap().fill_bytes(bytes);
        Ok(())
    }
}

fn seeded() -> Seeded {
    Seeded(Mutex::new(ChaCha20Rng::seed_from_u64(1)))
}

fn now() -> Timestamp {
    Timestamp::from_secs(1_767_268_800)
}

fn access(c: &mut Criterion) {
    let (entropy, issuer_and_audience) =
        (seeded(), IssuerAndAudience::new("https://auth.example.com", "https://api.example.com").unwrap());
    let subject = TokenSubject {
        user: UserId::from_bytes([1; 16]),
        session: SessionId::from_bytes([2; 16]),
        roles: vec!["user".into(), "content-editor".into()],
        org: None,
    };
    let claims = Claims::new(&issuer_and_audience, subject, now(), &entropy).unwrap();
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm, &entropy).unwrap();
        let token = key.sign(&claims, &entropy).unwrap();
        let mut group = c.benchmark_group(algorithm.name());
        group.throughput(Throughput::Elements(1));
        group.bench_function("sign", |b| b.iter(|| key.sign(black_box(&claims), &entropy).unwrap()));
        group.bench_function("verify", |b| {
            b.iter(|| {
                let token = UnverifiedToken::parse(black_box(&token)).unwrap();
                token.verify(key.verifying_key(), &issuer_and_audience, now()).unwrap()
            });
        });
        group.finish();
    }
}

fn refresh(c: &mut Criterion) {
    let entropy = seeded();
    let sealer = Sealer::new(&MasterSecrets::parse("hN2YpD9sVw4zTq8LmKx1Rb7Jc5Gf3Ea6Uo0iZtPyQdM").unwrap());
    let (user, session) = (UserId::from_bytes([1; 16]), SessionId::from_bytes([2; 16]));
    let token = RefreshToken::issue(user, session, &entropy, &sealer).unwrap();
    let family = RefreshFamily::new(&token);
    let rotate = || {
        let Presentation::Rotate(rotation) = family.present(&token, now()).unwrap() else { unreachable!() };
        rotation.mint(&entropy, &sealer).unwrap()
    };
    let (rotated, _) = rotate();

    let mut group = c.benchmark_group("refresh");
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse", |b| {
        b.iter(|| RefreshToken::parse(black_box(token.expose()), &sealer).unwrap());
    });
    group.bench_function("rotate", |b| b.iter(rotate));
    group.bench_function("answer again", |b| b.iter(|| rotated.present(black_box(&token), now()).unwrap()));
    group.finish();
}

criterion_group!(benches, access, refresh);
criterion_main!(benches);
