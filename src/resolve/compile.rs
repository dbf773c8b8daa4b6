//! A set of requirements to the packages that meet it: one run of uv, which builds nothing.

use super::Platform;
use super::gather::cleaned;
use super::lock::{LockedPackage, parse_lock};
use super::uv::{MOST_ANSWER, STRATEGIES, Uv, converse, without};
use std::io::Read as _;
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
    /// Files of constraints that are somewhere else: URLs.
    pub constraint_urls: &'a [String],
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
        let broke = |what: &str, error: std::io::Error| Failure::Broke(format!("{what}: {error}"));
        let folder = tempfile::tempdir().map_err(|error| broke("no temporary folder", error))?;
        let file = folder.path().join("pylock.toml");
        let mut command = self.program();
        command.args(["pip", "compile", "-", "--format", "pylock.toml", "--no-build", "--no-universal"]);
        command.args(["--no-python-downloads", "--no-progress", "--color", "never", "--no-header", "--no-annotate"]);
        command.args(["--python-version", set.python, "--python-platform", &set.platform.triple()]);
        command.arg("--output-file").arg(&file).args(set.arguments);
        for (option, name, text) in
            [("--constraint", "constraints.txt", set.constraints), ("--override", "overrides.txt", set.overrides)]
        {
            if !text.is_empty() {
                let path = folder.path().join(name);
                std::fs::write(&path, text).map_err(|error| broke("no temporary file", error))?;
                command.arg(option).arg(&path);
            }
        }
        for url in set.constraint_urls {
            command.arg("--constraint").arg(url);
        }
        without(&mut command, &STRATEGIES);
        command.envs(self.environment().iter().map(|(name, value)| (name, value)));
        if std::env::var_os("UV_HTTP_RETRIES").is_none() {
            command.env("UV_HTTP_RETRIES", "1");
        }
        let (status, _, stderr) = converse(command, set.requirements, set.deadline).map_err(Failure::Broke)?;
        if !status.success() {
            return Err(Failure::Said(stderr));
        }
        let lock = std::fs::File::open(&file).map_err(|error| broke("uv wrote no lock", error))?;
        let mut text = String::new();
        lock.take(MOST_ANSWER).read_to_string(&mut text).map_err(|error| broke("uv's lock", error))?;
        let mut packages = parse_lock(&text).map_err(|error| Failure::Broke(format!("uv's lock: {error}")))?;
        packages.iter_mut().for_each(|package| make_absolute(package, folder.path()));
        Ok(packages)
    }
}

/// uv writes paths as they are from the lock.
fn make_absolute(package: &mut LockedPackage, folder: &Path) {
    // The folder may be a link, which uv has followed.
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let absolute = |path: &mut String| *path = cleaned(&folder.join(path.as_str())).display().to_string();
    package.local.iter_mut().for_each(|(_, path)| absolute(path));
    if let Some(super::Direct::Local { path, .. }) = &mut package.direct {
        absolute(path);
    }
}
