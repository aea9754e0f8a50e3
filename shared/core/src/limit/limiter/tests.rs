use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Mutex;

use async_trait::async_trait;
use tracing::field::{Field, Visit};
use tracing::span;

use super::*;
use crate::port::StoreError;

/// Counters that count in process, record the requests, and fail on demand.
#[derive(Default)]
struct Spy {
    counters: InProcessCounters,
    calls: Mutex<Vec<Vec<Window>>>,
    fault: Option<Fault>,
}

#[derive(Clone, Copy)]
enum Fault {
    Down,
    NoCounts,
}

impl Spy {
    fn failing(fault: Fault) -> Arc<Self> {
        Arc::new(Self { fault: Some(fault), ..Self::default() })
    }

    fn calls(&self) -> Vec<Vec<Window>> {
        self.calls.lock().unwrap().clone()
    }
}

#[async_trait]
impl Counters for Spy {
    async fn hit(&self, windows: &[Window], now: Timestamp) -> Result<Vec<Count>, StoreError> {
        self.calls.lock().unwrap().push(windows.to_vec());
        match self.fault {
            None => self.counters.hit(windows, now).await,
            Some(Fault::Down) => Err(StoreError::Unavailable("no route to the store".to_owned())),
            Some(Fault::NoCounts) => Ok(Vec::new()),
        }
    }
}

/// Returns a clock that nothing here reads.
fn still() -> Arc<dyn Clock> {
    struct Still;
    impl Clock for Still {
        fn now(&self) -> Timestamp {
            at(0)
        }
    }
    Arc::new(Still)
}

fn limiter(counters: &Arc<Spy>, limits: &str) -> Limiter {
    let counters: Arc<dyn Counters> = counters.clone();
    Limiter::new(counters, still(), Limits::parse(limits, true).unwrap(), Arc::default())
}

fn address(last: u8) -> ClientAddress {
    ClientAddress::from(IpAddr::from([192, 0, 2, last]))
}

fn email(name: &str) -> Email {
    format!("{name}@example.com").parse().unwrap()
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[tokio::test]
async fn all_subjects_cost_one_round_trip_and_their_keys_show_no_one() {
    let spy = Arc::new(Spy::default());
    let (address, email) = (address(7), email("ada"));
    let subjects = [
        Subject::Address(Action::Signup, &address),
        Subject::Email(Action::SignupEmail, &email),
        Subject::Address(Action::Signup, &address),
    ];
    limiter(&spy, "").admit_at(&subjects, at(0)).await.unwrap();
    let [windows] = &spy.calls()[..] else { panic!("one round trip") };
    let keys: Vec<&str> = windows.iter().map(|window| window.key.as_str()).collect();
    // printf 192.0.2.7 | sha256sum | head -c 32 | xxd -r -p | basenc --base64url
    assert_eq!(keys, ["signup:address:N9rWd88LOZfQ9d0NeIn4Sw", "signup_email:email:tfyF5VdV-eDQMKEKtEKbaw"]);
    assert_eq!((windows[0].limit, windows[0].length), (3, secs(900)));
    assert_eq!((windows[1].limit, windows[1].length), (5, secs(3600)));
}

fn ipv6(text: &str) -> ClientAddress {
    ClientAddress::from(text.parse::<IpAddr>().unwrap())
}

fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 16])
}

#[tokio::test]
async fn a_sign_in_costs_one_round_trip_of_five_windows_at_most() {
    let spy = Arc::new(Spy::default());
    let (address, email) = (ipv6("2001:db8:1:2::7"), email("ada"));
    let subjects = [
        Subject::Address(Action::Signin, &address),
        Subject::Email(Action::SigninEmail, &email),
        Subject::Email(Action::SigninEmailDay, &email),
    ];
    limiter(&spy, "").admit_at(&subjects, at(0)).await.unwrap();
    let [windows] = &spy.calls()[..] else { panic!("one round trip") };
    let shown: Vec<_> = windows.iter().map(|window| (window.limit, window.length)).collect();
    let minute = secs(60);
    assert_eq!(
        shown,
        [(5, minute), (20, minute), (80, minute), (10, secs(900)), (50, secs(86_400))],
        "by /64, /56 and /48, then by e-mail"
    );
    // Far below the limits of one statement of D1 (32 windows) and of one transaction of DynamoDB (100).
    assert!(windows.len() <= ClientAddress::MAX_NETWORKS + 2);
}

#[tokio::test]
async fn ten_sign_ins_in_a_quarter_of_an_hour_and_fifty_a_day_for_one_e_mail_from_anywhere() {
    let limiter = limiter(&Arc::new(Spy::default()), "");
    let email = email("ada");
    let attempt = async |n: i64, now: i64| {
        let address = address(u8::try_from(n % 250).unwrap());
        let subjects = [
            Subject::Address(Action::Signin, &address),
            Subject::Email(Action::SigninEmail, &email),
            Subject::Email(Action::SigninEmailDay, &email),
        ];
        limiter.admit_at(&subjects, at(now)).await
    };
    for quarter in 0..5 {
        for n in 0..10 {
            attempt(quarter * 10 + n, quarter * 900).await.unwrap();
        }
        let refusal = attempt(200, quarter * 900).await.unwrap_err();
        let expected = if quarter < 4 { Action::SigninEmail } else { Action::SigninEmailDay };
        assert_eq!(refusal.action, expected);
    }
    assert_eq!(attempt(201, 4500).await.unwrap_err().retry_after, secs(86_400 - 4500));
    attempt(202, 86_400).await.unwrap();
}

