//! Input that is broken or means harm: it ends in an error that says where, or in problems beside the result,
//! never in a panic, a hang, or memory without a bound.

use crate::fixture::image;
use crate::tarballs::{
    Files, Header, INDEX, LAYER, MANIFEST, Packing, Parts, Store, Tar, add_blob, add_image, archive, docker_new,
    docker_old, gzip, index, index_blob, indexed, layout, oci, opened, refused, sample, small, try_open, zstandard,
};
use serde_json::{Value, json};
use slimwright::base::{Digest, Hint as _};
use slimwright::facts::Survey;
use slimwright::fs::View;
use slimwright::image::{Form, Image, OpenOptions, Target, open, parse_config, parse_docker_manifest};
use slimwright::layer::{Blob, Expected, IndexError, LayerIndex, Limits, Streamed, detect, index_tar, reader};
use std::path::Path;
use std::sync::Arc;

/// Decompresses and indexes; true if that went well.
fn read(bytes: &[u8]) -> bool {
    let mut tar = reader(detect(bytes), bytes).unwrap();
    index_tar(&mut Streamed(&mut tar), true, &small()).is_ok()
}

/// Whether a text is fit for a terminal.
fn assert_escaped(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

fn assert_names(error: &str, path: &Path) {
    assert_escaped(error);
    assert!(error.starts_with(&*path.to_string_lossy()), "{error}");
}

#[test]
fn a_truncated_or_flipped_layer_is_an_error_or_fine() {
    let tar = sample().layers.swap_remove(0);
    for bytes in [tar.clone(), gzip(&tar, 900), zstandard(&tar, 900), gzip(&tar, usize::MAX)] {
        assert!(read(&bytes));
        for length in (0..bytes.len()).step_by(5) {
            read(&bytes[..length]);
        }
        for at in (0..bytes.len()).step_by(3) {
            for bit in [0, 3, 7] {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                read(&flipped);
            }
        }
    }
    // Compressed layers have checksums or lengths: nothing that is cut off inside a member passes for whole.
    let whole = gzip(&tar, usize::MAX);
    assert!((1..whole.len()).all(|length| !read(&whole[..length])));
}

#[test]
fn a_truncated_or_flipped_archive_names_the_file() {
    let store = Store::new();
    let parts = sample();
    let forms = [docker_old(&parts), archive(&oci(&parts, Packing::Gzip)), gzip(&docker_old(&parts), usize::MAX)];
    for (number, bytes) in forms.iter().enumerate() {
        let name = format!("{number}.tar");
        for at in (0..bytes.len()).step_by(bytes.len() / 80) {
            let path = store.write(&name, &bytes[..at]);
            if let Err(error) = try_open(None, &path, None) {
                assert_names(&error.to_string(), &path);
            }
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x41;
            let path = store.write(&name, flipped);
            if let Err(error) = try_open(None, &path, None) {
                assert_names(&error.to_string(), &path);
            }
        }
    }
}

#[test]
fn a_truncated_json_names_its_file() {
    let store = Store::new();
    let files = docker_new(&sample());
    for (name, bytes) in files.iter().filter(|(_, bytes)| matches!(bytes.first(), Some(b'{' | b'['))) {
        for length in (0..bytes.len()).step_by(11) {
            let mut files = files.clone();
            files.insert(name.clone(), bytes[..length].to_vec());
            let layout = store.folder("layout", &files);
            let archive = store.write("docker.tar", archive(&files));
            let as_layout = try_open(None, &layout, None).map(drop).map_err(|error| error.to_string());
            let as_docker = try_open(None, &archive, None).map(drop).map_err(|error| error.to_string());
            for error in [as_layout, as_docker].into_iter().filter_map(Result::err) {
                assert_escaped(&error);
                assert!(error.contains(name.as_str()), "{name}: {error}");
            }
            parse_docker_manifest(&bytes[..length]).ok();
            parse_config(&bytes[..length]).ok();
        }
    }
}

#[test]
fn json_of_another_shape_or_too_deep_is_an_error() {
    let store = Store::new();
    let deep = "[".repeat(200_000);
    for text in ["null", "[]", "{}", "[{}]", "[null]", "3", "\"x\"", "{\"manifests\":3}", &deep] {
        let mut files = docker_new(&sample());
        for name in ["index.json", "manifest.json"] {
            files.insert(name.into(), text.into());
        }
        refused(&store.folder("layout", &files));
        refused(&store.write("docker.tar", archive(&files)));
    }
    for text in ["{}", "{\"config\":null,\"rootfs\":null,\"history\":null}", "{\"config\":{\"Env\":null}}"] {
        parse_config(text.as_bytes()).unwrap();
    }
    parse_config(b"{\"config\":{\"Env\":3}}").unwrap_err();
    parse_config(format!("{{\"x\":{deep}").as_bytes()).unwrap_err();
}

/// Zeros, compressed: one member of 16 MiB many times over.
fn zeros(count: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, &vec![0; 16 << 20]).unwrap();
    encoder.finish().unwrap().repeat(count)
}

