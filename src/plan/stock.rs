//! What an image has, for who installs it again: the files of a distribution or of an OS package are those that were
//! measured there. A plan draws on its original, and `--sizes-from` on the image that the user names.
//!
//! A distribution is known by its name and version, and by RECORD, which lists what its wheel had. What RECORD lists and
//! the image has no more, or has with other bytes, a new installation brings back, with the bytes that RECORD says.

use super::choice::Choice;
use super::closure::{above_base, target_environment};
use super::{TargetEnvironment, installed};
use crate::base::{CondaId, DistId, FastMap, ImagePath, PackageId, file_name, is_bytecode, is_within, parent};
use crate::context::{KnownDistribution, KnownFile, KnownPackage, KnownPackages};
use crate::facts::{Facts, is_package_cache, is_package_manager_state};
use crate::fs::Node;
use crate::layer::{Entry, EntryKind};
use crate::os::{CondaPackage, OsInventory};
use crate::ospackages::{Installation as NewPackages, NewPackage, PackageRequest};
use crate::python::{Distribution, normalize_name};
use crate::wheel::{Installation, Installer, Layout, WheelInfo, scaled};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What can be drawn on. It owns what it has: the image that it is of may go.
pub struct Stock {
    /// The environment whose distributions are known.
    environment: Option<TargetEnvironment>,
    /// What an installer put above the base into that environment.
    distributions: Vec<Stocked>,
    /// The packages of the system, without their files.
    os: OsInventory,
    system: System,
    /// conda's packages.
    conda: Vec<StockedConda>,
    /// The packages as a repository, where they are that.
    choice: Option<Choice>,
}

/// A distribution.
pub struct Stocked {
    name: String,
    normalized: String,
    version: String,
    /// Where it came from, if not from an index.
    pub direct_url: Option<String>,
    /// Its metadata's folder.
    metadata: ImagePath,
    /// What RECORD lists, bytecode apart, with its bytes.
    recorded: FastMap<ImagePath, u64>,
    /// Its files, as an installer makes them again.
    files: Vec<KnownFile>,
    /// Bytes of bytecode to bytes of source.
    ratio: (u64, u64),
}

/// A package of conda's.
struct StockedConda {
    id: CondaId,
    /// Where its archive is.
    url: String,
    /// The environment that it is in.
    prefix: ImagePath,
    files: Vec<KnownFile>,
}

/// How a package comes.
#[derive(Clone, Copy)]
struct Coming {
    /// It was asked for.
    manual: bool,
    /// In the place of an older version.
    replaces: bool,
}

/// The image's OS packages.
struct System {
    /// The files of each of them, its notes in the package manager's folder among them.
    files: FastMap<PackageId, Vec<KnownFile>>,
    /// The stanzas of the list of installed packages.
    stanzas: HashMap<String, Vec<u8>>,
    /// By how many bytes that list is longer than its stanzas.
    more: u64,
    /// Notes, caches and lists of the package manager that belong to no package.
    state: Vec<KnownFile>,
    /// Package lists, of the first layer that has any.
    lists: Vec<KnownFile>,
}

impl Stock {
    /// Of an image whose lowest layers are a base image's.
    pub fn new(facts: &Facts<'_>, base_layers: usize) -> Self {
        let environment = target_environment(facts, base_layers);
        let reader = Reader { facts, base_layers };
        let distributions = environment.iter().flat_map(|(position, environment)| {
            let own = move |(_, dist): &(DistId, &Distribution)| dist.environment == *position && !dist.editable;
            above_base(facts, base_layers).filter(own).map(|(id, dist)| reader.distribution(id, dist, environment))
        });
        let os = OsInventory {
            manager: facts.os.manager,
            is_rpm: facts.os.is_rpm,
            packages: facts.os.packages.clone(),
            ..OsInventory::default()
        };
        Self {
            distributions: distributions.collect(),
            environment: environment.as_ref().map(|(_, environment)| environment.clone()),
            os,
            system: reader.system(),
            conda: reader.conda(),
            choice: Choice::new(facts),
        }
    }

    /// The files of conda's packages, by their positions.
    pub fn conda(&self, packages: &BTreeSet<CondaId>) -> Vec<KnownFile> {
        let own = self.conda.iter().filter(|package| packages.contains(&package.id));
        own.flat_map(|package| &package.files).cloned().collect()
    }

