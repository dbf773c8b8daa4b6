//! The contents of kept files, fetched by ranges: those near each other in one request, each verified by the
//! table's digests, and never more of the blob than makes it worth while.

use super::entries::Table;
use super::{REQUEST, Ranges, TocError, check, unusable};
use crate::base::{Digest, EntryIdx};
use crate::layer::{Compression, Contents, Decompressed, Limits, reader};
use std::io::{self, Read};

/// Bytes between two ranges that are read as one.
const GAP: u64 = 64 << 10;
/// With more requests than this the blob is as well read whole.
const MAX_REQUESTS: u64 = 256;
/// Uncompressed bytes of a member before a content in it.
const MAX_INNER: u64 = 64 << 20;
/// Bytes of the tar behind the last content, uncompressed, and of the member that it is in, compressed.
const MAX_TAIL: u64 = 64 << 20;

/// A file whose content is kept, and is not empty.
pub(super) struct KeptFile {
    pub(super) position: EntryIdx,
    pub(super) size: u64,
    /// SHA-256 of the content.
    pub(super) digest: Option<Digest>,
    /// Where its last frame ends, if the row says so.
    pub(super) end: u64,
    /// By rising `at`; the first is at 0.
    pub(super) pieces: Vec<Piece>,
}

/// A part of a file's content that has its own place in the blob.
pub(super) struct Piece {
    /// Where its gzip member or zstd frame begins.
    pub(super) offset: u64,
    /// Where its member has ended, or what it needs of it.
    pub(super) end: u64,
    /// Where in the uncompressed member it begins.
    pub(super) inner: u64,
    /// Where in the file it begins.
    pub(super) at: u64,
    /// Its bytes, uncompressed.
    pub(super) size: u64,
    /// SHA-256 of it.
    pub(super) digest: Option<Digest>,
}

/// The tar behind the last content: the member from `start` to `end`, without its first `skip` bytes.
pub(super) struct Tail {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) skip: u64,
}

impl KeptFile {
    /// Where its content is in the blob: files are fetched in this order.
    pub(super) fn place(&self) -> (u64, u64) {
        self.pieces.first().map_or((0, 0), |piece| (piece.offset, piece.inner))
    }

    /// Finds where pieces end: in the file where the next one begins, in the blob where the next member begins
    /// (`starts` has all of them) or where contents end.
    pub(super) fn bound_pieces(&mut self, starts: &[u64], end: u64) -> Result<(), TocError> {
        let mut until = self.size;
        let mut frames_end = self.end;
        for piece in self.pieces.iter_mut().rev() {
            let size = until.saturating_sub(piece.at);
            if piece.size != 0 && piece.size != size {
                return Err(unusable(format!("a chunk of {} bytes where {size} are left", piece.size)));
            }
            (piece.size, until) = (size, piece.at);
            let next = starts.partition_point(|&start| start <= piece.offset);
            piece.end = starts.get(next).copied().unwrap_or(end);
            if frames_end != 0 {
                piece.end = piece.end.min(frames_end);
            }
            frames_end = 0;
            if piece.end <= piece.offset || piece.inner > MAX_INNER {
                return Err(unusable(format!("a content that begins at byte {} and ends before", piece.offset)));
            }
            // Behind it may be more in the same member. What does not compress grows by far less than this.
            let needed = piece.inner.saturating_add(size);
            piece.end = piece.end.min(piece.offset.saturating_add(needed).saturating_add(needed / 8 + GAP));
        }
        Ok(())
    }

    /// Whether each of its bytes is covered by a digest.
    fn is_verifiable(&self) -> bool {
        self.digest.is_some() || self.pieces.iter().all(|piece| piece.digest.is_some())
    }
}

/// Bytes of the blob that are read together, and the pieces in them.
struct Run<'t> {
    start: u64,
    end: u64,
    pieces: Vec<(&'t KeptFile, &'t Piece)>,
}

impl Run<'_> {
    fn length(&self) -> u64 {
        self.end - self.start
    }

    /// Whether a piece is so near that it is read along.
    fn takes(&self, piece: &Piece) -> bool {
        let same_member = self.pieces.last().is_some_and(|(_, last)| last.offset == piece.offset);
        let near = piece.offset <= self.end.saturating_add(GAP);
        same_member || (near && piece.end.max(self.end) - self.start <= REQUEST)
    }
}

