//! HTML by type: text becomes [`Html`] by being escaped, and nothing else becomes it but elements of this program.
//!
//! One file, no request: the policy in its head allows the one style and the one script that stand in it, by their digests,
//! and nothing from anywhere (CSP level 3; W3C). Where neither is allowed (Jenkins shows archived files so), it is read from
//! top to bottom: bars and maps are SVG with attributes of their own.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};
use std::fmt::Display;

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// Markup.
#[derive(Clone, Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Pieces one after the other.
    pub(super) fn of(parts: impl IntoIterator<Item = Self>) -> Self {
        Self(parts.into_iter().map(|part| part.0).collect())
    }
}

impl FromIterator<Html> for Html {
    fn from_iter<I: IntoIterator<Item = Self>>(parts: I) -> Self {
        Self::of(parts)
    }
}

/// Text.
pub(super) fn text(text: impl Display) -> Html {
    Html(escaped(&text.to_string()))
}

/// An element. An attribute without a value stands alone.
pub(super) fn el(
    tag: &'static str,
    attributes: &[(&'static str, &str)],
    inner: impl IntoIterator<Item = Html>,
) -> Html {
    let mut out = start(tag, attributes);
    inner.into_iter().for_each(|part| out.push_str(&part.0));
    out.push_str(&format!("</{tag}>"));
    Html(out)
}

/// An element without content.
pub(super) fn void(tag: &'static str, attributes: &[(&'static str, &str)]) -> Html {
    let mut out = start(tag, attributes);
    out.insert(out.len() - 1, '/');
    Html(out)
}

fn start(tag: &'static str, attributes: &[(&'static str, &str)]) -> String {
    let mut out = format!("<{tag}");
    for (name, value) in attributes {
        out.push_str(&format!(" {name}=\"{}\"", escaped(value)));
    }
    out.push('>');
    out
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A heading and what is below it; nothing where that is empty.
pub(super) fn section(id: &'static str, title: &str, inner: Vec<Html>) -> Html {
    if inner.is_empty() {
        return Html::default();
    }
    let heading = format!("{id}-title");
    let title = el("h2", &[("id", &heading)], [text(title)]);
    el("section", &[("id", id), ("aria-labelledby", &heading)], [title].into_iter().chain(inner))
}

/// A paragraph.
pub(super) fn paragraph(line: impl Display) -> Html {
    el("p", &[], [text(line)])
}

/// A command to paste.
pub(super) fn command(line: &str) -> Html {
    // It may be wider than the page, and the keyboard scrolls it.
    el("pre", &[("tabindex", "0")], [el("code", &[], [text(line)])])
}

/// A cell: what is shown, and of numbers what is sorted by.
pub(super) struct Cell {
    inner: Html,
    number: Option<i128>,
}

impl From<&str> for Cell {
    fn from(line: &str) -> Self {
        Self { inner: text(line), number: None }
    }
}

impl From<String> for Cell {
    fn from(line: String) -> Self {
        Self::from(line.as_str())
    }
}

impl From<Html> for Cell {
    fn from(inner: Html) -> Self {
        Self { inner, number: None }
    }
}

/// A number as it is shown.
pub(super) fn number(shown: impl Display, value: impl Into<i128>) -> Cell {
    Cell { inner: text(shown), number: Some(value.into()) }
}

/// A table with a caption; nothing where it has no rows.
pub(super) fn table(caption: &str, heads: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) -> Html {
    let rows: Vec<Html> = rows.into_iter().map(row).collect();
    if rows.is_empty() {
        return Html::default();
    }
    let heads = heads.iter().map(|head| el("th", &[("scope", "col")], [text(head)]));
    let table = el(
        "table",
        &[],
        [el("caption", &[], [text(caption)]), el("thead", &[], [el("tr", &[], heads)]), el("tbody", &[], rows)],
    );
    // It may be wider than the page.
    el("div", &[("class", "wide"), ("tabindex", "0"), ("role", "region"), ("aria-label", caption)], [table])
}

fn row(cells: Vec<Cell>) -> Html {
    let cell = |cell: Cell| match cell.number {
        Some(number) => el("td", &[("class", "number"), ("data-sort", &number.to_string())], [cell.inner]),
        None => el("td", &[], [cell.inner]),
    };
    el("tr", &[], cells.into_iter().map(cell))
}

/// A bar of so many thousandths of the width, from so many on. What it says is in the row, too.
pub(super) fn bar(class: &'static str, from: u64, length: u64) -> Html {
    let (from, length) = (from.min(1000), length.clamp(2, 1000));
    let fill = match class {
        "added" => "#b4530a",
        "goes" => "#2563a8",
        _ => "#5b6b7d",
    };
    let rect = el(
        "rect",
        &[("x", &from.to_string()), ("width", &length.to_string()), ("height", "20"), ("fill", fill), ("class", class)],
        [],
    );
    let size = [("viewBox", "0 0 1000 20"), ("width", "200"), ("height", "14"), ("preserveAspectRatio", "none")];
    el("svg", &[&size[..], &[("class", "bar"), ("aria-hidden", "true")]].concat(), [rect])
}

/// The whole file. `data` is for the script.
pub(super) fn document(title: &str, body: impl IntoIterator<Item = Html>, data: Option<&serde_json::Value>) -> String {
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    );
    let head = el(
        "head",
        &[],
        [
            void("meta", &[("charset", "utf-8")]),
            void("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &policy)]),
            void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]),
            void("meta", &[("name", "color-scheme"), ("content", "light dark")]),
            el("title", &[], [text(title)]),
            el("style", &[], [Html(STYLE.to_owned())]),
        ],
    );
    let data = data.map(|data| {
        // A `<` in a name would end the element.
        let json = data.to_string().replace('<', "\\u003c");
        el("script", &[("type", "application/json"), ("id", "data")], [Html(json)])
    });
    let foot = concat!(
        "Written by slimwright ",
        env!("CARGO_PKG_VERSION"),
        ". Sizes are unpacked, the bytes of the layers' files, unless they say wire; 1 MB = 10⁶ bytes."
    );
    let body = el(
        "body",
        &[],
        [el("main", &[], body), el("footer", &[], [paragraph(foot)])].into_iter().chain(data).chain([el(
            "script",
            &[],
            [Html(SCRIPT.to_owned())],
        )]),
    );
    format!("<!doctype html>\n{}\n", el("html", &[("lang", "en")], [head, body]).0)
}

/// As a policy names a text.
fn digest(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(text.as_bytes())))
}
