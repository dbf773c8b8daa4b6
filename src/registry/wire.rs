//! Requests and their answers: headers, redirects, failures.

use super::auth::Auth;
use super::error::{read_as, said};
use super::manifest::KINDS;
use super::retry::{Failed, retried, retry_after};
use super::{Options, Reference, RegistryError};
use crate::base::{Digest, Text};
use crate::http::{Reach, authority, causes, client, is_loopback, is_passing, may_speak};
use reqwest::Url;
use reqwest::blocking::{Client as Http, ClientBuilder, RequestBuilder, Response};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, RANGE, RETRY_AFTER, WWW_AUTHENTICATE};
use std::io::Read;
use std::time::{Duration, SystemTime};

/// Most of a failure's text that is read.
const MAX_FAILURE: u64 = 64 << 10;

/// What all requests have in common.
pub(super) struct Wire {
    pub reference: Reference,
    pub options: Options,
    /// The registry and repository, for errors.
    pub place: String,
    /// For the token service: follows no redirects, because they would carry credentials away.
    pub tokens: Http,
    http: Http,
    /// `https://HOST/v2/REPOSITORY/`.
    base: Url,
    auth: Auth,
}

/// One thing to ask for.
pub(super) struct Ask<'a> {
    /// Behind the repository: `manifests/TAG`.
    pub path: &'a str,
    /// For errors.
    pub what: &'a str,
    /// The `Range` header.
    pub range: Option<&'a str>,
}

impl Wire {
    pub(super) fn new(reference: &Reference, options: Options) -> Result<Self, RegistryError> {
        let place = format!("{}/{}", reference.registry(), reference.repository());
        let address = format!("https://{}/v2/{}/", reference.api_host(), reference.repository());
        let not_an_address =
            |_| RegistryError::shape(&place, "expected the name of a host, found what is no part of a URL");
        let mut base = Url::parse(&address).map_err(not_an_address)?;
        let local = is_loopback(&base);
        if options.insecure && !local {
            return Err(RegistryError::Insecure { host: reference.registry().to_owned() });
        }
        let setup = |error| RegistryError::Setup { place: place.clone(), message: causes(error) };
        let insecure = options.insecure;
        let http = builder(&options, local, reach(insecure)).build().map_err(setup)?;
        let tokens = builder(&options, local, Reach::Nowhere).build().map_err(setup)?;
        if insecure && tokens.get(root(&base)).timeout(options.idle.min(Duration::from_secs(5))).send().is_err() {
            base = Url::parse(&address.replacen("https", "http", 1)).map_err(not_an_address)?;
        }
        let auth = Auth::default();
        Ok(Self { reference: reference.clone(), options, place, tokens, http, base, auth })
    }

    pub(super) fn at_most(&self, size: u64, most: u64, what: &str) -> Result<(), RegistryError> {
        if size <= most {
            return Ok(());
        }
        Err(RegistryError::shape(&self.place, format!("{what}: expected at most {most} bytes, found {size}")))
    }

    pub(super) fn verify(&self, what: &'static str, expected: &Digest, bytes: &[u8]) -> Result<(), RegistryError> {
        let found = Digest::of(bytes);
        if found == *expected {
            return Ok(());
        }
        Err(RegistryError::Digest { place: self.place.clone(), what, expected: *expected, found })
    }

    /// Asks for something until there is an answer, and returns a successful one: 200 or 206, or 416 where a range
    /// was asked for.
    pub(super) fn get(&self, ask: &Ask<'_>) -> Result<Response, RegistryError> {
        retried(self.options.first_wait, || self.once(ask))
    }

    pub(super) fn once(&self, ask: &Ask<'_>) -> Result<Response, Failed> {
        let url = self.join(ask.path)?;
        let fine: &[u16] = if ask.range.is_some() { &[200, 206, 416] } else { &[200, 206] };
        self.authorized(ask, &url, fine, &|http| {
            let mut request = http.get(url.clone());
            if let Some(range) = ask.range {
                request = request.header(RANGE, range);
            }
            request
        })
    }

    /// A place below the repository.
    pub(super) fn join(&self, path: &str) -> Result<Url, RegistryError> {
        self.base.join(path).map_err(|_| RegistryError::shape(&self.place, "the URL cannot be built"))
    }

    /// One request and its answer, which has one of these statuses; once more with credentials where the registry wants them.
    /// Elsewhere nobody gets any.
    pub(super) fn authorized(
        &self,
        ask: &Ask<'_>,
        url: &Url,
        fine: &[u16],
        build: &dyn Fn(&Http) -> RequestBuilder,
    ) -> Result<Response, Failed> {
        let is_own = url.origin() == self.base.origin();
        let mut renewed = 0;
        loop {
            let header = if is_own { self.auth.header(self)? } else { None };
            let mut request = build(&self.http);
            // To who names no kinds a registry says that there is no manifest of a newer one.
            if ask.path.starts_with("manifests/") {
                request = request.header(ACCEPT, KINDS.join(", "));
            }
            if let Some(header) = &header {
                request = request.header(AUTHORIZATION, header.clone());
            }
            let response = request.send().map_err(|error| self.lost(&self.place, error))?;
            let status = response.status().as_u16();
            match status {
                _ if fine.contains(&status) => return Ok(response),
                401 if renewed < 2 && is_own && response.url().origin() == self.base.origin() => {
                    let challenges = challenges(response.headers());
                    if challenges.is_empty() || !self.auth.renew(self, header.as_ref(), &challenges)? {
                        return Err(self.refused(ask, response));
                    }
                    renewed += 1;
                }
                _ => return Err(self.refused(ask, response)),
            }
        }
    }

