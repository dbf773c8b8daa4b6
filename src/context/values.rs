//! Variables of a shell: what they are, and the commands that set, export and forget them.
//!
//! Source: POSIX.1-2017, Shell Command Language, 2.5 and 2.14; the manuals of dash and bash.

use super::run::base_name;
use super::script::{Ran, Setting, Status};
use super::stage::Stage;
use super::words::Field;
use crate::dockerfile::sh;
use crate::image::{GapReason, Writes};

/// Whose rules a shell follows, where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Dash,
    Bash,
    /// BusyBox, or bash by the name of `sh`.
    Other,
}

/// POSIX.1-2017, 2.14: what no function stands for in every shell.
pub(super) const SPECIAL: [&str; 15] = [
    "break", ":", "continue", ".", "eval", "exec", "exit", "export", "readonly", "return", "set", "shift", "times",
    "trap", "unset",
];

/// What is known of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Set(String),
    Unset,
    Unknown,
}

/// A variable that a function's own one hides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    value: Option<String>,
    unknown: bool,
    exported: bool,
}

/// Variables that a shell, an engine or a builder sets by itself.
const IMPLICIT: [&str; 58] = [
    "HOSTNAME",
    "OLDPWD",
    "PATH",
    "SHLVL",
    "_",
    "PPID",
    "OPTIND",
    "OPTARG",
    "OPTERR",
    "RANDOM",
    "SRANDOM",
    "UID",
    "EUID",
    "GROUPS",
    "SECONDS",
    "LINENO",
    "EPOCHSECONDS",
    "EPOCHREALTIME",
    "HOSTTYPE",
    "MACHTYPE",
    "OSTYPE",
    "SHELLOPTS",
    "TERM",
    "SHELL",
    "USER",
    "LOGNAME",
    "SOURCE_DATE_EPOCH",
    "IFS",
    "PS1",
    "PS2",
    "PS3",
    "PS4",
    "MAIL",
    "MAILCHECK",
    "FUNCNAME",
    "PIPESTATUS",
    "DIRSTACK",
    "COLUMNS",
    "LINES",
    "HISTCMD",
    "REPLY",
    "MAPFILE",
    "COPROC",
    "COMP_WORDBREAKS",
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "FTP_PROXY",
    "ftp_proxy",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
    "FCEDIT",
    "HISTFILE",
    "container",
    "LC_CTYPE",
];

impl Stage {
    /// Whose rules a shell follows that is called so.
    pub(super) fn dialect_of(&self, program: &str) -> Dialect {
        match base_name(program) {
            "bash" => Dialect::Bash,
            "dash" => Dialect::Dash,
            "sh" => match base_name(&String::from_utf8_lossy(&self.tree.resolve(b"bin/sh"))) {
                "busybox" | "bash" | "ash" | "ksh" | "zsh" | "mksh" => Dialect::Other,
                _ => Dialect::Dash,
            },
            _ => Dialect::Other,
        }
    }

    /// Sets a variable.
    pub(super) fn set(&mut self, name: &str, value: String) {
        if self.shell.readonly.contains(name) {
            self.shell.uncertain = true;
            return;
        }
        self.clear(name);
        self.scope.variables.insert(name.to_owned(), value);
        if self.shell.exports_all {
            self.shell.exported.insert(name.to_owned());
        }
    }

    pub(super) fn set_unknown(&mut self, name: String) {
        self.scope.variables.remove(&name);
        self.shell.unknown.insert(name);
    }

    pub(super) fn unset(&mut self, name: &str) {
        if self.shell.readonly.contains(name) {
            self.shell.uncertain = true;
            return;
        }
        self.clear(name);
        self.shell.exported.remove(name);
    }

    fn clear(&mut self, name: &str) {
        self.shell.unknown.remove(name);
        self.scope.unknown.remove(name);
        self.scope.variables.remove(name);
    }

    /// The value of a variable.
    pub(super) fn value_of(&self, name: &str) -> Value {
        let value = self.held_by(name);
        if let Value::Set(value) = &value {
            self.tree.work.bytes(value.len());
        }
        value
    }

