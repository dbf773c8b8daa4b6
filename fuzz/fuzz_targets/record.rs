//! RECORD: rows and the lines of what are none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::python::parse_record;

fuzz_target!(|bytes: &[u8]| {
    let lines = bytes.split(|&byte| byte == b'\n').count();
    let (rows, bad) = parse_record(bytes);
    assert!(rows.len() + bad.len() <= lines);
    assert!(bad.iter().all(|line| (1..=lines).contains(line)));
    assert!(rows.iter().all(|row| !row.path.is_empty()));
});
