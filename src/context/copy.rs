//! `COPY` and `ADD`: from the folder, from another stage, from another image.

use super::ContextError;
use super::error::Result;
use super::stage::{Stage, World};
use super::tree::directory;
use crate::base::{Digest, ImagePath, Text, file_name, is_within, parent};
use crate::dockerfile::{Copy, Instruction};
use crate::image::{Gap, GapReason, Writes};
use crate::layer::{Entry, EntryKind};
use std::io::Cursor;

const HIDDEN: &str = "a builder does not see what .dockerignore hides";

/// What the options of a `COPY` say.
struct Options {
    uid: u32,
    gid: u32,
    /// Whether `--chown` gives them; what comes from another stage keeps its own without.
    has_owner: bool,
    parents: bool,
    excludes: Vec<super::ignore::Ignore>,
    unpack: bool,
}

impl Stage {
    /// Copies.
    pub(super) fn copy(&mut self, world: &World<'_>, position: usize, copy: &Copy, place: &str) -> Result<()> {
        let instruction = &world.file.instructions[position];
        let options = self.copy_options(instruction, copy);
        let Some(destination) = self.scope.absolute(&copy.destination) else {
            self.gap(place, &copy.destination, GapReason::NoValue, Writes::Anywhere);
            return Ok(());
        };
        let many = copy.sources.len() > 1 || copy.destination.ends_with('/') || copy.destination == ".";
        let target = ImagePath::from(destination.as_str());
        let into = many || self.tree.is_directory(target.as_bytes());
        self.here_documents(world, instruction, &target, into, &options, place);
        let from = instruction.flags.iter().find(|flag| flag.name == "from");
        if let Some(from) = from {
            let name = self.scope.expand(&from.value).unwrap_or_else(|| from.value.clone());
            return self.copy_from(world, &name, copy, (&target, into), &options, place);
        }
        for source in &copy.sources {
            let Some(source) = self.scope.expand(source) else {
                self.gap(place, source, GapReason::NoValue, Writes::at(target.clone()));
                continue;
            };
            if copy.add && is_remote(&source) {
                self.gap(place, &source, GapReason::Fetched, Writes::at(target.clone()));
                continue;
            }
            self.copy_local(world, &source, (&target, into), &options, place)?;
        }
        Ok(())
    }

    fn copy_options(&self, instruction: &Instruction, copy: &Copy) -> Options {
        let flag = |name: &str| instruction.flags.iter().find(|flag| flag.name == name).map(|flag| flag.value.as_str());
        let owner = flag("chown").and_then(|owner| self.scope.expand(owner)).unwrap_or_default();
        let (user, group) = owner.split_once(':').unwrap_or((&owner, &owner));
        let excludes = instruction.flags.iter().filter(|flag| flag.name == "exclude");
        Options {
            uid: self.number_of("etc/passwd", user),
            gid: self.number_of("etc/group", group),
            has_owner: !owner.is_empty(),
            parents: flag("parents").is_some_and(|value| value != "false"),
            excludes: excludes.map(|flag| super::ignore::Ignore::parse(&flag.value)).collect(),
            unpack: copy.add && flag("unpack") != Some("false"),
        }
    }

    /// The number of a user or group. Names are not looked up where the file is not known: which of them it is changes no size.
    pub(super) fn number_of(&self, database: &str, name: &str) -> u32 {
        if let Ok(number) = name.parse() {
            return number;
        }
        let text = self.tree.content(database.as_bytes()).map(String::from_utf8_lossy).unwrap_or_default();
        let line = text.lines().find(|line| line.split(':').next() == Some(name) && !name.is_empty());
        let number = line.and_then(|line| line.split(':').nth(2)).and_then(|number| number.parse().ok());
        number.unwrap_or(if name.is_empty() || name == "root" { 0 } else { 1000 })
    }

