//! Whether something is compiled where a package is installed: then its compiler and headers stay. That nothing is has to
//! be shown; what is not known is a reason to keep them.

use super::draft::Draft;
use super::pip::{self, Action, What, words};
use super::reach::Reach;
use crate::command::Means;
use crate::dockerfile::{Command, Kind, Run, sh};
use crate::plan::Plan;
use std::fmt;

/// What is compiled, or may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Builds {
    /// A distribution without a wheel.
    Distribution(String),
    /// `--no-binary`.
    NoBinary,
    /// From an address or a repository.
    Address,
    /// A project of the build context.
    Project(usize),
    /// What an install names in a variable.
    Variable(usize),
    /// A program of which nothing is known: its name and line.
    Program(String, usize),
    /// A `RUN` whose commands cannot be read.
    Unread(usize),
    /// Another stage that builds on this one.
    Stage(usize),
}

impl fmt::Display for Builds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Distribution(name) => write!(out, "{name} is made from its source here"),
            Self::NoBinary => out.write_str("what --no-binary names is made from its source here"),
            Self::Address => out.write_str("what is installed from an address may be made from its source here"),
            Self::Project(line) => write!(out, "line {line} builds a project, which may compile"),
            Self::Variable(line) => write!(out, "what line {line} installs depends on a variable, and may be compiled"),
            Self::Program(name, line) => write!(out, "{name} in line {line} may compile"),
            Self::Unread(line) => write!(out, "what line {line} runs cannot be read, and may compile"),
            Self::Stage(line) => write!(out, "the stage of line {line} builds on this one, and may compile"),
        }
    }
}

/// Programs that compile nothing, whatever their arguments.
const HARMLESS: [&str; 92] = [
    "apt-get",
    "apt",
    "apt-cache",
    "apt-mark",
    "apt-key",
    "add-apt-repository",
    "apk",
    "dpkg",
    "dpkg-query",
    "dpkg-reconfigure",
    "echo",
    "printf",
    "true",
    ":",
    "false",
    "test",
    "[",
    "[[",
    "pwd",
    "ls",
    "cat",
    "which",
    "type",
    "sleep",
    "exit",
    "grep",
    "sed",
    "awk",
    "head",
    "tail",
    "sort",
    "tr",
    "cut",
    "wc",
    "tee",
    "date",
    "env",
    "set",
    "unset",
    "export",
    "cd",
    "pushd",
    "popd",
    "rm",
    "rmdir",
    "mkdir",
    "touch",
    "mv",
    "cp",
    "ln",
    "chown",
    "chgrp",
    "chmod",
    "find",
    "useradd",
    "adduser",
    "usermod",
    "userdel",
    "groupadd",
    "addgroup",
    "groupmod",
    "passwd",
    "chpasswd",
    "ldconfig",
    "locale-gen",
    "update-locale",
    "update-ca-certificates",
    "update-alternatives",
    "curl",
    "wget",
    "gpg",
    "tar",
    "unzip",
    "gunzip",
    "sha256sum",
    "install",
    "id",
    "command",
    // What commands ask for their arguments (`$(…)`).
    "nproc",
    "uname",
    "arch",
    "lsb_release",
    "basename",
    "dirname",
    "readlink",
    "realpath",
    "mktemp",
    "hostname",
    "getent",
    "getconf",
    "stat",
    "pg_config",
];

/// Modules of Python that compile nothing native, as `python -m MODULE`.
const HARMLESS_MODULES: [&str; 7] =
    ["pip", "venv", "virtualenv", "ensurepip", "compileall", "nltk.downloader", "spacy"];

/// Arguments of `find` that a command follows.
const FIND_RUNS: [&str; 4] = ["-exec", "-execdir", "-ok", "-okdir"];

/// What is compiled in the image's own layers, or may be.
pub(super) fn in_image(draft: &Draft<'_>, plan: &Plan, reach: &Reach) -> Option<Builds> {
    let mut installs = false;
    let mut found = None;
    for &instruction in &reach.layers {
        if let Kind::Run(_) = draft.file.instructions[instruction].kind {
            let (installs_here, builds) = in_run(draft, plan, instruction);
            installs |= installs_here;
            found = found.or(builds);
        }
    }
    let compiled = plan.pins.iter().find(|pin| pin.is_compiled()).filter(|_| installs);
    compiled.map(|pin| Builds::Distribution(pin.name.clone())).or(found).or_else(|| in_other_stages(draft, reach))
}

/// Stages that are no part of the image and build on one that is: what they install nobody predicts.
fn in_other_stages(draft: &Draft<'_>, reach: &Reach) -> Option<Builds> {
    let file = draft.file;
    let is_ours =
        |stage: usize| file.stages[stage].instructions.clone().all(|position| reach.layers.contains(&position));
    let others = (0..file.stages.len()).filter(|&stage| !is_ours(stage));
    let mut on_ours = others.filter(|&stage| file.lineage(stage).into_iter().any(is_ours));
    let runs = |stage: &usize| {
        let mut own = file.stages[*stage].instructions.clone();
        own.any(|position| match &file.instructions[position].kind {
            Kind::Run(run) => {
                let harmless = |command: &Command| is_harmless(run, command) && inside(draft, run, command).is_none();
                draft.run(position).is_none() || !run.commands.iter().all(harmless)
            }
            _ => false,
        })
    };
    let stage = on_ours.find(runs)?;
    Some(Builds::Stage(file.line(file.instructions[file.stages[stage].instructions.start].span.start)))
}

