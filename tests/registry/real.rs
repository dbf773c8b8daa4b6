//! Debian's `docker-registry`, plain and with passwords: what is pushed to it is what is read.

use crate::credentials::files;
use crate::server::{blob, quick};
use reqwest::blocking::{Client as Http, RequestBuilder, Response};
use slimwright::base::{Digest, Hint as _};
use slimwright::registry::{Client, Options, Reference, RegistryError};
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// A registry that runs until it is dropped.
struct Registry {
    child: Child,
    folder: tempfile::TempDir,
    host: String,
    http: Http,
    kind: Kind,
}

/// What a registry wants.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    /// `user` and `pass/word`.
    Password,
    /// A certificate of its own, in `cert.pem`.
    Tls,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> String {
    std::env::var("SLIMWRIGHT_TEST_REGISTRY").unwrap_or("docker-registry".into())
}

/// Says why a test is skipped; fails where `CI=true`.
fn skip(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "must not be skipped where CI=true: {why}");
    // Past the test harness, which keeps what a test that passes prints.
    let mut stderr = std::io::stderr();
    writeln!(stderr, "skipped: {why}").unwrap();
}

fn is_there(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // htpasswd has no way to be asked without failing.
    command.status().is_ok()
}

impl Registry {
    /// `None`, said aloud, where it is not installed.
    fn start(kind: Kind) -> Option<Self> {
        let tools = is_there("htpasswd", "-h") && is_there("openssl", "version");
        if !is_there(&program(), "--version") || !tools {
            skip("docker-registry, htpasswd or openssl is not installed; scripts/lab/registry installs them");
            return None;
        }
        // Somebody else may take the port before the registry does.
        (0..5).find_map(|_| Self::try_start(kind)).or_else(|| panic!("docker-registry did not start"))
    }

    fn try_start(kind: Kind) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display();
        let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let tls = match kind {
            Kind::Tls => format!(", tls: {{certificate: {place}/cert.pem, key: {place}/key.pem}}"),
            _ => String::new(),
        };
        let mut config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {place}/data}}}}\n\
             http: {{addr: \"{host}\", secret: lab{tls}}}\n"
        );
        if kind == Kind::Password {
            let output = Command::new("htpasswd").args(["-Bbn", "user", "pass/word"]).output().unwrap();
            assert!(output.status.success());
            std::fs::write(folder.path().join("htpasswd"), output.stdout).unwrap();
            config.push_str(&format!("auth: {{htpasswd: {{realm: lab, path: {place}/htpasswd}}}}\n"));
        }
        if kind == Kind::Tls {
            let request = "[req]\ndistinguished_name=dn\nx509_extensions=ext\nprompt=no\n[dn]\nCN=lab\n\
                           [ext]\nsubjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n";
            std::fs::write(folder.path().join("request"), request).unwrap();
            let mut command = Command::new("openssl");
            command.args(["req", "-config", "request", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]);
            command.args(["-keyout", "key.pem", "-out", "cert.pem"]).current_dir(&folder);
            assert!(command.output().unwrap().status.success());
        }
        let path = folder.path().join("config.yml");
        std::fs::write(&path, config).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(program());
        command.arg("serve").arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.env("OTEL_TRACES_EXPORTER", "none").spawn().unwrap();
        let http = Http::builder().no_proxy().tls_danger_accept_invalid_certs(true).build().unwrap();
        let mut registry = Self { child, folder, host, http, kind };
        registry.answers().then_some(registry)
    }

    fn answers(&mut self) -> bool {
        for _ in 0..200 {
            if self.http.get(self.url("/v2/")).send().is_ok() {
                return true;
            }
            if self.child.try_wait().unwrap().is_some() {
                let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
                eprintln!("docker-registry ended: {log}");
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    fn url(&self, path: &str) -> String {
        let scheme = if self.kind == Kind::Tls { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.host)
    }

    fn send(&self, request: RequestBuilder) -> Response {
        let request = if self.kind == Kind::Password { request.basic_auth("user", Some("pass/word")) } else { request };
        request.send().unwrap().error_for_status().unwrap()
    }

    /// distribution-spec, "Pushing blobs".
    fn push_blob(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        let begun = self.send(self.http.post(self.url("/v2/lab/app/blobs/uploads/")));
        let place = begun.headers()["location"].to_str().unwrap().to_owned();
        let sign = if place.contains('?') { '&' } else { '?' };
        let request = self.http.put(format!("{place}{sign}digest={digest}"));
        self.send(request.header("Content-Type", "application/octet-stream").body(bytes.to_vec()));
        digest
    }

    /// An image of one layer, tagged `1`.
    fn push(&self, layer: &[u8]) -> Pushed {
        let config = br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#.to_vec();
        let (config_digest, layer_digest) = (self.push_blob(&config), self.push_blob(layer));
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config_digest}","size":{}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{layer_digest}","size":{}}}]}}"#,
            config.len(),
            layer.len()
        );
        let request = self.http.put(self.url("/v2/lab/app/manifests/1"));
        self.send(request.header("Content-Type", MANIFEST).body(manifest.clone()));
        Pushed { config, config_digest, layer_digest, manifest: manifest.into_bytes() }
    }

    fn reference(&self, behind: &str) -> Reference {
        format!("{}/lab/app{behind}", self.host).parse().unwrap()
    }

    fn client(&self, behind: &str, options: Options) -> Client {
        Client::new(&self.reference(behind), options).unwrap()
    }
}

