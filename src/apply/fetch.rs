//! Whole wheels, for who installs them without an installer: found by uv, compared with the digest that its answer has,
//! kept by that digest.

use crate::index::{Availability, Uv, Verdict, Wanted, look_up};
use crate::manifest::Artifact;
use crate::wheel::{Archive, Options, Platform, Remote, digest_of};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long one wheel may take. The largest have 3 GB.
const WAIT: Duration = Duration::from_secs(1800);

/// The largest wheel that is fetched, in bytes.
const MAX_BYTES: u64 = 8 << 30;

/// A wheel that was fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its version, with its local part: `2.1.1+cpu`.
    pub version: String,
    /// The wheel.
    pub archive: Archive,
    /// Its digest as the index has it.
    pub sha256: String,
}

/// Looks pins up and fetches their wheels into a folder; each in its turn, or why there is none.
pub fn fetch(
    uv: &Uv,
    wanted: &[Wanted],
    platform: &Platform,
    options: &Options,
    folder: &Path,
) -> Vec<Result<Fetched, String>> {
    let plain: Vec<Wanted> = wanted.iter().map(|wanted| Wanted { measure: false, ..wanted.clone() }).collect();
    let answers = look_up(uv, &plain, platform, options);
    let get = |answer: &Availability| {
        let artifact = artifact(answer)?;
        let sha256 = artifact.sha256().ok_or("its index tells no SHA-256")?.to_ascii_lowercase();
        let path = get_one(uv, artifact, &sha256, options, folder)?;
        let archive = Archive::open(&path)?;
        Ok(Fetched { version: answer.version.clone().unwrap_or_default(), archive, sha256 })
    };
    answers.iter().map(get).collect()
}

fn artifact(answer: &Availability) -> Result<&Artifact, String> {
    match answer.verdict {
        Verdict::Wheel => answer.wheel.as_ref().ok_or_else(|| "its wheel has no name".into()),
        Verdict::SourceOnly => Err("there is only its source, which would have to be built".into()),
        Verdict::NoWheel => Err("there is no wheel for this Python and platform".into()),
        Verdict::Gone => Err("its index has it no more".into()),
        Verdict::Unknown => Err(format!("it could not be looked up: {}", answer.reason)),
    }
}

fn get_one(uv: &Uv, artifact: &Artifact, sha256: &str, options: &Options, folder: &Path) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", crate::base::Text::of_path(folder));
    let place = folder.join(format!("{sha256}.whl"));
    if digest_of(&place).is_ok_and(|found| found.hex() == sha256) {
        return Ok(place);
    }
    std::fs::create_dir_all(folder).map_err(failed)?;
    let url = artifact.url.as_deref().ok_or("it is in a local folder")?;
    let remote = Remote::new(uv.access(), options, Instant::now() + WAIT).map_err(|error| error.to_string())?;
    let mut file = tempfile::Builder::new().prefix(".wheel-").tempfile_in(folder).map_err(failed)?;
    let most = artifact.size.unwrap_or(MAX_BYTES).min(MAX_BYTES);
    remote.download(url, sha256, file.as_file_mut(), most).map_err(|error| error.to_string())?;
    file.persist(&place).map_err(|error| failed(error.error))?;
    Ok(place)
}
