//! The dev mailbox: a folder instead of a mail service, with one file for each message.
//!
//! A file is an RFC 5322 message, which mail programs open and people can read as text. Its name begins with
//! the time of sending, so the folder lists messages in order. Nothing is ever deleted.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use latchkey_core::port::{Clock, Entropy, EntropyError, Mailer, MailerError, Message};
use latchkey_core::{Email, Timestamp};
use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, MultiPart, MultiPartKind, SinglePart};
use mail_parser::{MessageParser, PartType};

/// Sender if none is configured.
pub const DEFAULT_FROM: &str = "Latchkey <latchkey@localhost>";

/// Reason that the dev mailbox cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MailboxError {
    /// The folder cannot be created or listed.
    #[error("the mailbox folder {} cannot be used: {error}; make it a folder that this user can write to", path.display())]
    Folder {
        /// Path of the folder.
        path: PathBuf,
        /// Error of the system.
        error: io::Error,
    },
    /// The sender is not an address.
    #[error("MAIL_FROM is not a sender: {0}; write it as `Name <name@example.com>`")]
    From(String),
    /// A file in the folder is not a message to one address.
    #[error("{} is not a message of this mailbox: {why}; move it elsewhere", path.display())]
    Foreign {
        /// Path of the file.
        path: PathBuf,
        /// Problem of the file.
        why: String,
    },
}

/// Mailer that writes each message to its own file in a folder.
///
/// It is for development and tests: it delivers no message, and a crash of the machine may lose messages.
pub struct Mailbox {
    folder: PathBuf,
    from: lettre::message::Mailbox,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// Number that orders messages of the same millisecond.
    sent: AtomicU64,
}

impl Mailbox {
    /// Opens the mailbox in the folder `mailbox` of the data folder `data`. Creates the folder if it is
    /// missing, readable only by its owner. `from` is the sender, such as [`DEFAULT_FROM`].
    pub fn open(
        data: &Path,
        from: &str,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, MailboxError> {
        let from = from.parse().map_err(|error| MailboxError::From(format!("{error}")))?;
        let folder = folder(data);
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        builder.mode(0o700);
        builder.create(&folder).map_err(|error| MailboxError::Folder { path: folder.clone(), error })?;
        Ok(Self { folder, from, clock, entropy, sent: AtomicU64::new(0) })
    }

    /// Returns the messages, newest first.
    pub fn messages(&self) -> Result<Vec<Message>, MailboxError> {
        read_folder(&self.folder)
    }

    /// Returns the newest message to `to`.
    pub fn latest(&self, to: &Email) -> Result<Option<Message>, MailboxError> {
        Ok(self.messages()?.into_iter().find(|message| message.to == *to))
    }

    /// Returns a unique file name for a message.
    fn name(&self, now: Timestamp) -> Result<String, EntropyError> {
        let time = now.to_string().replace(['-', ':'], "");
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let random = u64::from_be_bytes(self.entropy.bytes()?);
        Ok(format!("{time}-{number:06}-{random:016x}"))
    }

    fn compose(&self, message: &Message, name: &str, now: Timestamp) -> Result<Vec<u8>, MailerError> {
        let refused = |why: &dyn std::fmt::Display| MailerError::Refused(why.to_string());
        let to = message.to.as_str().parse::<lettre::Address>().map_err(|error| refused(&error))?;
        let since_epoch = Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(0));
        let builder = lettre::Message::builder()
            .from(self.from.clone())
            .to(to.into())
            .date(UNIX_EPOCH + since_epoch)
            .message_id(Some(format!("<{name}@latchkey.localhost>")))
            .subject(&message.subject);
        let text = part(ContentType::TEXT_PLAIN, &message.text);
        let composed = match &message.html {
            None => builder.singlepart(text),
            Some(html) => {
                let parts = MultiPart::builder().kind(MultiPartKind::Alternative).boundary(name);
                builder.multipart(parts.singlepart(text).singlepart(part(ContentType::TEXT_HTML, html)))
            }
        };
        Ok(composed.map_err(|error| refused(&error))?.formatted())
    }
}

#[async_trait]
impl Mailer for Mailbox {
    async fn send(&self, message: &Message) -> Result<(), MailerError> {
        if message.subject.contains(['\r', '\n']) {
            return Err(MailerError::Refused("the subject has a line break".to_owned()));
        }
        let unavailable = |why: &dyn std::fmt::Display| MailerError::Unavailable(why.to_string());
        let now = self.clock.now();
        let name = self.name(now).map_err(|error| unavailable(&error))?;
        let content = self.compose(message, &name, now)?;
        let folder = self.folder.clone();
        tokio::task::spawn_blocking(move || store(&folder, &name, &content))
            .await
            .map_err(|error| unavailable(&error))?
            .map_err(|error| {
                MailerError::Unavailable(format!("{} cannot store a message: {error}", self.folder.display()))
            })
    }
}

/// Reads the messages of the mailbox in the data folder `data`, newest first, for readers that did not open
/// the mailbox, such as a test of a running server. It reads files on the calling thread.
pub fn read(data: &Path) -> Result<Vec<Message>, MailboxError> {
    read_folder(&folder(data))
}

fn folder(data: &Path) -> PathBuf {
    data.join("mailbox")
}

/// Returns a part in 8-bit encoding if mail allows it (lines of up to 998 bytes), so that a link can be
/// copied from the file.
fn part(kind: ContentType, content: &str) -> SinglePart {
    let body = Body::new_with_encoding(content.to_owned(), ContentTransferEncoding::EightBit)
        .unwrap_or_else(|_| Body::new(content.to_owned()));
    SinglePart::builder().header(kind).body(body)
}

/// Writes a file that gets its final name only when it is complete, so that no reader sees a part of it.
fn store(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let partial = folder.join(format!("{name}.partial"));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    let mut file = options.open(&partial)?;
    let stored =
        file.write_all(content).and_then(|()| fs::rename(&partial, folder.join(format!("{name}.eml"))));
    if stored.is_err() {
        let _ = fs::remove_file(&partial);
    }
    stored
}

fn read_folder(folder: &Path) -> Result<Vec<Message>, MailboxError> {
    let unusable = |error| MailboxError::Folder { path: folder.to_owned(), error };
    let entries = fs::read_dir(folder).map_err(unusable)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unusable)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "eml"));
    paths.sort_unstable_by(|one, other| other.cmp(one));
    let mut messages = Vec::with_capacity(paths.len());
    for path in paths {
        match fs::read(&path) {
            Ok(content) => {
                messages.push(parse(&content).map_err(|why| MailboxError::Foreign { path, why })?);
            }
            // Another process has deleted the file in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(MailboxError::Folder { path, error }),
        }
    }
    Ok(messages)
}

fn parse(content: &[u8]) -> Result<Message, String> {
    let mail = MessageParser::default().parse(content).ok_or("it has no headers")?;
    let to = mail.to().and_then(|to| to.first()).and_then(|to| to.address()).ok_or("it has no recipient")?;
    let lines = |text: &str| text.replace("\r\n", "\n");
    Ok(Message {
        to: to.parse().map_err(|error| format!("{error}"))?,
        subject: mail.subject().unwrap_or_default().to_owned(),
        text: mail.body_text(0).map(|text| lines(&text)).unwrap_or_default(),
        // If a message has no HTML, the parser returns the text as its first HTML part.
        html: match mail.html_part(0).map(|part| &part.body) {
            Some(PartType::Html(html)) => Some(lines(html)),
            _ => None,
        },
    })
}
