//! tar-split's lines: an error, or a tar of the length that it says, whose bytes can be read anywhere.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::daemon::{Folder, TarSplit, VirtualTar};
use slimwright::layer::ReadAt;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let Ok(split) = TarSplit::parse(bytes) else { return };
    let length = split.len();
    // A folder where no process can have put a file.
    let Ok(folder) = Folder::open(Path::new("/proc/self/fdinfo")) else { return };
    let tar = VirtualTar::new(split, folder);
    let mut buffer = [0; 700];
    for at in [0, length / 3, length / 2, length.saturating_sub(1)] {
        if let Ok(count) = tar.read_at(&mut buffer, at) {
            assert_eq!(count == 0, at >= length);
            assert!(count as u64 <= length - at);
        }
    }
    assert_eq!(tar.read_at(&mut buffer, length).expect("nothing is read behind the end"), 0);
});
