//! A server that is killed during work.

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::thread;

use crate::http;
use crate::process::Home;

const CLIENTS: usize = 4;
/// Number of sign-ups with a response before the kill.
const ANSWERED: usize = 40;

#[test]
fn every_sign_up_that_was_answered_outlives_a_kill() {
    let home = Home::new();
    let mut server = home.serve();
    let (answered, answers) = mpsc::channel();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (answered, url) = (answered.clone(), server.url.clone());
            thread::spawn(move || {
                for number in 0.. {
                    let email = format!("ada-{client}-{number}@example.com");
                    match http::credentials(&url, "signup", &email) {
                        Ok(answer) if answer.status == 201 => answered.send(email).unwrap(),
                        Ok(answer) => panic!("a sign-up that nothing hindered: {answer:?}"),
                        // The server is gone.
                        Err(_) => return,
                    }
                }
            })
        })
        .collect();
    drop(answered);
    let mut acknowledged: BTreeSet<String> = answers.iter().take(ANSWERED).collect();
    server.kill();
    for client in clients {
        client.join().unwrap();
    }
    acknowledged.extend(answers);
    assert!(acknowledged.len() >= ANSWERED);

    let server = home.serve();
    let list = home.run(&["users", "list"]).succeeded();
    let stored: BTreeSet<String> =
        list.lines().map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect();
    assert!(acknowledged.is_subset(&stored), "lost: {:?}", acknowledged.difference(&stored));
    // Every stored account is complete, with or without a response: address, password, role and a place for a
    // session.
    for email in &stored {
        let token = http::sign_in(&server.url, email);
        let session = http::get(&format!("{}/v1/session", server.url), Some(&token));
        assert_eq!(session.status, 200, "{email}: {session:?}");
        assert_eq!(session.body["user"]["roles"], serde_json::json!(["user"]), "{email}");
    }
    // An interrupted account leaves nothing behind: its address is free.
    for client in 0..CLIENTS {
        let next = (0..=stored.len())
            .map(|n| format!("ada-{client}-{n}@example.com"))
            .find(|e| !stored.contains(e))
            .unwrap();
        assert_eq!(http::credentials(&server.url, "signup", &next).unwrap().status, 201, "{next}");
    }
}
