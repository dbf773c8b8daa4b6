//! Modules import downwards only: the order is that of the list in `src/lib.rs`.

use std::path::Path;

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

fn files(folder: &Path, out: &mut Vec<std::path::PathBuf>) {
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
