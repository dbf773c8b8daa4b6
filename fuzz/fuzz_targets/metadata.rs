//! METADATA, whole and distilled: both say the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::layer::distil;
use slimwright::python::{normalize_name, parse_metadata, parse_pyvenv};

fuzz_target!(|bytes: &[u8]| {
    let whole = parse_metadata(bytes);
    if let Ok(metadata) = &whole {
        let once = normalize_name(&metadata.name);
        assert_eq!(normalize_name(&once), once);
    }
    assert_eq!(whole, parse_metadata(&distil(b"s/x-1.dist-info/METADATA", bytes.to_vec())));
    parse_pyvenv(bytes);
});
