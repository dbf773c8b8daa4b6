//! The loop closed: the folder that a plan writes, read again as any other build context with the original to measure by
//! (`--sizes-from`), is the plan's image, path by path.

use crate::fixture;
use crate::fixture::cases;
use crate::repositories;
use crate::server::Server;
use slimwright::base::Basis;
use slimwright::context::{self, Base, ContextOptions, KnownDistribution, KnownPackages, Outside};
use slimwright::emit::Style;
use slimwright::facts::Survey;
use slimwright::fs::View;
use slimwright::image::Image;
use slimwright::index::{Availability, Files, Input, Request, RequestError, Resolution, Resolved, Verdict, Wanted};
use slimwright::manifest::{Artifact, LineKind, parse_requirements_file};
use slimwright::os::OsInventory;
use slimwright::ospackages::{Installation, PackageRequest, Repositories, RepositoryError, Sources};
use slimwright::plan::{Draft, Plan, PlanOptions};
use slimwright::prove::{self, Evidence};
use slimwright::python::normalize_name;
use slimwright::rules::{self, embedded};
use slimwright::wheel::{Contents, Platform, WheelFile, WheelInfo};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Numbers that look like chance and are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn happens(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }
}

/// A wheel of the index: its modules with their bytes, and what it requires.
#[derive(Clone)]
struct Wheel {
    name: &'static str,
    version: &'static str,
    files: Vec<(String, u64)>,
    requires: &'static [&'static str],
    scripts: &'static [&'static str],
}

impl Wheel {
    fn folder(&self) -> String {
        format!("{}-{}.dist-info", self.name.replace('-', "_"), self.version)
    }

    fn metadata(&self) -> String {
        let requires: String = self.requires.iter().map(|name| format!("Requires-Dist: {name}\n")).collect();
        format!("Name: {}\nVersion: {}\n{requires}", self.name, self.version)
    }

    fn entry_points(&self) -> String {
        let scripts: String = self.scripts.iter().map(|name| format!("{name} = m:main\n")).collect();
        if scripts.is_empty() { scripts } else { format!("[console_scripts]\n{scripts}") }
    }

    fn info(&self) -> WheelInfo {
        let own = [("METADATA", self.metadata().len() as u64), ("WHEEL", 90), ("RECORD", 300)];
        let own = own.into_iter().map(|(file, size)| (format!("{}/{file}", self.folder()), size));
        let file = |(path, size): (String, u64)| WheelFile { crc32: 7, path: path.into_bytes(), size };
        let contents = Contents {
            files: self.files.iter().cloned().chain(own).map(file).collect(),
            wire: 1_000,
            basis: Basis::Predicted,
        };
        WheelInfo {
            contents,
            metadata: self.metadata().into_bytes(),
            wheel: Vec::new(),
            entry_points: self.entry_points().into_bytes(),
            top_level: Vec::new(),
            shebangs: Vec::new(),
            keepable: true,
        }
    }

    /// Its files as they are installed, as lines of the fixture.
    fn installed(&self, site: &str, prefix: &str, compiled: bool, chance: &mut Chance) -> String {
        let mut out = String::new();
        let folder = self.folder();
        let mut record = String::new();
        for (path, size) in &self.files {
            let _ = write!(record, "{path},,{size}\\n");
            let _ = writeln!(out, "f {site}/{path} {size}");
            if let Some(stem) = path.strip_suffix(".py").filter(|_| compiled) {
                let (parent, name) = stem.rsplit_once('/').unwrap_or(("", stem));
                let parent = if parent.is_empty() { String::new() } else { format!("{parent}/") };
                let compiled = size + chance.below(900);
                let _ = writeln!(out, "f {site}/{parent}__pycache__/{name}.cpython-311.pyc {compiled}");
            }
        }
        for script in self.scripts {
            let _ = write!(record, "../../../bin/{script},,210\\n");
            let _ = writeln!(out, "f {prefix}/bin/{script} 210 mode=755");
        }
        for (file, size) in [("WHEEL", Some(90)), ("INSTALLER", Some(4)), ("METADATA", None), ("RECORD", None)] {
            let size = size.map_or_else(String::new, |size| size.to_string());
            let _ = write!(record, "{folder}/{file},,{size}\\n");
        }
        let metadata = self.metadata().replace('\n', "\\n");
        let _ = writeln!(out, "f {site}/{folder}/METADATA = {metadata}");
        let _ = writeln!(out, "f {site}/{folder}/INSTALLER = pip\\n");
        let _ = writeln!(out, "f {site}/{folder}/WHEEL 90");
        let _ = writeln!(out, "f {site}/{folder}/RECORD = {record}");
        out
    }
}

