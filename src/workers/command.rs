//! From the words of a command to the processes that it makes.

use super::script::{PROCESSORS, Shell};
use super::settings::{self, Told};
use super::table::{Default, Program, Start, Word, Wrapper, table};
use crate::dockerfile::sh;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Commands in one another (`sh -c "exec uv run …"`), at most.
const MAX_DEPTH: usize = 16;

/// What a command is read with.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'s> {
    /// The variables of the container.
    pub environment: &'s BTreeMap<String, Option<String>>,
    /// Processors of the host, where they are known.
    pub cpus: Option<f64>,
}

/// The files of a container, as far as they are known.
pub trait Files: fmt::Debug {
    /// The text of a file, by its absolute path.
    fn read(&self, path: &str) -> Option<String>;
}

/// Where a command runs.
#[derive(Clone, Copy, Debug, std::default::Default)]
pub struct Container<'c> {
    /// Its working directory, absolute, where that is known.
    pub directory: Option<&'c str>,
    /// Its files, where any are known.
    pub files: Option<&'c dyn Files>,
}

impl Container<'_> {
    /// A path of it, absolute and without `.` and `..`; nothing where the working directory is not known.
    pub(super) fn absolute(&self, path: &str) -> Option<String> {
        let whole = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", self.directory?) };
        let mut parts: Vec<&str> = Vec::new();
        for part in whole.split('/') {
            match part {
                "" | "." => {}
                ".." => _ = parts.pop(),
                part => parts.push(part),
            }
        }
        Some(format!("/{}", parts.join("/")))
    }

    /// The text of a file.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        self.files?.read(&self.absolute(path)?)
    }
}

/// What runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Workers {
    /// These programs, the long-running ones of the command.
    Known(Vec<Worker>),
    /// The command is not known here: its first words.
    Unknown(String),
    /// Neither the file nor an image says what runs.
    Nothing,
}

/// A program that runs in processes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Worker {
    /// The program, as the table names it.
    pub program: String,
    /// How many processes do the work.
    pub processes: Count,
    /// From where that is known.
    pub basis: Basis,
    /// How they begin.
    pub start: Start,
    /// Processes beside them: a parent that watches, celery's beat, a tracker.
    pub others: u64,
    /// Threads of each process, where the command or the program's default says so.
    pub threads: Option<u64>,
    /// celery's bound on a child's peak, in KiB.
    pub memory_per_child: Option<u64>,
    /// Whether it is a reloader.
    pub is_reloader: bool,
    /// A script or program that starts it and may change what it is given.
    pub through: Option<String>,
    /// A file that may say something else, and is not read.
    pub config: Option<String>,
    /// The file that was read beside the command.
    pub settings: Option<String>,
    /// What a reader should know.
    pub why: Option<String>,
}

/// How many processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Count {
    /// So many.
    Is(u64),
    /// As many as the host has processors; the number where they are known.
    HostCpus(Option<u64>),
    /// It is said somewhere, and not as a number.
    NotKnown,
}

/// From where a number is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// An option of the command.
    Option(String),
    /// A variable of the container.
    Variable(String),
    /// A file that the program reads.
    File(String),
    /// What the program does without being told.
    Default,
}

impl Count {
    /// The number, where it is known.
    pub fn number(self) -> Option<u64> {
        match self {
            Self::Is(count) => Some(count),
            Self::HostCpus(count) => count,
            Self::NotKnown => None,
        }
    }
}

/// What an entry point with a command runs, without the files of the container.
pub fn read(entrypoint: &[String], command: &[String], setting: Setting<'_>) -> Workers {
    read_in(entrypoint, command, setting, Container::default())
}

