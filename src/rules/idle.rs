//! OS packages that somebody asked for by name, with libraries that only what goes was linked with: libgl1 for an OpenCV with
//! windows that a plan replaces by the one without.
//!
//! What needs a library says so in its dynamic section; in files that a later layer deleted, too. What Python source opens by
//! name is seen where the name is written. What a compiled module opens by name (dlopen) is not: so a plan asks first.

use super::context::{Context, title};
use super::packages::{is_above_base, places_of};
use super::{Detect, Evidence, Finding, GlobSet, Rule, Subject, Tier};
use crate::base::{ByteSize, DistId, Location, PackageId, Text, file_name, names as join};
use crate::fs::Fate;
use crate::layer::{Linkage, is_library_name};
use crate::os::Provider;
use crate::python::UsedAt;
use crate::source::{ANY_LIBRARY, Kind};
use std::collections::{BTreeMap, BTreeSet};

/// Files that name a library of a package, and go or are gone.
type Named = BTreeMap<PackageId, Vec<Evidence>>;

/// One finding for all such packages. `found` is what the other rules found.
pub(super) fn packages(
    context: &Context<'_>,
    rule: &Rule,
    names: &GlobSet,
    (found, rules): (&[Finding], &[Rule]),
) -> Option<Finding> {
    let os = context.facts.os;
    let places = places_of(context);
    let is_above = |place: &PackageId| is_above_base(context, &os.packages[*place], &places[*place]);
    let above: BTreeSet<PackageId> = os.packages.ids().filter(is_above).collect();
    let going = going(found, rules);
    let anew = anew(context, found, rules, &going);
    let idle = Idle { context, above: &above, going: &going, anew: &anew };
    let (named, used) = (idle.named_by_what_goes(), idle.used());
    let by_hand = |place: &&PackageId| os.packages[**place].manual && !os.packages[**place].essential;
    let is_library =
        |place: &&PackageId| names.matches(os.packages[**place].name.as_bytes()) && idle.has_no_programs(**place);
    let mut asked: BTreeSet<PackageId> = above.iter().filter(by_hand).filter(is_library).copied().collect();
    loop {
        let others = above.iter().filter(|place| os.packages[**place].manual && !asked.contains(place));
        let stays = idle.closure(others.chain(&used).copied());
        // Nothing that stays brings it, and something that goes has named it or what it brings.
        let is_idle = |place: &PackageId| {
            let brings = idle.closure([*place]);
            !stays.contains(place) && brings.iter().any(|place| !stays.contains(place) && named.contains_key(place))
        };
        let left: BTreeSet<PackageId> = asked.iter().copied().filter(is_idle).collect();
        if left == asked {
            let gone: Vec<PackageId> = idle.closure(asked.iter().copied()).difference(&stays).copied().collect();
            return (!asked.is_empty()).then(|| idle.finding(rule, &asked, gone, &named));
        }
        asked = left;
    }
}

/// The distributions that other findings take away without asking.
fn going(found: &[Finding], rules: &[Rule]) -> BTreeSet<DistId> {
    let mut out = BTreeSet::new();
    for finding in found.iter().filter(|finding| finding.tier == Tier::Auto) {
        match rules.iter().find(|rule| rule.id == finding.rule).map(|rule| &rule.detect) {
            Some(Detect::Distributions { .. } | Detect::UnusedDistributions { .. }) => {
                out.extend(&finding.distributions);
            }
            Some(Detect::DuplicateFamily { .. }) => out.extend(&finding.goes),
            _ => {}
        }
    }
    out
}

