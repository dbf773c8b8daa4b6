//! Every visible path of the original, looked for in the rebuilt image: whether it is there, is the same kind of thing, has the
//! same content, target, mode and owner; and where not, who owned it and whether the plan accounts for it.

use super::Promise;
use super::class::{self, Class, Place};
use crate::base::{DistId, FastMap, FastSet, ImagePath, LayerIdx, Numbered, PackageId, Text, is_within, parent};
use crate::facts::{Facts, Owners};
use crate::fs::{DataRef, Lookup, Node, Owner, View};
use crate::layer::{Compression, Entry, EntryKind, LayerIndex, SHA256_UP_TO};
use crate::os::parse_list;
use serde::Serialize;
use std::collections::BTreeMap;

/// The two trees, compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tree {
    /// Files and links of the original.
    pub compared: usize,
    /// Files whose content could be compared by size alone.
    pub by_size: usize,
    /// Their bytes (`unpacked`).
    pub bytes_by_size: u64,
    /// What is gone or changed and nobody accounts for, by owner: the application's first.
    pub lost: Vec<Group>,
    /// What differs and is no loss: another version, another mode or owner.
    pub differing: Vec<Group>,
    /// What is made anew: number of files that are gone or changed, by class.
    pub made_anew: BTreeMap<Class, usize>,
    /// Files and bytes that go by the plan.
    pub by_plan: (usize, u64),
}

/// What differs of one owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    /// What kind of owner.
    pub kind: Kind,
    /// Who: name and version, or what the files are.
    pub owner: Text,
    /// Whether all of it is gone.
    pub is_gone: bool,
    /// What became of it, where that can be said of the whole: `is 2.0 now`.
    pub note: Text,
    /// Bytes of the original (`unpacked`) that are gone or changed.
    pub bytes: u64,
    /// The differences, the largest first.
    pub differences: Vec<Difference>,
}

/// Kinds of owner, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// No package owns it.
    Application,
    /// A Python distribution.
    Distribution,
    /// A conda package.
    CondaPackage,
    /// An OS package.
    OsPackage,
    /// Nobody, in the base image's layers.
    Base,
}

/// One path that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The path, escaped.
    pub path: Text,
    /// Bytes of the original.
    pub bytes: u64,
    /// What became of it.
    pub what: What,
}

/// What became of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
pub enum What {
    /// It is not there.
    Gone,
    /// It is something else.
    Kind {
        /// What it was.
        was: &'static str,
        /// What it is.
        is: &'static str,
    },
    /// It has another number of bytes.
    Size {
        /// What it has now.
        is: u64,
    },
    /// As many bytes, and others.
    Content,
    /// The link leads elsewhere; both targets are escaped.
    Target {
        /// Where it led.
        was: Text,
        /// Where it leads.
        is: Text,
    },
    /// It can no longer be executed, or entered.
    NotExecutable {
        /// Its mode.
        was: u32,
        /// Its mode now.
        is: u32,
    },
    /// Other permissions.
    Mode {
        /// Its mode.
        was: u32,
        /// Its mode now.
        is: u32,
    },
    /// Another user or group owns it.
    Owner {
        /// `user:group`, as numbers.
        was: (u32, u32),
        /// The same now.
        is: (u32, u32),
    },
    /// Other extended attributes: capabilities.
    Attributes,
}

impl What {
    /// Whether content is missing: not only who may do what with it.
    fn is_loss(&self) -> bool {
        !matches!(self, Self::Mode { .. } | Self::Owner { .. } | Self::Attributes)
    }
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone => write!(f, "is gone"),
            Self::Kind { was, is } => write!(f, "was a {was}, is a {is}"),
            Self::Size { is } => write!(f, "has {is} bytes now"),
            Self::Content => write!(f, "has other content of the same size"),
            Self::Target { was, is } => write!(f, "led to {was}, leads to {is}"),
            Self::NotExecutable { was, is } => write!(f, "had mode {was:04o}, has {is:04o}: it cannot be executed"),
            Self::Mode { was, is } => write!(f, "had mode {was:04o}, has {is:04o}"),
            Self::Owner { was, is } => {
                write!(f, "belonged to {}:{}, belongs to {}:{}", was.0, was.1, is.0, is.1)
            }
            Self::Attributes => write!(f, "has other extended attributes"),
        }
    }
}