    /// `COPY <<EOF /path`.
    fn here_documents(
        &mut self,
        world: &World<'_>,
        instruction: &Instruction,
        target: &ImagePath,
        into: bool,
        options: &Options,
        place: &str,
    ) {
        let head = &world.file.text[instruction.head.clone()];
        let body = &world.file.text[instruction.head.end..instruction.span.end];
        let words = head.split_whitespace().filter_map(|word| word.strip_prefix("<<"));
        let names = words.map(|word| {
            let name = word.trim_start_matches('-');
            (name.trim_matches(['"', '\'']).to_owned(), !name.contains(['"', '\'']))
        });
        let mut lines = body.lines().skip_while(|line| line.is_empty());
        for (name, expands) in names {
            let mut content = String::new();
            for line in lines.by_ref().take_while(|line| line.trim_start_matches('\t') != name) {
                content.push_str(line);
                content.push('\n');
            }
            let path = if into { target.join(name.as_bytes()) } else { target.clone() };
            // Without quotes the builder puts the values of its variables in.
            let value =
                if expands && content.contains('$') { self.scope.expand(&content) } else { Some(content.clone()) };
            let is_known = value.is_some();
            self.write(path.clone(), value.unwrap_or(content).into_bytes(), options.uid, options.gid);
            if !is_known {
                self.gap(place, &format!("the here-document {name}"), GapReason::NoValue, Writes::at(path));
            }
        }
    }

    /// Writes a file with a known content.
    pub(super) fn write(&mut self, path: ImagePath, content: Vec<u8>, uid: u32, gid: u32) {
        let size = content.len() as u64;
        let digest = crate::layer::content_digest(&content);
        self.remember(digest, &content);
        let kept = crate::layer::is_kept(path.as_bytes());
        let kept = kept.then(|| crate::layer::distil(path.as_bytes(), content));
        self.tree.put(Entry { uid, gid, content: Some(digest), ..Entry::file(path, size) }, kept);
    }

    /// From the folder.
    fn copy_local(
        &mut self,
        world: &World<'_>,
        source: &str,
        (target, into): (&ImagePath, bool),
        options: &Options,
        place: &str,
    ) -> Result<()> {
        let found = world.folder.glob(source);
        // Builders take a pattern that fits nothing for nothing to copy.
        if found.is_empty() && is_pattern(source) {
            return Ok(());
        }
        if found.is_empty() {
            let on_disk = world.folder.is_on_disk(source);
            return Err(ContextError::NotThere {
                place: place.into(),
                what: "the source",
                path: Text::from(source),
                whose: "in the build context".into(),
                hint: on_disk.then_some(HIDDEN),
            });
        }
        let many = into || found.len() > 1;
        for (named, path) in found {
            if world.folder.is_directory(path.as_bytes()) {
                let base = if options.parents { target.join(named.as_bytes()) } else { target.clone() };
                self.put_directory(&base, options);
                let below: Vec<Entry> = world.folder.below(path.as_bytes()).map(|(_, entry)| entry.clone()).collect();
                for entry in below {
                    self.copy_entry(world, &entry, path.as_bytes(), &base, options);
                }
                continue;
            }
            let Some(entry) = world.folder.get(path.as_bytes()).cloned() else { continue };
            if options.unpack && self.unpack(world, &path, target, place) {
                continue;
            }
            let name = file_name(named.as_bytes());
            let to = if options.parents {
                target.join(named.as_bytes())
            } else if many {
                target.join(name)
            } else {
                target.clone()
            };
            self.put_copy(world, &entry, to, options);
        }
        Ok(())
    }

    fn put_directory(&mut self, path: &ImagePath, options: &Options) {
        if !path.is_root() {
            self.tree.put(Entry { uid: options.uid, gid: options.gid, ..directory(path.clone()) }, None);
        }
    }

    fn copy_entry(&mut self, world: &World<'_>, entry: &Entry, from: &[u8], target: &ImagePath, options: &Options) {
        let inside = if from.is_empty() { entry.path.as_bytes() } else { &entry.path.as_bytes()[from.len() + 1..] };
        let text = String::from_utf8_lossy(inside);
        self.tree.work.steps(options.excludes.len().saturating_mul(20));
        if options.excludes.iter().any(|pattern| pattern.hides(&text)) {
            return;
        }
        self.put_copy(world, entry, target.join(inside), options);
    }

    /// One file, link or directory of the folder.
    fn put_copy(&mut self, world: &World<'_>, entry: &Entry, to: ImagePath, options: &Options) {
        // Through links on the way, as builders do.
        let to = match entry.kind {
            EntryKind::Directory => ImagePath::new(&self.tree.resolve(to.as_bytes())),
            _ => {
                let folder = self.tree.resolve(parent(to.as_bytes()));
                ImagePath::new(&folder).join(file_name(to.as_bytes()))
            }
        };
        let kept = world.folder.kept(entry.path.as_bytes(), to.as_bytes());
        let (digest, content) = match kept {
            Some((digest, content)) => {
                self.is_of_context(digest, &entry.path);
                (Some(digest), Some(content))
            }
            None => (self.identity_of(entry), None),
        };
        let (uid, gid) = (options.uid, options.gid);
        self.tree.put(Entry { path: to, uid, gid, content: digest, ..entry.clone() }, content);
    }

