//! `apt-get` and `apk`: packages of the operating system come and go.
//!
//! What a package unpacks to is one number, predicted of what its index says. In the virtual image it is one file, which
//! the package owns.
//!
//! Source: apt-get(8), apk(8), dpkg(1).

use super::KnownPackages;
use super::error::Result;
use super::installer::open;
use super::run::{Outcome, Place};
use super::stage::{BaseKnown, Stage, SystemState, World};
use super::work::own;
use crate::base::{Digest, ImagePath, is_within};
use crate::command::{Command, Means, Tool as Line, Verb};
use crate::fs::View;
use crate::image::{Config, GapReason, Image, Packages, Writes};
use crate::layer::{Entry, EntryKind, LayerIndex};
use crate::os::{OsInventory, OsPackage, PREDICTED, PackageManager, parse_installed, parse_status};
use crate::ospackages::{
    Installation, NewPackage, PackageRequest, Repositories, Sources, autoremove, empty_caches, removed_with,
};
use std::rc::Rc;
use std::sync::Arc;

const STATUS: &[u8] = b"var/lib/dpkg/status";
const CACHES: &[u8] = b"var/cache/apt/*.bin";
const LISTS: &[u8] = b"var/lib/apt/lists/*_Packages*";

/// What a package manager is to install.
struct Asked<'a> {
    request: PackageRequest,
    /// The lists are fetched, and stay.
    updates: bool,
    /// By `apt`, and not by `apt-get`.
    by_apt: bool,
    /// Further repositories.
    more: &'a [&'a str],
}

impl Stage {
    pub(super) fn apt(
        &mut self,
        world: &World<'_>,
        (name, words): (&str, &[String]),
        place: &Place<'_>,
    ) -> Result<Outcome> {
        let read = Command::parse(Line::Apt, words);
        let Some((verb, names)) = read.words.split_first() else { return Ok(Outcome::Done) };
        if read.has(&[Means::DryRun]) {
            return Ok(Outcome::Done);
        }
        match verb.as_str() {
            "update" | "install" | "reinstall" => {
                if let Some(why) = open(&read) {
                    return Ok(why);
                }
                let recommends = match () {
                    () if read.has(&[Means::NoRecommends]) => Some(false),
                    () if read.has(&[Means::Recommends]) => Some(true),
                    () => option(&read, "APT::Install-Recommends"),
                };
                let request = PackageRequest {
                    manager: PackageManager::Dpkg,
                    names: if verb == "update" { Vec::new() } else { names.to_vec() },
                    recommends,
                    architecture: self.architecture(world),
                    release: read.value(Means::Release).map(str::to_owned),
                    virtual_name: None,
                };
                let asked = Asked { request, updates: verb == "update", by_apt: name == "apt", more: &[] };
                Ok(self.add_packages(world, &asked, place))
            }
            "remove" | "purge" | "autoremove" | "autopurge" | "auto-remove" => {
                let autoremoves = verb.starts_with("auto") || read.has(&[Means::AutoRemove]);
                Ok(self.remove_packages(names, autoremoves))
            }
            "clean" | "autoclean" | "auto-clean" => {
                for path in self.tree.glob(b"var/cache/apt/archives/*.deb") {
                    self.tree.remove(&path);
                }
                self.put_caches(0, false);
                Ok(Outcome::Done)
            }
            "check" | "list" | "search" | "show" | "policy" | "mark" => Ok(Outcome::Done),
            "upgrade" | "dist-upgrade" | "full-upgrade" => Ok(Outcome::Unknown(GapReason::Newer)),
            _ => Ok(Outcome::Unknown(GapReason::Makes)),
        }
    }

    pub(super) fn apk(&mut self, world: &World<'_>, words: &[String], place: &Place<'_>) -> Result<Outcome> {
        let read = Command::parse(Line::Apk, words);
        let Some((verb, names)) = read.words.split_first() else { return Ok(Outcome::Done) };
        match verb.as_str() {
            "add" if read.open.is_some() => Ok(open(&read).unwrap_or(Outcome::Done)),
            "add" if read.has(&[Means::DryRun]) => Ok(Outcome::Done),
            // What is there becomes what the repositories have now.
            "add" if read.has(&[Means::Upgrade]) => Ok(Outcome::Unknown(GapReason::Newer)),
            "add" => {
                let more: Vec<&str> = read.values(Means::Place).collect();
                let request = PackageRequest {
                    manager: PackageManager::Apk,
                    names: names.to_vec(),
                    recommends: None,
                    architecture: self.architecture(world),
                    release: None,
                    virtual_name: read.value(Means::Virtual).map(str::to_owned),
                };
                let asked = Asked { request, updates: false, by_apt: false, more: &more };
                Ok(self.add_packages(world, &asked, place))
            }
            "del" => Ok(self.remove_packages(names, true)),
            "update" | "info" | "search" | "list" | "cache" | "version" | "policy" => Ok(Outcome::Done),
            "upgrade" => Ok(Outcome::Unknown(GapReason::Newer)),
            _ => Ok(Outcome::Unknown(GapReason::Makes)),
        }
    }

