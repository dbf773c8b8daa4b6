//! Lists of files at the end of archives: read from bytes, and from servers that do as they please.

use crate::server::{Reply, Request, Server, ok, reply};
use crate::wheels::{Zip, ranged, wheel};
use slimwright::base::Basis;
use slimwright::index::Access;
use slimwright::wheel::{
    Contents, Directory, Layout, Options, Remote, ZipEntry, ZipError, find_directory, parse_directory,
};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn read(bytes: &[u8]) -> Result<Vec<(String, u64)>, ZipError> {
    let found = find_directory(bytes, bytes.len() as u64)?;
    let (start, end) = (found.offset as usize, (found.offset + found.size) as usize);
    Ok(shown(parse_directory(&bytes[start..end], found.entries)?))
}

fn shown(entries: Vec<ZipEntry>) -> Vec<(String, u64)> {
    entries.into_iter().map(|entry| (String::from_utf8_lossy(&entry.name).into_owned(), entry.size)).collect()
}

#[test]
fn files_and_sizes_are_those_of_the_directory() {
    let expected = [("a/b.py".to_owned(), 3), ("huge.so".to_owned(), 3_000_000_000)];
    for long in [false, true] {
        let zip = || Zip::new(long).file("a/b.py", b"abc").claiming("huge.so", b"x", 3_000_000_000);
        assert_eq!(read(&zip().finish(b"")), Ok(expected.to_vec()));
        // A comment may look like an end.
        assert_eq!(read(&zip().finish(b"PK\x05\x06 and more")), Ok(expected.to_vec()));
    }
    let five = Zip::new(true).claiming("a", b"", 5_000_000_000).finish(b"");
    assert_eq!(read(&five), Ok(vec![("a".to_owned(), 5_000_000_000)]));
    assert_eq!(read(&Zip::new(false).finish(b"")), Ok(Vec::new()));
}

#[test]
fn an_archive_cut_anywhere_is_an_error_and_no_crash() {
    for long in [false, true] {
        let whole = Zip::new(long).file("a/b.py", b"abc").file("c", b"").finish(b"comment");
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "{end} of {}", whole.len());
        }
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0xff;
            let _ = read(&bytes);
        }
    }
}

#[test]
fn places_and_counts_that_contradict_one_another_are_errors() {
    let whole = Zip::new(false).file("a", b"abc").finish(b"");
    let end = whole.len() - 22;
    let with = |at: usize, value: u32| {
        let mut bytes = whole.clone();
        bytes[end + at..end + at + 4].copy_from_slice(&value.to_le_bytes());
        read(&bytes)
    };
    assert_eq!(with(16, 0x7fff_ffff), Err(ZipError::Contradiction("its directory reaches beyond its end")));
    assert_eq!(with(12, 10), Err(ZipError::Contradiction("its directory is too short for its files")));
    assert!(matches!(with(16, 1), Err(ZipError::Contradiction(_))));
    let many = Zip::new(true).claiming("a", b"", u64::MAX).claiming("b", b"", u64::MAX).finish(b"");
    assert_eq!(read(&many), Err(ZipError::TooMuch("files of more than 1 TiB")));
    assert_eq!(find_directory(&whole, 10), Err(ZipError::Contradiction("it is shorter than its end")));
    // zip64's record is where nobody read.
    let mut far = Zip::new(true).file("a", &[0; 100]).finish(b"");
    let locator = far.len() - 22 - 20;
    far[locator + 8..locator + 16].copy_from_slice(&0u64.to_le_bytes());
    assert_eq!(find_directory(&far[50..], far.len() as u64), Err(ZipError::Far));
    assert_eq!(
        find_directory(&whole[5..], whole.len() as u64),
        Ok(Directory { offset: 34, size: 47, entries: 1 }),
        "{whole:?}"
    );
}

fn options() -> Options {
    Options { first_wait: Duration::from_millis(2), idle: Duration::from_secs(5), ..Options::default() }
}

