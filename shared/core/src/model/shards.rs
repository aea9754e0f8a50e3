//! Partitions of long lists.

/// Number of partitions of a sharded list. It is part of the stored format; docs/storage.md states the load that it carries.
pub const SHARDS: u8 = 8;

/// Returns the partition of the item `id` in the list `list`, such as `users#5`. The last byte of an identifier is random, so
/// the items spread evenly.
pub(crate) fn partition(list: &str, id: &[u8; 16]) -> String {
    let [.., last] = id;
    shard(list, last % SHARDS)
}

/// Returns all partitions of the list.
pub(crate) fn partitions(list: &str) -> impl Iterator<Item = String> + '_ {
    (0..SHARDS).map(move |number| shard(list, number))
}

fn shard(list: &str, number: u8) -> String {
    format!("{list}#{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shard_is_a_partition_and_the_last_byte_chooses() {
        let named: Vec<String> = partitions("users").collect();
        assert_eq!(named.len(), usize::from(SHARDS));
        for last in 0..=u8::MAX {
            let mut id = [7; 16];
            id[15] = last;
            assert_eq!(partition("users", &id), named[usize::from(last % SHARDS)]);
        }
    }
}
