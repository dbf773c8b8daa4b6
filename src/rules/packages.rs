//! OS packages.

use super::context::{Context, title};
use super::gpu::gpu_variable;
use super::signs::{self, in_order, places};
use super::{Evidence, Finding, Subject};
use super::{GlobSet, Rule, Signs};
use crate::base::{ByteSize, CondaId, Location, Numbered, PackageId, Text, count, names as join};
use crate::fs::Owner;
use crate::os::OsPackage;
use crate::python::UsedAt;

/// One finding for all named packages that were installed above the base image, or in it.
pub(super) fn named(
    context: &Context<'_>,
    rule: &Rule,
    (names, leave): (&GlobSet, &GlobSet),
    (of_base, least): (bool, usize),
) -> Option<Finding> {
    let packages = &context.facts.os.packages;
    let wanted = |package: &OsPackage| {
        let name = package.name.as_bytes();
        !package.essential && names.matches(name) && !leave.matches(name)
    };
    let mut found: Vec<PackageId> = packages.ids().filter(|&place| wanted(&packages[place])).collect();
    if found.is_empty() {
        return None;
    }
    let places = places_of(context);
    found.retain(|&place| is_above_base(context, &packages[place], &places[place]) != of_base);
    if found.is_empty() || found.len() < least {
        return None;
    }
    let bytes = found.iter().fold(0u64, |sum, &place| sum.saturating_add(packages[place].bytes));
    let rows = found.iter().map(|&place| row(context, &packages[place], &places[place])).collect();
    let mut finding =
        Finding::new(rule, Subject::Packages, message(packages, &found, bytes), bytes).with_evidence(rows);
    finding.os_packages = found;
    Some(finding)
}

/// One finding for the conda packages of a name, or of a build for GPUs, in all environments.
pub(super) fn conda(
    context: &Context<'_>,
    rule: &Rule,
    (names, gpu_builds): (&GlobSet, bool),
    unless: &Signs,
) -> Option<Finding> {
    let facts = context.facts;
    let conda = &facts.os.conda;
    let bytes_of = |id: CondaId| {
        let own = facts.summary.owners.get(&Owner::CondaPackage(id)).map_or(0, |(bytes, _)| *bytes);
        // A Python distribution in it owns its files itself.
        let package = &conda.packages[id];
        let dists = context.distributions().filter(|(_, dist)| {
            conda.owners.get(&dist.metadata.join(b"METADATA")) == Some(&id)
                && dist.installer.as_deref() == Some("conda")
        });
        let python = dists.fold(0u64, |sum, (_, dist)| sum.saturating_add(dist.bytes));
        let title = format!("{} {} {}", package.name, package.version, package.build);
        (own.saturating_add(python), Text::from(&title))
    };
    let is_one = |id: &CondaId| {
        let package = &conda.packages[*id];
        names.matches(package.name.as_bytes()) || gpu_builds && package.is_gpu_build()
    };
    let mut found: Vec<(u64, Text)> = conda.packages.ids().filter(is_one).map(bytes_of).collect();
    found.sort_by(|a, b| b.cmp(a));
    let bytes = found.iter().fold(0u64, |sum, (bytes, _)| sum.saturating_add(*bytes));
    if bytes == 0 {
        return None;
    }
    let shown: Vec<Text> = found.iter().map(|(_, title)| title.clone()).collect();
    let message = format!("{} in {}: {}", ByteSize(bytes), count(found.len(), "conda package"), join(&shown, 4));
    let rows = found.into_iter().map(|(bytes, note)| Evidence { location: None, bytes, note: note.into() }).collect();
    let uses: Vec<UsedAt<'_>> = in_order(facts.uses.in_application().filter(|used| unless.has(used)));
    let asks = (!uses.is_empty()).then(|| format!("the application asks for a GPU: {}", places(&uses)));
    let variable = gpu_variable(context).filter(|_| gpu_builds).map(|name| format!("the image sets {name}"));
    let finding = Finding::new(rule, Subject::CondaPackages, message, bytes).with_evidence(rows);
    Some(finding.led_by(signs::rows(&uses)).doubted(variable).doubted(asks))
}

fn message(packages: &Numbered<PackageId, OsPackage>, found: &[PackageId], bytes: u64) -> String {
    let mut by_size = found.to_vec();
    by_size.sort_by_key(|&place| std::cmp::Reverse(packages[place].bytes));
    let shown: Vec<Text> = by_size.iter().map(|&place| Text::from(&packages[place].name)).collect();
    let asked: Vec<Text> =
        found.iter().filter(|&&place| packages[place].manual).map(|&place| Text::from(&packages[place].name)).collect();
    let asked = if asked.is_empty() { String::new() } else { format!("; asked for by hand: {}", join(&asked, 6)) };
    format!("{} in {}: {}{asked}", ByteSize(bytes), count(found.len(), "OS package"), join(&shown, 4))
}

/// Where a package's files are.
#[derive(Clone, Default)]
pub(super) struct Place {
    files: usize,
    above_base: usize,
    first: Option<Location>,
}

pub(super) fn places_of(context: &Context<'_>) -> Numbered<PackageId, Place> {
    let mut places = context.facts.os.packages.beside(|_| Place::default());
    let view = context.facts.view;
    for (_, node) in view.iter() {
        let path = view.path(node);
        let Some(&owner) = context.facts.os.owners.get(path) else { continue };
        let place = &mut places[owner];
        let above = node.data.0 >= context.base_layers;
        place.files += 1;
        place.above_base += usize::from(above);
        if above && place.first.is_none() {
            place.first = Some(Location { layer: node.data.0, path: path.clone() });
        }
    }
    places
}

/// Whether most of the files stand above the base image; for a package without files, whether dpkg's list of
/// them (`/var/lib/dpkg/info/NAME.list`) does.
pub(super) fn is_above_base(context: &Context<'_>, package: &OsPackage, place: &Place) -> bool {
    if context.base_layers == 0 {
        return true;
    }
    if place.files > 0 {
        return place.above_base * 2 > place.files;
    }
    let lists = [package.name.clone(), format!("{}:{}", package.name, package.architecture)];
    let node = lists.iter().find_map(|name| {
        let path = format!("var/lib/dpkg/info/{name}.list");
        context.facts.view.get(path.as_bytes())
    });
    node.is_some_and(|node| node.data.0 >= context.base_layers)
}

fn row(context: &Context<'_>, package: &OsPackage, place: &Place) -> Evidence {
    let title = title(&package.name, &package.version);
    let by_hand = if package.manual { ", asked for by hand" } else { "" };
    let layer = place.first.as_ref().map(|first| format!(", {}", context.layer(first.layer))).unwrap_or_default();
    Evidence { location: place.first.clone(), bytes: package.bytes, note: format!("{title}{by_hand}{layer}") }
}
