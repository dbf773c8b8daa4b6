//! OS packages: what the plan drops leaves the lists, and the lists' own leavings stay out of the layers.

use super::builds;
use super::draft::{Draft, Why};
use super::pip::{self, words};
use super::reach::Reach;
use crate::command::{Tool, Verb};
use crate::dockerfile::{Command, Form, Run};
use crate::plan::{self, Plan};
use crate::rules::actions;
use std::collections::BTreeSet;

mod lists;

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Update,
    Install,
    Clean,
    RemoveLists,
    ApkUpdate,
    ApkAdd,
    Other,
}

/// One `RUN` of the image's own layers.
struct Row {
    instruction: usize,
    does: Vec<Does>,
}

impl Row {
    fn has(&self, what: Does) -> bool {
        self.does.contains(&what)
    }

    fn only(&self, what: &[Does]) -> bool {
        !self.does.is_empty() && self.does.iter().all(|does| what.contains(does))
    }
}

/// Edits what installs OS packages. Returns the rules that this carries out.
pub(super) fn edit(draft: &mut Draft<'_>, plan: &Plan, reach: &Reach) -> BTreeSet<String> {
    let rows: Vec<Row> = reach.layers.iter().filter_map(|&instruction| row(draft, instruction)).collect();
    let mut covered = BTreeSet::new();
    if packages(draft, plan, reach, &rows) {
        let rules = plan.actions.iter().map(|action| action.rule.as_str());
        let of_packages = |rule: &&str| {
            [actions::COMPILERS, actions::UNUSED_PACKAGES].contains(rule)
                || plan.dropped_system.iter().any(|gone| gone.rule == *rule)
        };
        covered.extend(rules.filter(of_packages).map(str::to_owned));
    }
    if !draft.skips(actions::PACKAGE_LISTS) {
        lists::edit(draft, &rows, plan.package_cache);
        rows.iter().for_each(|row| lists::apk(draft, row));
    }
    covered
}

fn row(draft: &Draft<'_>, instruction: usize) -> Option<Row> {
    let run = draft.run(instruction).filter(|_| !draft.is_gone(instruction))?;
    let does = run.commands.iter().map(|command| does(run, command)).collect();
    Some(Row { instruction, does })
}

fn does(run: &Run, command: &Command) -> Does {
    if let Some((read, _)) = pip::manager(run, command) {
        return match (read.tool, read.verb()) {
            (Tool::Apt, Verb::Update) => Does::Update,
            (Tool::Apt, Verb::Install | Verb::Upgrade) => Does::Install,
            (Tool::Apt, Verb::Clean) => Does::Clean,
            (Tool::Apk, Verb::Update) => Does::ApkUpdate,
            (Tool::Apk, Verb::Install) => Does::ApkAdd,
            _ => Does::Other,
        };
    }
    let words = words(run, command);
    let removes = words.first().is_some_and(|program| program.rsplit('/').next() == Some("rm"));
    if removes && words.iter().any(|word| word.starts_with("/var/lib/apt")) { Does::RemoveLists } else { Does::Other }
}

/// The packages' words of an install: their tokens and names.
fn listed(run: &Run, command: &Command) -> Vec<(usize, String)> {
    let Some((read, first)) = pip::manager(run, command) else { return Vec::new() };
    let name = |text: &str| text[..text.find(['=', ':', '/', '~', '<', '>', '@']).unwrap_or(text.len())].to_owned();
    read.operands().map(|(at, text)| (command.words[first + at], name(text))).collect()
}