    fn held_by(&self, name: &str) -> Value {
        if let Some(position) = name.parse::<usize>().ok().filter(|position| *position > 0) {
            let Some(arguments) = &self.shell.arguments else { return Value::Unknown };
            return arguments.get(position - 1).map_or(Value::Unset, |value| Value::Set(value.clone()));
        }
        match name {
            "@" | "*" => match &self.shell.arguments {
                Some(arguments) if arguments.is_empty() => return Value::Unset,
                Some(arguments) if arguments.len() == 1 || !self.has_separators() => {
                    return Value::Set(arguments.join(" "));
                }
                _ => return Value::Unknown,
            },
            "#" => {
                let count = self.shell.arguments.as_ref().map(|arguments| arguments.len().to_string());
                return count.map_or(Value::Unknown, Value::Set);
            }
            "?" if self.shell.last == Status::Success => return Value::Set("0".into()),
            "?" | "!" | "$" | "-" | "0" => return Value::Unknown,
            _ => {}
        }
        if self.shell.unknown.contains(name) || self.scope.unknown.contains(name) {
            return Value::Unknown;
        }
        if let Some(value) = self.scope.variables.get(name) {
            return Value::Set(value.clone());
        }
        let is_implicit = IMPLICIT.contains(&name) || name.starts_with("BASH") || name.starts_with("BUILDKIT");
        match name {
            "HOME" => Value::Set(format!("/{}", String::from_utf8_lossy(&self.home()))),
            "PWD" => self.scope.directory.clone().map_or(Value::Unknown, Value::Set),
            _ if is_implicit || self.shell.all_unknown || !self.is_whole() => Value::Unknown,
            _ => Value::Unset,
        }
    }

    /// Takes what a shell's children do not see away.
    pub(super) fn keep_exported(&mut self) {
        let shell = &mut self.shell;
        let doubtful = std::mem::take(&mut shell.maybe_exported);
        shell.unknown.retain(|name| shell.exported.contains(name) || doubtful.contains(name));
        let own = |name: &String| !shell.exported.contains(name) && name != "PATH";
        let own: Vec<String> = self.scope.variables.keys().filter(|name| own(name)).cloned().collect();
        for name in own {
            self.scope.variables.remove(&name);
            if doubtful.contains(&name) {
                self.shell.unknown.insert(name);
            }
        }
        self.shell.readonly.clear();
    }

    fn kept(&self, name: &str) -> Kept {
        Kept {
            value: self.scope.variables.get(name).cloned(),
            unknown: self.value_of(name) == Value::Unknown,
            exported: self.shell.exported.contains(name),
        }
    }

    fn restore(&mut self, name: &str, kept: Kept) {
        self.clear(name);
        match kept.value {
            Some(value) => _ = self.scope.variables.insert(name.to_owned(), value),
            None if kept.unknown => self.set_unknown(name.to_owned()),
            None => {}
        }
        match kept.exported {
            true => self.shell.exported.insert(name.to_owned()),
            false => self.shell.exported.remove(name),
        };
    }

    /// The end of a function: what was `local` is as it was.
    pub(super) fn end_function(&mut self) {
        for (name, kept) in self.shell.locals.pop().unwrap_or_default() {
            self.restore(&name, kept);
        }
    }

    /// The variables before a command, for as long as it runs.
    pub(super) fn put_before(&mut self, assigned: &[(String, Option<String>)]) -> Vec<(String, Kept)> {
        let mut kept = Vec::new();
        for (name, value) in assigned {
            kept.push((name.clone(), self.kept(name)));
            self.assign(name, value.clone());
            self.shell.exported.insert(name.clone());
        }
        kept
    }

    /// Takes them away again. What the command changed itself is not known: shells differ.
    pub(super) fn take_back(&mut self, assigned: &[(String, Option<String>)], kept: Vec<(String, Kept)>) {
        for ((name, value), (_, kept)) in assigned.iter().zip(kept).rev() {
            let is_same = match value {
                Some(value) => self.scope.variables.get(name) == Some(value),
                None => self.shell.unknown.contains(name),
            };
            self.restore(name, kept);
            if !is_same && !self.shell.readonly.contains(name) {
                self.set_unknown(name.clone());
            }
        }
    }

    pub(super) fn assign(&mut self, name: &str, value: Option<String>) {
        match value {
            Some(value) => self.set(name, value),
            None if self.shell.readonly.contains(name) => self.shell.uncertain = true,
            None => {
                self.set_unknown(name.to_owned());
                if self.shell.exports_all {
                    self.shell.exported.insert(name.to_owned());
                }
            }
        }
    }

