//! Packages of the operating system: who owns a file, what was asked for by hand.
//!
//! Source: deb-control(5), dpkg(1) (`/var/lib/dpkg/status`, `status.d` of distroless images, `info/*.list`),
//! apt-mark(8) (`/var/lib/apt/extended_states`); Alpine's apk(5) (`/lib/apk/db/installed`, `/etc/apk/world`);
//! os-release(5); the records of conda packages.

mod apk;
mod conda;
mod dpkg;
mod libraries;
mod release;
mod rpm;

pub use apk::{ApkPackage, parse_installed, parse_world};
pub use conda::{CondaInventory, CondaPackage, is_gpu_build};
pub use dpkg::{parse_extended_states, parse_list, parse_md5sums, parse_status, relations};
pub use libraries::{Libraries, Need, Provider};
pub use release::parse_os_release;
pub use rpm::rpm_packages;

use crate::base::{
    Basis, FastMap, FastSet, Id, ImagePath, Numbered, PackageId, Problem, file_name, source_of_bytecode,
};
use crate::fs::{DataRef, Lookup, View};
use crate::layer::EntryKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The operating system of an image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OsInventory {
    /// os-release: `ID`, `VERSION_ID`, `VERSION_CODENAME`, `PRETTY_NAME`, ...
    pub release: BTreeMap<String, String>,
    /// Which package manager, where its package indexes are read.
    pub manager: Option<PackageManager>,
    /// Whether the packages are rpm's.
    pub is_rpm: bool,
    /// The installed packages, sorted by name and architecture.
    pub packages: Numbered<PackageId, OsPackage>,
    /// Owner of each path, among `packages`; only paths of files and links, as the merged image
    /// spells them (a package's `/lib/x` is `/usr/lib/x` where `/lib` is a link).
    pub owners: FastMap<ImagePath, PackageId>,
    /// Bytecode that no list names, beside modules of packages whose installer compiles nothing: an installation does not bring
    /// it. It is its module's owner's, too.
    pub compiled: FastSet<ImagePath>,
    /// What conda installed.
    pub conda: CondaInventory,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// Who provides what, once that was asked: [`OsInventory::find`]. Packages do not change any more then.
    pub provided: OnceLock<FastMap<String, PackageId>>,
}

/// Package managers whose databases are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageManager {
    /// Debian, Ubuntu.
    Dpkg,
    /// Alpine.
    Apk,
}

/// One package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsPackage {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Architecture.
    pub architecture: String,
    /// Asked for by hand (apt: not marked automatic; apk: in `world`).
    pub manual: bool,
    /// Part of the minimal system (dpkg: `Essential: yes` or priority required or important).
    pub essential: bool,
    /// Names it needs (`Depends` and `Pre-Depends`): alternatives of one requirement side by side, versions
    /// stripped; apk's `so:` and `cmd:` names too.
    pub depends: Vec<Vec<String>>,
    /// Names it stands for.
    pub provides: Vec<String>,
    /// dpkg's section: `devel`, `libdevel`, ...
    pub section: String,
    /// Who made it, where the database has that in a field of its own: `NVIDIA`, `cudatools <cudatools@nvidia.com>`.
    pub vendor: String,
    /// Installed bytes from the tree (`unpacked`, measured).
    pub bytes: u64,
    /// What it says of itself.
    pub declared: Declared,
}

/// What a package says of itself, as its database writes it, for who weighs versions. Fields that an index of an
/// earlier version did not keep are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// What its files take, in bytes; dpkg rounds every one up to KiB (`Installed-Size`, `I:`).
    pub installed_size: Option<u64>,
    /// `Pre-Depends` and `Depends`; apk's `D:`, which has conflicts (`!name`) too.
    pub depends: String,
    /// `Recommends`.
    pub recommends: String,
    /// `Suggests`.
    pub suggests: String,
    /// `Provides`, `p:`.
    pub provides: String,
    /// `Conflicts` and `Breaks`.
    pub conflicts: String,
    /// apk's `i:`: what must be there for it to come by itself.
    pub install_if: String,
    /// `Multi-Arch`.
    pub multi_arch: String,
}

/// A package and the paths that it lists, cleaned.
type Listed = (OsPackage, Vec<Vec<u8>>);

/// Where the one file stands that predicts all files of a package that was not looked into.
pub const PREDICTED: &str = "usr/share/predicted";

