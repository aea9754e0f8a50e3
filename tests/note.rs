//! Says what `cargo test` leaves to `tests/full`.

#![expect(clippy::print_stdout, reason = "a note for people")]

fn main() {
    println!(
        "note: tests/full adds what needs more than cargo: wasm32, Redis, npm's clients, workerd, the quick start, full disks"
    );
}
