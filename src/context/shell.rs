//! What the shell does itself, and the programs that run other ones. Source: POSIX.1-2017, Shell Command Language, 2.14; the manuals of
//! dash, bash and BusyBox; coreutils, findutils, sudo.

use super::run::{base_name, known};
use super::script::{Leave, Ran, Result, Said, Setting, Status};
use super::stage::Stage;
use super::words::{Field, is_special};
use crate::dockerfile::sh;
use crate::image::{GapReason, Writes};
use crate::layer::EntryKind;

impl Stage {
    /// A command of the shell's own; `None` where it is none.
    pub(super) fn builtin(
        &mut self,
        setting: Setting<'_>,
        name: &str,
        fields: &[Field],
        text: &str,
        must: bool,
    ) -> Result<Option<Ran>> {
        let rest = &fields[1..];
        let value = |at: usize| rest.get(at).and_then(|field| field.value.as_deref());
        let words: Option<Vec<&str>> = rest.iter().map(|field| field.value.as_deref()).collect();
        let success = Ran::quiet(Status::Success);
        let ran = match name {
            ":" | "true" => success,
            "false" => Ran::quiet(Status::Failure),
            "exit" | "return" => {
                let status = match (rest, value(0).and_then(|code| code.parse::<u8>().ok())) {
                    ([], _) => self.shell.last,
                    ([_], Some(code)) => Status::of(code == 0),
                    _ => Status::Unknown,
                };
                self.shell.leave = Some(if name == "exit" { Leave::Exit(status) } else { Leave::Return(status) });
                Ran::quiet(status)
            }
            "break" | "continue" => {
                let count = value(0).and_then(|count| count.parse().ok()).unwrap_or(1);
                self.shell.leave = Some(if name == "break" { Leave::Break(count) } else { Leave::Continue(count) });
                success
            }
            "cd" | "pushd" => self.change_folder(rest, must),
            "popd" => {
                self.scope.directory = None;
                Ran::unknown()
            }
            "export" | "readonly" | "declare" | "typeset" | "local" => {
                rest.iter().for_each(|field| self.declare(field));
                let is_plain = |field: &Field| {
                    let name = field.written.split('=').next().unwrap_or_default();
                    sh::is_name(name) && (field.value.is_some() || field.written.contains('='))
                };
                self.special(matches!(name, "export" | "readonly") && rest.iter().all(is_plain))
            }
            "unset" => {
                let all_names = words.as_ref().is_some_and(|words| words.iter().all(|word| sh::is_name(word)));
                match words {
                    Some(words) => words.into_iter().for_each(|name| self.unset(name)),
                    None => self.shell.all_unknown = true,
                }
                self.special(all_names)
            }
            "set" => return self.set_options(setting, rest, text).map(Some),
            "shift" => {
                let count = match rest {
                    [] => Some(1),
                    _ => value(0).and_then(|count| count.parse::<usize>().ok()),
                };
                let fits = self.shell.arguments.as_ref().zip(count).is_some_and(|(all, count)| count <= all.len());
                self.shell.arguments = self.shell.arguments.take().zip(count).map(|(mut all, count)| {
                    all.drain(..count.min(all.len()));
                    all
                });
                self.special(fits && rest.len() < 2)
            }
            "eval" => match words.map(|words| sh::parse(&words.join(" "))) {
                Some(Ok(script)) => self.list(setting, &script, must)?,
                _ => self.unknown(setting, text, GapReason::Script, Writes::Anywhere),
            },
            "." | "source" => {
                let ran = self.source(setting, rest.first(), text, must)?;
                if ran.said.is_none() && ran.status == Status::Unknown {
                    self.shell.all_unknown = true;
                }
                ran
            }
            "trap" => self.trap(setting, rest, text),
            "exec" if rest.is_empty() => success,
            "exec" => {
                let ran = self.external(setting, rest, text, must)?;
                self.shell.leave = Some(Leave::Exit(ran.status));
                ran
            }
            "command" | "builtin" => {
                let skipped = rest.iter().take_while(|field| field.value.as_deref() == Some("-p")).count();
                let rest = &rest[skipped..];
                match rest.first().and_then(|field| field.value.as_deref()) {
                    Some("-v" | "-V") => self.which(rest.get(1)),
                    None if rest.is_empty() => success,
                    Some(name) => match self.builtin(setting, name, rest, text, must)? {
                        Some(ran) => ran,
                        None => self.external(setting, rest, text, must)?,
                    },
                    None => self.unknown(setting, text, GapReason::Program, Writes::Anywhere),
                }
            }
            "alias" | "hash" | "enable" => {
                let names: Vec<String> = match name {
                    "alias" => rest.iter().filter_map(alias).collect(),
                    "hash" if !rest.iter().any(|field| field.value.as_deref() != Some("-r")) => Vec::new(),
                    "hash" if !rest.iter().any(|field| field.written.starts_with('-')) => Vec::new(),
                    _ => rest.iter().filter_map(|field| field.value.clone()).collect(),
                };
                if rest.iter().any(|field| field.value.is_none()) {
                    return Ok(Some(self.unknown(setting, text, GapReason::Script, Writes::Anywhere)));
                }
                let is_plain = match name {
                    "alias" => rest.iter().all(|field| alias(field).is_some()),
                    _ => name == "hash" && matches!(words.as_deref(), Some([] | ["-r"])),
                };
                self.shell.shadowed.extend(names);
                if is_plain { success } else { Ran::unknown() }
            }
            "type" => Ran { said: None, ..self.which(rest.first()) },
            "read" => self.read_line(rest),
            "[" if value(rest.len().wrapping_sub(1)) != Some("]") => Ran::unknown(),
            "test" | "[" => {
                let end = if name == "[" { rest.len().saturating_sub(1) } else { rest.len() };
                let words: Vec<Said> = rest[..end].iter().map(|field| field.value.clone()).collect();
                Ran::quiet(self.test(&words))
            }
            "echo" => Ran { status: Status::Success, said: words.and_then(|words| self.echo(&words)) },
            "printf" => {
                if value(0) == Some("-v") {
                    self.shell.all_unknown = true;
                }
                known(words.and_then(|words| printf(&words)))
            }
            "pwd" => match words.as_deref() {
                Some([] | ["-P" | "-L"]) => known(self.scope.directory.clone().map(|folder| folder + "\n")),
                _ => known(None),
            },
            "wait" | "times" if rest.is_empty() => Ran { status: Status::Success, said: None },
            "umask" if rest.len() == 1 && value(0).is_some_and(is_mask) => success,
            "wait" | "umask" | "ulimit" | "times" | "jobs" | "unalias" | "shopt" | "kill" | "disown" => known(None),
            "let" | "getopts" | "mapfile" | "readarray" => {
                self.shell.all_unknown = true;
                known(None)
            }
            _ => return Ok(None),
        };
        Ok(Some(ran))
    }

