//! What all our HTTP clients have in common: how they are built, which redirects they follow, when they try again.
//!
//! A server is somebody else's, and what it answers may be a stranger's words. So there is one builder ([`client`]) and
//! one policy of redirects ([`Reach`]), and nothing else in the crate makes a client for the network:
//!
//! * **Credentials stay with their origin.** They are sent to the scheme, host and port that they are for, over TLS or to
//!   this machine ([`may_be_told`]). A redirect to another origin loses them.
//! * **Nobody elsewhere leads to this machine**, nor from TLS to plain HTTP. A name whose address is this machine is not
//!   recognised as such: what is there gets no credentials.
//! * **Waits, hops and tries are counted.**
//!
//! Source: RFC 9110, sections 15.4 (redirects) and 10.2.3 (`Retry-After`).

use reqwest::Url;
use reqwest::blocking::{Client, ClientBuilder};
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Most redirects that are followed.
const MAX_HOPS: usize = 10;

/// Longest wait between two tries, and longest that a server may ask for.
pub const MAX_WAIT: Duration = Duration::from_secs(60);

/// Where a client may be led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Over TLS only.
    Secure,
    /// Nowhere but to this machine.
    Here,
    /// Anywhere; what was asked for over TLS stays so.
    Any,
    /// Nowhere: an answer that leads elsewhere is the answer.
    Nowhere,
}

/// The beginning of every client. A server on this machine (`local`) is behind no proxy.
///
/// reqwest's blocking `timeout` bounds the wait for an answer's head and each wait for more of its body (`idle`), not
/// the whole.
pub fn client(idle: Duration, local: bool, reach: Reach) -> ClientBuilder {
    let mut headers = HeaderMap::new();
    // Digests and ranges are of the bytes on the wire.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let policy = match reach {
        Reach::Nowhere => Policy::none(),
        reach => Policy::custom(move |attempt| match may_follow(attempt.previous(), attempt.url(), reach) {
            Ok(()) => attempt.follow(),
            Err(why) => attempt.error(why),
        }),
    };
    let builder = Client::builder()
        .user_agent(concat!("slimwright/", env!("CARGO_PKG_VERSION")))
        .default_headers(headers)
        .referer(false)
        .redirect(policy)
        .timeout(idle)
        .connect_timeout(idle.min(Duration::from_secs(30)));
    if local { builder.no_proxy() } else { builder }
}

/// Whether a redirect is followed. reqwest takes credentials off where host or port change; that scheme alone changes is
/// no server's honest wish, and is refused.
fn may_follow(previous: &[Url], next: &Url, reach: Reach) -> Result<(), String> {
    let refused = |why: &str| Err(format!("redirected to {}: {why}", authority(next)));
    if previous.len() > MAX_HOPS {
        return Err(format!("expected at most {MAX_HOPS} redirects, found more"));
    }
    if let Err(why) = may_speak(next, reach) {
        return refused(why);
    }
    if next.scheme() != "https" && previous.iter().any(|url| url.scheme() == "https") {
        return refused("expected HTTPS again, found another scheme");
    }
    if previous.iter().any(|url| !is_loopback(url)) && is_this_machine(next) {
        return refused("nobody elsewhere leads to this machine");
    }
    let port = |url: &Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
    if previous.last().is_some_and(|last| last.scheme() != next.scheme() && port(last) == port(next)) {
        return refused("expected the same scheme on the same port, found another");
    }
    Ok(())
}

/// Whether a server may be spoken to at all.
///
/// # Errors
///
/// What was expected.
pub fn may_speak(url: &Url, reach: Reach) -> Result<(), &'static str> {
    match (reach, url.scheme()) {
        (Reach::Secure, "https") | (Reach::Any | Reach::Nowhere, "http" | "https") => Ok(()),
        (Reach::Secure, _) => Err("expected HTTPS, found another scheme"),
        (Reach::Here, "http" | "https") if is_loopback(url) => Ok(()),
        (Reach::Here, _) => Err("expected a server on this machine where --insecure is given, found another"),
        _ => Err("expected HTTP or HTTPS, found another scheme"),
    }
}

/// Whether a server may be told a secret: over TLS, or on this machine.
pub fn may_be_told(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

/// Whether a URL's host is this machine, without a doubt.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    host == "localhost" || address(url).is_some_and(|address| address.is_loopback())
}

/// Whether a URL may lead to this machine, or to what only this machine reaches: more than [`is_loopback`].
fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    let by_address = |address: IpAddr| match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_unspecified() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified() || v6.is_unicast_link_local(),
    };
    host == "localhost" || host.ends_with(".localhost") || address(url).is_some_and(by_address)
}

fn address(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// The host of a URL, and its port if that is not the scheme's.
pub fn authority(url: &Url) -> String {
    let host = crate::base::Text::from(url.host_str().unwrap_or_default());
    url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}").into()).into()
}

/// What the chain of an error's causes says, without the URL, whose query may be a secret.
pub fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut texts = vec![error.to_string()];
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        let text = cause.to_string();
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        source = cause.source();
    }
    crate::base::Text::from(&texts.join(": ")).into()
}

/// The wait after so many failures: the first, then twice as long each time. Without chance in it: one process
/// with a handful of connections is no crowd that has to be spread.
pub fn backoff(first: Duration, failures: u32) -> Duration {
    first.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(MAX_WAIT)
}

/// How often a request is tried, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Retries {
    /// How often.
    pub tries: u32,
    /// The wait before the second try; each further one is twice as long.
    pub first_wait: Duration,
    /// When the last try must have begun.
    pub deadline: Option<Instant>,
}

