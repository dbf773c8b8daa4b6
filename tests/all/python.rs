//! Distributions: their metadata, their files, what became of them, and who requires whom.

use crate::fixture::image;
use slimwright::base::{Digest, DistId, Id};
use slimwright::facts::Summary;
use slimwright::fs::{Ledger, Owner, View};
use slimwright::python::{
    Distribution, EnvironmentKind, Graph, Inventory, normalize_name, parse_metadata, parse_pyvenv, parse_record,
};

const SITE: &str = "usr/local/lib/python3.11/site-packages";

/// Reads an inventory and checks what holds for all: the ledger agrees with the bytes of each distribution.
fn inventory(spec: &str) -> Inventory {
    let image = image(&spec.replace("SITE", SITE));
    let view = View::new(&image);
    let inventory = Inventory::new(&view);
    let owners = inventory.owners();
    let owner = |path: &[u8], _| owners.get(path).map_or(Owner::Application, |id| Owner::Distribution(*id));
    let by_owner = Summary::new(&Ledger::new(&view, owner), 0).owners;
    for (id, dist) in inventory.distributions.pairs() {
        let counted = by_owner.get(&Owner::Distribution(id)).map_or(0, |(bytes, _)| *bytes);
        assert_eq!(counted, dist.bytes, "the ledger and the bytes of {} agree", dist.name);
        assert_eq!(dist.bytes, dist.bytes_by_layer.values().sum::<u64>());
        assert!(dist.files.is_sorted());
    }
    inventory
}

fn dist<'i>(inventory: &'i Inventory, name: &'i str) -> (DistId, &'i Distribution) {
    inventory.named(name).next().unwrap()
}

fn names(inventory: &Inventory) -> Vec<&str> {
    inventory.distributions.iter().map(|dist| dist.normalized.as_str()).collect()
}

/// Lines of a dist-info: METADATA and a RECORD with these rows.
fn package(name: &str, version: &str, rows: &[&str]) -> String {
    let info = format!("{}-{version}.dist-info", name.replace('-', "_"));
    let rows: String = rows.iter().map(|row| format!("{row}\\n")).collect();
    format!(
        "f SITE/{info}/METADATA = Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n\nf SITE/{info}/RECORD = {rows}{info}/METADATA,,\\n{info}/RECORD,,\n"
    )
}

/// A distribution that requires things and has no files.
fn requiring(site: &str, name: &str, version: &str, requires: &[&str]) -> String {
    let requires: String = requires.iter().map(|text| format!("Requires-Dist: {text}\\n")).collect();
    format!("f {site}/{name}-{version}.dist-info/METADATA = Name: {name}\\nVersion: {version}\\n{requires}\n")
}

/// `sha256=` and the digest as RECORD has it.
fn record_hash(content: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::from("sha256=");
    for chunk in Digest::of(content).0.chunks(3) {
        let word = chunk.iter().chain([&0, &0]).take(3).fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        for n in 0..=chunk.len() {
            out.push(ALPHABET[(word >> (18 - 6 * n) & 63) as usize] as char);
        }
    }
    out
}

/// Truncated, bent and random bytes, the same in every run.
pub fn mangled(seeds: &[&[u8]], mut check: impl FnMut(&[u8])) {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for seed in seeds {
        (0..seed.len()).for_each(|end| check(&seed[..end]));
        for _ in 0..500 {
            let mut bytes = seed.to_vec();
            for _ in 0..1 + next() % 4 {
                let at = next() % bytes.len().max(1);
                match next() % 3 {
                    0 => bytes[at] = next() as u8,
                    1 => bytes.insert(at, b"\",\n\r:;=()[]@.*\0\xff"[next() % 16]),
                    _ if bytes.len() > 1 => drop(bytes.remove(at)),
                    _ => {}
                }
            }
            check(&bytes);
        }
    }
    for _ in 0..500 {
        check(&(0..next() % 64).map(|_| next() as u8).collect::<Vec<_>>());
    }
}

#[test]
fn names_are_normalized() {
    assert_eq!(normalize_name("Foo__bar.-Baz"), "foo-bar-baz");
}

