//! A layer's bytes, plain or compressed: an index or an error, and what is indexed merges and adds up.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::base::Basis;
use slimwright::fs::{Ledger, Owner, View};
use slimwright::image::{Config, Image};
use slimwright::layer::{LayerIndex, Limits, Streamed, detect, index_tar, reader};

/// Rights the checksums, so that what a mutation changed in a header is looked at.
fn with_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for header in bytes.chunks_exact_mut(512).filter(|block| &block[257..262] == b"ustar") {
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    let bytes = &with_checksums(bytes)[..];
    let limits = Limits { unpacked: 1 << 24, entries: 5_000, kept_file: 1 << 16, kept_layer: 1 << 20, sources: true };
    let Ok(mut tar) = reader(detect(bytes), bytes) else { return };
    let Ok(contents) = index_tar(&mut Streamed(&mut tar), true, &limits) else { return };
    assert_eq!(contents.entries.len(), contents.bodies.len());
    let layer = LayerIndex { entries: contents.entries, contents: contents.kept, ..LayerIndex::default() };
    let image = Image {
        name: "fuzz".into(),
        other_names: Vec::new(),
        platform: "linux/amd64".into(),
        config: Config::default(),
        layers: vec![layer.clone().into(), layer.into()],
        basis: Basis::Measured,
        problems: Vec::new(),
        gaps: Vec::new(),
        base: None,
        unread: Vec::new(),
    };
    let view = View::new(&image);
    Ledger::new(&view, |_, _| Owner::Application);
});
