//! What pip and uv install: where the plan changes it, one install of the plan's own list takes the place of all.

use super::draft::{Draft, Why};
use super::pip::{self, Action, Argument, Pip, What};
use super::reach::Reach;
use super::{EditOptions, is_about_distributions};
use crate::base::listed;
use crate::command::Means;
use crate::dockerfile::{Flag, Form, Kind, Run};
use crate::emit::requirements::Requirements;
use crate::image::Gap;
use crate::plan::{Pin, Plan};
use crate::python::normalize_name;
use crate::rules::{Rule, actions};
use std::collections::BTreeSet;

mod cache;
mod files;
mod small;

use files::Places;

/// Names that are shown of a list.
pub(crate) const NAMES: usize = 4;

/// A command of pip or uv that the image depends on.
pub(super) struct Found {
    pub instruction: usize,
    pub command: usize,
    pub pip: Pip,
    /// `None` for the image's own layers, otherwise the stage that feeds it.
    pub group: Option<usize>,
}

/// What the plan changes.
struct Wanted {
    rule: String,
    summary: String,
    /// Normalized names that later instructions uninstall.
    uninstalled: BTreeSet<String>,
    changes: bool,
}

/// Edits installs and uninstalls; `true` where the plan's own list, or its names, took the place of what was installed.
pub(super) fn edit(draft: &mut Draft<'_>, plan: &Plan, rules: &[Rule], reach: &Reach, options: &EditOptions) -> bool {
    let found = collect(draft, reach);
    let uninstalled = if draft.skips(actions::HIDDEN) { BTreeSet::new() } else { later_uninstalls(&found) };
    let wanted = Wanted::new(plan, rules, uninstalled);
    let advised = wanted.is_any() && other_installers(draft, plan, reach);
    let done = wanted.is_any() && options.installs_stay.is_none() && installs(draft, plan, &found, &wanted, options);
    if !draft.skips(actions::HIDDEN) {
        uninstalls(draft, plan, &found, &wanted, done);
    }
    if let Some(why) = options.installs_stay.as_ref().filter(|_| wanted.is_any()) {
        draft.notes.push(format!("{}: no edit does it: {why}", wanted.summary));
    } else if wanted.is_any() && !done && !advised {
        draft.notes.push(format!(
            "{}: no pip or uv install that could be changed was found in the stages of the final image; install \
             requirements.txt of the plan with --no-deps instead of what installs now",
            wanted.summary
        ));
    }
    if !draft.skips(actions::DOWNLOADS) {
        cache::edit(draft, plan, &found);
        cache::remove(draft, plan, reach);
    }
    done
}

/// Carries the plan out in the stage that installs first; `false` if no install could be changed.
fn installs(draft: &mut Draft<'_>, plan: &Plan, found: &[Found], wanted: &Wanted, options: &EditOptions) -> bool {
    let installs = || found.iter().filter(|found| is_install(found));
    let Some(first) = installs().next() else { return false };
    let (own, others): (Vec<&Found>, Vec<&Found>) = installs().partition(|found| found.group == first.group);
    if !small::edit(draft, plan, &own, wanted) && !closure(draft, plan, &own, wanted, options) {
        return false;
    }
    // Wheels are built in one stage and installed in another one, by the same list.
    let wheels = own.iter().any(|found| found.pip.action == Action::Wheel);
    let (listed, rest): (Vec<&Found>, Vec<&Found>) =
        others.into_iter().partition(|found| wheels && found.group.is_none() && found.pip.installs_from_index());
    if !listed.is_empty() {
        closure(draft, plan, &listed, wanted, options);
    }
    let line = draft_line(draft, first);
    for other in rest {
        if other.pip.installs_from_index() {
            draft.note(
                other.instruction,
                "this install is left as it is: the plan's list is installed in another stage",
            );
        } else {
            later(draft, other, line);
        }
    }
    true
}

fn is_install(found: &Found) -> bool {
    found.pip.action != Action::Uninstall && !found.pip.is_for_tools()
}

fn collect(draft: &Draft<'_>, reach: &Reach) -> Vec<Found> {
    let mut out = Vec::new();
    for instruction in 0..draft.file.instructions.len() {
        let (Some(group), Some(run)) = (reach.group(draft.file, instruction), draft.run(instruction)) else { continue };
        for (command, words) in run.commands.iter().enumerate() {
            if let Some(pip) = pip::read(run, words) {
                out.push(Found { instruction, command, pip, group });
            }
        }
    }
    out
}

