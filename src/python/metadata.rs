//! METADATA and PKG-INFO: e-mail headers (core metadata specification).

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

/// Parses METADATA. Tolerant of what real files hold: CRLF, folded headers, bytes that are no UTF-8.
pub fn parse_metadata(bytes: &[u8]) -> Result<Metadata, MetadataError> {
    let _ = bytes;
    Err(MetadataError::Missing("Name"))
}

/// PEP 503: lower case, runs of `-`, `_` and `.` become one `-`.
pub fn normalize_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.trim().chars() {
        if matches!(c, '-' | '_' | '.') {
            if !out.ends_with('-') {
                out.push('-');
            }
        } else {
            out.extend(c.to_lowercase());
        }
    }
    out
}
