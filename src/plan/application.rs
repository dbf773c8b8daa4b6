//! Which files are the application's, and how to copy them: whole directories where everything in them is to be
//! copied and has one owner, single files elsewhere, symbolic links by making them again.

use super::closure::Decisions;
use super::conda::CondaDecisions;
use super::{CopyItem, FolderItem, LinkItem, Picked, TargetEnvironment};
use crate::base::{CondaId, FastSet, ImagePath, PackageId, ancestors, clean_path, in_halves, is_within, parent};
use crate::facts::{Facts, is_package_manager_state};
use crate::fs::{Fate, Lookup, Node, View};
use crate::layer::EntryKind;
use crate::os::OsInventory;
use crate::python::EnvironmentKind;
use crate::rpm::RpmPackage;
use crate::rules::GlobSet;
use std::collections::{HashMap, HashSet};

/// What is copied.
#[derive(Default)]
pub(super) struct Application {
    /// Files and directories, sorted.
    pub copies: Vec<CopyItem>,
    /// Links, sorted.
    pub links: Vec<LinkItem>,
    /// Folders that copies do not make as they are, sorted.
    pub folders: Vec<FolderItem>,
    /// What comes by a list instead.
    pub picked: Option<Picked>,
    /// Every path that is copied, linked or listed.
    pub paths: Vec<ImagePath>,
}

impl Application {
    /// Leaves out what only a `RUN` can make, and says what that is: links that stand by themselves, owners and modes of folders.
    pub(super) fn without_a_shell(&mut self) -> Vec<String> {
        let links = std::mem::take(&mut self.links);
        let folders = std::mem::take(&mut self.folders);
        let link = |link: &LinkItem| format!("the link {}", link.path);
        let folder = |folder: &FolderItem| format!("the owner or mode of {}", folder.path);
        let all: Vec<String> = links.iter().map(link).chain(folders.iter().map(folder)).collect();
        let note = |what: String| format!("{what} is left out: the base has no shell that could make it");
        all.into_iter().map(note).collect()
    }
}

/// What the choice depends on.
pub(super) struct Chooser<'a> {
    facts: &'a Facts<'a>,
    base: &'a View<'a>,
    base_layers: usize,
    /// OS packages that the base has, in the same version.
    unchanged: HashSet<PackageId>,
    subject: &'a Decisions,
    conda: &'a CondaDecisions,
    site_dirs: Vec<ImagePath>,
    /// The prefix of an environment that is copied with all that is in it.
    own_prefix: Option<ImagePath>,
    /// Whom a folder above the modules is given, where those come by a copy of their own.
    above_modules: Option<(u32, u32)>,
    /// Top-level directories below the site directory that belong to distributions that are gone or removed.
    gone_modules: FastSet<&'a [u8]>,
    /// Directories that OS packages list.
    os_directories: FastSet<&'a [u8]>,
    /// Paths that a rule drops.
    dropped: FastSet<&'a [u8]>,
    /// Files of distributions that somebody changed.
    patched: FastSet<&'a [u8]>,
    /// Folders that distributions are in which are copied file by file, or as a whole where nothing else is in them.
    of_copied: FastSet<&'a [u8]>,
    /// Layers that ran a package manager.
    package_layers: Vec<bool>,
    /// The interpreter of the base that goes, which the new one has not and the application runs with.
    brought: Option<usize>,
    /// What their scripts make.
    by_scripts: GlobSet,
    /// Whether somebody added certificates, or folders for the dynamic loader: what is made from these is kept too.
    own_certificates: bool,
    own_loader_folders: bool,
}

/// User and group databases: packages and `useradd` both change them.
const ACCOUNTS: [&[u8]; 6] = [b"etc/passwd", b"etc/group", b"etc/shadow", b"etc/gshadow", b"etc/subuid", b"etc/subgid"];

/// Made anew by the engine for every container.
const GENERATED: [&[u8]; 8] =
    [b"proc", b"sys", b"dev", b"etc/mtab", b"etc/hostname", b"etc/hosts", b"etc/resolv.conf", b".dockerenv"];

