//! From a tar to a list of entries.
//!
//! Headers are parsed by `tar-core`, which bounds the memory that extension headers can claim. What is decided
//! here is what container engines decide: bodies of links, devices and directories are empty whatever their
//! size field says (as Go's archive/tar has it), a file of the oldest form whose name ends in a slash is a
//! directory, whiteouts are known by their base name whatever their type, names are cleaned and never leave the
//! root.
//!
//! A layer's bytes are hostile: what is counted are headers and not entries, because what is passed over costs
//! time too, and the bytes of names and attributes, because they are all kept.

use super::content::ContentDigest;
use super::elf::{Passing, may_be_linked};
use super::feed::{Feed, TarInput};
use super::head::{Head, padding};
use super::interpret::{self, END_OF_TAR, Held};
use super::{Entry, EntryKind, keep};
use crate::base::{EntryIdx, Problem};
use std::collections::BTreeMap;
use std::io;
use tar_core::parse::{ParseError, ParseEvent, ParsedEntry, Parser};

/// Bounds on what an image may make us do.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes that one layer may unpack to.
    pub unpacked: u64,
    /// Entries of one layer, and of all layers of an image.
    pub entries: usize,
    /// Bytes of one kept file.
    pub kept_file: u64,
    /// Bytes of all kept files of one layer, distilled.
    pub kept_layer: usize,
    /// Whether to read the sources of installed distributions, which takes a look at tens of thousands of files.
    /// Where a layer is read whole they are read in any case.
    pub sources: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unpacked: 128_000_000_000,
            entries: 1_000_000,
            kept_file: 16 << 20,
            kept_layer: 64 << 20,
            sources: false,
        }
    }
}

impl Limits {
    /// The most bytes that a file at this cleaned path may have to be kept.
    pub fn most_of(&self, path: &[u8]) -> u64 {
        match keep::is_database(path) && self.kept_file > 0 {
            true => keep::most_of(path),
            false => self.kept_file.min(keep::most_of(path)),
        }
    }

    /// Whether the content of a file at this cleaned path is to be kept.
    pub fn keeps(&self, path: &[u8]) -> bool {
        keep::is_kept(path) || (self.sources && keep::is_library_source(path))
    }
}

/// Why a tar could not be indexed.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The bytes could not be read or decompressed.
    #[error("at byte {at} of the uncompressed tar: {source}")]
    Read {
        /// Position in the uncompressed tar.
        at: u64,
        /// Why.
        source: io::Error,
    },
    /// No tar header where one must be.
    #[error("at byte {at} of the uncompressed tar: expected a tar header, found {message}")]
    Header {
        /// Position.
        at: u64,
        /// What was found.
        message: String,
    },
    /// The tar ends inside an entry.
    #[error("the tar ends at byte {at}, inside {path} (expected {missing} bytes more)")]
    Truncated {
        /// Position.
        at: u64,
        /// The entry.
        path: String,
        /// Bytes that are not there.
        missing: u64,
    },
    /// The limit of unpacked bytes, which the user sets, was passed.
    #[error("{what} (limit: {limit})")]
    Limit {
        /// What was found.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// A bound was passed that no honest layer comes near.
    #[error("{what} (at most {limit} are read)")]
    Bound {
        /// What was found.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
}

/// What a tar holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// The kept files.
    pub kept: BTreeMap<EntryIdx, Vec<u8>>,
    /// What was odd.
    pub oddities: Vec<Problem>,
    /// Nanoseconds of the entries whose time is no whole second, by their positions.
    pub fractions: BTreeMap<EntryIdx, u32>,
    /// Where each entry's body begins in the tar; [`Contents::SCATTERED`] for a sparse file.
    pub bodies: Vec<u64>,
}

impl Contents {
    /// The body's place of a sparse file, whose content does not stand in the tar as it is.
    pub const SCATTERED: u64 = u64::MAX;
}

/// Indexes a tar. With `digest_contents` every regular file's content is digested (and no body is skipped).
pub fn index_tar(input: &mut dyn TarInput, digest_contents: bool, limits: &Limits) -> Result<Contents, IndexError> {
    Indexer::new(input, digest_contents, limits, None).run()
}