/// What an entry point with a command runs, with the files that the container is known to have: entry points that are scripts, and
/// what programs read by themselves.
pub fn read_in(entrypoint: &[String], command: &[String], setting: Setting<'_>, container: Container<'_>) -> Workers {
    let words: Vec<String> = entrypoint.iter().chain(command).cloned().collect();
    if words.is_empty() {
        return Workers::Nothing;
    }
    let reader = Reader { setting, container, depth: 0, is_reloader: false };
    let mut found = Vec::new();
    reader.words(&words, &mut found);
    // An entry point that is a script usually ends with `exec "$@"`.
    if found.is_empty() && !entrypoint.is_empty() && !command.is_empty() {
        reader.words(command, &mut found);
        let is_file = |word: &&String| word.ends_with(".py") || word.ends_with(".sh");
        let script = name_of(entrypoint.iter().find(is_file).unwrap_or(&entrypoint[0]));
        found.iter_mut().for_each(|worker: &mut Worker| worker.through = Some(script.to_owned()));
    }
    match found.is_empty() {
        true => Workers::Unknown(words.iter().take(3).cloned().collect::<Vec<_>>().join(" ")),
        false => Workers::Known(found),
    }
}

/// The last part of a path.
pub(super) fn name_of(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

pub(super) struct Reader<'s> {
    pub(super) setting: Setting<'s>,
    pub(super) container: Container<'s>,
    depth: usize,
    is_reloader: bool,
}

