//! `poetry.lock`. Since its version 2.1 each package says in which groups it is and when; before, only the project's
//! own file knows the groups, and the edges lead from there.

use super::{Pin, Pins, hashes, name, of_package, packages, table, text, texts};
use crate::python::normalize_name;
use crate::resolve::marker::Markers;
use crate::resolve::project::{Dependency, Project, poetry_requirement};
use crate::resolve::request::Choice;
use crate::resolve::requirements::{Requirement, parse_requirement_line};
use std::collections::{BTreeMap, BTreeSet};
use toml::{Table, Value};

/// What Poetry calls the project's own dependencies.
const MAIN: &str = "main";

/// Reads a `poetry.lock`. `project` is what its `pyproject.toml` says.
///
/// # Errors
///
/// What was expected, and where it was not found.
pub fn parse_poetry_lock(
    content: &str,
    project: Option<&Project>,
    choice: &Choice,
    markers: &Markers,
) -> Result<Pins, String> {
    let lock = table(content)?;
    let packages = packages(&lock)?;
    let extras = lock.get("extras").and_then(Value::as_table);
    let mut markers = markers.clone();
    markers.extras = choice.chosen_extras(extras.into_iter().flat_map(Table::keys).map(String::as_str));
    let has_groups = packages.iter().any(|package| package.contains_key("groups"));
    let mut known: BTreeSet<String> = project.into_iter().flat_map(|project| project.groups.keys().cloned()).collect();
    for package in &packages {
        known.extend(texts(package.get("groups")).iter().map(|group| normalize_name(group)));
        known.extend(text(package, "category").map(normalize_name));
    }
    let is_default =
        |group: &&String| *group != MAIN && project.is_none_or(|project| !project.optional_groups.contains(*group));
    let default: BTreeSet<String> = known.iter().filter(is_default).cloned().collect();
    let groups = choice.chosen_groups(MAIN, &default, &known);
    let mut notes = Vec::new();
    let asked = asked(project, &groups, &markers.extras);
    let chosen = if has_groups {
        by_groups(&packages, &groups, &markers)?
    } else if project.is_some_and(|project| !asked.is_empty() || project.dependencies.is_empty()) {
        by_edges(&packages, &asked, &markers)?
    } else {
        notes.push(
            "the lock does not say which groups its packages belong to, and there is no pyproject.toml beside it: all count"
                .into(),
        );
        by_category(&packages, &groups)
    };
    let asked: BTreeSet<String> = asked.iter().map(|(requirement, _)| requirement.normalized()).collect();
    let mut pins = Vec::new();
    for at in chosen {
        pins.push(pin(packages[at], &lock, &asked)?);
    }
    Ok(Pins::of(pins, notes))
}

/// What the project itself asks for in some groups.
fn asked(project: Option<&Project>, groups: &BTreeSet<String>, extras: &BTreeSet<String>) -> Vec<Dependency> {
    let Some(project) = project else { return Vec::new() };
    let main = groups.contains(MAIN).then_some(&project.dependencies).into_iter().flatten();
    let of_extras = project.extras.iter().filter(|(name, _)| extras.contains(*name)).flat_map(|(_, list)| list);
    let of_groups = project.groups.iter().filter(|(name, _)| groups.contains(*name)).flat_map(|(_, list)| list);
    main.chain(of_extras).chain(of_groups).cloned().collect()
}

/// By the groups and the marker that each package has: one for all groups, or one for each.
fn by_groups(packages: &[&Table], groups: &BTreeSet<String>, markers: &Markers) -> Result<Vec<usize>, String> {
    let mut out = Vec::new();
    for (at, package) in packages.iter().enumerate() {
        let own = texts(package.get("groups"));
        let own = own.iter().map(|group| normalize_name(group)).filter(|group| groups.contains(group));
        let mut holds = false;
        for group in own {
            let marker = match package.get("markers") {
                Some(Value::String(marker)) => marker.as_str(),
                Some(Value::Table(each)) => {
                    let own = each.iter().find(|(name, _)| normalize_name(name) == group);
                    own.and_then(|(_, marker)| marker.as_str()).unwrap_or_default()
                }
                _ => "",
            };
            let name = text(package, "name").unwrap_or_default();
            holds |= markers.hold(marker).map_err(|error| of_package(name, error))?;
        }
        if holds {
            out.push(at);
        }
    }
    Ok(out)
}

