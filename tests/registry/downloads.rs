//! Blobs: streams that go on where they were cut, lengths that are not as promised, parts.

use crate::server::{Reply, Server, blob, ok, quick, reply, rest};
use slimwright::base::{Digest, Hint as _};
use slimwright::registry::{BlobStream, Client, Options, RegistryError};
use std::io::{ErrorKind, Read};
use std::time::Duration;

fn read(mut stream: BlobStream) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    stream.read_to_end(&mut out).map(|_| out)
}

fn inner(error: &std::io::Error) -> &RegistryError {
    error.get_ref().unwrap().downcast_ref().unwrap()
}

/// Whether what a script serves is the blob, and how often was asked.
fn is_read(length: usize, script: fn(&[u8], Option<usize>, usize) -> Reply) -> usize {
    let (bytes, digest) = blob(length);
    let served = bytes.clone();
    let server = Server::new(move |request, number| script(&served, request.from(), number));
    let options = Options { idle: Duration::from_millis(300), ..quick() };
    let found = read(server.client_with(options).blob(&digest, length as u64)).unwrap();
    assert!(found == bytes, "{} of {length} bytes", found.len());
    server.requests().len()
}

#[test]
fn a_blob_is_streamed() {
    let (bytes, digest) = blob(300_000);
    let served = bytes.clone();
    let server = Server::new(move |_, _| ok(served.clone()));
    let mut stream = server.client().blob(&digest, 300_000);
    assert!(server.requests().is_empty());
    assert_eq!(stream.read(&mut []).unwrap(), 0);
    let mut found = Vec::new();
    stream.read_to_end(&mut found).unwrap();
    assert!(found == bytes);
    assert_eq!(stream.read(&mut [0; 9]).unwrap(), 0);
    let [request] = &server.requests()[..] else { panic!() };
    assert_eq!(
        (request.target.as_str(), request.header("range")),
        (format!("/v2/lab/app/blobs/{digest}").as_str(), None)
    );
}

#[test]
fn a_stream_without_a_length_is_read() {
    assert_eq!(is_read(100_000, |bytes, _, _| ok(bytes).chunked()), 1);
    assert_eq!(is_read(100_000, |bytes, _, _| ok(bytes).until_closed()), 1);
    assert_eq!(is_read(0, |bytes, _, _| ok(bytes)), 0);
}

#[test]
fn a_stream_that_is_cut_goes_on_at_the_same_byte() {
    let cut_each_time = |bytes: &[u8], from: Option<usize>, _: usize| match from {
        None => ok(bytes).cut(10_000),
        Some(from) => rest(bytes, from).cut((bytes.len() - from).min(10_000)),
    };
    // Far more often than what never gets on is tried.
    assert_eq!(is_read(200_000, cut_each_time), 20);
    assert_eq!(
        is_read(50_000, |bytes, from, _| match from {
            None => ok(bytes).chunked().cut(33_000),
            Some(from) => rest(bytes, from).chunked(),
        }),
        2
    );
    assert_eq!(
        is_read(50_000, |bytes, from, _| match from {
            None => ok(bytes).until_closed().cut(33_000),
            Some(from) => rest(bytes, from),
        }),
        2
    );
}

#[test]
fn a_server_without_ranges_is_read_again_up_to_the_cut() {
    assert_eq!(
        is_read(100_000, |bytes, _, number| match number {
            0 => ok(bytes).cut(30_000),
            // Not even as far as it was.
            1 => ok(bytes).cut(20_000),
            2 => ok(bytes).cut(60_000),
            _ => ok(bytes),
        }),
        4
    );
}

#[test]
fn a_stream_that_stalls_is_taken_for_cut() {
    let long = Duration::from_secs(8);
    let script = move |bytes: &[u8], from: Option<usize>, _: usize| match from {
        None => ok(bytes).stall(30_000, long),
        Some(from) => rest(bytes, from),
    };
    let (bytes, digest) = blob(100_000);
    let served = bytes.clone();
    let server = Server::new(move |request, number| script(&served, request.from(), number));
    let options = Options { idle: Duration::from_millis(200), ..quick() };
    let start = std::time::Instant::now();
    assert!(read(server.client_with(options).blob(&digest, 100_000)).unwrap() == bytes);
    assert_eq!(server.requests()[1].header("range"), Some("bytes=30000-"));
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
}

