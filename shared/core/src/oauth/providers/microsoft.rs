//! <https://learn.microsoft.com/en-us/entra/identity-platform/v2-protocols-oidc>

use super::super::id_token::{IdToken, Truth};
use super::super::metadata::Metadata;
use super::super::profile::Profile;
use super::super::provider::{Client, Location, Offline, Provider, Source};

/// Returns the provider for accounts of `tenant`: the identifier of a tenant, or `common`, `organizations`, `consumers`.
pub(in super::super) fn provider(client: Client, tenant: &str) -> Provider {
    let base = "https://login.microsoftonline.com";
    // Each tenant is a separate issuer, even with the names that stand for many tenants.
    let issuer = match tenant {
        "common" | "organizations" | "consumers" => "{tenantid}",
        one => one,
    };
    let metadata = Metadata::known(
        &format!("{base}/{issuer}/v2.0"),
        &format!("{base}/{tenant}/oauth2/v2.0/authorize"),
        &format!("{base}/{tenant}/oauth2/v2.0/token"),
        Some(&format!("{base}/{tenant}/discovery/v2.0/keys")),
    );
    Provider {
        label: "Microsoft".to_owned(),
        offline: Offline::Scope("offline_access"),
        source: Source::IdToken { map: profile, userinfo: false },
        ..Provider::openid(super::name("microsoft"), client, Location::Known(Box::new(metadata)))
    }
}

fn profile(token: &IdToken) -> Profile {
    // Any administrator of a tenant can write any address into `email`. Only `xms_edov`, an optional claim that the operator
    // enables, states that the owner of its domain was verified.
    Profile::from_claims_where(token, token.claims.xms_edov == Truth::Yes)
}
