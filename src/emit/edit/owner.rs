//! Changes of owner and mode, and removals, in a layer of their own: they double or hide what a layer below has.

use super::draft::{Draft, Why};
use super::pip::words;
use super::reach::Reach;
use crate::base::{ByteSize, ImagePath, is_within};
use crate::dockerfile::{Kind, Run, Scope};
use crate::plan::Plan;
use crate::rules::{Glob, actions};
use std::collections::BTreeSet;

/// Commands that write outside the application's folder, or nothing.
const ELSEWHERE: [&str; 26] = [
    "apt-get",
    "apt",
    "apk",
    "dpkg",
    "pip",
    "pip3",
    "python",
    "python3",
    "uv",
    "useradd",
    "adduser",
    "usermod",
    "groupadd",
    "addgroup",
    "groupmod",
    "chown",
    "chmod",
    "rm",
    "echo",
    "set",
    "true",
    "ldconfig",
    "update-ca-certificates",
    "export",
    "locale-gen",
    "cd",
];

/// A recursive change of owner or mode.
struct Recursive {
    instruction: usize,
    command: usize,
    /// `chown` or `chmod`.
    flag: &'static str,
    /// The token `-R`, and whether it is that option alone.
    option: usize,
    /// Owner or mode.
    value: String,
    /// Absolute paths.
    paths: Vec<String>,
}

/// Edits such instructions of the image's own layers.
pub(super) fn edit(draft: &mut Draft<'_>, plan: &Plan, reach: &Reach) {
    for (position, &instruction) in reach.layers.iter().enumerate() {
        let Some(run) = draft.run(instruction).filter(|_| !draft.is_gone(instruction)) else { continue };
        let scope = draft.file.scope(instruction);
        for (at, command) in run.commands.iter().enumerate() {
            match words(run, command).first() {
                Some(&"chown" | &"chmod") if !draft.skips(actions::REWRITTEN) => {
                    if let Some(found) = recursive(run, instruction, at, &scope)
                        && let Err(why_not) = fold(draft, plan, &reach.layers[..position], &found)
                    {
                        draft
                            .note(instruction, format!("this {} -R writes its files once more: {why_not}", found.flag));
                    }
                }
                Some(&"rm") if !draft.skips(actions::HIDDEN) => {
                    removal(draft, plan, &reach.layers[..position], instruction, run, at)
                }
                _ => {}
            }
        }
    }
}

fn recursive(run: &Run, instruction: usize, at: usize, scope: &Scope) -> Option<Recursive> {
    let command = &run.commands[at];
    let flag = if words(run, command).first() == Some(&"chown") { "chown" } else { "chmod" };
    let first = super::pip::program(run, command)?;
    let (mut option, mut rest) = (None, Vec::new());
    for &word in &command.words[first + 1..] {
        let text = run.tokens[word].text.as_str();
        match text {
            "-R" | "--recursive" => option = Some(word),
            _ if text.starts_with('-') && text.contains('R') && !text.starts_with("--") => return None,
            _ if text.starts_with('-') => {}
            _ => rest.push(text.to_owned()),
        }
    }
    let value = rest.first()?.clone();
    let paths: Option<Vec<String>> = rest[1..].iter().map(|path| scope.absolute(path)).collect();
    Some(Recursive {
        instruction,
        command: at,
        flag,
        option: option?,
        value,
        paths: paths.filter(|paths| !paths.is_empty())?,
    })
}

fn is_below(path: &str, folder: &str) -> bool {
    is_within(path.trim_start_matches('/').as_bytes(), folder.trim_start_matches('/').as_bytes())
}

