//! Every embedded rule against its literate cases (`testdata/rules/ID.txt`), and what a finding looks like.
//!
//! A case file has sections `## fires NAME` and `## quiet NAME`. A section is an image in the fixture's text,
//! with lines that say what the inventories would hold:
//!
//! ```text
//! dist torch 2.1.1 bytes=5 layer=1 files=torch/a.so    a distribution; also recorded=, env=, modules=, requested
//! requires easyocr torch >=1                           a requirement between distributions
//! missing cv cv2/a.py 1 2                              a file of RECORD that layer 1 had and layer 2 removed
//! contest a x/y.py b a                                 a path that `b` claims too; whose content is on disk
//! removed cv 4 bytes=9 layer=1 by=2                    a distribution that layer 2 uninstalled
//! package gcc 12 bytes=5 owns=usr/bin/gcc              an OS package; also manual, essential, depends=; sorted by name
//! conda mkl 2023 h_0 owns=opt/conda/lib/libmkl.so      a conda package
//! > some words                                         a finding's subject and message contain this
//! = some words                                         what a plan does about the findings, line by line
//! ```
//!
//! The lines of a plan are all that it does for the rule: `drops`, `installs`, `does` (an action) and `leaves` (why it leaves
//! a finding alone). What it does only with `--accept` of the rule has `with --accept:` before it. With `UPDATE_GOLDEN=1` they are
//! written anew.

use crate::fixture;
use crate::golden;
use slimwright::base::{DistId, Id, ImagePath};
use slimwright::facts::{Facts, Summary};
use slimwright::fs::{Ledger, Owner, View};
use slimwright::image::Image;
use slimwright::os::{CondaPackage, OsInventory, OsPackage};
use slimwright::plan::{Draft, Plan, PlanOptions};
use slimwright::python::{
    Contest, Distribution, Edge, Environment, EnvironmentKind, Graph, Inventory, MissingFile, RemovedDistribution, Uses,
};
use slimwright::rules::{Finding, evaluate};
use slimwright::rules::{Rule, Tier, embedded};

const SITE: &str = "usr/local/lib/python3.11/site-packages";

/// An image with its inventories, and what a case expects.
#[derive(Default)]
struct Case {
    image: String,
    python: Inventory,
    graph: Graph,
    os: OsInventory,
    expected: Vec<String>,
}

