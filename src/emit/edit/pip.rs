//! The command lines of pip and uv, and of what installs in other ways. Source: pip's and uv's command references.

use crate::dockerfile::{Command, Run};
use crate::python::{INSTALLER_OPTIONS, parse_requirement};

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Install,
    Sync,
    Uninstall,
    Wheel,
}

/// An argument with its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    pub tokens: std::ops::RangeInclusive<usize>,
    pub what: What,
}

/// What an argument is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// A requirement, by its normalized name.
    Name(String),
    /// `-r FILE`; the token with the file's name.
    File(usize, String),
    /// `-c FILE`, or an index: not for the plan's own list.
    Constraint,
    /// An index or a place to look in.
    Index,
    /// A path, an archive or a repository.
    Source,
    /// What depends on a variable.
    Unknown,
    /// Any other option.
    Option(String),
}

/// A pip or uv command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pip {
    pub uv: bool,
    pub action: Action,
    /// The first token of the command.
    pub first: usize,
    /// The token `install`.
    pub verb: usize,
    pub arguments: Vec<Argument>,
}

/// Installers of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Other {
    UvSync,
    Poetry,
    Pdm,
    Pipenv,
    Conda,
}

/// Tools that install others, and that images install first.
const TOOLS: [&str; 12] = [
    "pip",
    "setuptools",
    "wheel",
    "uv",
    "poetry",
    "pipenv",
    "pdm",
    "hatch",
    "hatchling",
    "build",
    "virtualenv",
    "pip-tools",
];

pub(super) fn is_tool(name: &str) -> bool {
    TOOLS.contains(&name)
}

fn base_name(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or_default()
}

fn is_called(program: &str, name: &str) -> bool {
    let rest = base_name(program).strip_prefix(name);
    rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// The program's position among a command's words: behind assignments, `sudo` and the like.
pub(super) fn program(run: &Run, command: &Command) -> Option<usize> {
    let is_before = |word: &str| {
        let assigned = word
            .split_once('=')
            .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        assigned || ["sudo", "exec", "env", "command", "time"].contains(&word)
    };
    command.words.iter().position(|&word| !is_before(&run.tokens[word].text))
}

/// The words from the program on.
pub(super) fn words<'r>(run: &'r Run, command: &Command) -> Vec<&'r str> {
    let first = program(run, command).unwrap_or(command.words.len());
    command.words[first..].iter().map(|&word| run.tokens[word].text.as_str()).collect()
}

/// Reads a command of pip or uv.
pub(super) fn read(run: &Run, command: &Command) -> Option<Pip> {
    let first = program(run, command)?;
    let text = |position: usize| command.words.get(position).map(|&word| run.tokens[word].text.as_str());
    let mut at = first;
    if is_called(text(at)?, "python") {
        at += 1;
        while text(at)?.starts_with('-') && text(at)? != "-m" {
            at += 1;
        }
        if text(at)? != "-m" {
            return None;
        }
        at += 1;
    }
    let uv = base_name(text(at)?) == "uv";
    if uv {
        at += 1;
        while text(at)?.starts_with('-') {
            at += 1;
        }
    }
    if !is_called(text(at)?, "pip") {
        return None;
    }
    at += 1;
    while text(at)?.starts_with('-') {
        at += 1 + usize::from(INSTALLER_OPTIONS.contains(&text(at)?));
    }
    let action = match text(at)? {
        "install" => Action::Install,
        "sync" if uv => Action::Sync,
        "uninstall" => Action::Uninstall,
        "wheel" if !uv => Action::Wheel,
        _ => return None,
    };
    let arguments = arguments(run, &command.words[at + 1..], action);
    Some(Pip { uv, action, first: command.words[first], verb: command.words[at], arguments })
}