/// Takes dropped packages out of the lists; `true` if there were any.
fn packages(draft: &mut Draft<'_>, plan: &Plan, reach: &Reach, rows: &[Row]) -> bool {
    let builds = builds::in_image(draft, plan, reach);
    let all: BTreeSet<String> = each_install(draft, rows)
        .flat_map(|(_, run, at)| listed(run, &run.commands[at]))
        .map(|(_, name)| name)
        .collect();
    let is_named = |package: &&plan::SystemPackage| {
        !package.asked_for && !all.contains(&package.name) && crate::emit::quote::is_package_name(&package.name)
    };
    let unnamed: Vec<&plan::SystemPackage> = plan.system.iter().filter(is_named).collect();
    // Libraries that came with what goes; what is recommended belongs to the install that recommends it.
    let mut missing: Vec<&str> = unnamed
        .iter()
        .filter(|package| !matches!(package.why, plan::Why::RecommendedBy { .. }))
        .map(|package| package.name.as_str())
        .collect();
    let mut any = false;
    for (instruction, run, at) in each_install(draft, rows).collect::<Vec<_>>() {
        let install = Install { run, command: &run.commands[at], instruction, at };
        let packages = listed(run, install.command);
        let mut cut = Vec::new();
        let mut held: Vec<&str> = Vec::new();
        let movable = !install.command.nested;
        for (token, name) in &packages {
            let Some(gone) = plan.dropped_system.iter().find(|gone| gone.name == *name) else { continue };
            if builds.is_some() && gone.why.is_build_only() {
                held.push(name);
            } else {
                cut.push((*token, Why::new(&gone.rule, format!("the plan drops {name}: {}", gone.why))));
            }
        }
        if let Some(builds) = builds.as_ref().filter(|_| !held.is_empty()) {
            draft.note(
                instruction,
                format!(
                    "{} {}: {builds}; build in a stage of its own and copy the result to be rid of them",
                    held.join(", "),
                    if held.len() == 1 { "stays" } else { "stay" },
                ),
            );
        }
        let may_compile = builds.is_some() || !held.is_empty() || install.keeps_a_compiler(&packages, &cut);
        let recommended = if may_compile {
            Vec::new()
        } else {
            install.recommended(draft, plan, &unnamed, &packages, &cut, &missing)
        };
        any |= !cut.is_empty() || !recommended.is_empty();
        if movable && !cut.is_empty() && !missing.is_empty() {
            let why = Why::new(
                actions::COMPILERS,
                format!("what stays needs {}; it came with what goes", missing.join(", ")),
            );
            let kept = packages.iter().rev().find(|(token, _)| cut.iter().all(|(cut, _)| cut != token));
            match kept {
                Some((token, _)) => draft.put_words(instruction, *token, &missing, &why),
                None => {
                    let (token, gone) = cut.remove(0);
                    let quote =
                        |name: &&str| if run.form == Form::Exec { format!("\"{name}\"") } else { (*name).to_owned() };
                    let glue = if run.form == Form::Exec { ", " } else { " " };
                    let text = missing.iter().map(quote).collect::<Vec<_>>().join(glue);
                    let why = Why::new(actions::COMPILERS, format!("{}; {}", gone.reason, why.reason));
                    draft.put(instruction, run.tokens[token].span.clone(), text, why);
                }
            }
            missing.clear();
        } else if cut.len() == packages.len() && !packages.is_empty() {
            remove_install(draft, instruction, run, at, cut);
            continue;
        }
        for (token, why) in cut {
            draft.remove_tokens(instruction, [token], &why);
        }
    }
    any
}

/// One command that installs packages.
struct Install<'d> {
    run: &'d Run,
    command: &'d Command,
    instruction: usize,
    at: usize,
}

/// Most recommended packages that are named in a list; where more are of use, the list stays as it is.
const MAX_NAMED: usize = 6;

