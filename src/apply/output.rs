//! Where the outcome goes. It is whole before it is seen: written beside its place, read back there, then renamed.

use super::error::ApplyError;
use super::header::header;
use super::store::Store;
use crate::base::{ImagePath, Text, split_tag};
use crate::layer::{Compression, Entry, EntryKind};
use crate::registry::is_tag;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// How outputs are typed, for help and hints.
pub const OUTPUTS: &str = "oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME:TAG]";

/// In what form the outcome is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An OCI image layout in a folder.
    Layout,
    /// The same in a tar.
    OciArchive,
    /// The same for engines: its layers are no more compressed than they were.
    DockerArchive,
}

/// Where the outcome goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// In what form.
    pub form: Form,
    /// The file or folder.
    pub path: PathBuf,
    /// Its name there: a tag, or a repository with one.
    pub name: Option<String>,
}

impl FromStr for Output {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, rest) = text.split_once(':').unwrap_or(("", text));
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
    if form != Form::DockerArchive {
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
            Form::DockerArchive => Compression::None,
            Form::Layout | Form::OciArchive => Compression::Gzip,
        }
    }

    /// The folder that its place is in.
    pub fn parent(&self) -> &Path {
        self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// Whether it may be written: nothing is there, or what is there may be replaced.
    ///
    /// # Errors
    ///
    /// [`ApplyError::Exists`], or the place cannot be written to.
    pub fn check(&self, force: bool) -> Result<(), ApplyError> {
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

    fn check_parent(&self) -> Result<(), ApplyError> {
        match self.parent().is_dir() {
            true => Ok(()),
            false => Err(ApplyError::Write {
                place: Text::of_path(self.parent()),
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
        if self.form == Form::Layout {
            return Ok(Staged::Folder(store));
        }
        let mut file = temporary(self.parent()).map_err(|error| store.failed(error))?;
        archive(&store, file.as_file_mut())?;
        Ok(Staged::File(file))
    }

    /// Renames what was staged to its place.
    ///
    /// # Errors
    ///
    /// Something else has come there since, or it cannot be written.
    pub fn publish(&self, staged: Staged, force: bool) -> Result<(), ApplyError> {
        self.check(force)?;
        let failed = |source| ApplyError::Write { place: Text::of_path(&self.path), source };
        match staged {
            Staged::File(file) if force => file.persist(&self.path).map(|_| ()).map_err(|error| failed(error.error)),
            Staged::File(file) => {
                file.persist_noclobber(&self.path).map(|_| ()).map_err(|error| match error.error.kind() {
                    ErrorKind::AlreadyExists => {
                        let (place, what) = (Text::of_path(&self.path), "exists already");
                        ApplyError::Exists { place, what, forced: true }
                    }
                    _ => failed(error.error),
                })
            }
            Staged::Folder(store) => self.replace(store).map_err(failed),
        }
    }

    /// The old layout is moved away first, and removed when the new one is there.
    fn replace(&self, store: Store) -> io::Result<()> {
        let old = tempfile::Builder::new().prefix(".slimwright-").tempdir_in(self.parent())?;
        let aside = old.path().join("old");
        let there = fs::symlink_metadata(&self.path).is_ok();
        if there {
            fs::rename(&self.path, &aside)?;
        }
        let staged = store.into_path();
        fs::rename(&staged, &self.path).inspect_err(|_| {
            let _ = fs::remove_dir_all(&staged);
            if there {
                let _ = fs::rename(&aside, &self.path);
            }
        })
    }
}

/// What is whole and not yet at its place. It goes away where nobody publishes it.
pub enum Staged {
    /// A layout.
    Folder(Store),
    /// An archive.
    File(tempfile::NamedTempFile),
}

impl Staged {
    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Self::Folder(store) => store.path(),
            Self::File(file) => file.path(),
        }
    }
}

fn is_empty(folder: &Path) -> io::Result<bool> {
    Ok(fs::read_dir(folder)?.next().is_none())
}

fn temporary(parent: &Path) -> io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".slimwright-").permissions(fs::Permissions::from_mode(0o666));
    builder.tempfile_in(parent)
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
