//! Finding an engine and talking to it. The engine is a thread with a script behind a socket in a folder of its
//! own, so nothing here needs one, and nothing of the machine's own settings is read.

use crate::tarballs::Store;
use serde_json::json;
use slimwright::base::{Digest, Hint as _};
use slimwright::daemon::{DaemonError, Endpoint, Engine, Surroundings, parse_info, parse_inspect};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Answers by path; what is not in the script is answered with 404.
struct Scripted {
    endpoint: Endpoint,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    _folder: Store,
}

impl Scripted {
    fn new(script: &[(&str, Vec<u8>)]) -> Self {
        let folder = Store::new();
        let path = folder.path("engine.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let script: BTreeMap<String, Vec<u8>> =
            script.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.clone())).collect();
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (log, stopped) = (asked.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let calls = listener.incoming().map(Result::unwrap);
            calls.take_while(|_| !stopped.load(Relaxed)).for_each(|stream| answer(stream, &script, &log));
        });
        Self { endpoint: Endpoint::Unix(path), asked, stop, thread: Some(thread), _folder: folder }
    }

    fn connect(&self) -> Engine {
        Engine::connect_to(&self.endpoint).unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        // So that the thread looks whether it is to end.
        let Endpoint::Unix(path) = &self.endpoint else { unreachable!("it is made with a socket") };
        UnixStream::connect(path).unwrap();
        self.thread.take().unwrap().join().unwrap();
    }
}

fn answer(mut stream: UnixStream, script: &BTreeMap<String, Vec<u8>>, log: &Mutex<Vec<String>>) {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && request.len() < 10_000 && stream.read(&mut byte).unwrap() == 1 {
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).unwrap();
    let line = request.lines().next().unwrap();
    let path = line.strip_suffix(" HTTP/1.1").unwrap();
    let path = path.strip_prefix("GET ").unwrap_or(path);
    let length =
        request.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    std::io::copy(&mut (&stream).take(length.unwrap_or(0)), &mut io::sink()).unwrap();
    log.lock().unwrap().push(path.to_owned());
    let missing = json_answer(404, r#"{"message":"page not found"}"#);
    // Who has heard enough hangs up.
    let _ = stream.write_all(script.get(path).unwrap_or(&missing));
}

fn raw_answer(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} Said\r\nConnection: close\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

fn json_answer(status: u16, body: &str) -> Vec<u8> {
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    raw_answer(status, &headers, body.as_bytes())
}

fn ping(version: &str) -> Vec<u8> {
    raw_answer(200, &format!("Api-Version: {version}\r\nContent-Length: 2\r\n"), b"OK")
}

const INSPECTED: &str = r#"{
    "Id": "sha256:e48c", "RepoTags": ["a/b:1", "c:2"], "RepoDigests": [], "Size": 8240036900,
    "Architecture": "amd64", "Os": "linux", "GraphDriver": {"Data": {"LowerDir": "/x"}, "Name": "overlay2"},
    "RootFS": {"Type": "layers", "Layers": ["sha256:8db5", "sha256:4c0d"]}
}"#;

#[test]
fn the_older_of_both_versions_is_spoken() {
    for (offered, prefix) in [
        (ping("1.41"), "/v1.41"),
        (ping("1.47"), "/v1.47"),
        (ping("1.52"), "/v1.47"),
        (ping("2.0"), "/v1.47"),
        (ping("1.9"), "/v1.9"),
        (ping("new"), ""),
        (raw_answer(200, "Content-Length: 2\r\n", b"OK"), ""),
    ] {
        let path = format!("{prefix}/images/a/b:1/json");
        let engine = Scripted::new(&[("/_ping", offered), (&path, json_answer(200, INSPECTED))]);
        assert_eq!(engine.connect().inspect("a/b:1").unwrap().size, 8_240_036_900);
        assert_eq!(engine.asked(), ["/_ping", &path]);
    }
}

