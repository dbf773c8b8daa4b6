//! `RUN`: each command of it is carried out in thought, or is a gap.

use super::earned::{Grasp, takes_away};
use super::error::Result;
use super::exports::is_export;
use super::programs::{self, Call};
use super::script::{Leave, Ran, Said, Setting, Shell, Status};
use super::stage::{Stage, World};
use super::values::{Dialect, SPECIAL, Value};
use super::words::Field;
use crate::base::ImagePath;
use crate::command::{Command, Means};
use crate::dockerfile::sh::Simple;
use crate::dockerfile::{Flag, Form, Instruction, Run};
use crate::image::{GapReason, Writes};
use std::collections::BTreeMap;

/// Where a command stands.
pub(super) struct Place<'p> {
    /// `Dockerfile, line 7`.
    pub(super) text: &'p str,
}

/// What a command came to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// All that it does is done.
    Done,
    /// It fails, and has done nothing more.
    Fails,
    /// What it may have written is not known.
    Unknown(GapReason),
    /// It may have written no more than this.
    Partly(GapReason, Writes),
}

impl Stage {
    /// Carries a `RUN` out.
    pub(super) fn run(&mut self, world: &World<'_>, instruction: &Instruction, run: &Run, place: &str) -> Result<()> {
        let scope = self.scope.clone();
        self.shell = Shell::default();
        let names = self.scope.variables.keys().chain(&self.scope.unknown).cloned();
        self.shell.exported = names.collect();
        let mounts = self.mount(world, &instruction.flags)?;
        self.mounted.clone_from(&mounts);
        let text = &world.file.text[instruction.head.clone()];
        let own = Place { text: place };
        let setting = Setting { world, place: &own };
        let mut ends = false;
        if run.form == Form::Exec {
            let fields: Vec<Field> = run.tokens.iter().map(|token| Field::known(&token.text)).collect();
            if !fields.is_empty() {
                let shown: Vec<&str> = run.tokens.iter().map(|token| token.text.as_str()).collect();
                ends = self.external(setting, &fields, &shown.join(" "), true)?.status == Status::Failure;
            }
        } else if let Some(why) = self.shell_is_unknown(world) {
            self.gap(place, text, why, Writes::Anywhere);
        } else {
            match world.file.shell_text(instruction) {
                Some(script) => ends = self.script(setting, &script, true)?.status == Status::Failure,
                None => self.gap(place, text, GapReason::Input, Writes::Anywhere),
            }
        }
        if ends {
            self.gap(place, text, GapReason::EndsBuild, Writes::nothing());
        }
        self.mounted.clear();
        self.archive = None;
        self.strange.clear();
        for path in mounts {
            self.tree.forget(path.as_bytes());
        }
        self.scope = scope;
        self.shell = Shell::default();
        Ok(())
    }

    /// Why what the shell does is not known by the text that it gets.
    fn shell_is_unknown(&mut self, world: &World<'_>) -> Option<GapReason> {
        let mut words = self.scope.shell.clone();
        let is_of_micromamba = self.is_shell_of_micromamba(&words);
        if is_of_micromamba {
            words = ["/bin/bash", "-o", "pipefail", "-c"].map(str::to_owned).to_vec();
        }
        let (program, options) =
            words.split_first().map_or(("/bin/sh", &[][..]), |(first, rest)| (first.as_str(), rest));
        let name = base_name(program);
        self.shell.dialect = self.dialect_of(program);
        let plain = |word: &String| {
            word == "pipefail" || word.strip_prefix('-').is_some_and(|rest| rest.chars().all(|c| "ceuxo".contains(c)))
        };
        let last_runs = options.last().is_none_or(|word| word.starts_with('-') && word.ends_with('c'));
        if self.scope.foreign_shell && !is_of_micromamba
            || matches!(name, "zsh" | "ksh")
            || !options.iter().all(plain)
            || !last_runs
        {
            return Some(GapReason::Shell);
        }
        let has = |letter: char| options.iter().any(|word| word.starts_with('-') && word.contains(letter));
        if is_of_micromamba && self.variable("MAMBA_DOCKERFILE_ACTIVATE") == Some("1") {
            self.activate_micromamba();
        }
        (self.shell.stops, self.shell.nounset) = (Some(has('e')), Some(has('u')));
        self.shell.pipefail = Some(options.iter().any(|word| word == "pipefail"));
        if let Some(path) = self.foreign_program(program) {
            return Some(GapReason::ForeignProgram(path));
        }
        self.changed_by(world, program, &[])
    }

