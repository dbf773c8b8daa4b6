//! From the words of a command to the processes that it makes.

use super::model::{Basis, Container, Count, Setting, Worker, Workers};
use super::script::{Outer, Shell};
use super::settings::{self, Told};
use super::starters::{self, Started};
use super::table::{Default, Program, Start, Word, Wrapper, table};
use super::words::{is_shell, name_of, named_config, option};
use crate::dockerfile::sh;

/// Commands in one another (`sh -c "exec uv run …"`), at most.
const MAX_DEPTH: usize = 16;

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

struct Reader<'s> {
    setting: Setting<'s>,
    container: Container<'s>,
    depth: usize,
    is_reloader: bool,
}

impl Reader<'_> {
    fn deeper(&self, is_reloader: bool) -> Self {
        Self { depth: self.depth + 1, is_reloader: self.is_reloader || is_reloader, ..*self }
    }

    /// A reader of what a script or a file starts.
    fn deeper_with<'n>(&self, setting: Setting<'n>, container: Container<'n>) -> Reader<'n> {
        Reader { setting, container, depth: self.depth + 1, is_reloader: self.is_reloader }
    }

    /// What these words start.
    fn words(&self, words: &[String], out: &mut Vec<Worker>) {
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
        if is_shell(name) {
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
        if let Some(all) = starters::started(self.setting, self.container, name, rest) {
            return all.iter().for_each(|one| self.started(one, out));
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
            Some(program) => program.split(['/', ' ']).any(|part| is_shell(part.trim())),
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

    /// What a command of a file starts, so many times.
    fn started(&self, one: &Started, out: &mut Vec<Worker>) {
        let directory = one.directory.as_ref().map(|directory| self.container.absolute(directory));
        let mut container = self.container;
        if let Some(absolute) = &directory {
            container.directory = absolute.as_deref();
        }
        let environment = one.environment.as_ref().unwrap_or(self.setting.environment);
        let mut found = Vec::new();
        let inner = self.deeper_with(Setting { environment, cpus: self.setting.cpus }, container);
        inner.script(&one.command, &[], "sh", &mut found);
        for mut worker in found {
            worker.processes = match (worker.processes, one.copies) {
                (_, None) => Count::NotKnown,
                (Count::Is(count), Some(copies)) => Count::Is(count.saturating_mul(copies)),
                (Count::HostCpus(Some(count)), Some(copies)) => Count::HostCpus(Some(count.saturating_mul(copies))),
                (other, _) => other,
            };
            worker.others = worker.others.saturating_mul(one.copies.unwrap_or(1));
            worker.config = worker.config.or_else(|| one.not_read.clone());
            out.push(worker);
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
    fn script(&self, text: &str, arguments: &[String], name: &str, out: &mut Vec<Worker>) {
        if self.depth > MAX_DEPTH {
            return;
        }
        let start = |words: &[String], setting: Setting<'_>, container: Container<'_>| {
            let mut found = Vec::new();
            self.deeper_with(setting, container).words(words, &mut found);
            found
        };
        let outer = Outer { setting: self.setting, container: self.container, start: &start };
        let found = Shell::new(outer, arguments).run(text);
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
        let read = settings::of(self.setting, self.container, program, &words);
        let told = read.as_ref().ok().and_then(Option::as_ref);
        let (processes, basis) = self.processes(program, &words, told);
        let flag = program.flags.iter().find(|(flag, _)| words.iter().any(|word| word == *flag));
        let has = |names: &[String]| words.iter().any(|word| names.iter().any(|name| word == name));
        let is_reloader = self.is_reloader
            || program.is_reloader
            || has(&program.reloaders)
            || (!program.reloads_unless.is_empty() && !has(&program.reloads_unless));
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
        // A file that is not read goes before a variable, and after the command.
        if worker.config.is_some() && !matches!(worker.basis, Basis::Option(_)) {
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
            return (self.setting.count(&text), Basis::Option(name));
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
                return (self.setting.count(text), Basis::Variable(name));
            }
        }
        match program.default {
            Default::Count(count) => (Count::Is(count), Basis::Default),
            Default::Word(Word::Cpus) => (self.setting.host(), Basis::Default),
            Default::Word(Word::Unknown) => (Count::NotKnown, Basis::Default),
        }
    }
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

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| sh::is_name(name))
}

fn is_python(name: &str) -> bool {
    let version = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"));
    version.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}
