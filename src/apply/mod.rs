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

mod contents;
mod decide;
mod document;
mod error;
mod fetch;
mod groups;
mod header;
mod install;
mod left;
mod outcome;
mod output;
mod pack;
mod packages;
mod paths;
mod proof;
mod remote;
mod reviewed;
mod store;
mod write;

use crate::base::Digest;
use crate::fs::View;
use crate::image::{Image, Layers, Local, OpenOptions, Progress, Target, open};
use crate::layer::Limits;
use crate::registry;
pub use decide::{Asking, DecideError, Decision, Gone, Wheels};
use document::Documents;
pub use error::ApplyError;
pub use fetch::{Fetched, fetch};
pub use left::Left;
pub use outcome::{Arrangement, Body, Groups, Item, Origin, OutLayer, Outcome, Wish, hidden_bytes};
pub use output::{Form, OUTPUTS, Output};
pub use pack::{Blob, Packing};
pub use remote::{Delivered, Remote};
pub use reviewed::{ReviewError, Reviewed};
use store::Store;

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
    /// How a registry that it goes to is spoken to.
    pub registry: registry::Options,
    /// The repository of that registry that the original is in.
    pub mount_from: Option<String>,
    /// Bounds on what the original may make us do.
    pub limits: Limits,
}

impl Options {
    /// How who takes the outcome is spoken to.
    pub fn remote<'r>(&self, progress: &'r dyn Progress) -> Remote<'r> {
        Remote { force: self.force, options: self.registry.clone(), mount_from: self.mount_from.clone(), progress }
    }
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
    /// How the blobs came to a registry, if that is the output.
    pub delivered: Option<Delivered>,
}

/// An image that was read with the way back to its bytes. Its layers must have been read whole, and not from the cache.
#[derive(Clone, Copy)]
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
        let (stays, made) = (wish.stays.clone(), wish.made.clone());
        let outcome = Outcome::new(view, wish)?;
        proof::before_writing(view, &proof::Expected { stays: &stays, made: &made }, &outcome)?;
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
        let remote = options.remote(progress);
        output.check(&remote)?;
        let Some(config) = self.layers.config() else {
            let found = "none with a configuration";
            return Err(ApplyError::NoImage { place: self.image.name.as_str().into(), found });
        };
        let store = Store::new(&output.parent())?;
        let how = (options.packing, &options.limits);
        let blobs = write::write((self.image, self.layers), &mut outcome, how, &store, progress)?;
        let documents = Documents {
            config,
            annotations: self.layers.annotations(),
            image: self.image,
            base_layers: self.base_layers,
            layers: &outcome.layers,
            account: &outcome.account,
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
            Form::Layout | Form::Registry => crate::image::Form::OciLayout,
            Form::OciArchive => crate::image::Form::OciArchive,
            Form::DockerArchive | Form::Engine => crate::image::Form::DockerArchive,
        };
        let target = Target::Local(Local { form: Some(form), path: staged.path(), choice: None });
        let found = open(&target, &read, &())?;
        progress.finish();
        proof::after_writing(&outcome, &found)?;
        let delivered = output.publish(staged, &remote)?;
        let sizes = blobs.iter().map(|blob| blob.size).sum::<u64>();
        let wire = sizes + written.manifest_size + written.config_size;
        let entries = found.layers.iter().map(|layer| layer.entries.len()).sum();
        let (manifest, config) = (written.manifest, written.config);
        Ok(Applied { manifest, config, blobs, wire, entries, delivered })
    }
}