#[test]
fn metadata_of_all_kinds_is_read() {
    let text =
        b"Metadata-Version: 2.1\r\nname: Foo.Bar\r\nVERSION: 1.0\r\nRequires-Dist: a (>=1);\r\n  extra == 'x'\r\nProvides-Extra: x\r\nRequires-Python: >=3.8\r\nSummary: \xff\r\n\r\nVersion: 2";
    let metadata = parse_metadata(text).unwrap();
    assert_eq!((metadata.name.as_str(), metadata.version.as_str()), ("Foo.Bar", "1.0"));
    assert_eq!(metadata.requires, ["a (>=1); extra == 'x'"]);
    assert_eq!((metadata.extras, metadata.requires_python.as_deref()), (vec!["x".to_owned()], Some(">=3.8")));
    assert!(parse_metadata(b"Name: x\n").unwrap_err().to_string().contains("Version"));
    assert!(parse_metadata(b"").is_err());
}

#[test]
fn record_rows_are_unquoted_and_lies_are_not_believed() {
    let hash = record_hash(b"x");
    let text = format!(
        "a/b.py,{hash},12\r\n\"a,\"\"q\"\"\n.py\",,99999999999999999999999\n\nc.py,md5=abc,-1\n,,\nd,e,f,g\n\"open,,\nlast.py,sha256=short,"
    );
    let (rows, bad) = parse_record(text.as_bytes());
    let paths: Vec<&[u8]> = rows.iter().map(|row| &row.path[..]).collect();
    assert_eq!(paths, [&b"a/b.py"[..], b"a,\"q\"\n.py", b"c.py", b"last.py"]);
    assert_eq!((rows[0].digest, rows[0].size), (Some(Digest::of(b"x")), Some(12)));
    assert!(rows[1..].iter().all(|row| row.digest.is_none() && row.size.is_none()));
    assert_eq!(bad, [6, 7, 8]);
}

#[test]
fn parsers_take_any_bytes() {
    let record = format!("a/b.py,{},12\r\n\"a,\"\"q\"\"\n.py\",,9\n\"open,,", record_hash(b"x"));
    let seeds: [&[u8]; 3] = [
        record.as_bytes(),
        b"Name: x\nVersion: 1\nRequires-Dist: a[b,c]>=1.0.*,!=2; python_version < '3' and (extra == 'x' or os_name=='y')\n fold\n\n",
        b"home = /usr/bin\nversion=3.11.2\n=\nx = ",
    ];
    mangled(&seeds, |bytes| {
        parse_metadata(bytes).ok();
        parse_record(bytes);
        parse_pyvenv(bytes);
    });
}

#[test]
fn requirements_take_any_bytes() {
    let seeds: [&[u8]; 3] = [
        b"a[b,c]>=1.0.*,!=2; python_version < '3' and (extra == 'x' or os_name=='y')",
        b"pkg @ https://user:secret@host/${HOME}/x.whl ; sys_platform == 'linux'",
        b"foo (~=1.4.2,<2) ; 'linux' in sys_platform and platform_release >= '5' or python_full_version == '3.11.*'",
    ];
    mangled(&seeds, |bytes| {
        let mut inventory = inventory("layer\nf SITE/a-1.dist-info/METADATA = Name: a\\nVersion: 1\\n");
        inventory.distributions[Id::at(0)].requires = vec![String::from_utf8_lossy(bytes).into_owned()];
        Graph::new(&mut inventory, "linux/amd64", &[]);
    });
}

#[test]
fn environments_are_told_apart() {
    let info = |site: &str, name: &str| requiring(site, name, "1", &[]);
    let spec = [
        "env PYTHON_VERSION=3.11.7\nlayer\nl usr/bin/python3 -> python3.11\nf usr/bin/python3.11 1\nf usr/local/bin/python3.11 1".to_owned(),
        "f var/lib/dpkg/status = Package: python3.11-minimal\\nStatus: install ok installed\\nVersion: 3.11.2-6+deb12u6\\n".to_owned(),
        info(SITE, "a"),
        info("usr/lib/python3/dist-packages", "b"),
        info("opt/venv/lib/python3.11/site-packages", "c"),
        "f opt/venv/pyvenv.cfg = home = /usr/local/bin\\nversion = 3.11.9\\n".to_owned(),
        info("root/.local/lib/python3.11/site-packages", "d"),
        info("opt/conda/lib/python3.12/site-packages", "e"),
        "f opt/conda/conda-meta/history 5".to_owned(),
        info("app/deps", "f"),
        "d empty/lib/python3.10/site-packages\nf empty/pyvenv.cfg = version_info = 3.10.1.final.0".to_owned(),
        "d opt/nothing/lib/python3.11/site-packages".to_owned(),
    ]
    .join("\n");
    let inventory = inventory(&spec);
    let shown: Vec<String> = inventory
        .environments
        .iter()
        .map(|e| format!("{} {:?} {}", e.prefix, e.kind, e.python_full.as_deref().unwrap_or("-")))
        .collect();
    assert_eq!(
        shown,
        [
            "/app/deps Other 3.11.7",
            "/empty Virtual 3.10.1",
            "/opt/conda Conda -",
            "/opt/venv Virtual 3.11.9",
            "/root/.local User 3.11.7",
            "/usr Vendor 3.11.2",
            "/usr/local System 3.11.7",
        ]
    );
    assert_eq!(names(&inventory), ["f", "e", "c", "d", "b", "a"]);
    assert_eq!(inventory.environments[5].python, Some((3, 11)));
    assert_eq!(inventory.environments[1].site_dirs.len(), 1);
    assert!(inventory.environments[6].sees.is_empty(), "/usr/local has its own interpreter");
    assert_eq!(inventory.environments[4].sees, [6, 5]);
}

