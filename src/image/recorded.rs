//! Recorded images: an image's index in a file, enough to audit and plan again without the image.
//!
//! The format: 8 bytes of magic, the schema version (u32, little endian), the SHA-256 of what follows, and an
//! [`Image`] in postcard, compressed with zstd. A file of another version, or one that is damaged, is an error.
//! Before it is written what decides nothing is left out: RECORD's digests of files that only one distribution
//! lists.

use super::{Image, ImageError};
use crate::base::{Digest, MASK, Memory, clean_path, deserialize_within, is_hidden};
use crate::layer::{EntryKind, LayerIndex, recorded_paths};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

/// The first bytes of a recorded index.
pub const MAGIC: &[u8] = b"SLIMIDX\n";
const SCHEMA: u32 = 5;
const HEAD: usize = 8 + 4 + 32;
/// How a row of the form's one list of problems begins that says that something could not be read ([`Image::unread`]).
const UNREAD: &str = "cannot read: ";
/// Bytes of an image's layers: sums of them must not overflow.
const MAX_BYTES: u64 = 1 << 60;
/// A recorded index is small (that of an image of 8 GB has 12 MB, unpacked); one that unpacks to more bytes is refused.
const MAX_UNPACKED: u64 = 96 << 20;
/// Memory that what is in it may take.
const MAX_DECODED: usize = 160 << 20;

/// Writes an image. Of its environment the variables that something is read from here have their values; of the others
/// the names alone are recorded, because a file that is handed on is no place for what only the service has to know.
/// Errors are those of the writer.
pub fn write_recorded(image: &Image, out: &mut dyn Write) -> std::io::Result<()> {
    let mut image = image.clone();
    image.config.env.iter_mut().for_each(|pair| *pair = needed(pair));
    write_with_environment(&image, out)
}

/// [`write_recorded`] with the values of all variables, of secrets apart.
pub fn write_with_environment(image: &Image, out: &mut dyn Write) -> std::io::Result<()> {
    let mut image = image.clone();
    image.config = image.config.without_secrets();
    // The form has one list of problems.
    image.problems.append(&mut image.unread);
    thin(&mut image);
    let bytes = postcard::to_stdvec(&image).map_err(std::io::Error::other)?;
    if bytes.len() as u64 > MAX_UNPACKED {
        let message =
            format!("the image's index has {} bytes, and at most {MAX_UNPACKED} would be read again", bytes.len());
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, message));
    }
    pack(&bytes, 19, out)
}

/// A variable of the environment, with its value if it says how Python, its installers, the loader or a GPU is used, or
/// which version something has.
fn needed(pair: &str) -> String {
    const NAMES: [&str; 13] = [
        "PATH",
        "HOME",
        "LANG",
        "LANGUAGE",
        "TZ",
        "VIRTUAL_ENV",
        "DEBIAN_FRONTEND",
        "LD_LIBRARY_PATH",
        "LD_PRELOAD",
        "GPG_KEY",
        "DJANGO_SETTINGS_MODULE",
        "FLASK_APP",
        "CUDA_HOME",
    ];
    const STARTS: [&str; 12] =
        ["PYTHON", "LC_", "PIP_", "PIPENV_", "PIPX_", "UV_", "POETRY_", "PDM_", "CONDA_", "MAMBA_", "NVIDIA_", "NV_"];
    let Some((name, _)) = pair.split_once('=') else { return pair.to_owned() };
    let is_needed =
        NAMES.contains(&name) || STARTS.iter().any(|start| name.starts_with(start)) || name.ends_with("_VERSION");
    if is_needed { pair.to_owned() } else { format!("{name}={MASK}") }
}

/// Reads a recorded image from its bytes; `path` is for errors.
pub fn read_recorded(path: &Path, bytes: &[u8]) -> Result<Image, ImageError> {
    let mut image: Image = unpack(bytes).map_err(|why| ImageError::shape(path, why))?;
    // Anybody may have written it.
    image.config = image.config.without_secrets();
    (image.unread, image.problems) =
        image.problems.into_iter().partition(|problem| problem.message.starts_with(UNREAD));
    check(&image).map_err(|why| ImageError::shape(path, format!("the recorded index is damaged: {why}")))?;
    Ok(image)
}

/// Writes a value, in postcard, in the form of a recorded index.
pub(super) fn pack(bytes: &[u8], level: i32, out: &mut dyn Write) -> std::io::Result<()> {
    let packed = zstd::bulk::compress(bytes, level)?;
    out.write_all(MAGIC)?;
    out.write_all(&SCHEMA.to_le_bytes())?;
    out.write_all(&Digest::of(&packed).0)?;
    out.write_all(&packed)
}

