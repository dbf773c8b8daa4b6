//! The prediction is what the plan's text makes: every byte has a fate, nothing is promised that no text does, and nothing is
//! lost without a word.

use crate::fixture;
use crate::fixture::cases;
use slimwright::context::{self, Base, ContextOptions, Outside};
use slimwright::dockerfile::Dockerfile;
use slimwright::emit::Style;
use slimwright::emit::edit::{EditOptions, edit};
use slimwright::facts::Survey;
use slimwright::fs::View;
use slimwright::image::{Image, read_recorded};
use slimwright::index::{Files, Request, RequestError, Resolution};
use slimwright::ospackages::{Repositories, RepositoryError, Sources};
use slimwright::plan::{Draft, Intent, Plan, PlanFate, PlanOptions};
use slimwright::prove::{self, Edited, Live};
use slimwright::rules;
use slimwright::rules::embedded;
use slimwright::wheel::Platform;
use std::collections::BTreeSet;

const SITE: &str = "usr/local/lib/python3.11/site-packages";

/// A base with a Python, and what stands above it.
pub fn on_python(above: &str) -> Image {
    let base = "layer ADD rootfs.tar /
        f etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\\n
        f etc/passwd 900
        layer RUN build python
        f usr/local/bin/python3.11 6000
        l usr/local/bin/python3 -> python3.11
        f SITE/pip/__init__.py 350
        f SITE/pip-24.0.dist-info/METADATA = Name: pip\\nVersion: 24.0\\n
        f SITE/pip-24.0.dist-info/RECORD = pip/__init__.py,,350\\npip-24.0.dist-info/METADATA,,\\n
        empty CMD [\"python3\"]
        env PYTHON_VERSION=3.11.9
        env PATH=/usr/local/bin:/usr/bin:/bin\n";
    fixture::image(&format!("{base}{above}").replace("SITE", SITE))
}

/// A distribution with one module of `size` bytes, compiled or not.
fn dist(name: &str, size: u64, compiled: bool, requires: &str) -> String {
    let bytecode =
        if compiled { format!("f SITE/__pycache__/{name}.cpython-311.pyc {}\n", size / 2) } else { String::new() };
    format!(
        "f SITE/{name}-1.0.dist-info/METADATA = Name: {name}\\nVersion: 1.0\\n{requires}\n\
         f SITE/{name}-1.0.dist-info/RECORD = {name}.py,,{size}\\n{name}-1.0.dist-info/METADATA,,\\n{name}-1.0.dist-info/RECORD,,\\n\n\
         f SITE/{name}.py {size}\n{bytecode}"
    )
}

fn with_intent<T>(image: &Image, own_dockerfile: bool, then: impl FnOnce(Intent<'_>) -> T) -> T {
    let view = View::new(image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let rules = embedded();
    let findings = rules::evaluate(&facts, &rules);
    let options = PlanOptions { ledger: true, own_dockerfile, ..PlanOptions::default() };
    then(Draft::new(&facts, &findings, &rules, &options).unwrap().intent(Vec::new()))
}

fn planned(image: &Image) -> Plan {
    let plan = with_intent(image, false, |intent| prove::emitted(intent, Style::Pip).0);
    agrees(image, &plan);
    plan
}

/// A plan that edits a Dockerfile, of which only the image is there.
fn edited(image: &Image, text: &str) -> Plan {
    let rules = embedded();
    let plan = with_intent(image, true, |intent| {
        let file = Dockerfile::parse(text).unwrap();
        let edits = edit(intent.plan(), &rules, &file, &EditOptions::default()).unwrap();
        prove::edited(intent, &Edited { before: text, edits: &edits, target_stage: None, live: None }, Style::Pip).0
    });
    agrees(image, &plan);
    plan
}

/// The sums, and every path: what is kept is there, what is gone is not.
pub fn agrees(image: &Image, plan: &Plan) {
    let sum: i128 = plan.actions.iter().map(|action| i128::from(action.removed) - i128::from(action.added)).sum();
    assert_eq!(sum, i128::from(image.unpacked()) - i128::from(plan.predicted.unpacked()), "{:#?}", plan.actions);
    let ledger = plan.ledger.as_ref().unwrap();
    let (before, after) = (View::new(image), View::new(&plan.predicted));
    assert_eq!(ledger.rows.iter().map(|row| row.bytes).sum::<u64>(), ledger.visible);
    let gone: BTreeSet<&[u8]> = ledger.gone.iter().map(|gone| gone.path.as_bytes()).collect();
    let is_gone = |path: &[u8]| {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).chain([path.len()]);
        ends.into_iter().any(|end| gone.contains(&path[..end]))
    };
    for (path, node) in before.iter() {
        if before.entry(node.entry).kind != slimwright::layer::EntryKind::Directory {
            let shown = String::from_utf8_lossy(path);
            assert_ne!(is_gone(path), after.get(path).is_some(), "{shown} is either gone or there");
        }
    }
}

fn lost(plan: &Plan) -> u64 {
    plan.ledger.as_ref().unwrap().rows.iter().filter(|row| row.fate == PlanFate::Lost).map(|row| row.bytes).sum()
}

fn site_bytes(image: &Image, suffix: &str) -> u64 {
    let view = View::new(image);
    let below = view.below(SITE.as_bytes()).filter(|(path, _)| path.ends_with(suffix.as_bytes()));
    below.map(|(_, node)| view.size(node)).sum()
}

#[test]
fn what_installs_without_bytecode_is_installed_again_without_and_predicted_so() {
    let modules = |compiled: bool| dist("alpha", 40_000, compiled, "") + &dist("beta", 60_000, compiled, "");
    let image = on_python(&format!("layer RUN uv pip install\n{}", modules(false)));
    let plan = planned(&image);
    assert_eq!(
        (plan.environment.as_ref().unwrap().bytecode, plan.predicted.gaps.len()),
        (false, 0),
        "{:?}",
        plan.predicted.gaps
    );
    assert_eq!(site_bytes(&plan.predicted, ".pyc"), 0);
    assert_eq!(plan.predicted.unpacked(), image.unpacked());
    // What was imported while the image was built does not say that the installer compiled.
    let one = dist("gamma", 900, false, "")
        .replace("gamma.py 900", "gamma.py 900\nf SITE/__pycache__/gamma.cpython-311.pyc 700");
    let image =
        on_python(&format!("layer RUN uv pip install\n{}{one}{}", modules(false), dist("delta", 10, false, "")));
    let plan = planned(&image);
    assert!(!plan.environment.as_ref().unwrap().bytecode);
    assert_eq!(site_bytes(&plan.predicted, ".pyc"), 0);
    let image = on_python(&format!("layer RUN pip install\n{}", modules(true)));
    let plan = planned(&image);
    assert_eq!(site_bytes(&plan.predicted, ".pyc"), 50_000);
}

#[test]
fn the_files_of_the_application_are_kept_by_the_copy_that_brings_them() {
    let image = on_python(&format!(
        "layer RUN pip install\n{}layer COPY . /app\nf app/main.py 300\nf app/model.bin 5000000\nl app/current -> model.bin\n",
        dist("alpha", 400, true, "")
    ));
    let plan = planned(&image);
    assert_eq!(lost(&plan), 0);
    let rows = &plan.ledger.as_ref().unwrap().rows;
    let row = rows.iter().find(|row| row.owner == "application, other files" && row.bytes >= 5_000_000).unwrap();
    let PlanFate::Kept(layer) = row.fate else { panic!("{row:?}") };
    let made = plan.predicted.created_by()[layer - 1].unwrap().to_owned();
    assert!(made.starts_with("COPY --from=original") && made.contains("/app/"), "{made}");
}

#[test]
fn what_the_edits_do_not_do_is_no_part_of_the_figure_and_stands_under_left_to_you() {
    // The copy of an archive that a script removes in a layer of its own.
    let image =
        on_python("layer RUN ./fetch\nf opt/data 700000\nf opt/archive 90000000\nlayer RUN ./clean\nw opt/archive\n");
    let text = "FROM python:3.11-slim\nRUN ./fetch\nRUN ./clean\nCMD [\"python3\"]\n";
    let plan = edited(&image, text);
    assert_eq!(plan.predicted.unpacked(), image.unpacked(), "no edit was made");
    assert!(plan.actions.is_empty(), "{:#?}", plan.actions);
    let left = plan.skipped.iter().find(|skipped| skipped.rule == "deleted-bytes").unwrap();
    assert_eq!(left.bytes, 90_000_000);
    assert!(left.reason.starts_with("left to you"), "{left:?}");
    assert_eq!(plan.predicted.gaps, [], "unedited instructions make the layers that they made");
}

#[test]
fn an_image_that_the_file_did_not_make_is_a_gap() {
    let image = on_python("layer RUN make all\nf opt/data 700000\nlayer RUN ./clean\nf opt/other 5\n");
    let plan = edited(&image, "FROM python:3.11-slim\nRUN make all\nCMD [\"python3\"]\n");
    assert!(plan.predicted.gaps.iter().any(|gap| gap.place.contains('4')), "{:?}", plan.predicted.gaps);
    // What the gap may bring is no saving.
    let rows: Vec<(&str, u64)> = plan.actions.iter().map(|action| (action.rule.as_str(), action.removed)).collect();
    assert_eq!(rows, [("unknown", 5)], "{:#?}", plan.actions);
}

#[test]
fn a_text_that_would_not_build_promises_nothing() {
    // The base has no Python, so that nothing can be installed.
    let image = fixture::image(&format!(
        "layer ADD rootfs.tar /\nf etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\\n\nf etc/passwd 900\n\
             empty CMD [\"bash\"]\nlayer RUN pip install\nf usr/lib/x 5\nf app/venv/pyvenv.cfg = home = /opt/python/bin\\nversion_info = 3.11.2\\n\n{}",
        dist("alpha", 4_000, true, "").replace("SITE", "app/venv/lib/python3.11/site-packages")
    ));
    let plan = planned(&image);
    assert!(!plan.predicted.gaps.is_empty());
}

#[test]
fn two_environments_with_one_finding_leave_the_other_one_alone_and_say_so() {
    let gpu = |site: &str| {
        format!(
            "f {site}/torch-2.1.1.dist-info/METADATA = Name: torch\\nVersion: 2.1.1\\nRequires-Dist: nvidia-cublas-cu12\\n\n\
             f {site}/torch-2.1.1.dist-info/RECORD = torch/lib/libtorch_cuda.so,,900000000\\ntorch/__init__.py,,10\\n\n\
             f {site}/torch/lib/libtorch_cuda.so 900000000\nf {site}/torch/__init__.py 10\n\
             f {site}/nvidia_cublas_cu12-12.1.dist-info/METADATA = Name: nvidia-cublas-cu12\\nVersion: 12.1\\n\n\
             f {site}/nvidia_cublas_cu12-12.1.dist-info/RECORD = nvidia/cublas.so,,400000000\\n\n\
             f {site}/nvidia/cublas.so 400000000\n"
        )
    };
    let image = on_python(&format!(
        "layer RUN pip install\n{}{}layer RUN two\nf opt/b/pyvenv.cfg = home = /usr/local/bin\\nversion_info = 3.11.2\\n\n{}",
        gpu(SITE),
        dist("alpha", 50, true, ""),
        gpu("opt/b/lib/python3.11/site-packages")
    ));
    let plan = planned(&image);
    let left: Vec<&str> =
        plan.skipped.iter().filter(|skipped| skipped.rule == "torch-cuda").map(|skipped| &*skipped.reason).collect();
    assert!(left.iter().any(|reason| reason.contains("one environment")), "{left:?}");
    let followed = plan.actions.iter().filter(|action| action.rule == "torch-cuda").count();
    assert_eq!(left.len() + followed, 2, "neither vanishes: {:#?} {:#?}", plan.actions, plan.skipped);
}

/// Numbers that look like chance and are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// A stack of layers with distributions, files that are replaced, removed and written again, links.
fn random(seed: u64) -> Image {
    let mut chance = Chance(seed);
    let names = ["alpha", "beta", "gamma", "pytest", "opencv-python", "delta"];
    let mut above = String::from("layer RUN pip install -r requirements.txt\n");
    let compiled = chance.below(2) == 0;
    for name in names {
        if chance.below(4) == 0 {
            continue;
        }
        let size = 100 + chance.below(90_000);
        above += &dist(&name.replace('-', "_"), size, compiled, "")
            .replace(&format!("Name: {}", name.replace('-', "_")), &format!("Name: {name}"));
    }
    for layer in 0..chance.below(4) {
        above += &format!("layer RUN step {layer}\n");
        let mut used = BTreeSet::new();
        for _ in 0..chance.below(12) {
            let folder = ["app", "opt/data", "srv", "home/u/.cache/pip", "var/cache/app", "usr/local/share/x"]
                [chance.below(6) as usize];
            let path = format!("{folder}/f{}", chance.below(5));
            if used.insert(path.clone()) {
                match chance.below(8) {
                    0 if layer > 0 => above += &format!("w {path}\n"),
                    1 => above += &format!("l {path} -> f0\n"),
                    2 => above += &format!("f {path} {} uid=33 gid=33\n", chance.below(2_000)),
                    _ => above += &format!("f {path} {}\n", chance.below(5_000)),
                }
            }
        }
    }
    on_python(&above)
}

#[test]
fn for_images_of_all_kinds_every_path_agrees_and_nothing_is_lost() {
    for seed in 0..u64::from(cases(100)) {
        let image = random(seed);
        let plan = planned(&image);
        assert_eq!(plan.predicted.gaps, [], "seed {seed}");
        assert_eq!(lost(&plan), 0, "seed {seed}: {:?}", plan.notes);
        // Unedited instructions of the user's own make what they made.
        let steps = image.created_by().iter().skip(2).map(|row| format!("{}\n", row.unwrap())).collect::<String>();
        edited(&image, &format!("FROM python:3.11-slim\n{steps}CMD [\"python3\"]\n"));
    }
}

#[test]
fn the_flagship_is_what_its_text_makes() {
    let path = format!("{}/testdata/flagship.index", env!("CARGO_MANIFEST_DIR"));
    let image = read_recorded(std::path::Path::new(&path), &std::fs::read(&path).unwrap()).unwrap();
    let plan = planned(&image);
    assert_eq!((plan.predicted.gaps.as_slice(), lost(&plan)), (&[][..], 0), "{:?}", plan.notes);
}

/// A world with a base image, in which nothing can be installed.
struct World;

impl Outside for World {
    fn image(&self, _: &str) -> Base {
        Base::Known(Box::new(on_python("")), "made".into())
    }

    fn resolve(&self, _: &Request, _: &dyn Files, _: &Platform) -> Result<Resolution, RequestError> {
        Err(RequestError::Failed("nobody was to be asked".into()))
    }

    fn repositories(&self, _: &Sources, _: &str) -> Result<Repositories, RepositoryError> {
        Err(RepositoryError::NoSources("none are named".into()))
    }
}

#[test]
fn the_plan_of_a_folder_is_what_the_edited_folder_is_read_as() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        "FROM python:3.11-slim\nCOPY . /app\nRUN useradd -m app && chown -R app:app /app\nRUN rm -rf /app/big.bin\n";
    std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
    std::fs::write(folder.path().join("big.bin"), vec![0; 90_000]).unwrap();
    std::fs::write(folder.path().join("data.bin"), vec![0; 40_000]).unwrap();
    let options = ContextOptions { platform: "linux/amd64".into(), ..ContextOptions::default() };
    let image = context::read(folder.path(), &options, &World).unwrap().image;
    let rules = embedded();
    let (plan, edits) = with_intent(&image, true, |intent| {
        let file = Dockerfile::parse(text).unwrap();
        let edits = edit(intent.plan(), &rules, &file, &EditOptions::default()).unwrap();
        let live = Live { folder: folder.path(), options: &options, outside: &World, told: &[] };
        let edited = Edited { before: text, edits: &edits, target_stage: None, live: Some(live) };
        (prove::edited(intent, &edited, Style::Pip).0, edits)
    });
    std::fs::write(folder.path().join("Dockerfile"), &edits.text).unwrap();
    let again = context::read(folder.path(), &options, &World).unwrap().image;
    assert_eq!(plan.predicted.unpacked(), again.unpacked());
    agrees(&image, &plan);
}

#[test]
fn folders_keep_the_owners_and_modes_that_no_copy_gives_them() {
    let image = on_python(
        "
        layer COPY . /srv
        d srv uid=999 gid=7
        f srv/app.py 900 uid=999 gid=7
        f srv/other.py 900
        d drop mode=1777
        d data mode=700 uid=999
        f data/a.bin 5000 uid=999
        d data/sub mode=711 uid=999
        f data/sub/b.bin 50 uid=999
        ",
    );
    let plan = planned(&image);
    let set: Vec<_> = plan.folders.iter().map(|folder| (folder.path.to_string(), folder.owner, folder.mode)).collect();
    let expected = [("/data", None, Some(0o700)), ("/drop", None, Some(0o1777)), ("/srv", Some((999, 7)), None)];
    assert_eq!(set, expected.map(|(path, owner, mode)| (path.to_owned(), owner, mode)));
    let files = slimwright::emit::emit(&plan);
    let text = &files.iter().find(|(name, _)| name == "Dockerfile").unwrap().1;
    assert!(text.contains("chown 999:7 /srv") && text.contains("chmod 1777 /drop"), "{text}");
}

#[test]
fn an_edit_of_installs_that_an_instruction_beside_it_undoes_is_not_made() {
    let cv = |name: &str| dist(name, 9_000, false, "").replace(&format!("f SITE/{name}.py"), "f SITE/cv2.py");
    let image = on_python(&format!(
        "layer RUN for p in opencv-python; do pip install $p; done\n{}\
         layer RUN pip install opencv-python-headless\n{}\
         layer COPY . /srv\nf srv/app.py = import cv2\n",
        cv("opencv-python"),
        cv("opencv-python-headless"),
    ));
    let text = "FROM python:3.11-slim\nRUN for p in opencv-python; do pip install $p; done\n\
                RUN pip install opencv-python-headless\nCOPY . /srv\n";
    let rules = embedded();
    with_intent(&image, true, |intent| {
        let file = Dockerfile::parse(text).unwrap();
        let options = EditOptions::default();
        let edits = edit(intent.plan(), &rules, &file, &options).unwrap();
        assert!(edits.change_installs, "{}", edits.diff);
        let attempt = Edited { before: text, edits: &edits, target_stage: None, live: None };
        let back = prove::Attempt::new(&intent, &attempt, Style::Pip).comes_back(&intent);
        assert_eq!(back, ["what Dockerfile, line 2 lists"], "{}", edits.diff);
        let options = EditOptions { installs_stay: Some("opencv-python would come back".into()), ..options };
        let edits = edit(intent.plan(), &rules, &file, &options).unwrap();
        assert!(!edits.change_installs && edits.files.is_empty(), "{}", edits.diff);
        assert!(!edits.text.contains("requirements"), "{}", edits.diff);
        assert!(edits.notes.iter().any(|note| note.contains("would come back")), "{:?}", edits.notes);
    });
}

#[test]
fn modules_that_were_given_to_a_user_come_apart_from_the_scripts_that_stay_roots() {
    let image = on_python(
        "
        layer RUN pip install tool
        f SITE/tool-1.0.dist-info/METADATA = Name: tool\\nVersion: 1.0\\n
        f SITE/tool-1.0.dist-info/RECORD = tool/__init__.py,,500\\ntool/a.py,,5\\ntool/b.py,,5\\ntool/c.py,,5\\ntool-1.0.dist-info/METADATA,,\\ntool-1.0.dist-info/RECORD,,\\n../../../bin/tool,,200\\n
        f usr/local/bin/tool 200 mode=755
        layer RUN chown -R app:app /usr/local/lib/python3.11
        d usr/local/lib/python3.11 uid=1000 gid=1001
        d SITE uid=1000 gid=1001
        f SITE/tool/__init__.py 500 uid=1000 gid=1001
        f SITE/tool/a.py 5 uid=1000 gid=1001
        f SITE/tool/b.py 5 uid=1000 gid=1001
        f SITE/tool/c.py 5 uid=1000 gid=1001
        layer COPY . /srv
        f srv/app.py 30
        ",
    );
    let plan = planned(&image);
    let text = text_of(&plan);
    let (scripts, modules) = (
        "COPY --from=build /install/ /\n",
        "COPY --from=build --chown=1000:1001 /modules/ /usr/local/lib/python3.11/site-packages/\n",
    );
    let above = "chown 1000:1001 /usr/local/lib/python3.11\n";
    assert!([scripts, modules, above].iter().all(|line| text.contains(line)), "{text}");
    let after = View::new(&plan.predicted);
    let owner =
        |path: &str| after.get(path.as_bytes()).map(|node| (after.entry(node.entry).uid, after.entry(node.entry).gid));
    for path in ["SITE", "SITE/tool/__init__.py"] {
        assert_eq!(owner(&path.replace("SITE", SITE)), Some((1000, 1001)), "{path}\n{text}");
    }
    for path in ["usr/local/bin/tool", "srv/app.py"] {
        assert_eq!(owner(path), Some((0, 0)), "{path}\n{text}");
    }
}

fn text_of(plan: &Plan) -> String {
    let files = slimwright::emit::emit(plan);
    files.into_iter().find(|(name, _)| name == "Dockerfile").unwrap().1
}

/// An operating system with a package, a Python that no package owns, and an application.
const SYSTEM: &str = "f etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\\n
    f var/lib/dpkg/status = Package: libc6\\nStatus: install ok installed\\nVersion: 2.36\\nArchitecture: amd64\\n
    f var/lib/dpkg/info/libc6.list = /usr/lib/libc.so.6\\n
    f usr/lib/libc.so.6 1900000\n";
const PYTHON: &str = "f usr/local/bin/python3.11 600000 mode=755
    l usr/local/bin/python3 -> python3.11
    f usr/local/lib/python3.11/os.py 40000
    env PATH=/usr/local/bin:/usr/bin:/bin\n";

#[test]
fn an_image_in_one_layer_is_not_taken_for_its_base() {
    let alpha = dist("alpha", 40_000, true, "").replace("SITE", SITE);
    for (lost_history, base) in [("", None), ("empty CMD [\"bash\"]\n", Some("python:3.11-slim"))] {
        let spec = format!("layer \n{SYSTEM}{PYTHON}{alpha}f app/main.py 900\nf etc/app.conf 70\n{lost_history}");
        let image = fixture::image(&spec);
        let (view, rules) = (View::new(&image), embedded());
        let survey = Survey::new(&view, &[]);
        let facts = survey.facts(&view);
        let findings = rules::evaluate(&facts, &rules);
        let options = PlanOptions { base: base.map(str::to_owned), ledger: true, ..PlanOptions::default() };
        let intent = Draft::new(&facts, &findings, &rules, &options).unwrap().intent(Vec::new());
        let plan = prove::emitted(intent, Style::Pip).0;
        agrees(&image, &plan);
        assert_eq!((plan.base.layers, plan.base.is_told, lost(&plan)), (0, false, 0), "{:?}", plan.notes);
        let untold = |gap: &slimwright::image::Gap| gap.why == slimwright::image::GapReason::WhichLayers;
        assert!(plan.predicted.gaps.iter().any(untold), "{:?}", plan.predicted.gaps);
        let text = text_of(&plan);
        for copied in ["/app/ ", "/usr/local/lib/python3.11/os.py "] {
            assert!(text.contains(&format!("COPY --from=original {copied}")), "{copied}: {text}");
        }
        assert!(text.contains("FROM original AS build"), "{text}");
    }
}

#[test]
fn a_first_layer_with_a_little_of_an_application_is_no_operating_system() {
    // Squashed, and then built upon: far below what an operating system may have that is nobody's.
    for path in ["app/main.py", "opt/tool/run", "srv/x/data.bin", "usr/local/etc/app.toml", "home/app/main.py"] {
        let image = fixture::image(&format!(
            "layer ADD rootfs.tar / in /\n{SYSTEM}f {path} 900\nempty CMD [\"bash\"]\nlayer COPY . /data\nf data/x.bin 500\n"
        ));
        let plan = planned(&image);
        assert_eq!((plan.base.layers, plan.base.is_told, lost(&plan)), (0, false, 0), "{path}: {:?}", plan.notes);
        assert!(plan.predicted.gaps.iter().any(|gap| gap.why == slimwright::image::GapReason::WhichLayers), "{path}");
    }
    // What Ubuntu's image has for its user, and notes of who made it.
    let own = "f home/ubuntu/.bashrc 3700\nf anaconda-post.log 400\nf root/buildinfo/x 90\n";
    let image = fixture::image(&format!(
        "layer ADD rootfs.tar / in /\n{SYSTEM}{own}empty CMD [\"bash\"]\nlayer COPY . /data\nf data/x.bin 500\n"
    ));
    assert_eq!(planned(&image).base.layers, 1);
}

#[test]
fn what_an_own_dockerfile_installs_again_is_not_left_to_the_user() {
    // A broken distribution, whose file is there as before once it is whole again.
    let folder = "SITE/alpha-1.0.dist-info";
    let image = on_python(&format!(
        "layer RUN pip install\nf {folder}/METADATA = Name: alpha\\nVersion: 1.0\\n\n\
         f {folder}/RECORD = alpha.py,,40000\\nalpha_more.py,,70000\\nalpha-1.0.dist-info/METADATA,,\\n\n\
         f SITE/alpha.py 40000\nf SITE/alpha_more.py 70000\nlayer RUN rm\nw SITE/alpha_more.py\n"
    ));
    let plan = planned(&image);
    assert_eq!(site_bytes(&plan.predicted, "alpha.py") + site_bytes(&plan.predicted, "alpha_more.py"), 110_000);
    let left: Vec<_> =
        plan.skipped.iter().filter(|row| matches!(row.subject, slimwright::rules::Subject::Undone(_))).collect();
    assert!(left.is_empty(), "{left:?}");
    agrees(&image, &plan);
}

#[test]
fn a_base_that_only_the_user_names_is_said_to_be_one() {
    let image = fixture::image(&format!(
        "layer ADD rootfs.tar / in /\n{SYSTEM}empty CMD [\"bash\"]\nlayer COPY . /data\nf data/x.bin 500\n"
    ));
    let note = |base: &str| {
        let options = PlanOptions { base: Some(base.into()), ..PlanOptions::default() };
        let (view, rules) = (View::new(&image), embedded());
        let survey = Survey::new(&view, &[]);
        let facts = survey.facts(&view);
        let notes = prove::make(&facts, &[], &rules, &options).unwrap().notes;
        notes.into_iter().find(|note| note.contains("which --base names"))
    };
    assert_eq!(note("debian:bookworm-slim"), None, "the image says so itself");
    let note = note("example.org/ours:1").unwrap();
    assert!(note.contains("lowest 1 layer") && note.contains("--image example.org/ours:1=TARGET"), "{note}");
}

#[test]
fn where_the_base_has_no_python_the_originals_own_installs() {
    let alpha = dist("alpha", 40_000, true, "").replace("SITE", SITE);
    let image = fixture::image(&format!(
        "layer ADD rootfs.tar / in /\n{SYSTEM}empty CMD [\"bash\"]\nlayer COPY python /usr/local\n{PYTHON}layer RUN pip install\n{alpha}"
    ));
    let plan = planned(&image);
    assert_eq!((plan.base.name.as_str(), plan.base.layers, plan.base.is_told), ("debian:bookworm-slim", 1, true));
    assert_eq!((plan.predicted.gaps.as_slice(), lost(&plan)), (&[][..], 0), "{:?}", plan.notes);
    let text = text_of(&plan);
    assert!(text.contains("FROM original AS build") && !text.contains("FROM runtime-base AS build"), "{text}");
    assert_eq!(plan.predicted.unpacked(), image.unpacked(), "all of it stays");
    // A history that tells of a root file system alone does not make more layers the base's.
    assert!(text.contains("/usr/local/lib/python3.11/os.py"), "{text}");
}

#[test]
fn what_was_changed_in_a_distribution_is_copied_and_what_was_removed_comes_back() {
    let alpha = dist("alpha", 40_000, true, "");
    let image = on_python(&format!("layer RUN pip install\n{alpha}layer RUN sed -i\nf SITE/alpha.py 40123\n"));
    let plan = planned(&image);
    let path = format!("/{SITE}/alpha.py");
    assert!(plan.copies.iter().any(|item| item.path.to_string() == path), "{:?}", plan.copies);
    assert!(plan.notes.iter().any(|note| note.contains(&path) && note.contains("changed")), "{:?}", plan.notes);
    assert_eq!((site_bytes(&plan.predicted, "alpha.py"), lost(&plan)), (40_123, 0));
    let text = text_of(&plan);
    assert!(text.contains(&format!("COPY --from=original {path}")), "{text}");
    // What a later layer removed is in the wheel that is installed again; what nobody ever saw is not.
    let record = "alpha.py,,40000\\nalpha/tests/big.py,,700000\\nalpha/never.py,,90000\\n";
    let alpha = dist("alpha", 40_000, false, "").replace("alpha.py,,40000\\n", record);
    let layers = "f SITE/alpha/tests/big.py 700000\nlayer RUN rm -r tests\nw SITE/alpha/tests\n";
    let image = on_python(&format!("layer RUN pip install\n{alpha}{layers}"));
    let plan = planned(&image);
    assert_eq!(plan.predicted.unpacked(), image.unpacked(), "{:?}", plan.actions);
    assert_eq!(site_bytes(&plan.predicted, "big.py"), 700_000);
}

#[test]
fn what_no_index_has_is_copied_by_folders() {
    let built = "f SITE/built/__init__.py 900
        f SITE/built/_x.cpython-311-x86_64-linux-gnu.so 70000
        f SITE/built/sub/deep/a.py 50
        f SITE/built/sub/b.py 50
        f SITE/built/__pycache__/__init__.cpython-311.pyc 700
        f SITE/built-1.0.dist-info/METADATA = Name: built\\nVersion: 1.0\\n
        f SITE/built-1.0.dist-info/WHEEL = Tag: cp311-cp311-linux_x86_64\\n
        f SITE/built-1.0.dist-info/licenses/LICENSE 70
        f SITE/built-1.0.dist-info/RECORD = built/__init__.py,,900\\nbuilt/_x.cpython-311-x86_64-linux-gnu.so,,70000\\nbuilt/sub/deep/a.py,,50\\nbuilt/sub/b.py,,50\\nbuilt-1.0.dist-info/METADATA,,\\nbuilt-1.0.dist-info/WHEEL,,\\nbuilt-1.0.dist-info/licenses/LICENSE,,70\\nbuilt-1.0.dist-info/RECORD,,\\n\n";
    let folders = ["", "/sub", "/sub/deep", "/__pycache__"].map(|folder| format!("d SITE/built{folder}\n")).concat()
        + "d SITE/built-1.0.dist-info\nd SITE/built-1.0.dist-info/licenses\n";
    // With entries of their folders, and without, as some builders write layers.
    for folders in [folders.as_str(), ""] {
        let image = on_python(&format!("layer RUN pip install\n{}{folders}{built}", dist("alpha", 400, true, "")));
        let plan = planned(&image);
        let copies: Vec<String> = plan.copies.iter().map(|item| item.path.to_string()).collect();
        let expected = ["built", "built-1.0.dist-info"].map(|name| format!("/{SITE}/{name}"));
        assert_eq!(copies, expected);
        assert_eq!((plan.predicted.gaps.as_slice(), lost(&plan)), (&[][..], 0));
    }
}
