//! Says what `cargo test` leaves to `tests/full`.

fn main() {
    println!(
        "note: tests/full also runs the README's walk-through and the end-to-end cases on every platform, builds the portable crates for wasm32, checks tokens with npm jose, fills disks and compiles the benchmarks"
    );
}
