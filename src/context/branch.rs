//! Compound commands: what is chosen, and what runs again.
//!
//! Source: POSIX.1-2017, Shell Command Language, 2.9.4.

use super::error::Result;
use super::script::{Leave, MAX_ROUNDS, Ran, Setting, Status};
use super::stage::Stage;
use super::values::{Dialect, SPECIAL};
use crate::dockerfile::sh::{self, Kind, Node, Script, Word};
use crate::image::{GapReason, Writes};

impl Stage {
    pub(super) fn compound(&mut self, setting: Setting<'_>, node: &Node, must: bool) -> Result<Ran> {
        match &node.kind {
            Kind::Simple(simple) => self.simple(setting, simple, must),
            Kind::Group(script) => self.list(setting, script, must),
            Kind::Subshell(script) => self.subshell(setting, must, |stage| stage.list(setting, script, must)),
            Kind::If { arms, otherwise } => self.choice(setting, arms, otherwise.as_ref(), must),
            Kind::For { name, words, body } => self.each(setting, name, words.as_deref(), body),
            Kind::While { until, condition, body } => self.while_(setting, *until, condition, body),
            Kind::Case { subject, arms } => {
                let value = self.text(setting, subject)?;
                if self.shell.leave.is_some() {
                    return Ok(Ran::quiet(Status::Failure));
                }
                self.case(setting, value.as_deref(), arms, must)
            }
            Kind::Test(words) => {
                let status = self.double_test(setting, words)?;
                // Another shell takes it for a program of this name, or for something else.
                if self.shell.dialect != Dialect::Bash {
                    if words.iter().any(|word| ["&&", "||", "(", ")", "<", ">"].contains(&word.text.as_str())) {
                        return Ok(self.unknown(setting, "[[", GapReason::Grammar, Writes::Anywhere));
                    }
                    return Ok(Ran::quiet(Status::Unknown));
                }
                Ok(Ran::quiet(status))
            }
            Kind::Arithmetic(word) => {
                // It may be two subshells.
                let is_sum = |c: char| c.is_ascii_alphanumeric() || "_ +-*/%<>=!${}".contains(c);
                if self.shell.dialect != Dialect::Bash || !word.text.chars().all(is_sum) {
                    return Ok(self.unknown(setting, "((", GapReason::Grammar, Writes::Anywhere));
                }
                self.text(setting, word)?;
                let names = word.text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
                let names: Vec<String> = names.filter(|name| sh::is_name(name)).map(str::to_owned).collect();
                names.into_iter().for_each(|name| self.set_unknown(name));
                self.may_end();
                Ok(Ran::quiet(Status::Unknown))
            }
            Kind::Function { name, body } => {
                if SPECIAL.contains(&name.as_str()) || !sh::is_name(name) || self.shell.readonly.contains(name) {
                    // Not every shell takes such a name.
                    self.may_end();
                    self.shell.shadowed.insert(name.clone());
                }
                self.shell.functions.insert(name.clone(), body.clone());
                Ok(Ran::quiet(Status::Success))
            }
        }
    }

    /// A condition: that it fails ends nothing.
    fn condition(&mut self, setting: Setting<'_>, script: &Script) -> Result<Ran> {
        let exempt = std::mem::replace(&mut self.shell.exempt, true);
        let ran = self.list(setting, script, false);
        self.shell.exempt = exempt;
        ran
    }

    fn choice(
        &mut self,
        setting: Setting<'_>,
        arms: &[(Script, Script)],
        otherwise: Option<&Script>,
        must: bool,
    ) -> Result<Ran> {
        let mut before = Ran::quiet(Status::Success);
        for (number, (condition, body)) in arms.iter().enumerate() {
            let ran = self.condition(setting, condition)?;
            before = before.then(ran);
            if self.shell.leave.is_some() {
                return Ok(before);
            }
            match if self.shell.uncertain { Status::Unknown } else { before.status } {
                Status::Success => return Ok(before.then(self.list(setting, body, must)?)),
                Status::Failure => {}
                Status::Unknown => {
                    let first = self.try_out(setting, |stage| stage.list(setting, body, false));
                    self.maybe(setting, |stage| stage.choice(setting, &arms[number + 1..], otherwise, false));
                    self.take_trial(setting, first, GapReason::Maybe);
                    return Ok(Ran::unknown());
                }
            }
        }
        Ok(match otherwise {
            Some(script) => before.then(self.list(setting, script, must)?),
            None => before.then(Ran::quiet(Status::Success)),
        })
    }

