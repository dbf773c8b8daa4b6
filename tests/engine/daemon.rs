//! The engine's API, and its store read in place: the same bytes, entries and contents as `docker save`.

use crate::engine::{Subject, run, skip, subjects};
use slimwright::base::Sha256Writer;
use slimwright::daemon::{Engine, Store, StoredImage};
use slimwright::image::{Cache, Image, OpenOptions, Target, open};
use slimwright::layer::{Blob, Entry, Expected, Limits, index_seeking};
use std::fs::File;
use std::io::{self, Read};
use std::process::{Command, Stdio};

fn engine() -> Engine {
    Engine::connect().unwrap_or_else(|error| panic!("{error}"))
}

/// The image in the engine's store, or `None` (said aloud) where the store cannot be read.
fn stored(subject: &Subject) -> Option<StoredImage> {
    let engine = engine();
    let info = engine.info().unwrap();
    let opened = Store::open(&info.root_dir.unwrap(), &info.driver.unwrap());
    let store = opened.map_err(|why| skip(&why.to_string())).ok()?;
    let id = engine.inspect(&subject.name).unwrap().id.parse().unwrap();
    Some(store.image(&id).unwrap_or_else(|error| panic!("{}: {error}", subject.name)))
}

#[test]
fn an_image_is_inspected_as_the_client_shows_it() {
    for subject in subjects().unwrap_or_default() {
        let shown = run(subject.docker, &["image", "inspect", "--format", "{{json .}}", &subject.name]);
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let found = engine().inspect(&subject.name).unwrap();
        assert_eq!(found.id, shown["Id"].as_str().unwrap());
        assert_eq!(serde_json::json!(found.repo_tags), shown["RepoTags"]);
        assert_eq!(serde_json::json!(found.diff_ids), shown["RootFS"]["Layers"]);
        assert_eq!(found.size, shown["Size"].as_u64().unwrap());
        assert_eq!((found.architecture, found.os), (subject.image.config.architecture.clone(), "linux".into()));
        let info = engine().info().unwrap();
        let shown = run(subject.docker, &["info", "--format", "{{.Driver}} {{.ServerVersion}} {{.DockerRootDir}}"]);
        assert_eq!(
            format!("{} {} {}", info.driver.unwrap(), info.version, info.root_dir.unwrap().display()),
            shown.trim()
        );
    }
}

fn digest_of(blob: &Blob) -> slimwright::base::Digest {
    let (mut digest, mut buffer) = (Sha256Writer::default(), vec![0; 1 << 20]);
    let mut reader = blob.open();
    loop {
        match Read::read(&mut reader, &mut buffer).unwrap() {
            0 => return digest.finish(),
            count => digest.update(&buffer[..count]),
        }
    }
}

#[test]
fn each_layer_of_the_store_is_the_tar_that_its_diff_id_names() {
    for subject in subjects().unwrap_or_default() {
        let Some(image) = stored(subject) else { return };
        assert!(!image.layers.is_empty());
        for (number, layer) in image.layers.iter().enumerate() {
            assert_eq!(digest_of(&layer.open().unwrap()), layer.diff_id, "{}, layer {number}", subject.name);
        }
        eprintln!("{}: {} layers have their diff IDs", subject.name, image.layers.len());
    }
}

/// Which contents were digested depends on the image as a whole.
fn without_digests(entries: &[Entry]) -> Vec<Entry> {
    entries.iter().map(|entry| Entry { content: None, ..entry.clone() }).collect()
}

#[test]
fn each_layer_of_the_store_has_the_index_of_the_saved_one() {
    for subject in subjects().unwrap_or_default() {
        let Some(image) = stored(subject) else { return };
        assert_eq!(image.layers.len(), subject.image.layers.len());
        let mut compared = 0;
        for (layer, saved) in image.layers.iter().zip(&subject.image.layers) {
            let expected = Expected { blob: None, diff_id: Some(layer.diff_id) };
            let (index, _) = index_seeking(&layer.open().unwrap(), expected, &Limits::default()).unwrap();
            assert!(without_digests(&index.entries) == without_digests(&saved.entries), "{}", subject.name);
            assert_eq!((index.diff_id, index.oddities), (saved.diff_id, saved.oddities.clone()));
            assert!(index.contents == saved.contents, "{}: the kept files", subject.name);
            compared += index.entries.len();
        }
        eprintln!("{}: {compared} entries are the same", subject.name);
    }
}

