//! The blobs of the outcome: layers that stay are copied as they are stored, new ones are written in one pass over the
//! original's layers that have something for them. Nothing is held in memory but the entries, a few buffers and what the
//! compressors need.

use super::error::ApplyError;
use super::header::header;
use super::outcome::{Body, Item, OutLayer, Outcome};
use super::pack::{Blob, BlobWriter, Packing};
use super::store::Store;
use crate::base::{Digest, EntryIdx, FastMap, Sha256Writer};
use crate::fs::DataRef;
use crate::image::{Image, Layers, Progress};
use crate::layer::{Compression, ContentDigest, Entry, EntryKind, Expected, Limits};
use crate::wheel::Archive;
use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// Bytes of a file that are copied at once.
const BUFFER: usize = 256 << 10;
/// The two zero blocks that end a tar.
const END: [u8; 1024] = [0; 1024];

/// Writes all blobs, in the order of the outcome's layers, and notes the digests of the files that were copied in what is
/// predicted.
///
/// # Errors
///
/// The original cannot be read, or is not what was read before; the blobs cannot be written.
pub fn write(
    (image, layers): (&Image, &Layers),
    outcome: &mut Outcome,
    (packing, limits): (Packing, &Limits),
    store: &Store,
    progress: &dyn Progress,
) -> Result<Vec<Blob>, ApplyError> {
    let bytes = outcome.predicted.unpacked();
    progress.start("writing layers", Some(bytes));
    let mut writing = Writing::new(outcome, packing, store, progress);
    let sources: BTreeSet<usize> = writing.places.keys().map(|(layer, _)| *layer as usize).collect();
    for source in sources {
        writing.pass(image, layers, source, limits)?;
    }
    let mut blobs = Vec::new();
    for (position, layer) in outcome.layers.iter().enumerate() {
        blobs.push(match layer {
            OutLayer::Kept(source) => keep((image, layers), *source, packing, store, progress)?,
            OutLayer::New(..) => writing.finish(position)?,
        });
    }
    let digests = writing.digests;
    for ((layer, position), digest) in digests {
        let layer = Arc::make_mut(&mut outcome.predicted.layers[layer]);
        layer.entries[position].content = Some(digest);
    }
    progress.finish();
    Ok(blobs)
}

fn expected(image: &Image, layer: usize) -> Expected {
    let index = &image.layers[layer];
    Expected { blob: index.blob, diff_id: index.diff_id }
}

/// A layer that stays: a compressed blob as it is, a plain tar compressed where that is asked for.
fn keep(
    (image, layers): (&Image, &Layers),
    layer: usize,
    packing: Packing,
    store: &Store,
    progress: &dyn Progress,
) -> Result<Blob, ApplyError> {
    let (index, expected) = (&image.layers[layer], expected(image, layer));
    let differs = |what: &str| ApplyError::Differs {
        place: format!("layer {} of the original", layer + 1).into(),
        what: what.to_owned(),
    };
    let mut blob = layers.blob(layer)?;
    let read = |error| ApplyError::read(layer, error);
    if index.compression == Compression::None {
        let name = store.name();
        let mut writer = BlobWriter::new(store.create(&name)?, packing).map_err(|error| store.failed(error))?;
        copy(&mut blob, &mut |bytes| {
            progress.advance(bytes.len() as u64);
            writer.write_all(bytes)
        })
        .map_err(read)?;
        let written = writer.finish().map_err(|error| store.failed(error))?;
        if expected.diff_id.is_some_and(|diff_id| diff_id != written.diff_id) {
            return Err(differs("it is not what its diff ID says"));
        }
        store.keep(&name, &written)?;
        return Ok(written);
    }
    let (name, mut digest, mut size) = (store.name(), Sha256Writer::default(), 0);
    let mut file = store.create(&name)?;
    copy(&mut blob, &mut |bytes| {
        progress.advance(bytes.len() as u64);
        digest.update(bytes);
        size += bytes.len() as u64;
        file.write_all(bytes)
    })
    .map_err(read)?;
    let digest = digest.finish();
    if expected.blob.is_some_and(|blob| blob != digest) {
        return Err(differs("it is not what its digest says"));
    }
    let diff_id = expected.diff_id.ok_or_else(|| differs("it has no diff ID"))?;
    let blob = Blob { digest, size, diff_id, compression: index.compression };
    store.keep(&name, &blob)?;
    Ok(blob)
}

