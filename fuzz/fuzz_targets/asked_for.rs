//! Project files and locks: the first line names the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::python::read_asked_for;

fuzz_target!(|bytes: &[u8]| {
    const NAMES: [&str; 9] = [
        "requirements.txt",
        "pyproject.toml",
        "setup.cfg",
        "Pipfile",
        "uv.lock",
        "poetry.lock",
        "pdm.lock",
        "pylock.toml",
        "Pipfile.lock",
    ];
    let Some((first, rest)) = bytes.split_first() else { return };
    let name = NAMES[*first as usize % NAMES.len()];
    for asked in read_asked_for(name.as_bytes(), rest, name) {
        assert!(!asked.name.is_empty() && asked.source.starts_with(name));
    }
});
