//! Where the outcome goes. It is whole before it is seen: written beside its place, read back there, then renamed; or put
//! together in the place for temporary files, and given away.

use super::error::ApplyError;
use super::header::header;
use super::remote::{self, Delivered, Remote};
use super::store::Store;
use crate::base::{ImagePath, Text, split_tag};
use crate::layer::{Compression, Entry, EntryKind};
use crate::registry::is_tag;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// How outputs are typed, for help and hints.
pub const OUTPUTS: &str = "oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME:TAG], docker-daemon:NAME[:TAG] or \
                           docker://REGISTRY/NAME[:TAG]";

/// In what form the outcome is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An OCI image layout in a folder.
    Layout,
    /// The same in a tar.
    OciArchive,
    /// The same for engines: its layers are no more compressed than they were.
    DockerArchive,
    /// That archive, given to the engine on this machine.
    Engine,
    /// Pushed to a registry.
    Registry,
}

/// Where the outcome goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// In what form.
    pub form: Form,
    /// The file or folder; of an engine or registry nothing.
    pub path: PathBuf,
    /// Its name there: a tag, or a repository with one.
    pub name: Option<String>,
}

/// As it is typed.
impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.form, &self.name) {
            (Form::Engine, Some(name)) => write!(f, "docker-daemon:{}", Text::from(name)),
            (Form::Registry, Some(name)) => write!(f, "docker://{}", Text::from(name)),
            _ => f.write_str(&Text::of_path(&self.path)),
        }
    }
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, rest) = text.split_once(':').unwrap_or(("", text));
        let remote = match (word, rest.strip_prefix("//")) {
            ("docker-daemon", _) => Some((Form::Engine, rest)),
            ("docker", Some(name)) => Some((Form::Registry, name)),
            _ => None,
        };
        if let Some((form, name)) = remote {
            return Ok(Self { form, path: PathBuf::new(), name: Some(named(form, name)?) });
        }
        let form = match word {
            "oci" => Form::Layout,
            "oci-archive" => Form::OciArchive,
            "docker-archive" => Form::DockerArchive,
            _ => return Err(format!("expected {OUTPUTS}, found `{}`", Text::from(text))),
        };
        let (path, name) = rest.split_once(':').map_or((rest, None), |(path, name)| (path, Some(name)));
        if path.is_empty() || name == Some("") {
            return Err(format!("`{}` names nothing behind its kind", Text::from(text)));
        }
        let name = name.map(|name| named(form, name)).transpose()?;
        Ok(Self { form, path: path.into(), name })
    }
}

/// A tag, or of an archive for engines a name with one.
fn named(form: Form, name: &str) -> Result<String, String> {
    let wrong = |what: &str| Err(format!("expected {what}, found `{}`", Text::from(name)));
    if matches!(form, Form::Layout | Form::OciArchive) {
        return if is_tag(name) { Ok(name.to_owned()) } else { wrong("a tag (letters, digits, `_`, `.`, `-`)") };
    }
    let (repository, tag) = split_tag(name);
    let tag = tag.unwrap_or("latest");
    let reference: Result<crate::registry::Reference, _> = name.parse();
    match reference.is_ok() && is_tag(tag) && !name.contains('@') {
        true => Ok(format!("{repository}:{tag}")),
        false => wrong("NAME:TAG"),
    }
}

impl Output {
    /// The compression that is taken where none is named: registries want gzip, engines nothing.
    pub fn usual_compression(&self) -> Compression {
        match self.form {
            Form::DockerArchive | Form::Engine => Compression::None,
            Form::Layout | Form::OciArchive | Form::Registry => Compression::Gzip,
        }
    }

    /// The folder that its place is in.
    pub fn parent(&self) -> PathBuf {
        match self.form {
            Form::Engine | Form::Registry => std::env::temp_dir(),
            _ => {
                let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
                parent.unwrap_or(Path::new(".")).to_owned()
            }
        }
    }