fn copy(from: &mut dyn Read, to: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => to(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// An entry of a new layer: which layer of the outcome, and where in it.
type Place = (usize, usize);

struct Writing<'w> {
    layers: &'w [OutLayer],
    archives: &'w [Archive],
    /// Where each file of the original goes.
    places: FastMap<DataRef, Vec<Place>>,
    open: FastMap<usize, LayerWriter<'w>>,
    done: FastMap<usize, Blob>,
    digests: Vec<(Place, Digest)>,
    packing: Packing,
    store: &'w Store,
    progress: &'w dyn Progress,
}

impl<'w> Writing<'w> {
    fn new(outcome: &'w Outcome, packing: Packing, store: &'w Store, progress: &'w dyn Progress) -> Self {
        let mut places: FastMap<DataRef, Vec<Place>> = FastMap::default();
        for (layer, out) in outcome.layers.iter().enumerate() {
            let OutLayer::New(_, items) = out else { continue };
            for (position, item) in items.iter().enumerate() {
                if let Body::Original(data) = &item.body {
                    places.entry(*data).or_default().push((layer, position));
                }
            }
        }
        let (open, done) = (FastMap::default(), FastMap::default());
        let archives = &outcome.archives;
        Self { layers: &outcome.layers, archives, places, open, done, digests: Vec::new(), packing, store, progress }
    }

    /// Reads one layer of the original, and copies from it.
    fn pass(&mut self, image: &Image, layers: &Layers, source: usize, limits: &Limits) -> Result<(), ApplyError> {
        let entries = &image.layers[source].entries;
        let mut files = entries.iter().enumerate().filter(|(_, entry)| entry.kind == EntryKind::File);
        let mut failed = None;
        let mut visit = |entry: &Entry, body: &mut dyn Read| {
            let Some((position, known)) = files.next().filter(|_| failed.is_none()) else { return };
            let same = Entry { content: None, ..known.clone() } == Entry { content: None, ..entry.clone() };
            let done = match same {
                true => self.copy((source as u32, position as EntryIdx), entry, body),
                false => Err(ApplyError::Differs {
                    place: entry.path.to_string().into(),
                    what: "the original has changed since it was read".into(),
                }),
            };
            failed = done.err();
        };
        layers.visit_verified(source, expected(image, source), limits, &mut visit)?;
        failed.map_or(Ok(()), Err)
    }

    fn copy(&mut self, data: DataRef, entry: &Entry, body: &mut dyn Read) -> Result<(), ApplyError> {
        let Some(places) = self.places.get(&data).cloned() else { return Ok(()) };
        for place in &places {
            self.begin(*place)?;
        }
        let (mut digest, mut size) = (ContentDigest::for_size(entry.size), 0);
        let (store, open) = (self.store, &mut self.open);
        let progress = self.progress;
        let mut failed = None;
        let copied = copy(body, &mut |bytes| {
            digest.update(bytes);
            size += bytes.len() as u64;
            progress.advance(bytes.len() as u64);
            for (layer, _) in &places {
                if let Some(writer) = open.get_mut(layer) {
                    writer.blob.write_all(bytes).inspect_err(|_| failed = Some(()))?;
                }
            }
            Ok(())
        });
        copied.map_err(|error| match failed {
            Some(()) => store.failed(error),
            None => ApplyError::read(data.0 as usize, error),
        })?;
        if size != entry.size {
            let what = format!("expected {} bytes, found {size}", entry.size);
            return Err(ApplyError::Differs { place: entry.path.to_string().into(), what });
        }
        let digest = digest.finish();
        for place in places {
            self.digests.push((place, digest));
            let padding = size.next_multiple_of(512) - size;
            let Some(writer) = self.open.get_mut(&place.0) else { continue };
            writer.blob.write_all(&END[..padding as usize]).map_err(|error| self.store.failed(error))?;
            writer.files -= 1;
            if writer.files == 0 {
                let blob = self.finish(place.0)?;
                self.done.insert(place.0, blob);
            }
        }
        Ok(())
    }

    /// Writes what comes before a file in its layer, and the file's header.
    fn begin(&mut self, (layer, position): Place) -> Result<(), ApplyError> {
        let (store, packing) = (self.store, self.packing);
        let writer = match self.open.entry(layer) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(LayerWriter::new((layer, &self.layers[layer]), packing, store)?)
            }
        };
        writer.up_to(position, (store, self.archives), &mut self.digests)?;
        writer.header(store)
    }

    /// Ends a layer.
    fn finish(&mut self, layer: usize) -> Result<Blob, ApplyError> {
        if let Some(blob) = self.done.get(&layer) {
            return Ok(*blob);
        }
        let mut writer = match self.open.remove(&layer) {
            Some(writer) => writer,
            None => LayerWriter::new((layer, &self.layers[layer]), self.packing, self.store)?,
        };
        writer.up_to(writer.items.len(), (self.store, self.archives), &mut self.digests)?;
        writer.blob.write_all(&END).map_err(|error| self.store.failed(error))?;
        let blob = writer.blob.finish().map_err(|error| self.store.failed(error))?;
        self.store.keep(&writer.name, &blob)?;
        Ok(blob)
    }
}

