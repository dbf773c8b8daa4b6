//! `RUN`: each command of it is carried out in thought, or is a gap.

use super::ContextError;
use super::arguments::Arguments;
use super::shell::Spoken;
use super::stage::{Stage, World};
use crate::base::ImagePath;
use crate::dockerfile::{Flag, Form, Instruction, Operator, Run, script};
use crate::layer::Entry;

/// How deep `sh -c "sh -c …"` may be.
const MOST_DEPTH: usize = 8;

/// Programs that change no file, whatever their arguments.
const READERS: [&str; 49] = [
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
    "nproc",
    "uname",
    "id",
    "whoami",
    "grep",
    "egrep",
    "head",
    "tail",
    "sort",
    "uniq",
    "wc",
    "diff",
    "cmp",
    "sha256sum",
    "sha1sum",
    "md5sum",
    "date",
    "env",
    "printenv",
    "hash",
    "shift",
    "return",
    "wait",
    "trap",
    "umask",
    "ulimit",
    "stat",
    "du",
    "df",
    "file",
    "readlink",
    "realpath",
    "basename",
    "dirname",
];

/// Where a command stands.
pub(super) struct Place<'p> {
    /// `Dockerfile, line 7`.
    pub(super) text: &'p str,
    /// How many shells are around it.
    pub(super) depth: usize,
}

/// What a command came to.
pub(super) enum Outcome {
    /// All that it does is done.
    Done,
    /// What it does is not known; why.
    Unknown(String),
}

impl Stage {
    /// Carries a `RUN` out.
    pub(super) fn run(
        &mut self,
        world: &World<'_>,
        instruction: &Instruction,
        run: &Run,
        place: &str,
    ) -> Result<(), ContextError> {
        let (directory, variables) = (self.scope.directory.clone(), self.scope.variables.clone());
        let mounts = self.mount(world, &instruction.flags)?;
        let text = &world.file.text[instruction.head.clone()];
        if self.scope.foreign_shell && run.form != Form::Exec {
            self.gap(place, text, "its shell is none that is read");
        } else if run.form == Form::Input {
            self.gap(place, text, "a program of its own reads the here-document");
        } else {
            self.commands(world, run, world.file.text, &Place { text: place, depth: 0 })?;
        }
        for path in mounts {
            self.tree.forget(path.as_bytes());
        }
        self.scope.directory = directory;
        self.scope.variables = variables;
        Ok(())
    }

    /// `--mount`: what is bound is there while the commands run, and what a cache has is gone behind them. The paths that are
    /// not part of the image.
    fn mount(&mut self, world: &World<'_>, flags: &[Flag]) -> Result<Vec<ImagePath>, ContextError> {
        let mut out = Vec::new();
        for flag in flags.iter().filter(|flag| flag.name == "mount") {
            let fields: Vec<(&str, &str)> =
                flag.value.split(',').map(|field| field.split_once('=').unwrap_or((field, ""))).collect();
            let get = |names: &[&str]| fields.iter().find(|(name, _)| names.contains(name)).map(|(_, value)| *value);
            let target = get(&["target", "dst", "destination"]).unwrap_or_default();
            let Some(target) = self.scope.absolute(target).map(|path| ImagePath::from(path.as_str())) else { continue };
            if get(&["type"]).unwrap_or("bind") == "bind" {
                let source = get(&["source", "src"]).unwrap_or(".");
                let from = get(&["from"]).map(|name| self.scope.expand(name).unwrap_or_else(|| name.to_owned()));
                self.bind(world, from.as_deref(), source, &target)?;
            }
            if !target.is_root() {
                out.push(target);
            }
        }
        Ok(out)
    }

    /// The commands of a line or a script.
    pub(super) fn commands(
        &mut self,
        world: &World<'_>,
        run: &Run,
        source: &str,
        place: &Place<'_>,
    ) -> Result<(), ContextError> {
        let mut found: Option<Vec<Vec<u8>>> = None;
        for command in &run.commands {
            // What comes behind `||` runs where the build would else fail.
            if command.before == Some(Operator::Or) || command.words.is_empty() && command.tokens.is_empty() {
                continue;
            }
            let ends = (command.tokens.start, command.tokens.end);
            let text = command_text(run, source, ends);
            // The head of a loop or of a choice runs nothing.
            let first = run.tokens.get(command.tokens.start).map(|token| token.text.as_str());
            if command.nested && matches!(first, Some("for" | "case" | "select")) {
                continue;
            }
            let spoken = match self.spoken(run, command, source) {
                Ok(spoken) => spoken,
                Err(word) if !reads_only(&text) => {
                    self.unknown(place, &text, &format!("the value of {word} is not known"));
                    continue;
                }
                Err(_) => continue,
            };
            let is_quiet = command.nested && self.is_reader(&spoken) && spoken.output.is_none();
            if command.nested && !is_quiet && !spoken.words.is_empty() {
                self.unknown(place, &text, "it is inside of a condition, a loop or a subshell");
                continue;
            }
            // `find … | xargs rm`
            if let (Some(paths), Some("xargs")) = (&found, spoken.words.first().map(String::as_str))
                && spoken.words.iter().any(|word| word == "rm")
            {
                paths.iter().for_each(|path| _ = self.tree.remove(path));
                found = None;
                continue;
            }
            found = (command.after == Some(Operator::Pipe)).then(|| self.found(&spoken.words)).flatten();
            if found.is_some() {
                continue;
            }
            if let Outcome::Unknown(reason) = self.command(world, &spoken, place)? {
                self.unknown(place, &text, &reason);
            }
        }
        Ok(())
    }