impl Reader<'_> {
    fn deeper(&self, is_reloader: bool) -> Self {
        Self { depth: self.depth + 1, is_reloader: self.is_reloader || is_reloader, ..*self }
    }

    /// A reader of what a script or a file starts.
    pub(super) fn deeper_with<'n>(&self, setting: Setting<'n>, container: Container<'n>) -> Reader<'n> {
        Reader { setting, container, depth: self.depth + 1, is_reloader: self.is_reloader }
    }

    /// What these words start.
    pub(super) fn words(&self, words: &[String], out: &mut Vec<Worker>) {
        let Some(first) = words.first() else { return };
        if self.depth > MAX_DEPTH {
            return;
        }
        let name = name_of(first);
        let rest = &words[1..];
        if is_assignment(first) || name == "env" {
            let rest = if name == "env" { rest } else { words };
            let start = rest.iter().position(|word| !is_assignment(word) && !word.starts_with('-'));
            return self.deeper(false).words(start.map_or(&[], |at| &rest[at..]), out);
        }
        if matches!(name, "sh" | "bash" | "ash" | "dash" | "zsh") {
            let script =
                rest.iter().position(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('c'));
            return match script.and_then(|at| Some((rest.get(at + 1)?, at))) {
                // The word behind the script is its name.
                Some((script, at)) => self.script(script, rest.get(at + 3..).unwrap_or(&[]), name, out),
                None => self.behind_shell(rest, out),
            };
        }
        if name == "su" || name == "runuser" {
            let script = rest.iter().position(|word| word == "-c" || word == "--command");
            return match script.and_then(|at| rest.get(at + 1)) {
                Some(script) => self.script(script, &[], name, out),
                None => self.deeper(false).words(after_user(rest), out),
            };
        }
        if is_python(name) {
            return self.python(rest, out);
        }
        if let Some(wrapper) = table().wrappers.iter().find(|wrapper| wrapper.names.iter().any(|known| known == name)) {
            return self.deeper(wrapper.is_reloader).words(behind(wrapper, rest), out);
        }
        let program = table()
            .programs
            .iter()
            .find(|program| program.commands.iter().any(|known| fits(known, name, rest, &program.takes)));
        if let Some(program) = program {
            return out.push(self.worker(program, rest));
        }
        if settings::starts_others(self, name, rest, out) {
            return;
        }
        if let Some(text) = self.script_file(first) {
            self.script(&text, rest, name, out);
        }
    }

    /// The text of a script for the shell: by its path, else where the container looks for programs.
    fn script_file(&self, word: &str) -> Option<String> {
        let text = match word.contains('/') {
            true => self.container.read(word)?,
            false => ["/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/bin", "/"]
                .iter()
                .find_map(|folder| self.container.read(&format!("{folder}/{word}")))?,
        };
        let first = text.lines().next().unwrap_or_default();
        let is_shell = match first.strip_prefix("#!") {
            Some(program) => {
                program.split(['/', ' ']).any(|part| matches!(part.trim(), "sh" | "bash" | "ash" | "dash" | "zsh"))
            }
            // What names no program is the shell's.
            None => true,
        };
        is_shell.then_some(text)
    }

    /// `sh script.sh args`: what the script starts, where it can be read, else what the arguments run, where they do.
    fn behind_shell(&self, rest: &[String], out: &mut Vec<Worker>) {
        let options = rest.iter().take_while(|word| word.starts_with('-')).count();
        let Some((script, arguments)) = rest[options..].split_first() else { return };
        if let Some(text) = self.container.read(script) {
            return self.script(&text, arguments, name_of(script), out);
        }
        let before = out.len();
        self.deeper(false).words(arguments, out);
        for worker in &mut out[before..] {
            worker.through = Some(name_of(script).to_owned());
        }
    }

    fn python(&self, rest: &[String], out: &mut Vec<Worker>) {
        let mut at = 0;
        while let Some(word) = rest.get(at) {
            match word.as_str() {
                "-m" => {
                    let Some(module) = rest.get(at + 1) else { return };
                    let arguments = &rest[at + 2..];
                    if module == "debugpy" {
                        return self.debugged(arguments, out);
                    }
                    let program = table().programs.iter().find(|program| {
                        program.modules.iter().any(|known| fits(known, module, arguments, &program.takes))
                    });
                    if let Some(program) = program {
                        out.push(self.worker(program, arguments));
                    }
                    return;
                }
                "-X" | "-W" => at += 2,
                "-c" => return,
                option if option.starts_with('-') => at += 1,
                path if name_of(path) == "debugpy" => return self.debugged(&rest[at + 1..], out),
                _ => return self.deeper(false).words(&rest[at..], out),
            }
        }
    }

    /// `debugpy --listen ADDRESS -m MODULE`
    fn debugged(&self, rest: &[String], out: &mut Vec<Worker>) {
        let mut at = 0;
        while let Some(word) = rest.get(at) {
            match word.as_str() {
                "--listen" | "--connect" | "--log-to" => at += 2,
                "-m" => break,
                option if option.starts_with('-') => at += 1,
                _ => break,
            }
        }
        self.deeper(false).python(rest.get(at..).unwrap_or_default(), out);
    }

    /// What a script for the shell starts. Where that depends on what is not known, and ways differ, nothing.
    pub(super) fn script(&self, text: &str, arguments: &[String], name: &str, out: &mut Vec<Worker>) {
        if self.depth > MAX_DEPTH {
            return;
        }
        let reader = self.deeper(false);
        let found = Shell::new(&reader, arguments).run(text);
        let is_open = found.iter().any(|(_, sure)| !sure);
        if is_open && found.len() > 1 {
            return;
        }
        out.extend(found.into_iter().map(|(mut worker, sure)| {
            if !sure {
                worker.through = Some(name.to_owned());
            }
            worker
        }));
    }

    fn worker(&self, program: &Program, given: &[String]) -> Worker {
        let more = program.arguments.as_ref().and_then(|name| self.setting.environment.get(name)?.as_ref());
        let more: Vec<String> = more.map_or(Vec::new(), |text| text.split_whitespace().map(str::to_owned).collect());
        let words: Vec<String> = more.into_iter().chain(given.iter().cloned()).collect();
        let read = settings::of(self, program, &words);
        let (processes, basis) = self.processes(program, &words, read.as_ref().ok().and_then(Option::as_ref));
        let flag = program.flags.iter().find(|(flag, _)| words.iter().any(|word| word == *flag));
        let has = |names: &[String]| words.iter().any(|word| names.iter().any(|name| word == name));
        let is_reloader = self.is_reloader
            || program.is_reloader
            || has(&program.reloaders)
            || (!program.reloads_unless.is_empty() && !has(&program.reloads_unless));
        let told = read.as_ref().ok().and_then(Option::as_ref);
        let threads = option(&words, &program.threads).and_then(|text| text.parse().ok());
        let threads = threads.or_else(|| told?.threads).or(program.threads_default);
        let config = match &read {
            Ok(Some(_)) => None,
            Ok(None) => named_config(program, &words),
            Err(file) => Some(file.clone()),
        };
        let mut worker = Worker {
            program: program.name.clone(),
            processes,
            basis,
            start: flag.map_or(program.start, |(_, start)| *start),
            others: u64::from(program.parent || has(&program.master)),
            threads,
            memory_per_child: option(&words, &["--max-memory-per-child".to_owned()]).and_then(|text| text.parse().ok()),
            is_reloader: is_reloader || told.is_some_and(|told| told.reloads),
            through: None,
            config,
            settings: told.map(|told| told.file.clone()),
            why: program.why.clone(),
        };
        if let Some(told) = told {
            told.apply(&mut worker, flag.is_some());
        }
        if program.single_without_parent && worker.processes == Count::Is(1) && !is_reloader {
            (worker.others, worker.start) = (0, Start::Single);
        }
        if worker.config.is_some() && worker.basis == Basis::Default {
            worker.processes = Count::NotKnown;
        }
        if !program.counts_threads.is_empty() && option(&words, &program.counts_threads).as_deref() != Some("process") {
            worker.threads = worker.processes.number();
            (worker.processes, worker.others, worker.start) = (Count::Is(1), 0, Start::Single);
        }
        if program.name == "celery worker" {
            celery(&mut worker, &words, told.and_then(|told| told.pool.as_deref()));
        }
        worker
    }

    fn processes(&self, program: &Program, words: &[String], told: Option<&Told>) -> (Count, Basis) {
        if let Some(text) = option(words, &program.options) {
            let name = program.options.last().cloned().unwrap_or_default();
            return (self.count(&text), Basis::Option(name));
        }
        if let Some((told, count)) = told.and_then(|told| Some((told, told.processes?))) {
            return (count, Basis::File(told.file.clone()));
        }
        let prefixed = program.prefix.iter().flat_map(|prefix| {
            let long = program.options.iter().filter_map(|option| option.strip_prefix("--"));
            long.map(move |option| format!("{prefix}_{}", option.replace('-', "_").to_uppercase()))
        });
        for name in prefixed.chain(program.variables.iter().cloned()) {
            if let Some(Some(text)) = self.setting.environment.get(&name) {
                return (self.count(text), Basis::Variable(name));
            }
        }
        match program.default {
            Default::Count(count) => (Count::Is(count), Basis::Default),
            Default::Word(Word::Cpus) => (self.host(), Basis::Default),
            Default::Word(Word::Unknown) => (Count::NotKnown, Basis::Default),
        }
    }

    pub(super) fn host(&self) -> Count {
        Count::HostCpus(self.setting.cpus.map(|cpus| cpus as u64))
    }

    pub(super) fn count(&self, text: &str) -> Count {
        match text.trim() {
            PROCESSORS | "`nproc`" | "cpu_count" => self.host(),
            text => match text.strip_prefix(PROCESSORS).and_then(|rest| rest.strip_prefix(':')) {
                Some(made) => made.parse().map_or(Count::NotKnown, |count| Count::HostCpus(Some(count))),
                None => text.parse().map_or(Count::NotKnown, Count::Is),
            },
        }
    }
}

