use std::path::Path;

/// Each page of a decision: its file, title and date, and the number of the one that replaced it.
fn pages() -> Vec<(String, String, String, Option<String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/decisions");
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder of decisions")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .filter(|name| name.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    names.sort();
    names
        .into_iter()
        .map(|name| {
            let text = std::fs::read_to_string(folder.join(&name)).expect("a page");
            let mut lines = text.lines();
            let title = lines.next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default().to_owned();
            let second = lines.nth(1).unwrap_or_default();
            let date = second.get(..10).unwrap_or_default().to_owned();
            let replaced = second.split("Replaced by ").nth(1).and_then(|rest| rest.split('(').nth(1));
            (name, title, date, replaced.map(|link| link.chars().take(4).collect()))
        })
        .collect()
}

#[test]
fn the_index_has_every_decision_with_its_date_and_status() {
    let index = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/decisions/README.md");
    let index = std::fs::read_to_string(index).expect("the index");
    let number = |name: &str| name.get(..4).and_then(|text| text.parse::<u32>().ok()).unwrap_or_default();
    let rows: Vec<_> = pages()
        .iter()
        .map(|(name, title, date, replaced)| {
            let is_date = date.len() == 10 && date.chars().all(|c| c.is_ascii_digit() || c == '-');
            assert!(is_date, "{name}: its third line begins with the date");
            let status = replaced
                .as_ref()
                .map_or_else(|| "holds".to_owned(), |by| format!("replaced by {}", number(by)));
            format!("| {} | [{title}]({name}) | {date} | {status} |", number(name))
        })
        .collect();
    let listed: Vec<_> = index.lines().filter(|line| line.starts_with("| ") && line.contains("](")).collect();
    assert_eq!(listed, rows, "docs/decisions/README.md");
}
