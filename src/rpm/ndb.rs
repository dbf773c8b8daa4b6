//! rpm's own database: a table of slots, each of which says where a package's header stands, in units of 16 bytes.

use super::package::{MAX_HEADER, MAX_PACKAGES, RpmError, little};

const MAGIC: &[u8] = b"RpmP";
const PAGE: usize = 4096;
const UNIT: usize = 16;

pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Every header.
pub(super) fn blobs(bytes: &[u8], each: &mut dyn FnMut(&[u8])) -> Result<(), RpmError> {
    let damaged = || RpmError::new("a damaged file of ndb");
    let pages = little(bytes, 12).ok_or_else(damaged)? as usize;
    let end = pages.checked_mul(PAGE).filter(|end| *end <= bytes.len() && pages > 0).ok_or_else(damaged)?;
    let mut left = bytes.len();
    let slots = bytes[2 * UNIT..end].chunks_exact(UNIT).filter(|slot| slot.starts_with(b"Slot"));
    // A package's number is never 0: that is a slot which is free.
    let used = slots.filter(|slot| little(slot, 4).is_some_and(|number| number > 0));
    for slot in used.take(MAX_PACKAGES) {
        let header = (|| {
            let start = (little(slot, 8)? as usize).checked_mul(UNIT)?;
            let blob = bytes.get(start..)?.strip_prefix(b"BlbS")?;
            let same = little(blob, 0)? == little(slot, 4)?;
            let length = little(blob, 8)? as usize;
            let fits = same && length <= MAX_HEADER.min(left);
            blob.get(12..12usize.checked_add(length)?).filter(|_| fits)
        })();
        // All together they are no more than the file.
        left = left.saturating_sub(header.map_or(0, <[u8]>::len));
        each(header.unwrap_or_default());
    }
    Ok(())
}
