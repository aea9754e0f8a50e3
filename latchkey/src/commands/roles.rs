use std::collections::BTreeSet;

use latchkey_core::Services;
use latchkey_core::permission::{Author, Role, RoleName};

use super::{Failure, say};

/// Creates the missing initial roles.
pub(super) async fn init(services: Services) -> Result<(), Failure> {
    let made = services.roles.init().await?;
    if made.is_empty() {
        say("The roles already exist; `latchkey roles init --repair` restores those that were changed.");
    }
    say_made(&made);
    Ok(())
}

/// Prints the created roles.
pub(super) fn say_made(roles: &BTreeSet<RoleName>) {
    for role in roles {
        say(format_args!("Created the role {role}."));
    }
}

/// Restores the initial roles.
pub(super) async fn repair(services: Services) -> Result<(), Failure> {
    let restored = services.roles.repair().await?;
    if restored.is_empty() {
        say("The initial roles are unchanged.");
    }
    for role in restored {
        say(format_args!("Restored the role {role}."));
    }
    Ok(())
}

/// Creates or replaces a role.
pub(super) async fn put(services: Services, name: &RoleName, role: &Role) -> Result<(), Failure> {
    services.roles.put(name, role, Author::Operator).await?;
    say(format_args!("Stored the role {name}."));
    Ok(())
}

/// Deletes a role.
pub(super) async fn delete(services: Services, name: &RoleName) -> Result<(), Failure> {
    services.roles.remove(name, Author::Operator).await?;
    say(format_args!("Deleted the role {name}."));
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
