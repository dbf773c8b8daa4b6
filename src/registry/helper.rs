//! Credential helpers: programs that keep secrets (the protocol of docker-credential-helpers).

use super::config::HUB_KEY;
use super::credentials::Credentials;
use super::error::quoted;
use super::{Options, Reference};
use crate::programs::Strangers;
use serde::Deserialize;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Largest answer that is read.
const MAX_ANSWER: u64 = 1 << 20;

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username", default)]
    user: String,
    #[serde(rename = "Secret", default)]
    secret: String,
}

/// Asks `docker-credential-NAME` for the credentials of a registry. `Ok(None)` when it has none.
pub(super) fn ask(name: &str, reference: &Reference, options: &Options) -> Result<Option<Credentials>, String> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return Err("expected a name of letters, digits, `.`, `_` and `-`".into());
    }
    let program = format!("docker-credential-{name}");
    let inside = options.helper_folder.as_ref().map(|folder| folder.join(&program)).filter(|path| path.is_file());
    // Not one of the repository that one happens to be in.
    let missing = || format!("it could not be started: there is no {program} in PATH");
    let mut command = Command::new(inside.or_else(|| Strangers::here().program(&program)).ok_or_else(missing)?);
    command.arg("get").current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("it could not be started: {error}"))?;
    let server = if reference.is_hub() { HUB_KEY } else { reference.registry() };
    let finished = converse(&mut child, server, Instant::now() + options.helper_wait);
    if finished.is_err() {
        // Whatever it was doing, nobody waits for it any more. It may just have ended.
        let _ = child.kill();
        let _ = child.wait();
    }
    let (status, answer) = finished?;
    read_answer(status, &answer)
}

fn read_answer(status: ExitStatus, answer: &[u8]) -> Result<Option<Credentials>, String> {
    if !status.success() {
        let text = String::from_utf8_lossy(answer);
        // "credentials not found in native keychain" is what helpers print; the protocol has no better sign.
        return match text.contains("credentials not found") {
            true => Ok(None),
            false => Err(format!("{status}, saying {}", quoted(text.trim()))),
        };
    }
    // Its answer is a secret: a text about it has none of it.
    let shape = || "expected a JSON object with `Username` and `Secret`, found something else".to_owned();
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| shape())?;
    Ok(match (answer.user.as_str(), answer.secret) {
        (_, secret) if secret.is_empty() => None,
        ("<token>", secret) => Some(Credentials::Identity(secret)),
        (user, password) => Some(Credentials::Password { user: user.into(), password }),
    })
}

/// Writes the server, reads the answer, and waits for the end, until the deadline.
fn converse(child: &mut Child, server: &str, deadline: Instant) -> Result<(ExitStatus, Vec<u8>), String> {
    let late = || "it did not answer in time".to_owned();
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read has its own reasons; its answer decides.
        let _ = stdin.write_all(server.as_bytes());
    }
    let Some(stdout) = child.stdout.take() else { return Err("its answer cannot be read".into()) };
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut answer = Vec::new();
        let read = stdout.take(MAX_ANSWER).read_to_end(&mut answer).map(|_| answer);
        let _ = send.send(read);
    });
    let left = deadline.saturating_duration_since(Instant::now());
    let answer = receive.recv_timeout(left).map_err(|_| late())?;
    let answer = answer.map_err(|error| format!("its answer cannot be read: {error}"))?;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok((status, answer)),
            Ok(None) if Instant::now() >= deadline => return Err(late()),
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(error.to_string()),
        }
    }
}