    /// What stands for the content of a file of the folder that nobody reads.
    pub(super) fn identity_of(&mut self, entry: &Entry) -> Option<Digest> {
        let digest = (entry.kind == EntryKind::File).then(|| identity(&entry.path))?;
        self.is_of_context(digest, &entry.path);
        Some(digest)
    }

    /// `ADD` of an archive of the folder. Whether it was one.
    fn unpack(&mut self, world: &World<'_>, path: &ImagePath, target: &ImagePath, place: &str) -> bool {
        let read = || world.folder.open(path).map_err(|error| format!("the archive cannot be read: {error}"));
        let opened = match world.folder.written(path) {
            Some(text) => super::places::archive(Cursor::new(text)),
            None => read().and_then(super::places::archive),
        };
        match opened {
            Ok(None) => return false,
            Ok(Some((entries, _))) if !target.is_root() && entries.iter().any(leads_out) => {
                let name = String::from_utf8_lossy(path.as_bytes()).into_owned();
                let why = "the archive has links that lead out of it".to_owned();
                self.gap(place, &name, GapReason::Unreadable(why), Writes::Anywhere);
            }
            Ok(Some((entries, mut contents))) => {
                for (position, entry) in entries.into_iter().enumerate() {
                    // Links that are there, or came with the archive, are followed.
                    let whole = self.place_of(target.join(entry.path.as_bytes()).as_bytes());
                    let content = u32::try_from(position).ok().and_then(|position| contents.remove(&position));
                    self.tree.put(Entry { path: whole, ..entry }, content);
                }
            }
            Err(reason) => {
                let name = String::from_utf8_lossy(path.as_bytes()).into_owned();
                self.gap(place, &name, GapReason::Unreadable(reason), Writes::at(target.clone()));
            }
        }
        true
    }

    /// From another stage or another image.
    fn copy_from(
        &mut self,
        world: &World<'_>,
        name: &str,
        copy: &Copy,
        (target, into): (&ImagePath, bool),
        options: &Options,
        place: &str,
    ) -> Result<()> {
        // A later stage is none that a builder knows yet.
        let own = world.file.stage(name).filter(|&number| number < self.number);
        let other = match own {
            Some(number) => world.stage(number)?,
            None => match self.other_image(world, name) {
                Ok(stage) => stage,
                Err(reason) => {
                    for source in &copy.sources {
                        let what = format!("{source} of the image {name}");
                        self.gap(place, &what, reason.clone(), Writes::at(target.clone()));
                    }
                    return Ok(());
                }
            },
        };
        for source in &copy.sources {
            let Some(source) = self.scope.expand(source) else {
                self.gap(place, source, GapReason::NoValue, Writes::at(target.clone()));
                continue;
            };
            self.inherit_gaps(&other, &source, target);
            let found = other.tree.glob(source.as_bytes());
            if found.is_empty() && !(is_pattern(&source) && other.gaps.is_empty()) {
                if other.gaps.is_empty() {
                    let whose = format!("in the stage or image `{}`", Text::from(name));
                    let path = Text::from(&source);
                    return Err(ContextError::NotThere {
                        place: place.into(),
                        what: "the source",
                        path,
                        whose: whose.into(),
                        hint: None,
                    });
                }
                self.gap(place, &source, GapReason::UnknownSource(name.to_owned()), Writes::at(target.clone()));
            }
            let many = into || found.len() > 1;
            // What an installer of the other stage put there is what its name says, and so is uv in its own image.
            let is_trusted = own.is_some() || is_of_uv(name);
            for path in found {
                self.copy_tree(&other, &path, (target, many), options, is_trusted);
            }
        }
        Ok(())
    }

    /// What another stage does not know of what is copied concerns this one too, where it is copied to: every gap that may
    /// have written there.
    fn inherit_gaps(&mut self, other: &Self, source: &str, target: &ImagePath) {
        // Of a pattern what stands before its first sign.
        let plain = source.find(['*', '?', '[']).map_or(source, |sign| &source[..sign]);
        let plain = if plain.len() == source.len() { plain } else { plain.rsplit_once('/').map_or("", |(dir, _)| dir) };
        let path = ImagePath::from(plain);
        let real = other.tree.resolve(path.as_bytes());
        for gap in &other.gaps {
            if gap.writes.may_touch(path.as_bytes()) || gap.writes.may_touch(&real) {
                self.take_gap(Gap { writes: Writes::at(target.clone()), copied: true, ..gap.clone() });
            }
        }
    }

