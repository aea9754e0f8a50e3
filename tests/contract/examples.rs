//! Every example of the documentation, as the first admin of a new installation. The commands are read off the text, so a new example
//! is tried as well.

use std::path::{Path, PathBuf};

use http::Method;
use latchkey_testkit::TestRequest;
use latchkey_tests::support::{PASSWORD, admin, credentials, open_app, sign_up};
use serde_json::{Value, json};

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of pages") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The blocks of code of README.md and of everything under docs/.
fn blocks() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = vec![root.join("README.md")];
    pages(&root.join("docs"), &mut found);
    let text = |path: &PathBuf| std::fs::read_to_string(path).expect("a page");
    let fenced = |text: String| text.split("```").skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    found.iter().map(text).flat_map(fenced).collect()
}

/// The words of a block's commands, read as a shell does as far as the examples need it.
fn commands(block: &str) -> Vec<Vec<String>> {
    let (mut commands, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut quote = None;
    let text = block.replace("\\\n", " ");
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('"'), '\\') => word.get_or_insert_default().extend(chars.next()),
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() || "|;()".contains(c) => {
                words.extend(word.take());
                if c == '\n' || !c.is_whitespace() {
                    commands.push(std::mem::take(&mut words));
                }
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    commands.push(words);
    commands
}

/// What `curl` is asked to send to a route of administration.
fn request(words: &[String], ada: &str) -> Option<(Method, String, Option<Value>)> {
    let curl = words.iter().position(|word| word == "curl")?;
    let (mut method, mut path, mut body) = (None, None, None);
    let mut rest = words[curl..].iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "-X" => method = rest.next().map(|text| text.parse().expect("a method")),
            "-d" => body = rest.next(),
            "-H" => drop(rest.next()),
            word => path = word.strip_prefix("$URL").map(str::to_owned).or(path),
        }
    }
    let path = path.filter(|path| ["/v1/roles", "/v1/users"].iter().any(|route| path.starts_with(route)))?;
    let body = body.map(|text| serde_json::from_str(text).expect(text));
    let fallback = if body.is_some() { Method::POST } else { Method::GET };
    Some((method.unwrap_or(fallback), path.replace("$ADA", ada), body))
}

#[tokio::test]
async fn every_request_of_the_documentation_works_for_the_first_admin() {
    let app = open_app();
    let admin = admin(&app).await;
    let ada = sign_up(&app, "ada@example.com").await;
    let mut tried = 0;
    for block in blocks() {
        for words in commands(&block) {
            let Some((method, path, body)) = request(&words, &ada.id) else { continue };
            let request = TestRequest::new(method.clone(), &path).bearer(&admin.access);
            let request = match &body {
                Some(body) => request.json(body),
                None => request,
            };
            let answer = app.send(request).await;
            assert!(answer.status.is_success(), "{method} {path} {body:?}: {}", answer.json());
            tried += 1;
        }
    }
    assert!(tried >= 6, "{tried}");
}

#[tokio::test]
async fn every_command_of_the_documentation_works_for_the_operator() {
    let app = open_app();
    let mut tried = 0;
    for block in blocks() {
        for words in commands(&block) {
            for word in words.iter().filter(|word| word.starts_with('{') && word.contains("\"command\"")) {
                let command: Value = serde_json::from_str(word).expect(word);
                if let Some(email) = command["email"].as_str() {
                    app.send(TestRequest::post("/v1/signup", &credentials(email, PASSWORD))).await;
                }
                let done = latchkey_operator::operate(&app.services, command).await;
                assert!(done.is_ok(), "{word}: {:?}", done.err());
                tried += 1;
            }
        }
    }
    assert!(tried >= 4, "{tried}");
}

#[tokio::test]
async fn the_first_admin_brings_in_every_permission_that_an_example_demands() {
    let app = open_app();
    let admin = admin(&app).await;
    let mut tried = 0;
    for block in blocks().iter().filter(|block| block.contains("=signed-in")) {
        for entry in block.split([',', '\n']).filter_map(|entry| entry.rsplit_once('=')) {
            let (_, permission) = entry;
            if permission.contains(':') {
                let role = json!({ "permissions": [permission.trim()] });
                let put = TestRequest::new(Method::PUT, "/v1/roles/clerk").json(&role).bearer(&admin.access);
                assert!(app.send(put).await.status.is_success(), "{permission}");
                tried += 1;
            }
        }
    }
    assert!(tried >= 3, "{tried}");
}
