//! What a plan hands on to who edits a Dockerfile: what was asked for and is in no list of pins, and what the original's
//! layers tell of files that are not in it any more.

use super::Carried;
use super::closure::Decisions;
use crate::base::{Basis, ImagePath, is_within};
use crate::facts::Facts;
use crate::fs::Fate;
use crate::python::{Distribution, normalize_name};
use crate::rules::Finding;

/// Files that are told of; an image with more hides whole trees, of which these are enough to know a removal by.
const MAX_HIDDEN: usize = 100_000;

/// Requirements of which a virtual image does not know what they install: what the gaps name and somebody asked for.
pub(super) fn carried(facts: &Facts<'_>) -> Vec<Carried> {
    let gaps = &facts.view.image().gaps;
    let is_open = |name: &str| gaps.iter().any(|gap| normalize_name(&gap.command) == name);
    let installed = |name: &str| facts.python.named(name).next().is_some();
    let asked = facts.asked.iter().filter(|asked| is_open(&asked.name) && !installed(&asked.name));
    let mut out: Vec<Carried> = Vec::new();
    for asked in asked {
        if out.iter().any(|other| other.name == asked.name) {
            continue;
        }
        let extras = if asked.extras.is_empty() { String::new() } else { format!("[{}]", asked.extras.join(",")) };
        let requirement = format!("{}{extras}{}", asked.written, asked.specifiers);
        out.push(Carried { name: asked.name.clone(), requirement, source: asked.source.clone() });
    }
    out.sort();
    out
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