impl Case {
    fn new(text: &str) -> Self {
        let mut case = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[0] {
                "dist" => case.add_distribution(&words[1..]),
                "requires" => case.add_edge(&words[1..]),
                "missing" => case.add_missing(&words[1..]),
                "contest" => case.add_contest(&words[1..]),
                "removed" => case.add_removed(&words[1..]),
                "package" => case.add_package(&words[1..]),
                "conda" => case.add_conda(&words[1..]),
                ">" => case.expected.push(line[1..].trim().to_owned()),
                "=" => {}
                _ => case.image.push_str(&format!("{line}\n")),
            }
        }
        case.environments();
        case
    }

    /// The environments that distributions say they are in; the first is that of the system's own Python.
    fn environments(&mut self) {
        let count = self.python.distributions.iter().map(|dist| dist.environment + 1).max().unwrap_or(0);
        let environment = |place: usize| Environment {
            prefix: ImagePath::from(
                if place == 0 { "usr/local".to_owned() } else { format!("opt/venv{place}") }.as_str(),
            ),
            site_dirs: vec![ImagePath::from(SITE)],
            python: Some((3, 11)),
            python_full: None,
            kind: EnvironmentKind::System,
            interpreter: None,
            sees: Vec::new(),
        };
        self.python.environments = (0..count).map(environment).collect();
    }

    fn add_distribution(&mut self, words: &[&str]) {
        let (name, version) = (words[0], words[1]);
        let mut dist = Distribution {
            name: name.into(),
            normalized: name.into(),
            version: version.into(),
            metadata: ImagePath::from(format!("{SITE}/{name}-{version}.dist-info").as_str()),
            recorded: 10,
            ..Distribution::default()
        };
        for word in &words[2..] {
            match word.split_once('=').unwrap_or((word, "")) {
                ("bytes", number) => dist.bytes = number.parse().unwrap(),
                ("layer", number) => dist.layer = number.parse().unwrap(),
                ("env", number) => dist.environment = number.parse().unwrap(),
                ("recorded", number) => dist.recorded = number.parse().unwrap(),
                ("requested", _) => dist.requested = true,
                ("modules", names) => dist.modules = names.split(',').map(str::to_owned).collect(),
                ("files", files) => {
                    dist.files =
                        files.split(',').map(|file| ImagePath::from(format!("{SITE}/{file}").as_str())).collect();
                }
                (other, _) => panic!("no such attribute: {other}"),
            }
        }
        self.python.distributions.push(dist);
    }

    fn position(&self, name: &str) -> Option<DistId> {
        self.python.named(name).next().map(|(id, _)| id)
    }

    fn add_edge(&mut self, words: &[&str]) {
        let to = self.position(words[1]);
        self.graph.edges.push(Edge {
            from: self.position(words[0]).unwrap(),
            requirement: words[1..].join(" "),
            name: words[1].into(),
            extras: Vec::new(),
            specifiers: words.get(2).copied().unwrap_or_default().into(),
            by_extra: None,
            to,
            satisfied: to.is_some(),
        });
    }

    fn add_missing(&mut self, words: &[&str]) {
        let id = self.position(words[0]).unwrap();
        let removed = words.get(2).map(|had| (had.parse().unwrap(), words[3].parse().unwrap()));
        let path = ImagePath::from(format!("{SITE}/{}", words[1]).as_str());
        self.python.distributions[id].missing.push(MissingFile { path, removed, size: None });
    }

    fn add_contest(&mut self, words: &[&str]) {
        let id = self.position(words[0]).unwrap();
        self.python.distributions[id].contested.push(Contest {
            path: ImagePath::from(format!("{SITE}/{}", words[1]).as_str()),
            others: words[2].split(',').map(str::to_owned).collect(),
            survivor: words.get(3).map(|name| (*name).to_owned()),
        });
    }

    fn add_removed(&mut self, words: &[&str]) {
        let value = |key: &str| -> u64 {
            let found = words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
            found.unwrap().parse().unwrap()
        };
        self.python.removed.push(RemovedDistribution {
            name: words[0].into(),
            normalized: words[0].into(),
            version: words[1].into(),
            layer: value("layer") as u32,
            removed_by: value("by") as u32,
            bytes: value("bytes"),
            ..RemovedDistribution::default()
        });
    }

    fn add_package(&mut self, words: &[&str]) {
        let mut package = OsPackage { name: words[0].into(), version: words[1].into(), ..OsPackage::default() };
        for word in &words[2..] {
            match word.split_once('=').unwrap_or((word, "")) {
                ("bytes", number) => package.bytes = number.parse().unwrap(),
                ("manual", _) => package.manual = true,
                ("essential", _) => package.essential = true,
                ("depends", names) => package.depends = names.split(',').map(|name| vec![name.to_owned()]).collect(),
                ("owns", paths) => {
                    let place = Id::at(self.os.packages.len());
                    self.os.owners.extend(paths.split(',').map(|path| (ImagePath::from(path), place)));
                }
                (other, _) => panic!("no such attribute: {other}"),
            }
        }
        self.os.packages.push(package);
    }

    fn add_conda(&mut self, words: &[&str]) {
        let place = self.os.conda.packages.push(CondaPackage {
            name: words[0].into(),
            version: words[1].into(),
            build: words[2].into(),
            prefix: ImagePath::from("opt/conda"),
            ..CondaPackage::default()
        });
        self.os.conda.prefixes = vec![ImagePath::from("opt/conda")];
        let paths = words[3].strip_prefix("owns=").unwrap();
        self.os.conda.owners.extend(paths.split(',').map(|path| (ImagePath::from(path), place)));
    }

    fn evaluate(&self, rules: &[Rule]) -> Vec<Finding> {
        self.measured(|facts| evaluate(facts, rules))
    }

    fn measured<T>(&self, then: impl FnOnce(&Facts<'_>) -> T) -> T {
        let image: Image = fixture::image(if self.image.is_empty() { "layer" } else { &self.image });
        let view = View::new(&image);
        let summary = Summary::new(
            &Ledger::new(&view, |path, _| {
                self.os.conda.owners.get(path).map_or(Owner::Application, |id| Owner::CondaPackage(*id))
            }),
            image.base_layers(),
        );
        let uses = Uses::new(&view, &self.python);
        let libraries = slimwright::os::Libraries::new(&view, &self.os);
        then(&Facts {
            view: &view,
            summary: &summary,
            python: &self.python,
            graph: &self.graph,
            asked: &[],
            os: &self.os,
            libraries: &libraries,
            uses: &uses,
        })
    }

    /// What a plan does about a rule's findings.
    fn plan(&self, rules: &[Rule], id: &str) -> Vec<String> {
        let lines = |accept: Vec<String>| {
            let options = PlanOptions { base: Some("python:3.11-slim".into()), accept, ..PlanOptions::default() };
            self.measured(|facts| {
                let findings = evaluate(facts, rules);
                let intent = Draft::new(facts, &findings, rules, &options).unwrap().intent(Vec::new());
                let image = intent.plan().predicted.clone();
                lines_of(&intent.settle(image), id)
            })
        };
        let mut out = lines(Vec::new());
        let accepted = lines(vec![id.to_owned()]);
        out.extend(
            accepted
                .iter()
                .filter(|line| !out.contains(line))
                .map(|line| format!("with --accept: {line}"))
                .collect::<Vec<_>>(),
        );
        out
    }
}

