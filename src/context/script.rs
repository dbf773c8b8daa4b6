//! The commands of a shell, carried out in thought.
//!
//! What decides whether a command runs (`&&`, `||`, `if`, `case`, loops) is followed where it is known. Where it is not, the commands are
//! tried on a copy: what they would have changed is a gap. So nothing that may run goes without a word, and what changes nothing
//! (`|| true`, `|| echo`) makes no gap.

use super::ContextError;
use super::run::Place;
use super::stage::{Stage, World};
use crate::dockerfile::sh::{self, Direction, Item, Join, Kind, Node, Part, Pipeline, Script, Simple, Word};
use crate::image::{GapReason, Writes};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Constructs, functions and shells inside of each other that are followed.
const MAX_DEPTH: usize = 40;
/// Simple commands of one `RUN`.
const MAX_STEPS: usize = 4_000;
/// Rounds of a loop.
const MAX_ROUNDS: usize = 200;
/// Bytes of what a command prints.
pub(super) const MAX_SAID: usize = 1 << 20;

/// What a command's exit code says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Status {
    /// 0.
    #[default]
    Success,
    /// Another one.
    Failure,
    /// Either.
    Unknown,
}

impl Status {
    pub(super) fn of(holds: bool) -> Self {
        if holds { Self::Success } else { Self::Failure }
    }

    fn not(self) -> Self {
        match self {
            Self::Success => Self::Failure,
            Self::Failure => Self::Success,
            Self::Unknown => Self::Unknown,
        }
    }
}

/// What a command prints; `None` where that is not known.
pub(super) type Said = Option<String>;

/// What became of commands.
#[derive(Clone, Debug)]
pub(super) struct Ran {
    pub(super) status: Status,
    pub(super) said: Said,
}

impl Ran {
    pub(super) fn quiet(status: Status) -> Self {
        Self { status, said: Some(String::new()) }
    }

    pub(super) fn unknown() -> Self {
        Self { status: Status::Unknown, said: None }
    }

    fn then(self, next: Self) -> Self {
        let said = self.said.zip(next.said).map(|(a, b)| a + &b).filter(|said| said.len() <= MAX_SAID);
        Self { status: next.status, said }
    }
}

/// What a shell does not go on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// `exit`
    Exit(Status),
    /// `return`
    Return(Status),
    /// `break`
    Break(usize),
    /// `continue`
    Continue(usize),
}

/// A shell that runs.
#[derive(Clone, Debug)]
pub(super) struct Shell {
    /// Functions, by name.
    pub(super) functions: BTreeMap<String, Rc<Node>>,
    /// Names that mean something else: aliases, remembered paths.
    pub(super) shadowed: BTreeSet<String>,
    /// Variables that may have any value, or none.
    pub(super) unknown: BTreeSet<String>,
    /// Whether that holds for all of them.
    pub(super) all_unknown: bool,
    /// `$1` and those that follow; `None` where they are not known.
    pub(super) arguments: Option<Vec<String>>,
    /// What stands on its input; `None` where that is not known.
    pub(super) input: Said,
    /// `set -e`
    pub(super) stops: bool,
    /// `set -o pipefail`
    pub(super) pipefail: bool,
    /// What the last command said of itself.
    pub(super) last: Status,
    pub(super) leave: Option<Leave>,
    /// Whether it may have ended before the rest runs.
    pub(super) uncertain: bool,
    /// Whether it is inside of a subshell, so that `exit` does not end the build.
    pub(super) inner: bool,
    /// Whether the build goes on where it fails.
    pub(super) tolerated: bool,
    /// Whether what it prints may have nowhere to go.
    pub(super) cannot_print: bool,
    /// What runs when it ends.
    pub(super) at_exit: Option<Script>,
    pub(super) steps: usize,
    pub(super) depth: usize,
}

