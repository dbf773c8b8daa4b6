//! The merged tree: the same paths, kinds, sizes, modes, owners, times, links and capabilities as the engine's
//! own mount (`docker export`) and as `umoci unpack` makes of the OCI layout.

use crate::engine::{Subject, as_root, assert_same, run, subjects, try_run};
use slimwright::base::{clean_path, is_within};
use slimwright::fs::{DataRef, View};
use slimwright::image::Image;
use slimwright::layer::EntryKind;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::Read;
use std::process::{Child, Command, Stdio};

/// One path of a tree.
#[derive(Clone, PartialEq)]
pub struct Item {
    pub kind: EntryKind,
    pub size: u64,
    pub mode: u32,
    pub owner: (u64, u64),
    pub mtime: i64,
    /// Where a symbolic link leads, or a device's numbers.
    pub link: Vec<u8>,
    pub capability: Vec<u8>,
    /// The first by name of the paths that share the bytes, where there are several.
    pub group: Option<Name>,
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, size, mode, owner, mtime, link, capability, group } = self;
        let link = String::from_utf8_lossy(link);
        write!(f, "{kind:?} {size} {mode:o} {owner:?} {mtime} ->{link} {capability:?} {group:?}")
    }
}

/// A path, shown as text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub Vec<u8>);

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&slimwright::base::Text::of_bytes(&self.0))
    }
}

pub type Tree = BTreeMap<Name, Item>;

/// What a view says.
pub fn tree_of(image: &Image) -> Tree {
    let view = View::new(image);
    assert_eq!(view.problems(), [], "the merge has no problem with an engine's layers");
    let mut groups: HashMap<DataRef, Vec<&[u8]>> = HashMap::new();
    for (path, node) in view.iter() {
        groups.entry(node.data).or_default().push(path);
    }
    let item = |(path, node): (&[u8], slimwright::fs::Node)| {
        let entry = view.entry(node.entry);
        let is_file = matches!(entry.kind, EntryKind::File | EntryKind::Hardlink);
        let capability = entry.xattrs.iter().find(|(name, _)| &name[..] == b"security.capability");
        let item = Item {
            kind: if is_file { EntryKind::File } else { entry.kind },
            size: view.size(node),
            mode: entry.mode,
            owner: (entry.uid.into(), entry.gid.into()),
            mtime: entry.mtime,
            link: if is_file { Vec::new() } else { entry.link.as_deref().unwrap_or_default().to_vec() },
            capability: capability.map(|(_, value)| value.to_vec()).unwrap_or_default(),
            group: groups[&node.data].get(1).map(|_| Name(groups[&node.data][0].to_vec())),
        };
        (Name(path.to_vec()), item)
    };
    view.iter().map(item).collect()
}

/// Reads a tree from a tar by another reader than the project's.
fn tree_of_tar(tar: impl Read) -> Tree {
    let mut tree = Tree::new();
    let mut links: HashMap<Vec<u8>, Vec<Vec<u8>>> = HashMap::new();
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = clean_path(&entry.path_bytes()).into_owned();
        if path.is_empty() {
            continue;
        }
        let target = entry.link_name_bytes().map(|target| target.into_owned()).unwrap_or_default();
        if entry.header().entry_type().is_hard_link() {
            links.entry(clean_path(&target).into_owned()).or_default().push(path);
            continue;
        }
        let item = item_of_tar(&mut entry, target);
        tree.insert(Name(path), item);
    }
    for (target, mut paths) in links {
        let mut item = tree[&Name(target.clone())].clone();
        paths.push(target);
        paths.sort();
        item.group = Some(Name(paths[0].clone()));
        tree.extend(paths.into_iter().map(|path| (Name(path), item.clone())));
    }
    tree
}

fn item_of_tar(entry: &mut tar::Entry<'_, impl Read>, target: Vec<u8>) -> Item {
    let (mut mtime, mut capability) = (None, Vec::new());
    for extension in entry.pax_extensions().unwrap().into_iter().flatten().flatten() {
        match extension.key_bytes() {
            // Seconds, rounded down; not always a whole number.
            b"mtime" => mtime = extension.value().unwrap().parse().ok().map(|time: f64| time.floor() as i64),
            b"SCHILY.xattr.security.capability" => capability = extension.value_bytes().to_vec(),
            _ => {}
        }
    }
    let size = entry.size();
    let header = entry.header();
    let kind = match header.entry_type() {
        tar::EntryType::Directory => EntryKind::Directory,
        tar::EntryType::Symlink => EntryKind::Symlink,
        tar::EntryType::Char => EntryKind::CharDevice,
        tar::EntryType::Block => EntryKind::BlockDevice,
        tar::EntryType::Fifo => EntryKind::Fifo,
        tar::EntryType::Regular => EntryKind::File,
        other => panic!("an entry of type {other:?}"),
    };
    let device = || {
        let numbers = (header.device_major().unwrap().unwrap(), header.device_minor().unwrap().unwrap());
        format!("{}:{}", numbers.0, numbers.1).into_bytes()
    };
    Item {
        kind,
        size: if kind == EntryKind::File { size } else { 0 },
        mode: header.mode().unwrap() & 0o7777,
        owner: (header.uid().unwrap(), header.gid().unwrap()),
        mtime: mtime.unwrap_or_else(|| header.mtime().unwrap() as i64),
        link: match kind {
            EntryKind::Symlink => target,
            EntryKind::CharDevice | EntryKind::BlockDevice => device(),
            _ => Vec::new(),
        },
        capability,
        group: None,
    }
}

