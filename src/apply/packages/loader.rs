//! `/etc/ld.so.cache` without entries for files that go.
//!
//! Entries stand behind a header that counts them; the texts are elsewhere in the file, named by their place from the
//! beginning of the header. So an entry is taken out by moving those behind it forward: the room at the end stays, and all
//! places hold. Source: glibc, `sysdeps/generic/dl-cache.h` (`struct cache_file_new`), `elf/cache.c`.

use std::ops::Range;

const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER: usize = 48;
const ENTRY: usize = 24;

/// The cache without what is gone; `None` where there is nothing to take out, or it is of no form that is known.
pub fn without(cache: &[u8], is_gone: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
    let start = memchr::memmem::find(cache, MAGIC)?;
    let new = &cache[start..];
    // Numbers have the order of the machine's bytes; byte 28 says which, where it says anything.
    let big = new.get(28)? & 3 == 3;
    let number = |at: usize| {
        let bytes: [u8; 4] = new.get(at..at + 4)?.try_into().ok()?;
        Some(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) } as usize)
    };
    let count = number(20)?;
    let entries: Range<usize> = HEADER..HEADER.checked_add(count.checked_mul(ENTRY)?)?;
    let list = new.get(entries.clone())?;
    let is_kept = |at: &usize| {
        let text = number(*at + 8).and_then(|text| new.get(text..));
        let path = text.and_then(|text| text.split(|&byte| byte == 0).next());
        path.is_none_or(|path| !is_gone(path))
    };
    let kept = entries.clone().step_by(ENTRY).filter(is_kept);
    let kept: Vec<&[u8]> = kept.map(|at| &new[at..at + ENTRY]).collect();
    if kept.len() == count {
        return None;
    }
    let mut out = cache.to_vec();
    let left = kept.len();
    let mut room = kept.concat();
    room.resize(list.len(), 0);
    out[start + entries.start..start + entries.end].copy_from_slice(&room);
    let written = u32::try_from(left).ok()?;
    let written = if big { written.to_be_bytes() } else { written.to_le_bytes() };
    out[start + 20..start + 24].copy_from_slice(&written);
    Some(out)
}
