//! Files of the original that have to be read whole before it is decided what becomes of others: databases that are written
//! again, scripts whose first line is needed. What an index keeps of them is distilled, and will not do.

use super::error::ApplyError;
use crate::base::{EntryIdx, FastMap};
use crate::fs::View;
use crate::image::Layers;
use crate::layer::{Entry, EntryKind, Limits};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// The contents of visible files, by path.
#[derive(Default)]
pub struct Texts(BTreeMap<Vec<u8>, Vec<u8>>);

impl Texts {
    /// Reads them; what is no file, or is too large, is left out.
    ///
    /// # Errors
    ///
    /// A layer cannot be read.
    pub fn read<'p>(
        view: &View<'_>,
        layers: &Layers,
        paths: impl IntoIterator<Item = &'p [u8]>,
        limits: &Limits,
    ) -> Result<Self, ApplyError> {
        let mut wanted: BTreeMap<usize, FastMap<EntryIdx, Vec<Vec<u8>>>> = BTreeMap::new();
        for path in paths.into_iter().collect::<BTreeSet<_>>() {
            let Some(node) = view.get(path) else { continue };
            let entry = view.entry(node.data);
            if entry.kind == EntryKind::File && entry.size <= MAX_BYTES {
                wanted.entry(node.data.0 as usize).or_default().entry(node.data.1).or_default().push(path.to_vec());
            }
        }
        let mut out = Self::default();
        for (layer, wanted) in wanted {
            let entries = &view.image().layers[layer].entries;
            let files = entries.iter().enumerate().filter(|(_, entry)| entry.kind == EntryKind::File);
            let mut files = files.map(|(position, _)| position as EntryIdx);
            let mut failed = None;
            let mut visit = |entry: &Entry, body: &mut dyn Read| {
                let Some(paths) = files.next().and_then(|position| wanted.get(&position)) else { return };
                let mut bytes = Vec::with_capacity(entry.size.min(MAX_BYTES) as usize);
                match body.take(MAX_BYTES).read_to_end(&mut bytes) {
                    Ok(_) => paths.iter().for_each(|path| _ = out.0.insert(path.clone(), bytes.clone())),
                    Err(error) => failed = Some(error),
                }
            };
            layers.visit(layer, limits, &mut visit)?;
            if let Some(error) = failed {
                return Err(ApplyError::read(layer, error));
            }
        }
        Ok(out)
    }

    /// What the file at a path has; nothing where it was not read.
    pub fn get(&self, path: &[u8]) -> Option<&[u8]> {
        self.0.get(path).map(Vec::as_slice)
    }
}