    fn refused(&self, ask: &Ask<'_>, response: Response) -> Failed {
        let status = response.status().as_u16();
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|value| retry_after(value, SystemTime::now()));
        let (place, what) = (self.place.clone(), ask.what.to_owned());
        let said = said(&body_of(response).unwrap_or_default());
        match status {
            404 => RegistryError::NotFound { place, what, said, read_as: read_as(&self.reference) }.into(),
            401 | 403 => {
                let host = self.reference.registry().to_owned();
                let denied = RegistryError::Denied { place, what, status, said, host };
                self.auth.take_problem().unwrap_or(denied).into()
            }
            _ if is_passing(status) => Failed::for_now(RegistryError::Status { place, what, status, said }, wait),
            _ => RegistryError::Status { place, what, status, said }.into(),
        }
    }

    /// A request that got no answer.
    pub(super) fn lost(&self, place: &str, error: reqwest::Error) -> Failed {
        let local = self.base.scheme() == "https" && is_loopback(&self.base) && !self.options.insecure;
        if local && error.is_connect() && self.speaks_plainly() {
            return RegistryError::PlainHttp { host: self.reference.registry().to_owned() }.into();
        }
        // A certificate stays wrong, and a redirect stays where it is.
        let (of_tls, lasting) = (is_of_tls(&error), error.is_redirect() || error.is_builder());
        let unreached = error.is_connect() && !error.is_timeout();
        let message = if error.is_timeout() { "the server did not answer in time".into() } else { causes(error) };
        let place = place.to_owned();
        match (of_tls, lasting) {
            (true, _) => RegistryError::Tls { place, message }.into(),
            (false, true) => RegistryError::Connection { place, message }.into(),
            (false, false) if unreached => Failed::Unreached(Box::new(RegistryError::Connection { place, message })),
            (false, false) => Failed::for_now(RegistryError::Connection { place, message }, None),
        }
    }

    /// A body that ended before its time.
    pub(super) fn cut(&self, what: &str, error: &std::io::Error) -> Failed {
        let message = format!("{what}: the connection was cut: {}", Text::of(&error));
        Failed::for_now(RegistryError::Connection { place: self.place.clone(), message }, None)
    }

    /// Whether the registry answers to plain HTTP. Servers that want TLS say 400 to it.
    fn speaks_plainly(&self) -> bool {
        let mut url = root(&self.base);
        let asked = url.set_scheme("http").is_ok();
        let Ok(http) = builder(&self.options, true, Reach::Nowhere).timeout(Duration::from_secs(5)).build() else {
            return false;
        };
        // The port stays: it is written in the URL, or it is 443, which nobody serves plainly.
        asked && http.get(url).send().is_ok_and(|response| response.status().as_u16() != 400)
    }

    /// Whether a token service, or who takes an upload, may be spoken to.
    pub(super) fn may_ask(&self, who: &str, url: &Url) -> Result<(), RegistryError> {
        may_speak(url, reach(self.options.insecure))
            .map_err(|why| RegistryError::shape(&self.place, format!("{who} {}: {why}", authority(url))))
    }
}

/// Everything that is sent goes over verified TLS, or else stays on this machine.
fn reach(insecure: bool) -> Reach {
    if insecure { Reach::Here } else { Reach::Secure }
}

fn builder(options: &Options, local: bool, reach: Reach) -> ClientBuilder {
    client(options.idle, local, reach).tls_danger_accept_invalid_certs(options.insecure)
}

/// `/v2/`, which says whether there is a registry (distribution-spec, end-1).
fn root(base: &Url) -> Url {
    base.join("/v2/").unwrap_or_else(|_| base.clone())
}

/// All challenges of an answer in one line.
fn challenges(headers: &HeaderMap) -> String {
    let lines: Vec<&str> = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()).collect();
    lines.join(", ")
}

/// The beginning of a short body.
pub(super) fn body_of(response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    match response.take(MAX_FAILURE).read_to_end(&mut body) {
        Ok(_) => Ok(body),
        Err(error) => Err(Text::of(&error).into()),
    }
}

/// Whether TLS itself failed: a certificate that is not trusted, a server that does not speak it.
fn is_of_tls(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let io = cause.downcast_ref::<std::io::Error>();
        if io.is_some_and(|io| io.kind() == std::io::ErrorKind::InvalidData) {
            return true;
        }
        // The cause of an I/O error is that of the error inside, which would be passed over.
        let inside = io.and_then(std::io::Error::get_ref).map(|inside| inside as &dyn std::error::Error);
        source = inside.or_else(|| cause.source());
    }
    false
}
