//! Libraries that shared objects need, in the image that a plan predicts: what had its library before must have it after.
//!
//! The predicted image is looked at by the same code as the original. What its new files need is not known before they
//! are installed, and neither is what a distribution has whose wheel's list was not read.

use super::predict::stand_in_path;
use super::{Pin, Plan};
use crate::base::ImagePath;
use crate::facts::Facts;
use crate::fs::View;
use crate::os::{Libraries, Need, OsInventory, Provider};
use crate::python::normalize_name;
use std::collections::BTreeMap;

/// The needs of an image's shared objects and programs before a plan and after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LibraryCheck {
    /// Needs that nobody meets in the original, of files that stay.
    pub unmet_before: usize,
    /// Needs that are met in the original, and not in the predicted image; sorted.
    pub unmet: Vec<Unmet>,
    /// Needs of which it is not known, because what is to meet them is new and not listed.
    pub unknown: usize,
}

/// A need that would no longer be met.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unmet {
    /// The shared object or program.
    pub file: ImagePath,
    /// The distribution that it belongs to, as `name version`.
    pub owner: Option<String>,
    /// The library's name.
    pub library: String,
    /// Who has it in the original: a path, or an OS package.
    pub provider: String,
}

/// Compares an image with the one that a plan of it predicts.
pub fn libraries_after(facts: &Facts<'_>, plan: &Plan) -> LibraryCheck {
    let view = View::new(&plan.predicted);
    let after = Libraries::new(&view, &OsInventory::new(&view));
    let before: BTreeMap<(&ImagePath, &ImagePath), &Need> =
        facts.libraries.needs.iter().map(|need| ((&need.file, &need.library), need)).collect();
    let mut check = LibraryCheck::default();
    for need in after.needs.iter().filter(|need| need.provider == Provider::Nobody) {
        let Some(known) = before.get(&(&need.file, &need.library)) else { continue };
        match &known.provider {
            Provider::Nobody | Provider::NotKnown => check.unmet_before += 1,
            Provider::File(path) if is_unlisted(facts, plan, &view, path) => check.unknown += 1,
            provider => check.unmet.push(unmet(facts, known, provider)),
        }
    }
    check.unmet.sort();
    check
}

fn unmet(facts: &Facts<'_>, need: &Need, provider: &Provider) -> Unmet {
    let provider = match provider {
        Provider::Package(position) => facts.os.packages.get(*position).map(|package| package.name.clone()),
        Provider::File(path) => Some(path.to_string()),
        Provider::Nobody | Provider::NotKnown => None,
    };
    let owner = facts.python.owner(need.file.as_bytes()).map(|id| &facts.python.distributions[id]);
    Unmet {
        file: need.file.clone(),
        owner: owner.map(|dist| format!("{} {}", dist.name, dist.version)),
        library: need.library.to_string().trim_start_matches('/').to_owned(),
        provider: provider.unwrap_or_default(),
    }
}

/// Whether a file is one of a distribution that is installed anew, and of whose files only the sum is predicted.
fn is_unlisted(facts: &Facts<'_>, plan: &Plan, predicted: &View<'_>, path: &ImagePath) -> bool {
    let Some(dist) = facts.python.owner(path.as_bytes()).map(|id| &facts.python.distributions[id]) else {
        return false;
    };
    let title = format!("{} {}", dist.name, dist.version);
    let is_of = |pin: &&Pin| match &pin.instead_of {
        Some(instead) => *instead == title,
        None => normalize_name(&pin.name) == dist.normalized,
    };
    let pin = plan.pins.iter().find(is_of).zip(plan.environment.as_ref());
    let stand_in = pin.map(|(pin, environment)| stand_in_path(environment, &pin.name, &pin.version));
    stand_in.is_some_and(|path| predicted.get(path.as_bytes()).is_some())
}
