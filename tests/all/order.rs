//! Modules import downwards only: the order is that of the list in `src/lib.rs`. Files of a module look
//! into each other in no circle but where that is listed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The names of the ordered list in the crate's documentation.
fn order() -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let line = text.lines().find(|line| line.starts_with("//! `base`")).expect("the list of modules");
    line.trim_start_matches("//! ")
        .trim_end_matches('.')
        .split(", ")
        .map(|name| name.trim_matches('`').into())
        .collect()
}

fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, out),
            false => out.push(path),
        }
    }
}

#[test]
fn modules_import_from_those_before_them_only() {
    let order = order();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders: Vec<String> = std::fs::read_dir(&source)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let mut listed = order.clone();
    listed.sort();
    assert_eq!(listed, folders, "the list names every module");
    let mut upward = Vec::new();
    for (position, module) in order.iter().enumerate() {
        let mut paths = Vec::new();
        files(&source.join(module), &mut paths);
        for path in paths {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(!text.contains("crate::{"), "{}: one module an import, so that this test sees it", path.display());
            for part in text.split("crate::").skip(1) {
                let name: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if order.iter().position(|other| *other == name).is_some_and(|other| other > position) {
                    upward.push(format!("{} imports {name}", path.display()));
                }
            }
        }
    }
    assert!(upward.is_empty(), "{upward:#?}");
}

/// Where code stands or a name leads: a module's path below `src`, without `mod.rs` and `.rs`.
type Place = Vec<String>;

/// The text of a file as code: without comments, and without the tests in it.
struct File {
    code: String,
    /// Names that are of another file: `pub use file::Name`, `use super::file::Name`.
    imported: BTreeMap<String, Place>,
}

/// All files of a folder of `src`, by their places.
fn read(source: &Path, folder: &str) -> BTreeMap<Place, File> {
    let mut paths = Vec::new();
    files(&source.join(folder), &mut paths);
    let mut out = BTreeMap::new();
    for path in paths {
        let inside = path.strip_prefix(source).unwrap().with_extension("");
        let mut place: Place = inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        place.pop_if(|last| last == "mod");
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
        let lines = text.lines().map(|line| line.split("//").next().unwrap());
        let code = lines.collect::<Vec<_>>().join("\n");
        out.insert(place, File { code, imported: BTreeMap::new() });
    }
    let places: BTreeSet<Place> = out.keys().cloned().collect();
    for (place, file) in &mut out {
        file.imported = imports(&file.code)
            .into_iter()
            .filter_map(|(name, path)| Some((name, full(place, &path, &places)?)))
            .collect();
    }
    out
}

/// The names that `use` makes known, each with its path as it is written.
fn imports(code: &str) -> Vec<(String, Place)> {
    let mut out = Vec::new();
    for part in code.split("\n").collect::<Vec<_>>().join(" ").split("use ").skip(1) {
        expand(&[], part.split(';').next().unwrap(), &mut out);
    }
    out
}

/// `a::{b, c::{d as e}}`, name by name.
fn expand(before: &[String], text: &str, out: &mut Vec<(String, Place)>) {
    let text = text.trim();
    if let Some((head, rest)) = text.split_once('{').filter(|(head, _)| !head.contains(',')) {
        let head: Vec<String> =
            head.split("::").map(str::trim).filter(|part| !part.is_empty()).map(Into::into).collect();
        let inner = rest.trim_end().strip_suffix('}').unwrap_or(rest);
        let before = [before, &head].concat();
        let mut depth = 0;
        for part in inner.split(|c: char| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            c == ',' && depth == 0
        }) {
            expand(&before, part, out);
        }
        return;
    }
    let (path, name) = text.split_once(" as ").unwrap_or((text, text));
    let path: Vec<String> = path.split("::").map(|part| part.trim().to_owned()).collect();
    let path = [before, &path].concat();
    if let Some(last) = path.last().filter(|last| !last.is_empty()) {
        let name = if name == text { last.clone() } else { name.trim().to_owned() };
        match name.as_str() {
            "self" => out.push((path[path.len().saturating_sub(2)].clone(), path[..path.len() - 1].to_vec())),
            _ => out.push((name, path)),
        }
    }
}

