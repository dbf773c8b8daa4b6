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
pub(super) use uv::local_place;
pub use uv::{member_folder, parse_uv_lock};

use super::document::{Node, Table};
use super::{Artifact, normalize_name};
use std::collections::BTreeSet;

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

/// What of a lock is installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The member of a workspace that it is about (uv's `--package`).
    pub package: Option<String>,
    /// Extras.
    pub extras: Vec<String>,
    /// All of them (`--all-extras`).
    pub all_extras: bool,
    /// Groups beside the default ones (`--group`, `--with`, `--dev`, which is `dev`).
    pub groups: Vec<String>,
    /// All of them (`--all-groups`).
    pub all_groups: bool,
    /// Only these (`--only-group`, `--only`); Poetry's `main` and PDM's `default` are the project's own dependencies.
    pub only_groups: Vec<String>,
    /// Not these (`--no-group`, `--without`).
    pub without_groups: Vec<String>,
    /// Without the groups that are installed by default (`--no-default-groups`), without `dev` (`--no-dev`, `--prod`).
    pub no_default: bool,
    /// Not the project itself (`--no-install-project`, `--no-root`, `--no-self`). It is reported as not predicted
    /// otherwise, where it is a package.
    pub no_project: bool,
}

impl Choice {
    /// The extras, normalized. `known` are all that there are.
    pub(crate) fn chosen_extras<'a>(&self, known: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
        let all = known.filter(|_| self.all_extras).map(normalize_name);
        all.chain(self.extras.iter().map(|name| normalize_name(name))).collect()
    }

    /// The groups, normalized. `main` is what a tool calls the project's own dependencies, which are among them
    /// unless only others are asked for; `default` are those that are installed without being asked for.
    pub(crate) fn chosen_groups(
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

fn packages(lock: Table<'_>) -> Result<Vec<Table<'_>>, String> {
    match lock.get("package") {
        Some(list) if list.as_str().is_some() || list.as_table().is_some() => {
            Err(format!("line {}: expected [[package]] to be a list", list.line()))
        }
        list => list.map(Node::items).unwrap_or_default().into_iter().map(package).collect(),
    }
}

fn package(node: Node<'_>) -> Result<Table<'_>, String> {
    node.as_table().ok_or_else(|| format!("line {}: expected [[package]] to be a table", node.line()))
}

fn name(package: Table<'_>) -> Result<String, String> {
    let name = package.text("name").ok_or("expected each [[package]] to have a name")?;
    match super::is_name(name) {
        true => Ok(name.to_owned()),
        false => Err(format!("expected a package's name, found `{}`", crate::base::Text::from(name))),
    }
}

/// The digests of a list of files (`hash = "sha256:…"`).
fn hashes(files: Option<Node<'_>>) -> Vec<String> {
    let files = files.map(Node::items).unwrap_or_default().into_iter().filter_map(Node::as_table);
    files.filter_map(|file| file.text("hash")).map(str::to_ascii_lowercase).collect()
}

/// An error as it is shown with its package.
fn of_package(name: &str, error: String) -> String {
    format!("package {name}: {error}")
}
