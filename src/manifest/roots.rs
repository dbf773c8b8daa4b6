//! What a project's file or lock asks for itself, with its lines.
//!
//! A lock names everything, so of a lock only what its project requires counts, or what nothing else in it requires.
//! A file that can be read in part only counts as far as it can be read.
//!
//! Source: "pyproject.toml specification" and "Dependency groups" (PEP 735) of the packaging specifications; setuptools'
//! `setup.cfg`; pipenv's `Pipfile`; uv's "Structure of uv.lock"; PEP 751 (`pylock.toml`); the files that Poetry, pdm and
//! pipenv write.

use super::document::{Document, Node, Table};
use super::locks::local_place;
use super::{Requirement, normalize_name, parse_requirement_line, read_project};
use std::collections::BTreeSet;

/// A requirement that a file asks for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The requirement.
    pub requirement: Requirement,
    /// Its line, from 1; 0 where it is not known.
    pub line: usize,
    /// What of the file it belongs to: `extra gpu`, `group dev`; empty for the project itself.
    pub part: String,
}

/// What the file of this name asks for: `pyproject.toml`, `setup.cfg`, `Pipfile`, `uv.lock`, `poetry.lock`, `pdm.lock`,
/// `pylock.toml`, `pylock.NAME.toml` and `Pipfile.lock`. `None` for other files.
pub fn roots(name: &str, text: &str) -> Option<Vec<Asked>> {
    match name {
        "pyproject.toml" => Some(pyproject(text)),
        "setup.cfg" => Some(setup_cfg(text)),
        "Pipfile.lock" => Some(pipfile_lock(text)),
        _ => {
            let of_lock = match name {
                "Pipfile" => pipfile,
                "uv.lock" => uv,
                "poetry.lock" | "pdm.lock" => packages,
                _ if is_pylock(name) => pylock,
                _ => return None,
            };
            let (document, _) = Document::read(text);
            Some(of_lock(document.root()))
        }
    }
}

/// `pylock.toml` or `pylock.NAME.toml` (PEP 751).
pub fn is_pylock(name: &str) -> bool {
    name == "pylock.toml" || (name.starts_with("pylock.") && name.ends_with(".toml"))
}

fn named(text: &str, line: usize, part: &str) -> Option<Asked> {
    let requirement = parse_requirement_line(text.trim()).ok().filter(|found| !found.name.is_empty())?;
    Some(Asked { requirement, line, part: part.to_owned() })
}

fn pyproject(text: &str) -> Vec<Asked> {
    let project = read_project(text);
    let part = |list: Vec<(Requirement, usize)>, part: String| {
        list.into_iter().map(move |(requirement, line)| Asked { requirement, line, part: part.clone() })
    };
    let extras = project.extras.into_iter().flat_map(|(name, list)| part(list, format!("extra {name}")));
    let groups = project.groups.into_iter().flat_map(|(name, list)| part(list, format!("group {name}")));
    part(project.dependencies, String::new()).chain(extras).chain(groups).collect()
}

/// `install_requires` of `[options]`.
fn setup_cfg(text: &str) -> Vec<Asked> {
    let (mut in_options, mut in_list) = (false, false);
    let mut out = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        if text.starts_with('[') {
            (in_options, in_list) = (text.trim() == "[options]", false);
        } else if in_options && !text.starts_with([' ', '\t']) {
            let (key, value) = text.split_once('=').unwrap_or_default();
            in_list = key.trim() == "install_requires";
            out.extend(Some(value).filter(|_| in_list).and_then(|value| named(value, line, "")));
        } else if in_list {
            out.extend(named(text, line, ""));
        }
    }
    out
}