impl OsInventory {
    /// Whether the image is predicted, with packages of whose files only the sum is known.
    pub fn has_unlisted(&self, view: &View<'_>) -> bool {
        let is_one = |package: &OsPackage| view.get(format!("{PREDICTED}/{}", package.name).as_bytes()).is_some();
        view.image().basis == Basis::Predicted && self.packages.iter().any(is_one)
    }

    /// Reads the package databases of a merged image. Never fails: what cannot be read becomes a problem.
    pub fn new(view: &View<'_>) -> Self {
        let mut out = Self { release: release(view), ..Self::default() };
        let mut listed = out.read_dpkg(view);
        out.manager = (!listed.is_empty()).then_some(PackageManager::Dpkg);
        let alpine = out.read_apk(view);
        if out.manager.is_none() && !alpine.is_empty() {
            out.manager = Some(PackageManager::Apk);
        }
        listed.extend(alpine);
        let rpm = out.read_rpm(view);
        out.is_rpm = out.manager.is_none() && !rpm.is_empty();
        listed.extend(rpm);
        listed.sort_by(|(a, _), (b, _)| (&a.name, &a.architecture).cmp(&(&b.name, &b.architecture)));
        out.assign(view, listed);
        out.conda = CondaInventory::new(view, &mut out.problems);
        out.problems.sort();
        out.problems.dedup();
        out
    }

    /// The package of a name, or one that provides it.
    pub fn find(&self, name: &str) -> Option<PackageId> {
        let first = self.packages.partition_point(|package| package.name.as_str() < name);
        let first = PackageId::at(first);
        let by_name = self.packages.get(first).filter(|package| package.name == name).map(|_| first);
        by_name.or_else(|| self.provided.get_or_init(|| self.provided()).get(name).copied())
    }

    /// The first package that provides each name.
    fn provided(&self) -> FastMap<String, PackageId> {
        let mut out = FastMap::default();
        for (position, package) in self.packages.pairs() {
            package.provides.iter().for_each(|name| _ = out.entry(name.clone()).or_insert(position));
        }
        out
    }

    fn read_dpkg(&mut self, view: &View<'_>) -> Vec<Listed> {
        let mut listed = Vec::new();
        let automatic = contents(view, b"var/lib/apt/extended_states").map(parse_extended_states).unwrap_or_default();
        let mut finish = |mut package: OsPackage, paths: Vec<Vec<u8>>| {
            // apt notes a package for all architectures under the system's own.
            let fits = |(name, architecture): &(String, String)| {
                let any = package.architecture == "all" || architecture.is_empty();
                *name == package.name && (any || *architecture == package.architecture)
            };
            let first = (package.name.clone(), String::new());
            package.manual = !automatic.range(first..).take_while(|(name, _)| *name == package.name).any(fits);
            listed.push((package, paths));
        };
        if let Some(status) = contents(view, b"var/lib/dpkg/status") {
            let (packages, bad) = parse_status(status);
            self.report_stanzas("/var/lib/dpkg/status", &bad);
            let mut unlisted = 0;
            for package in packages {
                let paths = Self::dpkg_list(view, &package);
                unlisted += usize::from(paths.is_none());
                finish(package, paths.unwrap_or_default());
            }
            if unlisted > 0 {
                let message = format!("expected a list of files for each package, found none for {unlisted}");
                self.problems.push(Problem::new("/var/lib/dpkg/info", message));
            }
        }
        // Distroless images have a file for each package instead, and its list beside it.
        for (path, _) in view.below(b"var/lib/dpkg/status.d").filter(|(path, _)| !path.ends_with(b".md5sums")) {
            let Some(status) = view.contents(path) else { continue };
            let (packages, bad) = parse_status(status);
            self.report_stanzas(&ImagePath::new(path).to_string(), &bad);
            let paths = contents(view, &[path, b".md5sums"].concat()).map(parse_md5sums).unwrap_or_default();
            if let Some(package) = packages.into_iter().next() {
                finish(package, paths);
            }
        }
        listed
    }

    /// The paths of a package, or `None` where dpkg's list is gone.
    fn dpkg_list(view: &View<'_>, package: &OsPackage) -> Option<Vec<Vec<u8>>> {
        let names = [package.name.clone(), format!("{}:{}", package.name, package.architecture)];
        let lists = names.iter().map(|name| format!("var/lib/dpkg/info/{name}.list"));
        let list = lists.filter_map(|path| contents(view, path.as_bytes())).next();
        list.map(parse_list)
    }