/// Notes what other installers would have to be told; `true` if there are any.
fn other_installers(draft: &mut Draft<'_>, plan: &Plan, reach: &Reach) -> bool {
    let mut any = false;
    for instruction in 0..draft.file.instructions.len() {
        let (Some(_), Some(run)) = (reach.group(draft.file, instruction), draft.run(instruction)) else { continue };
        for other in run.commands.iter().filter_map(|command| pip::other(run, command)) {
            let text = advice(other.0, plan);
            draft.note(instruction, text);
            any = true;
        }
    }
    any
}

/// What to change where the list of distributions is another tool's.
fn advice(other: pip::Other, plan: &Plan) -> String {
    let swaps: Vec<String> = plan
        .pins
        .iter()
        .filter(|pin| pin.instead_of.is_some())
        .map(|pin| format!("{}=={}", pin.name, pin.version))
        .take(6)
        .collect();
    let dropped: Vec<&str> = plan.dropped.iter().map(|gone| gone.name.as_str()).take(6).collect();
    let index = plan.pins.iter().find_map(|pin| pin.index.as_deref());
    let (tool, place) = match other {
        pip::Other::UvSync => (
            "uv sync",
            "pyproject.toml: [project] dependencies, [tool.uv] override-dependencies and, for another index, [[tool.uv.index]] with explicit = true and [tool.uv.sources]; then uv lock",
        ),
        pip::Other::Poetry => (
            "poetry",
            "pyproject.toml: dependencies and, for another index, [[tool.poetry.source]] with priority = \"explicit\"; then poetry lock",
        ),
        pip::Other::Pdm => (
            "pdm",
            "pyproject.toml: dependencies, [tool.pdm.resolution.overrides] and, for another index, [[tool.pdm.source]]; then pdm lock",
        ),
        pip::Other::Pipenv => ("pipenv", "Pipfile: [packages] and, for another index, [[source]]; then pipenv lock"),
        pip::Other::Conda => ("conda", "environment.yml"),
    };
    let mut text = format!("{tool} installs from its own lock file, which no edit here changes; write into {place}");
    if !swaps.is_empty() {
        text.push_str(&format!("; install {}", swaps.join(", ")));
    }
    if let Some(index) = index {
        text.push_str(&format!(" from {index}"));
    }
    if !dropped.is_empty() {
        text.push_str(&format!("; leave out {}", dropped.join(", ")));
    }
    text
}

impl Wanted {
    fn new(plan: &Plan, rules: &[Rule], uninstalled: BTreeSet<String>) -> Self {
        let about = |rule: &&str| is_about_distributions(rule, rules);
        let actions: Vec<&str> = plan.actions.iter().map(|action| action.rule.as_str()).filter(about).collect();
        let dropped: Vec<&str> = plan
            .dropped
            .iter()
            .map(|gone| gone.name.as_str())
            .filter(|name| !pip::is_tool(&normalize_name(name)))
            .collect();
        let swaps: Vec<String> =
            plan.pins.iter().filter_map(|pin| Some(swapped(pin, pin.instead_of.as_deref()?))).collect();
        let changes = !swaps.is_empty() || !dropped.is_empty() || plan.pins.iter().any(|pin| pin.index.is_some());
        Self {
            rule: actions.first().map_or_else(|| actions::HIDDEN.to_owned(), |rule| (*rule).to_owned()),
            summary: summary(&swaps, &dropped, &uninstalled, plan),
            uninstalled,
            changes,
        }
    }

    fn is_any(&self) -> bool {
        self.changes || !self.uninstalled.is_empty()
    }

    fn why(&self, text: &str) -> Why {
        Why::new(&self.rule, text)
    }
}

/// `a 1 instead of b 1`; of another build of the same, where it comes from.
fn swapped(pin: &Pin, old: &str) -> String {
    let new = format!("{} {}", pin.name, pin.version);
    match &pin.index {
        Some(index) if old.split('+').next() == Some(&new) => format!("{new} from {index}"),
        _ => format!("{new} instead of {old}"),
    }
}

