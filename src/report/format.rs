//! The formats that something is written in: a row of a table each, from which `--format`, `--report`, the help and the
//! completions follow.

use super::text::Style;

/// A format: its name, what `--help` says of it, and what renders it.
#[derive(Clone, Copy, Debug)]
pub struct Format<F> {
    /// What is typed.
    pub name: &'static str,
    /// For whom it is, in a line.
    pub help: &'static str,
    /// The renderer. A text is as wide and coloured as the style says; others do not look at it.
    pub render: F,
}

/// What a renderer gives. It fails where a value cannot be JSON.
pub type Rendered = serde_json::Result<String>;

/// A renderer of a value.
pub type Render<T> = fn(&T, Style<'_>) -> Rendered;