/// What a server's wheel has.
fn list(
    script: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    claimed: Option<u64>,
) -> (Result<Vec<(String, u64)>, String>, usize) {
    let server = Server::new(script);
    let access = Access::default();
    let remote = Remote::new(&access, &options(), Instant::now() + Duration::from_secs(20)).unwrap();
    let found = remote.list(&format!("http://{}/a.whl", server.host()), claimed);
    let found = found.map(|(entries, _)| shown(entries)).map_err(|error| error.to_string());
    (found, server.requests().len())
}

/// An archive whose directory begins before the end that is asked for first.
fn long_list() -> (Arc<Vec<u8>>, Vec<(String, u64)>) {
    let names: Vec<String> = (0..2_000).map(|n| format!("package/with/a/long/path/{n:040}.py")).collect();
    let zip = names.iter().fold(Zip::new(false), |zip, name| zip.file(name, b"x"));
    (Arc::new(zip.finish(b"")), names.into_iter().map(|name| (name, 1)).collect())
}

#[test]
fn a_list_takes_one_request_or_two() {
    let short = Arc::new(wheel("a", "1", "py3-none-any", 200_000));
    let expected = read(&short).unwrap();
    let length = short.len() as u64;
    let whole = Arc::clone(&short);
    assert_eq!(list(move |request, _| ranged(request, &whole), Some(length)), (Ok(expected), 1));
    let (long, expected) = long_list();
    assert_eq!(list(move |request, _| ranged(request, &long), None), (Ok(expected), 2));
}

#[test]
fn servers_without_ranges_or_without_suffixes_serve_too() {
    let whole = Arc::new(wheel("a", "1", "py3-none-any", 200_000));
    let (expected, length) = (read(&whole).unwrap(), whole.len() as u64);
    let bytes = Arc::clone(&whole);
    assert_eq!(list(move |_, _| ok(bytes.as_slice()), None), (Ok(expected.clone()), 1));
    let is_suffix = |request: &Request| request.header("range").is_some_and(|range| range.starts_with("bytes=-"));
    let bytes = Arc::clone(&whole);
    let no_suffix = move |request: &Request, _| if is_suffix(request) { reply(416) } else { ranged(request, &bytes) };
    assert_eq!(list(no_suffix, Some(length)), (Ok(expected), 2));
}

#[test]
fn a_large_file_is_not_read_whole() {
    for lying in [false, true] {
        let huge = move |_: &Request, _| {
            let answer = ok(vec![0; 9 << 20]);
            if lying { answer.until_closed() } else { answer }
        };
        let (found, requests) = list(huge, None);
        let error = found.unwrap_err();
        assert!(error.contains("sends no parts of files"), "{error}");
        assert_eq!(requests, 1);
    }
}

#[test]
fn a_cut_connection_is_tried_again_but_not_for_ever() {
    let whole = Arc::new(wheel("a", "1", "py3-none-any", 2_000));
    let expected = read(&whole).unwrap();
    let bytes = Arc::clone(&whole);
    let once = move |request: &Request, number| {
        let answer = ranged(request, &bytes);
        if number == 0 { answer.cut(100) } else { answer }
    };
    assert_eq!(list(once, None), (Ok(expected), 2));
    let bytes = Arc::clone(&whole);
    let (found, requests) = list(move |request, _| ranged(request, &bytes).cut(100), None);
    assert!(found.unwrap_err().contains("connection"), "a cut is told");
    assert_eq!(requests, 3);
    let (found, requests) = list(|_, _| reply(503), None);
    assert_eq!((found, requests), (Err("expected a part of the file, found HTTP 503".into()), 3));
    let (found, requests) = list(|_, _| reply(403), None);
    assert_eq!((found, requests), (Err("expected a part of the file, found HTTP 403".into()), 1));
}

