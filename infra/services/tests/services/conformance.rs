//! Conformance suites of the two ports.

mod counters {
    latchkey_testkit::counters_conformance!(crate::upstash::counters());
}

mod cache {
    latchkey_testkit::cache_conformance!(crate::upstash::cache());
}

mod cache_store {
    latchkey_testkit::cache_store_conformance!(crate::upstash::cache_store());
}
