//! An entry as the bytes of a tar header: ustar, with PAX records where that has no room.
//!
//! Records stand in one order, there are none of access and change times, and names of users and groups are left out:
//! numbers win over them (image-spec, layer.md), and they would change digests for nothing.

use super::error::ApplyError;
use crate::base::parent;
use crate::layer::{Entry, EntryKind};
use tar_core::EntryType;
use tar_core::builder::EntryBuilder;

/// The largest time of a header's eleven octal digits.
const LARGEST_TIME: i64 = 0o77_777_777_777;

/// The header of an entry, with its extensions, in whole blocks.
///
/// # Errors
///
/// The entry cannot stand in a tar: its attributes have names that are no text, or a device has numbers that are too large.
pub fn header(entry: &Entry, nanos: u32) -> Result<Vec<u8>, ApplyError> {
    let unwritable = |why: &str| ApplyError::Unwritable { path: entry.path.to_string().into(), why: why.to_owned() };
    let mut builder = EntryBuilder::new_ustar();
    builder.path(name(entry)).entry_type(entry_type(entry.kind));
    builder.mode(entry.mode & 0o7777).map_err(|error| unwritable(&error.to_string()))?;
    builder.uid(u64::from(entry.uid)).map_err(|error| unwritable(&error.to_string()))?;
    builder.gid(u64::from(entry.gid)).map_err(|error| unwritable(&error.to_string()))?;
    builder.size(entry.size).map_err(|error| unwritable(&error.to_string()))?;
    let is_plain = nanos == 0 && (0..=LARGEST_TIME).contains(&entry.mtime);
    let time = if is_plain { entry.mtime.unsigned_abs() } else { 0 };
    builder.mtime(time).map_err(|error| unwritable(&error.to_string()))?;
    if !is_plain {
        builder.add_pax("mtime", decimal(entry.mtime, nanos));
    }
    match (entry.kind, entry.link.as_deref()) {
        (EntryKind::Symlink | EntryKind::Hardlink, Some(link)) => _ = builder.link_name(link),
        (EntryKind::CharDevice | EntryKind::BlockDevice, Some(numbers)) => {
            let (major, minor) = device(numbers).ok_or_else(|| unwritable("its device numbers cannot be read"))?;
            builder.device(major, minor).map_err(|error| unwritable(&error.to_string()))?;
        }
        _ => {}
    }
    for (name, value) in &entry.xattrs {
        let name = std::str::from_utf8(name).ok().filter(|name| !name.contains('='));
        let name = name.ok_or_else(|| unwritable("the name of an extended attribute is no text"))?;
        builder.add_pax(&format!("SCHILY.xattr.{name}"), value);
    }
    Ok(builder.finish_bytes())
}

/// The name in the tar: without a root, directories with a slash at the end, whiteouts by their own names.
fn name(entry: &Entry) -> Vec<u8> {
    let path = entry.path.as_bytes();
    match entry.kind {
        EntryKind::Directory if path.is_empty() => b"./".to_vec(),
        EntryKind::Directory => [path, b"/"].concat(),
        EntryKind::Whiteout => {
            let folder = parent(path);
            let name = crate::base::file_name(path);
            if folder.is_empty() { [b".wh.", name].concat() } else { [folder, b"/.wh.", name].concat() }
        }
        EntryKind::Opaque if path.is_empty() => b".wh..wh..opq".to_vec(),
        EntryKind::Opaque => [path, b"/.wh..wh..opq"].concat(),
        _ => path.to_vec(),
    }
}

fn entry_type(kind: EntryKind) -> EntryType {
    match kind {
        EntryKind::File | EntryKind::Whiteout | EntryKind::Opaque => EntryType::Regular,
        EntryKind::Directory => EntryType::Directory,
        EntryKind::Symlink => EntryType::Symlink,
        EntryKind::Hardlink => EntryType::Link,
        EntryKind::CharDevice => EntryType::Char,
        EntryKind::BlockDevice => EntryType::Block,
        EntryKind::Fifo => EntryType::Fifo,
    }
}

/// `major:minor`.
fn device(numbers: &[u8]) -> Option<(u32, u32)> {
    let (major, minor) = std::str::from_utf8(numbers).ok()?.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// A time as PAX has it: `1700000000.5`, `-1.25`.
fn decimal(seconds: i64, nanos: u32) -> String {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let (whole, rest) = (total.unsigned_abs() / 1_000_000_000, total.unsigned_abs() % 1_000_000_000);
    let sign = if total < 0 { "-" } else { "" };
    let fraction = format!("{rest:09}");
    match fraction.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        digits => format!("{sign}{whole}.{digits}"),
    }
}
