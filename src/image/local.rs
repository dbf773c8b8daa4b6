//! Files, folders and standard input: what is there, and whether it is of the form that was named.

use super::archive::{InArchive, choose, docker_archive, members};
use super::layers::Layers;
use super::layout::layout;
use super::manifest::parse_docker_manifest;
use super::reading::read_source;
use super::source::Files as _;
use super::source::Folder;
use super::transport::{is_transport, transport};
use super::{Image, ImageError, OpenOptions, Progress, directory, read_recorded, stream};
use crate::layer::{Blob, Compression, detect};
use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest recorded index that is read.
const MAX_RECORDED: u64 = 1 << 30;

/// In what form an image is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `docker save`, old or new form.
    DockerArchive,
    /// An OCI image layout directory.
    OciLayout,
    /// An OCI image layout in a tar.
    OciArchive,
    /// A root file system, or skopeo's folder with an image.
    Directory,
    /// A recorded index.
    Recorded,
}

impl Form {
    /// Whether a folder is an image, whatever else may lie in it.
    pub fn is_image(folder: &Path) -> bool {
        let is_dir = |name: &str| folder.join(name).is_dir();
        is_layout(folder) || is_transport(folder) || is_unpacked(folder) || (is_dir("usr") && is_dir("etc"))
    }
}

/// A file or folder and, where it may hold several images, which of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// The form, where the user names it.
    pub form: Option<Form>,
    /// The file or folder; `-` for standard input.
    pub path: PathBuf,
    /// `TAG`, `NAME:TAG`, `@N` or `@DIGEST`, behind the path.
    pub choice: Option<String>,
}

impl Local {
    /// `PATH[:CHOICE]` or `PATH@DIGEST`: the shortest prefix that exists wins, so that paths with colons work. Standard input is
    /// always there.
    pub(super) fn chosen(form: Option<Form>, text: &str) -> Self {
        let exists = |path: &str| path == "-" || (!path.is_empty() && Path::new(path).exists());
        let whole = Self { form, path: text.into(), choice: None };
        // A recorded index is one image.
        if form == Some(Form::Recorded) || exists(text) {
            return whole;
        }
        let split = |(at, sign): (usize, &str)| {
            let choice = match sign {
                ":" => &text[at + 1..],
                _ => text[at..].starts_with("@sha256:").then_some(&text[at..])?,
            };
            exists(&text[..at]).then(|| Self { form, path: text[..at].into(), choice: Some(choice.to_owned()) })
        };
        text.match_indices([':', '@']).find_map(split).unwrap_or(whole)
    }

    /// The options that cannot be followed, and why.
    pub(super) fn unfollowed(&self, options: &OpenOptions) -> Vec<(&'static str, &'static str)> {
        let (platform, verify) = match self.single() {
            Some(Form::Recorded) => (
                "a recorded index holds one image of one platform",
                "a recorded index holds no layers whose digests could be recomputed",
            ),
            Some(_) => ("a root file system has no platform to choose", "a root file system has no digests"),
            None => return Vec::new(),
        };
        let platform = options.platform.is_some().then_some(("--platform", platform));
        platform.into_iter().chain(options.verify.then_some(("--verify", verify))).collect()
    }

    /// Reads the image.
    pub(super) fn read(&self, options: &OpenOptions, progress: &dyn Progress) -> Result<(Image, Layers), ImageError> {
        let (path, choice) = (&self.path, self.choice.as_deref());
        let source = match self.find()? {
            Found::Directory => {
                let image = directory::directory(path, options, progress)?;
                let layer = image.layers.first().cloned().unwrap_or_default();
                return Ok((image, Layers::of_folder(path, layer)));
            }
            Found::Recorded(bytes) => return Ok((read_recorded(path, &bytes)?, Layers::of_recorded(path))),
            Found::Layout => layout(path, &Folder(path), choice, options)?,
            Found::Transport => transport(path, choice, options)?,
            Found::Unpacked => docker_archive(path, &Folder(path), choice, options)?,
            Found::Archive(blob) => choose(self, &InArchive { path, members: &members(path, &blob)? }, options)?,
            Found::Stream(mut input) => {
                progress.start("reading the archive", None);
                choose(self, &stream::read(path, &mut input, options, progress)?, options)?
            }
        };
        read_source(path, source, options, progress)
    }

    /// A recorded index or a root file system, as far as that can be told without reading.
    fn single(&self) -> Option<Form> {
        match self.form {
            Some(Form::Recorded) => Some(Form::Recorded),
            Some(Form::Directory) | None if self.path.is_dir() => {
                matches!(self.find_directory(), Ok(Found::Directory)).then_some(Form::Directory)
            }
            None if self.path.is_file() => {
                let mut head = Vec::new();
                let file = File::open(&self.path).ok()?;
                file.take(super::recorded::MAGIC.len() as u64).read_to_end(&mut head).ok()?;
                (head == super::recorded::MAGIC).then_some(Form::Recorded)
            }
            _ => None,
        }
    }

