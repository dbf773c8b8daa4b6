//! What a shared object or a program asks the dynamic loader for: its name, the names of the libraries that it needs, and
//! where it says to look for them.
//!
//! A layer may pass only once, so of a large file only the start and the end are looked at, wherever it is read from:
//! the same file gives the same answer. Linkers put the names near the start, and tools that repair wheels near the
//! end. A file whose names stand elsewhere has no answer, which is not the same as needing nothing.
//!
//! Source: System V ABI, "Dynamic Section" (`PT_DYNAMIC`, `DT_NEEDED`, `DT_SONAME`, `DT_RUNPATH`, `DT_RPATH`); ld.so(8).

use super::{Entry, EntryKind, ReadAt};
use crate::base::file_name;
use object::elf::{self, FileHeader32, FileHeader64};
use object::read::ReadCache;
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, ReadRef};
use std::io::{self, Read, Seek, SeekFrom};

/// Bytes at each end of a file that are looked at.
const WINDOW: u64 = 8 << 20;
/// Most program headers and bytes of the dynamic section: far more than any linker writes.
const MAX_HEADERS: u16 = 1024;
const MAX_DYNAMIC: u64 = 1 << 20;
/// Most libraries that one file may need, and the longest name.
const MAX_NAMES: usize = 1024;
const LONGEST_NAME: u64 = 4096;
const MAGIC: &[u8] = b"\x7fELF";

/// What the dynamic loader is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Linkage {
    /// `DT_SONAME`: the name by which others need it.
    pub soname: Option<Vec<u8>>,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<Vec<u8>>,
    /// The folders of `DT_RUNPATH` or `DT_RPATH`, as written (`$ORIGIN/../lib`).
    pub search: Vec<Vec<u8>>,
}

impl Linkage {
    /// As kept with the index: `elf`, then a line for each value.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = b"elf\n".to_vec();
        let soname = self.soname.iter().map(|name| ("soname", name));
        let needed = self.needed.iter().map(|name| ("needed", name));
        let search = self.search.iter().map(|name| ("search", name));
        for (key, value) in soname.chain(needed).chain(search) {
            out.extend_from_slice(key.as_bytes());
            out.push(b' ');
            out.extend_from_slice(value);
            out.push(b'\n');
        }
        out
    }

    /// Reads what [`Linkage::encode`] wrote; `None` for anything else.
    pub fn decode(text: &[u8]) -> Option<Self> {
        let mut out = Self::default();
        for line in text.strip_prefix(b"elf\n")?.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let space = line.iter().position(|&byte| byte == b' ')?;
            let value = line[space + 1..].to_vec();
            match &line[..space] {
                b"soname" => out.soname = Some(value),
                b"needed" => out.needed.push(value),
                b"search" => out.search.push(value),
                _ => return None,
            }
        }
        Some(out)
    }
}

/// Whether a path is named as shared objects are: `libx.so`, `libx.so.1.2`.
pub fn is_library_name(path: &[u8]) -> bool {
    let name = file_name(path);
    name.ends_with(b".so") || name.windows(4).any(|part| part == b".so.")
}

/// Whether a file may be a shared object or a program, as far as its name and mode tell.
pub fn may_be_linked(entry: &Entry) -> bool {
    let shared = is_library_name(entry.path.as_bytes());
    entry.kind == EntryKind::File && entry.size > 64 && (shared || entry.mode & 0o111 != 0)
}

/// Reads a file's linkage; `None` where it is no ELF file, or one whose names cannot be read.
pub fn linkage(file: &dyn ReadAt, size: u64) -> Option<Linkage> {
    let mut magic = [0; 5];
    read_exact_at(file, &mut magic).ok().filter(|()| magic.starts_with(MAGIC))?;
    let ends = Ends { file, size, at: 0 };
    let cache = ReadCache::new(ends);
    match magic[4] {
        1 => of::<FileHeader32<Endianness>>(&cache),
        2 => of::<FileHeader64<Endianness>>(&cache),
        _ => None,
    }
}

fn read_exact_at(file: &dyn ReadAt, buffer: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], filled as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
    }
    Ok(())
}

