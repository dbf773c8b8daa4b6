//! Lists the rules of `profiles/`, which are part of the program: a new file there is a new rule.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("profiles");
    println!("cargo::rerun-if-changed={}", folder.display());
    let files = fs::read_dir(&folder).expect("the folder of the rules is part of the source");
    let mut ids: Vec<String> = files
        .map(|file| file.expect("the folder is readable").file_name().into_string().expect("names are UTF-8"))
        .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
        .collect();
    ids.sort();
    let mut text =
        "/// The embedded rules as `(id, text)`, sorted by id.\npub const EMBEDDED: &[(&str, &str)] = &[\n".to_owned();
    for id in ids {
        let path = folder.join(format!("{id}.toml"));
        writeln!(text, "    ({id:?}, include_str!({:?})),", path.display().to_string()).expect("memory takes it");
    }
    text.push_str("];\n");
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("profiles.rs");
    fs::write(out, text).expect("cargo's folder for generated files is writable");
}
