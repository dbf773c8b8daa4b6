//! Tars as they are found, header by header: what archivers write, what they should not, and what only somebody
//! who means harm does.

use crate::tarballs::{Header, Store, Tar, gzip, index, index_blob, indexed, small};
use slimwright::base::Digest;
use slimwright::layer::{Blob, Contents, Entry, EntryKind, Expected, Limits, Streamed, index_seeking, index_tar};
use std::fs::File;
use std::process::Command;
use std::sync::Arc;

/// Path, kind and size of each entry.
fn shape(contents: &Contents) -> Vec<(String, EntryKind, u64)> {
    contents.entries.iter().map(|e| (e.path.to_string(), e.kind, e.size)).collect()
}

fn only(tar: &[u8]) -> Entry {
    let contents = indexed(tar);
    assert_eq!(contents.entries.len(), 1, "{contents:?}");
    contents.entries[0].clone()
}

fn oddity(contents: &Contents) -> &str {
    &contents.oddities[0].message
}

#[test]
fn pax_names_links_and_attributes_go_before_the_header() {
    let long = "d/".repeat(300) + "file";
    let entry = only(
        &Tar::new()
            .pax(
                b'x',
                &[
                    ("path", long.as_bytes()),
                    ("mtime", b"1700000000.75"),
                    ("uid", b"3000000"),
                    ("SCHILY.xattr.user.b", b"2\n\xff"),
                    ("SCHILY.xattr.security.capability", &[1, 0, 0, 2, 0]),
                ],
            )
            .file("short", "body")
            .finish(),
    );
    assert_eq!(entry.path.as_bytes(), long.as_bytes());
    assert_eq!((entry.mtime, entry.uid, entry.size), (1_700_000_000, 3_000_000, 4));
    let names: Vec<&[u8]> = entry.xattrs.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(names, [&b"security.capability"[..], b"user.b"]);
    assert_eq!(&entry.xattrs[1].1[..], b"2\n\xff");
    let target = "t/".repeat(200) + "x";
    let entry = only(&Tar::new().pax(b'x', &[("linkpath", target.as_bytes())]).link("l", b'2', "short").finish());
    assert_eq!(entry.link.as_deref(), Some(target.as_bytes()));
}

#[test]
fn gnu_long_names_and_links() {
    let (name, target) = ("n/".repeat(150) + "end", "t/".repeat(150) + "end");
    let with_nul = |text: &str| [text.as_bytes(), b"\0"].concat();
    let tar = Tar::new()
        .entry(b"././@LongLink", b'K', &with_nul(&target))
        .entry(b"././@LongLink", b'L', &with_nul(&name))
        .link("cut", b'1', "cut")
        .finish();
    let entry = only(&tar);
    assert_eq!((entry.kind, entry.path.as_bytes()), (EntryKind::Hardlink, name.as_bytes()));
    assert_eq!(entry.link.as_deref(), Some(target.as_bytes()));
}

#[test]
fn a_ustar_prefix_stands_before_the_name() {
    let mut header = Header::new(b"name", b'0', 0);
    header.set(257, b"ustar\x0000").set(345, b"some/prefix");
    assert_eq!(only(&Tar::new().header(&header).finish()).path.as_bytes(), b"some/prefix/name");
}

#[test]
fn an_empty_pax_path_takes_the_override_back() {
    assert_eq!(only(&Tar::new().pax(b'x', &[("path", b"")]).file("real", "").finish()).path.as_bytes(), b"real");
}

#[test]
fn global_headers_are_passed_over() {
    let tar = Tar::new().pax(b'g', &[("comment", b"0123abc")]).file("a", "1").pax(b'g', &[("path", b"evil")]);
    assert_eq!(shape(&indexed(&tar.file("b", "2").finish())).len(), 2);
}

#[test]
fn times_before_1970_are_times() {
    let mut header = Header::new(b"a", b'0', 0);
    header.set(136, &[0xff; 12]);
    assert_eq!(only(&Tar::new().header(&header).finish()).mtime, -1);
    header.set(136, &(-3_600i128).to_be_bytes()[4..]);
    assert_eq!(only(&Tar::new().header(&header).finish()).mtime, -3_600);
    for (text, seconds) in [("-1", -1), ("-1.5", -2), ("-0.5", -1), ("1.9", 1), ("x", 0)] {
        let tar = Tar::new().pax(b'x', &[("mtime", text.as_bytes())]).file("a", "").finish();
        assert_eq!(only(&tar).mtime, seconds, "{text}");
    }
}

#[test]
fn a_size_that_is_no_number_is_an_error() {
    let error = index(&Tar::new().pax(b'x', &[("size", b"12x")]).file("a", "").finish()).unwrap_err().to_string();
    assert!(error.contains("at byte") && error.contains("12x"), "{error}");
}

