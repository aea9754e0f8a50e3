//! Conformance tests of the in-process adapters.

mod counters {
    use std::sync::Arc;

    use latchkey_core::adapter::InProcessCounters;

    latchkey_testkit::counters_conformance!(async { Arc::new(InProcessCounters::default()) });
}

mod cache {
    use std::sync::Arc;

    use latchkey_core::adapter::InProcessCache;

    latchkey_testkit::cache_conformance!(async { Arc::new(InProcessCache::default()) });
}

mod authentic_cache {
    use latchkey_testkit::{OpenStore, authentic};

    latchkey_testkit::cache_conformance!(async { authentic(OpenStore::default()) });
}

mod cache_store {
    use std::sync::Arc;

    use latchkey_testkit::OpenStore;

    latchkey_testkit::cache_store_conformance!(async { Arc::new(OpenStore::default()) });
}
