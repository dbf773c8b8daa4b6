//! Visible paths: one walk for all rules.

use super::context::{Context, FileRows};
use super::signs::{self, in_order, places};
use super::{Detect, GlobSet, Rule, Signs};
use super::{Finding, Subject};
use crate::base::{ByteSize, FastMap, FastSet, ImagePath, count, in_halves};
use crate::fs::{DataRef, Node};
use crate::layer::EntryKind;
use std::cell::OnceCell;
use std::ops::Range;

/// A `paths` rule and what it met so far.
struct Matcher<'r> {
    rule: &'r Rule,
    unless: &'r Signs,
    of_base: bool,
    owned: Option<bool>,
    at_least: u64,
    bytes: u64,
    files: FileRows,
    paths: Vec<ImagePath>,
    /// How many names of a hard-linked file matched so far.
    linked: FastMap<DataRef, usize>,
}

/// One finding for each rule that matches visible files above the base image. What the base image itself holds
/// is left out, but where a rule means it too: nobody who builds on it can take it away.
pub(super) fn paths(context: &Context<'_>, rules: &[Rule]) -> Vec<Finding> {
    let (mut matchers, globs, excepted) = matchers(rules);
    if matchers.is_empty() {
        return Vec::new();
    }
    let owners = Owners { context, files: OnceCell::new() };
    let view = context.facts.view;
    let links = links(context);
    let hits = in_halves(view.len(), |places| hits(context, &globs, &excepted, places));
    for (place, tag) in hits {
        let ((_, node), matcher) = (view.at(place), &mut matchers[tag]);
        let path = view.path(node);
        let is_meant = matcher.of_base || node.data.0 >= context.base_layers;
        if is_meant && matcher.owned.is_none_or(|owned| owned == owners.has(path)) {
            matcher.add(path, node, view.size(node), links.get(&node.data).copied().unwrap_or(1));
        }
    }
    matchers.into_iter().filter_map(|matcher| matcher.finding(context)).collect()
}

/// A position in the tree, and a rule's place.
type Hit = (usize, usize);

/// What matches.
fn hits(context: &Context<'_>, globs: &GlobSet, excepted: &GlobSet, places: Range<usize>) -> Vec<Hit> {
    let view = context.facts.view;
    let mut hits: Vec<Hit> = Vec::new();
    let (mut walk, mut unless) = (globs.walk(), excepted.walk());
    for place in places {
        let (path, node) = view.at(place);
        let kind = view.entry(node.entry).kind;
        if !matches!(kind, EntryKind::File | EntryKind::Hardlink | EntryKind::Symlink) {
            continue;
        }
        let first = hits.len();
        for tag in walk.tags(path) {
            // Several globs of one rule may match one path.
            let again = hits[first..].contains(&(place, tag));
            if !again && !unless.tags(path).any(|other| other == tag) {
                hits.push((place, tag));
            }
        }
    }
    hits
}

/// How many visible names the bytes have that have more than one.
fn links(context: &Context<'_>) -> FastMap<DataRef, usize> {
    let view = context.facts.view;
    let mut links: FastMap<DataRef, usize> = FastMap::default();
    for (_, node) in view.iter().filter(|(_, node)| node.entry != node.data) {
        *links.entry(node.data).or_default() += 1;
    }
    for (data, names) in &mut links {
        let own = view.get(view.entry(*data).path.as_bytes()).is_some_and(|node| node.entry == *data);
        *names += usize::from(own);
    }
    links
}

/// The rules, and their globs compiled together, tagged by the rule's place.
fn matchers(rules: &[Rule]) -> (Vec<Matcher<'_>>, GlobSet, GlobSet) {
    let (mut matchers, mut wanted, mut unwanted) = (Vec::new(), Vec::new(), Vec::new());
    for rule in rules {
        let Detect::Paths { globs, except, of_base, owned, at_least, unless } = &rule.detect else { continue };
        let place = matchers.len();
        wanted.push((globs, place));
        unwanted.push((except, place));
        let (owned, at_least) = (*owned, *at_least);
        matchers.push(Matcher {
            rule,
            unless,
            of_base: *of_base,
            owned,
            at_least,
            bytes: 0,
            files: FileRows::default(),
            paths: Vec::new(),
            linked: FastMap::default(),
        });
    }
    (matchers, GlobSet::tagged(wanted), GlobSet::tagged(unwanted))
}

impl Matcher<'_> {
    /// Bytes with several names are counted when the last of the names matches: until then another name,
    /// which the rule does not mean, keeps them.
    fn add(&mut self, path: &ImagePath, node: Node, size: u64, names: usize) {
        let seen = if names > 1 { self.linked.entry(node.data).or_default() } else { &mut 0 };
        *seen += 1;
        let bytes = if *seen >= names { size } else { 0 };
        self.bytes = self.bytes.saturating_add(bytes);
        self.files.add(node.data.0, path, bytes);
        self.paths.push(path.clone());
    }

    fn finding(self, context: &Context<'_>) -> Option<Finding> {
        if self.paths.is_empty() || self.bytes < self.at_least {
            return None;
        }
        let summary = crate::base::Text::from(&self.rule.summary);
        let message = format!("{} in {}: {summary}", ByteSize(self.bytes), count(self.paths.len(), "file"));
        let mut finding =
            Finding::new(self.rule, Subject::Paths, message, self.bytes).with_evidence(self.files.rows(""));
        finding.paths = self.paths;
        let uses = in_order(context.facts.uses.in_application().filter(|used| self.unless.has(used)));
        let doubt = (!uses.is_empty()).then(|| format!("the application's source uses it: {}", places(&uses)));
        Some(finding.led_by(signs::rows(&uses)).doubted(doubt))
    }
}

/// Which paths belong to a distribution or to an OS package.
struct Owners<'a> {
    context: &'a Context<'a>,
    files: OnceCell<FastSet<&'a ImagePath>>,
}

impl Owners<'_> {
    fn has(&self, path: &ImagePath) -> bool {
        self.context.facts.os.owners.contains_key(path) || self.files().contains(path)
    }

    fn files(&self) -> &FastSet<&ImagePath> {
        let lists = || self.context.distributions().map(|(_, dist)| &dist.files);
        self.files.get_or_init(|| {
            let mut all = FastSet::default();
            all.reserve(lists().map(Vec::len).sum());
            all.extend(lists().flatten());
            all
        })
    }
}
