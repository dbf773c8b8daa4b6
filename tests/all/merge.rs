//! The merge against one as simple as it can be written: layer by layer into a map, whiteouts first.

use crate::fixture::image;
use crate::tarballs::{Tar, indexed};
use proptest::prelude::*;
use slimwright::base::clean_path;
use slimwright::facts::Summary;
use slimwright::fs::{Fate, Ledger, Owner, View};
use slimwright::layer::{Entry, EntryKind, LayerIndex};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

type At = (usize, usize);
/// Path to kind, entry and the entry that holds the bytes.
type Tree = BTreeMap<Vec<u8>, (EntryKind, At, At)>;

fn is_below(path: &[u8], dir: &[u8]) -> bool {
    dir.is_empty() || (path.len() > dir.len() && path.starts_with(dir) && path[dir.len()] == b'/')
}

fn put(tree: &mut Tree, path: &[u8], node: (EntryKind, At, At)) {
    tree.retain(|other, old| {
        let blocks = is_below(path, other) && old.0 != EntryKind::Directory;
        let blocked = is_below(other, path) && node.0 != EntryKind::Directory;
        !blocks && !blocked
    });
    tree.insert(path.to_vec(), node);
}

fn link(tree: &mut Tree, path: &[u8], target: &[u8], at: At) -> bool {
    match tree.get(target).copied() {
        // A link that leads to nothing is nothing to lead to.
        Some((EntryKind::Hardlink, entry, data)) if entry == data => false,
        Some((EntryKind::File | EntryKind::Hardlink, _, data)) => {
            put(tree, path, (EntryKind::Hardlink, at, data));
            true
        }
        _ => false,
    }
}

fn merge(layers: &[Vec<Entry>]) -> Tree {
    let mut tree = Tree::new();
    for (number, entries) in layers.iter().enumerate() {
        for entry in entries {
            let path = entry.path.as_bytes();
            match entry.kind {
                EntryKind::Whiteout => tree.retain(|other, _| other != path && !is_below(other, path)),
                EntryKind::Opaque => tree.retain(|other, _| !is_below(other, path)),
                _ => {}
            }
        }
        let mut links: Vec<(usize, &Entry)> = Vec::new();
        let target = |entry: &Entry| entry.link.as_deref().unwrap_or_default().to_vec();
        for (position, entry) in entries.iter().enumerate() {
            let at = (number, position);
            match entry.kind {
                EntryKind::Whiteout | EntryKind::Opaque => {}
                EntryKind::Hardlink if link(&mut tree, entry.path.as_bytes(), &target(entry), at) => {}
                EntryKind::Hardlink => links.push((position, entry)),
                kind => put(&mut tree, entry.path.as_bytes(), (kind, at, at)),
            }
        }
        // The first one that leads somewhere, and again from the start.
        while let Some(n) = links
            .iter()
            .position(|(position, entry)| link(&mut tree, entry.path.as_bytes(), &target(entry), (number, *position)))
        {
            links.remove(n);
        }
        for (position, entry) in links {
            let at = (number, position);
            // A link to nothing has no bytes, but it has a name.
            put(&mut tree, entry.path.as_bytes(), (EntryKind::Hardlink, at, at));
        }
    }
    tree
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4).prop_map(|parts| parts.join("/"))
}

/// One entry: what it is, where, what it leads to, and how many bytes it has.
fn step() -> impl Strategy<Value = (u8, String, String, usize)> {
    (prop::sample::select(b"0001122555WWO".to_vec()), path(), path(), 0usize..3)
}

fn tar(steps: &[(u8, String, String, usize)]) -> Vec<u8> {
    let whiteout = |path: &str, name: &str| match path.rsplit_once('/') {
        Some((dir, base)) => format!("{dir}/.wh.{}", if name.is_empty() { base } else { name }),
        None => format!(".wh.{}", if name.is_empty() { path } else { name }),
    };
    let write = |tar: Tar, (kind, path, target, size): &(u8, String, String, usize)| match kind {
        b'0' => tar.file(path, vec![b'x'; *size]),
        b'5' => tar.dir(path),
        b'W' => tar.file(&whiteout(path, ""), ""),
        b'O' => tar.file(&format!("{path}/.wh..wh..opq"), ""),
        _ => tar.link(path, *kind, target),
    };
    steps.iter().fold(Tar::new(), write).finish()
}