    /// dnf and its like. No package index of theirs is read: what they install is known where somebody knows the packages.
    pub(super) fn rpm(&mut self, world: &World<'_>, tool: Line, words: &[String], place: &Place<'_>) -> Outcome {
        let read = Command::parse(tool, words);
        let not_looked_up = || Outcome::Unknown(GapReason::NotLookedUp(Packages::Rpm));
        if let Some(why) = open(&read).or_else(|| unknown_setting(&read)) {
            return why;
        }
        let (verb, names) = (read.verb(), read.words.get(1..).unwrap_or_default());
        if verb == Verb::Clean && (tool == Line::Zypper || names == ["all"]) {
            for folder in RPM_CACHES {
                let below: Vec<ImagePath> = self.tree.below(folder.as_bytes()).map(|(path, _)| path.clone()).collect();
                below.iter().for_each(|path| _ = self.tree.remove(path.as_bytes()));
            }
            return Outcome::Done;
        }
        if verb != Verb::Install || read.has(&[Means::Root, Means::DryRun]) || !self.system().inventory.is_rpm {
            return not_looked_up();
        }
        let request = PackageRequest {
            // Of those who know packages by their names nobody asks for more.
            manager: PackageManager::Dpkg,
            names: names.to_vec(),
            recommends: Some(!read.has(&[Means::NoRecommends]) && option(&read, "install_weak_deps") != Some(false)),
            architecture: self.architecture(world),
            release: None,
            virtual_name: None,
        };
        if self.put_known_packages(world, &request, place.text) {
            return Outcome::Done;
        }
        // No index of rpm's is read: the image to measure by has them, or nobody knows them.
        let inventory = self.system().inventory.clone();
        let Some(known) = world.outside.measured(&request, None, &inventory) else { return not_looked_up() };
        for name in &known.unknown {
            self.gap(place.text, name, GapReason::NotLookedUp(Packages::Rpm), Writes::Anywhere);
        }
        self.put_measured_packages(known, false);
        Outcome::Done
    }

    fn architecture(&self, world: &World<'_>) -> String {
        world.options.platform.split('/').nth(1).unwrap_or("amd64").to_owned()
    }

    /// The packages so far, and where more of them are.
    pub(super) fn system(&mut self) -> &mut SystemState {
        let (tree, config) = (&self.tree, &self.config);
        let system = self.system.get_or_insert_with(|| {
            let image = image_of(&tree.layers, config.clone());
            let view = View::new(&image);
            let (inventory, sources) = (OsInventory::new(&view), Sources::new(&view));
            Rc::new(SystemState { inventory, sources, stamp: None, caches: 0 })
        });
        let count = system.inventory.owners.len();
        own(system, count, &tree.work)
    }

    /// Reads again where packages come from, and what apt and dpkg are told, where files of them have changed.
    fn refresh_sources(&mut self) {
        let folders: [&[u8]; 3] = [b"etc/apt", b"etc/dpkg", b"etc/apk"];
        let all = folders.iter().flat_map(|folder| self.tree.below(folder));
        let stamp: Vec<(ImagePath, Option<Digest>, u64)> =
            all.map(|(path, entry)| (path.clone(), entry.content, entry.size)).collect();
        if self.system().stamp.as_ref() == Some(&stamp) {
            return;
        }
        let mut tree = self.tree.clone();
        tree.commit();
        let (layers, config) = (tree.layers, self.config.clone());
        let sources = Sources::new(&View::new(&image_of(&layers, config)));
        let state = self.system();
        (state.sources, state.stamp) = (sources, Some(stamp));
    }

