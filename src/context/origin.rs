//! What files of the image have in them, and where that is on disk: uv reads files of the context, not of an image that does not exist.
//!
//! An entry's digest stands for its content, so what is known of a file goes with it where it is copied, moved or taken into
//! another stage, and is gone when something else is written in its place.

use super::ContextError;
use super::arguments::Arguments;
use super::installer::{parent_folder, project_input};
use super::run::{Outcome, Place};
use super::stage::{Stage, World};
use crate::base::{Digest, ImagePath, escape_str, file_name};
use crate::image::GapReason;
use crate::layer::{Entry, EntryKind};
use crate::resolve::Input;
use std::path::PathBuf;
use std::rc::Rc;

/// Bytes of a text that is remembered, and of all of them.
const MAX_TEXT: usize = 1 << 20;
const MAX_TEXTS: usize = 32 << 20;

impl Stage {
    /// A file of the context that a command names, on disk; `None` where commands that are not known may have made it.
    pub(super) fn disk_file(
        &self,
        world: &World<'_>,
        word: &str,
        what: &'static str,
        place: &Place<'_>,
    ) -> Result<Option<PathBuf>, ContextError> {
        let path = self.origin_of(word).or_else(|| self.written(world, word));
        let Some(path) = path else { return self.absent(word, what, place).map(|_| None) };
        self.doubt_content(word);
        Ok(Some(path))
    }

    /// What is installed from a file that a command before may have changed is told after it.
    fn doubt_content(&self, word: &str) {
        let real = self.at(word).map(|path| self.tree.resolve(path.as_bytes()));
        if real.is_some_and(|real| self.tree.is_doubtful(&real)) {
            self.doubts.borrow_mut().push(word.to_owned());
        }
    }

    /// A file that an instruction wrote with a known content, as a file on disk.
    pub(super) fn written(&self, world: &World<'_>, word: &str) -> Option<PathBuf> {
        let path = self.at(word)?;
        let text = self.content_of(world, path.as_bytes())?;
        self.on_disk_as(world, &path, &text)
    }

    /// A text as a file on disk; not one that names other files, which would not be beside it.
    fn on_disk_as(&self, world: &World<'_>, path: &ImagePath, text: &[u8]) -> Option<PathBuf> {
        let names_another = |line: &&[u8]| {
            let line = line.trim_ascii_start();
            [&b"-r"[..], b"-c", b"-e", b"--requirement", b"--constraint", b"--editable", b".", b"/", b"file:"]
                .iter()
                .any(|start| line.starts_with(start))
        };
        let is_list = !file_name(path.as_bytes()).ends_with(b".toml");
        if is_list && text.split(|&byte| byte == b'\n').any(|line| names_another(&line)) {
            return None;
        }
        world.scratch_file(path, text)
    }

    /// The content of a file, where no command that is not known may have changed it.
    pub(super) fn text_of(&self, world: &World<'_>, path: &[u8]) -> Option<Vec<u8>> {
        let real = self.tree.resolve(path);
        if self.tree.is_doubtful(&real) {
            return None;
        }
        self.content_of(world, &real)
    }

    fn content_of(&self, world: &World<'_>, path: &[u8]) -> Option<Vec<u8>> {
        let real = self.tree.resolve(path);
        let entry = self.tree.get(&real).filter(|entry| entry.kind == EntryKind::File)?;
        if let Some(digest) = entry.content {
            if self.exports.contains_key(&digest) {
                return None;
            }
            if let Some(text) = self.texts.get(&digest) {
                return Some(text.to_vec());
            }
            if let Some(path) = self.contexts.get(&digest) {
                return world.folder.content(path.as_bytes());
            }
        }
        let name = file_name(&real);
        let endings: [&[u8]; 6] = [b"os-release", b".txt", b".in", b".toml", b".lock", b".cfg"];
        endings
            .iter()
            .any(|ending| name.ends_with(ending))
            .then(|| self.tree.content(&real).map(<[u8]>::to_vec))
            .flatten()
    }

    /// Remembers what a file with this digest has in it.
    pub(super) fn remember(&mut self, digest: Digest, content: &[u8]) {
        let known: usize = self.texts.values().map(|text| text.len()).sum();
        if content.len() <= MAX_TEXT && known + content.len() <= MAX_TEXTS {
            self.texts.insert(digest, Rc::from(content));
        }
    }

    /// What another stage knows of an entry's content.
    pub(super) fn remember_from(&mut self, other: &Self, entry: &Entry) {
        let Some(digest) = entry.content else { return };
        self.texts.extend(other.texts.get(&digest).map(|text| (digest, text.clone())));
        self.contexts.extend(other.contexts.get(&digest).map(|path| (digest, path.clone())));
        self.exports.extend(other.exports.get(&digest).map(|input| (digest, input.clone())));
    }

