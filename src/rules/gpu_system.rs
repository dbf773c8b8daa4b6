//! Packages of the system that serve a GPU, and what is in their folders.

use super::context::{Context, title};
use super::signs::{self, in_order, places};
use super::{Evidence, Finding, GlobSet, Rule, Signs, Subject};
use crate::base::{ByteSize, ImagePath, PackageId, Text, count, names as join};
use crate::layer::EntryKind;
use crate::os::Provider;
use crate::python::UsedAt;
use std::collections::BTreeSet;

/// Less is no weight that a base brings, in bytes.
const LEAST: u64 = 1_000_000;

/// One finding for all of them, wherever they are.
pub(super) fn packages(
    context: &Context<'_>,
    rule: &Rule,
    names: &GlobSet,
    paths: &GlobSet,
    unless: &Signs,
) -> Option<Finding> {
    let (view, os) = (context.facts.view, context.facts.os);
    let is_one =
        |place: &PackageId| names.matches(os.packages[*place].name.as_bytes()) && !os.packages[*place].essential;
    let found: Vec<PackageId> = os.packages.ids().filter(is_one).collect();
    let mut loose: Vec<ImagePath> = Vec::new();
    let mut loose_bytes = 0u64;
    for (path, node) in view.iter().filter(|(path, _)| paths.matches(path)) {
        let is_owned = os.owners.contains_key(path) || context.facts.python.owner(path).is_some();
        if !is_owned && view.entry(node.entry).kind != EntryKind::Directory {
            loose.push(view.path(node).clone());
            loose_bytes = loose_bytes.saturating_add(if view.holds_bytes(node) { view.size(node) } else { 0 });
        }
    }
    let bytes = found.iter().fold(loose_bytes, |sum, &place| sum.saturating_add(os.packages[place].bytes));
    if bytes < LEAST {
        return None;
    }
    let mut by_size = found.clone();
    by_size.sort_by_key(|&place| std::cmp::Reverse(os.packages[place].bytes));
    let shown: Vec<Text> = by_size.iter().map(|&place| Text::from(&os.packages[place].name)).collect();
    let more =
        if loose_bytes > 0 { format!("; {} that no package owns", ByteSize(loose_bytes)) } else { String::new() };
    let message = format!("{} in {}: {}{more}", ByteSize(bytes), count(found.len(), "OS package"), join(&shown, 4));
    let row = |&place: &PackageId| {
        let package = &os.packages[place];
        Evidence { location: None, bytes: package.bytes, note: title(&package.name, &package.version) }
    };
    let mut rows: Vec<Evidence> = found.iter().map(row).collect();
    if let Some(first) = loose.first() {
        let note = format!("{first} and the like, which no package owns");
        rows.push(Evidence { location: None, bytes: loose_bytes, note });
    }
    let uses: Vec<UsedAt<'_>> = in_order(context.facts.uses.in_application().filter(|used| unless.has(used)));
    let asks = (!uses.is_empty()).then(|| format!("the application asks for a GPU: {}", places(&uses)));
    let linked = linked(context, &found.iter().copied().collect());
    let mut finding = Finding::new(rule, Subject::Packages, message, bytes).with_evidence(rows);
    finding.os_packages = found;
    finding.paths = loose;
    Some(finding.led_by(signs::rows(&uses)).doubted(asks).doubted(linked))
}

/// What is linked with one of these packages, and none of them itself.
fn linked(context: &Context<'_>, packages: &BTreeSet<PackageId>) -> Option<String> {
    let facts = context.facts;
    let is_theirs = |path: &[u8]| facts.os.owners.get(path).is_some_and(|owner| packages.contains(owner));
    let need = facts.libraries.needs.iter().find(|need| {
        matches!(need.provider, Provider::Package(position) if packages.contains(&position))
            && !is_theirs(need.file.as_bytes())
    })?;
    let library = need.library.to_string();
    Some(format!("{} is linked with {}", need.file, library.trim_start_matches('/')))
}