/// Is given each regular file of a tar and its body, of which it may leave any part unread.
pub type Visitor<'v> = dyn FnMut(&Entry, &mut dyn io::Read) + 'v;

/// Indexes a tar as [`index_tar`] does, and shows the body of each regular file to `visit` as it passes: of a sparse file
/// its content, with the zeros that the tar has not. A body that the tar ends in ends early.
pub fn visit_tar(input: &mut dyn TarInput, limits: &Limits, visit: &mut Visitor<'_>) -> Result<Contents, IndexError> {
    Indexer::new(input, false, limits, Some(visit)).run()
}

/// Bytes of one header with its extensions. `tar-core` bounds most of them to 1 MiB, and not the blocks of a
/// sparse file's map.
const LONGEST_HEADER: usize = 4 << 20;

struct Indexer<'a, 'v> {
    feed: Feed<'a>,
    visit: Option<&'a mut Visitor<'v>>,
    out: Contents,
    held: Held,
    headers: usize,
    unpacked: u64,
    digest_contents: bool,
    limits: &'a Limits,
}

enum Step {
    Need(usize),
    Consumed(usize),
    Entry(usize, Head),
    End(usize),
}

/// The body of an entry while it passes.
struct Body<'f, 'a> {
    feed: &'f mut Feed<'a>,
    /// Bytes of it that are still in the tar.
    left: u64,
}

impl io::Read for Body<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.left.min(buffer.len() as u64) as usize;
        let count = if most == 0 { 0 } else { self.feed.read_body(&mut buffer[..most])? };
        self.left -= count as u64;
        Ok(count)
    }
}

/// The content of a sparse file: the parts that its body has, and zeros.
struct Expanded<'b, 'f, 'a> {
    body: &'b mut Body<'f, 'a>,
    /// The parts that are still to come, as offset and length.
    map: &'b [(u64, u64)],
    at: u64,
    size: u64,
}

impl io::Read for Expanded<'_, '_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some((&(start, length), rest)) = self.map.split_first() {
            let end = start.saturating_add(length);
            if end > self.size || rest.first().is_some_and(|(next, _)| *next < end) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the parts of a sparse file overlap or leave it",
                ));
            }
            if end > self.at {
                break;
            }
            self.map = rest;
        }
        let next = self.map.first().map_or(self.size, |(start, _)| *start);
        let in_part = next <= self.at && !self.map.is_empty();
        let until = if in_part { self.map[0].0 + self.map[0].1 } else { next };
        let most = until.saturating_sub(self.at).min(buffer.len() as u64) as usize;
        let count = match in_part {
            true => io::Read::read(self.body, &mut buffer[..most])?,
            false => {
                buffer[..most].fill(0);
                most
            }
        };
        self.at += count as u64;
        Ok(count)
    }
}

impl<'a, 'v> Indexer<'a, 'v> {
    fn new(
        input: &'a mut dyn TarInput,
        digest_contents: bool,
        limits: &'a Limits,
        visit: Option<&'a mut Visitor<'v>>,
    ) -> Self {
        Self {
            feed: Feed::new(input),
            visit,
            out: Contents::default(),
            held: Held::default(),
            headers: 0,
            unpacked: 0,
            digest_contents,
            limits,
        }
    }

    fn run(mut self) -> Result<Contents, IndexError> {
        self.read()?;
        Ok(self.out)
    }

    fn read(&mut self) -> Result<(), IndexError> {
        let mut parser = Parser::new(tar_core::parse::Limits::default());
        parser.set_allow_empty_path(true);
        // What matters of them is checked by `pax_values`; a negative time is no error.
        parser.set_ignore_pax_errors(true);
        loop {
            match self.step(&mut parser)? {
                Step::Need(bytes) => {
                    if !self.feed.fill(self.needed(bytes)?)? {
                        return self.end_without_marker();
                    }
                }
                Step::Consumed(bytes) => {
                    self.count_header()?;
                    self.feed.consume(bytes);
                }
                Step::End(bytes) => {
                    self.feed.consume(bytes);
                    return self.drain();
                }
                Step::Entry(bytes, head) => {
                    self.count_header()?;
                    self.feed.consume(bytes);
                    self.entry(head)?;
                }
            }
        }
    }

