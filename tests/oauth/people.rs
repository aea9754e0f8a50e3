//! Whom a provider vouches for, and whom not.

use latchkey_testkit::provider::ISSUER;
use latchkey_tests::support::sign_up;
use serde_json::{Value, json};

use crate::support::{World, world};

async fn refused(world: &World, status: u16, code: &str) {
    let (mut browser, granted) = world.at_provider().await;
    let answer = browser.come_back("acme", &granted).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{}", answer.json());
    assert_eq!(world.last_event().await.0, "signup:refused");
    assert!(browser.jar.is_empty());
}

#[tokio::test]
async fn an_e_mail_that_is_missing_or_not_verified_makes_no_account() {
    let world = world();
    let set = |name: &str, value: Value| world.provider.edit().claims[name] = value;
    let userinfo = json!({ "sub": "1234567890" });
    world.provider.edit().shape.documents.insert(format!("{ISSUER}/userinfo"), userinfo);
    for verified in [json!(false), json!(null), json!("false"), json!("yes"), json!([true]), json!(2)] {
        set("email_verified", verified);
        refused(&world, 403, "no_verified_email").await;
    }
    set("email_verified", json!(true));
    for email in [
        json!(null),
        json!(""),
        json!("no address"),
        json!("a@b@c"),
        json!("ada@example.com,eve@example.com"),
        // Beyond ASCII nothing is folded: these are other people's mailboxes.
        json!("ﬂora@example.com"),
        json!("ａda@example.com"),
        json!("ada＠example.com"),
        json!("ada@ｅxample.com"),
        json!("=?utf-8?q?ada?=@example.com"),
    ] {
        set("email", email);
        refused(&world, 403, "no_verified_email").await;
    }
}

#[tokio::test]
async fn a_domain_beyond_ascii_is_one_address_in_every_spelling() {
    let world = world();
    world.provider.edit().claims["email"] = json!("Ada@Exämple.com");
    assert_eq!(world.sign_in().await.status, 303);
    let ada = "ada@xn--exmple-cua.com".parse().unwrap();
    let user = world.app.services.accounts.find_by_email(&ada).await.unwrap().unwrap();
    assert_eq!(user.email.as_str(), "ada@xn--exmple-cua.com");
    for spelling in ["ada@exämple.com", "ada@xn--exmple-cua.com"] {
        let answer = world.app.send(latchkey_tests::support::signup_request(spelling)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "email_taken"), "{spelling}");
    }
}

#[tokio::test]
async fn an_e_mail_of_another_account_is_never_linked_by_itself() {
    // Pre-hijacking, both ways: whoever was first keeps the address, and the provider's word changes nothing.
    let world = world();
    sign_up(&world.app, "ada@example.com").await;
    refused(&world, 409, "account_exists").await;
    let ada = world
        .app
        .services
        .accounts
        .find_by_email(&"ada@example.com".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert!(!ada.email_verified, "the account is as it was");

    let (mut browser, granted) = world.at_provider().await;
    browser.html = true;
    let page = browser.come_back("acme", &granted).await;
    let html = String::from_utf8(page.body).unwrap();
    assert_eq!(page.status, 409);
    assert!(html.contains("sign in the way you did before, and link"), "{html}");
}

#[tokio::test]
async fn userinfo_of_another_person_is_refused() {
    let world = world();
    world.provider.edit().claims["email"] = json!(null);
    let userinfo = json!({ "sub": "another", "email": "ada@example.com", "email_verified": true });
    world.provider.edit().shape.documents.insert(format!("{ISSUER}/userinfo"), userinfo);
    let answer = world.sign_in().await;
    world.assert_refused(&answer, 502, "provider_failed", "no_identity").await;
}

#[tokio::test]
async fn the_same_subject_at_another_provider_is_another_person() {
    let other = [
        ("LATCHKEY_OIDC", "acme,twin"),
        ("OIDC_TWIN_ISSUER", ISSUER),
        ("OIDC_TWIN_CLIENT_ID", latchkey_testkit::provider::CLIENT_ID),
        ("OIDC_TWIN_CLIENT_SECRET", latchkey_testkit::provider::CLIENT_SECRET),
        ("LATCHKEY_LIMITS", "off"),
    ];
    let world =
        crate::support::world_of(|app| other.iter().fold(app, |app, (name, value)| app.var(name, value)));
    assert_eq!(world.sign_in().await.status, 303);
    let mut browser = world.browser();
    let granted = world.provider.authorize(&browser.start("twin", "").await);
    let answer = browser.come_back("twin", &granted).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "account_exists"));
}

#[tokio::test]
async fn profiles_of_odd_forms_are_cut_to_what_fits() {
    let world = world();
    {
        let mut provider = world.provider.edit();
        provider.claims["name"] = json!(format!("Ada\u{0}\n<script>{}", "x".repeat(500)));
        provider.claims["picture"] = json!("javascript:alert(1)");
        provider.claims["preferred_username"] = json!("\u{202e}");
    }
    let (mut browser, granted) = world.at_provider().await;
    let answer = browser.come_back("acme", &granted).await;
    assert_eq!(answer.status, 303, "{}", answer.json());
    assert!(!String::from_utf8(browser.get("/v1/session").await.body).unwrap().contains("javascript:"));
}
