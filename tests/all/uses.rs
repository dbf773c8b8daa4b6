//! What Python source imports and uses, and what the plan makes of it.

use crate::fixture;
use crate::tarballs::{Parts, Store, Tar, docker_old};
use proptest::prelude::*;
use slimwright::facts::Survey;
use slimwright::fs::View;
use slimwright::image::{Cache, Image, OpenOptions, Target, open, read_recorded, write_recorded};
use slimwright::plan::{Plan, PlanOptions};
use slimwright::prove;
use slimwright::rules::{Finding, evaluate};
use slimwright::rules::{Tier, embedded};
use slimwright::source::{Kind, Sign, application, decode, encode, library};

const SITE: &str = "usr/local/lib/python3.11/site-packages";

/// The signs of a kind: the name, a question mark where it is guarded, the line.
fn signs(kind: Kind, source: &str) -> Vec<String> {
    let of_kind = application(source.as_bytes()).into_iter().filter(|sign| sign.kind == kind);
    of_kind.map(|sign| format!("{}{} {}", sign.name, if sign.guarded { "?" } else { "" }, sign.line)).collect()
}

#[test]
fn imports_are_found_wherever_they_stand() {
    let source = "import a.b as c, d\nfrom e.f import g, h as i\nfrom . import j\nfrom ..k import l\ndef f():\n    import m\n\
                  try:\n    import n\nexcept ImportError:\n    import o\nclass C:\n    from p import *\nif x: import q\n\
                  async def g():\n    with r:\n        import s\nmatch x:\n    case 1:\n        import t\n";
    let expected = [". 3", "..k 4", "a.b 1", "d 1", "e.f 2", "m 6", "n? 8", "o 10", "p 12", "q 13", "s 16", "t 19"];
    assert_eq!(signs(Kind::Import, source), expected);
}

#[test]
fn an_import_for_type_checkers_is_none() {
    let source = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\nelse:\n    import polars\n\
                  import typing\nif typing.TYPE_CHECKING:\n    import torch\ndef f(x: torch.cuda.Stream): ...\n";
    assert_eq!(signs(Kind::Import, source), ["polars 5", "typing 1", "typing 6"][..2].to_vec());
    assert!(!signs(Kind::Use, source).iter().any(|used| used.starts_with("torch")));
}

#[test]
fn a_dotted_use_has_the_name_of_its_own_module() {
    let source = "import cv2 as cv\nimport torch.nn\nfrom torch import cuda as gpu\nfrom cv2 import imshow\n\
                  cv.ximgproc.thinning(x)\ntorch.cuda.synchronize()\ngpu.set_device(0)\nimshow('a', b)\nother.thing.x\n";
    let found = signs(Kind::Use, source);
    for expected in [
        "cv2.imshow 4",
        "cv2.ximgproc.thinning 5",
        "torch.cuda 3",
        "torch.cuda.set_device 7",
        "torch.cuda.synchronize 6",
    ] {
        assert!(found.contains(&expected.to_owned()), "{expected} not in {found:?}");
    }
    assert_eq!(found.len(), 5, "{found:?}");
}

#[test]
fn calls_strings_and_flags_of_a_gpu_are_found_and_comparisons_are_not() {
    let source = "import torch\nmodel.cuda()\nmodel.to('cuda:0')\nx = torch.zeros(1, device=\"cuda\")\nif d == 'cuda': pass\n\
                  Reader(gpu=True, use_gpu=False)\nrun(providers=['CUDAExecutionProvider'])\ntable['cuda']\n'''cuda'''\n";
    assert_eq!(signs(Kind::Call, source), ["cuda 2"]);
    assert_eq!(signs(Kind::Text, source), ["CUDAExecutionProvider 7", "cuda 4", "cuda:0 3"]);
    assert_eq!(signs(Kind::Flag, source), ["gpu 6"]);
}