fn read_tar_of(mut command: Command) -> Tree {
    let mut child: Child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let tree = tree_of_tar(&mut output);
    std::io::copy(&mut output, &mut std::io::sink()).unwrap();
    assert!(child.wait().unwrap().success(), "{command:?}");
    tree
}

/// The tree of a container that never ran.
pub fn exported(subject: &Subject) -> Tree {
    let container = run(subject.docker, &["create", "--network=none", &subject.name, "true"]);
    let mut export = Command::new(subject.docker);
    export.args(["export", container.trim()]);
    let tree = read_tar_of(export);
    run(subject.docker, &["rm", container.trim()]);
    tree
}

/// What an engine puts into each container, and the directories it changes by that. Times before 1970, which a
/// layer may hold, it turns into 1970.
fn without_the_engines_own(mut tree: Tree) -> Tree {
    tree.values_mut().for_each(|item| item.mtime = item.mtime.max(0));
    let own = ["dev", "proc", "sys", ".dockerenv", "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab"];
    tree.retain(|path, _| !own.iter().any(|own| is_within(&path.0, own.as_bytes())));
    if let Some(etc) = tree.get_mut(&Name(b"etc".to_vec())) {
        etc.mtime = 0;
    }
    tree
}

fn unpacked_by_umoci(subject: &Subject) -> Tree {
    let bundle = subject.folder.join("bundle");
    let clear = || as_root("rm").arg("-rf").arg(&bundle).status().unwrap();
    clear();
    let image = format!("{}:lab", subject.layout.display());
    let unpacked = as_root("umoci").args(["unpack", "--image", &image]).arg(&bundle).output().unwrap();
    assert!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
    let mut tar = as_root("tar");
    tar.args(["--format=posix", "--xattrs", "--xattrs-include=*", "--numeric-owner", "-C"]);
    tar.arg(bundle.join("rootfs")).args(["-c", "."]);
    let tree = read_tar_of(tar);
    clear();
    tree
}

#[test]
fn the_view_is_what_the_engine_mounts() {
    for subject in subjects().unwrap_or_default() {
        let oracle = without_the_engines_own(exported(subject));
        let archive = without_the_engines_own(tree_of(&subject.image));
        assert_same(&format!("{} as docker-archive, docker export", subject.name), &oracle, &archive);
        let layout = without_the_engines_own(tree_of(&subject.open("oci", &subject.layout)));
        assert_same(&format!("{} as OCI layout, docker export", subject.name), &oracle, &layout);
    }
}

#[test]
fn the_view_is_what_umoci_unpacks() {
    for subject in subjects().unwrap_or_default() {
        let oracle = unpacked_by_umoci(subject);
        assert_same(&format!("{}, umoci unpack", subject.name), &oracle, &tree_of(&subject.image));
    }
}

/// The classic builder names the image that each instruction left, so every prefix of the layers has an oracle.
#[test]
fn every_prefix_of_the_layers_is_what_the_engine_had_then() {
    let Some(subject) = crate::engine::traps() else { return };
    let rows = run(subject.docker, &["history", "--no-trunc", "--format", "{{.ID}}", &subject.name]);
    let steps: Vec<&str> = rows.lines().rev().collect();
    let history = &subject.image.config.history;
    let mut layers = 0;
    for (step, row) in steps.iter().zip(history) {
        layers += usize::from(!row.empty_layer);
        let is_trap = row.created_by.contains("/t") && !row.empty_layer;
        if !is_trap || try_run(subject.docker, &["image", "inspect", step]).is_err() {
            continue;
        }
        let below = Image { layers: subject.image.layers[..layers].to_vec(), ..subject.image.clone() };
        let oracle = exported(&Subject { name: (*step).into(), ..part_of(subject) });
        let traps = |tree: Tree| {
            without_the_engines_own(tree).into_iter().filter(|(path, _)| is_within(&path.0, b"t")).collect::<Tree>()
        };
        assert_same(&row.created_by, &traps(oracle), &traps(tree_of(&below)));
    }
}

fn part_of(subject: &Subject) -> Subject {
    Subject {
        docker: subject.docker,
        name: String::new(),
        archive: subject.archive.clone(),
        layout: subject.layout.clone(),
        folder: subject.folder.clone(),
        image: Image { layers: Vec::new(), ..subject.image.clone() },
    }
}

/// The ledger's visible bytes are those of the files that a container has, each hard-linked file once.
#[test]
fn visible_bytes_are_the_bytes_of_the_files_in_a_container() {
    for subject in subjects().unwrap_or_default() {
        let tree = exported(subject);
        let holds = |path: &Name, item: &Item| item.group.as_ref().is_none_or(|first| first == path);
        let own = |path: &Name| [&b"dev"[..], b"etc/hostname", b"etc/hosts", b"etc/resolv.conf"].contains(&&path.0[..]);
        let oracle: u64 =
            tree.iter().filter(|(path, item)| holds(path, item) && !own(path)).map(|(_, item)| item.size).sum();
        let view = View::new(&subject.image);
        let survey = slimwright::facts::Survey::new(&view, &[]);
        let replaced: u64 = ["etc/hostname", "etc/hosts", "etc/resolv.conf"]
            .iter()
            .filter_map(|path| view.get(path.as_bytes()))
            .map(|node| view.size(node))
            .sum();
        assert_eq!(survey.summary.visible() - replaced, oracle, "{}", subject.name);
    }
}
