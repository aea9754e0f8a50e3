use latchkey_core::Services;
use latchkey_core::audit::{Action, Actor, Requester};

use super::{Failure, say};

/// Makes the initial roles, as far as they are missing.
pub(super) async fn init(services: Services) -> Result<(), Failure> {
    let event = services.audit.event(Action::RolePut, Actor::Operator, &Requester::default())?;
    let made = services.roles.init(&[services.audit.write(&event)?]).await?;
    if made.is_empty() {
        say("The roles are there already.");
    }
    for role in made {
        say(format_args!("Made the role {role}."));
    }
    Ok(())
}

/// Lists the roles.
pub(super) async fn list(services: Services) -> Result<(), Failure> {
    for (name, role) in services.roles.load_fresh().await?.value.roles() {
        let grants: Vec<_> = role.permissions.iter().map(ToString::to_string).collect();
        let includes: Vec<_> = role.includes.iter().map(ToString::to_string).collect();
        say(format_args!("{name}: {}", grants.join(" ")));
        if !includes.is_empty() {
            say(format_args!("    and all of {}", includes.join(", ")));
        }
    }
    Ok(())
}
