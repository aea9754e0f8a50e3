//! What every [`Mailer`] must do, seen by who receives.

#![expect(clippy::expect_used, reason = "a rule fails by panicking")]

use std::sync::Arc;

use async_trait::async_trait;
use latchkey_core::Email;
use latchkey_core::port::{Mailer, MailerError, Message};

/// Makes a `#[tokio::test]` of each rule. Takes an expression that gives a future of an
/// `(Arc<dyn Mailer>, Box<dyn Inbox>)`, the inbox empty; the crate that calls it needs `latchkey-core`, and `tokio` with
/// `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! mailer_conformance {
    ($new:expr) => {
        $crate::mailer_conformance!(
            @rules $new;
            a_message_arrives_whole
            html_arrives_beside_the_text
            every_language_arrives
            long_lines_arrive_uncut
            what_means_something_to_mail_arrives_as_text
            messages_keep_their_order
            parallel_messages_all_arrive
            a_subject_with_a_line_break_is_refused
        );
    };
    (@rules $new:expr; $($rule:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $rule() {
                let (mailer, inbox): (
                    std::sync::Arc<dyn ::latchkey_core::port::Mailer>,
                    Box<dyn $crate::conformance::mailer::Inbox>,
                ) = $new.await;
                $crate::conformance::mailer::$rule(&mailer, &*inbox).await;
            }
        )*
    };
}

/// Where the messages of the mailer under test arrive.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// All that has arrived, oldest first, with `\n` for line breaks.
    async fn messages(&self) -> Vec<Message>;
}

fn message(to: &str, subject: &str, text: &str) -> Message {
    let to: Email = to.parse().expect("the address is valid");
    Message { to, subject: subject.to_owned(), text: text.to_owned(), html: None }
}

async fn send(mailer: &Arc<dyn Mailer>, message: &Message) {
    mailer.send(message).await.expect("the mailer takes it");
}

/// Line breaks at the end of a body do not count: a mail always ends with one.
fn assert_same(arrived: &Message, sent: &Message) {
    let body = |text: &str| text.trim_end_matches('\n').to_owned();
    assert_eq!(arrived.to.as_str(), sent.to.as_str());
    assert_eq!(arrived.subject, sent.subject);
    assert_eq!(body(&arrived.text), body(&sent.text));
    assert_eq!(arrived.html.as_deref().map(body), sent.html.as_deref().map(body));
}

/// Sends `message` and compares what arrives with it.
async fn arrives(mailer: &Arc<dyn Mailer>, inbox: &dyn Inbox, message: Message) {
    send(mailer, &message).await;
    assert_same(inbox.messages().await.last().expect("one arrived"), &message);
}

/// Recipient, subject and text are those that were sent, and there is no HTML that nobody sent.
pub async fn a_message_arrives_whole(mailer: &Arc<dyn Mailer>, inbox: &dyn Inbox) {
    let text =
        "Hello Ada,\n\nopen this link:\nhttps://auth.example.com/reset#token=a_b-c=&x=1%20\n\nLatchkey\n";
    let sent = message("ada@example.com", "Reset your password", text);
    send(mailer, &sent).await;
    let arrived = inbox.messages().await;
    assert_eq!(arrived.len(), 1);
    assert_same(arrived.first().expect("one arrived"), &sent);
}

/// Both forms arrive, each as itself.
pub async fn html_arrives_beside_the_text(mailer: &Arc<dyn Mailer>, inbox: &dyn Inbox) {
    let html =
        "<!doctype html>\n<p>Open <a href=\"https://auth.example.com/?a=1&amp;b=2\">this link</a> — ✓</p>";
    let mut both = message("ada@example.com", "Hello", "Open this link: https://auth.example.com/?a=1&b=2");
    both.html = Some(html.to_owned());
    arrives(mailer, inbox, both).await;
}

