//! One permission decision with everything loaded. Budget: at least 5 million a second on one core.

#![expect(clippy::print_stdout, reason = "a figure for people")]
#![expect(clippy::expect_used, reason = "a benchmark stops at a mistake of its own")]

use std::collections::BTreeSet;
use std::hint::black_box;

use criterion::measurement::{Measurement, WallTime};
use criterion::{Criterion, Throughput};
use latchkey_core::permission::{Grant, Grants, Permission, Policy, Role, RoleName};

const BUDGET: f64 = 5e6;
const ROUNDS: u32 = 1_000_000;

/// Returns grants of a busy installation: 40 roles of 50 exact grants and 2 patterns each, all held through one role.
fn grants(star: bool) -> Grants {
    let role = |n: u32| {
        let mut permissions: BTreeSet<_> =
            (0..50).map(|action| grant(&format!("resource-{n}:action-{action}"))).collect();
        permissions.extend([grant(&format!("wild-{n}:*")), grant(&format!("open-{n}:*"))]);
        if star {
            permissions.insert(grant("*"));
        }
        let includes = (n < 39).then(|| name(n + 1)).into_iter().collect();
        Role { description: None, permissions, includes }
    };
    let policy = (0..40).rev().try_fold(Policy::default(), |policy, n| policy.with_role(name(n), role(n)));
    policy.expect("the roles keep the limits").compile(&BTreeSet::from([name(0)]))
}

fn grant(text: &str) -> Grant {
    text.parse().expect("a grant")
}

fn name(n: u32) -> RoleName {
    format!("role-{n}").parse().expect("a role name")
}

fn permission(text: &str) -> Permission {
    text.parse().expect("a permission")
}

/// Prints in one line if the budget holds. The report of criterion gives the distribution.
fn say(case: &str, grants: &Grants, permission: &Permission) {
    let start = WallTime.start();
    for _ in 0..ROUNDS {
        black_box(black_box(grants).decide(black_box(permission)).allowed());
    }
    let per_second = f64::from(ROUNDS) / WallTime.end(start).as_secs_f64();
    let verdict = if per_second >= BUDGET { "meets" } else { "MISSES" };
    println!(
        "permission/{case}: {:.1} million decisions a second, {verdict} the budget of 5",
        per_second / 1e6
    );
}

fn main() {
    let (plain, star) = (grants(false), grants(true));
    let cases = [
        ("exact", &plain, "resource-20:action-25", true),
        ("wildcard", &plain, "wild-20:action-25", true),
        ("star", &star, "elsewhere:action-25", true),
        ("denied", &plain, "elsewhere:action-25", false),
    ];
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("permission");
    group.throughput(Throughput::Elements(1));
    for (case, grants, text, allowed) in cases {
        let permission = permission(text);
        assert_eq!(grants.decide(&permission).allowed(), allowed, "{case}");
        group.bench_function(case, |b| b.iter(|| black_box(grants).decide(black_box(&permission)).allowed()));
        say(case, grants, &permission);
    }
    group.bench_function("parse and exact", |b| {
        b.iter(|| plain.decide(&permission(black_box("resource-20:action-25"))).allowed());
    });
    group.finish();

    let policy = Policy::initial();
    let held = BTreeSet::from([RoleName::ADMIN]);
    let text = serde_json::to_string(&policy).expect("JSON");
    let mut group = criterion.benchmark_group("policy of three roles");
    group.bench_function("read", |b| {
        b.iter(|| serde_json::from_str::<Policy>(black_box(&text)).expect("a policy"));
    });
    group.bench_function("compile", |b| b.iter(|| black_box(&policy).compile(black_box(&held))));
    group.finish();
    criterion.final_summary();
}