fn files(list: &[(&str, u64)]) -> Vec<(String, u64)> {
    list.iter().map(|(path, size)| ((*path).to_owned(), *size)).collect()
}

/// What the index has. The sizes are the seed's.
fn index(chance: &mut Chance) -> Vec<Wheel> {
    let mut size = |end: u64| 1 + chance.below(end);
    let wheel = |name, version, files| Wheel { name, version, files, requires: &[], scripts: &[] };
    let shared = size(50);
    vec![
        Wheel {
            requires: &["beta"],
            scripts: &["alpha"],
            ..wheel(
                "alpha",
                "1.0",
                files(&[("alpha/__init__.py", size(9_000)), ("alpha/_a.so", size(90_000)), ("tests/__init__.py", 0)]),
            )
        },
        wheel("beta", "2.5", files(&[("beta.py", size(4_000)), ("beta_data/x.json", size(4_000))])),
        wheel(
            "gamma",
            "0.9",
            files(&[
                ("gamma/__init__.py", size(70)),
                ("gamma/tests/test_a.py", size(30_000)),
                ("gamma/big.py", size(80_000)),
            ]),
        ),
        // Two that put a file at the same path.
        wheel("delta", "1.0", files(&[("delta/__init__.py", size(500)), ("shared/common.py", shared)])),
        wheel("delta-more", "1.0", files(&[("delta_more/__init__.py", size(500)), ("shared/common.py", shared + 7)])),
        Wheel { requires: &["alpha"], ..wheel("pytest", "7.0", files(&[("pytest/__init__.py", size(9_000))])) },
        wheel(
            "opencv-python",
            "4.10",
            files(&[("cv2/__init__.py", 900), ("cv2/cv2.abi3.so", 700_000), ("cv2/qt/plugin.so", 90_000)]),
        ),
        wheel("opencv-python-headless", "4.10", files(&[("cv2/__init__.py", 900), ("cv2/cv2.abi3.so", 500_000)])),
        wheel("torch", "2.1.1", files(&[("torch/__init__.py", size(60_000)), ("torch/lib/libtorch_cpu.so", 900_000)])),
        wheel("uv", "0.9", files(&[("uv/__init__.py", 40)])),
    ]
}

/// The GPU build of torch, which is on no index that the plan asks.
fn gpu_torch(of_index: &Wheel) -> Wheel {
    let mut files = of_index.files.clone();
    files.push(("torch/lib/libtorch_cuda.so".to_owned(), 5_000_000));
    Wheel { files, requires: &["nvidia-cublas-cu12"], ..of_index.clone() }
}

fn cublas() -> Wheel {
    Wheel {
        name: "nvidia-cublas-cu12",
        version: "12.1",
        files: files(&[("nvidia/cublas/lib/libcublas.so.12", 4_000_000)]),
        requires: &[],
        scripts: &[],
    }
}

/// The packages of the repository, as lines of it.
const PACKAGES: &str = "libpq5 15.8 Depends=libssl3;Installed-Size=900;Section=libs
    libssl3 3.0.14 Installed-Size=6000;Section=libs
    libmagic1 5.44 Depends=libmagic-mgc;Section=libs
    libmagic-mgc 5.44 Installed-Size=8000
    curl 7.88 Depends=libcurl4;Recommends=ca-certificates
    libcurl4 7.88 Depends=libssl3
    ca-certificates 2023
    gcc 12.2 Depends=cpp-12;Installed-Size=30000;Section=devel
    cpp-12 12.2 Installed-Size=20000;Section=devel
    numpy 1.24 Depends=libblas3 | libblas.so.3;Section=python
    math-sci 1.10 Depends=openblas, numpy;Section=science
    libblas3 3.11 Provides=libblas.so.3;Section=libs
    openblas 0.3 Provides=libblas.so.3;Installed-Size=30000;Section=libs
    mailer 1 Depends=big-agent | mail-agent
    big-agent 4 Provides=mail-agent;Installed-Size=9000
    small-agent 2 Provides=mail-agent
    viewer 1 Depends=www-browser
    a-browser 1 Provides=www-browser;Installed-Size=700
    z-browser 1 Provides=www-browser
    libc6 2.36 Installed-Size=13000;Section=libs";