    fn add_packages(&mut self, world: &World<'_>, asked: &Asked<'_>, place: &Place<'_>) -> Outcome {
        let request = &asked.request;
        if let BaseKnown::NameOnly(_) = self.base {
            return Outcome::Unknown(GapReason::UnknownBase);
        }
        if self.put_known_packages(world, request, place.text) {
            return Outcome::Done;
        }
        self.refresh_sources();
        let apk = request.manager == PackageManager::Apk;
        let state = self.system();
        let sources = state.sources.clone().with_repositories(asked.more.iter().copied(), place.text);
        let opened = world.repositories(&sources, &request.architecture);
        let repositories: Rc<Repositories> = match opened {
            Ok(repositories) => repositories,
            Err(reason) => {
                let inventory = state.inventory.clone();
                let measured = world.outside.measured(request, None, &inventory);
                measured.into_iter().for_each(|known| self.put_measured_packages(known, apk));
                return Outcome::Unknown(GapReason::Repositories(reason));
            }
        };
        let mut installation = repositories.install(request, &state.inventory);
        if asked.by_apt && !state.sources.settings.apt_keeps_archives {
            installation.archives = 0;
        }
        let known = world.outside.measured(request, Some(&installation), &state.inventory).unwrap_or_default();
        let fetches = asked.updates && self.tree.glob(LISTS).is_empty();
        if asked.updates || apk {
            self.put_lists(&installation);
        }
        if !apk {
            self.system().caches = installation.caches;
            self.put_caches(installation.caches, fetches);
        }
        let ignored = self.system().sources.ignored.clone();
        for (source, reason) in repositories.problems.iter().filter(|problem| !ignored.contains(problem)) {
            let why = GapReason::Repositories(reason.clone());
            self.gap(place.text, &format!("packages of {source}"), why, Writes::Anywhere);
        }
        for package in self.system().inventory.packages.iter_mut() {
            package.manual |= installation.marked_manual.contains(&package.name);
        }
        for (name, reason) in installation.unknown.iter().chain(&installation.unmet) {
            self.gap(place.text, name, GapReason::Repositories(reason.clone()), Writes::Anywhere);
        }
        self.put_packages(&installation, known, apk);
        Outcome::Done
    }

    /// What `apt-get update` leaves.
    fn put_lists(&mut self, installation: &Installation) {
        if installation.lists > 0 {
            self.tree
                .put(Entry::file(ImagePath::from("var/lib/apt/lists/predicted_Packages"), installation.lists), None);
        }
    }

    fn put_packages(&mut self, installation: &Installation, known: KnownPackages, apk: bool) {
        if installation.packages.is_empty() {
            return;
        }
        let is_new = |package: &&NewPackage| !known.has(&package.name);
        let packages: Vec<&NewPackage> = installation.packages.iter().filter(is_new).collect();
        let all = installation.packages.len() as u64;
        let text: u64 = installation.packages.iter().map(|package| package.stanza.len() as u64).sum();
        let rest = installation.database.saturating_sub(text);
        if !apk {
            self.open_state();
        }
        for name in &installation.removed {
            self.drop_package(name);
        }
        self.put_measured_packages(known, apk);
        for (position, package) in packages.iter().enumerate() {
            // Of the first one what does not divide.
            let share = rest / all + if position == 0 { rest % all } else { 0 };
            self.put_package(package, share, apk);
        }
        let stanzas: Vec<u8> = packages.iter().flat_map(|package| package.stanza.iter().copied()).collect();
        if !stanzas.is_empty() {
            self.append(if apk { b"lib/apk/db/installed" } else { STATUS }, &stanzas);
        }
        let automatic = packages.iter().filter(|package| !package.manual && !apk).flat_map(|package| {
            let (name, architecture) = (&package.name, &package.architecture);
            format!("Package: {name}\nArchitecture: {architecture}\nAuto-Installed: 1\n\n").into_bytes()
        });
        let automatic: Vec<u8> = automatic.collect();
        if !automatic.is_empty() {
            self.append(b"var/lib/apt/extended_states", &automatic);
        }
        let manual = packages.iter().filter(|package| package.manual && apk);
        let asked: Vec<u8> = manual.flat_map(|package| format!("{}\n", package.name).into_bytes()).collect();
        if !asked.is_empty() {
            self.append(b"etc/apk/world", &asked);
        }
        // What apt keeps of what it downloads.
        if installation.archives > 0 {
            let path = ImagePath::from("var/cache/apt/archives/predicted.deb");
            let old = self.tree.get(path.as_bytes()).map_or(0, |entry| entry.size);
            self.tree.put(Entry::file(path, old + installation.archives), None);
        }
    }

