use askama::Template;
use askama::filters::HtmlSafe;

/// A short text from a description: plain words, with code between backticks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Template)]
#[template(
    ext = "html",
    source = "{% for span in spans %}{% match span %}{% when Span::Words with (words) %}{{ words }}\
              {% when Span::Code with (code) %}<code>{{ code }}</code>{% endmatch %}{% endfor %}"
)]
pub(super) struct Text {
    spans: Vec<Span>,
}

/// It renders as HTML, with all texts escaped.
impl HtmlSafe for Text {}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Span {
    Words(String),
    Code(String),
}

impl Text {
    /// Parses one paragraph. An unpaired backtick stays a backtick.
    pub(super) fn new(source: &str) -> Self {
        let mut spans = Vec::new();
        let mut rest = source.trim();
        while let Some((before, (code, after))) =
            rest.split_once('`').and_then(|(before, after)| Some((before, after.split_once('`')?)))
        {
            spans.push(Span::Words(before.to_owned()));
            spans.push(Span::Code(code.to_owned()));
            rest = after;
        }
        spans.push(Span::Words(rest.to_owned()));
        spans.retain(|span| *span != Span::Words(String::new()));
        Self { spans }
    }

    /// Parses paragraphs, which blank lines separate.
    pub(super) fn paragraphs(source: &str) -> Vec<Self> {
        source.split("\n\n").map(Self::new).filter(|text| !text.is_empty()).collect()
    }

    /// Returns true if the text is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_make_code() {
        let text = Text::new("`email_taken`: the address has an account; see `Retry-After`");
        assert_eq!(
            text.to_string(),
            "<code>email_taken</code>: the address has an account; see <code>Retry-After</code>"
        );
    }

    #[test]
    fn a_lone_backtick_stays() {
        assert_eq!(Text::new("one ` here").to_string(), "one ` here");
        assert_eq!(Text::new("`a` and `b").to_string(), "<code>a</code> and `b");
    }

    #[test]
    fn markup_is_text_in_words_and_in_code() {
        let html = Text::new("<script>alert(1)</script> & `<b>\"x\"</b>`").to_string();
        assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
        assert!(html.contains("&#60;script&#62;") && html.contains("<code>&#60;b&#62;"), "{html}");
    }

    #[test]
    fn blank_lines_part_paragraphs() {
        let texts = Text::paragraphs("One\nline.\n\nTwo.\n\n");
        assert_eq!(texts, [Text::new("One\nline."), Text::new("Two.")]);
        assert!(Text::paragraphs("").is_empty());
    }
}
