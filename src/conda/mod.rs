//! Packages of conda's that are not installed yet: what one asks of another ([`Spec`]), explicit lists ([`parse_explicit`]), lock files ([`parse_lock`]),
//! what channels say ([`Channels`]), what an archive unpacks to ([`Contents`]), and other builds of what an environment
//! has ([`solve`]).
//!
//! What is installed `os` reads.

mod archive;
mod ask;
mod channel;
mod condarc;
mod explicit;
mod install;
mod lock;
mod records;
mod solve;
mod spec;

pub use archive::{Contents, PackedFile};
pub use ask::{Answer, BuildQuestion, NewPackage, Refusal, ask};
pub use channel::{ChannelSettings, Channels};
pub use explicit::{ArchiveName, Locked, archive_name, is_explicit, parse_explicit};
pub use install::Placed;
pub use lock::{LockFile, parse_lock, subdir};
pub use records::{Record, read_records};
pub use solve::{Problem, Staying, solve, unknown_names};
pub use spec::{Spec, is_like};
