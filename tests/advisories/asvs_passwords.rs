//! OWASP ASVS 5.0, V6: passwords, and V11: how they are stored.

use std::time::Duration;

use latchkey_core::Config;
use latchkey_core::config::Exposure;
use latchkey_testkit::{TestApp, TestRequest, TestResponse};
use latchkey_tests::support::{PASSWORD, credentials, open_app, sign_up};
use serde_json::json;

async fn choose(app: &TestApp, email: &str, password: &str) -> TestResponse {
    app.send(TestRequest::post("/v1/signup", &credentials(email, password))).await
}

async fn present(app: &TestApp, email: &str, password: &str) -> u16 {
    app.send(TestRequest::post("/v1/signin", &credentials(email, password))).await.status.as_u16()
}

#[tokio::test]
async fn asvs_6_2_1_fewer_than_eight_characters_are_refused() {
    let app = open_app();
    for short in ["", "a", "xK9#qLz", "üñîçøðé"] {
        let answer = choose(&app, "user@example.com", short).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (422, "weak_password"), "{short}");
        assert!(answer.text("detail").contains('8'), "{short}");
    }
    assert_eq!(choose(&app, "user@example.com", "q7#Kz!2m").await.status, 201);
}

#[tokio::test]
async fn nist_800_63b_the_minimum_can_be_15() {
    let app = TestApp::builder().var("LATCHKEY_PASSWORD_MIN", "15").build(latchkey_all::function());
    assert_eq!(choose(&app, "user@example.com", "xK9#qLz!bW2$vN").await.code(), "weak_password");
    assert_eq!(choose(&app, "user@example.com", "xK9#qLz!bW2$vN7").await.status, 201);
}

#[tokio::test]
async fn asvs_6_2_4_common_passwords_are_refused() {
    let app = open_app();
    for common in [
        "password",
        "password1",
        "12345678",
        "123456789",
        "1234567890",
        "qwertyuiop",
        "iloveyou",
        "sunshine",
        "princess",
        "football",
        "baseball",
        "trustno1",
        "superman",
        "letmein1",
        "P@ssw0rd",
        "Passw0rd!",
        "qwerty123",
        "1q2w3e4r",
        "11111111",
        "abcdefgh",
        "aaaaaaaaaaaa",
        "Password123!",
        "welcome123",
        "monkey123",
        "dragon2024",
        "P@ssw0rd2024!",
        "1qaz2wsx",
        "121212121212121212121212121212",
    ] {
        assert_eq!(choose(&app, "user@example.com", common).await.code(), "weak_password", "{common}");
    }
}

#[tokio::test]
async fn asvs_6_2_5_no_kind_of_character_is_demanded() {
    let app = open_app();
    for (n, password) in [
        "violetharbourtundra",
        "        correct horse",
        "8472930185726",
        "ЖелтыйАвтобусЕдет",
        "🌵🦑🪗🧭🛶🎈🪐🧊🥁🧵",
    ]
    .iter()
    .enumerate()
    {
        let email = format!("user{n}@example.com");
        let answer = choose(&app, &email, password).await;
        assert_eq!(answer.status, 201, "{password}: {}", answer.json());
        assert_eq!(present(&app, &email, password).await, 200, "{password}");
    }
}

#[tokio::test]
async fn asvs_6_2_8_the_password_counts_as_it_is() {
    let app = open_app();
    let password = "Violet Harbour Tundra ";
    assert_eq!(choose(&app, "user@example.com", password).await.status, 201);
    for other in [
        "Violet Harbour Tundra",
        "violet harbour tundra ",
        "VIOLET HARBOUR TUNDRA ",
        "Violet Harbour Tundra  ",
        " Violet Harbour Tundra ",
        "Violet  Harbour Tundra ",
        "Violet Harbour Tundra \0",
        "Violet Harbour",
    ] {
        assert_eq!(present(&app, "user@example.com", other).await, 401, "{other:?}");
        // Not to be locked out by the test itself.
        app.clock.advance(Duration::from_mins(16));
    }
    assert_eq!(present(&app, "user@example.com", password).await, 200);
}

#[tokio::test]
async fn asvs_6_2_8_no_character_is_cut_off() {
    let app = open_app();
    // 256 bytes, the most there may be; bcrypt would see 72 of them.
    let long: String = "violet harbour tundra ".chars().cycle().take(256).collect();
    assert_eq!(choose(&app, "user@example.com", &long).await.status, 201);
    for length in [72, 100, 128, 255] {
        assert_eq!(present(&app, "user@example.com", &long[..length]).await, 401, "{length}");
    }
    assert_eq!(present(&app, "user@example.com", &long).await, 200);
    assert_eq!(choose(&app, "other@example.com", &format!("{long}!")).await.code(), "weak_password");
}

#[tokio::test]
async fn asvs_6_2_9_sixty_four_characters_are_taken() {
    let app = open_app();
    let password: String = "violet harbour tundra ".chars().cycle().take(64).collect();
    assert_eq!(choose(&app, "user@example.com", &password).await.status, 201);
}

#[tokio::test]
async fn nist_800_63b_both_spellings_of_a_character_are_one_password() {
    let app = open_app();
    assert_eq!(choose(&app, "user@example.com", "cafe\u{301} harbour tundra").await.status, 201);
    assert_eq!(present(&app, "user@example.com", "caf\u{e9} harbour tundra").await, 200);
}