/// What a difference means.
enum Verdict {
    Lost,
    Differs(Text),
    MadeAnew(Class),
    ByPlan,
}

/// Compares.
pub(super) fn compare(before: &Facts<'_>, after: &Facts<'_>, promise: Option<&Promise>) -> Tree {
    Comparison::new(before, after, promise).run()
}

struct Comparison<'a> {
    before: &'a Facts<'a>,
    after: &'a Facts<'a>,
    promise: Option<&'a Promise>,
    owners: Owners<'a>,
    /// Where each distribution of the original is in the rebuilt image.
    distributions: Numbered<DistId, Option<DistId>>,
    packages: Numbered<PackageId, Option<PackageId>>,
    /// The distributions by the directory of their metadata, which not every RECORD lists.
    metadata: FastMap<&'a [u8], DistId>,
    /// Directories that OS packages list.
    listed: FastSet<&'a [u8]>,
    lookup: Lookup<'a, 'a>,
    lost: BTreeMap<Owner, Vec<Difference>>,
    differing: BTreeMap<(Owner, Text), Vec<Difference>>,
    out: Tree,
}

impl<'a> Comparison<'a> {
    fn new(before: &'a Facts<'a>, after: &'a Facts<'a>, promise: Option<&'a Promise>) -> Self {
        let dists = &before.python.distributions;
        let distributions = dists.beside(|id| after.python.named(&dists[id].normalized).next().map(|(id, _)| id));
        let mut places: BTreeMap<&str, PackageId> = BTreeMap::new();
        for (place, package) in after.os.packages.pairs().rev() {
            places.insert(&package.name, place);
        }
        let packages = before.os.packages.beside(|id| places.get(before.os.packages[id].name.as_str()).copied());
        Self {
            before,
            after,
            promise,
            owners: Owners::new(before.view, before.python, before.os),
            distributions,
            packages,
            metadata: (before.python.distributions.pairs()).map(|(id, dist)| (dist.metadata.as_bytes(), id)).collect(),
            listed: listed_directories(before.view),
            lookup: Lookup::new(after.view),
            lost: BTreeMap::new(),
            differing: BTreeMap::new(),
            out: Tree::default(),
        }
    }

    fn run(mut self) -> Tree {
        let view = self.before.view;
        for (path, node) in view.iter() {
            let bytes = view.size(node);
            let owner = self.owner(path, node.data.0);
            for what in self.differences(path, node, owner) {
                let difference = Difference { path: ImagePath::new(path).to_string().into(), bytes, what };
                self.note(path, owner, difference);
            }
        }
        self.finish()
    }

    fn note(&mut self, path: &[u8], owner: Owner, difference: Difference) {
        let is_dropped = self.promise.is_some_and(|promise| promise.drops(&difference.path));
        let verdict = match is_dropped && difference.what == What::Gone || self.is_written(path, &difference.what) {
            true => Verdict::ByPlan,
            false => self.verdict(path, owner, &difference.what),
        };
        match verdict {
            Verdict::Lost => self.lost.entry(owner).or_default().push(difference),
            Verdict::Differs(note) => self.differing.entry((owner, note)).or_default().push(difference),
            Verdict::MadeAnew(class) => *self.out.made_anew.entry(class).or_default() += 1,
            Verdict::ByPlan => {
                self.out.by_plan.0 += 1;
                self.out.by_plan.1 = self.out.by_plan.1.saturating_add(difference.bytes);
            }
        }
    }

    /// Whether a file is one that the plan wrote now, such as the edited Dockerfile that `COPY . .` brings along.
    fn is_written(&mut self, path: &[u8], what: &What) -> bool {
        let Some(promise) = self.promise.filter(|_| matches!(what, What::Size { .. } | What::Content)) else {
            return false;
        };
        let found = self.lookup.find(path).and_then(|(_, node)| self.after.view.entry(node.data).content);
        found.is_some_and(|content| promise.written.contains(&content))
    }

