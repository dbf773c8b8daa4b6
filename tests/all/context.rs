//! Build contexts: what a Dockerfile would make, by instruction; what is not known of it; and what breaks it.

use crate::fixture;
use slimwright::base::{Hint as _, ImagePath};
use slimwright::context::{Base, ContextError, ContextOptions, Outside, Virtual, read};
use slimwright::fs::{Fate, View};
use slimwright::image::{GapReason, Image, Writes};
use slimwright::index::{Files, Input, Request, RequestError, Resolution, Resolved};
use slimwright::ospackages::{Repositories, RepositoryError, Sources};
use slimwright::python::{Inventory, normalize_name};
use slimwright::wheel::{Contents, Platform, WheelFile, WheelInfo};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// The official Python image, made small.
const PYTHON: &str = "
    layer ADD rootfs.tar /
    f etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\\nPRETTY_NAME=\"Debian 12\"\\n
    f etc/passwd 900
    f etc/group 500
    f usr/bin/env 40000
    layer RUN build python
    f usr/local/bin/python3.11 6000
    l usr/local/bin/python3 -> python3.11
    l usr/local/bin/python -> python3
    f usr/local/bin/pip 230
    f usr/local/lib/python3.11/os.py 40000
    f usr/local/lib/python3.11/site-packages/pip/__init__.py 350
    f usr/local/lib/python3.11/site-packages/pip-24.0.dist-info/METADATA = Metadata-Version: 2.1\\nName: pip\\nVersion: 24.0\\n
    f usr/local/lib/python3.11/site-packages/pip-24.0.dist-info/RECORD = pip/__init__.py,,350\\npip-24.0.dist-info/METADATA,,\\npip-24.0.dist-info/RECORD,,\\n
    empty CMD [\"python3\"]
    env PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
    env PYTHON_VERSION=3.11.9
";

/// A world with some wheels and one base image.
struct World {
    base: Base,
    wheels: BTreeMap<String, Resolved>,
    asked: RefCell<Vec<Request>>,
}

impl World {
    fn new() -> Self {
        Self {
            base: Base::Known(Box::new(fixture::image(PYTHON)), "made".into()),
            wheels: BTreeMap::new(),
            asked: RefCell::default(),
        }
    }

    fn with(mut self, wheel: Resolved) -> Self {
        self.wheels.insert(wheel.normalized.clone(), wheel);
        self
    }
}

impl Outside for World {
    fn image(&self, name: &str) -> Base {
        if name.starts_with("other") { Base::Unknown("nobody has it".into()) } else { self.base.clone() }
    }

    fn resolve(&self, request: &Request, files: &dyn Files, _: &Platform) -> Result<Resolution, RequestError> {
        self.asked.borrow_mut().push(request.clone());
        let read = |path: &Path| String::from_utf8(files.read(path, 1 << 20).unwrap()).unwrap();
        let mut text = String::new();
        for input in &request.inputs {
            match input {
                Input::Requirements(path) => text.push_str(&read(path)),
                Input::Lines { text: lines, .. } => text.push_str(lines),
                Input::Lock { path, .. } => text.push_str(&read(path)),
                Input::Project { .. } => {}
            }
        }
        if text.contains("--index-url https://dead.example.org") {
            return Err(RequestError::Index { host: "dead.example.org".into(), message: "nobody answers".into() });
        }
        let names = text.lines().map(|line| normalize_name(line.split(['=', '<', '>', ';', ' ']).next().unwrap()));
        let packages = names.filter_map(|name| self.wheels.get(&name).cloned()).collect();
        Ok(Resolution { packages, ..Resolution::default() })
    }

    fn repositories(&self, _: &Sources, _: &str) -> Result<Repositories, RepositoryError> {
        Err(RepositoryError::NoSources("none are named".into()))
    }
}

/// A wheel that installs these files of its site directory.
fn wheel(name: &str, version: &str, files: &[(&str, u64)]) -> Resolved {
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n").into_bytes();
    let folder = format!("{}-{version}.dist-info", name.replace('-', "_"));
    let own = [("METADATA", metadata.len() as u64), ("WHEEL", 90), ("RECORD", 300)];
    let own = own.into_iter().map(|(file, size)| (format!("{folder}/{file}"), size));
    let all = files.iter().map(|(path, size)| ((*path).to_owned(), *size)).chain(own);
    let file = |(path, size): (String, u64)| WheelFile {
        crc32: path.len() as u32 + size as u32,
        path: path.into_bytes(),
        size,
    };
    let contents = Contents { files: all.map(file).collect(), wire: 1_000, basis: slimwright::base::Basis::Predicted };
    Resolved {
        name: name.into(),
        normalized: normalize_name(name),
        version: Some(version.into()),
        info: Some(WheelInfo {
            contents,
            metadata,
            wheel: Vec::new(),
            entry_points: Vec::new(),
            top_level: Vec::new(),
            shebangs: Vec::new(),
            keepable: true,
        }),
        requested: true,
        ..Resolved::default()
    }
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn options() -> ContextOptions {
    ContextOptions { platform: "linux/amd64".into(), ..ContextOptions::default() }
}

fn made(files: &[(&str, &str)], world: &World) -> Result<Virtual, ContextError> {
    read(folder(files).path(), &options(), world)
}

/// The image, without gaps.
fn whole(files: &[(&str, &str)], world: &World) -> Image {
    let image = made(files, world).unwrap().image;
    assert_eq!(image.gaps, [], "nothing is unknown");
    image
}

fn paths(image: &Image) -> Vec<String> {
    View::new(image).iter().map(|(path, _)| String::from_utf8_lossy(path).into_owned()).collect()
}

fn has(image: &Image, path: &str) -> bool {
    View::new(image).get(path.as_bytes()).is_some()
}

#[test]
fn files_are_copied_as_builders_copy_them() {
    let image = whole(
        &[
            (
                "Dockerfile",
                "FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nCOPY --chown=1000:1000 data/*.csv /data/\nCOPY data/a.csv /one\n",
            ),
            (".dockerignore", "**/*.log\nsecret\n!keep.log\n"),
            ("main.py", "print()\n"),
            ("x.log", "xxxx"),
            ("keep.log", "k"),
            ("secret/key", "s"),
            ("data/a.csv", "aa"),
            ("data/b.csv", "bbb"),
        ],
        &World::new(),
    );
    for path in ["app/main.py", "app/keep.log", "app/data/b.csv", "data/a.csv", "data/b.csv", "one", "app/Dockerfile"] {
        assert!(has(&image, path), "{path} of {:?}", paths(&image));
    }
    for path in ["app/x.log", "app/secret/key"] {
        assert!(!has(&image, path), "{path}");
    }
    let layer = &image.layers[3];
    assert_eq!(
        (layer.unpacked(), layer.entries.iter().filter(|entry| entry.size > 0).all(|entry| entry.uid == 1000)),
        (5, true)
    );
    assert_eq!(image.base_layers(), 2);
}

#[test]
fn wheels_are_installed_where_the_bases_python_looks() {
    let world = World::new().with(wheel("six", "1.16.0", &[("six.py", 34_549)])).with(wheel(
        "Foo-Bar",
        "2.0",
        &[("foo_bar/__init__.py", 10), ("foo_bar/a.so", 5_000)],
    ));
    let image = whole(
        &[
            (
                "Dockerfile",
                "FROM python:3.11-slim\nCOPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt\n",
            ),
            ("requirements.txt", "six==1.16.0\nfoo-bar\n"),
        ],
        &world,
    );
    let site = "usr/local/lib/python3.11/site-packages";
    for path in ["six.py", "__pycache__/six.cpython-311.pyc", "foo_bar/a.so", "six-1.16.0.dist-info/INSTALLER"] {
        assert!(has(&image, &format!("{site}/{path}")), "{path} of {:?}", paths(&image));
    }
    let view = View::new(&image);
    let inventory = Inventory::new(&view);
    let names: Vec<&str> = inventory.distributions.iter().map(|dist| dist.normalized.as_str()).collect();
    assert_eq!(names, ["foo-bar", "pip", "six"]);
    assert!(inventory.distributions.iter().all(|dist| !dist.is_broken() && dist.missing.is_empty()), "{inventory:#?}");
    let asked = world.asked.borrow();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].installed, [("pip".to_owned(), "24.0".to_owned())]);
}

