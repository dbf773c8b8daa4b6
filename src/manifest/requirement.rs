//! One requirement: `name[extras]specifiers ; marker`, `name @ URL`, a URL or a path.
//!
//! Source: <https://packaging.python.org/en/latest/specifications/dependency-specifiers/>

use super::marker::{MAX_DIGITS, Markers};
use pep440_rs::{Version, VersionSpecifiers};
use std::str::FromStr as _;

/// Something to install.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirement {
    /// Its name; empty where only a place is told.
    pub name: String,
    /// Extras, as written.
    pub extras: Vec<String>,
    /// Version specifiers, as written; empty for any.
    pub specifiers: String,
    /// The URL or path that it comes from; empty if from an index.
    pub from: String,
    /// When it applies; empty for always.
    pub marker: String,
    /// The digests that its file may have: `sha256:…`.
    pub hashes: Vec<String>,
    /// `-e`.
    pub editable: bool,
    /// What else stands behind it: options of the whole file, and words without a name. pip heeds `--no-binary` and
    /// `--only-binary` of these and passes over the rest; uv takes no such line.
    pub beside: Vec<(&'static str, String)>,
}

/// Reads a requirement: `name[extras]specifiers ; marker`, `name @ URL`, a URL, or a path. The error says what was
/// expected.
pub fn parse_requirement_line(text: &str) -> Result<Requirement, String> {
    let text = text.trim();
    // A second line would be read as one of its own, and may be an option.
    if text.contains(|c: char| c.is_control() && c != '\t') {
        return Err("a requirement in one line".into());
    }
    if let Some(from) = place(text) {
        return Ok(from);
    }
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(text.len());
    let (name, mut rest) = (&text[..end], text[end..].trim_start());
    if !is_name(name) {
        return Err("a package's name".into());
    }
    let mut out = Requirement { name: name.to_owned(), ..Requirement::default() };
    if let Some(inner) = rest.strip_prefix('[') {
        let (extras, after) = inner.split_once(']').ok_or("`]` behind the extras")?;
        out.extras = parse_extras(extras)?;
        rest = after.trim_start();
    }
    if let Some(url) = rest.strip_prefix('@') {
        // A marker of a URL stands behind a space.
        let (url, marker) = split_marker(url, true);
        if url.is_empty() {
            return Err("a URL behind `@`".into());
        }
        (out.from, out.marker) = (url.to_owned(), marker.to_owned());
    } else {
        let (specifiers, marker) = split_marker(rest, false);
        let bare = specifiers.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(specifiers);
        check_specifiers(bare)?;
        (out.specifiers, out.marker) = (bare.split_whitespace().collect(), marker.to_owned());
    }
    check_marker(&out.marker)?;
    // `a[]===b.zip`, written again without the brackets, is the name of a file.
    if out.from.is_empty() && place(&out.line()).is_some() {
        return Err("a package's name and no file's behind it".into());
    }
    Ok(out)
}

/// A URL or a path by itself.
fn place(text: &str) -> Option<Requirement> {
    let (location, marker) = split_marker(text, true);
    let has_scheme = location.split_once(':').is_some_and(|(scheme, rest)| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        scheme.len() > 1 && scheme.chars().all(plain) && (rest.starts_with("//") || scheme == "file")
    });
    let bare = location.split('[').next().unwrap_or_default();
    let is_file = [".whl", ".zip", ".tar.gz", ".tar.bz2", ".tgz", ".tar.xz"].iter().any(|end| bare.ends_with(end));
    let is_path = bare == "."
        || bare == ".."
        || bare.starts_with(['/', '~'])
        || bare.starts_with("./")
        || bare.starts_with("../");
    let has_slash = bare.contains('/') && !location.contains(['@', '=', '<', '>', '~', '!']);
    if !(has_scheme || (is_file && !location.contains('@')) || is_path || has_slash) {
        return None;
    }
    let (from, extras) = match location.strip_suffix(']').and_then(|inner| inner.rsplit_once('[')) {
        Some((from, extras)) if !has_scheme => (from, parse_extras(extras).ok()?),
        _ => (location, Vec::new()),
    };
    let fragment = from.split_once('#').map_or("", |(_, fragment)| fragment);
    let egg = fragment.split('&').find_map(|part| part.strip_prefix("egg=")).unwrap_or_default();
    let (name, of_egg) = egg.split_once('[').map_or((egg, ""), |(name, extras)| (name, extras.trim_end_matches(']')));
    let extras = if extras.is_empty() { parse_extras(of_egg).unwrap_or_default() } else { extras };
    let name = if is_name(name) { name.to_owned() } else { String::new() };
    Some(Requirement { name, extras, from: from.to_owned(), marker: marker.to_owned(), ..Requirement::default() })
}

