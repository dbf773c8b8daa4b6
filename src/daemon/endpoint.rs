//! Where the engine listens: as the Docker command line finds it, and after that where engines listen by default.
//!
//! `DOCKER_HOST` comes first, then the context that `DOCKER_CONTEXT` or `config.json` chooses, then the sockets of
//! Docker, rootless Docker and Podman: the first that exists. Source: docs.docker.com, "docker CLI, environment
//! variables" and "Docker contexts".

use super::DaemonError;
use crate::base::{Digest, Text};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// An engine's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket on this machine.
    Unix(PathBuf),
    /// HTTP.
    Tcp {
        /// `http://HOST:PORT` or `https://HOST:PORT`.
        url: String,
        /// A folder with `ca.pem`, `cert.pem` and `key.pem`.
        certificates: Option<PathBuf>,
    },
}

/// As `DOCKER_HOST` would have it, escaped.
impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", Text::from(path.as_path())),
            Self::Tcp { url, .. } => f.write_str(&Text::from(url.as_str())),
        }
    }
}

/// What decides which engine is meant.
pub struct Surroundings<'a> {
    /// An environment variable.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The user's home.
    pub home: Option<PathBuf>,
    /// Whether there is something at a path.
    pub exists: &'a dyn Fn(&Path) -> bool,
}

#[derive(Deserialize)]
struct CliConfig {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
}

#[derive(Deserialize)]
struct ContextMeta {
    #[serde(rename = "Endpoints")]
    endpoints: Option<BTreeMap<String, ContextEndpoint>>,
}

#[derive(Deserialize)]
struct ContextEndpoint {
    #[serde(rename = "Host")]
    host: Option<String>,
}

/// Configuration files are small.
const MAX_JSON: u64 = 1 << 20;
const DOCKER_SOCKET: &str = "/var/run/docker.sock";

