//! OS packages: what the plan drops leaves the lists, and the lists' own leavings stay out of the layers.

use super::draft::{Draft, Why};
use super::pip::{self, words};
use super::reach::Reach;
use crate::dockerfile::{Command, Operator, Run};
use crate::plan::Plan;
use std::collections::BTreeSet;

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
        covered.extend(rules.filter(|rule| ["compilers", "unused-packages"].contains(rule)).map(str::to_owned));
    }
    if !draft.skips("apt-lists-and-cache") {
        lists(draft, &rows, has_package_cache(plan));
        rows.iter().for_each(|row| apk(draft, row));
    }
    covered
}

fn row(draft: &Draft<'_>, instruction: usize) -> Option<Row> {
    let run = draft.run(instruction).filter(|_| !draft.is_gone(instruction))?;
    let does = run.commands.iter().map(|command| does(run, command)).collect();
    Some(Row { instruction, does })
}

fn does(run: &Run, command: &Command) -> Does {
    let words = words(run, command);
    let Some(program) = words.first().map(|word| word.rsplit('/').next().unwrap_or_default()) else {
        return Does::Other;
    };
    let verb = words.iter().skip(1).find(|word| !word.starts_with('-')).copied().unwrap_or_default();
    match (program, verb) {
        ("apt-get" | "apt", "update") => Does::Update,
        ("apt-get" | "apt", "install" | "upgrade" | "dist-upgrade" | "full-upgrade") => Does::Install,
        ("apt-get" | "apt", "clean" | "autoclean") => Does::Clean,
        ("rm", _) if words.iter().any(|word| word.starts_with("/var/lib/apt")) => Does::RemoveLists,
        ("apk", "update") => Does::ApkUpdate,
        ("apk", "add") => Does::ApkAdd,
        _ => Does::Other,
    }
}

/// The packages' words of an install: their tokens and names.
fn listed(run: &Run, command: &Command) -> Vec<(usize, String)> {
    let first = pip::program(run, command).unwrap_or_default();
    let mut seen_verb = false;
    let mut takes_value = false;
    let mut out = Vec::new();
    for &word in &command.words[(first + 1).min(command.words.len())..] {
        let text = run.tokens[word].text.as_str();
        if std::mem::take(&mut takes_value) {
            continue;
        }
        if text.starts_with('-') {
            takes_value =
                ["-t", "--target-release", "-o", "--option", "-c", "--virtual", "--repository", "-X"].contains(&text);
        } else if !std::mem::replace(&mut seen_verb, true) {
            continue;
        } else {
            let end = text.find(['=', ':', '/', '~', '<', '>', '@']).unwrap_or(text.len());
            out.push((word, text[..end].to_owned()));
        }
    }
    out
}