    fn each(&mut self, setting: Setting<'_>, name: &str, words: Option<&[Word]>, body: &Script) -> Result<Ran> {
        let mut values = Some(Vec::new());
        match words {
            None => values = self.shell.arguments.clone(),
            Some(words) => {
                for word in words {
                    for field in self.fields(setting, word)? {
                        let named = self.path_names(&field);
                        values = values.zip(named).map(|(mut all, named)| {
                            all.extend(named);
                            all
                        });
                    }
                }
            }
        }
        let Some(values) = values else {
            self.set_unknown(name.to_owned());
            return self.some_rounds(setting, |stage| stage.list(setting, body, false));
        };
        if self.shell.leave.is_some() {
            return Ok(Ran::quiet(Status::Failure));
        }
        let mut ran = Ran::quiet(Status::Success);
        for (round, value) in values.into_iter().enumerate() {
            if round >= MAX_ROUNDS {
                self.gap(setting.place.text, &format!("for {name}"), GapReason::TooMuch, Writes::Anywhere);
                self.shell.all_unknown = true;
                return Ok(Ran::unknown());
            }
            self.set(name, value);
            let one = self.round(|stage| stage.list(setting, body, false))?;
            ran = ran.then(one);
            if self.leaves_loop() {
                break;
            }
        }
        Ok(ran)
    }

    fn while_(&mut self, setting: Setting<'_>, until: bool, condition: &Script, body: &Script) -> Result<Ran> {
        let mut ran = Ran::quiet(Status::Success);
        for _ in 0..MAX_ROUNDS {
            let held = self.round(|stage| stage.condition(setting, condition))?;
            let status = if self.shell.uncertain { Status::Unknown } else { held.status };
            ran = Ran { status: ran.status, ..ran.then(held) };
            if self.leaves_loop() {
                return Ok(Ran { status: Status::Unknown, ..ran });
            }
            match if until { status.not() } else { status } {
                Status::Failure => return Ok(ran),
                Status::Success => ran = ran.then(self.round(|stage| stage.list(setting, body, false))?),
                Status::Unknown => {
                    return self.some_rounds(setting, |stage| {
                        stage.list(setting, body, false)?;
                        stage.condition(setting, condition)
                    });
                }
            }
            if self.leaves_loop() {
                return Ok(ran);
            }
        }
        self.gap(setting.place.text, "a loop", GapReason::TooMuch, Writes::Anywhere);
        self.shell.all_unknown = true;
        Ok(Ran::unknown())
    }

    fn round(&mut self, run: impl FnOnce(&mut Self) -> Result<Ran>) -> Result<Ran> {
        self.shell.loops += 1;
        let ran = run(self);
        self.shell.loops -= 1;
        ran
    }

    /// What may run any number of times: what it changes has no known value from its first round on.
    fn some_rounds(&mut self, setting: Setting<'_>, round: impl Fn(&mut Self) -> Result<Ran>) -> Result<Ran> {
        let round = |stage: &mut Self| {
            let ran = stage.round(&round);
            stage.leaves_loop();
            ran
        };
        if let Some((first, _)) = self.try_out(setting, round) {
            self.take_variables(&first);
        }
        self.maybe(setting, round);
        Ok(Ran::unknown())
    }

    /// Whether a round was the last one.
    fn leaves_loop(&mut self) -> bool {
        match self.shell.leave {
            Some(Leave::Break(count)) => {
                self.shell.leave = (count > 1).then(|| Leave::Break(count - 1));
                true
            }
            Some(Leave::Continue(1)) => {
                self.shell.leave = None;
                false
            }
            Some(Leave::Continue(count)) => {
                self.shell.leave = Some(Leave::Continue(count - 1));
                true
            }
            Some(_) => true,
            None => false,
        }
    }

    fn case(
        &mut self,
        setting: Setting<'_>,
        value: Option<&str>,
        arms: &[(Vec<Word>, Script)],
        must: bool,
    ) -> Result<Ran> {
        for (number, (patterns, body)) in arms.iter().enumerate() {
            let mut fits = Status::Failure;
            for pattern in patterns {
                let pattern = self.pattern(setting, pattern)?;
                fits = match (fits, value, pattern) {
                    (Status::Success, ..) => Status::Success,
                    (_, _, Some(pattern)) if pattern == "*" => Status::Success,
                    (_, Some(value), Some(pattern)) if self.tree.work.matches(&pattern, value) == Some(true) => {
                        Status::Success
                    }
                    (fits, Some(value), Some(pattern)) if self.tree.work.matches(&pattern, value).is_some() => fits,
                    _ => Status::Unknown,
                };
            }
            match fits {
                Status::Success => return self.list(setting, body, must),
                Status::Failure => {}
                Status::Unknown => {
                    let first = self.try_out(setting, |stage| stage.list(setting, body, false));
                    self.maybe(setting, |stage| stage.case(setting, value, &arms[number + 1..], false));
                    self.take_trial(setting, first, GapReason::Maybe);
                    return Ok(Ran::unknown());
                }
            }
        }
        Ok(Ran::quiet(Status::Success))
    }
}
