//! The table alone: its results when attempts fail, and its error texts for operators.

use std::iter::repeat_n;
use std::sync::Arc;
use std::time::Duration;

use latchkey_aws::dynamodb::{DynamoDbSettings, DynamoTable, client};
use latchkey_core::Timestamp;
use latchkey_core::port::table::{CommitError, Key, Query, QueryError, Version, Write};
use latchkey_core::port::{StoreError, Table};
use tokio::sync::Semaphore;

use crate::proxy::Fault;
use crate::support::{Stage, TABLE, emulator, settings};

const NOW: Timestamp = Timestamp::from_millis(4_000_000_000_000);

fn key() -> Key {
    Key::new("p", "s")
}

fn create(body: &str) -> [Write; 1] {
    [Write::create(key(), &body).unwrap()]
}

fn replace(body: &str, version: Version) -> [Write; 1] {
    [Write::replace(key(), &body, version).unwrap()]
}

async fn body(table: &DynamoTable) -> Option<String> {
    table.get(&[key()], NOW).await.unwrap()[0].as_ref().map(|item| item.decode().unwrap())
}

/// Commits `writes`. The first attempt meets `fault`, and `meanwhile` runs before the second.
async fn commit(
    stage: &Stage,
    writes: &[Write],
    fault: Fault,
    meanwhile: &[Write],
) -> Result<(), CommitError> {
    let gate = Arc::new(Semaphore::new(0));
    stage.proxy.add([fault, Fault::Waits(Arc::clone(&gate))]);
    let arrived = stage.proxy.arrived();
    let between = async {
        stage.proxy.arrivals(arrived + 2).await;
        stage.direct.commit(meanwhile, NOW).await.unwrap();
        gate.add_permits(1);
    };
    tokio::join!(stage.table.commit(writes, NOW), between).0
}

