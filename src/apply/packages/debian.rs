//! dpkg's and apt's notes of packages that go, as after a purge.

use super::alternatives::Alternatives;
use super::removal::Removal;
use super::scripts::unknown_work;
use super::stanzas::stanzas;
use crate::apply::contents::Texts;
use crate::base::{FastSet, ImagePath, PackageId, Text, file_name, is_within};
use crate::facts::Facts;
use crate::os::{OsPackage, parse_list};
use std::collections::BTreeSet;

pub const STATUS: &[u8] = b"var/lib/dpkg/status";
pub const STATES: &[u8] = b"var/lib/apt/extended_states";
pub const DIVERSIONS: &[u8] = b"var/lib/dpkg/diversions";
const INFO: &[u8] = b"var/lib/dpkg/info";

/// Folders whose watchers make nothing that a program needs: indexes of manuals, which miss what is not there.
const IDLE: [&[u8]; 4] = [b"usr/share/man", b"usr/share/info", b"usr/share/doc", b"usr/share/doc-base"];

pub struct Debian<'d> {
    facts: &'d Facts<'d>,
    texts: &'d Texts,
    pub alternatives: Alternatives,
    /// Folders and files that packages watch: who, and what.
    watched: Vec<(PackageId, Vec<u8>)>,
}

impl<'d> Debian<'d> {
    pub fn new(facts: &'d Facts<'d>, texts: &'d Texts) -> Self {
        let mut out = Self { facts, texts, alternatives: Alternatives::new(facts, texts), watched: Vec::new() };
        for (id, package) in facts.os.packages.pairs() {
            for what in out.interests(package).unwrap_or_default() {
                if what.starts_with(b"/") {
                    out.watched.push((id, crate::base::clean_path(&what).into_owned()));
                }
            }
        }
        out
    }

    /// The names under which dpkg's notes of a package stand.
    fn stem(&self, package: &OsPackage) -> Option<String> {
        let long = format!("{}:{}", package.name, package.architecture);
        let has = |stem: &str| self.facts.view.get(&info(stem, "list")).is_some();
        [long, package.name.clone()].into_iter().find(|stem| has(stem))
    }

    /// What a package watches; none where its notes cannot be read.
    fn interests(&self, package: &OsPackage) -> Option<Vec<Vec<u8>>> {
        let path = info(&self.stem(package)?, "triggers");
        if self.facts.view.get(&path).is_none() {
            return Some(Vec::new());
        }
        let text = self.texts.get(&path)?;
        let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
        let interest = |line: &[u8]| {
            let mut words = line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
            words.next().filter(|word| word.starts_with(b"interest"))?;
            words.next().map(<[u8]>::to_vec)
        };
        Some(lines.filter_map(interest).collect())
    }

    /// Why a package cannot go.
    pub fn why_not(&self, id: PackageId) -> Option<String> {
        let package = &self.facts.os.packages[id];
        if package.essential {
            return Some("it is essential".into());
        }
        let Some(stem) = self.stem(package) else { return Some("dpkg has no list of its files".into()) };
        if self.texts.get(STATUS).is_none() || !self.alternatives.unread.is_empty() {
            return Some("dpkg's notes cannot be read".into());
        }
        for kind in ["prerm", "postrm"] {
            let path = info(&stem, kind);
            if self.facts.view.get(&path).is_none() {
                continue;
            }
            let work = self.texts.get(&path).map_or_else(|| Some("cannot be read".to_owned()), unknown_work);
            if let Some(work) = work {
                return Some(format!("its {kind} {work}"));
            }
        }
        match self.interests(package) {
            None => return Some("its triggers cannot be read".into()),
            Some(interests) if !interests.is_empty() => return Some("it watches what others install".into()),
            Some(_) => {}
        }
        let diverts = |line: &[u8]| line == package.name.as_bytes();
        if self.texts.get(DIVERSIONS).is_some_and(|text| text.split(|&byte| byte == b'\n').any(diverts)) {
            return Some("it diverts files of others".into());
        }
        self.watcher(id).map(|name| format!("{} watches a folder that it has files in", Text::from(name)))
    }

