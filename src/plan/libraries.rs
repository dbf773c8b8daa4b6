//! What kept distributions use that the plan's choice does not have. A library has code for machines that the service
//! never sees, so it decides nothing, and is named.

use super::closure::Decisions;
use crate::base::DistId;
use crate::facts::Facts;
use crate::python::UsedAt;
use crate::rules::{Detect, Rule};
use crate::rules::{in_order, needed, places};
use std::collections::BTreeMap;

/// Who lacks what: a distribution, the name of what was chosen, and the places.
type Lacks<'u> = BTreeMap<(DistId, &'u str), Vec<UsedAt<'u>>>;

/// Adds a note for each distribution and choice.
pub(super) fn remark(out: &mut Decisions, facts: &Facts<'_>, rules: &[Rule]) {
    let lacks = lacks(out, facts, rules);
    let note = |((id, kept), uses): ((DistId, &str), Vec<UsedAt<'_>>)| {
        let dist = &facts.python.distributions[id];
        let places = places(&in_order(uses.into_iter()));
        format!("{} {} uses what {kept} does not offer, if the code is run: {places}", dist.name, dist.version)
    };
    let notes: Vec<String> = lacks.into_iter().map(note).collect();
    out.notes.extend(notes);
}

fn lacks<'u>(decisions: &'u Decisions, facts: &Facts<'u>, rules: &'u [Rule]) -> Lacks<'u> {
    let mut lacks = Lacks::new();
    let stays = |used: &UsedAt<'_>| {
        used.file.owner.filter(|id| decisions.kept.contains(id) && !decisions.swaps.contains_key(id))
    };
    for rule in rules {
        let kept = decisions.families.iter().find(|(id, _)| *id == rule.id).map(|(_, kept)| kept.as_str());
        match (&rule.detect, kept) {
            (Detect::DuplicateFamily { members, needs, .. }, Some(kept)) => {
                let lacking = needed(facts.uses.in_libraries(), needs).into_iter();
                let lacking = lacking.filter(|(name, _)| !needs[*name].iter().any(|member| member == kept));
                for used in lacking.flat_map(|(_, uses)| uses) {
                    let is_member = |id: &DistId| members.contains(&facts.python.distributions[*id].normalized);
                    if let Some(id) = stays(&used).filter(|id| !is_member(id)) {
                        lacks.entry((id, kept)).or_default().push(used);
                    }
                }
            }
            (Detect::GpuBuild { unless, replace, .. }, _)
                if decisions.swaps.values().any(|swap| swap.rule == rule.id) =>
            {
                for used in facts.uses.in_libraries().filter(|used| unless.has(used)) {
                    if let Some(id) = stays(&used) {
                        lacks.entry((id, &replace.name)).or_default().push(used);
                    }
                }
            }
            _ => {}
        }
    }
    lacks
}
