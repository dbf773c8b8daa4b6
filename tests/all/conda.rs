//! What conda installed: which files are whose.

use crate::fixture::image;
use slimwright::base::Id;
use slimwright::conda::parse_lock;
use slimwright::context::{self, Base, CondaRequest, ContextOptions, KnownConda, KnownFile, Outside};
use slimwright::facts::{Owners, Survey};
use slimwright::fs::{Owner, View};
use slimwright::index::{Files, Request, RequestError, Resolution};
use slimwright::layer::Entry;
use slimwright::os::OsInventory;
use slimwright::ospackages::{Repositories, RepositoryError, Sources};
use slimwright::wheel::Platform;

fn record(name: &str, more: &str, files: &str) -> String {
    format!(
        "f opt/conda/conda-meta/{name}-1.0-h_0.json = {{\"name\":\"{name}\",\"version\":\"1.0\",\"build\":\"h_0\",{more}\"files\":{files}}}\n"
    )
}

const SITE: &str = "opt/conda/lib/python3.11/site-packages";

fn spec() -> String {
    let blas = record("libblas", r#""channel":"conda-forge","#, r#"["lib/libblas.so.3","lib64/libblas.so"]"#);
    let channel =
        r#""channel":"https://u:secret@repo.example.org/t/tk-secret/private/main/linux-64","subdir":"linux-64","#;
    let pure = record("pure", channel, r#"["lib/python3.11/site-packages/pure.py"]"#);
    let listed = r#"["lib/python3.11/site-packages/demo.py","lib/python3.11/site-packages/demo-1.dist-info/METADATA","share/demo.txt"]"#;
    let demo = record("demo", "", listed);
    let meta = record("metapackage", r#""channel":null,"#, "null");
    format!(
        "layer RUN conda install\n{blas}{pure}{demo}{meta}f opt/conda/lib/libblas.so.3 8000\nl opt/conda/lib64 -> lib\n\
         l opt/conda/lib/libblas.so -> libblas.so.3\nf {SITE}/pure.py = x\nf {SITE}/__pycache__/pure.cpython-311.pyc 70\n\
         f {SITE}/demo.py 300\nf {SITE}/demo-1.dist-info/METADATA = Name: demo\\nVersion: 1\\n\n\
         f {SITE}/demo-1.dist-info/RECORD = demo.py,,\\ndemo-1.dist-info/METADATA,,\\n\n\
         f {SITE}/demo-1.dist-info/INSTALLER = conda\nf opt/conda/share/demo.txt 40\nf opt/conda/own.bin 9\n"
    )
}

#[test]
fn what_no_python_distribution_owns_is_its_conda_packages() {
    let image = image(&spec());
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let packages = &survey.os.conda.packages;
    let titles: Vec<(&str, &str, &str, &str)> =
        packages.iter().map(|p| (p.name.as_str(), p.version.as_str(), p.build.as_str(), p.channel.as_str())).collect();
    let expected = [
        ("demo", "1.0", "h_0", ""),
        ("libblas", "1.0", "h_0", "conda-forge"),
        ("metapackage", "1.0", "h_0", ""),
        ("pure", "1.0", "h_0", "private/main"),
    ];
    assert_eq!(titles, expected);
    let owners = Owners::new(&view, &survey.python, &survey.os);
    for (path, owner) in [
        ("opt/conda/lib/libblas.so.3", Owner::CondaPackage(Id::at(1))),
        ("opt/conda/lib/libblas.so", Owner::CondaPackage(Id::at(1))),
        (&*format!("{SITE}/pure.py"), Owner::CondaPackage(Id::at(3))),
        (&format!("{SITE}/__pycache__/pure.cpython-311.pyc"), Owner::CondaPackage(Id::at(3))),
        (&format!("{SITE}/demo.py"), Owner::Distribution(Id::at(0))),
        ("opt/conda/share/demo.txt", Owner::CondaPackage(Id::at(0))),
        ("opt/conda/own.bin", Owner::Application),
    ] {
        assert_eq!(owners.of(path.as_bytes(), 0), owner, "{path}");
    }
    let bytes = survey.summary.owners[&Owner::CondaPackage(Id::at(1))].0;
    let record = record("libblas", r#""channel":"conda-forge","#, r#"["lib/libblas.so.3","lib64/libblas.so"]"#);
    let record = record.trim_end().split_once(" = ").unwrap().1.len() as u64;
    assert_eq!(bytes, 8000 + record);
}

#[test]
fn the_report_names_conda_packages_and_a_broken_record_is_a_problem() {
    use assert_cmd::Command;
    use slimwright::image::write_recorded;
    let image =
        image(&(spec() + "f opt/conda/conda-meta/broken-1.json = {\"name\"\nf opt/conda/conda-meta/list.json = []\n"));
    let view = View::new(&image);
    let os = OsInventory::new(&view);
    assert_eq!((os.conda.packages.len(), os.problems.len()), (4, 2), "{:?}", os.problems);
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = Vec::new();
    write_recorded(&image, &mut bytes).unwrap();
    std::fs::write(dir.path().join("a.index"), bytes).unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::cargo_bin("slimwright").unwrap();
        let output = command.current_dir(dir.path()).args(["audit", "-q", "a.index"]).args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let text = run(&[]);
    assert!(text.contains("conda packages (4)") && text.contains("libblas 1.0, "), "{text}");
    let report: serde_json::Value = serde_json::from_str(&run(&["--format", "json"])).unwrap();
    let first = &report["conda-packages"][0];
    assert_eq!((first["name"].as_str(), first["files"].as_u64()), (Some("libblas"), Some(2)));
    assert!(run(&["--details"]).contains("libblas 1.0 h_0 conda-forge"));
    assert!(!run(&["--format", "json", "--details"]).contains("secret"));
}

/// Knows what a list of one archive brings.
struct Channel;

impl Outside for Channel {
    fn image(&self, _: &str) -> Base {
        let known = image("layer CMD\nf bin/micromamba 9 mode=755\nf usr/bin/rm 9 mode=755\n");
        Base::Known(Box::new(known), "made".into())
    }

    fn resolve(&self, _: &Request, _: &dyn Files, _: &Platform) -> Result<Resolution, RequestError> {
        Ok(Resolution::default())
    }

    fn repositories(&self, _: &Sources, _: &str) -> Result<Repositories, RepositoryError> {
        Err(RepositoryError::NoSources("none are named".into()))
    }

    fn conda(&self, request: &CondaRequest<'_>) -> Option<KnownConda> {
        let locked = request.locked.as_ref()?;
        let file = Entry::file(request.prefix.join(b"lib/libz.so"), 700);
        let files = vec![KnownFile { entry: file, content: None }];
        Some(KnownConda { files, unknown: Vec::new(), packages: locked.iter().map(|it| it.url.clone()).collect() })
    }
}

#[test]
fn what_an_installer_keeps_of_packages_is_not_known_until_their_folder_goes() {
    let built = |lines: &str| {
        let folder = tempfile::tempdir().unwrap();
        let list = "@EXPLICIT\nhttps://c.example.org/forge/linux-64/zlib-1-h_0.conda#00\n";
        std::fs::write(folder.path().join("a.lock"), list).unwrap();
        let text = format!("FROM base AS made\nENV MAMBA_ROOT_PREFIX=/mamba\nCOPY a.lock /\nRUN {lines}\n");
        std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
        let options = ContextOptions { platform: "linux/amd64".into(), ..ContextOptions::default() };
        let made = context::read(folder.path(), &options, &Channel).unwrap().image;
        let has = View::new(&made).get(b"env/lib/libz.so").is_some();
        (has, made.gaps.iter().map(|gap| format!("{}: {}", gap.command, gap.why)).collect::<Vec<_>>())
    };
    let create = "micromamba create -y -p /env --file /a.lock";
    let kept = vec!["the folder of packages: what the installer keeps of it in its cache is not known".to_owned()];
    for (lines, gaps) in [
        (create.to_owned(), kept.clone()),
        // Packages that an environment is linked with stay, with their notes.
        (format!("{create} && micromamba clean --all --yes"), kept.clone()),
        (format!("{create} && micromamba clean -afy"), Vec::new()),
        (format!("{create} && micromamba clean --force-pkgs-dirs --yes"), Vec::new()),
        (format!("{create} && rm -rf /mamba/pkgs"), Vec::new()),
        // What came in a layer below stays there.
        (format!("{create}\nRUN micromamba clean -afy"), kept),
        (format!("{create}\nFROM base\nCOPY --from=made /env /env"), Vec::new()),
    ] {
        assert_eq!(built(&lines), (true, gaps), "{lines}");
    }
    let (has, gaps) = built(&format!("{create} --download-only"));
    assert!(!has && gaps.len() == 1, "{gaps:?}");
}

/// A lock file of conda-lock's: a row of name, platform, category, and who installs it.
fn lock(rows: &[(&str, &str, &str, &str)]) -> String {
    let mut out = String::from("version: 1\nmetadata:\n  platforms: [linux-64]\npackage:\n");
    for (name, platform, category, manager) in rows {
        let host =
            if *manager == "pip" { "https://files.pythonhosted.org/packages/a" } else { "https://c.example.org/forge" };
        out += &format!(
            "- name: {name}\n  version: '1.0'\n  manager: {manager}\n  platform: {platform}\n  dependencies: {{}}\n  \
             url: {host}/{platform}/{name}-1.0-h_0.conda\n  hash:\n    md5: AB12\n  category: {category}\n  optional: false\n"
        );
    }
    out
}

#[test]
fn a_lock_file_of_conda_locks_is_read_for_its_platform_and_categories() {
    let rows = [
        ("zlib", "linux-64", "main", "conda"),
        ("zlib", "osx-arm64", "main", "conda"),
        ("__glibc", "linux-64", "main", "conda"),
        ("pytest", "linux-64", "dev", "conda"),
        ("sphinx", "linux-64", "docs", "conda"),
        ("six", "linux-64", "main", "pip"),
    ];
    let text = lock(&rows);
    let read = |subdir: &str, wanted: &[&str]| {
        parse_lock("conda-lock.yml", text.clone(), subdir, &|name| wanted.contains(&name))
    };
    let found = read("linux-64", &["main", "dev"]).unwrap();
    let urls: Vec<&str> = found.archives.iter().map(|it| it.url.as_str()).collect();
    assert_eq!(
        urls,
        [
            "https://c.example.org/forge/linux-64/zlib-1.0-h_0.conda",
            "https://c.example.org/forge/linux-64/pytest-1.0-h_0.conda"
        ]
    );
    assert_eq!((found.archives[0].digest.as_str(), found.archives[0].line), ("ab12", 5));
    assert_eq!(found.requirements, ["six==1.0"]);
    assert_eq!(read("osx-arm64", &["main"]).unwrap().archives.len(), 1);
    assert_eq!(read("linux-aarch64", &["main"]).unwrap_err(), "conda-lock.yml: has nothing for linux-aarch64");
    // The second version has several categories of one package.
    let second = text.replace("version: 1\n", "version: 2\n").replace("category: docs", "categories: [docs, dev]");
    let found = parse_lock("a", second, "linux-64", &|name| name == "dev").unwrap();
    assert_eq!(found.archives.len(), 2);
    for wrong in ["", "name: x\ndependencies: [a]\n", "version: 9\npackage: []\n", "a: [\n"] {
        assert!(parse_lock("a-lock.yml", wrong.into(), "linux-64", &|_| true).is_err(), "{wrong}");
    }
}

#[test]
fn what_a_lock_file_names_is_installed_by_conda_lock_and_by_libmamba() {
    let built = |lines: &str| {
        let folder = tempfile::tempdir().unwrap();
        let rows = [("zlib", "linux-64", "main", "conda"), ("pytest", "linux-64", "dev", "conda")];
        std::fs::write(folder.path().join("conda-lock.yml"), lock(&rows)).unwrap();
        std::fs::write(folder.path().join("environment.yml"), "dependencies: [zlib]\n").unwrap();
        let text = format!(
            "FROM base\nENV MAMBA_ROOT_PREFIX=/mamba CONDA_DIR=/mamba\nCOPY *.yml /\nWORKDIR /\nRUN {lines} && rm -rf /mamba/pkgs\n"
        );
        std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
        let options = ContextOptions { platform: "linux/amd64".into(), ..ContextOptions::default() };
        let made = context::read(folder.path(), &options, &Channel).unwrap().image;
        let view = View::new(&made);
        let history = |prefix: &str| {
            let path = format!("{prefix}/conda-meta/history");
            view.get(path.as_bytes()).map(|node| view.size(node))
        };
        let gaps: Vec<String> = made.gaps.iter().map(|gap| gap.why.to_string()).collect();
        (history("env").or(history("mamba/envs/app")).or(history("mamba")), gaps)
    };
    let (one, two) = (Some(515), Some(632));
    for (lines, expected) in [
        ("conda-lock install -p /env conda-lock.yml", two),
        ("conda-lock install --no-dev --mamba --copy --prefix /env", one),
        ("conda-lock install --name app conda-lock.yml", two),
        ("micromamba create -y -n app -f conda-lock.yml", one),
        ("micromamba install -y -n base --file /conda-lock.yml", one),
    ] {
        assert_eq!(built(lines), (expected, Vec::new()), "{lines}");
    }
    for lines in ["micromamba create -y -n app -f environment.yml", "conda-lock lock -f environment.yml"] {
        let (history, gaps) = built(lines);
        assert!(history.is_none() && gaps.len() == 1, "{lines}: {gaps:?}");
    }
}

/// micromamba's own image.
struct Micromamba;

impl Outside for Micromamba {
    fn image(&self, _: &str) -> Base {
        let mut known = image(
            "layer CMD
             f bin/bash 9 mode=755
             f bin/micromamba 9 mode=755
             f usr/bin/env 9 mode=755
             f usr/bin/mkdir 9 mode=755
             f usr/local/bin/_dockerfile_shell.sh 200 mode=755
             f opt/conda/bin/tool 9 mode=755
             env MAMBA_EXE=/bin/micromamba
             env MAMBA_ROOT_PREFIX=/opt/conda
             env PATH=/usr/local/bin:/usr/bin:/bin\n",
        );
        known.config.shell = Some(vec!["/usr/local/bin/_dockerfile_shell.sh".into()]);
        Base::Known(Box::new(known), "made".into())
    }

    fn resolve(&self, _: &Request, _: &dyn Files, _: &Platform) -> Result<Resolution, RequestError> {
        Ok(Resolution::default())
    }

    fn repositories(&self, _: &Sources, _: &str) -> Result<Repositories, RepositoryError> {
        Err(RepositoryError::NoSources("none are named".into()))
    }
}

#[test]
fn commands_in_micromambas_image_run_by_its_script_which_activates_where_it_is_told_to() {
    let built = |lines: &str| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("own.sh"), "exec make\n").unwrap();
        std::fs::write(folder.path().join("Dockerfile"), format!("FROM base\nUSER root\n{lines}\n")).unwrap();
        let options = ContextOptions { platform: "linux/amd64".into(), ..ContextOptions::default() };
        let made = context::read(folder.path(), &options, &Micromamba).unwrap().image;
        let folders: Vec<String> = View::new(&made)
            .iter()
            .map(|(path, _)| String::from_utf8_lossy(path).into_owned())
            .filter(|path| path.starts_with("made"))
            .collect();
        (folders, made.gaps.len())
    };
    assert_eq!(built("RUN mkdir /made"), (vec!["made".to_owned()], 0));
    let active = "ARG MAMBA_DOCKERFILE_ACTIVATE=1\nRUN mkdir -p /made$CONDA_PREFIX";
    assert_eq!(built(active).0.last().map(String::as_str), Some("made/opt/conda"));
    let named = "ENV ENV_NAME=app\nARG MAMBA_DOCKERFILE_ACTIVATE=1\nRUN mkdir -p /made$CONDA_PREFIX";
    assert_eq!(built(named).0.last().map(String::as_str), Some("made/opt/conda/envs/app"));
    // Another script in its place does what nobody knows.
    let own = "COPY own.sh /usr/local/bin/_dockerfile_shell.sh\nRUN mkdir /made";
    assert_eq!(built(own), (Vec::new(), 1));
}
