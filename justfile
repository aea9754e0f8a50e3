# Everything that a developer does by hand: `just` lists it, `just NAME` does it. Without just (https://just.systems) read the lines
# and run them.

[private]
default:
    @just --list

# Start the local server at http://localhost:8787
serve *arguments:
    cargo run -- {{ arguments }}

# Run the tests that need nothing but cargo
test:
    cargo test --workspace

# Run the tests of one operation, such as `just test-operation signin`
test-operation name:
    cargo test -p latchkey-{{ name }}

# Run one folder of tests/, such as `just test-folder flows`
test-folder name:
    cargo test -p latchkey-tests --test {{ name }}

# Run what needs more than cargo: real stores, workerd, Lambda, browsers, providers
test-full:
    tests/full

# Run one part of the tests in workerd; `tests/workers/run --list` names them
test-worker part:
    tests/workers/run {{ part }}

# Run the end-to-end cases on some platforms, such as `just end-to-end local workers`
end-to-end +platforms:
    cargo run -p latchkey-e2e -- {{ platforms }}

# Write every generated file, after a change of a route or of functions/operations.toml
generate:
    cargo xtask generate

# Build the book into target/book and check its texts
docs:
    infra/docs

# Serve the book at http://127.0.0.1:8000 and build it again at each change
docs-serve:
    infra/docs serve

# Format, then run clippy as CI does
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# Check licences, sources and advisories of the dependencies
supply:
    infra/supply

# List the licence of every dependency of the command
licences:
    infra/setup/cargo-deny
    .latchkey/cargo-deny/bin/cargo-deny --manifest-path latchkey/Cargo.toml list

# Start stand-ins for DynamoDB and Upstash, and write their variables into .env
services:
    cargo run -p latchkey-services -- --env-file .env

# Serve the functions as Lambdas at http://localhost:9000
lambda:
    infra/lambda-watch

# Serve the Worker in workerd at http://localhost:8787
worker:
    infra/worker-dev --port 8787

# Measure the local server against its budgets
measure:
    infra/setup/oha
    cargo build --release
    cargo run --release -p latchkey-load

# Measure the Workers: CPU time, rates, sizes
measure-workers:
    tests/workers/measure

# Measure how the Lambda functions start
measure-lambda:
    infra/measure-lambda

# Make target/image of static binaries, for docker or buildah
image folder:
    infra/image {{ folder }}

# Run all that must be green before a change goes in
ci:
    .ci/run
