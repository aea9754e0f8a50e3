//! Adapters, checked by the conformance suites of their ports.

mod clock {
    use std::sync::Arc;

    use latchkey_native::SystemClock;

    latchkey_testkit::clock_conformance!(Arc::new(SystemClock));
}

mod entropy {
    use std::sync::Arc;

    use latchkey_native::SystemEntropy;

    latchkey_testkit::entropy_conformance!(Arc::new(SystemEntropy));
}

mod fetch {
    use std::sync::Arc;

    use latchkey_native::HttpFetch;

    latchkey_testkit::fetch_conformance!(async { Arc::new(HttpFetch::new()) });
}
