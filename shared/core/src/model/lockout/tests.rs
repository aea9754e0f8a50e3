use proptest::prelude::*;

use super::*;
use crate::model::UserId;

const START: Timestamp = Timestamp::from_secs(1_000_000_000);

fn device(n: u8) -> Device {
    device_until(n, START + Duration::from_hours(400 * 24))
}

fn device_until(n: u8, expires_at: Timestamp) -> Device {
    Device::of(DeviceId::from_bytes([n; 16]), UserId::from_bytes([1; 16]), expires_at)
}

/// Sends wrong passwords without a device, each as soon as one may be tried.
fn fail_times(lockout: &Lockout, times: u32, mut now: Timestamp) -> (Lockout, Timestamp, Vec<Option<Shut>>) {
    let (mut lockout, mut led_to) = (lockout.clone(), Vec::new());
    for _ in 0..times {
        now = now + lockout.remaining(now).unwrap_or_default();
        let guess = lockout.admit(None, now).unwrap();
        let (next, shut) = lockout.fail(guess, now);
        lockout = next;
        led_to.push(shut);
    }
    (lockout, now, led_to)
}

#[test]
fn the_fifth_wrong_password_locks_for_fifteen_minutes() {
    let (lockout, now, led_to) = fail_times(&Lockout::default(), 5, START);
    assert_eq!(led_to, [None, None, None, None, Some(Shut::Locked)]);
    assert_eq!(lockout.remaining(now), Some(FIRST_LOCK));
    assert_eq!(lockout.admit(None, now), Err(Shut::Locked));
    assert!(lockout.admit(None, now + FIRST_LOCK).is_ok());
}

#[test]
fn locks_double_up_to_a_day_and_a_hundred_wrong_passwords_stop() {
    let (mut lockout, mut now, mut lengths) = (Lockout::default(), START, Vec::new());
    for _ in 0..19 {
        (lockout, now, _) = fail_times(&lockout, 5, now);
        lengths.push(lockout.remaining(now).unwrap().as_secs() / 60);
    }
    assert_eq!(lengths[..9], [15, 30, 60, 120, 240, 480, 960, 1440, 1440]);
    assert!(lengths[9..].iter().all(|minutes| *minutes == 1440));
    let (stopped, now, led_to) = fail_times(&lockout, 5, now);
    assert_eq!(led_to, [None, None, None, None, Some(Shut::Stopped)]);
    assert_eq!(now.since(START).as_secs() / 86_400, 13, "days until the stop at the earliest");
    for later in [now, now + Duration::from_hours(24 * 365 * 10)] {
        assert_eq!(stopped.admit(None, later), Err(Shut::Stopped));
    }
    assert!(stopped.succeed(None, now).is_clear());
}

#[test]
fn time_ends_a_lock_and_never_a_count() {
    let (lockout, now, _) = fail_times(&Lockout::default(), 9, START);
    let later = now + Duration::from_hours(24 * 365);
    let (lockout, _, led_to) = fail_times(&lockout, 1, later);
    assert_eq!(led_to, [Some(Shut::Locked)], "the tenth");
    assert_eq!(lockout.remaining(later), Some(2 * FIRST_LOCK));
}

#[test]
fn a_clock_that_jumps_back_makes_no_lock_longer() {
    let (lockout, now, _) = fail_times(&Lockout::default(), 5, START);
    let before = Timestamp::from_secs(0);
    assert!(before < now);
    assert_eq!(lockout.remaining(before), Some(FIRST_LOCK));
}

#[test]
fn a_device_passes_the_lock_and_the_stop_until_its_own_count_is_full() {
    for failures in [0, 5, MAX_FAILURES] {
        let (mut lockout, now, _) = fail_times(&Lockout::default(), failures, START);
        for _ in 0..MAX_DEVICE_FAILURES {
            let guess = lockout.admit(Some(&device(1)), now).unwrap();
            assert!(guess.is_from_device());
            let shut;
            (lockout, shut) = lockout.fail(guess, now);
            assert_eq!(shut, None);
        }
        assert_eq!(lockout.failures, failures, "it is counted on the device alone");
        // Now it is treated like any other client.
        assert_eq!(lockout.admit(Some(&device(1)), now), lockout.admit(None, now));
        assert!(lockout.admit(Some(&device(2)), now).unwrap().is_from_device(), "another device");
        // Its own right password makes it trusted again; that of another device does not.
        assert!(!lockout.succeed(None, now).admit(Some(&device(1)), now).unwrap().is_from_device());
        assert!(
            !lockout.succeed(Some(&device(2)), now).admit(Some(&device(1)), now).unwrap().is_from_device()
        );
        assert!(lockout.succeed(Some(&device(1)), now).is_clear());
    }
}