#[test]
fn a_condition_about_a_gpu_guards_both_of_its_ways() {
    let source = "import torch\ndevice = 'cuda' if torch.cuda.is_available() else 'cpu'\nif args.use_gpu:\n    m.cuda()\n\
                  else:\n    torch.cuda.ipc_collect()\nrun(['CUDAExecutionProvider', 'CPUExecutionProvider'])\nif fast:\n    n.cuda()\n";
    assert_eq!(signs(Kind::Text, source), ["CUDAExecutionProvider? 7", "cuda? 2"]);
    assert_eq!(signs(Kind::Call, source), ["cuda 9", "cuda? 4"]);
    assert!(signs(Kind::Use, source).contains(&"torch.cuda.ipc_collect? 6".to_owned()));
}

#[test]
fn imports_by_call_are_imports_where_the_name_is_written_and_blind_spots_where_not() {
    let source = "import importlib\nfrom importlib import import_module as load\nimportlib.import_module('a.b')\nload(name)\n\
                  __import__('c')\n__import__(f'd{e}')\nimport importlib.metadata\nimportlib.metadata.entry_points()\n";
    let imports = signs(Kind::Import, source);
    assert!(imports.contains(&"a.b 3".to_owned()) && imports.contains(&"c 5".to_owned()), "{imports:?}");
    assert_eq!(
        signs(Kind::Dynamic, source),
        ["__import__ 6", "importlib.import_module 4", "importlib.metadata.entry_points 8"]
    );
}

#[test]
fn a_file_with_errors_gives_what_it_has() {
    let source = "import a\nprint \"two\"\ndef f(:\n    import b\nimport c\n\"open\nimport d\n";
    let found = signs(Kind::Import, source);
    for name in ["a 1", "c 5", "d 7"] {
        assert!(found.contains(&name.to_owned()), "{name} not in {found:?}");
    }
    let bytes = [b"import a\nx = '\xff\xfe'\nimport b\n".as_slice(), b"\0\0\0"].concat();
    assert_eq!(application(&bytes).iter().filter(|sign| sign.kind == Kind::Import).count(), 2);
}

#[test]
fn what_is_deep_or_large_is_not_read_and_breaks_nothing() {
    let deep = 200_000;
    for source in [
        "(".repeat(deep),
        "x".to_owned() + &".a".repeat(deep),
        "x".to_owned() + &"()".repeat(deep),
        "x".to_owned() + &"[0]".repeat(deep),
        "1".to_owned() + &"+1".repeat(deep),
        "-".repeat(deep) + "1",
        "not ".repeat(deep) + "1",
        "lambda: ".repeat(deep) + "1",
        "1".to_owned() + &" if 1 else 1".repeat(deep),
        "1".to_owned() + &"**1".repeat(deep),
        "await ".repeat(deep) + "x",
        "(yield ".repeat(deep),
        "f'{".repeat(deep),
        "f'{x:{".repeat(deep),
        "'".to_owned() + &".a".repeat(60_000) + "\n'" + &"+1".repeat(60_000),
        "x = ".repeat(deep) + "1",
        "if 1:\n".to_owned() + &(1..2_000).map(|n| " ".repeat(n) + "if 1:\n").collect::<String>(),
        "match x:\n case ".to_owned() + &"[".repeat(deep),
        "match x:\n case ".to_owned() + &"a|".repeat(deep),
        "x: ".repeat(deep),
        "@".repeat(deep),
        "#".repeat(5 << 20),
    ] {
        for sign in application(source.as_bytes()) {
            assert!(sign.name.len() < 300);
        }
        library(source.as_bytes(), "x");
    }
    assert_eq!(application("#".repeat(5 << 20).as_bytes())[0].kind, Kind::Unread);
    let many: String = (0..50_000).map(|n| format!("import m{n}\n")).collect();
    assert_eq!(application(many.as_bytes()).len(), slimwright::source::MAX_SIGNS);
}

