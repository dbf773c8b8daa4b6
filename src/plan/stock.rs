//! What an image has, for who installs it again: the files of a distribution or of an OS package are those that were
//! measured there. A plan draws on its original, and `--sizes-from` on the image that the user names.
//!
//! A distribution is known by its name and version, and by RECORD, which lists what its wheel had. What RECORD lists and
//! the image has no more, or has with other bytes, a new installation brings back, with the bytes that RECORD says.

use super::closure::{above_base, target_environment};
use super::{TargetEnvironment, installed};
use crate::base::{DistId, FastMap, ImagePath, PackageId, file_name, is_bytecode, is_within, parent};
use crate::context::{KnownDistribution, KnownFile, KnownPackage, KnownPackages};
use crate::facts::{Facts, is_package_cache, is_package_manager_state};
use crate::fs::Node;
use crate::layer::{Entry, EntryKind};
use crate::os::{OsInventory, PackageManager};
use crate::ospackages::{Installation as NewPackages, NewPackage, PackageRequest};
use crate::python::{Distribution, normalize_name};
use crate::wheel::{Installation, Installer, Layout, WheelInfo, scaled};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What can be drawn on.
pub struct Stock<'a> {
    facts: &'a Facts<'a>,
    /// How many of the lowest layers are the base image's, whose packages nobody installs.
    base_layers: usize,
    /// The environment whose distributions are known.
    environment: Option<(usize, TargetEnvironment)>,
    system: OnceCell<System>,
}

/// The image's OS packages.
struct System {
    /// The paths that each of them owns, its notes in the package manager's folder among them.
    paths: FastMap<PackageId, Vec<ImagePath>>,
    /// The stanzas of the list of installed packages.
    stanzas: HashMap<String, Vec<u8>>,
    /// Notes, caches and lists of the package manager that belong to no package.
    state: Vec<KnownFile>,
    /// Package lists, of the first layer that has any.
    lists: Vec<KnownFile>,
}

impl<'a> Stock<'a> {
    /// Of an image whose lowest layers are a base image's.
    pub fn new(facts: &'a Facts<'a>, base_layers: usize) -> Self {
        let environment = target_environment(facts, base_layers);
        Self { facts, base_layers, environment, system: OnceCell::new() }
    }

    /// The distribution of this name, and of this version where one is given, that an installer put above the base.
    pub fn find(&self, name: &str, version: Option<&str>) -> Option<DistId> {
        let normalized = normalize_name(name);
        let (environment, _) = self.environment.as_ref()?;
        let is_it = |(_, dist): &(DistId, &Distribution)| {
            dist.environment == *environment
                && dist.normalized == normalized
                && !dist.editable
                && version.is_none_or(|version| is_same_version(&dist.version, version))
        };
        above_base(self.facts, self.base_layers).find(is_it).map(|(id, _)| id)
    }

    /// Whether a distribution was installed from a wheel that has these files: RECORD says it.
    pub fn is_of_wheel(&self, id: DistId, info: &WheelInfo) -> bool {
        let Some((_, environment)) = &self.environment else { return false };
        let dist = &self.facts.python.distributions[id];
        let recorded = self.recorded(dist);
        let how = Installation {
            layout: Layout {
                prefix: environment.prefix.clone(),
                site_dir: environment.site_dir.clone(),
                python: environment.python.clone(),
            },
            installer: Installer::Uv,
            interpreter: String::new(),
            bytecode: false,
            ratio: None,
            requested: false,
            direct_url: None,
        };
        // What the installer makes itself has no checksum.
        let files = info.installed(&dist.name, &how);
        let of_wheel = || files.iter().filter(|file| file.crc32.is_some() && !is_bytecode(file.path.as_bytes()));
        // With `--target` scripts are below the site directory, too.
        let scripts = environment.prefix.join(b"bin");
        let is_other = |path: &[u8]| is_within(path, dist.metadata.as_bytes()) || is_within(path, scripts.as_bytes());
        let is_module = |path: &[u8]| is_within(path, environment.site_dir.as_bytes()) && !is_other(path);
        let modules = recorded.keys().filter(|path| is_module(path)).count();
        of_wheel().all(|file| recorded.get(file.path.as_bytes()) == Some(&file.size))
            && of_wheel().filter(|file| is_module(file.path.as_bytes())).count() == modules
    }