/// Gives the owner to the `COPY`s that bring the files; the folder itself keeps its own change.
fn fold(draft: &mut Draft<'_>, plan: &Plan, before: &[usize], found: &Recursive) -> Result<(), String> {
    if found.flag == "chmod" && !found.value.chars().all(|c| c.is_ascii_digit()) {
        return Err("set the modes where the files are made; COPY --chmod takes numbers".into());
    }
    if found.paths.iter().any(|path| path.contains(['*', '?', '[', '~'])) {
        return Err("its paths are patterns; set the owner where the files are made".into());
    }
    let copies = copies_below(draft, before, found)?;
    let first = copies
        .first()
        .copied()
        .ok_or("no COPY brings them; make the change in the instruction that makes the files")?;
    for &instruction in before {
        match instruction > first {
            true => writes_elsewhere(draft, instruction, found)?,
            false => is_untouched_by(draft, instruction, found)?,
        }
    }
    let below =
        |prefix: &[u8]| found.paths.iter().any(|path| is_within(prefix, ImagePath::from(path.as_str()).as_bytes()));
    if plan.environment.as_ref().is_some_and(|environment| below(environment.prefix.as_bytes())) {
        return Err(
            "the Python environment is below; read-only files need not belong to the user who runs the service".into(),
        );
    }
    let value = value_at(draft, plan, before, first, found)?;
    let linked = |&copy: &usize| draft.file.instructions[copy].flags.iter().any(|flag| flag.name == "link");
    if copies.iter().any(linked) && value.chars().any(|c| c.is_ascii_alphabetic()) {
        return Err("COPY --link knows no account's name; use COPY --chown with numbers".into());
    }
    let why =
        Why::new(actions::REWRITTEN, format!("{} -R in a later layer would write every file once more", found.flag));
    for &copy in &copies {
        let end = draft.file.instructions[copy].keyword.end;
        draft.put(copy, end..end, format!(" --{}={value}", found.flag), why.clone());
    }
    if found.flag == "chown" {
        let why = Why::new(actions::REWRITTEN, "the folder alone: what is in it has its owner from COPY --chown");
        draft.remove_tokens(found.instruction, [found.option], &why);
    } else if !draft.remove_command(found.instruction, found.command, why) {
        let why = Why::new(actions::REWRITTEN, "the folder alone: what is in it has its mode from COPY --chmod");
        draft.remove_tokens(found.instruction, [found.option], &why);
    }
    Ok(())
}

/// The `COPY`s whose files are all below the paths.
fn copies_below(draft: &Draft<'_>, before: &[usize], found: &Recursive) -> Result<Vec<usize>, String> {
    let mut out = Vec::new();
    let mut brought: BTreeSet<&String> = BTreeSet::new();
    for &position in before {
        let instruction = &draft.file.instructions[position];
        let Kind::Copy(copy) = &instruction.kind else { continue };
        let line = draft.file.line(instruction.span.start);
        let to = draft.file.scope(position).absolute(&copy.destination);
        let Some(to) = to else { return Err(format!("where line {line} copies to is not known")) };
        if found.paths.iter().any(|path| is_below(&to, path)) {
            if instruction.flags.iter().any(|flag| flag.name == found.flag) {
                return Err(format!("line {line} sets another one already"));
            }
            found.paths.iter().filter(|path| is_below(&to, path)).for_each(|path| _ = brought.insert(path));
            out.push(position);
        } else if found.paths.iter().any(|path| is_below(path, &to)) {
            return Err(format!("line {line} brings these and other files with one COPY; split it"));
        }
    }
    // What a package or the base put there has no COPY to give it the owner.
    match found.paths.iter().find(|path| !brought.contains(path)).filter(|_| !out.is_empty()) {
        Some(path) => {
            Err(format!("no COPY brings what is in {path}; make the change in the instruction that makes it"))
        }
        None => Ok(out),
    }
}

/// Whether a `RUN` before the first `COPY` made no file below the paths, as far as its words tell.
fn is_untouched_by(draft: &Draft<'_>, instruction: usize, found: &Recursive) -> Result<(), String> {
    let Some(run) = draft.run(instruction).filter(|_| !draft.is_gone(instruction)) else { return Ok(()) };
    let line = draft.file.line(draft.file.instructions[instruction].span.start);
    let scope = draft.file.scope(instruction);
    let is_ours = |path: &str| found.paths.iter().any(|own| is_below(path, own));
    let works_there = scope.directory.as_deref().is_some_and(is_ours);
    for command in &run.commands {
        let words = words(run, command);
        let program = words.first().map(|word| word.rsplit('/').next().unwrap_or_default()).unwrap_or_default();
        let absolute = |word: &&str| scope.absolute(word).filter(|path| is_ours(path));
        let names = words.iter().skip(1).filter(|word| word.starts_with('/')).filter_map(absolute);
        let is_folder = |path: &String| program == "mkdir" && found.paths.contains(path);
        let makes = names.into_iter().any(|path| !is_folder(&path));
        if makes && !["chown", "chmod"].contains(&program)
            || works_there && !ELSEWHERE.contains(&program) && program != "mkdir"
        {
            return Err(format!("line {line} may have made files there too; set the owner where each is made"));
        }
    }
    Ok(())
}