    /// A shell may end where one of its special commands fails.
    fn special(&mut self, succeeds: bool) -> Ran {
        self.shell.uncertain |= !succeeds && self.shell.inner;
        Ran::quiet(if succeeds { Status::Success } else { Status::Unknown })
    }

    fn change_folder(&mut self, rest: &[Field], must: bool) -> Ran {
        let rest: Vec<&Field> =
            rest.iter().filter(|field| !matches!(field.value.as_deref(), Some("--" | "-P" | "-L"))).collect();
        let home = format!("/{}", String::from_utf8_lossy(&self.home()));
        let to = match rest.first() {
            None => Some(home),
            Some(field) => field.value.clone().filter(|value| value != "-"),
        };
        let path = to.and_then(|to| self.at(&to));
        let Some(path) = path.filter(|path| !is_special(path.as_bytes())) else {
            self.scope.directory = None;
            return Ran::quiet(Status::Unknown);
        };
        let real = self.tree.resolve(path.as_bytes());
        let is_there = (self.is_folder(&real) || self.is_folder(path.as_bytes())) && !self.tree.is_doubtful(&real);
        let is_sure = is_there && self.is_root() && rest.len() < 2;
        let there = format!("/{}", String::from_utf8_lossy(path.as_bytes()));
        // Of a base that nobody has read a gap is told already.
        let stays = must || is_sure || !self.is_whole() || self.scope.directory.as_ref() == Some(&there);
        self.scope.directory = stays.then_some(there);
        Ran::quiet(if is_sure { Status::Success } else { Status::Unknown })
    }