    /// The files of the package of conda's that came from this place, in this environment.
    pub fn of_conda(&self, url: &str, prefix: &ImagePath) -> Option<&[KnownFile]> {
        let package = self.conda.iter().find(|package| package.url == url && package.prefix == *prefix)?;
        Some(&package.files)
    }

    /// The distribution of this name, and of this version where one is given, that an installer put above the base.
    pub fn find(&self, name: &str, version: Option<&str>) -> Option<&Stocked> {
        let normalized = normalize_name(name);
        let is_it = |dist: &&Stocked| {
            dist.normalized == normalized && version.is_none_or(|version| is_same_version(&dist.version, version))
        };
        self.distributions.iter().find(is_it)
    }

    /// Whether a distribution was installed from a wheel that has these files: RECORD says it.
    pub fn is_of_wheel(&self, dist: &Stocked, info: &WheelInfo) -> bool {
        let Some(environment) = &self.environment else { return false };
        let recorded = &dist.recorded;
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
        // What the installer makes itself has no checksum. WHEEL has the tags of the wheel, and of one release there are several
        // wheels with the same files.
        let files = info.installed(&dist.name, &how);
        let is_listed = |path: &[u8]| !is_bytecode(path) && file_name(path) != b"WHEEL";
        let of_wheel = || files.iter().filter(|file| file.crc32.is_some() && is_listed(file.path.as_bytes()));
        // With `--target` scripts are below the site directory, too.
        let scripts = environment.prefix.join(b"bin");
        let is_other = |path: &[u8]| is_within(path, dist.metadata.as_bytes()) || is_within(path, scripts.as_bytes());
        let is_module = |path: &[u8]| is_within(path, environment.site_dir.as_bytes()) && !is_other(path);
        // virtualenv lists its own note, too.
        let is_own = |path: &[u8]| is_module(path) && is_listed(path) && !path.ends_with(b".virtualenv");
        let modules = recorded.keys().filter(|path| is_own(path.as_bytes())).count();
        of_wheel().all(|file| recorded.get(file.path.as_bytes()) == Some(&file.size))
            && of_wheel().filter(|file| is_module(file.path.as_bytes())).count() == modules
    }

    /// The files of a distribution, as an installer makes them again.
    pub fn files(&self, dist: &Stocked) -> Option<KnownDistribution> {
        let environment = self.environment.as_ref()?;
        let (prefix, site_dir) = (environment.prefix.clone(), environment.site_dir.clone());
        Some(KnownDistribution { prefix, site_dir, files: dist.files.clone() })
    }

    /// Bytes of bytecode to bytes of source of the distributions of this name, or of its environment's.
    pub fn bytecode_ratio(&self, name: &str) -> Option<(u64, u64)> {
        Some(self.find(name, None)?.ratio)
    }

    /// What an install command brings to what is there.
    pub fn packages(&self, request: &PackageRequest, present: &OsInventory) -> KnownPackages {
        let mut out = KnownPackages::default();
        if request.names.is_empty() {
            out.files.clone_from(&self.system.lists);
            return out;
        }
        match &self.choice {
            Some(choice) => {
                let found = choice.asked(request, present);
                out.unknown = found.unknown.iter().map(|(name, _)| name.clone()).collect();
                out.removed.clone_from(&found.removed);
                self.add(&self.same(&found), &mut out);
            }
            None => self.closure(request, present, &mut out),
        }
        if !out.packages.is_empty() {
            out.files.extend(self.system.state.iter().cloned());
            out.is_complete = true;
        }
        out
    }

    /// What names bring that are packages of rpm: what is asked of one is a name that another one provides.
    fn closure(&self, request: &PackageRequest, present: &OsInventory, out: &mut KnownPackages) {
        let os = &self.os;
        let is_there = |name: &str| present.find(name).is_some();
        let mut asked = BTreeSet::new();
        for word in &request.names {
            match os.find(word) {
                _ if is_there(word) => {}
                Some(position) => _ = asked.insert(position),
                None => out.unknown.push(word.clone()),
            }
        }
        let mut found: BTreeMap<PackageId, Coming> = BTreeMap::new();
        let mut todo: Vec<PackageId> = asked.iter().copied().collect();
        while let Some(position) = todo.pop() {
            if is_there(&os.packages[position].name) || found.contains_key(&position) {
                continue;
            }
            found.insert(position, Coming { manual: asked.contains(&position), replaces: false });
            let package = &os.packages[position];
            todo.extend(package.depends.iter().filter_map(|names| names.iter().find_map(|name| os.find(name))));
            if request.recommends == Some(true) {
                todo.extend(package.declared.recommends.split(", ").filter_map(|name| os.find(name)));
            }
        }
        self.add(&found, out);
    }

