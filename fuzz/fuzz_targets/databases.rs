//! The package databases of dpkg, apt and apk, and os-release.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::layer::distil;
use slimwright::os::{
    parse_extended_states, parse_installed, parse_list, parse_md5sums, parse_os_release, parse_status, parse_world,
};

fuzz_target!(|bytes: &[u8]| {
    let (packages, _) = parse_status(bytes);
    let (distilled, _) = parse_status(&distil(b"var/lib/dpkg/status", bytes.to_vec()));
    assert_eq!(packages, distilled);
    parse_extended_states(bytes);
    parse_list(bytes);
    parse_md5sums(bytes);
    parse_installed(bytes);
    parse_world(bytes);
    parse_os_release(bytes);
});
