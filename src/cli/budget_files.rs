//! Which files a budget comes from.
//!
//! A repository may be a stranger's, and what judges it must not be chosen by a folder of it: the configuration at the root of
//! the repository is before one in a folder below, whoever wrote that. What is found is opened below the root of the
//! repository, and no link leads out of it.

use crate::base::{Root, Text, read_named};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The names of the files that are looked for.
pub(super) const CONFIG: &str = "slimwright.toml";
pub(super) const LOCK: &str = "slimwright.lock";
/// How many folders up a repository's root is looked for.
const HIGHEST: usize = 64;

/// A file, by whom it was named, and the ones that it stands before.
#[derive(Clone, Debug)]
pub(super) struct BudgetFile {
    pub(super) path: PathBuf,
    /// The folder that it is in by itself or by a link; none for one that the user named.
    within: Option<PathBuf>,
    /// Configurations that are not read because this one is.
    pub(super) passed_over: Vec<PathBuf>,
}

impl BudgetFile {
    /// One that the user named.
    pub(super) fn named(path: &Path) -> Self {
        Self { path: path.to_owned(), within: None, passed_over: Vec::new() }
    }

    /// The configuration for a build context, or for what is read in the current folder; `None` where there is none.
    pub(super) fn find(folder: Option<&Path>) -> Option<Self> {
        let places = folder.into_iter().chain([Path::new(".")]);
        let mut found: Vec<Self> = Vec::new();
        for place in places {
            let top = top_of(place);
            let folders = top.iter().map(|top| (top.clone(), top.clone()));
            let own = (place.to_owned(), top.clone().unwrap_or_else(|| place.to_owned()));
            for (folder, within) in folders.chain([own]) {
                let path = if folder.as_os_str() == "." { PathBuf::from(CONFIG) } else { folder.join(CONFIG) };
                let is_new = |known: &Self| !is_same(&known.path, &path);
                if path.symlink_metadata().is_ok() && found.iter().all(is_new) {
                    found.push(Self { path, within: Some(within), passed_over: Vec::new() });
                }
            }
        }
        let mut found = found.into_iter();
        let first = found.next()?;
        Some(Self { passed_over: found.map(|other| other.path).collect(), ..first })
    }

    /// The lock beside it.
    pub(super) fn lock(&self) -> Self {
        let path = self.path.parent().unwrap_or(Path::new("")).join(LOCK);
        Self { path, within: self.within.clone(), passed_over: Vec::new() }
    }

    /// Its text, of at most so many bytes.
    pub(super) fn read(&self, most: u64) -> anyhow::Result<String> {
        let name = Text::of_path(&self.path);
        let bytes = self.bytes(most);
        let bytes = bytes.map_err(|error| anyhow::Error::new(error).context(format!("{name}: cannot read")))?;
        String::from_utf8(bytes).map_err(|_| anyhow::anyhow!("{name}: expected UTF-8, found other bytes"))
    }

    fn bytes(&self, most: u64) -> io::Result<Vec<u8>> {
        let Some(within) = &self.within else { return read_named(&self.path, most) };
        let (root, path) = (real(within), real(self.path.parent().unwrap_or(Path::new(""))));
        let inside = path.strip_prefix(&root).unwrap_or(Path::new("")).join(self.path.file_name().unwrap_or_default());
        Root::open(&root)?.read(inside.as_os_str().as_bytes(), most)
    }
}

/// The root of the repository that a folder is in, if it is in one and not itself the root.
fn top_of(folder: &Path) -> Option<PathBuf> {
    let real = std::fs::canonicalize(folder).ok()?;
    let top = real.ancestors().take(HIGHEST).find(|folder| folder.join(".git").symlink_metadata().is_ok())?;
    let here = std::env::current_dir().ok().and_then(|here| here.canonicalize().ok());
    // By the shorter name, which is the same on every machine.
    if here.as_deref() == Some(top) { Some(PathBuf::from(".")) } else { Some(top.to_owned()) }
}

fn real(path: &Path) -> PathBuf {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Whether two paths name one file: their folders are the same.
fn is_same(a: &Path, b: &Path) -> bool {
    let folder = |path: &Path| real(path.parent().unwrap_or(Path::new("")));
    folder(a) == folder(b)
}
