//! What a rule must fulfil beyond its types.

use super::raw::{Fault, RawRule, Text, Texts};
use crate::python::normalize_name;
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;

fn fault(text: &Text, message: impl Into<String>) -> Fault {
    Fault { span: text.span(), message: message.into() }
}

/// The texts that people read, and the references.
pub(super) fn texts(raw: &RawRule) -> Result<(), Fault> {
    if !is_kebab_case(raw.id.get_ref()) {
        return Err(fault(&raw.id, "expected an id in kebab-case, for example `torch-cuda`"));
    }
    for text in [&raw.summary, &raw.why, &raw.evidence, &raw.when_not, &raw.remedy] {
        if text.get_ref().trim().is_empty() {
            return Err(fault(text, "expected a text, found an empty one"));
        }
    }
    let summary = raw.summary.get_ref();
    if summary.contains('\n') || summary.ends_with('.') || summary.trim() != summary {
        return Err(fault(&raw.summary, "expected one line without a full stop at its end"));
    }
    if raw.references.get_ref().is_empty() {
        let message = "expected at least one public source, found none".to_owned();
        return Err(Fault { span: raw.references.span(), message });
    }
    raw.references.get_ref().iter().try_for_each(https)
}

/// Lower case words of letters and digits, joined by single hyphens.
fn is_kebab_case(id: &str) -> bool {
    let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    id.split('-').all(word)
}

/// The URL of a package index: `https://`, or `http://` on this machine, which installers trust as well.
pub(super) fn index(text: &Text) -> Result<(), Fault> {
    let rest = text.get_ref().strip_prefix("http://").unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
    let is_here = ["127.0.0.1", "localhost"].contains(&host) && port.parse::<u16>().is_ok();
    let is_clean = !rest.contains(|c: char| c.is_whitespace() || c.is_control());
    if is_here && is_clean { Ok(()) } else { https(text) }
}

/// An `https://` URL without blanks.
pub(super) fn https(text: &Text) -> Result<(), Fault> {
    let url = text.get_ref();
    let host = url.strip_prefix("https://").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()));
    let authority = url.split('/').nth(2).unwrap_or_default();
    if authority.contains('@') {
        return Err(fault(
            text,
            "expected a URL without user and password: uv and pip keep those, in their configuration",
        ));
    }
    if host && !url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Ok(());
    }
    Err(fault(text, "expected a URL that starts with `https://`"))
}

/// A distribution's name as PEP 503 normalizes it.
pub(super) fn normalized(text: &Text) -> Result<(), Fault> {
    let name = text.get_ref();
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !name.is_empty() && name.chars().all(allowed) && normalize_name(name) == *name {
        return Ok(());
    }
    Err(fault(text, "expected a normalized name (PEP 503): lower case, single hyphens"))
}

/// A family: two members or more, and all that is kept or needed is one of them.
pub(super) fn family(
    members: &Spanned<Texts>,
    keep: &Spanned<Texts>,
    needs: &BTreeMap<String, Texts>,
) -> Result<(), Fault> {
    members.get_ref().iter().try_for_each(normalized)?;
    let names: BTreeSet<&str> = members.get_ref().iter().map(|member| member.get_ref().as_str()).collect();
    if names.len() < 2 || names.len() != members.get_ref().len() {
        return Err(Fault { span: members.span(), message: "expected two or more different members".to_owned() });
    }
    if keep.get_ref().is_empty() {
        return Err(Fault { span: keep.span(), message: "expected at least one member to keep".to_owned() });
    }
    for text in keep.get_ref().iter().chain(needs.values().flatten()) {
        if !names.contains(text.get_ref().as_str()) {
            return Err(fault(text, "expected one of `members`"));
        }
    }
    Ok(())
}
