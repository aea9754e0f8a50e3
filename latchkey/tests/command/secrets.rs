//! Values that must never be printed or logged, at any level.

use serde_json::json;

use crate::http;
use crate::process::Home;

#[test]
fn no_secret_is_printed_even_at_the_finest_level() {
    let home = Home::new().with("LATCHKEY_LOG", "trace");
    let server = home.serve();
    let mut secrets = vec![
        http::PASSWORD.to_owned(),
        "a wrong password 1234".to_owned(),
        std::fs::read_to_string(home.data().join("secret")).unwrap().trim().to_owned(),
    ];
    let signed_up = http::credentials(&server.url, "signup", "ada@example.com").unwrap();
    assert_eq!(signed_up.status, 201);
    let wrong = json!({ "email": "ada@example.com", "password": "a wrong password 1234" });
    assert_eq!(http::post(&format!("{}/v1/signin", server.url), None, &wrong).status, 401);
    let refresh = json!({ "refresh_token": signed_up.body["refresh_token"] });
    let refreshed = http::post(&format!("{}/v1/token/refresh", server.url), None, &refresh);
    assert_eq!(refreshed.status, 200);
    // One token has expired, and one is almost valid: secrets leak through errors.
    let token = refreshed.body["access_token"].as_str().unwrap();
    let session = format!("{}/v1/session", server.url);
    assert_eq!(http::get(&session, Some(&token[..token.len() - 2])).status, 401);
    assert_eq!(http::get(&session, Some(token)).status, 200);
    for answer in [&signed_up, &refreshed] {
        for name in ["access_token", "refresh_token"] {
            let text = answer.body[name].as_str().unwrap();
            secrets.push(text[text.len() - 40..text.len() - 2].to_owned());
        }
    }
    let mut output = server.greeting.clone();
    let (_, rest) = server.stop("TERM");
    output += &rest;
    output += &std::fs::read_to_string(home.log()).unwrap();
    for said in [home.run(&["doctor"]), home.run(&["users", "list"]), home.run(&["keys", "rotate"])] {
        output += &said.stdout;
        output += &said.stderr;
    }
    assert!(output.contains("an access token was refused"), "the log is on: {output}");
    for secret in secrets {
        assert!(!output.contains(&secret), "{secret} is in {output}");
    }
}

#[test]
fn a_secret_is_replaced_in_two_steps_and_a_reseal() {
    const OLD: &str = "fmkHS3II9h06bOuaBglWB9lDYrFhCxKk+nBqtcm+cpo=";
    const NEW: &str = "qkU3cd6UKfPE0DF9SkOFNzlQKGVLF2Ry1wHhP3oFjZ8=";
    let mut home = Home::new().with("LATCHKEY_SECRET", OLD);
    home.add("grace@example.com", &["--role", "admin"]);
    home.serve().stop("TERM");
    home.set("LATCHKEY_SECRET", &format!("{NEW},{OLD}"));
    let before = home.run(&["doctor"]).succeeded();
    assert!(before.contains("1 stored values need an older secret"), "{before}");
    let said = home.run(&["secrets", "reseal"]).succeeded();
    assert!(said.starts_with("Resealed 1 values with the first secret"), "{said}");
    assert!(said.ends_with("No stored data needs another secret.\n"), "{said}");
    let after = home.run(&["doctor"]).succeeded();
    assert!(after.contains("it can go 7 days after"), "{after}");
    home.set("LATCHKEY_SECRET", NEW);
    let healthy = home.run(&["doctor"]).succeeded();
    assert!(healthy.contains("1 stored values are sealed under LATCHKEY_SECRET"), "{healthy}");
    let server = home.serve();
    assert_eq!(http::credentials(&server.url, "signin", "grace@example.com").unwrap().status, 200);

    home.set("LATCHKEY_SECRET", OLD);
    home.run(&["secrets", "reseal"]).refused(&["LATCHKEY_SECRET"]);
}
