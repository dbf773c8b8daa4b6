//! Manifests: what is asked for, and what may come.

use super::RegistryError;
use super::error::quoted;
use super::retry::retried;
use super::wire::{Ask, Wire};
use crate::base::Digest;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use std::io::Read;

/// Largest manifest, configuration or other thing that is kept whole.
pub(super) const MAX_WHOLE: u64 = 16 << 20;

/// The kinds of manifests that are understood: index and manifest of OCI, and list and manifest of Docker.
pub(super) const KINDS: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// A manifest or index as the registry sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// One of the four media types of OCI and Docker, schema 2.
    pub media_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Their digest.
    pub digest: Digest,
}

impl Wire {
    pub(super) fn manifest(&self, name: &str, what: &str, digest: Option<&Digest>) -> Result<Manifest, RegistryError> {
        let path = format!("manifests/{name}");
        let (headers, bytes) = retried(self.options.first_wait, || {
            let response = self.once(&Ask { path: &path, what, range: None })?;
            self.at_most(response.content_length().unwrap_or(0), MAX_WHOLE, what)?;
            let headers = response.headers().clone();
            let mut bytes = Vec::new();
            response.take(MAX_WHOLE + 1).read_to_end(&mut bytes).map_err(|error| self.cut(what, &error))?;
            self.at_most(bytes.len() as u64, MAX_WHOLE, what)?;
            Ok((headers, bytes))
        })?;
        // Another algorithm's digest cannot be compared with anything here.
        let stated = headers.get("docker-content-digest").and_then(|value| value.to_str().ok());
        let stated = stated.filter(|text| text.starts_with("sha256:"));
        match (digest, stated) {
            (Some(digest), _) => self.verify("the manifest's digest", digest, &bytes)?,
            (None, Some(text)) => {
                let digest = text
                    .parse()
                    .map_err(|error| RegistryError::shape(&self.place, format!("Docker-Content-Digest: {error}")))?;
                self.verify("Docker-Content-Digest", &digest, &bytes)?;
            }
            (None, None) => {}
        }
        let media_type = self.media_type(what, headers.get(CONTENT_TYPE), &bytes)?;
        Ok(Manifest { media_type, digest: Digest::of(&bytes), bytes })
    }

    /// What a manifest is, by the header and by itself. Two that contradict each other are refused: what one tool
    /// takes for an image another would take for an index (CVE-2021-41190).
    fn media_type(&self, what: &str, header: Option<&HeaderValue>, bytes: &[u8]) -> Result<String, RegistryError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Head {
            schema_version: Option<u64>,
            media_type: Option<String>,
            manifests: Option<serde::de::IgnoredAny>,
            layers: Option<serde::de::IgnoredAny>,
        }
        let shape = |message: String| RegistryError::shape(&self.place, format!("{what}: {message}"));
        let head: Head = serde_json::from_slice(bytes)
            .map_err(|error| shape(format!("expected JSON of a manifest: {}", quoted(&error.to_string()))))?;
        let header = header.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let header = header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let own = head.media_type.as_deref();
        if head.schema_version == Some(1) || header.contains("docker.distribution.manifest.v1+") {
            return Err(shape(
                "expected an OCI manifest or Docker's schema 2, found Docker's schema 1 of before 2016".into(),
            ));
        }
        let known = |text: &str| KINDS.contains(&text);
        match (known(&header), own, head.manifests.is_some(), head.layers.is_some()) {
            (_, _, true, true) => Err(shape("expected `manifests` or `layers`, found both".into())),
            (true, Some(own), ..) if own != header => {
                Err(shape(format!("expected the kind `{header}` that the registry states, found {}", quoted(own))))
            }
            (true, ..) => Ok(header),
            (false, Some(own), ..) if known(own) => Ok(own.to_owned()),
            (false, None, true, false) => Ok(KINDS[0].into()),
            (false, None, false, true) => Ok(KINDS[1].into()),
            (false, own, ..) => {
                Err(shape(format!("expected an image or an index, found the kind {}", quoted(own.unwrap_or(&header)))))
            }
        }
    }
}
