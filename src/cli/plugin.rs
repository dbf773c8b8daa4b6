//! As a plugin of Docker's command line: `docker slimwright …`.
//!
//! Docker looks into its folders of plugins for programs named `docker-NAME`, asks each for its metadata with the one
//! word `docker-cli-plugin-metadata`, and then calls it with the user's whole command line: docker's own options,
//! `NAME`, and what belongs to the plugin. Docker's options say which engine is meant; they are handed on as the
//! environment variables that say the same, which are all that the rest of the program knows of.
//!
//! Source: Docker's manual, "CLI plugins", and its `cli-plugins/metadata`.

use super::failure::{Failure, Result};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// What the program is called among Docker's plugins.
const FILE: &str = "docker-slimwright";
/// The word by which Docker asks for the metadata.
const METADATA: &str = "docker-cli-plugin-metadata";

/// How the program was called.
#[derive(Debug, PartialEq, Eq)]
pub enum Call {
    /// By its own name.
    Plain,
    /// By Docker, which wants to know what this is.
    Metadata,
    /// By Docker, for the user.
    Plugin(Plugin),
}

/// A call by Docker for the user.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plugin {
    /// The command line as the program would have it by its own name.
    pub args: Vec<OsString>,
    /// What Docker's options say: variables to set, and to unset where there is no value.
    pub environment: Vec<(&'static str, Option<OsString>)>,
}

/// Tells how the program was called from its arguments, the program's own name first.
pub fn call(args: &[OsString]) -> Result<Call> {
    let rest = args.get(1..).unwrap_or_default();
    if rest.first().is_some_and(|word| word == METADATA) {
        return Ok(Call::Metadata);
    }
    let stem = args.first().and_then(|name| Path::new(name).file_stem());
    if stem != Some(OsStr::new(FILE)) {
        return Ok(Call::Plain);
    }
    plugin(rest).map(Call::Plugin)
}

