//! `pdm.lock`: a list of packages, each with its groups, its marker and its files' digests.

use super::{Pin, Pins, hashes, name, of_package, packages};
use crate::manifest::Artifact;
use crate::manifest::Choice;
use crate::manifest::Markers;
use crate::manifest::document::{Document, Node, Table};
use crate::manifest::normalize_name;
use crate::manifest::project::Project;
use crate::manifest::pylock::{file_of, without_secrets};
use std::collections::BTreeSet;

/// What PDM calls the project's own dependencies.
const DEFAULT: &str = "default";

/// Reads a `pdm.lock`. `project` is what its `pyproject.toml` says. Extras are groups to PDM.
///
/// # Errors
///
/// What was expected, and where it was not found.
pub fn parse_pdm_lock(
    content: &str,
    project: Option<&Project>,
    choice: &Choice,
    markers: &Markers,
) -> Result<Pins, String> {
    let document = Document::parse(content)?;
    let lock = document.root();
    let packages = packages(lock)?;
    let locked = lock.table("metadata").map(|metadata| metadata.texts("groups")).unwrap_or_default();
    let known: BTreeSet<String> = locked.iter().map(|name| normalize_name(name)).collect();
    let extras: BTreeSet<String> = project.into_iter().flat_map(|project| project.extras.keys().cloned()).collect();
    // Without the project's file nobody can tell a group for development from an extra.
    let development = project.into_iter().flat_map(|project| project.groups.keys().cloned());
    let default: BTreeSet<String> = development.filter(|group| known.contains(group)).collect();
    let mut groups = choice.chosen_groups(DEFAULT, &default, &known);
    groups.extend(choice.chosen_extras(extras.iter().map(String::as_str)));
    let has_groups = packages.iter().any(|package| package.get("groups").is_some());
    let mut notes = Vec::new();
    if !has_groups && known.len() > 1 {
        notes.push("the lock does not say which groups its packages belong to: all count".to_owned());
    }
    let asked = project.map(|project| asked(project, &groups)).unwrap_or_default();
    let mut pins = Vec::new();
    for package in packages {
        let name = name(package)?;
        let own = package.texts("groups");
        let is_chosen = !has_groups || own.iter().any(|group| groups.contains(&normalize_name(group)));
        let marker = package.text("marker").unwrap_or_default();
        if is_chosen && markers.hold(marker).map_err(|error| of_package(&name, error))? {
            pins.push(pin(package, name, &asked));
        }
    }
    Ok(Pins::of(pins, notes))
}

/// What the project itself asks for.
fn asked(project: &Project, groups: &BTreeSet<String>) -> BTreeSet<String> {
    let lists = project.extras.iter().chain(&project.groups);
    let lists = lists.filter(|(name, _)| groups.contains(*name)).flat_map(|(_, list)| list);
    project.dependencies.iter().chain(lists).map(|(found, _)| found.normalized()).collect()
}

fn pin(package: Table<'_>, name: String, asked: &BTreeSet<String>) -> Pin {
    let requested = asked.contains(&normalize_name(&name));
    let url = package.text("url").map(str::to_owned);
    Pin {
        version: package.text("version").map(str::to_owned),
        files: package.list("files").into_iter().filter_map(Node::as_table).filter_map(artifact).collect(),
        hashes: hashes(package.get("files")),
        url: package.text("git").map(|url| format!("git+{url}")).or(url),
        path: package.text("path").map(str::to_owned),
        editable: package.flag("editable").unwrap_or(false),
        index: None,
        requested,
        name,
    }
}

/// A file whose place is told (`static_urls`).
fn artifact(file: Table<'_>) -> Option<Artifact> {
    let url = file.text("url")?;
    let (algorithm, digest) = file.text("hash")?.split_once(':')?;
    let hashes = [(algorithm.to_owned(), digest.to_owned())].into();
    Some(Artifact { file: file_of(url), url: Some(without_secrets(url)), size: None, hashes })
}