    /// `NAME=value` of `export` and its like.
    fn declare(&mut self, field: &Field) {
        match &field.value {
            Some(value) => {
                if let Some((name, value)) = value.split_once('=').filter(|(name, _)| sh::is_name(name)) {
                    self.set(name, value.to_owned());
                }
            }
            None => match field.written.split_once('=').filter(|(name, _)| sh::is_name(name)) {
                Some((name, _)) => self.set_unknown(name.to_owned()),
                None => self.shell.all_unknown = true,
            },
        }
    }

    fn set_options(&mut self, setting: Setting<'_>, rest: &[Field], text: &str) -> Result<Ran> {
        let mut rest = rest.iter();
        let mut is_sure = true;
        while let Some(field) = rest.next() {
            let Some(word) = field.value.as_deref() else {
                return Ok(self.unknown(setting, text, GapReason::Option(field.written.clone()), Writes::Anywhere));
            };
            let on = !word.starts_with('+');
            match word {
                "--" | "-" => {
                    self.shell.arguments = rest.map(|field| field.value.clone()).collect();
                    return Ok(Ran::quiet(Status::Success));
                }
                _ if word.starts_with(['-', '+']) && word[1..].chars().all(|c| "euxvoahmbET".contains(c)) => {
                    is_sure &= word[1..].chars().all(|c| "euxvo".contains(c)) || self.is_bash();
                    if word.contains('e') {
                        self.shell.stops = on;
                    }
                    if word.ends_with('o') {
                        match rest.next().and_then(|field| field.value.as_deref()) {
                            Some("pipefail") => {
                                self.shell.pipefail = on;
                                is_sure &= self.is_bash();
                            }
                            Some("errexit") => self.shell.stops = on,
                            Some("nounset" | "xtrace" | "verbose" | "errtrace" | "functrace") | None => {}
                            Some(other) => {
                                let why = GapReason::Option(other.to_owned());
                                return Ok(self.unknown(setting, text, why, Writes::Anywhere));
                            }
                        }
                    }
                }
                _ if word.starts_with(['-', '+']) => {
                    return Ok(self.unknown(setting, text, GapReason::Option(word.to_owned()), Writes::Anywhere));
                }
                _ => {
                    let first = Some(word.to_owned());
                    self.shell.arguments =
                        std::iter::once(first).chain(rest.map(|field| field.value.clone())).collect();
                    return Ok(Ran::quiet(Status::Success));
                }
            }
        }
        Ok(self.special(is_sure))
    }

    /// Whether the shell is one that knows what POSIX does not.
    fn is_bash(&self) -> bool {
        self.expands_braces && !self.shell.inner
    }

    fn trap(&mut self, setting: Setting<'_>, rest: &[Field], text: &str) -> Ran {
        let words: Option<Vec<&str>> = rest.iter().map(|field| field.value.as_deref()).collect();
        match words.as_deref() {
            Some([]) => Ran::quiet(Status::Success),
            Some([_, signals @ ..]) if signals.is_empty() || !signals.iter().all(|signal| is_signal(signal)) => {
                self.special(false)
            }
            Some(["-p" | "-l" | "-" | "", ..]) => Ran::quiet(Status::Success),
            Some([script, "EXIT" | "0"]) => match sh::parse(script) {
                Ok(script) => {
                    self.shell.at_exit = Some(script);
                    Ran::quiet(Status::Success)
                }
                Err(_) => self.unknown(setting, text, GapReason::Script, Writes::Anywhere),
            },
            Some([script, ..]) => match sh::parse(script) {
                Ok(script) => {
                    self.maybe(setting, |stage| stage.list(setting, &script, false));
                    Ran::quiet(Status::Success)
                }
                Err(_) => self.unknown(setting, text, GapReason::Script, Writes::Anywhere),
            },
            None => self.unknown(setting, text, GapReason::Script, Writes::Anywhere),
        }
    }