/// Whether a `RUN` between may have made files below the paths.
fn writes_elsewhere(draft: &Draft<'_>, instruction: usize, found: &Recursive) -> Result<(), String> {
    if !matches!(draft.file.instructions[instruction].kind, Kind::Run(_)) || draft.is_gone(instruction) {
        return Ok(());
    }
    let line = draft.file.line(draft.file.instructions[instruction].span.start);
    let unknown = || format!("line {line} may have made files there too; set the owner where each is made");
    let run = draft.run(instruction).ok_or_else(unknown)?;
    let scope = draft.file.scope(instruction);
    for command in &run.commands {
        let words = words(run, command);
        let program = words.first().map(|word| word.rsplit('/').next().unwrap_or_default()).unwrap_or_default();
        let module = program.starts_with("python") && words.get(1..3) != Some(&["-m", "pip"]);
        let named =
            words.iter().skip(1).filter(|word| word.starts_with('/')).any(|word| {
                scope.absolute(word).is_none_or(|word| found.paths.iter().any(|path| is_below(&word, path)))
            });
        let to_file = run.tokens[command.tokens.clone()].iter().any(|token| token.operator.is_some() && !token.literal);
        if !ELSEWHERE.contains(&program) || module || to_file || (named && !["chown", "chmod"].contains(&program)) {
            return Err(unknown());
        }
    }
    Ok(())
}

/// Programs that make accounts, and those whose packages do.
const MAKE_ACCOUNTS: [&str; 6] = ["useradd", "adduser", "usermod", "groupadd", "addgroup", "groupmod"];
const PACKAGE_MANAGERS: [&str; 8] = ["apt-get", "apt", "apk", "dpkg", "dnf", "microdnf", "yum", "zypper"];

/// The owner as `COPY` can know it: a name that an instruction behind the `COPY` makes is written as a number.
fn value_at(
    draft: &Draft<'_>,
    plan: &Plan,
    before: &[usize],
    first: usize,
    found: &Recursive,
) -> Result<String, String> {
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c));
    if found.flag == "chmod" {
        return Ok(found.value.clone());
    }
    let value = draft.file.scope(found.instruction).expand(&found.value).filter(|value| plain(value));
    let Some(value) = value else { return Err("its owner is not known here; write it into COPY --chown".into()) };
    let names: Vec<&str> = value.split(':').filter(|name| !name.is_empty()).collect();
    let made_later =
        before.iter().chain([&found.instruction]).filter(|&&instruction| instruction > first).any(|&instruction| {
            let Kind::Run(run) = &draft.file.instructions[instruction].kind else { return false };
            let scope = draft.file.scope(instruction);
            run.commands.iter().any(|command| {
                let words = words(run, command);
                let program = words.first().map(|word| word.rsplit('/').next().unwrap_or_default()).unwrap_or_default();
                let is_name = |word: &&str| scope.expand(word).is_none_or(|word| names.contains(&word.as_str()));
                let is_number = names.iter().all(|name| name.chars().all(|c| c.is_ascii_digit()));
                // Packages make accounts for what they start.
                let installs =
                    PACKAGE_MANAGERS.contains(&program) && !is_number && value != "root" && value != "root:root";
                installs || MAKE_ACCOUNTS.contains(&program) && words.iter().skip(1).any(is_name)
            })
        });
    // `chown USER` leaves the group; COPY --chown=USER takes the user's own.
    let user_only = !value.contains(':') && !value.chars().all(|c| c.is_ascii_digit());
    if !made_later {
        return Ok(if value.ends_with(':') {
            value.trim_end_matches(':').to_owned()
        } else if user_only {
            format!("{value}:root")
        } else {
            value
        });
    }
    let owned = |item: &&crate::plan::CopyItem| {
        found.paths.iter().any(|path| is_below(&format!("/{}", String::from_utf8_lossy(item.path.as_bytes())), path))
    };
    let mut owners: Vec<(u32, u32)> = plan.copies.iter().filter(owned).map(|item| (item.uid, item.gid)).collect();
    owners.sort_unstable();
    owners.dedup();
    match owners.as_slice() {
        [(uid, gid)] => Ok(format!("{uid}:{gid}")),
        _ => Err(format!("{} is made behind the COPY; make the account first and use COPY --chown", names.join(":"))),
    }
}