#[test]
fn copies_inside_packages_and_caches_are_not_installed() {
    let spec = [
        "layer".to_owned(),
        requiring(SITE, "setuptools", "68", &[]),
        requiring(&format!("{SITE}/setuptools/_vendor"), "packaging", "23", &[]),
        requiring("root/.cache/uv/archive-v0/x", "numpy", "1", &[]),
        requiring("app/deps", "flask", "3", &[]),
        requiring("app/deps/setuptools/data", "wheel", "1", &[]),
        "f app/mine.egg-info/PKG-INFO = Name: mine\\nVersion: 1".to_owned(),
        "f opt/conda/conda-meta/history 1".to_owned(),
        requiring("opt/conda/pkgs/zlib-1/lib/python3.11/site-packages", "zlib", "1", &[]),
    ]
    .join("\n");
    assert_eq!(names(&inventory(&spec)), ["flask", "setuptools"]);
}

#[test]
fn files_come_from_record_with_their_bytecode() {
    let rows =
        ["a/__init__.py,,10", "a/__pycache__/__init__.cpython-311.pyc,,", "\"a/x,y.txt\",,5", "../../../bin/a,,7"];
    let spec = format!(
        "layer\nd usr/local/lib\nl usr/local/lib64 -> lib\nf SITE/a/__init__.py 10\nf SITE/a/__pycache__/__init__.cpython-311.pyc 20\nf SITE/a/__pycache__/__init__.cpython-311.opt-1.pyc 19\nf SITE/a/__pycache__/other.cpython-311.pyc 3\nf SITE/a/x,y.txt 5\nf usr/local/bin/a 7\nf SITE/a/sub/m.py 100\n{}f SITE/a-1.dist-info/INSTALLER = pip\\n\nf SITE/a-1.dist-info/REQUESTED =\n",
        package("a", "1", &[&rows[..], &["../../../lib64/python3.11/site-packages/a/sub/m.py,,"]].concat())
    );
    let inventory = inventory(&spec);
    let (_, a) = dist(&inventory, "a");
    let metadata: u64 = a.files.iter().filter(|f| f.to_string().contains("dist-info")).count() as u64;
    assert_eq!((a.recorded, a.missing.len(), metadata), (6, 0, 2));
    assert_eq!(a.bytecode, 39);
    assert!(a.files.iter().any(|file| file.to_string() == format!("/{SITE}/a/sub/m.py")));
    assert_eq!(a.modules, ["a"]);
    assert_eq!((a.installer.as_deref(), a.requested, a.is_broken()), (Some("pip"), true, false));
}

