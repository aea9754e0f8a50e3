//! The public names of accounts.

use std::collections::BTreeSet;

use latchkey_core::account::Authority;
use latchkey_core::audit::Requester;
use latchkey_testkit::identities::{ada, enter, profiled};
use latchkey_testkit::stored::item;

use crate::app;

#[tokio::test]
async fn each_account_has_a_handle_of_its_own() {
    let app = app().await;
    let mut handles = BTreeSet::new();
    for n in 0..30 {
        let person = profiled("github", &n.to_string(), &format!("ada{n}@example.com"));
        let handle = enter(&app, &person).await.unwrap().user.handle.unwrap();
        assert!((4..=15).contains(&handle.as_str().len()), "{}", handle.as_str());
        assert!(handle.as_str().starts_with("adal"), "{}", handle.as_str());
        assert!(handles.insert(handle));
    }
    assert!(handles.contains(&"adalovelace".parse().unwrap()));
}

#[tokio::test]
async fn a_handle_is_free_again_when_its_account_is_deleted() {
    let app = app().await;
    let first = enter(&app, &ada()).await.unwrap();
    let handle = first.user.handle.clone().unwrap();
    assert!(item(&app, handle.key()).await.unwrap().contains(&first.id().to_string()));
    let from = Requester::default();
    app.services.users.delete(first.id(), Authority::Operator, &from).await.unwrap();
    assert_eq!(item(&app, handle.key()).await, None);
    let second = enter(&app, &profiled("google", "9", "other@example.com")).await.unwrap();
    assert_eq!(second.user.handle, Some(handle));
}
