//! Archives that come along once, from standard input or an engine: each layer is indexed as it passes, and the
//! documents, which often stand last, are kept until it is known which layers are whose. Nothing is written to disk.

use super::archive::{links, missing, no_tar};
use super::error::ImageError;
use super::manifest::Descriptor;
use super::source::MAX_JSON;
use super::source::{Files, LayerBytes, LayerSource, Passed};
use super::strange::Strange;
use super::{OpenOptions, Progress};
use crate::base::{Digest, clean_path};
use crate::layer::{
    BlobError, Compression, Expected, IndexError, LayerIndex, Limits, Streamed, detect, index_stream, reader, visit_tar,
};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of all documents of an archive.
const MAX_DOCUMENTS: u64 = 64 << 20;
/// Most members of an archive.
const MAX_MEMBERS: usize = 1_000_000;
/// Enough to tell a tar from a document.
const HEAD_BYTES: u64 = 512;

/// What came along.
pub(super) struct Arrived<'p> {
    path: &'p Path,
    members: HashMap<Vec<u8>, Member>,
}

#[derive(Clone)]
enum Member {
    Document(Arc<Vec<u8>>),
    Layer(Arc<Passed>, u64),
    /// Neither a document nor a tar that can be read: no harm unless the image names it.
    Unread(Arc<str>),
}

/// Reads an archive to its end, compressed as a whole or not. `path` is what to call it.
pub(super) fn read<'p>(
    path: &'p Path,
    input: &mut dyn Read,
    options: &OpenOptions,
    progress: &dyn Progress,
) -> Result<Arrived<'p>, ImageError> {
    let open = |error| ImageError::open(path, error);
    let mut head = Vec::new();
    input.take(HEAD_BYTES).read_to_end(&mut head).map_err(open)?;
    if head.is_empty() {
        return Err(ImageError::shape(path, "expected an image archive (a tar), found nothing"));
    }
    let compression = detect(&head);
    let broken = Cell::new(None);
    let watched = Watched { input, broken: &broken };
    let whole = BufReader::with_capacity(1 << 18, io::Cursor::new(head).chain(watched));
    let first = RefCell::new(Vec::new());
    let mut tar = Heard { inner: reader(compression, whole).map_err(open)?, first: &first };
    let mut reading = Reading { members: HashMap::new(), documents: 0, entries: 0, failed: None, options, progress };
    let limits = Limits { entries: MAX_MEMBERS, ..options.limits };
    let contents = visit_tar(&mut Streamed(&mut tar), &limits, &mut |entry, body| {
        reading.visit(entry.path.as_bytes(), entry.size, body);
    });
    if let Some(error) = broken.take() {
        return Err(open(error));
    }
    let contents = reading.failed.take().map_or(contents, Err).map_err(|error| match error {
        IndexError::Limit { limit, .. } => ImageError::shape(
            path,
            format!("the archive unpacks to more than {limit} bytes; allow it with --max-unpacked"),
        ),
        error => no_tar(path, Some(&first.borrow()), &error),
    })?;
    let mut members = reading.members;
    for (name, target) in links(&contents.entries) {
        if let Some(member) = members.get(&target).cloned() {
            members.insert(name, member);
        }
    }
    Ok(Arrived { path, members })
}

/// Remembers the first bytes, which may tell what is no tar.
struct Heard<'h, R> {
    inner: R,
    first: &'h RefCell<Vec<u8>>,
}

impl<R: Read> Read for Heard<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let mut first = self.first.borrow_mut();
        let room = (HEAD_BYTES as usize).saturating_sub(first.len());
        first.extend(buffer.iter().take(read.min(room)));
        Ok(read)
    }
}

/// Remembers why the input broke: whoever reads a layer of it says only that the layer ends early.
struct Watched<'i> {
    input: &'i mut dyn Read,
    broken: &'i Cell<Option<io::Error>>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.input.read(buffer);
        let Err(error) = &result else { return result };
        if error.kind() != io::ErrorKind::Interrupted {
            self.broken.set(Some(io::Error::new(error.kind(), error.to_string())));
        }
        result
    }
}

struct Reading<'o> {
    members: HashMap<Vec<u8>, Member>,
    /// Bytes of documents so far.
    documents: u64,
    /// Entries of layers so far.
    entries: usize,
    /// A bound was passed: nothing more is read.
    failed: Option<IndexError>,
    options: &'o OpenOptions,
    progress: &'o dyn Progress,
}