    /// A package that makes something of the files of this one; it stays, as all do that watch.
    fn watcher(&self, id: PackageId) -> Option<&str> {
        let watched = self.watched.iter().filter(|(who, what)| {
            *who != id && !IDLE.iter().any(|idle| is_within(what, idle) || is_within(idle, what))
        });
        let watched: Vec<&(PackageId, Vec<u8>)> = watched.collect();
        if watched.is_empty() {
            return None;
        }
        let own = self.facts.os.owners.iter().filter(|(_, owner)| **owner == id).map(|(path, _)| path.as_bytes());
        for path in own {
            let long = |what: &[u8]| is_within(path, what) || is_within(path, &[b"usr/", what].concat());
            if let Some((who, _)) = watched.iter().find(|(_, what)| long(what)) {
                return Some(&self.facts.os.packages[*who].name);
            }
        }
        None
    }

    /// What packages list that stay.
    pub fn listed(&self, gone: &BTreeSet<PackageId>) -> FastSet<Vec<u8>> {
        let mut out = FastSet::default();
        for (_, package) in self.facts.os.packages.pairs().filter(|(id, _)| !gone.contains(id)) {
            let list = self.stem(package).and_then(|stem| self.facts.view.contents(&info(&stem, "list")));
            out.extend(list.map(parse_list).unwrap_or_default());
        }
        out
    }

    /// Takes the notes of what goes out of the databases.
    pub fn take_notes(&self, out: &mut Removal) -> Result<(), String> {
        let view = self.facts.view;
        for &id in &out.gone {
            let package = &self.facts.os.packages[id];
            let Some(stem) = self.stem(package) else { continue };
            for (path, _) in view.below(INFO) {
                let name = file_name(path);
                if name
                    .strip_prefix(stem.as_bytes())
                    .is_some_and(|rest| rest.first() == Some(&b'.') && !rest[1..].contains(&b'.'))
                {
                    out.paths.insert(ImagePath::new(path), id);
                }
            }
        }
        out.paths.extend(self.alternatives.gone(self.facts, &out.gone));
        let status = self.texts.get(STATUS).ok_or("dpkg's status cannot be read")?;
        let (status, taken) = self.without(status, &out.gone);
        if taken != out.gone.len() {
            return Err(format!("dpkg's status has {taken} of {} packages that go", out.gone.len()));
        }
        out.changed.insert(ImagePath::new(STATUS), status);
        if let Some(states) = self.texts.get(STATES) {
            let (states, taken) = self.without(states, &out.gone);
            if taken > 0 {
                out.changed.insert(ImagePath::new(STATES), states);
            }
        }
        Ok(())
    }

    /// A file of stanzas without those of what goes, and how many these were.
    fn without(&self, text: &[u8], gone: &BTreeSet<PackageId>) -> (Vec<u8>, usize) {
        let packages = &self.facts.os.packages;
        let is_one = |stanza: &[u8]| {
            let field = |name: &str| {
                let mut lines = stanza.split(|&byte| byte == b'\n');
                let line = lines
                    .find(|line| line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name.as_bytes()));
                line.map(|line| String::from_utf8_lossy(&line[name.len()..]).trim().to_owned())
            };
            let (name, architecture) = (field("Package:").unwrap_or_default(), field("Architecture:"));
            gone.iter().any(|id| {
                let package = &packages[*id];
                // apt notes a package for all architectures under the system's own.
                let fits = |found: &String| *found == package.architecture || package.architecture == "all";
                package.name == name && architecture.as_ref().is_none_or(fits)
            })
        };
        let (mut out, mut taken) = (Vec::with_capacity(text.len()), 0);
        for stanza in stanzas(text) {
            match is_one(stanza) {
                true => taken += 1,
                false => out.extend_from_slice(stanza),
            }
        }
        (out, taken)
    }
}

fn info(stem: &str, kind: &str) -> Vec<u8> {
    [INFO, b"/", stem.as_bytes(), b".", kind.as_bytes()].concat()
}
