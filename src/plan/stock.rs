//! What the text of a plan installs, as far as the plan knows it better than an index: the files of a pin are those of the
//! original's own distribution, or those of the wheel that was looked up, or one file of the predicted size; the files of
//! an OS package are the original's.

use super::Intent;
use super::predict::Prediction;
use crate::base::{FastMap, ImagePath, in_halves, is_within};
use crate::context::{KnownDistribution, KnownFile, KnownPackage, KnownPackages};
use crate::facts::{is_package_cache, is_package_manager_state};
use crate::fs::Node;
use crate::layer::{Entry, EntryKind};
use crate::os::{OsInventory, PackageManager};
use crate::ospackages::PackageRequest;
use crate::python::{DistId, normalize_name};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What can be drawn on.
pub struct Stock<'a> {
    prediction: Prediction<'a>,
    /// The distributions to install, by normalized name.
    pins: BTreeMap<String, DistId>,
    /// The visible files of the distributions that stay as they are.
    nodes: FastMap<DistId, Vec<Node>>,
    system: OnceCell<System>,
}

/// The original's OS packages.
struct System {
    /// The paths that each of them owns, its notes in the package manager's folder among them.
    paths: FastMap<usize, Vec<ImagePath>>,
    /// The stanzas of the list of installed packages.
    stanzas: HashMap<String, Vec<u8>>,
    /// Notes, caches and lists of the package manager that belong to no package.
    state: Vec<KnownFile>,
    /// Package lists, of the first layer that has any.
    lists: Vec<KnownFile>,
}

impl<'a> Stock<'a> {
    pub(super) fn new(intent: &'a Intent<'_>) -> Self {
        let prediction = intent.prediction();
        let (facts, decisions) = (prediction.facts, prediction.distributions);
        let dists = &facts.python.distributions;
        let named = |&id: &DistId| match decisions.swaps.get(&id) {
            Some(swap) => (normalize_name(&swap.name), id),
            None => (dists[id].normalized.clone(), id),
        };
        let pins = decisions.kept.iter().filter(|id| !decisions.is_copied(facts, **id)).map(named).collect();
        let stays: Vec<bool> =
            (0..dists.len()).map(|id| decisions.kept.contains(&id) && !decisions.is_new(facts, id)).collect();
        let view = facts.view;
        let owned = in_halves(view.len(), |places| {
            let of = |place| {
                let (path, node) = view.at(place);
                facts.python.owner(path).filter(|&id| stays[id]).map(|id| (id, node))
            };
            places.filter_map(of).collect()
        });
        let mut nodes: FastMap<DistId, Vec<Node>> = FastMap::default();
        owned.into_iter().for_each(|(id, node): (DistId, Node)| nodes.entry(id).or_default().push(node));
        Self { prediction, pins, nodes, system: OnceCell::new() }
    }

    /// The files of a pin.
    pub fn distribution(&self, name: &str) -> Option<KnownDistribution> {
        let id = *self.pins.get(&normalize_name(name))?;
        let environment = self.prediction.environment?;
        let files = match self.prediction.is_new(id) {
            true => self.prediction.fresh(id, environment),
            false => self.nodes.get(&id).into_iter().flatten().map(|&node| self.file(node, false)).collect(),
        };
        Some(KnownDistribution { prefix: environment.prefix.clone(), site_dir: environment.site_dir.clone(), files })
    }

    /// A visible file of the original. A hard link stays one where what it leads to comes with it, as of a package.
    fn file(&self, node: Node, links: bool) -> KnownFile {
        let view = self.prediction.facts.view;
        let entry = view.entry(node.entry).clone();
        let leads = |entry: &Entry| {
            entry.link.as_deref().and_then(|link| view.get(link)).is_some_and(|to| to.data == node.data)
        };
        let entry = match entry.kind {
            EntryKind::Hardlink if links && leads(&entry) => entry,
            EntryKind::Hardlink => Entry { kind: EntryKind::File, link: None, size: view.size(node), ..entry },
            _ => entry,
        };
        KnownFile { entry, content: view.contents_of(node).map(<[u8]>::to_vec) }
    }

    /// What an install command brings to what is there.
    pub fn packages(&self, request: &PackageRequest, present: &OsInventory) -> KnownPackages {
        let os = self.prediction.facts.os;
        let system = self.system.get_or_init(|| self.read_system());
        let mut out = KnownPackages::default();
        if request.names.is_empty() {
            out.files.clone_from(&system.lists);
            return out;
        }
        let is_there = |name: &str| present.find(name).is_some();
        let recommends = request.manager == PackageManager::Dpkg && request.recommends != Some(false);
        let mut asked = BTreeSet::new();
        for word in &request.names {
            let name = word.split(['=', '/', ':', '<', '>', '~']).next().unwrap_or_default();
            match os.find(name) {
                _ if is_there(name) => {}
                Some(position) => _ = asked.insert(position),
                None => out.unknown.push(word.clone()),
            }
        }
        let mut found: BTreeSet<usize> = BTreeSet::new();
        let mut todo: Vec<usize> = asked.iter().copied().collect();
        while let Some(position) = todo.pop() {
            if is_there(&os.packages[position].name) || !found.insert(position) {
                continue;
            }
            let package = &os.packages[position];
            todo.extend(package.depends.iter().filter_map(|names| names.iter().find_map(|name| os.find(name))));
            if recommends {
                let names = package.declared.recommends.split([',', '|']);
                let names = names.filter_map(|name| name.split_whitespace().next());
                todo.extend(names.filter_map(|name| os.find(name.split(':').next().unwrap_or(name))));
            }
        }
        if found.is_empty() {
            return out;
        }
        let view = self.prediction.facts.view;
        for &position in &found {
            let package = &os.packages[position];
            let paths = system.paths.get(&position).into_iter().flatten();
            out.files.extend(paths.filter_map(|path| view.get(path.as_bytes())).map(|node| self.file(node, true)));
            out.packages.push(KnownPackage {
                name: package.name.clone(),
                stanza: system.stanzas.get(&package.name).cloned().unwrap_or_default(),
                bytes: package.bytes,
                manual: asked.contains(&position),
            });
        }
        out.files.extend(system.state.iter().cloned());
        out.more_of_list = self.more_of_list(system, &out.packages);
        out
    }

