//! Challenges, tokens, and where secrets go.

use crate::credentials::files;
use crate::server::{Reply, Request, Server, blob, ok, quick, reply, rest};
use slimwright::base::Hint as _;
use slimwright::registry::{Options, RegistryError};
use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const BODY: &str = r#"{"schemaVersion":2,"layers":[]}"#;

/// `user:pass/word`.
const BASIC: &str = "Basic dXNlcjpwYXNzL3dvcmQ=";

/// 401 with a challenge that names the token service of the same server.
fn challenge(request: &Request) -> Reply {
    let host = request.header("host").unwrap();
    let scope = "repository:lab/app:pull repository:lab/base:pull";
    reply(401).header(
        "WWW-Authenticate",
        format!(r#"Bearer realm="http://{host}/token?a=b",service="lab service",scope="{scope}""#),
    )
}

fn is_token_request(request: &Request) -> bool {
    request.target.starts_with("/token")
}

/// A registry that hands out one token.
fn with_token(answer: &'static str) -> Server {
    Server::new(move |request, _| match request.header("authorization") {
        _ if is_token_request(request) => ok(answer),
        Some("Bearer good") => ok(BODY),
        _ => challenge(request),
    })
}

/// Options with credentials for the server.
fn known(server: &Server, entry: &str) -> (tempfile::TempDir, Options) {
    files(&[("config.json", &format!(r#"{{"auths":{{"{}":{entry}}}}}"#, server.host()))])
}

#[test]
fn a_token_is_fetched_once_and_kept() {
    for answer in [
        r#"{"token":"good"}"#,
        r#"{"access_token":"good","expires_in":300}"#,
        r#"{"token":"","access_token":"good","expires_in":0}"#,
    ] {
        let server = with_token(answer);
        let client = server.client();
        client.manifest().unwrap();
        client.clone().manifest().unwrap();
        let requests = server.requests();
        let targets: Vec<&str> = requests.iter().map(|request| request.target.as_str()).collect();
        let manifest = "/v2/lab/app/manifests/1";
        let token =
            "/token?a=b&service=lab+service&scope=repository%3Alab%2Fapp%3Apull&scope=repository%3Alab%2Fbase%3Apull";
        assert_eq!(targets, [manifest, token, manifest, manifest]);
        assert_eq!(requests[1].header("authorization"), None);
    }
}

#[test]
fn a_token_service_is_told_the_credentials_and_the_registry_only_the_token() {
    let server = with_token(r#"{"token":"good"}"#);
    let (_folder, options) = known(&server, r#"{"auth":"dXNlcjpwYXNzL3dvcmQ="}"#);
    server.client_with(options).manifest().unwrap();
    let sent: Vec<Option<String>> =
        server.requests().iter().map(|request| request.header("authorization").map(str::to_owned)).collect();
    assert_eq!(sent, [None, Some(BASIC.into()), Some("Bearer good".into())]);
}

#[test]
fn an_identity_token_is_exchanged_in_a_form() {
    let server = with_token(r#"{"access_token":"good","refresh_token":"other"}"#);
    let (_folder, options) = known(&server, r#"{"auth":"dXNlcjo=","identitytoken":"refresh & me"}"#);
    server.client_with(options).manifest().unwrap();
    let request = &server.requests()[1];
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/token?a=b"));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(request.header("authorization"), None);
    assert_eq!(
        request.body,
        "grant_type=refresh_token&client_id=slimwright&refresh_token=refresh+%26+me&service=lab+service\
         &scope=repository%3Alab%2Fapp%3Apull&scope=repository%3Alab%2Fbase%3Apull"
    );
}

#[test]
fn basic_is_answered_with_credentials_and_a_known_challenge_is_found_among_others() {
    for challenge in [r#"Basic realm="lab""#, r#"Negotiate, Digest qop="auth, x", BASIC"#] {
        let server = Server::new(move |request, _| match request.header("authorization") {
            Some(BASIC) => ok(BODY),
            _ => reply(401).header("WWW-Authenticate", "Other x=y").header("WWW-Authenticate", challenge),
        });
        let (_folder, options) = known(&server, r#"{"username":"user","password":"pass/word"}"#);
        let client = server.client_with(options);
        client.manifest().unwrap();
        client.manifest().unwrap();
        assert_eq!(server.requests().len(), 3);
    }
}

#[test]
fn a_token_that_expires_in_the_middle_of_a_blob_is_replaced_and_the_blob_goes_on() {
    let (bytes, digest) = blob(100_000);
    let served = bytes.clone();
    let tokens = AtomicUsize::new(0);
    let server = Server::new(move |request, _| {
        if is_token_request(request) {
            let number = tokens.fetch_add(1, Ordering::SeqCst);
            return ok(format!(r#"{{"token":"t{number}","expires_in":3600}}"#));
        }
        match (request.header("authorization"), request.from()) {
            (Some("Bearer t0"), None) => ok(&served[..]).cut(40_000),
            (Some("Bearer t1"), Some(from)) => rest(&served, from),
            _ => challenge(request),
        }
    });
    let mut found = Vec::new();
    server.client().blob(&digest, 100_000).read_to_end(&mut found).unwrap();
    assert!(found == bytes);
    assert_eq!(server.requests().iter().filter(|request| is_token_request(request)).count(), 2);
    let last = server.requests().last().unwrap().clone();
    assert_eq!((last.header("authorization"), last.header("range")), (Some("Bearer t1"), Some("bytes=40000-")));
}

#[test]
fn a_token_that_is_known_to_be_old_is_replaced_before_it_is_refused() {
    let server = with_token(r#"{"token":"good","expires_in":1e-9}"#);
    let client = server.client();
    client.manifest().unwrap();
    client.manifest().unwrap();
    let kinds: Vec<bool> = server.requests().iter().map(is_token_request).collect();
    // The first is asked for when none is there; every later request has one of its own, and none is refused.
    assert_eq!(kinds, [false, true, true, false, true, false]);
}

#[test]
fn downloads_at_once_share_a_token() {
    let server = with_token(r#"{"token":"good"}"#);
    let client = server.client();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| client.manifest().unwrap());
        }
    });
    assert_eq!(server.requests().iter().filter(|request| is_token_request(request)).count(), 1);
}

#[test]
fn a_registry_that_refuses_every_token_is_not_asked_for_ever() {
    let server = with_token(r#"{"token":"bad"}"#);
    let error = server.client().manifest().unwrap_err();
    assert!(matches!(error, RegistryError::Denied { status: 401, .. }), "{error}");
    assert!(error.hint().unwrap().contains(&format!("docker login {}", server.host())));
    assert!(server.requests().len() <= 6, "{}", server.requests().len());
}

#[test]
fn refused_credentials_are_told_without_them() {
    let basic = Server::new(|_, _| {
        reply(401).header("WWW-Authenticate", "Basic realm=x").body(r#"{"errors":[{"message":"go away"}]}"#)
    });
    let token = Server::new(|request, _| match is_token_request(request) {
        true => reply(401).body(r#"{"details":"go away"}"#),
        false => challenge(request),
    });
    for server in [basic, token] {
        let (_folder, options) = known(&server, r#"{"auth":"dXNlcjpwYXNzL3dvcmQ="}"#);
        let error = server.client_with(options).manifest().unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(matches!(error, RegistryError::Denied { status: 401, .. }), "{text}");
        assert!(text.contains("go away") && text.contains(&server.host()), "{text}");
        assert!(!text.contains("pass/word") && !text.contains("dXNlcjpwYXNzL3dvcmQ"), "{text}");
        assert!(server.requests().len() <= 3, "{:?}", server.requests());
    }
}

#[test]
fn without_credentials_basic_is_denied_at_once() {
    let server = Server::new(|_, _| reply(401).header("WWW-Authenticate", "Basic realm=x"));
    let error = server.client().manifest().unwrap_err();
    assert!(matches!(error, RegistryError::Denied { status: 401, .. }), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_challenge_that_is_none_is_told() {
    for (header, text) in [
        ("\u{1}garbage,,=\"", "expected a Bearer or Basic challenge"),
        ("Bearer service=x", "expected a Bearer or Basic challenge"),
        ("Bearer realm=\"not a url\"", "expected the URL of a token service, found `not a url`"),
        ("Bearer realm=\"http://example.org/token\"", "token service example.org: expected a server on this machine"),
        (
            "Bearer realm=\"https://user:secret@example.org/\"",
            "token service example.org: expected a server on this machine",
        ),
    ] {
        let server = Server::new(move |_, _| reply(401).header("WWW-Authenticate", header.replace('\u{1}', "")));
        let error = server.client().manifest().unwrap_err();
        assert!(error.to_string().contains(text) && !error.to_string().contains("secret"), "{error}");
        assert_eq!(server.requests().len(), 1);
    }
    let silent = Server::new(|_, _| reply(401));
    assert!(matches!(silent.client().manifest().unwrap_err(), RegistryError::Denied { .. }));
}

#[test]
fn a_redirect_to_another_host_carries_no_credentials() {
    for (challenge, sent) in [(r#"Basic realm="lab""#, BASIC), ("bearer", "Bearer good")] {
        // Says 401 itself, with a challenge of its own: nobody may answer it.
        let (bytes, digest) = blob(10_000);
        let other = Server::new(move |request, number| match (number, request.from()) {
            (0, _) => ok(&bytes[..]).cut(4_000),
            (1, Some(from)) => rest(&bytes, from),
            _ => reply(401).header("WWW-Authenticate", "Basic realm=phishing"),
        });
        let target = format!("http://{}/stored?signature=secret", other.host());
        let server = Server::new(move |request, _| match request.header("authorization") {
            _ if is_token_request(request) => ok(r#"{"token":"good"}"#),
            Some(known) if known == sent => reply(307).header("Location", target.clone()),
            _ if challenge == "bearer" => self::challenge(request),
            _ => reply(401).header("WWW-Authenticate", challenge),
        });
        let (_folder, options) = known(&server, r#"{"auth":"dXNlcjpwYXNzL3dvcmQ="}"#);
        let client = server.client_with(options);
        let mut found = Vec::new();
        client.blob(&digest, 10_000).read_to_end(&mut found).unwrap();
        assert_eq!(found, blob(10_000).0);
        let error = client.manifest().unwrap_err();
        assert!(matches!(error, RegistryError::Denied { status: 401, .. }), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        let requests = other.requests();
        assert_eq!(requests.len(), 3);
        assert_eq!(requests[1].header("range"), Some("bytes=4000-"));
        for request in requests {
            assert!(request.target.starts_with("/stored") && request.header("authorization").is_none(), "{request:?}");
            assert_eq!(request.header("referer"), None);
        }
    }
}

#[test]
fn a_token_service_that_redirects_is_not_followed() {
    let other = Server::new(|_, _| ok(r#"{"token":"good"}"#));
    for entry in [r#"{"auth":"dXNlcjpwYXNzL3dvcmQ="}"#, r#"{"identitytoken":"refresh"}"#] {
        let target = format!("http://{}/", other.host());
        let server = Server::new(move |request, _| match is_token_request(request) {
            true => reply(307).header("Location", target.clone()),
            false => challenge(request),
        });
        let (_folder, options) = known(&server, entry);
        let error = server.client_with(options).manifest().unwrap_err();
        assert!(matches!(error, RegistryError::Status { status: 307, .. }), "{error}");
    }
    assert!(other.requests().is_empty());
}

#[test]
fn a_token_service_that_fails_for_a_while_is_tried_again() {
    let failures = Mutex::new(vec![reply(503), reply(429).header("Retry-After", "0"), ok("{").stating(10)]);
    let server = Server::new(move |request, _| match request.header("authorization") {
        _ if is_token_request(request) => failures.lock().unwrap().pop().unwrap_or(ok(r#"{"token":"good"}"#)),
        Some("Bearer good") => ok(BODY),
        _ => challenge(request),
    });
    server.client().manifest().unwrap();
    assert_eq!(server.requests().len(), 6);

    let server = Server::new(|request, _| if is_token_request(request) { reply(500) } else { challenge(request) });
    let error = server.client().manifest().unwrap_err();
    assert!(error.to_string().ends_with("found HTTP 500 (tried 5 times)"), "{error}");
    assert_eq!(server.requests().len(), 6);
}

#[test]
fn what_is_no_token_is_told_without_it() {
    for (answer, text) in [
        ("[\"s3cret\"]", "expected a JSON object with a token"),
        ("{\"token\":7}", "expected a JSON object with a token"),
        ("{\"refresh_token\":\"s3cret\"}", "expected a `token` or `access_token`, found neither"),
        ("{\"token\":\"s3cret\\r\\nHost: x\"}", "found a line break"),
    ] {
        let error = with_token(answer).client_with(quick()).manifest().unwrap_err();
        assert!(error.to_string().contains(text) && !error.to_string().contains("s3cret"), "{error}");
    }
}
