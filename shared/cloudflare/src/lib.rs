//! Latchkey on Cloudflare Workers.
