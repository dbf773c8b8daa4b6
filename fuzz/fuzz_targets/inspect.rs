//! What a container engine answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::daemon::{parse_info, parse_inspect};

fuzz_target!(|bytes: &[u8]| {
    let _ = parse_inspect(bytes);
    if let Ok(info) = parse_info(bytes) {
        assert!(info.root_dir.is_none_or(|path| path.is_absolute()));
    }
});
