//! People whom a provider vouches for, and people whom it does not.

use std::sync::Arc;

use latchkey_core::audit::Action;
use latchkey_testkit::people::{admin, events, get, grant, make_role, refresh, sign_up, signup_request};
use latchkey_testkit::provider::{CLIENT_ID, CLIENT_SECRET, ISSUER, Shape};
use latchkey_testkit::{Browser, World};
use serde_json::{Value, json};

use super::{world, world_at, world_of};

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
    for verified in [
        json!(false),
        json!(null),
        json!("false"),
        json!("yes"),
        json!([true]),
        json!(2),
        json!(1),
        json!("true"),
        json!("1"),
    ] {
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
    let user = world.app.services.users.find_by_email(&ada).await.unwrap().unwrap();
    assert_eq!(user.email.as_str(), "ada@xn--exmple-cua.com");
    for spelling in ["ada@exämple.com", "ada@xn--exmple-cua.com"] {
        let answer = world.app.send(signup_request(spelling)).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (409, "email_taken"), "{spelling}");
    }
}

#[tokio::test]
async fn an_e_mail_of_another_account_is_never_linked_by_itself() {
    let world = world();
    assert_eq!(world.sign_in().await.status, 303);
    world.provider.edit().claims["sub"] = json!("another person");
    refused(&world, 409, "account_exists").await;

    let (mut browser, granted) = world.at_provider().await;
    browser.html = true;
    let page = browser.come_back("acme", &granted).await;
    let html = String::from_utf8(page.body).unwrap();
    assert_eq!(page.status, 409);
    assert!(html.contains("sign in as before, and link"), "{html}");
}

/// The owner comes after somebody who signed up with their address.
#[tokio::test]
async fn an_account_that_never_proved_its_address_gives_way() {
    let world = world();
    let squatter = sign_up(&world.app, "ada@example.com").await;
    let (mut browser, granted) = world.at_provider().await;
    assert_eq!(browser.come_back("acme", &granted).await.status, 303);
    let session = browser.get("/v1/session").await;
    assert_eq!(session.json()["user"]["email_verified"], json!(true));
    assert_ne!(session.text("user.id"), squatter.id);
    let squatting = get(&world.app, "/v1/session", &squatter).await;
    assert_eq!(squatting.status, 401, "its sessions have ended");
    assert_eq!(refresh(&world.app, &squatter.refresh).await.status, 401);
    let [event] = events(&world.app, Action::UserDisplaced).await.try_into().unwrap();
    assert_eq!(event.user_id.unwrap().to_string(), squatter.id);
    assert_eq!(event.details["successor"], session.text("user.id"));
    assert_eq!(
        (event.details["provider"].as_str(), event.details["reason"].as_str()),
        ("acme", "email_never_verified")
    );
}

/// No role passes to the newcomer.
#[tokio::test]
async fn the_roles_of_an_account_that_gives_way_end_with_it() {
    let world = world();
    make_role(&world.app, "editor", &["docs:write"]).await;
    let squatter = sign_up(&world.app, "ada@example.com").await;
    grant(&world.app, &squatter, "editor").await;
    assert_eq!(world.sign_in().await.status, 303);
    let ada = "ada@example.com".parse().unwrap();
    let user = world.app.services.users.find_by_email(&ada).await.unwrap().unwrap();
    assert_eq!(user.roles.iter().map(ToString::to_string).collect::<Vec<_>>(), ["user"]);
}

/// Somebody with authority made them one; they can link the provider, and the role can be taken away.
#[tokio::test]
async fn an_administrator_does_not_give_way() {
    let world = world();
    world.app.services.roles.init().await.unwrap();
    let root = admin(&world.app, "admin@example.com").await;
    world.provider.edit().claims["email"] = json!("admin@example.com");
    refused(&world, 409, "account_exists").await;
    assert_eq!(world.last_event().await.1.as_deref(), Some("administrator"));
    assert_eq!(get(&world.app, "/v1/session", &root).await.status, 200);
}

