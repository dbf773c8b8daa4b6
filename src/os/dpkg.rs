//! dpkg's and apt's databases: stanzas of fields (deb822(5)), lists of paths.

use super::{Declared, OsPackage};
use crate::base::clean_path;
use std::collections::BTreeSet;

/// One stanza: its first line's number, and its fields with folded lines joined.
struct Stanza {
    line: usize,
    fields: Vec<(String, String)>,
}

impl Stanza {
    fn get(&self, name: &str) -> &str {
        let field = self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        field.map_or("", |(_, value)| value)
    }
}

/// Only the fields that are used are kept: a database has long ones that are not.
const USED: [&str; 18] = [
    "package",
    "version",
    "architecture",
    "status",
    "essential",
    "priority",
    "section",
    "depends",
    "pre-depends",
    "provides",
    "auto-installed",
    "protected",
    "installed-size",
    "recommends",
    "suggests",
    "conflicts",
    "breaks",
    "multi-arch",
];

fn each_stanza(bytes: &[u8], mut each: impl FnMut(&Stanza)) {
    let mut current = Stanza { line: 1, fields: Vec::new() };
    let mut in_used = false;
    let mut any = false;
    for (number, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() {
            if std::mem::take(&mut any) {
                each(&std::mem::replace(&mut current, Stanza { line: number + 2, fields: Vec::new() }));
            }
            current.line = number + 2;
            in_used = false;
            continue;
        }
        any = true;
        if line[0] == b' ' || line[0] == b'\t' {
            if let Some((_, value)) = current.fields.last_mut().filter(|_| in_used) {
                value.push(' ');
                value.push_str(String::from_utf8_lossy(line).trim());
            }
            continue;
        }
        let Some(colon) = line.iter().position(|&b| b == b':') else {
            in_used = false;
            continue;
        };
        let name = String::from_utf8_lossy(&line[..colon]).trim().to_ascii_lowercase();
        in_used = USED.contains(&name.as_str()) && current.fields.len() < MAX_FIELDS;
        if in_used {
            current.fields.push((name, String::from_utf8_lossy(&line[colon + 1..]).trim().to_owned()));
        }
    }
    if any {
        each(&current);
    }
}

/// Packages of a database that are read; the largest systems have some thousands.
pub(super) const MAX_PACKAGES: usize = 100_000;
/// Names in the relations of all packages of a database together.
const MAX_NAMES: usize = 1_000_000;
/// Lines of one stanza with fields that are used.
const MAX_FIELDS: usize = 64;

/// The installed packages of a status file, and the lines of stanzas that are none, or more than are read. A stanza without `Status`
/// (distroless) is installed.
pub fn parse_status(bytes: &[u8]) -> (Vec<OsPackage>, Vec<usize>) {
    let (mut packages, mut bad) = (Vec::new(), Vec::new());
    let mut names = MAX_NAMES;
    each_stanza(bytes, |stanza| {
        if packages.len() + bad.len() >= MAX_PACKAGES {
            return;
        }
        let state = stanza.get("Status").split_whitespace().last().unwrap_or("installed");
        if matches!(state, "not-installed" | "config-files") {
            return;
        }
        if stanza.get("Package").is_empty() || stanza.get("Version").is_empty() {
            bad.push(stanza.line);
            return;
        }
        let relations = ["Pre-Depends", "Depends", "Provides"].map(|field| stanza.get(field));
        let more: usize =
            relations.iter().map(|text| 1 + memchr::memchr2_iter(b',', b'|', text.as_bytes()).count()).sum();
        match names.checked_sub(more) {
            Some(left) => {
                names = left;
                packages.push(package(stanza));
            }
            None => bad.push(stanza.line),
        }
    });
    (packages, bad)
}

fn package(stanza: &Stanza) -> OsPackage {
    let essential = ["Essential", "Protected"].iter().any(|field| stanza.get(field).eq_ignore_ascii_case("yes"));
    let priority = stanza.get("Priority").to_ascii_lowercase();
    let depends = [stanza.get("Pre-Depends"), stanza.get("Depends")];
    OsPackage {
        name: stanza.get("Package").to_owned(),
        version: stanza.get("Version").to_owned(),
        architecture: stanza.get("Architecture").to_owned(),
        manual: true,
        essential: essential || matches!(priority.as_str(), "required" | "important"),
        depends: depends.iter().flat_map(|field| relations(field)).collect(),
        provides: relations(stanza.get("Provides")).into_iter().flatten().collect(),
        // `main` packages have a bare section, others `contrib/devel`.
        section: stanza.get("Section").rsplit('/').next().unwrap_or_default().to_owned(),
        vendor: String::new(),
        bytes: 0,
        declared: declared(stanza),
    }
}

fn declared(stanza: &Stanza) -> Declared {
    let joined = |fields: [&str; 2]| {
        let parts: Vec<&str> = fields.iter().map(|field| stanza.get(field)).filter(|text| !text.is_empty()).collect();
        parts.join(", ")
    };
    Declared {
        installed_size: stanza.get("Installed-Size").parse().ok().and_then(|size: u64| size.checked_mul(1024)),
        depends: joined(["Pre-Depends", "Depends"]),
        recommends: stanza.get("Recommends").to_owned(),
        suggests: stanza.get("Suggests").to_owned(),
        provides: stanza.get("Provides").to_owned(),
        conflicts: joined(["Conflicts", "Breaks"]),
        install_if: String::new(),
        multi_arch: stanza.get("Multi-Arch").to_owned(),
    }
}

/// `a (>= 1) | b, c:any` as `[[a, b], [c]]`.
pub fn relations(field: &str) -> Vec<Vec<String>> {
    let name = |text: &str| {
        let text = text.trim();
        let end = text.find(|c: char| c.is_whitespace() || "([<:".contains(c)).unwrap_or(text.len());
        text[..end].to_owned()
    };
    let alternatives = |part: &str| part.split('|').map(name).filter(|name| !name.is_empty()).collect::<Vec<_>>();
    field.split(',').map(alternatives).filter(|names| !names.is_empty()).collect()
}

/// Name and architecture of the packages that apt marked as automatically installed.
pub fn parse_extended_states(bytes: &[u8]) -> BTreeSet<(String, String)> {
    let mut out = BTreeSet::new();
    each_stanza(bytes, |stanza| {
        if stanza.get("Auto-Installed") == "1" && out.len() < MAX_PACKAGES {
            out.insert((stanza.get("Package").to_owned(), stanza.get("Architecture").to_owned()));
        }
    });
    out
}

/// The paths of a `.list` file, cleaned, without the root.
pub fn parse_list(bytes: &[u8]) -> Vec<Vec<u8>> {
    let lines = bytes.split(|&b| b == b'\n').map(|line| clean_path(line).into_owned());
    lines.filter(|path| !path.is_empty()).collect()
}

/// The paths of an `.md5sums` file: digest, two spaces, path relative to the root.
pub fn parse_md5sums(bytes: &[u8]) -> Vec<Vec<u8>> {
    let lines = bytes.split(|&b| b == b'\n').filter_map(|line| {
        let space = line.iter().position(|&b| b == b' ')?;
        let path = line[space..].trim_ascii_start();
        Some(clean_path(path.strip_prefix(b"*").unwrap_or(path)).into_owned())
    });
    lines.filter(|path| !path.is_empty()).collect()
}
