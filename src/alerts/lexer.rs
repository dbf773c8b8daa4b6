//! The words of PromQL, with their places.
//!
//! What the oldest Prometheus that is still met takes (2.42): numbers have no `_` and no units, a duration is no number.

use std::ops::Range;

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// A number.
    Number(f64),
    /// A text in quotes.
    Text(String),
    /// `5m`, in seconds.
    Duration(f64),
    /// A name: of a metric (which may have colons), a function, a label, or a word of the language.
    Name(String),
    /// One of the operators and brackets.
    Sign(&'static str),
}

/// What is wrong, and where, in bytes of the expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromqlError {
    /// Where.
    pub at: usize,
    /// What was expected and what was found.
    pub message: String,
}

/// Signs, the longer ones first.
const SIGNS: [&str; 26] = [
    "==", "!=", "<=", ">=", "=~", "!~", "<", ">", "=", "+", "-", "*", "/", "%", "^", "(", ")", "{", "}", "[", "]", ",",
    ":", "@", "!", ";",
];

pub(super) fn error(at: usize, message: impl Into<String>) -> PromqlError {
    PromqlError { at, message: message.into() }
}

/// The words of an expression.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, Range<usize>)>, PromqlError> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (token, length) = match c {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '#' => {
                at += rest.find('\n').unwrap_or(rest.len());
                continue;
            }
            '"' | '\'' | '`' => quoted(rest, at)?,
            c if c.is_ascii_digit() || (c == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) => {
                number(rest, at)?
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
                let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                let name = &rest[..length];
                match name.to_ascii_lowercase().as_str() {
                    "inf" => (Token::Number(f64::INFINITY), length),
                    "nan" => (Token::Number(f64::NAN), length),
                    _ => (Token::Name(name.to_owned()), length),
                }
            }
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Token::Sign(sign), sign.len()),
                None => return Err(error(at, format!("`{c}` is no part of PromQL"))),
            },
        };
        out.push((token, at..at + length));
        at += length;
    }
    Ok(out)
}

fn quoted(rest: &str, at: usize) -> Result<(Token, usize), PromqlError> {
    let quote = rest.chars().next().unwrap_or('"');
    let mut out = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((here, c)) = chars.next() {
        match c {
            c if c == quote => return Ok((Token::Text(out), here + 1)),
            '\\' if quote != '`' => match chars.next() {
                Some((_, c @ ('\\' | '"' | '\'' | 'n' | 't' | 'r' | 'a' | 'b' | 'f' | 'v'))) => {
                    out.push(if c.is_ascii_alphabetic() { ' ' } else { c });
                }
                Some((_, 'x' | 'u' | 'U' | '0'..='7')) => out.push(' '),
                _ => return Err(error(at + here, "there is no such escape in a text (write a backslash twice)")),
            },
            '\n' if quote != '`' => break,
            c => out.push(c),
        }
    }
    Err(error(at, "the quote that opens here is never closed"))
}

/// A number or a duration. What stands directly behind belongs to it: `1.8GB` is neither.
fn number(rest: &str, at: usize) -> Result<(Token, usize), PromqlError> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    let mut length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    // The sign of an exponent.
    let hexadecimal = rest.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
    if !hexadecimal && rest[..length].ends_with(['e', 'E']) && rest[length..].starts_with(['+', '-']) {
        let more = &rest[length + 1..];
        length += 1 + more.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(more.len());
    }
    let word = &rest[..length];
    if hexadecimal && let Ok(value) = i64::from_str_radix(&word[2..], 16) {
        return Ok((Token::Number(value as f64), length));
    }
    let plain = word.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if let (true, Ok(value)) = (plain, word.parse::<f64>()) {
        return Ok((Token::Number(value), length));
    }
    if let Some(seconds) = duration(word) {
        return Ok((Token::Duration(seconds), length));
    }
    let has_unit = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let hint = match has_unit.to_ascii_lowercase().as_str() {
        "kb" | "mb" | "gb" | "tb" | "ki" | "mi" | "gi" | "ti" | "k" | "g" | "t" | "kib" | "mib" | "gib" => {
            let power = match has_unit.as_bytes()[0].to_ascii_lowercase() {
                b'k' => 1,
                b'm' => 2,
                b'g' => 3,
                _ => 4,
            };
            let value = &word[..word.len() - has_unit.len()];
            format!("; PromQL has no units of bytes: write {value} * 1024^{power}, or {value}e{}", power * 3)
        }
        _ if word.contains('_') => "; numbers with `_` are for Prometheus 3 alone".to_owned(),
        _ => String::new(),
    };
    Err(error(at, format!("`{word}` is no number and no duration{hint}")))
}

/// `1h30m`, in seconds.
pub(super) fn duration(word: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 7] =
        [("ms", 0.001), ("y", 31_536_000.0), ("w", 604_800.0), ("d", 86400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0)];
    // Each unit once, the larger ones first.
    const ORDER: [&str; 7] = ["y", "w", "d", "h", "m", "s", "ms"];
    let (mut rest, mut total, mut from) = (word, 0.0, 0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let value: f64 = rest[..digits].parse().ok()?;
        let (unit, factor) = UNITS.iter().find(|(unit, _)| rest[digits..].starts_with(unit))?;
        let place = ORDER.iter().position(|known| known == unit)?;
        if place < from {
            return None;
        }
        (from, total, rest) = (place + 1, total + value * factor, &rest[digits + unit.len()..]);
    }
    (!word.is_empty()).then_some(total)
}
