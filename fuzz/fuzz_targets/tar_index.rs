//! A layer's bytes, plain or compressed: an index or an error, and what is indexed merges and adds up.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::base::Basis;
use slimwright::fs::{Ledger, Owner, View};
use slimwright::image::{Config, Image};
use slimwright::layer::{LayerIndex, Limits, Streamed, detect, index_tar, reader};

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { unpacked: 1 << 24, entries: 5_000, kept_file: 1 << 16, kept_layer: 1 << 20 };
    let Ok(mut tar) = reader(detect(bytes), bytes) else { return };
    let Ok(contents) = index_tar(&mut Streamed(&mut tar), true, &limits) else { return };
    assert_eq!(contents.entries.len(), contents.bodies.len());
    let layer = LayerIndex { entries: contents.entries, contents: contents.kept, ..LayerIndex::default() };
    let image = Image {
        name: "fuzz".into(),
        other_names: Vec::new(),
        platform: "linux/amd64".into(),
        config: Config::default(),
        layers: vec![layer.clone(), layer],
        basis: Basis::Measured,
        problems: Vec::new(),
    };
    let view = View::new(&image);
    Ledger::new(&view, |_, _| Owner::Application);
});