    /// `--mount`: what is bound is there while the commands run, and what a cache has is gone behind them. The paths that are
    /// not part of the image.
    fn mount(&mut self, world: &World<'_>, flags: &[Flag]) -> Result<Vec<ImagePath>> {
        let mut out = Vec::new();
        for flag in flags.iter().filter(|flag| flag.name == "mount") {
            let value = flag.value.trim_matches(['"', '\'']);
            let fields: Vec<(&str, &str)> =
                value.split(',').map(|field| field.split_once('=').unwrap_or((field, ""))).collect();
            let get = |names: &[&str]| {
                let found = fields.iter().find(|(name, _)| names.contains(&name.trim_matches(['"', '\''])));
                found.map(|(_, value)| value.trim_matches(['"', '\'']))
            };
            let kind = get(&["type"]).unwrap_or("bind");
            if kind == "secret"
                && let Some(name) = get(&["env"])
            {
                self.set_unknown(name.to_owned());
            }
            let target = get(&["target", "dst", "destination"]).unwrap_or_default();
            let Some(target) = self.scope.absolute(target).map(|path| ImagePath::from(path.as_str())) else { continue };
            if kind == "bind" {
                let source = get(&["source", "src"]).unwrap_or(".");
                let from = get(&["from"]).map(|name| self.scope.expand(name).unwrap_or_else(|| name.to_owned()));
                self.bind(world, from.as_deref(), source, &target)?;
            } else if !target.is_root() {
                // A new cache begins with what is there.
                if let Some(from) = get(&["from"]).filter(|_| kind == "cache") {
                    let from = self.scope.expand(from).unwrap_or_else(|| from.to_owned());
                    self.bind(world, Some(&from), get(&["source", "src"]).unwrap_or("."), &target)?;
                }
                // What earlier builds left there is not known.
                self.tree.doubt(&Writes::at(target.clone()));
                // A secret is the user's own, who builds.
                if !matches!(kind, "secret" | "ssh") {
                    self.strange.push(target.clone());
                }
            }
            if !target.is_root() {
                out.push(target);
            }
        }
        Ok(out)
    }

    /// A program with its words, and the variables before them.
    pub(super) fn simple(&mut self, setting: Setting<'_>, simple: &Simple, must: bool) -> Result<Ran> {
        self.shell.steps += 1;
        self.tree.work.commands(1);
        (self.substituted, self.missing) = (None, None);
        let mut fields = Vec::new();
        for word in &simple.words {
            let name = simple.words.first().map(|word| word.text.as_str()).unwrap_or_default();
            let declares = matches!(name, "export" | "readonly" | "local" | "declare" | "typeset");
            fields.extend(if declares { self.declared(setting, word)? } else { self.fields(setting, word)? });
        }
        let mut assigned = Vec::new();
        let is_special = |field: &Field| field.value.as_deref().is_some_and(|name| SPECIAL.contains(&name));
        // Of a special builtin they stay: POSIX says so, and bash does not.
        let stays = fields.first().is_none_or(is_special);
        for assignment in &simple.assigned {
            let mut value = self.text(setting, &assignment.value)?;
            let name = &assignment.name;
            if assignment.appends {
                value = match self.value_of(name) {
                    _ if self.shell.dialect != Dialect::Bash => None,
                    Value::Set(old) => value.map(|value| format!("{old}{value}")),
                    Value::Unset => value,
                    Value::Unknown => None,
                };
            }
            if stays {
                if !fields.is_empty() && self.shell.dialect != Dialect::Dash {
                    value = None;
                }
                self.assign(name, value);
            } else {
                let one = (name.clone(), value);
                let kept = self.put_before(std::slice::from_ref(&one));
                assigned.push((one, kept));
            }
        }
        if self.shell.leave.is_some() {
            return Ok(Ran::quiet(Status::Failure));
        }
        if fields.is_empty() {
            return Ok(Ran::quiet(self.substituted.take().unwrap_or(Status::Success)));
        }
        let fields = self.with_paths(fields);
        let mut ran = self.invoke(setting, &fields, &simple.text, must)?;
        // It may not have been able to print.
        if self.shell.cannot_print && !must && ran.said.as_deref() != Some("") {
            ran.status = Status::Unknown;
        }
        self.tree.work.bytes(ran.said.as_ref().map_or(0, String::len));
        // A variable before a command is that command's own.
        for (one, kept) in assigned.into_iter().rev() {
            self.take_back(std::slice::from_ref(&one), kept);
        }
        Ok(ran)
    }

