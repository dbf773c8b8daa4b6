//! The gate: for each kind of limit a pass and a failure, with the exact message and exit code, through the binary; and
//! everything that must never pass.

use crate::fixture::image;
use crate::gallery::{GALLERY, GROWTH, MISTAKES};
use crate::prove::on_python;
use assert_cmd::Command;
use proptest::prelude::*;
use serde_json::Value;
use slimwright::base::Hint as _;
use slimwright::base::Text;
use slimwright::budget::{
    AcceptedState, BudgetError, CheckId, Config, Date, Lock, LockError, Outcome, Snapshot, Verdict, evaluate,
};
use slimwright::facts::Survey;
use slimwright::fs::View;
use slimwright::image::{Gap, GapReason, Image, Writes, write_recorded};
use slimwright::rules::embedded;
use slimwright::rules::evaluate as findings;
use std::path::Path;
use std::sync::Arc;

const SITE: &str = "usr/local/lib/python3.11/site-packages";

/// A distribution of so many bytes, and what it requires.
pub fn dist(name: &str, version: &str, bytes: u32, requires: &[&str]) -> String {
    let requires: String = requires.iter().map(|text| format!("Requires-Dist: {text}\\n")).collect();
    format!(
        "f {SITE}/{name}-{version}.dist-info/METADATA = Name: {name}\\nVersion: {version}\\n{requires}\n\
         f {SITE}/{name}.py {bytes}\nf {SITE}/{name}-{version}.dist-info/RECORD = {name}.py,,\\n\n"
    )
}

/// 817 MB: a base image, a compiler, a GPU build, an uninstalled distribution, a cache, an application. `more` is in the
/// layer that pip made.
pub fn service(more: &str) -> Image {
    let packages = "Package: libc6\\nVersion: 2.36\\nStatus: install ok installed\\n\\n";
    let gcc = "Package: gcc\\nVersion: 12.2\\nStatus: install ok installed\\n\\n";
    let installed = [
        dist("easyocr", "1.7.1", 5_000_000, &["torch"]),
        dist("torch", "2.1.1", 310_000_000, &["nvidia-cublas-cu12", "nvidia-cudnn-cu12"]),
        dist("nvidia-cublas-cu12", "12.1", 200_000_000, &[]),
        dist("nvidia-cudnn-cu12", "8.9", 100_000_000, &[]),
        dist("requests", "2.31.0", 2_000_000, &[]),
        dist("oldlib", "1.0", 60_000_000, &[]),
    ]
    .concat();
    let mut image = image(&format!(
        "layer ADD rootfs.tar /\nf usr/lib/libc.so.6 50000000\nf var/lib/dpkg/status = {packages}\n\
         f var/lib/dpkg/info/libc6.list = /usr/lib/libc.so.6\\n\nempty CMD [\"bash\"]\n\
         layer RUN apt-get install -y gcc\nf usr/bin/gcc 40000000\nf var/lib/dpkg/status = {packages}{gcc}\n\
         f var/lib/dpkg/info/gcc.list = /usr/bin/gcc\\n\n\
         layer RUN pip install -r requirements.txt\n{installed}{more}f root/.cache/pip/http/x 30000000\n\
         layer RUN pip uninstall -y oldlib\nw {SITE}/oldlib.py\nw {SITE}/oldlib-1.0.dist-info\n\
         layer COPY . /app\nf app/requirements.txt = easyocr\\nrequests\\noldlib\\n\nf app/model.bin 20000000\n"
    ));
    image.name = "team/service:1.0".into();
    for (layer, wire) in image.layers.iter_mut().zip([25_000_000, 20_000_000, 300_000_000, 100, 10_000_000]) {
        Arc::make_mut(layer).wire = Some(wire);
    }
    image
}

/// A folder with recorded images, a configuration and a lock.
pub struct Bench(pub tempfile::TempDir);

impl Bench {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn with(image: &Image, config: &str) -> Self {
        let bench = Self::new();
        bench.record("image.index", image);
        bench.write("slimwright.toml", config);
        bench
    }

