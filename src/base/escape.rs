//! Names from an image are somebody else's bytes: before a person, a terminal or a builder sees one, whatever could
//! steer it, break a line or hide is made visible instead.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::Path;

/// Whether a character is not to be seen, or makes other characters be seen in another way or place: controls,
/// format characters (general category Cf: direction, joining, tags, soft hyphens, interlinear annotation), separators of
/// lines and paragraphs, whatever may be ignored when it is shown (Default_Ignorable_Code_Point: variation selectors,
/// fillers), private use, and code points that are no characters and will be none. Spaces of any width stay.
///
/// Source: the Unicode Character Database 16.0 (`extracted/DerivedGeneralCategory.txt`, `DerivedCoreProperties.txt`).
pub fn is_hidden(c: char) -> bool {
    let code = c as u32;
    c.is_control()
        || (code >= 0xad
            && (code & 0xfffe == 0xfffe || HIDDEN.iter().any(|(first, last)| (*first..=*last).contains(&code))))
}

const HIDDEN: [(u32, u32); 35] = [
    (0xad, 0xad),
    (0x34f, 0x34f),
    (0x600, 0x605),
    (0x61c, 0x61c),
    (0x6dd, 0x6dd),
    (0x70f, 0x70f),
    (0x890, 0x891),
    (0x8e2, 0x8e2),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x2028, 0x202e),
    (0x2060, 0x206f),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xe000, 0xf8ff),
    (0xfdd0, 0xfdef),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfffb),
    (0x110bd, 0x110bd),
    (0x110cd, 0x110cd),
    (0x13430, 0x1343f),
    (0x1bca0, 0x1bca3),
    (0x1d159, 0x1d159),
    (0x1d173, 0x1d17a),
    // No plane of these has characters yet, but for the tags and variation selectors.
    (0x40000, 0x4ffff),
    (0x50000, 0x8ffff),
    (0x90000, 0xdffff),
    (0xe0000, 0xe0fff),
    (0xe1000, 0xeffff),
    (0xf0000, 0xfffff),
    (0x100000, 0x10ffff),
];

/// `text` with what is hidden ([`is_hidden`]) as `\x1b`, `\u{202e}`. Printable Unicode stays as it is.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            _ if !is_hidden(c) => out.push(c),
            _ if c.is_ascii() => out.push_str(&format!("\\x{:02x}", c as u32)),
            _ => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
        }
    }
}

/// A writer that escapes all that passes: for a `Display` whose sentence has somebody else's words in it.
pub struct Escaping<W>(pub W);

impl<W: fmt::Write> fmt::Write for Escaping<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(&Text::from(text))
    }
}

/// Somebody else's text, to be shown: escaped when it is made, so that whoever shows it need not think of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// Of bytes: what is not UTF-8 is shown as `\xff`.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let mut out = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            escape(chunk.valid(), &mut out);
            for byte in chunk.invalid() {
                out.push_str(&format!("\\x{byte:02x}"));
            }
        }
        Self(out)
    }

    /// Of a path of this machine.
    pub fn of_path(path: &Path) -> Self {
        Self::of_bytes(path.as_os_str().as_encoded_bytes())
    }

    /// Of what somebody else's words are part of.
    pub fn of(shown: &dyn fmt::Display) -> Self {
        Self::from(shown.to_string())
    }

    /// The text as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! made_of {
    ($($kind:ty),*) => {
        $(impl From<&$kind> for Text {
            fn from(text: &$kind) -> Self {
                let mut out = String::with_capacity(text.len());
                escape(text, &mut out);
                Self(out)
            }
        })*
    };
}

made_of!(str, String, Box<str>, std::sync::Arc<str>, std::borrow::Cow<'_, str>);

impl From<&Path> for Text {
    fn from(path: &Path) -> Self {
        Self::of_path(path)
    }
}

/// As it is: it was escaped when it was made.
impl From<&Text> for Text {
    fn from(text: &Text) -> Self {
        text.clone()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        if text.chars().any(is_hidden) { Self::from(&text) } else { Self(text) }
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl PartialEq<String> for Text {
    fn eq(&self, other: &String) -> bool {
        self.0 == *other
    }
}

impl std::borrow::Borrow<str> for Text {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // With the width that the caller wants.
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_made_visible() {
        assert_eq!(Text::of_bytes(b"a\x1b[31m\n\xffb"), "a\\x1b[31m\\x0a\\xffb");
        assert_eq!(Text::from("caf\u{e9} \u{202e}gpj"), "caf\u{e9} \\u{202e}gpj");
        assert_eq!(Text::from("\u{9b}"), "\\u{9b}");
    }

    #[test]
    fn what_hides_is_made_visible() {
        for c in "\u{ad}\u{61c}\u{200b}\u{200d}\u{2028}\u{2060}\u{2066}\u{206a}\u{180e}\u{feff}\u{fff9}\u{fe0f}\u{3164}\u{e000}\u{ffff}\u{e0041}\u{e0100}\u{f0000}\u{1d173}".chars() {
            assert_eq!(Text::from(&c.to_string()), format!("\\u{{{:x}}}", c as u32));
        }
        let plain = "caf\u{e9} \u{4e2d}\u{6587} \u{3000}\u{a0}\u{1f600} \u{5d0} \u{fffd} \u{2026}\u{2502}\u{2570}";
        assert_eq!(Text::from(plain), plain);
    }

    #[test]
    fn a_text_is_escaped_once() {
        let text = Text::from("a\u{202e}b");
        assert_eq!(text, "a\\u{202e}b");
        assert_eq!((Text::from(text.to_string()), format!("{text:>10}|")), (text.clone(), "a\\u{202e}b|".to_owned()));
        assert_eq!(serde_json::to_string(&text).expect("JSON"), "\"a\\\\u{202e}b\"");
        assert_eq!(serde_json::from_str::<Text>("\"\u{202e}\"").expect("a text"), "\\u{202e}");
    }
}
