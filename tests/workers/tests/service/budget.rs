//! The rows that each operation reads and writes on D1, held against the table of docs/costs.md.

use latchkey_core::Timestamp;
use latchkey_harness::platform::worker::Worker;
use latchkey_harness::platform::{Admin, first_admin};
use latchkey_harness::{Answer, Request, bearer};
use latchkey_testkit::assert_documented;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{HERE, Service, cheap};

/// Dollars for a million rows beyond those that the paid plan includes.
const READ: f64 = 0.001;
const WRITTEN: f64 = 1.00;
const DAY: i64 = 86_400_000;
const MINUTE: i64 = 60_000;

/// A statement that D1 ran.
#[derive(Clone, Deserialize)]
struct Ran {
    sql: String,
    read: u64,
    written: u64,
}

struct Budget<'a> {
    worker: &'a Worker,
    service: Service,
    rows: Vec<String>,
    /// The number of clients so far: each has an address of its own, whose limits nobody else counts.
    clients: u8,
}

impl Budget<'_> {
    fn door(&self, name: &str) -> Value {
        self.service.door(name).json()
    }

    /// Sets the Worker's clock ahead, and returns its time.
    fn advance(&self, millis: i64) -> i64 {
        self.door(&format!("advance?ms={millis}")).as_i64().unwrap()
    }

    /// The service as the next client sees it.
    fn client(&mut self) -> Service {
        self.clients += 1;
        Service(self.worker.client(&format!("198.51.100.{}", self.clients)))
    }

    /// Notes what `call` takes.
    fn of<T>(&mut self, name: &str, call: impl FnOnce() -> T) -> T {
        self.within(name, None, call)
    }

    /// Notes what `call` takes, where chance decides about some of the rows that it reads: at most so many.
    fn within<T>(&mut self, name: &str, most: Option<u64>, call: impl FnOnce() -> T) -> T {
        self.door("rows");
        let answer = call();
        let mut batches: Vec<Vec<Ran>> = serde_json::from_value(self.door("rows")).unwrap();
        // One sign-in in eight counts the sessions of its account at the end.
        let counts = |batch: &mut Vec<Ran>| matches!(&**batch, [ran] if ran.sql.contains("ORDER BY"));
        if name.starts_with("sign-in") {
            batches.pop_if(counts);
        }
        let (trips, statements) = (batches.len(), batches.concat());
        let sum = |part: fn(&Ran) -> u64| statements.iter().map(part).sum::<u64>();
        let (read, written, statements) = (sum(|ran| ran.read), sum(|ran| ran.written), statements.len());
        assert!(most.is_none_or(|most| read <= most), "{name}: {read} rows read");
        #[expect(clippy::cast_precision_loss, reason = "some dozens")]
        let dollars = most.unwrap_or(read) as f64 * READ + written as f64 * WRITTEN;
        let read = most.map_or_else(|| read.to_string(), |most| format!("at most {most}"));
        self.rows.push(format!("| {name} | {trips} | {statements} | {read} | {written} | ${dollars:.2} |"));
        answer
    }
}

fn enter(service: &Service, email: &str, password: &str) -> Answer {
    service.send(&Request::post("/v1/signin").json(&bearer(email, password)))
}

fn refresh(service: &Service, begun: &Answer) -> Answer {
    let body = json!({ "refresh_token": begun.text("refresh_token") });
    service.send(&Request::post("/v1/token/refresh").json(&body)).ok(200).unwrap()
}

fn ask(service: &Service, request: Request, begun: &Answer) -> Answer {
    let answer = service.send(&request.bearer(&begun.text("access_token")));
    assert!(answer.status < 300, "{}", answer.shown());
    answer
}

fn check(service: &Service, begun: &Answer, fresh: bool) {
    service.check(&begun.text("access_token"), fresh).ok(200).unwrap();
}

