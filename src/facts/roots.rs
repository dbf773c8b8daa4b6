//! Roots: the distributions that are there because somebody asked for them, not because another one requires them.
//!
//! In this order: what a file or the user asks for by name, an install command of the history, pip's REQUESTED mark (uv
//! marks every distribution, so its marks say nothing), and what nothing requires. Of the last it is said who imports it,
//! where the source tells: that nothing requires it is a weak reason by itself.

use super::Facts;
use crate::base::{DistId, FastMap};
use crate::python::{AskedFor, Distribution, SourceFile, UsedAt};
use crate::source::Kind;
use std::collections::{BTreeMap, BTreeSet};

/// A distribution that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Name as written.
    pub name: String,
    /// Extras asked for.
    pub extras: Vec<String>,
    /// Version specifiers as asked, empty where unknown.
    pub specifiers: String,
    /// The installed version, or that of the replacement.
    pub version: String,
    /// How it is known to be a root: `requirements.txt in /app`, `pip REQUESTED`, `nothing requires it; imported by …`.
    pub how: String,
}

/// The roots among `subject`, by position. Everything in `subject` can be reached from them.
pub(crate) fn roots(facts: &Facts<'_>, subject: &BTreeSet<DistId>) -> Vec<(DistId, Root)> {
    let dists = &facts.python.distributions;
    let mut asked: FastMap<&str, &AskedFor> = FastMap::default();
    facts.asked.iter().for_each(|one| _ = asked.entry(one.name.as_str()).or_insert(one));
    let known = subject.iter().filter_map(|&id| Some((id, root(facts, id, &asked)?)));
    let mut found: BTreeMap<DistId, Root> = known.collect();
    // Distributions that only require one another are reached from no root: they stay all the same.
    let mut reached = BTreeSet::new();
    facts.graph.extend_closure(&mut reached, found.keys().copied().collect(), |_| false);
    for &id in subject {
        if !reached.contains(&id) {
            found.insert(id, named(&dists[id], "only its own requirements require it"));
            facts.graph.extend_closure(&mut reached, vec![id], |_| false);
        }
    }
    found.into_iter().collect()
}

fn root(facts: &Facts<'_>, id: DistId, asked: &FastMap<&str, &AskedFor>) -> Option<Root> {
    let dist = &facts.python.distributions[id];
    if let Some(asked) = asked.get(dist.normalized.as_str()) {
        let (extras, specifiers) = (asked.extras.clone(), asked.specifiers.clone());
        return Some(Root { extras, specifiers, ..named(dist, &asked.source) });
    }
    if dist.requested && dist.installer.as_deref() == Some("pip") {
        return Some(named(dist, "pip's REQUESTED mark"));
    }
    let unrequired = facts.graph.required_by(id).all(|edge| edge.from == id);
    unrequired.then(|| named(dist, &leaf(facts, id)))
}

/// `nothing requires it`, and who imports it: the application rather than another distribution.
fn leaf(facts: &Facts<'_>, id: DistId) -> String {
    let (uses, modules) = (facts.uses, &facts.python.distributions[id].modules);
    let start = "nothing requires it";
    let importers = modules.iter().flat_map(|module| {
        let others = uses.importers(module).filter(|file| file.owner != Some(id));
        others.filter_map(move |file| Some(UsedAt { file, sign: import_of(file, module)? }))
    });
    let first = importers.min_by_key(|used| (!used.file.is_application, &used.file.location.path, used.sign.line));
    if let Some(used) = first {
        let who = if used.file.is_application { "" } else { "another distribution, " };
        return format!("{start}; imported by {who}{}, line {}", used.file.location.path, used.sign.line);
    }
    let has_source = uses.in_application().any(|used| used.sign.kind == Kind::Import);
    let is_named = modules.iter().any(|module| uses.is_named(module));
    match (has_source && !modules.is_empty(), is_named, uses.libraries) {
        (false, ..) => start.to_owned(),
        (true, true, _) => format!("{start}; a string of the application names it"),
        (true, false, true) => format!("{start}, and nothing that was read imports it"),
        (true, false, false) => format!("{start}, and the application does not import it"),
    }
}

/// The first import in a file of a module, of one above it or of one below it.
fn import_of<'u>(file: &'u SourceFile, module: &str) -> Option<&'u crate::source::Sign> {
    let is_within =
        |name: &str, other: &str| name.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let imports = file.signs.iter().filter(|sign| sign.kind == Kind::Import);
    imports.filter(|sign| is_within(&sign.name, module) || is_within(module, &sign.name)).min_by_key(|sign| sign.line)
}

/// A root of which only its name is known.
pub(crate) fn named(dist: &Distribution, how: &str) -> Root {
    Root {
        name: dist.name.clone(),
        extras: Vec::new(),
        specifiers: String::new(),
        version: dist.version.clone(),
        how: how.to_owned(),
    }
}