fn summary(swaps: &[String], dropped: &[&str], uninstalled: &BTreeSet<String>, plan: &Plan) -> String {
    let swaps: Vec<&str> = swaps.iter().map(String::as_str).collect();
    let gone: Vec<&str> = match dropped {
        [] if swaps.is_empty() => uninstalled.iter().map(String::as_str).filter(|name| !plan.has_pin(name)).collect(),
        dropped => dropped.to_vec(),
    };
    match (swaps.is_empty(), gone.is_empty()) {
        (true, true) if !uninstalled.is_empty() => "the plan installs each distribution once".to_owned(),
        (false, false) => format!("the plan installs {}, and not {}", listed(&swaps, NAMES), listed(&gone, NAMES)),
        (false, true) => format!("the plan installs {}", listed(&swaps, NAMES)),
        (true, false) => format!("the plan does not install {}", listed(&gone, NAMES)),
        (true, true) => "the plan installs from another index".to_owned(),
    }
}

/// Names that an instruction uninstalls and an earlier one installed.
fn later_uninstalls(found: &[Found]) -> BTreeSet<String> {
    let later = found.iter().filter(|found| found.pip.action == Action::Uninstall);
    later
        .flat_map(|found| found.pip.names())
        .map(|(_, name)| name.to_owned())
        .filter(|name| !pip::is_tool(name))
        .collect()
}

/// Takes uninstalls out where what they name is not installed any more, which `done` says.
fn uninstalls(draft: &mut Draft<'_>, plan: &Plan, found: &[Found], wanted: &Wanted, done: bool) {
    for one in found.iter().filter(|found| found.pip.action == Action::Uninstall) {
        let names: Vec<&str> = one.pip.names().map(|(_, name)| name).collect();
        if !done || names.iter().any(|name| pip::is_tool(name)) || names.is_empty() {
            draft.note(
                one.instruction,
                "this uninstall is left as it is: it hides what a layer below has, and frees nothing",
            );
            continue;
        }
        let same = found.iter().any(|other| other.instruction == one.instruction && is_install(other));
        let why = match same {
            false => Why::new(
                actions::HIDDEN,
                format!(
                    "the layer below keeps the bytes of {}, and files that others share would go; it is not installed instead",
                    listed(&names, NAMES)
                ),
            ),
            true if names.iter().all(|name| plan.has_pin(name)) => {
                wanted.why(&format!("{} is installed once, in the version that stays", listed(&names, NAMES)))
            }
            true => wanted.why(&format!("{} is not installed any more", listed(&names, NAMES))),
        };
        if !draft.remove_command(one.instruction, one.command, why) {
            draft.note(one.instruction, "take the pip uninstall out by hand: it is part of a larger command");
        }
    }
}

/// Installs the plan's whole list in the place of the first install, and takes the others out.
fn closure(draft: &mut Draft<'_>, plan: &Plan, own: &[&Found], wanted: &Wanted, options: &EditOptions) -> bool {
    let is_simple = |draft: &Draft<'_>, found: &Found| {
        draft.run(found.instruction).is_some_and(|run| {
            let command = &run.commands[found.command];
            !command.nested
                && !matches!(command.before, Some(crate::dockerfile::Operator::Pipe | crate::dockerfile::Operator::Or))
        })
    };
    let Some(primary) = own.iter().find(|found| found.pip.installs_from_index() && is_simple(draft, found)) else {
        return false;
    };
    if let Some(why_not) = unlisted(draft, plan, own, primary) {
        draft.note(primary.instruction, format!("this install is left as it is: {why_not}"));
        return false;
    }
    let names: Vec<String> = Requirements::new(plan).files.into_iter().map(|file| file.name).collect();
    let places = Places::new(draft, primary, &names);
    draft.files.extend(names.iter().cloned());
    places.announce(draft, primary, options, wanted.why("the plan's list, for the install that follows"));
    let why = wanted.why(&match plan.is_complete() {
        true => format!("{}; its list is complete, so pip resolves nothing (--no-deps)", wanted.summary),
        false => wanted.summary.clone(),
    });
    Primary { found: primary, places: &places, why: &why, plan }.edit(draft);
    for found in own.iter().filter(|found| !std::ptr::eq(**found, *primary)) {
        later(draft, found, draft_line(draft, primary));
    }
    true
}