    /// `read NAME`
    fn read_line(&mut self, rest: &[Field]) -> Ran {
        let names: Vec<String> =
            rest.iter().filter_map(|field| field.value.clone()).filter(|word| !word.starts_with('-')).collect();
        let line = self.shell.input.as_mut().map(|input| {
            let end = input.find('\n').map_or(input.len(), |end| end + 1);
            let line: String = input.drain(..end).collect();
            line
        });
        match (line, names.as_slice()) {
            (Some(line), [name]) if !line.contains('\\') => {
                self.set(name, line.trim().to_owned());
                Ran::quiet(Status::of(line.ends_with('\n')))
            }
            (line, _) => {
                let ended = line.is_some_and(|line| line.is_empty());
                names.into_iter().for_each(|name| self.set_unknown(name));
                Ran::quiet(if ended { Status::Failure } else { Status::Unknown })
            }
        }
    }

    /// `command -v NAME`: whether there is such a program.
    pub(super) fn which(&self, name: Option<&Field>) -> Ran {
        let Some(name) = name.and_then(|name| name.value.as_deref()) else { return Ran::unknown() };
        match self.program(name) {
            Some(path) if self.surely_starts(name) => known(Some(format!("/{}\n", String::from_utf8_lossy(&path)))),
            // A package may have brought it: of packages no files are known.
            _ => Ran::unknown(),
        }
    }

    /// Whether `echo` is the one that takes backslashes as signs.
    fn echo(&self, words: &[&str]) -> Said {
        let shell = self.tree.resolve(b"bin/sh");
        let named = self.scope.shell.first().map(|program| base_name(program));
        let other = matches!(base_name(&String::from_utf8_lossy(&shell)), "busybox" | "bash") || named == Some("bash");
        let (mut escapes, mut newline, mut rest) = (!other, true, words);
        while let [first, more @ ..] = rest {
            match *first {
                "-n" => newline = false,
                "-e" | "-en" | "-ne" if other => {
                    escapes = true;
                    newline &= !first.contains('n');
                }
                "-E" if other => escapes = false,
                _ => break,
            }
            rest = more;
        }
        let text = rest.join(" ");
        let text = if escapes && text.contains('\\') { unescaped(&text)? } else { text };
        Some(if newline { text + "\n" } else { text })
    }

    /// `test` and `[`.
    pub(super) fn test(&self, words: &[Said]) -> Status {
        let known: Vec<Option<&str>> = words.iter().map(Option::as_deref).collect();
        match known.as_slice() {
            [] => Status::Failure,
            [Some(text)] => Status::of(!text.is_empty()),
            [a, Some(sign), b] if is_comparison(sign) => compare(*a, sign, *b),
            [_, Some("-a" | "-o" | "&&" | "||"), _] => self.both(words),
            [Some("!"), rest @ ..] => match self.test(&words[words.len() - rest.len()..]) {
                Status::Success => Status::Failure,
                Status::Failure => Status::Success,
                Status::Unknown => Status::Unknown,
            },
            [Some("("), inner @ .., Some(")")]
                if !inner.is_empty() && !inner.contains(&Some("(")) && !inner.contains(&Some(")")) =>
            {
                self.test(&words[1..words.len() - 1])
            }
            [Some(sign), value] if sign.len() == 2 && sign.starts_with('-') => self.test_one(sign, *value),
            _ => self.both(words),
        }
    }