fn lines_of(plan: &Plan, id: &str) -> Vec<String> {
    let dropped = plan.dropped.iter().chain(&plan.dropped_system).filter(|dropped| dropped.rule == id);
    let mut lines: Vec<String> = dropped.map(|dropped| format!("drops {} {}", dropped.name, dropped.version)).collect();
    let swapped = plan.pins.iter().filter_map(|pin| Some((pin, pin.instead_of.as_ref()?)));
    lines.extend(swapped.map(|(pin, old)| format!("installs {} {} instead of {old}", pin.name, pin.version)));
    let actions = plan.actions.iter().filter(|action| action.rule == id);
    lines.extend(actions.map(|action| format!("does: {}", action.title)));
    let skipped = plan.skipped.iter().filter(|skipped| skipped.rule == id);
    lines.extend(skipped.map(|skipped| format!("leaves {}: {}", skipped.subject, skipped.reason)));
    lines.dedup();
    lines
}

/// The sections of a case file: whether they fire, and their text.
fn sections(text: &str) -> Vec<(bool, String)> {
    let mut out: Vec<(bool, String)> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            out.push((title.starts_with("fires"), String::new()));
        } else if let Some((_, body)) = out.last_mut() {
            body.push_str(&format!("{line}\n"));
        }
    }
    out
}

/// A case file with these lines of plans, a list for each of its sections, in the place of those that it has.
fn with_plans(text: &str, plans: &[Vec<String>]) -> String {
    let (mut out, mut plans) = (String::new(), plans.iter());
    for section in text.split_inclusive('\n').collect::<Vec<_>>().chunk_by(|_, next| !next.starts_with("## ")) {
        let text: String = section.iter().filter(|line| !line.starts_with("= ")).copied().collect();
        if !text.starts_with("## ") {
            out.push_str(&text);
            continue;
        }
        let body = text.trim_end();
        out.push_str(body);
        plans.next().into_iter().flatten().for_each(|line| out.push_str(&format!("\n= {line}")));
        out.push_str(if text[body.len()..].is_empty() { "\n" } else { &text[body.len()..] });
    }
    out
}

fn findings(text: &str) -> Vec<Finding> {
    Case::new(text).evaluate(&embedded())
}

fn of_rule(text: &str, id: &str) -> Vec<Finding> {
    findings(text).into_iter().filter(|finding| finding.rule == id).collect()
}

