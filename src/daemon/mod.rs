//! Images that a container engine has, over its API socket or straight from its store.
//!
//! Nothing is written and nothing in the engine is changed: questions are asked of it (`/_ping`, `/info`,
//! `/images/NAME/json`, of a name that it does not have `/images/json`, and of containers `/containers/json` and
//! `/containers/ID/json`), and then there are three ways to an image.
//!
//! - [`Engine::export`] streams the archive that `docker save` would write. Every engine can do it, and it is
//!   slow: the classic store first puts the whole archive into a folder of its own, and then every byte of the
//!   image passes through a socket.
//! - [`Store`] reads the classic `overlay2` store in place, which takes the rights of root. The engine keeps each
//!   layer unpacked, and beside it what the unpacking lost: the tar's headers and padding. Put together they are
//!   the layer's tar again, byte for byte, but the contents of files are read only where somebody asks for them.
//! - [`content_store`] is where containerd's store, the default of new installations since Docker 29, has the blobs as a
//!   registry sent them. Root may read them in place.
//!
//! [`ContainersStorage`] is the store that Podman and others read and write without an engine; it has what the classic store has,
//! under other names.
//!
//! Source: the Docker Engine API reference; OCI image-spec, config.md (chain IDs); github.com/vbatts/tar-split.

mod answers;
mod client;
mod containers;
mod containers_storage;
mod content;
mod endpoint;
mod error;
mod folder;
mod similar;
mod store;
mod tar_split;

pub use answers::{Info, Inspected, parse_info, parse_inspect, parse_names};
pub use client::{Engine, Export};
pub use containers::{Container, ImageProgram, Listed, parse_container, parse_containers, parse_image_program};
pub use containers_storage::{ContainersStorage, ListedImage};
pub use content::content_store;
pub use endpoint::{Endpoint, Surroundings};
pub use error::DaemonError;
pub use folder::Folder;
pub use similar::Similar;
pub use store::{Store, StoredImage, StoredLayer, chain_ids};
pub use tar_split::{TarSplit, VirtualTar};
