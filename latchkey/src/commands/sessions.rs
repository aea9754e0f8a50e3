use latchkey_core::Services;

use super::{Failure, say};

/// Ends every session.
pub(super) async fn end_all(services: Services) -> Result<(), Failure> {
    services.roles.end_sessions(services.ports.clock.now()).await?;
    say("Every session has ended: a server that is running refuses them within a minute.");
    say("Services that check access tokens by themselves take them until they end, 15 minutes at most.");
    Ok(())
}
