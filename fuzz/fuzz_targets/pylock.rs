//! What uv writes, and what the user's `.netrc` has: a lock whose URLs have no credentials, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::base::masked;
use slimwright::index::parse_netrc;
use slimwright::manifest::parse_lock;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for package in parse_lock(&text).unwrap_or_default() {
        for file in package.wheels.iter().chain(&package.sdist) {
            let url = file.url.as_deref().unwrap_or_default();
            assert!(!url.contains(['?', '#']));
            let host = url.split_once("://").map_or("", |(_, rest)| rest).split('/').next().unwrap_or_default();
            assert!(!host.contains('@'));
        }
    }
    assert!(masked(&text).len() <= 5 * text.len());
    parse_netrc(&text);
});
