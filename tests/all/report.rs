//! Reports: one screen, sums that add up, and names from an image that steer nothing.

use crate::fixture::image;
use crate::golden;
use slimwright::base::{Basis, ByteSize, Id, ImagePath, Location, Numbered, Size, Unit};
use slimwright::facts::{Facts, Summary};
use slimwright::fs::{Ledger, Owner, View};
use slimwright::image::Image;
use slimwright::os::{OsInventory, OsPackage};
use slimwright::plan::{self, BaseImage, Plan};
use slimwright::python::{Distribution, Edge, Environment, EnvironmentKind, Graph, Inventory, Uses};
use slimwright::report::check::audit_sarif;
use slimwright::report::{AuditReport, PlanReport, json, markdown, report_md, text};
use slimwright::rules::{Evidence, Finding, Rule, Severity, Subject, Tier, embedded};

const SITE: &str = "usr/local/lib/python3.11/site-packages";

/// A service with a GPU build, a broken survivor, a cache and a `chown` of all.
fn service() -> Image {
    image(&format!(
        "layer /bin/sh -c #(nop) ADD file:1 in /
         f bin/sh 80000000
         f usr/lib/libc.so 40000000
         empty /bin/sh -c #(nop)  CMD [\"bash\"]
         layer RUN /bin/sh -c apt-get install -y build-essential # buildkit
         f usr/bin/gcc 300000000
         f var/lib/apt/lists/x 20000000
         layer RUN /bin/sh -c pip install -r requirements.txt # buildkit
         f {SITE}/torch/torch.so 1400000000
         f {SITE}/nvidia/cublas.so 2900000000
         f {SITE}/cv2/cv2.so 60000000
         f {SITE}/flask/app.py 600000
         f {SITE}/six.py 400000
         layer RUN /bin/sh -c pip uninstall -y opencv-python # buildkit
         w {SITE}/cv2/cv2.so
         layer COPY . /app # buildkit
         f app/main.py 5000
         f app/model.bin 100000000 hash=model
         layer RUN /bin/sh -c chown -R app /app # buildkit
         f app/model.bin 100000000 hash=model uid=33"
    ))
}

/// Who owns what in [`service`], by path.
fn owner(path: &[u8], layer: u32) -> Owner {
    let path = String::from_utf8_lossy(path).into_owned();
    match () {
        () if path.contains("site-packages/flask") => Owner::Distribution(Id::at(0)),
        () if path.contains("site-packages/nvidia") => Owner::Distribution(Id::at(1)),
        () if path.contains("site-packages/six") => Owner::Distribution(Id::at(3)),
        () if path.contains("site-packages/torch") => Owner::Distribution(Id::at(4)),
        () if path.starts_with("usr/bin/gcc") => Owner::OsPackage(Id::at(0)),
        () if path.starts_with("usr/lib/libc") => Owner::OsPackage(Id::at(1)),
        () if path.starts_with("var/") => Owner::PackageManager,
        () if layer == 0 => Owner::Base,
        () => Owner::Application,
    }
}

fn distribution(name: &str, version: &str, bytes: u64) -> Distribution {
    Distribution {
        name: name.into(),
        normalized: name.to_lowercase(),
        version: version.into(),
        layer: 2,
        bytes,
        bytes_by_layer: [(2, bytes)].into(),
        ..Distribution::default()
    }
}

fn inventory(mut inventory: Inventory) -> Inventory {
    inventory.environments = vec![Environment {
        prefix: ImagePath::from("usr/local"),
        site_dirs: vec![ImagePath::from(SITE)],
        python: Some((3, 11)),
        python_full: Some("3.11.7".into()),
        kind: EnvironmentKind::System,
        interpreter: None,
        sees: Vec::new(),
    }];
    inventory.distributions = Numbered::from(vec![
        Distribution { requested: true, ..distribution("Flask", "2.0", 600_000) },
        distribution("nvidia-cublas-cu12", "12.1", 2_900_000_000),
        Distribution { recorded: 8, ..distribution("opencv-python-headless", "4.10.0.84", 0) },
        distribution("six", "1.16", 400_000),
        Distribution { requested: true, ..distribution("torch", "2.1.1", 1_400_000_000) },
    ]);
    inventory
}