#[test]
fn sizes_over_8_gib_are_passed_over_by_seeking() {
    const SIZE: u64 = 9 << 30;
    let store = Store::new();
    let limits = Limits { unpacked: 64 << 30, ..small() };
    let in_header = Tar::new().header(&Header::new(b"big", b'0', SIZE)).open_ended();
    let in_pax = Tar::new().pax(b'x', &[("size", SIZE.to_string().as_bytes())]).header(&Header::new(b"big", b'0', 0));
    for start in [in_header, in_pax.open_ended()] {
        let path = store.write("big.tar", &start);
        let file = File::options().write(true).read(true).open(path).unwrap();
        let end = start.len() as u64 + SIZE;
        file.set_len(end).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &Tar::new().file("after", "x").finish(), end).unwrap();
        let blob = Blob::new(Arc::new(file), 0, end + 2048);
        let (layer, bodies) = index_seeking(&blob, Expected::default(), &limits).unwrap();
        assert_eq!(layer.entries.iter().map(|e| e.size).collect::<Vec<_>>(), [SIZE, 1]);
        assert_eq!(bodies, [start.len() as u64, end + 512]);
    }
}

#[test]
fn a_size_of_2_to_the_63_is_refused() {
    for size in [1u64 << 63, u64::MAX, (1 << 63) - 1] {
        for tar in [
            Tar::new().header(&Header::new(b"big", b'0', size)).finish(),
            Tar::new().pax(b'x', &[("size", size.to_string().as_bytes())]).file("big", "").finish(),
        ] {
            index(&tar).unwrap_err();
            let limits = Limits { unpacked: u64::MAX, ..small() };
            index_tar(&mut Streamed(&tar[..]), true, &limits).unwrap_err();
            let path = Store::new();
            let path = path.write("big.tar", &tar);
            let blob = Blob::new(Arc::new(File::open(path).unwrap()), 0, tar.len() as u64);
            index_seeking(&blob, Expected::default(), &limits).unwrap_err();
        }
    }
}

#[test]
fn names_are_cleaned_and_stay_inside() {
    let tar = Tar::new()
        .file("./a", "")
        .file("/b", "")
        .file("../../c", "")
        .file("d/../../e", "")
        .dir("f//")
        .dir("./")
        .entry(b"g\xff\xfe", b'0', b"")
        .finish();
    let contents = indexed(&tar);
    let paths: Vec<&[u8]> = contents.entries.iter().map(|entry| entry.path.as_bytes()).collect();
    assert_eq!(paths, [&b"a"[..], b"b", b"c", b"e", b"f", b"", b"g\xff\xfe"]);
    // An absolute name is put below the root, as engines do.
    assert_eq!(contents.oddities.len(), 2);
    assert!(oddity(&contents).contains("leaves the root"));
    assert_eq!(contents.entries[6].path.to_string(), "/g\\xff\\xfe");
}

#[test]
fn what_stands_below_a_link_of_the_same_tar_goes_to_where_it_leads() {
    let tar = Tar::new()
        .file("early/kept", "1")
        .link("lib", b'2', "usr/lib")
        .link("abs", b'2', "/lib/deep")
        .link("loop", b'2', "loop")
        .file("lib/a.so", "2")
        .file("abs/b", "3")
        .file("loop/c", "4")
        .link("hard", b'1', "lib/a.so")
        .dir("abs")
        .file("abs/d", "5")
        .finish();
    let paths: Vec<String> = indexed(&tar).entries.iter().map(|entry| entry.path.to_string()).collect();
    let expected = [
        "/early/kept",
        "/lib",
        "/abs",
        "/loop",
        "/usr/lib/a.so",
        "/usr/lib/deep/b",
        "/loop/c",
        "/hard",
        "/abs",
        "/abs/d",
    ];
    assert_eq!(paths, expected);
    assert_eq!(indexed(&tar).entries[7].link.as_deref(), Some(&b"usr/lib/a.so"[..]));
}

#[test]
fn a_trailing_slash_makes_a_directory_of_the_oldest_form_only() {
    let mut oldest = Header::new(b"old/", 0, 512);
    oldest.set(257, &[0; 8]);
    let tar = Tar::new().header(&oldest).entry(b"file/", b'0', b"x").entry(b"plain", 0, b"y").finish();
    assert_eq!(
        shape(&indexed(&tar)),
        [
            ("/old".into(), EntryKind::Directory, 0),
            ("/file".into(), EntryKind::File, 1),
            ("/plain".into(), EntryKind::File, 1)
        ]
    );
}

