//! An app whose stores fail, and a second one over the same table that looks at what is left.

use std::sync::Arc;

use latchkey_core::account::Authority;
use latchkey_core::audit::{Event, Filter, Requester};
use latchkey_core::port::Table;
use latchkey_testkit::{TestApp, TestClock, TestResponse, memory_table};

pub use latchkey_tests::support::{PASSWORD, Person, bare, refresh_request, signin_request, signup_request};

/// Two processes over one table and one clock: faults are made in the first, the second always works.
pub struct Pair {
    pub app: TestApp,
    pub witness: TestApp,
    table: Arc<dyn Table>,
    clock: Arc<TestClock>,
}

impl Pair {
    /// Both have the key ring and the initial roles.
    pub async fn new() -> Self {
        let (table, clock) = (memory_table(), Arc::new(TestClock::new()));
        let [app, witness] = [1, 2].map(|seed| process(&table, &clock, seed));
        let pair = Self { app, witness, table, clock };
        pair.app.services.roles.init().await.unwrap();
        for app in [&pair.app, &pair.witness] {
            app.services.keys.jwks().await.unwrap();
        }
        pair
    }

    /// One more process, which has read nothing yet.
    pub fn another(&self) -> TestApp {
        process(&self.table, &self.clock, 3)
    }

    pub async fn sign_up(&self, email: &str) -> Person {
        Person::read(&self.app.send(signup_request(email)).await)
    }

    /// Somebody with the role `admin`.
    pub async fn admin(&self, email: &str) -> Person {
        let person = self.sign_up(email).await;
        let (role, from) = ("admin".parse().unwrap(), Requester::default());
        let services = &self.app.services;
        services.users.grant_role(person.user_id(), &role, Authority::Operator, &from).await.unwrap();
        person
    }

    /// Every event there is, newest first.
    pub async fn events(&self) -> Vec<Event> {
        let (mut events, mut after) = (Vec::new(), None);
        loop {
            let filter = Filter { limit: 200, after, ..Filter::default() };
            let page = self.witness.services.audit.list(&filter).await.unwrap();
            events.extend(page.events);
            after = page.next;
            if after.is_none() {
                return events;
            }
        }
    }
}

fn process(table: &Arc<dyn Table>, clock: &Arc<TestClock>, seed: u64) -> TestApp {
    let builder = TestApp::builder().var("LATCHKEY_LIMITS", "off").seed(seed);
    builder.table(Arc::clone(table)).clock(Arc::clone(clock)).build(latchkey_all::function())
}

/// Whether it is the one answer that a failed store may lead to.
pub fn is_unavailable(answer: &TestResponse) -> bool {
    let told = (answer.status.as_u16(), answer.code(), answer.header("retry-after"));
    told == (503, "unavailable".to_owned(), "1")
}