    /// Of what an installation brings, what the image has in exactly the same versions.
    pub fn measured(&self, request: &PackageRequest, found: &NewPackages, present: &OsInventory) -> KnownPackages {
        let known = self.packages(request, present);
        let same = self.same(found);
        let is_found = |known: &KnownPackage| found.packages.iter().any(|new| new.name == known.name);
        let all = same.len() == found.packages.len() && found.packages.iter().all(|new| known.has(&new.name));
        if all && known.packages.iter().all(is_found) {
            return known;
        }
        let mut out = KnownPackages::default();
        self.add(&same, &mut out);
        out
    }

    /// The packages of an installation that the image has in the same version, by position.
    fn same(&self, found: &NewPackages) -> BTreeMap<PackageId, Coming> {
        let os = &self.os;
        let same = |new: &NewPackage| {
            let is_it = |position: &PackageId| {
                let package = &os.packages[*position];
                (&package.name, &package.version) == (&new.name, &new.version)
            };
            let coming = Coming { manual: new.manual, replaces: new.replaces.is_some() };
            Some((os.find(&new.name).filter(is_it)?, coming))
        };
        found.packages.iter().filter_map(same).collect()
    }

    /// Adds packages with their files.
    fn add(&self, positions: &BTreeMap<PackageId, Coming>, out: &mut KnownPackages) {
        let (os, system) = (&self.os, &self.system);
        for (&position, &Coming { manual, replaces }) in positions {
            let package = &os.packages[position];
            out.files.extend(system.files.get(&position).into_iter().flatten().cloned());
            let stanza = system.stanzas.get(&package.name).cloned().unwrap_or_default();
            let (name, bytes) = (package.name.clone(), package.bytes);
            out.packages.push(KnownPackage { name, stanza, bytes, manual, replaces });
        }
        out.more_of_list = system.more_for(&out.packages);
    }
}

impl System {
    /// By how much more than the kept stanzas the list of packages grows: its share of what the original's has more.
    fn more_for(&self, packages: &[KnownPackage]) -> u64 {
        let kept: u64 = self.stanzas.values().map(|stanza| stanza.len() as u64).sum();
        let new: u64 = packages.iter().map(|package| package.stanza.len() as u64).sum();
        let share = u128::from(self.more) * u128::from(new) / u128::from(kept.max(1));
        u64::try_from(share).unwrap_or(u64::MAX)
    }
}

/// The lists of installed packages.
const LISTS: [&[u8]; 3] = [b"var/lib/dpkg/status", b"lib/apk/db/installed", b"usr/lib/apk/db/installed"];

/// An image, while it is read.
#[derive(Clone, Copy)]
struct Reader<'a> {
    facts: &'a Facts<'a>,
    /// How many of the lowest layers are the base image's, whose packages nobody installs.
    base_layers: usize,
}

