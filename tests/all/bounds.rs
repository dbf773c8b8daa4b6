//! Memory and work: small inputs that grow when they are read, under a limit that the kernel keeps; lists of wheels
//! that cannot be true; and a cache that believes nobody but its user.

use crate::fixture::image;
use crate::server::{Request, Server};
use crate::tarballs::{Packing, Parts, Store, Tar, oci};
use crate::wheels::{Zip, ranged};
use slimwright::base::{Digest, DistId};
use slimwright::facts::Survey;
use slimwright::facts::{chains, heaviest};
use slimwright::fs::View;
use slimwright::image::{Image, write_recorded};
use slimwright::index::Access;
use slimwright::wheel::{Options, Remote, ZipEntry, ZipError, check_list};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// KiB of memory that a run may have.
const MEMORY: &str = "524288";
const SITE: &str = "usr/local/lib/python3.11/site-packages";

/// Runs the program with so much memory and a minute of a processor, and no more.
fn bounded(arguments: &[&str], cache: &Path) -> Output {
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        "ulimit -t 60 && ulimit -d \"$1\" && shift && exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_slimwright"),
        MEMORY,
    ]);
    shell.args(arguments).env("SLIMWRIGHT_CACHE_DIR", cache).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A recorded index whose unpacked bytes were changed, with a checksum that is right.
