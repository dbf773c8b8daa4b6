//! What a suite says of itself: which indexes there are, how large they are, and their digests.
//!
//! Source: Debian's page on the format of repositories ("Release" files, `Acquire-By-Hash`,
//! `No-Support-for-Architecture-all`, `NotAutomatic`); RFC 9580, section 7 (clear text with a signature).

use crate::base::Digest;
use serde::{Deserialize, Serialize};

/// Most indexes of a suite that are remembered.
const MAX_FILES: usize = 20_000;

/// A suite.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// `stable`.
    pub suite: String,
    /// `bookworm`.
    pub codename: String,
    /// Its packages are installed only when asked for by suite (`NotAutomatic: yes`): backports, experimental.
    pub not_automatic: bool,
    /// … but are upgraded in it (`ButAutomaticUpgrades: yes`).
    pub but_upgrades: bool,
    /// Files can be had by their digests.
    pub by_hash: bool,
    /// Packages for all architectures are in each architecture's index, too.
    pub all_in_each: bool,
    /// The indexes of packages and of translated descriptions, sorted by path.
    pub files: Vec<ListedFile>,
}

/// A file of a suite.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListedFile {
    /// Relative to the suite: `main/binary-amd64/Packages.xz`.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Its digest.
    pub digest: Digest,
}

impl Release {
    /// The file at a path.
    pub fn file(&self, path: &str) -> Option<&ListedFile> {
        let at = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        self.files.get(at)
    }
}

/// Reads an `InRelease` or a `Release`. Of the former only the text that is signed counts.
pub fn parse_release(bytes: &[u8]) -> Result<Release, String> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let signed = text.starts_with("-----BEGIN PGP SIGNED MESSAGE-----");
    if signed {
        // The headers of the signature, up to an empty line.
        lines.find(|line| line.trim().is_empty());
    }
    let mut out = Release::default();
    let mut in_digests = false;
    let mut any = false;
    for line in lines {
        let line = match line.strip_prefix("- ").filter(|_| signed) {
            Some(escaped) => escaped,
            None if signed && line.starts_with("-----BEGIN PGP SIGNATURE-----") => break,
            None => line,
        };
        if line.starts_with([' ', '\t']) {
            if in_digests && out.files.len() < MAX_FILES {
                out.files.extend(listed(line));
            }
            continue;
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        let yes = value.eq_ignore_ascii_case("yes");
        in_digests = name == "sha256";
        any |= in_digests;
        match name.as_str() {
            "suite" => value.clone_into(&mut out.suite),
            "codename" => value.clone_into(&mut out.codename),
            "notautomatic" => out.not_automatic = yes,
            "butautomaticupgrades" => out.but_upgrades = yes,
            "acquire-by-hash" => out.by_hash = yes,
            "no-support-for-architecture-all" => out.all_in_each = value == "Packages",
            _ => {}
        }
    }
    if !any {
        return Err("expected a list of SHA-256 digests (`SHA256:`), found none".into());
    }
    out.files.sort();
    out.files.dedup_by(|a, b| a.path == b.path);
    Ok(out)
}

/// `DIGEST SIZE PATH`, if it is an index of packages or of descriptions, and the path stays in its folder.
fn listed(line: &str) -> Option<ListedFile> {
    let mut words = line.split_whitespace();
    let (digest, size, path) = (words.next()?, words.next()?, words.next()?);
    let name = path.rsplit('/').next().unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let inside = !path.starts_with('/') && path.split('/').all(|part| part != ".." && !part.is_empty());
    let wanted = (stem == "Packages" || stem == "Translation-en") && !path.contains(".diff/");
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'%'));
    let file = || {
        let digest = format!("sha256:{digest}").parse().ok()?;
        Some(ListedFile { path: path.to_owned(), size: size.parse().ok()?, digest })
    };
    (inside && wanted && plain).then(file).flatten()
}
