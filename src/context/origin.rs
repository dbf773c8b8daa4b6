//! Where what a command names is on disk: uv reads files of the context, not of an image that does not exist.

use super::ContextError;
use super::installer::parent_folder;
use super::run::Place;
use super::stage::{Stage, World};
use crate::base::{ImagePath, escape_str};
use std::path::PathBuf;

impl Stage {
    /// A file of the context that a command names, on disk; `None` where commands that are not known may have made it.
    pub(super) fn disk_file(
        &self,
        world: &World<'_>,
        word: &str,
        what: &'static str,
        place: &Place<'_>,
    ) -> Result<Option<PathBuf>, ContextError> {
        match self.origin_of(word) {
            Some(path) => Ok(Some(path)),
            None => self
                .written(world, word)
                .map_or_else(|| self.absent(word, what, place).map(|_| None), |path| Ok(Some(path))),
        }
    }

    /// A file that an instruction wrote with a known content, as a file on disk.
    pub(super) fn written(&self, world: &World<'_>, word: &str) -> Option<PathBuf> {
        let path = self.at(word)?;
        let content = self.tree.content(path.as_bytes())?;
        world.scratch_file(&path, content)
    }

    /// What is not in the image: the build would fail, unless the base or a command that is not known may have it.
    pub(super) fn absent(&self, word: &str, what: &'static str, place: &Place<'_>) -> Result<String, ContextError> {
        if self.is_whole() && self.gaps.is_empty() {
            return Err(ContextError::NotThere {
                place: place.text.to_owned(),
                what,
                path: escape_str(word),
                whose: "in the image at that point".into(),
                hint: Some("copy it with COPY before it is used"),
            });
        }
        Ok(format!("{what} {word} is not in the context"))
    }

    pub(super) fn origin_of(&self, word: &str) -> Option<PathBuf> {
        self.origin(self.at(word)?.as_bytes())
    }

    /// Where a file of the image is on disk.
    pub(super) fn origin(&self, path: &[u8]) -> Option<PathBuf> {
        let path = ImagePath::new(&self.tree.resolve(path));
        self.tree.exists(path.as_bytes()).then(|| self.origins.get(&path).cloned()).flatten()
    }

    /// The folder of a project on disk.
    pub(super) fn project_on_disk(&self, folder: &ImagePath) -> Option<PathBuf> {
        let files = [&b"pyproject.toml"[..], b"setup.cfg", b"setup.py"];
        files.iter().find_map(|file| self.origin(folder.join(file).as_bytes())).map(|path| parent_folder(&path))
    }

    /// The folder on disk that the working directory was copied from; of the context where none was.
    pub(super) fn working_folder_on_disk(&self, world: &World<'_>) -> PathBuf {
        let here = self.scope.directory.as_deref().map(ImagePath::from);
        here.and_then(|here| self.origins.get(&here).cloned()).unwrap_or_else(|| world.folder.on_disk(b""))
    }
}
