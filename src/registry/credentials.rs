//! Where credentials come from, in the order in which Docker and Podman look.

use super::config::{AuthConfig, parse_docker_config, parse_dockercfg};
use super::{Options, Reference, RegistryError, helper};
use base64::Engine as _;
use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Largest file with credentials that is read.
const MAX_FILE: u64 = 4 << 20;

/// What a person is known by. No `Debug`: nothing should print it.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credentials {
    /// A name and a password or access token.
    Password { user: String, password: String },
    /// A refresh token of the registry's token service.
    Identity(String),
}

impl Credentials {
    /// The value of a Basic `Authorization` header (RFC 7617).
    pub(super) fn basic(&self) -> Option<String> {
        let Self::Password { user, password } = self else { return None };
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        Some(format!("Basic {pair}"))
    }
}

/// The files that are looked through for credentials; the first that has some decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthFiles {
    /// The files, in order. One that is named `.dockercfg` is read in the old form.
    pub paths: Vec<PathBuf>,
    /// Whether it is an error when one is missing: somebody named it.
    pub must_exist: bool,
}

impl AuthFiles {
    /// The files that an environment names: `REGISTRY_AUTH_FILE` alone, or else those of Podman
    /// (`$XDG_RUNTIME_DIR/containers/auth.json`, `$XDG_CONFIG_HOME/containers/auth.json`) and of Docker
    /// (`$DOCKER_CONFIG/config.json`, `~/.dockercfg`), as containers-auth.json(5) and Docker's manual say.
    pub fn from_env(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        if let Some(path) = folder("REGISTRY_AUTH_FILE") {
            return Self { paths: vec![path], must_exist: true };
        }
        let home = folder("HOME");
        let at_home = |name: &str| home.as_ref().map(|home| home.join(name));
        let paths = [
            folder("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
            folder("XDG_CONFIG_HOME").or(at_home(".config")).map(|folder| folder.join("containers/auth.json")),
            folder("DOCKER_CONFIG").or(at_home(".docker")).map(|folder| folder.join("config.json")),
            at_home(".dockercfg"),
        ];
        Self { paths: paths.into_iter().flatten().collect(), must_exist: false }
    }
}

/// What was found in all places.
pub(super) struct Found {
    /// The credentials, if there are any.
    pub credentials: Option<Credentials>,
    /// What kept a helper from answering. It matters only if the registry wants what it did not give.
    pub problem: Option<RegistryError>,
}

/// Looks for the credentials of an image.
pub(super) fn find(reference: &Reference, options: &Options) -> Result<Found, RegistryError> {
    let mut problem = None;
    for path in &options.auth_files.paths {
        let Some(config) = read(path, options.auth_files.must_exist)? else { continue };
        if let Some(name) = config.helper(reference) {
            match helper::ask(name, reference, options) {
                Ok(Some(credentials)) => return Ok(Found { credentials: Some(credentials), problem: None }),
                Ok(None) => {}
                Err(message) => problem = problem.or(Some(failed(name, message, reference))),
            }
        }
        if let Some(credentials) = config.find(reference) {
            return Ok(Found { credentials: Some(credentials.clone()), problem: None });
        }
    }
    Ok(Found { credentials: None, problem })
}

fn failed(name: &str, message: String, reference: &Reference) -> RegistryError {
    let place = format!("{}/{}", reference.registry(), reference.repository());
    RegistryError::Helper { place, name: crate::base::Text::from(name).into(), message }
}

fn read(path: &Path, must_exist: bool) -> Result<Option<AuthConfig>, RegistryError> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)) {
        Err(error) if !must_exist && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(RegistryError::auth_file(path, error.to_string())),
        Ok(_) if bytes.len() as u64 > MAX_FILE => {
            return Err(RegistryError::auth_file(path, "expected a file of at most 4 MiB, found a larger one"));
        }
        Ok(_) => {}
    }
    let old = path.file_name().is_some_and(|name| name == ".dockercfg");
    let parsed = if old { parse_dockercfg(&bytes) } else { parse_docker_config(&bytes) };
    parsed.map(Some).map_err(|message| RegistryError::auth_file(path, message))
}
