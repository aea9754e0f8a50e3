use std::collections::BTreeSet;

use super::RoleName;
use crate::model::UserId;
use crate::model::store::{Item, Key, StoreError};

/// A user, and where the store says which roles they hold.
#[derive(Clone, Copy)]
pub struct Holder {
    /// Who.
    pub id: UserId,
    /// Their item.
    pub key: fn(UserId) -> Key,
    /// The roles that the item names; none for somebody who may not act any more.
    pub roles: fn(&Item) -> Result<BTreeSet<RoleName>, StoreError>,
}