#[test]
fn every_rule_fires_where_it_should_and_is_quiet_where_it_should_be() {
    let rules = embedded();
    for rule in &rules {
        let path = format!("{}/testdata/rules/{}.txt", env!("CARGO_MANIFEST_DIR"), rule.id);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let cases = sections(&text);
        assert!(cases.iter().any(|(fires, _)| *fires), "{}: no case in which it fires", rule.id);
        assert!(cases.iter().any(|(fires, _)| !fires), "{}: no case in which it is quiet", rule.id);
        let mut plans = Vec::new();
        for (fires, body) in cases {
            let case = Case::new(&body);
            plans.push(if fires { case.plan(&rules, &rule.id) } else { Vec::new() });
            let found: Vec<Finding> =
                case.evaluate(&rules).into_iter().filter(|finding| finding.rule == rule.id).collect();
            assert_eq!(!found.is_empty(), fires, "{}: {found:#?}\n{body}", rule.id);
            let shown: Vec<String> =
                found.iter().map(|finding| format!("{}: {}", finding.subject, finding.message)).collect();
            assert!(!fires || !case.expected.is_empty(), "{}: a firing case expects no words", rule.id);
            for words in &case.expected {
                assert!(shown.iter().any(|line| line.contains(words)), "{}: `{words}` not in {shown:#?}", rule.id);
            }
        }
        assert!(plans.iter().all(|lines| lines.len() < 20), "{}: a case is for one thing", rule.id);
        golden::check(&format!("../rules/{}.txt", rule.id), &with_plans(&text, &plans));
    }
}

#[test]
fn a_heavy_import_tells_disk_and_memory_apart_and_what_a_later_import_loses() {
    let notes = |source: &str| {
        let text = format!(
            "layer RUN pip install tensorflow\ndist tensorflow 2.15.0 bytes=1200000000 modules=tensorflow\nf app/main.py = {source}\n"
        );
        let found = of_rule(&text, "heavy-tensorflow").remove(0);
        (found.bytes, found.evidence.into_iter().map(|row| row.note).collect::<Vec<_>>())
    };
    let (bytes, early) = notes("import tensorflow\\n");
    assert_eq!(bytes, 1_200_000_000, "what is installed here, measured");
    assert!(early.contains(&"line 1: import tensorflow, when the file is loaded".to_owned()), "{early:#?}");
    let costs = "catalogue: tensorflow-cpu 2.21.0: 1.46 GB on disk with all that it requires; 579 MiB of memory by its import, 206 MiB of it each process's own; 7.17 s of processor time";
    assert!(early.iter().any(|note| note == costs), "{early:#?}");
    assert!(early.iter().any(|note| note.starts_with("catalogue: ai-edge-litert 2.3.0: 121 MB")), "{early:#?}");
    assert!(early.iter().any(|note| note.starts_with("every process that loads the file pays")), "{early:#?}");
    let (_, late) = notes("def f():\\n    import tensorflow\\n");
    let lost = "imported when it is needed: workers that are forked before it then share nothing of it: 206 MiB for each that uses it, and 7.17 s at its first use";
    assert!(late.iter().any(|note| note == lost), "{late:#?}");
}

#[test]
fn no_case_is_left_without_its_rule() {
    let ids: Vec<String> = embedded().into_iter().map(|rule| rule.id).collect();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/rules")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let stem = name.strip_suffix(".txt").unwrap().to_owned();
        assert!(ids.contains(&stem), "{name}");
    }
}

#[test]
fn findings_are_one_line_with_a_subject_free_of_sizes_and_at_most_twenty_rows() {
    let mut spec = "layer RUN a\n".to_owned();
    for n in 0..60 {
        spec.push_str(&format!("f opt/d{n}/x/a 9000\nf opt/d{n}/x/b 1000\n"));
    }
    spec.push_str("layer RUN rm\nw opt\n");
    let found = of_rule(&spec, "deleted-bytes");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].bytes, found[0].evidence.len(), found[0].more_evidence), (600_000, 20, 40));
    assert_eq!(found[0].subject.to_string(), "layer 1 hidden by layer 2");
    assert!(!found[0].message.contains('\n'));
}

#[test]
fn findings_come_by_severity_then_bytes() {
    let found = findings(
        "layer COPY . .
         f app/.git/objects/a 500000
         f root/.cache/pip/http-v2/x 900000
         f usr/local/lib/python3.11/site-packages/x/tests/a 2000000",
    );
    let order: Vec<&str> = found.iter().map(|finding| finding.rule.as_str()).collect();
    assert_eq!(order, ["pip-cache", "copied-leftovers", "bundled-tests"]);
}

