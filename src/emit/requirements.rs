//! The requirements files: every distribution pinned, to be installed without resolving anything, and the few
//! that were asked for, to resolve anew.
//!
//! Overrides cannot rename a requirement and neither pip nor uv can drop an edge in a requirements file, so the
//! files hold the full closure and are installed with `--no-deps`. A requirements file cannot bind one
//! package to an index either, so packages of another index get a file of their own, whose first line names it.
//!
//! Source: pip's requirements file format; PEP 508 (names, `name @ url`); PEP 440 (`===` for other versions).

use super::quote::comment;
use crate::base::ImagePath;
use crate::facts::Root;
use crate::plan::{Carried, Pin, Plan};
use crate::python::{is_name, normalize_name};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::str::FromStr as _;

/// One requirements file.
pub struct File {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Whether every line has digests: then installers are told to insist on them.
    pub hashed: bool,
}

/// What is to be installed, in the order of installation.
pub struct Requirements {
    /// The files: those of other indexes first.
    pub files: Vec<File>,
    /// Paths of the original that pins are built from (`file://`), and that the plan copies anyway.
    pub local: BTreeSet<String>,
}

impl Requirements {
    /// Sorts the pins into files.
    pub fn new(plan: &Plan) -> Self {
        let mut by_index: BTreeMap<&str, Vec<&Pin>> = BTreeMap::new();
        let mut rest = Vec::new();
        for pin in &plan.pins {
            match pin.index.as_deref().filter(|index| pin.url.is_none() && is_url(index)) {
                Some(index) => by_index.entry(index).or_default().push(pin),
                None => rest.push(pin),
            }
        }
        let mut local = BTreeSet::new();
        let mut files = Vec::new();
        for (position, (index, pins)) in by_index.into_iter().enumerate() {
            let number = if position == 0 { String::new() } else { format!("-{}", position + 1) };
            let name = format!("requirements.cpu{number}.txt");
            let hashed = all_hashed(&pins);
            let mut text = header(&name, "Packages that must come from this index and from no other one.", hashed);
            let _ = writeln!(text, "--index-url {index}");
            text.push_str(&lines(plan, &pins, hashed, &mut local));
            files.push(File { name, text, hashed });
        }
        let name = "requirements.txt".to_owned();
        let what = "Every distribution that the image needs, those of the base's own Python apart.";
        // Installers want digests of all lines or of none, and of what is carried over none are known.
        let hashed = all_hashed(&rest) && plan.is_complete();
        let head = if plan.is_complete() { header(&name, what, hashed) } else { open_header(&name) };
        let text = head + &lines(plan, &rest, hashed, &mut local) + &carried(plan);
        files.push(File { name, text, hashed });
        Self { files, local }
    }
}

/// Whether digests of all pins are known. Installers want those of all lines of a file, or of none.
fn all_hashed(pins: &[&Pin]) -> bool {
    let is_written = |pin: &&&Pin| is_name(&pin.name) && is_version(&pin.version);
    let hashed = |pin: &&Pin| pin.url.is_none() && pin.availability.as_ref().is_some_and(|it| it.sha256().is_some());
    !pins.is_empty() && pins.iter().filter(is_written).all(hashed)
}

fn header(name: &str, what: &str, hashed: bool) -> String {
    let hashes = if hashed { " --require-hashes" } else { "" };
    format!(
        "# {what}\n# The list is complete, so nothing is to be resolved, and some requirements are overridden on purpose:\n\
         #   pip install --no-deps{hashes} -r {name}\n#   uv pip install --no-deps{hashes} -r {name}\n"
    )
}

fn open_header(name: &str) -> String {
    format!(
        "# Every distribution whose files are known before the build, and at the end what else was asked for. What that\n\
         # requires is not known, so the list is to be resolved:\n#   pip install -r {name}\n#   uv pip install -r {name}\n"
    )
}

