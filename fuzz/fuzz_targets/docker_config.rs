//! Files with credentials: an error has no secret of the file, and what is read is looked through.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::registry::{Reference, parse_docker_config, parse_dockercfg};

fuzz_target!(|bytes: &[u8]| {
    for parsed in [parse_docker_config(bytes), parse_dockercfg(bytes)] {
        match parsed {
            Ok(config) => {
                for name in ["alpine", "example.org/a/b/c", "localhost:5000/x"] {
                    let reference: Reference = name.parse().expect("a right name");
                    config.has(&reference);
                    config.helper(&reference);
                }
            }
            Err(message) => assert!(message.len() < 4_000),
        }
    }
});
