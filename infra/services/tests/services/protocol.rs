//! The bridge's REST protocol, as Upstash documents it.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use latchkey_core::port::Fetch;
use latchkey_native::HttpFetch;
use serde_json::{Value, json};

use crate::upstash::{TOKEN, Upstash};

struct Client {
    upstash: Upstash,
    fetch: HttpFetch,
}

impl Client {
    async fn new() -> Self {
        Self { upstash: Upstash::start().await, fetch: HttpFetch::new() }
    }

    async fn send(&self, method: Method, target: &str, headers: &[(&str, &str)], body: &str) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(format!("{}{target}", self.upstash.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from(body.to_owned())).unwrap();
        let answer = self.fetch.fetch(request, Duration::from_mins(1)).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/json");
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
    }

    async fn post(&self, target: &str, body: Value) -> (u16, Value) {
        let bearer = format!("Bearer {TOKEN}");
        self.send(Method::POST, target, &[("authorization", &bearer)], &body.to_string()).await
    }

    async fn get(&self, target: &str) -> (u16, Value) {
        let bearer = format!("Bearer {TOKEN}");
        self.send(Method::GET, target, &[("authorization", &bearer)], "").await
    }
}

fn result(value: impl Into<Value>) -> (u16, Value) {
    (200, json!({"result": value.into()}))
}

#[tokio::test]
async fn only_the_token_opens_it() {
    let client = Client::new().await;
    let refused = (401, json!({"error": "WRONGPASS invalid or missing auth token"}));
    for authorization in
        ["", "Bearer", "Bearer ", "Bearer wrong", "Basic dGVzdA==", "Bearer the-token-of-this-tes"]
    {
        let headers = [("authorization", authorization)];
        assert_eq!(client.send(Method::POST, "/", &headers, r#"["PING"]"#).await, refused, "{authorization}");
    }
    assert_eq!(client.send(Method::GET, "/ping?_token=wrong", &[], "").await, refused);
    assert_eq!(
        client.send(Method::GET, &format!("/ping?_token={TOKEN}"), &[], "").await,
        result(json!("PONG"))
    );
    let lower = format!("bearer {TOKEN}");
    assert_eq!(
        client.send(Method::GET, "/ping", &[("authorization", &lower)], "").await,
        result(json!("PONG"))
    );
}

#[tokio::test]
async fn a_command_is_an_array_or_a_path() {
    let client = Client::new().await;
    assert_eq!(client.post("/", json!(["SET", "foo", "b a/r", "EX", 100])).await, result(json!("OK")));
    assert_eq!(client.get("/get/foo").await, result(json!("b a/r")));
    assert_eq!(client.get("/set/a%2Fb/%C3%A9").await, result(json!("OK")));
    assert_eq!(client.post("/", json!(["GET", "a/b"])).await, result(json!("\u{e9}")));
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str())];
    let put = client.send(Method::POST, "/set/body?EX=100&NX", &headers, "{\"any\": text}").await;
    assert_eq!(put, result(json!("OK")));
    assert_eq!(client.get("/get/body").await, result(json!("{\"any\": text}")));
    assert_eq!(client.get("/ttl/body").await, result(json!(100)));
    assert_eq!(client.get("/get/missing").await, result(Value::Null));
}

#[tokio::test]
async fn results_keep_their_shape() {
    let client = Client::new().await;
    client.post("/", json!(["HSET", "h", "a", 1, "b", "two"])).await;
    assert_eq!(client.get("/hgetall/h").await, result(json!(["a", "1", "b", "two"])));
    assert_eq!(client.get("/hmget/h/a/none").await, result(json!(["1", null])));
    client.post("/", json!(["ZADD", "z", 1.5, "m"])).await;
    assert_eq!(client.get("/zscore/z/m").await, result(json!("1.5")));
    let script = "return {1, 'a', {2, {3}}, false, redis.status_reply('FINE')}";
    let nested = json!([1, "a", [2, [3]], null, "FINE"]);
    assert_eq!(client.post("/", json!(["EVAL", script, 0])).await, result(nested));
    assert_eq!(
        client.post("/", json!(["INCRBY", "n", "9007199254740993"])).await,
        result(json!(9_007_199_254_740_993_i64))
    );
}