/// What was asked for and is no pin, as it was asked.
fn carried(plan: &Plan) -> String {
    let line = |carried: &Carried| {
        let plain = is_name(&carried.name) && !carried.requirement.contains(['#', '\n', '\r', '\\', '$']);
        let source = comment(&carried.source);
        match plain {
            true => format!("{}  # as it was asked for: {source}\n", carried.requirement),
            false => format!("# left out, for it is no name and version: {}\n", comment(&carried.requirement)),
        }
    };
    plan.carried.iter().map(line).collect()
}

fn lines(plan: &Plan, pins: &[&Pin], hashed: bool, local: &mut BTreeSet<String>) -> String {
    let mut rows: Vec<(String, String)> = Vec::new();
    for pin in pins {
        let line = pin_line(plan, pin, local);
        let hashes = pin.availability.as_ref().filter(|_| hashed).and_then(|answer| answer.sha256());
        rows.push((
            normalize_name(&pin.name),
            hashes.map_or_else(|| line.clone(), |hashes| with_hashes(&line, &hashes)),
        ));
    }
    rows.sort();
    rows.dedup();
    rows.into_iter().map(|(_, line)| line + "\n").collect()
}

/// A line with its digests before its comment: one for each file that serves one of the platforms.
fn with_hashes(line: &str, hashes: &BTreeSet<&str>) -> String {
    let Some((pin, why)) = line.split_once("  # ").filter(|(pin, _)| !pin.starts_with('#')) else {
        return line.to_owned();
    };
    let hashes: String = hashes.iter().map(|hash| format!(" \\\n    --hash=sha256:{hash}")).collect();
    format!("{pin}{hashes}  # {why}")
}

fn pin_line(plan: &Plan, pin: &Pin, local: &mut BTreeSet<String>) -> String {
    let why = comment(&match &pin.instead_of {
        Some(old) => format!("instead of {old}: {}", pin.why),
        None => pin.why.to_string(),
    });
    if !is_name(&pin.name) || (pin.url.is_none() && !is_version(&pin.version)) {
        return format!(
            "# left out, for it is no name and version: {}",
            comment(&format!("{} {}", pin.name, pin.version))
        );
    }
    if let Some(index) = pin.index.as_deref().filter(|index| pin.url.is_none() && !is_url(index)) {
        return format!("# left out, for its index is no URL: {} from {}", pin.name, comment(index));
    }
    match &pin.url {
        None if pep440_rs::Version::from_str(&pin.version).is_ok() => {
            format!("{}=={}  # {why}", pin.name, pin.version)
        }
        None => format!("{}==={}  # {why}", pin.name, pin.version),
        Some(url) => url_line(plan, pin, url, &why, local),
    }
}

fn url_line(plan: &Plan, pin: &Pin, url: &str, why: &str, local: &mut BTreeSet<String>) -> String {
    if !is_url(url) {
        return format!("# left out, for it is no URL: {} @ {}", pin.name, comment(url));
    }
    if let Some(path) = url.strip_prefix("file://") {
        if !is_copied(plan, path) {
            return format!(
                "# {} {} was installed from a local file that is not in the image; give a URL or a wheel: {}",
                pin.name,
                comment(&pin.version),
                comment(url)
            );
        }
        local.insert(path.to_owned());
    }
    format!("{} @ {url}  # {why}", pin.name)
}

/// Whether the plan copies a path from the original: then the original has it, and the build stage may too.
fn is_copied(plan: &Plan, path: &str) -> bool {
    let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c));
    let path = ImagePath::from(path);
    let covers = |item: &crate::plan::CopyItem| {
        item.path == path || (item.directory && crate::base::is_within(path.as_bytes(), item.path.as_bytes()))
    };
    plain && !path.is_root() && plan.copies.iter().any(covers)
}

pub(super) fn is_version(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || ".!+_-".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(known)
}