fn is_unavailable<T: std::fmt::Debug>(answer: &Result<T, CommitError>) -> bool {
    matches!(answer, Err(CommitError::Store(StoreError::Unavailable(_))))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_was_applied_and_replaced_since_is_no_conflict() {
    let stage = Stage::new().await;
    stage.direct.commit(&create("first"), NOW).await.unwrap();
    let version = Version::first(NOW);
    let others = replace("others", version.next());
    let answer = commit(&stage, &replace("ours", version), Fault::AnswerLost, &others).await;
    assert!(is_unavailable(&answer), "{answer:?}");
    assert_eq!(body(&stage.direct).await.as_deref(), Some("others"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_was_refused_and_overtaken_is_a_conflict() {
    for fault in [
        Fault::Answers(400, "ThrottlingException"),
        Fault::Answers(400, "ProvisionedThroughputExceededException"),
        Fault::Answers(400, "TransactionConflictException"),
    ] {
        let stage = Stage::new().await;
        stage.direct.commit(&create("first"), NOW).await.unwrap();
        let version = Version::first(NOW);
        let answer =
            commit(&stage, &replace("ours", version), fault.clone(), &replace("others", version)).await;
        assert!(matches!(answer, Err(CommitError::Conflict { write: 0 })), "{fault:?}: {answer:?}");
        assert_eq!(body(&stage.direct).await.as_deref(), Some("others"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_whose_answer_was_lost_is_made_once() {
    let stage = Stage::new().await;
    stage.direct.commit(&create("first"), NOW).await.unwrap();
    stage.proxy.add(repeat_n(Fault::AnswerLost, 3));
    stage.table.commit(&replace("ours", Version::first(NOW)), NOW).await.unwrap();
    let item = stage.direct.get(&[key()], NOW).await.unwrap().remove(0).unwrap();
    assert_eq!((item.body.as_str(), item.version), ("\"ours\"", Version::first(NOW).next()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_was_applied_and_deleted_since_is_not_made_again() {
    let stage = Stage::new().await;
    let gone = [Write::Delete { key: key(), condition: None }];
    commit(&stage, &create("ours"), Fault::AnswerLost, &gone).await.unwrap();
    assert_eq!(body(&stage.direct).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_was_applied_does_not_take_what_was_made_since() {
    for condition in [None, Some(Version::first(NOW))] {
        let stage = Stage::new().await;
        stage.direct.commit(&create("first"), NOW).await.unwrap();
        let delete = [Write::Delete { key: key(), condition }];
        commit(&stage, &delete, Fault::AnswerLost, &create("others")).await.unwrap();
        assert_eq!(body(&stage.direct).await.as_deref(), Some("others"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_comes_in_parts_is_put_together() {
    let stage = Stage::new().await;
    stage.direct.commit(&create("it"), NOW).await.unwrap();
    let keys = [key(), Key::new("p", "none"), key()];
    stage.proxy.add(repeat_n(Fault::Unprocessed, 7));
    let found = stage.table.get(&keys, NOW).await.unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
    stage.proxy.add(repeat_n(Fault::Unprocessed, 100));
    assert!(matches!(stage.table.get(&keys, NOW).await, Err(StoreError::Unavailable(_))));
    assert_eq!(stage.proxy.operations().len(), 8 + 8, "and not for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_are_tried_again_as_well() {
    let stage = Stage::new().await;
    stage.direct.commit(&create("it"), NOW).await.unwrap();
    for fault in
        [Fault::Answers(500, "InternalServerError"), Fault::HangsUp, Fault::AnswerLost, Fault::Garbage]
    {
        stage.proxy.add(repeat_n(fault.clone(), 3));
        assert_eq!(body(&stage.table).await.as_deref(), Some("it"), "{fault:?}");
        stage.proxy.add(repeat_n(fault.clone(), 3));
        assert_eq!(stage.table.query(&Query::prefix("p", "", 9), NOW).await.unwrap().items.len(), 1);
        stage.proxy.add(repeat_n(fault.clone(), 4));
        assert!(matches!(stage.table.get(&[key()], NOW).await, Err(StoreError::Unavailable(_))), "{fault:?}");
    }
}

/// Returns the table's error text if each request fails with `fault`.
async fn complaint(stage: &Stage, fault: Fault) -> String {
    stage.proxy.add(repeat_n(fault, 4));
    let answer = stage.table.get(&[key()], NOW).await;
    stage.proxy.clear();
    match answer {
        Err(StoreError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_can_fix_says_how() {
    let stage = Stage::new().await;
    for (code, fix) in [
        ("ResourceNotFoundException", "LATCHKEY_TABLE"),
        ("AccessDeniedException", "role"),
        ("UnrecognizedClientException", "AWS_ACCESS_KEY_ID"),
        ("InvalidSignatureException", "clock"),
        ("ExpiredTokenException", "renew"),
    ] {
        let why = complaint(&stage, Fault::Answers(400, code)).await;
        assert!(why.contains(code) && why.contains(fix) && why.contains(TABLE), "{why}");
        assert_eq!(stage.proxy.operations().len(), 1, "{code} does not pass by itself");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_there_is_unavailable() {
    let emulator = emulator().await;
    let table = DynamoTable::new(client(&settings(emulator.endpoint())), "nowhere".to_owned());
    let answers = [
        table.get(&[key()], NOW).await.map(|_| ()),
        table.get(&[key(), Key::new("p", "t")], NOW).await.map(|_| ()),
        match table.query(&Query::prefix("p", "", 9), NOW).await {
            Err(QueryError::Store(error)) => Err(error),
            other => panic!("{other:?}"),
        },
        match table.commit(&create("x"), NOW).await {
            Err(CommitError::Store(error)) => Err(error),
            other => panic!("{other:?}"),
        },
    ];
    for answer in answers {
        assert!(
            matches!(&answer, Err(StoreError::Unavailable(why)) if why.contains("nowhere") && why.contains("LATCHKEY_TABLE")),
            "{answer:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_credentials_are_named_and_read_at_each_use() {
    let emulator = emulator().await;
    let endpoint = emulator.endpoint().to_owned();
    let secret = Arc::new(std::sync::Mutex::new(None::<String>));
    let found = Arc::clone(&secret);
    let settings = DynamoDbSettings::read(move |name| match name {
        "AWS_REGION" => Some("eu-central-1".to_owned()),
        "AWS_ENDPOINT_URL_DYNAMODB" => Some(endpoint.clone()),
        "AWS_ACCESS_KEY_ID" => Some("the-id".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => found.lock().unwrap().clone(),
        _ => None,
    })
    .unwrap();
    let client = client(&settings);
    let table = DynamoTable::new(client.clone(), TABLE.to_owned());
    match table.get(&[key()], NOW).await {
        Err(StoreError::Unavailable(why)) => {
            assert!(why.contains("AWS_SECRET_ACCESS_KEY is missing"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    *secret.lock().unwrap() = Some("the-secret".to_owned());
    latchkey_aws::dynamodb::create_table(&client, TABLE).await.unwrap();
    latchkey_aws::dynamodb::create_table(&client, TABLE).await.unwrap();
    assert_eq!(table.get(&[key()], NOW).await.unwrap(), [None]);
    for shown in [format!("{settings:?}"), format!("{table:?}"), format!("{client:?}")] {
        assert!(!shown.contains("the-secret"), "{shown}");
    }
}

#[test]
fn settings_name_what_is_wrong() {
    let errors = |region: &'static str, endpoint: &'static str| {
        let read = DynamoDbSettings::read(move |name| match name {
            "AWS_REGION" => Some(region.to_owned()),
            "AWS_ENDPOINT_URL" => Some(endpoint.to_owned()),
            _ => None,
        });
        read.map_err(|errors| errors.iter().map(|error| error.variable).collect::<Vec<_>>()).err()
    };
    assert_eq!(errors("eu-central-1", ""), None);
    assert_eq!(errors("eu-central-1", "http://127.0.0.1:8000"), None);
    assert_eq!(errors(" ", ""), Some(vec!["AWS_REGION"]));
    assert_eq!(errors("", "127.0.0.1:8000"), Some(vec!["AWS_REGION", "AWS_ENDPOINT_URL_DYNAMODB"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_takes_longer_than_its_deadline() {
    let stage = Stage::new().await;
    let table = stage.table.clone().within(Duration::from_millis(50));
    stage.proxy.add(repeat_n(Fault::Silent, 4));
    assert!(
        matches!(table.get(&[key()], NOW).await, Err(StoreError::Unavailable(why)) if why.contains("50ms"))
    );
    assert!(is_unavailable(&table.commit(&create("x"), NOW).await));
    let query = table.query(&Query::prefix("p", "", 9), NOW).await;
    assert!(matches!(query, Err(QueryError::Store(StoreError::Unavailable(_)))), "{query:?}");
}