    /// Opens what is there, and checks that it is of the kind that was named.
    fn find(&self) -> Result<Found, ImageError> {
        if self.path.as_os_str() == "-" {
            return self.find_input();
        }
        let metadata = std::fs::metadata(&self.path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ImageError::missing(&self.path),
            _ => ImageError::open(&self.path, source),
        })?;
        if metadata.is_dir() {
            return self.find_directory();
        }
        if !metadata.is_file() {
            return Err(ImageError::shape(&self.path, "expected a file or a folder, found something else"));
        }
        let file = File::open(&self.path).map_err(|source| ImageError::open(&self.path, source))?;
        self.find_file(file, metadata.len())
    }

    fn find_file(&self, file: File, length: u64) -> Result<Found, ImageError> {
        let open = |source| ImageError::open(&self.path, source);
        let blob = Blob::new(Arc::new(file), 0, length);
        let head = blob.slice(0, 16).read_all(16).map_err(open)?;
        let is_recorded = head.starts_with(super::recorded::MAGIC);
        self.check_kind(is_recorded)?;
        if is_recorded {
            return Ok(Found::Recorded(blob.read_all(MAX_RECORDED).map_err(open)?));
        }
        match detect(&head) {
            Compression::None => Ok(Found::Archive(blob)),
            _ => Ok(Found::Stream(Box::new(blob.open()))),
        }
    }

    /// A file or folder of one kind where another was named.
    fn check_kind(&self, is_recorded: bool) -> Result<(), ImageError> {
        let message = match self.form {
            Some(Form::Recorded) if !is_recorded => {
                "expected an index written by `slimwright index`, found another file"
            }
            Some(Form::Recorded) | None => return Ok(()),
            Some(_) if is_recorded => "this is a recorded index; write index:FILE",
            Some(Form::Directory | Form::OciLayout) => "expected a folder, found a file",
            Some(_) => return Ok(()),
        };
        Err(ImageError::shape(&self.path, message))
    }

    /// Standard input; where it is a file it is one that can be sought in.
    fn find_input(&self) -> Result<Found, ImageError> {
        let open = |source| ImageError::open(&self.path, source);
        let mut input = io::stdin();
        if input.is_terminal() {
            let message = "expected an image archive on standard input, found a terminal; write `docker save NAME | slimwright audit -`";
            return Err(ImageError::shape(&self.path, message));
        }
        let file = File::from(input.as_fd().try_clone_to_owned().map_err(open)?);
        let metadata = file.metadata().map_err(open)?;
        if metadata.is_file() {
            return self.find_file(file, metadata.len());
        }
        let mut head = Vec::new();
        input.by_ref().take(8).read_to_end(&mut head).map_err(open)?;
        let is_recorded = head.starts_with(super::recorded::MAGIC);
        self.check_kind(is_recorded)?;
        let mut whole = io::Cursor::new(head).chain(input);
        if !is_recorded {
            return Ok(Found::Stream(Box::new(whole)));
        }
        let mut bytes = Vec::new();
        whole.by_ref().take(MAX_RECORDED).read_to_end(&mut bytes).map_err(open)?;
        Ok(Found::Recorded(bytes))
    }

    fn find_directory(&self) -> Result<Found, ImageError> {
        let is_layout = is_layout(&self.path);
        let looks_like_root = ["usr", "etc", "bin"].iter().any(|name| self.path.join(name).symlink_metadata().is_ok());
        match self.form {
            Some(Form::OciLayout) if is_layout => Ok(Found::Layout),
            Some(Form::Directory) | None if !looks_like_root && is_transport(&self.path) => Ok(Found::Transport),
            Some(Form::Directory) if !looks_like_root && is_layout => Ok(Found::Layout),
            Some(Form::Directory) | None if !looks_like_root && is_unpacked(&self.path) && !is_layout => {
                Ok(Found::Unpacked)
            }
            Some(Form::Directory) if self.choice.is_some() => Err(ImageError::shape(
                &self.path,
                "expected a folder with several images, found a root file system, of which nothing can be chosen",
            )),
            Some(Form::Directory) => Ok(Found::Directory),
            None if is_layout => Ok(Found::Layout),
            Some(Form::OciLayout) => Err(ImageError::shape(
                &self.path,
                "expected an OCI layout (`oci-layout` and `index.json`), found neither or one",
            )),
            None if looks_like_root => Ok(Found::Directory),
            None => Err(ImageError::shape(
                &self.path,
                "expected an OCI layout (`oci-layout` and `index.json`), a folder of `skopeo copy` (`manifest.json`, `version`) or a \
                 root file system (`usr`, `etc`), found neither; \
                 to read it as a root file system all the same write dir:FOLDER",
            )),
            Some(_) => Err(ImageError::shape(&self.path, "expected a file, found a folder")),
        }
    }
}

/// What a path turned out to be.
enum Found {
    /// A root file system.
    Directory,
    /// A layout's folder.
    Layout,
    /// skopeo's folder with an image.
    Transport,
    /// A docker-archive that somebody unpacked.
    Unpacked,
    /// The bytes of a recorded index.
    Recorded(Vec<u8>),
    /// A tar that can be sought in.
    Archive(Blob),
    /// A tar that can be read once: from standard input, or compressed as a whole.
    Stream(Box<dyn Read>),
}

/// Whether a folder is an OCI image layout.
fn is_layout(path: &Path) -> bool {
    path.join("index.json").is_file() && path.join("oci-layout").is_file()
}

/// Whether a folder is a docker-archive that somebody unpacked: its `manifest.json` names a configuration that is there.
fn is_unpacked(path: &Path) -> bool {
    let folder = Folder(path);
    let rows = folder.document("manifest.json", None).ok().and_then(|bytes| parse_docker_manifest(&bytes).ok());
    rows.is_some_and(|rows| rows.iter().any(|row| folder.has(&row.config)))
}
