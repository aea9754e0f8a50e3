use latchkey_core::Services;
use latchkey_core::account::{IssuerIdentities, Relocation};
use latchkey_core::oauth::{Issuer, ProviderName};

use super::{Failure, say};

/// Counts the identities of each provider and issuer.
pub(super) async fn list(services: Services) -> Result<(), Failure> {
    for counted in services.relocation.count_issuers().await? {
        say(format_args!("{}  {}  {}", counted.provider, counted.issuer, counted.count));
    }
    Ok(())
}

/// Moves or deletes the identities of one provider and issuer.
pub(super) async fn relocate(
    services: Services,
    provider: &ProviderName,
    issuer: &Issuer,
    to: Relocation<'_>,
) -> Result<(), Failure> {
    let relocated = services.relocation.relocate(IssuerIdentities { provider, issuer }, to).await?;
    say(&relocated);
    for user in &relocated.left {
        say(format_args!("  {user}"));
    }
    Ok(())
}