    /// `export`, `readonly`, `local`, `declare`, `typeset`
    pub(super) fn declare(&mut self, setting: Setting<'_>, name: &str, rest: &[Field], text: &str) -> Ran {
        let is_bash = self.shell.dialect == Dialect::Bash;
        if matches!(name, "declare" | "typeset") && self.shell.dialect == Dialect::Dash {
            return Ran { status: Status::Failure, ..Ran::unknown() };
        }
        let (mut exports, mut keeps, mut rest) = (name == "export", name == "readonly", rest);
        let mut followed = is_bash || matches!(name, "export" | "readonly" | "local");
        while let [first, more @ ..] = rest
            && first.written.starts_with(['-', '+'])
        {
            match first.value.as_deref() {
                Some("-x") if is_bash => exports = true,
                Some("-r") if is_bash => keeps = true,
                Some("-p" | "--") => {}
                // What it is set to later is another value, or that of another variable.
                _ => return self.unknown(setting, text, GapReason::Script, Writes::Anywhere),
            }
            rest = more;
        }
        let is_local = matches!(name, "local" | "declare" | "typeset") && !self.shell.locals.is_empty();
        if name == "local" && !is_local {
            self.shell.uncertain = true;
            followed = false;
        }
        let mut takes_all = true;
        for field in rest {
            let written = field.value.as_deref().unwrap_or(&field.written);
            let (own, value) = written.split_once('=').map_or((written, None), |(own, value)| (own, Some(value)));
            let (own, value) = (own.to_owned(), value.map(str::to_owned));
            takes_all &= field.value.is_some() || field.written.contains('=');
            if !sh::is_name(&own) {
                takes_all = false;
                self.shell.all_unknown = true;
                self.may_end();
                continue;
            }
            if is_local {
                let kept = self.kept(&own);
                if let Some(frame) = self.shell.locals.last_mut() {
                    frame.entry(own.clone()).or_insert(kept);
                }
            }
            match value {
                Some(value) => self.assign(&own, field.value.is_some().then_some(value).filter(|_| followed)),
                None if field.value.is_none() => self.shell.all_unknown = true,
                // dash keeps the value of outside, and bash does not.
                None if is_local && self.shell.dialect == Dialect::Dash => {}
                None if is_local || !followed => self.set_unknown(own.clone()),
                None => {}
            }
            if exports {
                self.shell.exported.insert(own.clone());
            }
            if keeps || !followed {
                self.shell.readonly.extend(keeps.then_some(own));
            }
        }
        let said = if rest.is_empty() { None } else { Some(String::new()) };
        Ran { status: if followed && takes_all { Status::Success } else { Status::Unknown }, said }
    }

    /// `unset`
    pub(super) fn forget_names(&mut self, rest: &[Field]) -> Ran {
        let words: Option<Vec<&str>> = rest.iter().map(|field| field.value.as_deref()).collect();
        let (functions, names) = match words.as_deref() {
            Some(["-f", names @ ..]) => (true, names.to_vec()),
            Some(["-v", names @ ..]) => (false, names.to_vec()),
            Some(names) => (false, names.to_vec()),
            None => (false, vec!["-"]),
        };
        if !names.iter().all(|name| sh::is_name(name)) {
            self.shell.all_unknown = true;
            self.may_end();
            let all: Vec<String> = self.shell.functions.keys().cloned().collect();
            self.shell.shadowed.extend(all);
            return Ran::unknown();
        }
        for name in names {
            if functions {
                self.shell.functions.remove(name);
                continue;
            }
            // A shell may take a function of this name away instead.
            if self.shell.functions.contains_key(name) && rest.first().is_some_and(|first| &*first.written != "-v") {
                self.shell.shadowed.insert(name.to_owned());
            }
            self.unset(name);
        }
        Ran::quiet(Status::Success)
    }

    /// `read NAME`, and `read -r NAME`
    pub(super) fn read_line(&mut self, rest: &[Field]) -> Ran {
        let words: Option<Vec<&str>> = rest.iter().map(|field| field.value.as_deref()).collect();
        let (raw, name) = match words.as_deref() {
            Some(["-r", name]) if sh::is_name(name) => (true, Some((*name).to_owned())),
            Some([name]) if sh::is_name(name) => (false, Some((*name).to_owned())),
            _ => (false, None),
        };
        let Some(name) = name else {
            match words {
                Some(words) => words.into_iter().for_each(|word| self.set_unknown(word.to_owned())),
                None => self.shell.all_unknown = true,
            }
            self.set_unknown("REPLY".to_owned());
            let is_empty = self.shell.input.as_deref() == Some("");
            self.shell.input = self.shell.input.take().filter(|text| text.is_empty());
            let has_option = rest.iter().any(|field| field.written.starts_with('-') && &*field.written != "-r");
            return Ran::quiet(if is_empty && !has_option { Status::Failure } else { Status::Unknown });
        };
        let Some(input) = self.shell.input.as_mut() else {
            self.assign(&name, None);
            return Ran::quiet(Status::Unknown);
        };
        let end = input.find('\n').map_or(input.len(), |end| end + 1);
        let line: String = input.drain(..end).collect();
        let text = line.strip_suffix('\n').unwrap_or(&line);
        let value = match self.value_of("IFS") {
            _ if !raw && text.contains('\\') || text.contains('\0') => {
                self.shell.input = None;
                None
            }
            Value::Set(signs) if signs.is_empty() => Some(text.to_owned()),
            _ if self.has_separators() => None,
            _ => Some(text.trim_matches([' ', '\t']).to_owned()),
        };
        self.assign(&name, value);
        Ran::quiet(if self.shell.input.is_none() { Status::Unknown } else { Status::of(line.ends_with('\n')) })
    }
}
