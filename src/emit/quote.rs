//! How somebody else's text is written into a Dockerfile, a shell command or a requirements file.
//!
//! Source: the Dockerfile reference (escape character, JSON forms, `ENV`, `COPY`;
//! <https://docs.docker.com/reference/dockerfile/>), Go's `path/filepath.Match` for the wildcards of `COPY`,
//! POSIX shell quoting, and pip's description of the requirements file format.

use crate::base::{ImagePath, Text, is_hidden};
pub use crate::base::{is_plain, shell_word as shell};

/// The text of a comment: escaped, cut to a readable length, and never ending in a backslash, which would join
/// the next line to it in a requirements file.
pub fn comment(text: &str) -> String {
    let mut text = Text::from(text).to_string();
    if let Some((cut, _)) = text.char_indices().nth(300) {
        text.truncate(cut);
        text.push('…');
    }
    text.trim_end_matches(|c: char| c == '\\' || c.is_whitespace()).to_owned()
}

/// A JSON string without characters that could steer a terminal or look like a here-document.
pub fn json(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '<' => out.push_str("\\u003c"),
            _ if is_hidden(c) => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A JSON array of strings, as the exec forms want it.
pub fn json_array<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let items: Vec<String> = items.into_iter().map(json).collect();
    format!("[{}]", items.join(", "))
}

/// Whether a text has characters that no quoting carries through a Dockerfile's line, or that nobody who reads it sees:
/// line breaks first of all.
pub fn breaks_lines(text: &str) -> bool {
    text.chars().any(|c| c != '\t' && is_hidden(c))
}

/// A double-quoted word of `ENV` or `LABEL`; `None` when it would not survive. No variable is expanded in it.
pub fn double_quoted(text: &str) -> Option<String> {
    (!breaks_lines(text)).then(|| format!("\"{}\"", with_backslashes(text, &['"', '\\', '$'])))
}

/// A word of an instruction that expands variables and removes quotes (`WORKDIR`, `USER`, paths of `COPY`).
pub fn lexed(text: &str) -> String {
    with_backslashes(text, &['"', '\'', '\\', '$'])
}

fn with_backslashes(text: &str, special: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// An image path as text, with its slash; `None` when it is no UTF-8, which a Dockerfile has to be.
pub fn path_text(path: &ImagePath) -> Option<String> {
    std::str::from_utf8(path.as_bytes()).ok().map(|text| format!("/{text}"))
}

/// The source and target words of a `COPY` of one path to itself: plain where they can be, otherwise in JSON
/// form. A source is a pattern (`*`, `?`, `[`, and a backslash) and both are lexed for variables and quotes.
pub fn copy_words(from: &str, to: &str) -> String {
    if is_plain(from) && is_plain(to) {
        return format!("{from} {to}");
    }
    // The classic builder finds no directory by a pattern with a slash at its end; without one it means the same.
    let mut pattern = String::new();
    for c in from.strip_suffix('/').filter(|from| !from.is_empty()).unwrap_or(from).chars() {
        match c {
            '*' | '?' | '[' => pattern.extend(['[', c, ']']),
            '\\' => pattern.push_str("[\\\\]"),
            _ => pattern.push(c),
        }
    }
    json_array([lexed(&pattern).as_str(), lexed(to).as_str()])
}

/// Whether a text can be an image's name in `FROM`: registry, path, tag and digest characters only.
pub fn is_image_name(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "._/:@-".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(known)
}

/// Whether a text can be the name of an OS package (deb-control(5); apk's names allow `_` too).
pub fn is_package_name(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "+-._:~".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_stay_on_their_line() {
        assert_eq!(comment("a\nRUN b \\"), "a\\x0aRUN b");
        assert!(comment(&"x".repeat(5000)).chars().count() <= 301);
    }

    #[test]
    fn json_carries_everything() {
        assert_eq!(json("a\"b\\c\nd\u{1b}\u{202e}<<E"), r#""a\"b\\c\nd\u001b\u202e\u003c\u003cE""#);
    }

    #[test]
    fn words_are_quoted_for_those_who_read_them() {
        assert_eq!(double_quoted("it's $5 \"\\").as_deref(), Some(r#""it's \$5 \"\\""#));
        assert_eq!(double_quoted("a\nb"), None);
        assert_eq!(shell("it's"), r"'it'\''s'");
        assert_eq!(copy_words("/app/", "/app/"), "/app/ /app/");
        assert_eq!(copy_words("/a b/", "/a b/"), r#"["/a b", "/a b/"]"#);
        assert_eq!(copy_words("/a[$x]*", "/a[$x]*"), r#"["/a[[]\\$x][*]", "/a[\\$x]*"]"#);
        assert_eq!(copy_words("/a\\b", "/a\\b"), r#"["/a[\\\\\\\\]b", "/a\\\\b"]"#);
    }
}