#[test]
fn an_uninstall_that_broke_a_sibling_is_seen() {
    let hash = |text: &str| record_hash(text.as_bytes());
    let shared = [format!("cv2/__init__.py,{},4", hash("h")), format!("cv2/cv2.abi3.so,{},900", hash("h.so"))];
    let other = [format!("cv2/__init__.py,{},4", hash("o")), format!("cv2/cv2.abi3.so,{},800", hash("o.so"))];
    let spec = format!(
        "layer base\nf SITE/cv2/__init__.py 4 hash=h\nf SITE/cv2/cv2.abi3.so 900 hash=h.so\n{}{}layer RUN pip uninstall\nw SITE/cv2\nw SITE/opencv_python-4.6.dist-info\n",
        package("opencv-python-headless", "4.10", &shared.each_ref().map(String::as_str)),
        package("opencv-python", "4.6", &other.each_ref().map(String::as_str)),
    );
    let before = inventory(spec.split("layer RUN").next().unwrap());
    let contested = &dist(&before, "opencv-python").1.contested;
    assert_eq!(contested.len(), 2);
    assert_eq!(contested[0].others, ["opencv-python-headless"]);
    assert_eq!(contested[0].survivor.as_deref(), Some("opencv-python-headless"));
    assert!(dist(&before, "opencv-python-headless").1.bytes > 904);
    assert!(dist(&before, "opencv-python").1.bytes < 904);

    let after = inventory(&spec);
    let (id, headless) = dist(&after, "opencv-python-headless");
    assert!(headless.is_broken());
    assert_eq!(headless.missing.len(), 2);
    assert_eq!(headless.missing[0].removed, Some((0, 1)));
    assert_eq!(headless.dead_bytes, 904);
    assert_eq!(after.removed.len(), 1);
    let removed = &after.removed[0];
    assert_eq!((removed.normalized.as_str(), removed.version.as_str()), ("opencv-python", "4.6"));
    assert_eq!((removed.layer, removed.removed_by, removed.files_total), (0, 1, 4));
    assert!(removed.bytes > 904);
    assert_eq!(removed.files_now_missing_for, [id]);
}

#[test]
fn equal_and_empty_files_are_no_contest() {
    let same = format!("nvidia/x.py,{},3", record_hash(b"same"));
    let spec = format!(
        "layer\nf SITE/nvidia/__init__.py 0\nf SITE/nvidia/x.py 3 hash=same\nf SITE/tests/y.py 9\n{}{}",
        package("a", "1", &["nvidia/__init__.py,,0", &same, "tests/y.py,,9"]),
        package("b", "1", &["nvidia/__init__.py,,0", &same, "tests/y.py,,8"]),
    );
    let inventory = inventory(&spec);
    let contested = &dist(&inventory, "a").1.contested;
    assert_eq!(contested.len(), 1, "{contested:?}");
    assert_eq!(contested[0].survivor.as_deref(), Some("a"), "by size");
    assert_eq!(dist(&inventory, "a").1.modules, ["nvidia"]);
}

#[test]
fn an_upgrade_in_a_later_layer_leaves_the_old_version_as_removed() {
    let old = package("a", "1", &["a.py,,5"]);
    let new = package("a", "2", &["a.py,,6"]);
    let spec = format!("layer\nf SITE/a.py 5\n{old}layer\nw SITE/a-1.dist-info\nf SITE/a.py 6\n{new}");
    let upgraded = inventory(&spec);
    assert_eq!(upgraded.distributions[Id::at(0)].version, "2");
    assert_eq!(upgraded.distributions[Id::at(0)].dead_bytes, 5);
    assert_eq!((upgraded.removed[0].version.as_str(), upgraded.removed[0].replaced_by), ("1", Some(Id::at(0))));
    // The same version written again is no removal.
    let again =
        format!("layer\nf SITE/a.py 5\n{old}layer\nf SITE/a.py 5 uid=33\n{old}layer\nw SITE/a-1.dist-info\n{old}");
    assert!(inventory(&again).removed.is_empty());
}

#[test]
fn what_an_image_may_go_without_breaks_nothing() {
    let rows = [
        "a/__init__.py,,1",
        "a/tests/t.py,,1",
        "a/py.typed,,0",
        "a/x.pyi,,1",
        "../../../bin/a,,1",
        "a-1.dist-info/LICENSE,,1",
    ];
    let spec = format!("layer\nf SITE/a/__init__.py 1\n{}", package("a", "1", &rows));
    let stripped = inventory(&spec);
    assert_eq!(stripped.distributions[Id::at(0)].missing.len(), 5);
    assert!(!stripped.distributions[Id::at(0)].is_broken());
    let broken = inventory(&format!(
        "layer\nf SITE/a/__init__.py 1\n{}",
        package("a", "1", &["a/__init__.py,,", "a.libs/x.so.1,,"])
    ));
    assert!(broken.distributions[Id::at(0)].is_broken());
    assert_eq!(broken.distributions[Id::at(0)].missing[0].removed, None);
}

