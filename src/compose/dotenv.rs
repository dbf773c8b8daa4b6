//! `.env` and `env_file`: `NAME=value`, `export NAME=value`, `NAME: value`, `NAME` alone (as it is outside), quotes over
//! several lines, comments, and variables of lines before.
//!
//! Source: compose-go's reader of them; tried against Docker Compose 2.40.

use super::interpolate::Variables;
use std::collections::BTreeMap;

/// Variables of a file, at most.
const MAX_VARIABLES: usize = 10_000;

/// What is wrong with a file of variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DotenvError {
    /// Line, from 1.
    pub line: usize,
    /// What was expected and what was found.
    pub message: String,
}

/// The variables of a text. `outside` is asked first for a variable that a value names, as Compose does.
///
/// # Errors
///
/// A name with other characters than letters, digits, `_`, `.`, `-`, `[`, `]`, a quote without an end, or a variable that must have
/// a value.
pub fn read(text: &str, outside: &dyn Fn(&str) -> Option<String>) -> Result<BTreeMap<String, String>, DotenvError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n");
    let mut reader = Reader { text: &text, at: 0, out: BTreeMap::new(), outside };
    while reader.statement()? {
        if reader.out.len() > MAX_VARIABLES {
            return Err(reader.wrong(format!("expected at most {MAX_VARIABLES} variables, found more")));
        }
    }
    Ok(reader.out)
}

/// The variables of a text in which values are as they stand (`format: raw`).
pub fn read_raw(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    out: BTreeMap<String, String>,
    outside: &'t dyn Fn(&str) -> Option<String>,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn wrong(&self, message: impl Into<String>) -> DotenvError {
        let line = self.text[..self.at.min(self.text.len())].matches('\n').count() + 1;
        DotenvError { line, message: message.into() }
    }

    /// Reads one statement; whether there was one.
    fn statement(&mut self) -> Result<bool, DotenvError> {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            if !self.rest().starts_with('#') {
                break;
            }
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
        if self.rest().is_empty() {
            return Ok(false);
        }
        if let Some(rest) = self.rest().strip_prefix("export").filter(|rest| rest.starts_with(is_blank)) {
            self.at = self.text.len() - rest.trim_start_matches(is_blank).len();
        }
        let rest = self.rest();
        let end = rest.find(['=', ':', '\n']).unwrap_or(rest.len());
        let name = rest[..end].trim_end();
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']');
        if let Some(odd) = name.chars().find(|&c| !is_part(c)) {
            let message = match odd {
                ' ' | '\t' => "expected NAME=value, found a name with a blank".to_owned(),
                _ => format!("expected NAME=value, found `{odd}` in the name"),
            };
            return Err(self.wrong(message));
        }
        let has_value = rest[end..].starts_with(['=', ':']);
        self.at += (end + 1).min(rest.len());
        if !has_value {
            if let Some(value) = (self.outside)(name) {
                self.out.insert(name.to_owned(), value);
            }
            return Ok(true);
        }
        let value = self.value()?;
        self.out.insert(name.to_owned(), value);
        Ok(true)
    }

    fn value(&mut self) -> Result<String, DotenvError> {
        let rest = self.rest();
        let rest = rest.trim_start_matches(is_blank);
        self.at = self.text.len() - rest.len();
        match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote),
            _ => {
                let line = rest.split('\n').next().unwrap_or("");
                let value = line.split(" #").next().unwrap_or("").trim_end();
                let value = self.expanded(value)?;
                self.at += (line.len() + 1).min(rest.len());
                Ok(value)
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, DotenvError> {
        let mut out = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        let mut escaped = false;
        for (at, c) in &mut chars {
            match (c, escaped) {
                (c, true) if c == quote => out.push(c),
                (c, true) => out.extend(['\\', c]),
                ('\\', false) => {
                    escaped = true;
                    continue;
                }
                (c, false) if c == quote => {
                    let value = if quote == '"' { self.expanded(&unescaped(&out))? } else { out };
                    self.at += at + 1;
                    return Ok(value);
                }
                (c, false) => out.push(c),
            }
            escaped = false;
        }
        Err(self.wrong("the quote that opens here is never closed"))
    }

    fn expanded(&self, value: &str) -> Result<String, DotenvError> {
        let lookup = |name: &str| (self.outside)(name).or_else(|| self.out.get(name).cloned());
        Variables::new(&lookup).substitute(value).map_err(|error| self.wrong(error.to_string()))
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

/// The escapes of a text in double quotes. `\$` is a dollar that names no variable.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('a') => out.push('\u{7}'),
            Some('b') => out.push('\u{8}'),
            Some('c') => out.push_str("\\c"),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('v') => out.push('\u{b}'),
            Some('$') => out.push_str("$$"),
            Some('"') => out.push('"'),
            Some('\\') => out.push('\\'),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}
