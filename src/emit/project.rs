//! `pyproject.edits.toml`: what a project of uv's has to say so that its own lock comes out as the plan has it. It is
//! for a person to merge: the project's file is theirs.
//!
//! Source: <https://docs.astral.sh/uv/concepts/projects/dependencies/> (sources), `/indexes/` (explicit ones) and
//! <https://docs.astral.sh/uv/reference/settings/> (`exclude-dependencies`, since uv 0.11.25).

use super::quote::comment;
use super::requirements::{is_url, is_version};
use crate::plan::{Pin, Plan, Why};
use crate::python::{is_name, normalize_name};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The file's name.
pub const NAME: &str = "pyproject.edits.toml";

/// The text; none where the application is no project of uv's, or the plan has nothing to say to it.
pub fn edits(plan: &Plan) -> Option<String> {
    let project = plan.uv_project.as_deref()?;
    let excluded = excluded(plan);
    let bound: Vec<&Pin> = plan.pins.iter().filter(|pin| is_plain(pin) && index(pin).is_some()).collect();
    let kept: Vec<&Pin> = plan.pins.iter().filter(|pin| is_plain(pin) && pin.instead_of.is_some()).collect();
    if excluded.is_empty() && bound.is_empty() && kept.is_empty() {
        return None;
    }
    let mut out = format!(
        "# For pyproject.toml beside {}: merge these tables into those that it has, then run `uv lock`.\n",
        comment(project)
    );
    dependencies(plan, &kept, &mut out);
    if !excluded.is_empty() {
        exclusions(&excluded, &mut out);
    }
    sources(&bound, &mut out);
    Some(out)
}

fn is_plain(pin: &Pin) -> bool {
    is_name(&pin.name) && is_version(&pin.version) && pin.url.is_none()
}

fn index(pin: &Pin) -> Option<&str> {
    pin.index.as_deref().filter(|index| is_url(index) && !index.contains('@'))
}

/// Names whose requirements are not to be followed: dropped members of families that something still requires.
fn excluded(plan: &Plan) -> BTreeMap<String, &Why> {
    let pinned: BTreeSet<String> = plan.pins.iter().map(|pin| normalize_name(&pin.name)).collect();
    let edges = plan.overridden.iter().filter(|edge| is_name(&edge.name) && !pinned.contains(&edge.name));
    edges.map(|edge| (edge.name.clone(), &edge.why)).collect()
}

/// A source binds direct dependencies only, and an excluded name brings nothing in its place: both are asked for.
fn dependencies(plan: &Plan, kept: &[&Pin], out: &mut String) {
    out.push_str("\n[project]\n# Add these to the list. They take the place of what is named behind them, which goes.\ndependencies = [\n");
    let roots: BTreeSet<String> = plan.roots.iter().map(|root| normalize_name(&root.name)).collect();
    let excluded = excluded(plan);
    let served = plan.pins.iter().filter(|pin| is_plain(pin) && roots.contains(&normalize_name(&pin.name)));
    let serves = |pin: &&&Pin| {
        let is_it =
            |why: &&Why| matches!(why, Why::ReplacedBy(name) if normalize_name(name) == normalize_name(&pin.name));
        excluded.values().any(is_it)
    };
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    for pin in kept.iter().copied().chain(served.filter(|pin| serves(&pin))) {
        let why = pin.instead_of.as_deref().map_or_else(|| pin.why.to_string(), |old| format!("instead of {old}"));
        rows.insert(normalize_name(&pin.name), format!("    \"{}=={}\", # {}", pin.name, pin.version, comment(&why)));
    }
    rows.values().for_each(|row| out.push_str(&format!("{row}\n")));
    out.push_str("]\n");
}

fn exclusions(excluded: &BTreeMap<String, &Why>, out: &mut String) {
    out.push_str("\n[tool.uv]\n# Not to be installed, whoever requires it. Needs uv 0.11.25 or later.\nexclude-dependencies = [\n");
    excluded.iter().for_each(|(name, why)| out.push_str(&format!("    \"{name}\", # {}\n", comment(&why.to_string()))));
    out.push_str("]\n# With an older uv, the same by a marker that is never true:\n# override-dependencies = [\n");
    excluded.keys().for_each(|name| out.push_str(&format!("#     \"{name} ; python_version < '0'\",\n")));
    out.push_str("# ]\n");
}

fn sources(bound: &[&Pin], out: &mut String) {
    let indexes: BTreeSet<&str> = bound.iter().filter_map(|pin| index(pin)).collect();
    if indexes.is_empty() {
        return;
    }
    let names: BTreeMap<&str, String> = indexes
        .iter()
        .enumerate()
        .map(|(at, index)| (*index, if at == 0 { "cpu".to_owned() } else { format!("cpu-{}", at + 1) }))
        .collect();
    out.push_str("\n# These alone come from that index, and nothing else does.\n[tool.uv.sources]\n");
    for pin in bound {
        let name = index(pin).and_then(|index| names.get(index)).map(String::as_str).unwrap_or_default();
        let _ = writeln!(out, "{} = {{ index = \"{name}\" }}", normalize_name(&pin.name));
    }
    for (url, name) in names {
        let _ = write!(out, "\n[[tool.uv.index]]\nname = \"{name}\"\nurl = \"{url}\"\nexplicit = true\n");
    }
}