    /// Who is told of it: a package, the base image or the application.
    fn owner(&self, path: &[u8], layer: LayerIdx) -> Owner {
        match self.owners.of(path, layer) {
            Owner::Application => self.of_metadata(path).map_or(Owner::Application, Owner::Distribution),
            Owner::Interpreter(_) if (layer as usize) < self.before.view.image().base_layers() => Owner::Base,
            Owner::Interpreter(_) | Owner::PackageManager => Owner::Application,
            owner => owner,
        }
    }

    fn of_metadata(&self, path: &[u8]) -> Option<DistId> {
        let dirs = std::iter::successors(Some(path), |path| Some(parent(path)).filter(|dir| !dir.is_empty()));
        dirs.take(4).find_map(|dir| self.metadata.get(dir).copied())
    }

    /// What is not as it was.
    fn differences(&mut self, path: &[u8], node: Node, owner: Owner) -> Vec<What> {
        let view = self.before.view;
        let entry = view.entry(node.entry);
        let is_directory = entry.kind == EntryKind::Directory;
        self.out.compared += usize::from(!is_directory);
        let Some(found) = self.find(path, owner) else {
            // What is below a directory tells of it; one that is empty has nobody else to tell.
            let is_silent = is_directory && (!view.places_below(path).is_empty() || self.is_nobodys(path));
            return if is_silent { Vec::new() } else { vec![What::Gone] };
        };
        let other = self.after.view.entry(found.entry);
        let (was, is) = (kind(entry), kind(other));
        if was != is {
            return vec![What::Kind { was, is }];
        }
        let mut out = Vec::new();
        match entry.kind {
            EntryKind::File | EntryKind::Hardlink => out.extend(self.content(path, node, found)),
            EntryKind::Directory => {}
            _ if entry.link != other.link => {
                let text = |entry: &Entry| Text::of_bytes(entry.link.as_deref().unwrap_or_default());
                out.push(What::Target { was: text(entry), is: text(other) });
            }
            _ => {}
        }
        if entry.kind != EntryKind::Symlink && !(is_directory && self.is_nobodys(path)) {
            out.extend(rights(entry, other, is_directory));
        }
        out
    }

    /// The same path in the rebuilt image; of a distribution that moved to another environment, the path there.
    fn find(&mut self, path: &[u8], owner: Owner) -> Option<Node> {
        if let Some((_, node)) = self.lookup.find(path) {
            return Some(node);
        }
        let id = owner.distribution()?;
        let (from, to) = (self.before.python, self.after.python);
        let here = &from.environments[from.distributions[id].environment];
        let there = &to.environments[to.distributions[self.distributions[id]?].environment];
        let sites = here.site_dirs.iter().flat_map(|one| there.site_dirs.iter().map(move |other| (one, other)));
        let moved = sites.chain([(&here.prefix, &there.prefix)]).filter_map(|(one, other)| {
            let rest = path.strip_prefix(one.as_bytes())?.strip_prefix(b"/")?;
            Some([other.as_bytes(), b"/", rest].concat())
        });
        let moved: Vec<Vec<u8>> = moved.collect();
        moved.iter().find_map(|path| self.lookup.find(path)).map(|(_, node)| node)
    }

    /// Empty directories that packages bring along, or installers leave behind.
    fn is_nobodys(&self, path: &[u8]) -> bool {
        let is_in_site = |site: &ImagePath| is_within(path, site.as_bytes());
        self.listed.contains(path)
            || self.before.python.environments.iter().any(|environment| environment.site_dirs.iter().any(is_in_site))
    }

