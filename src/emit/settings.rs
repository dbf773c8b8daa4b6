//! The original's configuration as instructions: what the image is started with.

use super::quote::{breaks_lines, comment, double_quoted, is_plain, json, json_array, lexed};
use crate::base::{MASK, is_masked, without_credentials};
use crate::image::{Config, HealthCheck};
use std::fmt::Write as _;

/// The instructions, in the order in which they do not undo each other.
pub fn settings(config: &Config) -> String {
    let mut out = String::from("\n# How the original is configured.\n");
    environment(config, &mut out);
    labels(config, &mut out);
    if let Some(directory) = word("WORKDIR", &config.working_dir, &mut out) {
        let _ = writeln!(out, "WORKDIR {directory}");
    }
    ports_and_volumes(config, &mut out);
    if let Some(signal) = config.stop_signal.as_deref() {
        match signal.chars().all(|c| c.is_ascii_alphanumeric() || c == '+' || c == '-') {
            true => drop(writeln!(out, "STOPSIGNAL {signal}")),
            false => left_out(&mut out, "STOPSIGNAL", signal, "it is no signal"),
        }
    }
    if let Some(shell) = config.shell.as_deref().filter(|shell| !shell.is_empty()) {
        let _ = writeln!(out, "SHELL {}", array(shell));
    }
    triggers(config, &mut out);
    if let Some(check) = &config.health_check {
        health_check(check, config, &mut out);
    }
    if let Some(user) = word("USER", &config.user, &mut out) {
        if !user.starts_with(|c: char| c.is_ascii_digit()) {
            out.push_str("# The original's user, by its name.\n# hadolint ignore=DL3066\n");
        }
        let _ = writeln!(out, "USER {user}");
    }
    let commands = [&config.entrypoint, &config.cmd].into_iter().flatten().flatten();
    if commands.chain(config.health_check.iter().flat_map(|check| &check.test)).any(|word| is_masked(word)) {
        let _ = writeln!(
            out,
            "# {MASK} stands for a secret that a command of the original has: have the service read it from its environment."
        );
    }
    // Both, even when empty: the base may have its own, and ENTRYPOINT clears an inherited CMD.
    let _ = writeln!(out, "ENTRYPOINT {}", array(config.entrypoint.as_deref().unwrap_or_default()));
    let _ = writeln!(out, "CMD {}", array(config.cmd.as_deref().unwrap_or_default()));
    out
}

fn array(items: &[String]) -> String {
    json_array(items.iter().map(String::as_str))
}

fn left_out(out: &mut String, instruction: &str, text: &str, why: &str) {
    let _ = writeln!(out, "# left out, for {why}: {}", comment(&format!("{instruction} {text}")));
}

/// A single word of an instruction; nothing for an empty one.
fn word(instruction: &str, text: &str, out: &mut String) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    if breaks_lines(text) || text.trim() != text {
        left_out(out, instruction, text, "a Dockerfile cannot say it");
        return None;
    }
    Some(if is_plain(text) { text.to_owned() } else { format!("\"{}\"", double_quoted_inner(text)) })
}

fn double_quoted_inner(text: &str) -> String {
    double_quoted(text).map(|quoted| quoted[1..quoted.len() - 1].to_owned()).unwrap_or_default()
}

fn environment(config: &Config, out: &mut String) {
    let mut rows = Vec::new();
    for variable in &config.env {
        let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
        let head = |c: char| c.is_ascii_alphabetic() || c == '_';
        let known = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let is_name = name.starts_with(head) && name.chars().all(known);
        let value = if is_masked(value) { public_part(name, value, out) } else { Some(value.to_owned()) };
        let Some(value) = value else { continue };
        match double_quoted(&value).filter(|_| is_name) {
            Some(quoted) => rows.push(format!("{name}={quoted}")),
            None => left_out(out, "ENV", variable, "a Dockerfile cannot say it (give it with `docker run -e`)"),
        }
    }
    instruction("ENV", &rows, out);
}

/// What of a masked value can stand in a Dockerfile: an installer's index without its credentials. A comment says what
/// to do about the rest. Nothing that is written here may have a secret: a Dockerfile is committed, and what it sets is
/// in the history of every image that is built from it.
fn public_part(name: &str, value: &str, out: &mut String) -> Option<String> {
    let is_index = ["PIP_", "UV_", "PIPENV_", "POETRY_"].iter().any(|start| name.starts_with(start));
    let urls: Vec<String> = value.split(' ').map(without_credentials).collect();
    let urls = urls.join(" ");
    if is_index && value.contains("://") && !is_masked(&urls) {
        let line = format!("without its credentials, which an install is given with RUN --mount=type=secret: {name}");
        let _ = writeln!(out, "# {}", comment(&line));
        return Some(urls);
    }
    let why = "its value is a secret or was not recorded (give it with `docker run -e`)";
    left_out(out, "ENV", &format!("{name}={value}"), why);
    None
}

fn labels(config: &Config, out: &mut String) {
    let mut rows = Vec::new();
    for (key, value) in &config.labels {
        let key_quoted = double_quoted(key).filter(|_| !key.is_empty() && !key.contains('='));
        match key_quoted.zip(double_quoted(value)).filter(|_| !is_masked(value)) {
            Some((key, value)) => rows.push(format!("{key}={value}")),
            None => {
                let label = format!("{key}={value}");
                let why = if is_masked(value) { "it has a secret" } else { "a Dockerfile cannot say it" };
                left_out(out, "LABEL", &label, &format!("{why} (give it with `docker build --label`)"));
            }
        }
    }
    instruction("LABEL", &rows, out);
}

