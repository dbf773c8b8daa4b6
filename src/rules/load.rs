//! Reading files of rules. Those of `profiles/` are embedded: `build.rs` lists them.

use super::Rule;
use super::read::{self, Fault};
use crate::base::{Excerpt, Text};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Why a profile could not be used. The text names file, line and column and shows the line.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file or folder could not be read.
    #[error("{}: cannot read: {source}", Text::of_path(path))]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no rule.
    #[error("{}:{line}:{column}: {message}", Text::of_path(path))]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What was expected and found, then the line and a mark below the place. Escaped.
        message: String,
    },
    /// The folder has no profile.
    #[error("{}: expected a folder with `*.toml` files, found none", Text::of_path(path))]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// Two files of the folder have the same id.
    #[error("{}: the id `{id}` is that of {} already", Text::of_path(second), Text::of_path(first))]
    Duplicate {
        /// The id.
        id: String,
        /// The file that has it.
        first: PathBuf,
        /// The file that has it too.
        second: PathBuf,
    },
}

include!(concat!(env!("OUT_DIR"), "/profiles.rs"));

/// The embedded rules, sorted by id.
pub fn embedded() -> Vec<Rule> {
    let parse = |(id, text): &(&str, &str)| {
        parse(&PathBuf::from(format!("profiles/{id}.toml")), text)
            .expect("the embedded rules are part of the program, and a test loads each of them")
    };
    EMBEDDED.iter().map(parse).collect()
}

/// The embedded rules and those of `dir/*.toml`, which override by id. Sorted by id.
pub fn load(dir: Option<&Path>) -> Result<Vec<Rule>, ProfileError> {
    let mut rules: BTreeMap<String, Rule> = embedded().into_iter().map(|rule| (rule.id.clone(), rule)).collect();
    if let Some(dir) = dir {
        rules.extend(load_folder(dir)?);
    }
    Ok(rules.into_values().collect())
}

fn load_folder(dir: &Path) -> Result<BTreeMap<String, Rule>, ProfileError> {
    let files = profiles_in(dir)?;
    if files.is_empty() {
        return Err(ProfileError::Empty { path: dir.to_owned() });
    }
    let mut rules = BTreeMap::new();
    let mut sources: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in files {
        let text =
            std::fs::read_to_string(&path).map_err(|source| ProfileError::Read { path: path.clone(), source })?;
        let rule = parse(&path, &text)?;
        if let Some(first) = sources.insert(rule.id.clone(), path.clone()) {
            return Err(ProfileError::Duplicate { id: rule.id, first, second: path });
        }
        rules.insert(rule.id.clone(), rule);
    }
    Ok(rules)
}

/// The `*.toml` files of a folder, sorted.
fn profiles_in(dir: &Path) -> Result<Vec<PathBuf>, ProfileError> {
    let cannot_read = |source| ProfileError::Read { path: dir.to_owned(), source };
    let mut files = Vec::new();
    for item in std::fs::read_dir(dir).map_err(cannot_read)? {
        let path = item.map_err(cannot_read)?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads one rule; its id must be its file's stem.
pub fn parse(path: &Path, text: &str) -> Result<Rule, ProfileError> {
    let rule = read::parse(text).map_err(|fault| invalid(path, text, fault))?;
    if path.file_stem().is_some_and(|stem| stem == rule.id.as_str()) {
        return Ok(rule);
    }
    let message = format!("expected the id to be the file's name without `.toml`, found `{}`", rule.id);
    Err(invalid(path, text, Fault { span: read::place(text, &["id".to_owned()]), message }))
}

/// Turns a place in the text into line and column, and shows the line.
fn invalid(path: &Path, text: &str, fault: Fault) -> ProfileError {
    let place = Excerpt::new(text, fault.span);
    let message = format!("{}\n{}", Text::from(&fault.message), place.shown);
    ProfileError::Invalid { path: path.to_owned(), line: place.line, column: place.column, message }
}