/// With the default limits, and a database that has the administrator and was never used otherwise.
#[test]
fn each_operation_takes_what_the_documents_say() {
    let home = tempfile::tempdir().unwrap();
    let admin = Admin { email: "root@example.com".to_owned(), password: "violet harbour tundra".to_owned() };
    let sql = first_admin(&home, &admin).unwrap();
    let worker = cheap().arg("--sql").arg(sql).in_workerd("all", "workers-budget").unwrap();
    let mut budget =
        Budget { worker: &worker, service: Service(worker.client(HERE)), rows: Vec::new(), clients: 0 };
    // To noon of tomorrow, so that no day ends meanwhile.
    let now = budget.advance(0);
    let noon = Timestamp::from_millis(now - now % DAY + DAY + DAY / 2);
    budget.advance(noon.as_millis() - now);
    // The first request of an isolate reads more: the roles.
    let root = enter(&budget.client(), &admin.email, &admin.password);

    let (ada, bob) = sign_ins(&mut budget);
    sessions(&mut budget, &ada, &bob);
    pages(&mut budget, &root, noon);
    let scheduled = || drop(Service(worker.client(HERE)).door("scheduled"));
    scheduled();
    budget.of("hourly event, nothing expired", scheduled);
    // Past the end of every window, also of those that began a moment ago.
    budget.advance(DAY + 60 * MINUTE);
    budget.of("hourly event, 50 items expired", scheduled);
    assert_documented("costs.md", "on D1", &budget.rows);
    worker.stop_untroubled().unwrap();
}

/// Gives two who are signed in.
fn sign_ins(budget: &mut Budget<'_>) -> (Answer, Answer) {
    let client = budget.client();
    let ada = budget.of("sign-up", || client.sign_up("ada@example.com"));
    let client = budget.client();
    budget.of("sign-up, address taken", || client.sign_up("ada@example.com"));
    let bob = budget.client().sign_up("bob@example.com");
    let client = budget.client();
    budget.of("sign-in", || client.sign_in("ada@example.com"));
    budget.of("sign-in, again in the window", || client.sign_in("ada@example.com"));
    let client = budget.client();
    budget.of("sign-in, wrong password", || enter(&client, "bob@example.com", "not the right one"));
    let client = budget.client();
    let nobody = |client: &Service| enter(client, "nobody@example.com", "not the right one");
    assert_eq!(budget.of("sign-in, unknown address", || nobody(&client)).status, 401);
    let client = budget.client();
    for n in 0..5 {
        enter(&client, &format!("nobody{n}@example.com"), "not the right one");
    }
    for name in ["sign-in past the limit, the first in a minute", "sign-in past the limit"] {
        assert_eq!(budget.of(name, || nobody(&client)).status, 429);
    }
    let client = Service(budget.worker.client("2001:db8::1"));
    budget.of("sign-in, from an IPv6 address", || client.sign_in("bob@example.com"));
    (ada, bob)
}

fn sessions(budget: &mut Budget<'_>, ada: &Answer, bob: &Answer) {
    let client = budget.client();
    let get = |path: &str, begun: &Answer| ask(&client, Request::get(path), begun);
    let next = budget.of("refresh", || refresh(&client, ada));
    budget.of("refresh, same token within 10 s", || refresh(&client, ada));
    budget.advance(MINUTE);
    budget.of("permission check, the first in a minute", || check(&client, &next, false));
    budget.of("permission check", || check(&client, &next, false));
    budget.of("permission check, fresh", || check(&client, &next, true));
    budget.of("session, the first in a minute", || get("/v1/session", bob));
    budget.of("session", || get("/v1/session", bob));
    budget.of("list of 3 sessions", || get("/v1/sessions", &next));
    budget.of("sign-out", || ask(&client, Request::post("/v1/signout"), &next));
    let next = client.sign_in("ada@example.com");
    budget.of("sign-out of 3 sessions", || ask(&client, Request::post("/v1/signout/all"), &next));
}

fn pages(budget: &mut Budget<'_>, root: &Answer, noon: Timestamp) {
    for n in 0..9 {
        budget.client().sign_up(&format!("{n}@example.com")).ok(201).unwrap();
    }
    let client = budget.client();
    // Three for the caller, the items, and one behind each shard: which shards there are any in is up to chance.
    let page = || ask(&client, Request::get("/v1/users"), root);
    let page = budget.within("page of 12 users", Some(3 + 12 + 8), page);
    assert_eq!(page.list("users").unwrap().len(), 12, "{}", page.shown());
    // Within one day.
    let path = format!("/v1/audit?limit=200&since={noon}");
    let page = || ask(&client, Request::get(&path), root);
    let page = budget.within("page of 27 audit events", Some(3 + 27 + 8), page);
    assert_eq!(page.list("events").unwrap().len(), 27, "{}", page.shown());
}