/// All that are not optional; those for development only where `dev` is chosen.
fn by_category(packages: &[&Table], groups: &BTreeSet<String>) -> Vec<usize> {
    let counts = |package: &Table| {
        let category = text(package, "category").map_or_else(|| MAIN.to_owned(), normalize_name);
        groups.contains(&category) && package.get("optional").and_then(Value::as_bool) != Some(true)
    };
    (0..packages.len()).filter(|at| counts(packages[*at])).collect()
}

/// By following the edges from what the project asks for.
fn by_edges(packages: &[&Table], asked: &[Dependency], markers: &Markers) -> Result<Vec<usize>, String> {
    let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, package) in packages.iter().enumerate() {
        by_name.entry(normalize_name(&name(package)?)).or_default().push(at);
    }
    let mut seen: BTreeSet<(usize, Option<String>)> = BTreeSet::new();
    let mut todo: Vec<Requirement> = asked.iter().map(|(requirement, _)| requirement.clone()).collect();
    while let Some(requirement) = todo.pop() {
        if !markers.hold(&requirement.marker)? {
            continue;
        }
        let found = by_name.get(&requirement.normalized()).map(Vec::as_slice).unwrap_or_default();
        // Several versions are for several platforms, and the requirement says which.
        let fits = |at: &&usize| fits(&requirement, text(packages[**at], "version").unwrap_or_default());
        let Some(&at) = found.iter().find(fits).or(found.first()) else { continue };
        let extras = requirement.extras.iter().map(|extra| Some(normalize_name(extra)));
        for extra in extras.chain([None]) {
            if seen.insert((at, extra.clone())) {
                todo.extend(edges(packages[at], extra.as_deref()));
            }
        }
    }
    Ok(seen.into_iter().map(|(at, _)| at).collect::<BTreeSet<_>>().into_iter().collect())
}

fn fits(requirement: &Requirement, version: &str) -> bool {
    let specifiers = requirement.specifiers.parse::<pep440_rs::VersionSpecifiers>();
    let version = version.parse::<pep440_rs::Version>();
    specifiers.ok().zip(version.ok()).is_none_or(|(specifiers, version)| specifiers.contains(&version))
}

/// What a package requires, or what one of its extras adds.
fn edges(package: &Table, extra: Option<&str>) -> Vec<Requirement> {
    let dependencies = package.get("dependencies").and_then(Value::as_table);
    let Some(extra) = extra else {
        let all = dependencies.into_iter().flatten().flat_map(|(name, value)| {
            let many = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
            many.iter()
                .filter(|value| value.get("optional").and_then(Value::as_bool) != Some(true))
                .map(move |value| (name, value))
        });
        return all.filter_map(|(name, value)| poetry_requirement(name, value).ok()).collect();
    };
    let extras = package.get("extras").and_then(Value::as_table).into_iter().flatten();
    let listed = extras.filter(|(name, _)| normalize_name(name) == extra).flat_map(|(_, list)| texts(Some(list)));
    listed.filter_map(|line| parse_requirement_line(&line).ok()).collect()
}

fn pin(package: &Table, lock: &Table, asked: &BTreeSet<String>) -> Result<Pin, String> {
    let name = name(package)?;
    let mut out = Pin { version: text(package, "version").map(str::to_owned), ..Pin::default() };
    out.hashes = hashes(package.get("files"));
    if out.hashes.is_empty() {
        // Before 2.0 they stood at the end.
        let all = lock.get("metadata").and_then(|metadata| metadata.get("files")).and_then(Value::as_table);
        out.hashes = hashes(all.and_then(|all| all.get(&name)));
    }
    out.requested = asked.contains(&normalize_name(&name));
    if let Some(source) = package.get("source").and_then(Value::as_table) {
        let url = text(source, "url").unwrap_or_default().to_owned();
        match text(source, "type").unwrap_or_default() {
            "git" | "hg" | "svn" => out.url = Some(format!("git+{url}")),
            "url" => out.url = Some(url),
            "file" => out.path = Some(url),
            "directory" => {
                out.editable = package.get("develop").and_then(Value::as_bool).unwrap_or(false);
                out.path = Some(url);
            }
            _ => out.index = Some(url).filter(|url| url.contains("://")),
        }
    }
    out.name = name;
    Ok(out)
}
