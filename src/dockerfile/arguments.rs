//! The words of `ENV`, `ARG` and `WORKDIR`. Source: the Dockerfile reference (ENV, environment replacement).

use std::collections::BTreeMap;

/// Names and values of `ENV a=b c="d e"`, `ENV a b c` and `ARG a`.
pub(super) fn pairs(text: &str) -> Vec<(String, Option<String>)> {
    let words = words(text);
    match words.first().and_then(|first| first.split_once('=')) {
        None if words.len() > 1 && text.trim_start().starts_with(|c: char| c.is_alphabetic() || c == '_') => {
            let (name, value) = text.trim().split_once(char::is_whitespace).unwrap_or((text, ""));
            vec![(name.to_owned(), Some(value.trim().to_owned()))]
        }
        _ => words.iter().map(|word| pair(word)).collect(),
    }
}

fn pair(word: &str) -> (String, Option<String>) {
    match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word.to_owned(), None),
    }
}

/// Words without their quotes.
fn words(text: &str) -> Vec<String> {
    let (mut out, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\\', None | Some('"')) => {
                let next = characters.next();
                // A dollar sign that means itself stays one.
                word.push_str(if next == Some('$') { "\\" } else { "" });
                word.extend(next);
            }
            ('$', Some('\'')) => word.push_str("\\$"),
            (c, Some(_)) => word.push(c),
            ('"' | '\'', None) => {
                quote = Some(c);
                begun = true;
            }
            (c, None) if c.is_whitespace() => {
                if begun || !word.is_empty() {
                    out.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (c, None) => word.push(c),
        }
    }
    if begun || !word.is_empty() {
        out.push(word);
    }
    out
}

/// One word, which may have spaces in it, without its quotes.
pub(super) fn unquoted(text: &str) -> String {
    let text = text.trim();
    if text.contains(['"', '\'']) { words(text).join(" ") } else { text.to_owned() }
}

/// Puts the values of `$NAME`, `${NAME}` and `${NAME:-default}` in; `None` when one is not known.
pub(super) fn expanded(text: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        // It means itself there, or follows a backslash.
        if rest[..at].ends_with('\\') {
            return None;
        }
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (name, default, after) = match rest.strip_prefix('{') {
            Some(inside) => {
                let (inside, after) = inside.split_once('}')?;
                let (name, default) =
                    inside.split_once(":-").map_or((inside, None), |(name, value)| (name, Some(value)));
                (name, default, after)
            }
            None => {
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
                (&rest[..end], None, &rest[end..])
            }
        };
        if default.is_some_and(|default| default.contains(['$', '\\'])) {
            return None;
        }
        let value = variables.get(name).map(String::as_str);
        out.push_str(value.filter(|value| default.is_none() || !value.is_empty()).or(default)?);
        if out.len() > 10_000 {
            return None;
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}