impl Default for Shell {
    fn default() -> Self {
        Self {
            functions: BTreeMap::new(),
            shadowed: BTreeSet::new(),
            unknown: BTreeSet::new(),
            all_unknown: false,
            arguments: Some(Vec::new()),
            input: Some(String::new()),
            stops: false,
            pipefail: false,
            last: Status::Success,
            leave: None,
            uncertain: false,
            inner: false,
            tolerated: false,
            cannot_print: false,
            at_exit: None,
            steps: 0,
            depth: 0,
        }
    }
}

/// What commands are carried out in.
#[derive(Clone, Copy)]
pub(super) struct Setting<'s> {
    pub(super) world: &'s World<'s>,
    pub(super) place: &'s Place<'s>,
}

pub(super) type Result<T> = std::result::Result<T, ContextError>;

impl Stage {
    /// A whole script, which decides whether the build goes on.
    pub(super) fn script(&mut self, setting: Setting<'_>, text: &str, must: bool) -> Result<Ran> {
        let Ok(script) = sh::parse(text) else {
            self.gap(setting.place.text, &one_line(text), GapReason::Grammar, Writes::Anywhere);
            return Ok(Ran::unknown());
        };
        let ran = self.list(setting, &script, must)?;
        self.finish_shell(setting)?;
        Ok(ran)
    }

    fn finish_shell(&mut self, setting: Setting<'_>) -> Result<()> {
        self.shell.leave = None;
        if let Some(script) = self.shell.at_exit.take() {
            self.list(setting, &script, false)?;
        }
        self.shell.leave = None;
        Ok(())
    }

    /// Commands in order. `must`: whether the build fails where the last one does.
    pub(super) fn list(&mut self, setting: Setting<'_>, script: &[Item], must: bool) -> Result<Ran> {
        let mut ran = Ran::quiet(Status::Success);
        for (number, item) in script.iter().enumerate() {
            if self.shell.leave.is_some() {
                break;
            }
            if self.shell.uncertain {
                let rest = &script[number..];
                self.maybe(setting, |stage| stage.list(setting, rest, false));
                return Ok(Ran::unknown());
            }
            let is_last = number + 1 == script.len();
            let one = self.item(setting, item, must && is_last)?;
            self.shell.last = one.status;
            // `set -e` may have ended it.
            self.shell.uncertain |= self.shell.stops && self.shell.tolerated && one.status != Status::Success;
            ran = ran.then(one);
        }
        Ok(ran)
    }

    fn item(&mut self, setting: Setting<'_>, item: &Item, must: bool) -> Result<Ran> {
        if item.background {
            return self.beside(setting, item);
        }
        if item.rest.is_empty() {
            let must = must || self.shell.stops && !self.shell.tolerated;
            return self.pipeline(setting, &item.first, must);
        }
        // Of a chain the last one alone ends the shell (`set -e`).
        let stops = std::mem::replace(&mut self.shell.stops, false);
        let out = self.chain(setting, item, must, stops);
        self.shell.stops = stops;
        out
    }

    fn chain(&mut self, setting: Setting<'_>, item: &Item, must: bool, stops: bool) -> Result<Ran> {
        let only_and = |from: usize| item.rest[from..].iter().all(|(join, _)| *join == Join::And);
        // `… || exit 1`
        let guards = !self.shell.inner;
        let is_guarded = |from: usize| {
            item.rest.get(from).is_some_and(|(join, next)| {
                guards && *join == Join::Or && ends_in_failure(next) && ends_the_shell(next)
            })
        };
        let mut ran = self.pipeline(setting, &item.first, must && only_and(0) || is_guarded(0))?;
        for (number, (join, next)) in item.rest.iter().enumerate() {
            if self.shell.leave.is_some() {
                break;
            }
            if self.shell.uncertain {
                self.maybe(setting, |stage| stage.pipeline(setting, next, false));
                ran.status = Status::Unknown;
                continue;
            }
            let after = only_and(number + 1);
            let is_last = number + 1 == item.rest.len();
            let must_next = after && must || is_last && stops && !self.shell.tolerated || is_guarded(number + 1);
            match (join, ran.status) {
                (Join::And, Status::Failure) | (Join::Or, Status::Success) => {}
                (Join::And, Status::Success) | (Join::Or, Status::Failure) => {
                    let one = self.pipeline(setting, next, must_next)?;
                    ran = ran.then(one);
                }
                // What stands before would have ended the build.
                (Join::And, Status::Unknown) if must && only_and(number) => {
                    let one = self.pipeline(setting, next, must_next)?;
                    ran = ran.then(one);
                }
                (Join::Or, Status::Unknown) if ends_in_failure(next) => {
                    if !self.shell.inner && ends_the_shell(next) {
                        ran.status = Status::Success;
                    }
                }
                (join, Status::Unknown) => {
                    self.maybe(setting, |stage| stage.pipeline(setting, next, false));
                    let succeeds = *join == Join::Or && is_success(next);
                    ran = Ran { status: if succeeds { Status::Success } else { Status::Unknown }, ..Ran::unknown() };
                }
            }
        }
        Ok(ran)
    }