/// Reads up to the word `slimwright`; what follows is this program's.
fn plugin(words: &[OsString]) -> Result<Plugin> {
    let mut found = Plugin { args: vec![OsString::from("docker slimwright")], environment: Vec::new() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.to_str() {
            // `docker help slimwright audit` is what `docker slimwright help audit` is.
            Some("help") => found.args.push("help".into()),
            Some("slimwright") => {
                found.args.extend(words.cloned());
                return Ok(found);
            }
            Some(option) if option.starts_with('-') => docker_option(option, &mut words, &mut found)?,
            // Nobody but a person calls it without the word.
            _ => {
                found.args.push(word.clone());
                found.args.extend(words.cloned());
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// One of docker's own options, with its value here or in the next word.
fn docker_option<'w>(option: &str, words: &mut impl Iterator<Item = &'w OsString>, found: &mut Plugin) -> Result<()> {
    let (name, value) = match option.split_once('=') {
        Some((name, value)) => (name, Some(OsString::from(value))),
        None => (option, None),
    };
    let mut value = || value.clone().or_else(|| words.next().cloned());
    match name {
        "--config" => found.environment.push(("DOCKER_CONFIG", value())),
        "-H" | "--host" => found.environment.push(("DOCKER_HOST", value())),
        "-c" | "--context" => {
            found.environment.push(("DOCKER_CONTEXT", value()));
            // An address in the environment would come first.
            found.environment.push(("DOCKER_HOST", None));
        }
        "-D" | "--debug" => {}
        "-l" | "--log-level" => drop(value()),
        "-h" | "--help" => found.args.push("--help".into()),
        _ => {
            let error = anyhow::anyhow!("docker's option {name} cannot be handed on to slimwright");
            return Err(Failure::usage(error).hint("choose the engine with --context, --host or DOCKER_HOST"));
        }
    }
    Ok(())
}

/// What Docker wants to know, as JSON.
pub fn metadata() -> String {
    let mut fields = serde_json::json!({
        "SchemaVersion": "0.1.0",
        "Vendor": "slimwright",
        "Version": env!("CARGO_PKG_VERSION"),
        "ShortDescription": "Audit, shrink and budget images of Python services",
    });
    // Left out as long as the package names no address.
    let url = env!("CARGO_PKG_REPOSITORY");
    if !url.is_empty() {
        fields["URL"] = url.into();
    }
    format!("{fields}\n")
}

/// Starts this program anew with what Docker's options say in its environment. Returns only a failure.
#[cfg(unix)]
pub fn start_anew(plugin: &Plugin) -> Failure {
    use std::os::unix::process::CommandExt as _;
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return Failure::usage(anyhow::Error::new(error).context("this program's file is not known")),
    };
    let mut command = std::process::Command::new(program);
    // By this name again, for the name in the help; without docker's options, so that this happens once.
    command.arg0(FILE).arg("slimwright").args(plugin.args.get(1..).unwrap_or_default());
    for (name, value) in &plugin.environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Failure::usage(anyhow::Error::new(command.exec()).context("this program could not be started anew"))
}

/// Elsewhere the variables have to be set by hand.
#[cfg(not(unix))]
pub fn start_anew(_: &Plugin) -> Failure {
    Failure::usage(anyhow::anyhow!("docker's options cannot be handed on to slimwright on this system"))
        .hint("set DOCKER_HOST, DOCKER_CONTEXT or DOCKER_CONFIG instead")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

    use super::*;

    fn called(line: &str) -> Result<Call> {
        call(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    fn as_plugin(line: &str) -> (String, Vec<(&'static str, Option<OsString>)>) {
        match called(line).unwrap() {
            Call::Plugin(plugin) => (plugin.args.join(OsStr::new("|")).into_string().unwrap(), plugin.environment),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn by_its_own_name_every_word_is_its_own() {
        for line in ["slimwright audit x", "/usr/bin/slimwright slimwright", "slimwright", ""] {
            assert_eq!(called(line).unwrap(), Call::Plain, "{line}");
        }
    }

    #[test]
    fn docker_asks_what_it_is() {
        for line in [
            "/home/me/.docker/cli-plugins/docker-slimwright docker-cli-plugin-metadata",
            "slimwright docker-cli-plugin-metadata",
        ] {
            assert_eq!(called(line).unwrap(), Call::Metadata, "{line}");
        }
    }

    #[test]
    fn dockers_words_come_first_and_are_taken_off() {
        for (line, expected) in [
            ("docker-slimwright slimwright audit x", "docker slimwright|audit|x"),
            ("/p/docker-slimwright slimwright", "docker slimwright"),
            ("docker-slimwright", "docker slimwright"),
            ("docker-slimwright help slimwright audit", "docker slimwright|help|audit"),
            ("docker-slimwright -D -l debug slimwright slimwright", "docker slimwright|slimwright"),
            ("docker-slimwright audit --help", "docker slimwright|audit|--help"),
        ] {
            assert_eq!(as_plugin(line), (expected.to_owned(), Vec::new()), "{line}");
        }
    }

    #[test]
    fn dockers_choice_of_an_engine_is_handed_on() {
        let value = |text: &str| Some(OsString::from(text));
        let (args, environment) = as_plugin("docker-slimwright --config=/c -H tcp://h:1 slimwright audit -H x");
        assert_eq!(args, "docker slimwright|audit|-H|x");
        assert_eq!(environment, [("DOCKER_CONFIG", value("/c")), ("DOCKER_HOST", value("tcp://h:1"))]);
        let (_, environment) = as_plugin("docker-slimwright --context far slimwright");
        assert_eq!(environment, [("DOCKER_CONTEXT", value("far")), ("DOCKER_HOST", None)]);
    }

    #[test]
    fn an_option_that_cannot_be_handed_on_is_an_error() {
        assert!(called("docker-slimwright --tlsverify slimwright audit x").is_err());
    }
}