#[test]
fn signs_are_text_and_text_is_signs() {
    let found =
        application(b"import a.b\ntry:\n    import c\nexcept ImportError: pass\nx.cuda()\nf(device='cuda:1')\n");
    assert_eq!(
        String::from_utf8_lossy(&encode(&found)),
        "import 1 a.b\nimport? 3 c\ncall 5 cuda\ntext 6 cuda:1\nearly 1 a.b\nearly 3 c\n"
    );
    assert_eq!(decode(&encode(&found)), found);
    assert_eq!(
        decode(b"import\nimport x y\nevil 1 a\nimport 99999999999 a\n\xff 1 a\nuse 1 \n"),
        [Sign { kind: Kind::Use, name: String::new(), guarded: false, line: 1 }]
    );
}

#[test]
fn of_a_library_the_imported_distributions_are_found() {
    let source = b"import os, numpy as np\nfrom . import sibling\nfrom own.part import x\nfrom PIL.Image import open\n\
        try: import simplejson\nexcept ImportError: import json\n    import scipy.ndimage; import cv2\n\
        x = importlib.import_module('lazy.part')\n# an important remark\nreimport x\nimport(y)\ncv2.imshow('a', b)\n";
    let found: Vec<String> =
        library(source, "own").iter().map(|sign| format!("{:?} {} {}", sign.kind, sign.name, sign.line)).collect();
    let expected = [
        "Import PIL 4",
        "Import cv2 7",
        "Import lazy 8",
        "Import numpy 1",
        "Import scipy 7",
        "Import simplejson 5",
        "Use cv2.imshow 12",
    ];
    assert_eq!(found, expected);
}

proptest! {
    #[test]
    fn no_source_breaks_the_reader(parts in prop::collection::vec(prop::sample::select(vec![
        "import a", "from a import b", "\n", "    ", "(", ")", "[", "]", "{", "}", ":", "'", "\"\"\"", "f'", "x", ".", ",", "=",
        "if ", "else", "try:", "except", "lambda", "\\", "#", "\u{feff}", "é", "0", "@", "match x:", "case", "\t", "\r", "\0", "%", "!",
    ]), 0..60)) {
        let source = parts.concat();
        let found = application(source.as_bytes());
        prop_assert_eq!(decode(&encode(&found)), found);
        library(source.as_bytes(), "a");
    }
}

/// A distribution of the fixture: its metadata, and its files as `path = content` or `path size`.
fn dist(name: &str, version: &str, requires: &[&str], files: &[&str]) -> String {
    let folder = format!("{SITE}/{}-{version}.dist-info", name.replace('-', "_"));
    let requires: String = requires.iter().map(|name| format!("Requires-Dist: {name}\\n")).collect();
    let rows: String = files.iter().map(|file| format!("{},,\\n", file.split(' ').next().unwrap())).collect();
    let lines: String = files.iter().map(|file| format!("f {SITE}/{file}\n")).collect();
    format!(
        "{lines}f {folder}/METADATA = Name: {name}\\nVersion: {version}\\n{requires}\nf {folder}/RECORD = {rows}\n\
         f {folder}/INSTALLER = pip\nf {folder}/REQUESTED =\n"
    )
}

fn with_plan<T>(spec: &str, accept: &[&str], then: impl FnOnce(&[Finding], &Plan) -> T) -> T {
    let base = "layer ADD rootfs\nf bin/sh 10\nempty CMD [\"python3\"]\nlayer RUN pip install -r requirements.txt\n";
    let image = fixture::image(&format!("{base}{spec}"));
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let rules = embedded();
    let findings = evaluate(&facts, &rules);
    let options = PlanOptions {
        accept: accept.iter().map(|&id| id.to_owned()).collect(),
        base: Some("python:3.11-slim".into()),
        ..PlanOptions::default()
    };
    let plan = prove::make(&facts, &findings, &rules, &options).unwrap();
    then(&findings, &plan)
}

fn pins(plan: &Plan) -> Vec<&str> {
    plan.pins.iter().map(|pin| pin.name.as_str()).collect()
}