/// One instruction with its rows on lines of their own.
fn instruction(name: &str, rows: &[String], out: &mut String) {
    if !rows.is_empty() {
        let indent = " ".repeat(name.len() + 1);
        let _ = writeln!(out, "{name} {}", rows.join(&format!(" \\\n{indent}")));
    }
}

fn ports_and_volumes(config: &Config, out: &mut String) {
    let mut ports = Vec::new();
    for port in &config.exposed_ports {
        let (numbers, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        let digits = !numbers.is_empty() && numbers.chars().all(|c| c.is_ascii_digit() || c == '-');
        match digits && matches!(protocol, "tcp" | "udp" | "sctp") {
            true => ports.push(port.as_str()),
            false => left_out(out, "EXPOSE", port, "it is no port"),
        }
    }
    if !ports.is_empty() {
        let _ = writeln!(out, "EXPOSE {}", ports.join(" "));
    }
    if !config.volumes.is_empty() {
        let volumes: Vec<String> = config.volumes.iter().map(|volume| lexed(volume)).collect();
        let _ = writeln!(out, "VOLUME {}", array(&volumes));
    }
}

fn triggers(config: &Config, out: &mut String) {
    for trigger in &config.on_build {
        let first = trigger.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        let forbidden = matches!(&first[..], "" | "ONBUILD" | "FROM" | "MAINTAINER");
        if is_masked(trigger) {
            left_out(out, "ONBUILD", trigger, "it has a secret");
        } else if forbidden || breaks_lines(trigger) || trigger.trim_end().ends_with('\\') || trigger.contains("<<") {
            left_out(out, "ONBUILD", trigger, "a Dockerfile cannot say it");
        } else {
            let _ = writeln!(out, "ONBUILD {}", trigger.trim());
        }
    }
}

fn health_check(check: &HealthCheck, config: &Config, out: &mut String) {
    let (kind, rest) = match check.test.split_first() {
        Some((kind, rest)) => (kind.as_str(), rest),
        None => return,
    };
    let command = match (kind, rest) {
        ("NONE", _) => {
            out.push_str("HEALTHCHECK NONE\n");
            return;
        }
        ("CMD", [_, ..]) => array(rest),
        ("CMD-SHELL", [line]) => shell_form(line, config),
        _ => return left_out(out, "HEALTHCHECK", &check.test.join(" "), "it is of no known form"),
    };
    if kind == "CMD-SHELL" && !command.starts_with('[') {
        out.push_str("# The original's check is a line for the shell.\n# hadolint ignore=DL3025\n");
    }
    out.push_str("HEALTHCHECK");
    let durations = [("interval", check.interval), ("timeout", check.timeout), ("start-period", check.start_period)];
    for (option, nanoseconds) in durations {
        if let Some(duration) = duration(nanoseconds) {
            let _ = write!(out, " --{option}={duration}");
        }
    }
    if (1..=i32::MAX as u64).contains(&check.retries) {
        let _ = write!(out, " --retries={}", check.retries);
    }
    let _ = writeln!(out, " \\\n    CMD {command}");
}

/// A line for a shell as it is, or, where it would be read as something else, as the array it stands for.
fn shell_form(line: &str, config: &Config) -> String {
    let odd = breaks_lines(line) || line.trim() != line || line.is_empty() || line.ends_with('\\');
    if !odd && !line.starts_with('[') {
        return line.to_owned();
    }
    let default = ["/bin/sh".to_owned(), "-c".to_owned()];
    let shell = config.shell.as_deref().filter(|shell| !shell.is_empty()).unwrap_or(&default);
    let words: Vec<String> = shell.iter().map(String::as_str).chain([line]).map(json).collect();
    format!("[{}]", words.join(", "))
}

/// A duration as the builder reads it, in the largest unit that is exact; `None` for unset and for what the
/// builder rejects (below a millisecond, beyond a signed 64-bit number).
fn duration(nanoseconds: u64) -> Option<String> {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    if nanoseconds < 1_000_000 || i64::try_from(nanoseconds).is_err() {
        return None;
    }
    let unit = UNITS.iter().find(|(unit, _)| nanoseconds.is_multiple_of(*unit));
    let (size, name) = unit.copied().unwrap_or((1, "ns"));
    Some(format!("{}{name}", nanoseconds / size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_exact() {
        let shown: Vec<Option<String>> = [0, 30_000_000_000, 1_500_000_000, 1_000_001, u64::MAX].map(duration).into();
        let expected = [None, Some("30s"), Some("1500ms"), Some("1000001ns"), None];
        assert_eq!(shown, expected.map(|text| text.map(str::to_owned)));
    }

    #[test]
    fn a_line_for_a_shell_is_not_mistaken_for_an_array() {
        let config = Config::default();
        assert_eq!(shell_form("curl -f x || exit 1", &config), "curl -f x || exit 1");
        assert_eq!(shell_form("[ -f /x ]", &config), r#"["/bin/sh", "-c", "[ -f /x ]"]"#);
        assert_eq!(shell_form("a\nUSER root", &config), r#"["/bin/sh", "-c", "a\nUSER root"]"#);
    }
}
