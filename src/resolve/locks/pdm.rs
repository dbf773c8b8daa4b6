//! `pdm.lock`: a list of packages, each with its groups, its marker and its files' digests.

use super::{Pin, Pins, hashes, name, of_package, packages, table, text, texts};
use crate::manifest::Markers;
use crate::python::normalize_name;
use crate::resolve::Artifact;
use crate::resolve::lock::{file_of, without_secrets};
use crate::resolve::project::Project;
use crate::resolve::request::Choice;
use std::collections::BTreeSet;
use toml::{Table, Value};

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
    let lock = table(content)?;
    let packages = packages(&lock)?;
    let metadata = lock.get("metadata");
    let locked = texts(metadata.and_then(|metadata| metadata.get("groups")));
    let known: BTreeSet<String> = locked.iter().map(|name| normalize_name(name)).collect();
    let extras: BTreeSet<String> = project.into_iter().flat_map(|project| project.extras.keys().cloned()).collect();
    // Without the project's file nobody can tell a group for development from an extra.
    let development = project.into_iter().flat_map(|project| project.groups.keys().cloned());
    let default: BTreeSet<String> = development.filter(|group| known.contains(group)).collect();
    let mut groups = choice.chosen_groups(DEFAULT, &default, &known);
    groups.extend(choice.chosen_extras(extras.iter().map(String::as_str)));
    let has_groups = packages.iter().any(|package| package.contains_key("groups"));
    let mut notes = Vec::new();
    if !has_groups && known.len() > 1 {
        notes.push("the lock does not say which groups its packages belong to: all count".to_owned());
    }
    let asked = project.map(|project| asked(project, &groups)).unwrap_or_default();
    let mut pins = Vec::new();
    for package in packages {
        let name = name(package)?;
        let own = texts(package.get("groups"));
        let is_chosen = !has_groups || own.iter().any(|group| groups.contains(&normalize_name(group)));
        let marker = text(package, "marker").unwrap_or_default();
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

fn pin(package: &Table, name: String, asked: &BTreeSet<String>) -> Pin {
    let files = package.get("files").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let requested = asked.contains(&normalize_name(&name));
    let url = text(package, "url").map(str::to_owned);
    Pin {
        version: text(package, "version").map(str::to_owned),
        files: files.iter().filter_map(artifact).collect(),
        hashes: hashes(package.get("files")),
        url: text(package, "git").map(|url| format!("git+{url}")).or(url),
        path: text(package, "path").map(str::to_owned),
        editable: package.get("editable").and_then(Value::as_bool).unwrap_or(false),
        index: None,
        requested,
        name,
    }
}

/// A file whose place is told (`static_urls`).
fn artifact(file: &Value) -> Option<Artifact> {
    let url = file.get("url")?.as_str()?;
    let (algorithm, digest) = file.get("hash")?.as_str()?.split_once(':')?;
    let hashes = [(algorithm.to_owned(), digest.to_owned())].into();
    Some(Artifact { file: file_of(url), url: Some(without_secrets(url)), size: None, hashes })
}