#[test]
fn what_unpacks_to_too_much_is_refused_by_its_limit() {
    let limits = Limits { unpacked: 1 << 20, ..small() };
    let bomb = zeros(128);
    assert!(bomb.len() < 4 << 20, "2 GiB in {}", bomb.len());
    let endless_header = |kind| gzip(&Tar::new().header(&Header::new(b"bomb", kind, 2 << 30)).open_ended(), 512);
    for (what, start) in [
        ("a file", endless_header(b'0')),
        ("a file that is kept", gzip(&Tar::new().header(&Header::new(b"a.py", b'0', 2 << 30)).open_ended(), 512)),
        ("an entry of no known type", endless_header(b'?')),
        ("behind the end", gzip(&[0; 1024], 1024)),
    ] {
        let bytes = [start, bomb.clone()].concat();
        let mut tar = reader(detect(&bytes), &bytes[..]).unwrap();
        let error = index_tar(&mut Streamed(&mut tar), true, &limits).unwrap_err();
        assert!(matches!(error, IndexError::Limit { limit: 1_048_576, .. }), "{what}: {error}");
        assert!(error.to_string().contains("limit: 1048576"), "{error}");
    }
}

#[test]
fn an_archive_that_unpacks_to_too_much_names_the_option() {
    let store = Store::new();
    let path = store.write("bomb.tar.gz", zeros(2));
    let options = OpenOptions { limits: Limits { unpacked: 1 << 20, ..small() }, ..OpenOptions::default() };
    let target = Target::at(&path);
    let error = open(&target, &options, &()).unwrap_err().to_string();
    assert_names(&error, &path);
    assert!(error.contains("1048576 bytes") && error.contains("--max-unpacked"), "{error}");
    // A layer: the hint names it.
    let parts = Parts::new(vec![Tar::new().file("big", vec![0; 2 << 20]).finish()]);
    let target = Target::at(store.folder("layer", &oci(&parts, Packing::Gzip)));
    let error = open(&target, &options, &()).unwrap_err();
    assert!(error.hint().unwrap().contains("--max-unpacked") && error.to_string().contains("layer 1 of 1"), "{error}");
}

#[test]
fn entries_are_counted_whether_they_are_kept_or_passed_over() {
    let limits = Limits { entries: 100, ..small() };
    for name in ["plain", ".wh.", ".wh..wh.plnk"] {
        let tar = (0..200).fold(Tar::new(), |tar, _| tar.file(name, "")).finish();
        let error = index_tar(&mut Streamed(&tar[..]), true, &limits).unwrap_err().to_string();
        assert!(error.contains("at most 100"), "{error}");
    }
    let tar = (0..200).fold(Tar::new(), |tar, _| tar.pax(b'g', &[("comment", b"x")])).finish();
    index_tar(&mut Streamed(&tar[..]), true, &limits).unwrap_err();
}

#[test]
fn a_hundred_thousand_entries_are_read_and_merged() {
    let tar = (0..100_000).fold(Tar::new(), |tar, n| tar.file(&format!("d{}/f{n}", n % 100), "")).finish();
    let layer = LayerIndex { entries: indexed(&tar).entries, ..LayerIndex::default() };
    let mut image = image("layer");
    let layer = Arc::new(layer);
    image.layers = vec![Arc::clone(&layer), layer];
    let view = View::new(&image);
    assert_eq!(view.iter().count(), 100_000);
    Survey::new(&view, &[]);
}

#[test]
#[ignore = "by hand, optimized: tells time and peak memory"]
fn a_million_entries() {
    use std::io::Write;
    let store = Store::new();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for n in 0..1_000_000 {
        let name = format!("usr/share/some/directory{}/file-{n}.txt", n % 1000);
        encoder.write_all(&Tar::new().file(&name, "").open_ended()).unwrap();
    }
    let bytes = encoder.finish().unwrap();
    let path = store.write("layer.gz", &bytes);
    drop(bytes);
    let file = std::sync::Arc::new(std::fs::File::open(&path).unwrap());
    let blob = Blob::new(file.clone(), 0, file.metadata().unwrap().len());
    let start = std::time::Instant::now();
    let layer = index_blob(&blob, Expected::default(), &Limits::default()).unwrap();
    println!("{} entries indexed in {:?}", layer.entries.len(), start.elapsed());
    let mut image = image("layer");
    image.layers = vec![Arc::new(layer)];
    let view = View::new(&image);
    println!("merged after {:?}", start.elapsed());
    Survey::new(&view, &[]);
    println!("surveyed after {:?}", start.elapsed());
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
}