#[test]
fn what_is_sent_must_be_what_was_said() {
    let whole = Arc::new(wheel("a", "1", "py3-none-any", 2_000));
    let length = whole.len();
    let bytes = Arc::clone(&whole);
    let (found, _) = list(move |request, _| ranged(request, &bytes).stating(length + 1_000), None);
    assert!(found.unwrap_err().contains("cut"), "a length that is not kept");
    let bytes = Arc::clone(&whole);
    let (found, _) = list(move |request, _| ranged(request, &bytes), Some(7));
    assert_eq!(found, Err(format!("the index says 7 bytes, the server {length}")));
    let part =
        |place: &'static str| move |_: &Request, _| reply(206).header("Content-Range", place).body(*b"0123456789");
    let (found, _) = list(part("bytes 0-99/100"), None);
    assert!(found.unwrap_err().contains("expected a part of 100 bytes, found 10"), "a part that is too short");
    let (found, _) = list(part("bytes 0-999999999999/1000000000000"), None);
    assert!(found.unwrap_err().contains("larger part"), "a part without bounds");
    let (found, _) = list(part("bytes 0-9/10"), None);
    assert_eq!(found, Err("expected a zip archive, found no end record".into()));
}

#[test]
fn a_wheel_is_installed_where_its_schemes_say() {
    let entry = |name: &str, size| ZipEntry { name: name.into(), size, ..ZipEntry::default() };
    let entries = vec![
        entry("a/", 0),
        entry("a/b.py", 100),
        entry("a-1.data/scripts/tool", 10),
        entry("a-1.data/data/share/x", 20),
        entry("a-1.data/headers/a.h", 30),
        entry("a-1.data/purelib/c.py", 40),
        entry("a-1.dist-info/RECORD", 500),
        entry("a-1.dist-info/RECORD.jws", 5),
    ];
    let contents = Contents::new(entries, 1_000, Basis::Predicted).unwrap();
    assert_eq!((contents.unpacked(), contents.source()), (705, 140));
    let site = "usr/local/lib/python3.11/site-packages";
    let layout = Layout { prefix: "usr/local".into(), site_dir: site.into(), python: "3.11".into() };
    let installed = |bytecode| -> Vec<(String, u64)> {
        let files = contents.installed("a", &layout, bytecode);
        files.into_iter().map(|file| (file.path.to_string().replace(site, "SITE"), file.size)).collect()
    };
    // Rows for INSTALLER and REQUESTED.
    let rows = "a-1.dist-info/INSTALLER,sha256=,4\n".len() + "a-1.dist-info/REQUESTED,sha256=,0\n".len() + 2 * 43;
    let compiled = "a/__pycache__/b.cpython-311.pyc,,\n".len() + "__pycache__/c.cpython-311.pyc,,\n".len();
    let record = 500 + rows as u64;
    let expected = [
        ("/SITE/a/b.py", 100),
        ("/usr/local/bin/tool", 10),
        ("/usr/local/share/x", 20),
        ("/usr/local/include/python3.11/a/a.h", 30),
        ("/SITE/c.py", 40),
        ("/SITE/a-1.dist-info/RECORD", record),
        ("/SITE/a-1.dist-info/INSTALLER", 4),
        ("/SITE/a-1.dist-info/REQUESTED", 0),
    ];
    assert_eq!(installed(false), expected.map(|(path, size)| (path.to_owned(), size)));
    assert!(installed(true)[5].1.abs_diff(record + compiled as u64) <= 30, "{:?}", installed(true)[5]);
    // Debian's Python has modules below /usr/local and headers beside its own.
    let site = "usr/local/lib/python3.11/dist-packages";
    let debian = Layout { site_dir: site.into(), ..layout };
    let header = contents.installed("a", &debian, false).into_iter().find(|file| file.size == 30).unwrap();
    assert_eq!(header.path.to_string(), "/usr/include/python3.11/a/a.h");
    assert_eq!(Contents::new(vec![entry("../evil", 1)], 1, Basis::Predicted), None);
    assert_eq!(Contents::new(vec![entry("/etc/passwd", 1)], 1, Basis::Predicted), None);
}
