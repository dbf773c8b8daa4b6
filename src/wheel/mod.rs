//! Wheels: what one has, by the list at its end, and what an installer makes of it.
//!
//! What a wheel unpacks to stands in the list at its end ([`find_directory`]), which two range requests fetch: a wheel of 700 MB
//! costs about one. [`WheelInfo::installed`] says which files an installer makes of it.
//!
//! Source: the binary distribution format
//! (<https://packaging.python.org/en/latest/specifications/binary-distribution-format/>).

mod archive;
mod bytecode;
mod install;
mod layout;
mod options;
mod platform;
mod read;
mod record;
mod remote;
mod tags;
mod unpack;
mod zip;

pub use archive::Archive;
pub(crate) use archive::digest_of;
pub use bytecode::predicted_bytecode;
pub use install::{EntryPoint, Installation, Installer, parse_entry_points, scaled};
pub use layout::{Contents, InstalledFile, Layout, WheelFile};
pub use options::Options;
pub use platform::{Libc, Platform};
pub use read::WheelInfo;
pub(crate) use read::{read, read_local};
pub(crate) use remote::read_file;
pub use remote::{Credentials, Listed, Remote, RemoteError};
pub(crate) use tags::best;
pub use unpack::{Content, Recorded, Unpacked, UnpackedFile, Unpacking};
pub use zip::{
    Directory, MAX_DIRECTORY, MAX_ENTRY, TAIL, ZipEntry, ZipError, check_list, find_directory, parse_directory,
    read_entry,
};