#[test]
fn links_that_loop_or_lead_out_are_no_trouble() {
    let image = image(
        "layer
         l a -> b
         l b -> a
         l self -> self
         l out -> ../../../../etc/passwd
         h h -> h
         h i -> j
         h j -> i
         h deep -> a/b/c
         l usr -> usr/usr
         l etc/os-release -> ../etc/os-release
         l var/lib/dpkg -> ../../var/lib/dpkg",
    );
    let view = View::new(&image);
    for (path, _) in view.iter() {
        view.resolve(path);
    }
    assert!(view.problems().iter().any(|problem| problem.place.ends_with("deep")), "{:?}", view.problems());
    Survey::new(&view, &[]);
}

#[test]
fn a_manifest_of_very_many_layers_is_refused_at_once() {
    let store = Store::new();
    let parts = Parts::new(vec![Tar::new().file("a", "1").finish()]);
    let mut files = docker_new(&parts);
    let diff_ids: Vec<&Value> =
        parts.config["rootfs"]["diff_ids"].as_array().unwrap().iter().cycle().take(100_000).collect();
    let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": diff_ids}});
    let config = add_blob(&mut files, &serde_json::to_vec(&config).unwrap(), LAYER);
    let config = format!("blobs/sha256/{}", &config["digest"].as_str().unwrap()[7..]);
    let layer = crate::tarballs::blob_name(&parts.layers[0]);
    let rows = json!([{"Config": config, "Layers": vec![layer; 100_000]}]);
    files.insert("manifest.json".into(), serde_json::to_vec(&rows).unwrap());
    let path = store.write("docker.tar", archive(&files));
    let error = refused(&path);
    assert!(error.contains("found 100000"), "{error}");
}

#[test]
fn layers_that_are_small_one_by_one_are_bounded_together() {
    let store = Store::new();
    let layer = (0..300).fold(Tar::new(), |tar, n| tar.file(&format!("f{n}"), "")).finish();
    let parts = Parts::new(vec![layer; 10]);
    let target = Target::at(store.folder("many", &oci(&parts, Packing::Gzip)));
    let options = OpenOptions { limits: Limits { entries: 1_000, ..small() }, ..OpenOptions::default() };
    let error = open(&target, &options, &()).unwrap_err();
    assert!(error.to_string().contains("at most 1000"), "{error}");
    assert_eq!(error.hint(), None);
}

#[test]
fn indexes_in_indexes_are_bounded() {
    let store = Store::new();
    // Each names the one below it a thousand times: a million million manifests, of three small files.
    let mut files = Files::new();
    let mut manifests: Vec<Value> = Vec::new();
    for _ in 0..4 {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        manifests = vec![add_blob(&mut files, &serde_json::to_vec(&index).unwrap(), INDEX); 1_000];
    }
    let error = refused(&store.folder("wide", &layout(files, &manifests)));
    assert!(error.contains("too deeply or too widely"), "{error}");
    let mut files = Files::new();
    let mut manifest = add_image(&mut files, &sample(), Packing::Gzip);
    for _ in 0..30 {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest]});
        manifest = add_blob(&mut files, &serde_json::to_vec(&index).unwrap(), INDEX);
    }
    let error = refused(&store.folder("deep", &layout(files, &[manifest])));
    assert!(error.contains("too deeply or too widely"), "{error}");
}

#[test]
fn a_layout_whose_descriptors_lead_nowhere() {
    let store = Store::new();
    for digest in ["sha256:../../../etc/passwd", "sha256:", "md5:00", "", "sha512:00", "sha256:\u{1b}[2J"] {
        let descriptor = json!({"mediaType": MANIFEST, "digest": digest, "size": 3});
        assert_escaped(&refused(&store.folder("layout", &layout(Files::new(), &[descriptor]))));
    }
    let descriptor = json!({"mediaType": MANIFEST, "digest": Digest::of(b"x").to_string(), "size": -1});
    refused(&store.folder("layout", &layout(Files::new(), &[descriptor])));
    assert!(refused(&store.folder("empty", &layout(Files::new(), &[]))).contains("found none"));
}