fn graph() -> Graph {
    let edge = |from, name: &str, to| Edge {
        from: Id::at(from),
        requirement: name.into(),
        name: name.into(),
        extras: Vec::new(),
        specifiers: String::new(),
        by_extra: None,
        to: Some(Id::at(to)),
        satisfied: true,
    };
    Graph::from_edges(vec![edge(0, "six", 3), edge(4, "nvidia-cublas-cu12", 1)])
}

fn os() -> OsInventory {
    let package = |name: &str, bytes, manual| OsPackage {
        name: name.into(),
        version: "12".into(),
        bytes,
        manual,
        ..OsPackage::default()
    };
    OsInventory {
        release: [("PRETTY_NAME".to_owned(), "Debian GNU/Linux 12 (bookworm)".to_owned())].into(),
        packages: vec![package("gcc-12", 300_000_000, false), package("libc6", 40_000_000, false)].into(),
        ..OsInventory::default()
    }
}

fn rules() -> Vec<Rule> {
    let ids = ["broken-distribution", "compilers", "rewritten-bytes", "torch-cuda"];
    embedded().into_iter().filter(|rule| ids.contains(&rule.id.as_str())).collect()
}

fn about(name: &str) -> Subject {
    Subject::Distribution { name: name.into(), environment: None }
}

fn finding(rule: &str, severity: Severity, subject: Subject, message: &str, bytes: u64) -> Finding {
    Finding {
        rule: rule.into(),
        severity,
        tier: Tier::Auto,
        subject,
        message: message.into(),
        bytes,
        evidence: vec![Evidence {
            location: Some(Location { layer: 2, path: ImagePath::from("usr/x") }),
            bytes,
            note: "as the RECORD lists it".into(),
        }],
        more_evidence: 3,
        doubts: Vec::new(),
        goes: Vec::new(),
        distributions: vec![Id::at(2)],
        os_packages: Vec::new(),
        layer: Some(2),
        paths: Vec::new(),
    }
}

fn findings() -> Vec<Finding> {
    let broken = "opencv-python-headless 4.10.0.84 lacks 8 of 8 files that its RECORD lists: layer 4 removed them, \
                  so that importing cv2 gives an empty package; installing it again mends it";
    vec![
        finding("broken-distribution", Severity::Error, about("opencv-python-headless"), broken, 60_000_000),
        finding("torch-cuda", Severity::Warning, about("torch"), "torch 2.1.1 is a CUDA build", 4_300_000_000),
        finding("compilers", Severity::Warning, Subject::Packages, "a compiler is in the image: gcc-12", 300_000_000),
        finding(
            "rewritten-bytes",
            Severity::Warning,
            Subject::Rewritten { layer: 4, by: 5 },
            "layer 6 has 100 MB of layer 5 again",
            100_000_000,
        ),
    ]
}

