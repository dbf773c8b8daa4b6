//! Which Python an environment has, as far as the image tells: `pyvenv.cfg` (PEP 405), directory names,
//! `PYTHON_VERSION`, the interpreter's package.

use crate::fs::View;
use std::collections::BTreeMap;

/// The keys of a `pyvenv.cfg`, lower case, with their values.
pub fn parse_pyvenv(bytes: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(bytes);
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.trim().to_lowercase(), value.trim().to_owned())).collect()
}

/// `(3, 11)` of `3.11`, `3.11.7`, `3.11.7.final.0`.
pub(super) fn minor_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    Some((parts.next()?.parse().ok()?, digits(parts.next()?).parse().ok()?))
}

/// `3.11.7` of `3.11.7`, `3.11.7.final.0`, `3.11.2-6+deb12u6`, `3.13.0rc2`; `None` without a third number.
pub(super) fn full_version(text: &str) -> Option<String> {
    let text = text.trim();
    let (major, minor) = minor_version(text)?;
    let patch = digits(text.split('.').nth(2)?);
    (!patch.is_empty() && patch.len() < 10).then(|| format!("{major}.{minor}.{patch}"))
}

fn digits(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len())]
}

/// `(3, 11)` of a directory or program `python3.11`.
pub(super) fn minor_of_name(name: &[u8]) -> Option<(u32, u32)> {
    let name = std::str::from_utf8(name).ok()?;
    let version = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"))?;
    minor_version(version.trim_end_matches('t'))
}

/// The full version of the image's own interpreter, by `PYTHON_VERSION`, which the official images set.
pub(super) fn from_environment_variable(view: &View<'_>) -> Option<String> {
    let mut values = view.image().config.env.iter().filter_map(|pair| pair.strip_prefix("PYTHON_VERSION="));
    values.next_back().and_then(full_version)
}

/// The full version of the operating system's interpreter `major.minor`, by the package that brings it.
pub(super) fn from_os_package(view: &View<'_>, (major, minor): (u32, u32)) -> Option<String> {
    let names = [format!("python{major}.{minor}-minimal"), format!("python{major}.{minor}")];
    let status_d = names.iter().filter_map(|name| view.contents(format!("var/lib/dpkg/status.d/{name}").as_bytes()));
    let databases = view.contents(b"var/lib/dpkg/status").into_iter().chain(status_d);
    let dpkg = databases.filter_map(|database| version_of(database, "Package: ", "Version: ", &names)).next();
    let apk_paths: [&[u8]; 2] = [b"lib/apk/db/installed", b"usr/lib/apk/db/installed"];
    let apk = apk_paths.iter().filter_map(|path| view.contents(path));
    let apk = apk.filter_map(|database| version_of(database, "P:", "V:", &[format!("python{major}")])).next();
    dpkg.or(apk).and_then(|version| full_version(&version)).filter(|full| minor_version(full) == Some((major, minor)))
}

/// The version field after a name field of one of `names`.
fn version_of(database: &[u8], name_field: &str, version_field: &str, names: &[String]) -> Option<String> {
    let mut inside = false;
    for line in database.split(|&b| b == b'\n') {
        if line.is_empty() {
            inside = false;
        } else if let Some(name) = line.strip_prefix(name_field.as_bytes()) {
            inside = names.iter().any(|wanted| wanted.as_bytes() == name.trim_ascii());
        } else if let Some(version) = line.strip_prefix(version_field.as_bytes()).filter(|_| inside) {
            return Some(String::from_utf8_lossy(version).trim().to_owned());
        }
    }
    None
}
