//! Where programs and archives are.

use super::stage::{BaseKnown, Stage};
use crate::base::EntryIdx;
use crate::layer::{Entry, EntryKind, Limits, Streamed, detect, index_tar, reader};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _};

/// Where programs are looked for when nothing tells.
pub(super) const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl Stage {
    /// The folders of `PATH`.
    pub(super) fn path(&self) -> Vec<Vec<u8>> {
        let path = self.variable("PATH").unwrap_or(USUAL_PATH);
        // An empty one is the working directory.
        path.split(':').filter_map(|folder| self.at(folder)).map(|folder| folder.as_bytes().to_vec()).collect()
    }

    /// Where a program is, by a path or a name; links not followed.
    pub(super) fn program(&self, name: &str) -> Option<Vec<u8>> {
        if name.contains('/') {
            let path = self.at(name)?.as_bytes().to_vec();
            return self.is_there(&path).then_some(path);
        }
        let candidates = self.path().into_iter().map(|folder| [&folder[..], b"/", name.as_bytes()].concat());
        candidates.into_iter().find(|path| self.is_there(path))
    }

    /// Whether a path leads to something; of the interpreter that a package brought the package tells, not its files.
    fn is_there(&self, path: &[u8]) -> bool {
        let real = self.tree.resolve(path);
        self.tree.exists(&real) || (self.tree.get(path).is_some() && self.is_packaged_python(&real))
    }

    /// Whether all files of the base are known, so that what is not in the tree is not there.
    pub(super) fn is_whole(&self) -> bool {
        self.base == BaseKnown::Whole
    }
}

/// Entries, and the kept contents by their positions.
type Unpacked = (Vec<Entry>, BTreeMap<EntryIdx, Vec<u8>>);

/// What a tar of the context has, in order.
pub(super) fn archive(file: io::Result<File>) -> Result<Unpacked, String> {
    let failed = |error: io::Error| format!("the archive cannot be read: {error}");
    let mut file = file.map_err(failed)?;
    let mut head = [0; 16];
    let length = file.read(&mut head).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let mut tar = reader(detect(&head[..length]), BufReader::new(file)).map_err(failed)?;
    let contents = index_tar(&mut Streamed(&mut tar), true, &Limits::default());
    let contents = contents.map_err(|error| format!("the archive cannot be read: {error}"))?;
    let is_plain = |entry: &Entry| !matches!(entry.kind, EntryKind::Whiteout | EntryKind::Opaque);
    if !contents.entries.iter().all(is_plain) {
        return Err("the archive has whiteouts, which a builder would unpack as files".into());
    }
    Ok((contents.entries, contents.kept))
}
