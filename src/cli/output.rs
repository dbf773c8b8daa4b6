//! Where data goes: stdout, one file, or the folder of a plan. A file is written beside its place and then
//! renamed, so that no half of one is ever seen; nothing is overwritten unasked.

use super::failure::{Failure, Result};
use crate::base::Text;
use anyhow::Context as _;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Whether a plan may have written a file of this name.
fn is_plan_file(name: &str) -> bool {
    const NAMES: [&str; 11] = [
        "Dockerfile",
        "Dockerfile.diff",
        "requirements.txt",
        "requirements.in",
        "pylock.cpu.toml",
        "pyproject.edits.toml",
        "smoke_test.py",
        "copied-files.txt",
        "copied-folders.txt",
        "REPORT.md",
        "plan.json",
    ];
    let number = name.strip_prefix("requirements.cpu").and_then(|rest| rest.strip_suffix(".txt"));
    NAMES.contains(&name) || number.is_some_and(|number| number.chars().all(|c| c.is_ascii_digit()))
}

/// Stdout or a file.
pub enum Destination {
    /// Stdout.
    Stdout,
    /// A file, and whether it may be replaced.
    File(PathBuf, bool),
}

impl Destination {
    /// The named file, or stdout for none or `-`. Fails early on a file that may not be replaced.
    pub fn new(file: Option<PathBuf>, force: bool) -> Result<Self> {
        match file {
            None => Ok(Self::Stdout),
            Some(file) if file.as_os_str() == "-" => Ok(Self::Stdout),
            Some(file) => {
                check_file(&file, force)?;
                Ok(Self::File(file, force))
            }
        }
    }

    /// Whether data goes to stdout.
    pub fn is_stdout(&self) -> bool {
        matches!(self, Self::Stdout)
    }

    /// Writes what `write` writes.
    pub fn write(&self, write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> Result<()> {
        match self {
            Self::Stdout => to_stdout(write),
            Self::File(file, force) => to_file(file, *force, write),
        }
    }
}

/// Writes text to stdout.
pub fn print(text: &str) -> Result<()> {
    to_stdout(|out| Ok(out.write_all(text.as_bytes())?))
}

fn to_stdout(write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> Result<()> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    let outcome = write(&mut stdout).and_then(|()| Ok(stdout.flush()?));
    // What is still in the buffer must not be written once more when it is dropped.
    let _ = stdout.into_parts();
    match outcome {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        Err(error) => Err(Failure::usage(error.context("stdout: cannot write"))),
        Ok(()) => Ok(()),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == ErrorKind::BrokenPipe)
}

fn check_file(file: &Path, force: bool) -> Result<()> {
    match fs::symlink_metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => check_parent(file),
        Err(error) => Err(Failure::usage(
            anyhow::Error::new(error).context(format!("{}: cannot look at it", Text::of_path(file))),
        )),
        Ok(found) if !found.is_file() => Err(Failure::usage(anyhow::anyhow!(
            "{}: is no regular file, and will not be replaced",
            Text::of_path(file)
        ))),
        Ok(_) if force => Ok(()),
        Ok(_) => Err(exists(file)),
    }
}

fn exists(file: &Path) -> Failure {
    Failure::usage(anyhow::anyhow!("{}: exists already", Text::of_path(file))).hint("--force overwrites it")
}

