//! What the application's source says for or against a swap. What a distribution's source says decides nothing: a
//! library has code for machines that the service never sees.

use super::Evidence;
use super::Signs;
use crate::python::{UsedAt, Uses};
use crate::source::Kind;
use std::collections::BTreeMap;

/// Places that are named in a text, or shown as rows.
const SHOWN: usize = 3;
const ROWS: usize = 8;

impl Signs {
    /// Whether a sign is one of these, and no condition about a GPU guards it.
    pub(crate) fn has(&self, used: &UsedAt<'_>) -> bool {
        let name = used.sign.name.as_bytes();
        let beside = || {
            let mut imports = used.file.signs.iter().filter(|sign| sign.kind == Kind::Import);
            imports.any(|sign| self.modules.iter().any(|module| is_below(&sign.name, module)))
        };
        !used.sign.guarded
            && match used.sign.kind {
                Kind::Use => self.uses.matches(name) && !self.except.matches(name),
                Kind::Call => self.calls.matches(name) && beside(),
                Kind::Text => self.texts.matches(name) && beside(),
                Kind::Flag => self.flags.matches(name) && beside(),
                _ => false,
            }
    }
}

/// Whether a dotted name is a module's, or that of something in it.
pub(super) fn is_below(name: &str, module: &str) -> bool {
    name.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The places among `all` that need one of the names of `needs`, by name.
pub(crate) fn needed<'u, 'n>(
    all: impl Iterator<Item = UsedAt<'u>>,
    needs: &'n BTreeMap<String, Vec<String>>,
) -> BTreeMap<&'n str, Vec<UsedAt<'u>>> {
    let mut out: BTreeMap<&str, Vec<UsedAt<'u>>> = BTreeMap::new();
    for used in all.filter(|used| matches!(used.sign.kind, Kind::Use | Kind::Import)) {
        if let Some(name) = needs.keys().find(|name| is_below(&used.sign.name, name)) {
            out.entry(name).or_default().push(used);
        }
    }
    out
}

/// The first member to keep that has all that is needed; the first one where none has, and then `false`.
pub(crate) fn kept_member<'k>(
    keep: &'k [String],
    needs: &BTreeMap<String, Vec<String>>,
    needed: &BTreeMap<&str, Vec<UsedAt<'_>>>,
) -> Option<(&'k String, bool)> {
    let has =
        |name: &&String| needed.keys().all(|needed| needs.get(*needed).is_some_and(|members| members.contains(*name)));
    keep.iter().find(has).map(|name| (name, true)).or_else(|| keep.first().map(|name| (name, false)))
}

/// By file and line.
pub(crate) fn in_order<'u>(uses: impl Iterator<Item = UsedAt<'u>>) -> Vec<UsedAt<'u>> {
    let mut uses: Vec<UsedAt<'u>> = uses.collect();
    uses.sort_by_key(|used| (&used.file.location.path, used.sign.line));
    uses
}

/// `/app/a.py, line 3: cv2.imshow; … and 2 more`.
pub(crate) fn places(used: &[UsedAt<'_>]) -> String {
    let mut shown: Vec<String> = used.iter().take(SHOWN).map(UsedAt::text).collect();
    if used.len() > SHOWN {
        shown.push(format!("and {} more", used.len() - SHOWN));
    }
    shown.join("; ")
}

/// A row for each place.
pub(super) fn rows(used: &[UsedAt<'_>]) -> Vec<Evidence> {
    let row = |used: &UsedAt<'_>| Evidence { location: Some(used.file.location.clone()), bytes: 0, note: used.line() };
    used.iter().take(ROWS).map(row).collect()
}

/// What no source shows: where the application imports what it names at run time, and what was not read.
pub(crate) fn blind_spots(uses: &Uses) -> Vec<UsedAt<'_>> {
    in_order(uses.in_application().filter(|used| matches!(used.sign.kind, Kind::Dynamic | Kind::Unread)))
}