/// Subjects and texts in any script, subjects longer than a header line too.
pub async fn every_language_arrives(mailer: &Arc<dyn Mailer>, inbox: &dyn Inbox) {
    for text in ["Grüße aus Köln", "パスワードを再設定する", "إعادة تعيين", "🔑🗝 key"]
    {
        arrives(mailer, inbox, message("ada@example.com", text, &format!("{text}\n{text}"))).await;
        arrives(mailer, inbox, message("ada@example.com", &[text; 20].join(" "), text)).await;
    }
}

/// A link longer than a line of mail may be.
pub async fn long_lines_arrive_uncut(mailer: &Arc<dyn Mailer>, inbox: &dyn Inbox) {
    for size in [900, 998, 999, 2000] {
        let link = format!("https://auth.example.com/{}", "x".repeat(size - 25));
        let mut long = message("ada@example.com", "Long", &format!("before\n{link}\nafter"));
        arrives(mailer, inbox, long.clone()).await;
        long.html = Some(format!("<a href=\"{link}\">✓</a>"));
        arrives(mailer, inbox, long).await;
    }
}

/// Separators, escapes and headers in a text are nothing but text.
pub async fn what_means_something_to_mail_arrives_as_text(mailer: &Arc<dyn Mailer>, inbox: &dyn Inbox) {
    for text in [
        ".\n..\n.hidden",
        "From here on\nFrom: eve@example.com\nBcc: eve@example.com\n\ntext",
        "--\n--boundary\n--boundary--\nContent-Type: text/html\n\n<p>no</p>",
        "=3D =E2=82=AC =\nnext",
        "trailing space \nand tab\t\nend",
        "a\tb",
    ] {
        let mut odd = message("ada@example.com", "Odd: <b>\"quoted\"</b>; a=b, (c) @", text);
        arrives(mailer, inbox, odd.clone()).await;
        odd.html = Some(format!("<pre>{text}</pre>"));
        arrives(mailer, inbox, odd).await;
    }
}

/// Messages sent one after the other arrive so, each to its own recipient.
pub async fn messages_keep_their_order(mailer: &Arc<dyn Mailer>, inbox: &dyn Inbox) {
    let sent: Vec<Message> = (0..20)
        .map(|number| {
            message(&format!("user{}@example.com", number % 3), &format!("Message {number}"), "text")
        })
        .collect();
    for message in &sent {
        send(mailer, message).await;
    }
    let arrived = inbox.messages().await;
    assert_eq!(arrived.len(), sent.len());
    arrived.iter().zip(&sent).for_each(|(arrived, sent)| assert_same(arrived, sent));
}

/// None of many messages sent at once replaces another.
pub async fn parallel_messages_all_arrive(mailer: &Arc<dyn Mailer>, inbox: &dyn Inbox) {
    let senders: Vec<_> = (0..50)
        .map(|number| {
            let (mailer, subject) = (Arc::clone(mailer), format!("Message {number:02}"));
            tokio::spawn(async move { mailer.send(&message("ada@example.com", &subject, &subject)).await })
        })
        .collect();
    for sender in senders {
        sender.await.expect("no sender panics").expect("the mailer takes it");
    }
    let mut subjects: Vec<_> = inbox.messages().await.into_iter().map(|message| message.subject).collect();
    subjects.sort_unstable();
    assert_eq!(subjects, (0..50).map(|number| format!("Message {number:02}")).collect::<Vec<_>>());
}

/// A subject cannot bring a header of its own: it is refused, and nothing goes out.
pub async fn a_subject_with_a_line_break_is_refused(mailer: &Arc<dyn Mailer>, inbox: &dyn Inbox) {
    for subject in
        ["Hello\r\nBcc: eve@example.com", "Hello\nworld", "Hello\rworld", "Hello\n", "\r\n\r\nbody"]
    {
        let answer = mailer.send(&message("ada@example.com", subject, "text")).await;
        assert!(matches!(answer, Err(MailerError::Refused(_))), "{subject:?} gave {answer:?}");
    }
    assert!(inbox.messages().await.is_empty());
}