    /// `… &`: what it changes is changed at some time or other.
    fn beside(&mut self, setting: Setting<'_>, item: &Item) -> Result<Ran> {
        let plain = Item { background: false, ..item.clone() };
        let trial = self.try_out(setting, |stage| stage.item(setting, &plain, false));
        self.take_trial(setting, trial, GapReason::Background);
        Ok(Ran { status: Status::Success, ..Ran::unknown() })
    }

    pub(super) fn pipeline(&mut self, setting: Setting<'_>, pipeline: &Pipeline, must: bool) -> Result<Ran> {
        let must = must && !pipeline.negated;
        let mut ran = match pipeline.commands.as_slice() {
            [only] => self.node(setting, only, must)?,
            all => self.piped(setting, all, must)?,
        };
        if pipeline.negated {
            ran.status = ran.status.not();
        }
        Ok(ran)
    }

    fn piped(&mut self, setting: Setting<'_>, commands: &[Node], must: bool) -> Result<Ran> {
        let input = self.shell.input.clone();
        let mut ran = Ran::quiet(Status::Success);
        let mut worst = Status::Success;
        for (number, command) in commands.iter().enumerate() {
            if number > 0 {
                self.shell.input = ran.said.take();
            }
            let must = must && (number + 1 == commands.len() || self.shell.pipefail);
            ran = self.subshell(must, |stage| stage.node(setting, command, must))?;
            // Nobody may read what it prints.
            let is_open = number + 1 < commands.len() && ran.said.as_deref() != Some("") && !must;
            if is_open && ran.status == Status::Success {
                ran.status = Status::Unknown;
            }
            worst = match (worst, ran.status) {
                (Status::Success, status) => status,
                (Status::Unknown, Status::Failure) => Status::Failure,
                (worst, _) => worst,
            };
        }
        self.shell.input = input;
        if self.shell.pipefail {
            ran.status = worst;
        }
        Ok(ran)
    }

    /// Runs something whose variables, folder and functions are its own.
    /// `must`: whether the build fails where it does.
    pub(super) fn subshell(&mut self, must: bool, run: impl FnOnce(&mut Self) -> Result<Ran>) -> Result<Ran> {
        let (shell, scope) = (self.shell.clone(), self.scope.clone());
        (self.shell.inner, self.shell.at_exit) = (true, None);
        self.shell.tolerated |= !must;
        let ran = run(self);
        let (steps, leave) = (self.shell.steps, self.shell.leave);
        let uncertain = self.shell.uncertain && !shell.uncertain;
        self.shell = Shell { steps, ..shell };
        self.scope = scope;
        let mut ran = ran?;
        if let Some(Leave::Exit(status) | Leave::Return(status)) = leave {
            ran.status = status;
        }
        if uncertain {
            ran.status = Status::Unknown;
        }
        Ok(ran)
    }

    pub(super) fn node(&mut self, setting: Setting<'_>, node: &Node, must: bool) -> Result<Ran> {
        if self.shell.depth >= MAX_DEPTH || self.shell.steps >= MAX_STEPS {
            self.gap(setting.place.text, &shown(node), GapReason::TooMuch, Writes::Anywhere);
            self.shell.all_unknown = true;
            return Ok(Ran::unknown());
        }
        self.shell.depth += 1;
        let ran = self.redirected(setting, node, must);
        self.shell.depth -= 1;
        ran
    }