/// The packages that `apt-get install NAMES` once brought: of several that would do any one, as it was asked for then, and
/// one more where that was asked for before.
fn brought(names: &[&str], chance: &mut Chance) -> Vec<&'static str> {
    let lines: Vec<(&str, &str)> = PACKAGES.lines().map(|line| line.trim().split_once(' ').unwrap()).collect();
    let field = |rest: &'static str, name: &str| {
        let fields = rest.split_once(' ').map_or("", |(_, fields)| fields).split(';');
        fields.filter_map(|field| field.strip_prefix(name)?.strip_prefix('=')).next().unwrap_or_default()
    };
    let meets = |wanted: &str, (name, rest): &(&'static str, &'static str)| {
        *name == wanted || field(rest, "Provides") == wanted
    };
    let mut out: Vec<&str> = Vec::new();
    let mut todo: Vec<&str> = names.to_vec();
    while let Some(name) = todo.pop() {
        let Some((name, rest)) = lines.iter().find(|(known, _)| *known == name) else { continue };
        if out.contains(name) {
            continue;
        }
        out.push(name);
        for group in field(rest, "Depends").split(", ").filter(|group| !group.is_empty()) {
            let would_do = |line: &&(&'static str, &'static str)| group.split(" | ").any(|wanted| meets(wanted, line));
            let candidates: Vec<&str> = lines.iter().filter(would_do).map(|(name, _)| *name).collect();
            let is_met = candidates.iter().any(|name| out.contains(name) || todo.contains(name));
            if !is_met || chance.happens(2) {
                todo.push(candidates[chance.below(candidates.len() as u64) as usize]);
            }
        }
    }
    out.sort_unstable();
    out
}

/// What dpkg's list says of some packages.
fn status(names: &[&str], manual: &dyn Fn(&str) -> bool) -> (String, String) {
    let lines = PACKAGES.lines().map(str::trim).filter(|line| names.contains(&line.split(' ').next().unwrap()));
    let text = repositories::packages(&lines.collect::<Vec<_>>().join("\n"));
    let installed = |stanza: &str| format!("{stanza}Status: install ok installed\n\n");
    let text: String = text.split("\n\n").map(|stanza| installed(&format!("{}\n", stanza.trim_end()))).collect();
    let automatic = names.iter().filter(|name| !manual(name));
    let automatic =
        automatic.map(|name| format!("Package: {name}\\nArchitecture: amd64\\nAuto-Installed: 1\\n\\n")).collect();
    (text.replace('\n', "\\n"), automatic)
}

/// A stack of layers.
struct Stack {
    image: Image,
    index: Vec<Wheel>,
}

