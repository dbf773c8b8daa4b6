//! Reading `pylock.toml` (PEP 751), as uv writes it: which files each pinned package can be installed from.
//!
//! Source: <https://packaging.python.org/en/latest/specifications/pylock-toml/>

use super::Artifact;
use crate::python::normalize_name;
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
}

#[derive(Deserialize)]
struct RawLock {
    #[serde(rename = "lock-version")]
    lock_version: String,
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
    let raw: RawLock = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    if raw.lock_version.split('.').next() != Some("1") {
        return Err(format!("expected lock-version 1.x, found {}", crate::base::escape_str(&raw.lock_version)));
    }
    Ok(raw.packages.into_iter().map(package).collect())
}

fn package(raw: RawPackage) -> LockedPackage {
    LockedPackage {
        name: normalize_name(&raw.name),
        version: raw.version,
        wheels: raw.wheels.into_iter().filter_map(artifact).collect(),
        sdist: raw.sdist.and_then(artifact),
    }
}

/// A file. One of a folder (`--find-links`) has no URL: where it is means nothing elsewhere.
fn artifact(raw: RawFile) -> Option<Artifact> {
    let file = raw.name.or_else(|| Some(file_of(raw.url.as_deref().or(raw.path.as_deref())?)))?;
    let is_remote = |url: &String| url.starts_with("https://") || url.starts_with("http://");
    let url = raw.url.filter(is_remote).map(|url| without_secrets(&url));
    Some(Artifact { file, url, size: raw.size, hashes: raw.hashes })
}

/// The last part of a URL's path.
fn file_of(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    name.replace("%2B", "+").replace("%2b", "+")
}

/// A URL without what may be a secret: user and password, query, fragment.
pub(super) fn without_secrets(url: &str) -> String {
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