#[test]
fn debian_packages_without_record_have_dpkgs_files() {
    let dir = "usr/lib/python3/dist-packages";
    let inventory = inventory(&format!(
        "layer\nf {dir}/six.py 30\nf {dir}/__pycache__/six.cpython-311.pyc 40\nf {dir}/six-1.16.egg-info = Name: six\\nVersion: 1.16\\n
         f {dir}/yaml/__init__.py 7\nf {dir}/PyYAML-6.dist-info/METADATA = Name: PyYAML\\nVersion: 6\\n\nf {dir}/PyYAML-6.dist-info/top_level.txt = yaml\\n
         f {dir}/PyYAML-6.dist-info/RECORD = yaml/__init__.py,,\\nyaml/elsewhere.py,,\\n
         f {dir}/odd/__init__.py 3\nf {dir}/odd-1.egg-info/PKG-INFO = Name: odd\\nVersion: 1
         f var/lib/dpkg/info/python3-six.list = /.\\n/{dir}/six-1.16.egg-info\\n/{dir}/six.py\\n/usr/share/doc/six
         f var/lib/dpkg/info/python3-yaml.list = /.\\n/{dir}/PyYAML-6.dist-info/METADATA"
    ));
    let (_, six) = dist(&inventory, "six");
    assert_eq!(
        (six.modules.as_slice(), six.bytecode, six.recorded, six.system_owned),
        (&["six".to_owned()][..], 40, 0, true)
    );
    assert_eq!(six.files.len(), 3);
    let (_, yaml) = dist(&inventory, "pyyaml");
    assert_eq!((yaml.missing.len(), yaml.is_broken()), (1, false));
    assert_eq!(dist(&inventory, "odd").1.modules, ["odd"], "by its name");
}

#[test]
fn importable_names() {
    let modules = |rows: &[&str]| {
        inventory(&format!("layer\n{}", package("x", "1", rows))).distributions[Id::at(0)].modules.clone()
    };
    assert_eq!(modules(&["google/protobuf/__init__.py,,", "google/_upb/_message.abi3.so,,"]), ["google.protobuf"]);
    assert_eq!(modules(&["_cffi_backend.cpython-311-x86_64-linux-gnu.so,,", "cffi/__init__.py,,"]), ["cffi"]);
    assert_eq!(modules(&["_cffi_backend.cpython-311-x86_64-linux-gnu.so,,", "x.libs/liba.so,,"]), ["_cffi_backend"]);
    assert_eq!(
        modules(&["a.py,,", "libz.so,,", "tests/__init__.py,,", "../../../bin/b.py,,", "my-app/__init__.py,,"]),
        ["a"]
    );
}

#[test]
fn hard_links_into_a_cache_count_for_the_distribution() {
    let spec = format!(
        "layer\nf root/.cache/uv/a.py 50\nh SITE/a.py -> root/.cache/uv/a.py\n{}",
        package("a", "1", &["a.py,,50"])
    );
    let inventory = inventory(&spec);
    assert!(inventory.distributions[Id::at(0)].bytes >= 50);
    assert_eq!(inventory.owners().get(&b"root/.cache/uv/a.py"[..]), Some(&Id::at(0)));
}