fn stack(seed: u64, server: &Server) -> Stack {
    let mut chance = Chance(seed);
    let index = index(&mut chance);
    let host = server.host();
    let mut out = format!(
        "layer ADD rootfs.tar / in /
        f etc/os-release = ID=debian\\nVERSION_ID=12\\nVERSION_CODENAME=bookworm\\n
        f etc/apt/sources.list = deb http://{host}/debian bookworm main\\n
        f var/lib/dpkg/status = {}
        f var/lib/dpkg/info/libc6.list = /usr/lib/libc.so.6\\n
        f usr/lib/libc.so.6 1900000
        f etc/passwd 900
        f etc/group 500
        empty CMD [\"bash\"]
        layer RUN build python
        f usr/local/bin/python3.11 6000 mode=755
        l usr/local/bin/python3 -> python3.11
        f usr/local/lib/python3.11/os.py 40000
        f SITE/pip/__init__.py 350
        f SITE/pip/__main__.py 30
        f SITE/pip-24.0.dist-info/METADATA = Name: pip\\nVersion: 24.0\\n
        f SITE/pip-24.0.dist-info/RECORD = pip/__init__.py,,350\\npip/__main__.py,,30\\npip-24.0.dist-info/METADATA,,\\n
        empty CMD [\"python3\"]
        env PYTHON_VERSION=3.11.9
        env PATH=/usr/local/bin:/usr/bin:/bin\n",
        status(&["libc6"], &|_| true).0
    );
    packages(&mut out, &mut chance);
    distributions(&mut out, &mut chance, &index);
    application(&mut out, &mut chance);
    let image = fixture::image(&out.replace("SITE", "usr/local/lib/python3.11/site-packages"));
    Stack { image, index }
}

fn packages(out: &mut String, chance: &mut Chance) {
    let all = ["libpq5", "libmagic1", "curl", "gcc", "numpy", "math-sci", "mailer", "viewer"];
    let asked: Vec<&str> = all.into_iter().filter(|_| chance.happens(2)).collect();
    if asked.is_empty() {
        return;
    }
    let names = brought(&asked, chance);
    let all: Vec<&str> = names.iter().copied().chain(["libc6"]).collect();
    let (status, automatic) = status(&all, &|name| asked.contains(&name) || name == "libc6");
    let _ = writeln!(out, "layer RUN apt-get update && apt-get install -y {}", asked.join(" "));
    let _ = writeln!(out, "f var/lib/dpkg/status = {status}\nf var/lib/apt/extended_states = {automatic}");
    let _ = writeln!(out, "f var/log/dpkg.log {}\nf etc/ld.so.cache {}", chance.below(9_000), chance.below(9_000));
    if chance.happens(2) {
        let _ = writeln!(out, "f var/lib/apt/lists/some_Packages {}", chance.below(90_000));
    }
    for name in names {
        let library = format!("usr/lib/x86_64-linux-gnu/{name}.so.1");
        let _ = writeln!(
            out,
            "f {library} {}\nf usr/share/doc/{name}/copyright {}",
            chance.below(900_000),
            chance.below(900)
        );
        let _ = writeln!(out, "f var/lib/dpkg/info/{name}.md5sums {}", chance.below(400));
        let _ = writeln!(out, "f var/lib/dpkg/info/{name}.list = /{library}\\n/usr/share/doc/{name}/copyright\\n");
    }
}

fn distributions(out: &mut String, chance: &mut Chance, index: &[Wheel]) {
    let by_name = |name: &str| index.iter().find(|wheel| wheel.name == name).unwrap().clone();
    let virtual_environment = chance.happens(3);
    let (prefix, site) = match virtual_environment {
        true => ("opt/venv", "opt/venv/lib/python3.11/site-packages"),
        false => ("usr/local", "usr/local/lib/python3.11/site-packages"),
    };
    let _ = writeln!(out, "layer RUN pip install -r requirements.txt");
    if virtual_environment {
        let _ = writeln!(out, "f opt/venv/pyvenv.cfg = home = /usr/local/bin\\nversion_info = 3.11.9\\n");
        let _ = writeln!(out, "l opt/venv/bin/python3 -> /usr/local/bin/python3\nl opt/venv/bin/python -> python3");
    }
    let compiled = !chance.happens(3);
    let names = ["alpha", "beta", "gamma", "delta", "delta-more", "pytest"];
    let mut wheels: Vec<Wheel> = names.into_iter().filter(|_| !chance.happens(3)).map(by_name).collect();
    if chance.happens(2) {
        wheels.extend([gpu_torch(&by_name("torch")), cublas()]);
    }
    match chance.below(4) {
        0 => wheels.extend(["opencv-python-headless", "opencv-python"].map(by_name)),
        1 => wheels.push(by_name("opencv-python")),
        _ => {}
    }
    if wheels.is_empty() {
        wheels.push(by_name("beta"));
    }
    // What comes later at the same path is there; a layer has each path once.
    let text: Vec<String> = wheels.iter().map(|wheel| wheel.installed(site, prefix, compiled, chance)).collect();
    let mut lines: BTreeMap<String, String> = BTreeMap::new();
    for line in text.iter().flat_map(|text| text.lines()) {
        lines.insert(line.split(' ').nth(1).unwrap().to_owned(), line.to_owned());
    }
    lines.values().for_each(|line| _ = writeln!(out, "{line}"));
    let has = |name: &str| wheels.iter().any(|wheel| wheel.name == name);
    if has("gamma") && chance.happens(2) {
        // Tests that somebody removed, and a module that somebody removed, too.
        let _ = writeln!(out, "layer RUN find / -name tests -delete\nw {site}/gamma/tests");
        if chance.happens(2) {
            let _ = writeln!(out, "w {site}/gamma/big.py");
        }
    }
    if has("beta") && chance.happens(4) {
        let _ =
            writeln!(out, "layer RUN sed -i s/a/b/ beta_data/x.json\nf {site}/beta_data/x.json {}", chance.below(900));
    }
}

fn application(out: &mut String, chance: &mut Chance) {
    let _ = writeln!(out, "layer COPY . /app");
    for number in 0..1 + chance.below(6) {
        let folder = ["app", "app/static", "srv", "var/cache/app", "usr/local/share/x"][chance.below(5) as usize];
        match chance.below(5) {
            0 => _ = writeln!(out, "l {folder}/l{number} -> f0"),
            1 => _ = writeln!(out, "f {folder}/f{number} {} uid=33 gid=33", chance.below(2_000)),
            _ => _ = writeln!(out, "f {folder}/f{number} {}", chance.below(9_000)),
        }
    }
    if chance.happens(3) {
        let _ = writeln!(out, "layer RUN chown\nd app uid=33 gid=33");
    }
}

/// The world outside of the folder: an index, a repository, and the original, which the user names.
struct World<'w> {
    index: &'w [Wheel],
    original: (&'w str, &'w Image),
    evidence: &'w Evidence,
    server: Option<&'w Server>,
}

impl World<'_> {
    fn resolved(&self, name: &str, version: &str) -> Option<Resolved> {
        let is_it =
            |wheel: &&Wheel| wheel.name == normalize_name(name) && (version.is_empty() || wheel.version == version);
        let wheel = self.index.iter().find(is_it)?;
        Some(Resolved {
            name: name.to_owned(),
            normalized: normalize_name(name),
            version: Some(wheel.version.to_owned()),
            info: Some(wheel.info()),
            requested: true,
            ..Resolved::default()
        })
    }
}

