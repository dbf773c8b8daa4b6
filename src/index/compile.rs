//! A set of requirements to the packages that meet it: one run of uv, which builds nothing.

use super::gather::cleaned;
use super::run::{Run, Where};
use super::uv::{Uv, no_folder};
use crate::manifest::{LockedPackage, parse_lock};
use crate::wheel::Platform;
use std::path::Path;
use std::time::Instant;

/// What uv is asked to resolve.
pub(super) struct Set<'a> {
    /// The requirements, a line each.
    pub requirements: &'a str,
    /// Constraints, a line each.
    pub constraints: &'a str,
    /// Overrides, a line each.
    pub overrides: &'a str,
    /// Names and versions that are taken where they fit.
    pub installed: &'a [(String, String)],
    /// Indexes of a project, before the user's.
    pub indexes: &'a [toml::Value],
    /// uv's own tables for a project, where the set is one: indexes, and what is looked up in which.
    pub project: Option<toml::Table>,
    /// Further arguments.
    pub arguments: &'a [String],
    /// The Python, with its patch version where that is known.
    pub python: &'a str,
    /// For which platform.
    pub platform: &'a Platform,
    /// When to give up.
    pub deadline: Instant,
}

/// Why a run came to nothing.
pub(super) enum Failure {
    /// uv said why.
    Said(String),
    /// It could not be run to its end.
    Broke(String),
}

impl Uv {
    /// Resolves a set. Nothing is built; what has no wheel fails.
    pub(super) fn compile(&self, set: &Set<'_>) -> Result<Vec<LockedPackage>, Failure> {
        let broke = |error: std::io::Error| Failure::Broke(no_folder(&error));
        // A line cannot be bound to an index; a project's dependency can.
        let project = set.project.as_ref().map(|tables| as_project(set, tables));
        let mut run = Run::compile(self, Where::Everywhere(set.indexes), project.as_ref()).map_err(broke)?;
        run.command.args(["--no-universal", "--python-version", set.python]);
        run.command.args(["--python-platform", &set.platform.triple()]).args(set.arguments);
        for (option, name, text) in
            [("--constraint", "constraints.txt", set.constraints), ("--override", "overrides.txt", set.overrides)]
        {
            if !text.is_empty() {
                run.file(option, name, text).map_err(broke)?;
            }
        }
        if !set.installed.is_empty() {
            std::fs::write(run.lock(), as_lock(set.installed)).map_err(broke)?;
        }
        let folder = run.lock().parent().unwrap_or(Path::new("/")).to_owned();
        // The folder may be a link, which uv has followed; it is gone when uv has answered.
        let folder = folder.canonicalize().unwrap_or(folder);
        let (text, _) = run.lock_of(set.requirements, set.deadline).map_err(Failure::Broke)?.map_err(Failure::Said)?;
        let mut packages = parse_lock(&text).map_err(|error| Failure::Broke(format!("uv's lock: {error}")))?;
        packages.iter_mut().for_each(|package| make_absolute(package, &folder));
        Ok(packages)
    }
}

/// A lock of these versions: uv prefers those of the file that it writes.
fn as_lock(installed: &[(String, String)]) -> String {
    let text = |text: &str| toml::Value::String(text.to_owned());
    let row = |(name, version): &(String, String)| {
        let row: toml::Table = [("name", name), ("version", version)]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), text(value)))
            .collect();
        toml::Value::Table(row)
    };
    let mut lock = toml::Table::new();
    lock.insert("lock-version".into(), text("1.0"));
    lock.insert("created-by".into(), text("slimwright"));
    lock.insert("packages".into(), toml::Value::Array(installed.iter().map(row).collect()));
    lock.to_string()
}

/// A project whose dependencies are the set.
fn as_project(set: &Set<'_>, tables: &toml::Table) -> toml::Table {
    let text = |text: &str| toml::Value::String(text.to_owned());
    let minor = set.platform.python.as_str();
    let dependencies = set.requirements.lines().map(text).collect();
    let project = [
        ("name", text("slimwright-set")),
        ("version", text("0")),
        ("requires-python", text(&format!(">={minor}"))),
        ("dependencies", toml::Value::Array(dependencies)),
    ];
    let project: toml::Table = project.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let mut uv = tables.clone();
    // It is nobody's member: no folder above it counts.
    uv.insert("workspace".into(), toml::Value::Table(toml::Table::new()));
    let tool: toml::Table = [("uv".to_owned(), toml::Value::Table(uv))].into_iter().collect();
    [("project".to_owned(), project), ("tool".to_owned(), tool)]
        .into_iter()
        .map(|(name, table)| (name, toml::Value::Table(table)))
        .collect()
}

/// uv writes paths as they are from the lock.
fn make_absolute(package: &mut LockedPackage, folder: &Path) {
    let absolute = |path: &mut String| *path = cleaned(&folder.join(path.as_str())).display().to_string();
    package.local.iter_mut().for_each(|(_, path)| absolute(path));
    if let Some(crate::manifest::Direct::Local { path, .. }) = &mut package.direct {
        absolute(path);
    }
}