#[test]
fn oddities_are_problems_and_facts_stay() {
    let inventory = inventory(
        "layer\nf SITE/a-1.dist-info/METADATA = nothing\nf SITE/b-1.dist-info/METADATA = Name: b\\nVersion: 1\nf SITE/B-2.dist-info/METADATA = Name: B\\nVersion: 2
         f SITE/c-1.dist-info/RECORD = x,,\nf SITE/~d-1.dist-info/METADATA = Name: d\\nVersion: 1
         f SITE/e.egg-link = /src/e\\n.\nf src/e/e.egg-info/PKG-INFO = Name: e\\nVersion: 3\nf SITE/z.egg-link = /nowhere
         f SITE/f-1.dist-info/METADATA = Name: f\\nVersion: 1\nf SITE/f-1.dist-info/direct_url.json = {\"url\":\"https://me:secret@host/r.git\",\"vcs_info\":{\"vcs\":\"git\",\"commit_id\":\"abc\"}}
         f SITE/g-1.dist-info/METADATA = Name: g\\nVersion: 1\nf SITE/g-1.dist-info/direct_url.json = {\"url\":\"file:///app\",\"dir_info\":{\"editable\":true}}",
    );
    assert_eq!(names(&inventory), ["a", "b", "b", "e", "f", "g", "z"]);
    assert_eq!(dist(&inventory, "a").1.version, "1");
    assert_eq!(dist(&inventory, "f").1.direct_url.as_deref(), Some("git+https://host/r.git@abc"));
    assert!(dist(&inventory, "g").1.editable && dist(&inventory, "e").1.editable);
    assert_eq!(dist(&inventory, "e").1.version, "3");
    let text: Vec<String> = inventory.problems.iter().map(|p| format!("{} {}", p.place, p.message)).collect();
    for part in [
        "expected a `Name` header",
        "a second distribution named b",
        "beside RECORD",
        "left behind",
        "expected an .egg-info",
    ] {
        assert!(text.iter().any(|line| line.contains(part)), "{part}: {text:#?}");
    }
}

/// Edges as `from -> name specifiers [by extra] ok|bad|none`.
fn edges(inventory: &mut Inventory, platform: &str, roots: &[(String, Vec<String>)]) -> Vec<String> {
    let graph = Graph::new(inventory, platform, roots);
    let show = |edge: &slimwright::python::Edge| {
        let state = match (edge.to, edge.satisfied) {
            (None, _) => "none",
            (_, true) => "ok",
            (_, false) => "bad",
        };
        let extra = edge.by_extra.as_ref().map(|extra| format!("[{extra}]")).unwrap_or_default();
        format!("{}{extra} -> {}{} {state}", inventory.distributions[edge.from].normalized, edge.name, edge.specifiers)
    };
    for edge in &graph.edges {
        assert!(graph.requires(edge.from).any(|other| other == edge));
        assert!(edge.to.is_none_or(|to| graph.required_by(to).any(|other| other == edge)));
    }
    graph.edges.iter().map(show).collect()
}

#[test]
fn markers_specifiers_and_extras_are_followed() {
    let spec = [
        "env PYTHON_VERSION=3.11.7\nlayer".to_owned(),
        requiring(
            SITE,
            "app",
            "1",
            &[
                "celery[redis] (>=5,<6)",
                "tomli; python_version < '3.11'",
                "triton==2.1.0; platform_system == 'Linux' and platform_machine == 'x86_64'",
                "old>=2.7.*",
                "direct @ https://host/direct.whl",
                "pytest; extra == 'test'",
            ],
        ),
        requiring(
            SITE,
            "celery",
            "5.4.0rc1",
            &["redis>=4; extra == 'redis'", "boto3; extra == 'sqs'", "celery[redis]; extra == 'all'"],
        ),
        requiring(SITE, "redis", "3.0", &[]),
        requiring(SITE, "direct", "1", &["!!"]),
        requiring(SITE, "old", "3", &[]),
        requiring(SITE, "triton", "2.1.0+cu121", &[]),
    ]
    .join("\n");
    let mut inventory = inventory(&spec);
    let on_x86 = edges(&mut inventory, "linux/amd64", &[]);
    assert_eq!(
        on_x86,
        [
            "app -> celery>=5,<6 ok",
            "app -> direct ok",
            "app -> old>=2.7.* ok",
            "app -> triton==2.1.0 ok",
            "celery[redis] -> redis>=4 bad"
        ]
    );
    assert!(inventory.problems.iter().any(|problem| problem.message.contains("Requires-Dist: !!")));
    assert_eq!(edges(&mut inventory, "linux/arm64", &[]).len(), 4);
    let with_root = edges(
        &mut inventory,
        "linux/arm64",
        &[("App".into(), vec!["Test".into()]), ("celery".into(), vec!["all".into()])],
    );
    assert!(with_root.contains(&"app[test] -> pytest none".to_owned()), "{with_root:?}");
}

#[test]
fn requirements_are_met_by_what_the_interpreter_sees() {
    let venv = "opt/venv/lib/python3.11/site-packages";
    let vendor = "usr/lib/python3/dist-packages";
    let local = "usr/local/lib/python3.11/dist-packages";
    let spec = |include: &str| {
        [
            format!("layer\nf opt/venv/pyvenv.cfg = home = /usr/bin\\nversion = 3.11.2\\ninclude-system-site-packages = {include}\\n"),
            requiring(venv, "a", "1", &["six"]),
            requiring(local, "b", "1", &["six"]),
            requiring(vendor, "six", "1", &["b"]),
        ]
        .join("\n")
    };
    let mut alone = inventory(&spec("false"));
    assert_eq!(edges(&mut alone, "linux/amd64", &[]), ["a -> six none", "six -> b ok", "b -> six ok"]);
    let mut shared = inventory(&spec("true"));
    assert_eq!(edges(&mut shared, "linux/amd64", &[])[0], "a -> six ok");
    assert_eq!(shared.environments.iter().filter(|e| e.kind == EnvironmentKind::Virtual).count(), 1);
}

#[test]
fn hostile_markers_take_the_time_of_reading_them() {
    let pairs: Vec<String> = (0..40).map(|n| format!("(extra == 'a{n}' and extra == 'b{n}')")).collect();
    let wide = format!("x; {}", pairs.join(" or "));
    let deep = format!("x; {}os_name == 'a'{}", "(".repeat(3000), ")".repeat(3000));
    let mut inventory = inventory(&format!("layer\n{}", requiring(SITE, "a", "1", &[&wide, &deep])));
    assert!(edges(&mut inventory, "linux/amd64", &[]).is_empty());
    assert_eq!(inventory.problems.iter().filter(|p| p.message.contains("at most 32 levels")).count(), 1);
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

    /// Whatever layers write, link, hide and claim: each byte is counted at most once, and where the ledger counts it
    /// (`inventory` asserts that).
    #[test]
    fn no_byte_is_counted_twice(steps in proptest::collection::vec((0..7u8, 0..4usize, 0..4usize, 0..3u64), 1..40)) {
        const PATHS: [&str; 4] = ["SITE/p/a.py", "SITE/p/b.so", "SITE/p", "usr/local/bin/c"];
        const ROWS: [&str; 4] = ["p/a.py,,1", "p/b.so,,2", "../site-packages/p/a.py,,", "../../../bin/c,,1"];
        let mut spec = String::from("layer\n");
        for (what, one, two, size) in steps {
            let other = PATHS[(one + two) % 4];
            spec += &match what {
                0 => "layer\n".to_owned(),
                1 | 2 => format!("f {} {size}\n", PATHS[one]),
                3 => format!("w {}\n", PATHS[one]),
                4 => format!("h {} -> {other}\n", PATHS[one]),
                5 => package(["x", "y", "z", "x"][two], ["1", "2"][one % 2], &[ROWS[one], ROWS[two]]),
                _ => format!("w SITE/{}-{}.dist-info\n", ["x", "y", "z", "x"][two], ["1", "2"][one % 2]),
            };
        }
        let found = inventory(&spec);
        let mut again = inventory(&spec);
        proptest::prop_assert_eq!(&found, &again, "the same image gives the same inventory");
        Graph::new(&mut again, "linux/amd64", &[]);
    }
}

#[test]
fn a_large_site_directory_is_read_in_reasonable_time() {
    let mut spec = String::from("layer\n");
    for n in 0..200 {
        let rows: Vec<String> = (0..250).map(|m| format!("p{n}/m{m}.py,,10")).collect();
        rows.iter().for_each(|row| spec += &format!("f SITE/{} 10\n", row.split(',').next().unwrap()));
        spec += &package(&format!("p{n}"), "1", &rows.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let image = image(&spec.replace("SITE", SITE));
    let view = View::new(&image);
    let start = std::time::Instant::now();
    let inventory = Inventory::new(&view);
    assert_eq!(inventory.distributions.len(), 200);
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}

#[test]
fn poetrys_environments_are_no_cache_although_they_are_in_its_folder() {
    let dist = |site: &str| {
        let info = format!("{site}/six-1.16.0.dist-info");
        format!(
            "f {info}/METADATA = Name: six\\nVersion: 1.16.0\\n\n\
             f {info}/RECORD = six.py,,10\\nsix-1.16.0.dist-info/METADATA,,\\nsix-1.16.0.dist-info/RECORD,,\\n\n\
             f {site}/six.py 10\n"
        )
    };
    let venv = "root/.cache/pypoetry/virtualenvs/app-x6kQ-py3.11";
    let image = image(&format!(
        "layer RUN poetry install\nf {venv}/pyvenv.cfg = version = 3.11.2\\n\n{}{}",
        dist(&format!("{venv}/lib/python3.11/site-packages")),
        dist("root/.cache/pypoetry/cache/lib/python3.11/site-packages"),
    ));
    let inventory = Inventory::new(&View::new(&image));
    let found: Vec<String> = inventory
        .distributions
        .iter()
        .map(|dist| inventory.environments[dist.environment].prefix.to_string())
        .collect();
    assert_eq!(found, [format!("/{venv}")]);
}
