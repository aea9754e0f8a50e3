//! The Lambda's entry.

fn main() -> std::process::ExitCode {
    latchkey_aws::run(latchkey_account::function())
}
