//! The end of a wheel: a directory within its bounds or an error. What is listed is laid out below the environment,
//! and every file of it has a place.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::base::Basis;
use slimwright::wheel::{Contents, Layout, MAX_DIRECTORY, MAX_ENTRY, find_directory, parse_directory, read_entry};

fn read(bytes: &[u8], length: u64) {
    let Ok(found) = find_directory(bytes, length) else { return };
    assert!(found.size <= MAX_DIRECTORY && found.offset + found.size <= length);
    let start = length - bytes.len() as u64;
    let Some(offset) = found.offset.checked_sub(start) else { return };
    let directory = &bytes[offset as usize..(offset + found.size) as usize];
    let Ok(entries) = parse_directory(directory, found.entries) else { return };
    assert_eq!(entries.len() as u64, found.entries);
    for entry in &entries {
        let Some(at) = entry.offset.checked_sub(start).filter(|at| *at < bytes.len() as u64) else { continue };
        let Ok(content) = read_entry(&bytes[at as usize..], entry) else { continue };
        assert!(content.len() as u64 == entry.size && entry.size <= MAX_ENTRY);
    }
    let Some(contents) = Contents::new(entries, length, Basis::Predicted) else { return };
    let layout = Layout { prefix: "usr/local".into(), site_dir: "usr/local/lib/site".into(), python: "3.11".into() };
    for file in contents.installed("name", &layout, true) {
        assert!(file.path.as_bytes().starts_with(b"usr/local"));
    }
}

fuzz_target!(|bytes: &[u8]| {
    read(bytes, bytes.len() as u64);
    // The end of something longer, and a directory by itself.
    read(bytes, bytes.len() as u64 + 1_000);
    for entries in [1, 7] {
        let _ = parse_directory(bytes, entries);
    }
});
