//! What can go wrong between here and a registry.

use super::Reference;
use crate::base::{Digest, Hint, Text};
use std::path::Path;

/// Most characters of somebody else's text in a message.
const MAX_QUOTED: usize = 300;

/// Why something could not be read from a registry. Every text names the place (`host/repository`, never with
/// credentials or a query), what was expected and what was found.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A reference that is none.
    #[error("image reference `{text}`: expected {expected}, found {found}")]
    Reference {
        /// As written, escaped.
        text: String,
        /// The rule.
        expected: &'static str,
        /// What breaks it.
        found: String,
    },
    /// `insecure` for a registry on another machine.
    #[error("{host}: expected a registry on this machine (localhost, 127.0.0.0/8, [::1]) where --insecure is given")]
    Insecure {
        /// The host.
        host: String,
    },
    /// A file with credentials is damaged or cannot be read.
    #[error("{path}: {message}")]
    AuthFile {
        /// The file, escaped.
        path: String,
        /// The place in it and what was expected, without any value.
        message: String,
    },
    /// A credential helper did not do its work, and the registry wanted credentials.
    #[error("{place}: credentials are wanted, and docker-credential-{name} gave none: {message}")]
    Helper {
        /// The registry.
        place: String,
        /// The helper, escaped.
        name: String,
        /// What happened.
        message: String,
    },
    /// HTTPS does not work at all on this machine.
    #[error("{place}: HTTPS cannot be set up: {message}")]
    Setup {
        /// The registry.
        place: String,
        /// Why.
        message: String,
    },
    /// No connection, or one that broke.
    #[error("{place}: {message}")]
    Connection {
        /// The registry and repository.
        place: String,
        /// What happened.
        message: String,
    },
    /// A TLS connection that did not come to be: a certificate that is not trusted, or no TLS at the other end.
    #[error("{place}: expected a TLS connection that can be verified: {message}")]
    Tls {
        /// The registry and repository, or the token service.
        place: String,
        /// Why.
        message: String,
    },
    /// A registry on this machine that does not speak TLS.
    #[error("{host}: expected HTTPS, found a registry that speaks plain HTTP")]
    PlainHttp {
        /// The host.
        host: String,
    },
    /// What failed each time that it was tried.
    #[error("{last} (tried {tries} times)")]
    GaveUp {
        /// How often.
        tries: u32,
        /// The last failure.
        last: Box<RegistryError>,
    },
    /// 404.
    #[error("{place}: expected {what}, found no such image{said}")]
    NotFound {
        /// The registry and repository.
        place: String,
        /// What was asked for.
        what: String,
        /// The registry's own words.
        said: String,
        /// How the reference was read.
        read_as: String,
    },
    /// 401 or 403.
    #[error("{place}: expected {what}, found that access is denied (HTTP {status}){said}")]
    Denied {
        /// The registry and repository, or the token service.
        place: String,
        /// What was asked for.
        what: String,
        /// The status.
        status: u16,
        /// The registry's own words.
        said: String,
        /// Whom to log in to.
        host: String,
    },
    /// Another status that is no success.
    #[error("{place}: expected {what}, found HTTP {status}{said}")]
    Status {
        /// The registry and repository, or the token service.
        place: String,
        /// What was asked for.
        what: String,
        /// The status.
        status: u16,
        /// The registry's own words.
        said: String,
    },
    /// An answer that is not of the expected shape.
    #[error("{place}: {message}")]
    Shape {
        /// The registry and repository, or the token service.
        place: String,
        /// What was expected and found.
        message: String,
    },
    /// A digest is not what was promised.
    #[error("{place}: {what} does not match: expected {expected}, found {found}")]
    Digest {
        /// The registry and repository.
        place: String,
        /// Which digest.
        what: &'static str,
        /// As promised.
        expected: Digest,
        /// Of the bytes.
        found: Digest,
    },
    /// A blob is shorter or longer than promised.
    #[error("{place}: {what}: expected {expected} bytes, found {}{found}", if found > expected { "at least " } else { "" })]
    Length {
        /// The registry and repository.
        place: String,
        /// Which blob.
        what: String,
        /// Bytes promised.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// The server sends no parts of a blob.
    #[error("{place}: {what}: expected a part of it, found a server that sends only the whole")]
    Unsupported {
        /// The registry and repository.
        place: String,
        /// Which blob and part.
        what: String,
    },
}