fn a_plan(original: &Image) -> Plan {
    let mut predicted = image("layer FROM python:3.11-slim\nf a 120000000\nlayer RUN pip install\nf b 900000000");
    predicted.basis = Basis::Predicted;
    let size = |bytes, basis| Size { bytes: ByteSize(bytes), unit: Unit::Unpacked, basis };
    let action = |rule: &str, title: &str, removed, added| plan::Action {
        rule: rule.into(),
        tier: Tier::Auto,
        title: title.into(),
        removed,
        added,
        evidence: vec!["torch requires nvidia-cublas-cu12".into()],
    };
    Plan {
        conda: Vec::new(),
        original: "service".into(),
        config: original.config.clone(),
        base: BaseImage {
            name: "python:3.11-slim".into(),
            how: "the history".into(),
            layers: 1,
            is_told: true,
            has_shell: true,
            is_assumed: false,
            other: None,
        },
        environment: None,
        roots: vec![slimwright::facts::Root {
            name: "Flask".into(),
            extras: vec!["async".into()],
            specifiers: ">=2".into(),
            version: "2.0".into(),
            how: "requirements.txt in /app".into(),
        }],
        pins: vec![plan::Pin {
            name: "torch".into(),
            version: "2.1.1".into(),
            index: Some("https://download.pytorch.org/whl/cpu".into()),
            url: None,
            built_here: false,
            why: plan::Why::AskedFor("requirements.txt".into()),
            instead_of: Some("torch 2.1.1".into()),
            size: size(700_000_000, Basis::Catalogue),
            availability: None,
        }],
        dropped: vec![plan::Dropped {
            name: "nvidia-cublas-cu12".into(),
            version: "12.1".into(),
            bytes: 2_900_000_000,
            why: plan::Why::OnlyNeededBy(vec!["torch".into()]),
            rule: "torch-cuda".into(),
        }],
        overridden: vec![plan::OverriddenEdge {
            distribution: "torch".into(),
            version: "2.1.1".into(),
            requirement: "nvidia-cublas-cu12".into(),
            name: "nvidia-cublas-cu12".into(),
            why: plan::Why::CompanyOf("torch".into()),
        }],
        unsatisfied_before: Vec::new(),
        system: vec![plan::SystemPackage {
            name: "libgomp1".into(),
            why: plan::Why::ByHand,
            asked_for: true,
            bytes: 300_000,
        }],
        rpm_program: None,
        dropped_system: Vec::new(),
        carried: Vec::new(),
        pure_projects: false,
        unlisted: Vec::new(),
        package_cache: false,
        hidden: Vec::new(),
        build_system: Vec::new(),
        uv_project: None,
        links: Vec::new(),
        folders: Vec::new(),
        picked: None,
        copies: vec![plan::CopyItem {
            path: ImagePath::from("app"),
            directory: true,
            uid: 33,
            gid: 33,
            bytes: 100_005_000,
        }],
        trims: Vec::new(),
        smoke_modules: Vec::new(),
        modules_before: Vec::new(),
        actions: vec![
            action("torch-cuda", "install the CPU build of torch 2.1.1 instead", 4_300_000_000, 700_000_000),
            action("rebuild", "leave out what no container sees", 160_000_000, 0),
        ],
        skipped: vec![plan::Skipped {
            rule: "compilers".into(),
            tier: Tier::Confirm,
            subject: Subject::Packages,
            bytes: 300_000_000,
            reason: "needs --accept compilers".into(),
        }],
        notes: vec!["torch comes from an index of its own".into()],
        predicted,
        ledger: None,
    }
}

/// Everything that a report is made from, changed by `change` before.
fn with(change: impl FnOnce(&mut Image, &mut Inventory, &mut Vec<Finding>)) -> (AuditReport, PlanReport) {
    let mut image = service();
    let mut python = inventory(Inventory::default());
    let mut findings = findings();
    change(&mut image, &mut python, &mut findings);
    let view = View::new(&image);
    let summary = Summary::new(&Ledger::new(&view, owner), view.image().base_layers());
    let (graph, os) = (graph(), os());
    let asked = slimwright::python::asked_for(view.image(), &[], &|_| false);
    let libraries = slimwright::os::Libraries::new(&view, &os);
    let facts = Facts {
        view: &view,
        summary: &summary,
        python: &python,
        graph: &graph,
        asked: &asked,
        os: &os,
        libraries: &libraries,
        uses: &Uses::default(),
    };
    let mut plan = a_plan(&image);
    plan.original.clone_from(&image.name);
    plan.notes.push(image.name.clone());
    plan.pins[0].why = plan::Why::AskedFor(image.name.clone());
    let unmet = plan::Unmet {
        file: ImagePath::from("app/native.so"),
        owner: None,
        library: "libtorch_cuda.so".into(),
        provider: "/usr/lib/libtorch_cuda.so".into(),
    };
    let check = plan::LibraryCheck { unmet_before: 2, unmet: vec![unmet], unknown: 3 };
    let report =
        PlanReport::new(&image, &plan).with_heavy(&slimwright::facts::heaviest(&facts, 3)).with_libraries(&check);
    (AuditReport::new(&image, &view, &facts, &findings, &rules(), Some(&plan)), report)
}

fn reports() -> (AuditReport, PlanReport) {
    with(|_, _, _| {})
}

fn detailed(report: &AuditReport, width: usize) -> String {
    text::render(report, text::Style { width, details: true, ..text::Style::default() })
}

/// Columns of the widest line. The fixtures have no wide characters but where a test says so.
fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap()
}

#[test]
fn the_formats_are_as_recorded() {
    let (audit, plan) = reports();
    golden::check("audit.txt", &text::render(&audit, text::Style::default()));
    golden::check("audit-details.txt", &detailed(&audit, 80));
    golden::check("audit.md", &markdown::render(&audit));
    golden::check("audit.json", &json(&audit).unwrap());
    golden::check("audit.sarif", &audit_sarif(&audit, &rules()));
    golden::check("plan.json", &json(&plan).unwrap());
    golden::check("REPORT.md", &report_md::render(&plan));
    golden::check("plan.txt", &text::plan_summary(&audit, text::Style::default()));
}

