use std::collections::BTreeSet;

use super::RoleName;
use crate::model::UserId;
use crate::model::store::{Item, Key, StoreError};

/// A user, and the item of the store that lists their roles.
#[derive(Clone, Copy)]
pub struct Holder {
    /// Identifier of the user.
    pub id: UserId,
    /// Key of the item.
    pub key: fn(UserId) -> Key,
    /// Function that reads the roles from the item. It returns none for a user who may no longer act.
    pub roles: fn(&Item) -> Result<BTreeSet<RoleName>, StoreError>,
}