impl Reading<'_> {
    fn visit(&mut self, name: &[u8], size: u64, body: &mut dyn Read) {
        if self.failed.is_some() {
            return;
        }
        let member = match self.member(size, body) {
            Ok(member) => member,
            Err(BlobError::Index(error @ (IndexError::Limit { .. } | IndexError::Bound { .. }))) => {
                self.failed = Some(error);
                return;
            }
            Err(error) => Member::Unread(error.to_string().into()),
        };
        self.members.insert(name.to_vec(), member);
    }

    fn member(&mut self, size: u64, body: &mut dyn Read) -> Result<Member, BlobError> {
        let mut head = Vec::new();
        body.take(HEAD_BYTES).read_to_end(&mut head)?;
        if is_document(&head) {
            self.documents = self.documents.saturating_add(size);
            if size > MAX_JSON || self.documents > MAX_DOCUMENTS {
                let message = format!("{size} bytes are too many for a document of an image");
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, message).into());
            }
            body.read_to_end(&mut head)?;
            self.progress.advance(size);
            return Ok(Member::Document(Arc::new(head)));
        }
        let left = self.options.limits.entries.saturating_sub(self.entries);
        let limits = Limits { entries: left, ..self.options.limits };
        let count = Cell::new(0);
        let advance = |bytes| {
            count.set(count.get() + bytes);
            self.progress.advance(bytes);
        };
        let mut blob = io::Cursor::new(head).chain(body);
        let (layer, digests) = index_stream(&mut blob, Expected::default(), &limits, &advance)?;
        self.entries += layer.entries.len();
        if count.get() != size {
            let message = format!("expected {size} bytes, found {}", count.get());
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message).into());
        }
        Ok(Member::Layer(Arc::new(Passed { layer, digests }), size))
    }
}

/// JSON, and not a tar whose first name begins like it; or less than any tar has.
fn is_document(head: &[u8]) -> bool {
    let is_tar = head.get(257..262) == Some(b"ustar");
    let begins_json = matches!(head.trim_ascii_start().first(), Some(b'{' | b'['));
    (begins_json && !is_tar) || (head.len() < HEAD_BYTES as usize && detect(head) == Compression::None)
}

impl Arrived<'_> {
    fn get(&self, name: &str) -> Result<&Member, ImageError> {
        match self.members.get(&*clean_path(name.as_bytes())) {
            None => Err(missing(&self.place(name))),
            Some(Member::Unread(why)) => Err(ImageError::shape(&self.place(name), why)),
            Some(member) => Ok(member),
        }
    }

    /// An empty layer may be shorter than any tar, and nothing but zeros.
    fn short_layer(&self, name: &str, bytes: &[u8]) -> Result<(Arc<Passed>, u64), ImageError> {
        let (layer, digests) = index_stream(&mut &*bytes, Expected::default(), &Limits::default(), &|_| {})
            .map_err(|error| ImageError::shape(&self.place(name), error))?;
        Ok((Arc::new(Passed { layer, digests }), bytes.len() as u64))
    }
}

impl Files for Arrived<'_> {
    fn strange(&self) -> Option<Strange> {
        Strange::of_tar(self.members.keys().map(Vec::as_slice))
    }

    fn has(&self, name: &str) -> bool {
        self.members.contains_key(&*clean_path(name.as_bytes()))
    }

    fn document(&self, name: &str, _: Option<&Descriptor>) -> Result<Vec<u8>, ImageError> {
        match self.get(name)? {
            Member::Document(bytes) => Ok(bytes.to_vec()),
            _ => Err(ImageError::shape(&self.place(name), "expected a document (JSON), found a layer")),
        }
    }

    fn layer(&self, name: &str, digest: Option<Digest>, _: Option<u64>) -> Result<LayerSource, ImageError> {
        let (passed, length) = match self.get(name)? {
            Member::Layer(passed, length) => (passed.clone(), *length),
            Member::Document(bytes) => self.short_layer(name, bytes)?,
            Member::Unread(why) => return Err(ImageError::shape(&self.place(name), why)),
        };
        Ok(LayerSource::new(name.to_owned(), digest, length, LayerBytes::Passed(passed)))
    }

    fn place(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Passed {
    /// The layer, once its digests are known to be those that its image promises.
    pub(super) fn layer(&self, expected: Expected) -> Result<LayerIndex, BlobError> {
        self.digests.check(expected)?;
        let verified = crate::layer::Verified { blob: expected.blob.is_some(), diff_id: expected.diff_id.is_some() };
        Ok(LayerIndex { diff_id: expected.diff_id, blob: expected.blob, verified, ..self.layer.clone() })
    }
}
