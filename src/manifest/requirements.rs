//! Requirements files, as pip reads them: comments, continued lines, variables, options, and requirements of all kinds.
//!
//! Reading is apart from the disk: what a file includes is told, and [`super::gather`] follows it. Each line keeps its
//! number, so that whatever is wrong with it later can be told with its place.
//!
//! Source: <https://pip.pypa.io/en/stable/reference/requirements-file-format/>,
//! <https://packaging.python.org/en/latest/specifications/dependency-specifiers/>

use super::requirement::{Requirement, parse_requirement_line};
use crate::base::{Text, masked};

/// Longest line that is read, in bytes.
const LONGEST: usize = 64 << 10;

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
    requirements_lines(text, variable).collect()
}

/// The lines of a requirements file, one by one, whatever is wrong with others.
pub fn requirements_lines<'t>(
    text: &'t str,
    variable: &'t dyn Fn(&str) -> Option<String>,
) -> impl Iterator<Item = Result<RequirementsLine, LineError>> + 't {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    joined(text).into_iter().filter_map(move |(line, text)| {
        let bare = without_comment(&text);
        if bare.trim().is_empty() {
            return None;
        }
        let what = match bare.len() {
            0..=LONGEST => parse_line(&expand(bare.trim(), variable)),
            _ => Err("a line of at most 64 KiB".into()),
        };
        let told = |expected: String| LineError { line, expected, found: shown(&text) };
        what.map_err(told).map(|what| what.map(|what| RequirementsLine { line, what })).transpose()
    })
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
        (requirement.hashes, requirement.beside) = behind(options)?;
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

/// A requirement, and the options behind it: the first word with a dash begins them.
fn split_options(line: &str) -> (&str, &str) {
    let starts = |at: &usize| line[*at + 1..].starts_with('-');
    let space = line.match_indices([' ', '\t']).map(|(at, _)| at).find(starts);
    space.map_or((line, ""), |at| (line[..at].trim_end(), line[at..].trim()))
}

/// Digests, and what stands besides.
type Behind = (Vec<String>, Vec<(&'static str, String)>);

/// The digests among the options behind a requirement, and what stands there besides: see [`Requirement::beside`].
fn behind(options: &str) -> Result<Behind, String> {
    let (mut digests, mut beside) = (Vec::new(), Vec::new());
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            beside.push(("", word.to_owned()));
            continue;
        }
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let known = |&&(long, short, _): &&(&'static str, &str, bool)| {
            name == long
                || (!short.is_empty() && name == short)
                || (long == "--config-settings" && name == "--config-setting")
        };
        let Some(&(long, _, takes)) = OPTIONS.iter().find(known) else {
            return Err("`--hash`, `--config-settings` or nothing behind a requirement".into());
        };
        let value = if takes { value.or_else(|| words.next()).unwrap_or_default() } else { "" };
        match long {
            "--hash" => digests.push(digest(value)?),
            "--global-option" | "--config-settings" => {}
            long => beside.push((long, value.to_owned())),
        }
    }
    Ok((digests, beside))
}

/// `sha256:…`.
fn digest(value: &str) -> Result<String, String> {
    let is_hex = |hex: &str| !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit());
    match value.split_once(':').is_some_and(|(_, hex)| is_hex(hex)) {
        true => Ok(value.to_ascii_lowercase()),
        false => Err("`--hash=ALGORITHM:DIGEST`".into()),
    }
}

fn unquoted(value: &str) -> String {
    let inner = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(value).to_owned()
}

/// A line as it is shown: in one line, bounded, and without secrets.
pub(crate) fn shown(text: &str) -> String {
    let text = masked(text.trim());
    let short: String = text.chars().take(120).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{}{more}", Text::from(short.split_whitespace().collect::<Vec<_>>().join(" ")))
}

impl LineKind {
    /// A variable in it that has no value, in what names a place: pip would take its name literally there.
    pub(crate) fn unset(&self) -> Option<&str> {
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
