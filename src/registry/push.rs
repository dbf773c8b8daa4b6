//! Sending to a registry (distribution-spec v1.1, "Push"): blobs in pieces that go on where a connection was cut, and a manifest
//! by its tag, which comes last: until then nobody who pulls sees anything.

use super::retry::{Failed, TRIES, retried};
use super::wire::{Ask, Wire};
use super::{Client, RegistryError};
use crate::base::Digest;
use crate::http::backoff;
use reqwest::Url;
use reqwest::blocking::{Client as Http, Response};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use std::io::Read;

/// Bytes that are sent at once, and held for it.
const PIECE: u64 = 16 << 20;
/// The largest piece that a registry may ask for (`OCI-Chunk-Min-Length`).
const MAX_PIECE: u64 = 128 << 20;

/// How a blob came to be in the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It was there.
    There,
    /// It was in another repository of the registry.
    Mounted,
    /// It was sent.
    Sent,
}

/// A blob that is to be sent.
pub struct Outgoing<'o> {
    /// Its digest.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// Reads it from an offset on.
    pub open: &'o dyn Fn(u64) -> std::io::Result<Box<dyn Read>>,
    /// Told how many bytes were sent.
    pub sent: &'o dyn Fn(u64),
}

/// An upload that the registry has begun.
struct Upload {
    place: Url,
    at: u64,
    piece: u64,
}

impl Client {
    /// Whether the repository has a manifest by this name, a tag or a digest; the digest if the registry tells it.
    ///
    /// # Errors
    ///
    /// The registry cannot be asked, or refuses.
    pub fn has_manifest(&self, name: &str) -> Result<Option<Option<Digest>>, RegistryError> {
        let path = format!("manifests/{name}");
        let answer = self.head(&path, &format!("whether there is the manifest `{name}`"))?;
        Ok(answer.as_ref().map(stated))
    }

    /// Whether the repository has a blob.
    fn has_blob(&self, digest: &Digest) -> Result<bool, RegistryError> {
        Ok(self.head(&format!("blobs/{digest}"), &format!("whether there is the blob {digest}"))?.is_some())
    }

    fn head(&self, path: &str, what: &str) -> Result<Option<Response>, RegistryError> {
        let wire = self.wire();
        let url = wire.join(path)?;
        let ask = Ask { path, what, range: None };
        let answer = retried(wire.options.first_wait, || {
            wire.authorized(&ask, &url, &[200, 404], &|http| http.head(url.clone()))
        })?;
        Ok((answer.status().as_u16() == 200).then_some(answer))
    }

    /// Sees to it that the repository has a blob: what is there is not sent, what `from`, another repository of the registry,
    /// has is mounted.
    ///
    /// # Errors
    ///
    /// The registry cannot be asked, refuses, or takes nothing more after several tries; the blob cannot be read.
    pub fn push_blob(&self, blob: &Outgoing<'_>, from: Option<&str>) -> Result<Pushed, RegistryError> {
        if self.has_blob(&blob.digest)? {
            return Ok(Pushed::There);
        }
        let Some(mut upload) = self.begin(blob, from)? else { return Ok(Pushed::Mounted) };
        let wire = self.wire();
        let mut failures = 0;
        loop {
            let before = upload.at;
            let error = match self.go_on(blob, &mut upload) {
                Ok(()) => return Ok(Pushed::Sent),
                Err(Failed::Finally(error)) => return Err(*error),
                Err(Failed::ForNow(error, _) | Failed::Unreached(error)) => error,
            };
            // Who gets further is not counted out.
            failures = if upload.at > before { 1 } else { failures + 1 };
            if failures >= TRIES {
                return Err(RegistryError::GaveUp { tries: failures, last: error });
            }
            std::thread::sleep(backoff(wire.options.first_wait, failures));
            // The last answer may have been lost, and not what it answered.
            if self.has_blob(&blob.digest)? {
                return Ok(Pushed::Sent);
            }
            match self.state(blob, &mut upload) {
                Ok(()) => {}
                Err(RegistryError::NotFound { .. }) => match self.begin(blob, None)? {
                    Some(new) => upload = new,
                    None => return Ok(Pushed::Mounted),
                },
                Err(error) => return Err(error),
            }
        }
    }

    /// Begins an upload; none where the blob was mounted in its place.
    fn begin(&self, blob: &Outgoing<'_>, from: Option<&str>) -> Result<Option<Upload>, RegistryError> {
        let (wire, path) = (self.wire(), "blobs/uploads/");
        let mut url = wire.join(path)?;
        if let Some(from) = from {
            url.query_pairs_mut().append_pair("mount", &blob.digest.to_string()).append_pair("from", from);
        }
        let what = format!("an upload of blob {}", blob.digest);
        let ask = Ask { path, what: &what, range: None };
        let post = |http: &Http| http.post(url.clone()).header(CONTENT_LENGTH, "0");
        let answer = retried(wire.options.first_wait, || wire.authorized(&ask, &url, &[201, 202], &post))?;
        if answer.status().as_u16() == 201 {
            return Ok(None);
        }
        let least = answer.headers().get("oci-chunk-min-length").and_then(|value| value.to_str().ok()?.parse().ok());
        let piece = least.unwrap_or(0).clamp(PIECE, MAX_PIECE);
        Ok(Some(Upload { place: wire.location(&answer, &what)?, at: 0, piece }))
    }