/// The file that an option names, or that stands among the words.
pub(super) fn named_config(program: &Program, words: &[String]) -> Option<String> {
    program.config.iter().find_map(|name| match name.starts_with('-') {
        true => option(words, std::slice::from_ref(name)),
        false if name.starts_with('.') => words.iter().find(|word| word.ends_with(name.as_str())).cloned(),
        false => None,
    })
}

/// `su [OPTIONS] USER -- COMMAND`
fn after_user(words: &[String]) -> &[String] {
    words.iter().position(|word| word == "--").map_or(&[], |at| &words[at + 1..])
}

/// What is celery's own: pools, autoscaling, beat within the worker.
fn celery(worker: &mut Worker, words: &[String], pool: Option<&str>) {
    let named = |names: &[&str]| option(words, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    if let Some(range) = named(&["--autoscale"]) {
        let most = range.split(',').filter_map(|part| part.trim().parse::<u64>().ok()).max();
        worker.processes = most.map_or(Count::NotKnown, Count::Is);
        worker.basis = Basis::Option("--autoscale".to_owned());
    }
    if let Some(pool) = named(&["-P", "--pool"]).as_deref().or(pool) {
        set_pool(worker, pool);
    }
    if named(&["--pool-start-method"]).as_deref() == Some("spawn") {
        worker.start = Start::Spawn;
        worker.others += 1;
    }
    if words.iter().any(|word| word == "-B" || word == "--beat") {
        worker.others += 1;
    }
}

fn set_pool(worker: &mut Worker, pool: &str) {
    match pool {
        "prefork" | "processes" => {}
        "solo" => (worker.processes, worker.others, worker.start) = (Count::Is(1), 0, Start::Single),
        _ => {
            worker.threads = worker.processes.number();
            (worker.processes, worker.others, worker.start) = (Count::Is(1), 0, Start::Single);
        }
    }
}

/// Whether a known command, or a command and a word behind it, is what runs.
fn fits(known: &str, name: &str, rest: &[String], takes: &[String]) -> bool {
    match known.split_once(' ') {
        None => known == name,
        Some((command, word)) if command == name => first_word(rest, takes).is_some_and(|found| found == word),
        Some(_) => false,
    }
}

/// The first word that is no option and no option's value.
fn first_word<'w>(words: &'w [String], takes: &[String]) -> Option<&'w str> {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        match word.starts_with('-') {
            false => return Some(word),
            true => at += if takes.contains(word) { 2 } else { 1 },
        }
    }
    None
}

