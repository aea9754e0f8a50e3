//! rusqlite 0.41, under the name and version that dynoxide asks for.
//!
//! A build links SQLite once. dynoxide asks for rusqlite 0.36 and with it SQLite 3.49.2, which can corrupt a database in WAL mode
//! that several connections write (fixed in 3.51.3); the store of the local server must not stand on that.

pub use current::*;