/// A removal of what an instruction below made.
fn removal(draft: &mut Draft<'_>, plan: &Plan, before: &[usize], instruction: usize, run: &Run, at: usize) {
    let all = words(run, &run.commands[at]);
    let paths: Vec<&str> = all.iter().skip(1).filter(|word| !word.starts_with('-')).copied().collect();
    let local = |path: &&str| {
        run.commands[..at].iter().any(|command| words(run, command).iter().skip(1).any(|word| mentions(word, path)))
    };
    let is_apt = |path: &&str| path.starts_with("/var/lib/apt") || path.starts_with("/var/cache/apt");
    let is_temporary = |path: &&str| path.starts_with("/tmp/pip") || path.contains("apk");
    if paths.is_empty()
        || draft.command_is_gone(instruction, at)
        || paths.iter().all(|path| local(path) || is_apt(path) || is_temporary(path))
    {
        return;
    }
    // Only what a lower layer really has is hidden: the image's layers tell.
    let scope = draft.file.scope(instruction);
    let moved = run.commands[..at].iter().any(|command| matches!(words(run, command).first(), Some(&("cd" | "pushd"))));
    let hidden: Vec<(&str, u64)> = paths
        .iter()
        .filter(|path| path.starts_with('/') || !moved)
        .filter_map(|path| Some((*path, hidden_bytes(plan, &scope.absolute(path)?))))
        .filter(|(_, bytes)| *bytes > 0)
        .collect();
    let only_removes = run.commands.iter().all(|command| words(run, command).first() == Some(&"rm"));
    let installs_here = run.commands.iter().any(|command| super::pip::read(run, command).is_some());
    if installs_here && paths.iter().all(|path| path.contains(".cache")) {
        return;
    }
    let previous = before.iter().rev().copied().find(|&position| {
        matches!(draft.file.instructions[position].kind, Kind::Run(_) | Kind::Copy(_) | Kind::From { .. })
            && !draft.is_gone(position)
    });
    let made = previous.filter(|&position| {
        let run = draft.run(position);
        run.is_some_and(|run| paths.iter().all(|path| makes(run, path)))
    });
    let same_directory =
        made.is_some_and(|made| draft.file.scope(made).directory == draft.file.scope(instruction).directory);
    // What is fetched in a build that nobody ran no layer shows: the command that names the file does.
    let fetched = made.and_then(|made| draft.run(made)).is_some_and(|run| fetches(run, &paths));
    if let (Some(made), true, true) =
        (made.filter(|_| fetched || !hidden.is_empty()), only_removes && run.commands.len() == 1, same_directory)
    {
        let raw = run.tokens[run.commands[at].tokens.clone()].iter().map(|token| &draft.file.text[token.span.clone()]);
        let text = raw.collect::<Vec<_>>().join(" ");
        let line = draft.file.line(draft.file.instructions[instruction].span.start);
        let why = Why::new(
            actions::HIDDEN,
            format!("removed in the layer that made it, and not in line {line}, it takes no room"),
        );
        if draft.append(made, &text, why) {
            draft.remove(
                instruction,
                Why::new(actions::HIDDEN, "a layer below keeps what is removed here; it is removed there instead"),
            );
            return;
        }
    }
    if hidden.is_empty() {
        return;
    }
    let kept: Vec<String> = hidden.iter().map(|(path, bytes)| format!("{path} ({})", ByteSize(*bytes))).collect();
    draft.note(instruction, format!(
        "rm frees nothing here: a layer below keeps {}; remove it in the instruction that makes it, or do not bring it",
        kept.join(", ")
    ));
}

/// Whether a command fetches each of the paths.
fn fetches(run: &Run, paths: &[&str]) -> bool {
    let names = |path: &&str| {
        run.commands.iter().any(|command| {
            let words = words(run, command);
            matches!(words.first(), Some(&("curl" | "wget"))) && words.iter().skip(1).any(|word| word.ends_with(*path))
        })
    };
    paths.iter().all(names)
}

/// The bytes of files that a later layer removed and that a path of `rm` names: it may be a pattern, or a folder.
fn hidden_bytes(plan: &Plan, path: &str) -> u64 {
    let path = path.trim_start_matches('/').trim_end_matches('/');
    let glob = path.contains(['*', '?']).then(|| Glob::new(path).ok()).flatten();
    let is_meant = |file: &[u8]| match &glob {
        // A folder that the pattern names goes with all that is in it.
        Some(glob) => {
            let mut ends = (0..file.len()).filter(|&at| file[at] == b'/').chain([file.len()]);
            ends.any(|end| glob.matches(&file[..end]))
        }
        None => is_within(file, path.as_bytes()),
    };
    plan.hidden.iter().filter(|(file, _)| is_meant(file.as_bytes())).map(|(_, bytes)| bytes).sum()
}

/// Whether a path of one command is the other's, or around it.
fn mentions(word: &str, path: &str) -> bool {
    let path = path.trim_end_matches(['*', '/']);
    path.len() > 1 && (word.starts_with(path) || path.starts_with(word.trim_end_matches('/')) && word.len() > 4)
}

fn makes(run: &Run, path: &str) -> bool {
    let installs =
        path.contains(".cache") && run.commands.iter().any(|command| super::pip::read(run, command).is_some());
    installs || run.commands.iter().any(|command| words(run, command).iter().skip(1).any(|word| mentions(word, path)))
}