/// A new layer while it is written.
struct LayerWriter<'w> {
    /// Which one of the outcome.
    layer: usize,
    items: &'w [Item],
    at: usize,
    /// How many files of the original are still to come.
    files: usize,
    name: String,
    blob: BlobWriter,
}

impl<'w> LayerWriter<'w> {
    fn new((position, layer): (usize, &'w OutLayer), packing: Packing, store: &Store) -> Result<Self, ApplyError> {
        let items = match layer {
            OutLayer::New(_, items) => &items[..],
            OutLayer::Kept(_) => &[],
        };
        let name = store.name();
        let blob = BlobWriter::new(store.create(&name)?, packing).map_err(|error| store.failed(error))?;
        let files = items.iter().filter(|item| matches!(item.body, Body::Original(_))).count();
        Ok(Self { layer: position, items, at: 0, files, name, blob })
    }

    /// Writes the items before this one, none of which may have bytes of the original.
    fn up_to(
        &mut self,
        position: usize,
        (store, archives): (&Store, &[Archive]),
        digests: &mut Vec<(Place, Digest)>,
    ) -> Result<(), ApplyError> {
        while self.at < position {
            let (at, item) = (self.at, &self.items[self.at]);
            let differs = |what: String| ApplyError::Differs { place: item.entry.path.to_string().into(), what };
            if let Body::Original(_) = item.body {
                return Err(differs("the original has not shown its bytes".into()));
            }
            self.header(store)?;
            let (mut digest, mut size) = (ContentDigest::for_size(item.entry.size), 0u64);
            let blob = &mut self.blob;
            let mut put = |bytes: &[u8]| {
                digest.update(bytes);
                size += bytes.len() as u64;
                blob.write_all(bytes)
            };
            match &item.body {
                Body::None | Body::Original(_) => continue,
                Body::Bytes(bytes) => put(bytes).map_err(|error| store.failed(error))?,
                Body::Member(archive, member) => {
                    let archive = archives.get(*archive).ok_or_else(|| differs("its wheel is not there".into()))?;
                    archive.copy(*member, &mut put).map_err(|error| differs(error.to_string()))?;
                }
            }
            if size != item.entry.size {
                return Err(differs(format!("expected {} bytes, found {size}", item.entry.size)));
            }
            let digest = digest.finish();
            // What RECORD promises is known beforehand, as far as it is a SHA-256.
            if item.entry.content.is_some_and(|expected| expected != digest) {
                return Err(differs("its bytes are not those that RECORD tells".into()));
            }
            digests.push(((self.layer, at), digest));
            let padding = size.next_multiple_of(512) - size;
            self.blob.write_all(&END[..padding as usize]).map_err(|error| store.failed(error))?;
        }
        Ok(())
    }

    fn header(&mut self, store: &Store) -> Result<(), ApplyError> {
        let item = &self.items[self.at];
        self.at += 1;
        self.blob.write_all(&header(&item.entry, item.nanos)?).map_err(|error| store.failed(error))
    }
}
