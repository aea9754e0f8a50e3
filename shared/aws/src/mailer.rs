use async_trait::async_trait;
use latchkey_core::port::{Mailer, MailerError, Message};

/// Mailer of a deployment without a mail service.
pub(crate) struct NoMailer;

#[async_trait]
impl Mailer for NoMailer {
    async fn send(&self, _: &Message) -> Result<(), MailerError> {
        Err(MailerError::Unavailable("no mail service is configured".to_owned()))
    }
}
