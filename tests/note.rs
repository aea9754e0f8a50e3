//! Says what `cargo test` leaves to `tests/full`.

fn main() {
    println!(
        "note: tests/full also runs the README's walk-through, builds the portable crates for wasm32, checks tokens with npm jose, asks Amazon's DynamoDB Local, fills disks and compiles the benchmarks"
    );
}