/// Name and size of each member, and how many bytes the archive has.
fn members(mut tar: impl Read) -> (Vec<(Vec<u8>, u64)>, u64) {
    struct Counted<'a, R>(&'a mut R, u64);
    impl<R: Read> Read for Counted<'_, R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.read(buffer)?;
            self.1 += count as u64;
            Ok(count)
        }
    }
    let mut counted = Counted(&mut tar, 0);
    let mut archive = tar::Archive::new(&mut counted);
    let member = |entry: io::Result<tar::Entry<'_, _>>| {
        let entry = entry.unwrap();
        (entry.path_bytes().into_owned(), entry.size())
    };
    let members = archive.entries().unwrap().map(member).collect();
    io::copy(&mut counted, &mut io::sink()).unwrap();
    (members, counted.1)
}

#[test]
fn an_export_is_what_docker_save_writes() {
    for subject in subjects().unwrap_or_default() {
        let streamed = members(engine().export(&subject.name).unwrap());
        let saved = members(File::open(&subject.archive).unwrap());
        assert_eq!(saved.1, std::fs::metadata(&subject.archive).unwrap().len());
        assert_eq!(streamed, saved, "{}", subject.name);
        eprintln!("{}: {} bytes, {} members", subject.name, streamed.1, streamed.0.len());
    }
}

#[test]
fn an_image_is_audited_the_same_from_the_engine_as_from_its_archive() {
    let folder = tempfile::tempdir().unwrap();
    for subject in subjects().unwrap_or_default() {
        let cache = Cache::new(folder.path().join("cache"), 1_000_000_000);
        let options = || OpenOptions { cache: Some(cache.clone()), ..OpenOptions::default() };
        let target: Target = format!("docker-daemon:{}", subject.name).parse().unwrap();
        let first = open(&target, &options(), &()).unwrap_or_else(|error| panic!("{}: {error}", subject.name));
        cache.flush().unwrap();
        let entries =
            |image: &Image| -> Vec<Vec<Entry>> { image.layers.iter().map(|layer| layer.entries.clone()).collect() };
        assert!(entries(&first) == entries(&subject.image), "{}", subject.name);
        assert_eq!(first.config, subject.image.config);
        assert_eq!(first.name, subject.image.name);
        let verified = open(&target, &OpenOptions { verify: true, ..OpenOptions::default() }, &()).unwrap();
        assert!(entries(&verified) == entries(&subject.image), "{}", subject.name);
        assert!(verified.layers.iter().all(|layer| layer.verified.diff_id));
        assert!(open(&target, &options(), &()).unwrap() == first, "{}", subject.name);
    }
}

#[test]
fn what_docker_save_writes_may_come_through_a_pipe() {
    for subject in subjects().unwrap_or_default() {
        let mut save = Command::new(subject.docker);
        let mut save = save.args(["save", &subject.name]).stdout(Stdio::piped()).spawn().unwrap();
        let mut audit = Command::new(env!("CARGO_BIN_EXE_slimwright"));
        audit.args(["audit", "-", "--format", "json", "--no-cache"]).stdin(save.stdout.take().unwrap());
        let output = audit.output().unwrap();
        assert!(save.wait().unwrap().success());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let archive = format!("docker-archive:{}", subject.archive.display());
        let mut audit = Command::new(env!("CARGO_BIN_EXE_slimwright"));
        let expected = audit.args(["audit", &archive, "--format", "json", "--no-cache"]).output().unwrap();
        let essence = |bytes: &[u8]| {
            let mut report: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            // A file is only sought through; what comes through a pipe is verified.
            for layer in report["layers"].as_array_mut().unwrap() {
                layer["blob-verified"] = false.into();
                layer["diff-id-verified"] = false.into();
            }
            report
        };
        assert!(essence(&output.stdout) == essence(&expected.stdout), "{}", subject.name);
    }
}
