//! Paths inside an image: bytes, relative to the root, cleaned.

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};
use std::borrow::{Borrow, Cow};
use std::fmt;
use std::sync::Arc;

/// A cleaned path: no leading or trailing slash, no `.`, `..` or empty component; the root is empty.
/// Bytes, because a tar's names need not be UTF-8. Clones share them: many facts are about the same path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ImagePath(Arc<[u8]>);

impl ImagePath {
    /// Cleans `raw`. `..` never leaves the root, as if the path were resolved in a root directory.
    pub fn new(raw: &[u8]) -> Self {
        Self(Arc::from(&*clean_path(raw)))
    }

    /// The cleaned bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// This path and one more component or relative path.
    pub fn join(&self, relative: &[u8]) -> Self {
        Self::new(&[&self.0, relative].join(&b'/'))
    }

    /// Whether this is the root directory.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

/// With a leading slash, escaped for a terminal.
impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", super::Text::of_bytes(&self.0))
    }
}

impl fmt::Debug for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<&str> for ImagePath {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl Borrow<[u8]> for ImagePath {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for ImagePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for ImagePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Bytes)
    }
}

/// Reads a path in one piece, which for a sequence of bytes takes a step for each of them.
struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = ImagePath;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a path")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<ImagePath, E> {
        Ok(ImagePath(Arc::from(bytes)))
    }
}

/// Removes leading, trailing and double slashes and `.`; resolves `..` without leaving the root.
pub fn clean_path(raw: &[u8]) -> Cow<'_, [u8]> {
    let trimmed = raw.strip_prefix(b"./").unwrap_or(raw);
    let trimmed = trimmed.strip_suffix(b"/").unwrap_or(trimmed);
    // Most paths are clean, and this is asked often: first whether an odd component may begin anywhere.
    let suspect = matches!(trimmed, [] | [b'.' | b'/', ..] | [.., b'/']) || starts_odd_component(trimmed);
    let odd = |part: &[u8]| part.is_empty() || part == b"." || part == b"..";
    if !suspect || !trimmed.split(|&b| b == b'/').any(odd) {
        return Cow::Borrowed(trimmed);
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in raw.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    Cow::Owned(parts.join(&b'/'))
}

/// Whether a slash is followed by another one or by a dot. Looks at all of the path, many bytes at a time.
fn starts_odd_component(path: &[u8]) -> bool {
    let pairs = path.iter().zip(path.get(1..).unwrap_or_default());
    pairs.fold(false, |odd, (&first, &second)| odd | (first == b'/') & ((second == b'/') | (second == b'.')))
}

/// The directory of a cleaned path; the root's is the root.
pub fn parent(path: &[u8]) -> &[u8] {
    memchr::memrchr(b'/', path).map_or(b"", |slash| &path[..slash])
}

/// The directories above a cleaned path, the root last.
pub fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(parent(path)), |dir| (!dir.is_empty()).then(|| parent(dir)))
}

/// The last component of a cleaned path.
pub fn file_name(path: &[u8]) -> &[u8] {
    memchr::memrchr(b'/', path).map_or(path, |slash| &path[slash + 1..])
}

/// Whether cleaned `path` is `dir` or below it.
pub fn is_within(path: &[u8], dir: &[u8]) -> bool {
    dir.is_empty() || path.strip_prefix(dir).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// Whether a path is in a folder `.cache`. Poetry's environments are in its own one, and are none.
pub fn is_in_cache(path: &[u8]) -> bool {
    let mut parts = path.split(|&byte| byte == b'/');
    while let Some(part) = parts.next() {
        let is_environment = || parts.clone().take(2).eq([&b"pypoetry"[..], b"virtualenvs"]);
        if part == b".cache" && !is_environment() {
            return true;
        }
    }
    false
}

/// A name in a folder, both clean; of the root directory the name alone.
pub fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() { name.to_vec() } else { [dir, name].join(&b'/') }
}

/// Whether a path is a cache of compiled code (PEP 3147), which installers may list or not (PEP 376).
pub fn is_bytecode(path: &[u8]) -> bool {
    path.ends_with(b".pyc") && file_name(parent(path)) == b"__pycache__"
}

/// The source of `DIR/__pycache__/NAME.TAG.pyc` (PEP 3147): `DIR/NAME.py`; none of other paths.
pub fn source_of_bytecode(bytecode: &[u8]) -> Option<Vec<u8>> {
    let dir = parent(bytecode).strip_suffix(b"__pycache__")?;
    let stem = file_name(bytecode).strip_suffix(b".pyc")?.split(|&b| b == b'.').next()?;
    Some([dir, stem, b".py"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_and_stay_inside() {
        for (raw, clean) in [
            ("./usr/bin/", "usr/bin"),
            ("/etc//passwd", "etc/passwd"),
            ("a/../../../etc", "etc"),
            ("./", ""),
            (".", ""),
            ("/", ""),
            ("a/./b", "a/b"),
            ("..", ""),
        ] {
            assert_eq!(ImagePath::from(raw).as_bytes(), clean.as_bytes(), "{raw}");
        }
    }

    #[test]
    fn within_means_whole_components() {
        assert!(is_within(b"usr/lib", b"usr"));
        assert!(!is_within(b"usrlocal", b"usr"));
        assert_eq!((parent(b"a/b/c"), file_name(b"a/b/c"), parent(b"a")), (&b"a/b"[..], &b"c"[..], &b""[..]));
    }
}
