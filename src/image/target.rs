//! What the user points at: `docker-archive:FILE`, `oci:DIR`, `oci-archive:FILE`, `dir:FOLDER`, `index:FILE`, `-` for
//! standard input, `docker://NAME` for a registry, `docker-daemon:NAME` for an engine, or a bare path whose kind is
//! told from what is there.

use super::manifest::parse_docker_manifest;
use super::open::Folder;
use super::source::Files as _;
use super::transport::is_transport;
use super::{ImageError, OpenOptions};
use crate::layer::{Blob, Compression, detect};
use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// Largest recorded index that is read.
const MAX_RECORDED: u64 = 1 << 30;

/// A kind of source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
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
    /// A registry's image, as engines name it.
    Registry,
    /// An engine's image, by its name or ID.
    Daemon,
}

/// A source and, where it may hold several images, which of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The kind, where the user names it.
    pub kind: Option<TargetKind>,
    /// The file or folder; `-` for standard input; the whole text for what is neither.
    pub path: PathBuf,
    /// `TAG` or `NAME:TAG`, behind the path.
    pub reference: Option<String>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const KINDS: [(&str, TargetKind); 8] = [
            ("docker-archive", TargetKind::DockerArchive),
            ("oci", TargetKind::OciLayout),
            ("oci-archive", TargetKind::OciArchive),
            ("dir", TargetKind::Directory),
            ("index", TargetKind::Recorded),
            ("layout", TargetKind::OciLayout),
            ("docker", TargetKind::Registry),
            ("docker-daemon", TargetKind::Daemon),
        ];
        if text.is_empty() {
            return Err("expected a file or folder, found an empty text".into());
        }
        let prefixed = text
            .split_once(':')
            .and_then(|(word, rest)| KINDS.iter().find(|(name, _)| *name == word).map(|(_, kind)| (*kind, rest)));
        let Some((kind, rest)) = prefixed else {
            return bare(text);
        };
        let rest = match kind {
            TargetKind::Registry => rest.strip_prefix("//").ok_or_else(|| {
                format!("expected `docker://NAME` for a registry or `docker-daemon:NAME` for an engine, found `{text}`")
            })?,
            _ => rest,
        };
        if rest.is_empty() {
            return Err(format!("`{text}` names nothing behind its kind"));
        }
        if matches!(kind, TargetKind::Registry | TargetKind::Daemon) {
            return Ok(Self { kind: Some(kind), path: text.into(), reference: Some(rest.to_owned()) });
        }
        let (path, reference) = if kind == TargetKind::Recorded { (rest, None) } else { split_reference(rest) };
        Ok(Self { kind: Some(kind), path: path.into(), reference })
    }
}

/// A bare path; words that other tools have and this one has not are not taken for file names.
fn bare(text: &str) -> Result<Target, String> {
    let foreign = ["podman:", "registry:", "containers-storage:", "ostree:"];
    let (path, reference) = split_reference(text);
    if !Path::new(path).exists() && foreign.iter().any(|word| text.starts_with(word)) {
        return Err(format!(
            "`{text}` is not a kind of source that is read; save the image first (`docker save NAME -o image.tar`) \
             and point at the file"
        ));
    }
    Ok(Target { kind: None, path: path.into(), reference })
}

/// `PATH[:REFERENCE]` or `PATH@DIGEST`: the shortest prefix that exists wins, so that paths with colons work. Standard
/// input is always there.
fn split_reference(text: &str) -> (&str, Option<String>) {
    let exists = |path: &str| path == "-" || (!path.is_empty() && Path::new(path).exists());
    if exists(text) {
        return (text, None);
    }
    for (at, sign) in text.match_indices([':', '@']).filter(|(at, _)| exists(&text[..*at])) {
        match sign {
            ":" => return (&text[..at], Some(text[at + 1..].to_owned())),
            _ if text[at..].starts_with("@sha256:") => return (&text[..at], Some(text[at..].to_owned())),
            _ => {}
        }
    }
    (text, None)
}