/// Why the plan's list cannot take the place of what these commands install: it does not have all of it.
fn unlisted(draft: &Draft<'_>, plan: &Plan, own: &[&Found], primary: &Found) -> Option<String> {
    // A gap is known by its line. What is carried over is in the list.
    let at_line =
        |gap: &&Gap| own.iter().any(|found| gap.place.ends_with(&format!(", line {}", draft_line(draft, found))));
    let is_carried = |gap: &&Gap| plan.carried.iter().any(|carried| carried.name == normalize_name(&gap.command));
    if let Some(gap) = plan.predicted.gaps.iter().filter(at_line).find(|gap| !is_carried(gap)) {
        return Some(format!("{} is not predicted, so the plan's list does not have it", gap.command));
    }
    if !plan.is_complete() && !plan.overridden.is_empty() {
        let carried: Vec<&str> = plan.carried.iter().map(|carried| carried.name.as_str()).collect();
        return Some(format!(
            "what {} requires is not known before the build, so it has to be resolved, and {} would come back",
            carried.join(", "),
            plan.overridden[0].name
        ));
    }
    if !plan.is_complete() && primary.pip.action == Action::Sync {
        return Some("what the plan's list leaves open uv pip sync does not resolve".to_owned());
    }
    let sources = own.iter().flat_map(|found| &found.pip.arguments).filter(|argument| argument.what == What::Source);
    if sources.count() < plan.unlisted.len() {
        return Some(format!("{} came from a folder or a file, which no list names", plan.unlisted.join(", ")));
    }
    None
}

fn draft_line(draft: &Draft<'_>, found: &Found) -> usize {
    draft.file.line(draft.file.instructions[found.instruction].span.start)
}

/// An install behind the one of the plan's list.
fn later(draft: &mut Draft<'_>, found: &Found, line: usize) {
    let why =
        Why::new(actions::REBUILD, format!("the plan's list, installed in line {line}, has what this one installs"));
    let pip = &found.pip;
    if pip.has(&What::Source) {
        let why =
            Why::new(actions::REBUILD, format!("what it requires is in the plan's list, installed in line {line}"));
        if !pip.has_option(Means::NoDeps) {
            draft.put_word(found.instruction, pip.verb, "--no-deps", why.clone());
        }
        let covered = pip.arguments.iter().filter(|argument| matches!(argument.what, What::Name(_) | What::File(..)));
        draft.remove_tokens(found.instruction, covered.flat_map(|argument| argument.tokens.clone()), &why);
    } else if pip.has(&What::Unknown) {
        draft.note(found.instruction, "this install is left as it is: what it installs depends on a variable");
    } else if !draft.remove_command(found.instruction, found.command, why) {
        draft.note(found.instruction, "take this install out by hand: it is part of a larger command");
    }
}

/// The install that becomes the plan's.
struct Primary<'a> {
    found: &'a Found,
    places: &'a Places,
    why: &'a Why,
    plan: &'a Plan,
}

