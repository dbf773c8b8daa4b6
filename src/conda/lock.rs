//! conda-lock's lock files: archives of every platform, and what pip installs beside them.
//!
//! Source: conda-lock's documentation and `conda_lock/lockfile/{v1,v2prelim}/models.py`; libmamba (`environment_lockfile.cpp`) reads the same.

use super::Locked;
use crate::yaml::{self, Files, Node};

/// What a lock file has for one platform.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockFile {
    /// The archives, in the file's order.
    pub archives: Vec<Locked>,
    /// What pip installs, as lines of requirements.
    pub requirements: Vec<String>,
}

/// Where files of PyPI's are.
const FILES_OF_PYPI: [&str; 2] = ["https://files.pythonhosted.org/", "https://pypi.org/"];

/// conda's name of a platform (`linux/amd64`).
pub fn subdir(platform: &str) -> Option<&'static str> {
    Some(match platform.split('/').nth(1)? {
        "amd64" => "linux-64",
        "arm64" => "linux-aarch64",
        "ppc64le" => "linux-ppc64le",
        "s390x" => "linux-s390x",
        _ => return None,
    })
}

/// Reads what a lock file has for a platform in categories that are wanted.
///
/// # Errors
///
/// It is no YAML, no lock file, of a version that is not known, or has nothing for the platform.
pub fn parse_lock(
    name: &str,
    text: String,
    subdir: &str,
    is_wanted: &dyn Fn(&str) -> bool,
) -> Result<LockFile, String> {
    let mut files = Files::default();
    let file = files.add(name, text);
    let documents =
        yaml::read(&files, file).map_err(|error| format!("{}: {}", files.spot(error.place), error.message))?;
    let top =
        documents.first().ok_or_else(|| format!("{name}: expected a lock file of conda-lock's, found nothing"))?;
    let version = top.get("version").and_then(Node::scalar).unwrap_or_default();
    let packages = top.get("package").and_then(Node::list).filter(|_| matches!(version.as_str(), "1" | "2"));
    let Some(packages) = packages else {
        return Err(format!(
            "{}: expected `version: 1` and `package`, as conda-lock writes them",
            files.spot(top.place)
        ));
    };
    let mut out = LockFile::default();
    let mut is_there = false;
    for package in packages {
        let text = |key: &str| package.get(key).and_then(Node::scalar).unwrap_or_default();
        is_there |= text("platform") == subdir;
        let categories = package.get("categories").and_then(Node::list).unwrap_or_default();
        let named = text("category");
        let mut categories =
            categories.iter().filter_map(Node::text).chain([&*named].into_iter().filter(|one| !one.is_empty()));
        if text("platform") != subdir || text("name").starts_with("__") || !categories.any(is_wanted) {
            continue;
        }
        let url = text("url");
        if text("manager") == "pip" {
            let of_pypi = FILES_OF_PYPI.iter().any(|place| url.starts_with(place));
            let line = if of_pypi || url.is_empty() { "==" } else { " @ " };
            let what = if line == "==" { text("version") } else { url };
            out.requirements.push(format!("{}{line}{what}", text("name")));
            continue;
        }
        let digest = |kind: &str| package.at(&["hash", kind]).and_then(Node::scalar);
        let digest = digest("md5").or_else(|| digest("sha256")).unwrap_or_default().to_ascii_lowercase();
        let line = files.spot(package.place).line;
        out.archives.push(Locked { line, url, digest });
    }
    if !is_there {
        return Err(format!("{name}: has nothing for {subdir}"));
    }
    Ok(out)
}