impl Reader<'_> {
    fn distribution(&self, id: DistId, dist: &Distribution, environment: &TargetEnvironment) -> Stocked {
        let ratio = installed::ratio(self.facts, dist);
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
            let bytecode = bytecode(environment, ratio, path, size).filter(|_| dist.bytecode > 0);
            files.extend(bytecode.map(|(path, size)| new_file(path, size)));
        }
        Stocked {
            name: dist.name.clone(),
            normalized: dist.normalized.clone(),
            version: dist.version.clone(),
            direct_url: dist.direct_url.clone(),
            metadata: dist.metadata.clone(),
            recorded: self.recorded(dist),
            files,
            ratio,
        }
    }

    /// What RECORD lists, bytecode apart, with its bytes.
    fn recorded(&self, dist: &Distribution) -> FastMap<ImagePath, u64> {
        let view = self.facts.view;
        let there = dist.files.iter().filter(|path| !is_bytecode(path.as_bytes()));
        let there = there.filter_map(|path| Some((path.clone(), view.size(view.get(path.as_bytes())?))));
        let changed = dist.changed.iter().map(|(path, size)| (path.clone(), *size));
        let missing = removed(dist).map(|(path, size)| (path.clone(), size));
        there.chain(changed).chain(missing).collect()
    }

    fn conda(&self) -> Vec<StockedConda> {
        let conda = &self.facts.os.conda;
        let mut paths = conda.packages.beside(|_| Vec::new());
        for (path, id) in &conda.owners {
            // Packages are linked from `pkgs`, which is another installation's.
            if !conda.is_cache(path.as_bytes()) && conda.is_installed(*id, path.as_bytes()) {
                paths[*id].push(path);
            }
        }
        let stocked = |(id, package): (CondaId, &CondaPackage)| {
            let mut own: Vec<&ImagePath> = std::mem::take(&mut paths[id]);
            own.sort();
            let nodes = own.into_iter().filter_map(|path| self.facts.view.get(path.as_bytes()));
            let files = nodes.map(|node| self.file(node, false)).collect();
            StockedConda { id, url: package.url.clone(), prefix: package.prefix.clone(), files }
        };
        conda.packages.pairs().map(stocked).collect()
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

    fn system(&self) -> System {
        let facts = self.facts;
        let (view, os) = (facts.view, facts.os);
        // Of several layers the lowest one is a base's, whatever is known of it.
        let base_layers = self.base_layers.max(usize::from(view.image().layers.len() > 1));
        let mut paths: FastMap<PackageId, Vec<ImagePath>> = FastMap::default();
        for (path, &position) in os.owners.iter().filter(|(path, _)| !os.compiled.contains(*path)) {
            paths.entry(position).or_default().push(path.clone());
        }
        let mut state = Vec::new();
        for (path, node) in view.iter() {
            if os.owners.contains_key(path) || !view.holds_bytes(node) {
                continue;
            }
            let is_above = node.entry.0 as usize >= base_layers;
            if let Some(owner) = note_of(path).and_then(|name| os.find(&name)) {
                paths.entry(owner).or_default().push(view.path(node).clone());
            } else if is_above && is_state(path) {
                state.push(self.file(node, false));
            }
        }
        paths.values_mut().for_each(|paths| paths.sort());
        let list = LISTS.iter().find_map(|path| view.contents(path)).unwrap_or_default();
        let text = String::from_utf8_lossy(list);
        let stanzas = text.split("\n\n").map(str::trim).filter(|stanza| !stanza.is_empty());
        let named = |stanza: &str| {
            let name = stanza.lines().find_map(|line| line.strip_prefix("Package: ").or(line.strip_prefix("P:")))?;
            Some((name.trim().to_owned(), format!("{stanza}\n\n").into_bytes()))
        };
        let stanzas: HashMap<String, Vec<u8>> = stanzas.filter_map(named).collect();
        let kept: u64 = stanzas.values().map(|stanza| stanza.len() as u64).sum();
        let node = LISTS.iter().find_map(|path| view.get(path));
        let more = node.map_or(0, |node| view.size(node)).saturating_sub(kept);
        let of_package = |(position, paths): (PackageId, Vec<ImagePath>)| {
            let nodes = paths.iter().filter_map(|path| view.get(path.as_bytes()));
            (position, nodes.map(|node| self.file(node, true)).collect())
        };
        let files = paths.into_iter().map(of_package).collect();
        System { files, stanzas, more, state, lists: self.lists() }
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

/// The bytecode of a module that is not there any more.
fn bytecode(
    environment: &TargetEnvironment,
    (bytecode, source): (u64, u64),
    path: &ImagePath,
    size: u64,
) -> Option<(ImagePath, u64)> {
    let stem = file_name(path.as_bytes()).strip_suffix(b".py")?;
    let inside = is_within(path.as_bytes(), environment.site_dir.as_bytes());
    let tag = format!(".cpython-{}.pyc", environment.python.replace('.', ""));
    let folder = ImagePath::new(parent(path.as_bytes())).join(b"__pycache__");
    inside.then(|| (folder.join(&[stem, tag.as_bytes()].concat()), scaled(size, bytecode, source)))
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
    !LISTS.contains(&path)
        && !is_package_cache(path)
        && (is_package_manager_state(path) || is_within(path, b"etc/ld.so.cache"))
}
