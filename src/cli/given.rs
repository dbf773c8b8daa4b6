//! Files by which the user says what was asked for.

use super::failure::{Failure, Result};
use crate::base::{Root, Text, file_name, read_named};
use crate::python::{AskedFor, is_asked_for_file, parse_requirements, read_asked_for};
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// Larger ones are no such files.
const MAX_BYTES: u64 = 64 << 20;
/// Requirement files that name requirement files: so many in all.
const MAX_FILES: usize = 200;

/// Reads `files`, and in `project` the files that say what a project requires.
pub(super) fn read(files: &[PathBuf], project: Option<&Path>) -> Result<Vec<AskedFor>> {
    let mut out = Vec::new();
    let mut seen = BTreeSet::new();
    for file in files {
        read_file(file, &mut seen, &mut out)?;
    }
    let Some(project) = project else { return Ok(out) };
    let files = project_files(project)?;
    if files.is_empty() {
        return Err(Failure::usage(anyhow::anyhow!(
            "--project {}: expected a pyproject.toml, a lock or requirement files, found none",
            Text::of_path(project)
        )));
    }
    for file in &files {
        read_file(file, &mut seen, &mut out)?;
    }
    Ok(out)
}

fn project_files(project: &Path) -> Result<Vec<PathBuf>> {
    let failed =
        |error| Failure::usage(anyhow::Error::new(error).context(format!("--project {}", Text::of_path(project))));
    let mut out = Vec::new();
    for entry in std::fs::read_dir(project).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if is_asked_for_file(path.as_os_str().as_bytes()) && path.is_file() {
            out.push(path);
        }
    }
    out.sort();
    Ok(out)
}

/// Reads a file that the user names, and those that it includes.
fn read_file(path: &Path, seen: &mut BTreeSet<PathBuf>, out: &mut Vec<AskedFor>) -> Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut todo = vec![(path.to_owned(), read_named(path, MAX_BYTES))];
    while let Some((path, content)) = todo.pop() {
        if seen.len() >= MAX_FILES || !seen.insert(path.clone()) {
            continue;
        }
        let shown = Text::of_path(&path);
        let content = content.map_err(|error| {
            Failure::usage(anyhow::Error::new(error).context(format!("{shown}: cannot read")))
                .hint("give a requirements file, a pyproject.toml or a lock")
        })?;
        if is_asked_for_file(path.as_os_str().as_bytes()) {
            out.extend(read_asked_for(path.as_os_str().as_bytes(), &content, &shown));
        } else {
            parse_requirements(&content, &shown, out);
        }
        let is_list = !file_name(path.as_os_str().as_bytes()).ends_with(b".lock");
        for nested in is_list.then(|| included(&content)).into_iter().flatten() {
            let nested = path.parent().unwrap_or(Path::new("")).join(nested);
            let content = read_included(folder, &nested);
            todo.push((nested, content));
        }
    }
    Ok(())
}

/// A file that another one includes: below the folder of the one that the user names, or else below the current folder.
fn read_included(folder: &Path, path: &Path) -> std::io::Result<Vec<u8>> {
    let outside = || std::io::Error::other("it is included, and outside of the folder of the file that was named");
    if let Ok(inside) = path.strip_prefix(folder) {
        // `..` in it leads no higher than the folder.
        let below = Root::open(folder)?.read(inside.as_os_str().as_bytes(), MAX_BYTES);
        if below.is_ok() || path.is_absolute() {
            return below;
        }
    }
    match path.is_relative() {
        true => Root::open(Path::new("."))?.read(path.as_os_str().as_bytes(), MAX_BYTES),
        false => Err(outside()),
    }
}

/// Files that a requirements file includes with `-r`.
fn included(content: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(content);
    let of = |line: &str| {
        let line = line.split(" #").next().unwrap_or_default().trim();
        let rest = line.strip_prefix("--requirement").or(line.strip_prefix("-r"))?;
        let name = rest.trim_start_matches(['=', ' ', '\t']);
        (!name.is_empty() && rest.len() > name.len() || line.starts_with("-r") && !line.starts_with("--"))
            .then(|| name.to_owned())
    };
    text.lines().filter_map(of).collect()
}