#[test]
fn what_is_no_file_has_no_body_whatever_its_size_says() {
    for kind in [b'1', b'2', b'3', b'4', b'5', b'6'] {
        let mut header = Header::new(b"x", kind, 4096);
        header.set(157, b"target");
        let contents = indexed(&Tar::new().header(&header).file("next", "n").finish());
        assert_eq!(contents.entries.len(), 2, "{kind}");
        assert_eq!((contents.entries[0].size, contents.entries[1].size), (0, 1));
        assert!(oddity(&contents).contains("claims 4096 bytes"));
    }
}

#[test]
fn devices_and_pipes_are_entries() {
    let mut device = Header::new(b"dev/x", b'3', 0);
    device.set(329, b"0000001\0").set(337, b"0000003\0");
    let contents = indexed(&Tar::new().header(&device).entry(b"b", b'4', b"").entry(b"p", b'6', b"").finish());
    let kinds: Vec<EntryKind> = contents.entries.iter().map(|entry| entry.kind).collect();
    assert_eq!(kinds, [EntryKind::CharDevice, EntryKind::BlockDevice, EntryKind::Fifo]);
    assert_eq!(contents.entries[0].link.as_deref(), Some(&b"1:3"[..]));
}

#[test]
fn whiteouts_are_known_by_their_name_whatever_they_are() {
    let tar = Tar::new()
        .file("a/.wh.file", "")
        .link("a/.wh.hard", b'1', ".wh..wh.plnk/12.34")
        .entry(b"a/.wh.device", b'3', b"")
        .dir("a/.wh.dir/")
        .file("a/.wh..wh..opq", "")
        .file(".wh..wh..opq", "")
        .finish();
    let found: Vec<(String, EntryKind, u64)> = ["/a/file", "/a/hard", "/a/device", "/a/dir"]
        .map(|path| (path.to_owned(), EntryKind::Whiteout, 0))
        .into_iter()
        .chain(["/a", "/"].map(|path| (path.to_owned(), EntryKind::Opaque, 0)))
        .collect();
    assert_eq!(shape(&indexed(&tar)), found);
}

#[test]
fn whiteouts_that_are_none_are_passed_over() {
    for name in [".wh.", "a/.wh.", ".wh..", "a/b/.wh...", ".wh..wh.plnk", ".wh..wh.aufs", "a/.wh..wh.orph"] {
        let contents = indexed(&Tar::new().file(name, "body").file("next", "n").finish());
        assert_eq!(shape(&contents), [("/next".into(), EntryKind::File, 1)], "{name}");
        assert!(oddity(&contents).contains("passed over"));
    }
}

#[test]
fn types_that_no_engine_knows_are_passed_over_with_their_bodies() {
    for kind in [b'V', b'M', b'D', b'N', b'Z', b'8', 0xff] {
        let contents = indexed(&Tar::new().entry(b"odd", kind, &[7; 700]).file("next", "n").finish());
        assert_eq!(shape(&contents), [("/next".into(), EntryKind::File, 1)], "{kind}");
        assert!(oddity(&contents).contains("no engine knows"));
    }
    // `7` is a contiguous file: a file.
    assert_eq!(only(&Tar::new().entry(b"c", b'7', b"12").finish()).size, 2);
}

#[test]
fn how_a_tar_may_end() {
    let body = Tar::new().file("a", "1");
    let whole = indexed(&body.clone().finish());
    assert!(whole.oddities.is_empty());
    for (end, odd) in [
        (Vec::new(), Some("zero blocks")),
        (vec![0; 512], Some("zero blocks")),
        (vec![0; 10_240], None),
        ([vec![0; 1024], b"garbage".to_vec()].concat(), Some("behind the end")),
        ([vec![0; 1024], Tar::new().file("hidden", "2").open_ended()].concat(), Some("behind the end")),
    ] {
        let contents = indexed(&body.clone().raw(&end).open_ended());
        assert_eq!(contents.entries, whole.entries);
        match odd {
            Some(odd) => assert!(oddity(&contents).contains(odd), "{contents:?}"),
            None => assert!(contents.oddities.is_empty()),
        }
    }
    assert!(indexed(&[]).entries.is_empty());
    assert!(indexed(&[0; 1024]).oddities.is_empty());
    // One zero block between entries is no end.
    assert_eq!(indexed(&body.raw(&[0; 512]).file("b", "2").finish()).entries.len(), 2);
    let error = index(&Tar::new().file("a", "1").raw(b"rubbish").open_ended()).unwrap_err().to_string();
    assert!(error.contains("ends at byte"), "{error}");
    let error = index(&Tar::new().file("a", "1").raw(&[b'x'; 512]).finish()).unwrap_err().to_string();
    assert!(error.contains("at byte 1024") && error.contains("expected a tar header"), "{error}");
}