    fn content(&mut self, path: &[u8], before: Node, after: Node) -> Option<What> {
        let (one, other) = (self.before.view, self.after.view);
        let (was, is) = (one.size(before), other.size(after));
        if was != is {
            return Some(What::Size { is });
        }
        if was == 0 || is_same_layer(one, before.data, other, after.data) {
            return None;
        }
        let known = (one.entry(before.data).content, other.entry(after.data).content);
        let comparable =
            was <= SHA256_UP_TO || (!by_table(layer(one, before.data)) && !by_table(layer(other, after.data)));
        match known {
            (Some(a), Some(b)) if a == b => None,
            (Some(_), Some(_)) if comparable => Some(What::Content),
            _ => {
                let place = self.place(false, false);
                if class::class(path, &place).is_none() {
                    self.out.by_size += 1;
                    self.out.bytes_by_size = self.out.bytes_by_size.saturating_add(was);
                }
                None
            }
        }
    }

    fn place(&self, of_distribution: bool, of_package: bool) -> Place<'a> {
        Place { view: self.before.view, python: self.before.python, of_distribution, of_package }
    }

    fn verdict(&self, path: &[u8], owner: Owner, what: &What) -> Verdict {
        let place = self.place(owner.distribution().is_some(), owner.os_package().is_some());
        // What went with its owner is told with it.
        let is_told = matches!(owner, Owner::Distribution(_) | Owner::OsPackage(_)) && self.is_gone(owner);
        if let Some(class) = class::class(path, &place).filter(|_| !is_told) {
            return Verdict::MadeAnew(class);
        }
        if let Some(verdict) = self.explained(path, owner, what) {
            return verdict;
        }
        match (owner, what) {
            _ if !what.is_loss() => Verdict::Differs(Text::default()),
            (Owner::Base, What::Size { .. } | What::Content | What::Target { .. }) => {
                Verdict::Differs("of another build".into())
            }
            // An empty folder that one base has and the other has not: nobody put anything there.
            (Owner::Base, What::Gone) if self.is_directory(path) => Verdict::Differs("not in this base".into()),
            _ => Verdict::Lost,
        }
    }

    fn is_directory(&self, path: &[u8]) -> bool {
        let view = self.before.view;
        view.get(path).is_some_and(|node| view.entry(node.entry).kind == EntryKind::Directory)
    }

    /// What the plan or another version says of an owner's files.
    fn explained(&self, path: &[u8], owner: Owner, what: &What) -> Option<Verdict> {
        match owner {
            Owner::Distribution(id) => {
                let dist = &self.before.python.distributions[id];
                if self.promise.is_some_and(|promise| promise.accounts_for(&dist.normalized, &dist.version)) {
                    return Some(Verdict::ByPlan);
                }
                let now = &self.after.python.distributions[self.distributions[id]?];
                if now.version != dist.version {
                    return Some(Verdict::Differs(format!("is {} now", now.version).into()));
                }
                let is_pinned = self.promise.is_some_and(|promise| promise.pins.contains_key(&dist.normalized));
                // What its metadata has besides, its build backend decides, which is another one each time.
                let is_made = dist.built_here && now.built_here && is_within(path, dist.metadata.as_bytes());
                let is_again = matches!(what, What::Size { .. } | What::Content) || is_made && *what == What::Gone;
                (is_pinned && is_again).then(|| Verdict::Differs("was installed again".into()))
            }
            Owner::OsPackage(id) => {
                let package = &self.before.os.packages[id];
                if self.promise.is_some_and(|promise| promise.dropped_system.contains(&package.name)) {
                    return Some(Verdict::ByPlan);
                }
                let now = &self.after.os.packages[self.packages[id]?];
                (now.version != package.version).then(|| Verdict::Differs(format!("is {} now", now.version).into()))
            }
            Owner::CondaPackage(id) => {
                let package = &self.before.os.conda.packages[id];
                let now = self.after.os.conda.packages.iter().find(|other| other.name == package.name)?;
                let differs = (&now.version, &now.build) != (&package.version, &package.build);
                differs.then(|| Verdict::Differs(format!("is {} {} now", now.version, now.build).into()))
            }
            _ => None,
        }
    }

    fn finish(mut self) -> Tree {
        let lost = std::mem::take(&mut self.lost);
        let differing = std::mem::take(&mut self.differing);
        self.out.lost = lost.into_iter().map(|(owner, found)| self.group(owner, String::new().into(), found)).collect();
        self.out.differing =
            differing.into_iter().map(|((owner, note), found)| self.group(owner, note, found)).collect();
        for groups in [&mut self.out.lost, &mut self.out.differing] {
            groups.sort_by(|a, b| (a.kind, b.bytes, &a.owner).cmp(&(b.kind, a.bytes, &b.owner)));
        }
        self.out
    }

    fn group(&self, owner: Owner, note: Text, mut differences: Vec<Difference>) -> Group {
        differences.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
        let bytes = differences.iter().fold(0u64, |sum, difference| sum.saturating_add(difference.bytes));
        Group {
            kind: kind_of(owner),
            owner: self.before.owner(owner),
            is_gone: self.is_gone(owner),
            note,
            bytes,
            differences,
        }
    }

    /// Whether a package is not in the rebuilt image at all.
    fn is_gone(&self, owner: Owner) -> bool {
        match owner {
            Owner::Distribution(id) => self.distributions[id].is_none(),
            Owner::OsPackage(id) => self.packages[id].is_none(),
            Owner::CondaPackage(id) => {
                let name = &self.before.os.conda.packages[id].name;
                self.after.os.conda.packages.iter().all(|other| other.name != *name)
            }
            Owner::Interpreter(_) | Owner::Base | Owner::PackageManager | Owner::Application => false,
        }
    }
}

