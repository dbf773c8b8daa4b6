//! What was asked for by name: requirement files, project files and locks in any layer of the image or given by the
//! user, and the install commands in the image's history.

mod lines;

pub use lines::{parse_requirement, parse_requirements};

use crate::base::file_name;
use crate::image::Image;
use crate::manifest::{is_pylock, roots};
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
/// removed count: they say what was asked for when the layer was built. What a distribution has among its own files
/// (`is_owned`), such as a template of a project, asks for nothing.
pub fn asked_for(image: &Image, given: &[AskedFor], is_owned: &dyn Fn(&[u8]) -> bool) -> Vec<AskedFor> {
    let mut out = given.to_vec();
    let mut seen = HashSet::new();
    let mut is_new = move |asked: &AskedFor| {
        seen.len() < MAX_ASKED && seen.insert((asked.name.clone(), asked.extras.clone(), asked.specifiers.clone()))
    };
    out.retain(&mut is_new);
    for layer in &image.layers {
        for (position, content) in &layer.contents {
            let Some(entry) = layer.entries.get(*position as usize) else { continue };
            if is_owned(entry.path.as_bytes()) {
                continue;
            }
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
    let (name, text) = (String::from_utf8_lossy(file_name(path)), String::from_utf8_lossy(content));
    match roots(&name, &text) {
        Some(found) => out.extend(found.into_iter().filter_map(|asked| lines::asked_in(asked, shown))),
        None if is_requirements_file(file_name(path)) => parse_requirements(content, shown, &mut out),
        None => {}
    }
    out
}

/// Whether a file of this name is one that [`read_asked_for`] reads.
pub fn is_asked_for_file(path: &[u8]) -> bool {
    const NAMES: [&[u8]; 7] =
        [b"pyproject.toml", b"setup.cfg", b"Pipfile", b"uv.lock", b"poetry.lock", b"pdm.lock", b"Pipfile.lock"];
    let name = file_name(path);
    NAMES.contains(&name) || std::str::from_utf8(name).is_ok_and(is_pylock) || is_requirements_file(name)
}

fn is_requirements_file(name: &[u8]) -> bool {
    let contains = |word: &[u8]| name.windows(word.len()).any(|w| w == word);
    let for_development = [&b"dev"[..], b"test", b"lint", b"docs"].iter().any(|word| contains(word));
    contains(b"requirements") && (name.ends_with(b".txt") || name.ends_with(b".in")) && !for_development
}
