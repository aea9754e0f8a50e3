//! Entry of the Lambda.

fn main() -> std::process::ExitCode {
    latchkey_aws::run(latchkey_signup::function())
}
