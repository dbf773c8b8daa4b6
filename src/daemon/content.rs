//! Where containerd keeps the blobs of images: `io.containerd.content.v1.content/blobs/sha256/HEX`, below its own root. Docker
//! starts a containerd of its own below its folder where the system has none. Source: containerd's docs/content-flow.md and
//! docs/ops.md; what Docker 28 and 29 write.

use super::{DaemonError, store::no_store};
use crate::base::Digest;
use std::io;
use std::path::{Path, PathBuf};

const CONTENT: &str = "io.containerd.content.v1.content";
/// The root of a containerd that the system starts.
const SYSTEM: &str = "/var/lib/containerd";

/// The folder that has the blob of this digest as `blobs/sha256/HEX`: of the containerd that an engine with this root folder
/// uses. An error says why the image must be streamed.
///
/// The engine may run on another machine; that does no harm, as blobs are looked for by their digests.
pub fn content_store(root_dir: &Path, id: &Digest) -> Result<PathBuf, DaemonError> {
    let roots = [root_dir.join("containerd/daemon"), PathBuf::from(SYSTEM)];
    let mut refused = None;
    for folder in roots.map(|root| root.join(CONTENT)) {
        let blob = folder.join("blobs/sha256").join(id.hex());
        match std::fs::metadata(&blob) {
            Ok(_) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => refused = Some(no_store(&folder, &error)),
            Err(error) => {
                refused.get_or_insert_with(|| no_store(&folder, &error));
            }
        }
    }
    Err(refused.unwrap_or_else(|| DaemonError::NoStore { why: "it was not found".into() }))
}
