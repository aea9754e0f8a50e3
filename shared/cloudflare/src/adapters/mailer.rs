use async_trait::async_trait;
use latchkey_core::port::{Mailer, MailerError, Message};

/// Mailer that sends nothing and returns an error.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMailer;

#[async_trait]
impl Mailer for NoMailer {
    async fn send(&self, _: &Message) -> Result<(), MailerError> {
        Err(MailerError::Unavailable("no mail service is configured".to_owned()))
    }
}
