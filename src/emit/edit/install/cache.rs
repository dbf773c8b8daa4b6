//! Options that keep an installer's cache out of the layer.

use super::Found;
use crate::command::Means;
use crate::dockerfile::Scope;
use crate::emit::edit::draft::{Draft, Why};
use crate::emit::edit::pip::{Action, Other, other, words};
use crate::emit::edit::reach::Reach;
use crate::plan::Plan;
use crate::rules::actions;

/// Adds the option to every install in the image's own layers that writes a cache.
pub(super) fn edit(draft: &mut Draft<'_>, plan: &Plan, found: &[Found]) {
    for one in found.iter().filter(|one| one.group.is_none()) {
        if draft.command_is_gone(one.instruction, one.command) {
            continue;
        }
        if let Some(flag) = flag(draft, plan, one) {
            let why = Why::new(actions::DOWNLOADS, "what was downloaded would stay in the layer once more");
            draft.put_word(one.instruction, one.pip.verb, flag, why);
        }
    }
}

/// Poetry, PDM and Pipenv have no such option: what they keep goes in the instruction that brought it. Environments, which
/// Poetry has beside its cache, stay.
pub(super) fn remove(draft: &mut Draft<'_>, plan: &Plan, reach: &Reach) {
    for instruction in 0..draft.file.instructions.len() {
        let Some(run) = draft.run(instruction).filter(|_| reach.group(draft.file, instruction) == Some(None)) else {
            continue;
        };
        let tools: Vec<Other> = run.commands.iter().filter_map(|command| Some(other(run, command)?.0)).collect();
        let removed = run.commands.iter().map(|command| words(run, command)).any(|words| {
            words.first() == Some(&"rm") && words.iter().any(|word| word.to_ascii_lowercase().contains("cache"))
                || words.windows(2).any(|pair| pair[0] == "cache" && pair[1] == "clear")
        });
        if removed || has_cache_mount(draft, instruction) {
            continue;
        }
        let variables = draft.file.scope(instruction);
        let is_set = |name: &str| {
            let of_base = plan.config.env.iter().any(|pair| pair.split('=').next() == Some(name));
            of_base || variables.variables.contains_key(name)
        };
        if let Some(folders) = tools.iter().find_map(|tool| folders(*tool, &is_set)) {
            let why = Why::new(actions::DOWNLOADS, "what was downloaded would stay in the layer once more");
            draft.append(instruction, &format!("rm -rf {folders}"), why);
        }
    }
}

/// What a tool keeps of what it downloaded, in words of a shell; none where a variable says that it is elsewhere.
fn folders(tool: Other, is_set: &dyn Fn(&str) -> bool) -> Option<&'static str> {
    let (variable, folders) = match tool {
        Other::Poetry => ("POETRY_CACHE_DIR", "~/.cache/pypoetry/cache ~/.cache/pypoetry/artifacts"),
        Other::Pdm => ("PDM_CACHE_DIR", "~/.cache/pdm"),
        Other::Pipenv => ("PIPENV_CACHE_DIR", "~/.cache/pipenv"),
        Other::UvSync | Other::Conda => return None,
    };
    (!is_set(variable) && !is_set("XDG_CACHE_HOME") && !is_set("PDM_INSTALL_CACHE")).then_some(folders)
}

/// The option that is missing.
pub(super) fn flag(draft: &Draft<'_>, plan: &Plan, found: &Found) -> Option<&'static str> {
    let (flag, variable) =
        if found.pip.uv { ("--no-cache", "UV_NO_CACHE") } else { ("--no-cache-dir", "PIP_NO_CACHE_DIR") };
    let fetches = matches!(found.pip.action, Action::Install | Action::Sync);
    let run = draft.run(found.instruction)?;
    let of_base = plan.config.env.iter().any(|pair| pair.starts_with(&format!("{variable}=")) && is_on(pair));
    let in_command = run.tokens.iter().any(|token| token.text.starts_with(&format!("{variable}=")));
    // In any form, or as another folder, which its author chose.
    let given = found.pip.has_option(Means::NoCache) || found.pip.has_option(Means::CacheDir);
    let variables = draft.file.scope(found.instruction);
    let mounted = has_cache_mount(draft, found.instruction);
    let removed = run.commands[found.command..].iter().any(|command| {
        let words = words(run, command);
        words.first() == Some(&"rm") && words.iter().any(|word| word.contains(".cache"))
            || words.windows(2).any(|pair| pair == ["cache", "purge"])
    });
    let off = of_base || in_command || given || is_set(&variables, variable) || mounted || removed;
    (fetches && found.group.is_none() && !off).then_some(flag)
}

fn is_set(scope: &Scope, variable: &str) -> bool {
    scope.variables.get(variable).is_some_and(|value| is_on(value))
}

/// pip takes `0`, `off`, `no` and `false` for off.
fn is_on(value: &str) -> bool {
    let value = value.rsplit('=').next().unwrap_or_default();
    !["0", "off", "no", "false", ""].contains(&value.to_ascii_lowercase().as_str())
}

/// Whether a cache of an installer is mounted.
fn has_cache_mount(draft: &Draft<'_>, instruction: usize) -> bool {
    let mounts = draft.file.instructions[instruction].flags.iter().filter(|flag| flag.name == "mount");
    mounts.filter(|flag| flag.value.contains("type=cache")).any(|flag| {
        flag.value.contains("cache") && {
            let target =
                flag.value.split(',').find_map(|part| part.strip_prefix("target=").or(part.strip_prefix("dst=")));
            target.is_some_and(|target| !target.contains("/apt") && !target.contains("/apk"))
        }
    })
}