/// How one try failed.
pub enum Failed<E> {
    /// Trying again would not help.
    Finally(E),
    /// It may help, after this wait if the server named one.
    ForNow(E, Option<Duration>),
    /// No connection could be made (no such name, nothing listens): that is tried once more, and no further.
    Unreached(E),
}

impl Retries {
    /// Tries until it works.
    ///
    /// # Errors
    ///
    /// That of the last try, and after how many it was given up; `None` where trying again would not have helped.
    pub fn run<T, E>(&self, mut once: impl FnMut() -> Result<T, Failed<E>>) -> Result<T, (E, Option<u32>)> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (error, wait, most) = match once() {
                Ok(value) => return Ok(value),
                Err(Failed::Finally(error)) => return Err((error, None)),
                Err(Failed::ForNow(error, wait)) => {
                    (error, wait.unwrap_or(backoff(self.first_wait, tries)).min(MAX_WAIT), self.tries)
                }
                Err(Failed::Unreached(error)) => (error, self.first_wait.min(MAX_WAIT), self.tries.min(2)),
            };
            if tries >= most || self.deadline.is_some_and(|deadline| Instant::now() + wait >= deadline) {
                return Err((error, Some(tries)));
            }
            std::thread::sleep(wait);
        }
    }
}

/// Statuses after which trying again may help.
pub fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    fn follows(from: &str, to: &str, reach: Reach) -> bool {
        may_follow(&[url(from)], &url(to), reach).is_ok()
    }

    #[test]
    fn redirects_lead_neither_here_nor_out_of_tls() {
        for (from, to, fine) in [
            ("https://a.example/x", "https://b.example/y", true),
            ("https://a.example/x", "http://a.example/x", false),
            ("http://a.example/x", "https://a.example/x", true),
            ("http://a.example:8080/x", "https://a.example:8080/x", false),
            ("http://a.example/x", "http://127.0.0.1:9/x", false),
            ("http://a.example/x", "http://localhost/x", false),
            ("http://a.example/x", "http://a.localhost./x", false),
            ("http://a.example/x", "http://0.0.0.0/x", false),
            ("http://a.example/x", "http://[::ffff:127.0.0.1]/x", false),
            ("http://a.example/x", "http://169.254.169.254/latest", false),
            ("http://a.example/x", "http://2130706433/x", false),
            ("http://127.0.0.1:1/x", "http://127.0.0.1:2/x", true),
            ("http://127.0.0.1:1/x", "http://a.example/x", true),
            ("http://a.example/x", "file:///etc/passwd", false),
            ("http://a.example/x", "ftp://b.example/x", false),
        ] {
            assert_eq!(follows(from, to, Reach::Any), fine, "{from} {to}");
        }
        assert!(!follows("https://127.0.0.1:1/x", "https://a.example/x", Reach::Here));
        assert!(!follows("https://a.example/x", "http://b.example/x", Reach::Secure));
        let many = vec![url("https://a.example/x"); MAX_HOPS + 1];
        assert!(may_follow(&many, &url("https://b.example/"), Reach::Any).is_err());
    }

    #[test]
    fn nothing_is_sent_in_the_clear_or_unverified_but_on_this_machine() {
        let speaks = |text: &str, reach| may_speak(&url(text), reach).is_ok();
        for (place, secure, here, told) in [
            ("https://example.org/x", true, false, true),
            ("https://127.0.0.1:5000/x", true, true, true),
            ("http://example.org/x", false, false, false),
            ("http://127.0.0.1:5000/x", false, true, true),
            ("http://localhost/x", false, true, true),
            ("http://[::1]/x", false, true, true),
            ("http://127.1/x", false, true, true),
            ("http://localhost.example.org/x", false, false, false),
            ("http://[::ffff:127.0.0.1]/x", false, false, false),
            ("http://localhost@example.org/x", false, false, false),
            ("file:///x", false, false, false),
        ] {
            let found = (speaks(place, Reach::Secure), speaks(place, Reach::Here), may_be_told(&url(place)));
            assert_eq!(found, (secure, here, told), "{place}");
        }
    }

    #[test]
    fn an_authority_has_neither_credentials_nor_a_query() {
        assert_eq!(authority(&url("https://user:secret@example.org:5000/x?secret")), "example.org:5000");
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_lasts_is_not() {
        let retries = Retries { tries: 3, first_wait: Duration::ZERO, deadline: None };
        let run = |retries: Retries, works_at: u32, lasting: bool| {
            let mut tries = 0;
            let result = retries.run(|| {
                tries += 1;
                match (tries == works_at, lasting) {
                    (true, _) => Ok(tries),
                    (_, true) => Err(Failed::Finally("no")),
                    _ => Err(Failed::ForNow("not yet", None)),
                }
            });
            (result, tries)
        };
        assert_eq!(run(retries, 3, false), (Ok(3), 3));
        assert_eq!(run(retries, 4, false), (Err(("not yet", Some(3))), 3));
        assert_eq!(run(retries, 2, true), (Err(("no", None)), 1));
        let over = Retries { deadline: Some(Instant::now()), ..retries };
        assert_eq!(run(over, 2, false), (Err(("not yet", Some(1))), 1));
    }

    #[test]
    fn each_wait_is_twice_the_one_before() {
        let waits: Vec<u64> = (1..5).map(|n| backoff(Duration::from_millis(500), n).as_millis() as u64).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000]);
        assert_eq!(backoff(Duration::MAX, u32::MAX), MAX_WAIT);
    }
}