/// `[packages]` and `[dev-packages]`: names with a version or a table.
fn pipfile(root: Table<'_>) -> Vec<Asked> {
    let part = |key: &'static str, part: &'static str| {
        let rows = root.table(key).map(Table::pairs).unwrap_or_default();
        rows.into_iter().filter_map(move |(name, value)| {
            let table = value.as_table();
            let version = value.as_str().or_else(|| table?.text("version")).filter(|version| *version != "*");
            let extras = table.map(|table| table.texts("extras")).unwrap_or_default().join(",");
            let written = format!("{name}[{extras}]{}", version.unwrap_or_default());
            named(&written, value.line(), part).or_else(|| named(name, value.line(), part))
        })
    };
    part("packages", "").chain(part("dev-packages", "dev-packages")).collect()
}

/// What the projects in a `uv.lock` require: packages whose source is a folder.
fn uv(root: Table<'_>) -> Vec<Asked> {
    let mut out = Vec::new();
    for package in root.list("package").into_iter().filter_map(Node::as_table) {
        if local_place(package).is_none() {
            continue;
        }
        out.extend(uv_list(package.list("dependencies"), ""));
        for (key, what) in [("optional-dependencies", "extra"), ("dev-dependencies", "group")] {
            for (name, list) in package.table(key).map(Table::pairs).unwrap_or_default() {
                out.extend(uv_list(list.items(), &format!("{what} {name}")));
            }
        }
    }
    out
}

fn uv_list(list: Vec<Node<'_>>, part: &str) -> Vec<Asked> {
    let one = |node: Node<'_>| {
        let table = node.as_table()?;
        let mut asked = named(table.text("name")?, node.line(), part)?;
        asked.requirement.extras = table.texts("extra").into_iter().map(str::to_owned).collect();
        Some(asked)
    };
    list.into_iter().filter_map(one).collect()
}

/// Of a `poetry.lock` or `pdm.lock`.
fn packages(root: Table<'_>) -> Vec<Asked> {
    unrequired(root.list("package").into_iter().filter_map(Node::as_table_at).collect())
}

/// Of a `pylock.toml`, if it says who requires what at all.
fn pylock(root: Table<'_>) -> Vec<Asked> {
    let packages: Vec<_> = root.list("packages").into_iter().filter_map(Node::as_table_at).collect();
    let tells = packages.iter().any(|(package, _)| package.get("dependencies").is_some());
    if tells { unrequired(packages) } else { Vec::new() }
}

/// Those packages, with their lines, that no other one requires.
fn unrequired(packages: Vec<(Table<'_>, usize)>) -> Vec<Asked> {
    let required: BTreeSet<String> = packages.iter().flat_map(|(package, _)| dependencies(*package)).collect();
    let one = |(package, line): (Table<'_>, usize)| {
        let name = package.text("name").filter(|name| !required.contains(&normalize_name(name)))?;
        named(name, line, "nothing else in it requires it")
    };
    packages.into_iter().filter_map(one).collect()
}

/// Normalized names that a package of a lock requires, other than itself: a table by name (Poetry), a list of
/// requirements (pdm), or a list of tables with names (PEP 751).
fn dependencies(package: Table<'_>) -> Vec<String> {
    let own = package.text("name").map(normalize_name);
    let by_name = package.table("dependencies").map(Table::pairs).unwrap_or_default();
    let by_name = by_name.into_iter().map(|(name, _)| normalize_name(name));
    let one = |item: Node<'_>| match item.as_str() {
        Some(text) => parse_requirement_line(text).ok().map(|found| found.normalized()),
        None => item.as_table()?.text("name").map(normalize_name),
    };
    let names = by_name.chain(package.list("dependencies").into_iter().filter_map(one));
    names.filter(|name| Some(name) != own.as_ref()).collect()
}

/// In a `Pipfile.lock` only what the Pipfile names has an `index`.
fn pipfile_lock(text: &str) -> Vec<Asked> {
    let lock: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let mut out = Vec::new();
    for (section, part) in [("default", ""), ("develop", "develop")] {
        let packages = lock.get(section).and_then(serde_json::Value::as_object);
        for (name, package) in packages.into_iter().flatten().filter(|(_, package)| package.get("index").is_some()) {
            let version = package.get("version").and_then(serde_json::Value::as_str).unwrap_or_default();
            out.extend(named(&format!("{name}{version}"), 0, part));
        }
    }
    out
}