#[tokio::test]
async fn asvs_6_2_11_words_about_the_owner_or_the_product_are_refused() {
    let app = open_app();
    for password in [
        "ada.lovelace@example.com",
        "lovelace1",
        "Lovelace!!",
        "latchkey",
        "latchkey2",
        "AdaLovelace1",
        "countess!1",
    ] {
        let mut body = credentials("ada.lovelace@example.com", password);
        body["name"] = json!("Countess Lovelace");
        let answer = app.send(TestRequest::post("/v1/signup", &body)).await;
        assert_eq!(answer.code(), "weak_password", "{password}: {}", answer.status);
    }
}

#[tokio::test]
async fn asvs_6_3_1_and_cve_2026_9798_guessing_locks_the_account_from_every_address() {
    let app = open_app();
    sign_up(&app, "user@example.com").await;
    for n in 0..5_u8 {
        let peer = Some(std::net::IpAddr::from([192, 0, 2, n]));
        let guess =
            TestRequest::post("/v1/signin", &credentials("user@example.com", "wrong password")).peer(peer);
        assert_eq!(app.send(guess).await.code(), "invalid_credentials");
    }
    let right = || TestRequest::post("/v1/signin", &credentials("user@example.com", PASSWORD));
    let cookie =
        || TestRequest::post("/v1/signin", &json!({ "email": "USER@example.com", "password": PASSWORD }));
    for request in [right(), cookie(), right().peer(Some(std::net::IpAddr::from([203, 0, 113, 1])))] {
        let answer = app.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "invalid_credentials"));
        assert_eq!(answer.header("retry-after"), "");
        assert!(
            answer.set_cookie("__Host-latchkey-access").is_none() && answer.text("access_token").is_empty()
        );
    }
    app.clock.advance(Duration::from_secs(899));
    assert_eq!(app.send(right()).await.code(), "invalid_credentials");
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(app.send(right()).await.status, 200);
}

#[tokio::test]
async fn asvs_6_1_1_others_cannot_end_the_owners_session_by_guessing() {
    let app = open_app();
    let user = sign_up(&app, "user@example.com").await;
    for _ in 0..20 {
        app.send(TestRequest::post("/v1/signin", &credentials("user@example.com", "wrong password"))).await;
    }
    assert_eq!(app.send(TestRequest::get("/v1/session").bearer(&user.access)).await.status, 200);
    let refresh = TestRequest::post("/v1/token/refresh", &json!({ "refresh_token": user.refresh }));
    assert_eq!(app.send(refresh).await.status, 200);
}

#[tokio::test]
async fn asvs_6_3_2_a_new_deployment_has_no_account_and_no_default_secret() {
    let app = open_app();
    for (email, password) in
        [("admin@example.com", "admin"), ("admin@localhost.local", "latchkey"), ("root@example.com", "root")]
    {
        assert_eq!(present(&app, email, password).await, 401, "{email}");
    }
    let start = |secret: Option<&str>| {
        let find = |name: &str| match name {
            "LATCHKEY_URL" => Some("https://auth.example.com".to_owned()),
            "LATCHKEY_SECRET" => secret.map(str::to_owned),
            _ => None,
        };
        Config::read(find, Exposure::Deployed).is_ok()
    };
    for secret in [
        None,
        Some(""),
        Some("secret"),
        Some("changeme"),
        Some("changemechangemechangemechangemechangeme"),
        Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ] {
        assert!(!start(secret), "{secret:?}");
    }
    assert!(start(Some("fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=")));
}

#[tokio::test]
async fn asvs_11_4_2_passwords_are_stored_as_argon2id_with_a_salt_of_their_own_and_sealed() {
    // An empty value counts as missing: the strength that everybody gets.
    let app = TestApp::builder().var("LATCHKEY_ARGON2", "").build(latchkey_all::function());
    let mut stored = Vec::new();
    for email in ["one@example.com", "two@example.com"] {
        sign_up(&app, email).await;
        let key = latchkey_core::port::table::Key::new(format!("email#{email}"), "login");
        let found = app.services.ports.table.get(&[key], latchkey_testkit::TestClock::START).await.unwrap();
        let item: serde_json::Value = found[0].as_ref().expect("a login").decode().unwrap();
        let text = item.to_string();
        assert!(!text.contains("argon2") && !text.contains(PASSWORD), "{text}");
        let login: latchkey_core::account::Login = serde_json::from_value(item).unwrap();
        let sealed = login.credential.expect("a password").hash;
        let hash: String = sealed.open(login.user.id, &app.services.config.sealer).unwrap().into();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        stored.push(hash);
    }
    assert_ne!(stored[0], stored[1], "the same password of two users");
}

#[tokio::test]
async fn the_cost_of_a_password_is_raised_when_its_owner_signs_in() {
    let table = latchkey_testkit::memory_table();
    let with = |cost: &str| {
        TestApp::builder().table(table.clone()).var("LATCHKEY_ARGON2", cost).build(latchkey_all::function())
    };
    sign_up(&with("m=8,t=1,p=1"), "user@example.com").await;
    let stronger = with("m=16,t=2,p=1");
    assert_eq!(present(&stronger, "user@example.com", PASSWORD).await, 200);
    assert_eq!(stronger.hashes.take(), 3, "checked, at the same cost as for anybody, and made anew");
    assert_eq!(present(&stronger, "user@example.com", PASSWORD).await, 200);
    assert_eq!(stronger.hashes.take(), 1);
}
