//! What a file is that holds no image, told from its first bytes: people point at the wrong file more often than at a damaged
//! one.

use crate::base::Hint;
use std::fmt;

/// A file that is no archive of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strange {
    /// It holds no file.
    Empty,
    /// What has a well-known start, by its name.
    Known(&'static str),
    /// Compressed by a program whose files are not read, and the program that unpacks it.
    Compressed(&'static str, &'static str),
    /// Text without a further sign.
    Text,
    /// A tar with a root file system and without a configuration, as `docker export` writes.
    RootFileSystem,
    /// Nothing that is known.
    Other,
}

/// Starts of files.
const STARTS: [(&[u8], Strange); 13] = [
    (b"PK\x03\x04", Strange::Known("a zip archive")),
    (b"PK\x05\x06", Strange::Known("an empty zip archive")),
    (b"# v2 git bundle", Strange::Known("a git bundle")),
    (b"# v3 git bundle", Strange::Known("a git bundle")),
    (b"\x7fELF", Strange::Known("a program")),
    (b"%PDF", Strange::Known("a PDF")),
    (b"SQLite format 3", Strange::Known("an SQLite database")),
    (b"\x89HDF", Strange::Known("an HDF5 file")),
    (b"hsqs", Strange::Known("a squashfs image")),
    (b"Rar!", Strange::Known("a RAR archive")),
    (b"7z\xbc\xaf\x27\x1c", Strange::Compressed("a 7-Zip archive", "7z x")),
    (b"\xfd7zXZ", Strange::Compressed("an xz file", "unxz -k")),
    (b"BZh", Strange::Compressed("a bzip2 file", "bunzip2 -k")),
];

impl Strange {
    /// What a file begins with that could not be read as a tar; `None` where it does begin as one.
    pub fn of(head: &[u8]) -> Option<Self> {
        if head.is_empty() {
            return Some(Self::Empty);
        }
        if let Some((_, known)) = STARTS.iter().find(|(start, _)| head.starts_with(start)) {
            return Some(*known);
        }
        let is_text = || {
            !head.iter().any(|byte| *byte < 0x20 && !b"\t\n\r\x0c".contains(byte))
                && std::str::from_utf8(head).map_or_else(|error| error.valid_up_to() + 4 > head.len(), |_| true)
        };
        match begins_a_tar(head) {
            true => None,
            false if is_text() => Some(Self::Text),
            false => Some(Self::Other),
        }
    }

    /// Of a tar without what an archive of an image has, by the names of its members.
    pub fn of_tar<'n>(mut names: impl Iterator<Item = &'n [u8]>) -> Option<Self> {
        let Some(first) = names.next() else { return Some(Self::Empty) };
        let is_root =
            |name: &[u8]| matches!(name, b".dockerenv" | b"etc/passwd" | b"etc/os-release" | b"usr/lib/os-release");
        (is_root(first) || names.any(is_root)).then_some(Self::RootFileSystem)
    }
}

/// Whether the first header's sum is right.
fn begins_a_tar(head: &[u8]) -> bool {
    let Some(header) = head.get(..512) else { return false };
    let field = String::from_utf8_lossy(&header[148..156]);
    let told = u32::from_str_radix(field.trim_matches(|c: char| c == ' ' || c == '\0'), 8);
    let sum: u32 =
        header.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
    told == Ok(sum)
}

impl fmt::Display for Strange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no file in it",
            Self::Known(name) | Self::Compressed(name, _) => name,
            Self::Text => "a text file",
            Self::RootFileSystem => "a root file system without an image's configuration",
            Self::Other => "a file that is no tar, and not compressed by gzip or zstd",
        })
    }
}

impl Hint for Strange {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Compressed(_, unpack) => format!("unpack it first (`{unpack} FILE`), and name what comes out"),
            Self::RootFileSystem => {
                "`docker export` leaves the image's settings and layers out: use `docker save NAME -o image.tar`, or unpack it and name dir:FOLDER".into()
            }
            _ => "an image is saved with `docker save NAME -o image.tar`; a folder with a Dockerfile is a target, too".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Strange;

    #[test]
    fn what_begins_as_a_tar_is_left_to_its_reader() {
        let mut header = [0; 512];
        header[..4].copy_from_slice(b"name");
        header[156] = b'0';
        let sum = header.iter().map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        assert_eq!(Strange::of(&header), None);
        header[0] = b'x';
        assert_eq!(Strange::of(&header), Some(Strange::Other));
        assert_eq!(Strange::of("services:\n  ä".as_bytes()), Some(Strange::Text));
        assert_eq!(Strange::of(b""), Some(Strange::Empty));
    }
}
