//! An image as one immutable value, wherever it came from.
//!
//! An [`Image`] is a configuration and an ordered list of layer indexes. It may be *real* (read from an
//! archive, a layout, a directory), *recorded* (read back from a file that an earlier run wrote) or
//! *predicted* (made by a plan). All are the same type, so that everything above is written once.

mod account;
mod archive;
mod cache;
pub mod catalogue;
mod choice;
mod config;
mod containers_storage;
mod daemon;
mod directory;
mod error;
mod gap;
mod layers;
mod layout;
mod local;
mod manifest;
mod manifest_only;
mod open;
mod options;
mod reading;
mod recorded;
mod registry;
mod source;
mod strange;
mod stream;
mod target;
mod transport;
mod whole;

pub use account::{Account, FromWheel};
pub use cache::{CACHE_BYTES, Cache, CacheInfo};
pub use choice::host_platform;
pub use config::{Config, DEFAULT_PATH, HealthCheck, HistoryRow, parse_config};
pub use containers_storage::has_in_containers_storage;
pub use error::ImageError;
pub use gap::{Gap, GapReason, GapText, Packages, Writes};
pub use layers::Layers;
pub use local::{Form, Local};
pub use manifest::{
    Descriptor, DockerManifestRow, Index, Manifest, Platform, parse_docker_manifest, parse_index, parse_manifest,
};
pub use manifest_only::open_manifest;
pub use open::{open, open_with_layers};
pub use options::{OpenOptions, Progress};
pub use recorded::{read_recorded, write_recorded, write_with_environment};
pub use target::{KINDS, TARGETS, Target};
pub use whole::Image;

use crate::base::split_tag;

/// An image's name without tag and digest, which is the same from build to build.
pub fn repository(name: &str) -> &str {
    split_tag(name).0
}
