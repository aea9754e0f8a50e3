use std::sync::Arc;

use latchkey_core::port::Table;
use latchkey_core::port::table::{Key, List, Query};

use super::{NOW, create, partition, read, walk};

/// Texts that a collation, a pattern, a normal form, a trim, a number, a C string or UTF-16 order takes for another one.
const TRICKY: [&str; 32] = [
    "a",
    "A",
    "ä",
    "a\u{308}",
    "Ä",
    "ß",
    "ss",
    "i",
    "I",
    "ı",
    "İ",
    "a ",
    " a",
    "a\0",
    "a\0b",
    "a'b",
    "a\"b",
    "a;--",
    "a%",
    "a_",
    "a\\",
    "ab",
    "1",
    "01",
    "1.0",
    "1e0",
    "\u{FF61}",
    "\u{10000}",
    "\u{200B}a",
    "#",
    "/",
    "\n",
];

/// Keys that differ in any byte are different items, and lists are in the order of the bytes.
pub async fn keys_are_compared_byte_by_byte(table: Arc<dyn Table>) {
    let (table, partition) = (&*table, partition());
    let writes: Vec<_> = TRICKY.iter().map(|sort| create(&Key::new(&partition, *sort), sort)).collect();
    table.commit(&writes, NOW).await.unwrap();
    for sort in TRICKY {
        let item = read(table, &Key::new(&partition, sort), NOW).await.unwrap();
        assert_eq!((item.key.sort.as_str(), item.decode::<String>().unwrap().as_str()), (sort, sort));
    }
    let mut expected: Vec<Key> = writes.iter().map(|write| write.key().clone()).collect();
    expected.sort_by(|a, b| a.sort.as_bytes().cmp(b.sort.as_bytes()));
    for limit in [3, 100] {
        let query = Query::all(List::Partition(partition.clone()), limit);
        assert_eq!(walk(table, &query, NOW).await, expected);
    }
}

/// The same for partitions.
pub async fn partitions_are_compared_byte_by_byte(table: Arc<dyn Table>) {
    let (table, partition) = (&*table, partition());
    let key = |tricky: &str| Key::new(format!("{partition}{tricky}"), "s");
    let writes: Vec<_> = TRICKY.iter().map(|tricky| create(&key(tricky), tricky)).collect();
    table.commit(&writes, NOW).await.unwrap();
    for tricky in TRICKY {
        assert_eq!(read(table, &key(tricky), NOW).await.unwrap().decode::<String>().unwrap(), tricky);
        let list = List::Partition(key(tricky).partition);
        assert_eq!(walk(table, &Query::all(list, 9), NOW).await, [key(tricky)], "{tricky:?}");
    }
}

/// A prefix is compared as it stands, whatever it would mean in a pattern.
pub async fn a_prefix_is_no_pattern(table: Arc<dyn Table>) {
    let (table, partition) = (&*table, partition());
    let sorts = ["%", "%x", "_", "_x", "x", "xx", "*", "?", "[a]", "a", "A", "Ax", "ä", "\\%"];
    let writes: Vec<_> = sorts.iter().map(|sort| create(&Key::new(&partition, *sort), sort)).collect();
    table.commit(&writes, NOW).await.unwrap();
    for prefix in ["%", "_", "x", "*", "?", "[a", "a", "A", "\\", "' OR '1'='1"] {
        let mut expected: Vec<&str> = sorts.into_iter().filter(|sort| sort.starts_with(prefix)).collect();
        expected.sort_unstable();
        let found = walk(table, &Query::prefix(&partition, prefix, 2), NOW).await;
        assert_eq!(found.iter().map(|key| key.sort.as_str()).collect::<Vec<_>>(), expected, "{prefix:?}");
    }
}