    /// Bytes to have before the next step: always more than there are, because the parser may ask for what it
    /// has (a sparse file's map without an end), and never more than a header may have.
    fn needed(&self, bytes: usize) -> Result<usize, IndexError> {
        let bytes = bytes.max(self.feed.window().len() + 1);
        if bytes > LONGEST_HEADER {
            let message = "one that does not end".into();
            return Err(IndexError::Header { at: self.feed.at, message });
        }
        Ok(bytes)
    }

    fn count_header(&mut self) -> Result<(), IndexError> {
        self.headers += 1;
        if self.headers > self.limits.entries {
            let what = "the layer has more entries than any should have";
            return Err(IndexError::Bound { what, limit: self.limits.entries as u64 });
        }
        Ok(())
    }

    fn step(&mut self, parser: &mut Parser) -> Result<Step, IndexError> {
        let input = self.feed.window();
        match parser.parse(input) {
            Ok(ParseEvent::NeedData { min_bytes }) => Ok(Step::Need(min_bytes)),
            Ok(ParseEvent::GlobalExtensions { consumed, .. }) => Ok(Step::Consumed(consumed)),
            Ok(ParseEvent::End { consumed }) => Ok(Step::End(consumed)),
            Ok(ParseEvent::Entry { consumed, entry }) => self.head(consumed, &entry, None),
            Ok(ParseEvent::SparseEntry { consumed, entry, sparse_map, real_size }) => {
                let map = sparse_map.iter().map(|part| (part.offset, part.length)).collect();
                self.head(consumed, &entry, Some((real_size, map)))
            }
            Err(error) => Err(self.header_error(&error)),
        }
    }

    fn head(
        &self,
        consumed: usize,
        entry: &ParsedEntry<'_>,
        sparse: Option<(u64, Vec<(u64, u64)>)>,
    ) -> Result<Step, IndexError> {
        match Head::new(entry, sparse) {
            Ok(head) => Ok(Step::Entry(consumed, head)),
            Err(message) => Err(IndexError::Header { at: self.feed.at, message }),
        }
    }

    fn header_error(&self, error: &ParseError) -> IndexError {
        IndexError::Header { at: self.feed.at, message: crate::base::Text::of(&error).into() }
    }

    /// A tar that just ends. Engines take one without its two zero blocks, or with one of them.
    fn end_without_marker(&mut self) -> Result<(), IndexError> {
        let rest = self.feed.window();
        if rest.iter().all(|&byte| byte == 0) {
            if !self.out.entries.is_empty() || self.feed.at > 0 {
                self.odd(END_OF_TAR, "the two zero blocks that end a tar are not there");
            }
            return Ok(());
        }
        Err(IndexError::Truncated { at: self.feed.at + rest.len() as u64, path: "a header".into(), missing: 512 })
    }

    /// Reads on to the end: the digest of the uncompressed tar covers what stands behind its end.
    fn drain(&mut self) -> Result<(), IndexError> {
        /// How eStargz' table begins, which `BuildKit` puts there.
        const TABLE: &[u8] = b"stargz.index.json\0";
        let (mut dirty, mut is_table) = (false, false);
        loop {
            let first = self.feed.window().iter().position(|&byte| byte != 0).filter(|_| !dirty);
            if let Some(at) = first {
                self.feed.fill(at + TABLE.len())?;
                (dirty, is_table) = (true, self.feed.window()[at..].starts_with(TABLE));
            }
            let count = self.feed.window().len();
            self.feed.consume(count);
            if self.feed.at > self.limits.unpacked.saturating_mul(2) {
                return Err(too_large(self.feed.at, self.limits));
            }
            if !self.feed.fill(1)? {
                break;
            }
        }
        if dirty && !is_table {
            self.odd(END_OF_TAR, "there are bytes behind the end of the tar, which no engine reads");
        }
        Ok(())
    }

