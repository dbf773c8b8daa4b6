//! Requirements files, as pip reads them: comments, continued lines, variables, options, and requirements of all kinds.
//!
//! Reading is apart from the disk: what a file includes is told, and [`super::gather`] follows it. Each line keeps its
//! number, so that whatever is wrong with it later can be told with its place.
//!
//! Source: <https://pip.pypa.io/en/stable/reference/requirements-file-format/>,
//! <https://packaging.python.org/en/latest/specifications/dependency-specifiers/>

use super::marker::Markers;
use crate::base::{escape_str, masked};
use crate::python::{is_name, normalize_name};
use pep440_rs::VersionSpecifiers;
use std::str::FromStr as _;

/// Longest line that is read, in bytes.
const LONGEST: usize = 64 << 10;
/// Numbers of a version that can be compared.
const MOST_DIGITS: usize = 18;

/// A line of a requirements file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequirementsLine {
    /// Its number, from 1.
    pub line: usize,
    /// What it says.
    pub what: LineKind,
}

/// What a line of a requirements file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// Something to install.
    Requirement(Requirement),
    /// `-r FILE`.
    Include(String),
    /// `-c FILE`.
    Constraint(String),
    /// Another option, by its long name, and its value; empty for one that has none.
    Option(&'static str, String),
}

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
}

/// A line that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// Its number, from 1.
    pub line: usize,
    /// What was expected.
    pub expected: String,
    /// The line, escaped and without secrets.
    pub found: String,
}

/// Options by all their names: `(long, short, whether it has a value)`.
const OPTIONS: [(&str, &str, bool); 18] = [
    ("--requirement", "-r", true),
    ("--constraint", "-c", true),
    ("--editable", "-e", true),
    ("--index-url", "-i", true),
    ("--pypi-url", "", true),
    ("--extra-index-url", "", true),
    ("--find-links", "-f", true),
    ("--no-index", "", false),
    ("--no-binary", "", true),
    ("--only-binary", "", true),
    ("--prefer-binary", "", false),
    ("--require-hashes", "", false),
    ("--pre", "", false),
    ("--trusted-host", "", true),
    ("--use-feature", "", true),
    ("--hash", "", true),
    ("--global-option", "", true),
    ("--config-settings", "-C", true),
];

/// Reads a requirements file. `variable` tells the value of `${NAME}`; one that is unknown stays as it is written.
///
/// # Errors
///
/// The first line that is not one of a requirements file.
pub fn parse_requirements_file(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<RequirementsLine>, LineError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut out = Vec::new();
    for (line, text) in joined(text) {
        let error = |expected: String| LineError { line, expected, found: shown(&text) };
        let bare = without_comment(&text);
        if bare.trim().is_empty() {
            continue;
        }
        if bare.len() > LONGEST {
            return Err(error("a line of at most 64 KiB".into()));
        }
        let expanded = expand(bare.trim(), variable);
        let what = parse_line(&expanded).map_err(error)?;
        out.extend(what.into_iter().map(|what| RequirementsLine { line, what }));
    }
    Ok(out)
}

/// The lines, those that end in a backslash with what follows them; each with the number of its first.
fn joined(text: &str) -> Vec<(usize, String)> {
    let mut out: Vec<(usize, String)> = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (at, line) in text.lines().enumerate() {
        // A comment ends a continued line, whatever it ends in.
        let is_comment = line.trim_start().starts_with('#');
        let goes_on = line.ends_with('\\') && !is_comment;
        let (_, so_far) = open.get_or_insert_with(|| (at + 1, String::new()));
        if is_comment {
            so_far.push(' ');
        }
        so_far.push_str(if goes_on { line.trim_end_matches('\\') } else { line });
        if !goes_on {
            out.extend(open.take());
        }
    }
    out.extend(open);
    out
}

/// Without ` # …`: a comment begins at the line's beginning or behind a space.
fn without_comment(line: &str) -> &str {
    let begins = |at: &usize| *at == 0 || line[..*at].ends_with(char::is_whitespace);
    line.match_indices('#').map(|(at, _)| at).find(begins).map_or(line, |at| &line[..at])
}

/// With the values of `${NAME}`.
fn expand(line: &str, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let inner = &rest[at + 2..];
        let name = inner.split('}').next().unwrap_or_default();
        let is_plain = |name: &str| {
            let fine = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            !name.is_empty() && name.len() < inner.len() && name.chars().all(fine)
        };
        match Some(name).filter(|name| is_plain(name)).and_then(variable) {
            Some(value) => {
                out.push_str(&value);
                rest = &inner[name.len() + 1..];
            }
            None => {
                out.push_str("${");
                rest = inner;
            }
        }
    }
    out + rest
}