impl Install<'_> {
    /// A compiler only recommends the C library's headers.
    fn keeps_a_compiler(&self, packages: &[(usize, String)], cut: &[(usize, Why)]) -> bool {
        let compiles = |name: &str| ["gcc", "g++", "clang", "build-essential"].contains(&name);
        packages.iter().any(|(token, name)| compiles(name) && cut.iter().all(|(cut, _)| cut != token))
    }

    /// Adds `--no-install-recommends`, and names what is recommended and of use; what was named.
    fn recommended(
        &self,
        draft: &mut Draft<'_>,
        plan: &Plan,
        unnamed: &[&plan::SystemPackage],
        packages: &[(usize, String)],
        cut: &[(usize, Why)],
        missing: &[&str],
    ) -> Vec<String> {
        let unneeded = plan.dropped_system.iter().any(|gone| gone.why == plan::Why::NothingNeeds);
        let words = self.command.words.iter().copied();
        let verb = words.clone().find(|&word| self.run.tokens[word].text == "install");
        let all_known = packages.iter().all(|(token, _)| self.run.tokens[*token].literal);
        let last = packages.iter().rev().find(|(token, _)| cut.iter().all(|(cut, _)| cut != token));
        let stays = last.is_some() || !missing.is_empty();
        let (Some(verb), true, true, true) = (verb, unneeded, all_known, stays) else { return Vec::new() };
        if draft.skips(actions::UNUSED_PACKAGES)
            || does(self.run, self.command) != Does::Install
            || self.command.nested
            || recommends_are_off(draft, self.instruction, self.run, self.at)
        {
            return Vec::new();
        }
        let of_this = |package: &&&plan::SystemPackage| match &package.why {
            plan::Why::RecommendedBy { root, .. } => {
                let added = !cut.is_empty() && missing.contains(&root.as_str());
                added || packages.iter().any(|(_, name)| name == root)
            }
            _ => false,
        };
        let useful: Vec<&str> = unnamed.iter().filter(of_this).map(|package| package.name.as_str()).collect();
        // Without a word that stays there is no place to name them.
        if useful.len() > MAX_NAMED || (last.is_none() && !useful.is_empty()) {
            return Vec::new();
        }
        let why = Why::new(actions::UNUSED_PACKAGES, "recommended packages were installed that nothing depends on");
        draft.put_word(self.instruction, verb, "--no-install-recommends", why);
        if let (Some((token, _)), false) = (last, useful.is_empty()) {
            let why = Why::new(
                actions::UNUSED_PACKAGES,
                format!("{} came as a recommendation, and may be what the rest works with", useful.join(", ")),
            );
            draft.put_words(self.instruction, *token, &useful, &why);
        }
        std::iter::once("--no-install-recommends").chain(useful).map(str::to_owned).collect()
    }
}

/// Whether apt is told already to install nothing that is only recommended: by an option of this command in any of its
/// forms, or by a file of its configuration that an instruction before may have written.
fn recommends_are_off(draft: &Draft<'_>, instruction: usize, run: &Run, at: usize) -> bool {
    let tells = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.contains("install-recommends") || text.contains("apt.conf") || text.contains("install-suggests")
    };
    let tokens = |run: &Run, end: usize| {
        run.commands[..end]
            .iter()
            .any(|command| run.tokens[command.tokens.clone()].iter().any(|token| tells(&token.text)))
    };
    let Some(stage) = draft.file.stage_of(instruction) else { return true };
    let before = draft.file.instructions_of(stage).into_iter().take_while(|&position| position < instruction);
    let text = |position: usize| &draft.file.text[draft.file.instructions[position].span.clone()];
    tokens(run, at + 1) || before.map(text).any(tells)
}

fn each_install<'d>(draft: &Draft<'d>, rows: &[Row]) -> impl Iterator<Item = (usize, &'d Run, usize)> {
    let mut out = Vec::new();
    for row in rows {
        let Some(run) = draft.run(row.instruction) else { continue };
        let installs = row.does.iter().enumerate().filter(|(_, does)| matches!(does, Does::Install | Does::ApkAdd));
        out.extend(installs.map(|(at, _)| (row.instruction, run, at)));
    }
    out.into_iter()
}

/// Nothing is installed any more: the command goes, and with it what serves it alone.
fn remove_install(draft: &mut Draft<'_>, instruction: usize, run: &Run, at: usize, cut: Vec<(usize, Why)>) {
    let reasons: Vec<&str> = cut.iter().map(|(_, why)| why.reason.as_str()).collect();
    let why = Why::new(cut.first().map_or(actions::COMPILERS, |(_, why)| &why.rule), reasons.join("; "));
    let all: Vec<Does> = run.commands.iter().map(|command| does(run, command)).collect();
    let serves = |does: Does| matches!(does, Does::Update | Does::Clean | Does::RemoveLists | Does::ApkUpdate);
    let installs = all.iter().filter(|does| matches!(does, Does::Install | Does::ApkAdd)).count();
    let plain = run.commands.iter().all(|command| !command.nested);
    if installs == 1 && plain && all.iter().enumerate().all(|(position, does)| position == at || serves(*does)) {
        return draft.remove(instruction, why);
    }
    if !draft.remove_command(instruction, at, why.clone()) {
        return draft.note(instruction, "take this install out by hand: it is part of a larger command");
    }
    // A program of which nothing is known may read the lists.
    let known = |(command, does): (&Command, &Does)| *does != Does::Other || builds::is_harmless(run, command);
    if installs == 1 && run.commands.iter().zip(&all).all(known) {
        for position in (0..all.len()).filter(|&position| serves(all[position])) {
            draft.remove_command(instruction, position, why.clone());
        }
    }
}