    /// The paths that patterns name, for what the shell does itself.
    fn with_paths(&self, fields: Vec<Field>) -> Vec<Field> {
        let name = fields.first().and_then(|field| field.value.clone()).unwrap_or_default();
        let is_own = self.shell.functions.contains_key(&name) || OWN.contains(&base_name(&name));
        if !is_own && fields.first().is_none_or(|field| !field.pattern) {
            return fields;
        }
        let paths = |field: Field| match self.path_names(&field) {
            _ if !field.pattern => vec![field],
            Some(paths) => {
                paths.iter().map(|path| Field { written: field.written.clone(), ..Field::known(path) }).collect()
            }
            None => vec![Field { value: None, pattern: false, ..field }],
        };
        fields.into_iter().flat_map(paths).collect()
    }

    /// A command by its name: a function, what the shell does itself, or a program.
    pub(super) fn invoke(&mut self, setting: Setting<'_>, fields: &[Field], text: &str, must: bool) -> Result<Ran> {
        let Some(name) = fields.first().and_then(|field| field.value.clone()) else {
            let word = fields.first().map(|field| field.written.clone()).unwrap_or_default();
            return Ok(self.unknown(setting, text, GapReason::Value(word.to_string()), Writes::Anywhere));
        };
        if !name.contains('/') {
            if self.shell.shadowed.contains(&name) {
                return Ok(self.unknown(setting, text, GapReason::ForeignProgram(name), Writes::Anywhere));
            }
            if let Some(body) = self.shell.functions.get(&name).cloned() {
                let arguments: Option<Vec<String>> = fields[1..].iter().map(|field| field.value.clone()).collect();
                let before = std::mem::replace(&mut self.shell.arguments, arguments);
                self.shell.locals.push(BTreeMap::new());
                let ran = self.called(|stage| stage.node(setting, &body, must))?;
                self.end_function();
                self.shell.arguments = before;
                return Ok(ran);
            }
            // Not every shell has these itself: one that was brought by such a name may be the one that runs.
            if ALSO_PROGRAMS.contains(&name.as_str())
                && let Some(path) = self.foreign_program(&name)
            {
                return Ok(self.unknown(setting, text, GapReason::ForeignProgram(path), Writes::Anywhere));
            }
            if let Some(ran) = self.builtin(setting, &name, fields, text, must)? {
                return Ok(ran);
            }
        }
        self.external(setting, fields, text, must)
    }

    /// Runs a function or a sourced file, which `return` ends.
    fn called(&mut self, run: impl FnOnce(&mut Self) -> Result<Ran>) -> Result<Ran> {
        let shell = &self.shell;
        let (loops, outer_loops, may_return) = (shell.loops, shell.outer_loops, shell.may_return);
        self.shell.outer_loops |= loops > 0;
        (self.shell.loops, self.shell.may_return) = (0, true);
        let mut ran = run(self)?;
        (self.shell.loops, self.shell.outer_loops, self.shell.may_return) = (loops, outer_loops, may_return);
        if let Some(Leave::Return(status)) = self.shell.leave {
            self.shell.leave = None;
            ran.status = status;
        }
        Ok(ran)
    }

    /// A gap for a command.
    pub(super) fn unknown(&mut self, setting: Setting<'_>, text: &str, why: GapReason, writes: Writes) -> Ran {
        self.gap(setting.place.text, text, why, writes);
        Ran::unknown()
    }