/// Whether a folder is a docker-archive that somebody unpacked: its `manifest.json` names a configuration that is there.
fn is_unpacked(path: &Path) -> bool {
    let folder = Folder(path);
    let rows = folder.document("manifest.json", None).ok().and_then(|bytes| parse_docker_manifest(&bytes).ok());
    rows.is_some_and(|rows| rows.iter().any(|row| folder.has(&row.config)))
}

/// What a path turned out to be.
pub(super) enum Found {
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

impl Target {
    /// The options that this target cannot follow, and why: a root file system and a recorded index are one image of one
    /// platform, and have no digests; only a registry is spoken to.
    pub fn unfollowed(&self, options: &OpenOptions) -> Vec<(&'static str, &'static str)> {
        let mut out = Vec::new();
        if options.insecure && self.kind != Some(TargetKind::Registry) {
            out.push(("--insecure", "it is for registries (docker://)"));
        }
        let (platform, verify) = match self.single() {
            Some(TargetKind::Recorded) => (
                "a recorded index holds one image of one platform",
                "a recorded index holds no layers whose digests could be recomputed",
            ),
            Some(_) => ("a root file system has no platform to choose", "a root file system has no digests"),
            None => return out,
        };
        out.extend(options.platform.is_some().then_some(("--platform", platform)));
        out.extend(options.verify.then_some(("--verify", verify)));
        out
    }

    /// A recorded index or a root file system, as far as that can be told without reading.
    fn single(&self) -> Option<TargetKind> {
        match self.kind {
            Some(TargetKind::Recorded) => Some(TargetKind::Recorded),
            Some(TargetKind::Directory) | None if self.path.is_dir() => {
                matches!(self.find_directory(), Ok(Found::Directory)).then_some(TargetKind::Directory)
            }
            None if self.path.is_file() => {
                let mut head = Vec::new();
                let file = File::open(&self.path).ok()?;
                file.take(super::recorded::MAGIC.len() as u64).read_to_end(&mut head).ok()?;
                (head == super::recorded::MAGIC).then_some(TargetKind::Recorded)
            }
            _ => None,
        }
    }

    /// Opens what is there, and checks that it is of the kind that was named.
    pub(super) fn find(&self) -> Result<Found, ImageError> {
        if self.path.as_os_str() == "-" {
            return self.find_input();
        }
        let metadata = std::fs::metadata(&self.path).map_err(|source| ImageError::open(&self.path, source))?;
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
        let message = match self.kind {
            Some(TargetKind::Recorded) if !is_recorded => {
                "expected an index written by `slimwright index`, found another file"
            }
            Some(TargetKind::Recorded) | None => return Ok(()),
            Some(_) if is_recorded => "this is a recorded index; write index:FILE",
            Some(TargetKind::Directory | TargetKind::OciLayout) => "expected a folder, found a file",
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
        let is_layout = self.path.join("index.json").is_file() && self.path.join("oci-layout").is_file();
        let looks_like_root = ["usr", "etc", "bin"].iter().any(|name| self.path.join(name).symlink_metadata().is_ok());
        match self.kind {
            Some(TargetKind::OciLayout) if is_layout => Ok(Found::Layout),
            Some(TargetKind::Directory) | None if !looks_like_root && is_transport(&self.path) => Ok(Found::Transport),
            Some(TargetKind::Directory) if !looks_like_root && is_layout => Ok(Found::Layout),
            Some(TargetKind::Directory) | None if !looks_like_root && is_unpacked(&self.path) && !is_layout => {
                Ok(Found::Unpacked)
            }
            Some(TargetKind::Directory) if self.reference.is_some() => Err(ImageError::shape(
                &self.path,
                "expected a folder with several images, found a root file system, of which nothing can be chosen",
            )),
            Some(TargetKind::Directory) => Ok(Found::Directory),
            None if is_layout => Ok(Found::Layout),
            Some(TargetKind::OciLayout) => Err(ImageError::shape(
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