fn repacked(image: &Image, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut whole = Vec::new();
    write_recorded(image, &mut whole).unwrap();
    let mut body = zstd::stream::decode_all(&whole[44..]).unwrap();
    change(&mut body);
    let packed = zstd::bulk::compress(&body, 3).unwrap();
    [&whole[..12], &Digest::of(&packed).0, &packed].concat()
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

#[test]
fn a_recorded_index_takes_no_more_memory_than_one_should() {
    let store = Store::new();
    let image = image("layer\nf a 1");
    // An image ends with its problems and its gaps, none of either. A problem is two empty texts.
    let many = repacked(&image, |body| {
        body.truncate(body.len() - 2);
        body.extend(varint(20_000_000));
        body.resize(body.len() + 40_000_001, 0);
    });
    let long = repacked(&image, |body| body.resize(200 << 20, 0));
    for (name, bytes, expected) in [
        ("many", many, "takes more than 167772160 bytes of memory"),
        ("long", long, "expected a recorded index of at most 100663296 bytes unpacked"),
    ] {
        assert!(bytes.len() < 64 << 10, "{}", bytes.len());
        let path = store.write(name, bytes);
        let output = bounded(&["audit", &format!("index:{}", path.display())], &store.path("cache"));
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        assert!(said(&output).contains(expected), "{}", said(&output));
    }
}

#[test]
fn package_databases_and_metadata_that_grow_when_they_are_read_stay_in_bounds() {
    let store = Store::new();
    let info = format!("{SITE}/a-1.dist-info");
    let head = "Metadata-Version: 2.1\nName: a\nVersion: 1\n";
    let stanza = "Package: p\nVersion: 1\nStatus: install ok installed\n";
    let inputs = [
        ("requirements", format!("{info}/METADATA"), format!("{head}{}", "Requires-Dist: b\n".repeat(210_000))),
        ("broken requirements", format!("{info}/METADATA"), format!("{head}{}", "Requires-Dist: !\n".repeat(210_000))),
        ("rows", format!("{info}/RECORD"), "a\n".repeat(4_000_000)),
        ("link", format!("{info}/direct_url.json"), format!("{{\"url\":\"x\",\"a\":[{}0]}}", "0,".repeat(4_000_000))),
        ("packages", "var/lib/dpkg/status".into(), "Package: p\nVersion: 1\n\n".repeat(210_000)),
        ("alternatives", "var/lib/dpkg/status".into(), format!("{stanza}Depends: {}a\n", "a|".repeat(4_000_000))),
        ("asked for", "app/requirements.txt".into(), "a\n".repeat(7_000_000)),
        ("lock", "app/uv.lock".into(), format!("version = 1\na = [{}0]\n", "0,".repeat(7_000_000))),
        ("lock of JSON", "app/Pipfile.lock".into(), format!("{{\"a\":[{}0]}}", "0,".repeat(2_000_000))),
        ("lock in bounds", "app/uv.lock".into(), format!("version = 1\na = [{}0]\n", "0,".repeat(2_000_000))),
        ("apk", "lib/apk/db/installed".into(), format!("P:p\nV:1\nF:a\n{}", "R:a\n".repeat(3_000_000))),
    ];
    for (name, path, content) in inputs {
        let mut tar = Tar::new().file(&path, content);
        if !path.ends_with("METADATA") {
            tar = tar.file(&format!("{info}/METADATA"), head);
        }
        let folder = store.folder(name, &oci(&Parts::new(vec![tar.finish()]), Packing::Gzip));
        let output = bounded(&["audit", "--no-cache", &format!("oci:{}", folder.display())], &store.path("cache"));
        assert_eq!(output.status.code(), Some(0), "{name}: {}", said(&output));
    }
}

#[test]
fn a_layer_of_very_many_entries_is_refused_by_a_number_that_can_be_raised() {
    let store = Store::new();
    let tar = (0..300).fold(Tar::new(), |tar, n| tar.file(&format!("f{n}"), "")).finish();
    let folder = store.folder("many", &oci(&Parts::new(vec![tar]), Packing::Gzip));
    let target = format!("oci:{}", folder.display());
    let run = |most: &str| bounded(&["audit", "--no-cache", "--max-entries", most, &target], &store.path("cache"));
    assert_eq!(run("100").status.code(), Some(3));
    assert!(said(&run("100")).contains("at most 100 are read"));
    assert_eq!(run("1000").status.code(), Some(0));
}

/// An image of many distributions, each of which requires others.
fn tangle(count: usize, requires: usize) -> Image {
    let mut spec = String::from("layer\n");
    for n in 0..count {
        let lines: String =
            (1..=requires).map(|k| format!("Requires-Dist: d{:05}\\n", (n * 7 + k * k) % count)).collect();
        spec += &format!("f {SITE}/d{n:05}-1.dist-info/METADATA = Name: d{n:05}\\nVersion: 1\\n{lines}\n");
        spec += &format!("f {SITE}/d{n:05}.py 100\nf {SITE}/d{n:05}-1.dist-info/RECORD = d{n:05}.py,,\\n\n");
    }
    image(&spec)
}

#[test]
fn what_holds_the_heaviest_is_found_in_one_walk_over_the_graph() {
    // One walk for each of 1,500 distributions and 75,000 requirements took minutes; this one takes what reading takes.
    let image = tangle(1_500, 50);
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let heavy = heaviest(&facts, 10);
    assert_eq!(heavy.len(), 10);
    assert!(heavy.iter().all(|why| why.roots >= 1 && !why.brings.is_empty()));
    assert_eq!(chains(&facts).iter().flatten().count(), 1_500);
}

#[test]
fn a_chain_of_very_many_steps_is_told_by_its_ends() {
    let mut spec = String::from("layer\n");
    for n in 0..3_000 {
        let next = if n < 2_999 { format!("Requires-Dist: d{:05}\\n", n + 1) } else { String::new() };
        spec += &format!("f {SITE}/d{n:05}-1.dist-info/METADATA = Name: d{n:05}\\nVersion: 1\\n{next}\n");
    }
    let image = image(&spec);
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let all = chains(&survey.facts(&view));
    let last = all[2_999].as_ref().unwrap();
    assert_eq!((last.steps.len(), last.steps[0].as_str()), (65, "d00000 1"));
    assert_eq!((last.steps[32].as_str(), last.steps[64].as_str()), ("… 2936 more …", "d02999 1"));
}

/// Each cut, looked for by leaving it out, against those that are told.
#[test]
fn what_goes_with_each_distribution_is_what_no_root_reaches_without_it() {
    let image = tangle(60, 2);
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    for (id, dist) in facts.python.distributions.pairs() {
        let name = &dist.normalized;
        let why = slimwright::facts::why(&facts, name).remove(0);
        let roots: Vec<DistId> = facts.python.distributions.ids().filter(|&id| is_root(&facts, id)).collect();
        let all = facts.graph.closure(&roots, |_| false);
        let others: Vec<DistId> = roots.iter().copied().filter(|&root| root != id).collect();
        let left = facts.graph.closure(&others, |edge| edge.to == Some(id));
        assert_eq!(why.brings.len(), all.len() - left.len(), "{name}");
    }
}

fn is_root(facts: &slimwright::facts::Facts<'_>, id: DistId) -> bool {
    let name = &facts.python.distributions[id].normalized;
    slimwright::facts::why(facts, name)[0].asked_for.is_some()
}

fn entry(name: &str, offset: u64, packed: u64, size: u64, method: u16) -> ZipEntry {
    ZipEntry { name: name.into(), offset, packed, size, method, ..ZipEntry::default() }
}

#[test]
fn a_list_that_cannot_be_that_of_an_archive_of_its_length_is_refused() {
    // A header has 30 bytes, and the name.
    let good = [entry("a", 0, 1_000, 1_000, 0), entry("b", 1_031, 500, 20_000, 8)];
    assert_eq!(check_list(&good, 1_562), Ok(()));
    assert_eq!(check_list(&good, 1_562 + 500), Ok(()), "extra fields and descriptors have room");
    assert_eq!(check_list(&[], 0), Ok(()));
    let refused = |entries: &[ZipEntry], end: u64| match check_list(entries, end) {
        Err(ZipError::Contradiction(why)) => why,
        other => panic!("{other:?}"),
    };
    let sums = "its files do not add up to where its directory begins";
    let overlap = "its files overlap, or reach into its directory";
    let packing = "a file cannot be packed to the size that it lists";
    assert_eq!(refused(&good, 900_000_000), sums);
    assert_eq!(refused(&good[..1], 5_000), sums);
    assert_eq!(refused(&good, 1_500), overlap);
    assert_eq!(refused(&[entry("a", 0, 9, 9, 0), entry("b", 10, 9, 9, 0)], 100), overlap);
    assert_eq!(refused(&[entry("a", 700, 9, 9, 0)], 740), "it does not begin with a file");
    assert_eq!(refused(&[entry("a", 0, 9, 9, 0), entry("a", 40, 9, 9, 0)], 80), "it lists a file twice");
    assert_eq!(refused(&[entry("a", 0, 1_000, 1_001, 0)], 1_031), packing);
    assert_eq!(refused(&[entry("a", 0, 1_000, 1_100_000, 8)], 1_031), packing);
    assert_eq!(refused(&[entry("a", 0, 900_000, 1, 8)], 900_031), packing);
    assert_eq!(refused(&[entry("a", 0, 1_000, 9_000, 12)], 1_031), packing);
    assert_eq!(refused(&[entry("a", u64::MAX, 1, 1, 0)], 1_031), overlap);
}

#[test]
fn a_server_that_sends_another_list_than_its_archive_has_gives_no_number() {
    // The list of a small archive behind the bytes of a large one, as a server can make it up.
    let body = vec![7; 200_000];
    let honest = Zip::new(false).file("big.bin", &body).finish(b"");
    let small = Zip::new(false).claiming("big.bin", &body, 10).finish(b"");
    for (bytes, fine) in [(honest, true), (small, false)] {
        let server = Server::new(move |request: &Request, _| ranged(request, &bytes));
        let access = Access::default();
        let options = Options { first_wait: Duration::from_millis(2), ..Options::default() };
        let remote = Remote::new(&access, &options, Instant::now() + Duration::from_secs(20)).unwrap();
        let found = remote.list(&format!("http://{}/a.whl", server.host()), None);
        assert_eq!(found.is_ok(), fine, "{found:?}");
    }
}

#[test]
fn a_cache_that_others_may_write_to_is_not_used_and_a_note_says_so() {
    let store = Store::new();
    let cache = store.path("cache");
    std::fs::create_dir(&cache).unwrap();
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o777)).unwrap();
    let tar = Tar::new().file("a", "1").finish();
    let folder = store.folder("image", &oci(&Parts::new(vec![tar]), Packing::Gzip));
    let target = format!("oci:{}", folder.display());
    let output = bounded(&["audit", &target], &cache);
    assert_eq!(output.status.code(), Some(0));
    assert!(said(&output).contains("others may write to it (mode 777"), "{}", said(&output));
    assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 0);
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert!(!said(&bounded(&["audit", &target], &cache)).contains("is not used"));
    assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 1);
}

