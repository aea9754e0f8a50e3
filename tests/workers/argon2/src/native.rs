//! Prints the CPU milliseconds of so many native hashes, and the hash: `latchkey-measure-argon2 KIBIBYTES PASSES RUNS`.

#![expect(clippy::print_stdout, reason = "a program for people")]

mod hash;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = || -> Result<u32, Box<dyn Error>> {
        Ok(arguments.next().ok_or("three numbers are needed: KIBIBYTES PASSES RUNS")?.parse()?)
    };
    let (kibibytes, passes, runs) = (number()?, number()?, number()?);
    let mut memory = Vec::new();
    for _ in 0..runs {
        let begin = cpu_millis();
        let hash = hash::hash(&mut memory, kibibytes, passes)?;
        println!("{:.3} {hash:02x?}", cpu_millis() - begin);
    }
    Ok(())
}

/// What this thread has computed so far.
#[cfg(unix)]
fn cpu_millis() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    std::time::Duration::try_from(spent).unwrap_or_default().as_secs_f64() * 1000.0
}

/// The time that has passed, where threads' own time is not to be had this way.
#[cfg(not(unix))]
fn cpu_millis() -> f64 {
    use std::sync::LazyLock;
    use std::time::Instant;
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGIN.elapsed().as_secs_f64() * 1000.0
}