    fn report_stanzas(&mut self, place: &str, bad: &[usize]) {
        if let Some(first) = bad.first() {
            let message = format!(
                "expected stanzas with Package and Version; that at line {first} is none ({} in all)",
                bad.len()
            );
            self.problems.push(Problem::new(place, message));
        }
    }

    fn read_apk(&mut self, view: &View<'_>) -> Vec<Listed> {
        let places: [&[u8]; 3] = [b"lib/apk/db/installed", b"usr/lib/apk/db/installed", b"var/lib/apk/db/installed"];
        let Some(database) = places.iter().find_map(|place| contents(view, place)) else {
            // `apk convdb` of apk-tools 3 writes this one in its place.
            let is_there = |place: &[u8]| view.resolve(&[place, &b".adb"[..]].concat()).is_some();
            let found = places.into_iter().find(|place| is_there(place));
            let found = found.map(|place| format!("/{}.adb", String::from_utf8_lossy(place)));
            let message = "expected apk's list of packages as text, found the binary one, which is not read: packages are not known";
            self.problems.extend(found.map(|place| Problem::new(&place, message)));
            return Vec::new();
        };
        let world = contents(view, b"etc/apk/world").map(parse_world).unwrap_or_default();
        let (packages, bad) = parse_installed(database);
        self.report_stanzas("/lib/apk/db/installed", &bad);
        let listed = packages.into_iter().map(|mut found| {
            found.package.manual = world.contains(&found.package.name);
            (found.package, found.files)
        });
        listed.collect()
    }

    /// Owners and bytes. A path that two packages list (shared by two architectures, or diverted) is the
    /// first one's; bytes are counted once, and where the ledger counts them.
    fn assign(&mut self, view: &View<'_>, listed: Vec<Listed>) {
        let mut lookup = Lookup::new(view);
        let mut owners: Vec<Option<PackageId>> = vec![None; view.len()];
        let mut counted: FastSet<DataRef> = FastSet::default();
        for (mut package, paths) in listed {
            let id = PackageId::at(self.packages.len());
            for path in paths {
                let Some(place) = lookup.place(&path) else { continue };
                let (_, node) = view.at(place);
                if owners[place].is_some() || view.entry(node.entry).kind == EntryKind::Directory {
                    continue;
                }
                owners[place] = Some(id);
                let holder = view.holder(place);
                if let Some(holder) = holder.filter(|_| view.size(node) > 0 && counted.insert(node.data)) {
                    owners[holder].get_or_insert(id);
                    package.bytes = package.bytes.saturating_add(view.size(node));
                }
            }
            self.packages.push(package);
        }
        self.assign_bytecode(view, &mut owners, &mut counted);
        self.owners = view.by_path(&owners);
    }
}

impl OsInventory {
    /// Debian's packages of Python modules compile them after they are unpacked (`py3compile`): no list names the
    /// bytecode, but it comes and goes with its source.
    fn assign_bytecode(&mut self, view: &View<'_>, owners: &mut [Option<PackageId>], counted: &mut FastSet<DataRef>) {
        for (place, (path, node)) in view.iter().enumerate().filter(|(_, (path, _))| path.ends_with(b".pyc")) {
            let source = source_of_bytecode(path).and_then(|source| view.place(&source));
            let Some(position) = source.and_then(|source| owners[source]).filter(|_| owners[place].is_none()) else {
                continue;
            };
            owners[place] = Some(position);
            if self.manager != Some(PackageManager::Dpkg) {
                self.compiled.insert(ImagePath::new(path));
            }
            if view.holds_bytes(node) && counted.insert(node.data) {
                self.packages[position].bytes = self.packages[position].bytes.saturating_add(view.size(node));
            }
        }
    }
}

fn release(view: &View<'_>) -> BTreeMap<String, String> {
    let places: [&[u8]; 2] = [b"etc/os-release", b"usr/lib/os-release"];
    places.iter().find_map(|place| contents(view, place)).map(parse_os_release).unwrap_or_default()
}

/// Kept contents, through links.
fn contents<'a>(view: &View<'a>, path: &[u8]) -> Option<&'a [u8]> {
    view.contents(path).or_else(|| view.contents(&view.resolve(path)?)).filter(|_| !file_name(path).is_empty())
}
