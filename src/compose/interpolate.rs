//! Variables in values: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?error}`, `${NAME?error}`,
//! `${NAME:+other}`, `${NAME+other}`, in one another, and `$$` for a dollar.
//!
//! Source: compose-spec, `12-interpolation.md`; tried against Docker Compose 2.40.

use std::cell::RefCell;
use std::collections::BTreeSet;

/// How deep variables stand in one another's defaults.
const MAX_DEPTH: usize = 32;
/// Bytes that a value may come to.
const MAX_TEXT: usize = 1 << 20;

/// Where variables are looked up, and which had no value.
pub struct Variables<'l> {
    /// A variable's value.
    pub lookup: &'l dyn Fn(&str) -> Option<String>,
    /// Variables without a value and without a default: Compose takes an empty text.
    pub unset: RefCell<BTreeSet<String>>,
}

/// Why a text has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InterpolationError {
    /// `${` without an end, or with what is no form of it.
    Invalid(String),
    /// A variable that must have a value, and what the file says about it.
    Required(String, String),
    /// Too deep, or too long.
    TooMuch,
}

impl std::fmt::Display for InterpolationError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Invalid(text) => write!(
                f,
                "expected `$NAME`, `${{NAME}}` or a form of it, found `{text}` (a dollar that is meant is written `$$`)"
            ),
            Self::Required(name, why) if why.is_empty() => write!(f, "the variable `{name}` must have a value"),
            Self::Required(name, why) => write!(f, "the variable `{name}` must have a value: {why}"),
            Self::TooMuch => write!(f, "variables stand too deep in one another, or come to too long a text"),
        }
    }
}

impl<'l> Variables<'l> {
    /// Of a lookup.
    pub fn new(lookup: &'l dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, unset: RefCell::default() }
    }

    /// The text with the values of its variables.
    ///
    /// # Errors
    ///
    /// A form that there is not, a variable that must have a value, or too much.
    pub fn substitute(&self, text: &str) -> Result<String, InterpolationError> {
        self.at_depth(text, 0)
    }

    fn at_depth(&self, text: &str, depth: usize) -> Result<String, InterpolationError> {
        if depth > MAX_DEPTH {
            return Err(InterpolationError::TooMuch);
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            match rest.as_bytes().first() {
                Some(b'$') => {
                    out.push('$');
                    rest = &rest[1..];
                }
                Some(b'{') => {
                    let end = closing(rest).ok_or_else(|| InterpolationError::Invalid(shown(text)))?;
                    out.push_str(&self.braced(&rest[1..end], text, depth)?);
                    rest = &rest[end + 1..];
                }
                _ => match name(rest) {
                    "" => out.push('$'),
                    name => {
                        out.push_str(&self.value_or_empty(name));
                        rest = &rest[name.len()..];
                    }
                },
            }
            if out.len() > MAX_TEXT {
                return Err(InterpolationError::TooMuch);
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn value_or_empty(&self, name: &str) -> String {
        (self.lookup)(name).unwrap_or_else(|| {
            self.unset.borrow_mut().insert(name.to_owned());
            String::new()
        })
    }

    /// What stands between the braces.
    fn braced(&self, inside: &str, whole: &str, depth: usize) -> Result<String, InterpolationError> {
        let name = name(inside);
        let form = &inside[name.len()..];
        if name.is_empty() {
            return Err(InterpolationError::Invalid(shown(whole)));
        }
        if form.is_empty() {
            return Ok(self.value_or_empty(name));
        }
        let (empty_counts, form) = match form.strip_prefix(':') {
            Some(form) => (false, form),
            None => (true, form),
        };
        let (kind, argument) = form.split_at_checked(1).unwrap_or(("", ""));
        let value = (self.lookup)(name);
        let has = value.as_ref().is_some_and(|value| empty_counts || !value.is_empty());
        match (kind, has) {
            ("-", false) | ("+", true) => self.at_depth(argument, depth + 1),
            ("-" | "?", true) | ("+", false) => Ok(value.unwrap_or_default()),
            ("?", false) => Err(InterpolationError::Required(name.to_owned(), self.at_depth(argument, depth + 1)?)),
            _ => Err(InterpolationError::Invalid(shown(whole))),
        }
    }
}

/// The name of a variable at the start of a text.
fn name(text: &str) -> &str {
    let is_part = |(at, c): (usize, char)| c == '_' || c.is_ascii_alphabetic() || (at > 0 && c.is_ascii_digit());
    let end = text.char_indices().find(|&at| !is_part(at)).map_or(text.len(), |(at, _)| at);
    &text[..end]
}

/// Where the brace that opens the text is closed. A brace of a text in between counts, as Compose has it.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'{' => {
                open += 1;
                at += 1;
            }
            b'}' => {
                open -= 1;
                if open == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

fn shown(text: &str) -> String {
    const MOST: usize = 80;
    let short: String = text.chars().take(MOST).collect();
    if short.len() < text.len() { short + "…" } else { short }
}
