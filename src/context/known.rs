//! What is known of an instruction or a command before it is read: by a plan, which has the original image.
//!
//! A Dockerfile that a plan wrote is read like any other one. What its commands bring is known better than an index
//! could tell it: the files of a distribution or of an OS package are those of the original image, and an instruction that
//! nobody touched makes the layer that it made before.

use super::installer::Order;
use super::stage::{Stage, World};
use crate::base::{FastSet, ImagePath, is_bytecode, is_within};
use crate::conda::Locked;
use crate::image::{GapReason, Writes};
use crate::layer::{Entry, EntryKind, LayerIndex};
use crate::os::{PackageManager, parse_installed, parse_status};
use crate::ospackages::PackageRequest;
use crate::wheel::predicted_bytecode;
use std::sync::Arc;

/// A file, and what the index of a layer keeps of it.
#[derive(Clone, Debug)]
pub struct KnownFile {
    /// Its entry.
    pub entry: Entry,
    /// Its kept content.
    pub content: Option<Vec<u8>>,
}

/// The files of a distribution, where they are in an environment that is known.
#[derive(Clone, Debug)]
pub struct KnownDistribution {
    /// The prefix of that environment.
    pub prefix: ImagePath,
    /// Its site directory.
    pub site_dir: ImagePath,
    /// The files, bytecode among them if it is known.
    pub files: Vec<KnownFile>,
}

/// What an install command of the operating system's package manager brings.
#[derive(Clone, Debug, Default)]
pub struct KnownPackages {
    /// The packages.
    pub packages: Vec<KnownPackage>,
    /// Their files, and what the package manager writes.
    pub files: Vec<KnownFile>,
    /// By how many bytes the list of installed packages grows beyond the stanzas that are kept of it.
    pub more_of_list: u64,
    /// Packages that are there and go, because they do not go with the new ones.
    pub removed: Vec<String>,
    /// Names that nobody knows.
    pub unknown: Vec<String>,
    /// Whether these are all that the command brings, and what the package manager notes is among the files.
    pub is_complete: bool,
}

impl KnownPackages {
    /// Whether a package is one of them.
    pub fn has(&self, name: &str) -> bool {
        self.packages.iter().any(|package| package.name == name)
    }
}

/// A package that comes.
#[derive(Clone, Debug)]
pub struct KnownPackage {
    /// Its name.
    pub name: String,
    /// Its stanza in the list of installed packages, with the empty line behind it.
    pub stanza: Vec<u8>,
    /// Its bytes (`unpacked`).
    pub bytes: u64,
    /// Whether it was named.
    pub manual: bool,
    /// Whether an older version of it is there, whose files go.
    pub replaces: bool,
}

/// What conda is to install.
pub struct CondaRequest<'r> {
    /// Into which environment.
    pub prefix: &'r ImagePath,
    /// The file that says what.
    pub text: &'r str,
    /// The archives that it names, where it is an explicit list.
    pub locked: Option<Vec<Locked>>,
    /// Whether packages for every Python are compiled.
    pub compiles: bool,
    /// `linux/amd64`.
    pub platform: &'r str,
}

/// What conda brings to an environment.
#[derive(Clone, Debug, Default)]
pub struct KnownConda {
    /// The files.
    pub files: Vec<KnownFile>,
    /// Packages of which it is not known what they bring: name, and why.
    pub unknown: Vec<(String, String)>,
    /// Names of all packages.
    pub packages: Vec<String>,
}

/// The layer that an instruction makes.
#[derive(Clone, Debug)]
pub struct KnownLayer {
    /// Its entries.
    pub index: Arc<LayerIndex>,
    /// Positions of those that have the content of the path below them: only attributes changed.
    pub rewrites: FastSet<u32>,
}

