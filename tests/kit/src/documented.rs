#![expect(clippy::expect_used, reason = "a test that cannot set itself up fails by a panic")]

use std::path::Path;

/// Asserts that a table of a page has exactly these rows, so that the page states the budget that the test measures. `page` is a
/// path below docs/, and `head` the first cell of the table's head.
///
/// # Panics
///
/// When the page has other rows, telling those that it should have.
#[track_caller]
pub fn assert_documented(page: &str, head: &str, rows: &[String]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
    let text = std::fs::read_to_string(&path).expect("the page can be read");
    let documented = table(&text, head).expect("the page has the table");
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    assert!(
        documented == rows,
        "docs/{page} should have these rows in the table \"{head}\":\n\n{}\n\nand it has:\n\n{}\n",
        rows.join("\n"),
        documented.join("\n")
    );
}

/// The rows of the table whose head begins with this cell.
fn table<'a>(page: &'a str, head: &str) -> Option<Vec<&'a str>> {
    let mut lines = page.lines().skip_while(|line| !line.starts_with(&format!("| {head} |")));
    let (_head, _rule) = (lines.next()?, lines.next()?);
    Some(lines.take_while(|line| line.starts_with('|')).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_found_by_the_first_cell_of_its_head() {
        let page = "Text.\n\n| one | x |\n|---|---|\n| a | 1 |\n\n| one more | x |\n|---|---|\n| b | 2 |\n| c | 3 |\nText.";
        assert_eq!(table(page, "one"), Some(vec!["| a | 1 |"]));
        assert_eq!(table(page, "one more"), Some(vec!["| b | 2 |", "| c | 3 |"]));
        assert_eq!(table(page, "two"), None);
    }
}
