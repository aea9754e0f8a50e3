/// A step of the schema. Steps are only ever added, because databases in use already have the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Name of its file, by which D1 records it.
    pub name: &'static str,
    /// SQL statements.
    pub sql: &'static str,
}

/// Steps that create the schema, in order.
pub const MIGRATIONS: &[Migration] =
    &[Migration { name: "0001_items.sql", sql: include_str!("../migrations/0001_items.sql") }];