/// What the scripts of packages make outside of their packages' lists, where a layer ran a package manager. What else
/// nobody owns is the application's, wherever it is: the same instruction may have put it there.
const BY_SCRIPTS: [&str; 66] = [
    "etc/.pwd.lock",
    "etc/alternatives/**",
    "etc/ssl/certs/**",
    "etc/ca-certificates.conf*",
    "etc/ca-certificates/**",
    "etc/machine-id",
    "etc/mailcap",
    "etc/shells",
    "etc/environment",
    "etc/nsswitch.conf",
    "etc/inputrc",
    "etc/profile",
    "etc/pam.conf",
    "etc/pam.d/common-*",
    "etc/rc?.d/**",
    "etc/rcS.d/**",
    "etc/systemd/**",
    "etc/fonts/conf.d/**",
    "etc/xml/**",
    "etc/sgml/**",
    "etc/dictionaries-common/**",
    "etc/python3*/**",
    "etc/mysql/my.cnf",
    "etc/ldap/ldap.conf",
    "etc/apparmor.d/**",
    "etc/debian_version",
    "etc/apt/trusted.gpg*",
    "etc/default/**",
    "etc/init.d/**",
    "etc/localtime",
    "etc/timezone",
    "etc/locale.gen",
    "etc/java-*/**",
    "etc/ImageMagick-*/**",
    "usr/lib/python3/dist-packages/**/__pycache__/**",
    "usr/lib/python3*/**/__pycache__/**",
    "usr/share/**/__pycache__/**",
    "usr/share/mime/**",
    "usr/share/applications/mimeinfo.cache",
    "usr/share/icons/**/icon-theme.cache",
    "usr/share/glib-2.0/schemas/gschemas.compiled",
    "usr/share/fonts/**/fonts.*",
    "usr/share/info/dir*",
    "usr/share/man/**",
    "usr/share/ca-certificates/**",
    "usr/share/sounds/**",
    "usr/share/emacs/**",
    "usr/lib/**/gdk-pixbuf-2.0/**/loaders.cache",
    "usr/lib/**/gio/modules/giomodule.cache",
    "usr/lib/**/gtk-?.0/**/immodules.cache",
    "usr/lib/locale/**",
    "usr/lib/udev/**",
    "usr/lib/systemd/**",
    "usr/lib/jvm/**",
    "usr/sbin/policy-rc.d",
    "var/lib/ucf/**",
    "var/lib/systemd/**",
    "var/lib/pam/**",
    "var/lib/python/**",
    "var/lib/dbus/**",
    "var/lib/xml-core/**",
    "var/lib/sgml-base/**",
    "var/lib/dictionaries-common/**",
    "var/lib/aspell/**",
    "var/lib/ispell/**",
    "var/lib/emacsen-common/**",
];

impl<'a> Chooser<'a> {
    pub(super) fn new(
        facts: &'a Facts<'a>,
        base: &'a View<'a>,
        base_layers: usize,
        base_os: &OsInventory,
        (subject, conda): (&'a Decisions, &'a CondaDecisions),
        environment: Option<&TargetEnvironment>,
        dropped: FastSet<&'a [u8]>,
    ) -> Self {
        let versions: HashMap<(&str, &str), &str> =
            base_os.packages.iter().map(|p| ((p.name.as_str(), p.architecture.as_str()), p.version.as_str())).collect();
        let same = |p: &crate::os::OsPackage| {
            versions.get(&(p.name.as_str(), p.architecture.as_str())) == Some(&p.version.as_str())
        };
        let unchanged = facts.os.packages.pairs().filter(|(_, p)| same(p)).map(|(position, _)| position).collect();
        let package_layers = facts.view.image().created_by().into_iter().map(runs_package_manager).collect();
        let site_dirs: Vec<ImagePath> =
            environment.map(|environment| environment.site_dir.clone()).into_iter().collect();
        let own_prefix = environment
            .filter(|environment| environment.kind == EnvironmentKind::Virtual)
            .map(|environment| environment.prefix.clone());
        let mut chooser = Self {
            facts,
            base,
            base_layers,
            unchanged,
            subject,
            conda,
            site_dirs,
            own_prefix,
            above_modules: environment.filter(|environment| environment.is_split()).map(|it| it.others),
            gone_modules: FastSet::default(),
            os_directories: os_directories(facts.view),
            dropped,
            patched: super::closure::patched(facts, subject).into_iter().map(|(_, path)| path.as_bytes()).collect(),
            of_copied: FastSet::default(),
            package_layers,
            brought: None,
            by_scripts: GlobSet::of(&BY_SCRIPTS),
            own_certificates: false,
            own_loader_folders: false,
        };
        chooser.own_certificates = chooser.has_own(b"usr/local/share/ca-certificates");
        chooser.own_loader_folders = chooser.has_own(b"etc/ld.so.conf.d");
        chooser.gone_modules = chooser.modules_of_the_gone();
        chooser.of_copied = chooser.folders_of_copied();
        chooser
    }