/// What stands before the marker, and the marker.
fn split_marker(text: &str, is_url: bool) -> (&str, &str) {
    let ends = |at: &usize| !is_url || text[..*at].ends_with(char::is_whitespace);
    let at = text.match_indices(';').map(|(at, _)| at).find(ends);
    at.map_or((text.trim(), ""), |at| (text[..at].trim(), text[at + 1..].trim()))
}

fn parse_extras(text: &str) -> Result<Vec<String>, String> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| if is_name(name) { Ok(name.to_owned()) } else { Err("names of extras in `[…]`".to_owned()) })
        .collect()
}

fn check_specifiers(text: &str) -> Result<(), String> {
    let expected = || "version specifiers (`==1.2`, `>=1,<2`) behind the name".to_owned();
    let numbers = text.split(|c: char| !c.is_ascii_digit());
    if numbers.map(str::len).max().unwrap_or(0) > MAX_DIGITS {
        return Err(expected());
    }
    let parts = text.trim_end_matches([',', ' ']).split(',').map(str::trim);
    let is_fine = |part: &str| match part.strip_prefix("===") {
        // `===` takes any text that is one version.
        Some(version) => !version.trim().is_empty() && version.trim().chars().all(is_of_version),
        None => VersionSpecifiers::from_str(&lenient(part)).is_ok(),
    };
    if text.trim().is_empty() || parts.into_iter().all(is_fine) { Ok(()) } else { Err(expected()) }
}

fn is_of_version(c: char) -> bool {
    c.is_ascii_alphanumeric() || ".+!_-*".contains(c)
}

/// Installers still take `>=2.7.*`, which means nothing more than `>=2.7`.
fn lenient(part: &str) -> String {
    if part.contains(['<', '>']) { part.replacen(".*", "", 1) } else { part.to_owned() }
}

fn check_marker(text: &str) -> Result<(), String> {
    Markers { python_full: "3.12.0".into(), ..Markers::default() }.hold(text).map(drop).map_err(|error| {
        let error = error.strip_prefix("expected ").unwrap_or(&error).to_owned();
        error.split_once(", found").map(|(expected, _)| expected.to_owned()).unwrap_or(error) + " in the marker"
    })
}

impl Requirement {
    /// Its normalized name.
    pub fn normalized(&self) -> String {
        normalize_name(&self.name)
    }

    /// As a requirement of an index: `name[extras]specifiers ; marker`.
    pub fn line(&self) -> String {
        let extras = if self.extras.is_empty() { String::new() } else { format!("[{}]", self.extras.join(",")) };
        let what = if self.from.is_empty() { self.specifiers.clone() } else { format!(" @ {}", self.from) };
        let marker = if self.marker.is_empty() { String::new() } else { format!(" ; {}", self.marker) };
        format!("{}{extras}{what}{marker}", self.name)
    }

    /// Whether a version is one that the specifiers allow; none where they or the version cannot be compared. Pre-releases
    /// count: what is installed is there.
    pub fn allows(&self, version: &str) -> Option<bool> {
        let parsed = version.parse::<Version>();
        let part = |part: &str| match part.strip_prefix("===") {
            Some(exact) => Some(exact.trim().eq_ignore_ascii_case(version)),
            None => Some(VersionSpecifiers::from_str(&lenient(part)).ok()?.contains(parsed.as_ref().ok()?)),
        };
        let parts = self.specifiers.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(part).try_fold(true, |all, one| Some(all && one?))
    }
}

/// Whether a text is a distribution's name (PEP 508).
pub fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.chars().all(inner) && end(text.chars().next()) && end(text.chars().next_back())
}

/// PEP 503: lower case, runs of `-`, `_` and `.` become one `-`.
pub fn normalize_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.trim().chars() {
        if matches!(c, '-' | '_' | '.') {
            if !out.ends_with('-') {
                out.push('-');
            }
        } else {
            out.extend(c.to_lowercase());
        }
    }
    out
}
