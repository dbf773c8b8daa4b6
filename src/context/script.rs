//! The commands of a shell, carried out in thought.
//!
//! What decides whether a command runs (`&&`, `||`, `if`, `case`, loops) is followed where it is known. Where it is not, the commands are
//! tried on a copy: what they would have changed is a gap. So nothing that may run goes without a word, and what changes nothing
//! (`|| true`, `|| echo`) makes no gap.

use super::error::Result;
use super::run::Place;
use super::stage::{Stage, World};
use super::values::{Dialect, Kept};
use crate::dockerfile::sh::{self, Direction, Item, Join, Kind, Node, Part, Pipeline, Script, Simple};
use crate::image::{GapReason, Writes};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Constructs, functions and shells inside of each other that are followed.
const MAX_DEPTH: usize = 40;
/// Simple commands of one `RUN`.
const MAX_STEPS: usize = 4_000;
/// Rounds of a loop.
pub(super) const MAX_ROUNDS: usize = 200;
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

    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Failure, _) | (_, Self::Failure) => Self::Failure,
            (Self::Success, Self::Success) => Self::Success,
            _ => Self::Unknown,
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    pub(super) fn not(self) -> Self {
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

    pub(super) fn then(self, next: Self) -> Self {
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
    /// Whose rules it follows.
    pub(super) dialect: Dialect,
    /// `set -e`; `None` where that is not known, as for those that follow.
    pub(super) stops: Option<bool>,
    /// `set -u`
    pub(super) nounset: Option<bool>,
    /// `set -o pipefail`
    pub(super) pipefail: Option<bool>,
    /// Whether it is in a condition, where `set -e` ends nothing.
    pub(super) exempt: bool,
    /// `for` and `while` around what runs, of this function and subshell.
    pub(super) loops: usize,
    /// Whether there are more of them outside of that.
    pub(super) outer_loops: bool,
    /// Whether there is a function or a sourced file to return from.
    pub(super) may_return: bool,
    /// `set -a`
    pub(super) exports_all: bool,
    /// Variables that its children see.
    pub(super) exported: BTreeSet<String>,
    /// Those of which that is not known.
    pub(super) maybe_exported: BTreeSet<String>,
    /// Variables that nothing changes any more.
    pub(super) readonly: BTreeSet<String>,
    /// What `local` put aside, for each function that runs.
    pub(super) locals: Vec<BTreeMap<String, Kept>>,
    /// What the last command said of itself.
    pub(super) last: Status,
    pub(super) leave: Option<Leave>,
    /// Whether it may have ended before the rest runs.
    pub(super) uncertain: bool,
    /// Whether the build goes on where it fails.
    pub(super) tolerated: bool,
    /// Whether what it prints may have nowhere to go.
    pub(super) cannot_print: bool,
    /// Whether its script has several lines.
    pub(super) has_lines: bool,
    /// What runs when it ends.
    pub(super) at_exit: AtExit,
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
            dialect: Dialect::Dash,
            stops: Some(false),
            nounset: Some(false),
            pipefail: Some(false),
            exempt: false,
            loops: 0,
            outer_loops: false,
            may_return: false,
            exports_all: false,
            exported: BTreeSet::new(),
            maybe_exported: BTreeSet::new(),
            readonly: BTreeSet::new(),
            locals: Vec::new(),
            last: Status::Success,
            leave: None,
            uncertain: false,
            tolerated: false,
            cannot_print: false,
            has_lines: false,
            at_exit: AtExit::default(),
            steps: 0,
            depth: 0,
        }
    }
}

/// Scripts of `trap`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct AtExit {
    pub(super) scripts: Vec<Script>,
    /// Whether it is not known that each of them runs.
    pub(super) doubtful: bool,
}

/// What commands are carried out in.
#[derive(Clone, Copy)]
pub(super) struct Setting<'s> {
    pub(super) world: &'s World<'s>,
    pub(super) place: &'s Place<'s>,
}

impl Stage {
    /// A whole script, which decides whether the build goes on.
    pub(super) fn script(&mut self, setting: Setting<'_>, text: &str, must: bool) -> Result<Ran> {
        let Ok(script) = sh::parse(text) else {
            self.gap(setting.place.text, &one_line(text), GapReason::Grammar, Writes::Anywhere);
            return Ok(Ran::unknown());
        };
        self.shell.has_lines = text.trim_end().contains('\n');
        let mut ran = self.list(setting, &script, must)?;
        if let Some(Leave::Exit(status)) = self.shell.leave {
            ran.status = status;
        }
        self.finish_shell(setting, ran)
    }

