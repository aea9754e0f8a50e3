//! Generated parts of hand-written files: between a comment with `begin: NAME.` and one with `end: NAME`,
//! each on its own line; in Markdown also within a line.

/// Returns `text` with `new` between the comments of `part`, or `None` if they are missing.
pub(crate) fn replace(text: &str, part: &str, new: &str) -> Option<String> {
    let (begin, end) = (format!("begin: {part}."), format!("end: {part}"));
    let (before, rest) = text.split_once(&begin)?;
    let (line, below) = rest.split_once('\n')?;
    if let Some((comment, content)) = line.split_once("-->")
        && let Some((_, after)) = content.split_once("<!-- end: ")
    {
        return Some(format!("{before}{begin}{comment}-->{new}<!-- end: {after}\n{below}"));
    }
    let mut below = below.split_inclusive('\n').skip_while(|line| !is_end(line, &end)).peekable();
    below.peek()?;
    Some(format!("{before}{begin}{line}\n{new}{}", below.collect::<String>()))
}

fn is_end(line: &str, end: &str) -> bool {
    let words = line.trim_matches(|c: char| c.is_whitespace() || "#/<>!-".contains(c));
    words == end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_between_the_comments_are_replaced() {
        let text = "a\n  # begin: x. Generated.\n  old\n  older\n  # end: x\nb\n";
        let expected = "a\n  # begin: x. Generated.\n  new\n  # end: x\nb\n";
        assert_eq!(replace(text, "x", "  new\n").as_deref(), Some(expected));
    }

    #[test]
    fn a_part_is_not_taken_for_one_whose_name_begins_the_same() {
        let text = "# begin: xy. G\n1\n# end: xy\n# begin: x. G\n2\n# end: x\n";
        assert_eq!(
            replace(text, "x", "3\n").as_deref(),
            Some("# begin: xy. G\n1\n# end: xy\n# begin: x. G\n3\n# end: x\n")
        );
    }

    #[test]
    fn markdown_has_parts_within_a_line() {
        let text = "| <!-- begin: cost. G -->$1<!-- end: cost --> a month |\n";
        let expected = "| <!-- begin: cost. G -->$2<!-- end: cost --> a month |\n";
        assert_eq!(replace(text, "cost", "$2").as_deref(), Some(expected));
    }

    #[test]
    fn missing_comments_are_noticed() {
        assert_eq!(replace("a\n# begin: x. G\nb\n", "x", "c\n"), None);
        assert_eq!(replace("a\n", "x", "c\n"), None);
    }
}
