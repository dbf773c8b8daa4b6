//! Byte counts: what an engine prints, by the rule of docs/decisions/0003-what-unpacked-counts.md, and what a
//! manifest says.

use crate::engine::{Subject, run, subjects};
use slimwright::layer::{EntryKind, LayerIndex};

/// The rule is that of one storage driver.
fn driver_is_known(subject: &Subject) -> bool {
    let info = run(subject.docker, &["info", "--format", "{{.Driver}}"]);
    info.trim() == "overlay2"
}

/// Bytes as the overlay2 driver counts them: what `lstat` says of each file of the layer's directory.
fn counted_by_overlay2(layer: &LayerIndex) -> u64 {
    let link_bytes = |entry: &&slimwright::layer::Entry| entry.kind == EntryKind::Symlink;
    let links = layer.entries.iter().filter(link_bytes).map(|entry| entry.link.as_ref().map_or(0, |link| link.len()));
    layer.unpacked() + links.sum::<usize>() as u64
}

#[test]
fn layers_have_the_sizes_that_docker_history_shows() {
    for subject in subjects().unwrap_or_default() {
        if !driver_is_known(subject) {
            eprintln!("not compared: the engine's storage driver is not overlay2");
            continue;
        }
        let rows =
            run(subject.docker, &["history", "--no-trunc", "--human=false", "--format", "{{.Size}}", &subject.name]);
        let shown: Vec<u64> = rows.lines().rev().map(|row| row.parse().unwrap()).collect();
        assert_eq!(shown.len(), subject.image.config.history.len());
        let with_layer = shown.iter().zip(&subject.image.config.history).filter(|(_, row)| !row.empty_layer);
        let oracle: Vec<u64> = with_layer.map(|(size, _)| *size).collect();
        let found: Vec<u64> = subject.image.layers.iter().map(counted_by_overlay2).collect();
        assert_eq!(found, oracle, "{}", subject.name);
        let size = run(subject.docker, &["image", "inspect", "--format", "{{.Size}}", &subject.name]);
        assert_eq!(found.iter().sum::<u64>(), size.trim().parse::<u64>().unwrap(), "{}", subject.name);
    }
}

#[test]
fn wire_is_what_the_manifest_says() {
    for subject in subjects().unwrap_or_default() {
        let raw = run("skopeo", &["inspect", "--raw", &format!("oci:{}:lab", subject.layout.display())]);
        let manifest: serde_json::Value = serde_json::from_str(&raw).unwrap();
        let oracle: Vec<Option<u64>> =
            manifest["layers"].as_array().unwrap().iter().map(|layer| layer["size"].as_u64()).collect();
        let image = subject.open("oci", &subject.layout);
        assert_eq!(image.layers.iter().map(|layer| layer.wire).collect::<Vec<_>>(), oracle, "{}", subject.name);
        assert_eq!(image.wire(), oracle.into_iter().sum(), "{}", subject.name);
        assert_eq!(subject.image.wire(), None, "plain layers have no compressed size");
    }
}
