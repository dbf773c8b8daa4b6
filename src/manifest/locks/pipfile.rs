//! `Pipfile.lock`: JSON, a section a category of packages.

use super::{Pin, Pins, of_package};
use crate::manifest::Choice;
use crate::manifest::Markers;
use crate::manifest::{is_name, normalize_name};
use serde_json::{Map, Value};

/// Reads a `Pipfile.lock`: `default`, and the other sections that are asked for; `dev` is `develop`.
///
/// # Errors
///
/// What was expected, and where it was not found.
pub fn parse_pipfile_lock(content: &str, choice: &Choice, markers: &Markers) -> Result<Pins, String> {
    let lock: Value = serde_json::from_str(content).map_err(|error| format!("line {}: expected JSON", error.line()))?;
    let lock = lock.as_object().ok_or("expected a JSON object")?;
    let indexes = indexes(lock);
    let sections = lock.keys().filter(|key| !key.starts_with('_')).map(|key| normalize_name(key)).collect();
    let mut chosen = choice.chosen_groups("default", &Default::default(), &sections);
    if chosen.remove("dev") {
        chosen.insert("develop".into());
    }
    let mut pins = Vec::new();
    for (section, packages) in lock.iter().filter(|(section, _)| chosen.contains(&normalize_name(section))) {
        let packages = packages.as_object().ok_or_else(|| format!("expected `{section}` to be an object"))?;
        for (name, package) in packages {
            let package = package.as_object().ok_or_else(|| of_package(name, "expected an object".into()))?;
            if !is_name(name) {
                return Err(format!("expected a package's name, found `{}`", crate::base::Text::from(name)));
            }
            let marker = package.get("markers").and_then(Value::as_str).unwrap_or_default();
            if markers.hold(marker).map_err(|error| of_package(name, error))? {
                pins.push(pin(name, package, &indexes));
            }
        }
    }
    let first = indexes.first().map(|(_, url)| (*url).to_owned());
    Ok(Pins { default_index: first, ..Pins::of(pins, Vec::new()) })
}

/// The places to look in, by the names that the lock gives them; the first is where all is that names none.
fn indexes(lock: &Map<String, Value>) -> Vec<(&str, &str)> {
    let sources = lock.get("_meta").and_then(|meta| meta.get("sources")).and_then(Value::as_array);
    let sources = sources.into_iter().flatten();
    sources.filter_map(|source| Some((source.get("name")?.as_str()?, source.get("url")?.as_str()?))).collect()
}

fn pin(name: &str, package: &Map<String, Value>, indexes: &[(&str, &str)]) -> Pin {
    let text = |key: &str| package.get(key).and_then(Value::as_str);
    let hashes = package.get("hashes").and_then(Value::as_array).into_iter().flatten();
    let vcs = ["git", "hg", "svn", "bzr"].iter().find_map(|kind| text(kind)).map(|url| format!("git+{url}"));
    let remote = |url: &&str| url.contains("://");
    let file = text("file");
    Pin {
        name: name.to_owned(),
        version: text("version").map(|version| version.trim_start_matches('=').trim().to_owned()),
        files: Vec::new(),
        hashes: hashes.filter_map(Value::as_str).map(str::to_ascii_lowercase).collect(),
        // What the first one has is looked up where the user looks.
        index: text("index")
            .and_then(|index| indexes.iter().skip(1).find(|(name, _)| *name == index))
            .map(|(_, url)| (*url).to_owned()),
        url: vcs.or_else(|| file.filter(remote).map(str::to_owned)),
        path: text("path").or(file.filter(|file| !remote(file))).map(str::to_owned),
        editable: package.get("editable").and_then(Value::as_bool).unwrap_or(false),
        requested: false,
    }
}
