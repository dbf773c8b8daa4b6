//! What the shell does itself. Source: POSIX.1-2017, Shell Command Language, 2.14; the manuals of dash, bash and BusyBox.

use super::error::Result;
use super::run::known;
use super::script::{Leave, Ran, Said, Setting, Status};
use super::stage::Stage;
use super::values::Dialect;
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
                let status = match (rest, value(0).and_then(sh::arithmetic::plain_number)) {
                    ([], _) => self.shell.last,
                    ([_], Some(code @ 0..=255)) => Status::of(code == 0),
                    _ => Status::Unknown,
                };
                match name {
                    // bash does not end where there are several words.
                    _ if rest.len() > 1 || rest.iter().any(|field| field.value.is_none()) => {
                        self.shell.uncertain = true
                    }
                    "exit" => self.shell.leave = Some(Leave::Exit(status)),
                    _ if self.shell.may_return => self.shell.leave = Some(Leave::Return(status)),
                    // One shell ends there, and another says that it may not.
                    _ => self.shell.uncertain = true,
                }
                Ran::quiet(status)
            }
            "break" | "continue" => {
                let count = match (rest, value(0)) {
                    ([], _) => Some(1),
                    ([_], Some(count)) => count.parse::<usize>().ok().filter(|count| *count > 0),
                    _ => None,
                };
                let loops = self.shell.loops;
                match count {
                    // Shells differ in what they make of it.
                    None => self.shell.uncertain = true,
                    Some(count) if count > loops && self.shell.outer_loops => self.shell.uncertain = true,
                    // Without a loop it does nothing.
                    Some(_) if loops == 0 => {}
                    Some(count) if name == "break" => self.shell.leave = Some(Leave::Break(count.min(loops))),
                    Some(count) => self.shell.leave = Some(Leave::Continue(count.min(loops))),
                }
                success
            }
            "cd" => self.change_folder(rest, must),
            "pushd" | "popd" => {
                let is_plain = name == "pushd" && rest.len() == 1 && !rest[0].written.starts_with(['+', '-']);
                match is_plain && self.shell.dialect == Dialect::Bash {
                    true => Ran { said: None, ..self.change_folder(rest, must) },
                    false => {
                        self.scope.directory = None;
                        Ran::unknown()
                    }
                }
            }
            "source" if self.shell.dialect == Dialect::Dash => {
                // It does not have it.
                self.maybe(setting, |stage| stage.source(setting, rest, text, false));
                Ran::unknown()
            }
            "export" | "readonly" | "declare" | "typeset" | "local" => self.declare(setting, name, rest, text),
            "unset" => self.forget_names(rest),
            "set" => return self.set_options(setting, rest, text).map(Some),
            "shift" => {
                let count = match rest {
                    [] => Some(1),
                    [_] => value(0).and_then(|count| count.parse::<usize>().ok()),
                    _ => None,
                };
                let known = self.shell.arguments.take().zip(count).filter(|(all, count)| *count <= all.len());
                self.shell.arguments = known.map(|(all, count)| all[count..].to_vec());
                self.special(self.shell.arguments.is_some())
            }
            "eval" => match words.map(|words| sh::parse(&words.join(" "))) {
                Some(Ok(script)) => self.list(setting, &script, must)?,
                _ => self.unknown(setting, text, GapReason::Script, Writes::Anywhere),
            },
            "." | "source" => {
                let ran = self.source(setting, rest, text, must)?;
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
                self.shell.at_exit.doubtful = true;
                ran
            }
            "command" | "builtin" => {
                match rest.first().and_then(|field| field.value.as_deref()) {
                    Some(option @ ("-v" | "-V")) => {
                        let ran = self.which(rest.get(1));
                        // What the shell does itself has no path.
                        Ran { said: ran.said.filter(|_| option == "-v" && rest.len() == 2), ..ran }
                    }
                    Some(option)
                        if option.starts_with('-') || name == "builtin" && self.shell.dialect != Dialect::Bash =>
                    {
                        self.unknown(setting, text, GapReason::Option(option.to_owned()), Writes::Anywhere)
                    }
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
                let is_odd =
                    |name: &String| !sh::is_name(&name.replace(['-', '.'], "_")) || RESERVED.contains(&name.as_str());
                if rest.iter().any(|field| field.value.is_none()) || names.iter().any(is_odd) {
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
                let is_closed = name == "test" || rest.last().is_some_and(|field| field.value.as_deref() == Some("]"));
                let end = if name == "[" { rest.len().saturating_sub(1) } else { rest.len() };
                let words: Vec<Said> = rest[..end].iter().map(|field| field.value.clone()).collect();
                Ran::quiet(if is_closed { self.test(&words) } else { Status::Unknown })
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
            "shopt" if self.shell.dialect != Dialect::Dash => {
                self.unknown(setting, text, GapReason::Script, Writes::Anywhere)
            }
            "kill" => {
                self.may_end();
                Ran::unknown()
            }
            "wait" | "umask" | "ulimit" | "times" | "jobs" | "unalias" | "shopt" | "disown" => known(None),
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
        if !succeeds {
            self.may_end();
        }
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
        let is_missing = to.as_deref().is_some_and(|to| self.is_missing(to));
        let is_walked = to.as_deref().is_some_and(|to| self.at(to).is_some());
        let path = to.and_then(|to| self.written_at(&to));
        let Some(path) = path.filter(|path| !is_special(path.as_bytes())) else {
            self.scope.directory = None;
            return Ran::quiet(Status::Unknown);
        };
        let real = self.tree.resolve(path.as_bytes());
        let is_there = (self.is_folder(&real) || self.is_folder(path.as_bytes())) && !self.tree.is_doubtful(&real);
        let is_sure = is_there && is_walked && self.is_root() && rest.len() < 2;
        let there = format!("/{}", String::from_utf8_lossy(path.as_bytes()));
        // Of a base that nobody has read a gap is told already.
        let stays = must || is_sure || !self.is_whole() || self.scope.directory.as_ref() == Some(&there);
        self.scope.directory = stays.then_some(there);
        Ran::quiet(match is_sure {
            true => Status::Success,
            false if is_missing => Status::Failure,
            false => Status::Unknown,
        })
    }

    fn set_options(&mut self, setting: Setting<'_>, rest: &[Field], text: &str) -> Result<Ran> {
        if rest.is_empty() {
            return Ok(Ran { said: None, ..Ran::quiet(Status::Success) });
        }
        let mut rest = rest.iter();
        let mut is_sure = true;
        while let Some(field) = rest.next() {
            let Some(word) = field.value.as_deref() else {
                return Ok(self.unknown(setting, text, GapReason::Option(field.written.to_string()), Writes::Anywhere));
            };
            let on = Some(!word.starts_with('+'));
            let unknown = |stage: &mut Self, option: &str| {
                Ok(stage.unknown(setting, text, GapReason::Option(option.to_owned()), Writes::Anywhere))
            };
            match word {
                "--" => {
                    self.shell.arguments = rest.map(|field| field.value.clone()).collect();
                    return Ok(Ran::quiet(Status::Success));
                }
                _ if word.len() > 1 && word.starts_with(['-', '+']) => {
                    for letter in word[1..].chars() {
                        match letter {
                            'e' => self.shell.stops = on,
                            'u' => self.shell.nounset = on,
                            'x' | 'v' => {}
                            'a' => self.shell.exports_all |= on == Some(true),
                            'E' | 'T' | 'h' | 'B' if self.shell.dialect == Dialect::Bash && on == Some(true) => {}
                            'o' => match rest.next().and_then(|field| field.value.as_deref()) {
                                Some("pipefail") => {
                                    // A dash that does not know it ends there.
                                    is_sure &= self.shell.dialect == Dialect::Bash;
                                    self.shell.pipefail = on;
                                }
                                Some("errexit") => self.shell.stops = on,
                                Some("nounset") => self.shell.nounset = on,
                                Some("xtrace" | "verbose") => {}
                                Some("errtrace" | "functrace") if self.shell.dialect == Dialect::Bash => {}
                                Some(other) => return unknown(self, other),
                                None => return Ok(Ran::unknown()),
                            },
                            _ => return unknown(self, word),
                        }
                    }
                }
                "-" | "+" => return unknown(self, word),
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

    /// `trap`. What runs at a signal or at an error may run at any time; so does what is said of more than the end.
    fn trap(&mut self, setting: Setting<'_>, rest: &[Field], text: &str) -> Ran {
        let words: Option<Vec<&str>> = rest.iter().map(|field| field.value.as_deref()).collect();
        let words = words.map(|words| words.strip_prefix(&["--"]).map(<[&str]>::to_vec).unwrap_or(words));
        let is_end = |signal: &&str| matches!(*signal, "EXIT" | "0");
        match words.as_deref() {
            Some([] | ["-p" | "-l", ..]) => Ran { said: None, ..Ran::quiet(Status::Success) },
            Some([_, signals @ ..]) if signals.is_empty() || !signals.iter().all(|signal| is_signal(signal)) => {
                self.unknown(setting, text, GapReason::Script, Writes::Anywhere)
            }
            Some(["-" | "", signals @ ..]) => {
                if signals.iter().any(is_end) && !self.shell.at_exit.doubtful {
                    self.shell.at_exit.scripts.clear();
                }
                Ran::quiet(Status::Success)
            }
            Some([script, signals @ ..]) => match sh::parse(script) {
                Ok(parsed) => {
                    // With that a shell that fails may succeed, and the other way round.
                    self.shell.tolerated |= ["exit", "exec", "kill"].iter().any(|word| script.contains(word));
                    let script = parsed;
                    if signals.iter().all(is_end) && !self.shell.at_exit.doubtful {
                        self.shell.at_exit.scripts = vec![script];
                        return Ran::quiet(Status::Success);
                    }
                    self.maybe(setting, |stage| {
                        stage.shell.all_unknown = true;
                        stage.list(setting, &script, false)
                    });
                    self.shell.at_exit.doubtful = true;
                    self.shell.at_exit.scripts.push(script);
                    Ran::quiet(Status::Success)
                }
                Err(_) => self.unknown(setting, text, GapReason::Script, Writes::Anywhere),
            },
            _ => self.unknown(setting, text, GapReason::Script, Writes::Anywhere),
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
        let other = self.shell.dialect != Dialect::Dash;
        let (mut escapes, mut newline, mut rest) = (!other, true, words);
        while let [first, more @ ..] = rest {
            match *first {
                "-n" if other || rest.len() == words.len() => newline = false,
                option if other && option.len() > 1 && option.starts_with('-') && is_of(&option[1..], "neE") => {
                    newline &= !option.contains('n');
                    if let Some(at) = option.rfind(['e', 'E']) {
                        escapes = option[at..].starts_with('e');
                    }
                }
                _ => break,
            }
            rest = more;
        }
        let text = rest.join(" ");
        let text = if escapes && text.contains('\\') { unescaped(&text)? } else { text };
        Some(if newline { text + "\n" } else { text })
    }

    pub(super) fn test_one(&self, sign: &str, value: Option<&str>) -> Status {
        let Some(value) = value else { return Status::Unknown };
        match sign {
            "-n" => return Status::of(!value.is_empty()),
            "-z" => return Status::of(value.is_empty()),
            // No file has no name.
            "-e" | "-f" | "-d" | "-s" if value.is_empty() => return Status::Failure,
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

/// Words of the language.
const RESERVED: [&str; 17] = [
    "if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "in", "function",
    "time", "select", "coproc",
];

fn is_of(text: &str, letters: &str) -> bool {
    text.chars().all(|c| letters.contains(c))
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
    let (format, arguments) = words.strip_prefix(&["--"]).unwrap_or(words).split_first()?;
    if format.starts_with('-') {
        return None;
    }
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
                        out.push_str(&sh::arithmetic::plain_number(number)?.to_string());
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