    pub(super) fn compound(&mut self, setting: Setting<'_>, node: &Node, must: bool) -> Result<Ran> {
        match &node.kind {
            Kind::Simple(simple) => self.simple(setting, simple, must),
            Kind::Group(script) => self.list(setting, script, must),
            Kind::Subshell(script) => self.subshell(must, |stage| stage.list(setting, script, must)),
            Kind::If { arms, otherwise } => self.choice(setting, arms, otherwise.as_ref(), must),
            Kind::For { name, words, body } => self.each(setting, name, words.as_deref(), body),
            Kind::While { until, condition, body } => self.while_(setting, *until, condition, body),
            Kind::Case { subject, arms } => {
                let value = self.text(setting, subject)?;
                self.case(setting, value.as_deref(), arms, must)
            }
            Kind::Test(words) => {
                let mut all = Vec::new();
                for word in words {
                    all.push(self.text(setting, word)?);
                }
                Ok(Ran::quiet(self.test(&all)))
            }
            Kind::Arithmetic(word) => {
                self.text(setting, word)?;
                let names = word.text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
                let names: Vec<String> = names.filter(|name| sh::is_name(name)).map(str::to_owned).collect();
                names.into_iter().for_each(|name| self.set_unknown(name));
                Ok(Ran::quiet(Status::Unknown))
            }
            Kind::Function { name, body } => {
                self.shell.functions.insert(name.clone(), body.clone());
                Ok(Ran::quiet(Status::Success))
            }
        }
    }

    /// A condition: that it fails ends nothing.
    fn condition(&mut self, setting: Setting<'_>, script: &Script) -> Result<Ran> {
        let stops = std::mem::replace(&mut self.shell.stops, false);
        let ran = self.list(setting, script, false);
        self.shell.stops = stops;
        ran
    }