/// What is installed anew, in words: what it is linked with nobody has read.
fn anew(context: &Context<'_>, found: &[Finding], rules: &[Rule], going: &BTreeSet<DistId>) -> Vec<String> {
    let is_family = |finding: &&Finding| {
        let rule = rules.iter().find(|rule| rule.id == finding.rule);
        !finding.goes.is_empty() && rule.is_some_and(|rule| matches!(rule.detect, Detect::DuplicateFamily { .. }))
    };
    let mut stays: BTreeSet<DistId> = BTreeSet::new();
    let mut out = Vec::new();
    for finding in found.iter().filter(is_family) {
        stays.extend(finding.distributions.iter().filter(|id| !finding.goes.contains(id)));
        if finding.goes.len() == finding.distributions.len() {
            let gone: Vec<String> = finding.goes.iter().map(|&id| context.title(id)).collect();
            out.push(format!("what takes the place of {}", join(&gone, 3)));
        }
    }
    stays
        .extend(context.distributions().filter(|(id, dist)| dist.is_broken() && !going.contains(id)).map(|(id, _)| id));
    out.extend(stays.into_iter().map(|id| context.title(id)));
    out
}

struct Idle<'c, 'a> {
    context: &'c Context<'a>,
    /// OS packages above the base.
    above: &'c BTreeSet<PackageId>,
    /// Distributions that go.
    going: &'c BTreeSet<DistId>,
    /// What is installed anew.
    anew: &'c [String],
}

impl Idle<'_, '_> {
    /// Packages above the base with all that they depend on there.
    fn closure(&self, roots: impl IntoIterator<Item = PackageId>) -> BTreeSet<PackageId> {
        let os = self.context.facts.os;
        let mut out = BTreeSet::new();
        let mut todo: Vec<PackageId> = roots.into_iter().collect();
        while let Some(place) = todo.pop() {
            if self.above.contains(&place) && out.insert(place) {
                let groups = os.packages[place].depends.iter();
                todo.extend(groups.filter_map(|names| names.iter().find_map(|name| os.find(name))));
            }
        }
        out
    }

    /// Whether nothing of a package can be started.
    fn has_no_programs(&self, place: PackageId) -> bool {
        let is_program =
            |path: &[u8]| path.split(|&byte| byte == b'/').any(|part| matches!(part, b"bin" | b"sbin" | b"libexec"));
        let mut own = self.context.facts.os.owners.iter().filter(|(_, owner)| **owner == place);
        !own.any(|(path, _)| is_program(path.as_bytes()))
    }

    /// Packages that something which stays is linked with, or opens by a name that is written in Python source.
    fn used(&self) -> BTreeSet<PackageId> {
        let facts = self.context.facts;
        let stays = |file: &[u8]| facts.python.owner(file).is_none_or(|id| !self.going.contains(&id));
        let linked = facts.libraries.needs.iter().filter(|need| stays(need.file.as_bytes()));
        let linked = linked.filter_map(|need| match need.provider {
            Provider::Package(place) => Some(place),
            _ => None,
        });
        let opened = self.opened();
        let is_opened =
            |path: &[u8]| is_library_name(path) && opened.iter().any(|used| is_called(&used.sign.name, path));
        let owners = facts.os.owners.iter().filter(|(path, _)| is_opened(path.as_bytes()));
        linked.chain(owners.map(|(_, place)| *place)).collect()
    }

