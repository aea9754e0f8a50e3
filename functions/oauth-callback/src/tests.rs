//! `/v1/oauth/{provider}/callback`, `/v1/oauth/exchange`: what a provider, a browser or somebody in between may send, class by
//! class, and the HTTP outcome.

mod accounts;
mod apps;
mod authorization_responses;
mod faults;
mod id_tokens;
mod links;
mod people;
mod presets;
mod signin;
mod states;

use latchkey_http::Function;
use latchkey_testkit::provider::Shape;
use latchkey_testkit::{TestAppBuilder, World};

/// The callback, and the operations at which the rules show.
fn operations() -> Function {
    crate::function()
        .merge(latchkey_identities::function())
        .merge(latchkey_oauth_start::function())
        .merge(latchkey_session::function())
        .merge(latchkey_signup::function())
        .merge(latchkey_token_refresh::function())
}

fn world() -> World {
    World::unlimited(operations())
}

fn world_of(change: impl FnOnce(TestAppBuilder) -> TestAppBuilder) -> World {
    World::new(operations(), change)
}

fn world_at(shape: Shape, change: impl FnOnce(TestAppBuilder) -> TestAppBuilder) -> World {
    World::at(operations(), shape, change)
}