/// A path as it is written in `place`, from `src` on; none where it leads out of the folder.
fn full(place: &Place, path: &[String], places: &BTreeSet<Place>) -> Option<Place> {
    let mut out = place.clone();
    let mut rest = path.iter().peekable();
    match path.first()?.as_str() {
        "crate" => out = vec![rest.by_ref().nth(1)?.clone()],
        "self" => drop(rest.next()),
        "super" => {
            while rest.next_if(|part| *part == "super").is_some() {
                out.pop();
            }
        }
        child if places.contains(&[place.as_slice(), &[child.to_owned()]].concat()) => {}
        _ => return None,
    }
    out.extend(rest.cloned());
    (out.first() == place.first()).then_some(out)
}

/// The file that a path leads to, by way of what others import.
fn leads_to(path: &Place, files: &BTreeMap<Place, File>, steps: usize) -> Option<Place> {
    let depth = (1..=path.len()).rev().find(|&depth| files.contains_key(&path[..depth]))?;
    let place = path[..depth].to_vec();
    match path.get(depth).and_then(|name| files[&place].imported.get(name)) {
        Some(imported) if steps > 0 => leads_to(&[imported.as_slice(), &path[depth + 1..]].concat(), files, steps - 1),
        _ => Some(place),
    }
}

/// Which file of the folder looks into which.
fn edges(files: &BTreeMap<Place, File>) -> BTreeMap<Place, BTreeSet<Place>> {
    let places: BTreeSet<Place> = files.keys().cloned().collect();
    let mut out: BTreeMap<Place, BTreeSet<Place>> = BTreeMap::new();
    for (place, file) in files {
        let to = out.entry(place.clone()).or_default();
        let written = file
            .code
            .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
            .filter(|word| word.contains("::"));
        let written = written.map(|word| word.split("::").map(Into::into).collect::<Place>());
        let paths = imports(&file.code).into_iter().map(|(_, path)| path).chain(written);
        let paths = paths.filter(|path| path.iter().all(|part| !part.is_empty()));
        to.extend(
            paths.filter_map(|path| leads_to(&full(place, &path, &places)?, files, 8)).filter(|other| other != place),
        );
    }
    out
}

/// All places that can be reached.
fn reached(from: &Place, edges: &BTreeMap<Place, BTreeSet<Place>>) -> BTreeSet<Place> {
    let mut seen = BTreeSet::new();
    let mut todo: Vec<&Place> = edges[from].iter().collect();
    while let Some(place) = todo.pop() {
        if seen.insert(place.clone()) {
            todo.extend(&edges[place]);
        }
    }
    seen
}

/// The files of a folder that are in circles, by circle.
fn circles(source: &Path, folder: &str) -> BTreeSet<String> {
    let edges = edges(&read(source, folder));
    let circle = |place: &Place| {
        let around = reached(place, &edges);
        let mut names: Vec<String> =
            around.iter().filter(|other| reached(other, &edges).contains(place)).map(|other| other.join("/")).collect();
        names.sort();
        (around.contains(place)).then(|| names.join(" "))
    };
    edges.keys().filter_map(circle).collect()
}

/// Modules whose files look into each other in no circle, and never should.
const WITHOUT: [&str; 4] = ["http", "programs", "daemon", "cli"];

/// Files of the other modules that are in circles, at most. The aim is none: who takes files out lowers the number. `mod.rs`
/// is one of them where files below it need what is defined in it, and it calls them.
const ALLOWED: usize = 170;

#[test]
fn files_of_a_module_look_into_each_other_in_no_new_circle() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let found: Vec<(String, BTreeSet<String>)> =
        order().into_iter().map(|module| (module.clone(), circles(&source, &module))).collect();
    for (module, circles) in &found {
        assert!(!WITHOUT.contains(&module.as_str()) || circles.is_empty(), "{module}: {circles:#?}");
    }
    let count = |circles: &BTreeSet<String>| circles.iter().map(|circle| circle.split(' ').count()).sum::<usize>();
    let all: usize = found.iter().map(|(_, circles)| count(circles)).sum();
    let each: Vec<String> = found.iter().map(|(module, circles)| format!("{module}: {}", count(circles))).collect();
    assert!(all <= ALLOWED, "{all} files are in circles: {}", each.join(", "));
}