#[test]
fn the_groups_and_both_sorts_of_the_visible_bytes_sum_to_the_image() {
    let (audit, _) = reports();
    let total = audit.sizes.unpacked.bytes.0;
    assert_eq!(total, service().unpacked());
    assert_eq!(audit.groups.iter().map(|group| group.bytes).sum::<u64>(), total);
    let visible = audit.visible.total.bytes.0;
    assert_eq!(visible + audit.sizes.dead.bytes.0, total);
    assert_eq!(audit.visible.by_owner.iter().map(|named| named.bytes).sum::<u64>(), visible);
    assert_eq!(audit.visible.by_category.iter().map(|named| named.bytes).sum::<u64>(), visible);
    for layer in &audit.layers {
        assert_eq!(layer.bytes.visible + layer.bytes.dead, layer.unpacked.bytes.0);
        assert_eq!(layer.hidden_by.iter().map(|hidden| hidden.bytes).sum::<u64>(), layer.bytes.dead);
    }
}

#[test]
fn each_byte_is_in_the_group_that_a_reader_expects() {
    let (audit, _) = reports();
    let bytes = |id: &str| audit.groups.iter().filter(|group| group.id == id).map(|group| group.bytes).sum::<u64>();
    assert_eq!(bytes("hidden"), 160_000_000);
    assert_eq!(bytes("gpu-libraries"), 2_900_000_000);
    assert_eq!(bytes("base-image"), 120_000_000);
    assert_eq!(bytes("os-packages"), 300_000_000);
    assert_eq!(bytes("package-manager"), 20_000_000);
    assert_eq!(bytes("application"), 100_005_000);
    let gpu = audit.groups.iter().find(|group| group.id == "gpu-libraries").unwrap();
    assert_eq!(gpu.note, "nvidia-cublas-cu12, for torch");
}

#[test]
fn without_a_gpu_finding_its_libraries_are_distributions_like_others() {
    let (audit, _) = with(|_, _, findings| findings.retain(|finding| finding.rule != "torch-cuda"));
    assert!(audit.groups.iter().all(|group| group.id != "gpu-libraries"));
    assert_eq!(audit.groups.iter().map(|group| group.bytes).sum::<u64>(), service().unpacked());
}

#[test]
fn the_first_screen_fits_a_screen() {
    let (audit, _) = with(|_, _, findings| {
        let one = findings[1].clone();
        findings.extend((0..40).map(|n| Finding {
            rule: format!("rule-{n}"),
            message: "word ".repeat(60),
            ..one.clone()
        }));
    });
    let text = text::render(&audit, text::Style::default());
    assert!(text.lines().count() <= 42, "{text}");
    assert!(text.contains("more (--details)"), "{text}");
    assert!(widest(&text) <= 80, "{text}");
}

#[test]
fn no_line_is_wider_than_asked() {
    let (audit, _) = with(|image, python, findings| {
        image.name = "registry.example/".to_owned() + &"long-".repeat(40);
        python.distributions[Id::at(0)].name = "日本語の長い名前".repeat(6);
        findings[0].message = "x".repeat(500);
    });
    for width in [60, 80, 100] {
        let text = detailed(&audit, width);
        for line in text.lines() {
            let wide = line.chars().filter(|c| ('\u{3000}'..='\u{9fff}').contains(c)).count();
            assert!(line.chars().count() + wide <= width, "{width}: {line}");
        }
    }
}

#[test]
fn colours_change_nothing_but_the_colour() {
    let (audit, _) = reports();
    let plain = detailed(&audit, 80);
    let style = text::Style { color: true, details: true, ..text::Style::default() };
    let colored = text::render(&audit, style);
    assert!(colored.contains('\u{1b}') && !plain.contains('\u{1b}'));
    let stripped = anstream::adapter::strip_str(&colored).to_string();
    let trimmed: Vec<&str> = stripped.lines().map(str::trim_end).collect();
    assert_eq!(trimmed, plain.lines().collect::<Vec<_>>());
}

