//! `pylock.cpu.toml`: every pin with the files it is installed from, their sizes and digests. Nothing is resolved and
//! no index is asked when it is installed.
//!
//! Source: PEP 751 (<https://packaging.python.org/en/latest/specifications/pylock-toml/>).

use super::quote::comment;
use super::requirements::{is_url, is_version};
use crate::manifest::Artifact;
use crate::plan::{Pin, Plan};
use crate::python::{is_name, normalize_name};
use std::fmt::Write as _;

/// The file's name: `pylock.NAME.toml`, as PEP 751 has it.
pub const NAME: &str = "pylock.cpu.toml";

/// The text of the lock; none unless a file with URL and digest is known for every pin.
pub fn lock(plan: &Plan) -> Option<String> {
    let environment = plan.environment.as_ref()?;
    let mut packages: Vec<(String, String)> =
        plan.pins.iter().map(|pin| Some((normalize_name(&pin.name), package(pin)?))).collect::<Option<_>>()?;
    if packages.is_empty() {
        return None;
    }
    packages.sort();
    packages.dedup();
    let known = environment.python.chars().all(|c| c.is_ascii_digit() || c == '.') && environment.python.contains('.');
    let python = if known { format!("requires-python = \"=={}.*\"\n", environment.python) } else { String::new() };
    let mut text = format!(
        "# Every distribution that the image needs, for Linux on the image's own architecture and, where it says so, on\n\
         # another. Some requirements are overridden on purpose, which a lock has no need to say:\n\
         #   uv pip sync {NAME}\n\
         lock-version = \"1.0\"\n{python}created-by = \"slimwright\"\n"
    );
    packages.into_iter().for_each(|(_, package)| text.push_str(&package));
    Some(text)
}

fn package(pin: &Pin) -> Option<String> {
    let answer = pin.availability.as_ref().filter(|_| pin.url.is_none() && is_name(&pin.name))?;
    let version = answer.version.as_deref().filter(|version| is_version(version))?;
    let mut text = format!("\n# {}\n[[packages]]\n", comment(&pin.why.to_string()));
    let _ = writeln!(text, "name = \"{}\"\nversion = \"{version}\"", normalize_name(&pin.name));
    if let Some(index) = pin.index.as_deref() {
        let _ = writeln!(text, "index = \"{}\"", Some(index).filter(|index| is_url(index) && !index.contains('@'))?);
    }
    match &answer.wheel {
        Some(_) => {
            let files: Vec<String> = answer.files().into_iter().map(file).collect::<Option<_>>()?;
            text.push_str("wheels = [\n");
            files.iter().for_each(|file| text.push_str(&format!("    {file},\n")));
            text.push_str("]\n");
        }
        None => text.push_str(&format!("sdist = {}\n", file(answer.sdist.as_ref()?)?)),
    }
    Some(text)
}

/// A file as an inline table. What an index says is written only if it cannot mean anything else.
fn file(artifact: &Artifact) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+!".contains(c);
    let name = Some(&artifact.file).filter(|name| !name.is_empty() && name.chars().all(plain))?;
    let url = artifact.url.as_deref().filter(|url| is_url(url))?;
    let size = artifact.size.map(|size| format!("size = {size}, ")).unwrap_or_default();
    let hash = artifact.sha256()?.to_ascii_lowercase();
    Some(format!("{{ name = \"{name}\", url = \"{url}\", {size}hashes = {{ sha256 = \"{hash}\" }} }}"))
}