    /// Has the interpreter of the old base copied, where the new one has none in its place.
    pub(super) fn bring_interpreter(&mut self, program: Option<&ImagePath>) {
        let list = &self.facts.python.interpreters.list;
        let is_it = |found: &crate::python::Interpreter| {
            program.is_none_or(|program| is_within(program.as_bytes(), found.prefix.as_bytes()))
                && self.base.get(found.library.join(b"os.py").as_bytes()).is_none()
        };
        self.brought = list.iter().position(is_it);
    }

    /// Whether a file below a folder is above the base and no package's.
    fn has_own(&self, folder: &[u8]) -> bool {
        let is_own = |(path, node): (&[u8], Node)| {
            node.entry.0 as usize >= self.base_layers
                && !self.is_directory(node)
                && !self.facts.os.owners.contains_key(path)
                && !self.dropped.contains(path)
        };
        self.facts.view.below(folder).any(is_own)
    }

    fn modules_of_the_gone(&self) -> FastSet<&'a [u8]> {
        let dists = &self.facts.python.distributions;
        let top = |path: &'a ImagePath| -> Option<&'a [u8]> {
            let site = self.site_dirs.iter().find(|site| is_within(path.as_bytes(), site.as_bytes()))?;
            let rest = path.as_bytes().get(site.as_bytes().len() + 1..)?;
            rest.split(|&b| b == b'/').next()
        };
        let files = self.subject.subject.iter().flat_map(|&id| {
            let missing = dists[id].missing.iter().map(|missing| &missing.path);
            dists[id].files.iter().chain(missing)
        });
        files.filter_map(top).collect()
    }

    /// The folders below the site directory that distributions are in which are copied.
    fn folders_of_copied(&self) -> FastSet<&'a [u8]> {
        let copied = self.subject.kept.iter().filter(|id| self.subject.is_copied(self.facts, **id));
        let files = copied.flat_map(|&id| &self.facts.python.distributions[id].files);
        let mut out = FastSet::default();
        for path in files {
            let of_site = |folder: &&[u8]| {
                self.site_dirs.iter().any(|site| is_within(folder, site.as_bytes()) && *folder != site.as_bytes())
            };
            out.extend(ancestors(path.as_bytes()).take_while(of_site));
        }
        out
    }

    /// Chooses.
    pub(super) fn choose(&self) -> Application {
        let view = self.facts.view;
        let judge = |place| {
            let (path, node) = view.at(place);
            self.is_wanted(path, node)
        };
        let wanted = in_halves(view.len(), |places| places.map(judge).collect());
        let mixed = self.mixed(&wanted);
        let mut out = Application::default();
        let mut whole_folders: FastSet<&[u8]> = FastSet::default();
        for ((path, node), _) in view.iter().zip(&wanted).filter(|(_, wanted)| **wanted) {
            let shared = view.path(node);
            // `a-b` stands between `a` and `a/c`.
            if ancestors(path).any(|dir| whole_folders.contains(dir)) {
                out.paths.push(shared.clone());
                continue;
            }
            let entry = view.entry(node.entry);
            let directory = self.is_directory(node);
            if let Some(folder) = self.unlisted_folder(path, node, &wanted).filter(|_| !directory) {
                let (bytes, owner) = (self.bytes_below(folder), (entry.uid, entry.gid));
                let path = ImagePath::new(folder);
                out.copies.push(CopyItem { path, directory: true, uid: owner.0, gid: owner.1, bytes });
                out.paths.push(shared.clone());
                whole_folders.insert(folder);
                continue;
            }
            let whole = |path| !mixed.contains(path) && self.one_owner(path, node, &wanted);
            if directory && (!whole(path) || self.is_empty_in_site_directory(path)) {
                continue;
            }
            out.paths.push(shared.clone());
            if entry.kind == EntryKind::Symlink {
                let target = entry.link.as_deref().unwrap_or_default().to_vec();
                out.links.push(LinkItem { path: shared.clone(), target });
                continue;
            }
            let bytes = if directory { self.bytes_below(path) } else { view.size(node) };
            out.copies.push(CopyItem { path: shared.clone(), directory, uid: entry.uid, gid: entry.gid, bytes });
            whole_folders.extend(directory.then_some(path));
        }
        out.copies.sort_by(|a, b| a.path.cmp(&b.path));
        out.folders = self.folders(&out);
        out
    }

    /// Folders above the base that are copied, or something in them is, whose owner or mode neither the base nor a copy gives
    /// them: engines make the folder that is copied into with mode 0755, and keep one that is there.
    fn folders(&self, chosen: &Application) -> Vec<FolderItem> {
        let view = self.facts.view;
        let paths = || chosen.paths.iter().map(ImagePath::as_bytes);
        let there: FastSet<&[u8]> = paths().chain(paths().flat_map(ancestors)).collect();
        let whole: FastSet<&[u8]> =
            chosen.copies.iter().filter(|item| item.directory).map(|item| item.path.as_bytes()).collect();
        let is_inside = |path: &[u8]| ancestors(path).any(|above| whole.contains(above));
        let mut out = Vec::new();
        for place in 0..view.len() {
            let (path, node) = view.at(place);
            if (node.entry.0 as usize) < self.base_layers || !self.is_directory(node) {
                continue;
            }
            let entry = view.entry(node.entry);
            let base = self.base.get(path).map(|node| self.base.entry(node.entry));
            let made = self.above_modules.filter(|_| self.is_above_modules(path));
            let (made_uid, made_gid) = made.unwrap_or_default();
            let (uid, gid, mode) =
                base.map_or((made_uid, made_gid, 0o755), |base| (base.uid, base.gid, base.mode & 0o7777));
            let is_copied = whole.contains(path);
            let owner = ((entry.uid, entry.gid) != (uid, gid) && !is_copied).then_some((entry.uid, entry.gid));
            let mode = (entry.mode & 0o7777 != mode).then_some(entry.mode & 0o7777);
            // What is seldom comes first: few folders are not as they would be made.
            let differs = owner.is_some() || mode.is_some();
            let is_packages = base.is_none() && self.os_directories.contains(path);
            let is_there = !self.is_of_site(path) && there.contains(path);
            if differs && !is_packages && !is_inside(path) && (is_there || made.is_some()) {
                out.push(FolderItem { path: view.path(node).clone(), owner, mode });
            }
        }
        out
    }

    fn is_above_modules(&self, path: &[u8]) -> bool {
        self.site_dirs.iter().any(|site| is_within(site.as_bytes(), path) && path != site.as_bytes())
    }

    /// Whether a folder holds the environment, which is copied as a whole.
    fn is_of_site(&self, path: &[u8]) -> bool {
        let is_above = |site: &ImagePath| is_within(path, site.as_bytes()) || is_within(site.as_bytes(), path);
        self.own_prefix.as_ref().is_some_and(|prefix| is_within(path, prefix.as_bytes()))
            || self.site_dirs.iter().any(is_above)
    }

    /// Directories with something in them that is not wanted.
    fn mixed(&self, wanted: &[bool]) -> FastSet<&'a [u8]> {
        let mut mixed = FastSet::default();
        let mut last: &[u8] = b"";
        for ((path, node), _) in self.facts.view.iter().zip(wanted).filter(|(_, wanted)| !**wanted) {
            let directory = self.is_directory(node);
            if directory && self.base.get(path).is_none() && !self.os_directories.contains(path) {
                continue;
            }
            if directory {
                mixed.insert(path);
            }
            if parent(path) != last {
                last = parent(path);
                mark_ancestors(path, &mut mixed);
            }
        }
        mixed
    }

    /// The outermost folder above a file that no layer has an entry of, where all in it is to be copied and has the file's
    /// owner.
    fn unlisted_folder<'p>(&self, path: &'p [u8], node: Node, wanted: &[bool]) -> Option<&'p [u8]> {
        let view = self.facts.view;
        let is_unlisted = |folder: &[u8]| {
            view.get(folder).is_none() && self.base.get(folder).is_none() && !self.os_directories.contains(folder)
        };
        if parent(path).is_empty() || !is_unlisted(parent(path)) {
            return None;
        }
        let mut above: Vec<&[u8]> = ancestors(path).filter(|folder| !folder.is_empty()).collect();
        above.sort_by_key(|folder| folder.len());
        above.into_iter().find(|folder| is_unlisted(folder) && self.one_owner(folder, node, wanted))
    }

    fn is_empty_in_site_directory(&self, path: &[u8]) -> bool {
        let in_site = self.site_dirs.iter().any(|site| is_within(path, site.as_bytes()));
        in_site && !self.facts.view.below(path).any(|(below, _)| parent(below) == path)
    }

    fn is_directory(&self, node: Node) -> bool {
        self.facts.view.entry(node.entry).kind == EntryKind::Directory
    }

    fn bytes_below(&self, path: &[u8]) -> u64 {
        let view = self.facts.view;
        view.below(path).filter(|(_, node)| view.holds_bytes(*node)).map(|(_, node)| view.size(node)).sum()
    }

    /// Whether all below a directory is wanted and has the directory's owner.
    fn one_owner(&self, dir: &[u8], node: Node, wanted: &[bool]) -> bool {
        let view = self.facts.view;
        let own = view.entry(node.entry);
        view.places_below(dir).all(|place| {
            let entry = view.entry(view.at(place).1.entry);
            (entry.uid, entry.gid) == (own.uid, own.gid) && wanted[place]
        })
    }

    fn is_wanted(&self, path: &[u8], node: Node) -> bool {
        let layer = node.entry.0 as usize;
        if layer < self.base_layers {
            return self.brought.is_some() && self.facts.python.interpreters.owner(path) == self.brought;
        }
        if self.dropped.contains(path) {
            return false;
        }
        if ACCOUNTS.contains(&path) {
            return true;
        }
        let of_conda = |package: &CondaId| self.conda.has(*package);
        if !self.conda.list.is_empty()
            && (self.facts.os.conda.owners.get(path).is_some_and(of_conda) || self.conda.is_note(path))
        {
            return false;
        }
        // The most frequent reason first.
        let owner = self.facts.python.owner(path).filter(|id| self.subject.subject.contains(id));
        if owner.is_some_and(|id| self.subject.is_copied(self.facts, id)) || self.patched.contains(path) {
            return true;
        }
        if self.of_copied.contains(path) && self.is_directory(node) {
            return true;
        }
        if path == b"etc/ld.so.cache" {
            return !self.package_layers[layer] || self.own_loader_folders;
        }
        let is_state = is_package_manager_state(path) || self.facts.os.conda.is_cache(path);
        if owner.is_some() || GENERATED.iter().any(|dir| is_within(path, dir)) || is_state {
            return false;
        }
        if self.is_of_interpreter_of_base(path) || self.is_in_base(path, node) {
            return false;
        }
        if let Some(package) = self.facts.os.owners.get(path) {
            // A configuration file of a package that is as the base has it was changed by hand.
            return self.unchanged.contains(package) && is_within(path, b"etc") && !self.package_layers[layer];
        }
        if self.is_directory(node) && (self.base.get(path).is_some() || self.os_directories.contains(path)) {
            return false;
        }
        !self.is_made_by_package_scripts(path, layer) && !self.is_left_in_site_directory(path, node)
    }

    /// Whether it is a file of a Python that the base has: what an import wrote beside its modules is made again.
    fn is_of_interpreter_of_base(&self, path: &[u8]) -> bool {
        let interpreters = &self.facts.python.interpreters;
        let interpreter = interpreters.owner(path).and_then(|position| interpreters.list.get(position));
        interpreter.is_some_and(|interpreter| (interpreter.layer as usize) < self.base_layers)
    }

    /// Whether the base has the same file: a later layer that wrote it again changed nothing.
    fn is_in_base(&self, path: &[u8], node: Node) -> bool {
        let Some(base) = self.base.get(path) else { return false };
        let (old, new) = (self.base.entry(base.entry), self.facts.view.entry(node.entry));
        let is_file = new.kind == EntryKind::File && old.kind == EntryKind::File;
        let same_rights = (old.uid, old.gid, old.mode) == (new.uid, new.gid, new.mode);
        let rewritten = matches!(self.facts.view.fate(base.entry), Fate::Rewritten { .. });
        is_file
            && same_rights
            && old.size == new.size
            && (rewritten || old.content.is_some() && old.content == new.content)
    }

    /// Whether the scripts of packages made what nobody owns: in a layer that ran a package manager, and where they are
    /// known to.
    fn is_made_by_package_scripts(&self, path: &[u8], layer: usize) -> bool {
        const BACKUPS: [&[u8]; 6] =
            [b"etc/passwd-", b"etc/group-", b"etc/shadow-", b"etc/gshadow-", b"etc/subuid-", b"etc/subgid-"];
        if BACKUPS.contains(&path) {
            return true;
        }
        if !self.package_layers[layer] || is_within(path, b"usr/local") {
            return false;
        }
        if is_within(path, b"etc/ssl/certs") {
            return !self.own_certificates;
        }
        self.by_scripts.matches(path) || self.is_volatile(path) || self.is_alternative(path)
    }

    /// What scripts and the package manager leave where every system starts empty.
    fn is_volatile(&self, path: &[u8]) -> bool {
        [&b"run"[..], b"tmp", b"var/tmp", b"var/run", b"var/lock"].iter().any(|dir| is_within(path, dir))
    }

    /// A link that `update-alternatives` made.
    fn is_alternative(&self, path: &[u8]) -> bool {
        let view = self.facts.view;
        let link = view.get(path).and_then(|node| view.entry(node.entry).link.as_deref());
        link.is_some_and(|target| target.starts_with(b"/etc/alternatives/"))
    }

    /// Bytecode and leavings of distributions; data that was put beside them is the application's.
    fn is_left_in_site_directory(&self, path: &[u8], node: Node) -> bool {
        let Some(site) = self.site_dirs.iter().find(|site| is_within(path, site.as_bytes())) else { return false };
        let Some(rest) = path.get(site.as_bytes().len() + 1..) else { return true };
        let top = rest.split(|&b| b == b'/').next().unwrap_or_default();
        let is_metadata = top.ends_with(b".dist-info") || top.ends_with(b".egg-info");
        let bytecode = path.ends_with(b".pyc") || path.split(|&b| b == b'/').any(|part| part == b"__pycache__");
        is_metadata
            || bytecode
            || self.gone_modules.contains(top) && (self.is_directory(node) || self.is_of_the_gone(top))
    }

    /// Whether no kept distribution has files below a top-level directory of the site directory.
    fn is_of_the_gone(&self, top: &[u8]) -> bool {
        let dists = &self.facts.python.distributions;
        !self.subject.kept.iter().any(|&id| dists[id].modules.iter().any(|module| module.as_bytes() == top))
    }
}

