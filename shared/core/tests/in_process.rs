//! The adapters in process against the suites of their ports.

#[path = "../../testkit/src/conformance"]
mod conformance {
    pub mod cache;
    pub mod counters;
}

mod counters {
    use std::sync::Arc;

    use latchkey_core::port::in_process::InProcessCounters;

    crate::counters_conformance!(async { Arc::new(InProcessCounters::default()) });
}

mod cache {
    use std::sync::Arc;

    use latchkey_core::port::in_process::InProcessCache;

    crate::cache_conformance!(async { Arc::new(InProcessCache::default()) });
}
