//! conda's files of settings, as far as they say where channels are.
//!
//! Source: conda, docs "Using the .condarc conda configuration file" (where files are looked for, which goes before which;
//! `channels`, `default_channels`, `custom_channels`, `channel_alias`, `offline`), and mamba's `.mambarc`.

use crate::base::Text;
use crate::yaml::{self, Files, Node, Value};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Condarc {
    /// Names and places of channels.
    pub channels: Vec<String>,
    /// The place that a channel stands below, by the channel's name.
    pub custom: BTreeMap<String, String>,
    /// Where channels are that have a name and no place.
    pub alias: Option<String>,
    /// Whether nobody is to be asked.
    pub offline: Option<bool>,
}

/// The user's files, the one that is followed first at the front.
pub(super) fn files(variable: &dyn Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let named = ["CONDARC", "MAMBARC"].iter().filter_map(|name| variable(name)).map(PathBuf::from);
    let home = variable("HOME").map(PathBuf::from);
    let of_home = [".condarc", ".conda/.condarc", ".config/conda/.condarc", ".mambarc"];
    let of_home = home.iter().flat_map(|home| of_home.iter().map(|file| home.join(file)));
    let of_xdg = variable("XDG_CONFIG_HOME").map(|folder| Path::new(&folder).join("conda/.condarc"));
    let of_system = ["/etc/conda/.condarc", "/var/lib/conda/.condarc"].map(PathBuf::from);
    named.chain(of_home).chain(of_xdg).chain(of_system).collect()
}

/// What a file says; nothing where there is none.
///
/// # Errors
///
/// It is there and cannot be read; which and why.
pub(super) fn read(path: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<Condarc, String> {
    let mut text = String::new();
    let name = Text::of_path(path);
    match std::fs::File::open(path) {
        Ok(file) => {
            let read = file.take(MAX_BYTES + 1).read_to_string(&mut text);
            read.map_err(|error| format!("{name}: {error}"))?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Condarc::default()),
        Err(error) => return Err(format!("{name}: {error}")),
    }
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("{name}: larger than {MAX_BYTES} bytes"));
    }
    parse(&name, text, variable)
}

/// What a text says.
pub(super) fn parse(name: &str, text: String, variable: &dyn Fn(&str) -> Option<String>) -> Result<Condarc, String> {
    let mut files = Files::default();
    let file = files.add(name, text);
    let documents =
        yaml::read(&files, file).map_err(|error| format!("{}: {}", files.spot(error.place), error.message))?;
    let Some(top) = documents.first() else { return Ok(Condarc::default()) };
    if top.map().is_none() {
        return Err(format!("{}: expected settings, found {}", files.spot(top.place), top.kind()));
    }
    let expanded = |node: &Node| node.text().and_then(|text| expand(text, variable));
    let list = |key: &str| {
        let node = top.get(key);
        let one = node.and_then(expanded).into_iter();
        let many = node.and_then(Node::list).unwrap_or_default().iter().filter_map(expanded);
        one.chain(many).collect::<Vec<_>>()
    };
    let custom = top.get("custom_channels").and_then(Node::map).into_iter().flatten();
    let custom = custom.filter_map(|(name, entry)| Some((name.clone(), expanded(&entry.node)?)));
    let offline = match top.get("offline").map(|node| &node.value) {
        Some(Value::Bool(is)) => Some(*is),
        _ => None,
    };
    Ok(Condarc {
        channels: list("channels").into_iter().chain(list("default_channels")).collect(),
        custom: custom.collect(),
        alias: top.get("channel_alias").and_then(expanded),
        offline,
    })
}

/// A text with the variables that it names; none where one of them has no value.
fn expand(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (name, behind) = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}')?,
            None => {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                after.split_at(end)
            }
        };
        out.push_str(&variable(name)?);
        rest = behind;
    }
    Some(out + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn mirrors_channels_and_defaults_are_read() {
        let text = "channels:\n  - conda-forge\n  - https://${WHO}@mirror.example.org/bioconda\n  - https://$NOBODY/x\n\
                    default_channels: [https://mirror.example.org/main]\ncustom_channels:\n  pytorch: https://mirror.example.org/c\n\
                    channel_alias: https://mirror.example.org/a\noffline: false\nssl_verify: true\n";
        let variable = |name: &str| (name == "WHO").then(|| "me".to_owned());
        let found = parse(".condarc", text.into(), &variable).expect("it is read");
        let channels = ["conda-forge", "https://me@mirror.example.org/bioconda", "https://mirror.example.org/main"];
        assert_eq!(found.channels, channels);
        assert_eq!(found.custom["pytorch"], "https://mirror.example.org/c");
        assert_eq!((found.alias.as_deref(), found.offline), (Some("https://mirror.example.org/a"), Some(false)));
        assert_eq!(parse(".condarc", String::new(), &none), Ok(Condarc::default()));
        assert_eq!(parse(".condarc", "channels: forge\n".into(), &none).expect("it is read").channels, ["forge"]);
    }

    #[test]
    fn what_is_no_file_of_settings_says_where() {
        let why = parse(".condarc", "channels: [a\n".into(), &none).expect_err("it is refused");
        assert!(why.starts_with(".condarc:"), "{why}");
        let why = parse(".condarc", "- a\n".into(), &none).expect_err("it is refused");
        assert!(why.starts_with(".condarc:1:1"), "{why}");
    }
}
