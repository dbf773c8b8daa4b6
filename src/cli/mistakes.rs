//! What a newcomer means by a command line that clap cannot read.

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use std::ffi::OsString;

/// Words by which other tools call what a command here does.
const SYNONYMS: [(&str, &str); 17] = [
    ("analyse", "audit"),
    ("analyze", "audit"),
    ("inspect", "audit"),
    ("scan", "audit"),
    ("lint", "audit"),
    ("size", "audit"),
    ("browse", "explore"),
    ("dive", "explore"),
    ("tui", "explore"),
    ("optimise", "plan"),
    ("optimize", "plan"),
    ("minify", "plan"),
    ("reduce", "plan"),
    ("shrink", "plan"),
    ("init", "check TARGET --init"),
    ("list-rules", "rules"),
    ("version", "--version"),
];

/// What a command that is none may mean.
pub fn synonym(word: &str) -> Option<&'static str> {
    SYNONYMS.iter().find(|(other, _)| *other == word).map(|(_, command)| *command)
}

/// A line that may help, below what clap says.
pub fn hint(error: &Error, words: &[OsString]) -> Option<String> {
    let words: Vec<String> = words.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let command = words.first()?.as_str();
    let invalid = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let meant = synonym(&invalid(ContextKind::InvalidSubcommand)?)?;
            Some(format!("`slimwright {meant}` does that"))
        }
        ErrorKind::MissingRequiredArgument => missing(command, &words),
        ErrorKind::UnknownArgument => {
            let word = invalid(ContextKind::InvalidArg)?;
            match command {
                _ if word.starts_with('-') => None,
                "plan" | "index" => Some(format!("to write to {word}, write `-o {word}`")),
                "apply" => Some(format!("to write to {word}, write `-o oci:{word}`")),
                "audit" | "check" => Some("one image at a time; `slimwright diff BEFORE AFTER` compares two".into()),
                "explain" | "rules" => {
                    Some("`slimwright explain RULE` explains one, `slimwright rules` lists all".into())
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The whole command, where only its output is missing.
fn missing(command: &str, words: &[String]) -> Option<String> {
    let target = words.iter().skip(1).find(|word| !word.starts_with('-'));
    let typed = match target {
        Some(target) => target.as_str(),
        None => "my-service:1.4",
    };
    let more = match command {
        "plan" => "-o slim/",
        "index" => "-o service.index",
        "apply" => "-o oci:slim/",
        "audit" | "check" | "explore" => "",
        "why" => "torch",
        "verify" | "diff" => "my-service:slim",
        "explain" => return Some("`slimwright rules` lists them".into()),
        _ => return None,
    };
    Some(format!("for example: slimwright {command} {typed} {more}").trim_end().to_owned())
}
