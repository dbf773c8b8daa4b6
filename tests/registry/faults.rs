//! Servers that fail for a while, for ever, or in ways that end the matter.

use crate::server::{Server, ok, quick, reply};
use slimwright::base::Hint as _;
use slimwright::registry::{Client, Options, RegistryError};
use std::net::TcpListener;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const BODY: &str = r#"{"schemaVersion":2,"layers":[]}"#;

#[test]
fn what_fails_for_a_while_is_tried_again() {
    for status in [408, 429, 500, 502, 503, 504] {
        let server = Server::new(move |_, number| if number < 2 { reply(status) } else { ok(BODY) });
        assert!(server.client().manifest().is_ok(), "{status}");
        assert_eq!(server.requests().len(), 3, "{status}");
    }
}

#[test]
fn what_fails_for_ever_is_given_up_after_five_tries() {
    let server = Server::new(|_, _| reply(503).body(r#"{"errors":[{"message":"down for maintenance"}]}"#));
    let error = server.client().manifest().unwrap_err();
    assert_eq!(server.requests().len(), 5);
    let text = error.to_string();
    assert!(text.ends_with("found HTTP 503: `down for maintenance` (tried 5 times)"), "{text}");
    assert!(matches!(error.last(), RegistryError::Status { status: 503, .. }));
}

#[test]
fn what_would_fail_again_is_not_tried_again() {
    for status in [400, 403, 404, 405, 501] {
        let server = Server::new(move |_, _| reply(status));
        server.client().manifest().unwrap_err();
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[test]
fn a_server_says_in_seconds_how_long_to_wait() {
    let server = Server::new(|_, number| if number == 0 { reply(429).header("Retry-After", "1") } else { ok(BODY) });
    let client = server.client();
    let start = Instant::now();
    assert!(client.manifest().is_ok());
    assert!((1_000..5_000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[test]
fn a_server_says_with_a_date_how_long_to_wait() {
    let server = Server::new(|_, number| match number {
        0 => reply(503).header("Retry-After", in_two_seconds()),
        _ => ok(BODY),
    });
    let client = server.client();
    let start = Instant::now();
    assert!(client.manifest().is_ok());
    assert!((900..8_000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

/// An HTTP date, by counting days.
fn in_two_seconds() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 2;
    let (mut days, clock) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][month];
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    format!("Mon, {:02} {name} {year} {hour:02}:{minute:02}:{second:02} GMT", days + 1)
}

#[test]
fn a_connection_that_is_cut_before_or_in_an_answer_is_tried_again() {
    let server = Server::new(|_, number| match number {
        0 => ok(BODY).cut(0),
        1 => ok(BODY).cut(10),
        2 => ok(BODY).chunked().cut(10),
        _ => ok(BODY),
    });
    assert!(server.client().manifest().is_ok());
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    // Takes connections, and never answers: not to TLS, not to anything else.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let reference = format!("{}/lab/app", listener.local_addr().unwrap()).parse().unwrap();
    let options = Options { idle: Duration::from_millis(100), ..quick() };
    let start = Instant::now();
    let error = Client::new(&reference, options).unwrap().manifest().unwrap_err();
    assert!(error.to_string().contains("did not answer in time (tried 5 times)"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn where_nothing_listens_the_place_is_told() {
    let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for insecure in [true, false] {
        let options = Options { insecure, ..quick() };
        let client = Client::new(&format!("{host}/lab/app").parse().unwrap(), options).unwrap();
        let error = client.manifest().unwrap_err();
        assert!(matches!(error.last(), RegistryError::Connection { .. }), "{error}");
        assert!(error.to_string().starts_with(&format!("{host}/lab/app: ")), "{error}");
        assert!(error.to_string().contains("refused") && error.to_string().ends_with("(tried 2 times)"), "{error}");
    }
}

#[test]
fn a_registry_here_without_tls_is_told_with_the_option_that_allows_it() {
    let server = Server::new(|_, _| ok(BODY));
    let error = server.client_with(Options { insecure: false, ..quick() }).manifest().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{}: expected HTTPS, found a registry that speaks plain HTTP", server.host())
    );
    assert!(error.hint().unwrap().contains("--insecure"));
}

#[test]
fn insecure_is_for_this_machine_only() {
    for name in [
        "alpine",
        "example.org/x",
        "localhost.example.org/x",
        "10.0.0.1/x",
        "0.0.0.0/x",
        "[::2]/x",
        "[::ffff:127.0.0.1]/x",
    ] {
        let error = Client::new(&name.parse().unwrap(), quick()).unwrap_err();
        assert!(matches!(error, RegistryError::Insecure { .. }), "{name}: {error}");
        assert!(error.to_string().contains("this machine"), "{error}");
        assert!(error.hint().is_some());
    }
    for name in ["localhost:9/x", "127.0.0.1:9/x", "127.9.9.9:9/x", "[::1]:9/x"] {
        assert!(Client::new(&name.parse().unwrap(), quick()).is_ok(), "{name}");
    }
}

#[test]
fn redirects_end() {
    let server = Server::new(|request, _| reply(302).header("Location", request.target.clone()));
    let error = server.client().manifest().unwrap_err();
    assert!(error.to_string().contains("expected at most 10 redirects"), "{error}");
    assert_eq!(server.requests().len(), 11);
}

#[test]
fn an_insecure_registry_leads_to_no_other_machine() {
    let server = Server::new(|_, _| reply(307).header("Location", "http://user:secret@example.org/x?signature=secret"));
    let error = server.client().manifest().unwrap_err();
    let text = error.to_string();
    assert!(text.contains("redirected to example.org") && text.contains("on this machine"), "{text}");
    assert!(!text.contains("secret") && !format!("{error:?}").contains("secret"), "{error:?}");
    assert_eq!(server.requests().len(), 1);
}
