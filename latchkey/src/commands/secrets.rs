use latchkey_core::Services;
use latchkey_core::audit::Actor;

use super::{Failure, say};

/// Moves everything that is stored sealed under the current secret.
pub(super) async fn reseal(services: Services) -> Result<(), Failure> {
    let mut progress = services.secrets.reseal(Actor::Operator, || true).await?;
    say(&progress);
    // Once more, for what was written meanwhile.
    if progress.count.unreadable == 0 && !progress.is_clean() {
        progress = services.secrets.reseal(Actor::Operator, || true).await?;
        say(&progress);
    }
    if progress.count.unreadable == 0 {
        return Ok(());
    }
    Err("values that do not open were left as they are: add their secret to LATCHKEY_SECRET, then run this again".into())
}
