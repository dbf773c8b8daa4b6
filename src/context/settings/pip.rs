//! pip's command line, and what its variables and settings files add to it.
//!
//! Source: pip's documentation (<https://pip.pypa.io/en/stable/cli/pip_install/>,
//! <https://pip.pypa.io/en/stable/topics/configuration/>); Python's `optparse` and `configparser`.

use super::super::installer::is_true;
use super::super::stage::{Stage, World};
use super::{Found, shown};
use crate::base::ImagePath;
use crate::command::{Command, Given, Known, Means, Takes, Tool};
use crate::image::GapReason;
use crate::index::{Files as _, Input, Request};
use crate::manifest::{LineKind, RequirementsLine, parse_requirements_file};
use std::collections::BTreeMap;

/// Settings that pip does not read, or that are other commands' own.
const OTHERS: [&str; 12] = [
    "version",
    "help",
    "config-file",
    "format",
    "columns",
    "outdated",
    "not-required",
    "exclude",
    "list-format",
    "args",
    "pip-version",
    "no-python-downloads",
];

/// A setting: its name, its value, and the file or variable that has it.
type Setting = (String, String, GapReason);

/// Whether a setting changes no file of what is installed.
fn is_harmless(means: Means) -> bool {
    matches!(means, Means::Harmless | Means::TrustedHost)
}

/// The settings of a file, by section and name; `None` where it is none that is read without a doubt.
pub(super) fn sections(text: &str) -> Option<Vec<(String, String, String)>> {
    let mut out: Vec<(String, String, String)> = Vec::new();
    let (mut section, mut goes_on) = (None::<String>, false);
    for line in text.split('\n').map(|line| line.trim_end_matches('\r')) {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with(char::is_whitespace) && goes_on {
            let (.., value) = out.last_mut()?;
            value.push('\n');
            value.push_str(trimmed);
        } else if let Some(name) = trimmed.strip_prefix('[') {
            let name = name.strip_suffix(']').filter(|name| !name.contains(']') && *name != "DEFAULT")?;
            section = Some(name.to_owned());
            goes_on = false;
        } else {
            let (name, value) = trimmed.split_once(['=', ':'])?;
            let name = name.trim().to_ascii_lowercase().replace('_', "-");
            let name = name.strip_prefix("--").unwrap_or(&name).to_owned();
            let own = section.clone()?;
            if name.is_empty() || out.iter().any(|(other, key, _)| *other == own && *key == name) {
                return None;
            }
            out.push((own, name, value.trim().to_owned()));
            goes_on = true;
        }
    }
    Some(out)
}

impl Stage {
    /// A command line of pip's, with what its settings add to it before it. The error is what is not followed.
    pub(in super::super) fn pip_arguments(
        &self,
        world: &World<'_>,
        program: &str,
        verb: &str,
        words: &[String],
    ) -> Result<Command, GapReason> {
        let own = Command::parse(Tool::Pip, words);
        if let Some(word) = own.open {
            return Err(GapReason::Option(word));
        }
        let mut options = Vec::new();
        for (name, value, place) in self.pip_settings(world, program, verb)? {
            let Some(Known { name, takes, means, .. }) = Tool::Pip.option(&name) else {
                if OTHERS.contains(&name.as_str()) {
                    continue;
                }
                return Err(place);
            };
            let truth = match value.to_ascii_lowercase().as_str() {
                "0" | "false" | "no" | "off" | "n" | "f" => Some(false),
                _ if is_true(&value) => Some(true),
                _ => None,
            };
            let is_set = match (takes, truth) {
                // Whatever it says, it says no.
                _ if name == "no-cache-dir" => true,
                (Takes::Nothing, Some(truth)) => truth,
                (Takes::Negation, Some(truth)) => !truth,
                // pip would end here.
                (Takes::Nothing | Takes::Negation, None) if !is_harmless(means) => return Err(place),
                _ => true,
            };
            if means == Means::Open && is_set {
                return Err(place);
            }
            if value.starts_with('~') && !is_harmless(means) {
                return Err(GapReason::Where(value));
            }
            let given = |value: Option<&str>| Given {
                name: format!("--{name}"),
                means,
                value: value.map(str::to_owned),
                at: 0..=0,
            };
            match takes {
                _ if is_harmless(means) || !is_set => {}
                Takes::Nothing | Takes::Negation => options.push(given(None)),
                Takes::Value => options.push(given(Some(&value))),
                Takes::List => options.extend(value.split_whitespace().map(|value| given(Some(value)))),
            }
        }
        options.extend(own.options);
        Ok(Command { options, open: None, ..own })
    }