#[test]
fn names_that_would_steer_a_terminal_are_escaped() {
    let store = Store::new();
    let steering = "\x1b[31mred\r\n\u{202e}x";
    let mut parts = Parts::new(vec![
        Tar::new().file(&format!("../{steering}"), "x").file(&format!(".wh..wh.{steering}"), "").finish(),
    ]);
    parts.names = vec![steering.into()];
    let path = store.write("old.tar", docker_old(&parts));
    let image = opened(&path);
    assert_eq!(image.problems.len(), 2);
    for problem in &image.problems {
        assert_escaped(&problem.place);
        assert_escaped(&problem.message);
    }
    assert_escaped(&try_open(None, &path, Some(&format!("no{steering}"))).unwrap_err().to_string());
    let mut files = docker_new(&parts);
    files.insert("manifest.json".into(), json!([{"Config": steering, "Layers": [steering]}]).to_string().into());
    assert_escaped(&refused(&store.write("new.tar", archive(&files))));
    let broken = [Tar::new().header(&Header::new(steering.as_bytes(), b'0', 5_000)).open_ended(), vec![1]].concat();
    assert_escaped(&index(&broken).unwrap_err().to_string());
    let odd = store.write(&format!("{}{}", "a", "\x1b[2J"), "nothing");
    assert_escaped(&refused(&odd));
}

#[test]
fn members_of_an_archive_that_are_links_to_themselves_or_outside() {
    let store = Store::new();
    for target in ["manifest.json", "/etc/passwd", "../../etc/passwd", ".", "other"] {
        let tar = Tar::new().link("manifest.json", b'2', target).link("other", b'1', "manifest.json").finish();
        assert!(refused(&store.write("loop.tar", tar)).contains("found no file in it"));
    }
}

#[test]
fn targets_that_are_no_image() {
    let store = Store::new();
    let missing = store.path("missing.tar");
    let error = try_open(None, &missing, None).unwrap_err();
    assert_names(&error.to_string(), &missing);
    assert!(error.hint().unwrap().contains("docker save"));
    let fifo = store.path("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    assert!(refused(&fifo).contains("something else"));
    assert!(refused(Path::new("/dev/null")).contains("something else"));
    let empty = store.write("empty.tar", "");
    assert!(refused(&empty).contains("found no file in it"));
    std::fs::create_dir(store.path("folder")).unwrap();
    assert!(refused(&store.path("folder")).contains("found neither"));
    std::os::unix::fs::symlink("loop", store.path("loop")).unwrap();
    assert_names(&refused(&store.path("loop")), &store.path("loop"));
    // A blob that is a pipe is not waited for.
    let files = oci(&sample(), Packing::Gzip);
    let folder = store.folder("pipes", &files);
    let blob = folder.join(files.keys().find(|name| name.starts_with("blobs")).unwrap());
    std::fs::remove_file(&blob).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&blob).status().unwrap().success());
    assert!(refused(&folder).contains("expected a file"));
}

#[test]
fn random_bytes_are_no_image() {
    let store = Store::new();
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut random = |length: usize| -> Vec<u8> {
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        (0..length).map(|_| next()).collect()
    };
    for magic in [&b""[..], b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"SLIMIDX\n\x01\0\0\0", b"\x50\x2a\x4d\x18"] {
        for length in [1, 17, 511, 512, 513, 5_000, 100_000] {
            let path = store.write("random", [magic, &random(length)].concat());
            assert_names(&refused(&path), &path);
            for kind in [Form::DockerArchive, Form::OciArchive, Form::Recorded] {
                assert_names(&try_open(Some(kind), &path, None).unwrap_err().to_string(), &path);
            }
        }
    }
}

#[test]
fn what_is_distilled_says_the_same() {
    use slimwright::layer::distil;
    use slimwright::os::parse_status;
    use slimwright::python::parse_metadata;
    for text in [
        "\u{feff}Name: a\r\nVersion : 1\r\nSummary: s\r\n folded\r\nRequires-Dist: b\r\n >1\r\n\r\nName: no\r\n",
        "\n\nName: a\nVersion: 1\nAuthor: x\n \n y\nProvides-Extra: z\n\nRequires-Dist: text\n",
        "name: a\nVERSION: 1",
        "Name:\nno header\n a\nVersion: 1\n",
    ] {
        let distilled = distil(b"s/a-1.dist-info/METADATA", text.as_bytes().to_vec());
        assert_eq!(parse_metadata(text.as_bytes()), parse_metadata(&distilled), "{text:?}");
        assert!(parse_metadata(&distilled).is_ok());
    }
    let status = "Package: a\nVersion : 1\nProtected: yes\nDescription: d\n .\n e\n \nPackage: b\nVersion: 2\n";
    let distilled = distil(b"var/lib/dpkg/status", status.as_bytes().to_vec());
    assert_eq!(parse_status(status.as_bytes()).0, parse_status(&distilled).0);
    assert!(parse_status(&distilled).0[0].essential && !parse_status(&distilled).0[1].essential);
}

