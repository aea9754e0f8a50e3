//! Last step of a rotation of `LATCHKEY_SECRET`: everything stored moves under the new secret, and the old one can go.

use std::sync::Arc;

use latchkey_core::account::{Authority, Login, SealedCount, SignIn, SignInError};
use latchkey_core::audit::{Action, Actor, Requester};
use latchkey_core::password::Password;
use latchkey_core::port::Table;
use latchkey_core::secrets::Progress;
use latchkey_core::session::NewSession;
use latchkey_core::token::KeysError;
use latchkey_core::{ExposeSecret, Fault};
use latchkey_testkit::identities::{ada, enter_with, opening, provider_token};
use latchkey_testkit::people::{PASSWORD, events, register};
use latchkey_testkit::stored::item;
use latchkey_testkit::{Function, TestApp, TestAppBuilder, memory_table};

use crate::start;

const OLD: &str = "fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=";
const NEW: &str = "qkU3cd6UKfPE0DF9SkOFNzlQKGVLF2Ry1wHhP3oFjZ8=";
const LOST: &str = "wjb4tv0iY2WTyCXVzXz1MhrpyXHpQ2lNkLMzSVvzLZk=";

/// A process over `table` that has these secrets and keeps tokens of providers.
fn builder(table: &Arc<dyn Table>, secrets: &[&str], seed: u64) -> TestAppBuilder {
    TestApp::unlimited()
        .var("LATCHKEY_PROVIDER_TOKENS", "keep")
        .var("LATCHKEY_SECRET", &secrets.join(","))
        .table(Arc::clone(table))
        .seed(seed)
}

fn process(table: &Arc<dyn Table>, secrets: &[&str], seed: u64) -> TestApp {
    builder(table, secrets, seed).build(Function::default())
}

async fn sign_in(app: &TestApp, email: &str, password: &str) -> Result<NewSession, SignInError> {
    let (password, from) = (Password::new(&password.into()), Requester::default());
    let request = SignIn { email: email.parse().unwrap(), password, device: None };
    app.services.password_sign_in.sign_in(request, &opening(&from)).await
}

async fn reseal(app: &TestApp) -> Progress {
    app.services.secrets.reseal(Actor::Operator, || true).await.unwrap()
}

async fn login(app: &TestApp, email: &str) -> Login {
    serde_json::from_str(&item(app, Login::key(&email.parse().unwrap())).await.unwrap()).unwrap()
}

#[tokio::test]
async fn everything_moves_under_the_new_secret_and_the_old_one_can_go() {
    let table = memory_table();
    let old = start(builder(&table, &[OLD], 1)).await;
    register(&old, "bob@example.com").await;
    let entered = enter_with(&old, &ada(), Some(&provider_token("kept"))).await.unwrap();
    let keys = old.services.keys.jwks().await.unwrap();

    let both = process(&table, &[NEW, OLD], 2);
    let found = both.services.secrets.count().await.unwrap();
    assert_eq!(found, SealedCount { current: 0, older: 2, unreadable: 0 });
    let progress = reseal(&both).await;
    assert!(!progress.is_clean() && progress.to_string().contains("none are left"), "{progress}");
    assert_eq!(progress.count, SealedCount { current: 0, older: 2, unreadable: 0 });
    let again = reseal(&both).await;
    assert!(again.is_clean() && again.to_string().contains("needs another secret"), "{again}");
    let events = events(&both, Action::SecretsResealed).await;
    assert!(events.iter().any(|event| event.actor == Actor::Operator && event.details["resealed"] == "2"));

    let new = process(&table, &[NEW], 3);
    assert_eq!(new.services.keys.jwks().await.unwrap(), keys, "no key was changed");
    assert!(sign_in(&new, "bob@example.com", PASSWORD).await.is_ok());
    let kept = new.services.token_vault.kept(entered.id(), &ada().provider, Authority::Operator).await;
    assert_eq!(kept.unwrap().refresh_token.refresh_token.expose_secret(), "kept");
    assert_eq!(reseal(&new).await.count, SealedCount { current: 2, older: 0, unreadable: 0 });
}

