//! How the container is started, as engines see it: what is unset and what says the default are the same.

use super::{Check, Promise};
use crate::base::Text;
use crate::image::{Config, DEFAULT_PATH, HealthCheck};
use std::collections::{BTreeMap, BTreeSet};

/// Variables that say what a base image was made of.
const OF_THE_BASE: [&str; 8] = [
    "PYTHON_VERSION",
    "PYTHON_SHA256",
    "PYTHON_PIP_VERSION",
    "PYTHON_SETUPTOOLS_VERSION",
    "PYTHON_GET_PIP_URL",
    "PYTHON_GET_PIP_SHA256",
    "GPG_KEY",
    "PYTHON_WHEEL_VERSION",
];
/// Labels that say when and from what an image was built.
const OF_THE_BUILD: [&str; 2] = ["org.opencontainers.image.", "org.label-schema."];

/// Compares two configurations. Values of variables and labels are not shown: they may be secrets.
pub(super) fn configuration(before: &Config, after: &Config, promise: Option<&Promise>) -> Check {
    let rows = [
        ("user", user(before), user(after)),
        ("working directory", directory(before), directory(after)),
        ("entry point", words(before.entrypoint.as_ref()), words(after.entrypoint.as_ref())),
        ("command", words(before.cmd.as_ref()), words(after.cmd.as_ref())),
        ("ports", ports(before), ports(after)),
        ("volumes", set(&before.volumes), set(&after.volumes)),
        ("stop signal", signal(before), signal(after)),
        ("health check", health(before), health(after)),
        ("search path", search_path(before), search_path(after)),
        ("platform", platform(before), platform(after)),
    ];
    let asked = rows.len() + before.env.len() + before.labels.len();
    let changed = rows.into_iter().filter(|(_, before, after)| before != after);
    let mut differences: Vec<Difference> = changed
        .map(|(what, before, after)| {
            (what.to_owned(), format!("was {}, is {}", or_nothing(&before), or_nothing(&after)))
        })
        .collect();
    let (old, new) = (variables(before), variables(after));
    let is_own = |name: &&str| *name != "PATH" && !OF_THE_BASE.contains(name);
    differences.extend(missing("variable", &old, &new, is_own));
    let (old, new) = (labels(before), labels(after));
    differences.extend(missing("label", &old, &new, |name| !OF_THE_BUILD.iter().any(|start| name.starts_with(start))));
    // What the plan says of them.
    let is_promised = |what: &str| promise.is_some_and(|promise| promise.dropped_settings.contains(what));
    let open = differences.into_iter().filter(|(what, _)| !is_promised(Text::from(what).as_str()));
    let losses = open.map(|(what, how)| Text::from(&format!("{what}: {how}"))).collect();
    Check::of("configuration", "settings", asked, losses)
}

/// What differs, as plans name it, and how.
type Difference = (String, String);

/// What has another value, or none.
fn missing<'m>(
    what: &'m str,
    old: &'m Values<'_>,
    new: &'m Values<'_>,
    counts: impl Fn(&&str) -> bool + 'm,
) -> impl Iterator<Item = Difference> + 'm {
    old.iter().filter(move |(name, _)| counts(name)).filter_map(move |(name, value)| match new.get(name) {
        Some(now) if now == value || now.is_none() || value.is_none() => None,
        Some(_) => Some((format!("{what} {name}"), "has another value".to_owned())),
        None => Some((format!("{what} {name}"), "is not set".to_owned())),
    })
}

/// Names and values; a recorded index may have a name alone, whose value is not known.
type Values<'c> = BTreeMap<&'c str, Option<&'c str>>;

/// Of a variable that is set twice the last counts.
fn variables(config: &Config) -> Values<'_> {
    let pairs = config.env.iter().map(|text| match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text.as_str(), None),
    });
    pairs.collect()
}

fn labels(config: &Config) -> Values<'_> {
    config.labels.iter().map(|(name, value)| (name.as_str(), Some(value.as_str()))).collect()
}

fn search_path(config: &Config) -> String {
    let path = variables(config).get("PATH").copied().flatten().unwrap_or(DEFAULT_PATH);
    path.split(':').map(|dir| dir.trim_end_matches('/')).collect::<Vec<_>>().join(":")
}

/// Nobody said is root.
fn user(config: &Config) -> String {
    let (user, group) = config.user.split_once(':').unwrap_or((&config.user, ""));
    let root = |name: &str| matches!(name, "" | "0" | "root");
    match (root(user), root(group)) {
        (true, true) => "root".to_owned(),
        (_, true) if group.is_empty() => user.to_owned(),
        _ => config.user.clone(),
    }
}

fn directory(config: &Config) -> String {
    let trimmed = config.working_dir.trim_end_matches('/');
    if trimmed.is_empty() { "/".to_owned() } else { trimmed.to_owned() }
}

/// An empty vector is none.
fn words(words: Option<&Vec<String>>) -> String {
    words.filter(|words| !words.is_empty()).map_or_else(String::new, |words| format!("{words:?}"))
}

/// A port without a protocol is TCP's.
fn ports(config: &Config) -> String {
    let port = |port: &String| match port.split_once('/') {
        Some((port, protocol)) => format!("{port}/{}", protocol.to_lowercase()),
        None => format!("{port}/tcp"),
    };
    set(&config.exposed_ports.iter().map(port).collect::<Vec<_>>())
}

fn set(values: &[String]) -> String {
    let values: BTreeSet<&str> = values.iter().map(String::as_str).collect();
    values.into_iter().collect::<Vec<_>>().join(" ")
}

fn signal(config: &Config) -> String {
    let signal = config.stop_signal.as_deref().unwrap_or_default().to_uppercase();
    let name = signal.strip_prefix("SIG").unwrap_or(&signal);
    match name {
        "" | "15" => "TERM".to_owned(),
        "2" => "INT".to_owned(),
        "3" => "QUIT".to_owned(),
        "9" => "KILL".to_owned(),
        name => name.to_owned(),
    }
}

/// None and `NONE` are no check; 0 is the engine's own interval, timeout and number of tries.
fn health(config: &Config) -> String {
    let Some(HealthCheck { test, interval, timeout, start_period, retries }) = &config.health_check else {
        return String::new();
    };
    if test.is_empty() || test[0] == "NONE" {
        return String::new();
    }
    let or = |value: u64, default: u64| if value == 0 { default } else { value };
    let shell = config.shell.as_ref().filter(|_| test[0] == "CMD-SHELL").filter(|shell| **shell != ["/bin/sh", "-c"]);
    let (interval, timeout) = (or(*interval, 30_000_000_000), or(*timeout, 30_000_000_000));
    let shell = shell.map(|shell| format!(" in {shell:?}")).unwrap_or_default();
    format!(
        "{test:?}{shell} every {} s, for {} s, after {} s, {} times",
        interval / 1_000_000_000,
        timeout / 1_000_000_000,
        start_period / 1_000_000_000,
        or(*retries, 3)
    )
}

fn platform(config: &Config) -> String {
    let platform = config.platform();
    let plain = platform.strip_suffix("/v8").filter(|rest| rest.ends_with("/arm64")).map(str::to_owned);
    plain.unwrap_or(platform)
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}
