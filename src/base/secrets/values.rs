//! Values of what is named: `TOKEN=…`, `--password …`, `"apiKey": "…"`, `Authorization: …`; and tokens by their shape.

use super::names::may_be_secret;
use super::{Spans, is_secret_name, shapes};
use std::ops::Range;

const HEADERS: [&str; 12] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "x-auth-token",
    "x-vault-token",
    "x-jfrog-art-api",
    "x-amz-security-token",
    "private-token",
    "job-token",
    "deploy-token",
    "cookie",
    "set-cookie",
];

pub(super) fn find(text: &str, spans: &mut Spans) {
    shapes::private_keys(text).into_iter().for_each(|key| spans.hide(key));
    let bytes = text.as_bytes();
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let mut at = 0;
    while at < bytes.len() {
        let length = bytes[at..].iter().take_while(is_name).count();
        if length > 0 {
            let name = at..at + length;
            if let Some(token) = shapes::token(&text[name.clone()]) {
                spans.hide(at + token..name.end);
            }
            if let Some(value) = value_of(text, name) {
                spans.hide(value);
            }
        }
        at += length.max(1);
    }
}

/// The secret that a name stands for.
fn value_of(text: &str, name: Range<usize>) -> Option<Range<usize>> {
    let word = &text[name.clone()];
    let is = |known: &&str| word.eq_ignore_ascii_case(known);
    let next = text.as_bytes().get(name.end);
    if next == Some(&b':') && HEADERS.iter().any(is) {
        return header(text, name.end + 1);
    }
    if next == Some(&b' ') && ["bearer", "basic"].iter().any(is) {
        let value = value(text, name.end + 1)?;
        let long = value.len() >= 16 && text[value.clone()].bytes().any(|b| b.is_ascii_digit());
        return long.then_some(value);
    }
    let is_basic = word.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("http-basic."));
    if !is_basic && !may_be_secret(word) {
        return None;
    }
    if is_basic && follows(text, name.start, &["config"]) {
        let user = value(text, skip_blanks(text, name.end))?;
        return value(text, skip_blanks(text, user.end));
    }
    // What is named like a secret and said to be about one (`KEY_FILE`) is none; nor is half of a longer word.
    let bare = word.trim_start_matches(['-', '.']);
    let value = is_secret_name(bare).then(|| named(text, name.clone(), bare)).flatten()?;
    (!is_harmless(bare, &text[value.clone()])).then_some(value)
}

/// The value of a name: behind `=`, behind `:` where that is no prose, or the next word where the name is an option.
fn named(text: &str, name: Range<usize>, bare: &str) -> Option<Range<usize>> {
    let behind = &text[name.end..];
    // `"name": "value"`, also where the quotes are escaped.
    let quote = behind.strip_prefix('\\').unwrap_or(behind).starts_with(['"', '\'']);
    let quote_length = if quote { 1 + usize::from(behind.starts_with('\\')) } else { 0 };
    let after = skip_blanks(text, name.end + quote_length);
    let rest = &text[after..];
    if text[..name.start].ends_with("${") {
        let start = after + [":-", ":=", "-", "="].iter().find(|sign| rest.starts_with(**sign))?.len();
        return Some(start..start + text[start..].find('}').unwrap_or(text.len() - start));
    }
    if rest.starts_with('=') && !rest.starts_with("==") {
        let arrow = if rest.starts_with("=>") { 2 } else { 1 };
        return value(text, skip_blanks(text, after + arrow));
    }
    if rest.starts_with(":=") {
        return value(text, skip_blanks(text, after + 2));
    }
    if rest.starts_with(':') {
        let start = skip_blanks(text, after + 1);
        let found = value(text, start)?;
        let is_spaced = start > after + 1;
        let lower = bare.to_ascii_lowercase();
        let is_plain = matches!(&lower[..], "password" | "passwd" | "passphrase" | "pwd");
        let looks = found.len() >= 6 && text[found.clone()].bytes().any(|b| b.is_ascii_digit());
        let told = quote || is_plain || (is_spaced && (looks || lower.contains("pass")));
        return told.then_some(found);
    }
    let is_option = text[name.clone()].starts_with("--");
    // `"--name", "value"` of a command in JSON form.
    if quote && is_option {
        let start = skip_blanks(text, after + usize::from(rest.starts_with(',')));
        let start = Some(start).filter(|start| text[*start..].trim_start_matches('\\').starts_with('"'));
        return start.and_then(|start| value(text, start)).filter(|found| !text[found.clone()].starts_with('-'));
    }
    let is_spaced = after > name.end && !quote;
    if !is_spaced || rest.is_empty() {
        return None;
    }
    if follows(text, name.start, &["ENV"]) {
        return Some(after..after + rest.find('\n').unwrap_or(rest.len()));
    }
    let is_set = follows(text, name.start, &["config", "set", "configure"]);
    let of_netrc = bare == "password" && text[..name.start].contains("login ");
    (is_option || is_set || of_netrc).then(|| value(text, after)).flatten().filter(|_| !rest.starts_with('-'))
}

