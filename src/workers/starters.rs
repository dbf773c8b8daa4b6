//! Programs that start others by a file: supervisord, circus, and those of a Procfile.

use super::ini::Ini;
use super::model::{Container, Setting, UNKNOWN};
use super::words::option;
use std::collections::BTreeMap;

/// Processes of one kind that a file may ask for.
const MAX_COPIES: u64 = 1_000;
/// Files that one names in another.
const MAX_FILES: usize = 16;

/// A command of a file.
#[derive(Debug, Default)]
pub(super) struct Started {
    /// As the file has it.
    pub command: String,
    /// Its variables, where they are others than those of the container.
    pub environment: Option<BTreeMap<String, Option<String>>>,
    /// Where it runs, where that is elsewhere.
    pub directory: Option<String>,
    /// How many times it is started; nothing where that is no number.
    pub copies: Option<u64>,
    /// A file that may start more, and is not read.
    pub not_read: Option<String>,
}

fn bounded(copies: Option<u64>) -> Option<u64> {
    copies.map(|copies| copies.min(MAX_COPIES))
}

/// What a program starts by its file; nothing where it is no such program.
pub(super) fn started(
    setting: Setting<'_>,
    container: Container<'_>,
    name: &str,
    rest: &[String],
) -> Option<Vec<Started>> {
    let named = |names: &[&str]| option(rest, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let mut out = Vec::new();
    match name {
        "supervisord" => {
            let file = named(&["-c", "--configuration"]);
            let places = [
                "supervisord.conf",
                "etc/supervisord.conf",
                "/etc/supervisord.conf",
                "/etc/supervisor/supervisord.conf",
            ];
            let text = match &file {
                Some(file) => container.read(file),
                None => places.iter().find_map(|place| container.read(place)),
            };
            let Some(text) = text else { return Some(out) };
            supervisord(setting, &text, &mut out);
            let ini = Ini::read(&text);
            let included: Vec<&str> = ini.sections("include").flat_map(|(_, section)| section.all("files")).collect();
            for name in included.iter().flat_map(|files| files.split_whitespace()).take(MAX_FILES) {
                match container.read(name) {
                    Some(text) => supervisord(setting, &text, &mut out),
                    None => {
                        for one in &mut out {
                            one.not_read.get_or_insert_with(|| name.to_owned());
                        }
                    }
                }
            }
            Some(out)
        }
        "circusd" => {
            let Some(text) = rest.iter().find(|word| !word.starts_with('-')).and_then(|file| container.read(file))
            else {
                return Some(out);
            };
            for (_, section) in Ini::read(&text).sections("watcher:") {
                let Some(command) = section.get(&["cmd"]) else { continue };
                let command = format!("{command} {}", section.get(&["args"]).unwrap_or_default());
                let copies = section.get(&["numprocesses"]).map_or(Some(1), |text| text.parse().ok());
                let directory = section.get(&["working_dir"]).map(str::to_owned);
                out.push(Started { command, directory, copies: bounded(copies), ..Started::default() });
            }
            Some(out)
        }
        "honcho" | "foreman" | "goreman" | "hivemind" | "overmind" => {
            let file = named(&["-f", "--procfile"]).unwrap_or_else(|| "Procfile".to_owned());
            let Some(text) = container.read(&file) else { return Some(out) };
            let formation = named(&["-c", "--concurrency", "-m", "--formation"]).unwrap_or_default();
            let skip = [
                "-f",
                "--procfile",
                "-c",
                "--concurrency",
                "-m",
                "--formation",
                "-e",
                "--env",
                "-p",
                "--port",
                "-d",
                "--app-root",
            ];
            let mut chosen: Vec<&String> = Vec::new();
            let mut at = 0;
            while let Some(one) = rest.get(at) {
                at += if skip.contains(&one.as_str()) { 2 } else { 1 };
                if !one.starts_with('-') && one != "start" && at <= rest.len() {
                    chosen.push(one);
                }
            }
            for line in text.lines() {
                let Some((process, command)) = line.split_once(':').filter(|_| !line.trim_start().starts_with('#'))
                else {
                    continue;
                };
                let process = process.trim();
                if !chosen.is_empty() && !chosen.iter().any(|one| *one == process) {
                    continue;
                }
                let asked = formation.split(',').find_map(|pair| pair.trim().strip_prefix(process)?.strip_prefix('='));
                let copies = asked.map_or(Some(1), |text| text.parse().ok());
                out.push(Started { command: command.trim().to_owned(), copies: bounded(copies), ..Started::default() });
            }
            Some(out)
        }
        _ => None,
    }
}

/// Source: supervisor's "Configuration File".
fn supervisord(setting: Setting<'_>, text: &str, out: &mut Vec<Started>) {
    let ini = Ini::read(text);
    for (name, section) in ini.sections("program:") {
        if section.get(&["autostart"]).is_some_and(|text| matches!(text, "false" | "no" | "off" | "0")) {
            continue;
        }
        let Some(command) = section.get(&["command"]) else { continue };
        let mut environment = setting.environment.clone();
        for pair in section.get(&["environment"]).unwrap_or_default().split(',') {
            if let Some((name, value)) = pair.split_once('=') {
                environment.insert(name.trim().to_owned(), Some(value.trim().trim_matches(['"', '\'']).to_owned()));
            }
        }
        let copies =
            section.get(&["numprocs"]).map_or(Some(1), |text| with_variables(setting, name, text).parse().ok());
        let directory = section.get(&["directory"]).map(|text| with_variables(setting, name, text));
        let command = with_variables(setting, name, command);
        out.push(Started {
            command,
            environment: Some(environment),
            directory,
            copies: bounded(copies),
            not_read: None,
        });
    }
}

/// `%(ENV_NAME)s`, `%(program_name)s`, `%%`.
fn with_variables(setting: Setting<'_>, program: &str, text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("%(") {
        out.push_str(before);
        let Some((name, after)) = after.split_once(')') else { break };
        let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
        let value = match name {
            "program_name" => Some(program.to_owned()),
            name => name.strip_prefix("ENV_").and_then(|name| setting.environment.get(name).cloned().flatten()),
        };
        out.push_str(&value.unwrap_or_else(|| UNKNOWN.to_owned()));
        rest = after.strip_prefix(['s', 'd']).unwrap_or(after);
    }
    (out + rest).replace("%%", "%")
}
