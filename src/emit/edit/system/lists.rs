//! Package lists and caches of apt and apk: in the layer that wrote them they go, in a later one they only hide.

use super::{Does, Row, does};
use crate::command::Means;
use crate::dockerfile::{Form, Operator, Run};
use crate::emit::edit::builds::is_harmless;
use crate::emit::edit::draft::{Draft, Why};
use crate::emit::edit::pip::{self, words};
use crate::rules::actions;

const RULE: &str = actions::PACKAGE_LISTS;
const CLEAN: &str = "apt-get clean";
const REMOVE: &str = "rm -rf /var/lib/apt/lists/*";

/// An instruction that wrote lists or a cache, and what it removes itself in the end.
struct Writer {
    instruction: usize,
    cleans: bool,
    removes: bool,
}

/// Moves what removes lists and caches to where they are written, and adds it where it is missing. `cached` says that
/// the image has a cache of apt's.
pub(super) fn edit(draft: &mut Draft<'_>, rows: &[Row], cached: bool) {
    let rows: Vec<&Row> = rows.iter().filter(|row| !draft.is_gone(row.instruction)).collect();
    let cached = cached || cleaned_later(&rows);
    let mut writers: Vec<Writer> = Vec::new();
    let mut fetched_before = false;
    let readers = Readers::of(draft);
    for (position, row) in rows.iter().enumerate() {
        let later = &rows[position + 1..];
        let next = later.iter().find(|row| row.has(Does::Install));
        let fetches = row.has(Does::Install) || row.has(Does::Update);
        let lists_go =
            fetches && !mounts(draft, row.instruction, "/var/lib/apt") && !readers.has(draft, row.instruction);
        // What installs from them behind it has to be able to fetch its own.
        let lists_go = lists_go && next.is_none_or(|next| !needs_lists(next) || can_fetch(draft, next));
        let next_is_ours =
            next.is_some_and(|next| !mounts(draft, next.instruction, "/var/lib/apt") && can_fetch(draft, next));
        if row.only(&[Does::Update]) && lists_go && next_is_ours {
            let why = Why::new(
                RULE,
                "the lists would stay in this layer; fetched in the instruction that installs, they can be removed there",
            );
            draft.remove(row.instruction, why);
            fetched_before = true;
        } else if fetches {
            if needs_lists(row) && fetched_before {
                prepend_update(draft, row);
            }
            let writer = tidy(draft, row, cached, lists_go, fetched_before);
            fetched_before |= writer.removes;
            writers.push(writer);
        } else if row.has(Does::RemoveLists) || row.has(Does::Clean) {
            late_cleaning(draft, row, &writers);
        }
    }
}

/// Whether an instruction installs before it fetches lists of its own.
fn needs_lists(row: &Row) -> bool {
    let first = |what: Does| row.does.iter().position(|does| *does == what);
    first(Does::Install).is_some_and(|install| first(Does::Update).is_none_or(|update| install < update))
}

fn cleaned_later(rows: &[&Row]) -> bool {
    let installs = rows.iter().position(|row| row.has(Does::Install));
    installs.is_some_and(|first| rows[first + 1..].iter().any(|row| row.has(Does::Clean) && !row.has(Does::Install)))
}

/// Lets an instruction remove what it leaves.
fn tidy(draft: &mut Draft<'_>, row: &Row, cached: bool, lists_go: bool, fetched: bool) -> Writer {
    let sudo = sudo(draft, row);
    let mut writer = Writer {
        instruction: row.instruction,
        cleans: is_behind(row, Does::Clean, Does::Install),
        removes: is_behind(row, Does::RemoveLists, Does::Update),
    };
    if !writer.cleans && cached && row.has(Does::Install) && !mounts(draft, row.instruction, "/var/cache/apt") {
        let why = Why::new(RULE, "the image has apt's own cache of packages and lists");
        writer.cleans = draft.append(row.instruction, &format!("{sudo}{CLEAN}"), why);
    }
    let writes = row.has(Does::Install) && (row.has(Does::Update) || fetched);
    if writes && !writer.removes && lists_go {
        let why = Why::new(RULE, "removed in the layer that wrote them, the lists take no room");
        writer.removes = draft.append(row.instruction, &format!("{sudo}{REMOVE}"), why);
        if !writer.removes {
            let text = format!("end this instruction with {REMOVE}: its form does not let it be added");
            draft.note(row.instruction, text);
        }
    }
    writer
}