/// Whether a text is a URL that ends where its line's comment begins. Braces are out, because pip expands
/// `${NAME}` in a requirements file.
pub(super) fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let known = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#[]@!&()*+,=%".contains(c);
    let scheme_known = |c: char| c.is_ascii_lowercase() || c == '+';
    !scheme.is_empty() && !rest.is_empty() && scheme.chars().all(scheme_known) && rest.chars().all(known)
}

/// `requirements.in`: what was asked for, to resolve anew.
pub fn roots(plan: &Plan) -> String {
    let mut text = String::from(
        "# What was asked for; everything else follows from it. Edit this and resolve anew, for example with\n\
         #   uv pip compile requirements.in\n\
         # requirements.txt differs from such a result where the plan overrides requirements on purpose:\n",
    );
    for edge in &plan.overridden {
        let edge =
            comment(&format!("{} {} requires {}: {}", edge.distribution, edge.version, edge.requirement, edge.why));
        let _ = writeln!(text, "#   {edge}");
    }
    if plan.overridden.is_empty() {
        text.push_str("#   (none)\n");
    }
    let mut rows: BTreeMap<String, String> = BTreeMap::new();
    for root in &plan.roots {
        let (name, line) = root_line(plan, root);
        rows.entry(name).or_insert(line);
    }
    rows.values().for_each(|line| {
        let _ = writeln!(text, "{line}");
    });
    text
}

fn root_line(plan: &Plan, root: &Root) -> (String, String) {
    let normalized = normalize_name(&root.name);
    if !is_name(&root.name) {
        let escaped = comment(&root.name);
        return (normalized, format!("# left out, for it is no name: {escaped}"));
    }
    let same = plan.pins.iter().find(|pin| normalize_name(&pin.name) == normalized);
    let replaces = |pin: &&Pin| {
        let is_it = pin.replaces().is_some_and(|old| old == normalized);
        is_name(&pin.name) && is_version(&pin.version) && is_it
    };
    if let (None, Some(pin)) = (same, plan.pins.iter().find(replaces)) {
        let why = comment(&format!("instead of {} ({})", root.name, root.how));
        return (normalize_name(&pin.name), format!("{}=={}  # {why}", pin.name, pin.version));
    }
    let extras: Vec<&str> = root.extras.iter().map(String::as_str).filter(|extra| is_name(extra)).collect();
    let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
    let index = same.and_then(|pin| pin.index.as_deref()).map(|index| format!("; from {index}")).unwrap_or_default();
    let how = comment(&format!("{}{index}", root.how));
    let line = match (same.and_then(|pin| pin.url.as_deref()).filter(|url| is_url(url)), specifiers(&root.specifiers)) {
        (Some(url), _) => format!("{}{extras} @ {url}  # {how}", root.name),
        (None, Some(specifiers)) => format!("{}{extras}{specifiers}  # {how}", root.name),
        (None, None) => {
            let odd = comment(&root.specifiers);
            format!("{}{extras}  # {how}; its specifiers could not be read: {odd}", root.name)
        }
    };
    (normalized, line)
}

/// Specifiers as PEP 440 writes them; `None` when they are none.
fn specifiers(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() {
        return Some(String::new());
    }
    let parsed = pep440_rs::VersionSpecifiers::from_str(text).ok()?;
    let parts: Vec<String> = parsed.iter().map(ToString::to_string).collect();
    Some(parts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_versions_and_urls_are_what_the_specifications_allow() {
        assert!(is_name("ruamel.yaml") && is_name("a") && !is_name("-r") && !is_name("a b") && !is_name(""));
        assert!(is_version("2.1.1+cpu") && !is_version("1 # x") && !is_version("1\n--index-url x"));
        assert!(is_url("https://example.org/a%20b.whl#sha256=0a") && is_url("git+https://example.org/a.git@v1"));
        assert!(!is_url("https://example.org/${HOME}") && !is_url("https://a\nb") && !is_url("/tmp/x"));
    }
}
