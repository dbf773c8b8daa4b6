//! What the final image is made of.

use crate::base::ImagePath;
use crate::base::is_within;
use crate::dockerfile::{Dockerfile, Kind};
use crate::plan::Plan;
use std::collections::BTreeSet;

/// The instructions that matter.
pub(super) struct Reach {
    /// Those whose layers are the image's, in order.
    pub layers: Vec<usize>,
    /// Stages from which the distributions are copied, or their wheels.
    pub feeding: BTreeSet<usize>,
}

impl Reach {
    pub(super) fn new(file: &Dockerfile<'_>, target: usize, plan: &Plan) -> Self {
        let layers = file.instructions_of(target);
        let mut feeding = BTreeSet::new();
        for &position in &layers {
            if let Some(stage) = file.source_stage(position)
                && feeds(file, position, plan)
            {
                feeding.extend(file.lineage(stage));
            }
        }
        let own: BTreeSet<usize> = file.lineage(target).into_iter().collect();
        feeding.retain(|stage| !own.contains(stage));
        Self { layers, feeding }
    }

    /// The groups in which installs add up: the image's own layers, and each stage that feeds it.
    pub(super) fn group(&self, file: &Dockerfile<'_>, instruction: usize) -> Option<Option<usize>> {
        if self.layers.contains(&instruction) {
            return Some(None);
        }
        let stage = file.stage_of(instruction).filter(|stage| self.feeding.contains(stage))?;
        // A stage and those that build on it are one.
        file.lineage(stage).into_iter().find(|stage| self.feeding.contains(stage)).map(Some)
    }
}

/// Whether a copy from a stage brings distributions, or wheels to install.
fn feeds(file: &Dockerfile<'_>, position: usize, plan: &Plan) -> bool {
    let Kind::Copy(copy) = &file.instructions[position].kind else { return false };
    if copy.sources.iter().any(|source| source.contains("wheel") || source.ends_with(".whl")) {
        return true;
    }
    let Some(environment) = &plan.environment else { return false };
    let Some(to) = file.scope(position).absolute(&copy.destination) else { return true };
    let to = ImagePath::from(to.trim_start_matches('/'));
    let prefix = environment.prefix.as_bytes();
    is_within(to.as_bytes(), prefix) || is_within(prefix, to.as_bytes()) || to.is_root()
}
