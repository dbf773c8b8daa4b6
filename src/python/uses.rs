//! Who imports and uses what: the signs that [`crate::source`] found in the source that a container sees, by file
//! and by the distribution that owns the file.

use super::Inventory;
use crate::base::{DistId, ImagePath, Location, Text};
use crate::fs::View;
use crate::layer::is_library_source;
use crate::source::{Kind, Sign, decode};
use std::collections::{BTreeMap, BTreeSet};

/// The signs of an image's source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Uses {
    /// The files with signs, sorted by path.
    pub files: Vec<SourceFile>,
    /// Whether the sources of all distributions were read. Where not, what they import is not known.
    pub libraries: bool,
    /// For each top-level name, the files that import it.
    importers: BTreeMap<String, BTreeSet<usize>>,
    /// The top-level names in the application's strings.
    named: BTreeSet<String>,
}

/// A file with signs.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceFile {
    /// Where it is.
    pub location: Location,
    /// The distribution that owns it.
    pub owner: Option<DistId>,
    /// Whether it is the application's: no distribution's, and not in a site directory.
    pub is_application: bool,
    /// Its signs.
    pub signs: Vec<Sign>,
}

/// A sign and its file.
#[derive(Clone, Copy, Debug)]
pub struct UsedAt<'u> {
    /// The file.
    pub file: &'u SourceFile,
    /// The sign.
    pub sign: &'u Sign,
}

impl UsedAt<'_> {
    /// `/app/main.py, line 12: cv2.imshow`, escaped.
    pub fn text(&self) -> String {
        format!("{}, {}", self.file.location.path, self.line())
    }

    /// `line 12: cv2.imshow`, escaped.
    pub fn line(&self) -> String {
        let name = Text::from(&self.sign.name);
        let what = match self.sign.kind {
            Kind::Import => format!("import {name}"),
            Kind::Use => name.into(),
            Kind::Call => format!(".{name}()"),
            Kind::Text | Kind::Name => format!("\"{name}\""),
            Kind::Flag => format!("{name}=True"),
            Kind::Dynamic => format!("{name}(…)"),
            Kind::Library => format!("opens {name}"),
            Kind::Unread => format!("not read: {name}"),
            Kind::Early => format!("import {name}, when the file is loaded"),
            Kind::Late => format!("import {name}, when it is needed"),
        };
        format!("line {}: {what}", self.sign.line)
    }
}

/// Whether a path is in a cache. That of uv has wheels unpacked (`archive-v0/…`): what they use says nothing of the
/// application, and nothing imports them from there.
fn is_cached(path: &[u8]) -> bool {
    crate::base::is_in_cache(path) || path.split(|&byte| byte == b'/').any(|part| part == b"archive-v0")
}

impl Uses {
    /// Reads the signs of a merged image.
    pub fn new(view: &View<'_>, python: &Inventory) -> Self {
        let mut uses = Self { libraries: view.image().layers.iter().all(|layer| layer.sources), ..Self::default() };
        // Of source the index has signs, and of all source that it has anything of.
        for (path, node) in view.iter().filter(|(path, _)| path.ends_with(b".py")) {
            if is_cached(path) || (!uses.libraries && is_library_source(path)) {
                continue;
            }
            let Some(text) = view.contents_of(node) else { continue };
            let owner = python.owner(path);
            uses.add(SourceFile {
                location: Location { layer: node.data.0, path: ImagePath::new(path) },
                owner,
                is_application: owner.is_none() && !is_library_source(path),
                signs: decode(text),
            });
        }
        uses
    }

    fn add(&mut self, file: SourceFile) {
        let place = self.files.len();
        for sign in &file.signs {
            let top = sign.name.split('.').next().unwrap_or_default();
            match sign.kind {
                Kind::Import if !top.is_empty() => _ = self.importers.entry(top.to_owned()).or_default().insert(place),
                Kind::Name if file.is_application => _ = self.named.insert(top.to_owned()),
                _ => {}
            }
        }
        self.files.push(file);
    }

    /// The application's own files.
    pub fn application(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.is_application)
    }

    /// Every sign in the application's files.
    pub fn in_application(&self) -> impl Iterator<Item = UsedAt<'_>> {
        self.application().flat_map(|file| file.signs.iter().map(move |sign| UsedAt { file, sign }))
    }

    /// Every sign in the files of distributions.
    pub fn in_libraries(&self) -> impl Iterator<Item = UsedAt<'_>> {
        let files = self.files.iter().filter(|file| !file.is_application);
        files.flat_map(|file| file.signs.iter().map(move |sign| UsedAt { file, sign }))
    }

    /// The files that import a module, or one below it or beside it: of `google.protobuf` all that import `google`.
    pub fn importers(&self, module: &str) -> impl Iterator<Item = &SourceFile> {
        let top = module.split('.').next().unwrap_or_default();
        self.importers.get(top).into_iter().flatten().filter_map(|&place| self.files.get(place))
    }

    /// Whether a string of the application may name a module (`"rest_framework.views"`).
    pub fn is_named(&self, module: &str) -> bool {
        self.named.contains(module.split('.').next().unwrap_or_default())
    }
}