/// Fetches the contents of the kept files into `out`, and the tar's tail where it is asked for.
pub(super) fn kept(
    source: &Ranges<'_>,
    table: Table,
    compression: Compression,
    tail: Option<Tail>,
    limits: &Limits,
    out: &mut Contents,
) -> Result<Option<Vec<u8>>, TocError> {
    let Table { files, mut held, .. } = table;
    if files.iter().any(|file| !file.is_verifiable()) {
        return Err(unusable("a content has no digest"));
    }
    let runs = plan(&files)?;
    weigh(&runs, tail.as_ref(), source.length)?;
    let mut content = Vec::new();
    for run in &runs {
        let bytes = source.get(run.start, run.end)?;
        for pieces in run.pieces.chunk_by(|(_, a), (_, b)| a.offset == b.offset) {
            let mut member = Member::open(compression, &bytes, run.start, pieces)?;
            for (file, piece) in pieces {
                member.read(piece, &mut content)?;
                if content.len() as u64 == file.size {
                    let content = file.verified(std::mem::take(&mut content))?;
                    let to = (&mut out.kept, &mut out.oddities);
                    if let Some(entry) = out.entries.get_mut(file.position as usize) {
                        held.keep(entry, file.position, content, to, limits);
                    }
                }
            }
        }
    }
    tail.map(|tail| tail.read(source, compression)).transpose()
}

/// Puts pieces that are near each other into runs. Contents overlap in no honest blob.
fn plan(files: &[KeptFile]) -> Result<Vec<Run<'_>>, TocError> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    let mut free = (0, 0);
    for (file, piece) in files.iter().flat_map(|file| file.pieces.iter().map(move |piece| (file, piece))) {
        if (piece.offset, piece.inner) < free {
            return Err(unusable("its contents overlap or are in no order"));
        }
        free = (piece.offset, piece.inner.saturating_add(piece.size));
        match runs.last_mut().filter(|run| run.takes(piece)) {
            Some(run) => {
                run.end = run.end.max(piece.end);
                run.pieces.push((file, piece));
            }
            None => runs.push(Run { start: piece.offset, end: piece.end, pieces: vec![(file, piece)] }),
        }
    }
    Ok(runs)
}

/// Whether fetching so much is worth while.
fn weigh(runs: &[Run<'_>], tail: Option<&Tail>, length: u64) -> Result<(), TocError> {
    let ends = tail.map(|tail| tail.end.saturating_sub(tail.start));
    let lengths = || runs.iter().map(Run::length).chain(ends);
    let bytes = lengths().fold(0, u64::saturating_add);
    let requests = lengths().map(|length| length.div_ceil(REQUEST)).fold(0, u64::saturating_add);
    if bytes > length / 4 || requests > MAX_REQUESTS || ends.is_some_and(|end| end > MAX_TAIL) {
        return Err(TocError::TooMuch { bytes, requests, length });
    }
    Ok(())
}

impl KeptFile {
    fn verified(&self, content: Vec<u8>) -> Result<Vec<u8>, TocError> {
        if let Some(digest) = self.digest {
            check("the digest of a content", digest, &content)?;
        }
        Ok(content)
    }
}

/// A gzip member, or a zstd frame, while it is decompressed.
struct Member<'b> {
    reader: Decompressed<&'b [u8]>,
    at: u64,
}

impl<'b> Member<'b> {
    /// The member that `pieces` are in; `bytes` are those of the blob from `start` on.
    fn open(
        compression: Compression,
        bytes: &'b [u8],
        start: u64,
        pieces: &[(&KeptFile, &Piece)],
    ) -> Result<Self, TocError> {
        let from = pieces.first().map_or(start, |(_, piece)| piece.offset);
        let to = pieces.iter().map(|(_, piece)| piece.end).max().unwrap_or(start);
        let range = from.saturating_sub(start) as usize..to.saturating_sub(start) as usize;
        let bytes = bytes.get(range).ok_or_else(|| unusable("a content outside of the blob"))?;
        Ok(Self { reader: reader(compression, bytes).map_err(broken)?, at: 0 })
    }

    /// Adds a piece to the content of its file.
    fn read(&mut self, piece: &Piece, content: &mut Vec<u8>) -> Result<(), TocError> {
        let gap = piece.inner.saturating_sub(self.at);
        let passed = io::copy(&mut (&mut self.reader).take(gap), &mut io::sink()).map_err(broken)?;
        let before = content.len();
        let count = (&mut self.reader).take(piece.size).read_to_end(content).map_err(broken)? as u64;
        if passed != gap || count != piece.size {
            return Err(unusable(format!("a content has {count} of {} bytes", piece.size)));
        }
        self.at = piece.inner.saturating_add(count);
        piece.digest.map_or(Ok(()), |digest| check("the digest of a chunk", digest, &content[before..]))
    }
}

fn broken(error: io::Error) -> TocError {
    unusable(format!("a content does not decompress: {error}"))
}

impl Tail {
    fn read(self, source: &Ranges<'_>, compression: Compression) -> Result<Vec<u8>, TocError> {
        let bytes = source.get(self.start, self.end)?;
        let mut reader = reader(compression, &bytes[..]).map_err(broken)?;
        let passed = io::copy(&mut (&mut reader).take(self.skip), &mut io::sink()).map_err(broken)?;
        let mut tail = Vec::new();
        reader.take(MAX_TAIL + 1).read_to_end(&mut tail).map_err(broken)?;
        if passed != self.skip || tail.len() as u64 > MAX_TAIL {
            return Err(unusable("the tar's end is not where the last content ends"));
        }
        Ok(tail)
    }
}