    /// A program.
    pub(super) fn external(&mut self, setting: Setting<'_>, fields: &[Field], text: &str, must: bool) -> Result<Ran> {
        let Some(program) = fields.first().and_then(|field| field.value.clone()) else {
            return Ok(self.unknown(setting, text, GapReason::Program, Writes::Anywhere));
        };
        if let Some(path) = self.foreign_program(&program) {
            return Ok(self.unknown(setting, text, GapReason::ForeignProgram(path), Writes::Anywhere));
        }
        if self.is_hidden(&program) {
            return Ok(Ran::unknown());
        }
        let starts = self.surely_starts(&program);
        let name = base_name(&program).to_owned();
        if let Some(why) = self.changed_by(setting.world, &program, fields) {
            self.gap(setting.place.text, text, why, Writes::Anywhere);
        }
        if let Some(ran) = self.wrapper(setting, &name, fields, text, must)? {
            return Ok(ran);
        }
        let is_manager = matches!(name.as_str(), "apt-get" | "apt" | "aptitude" | "apk");
        let mut words = Vec::new();
        for field in fields {
            match &field.value {
                Some(value) => words.push(value.clone()),
                None if self.never_writes(&name) => return Ok(Ran::unknown()),
                None => {
                    let why = GapReason::Value(field.written.to_string());
                    self.tried.get_or_insert_with(|| text.to_owned());
                    if !is_manager {
                        return Ok(self.unknown(setting, text, why, Writes::Anywhere));
                    }
                    // The other packages are installed all the same.
                    self.gap(setting.place.text, &format!("{} of {text}", field.written), why, Writes::Anywhere);
                }
            }
        }
        let has_input = self.shell.input.as_deref() != Some("");
        if let Some(mut ran) = self.reader(setting, &name, &words) {
            if !starts || !self.is_root() {
                ran.status = Status::Unknown;
            }
            self.take_input(&name, has_input);
            return Ok(ran);
        }
        self.tried.get_or_insert_with(|| text.to_owned());
        if let Some(word) = self.missing.take() {
            return Ok(self.unknown(setting, text, GapReason::Value(word), Writes::Anywhere));
        }
        let ran = match self.grasp(fields, &name, &words) {
            Grasp::Other(word) => {
                let trial = self.try_out(setting, |stage| stage.carried(setting, &words, text, (Grasp::Open, true)));
                self.take_trial(setting, trial, GapReason::Option(word));
                Ok(Ran::unknown())
            }
            Grasp::Open if !must && takes_away(&name, &words) => {
                self.maybe(setting, |stage| stage.carried(setting, &words, text, (Grasp::Open, true)));
                Ok(Ran::unknown())
            }
            Grasp::Open if !must => {
                let before = self.tree.pause();
                let ran = self.carried(setting, &words, text, (Grasp::Open, false));
                let changed = self.tree.resume(before);
                self.tree.doubt(&Writes::Within(folded(changed)));
                ran
            }
            grasp => self.carried(setting, &words, text, (grasp, must)),
        };
        self.take_input(&name, has_input);
        ran
    }

    /// Carries a program out. `must`: whether a failure of it would end the build.
    fn carried(&mut self, setting: Setting<'_>, words: &[String], text: &str, how: (Grasp, bool)) -> Result<Ran> {
        let (grasp, must) = how;
        let name = base_name(&words[0]).to_owned();
        let mut ran = Ran { status: Status::Success, said: None };
        if is_export(words) && Command::read(words).is_some_and(|read| !read.has(&[Means::Output])) {
            let read = Command::read(words);
            let printed = read.map(|read| self.exported(setting.world, &read, setting.place)).transpose();
            match printed.map(Option::flatten) {
                Err(error) if !must && error.is_configuration() => {
                    let why = GapReason::FailsAndGoesOn(error.to_string());
                    ran = self.unknown(setting, text, why, Writes::nothing());
                }
                Err(error) => return Err(error),
                Ok(Some(text)) => ran.said = Some(text),
                Ok(None) => ran = self.unknown(setting, text, GapReason::Makes, Writes::nothing()),
            }
        } else {
            let outcome = match self.program_of(setting, &name, words, must || grasp < Grasp::Open) {
                // What fails ends no build that goes on behind `||`.
                Err(error) if !must && error.is_configuration() => {
                    Outcome::Unknown(GapReason::FailsAndGoesOn(error.to_string()))
                }
                outcome => outcome?,
            };
            match outcome {
                Outcome::Done if must || grasp == Grasp::Sure => {}
                Outcome::Fails if grasp < Grasp::Open => ran.status = Status::Failure,
                Outcome::Done | Outcome::Fails => ran.status = Status::Unknown,
                Outcome::Unknown(why) => ran = self.unknown(setting, text, why, Writes::Anywhere),
                Outcome::Partly(why, writes) => ran = self.unknown(setting, text, why, writes),
            }
        }
        if programs::find(&name).is_some_and(|program| program.is_quiet)
            && ran.said.is_none()
            && !words.iter().any(|word| word.starts_with("-v") || word.starts_with("--v"))
        {
            ran.said = Some(String::new());
        }
        // One is enough to say that what the command does is not known.
        if let Some(file) = self.doubts.take().into_iter().next() {
            self.gap(setting.place.text, text, GapReason::Doubtful(file), Writes::Anywhere);
        }
        Ok(ran)
    }

