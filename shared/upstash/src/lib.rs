//! [`Counters`](latchkey_core::port::Counters) and [`Cache`](latchkey_core::port::Cache) over Upstash's REST protocol.