    /// Whether it may be written: nothing is there, or what is there may be replaced.
    ///
    /// # Errors
    ///
    /// [`ApplyError::Exists`], or the place cannot be written to.
    pub fn check(&self, remote: &Remote<'_>) -> Result<(), ApplyError> {
        let force = remote.force;
        match self.form {
            Form::Engine => return self.unless_there(!force && remote::engine_has(self.own_name())?),
            Form::Registry => return self.unless_there(!force && remote::registry_has(self.own_name(), remote)?),
            _ => {}
        }
        let place = || Text::of_path(&self.path);
        let found = match fs::symlink_metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return self.check_parent(),
            Err(source) => return Err(ApplyError::Write { place: place(), source }),
            Ok(found) => found,
        };
        let no = |what: &'static str, forced: bool| Err(ApplyError::Exists { place: place(), what, forced });
        match self.form {
            Form::Layout if !found.is_dir() => no("is there and is no folder", false),
            Form::Layout => {
                match is_empty(&self.path).map_err(|source| ApplyError::Write { place: place(), source })? {
                    true => Ok(()),
                    false if !self.path.join("oci-layout").is_file() => {
                        no("is a folder with other things in it", false)
                    }
                    false if !force => no("exists already", true),
                    false => Ok(()),
                }
            }
            _ if !found.is_file() => no("is no regular file, and will not be replaced", false),
            _ if !force => no("exists already", true),
            _ => Ok(()),
        }
    }

    fn own_name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    fn unless_there(&self, is_there: bool) -> Result<(), ApplyError> {
        match is_there {
            true => Err(ApplyError::Exists { place: self.to_string().into(), what: "exists already", forced: true }),
            false => Ok(()),
        }
    }

    fn check_parent(&self) -> Result<(), ApplyError> {
        match self.parent().is_dir() {
            true => Ok(()),
            false => Err(ApplyError::Write {
                place: Text::of_path(&self.parent()),
                source: io::Error::new(ErrorKind::NotFound, "the folder does not exist"),
            }),
        }
    }

    /// Puts the blobs and documents into the form that is asked for, still beside its place.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn stage(&self, store: Store) -> Result<Staged, ApplyError> {
        match self.form {
            Form::Layout | Form::Registry => Ok(Staged::Folder(store)),
            Form::OciArchive | Form::DockerArchive | Form::Engine => {
                let failed = |error| store.failed(error);
                let mut file = File::create_new(store.archive()).map_err(failed)?;
                archive(&store, &mut file)?;
                Ok(Staged::File(store))
            }
        }
    }

    /// Puts what was staged at its place, where it is seen from then on.
    ///
    /// # Errors
    ///
    /// Something else has come there since, or it cannot be written.
    pub fn publish(&self, staged: Staged, remote: &Remote<'_>) -> Result<Option<Delivered>, ApplyError> {
        self.check(remote)?;
        let failed = |source| ApplyError::Write { place: Text::of_path(&self.path), source };
        match (staged, self.form) {
            (Staged::File(store), Form::Engine) => remote::load(self.own_name(), &store).map(|()| None),
            (Staged::Folder(store), Form::Registry) => remote::push(self.own_name(), &store, remote).map(Some),
            (Staged::File(store), _) => {
                self.rename(&store.archive(), remote.force)?;
                Ok(None)
            }
            (Staged::Folder(store), _) => self.replace(&store).map(|()| None).map_err(failed),
        }
    }

    /// A file that is not to be replaced is not, whoever was faster.
    fn rename(&self, from: &Path, force: bool) -> Result<(), ApplyError> {
        let renamed = match force {
            true => fs::rename(from, &self.path),
            false => match renameat_with(CWD, from, CWD, &self.path, RenameFlags::NOREPLACE) {
                Err(error) if is_unsupported(error) => fs::hard_link(from, &self.path),
                other => other.map_err(io::Error::from),
            },
        };
        renamed.map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => {
                let (place, what) = (Text::of_path(&self.path), "exists already");
                ApplyError::Exists { place, what, forced: true }
            }
            _ => ApplyError::Write { place: Text::of_path(&self.path), source },
        })
    }

    /// The old layout and the new one change places at once; the old one goes with the run's folder.
    fn replace(&self, store: &Store) -> io::Result<()> {
        let is_there = fs::symlink_metadata(&self.path).is_ok() && !is_empty(&self.path)?;
        if !is_there {
            return fs::rename(store.path(), &self.path);
        }
        match renameat_with(CWD, store.path(), CWD, &self.path, RenameFlags::EXCHANGE) {
            Err(error) if is_unsupported(error) => {
                let aside = store.archive();
                fs::rename(&self.path, &aside)?;
                fs::rename(store.path(), &self.path).inspect_err(|_| _ = fs::rename(&aside, &self.path))
            }
            other => other.map_err(io::Error::from),
        }
    }
}

/// Whether a file system, or a kernel, knows no such renaming.
fn is_unsupported(error: rustix::io::Errno) -> bool {
    use rustix::io::Errno;
    [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP].contains(&error)
}

/// What is whole and not yet at its place. It goes away where nobody publishes it.
pub enum Staged {
    /// A layout.
    Folder(Store),
    /// An archive of it.
    File(Store),
}

impl Staged {
    /// Where it is.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Folder(store) => store.path().to_owned(),
            Self::File(store) => store.archive(),
        }
    }
}

fn is_empty(folder: &Path) -> io::Result<bool> {
    Ok(fs::read_dir(folder)?.next().is_none())
}

/// The layout as a tar, documents first. Files are removed as they are copied: at no time do all bytes stand there twice.
fn archive(store: &Store, file: &mut File) -> Result<(), ApplyError> {
    let mut out = BufWriter::with_capacity(1 << 18, file);
    let (mut names, failed) = (store.names()?, |error| store.failed(error));
    names.sort_by_key(|name| (name.starts_with("blobs"), name.clone()));
    for name in names {
        let from = store.path().join(&name);
        let metadata = fs::metadata(&from).map_err(failed)?;
        let path = ImagePath::new(name.as_os_str().as_bytes());
        let entry = match metadata.is_dir() {
            true => Entry { kind: EntryKind::Directory, mode: 0o755, ..Entry::file(path, 0) },
            false => Entry::file(path, metadata.len()),
        };
        out.write_all(&header(&entry, 0)?).map_err(failed)?;
        if metadata.is_dir() {
            continue;
        }
        out.flush().map_err(failed)?;
        let copied = io::copy(&mut File::open(&from).map_err(failed)?, out.get_mut()).map_err(failed)?;
        let padding = copied.next_multiple_of(512) - copied;
        out.write_all(&[0; 512][..padding as usize]).map_err(failed)?;
        fs::remove_file(&from).map_err(failed)?;
    }
    out.write_all(&[0; 1024]).map_err(failed)?;
    out.flush().map_err(failed)
}
