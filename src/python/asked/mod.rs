//! What was asked for by name: requirement files, project files and locks in any layer of the image or given by the
//! user, and the install commands in the image's history.
//!
//! A lock names everything, so of a lock only what its project requires counts, or what nothing else in it requires.

mod lines;
mod locks;
mod project;

pub use lines::{parse_requirement, parse_requirements};

use crate::base::file_name;
use crate::image::Image;
use std::collections::HashSet;

/// Requirements of an image that are read; one has some hundreds.
const MAX_ASKED: usize = 50_000;

/// A requirement from outside the installed metadata.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskedFor {
    /// Normalized name.
    pub name: String,
    /// Name as written.
    pub written: String,
    /// Extras, normalized and sorted.
    pub extras: Vec<String>,
    /// Version specifiers, without spaces; empty for any.
    pub specifiers: String,
    /// Where it is asked for: `/app/requirements.txt, line 3` or `the install command of layer 2`.
    pub source: String,
}

/// All of an image's, behind those that were `given`, in the order of layers and lines. Files that a later layer
/// removed count: they say what was asked for when the layer was built.
pub fn asked_for(image: &Image, given: &[AskedFor]) -> Vec<AskedFor> {
    let mut out = given.to_vec();
    let mut seen = HashSet::new();
    let mut is_new = move |asked: &AskedFor| {
        seen.len() < MAX_ASKED && seen.insert((asked.name.clone(), asked.extras.clone(), asked.specifiers.clone()))
    };
    out.retain(&mut is_new);
    for layer in &image.layers {
        for (position, content) in &layer.contents {
            let Some(entry) = layer.entries.get(*position as usize) else { continue };
            let asked = read_asked_for(entry.path.as_bytes(), content, &entry.path.to_string());
            out.extend(asked.into_iter().filter(&mut is_new));
        }
    }
    for (layer, instruction) in image.created_by().into_iter().enumerate() {
        let source = format!("the install command of layer {}", layer + 1);
        let mut asked = Vec::new();
        lines::parse_command(instruction.unwrap_or_default(), &source, &mut asked);
        out.extend(asked.into_iter().filter(&mut is_new));
    }
    out
}

/// What a file asks for, by its name: requirement files (`*requirements*.txt`, `.in`; not those for development),
/// `pyproject.toml`, `setup.cfg`, `Pipfile`, `uv.lock`, `poetry.lock`, `pdm.lock`, `pylock.toml`, `pylock.*.toml` and
/// `Pipfile.lock`. Nothing of other files, nor of what cannot be read. `shown` is what to call the file.
pub fn read_asked_for(path: &[u8], content: &[u8], shown: &str) -> Vec<AskedFor> {
    let mut out = Vec::new();
    match file_name(path) {
        b"pyproject.toml" => project::pyproject(content, shown, &mut out),
        b"setup.cfg" => project::setup_cfg(content, shown, &mut out),
        b"Pipfile" => project::pipfile(content, shown, &mut out),
        b"uv.lock" => locks::uv(content, shown, &mut out),
        b"poetry.lock" | b"pdm.lock" => locks::packages(content, shown, &mut out),
        b"Pipfile.lock" => locks::pipfile_lock(content, shown, &mut out),
        name if is_pylock(name) => locks::pylock(content, shown, &mut out),
        name if is_requirements_file(name) => parse_requirements(content, shown, &mut out),
        _ => {}
    }
    out
}

/// Whether a file of this name is one that [`read_asked_for`] reads.
pub fn is_asked_for_file(path: &[u8]) -> bool {
    const NAMES: [&[u8]; 7] =
        [b"pyproject.toml", b"setup.cfg", b"Pipfile", b"uv.lock", b"poetry.lock", b"pdm.lock", b"Pipfile.lock"];
    let name = file_name(path);
    NAMES.contains(&name) || is_pylock(name) || is_requirements_file(name)
}

/// `pylock.toml` or `pylock.NAME.toml` (PEP 751).
fn is_pylock(name: &[u8]) -> bool {
    name == b"pylock.toml" || (name.starts_with(b"pylock.") && name.ends_with(b".toml"))
}

fn is_requirements_file(name: &[u8]) -> bool {
    let contains = |word: &[u8]| name.windows(word.len()).any(|w| w == word);
    let for_development = [&b"dev"[..], b"test", b"lint", b"docs"].iter().any(|word| contains(word));
    contains(b"requirements") && (name.ends_with(b".txt") || name.ends_with(b".in")) && !for_development
}
