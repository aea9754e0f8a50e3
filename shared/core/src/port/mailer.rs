use async_trait::async_trait;

use crate::Email;

/// E-mail message to one person.
#[derive(Clone)]
pub struct Message {
    /// Address of the recipient.
    pub to: Email,
    /// Subject: one line. A line break is refused.
    pub subject: String,
    /// Plain text. It may hold a link or a code that signs its reader in.
    pub text: String,
    /// The same text as HTML, if any.
    pub html: Option<String>,
}

impl std::fmt::Debug for Message {
    // The body holds single-use secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Reason that a message was not sent.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MailerError {
    /// The mail service could not be reached, or asked to try later.
    #[error("the mail service is unavailable: {0}")]
    Unavailable(String),
    /// The mail service, or this adapter, will never accept this message.
    #[error("the message was refused: {0}")]
    Refused(String),
}

/// Sender of e-mail messages. `Ok` means that the mail service accepted the message, not that it arrived.
///
/// # Example
///
/// A mailer that writes each message to a channel:
///
/// ```
/// use std::sync::mpsc::{Sender, channel};
///
/// use async_trait::async_trait;
/// use latchkey_core::port::{Mailer, MailerError, Message};
///
/// struct ChannelMailer(Sender<Message>);
///
/// #[async_trait]
/// impl Mailer for ChannelMailer {
///     async fn send(&self, message: &Message) -> Result<(), MailerError> {
///         if message.subject.contains(['\r', '\n']) {
///             return Err(MailerError::Refused("the subject has a line break".to_owned()));
///         }
///         self.0.send(message.clone()).map_err(|error| MailerError::Unavailable(error.to_string()))
///     }
/// }
///
/// let (sender, sent) = channel();
/// let message = Message {
///     to: "user@example.com".parse().unwrap(),
///     subject: "Your sign-in code".to_owned(),
///     text: "123 456".to_owned(),
///     html: None,
/// };
/// pollster::block_on(ChannelMailer(sender).send(&message)).unwrap();
/// assert_eq!(sent.recv().unwrap().text, "123 456");
/// ```
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends `message`. A subject with a line break gives [`MailerError::Refused`].
    async fn send(&self, message: &Message) -> Result<(), MailerError>;
}