#[test]
fn names_from_an_image_steer_no_terminal_and_no_page() {
    let evil = "a\u{1b}[31m\u{9b}2J\n# big\u{202e}|<script>@all`";
    let (audit, plan) = with(|image, python, findings| {
        image.name = evil.into();
        image.platform = evil.into();
        image.other_names.push(evil.into());
        image.config.history[0].created_by = evil.into();
        image.problems.push(slimwright::base::Problem { place: evil.into(), message: evil.into() });
        for dist in &mut python.distributions {
            dist.name = evil.into();
            dist.version = evil.into();
            dist.installer = Some(evil.into());
            dist.direct_url = Some(evil.into());
        }
        python.environments[0].python_full = Some(evil.into());
        for finding in findings {
            finding.subject = about(evil);
            finding.message = evil.into();
            finding.evidence[0].note = evil.into();
        }
    });
    let pages = [markdown::render(&audit), report_md::render(&plan)];
    let others = [detailed(&audit, 80), text::plan_summary(&audit, text::Style::default())];
    let data = [json(&audit).unwrap(), json(&plan).unwrap()];
    for text in pages.iter().chain(&others).chain(&data) {
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(steers), "{text}");
        assert!(!text.contains("\n# big"), "{text}");
    }
    for page in &pages {
        assert!(!page.contains("<script>") && !page.contains("@all"), "{page}");
    }
}

#[test]
fn a_saving_is_the_difference_of_the_two_ledgers() {
    let (audit, plan) = reports();
    let expected = (service().unpacked() - 1_020_000_000) as i64;
    assert_eq!((audit.plan.as_ref().unwrap().saving, plan.saving), (expected, expected));
    assert_eq!(audit.plan.unwrap().predicted.basis, Basis::Predicted);
}

#[test]
fn without_a_plan_the_report_says_why() {
    let audit = reports().0.without_plan("the base image is not known: no\nhistory");
    let text = text::render(&audit, text::Style::default());
    assert!(text.contains("no plan: the base image is not known: no\\x0ahistory"), "{text}");
    assert!(markdown::render(&audit).contains("No plan: the base image"));
    assert!(!text.contains("predicted"), "{text}");
}

#[test]
fn a_plan_that_saves_nothing_is_not_proposed() {
    let (mut audit, _) = reports();
    audit.plan.as_mut().unwrap().saving = -5;
    let text = text::render(&audit, text::Style::default());
    assert!(text.contains("would not make this image smaller") && !text.contains('→'), "{text}");
}

#[test]
fn a_command_is_printed_whole_as_a_shell_takes_it() {
    let (audit, _) = reports();
    let proposed = |target| text::render(&audit, text::Style { target, ..text::Style::default() });
    assert!(proposed("service.tar").contains("→ slimwright plan service.tar -o slim/"));
    assert!(proposed("a b; rm").contains("→ slimwright plan 'a b; rm' -o slim/"));
    let long = format!("docker://registry.example.org/{}/service:1.4", "team/".repeat(20).trim_end_matches('/'));
    assert!(proposed(&long).contains(&format!("→ slimwright plan {long} -o slim/\n")));
}

#[test]
fn an_empty_image_is_reported_too() {
    let image = image("");
    let view = View::new(&image);
    let summary = Summary::new(&Ledger::new(&view, owner), view.image().base_layers());
    let (python, graph, os) = (Inventory::default(), Graph::default(), OsInventory::default());
    let asked = slimwright::python::asked_for(view.image(), &[], &|_| false);
    let libraries = slimwright::os::Libraries::new(&view, &os);
    let facts = Facts {
        view: &view,
        summary: &summary,
        python: &python,
        graph: &graph,
        asked: &asked,
        os: &os,
        libraries: &libraries,
        uses: &Uses::default(),
    };
    let audit = AuditReport::new(&image, &view, &facts, &[], &[], None);
    assert!(detailed(&audit, 80).contains("nothing that a rule knows"));
    validate("audit", &json(&audit).unwrap());
    markdown::render(&audit);
}

/// Holds a document against a schema of ours.
pub fn validate(schema: &str, document: &str) {
    validate_with(&format!("docs/schema/{schema}.schema.json"), document);
}

fn validate_with(schema: &str, document: &str) {
    let path = format!("{}/{schema}", env!("CARGO_MANIFEST_DIR"));
    let schema = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let document = serde_json::from_str(document).unwrap();
    let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn the_json_is_what_the_schemas_say() {
    let (audit, plan) = reports();
    validate("audit", &json(&audit).unwrap());
    validate_with("testdata/schemas/sarif-2.1.0.json", &audit_sarif(&audit, &rules()));
    validate("audit", &json(&audit.without_plan("no")).unwrap());
    validate("plan", &json(&plan).unwrap());
}
