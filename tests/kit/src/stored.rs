//! Items as they stand in the table, past the services.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot set itself up fails by a panic"
)]

use std::collections::BTreeSet;

use latchkey_core::UserId;
use latchkey_core::account::{Handle, Login, User};
use latchkey_core::port::table::{Item, Key};

use crate::TestApp;

/// Returns the text of the item at `key`.
pub async fn item(app: &TestApp, key: Key) -> Option<String> {
    read(app, key).await.map(|item| item.body)
}

/// Asserts that every copy of every user is the user, that each handle is one account's, and that nobody is left without a way
/// in. `what` says what a failure is about.
pub async fn assert_whole(app: &TestApp, what: &str) {
    let mut handles = BTreeSet::new();
    for user in app.services.users.list(1000, None).await.expect("a page").users {
        let login = login(app, &user).await;
        assert_eq!(login.user, user, "{what}: the login's copy");
        let identities = app.services.identities.list(&user).await.expect("the identities");
        assert_eq!(identities.len(), user.identities.len(), "{what}: an identity is missing");
        assert!(login.credential.is_some() || !identities.is_empty(), "{what}: no way in");
        for identity in identities {
            assert_eq!(identity.user, user, "{what}: the copy at {}", identity.provider);
        }
        if let Some(handle) = user.handle {
            assert_eq!(holder(app, &handle).await, Some(user.id), "{what}");
            assert!(handles.insert(handle), "{what}: two have one handle");
        }
    }
}

async fn login(app: &TestApp, user: &User) -> Login {
    let item = read(app, Login::key(&user.email)).await;
    item.expect("a login").decode().expect("a readable login")
}

async fn holder(app: &TestApp, handle: &Handle) -> Option<UserId> {
    read(app, handle.key()).await.map(|item| item.decode().expect("a user's identifier"))
}

async fn read(app: &TestApp, key: Key) -> Option<Item> {
    let ports = &app.services.ports;
    let mut items = ports.table.get(&[key], ports.clock.now()).await.expect("the table answers");
    items.pop().flatten()
}
