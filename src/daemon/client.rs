//! The questions that are asked of an engine, and the stream of an image.
//!
//! HTTP over a socket, blocking. Answers that are kept are bounded; the stream is not, and may take as long as it likes
//! while something comes. Before its first byte the classic store puts the whole archive together on disk, which takes
//! minutes for a large image: silence is taken for that, up to a limit.

use super::answers::{complaint, parse_info, parse_inspect, parse_names, refusal, version_prefix};
use super::containers::{Container, ImageProgram, Listed, parse_container, parse_containers, parse_image_program};
use super::endpoint::here;
use super::{DaemonError, Endpoint, Info, Inspected, Similar};
use crate::base::Text;
use reqwest::blocking::{Client, ClientBuilder, Response};
use reqwest::{Certificate, Identity, StatusCode, redirect::Policy};
use std::error::Error;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

/// Largest answer that is kept.
const MAX_JSON: u64 = 16 << 20;
/// An engine that removes containers may be slow to say anything.
const PATIENCE: Duration = Duration::from_secs(60);
/// An engine that says nothing for so long while an image is awaited hangs.
const SILENCE: Duration = Duration::from_secs(600);
/// How long an engine may take to unpack an archive.
const LOADING: Duration = Duration::from_secs(7200);
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

/// A container engine that answers.
pub struct Engine {
    client: Client,
    /// URL and version of the API.
    base: String,
    place: Text,
    silence: Duration,
}

impl Engine {
    /// Finds the engine as the Docker command line does (see [`super::Surroundings::resolve`]) and agrees with it on a
    /// version of the API.
    pub fn connect() -> Result<Self, DaemonError> {
        Self::connect_to(&here(|around| around.resolve())?)
    }

    /// Agrees with the engine at an address on a version of the API.
    pub fn connect_to(endpoint: &Endpoint) -> Result<Self, DaemonError> {
        Self::connect_with(endpoint, SILENCE)
    }

    /// The same, with an own limit of how long an engine may say nothing while an image is awaited.
    pub fn connect_with(endpoint: &Endpoint, silence: Duration) -> Result<Self, DaemonError> {
        let place = Text::from(endpoint.to_string());
        let base = match endpoint {
            Endpoint::Unix(_) => "http://localhost".to_owned(),
            Endpoint::Tcp { url, .. } => url.clone(),
        };
        let client = client_for(endpoint)?
            .timeout(silence)
            .build()
            .map_err(|error| request_error(&place, "TLS", error, silence))?;
        let mut engine = Self { client, base, place, silence };
        let answer = engine.get("/_ping", Some(PATIENCE))?;
        let version = answer.headers().get("api-version").and_then(|version| version.to_str().ok());
        let prefix = version_prefix(version);
        engine.accepted("/_ping", answer)?;
        engine.base.push_str(&prefix);
        Ok(engine)
    }

    /// The address, as `DOCKER_HOST` would have it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What the engine says of an image, by name or ID.
    pub fn inspect(&self, name: &str) -> Result<Inspected, DaemonError> {
        let what = format!("/images/{}/json", self.encoded(name)?);
        let answer = self.of_image(name, &what, Some(PATIENCE)).map_err(|error| self.with_names(error))?;
        parse_inspect(&self.bounded(&what, answer)?).map_err(|error| self.shape(&what, &error))
    }

    /// The names of all images that the engine has.
    pub fn names(&self) -> Result<Vec<String>, DaemonError> {
        let what = "/images/json";
        let answer = self.accepted(what, self.get(what, Some(PATIENCE))?)?;
        parse_names(&self.bounded(what, answer)?).map_err(|error| self.shape(what, &error))
    }

    /// Of an image that the engine does not have, the names that may be meant.
    fn with_names(&self, mut error: DaemonError) -> DaemonError {
        if let DaemonError::NoSuchImage { name, similar, .. } = &mut error {
            *similar = self.names().map(|names| Similar::of(name, &names)).unwrap_or_default();
        }
        error
    }

    /// What the engine says of itself.
    pub fn info(&self) -> Result<Info, DaemonError> {
        let answer = self.accepted("/info", self.get("/info", Some(PATIENCE))?)?;
        parse_info(&self.bounded("/info", answer)?).map_err(|error| self.shape("/info", &error))
    }

    /// What an image runs by itself, and with which variables.
    pub fn image_program(&self, name: &str) -> Result<ImageProgram, DaemonError> {
        let what = format!("/images/{}/json", self.encoded(name)?);
        let answer = self.of_image(name, &what, Some(PATIENCE))?;
        parse_image_program(&self.bounded(&what, answer)?).map_err(|error| self.shape(&what, &error))
    }

