//! What an archive of conda's unpacks to, as it says itself: `info/paths.json` stands in a small part of a `.conda` file,
//! which two range requests fetch.
//!
//! Source: conda's package formats (CEP 35 on `paths.json`; a `.conda` file is a zip of `info-….tar.zst` and `pkg-….tar.zst`).

use crate::base::{Text, clean_path};
use crate::layer::{Entry as TarEntry, Limits, Streamed, visit_tar};
use crate::wheel::Listed;
use serde::Deserialize;
use std::io::Read;

/// What the part that tells unpacks to at most, in bytes.
const MAX_INFO: u64 = 256 << 20;
/// The list of files of a package, in bytes at most.
const MAX_LIST: u64 = 64 << 20;

/// What a package has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Its files, relative to the environment, as the archive has them.
    pub files: Vec<PackedFile>,
    /// Whether it goes with every Python: its modules stand below `site-packages`, and are compiled when it is installed.
    pub any_python: bool,
    /// The start scripts that an installer makes.
    pub scripts: Vec<String>,
}

/// A file of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackedFile {
    /// Its path, without a slash before it.
    pub path: String,
    /// Its bytes (`unpacked`).
    pub size: u64,
    /// Whether it is a symbolic link.
    pub link: bool,
    /// By how many bytes it gets shorter at least for every byte that the environment's prefix is shorter than that, where
    /// the prefix stands in it as text.
    pub placeholder: Option<usize>,
}

#[derive(Deserialize)]
struct Paths {
    #[serde(default)]
    paths: Vec<PathRow>,
}

#[derive(Deserialize)]
struct PathRow {
    #[serde(rename = "_path")]
    path: String,
    #[serde(default)]
    path_type: String,
    #[serde(default)]
    size_in_bytes: u64,
    #[serde(default)]
    prefix_placeholder: Option<String>,
    #[serde(default)]
    file_mode: Option<String>,
}

#[derive(Default, Deserialize)]
struct Link {
    #[serde(default)]
    noarch: Noarch,
}

#[derive(Default, Deserialize)]
struct Noarch {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    entry_points: Vec<String>,
}

/// Whether a file of the archive is the part that tells.
pub fn is_info(name: &[u8]) -> bool {
    name.starts_with(b"info-") && name.ends_with(b".tar.zst")
}

/// What an archive of the newer format has, of which the part that tells was read.
///
/// # Errors
///
/// What was expected.
pub fn contents(listed: &Listed) -> Result<Contents, String> {
    let info = listed.contents.values().next().ok_or("expected `info-….tar.zst` in it, found none")?;
    let mut decoder = zstd::stream::read::Decoder::with_buffer(&info[..]).map_err(|error| error.to_string())?;
    decoder.window_log_max(26).map_err(|error| error.to_string())?;
    let (mut paths, mut link) = (None, None);
    let mut visit = |entry: &TarEntry, body: &mut dyn Read| {
        let mut text = Vec::new();
        let slot = match entry.path.as_bytes() {
            b"info/paths.json" => &mut paths,
            b"info/link.json" => &mut link,
            _ => return,
        };
        if body.take(MAX_LIST).read_to_end(&mut text).is_ok() {
            *slot = Some(text);
        }
    };
    let limits = Limits { unpacked: MAX_INFO, entries: 10_000, ..Limits::default() };
    visit_tar(&mut Streamed(decoder), &limits, &mut visit).map_err(|error| error.to_string())?;
    let paths = paths.ok_or("expected `info/paths.json` in it, found none")?;
    let wrong = |error: serde_json::Error| format!("info/paths.json: {}", Text::of(&error));
    let paths: Paths = serde_json::from_slice(&paths).map_err(wrong)?;
    let link: Link = link.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let file = |row: PathRow| {
        let clean = clean_path(row.path.as_bytes());
        let is_text = row.file_mode.as_deref() == Some("text");
        Some(PackedFile {
            path: std::str::from_utf8(&clean).ok()?.to_owned(),
            size: row.size_in_bytes,
            link: row.path_type == "softlink",
            placeholder: row.prefix_placeholder.filter(|_| is_text).map(|text| text.len()),
        })
    };
    let script = |text: &String| text.split('=').next().map(|name| name.trim().to_owned());
    Ok(Contents {
        files: paths.paths.into_iter().filter(|row| row.path_type != "directory").filter_map(file).collect(),
        any_python: link.noarch.kind == "python",
        scripts: link.noarch.entry_points.iter().filter_map(script).collect(),
    })
}
