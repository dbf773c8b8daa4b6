//! What files of the image have in them, as far as that is known: files of the context, texts that commands wrote, and what the
//! index of the base image keeps. What an installer would read is read here ([`ImageFiles`]), and nothing of this machine is.
//!
//! An entry's digest stands for its content, so what is known of a file goes with it where it is copied, moved or taken into
//! another stage, and is gone when something else is written in its place.

use super::ContextError;
use super::error::Result;
use super::run::Place;
use super::stage::{Stage, World};
use super::work::own;
use crate::base::{Digest, Found, ImagePath, Text, file_name, is_within};
use crate::image::GapReason;
use crate::index::{Files, Input, Unread};
use crate::layer::{Entry, EntryKind};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Bytes of a text that is remembered, and of all of them.
const MAX_TEXT: usize = 1 << 20;
const MAX_TEXTS: usize = 32 << 20;
/// Files that are read whole are not larger, in bytes.
const MAX_READ: u64 = 16 << 20;

impl Stage {
    /// A file that a command names; `None` where nobody knows where or whether it is.
    pub(super) fn file_of(
        &self,
        world: &World<'_>,
        word: &str,
        what: &'static str,
        place: &Place<'_>,
    ) -> Result<Option<PathBuf>> {
        let Some(path) = self.at(word) else { return Ok(None) };
        let path = path_of(&path);
        match self.files(world).find(&path) {
            Some(_) => {
                self.doubt_content(word);
                Ok(Some(path))
            }
            None if is_of_system(&self.tree.resolve(&path.as_os_str().as_bytes()[1..])) => Ok(None),
            None => self.absent(word, what, place).map(|_| None),
        }
    }

    /// What is installed from a file that a command before may have changed is told after it.
    fn doubt_content(&self, word: &str) {
        let real = self.at(word).map(|path| self.tree.resolve(path.as_bytes()));
        if real.is_some_and(|real| self.tree.is_doubtful(&real)) {
            self.doubts.borrow_mut().push(word.to_owned());
        }
    }

    /// The content of a file, where no command that is not known may have changed it.
    pub(super) fn text_of(&self, world: &World<'_>, path: &[u8]) -> Option<Vec<u8>> {
        let real = self.tree.resolve(path);
        // A link itself may have become another file.
        if self.tree.is_doubtful(&real) || self.tree.is_doubtful(path) {
            return None;
        }
        self.content_of(world, &real)
    }

    fn content_of(&self, world: &World<'_>, path: &[u8]) -> Option<Vec<u8>> {
        let content = self.files(world).read(&path_of(&ImagePath::new(path)), MAX_READ).ok()?;
        self.tree.work.bytes(content.len());
        Some(content)
    }

    /// Remembers what a file with this digest has in it.
    pub(super) fn remember(&mut self, digest: Digest, content: &[u8]) {
        let is_new = !self.texts.contains_key(&digest);
        if is_new && content.len() <= MAX_TEXT && self.text_bytes + content.len() <= MAX_TEXTS {
            self.texts.insert(digest, Rc::from(content));
            self.text_bytes += content.len();
        }
    }

    /// What another stage knows of an entry's content.
    pub(super) fn remember_from(&mut self, other: &Self, entry: &Entry) {
        let Some(digest) = entry.content else { return };
        if let Some(text) = other.texts.get(&digest)
            && self.texts.insert(digest, Rc::clone(text)).is_none()
        {
            self.text_bytes += text.len();
        }
        if let Some(path) = other.contexts.get(&digest) {
            self.is_of_context(digest, path);
        }
    }

    /// Remembers that this is the content of a file of the context.
    pub(super) fn is_of_context(&mut self, digest: Digest, path: &ImagePath) {
        let count = self.contexts.len();
        if self.contexts.get(&digest) != Some(path) {
            own(&mut self.contexts, count, &self.tree.work).insert(digest, path.clone());
        }
    }

    /// What stands for a requirements file that is the standard input; the inner `None` where that is not known.
    pub(super) fn special_input(&self, file: &str, place: &Place<'_>) -> Option<Option<Input>> {
        if matches!(file, "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0") {
            let text = self.shell.input.clone().filter(|text| !text.trim().is_empty());
            let folder = self.working_folder();
            return Some(text.map(|text| Input::Lines { text, place: place.text.to_owned(), folder }));
        }
        super::words::is_special(self.at(file)?.as_bytes()).then_some(None)
    }

    /// What is not in the image: the build would fail, unless the base or a command that is not known may have it.
    pub(super) fn absent(&self, word: &str, what: &'static str, place: &Place<'_>) -> Result<GapReason> {
        let files = [&b""[..], b"pyproject.toml", b"setup.cfg", b"setup.py"];
        let is_file = |path: ImagePath| {
            let real = self.tree.resolve(path.as_bytes());
            self.tree.get(&real).is_some_and(|entry| entry.kind != EntryKind::Directory)
        };
        // It is there, with a content that is not known.
        if self.at(word).is_some_and(|path| files.iter().any(|file| is_file(path.join(file)))) {
            return Ok(GapReason::Content(word.to_owned()));
        }
        if self.is_whole() && self.gaps.is_empty() {
            return Err(ContextError::NotThere {
                place: place.text.into(),
                what,
                path: Text::from(word),
                whose: "in the image at that point".into(),
                hint: Some("copy it with COPY before it is used"),
            });
        }
        Ok(GapReason::Absent { what: what.to_owned(), path: word.to_owned() })
    }

