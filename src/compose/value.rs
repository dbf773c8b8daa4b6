//! Values as Compose reads them: sizes, numbers, command lines.
//!
//! Source: docker/go-units (`RAMInBytes`), mattn/go-shellwords; tried against Docker Compose 2.40.

use crate::yaml::{Node, Value};

/// What a value comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading<T> {
    /// This.
    Is(T),
    /// Nothing: Compose takes the value and forgets it.
    Dropped,
    /// Compose refuses the file: what it expects.
    Refused(String),
}

impl<T> Reading<T> {
    /// The value, where there is one.
    pub fn value(&self) -> Option<&T> {
        if let Self::Is(value) = self { Some(value) } else { None }
    }
}

/// A number of bytes under a key of a service. Units are binary throughout: `1g`, `1gb` and `1 GiB` are 2^30.
pub fn bytes(node: &Node) -> Reading<i64> {
    match &node.value {
        Value::Int(value) => Reading::Is(*value),
        Value::Float(_) => Reading::Dropped,
        Value::Text(text) => size(text).map_or_else(Reading::Refused, Reading::Is),
        _ => Reading::Refused(format!("expected a size, found {}", node.kind())),
    }
}

/// A number of bytes under `deploy.resources`, where Compose wants a text.
pub fn bytes_as_text(node: &Node) -> Reading<i64> {
    match &node.value {
        Value::Text(text) => size(text).map_or_else(Reading::Refused, Reading::Is),
        _ => Reading::Refused(format!("expected a text, found {}; put it in quotes", node.kind())),
    }
}

/// `512m`, `1.5gb`, `1 GiB`, `1000`.
fn size(text: &str) -> Result<i64, String> {
    let wrong = || format!("expected a size as 512m or 1g, found `{text}`");
    let end = text.rfind(|c: char| c.is_ascii_digit() || matches!(c, '.' | ' ')).ok_or_else(wrong)?;
    let (number, suffix) = match text.as_bytes()[end] {
        b' ' => (&text[..end], &text[end + 1..]),
        _ => text.split_at(end + 1),
    };
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let value: f64 = if plain { number.parse().map_err(|_| wrong())? } else { return Err(wrong()) };
    let power = match suffix.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        "ki" | "mi" | "gi" | "ti" | "pi" => {
            let letter = &suffix[..1].to_ascii_lowercase();
            return Err(format!(
                "`{text}` is how Kubernetes writes it; Compose reads `{number}{letter}`, which is binary too"
            ));
        }
        _ => return Err(wrong()),
    };
    let bytes = value * 1024_f64.powi(power);
    if value < 0.0 || bytes >= i64::MAX as f64 {
        return Err(wrong());
    }
    Ok(bytes as i64)
}

/// A whole number, also as a text, as a variable gives it.
pub fn whole(node: &Node) -> Reading<i64> {
    match &node.value {
        Value::Int(value) => Reading::Is(*value),
        Value::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => Reading::Is(*value as i64),
        Value::Text(text) => match text.parse() {
            Ok(value) => Reading::Is(value),
            Err(_) => Reading::Refused(format!("expected a whole number, found `{text}`")),
        },
        _ => Reading::Refused(format!("expected a whole number, found {}", node.kind())),
    }
}

/// A number, also as a text.
pub fn number(node: &Node) -> Reading<f64> {
    match &node.value {
        Value::Int(value) => Reading::Is(*value as f64),
        Value::Float(value) => Reading::Is(*value),
        Value::Text(text) => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Reading::Is(value),
            _ => Reading::Refused(format!("expected a number, found `{text}`")),
        },
        _ => Reading::Refused(format!("expected a number, found {}", node.kind())),
    }
}

/// `true` or `false`, also as a text or in YAML 1.1's words.
pub fn boolean(node: &Node) -> Reading<bool> {
    match &node.value {
        Value::Bool(value) => Reading::Is(*value),
        Value::Text(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "y" | "yes" | "on" => Reading::Is(true),
            "false" | "n" | "no" | "off" => Reading::Is(false),
            _ => Reading::Refused(format!("expected true or false, found `{text}`")),
        },
        _ => Reading::Refused(format!("expected true or false, found {}", node.kind())),
    }
}

/// The words of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The words.
    pub words: Vec<String>,
    /// The rest that Compose passes over, from the first `;`, `&`, `|`, `<` or `>` on.
    pub cut: Option<String>,
}

/// A command: a list, or a text that is split. Nothing for nothing.
pub fn command(node: &Node) -> Option<Reading<Words>> {
    Some(match &node.value {
        Value::Null => return None,
        Value::Text(text) => split(text).map_or_else(Reading::Refused, Reading::Is),
        Value::List(list) => match list.iter().find(|node| node.text().is_none()) {
            Some(odd) => Reading::Refused(format!("expected a text, found {}; put it in quotes", odd.kind())),
            None => {
                let words = list.iter().filter_map(|node| node.text().map(str::to_owned)).collect();
                Reading::Is(Words { words, cut: None })
            }
        },
        _ => Reading::Refused(format!("expected a text or a list, found {}", node.kind())),
    })
}

/// Splits as Compose does: quotes and backslashes as a shell has them, and nothing behind an operator of the shell.
fn split(text: &str) -> Result<Words, String> {
    #[derive(Clone, Copy, PartialEq)]
    enum Quote {
        Single,
        Double,
        Back,
        Paren,
    }
    let (mut words, mut word, mut has_word) = (Vec::new(), String::new(), false);
    let mut quote: Option<Quote> = None;
    let mut chars = text.char_indices().peekable();
    let mut cut = None;
    while let Some((at, c)) = chars.next() {
        match (c, quote) {
            ('\\', None | Some(Quote::Double)) => {
                let Some((_, next)) = chars.next() else { return Err("the command ends with a backslash".to_owned()) };
                word.push(next);
                has_word = true;
            }
            ('\'', Some(Quote::Single)) | ('"', Some(Quote::Double)) => quote = None,
            ('`', Some(Quote::Back)) | (')', Some(Quote::Paren)) => {
                quote = None;
                word.push(c);
            }
            (c, Some(_)) => word.push(c),
            (' ' | '\t' | '\r' | '\n', None) => {
                if has_word {
                    words.push(std::mem::take(&mut word));
                }
                has_word = false;
            }
            (';' | '&' | '|' | '<' | '>', None) => {
                // `2>file` is no word of the command.
                if c == '>' && word.starts_with(|c: char| c.is_ascii_digit()) {
                    has_word = false;
                }
                cut = Some(text[at..].to_owned());
                break;
            }
            (c, None) => {
                has_word = true;
                match c {
                    '\'' => quote = Some(Quote::Single),
                    '"' => quote = Some(Quote::Double),
                    '`' => {
                        quote = Some(Quote::Back);
                        word.push(c);
                    }
                    '(' if word.ends_with('$') => {
                        quote = Some(Quote::Paren);
                        word.push(c);
                    }
                    c => word.push(c),
                }
            }
        }
    }
    if quote.is_some() && cut.is_none() {
        return Err("a quote of the command is never closed".to_owned());
    }
    if has_word {
        words.push(word);
    }
    Ok(Words { words, cut })
}

/// The scalars of a list, or of one that stands alone.
pub(super) fn list(node: Option<&Node>) -> Vec<String> {
    match node {
        Some(node) => match node.list() {
            Some(list) => list.iter().filter_map(Node::scalar).collect(),
            None => node.scalar().into_iter().collect(),
        },
        None => Vec::new(),
    }
}