    /// Where source that stays opens a library.
    fn opened(&self) -> Vec<UsedAt<'_>> {
        let uses = &self.context.facts.uses;
        let stays = |used: &UsedAt<'_>| used.file.owner.is_none_or(|id| !self.going.contains(&id));
        let all = uses.in_application().chain(uses.in_libraries().filter(stays));
        all.filter(|used| used.sign.kind == Kind::Library).collect()
    }

    /// By package what names its libraries and goes, or is hidden by a later layer already.
    fn named_by_what_goes(&self) -> Named {
        let facts = self.context.facts;
        let mut out = Named::new();
        for need in &facts.libraries.needs {
            let (Provider::Package(place), Some(owner)) = (&need.provider, facts.python.owner(need.file.as_bytes()))
            else {
                continue;
            };
            if self.going.contains(&owner) {
                let location = Location { layer: need.layer, path: need.file.clone() };
                let why = format!("of {}, which goes", self.context.title(owner));
                add(&mut out, *place, location, &need.library.to_string(), &why);
            }
        }
        let libraries = facts.os.owners.iter().filter(|(path, _)| is_library_name(path.as_bytes()));
        let by_name: BTreeMap<&[u8], PackageId> =
            libraries.map(|(path, place)| (file_name(path.as_bytes()), *place)).collect();
        for (layer, index) in facts.view.image().layers.iter().enumerate() {
            for (&position, content) in &index.contents {
                let is_there = |fate| matches!(fate, Fate::Visible | Fate::Rewritten { .. });
                let hidden = || !is_there(facts.view.fate((layer as u32, position)));
                let Some(linkage) = Linkage::decode(content).filter(|_| hidden()) else { continue };
                let Some(entry) = index.entries.get(position as usize) else { continue };
                for library in &linkage.needed {
                    let Some(&place) = by_name.get(&library[..]) else { continue };
                    let location = Location { layer: layer as u32, path: entry.path.clone() };
                    add(&mut out, place, location, &String::from_utf8_lossy(library), "which a later layer took away");
                }
            }
        }
        out
    }

    fn finding(&self, rule: &Rule, asked: &BTreeSet<PackageId>, gone: Vec<PackageId>, named: &Named) -> Finding {
        let packages = &self.context.facts.os.packages;
        let bytes = gone.iter().fold(0u64, |sum, &place| sum.saturating_add(packages[place].bytes));
        let names: Vec<Text> = asked.iter().map(|&place| Text::from(&packages[place].name)).collect();
        let more = match gone.len() - asked.len() {
            0 => String::new(),
            more => format!(" with {}", crate::base::count(more, "OS package")),
        };
        let message =
            format!("{} in {}{more}: only what goes is linked with what they have", ByteSize(bytes), join(&names, 6));
        let mut rows: Vec<Evidence> = gone.iter().filter_map(|place| named.get(place)).flatten().cloned().collect();
        rows.extend(gone.iter().map(|&place| {
            let package = &packages[place];
            let by_hand = if package.manual { ", asked for by hand" } else { "" };
            let note = format!("{}{by_hand}", title(&package.name, &package.version));
            Evidence { location: None, bytes: package.bytes, note }
        }));
        let mut finding = Finding::new(rule, Subject::Packages, message, bytes).with_evidence(rows);
        finding.os_packages = gone;
        let made: Vec<UsedAt<'_>> = self.opened().into_iter().filter(|used| used.sign.name == ANY_LIBRARY).collect();
        let of_application = made.iter().find(|used| used.file.is_application);
        finding
            .doubted(
                of_application.map(|used| {
                    format!("the application opens a library by a name that is not written: {}", used.text())
                }),
            )
            .doubted(unread(self.context))
            .doubted((!self.anew.is_empty()).then(|| {
                format!("{} is installed anew, and what it is linked with is not read before", join(self.anew, 3))
            }))
    }
}

fn unread(context: &Context<'_>) -> Option<String> {
    let count = context.facts.libraries.unread;
    (count > 0).then(|| format!("{} could not be read", crate::base::count(count, "shared object")))
}

fn add(out: &mut Named, place: PackageId, location: Location, library: &str, why: &str) {
    let note = format!("needs {}, {why}", Text::from(library.trim_start_matches('/')));
    out.entry(place).or_default().push(Evidence { location: Some(location), bytes: 0, note });
}

/// Whether a library's file is what a name means: `GL`, `libGL.so.1`, or its path.
fn is_called(name: &str, path: &[u8]) -> bool {
    let (name, file) = (file_name(name.as_bytes()), file_name(path));
    let stem = |text: &'_ [u8]| -> Vec<u8> {
        let text = text.strip_prefix(b"lib").unwrap_or(text);
        let end = text.windows(3).position(|part| part == b".so").unwrap_or(text.len());
        text[..end].to_vec()
    };
    !name.is_empty() && (name == file || stem(name) == stem(file))
}
