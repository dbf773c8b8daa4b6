//! METADATA and PKG-INFO: e-mail headers (core metadata specification).

/// Requirements of one distribution that are read; the largest known have about a thousand.
pub(super) const MAX_REQUIRES: usize = 10_000;

/// The longest section of a `requires.txt`, in bytes: it is written behind each requirement below it.
const MAX_SECTION: usize = 4096;

/// The fields of METADATA that are used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `Name`.
    pub name: String,
    /// `Version`.
    pub version: String,
    /// `Requires-Dist`, in order.
    pub requires: Vec<String>,
    /// `Requires-Python`.
    pub requires_python: Option<String>,
    /// `Provides-Extra`.
    pub extras: Vec<String>,
}

/// Why a METADATA file is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MetadataError {
    /// A required header is not there.
    #[error("expected a `{0}` header, found none")]
    Missing(&'static str),
}

/// Parses METADATA. Tolerant of what real files hold: CRLF, folded headers, bytes that are no UTF-8. Of more than
/// `MAX_REQUIRES` requirements the first are read, and one more, so that who reads them knows.
pub fn parse_metadata(bytes: &[u8]) -> Result<Metadata, MetadataError> {
    let mut out = Metadata::default();
    headers(bytes, |name, value| out.set(name, value));
    match () {
        () if out.name.is_empty() => Err(MetadataError::Missing("Name")),
        () if out.version.is_empty() => Err(MetadataError::Missing("Version")),
        () => Ok(out),
    }
}

impl Metadata {
    fn set(&mut self, name: &str, value: &str) {
        let value = value.trim();
        let unset = value.is_empty() || value == "UNKNOWN";
        let push = |list: &mut Vec<String>| {
            if !unset && list.len() <= MAX_REQUIRES {
                list.push(value.to_owned());
            }
        };
        match name.to_ascii_lowercase().as_str() {
            "name" if self.name.is_empty() => self.name = value.to_owned(),
            "version" if self.version.is_empty() => self.version = value.to_owned(),
            "requires-dist" => push(&mut self.requires),
            "requires-python" if !unset => self.requires_python = Some(value.to_owned()),
            "provides-extra" => push(&mut self.extras),
            _ => {}
        }
    }
}

/// Hands out the headers up to the first empty line; folded lines are joined by a space.
fn headers(bytes: &[u8], mut each: impl FnMut(&str, &str)) {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut current: Option<(String, String)> = None;
    for line in bytes.split(|&b| b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            // Some old writers begin with an empty line; headers end at the first one after a header.
            if current.is_none() { continue } else { break }
        }
        let text = String::from_utf8_lossy(line);
        if line[0] == b' ' || line[0] == b'\t' {
            if let Some((_, value)) = &mut current {
                value.push(' ');
                value.push_str(text.trim());
            }
        } else if let Some((name, value)) = text.split_once(':') {
            let before = current.replace((name.trim_end().to_owned(), value.to_owned()));
            before.iter().for_each(|(name, value)| each(name, value));
        }
    }
    current.iter().for_each(|(name, value)| each(name, value));
}

/// The requirements in an egg-info's `requires.txt`, as `Requires-Dist` would have them: a section `[extra:marker]`,
/// each part of which may be empty, says when those below it apply.
pub(super) fn parse_requires_txt(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut marker = String::new();
    let mut out = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if out.len() > MAX_REQUIRES {
            break;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            // A longer one is no marker that could be read: what is below it is not, either.
            let section = if section.len() > MAX_SECTION { ":?" } else { section };
            let (extra, condition) = section.split_once(':').unwrap_or((section, ""));
            marker = match (extra.trim(), condition.trim()) {
                ("", condition) => condition.to_owned(),
                (extra, "") => format!("extra == \"{extra}\""),
                (extra, condition) => format!("({condition}) and extra == \"{extra}\""),
            };
        } else if marker.is_empty() {
            out.push(line.to_owned());
        } else {
            out.push(format!("{line} ; {marker}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_of_requires_txt_become_markers() {
        let text = "a>=1\n\n[:python_version < \"3\"]\nb\n\n[test]\nc\n# no\n\n[fast:os_name == \"nt\"]\nd[e]\n";
        let expected = [
            "a>=1",
            "b ; python_version < \"3\"",
            "c ; extra == \"test\"",
            "d[e] ; (os_name == \"nt\") and extra == \"fast\"",
        ];
        assert_eq!(parse_requires_txt(text.as_bytes()), expected);
    }
}