fn mark_ancestors<'p>(path: &'p [u8], mixed: &mut FastSet<&'p [u8]>) {
    let mut dir = parent(path);
    while !dir.is_empty() && mixed.insert(dir) {
        dir = parent(dir);
    }
}

/// Directories that lists of dpkg and rpm name: packages make them again.
fn os_directories<'a>(view: &View<'a>) -> FastSet<&'a [u8]> {
    let lists = view.below(b"var/lib/dpkg/info").filter(|(path, _)| path.ends_with(b".list"));
    let contents = lists.filter_map(|(path, _)| view.contents(path));
    let listed = contents.flat_map(|list| list.split(|&b| b == b'\n')).filter_map(|line| line.strip_prefix(b"/"));
    let mut lookup = Lookup::new(view);
    let packages = crate::os::rpm_packages(view);
    let rpm = packages.iter().flat_map(RpmPackage::paths);
    let rpm = rpm.filter_map(|path| lookup.find(&clean_path(path.as_bytes())).map(|(path, _)| path));
    rpm.chain(listed).collect()
}

fn runs_package_manager(instruction: Option<&str>) -> bool {
    let words = ["apt-get", "apt ", "dpkg ", "apk ", "microdnf", "dnf ", "yum ", "zypper ", "rpm "];
    instruction.is_some_and(|text| words.iter().any(|word| text.contains(word)))
}
