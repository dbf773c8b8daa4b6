//! From a rule's text to the [`Rule`] that is evaluated, in one step; whatever is wrong points at its place.

use super::{Rule, check};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What was wrong, and where in the text.
#[derive(Debug)]
pub(super) struct Fault {
    /// The bytes of the text that it is about.
    pub(super) span: Range<usize>,
    /// What was expected and what was found.
    pub(super) message: String,
}

/// Reads a rule and checks it.
pub(super) fn parse(text: &str) -> Result<Rule, Fault> {
    let mut table = DeTable::parse(text).map_err(|error| fault(&error))?;
    let detect = by_kind(table.get_mut())?;
    let rule: Rule = serde::Deserialize::deserialize(toml::Deserializer::from(table)).map_err(|error| {
        let mut fault = fault(&error);
        if let Some((kind, span)) = &detect
            && span.contains(&fault.span.start)
        {
            fault.message = format!("{}, in a rule of kind `{kind}`", fault.message);
        }
        fault
    })?;
    match check::rule(&rule) {
        Ok(()) => Ok(rule),
        Err(wrong) => Err(Fault { span: place(text, &wrong.at), message: wrong.message }),
    }
}

/// Where the value stands to which these keys and positions lead.
pub(super) fn place(text: &str, keys: &[String]) -> Range<usize> {
    let Ok(table) = DeTable::parse(text) else { return 0..0 };
    let mut span = table.span();
    let root = DeValue::Table(table.into_inner());
    let mut value = &root;
    for key in keys {
        let next = match value {
            DeValue::Table(table) => table.get(key.as_str()),
            DeValue::Array(items) => key.parse().ok().and_then(|position: usize| items.get(position)),
            _ => None,
        };
        let Some(next) = next else { break };
        (span, value) = (next.span(), next.get_ref());
    }
    span
}

/// Files what `detect` holds under its `kind`, which is how a variant of an enum is told from others without losing the
/// places of what is in it. The kind, and all of the text that belongs to it.
fn by_kind(table: &mut DeTable<'_>) -> Result<Option<(String, Range<usize>)>, Fault> {
    let Some(detect) = table.get_mut("detect") else { return Ok(None) };
    let whole = detect.span();
    let DeValue::Table(keys) = detect.get_mut() else { return Ok(None) };
    let spans = keys.iter().flat_map(|(key, value)| [key.span(), value.span()]);
    let end = spans.map(|span| span.end).fold(whole.end, usize::max);
    let Some(kind) = keys.remove("kind") else {
        return Err(Fault { span: whole, message: "missing key `kind` of `detect`".to_owned() });
    };
    let span = kind.span();
    let DeValue::String(kind) = kind.into_inner() else {
        return Err(Fault { span, message: "expected the name of a kind".to_owned() });
    };
    let name = kind.to_string();
    let rest = std::mem::take(keys);
    keys.insert(Spanned::new(span, kind), Spanned::new(whole.clone(), DeValue::Table(rest)));
    Ok(Some((name, whole.start..end.saturating_add(1))))
}

fn fault(error: &toml::de::Error) -> Fault {
    let message = error.message().trim().trim_end_matches([' ', ':', ',']).replace('\n', ", ");
    Fault { span: error.span().unwrap_or(0..0), message }
}
