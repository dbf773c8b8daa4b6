//! Pushing: what is there is not sent, what was cut goes on, and nobody is told more than they need.

use crate::server::{Reply, Request, Server, quick, reply};
use slimwright::base::Digest;
use slimwright::registry::{Outgoing, Pushed, RegistryError};
use std::sync::{Arc, Mutex};

/// Text of many different lines.
fn text(lines: usize) -> (String, Digest) {
    let text: String = (0..lines).map(|line| format!("line {line} of {lines}\n")).collect();
    let digest = Digest::of(text.as_bytes());
    (text, digest)
}

fn push(server: &Server, content: &str, from: Option<&str>) -> Result<Pushed, RegistryError> {
    let bytes = content.as_bytes().to_vec();
    let open = move |at: u64| -> std::io::Result<Box<dyn std::io::Read>> {
        Ok(Box::new(std::io::Cursor::new(bytes[at as usize..].to_vec())))
    };
    let blob =
        Outgoing { digest: Digest::of(content.as_bytes()), size: content.len() as u64, open: &open, sent: &|_| () };
    server.client_with(quick()).push_blob(&blob, from)
}

fn methods(server: &Server) -> Vec<String> {
    server.requests().iter().map(|request| request.method.clone()).collect()
}

/// A registry that keeps what it is sent. `fault` may answer in its place, and says how much of a piece arrives then.
fn keeping(
    fault: impl Fn(&Request, usize) -> Option<(usize, Reply)> + Send + Sync + 'static,
) -> (Server, Arc<Mutex<String>>) {
    let kept = Arc::new(Mutex::new(String::new()));
    let there = kept.clone();
    let server = Server::new(move |request, number| {
        let mut there = there.lock().unwrap();
        let faulty = fault(request, number);
        let place = |status: u16, length: usize| {
            let reply = reply(status).header("Location", "/v2/team/app/blobs/uploads/one?state=x");
            reply.header("Range", format!("0-{}", length.saturating_sub(1)))
        };
        match request.method.as_str() {
            "HEAD" => reply(404),
            "POST" => place(202, 0),
            "PATCH" => {
                let from: usize = request.header("content-range").unwrap().split('-').next().unwrap().parse().unwrap();
                if from != there.len() {
                    return reply(416);
                }
                let arrives = faulty.as_ref().map_or(request.body.len(), |(arrives, _)| *arrives);
                there.push_str(&request.body[..arrives]);
                faulty.map_or_else(|| place(202, there.len()), |(_, reply)| reply)
            }
            "GET" => place(204, there.len()),
            _ => match faulty {
                Some((_, reply)) => reply,
                None => reply(if request.target.contains("state=x&digest=sha256%3A") { 201 } else { 400 }),
            },
        }
    });
    (server, kept)
}

#[test]
fn a_blob_that_is_there_is_not_sent() {
    let server = Server::new(|_, _| reply(200));
    assert_eq!(push(&server, "here", None).unwrap(), Pushed::There);
    assert_eq!(methods(&server), ["HEAD"]);
}

#[test]
fn a_blob_of_another_repository_is_mounted() {
    let server = Server::new(|request, _| reply(if request.method == "POST" { 201 } else { 404 }));
    assert_eq!(push(&server, "there", Some("team/other")).unwrap(), Pushed::Mounted);
    assert_eq!(methods(&server), ["HEAD", "POST"]);
    let target = &server.requests()[1].target;
    assert!(target.ends_with(&format!("?mount=sha256%3A{}&from=team%2Fother", Digest::of(b"there").hex())), "{target}");
    // Where it is not mounted, the upload that was begun is used.
    let (server, kept) = keeping(|_, _| None);
    assert_eq!(push(&server, "sent", Some("team/other")).unwrap(), Pushed::Sent);
    assert_eq!((methods(&server).join(" "), &**kept.lock().unwrap()), ("HEAD POST PATCH PUT".to_owned(), "sent"));
}

#[test]
fn an_upload_goes_on_where_it_was_cut() {
    let (content, _) = text(1000);
    for (arrives, again) in [(5000, "5000-"), (0, "0-")] {
        let (server, kept) =
            keeping(move |request, number| (request.method == "PATCH" && number == 2).then(|| (arrives, reply(503))));
        assert_eq!(push(&server, &content, None).unwrap(), Pushed::Sent);
        assert_eq!(*kept.lock().unwrap(), content);
        assert_eq!(methods(&server), ["HEAD", "POST", "PATCH", "HEAD", "GET", "PATCH", "PUT"]);
        let range = server.requests()[5].header("content-range").unwrap().to_owned();
        assert_eq!(range, format!("{again}{}", content.len() - 1));
    }
}