struct Pushed {
    config: Vec<u8>,
    config_digest: Digest,
    layer_digest: Digest,
    manifest: Vec<u8>,
}

fn everything_is_read(registry: &Registry, options: &Options) {
    let (layer, _) = blob(3_000_000);
    let size = layer.len() as u64;
    let pushed = registry.push(&layer);
    let client = registry.client(":1", options.clone());
    let by_tag = client.manifest().unwrap();
    let digest = Digest::of(&pushed.manifest);
    assert_eq!((by_tag.media_type.as_str(), &by_tag.bytes, by_tag.digest), (MANIFEST, &pushed.manifest, digest));
    assert_eq!(client.manifest_by_digest(&digest).unwrap(), by_tag);
    assert_eq!(registry.client(&format!("@{digest}"), options.clone()).manifest().unwrap(), by_tag);
    assert_eq!(client.small_blob(&pushed.config_digest, pushed.config.len() as u64).unwrap(), pushed.config);
    let mut found = Vec::new();
    client.blob(&pushed.layer_digest, size).read_to_end(&mut found).unwrap();
    assert!(found == layer);
    assert!(client.range(&pushed.layer_digest, 1_000_001, 70_000).unwrap() == layer[1_000_001..1_070_001]);
    assert!(client.range(&pushed.layer_digest, size - 5, 5).unwrap() == layer[layer.len() - 5..]);
    let error = client.range(&pushed.layer_digest, size, 5).unwrap_err();
    assert!(matches!(error.last(), RegistryError::Length { .. }), "{error}");
    let error = client.small_blob(&pushed.config_digest, 7).unwrap_err();
    assert!(matches!(error, RegistryError::Length { expected: 7, .. }), "{error}");
    let error = client.small_blob(&Digest::of(b"never pushed"), 7).unwrap_err();
    assert!(matches!(error, RegistryError::NotFound { .. }), "{error}");
    let error = registry.client(":2", options.clone()).manifest().unwrap_err();
    assert!(
        error.to_string().contains("expected the manifest of tag `2`, found no such image: `manifest unknown`"),
        "{error}"
    );
}

#[test]
fn a_real_registry_is_read() {
    let Some(registry) = Registry::start(Kind::Plain) else { return };
    everything_is_read(&registry, &quick());
    let error = registry.client(":1", Options { insecure: false, ..quick() }).manifest().unwrap_err();
    assert!(matches!(error, RegistryError::PlainHttp { .. }), "{error}");
}