#[tokio::test]
async fn an_error_is_a_400() {
    let client = Client::new().await;
    client.get("/set/foo/bar").await;
    let wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value";
    assert_eq!(client.get("/lpush/foo/x").await, (400, json!({"error": wrong_type})));
    assert_eq!(
        client.get("/incr/foo").await,
        (400, json!({"error": "ERR value is not an integer or out of range"}))
    );
    let (status, noscript) = client.post("/", json!(["EVALSHA", "0".repeat(40), 0])).await;
    assert!(status == 400 && noscript["error"].as_str().unwrap().starts_with("NOSCRIPT "), "{noscript}");
    for body in [json!([]), json!({}), json!("PING"), json!([["PING"]]), json!(null)] {
        let (status, told) = client.post("/", body).await;
        assert!(status == 400 && told["error"].as_str().unwrap().starts_with("ERR "), "{told}");
    }
    assert_eq!(
        client.get("/subscribe/x").await,
        (400, json!({"error": "ERR Command is not available: 'SUBSCRIBE'"}))
    );
    assert_eq!(client.get("/get/foo").await, result(json!("bar")), "and it goes on");
}

#[tokio::test]
async fn a_pipeline_answers_each() {
    let client = Client::new().await;
    let commands = json!([["SET", "a", "1"], ["INCR", "a"], ["LPUSH", "a", "x"], ["NOSUCH"], ["GET", "a"]]);
    let (status, answers) = client.post("/pipeline", commands).await;
    assert_eq!((status, &answers[0], &answers[1]), (200, &json!({"result": "OK"}), &json!({"result": 2})));
    assert!(answers[2]["error"].as_str().unwrap().starts_with("WRONGTYPE"), "{answers}");
    assert!(answers[3]["error"].as_str().unwrap().starts_with("ERR unknown command"), "{answers}");
    assert_eq!(answers[4], json!({"result": "2"}));
    for body in [json!([]), json!({}), json!(["PING"]), json!([["GET", null]]), json!([["WATCH", "a"]])] {
        assert_eq!(client.post("/pipeline", body.clone()).await.0, 400, "{body}");
    }
}

#[tokio::test]
async fn a_transaction_is_all_or_nothing() {
    let client = Client::new().await;
    let commands = json!([["SET", "a", "1"], ["INCR", "a"], ["LPUSH", "a", "x"], ["GET", "a"]]);
    let (status, answers) = client.post("/multi-exec", commands).await;
    assert_eq!((status, &answers[1], &answers[3]), (200, &json!({"result": 2}), &json!({"result": "2"})));
    assert!(answers[2]["error"].as_str().unwrap().starts_with("WRONGTYPE"), "{answers}");
    let (status, told) = client.post("/multi-exec", json!([["SET", "a", "9"], ["NOSUCH"]])).await;
    assert!(status == 400 && told["error"].as_str().unwrap().starts_with("EXECABORT"), "{status} {told}");
    assert_eq!(client.get("/get/a").await, result(json!("2")));
}

#[tokio::test]
async fn texts_come_in_base64_when_asked() {
    let client = Client::new().await;
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("upstash-encoding", "base64")];
    let set = client.send(Method::POST, "/", &headers, r#"["SET","k","OK"]"#).await;
    assert_eq!(set, result(json!("OK")), "a status stays");
    assert_eq!(client.send(Method::GET, "/get/k", &headers, "").await, result(json!("T0s=")));
    let pipeline = r#"[["MGET","k","none"],["STRLEN","k"],["TYPE","k"]]"#;
    let (_, answers) = client.send(Method::POST, "/pipeline", &headers, pipeline).await;
    assert_eq!(answers, json!([{"result": ["T0s=", null]}, {"result": 2}, {"result": "c3RyaW5n"}]));
}

#[tokio::test]
async fn a_request_may_have_ten_megabytes() {
    let client = Client::new().await;
    let value = "v".repeat(9 * 1024 * 1024);
    assert_eq!(client.post("/", json!(["SET", "k", value])).await, result(json!("OK")));
    assert_eq!(client.get("/strlen/k").await, result(json!(9 * 1024 * 1024)));
    let (status, told) = client.post("/", json!(["SET", "k", "v".repeat(11 * 1024 * 1024)])).await;
    assert_eq!((status, told), (413, json!({"error": "ERR max request size exceeded"})));
}
