//! The same image however it is stored: the view and the inventories must not depend on it.

use crate::engine::{Subject, subjects, traps, try_run};
use crate::tree::tree_of;
use slimwright::facts::Survey;
use slimwright::fs::View;
use slimwright::image::{Image, OpenOptions, Target, open, read_recorded, write_recorded};
use slimwright::layer::Compression;
use std::path::Path;

/// Fails where two readings of one image differ in what is made of them.
fn assert_equal_facts(what: &str, image: &Image, other: &Image) {
    assert_eq!(image.config, other.config, "{what}");
    assert!(tree_of(image) == tree_of(other), "{what}: the trees differ");
    let (view, other_view) = (View::new(image), View::new(other));
    for (layer, index) in image.layers.iter().enumerate() {
        for entry in 0..index.entries.len() {
            let at = (layer as u32, entry as u32);
            assert_eq!(view.fate(at), other_view.fate(at), "{what}: the fate of {:?}", view.entry(at));
        }
    }
    let (survey, other_survey) = (Survey::new(&view, &[]), Survey::new(&other_view, &[]));
    assert!(survey.python == other_survey.python, "{what}: the Python inventories differ");
    assert!(survey.graph == other_survey.graph, "{what}: the graphs differ");
    assert!(survey.os == other_survey.os, "{what}: the OS inventories differ");
    assert!(survey.libraries == other_survey.libraries, "{what}: the needs of shared objects differ");
    assert!(survey.summary == other_survey.summary, "{what}: the summaries differ");
}

#[test]
fn a_recorded_index_gives_the_same_facts_as_the_image() {
    for subject in subjects().unwrap_or_default() {
        let mut recorded = Vec::new();
        write_recorded(&subject.image, &mut recorded).unwrap();
        let read_back = read_recorded(Path::new("recorded"), &recorded).unwrap();
        assert_equal_facts(&subject.name, &subject.image, &read_back);
    }
}

#[test]
fn an_archive_and_a_compressed_layout_give_the_same_facts() {
    for subject in subjects().unwrap_or_default() {
        let layout = subject.open("oci", &subject.layout);
        assert_equal_facts(&subject.name, &subject.image, &layout);
        assert!(layout.layers.iter().all(|layer| layer.verified.blob && layer.verified.diff_id));
    }
}

#[test]
fn reading_everything_gives_the_same_facts_as_seeking() {
    for subject in subjects().unwrap_or_default() {
        let target: Target = format!("docker-archive:{}", subject.archive.display()).parse().unwrap();
        let options = OpenOptions { verify: true, ..OpenOptions::default() };
        let verified = open(&target, &options, &()).unwrap();
        assert_equal_facts(&subject.name, &subject.image, &verified);
        assert!(verified.layers.iter().all(|layer| layer.verified.diff_id));
    }
}

/// Copies the archive to another form with skopeo and opens that.
fn copied(subject: &Subject, options: &[&str], prefix: &str, name: &str) -> Image {
    let path = subject.folder.join(name);
    let _ = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
    let from = format!("docker-archive:{}", subject.archive.display());
    let to = format!("{prefix}:{}:lab:latest", path.display());
    try_run("skopeo", &[&["copy", "-q"], options, &[&from, &to]].concat()).unwrap();
    let image = subject.open(prefix, &path);
    let _ = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
    image
}

#[test]
fn other_forms_that_skopeo_writes_give_the_same_facts() {
    let Some(subject) = traps() else { return };
    use Compression::{Gzip, None, Zstd};
    let zstd = ["--dest-compress-format", "zstd"];
    let forms: [(&[&str], &str, &str, Compression); 5] = [
        (&zstd, "oci", "zstd", Zstd),
        (&["--dest-oci-accept-uncompressed-layers"], "oci", "plain", None),
        (&[], "oci-archive", "oci.tar", Gzip),
        (&zstd, "oci-archive", "oci-zstd.tar", Zstd),
        (&[], "docker-archive", "docker.tar", None),
    ];
    for (options, prefix, name, compression) in forms {
        let image = copied(subject, options, prefix, name);
        assert!(image.layers.iter().all(|layer| layer.compression == compression), "{name}");
        assert_equal_facts(name, &subject.image, &image);
    }
}