/// What a wrapper starts.
fn behind<'w>(wrapper: &Wrapper, mut words: &'w [String]) -> &'w [String] {
    if let Some(end) = wrapper.until.as_ref().and_then(|end| words.iter().position(|word| word == end)) {
        return &words[end + 1..];
    }
    let mut skip = wrapper.skip;
    let mut word_is_due = wrapper.word.is_some();
    while let Some((first, rest)) = words.split_first() {
        if first == "--" {
            if skip == 0 && !word_is_due {
                return rest;
            }
            words = rest;
        } else if first.starts_with('-') {
            words = if wrapper.takes.contains(first) { rest.get(1..).unwrap_or(&[]) } else { rest };
        } else if word_is_due {
            if wrapper.word.as_ref() != Some(first) {
                return &[];
            }
            word_is_due = false;
            words = rest;
        } else if skip > 0 {
            skip -= 1;
            words = rest;
        } else {
            return words;
        }
    }
    words
}

/// The last value of an option that has one of these names: `-w 4`, `-w4`, `--workers 4`, `--workers=4`.
pub(super) fn option(words: &[String], names: &[String]) -> Option<String> {
    let mut found = None;
    for (at, word) in words.iter().enumerate() {
        for name in names {
            if word == name {
                found = words.get(at + 1).cloned().or(found);
            } else if let Some(rest) = word.strip_prefix(name.as_str()) {
                match rest.strip_prefix('=') {
                    Some(value) => found = Some(value.to_owned()),
                    None if !name.starts_with("--") => found = Some(rest.to_owned()),
                    None => {}
                }
            }
        }
    }
    found
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| sh::is_name(name))
}

fn is_python(name: &str) -> bool {
    let version = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"));
    version.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}
