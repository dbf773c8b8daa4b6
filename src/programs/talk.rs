//! A program that is told something and answers, for a bounded time and with a bounded answer.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Largest answer that is read, in bytes.
pub const MAX_ANSWER: u64 = 64 << 20;

/// Runs a command with an input until it ends or the deadline has come. The error says in words what went wrong.
pub fn converse(mut command: Command, input: &str, deadline: Instant) -> Result<(ExitStatus, String, String), String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("it could not be started: {error}"))?;
    let finished = talk(&mut child, input, deadline);
    if finished.is_err() {
        // Whatever it was doing, nobody waits for it any more. It may just have ended.
        let _ = child.kill();
        let _ = child.wait();
    }
    finished
}

fn talk(child: &mut Child, input: &str, deadline: Instant) -> Result<(ExitStatus, String, String), String> {
    let late = || "it did not answer in time".to_owned();
    let (stdin, input) = (child.stdin.take(), input.to_owned());
    // One that does not read says why on stderr.
    std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let left = || deadline.saturating_duration_since(Instant::now());
    let stdout = stdout.recv_timeout(left()).map_err(|_| late())?;
    let stderr = stderr.recv_timeout(left()).map_err(|_| late())?;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok((status, stdout, stderr)),
            Ok(None) if left().is_zero() => return Err(late()),
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn reader(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            // What came before a failure is all there is.
            let _ = stream.take(MAX_ANSWER).read_to_end(&mut bytes);
        }
        let _ = send.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receive
}
