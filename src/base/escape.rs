//! Names from an image are somebody else's bytes: before a person or a terminal sees one, whatever could
//! steer the terminal or break a line is made visible instead.

/// `text` with control characters (terminal escapes, line breaks) and direction overrides as `\x1b`,
/// `\u{202e}`. Printable Unicode stays as it is.
pub fn escape_str(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let steers =
            matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        match c {
            _ if c.is_control() && (c as u32) < 0x80 => out.push_str(&format!("\\x{:02x}", c as u32)),
            _ if c.is_control() || steers => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            _ => out.push(c),
        }
    }
    out
}

/// [`escape_bytes`] of a path of this machine.
pub fn escape_path(path: &std::path::Path) -> String {
    escape_bytes(path.as_os_str().as_encoded_bytes())
}

/// [`escape_str`] for bytes: what is not UTF-8 is shown as `\xff`.
pub fn escape_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(&escape_str(chunk.valid()));
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_made_visible() {
        assert_eq!(escape_bytes(b"a\x1b[31m\n\xffb"), "a\\x1b[31m\\x0a\\xffb");
        assert_eq!(escape_str("caf\u{e9} \u{202e}gpj"), "caf\u{e9} \\u{202e}gpj");
        assert_eq!(escape_str("\u{9b}"), "\\u{9b}");
    }
}