    /// The end of a shell: what `trap` asked for runs.
    fn finish_shell(&mut self, setting: Setting<'_>, ran: Ran) -> Result<Ran> {
        self.shell.leave = None;
        let AtExit { scripts, doubtful } = std::mem::take(&mut self.shell.at_exit);
        if scripts.is_empty() {
            return Ok(ran);
        }
        match scripts.as_slice() {
            [only] if !doubtful => _ = self.list(setting, only, false)?,
            all => all.iter().for_each(|script| self.maybe(setting, |stage| stage.list(setting, script, false))),
        }
        self.shell.leave = None;
        Ok(Ran::unknown())
    }

    /// The shell may end here, with a failure.
    pub(super) fn may_end(&mut self) {
        self.shell.uncertain |= self.shell.tolerated;
    }

    /// Something in a word may be an error: dash ends there, and bash goes on with the next line.
    pub(super) fn may_skip(&mut self) {
        self.shell.uncertain |= self.shell.has_lines && self.shell.dialect != Dialect::Dash;
        self.may_end();
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
            ran = ran.then(one);
        }
        Ok(ran)
    }

    fn item(&mut self, setting: Setting<'_>, item: &Item, must: bool) -> Result<Ran> {
        let must = must && !self.shell.tolerated;
        if item.background {
            return self.beside(setting, item);
        }
        if item.rest.is_empty() {
            let must = must || self.shell.stops == Some(true) && !self.shell.exempt && !self.shell.tolerated;
            let ran = self.pipeline(setting, &item.first, must)?;
            self.stop_at(&item.first, ran.status);
            return Ok(ran);
        }
        // Of a chain the last one alone ends the shell (`set -e`).
        let exempt = std::mem::replace(&mut self.shell.exempt, true);
        let out = self.chain(setting, item, must, exempt);
        self.shell.exempt = exempt;
        out
    }

    /// `set -e`
    fn stop_at(&mut self, pipeline: &Pipeline, status: Status) {
        let ends = !self.shell.exempt && self.shell.tolerated && self.shell.stops != Some(false) && !pipeline.negated;
        if !ends || status == Status::Success || self.shell.leave.is_some() {
            return;
        }
        let is_simple = single(pipeline).is_none_or(|node| node.redirects.is_empty());
        let ends = match single(pipeline) {
            Some(node) => {
                matches!(node.kind, Kind::Simple(_) | Kind::Subshell(_) | Kind::Test(_) | Kind::Arithmetic(_))
                    || !node.redirects.is_empty()
            }
            None => true,
        };
        match (self.shell.stops, status) {
            _ if !ends => {}
            (Some(true), Status::Failure) if is_simple => self.shell.leave = Some(Leave::Exit(Status::Failure)),
            _ => self.shell.uncertain = true,
        }
    }

    fn chain(&mut self, setting: Setting<'_>, item: &Item, must: bool, exempt: bool) -> Result<Ran> {
        let only_and = |from: usize| item.rest[from..].iter().all(|(join, _)| *join == Join::And);
        let stops = self.shell.stops == Some(true) && !exempt && !self.shell.tolerated;
        // `… || exit 1`
        let is_guarded = |stage: &Self, from: usize| {
            item.rest.get(from).is_some_and(|(join, next)| *join == Join::Or && stage.fails_the_build(next))
        };
        let must_first = must && only_and(0) || is_guarded(self, 0);
        let mut ran = self.pipeline(setting, &item.first, must_first)?;
        for (number, (join, next)) in item.rest.iter().enumerate() {
            if self.shell.leave.is_some() {
                break;
            }
            if self.shell.uncertain {
                self.maybe(setting, |stage| stage.pipeline(setting, next, false));
                ran = Ran::unknown();
                continue;
            }
            let after = only_and(number + 1);
            let is_last = number + 1 == item.rest.len();
            let must_next = after && must || is_last && stops || is_guarded(self, number + 1);
            match (join, ran.status) {
                (Join::And, Status::Failure) | (Join::Or, Status::Success) => continue,
                (Join::And, Status::Success) | (Join::Or, Status::Failure) => {}
                // What stands before would have ended the build.
                (Join::And, Status::Unknown) if must && only_and(number) => {}
                (Join::Or, Status::Unknown) if self.fails_the_build(next) => {
                    ran.status = Status::Success;
                    continue;
                }
                (join, Status::Unknown) => {
                    self.maybe(setting, |stage| stage.pipeline(setting, next, false));
                    let succeeds = *join == Join::Or && self.is_success(next);
                    ran = Ran { status: if succeeds { Status::Success } else { Status::Unknown }, ..Ran::unknown() };
                    self.shell.last = ran.status;
                    continue;
                }
            }
            self.shell.exempt = exempt || !is_last;
            let one = self.pipeline(setting, next, must_next)?;
            if is_last {
                self.stop_at(next, one.status);
            }
            self.shell.exempt = true;
            ran = ran.then(one);
        }
        Ok(ran)
    }

    /// `exit 1`, `{ echo …; exit 1; }`, where that ends the build.
    fn fails_the_build(&self, pipeline: &Pipeline) -> bool {
        let fails = |words: &[&str]| matches!(words, ["exit", "1" | "2" | "3" | "127" | "255"]);
        !self.shell.tolerated && self.ends_in(pipeline, &fails)
    }

    /// `true`, `echo …`
    fn is_success(&self, pipeline: &Pipeline) -> bool {
        is_words(pipeline, |words| {
            let is_own = |name: &str| !self.shell.functions.contains_key(name) && !self.shell.shadowed.contains(name);
            match words {
                [name @ ("true" | ":"), ..] => is_own(name),
                ["echo", ..] => is_own("echo") && !self.shell.cannot_print,
                ["printf", format, ..] => {
                    let is_plain = !format.replace("\\n", "").contains(['%', '\\']) && !format.starts_with('-');
                    is_plain && is_own("printf") && !self.shell.cannot_print
                }
                _ => false,
            }
        })
    }

    fn ends_in(&self, pipeline: &Pipeline, test: &dyn Fn(&[&str]) -> bool) -> bool {
        if self.shell.functions.contains_key("exit") || self.shell.shadowed.contains("exit") {
            return false;
        }
        if is_words(pipeline, test) {
            return true;
        }
        let Some(Node { kind: Kind::Group(script), redirects }) = single(pipeline) else { return false };
        let Some((last, before)) = script.split_last().filter(|_| redirects.is_empty()) else { return false };
        let is_plain = |item: &Item| item.rest.is_empty() && !item.background;
        before.iter().all(|item| is_plain(item) && self.is_success(&item.first))
            && is_plain(last)
            && self.ends_in(&last.first, test)
    }

    /// `… &`: what it changes is changed at some time or other.
    fn beside(&mut self, setting: Setting<'_>, item: &Item) -> Result<Ran> {
        let plain = Item { background: false, ..item.clone() };
        let trial =
            self.try_out(setting, |stage| stage.subshell(setting, false, |stage| stage.item(setting, &plain, false)));
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
        self.shell.last = ran.status;
        Ok(ran)
    }

    fn piped(&mut self, setting: Setting<'_>, commands: &[Node], must: bool) -> Result<Ran> {
        let mut input = None;
        let mut ran = Ran::quiet(Status::Success);
        let mut worst = Status::Success;
        for (number, command) in commands.iter().enumerate() {
            if number > 0 {
                let rest = std::mem::replace(&mut self.shell.input, ran.said.take());
                input.get_or_insert(rest);
            }
            let must = must && (number + 1 == commands.len() || self.shell.pipefail == Some(true));
            ran = self.subshell(setting, must, |stage| stage.node(setting, command, must))?;
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
        self.shell.input = input.unwrap_or_default();
        match self.shell.pipefail {
            Some(true) => ran.status = worst,
            None if worst != ran.status => ran.status = Status::Unknown,
            _ => {}
        }
        Ok(ran)
    }

    /// Runs something whose variables, folder and functions are its own. `must`: whether the build fails where it does.
    pub(super) fn subshell(
        &mut self,
        setting: Setting<'_>,
        must: bool,
        run: impl FnOnce(&mut Self) -> Result<Ran>,
    ) -> Result<Ran> {
        self.tree.work.bytes(self.scope.variables.values().map(String::len).sum::<usize>() / 8);
        let (shell, scope) = (self.shell.clone(), self.scope.clone());
        self.shell.tolerated |= !must;
        self.shell.at_exit = AtExit::default();
        self.shell.outer_loops |= self.shell.loops > 0;
        self.shell.loops = 0;
        let ran = run(self).and_then(|mut ran| {
            if let Some(Leave::Exit(status) | Leave::Return(status)) = self.shell.leave {
                ran.status = status;
            }
            // bash forgets them at the end of some pipelines.
            self.shell.at_exit.doubtful |= self.shell.dialect != Dialect::Dash;
            self.finish_shell(setting, ran)
        });
        let uncertain = self.shell.uncertain && !shell.uncertain;
        let (steps, input) = (self.shell.steps, self.shell.input.take());
        self.shell = Shell { steps, input, ..shell };
        self.scope = scope;
        let ran = ran?;
        Ok(if uncertain { Ran::unknown() } else { ran })
    }

    pub(super) fn node(&mut self, setting: Setting<'_>, node: &Node, must: bool) -> Result<Ran> {
        if self.tree.work.is_spent() {
            self.shell.all_unknown = true;
            return Ok(Ran::unknown());
        }
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
