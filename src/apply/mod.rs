//! The small image itself, written from the bytes of the original: without an engine, without unpacking anything to disk.
//!
//! ```text
//! original ─► view ─► wish ─► outcome ─► blobs ─► output
//! layers               what stays  │                │
//!                                  └── equal to ◄───┘  read back
//! ```
//!
//! [`Outcome`] is known to the last entry before a byte is written, and is an [`Image`] as any other. What is written is read
//! back by the half of the program that reads strangers' images, and compared with it entry by entry.

mod document;
mod header;
mod outcome;
mod output;
mod pack;
mod proof;
mod store;
mod write;

use crate::base::{Digest, Hint, Text};
use crate::fs::View;
use crate::image::{Image, ImageError, Layers, Local, OpenOptions, Progress, Target, open};
use crate::layer::Limits;
use document::Documents;
pub use outcome::{Body, Item, OutLayer, Outcome, Wish, hidden_bytes};
pub use output::{Form, OUTPUTS, Output};
pub use pack::{Blob, Packing};
use store::Store;

/// Why the image could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The original cannot be read.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// A layer of the original cannot be read.
    #[error("layer {number} of the original: {source}")]
    Read {
        /// Its position, from 1.
        number: usize,
        /// Why.
        source: std::io::Error,
    },
    /// The original has no configuration that the outcome could have.
    #[error("{place}: expected an image with its layers' blobs, found {found}")]
    NoImage {
        /// The original.
        place: Text,
        /// What it is.
        found: &'static str,
    },
    /// Something cannot stand in a layer.
    #[error("{path}: cannot be written: {why}")]
    Unwritable {
        /// The path in the image.
        path: Text,
        /// Why.
        why: String,
    },
    /// Something is there already.
    #[error("{place}: {what}")]
    Exists {
        /// Where.
        place: Text,
        /// What is there.
        what: &'static str,
        /// Whether force replaces it.
        forced: bool,
    },
    /// The output cannot be written.
    #[error("{place}: cannot write: {source}")]
    Write {
        /// Where.
        place: Text,
        /// Why.
        source: std::io::Error,
    },
    /// What was written, or is to be, is not what it should be.
    #[error("{place}: {what}")]
    Differs {
        /// The path or layer.
        place: Text,
        /// In what.
        what: String,
    },
}

impl ApplyError {
    fn read(layer: usize, source: std::io::Error) -> Self {
        Self::Read { number: layer + 1, source }
    }

    /// Whether the user must change something.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Image(error) => error.is_usage(),
            Self::Exists { .. } | Self::Write { .. } | Self::NoImage { .. } => true,
            Self::Read { .. } | Self::Unwritable { .. } | Self::Differs { .. } => false,
        }
    }
}

impl Hint for ApplyError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Image(error) => error.hint(),
            Self::NoImage { .. } => {
                Some("apply reads an archive, a layout, a registry or an engine's own store".into())
            }
            Self::Exists { forced: true, .. } => Some("--force overwrites it".into()),
            Self::Exists { forced: false, .. } => Some("name another place".into()),
            Self::Differs { .. } => Some("nothing was written; please report it with the original, if you can".into()),
            _ => None,
        }
    }
}

/// How the outcome is written.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to.
    pub output: Output,
    /// Whether what is there may be replaced.
    pub force: bool,
    /// How new layers, and plain ones that stay, are compressed.
    pub packing: Packing,
    /// The time of what is new (`SOURCE_DATE_EPOCH`), as RFC 3339 has it.
    pub created: Option<String>,
    /// Bounds on what the original may make us do.
    pub limits: Limits,
}

/// What was written.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Digest of the manifest.
    pub manifest: Digest,
    /// Digest of the configuration.
    pub config: Digest,
    /// The blobs of the layers, lowest first.
    pub blobs: Vec<Blob>,
    /// Bytes of layers, configuration and manifest, as they are stored.
    pub wire: u64,
    /// Entries that were read back.
    pub entries: usize,
}

/// An image that was read with the way back to its bytes. Its layers must have been read whole, and not from the cache.
pub struct Original<'o> {
    /// The image.
    pub image: &'o Image,
    /// Its layers.
    pub layers: &'o Layers,
    /// How many of its lowest layers are its base's.
    pub base_layers: usize,
}

impl Original<'_> {
    /// Whether it can be rewritten: there are blobs, and a configuration.
    ///
    /// # Errors
    ///
    /// There are none.
    pub fn check(&self) -> Result<(), ApplyError> {
        for layer in 0..self.image.layers.len() {
            self.layers.blob(layer)?;
        }
        Ok(())
    }

    /// What it will be.
    ///
    /// # Errors
    ///
    /// What stays cannot be written.
    pub fn outcome(&self, view: &View<'_>, wish: Wish) -> Result<Outcome, ApplyError> {
        let stays = wish.stays.clone();
        let outcome = Outcome::new(view, wish)?;
        proof::before_writing(view, &stays, &outcome)?;
        Ok(outcome)
    }

    /// Writes the outcome, reads it back and compares; then it is at its place.
    ///
    /// # Errors
    ///
    /// The original cannot be read or has changed, the output cannot be written, or what was read back is not the outcome.
    pub fn write(
        &self,
        mut outcome: Outcome,
        options: &Options,
        progress: &dyn Progress,
    ) -> Result<Applied, ApplyError> {
        let output = &options.output;
        output.check(options.force)?;
        let Some(config) = self.layers.config() else {
            let found = "none with a configuration";
            return Err(ApplyError::NoImage { place: self.image.name.as_str().into(), found });
        };
        let store = Store::new(output.parent())?;
        let how = (options.packing, &options.limits);
        let blobs = write::write((self.image, self.layers), &mut outcome, how, &store, progress)?;
        let documents = Documents {
            config,
            annotations: self.layers.annotations(),
            image: self.image,
            base_layers: self.base_layers,
            layers: &outcome.layers,
            blobs: &blobs,
            created: options.created.clone(),
            name: output.name.as_deref(),
        };
        let written = documents.write(&store)?;
        let staged = output.stage(store)?;
        progress.start("reading it back", None);
        let read = OpenOptions {
            verify: true,
            digests: true,
            whole: true,
            limits: Limits { sources: false, ..options.limits },
            ..OpenOptions::default()
        };
        let form = match output.form {
            Form::Layout => crate::image::Form::OciLayout,
            Form::OciArchive => crate::image::Form::OciArchive,
            Form::DockerArchive => crate::image::Form::DockerArchive,
        };
        let target = Target::Local(Local { form: Some(form), path: staged.path().to_owned(), choice: None });
        let found = open(&target, &read, &())?;
        progress.finish();
        proof::after_writing(&outcome, &found)?;
        output.publish(staged, options.force)?;
        let sizes = blobs.iter().map(|blob| blob.size).sum::<u64>();
        let wire = sizes + written.manifest_size + written.config_size;
        let entries = found.layers.iter().map(|layer| layer.entries.len()).sum();
        Ok(Applied { manifest: written.manifest, config: written.config, blobs, wire, entries })
    }
}
