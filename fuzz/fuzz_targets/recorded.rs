//! A recorded index: the bytes as they are, and the same with a head that is right, so that what is behind the
//! checksum is reached. What is read merges.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::base::Digest;
use slimwright::fs::{Ledger, Owner, View};
use slimwright::image::{read_recorded, write_recorded};
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let _ = read_recorded(Path::new("fuzz"), bytes);
    let Ok(packed) = zstd::bulk::compress(bytes, 1) else { return };
    let whole = [b"SLIMIDX\n", &4u32.to_le_bytes()[..], &Digest::of(&packed).0, &packed].concat();
    let Ok(image) = read_recorded(Path::new("fuzz"), &whole) else { return };
    let view = View::new(&image);
    let before = Ledger::new(&view, |_, _| Owner::Application);
    let mut again = Vec::new();
    if write_recorded(&image, &mut again).is_ok() {
        let image = read_recorded(Path::new("fuzz"), &again).expect("what was written is read");
        assert_eq!(before, Ledger::new(&View::new(&image), |_, _| Owner::Application));
    }
});
