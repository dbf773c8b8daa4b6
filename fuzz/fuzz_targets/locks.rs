//! Locks of uv, Poetry, PDM and Pipenv, and `pyproject.toml`: pins with names that are names, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::manifest::{
    Choice, Pins, parse_pdm_lock, parse_pipfile_lock, parse_poetry_lock, parse_project, parse_uv_lock, parse_whole_lock,
};
use slimwright::manifest::{Markers, is_name};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let markers = Markers { python_full: "3.11.7".into(), machine: "x86_64".into(), ..Markers::default() };
    let project = parse_project(&text).ok();
    let _ = parse_whole_lock(&text);
    for choice in [Choice::default(), Choice { all_extras: true, all_groups: true, ..Choice::default() }] {
        let found: [Result<Pins, String>; 4] = [
            parse_uv_lock(&text, project.as_ref(), &choice, &markers),
            parse_poetry_lock(&text, project.as_ref(), &choice, &markers),
            parse_pdm_lock(&text, project.as_ref(), &choice, &markers),
            parse_pipfile_lock(&text, &choice, &markers),
        ];
        for pin in found.into_iter().flatten().flat_map(|pins| pins.pins) {
            assert!(is_name(&pin.name));
        }
    }
});