    /// By how much more than the kept stanzas the list of packages grows: its share of what the original's has more.
    fn more_of_list(&self, system: &System, packages: &[KnownPackage]) -> u64 {
        let view = self.prediction.facts.view;
        let lists: [&[u8]; 3] = [b"var/lib/dpkg/status", b"lib/apk/db/installed", b"usr/lib/apk/db/installed"];
        let Some(node) = lists.iter().find_map(|path| view.get(path)) else { return 0 };
        let kept: u64 = system.stanzas.values().map(|stanza| stanza.len() as u64).sum();
        let new: u64 = packages.iter().map(|package| package.stanza.len() as u64).sum();
        let more = view.size(node).saturating_sub(kept);
        let share = u128::from(more) * u128::from(new) / u128::from(kept.max(1));
        u64::try_from(share).unwrap_or(u64::MAX)
    }

    fn read_system(&self) -> System {
        let (facts, base_layers) = (self.prediction.facts, self.prediction.base.layers);
        let (view, os) = (facts.view, facts.os);
        let mut paths: FastMap<usize, Vec<ImagePath>> = FastMap::default();
        for (path, &position) in &os.owners {
            paths.entry(position).or_default().push(path.clone());
        }
        let mut state = Vec::new();
        for (path, node) in view.iter().filter(|(_, node)| node.entry.0 as usize >= base_layers) {
            if os.owners.contains_key(path) || !view.holds_bytes(node) {
                continue;
            }
            if let Some(owner) = note_of(path).and_then(|name| os.find(&name)) {
                paths.entry(owner).or_default().push(view.path(node).clone());
            } else if is_state(path) {
                state.push(self.file(node, false));
            }
        }
        paths.values_mut().for_each(|paths| paths.sort());
        let list = [&b"var/lib/dpkg/status"[..], b"lib/apk/db/installed", b"usr/lib/apk/db/installed"];
        let list = list.iter().find_map(|path| view.contents(path)).unwrap_or_default();
        let text = String::from_utf8_lossy(list);
        let stanzas = text.split("\n\n").map(str::trim).filter(|stanza| !stanza.is_empty());
        let named = |stanza: &str| {
            let name = stanza.lines().find_map(|line| line.strip_prefix("Package: ").or(line.strip_prefix("P:")))?;
            Some((name.trim().to_owned(), format!("{stanza}\n\n").into_bytes()))
        };
        System { paths, stanzas: stanzas.filter_map(named).collect(), state, lists: self.lists() }
    }

    /// The package lists that the first layer with any has, whether a later one removes them or not.
    fn lists(&self) -> Vec<KnownFile> {
        let (view, base_layers) = (self.prediction.facts.view, self.prediction.base.layers);
        let is_list =
            |entry: &&Entry| entry.kind == EntryKind::File && is_within(entry.path.as_bytes(), b"var/lib/apt/lists");
        let layers = view.image().layers.iter().skip(base_layers);
        let found = layers.map(|layer| layer.entries.iter().filter(is_list).cloned().collect::<Vec<_>>());
        let first = found.into_iter().find(|entries| !entries.is_empty()).unwrap_or_default();
        first.into_iter().map(|entry| KnownFile { entry, content: None }).collect()
    }
}

/// The package that a file of dpkg's own speaks of: `info/NAME.list`, `info/NAME:amd64.md5sums`.
fn note_of(path: &[u8]) -> Option<String> {
    let file = String::from_utf8_lossy(path.strip_prefix(b"var/lib/dpkg/info/")?).into_owned();
    let stem = file.rsplit_once('.').map_or(&file[..], |(stem, _)| stem);
    stem.split(':').next().map(str::to_owned)
}

/// What the package manager writes beside the packages' own files, the list of packages and its caches apart.
fn is_state(path: &[u8]) -> bool {
    let lists: [&[u8]; 3] = [b"var/lib/dpkg/status", b"lib/apk/db/installed", b"usr/lib/apk/db/installed"];
    !lists.contains(&path)
        && !is_package_cache(path)
        && (is_package_manager_state(path) || is_within(path, b"etc/ld.so.cache"))
}