#[test]
fn counts_of_devices_are_bounded_and_end_with_their_cookies() {
    let mut lockout = Lockout::default();
    let hours = |n: u8| START + Duration::from_hours(n.into());
    for n in 1..=16 {
        let guess = lockout.admit(Some(&device_until(n, hours(n))), START).unwrap();
        (lockout, _) = lockout.fail(guess, START);
    }
    assert!(!lockout.admit(Some(&device(17)), START).unwrap().is_from_device(), "no room for its count");
    assert!(lockout.admit(Some(&device_until(16, hours(16))), START).unwrap().is_from_device());
    assert!(lockout.admit(Some(&device(17)), hours(1)).unwrap().is_from_device(), "the first has expired");
    let (after, _) = lockout.fail(Guess(CountedOn::Account), hours(15));
    assert_eq!(after.devices.len(), 1);
}

#[test]
fn its_stored_form_is_small() {
    assert_eq!(serde_json::to_string(&Lockout::default()).unwrap(), r#"{"failures":0}"#);
    let guess = Lockout::default().admit(Some(&device(7)), START).unwrap();
    let (lockout, _) = Lockout::default().fail(guess, START);
    let stored = serde_json::to_string(&lockout).unwrap();
    assert_eq!(serde_json::from_str::<Lockout>(&stored).unwrap(), lockout, "{stored}");
}

#[derive(Debug, Clone)]
enum Step {
    Wrong(Option<u8>),
    Right(Option<u8>),
    Advance(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let from = || prop::option::of(1_u8..4);
    prop_oneof![
        12 => from().prop_map(Step::Wrong),
        1 => from().prop_map(Step::Right),
        4 => prop::sample::select(vec![1_u64, 14, 15, 30, 60, 24 * 60]).prop_map(Step::Advance),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Compares with a simple reference: the number of wrong passwords that were tried, and the start of the last lock.
    #[test]
    fn no_history_tries_more_than_the_bound(steps in prop::collection::vec(step(), 1..400)) {
        let (mut lockout, mut now) = (Lockout::default(), START);
        let (mut row, mut locked_at) = (0_u32, None::<Timestamp>);
        let mut rows = BTreeMap::<u8, u32>::new();
        for step in steps {
            match step {
                Step::Advance(minutes) => now = now + Duration::from_mins(minutes),
                Step::Wrong(from) | Step::Right(from) => {
                    let known = from.map(device);
                    let trusted = from.is_some_and(|n| rows.get(&n).copied().unwrap_or(0) < MAX_DEVICE_FAILURES);
                    let lock = Duration::from_mins((15_u64 << (row / 5).saturating_sub(1).min(10)).min(24 * 60));
                    let locked = locked_at.is_some_and(|at| now < at + lock);
                    let admitted = lockout.admit(known.as_ref(), now);
                    prop_assert_eq!(admitted.is_ok(), trusted || (row < MAX_FAILURES && !locked));
                    let Ok(guess) = admitted else { continue };
                    prop_assert_eq!(guess.is_from_device(), trusted);
                    if matches!(step, Step::Right(_)) {
                        lockout = lockout.succeed(known.as_ref(), now);
                        (row, locked_at) = (0, None);
                        from.map(|n| rows.remove(&n));
                    } else {
                        let shut;
                        (lockout, shut) = lockout.fail(guess, now);
                        if let Some(n) = from.filter(|_| trusted) {
                            *rows.entry(n).or_default() += 1;
                        } else {
                            row += 1;
                            locked_at = (row % 5 == 0).then_some(now);
                            prop_assert_eq!(shut.is_some(), row % 5 == 0);
                        }
                    }
                }
            }
            prop_assert_eq!(lockout.failures, row);
            prop_assert!(row <= MAX_FAILURES && rows.values().all(|n| *n <= MAX_DEVICE_FAILURES));
        }
    }
}