/// What is told by the variables and files of this process.
pub(super) fn here<T>(then: impl FnOnce(&Surroundings<'_>) -> T) -> T {
    // What cannot be looked at may well be there: then connecting or reading says why.
    let exists = |path: &Path| path.try_exists().unwrap_or(true);
    let variable = |name: &str| std::env::var_os(name);
    then(&Surroundings { variable: &variable, home: std::env::home_dir(), exists: &exists })
}

impl Surroundings<'_> {
    /// Finds the engine's address. Nobody is asked whether an engine listens there.
    pub fn resolve(&self) -> Result<Endpoint, DaemonError> {
        if let Some(host) = self.text("DOCKER_HOST") {
            let verify = self.text("DOCKER_TLS_VERIFY").is_some();
            let folder = self.path("DOCKER_CERT_PATH").or_else(|| self.config_folder());
            return parse_host("DOCKER_HOST", host.trim(), folder.filter(|_| verify));
        }
        match self.chosen_context()? {
            Some((origin, name)) => self.context(origin, &name),
            None => self.default_socket(),
        }
    }

    pub(super) fn path(&self, name: &str) -> Option<PathBuf> {
        (self.variable)(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.path(name).map(|value| value.to_string_lossy().into_owned())
    }

    fn config_folder(&self) -> Option<PathBuf> {
        self.path("DOCKER_CONFIG").or_else(|| self.home.as_ref().map(|home| home.join(".docker")))
    }

    /// The context that is not `default`, and who chooses it.
    fn chosen_context(&self) -> Result<Option<(Text, String)>, DaemonError> {
        let chosen = match self.text("DOCKER_CONTEXT") {
            Some(name) => Some(("DOCKER_CONTEXT".into(), name)),
            None => self.context_of_config()?,
        };
        Ok(chosen.filter(|(_, name)| !name.is_empty() && name != "default"))
    }

    fn context_of_config(&self) -> Result<Option<(Text, String)>, DaemonError> {
        let Some(path) = self.config_folder().map(|folder| folder.join("config.json")) else { return Ok(None) };
        let config: Option<CliConfig> = read_json(&path)?;
        Ok(config.and_then(|config| config.current_context).map(|name| (path.as_path().into(), name)))
    }

    fn context(&self, origin: Text, name: &str) -> Result<Endpoint, DaemonError> {
        let contexts = self.config_folder().unwrap_or_default().join("contexts");
        let id = Digest::of(name.as_bytes()).hex();
        let path = contexts.join("meta").join(&id).join("meta.json");
        let Some(meta) = read_json::<ContextMeta>(&path)? else {
            return Err(DaemonError::NoContext { name: name.into(), origin, path: path.as_path().into() });
        };
        let docker = meta.endpoints.and_then(|mut endpoints| endpoints.remove("docker"));
        let Some(host) = docker.and_then(|docker| docker.host).filter(|host| !host.is_empty()) else {
            return Err(DaemonError::shape(path.as_path(), "expected Endpoints.docker.Host, found none"));
        };
        let certificates = contexts.join("tls").join(id).join("docker");
        parse_host(&Text::from(path.as_path()), &host, Some(certificates).filter(|folder| (self.exists)(folder)))
    }

    fn default_socket(&self) -> Result<Endpoint, DaemonError> {
        let run = self.path("XDG_RUNTIME_DIR");
        let own = |name: &str| run.as_ref().map(|run| run.join(name));
        let places = [
            Some(PathBuf::from(DOCKER_SOCKET)),
            own("docker.sock"),
            own("podman/podman.sock"),
            Some("/run/podman/podman.sock".into()),
        ];
        let places: Vec<PathBuf> = places.into_iter().flatten().collect();
        if let Some(found) = places.iter().find(|place| (self.exists)(place)) {
            return Ok(Endpoint::Unix(found.clone()));
        }
        let places: Vec<String> = places.iter().map(|place| Text::from(place.as_path()).into()).collect();
        let tried = format!("DOCKER_HOST is not set, no context is chosen, and there is no {}", places.join(", no "));
        Err(DaemonError::NoEngine { tried: tried.into() })
    }
}

/// An address as `DOCKER_HOST` and contexts have it. Without a scheme it is TCP, as for Docker.
fn parse_host(origin: &str, host: &str, certificates: Option<PathBuf>) -> Result<Endpoint, DaemonError> {
    let wrong = |message| DaemonError::Host { origin: origin.into(), host: host.into(), message };
    let (scheme, rest) = host.split_once("://").unwrap_or(("tcp", host));
    let secure = match scheme {
        "unix" => return Ok(Endpoint::Unix(if rest.is_empty() { DOCKER_SOCKET } else { rest }.into())),
        "tcp" => certificates.is_some(),
        "http" => false,
        "https" => true,
        "ssh" => return Err(wrong("is an engine behind SSH, which this program cannot reach")),
        "npipe" => return Err(wrong("is a pipe of Windows, which this program cannot open")),
        _ => return Err(wrong("has a scheme that is not known (expected unix:// or tcp://)")),
    };
    let authority = rest.trim_end_matches('/');
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|c| c.is_ascii_digit()));
    let port = if has_port { "" } else { [":2375", ":2376"][usize::from(secure)] };
    let url = format!("{}://{authority}{port}", ["http", "https"][usize::from(secure)]);
    match reqwest::Url::parse(&url) {
        Ok(parsed) if parsed.has_host() && parsed.path() == "/" && parsed.query().is_none() => {
            Ok(Endpoint::Tcp { url, certificates: certificates.filter(|_| secure) })
        }
        _ => Err(wrong("is no address (expected tcp://HOST:PORT)")),
    }
}

/// `None` if there is no such file.
fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Option<T>, DaemonError> {
    let bytes = match super::store::read_small(path, MAX_JSON) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|source| DaemonError::open(path, source))?,
    };
    let parsed = serde_json::from_slice(&bytes);
    parsed.map(Some).map_err(|error| DaemonError::shape(path, format!("expected JSON of the Docker CLI: {error}")))
}