/// Reads a value back; the error says why it cannot be trusted.
pub(super) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let damaged = |why: &str| format!("the recorded index is damaged: {why}");
    if bytes.len() < HEAD || !bytes.starts_with(MAGIC) {
        return Err("expected an index written by `slimwright index`, found another file".into());
    }
    let schema = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
    if schema != SCHEMA {
        return Err(format!(
            "expected a recorded index of version {SCHEMA}, found version {schema}; record the image again"
        ));
    }
    let packed = &bytes[HEAD..];
    if Digest::of(packed).0 != bytes[12..HEAD] {
        return Err(damaged("its checksum does not match"));
    }
    let mut unpacked = Vec::new();
    let decoder = zstd::stream::read::Decoder::new(packed).map_err(|error| damaged(&error.to_string()))?;
    decoder.take(MAX_UNPACKED + 1).read_to_end(&mut unpacked).map_err(|error| damaged(&error.to_string()))?;
    if unpacked.len() as u64 > MAX_UNPACKED {
        return Err(format!("expected a recorded index of at most {MAX_UNPACKED} bytes unpacked, found a larger one"));
    }
    decode(&unpacked).map_err(|why| damaged(&why))
}

/// Decodes a value within its bound on memory.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let memory = Memory::new(MAX_DECODED);
    let mut from = postcard::Deserializer::from_bytes(bytes);
    let value = deserialize_within(&mut from, &memory);
    match memory.is_spent() {
        true => Err(format!("what is in it takes more than {MAX_DECODED} bytes of memory")),
        false => value.map_err(|error| error.to_string()),
    }
}

/// What every image that was read has, and what this file may not have although its checksum is right: anybody
/// can write a checksum.
fn check(image: &Image) -> Result<(), &'static str> {
    image.layers.iter().try_for_each(|layer| check_layer(layer))?;
    let escaped = |text: &str| !text.chars().any(is_hidden);
    if !image.gaps.iter().all(|gap| escaped(&gap.place) && escaped(&gap.command)) {
        return Err("a text that is not escaped");
    }
    if image.unpacked() > MAX_BYTES {
        return Err("more bytes than any image has");
    }
    Ok(())
}

/// [`check`] for one layer.
pub(super) fn check_layer(layer: &LayerIndex) -> Result<(), &'static str> {
    let is_clean = |path: &[u8]| *clean_path(path) == *path;
    if !layer.entries.iter().all(|entry| is_clean(entry.path.as_bytes())) {
        return Err("a path is not as an index has it");
    }
    if layer.contents.keys().any(|&position| position as usize >= layer.entries.len()) {
        return Err("the content of an entry that is not there");
    }
    if layer.entries.iter().any(|entry| entry.size > 0 && entry.kind != EntryKind::File) {
        return Err("bytes of what is no file");
    }
    if layer.unpacked() > MAX_BYTES {
        return Err("more bytes than any image has");
    }
    Ok(())
}

/// Leaves out what decides nothing.
fn thin(image: &mut Image) {
    let mut times_listed: HashMap<Vec<u8>, usize> = HashMap::new();
    for_each_record(image, |site, record| {
        for path in recorded_paths(record) {
            *times_listed.entry(installed(site, path)).or_default() += 1;
        }
    });
    let shared = |site: &[u8], path: &[u8]| times_listed.get(&installed(site, path)).is_some_and(|count| *count > 1);
    for layer in image.layers.iter_mut().map(Arc::make_mut) {
        let entries = &layer.entries;
        for (position, content) in &mut layer.contents {
            let path = entries.get(*position as usize).map_or(&b""[..], |entry| entry.path.as_bytes());
            if let Some(site) = record_site(path) {
                *content = thin_record(content, |row| shared(site, row));
            }
        }
    }
}

/// Where a RECORD's path is: one spelled `../../bin/x` may be listed from another site directory too.
fn installed(site: &[u8], path: &[u8]) -> Vec<u8> {
    clean_path(&[site, path].join(&b'/')).into_owned()
}

fn for_each_record(image: &Image, mut visit: impl FnMut(&[u8], &[u8])) {
    for layer in &image.layers {
        for (position, content) in &layer.contents {
            let path = layer.entries.get(*position as usize).map_or(&b""[..], |entry| entry.path.as_bytes());
            if let Some(site) = record_site(path) {
                visit(site, content);
            }
        }
    }
}

/// The site directory of a RECORD, if the path is one.
pub(super) fn record_site(path: &[u8]) -> Option<&[u8]> {
    let dir = path.strip_suffix(b"/RECORD")?;
    dir.ends_with(b".dist-info").then(|| crate::base::parent(dir))
}

/// RECORD without the digests of rows that `keeps` does not want. Rows with a quoted path stay as they are.
fn thin_record(record: &[u8], keeps: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(record.len() / 2);
    for line in record.split_inclusive(|&byte| byte == b'\n') {
        let text = line.trim_ascii_end();
        let parts: Vec<&[u8]> = text.split(|&byte| byte == b',').collect();
        match parts[..] {
            [path, _, size] if !text.starts_with(b"\"") && !keeps(path) => {
                out.extend_from_slice(&[path, b"", size].join(&b','));
                out.push(b'\n');
            }
            _ => out.extend_from_slice(line),
        }
    }
    out
}