fn two_opencvs(main: &str, library: &str) -> String {
    dist("opencv-python", "4.8", &[], &["cv2/__init__.py 10", "cv2/cv2.abi3.so 9000"])
        + &dist("opencv-python-headless", "4.8", &[], &["cv2/__init__.py 10", "cv2/cv2.abi3.so 9000"])
        + &dist("imgaug", "0.4", &["opencv-python"], &[&format!("imgaug/__init__.py = {library}")])
        + &format!("f app/main.py = import cv2, imgaug\\n{main}\n")
}

#[test]
fn the_family_member_that_the_application_needs_is_kept() {
    let quiet = "cv2.resize(x)";
    with_plan(&two_opencvs(quiet, "import cv2"), &[], |_, plan| {
        assert_eq!(pins(plan), ["imgaug", "opencv-python-headless"]);
        assert!(plan.notes.iter().any(|note| note.contains("shows no use")), "{:?}", plan.notes);
    });
    with_plan(&two_opencvs("cv2.imshow(a, b)", "import cv2"), &[], |_, plan| {
        assert_eq!(pins(plan), ["imgaug", "opencv-python"]);
        let kept = "opencv-python is kept for what the application uses: /app/main.py, line 2: cv2.imshow";
        assert!(plan.notes.iter().any(|note| note == kept), "{:?}", plan.notes);
    });
    with_plan(&two_opencvs("cv2.ximgproc.thinning(a)", "import cv2"), &[], |_, plan| {
        assert_eq!(pins(plan), ["imgaug", "opencv-contrib-python-headless"]);
    });
    // A library decides nothing, and is named.
    let library = "import cv2\\ndef imshow(x):\\n    cv2.imshow(x, x)";
    with_plan(&two_opencvs(quiet, library), &[], |_, plan| {
        assert_eq!(pins(plan), ["imgaug", "opencv-python-headless"]);
        let note = plan.notes.iter().find(|note| note.starts_with("imgaug 0.4 uses")).expect("a note");
        assert!(note.contains("imgaug/__init__.py, line 3: cv2.imshow"), "{note}");
    });
}

#[test]
fn a_swap_that_the_application_speaks_against_waits_for_a_word() {
    let torch = |main: &str| {
        dist("torch", "2.1.1", &["nvidia-nccl-cu12"], &["torch/__init__.py 10", "torch/lib/libtorch_cuda.so 9000"])
            + &dist("nvidia-nccl-cu12", "2.18", &[], &["nvidia/nccl/lib/libnccl.so.2 500"])
            + &format!("f app/main.py = import torch\\n{main}\n")
    };
    let guarded = "device = 'cuda' if torch.cuda.is_available() else 'cpu'";
    with_plan(&torch(guarded), &[], |findings, plan| {
        assert_eq!(findings.iter().find(|finding| finding.rule == "torch-cuda").unwrap().tier, Tier::Auto);
        assert_eq!(pins(plan), ["torch"]);
        assert!(plan.pins[0].index.is_some());
    });
    let bare = "model = model.to('cuda')";
    with_plan(&torch(bare), &[], |findings, plan| {
        let finding = findings.iter().find(|finding| finding.rule == "torch-cuda").unwrap();
        assert_eq!(finding.tier, Tier::Confirm);
        assert_eq!(finding.evidence[0].location.as_ref().unwrap().path.to_string(), "/app/main.py");
        assert_eq!(finding.evidence[0].note, "line 2: \"cuda\"");
        assert_eq!(pins(plan), ["nvidia-nccl-cu12", "torch"]);
        let skipped = plan.skipped.iter().find(|skipped| skipped.rule == "torch-cuda").unwrap();
        assert_eq!(skipped.tier, Tier::Confirm);
        let reason = "opt in with --accept torch-cuda; the application asks for a GPU: /app/main.py, line 2: \"cuda\"";
        assert_eq!(skipped.reason, reason);
    });
    with_plan(&torch(bare), &["torch-cuda"], |_, plan| {
        assert_eq!(pins(plan), ["torch"]);
        assert!(plan.notes.iter().any(|note| note.starts_with("torch-cuda is followed although")), "{:?}", plan.notes);
    });
}