#[tokio::test]
async fn resealing_goes_on_where_it_was_stopped_and_a_schedule_does_it_until_nothing_is_left() {
    let table = memory_table();
    let old = start(builder(&table, &[OLD], 1)).await;
    for number in 0..30 {
        register(&old, &format!("user-{number}@example.com")).await;
    }
    let one_page = || {
        let mut pages = 0..1;
        move || pages.next().is_some()
    };
    let idle = old.services.secrets.reseal_by_schedule(10, one_page()).await.unwrap();
    assert_eq!(idle, None, "nothing is rotated");
    let both = |seed| process(&table, &[NEW, OLD], seed);
    let first = both(2).services.secrets.reseal_by_schedule(10, one_page()).await.unwrap().unwrap();
    assert!(!first.is_complete() && first.to_string().contains("continues from here"), "{first}");
    assert!(first.count.older > 0);
    let second = both(3).services.secrets.reseal_by_schedule(10, || true).await.unwrap().unwrap();
    assert!(second.is_complete() && !second.is_clean());
    assert_eq!(second.count, SealedCount { current: 0, older: 30, unreadable: 0 }, "each once");
    let third = both(4).services.secrets.reseal_by_schedule(10, || true).await.unwrap().unwrap();
    assert!(third.is_clean());
    let app = both(5);
    assert_eq!(app.services.secrets.reseal_by_schedule(10, || true).await.unwrap(), None, "it is done");
    assert_eq!(events(&app, Action::SecretsResealed).await[0].actor, Actor::System);
    // A process that was left behind writes under the old secret.
    register(&process(&table, &[OLD, NEW], 6), "late@example.com").await;
    app.clock.advance(std::time::Duration::from_hours(24));
    let next_day = app.services.secrets.reseal_by_schedule(10, || true).await.unwrap().unwrap();
    assert_eq!(next_day.count, SealedCount { current: 30, older: 1, unreadable: 0 });
}

#[tokio::test]
async fn a_value_under_a_secret_that_is_not_listed_is_reported_until_it_is() {
    let table = memory_table();
    start(builder(&table, &[OLD], 1)).await;
    register(&process(&table, &[LOST, OLD], 2), "bob@example.com").await;
    register(&process(&table, &[OLD], 3), "eve@example.com").await;

    let progress = reseal(&process(&table, &[NEW, OLD], 4)).await;
    assert!(progress.is_complete() && !progress.is_clean());
    assert_eq!(progress.count, SealedCount { current: 0, older: 1, unreadable: 1 });
    assert!(progress.to_string().contains("Add the secret"), "{progress}");
    let progress = reseal(&process(&table, &[NEW, OLD, LOST], 5)).await;
    assert_eq!(progress.count, SealedCount { current: 1, older: 1, unreadable: 0 });

    let stranger = process(&table, &[LOST], 6);
    let refused = stranger.services.secrets.reseal(Actor::Operator, || true).await.unwrap_err();
    assert!(matches!(refused, Fault::Keys(KeysError::Open(_))), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_write_at_the_same_time_is_not_lost() {
    let table = memory_table();
    let old = start(builder(&table, &[OLD], 1)).await;
    let emails: Vec<_> = (0..20).map(|number| format!("user-{number}@example.com")).collect();
    for email in &emails {
        register(&old, email).await;
    }
    let both = Arc::new(process(&table, &[NEW, OLD], 2));
    let mut guesses = tokio::task::JoinSet::new();
    for email in emails.clone().into_iter().flat_map(|email| [email.clone(), email]) {
        let app = Arc::clone(&both);
        guesses.spawn(async move { sign_in(&app, &email, "wrong password 17").await });
    }
    let progress = reseal(&both).await;
    while let Some(guess) = guesses.join_next().await {
        assert!(matches!(guess.unwrap(), Err(SignInError::InvalidCredentials)));
    }
    assert!(progress.is_complete());
    let new = process(&table, &[NEW], 3);
    for email in &emails {
        let credential = login(&new, email).await.credential.unwrap();
        let lockout = serde_json::to_value(&credential.lockout).unwrap();
        assert_eq!(lockout["failures"], 2, "{email}: {lockout}");
        assert!(credential.hash.is_current(&new.services.config.sealer), "{email}");
    }
}
