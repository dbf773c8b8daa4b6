//! What an image's Python says of the cost of its imports: an error, or rows within bounds, whose texts cannot steer a terminal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::imports::{Imports, is_module};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(found) = Imports::parse("image", bytes) {
        assert!(found.modules.len() <= 10_000 && found.owners.len() <= 10_000);
        let names = found
            .modules
            .iter()
            .map(|module| &module.name)
            .chain(found.modules.iter().filter_map(|module| module.problem.as_ref()));
        assert!(names.chain([&found.python, &found.executable]).all(|text| !text.chars().any(char::is_control)));
    }
    let text = String::from_utf8_lossy(bytes);
    assert!(!is_module(&text) || !text.contains(char::is_whitespace));
});