    /// pip's settings, those that win last: of its files, then of its variables.
    fn pip_settings(&self, world: &World<'_>, program: &str, verb: &str) -> Result<Vec<Setting>, GapReason> {
        let mut found: BTreeMap<(String, String), (String, GapReason)> = BTreeMap::new();
        for file in self.pip_files(world, program)? {
            let place = GapReason::Settings(shown(&file));
            let text = match self.settings_file(world, &file) {
                Found::Own => continue,
                Found::Unknown => return Err(place),
                Found::Text(text) => text,
            };
            for (section, name, value) in sections(&text).ok_or_else(|| place.clone())? {
                found.insert((section, name), (value, place.clone()));
            }
        }
        let mut out: BTreeMap<String, (String, GapReason)> = BTreeMap::new();
        for section in ["global", verb] {
            for ((own, name), value) in found.iter().filter(|((_, _), (value, _))| !value.is_empty()) {
                if own == section {
                    out.insert(name.clone(), value.clone());
                }
            }
        }
        let unknown = self.shell.unknown.iter().chain(&self.scope.unknown);
        for variable in unknown.filter(|variable| variable.starts_with("PIP_")) {
            let name = variable[4..].to_ascii_lowercase().replace('_', "-");
            if Tool::Pip.option(&name).is_none_or(|known| !is_harmless(known.means))
                && !matches!(name.as_str(), "index-url" | "extra-index-url")
            {
                return Err(GapReason::Environment(variable.clone()));
            }
        }
        for (variable, value) in self.scope.variables.iter().filter(|(_, value)| !value.is_empty()) {
            let Some(name) = variable.strip_prefix("PIP_") else { continue };
            let name = name.to_ascii_lowercase().replace('_', "-");
            out.insert(name, (value.clone(), GapReason::Environment(variable.clone())));
        }
        Ok(out.into_iter().map(|(name, (value, place))| (name, value, place)).collect())
    }

    /// The files that pip reads, those that win last.
    fn pip_files(&self, world: &World<'_>, program: &str) -> Result<Vec<Vec<u8>>, GapReason> {
        let named = self.setting("PIP_CONFIG_FILE")?;
        if named == Some("/dev/null") {
            return Ok(Vec::new());
        }
        let at = |folder: Vec<u8>, name: &str| [&folder[..], b"/", name.as_bytes()].concat();
        let mut out: Vec<Vec<u8>> =
            self.shared_settings()?.into_iter().map(|folder| at(folder, "pip/pip.conf")).collect();
        out.push(b"etc/pip.conf".to_vec());
        let named = named.map(|file| self.at(file).ok_or_else(|| GapReason::Environment("PIP_CONFIG_FILE".into())));
        let named = named.transpose()?.map(|file| file.as_bytes().to_vec());
        // Where a file is named and there, the user's are passed over.
        if !named.as_ref().is_some_and(|file| self.tree.exists(&self.tree.resolve(file)) && !self.is_strange(file)) {
            out.extend(self.homes(world).into_iter().map(|home| at(home, ".pip/pip.conf")));
            out.extend(self.user_settings(world)?.into_iter().map(|folder| at(folder, "pip/pip.conf")));
        }
        if let Some(site) = self.site_of(world, program) {
            // Debian's Python has its own prefix, wherever it installs.
            let real = self.tree.resolve(site.interpreter.trim_start_matches('/').as_bytes());
            let prefix = crate::base::parent(crate::base::parent(&real)).to_vec();
            let mut prefixes = vec![prefix, site.prefix.as_bytes().to_vec()];
            prefixes.dedup();
            out.extend(prefixes.into_iter().map(|prefix| at(prefix, "pip.conf")));
        }
        out.extend(named);
        Ok(out)
    }

    /// Whether all that is asked for has a digest, as `--require-hashes` asks for it.
    pub(in super::super) fn has_all_hashes(&self, world: &World<'_>, request: &Request) -> bool {
        let unset = |_: &str| None;
        request.inputs.iter().all(|input| {
            let Input::Requirements(path) = input else { return false };
            let Ok(bytes) = self.files(world).read(path, 1 << 20) else { return false };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let is_fine = |line: &RequirementsLine| match &line.what {
                LineKind::Requirement(requirement) => !requirement.hashes.is_empty(),
                LineKind::Include(_) => false,
                _ => true,
            };
            parse_requirements_file(&text, &unset).is_ok_and(|lines| lines.iter().all(is_fine))
        })
    }

