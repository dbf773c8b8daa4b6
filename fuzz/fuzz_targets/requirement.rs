//! Lines of requirements files and of `Requires-Dist`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::python::{parse_requirement, parse_requirements};

fuzz_target!(|bytes: &[u8]| {
    parse_requirements(bytes, "requirements.txt", &mut Vec::new());
    for line in bytes.split(|&byte| byte == b'\n') {
        parse_requirement(&String::from_utf8_lossy(line), "requirements.txt");
    }
});
