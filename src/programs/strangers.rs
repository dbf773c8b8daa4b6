//! Whose files these are. A repository that is looked at is a stranger's, and so is the one that the program was started
//! in: no program of theirs is run, and no file of theirs is the user's configuration.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The folders of strangers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strangers(Vec<PathBuf>);

impl Strangers {
    /// Nobody: what a program in `PATH` is, is the caller's affair.
    pub fn none() -> Self {
        Self::default()
    }

    /// The repository that the program was started in: the nearest folder with a `.git` from here upwards, or else the
    /// folder itself. It is nobody's where it holds the user's home.
    pub fn here() -> Self {
        let Ok(here) = std::env::current_dir() else { return Self::none() };
        let home = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(|home| whole(Path::new(&home)));
        let holds_home =
            |folder: &Path| folder.parent().is_none() || home.as_ref().is_some_and(|home| home.starts_with(folder));
        Self([repository_of(&here)].into_iter().filter(|folder| !holds_home(folder)).collect())
    }

    /// These, and a build context with the repository that it is of.
    #[must_use]
    pub fn and(mut self, context: &Path) -> Self {
        let home = std::env::var_os("HOME").map(|home| whole(Path::new(&home))).unwrap_or_default();
        let repository = repository_of(context);
        self.0.push(whole(context));
        self.0.extend(Some(repository).filter(|folder| !home.starts_with(folder)));
        self
    }

    /// Whether a file is theirs: by its path, or by where its links lead.
    pub fn own(&self, path: &Path) -> bool {
        let is_theirs = |path: &Path| self.0.iter().any(|folder| path.starts_with(folder));
        // A link of theirs is theirs, wherever it leads.
        let in_folder = |path: &Path| Some(whole(path.parent()?).join(path.file_name()?));
        is_theirs(&whole(path)) || in_folder(path).is_some_and(|path| is_theirs(&path))
    }

    /// The folders of `PATH` that are absolute and nobody else's.
    pub fn path(&self) -> Vec<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).filter(|folder| folder.is_absolute() && !self.own(folder)).collect()
    }

    /// The first program of a name in [`Strangers::path`] that is not theirs.
    pub fn program(&self, name: impl AsRef<OsStr>) -> Option<PathBuf> {
        let name = name.as_ref();
        self.path().iter().map(|folder| folder.join(name)).find(|file| is_program(file) && !self.own(file))
    }

    /// A file or folder that a variable names, if its path is absolute and it is not theirs.
    pub fn named(&self, value: Option<OsString>) -> Option<PathBuf> {
        value.map(PathBuf::from).filter(|path| path.is_absolute() && !self.own(path))
    }
}

/// Whether there is a program that may be run.
pub fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// A program in the folder of this one, where an installer puts what it requires. Whoever could have written it there could
/// have written this one, wherever that is.
pub fn beside(name: &str) -> Option<PathBuf> {
    let file = std::env::current_exe().ok()?.canonicalize().ok()?.with_file_name(name);
    is_program(&file).then_some(file)
}

fn repository_of(folder: &Path) -> PathBuf {
    let folder = whole(folder);
    let found = folder.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok());
    found.unwrap_or(&folder).to_owned()
}

/// A path without links, as far as it is there.
fn whole(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = |folder: &Path| {
        let rest = path.strip_prefix(folder).ok()?;
        Some(folder.canonicalize().ok()?.join(rest))
    };
    path.ancestors().find_map(there).unwrap_or(path.clone())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

    use super::*;

    #[test]
    fn what_is_theirs_is_so_by_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for dir in ["repo/.git", "repo/app/bin", "mine"] {
            std::fs::create_dir_all(root.join(dir)).unwrap();
        }
        std::fs::write(root.join("repo/bin-of-theirs"), "").unwrap();
        std::fs::write(root.join("mine/tool"), "").unwrap();
        std::os::unix::fs::symlink(root.join("repo/bin-of-theirs"), root.join("mine/link")).unwrap();
        std::os::unix::fs::symlink(root.join("mine/tool"), root.join("repo/app/bin/tool")).unwrap();
        let strangers = Strangers::none().and(&root.join("repo/app"));
        for (path, theirs) in [
            ("repo/app/bin/tool", true),
            ("repo/bin-of-theirs", true),
            ("repo/none/there", true),
            ("mine/../repo/app/x", true),
            ("mine/link", true),
            ("mine/tool", false),
            ("mine/none", false),
        ] {
            assert_eq!(strangers.own(&root.join(path)), theirs, "{path}");
        }
        assert!(!Strangers::none().own(&root));
    }
}