    fn unknown(&mut self, place: &Place<'_>, text: &str, reason: &str) {
        // Other stages look for the folder that it ran in.
        let directory = self.scope.directory.as_deref().filter(|directory| *directory != "/");
        let ran = directory.map_or_else(String::new, |directory| format!(" (run in {directory})"));
        self.gap(place.text, text, format!("{reason}{ran}"));
    }

    fn is_reader(&self, spoken: &Spoken) -> bool {
        spoken.words.first().is_none_or(|program| READERS.contains(&base_name(program)))
    }

    /// One command.
    fn command(&mut self, world: &World<'_>, spoken: &Spoken, place: &Place<'_>) -> Result<Outcome, ContextError> {
        let before = self.scope.variables.clone();
        self.scope.variables.extend(spoken.assigned.iter().cloned());
        if spoken.words.is_empty() {
            return Ok(Outcome::Done);
        }
        let outcome = self.program_of(world, &spoken.words, place)?;
        if !matches!(spoken.words[0].as_str(), "export" | "." | "source") {
            self.scope.variables = before;
        }
        match &spoken.output {
            Some((file, appends)) if !matches!(file.as_str(), "/dev/null" | "/dev/stderr" | "/dev/stdout") => {
                Ok(self.output(&spoken.words, file, *appends, outcome))
            }
            _ => Ok(outcome),
        }
    }

    /// A command whose output goes into a file.
    fn output(&mut self, words: &[String], file: &str, appends: bool, outcome: Outcome) -> Outcome {
        if let Outcome::Unknown(_) = outcome {
            return outcome;
        }
        let Some(path) = self.scope.absolute(file).map(|path| ImagePath::from(path.as_str())) else {
            return Outcome::Unknown("where its output goes is not known".into());
        };
        if let Some(export) = self.exported(words) {
            self.exports.insert(path.clone(), export);
            self.write(path, Vec::new(), 0, 0);
            return Outcome::Done;
        }
        let said = match base_name(&words[0]) {
            "echo" => format!("{}\n", words[1..].join(" ")),
            "printf" if words.len() == 2 => words[1].replace("\\n", "\n"),
            "true" | ":" => String::new(),
            _ => return Outcome::Unknown(format!("what it writes into {file} is not known")),
        };
        let old = if appends { self.tree.get(path.as_bytes()).map_or(0, |entry| entry.size) } else { 0 };
        if old > 0 {
            let size = old.saturating_add(said.len() as u64);
            self.tree.put(Entry::file(path, size), None);
        } else {
            self.write(path, said.into_bytes(), 0, 0);
        }
        Outcome::Done
    }

    /// By the program's name.
    fn program_of(&mut self, world: &World<'_>, words: &[String], place: &Place<'_>) -> Result<Outcome, ContextError> {
        let name = base_name(&words[0]);
        let arguments = &words[1..];
        let plain = || Arguments::parse(arguments, &[]);
        let outcome = match name {
            "sudo" | "exec" | "command" | "time" | "nice" | "gosu" | "env" if !arguments.is_empty() => {
                return self.wrapped(world, arguments, place);
            }
            _ if READERS.contains(&name) => Outcome::Done,
            "set" | "unset" | "alias" | "shopt" | "local" | "." | "source" if name != "." && name != "source" => {
                Outcome::Done
            }
            "." | "source" => self.activate(arguments),
            "export" => {
                let pairs = arguments.iter().filter_map(|word| word.split_once('='));
                let pairs: Vec<(String, String)> =
                    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                self.scope.variables.extend(pairs);
                Outcome::Done
            }
            "cd" | "pushd" => {
                let to = arguments
                    .first()
                    .map_or_else(|| format!("/{}", String::from_utf8_lossy(&self.home())), Clone::clone);
                self.scope.directory = self.scope.absolute(&to);
                Outcome::Done
            }
            "popd" => Outcome::Done,
            "sh" | "bash" | "dash" | "ash" | "zsh" => return self.shell(world, arguments, place),
            "rm" | "rmdir" | "unlink" => self.remove(&plain()),
            "mkdir" => self.make_directories(&Arguments::parse(arguments, &["-m", "--mode"])),
            "touch" => self.touch(&plain()),
            "mv" => self.move_paths(&plain()),
            "cp" => self.copy_paths(&plain()),
            "ln" => self.link(&plain()),
            "chown" | "chgrp" => self.change_owner(name, &plain()),
            "chmod" => self.change_mode(arguments),
            "find" => match self.found(arguments) {
                Some(_) => Outcome::Done,
                None => self.find_and_remove(arguments),
            },
            "useradd" | "adduser" | "groupadd" | "addgroup" | "usermod" | "passwd" | "chpasswd" => {
                self.add_user(name, arguments)
            }
            "ldconfig" => self.touch_again(&[b"etc/ld.so.cache"]),
            "curl" | "wget" if !writes_a_file(name, arguments) => Outcome::Done,
            "apt-get" | "apt" | "aptitude" => return self.apt(world, arguments, place),
            "apk" => return self.apk(world, arguments, place),
            "apt-cache" | "apt-mark" | "dpkg-query" => Outcome::Done,
            "dpkg" if arguments.iter().all(|word| word.starts_with("--print") || word.starts_with("-l")) => {
                Outcome::Done
            }
            _ => return self.installer(world, words, place),
        };
        Ok(outcome)
    }

