//! What the user points at: `docker-archive:FILE`, `oci:DIR`, `oci-archive:FILE`, `dir:FOLDER`, `index:FILE`, `-` for
//! standard input, `docker://NAME` for a registry, `docker-daemon:NAME` for an engine, `containers-storage:NAME` for Podman's store, `context:DIR` for what a folder with
//! a Dockerfile will become, or a bare path whose kind is told from what is there.

use super::layers::Layers;
use super::local::{Form, Local};
use super::reading::read_source;
use super::{Image, ImageError, OpenOptions, Progress, containers_storage, daemon, registry};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// How the kinds are typed, for help and hints.
pub const TARGETS: &str = "docker-daemon:NAME, containers-storage:NAME (Podman's), docker://NAME (a registry), docker-archive:FILE, oci:DIR[:TAG], oci-archive:FILE, \
    dir:FOLDER, index:FILE, a path of any of these, - for an archive on standard input, or context:DIR for what a folder with \
    a Dockerfile will become";

/// The words before the colon.
pub const KINDS: [&str; 9] = [
    "docker-daemon",
    "containers-storage",
    "docker",
    "docker-archive",
    "oci",
    "oci-archive",
    "dir",
    "index",
    "context",
];

/// Where an image is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file, a folder or standard input.
    Local(Local),
    /// A registry's image, as engines name it.
    Registry(String),
    /// An engine's image, by its name or ID.
    Daemon(String),
    /// An image of the store that Podman, Buildah and CRI-O share.
    ContainersStorage(String),
    /// The folder that an image is to be built from. It has no layers yet: `context` makes them.
    Context(PathBuf),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("expected a file or folder, found an empty text".into());
        }
        let Some((word, rest)) = text.split_once(':') else { return bare(text) };
        let named = |rest: &str| match rest {
            "" => Err(format!("`{text}` names nothing behind its kind")),
            name => Ok(name.to_owned()),
        };
        let local = |form| Ok(Self::Local(Local::chosen(Some(form), &named(rest)?)));
        match word {
            "docker-archive" => local(Form::DockerArchive),
            "oci" => local(Form::OciLayout),
            "oci-archive" => local(Form::OciArchive),
            "dir" => local(Form::Directory),
            "index" => local(Form::Recorded),
            "docker" => match rest.strip_prefix("//") {
                Some(name) => named(name).map(Self::Registry),
                None => Err(format!(
                    "expected `docker://NAME` for a registry or `docker-daemon:NAME` for an engine, found `{text}`"
                )),
            },
            "docker-daemon" => named(rest).map(Self::Daemon),
            "containers-storage" => named(rest).map(Self::ContainersStorage),
            "context" => Ok(Self::Context(if rest.is_empty() { "." } else { rest }.into())),
            _ => bare(text),
        }
    }
}

/// A bare path; words that other tools have and this one has not are not taken for file names.
fn bare(text: &str) -> Result<Target, String> {
    let foreign = ["podman:", "registry:", "ostree:"];
    let local = Local::chosen(None, text);
    if !local.path.exists() && foreign.iter().any(|word| text.starts_with(word)) {
        return Err(format!(
            "`{text}` is not a kind of source that is read; save the image first (`docker save NAME -o image.tar`) \
             and point at the file"
        ));
    }
    Ok(Target::Local(local))
}

impl Target {
    /// What is at a path, whatever that is.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::Local(Local { form: None, path: path.into(), choice: None })
    }

    /// The folder of a build context.
    pub fn context(&self) -> Option<&Path> {
        match self {
            Self::Context(folder) => Some(folder),
            _ => None,
        }
    }

    /// The options that this target cannot follow, and why: a root file system and a recorded index are one image of one
    /// platform, and have no digests; only a registry is spoken to. A build context's are for the images that it names.
    pub fn unfollowed(&self, options: &OpenOptions) -> Vec<(&'static str, &'static str)> {
        let insecure = options.insecure.then_some(("--insecure", "it is for registries (docker://)"));
        match self {
            Self::Registry(_) | Self::Context(_) => Vec::new(),
            Self::Daemon(_) | Self::ContainersStorage(_) => insecure.into_iter().collect(),
            Self::Local(local) => insecure.into_iter().chain(local.unfollowed(options)).collect(),
        }
    }

    /// Reads the image.
    pub(super) fn read(&self, options: &OpenOptions, progress: &dyn Progress) -> Result<(Image, Layers), ImageError> {
        let place = PathBuf::from(self.to_string());
        let source = match self {
            Self::Local(local) => return local.read(options, progress),
            Self::Registry(name) => registry::registry(name, &place, options)?,
            Self::Daemon(name) => daemon::daemon(name, &place, options, progress)?,
            Self::ContainersStorage(name) => containers_storage::containers_storage(name, &place)?,
            Self::Context(folder) => {
                let message = "expected an image, found a build context, which is not built yet";
                return Err(ImageError::shape(folder, message));
            }
        };
        read_source(&place, source, options, progress)
    }
}

/// As it is typed, of a file or folder the path alone.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(local) => local.path.display().fmt(f),
            Self::Registry(name) => write!(f, "docker://{name}"),
            Self::Daemon(name) => write!(f, "docker-daemon:{name}"),
            Self::ContainersStorage(name) => write!(f, "containers-storage:{name}"),
            Self::Context(folder) => write!(f, "context:{}", folder.display()),
        }
    }
}