#[test]
fn a_slow_stream_may_take_longer_than_any_wait() {
    // 20 pieces with 50 ms between them: a second, while 300 ms of silence would be too long.
    assert_eq!(is_read(20_000, |bytes, _, _| ok(bytes).drip(1_000, Duration::from_millis(50))), 1);
}

#[test]
fn failures_between_the_parts_of_a_stream_are_tried_again() {
    assert_eq!(
        is_read(100_000, |bytes, from, number| match (number, from) {
            (0, _) => ok(bytes).cut(30_000),
            (1, _) => reply(502),
            (2, _) => reply(429).header("Retry-After", "0"),
            (3, Some(from)) => rest(bytes, from).cut(0),
            (_, Some(from)) => rest(bytes, from),
            _ => reply(400),
        }),
        5
    );
}

#[test]
fn a_stream_that_never_gets_on_is_given_up() {
    let (bytes, digest) = blob(100_000);
    let server = Server::new(move |request, _| match request.from() {
        None => ok(&bytes[..]).cut(30_000),
        Some(from) => rest(&bytes, from).cut(0),
    });
    let error = read(server.client().blob(&digest, 100_000)).unwrap_err();
    assert!(error.to_string().contains("the connection was cut at byte 30000 of 100000"), "{error}");
    assert!(error.to_string().ends_with("(tried 5 times)"), "{error}");
    assert_eq!(server.requests().len(), 5);
}

/// The error of a blob of which 1000 bytes are promised.
fn promised_1000(script: impl Fn(&[u8], Option<usize>) -> Reply + Send + Sync + 'static) -> std::io::Error {
    let (bytes, digest) = blob(3_000);
    let server = Server::new(move |request, _| script(&bytes, request.from()));
    read(server.client().blob(&digest, 1_000)).unwrap_err()
}

#[test]
fn a_blob_that_is_shorter_than_promised_is_an_unexpected_end_with_both_numbers() {
    let short = |form: fn(Reply) -> Reply| {
        move |bytes: &[u8], from: Option<usize>| match from {
            None => form(ok(&bytes[..900])),
            Some(_) => reply(416).header("Content-Range", "bytes */900"),
        }
    };
    for error in [
        promised_1000(short(|reply| reply)),
        promised_1000(short(Reply::chunked)),
        promised_1000(short(Reply::until_closed)),
        promised_1000(|bytes, _| ok(&bytes[..900]).chunked()),
        promised_1000(|bytes, from| if from.is_none() { ok(&bytes[..900]).chunked() } else { reply(416) }),
        promised_1000(|bytes, from| from.map_or(ok(bytes).stating(1_000).cut(500), |from| rest(&bytes[..900], from))),
    ] {
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}");
        assert!(error.to_string().contains("expected 1000 bytes, found 900"), "{error}");
        assert!(matches!(inner(&error).last(), RegistryError::Length { expected: 1_000, found: 900, .. }));
    }
}

#[test]
fn a_blob_that_is_longer_than_promised_is_an_error() {
    for error in [
        promised_1000(|bytes, _| ok(bytes)),
        promised_1000(|bytes, _| ok(bytes).chunked()),
        promised_1000(|bytes, _| ok(bytes).until_closed()),
        promised_1000(|bytes, from| from.map_or(ok(bytes).stating(1_000).cut(500), |from| rest(bytes, from))),
    ] {
        assert_eq!(error.kind(), ErrorKind::Other, "{error}");
        assert!(error.to_string().contains("expected 1000 bytes, found at least"), "{error}");
        assert!(matches!(inner(&error), RegistryError::Length { expected: 1_000, .. }));
    }
}

#[test]
fn another_part_than_was_asked_for_is_refused() {
    for range in ["bytes 499-999/1000", "bytes 501-999/1000", "bytes", "items 500-999/1000", "bytes */1000", "\u{e9}"] {
        let error = promised_1000(move |bytes, from| match from {
            None => ok(&bytes[..1_000]).cut(500),
            Some(_) => reply(206).header("Content-Range", range).body(&bytes[500..1_000]),
        });
        assert!(error.to_string().contains("expected a range from byte 500"), "{error}");
    }
    let error = promised_1000(|bytes, _| rest(bytes, 0));
    assert!(error.to_string().contains("expected the whole, found a part"), "{error}");
}

