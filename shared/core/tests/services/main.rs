//! Services that only whole accounts test, over the kit's stores and without HTTP.

#[cfg(test)]
mod account_changes;
#[cfg(test)]
mod codes;
#[cfg(test)]
mod handles;
#[cfg(test)]
mod linking;
#[cfg(test)]
mod provider_refresh;
#[cfg(test)]
mod provider_sign_in;
#[cfg(test)]
mod relocation;
#[cfg(test)]
mod resealing;
#[cfg(test)]
mod token_vault;
#[cfg(test)]
mod trips;

use latchkey_testkit::{Function, TestApp, TestAppBuilder};

/// Services without routes, with the key ring and the initial roles.
async fn start(builder: TestAppBuilder) -> TestApp {
    builder.start_warm(Function::default()).await
}

async fn app() -> TestApp {
    start(TestApp::unlimited()).await
}
