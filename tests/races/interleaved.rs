//! Another request changes an account between the read and the commit of one that is under way.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use latchkey_core::Timestamp;
use latchkey_core::account::{Authority, IdentityError, LinkError, RedeemError, Status};
use latchkey_core::audit::Requester;
use latchkey_core::oauth::ExternalIdentity;
use latchkey_core::port::table::{CommitError, Item, Key, Page, Query, QueryError, Write};
use latchkey_core::port::{StoreError, Table};
use latchkey_testkit::identities::{
    ada, ada_at_google, allow_link, enter, issue_code, link, link_by, redeem_code,
};
use latchkey_testkit::people::{post, send, sign_up};
use latchkey_testkit::pkce::VERIFIER;
use latchkey_testkit::stored::assert_whole;
use latchkey_testkit::{TestApp, TestClock, memory_table};

type Deed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A table whose next commit waits until something else has been done.
struct Interleaved {
    inner: Arc<dyn Table>,
    first: Mutex<Option<Deed>>,
}

#[async_trait]
impl Table for Interleaved {
    async fn get(&self, keys: &[Key], now: Timestamp) -> Result<Vec<Option<Item>>, StoreError> {
        self.inner.get(keys, now).await
    }

    async fn query(&self, query: &Query, now: Timestamp) -> Result<Page, QueryError> {
        self.inner.query(query, now).await
    }

    async fn commit(&self, writes: &[Write], now: Timestamp) -> Result<(), CommitError> {
        let first = self.first.lock().unwrap().take();
        if let Some(first) = first {
            first.await;
        }
        self.inner.commit(writes, now).await
    }
}

/// A process that is slow to commit, and another one over the same store.
struct Two {
    slow: TestApp,
    table: Arc<Interleaved>,
    other: Arc<TestApp>,
}

async fn two() -> Two {
    let (inner, clock) = (memory_table(), Arc::new(TestClock::new()));
    let table = Arc::new(Interleaved { inner: Arc::clone(&inner), first: Mutex::default() });
    let process = |table: Arc<dyn Table>, seed| {
        let builder = TestApp::unlimited().seed(seed).table(table).clock(Arc::clone(&clock));
        builder.start_warm(latchkey_all::function())
    };
    let slow = process(Arc::<Interleaved>::clone(&table), 1).await;
    let other = Arc::new(process(inner, 2).await);
    Two { slow, table, other }
}

impl Two {
    /// Before the next commit of the slow process, the other one does this.
    fn meanwhile<F: Future<Output = ()> + Send + 'static>(&self, deed: impl FnOnce(Arc<TestApp>) -> F) {
        *self.table.first.lock().unwrap() = Some(Box::pin(deed(Arc::clone(&self.other))));
    }

    fn assert_it_came_first(&self) {
        assert!(self.table.first.lock().unwrap().is_none(), "nothing was committed");
    }
}

async fn disable(app: &TestApp, id: latchkey_core::UserId) {
    let from = Requester::default();
    app.services.users.set_status(id, Status::Disabled, Authority::Operator, &from).await.unwrap();
}

#[tokio::test]
async fn a_sign_in_meets_what_an_administrator_did() {
    let two = two().await;
    let made = enter(&two.slow, &ada()).await.unwrap();
    let (id, role) = (made.id(), "content-editor".parse().unwrap());
    two.meanwhile(move |app| async move {
        let from = Requester::default();
        let role = "content-editor".parse().unwrap();
        app.services.users.grant_role(id, &role, Authority::Operator, &from).await.unwrap();
    });
    assert!(enter(&two.slow, &ada()).await.unwrap().user.roles.contains(&role));
    two.assert_it_came_first();
    two.meanwhile(move |app| async move { disable(&app, id).await });
    assert!(matches!(enter(&two.slow, &ada()).await, Err(IdentityError::Disabled)));
    assert_whole(&two.slow, "afterwards").await;
}

