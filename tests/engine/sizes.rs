//! Byte counts: what an engine prints, by the rule of docs/decisions/0003-what-unpacked-counts.md, and what a
//! manifest says.

use crate::engine::{Subject, run, subjects};
use slimwright::layer::{EntryKind, LayerIndex};

/// How the engine counts, or `None` where it does in a way that has nothing to do with the layers' contents.
fn rule(subject: &Subject) -> Option<fn(&LayerIndex) -> u64> {
    let driver = run(subject.docker, &["info", "--format", "{{.Driver}} {{json .DriverStatus}}"]);
    if !driver.starts_with("overlay2 ") {
        return None;
    }
    let native = driver.contains(r#"["Native Overlay Diff","true"]"#);
    Some(if native { counted_in_the_directory } else { LayerIndex::unpacked })
}

/// What `lstat` says of each thing in the layer's directory that is no directory, hard links once.
fn counted_in_the_directory(layer: &LayerIndex) -> u64 {
    let links = layer.entries.iter().filter(|entry| entry.kind == EntryKind::Symlink);
    layer.unpacked() + links.map(|entry| entry.link.as_ref().map_or(0, |link| link.len() as u64)).sum::<u64>()
}

#[test]
fn layers_have_the_sizes_that_docker_history_shows() {
    for subject in subjects().unwrap_or_default() {
        let Some(rule) = rule(subject) else {
            eprintln!("not compared: the engine's storage driver is not overlay2");
            continue;
        };
        let rows =
            run(subject.docker, &["history", "--no-trunc", "--human=false", "--format", "{{.Size}}", &subject.name]);
        let shown: Vec<u64> = rows.lines().rev().map(|row| row.parse().unwrap()).collect();
        assert_eq!(shown.len(), subject.image.config.history.len());
        let with_layer = shown.iter().zip(&subject.image.config.history).filter(|(_, row)| !row.empty_layer);
        let oracle: Vec<u64> = with_layer.map(|(size, _)| *size).collect();
        let found: Vec<u64> = subject.image.layers.iter().map(|layer| rule(layer)).collect();
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
