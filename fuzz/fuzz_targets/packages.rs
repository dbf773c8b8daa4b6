//! Indexes of packages: Debian's `Packages`, Alpine's `APKINDEX` and its archive, and `Release`. A package that is found is
//! found by its name, and what a suite lists stays in its folder.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::ospackages::{apkindex, parse_apkindex, parse_packages, parse_release};

fuzz_target!(|bytes: &[u8]| {
    for index in [parse_packages(bytes), parse_apkindex(bytes), apkindex(bytes)].into_iter().flatten() {
        for name in ["a", "b", "so:libz.so.1", ""] {
            assert!(index.packages(name).iter().all(|record| record.name == name));
            index.providers(name);
        }
        index.conditional();
    }
    if let Ok(release) = parse_release(bytes) {
        assert!(release.files.iter().all(|file| !file.path.starts_with('/') && !file.path.contains("..")));
    }
});
