//! A wheel on this machine's disk, and the bytes of its files.

use super::read::{WheelInfo, is_wanted};
use super::remote::read_file;
use super::zip::{LOCAL_HEADER, ZipEntry, data_start};
use crate::base::Sha256Writer;
use crate::base::{Basis, Text};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes that are read at once.
const BUFFER: usize = 256 << 10;

/// A wheel whose list was read.
#[derive(Clone, Debug)]
pub struct Archive {
    path: PathBuf,
    /// In the order of `info.contents.files`.
    entries: Vec<ZipEntry>,
    /// What it says of itself.
    pub info: WheelInfo,
    /// Its `RECORD`.
    pub record: Vec<u8>,
}

impl Archive {
    /// Reads the list of a wheel.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is none that an installer takes.
    pub fn open(path: &Path) -> Result<Self, String> {
        let mut listed = read_file(path, &is_wanted).map_err(|error| error.to_string())?;
        super::read::check_record(&listed)?;
        let is_record = |at: &usize| super::read::is_record(&listed.files[*at].name);
        let record = listed.contents.iter().find(|(at, _)| is_record(at)).map(|(_, content)| content.clone());
        let record = record.ok_or("it has no RECORD, or one that is too long")?;
        let entries: Vec<ZipEntry> = listed.files.iter().filter(|entry| !entry.name.ends_with(b"/")).cloned().collect();
        listed.whole = None;
        let info = WheelInfo::of(listed, Basis::Measured).ok_or("a path in it leads out of it")?;
        Ok(Self { path: path.to_owned(), entries, info, record })
    }

    /// Whether a file of it is a program, by its mode.
    pub fn is_executable(&self, at: usize) -> bool {
        self.entries.get(at).is_some_and(|entry| entry.is_executable())
    }

    /// The bytes of a file, handed on piece by piece; compared with the list's size and checksum.
    ///
    /// # Errors
    ///
    /// It cannot be read or is not what the list says; those of `each`.
    pub fn copy(&self, at: usize, each: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let wrong = |what: &str| {
            let name = self.entries.get(at).map(|entry| Text::of_bytes(&entry.name)).unwrap_or_default();
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {name}: {what}", Text::of_path(&self.path)))
        };
        let entry = self.entries.get(at).ok_or_else(|| wrong("it is not there"))?;
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(entry.offset))?;
        let mut head = [0; LOCAL_HEADER as usize];
        file.read_exact(&mut head)?;
        let start = data_start(&head).ok_or_else(|| wrong("it does not stand where the list says"))?;
        file.seek(SeekFrom::Start(entry.offset + start))?;
        let packed = BufReader::with_capacity(BUFFER, file).take(entry.packed);
        let mut content: Box<dyn Read> = match entry.method {
            0 => Box::new(packed),
            8 => Box::new(flate2::bufread::DeflateDecoder::new(packed)),
            _ => return Err(wrong("it is neither stored nor deflated")),
        };
        let (mut crc, mut size) = (flate2::Crc::new(), 0u64);
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            size += count as u64;
            if size > entry.size {
                return Err(wrong("it is longer than the list says"));
            }
            crc.update(&buffer[..count]);
            each(&buffer[..count])?;
        }
        match size == entry.size && crc.sum() == entry.crc32 {
            true => Ok(()),
            false => Err(wrong("it is not what the list says")),
        }
    }

    /// A small file, whole.
    ///
    /// # Errors
    ///
    /// As for [`Archive::copy`]; it has more than `most` bytes.
    pub fn read(&self, at: usize, most: u64) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        self.copy(at, &mut |bytes| match (out.len() + bytes.len()) as u64 > most {
            true => Err(io::Error::new(io::ErrorKind::InvalidData, format!("a file of it has more than {most} bytes"))),
            false => {
                out.extend_from_slice(bytes);
                Ok(())
            }
        })?;
        Ok(out)
    }
}

/// The SHA-256 of a file on disk.
pub(crate) fn digest_of(path: &Path) -> io::Result<crate::base::Digest> {
    let (mut file, mut digest) = (File::open(path)?, Sha256Writer::default());
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(digest.finish()),
            Ok(count) => digest.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