#[test]
fn who_gets_no_further_gives_up() {
    let (server, _) = keeping(|request, _| (request.method == "PATCH").then(|| (0, reply(503))));
    let error = push(&server, "never", None).unwrap_err();
    assert!(matches!(error, RegistryError::GaveUp { tries: 5, .. }), "{error}");
}

#[test]
fn what_is_denied_or_wrong_is_said_at_once() {
    let (server, _) = keeping(|request, _| (request.method == "PUT").then(|| (0, reply(400))));
    let error = push(&server, "x", None).unwrap_err();
    assert!(matches!(error, RegistryError::Status { status: 400, .. }), "{error}");
    let server = Server::new(|request, _| reply(if request.method == "HEAD" { 404 } else { 403 }));
    let error = push(&server, "x", None).unwrap_err();
    assert!(matches!(error, RegistryError::Denied { status: 403, .. }), "{error}");
    // With --insecure nothing but this machine is spoken to.
    let server = Server::new(|request, _| match request.method.as_str() {
        "HEAD" => reply(404),
        _ => reply(202).header("Location", "https://registry.example.org/upload"),
    });
    let error = push(&server, "x", None).unwrap_err();
    assert!(error.to_string().contains("upload at registry.example.org"), "{error}");
    assert_eq!(methods(&server), ["HEAD", "POST"]);
}

#[test]
fn a_token_for_pushing_is_asked_for_when_it_is_wanted() {
    let address = Arc::new(Mutex::new(String::new()));
    let realm = address.clone();
    let server = Server::new(move |request, _| {
        let wanted = |scope: &str| {
            let realm = format!("http://{}/token", realm.lock().unwrap());
            reply(401)
                .header("WWW-Authenticate", format!("Bearer realm=\"{realm}\",scope=\"repository:team/app:{scope}\""))
        };
        let token = request.header("authorization").unwrap_or_default().to_owned();
        match request.method.as_str() {
            "GET" if request.target.starts_with("/token") => {
                let word = if request.target.contains("push") { "both" } else { "pull" };
                reply(200).body(format!("{{\"token\":\"{word}\"}}"))
            }
            "HEAD" if token.is_empty() => wanted("pull"),
            "HEAD" => reply(404),
            "POST" if token != "Bearer both" => wanted("pull,push"),
            "POST" => reply(202).header("Location", "/v2/team/app/blobs/uploads/one"),
            _ if token != "Bearer both" => wanted("pull,push"),
            "PATCH" => reply(202).header("Location", "/v2/team/app/blobs/uploads/one"),
            _ => reply(201),
        }
    });
    *address.lock().unwrap() = server.host();
    assert_eq!(push(&server, "with a token", None).unwrap(), Pushed::Sent);
}

#[test]
fn a_manifest_is_put_by_its_tag_and_is_what_the_registry_says_it_took() {
    let server = Server::new(|_, _| reply(201).header("Docker-Content-Digest", Digest::of(b"{}").to_string()));
    let client = server.client_with(quick());
    client.push_manifest("slim", "application/vnd.oci.image.manifest.v1+json", b"{}").unwrap();
    let request = &server.requests()[0];
    assert!(request.method == "PUT" && request.target.ends_with("/manifests/slim"), "{}", request.target);
    let error = client.push_manifest("slim", "application/json", b"[]").unwrap_err();
    assert!(matches!(error, RegistryError::Digest { .. }), "{error}");
}

#[test]
fn whether_a_manifest_is_there_is_asked_with_the_kinds_that_it_may_have() {
    // As Docker's registry answers: a manifest of OCI's is there for those alone who name that kind.
    let server = Server::new(|request, _| match request.header("accept") {
        Some(kinds) if kinds.contains("application/vnd.oci.image.manifest.v1+json") => reply(200),
        _ => reply(404),
    });
    assert!(server.client_with(quick()).has_manifest("slim").unwrap().is_some());
    assert_eq!(server.requests()[0].method, "HEAD");
}
