//! The alternatives of Debian's systems: names that lead to one of several programs.
//!
//! A group is noted in `/var/lib/dpkg/alternatives/NAME`: a line with the way of choosing, one with the public link; then the
//! names that go along, each with its link, up to an empty line; then each choice with its priority and with the targets of
//! those names. Source: update-alternatives(1), FILES.

use crate::apply::contents::Texts;
use crate::base::{ImagePath, PackageId, clean_path};
use crate::facts::Facts;
use crate::layer::EntryKind;
use std::collections::{BTreeMap, BTreeSet};

const FOLDER: &[u8] = b"var/lib/dpkg/alternatives";
const LINKS: &[u8] = b"etc/alternatives";

/// A group.
struct Group {
    name: Vec<u8>,
    /// Names and public links, the master first.
    links: Vec<(Vec<u8>, Vec<u8>)>,
    /// What may be chosen.
    targets: Vec<Vec<u8>>,
}

/// All groups.
#[derive(Default)]
pub struct Alternatives {
    groups: Vec<Group>,
    /// Groups whose notes cannot be read.
    pub unread: Vec<Vec<u8>>,
}

impl Alternatives {
    /// Reads them.
    pub fn new(facts: &Facts<'_>, texts: &Texts) -> Self {
        let mut out = Self::default();
        for (path, node) in facts.view.below(FOLDER) {
            if facts.view.entry(node.entry).kind == EntryKind::Directory {
                continue;
            }
            let name = crate::base::file_name(path);
            match texts.get(path).and_then(|text| parse(name, text)) {
                Some(group) => out.groups.push(group),
                None => out.unread.push(name.to_vec()),
            }
        }
        out
    }

    /// What goes and has a choice in a group where another one would stay: which one is chosen then is not decided here.
    pub fn shared(&self, facts: &Facts<'_>, gone: &BTreeSet<PackageId>) -> BTreeMap<PackageId, String> {
        let mut out = BTreeMap::new();
        for group in &self.groups {
            let owners: Vec<Option<PackageId>> = group.targets.iter().map(|target| owner(facts, target)).collect();
            let goes = |owner: &Option<PackageId>| owner.is_some_and(|id| gone.contains(&id));
            if owners.iter().all(goes) {
                continue;
            }
            let name = crate::base::Text::of_bytes(&group.name);
            for id in owners.into_iter().filter(goes).flatten() {
                out.insert(id, format!("the alternative {name} would have to be chosen anew"));
            }
        }
        out
    }

    /// The notes and links of groups of which every choice goes.
    pub fn gone(&self, facts: &Facts<'_>, gone: &BTreeSet<PackageId>) -> Vec<(ImagePath, PackageId)> {
        let mut out = Vec::new();
        for group in &self.groups {
            let owners: Vec<PackageId> = group.targets.iter().filter_map(|target| owner(facts, target)).collect();
            let Some(&first) = owners.first().filter(|_| owners.len() == group.targets.len()) else { continue };
            if !owners.iter().all(|id| gone.contains(id)) {
                continue;
            }
            out.push((ImagePath::new(FOLDER).join(&group.name), first));
            for (name, link) in &group.links {
                let middle = ImagePath::new(LINKS).join(name);
                let public = real_place(facts, link);
                if leads_to(facts, public.as_bytes(), &middle) {
                    out.push((public, first));
                }
                out.push((middle, first));
            }
        }
        out.retain(|(path, _)| facts.view.get(path.as_bytes()).is_some());
        out
    }
}

/// Whether a path is a link to another one.
fn leads_to(facts: &Facts<'_>, path: &[u8], to: &ImagePath) -> bool {
    let Some(node) = facts.view.get(path) else { return false };
    let entry = facts.view.entry(node.entry);
    entry.kind == EntryKind::Symlink && entry.link.as_deref().is_some_and(|link| clean_path(link) == to.as_bytes())
}

/// A path as the merged image spells it: its folder behind links.
pub(super) fn real_place(facts: &Facts<'_>, path: &[u8]) -> ImagePath {
    let path = clean_path(path).into_owned();
    let folder = facts.view.resolve(crate::base::parent(&path));
    folder.map_or_else(|| ImagePath::new(&path), |folder| ImagePath::new(&folder).join(crate::base::file_name(&path)))
}

fn owner(facts: &Facts<'_>, target: &[u8]) -> Option<PackageId> {
    facts.os.owners.get(real_place(facts, target).as_bytes()).copied()
}

fn parse(name: &[u8], text: &[u8]) -> Option<Group> {
    let mut lines = text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec);
    let way = lines.next()?;
    if way != b"auto" && way != b"manual" {
        return None;
    }
    let mut links = vec![(name.to_vec(), lines.next().filter(|line| line.starts_with(b"/"))?)];
    loop {
        let slave = lines.next()?;
        if slave.is_empty() {
            break;
        }
        if slave.contains(&b'/') {
            return None;
        }
        links.push((slave, lines.next().filter(|line| line.starts_with(b"/"))?));
    }
    let mut targets = Vec::new();
    loop {
        let target = lines.next()?;
        if target.is_empty() {
            break;
        }
        targets.push(Some(target).filter(|target| target.starts_with(b"/"))?);
        // Its priority, and the targets of the other names.
        for _ in 0..links.len() {
            lines.next()?;
        }
    }
    (!targets.is_empty()).then(|| Group { name: name.to_vec(), links, targets })
}