/// Reads everything that can be read about an image; what is shown must be fit for a terminal.
fn survey(image: &Image) -> Survey {
    let view = View::new(image);
    let survey = Survey::new(&view, &[]);
    for problem in survey.python.problems.iter().chain(&survey.os.problems).chain(view.problems()) {
        assert_escaped(&problem.place);
        assert_escaped(&problem.message);
    }
    assert_eq!(survey.summary.total(), image.unpacked());
    survey
}

const SITE: &str = "usr/lib/python3.11/site-packages";

#[test]
fn records_that_lie_add_nothing_up() {
    let huge = u64::MAX;
    let image = image(&format!(
        "layer
         f {SITE}/liar-1.dist-info/METADATA = Name: liar\\nVersion: 1\\nRequires-Dist: liar\\nRequires-Dist: ((((\\n
         f {SITE}/liar-1.dist-info/RECORD = liar.py,sha256=AAAA,{huge}\\nghost.py,,{huge}\\n../../../../../../etc/passwd,,\\n/etc/shadow,,5\\n..,,\\n,,\\n\"open\\nliar.py,,1\\nliar.py,,2\\n
         f {SITE}/liar.py 10
         f etc/passwd 20
         f etc/shadow 30
         f {SITE}/other-1.dist-info/METADATA = Name: other\\nVersion: not a version\\n
         f {SITE}/other-1.dist-info/RECORD = liar.py,,\\n../site-packages/liar.py,,\\n
         f {SITE}/empty-1.dist-info/METADATA =
         f {SITE}/none-1.dist-info/RECORD ="
    ));
    let survey = survey(&image);
    let liar = survey.python.distributions.iter().find(|dist| dist.name == "liar").unwrap();
    let all: u64 = survey.python.distributions.iter().map(|dist| dist.bytes).sum();
    assert!(all <= image.unpacked(), "no byte is anybody's twice: {all}");
    assert!(liar.bytes <= image.unpacked());
    assert!(!survey.python.problems.is_empty());
}

#[test]
fn metadata_that_means_harm() {
    let long = "x".repeat(500_000);
    let deep = format!("a; {}python_version > '3'{}", "(".repeat(5_000), ")".repeat(5_000));
    let wide = format!("a; {}", vec!["python_version > '3'"; 5_000].join(" or "));
    for text in [
        "Name: \u{1b}[2Jevil\nVersion: \u{1b}[31m1",
        "Name: ../../etc/passwd\nVersion: ../../1",
        &format!("Name: {long}\nVersion: {long}"),
        &format!("Name: a\nVersion: 1\nRequires-Dist: {deep}"),
        &format!("Name: a\nVersion: 1\nRequires-Dist: {wide}"),
        &format!("Name: a\nVersion: 1\nRequires-Dist: {long}"),
        &format!("Name: a\nVersion: 1\n{}", "Requires-Dist: a[a]\nProvides-Extra: a\n".repeat(5_000)),
        "Name: a\nVersion: 1\nRequires-Dist: b.[c.]==1.*.*; extra == '\u{0}'",
        "\u{feff}\n\n\n",
        ": : :\n\t\n \n",
    ] {
        let mut image =
            image(&format!("layer\nf {SITE}/a-1.dist-info/METADATA = x\nf {SITE}/a-1.dist-info/RECORD = x"));
        Arc::make_mut(&mut image.layers[0]).contents.insert(0, text.as_bytes().to_vec());
        survey(&image);
    }
}

#[test]
fn package_databases_that_mean_harm() {
    for text in [
        "Package: \u{1b}[2J\nVersion: 1\nStatus: install ok installed\n",
        "Package: ../../../etc\nVersion: 1\nArchitecture: ../..\n",
        "Package: a\nVersion: 1\nDepends: a, b | a, ((((, |||,,, <<\nProvides: a\n\nPackage: a\nVersion: 1\n",
        "P:\u{1b}[2J\nV:1\nF:../../..\nR:passwd\nD:!!! a<> so:\n\nP:a\n\n",
        "\n\n\n\n:\n: \n",
    ] {
        let mut image = image("layer\nf var/lib/dpkg/status = x\nf lib/apk/db/installed = x\nf etc/os-release = x");
        for position in 0..3 {
            Arc::make_mut(&mut image.layers[0]).contents.insert(position, text.as_bytes().to_vec());
        }
        survey(&image);
    }
}