    fn choice(
        &mut self,
        setting: Setting<'_>,
        arms: &[(Script, Script)],
        otherwise: Option<&Script>,
        must: bool,
    ) -> Result<Ran> {
        for (number, (condition, body)) in arms.iter().enumerate() {
            let ran = self.condition(setting, condition)?;
            if self.shell.leave.is_some() {
                return Ok(ran);
            }
            let status = if self.shell.uncertain { Status::Unknown } else { ran.status };
            match status {
                Status::Success => return self.list(setting, body, must),
                Status::Failure => {}
                Status::Unknown => {
                    let first = self.try_out(setting, |stage| stage.list(setting, body, false));
                    self.maybe(setting, |stage| stage.choice(setting, &arms[number + 1..], otherwise, false));
                    self.take_trial(setting, first, GapReason::Maybe);
                    return Ok(Ran::unknown());
                }
            }
        }
        match otherwise {
            Some(script) => self.list(setting, script, must),
            None => Ok(Ran::quiet(Status::Success)),
        }
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
        let mut ran = Ran::quiet(Status::Success);
        for (round, value) in values.into_iter().enumerate() {
            if round >= MAX_ROUNDS {
                self.gap(setting.place.text, &format!("for {name}"), GapReason::TooMuch, Writes::Anywhere);
                self.shell.all_unknown = true;
                return Ok(Ran::unknown());
            }
            self.set(name, value);
            let one = self.list(setting, body, false)?;
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
            let held = self.condition(setting, condition)?;
            if self.shell.leave.is_some() {
                break;
            }
            let status = if self.shell.uncertain { Status::Unknown } else { held.status };
            match if until { status.not() } else { status } {
                Status::Failure => return Ok(ran),
                Status::Success => ran = ran.then(self.list(setting, body, false)?),
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
        if self.shell.leave.is_none() {
            self.gap(setting.place.text, "a loop", GapReason::TooMuch, Writes::Anywhere);
            self.shell.all_unknown = true;
        }
        Ok(Ran::unknown())
    }

    /// What may run any number of times: what it changes has no known value from its first round on.
    fn some_rounds(&mut self, setting: Setting<'_>, round: impl Fn(&mut Self) -> Result<Ran>) -> Result<Ran> {
        if let Some((first, _)) = self.try_out(setting, &round) {
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
                    (_, Some(value), Some(pattern)) if super::words::matches(&pattern, value) => Status::Success,
                    (fits, Some(_), Some(_)) => fits,
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

    /// Tries what may run or not: what it would change is a gap, and its variables have no known value any more.
    pub(super) fn maybe(&mut self, setting: Setting<'_>, run: impl FnOnce(&mut Self) -> Result<Ran>) {
        let trial = self.try_out(setting, run);
        self.take_trial(setting, trial, GapReason::Maybe);
    }

    /// Runs something on a copy. With it, whether the build would have failed; `None` where too much was tried already.
    pub(super) fn try_out(
        &self,
        setting: Setting<'_>,
        run: impl FnOnce(&mut Self) -> Result<Ran>,
    ) -> Option<(Self, bool)> {
        if !setting.world.may_try() {
            return None;
        }
        let mut trial = self.clone();
        trial.shell.uncertain = false;
        trial.gaps.clear();
        trial.old_gaps = 0;
        trial.tried = None;
        trial.tree.watch();
        let failed = run(&mut trial).is_err();
        Some((trial, failed))
    }

    pub(super) fn take_trial(&mut self, setting: Setting<'_>, trial: Option<(Self, bool)>, why: GapReason) {
        let Some((mut trial, failed)) = trial else {
            self.gap(setting.place.text, "a condition", GapReason::TooMuch, Writes::Anywhere);
            self.shell.all_unknown = true;
            return;
        };
        // The build would have ended there.
        if trial.shell.leave == Some(Leave::Exit(Status::Failure)) && !self.shell.inner {
            return;
        }
        let mut writes = Writes::Within(trial.tree.watched());
        for gap in std::mem::take(&mut trial.gaps) {
            self.take_gap(gap);
        }
        if failed {
            writes = Writes::Anywhere;
        }
        if writes != Writes::nothing() {
            let command = trial.tried.clone().unwrap_or_else(|| "a condition".to_owned());
            self.gap(setting.place.text, &command, why, writes);
        }
        self.take_variables(&trial);
        self.shell.uncertain |= trial.shell.leave.is_some() || trial.shell.uncertain;
    }

    /// What differs in a trial is not known here.
    fn take_variables(&mut self, trial: &Self) {
        self.shell.steps = self.shell.steps.max(trial.shell.steps);
        let (own, other) = (&self.scope.variables, &trial.scope.variables);
        let names = own.keys().chain(other.keys()).filter(|name| own.get(*name) != other.get(*name));
        let names: Vec<String> = names.chain(&trial.shell.unknown).cloned().collect();
        names.into_iter().for_each(|name| self.set_unknown(name));
        self.shell.all_unknown |= trial.shell.all_unknown;
        if self.scope.directory != trial.scope.directory {
            self.scope.directory = None;
        }
        let changed = trial.shell.functions.iter().filter(|(name, body)| self.shell.functions.get(*name) != Some(body));
        let changed: Vec<String> = changed.map(|(name, _)| name.clone()).collect();
        self.shell.shadowed.extend(changed);
        self.shell.shadowed.extend(trial.shell.shadowed.iter().cloned());
        if self.shell.arguments != trial.shell.arguments {
            self.shell.arguments = None;
        }
        self.shell.stops &= trial.shell.stops;
    }

    pub(super) fn set(&mut self, name: &str, value: String) {
        self.unset(name);
        self.scope.variables.insert(name.to_owned(), value);
    }

    pub(super) fn set_unknown(&mut self, name: String) {
        self.scope.variables.remove(&name);
        self.shell.unknown.insert(name);
    }

    pub(super) fn unset(&mut self, name: &str) {
        self.shell.unknown.remove(name);
        self.scope.unknown.remove(name);
        self.scope.variables.remove(name);
    }

    /// The value of a variable.
    pub(super) fn value_of(&self, name: &str) -> Value {
        if let Some(position) = name.parse::<usize>().ok().filter(|position| *position > 0) {
            let Some(arguments) = &self.shell.arguments else { return Value::Unknown };
            return arguments.get(position - 1).map_or(Value::Unset, |value| Value::Set(value.clone()));
        }
        match name {
            "@" | "*" => match &self.shell.arguments {
                Some(arguments) if arguments.is_empty() => return Value::Unset,
                Some(arguments) => return Value::Set(arguments.join(" ")),
                None => return Value::Unknown,
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
}

/// Variables that a shell, an engine or a builder sets by itself.
const IMPLICIT: [&str; 24] = [
    "HOSTNAME",
    "OLDPWD",
    "PATH",
    "SHLVL",
    "_",
    "PPID",
    "OPTIND",
    "OPTARG",
    "RANDOM",
    "SRANDOM",
    "UID",
    "EUID",
    "SECONDS",
    "LINENO",
    "EPOCHSECONDS",
    "HOSTTYPE",
    "MACHTYPE",
    "OSTYPE",
    "SHELLOPTS",
    "TERM",
    "SHELL",
    "USER",
    "LOGNAME",
    "SOURCE_DATE_EPOCH",
];

/// What is known of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Set(String),
    Unset,
    Unknown,
}

/// A text in one line.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What to call a node.
pub(super) fn shown(node: &Node) -> String {
    match &node.kind {
        Kind::Simple(simple) => simple.text.clone(),
        Kind::Function { name, .. } => format!("{name}()"),
        _ => "a compound command".to_owned(),
    }
}

/// The words of a plain command.
fn plain_words(simple: &Simple) -> Option<Vec<&str>> {
    let mut out = Vec::new();
    for word in &simple.words {
        let [Part::Text { text, .. }] = word.parts.as_slice() else { return None };
        out.push(text.as_str());
    }
    Some(out)
}

fn single(pipeline: &Pipeline) -> Option<&Node> {
    match pipeline.commands.as_slice() {
        [only] if !pipeline.negated => Some(only),
        _ => None,
    }
}

fn is_words(pipeline: &Pipeline, test: impl Fn(&[&str]) -> bool) -> bool {
    let Some(Node { kind: Kind::Simple(simple), redirects }) = single(pipeline) else { return false };
    let only_messages = redirects.iter().all(|redirect| match redirect.direction {
        Direction::Duplicate => matches!(redirect.target.text.as_str(), "1" | "2"),
        _ => redirect.target.text == "/dev/null",
    });
    only_messages && simple.assigned.is_empty() && plain_words(simple).is_some_and(|words| test(&words))
}

fn is_success(pipeline: &Pipeline) -> bool {
    is_words(pipeline, |words| match words {
        ["true" | ":" | "echo", ..] => true,
        ["printf", format, ..] => !format.replace("\\n", "").contains(['%', '\\']) && !format.starts_with('-'),
        _ => false,
    })
}

/// `exit 1`, `false`, `{ echo …; exit 1; }`
fn ends_in_failure(pipeline: &Pipeline) -> bool {
    let fails = |words: &[&str]| matches!(words, ["false"] | ["exit" | "return", "1" | "2" | "3" | "127" | "255"]);
    ends_in(pipeline, &fails)
}

fn ends_the_shell(pipeline: &Pipeline) -> bool {
    ends_in(pipeline, &|words| matches!(words, ["exit", ..]))
}

fn ends_in(pipeline: &Pipeline, test: &dyn Fn(&[&str]) -> bool) -> bool {
    if is_words(pipeline, test) {
        return true;
    }
    let Some(Node { kind: Kind::Group(script), redirects }) = single(pipeline) else { return false };
    let Some((last, before)) = script.split_last().filter(|_| redirects.is_empty()) else { return false };
    let is_plain = |item: &Item| item.rest.is_empty() && !item.background;
    before.iter().all(|item| is_plain(item) && is_success(&item.first)) && is_plain(last) && ends_in(&last.first, test)
}