fn parse_line(line: &str) -> Result<Option<LineKind>, String> {
    if !line.starts_with('-') {
        let (requirement, options) = split_options(line);
        let mut requirement = parse_requirement_line(requirement)?;
        requirement.hashes = hashes(options)?;
        return Ok(Some(LineKind::Requirement(requirement)));
    }
    let (option, value, rest) = option(line)?;
    let value = unquoted(&value);
    let path = |value: String| if value.is_empty() { Err(format!("a value behind {option}")) } else { Ok(value) };
    Ok(Some(match option {
        "--requirement" => LineKind::Include(path(value)?),
        "--constraint" => LineKind::Constraint(path(value)?),
        "--editable" => {
            let mut requirement = parse_requirement_line(&path(value)?)?;
            requirement.editable = true;
            LineKind::Requirement(requirement)
        }
        "--hash" | "--global-option" | "--config-settings" => return Err(format!("a requirement before {option}")),
        "--pypi-url" => LineKind::Option("--index-url", path(value)?),
        _ if !rest.trim().is_empty() && !rest.trim_start().starts_with('-') => {
            return Err(format!("nothing behind {option}"));
        }
        option => LineKind::Option(option, value),
    }))
}

/// An option at the beginning of a line, its value, and what follows.
fn option(line: &str) -> Result<(&'static str, String, &str), String> {
    let unknown = || "a requirement or an option of requirements files".to_owned();
    let word = line.split([' ', '\t', '=']).next().unwrap_or_default();
    let (long, takes, length) = OPTIONS
        .iter()
        .find_map(|&(long, short, takes)| {
            let is_short = !short.is_empty() && line.starts_with(short) && !line.starts_with("--");
            (word == long).then_some((long, takes, long.len())).or(is_short.then_some((long, takes, short.len())))
        })
        .ok_or_else(unknown)?;
    let rest = &line[length..];
    if !takes {
        return if rest.starts_with('=') {
            Err(format!("{long} without a value"))
        } else {
            Ok((long, String::new(), rest))
        };
    }
    let value = rest.trim_start_matches(['=', ' ', '\t']).trim_end();
    if value.is_empty() {
        return Err(format!("a value behind {long}"));
    }
    // A path may have spaces; nothing else may, nor be followed by a second option.
    Ok((long, value.to_owned(), ""))
}

/// A requirement, and the options behind it.
fn split_options(line: &str) -> (&str, &str) {
    let starts = |at: &usize| line[*at + 1..].starts_with("--") || line[*at + 1..].starts_with("-C");
    let space = line.match_indices([' ', '\t']).map(|(at, _)| at).find(starts);
    space.map_or((line, ""), |at| (line[..at].trim_end(), line[at..].trim()))
}

/// The digests among the options behind a requirement.
fn hashes(options: &str) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    let mut words = options.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        if !matches!(name, "--hash" | "--global-option" | "--config-settings" | "--config-setting" | "-C") {
            return Err("`--hash`, `--config-settings` or nothing behind a requirement".into());
        }
        let value = value.or_else(|| words.next()).unwrap_or_default();
        if name == "--hash" {
            let fine = value
                .split_once(':')
                .is_some_and(|(_, hex)| !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit()));
            if !fine {
                return Err("`--hash=ALGORITHM:DIGEST`".into());
            }
            out.push(value.to_ascii_lowercase());
        }
    }
    Ok(out)
}

fn unquoted(value: &str) -> String {
    let inner = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(value).to_owned()
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
    if numbers.map(str::len).max().unwrap_or(0) > MOST_DIGITS {
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

/// A line as it is shown: in one line, bounded, and without secrets.
pub(super) fn shown(text: &str) -> String {
    let text = masked(text.trim());
    let short: String = text.chars().take(120).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    escape_str(&short.split_whitespace().collect::<Vec<_>>().join(" ")) + more
}

impl LineKind {
    /// A variable in it that has no value, in what names a place: pip would take its name literally there.
    pub(super) fn unset(&self) -> Option<&str> {
        let text = match self {
            Self::Requirement(requirement) => &requirement.from,
            Self::Include(text) | Self::Constraint(text) | Self::Option(_, text) => text,
        };
        let is_plain = |name: &&str| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        };
        text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).find(is_plain)
    }
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
}