#[tokio::test]
async fn a_device_has_windows_of_its_own() {
    let limiter = limiter(&Arc::new(Spy::default()), "");
    let email = email("ada");
    for _ in 0..10 {
        limiter.admit_at(&[Subject::Email(Action::SigninEmail, &email)], at(0)).await.unwrap();
    }
    limiter.admit_at(&[Subject::Email(Action::SigninEmail, &email)], at(0)).await.unwrap_err();
    for _ in 0..10 {
        limiter.admit_at(&[Subject::Device(Action::SigninEmail, device(1))], at(0)).await.unwrap();
    }
    let refusal =
        limiter.admit_at(&[Subject::Device(Action::SigninEmail, device(1))], at(0)).await.unwrap_err();
    assert_eq!(refusal.limit, 10, "a device has the quota of an e-mail");
    limiter.admit_at(&[Subject::Device(Action::SigninEmail, device(2))], at(0)).await.unwrap();
}

#[tokio::test]
async fn the_networks_around_an_ipv6_address_have_larger_quotas() {
    let limiter = limiter(&Arc::new(Spy::default()), "");
    let admitted = async |next: &dyn Fn(u32) -> String| {
        let mut admitted = 0;
        for n in 0..200 {
            let address = ipv6(&next(n));
            admitted += u32::from(
                limiter.admit_at(&[Subject::Address(Action::Signin, &address)], at(0)).await.is_ok(),
            );
        }
        admitted
    };
    assert_eq!(admitted(&|n| format!("2001:db8:1:2::{n:x}")).await, 5, "a /64");
    assert_eq!(admitted(&|n| format!("2001:db8:2:{n:x}::1")).await, 20, "a /56");
    assert_eq!(admitted(&|n| format!("2001:db8:3:{n:x}00::1")).await, 80, "a /48");
    assert_eq!(admitted(&|n| format!("2001:db8:{:x}::1", n + 16)).await, 200, "networks of many");
}

#[tokio::test]
async fn the_tightest_window_is_reported() {
    let limiter = limiter(&Arc::new(Spy::default()), "signup=3/15m,signup_email=2/1h");
    let (address, email) = (address(7), email("ada"));
    let subjects = [Subject::Address(Action::Signup, &address), Subject::Email(Action::SignupEmail, &email)];
    let first = limiter.admit_at(&subjects, at(0)).await.unwrap();
    assert_eq!(first.rate, Some(Rate { limit: 2, remaining: 1, reset: secs(3600) }));
    let second = limiter.admit_at(&subjects, at(600)).await.unwrap();
    assert_eq!(second.rate, Some(Rate { limit: 2, remaining: 0, reset: secs(3000) }));
    let third = limiter.admit_at(&subjects, at(600)).await.unwrap_err();
    assert_eq!(third, RateLimitExceeded { action: Action::SignupEmail, limit: 2, retry_after: secs(3000) });
    assert_eq!(third.rate(), Rate { limit: 2, remaining: 0, reset: secs(3000) });
    assert_eq!(third.to_string(), "too many requests (signup_email): try again in 3000 s");
}

#[tokio::test]
async fn of_several_refusals_the_longest_is_reported() {
    let limiter = limiter(&Arc::new(Spy::default()), "signup=1/15m,signup_email=1/10m");
    let (address, email) = (address(7), email("ada"));
    let by_address = Subject::Address(Action::Signup, &address);
    let by_email = Subject::Email(Action::SignupEmail, &email);
    limiter.admit_at(&[by_address, by_email], at(0)).await.unwrap();
    let refusal = limiter.admit_at(&[by_address, by_email], at(0)).await.unwrap_err();
    assert_eq!((refusal.action, refusal.retry_after), (Action::Signup, secs(900)));
    let refusal = limiter.admit_at(&[by_email, by_address], at(0)).await.unwrap_err();
    assert_eq!((refusal.action, refusal.retry_after), (Action::Signup, secs(900)));
}

#[tokio::test]
async fn a_refused_request_is_counted_for_no_one() {
    let limiter = limiter(&Arc::new(Spy::default()), "signup=1/15m,signup_email=1/1h");
    let (address, ada, eve) = (address(7), email("ada"), email("eve"));
    let by_address = Subject::Address(Action::Signup, &address);
    limiter.admit_at(&[by_address, Subject::Email(Action::SignupEmail, &ada)], at(0)).await.unwrap();
    limiter.admit_at(&[by_address, Subject::Email(Action::SignupEmail, &eve)], at(0)).await.unwrap_err();
    limiter.admit_at(&[Subject::Email(Action::SignupEmail, &eve)], at(0)).await.unwrap();
}

