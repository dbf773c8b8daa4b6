//! How uv is run: the one place where a command of uv's is made.
//!
//! A run begins in an empty folder of its own and ends with it. It has no environment but the one that is made here, no
//! settings but those in the file that is written here, a `PATH` that leads to no stranger's programs, git that may speak no
//! protocol, and an interpreter that is named by its absolute path. So nothing that lies in the folder that one happens to be in, or in one above it, or that a
//! repository says, reaches uv but as data that has been read and checked before. Nothing is built: `--no-build` stands in
//! every command, and uv is told of no package to except from it.
//!
//! uv has no credentials but those in the URLs that it is handed, and those are put there by origin ([`super::access`]):
//! neither `.netrc` nor keyring, for uv would use them for any URL that somebody else names.

use super::user::PLACES;
use super::uv::Uv;
use crate::programs::Strangers;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use toml::{Table, Value};

/// A command of uv's, and the folder that it has to itself.
pub(super) struct Run {
    /// The command.
    pub command: Command,
    pub(super) folder: TempDir,
}

/// Where a run looks.
#[derive(Clone, Copy)]
pub(super) enum Where<'a> {
    /// In the user's indexes, and before them in these of a project.
    Everywhere(&'a [Value]),
    /// In one alone.
    Only(&'a str),
}

impl Run {
    /// A command without anything: its arguments are to be added.
    pub(super) fn bare(program: &Path, strangers: &Strangers) -> std::io::Result<Self> {
        let folder = folder(strangers)?;
        let empty = folder.path().join("empty");
        std::fs::create_dir(&empty)?;
        std::fs::write(folder.path().join("uv.toml"), "")?;
        std::fs::write(folder.path().join("netrc"), "")?;
        let mut command = Command::new(program);
        command.env_clear().current_dir(&empty).env("PATH", joined(strangers));
        command.env("UV_CONFIG_FILE", folder.path().join("uv.toml")).env("NETRC", folder.path().join("netrc"));
        command.env("UV_KEYRING_PROVIDER", "disabled").env("GIT_ALLOW_PROTOCOL", "none");
        Ok(Self { command, folder })
    }

    /// `uv pip compile` of what comes on its stdin, or of `project`, into a lock.
    pub(super) fn compile(uv: &Uv, place: Where<'_>, project: Option<&Table>) -> std::io::Result<Self> {
        let mut out = Self::bare(uv.file(), &uv.user().strangers)?;
        out.environment(uv, place);
        out.settings(uv, place)?;
        out.command.args(["pip", "compile", "--format", "pylock.toml", "--no-build"]);
        match project {
            None => out.command.args(["-", "--no-sources"]),
            Some(table) => {
                let folder = out.folder.path().join("project");
                std::fs::create_dir(&folder)?;
                let path = folder.join("pyproject.toml");
                std::fs::write(&path, table.to_string())?;
                out.command.arg(path)
            }
        };
        out.command.args([
            "--no-python-downloads",
            "--no-progress",
            "--color",
            "never",
            "--no-header",
            "--no-annotate",
        ]);
        match &uv.user().interpreter {
            Some(python) => out.command.arg("--python").arg(python),
            // One in `PATH`, and no environment of anybody's.
            None => out.command.arg("--system"),
        };
        let lock = out.lock();
        out.command.arg("--output-file").arg(lock);
        Ok(out)
    }

    /// Where the lock is written.
    pub(super) fn lock(&self) -> PathBuf {
        self.folder.path().join("pylock.toml")
    }

    /// A file beside the lock, for an option.
    pub(super) fn file(&mut self, option: &str, name: &str, text: &str) -> std::io::Result<()> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text)?;
        self.command.arg(option).arg(path);
        Ok(())
    }

    fn environment(&mut self, uv: &Uv, place: Where<'_>) {
        let mut all: BTreeMap<&str, OsString> =
            uv.user().environment.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        all.extend(uv.given().iter().map(|(name, value)| (name.as_str(), value.clone())));
        // There is a file of settings already.
        all.remove("UV_NO_CONFIG");
        if let Where::Only(index) = place {
            all.retain(|name, _| !PLACES.contains(name));
            all.insert("UV_DEFAULT_INDEX", index.into());
        }
        for (name, value) in all {
            match value.to_str().filter(|_| PLACES.contains(&name)) {
                Some(text) => self.command.env(name, uv.access().in_words(text)),
                None => self.command.env(name, value),
            };
        }
        // An index that is not there is to be noticed soon, most of all one that not everybody can reach.
        let retries = if matches!(place, Where::Only(_)) { "0" } else { "1" };
        if !uv.has_variable("UV_HTTP_RETRIES") {
            self.command.env("UV_HTTP_RETRIES", retries);
        }
    }

    /// Writes the settings: the user's, with the project's indexes before the user's own.
    fn settings(&self, uv: &Uv, place: Where<'_>) -> std::io::Result<()> {
        let mut table = uv.settings();
        table.remove("keyring-provider");
        let known = match (place, table.remove("index")) {
            (_, Some(Value::Array(known))) => known,
            _ => Vec::new(),
        };
        match place {
            Where::Only(_) => table.retain(|key, _| !matches!(key, "find-links" | "no-index")),
            Where::Everywhere(of_project) => {
                let mut indexes = of_project.to_vec();
                let has_default =
                    of_project.iter().any(|index| index.get("default").and_then(Value::as_bool) == Some(true));
                indexes.extend(
                    known
                        .into_iter()
                        .filter(|index| !(has_default && index.get("default").and_then(Value::as_bool) == Some(true))),
                );
                for index in indexes.iter_mut().filter_map(Value::as_table_mut) {
                    // By its name, uv would look for its credentials in the environment.
                    index.remove("name");
                    if let Some(Value::String(url)) = index.get_mut("url") {
                        *url = uv.access().in_words(url);
                    }
                }
                if !indexes.is_empty() {
                    table.insert("index".into(), Value::Array(indexes));
                }
                // uv has no variable for it.
                if uv.given().iter().any(|(name, value)| name == "UV_NO_INDEX" && value == "1") {
                    table.insert("no-index".into(), Value::Boolean(true));
                }
            }
        }
        std::fs::write(self.folder.path().join("uv.toml"), table.to_string())
    }
}

/// A folder that nobody else can look into: beside others' only where the user says so.
fn folder(strangers: &Strangers) -> std::io::Result<TempDir> {
    let usual = std::env::temp_dir();
    let place = if usual.is_absolute() && !strangers.own(&usual) { usual } else { PathBuf::from("/tmp") };
    tempfile::Builder::new().prefix("slimwright-").tempdir_in(place)
}

fn joined(strangers: &Strangers) -> OsString {
    std::env::join_paths(strangers.path()).unwrap_or_default()
}