#[test]
fn what_two_wheels_install_is_found_before_they_collide() {
    let world = World::new()
        .with(wheel("opencv-python", "4.6", &[("cv2/__init__.py", 100), ("cv2/cv2.so", 60_000)]))
        .with(wheel("opencv-python-headless", "4.10", &[("cv2/__init__.py", 100), ("cv2/cv2.so", 50_000)]));
    let image = whole(
        &[(
            "Dockerfile",
            "FROM python:3.11-slim\nRUN pip install --no-cache-dir opencv-python opencv-python-headless\n",
        )],
        &world,
    );
    let view = View::new(&image);
    let inventory = Inventory::new(&view);
    let contested: Vec<String> = inventory
        .distributions
        .iter()
        .flat_map(|dist| &dist.contested)
        .map(|contest| contest.path.to_string())
        .collect();
    assert_eq!(contested, ["/usr/local/lib/python3.11/site-packages/cv2/cv2.so"; 2], "equal files are no contest");
}

/// The same wheel, with what it requires.
fn requiring(mut package: Resolved, requires: &[&str]) -> Resolved {
    let info = package.info.as_mut().unwrap();
    for line in requires {
        let header =
            if *line == "python" { "Requires-Python: >=3.8\n".to_owned() } else { format!("Requires-Dist: {line}\n") };
        info.metadata.extend(header.bytes());
    }
    package
}