/// `sudo `, where the instruction's apt runs under it: so must what is added.
fn sudo(draft: &Draft<'_>, row: &Row) -> &'static str {
    let Some(run) = draft.run(row.instruction) else { return "" };
    let installs = run.commands.iter().zip(&row.does).filter(|(_, does)| matches!(does, Does::Install | Does::Update));
    let is_sudo = |command: &crate::dockerfile::Command| {
        command.words.first().is_some_and(|&word| run.tokens[word].text == "sudo")
    };
    if installs.into_iter().any(|(command, _)| is_sudo(command)) { "sudo " } else { "" }
}

/// Whether a command stands behind the last one of another kind.
fn is_behind(row: &Row, what: Does, other: Does) -> bool {
    let last = row.does.iter().rposition(|does| *does == other);
    row.does[last.unwrap_or_default()..].contains(&what)
}

/// Where something behind an instruction may read the lists that it wrote: another stage that builds on this one and
/// installs, or a program of which nothing is known.
struct Readers {
    /// For each instruction: whether what follows in its stage reads them; `None` where that does not tell.
    behind: Vec<Option<bool>>,
    /// For each stage: whether one that builds on it reads them.
    children: Vec<bool>,
}

impl Readers {
    fn of(draft: &Draft<'_>) -> Self {
        let file = draft.file;
        let mut out = Self { behind: vec![None; file.instructions.len()], children: vec![false; file.stages.len()] };
        // A child stands behind its parent.
        for (number, stage) in file.stages.iter().enumerate().rev() {
            let (mut own, mut of_parent) = (None, None);
            for position in stage.instructions.clone().rev() {
                out.behind[position] = own;
                own = reads(draft, position, false).or(own);
                of_parent = reads(draft, position, true).or(of_parent);
            }
            if let Some(parent) = stage.parent {
                out.children[parent] |= of_parent.unwrap_or(out.children[number]);
            }
        }
        out
    }

    fn has(&self, draft: &Draft<'_>, instruction: usize) -> bool {
        let children = || draft.file.stage_of(instruction).is_none_or(|stage| self.children[stage]);
        self.behind[instruction].unwrap_or_else(children)
    }
}

/// Whether an instruction reads lists that are there; `false` where it fetches its own, `None` where it does neither.
fn reads(draft: &Draft<'_>, instruction: usize, is_of_parent: bool) -> Option<bool> {
    let crate::dockerfile::Kind::Run(_) = draft.file.instructions[instruction].kind else { return None };
    let Some(run) = draft.run(instruction) else { return Some(true) };
    run.commands.iter().find_map(|command| match does(run, command) {
        Does::Update => Some(false),
        Does::Install if is_of_parent => Some(true),
        Does::Other if !is_known(run, command) => Some(true),
        _ => None,
    })
}

fn is_known(run: &Run, command: &crate::dockerfile::Command) -> bool {
    is_harmless(run, command)
        || pip::read(run, command).is_some()
        || pip::other(run, command).is_some()
        || words(run, command).first().is_some_and(|program| {
            let name = program.rsplit('/').next().unwrap_or_default();
            ["python", "python3", "gunicorn", "flask", "django-admin", "git", "uv", "pip", "pip3"].contains(&name)
        })
}

/// Whether `apt-get update` can be put before the first install of an instruction.
fn can_fetch(draft: &Draft<'_>, row: &Row) -> bool {
    let Some(run) = draft.run(row.instruction) else { return false };
    let Some(at) = row.does.iter().position(|does| *does == Does::Install) else { return false };
    let command = &run.commands[at];
    !needs_lists(row)
        || !(command.nested || run.form == Form::Exec || matches!(command.before, Some(Operator::Pipe | Operator::Or)))
}

fn prepend_update(draft: &mut Draft<'_>, row: &Row) {
    let Some(run) = draft.run(row.instruction) else { return };
    let Some(at) = row.does.iter().position(|does| *does == Does::Install) else { return };
    if !can_fetch(draft, row) {
        let text = "put apt-get update before this install: the lists are removed where they were fetched";
        return draft.note(row.instruction, text);
    }
    let first = run.commands[at].words.first().map_or(0, |&word| run.tokens[word].span.start);
    let why = Why::new(RULE, "the lists are fetched where they are used, and removed there");
    let text = format!("{}apt-get update{}", sudo(draft, row), draft.joiner(row.instruction));
    draft.put(row.instruction, first..first, text, why);
}

/// What cleans up in a layer of its own goes, once the layers that wrote do it themselves.
fn late_cleaning(draft: &mut Draft<'_>, row: &Row, writers: &[Writer]) {
    let Some(last) = writers.last() else { return };
    let Some(run) = draft.run(row.instruction) else { return };
    let line = draft.file.line(draft.file.instructions[last.instruction].span.start);
    let why =
        Why::new(RULE, format!("the layer of line {line} keeps what is removed here; it is removed there instead"));
    let of_apt = |at: usize| {
        let words = words(run, &run.commands[at]);
        let mut paths = words.iter().skip(1).filter(|word| !word.starts_with('-'));
        paths.all(|path| path.starts_with("/var/lib/apt/lists"))
    };
    let is_done = |at: usize| match row.does[at] {
        Does::Clean => writers.iter().all(|writer| writer.cleans),
        Does::RemoveLists => of_apt(at) && writers.iter().all(|writer| writer.removes),
        _ => false,
    };
    let cleaning: Vec<usize> =
        (0..row.does.len()).filter(|&at| matches!(row.does[at], Does::RemoveLists | Does::Clean)).collect();
    if row.only(&[Does::RemoveLists, Does::Clean]) && cleaning.iter().all(|&at| is_done(at)) {
        return draft.remove(row.instruction, why);
    }
    for at in cleaning {
        if !is_done(at) || !draft.remove_command(row.instruction, at, why.clone()) {
            let text = "what cleans up after apt-get here frees nothing: the layer that installed keeps it";
            draft.note(row.instruction, text);
        }
    }
}

/// Whether an instruction mounts a cache at a path, below it or around it.
fn mounts(draft: &Draft<'_>, instruction: usize, path: &str) -> bool {
    let flags = &draft.file.instructions[instruction].flags;
    let mut caches = flags.iter().filter(|flag| {
        let kind = flag.value.split(',').find_map(|part| part.strip_prefix("type="));
        flag.name == "mount" && matches!(kind, Some("cache" | "tmpfs"))
    });
    let target = |value: &str| {
        let names = ["target=", "dst=", "destination="];
        value.split(',').find_map(|part| names.iter().find_map(|name| part.strip_prefix(name))).map(str::to_owned)
    };
    caches.any(|flag| {
        target(&flag.value).is_some_and(|target| {
            let target = target.trim_end_matches('/');
            target.starts_with(path) || path.starts_with(target) || target.contains('$')
        })
    })
}

/// `apk add` without a cache.
pub(super) fn apk(draft: &mut Draft<'_>, row: &Row) {
    let mounted = mounts(draft, row.instruction, "/var/cache/apk") || mounts(draft, row.instruction, "/etc/apk/cache");
    if mounted || draft.is_gone(row.instruction) {
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
    let why = Why::new(RULE, "with --no-cache apk keeps no index in the layer");
    let others_known =
        run.commands.iter().zip(&row.does).all(|(command, does)| *does != Does::Other || is_known(run, command));
    for (at, command) in run.commands.iter().enumerate() {
        let given = pip::manager(run, command).is_some_and(|(read, _)| read.has(&[Means::NoCache]));
        match row.does[at] {
            Does::ApkAdd if !given && !draft.command_is_gone(row.instruction, at) => {
                if let Some(&verb) = command.words.iter().find(|&&word| run.tokens[word].text == "add") {
                    draft.put_word(row.instruction, verb, "--no-cache", why.clone());
                }
            }
            Does::ApkUpdate if row.has(Does::ApkAdd) && others_known => {
                draft.remove_command(row.instruction, at, why.clone());
            }
            _ => {}
        }
    }
}