#[test]
fn what_an_image_says_about_itself_cannot_steer_the_terminal() {
    let found = findings(
        "layer RUN \u{1b}[31m evil
         f a\u{1b}[2Jb 200000
         dist pytest\u{1b}[0m 1 bytes=5
         layer RUN x\u{202e}y
         w a\u{1b}[2Jb",
    );
    assert!(!found.is_empty());
    for finding in found {
        let rows: Vec<&str> = finding.evidence.iter().map(|row| row.note.as_str()).collect();
        let text = format!("{} {} {}", finding.subject, finding.message, rows.join(" "));
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\n']), "{text:?}");
    }
}

#[test]
fn the_instruction_is_cut_and_loses_its_shell() {
    let long = "x".repeat(500);
    let found =
        of_rule(&format!("layer\nf a 200000\nlayer RUN /bin/sh -c rm -f {long} # buildkit\nw a"), "deleted-bytes");
    assert!(found[0].message.contains("layer 2 (rm -f xxx"), "{}", found[0].message);
    assert!(found[0].message.chars().count() < 200);
}

#[test]
fn what_the_base_image_holds_is_not_the_users_doing() {
    let base = "layer ADD rootfs
         f var/lib/apt/lists/x 900000
         f usr/bin/gcc 10
         package gcc 12 bytes=500 owns=usr/bin/gcc
         dist pip 23 bytes=9 layer=0
         empty CMD [\"bash\"]
         layer RUN true";
    assert_eq!(findings(base), []);
}

#[test]
fn an_image_that_asks_for_a_gpu_is_asked_about() {
    let image = "layer\nenv NVIDIA_VISIBLE_DEVICES=all\ndist onnxruntime-gpu 1.20.1 bytes=5";
    let found = of_rule(image, "onnxruntime-gpu");
    assert_eq!(found[0].tier, Tier::Confirm);
    assert!(found[0].message.contains("NVIDIA_VISIBLE_DEVICES"));
}

#[test]
fn company_counts_only_where_nothing_else_needs_it() {
    let image = "layer
        dist torch 2.1.1 bytes=100
        dist nvidia-cudnn-cu12 8 bytes=50
        dist nvidia-cublas-cu12 12 bytes=30
        dist nvidia-nccl-cu12 2 bytes=7
        dist other 1 bytes=1
        requires torch nvidia-cudnn-cu12
        requires nvidia-cudnn-cu12 nvidia-cublas-cu12
        requires torch nvidia-nccl-cu12
        requires other nvidia-nccl-cu12";
    let found = of_rule(image, "torch-cuda");
    assert_eq!(found[0].bytes, 180);
    assert_eq!(found[0].distributions, [0, 1, 2].map(Id::at));
    assert!(found[0].evidence.iter().any(|row| row.note.contains("which something else needs too")));
}

#[test]
fn a_cycle_of_requirements_ends() {
    let image = "layer\ndist torch 2 bytes=1\ndist a 1\ndist b 1
        requires torch nvidia-x\nrequires a torch\nrequires b a\nrequires a b";
    assert_eq!(of_rule(image, "torch-cuda").len(), 1);
}

#[test]
fn bytes_that_another_name_keeps_are_not_counted() {
    let shared = "layer RUN x\nf root/.cache/pip/http/a 200000\nf root/.cache/pip/http/b 200000\nh opt/a -> root/.cache/pip/http/a";
    assert_eq!(of_rule(shared, "pip-cache")[0].bytes, 200_000);
    let inside = "layer RUN x\nf root/.cache/pip/http/a 200000\nh root/.cache/pip/http/b -> root/.cache/pip/http/a";
    assert_eq!(of_rule(inside, "pip-cache")[0].bytes, 200_000);
}

#[test]
fn a_hundred_thousand_paths_take_no_time_to_speak_of() {
    let mut spec = "layer\n".to_owned();
    for n in 0..100_000 {
        spec.push_str(&format!("f usr/local/lib/python3.11/site-packages/package{}/module{n}/file.py 10\n", n % 300));
    }
    let case = Case::new(&spec);
    let rules = embedded();
    let started = std::time::Instant::now();
    case.evaluate(&rules);
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}