    /// The containers that run, or all of them.
    pub fn containers(&self, all: bool) -> Result<Vec<Listed>, DaemonError> {
        let what = format!("/containers/json?all={}", u8::from(all));
        let answer = self.accepted(&what, self.get(&what, Some(PATIENCE))?)?;
        parse_containers(&self.bounded(&what, answer)?).map_err(|error| self.shape(&what, &error))
    }

    /// What the engine says of a container, by name or ID; nothing where it has none.
    pub fn container(&self, name: &str) -> Result<Option<Container>, DaemonError> {
        let what = format!("/containers/{}/json", self.encoded(name)?);
        let answer = self.get(&what, Some(PATIENCE))?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = self.accepted(&what, answer)?;
        parse_container(&self.bounded(&what, answer)?).map(Some).map_err(|error| self.shape(&what, &error))
    }

    /// Streams the archive that `docker save NAME` would write. The first byte may take minutes; an engine that then or later
    /// says nothing for ten of them is an error.
    ///
    /// An engine that fails on the way cuts the connection, which is an error, or writes its complaint into the
    /// stream, which is then no whole archive.
    pub fn export(&self, name: &str) -> Result<Export, DaemonError> {
        let what = format!("/images/{}/get", self.encoded(name)?);
        let answer = self.of_image(name, &what, None)?;
        Ok(Export { answer, place: self.place.clone(), silence: self.silence, at: 0 })
    }

    /// Whether the engine has an image by this name.
    ///
    /// # Errors
    ///
    /// The engine cannot be asked.
    pub fn has(&self, name: &str) -> Result<bool, DaemonError> {
        let what = format!("/images/{}/json", self.encoded(name)?);
        let answer = self.get(&what, Some(PATIENCE))?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(false),
            _ => self.accepted(&what, answer).map(|_| true),
        }
    }

    /// Gives the engine an archive of so many bytes, as `docker load` does.
    ///
    /// # Errors
    ///
    /// The engine cannot be reached, or does not take it: it says so in the midst of its answer.
    pub fn load(&self, archive: std::fs::File, size: u64) -> Result<(), DaemonError> {
        let what = "/images/load?quiet=1";
        let body = reqwest::blocking::Body::sized(archive, size);
        let request = self.client.post(format!("{}{what}", self.base)).header("Content-Type", "application/x-tar");
        let sent = request.timeout(LOADING).body(body).send();
        let answer = sent.map_err(|error| request_error(&self.place, what, error, LOADING))?;
        let answer = self.accepted(what, answer)?;
        match refusal(&self.bounded(what, answer)?) {
            None => Ok(()),
            Some(message) => Err(DaemonError::Request { place: self.place.clone(), what: what.into(), message }),
        }
    }

    fn of_image(&self, name: &str, what: &str, patience: Option<Duration>) -> Result<Response, DaemonError> {
        let answer = self.get(what, patience)?;
        if answer.status() != StatusCode::NOT_FOUND {
            return self.accepted(what, answer);
        }
        let message = complaint(&self.bounded(what, answer)?);
        // Engines say no more than the name once or twice again.
        let says_more = !message.to_lowercase().starts_with("no such image");
        Err(DaemonError::NoSuchImage {
            place: self.place.clone(),
            name: name.into(),
            message: if says_more { format!(": {message}").into() } else { Text::default() },
            similar: Similar::default(),
        })
    }

    fn get(&self, path: &str, patience: Option<Duration>) -> Result<Response, DaemonError> {
        let mut request = self.client.get(format!("{}{path}", self.base));
        if let Some(patience) = patience {
            request = request.timeout(patience);
        }
        request.send().map_err(|error| request_error(&self.place, path, error, patience.unwrap_or(self.silence)))
    }

    fn accepted(&self, what: &str, answer: Response) -> Result<Response, DaemonError> {
        let status = answer.status();
        if status == StatusCode::OK {
            return Ok(answer);
        }
        let message = complaint(&self.bounded(what, answer)?);
        Err(DaemonError::Status { place: self.place.clone(), what: what.into(), status: status.as_u16(), message })
    }

    fn bounded(&self, what: &str, answer: Response) -> Result<Vec<u8>, DaemonError> {
        let mut bytes = Vec::new();
        let read = answer.take(MAX_JSON + 1).read_to_end(&mut bytes);
        let message = match read {
            Ok(_) if bytes.len() as u64 <= MAX_JSON => return Ok(bytes),
            Ok(_) => format!("expected an answer of at most {MAX_JSON} bytes, found more"),
            Err(error) => format!("the answer broke off: {}", innermost(&error)),
        };
        Err(DaemonError::Request { place: self.place.clone(), what: what.into(), message: message.into() })
    }

    fn shape(&self, what: &str, error: &serde_json::Error) -> DaemonError {
        let place = format!("the container engine at {}: {what}", self.place);
        DaemonError::shape(place, format!("expected JSON as the Docker Engine API has it: {error}"))
    }

    /// A name as part of a path. Slashes, colons and `@` stay as they are, as the Docker command line has it.
    fn encoded(&self, name: &str) -> Result<String, DaemonError> {
        // A URL's dots would lead to another question.
        if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
            let message = ": this is no name of an image".into();
            let similar = Similar::default();
            return Err(DaemonError::NoSuchImage { place: self.place.clone(), name: name.into(), message, similar });
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:@".contains(&byte);
        let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        Ok(name.bytes().map(encode).collect())
    }
}