/// Userinfo is no more to be believed than the ID token.
#[tokio::test]
async fn a_text_or_a_number_of_userinfo_verifies_no_e_mail() {
    let world = world();
    world.provider.edit().claims["email"] = json!(null);
    for verified in [json!("true"), json!(1), json!("1")] {
        let userinfo = json!({ "sub": "1234567890", "email": "ada@example.com", "email_verified": verified });
        world.provider.edit().shape.documents.insert(format!("{ISSUER}/userinfo"), userinfo);
        refused(&world, 403, "no_verified_email").await;
    }
}

#[tokio::test]
async fn a_profile_of_odd_types_keeps_nobody_out() {
    let world = world();
    for claim in ["name", "picture", "preferred_username"] {
        world.provider.edit().claims[claim] = json!({ "odd": [1] });
    }
    assert_eq!(world.sign_in().await.status, 303);
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
async fn an_issuer_is_one_by_whatever_name_it_is_called() {
    let other = [
        ("LATCHKEY_OIDC", "acme,twin"),
        ("OIDC_TWIN_ISSUER", ISSUER),
        ("OIDC_TWIN_CLIENT_ID", CLIENT_ID),
        ("OIDC_TWIN_CLIENT_SECRET", CLIENT_SECRET),
        ("LATCHKEY_LIMITS", "off"),
    ];
    let world = world_of(|app| other.iter().fold(app, |app, (name, value)| app.var(name, value)));
    let (mut first, granted) = world.at_provider().await;
    assert_eq!(first.come_back("acme", &granted).await.status, 303);
    let mut browser = world.browser();
    let granted = world.provider.authorize(&browser.start("twin", "").await);
    assert_eq!(browser.come_back("twin", &granted).await.status, 303);
    let ids =
        [first.get("/v1/session").await.text("user.id"), browser.get("/v1/session").await.text("user.id")];
    assert_eq!(ids[0], ids[1]);
}

/// The template's one other provider, pointed at another issuer: subjects that collide are strangers.
#[tokio::test]
async fn the_same_subject_of_another_issuer_is_another_person() {
    let world = world();
    assert_eq!(world.sign_in().await.status, 303);
    let table = Arc::clone(&world.app.services.ports.table);
    let next = "https://next.example.com";
    let shape = serde_json::to_string(&world.provider.edit().shape.documents).unwrap().replace(ISSUER, next);
    let at = |path: &str| format!("{next}{path}");
    let shape = Shape {
        authorization: at("/authorize"),
        token: at("/token"),
        issuer: Some(next.to_owned()),
        jwks: Some(at("/jwks")),
        documents: serde_json::from_str(&shape).unwrap(),
        ..Shape::openid()
    };
    let moved = world_at(shape, |app| {
        app.seed(2)
            .table(table)
            .var("LATCHKEY_LIMITS", "off")
            .var("LATCHKEY_OIDC", "acme")
            .var("OIDC_ACME_ISSUER", next)
            .var("OIDC_ACME_CLIENT_ID", CLIENT_ID)
            .var("OIDC_ACME_CLIENT_SECRET", CLIENT_SECRET)
    });
    let come_back = async |browser: &mut Browser<'_>| {
        let granted = moved.provider.authorize(&browser.start("acme", "").await);
        let back = [("code", granted.code.as_str()), ("state", &granted.state), ("iss", next)];
        browser.callback("acme", &back).await
    };
    let answer = come_back(&mut moved.browser()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (409, "account_exists"),
        "the address is taken"
    );
    moved.provider.edit().claims["email"] = json!("stranger@example.com");
    let mut stranger = moved.browser();
    assert_eq!(come_back(&mut stranger).await.status, 303);
    assert_eq!(stranger.get("/v1/session").await.text("user.email"), "stranger@example.com");
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