impl Outside for World<'_> {
    fn image(&self, name: &str) -> Base {
        if name == self.original.0 {
            return Base::Known(Box::new(self.original.1.clone()), "given".into());
        }
        match self.evidence.base(name) {
            Some(image) => Base::Known(Box::new(image), "the lowest layers".into()),
            None => Base::Unknown("nobody has it".into()),
        }
    }

    fn resolve(&self, request: &Request, files: &dyn Files, _: &Platform) -> Result<Resolution, RequestError> {
        let read = |path: &Path| String::from_utf8(files.read(path, 1 << 20).unwrap()).unwrap();
        let mut wanted: Vec<(String, String)> = Vec::new();
        for input in &request.inputs {
            let text = match input {
                Input::Requirements(path) => read(path),
                Input::Lines { text, .. } => text.clone(),
                Input::Lock { path, .. } => {
                    let table: toml::Table = read(path).parse().unwrap();
                    let text = |row: &toml::Value, key: &str| row[key].as_str().unwrap().to_owned();
                    let rows = table["packages"].as_array().unwrap().iter();
                    wanted.extend(rows.map(|row| (text(row, "name"), text(row, "version"))));
                    continue;
                }
                Input::Project { .. } => unreachable!("no project is installed"),
            };
            for line in parse_requirements_file(&text, &|_| None).unwrap() {
                if let LineKind::Requirement(requirement) = line.what {
                    let version = requirement.specifiers.trim_start_matches('=').trim().to_owned();
                    wanted.push((requirement.name, version));
                }
            }
        }
        let mut out = Resolution::default();
        for (name, version) in wanted {
            match self.resolved(&name, &version) {
                Some(found) => out.packages.push(found),
                None => out.not_predicted.push((name, "it is on no index".to_owned())),
            }
        }
        Ok(out)
    }

    fn repositories(&self, sources: &Sources, architecture: &str) -> Result<Repositories, RepositoryError> {
        match self.server {
            Some(_) => Repositories::open(sources, architecture, &repositories::options()),
            None => Err(RepositoryError::NoSources("the network is away".into())),
        }
    }

    fn installed(&self, package: &Resolved) -> Option<KnownDistribution> {
        self.evidence.installed(package)
    }

    fn bytecode_ratio(&self, package: &Resolved) -> Option<(u64, u64)> {
        self.evidence.bytecode_ratio(package)
    }

    fn measured(
        &self,
        request: &PackageRequest,
        found: Option<&Installation>,
        present: &OsInventory,
    ) -> Option<KnownPackages> {
        self.evidence.measured(request, found, present)
    }
}