    /// The files of the image as they are now.
    pub(super) fn files<'s>(&'s self, world: &'s World<'_>) -> ImageFiles<'s> {
        ImageFiles { stage: self, world }
    }

    /// Whether a folder has a project of Python's.
    pub(super) fn is_project(&self, folder: &ImagePath) -> bool {
        let names = [&b"pyproject.toml"[..], b"setup.cfg", b"setup.py"];
        names.iter().any(|name| self.tree.exists(&self.tree.resolve(folder.join(name).as_bytes())))
    }

    /// The folder that commands run in.
    pub(super) fn working_folder(&self) -> PathBuf {
        path_of(&self.scope.directory.as_deref().map(ImagePath::from).unwrap_or_default())
    }

    /// The content of a file, if it is known.
    pub(super) fn bytes(&self, world: &World<'_>, path: &ImagePath) -> Option<Vec<u8>> {
        self.files(world).read(&path_of(path), MAX_READ).ok()
    }
}

/// What stands for the content of a wheel that the package index has, by its file's name.
pub(super) fn of_index(name: &[u8]) -> Digest {
    Digest::of(&[b"a wheel of the index: ", name].concat())
}

/// An absolute path.
pub(super) fn path_of(path: &ImagePath) -> PathBuf {
    Path::new("/").join(OsStr::from_bytes(path.as_bytes()))
}

/// What the system shows while commands run, and no layer has.
fn is_of_system(path: &[u8]) -> bool {
    [&b"proc"[..], b"sys", b"dev"].iter().any(|folder| is_within(path, folder))
}

/// The files of a stage.
pub(super) struct ImageFiles<'s> {
    stage: &'s Stage,
    world: &'s World<'s>,
}

impl ImageFiles<'_> {
    fn real(&self, path: &Path) -> Vec<u8> {
        self.stage.tree.resolve(ImagePath::new(path.as_os_str().as_bytes()).as_bytes())
    }

    /// The entry of a file, whose path has no links.
    fn entry(&self, real: &[u8]) -> Option<&Entry> {
        let entry = self.stage.tree.get(real)?;
        match (entry.kind, &entry.link) {
            (EntryKind::Hardlink, Some(target)) => self.stage.tree.get(target),
            _ => Some(entry),
        }
    }

    /// Where a file is in the context.
    fn context(&self, real: &[u8]) -> Option<&ImagePath> {
        self.stage.contexts.get(&self.entry(real)?.content?)
    }

    /// What a command wrote, or the base image's index keeps as it is.
    fn text(&self, real: &[u8]) -> Option<&[u8]> {
        let entry = self.entry(real)?;
        if let Some(text) = entry.content.and_then(|digest| self.stage.texts.get(&digest)) {
            return Some(text);
        }
        let name = file_name(real);
        let endings: [&[u8]; 6] = [b"os-release", b".txt", b".in", b".toml", b".lock", b".cfg"];
        let is_plain = endings.iter().any(|ending| name.ends_with(ending));
        is_plain.then(|| self.stage.tree.content(entry.path.as_bytes())).flatten()
    }

    /// Why there is nothing to read.
    fn unread(&self, real: &[u8]) -> Unread {
        let stage = self.stage;
        let unknown = |why: &str| Unread::Unknown(why.to_owned());
        match self.find_real(real) {
            _ if self.entry(real).and_then(|entry| entry.content) == Some(of_index(file_name(real))) => Unread::Indexed,
            _ if is_of_system(real) => unknown("what the system shows while a command runs is not known"),
            Some(Found::File) => unknown("what it has is not known before the build"),
            Some(_) => Unread::Refused("expected a file, found something else".into()),
            None if stage.is_whole() && stage.gaps.is_empty() => Unread::Missing,
            None => unknown("it is not in the context"),
        }
    }

    fn find_real(&self, real: &[u8]) -> Option<Found> {
        match self.stage.tree.get(real).map(|entry| entry.kind) {
            Some(EntryKind::File | EntryKind::Hardlink) => Some(Found::File),
            Some(EntryKind::Directory) => Some(Found::Directory),
            Some(_) => Some(Found::Other),
            None => self.stage.tree.is_directory(real).then_some(Found::Directory),
        }
    }
}

impl Files for ImageFiles<'_> {
    fn find(&self, path: &Path) -> Option<Found> {
        self.find_real(&self.real(path))
    }

    fn read(&self, path: &Path, most: u64) -> Result<Vec<u8>, Unread> {
        let real = self.real(path);
        if self.stage.tree.is_doubtful(&real) {
            self.stage.doubts.borrow_mut().push(path.display().to_string());
        }
        match (self.context(&real), self.text(&real)) {
            (Some(path), _) => self.world.folder.read_file(path, most),
            (None, Some(text)) => Ok(text.to_vec()),
            (None, None) => Err(self.unread(&real)),
        }
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let names = self.stage.tree.names(&self.real(folder));
        names.iter().map(|name| folder.join(OsStr::from_bytes(name))).collect()
    }

    fn on_disk(&self, path: &Path) -> Result<PathBuf, Unread> {
        let real = self.real(path);
        let context = self.context(&real);
        let written = context.and_then(|path| self.world.folder.written(path));
        match (context.filter(|_| written.is_none()), written.or(self.text(&real))) {
            (Some(path), _) => self.world.folder.place_of(path),
            (None, Some(text)) => {
                let file = self.world.scratch_file(&ImagePath::new(&real), text);
                file.ok_or_else(|| Unread::Unknown("there is no temporary folder for it".into()))
            }
            (None, None) => Err(self.unread(&real)),
        }
    }

    fn shown(&self, path: &Path) -> String {
        let real = self.real(path);
        match self.context(&real) {
            Some(path) => path.to_string().trim_start_matches('/').to_owned(),
            None => ImagePath::new(path.as_os_str().as_bytes()).to_string(),
        }
    }
}
