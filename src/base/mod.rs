//! What every other module speaks in: byte counts with their unit, digests, paths inside an image, where a
//! fact was found, and what was wrong with the input. Nothing here prints anything, and only [`Root`] reads: it is the one
//! way to a file that a stranger's repository names.

mod binary;
mod both;
mod bounded;
mod bytes;
mod digest;
mod escape;
mod excerpt;
mod hash;
mod hint;
mod ids;
mod image_name;
mod nearest;
mod path;
mod problem;
mod root;
mod secrets;
mod words;

pub use binary::Binary;
pub use both::{both, in_halves};
pub use bounded::{Memory, deserialize_within};
pub use bytes::{Basis, ByteSize, Size, Unit, parse_byte_size};
pub use digest::{Digest, DigestError, Sha256Writer};
pub use escape::{Escaping, Text, is_hidden};
pub use excerpt::Excerpt;
pub use hash::{FastMap, FastSet, Seeded};
pub use hint::Hint;
pub use ids::{CondaId, DistId, Id, Numbered, PackageId};
pub use image_name::split_tag;
pub use nearest::{did_you_mean, nearest_name, nearest_path};
pub use path::{
    ImagePath, ancestors, clean_path, file_name, is_bytecode, is_in_cache, is_within, join, parent, source_of_bytecode,
};
pub use problem::{Location, Problem};
pub use root::{Found, Root, read_named};
pub use secrets::{
    MASK, is_masked, is_secret_name, masked, masked_arguments, masked_bytes, masked_value, masked_variable,
    without_credentials,
};
pub use words::{count, is_plain, listed, names, shell_word};

/// The position of a layer in its image, 0 for the lowest. A layer is known by its position and not by its
/// digest, because one digest may occur twice in one image.
pub type LayerIdx = u32;

/// The position of an entry in its layer's tar.
pub type EntryIdx = u32;