#[test]
fn who_asks_one_library_for_a_gpu_keeps_the_gpu_builds_of_the_others() {
    let torch =
        dist("torch", "2.1.1", &["nvidia-nccl-cu12"], &["torch/__init__.py 10", "torch/lib/libtorch_cuda.so 9000"])
            + &dist("nvidia-nccl-cu12", "2.18", &[], &["nvidia/nccl/lib/libnccl.so.2 500"]);
    let main =
        "f app/main.py = import onnxruntime\\nonnxruntime.InferenceSession('m', providers=['CUDAExecutionProvider'])\n";
    let runtime = dist("onnxruntime-gpu", "1.20.0", &[], &["onnxruntime/__init__.py 10"]);
    let tier = |spec: &str| {
        let mut tier = None;
        with_plan(spec, &[], |findings, _| {
            tier = findings.iter().find(|finding| finding.rule == "torch-cuda").map(|finding| finding.tier);
        });
        tier
    };
    assert_eq!(tier(&(torch.clone() + &runtime + main)), Some(Tier::Confirm));
    // Nothing that is installed answers.
    assert_eq!(tier(&(torch + main)), Some(Tier::Auto));
}

#[test]
fn what_nobody_imports_goes_when_it_is_accepted() {
    let spec = dist("flask", "3.0", &["werkzeug"], &["flask/__init__.py = import werkzeug"])
        + &dist("werkzeug", "3.0", &[], &["werkzeug/__init__.py = import os"])
        + &dist("pandas", "2.2", &["numpy"], &["pandas/__init__.py = import numpy"])
        + &dist("numpy", "1.26", &[], &["numpy/__init__.py = import os"])
        + "f app/main.py = from flask import Flask\n";
    with_plan(&spec, &[], |findings, plan| {
        let unused: Vec<String> = findings
            .iter()
            .filter(|finding| finding.rule == "unused-distribution")
            .map(|finding| finding.subject.to_string())
            .collect();
        assert_eq!(unused, ["pandas"]);
        assert_eq!(pins(plan), ["flask", "numpy", "pandas", "werkzeug"]);
    });
    // numpy was marked as asked for, too: it is a root, and stays.
    with_plan(&spec, &["unused-distribution"], |_, plan| assert_eq!(pins(plan), ["flask", "numpy", "werkzeug"]));
}

/// An archive with one layer: the application's source and a library's.
fn service(store: &Store) -> std::path::PathBuf {
    let layer = Tar::new()
        .file("app/main.py", "import os\n")
        .file(&format!("{SITE}/a/__init__.py"), "import b.c, os, a.own\n")
        .file(&format!("{SITE}/a/plain.py"), "import os\n")
        .file(&format!("{SITE}/a/tests/t.py"), "import d\n");
    store.write("service.tar", docker_old(&Parts::new(vec![layer.finish()])))
}

fn kept(image: &Image) -> Vec<(String, String)> {
    let layer = &image.layers[0];
    let text = |(position, text): (&u32, &Vec<u8>)| {
        (layer.entries[*position as usize].path.to_string(), String::from_utf8(text.clone()).unwrap())
    };
    layer.contents.iter().map(text).collect()
}

#[test]
fn sources_of_distributions_are_read_on_request_and_a_cache_knows_whether_they_were() {
    let store = Store::new();
    let path = service(&store);
    let target = Target::at(path);
    let cache = Cache::new(store.path("cache"), 1_000_000);
    let read = |sources: bool| {
        let mut options = OpenOptions { cache: Some(cache.clone()), ..OpenOptions::default() };
        options.limits.sources = sources;
        let image = open(&target, &options, &()).unwrap();
        cache.flush().unwrap();
        image
    };
    let main = ("/app/main.py".to_owned(), "import 1 os\n".to_owned());
    let library = (format!("/{SITE}/a/__init__.py"), "import 1 b\n".to_owned());
    let audit = read(false);
    assert_eq!((audit.layers[0].sources, kept(&audit)), (false, vec![main.clone()]));
    let plan = read(true);
    assert_eq!((plan.layers[0].sources, kept(&plan)), (true, vec![main, library]));
    // What knows more serves who wants less.
    assert_eq!(read(false), plan);
    let mut recorded = Vec::new();
    write_recorded(&plan, &mut recorded).unwrap();
    assert_eq!(kept(&read_recorded(std::path::Path::new("x"), &recorded).unwrap()), kept(&plan));
}

