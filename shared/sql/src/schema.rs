/// One step of the schema. Steps are only ever added, as databases in use have the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// The name of its file, which is the name that D1 remembers it by.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

/// The steps that make the schema, in order.
pub const MIGRATIONS: &[Migration] =
    &[Migration { name: "0001_items.sql", sql: include_str!("../migrations/0001_items.sql") }];