/// Whether a `RUN` installs distributions, and what it may compile.
fn in_run(draft: &Draft<'_>, plan: &Plan, instruction: usize) -> (bool, Option<Builds>) {
    let line = draft.file.line(draft.file.instructions[instruction].span.start);
    let Some(run) = draft.run(instruction) else {
        return (false, Some(Builds::Unread(line)));
    };
    let mut installs = false;
    let mut found = None;
    for command in &run.commands {
        found = found.or_else(|| Some(Builds::Program(inside(draft, run, command)?, line)));
        if let Some(pip) = pip::read(run, command) {
            installs |= pip.installs_from_index();
            found = found.or_else(|| of_pip(run, &pip, plan, line));
        } else if let Some((other, read)) = pip::other(run, command) {
            installs = true;
            let own_project = match other {
                pip::Other::UvSync | pip::Other::Pdm => !read.has(&[Means::NoProject]),
                pip::Other::Poetry => !read.has(&[Means::NoProject, Means::OnlyGroup]),
                pip::Other::Pipenv | pip::Other::Conda => false,
            };
            if own_project && !plan.pure_projects {
                found = found.or(Some(Builds::Project(line)));
            }
        } else if !is_harmless(run, command) {
            let name = words(run, command).first().map(|word| (*word).to_owned()).unwrap_or_default();
            found = found.or(Some(Builds::Program(name, line)));
        }
    }
    (installs, found)
}

fn of_pip(run: &Run, pip: &pip::Pip, plan: &Plan, line: usize) -> Option<Builds> {
    if pip.action == Action::Uninstall {
        return None;
    }
    if pip.has_option(Means::NoBinary) {
        return Some(Builds::NoBinary);
    }
    if pip.names().any(|(_, name)| name.is_empty()) {
        return Some(Builds::Address);
    }
    if pip.has(&What::Unknown) {
        return Some(Builds::Variable(line));
    }
    let is_wheel = |token: usize| run.tokens[token].text.ends_with(".whl");
    let sources = pip.arguments.iter().filter(|argument| argument.what == What::Source);
    let builds = sources.into_iter().any(|argument| !is_wheel(*argument.tokens.end()));
    (builds && !plan.pure_projects).then_some(Builds::Project(line))
}

/// The program that runs inside of a command's words (`X=$(make)`) and may compile, if there is one.
fn inside(draft: &Draft<'_>, run: &Run, command: &Command) -> Option<String> {
    let mut found = None;
    for token in run.tokens[command.tokens.clone()].iter().filter(|token| !token.literal && token.operator.is_none()) {
        let is_open = |text: &&str| text.contains(['`', '(']);
        // As it is written, if it stands in the file.
        let written = draft.file.text.get(token.span.clone()).filter(is_open);
        let Some(text) = written.or(Some(token.text.as_str()).filter(is_open)) else { continue };
        // What cannot be read may do anything.
        let Ok(script) = sh::parse(text) else { return Some(text.to_owned()) };
        let mut each = |simple: &sh::Simple| {
            let words: Vec<String> = simple.words.iter().map(plain).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            // The first one is the token itself.
            if simple.text.trim() != text.trim() && !are_harmless(&words) {
                found.get_or_insert_with(|| words.first().map_or_else(String::new, |word| (*word).to_owned()));
            }
        };
        sh::walk::each_simple(&script, &mut each);
    }
    found
}

/// A word as far as it is text; what is expanded in it stands as it is written.
fn plain(word: &sh::Word) -> String {
    let all_text = word.parts.iter().all(|part| matches!(part, sh::Part::Text { .. }));
    let text = |part: &sh::Part| match part {
        sh::Part::Text { text, .. } => text.clone(),
        _ => String::new(),
    };
    if all_text { word.parts.iter().map(text).collect() } else { word.text.clone() }
}

/// Whether a command compiles nothing and runs nothing that does; what runs inside of its words apart.
pub(super) fn is_harmless(run: &Run, command: &Command) -> bool {
    are_harmless(&words(run, command))
}

fn are_harmless(words: &[&str]) -> bool {
    let Some(program) = words.first().map(|word| word.rsplit('/').next().unwrap_or_default()) else { return true };
    let is_python =
        program.strip_prefix("python").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'));
    match program {
        _ if is_python => match words.get(1..) {
            Some(["-m", module, ..]) => HARMLESS_MODULES.contains(module),
            Some(["--version" | "-V", ..]) => true,
            _ => false,
        },
        "find" => words.iter().enumerate().filter(|(_, word)| FIND_RUNS.contains(word)).all(|(at, _)| {
            let rest = &words[at + 1..];
            let end = rest.iter().position(|word| matches!(*word, ";" | "\\;" | "+")).unwrap_or(rest.len());
            are_harmless(&rest[..end])
        }),
        "." | "source" => words.get(1).is_some_and(|file| *file == "/etc/os-release"),
        _ if program.ends_with("-config") => true,
        "uv" => matches!(words.get(1), Some(&("venv" | "cache" | "--version" | "python"))),
        _ if program.starts_with("pip") => {
            matches!(words.get(1), Some(&("cache" | "config" | "--version" | "list" | "freeze")))
        }
        _ => HARMLESS.contains(&program),
    }
}