    /// Two tests, or more.
    fn both(&self, words: &[Said]) -> Status {
        let known: Vec<Option<&str>> = words.iter().map(Option::as_deref).collect();
        let at = |signs: [&str; 2]| known.iter().position(|word| word.is_some_and(|word| signs.contains(&word)));
        let part = |words: &[Said]| if words.is_empty() { Status::Unknown } else { self.test(words) };
        let both = |at: usize| (part(&words[..at]), part(&words[at + 1..]));
        if let Some(at) = at(["-o", "||"]) {
            return match both(at) {
                (Status::Success, _) | (_, Status::Success) => Status::Success,
                (Status::Failure, Status::Failure) => Status::Failure,
                _ => Status::Unknown,
            };
        }
        if let Some(at) = at(["-a", "&&"]) {
            return match both(at) {
                (Status::Failure, _) | (_, Status::Failure) => Status::Failure,
                (Status::Success, Status::Success) => Status::Success,
                _ => Status::Unknown,
            };
        }
        Status::Unknown
    }

    fn test_one(&self, sign: &str, value: Option<&str>) -> Status {
        let Some(value) = value else { return Status::Unknown };
        match sign {
            "-n" => return Status::of(!value.is_empty()),
            "-z" => return Status::of(value.is_empty()),
            _ => {}
        }
        let Some(path) = self.at(value).filter(|path| !is_special(path.as_bytes())) else { return Status::Unknown };
        let real = self.tree.resolve(path.as_bytes());
        if self.tree.is_doubtful(&real) || self.tree.is_doubtful(path.as_bytes()) {
            return Status::Unknown;
        }
        let kind = self.tree.get(&real).map(|entry| entry.kind);
        let is_there = self.tree.exists(&real);
        // Files of packages are not in the tree, nor those of a base of which only the name is known.
        let is_sure = is_there || self.is_whole() && self.system.is_none();
        let is_directory = self.tree.is_directory(&real);
        let holds = match sign {
            "-e" => is_there,
            "-f" => is_there && !is_directory && matches!(kind, Some(EntryKind::File | EntryKind::Hardlink)),
            "-d" => is_directory,
            "-h" | "-L" => self.tree.get(path.as_bytes()).is_some_and(|entry| entry.kind == EntryKind::Symlink),
            "-s" => self.tree.get(&real).is_some_and(|entry| entry.size > 0) || is_directory,
            "-r" | "-w" if self.is_root() => is_there,
            "-x" => match self.tree.get(&real) {
                Some(entry) if !is_directory => entry.mode & 0o111 != 0,
                _ => return Status::Unknown,
            },
            _ => return Status::Unknown,
        };
        if is_sure { Status::of(holds) } else { Status::Unknown }
    }