#[test]
fn a_blob_that_is_missing_or_forbidden_has_its_own_kind() {
    let error = promised_1000(|_, _| reply(404));
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(matches!(inner(&error), RegistryError::NotFound { .. }), "{error}");
    let error = promised_1000(|_, _| reply(403));
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    let hint = inner(&error).hint().unwrap();
    assert!(hint.starts_with("log in with `docker login 127.0.0.1:"), "{hint}");
}

#[test]
fn a_small_blob_is_whole_verified_and_bounded() {
    let (bytes, digest) = blob(5_000);
    let served = bytes.clone();
    let server = Server::new(move |request, _| match request.from() {
        None => ok(&served[..]).cut(100),
        Some(from) => rest(&served, from),
    });
    let client = server.client();
    assert!(client.small_blob(&digest, 5_000).unwrap() == bytes);
    let error = client.small_blob(&Digest::of(b"another"), 5_000).unwrap_err();
    assert!(matches!(error, RegistryError::Digest { .. }), "{error}");
    let asked = server.requests().len();
    let error = client.small_blob(&digest, (16 << 20) + 1).unwrap_err();
    assert!(error.to_string().contains("expected at most 16777216 bytes, found 16777217"), "{error}");
    assert_eq!(server.requests().len(), asked);
}

fn part(bytes: &[u8], header: &str) -> Reply {
    let (from, to) = header.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
    let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
    let range = format!("bytes {from}-{to}/{}", bytes.len());
    reply(206).header("Content-Range", range).body(&bytes[from..=to])
}

#[test]
fn a_part_is_exactly_what_was_asked_for() {
    let (bytes, digest) = blob(100_000);
    let served = bytes.clone();
    let server = Server::new(move |request, number| {
        let whole = part(&served, request.header("range").unwrap());
        if number == 1 { whole.cut(1_000) } else { whole }
    });
    let client = server.client();
    assert!(client.range(&digest, 90_000, 10_000).unwrap() == bytes[90_000..]);
    assert!(client.range(&digest, 10, 5_000).unwrap() == bytes[10..5_010]);
    assert_eq!(client.range(&digest, 10, 0).unwrap(), b"");
    let ranges: Vec<String> = server.requests().iter().map(|request| request.header("range").unwrap().into()).collect();
    assert_eq!(ranges, ["bytes=90000-99999", "bytes=10-5009", "bytes=1010-5009"]);
}

#[test]
fn a_server_without_ranges_gives_parts_near_the_beginning_only() {
    let (bytes, digest) = blob(100_000);
    let served = bytes.clone();
    let server = Server::new(move |_, _| ok(served.clone()));
    let client = server.client();
    assert!(client.range(&digest, 70_000, 20_000).unwrap() == bytes[70_000..90_000]);
    let error = client.range(&digest, 99_000, 2_000).unwrap_err();
    assert!(matches!(error.last(), RegistryError::Length { .. }), "{error}");
    let huge = Server::new(|_, _| ok("").stating(1 << 40));
    let error = huge.client().range(&digest, (8 << 20) + 1, 10).unwrap_err();
    assert!(matches!(error, RegistryError::Unsupported { .. }), "{error}");
}

#[test]
fn a_part_behind_the_end_or_of_any_size_is_an_error() {
    let server = Server::new(|_, _| reply(416).header("Content-Range", "bytes */100"));
    let client = server.client();
    let digest = Digest::of(b"");
    let error = client.range(&digest, 200, 10).unwrap_err();
    assert!(matches!(error, RegistryError::Length { expected: 210, found: 100, .. }), "{error}");
    let error = client.range(&digest, u64::MAX, 10).unwrap_err();
    assert!(error.to_string().contains("blob"), "{error}");
    client.range(&digest, 0, u64::MAX).unwrap_err();
}

#[test]
fn several_streams_are_read_at_once() {
    fn shared<T: Send + Sync + Clone>(value: T) -> T {
        value
    }
    let (bytes, digest) = blob(200_000);
    let served = bytes.clone();
    let server = Server::new(move |_, _| ok(served.clone()).drip(20_000, Duration::from_millis(5)));
    let client: Client = shared(server.client());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(read(client.blob(&digest, 200_000)).unwrap() == bytes));
        }
    });
    assert_eq!(server.requests().len(), 4);
}
