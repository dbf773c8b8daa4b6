//! A place in a text of the user's, for messages that show the line.

use super::Text;
use std::ops::Range;

/// Where a span of a text begins, and its line with a mark below the span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The line and the mark, escaped: two lines, each indented by a blank.
    pub shown: String,
}

impl Excerpt {
    /// Of the bytes `span` of `text`. Spans that no longer fit are moved to where they do.
    pub fn new(text: &str, span: Range<usize>) -> Self {
        let start = floor_boundary(text, span.start);
        let end = floor_boundary(text, span.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let line = text[..start].matches('\n').count() + 1;
        let before = Text::from(text[line_start..start].trim_end_matches('\r'));
        let marked = Text::from(text[start..end.min(line_end)].trim_end_matches('\r'));
        let whole = Text::from(text[line_start..line_end].trim_end_matches('\r'));
        let (number, margin) = (line.to_string(), " ".repeat(line.to_string().len()));
        let marks = "^".repeat(marked.chars().count().max(1));
        let indent = " ".repeat(before.chars().count());
        Self {
            line,
            column: text[line_start..start].chars().count() + 1,
            shown: format!(" {number} | {whole}\n {margin} | {indent}{marks}"),
        }
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