/// Takes dropped packages out of the lists; `true` if there were any.
fn packages(draft: &mut Draft<'_>, plan: &Plan, reach: &Reach, rows: &[Row]) -> bool {
    let kept_for = compiled_in_image(draft, plan, reach);
    let all: BTreeSet<String> = each_install(draft, rows)
        .flat_map(|(_, run, at)| listed(run, &run.commands[at]))
        .map(|(_, name)| name)
        .collect();
    let recommended = !draft.skips("unused-packages")
        && plan.dropped_system.iter().any(|gone| !gone.why.starts_with("serves building"));
    let mut missing: Vec<&str> = plan
        .system
        .iter()
        .filter(|package| is_left_behind(package) && !all.contains(&package.name))
        .map(|package| package.name.as_str())
        .filter(|name| crate::emit::quote::is_package_name(name))
        .collect();
    let mut any = false;
    for (instruction, run, at) in each_install(draft, rows).collect::<Vec<_>>() {
        let command = &run.commands[at];
        let is_apt = does(run, command) == Does::Install;
        let (mut cut, mut keeps, packages) = (Vec::new(), false, listed(run, command));
        for (token, name) in &packages {
            let Some(gone) = plan.dropped_system.iter().find(|gone| gone.name == *name) else { continue };
            if let (Some(who), true) = (&kept_for, gone.why.starts_with("serves building")) {
                draft.note(instruction, format!(
                    "{name} stays: {who} is compiled in a stage whose layers are the image's; install in a stage of its own and copy the result"
                ));
                keeps = true;
                continue;
            }
            cut.push((*token, Why::new(rule_of(gone), format!("the plan drops {name}: {}", gone.why))));
        }
        let compiles = packages.iter().any(|(token, name)| {
            ["gcc", "g++", "clang", "build-essential"].contains(&name.as_str())
                && cut.iter().all(|(cut, _)| cut != token)
        });
        // A compiler only recommends the C library's headers.
        if recommended
            && is_apt
            && !compiles
            && !run.tokens[command.tokens.clone()].iter().any(|token| token.text.contains("no-install-recommends"))
        {
            let verb = command.words.iter().copied().find(|&word| run.tokens[word].text == "install");
            if let Some(verb) = verb.filter(|_| cut.len() < packages.len() || !missing.is_empty()) {
                let why = Why::new("unused-packages", "recommended packages were installed that nothing depends on");
                draft.put_word(instruction, verb, "--no-install-recommends", why);
                any = true;
            }
        }
        any |= !cut.is_empty() || keeps;
        if !cut.is_empty() && !missing.is_empty() {
            let why = Why::new("compilers", format!("what stays needs {}; it came with what goes", missing.join(", ")));
            let kept = packages.iter().rev().find(|(token, _)| cut.iter().all(|(cut, _)| cut != token));
            match kept {
                Some((token, _)) => draft.put_words(instruction, *token, &missing, &why),
                None => {
                    let (token, gone) = cut.remove(0);
                    let glue = if run.form == crate::dockerfile::Form::Exec { "\", \"" } else { " " };
                    let quote = if run.form == crate::dockerfile::Form::Exec { "\"" } else { "" };
                    let text = format!("{quote}{}{quote}", missing.join(glue));
                    let why = Why::new("compilers", format!("{}; {}", gone.reason, why.reason));
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

/// Runtime libraries that came with what goes. What the base of the file brings besides stays in it anyway.
fn is_left_behind(package: &crate::plan::SystemPackage) -> bool {
    !package.asked_for
}

fn rule_of(gone: &crate::plan::Dropped) -> &'static str {
    if gone.why.starts_with("serves building") { "compilers" } else { "unused-packages" }
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
    let why = Why::new(cut.first().map_or("compilers", |(_, why)| &why.rule), reasons.join("; "));
    let all: Vec<Does> = run.commands.iter().map(|command| does(run, command)).collect();
    let serves = |does: Does| matches!(does, Does::Update | Does::Clean | Does::RemoveLists | Does::ApkUpdate);
    let installs = all.iter().filter(|does| matches!(does, Does::Install | Does::ApkAdd)).count();
    if installs > 1 {
        draft.remove_command(instruction, at, why);
    } else if all.iter().enumerate().all(|(position, does)| position == at || serves(*does)) {
        draft.remove(instruction, why);
    } else {
        for position in (0..all.len()).filter(|&position| position == at || serves(all[position])) {
            draft.remove_command(instruction, position, why.clone());
        }
    }
}

/// Who is compiled in the image's own layers.
fn compiled_in_image(draft: &Draft<'_>, plan: &Plan, reach: &Reach) -> Option<String> {
    let mut source = None;
    let mut installs = false;
    for &instruction in &reach.layers {
        let Some(run) = draft.run(instruction) else { continue };
        for found in run.commands.iter().filter_map(|command| pip::read(run, command)) {
            installs |= found.installs_from_index();
            if found.has_option(&["--no-binary"]) {
                source = Some("what --no-binary names".to_owned());
            }
            if found.names().any(|(_, name)| name.is_empty()) {
                source = source.or_else(|| Some("what is installed from an address".to_owned()));
            }
        }
    }
    let pinned = plan.pins.iter().find(|pin| pin.is_compiled()).filter(|_| installs).map(|pin| pin.name.clone());
    pinned.or(source)
}

/// Package lists: in the layer that wrote them they go, in a later one they only hide.
fn lists(draft: &mut Draft<'_>, rows: &[Row], cached: bool) {
    let rows: Vec<&Row> = rows.iter().filter(|row| !draft.is_gone(row.instruction)).collect();
    let mut written: Option<usize> = None;
    let mut cleaned = false;
    for (position, row) in rows.iter().enumerate() {
        if has_cache_mount(draft, row.instruction) {
            continue;
        }
        let next = rows[position + 1..].iter().find(|row| row.has(Does::Install));
        if next.is_some_and(|next| row.only(&[Does::Update]) && !has_cache_mount(draft, next.instruction)) {
            let why = Why::new(
                "apt-lists-and-cache",
                "the lists would stay in this layer; fetched in the instruction that installs, they can be removed there",
            );
            draft.remove(row.instruction, why);
            cleaned = true;
        } else if row.has(Does::Install) {
            let updates = row.has(Does::Update);
            if !updates && cleaned {
                prepend_update(draft, row);
            }
            if cached && !row.has(Does::Clean) {
                let why = Why::new("apt-lists-and-cache", "the image has apt's own cache of packages and lists");
                draft.append(row.instruction, "apt-get clean", why);
            }
            if (updates || cleaned) && !removes_lists_at_the_end(row) {
                let why =
                    Why::new("apt-lists-and-cache", "removed in the layer that wrote them, the lists take no room");
                if draft.append(row.instruction, "rm -rf /var/lib/apt/lists/*", why) {
                    cleaned = true;
                } else {
                    draft.note(
                        row.instruction,
                        "end this instruction with rm -rf /var/lib/apt/lists/*: its form does not let it be added",
                    );
                }
            }
            cleaned |= removes_lists_at_the_end(row);
            written = Some(row.instruction);
        } else if row.has(Does::RemoveLists) || row.has(Does::Clean) {
            late_cleaning(draft, row, written);
        }
    }
}

/// Whether the image has what apt keeps below `/var/cache/apt`: the official Debian and Ubuntu images keep nothing.
fn has_package_cache(plan: &Plan) -> bool {
    let own = plan.actions.iter().filter(|action| action.rule == "apt-lists-and-cache");
    own.flat_map(|action| action.evidence.iter().chain([&action.title])).any(|line| line.contains("/var/cache/apt"))
}

fn removes_lists_at_the_end(row: &Row) -> bool {
    let last = row.does.iter().rposition(|does| *does == Does::Update);
    row.does[last.unwrap_or_default()..].contains(&Does::RemoveLists)
}

fn prepend_update(draft: &mut Draft<'_>, row: &Row) {
    let Some(run) = draft.run(row.instruction) else { return };
    let Some(at) = row.does.iter().position(|does| *does == Does::Install) else { return };
    let command = &run.commands[at];
    let first = command.words.first().map_or(0, |&word| run.tokens[word].span.start);
    if command.nested || run.form == crate::dockerfile::Form::Exec || command.before == Some(Operator::Pipe) {
        return draft.note(
            row.instruction,
            "put apt-get update before this install: the lists are removed where they were fetched",
        );
    }
    let why = Why::new("apt-lists-and-cache", "the lists are fetched where they are used, and removed there");
    let text = format!("apt-get update{}", draft.joiner(row.instruction));
    draft.put(row.instruction, first..first, text, why);
}

fn late_cleaning(draft: &mut Draft<'_>, row: &Row, written: Option<usize>) {
    let Some(written) = written else { return };
    let line = draft.file.line(draft.file.instructions[written].span.start);
    let why = Why::new(
        "apt-lists-and-cache",
        format!("the layer of line {line} keeps what is removed here; it is removed there instead"),
    );
    if row.only(&[Does::RemoveLists, Does::Clean]) {
        return draft.remove(row.instruction, why);
    }
    for (at, _) in row.does.iter().enumerate().filter(|(_, does)| matches!(does, Does::RemoveLists | Does::Clean)) {
        if !draft.remove_command(row.instruction, at, why.clone()) {
            draft.note(
                row.instruction,
                "what cleans up after apt-get here frees nothing: the layer that installed keeps it",
            );
        }
    }
}

fn has_cache_mount(draft: &Draft<'_>, instruction: usize) -> bool {
    let flags = &draft.file.instructions[instruction].flags;
    flags.iter().any(|flag| {
        flag.name == "mount"
            && flag.value.contains("type=cache")
            && (flag.value.contains("/var/lib/apt")
                || flag.value.contains("/var/cache/apk")
                || flag.value.contains("/etc/apk/cache"))
    })
}

/// `apk add` without a cache.
fn apk(draft: &mut Draft<'_>, row: &Row) {
    if has_cache_mount(draft, row.instruction) || draft.is_gone(row.instruction) {
        return;
    }
    let Some(run) = draft.run(row.instruction) else { return };
    let removed = run.commands.iter().any(|command| {
        let words = words(run, command);
        words.first() == Some(&"rm") && words.iter().any(|word| word.starts_with("/var/cache/apk"))
    });
    if removed {
        return;
    }
    let why = Why::new("apt-lists-and-cache", "with --no-cache apk keeps no index in the layer");
    for (at, command) in run.commands.iter().enumerate() {
        let given = command.words.iter().any(|&word| run.tokens[word].text == "--no-cache");
        match row.does[at] {
            Does::ApkAdd if !given && !draft.command_is_gone(row.instruction, at) => {
                if let Some(&verb) = command.words.iter().find(|&&word| run.tokens[word].text == "add") {
                    draft.put_word(row.instruction, verb, "--no-cache", why.clone());
                }
            }
            Does::ApkUpdate if row.has(Does::ApkAdd) => {
                draft.remove_command(row.instruction, at, why.clone());
            }
            _ => {}
        }
    }
}