    pub fn record(&self, name: &str, image: &Image) {
        let mut bytes = Vec::new();
        write_recorded(image, &mut bytes).unwrap();
        std::fs::write(self.0.path().join(name), bytes).unwrap();
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path().join(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap()
    }

    /// Exit code, stdout, stderr.
    pub fn run(&self, args: &[&str]) -> (i32, String, String) {
        let cache = tempfile::tempdir().unwrap();
        let mut command = Command::cargo_bin("slimwright").unwrap();
        command.env("SLIMWRIGHT_CACHE_DIR", cache.path()).env("SOURCE_DATE_EPOCH", "1782864000");
        let output = command.current_dir(self.0.path()).args(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    pub fn check(&self, args: &[&str]) -> (i32, String, String) {
        self.run(&[&["check", "index:image.index", "-q"], args].concat())
    }

    /// Exit code and verdict.
    fn verdict(&self, args: &[&str]) -> (i32, Value) {
        let (code, stdout, stderr) = self.check(&[args, &["--format", "json"]].concat());
        (code, serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{code} {stdout} {stderr}")))
    }
}

/// Today in most tests; that of [`Bench::run`] too.
fn today() -> Date {
    "2026-07-01".parse().unwrap()
}

fn snapshot(image: &Image) -> Snapshot {
    let view = View::new(image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    Snapshot::new(&facts, &findings(&facts, &embedded()))
}

fn judged(image: &Image, config: &str) -> Verdict {
    judged_on(image, config, today())
}

fn judged_on(image: &Image, config: &str, today: Date) -> Verdict {
    evaluate(&snapshot(image), &Config::parse(config, "slimwright.toml").unwrap(), None, today).unwrap()
}

#[test]
fn each_kind_of_limit_is_kept_or_broken_with_its_exit_code_and_message() {
    let bench = Bench::with(&service(""), "");
    for (config, code, outcome, message) in GALLERY {
        bench.write("slimwright.toml", config);
        let (found, verdict) = bench.verdict(&[]);
        let checks = verdict["checks"].as_array().unwrap();
        assert_eq!(checks.len(), 1, "{config}");
        let told = (found, checks[0]["outcome"].as_str().unwrap(), checks[0]["message"].as_str().unwrap());
        assert_eq!(told, (*code, *outcome, *message), "{config}");
        assert_eq!(verdict["outcome"], *outcome, "{config}");
        assert_eq!(checks[0]["location"]["line"], 1, "{config}");
    }
}

#[test]
fn the_gallery_has_every_kind_of_check() {
    let snapshot = snapshot(&service(""));
    let names: Vec<&str> = snapshot.names.iter().map(Text::as_str).collect();
    let of = |config: &str| {
        let limits = Config::parse(config, "x").unwrap().limits(&names, "linux/amd64");
        let forbidden = &limits.forbidden;
        let mut ids: Vec<CheckId> = limits.bounds.iter().map(|bound| bound.id).collect();
        ids.extend(limits.python.iter().map(|_| CheckId::Python));
        ids.extend(forbidden.distributions.iter().map(|_| CheckId::ForbiddenDistribution));
        ids.extend(forbidden.os_packages.iter().map(|_| CheckId::ForbiddenOsPackage));
        ids.extend(forbidden.rules.iter().map(|_| CheckId::ForbiddenRule));
        ids
    };
    let gallery = GALLERY.iter().map(|row| row.0).chain(GROWTH.iter().map(|row| row.0));
    let mut shown: Vec<CheckId> = gallery.flat_map(of).collect();
    shown.sort();
    shown.dedup();
    assert_eq!(shown, CheckId::ALL);
}

#[test]
fn growth_is_held_against_the_baseline() {
    let bench = Bench::with(&service(""), "limits.unpacked = '2 GB'");
    let (code, _, stderr) = bench.check(&["--update"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    bench.record("image.index", &service(&dist("heavy", "1.0", 150_000_000, &[])));
    let lock = bench.read("slimwright.lock");
    for (config, code, message) in GROWTH {
        bench.write("slimwright.toml", config);
        let (found, verdict) = bench.verdict(&[]);
        assert_eq!((found, verdict["checks"][0]["message"].as_str().unwrap()), (*code, *message), "{config}");
        assert_eq!(bench.read("slimwright.lock"), lock);
    }
}

#[test]
fn a_pull_request_that_adds_a_heavy_dependency_fails_naming_it_and_its_chain() {
    let bench = Bench::with(&service(""), "growth.unpacked = '50 MB'\nlimits.unpacked = '900 MB'");
    assert_eq!(bench.check(&["--update"]).0, 0);
    let more = [
        dist("reports", "3.0", 1_000_000, &["plotting"]),
        dist("plotting", "5.0", 4_000_000, &["heavy"]),
        dist("heavy", "1.0", 150_000_000, &[]),
    ];
    let mut image = service(&more.concat());
    image.name = "team/service:pr-12".into();
    bench.record("image.index", &image);
    let (code, stdout, stderr) = bench.check(&[]);
    assert_eq!(code, 1, "{stdout}");
    for line in [
        "  FAILED   growth-unpacked: the image unpacks to 972 MB, 155 MB (19 %) more than\n\
         \x20          before: over the limit of 50 MB\n",
        "             +150 MB heavy 1.0 (new)\n\
         \x20                      reports 3.0 → plotting 5.0 → heavy 1.0 (nothing requires\n\
         \x20                      it)\n",
        "failed: 2 of 2 limits are broken\n",
    ] {
        assert!(stdout.contains(line), "expected {line:?} in\n{stdout}");
    }
    assert_eq!(stderr, "error: team/service:pr-12 is over its budget: unpacked, growth-unpacked\n");
    let (_, verdict) = bench.verdict(&[]);
    for check in verdict["checks"].as_array().unwrap() {
        let culprit = &check["culprits"][0];
        assert_eq!(culprit["name"], "heavy", "a total that was kept before says what grew, too");
        assert_eq!(culprit["chain"], serde_json::json!(["reports 3.0", "plotting 5.0", "heavy 1.0"]));
        assert_eq!(culprit["growth"].as_i64().unwrap() / 1_000_000, 150);
    }
}

#[test]
fn the_flagship_fails_three_gigabytes_naming_what_weighs_and_its_plan_keeps_what_it_predicts() {
    let bench = Bench::new();
    let index = format!("index:{}/testdata/flagship.index", env!("CARGO_MANIFEST_DIR"));
    bench.write("slimwright.toml", "limits.unpacked = '3 GB'\nforbid = ['nvidia-*', 'opencv-contrib-python']\n");
    let (code, stdout, _) = bench.run(&["check", &index, "-q"]);
    assert_eq!(code, 1);
    for text in [
        "unpacked: the image unpacks to 8.24 GB, 5.24 GB over the limit of",
        "3.05 GB nvidia-* (12 distributions)",
        "torch 2.1.1 → nvidia-* (/app/requirements.txt, line 24)",
        "1.43 GB torch 2.1.1\n                       asked for: /app/requirements.txt, line 24",
        "opencv-* (3 distributions, 2 of them hidden)",
        "opencv-contrib-python 4.6.0.66 (hidden) 187 MB\n                       (/app/requirements.txt, line 21), opencv-python 4.6.0.66\n",
        "The plan leads to 3.11 GB unpacked (predicted), which fails too.",
    ] {
        assert!(stdout.contains(text), "expected {text:?} in\n{stdout}");
    }
    // The plan does not reach 3 GB; it does reach what it predicts.
    bench.write("slimwright.toml", "limits.unpacked = '3.2 GB'\nforbid = ['nvidia-*', 'opencv-contrib-python']\n");
    let (code, stdout, _) = bench.run(&["check", &index, "-q", "--planned"]);
    assert!(code == 0 && stdout.contains("passed: 3 of 3 limits are kept"), "{stdout}");
}

#[test]
fn a_limit_that_the_plan_reaches_or_does_not_reach_is_told_apart() {
    let image =
        on_python("layer RUN pip install x\nf root/.cache/pip/http/x 30000000\nlayer COPY . .\nf app/x.bin 20000000\n");
    for (limit, says, planned) in [("1 MB", "which fails too.", 1), ("40 MB", "which passes.", 0)] {
        let bench = Bench::with(&image, &format!("limits.unpacked = '{limit}'\n"));
        let (code, stdout, _) = bench.check(&[]);
        let words: Vec<&str> = stdout.split_whitespace().collect();
        assert!(code == 1 && words.join(" ").contains(&format!("(predicted), {says}")), "{stdout}");
        assert_eq!(bench.check(&["--planned"]).0, planned, "{limit}");
    }
}

#[test]
fn what_cannot_be_measured_never_passes() {
    let gap = |place: &str| Gap {
        place: place.into(),
        command: "RUN make".into(),
        why: GapReason::Program,
        writes: Writes::Anywhere,
        copied: false,
    };
    let mut virtual_image = service("");
    virtual_image.gaps = vec![gap("Dockerfile, line 12")];
    let mut without_wire = service("");
    Arc::make_mut(&mut without_wire.layers[2]).wire = None;
    let without_python = image("layer x\nf usr/bin/app 5000\n");
    for (image, config, outcome, message) in [
        (
            &virtual_image,
            "limits.unpacked = '900 MB'",
            Outcome::CouldNotMeasure,
            "the image unpacks to 817 MB, which is too small by an unknown amount: RUN make (Dockerfile, line 12) is \
             not predicted: what this program writes is not known",
        ),
        (
            &virtual_image,
            "limits.unpacked = '800 MB'",
            Outcome::Fail,
            "the image unpacks to 817 MB, 17 MB over the limit of 800 MB",
        ),
        (
            &virtual_image,
            "limits.unpacked = { warn = '800 MB', max = '900 MB' }",
            Outcome::CouldNotMeasure,
            "the image unpacks to 817 MB, which is too small by an unknown amount: RUN make (Dockerfile, line 12) is \
             not predicted: what this program writes is not known",
        ),
        (
            &virtual_image,
            "limits.unpacked = { warn = '800 MB' }",
            Outcome::Warn,
            "the image unpacks to 817 MB, 17 MB over the soft limit of 800 MB, or more: RUN make (Dockerfile, line 12) is \
             not predicted: what this program writes is not known",
        ),
        (
            &virtual_image,
            "forbid = ['jax']",
            Outcome::CouldNotMeasure,
            "no distribution is named jax, as far as is known: RUN make (Dockerfile, line 12) is not predicted: what \
             this program writes is not known",
        ),
        (
            &virtual_image,
            "unpredicted = 'allow'\nlimits.unpacked = '900 MB'",
            Outcome::Pass,
            "the image unpacks to 817 MB, within the limit of 900 MB",
        ),
        (
            &without_wire,
            "limits.wire = '9 GB'",
            Outcome::CouldNotMeasure,
            "the compressed size of layer 3 is not known: this source of the image has none (a registry or an OCI \
             layout has)",
        ),
        (
            &without_python,
            "python = true\nlimits.unpacked = '9 GB'",
            Outcome::CouldNotMeasure,
            "no Python was found in the image, and the configuration promises one",
        ),
    ] {
        let verdict = judged(image, config);
        let worst = verdict.checks.iter().max_by_key(|check| check.outcome).unwrap();
        assert_eq!((verdict.outcome, worst.message.as_str()), (outcome, message), "{config}");
        let bench = Bench::with(image, config);
        assert_eq!(bench.check(&[]).0, i32::from(outcome.exit_code()), "{config}");
    }
    let allowed = judged(&virtual_image, "unpredicted = 'allow'\nlimits.unpacked = '900 MB'");
    assert_eq!(allowed.warnings.len(), 1);
    assert!(allowed.warnings[0].message.contains("too small by an unknown amount"), "{:?}", allowed.warnings);
}

#[test]
fn a_part_that_could_not_be_read_is_no_pass_even_where_gaps_are_allowed() {
    let mut broken = service("");
    broken.unread.push(slimwright::base::Problem::new("/app/secret", "cannot read: permission denied"));
    let verdict = judged(&broken, "unpredicted = 'allow'\nlimits.unpacked = '900 MB'");
    assert_eq!(verdict.outcome, Outcome::CouldNotMeasure);
    assert!(verdict.checks[0].message.ends_with("/app/secret: cannot read: permission denied"));
}

#[test]
fn a_configuration_that_limits_nothing_or_is_not_there_is_2() {
    let bench = Bench::with(&service(""), "");
    let (code, stdout, stderr) = bench.check(&[]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.starts_with("error: slimwright.toml: nothing in it limits team/service (linux/amd64)"), "{stderr}");
    bench.write("slimwright.toml", "[[image]]\nname = 'team/other'\nlimits.unpacked = '1 B'\n");
    assert_eq!(bench.check(&[]).0, 2);
    bench.write("slimwright.toml", "limits.unpacked = 'none'");
    assert_eq!(bench.check(&[]).0, 2);
    let (code, _, stderr) = bench.check(&["--config", "absent.toml"]);
    assert!(code == 2 && stderr.contains("absent.toml: cannot read"), "{stderr}");
    std::fs::remove_file(bench.0.path().join("slimwright.toml")).unwrap();
    let (code, stdout, stderr) = bench.check(&[]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.contains("--init` writes slimwright.toml") && stderr.contains("`limits.unpacked = "), "{stderr}");
    assert_eq!(bench.check(&["--limit", "unpacked=900 MB"]).0, 0);
    let (code, _, stderr) = bench.check(&["--limit", "unpacked=800 MB"]);
    assert_eq!((code, stderr.as_str()), (1, "error: team/service:1.0 is over its budget: unpacked\n"));
    assert_eq!(bench.check(&["--limit", "distributions.nvidia-*=0 B"]).0, 1);
    for (limit, says) in [
        ("unpacked", "expected KEY=SIZE"),
        ("unpacked=900", "has no unit"),
        ("unpaked=1 MB", "did you mean `unpacked`?"),
        ("distributions=1 MB", "expected a name"),
        ("unpacked.x=1 MB", "takes no name"),
        ("findings.error=1", "stand in the configuration"),
    ] {
        let (code, _, stderr) = bench.check(&["--limit", limit]);
        assert!(code == 2 && stderr.contains(says), "{limit}: {stderr}");
    }
}

#[test]
fn growth_without_a_baseline_is_2_and_says_how_to_get_one() {
    let bench = Bench::with(&service(""), "limits.unpacked = '2 GB'\ngrowth.unpacked = '1 MB'\n");
    let (code, stdout, stderr) = bench.check(&[]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert_eq!(
        stderr,
        "error: slimwright.toml:2: `growth.unpacked` limits growth, and there is no baseline for team/service \
         (linux/amd64, measured)\nhint: `slimwright check TARGET --update` writes it into slimwright.lock, which belongs \
         into version control\n"
    );
    assert!(bench.check(&["--tighten"]).2.contains("--update"));
    // What was predicted is no baseline for what is measured.
    let mut predicted = service("");
    predicted.basis = slimwright::base::Basis::Predicted;
    bench.record("image.index", &predicted);
    assert_eq!(bench.check(&["--update"]).0, 0);
    bench.record("image.index", &service(""));
    assert_eq!(bench.check(&[]).0, 2);
    assert_eq!(bench.check(&["--update"]).0, 0);
    assert_eq!(bench.read("slimwright.lock").matches("[[image]]").count(), 2);
}

#[test]
fn the_baseline_is_written_on_demand_and_never_by_a_failure() {
    let bench = Bench::with(&service(""), "limits.unpacked = '800 MB'\n");
    let (code, _, stderr) = bench.check(&["--update"]);
    assert!(code == 1 && stderr.contains("slimwright.lock was left as it is"), "{stderr}");
    assert!(!bench.0.path().join("slimwright.lock").exists());
    bench.write("slimwright.toml", "limits.unpacked = '1 GB'\ngrowth.unpacked = '10 MB'\n");
    assert_eq!(bench.check(&["--update"]).0, 0);
    let first = bench.read("slimwright.lock");
    assert_eq!(bench.check(&["--update"]).0, 0);
    assert_eq!(bench.read("slimwright.lock"), first);

    // An improvement lowers it on demand only.
    bench.record("image.index", &service(&dist("small", "1.0", 1_000_000, &[])));
    assert_eq!(bench.check(&["--tighten"]).0, 0);
    assert_eq!(bench.read("slimwright.lock"), first, "nothing became smaller");
    let mut smaller = service("");
    smaller.layers.pop();
    smaller.config.history.pop();
    bench.record("image.index", &smaller);
    assert_eq!(bench.check(&[]).0, 0);
    assert_eq!(bench.read("slimwright.lock"), first);
    assert_eq!(bench.check(&["--tighten"]).0, 0);
    let tightened = bench.read("slimwright.lock");
    assert_ne!(tightened, first);
    let (code, _, stderr) = {
        bench.record("image.index", &service(""));
        bench.check(&["--tighten"])
    };
    assert!(code == 1 && stderr.contains("left as it is"), "{stderr}");
    assert_eq!(bench.read("slimwright.lock"), tightened);

    // Another image's entry stays as it is.
    let mut other = service("");
    other.name = "team/another:7".into();
    bench.record("image.index", &other);
    assert_eq!(bench.check(&["--update"]).0, 0);
    let both = bench.read("slimwright.lock");
    assert!(both.contains("name = \"team/another\""));
    let (head, entry) = tightened.split_once("\n[[image]]\n").unwrap();
    assert!(both.starts_with(head) && both.ends_with(entry), "{both}");
    let rest: Vec<String> = std::fs::read_dir(bench.0.path())
        .unwrap()
        .map(|row| row.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with('.'))
        .collect();
    assert!(rest.is_empty(), "{rest:?}");
}

#[test]
fn a_lock_that_is_damaged_or_of_another_version_is_an_error_and_is_kept() {
    let snapshot = snapshot(&service(""));
    let mut lock = Lock::default();
    lock.set(&snapshot);
    let text = lock.render();
    assert_eq!(Lock::parse(&text, "x").unwrap(), lock);
    assert_eq!(Lock::parse(&text, "x").unwrap().render(), text);
    assert!(matches!(
        Lock::parse(&text.replace("version = 1\n", "version = 2\n"), "x"),
        Err(LockError::Version { found: 2, .. })
    ));
    let damages = [
        text.replace("version = 1\n", ""),
        text.replace("own-layers", "own-layer"),
        text.replace("bytes = 300000000", "bytes = 1"),
        text.replace("bytes = 300000000", "bytes = -300000000"),
        text.replace("basis = \"measured\"", "basis = \"catalogue\""),
        format!("{text}{}", text.split_once("version = 1\n").unwrap().1),
        text.replace("\n[image.wire]", "\n<<<<<<< HEAD\n[image.wire]"),
        text[..text.len() / 2].to_owned(),
        "\0".into(),
    ];
    let bench = Bench::with(&service(""), "limits.unpacked = '1 GB'");
    for damaged in damages {
        bench.write("slimwright.lock", &damaged);
        for args in [&[][..], &["--update"], &["--tighten"]] {
            let (code, stdout, stderr) = bench.check(args);
            assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
            assert!(stderr.starts_with("error: slimwright.lock:") && stderr.contains("hint: "), "{stderr}");
        }
        assert_eq!(bench.read("slimwright.lock"), damaged);
    }
    assert!(bench.check(&["--lock", "absent.lock"]).2.contains("absent.lock: cannot read"));
}

#[test]
fn acceptances_have_reasons_end_and_are_reported_when_they_match_nothing() {
    let config = "forbid-rules = ['deleted-bytes']\nlimits.findings.auto = 3\n\
                  [[accept]]\nrule = 'deleted-bytes'\nsubject = 'layer 3 *'\nreason = 'until the next\nrelease'\n\
                  expires = 2026-07-01\n[[accept]]\nrule = 'opencv-duplicates'\nsubject = '*'\nreason = 'x'\n";
    let config = config.replace("'until the next\nrelease'", "'until the next release'");
    let verdict = judged(&service(""), &config);
    assert_eq!(verdict.outcome, Outcome::Pass);
    let states: Vec<AcceptedState> = verdict.accepted.iter().map(|accepted| accepted.state).collect();
    assert_eq!(states, [AcceptedState::Active, AcceptedState::Unused]);
    assert_eq!(verdict.accepted[0].findings, ["layer 3 hidden by layer 4"]);
    let messages: Vec<&str> = verdict.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(messages, ["the acceptance of opencv-duplicates for * matches no finding: take it out"]);
    assert_eq!(verdict.warnings[0].location.as_ref().unwrap().line, 9);

    // The day after, the finding counts again.
    let verdict = judged_on(&service(""), &config, "2026-07-02".parse().unwrap());
    assert_eq!((verdict.outcome, verdict.accepted[0].state), (Outcome::Fail, AcceptedState::Expired));
    assert!(verdict.warnings[0].message.contains("ended on 2026-07-01: it no longer counts"), "{:?}", verdict.warnings);
    // The binary takes the day from SOURCE_DATE_EPOCH.
    assert_eq!(Bench::with(&service(""), &config).check(&[]).0, 0);
    let over = config.replace("2026-07-01", "2026-06-30");
    assert_eq!(Bench::with(&service(""), &over).check(&[]).0, 1);
}

#[test]
fn sections_for_images_and_platforms_override_key_by_key() {
    let config = "forbid = ['jax']\nlimits.unpacked = '1 B'\nlimits.wire = '1 B'\n\
                  [[image]]\nname = 'team/*'\nforbid = []\nlimits.unpacked = '900 MB'\n\
                  [[image]]\nname = 'team/service'\nplatform = 'linux/amd64'\nlimits.wire = 'none'\n\
                  [[image]]\nplatform = 'linux/arm64'\nlimits.unpacked = '2 B'\n";
    let verdict = judged(&service(""), config);
    let keys: Vec<(&str, Outcome)> = verdict.checks.iter().map(|check| (check.key.as_str(), check.outcome)).collect();
    assert_eq!(keys, [("limits.unpacked", Outcome::Pass)]);
    assert_eq!(verdict.checks[0].location.as_ref().unwrap().line, 7);
    let mut other = service("");
    other.platform = "linux/arm64".into();
    assert_eq!(judged(&other, config).checks.len(), 2);
    let bench = Bench::with(&service(""), config);
    assert_eq!(bench.check(&[]).0, 0);
    assert_eq!(bench.check(&["--name", "registry.example.org:5000/other/x"]).0, 0, "both names count");
}

#[test]
fn mistakes_in_a_configuration_are_shown_where_they_are() {
    for &(config, place, message, hint) in MISTAKES {
        let error = Config::parse(config, "budget.toml").unwrap_err();
        assert_eq!(error.place, format!("budget.toml:{place}"), "{config}: {}", error.message);
        assert!(error.message.contains(message), "{config}: expected {message:?} in {:?}", error.message);
        assert!(error.hint.unwrap_or_default().contains(hint), "{config}");
        let bench = Bench::with(&service(""), config);
        let (code, stdout, stderr) = bench.check(&[]);
        assert_eq!((code, stdout.as_str()), (2, ""), "{config}");
        assert!(stderr.starts_with(&format!("error: slimwright.toml:{place}: ")), "{config}: {stderr}");
    }
    for config in
        ["forbid-rules = ['opencv-duplicate']", "[[accept]]\nrule='opencv-duplicate'\nsubject='*'\nreason='x'"]
    {
        let (code, _, stderr) = Bench::with(&service(""), config).check(&[]);
        assert!(code == 2 && stderr.contains("no rule has the id `opencv-duplicate`"), "{stderr}");
        assert!(stderr.contains("hint: did you mean `opencv-duplicates`?"), "{stderr}");
    }
}

#[test]
fn every_example_of_the_documentation_parses() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/budget.md")).unwrap();
    let blocks: Vec<&str> =
        text.split("```toml\n").skip(1).map(|rest| rest.split_once("```").expect("a block ends").0).collect();
    assert!(blocks.len() > 10, "{}", blocks.len());
    for block in &blocks {
        let config = Config::parse(block, "docs/budget.md").unwrap_or_else(|error| panic!("{error}\n{block}"));
        config.check_rules(&embedded()).unwrap();
    }
    for id in CheckId::ALL {
        assert!(text.contains(&format!("`{}`", id.as_str())), "{} is not documented", id.as_str());
    }
}

#[test]
fn reports_go_where_they_are_sent_and_nothing_is_overwritten_unasked() {
    let bench = Bench::with(&service(""), "limits.unpacked = '900 MB'");
    let (code, stdout, _) = bench.check(&["--report", "json=verdict.json"]);
    assert!(code == 0 && stdout.starts_with("passed: 1 of 1 limits are kept\n"), "{stdout}");
    let verdict: Value = serde_json::from_str(&bench.read("verdict.json")).unwrap();
    assert_eq!(verdict["outcome"], "pass");
    assert_eq!(bench.check(&["--report", "json=verdict.json"]).0, 2);
    assert_eq!(bench.check(&["--report", "json=verdict.json", "--force"]).0, 0);
    let (_, stdout, _) = bench.check(&["--report", "json=-", "--report", "text=verdict.txt"]);
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap(), verdict);
    assert!(bench.read("verdict.txt").contains("passed"));
    for report in ["json", "json=", "yaml=x", "text=-"] {
        let (code, stdout, _) = bench.check(&["--report", report, "--report", "json=-"]);
        assert_eq!((code, stdout.as_str()), (2, ""), "{report}");
    }
}

#[test]
fn fingerprints_hold_no_sizes_and_no_tags() {
    let prints = |image: &Image, config: &str| {
        let verdict = judged(image, config);
        let all = verdict.checks.iter().flat_map(|check| {
            let culprits = check.culprits.iter().map(|culprit| check.fingerprint_of(culprit));
            [check.fingerprint.clone()].into_iter().chain(culprits)
        });
        all.collect::<Vec<String>>()
    };
    let first = prints(&service(""), "limits.unpacked = '800 MB'\nforbid = ['nvidia-*', 'torch']\n");
    let mut later = service(&dist("six", "1.0", 1_000, &[]));
    later.name = "team/service:2.0".into();
    let second = prints(&later, "limits.unpacked = '700 MB'\nforbid = ['nvidia-*', 'torch']\n");
    assert_eq!(first.len(), first.iter().collect::<std::collections::BTreeSet<_>>().len(), "{first:?}");
    assert!(first.iter().all(|print| second.contains(print)), "{first:?} {second:?}");
}

#[test]
fn hostile_names_steer_nothing() {
    let mut image = service(&format!("f {SITE}/a-1.dist-info/METADATA = Name: a\x1b[31m\\nVersion: 1\x07\\n\n"));
    image.name = "evil\x1b[31m:1".into();
    let bench = Bench::with(&image, "limits.any-distribution = '0 B'\nforbid = ['*']\nlimits.unpacked = '1 B'\n");
    for format in ["text", "json"] {
        let (code, stdout, stderr) = bench.check(&["--details", "--format", format]);
        assert_eq!(code, 1);
        assert!(!stdout.contains(['\x1b', '\x07']) && !stderr.contains('\x1b'), "{stdout} {stderr}");
    }
}

#[test]
fn the_configuration_of_a_build_context_is_found_in_it_and_its_gaps_are_no_pass() {
    let bench = Bench::new();
    let dir = bench.0.path().join("service");
    std::fs::create_dir(&dir).unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
    write("Dockerfile", "FROM scratch\nCOPY model.bin /app/\n");
    write("model.bin", &"x".repeat(3_000_000));
    write("slimwright.toml", "limits.unpacked = '2 MB'\n");
    bench.write("slimwright.toml", "limits.unpacked = '9 MB'\n");
    let (code, stdout, _) = bench.run(&["check", "context:service", "-q"]);
    assert!(code == 1 && stdout.contains("3.0 MB application, other files"), "{stdout}");
    assert!(stdout.contains("service/slimwright.toml:1"), "{stdout}");
    write("slimwright.toml", "limits.unpacked = '4 MB'\n");
    let (code, stdout, stderr) = bench.run(&["check", "context:service", "-q", "--update"]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    assert!(std::fs::read_to_string(dir.join("slimwright.lock")).unwrap().contains("basis = \"predicted\""));
    write("Dockerfile", "FROM scratch\nCOPY model.bin /app/\nRUN make all\n");
    let (code, stdout, stderr) = bench.run(&["check", "context:service", "-q"]);
    assert!(code == 3 && stdout.contains("Dockerfile, line 3"), "{stdout}");
    assert!(stderr.contains("hint: `unpredicted = \"allow\"`"), "{stderr}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn no_configuration_and_no_lock_is_a_surprise(text in damaged(), noise in ".{0,40}") {
        for text in [&text, &noise] {
            match Config::parse(text, "x.toml") {
                Ok(config) => {
                    let limits = config.limits(&["team/service"], "linux/arm64/v8");
                    prop_assert!(limits.bounds.iter().all(|bound| !bound.is_empty()));
                }
                Err(error) => {
                    let line = error.place.split(':').nth(1).unwrap().parse::<usize>().unwrap();
                    prop_assert!((1..=text.matches('\n').count() + 1).contains(&line), "{}", error);
                }
            }
            match Lock::parse(text, "x.lock") {
                Ok(lock) => prop_assert_eq!(Lock::parse(&lock.render(), "x").unwrap(), lock),
                Err(error) => prop_assert!(error.hint().is_some()),
            }
            let _ = Config::empty().with_limit(text);
        }
    }
}

/// A configuration or a lock, with something taken out and something put in.
fn damaged() -> impl Strategy<Value = String> {
    let mut lock = Lock::default();
    lock.set(&snapshot(&service("")));
    let config = "python = true\nforbid = ['nvidia-*']\nlimits.unpacked = { max = '1.2 GiB', warn = '900 MB' }\n\
                  [limits.distributions]\n'a_b*' = '0 B'\n[limits.findings]\nauto = 0\n[growth]\nwire = ['5 %', '1 MB']\n\
                  [[image]]\nname = '**/x'\nlimits.unpacked = 'none'\n\
                  [[accept]]\nrule = 'a'\nsubject = '*'\nreason = 'b'\nexpires = 2026-12-31\n";
    let texts = prop::sample::select(vec![config.to_owned(), lock.render()]);
    let pieces =
        prop::sample::select(vec!["", "'", "[", "]]", "\n", "=", "-1", "{", "é", "\u{0}", "9", " max ", "\"", "'%'"]);
    (texts, any::<prop::sample::Index>(), 0usize..20, pieces).prop_map(|(text, at, length, piece)| {
        let chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        let end = (at + length).min(chars.len());
        chars[..at].iter().collect::<String>() + piece + &chars[end..].iter().collect::<String>()
    })
}

#[test]
fn without_limits_there_is_no_verdict() {
    let snapshot = snapshot(&service(""));
    assert!(matches!(evaluate(&snapshot, &Config::empty(), None, today()), Err(BudgetError::NoLimits { .. })));
    let config = Config::empty().with_limit("unpacked=900 MB").unwrap();
    assert_eq!(evaluate(&snapshot, &config, None, today()).unwrap().outcome, Outcome::Pass);
}

#[test]
fn a_budget_to_begin_with_is_kept_by_the_image_that_it_is_made_from() {
    let bench = Bench::with(&service(""), "limits.unpacked = '900 MB'");
    let (code, _, stderr) = bench.check(&["--init"]);
    assert!(code == 2 && stderr.contains("--force overwrites it"), "{stderr}");
    let (code, stdout, stderr) = bench.check(&["--init", "--force"]);
    assert!(code == 0 && stdout.starts_with("passed: "), "{stderr}");
    assert!(bench.read("slimwright.lock").contains("unpacked"));
    let text = bench.read("slimwright.toml");
    assert!(text.contains("[limits]") && text.contains("[growth]") && !text.contains("900 MB"), "{text}");
    let (code, stdout, _) = bench.check(&[]);
    assert!(code == 0 && stdout.contains("growth-unpacked"), "{stdout}");
    assert_eq!(bench.check(&["--init", "--update"]).0, 2);
}
