//! Libraries that are needed and not there.

use super::Rule;
use super::context::Context;
use super::{Evidence, Finding, Subject};
use crate::base::{DistId, Location, Text, count, names};
use crate::os::{Need, Provider};
use std::collections::{BTreeMap, BTreeSet};

/// What the container's runtime brings from the host: the driver's own libraries (NVIDIA Container Toolkit,
/// "driver capabilities").
const FROM_HOST: [&str; 5] = ["libcuda.so", "libnvidia-", "libnvcuvid.so", "libnvoptix.so", "libcudadebugger.so"];

/// One finding for each distribution, and one for the application, that has a file whose library is nowhere.
pub(super) fn missing(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let mut by_owner: BTreeMap<Option<DistId>, Vec<&Need>> = BTreeMap::new();
    let missing = |need: &&Need| need.provider == Provider::Nobody && need.layer >= context.base_layers;
    for need in context.facts.libraries.needs.iter().filter(missing) {
        let library = need.library.to_string();
        let library = library.trim_start_matches('/');
        if !FROM_HOST.iter().any(|start| library.starts_with(start)) {
            by_owner.entry(context.facts.python.owner(need.file.as_bytes())).or_default().push(need);
        }
    }
    by_owner.into_iter().map(|(owner, needs)| finding(context, rule, owner, &needs)).collect()
}

fn finding(context: &Context<'_>, rule: &Rule, owner: Option<DistId>, needs: &[&Need]) -> Finding {
    let name = |need: &Need| Text::from(need.library.to_string().trim_start_matches('/'));
    let libraries: Vec<Text> = needs.iter().map(|need| name(need)).collect::<BTreeSet<_>>().into_iter().collect();
    let files: BTreeSet<_> = needs.iter().map(|need| &need.file).collect();
    let (subject, who) = match owner {
        Some(id) => (context.subject(id), context.title(id)),
        None => (Subject::Application, "the application".to_owned()),
    };
    let what = count(files.len(), "file");
    let message = format!("{what} of {who} cannot be loaded: the image has no {}", names(&libraries, 4));
    let rows = needs.iter().map(|need| Evidence {
        location: Some(Location { layer: need.layer, path: need.file.clone() }),
        bytes: 0,
        note: format!("needs {}", name(need)),
    });
    let mut finding = Finding::new(rule, subject, message, 0).with_evidence(rows.collect());
    finding.distributions = owner.into_iter().collect();
    finding
}