    /// What RECORD lists, bytecode apart, with its bytes.
    fn recorded<'d>(&self, dist: &'d Distribution) -> FastMap<&'d [u8], u64> {
        let view = self.facts.view;
        let there = dist.files.iter().filter(|path| !is_bytecode(path.as_bytes()));
        let there = there.filter_map(|path| Some((path.as_bytes(), view.size(view.get(path.as_bytes())?))));
        let changed = dist.changed.iter().map(|(path, size)| (path.as_bytes(), *size));
        let missing = removed(dist).map(|(path, size)| (path.as_bytes(), size));
        there.chain(changed).chain(missing).collect()
    }

    /// The files of a distribution, as an installer makes them again.
    pub fn distribution(&self, id: DistId) -> Option<KnownDistribution> {
        let (_, environment) = self.environment.as_ref()?;
        let dist = &self.facts.python.distributions[id];
        let changed: FastMap<&[u8], u64> = dist.changed.iter().map(|(path, size)| (path.as_bytes(), *size)).collect();
        let mut files: Vec<KnownFile> = Vec::new();
        for path in &dist.files {
            let Some(node) = self.facts.view.get(path.as_bytes()) else { continue };
            let changed = changed.get(path.as_bytes());
            // Of what two distributions list, one has the bytes that are there.
            let is_own = self.facts.python.owner(path.as_bytes()) == Some(id);
            files.push(match changed {
                None if is_own => self.file(node, false),
                _ => new_file(path.clone(), changed.copied().unwrap_or_else(|| self.facts.view.size(node))),
            });
        }
        for (path, size) in removed(dist) {
            files.push(new_file(path.clone(), size));
            let bytecode = self.bytecode(dist, path, size).filter(|_| dist.bytecode > 0);
            files.extend(bytecode.map(|(path, size)| new_file(path, size)));
        }
        Some(KnownDistribution { prefix: environment.prefix.clone(), site_dir: environment.site_dir.clone(), files })
    }

    /// The bytecode of a module that is not there any more.
    fn bytecode(&self, dist: &Distribution, path: &ImagePath, size: u64) -> Option<(ImagePath, u64)> {
        let (_, environment) = self.environment.as_ref()?;
        let stem = file_name(path.as_bytes()).strip_suffix(b".py")?;
        let inside = is_within(path.as_bytes(), environment.site_dir.as_bytes());
        let tag = format!(".cpython-{}.pyc", environment.python.replace('.', ""));
        let folder = ImagePath::new(parent(path.as_bytes())).join(b"__pycache__");
        let (bytecode, source) = installed::ratio(self.facts, dist);
        inside.then(|| (folder.join(&[stem, tag.as_bytes()].concat()), scaled(size, bytecode, source)))
    }

    /// Bytes of bytecode to bytes of source of the distributions of this name, or of its environment's.
    pub fn bytecode_ratio(&self, name: &str) -> Option<(u64, u64)> {
        let id = self.find(name, None)?;
        Some(installed::ratio(self.facts, &self.facts.python.distributions[id]))
    }

    /// A visible file of the original. A hard link stays one where what it leads to comes with it, as of a package.
    fn file(&self, node: Node, links: bool) -> KnownFile {
        let view = self.facts.view;
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
        let os = self.facts.os;
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
        let mut found: BTreeSet<PackageId> = BTreeSet::new();
        let mut todo: Vec<PackageId> = asked.iter().copied().collect();
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
        if !found.is_empty() {
            self.add(&found, &|position| asked.contains(&position), &mut out);
            out.files.extend(system.state.iter().cloned());
            out.is_complete = true;
        }
        out
    }

    /// Of what an installation brings, what the image has in exactly the same versions.
    pub fn measured(&self, request: &PackageRequest, found: &NewPackages, present: &OsInventory) -> KnownPackages {
        let os = self.facts.os;
        let same = |new: &NewPackage| {
            let position = os.find(&new.name)?;
            (os.packages[position].version == new.version).then_some((position, new.manual))
        };
        let known = self.packages(request, present);
        let is_found = |known: &KnownPackage| found.packages.iter().any(|new| new.name == known.name);
        let all = found.packages.iter().all(|new| same(new).is_some() && known.has(&new.name));
        if all && known.packages.iter().all(is_found) {
            return known;
        }
        let positions: BTreeMap<PackageId, bool> = found.packages.iter().filter_map(same).collect();
        let mut out = KnownPackages::default();
        self.add(&positions.keys().copied().collect(), &|position| positions.get(&position) == Some(&true), &mut out);
        out
    }

    /// Adds packages with their files.
    fn add(&self, positions: &BTreeSet<PackageId>, is_manual: &dyn Fn(PackageId) -> bool, out: &mut KnownPackages) {
        let (view, os) = (self.facts.view, self.facts.os);
        let system = self.system.get_or_init(|| self.read_system());
        for &position in positions {
            let package = &os.packages[position];
            let paths = system.paths.get(&position).into_iter().flatten();
            out.files.extend(paths.filter_map(|path| view.get(path.as_bytes())).map(|node| self.file(node, true)));
            out.packages.push(KnownPackage {
                name: package.name.clone(),
                stanza: system.stanzas.get(&package.name).cloned().unwrap_or_default(),
                bytes: package.bytes,
                manual: is_manual(position),
            });
        }
        out.more_of_list = self.more_of_list(system, &out.packages);
    }

    /// By how much more than the kept stanzas the list of packages grows: its share of what the original's has more.
    fn more_of_list(&self, system: &System, packages: &[KnownPackage]) -> u64 {
        let view = self.facts.view;
        let lists: [&[u8]; 3] = [b"var/lib/dpkg/status", b"lib/apk/db/installed", b"usr/lib/apk/db/installed"];
        let Some(node) = lists.iter().find_map(|path| view.get(path)) else { return 0 };
        let kept: u64 = system.stanzas.values().map(|stanza| stanza.len() as u64).sum();
        let new: u64 = packages.iter().map(|package| package.stanza.len() as u64).sum();
        let more = view.size(node).saturating_sub(kept);
        let share = u128::from(more) * u128::from(new) / u128::from(kept.max(1));
        u64::try_from(share).unwrap_or(u64::MAX)
    }

    fn read_system(&self) -> System {
        let (facts, base_layers) = (self.facts, self.base_layers);
        let (view, os) = (facts.view, facts.os);
        let mut paths: FastMap<PackageId, Vec<ImagePath>> = FastMap::default();
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
        let (view, base_layers) = (self.facts.view, self.base_layers);
        let is_list =
            |entry: &&Entry| entry.kind == EntryKind::File && is_within(entry.path.as_bytes(), b"var/lib/apt/lists");
        let layers = view.image().layers.iter().skip(base_layers);
        let found = layers.map(|layer| layer.entries.iter().filter(is_list).cloned().collect::<Vec<_>>());
        let first = found.into_iter().find(|entries| !entries.is_empty()).unwrap_or_default();
        first.into_iter().map(|entry| KnownFile { entry, content: None }).collect()
    }
}

/// What was removed from a distribution after it was installed, with the bytes that RECORD says. A wheel may list what it
/// never had (easyocr 1.7.1 lists 83 dictionaries): a layer has to have had it.
fn removed(dist: &Distribution) -> impl Iterator<Item = (&ImagePath, u64)> {
    let was_there = dist.missing.iter().filter(|file| file.removed.is_some());
    was_there.filter_map(|file| Some((&file.path, file.size?)))
}

fn new_file(path: ImagePath, size: u64) -> KnownFile {
    KnownFile { entry: Entry::file(path, size), content: None }
}

fn is_same_version(a: &str, b: &str) -> bool {
    match (a.parse::<pep440_rs::Version>(), b.parse::<pep440_rs::Version>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
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