    /// What an installation opens to write, or writes anew with little more in it: the layer has all of it. debconf's hook locks
    /// its database before it knows whether there is anything to ask; dpkg keeps the status that was.
    pub(super) fn open_state(&mut self) {
        let asks = self.tree.exists(DEBCONF_HOOK);
        let opened = OPENED.into_iter().filter(|path| asks || !is_within(path, b"var/cache/debconf"));
        for path in opened {
            let Some(entry) = self.tree.get(path).filter(|entry| entry.kind == EntryKind::File).cloned() else {
                continue;
            };
            let content = self.tree.content(path).map(<[u8]>::to_vec);
            self.tree.put(entry, content);
        }
        if let Some(size) = self.tree.get(STATUS).map(|entry| entry.size) {
            self.tree.put(Entry::file(ImagePath::from("var/lib/dpkg/status-old"), size), None);
        }
    }

    /// What apt makes of its lists whenever it opens them, in the place of what it made before.
    fn put_caches(&mut self, bytes: u64, fetched: bool) {
        // What it knows of the lists alone stays where they are the same: not where it has just fetched them.
        let (sources, packages) = ("var/cache/apt/srcpkgcache.bin", "var/cache/apt/pkgcache.bin");
        let half = bytes / 2;
        let stays = half > 0 && !fetched && self.tree.get(sources.as_bytes()).is_some_and(|entry| entry.size == half);
        for path in self.tree.glob(CACHES) {
            if !(stays && path == sources.as_bytes()) {
                self.tree.remove(&path);
            }
        }
        if bytes > 0 {
            self.tree.put(Entry::file(ImagePath::from(packages), bytes - half), None);
        }
        if half > 0 && !stays {
            self.tree.put(Entry::file(ImagePath::from(sources), half), None);
        }
    }

    /// What apt leaves after it removed packages: it opened its lists, or had none to open.
    fn open_caches(&mut self) {
        self.refresh_sources();
        let state = self.system();
        if !state.sources.settings.keeps_caches {
            return;
        }
        let (read, installed) = (state.caches, state.inventory.packages.len());
        if self.tree.glob(LISTS).is_empty() {
            self.put_caches(empty_caches(installed), false);
        } else if read > 0 {
            self.put_caches(read, false);
        }
    }

    /// The one file of a package, and its entry in the list of packages.
    fn put_package(&mut self, package: &NewPackage, share: u64, apk: bool) {
        let path = ImagePath::from(format!("{PREDICTED}/{}", package.name).as_str());
        if package.replaces.is_some() {
            self.hide_files(&package.name);
        }
        self.tree.put(Entry::file(path.clone(), package.bytes), None);
        if !apk {
            let list = ImagePath::from(format!("var/lib/dpkg/info/{}.list", package.name).as_str());
            let text = format!("{path}\n");
            self.tree.put(Entry::file(list, share), Some(text.into_bytes()));
        }
        let inventory = &mut self.system().inventory;
        inventory.packages.retain(|known| known.name != package.name);
        let parsed = match apk {
            true => parse_installed(&package.stanza).0.into_iter().map(|found| found.package).next(),
            false => parse_status(&package.stanza).0.into_iter().next(),
        };
        let Some(mut new) = parsed else { return };
        (new.manual, new.bytes) = (package.manual, package.bytes);
        let at = inventory.packages.partition_point(|known| known.name < new.name);
        inventory.packages.insert(at, new);
    }

    /// The files of an installed package go, because newer ones take their place.
    pub(super) fn hide_files(&mut self, name: &str) {
        for path in self.files_of(name) {
            self.tree.remove(&path);
        }
    }

    fn files_of(&self, name: &str) -> Vec<Vec<u8>> {
        let architecture = self.config.architecture.clone();
        let lists = [format!("var/lib/dpkg/info/{name}.list"), format!("var/lib/dpkg/info/{name}:{architecture}.list")];
        let text = lists.iter().find_map(|list| self.tree.content(list.as_bytes()));
        let paths = text.map(crate::os::parse_list).unwrap_or_default();
        let mut files: Vec<Vec<u8>> = paths.into_iter().map(|path| self.tree.resolve(&path)).collect();
        files.retain(|path| self.tree.get(path).is_some_and(|entry| entry.kind != EntryKind::Directory));
        files.push(format!("{PREDICTED}/{name}").into_bytes());
        files
    }

    pub(super) fn append(&mut self, path: &[u8], text: &[u8]) {
        let path = ImagePath::new(&self.tree.resolve(path));
        let mut content = self.tree.content(path.as_bytes()).map(<[u8]>::to_vec).unwrap_or_default();
        if !content.is_empty() && !content.ends_with(b"\n\n") && text.contains(&b':') {
            content.push(b'\n');
        }
        content.extend_from_slice(text);
        let old = self.tree.get(path.as_bytes()).cloned();
        let size = old.as_ref().map_or(0, |entry| entry.size) + text.len() as u64;
        self.tree.put(Entry { size, content: None, ..Entry::file(path, size) }, Some(content));
    }

