//! A layer's tar, put together from what tar-split keeps of it and the unpacked files.
//!
//! When an engine unpacks a layer it keeps what the files do not have (headers, padding, the end) as lines of
//! JSON: a line of type 2 is bytes of the tar, a line of type 1 stands for the content of a file. The lines of a
//! large layer hold 50 MB of such bytes, nearly all of them zero, so runs of zeros are not kept.
//!
//! A read never goes on into a file's content from before it: whoever reads ahead over headers would open every
//! file, and that is the work to be saved.
//!
//! What is not kept are the checksums of the contents: whoever wants to be sure digests the tar. A file whose size
//! is not the recorded one is an error.
//!
//! Source: github.com/vbatts/tar-split, `tar/storage` and `tar/asm`.

use super::folder::{Folder, wrong};
use crate::base::clean_path;
use crate::layer::ReadAt;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::borrow::Cow;
use std::io::{self, BufRead, Read};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes of one line. A header with its extensions has at most 4 MiB where we read tars.
const MAX_LINE: u64 = 16 << 20;
/// Bytes of all lines. Five million entries have 7 GB.
const MAX_LINES: u64 = 16 << 30;
/// Bytes that are kept: those that are not zero, and names.
const MAX_KEPT: usize = 512 << 20;
/// Pieces of one tar.
const MAX_PIECES: usize = 20_000_000;
/// The kernel's `PATH_MAX`.
const LONGEST_NAME: usize = 4096;
/// Zeros are looked for in chunks of this many characters of base64, each of which can be decoded by itself.
const CHUNK: usize = 64;
const CHUNK_BYTES: usize = CHUNK / 4 * 3;

/// What tar-split keeps of a tar: all of it but the contents of files.
#[derive(Default)]
pub struct TarSplit {
    pieces: Vec<Piece>,
    /// Bytes that are not zero.
    literals: Vec<u8>,
    /// Cleaned names, each with a zero behind it.
    names: Vec<u8>,
    length: u64,
}

/// Goes on to the next one.
struct Piece {
    at: u64,
    from: From,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// The literals from here on.
    Literals(u32),
    Zeros,
    /// The file whose name begins here.
    File(u32),
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: i64,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    name_raw: Option<Text<'a>>,
    #[serde(default)]
    size: Option<i64>,
    #[serde(borrow, default)]
    payload: Option<Text<'a>>,
}

/// `Option<Cow<str>>` would always copy.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl TarSplit {
    /// Parses the lines. Memory is bounded, whatever they say.
    pub fn parse(lines: impl BufRead) -> io::Result<Self> {
        let mut lines = lines.take(MAX_LINES);
        let (mut split, mut line) = (Self::default(), Vec::new());
        for number in 1u64.. {
            line.clear();
            if (&mut lines).take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            split
                .add_line(&line)
                .map_err(|message| io::Error::new(io::ErrorKind::InvalidData, format!("line {number}: {message}")))?;
        }
        if lines.limit() == 0 {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {MAX_LINES} bytes of JSON")));
        }
        split.pieces.shrink_to_fit();
        split.literals.shrink_to_fit();
        split.names.shrink_to_fit();
        Ok(split)
    }

    fn add_line(&mut self, line: &[u8]) -> Result<(), String> {
        if line.len() as u64 == MAX_LINE {
            return Err(format!("more than {MAX_LINE} bytes"));
        }
        let line: Line<'_> = serde_json::from_slice(line).map_err(|error| format!("expected an entry: {error}"))?;
        match line.kind {
            2 => self.add_bytes(line.payload.as_ref().map_or("", |text| &text.0).as_bytes()),
            1 => self.add_file(&line),
            other => Err(format!("expected an entry of type 1 or 2, found {other}")),
        }
    }

    /// Adds bytes of the tar. Most are zeros, and those are not even decoded.
    fn add_bytes(&mut self, base64: &[u8]) -> Result<(), String> {
        let mut decoded = [0; CHUNK];
        let mut chunks = base64.chunks(CHUNK).peekable();
        while let Some(chunk) = chunks.next() {
            if *chunk == ZEROS {
                self.add_piece(From::Zeros, CHUNK_BYTES as u64)?;
                continue;
            }
            let count = STANDARD.decode_slice(chunk, &mut decoded).map_err(|error| no_base64(&error))?;
            if count < CHUNK_BYTES && chunks.peek().is_some() {
                return Err(no_base64(&"it ends early"));
            }
            let literals = self.literals.len() as u32;
            self.literals.extend_from_slice(&decoded[..count]);
            self.add_piece(From::Literals(literals), count as u64)?;
        }
        Ok(())
    }

    fn add_file(&mut self, line: &Line<'_>) -> Result<(), String> {
        let size = line.size.unwrap_or(0);
        let size = u64::try_from(size).map_err(|_| format!("expected a size, found {size}"))?;
        if size == 0 {
            return Ok(());
        }
        let decoded;
        let name = match (&line.name, &line.name_raw) {
            (_, Some(raw)) if !raw.0.is_empty() => {
                decoded = STANDARD.decode(raw.0.as_bytes()).map_err(|error| no_base64(&error))?;
                &decoded[..]
            }
            (Some(name), _) => name.0.as_bytes(),
            _ => b"",
        };
        let name = clean_path(name);
        if name.is_empty() || name.len() > LONGEST_NAME || name.contains(&0) {
            return Err(format!("expected a file's name, found one of {} bytes that none can have", name.len()));
        }
        let at = self.names.len() as u32;
        self.names.extend_from_slice(&name);
        self.names.push(0);
        self.add_piece(From::File(at), size)
    }

    /// Adds a piece, or lengthens the last one.
    fn add_piece(&mut self, from: From, length: u64) -> Result<(), String> {
        let at = self.length;
        self.length = at.checked_add(length).filter(|&sum| sum <= i64::MAX as u64).ok_or("the sizes have no sum")?;
        let goes_on = matches!(
            (self.pieces.last().map(|piece| piece.from), from),
            (Some(From::Zeros), From::Zeros) | (Some(From::Literals(_)), From::Literals(_))
        );
        if !goes_on {
            self.pieces.push(Piece { at, from });
        }
        if self.pieces.len() > MAX_PIECES || self.literals.len() + self.names.len() > MAX_KEPT {
            return Err("the layer has more entries than any should have".into());
        }
        Ok(())
    }

    /// Bytes of the tar.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether the tar is empty.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Where a piece ends.
    fn end(&self, piece: usize) -> u64 {
        self.pieces.get(piece + 1).map_or(self.length, |next| next.at)
    }

    fn name(&self, at: u32) -> &[u8] {
        self.names[at as usize..].split(|&byte| byte == 0).next().unwrap_or_default()
    }
}