    /// Sends the rest of a blob, piece by piece, and ends the upload.
    fn go_on(&self, blob: &Outgoing<'_>, upload: &mut Upload) -> Result<(), Failed> {
        let wire = self.wire();
        let unread =
            |error: std::io::Error| RegistryError::shape(&wire.place, format!("blob {}: {error}", blob.digest));
        let mut body = (blob.open)(upload.at).map_err(unread)?;
        while upload.at < blob.size {
            let length = upload.piece.min(blob.size - upload.at);
            let mut piece = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
            body.by_ref().take(length).read_to_end(&mut piece).map_err(unread)?;
            if piece.len() as u64 != length {
                return Err(RegistryError::shape(&wire.place, format!("blob {}: it ends early", blob.digest)).into());
            }
            let what = format!("bytes {} and on of blob {} to be taken", upload.at, blob.digest);
            let ask = Ask { path: "blobs/uploads/", what: &what, range: None };
            let (place, last) = (upload.place.clone(), upload.at + length - 1);
            let patch = |http: &Http| {
                let request = http.patch(place.clone()).header(CONTENT_TYPE, "application/octet-stream");
                request.header(CONTENT_RANGE, format!("{}-{last}", upload.at)).body(piece.clone())
            };
            let answer = match wire.authorized(&ask, &place, &[201, 202, 204, 416], &patch) {
                Ok(answer) if answer.status().as_u16() == 416 => {
                    let error =
                        RegistryError::shape(&wire.place, format!("{what}: the registry has another part of it"));
                    return Err(Failed::for_now(error, None));
                }
                other => other?,
            };
            upload.place = wire.location(&answer, &what)?;
            upload.at += length;
            (blob.sent)(length);
        }
        let mut place = upload.place.clone();
        place.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
        let what = format!("blob {} to be taken", blob.digest);
        let ask = Ask { path: "blobs/uploads/", what: &what, range: None };
        let put = |http: &Http| http.put(place.clone()).header(CONTENT_LENGTH, "0");
        wire.authorized(&ask, &place, &[201, 204], &put).map(|_| ())
    }

    /// How much of an upload the registry has.
    fn state(&self, blob: &Outgoing<'_>, upload: &mut Upload) -> Result<(), RegistryError> {
        let wire = self.wire();
        let what = format!("how much there is of blob {}", blob.digest);
        let (ask, place) = (Ask { path: "blobs/uploads/", what: &what, range: None }, upload.place.clone());
        let answer = retried(wire.options.first_wait, || {
            wire.authorized(&ask, &place, &[200, 202, 204], &|http| http.get(place.clone()))
        })?;
        let range = answer.headers().get(RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let last = range.trim_start_matches("bytes=").split_once('-').and_then(|(_, last)| last.parse::<u64>().ok());
        // `0-0` is what registries say of nothing, too: one byte is sent again then, from the beginning.
        let at = last.filter(|last| *last > 0).map_or(0, |last| last + 1);
        if at > blob.size {
            return Err(RegistryError::shape(
                &wire.place,
                format!("{what}: expected at most {}, found {at}", blob.size),
            ));
        }
        upload.place = wire.location(&answer, &what).unwrap_or(place);
        upload.at = at;
        Ok(())
    }

    /// Puts a manifest by a tag.
    ///
    /// # Errors
    ///
    /// The registry cannot be asked, refuses, or took something else.
    pub fn push_manifest(&self, tag: &str, media_type: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        let (wire, path) = (self.wire(), format!("manifests/{tag}"));
        let url = wire.join(&path)?;
        let what = format!("the manifest of tag `{tag}` to be taken");
        let ask = Ask { path: &path, what: &what, range: None };
        let put = |http: &Http| http.put(url.clone()).header(CONTENT_TYPE, media_type).body(bytes.to_vec());
        let answer = retried(wire.options.first_wait, || wire.authorized(&ask, &url, &[200, 201, 202], &put))?;
        match stated(&answer) {
            Some(found) if found != Digest::of(bytes) => wire.verify("Docker-Content-Digest", &found, bytes),
            _ => Ok(()),
        }
    }
}

/// The digest that a registry states of what it has, where it is one that is known here.
fn stated(answer: &Response) -> Option<Digest> {
    answer.headers().get("docker-content-digest")?.to_str().ok()?.parse().ok()
}

impl Wire {
    /// Where an answer says that it goes on: on this registry, or where it may be spoken to at all.
    fn location(&self, answer: &Response, what: &str) -> Result<Url, RegistryError> {
        let text = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let missing = || RegistryError::shape(&self.place, format!("{what}: expected a `Location`, found none"));
        let url = answer.url().join(text.ok_or_else(missing)?).map_err(|_| missing())?;
        self.may_ask("upload at", &url)?;
        Ok(url)
    }
}