#[test]
fn an_entry_under_another_key_or_behind_a_link_is_no_entry() {
    let store = Store::new();
    let cache = store.path("cache");
    let target = |name: &str, content: &str| {
        let tar = Tar::new().file(name, content).finish();
        format!("oci:{}", store.folder(name, &oci(&Parts::new(vec![tar]), Packing::Gzip)).display())
    };
    let (one, two) = (target("one", "1"), target("two", "22"));
    let entries = || -> Vec<std::path::PathBuf> {
        let versions = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
        versions.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())).collect()
    };
    let known = |target: &str| said(&bounded(&["audit", target], &cache)).contains("known from the cache");
    assert!(!known(&one) && known(&one));
    let first = entries().remove(0);
    assert!(!known(&two) && known(&two));
    let second = entries().into_iter().find(|path| *path != first).unwrap();
    std::fs::copy(&first, &second).unwrap();
    assert!(!known(&two), "what stands in it is the other's key");
    let aside = store.path("aside");
    std::fs::rename(&first, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &first).unwrap();
    assert!(!known(&one), "a link is not followed");
}

/// The report of a build context that has only this Dockerfile, of a base with so many files.
fn simulated(files: usize, dockerfile: &str) -> String {
    let store = Store::new();
    let shell = Tar::new().file("bin/sh", "").file("bin/cp", "");
    let tar = (0..files).fold(shell, |tar, n| tar.file(&format!("usr/{}/f{n}", n % 100), "")).finish();
    let base = store.folder("base", &oci(&Parts::new(vec![tar]), Packing::Gzip));
    let context = store.path("context");
    std::fs::create_dir(&context).unwrap();
    std::fs::write(context.join("Dockerfile"), dockerfile).unwrap();
    let (target, image) = (format!("context:{}", context.display()), format!("base=oci:{}", base.display()));
    let output = bounded(&["audit", "--no-cache", &target, "--image", &image], &store.path("cache"));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    // A long line is broken.
    let words: Vec<_> = String::from_utf8_lossy(&output.stdout).split_whitespace().map(str::to_owned).collect();
    words.join(" ")
}