#[test]
fn an_image_is_inspected() {
    let found = parse_inspect(INSPECTED.as_bytes()).unwrap();
    assert_eq!((&found.id[..], &found.architecture[..], &found.os[..]), ("sha256:e48c", "amd64", "linux"));
    assert_eq!(
        (found.repo_tags, found.diff_ids),
        (strings(&["a/b:1", "c:2"]), strings(&["sha256:8db5", "sha256:4c0d"]))
    );
    assert_eq!(found.graph_driver.as_deref(), Some("overlay2"));
    let bare =
        parse_inspect(br#"{"Id": "x", "RepoTags": null, "RootFS": {}, "GraphDriver": null, "Size": -1}"#).unwrap();
    assert_eq!((&bare.id[..], bare.size, bare.graph_driver, bare.diff_ids.len()), ("x", 0, None, 0));
    for wrong in ["", "[]", "{}", r#"{"Id": 1}"#, r#"{"Id": "x", "RepoTags": [1]}"#] {
        assert!(parse_inspect(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn an_engine_says_where_its_store_is() {
    let body = r#"{"DockerRootDir": "/var/lib/docker", "Driver": "overlay2", "ServerVersion": "20.10.24"}"#;
    let engine = Scripted::new(&[("/_ping", ping("1.41")), ("/v1.41/info", json_answer(200, body))]);
    let info = engine.connect().info().unwrap();
    assert_eq!(info.root_dir.as_deref(), Some(Path::new("/var/lib/docker")));
    assert_eq!((info.driver.as_deref(), &info.version[..]), (Some("overlay2"), "20.10.24"));
    let bare = parse_info(br#"{"DockerRootDir": "", "Driver": ""}"#).unwrap();
    assert_eq!(bare, slimwright::daemon::Info::default());
}

#[test]
fn names_are_encoded_and_lead_nowhere_else() {
    let engine = Scripted::new(&[("/_ping", ping("1.41"))]);
    let connected = engine.connect();
    // Of a name that it does not have it is asked which it has.
    let asked = |name: &str| {
        connected.inspect(name).unwrap_err();
        let mut asked = engine.asked();
        assert_eq!(asked.pop().unwrap(), "/v1.41/images/json");
        asked.pop().unwrap()
    };
    assert_eq!(asked("r.io:5000/a_b/c-d@sha256:0a"), "/v1.41/images/r.io:5000/a_b/c-d@sha256:0a/json");
    assert_eq!(asked("\u{fc} ?#%&"), "/v1.41/images/%C3%BC%20%3F%23%25%26/json");
    let before = engine.asked().len();
    for name in ["", "..", "a/../../info", "./a", "a//b", "/a", "a/"] {
        let error = connected.inspect(name).unwrap_err();
        assert!(matches!(error, DaemonError::NoSuchImage { .. }), "{name}: {error}");
    }
    assert_eq!(engine.asked().len(), before, "the engine is not asked");
}

#[test]
fn what_the_engine_complains_of_is_said() {
    let missing = json_answer(404, r#"{"message":"it was \u001b[31mremoved"}"#);
    let engine = Scripted::new(&[
        ("/_ping", ping("1.41")),
        ("/v1.41/images/x:1/json", missing.clone()),
        ("/v1.41/images/x:1/get", missing),
        ("/v1.41/images/broken/json", json_answer(500, "it broke\nhere")),
        ("/v1.41/images/odd/json", json_answer(200, "<html>")),
        ("/v1.41/images/moved/json", raw_answer(301, "Location: /elsewhere\r\nContent-Length: 0\r\n", b"")),
        ("/v1.41/images/cut/json", raw_answer(200, "Content-Length: 900\r\n", b"{")),
        ("/v1.41/images/huge/json", raw_answer(200, "Content-Length: 17000000\r\n", &vec![b' '; 17_000_000])),
    ]);
    let connected = engine.connect();
    for error in [connected.inspect("x:1").unwrap_err(), connected.export("x:1").map(|_| ()).unwrap_err()] {
        let text = error.to_string();
        assert!(text.contains("has no image `x:1`: it was \\x1b[31mremoved"), "{text}");
        assert!(error.hint().unwrap().contains("docker image ls"));
    }
    for (name, expected) in [
        ("broken", "/images/broken/json: expected status 200, found 500: it broke"),
        ("odd", "expected JSON as the Docker Engine API has it"),
        ("moved", "expected status 200, found 301: (no message)"),
        ("cut", "the answer broke off"),
        ("huge", "expected an answer of at most 16777216 bytes"),
    ] {
        let text = connected.inspect(name).unwrap_err().to_string();
        assert!(text.contains(expected) && text.contains("engine.sock"), "{text}");
    }
}

fn chunked(parts: &[&[u8]]) -> Vec<u8> {
    let chunk = |part: &&[u8]| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
    parts.iter().flat_map(chunk).collect()
}

#[test]
fn an_export_is_the_stream_or_an_error() {
    let (first, second) = ([7; 100_000], [8; 5]);
    let body = chunked(&[&first, &second]);
    let get = |body: &[u8]| raw_answer(200, "Transfer-Encoding: chunked\r\n", body);
    let engine = Scripted::new(&[
        ("/_ping", ping("1.41")),
        ("/v1.41/images/whole/get", get(&[&body[..], b"0\r\n\r\n"].concat())),
        ("/v1.41/images/cut/get", get(&body)),
        ("/v1.41/images/inside/get", get(&body[..50_000])),
        ("/v1.41/images/counted/get", raw_answer(200, "Content-Length: 9000\r\n", &first[..8000])),
    ]);
    let connected = engine.connect();
    let read = |name: &str| {
        let mut bytes = Vec::new();
        connected.export(name).unwrap().read_to_end(&mut bytes).map(|_| bytes)
    };
    assert_eq!(read("whole").unwrap(), [&first[..], &second].concat());
    for name in ["cut", "inside", "counted"] {
        let text = read(name).unwrap_err().to_string();
        assert!(text.contains("cut the image off after") && text.contains("engine.sock"), "{text}");
    }
}

/// An engine that answers the first question, and the second with this; then it is silent until the client has left.
fn silent_after(said: Vec<u8>) -> String {
    let folder = Store::new();
    let path = folder.path("engine.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let thread = std::thread::spawn(move || {
        for answer in [ping("1.41"), said] {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(&answer).unwrap();
            let is_first = answer.starts_with(b"HTTP") && answer.ends_with(b"OK");
            let _ = if is_first { Ok(0) } else { stream.read(&mut request) };
        }
    });
    let engine = Engine::connect_with(&Endpoint::Unix(path), Duration::from_millis(300)).unwrap();
    let mut bytes = Vec::new();
    let error = match engine.export("x") {
        Ok(mut export) => export.read_to_end(&mut bytes).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    drop(engine);
    thread.join().unwrap();
    error
}

#[test]
fn an_engine_that_hangs_is_given_up() {
    let error = silent_after(Vec::new());
    assert!(error.contains("engine.sock") && error.contains("no answer within 0.3 seconds"), "{error}");
    let begun = raw_answer(200, "Transfer-Encoding: chunked\r\n", &chunked(&[&[7; 1000]]));
    let error = silent_after(begun);
    let expected = "cut the image off after 1000 bytes: it said nothing for 0.3 seconds";
    assert!(error.contains("engine.sock") && error.contains(expected), "{error}");
}

#[test]
fn nobody_answers() {
    let folder = Store::new();
    let nowhere = folder.path("none.sock");
    let error = Engine::connect_to(&Endpoint::Unix(nowhere.clone())).map(|_| ()).unwrap_err();
    assert!(
        matches!(&error, DaemonError::Connect { source, .. } if source.kind() == io::ErrorKind::NotFound),
        "{error}"
    );
    assert!(error.to_string().contains(nowhere.to_str().unwrap()), "{error}");
    assert!(error.hint().unwrap().contains("docker save"));
    drop(UnixListener::bind(&nowhere).unwrap());
    let error = Engine::connect_to(&Endpoint::Unix(nowhere)).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    // Root may use every socket, so this one is made up.
    let error = DaemonError::Connect { place: "unix:///x".into(), source: io::ErrorKind::PermissionDenied.into() };
    assert_eq!(error.to_string(), "cannot connect to the container engine at unix:///x: permission denied");
    assert!(error.hint().unwrap().contains("group") && error.hint().unwrap().contains("sudo"));
}

/// Resolves with these variables, the home `/home/me` unless there is a folder, and only these paths.
fn resolve(variables: &[(&str, &str)], exist: &[&str]) -> Result<Endpoint, DaemonError> {
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value));
    let exists = |path: &Path| exist.iter().any(|known| Path::new(known) == path);
    Surroundings { variable: &variable, home: Some("/nowhere/me".into()), exists: &exists }.resolve()
}

fn unix(path: &str) -> Endpoint {
    Endpoint::Unix(path.into())
}

fn tcp(url: &str, certificates: Option<&str>) -> Endpoint {
    Endpoint::Tcp { url: url.into(), certificates: certificates.map(PathBuf::from) }
}

#[test]
fn docker_host_comes_first() {
    let tls = [("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/certs")];
    for (host, more, expected) in [
        ("unix:///a/b.sock", &[][..], unix("/a/b.sock")),
        ("unix://", &[], unix("/var/run/docker.sock")),
        ("tcp://127.0.0.1:2375", &[], tcp("http://127.0.0.1:2375", None)),
        ("tcp://far.example", &[], tcp("http://far.example:2375", None)),
        ("far.example:80", &[], tcp("http://far.example:80", None)),
        ("tcp://[::1]", &[], tcp("http://[::1]:2375", None)),
        ("tcp://far.example/", &tls, tcp("https://far.example:2376", Some("/certs"))),
        ("tcp://far.example", &tls[..1], tcp("https://far.example:2376", Some("/nowhere/me/.docker"))),
        ("http://far.example:1", &tls, tcp("http://far.example:1", None)),
        ("https://far.example:1", &[], tcp("https://far.example:1", None)),
    ] {
        let variables = [&[("DOCKER_HOST", host), ("DOCKER_CONTEXT", "other")], more].concat();
        assert_eq!(resolve(&variables, &["/var/run/docker.sock"]).unwrap(), expected, "{host}");
    }
}

#[test]
fn hosts_that_cannot_be_reached_say_what_to_do() {
    for (host, text, hint) in [
        ("ssh://me@far", "DOCKER_HOST: `ssh://me@far` is an engine behind SSH", "ssh HOST docker save"),
        ("npipe:////./pipe/x", "pipe of Windows", "unix:///"),
        ("ftp://x\u{1b}", "`ftp://x\\x1b` has a scheme that is not known", "unix:///"),
        ("tcp://", "is no address", "tcp://"),
        ("tcp://a b", "is no address", "tcp://"),
        ("tcp://a:99999", "is no address", "tcp://"),
    ] {
        let error = resolve(&[("DOCKER_HOST", host)], &[]).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
        assert!(error.hint().unwrap().contains(hint), "{error}");
    }
}

#[test]
fn the_first_socket_that_exists_is_taken() {
    let run = [("XDG_RUNTIME_DIR", "/run/user/1"), ("DOCKER_HOST", ""), ("DOCKER_CONTEXT", "default")];
    let all = [
        "/var/run/docker.sock",
        "/run/user/1/docker.sock",
        "/run/user/1/podman/podman.sock",
        "/run/podman/podman.sock",
    ];
    for (first, path) in all.iter().enumerate() {
        assert_eq!(resolve(&run, &all[first..]).unwrap(), unix(path));
    }
    let error = resolve(&run, &[]).unwrap_err();
    for place in all {
        assert!(error.to_string().contains(place), "{error}");
    }
    assert!(error.hint().unwrap().contains("start the engine"));
    assert!(!resolve(&[], &[]).unwrap_err().to_string().contains("/run/user"));
}

/// A folder of the Docker command line with a context `remote` of this host.
fn with_context(host: &str) -> (Store, PathBuf) {
    let folder = Store::new();
    let id = Digest::of(b"remote").to_string()[7..].to_owned();
    let meta =
        json!({"Name": "remote", "Metadata": {}, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": false}}});
    folder.write(&format!("contexts/meta/{id}/meta.json"), meta.to_string());
    let tls = folder.path(&format!("contexts/tls/{id}/docker"));
    (folder, tls)
}

#[test]
fn contexts_are_followed() {
    let (folder, tls) = with_context("tcp://far.example:2376");
    let config = folder.0.path().to_str().unwrap().to_owned();
    let (tls, socket) = (tls.to_str().unwrap(), "/var/run/docker.sock");
    let own = ("DOCKER_CONFIG", &config[..]);
    let chosen = ("DOCKER_CONTEXT", "remote");
    assert_eq!(resolve(&[own, chosen], &[]).unwrap(), tcp("http://far.example:2376", None));
    assert_eq!(resolve(&[own, chosen], &[tls]).unwrap(), tcp("https://far.example:2376", Some(tls)));
    assert_eq!(resolve(&[own], &[socket]).unwrap(), unix(socket));
    folder.write("config.json", r#"{"auths": {}, "currentContext": "remote"}"#);
    assert_eq!(resolve(&[own], &[socket]).unwrap(), tcp("http://far.example:2376", None));
    assert_eq!(resolve(&[own, ("DOCKER_CONTEXT", "default")], &[socket]).unwrap(), unix(socket));
    let error = resolve(&[own, ("DOCKER_CONTEXT", "gone")], &[socket]).unwrap_err();
    assert!(error.to_string().contains("context `gone` (chosen by DOCKER_CONTEXT) does not exist"), "{error}");
    assert!(error.hint().unwrap().contains("docker context ls"));
    folder.write("config.json", "{");
    let error = resolve(&[own], &[socket]).unwrap_err().to_string();
    assert!(error.contains("config.json: expected JSON"), "{error}");
    let (folder, _) = with_context("");
    let config = folder.0.path().to_str().unwrap().to_owned();
    let error = resolve(&[("DOCKER_CONFIG", &config), chosen], &[]).unwrap_err().to_string();
    assert!(error.contains("meta.json: expected Endpoints.docker.Host, found none"), "{error}");
}

#[test]
fn certificates_that_are_missing_or_wrong_are_named() {
    let folder = Store::new();
    let endpoint = Endpoint::Tcp { url: "https://127.0.0.1:1".into(), certificates: Some(folder.0.path().into()) };
    let fails = || Engine::connect_to(&endpoint).map(|_| ()).unwrap_err().to_string();
    let text = fails();
    assert!(text.contains("ca.pem"), "{text}");
    folder.write("ca.pem", "-----BEGIN CERTIFICATE-----\n!\n");
    let text = fails();
    assert!(text.contains("ca.pem: expected PEM"), "{text}");
    folder.write("ca.pem", "");
    folder.write("cert.pem", "");
    folder.write("key.pem", "");
    let text = fails();
    assert!(text.contains("{cert,key}.pem: expected PEM"), "{text}");
}

/// An engine with the image of `parts`, whose store cannot be read: it exports.
fn exporting(parts: &crate::tarballs::Parts, archive: &[u8], id: &Digest) -> Scripted {
    exporting_as(parts, raw_answer(200, &format!("Content-Length: {}\r\n", archive.len()), archive), id)
}

fn exporting_as(parts: &crate::tarballs::Parts, export: Vec<u8>, id: &Digest) -> Scripted {
    let inspected = json!({
        "Id": id.to_string(), "RepoTags": parts.names, "Size": 1234, "Architecture": "amd64", "Os": "linux",
        "GraphDriver": {"Name": "vfs"}, "RootFS": {"Type": "layers", "Layers": parts.config["rootfs"]["diff_ids"]},
    });
    let info = json!({"DockerRootDir": "/var/lib/docker", "Driver": "vfs", "ServerVersion": "20.10.24"});
    Scripted::new(&[
        ("/_ping", ping("1.41")),
        ("/v1.41/info", json_answer(200, &info.to_string())),
        ("/v1.41/images/example/app:1/json", json_answer(200, &inspected.to_string())),
        ("/v1.41/images/example/app:1/get", export),
    ])
}

/// Exit code, stdout, stderr of the program, which speaks to `engine`.
fn run(engine: &Scripted, cache: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = assert_cmd::Command::cargo_bin("slimwright").unwrap();
    let command = command.env("DOCKER_HOST", engine.endpoint.to_string()).env("SLIMWRIGHT_CACHE_DIR", cache);
    let output = command.args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

const AUDIT: [&str; 4] = ["audit", "docker-daemon:example/app:1", "--format", "json"];

#[test]
fn an_engine_whose_store_cannot_be_read_exports_the_image_once() {
    use crate::tarballs::{archive, docker_new, docker_old, sample};
    let (store, parts) = (Store::new(), sample());
    let id = Digest::of(&parts.config_bytes());
    let forms = [docker_old(&parts), archive(&docker_new(&parts))];
    for (number, form) in forms.into_iter().enumerate() {
        let cache = store.path(&format!("cache {number}"));
        let engine = exporting(&parts, &form, &id);
        let (code, first, said) = run(&engine, &cache, &AUDIT);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("found vfs") && said.contains("exports the whole image"), "{said}");
        assert!(first.contains("\"name\": \"example/app:1\""), "{first}");
        let exported = |engine: &Scripted| engine.asked().iter().filter(|path| path.ends_with("/get")).count();
        assert_eq!(exported(&engine), 1);
        let (code, second, said) = run(&engine, &cache, &AUDIT);
        assert_eq!((code, exported(&engine)), (0, 1), "{said}");
        assert!(said.contains("2 of 2 layers are known"), "{said}");
        assert_eq!(second, first);
        run(&engine, &cache, &[&AUDIT[..], &["--no-cache", "-q"]].concat());
        assert_eq!(exported(&engine), 2);
    }
}

#[test]
fn an_export_that_is_cut_or_not_what_was_asked_for_is_3() {
    use crate::tarballs::{docker_old, sample};
    let (store, parts) = (Store::new(), sample());
    let id = Digest::of(&parts.config_bytes());
    let whole = docker_old(&parts);
    let half = &whole[..whole.len() / 2];
    let broken = raw_answer(200, &format!("Content-Length: {}\r\n", whole.len()), half);
    for (engine, says) in [
        (exporting(&parts, half, &id), "ends at byte"),
        (exporting_as(&parts, broken, &id), "cut the image off"),
        (exporting(&parts, br#"{"message":"no space left on device"}"#, &id), "expected an image archive"),
    ] {
        let (code, stdout, stderr) = run(&engine, &store.path("cache"), &AUDIT);
        assert_eq!((code, stdout.as_str()), (3, ""), "{stderr}");
        assert!(stderr.contains(says), "expected `{says}`: {stderr}");
    }
    let engine = Scripted::new(&[("/_ping", ping("1.41"))]);
    let (code, _, stderr) = run(&engine, &store.path("cache"), &AUDIT);
    assert_eq!(code, 3);
    assert!(stderr.contains("example/app:1") && stderr.contains("hint:"), "{stderr}");
}

/// An engine with these images, by name, beside that of `parts`.
fn having(parts: &crate::tarballs::Parts, names: &[&str]) -> Scripted {
    let id = Digest::of(&parts.config_bytes());
    let inspected = json!({
        "Id": id.to_string(), "RepoTags": names, "Size": 1234, "Architecture": "amd64", "Os": "linux",
        "GraphDriver": {"Name": "vfs"}, "RootFS": {"Type": "layers", "Layers": parts.config["rootfs"]["diff_ids"]},
    });
    let export = crate::tarballs::docker_old(parts);
    let info = json!({"DockerRootDir": "/var/lib/docker", "Driver": "vfs", "ServerVersion": "20.10.24"});
    let list = json!([{"RepoTags": names}, {"RepoTags": ["<none>:<none>"]}, {"RepoTags": null}]);
    Scripted::new(&[
        ("/_ping", ping("1.41")),
        ("/v1.41/info", json_answer(200, &info.to_string())),
        ("/v1.41/images/json", json_answer(200, &list.to_string())),
        ("/v1.41/images/example/app:1/json", json_answer(200, &inspected.to_string())),
        ("/v1.41/images/example/app:1/get", raw_answer(200, &format!("Content-Length: {}\r\n", export.len()), &export)),
    ])
}

#[test]
fn a_bare_name_is_an_image_of_the_engine_and_no_command_is_an_audit() {
    let (store, parts) = (Store::new(), crate::tarballs::sample());
    let engine = having(&parts, &["example/app:1"]);
    for args in [&["audit", "example/app:1"][..], &["example/app:1"]] {
        let (code, stdout, stderr) = run(&engine, &store.path("cache"), args);
        assert_eq!(code, 0, "{stderr}");
        assert!(stdout.contains("from the engine"), "{stdout}");
        assert!(stderr.contains("example/app:1: from the engine (docker-daemon:example/app:1)"), "{stderr}");
    }
    let (_, stdout, _) = run(&engine, &store.path("cache"), &["audit", "docker-daemon:example/app:1"]);
    assert!(!stdout.contains("from the engine"), "{stdout}");
}

#[test]
fn a_name_that_the_engine_has_not_gets_the_ones_that_are_like_it() {
    let (store, parts) = (Store::new(), crate::tarballs::sample());
    let engine = having(&parts, &["example/app:1", "example/app:2", "other:3"]);
    let said = |target: &str| {
        let (code, stdout, stderr) = run(&engine, &store.path("cache"), &["audit", target]);
        assert_eq!((code, stdout.as_str()), (3, ""), "{target}: {stderr}");
        stderr
    };
    // The tags of a repository; the name with the typing error mended. No registry is asked for either.
    for target in ["docker-daemon:example/app", "example/app"] {
        assert!(said(target).contains("it has example/app:1, example/app:2"), "{target}");
    }
    for target in ["docker-daemon:example/ap:2", "exmaple/app:2", "example/aap:2"] {
        assert!(said(target).contains("did you mean `example/app:2`?"), "{target}: {}", said(target));
    }
    assert!(!said("docker-daemon:quite/different").contains("did you mean"));
    // With a tag of its own it may well be in a registry: there is none at this address.
    let text = said("localhost:1/example/app:9");
    for place in ["as a file or folder: there is none", "in an engine: ", "in a registry: localhost:1/example/app"] {
        assert!(text.contains(place), "{text}");
    }
}

#[test]
fn a_kind_that_is_mistyped_gets_the_right_one() {
    let (store, engine) = (Store::new(), having(&crate::tarballs::sample(), &["example/app:1"]));
    for (typed, meant) in [
        ("docker-deamon:example/app:1", "docker-daemon:example/app:1"),
        ("dcoker://example.org/a", "docker://example.org/a"),
        ("oci-archve:x.tar", "oci-archive:x.tar"),
        ("contxt:.", "context:."),
    ] {
        let (code, _, stderr) = run(&engine, &store.path("cache"), &["audit", typed]);
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(&format!("did you mean `{meant}`?")), "{stderr}");
    }
}

/// An engine that keeps its images in containerd's store, below `root`: an image's ID is the digest of its manifest or index.
fn with_containerd(root: &Path, parts: &crate::tarballs::Parts, export: Vec<u8>, id: &Digest) -> Scripted {
    let inspected = json!({
        "Id": id.to_string(), "RepoTags": parts.names, "Size": 1234, "Architecture": "amd64", "Os": "linux",
        "GraphDriver": {"Name": "overlayfs"}, "RootFS": {"Type": "layers", "Layers": parts.config["rootfs"]["diff_ids"]},
    });
    let info = json!({
        "DockerRootDir": root, "Driver": "overlayfs", "ServerVersion": "29.0.0",
        "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
    });
    Scripted::new(&[
        ("/_ping", ping("1.47")),
        ("/v1.47/info", json_answer(200, &info.to_string())),
        ("/v1.47/images/example/app:1/json", json_answer(200, &inspected.to_string())),
        ("/v1.47/images/example/app:1/get", raw_answer(200, &format!("Content-Length: {}\r\n", export.len()), &export)),
    ])
}

fn exports(engine: &Scripted) -> usize {
    engine.asked().iter().filter(|path| path.ends_with("/get")).count()
}

/// A layout whose only image is one of an index's two, and the digests of its manifest and of that index.
fn of_two_platforms(parts: &crate::tarballs::Parts) -> (crate::tarballs::Files, [Digest; 2]) {
    use crate::tarballs::{Files, Packing, Parts, add_blob, add_image, layout};
    let mut files = Files::new();
    let mut ours = add_image(&mut files, parts, Packing::Gzip);
    ours["platform"] = json!({"os": "linux", "architecture": "amd64"});
    // The other platform's blobs were not pulled.
    let mut theirs =
        add_image(&mut Files::new(), &Parts::new(vec![crate::tarballs::Tar::new().finish()]), Packing::Plain);
    theirs["platform"] = json!({"os": "linux", "architecture": "arm64"});
    let kind = "application/vnd.oci.image.index.v1+json";
    let index = json!({"schemaVersion": 2, "mediaType": kind, "manifests": [theirs, ours]});
    let mut descriptor = add_blob(&mut files, &serde_json::to_vec(&index).unwrap(), kind);
    descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": parts.names[0]});
    let digests = [&ours, &descriptor].map(|found| found["digest"].as_str().unwrap().parse().unwrap());
    (layout(files, &[descriptor]), digests)
}

#[test]
fn an_image_of_containerds_store_is_exported_once() {
    let (store, parts) = (Store::new(), crate::tarballs::sample());
    let (files, ids) = of_two_platforms(&parts);
    let archive = crate::tarballs::archive(&files);
    for (number, id) in ids.into_iter().enumerate() {
        let engine = with_containerd(&store.path("elsewhere"), &parts, archive.clone(), &id);
        let cache = store.path(&format!("cache {number}"));
        let (code, first, said) = run(&engine, &cache, &AUDIT);
        assert_eq!((code, exports(&engine)), (0, 1), "{said}");
        assert!(said.contains("it is not there"), "{said}");
        let (code, second, said) = run(&engine, &cache, &AUDIT);
        assert_eq!((code, exports(&engine)), (0, 1), "{said}");
        assert_eq!(second, first);
        // What is known of one platform says nothing of another.
        let (code, _, said) = run(&engine, &cache, &[&AUDIT[..], &["--platform", "linux/arm64"]].concat());
        assert_eq!((code, exports(&engine)), (3, 2), "{said}");
    }
    // An ID that nothing in the stream has is not known by it.
    let engine = with_containerd(&store.path("elsewhere"), &parts, archive, &Digest::of(b"another"));
    let cache = store.path("cache of another");
    run(&engine, &cache, &AUDIT);
    run(&engine, &cache, &AUDIT);
    assert_eq!(exports(&engine), 2);
}

#[test]
fn containerds_blobs_are_read_in_place() {
    let (store, parts) = (Store::new(), crate::tarballs::sample());
    let (files, ids) = of_two_platforms(&parts);
    let content = "engine/containerd/daemon/io.containerd.content.v1.content";
    let folder = store.folder(content, &files);
    let layout = format!("oci:{}", store.folder("layout", &files).display());
    for id in ids {
        let engine = with_containerd(&store.path("engine"), &parts, Vec::new(), &id);
        let (code, stdout, said) = run(&engine, &store.path("cache"), &[&AUDIT[..], &["--no-cache"]].concat());
        assert_eq!((code, exports(&engine)), (0, 0), "{said}");
        let (_, other, _) = run(&engine, &store.path("cache"), &["audit", &layout, "--format", "json", "--no-cache"]);
        let layers = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["layers"].clone();
        assert!(layers(&stdout).as_array().is_some_and(|layers| layers.len() == 2), "{stdout}");
        assert_eq!(layers(&stdout), layers(&other));
    }
    // A blob that is another one than its name says is not believed.
    let engine = with_containerd(&store.path("engine"), &parts, Vec::new(), &ids[0]);
    std::fs::write(folder.join("blobs/sha256").join(ids[0].hex()), "{}").unwrap();
    let (code, stdout, said) = run(&engine, &store.path("cache 2"), &AUDIT);
    assert_eq!((code, stdout.as_str()), (3, ""), "{said}");
    assert!(said.contains("its digest"), "{said}");
}

const LOAD: &str = "POST /v1.41/images/load?quiet=1";

/// What an engine makes of an image that is to be loaded as `team/app:slim`, where its answer is this.
fn loading(is_there: bool, said: &str, more: &[&str]) -> (i32, String, Vec<String>) {
    use crate::tarballs::{archive, docker_new, sample};
    let store = Store::new();
    let original = store.write("original.tar", archive(&docker_new(&sample())));
    let mut script = vec![("/_ping", ping("1.41")), (LOAD, json_answer(200, said))];
    if is_there {
        script.push(("/v1.41/images/team/app:slim/json", json_answer(200, INSPECTED)));
    }
    let engine = Scripted::new(&script);
    let original = original.display().to_string();
    let mut arguments = vec!["apply", &*original, "--only", "deleted-bytes", "-o", "docker-daemon:team/app:slim"];
    arguments.extend(more);
    let (code, _, stderr) = run(&engine, &store.path("cache"), &arguments);
    (code, stderr, engine.asked())
}

#[test]
fn an_image_is_loaded_and_a_name_that_is_there_is_not_taken_unasked() {
    let (code, stderr, asked) = loading(true, "{\"stream\":\"Loaded image: team/app:slim\\n\"}", &["--force"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(asked.iter().any(|path| path == LOAD), "{asked:?}");
    let (code, stderr, asked) = loading(true, "", &[]);
    assert!(code == 2 && stderr.contains("docker-daemon:team/app:slim: exists already"), "{stderr}");
    assert!(asked.iter().all(|path| path != LOAD), "{asked:?}");
}

#[test]
fn an_engine_that_takes_an_archive_and_says_no_in_its_answer_has_not_loaded_it() {
    let said = "{\"stream\":\"x\"}\n{\"errorDetail\":{\"message\":\"no space\"},\"error\":\"no space left\"}\n";
    let (code, stderr, _) = loading(false, said, &[]);
    assert!(code == 3 && stderr.contains("no space left"), "{code} {stderr}");
    let (code, stderr, _) = loading(false, "{\"stream\":\"Loaded image ID: sha256:1\"}", &[]);
    assert!(code == 3 && stderr.contains("has no image team/app:slim"), "{code} {stderr}");
}
