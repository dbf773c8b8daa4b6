//! Locks of uv, Poetry, PDM and Pipenv: which distributions an installation from one takes, for a platform, extras and
//! groups.
//!
//! A lock is exact, so nothing is resolved: its own edges and markers say what is installed. Where it names the files
//! itself (uv's, PDM's with static URLs), no index is asked; otherwise each pin is looked up, and only a file whose
//! digest the lock has counts.
//!
//! These formats are their tools' own and have no specification; what is read here is what the tools write: uv's lock
//! version 1, Poetry's 1.0 to 2.1, PDM's 4.x, Pipenv's specification 6.

mod pdm;
mod pipfile;
mod poetry;
mod uv;

pub use pdm::parse_pdm_lock;
pub use pipfile::parse_pipfile_lock;
pub use poetry::parse_poetry_lock;
pub use uv::parse_uv_lock;

use super::Artifact;
use super::request::Choice;
use crate::python::normalize_name;
use std::collections::BTreeSet;
use toml::{Table, Value};

/// A distribution that a lock pins, and that is installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pin {
    /// Its name, as written.
    pub name: String,
    /// Its version; none for what a source tree decides.
    pub version: Option<String>,
    /// Its files, where the lock says where they are.
    pub files: Vec<Artifact>,
    /// The digests that its file may have (`sha256:…`); none where the lock tells none.
    pub hashes: Vec<String>,
    /// The one index that has it; none for the user's.
    pub index: Option<String>,
    /// The URL, or the version control system's, that it comes from; without secrets only when it is shown.
    pub url: Option<String>,
    /// The file or folder that it comes from, relative to the lock.
    pub path: Option<String>,
    /// Whether it is installed as an editable one.
    pub editable: bool,
    /// Whether the project itself asks for it.
    pub requested: bool,
}

/// What is installed from a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    /// The pins, by normalized name.
    pub pins: Vec<Pin>,
    /// The index that the lock was made with, for where the user has named none.
    pub default_index: Option<String>,
    /// What the user should know.
    pub notes: Vec<String>,
}

impl Pin {
    fn normalized(&self) -> String {
        normalize_name(&self.name)
    }
}

impl Pins {
    /// Sorted, each once.
    fn of(mut pins: Vec<Pin>, notes: Vec<String>) -> Self {
        pins.sort_by_key(|pin| (pin.normalized(), !pin.requested));
        pins.dedup_by_key(|pin| (pin.normalized(), pin.version.clone()));
        Self { pins, default_index: None, notes }
    }
}

impl Choice {
    /// The extras, normalized. `known` are all that there are.
    pub(super) fn chosen_extras<'a>(&self, known: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
        let all = known.filter(|_| self.all_extras).map(normalize_name);
        all.chain(self.extras.iter().map(|name| normalize_name(name))).collect()
    }

    /// The groups, normalized. `main` is what a tool calls the project's own dependencies, which are among them
    /// unless only others are asked for; `default` are those that are installed without being asked for.
    pub(super) fn chosen_groups(
        &self,
        main: &str,
        default: &BTreeSet<String>,
        known: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        let named = |names: &[String]| names.iter().map(|name| normalize_name(name)).collect::<BTreeSet<_>>();
        if !self.only_groups.is_empty() {
            return named(&self.only_groups);
        }
        let mut out = named(&self.groups);
        out.insert(main.to_owned());
        if self.all_groups {
            out.extend(known.iter().cloned());
        }
        if !self.no_default {
            out.extend(default.iter().cloned());
        }
        let without = named(&self.without_groups);
        out.retain(|name| !without.contains(name));
        out
    }
}

fn table(text: &str) -> Result<Table, String> {
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(0, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        format!("line {line}: {}", error.message())
    })
}

fn packages(lock: &Table) -> Result<Vec<&Table>, String> {
    let listed = lock.get("package").map(|list| list.as_array().ok_or("expected [[package]] to be a list"));
    let listed = listed.transpose()?.map(Vec::as_slice).unwrap_or_default();
    listed.iter().map(|package| package.as_table().ok_or_else(|| "expected [[package]] to be a table".into())).collect()
}

fn text<'a>(table: &'a Table, key: &str) -> Option<&'a str> {
    table.get(key)?.as_str()
}

fn name(package: &Table) -> Result<String, String> {
    let name = text(package, "name").ok_or("expected each [[package]] to have a name")?;
    match crate::python::is_name(name) {
        true => Ok(name.to_owned()),
        false => Err(format!("expected a package's name, found `{}`", crate::base::escape_str(name))),
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The digests of a list of files (`hash = "sha256:…"`).
fn hashes(files: Option<&Value>) -> Vec<String> {
    let files = files.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    files.iter().filter_map(|file| file.get("hash")?.as_str()).map(str::to_ascii_lowercase).collect()
}

/// An error as it is shown with its package.
fn of_package(name: &str, error: String) -> String {
    format!("package {name}: {error}")
}
