//! Explicit lists of conda packages: `@EXPLICIT`, and the place of an archive a line, with its digest.
//!
//! Source: conda's documentation ("Building identical conda environments"); libmamba reads the same.

use crate::base::file_name;

/// A package of an explicit list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locked {
    /// The line, from 1.
    pub line: usize,
    /// Where its archive is.
    pub url: String,
    /// The MD5 or SHA-256 digest behind `#`, in lower case; empty where there is none.
    pub digest: String,
}

/// The parts of `NAME-VERSION-BUILD.conda`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveName<'n> {
    /// Name.
    pub name: &'n str,
    /// Version.
    pub version: &'n str,
    /// Build.
    pub build: &'n str,
}

impl Locked {
    /// What its archive's name says.
    pub fn name(&self) -> Option<ArchiveName<'_>> {
        archive_name(&self.url)
    }
}

/// What the name of an archive says: at the end of a path or a URL, or by itself.
pub fn archive_name(place: &str) -> Option<ArchiveName<'_>> {
    let file = std::str::from_utf8(file_name(place.as_bytes())).ok()?;
    let stem = file.strip_suffix(".conda").or_else(|| file.strip_suffix(".tar.bz2"))?;
    let (rest, build) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    (!name.is_empty()).then_some(ArchiveName { name, version, build })
}

/// Whether a text is an explicit list.
pub fn is_explicit(text: &str) -> bool {
    text.lines().any(|line| line.trim() == "@EXPLICIT")
}

/// Reads an explicit list; none where the text is none.
pub fn parse_explicit(text: &str) -> Option<Vec<Locked>> {
    if !is_explicit(text) {
        return None;
    }
    let line = |(at, line): (usize, &str)| {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with('@') {
            return None;
        }
        let (url, digest) = line.split_once('#').unwrap_or((line, ""));
        let digest = digest.trim().trim_start_matches("sha256:").to_ascii_lowercase();
        Some(Locked { line: at + 1, url: url.trim().to_owned(), digest })
    };
    Some(text.lines().enumerate().filter_map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explicit_list_names_archives_with_their_digests() {
        let text = "# platform: linux-64\n@EXPLICIT\nhttps://c.example/forge/linux-64/a-b-1.2-h0_1.conda#AB12\n\n# x\nhttps://c.example/forge/noarch/c-1-0.tar.bz2\n";
        let all = parse_explicit(text).expect("it is one");
        assert_eq!(all.len(), 2);
        assert_eq!((all[0].line, all[0].digest.as_str()), (3, "ab12"));
        assert_eq!(all[0].name(), Some(ArchiveName { name: "a-b", version: "1.2", build: "h0_1" }));
        assert_eq!(all[1].name().map(|name| name.name), Some("c"));
        assert_eq!((parse_explicit("numpy=1\n"), archive_name("x-1.conda")), (None, None));
    }
}
