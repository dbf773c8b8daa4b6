//! Requirements files, markers and entry points: what is read or an error, and no line that is none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::manifest::{LineKind, Markers, parse_requirement_line, parse_requirements_file};
use slimwright::wheel::parse_entry_points;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let markers = Markers { python_full: "3.11.7".into(), machine: "x86_64".into(), ..Markers::default() };
    let _ = markers.hold(&text);
    let variable = |name: &str| (name == "A").then(|| "a".to_owned());
    match parse_requirements_file(&text, &variable) {
        Ok(lines) => {
            for row in &lines {
                assert!(row.line > 0);
                if let LineKind::Requirement(found) = &row.what {
                    // What came from one line is one line, or uv would read another.
                    assert!(found.name.is_empty() || !found.line().contains('\n'));
                    if found.from.is_empty() {
                        assert!(parse_requirement_line(&found.line()).is_ok(), "{found:?}");
                    }
                }
            }
        }
        Err(error) => assert!(error.line > 0 && !error.found.contains('\n')),
    }
    for script in parse_entry_points(bytes) {
        assert!(!script.name.contains('/'));
    }
});