    fn odd(&mut self, place: impl std::fmt::Display, message: impl std::fmt::Display) {
        interpret::odd(&mut self.out.oddities, place, message);
    }

    fn entry(&mut self, head: Head) -> Result<(), IndexError> {
        let body_at = self.feed.at;
        let interpreted = interpret::interpret(&head, &mut self.out.oddities);
        // What is passed over is decompressed all the same.
        self.unpacked = self.unpacked.saturating_add(interpreted.as_ref().map_or(head.body_in_tar(), |e| e.size));
        if self.unpacked > self.limits.unpacked {
            return Err(too_large(self.unpacked, self.limits));
        }
        let Some(mut entry) = interpreted else {
            return self.pass(&head, head.body_in_tar());
        };
        self.held.follow(&mut entry);
        self.held.count_names(&entry)?;
        let position = self.out.entries.len() as EntryIdx;
        let keeps = entry.kind == EntryKind::File && self.limits.keeps(entry.path.as_bytes());
        if let Some(visit) = self.visit.as_mut().filter(|_| entry.kind == EntryKind::File) {
            let mut body = Body { feed: &mut self.feed, left: head.body };
            match &head.sparse {
                None => visit(&entry, &mut body),
                Some(map) => visit(&entry, &mut Expanded { body: &mut body, map, at: 0, size: head.logical }),
            }
            let left = body.left;
            self.pass(&head, left + padding(head.body))?;
        } else if keeps && entry.size <= self.limits.most_of(entry.path.as_bytes()) && head.sparse.is_none() {
            self.keep(&head, &mut entry, position)?;
        } else if self.digest_contents && entry.kind == EntryKind::File && head.sparse.is_none() {
            self.digest(&head, &mut entry, position)?;
        } else {
            if keeps {
                let why = if head.sparse.is_some() { "sparse" } else { "too large for a file of its kind" };
                self.odd(&entry.path, format!("not read: its {} bytes are {why}", entry.size));
            }
            self.pass(&head, head.body_in_tar())?;
        }
        if head.nanos > 0 {
            self.out.fractions.insert(position, head.nanos);
        }
        self.out.bodies.push(if head.sparse.is_some() { Contents::SCATTERED } else { body_at });
        self.out.entries.push(entry);
        Ok(())
    }

    fn keep(&mut self, head: &Head, entry: &mut Entry, position: EntryIdx) -> Result<(), IndexError> {
        let mut content = Vec::with_capacity(head.body.min(1 << 20) as usize);
        self.feed.body(head.body, |chunk| content.extend_from_slice(chunk)).map_err(|error| error.inside(head))?;
        self.pass(head, padding(head.body))?;
        let to = (&mut self.out.kept, &mut self.out.oddities);
        self.held.keep(entry, position, content, to, self.limits);
        Ok(())
    }

    /// Digests a body, and looks what it is linked with.
    fn digest(&mut self, head: &Head, entry: &mut Entry, position: EntryIdx) -> Result<(), IndexError> {
        let mut digest = ContentDigest::for_size(head.body);
        let mut passing = may_be_linked(entry).then(|| Passing::new(head.body));
        let both = |chunk: &[u8]| {
            digest.update(chunk);
            if let Some(passing) = &mut passing {
                passing.push(chunk);
            }
        };
        self.feed.body(head.body, both).map_err(|error| error.inside(head))?;
        entry.content = Some(digest.finish());
        if let Some(linkage) = passing.and_then(Passing::finish) {
            let to = (&mut self.out.kept, &mut self.out.oddities);
            self.held.put(entry, position, linkage.encode(), to, self.limits);
        }
        self.pass(head, padding(head.body))
    }

    fn pass(&mut self, head: &Head, bytes: u64) -> Result<(), IndexError> {
        self.feed.pass(bytes).map_err(|error| error.inside(head))
    }
}

/// The error of a layer that unpacks to too much.
pub(super) fn too_large(bytes: u64, limits: &Limits) -> IndexError {
    IndexError::Limit { what: format!("the layer unpacks to {bytes} bytes or more"), limit: limits.unpacked }
}
