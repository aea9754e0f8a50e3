use latchkey_core::Services;
use latchkey_core::audit::Actor;

use super::{Failure, say};

/// Reseals all sealed values under the current secret.
pub(super) async fn reseal(services: Services) -> Result<(), Failure> {
    let mut progress = services.secrets.reseal(Actor::Operator, || true).await?;
    say(&progress);
    // The second run covers values that were written during the first.
    if progress.count.unreadable == 0 && !progress.is_clean() {
        progress = services.secrets.reseal(Actor::Operator, || true).await?;
        say(&progress);
    }
    if progress.count.unreadable == 0 {
        return Ok(());
    }
    Err("some values do not open and were left unchanged; add their secret to LATCHKEY_SECRET, then run this \
         again".into())
}
