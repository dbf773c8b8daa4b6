//! `tar` that packs the files of a list, and unpacks them elsewhere in the same `RUN`: which files these are is known.
//!
//! Source: GNU tar's manual (`--files-from`, `--no-recursion`) and BusyBox's `tar`, which does the same with these options.

use super::run::Outcome;
use super::stage::{Stage, World};
use super::tree::directory;
use crate::base::{FastSet, ImagePath, ancestors, clean_path, parent};
use crate::image::GapReason;
use crate::layer::{Entry, EntryKind};

/// An archive that a command of this `RUN` made.
#[derive(Clone, Debug)]
pub(super) struct Archive {
    /// Where it is.
    path: ImagePath,
    /// What is in it, with the paths that it has there.
    entries: Vec<Packed>,
}

/// A file, link or folder, and what is kept of its content.
type Packed = (Entry, Option<Vec<u8>>);

/// `tar -C FROM --no-recursion -cf ARCHIVE -T LIST`; without that option what is in folders is packed too.
struct Packs<'w> {
    deep: bool,
    from: &'w str,
    archive: &'w str,
    list: &'w str,
}

/// `tar -C TO -xpf ARCHIVE`
struct Unpacks<'w> {
    to: &'w str,
    archive: &'w str,
}

fn packs<'w>(words: &[&'w str]) -> Option<Packs<'w>> {
    match words {
        ["-C", from, "--no-recursion", "-cf", archive, "-T", list] => Some(Packs { deep: false, from, archive, list }),
        ["-C", from, "-cf", archive, "-T", list] => Some(Packs { deep: true, from, archive, list }),
        _ => None,
    }
}

fn unpacks<'w>(words: &[&'w str]) -> Option<Unpacks<'w>> {
    match words {
        ["-C", to, "-xpf", archive] => Some(Unpacks { to, archive }),
        _ => None,
    }
}

impl Stage {
    /// Whether a command can still change the archive or what is in it: all but those that make folders, and `tar` itself.
    pub(super) fn leaves_archive(name: &str) -> bool {
        matches!(name, "tar" | "mkdir")
    }

    /// `tar`: what it unpacks where that is known, else where it writes.
    pub(super) fn packs_or_unpacks(&mut self, world: &World<'_>, arguments: &[String]) -> Outcome {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        if self.unpack_known(&words) {
            return Outcome::Done;
        }
        let outcome = self.tool("tar", arguments).unwrap_or(Outcome::Unknown(GapReason::Program));
        self.pack(world, &words);
        outcome
    }

    /// Remembers what `tar` packs, where that is known.
    fn pack(&mut self, world: &World<'_>, words: &[&str]) {
        self.archive = None;
        let Some(command) = packs(words) else { return };
        let (from, list, archive) = (self.at(command.from), self.at(command.list), self.at(command.archive));
        let (Some(from), Some(list), Some(archive)) = (from, list, archive) else { return };
        let Some(text) = self.text_of(world, list.as_bytes()) else { return };
        let mut named: Vec<ImagePath> = Vec::new();
        for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let Some(inside) = line.strip_prefix(b"./").filter(|line| is_inside(line)) else { return };
            let path = from.join(&clean_path(inside));
            if self.tree.is_doubtful(path.as_bytes()) || !self.tree.exists(path.as_bytes()) {
                return;
            }
            let below = self.tree.below(path.as_bytes()).filter(|_| command.deep).map(|(path, _)| path.clone());
            let below: Vec<ImagePath> = below.collect();
            named.push(path);
            named.extend(below);
        }
        self.archive = self.packed(&named, from.as_bytes()).map(|entries| Archive { path: archive, entries });
    }

    /// What these paths are, as they are called below a folder.
    fn packed(&self, named: &[ImagePath], from: &[u8]) -> Option<Vec<Packed>> {
        let mut out: Vec<Packed> = Vec::new();
        let mut there: FastSet<ImagePath> = FastSet::default();
        for path in named {
            let inside = within(path.as_bytes(), from)?;
            let content = self.tree.content(path.as_bytes()).map(<[u8]>::to_vec);
            self.tree.work.entries(1);
            self.tree.work.bytes(content.as_ref().map_or(0, Vec::len));
            let entry = self.tree.get(path.as_bytes()).cloned().unwrap_or_else(|| directory(path.clone()));
            let entry = match entry.link.as_deref().filter(|_| entry.kind == EntryKind::Hardlink) {
                // A file that another name of the list has already is linked to that.
                Some(link) => match within(link, from).filter(|link| there.contains(link)) {
                    Some(link) => Entry { link: Some(link.as_bytes().into()), ..entry },
                    None => {
                        let size = self.tree.get(link).map_or(0, |entry| entry.size);
                        Entry { kind: EntryKind::File, link: None, size, ..entry }
                    }
                },
                None => entry,
            };
            there.insert(inside.clone());
            out.push((Entry { path: inside, ..entry }, content));
        }
        (!self.tree.work.is_spent()).then_some(out)
    }

    /// Puts what an archive of this `RUN` has; `false` where that is not known.
    fn unpack_known(&mut self, words: &[&str]) -> bool {
        let Some(command) = unpacks(words) else { return false };
        let (to, archive) = (self.at(command.to), self.at(command.archive));
        let Some(to) = to.filter(|to| self.tree.is_directory(to.as_bytes()) && !self.tree.is_doubtful(to.as_bytes()))
        else {
            return false;
        };
        let is_it = |known: &&Archive| Some(&known.path) == archive.as_ref();
        let Some(known) = self.archive.as_ref().filter(is_it).cloned() else { return false };
        // A link among the folders may be followed, or replaced.
        let is_straight = |path: &[u8]| self.tree.resolve(path) == path;
        let all_straight =
            known.entries.iter().all(|(entry, _)| is_straight(parent(to.join(entry.path.as_bytes()).as_bytes())));
        if to.is_root() || !is_straight(to.as_bytes()) || !all_straight {
            return false;
        }
        for (entry, content) in known.entries {
            let path = to.join(entry.path.as_bytes());
            let above: Vec<ImagePath> = ancestors(path.as_bytes()).map(ImagePath::new).collect();
            for folder in above.into_iter().rev().filter(|folder| !folder.is_root()) {
                if !self.tree.is_directory(folder.as_bytes()) {
                    self.tree.put(directory(folder), None);
                }
            }
            let link = match entry.kind {
                EntryKind::Hardlink => entry.link.as_deref().map(|link| to.join(link).as_bytes().into()),
                _ => entry.link.clone(),
            };
            self.tree.put(Entry { path: path.clone(), link, ..entry }, content);
        }
        true
    }
}

/// Whether a line stays below the folder that it is relative to.
fn is_inside(line: &[u8]) -> bool {
    !line.starts_with(b"/") && !line.contains(&b'\\') && line.split(|&byte| byte == b'/').all(|part| part != b"..")
}

fn within(path: &[u8], folder: &[u8]) -> Option<ImagePath> {
    if folder.is_empty() {
        return Some(ImagePath::new(path));
    }
    Some(ImagePath::new(path.strip_prefix(folder)?.strip_prefix(b"/")?))
}
