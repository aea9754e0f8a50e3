//! Rules for a new password: under 0.1 ms for any text.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use latchkey_core::Email;
use latchkey_core::password::{Password, PasswordRules};

fn rules(c: &mut Criterion) {
    let rules = PasswordRules::default();
    let email: Email =
        "grace.hopper@example.com".parse().unwrap_or_else(|_| unreachable!("it is an address"));
    let longest = "a1-".repeat(82);
    let local_part: Vec<String> = (0..16).map(|part| format!("n{part:02}")).collect();
    let parts: Email = format!("{}@example.com", local_part.join("."))
        .parse()
        .unwrap_or_else(|_| unreachable!("it is an address"));
    let names = (0..25).map(|part| format!("x{part:02}")).collect::<Vec<_>>().join(" ");

    let mut group = c.benchmark_group("PasswordRules::check");
    for (name, password, email, owner) in [
        ("a phrase", "violet-anchor-81-meadow".to_owned(), &email, "Grace Hopper"),
        ("eight characters", "q7#Kz!2m".to_owned(), &email, "Grace Hopper"),
        ("a common one", "P@ssw0rd2024!".to_owned(), &email, "Grace Hopper"),
        ("a repetition", longest.clone(), &email, "Grace Hopper"),
        ("256 bytes, many names", format!("{longest}violet!!"), &parts, &names),
        ("256 bytes that expand", "\u{fdfa}".repeat(85), &parts, &names),
        ("a long walk", "qwertyuiop".repeat(25), &email, "Grace Hopper"),
        ("100 KB", "violet harbour ".repeat(7000), &email, "Grace Hopper"),
    ] {
        let password = Password::new(&password.into());
        group.bench_with_input(BenchmarkId::from_parameter(name), &password, |b, password| {
            b.iter(|| rules.check(black_box(password), email, Some(owner)));
        });
    }
    group.finish();
}

criterion_group!(benches, rules);
criterion_main!(benches);