#[tokio::test]
async fn a_client_that_waits_the_stated_seconds_is_admitted() {
    let limiter = limiter(&Arc::new(Spy::default()), "signin=1/1m");
    let address = address(7);
    let subject = [Subject::Address(Action::Signin, &address)];
    limiter.admit_at(&subject, Timestamp::from_millis(0)).await.unwrap();
    for (now, wait) in [(0, 60), (1, 60), (1000, 59), (59_001, 1), (59_999, 1)] {
        let refusal = limiter.admit_at(&subject, Timestamp::from_millis(now)).await.unwrap_err();
        assert_eq!(refusal.retry_after, secs(wait), "{now}");
    }
    limiter.admit_at(&subject, Timestamp::from_millis(60_000)).await.unwrap();
}

#[tokio::test]
async fn actions_and_clients_are_counted_apart() {
    let limiter = limiter(&Arc::new(Spy::default()), "signin=1/1m,oauth_callback=1/1m");
    let (one, other) = (address(7), address(8));
    for subject in [
        Subject::Address(Action::Signin, &one),
        Subject::Address(Action::OauthCallback, &one),
        Subject::Address(Action::Signin, &other),
    ] {
        limiter.admit_at(&[subject], at(0)).await.unwrap();
        limiter.admit_at(&[subject], at(0)).await.unwrap_err();
    }
}

#[tokio::test]
async fn off_counts_nothing() {
    let spy = Arc::new(Spy::default());
    let limiter = limiter(&spy, "off");
    let address = address(7);
    for _ in 0..100 {
        let admitted = limiter.admit_at(&[Subject::Address(Action::Signin, &address)], at(0)).await.unwrap();
        assert_eq!(admitted, Admission { rate: None });
    }
    assert!(spy.calls().is_empty());
}

#[tokio::test]
async fn when_the_counters_fail_credentials_stay_limited_by_the_same_quotas() {
    for fault in [Fault::Down, Fault::NoCounts] {
        let limiter = limiter(&Spy::failing(fault), "");
        let address = address(7);
        for action in [Action::Signup, Action::Signin, Action::OauthCallback] {
            let subject = [Subject::Address(action, &address)];
            let quota = action.default_quota();
            for _ in 0..quota.limit() {
                limiter.admit_at(&subject, at(0)).await.unwrap();
            }
            let refusal = limiter.admit_at(&subject, at(0)).await.unwrap_err();
            let expected = RateLimitExceeded { action, limit: quota.limit(), retry_after: quota.length() };
            assert_eq!(refusal, expected);
        }
        let email = email("ada");
        let subject = [Subject::Email(Action::SignupEmail, &email)];
        for _ in 0..5 {
            limiter.admit_at(&subject, at(0)).await.unwrap();
        }
        limiter.admit_at(&subject, at(0)).await.unwrap_err();
    }
}

#[tokio::test]
async fn when_the_counters_fail_other_routes_go_on() {
    let limiter = limiter(&Spy::failing(Fault::Down), "public=1/1m,signin=2/1m");
    let address = address(7);
    let public = Subject::Address(Action::Public, &address);
    for _ in 0..10 {
        assert_eq!(limiter.admit_at(&[public], at(0)).await, Ok(Admission { rate: None }));
    }
    let both = [public, Subject::Address(Action::Signin, &address)];
    let rate = limiter.admit_at(&both, at(0)).await.unwrap().rate.unwrap();
    assert_eq!((rate.limit, rate.remaining), (2, 1), "only the credential action is counted");
}

#[tokio::test]
async fn the_fallback_outlives_a_limiter() {
    let fallback = Arc::new(Fallback::new());
    let address = address(7);
    let mut admitted = 0;
    for _ in 0..10 {
        let limiter = Limiter::new(Spy::failing(Fault::Down), still(), Limits::default(), fallback.clone());
        let subjects = [Subject::Address(Action::Signin, &address)];
        admitted += u32::from(limiter.admit_at(&subjects, at(0)).await.is_ok());
    }
    assert_eq!((admitted, fallback.failures()), (5, 10));
}

/// Subscriber that collects the log of this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(format!("{}", event.metadata().level()));
        event.record(&mut line);
        writeln!(self.0.lock().unwrap(), "{}", line.0).unwrap();
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

#[tokio::test]
async fn a_failure_is_logged_and_counted_without_naming_anyone() {
    let limiter = limiter(&Spy::failing(Fault::Down), "");
    let (address, email) = (address(7), email("ada"));
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let subjects = [Subject::Address(Action::Signin, &address), Subject::Email(Action::SignupEmail, &email)];
    limiter.admit_at(&subjects, at(0)).await.unwrap();
    drop(guard);
    assert_eq!(limiter.failures(), 1);
    let log = log.0.lock().unwrap();
    assert!(log.starts_with("WARN ") && log.contains("no route to the store"), "{log}");
    assert!(!log.contains("192.0.2.7") && !log.contains("ada"), "{log}");
}