    /// Programs that run another one; `None` where it is none of them.
    pub(super) fn wrapper(
        &mut self,
        setting: Setting<'_>,
        name: &str,
        fields: &[Field],
        text: &str,
        must: bool,
    ) -> Result<Option<Ran>> {
        let rest = &fields[1..];
        // Options, and those of them that take a value.
        let (alone, valued): (&[&str], &[&str]) = match name {
            "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" => {
                if let [field] = rest
                    && field.value.as_deref() == Some("--version")
                {
                    return Ok(Some(known(None)));
                }
                return self.inner_shell(setting, fields, text, must).map(Some);
            }
            "sudo" | "doas" => (&["-E", "-H", "-n", "-S"], &["-u", "-g"]),
            "env" => (&["-i", "-", "--ignore-environment"], &["-u", "--unset"]),
            "time" => (&["-p"], &[]),
            "nice" => (&[], &["-n"]),
            "ionice" => (&[], &["-c", "-n"]),
            "nohup" | "setsid" | "busybox" | "fakeroot" => (&[], &[]),
            "stdbuf" => (&[], &["-o", "-i", "-e"]),
            "timeout" => (&["--foreground", "--preserve-status"], &["-k", "-s"]),
            "gosu" | "su-exec" | "chrt" => (&[], &[]),
            "xargs" => return self.xargs(setting, rest, text, must).map(Some),
            _ => return Ok(None),
        };
        let mut at = 0;
        while let Some(field) = rest.get(at) {
            let Some(word) = field.value.as_deref() else { break };
            let glued = |option: &&&str| word.len() > 2 && option.len() == 2 && word.starts_with(**option);
            if alone.contains(&word)
                || word.starts_with("-o") && name == "stdbuf"
                || valued.iter().find(glued).is_some()
            {
                at += 1;
            } else if valued.contains(&word) {
                at += 2;
            } else if word.starts_with('-') {
                if rest.len() == 1 {
                    return Ok(None);
                }
                let why = GapReason::Option(word.to_owned());
                return Ok(Some(self.unknown(setting, text, why, Writes::Anywhere)));
            } else {
                break;
            }
        }
        // How long, or who.
        at += usize::from(matches!(name, "timeout" | "gosu" | "su-exec"));
        let rest = rest.get(at..).unwrap_or_default();
        let is_assignment = |field: &&Field| {
            field.written.split_once('=').is_some_and(|(name, _)| sh::is_name(name))
                && matches!(name, "env" | "sudo" | "doas")
        };
        let assigned: Vec<Field> = rest.iter().take_while(is_assignment).cloned().collect();
        let is_plain = at == 0 && name == "env" && self.surely_starts(fields[0].value.as_deref().unwrap_or_default());
        let rest = &rest[assigned.len()..];
        if rest.is_empty() {
            return Ok(Some(Ran::unknown()));
        }
        let run = |stage: &mut Self, must: bool| {
            stage.subshell(must, |stage| {
                stage.shell.functions.clear();
                stage.shell.shadowed.clear();
                assigned.iter().for_each(|field| stage.declare(field));
                stage.external(setting, rest, text, must)
            })
        };
        // It may end the program, or never start it.
        if !is_plain && !must {
            self.maybe(setting, |stage| run(stage, true));
            return Ok(Some(Ran::unknown()));
        }
        run(self, must).map(Some)
    }

    fn xargs(&mut self, setting: Setting<'_>, rest: &[Field], text: &str, must: bool) -> Result<Ran> {
        let (mut at, mut zero, mut one) = (0, false, false);
        while let Some(word) = rest.get(at).and_then(|field| field.value.as_deref()) {
            match word {
                "-r" | "--no-run-if-empty" | "-t" => at += 1,
                "-0" | "--null" | "-r0" | "-0r" => {
                    zero = true;
                    at += 1;
                }
                "-n" | "-P" | "-L" => {
                    one |= word != "-P";
                    at += 2;
                }
                _ if word.starts_with("-n") || word.starts_with("-P") => {
                    one |= word.starts_with("-n");
                    at += 1;
                }
                _ if word.starts_with('-') => {
                    return Ok(self.unknown(setting, text, GapReason::Option(word.to_owned()), Writes::Anywhere));
                }
                _ => break,
            }
        }
        let command = rest.get(at..).unwrap_or_default();
        let Some(program) = command.first() else { return Ok(known(None)) };
        let Some(input) = self.shell.input.clone() else {
            let name = program.value.clone().unwrap_or_default();
            if self.never_writes(base_name(&name)) {
                return Ok(Ran::unknown());
            }
            return Ok(self.unknown(setting, text, GapReason::Input, Writes::Anywhere));
        };
        let words: Vec<Field> = match zero {
            true => input.split('\0').filter(|word| !word.is_empty()).map(Field::known).collect(),
            false if input.contains(['"', '\'', '\\']) => {
                return Ok(self.unknown(setting, text, GapReason::Input, Writes::Anywhere));
            }
            false => input.split_whitespace().map(Field::known).collect(),
        };
        let rounds: Vec<Vec<Field>> = match one {
            true => words.into_iter().map(|word| vec![word]).collect(),
            false => vec![words],
        };
        let mut ran = Ran::quiet(Status::Success);
        let is_sure = rounds.len() == 1 && self.surely_starts("xargs");
        for words in rounds.into_iter().filter(|words| !words.is_empty()) {
            self.shell.steps += 1;
            if self.shell.steps > 4_000 {
                return Ok(self.unknown(setting, text, GapReason::TooMuch, Writes::Anywhere));
            }
            let all = [command, &words[..]].concat();
            ran = self.external(setting, &all, text, must)?;
        }
        if !is_sure {
            ran.status = Status::Unknown;
        }
        Ok(ran)
    }
}

