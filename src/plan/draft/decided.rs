//! What a draft decides, for who carries it out without the Dockerfile.

use super::Draft;
use crate::base::{DistId, FastMap, ImagePath, PackageId};
use crate::index::Wanted;
use crate::plan::{Dropped, OverriddenEdge, TargetEnvironment, closure};
use crate::rules::{Detect, Finding, PathSet, Rule, actions};
use crate::wheel::Platform;
use std::collections::BTreeMap;

/// A distribution that is installed anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anew {
    /// Which one of the original it takes the place of.
    pub id: DistId,
    /// What an index is asked for; none where it came from somewhere else.
    pub wanted: Option<Wanted>,
    /// The rule that asks for another build or member; none where files of it are gone, or are those of what goes.
    pub rule: Option<String>,
}

/// The decisions of a plan.
#[derive(Clone, Debug, Default)]
pub struct Decided {
    /// How many of the lowest layers are the base's; 0 where nothing tells that.
    pub base_layers: usize,
    /// The environment that the plan is about.
    pub environment: Option<TargetEnvironment>,
    /// What wheels are for.
    pub platform: Option<Platform>,
    /// Distributions that go, with the rule or the plan's own reason.
    pub gone: BTreeMap<DistId, String>,
    /// Distributions that are installed anew.
    pub anew: Vec<Anew>,
    /// OS packages that go, with the rule or the plan's own reason.
    pub packages: BTreeMap<PackageId, String>,
    /// Visible paths that rules over paths drop, with the rule.
    pub files: FastMap<ImagePath, String>,
    /// What these rules mean in distributions.
    left_out: Vec<PathSet>,
    /// For a report: distributions and packages that go.
    pub dropped: Vec<Dropped>,
    /// Requirements that will not be met, on purpose.
    pub overridden: Vec<OverriddenEdge>,
}

impl<'a> Draft<'a> {
    /// What is decided.
    pub fn decided(&self) -> Decided {
        let (decisions, system) = (&self.decisions, &self.system);
        let wanted: FastMap<DistId, Wanted> = self.indexed().into_iter().zip(self.wanted()).collect();
        let is_new = |id: &DistId| decisions.is_new(self.facts, *id);
        let anew = |id: DistId| Anew {
            id,
            wanted: wanted.get(&id).cloned(),
            rule: decisions.swaps.get(&id).map(|swap| swap.rule.clone()),
        };
        let dropped = crate::plan::dropped_distributions(self.facts, decisions);
        Decided {
            base_layers: self.base_layers(),
            environment: self.target.as_ref().map(|(_, environment)| environment.clone()),
            platform: self.platform(),
            gone: decisions.gone.iter().map(|(id, gone)| (*id, gone.rule.clone())).collect(),
            anew: decisions.kept.iter().copied().filter(is_new).map(anew).collect(),
            packages: system.gone.clone(),
            files: self.followed_files(),
            left_out: self.followed_paths().filter_map(|(_, rule)| rule.detect.of_distributions()).collect(),
            dropped: dropped.into_iter().chain(system.dropped.iter().cloned()).collect(),
            overridden: closure::overridden(self.facts, decisions).0,
        }
    }

    /// What rules over paths drop that are followed.
    fn followed_files(&self) -> FastMap<ImagePath, String> {
        let mut out = FastMap::default();
        for (finding, _) in self.followed_paths() {
            out.extend(finding.paths.iter().map(|path| (path.clone(), finding.rule.clone())));
        }
        out
    }

    fn followed_paths(&self) -> impl Iterator<Item = (&'a Finding, &'a Rule)> {
        self.findings.iter().filter_map(|finding| {
            let rule = self.rules.iter().find(|rule| rule.id == finding.rule)?;
            let is_followed = closure::follows(rule, finding.tier, self.options);
            (matches!(rule.detect, Detect::Paths { .. }) && is_followed).then_some((finding, rule))
        })
    }
}

impl Decided {
    /// Whether a rule that is followed takes such a file out of whatever distribution has it.
    pub fn leaves_out(&self, path: &ImagePath) -> bool {
        self.left_out.iter().any(|paths| paths.has(path.as_bytes()))
    }

    /// Whether a reason is a rule, which can be skipped, and none of the plan's own.
    pub fn is_rule(reason: &str) -> bool {
        reason == actions::BROKEN || actions::own_reason(reason).is_none()
    }
}