fn check(layers: &[Vec<(u8, String, String, usize)>]) {
    let entries: Vec<Vec<Entry>> = layers.iter().map(|steps| indexed(&tar(steps)).entries).collect();
    let mut image = image("layer");
    image.layers =
        entries.iter().map(|e| Arc::new(LayerIndex { entries: e.clone(), ..LayerIndex::default() })).collect();
    let view = View::new(&image);
    let tree = merge(&entries);
    let real: Tree = view
        .iter()
        .map(|(path, node)| {
            let at = |(layer, entry): (u32, u32)| (layer as usize, entry as usize);
            (path.to_vec(), (view.entry(node.entry).kind, at(node.entry), at(node.data)))
        })
        .collect();
    assert_eq!(shown(&real), shown(&tree));
    let summary = Summary::new(&Ledger::new(&view, |_, _| Owner::Application), 0);
    let data: BTreeSet<At> = tree.values().map(|(_, _, data)| *data).collect();
    let visible: u64 = data.iter().map(|(layer, entry)| entries[*layer][*entry].size).sum();
    let all: u64 = entries.iter().flatten().map(|entry| entry.size).sum();
    assert_eq!(summary.total(), all);
    assert_eq!(summary.visible(), visible, "what is not dead is what the tree leads to");
    for (number, entries) in entries.iter().enumerate() {
        for (position, entry) in entries.iter().enumerate() {
            let fate = view.fate((number as u32, position as u32));
            assert_eq!(clean_path(entry.path.as_bytes()).as_ref(), entry.path.as_bytes());
            if entry.kind == EntryKind::File {
                assert_eq!(fate == Fate::Visible, data.contains(&(number, position)), "{}", entry.path);
            }
        }
    }
}

fn shown(tree: &Tree) -> Vec<String> {
    tree.iter()
        .map(|(path, (kind, entry, data))| format!("{} {kind:?} {entry:?} {data:?}", path.escape_ascii()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_merge_is_what_applying_layer_by_layer_gives(
        layers in prop::collection::vec(prop::collection::vec(step(), 0..12), 1..5),
    ) {
        check(&layers);
    }
}

#[test]
fn a_hard_link_leads_to_what_stood_there_when_it_came() {
    let tar = Tar::new()
        .file("a", "first")
        .link("b", b'1', "a")
        .file("a", "second one")
        .link("c", b'1', "later")
        .file("later", "l");
    let mut image = image("layer x");
    image.layers = vec![Arc::new(LayerIndex { entries: indexed(&tar.finish()).entries, ..LayerIndex::default() })];
    let view = View::new(&image);
    let size = |path: &str| view.size(view.get(path.as_bytes()).unwrap());
    assert_eq!(["a", "b", "c", "later"].map(size), [10, 5, 1, 1]);
    assert_eq!(view.fate((0, 0)), Fate::Visible, "the link still leads to it");
    assert!(view.problems().is_empty());
}

#[test]
fn a_long_chain_of_links_in_the_wrong_order_is_followed_in_time() {
    const LINKS: usize = 100_000;
    let tar = (0..LINKS).fold(Tar::new(), |tar, n| tar.link(&format!("l{n}"), b'1', &format!("l{}", n + 1)));
    let tar = tar.file(&format!("l{LINKS}"), "x").finish();
    let mut image = image("layer");
    Arc::make_mut(&mut image.layers[0]).entries = indexed(&tar).entries;
    let view = View::new(&image);
    assert_eq!(view.size(view.get(b"l0").unwrap()), 1);
    assert!(view.problems().is_empty());
}