#[tokio::test]
async fn a_new_profile_meets_another_change_and_both_stay() {
    let two = two().await;
    let id = enter(&two.slow, &ada()).await.unwrap().id();
    two.meanwhile(move |app| async move {
        let from = Requester::default();
        app.services.users.end_sessions(id, Authority::Operator, &from).await.unwrap();
    });
    let renamed = ExternalIdentity { name: Some("Countess".to_owned()), ..ada() };
    let again = enter(&two.slow, &renamed).await.unwrap();
    two.assert_it_came_first();
    assert_eq!((again.user.session_version, again.user.name.unwrap().as_str()), (1, "Countess"));
    assert_whole(&two.slow, "afterwards").await;
}

#[tokio::test]
async fn a_first_sign_in_meets_another_one_of_the_same_identity() {
    let two = two().await;
    two.meanwhile(|app| async move { assert!(enter(&app, &ada()).await.unwrap().created) });
    assert!(!enter(&two.slow, &ada()).await.unwrap().created);
    assert_eq!(two.slow.services.users.list(10, None).await.unwrap().users.len(), 1);
}

#[tokio::test]
async fn a_sign_in_meets_the_deletion_of_its_account() {
    let two = two().await;
    let id = enter(&two.slow, &ada()).await.unwrap().id();
    two.meanwhile(move |app| async move {
        app.services.users.delete(id, Authority::Operator, &Requester::default()).await.unwrap();
    });
    let anew = enter(&two.slow, &ada()).await.unwrap();
    two.assert_it_came_first();
    assert!(anew.created && anew.id() != id);
}

#[tokio::test]
async fn a_link_meets_a_sign_out() {
    let two = two().await;
    let owner = sign_up(&two.slow, "owner@example.com").await;
    let ticket = allow_link(&two.slow, &owner).await.unwrap();
    two.meanwhile(move |app| async move {
        assert_eq!(post(&app, "/v1/signout", &owner).await.status, 204);
    });
    assert!(matches!(link_by(&two.slow, &ticket, &ada()).await, Err(LinkError::SessionEnded)));
    two.assert_it_came_first();
    assert!(enter(&two.slow, &ada()).await.unwrap().created, "nothing was linked");
}

#[tokio::test]
async fn a_link_meets_another_link_of_its_identity() {
    let two = two().await;
    let [slow, quick] =
        [sign_up(&two.slow, "slow@example.com").await, sign_up(&two.slow, "quick@example.com").await];
    let ticket = allow_link(&two.slow, &slow).await.unwrap();
    let id = quick.user_id();
    two.meanwhile(move |app| async move { drop(link(&app, &quick, &ada()).await.unwrap()) });
    assert!(matches!(link_by(&two.slow, &ticket, &ada()).await, Err(LinkError::LinkedElsewhere)));
    assert_eq!(enter(&two.slow, &ada()).await.unwrap().id(), id);
    assert_whole(&two.slow, "afterwards").await;
}

#[tokio::test]
async fn an_unlink_meets_the_unlink_of_the_other_way_in() {
    let two = two().await;
    let made = enter(&two.slow, &ada()).await.unwrap();
    link(&two.slow, &made.person, &ada_at_google()).await.unwrap();
    let person = made.person.clone();
    two.meanwhile(move |app| async move {
        assert_eq!(send(&app, "DELETE", "/v1/identities/google", &person).await.status, 204);
    });
    let second = send(&two.slow, "DELETE", "/v1/identities/github", &made.person).await;
    assert_eq!(second.code(), "last_way_in");
    assert_whole(&two.slow, "afterwards").await;
}

#[tokio::test]
async fn an_exchange_meets_the_end_of_all_sessions_or_of_the_account() {
    for end in ["sessions", "account"] {
        let two = two().await;
        let id = enter(&two.slow, &ada()).await.unwrap().id();
        let code = issue_code(&two.slow, &ada()).await.unwrap();
        two.meanwhile(move |app| async move {
            let (services, from) = (&app.services, Requester::default());
            match end {
                "sessions" => drop(services.users.end_sessions(id, Authority::Owner, &from).await.unwrap()),
                _ => services.users.delete(id, Authority::Operator, &from).await.unwrap(),
            }
        });
        let answer = redeem_code(&two.slow, &code, VERIFIER).await;
        assert!(matches!(answer, Err(RedeemError::Invalid { .. })), "{end}");
        two.assert_it_came_first();
    }
}
