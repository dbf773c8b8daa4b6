//! Manifests by tag and digest, and what is refused.

use crate::server::{Reply, Server, ok, quick, reply};
use slimwright::base::{Digest, Hint as _};
use slimwright::registry::{Client, RegistryError};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn image() -> Vec<u8> {
    br#"{"schemaVersion":2,"config":{},"layers":[]}"#.to_vec()
}

fn typed(body: &[u8], kind: &str) -> Reply {
    ok(body).header("Content-Type", kind)
}

/// What the client says to one answer.
fn ask(reply: Reply) -> Result<slimwright::registry::Manifest, RegistryError> {
    let server = Server::new(move |_, _| reply.clone());
    server.client().manifest()
}

#[test]
fn a_tag_is_asked_for_with_all_kinds_that_are_understood() {
    let server = Server::new(|_, _| typed(&image(), MANIFEST));
    let manifest = server.client().manifest().unwrap();
    assert_eq!(
        (manifest.media_type.as_str(), manifest.bytes, manifest.digest),
        (MANIFEST, image(), Digest::of(&image()))
    );
    let [request] = &server.requests()[..] else { panic!() };
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/v2/lab/app/manifests/1"));
    let accept = request.header("accept").unwrap();
    for kind in
        [INDEX, MANIFEST, "vnd.docker.distribution.manifest.list.v2+json", "vnd.docker.distribution.manifest.v2+json"]
    {
        assert!(accept.contains(kind), "{accept}");
    }
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert!(request.header("user-agent").unwrap().starts_with("slimwright/"));
    assert_eq!(request.header("authorization"), None);
}

#[test]
fn a_digest_in_the_name_is_what_is_asked_for() {
    let digest = Digest::of(&image());
    let server = Server::new(|_, _| typed(&image(), "application/vnd.oci.image.manifest.v1+json; charset=utf-8"));
    let reference = format!("{}/lab/app:1@{digest}", server.host()).parse().unwrap();
    let manifest = Client::new(&reference, quick()).unwrap().manifest().unwrap();
    assert_eq!((manifest.digest, manifest.media_type.as_str()), (digest, MANIFEST));
    assert_eq!(server.requests()[0].target, format!("/v2/lab/app/manifests/{digest}"));
}

#[test]
fn other_bytes_than_a_digest_promises_are_refused() {
    let server = Server::new(|_, _| typed(&image(), MANIFEST));
    let wanted = Digest::of(b"another");
    let error = server.client().manifest_by_digest(&wanted).unwrap_err();
    assert!(
        matches!(&error, RegistryError::Digest { expected, found, .. } if *expected == wanted && *found == Digest::of(&image())),
        "{error}"
    );
    assert!(error.to_string().starts_with(&format!("{}/lab/app: the manifest's digest does not match", server.host())));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_stated_digest_must_be_that_of_the_bytes() {
    let right = Digest::of(&image()).to_string();
    assert!(ask(typed(&image(), MANIFEST).header("Docker-Content-Digest", right)).is_ok());
    let wrong = Digest::of(b"another").to_string();
    let error = ask(typed(&image(), MANIFEST).header("Docker-Content-Digest", wrong)).unwrap_err();
    assert!(error.to_string().contains("Docker-Content-Digest does not match"), "{error}");
    let error = ask(typed(&image(), MANIFEST).header("Docker-Content-Digest", "sha256:12")).unwrap_err();
    assert!(error.to_string().contains("64 hexadecimal digits"), "{error}");
    // Nothing to compare with.
    assert!(ask(typed(&image(), MANIFEST).header("Docker-Content-Digest", "sha512:12")).is_ok());
}

#[test]
fn a_huge_manifest_is_refused_whether_its_length_is_stated_or_not() {
    let huge = vec![b' '; (16 << 20) + 1];
    for reply in [typed(&huge, MANIFEST), typed(&huge, MANIFEST).chunked(), typed(b"", MANIFEST).stating(1 << 40)] {
        let error = ask(reply).unwrap_err();
        assert!(error.to_string().contains("expected at most 16777216 bytes"), "{error}");
    }
}

#[test]
fn the_kind_is_told_by_the_header_or_else_by_the_manifest() {
    let index = br#"{"schemaVersion":2,"manifests":[]}"#;
    let own = br#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","layers":[]}"#;
    let rows: [(&[u8], &str, &str); 4] = [
        (index, "application/json", INDEX),
        (&image(), "text/plain", MANIFEST),
        (own, "application/json", "application/vnd.docker.distribution.manifest.v2+json"),
        (
            own,
            "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.docker.distribution.manifest.v2+json",
        ),
    ];
    for (body, header, kind) in rows {
        assert_eq!(ask(typed(body, header)).unwrap().media_type, kind);
    }
}

#[test]
fn a_manifest_that_is_two_things_or_none_is_refused() {
    let own = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    let rows: [(&[u8], &str, &str); 6] = [
        (own, MANIFEST, "that the registry states"),
        (br#"{"manifests":[],"layers":[]}"#, MANIFEST, "found both"),
        (br#"{"schemaVersion":2}"#, "application/json", "found the kind `application/json`"),
        (br#"{"mediaType":"text/x-\u001b","layers":[]}"#, "a/b", "found the kind `text/x-\\x1b`"),
        (b"<html>", MANIFEST, "expected JSON of a manifest"),
        (b"", MANIFEST, "expected JSON of a manifest"),
    ];
    for (body, header, text) in rows {
        let error = ask(typed(body, header)).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn schema_1_is_refused_by_its_name() {
    let old = br#"{"schemaVersion":1,"fsLayers":[]}"#;
    for kind in ["application/json", "application/vnd.docker.distribution.manifest.v1+prettyjws"] {
        let error = ask(typed(old, kind)).unwrap_err();
        assert!(error.to_string().contains("found Docker's schema 1"), "{error}");
    }
}

#[test]
fn an_image_that_does_not_exist_is_told_with_how_its_name_was_read() {
    let server = Server::new(|_, _| {
        reply(404).body(r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest\u001b unknown"}]}"#)
    });
    let error = server.client().manifest().unwrap_err();
    let host = server.host();
    assert_eq!(
        error.to_string(),
        format!("{host}/lab/app: expected the manifest of tag `1`, found no such image: `manifest\\x1b unknown`")
    );
    assert_eq!(error.hint().unwrap(), format!("the name was read as registry {host}, repository lab/app, tag 1"));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn the_words_of_a_registry_are_cut() {
    let body = format!(r#"{{"errors":[{{"message":"{}"}}]}}"#, "long ".repeat(1_000));
    let error = ask(reply(418).body(body)).unwrap_err();
    assert!(matches!(error, RegistryError::Status { status: 418, .. }), "{error}");
    assert!(error.to_string().len() < 600 && error.to_string().ends_with("…`"), "{error}");
}