fn arguments(run: &Run, words: &[usize], action: Action) -> Vec<Argument> {
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(&word) = words.get(at) {
        let token = &run.tokens[word];
        let text = token.text.as_str();
        at += 1;
        if !text.starts_with('-') {
            let what = if action == Action::Sync { What::File(word, text.to_owned()) } else { positional(text) };
            out.push(Argument { tokens: word..=word, what });
            continue;
        }
        let (name, glued) = match text.split_once('=') {
            Some((name, value)) if text.starts_with("--") => (name, Some(value)),
            _ if !text.starts_with("--")
                && text.len() > 2
                && text.is_char_boundary(2)
                && INSTALLER_OPTIONS.contains(&&text[..2]) =>
            {
                (&text[..2], Some(&text[2..]))
            }
            _ => (text, None),
        };
        let takes = INSTALLER_OPTIONS.contains(&name) && glued.is_none();
        let value = if takes { words.get(at).copied() } else { None };
        at += usize::from(value.is_some());
        let last = value.unwrap_or(word);
        let value = glued.or(value.map(|value| run.tokens[value].text.as_str())).unwrap_or_default();
        out.push(Argument { tokens: word..=last, what: option(name, value, last) });
    }
    out
}

fn option(name: &str, value: &str, token: usize) -> What {
    match name {
        "-r" | "--requirement" | "--requirements" => What::File(token, value.to_owned()),
        "-c" | "--constraint" | "--constraints" | "--override" | "--require-hashes" => What::Constraint,
        "-i" | "--index-url" | "--extra-index-url" | "--index" | "--default-index" | "-f" | "--find-links"
        | "--torch-backend" | "--index-strategy" => What::Index,
        "-e" | "--editable" => What::Source,
        _ => What::Option(name.to_owned()),
    }
}

fn positional(text: &str) -> What {
    let named = || parse_requirement(text, "").map(|asked| What::Name(asked.name));
    if text.contains("://") {
        // `name @ URL`; of a bare address the plan's list has the name.
        return if text.contains(" @ ") { named() } else { None }.unwrap_or_else(|| What::Name(String::new()));
    }
    let is_archive = [".whl", ".tar.gz", ".zip"].iter().any(|end| text.ends_with(end));
    if text.starts_with(['.', '/', '~']) || is_archive || text.contains('/') {
        return What::Source;
    }
    named().unwrap_or(What::Unknown)
}

impl Pip {
    pub(super) fn has_option(&self, names: &[&str]) -> bool {
        self.arguments
            .iter()
            .any(|argument| matches!(&argument.what, What::Option(name) if names.contains(&name.as_str())))
    }

    /// The distributions that are named.
    pub(super) fn names(&self) -> impl Iterator<Item = (&Argument, &str)> {
        self.arguments.iter().filter_map(|argument| match &argument.what {
            What::Name(name) => Some((argument, name.as_str())),
            _ => None,
        })
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (&Argument, usize, &str)> {
        self.arguments.iter().filter_map(|argument| match &argument.what {
            What::File(token, path) => Some((argument, *token, path.as_str())),
            _ => None,
        })
    }

    pub(super) fn has(&self, what: &What) -> bool {
        self.arguments.iter().any(|argument| argument.what == *what)
    }

    /// Whether it installs tools alone.
    pub(super) fn is_for_tools(&self) -> bool {
        let only_names = self.files().next().is_none() && !self.has(&What::Source) && !self.has(&What::Unknown);
        only_names && self.names().all(|(_, name)| is_tool(name))
    }

    /// Whether it installs distributions from an index.
    pub(super) fn installs_from_index(&self) -> bool {
        self.action != Action::Uninstall && (self.files().next().is_some() || self.names().next().is_some())
    }
}

/// Reads a command of another installer.
pub(super) fn other(run: &Run, command: &Command) -> Option<Other> {
    let words = words(run, command);
    let program = base_name(words.first()?);
    let verb = words.iter().skip(1).find(|word| !word.starts_with('-'))?;
    match (program, *verb) {
        ("uv", "sync") => Some(Other::UvSync),
        ("poetry", "install" | "add" | "sync") => Some(Other::Poetry),
        ("pdm", "install" | "sync" | "add") => Some(Other::Pdm),
        ("pipenv", "install" | "sync") => Some(Other::Pipenv),
        ("conda" | "mamba" | "micromamba", "install" | "create" | "env" | "update") => Some(Other::Conda),
        _ => None,
    }
}