fn kind_of(owner: Owner) -> Kind {
    match owner {
        Owner::Distribution(_) => Kind::Distribution,
        Owner::OsPackage(_) => Kind::OsPackage,
        Owner::CondaPackage(_) => Kind::CondaPackage,
        Owner::Base => Kind::Base,
        Owner::Interpreter(_) | Owner::PackageManager | Owner::Application => Kind::Application,
    }
}

/// The directories that dpkg's lists name.
fn listed_directories<'a>(view: &'a View<'a>) -> FastSet<&'a [u8]> {
    let lists = view.below(b"var/lib/dpkg/info").filter(|(path, _)| path.ends_with(b".list"));
    let paths = lists.filter_map(|(_, node)| view.contents_of(node)).flat_map(parse_list);
    paths.filter_map(|path| view.place(&path).map(|place| view.at(place).0)).collect()
}

fn kind(entry: &Entry) -> &'static str {
    match entry.kind {
        EntryKind::File | EntryKind::Hardlink => "file",
        EntryKind::Directory => "directory",
        EntryKind::Symlink => "link",
        EntryKind::CharDevice | EntryKind::BlockDevice => "device",
        EntryKind::Fifo => "named pipe",
        EntryKind::Whiteout | EntryKind::Opaque => "whiteout",
    }
}

fn rights(was: &Entry, is: &Entry, is_directory: bool) -> Vec<What> {
    let mut out = Vec::new();
    if was.mode != is.mode {
        let lost = was.mode & 0o111 != 0 && is.mode & 0o111 == 0;
        out.push(match lost && (is_directory || matches!(was.kind, EntryKind::File | EntryKind::Hardlink)) {
            true => What::NotExecutable { was: was.mode, is: is.mode },
            false => What::Mode { was: was.mode, is: is.mode },
        });
    }
    if (was.uid, was.gid) != (is.uid, is.gid) {
        out.push(What::Owner { was: (was.uid, was.gid), is: (is.uid, is.gid) });
    }
    if was.xattrs != is.xattrs {
        out.push(What::Attributes);
    }
    out
}

fn layer<'i>(view: &View<'i>, (layer, _): DataRef) -> &'i LayerIndex {
    &view.image().layers[layer as usize]
}

/// Whether two entries are the same entry of the same layer.
fn is_same_layer(one: &View<'_>, a: DataRef, other: &View<'_>, b: DataRef) -> bool {
    let (here, there) = (layer(one, a), layer(other, b));
    here.diff_id.is_some() && here.diff_id == there.diff_id && one.entry(a).path == other.entry(b).path
}

/// Whether a layer's digests may be those of its table of contents.
fn by_table(layer: &LayerIndex) -> bool {
    layer.compression != Compression::None && !layer.verified.diff_id
}