/// Whether one of the two words before a place is one of these. A URL's or a path's part belongs to the word.
fn follows(text: &str, at: usize, words: &[&str]) -> bool {
    let line = text[..at].rfind('\n').map_or(0, |line| line + 1);
    let before = &text[line..at];
    // What the name is glued to is no word before it.
    let before = &before[..before.rfind(char::is_whitespace).map_or(0, |space| space)];
    before.split_whitespace().rev().take(2).any(|word| words.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

fn skip_blanks(text: &str, at: usize) -> usize {
    at + text.as_bytes()[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// A value: what is between quotes, or a word with the quoted parts inside of it; none where there is nothing.
pub(super) fn value(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = &text[at..];
    let bytes = rest.as_bytes();
    let escaped = rest.starts_with("\\\"") || rest.starts_with("\\'");
    let opening = usize::from(escaped);
    if let Some(quote) = bytes.get(opening).copied().filter(|byte| matches!(byte, b'"' | b'\'')) {
        let start = opening + 1;
        let end = closing(&bytes[start..], quote, escaped).map_or(bytes.len(), |end| start + end);
        // `"a"b`: a word of the shell's.
        let tail = bytes.get(end + 1).is_some_and(u8::is_ascii_alphanumeric) && !escaped;
        let end = if tail { word_end(rest, end + 1) } else { end };
        return (end > start).then_some(at + start..at + end);
    }
    let end = word_end(rest, 0);
    // What closes something that was opened before is not of the value.
    let closes: &[char] = if rest.starts_with('$') { &[',', ';'] } else { &[',', ';', ')', ']', '}'] };
    let end = rest[..end].trim_end_matches(closes).len();
    (end > 0).then_some(at..at + end)
}

/// Where a word of the shell's ends, from a place inside of it.
fn word_end(text: &str, mut at: usize) -> usize {
    let bytes = text.as_bytes();
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if bytes.get(at + 1).is_some_and(|next| !matches!(next, b'"' | b'\'' | b'\n')) => {
                at += 1 + text[at + 1..].chars().next().map_or(0, char::len_utf8);
            }
            b'"' | b'\'' => {
                let inner = &bytes[at + 1..];
                let end = inner.iter().position(|b| *b == byte || b.is_ascii_whitespace());
                match end.filter(|end| *end > 0 && inner[*end] == byte && inner[0] != b',') {
                    Some(end) => at += end + 2,
                    None => return at,
                }
            }
            b'`' | b'\\' => return at,
            _ if byte.is_ascii_whitespace() || byte.is_ascii_control() => return at,
            // Commands end here, unless what follows can only be more of the word.
            b';' | b'|' | b'&' if bytes.get(at + 1).is_none_or(|next| next.is_ascii_whitespace() || *next == byte) => {
                return at;
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Where a quote is closed.
fn closing(bytes: &[u8], quote: u8, escaped: bool) -> Option<usize> {
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if escaped && bytes.get(at + 1) == Some(&quote) => return Some(at),
            b'\\' => at += 2,
            _ if byte == quote => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// A header's value: up to the quote around the header, else a word, and the one behind a scheme's name.
fn header(text: &str, at: usize) -> Option<Range<usize>> {
    let start = skip_blanks(text, at);
    let line = text[..at].rfind('\n').map_or(0, |line| line + 1);
    let end = text[start..].find('\n').map_or(text.len(), |end| start + end);
    let open = |quote: char| text[line..at].matches(quote).count() % 2 == 1;
    if let Some(quote) = ['"', '\''].into_iter().find(|quote| open(*quote)) {
        let end = text[start..end].find(quote).map_or(end, |close| start + close);
        let end = start + text[start..end].trim_end_matches('\\').len();
        return (end > start).then_some(start..end);
    }
    let first = value(text, start)?;
    let scheme = text[first.clone()].to_ascii_lowercase();
    let second = matches!(&scheme[..], "bearer" | "basic" | "token" | "digest")
        .then(|| value(text, skip_blanks(text, first.end)))
        .flatten();
    Some(first.start..second.map_or(first.end, |second| second.end))
}

/// Whether a value cannot be the secret that its name promises: empty, masked, a switch, a number, a reference, a
/// version, a file.
pub(super) fn is_harmless(name: &str, value: &str) -> bool {
    let value = value.trim();
    let lower = value.to_ascii_lowercase();
    let switches = ["", "****", "true", "false", "yes", "no", "on", "off", "none", "null", "0", "1"];
    let is_short_number = value.len() <= 6 && value.bytes().all(|b| b.is_ascii_digit());
    let name = name.to_ascii_lowercase();
    let is_password = name.contains("pass") || name.contains("pwd") || name.contains("secret");
    let source = ["id=", "type=", "src=", "source=", "env=", "{", "[", "<"];
    let is_version = value.starts_with(['^', '~', '<', '>', '=', '!', '*'])
        && value.bytes().all(|b| b.is_ascii_digit() || b" ^~<>=!*.,".contains(&b));
    switches.contains(&lower.as_str())
        || (is_short_number && !is_password)
        || is_reference(value)
        || source.iter().any(|start| value.starts_with(start))
        || is_version
        || is_file(value)
}

/// `$NAME`, `${NAME}`, `$(command)`: not the value, but where it comes from.
fn is_reference(value: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let inner = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let brackets = value.starts_with("$(") || (value.starts_with("${{") && value.ends_with("}}"));
    brackets || value.starts_with('`') || inner.or_else(|| value.strip_prefix('$')).is_some_and(is_name)
}

/// An absolute path in a folder with a plain name: `/run/secrets/token`. Keys in base64 may begin with a slash, too.
fn is_file(value: &str) -> bool {
    let Some((first, rest)) = value.strip_prefix('/').and_then(|rest| rest.split_once('/')) else { return false };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-');
    first.len() <= 12
        && first.bytes().all(|b| b.is_ascii_lowercase())
        && rest.bytes().all(is_plain)
        && rest.split('/').all(|part| part.len() <= 40)
}
