//! The command lines of pip and uv, and of what installs in other ways. Source: pip's and uv's command references.

use crate::command::{self, Means, Tool, Verb};
use crate::dockerfile::{Command, Run};
use crate::python::parse_requirement;

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
    Option(Means),
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
    /// What stands behind it.
    pub arguments: Vec<Argument>,
    /// What all options say, those before the verb too.
    said: Vec<Means>,
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

/// A command of a package manager's, and its first word's position among those of the `RUN`'s command. None of which an option is
/// not known: where its words end nobody knows.
pub(super) fn manager(run: &Run, command: &Command) -> Option<(command::Command, usize)> {
    let first = program(run, command)?;
    let read = command::Command::read(&words(run, command))?;
    (!read.has(&[Means::Unknown])).then_some((read, first))
}

/// Reads a command of pip or uv.
pub(super) fn read(run: &Run, command: &Command) -> Option<Pip> {
    let (read, first) = manager(run, command)?;
    if !matches!(read.tool, Tool::Pip | Tool::UvPip) {
        return None;
    }
    let action = match read.verb() {
        Verb::Install => Action::Install,
        Verb::Sync => Action::Sync,
        Verb::Uninstall => Action::Uninstall,
        Verb::Wheel => Action::Wheel,
        _ => return None,
    };
    let token = |at: usize| command.words[first + at];
    let verb = read.places[0];
    let mut arguments: Vec<Argument> = Vec::new();
    for given in read.options.iter().filter(|given| *given.at.start() > verb) {
        let tokens = token(*given.at.start())..=token(*given.at.end());
        // Of several letters in one word the last one may have a value.
        arguments.retain(|other| other.tokens.start() != tokens.start());
        let what = option(given.means, given.value.as_deref().unwrap_or_default(), *tokens.end());
        arguments.push(Argument { tokens, what });
    }
    arguments.extend(read.operands().map(|(at, text)| {
        let word = token(at);
        let what = if action == Action::Sync { What::File(word, text.to_owned()) } else { positional(text) };
        Argument { tokens: word..=word, what }
    }));
    arguments.sort_by_key(|argument| *argument.tokens.start());
    let said = read.options.iter().map(|given| given.means).collect();
    Some(Pip { uv: read.tool == Tool::UvPip, action, first: token(0), verb: token(verb), arguments, said })
}

fn option(means: Means, value: &str, token: usize) -> What {
    match means {
        Means::Requirements => What::File(token, value.to_owned()),
        Means::Constraints | Means::Overrides | Means::RequireHashes => What::Constraint,
        Means::Place => What::Index,
        Means::Editable => What::Source,
        means => What::Option(means),
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
    pub(super) fn has_option(&self, wanted: Means) -> bool {
        self.said.contains(&wanted)
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
pub(super) fn other(run: &Run, command: &Command) -> Option<(Other, command::Command)> {
    let (read, _) = manager(run, command)?;
    let other = match (read.tool, read.verb()) {
        (Tool::Uv, Verb::Sync) => Other::UvSync,
        (Tool::Poetry, Verb::Install | Verb::Add | Verb::Sync) => Other::Poetry,
        (Tool::Pdm, Verb::Install | Verb::Add | Verb::Sync) => Other::Pdm,
        (Tool::Pipenv, Verb::Install | Verb::Sync) => Other::Pipenv,
        (Tool::Conda, Verb::Install) => Other::Conda,
        _ => return None,
    };
    Some((other, read))
}