impl Primary<'_> {
    fn edit(&self, draft: &mut Draft<'_>) {
        let Some(run) = draft.run(self.found.instruction) else { return };
        let (pip, at) = (&self.found.pip, self.found.instruction);
        let (last, before) = match self.places.paths.split_last() {
            Some(split) => split,
            None => return,
        };
        self.install_before(draft, run, before);
        if pip.action == Action::Sync && !before.is_empty() {
            let span = run.tokens[pip.verb].span.clone();
            draft.put(at, span, quoted(run, "install"), self.why.clone());
        }
        let resolves = pip.action != Action::Sync || !before.is_empty();
        if resolves && self.plan.is_complete() && !pip.has_option(Means::NoDeps) {
            draft.put_word(at, pip.verb, "--no-deps", self.why.clone());
        }
        self.name_the_list(draft, run, last);
    }

    /// The one list instead of names, files and constraints.
    fn name_the_list(&self, draft: &mut Draft<'_>, run: &Run, path: &str) {
        let (pip, at) = (&self.found.pip, self.found.instruction);
        let replaced = |argument: &&Argument| {
            matches!(argument.what, What::Name(_) | What::File(..) | What::Constraint | What::Unknown)
        };
        let mut rest: Vec<&Argument> = pip.arguments.iter().filter(replaced).collect();
        let right = |argument: &&Argument| matches!(&argument.what, What::File(_, own) if self.places.is_last(own));
        let file = |argument: &&Argument| matches!(argument.what, What::File(..));
        let chosen = rest.iter().position(right).or(rest.iter().position(file));
        let chosen = rest.remove(chosen.unwrap_or_default());
        if !right(&chosen) || (pip.action == Action::Sync && self.places.paths.len() > 1) {
            self.replace(draft, run, chosen, path);
        }
        draft.remove_tokens(at, rest.iter().flat_map(|argument| argument.tokens.clone()), self.why);
    }

    fn replace(&self, draft: &mut Draft<'_>, run: &Run, argument: &Argument, path: &str) {
        let at = self.found.instruction;
        let (first, last) = (*argument.tokens.start(), *argument.tokens.end());
        match argument.what {
            // `-r FILE`, in two words: the file alone.
            What::File(token, _) if first != last => {
                draft.put(at, run.tokens[token].span.clone(), quoted(run, path), self.why.clone());
            }
            _ => {
                let keeps_sync = self.found.pip.action == Action::Sync && self.places.paths.len() == 1;
                let words = if keeps_sync { vec![path] } else { vec!["-r", path] };
                let words: Vec<String> = words.into_iter().map(|word| quoted(run, word)).collect();
                let glue = if run.form == Form::Exec { ", " } else { " " };
                let span = run.tokens[first].span.start..run.tokens[last].span.end;
                draft.put(at, span, words.join(glue), self.why.clone());
            }
        }
    }

    /// The lists of other indexes, each by a command of its own.
    fn install_before(&self, draft: &mut Draft<'_>, run: &Run, paths: &[String]) {
        let at = self.found.instruction;
        let index = self.plan.pins.iter().find_map(|pin| pin.index.as_deref()).unwrap_or_default();
        let why =
            Why::new(&self.why.rule, format!("what must come from {index} and from no other index, before the rest"));
        for path in paths {
            let words = self.words(draft, run, path);
            if run.form == Form::Exec {
                let instruction = &draft.file.instructions[at];
                let keyword = &draft.file.text[instruction.keyword.clone()];
                let flags: String = instruction.flags.iter().map(|flag| flag_text(draft, flag)).collect();
                let words: Vec<String> = words.iter().map(|word| super::super::quote::json(word)).collect();
                draft.put_before(at, &format!("{keyword} {flags}[{}]", words.join(", ")), why.clone());
            } else {
                let start = run.tokens[run.commands[self.found.command].words[0]].span.start;
                let text = format!("{}{}", words.join(" "), draft.joiner(at));
                draft.put(at, start..start, text, why.clone());
            }
        }
        for variable in ["PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "UV_EXTRA_INDEX_URL", "UV_INDEX", "UV_FIND_LINKS"] {
            if !paths.is_empty() && draft.file.scope(at).variables.contains_key(variable) {
                draft.note(at, format!("{variable} is set and offers other builds of what {index} is to give: unset it for that command"));
            }
        }
    }

    /// The user's command with its options, for another list.
    fn words(&self, draft: &Draft<'_>, run: &Run, path: &str) -> Vec<String> {
        let (pip, command) = (&self.found.pip, &run.commands[self.found.command]);
        let raw = |token: usize| match run.form {
            Form::Exec => run.tokens[token].text.clone(),
            _ => draft.file.text[run.tokens[token].span.clone()].to_owned(),
        };
        let mut words: Vec<String> =
            command.words.iter().take_while(|&&word| word < pip.verb).map(|&word| raw(word)).collect();
        words.push(if pip.action == Action::Sync { "install".to_owned() } else { raw(pip.verb) });
        words.extend(cache::flag(draft, self.plan, self.found).map(str::to_owned));
        // Without an index the wheels are where --find-links says.
        let offline = pip.has_option(Means::NoIndex);
        let is_kept = |argument: &&Argument| match &argument.what {
            What::Option(means) => *means != Means::NoDeps,
            What::Index => offline,
            _ => false,
        };
        let kept = pip.arguments.iter().filter(is_kept);
        words.extend(kept.flat_map(|argument| argument.tokens.clone()).map(raw));
        words.extend(["--no-deps".to_owned(), "-r".to_owned(), path.to_owned()]);
        words
    }
}

fn quoted(run: &Run, word: &str) -> String {
    if run.form == Form::Exec { super::super::quote::json(word) } else { word.to_owned() }
}

fn flag_text(draft: &Draft<'_>, flag: &Flag) -> String {
    format!("{} ", &draft.file.text[flag.span.clone()])
}

/// Whether an instruction is written in lower case.
fn is_lower(draft: &Draft<'_>, instruction: usize) -> bool {
    let keyword = &draft.file.text[draft.file.instructions[instruction].keyword.clone()];
    keyword.chars().all(|c| c.is_ascii_lowercase()) && matches!(draft.file.instructions[instruction].kind, Kind::Run(_))
}
