//! Where programs and archives are.

use super::stage::{BaseKnown, Stage};
use crate::base::EntryIdx;
use crate::image::DEFAULT_PATH;
use crate::layer::{Entry, EntryKind, Limits, Streamed, detect, index_tar, reader};
use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Seek};

impl Stage {
    /// The folders of `PATH`.
    pub(super) fn path(&self) -> Vec<Vec<u8>> {
        let path = self.variable("PATH").unwrap_or(DEFAULT_PATH);
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

/// What a tar has, in order; `None` where it is none, whatever its name. Builders go by the content: a tar as it is, or in gzip,
/// bzip2, xz or zstd.
///
/// Source: moby/go-archive, compression/compression.go (`Detect`, `DecompressStream`: these four, by their first bytes),
/// which BuildKit's `ADD` unpacks with. zstd is among them since 2020 (moby/moby#28394, moby/buildkit#3801), as are frames of
/// it that are skipped (moby/buildkit#7069). A builder without the program `xz` may leave such a file as it is
/// (moby/buildkit#7071).
pub(super) fn archive(mut file: impl Read + Seek) -> Result<Option<Unpacked>, String> {
    let failed = |error: io::Error| format!("the archive cannot be read: {error}");
    let mut head = Vec::new();
    file.by_ref().take(16).read_to_end(&mut head).map_err(failed)?;
    file.rewind().map_err(failed)?;
    if head.starts_with(b"BZh") || head.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
        return Err("what is packed with bzip2 or xz is not read, and a builder unpacks it where it is a tar".into());
    }
    let mut first = Vec::new();
    let is_tar = reader(detect(&head), BufReader::new(&mut file))
        .and_then(|packed| packed.take(BLOCK as u64).read_to_end(&mut first))
        .is_ok_and(|_| is_header(&first));
    if !is_tar {
        // A checksum in binary is one, too.
        if first.len() == BLOCK && first[148] >= 0x80 {
            return Err("whether it is a tar is not known".into());
        }
        return Ok(None);
    }
    file.rewind().map_err(failed)?;
    let mut tar = reader(detect(&head), BufReader::new(file)).map_err(failed)?;
    let contents = index_tar(&mut Streamed(&mut tar), true, &Limits::default());
    let contents = contents.map_err(|error| format!("the archive cannot be read: {error}"))?;
    let is_plain = |entry: &Entry| !matches!(entry.kind, EntryKind::Whiteout | EntryKind::Opaque);
    if !contents.entries.iter().all(is_plain) {
        return Err("the archive has whiteouts, which a builder would unpack as files".into());
    }
    Ok(Some((contents.entries, contents.kept)))
}

/// Bytes of a block of a tar.
const BLOCK: usize = 512;

/// Whether a block is the header of a tar's entry: its checksum is that of its bytes.
fn is_header(block: &[u8]) -> bool {
    let Some(field) = block.get(148..156).filter(|_| block.len() == BLOCK) else { return false };
    let text: String = field.iter().map(|&byte| char::from(byte)).collect();
    let digits = text.trim_matches([' ', '\0']).split('\0').next().unwrap_or_default();
    let Some(stated) = i64::from_str_radix(digits, 8).ok().filter(|_| !digits.starts_with('+')) else { return false };
    let own = |at: usize, byte: u8| if (148..156).contains(&at) { b' ' } else { byte };
    let unsigned: i64 = block.iter().enumerate().map(|(at, &byte)| i64::from(own(at, byte))).sum();
    let signed: i64 = block.iter().enumerate().map(|(at, &byte)| i64::from(own(at, byte).cast_signed())).sum();
    stated == unsigned || stated == signed
}