fn check_parent(path: &Path) -> Result<()> {
    let parent = parent(path);
    if parent.is_dir() {
        return Ok(());
    }
    let error = anyhow::anyhow!("{}: the folder {} does not exist", Text::of_path(path), Text::of_path(parent));
    Err(Failure::usage(error).hint("create it first"))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn to_file(file: &Path, force: bool, write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> Result<()> {
    check_file(file, force)?;
    let context = || format!("{}: cannot write", Text::of_path(file));
    let fill = || -> anyhow::Result<tempfile::NamedTempFile> {
        let mut temporary = builder(0o666).tempfile_in(parent(file))?;
        let mut buffer = io::BufWriter::new(temporary.as_file_mut());
        write(&mut buffer)?;
        buffer.flush()?;
        drop(buffer);
        Ok(temporary)
    };
    let temporary = fill().with_context(context).map_err(Failure::usage)?;
    let renamed = if force { temporary.persist(file) } else { temporary.persist_noclobber(file) };
    match renamed {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Err(exists(file)),
        Err(error) => Err(Failure::usage(anyhow::Error::new(error.error).context(context()))),
    }
}

/// Temporary files and folders with the rights that others have: the user's mask decides.
fn builder(mode: u32) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".slimwright-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = mode;
    builder
}

/// The folder of a plan.
pub struct Folder {
    path: PathBuf,
    force: bool,
}

impl Folder {
    /// A folder that is absent or empty, or one with other files if `force`.
    pub fn new(path: PathBuf, force: bool) -> Result<Self> {
        let folder = Self { path, force };
        folder.check()?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn check(&self) -> Result<()> {
        let shown = Text::of_path(&self.path);
        match fs::read_dir(&self.path).map(|mut rows| rows.next().is_none()) {
            Err(error) if error.kind() == ErrorKind::NotFound => check_parent(&self.path),
            Err(error) if error.kind() == ErrorKind::NotADirectory => {
                Err(Failure::usage(anyhow::anyhow!("{shown}: is no folder")))
            }
            Err(error) => {
                Err(Failure::usage(anyhow::Error::new(error).context(format!("{shown}: cannot look into it"))))
            }
            Ok(false) if !self.force => Err(Failure::usage(anyhow::anyhow!("{shown}: is not empty"))
                .hint("name a new folder, or --force overwrites the files of an earlier plan in it")),
            Ok(_) => Ok(()),
        }
    }

    /// Writes all files, or none: they are complete in a folder beside before the first one is moved.
    pub fn write(&self, files: &[(String, String)]) -> Result<()> {
        self.check()?;
        let outcome = self.write_all(files).with_context(|| format!("{}: cannot write", Text::of_path(&self.path)));
        outcome.map_err(Failure::usage)
    }

    fn write_all(&self, files: &[(String, String)]) -> anyhow::Result<()> {
        for (name, _) in files {
            let target = self.path.join(name);
            anyhow::ensure!(Path::new(name).components().count() == 1, "`{name}` is no file name");
            let replaceable = fs::symlink_metadata(&target).map_or(true, |found| found.is_file() || found.is_symlink());
            anyhow::ensure!(replaceable, "{name} is there and no regular file");
        }
        let staging = builder(0o777).tempdir_in(parent(&self.path))?;
        for (name, text) in files {
            fs::write(staging.path().join(name), text)?;
        }
        let had_plan = self.path.join("plan.json").is_file();
        if !self.path.exists() {
            // The whole folder appears at once.
            let staged = staging.keep();
            return fs::rename(&staged, &self.path).map_err(|error| {
                let _ = fs::remove_dir_all(&staged);
                error.into()
            });
        }
        for (name, _) in files {
            fs::rename(staging.path().join(name), self.path.join(name))?;
        }
        // What an earlier plan wrote and this one does not would be taken for a part of this one.
        for row in fs::read_dir(&self.path)?.filter(|_| had_plan) {
            let row = row?;
            let name = row.file_name();
            let stale =
                name.to_str().is_some_and(|name| is_plan_file(name) && !files.iter().any(|(new, _)| new == name));
            if stale && row.file_type()?.is_file() {
                fs::remove_file(row.path())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

    use super::*;

    fn files(names: &[&str]) -> Vec<(String, String)> {
        names.iter().map(|name| ((*name).to_owned(), format!("new {name}"))).collect()
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(dir).unwrap().map(|row| row.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_plan_goes_into_a_new_or_an_empty_folder() {
        let dir = tempfile::tempdir().unwrap();
        let new = dir.path().join("new");
        Folder::new(new.clone(), false).unwrap().write(&files(&["Dockerfile", "plan.json"])).unwrap();
        let empty = dir.path().join("empty");
        fs::create_dir(&empty).unwrap();
        Folder::new(empty.clone(), false).unwrap().write(&files(&["Dockerfile"])).unwrap();
        assert_eq!(
            (names(&new), names(&empty)),
            (vec!["Dockerfile".into(), "plan.json".into()], vec!["Dockerfile".into()])
        );
        assert_eq!(names(dir.path()), ["empty", "new"]);
        assert!(Folder::new(new, false).is_err());
    }

    #[test]
    fn by_force_only_a_plans_own_files_change_and_stale_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("slim");
        let folder = Folder::new(path.clone(), true).unwrap();
        folder.write(&files(&["Dockerfile", "requirements.cpu.txt", "plan.json"])).unwrap();
        fs::write(path.join("mine"), "mine").unwrap();
        folder.write(&files(&["Dockerfile", "plan.json"])).unwrap();
        assert_eq!(names(&path), ["Dockerfile", "mine", "plan.json"]);
        assert_eq!(fs::read_to_string(path.join("mine")).unwrap(), "mine");
        assert_eq!(names(dir.path()), ["slim"]);
    }

    #[test]
    fn a_folder_in_the_place_of_a_file_stops_everything() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("slim/Dockerfile")).unwrap();
        let folder = Folder::new(dir.path().join("slim"), true).unwrap();
        assert!(folder.write(&files(&["plan.json", "Dockerfile"])).is_err());
        assert_eq!(names(&dir.path().join("slim")), ["Dockerfile"]);
        assert_eq!(names(dir.path()), ["slim"]);
    }

    #[test]
    fn a_file_is_whole_or_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("out");
        let destination = Destination::new(Some(file.clone()), false).unwrap();
        let failed = destination.write(|out| {
            out.write_all(b"half")?;
            anyhow::bail!("no more")
        });
        assert!(failed.is_err());
        assert!(names(dir.path()).is_empty());
        destination.write(|out| Ok(out.write_all(b"whole")?)).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "whole");
        assert!(destination.write(|_| Ok(())).is_err());
        let forced = Destination::new(Some(file.clone()), true).unwrap();
        forced.write(|out| Ok(out.write_all(b"anew")?)).unwrap();
        assert_eq!(
            (fs::read_to_string(&file).unwrap(), names(dir.path())),
            ("anew".to_owned(), vec!["out".to_owned()])
        );
    }
}