    fn copy_tree(
        &mut self,
        other: &Self,
        path: &[u8],
        (target, many): (&ImagePath, bool),
        options: &Options,
        is_trusted: bool,
    ) {
        let real = other.tree.resolve(path);
        let is_directory = other.tree.is_directory(&real);
        if is_directory {
            self.put_directory(target, options);
        }
        let one = other.tree.get(&real).filter(|_| !is_directory);
        let below = other.tree.below(&real).filter(|_| is_directory).map(|(_, entry)| entry);
        let mut doubtful = false;
        for entry in one.into_iter().chain(below) {
            let from = &entry.path;
            let to = match is_directory {
                true => target.join(&from.as_bytes()[if real.is_empty() { 0 } else { real.len() + 1 }..]),
                false if many => target.join(file_name(path)),
                false => target.clone(),
            };
            self.remember_from(other, entry);
            doubtful |= other.tree.is_doubtful(from.as_bytes());
            let content = other.tree.content(from.as_bytes()).map(<[u8]>::to_vec);
            // What was linked within the stage is a file of its own here, unless both are copied.
            let entry = match entry.kind {
                EntryKind::Hardlink => linked(other, &real, target, entry.clone()),
                _ => entry.clone(),
            };
            let is_own = is_trusted && !other.tree.foreign().contains(&entry.path);
            let (uid, gid) = if options.has_owner { (options.uid, options.gid) } else { (entry.uid, entry.gid) };
            self.tree.put(Entry { path: to.clone(), uid, gid, ..entry }, content);
            if is_own {
                self.tree.set_foreign(&to, false);
            }
        }
        if doubtful {
            self.tree.doubt(&Writes::at(target.clone()));
        }
    }

    fn other_image(&self, world: &World<'_>, name: &str) -> Result<std::rc::Rc<Self>, GapReason> {
        match world.image(name) {
            Ok(known) => Ok(std::rc::Rc::new(Self { tree: known.0.tree.clone(), ..Self::default() })),
            Err(super::Base::Manifest(image) | super::Base::Known(image, _)) => {
                Err(GapReason::ManifestOnly(image.wire()))
            }
            Err(super::Base::Unknown(reason) | super::Base::Missing(reason)) => {
                Err(GapReason::NoImage(format!("that image is not known: {reason}; give it with --image NAME=TARGET")))
            }
        }
    }
}

/// What stands for the content of a file of the context that nobody reads.
pub(super) fn identity(path: &ImagePath) -> Digest {
    Digest::of(&[b"a file of the context: ", path.as_bytes()].concat())
}

/// Whether a link of an archive leads out of it.
fn leads_out(entry: &Entry) -> bool {
    let Some(link) = entry.link.as_deref().filter(|_| entry.kind == EntryKind::Symlink) else { return false };
    let mut depth = parent(entry.path.as_bytes()).split(|byte| *byte == b'/').filter(|part| !part.is_empty()).count();
    link.starts_with(b"/")
        || link.split(|byte| *byte == b'/').any(|part| match part {
            b".." if depth == 0 => true,
            b".." => {
                depth -= 1;
                false
            }
            b"" | b"." => false,
            _ => {
                depth += 1;
                false
            }
        })
}

/// Whether a name is that of uv's own image.
fn is_of_uv(name: &str) -> bool {
    let name = name.split('@').next().unwrap_or_default();
    let name = name.rsplit_once(':').map_or(name, |(name, _)| name);
    matches!(name, "ghcr.io/astral-sh/uv" | "astral/uv" | "docker.io/astral/uv")
}

fn is_remote(source: &str) -> bool {
    source.contains("://") || source.starts_with("git@")
}

/// A hard link as builders copy it: to the copy of what it is linked to, where that is copied with it; else as a file.
fn linked(other: &Stage, from: &[u8], target: &ImagePath, entry: Entry) -> Entry {
    let Some(link) = entry.link.as_deref() else { return entry };
    if is_within(link, from) && other.tree.is_directory(from) {
        let inside = &link[if from.is_empty() { 0 } else { from.len() + 1 }..];
        let link = target.join(inside).as_bytes().into();
        return Entry { link: Some(link), ..entry };
    }
    let size = other.tree.get(link).map_or(0, |entry| entry.size);
    Entry { kind: EntryKind::File, link: None, size, ..entry }
}

fn is_pattern(source: &str) -> bool {
    source.contains(['*', '?', '['])
}
