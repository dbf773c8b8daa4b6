//! Locks: what a project asks for, of all that its lock names. Source: uv's "Structure of uv.lock"; PEP 751
//! (`pylock.toml`); the files that Poetry, pdm and pipenv write.

use super::project::{Document, at, field};
use super::{AskedFor, lines};
use crate::python::normalize_name;
use std::collections::BTreeSet;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

fn rows<'v, 't>(root: &'v DeTable<'t>, key: &str) -> impl Iterator<Item = &'v Spanned<DeValue<'t>>> {
    root.get(key).and_then(|value| value.get_ref().as_array()).into_iter().flat_map(|rows| rows.iter())
}

/// What the projects in a `uv.lock` require: packages whose source is a folder.
pub(super) fn uv(content: &[u8], shown: &str, out: &mut Vec<AskedFor>) {
    Document::read(content, shown, |document, root| {
        for package in rows(root, "package").filter_map(|row| row.get_ref().as_table()) {
            let local =
                ["virtual", "editable", "directory"].iter().any(|kind| at(package, &["source", kind]).is_some());
            if !local {
                continue;
            }
            uv_list(document, package.get("dependencies"), "", out);
            for (table, what) in [("optional-dependencies", "extra"), ("dev-dependencies", "group")] {
                let groups = package.get(table).and_then(|groups| groups.get_ref().as_table());
                for (name, list) in groups.into_iter().flat_map(|groups| groups.iter()) {
                    uv_list(document, Some(list), &format!("{what} {}", name.get_ref()), out);
                }
            }
        }
    });
}

fn uv_list(document: &Document<'_>, list: Option<&Spanned<DeValue<'_>>>, group: &str, out: &mut Vec<AskedFor>) {
    for row in list.and_then(|list| list.get_ref().as_array()).into_iter().flat_map(|rows| rows.iter()) {
        let Some(name) = field(row.get_ref(), "name").and_then(DeValue::as_str) else { continue };
        let extras = field(row.get_ref(), "extra").and_then(DeValue::as_array);
        let extras = extras.into_iter().flat_map(|extras| extras.iter()).filter_map(|extra| extra.get_ref().as_str());
        let mut extras: Vec<String> = extras.map(normalize_name).collect();
        extras.sort();
        let asked = lines::parse_requirement(name, &document.source(row.span().start, group));
        out.extend(asked.map(|asked| AskedFor { extras, ..asked }));
    }
}

/// What nothing else in a `poetry.lock` or `pdm.lock` requires.
pub(super) fn packages(content: &[u8], shown: &str, out: &mut Vec<AskedFor>) {
    Document::read(content, shown, |document, root| unrequired(document, rows(root, "package"), out));
}

/// What nothing else in a `pylock.toml` requires, if it says who requires what at all.
pub(super) fn pylock(content: &[u8], shown: &str, out: &mut Vec<AskedFor>) {
    Document::read(content, shown, |document, root| {
        if rows(root, "packages").any(|package| field(package.get_ref(), "dependencies").is_some()) {
            unrequired(document, rows(root, "packages"), out);
        }
    });
}

fn unrequired<'v, 't: 'v>(
    document: &Document<'_>,
    packages: impl Iterator<Item = &'v Spanned<DeValue<'t>>>,
    out: &mut Vec<AskedFor>,
) {
    let packages: Vec<_> = packages.collect();
    let required: BTreeSet<String> = packages.iter().flat_map(|package| dependencies(package.get_ref())).collect();
    for package in packages {
        let Some(name) = field(package.get_ref(), "name").and_then(DeValue::as_str) else { continue };
        if !required.contains(&normalize_name(name)) {
            let source = document.source(package.span().start, "nothing else in it requires it");
            out.extend(lines::parse_requirement(name, &source));
        }
    }
}

/// Normalized names that a package of a lock requires, other than itself: a table by name (Poetry), a list of
/// requirements (pdm), or a list of tables with names (PEP 751).
fn dependencies(package: &DeValue<'_>) -> Vec<String> {
    let own = field(package, "name").and_then(DeValue::as_str).map(normalize_name);
    let names: Vec<String> = match field(package, "dependencies") {
        Some(DeValue::Table(table)) => table.keys().map(|name| normalize_name(name.get_ref())).collect(),
        Some(DeValue::Array(list)) => list.iter().filter_map(|item| dependency(item.get_ref())).collect(),
        _ => Vec::new(),
    };
    names.into_iter().filter(|name| Some(name) != own.as_ref()).collect()
}

fn dependency(item: &DeValue<'_>) -> Option<String> {
    match item.as_str() {
        Some(text) => lines::parse_requirement(text, "").map(|asked| asked.name),
        None => field(item, "name").and_then(DeValue::as_str).map(normalize_name),
    }
}

/// In a `Pipfile.lock` only what the Pipfile names has an `index`.
pub(super) fn pipfile_lock(content: &[u8], shown: &str, out: &mut Vec<AskedFor>) {
    let Ok(lock) = serde_json::from_slice::<serde_json::Value>(content) else { return };
    for (section, source) in [("default", shown.to_owned()), ("develop", format!("{shown} (develop)"))] {
        let packages = lock.get(section).and_then(serde_json::Value::as_object);
        for (name, package) in packages.into_iter().flatten().filter(|(_, package)| package.get("index").is_some()) {
            let version = package.get("version").and_then(serde_json::Value::as_str).unwrap_or_default();
            out.extend(lines::parse_requirement(&format!("{name}{version}"), &source));
        }
    }
}
