//! apk's database: records of one-letter fields.

use super::OsPackage;
use super::dpkg::MAX_PACKAGES;
use crate::base::clean_path;
use std::collections::BTreeSet;

/// Files of all packages that are read.
const MAX_FILES: usize = 1_000_000;

/// A package and its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApkPackage {
    /// The package; whether it is `manual` only `world` tells.
    pub package: OsPackage,
    /// Its files, cleaned.
    pub files: Vec<Vec<u8>>,
}

/// The packages of `installed`, and the lines of records that lack a name or a version.
pub fn parse_installed(bytes: &[u8]) -> (Vec<ApkPackage>, Vec<usize>) {
    let (mut packages, mut bad) = (Vec::new(), Vec::new());
    let mut files = 0;
    let mut current = ApkPackage::default();
    let mut dir: &[u8] = b"";
    let (mut any, mut start) = (false, 1);
    for (number, line) in bytes.split(|&b| b == b'\n').chain([&b""[..]]).enumerate() {
        let Some((field, value)) = split_field(line) else {
            if line.trim_ascii().is_empty() && std::mem::take(&mut any) {
                let done = std::mem::take(&mut current);
                let complete = !done.package.name.is_empty() && !done.package.version.is_empty();
                if packages.len() + bad.len() >= MAX_PACKAGES {
                    break;
                }
                if complete {
                    packages.push(done)
                } else {
                    bad.push(start)
                }
                dir = b"";
            }
            continue;
        };
        if !std::mem::replace(&mut any, true) {
            start = number + 1;
        }
        let text = || String::from_utf8_lossy(value).trim().to_owned();
        match field {
            b'P' => current.package.name = text(),
            b'V' => current.package.version = text(),
            b'A' => current.package.architecture = text(),
            b'I' => current.package.declared.installed_size = text().parse().ok(),
            b'D' => {
                current.package.depends = names(&text()).map(|name| vec![name]).collect();
                current.package.declared.depends = text();
            }
            b'p' => {
                current.package.provides = names(&text()).collect();
                current.package.declared.provides = text();
            }
            b'i' => current.package.declared.install_if = text(),
            b'F' => dir = value,
            b'R' if files < MAX_FILES => {
                files += 1;
                current.files.push(clean_path(&[dir, value].join(&b'/')).into_owned());
            }
            _ => {}
        }
    }
    (packages, bad)
}

fn split_field(line: &[u8]) -> Option<(u8, &[u8])> {
    match line {
        [field, b':', value @ ..] => Some((*field, value.strip_suffix(b"\r").unwrap_or(value))),
        _ => None,
    }
}

/// The names of a list of dependencies, without versions; conflicts (`!name`) are left out.
fn names(list: &str) -> impl Iterator<Item = String> {
    let wanted = list.split_whitespace().filter(|word| !word.starts_with('!'));
    wanted.map(bare_name).filter(|name| !name.is_empty())
}

fn bare_name(word: &str) -> String {
    word[..word.find(['<', '>', '=', '~', '@']).unwrap_or(word.len())].to_owned()
}

/// The names in `world`.
pub fn parse_world(bytes: &[u8]) -> BTreeSet<String> {
    names(&String::from_utf8_lossy(bytes)).collect()
}
