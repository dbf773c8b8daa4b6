//! Programs that run other ones: `sudo`, `env`, `timeout`, `xargs`, … Source: the manuals of coreutils, findutils, util-linux and sudo.

use super::error::Result;
use super::run::{base_name, known};
use super::script::{Ran, Setting, Status};
use super::stage::Stage;
use super::words::Field;
use crate::command::{Command, Tool};
use crate::dockerfile::sh;
use crate::image::{DEFAULT_PATH, GapReason, Packages, Writes};

impl Stage {
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
            "env" => (&[], &[]),
            "time" => (&["-p"], &[]),
            "nice" => (&[], &["-n"]),
            "ionice" => (&[], &["-c", "-n"]),
            "nohup" | "setsid" | "busybox" | "fakeroot" => (&[], &[]),
            "stdbuf" => (&[], &["-o", "-i", "-e"]),
            "timeout" => (&["--foreground", "--preserve-status"], &["-k", "-s"]),
            "gosu" | "su-exec" | "chrt" => (&[], &[]),
            "conda" | "mamba" | "micromamba" => return self.conda_runs(setting, fields, text, must),
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
            stage.subshell(setting, must, |stage| {
                stage.shell.functions.clear();
                stage.shell.shadowed.clear();
                if matches!(name, "sudo" | "doas" | "gosu" | "su-exec") {
                    // They set variables of their own, and pass few on.
                    stage.set_unknown("HOME".to_owned());
                    if matches!(name, "sudo" | "doas") {
                        let names: Vec<String> =
                            stage.scope.variables.keys().filter(|name| *name != "PATH").cloned().collect();
                        names.into_iter().for_each(|name| stage.set_unknown(name));
                        stage.shell.all_unknown = true;
                    }
                }
                for field in &assigned {
                    let name = field.written.split('=').next().unwrap_or_default().to_owned();
                    let value = field.value.as_deref().and_then(|value| value.split_once('='));
                    stage.assign(&name, value.map(|(_, value)| value.to_owned()));
                    stage.shell.exported.insert(name);
                }
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

    /// `conda run -n NAME PROGRAM …`: the program runs with the environment's own programs before all others.
    fn conda_runs(&mut self, setting: Setting<'_>, fields: &[Field], text: &str, must: bool) -> Result<Option<Ran>> {
        let is_run = fields.get(1).is_some_and(|field| field.value.as_deref() == Some("run"));
        let Some(program) = fields[0].value.clone().filter(|_| is_run) else { return Ok(None) };
        let mut at = 2;
        while let Some(word) =
            fields.get(at).and_then(|field| field.value.as_deref()).filter(|word| word.starts_with('-'))
        {
            let takes = ["-n", "--name", "-p", "--prefix", "-r", "--root-prefix", "--cwd"].contains(&word);
            at += if takes { 2 } else { 1 };
        }
        let options: Vec<String> =
            fields[1..at.min(fields.len())].iter().filter_map(|field| field.value.clone()).collect();
        let read = Command::parse(Tool::Conda, &options);
        let (Some(prefix), Some(rest)) =
            (self.conda_prefix(&program, &read), fields.get(at..).filter(|rest| !rest.is_empty()))
        else {
            return Ok(Some(self.unknown(setting, text, GapReason::NotLookedUp(Packages::Conda), Writes::Anywhere)));
        };
        let ran = self.subshell(setting, must, |stage| {
            let before = stage.variable("PATH").unwrap_or(DEFAULT_PATH).to_owned();
            stage.set("PATH", format!("{prefix}/bin:{before}"));
            stage.set("CONDA_PREFIX", prefix.to_string());
            stage.external(setting, rest, text, must)
        })?;
        Ok(Some(ran))
    }

    fn xargs(&mut self, setting: Setting<'_>, rest: &[Field], text: &str, must: bool) -> Result<Ran> {
        let (mut at, mut zero, mut one, mut never_empty) = (0, false, false, false);
        while let Some(word) = rest.get(at).and_then(|field| field.value.as_deref()) {
            match word {
                "-r" | "--no-run-if-empty" => {
                    never_empty = true;
                    at += 1;
                }
                "-t" | "-0" | "--null" | "-r0" | "-0r" => {
                    zero |= word != "-t";
                    never_empty |= word.contains('r');
                    at += 1;
                }
                "-n1" => {
                    one = true;
                    at += 1;
                }
                "-n" if rest.get(at + 1).is_some_and(|field| field.value.as_deref() == Some("1")) => {
                    one = true;
                    at += 2;
                }
                "-P" => at += 2,
                _ if word.starts_with("-P") => at += 1,
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
            false => input.split([' ', '\t', '\n']).filter(|word| !word.is_empty()).map(Field::known).collect(),
        };
        self.shell.input = Some(String::new());
        if words.is_empty() && !never_empty {
            // Some run it once all the same.
            self.maybe(setting, |stage| stage.external(setting, command, text, false));
            return Ok(Ran::unknown());
        }
        let rounds: Vec<Vec<Field>> = match one {
            true => words.into_iter().map(|word| vec![word]).collect(),
            false => vec![words],
        };
        let mut ran = Ran::quiet(Status::Success);
        let is_sure = rounds.len() == 1 && self.surely_starts("xargs");
        for words in rounds.into_iter().filter(|words| !words.is_empty()) {
            self.shell.steps += 1;
            self.tree.work.commands(1);
            if self.shell.steps > 4_000 {
                return Ok(self.unknown(setting, text, GapReason::TooMuch, Writes::Anywhere));
            }
            let all = [command, &words[..]].concat();
            ran = ran.then(self.external(setting, &all, text, must)?);
        }
        if !is_sure {
            ran.status = Status::Unknown;
        }
        Ok(ran)
    }
}
