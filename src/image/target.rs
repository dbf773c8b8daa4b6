//! What the user points at: `docker-archive:FILE`, `oci:DIR`, `oci-archive:FILE`, `dir:ROOTFS`, `index:FILE`, or a
//! bare path whose kind is told from what is there.

use super::ImageError;
use crate::layer::{Blob, Compression};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// A kind of source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    /// `docker save`, old or new form.
    DockerArchive,
    /// An OCI image layout directory.
    OciLayout,
    /// An OCI image layout in a tar.
    OciArchive,
    /// A root file system.
    Directory,
    /// A recorded index.
    Recorded,
}

/// A source and, where it may hold several images, which of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The kind, where the user names it.
    pub kind: Option<TargetKind>,
    /// The file or folder.
    pub path: PathBuf,
    /// `TAG` or `NAME:TAG`, behind the path.
    pub reference: Option<String>,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const KINDS: [(&str, TargetKind); 6] = [
            ("docker-archive", TargetKind::DockerArchive),
            ("oci", TargetKind::OciLayout),
            ("oci-archive", TargetKind::OciArchive),
            ("dir", TargetKind::Directory),
            ("index", TargetKind::Recorded),
            ("layout", TargetKind::OciLayout),
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
        if rest.is_empty() {
            return Err(format!("`{text}` names no file or folder"));
        }
        let takes_reference =
            matches!(kind, TargetKind::DockerArchive | TargetKind::OciLayout | TargetKind::OciArchive);
        let (path, reference) = if takes_reference { split_reference(rest) } else { (rest, None) };
        Ok(Self { kind: Some(kind), path: path.into(), reference })
    }
}

/// A bare path; words that other tools have and this one has not (yet) are not taken for file names.
fn bare(text: &str) -> Result<Target, String> {
    let foreign = ["docker:", "docker-daemon:", "podman:", "registry:", "containers-storage:", "ostree:"];
    let (path, reference) = split_reference(text);
    if !Path::new(path).exists() && foreign.iter().any(|word| text.starts_with(word)) {
        return Err(format!(
            "`{text}` is not a kind of source that is read; save the image first (`docker save NAME -o image.tar`) \
             and point at the file"
        ));
    }
    Ok(Target { kind: None, path: path.into(), reference })
}

/// `PATH[:REFERENCE]`: the shortest prefix before a colon that exists wins, so that paths with colons work.
fn split_reference(text: &str) -> (&str, Option<String>) {
    if Path::new(text).exists() {
        return (text, None);
    }
    for (at, _) in text.match_indices(':') {
        if at > 0 && Path::new(&text[..at]).exists() {
            return (&text[..at], Some(text[at + 1..].to_owned()));
        }
    }
    (text, None)
}

/// What a path turned out to be.
pub(super) enum Found {
    /// A root file system.
    Directory(PathBuf),
    /// A layout's folder.
    Layout(PathBuf),
    /// A recorded index.
    Recorded(PathBuf),
    /// A tar of either kind: its members, uncompressed.
    Archive(Vec<super::archive::Member>),
}

impl Target {
    /// Opens what is there, and checks that it is of the kind that was named.
    pub(super) fn find(&self, limits: &crate::layer::Limits) -> Result<Found, ImageError> {
        let metadata = std::fs::metadata(&self.path).map_err(|source| ImageError::open(&self.path, source))?;
        if metadata.is_dir() {
            return self.find_directory();
        }
        if !metadata.is_file() {
            return Err(ImageError::shape(&self.path, "expected a file or a folder, found something else"));
        }
        let file = File::open(&self.path).map_err(|source| ImageError::open(&self.path, source))?;
        let blob = Blob::new(Arc::new(file), 0, metadata.len());
        let head = blob.slice(0, 16).read_all(16).map_err(|source| ImageError::open(&self.path, source))?;
        if head.starts_with(super::recorded::MAGIC) {
            return match self.kind {
                None | Some(TargetKind::Recorded) => Ok(Found::Recorded(self.path.clone())),
                Some(_) => Err(ImageError::shape(&self.path, "this is a recorded index; write index:FILE")),
            };
        }
        match self.kind {
            Some(TargetKind::Recorded) => Err(ImageError::shape(
                &self.path,
                "expected an index written by `slimwright index`, found another file",
            )),
            Some(TargetKind::Directory | TargetKind::OciLayout) => {
                Err(ImageError::shape(&self.path, "expected a folder, found a file"))
            }
            _ => self.find_archive(blob, limits),
        }
    }

    fn find_directory(&self) -> Result<Found, ImageError> {
        let is_layout = self.path.join("index.json").is_file() && self.path.join("oci-layout").is_file();
        let looks_like_root = ["usr", "etc", "bin"].iter().any(|name| self.path.join(name).symlink_metadata().is_ok());
        match self.kind {
            Some(TargetKind::Directory) => Ok(Found::Directory(self.path.clone())),
            Some(TargetKind::OciLayout) | None if is_layout => Ok(Found::Layout(self.path.clone())),
            Some(TargetKind::OciLayout) => Err(ImageError::shape(
                &self.path,
                "expected an OCI layout (`oci-layout` and `index.json`), found neither or one",
            )),
            None if looks_like_root => Ok(Found::Directory(self.path.clone())),
            None => Err(ImageError::shape(
                &self.path,
                "expected an OCI layout (`oci-layout` and `index.json`) or a root file system (`usr`, `etc`), found neither; \
                 to read it as a root file system all the same write dir:FOLDER",
            )),
            Some(_) => Err(ImageError::shape(&self.path, "expected a file, found a folder")),
        }
    }

    /// An archive that is compressed as a whole cannot be sought in: it is decompressed into a temporary file
    /// without a name, which the system removes with the process.
    fn find_archive(&self, blob: Blob, limits: &crate::layer::Limits) -> Result<Found, ImageError> {
        let compression = blob.compression().map_err(|source| ImageError::open(&self.path, source))?;
        let blob = if compression == Compression::None { blob } else { self.decompress(&blob, compression, limits)? };
        let members = super::archive::members(&self.path, &blob)?;
        Ok(Found::Archive(members))
    }

    fn decompress(
        &self,
        blob: &Blob,
        compression: Compression,
        limits: &crate::layer::Limits,
    ) -> Result<Blob, ImageError> {
        use std::io::{BufReader, Read};
        let read = || {
            let mut file = tempfile::tempfile()?;
            let reader = crate::layer::reader(compression, BufReader::with_capacity(1 << 18, blob.open()))?;
            let length = std::io::copy(&mut reader.take(limits.unpacked.saturating_add(1)), &mut file)?;
            Ok((file, length))
        };
        let (file, length) = read().map_err(|source| ImageError::open(&self.path, source))?;
        if length > limits.unpacked {
            let message =
                format!("the archive unpacks to more than {} bytes; allow it with --max-unpacked", limits.unpacked);
            return Err(ImageError::shape(&self.path, message));
        }
        Ok(Blob::new(Arc::new(file), 0, length))
    }
}