    /// A file that a command makes of a lock or of requirements: the request that has the same meaning stands for its content. How
    /// large it is is predicted: as what it was made of.
    pub(super) fn put_export(&mut self, path: ImagePath, input: Input) {
        let digest = Digest::of(format!("an export: {input:?}").as_bytes());
        let source = match &input {
            Input::Lock { path, .. } | Input::Requirements(path) => Some(path.clone()),
            Input::Project { dir, .. } => Some(dir.join("pyproject.toml")),
            Input::Lines { .. } => None,
        };
        let size = source.and_then(|source| std::fs::symlink_metadata(source).ok()).map_or(100, |found| found.len());
        self.exports.insert(digest, input);
        let path = ImagePath::new(&self.tree.resolve(path.as_bytes()));
        self.tree.put(Entry { content: Some(digest), ..Entry::file(path, size.max(1)) }, None);
    }

    /// The request that stands for a requirements file, or for what is on the input; the inner `None` where that is not known.
    pub(super) fn export_of(&self, world: &World<'_>, file: &str) -> Option<Option<Input>> {
        if matches!(file, "-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0") {
            let text = || {
                let text = self.shell.input.as_ref().filter(|text| !text.trim().is_empty())?;
                self.on_disk_as(world, &ImagePath::from("requirements.txt"), text.as_bytes()).map(Input::Requirements)
            };
            return Some(self.shell.input_export.clone().or_else(text));
        }
        let path = self.at(file)?;
        if super::words::is_special(path.as_bytes()) {
            return Some(None);
        }
        let entry = self.tree.get(&self.tree.resolve(path.as_bytes()))?;
        let export = self.exports.get(&entry.content?)?;
        self.doubt_content(file);
        Some(Some(export.clone()))
    }

    /// What is not in the image: the build would fail, unless the base or a command that is not known may have it.
    pub(super) fn absent(&self, word: &str, what: &'static str, place: &Place<'_>) -> Result<GapReason, ContextError> {
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
                place: place.text.to_owned(),
                what,
                path: escape_str(word),
                whose: "in the image at that point".into(),
                hint: Some("copy it with COPY before it is used"),
            });
        }
        Ok(GapReason::Absent { what: what.to_owned(), path: word.to_owned() })
    }

    pub(super) fn origin_of(&self, word: &str) -> Option<PathBuf> {
        self.origin(self.at(word)?.as_bytes())
    }

    /// Where a file of the image is on disk, if it is still the one that was copied.
    pub(super) fn origin(&self, path: &[u8]) -> Option<PathBuf> {
        let path = ImagePath::new(&self.tree.resolve(path));
        let digest = self.tree.get(path.as_bytes())?.content?;
        self.contexts.contains_key(&digest).then(|| self.origins.get(&path).cloned()).flatten()
    }

    /// The folder of a project on disk.
    pub(super) fn project_on_disk(&self, folder: &ImagePath) -> Option<PathBuf> {
        let files = [&b"pyproject.toml"[..], b"setup.cfg", b"setup.py"];
        let first = files.iter().map(|file| folder.join(file)).find(|path| self.tree.exists(path.as_bytes()))?;
        self.origin(first.as_bytes()).map(|path| parent_folder(&path))
    }

    /// The folder on disk that the working directory was copied from; of the context where none was.
    pub(super) fn working_folder_on_disk(&self, world: &World<'_>) -> PathBuf {
        let here = self.scope.directory.as_deref().map(ImagePath::from);
        here.and_then(|here| self.origins.get(&here).cloned()).unwrap_or_else(|| world.folder.on_disk(b""))
    }

    /// `pip-compile`
    pub(super) fn pip_compile(&mut self, arguments: &[String]) -> Outcome {
        let read = Arguments::parse(
            arguments,
            &["-o", "--output-file", "--extra", "-i", "--index-url", "--extra-index-url", "-f"],
        );
        let default = ["requirements.in".to_owned()];
        let files = if read.words.is_empty() { &default[..] } else { &read.words[..] };
        let [file] = files else { return Outcome::Unknown(GapReason::Makes) };
        let output = read.value(&["-o", "--output-file"]).map_or_else(
            || file.rsplit_once('.').map_or_else(|| file.clone(), |(stem, _)| format!("{stem}.txt")),
            str::to_owned,
        );
        let output = if file.ends_with("pyproject.toml") && read.value(&["-o", "--output-file"]).is_none() {
            "requirements.txt".to_owned()
        } else {
            output
        };
        let (Some(origin), Some(path)) = (self.origin_of(file), self.at(&output)) else {
            return Outcome::Unknown(GapReason::Makes);
        };
        let input = match file.ends_with("pyproject.toml") {
            true => project_input(parent_folder(&origin), Vec::new()),
            false => Input::Requirements(origin),
        };
        self.put_export(path, input);
        Outcome::Done
    }
}
