//! Many requests at once, over each kind of store, through one process and through two.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use latchkey_aws::dynamodb::{DynamoDbSettings, DynamoTable, Emulator, client, create_table};
use latchkey_core::account::Authority;
use latchkey_core::audit::{Action, Event, Filter, Requester};
use latchkey_core::port::Table;
use latchkey_sql::SqlTable;
use latchkey_sql::sqlite::Sqlite;
use latchkey_testkit::{TestApp, TestClock, TestRequest, TestResponse, memory_table};
use tempfile::TempDir;
use tokio::net::TcpListener;

pub use latchkey_tests::support::{PASSWORD, Person, bare, refresh_request, signin_request, signup_request};

/// One or two processes over one store.
#[derive(Clone)]
pub struct Processes {
    apps: Vec<Arc<TestApp>>,
    /// Says what a failed assertion is about.
    pub name: &'static str,
}

impl Processes {
    async fn start(name: &'static str, tables: Vec<Arc<dyn Table>>) -> Self {
        let clock = Arc::new(TestClock::new());
        let mut apps = Vec::new();
        for (seed, table) in (1..).zip(tables) {
            let builder = TestApp::builder().var("LATCHKEY_LIMITS", "off").seed(seed);
            let app = builder.table(table).clock(Arc::clone(&clock)).build(latchkey_all::function());
            app.services.roles.init().await.unwrap();
            apps.push(Arc::new(app));
        }
        Self { apps, name }
    }

    pub fn first(&self) -> &TestApp {
        &self.apps[0]
    }

    /// One of them, for what lives on its own.
    pub fn any(&self) -> Arc<TestApp> {
        Arc::clone(&self.apps[0])
    }

    pub fn clock(&self) -> &TestClock {
        &self.first().clock
    }

    /// Sends all requests at once, in turn through each process.
    pub async fn at_once(&self, requests: Vec<TestRequest>) -> Vec<TestResponse> {
        let ready = Arc::new(tokio::sync::Barrier::new(requests.len()));
        let tasks: Vec<_> = requests
            .into_iter()
            .enumerate()
            .map(|(n, request)| {
                let (app, ready) = (Arc::clone(&self.apps[n % self.apps.len()]), Arc::clone(&ready));
                tokio::spawn(async move {
                    ready.wait().await;
                    app.send(request).await
                })
            })
            .collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        answers
    }

    /// Does something so many times at once, in turn through each process.
    pub async fn times_at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        times: usize,
        deed: impl Fn(Arc<TestApp>, usize) -> F,
    ) -> Vec<T> {
        let ready = Arc::new(tokio::sync::Barrier::new(times));
        let tasks: Vec<_> = (0..times)
            .map(|n| {
                let (ready, deed) =
                    (Arc::clone(&ready), deed(Arc::clone(&self.apps[n % self.apps.len()]), n));
                tokio::spawn(async move {
                    ready.wait().await;
                    deed.await
                })
            })
            .collect();
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await.unwrap());
        }
        results
    }

    pub async fn send(&self, request: TestRequest) -> TestResponse {
        self.first().send(request).await
    }

    pub async fn sign_up(&self, email: &str) -> Person {
        Person::read(&self.send(signup_request(email)).await)
    }

    pub async fn admin(&self, email: &str) -> Person {
        let person = self.sign_up(email).await;
        let (role, from) = ("admin".parse().unwrap(), Requester::default());
        let services = &self.first().services;
        services.users.grant_role(person.user_id(), &role, Authority::Operator, &from).await.unwrap();
        person
    }

    /// How many events of one action there are.
    pub async fn events(&self, action: Action) -> Vec<Event> {
        let mut filter = Filter { action: Some(action), limit: 1000, ..Filter::default() };
        let mut events = Vec::new();
        loop {
            let page = self.first().services.audit.list(&filter).await.unwrap();
            events.extend(page.events);
            if page.next.is_none() {
                return events;
            }
            filter.after = page.next;
        }
    }
}

/// Runs `test` over a store in memory, over a file, and through two processes over one file and over DynamoDB.
pub async fn everywhere(test: impl Fn(Processes) -> Pin<Box<dyn Future<Output = ()> + Send>>) {
    test(Processes::start("in memory", vec![memory_table()]).await).await;
    for processes in [1, 2] {
        let folder = TempDir::new().unwrap();
        let open = || -> Arc<dyn Table> {
            Arc::new(SqlTable::new(Sqlite::open(&folder.path().join("latchkey.db")).unwrap()))
        };
        let name = if processes == 1 { "over a file" } else { "two over a file" };
        test(Processes::start(name, (0..processes).map(|_| open()).collect()).await).await;
    }
    let emulated = Emulated::start().await;
    test(Processes::start("two over DynamoDB", vec![emulated.open(), emulated.open()]).await).await;
}

/// A DynamoDB of its own, with a table in it.
pub struct Emulated {
    settings: DynamoDbSettings,
    _emulator: Emulator,
}

impl Emulated {
    /// Two hundred requests at once may take a small machine longer than DynamoDB ever does.
    const LONG: Duration = Duration::from_mins(10);

    pub async fn start() -> Self {
        let emulator = Emulator::start(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
        let mut settings = DynamoDbSettings::emulated(emulator.endpoint());
        (settings.connect_timeout, settings.attempt_timeout) = (Self::LONG, Self::LONG);
        create_table(&client(&settings), "latchkey").await.unwrap();
        Self { settings, _emulator: emulator }
    }

    /// The table, as one more process has it.
    pub fn open(&self) -> Arc<dyn Table> {
        Arc::new(DynamoTable::new(client(&self.settings), "latchkey".to_owned()).within(Self::LONG))
    }
}

/// The device cookie that an answer sets, as a request sends it.
pub fn device_cookie(answer: &TestResponse) -> String {
    let set = answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    let mut pairs = set.filter_map(|value| value.split(';').next());
    pairs.find(|pair| pair.contains("-device-")).unwrap().to_owned()
}

/// How many answers have this status and code.
pub fn count(answers: &[TestResponse], status: u16, code: &str) -> usize {
    answers.iter().filter(|answer| answer.status == status && answer.code() == code).count()
}