fn is_mask(text: &str) -> bool {
    u32::from_str_radix(text, 8).is_ok_and(|mask| mask <= 0o777)
}

/// A signal's name or number, of those that every shell knows.
fn is_signal(text: &str) -> bool {
    matches!(
        text,
        "EXIT" | "0" | "1" | "2" | "3" | "6" | "14" | "15" | "HUP" | "INT" | "QUIT" | "ABRT" | "ALRM" | "TERM"
    )
}

fn alias(field: &Field) -> Option<String> {
    field.value.as_deref()?.split_once('=').map(|(name, _)| name.to_owned())
}

fn is_comparison(sign: &str) -> bool {
    matches!(sign, "=" | "==" | "!=" | "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge")
}

fn compare(a: Option<&str>, sign: &str, b: Option<&str>) -> Status {
    let (Some(a), Some(b)) = (a, b) else { return Status::Unknown };
    let numbers = || Some((a.trim().parse::<i64>().ok()?, b.trim().parse::<i64>().ok()?));
    let number = |test: fn(&i64, &i64) -> bool| numbers().map_or(Status::Unknown, |(a, b)| Status::of(test(&a, &b)));
    match sign {
        "=" => Status::of(a == b),
        // In `[[ ]]` the right side is a pattern.
        "==" if a != b && b.contains(['*', '?', '[']) => Status::Unknown,
        "==" => Status::of(a == b),
        "!=" if b.contains(['*', '?', '[']) => Status::Unknown,
        "!=" => Status::of(a != b),
        "-eq" => number(i64::eq),
        "-ne" => number(i64::ne),
        "-lt" => number(i64::lt),
        "-le" => number(i64::le),
        "-gt" => number(i64::gt),
        _ => number(i64::ge),
    }
}

/// Text with what backslashes stand for; `None` where that is not followed.
fn unescaped(text: &str) -> Said {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match characters.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('a') => out.push('\x07'),
            Some('b') => out.push('\x08'),
            Some('f') => out.push('\x0c'),
            Some('v') => out.push('\x0b'),
            Some('\\') | None => out.push('\\'),
            Some('c' | '0'..='9' | 'x' | 'e' | 'u') => return None,
            Some(other) => out.extend(['\\', other]),
        }
    }
    Some(out)
}

/// `printf`, with `%s`, `%d` and `%%`.
fn printf(words: &[&str]) -> Said {
    let (format, arguments) = words.split_first()?;
    let format = unescaped(format)?;
    let mut out = String::new();
    let mut arguments = arguments.iter();
    loop {
        let mut used = false;
        let mut characters = format.chars();
        while let Some(c) = characters.next() {
            match c {
                '%' => match characters.next()? {
                    's' => {
                        out.push_str(arguments.next().copied().unwrap_or_default());
                        used = true;
                    }
                    'd' | 'i' => {
                        let number = arguments.next().copied().unwrap_or("0");
                        out.push_str(&number.parse::<i64>().ok()?.to_string());
                        used = true;
                    }
                    '%' => out.push('%'),
                    _ => return None,
                },
                c => out.push(c),
            }
            if out.len() > super::script::MAX_SAID {
                return None;
            }
        }
        if !used || arguments.as_slice().is_empty() {
            return Some(out);
        }
    }
}
