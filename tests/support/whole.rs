use std::collections::BTreeSet;

use latchkey_core::UserId;
use latchkey_core::account::{Handle, Login, User};
use latchkey_testkit::TestApp;

/// Every copy of every user is the user, each handle is one account's, and nobody is left without a way in. `what` says what a
/// failure is about.
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
    let ports = &app.services.ports;
    let mut items = ports.table.get(&[Login::key(&user.email)], ports.clock.now()).await.expect("an answer");
    items.pop().flatten().expect("a login").decode().expect("a readable login")
}

async fn holder(app: &TestApp, handle: &Handle) -> Option<UserId> {
    let ports = &app.services.ports;
    let mut items = ports.table.get(&[handle.key()], ports.clock.now()).await.expect("an answer");
    items.pop().flatten().map(|item| item.decode().expect("a user's identifier"))
}
