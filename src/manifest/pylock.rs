//! Reading `pylock.toml` (PEP 751), as uv writes it: which files each pinned package can be installed from.
//!
//! Source: <https://packaging.python.org/en/latest/specifications/pylock-toml/>

use super::Artifact;
use crate::manifest::normalize_name;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A package of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedPackage {
    /// Its normalized name.
    pub name: String,
    /// Its version; none for what is built from a source tree.
    pub version: Option<String>,
    /// Its wheels, in the lock's order.
    pub wheels: Vec<Artifact>,
    /// Its source distribution.
    pub sdist: Option<Artifact>,
    /// When it is installed; empty for always.
    pub marker: String,
    /// Where it comes from directly.
    pub direct: Option<Direct>,
    /// Where those of its files are that lie in a folder: `(name, path)`.
    pub local: Vec<(String, String)>,
}

/// Where a package of a lock comes from, if not from an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Direct {
    /// A version control system, or an archive that is no wheel: the URL, without secrets.
    Url(String),
    /// A wheel or another archive at a URL.
    Archive(Artifact),
    /// A file or folder, as the lock writes its path.
    Local {
        /// Its path.
        path: String,
        /// Whether it is installed as an editable one.
        editable: bool,
    },
}

/// What a lock says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockHead {
    /// The extras that it was made for.
    pub extras: Vec<String>,
    /// The groups that it was made for.
    pub groups: Vec<String>,
    /// Those that are installed by default.
    pub default_groups: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RawLock {
    lock_version: String,
    #[serde(default)]
    extras: Vec<String>,
    #[serde(default)]
    dependency_groups: Vec<String>,
    #[serde(default)]
    default_groups: Vec<String>,
    #[serde(default)]
    packages: Vec<RawPackage>,
}

#[derive(Deserialize)]
struct RawPackage {
    name: String,
    version: Option<String>,
    #[serde(default)]
    wheels: Vec<RawFile>,
    sdist: Option<RawFile>,
    marker: Option<String>,
    archive: Option<RawFile>,
    vcs: Option<RawPlace>,
    directory: Option<RawPlace>,
}

#[derive(Deserialize)]
struct RawPlace {
    url: Option<String>,
    path: Option<String>,
    #[serde(default)]
    editable: bool,
}

#[derive(Deserialize)]
struct RawFile {
    name: Option<String>,
    url: Option<String>,
    path: Option<String>,
    size: Option<u64>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

/// Reads a lock. The error says in words what was expected and where.
pub fn parse_lock(text: &str) -> Result<Vec<LockedPackage>, String> {
    parse_whole_lock(text).map(|(_, packages)| packages)
}

/// Reads a lock and what it says of itself. The error says in words what was expected and where.
pub fn parse_whole_lock(text: &str) -> Result<(LockHead, Vec<LockedPackage>), String> {
    let raw: RawLock = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        line.map(|line| format!("line {line}: ")).unwrap_or_default() + error.message()
    })?;
    if raw.lock_version.split('.').next() != Some("1") {
        return Err(format!("expected lock-version 1.x, found {}", crate::base::Text::from(&raw.lock_version)));
    }
    let head = LockHead { extras: raw.extras, groups: raw.dependency_groups, default_groups: raw.default_groups };
    Ok((head, raw.packages.into_iter().map(package).collect()))
}

fn package(raw: RawPackage) -> LockedPackage {
    let local = raw.wheels.iter().chain(&raw.sdist).filter_map(local).collect();
    LockedPackage {
        local,
        name: normalize_name(&raw.name),
        version: raw.version,
        wheels: raw.wheels.into_iter().filter_map(artifact).collect(),
        sdist: raw.sdist.and_then(artifact),
        marker: raw.marker.unwrap_or_default(),
        direct: direct(raw.archive, raw.vcs.map(|vcs| (true, vcs)).or(raw.directory.map(|place| (false, place)))),
    }
}

fn direct(archive: Option<RawFile>, place: Option<(bool, RawPlace)>) -> Option<Direct> {
    if let Some(raw) = archive {
        let path = raw.path.clone();
        return match artifact(raw)? {
            found if found.url.is_some() => Some(Direct::Archive(found)),
            found => Some(Direct::Local { path: path.unwrap_or(found.file), editable: false }),
        };
    }
    let (is_vcs, place) = place?;
    match place.url {
        Some(url) if is_vcs => Some(Direct::Url(without_secrets(&url))),
        _ => Some(Direct::Local { path: place.path?, editable: place.editable }),
    }
}

/// The name and the path of a file of a folder.
fn local(raw: &RawFile) -> Option<(String, String)> {
    let path = raw.path.clone().or_else(|| Some(raw.url.as_deref()?.strip_prefix("file://")?.to_owned()))?;
    Some((raw.name.clone().unwrap_or_else(|| file_of(&path)), path))
}

/// A file. One of a folder (`--find-links`) has no URL: where it is means nothing elsewhere.
fn artifact(raw: RawFile) -> Option<Artifact> {
    let file = raw.name.or_else(|| Some(file_of(raw.url.as_deref().or(raw.path.as_deref())?)))?;
    let is_remote = |url: &String| url.starts_with("https://") || url.starts_with("http://");
    let url = raw.url.filter(is_remote).map(|url| without_secrets(&url));
    Some(Artifact { file, url, size: raw.size, hashes: raw.hashes })
}

/// The last part of a URL's path.
pub(crate) fn file_of(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    name.replace("%2B", "+").replace("%2b", "+")
}

/// A URL without what may be a secret: user and password, query, fragment.
pub(crate) fn without_secrets(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_loses_what_may_be_secret() {
        for (url, expected) in [
            ("https://user:pass@example.org/a%2Bcpu.whl?token=x#sha256=1", "https://example.org/a%2Bcpu.whl"),
            ("https://example.org", "https://example.org"),
            ("https://a@b@example.org/x@y", "https://example.org/x@y"),
            ("wheels/a.whl", "wheels/a.whl"),
        ] {
            assert_eq!(without_secrets(url), expected);
        }
        assert_eq!(file_of("https://example.org/torch-2.1.1%2Bcpu-x.whl?y/z"), "torch-2.1.1+cpu-x.whl");
    }
}
