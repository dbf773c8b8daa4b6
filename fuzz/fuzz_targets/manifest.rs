//! The JSON files of an image: docker-archive's manifest, image index, image manifest, configuration.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::image::{parse_config, parse_docker_manifest, parse_index, parse_manifest};

fuzz_target!(|bytes: &[u8]| {
    let _ = parse_docker_manifest(bytes);
    let _ = parse_index(bytes).map(|index| index.manifests.len());
    let _ = parse_manifest(bytes).map(|manifest| manifest.config.digest);
    if let Ok(config) = parse_config(bytes) {
        for row in &config.history {
            row.instruction();
            row.sets_command();
            row.is_root_file_system();
        }
    }
});
