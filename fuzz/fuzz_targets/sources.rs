//! The files of an image that say where packages come from, and apt's configuration. What is to be asked is http or https.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::layer::distil;
use slimwright::ospackages::{
    Settings, excludes_documentation, parse_deb822_sources, parse_repositories, parse_sources_list, read_apt_conf,
};

fuzz_target!(|bytes: &[u8]| {
    let kept = distil(b"etc/apt/sources.list", bytes.to_vec());
    assert!(kept.len() <= bytes.len());
    for bytes in [bytes, &kept] {
        for (list, _) in
            [parse_sources_list(bytes, "x"), parse_deb822_sources(bytes, "x"), parse_repositories(bytes, "x")]
        {
            assert!(list.iter().all(|one| one.uri.starts_with("http://") || one.uri.starts_with("https://")));
        }
    }
    read_apt_conf(bytes, &mut Settings::default());
    excludes_documentation(bytes);
});