    /// `sudo -E NAME=value program …`
    fn wrapped(&mut self, world: &World<'_>, arguments: &[String], place: &Place<'_>) -> Result<Outcome, ContextError> {
        let is_before = |word: &&String| word.starts_with('-') || word.contains('=') && !word.starts_with('/');
        let assigned = arguments.iter().take_while(is_before).filter_map(|word| word.split_once('='));
        let assigned: Vec<(String, String)> =
            assigned.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let rest: Vec<String> = arguments.iter().skip_while(is_before).cloned().collect();
        if rest.is_empty() {
            return Ok(Outcome::Done);
        }
        if place.depth >= MOST_DEPTH {
            return Ok(Outcome::Unknown("it is inside of too many others".into()));
        }
        self.scope.variables.extend(assigned);
        self.program_of(world, &rest, &Place { depth: place.depth + 1, ..*place })
    }

    /// `sh -c "…"`
    fn shell(&mut self, world: &World<'_>, arguments: &[String], place: &Place<'_>) -> Result<Outcome, ContextError> {
        let read = Arguments::parse(arguments, &["-o"]);
        let is_command = read.has(&["-c"]);
        let Some(text) = read.words.first().filter(|_| is_command) else {
            return Ok(Outcome::Unknown("what a script does is not known".into()));
        };
        if place.depth >= MOST_DEPTH {
            return Ok(Outcome::Unknown("it is inside of too many shells".into()));
        }
        let run = script(text);
        let text = text.clone();
        self.commands(world, &run, &text, &Place { depth: place.depth + 1, ..*place })?;
        Ok(Outcome::Done)
    }

    /// `. /opt/venv/bin/activate`
    fn activate(&mut self, arguments: &[String]) -> Outcome {
        let Some(folder) = arguments.first().and_then(|file| file.strip_suffix("/activate")) else {
            return Outcome::Unknown("what a script does is not known".into());
        };
        let Some(folder) = self.scope.absolute(folder) else {
            return Outcome::Unknown("which environment it activates is not known".into());
        };
        let path = self.variable("PATH").unwrap_or("/usr/local/bin:/usr/bin:/bin").to_owned();
        let prefix = folder.strip_suffix("/bin").unwrap_or(&folder).to_owned();
        self.scope.variables.insert("PATH".into(), format!("{folder}:{path}"));
        self.scope.variables.insert("VIRTUAL_ENV".into(), prefix);
        Outcome::Done
    }
}

/// The text of a command, in one line.
fn command_text(run: &Run, source: &str, (from, to): (usize, usize)) -> String {
    let (Some(first), Some(last)) = (run.tokens.get(from), run.tokens.get(to.saturating_sub(1))) else {
        return String::new();
    };
    let text = source.get(first.span.start..last.span.end).unwrap_or_default();
    let reserved = |word: &&str| ["then", "do", "else", "if", "elif", "while", "until", "!", "{"].contains(word);
    let words = text.split_whitespace().filter(|word| *word != "\\").skip_while(reserved);
    words.collect::<Vec<_>>().join(" ")
}

fn reads_only(text: &str) -> bool {
    text.split_whitespace().next().is_some_and(|program| READERS.contains(&base_name(program))) && !text.contains('>')
}

pub(super) fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or_default()
}

/// Whether `curl` or `wget` writes a file.
fn writes_a_file(program: &str, arguments: &[String]) -> bool {
    let read = Arguments::parse(arguments, &["-o", "--output", "-O", "--output-document", "-P"]);
    match program {
        "curl" => arguments.iter().any(|word| {
            word == "--output"
                || word == "--remote-name"
                || (word.starts_with('-') && !word.starts_with("--") && word.contains(['o', 'O']))
        }),
        _ => {
            !arguments.iter().any(|word| word.starts_with("-qO-") || word == "-O-")
                && read.value(&["-O", "--output-document"]) != Some("-")
        }
    }
}