    fn remove_packages(&mut self, names: &[String], autoremoves: bool) -> Outcome {
        if let BaseKnown::NameOnly(_) = self.base {
            return Outcome::Done;
        }
        let mut inventory = self.system().inventory.clone();
        let named: Vec<String> = names
            .iter()
            .map(|name| name.trim_end_matches(['-', '+']).split(':').next().unwrap_or_default().to_owned())
            .collect();
        let manager = inventory.manager.unwrap_or(PackageManager::Dpkg);
        let names: Vec<&str> = named.iter().map(String::as_str).collect();
        let name_of = |packages: &[OsPackage], at: usize| packages[at].name.clone();
        let removed = removed_with(manager, &inventory.packages, &names);
        let mut gone: Vec<String> = removed.into_iter().map(|at| name_of(&inventory.packages, at)).collect();
        inventory.packages.retain(|package| !gone.contains(&package.name));
        if autoremoves {
            let more = autoremove(manager, &inventory.packages);
            gone.extend(more.into_iter().map(|at| name_of(&inventory.packages, at)));
        }
        gone.iter().for_each(|name| self.drop_package(name));
        if manager == PackageManager::Dpkg && !inventory.is_rpm {
            self.open_caches();
        }
        Outcome::Done
    }

    pub(super) fn drop_package(&mut self, name: &str) {
        self.hide_files(name);
        for path in self.tree.glob(format!("var/lib/dpkg/info/{name}.*").as_bytes()) {
            self.tree.remove(&path);
        }
        self.system().inventory.packages.retain(|package| package.name != name);
        for path in [STATUS, b"lib/apk/db/installed"] {
            let Some(text) = self.tree.content(path).map(|text| String::from_utf8_lossy(text).into_owned()) else {
                continue;
            };
            let is_it = |stanza: &&str| {
                let line = |start: &str| stanza.lines().any(|line| line.strip_prefix(start) == Some(name));
                !(line("Package: ") || line("P:"))
            };
            let kept: Vec<&str> = text.split("\n\n").filter(is_it).collect();
            let less = text.len().saturating_sub(kept.join("\n\n").len()) as u64;
            if let Some(entry) = self.tree.get(path).cloned().filter(|_| less > 0) {
                let size = entry.size.saturating_sub(less);
                self.tree.put(Entry { size, content: None, ..entry }, Some(kept.join("\n\n").into_bytes()));
            }
        }
    }
}

/// What has apt ask by debconf.
const DEBCONF_HOOK: &[u8] = b"etc/apt/apt.conf.d/70debconf";

/// What an installation of apt's opens to write, wherever it is there.
const OPENED: [&[u8]; 7] = [
    b"var/cache/debconf/config.dat",
    b"var/cache/debconf/templates.dat",
    b"var/log/dpkg.log",
    b"var/log/apt/history.log",
    b"var/log/apt/term.log",
    b"etc/ld.so.cache",
    b"var/cache/ldconfig/aux-cache",
];

/// Where dnf and its like keep lists and packages.
const RPM_CACHES: [&str; 5] =
    ["var/cache/dnf", "var/cache/yum", "var/cache/libdnf5", "var/cache/tdnf", "var/cache/zypp"];

/// Settings of dnf's that change no file, or whose value is asked for.
const RPM_SETTINGS: [&str; 10] = [
    "install_weak_deps",
    "tsflags",
    "keepcache",
    "best",
    "fastestmirror",
    "max_parallel_downloads",
    "retries",
    "timeout",
    "sslverify",
    "gpgcheck",
];

/// The gap of `--setopt NAME=…` of a setting that is not followed.
fn unknown_setting(read: &Command) -> Option<Outcome> {
    let is_known = |text: &str| text.split_once('=').is_some_and(|(name, _)| RPM_SETTINGS.contains(&name));
    let setting = read.values(Means::Setting).find(|text| !is_known(text))?;
    Some(Outcome::Unknown(GapReason::Option(format!("--setopt={setting}"))))
}

/// `Name=value`, for what is true or false.
fn option(read: &Command, name: &str) -> Option<bool> {
    let values = read.values(Means::Setting).filter_map(|text| text.split_once('='));
    let value = values.rev().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1;
    Some(!matches!(value.to_ascii_lowercase().as_str(), "0" | "false" | "no" | "off"))
}

/// Layers as an image, to look into.
fn image_of(layers: &[Arc<LayerIndex>], config: Config) -> Image {
    Image { config, layers: layers.to_vec(), ..Image::new(crate::base::Basis::Predicted) }
}
