//! Where all that is installed stands in the file itself and little changes, names change in place.

use super::{Found, Wanted};
use crate::emit::edit::draft::Draft;
use crate::emit::edit::pip::{Action, What, is_tool};
use crate::plan::{Pin, Plan, Why};
use crate::python::normalize_name;
use std::collections::BTreeSet;

/// Changes names in place; `false` where that would not be enough.
pub(super) fn edit(draft: &mut Draft<'_>, plan: &Plan, own: &[&Found], wanted: &Wanted) -> bool {
    if !is_enough(draft, plan, own, wanted) {
        return false;
    }
    for found in own {
        let Some(run) = draft.run(found.instruction) else { continue };
        let names: Vec<_> = found.pip.names().collect();
        let goes = |name: &str| wanted.uninstalled.contains(name) || is_dropped(plan, name);
        if names.iter().all(|(_, name)| goes(name)) && !found.pip.has(&What::Source) {
            draft.remove_command(found.instruction, found.command, wanted.why(&wanted.summary));
            continue;
        }
        for (argument, name) in names {
            let token = *argument.tokens.start();
            if goes(name) {
                let mut why = wanted.why(&format!("the plan does not install {name}"));
                if let Some(rule) = rule_of(plan, name) {
                    why.rule = rule;
                }
                draft.remove_tokens(found.instruction, argument.tokens.clone(), &why);
            } else if let Some(pin) = swap_of(plan, name) {
                let span = &run.tokens[token].span;
                let raw = &draft.file.text[span.clone()];
                let written = raw.trim_start_matches(['"', '\'']);
                let start = span.start + (raw.len() - written.len());
                let length =
                    written.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c))).unwrap_or(written.len());
                let old = pin.instead_of.as_deref().unwrap_or_default();
                let why = wanted.why(&format!("the plan installs {} instead of {old}", pin.name));
                draft.put(found.instruction, start..start + length, pin.name.clone(), why);
            }
        }
    }
    true
}

fn swap_of<'p>(plan: &'p Plan, name: &str) -> Option<&'p Pin> {
    plan.pins.iter().find(|pin| pin.replaces().is_some_and(|old| old == name))
}

/// The rule that drops a distribution.
fn rule_of(plan: &Plan, name: &str) -> Option<String> {
    let gone = plan.dropped.iter().find(|gone| normalize_name(&gone.name) == name)?;
    Some(gone.rule.clone())
}

fn is_dropped(plan: &Plan, name: &str) -> bool {
    plan.dropped.iter().any(|gone| normalize_name(&gone.name) == name)
}

fn is_enough(draft: &Draft<'_>, plan: &Plan, own: &[&Found], wanted: &Wanted) -> bool {
    let mut inline = BTreeSet::new();
    for found in own {
        let plain =
            found.pip.action == Action::Install && found.pip.files().next().is_none() && !found.pip.has(&What::Unknown);
        let Some(run) = draft.run(found.instruction).filter(|_| plain) else { return false };
        for (argument, name) in found.pip.names() {
            let literal = argument.tokens.clone().all(|token| run.tokens[token].literal);
            if !literal || name.is_empty() || !inline.insert(name.to_owned()) {
                return false;
            }
        }
        let removable =
            found.pip.names().any(|(_, name)| !wanted.uninstalled.contains(name) && !is_dropped(plan, name));
        if !removable && run.commands[found.command].nested {
            return false;
        }
    }
    // What is asked for by itself, and only came along so far: the one that serves in the place of what goes.
    let is_root = |pin: &&Pin| matches!(pin.why, Why::AskedFor(_)) && pin.instead_of.is_none();
    let named = |pin: &Pin| inline.contains(&normalize_name(&pin.name)) || is_tool(&normalize_name(&pin.name));
    if !plan.pins.iter().filter(is_root).all(named) {
        return false;
    }
    let swaps = plan.pins.iter().filter(|pin| pin.instead_of.is_some());
    let drops = plan.dropped.iter().map(|gone| (normalize_name(&gone.name), gone.why.follows()));
    plan.overridden.is_empty()
        && plan.pins.iter().all(|pin| pin.index.is_none())
        && swaps.filter_map(Pin::replaces).all(|old| inline.contains(&old))
        && drops.into_iter().all(|(name, follows)| follows || is_tool(&name) || inline.contains(&name))
        && wanted.uninstalled.iter().all(|name| inline.contains(name))
}