#[test]
fn what_a_cache_has_unpacked_says_nothing_of_the_application() {
    let wheel = dist("onnxruntime-gpu", "1.17.1", &[], &["onnxruntime/__init__.py 10", "onnxruntime/capi.so 900000"]);
    let source = "import onnxruntime\\nonnxruntime.InferenceSession('m', providers=['CUDAExecutionProvider'])\\n";
    let main = "f app/main.py = import onnxruntime\\n\n";
    for cache in ["root/.cache/uv/archive-v0/Zx/onnxruntime/a.py", "var-cache/archive-v0/Zx/onnxruntime/a.py"] {
        with_plan(&format!("{wheel}{main}f {cache} = {source}\n"), &[], |findings, plan| {
            assert!(pins(plan).contains(&"onnxruntime"), "{:?} {findings:?}", pins(plan));
        });
    }
    // The application's own word counts.
    with_plan(&format!("{wheel}f app/main.py = {source}\n"), &[], |_, plan| {
        assert!(pins(plan).contains(&"onnxruntime-gpu"), "{:?}", pins(plan));
    });
}

#[test]
fn a_module_that_only_the_gpu_build_has_is_not_asked_of_the_other_one() {
    let files = ["torch/__init__.py 10", "torch/lib/libtorch_cuda.so 900000", "nvfuser/__init__.py 10"];
    let torch = dist("torch", "2.1.1", &["nvidia-cublas-cu12"], &files);
    with_plan(&format!("{torch}f app/main.py = import torch\\n\n"), &[], |_, plan| {
        let row = plan.smoke_modules.iter().find(|row| row.distribution == "torch").unwrap();
        assert_eq!(row.modules, ["torch"], "{:?}", plan.pins);
    });
}

#[test]
fn it_is_known_which_imports_run_when_the_file_is_loaded() {
    let source = "import os\nimport a.b\nfrom c.d import e, f as g\nclass K:\n    import h\n    def m(self):\n        import i\n        from .own import x\nasync def n():\n    from j import k\n    def o():\n        import l\nif True:\n    import p\nq = importlib.import_module(\"q.r\")\n";
    let with_import = format!("import importlib\n{source}");
    let of = |text: &str, kind: Kind| -> Vec<(String, u32)> {
        let signs = application(text.as_bytes()).into_iter();
        signs.filter(|sign| sign.kind == kind).map(|sign| (sign.name, sign.line)).collect()
    };
    let named = |all: &[(&str, u32)]| all.iter().map(|(name, line)| ((*name).to_owned(), *line)).collect::<Vec<_>>();
    let early = [("a.b", 3), ("c.d.e", 4), ("c.d.f", 4), ("h", 6), ("p", 15), ("q.r", 16)];
    assert_eq!(of(&with_import, Kind::Early), named(&early), "Python's own modules are left out");
    assert_eq!(
        of(&with_import, Kind::Late),
        named(&[("i", 8), ("j.k", 11), ("l", 13)]),
        "a relative one is the application's"
    );
    let lazy = "lazy import numpy\nlazy from pandas import DataFrame\nimport torch\n";
    assert_eq!(of(lazy, Kind::Late), named(&[("numpy", 1), ("pandas.DataFrame", 2)]), "PEP 810");
    assert_eq!(of(lazy, Kind::Early), named(&[("torch", 3)]));
}