#[test]
fn names_that_no_system_can_have_are_passed_over() {
    let long = "a/".repeat(200_000);
    for tar in [
        Tar::new().pax(b'x', &[("path", long.as_bytes())]).file("x", "body"),
        Tar::new().pax(b'x', &[("linkpath", long.as_bytes())]).link("x", b'2', "y"),
    ] {
        let contents = indexed(&tar.file("next", "n").finish());
        assert_eq!(shape(&contents), [("/next".into(), EntryKind::File, 1)]);
        assert!(oddity(&contents).contains("more than a path can have"));
    }
}

#[test]
fn extensions_without_an_end_are_errors_and_take_no_memory() {
    // An old GNU sparse file whose map goes on in block after block.
    let mut sparse = Header::new(b"s", b'S', 0);
    sparse.set(482, &[1]).set(483, b"00000001000\0");
    let mut block = [0; 512];
    block[504] = 1;
    let endless = (0..20_000).fold(Tar::new().header(&sparse), |tar, _| tar.raw(&block)).finish();
    let error = index(&endless).unwrap_err().to_string();
    assert!(error.contains("does not end"), "{error}");
    // A new one whose map has no line end.
    let records: [(&str, &[u8]); 3] =
        [("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"10")];
    let endless = Tar::new().pax(b'x', &records).file("s", vec![b'1'; 6 << 20]).finish();
    let error = index(&endless).unwrap_err().to_string();
    assert!(error.contains("does not end"), "{error}");
    // A PAX header of 1 GiB.
    index(&Tar::new().header(&Header::new(b"p", b'x', 1 << 30)).finish()).unwrap_err();
}

/// Sparse files as GNU tar writes them, in its own format and in the three of PAX. Without GNU tar on the path
/// there is nothing to compare with.
#[test]
fn sparse_files_have_their_name_and_logical_size() {
    let store = Store::new();
    let gnu = Command::new("tar").arg("--version").output();
    if !gnu.is_ok_and(|out| out.stdout.starts_with(b"tar (GNU tar)")) {
        return;
    }
    let file = File::create(store.path("holes")).unwrap();
    for at in (0..40u64).map(|n| n * 200_000) {
        std::os::unix::fs::FileExt::write_all_at(&file, &[7; 4096], at).unwrap();
    }
    file.set_len(9_000_000).unwrap();
    store.write("next", "n");
    let forms: [&[&str]; 4] = [
        &["--format=gnu"],
        &["--format=posix", "--sparse-version=0.0"],
        &["--format=posix", "--sparse-version=0.1"],
        &["--format=posix", "--sparse-version=1.0"],
    ];
    for form in forms {
        let out = store.path("sparse.tar");
        let status = Command::new("tar")
            .args(["--sparse", "-C"])
            .arg(store.0.path())
            .args(form)
            .arg("-cf")
            .arg(&out)
            .args(["holes", "next"])
            .status()
            .unwrap();
        assert!(status.success());
        let tar = std::fs::read(&out).unwrap();
        assert!(tar.len() < 1_000_000, "the file system made no holes: {}", tar.len());
        let contents = indexed(&tar);
        assert_eq!(
            shape(&contents),
            [("/holes".into(), EntryKind::File, 9_000_000), ("/next".into(), EntryKind::File, 1)],
            "{form:?}"
        );
        assert_eq!(contents.bodies[0], Contents::SCATTERED);
        assert_eq!((contents.entries[0].content, contents.entries[1].content), (None, Some(Digest::of(b"n"))));
    }
}

#[test]
fn a_layer_is_read_the_same_by_seeking_and_by_reading() {
    let store = Store::new();
    let body: Vec<u8> = (0..300_000u32).map(|n| n.wrapping_mul(n) as u8).collect();
    let tar = (0..50).fold(Tar::new(), |tar, n| tar.file(&format!("f{n}"), &body[n * 997..])).finish();
    let blob = |name: &str, bytes: &[u8]| {
        let path = store.write(name, bytes);
        Blob::new(Arc::new(File::open(path).unwrap()), 0, bytes.len() as u64)
    };
    let plain = blob("plain", &tar);
    let (sought, bodies) = index_seeking(&plain, Expected::default(), &small()).unwrap();
    let packed = gzip(&tar, 123_457);
    let expected = Expected { blob: Some(Digest::of(&packed)), diff_id: Some(Digest::of(&tar)) };
    let read = index_blob(&blob("gzip", &packed), expected, &small()).unwrap();
    assert_eq!(sought.entries.len(), read.entries.len());
    let todo: Vec<(u32, u64, u64)> =
        (0..50).map(|n| (n, bodies[n as usize], sought.entries[n as usize].size)).collect();
    for (position, digest) in slimwright::layer::digest_bodies(&plain, &todo).unwrap() {
        assert_eq!(read.entries[position as usize].content, Some(digest));
    }
}