#[test]
fn the_file_that_stays_is_that_of_the_wheel_that_pip_installs_last() {
    // Each distribution shares a file with the one before it and one with the one after it: the later one's has two bytes.
    let rows: Vec<Vec<&str>> = include_str!("pip_order.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(" | ").collect())
        .collect();
    let pair = |at: usize| format!("shared/{at}.dat");
    let mut world = World::new();
    for (at, row) in rows.iter().enumerate() {
        let before = at.checked_sub(1).map(pair);
        let after = (at + 1 < rows.len()).then(|| pair(at));
        let files: Vec<(&str, u64)> =
            before.iter().map(|path| (path.as_str(), 2)).chain(after.iter().map(|path| (path.as_str(), 1))).collect();
        let package = wheel(row[0], "1.0", &files);
        world = world.with(requiring(package, &row[1..]));
    }
    let mut names: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    names.sort_unstable();
    let text = format!("FROM python:3.11-slim\nRUN pip install --no-cache-dir {}\n", names.join(" "));
    let image = whole(&[("Dockerfile", &text)], &world);
    let view = View::new(&image);
    let wrong: Vec<String> = (0..rows.len() - 1)
        .filter(|at| {
            let path = format!("usr/local/lib/python3.11/site-packages/{}", pair(*at));
            view.size(view.get(path.as_bytes()).unwrap()) != 2
        })
        .map(|at| format!("{} before {}", rows[at][0], rows[at + 1][0]))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn which_of_two_files_uv_leaves_is_chance_and_a_gap() {
    let world = World::new()
        .with(wheel("opencv-python", "4.6", &[("cv2/__init__.py", 100), ("cv2/cv2.so", 600_000)]))
        .with(wheel("opencv-python-headless", "4.10", &[("cv2/__init__.py", 100), ("cv2/cv2.so", 100_000)]));
    let text = "FROM python:3.11-slim\nRUN uv pip install --system --no-cache opencv-python opencv-python-headless\n";
    let image = made(&[("Dockerfile", text)], &world).unwrap().image;
    let [gap] = &image.gaps[..] else { panic!("{:?}", image.gaps) };
    let said = gap.why.to_string();
    assert!(said.contains("opencv-python and opencv-python-headless") && said.contains("500 kB"), "{said}");
    let site = ImagePath::from("usr/local/lib/python3.11/site-packages/cv2");
    assert_eq!(gap.writes, Writes::Within(vec![site]));
}

#[test]
fn an_uninstall_in_a_later_layer_frees_nothing_and_breaks_the_other() {
    let world = World::new()
        .with(wheel("opencv-python", "4.6", &[("cv2/__init__.py", 100), ("cv2/cv2.so", 60_000)]))
        .with(wheel("opencv-python-headless", "4.10", &[("cv2/__init__.py", 101), ("cv2/cv2.so", 50_000)]));
    let image = whole(
        &[(
            "Dockerfile",
            "FROM python:3.11-slim\nRUN pip install --no-cache-dir opencv-python opencv-python-headless\nRUN pip uninstall -y opencv-python\n",
        )],
        &world,
    );
    let view = View::new(&image);
    let inventory = Inventory::new(&view);
    assert_eq!(inventory.removed.iter().map(|removed| removed.name.as_str()).collect::<Vec<_>>(), ["opencv-python"]);
    let left = inventory.named("opencv-python-headless").next().unwrap().1;
    assert!(left.is_broken(), "{left:?}");
    assert!(image.layers[2].unpacked() > 50_000 && image.layers[3].unpacked() == 0);
}

#[test]
fn what_a_layer_makes_and_removes_leaves_nothing_but_what_is_below_stays() {
    let image = whole(
        &[(
            "Dockerfile",
            "FROM python:3.11-slim\nRUN echo hello > /a && echo hello > /b && rm /a\nRUN rm -rf /b /usr/bin/env /nothing\n",
        )],
        &World::new(),
    );
    assert_eq!(image.layers[2].unpacked(), 6);
    assert_eq!(image.layers[3].unpacked(), 0);
    assert!(!has(&image, "a") && !has(&image, "b") && !has(&image, "usr/bin/env"));
}

#[test]
fn chown_of_another_layer_writes_every_file_again() {
    let files = [
        (
            "Dockerfile",
            "FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nRUN useradd -m app && chown -R app:app /app\nRUN chown -R app:app /app\n",
        ),
        ("big.bin", "0123456789"),
    ];
    let image = whole(&files, &World::new());
    let view = View::new(&image);
    let rewritten = |layer: u32| {
        (0..image.layers[layer as usize].entries.len() as u32)
            .any(|entry| matches!(view.fate((layer, entry)), Fate::Rewritten { .. }))
    };
    assert!(rewritten(2), "the copy of COPY is hidden by the same bytes");
    assert_eq!(image.layers[4].unpacked(), 0, "a second time changes no owner");
}

#[test]
fn caches_count_unless_they_are_mounted() {
    let world = World::new().with(wheel("six", "1", &[("six.py", 10)]));
    let cached = |run: &str| {
        let text = format!("FROM python:3.11-slim\nRUN {run}\n");
        let image = whole(&[("Dockerfile", &text)], &world);
        paths(&image).iter().any(|path| path.starts_with("root/.cache/"))
    };
    assert!(cached("pip install six"));
    assert!(!cached("pip install --no-cache-dir six"));
    assert!(!cached("PIP_NO_CACHE_DIR=1 pip install six"));
    assert!(!cached("--mount=type=cache,target=/root/.cache pip install six"));
    assert!(!cached("pip install six && rm -rf ~/.cache"));
}

#[test]
fn an_environment_of_another_stage_is_copied_whole() {
    let world = World::new().with(wheel("six", "1", &[("six.py", 10)]));
    let image = whole(
        &[(
            "Dockerfile",
            "ARG VERSION=3.11\nFROM python:${VERSION} AS build\nRUN python -m venv /opt/venv\nENV PATH=/opt/venv/bin:$PATH\nRUN pip install six\n\nFROM python:${VERSION}-slim\nCOPY --from=build /opt/venv /opt/venv\n",
        )],
        &world,
    );
    assert!(
        has(&image, "opt/venv/lib/python3.11/site-packages/six.py") && has(&image, "opt/venv/pyvenv.cfg"),
        "{:?}",
        paths(&image)
    );
    assert!(!has(&image, "root/.cache/pip/http-v2/six"), "the cache stays in its stage");
    let view = View::new(&image);
    assert_eq!(Inventory::new(&view).environments.len(), 2);
}

#[test]
fn what_another_stage_does_not_know_of_what_is_copied_is_a_gap() {
    let source = Resolved { info: None, reason: "it has no wheel".into(), ..wheel("psycopg2", "2", &[]) };
    let world = World::new().with(source);
    let text = "FROM python:3.11 AS build\nWORKDIR /src\nRUN make\nRUN python -m venv /opt/venv && /opt/venv/bin/pip install psycopg2\n\
                FROM python:3.11-slim\nCOPY --from=build /opt/venv /opt/venv\n";
    let virtual_ = made(&[("Dockerfile", text)], &world).unwrap();
    let gaps: Vec<&str> = virtual_.image.gaps.iter().map(|gap| gap.command.as_str()).collect();
    assert_eq!(gaps, ["make", "psycopg2 2"], "either may have written there");
}

#[test]
fn what_cannot_be_known_is_a_gap_with_its_line() {
    let virtual_ = made(
        &[("Dockerfile", "FROM python:3.11-slim\nRUN apt-get update && apt-get install -y gcc\nRUN curl -o /model.bin https://example.org/model\nRUN for x in a b; do touch $x; done\nRUN set -eux; echo ok; true || make\nCOPY --from=other/uv:1 /uv /bin/\n")],
        &World::new(),
    )
    .unwrap();
    let gaps: Vec<(&str, &str)> =
        virtual_.image.gaps.iter().map(|gap| (gap.place.as_str(), gap.command.as_str())).collect();
    assert_eq!(
        gaps,
        [
            ("Dockerfile, line 2", "apt-get update"),
            ("Dockerfile, line 2", "apt-get install -y gcc"),
            ("Dockerfile, line 3", "curl -o /model.bin https://example.org/model"),
            ("Dockerfile, line 6", "/uv of the image other/uv:1"),
        ]
    );
    assert!(virtual_.image.gaps.iter().all(|gap| !gap.why.to_string().is_empty()));
}

#[test]
fn no_password_is_shown() {
    let text = "FROM python:3.11-slim\nRUN tool https://me:secret@example.org/x?token=secret\n\
                RUN for x in a; do curl -O https://me:secret@example.org/$x; done\n";
    let image = made(&[("Dockerfile", text)], &World::new()).unwrap().image;
    assert_eq!(image.gaps.len(), 2, "{:?}", image.gaps);
    assert!(!format!("{:?} {:?}", image.gaps, image.config.history).contains("secret"));
}

#[test]
fn an_unknown_base_is_a_gap_and_its_name_tells_the_python() {
    let world = World {
        base: Base::Unknown("nobody has it".into()),
        ..World::new().with(wheel("six", "1", &[("six.py", 10)]))
    };
    let virtual_ =
        made(&[("Dockerfile", "FROM python:3.12-slim\nRUN pip install --no-cache-dir six\n")], &world).unwrap();
    assert_eq!(virtual_.image.gaps.len(), 1, "{:?}", virtual_.image.gaps);
    assert_eq!(virtual_.image.gaps[0].command, "the base image python:3.12-slim");
    assert!(has(&virtual_.image, "usr/local/lib/python3.12/site-packages/six.py"));
}

#[test]
fn an_index_that_does_not_answer_is_a_gap_of_its_line_and_the_rest_is_known() {
    let text = "FROM python:3.11\nCOPY dead.txt /\nRUN pip install --no-cache-dir -r /dead.txt\nRUN pip install --no-cache-dir six\n";
    let files = [("Dockerfile", text), ("dead.txt", "torch\n--index-url https://dead.example.org/simple\n")];
    let six = wheel("six", "1.17.0", &[("six.py", 30)]);
    let image = made(&files, &World::new().with(six.clone())).unwrap().image;
    assert!(has(&image, "usr/local/lib/python3.11/site-packages/six.py"), "{:?}", paths(&image));
    let gaps: Vec<_> = image.gaps.iter().map(|gap| (gap.place.as_str(), gap.why.to_string())).collect();
    assert!(gaps.len() == 1 && gaps[0].0 == "Dockerfile, line 3" && gaps[0].1.contains("dead.example.org"), "{gaps:?}");
    // Where the base is not known either, nothing can be said.
    let text = text.replace("FROM python:3.11", "FROM other/python:3.11");
    assert!(!made(&[("Dockerfile", &text), files[1]], &World::new().with(six)).unwrap_err().is_configuration());
}

#[test]
fn a_base_that_nobody_has_is_said_with_the_option_that_tells_it() {
    let built = folder(&[("Dockerfile", "FROM nobody.example.org/base:1\nCOPY a.txt /\n"), ("a.txt", "12345678")]);
    let (code, out, err) = run(built.path(), &["audit", "-q", "context:."]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("unknown base + 8 B unpacked"), "{out}");
    assert!(out.contains("--image nobody.example.org/base:1=TARGET"), "{out}");
    let scratch = folder(&[("Dockerfile", "FROM scratch\nCOPY a.txt /\n"), ("a.txt", "12345678")]);
    assert!(!run(scratch.path(), &["audit", "-q", "context:."]).1.contains("unknown base"));
}

#[test]
fn the_dockerfile_that_a_plan_edits_is_the_one_that_is_read() {
    let built =
        folder(&[("api.Dockerfile", "FROM nobody.example.org/python:3.11\nCOPY a.txt /\n"), ("a.txt", "12345678")]);
    let file = built.path().join("api.Dockerfile").display().to_string();
    let (code, out, err) = run(built.path(), &["plan", "-q", "context:.", "-o", "slim", "--dockerfile", &file]);
    assert_eq!((code, out.contains("8 B")), (Some(0), true), "{out}{err}");
}

#[test]
fn a_pattern_that_fits_nothing_copies_nothing() {
    let text = "FROM python:3.11\nCOPY settings.env* main.py /srv/\nFROM python:3.11\nCOPY --from=0 /srv/*.env /srv/main.py /app/\n";
    let image = whole(&[("Dockerfile", text), ("main.py", "1")], &World::new());
    assert!(has(&image, "app/main.py"), "{:?}", paths(&image));
}

#[test]
fn a_build_that_would_fail_is_told_with_its_line() {
    let told = |files: &[(&str, &str)]| {
        let error = made(files, &World::new()).unwrap_err();
        assert!(error.is_configuration(), "{error}");
        (error.to_string(), error.hint().unwrap_or_default())
    };
    let (text, _) = told(&[("Dockerfile", "FROM python:3.11\nCOPY missing.txt /\n")]);
    assert_eq!(text, "Dockerfile, line 2: the source `missing.txt` is not in the build context");
    let (text, hint) =
        told(&[("Dockerfile", "FROM python:3.11\nCOPY a.txt /\n"), ("a.txt", ""), (".dockerignore", "*.txt\n")]);
    assert_eq!(
        (text.as_str(), hint.as_str()),
        (
            "Dockerfile, line 2: the source `a.txt` is not in the build context",
            "a builder does not see what .dockerignore hides"
        )
    );
    let (text, hint) =
        told(&[("Dockerfile", "FROM python:3.11\nRUN pip install -r requirements.txt\n"), ("requirements.txt", "")]);
    assert_eq!(text, "Dockerfile, line 2: the requirements file `requirements.txt` is not in the image at that point");
    assert_eq!(hint, "copy it with COPY before it is used");
    let (text, _) = told(&[("Dockerfile", "FROM python:3.11\nRUNN x\n")]);
    assert!(text.starts_with("Dockerfile, line 2: "), "{text}");
    let (text, _) = told(&[("Dockerfile", "FROM a AS one\nFROM one\nCOPY --from=one /nothing /y\n")]);
    assert_eq!(text, "Dockerfile, line 3: the source `/nothing` is not in the stage or image `one`");
    let (text, hint) = told(&[("main.py", "")]);
    assert!(text.ends_with("expected a Dockerfile, a lock, requirements.txt or pyproject.toml, found none"), "{text}");
    assert_eq!(hint, "context:DIR takes the folder that is built from");
}

#[test]
fn variables_have_their_values() {
    let world = World::new().with(wheel("six", "1", &[("six.py", 10)]));
    let text = "FROM python:3.11-slim\nARG WHAT=nothing\nENV MORE=\"$WHAT\"\nRUN NAME=six; export LIST=\"a b\"; pip install --no-cache-dir $MORE\nRUN touch $LIST\n";
    let files = folder(&[("Dockerfile", text)]);
    let given =
        ContextOptions { build_arguments: BTreeMap::from([("WHAT".to_owned(), "six".to_owned())]), ..options() };
    let image = read(files.path(), &given, &world).unwrap().image;
    assert!(has(&image, "usr/local/lib/python3.11/site-packages/six.py"));
    assert_eq!(image.gaps.len(), 1, "an exported variable is gone in the next RUN: {:?}", image.gaps);
}

#[test]
fn an_argument_with_a_value_wins_over_the_variable_that_was_there_before() {
    let made = |lines: &str| {
        let image = whole(&[("Dockerfile", &format!("FROM python:3.11-slim\n{lines}\n"))], &World::new());
        let env = image.config.env.iter().find(|pair| pair.starts_with("PYTHON_VERSION=")).cloned().unwrap();
        (paths(&image).into_iter().find(|path| path.starts_with("seen-")).unwrap_or_default(), env)
    };
    let (base, touch) = ("PYTHON_VERSION=3.11.9".to_owned(), "RUN touch /seen-$PYTHON_VERSION");
    assert_eq!(made(&format!("ARG PYTHON_VERSION=3\n{touch}")), ("seen-3".into(), base.clone()));
    assert_eq!(made(&format!("ARG PYTHON_VERSION\n{touch}")), ("seen-3.11.9".into(), base));
    let last = made(&format!("ARG PYTHON_VERSION=3\nENV PYTHON_VERSION=4\n{touch}"));
    assert_eq!(last, ("seen-4".into(), "PYTHON_VERSION=4".into()));
}

#[test]
fn find_removes_what_it_finds() {
    let world = World::new().with(wheel("a", "1", &[("a/__init__.py", 10), ("a/tests/t.py", 20), ("a/x.pyi", 5)]));
    let run = "pip install --no-cache-dir a && find /usr/local -depth \\( -type d -name tests -o -name '*.pyi' \\) -exec rm -rf '{}' + && find / -name '*.pyc' | xargs rm -f";
    let image = whole(&[("Dockerfile", &format!("FROM python:3.11-slim\nRUN {run}\n"))], &world);
    let left: Vec<String> =
        paths(&image).into_iter().filter(|path| path.contains("/a/") || path.ends_with(".pyc")).collect();
    assert_eq!(left, ["usr/local/lib/python3.11/site-packages/a/__init__.py"]);
}

#[test]
fn a_lock_is_installed_into_the_projects_environment() {
    let world = World::new().with(wheel("six", "1", &[("six.py", 10)]));
    let files = [
        (
            "Dockerfile",
            "FROM python:3.11-slim\nWORKDIR /app\nCOPY pyproject.toml uv.lock ./\nRUN uv sync --frozen --no-dev --no-install-project\nCOPY . .\nRUN uv sync --frozen --no-dev\n",
        ),
        (
            "pyproject.toml",
            "[project]\nname = \"mine\"\nversion = \"1.2\"\ndependencies = [\"six\"]\n[build-system]\nrequires = [\"hatchling\"]\n",
        ),
        ("uv.lock", "six\n"),
        ("src/mine/__init__.py", "x = 1\n"),
    ];
    let image = whole(&files, &world);
    let site = "app/.venv/lib/python3.11/site-packages";
    assert!(
        has(&image, &format!("{site}/six.py")) && has(&image, &format!("{site}/mine-1.2.dist-info/METADATA")),
        "{:?}",
        paths(&image)
    );
    assert!(!has(&image, &format!("{site}/__pycache__/six.cpython-311.pyc")), "uv compiles only when it is told to");
    let view = View::new(&image);
    let inventory = Inventory::new(&view);
    assert!(inventory.named("mine").next().unwrap().1.editable);
}

#[test]
fn installers_with_locks_have_their_places() {
    let world = World::new().with(wheel("six", "1", &[("six.py", 10)]));
    for (lock, command, place) in [
        ("Pipfile.lock", "pipenv sync --system", "usr/local/lib/python3.11/site-packages"),
        ("Pipfile.lock", "PIPENV_VENV_IN_PROJECT=1 pipenv install --deploy", "app/.venv/lib/python3.11/site-packages"),
        ("Pipfile.lock", "pipenv sync", "root/.local/share/virtualenvs/app/lib/python3.11/site-packages"),
        ("pdm.lock", "pdm sync --prod --no-self", "app/.venv/lib/python3.11/site-packages"),
        (
            "poetry.lock",
            "poetry config virtualenvs.create false && poetry install --no-root",
            "usr/local/lib/python3.11/site-packages",
        ),
        (
            "poetry.lock",
            "POETRY_VIRTUALENVS_IN_PROJECT=1 poetry install --no-root",
            "app/.venv/lib/python3.11/site-packages",
        ),
        ("poetry.lock", "poetry export -o r.txt && pip install -r r.txt", "usr/local/lib/python3.11/site-packages"),
        (
            "uv.lock",
            "uv export --frozen > r.txt && uv pip install --system -r r.txt",
            "usr/local/lib/python3.11/site-packages",
        ),
        ("uv.lock", "UV_PROJECT_ENVIRONMENT=/opt/e uv sync --frozen", "opt/e/lib/python3.11/site-packages"),
        (
            "requirements.txt",
            "uv venv /opt/v && VIRTUAL_ENV=/opt/v uv pip install -r requirements.txt",
            "opt/v/lib/python3.11/site-packages",
        ),
        ("requirements.txt", "pip install --target /srv/lib -r requirements.txt", "srv/lib"),
    ] {
        let text = format!("FROM python:3.11-slim\nWORKDIR /app\nCOPY {lock} .\nRUN {command}\n");
        let six = "[[package]]\nname = 'six'\nversion = '1'\nsource = { registry = 'https://example.org' }\n";
        let own =
            "version = 1\n[[package]]\nname = 'own'\nsource = { virtual = '.' }\ndependencies = [{ name = 'six' }]\n";
        // What is exported is read here, and what is installed by the world outside.
        let content = if command.contains("export") {
            format!("{}{six}", if lock == "uv.lock" { own } else { "" })
        } else {
            "six\n".into()
        };
        let image = whole(&[("Dockerfile", &text), (lock, &content)], &world);
        assert!(has(&image, &format!("{place}/six.py")), "{command}: {:?}", paths(&image));
    }
}

#[test]
fn without_a_lock_a_project_is_what_it_requires() {
    let project = "[tool.poetry]\nname = \"x\"\npackage-mode = false\n[tool.poetry.group.dev.dependencies]\npytest = \"*\"\n\
                   [tool.poetry.group.docs]\noptional = true\n[tool.poetry.group.docs.dependencies]\nmkdocs = \"*\"\n";
    let groups = |command: &str| {
        let world = World::new();
        let text = format!(
            "FROM python:3.11-slim\nWORKDIR /app\nCOPY pyproject.toml .\nENV POETRY_VIRTUALENVS_CREATE=false\nRUN {command}\n"
        );
        whole(&[("Dockerfile", &text), ("pyproject.toml", project)], &world);
        let asked = world.asked.borrow();
        match &asked[0].inputs[0] {
            Input::Project { groups, only_groups, .. } => (groups.join(" "), *only_groups),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(groups("poetry install"), ("dev".into(), false));
    assert_eq!(groups("poetry install --only main"), (String::new(), false));
    assert_eq!(groups("poetry install --only docs"), ("docs".into(), true));
    assert_eq!(groups("poetry install --without dev --with docs"), ("docs".into(), false));
}

#[test]
fn a_folder_without_a_dockerfile_is_what_its_requirements_install() {
    let world = World {
        base: Base::Unknown("nobody has it".into()),
        ..World::new().with(wheel("six", "1", &[("six.py", 10)]))
    };
    let files = folder(&[("requirements.txt", "six\n"), (".python-version", "3.11\n")]);
    let image = read(files.path(), &options(), &world).unwrap().image;
    assert!(has(&image, "usr/local/lib/python3.11/site-packages/six.py"));
    let without = folder(&[("requirements.txt", "six\n")]);
    assert!(matches!(read(without.path(), &options(), &world), Err(ContextError::NoPython)));
    let _: &Path = without.path();
}

/// The binary, in a folder where nothing else is configured.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = assert_cmd::Command::cargo_bin("slimwright").unwrap();
    let output =
        command.current_dir(folder).args(arguments).env("SLIMWRIGHT_CACHE_DIR", folder.join("cache")).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn an_audit_of_a_context_ends_with_the_verdict_of_its_budget() {
    let text = "FROM scratch\nCOPY data /data\n";
    let files = folder(&[
        ("Dockerfile", text),
        ("data", &"x".repeat(3_000)),
        ("slimwright.toml", "limits.unpacked = \"2 kB\"\n"),
    ]);
    let (code, out, err) = run(files.path(), &["audit", "context:."]);
    assert_eq!(code, Some(1), "{out}{err}");
    assert!(out.contains("3.0 kB unpacked") && out.contains("unpacked"), "{out}");
    assert!(err.contains("is over its budget"), "{err}");
    fs::write(files.path().join("slimwright.toml"), "limits.unpacked = \"4 kB\"\n").unwrap();
    let (code, out, err) = run(files.path(), &["audit", "context:."]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let (code, _, _) = run(files.path(), &["check", "context:."]);
    assert_eq!(code, Some(0));
}

#[test]
fn an_image_with_gaps_passes_no_budget_unless_it_may() {
    let text = "FROM scratch\nCOPY data /data\nRUN make\n";
    let files = folder(&[("Dockerfile", text), ("data", "x"), ("slimwright.toml", "limits.unpacked = \"2 kB\"\n")]);
    let (code, out, err) = run(files.path(), &["check", "context:."]);
    assert_eq!(code, Some(3), "{out}{err}");
    fs::write(files.path().join("slimwright.toml"), "unpredicted = \"allow\"\nlimits.unpacked = \"2 kB\"\n").unwrap();
    let (code, out, err) = run(files.path(), &["check", "context:."]);
    assert_eq!(code, Some(0), "{out}{err}");
    // What is over the limit without what is not known is over it.
    fs::write(files.path().join("data"), "x".repeat(3_000)).unwrap();
    fs::write(files.path().join("slimwright.toml"), "limits.unpacked = \"2 kB\"\n").unwrap();
    assert_eq!(run(files.path(), &["check", "context:."]).0, Some(1));
}

#[test]
fn a_plan_for_a_context_edits_its_dockerfile() {
    let text = "FROM python:3.11-slim\nWORKDIR /app\nCOPY data /data\nRUN chown -R 5:5 /data\nCMD [\"python\"]\n";
    let files = folder(&[("Dockerfile", text), ("data/a", &"x".repeat(3_000))]);
    let mut base = Vec::new();
    slimwright::image::write_recorded(&fixture::image(PYTHON), &mut base).unwrap();
    fs::write(files.path().join("base.index"), base).unwrap();
    let given = "docker.io/library/python:3.11-slim=index:base.index";
    let (code, out, err) = run(files.path(), &["plan", "context:.", "-o", "slim", "--no-resolve", "--image", given]);
    assert_eq!(code, Some(0), "{out}{err}");
    let edited = fs::read_to_string(files.path().join("slim/Dockerfile")).unwrap();
    assert!(edited.contains("COPY --chown=5:5 data /data") && !edited.contains("chown -R"), "{edited}");
    assert!(edited.starts_with("FROM python:3.11-slim\n"), "{edited}");
    // The context's own list stays what it is: no edit installs from the plan's.
    let text = format!("{text}COPY requirements.txt .\nRUN echo requirements.txt\n");
    fs::write(files.path().join("Dockerfile"), text).unwrap();
    fs::write(files.path().join("requirements.txt"), "six\n").unwrap();
    let again = ["plan", "context:.", "-o", "slim", "--force", "--no-resolve", "--image", given];
    let (code, out, err) = run(files.path(), &again);
    assert_eq!(code, Some(0), "{out}{err}");
    let report = fs::read_to_string(files.path().join("slim/REPORT.md")).unwrap();
    assert!(report.contains("docker build") && !report.contains("cp -i"), "{report}");
}

#[test]
fn options_of_contexts_are_for_contexts() {
    let files = folder(&[("Dockerfile", "FROM scratch\n")]);
    for (arguments, expected) in [
        (vec!["audit", "dir:.", "--python", "3.11"], "--python is for build contexts"),
        (vec!["audit", "dir:.", "--sizes-from", "x.tar"], "--sizes-from is for build contexts"),
        (vec!["audit", "context:.", "--sizes-from", "context:."], "expected an image, found a build context"),
        (vec!["audit", "context:.", "--sizes-from", "nowhere.tar"], "nowhere.tar"),
        (vec!["audit", "context:.", "--python", "three"], "expected a version like 3.11"),
        (vec!["audit", "context:.", "--image", "python"], "expected NAME=VALUE"),
        (vec!["audit", "context:nowhere"], "nowhere: expected a folder to build from, found nothing"),
        (vec!["audit", "context:.", "--target-stage", "x"], "expected a stage `x`, found 1 without names"),
        (vec!["audit", "context:.", "--file", "other"], "--file other: expected a Dockerfile, found nothing"),
    ] {
        let (code, out, err) = run(files.path(), &arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        assert!(err.contains(expected), "{arguments:?}: {err}");
    }
}

/// Debian with a Python that a package brought, whose files are not told apart.
const PACKAGED: &str = "
    layer ADD rootfs.tar /
    f etc/debian_version 5
    f var/lib/dpkg/status = Package: python3-minimal\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: 3.11.2-1\\n\\nPackage: python3-pip-whl\\nStatus: install ok installed\\nArchitecture: all\\nVersion: 23.0.1+dfsg-1\\n\\nPackage: python3-setuptools-whl\\nStatus: install ok installed\\nArchitecture: all\\nVersion: 66.1.1-1+deb12u2\\n\\n
    env PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin
";

#[test]
fn an_environment_of_a_packages_python_is_the_one_that_is_installed_into() {
    let mut world = World::new()
        .with(wheel("pip", "23.0.1", &[("pip/__init__.py", 400)]))
        .with(wheel("setuptools", "66.1.1", &[("setuptools/__init__.py", 300)]))
        .with(wheel("six", "1.16.0", &[("six.py", 34_549)]));
    world.base = Base::Known(Box::new(fixture::image(PACKAGED)), "made".into());
    for install in ["/opt/venv/bin/python -m pip", "python -m pip", "pip", "/opt/venv/bin/python3 -m pip"] {
        let text = format!(
            "FROM debian:12 AS build\nRUN python3 -m venv /opt/venv\nRUN {install} install --no-cache-dir six\n\
             FROM debian:12\nCOPY --from=build /opt/venv /opt/venv\n"
        );
        let image = whole(&[("Dockerfile", &text)], &world);
        for name in ["six.py", "pip/__init__.py", "setuptools/__init__.py"] {
            assert!(has(&image, &format!("opt/venv/lib/python3.11/site-packages/{name}")), "{install}: {name}");
        }
    }
}

#[test]
fn an_interpreter_that_is_not_there_installs_nowhere_else() {
    let text = "FROM python:3.11-slim\nRUN /opt/none/bin/python -m pip install --no-cache-dir six || true\n";
    let made =
        made(&[("Dockerfile", text)], &World::new().with(wheel("six", "1.16.0", &[("six.py", 34_549)]))).unwrap();
    assert!(!has(&made.image, "usr/local/lib/python3.11/site-packages/six.py"));
}

#[test]
fn a_command_in_the_middle_of_the_file_does_not_end_the_base() {
    let text = "FROM python:3.11-slim\nCOPY a /a\nCMD [\"x\"]\nENTRYPOINT [\"y\"]\nCOPY b /b\n";
    let image = whole(&[("Dockerfile", text), ("a", "a"), ("b", "b")], &World::new());
    assert_eq!((image.base_layers(), image.layers.len()), (2, 4));
    let mut unknown = World::new();
    unknown.base = Base::Unknown("nobody has it".into());
    let image = made(&[("Dockerfile", text), ("a", "a"), ("b", "b")], &unknown).unwrap().image;
    assert_eq!((image.base_layers(), image.layers.len()), (0, 2));
}

#[test]
fn a_project_whose_build_runs_its_own_code_is_a_gap() {
    let project = "[project]\nname = \"x\"\nversion = \"1\"\n";
    let gaps = |more: &str, file: (&str, &str)| {
        let files = [
            (
                "Dockerfile",
                "FROM python:3.11-slim\nCOPY . /app\nRUN pip install --no-cache-dir --no-build-isolation -e /app\n",
            ),
            ("pyproject.toml", &format!("{project}{more}")),
            file,
        ];
        made(&files, &World::new()).unwrap().image.gaps.len()
    };
    let none = ("other", "");
    for more in [
        "",
        "[build-system]\nrequires = [\"setuptools>=61\", \"wheel\"]\nbuild-backend = \"setuptools.build_meta\"\n",
        "[build-system]\nrequires = [\"hatchling\"]\nbuild-backend = \"hatchling.build\"\n[tool.hatch.build.hooks.vcs]\n",
    ] {
        assert_eq!(gaps(more, none), 0, "{more}");
        assert_eq!(gaps(more, ("setup.py", "from setuptools import setup\n\nsetup()\n")), 0, "{more}");
    }
    for more in [
        "[build-system]\nrequires = []\nbuild-backend = \"own\"\nbackend-path = [\".\"]\n",
        "[build-system]\nrequires = [\"setuptools\", \"some-plugin\"]\n",
        "[build-system]\nrequires = [\"hatchling\"]\nbuild-backend = \"hatchling.build\"\n[tool.hatch.build.hooks.custom]\n",
        "[tool.poetry.build]\nscript = \"build.py\"\n",
        "[tool.setuptools.dynamic]\nversion = { attr = \"x.v\" }\n",
    ] {
        assert_ne!(gaps(more, none), 0, "{more}");
    }
    assert_ne!(gaps("", ("setup.py", "open('/big', 'w')\n")), 0);
}

#[test]
fn what_pip_imports_itself_is_compiled_by_root_alone_where_nothing_was_compiled_before() {
    let python = format!(
        "{PYTHON}\
         f usr/local/lib/python3.11/argparse.py 10000\n\
         f usr/local/lib/python3.11/turtle.py 10000\n\
         f usr/local/lib/python3.11/asyncio/base_events.py 10000\n\
         f usr/local/lib/python3.11/asyncio/windows_utils.py 10000\n\
         f usr/local/lib/python3.11/site-packages/pip/_internal/cli/main.py 10000\n\
         f usr/local/lib/python3.11/site-packages/pip/_internal/commands/search.py 10000\n"
    );
    let compiled = |lines: &str| {
        let base = Base::Known(Box::new(fixture::image(&python)), "made".into());
        let world = World { base, ..World::new() }.with(wheel("six", "1", &[]));
        let image = whole(&[("Dockerfile", &format!("FROM python:3.11-slim\n{lines}\n"))], &world);
        let names = paths(&image).into_iter().filter(|path| path.ends_with(".cpython-311.pyc"));
        let names = names.map(|path| path.rsplit('/').next().unwrap().replace(".cpython-311.pyc", ""));
        names.collect::<Vec<_>>().join(" ")
    };
    let all = "argparse base_events __init__ main";
    let sorted = |text: &str| {
        let mut words: Vec<&str> = text.split(' ').collect();
        words.sort_unstable();
        words.join(" ")
    };
    let install = "pip install --no-cache-dir six";
    assert_eq!(sorted(&compiled(&format!("RUN {install}"))), sorted(all));
    assert_eq!(sorted(&compiled(&format!("RUN python -m {install}"))), sorted(all));
    for none in [
        &format!("RUN python -B -m {install}"),
        &format!("RUN PYTHONDONTWRITEBYTECODE=1 {install}"),
        &format!("ENV PYTHONDONTWRITEBYTECODE=1\nRUN {install}"),
        "RUN useradd -m app\nUSER app\nRUN pip install --user --no-cache-dir six",
        "RUN pip --version",
    ] {
        assert_eq!(compiled(none), "", "{none}");
    }
}

#[test]
fn uv_looks_for_another_interpreter_where_the_project_asks_for_one() {
    let lock = "version = 1\nrequires-python = \">=3.11\"\n[[package]]\nname = \"app\"\nversion = \"1\"\nsource = { virtual = \".\" }\n";
    let gaps = |required: &str, pinned: Option<&str>, command: &str| {
        let project = format!("[project]\nname = \"app\"\nversion = \"1\"\nrequires-python = \"{required}\"\n");
        let text = format!(
            "FROM python:3.11-slim\nWORKDIR /app\nCOPY pyproject.toml uv.lock .python-version* ./\nRUN {command}\n"
        );
        let mut files = vec![("Dockerfile", text.as_str()), ("pyproject.toml", &project), ("uv.lock", lock)];
        files.extend(pinned.map(|pinned| (".python-version", pinned)));
        let gaps = made(&files, &World::new()).unwrap().image.gaps;
        gaps.into_iter().filter(|gap| gap.why == slimwright::image::GapReason::NoPythonForUv).count()
    };
    // The base is 3.11.9.
    for (required, pinned, missing) in [
        (">=3.11", None, 0),
        (">=3.11,<3.12", Some("3.11\n"), 0),
        (">=3.11", Some("# ours\n3.11.9\n"), 0),
        ("what?", None, 0),
        (">=3.11", Some("pypy3.10\n"), 1),
        (">=3.13", None, 1),
        ("<3.11", None, 1),
        (">=3.11.10", None, 1),
        (">=3.11", Some("3.13\n"), 1),
        (">=3.11", Some("3.11.6\n"), 1),
    ] {
        assert_eq!(gaps(required, pinned, "uv sync --frozen"), missing, "{required} {pinned:?}");
    }
    assert_eq!(gaps(">=3.11", Some("3.13\n"), "uv sync --frozen --python 3.11"), 0, "the command says which");
}

#[test]
fn a_working_directory_is_there_for_what_is_copied_and_run_after_it() {
    let world = World::new().with(wheel("six", "1.16.0", &[("six.py", 300)]));
    let files = |dockerfile: &'static str| [("Dockerfile", dockerfile), ("list.txt", "six\n")];
    let site = "usr/local/lib/python3.11/site-packages";
    let copied = "FROM python:3.11\nWORKDIR /srv/app\nCOPY list.txt /srv/app\nRUN pip install -r /srv/app/list.txt\n";
    let image = whole(&files(copied), &world);
    assert!(has(&image, "srv/app/list.txt") && has(&image, &format!("{site}/six.py")), "{:?}", paths(&image));
    let moved = "FROM python:3.11\nCOPY list.txt /tmp/\nWORKDIR /srv\nRUN [ -d /srv ] && mv /tmp/list.txt /srv\n";
    assert!(has(&whole(&files(moved), &world), "srv/list.txt"));
}

#[test]
fn what_surely_fails_is_no_image() {
    let world = World::new().with(wheel("six", "1.16.0", &[("six.py", 300)]));
    let why = |run: &str| -> Vec<GapReason> {
        let dockerfile = format!("FROM python:3.11\n{run}\n");
        let image = made(&[("Dockerfile", &dockerfile)], &world).unwrap().image;
        image.gaps.into_iter().map(|gap| gap.why).collect()
    };
    for run in ["RUN false", "RUN exit 3", "RUN test -f /none && pip install six"] {
        assert_eq!(why(run), [GapReason::EndsBuild], "{run}");
    }
    for run in ["RUN false || true", "RUN exit 0", "RUN if [ -f /none ]; then pip install six; fi", "RUN false; true"] {
        assert_eq!(why(run), [], "{run}");
    }
    // uv installs into environments, and into a system's Python when it is told to.
    assert_eq!(why("RUN uv pip install six"), [GapReason::NoEnvironment]);
    for run in [
        "RUN uv pip install --system six",
        "ENV UV_SYSTEM_PYTHON=1\nRUN uv pip install six",
        "RUN python -m venv .venv && uv pip install six",
        "RUN uv pip install --python /usr/local/bin/python3 six",
        "RUN uv pip install --target /x six",
    ] {
        assert!(!why(run).contains(&GapReason::NoEnvironment), "{run}: {:?}", why(run));
    }
}

#[test]
fn all_anew_is_written_into_its_own_layer_and_else_what_fits_stays() {
    let world = World::new().with(wheel("six", "1.16.0", &[("six.py", 300)]));
    let layers = |run: &str| {
        let dockerfile = format!("FROM python:3.11\nRUN pip install six\n{run}\n");
        let image = whole(&[("Dockerfile", &dockerfile)], &world);
        let of = |at: usize| image.layers[at].entries.iter().any(|entry| entry.path.as_bytes().ends_with(b"/six.py"));
        (of(image.layers.len() - 2), of(image.layers.len() - 1))
    };
    assert_eq!(layers("RUN pip install six"), (true, false));
    assert_eq!(layers("RUN pip install -U six"), (true, false));
    assert_eq!(layers("RUN pip install --force-reinstall six"), (true, true));
    let asked = world.asked.borrow();
    let of = |at: usize| (asked[at].installed.iter().any(|(name, _)| name == "six"), asked[at].upgrade);
    assert_eq!([of(1), of(3), of(5)], [(true, false), (true, true), (false, false)]);
}

#[test]
fn what_is_there_in_a_version_that_nobody_knows_is_not_looked_up_for_what_requires_it() {
    let world = World::new().with(wheel("six", "1.16.0", &[("six.py", 300)]));
    let dockerfile = "FROM python:3.11\nRUN pip install torch --index-url https://dead.example.org\n\
                      RUN python -m venv /v && /v/bin/pip install six\nRUN pip install six\n";
    let list = "torch\n--index-url https://dead.example.org\n";
    let text = dockerfile.replace("torch --index-url https://dead.example.org", "-r /l.txt");
    let text = text.replace("FROM python:3.11\n", "FROM python:3.11\nCOPY l.txt /\n");
    let image = made(&[("Dockerfile", &text), ("l.txt", list)], &world).unwrap().image;
    assert_eq!(image.gaps.len(), 1, "{:?}", image.gaps);
    let asked = world.asked.borrow();
    let present: Vec<&[String]> = asked.iter().map(|request| &request.present[..]).collect();
    assert_eq!(present, [&[][..], &[][..], &["torch".to_owned()][..]]);
}

#[test]
fn a_new_cache_begins_with_what_it_is_made_from() {
    let world = World::new();
    let text = "FROM python:3.11 AS made\nRUN mkdir /w && echo x > /w/a\nFROM python:3.11\n\
                RUN --mount=type=cache,from=made,source=/w,target=/w cp /w/a /b\n";
    let image = made(&[("Dockerfile", text)], &world).unwrap().image;
    assert!(has(&image, "b") && !has(&image, "w/a"), "{:?}", paths(&image));
}
