use latchkey_core::Services;

use super::{Failure, say};

/// Ends every session.
pub(super) async fn end_all(services: Services) -> Result<(), Failure> {
    services.roles.end_sessions(services.ports.clock.now()).await?;
    say("Every session has ended. A running server refuses them within a minute.");
    say("Services that verify access tokens themselves accept them until they expire, at most 15 minutes.");
    Ok(())
}