const TOO_MUCH: &str = "from here on it is more work than is followed";

#[test]
fn a_few_lines_that_ask_for_endless_work_are_followed_so_far_and_then_are_one_gap() {
    let double = |times: usize| format!("A=abcdefgh; {}", "A=$A$A; ".repeat(times));
    let each = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<String>();
    let stages = each(30, &|n| match n {
        0 => "FROM base AS s0\n".into(),
        n => format!("FROM base AS s{n}\nCOPY --from=s{} / /x\n", n - 1),
    });
    let run = |text: &str, times: usize| format!("FROM base\nRUN {}\n", text.repeat(times));
    let texts = format!("{}f() {{ echo; }};", double(14).replace("abcdefgh", "'a bcdef '"));
    let inputs = [
        ("a pattern", 3, format!("FROM base\nRUN {}B=${{A%%*b*b*b}}\n", double(16))),
        (
            "patterns",
            3,
            format!(
                "FROM base\nRUN {}case $A in {}) ls;; esac\n",
                double(15),
                each(5_000, &|n| format!("*{n}*|")) + "x"
            ),
        ),
        ("words", 3, format!("FROM base\nRUN {texts}{}\n", "f $A $A $A;".repeat(300))),
        ("expressions", 3, run("grep -E '((a{1,99}){1,50}){1,10}' /etc/x;", 1_990)),
        ("stages", 4_000, stages),
        // What stages share costs nothing until they write into it.
        (
            "stages of stages",
            4_000,
            each(900, &|n| match n {
                0 => format!("FROM base AS s0\nRUN {}touch /x\n", each(1_900, &|d| format!("mkdir -p /d/{d}/a/b/c;"))),
                n => format!("FROM s{} AS s{n}\nRUN touch /d/x\n", n - 1),
            }),
        ),
    ];
    let said = |(name, files, dockerfile): &(&'static str, usize, String)| {
        let report = simulated(*files, dockerfile);
        (*name, report.matches(TOO_MUCH).count())
    };
    let wrong: Vec<_> = inputs.iter().map(said).filter(|(_, count)| *count != 1).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn what_is_long_but_no_work_is_followed_to_its_end() {
    let double = format!("A=abcdefgh; {}", "A=$A$A; ".repeat(16));
    let lines = |count: usize, line: &str| format!("FROM base\n{}", line.repeat(count));
    let inputs = [
        ("commands", lines(1_990, "RUN true\n")),
        ("variables", lines(600, "ENV A=$A-\nRUN true\n")),
        ("a replacement", format!("FROM base\nRUN {double} echo $A > /t; sed -i \"s/a/$A/g\" /t\n")),
        ("a deep folder", format!("FROM base\nRUN A=a/a/a/a/; {}mkdir -p $A\n", "A=$A$A; ".repeat(12))),
    ];
    for (name, dockerfile) in inputs {
        assert!(!simulated(3, &dockerfile).contains(TOO_MUCH), "{name}");
    }
}

#[test]
fn a_large_image_that_is_copied_and_changed_once_is_followed_to_its_end() {
    let stages: String = (1..80).map(|n| format!("FROM s{} AS s{n}\nRUN echo {n} > /usr/1/n{n}\n", n - 1)).collect();
    let report = simulated(20_000, &format!("FROM base AS s0\n{stages}"));
    assert!(!report.contains(TOO_MUCH), "{report}");
    let report = simulated(60_000, "FROM base AS one\nRUN chown -R 5:5 /usr\nFROM scratch\nCOPY --from=one / /\n");
    assert!(!report.contains(TOO_MUCH), "{report}");
}