impl Stage {
    /// Puts the files of a distribution into the environment that it is ordered for.
    pub(super) fn put_known(&mut self, order: &Order, known: KnownDistribution) {
        let site = &order.site;
        let places = [(&known.site_dir, &site.site_dir), (&known.prefix, &site.prefix)];
        // What lies outside of the prefix moves with the root that both are below.
        let root = site.prefix.as_bytes().strip_suffix(known.prefix.as_bytes()).unwrap_or_default();
        let root = ImagePath::new(root);
        let moved = |path: &[u8]| {
            let place = places.iter().find(|(from, _)| is_within(path, from.as_bytes()));
            place.map_or_else(
                || root.join(path),
                |(from, to)| to.join(path.get(from.as_bytes().len()..).unwrap_or_default()),
            )
        };
        let has_bytecode = known.files.iter().any(|file| is_bytecode(file.entry.path.as_bytes()));
        let mut sources = Vec::new();
        for KnownFile { entry, content } in known.files {
            if is_bytecode(entry.path.as_bytes()) && !order.compiles {
                continue;
            }
            let path = moved(entry.path.as_bytes());
            if order.compiles && !has_bytecode && path.as_bytes().ends_with(b".py") {
                sources.push((path.clone(), entry.size));
            }
            self.tree.put(Entry { path, ..entry }, content);
        }
        for (source, size) in sources {
            if let Some(compiled) = super::install::compiled(&source, site) {
                self.tree.put(Entry::file(compiled, predicted_bytecode(size, &site.python)), None);
            }
        }
    }

    /// Puts OS packages; `false` where nobody knows them.
    pub(super) fn put_known_packages(&mut self, world: &World<'_>, request: &PackageRequest, place: &str) -> bool {
        let inventory = self.system().inventory.clone();
        let Some(known) = world.outside.packages(request, &inventory) else { return false };
        for name in &known.unknown {
            self.gap(place, name, GapReason::NotInOriginal, Writes::Anywhere);
        }
        if request.manager == PackageManager::Dpkg && !known.packages.is_empty() && !inventory.is_rpm {
            self.open_state();
        }
        self.put_measured_packages(known, request.manager == PackageManager::Apk);
        true
    }

    /// Puts OS packages that are known.
    pub(super) fn put_measured_packages(&mut self, known: KnownPackages, apk: bool) {
        known.removed.iter().for_each(|name| self.drop_package(name));
        let replacing = known.packages.iter().filter(|package| package.replaces);
        replacing.for_each(|package| self.hide_files(&package.name));
        for KnownFile { entry, content } in known.files {
            self.tree.put(entry, content);
        }
        let list: &[u8] = if apk { b"lib/apk/db/installed" } else { b"var/lib/dpkg/status" };
        let stanzas: Vec<u8> = known.packages.iter().flat_map(|package| package.stanza.iter().copied()).collect();
        if !stanzas.is_empty() {
            self.append(list, &stanzas);
            let path = self.tree.resolve(list);
            if let Some(entry) = self.tree.get(&path).cloned() {
                let content = self.tree.content(&path).map(<[u8]>::to_vec);
                self.tree.put(Entry { size: entry.size.saturating_add(known.more_of_list), ..entry }, content);
            }
        }
        for package in known.packages {
            let parsed = match apk {
                true => parse_installed(&package.stanza).0.into_iter().map(|found| found.package).next(),
                false => parse_status(&package.stanza).0.into_iter().next(),
            };
            let Some(mut new) = parsed else { continue };
            (new.manual, new.bytes) = (package.manual, package.bytes);
            let inventory = &mut self.system().inventory;
            inventory.packages.retain(|other| other.name != new.name);
            let at = inventory.packages.partition_point(|other| other.name < new.name);
            inventory.packages.insert(at, new);
        }
    }

    /// Makes a layer again. An entry that only changed attributes of what is not there any more is left out.
    pub(super) fn replay(&mut self, layer: &KnownLayer) {
        let hides = |entry: &&Entry| matches!(entry.kind, EntryKind::Whiteout | EntryKind::Opaque);
        // It is in an image that was read: what its programs do is known by what they did.
        self.tree.by_installer = true;
        for entry in layer.index.entries.iter().filter(hides) {
            if entry.kind == EntryKind::Whiteout {
                self.tree.remove(entry.path.as_bytes());
                continue;
            }
            for name in self.tree.names(entry.path.as_bytes()) {
                self.tree.remove(entry.path.join(&name).as_bytes());
            }
        }
        for (position, entry) in layer.index.entries.iter().enumerate().filter(|(_, entry)| !hides(entry)) {
            let position = u32::try_from(position).unwrap_or(u32::MAX);
            if layer.rewrites.contains(&position) && !self.tree.exists(entry.path.as_bytes()) {
                continue;
            }
            self.tree.put_known(entry.clone(), layer.index.contents.get(&position).cloned());
        }
        self.tree.by_installer = false;
    }
}