#[test]
fn a_real_registry_with_passwords_is_read_with_the_right_one() {
    let Some(registry) = Registry::start(Kind::Password) else { return };
    let config = |auth: &str| format!(r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#, registry.host);
    let (_folder, options) = files(&[("config.json", &config("dXNlcjpwYXNzL3dvcmQ="))]);
    everything_is_read(&registry, &options);
    let (_folder, wrong) = files(&[("config.json", &config("dXNlcjp3cm9uZw=="))]);
    for options in [wrong, quick()] {
        let error = registry.client(":1", options).manifest().unwrap_err();
        assert!(matches!(error, RegistryError::Denied { status: 401, .. }), "{error}");
        assert!(
            error.to_string().contains("authentication required") && !error.to_string().contains("wrong"),
            "{error}"
        );
    }
}

/// The name of the next test, for the process that it starts, and the variable in which that finds the registry.
const IN_A_PROCESS: &str = "real::a_certificate_is_verified_unless_insecure_or_trusted";
const HOST_VARIABLE: &str = "SLIMWRIGHT_TEST_TLS_HOST";

#[test]
fn a_certificate_is_verified_unless_insecure_or_trusted() {
    if let Ok(host) = std::env::var(HOST_VARIABLE) {
        let reference = format!("{host}/lab/app:1").parse().unwrap();
        let manifest = Client::new(&reference, Options { insecure: false, ..quick() }).unwrap().manifest().unwrap();
        assert_eq!(manifest.media_type, MANIFEST);
        return;
    }
    let Some(registry) = Registry::start(Kind::Tls) else { return };
    everything_is_read(&registry, &quick());
    let error = registry.client(":1", Options { insecure: false, ..quick() }).manifest().unwrap_err();
    assert!(matches!(error, RegistryError::Tls { .. }), "{error}");
    assert!(error.to_string().contains("certificate") && error.hint().unwrap().contains("--insecure"), "{error}");
    // The environment is another process's, because this one has other tests.
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", IN_A_PROCESS]).env(HOST_VARIABLE, &registry.host);
    child.env("SSL_CERT_FILE", registry.folder.path().join("cert.pem"));
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// Exit code, stdout and stderr of the program.
fn slimwright(arguments: &[&str]) -> (i32, String, String) {
    let cache = tempfile::tempdir().unwrap();
    let mut command = assert_cmd::Command::cargo_bin("slimwright").unwrap();
    let output = command.env("SLIMWRIGHT_CACHE_DIR", cache.path()).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// Forwards connections to a registry; of the first ones only so many bytes of what is sent.
fn cutting(to: &str, limits: Vec<usize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (host, to) = (listener.local_addr().unwrap().to_string(), to.to_owned());
    std::thread::spawn(move || {
        let mut limits = limits.into_iter();
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = std::net::TcpStream::connect(&to) else { break };
            let (mut from, mut back) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            // Small requests are none of those that are cut.
            let mut first = [0; 6];
            let is_piece = from.peek(&mut first).is_ok_and(|count| first[..count].starts_with(b"PATCH"));
            let limit = if is_piece { limits.next().unwrap_or(usize::MAX) } else { usize::MAX };
            std::thread::spawn(move || _ = std::io::copy(&mut back, &mut { client }));
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut (&mut from).take(limit as u64), &mut { &server });
                let _ = server.shutdown(std::net::Shutdown::Both);
                let _ = from.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    host
}

#[test]
fn what_is_pushed_over_connections_that_are_cut_is_what_is_pulled() {
    let Some(registry) = Registry::start(Kind::Plain) else { return };
    let host = cutting(&registry.host, vec![400_000, 1_000_000]);
    let (bytes, digest) = blob(3_000_000);
    let open = |at: u64| -> std::io::Result<Box<dyn Read>> {
        Ok(Box::new(std::io::Cursor::new(bytes[at as usize..].to_vec())))
    };
    let outgoing = slimwright::registry::Outgoing { digest, size: bytes.len() as u64, open: &open, sent: &|_| () };
    let client = Client::new(&format!("{host}/lab/app:1").parse().unwrap(), quick()).unwrap();
    assert_eq!(client.push_blob(&outgoing, None).unwrap(), slimwright::registry::Pushed::Sent);
    let mut found = Vec::new();
    client.blob(&digest, bytes.len() as u64).read_to_end(&mut found).unwrap();
    assert!(found == bytes);
    assert_eq!(client.push_blob(&outgoing, None).unwrap(), slimwright::registry::Pushed::There);
}

#[test]
fn apply_pushes_an_image_and_the_tag_last() {
    let Some(registry) = Registry::start(Kind::Plain) else { return };
    let store = crate::tarballs::Store::new();
    let parts = crate::tarballs::sample();
    let original = store.write("a.tar", crate::tarballs::archive(&crate::tarballs::docker_new(&parts)));
    let (original, slim) = (original.display().to_string(), format!("docker://{}/lab/slim:1", registry.host));
    let apply = |from: &str, to: &str, more: &[&str]| {
        let fixed = ["apply", from, "--only", "deleted-bytes", "-o", to, "--insecure"];
        slimwright(&[&fixed[..], more].concat())
    };
    let (code, stdout, stderr) = apply(&original, &slim, &[]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("blobs: 0 there, 0 mounted, "), "{stdout}");
    let (code, _, stderr) = apply(&original, &slim, &[]);
    assert!(code == 2 && stderr.contains("exists already"), "{stderr}");
    let (code, stdout, stderr) = apply(&original, &slim, &["--force"]);
    assert!(code == 0 && stdout.contains("0 mounted, 0 sent (0 B)"), "{stdout}{stderr}");
    let other = format!("docker://{}/lab/sister:1", registry.host);
    let (code, stdout, stderr) = apply(&slim, &other, &[]);
    assert!(code == 0 && !stdout.contains(" 0 mounted") && stdout.contains("0 there"), "{stdout}{stderr}");
    let (code, stdout, stderr) = slimwright(&["verify", &original, &other, "--insecure"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
}