/// Zeros as base64 has them.
const ZEROS: [u8; CHUNK] = [b'A'; CHUNK];

fn no_base64(error: &dyn std::fmt::Display) -> String {
    format!("expected base64: {error}")
}

/// A tar that can be read from anywhere in it.
pub struct VirtualTar {
    split: TarSplit,
    folder: Folder,
    /// The piece that was read last: most reads go on from there.
    last: AtomicUsize,
}

impl VirtualTar {
    /// Of what tar-split kept and the folder with the unpacked files.
    pub fn new(split: TarSplit, folder: Folder) -> Self {
        Self { split, folder, last: AtomicUsize::new(0) }
    }

    fn piece_at(&self, offset: u64) -> usize {
        let last = self.last.load(Relaxed);
        let holds = |piece: usize| {
            self.split.pieces.get(piece).is_some_and(|found| found.at <= offset) && offset < self.split.end(piece)
        };
        let near = [last, last + 1].into_iter().find(|&piece| holds(piece));
        let piece =
            near.unwrap_or_else(|| self.split.pieces.partition_point(|piece| piece.at <= offset).saturating_sub(1));
        self.last.store(piece, Relaxed);
        piece
    }

    fn read_file(&self, buffer: &mut [u8], name_at: u32, inside: u64, size: u64) -> io::Result<usize> {
        let name = self.split.name(name_at);
        let file = self.folder.file(name_at, name, size)?;
        let most = buffer.len().min((size - inside).try_into().unwrap_or(usize::MAX));
        match FileExt::read_at(&*file, &mut buffer[..most], inside)? {
            0 => Err(wrong(name, &format!("expected {size} bytes, found that it ends before byte {inside}"))),
            count => Ok(count),
        }
    }
}

impl ReadAt for VirtualTar {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let split = &self.split;
        if offset >= split.length || buffer.is_empty() {
            return Ok(0);
        }
        let first = self.piece_at(offset);
        let mut filled = 0;
        for (number, piece) in split.pieces.iter().enumerate().skip(first) {
            let at = offset + filled as u64;
            let (inside, end) = (at - piece.at, split.end(number));
            let count = (buffer.len() - filled).min((end - at).try_into().unwrap_or(usize::MAX));
            let part = &mut buffer[filled..filled + count];
            match piece.from {
                From::File(name) if filled == 0 => return self.read_file(part, name, inside, end - piece.at),
                From::File(_) => break,
                From::Zeros => part.fill(0),
                From::Literals(start) => {
                    let start = start as usize + inside as usize;
                    part.copy_from_slice(&split.literals[start..start + count]);
                }
            }
            filled += count;
            if filled == buffer.len() {
                break;
            }
        }
        Ok(filled)
    }
}
