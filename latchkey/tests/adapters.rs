//! Adapters of one machine, checked by the conformance suites of their ports.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod hasher {
    use std::sync::Arc;

    use latchkey::adapters::{PoolSize, PooledHasher};

    latchkey_testkit::hasher_conformance!(async {
        Arc::new(PooledHasher::new(&PoolSize::default()).unwrap())
    });
}

mod mailer {
    use std::sync::Arc;

    use async_trait::async_trait;
    use latchkey::adapters::{Mailbox, mailbox};
    use latchkey_core::port::{Mailer, Message};
    use latchkey_native::{SystemClock, SystemEntropy};
    use tempfile::TempDir;

    use latchkey_testkit::conformance::mailer::Inbox;

    struct Folder(TempDir);

    #[async_trait]
    impl Inbox for Folder {
        async fn messages(&self) -> Vec<Message> {
            let mut messages = mailbox::read(self.0.path()).unwrap();
            messages.reverse();
            messages
        }
    }

    fn empty() -> (Arc<dyn Mailer>, Box<dyn Inbox>) {
        let data = tempfile::tempdir().unwrap();
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
        let mailbox = Mailbox::open(data.path(), mailbox::DEFAULT_FROM, clock, entropy).unwrap();
        (Arc::new(mailbox), Box::new(Folder(data)))
    }

    latchkey_testkit::mailer_conformance!(async { empty() });
}