impl RegistryError {
    pub(super) fn shape(place: &str, message: impl Into<String>) -> Self {
        Self::Shape { place: place.into(), message: message.into() }
    }

    pub(super) fn auth_file(path: &Path, message: impl Into<String>) -> Self {
        Self::AuthFile { path: Text::of_path(path).into(), message: message.into() }
    }

    /// The failure that was met, without how often.
    pub fn last(&self) -> &Self {
        match self {
            Self::GaveUp { last, .. } => last.last(),
            other => other,
        }
    }
}

impl Hint for RegistryError {
    fn hint(&self) -> Option<String> {
        let text = match self.last() {
            Self::Reference { .. } => {
                "a reference is NAME[:TAG][@DIGEST], such as alpine:3.20 or example.org/team/app".into()
            }
            Self::Insecure { .. } => {
                "leave --insecure away; a certificate of one's own is trusted with SSL_CERT_FILE".into()
            }
            Self::AuthFile { .. } => "repair or remove the file, or name another one in REGISTRY_AUTH_FILE".into(),
            Self::Helper { name, .. } => {
                format!("install docker-credential-{name}, or remove it from the configuration and log in again")
            }
            Self::Setup { .. } => {
                "install the system's CA certificates, or name a file of them in SSL_CERT_FILE".into()
            }
            Self::Connection { .. } => "look at the name, the network, and HTTPS_PROXY and NO_PROXY".into(),
            Self::Tls { .. } => {
                "a certificate of one's own is trusted with SSL_CERT_FILE; a registry on this machine may do without, \
                 with --insecure"
                    .into()
            }
            Self::PlainHttp { .. } => "a registry on this machine may be read without TLS with --insecure".into(),
            Self::NotFound { read_as, .. } => format!("the name was read as {read_as}"),
            Self::Denied { host, .. } => {
                format!(
                    "log in with `docker login {host}`; many registries say the same of an image that does not exist"
                )
            }
            Self::Status { status: 429, .. } => "the registry limits requests; wait, or log in".into(),
            Self::Digest { .. } | Self::Length { .. } => {
                "the registry or something before it is damaged or lies; try again, or another registry".into()
            }
            _ => return None,
        };
        Some(text)
    }
}

/// How the reference was understood, for who mistyped it.
pub(super) fn read_as(reference: &Reference) -> String {
    let mut text = format!("registry {}, repository {}", reference.registry(), reference.repository());
    match (reference.tag(), reference.digest()) {
        (_, Some(digest)) => text.push_str(&format!(", digest {digest}")),
        (Some(tag), None) => text.push_str(&format!(", tag {tag}")),
        (None, None) => {}
    }
    text
}

/// Somebody else's text: escaped, and cut at a length that fits a message.
pub(super) fn quoted(text: &str) -> String {
    let cut: String = text.chars().take(MAX_QUOTED).collect();
    let dots = if cut.len() < text.len() { "…" } else { "" };
    format!("`{}{dots}`", Text::from(&cut))
}

/// The registry's own words about a failure (distribution-spec, "Error Codes"), as `: ` and the text, or nothing.
pub(super) fn said(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Row {
        message: Option<String>,
        code: Option<String>,
    }
    #[derive(serde::Deserialize)]
    struct Body {
        errors: Option<Vec<Row>>,
        details: Option<String>,
        message: Option<String>,
    }
    let Ok(body) = serde_json::from_slice::<Body>(body) else { return String::new() };
    let rows = body.errors.unwrap_or_default().into_iter().filter_map(|row| row.message.or(row.code));
    let words: Vec<String> =
        rows.chain(body.details).chain(body.message).filter(|text| !text.is_empty()).take(3).collect();
    if words.is_empty() { String::new() } else { format!(": {}", quoted(&words.join("; "))) }
}
