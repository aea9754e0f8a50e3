use latchkey_core::Services;
use latchkey_core::audit::{Action, Actor, Requester};

use super::{Failure, say};

/// Makes the next key the signing key.
pub(super) async fn rotate(services: Services) -> Result<(), Failure> {
    let ring = services.keys.rotate().await?;
    let mut event = services.audit.event(Action::KeysRotated, Actor::Operator, &Requester::default())?;
    event.resource = Some(format!("key:{}", ring.current().kid()));
    services.audit.append(&event).await?;
    say(format_args!("{} {} signs now.", ring.current().algorithm(), ring.current().kid()));
    say("Tokens signed by the previous keys stay valid until they expire.");
    Ok(())
}