    /// `pip config set KEY VALUE` and its like.
    pub(in super::super) fn pip_configure(
        &mut self,
        world: &World<'_>,
        program: &str,
        words: &[String],
    ) -> Result<(), GapReason> {
        let read = Command::parse(Tool::Pip, words);
        let verbs: Vec<&str> = read.words.iter().map(String::as_str).collect();
        let (key, value) = match verbs.as_slice() {
            ["config", "set", key, value] => (*key, Some(*value)),
            ["config", "unset", key] => (*key, None),
            ["config", "list" | "get" | "debug", ..] => return Ok(()),
            _ => return Err(GapReason::Option("config".into())),
        };
        let unknown = || GapReason::Option(key.to_owned());
        let (section, name) = key.split_once('.').ok_or_else(unknown)?;
        let name = name.to_ascii_lowercase().replace('_', "-");
        let is_fine = |text: &str| !text.is_empty() && text.chars().all(|c| !c.is_control() && !"[]=:#;".contains(c));
        if !is_fine(section) || !is_fine(&name) || value.is_some_and(|value| value.contains(['\n', '\r'])) {
            return Err(unknown());
        }
        let home = self.user_settings(world)?.swap_remove(0);
        let of_user = [&home[..], b"/pip/pip.conf"].concat();
        let prefix = self.site_of(world, program).map(|site| site.prefix.join(b"pip.conf").as_bytes().to_vec());
        let is_there = |path: &Vec<u8>| self.tree.exists(&self.tree.resolve(path));
        let has = |name: &str| read.options.iter().any(|given| given.name == name);
        let file = match () {
            () if has("--global") => b"etc/pip.conf".to_vec(),
            () if has("--user") => of_user,
            () if has("--site") => prefix.ok_or_else(unknown)?,
            () => prefix.filter(is_there).unwrap_or(of_user),
        };
        let place = GapReason::Settings(shown(&file));
        let old = match self.settings_file(world, &file) {
            Found::Text(text) => sections(&text).ok_or_else(|| place.clone())?,
            Found::Own if !is_there(&file) => Vec::new(),
            _ => return Err(place),
        };
        let mut rows: Vec<(String, String, String)> =
            old.into_iter().filter(|(own, key, _)| (own.as_str(), key.as_str()) != (section, name.as_str())).collect();
        rows.extend(value.map(|value| (section.to_owned(), name.clone(), value.to_owned())));
        let mut text = String::new();
        let mut names: Vec<&str> = Vec::new();
        for (section, ..) in &rows {
            if !names.contains(&section.as_str()) {
                names.push(section);
            }
        }
        for own in names {
            text.push_str(&format!("[{own}]\n"));
            for (_, key, value) in rows.iter().filter(|(section, ..)| section == own) {
                text.push_str(&format!("{key} = {}\n", value.replace('\n', "\n\t")));
            }
            text.push('\n');
        }
        let path = ImagePath::new(&self.tree.resolve(&file));
        self.write_again(path.clone(), text.into_bytes());
        self.tree.set_foreign(&path, true);
        Ok(())
    }

    /// pipenv runs pip, and pip reads its settings: those that only say where to look, or how to talk, are no matter.
    pub(super) fn pipenv_changed_by(&self, world: &World<'_>, program: &str) -> Option<GapReason> {
        let settings = match self.pip_settings(world, program, "install") {
            Ok(settings) => settings,
            Err(why) => return Some(why),
        };
        let is_plain = |name: &str| {
            let places = ["index-url", "extra-index-url", "no-cache-dir", "cache-dir", "no-compile", "prefer-binary"];
            places.contains(&name)
                || OTHERS.contains(&name)
                || Tool::Pip.option(name).is_some_and(|known| is_harmless(known.means))
        };
        settings.into_iter().find(|(name, ..)| !is_plain(name)).map(|(_, _, place)| place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_configparser_reads_them() {
        let row = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        let text =
            "# x\n[global]\nIndex_URL: https://a.example\nfind-links =\n  /a\n  /b\n; y\n[install]\nno-deps=yes\n";
        let expected = vec![
            row("global", "index-url", "https://a.example"),
            row("global", "find-links", "\n/a\n/b"),
            row("install", "no-deps", "yes"),
        ];
        assert_eq!(sections(text), Some(expected));
        for text in ["a = b", "[DEFAULT]\na = b", "[x]\nno value", "[x]\na=1\na=2", "[x\na=1"] {
            assert_eq!(sections(text), None, "{text}");
        }
    }
}
