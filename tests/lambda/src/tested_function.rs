//! Every operation as a Lambda function, for the tests that start a process.

fn main() -> std::process::ExitCode {
    latchkey_aws::run(latchkey_all::function())
}