    /// What a program leaves of what stands on the shell's input: who reads first is not known.
    fn take_input(&mut self, name: &str, has_input: bool) {
        if has_input && programs::find(name).is_none_or(|program| !program.is_quiet) && !LEAVES_INPUT.contains(&name) {
            self.shell.input = None;
        }
    }

    /// By the program's name.
    fn program_of(&mut self, setting: Setting<'_>, name: &str, words: &[String], sure: bool) -> Result<Outcome> {
        let (world, place) = (setting.world, setting.place);
        if !Self::leaves_archive(name) {
            self.archive = None;
        }
        match programs::find(name) {
            Some(program) => (program.carry)(self, &Call { world, place, name, words: &words[1..], sure }),
            None => match self.tool(name, &words[1..]) {
                Some(outcome) => Ok(outcome),
                None => self.by_installer(|stage| stage.installer(world, words, place)),
            },
        }
    }

    /// What an installer brings is known by its name.
    pub(super) fn by_installer(&mut self, run: impl FnOnce(&mut Self) -> Result<Outcome>) -> Result<Outcome> {
        self.tree.by_installer = true;
        self.tree.work.commands(20);
        let out = run(self);
        self.tree.by_installer = false;
        out
    }

    /// `sh -c "…"`
    pub(super) fn inner_shell(
        &mut self,
        setting: Setting<'_>,
        fields: &[Field],
        text: &str,
        must: bool,
    ) -> Result<Ran> {
        let words: Option<Vec<String>> = fields.iter().map(|field| field.value.clone()).collect();
        let Some(words) = words else {
            return Ok(self.unknown(setting, text, GapReason::Script, Writes::Anywhere));
        };
        let mut rest = words[1..].iter();
        let (mut runs, mut stops, mut nounset, mut pipefail, mut script) = (false, false, false, false, None);
        let dialect = self.dialect_of(&words[0]);
        if matches!(base_name(&words[0]), "zsh" | "ksh") {
            return Ok(self.unknown(setting, text, GapReason::Shell, Writes::Anywhere));
        }
        while let Some(word) = rest.next() {
            match word.as_str() {
                "-o" | "-eo" | "-euo" | "-exo" | "-euxo" | "-uo" if !runs => {
                    stops |= word.contains('e');
                    nounset |= word.contains('u');
                    match rest.next().map(String::as_str) {
                        Some("pipefail") => pipefail = true,
                        Some("errexit") => stops = true,
                        Some("nounset") => nounset = true,
                        Some("xtrace") => {}
                        _ => return Ok(self.unknown(setting, text, GapReason::Script, Writes::Anywhere)),
                    }
                }
                option
                    if option.len() > 1
                        && option.starts_with('-')
                        && option[1..].chars().all(|c| "ceuxl".contains(c)) =>
                {
                    if option.contains('l') && self.has_foreign_profile(setting.world) {
                        return Ok(self.unknown(setting, text, GapReason::Script, Writes::Anywhere));
                    }
                    runs |= option.contains('c');
                    stops |= option.contains('e');
                    nounset |= option.contains('u');
                }
                option if option.starts_with('+') => {
                    return Ok(self.unknown(setting, text, GapReason::Script, Writes::Anywhere));
                }
                _ => {
                    script = Some(word.clone());
                    break;
                }
            }
        }
        let script = match (runs, script) {
            (true, Some(script)) => Some(script),
            // What stands on its input.
            (false, None) => self.shell.input.clone().filter(|text| !text.is_empty()),
            _ => None,
        };
        let Some(script) = script else {
            return Ok(self.unknown(setting, text, GapReason::Script, Writes::Anywhere));
        };
        let arguments: Vec<String> = rest.skip(1).cloned().collect();
        self.subshell(setting, must, |stage| {
            let input = if runs { stage.shell.input.clone() } else { Some(String::new()) };
            stage.keep_exported();
            let old = std::mem::take(&mut stage.shell);
            stage.shell = Shell {
                steps: old.steps,
                depth: old.depth + 1,
                input,
                dialect,
                stops: Some(stops),
                nounset: Some(nounset),
                pipefail: Some(pipefail),
                arguments: Some(arguments),
                tolerated: old.tolerated,
                cannot_print: old.cannot_print,
                unknown: old.unknown,
                all_unknown: old.all_unknown,
                exported: old.exported,
                ..Shell::default()
            };
            stage.script(setting, &script, must)
        })
    }