/// An image's archive as it comes from the engine.
pub struct Export {
    answer: Response,
    place: Text,
    silence: Duration,
    at: u64,
}

impl Read for Export {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.answer.read(buffer).map_err(|error| {
            let (place, at, why) = (&self.place, self.at, innermost(&error));
            let is_silent = error.get_ref().and_then(|error| error.downcast_ref::<reqwest::Error>());
            let why = match is_silent.is_some_and(reqwest::Error::is_timeout) {
                true => format!("it said nothing for {} seconds", self.silence.as_secs_f32()),
                false => why.into(),
            };
            let message = format!("the container engine at {place} cut the image off after {at} bytes: {why}");
            io::Error::new(error.kind(), message)
        })?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Certificates of the system are not loaded where they are not needed: that takes a while, and fails where there
/// are none.
fn client_for(endpoint: &Endpoint) -> Result<ClientBuilder, DaemonError> {
    let builder = Client::builder().connect_timeout(CONNECT_PATIENCE).redirect(Policy::none()).http1_only();
    match endpoint {
        Endpoint::Unix(path) => Ok(builder.no_proxy().tls_certs_only([]).unix_socket(path.clone())),
        Endpoint::Tcp { url, certificates } => {
            let builder = if is_loopback(url) { builder.no_proxy() } else { builder };
            match certificates {
                Some(folder) => with_certificates(builder, folder),
                None if url.starts_with("http:") => Ok(builder.tls_certs_only([])),
                None => Ok(builder),
            }
        }
    }
}

fn is_loopback(url: &str) -> bool {
    let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn with_certificates(builder: ClientBuilder, folder: &Path) -> Result<ClientBuilder, DaemonError> {
    let read = |name: &str| {
        let path = folder.join(name);
        super::store::read_small(&path, MAX_JSON).map_err(|source| DaemonError::open(&path, source))
    };
    let wrong = |names: &str, error: &reqwest::Error| {
        DaemonError::shape(folder.join(names).as_path(), format!("expected PEM: {}", innermost(error)))
    };
    let authorities = Certificate::from_pem_bundle(&read("ca.pem")?).map_err(|error| wrong("ca.pem", &error))?;
    let pair = [read("cert.pem")?, b"\n".to_vec(), read("key.pem")?].concat();
    let identity = Identity::from_pem(&pair).map_err(|error| wrong("{cert,key}.pem", &error))?;
    Ok(builder.tls_certs_only(authorities).identity(identity))
}

fn request_error(place: &Text, what: &str, error: reqwest::Error, patience: Duration) -> DaemonError {
    let place = place.clone();
    let mut causes = std::iter::successors(error.source(), |&error| error.source());
    let system = causes.find_map(|cause| cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error));
    match system {
        Some(code) if error.is_connect() => DaemonError::Connect { place, source: io::Error::from_raw_os_error(code) },
        _ if error.is_timeout() => {
            let message = format!("no answer within {} seconds", patience.as_secs_f32());
            DaemonError::Request { place, what: what.into(), message: message.into() }
        }
        _ => DaemonError::Request { place, what: what.into(), message: innermost(&error) },
    }
}

/// The cause that nothing else caused: what wraps it says the same with fewer words.
fn innermost(error: &(dyn Error + 'static)) -> Text {
    // An `io::Error` is not the cause of what it wraps, and its own source is that of the inner one.
    let inner = |error: &(dyn Error + 'static)| {
        error.downcast_ref::<io::Error>().and_then(io::Error::get_ref).map(|inner| innermost(inner))
    };
    if let Some(text) = inner(error) {
        return text;
    }
    error.source().map_or_else(|| error.to_string().into(), innermost)
}