fn of<H: FileHeader<Endian = Endianness>>(data: &ReadCache<Ends<'_>>) -> Option<Linkage> {
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    if header.e_phnum(endian) > MAX_HEADERS {
        return None;
    }
    let segments = header.program_headers(endian, data).ok()?;
    let dynamic = segments.iter().find(|segment| segment.p_type(endian) == elf::PT_DYNAMIC);
    // A static program.
    let Some(dynamic) = dynamic else { return Some(Linkage::default()) };
    if dynamic.p_filesz(endian).into() > MAX_DYNAMIC {
        return None;
    }
    let entries = dynamic.dynamic(endian, data).ok()??;
    let value = |tag| entries.iter().find(|entry| entry.tag(endian) == tag).map(|entry| entry.val(endian));
    let in_segment = |address: u64| {
        segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD).find_map(|segment| {
            let start: u64 = segment.p_vaddr(endian).into();
            let within = address.checked_sub(start).filter(|within| *within < segment.p_filesz(endian).into())?;
            segment.p_offset(endian).into().checked_add(within)
        })
    };
    let names = value(elf::DT_STRTAB).and_then(in_segment);
    let name = |offset: u64| {
        let start = names?.checked_add(offset)?;
        let end = start.checked_add(LONGEST_NAME)?.min(data.len().ok()?);
        let text = data.read_bytes_at_until(start..end, 0).ok()?;
        Some(text.to_vec()).filter(|text| !text.is_empty() && text.iter().all(|byte| *byte >= b' '))
    };
    let mut out = Linkage::default();
    for entry in entries.iter().take_while(|entry| entry.tag(endian) != elf::DT_NULL) {
        match entry.tag(endian) {
            elf::DT_NEEDED => out.needed.push(name(entry.val(endian))?),
            elf::DT_SONAME => out.soname = name(entry.val(endian)),
            elf::DT_RPATH | elf::DT_RUNPATH => {
                let folders = name(entry.val(endian)).unwrap_or_default();
                out.search
                    .extend(folders.split(|&byte| byte == b':').filter(|one| !one.is_empty()).map(<[u8]>::to_vec));
            }
            _ => {}
        }
        if out.needed.len() + out.search.len() > MAX_NAMES {
            return None;
        }
    }
    Some(out)
}

/// The two ends of a file, to be read from anywhere in them.
struct Ends<'f> {
    file: &'f dyn ReadAt,
    size: u64,
    at: u64,
}

impl Read for Ends<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let tail = self.size.saturating_sub(WINDOW);
        let end = if tail <= WINDOW || self.at >= tail { self.size } else { WINDOW };
        if self.at >= end && self.at < self.size {
            return Err(io::Error::other("between the ends of the file"));
        }
        let most = (buffer.len() as u64).min(end.saturating_sub(self.at)) as usize;
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Ends<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// Keeps the ends of a body while it passes, if it is an ELF file.
pub(super) struct Passing {
    size: u64,
    at: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
    ended: bool,
}

impl Passing {
    pub(super) fn new(size: u64) -> Self {
        Self { size, at: 0, head: Vec::new(), tail: Vec::new(), ended: false }
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        if self.ended {
            return;
        }
        let room = WINDOW.saturating_sub(self.at).min(chunk.len() as u64) as usize;
        self.head.extend_from_slice(&chunk[..room]);
        if self.head.len() >= MAGIC.len() && !self.head.starts_with(MAGIC) {
            (self.ended, self.head) = (true, Vec::new());
            return;
        }
        let tail = self.tail_at();
        let skipped = tail.saturating_sub(self.at).min(chunk.len() as u64) as usize;
        self.tail.extend_from_slice(&chunk[skipped.max(room)..]);
        self.at += chunk.len() as u64;
    }

    /// Where the tail begins: behind the head.
    fn tail_at(&self) -> u64 {
        self.size.saturating_sub(WINDOW).max(WINDOW)
    }

    pub(super) fn finish(self) -> Option<Linkage> {
        if self.ended { None } else { linkage(&self, self.size) }
    }
}

impl ReadAt for Passing {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let (part, start) = if offset < WINDOW { (&self.head, 0) } else { (&self.tail, self.tail_at()) };
        let within = offset.checked_sub(start).and_then(|within| part.get(usize::try_from(within).ok()?..));
        let within = within.ok_or_else(|| io::Error::other("between the ends of the file"))?;
        let count = within.len().min(buffer.len());
        buffer[..count].copy_from_slice(&within[..count]);
        Ok(count)
    }
}
