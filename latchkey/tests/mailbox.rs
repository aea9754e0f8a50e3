//! The dev mailbox as files in a folder.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use latchkey::adapters::Mailbox;
use latchkey::adapters::mailbox::{self, MailboxError};
use latchkey_core::Timestamp;
use latchkey_core::port::{Clock, Mailer, MailerError, Message};
use latchkey_native::SystemEntropy;

struct SetClock(AtomicI64);

impl SetClock {
    fn set(&self, rfc3339: &str) {
        self.0.store(Timestamp::parse_rfc3339(rfc3339).unwrap().as_millis(), Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

fn open(data: &Path) -> (Mailbox, Arc<SetClock>) {
    let clock = Arc::new(SetClock(AtomicI64::new(0)));
    clock.set("2026-01-31T12:00:00Z");
    let entropy = Arc::new(SystemEntropy);
    (Mailbox::open(data, mailbox::DEFAULT_FROM, Arc::clone(&clock) as _, entropy).unwrap(), clock)
}

fn message(to: &str, subject: &str) -> Message {
    let text = "Open this link: https://auth.example.com/verify#token=a=b".to_owned();
    Message { to: to.parse().unwrap(), subject: subject.to_owned(), text, html: None }
}

fn files(data: &Path) -> Vec<PathBuf> {
    fs::read_dir(data.join("mailbox")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn subjects(messages: Vec<Message>) -> Vec<String> {
    messages.into_iter().map(|message| message.subject).collect()
}

#[tokio::test]
async fn a_message_is_one_readable_file_that_only_its_owner_can_open() {
    let data = tempfile::tempdir().unwrap();
    let (mailbox, _) = open(data.path());
    let mut both = message("ada@example.com", "Grüße");
    both.html = Some("<a href=\"https://auth.example.com/verify#token=a=b\">✓</a>".to_owned());
    mailbox.send(&both).await.unwrap();

    let [file] = files(data.path()).try_into().unwrap();
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(name.starts_with("20260131T120000.000Z-000000-"), "{name}");
    assert_eq!(file.extension().unwrap(), "eml");
    let content = fs::read_to_string(&file).unwrap();
    for line in [
        "From: Latchkey <latchkey@localhost>",
        "To: ada@example.com",
        "Date: Sat, 31 Jan 2026 12:00:00 +0000",
        "Open this link: https://auth.example.com/verify#token=a=b",
        "<a href=\"https://auth.example.com/verify#token=a=b\">✓</a>",
    ] {
        assert!(content.contains(&format!("{line}\r\n")), "{line} is not in {content}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    }
}

#[tokio::test]
async fn messages_are_read_newest_first_also_within_one_millisecond() {
    let data = tempfile::tempdir().unwrap();
    let (mailbox, clock) = open(data.path());
    for subject in ["1", "2", "3"] {
        mailbox.send(&message("ada@example.com", subject)).await.unwrap();
    }
    clock.set("2026-01-31T12:00:00.001Z");
    mailbox.send(&message("eve@example.com", "4")).await.unwrap();
    clock.set("2026-01-31T11:59:59.999Z");
    mailbox.send(&message("ada@example.com", "0")).await.unwrap();

    assert_eq!(subjects(mailbox.messages().unwrap()), ["4", "3", "2", "1", "0"]);
    assert_eq!(subjects(mailbox::read(data.path()).unwrap()), ["4", "3", "2", "1", "0"]);
    let latest = |to: &str| mailbox.latest(&to.parse().unwrap()).unwrap().map(|message| message.subject);
    assert_eq!(latest("ada@example.com").as_deref(), Some("3"));
    assert_eq!(latest("eve@example.com").as_deref(), Some("4"));
    assert_eq!(latest("bob@example.com"), None);
}

#[tokio::test]
async fn a_mailbox_that_is_opened_again_keeps_its_messages() {
    let data = tempfile::tempdir().unwrap();
    for subject in ["before", "after"] {
        let (mailbox, _) = open(data.path());
        mailbox.send(&message("ada@example.com", subject)).await.unwrap();
    }
    let mut kept = subjects(mailbox::read(data.path()).unwrap());
    kept.sort_unstable();
    assert_eq!(kept, ["after", "before"]);
}

#[tokio::test]
async fn a_folder_that_is_gone_is_an_error_that_names_it() {
    let data = tempfile::tempdir().unwrap();
    let (mailbox, _) = open(data.path());
    fs::remove_dir(data.path().join("mailbox")).unwrap();
    let folder = data.path().join("mailbox").display().to_string();
    let error = mailbox.send(&message("ada@example.com", "Hello")).await.unwrap_err();
    assert!(matches!(&error, MailerError::Unavailable(why) if why.contains(&folder)), "{error}");
    let error = mailbox.messages().unwrap_err();
    assert!(
        matches!(&error, MailboxError::Folder { path, .. } if *path == data.path().join("mailbox")),
        "{error}"
    );
}

#[test]
fn a_file_in_the_place_of_the_folder_is_an_error_that_names_it() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("mailbox"), "").unwrap();
    let clock = Arc::new(SetClock(AtomicI64::new(0)));
    let opened = Mailbox::open(data.path(), mailbox::DEFAULT_FROM, clock, Arc::new(SystemEntropy));
    let error = opened.err().unwrap().to_string();
    assert!(error.contains(&data.path().join("mailbox").display().to_string()), "{error}");
}

#[test]
fn a_sender_that_is_no_address_is_an_error_that_names_the_variable() {
    let data = tempfile::tempdir().unwrap();
    for from in ["", "Latchkey", "a@example.com\r\nBcc: eve@example.com", "a@example.com, b@example.com"] {
        let clock = Arc::new(SetClock(AtomicI64::new(0)));
        let opened = Mailbox::open(data.path(), from, clock, Arc::new(SystemEntropy));
        assert!(opened.err().unwrap().to_string().contains("MAIL_FROM"), "{from:?}");
    }
}

#[tokio::test]
async fn half_a_file_is_not_read_and_a_foreign_one_is_named() {
    let data = tempfile::tempdir().unwrap();
    let (mailbox, _) = open(data.path());
    mailbox.send(&message("ada@example.com", "Hello")).await.unwrap();
    fs::write(data.path().join("mailbox/20990101T000000.000Z-000000-0.partial"), "To: a").unwrap();
    assert_eq!(subjects(mailbox.messages().unwrap()), ["Hello"]);
    fs::write(data.path().join("mailbox/notes.eml"), "remember the milk").unwrap();
    let error = mailbox.messages().unwrap_err();
    assert!(matches!(&error, MailboxError::Foreign { path, .. } if path.ends_with("notes.eml")), "{error}");
}
