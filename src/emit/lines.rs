//! Instructions that several parts of the Dockerfile need.

use super::quote::{breaks_lines, json, path_text};
use crate::base::ImagePath;
use std::fmt::Write as _;

/// A path as text; where it is no UTF-8, escaped.
pub(super) fn path_of(path: &ImagePath) -> String {
    path_text(path).unwrap_or_else(|| path.to_string())
}

/// A `RUN`, in exec form where a path would break the line. After another one it stays a layer of its own, which the
/// builder's cache keeps when only the other one changes: the build stage's layers are in no image.
pub(super) fn run(commands: &[String], out: &mut String) {
    run_but(&[], commands, out);
}

/// The same, and what hadolint is not to say of it.
pub(super) fn run_but(ignored: &[&str], commands: &[String], out: &mut String) {
    let more = follows_run(out).then_some("DL3059");
    let ignored: Vec<&str> = ignored.iter().copied().chain(more).collect();
    if !ignored.is_empty() {
        let _ = writeln!(out, "# hadolint ignore={}", ignored.join(","));
    }
    if commands.iter().any(|command| breaks_lines(command)) {
        let _ = writeln!(out, "RUN [\"/bin/sh\", \"-c\", {}]", json(&commands.join(" && ")));
    } else {
        let _ = writeln!(out, "RUN {}", commands.join(" \\\n && "));
    }
}

/// Whether the last instruction is a `RUN`: comments and continued lines are none.
fn follows_run(text: &str) -> bool {
    let is_instruction = |line: &&str| line.starts_with(|c: char| c.is_ascii_uppercase());
    text.lines().rev().find(is_instruction).is_some_and(|line| line.starts_with("RUN "))
}

/// The option of a `COPY` that keeps an owner who is not root.
pub(super) fn chown(uid: u32, gid: u32) -> String {
    if (uid, gid) == (0, 0) { String::new() } else { format!("--chown={uid}:{gid} ") }
}
