//! rpm's databases in their three formats, and dnf's notes: an error, or packages of which the distilled ones are the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::rpm::{distil, distil_history, read, read_history};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(database) = read(bytes) {
        assert_eq!(read(&distil(bytes)).expect("what was read can be read again"), database);
    }
    if let Some(reasons) = read_history(bytes) {
        assert_eq!(read_history(&distil_history(bytes)), Some(reasons));
    }
});