    /// `. FILE`
    pub(super) fn source(&mut self, setting: Setting<'_>, words: &[Field], text: &str, must: bool) -> Result<Ran> {
        let path = words.first().and_then(|file| file.value.clone()).filter(|file| file.contains('/'));
        if words.len() > 1 && self.shell.dialect != Dialect::Dash {
            // They are its `$1` and so on.
            self.shell.arguments = None;
        }
        let path = path.and_then(|path| self.at(&path));
        let Some(path) = path else {
            return Ok(self.unknown(setting, text, GapReason::Script, Writes::Anywhere));
        };
        let real = ImagePath::new(&self.tree.resolve(path.as_bytes()));
        let folder = crate::base::parent(real.as_bytes()).to_vec();
        let environment = crate::base::parent(&folder).to_vec();
        let settings = [&environment[..], b"/pyvenv.cfg"].concat();
        let is_own = !self.tree.foreign().contains(&real) && self.tree.exists(&settings);
        if crate::base::file_name(real.as_bytes()) == b"activate" && (is_own || !self.is_whole()) {
            let before = self.variable("PATH").unwrap_or("/usr/local/bin:/usr/bin:/bin").to_owned();
            let bin = String::from_utf8_lossy(&folder).into_owned();
            let prefix = String::from_utf8_lossy(&environment).into_owned();
            self.set("PATH", format!("/{bin}:{before}"));
            self.set("VIRTUAL_ENV", format!("/{prefix}"));
            return Ok(Ran::quiet(Status::Success));
        }
        let script = self.text_of(setting.world, real.as_bytes()).and_then(|text| String::from_utf8(text).ok());
        let Some(script) = script else {
            return Ok(self.unknown(setting, text, GapReason::Script, Writes::Anywhere));
        };
        match crate::dockerfile::sh::parse(&script) {
            Ok(parsed) => self.called(|stage| stage.list(setting, &parsed, must)),
            Err(_) => Ok(self.unknown(setting, text, GapReason::Grammar, Writes::Anywhere)),
        }
    }
}

/// Paths, or where there are many of them the folders that they are in.
fn folded(mut paths: Vec<ImagePath>) -> Vec<ImagePath> {
    if paths.len() > 100 {
        paths = paths.iter().map(|path| ImagePath::new(crate::base::parent(path.as_bytes()))).collect();
        paths.retain(|path| !path.is_root());
        paths.sort();
        paths.dedup();
    }
    paths
}

/// What shells do themselves, most of them, and what is a program as well.
const ALSO_PROGRAMS: [&str; 7] = ["true", "false", "echo", "printf", "test", "[", "pwd"];

/// What the shell does itself, and programs that take each word for a path, of which patterns are put in here.
const OWN: [&str; 20] = [
    "touch", "mkdir", "ln", "tee", "echo", "printf", "test", "[", "export", "readonly", "local", "declare", "typeset",
    "set", "eval", "exec", "command", "sh", "bash", "dash",
];

/// Programs that do not read their input.
const LEAVES_INPUT: [&str; 18] = [
    "echo", "printf", "true", "false", "test", "[", "pwd", "ls", "which", "sleep", "uname", "id", "whoami", "basename",
    "dirname", "pip", "pip3", "uv",
];

pub(super) fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or_default()
}

/// What a program prints, where that is known.
pub(super) fn known(said: Said) -> Ran {
    Ran { status: if said.is_some() { Status::Success } else { Status::Unknown }, said }
}