/// What the index says of a plan's pins.
fn answers(draft: &Draft<'_>, index: &[Wheel]) -> Vec<Availability> {
    let answer = |wanted: Wanted| {
        let wheel = index.iter().find(|wheel| wheel.name == normalize_name(&wanted.name));
        let file = |wheel: &Wheel| Artifact {
            file: format!("{}-{}-py3-none-any.whl", wheel.name.replace('-', "_"), wheel.version),
            url: Some(format!("https://files.example.org/{}.whl", wheel.name)),
            size: Some(1_000),
            hashes: [("sha256".to_owned(), "ab".repeat(32))].into(),
        };
        Availability {
            verdict: if wheel.is_some() { Verdict::Wheel } else { Verdict::Gone },
            version: wheel.map(|wheel| wheel.version.to_owned()),
            yanked: None,
            wheel: wheel.map(file),
            other_wheel: None,
            sdist: None,
            info: wheel.filter(|_| wanted.measure).map(Wheel::info),
            near: Vec::new(),
            reason: String::new(),
        }
    };
    draft.wanted().into_iter().map(answer).collect()
}

/// A plan, and its folder read again.
fn round(stack: &Stack, style: Style, server: Option<&Server>, then: impl FnOnce(&Plan, &Image)) {
    let view = View::new(&stack.image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let rules = embedded();
    let findings = rules::evaluate(&facts, &rules);
    let options = PlanOptions {
        original: Some("team/service:1".into()),
        accept: vec!["development-tools".into()],
        ..PlanOptions::default()
    };
    let draft = Draft::new(&facts, &findings, &rules, &options).unwrap();
    let found = answers(&draft, &stack.index);
    let (plan, files) = prove::emitted(draft.intent(found), style);
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
    let evidence = Evidence::new(&facts);
    let world = World { index: &stack.index, original: ("team/service:1", &stack.image), evidence: &evidence, server };
    let options = ContextOptions { platform: "linux/amd64".into(), ..ContextOptions::default() };
    let again = context::read(folder.path(), &options, &world);
    then(&plan, &again.unwrap().image);
}

/// Every visible path with its bytes.
fn paths(image: &Image) -> BTreeMap<String, u64> {
    let view = View::new(image);
    view.iter().map(|(path, node)| (String::from_utf8_lossy(path).into_owned(), view.size(node))).collect()
}

#[test]
fn versions_that_the_named_image_has_need_no_index() {
    let server = repositories::debian(PACKAGES);
    let stack = stack(3, &server);
    let view = View::new(&stack.image);
    let survey = Survey::new(&view, &[]);
    let evidence = Evidence::new(&survey.facts(&view));
    let line = |text: &str, no_deps: bool| Request {
        inputs: vec![Input::Lines { text: text.to_owned(), place: "here".into(), folder: "/".into() }],
        no_deps,
        ..Request::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let files = slimwright::index::Disk::new(folder.path()).unwrap();
    let dists = &survey.python.distributions;
    let known = dists.iter().find(|dist| dist.normalized != "pip").unwrap();
    let pin = format!("{}=={}", known.name, known.version);
    let found = evidence.resolve(&line(&format!("{pin}\nabsent==1\n"), true), &files).unwrap();
    assert_eq!((found.packages.len(), found.not_predicted.len()), (2, 1));
    assert_eq!(found.not_predicted[0].0, "absent");
    // What requires more, any version, or nothing that the image has, is an index's to say.
    assert!(evidence.resolve(&line(&pin, false), &files).is_none());
    assert!(evidence.resolve(&line(&known.name, true), &files).is_none());
    assert!(evidence.resolve(&line("absent==1", true), &files).is_none());
}

#[test]
fn the_folder_of_a_plan_read_again_is_the_plan_path_by_path() {
    let server = repositories::debian(PACKAGES);
    for seed in 0..u64::from(cases(60)) {
        let stack = stack(seed, &server);
        let style = [Style::Pip, Style::Pip, Style::Uv, Style::Pylock][(seed % 4) as usize];
        round(&stack, style, Some(&server), |plan, again| {
            assert_eq!((plan.predicted.gaps.as_slice(), again.gaps.as_slice()), (&[][..], &[][..]), "seed {seed}");
            let (planned, found) = (paths(&plan.predicted), paths(again));
            let differing: Vec<_> = planned.iter().filter(|(path, size)| found.get(*path) != Some(size)).collect();
            let more: Vec<_> = found.iter().filter(|(path, _)| !planned.contains_key(*path)).collect();
            assert_eq!((differing, more), (vec![], vec![]), "seed {seed} {style:?}");
            assert_eq!(plan.predicted.unpacked(), again.unpacked(), "seed {seed}");
        });
    }
}
