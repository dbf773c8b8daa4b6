//! What a plan hands on to who edits a Dockerfile: what was asked for and is in no list of pins, and what the original's
//! layers tell of files that are not in it any more.

use super::Carried;
use super::closure::Decisions;
use crate::base::{Basis, ImagePath, is_within};
use crate::facts::Facts;
use crate::fs::Fate;
use crate::python::{AskedFor, Distribution, normalize_name};
use crate::rules::Finding;
use std::collections::{BTreeMap, BTreeSet};

/// Files that are told of; an image with more hides whole trees, of which these are enough to know a removal by.
const MAX_HIDDEN: usize = 100_000;

/// Requirements of which a virtual image does not know what they install: what the gaps name and somebody asked for.
pub(super) fn carried(facts: &Facts<'_>) -> Vec<Carried> {
    let gaps = &facts.view.image().gaps;
    let is_open = |name: &str| gaps.iter().any(|gap| normalize_name(&gap.command) == name);
    let installed = |name: &str| facts.python.named(name).next().is_some();
    let mut open: BTreeMap<&str, Vec<&AskedFor>> = BTreeMap::new();
    for asked in facts.asked.iter().filter(|asked| is_open(&asked.name) && !installed(&asked.name)) {
        open.entry(&asked.name).or_default().push(asked);
    }
    open.values().filter_map(|asked| as_asked(asked)).collect()
}

/// One requirement for a name that several files ask for: the one that pins it, else the one that bounds it. None where two of
/// these differ: which one an install heeds is not known.
fn as_asked(all: &[&AskedFor]) -> Option<Carried> {
    let bounds: BTreeSet<&str> = all.iter().map(|asked| &*asked.specifiers).filter(|it| !it.is_empty()).collect();
    let pins: BTreeSet<&str> = bounds.iter().copied().filter(|it| it.starts_with("==")).collect();
    let narrowest = if pins.is_empty() { &bounds } else { &pins };
    let chosen = match narrowest.len() {
        0 => all.first()?,
        1 => all.iter().find(|asked| narrowest.contains(&*asked.specifiers))?,
        _ => return None,
    };
    let extras: BTreeSet<&str> = all.iter().flat_map(|asked| &asked.extras).map(String::as_str).collect();
    let extras = extras.into_iter().collect::<Vec<_>>().join(",");
    let extras = if extras.is_empty() { extras } else { format!("[{extras}]") };
    let requirement = format!("{}{extras}{}", chosen.written, chosen.specifiers);
    Some(Carried { name: chosen.name.clone(), requirement, source: chosen.source.clone() })
}

/// Distributions that stay and that no list can name.
pub(super) fn unlisted(facts: &Facts<'_>, decisions: &Decisions) -> Vec<String> {
    let copied = decisions.kept.iter().filter(|id| decisions.is_copied(facts, **id));
    let mut out: Vec<String> = copied.map(|&id| facts.python.distributions[id].normalized.clone()).collect();
    out.sort();
    out
}

/// Whether all distributions that came from a folder or a file were seen to have no compiled module. In an image that
/// nobody has built nothing was seen.
pub(super) fn pure_projects(facts: &Facts<'_>) -> bool {
    let is_compiled = |dist: &Distribution| dist.files.iter().any(|path| path.as_bytes().ends_with(b".so"));
    let mut projects = facts.python.distributions.iter().filter(|dist| dist.is_local() || dist.editable);
    facts.view.image().basis == Basis::Measured
        && projects.all(|dist| !dist.is_local() || !is_compiled(dist) && !dist.editable)
}

/// Whether a rule found something of apt's own cache.
pub(super) fn package_cache(findings: &[Finding]) -> bool {
    let paths = findings.iter().flat_map(|finding| &finding.paths);
    paths.map(ImagePath::as_bytes).any(|path| is_within(path, b"var/cache/apt"))
}

/// Files that a later layer removed.
pub(super) fn hidden(facts: &Facts<'_>) -> Vec<(ImagePath, u64)> {
    let mut out = Vec::new();
    for (layer, index) in facts.view.image().layers.iter().enumerate() {
        for (position, entry) in index.entries.iter().enumerate().filter(|(_, entry)| entry.size > 0) {
            let at = (layer as crate::base::LayerIdx, position as u32);
            if matches!(facts.view.fate(at), Fate::Deleted { .. }) && out.len() < MAX_HIDDEN {
                out.push((entry.path.clone(), entry.size));
            }
        }
    }
    out.sort();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_several_files_ask_for_is_carried_over_as_the_one_that_pins_it() {
        let asked = |specifiers: &str, extras: &[&str]| AskedFor {
            name: "a".into(),
            written: "A".into(),
            extras: extras.iter().map(|extra| (*extra).to_owned()).collect(),
            specifiers: specifiers.into(),
            source: String::new(),
        };
        let of = |all: &[AskedFor]| as_asked(&all.iter().collect::<Vec<_>>()).map(|carried| carried.requirement);
        let (any, bound, pin) = (asked("", &["x"]), asked(">=1", &[]), asked("==1.3", &[]));
        assert_eq!(of(&[any.clone(), bound.clone(), pin.clone()]).as_deref(), Some("A[x]==1.3"));
        assert_eq!(of(&[any.clone(), bound.clone()]).as_deref(), Some("A[x]>=1"));
        assert_eq!(of(&[any]).as_deref(), Some("A[x]"));
        assert_eq!(of(&[pin, asked("==1.4", &[])]), None);
        assert_eq!(of(&[bound, asked("<2", &[])]), None);
    }
}
