//! What a stranger's repository brings is not run, and learns nothing of the machine that looks at it: neither where the
//! program is started in it, nor where it is what is asked about.

use crate::fixture;
use crate::requests::package;
use crate::server::{Server, ok, reply};
use crate::wheels::{Listed, index, index_with};
use slimwright::image::write_recorded;
use slimwright::index::Uv;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The official Python image, made small.
const PYTHON: &str = "
    layer ADD rootfs.tar /
    f etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\\nPRETTY_NAME=\"Debian 12\"\\n
    layer RUN build python
    f usr/local/bin/python3.11 6000
    l usr/local/bin/python3 -> python3.11
    l usr/local/bin/python -> python3
    f usr/local/bin/pip 230
    f usr/local/bin/uv 230
    f usr/local/lib/python3.11/os.py 40000
    f usr/local/lib/python3.11/site-packages/pip/__init__.py 350
    f usr/local/lib/python3.11/site-packages/pip-24.0.dist-info/METADATA = Metadata-Version: 2.1\\nName: pip\\nVersion: 24.0\\n
    f usr/local/lib/python3.11/site-packages/pip-24.0.dist-info/RECORD = pip/__init__.py,,350\\npip-24.0.dist-info/METADATA,,\\npip-24.0.dist-info/RECORD,,\\n
";

/// An image with a distribution to look up.
const INSTALLED: &str = "
    layer ADD file:1 in /
    f etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\\n
    empty CMD [\"bash\"]
    layer RUN pip install lib
    f usr/local/lib/python3.11/site-packages/lib/__init__.py 10
    f usr/local/lib/python3.11/site-packages/lib-1.0.dist-info/METADATA = Name: lib\\nVersion: 1.0\\n
    f usr/local/lib/python3.11/site-packages/lib-1.0.dist-info/RECORD = lib/__init__.py,,10\\n
    f app/uv.lock = version = 1\\n
";

/// A build backend, a `setup.py` and any program: each leaves a mark where it runs.
const BACKEND: &str = "open('MARK', 'a').write('backend')\ndef get_requires_for_build_wheel(c=None): return []\n\
    def prepare_metadata_for_build_wheel(d, c=None): raise SystemExit(1)\ndef build_wheel(*a, **k): raise SystemExit(1)\n";
const BUILT: &str = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n\
    [project]\nname = 'lib'\ndynamic = ['version', 'dependencies']\n";
const PROGRAM: &str = "#!/bin/sh\necho ran >> MARK\nexit 1\n";

/// A machine: a user's home, tools, and a stranger's repository.
struct Machine {
    folder: tempfile::TempDir,
    server: Server,
}

impl Machine {
    fn new(server: Server) -> Self {
        let out = Self { folder: tempfile::tempdir().unwrap(), server };
        for name in ["home", "tools", "repo"] {
            std::fs::create_dir(out.path(name)).unwrap();
        }
        for (name, spec) in [("base.index", PYTHON), ("image.index", INSTALLED)] {
            let mut recorded = Vec::new();
            write_recorded(&fixture::image(spec), &mut recorded).unwrap();
            std::fs::write(out.path(name), recorded).unwrap();
        }
        // What would run, if anything did.
        out.write("repo/evil/pyproject.toml", BUILT);
        out.write("repo/evil/backend.py", BACKEND);
        out.write("repo/old/setup.py", "open('MARK', 'a').write('setup.py')\n");
        for name in ["uv", "python", "python3", "git", "ssh", "keyring"] {
            out.program(&format!("repo/bin/{name}"), PROGRAM);
        }
        out.program("repo/.venv/bin/python", PROGRAM);
        out.program("repo/.venv/bin/python3", PROGRAM);
        out.write("repo/.venv/pyvenv.cfg", "home = /usr/bin\n");
        out.write("repo/slimwright.toml", "limits.unpacked = \"900 MB\"\n");
        out
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn mark(&self) -> PathBuf {
        self.path("mark")
    }

    /// Writes a file: `HOST` is the index, `ROOT` the machine's folder.
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let root = self.folder.path().display().to_string();
        let text = text.replace("MARK", &self.mark().display().to_string());
        std::fs::write(&path, text.replace("HOST", &self.server.host()).replace("ROOT", &root)).unwrap();
        path
    }

    fn program(&self, name: &str, text: &str) -> PathBuf {
        let path = self.write(name, text);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Runs the program in the repository. Of the environment only what is given, and the user's index.
    fn run(&self, words: &str, environment: &[(&str, &str)]) -> (i32, String) {
        let mut command = assert_cmd::Command::cargo_bin("slimwright").unwrap();
        let root = self.folder.path().display().to_string();
        command.args(words.split(' ').map(|word| word.replace("ROOT", &root)));
        if words.contains("context:") {
            command.args(["--image".to_owned(), format!("python:3.11-slim=index:{root}/base.index")]);
        }
        command.current_dir(self.path("repo")).env_clear().env("HOME", self.path("home"));
        let theirs = self.path("repo/bin").display().to_string();
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{theirs}:.:bin::{}:{path}", self.path("tools").display()));
        command.env("PIP_CONFIG_FILE", "/dev/null").env("UV_CACHE_DIR", self.path("uv"));
        command.env("SLIMWRIGHT_CACHE_DIR", self.path("cache")).env("UV_HTTP_RETRIES", "0");
        command.env("UV_DEFAULT_INDEX", format!("http://{}/simple", self.server.host()));
        let replaced = environment
            .iter()
            .map(|(name, value)| (*name, value.replace("ROOT", &root).replace("HOST", &self.server.host())));
        let output = command.envs(replaced).output().unwrap();
        for cache in ["cache", "uv", "out"] {
            let _ = std::fs::remove_dir_all(self.path(cache));
        }
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        (output.status.code().unwrap_or(-1), text)
    }

    /// Writes the files of a repository, and what they were before away.
    fn repository(&self, files: &[(&str, &str)]) {
        for name in
            ["Dockerfile", "requirements.txt", "pyproject.toml", "uv.toml", "c.txt", "poetry.lock", "pylock.toml"]
        {
            let _ = std::fs::remove_file(self.path("repo").join(name));
        }
        self.write("repo/requirements.txt", "lib\n");
        self.write("repo/Dockerfile", PIP);
        for (name, text) in files {
            self.write(&format!("repo/{name}"), text);
        }
    }
}

const PIP: &str = "FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nRUN pip install --no-cache-dir -r requirements.txt\n";
const UV: &str = "FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nRUN uv pip install --system -r requirements.txt\n";
const SYNC: &str = "FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nRUN uv sync\n";
const POETRY: &str = "FROM python:3.11-slim\nWORKDIR /app\nENV POETRY_VIRTUALENVS_CREATE=false\nCOPY . .\nRUN poetry install --no-root\n";

fn files() -> Vec<Listed> {
    vec![package("lib", "1.0", &[], &[]), package("app", "1.0", &["lib"], &[]), Listed::source("sourceonly", "3.0")]
}

fn has_uv() -> bool {
    let found = Uv::find().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "CI has uv");
    found
}

#[test]
fn every_call_of_uv_has_nothing_but_what_was_made_for_it() {
    let machine = Machine::new(Server::new(|_, _| reply(404)));
    let log = machine.path("log");
    let script = "#!/bin/sh\n{ echo CALL; echo \"folder $PWD\"; echo \"in it\" *; echo \"arguments $*\"; export -p\n\
                  while read -r line; do echo \"setting $line\"; done < \"$UV_CONFIG_FILE\"; } > LOG/$$\n\
                  [ \"$1\" = --version ] && echo 'uv 9.9.9' && exit\nexit 1\n";
    machine.program("tools/uv", &script.replace("LOG", &log.display().to_string()));
    machine
        .write("home/.config/uv/uv.toml", "index-strategy = 'unsafe-best-match'\ncache-dir = 'x'\nno-binary = true\n");
    machine.repository(&[
        (
            "uv.toml",
            "override-dependencies = ['lib @ file://ROOT/repo/evil']\n[pip]\npython = 'ROOT/repo/bin/python'\n",
        ),
        ("pip.conf", "[global]\nindex-url = http://stranger.example/simple\n"),
        ("mine.toml", "index-url = 'http://stranger.example/simple'\n"),
        (".env", "UV_INDEX=http://stranger.example/simple\n"),
        (".python-version", "ROOT/repo/bin/python\n"),
        ("c.txt", "lib @ git+ssh://git@127.0.0.1/x.git\n"),
        ("requirements.txt", "lib\n-c c.txt\n--no-binary :all:\n"),
    ]);
    let environment = [
        ("VIRTUAL_ENV", "ROOT/repo/.venv"),
        ("CONDA_PREFIX", "ROOT/repo/.venv"),
        ("UV_PROJECT", "ROOT/repo"),
        ("UV_WORKING_DIR", "ROOT/repo"),
        ("UV_WORKING_DIRECTORY", "ROOT/repo"),
        ("UV_PYTHON", "ROOT/repo/bin/python"),
        ("UV_ENV_FILE", "ROOT/repo/.env"),
        ("UV_CONFIG_FILE", "mine.toml"),
        ("UV_OVERRIDE", "ROOT/repo/c.txt"),
        ("UV_NO_BINARY", "1"),
        ("UV_INDEX_PRIVATE_PASSWORD", "hunter2"),
        ("UV_KEYRING_PROVIDER", "subprocess"),
        ("PYTHONPATH", "ROOT/repo/evil"),
        ("PYTHONSTARTUP", "ROOT/repo/old/setup.py"),
        ("PIP_CONFIG_FILE", "pip.conf"),
        ("CI_JOB_TOKEN", "hunter2"),
        ("GIT_SSH", "ROOT/repo/bin/ssh"),
        ("TMPDIR", "ROOT/repo"),
    ];
    let allowed = [
        "HOME",
        "PATH",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
        "LANG",
        "NETRC",
        "UV_CONFIG_FILE",
        "UV_CACHE_DIR",
        "UV_DEFAULT_INDEX",
        "UV_HTTP_RETRIES",
        "UV_KEYRING_PROVIDER",
        "UV_INDEX",
        "GIT_ALLOW_PROTOCOL",
    ];
    for words in [
        "audit context:.",
        "check context:.",
        "why context:. lib",
        "plan context:. -o ROOT/out",
        "plan index:ROOT/image.index -o ROOT/out",
    ] {
        // A file a call: two may run at once.
        let _ = std::fs::remove_dir_all(&log);
        std::fs::create_dir(&log).unwrap();
        let (_, said) = machine.run(words, &environment);
        let calls = std::fs::read_dir(&log).unwrap();
        let text: String = calls.map(|call| std::fs::read_to_string(call.unwrap().path()).unwrap()).collect();
        let calls: Vec<&str> = text.split("CALL\n").skip(1).collect();
        assert!(calls.len() >= 2, "{words}: {said}\n{text}");
        let repository = machine.path("repo").display().to_string();
        for call in calls {
            let (_, names) = call.split_once("folder /").unwrap();
            assert!(
                !call.contains(&repository) && !call.contains("hunter2") && !call.contains("stranger"),
                "{words}: {call}"
            );
            assert!(
                !call.contains("override-dependencies") && !call.contains("no-binary") && !call.contains("git+"),
                "{words}: {call}"
            );
            assert!(call.contains("in it *\n"), "its folder is empty: {call}");
            assert!(call.contains("arguments --version") || call.contains(" --no-build "), "{call}");
            assert!(
                call.contains("UV_KEYRING_PROVIDER='disabled'") || call.contains("UV_KEYRING_PROVIDER=\"disabled\"")
            );
            let variables =
                names.lines().filter_map(|line| line.strip_prefix("export ").or(line.strip_prefix("declare -x ")));
            for variable in variables.map(|line| line.split('=').next().unwrap()) {
                assert!(allowed.contains(&variable), "{words}: {variable} in {call}");
            }
        }
        assert!(!machine.mark().exists(), "{words}: {said}");
    }
}

#[test]
fn a_uv_of_the_repository_is_not_run() {
    let machine = Machine::new(Server::new(|_, _| reply(404)));
    machine.repository(&[]);
    for named in ["./bin/uv", "bin/uv", "ROOT/repo/bin/uv"] {
        let (code, said) = machine.run("check context:.", &[("UV", named)]);
        assert!(code != 0 && said.contains("outside of the repository"), "{said}");
    }
    std::os::unix::fs::symlink(machine.path("repo/bin/uv"), machine.path("tools/uv")).unwrap();
    let tools = machine.path("tools").display().to_string();
    for path in ["bin:.::", "ROOT/repo/bin", "ROOT/tools/../repo/bin", &tools] {
        let (code, said) = machine.run("check context:.", &[("PATH", path)]);
        assert!(code != 0 && said.contains("uv was not found"), "{path}: {said}");
    }
    assert!(!machine.mark().exists());
}

#[test]
fn nothing_that_a_repository_says_is_built_or_run() {
    if !has_uv() {
        return;
    }
    let machine = Machine::new(index(files(), false));
    // What git would start, if it did.
    machine.program("tools/ssh", PROGRAM);
    let inner = machine.path("repo/evil").display().to_string();
    for (name, requires) in
        [("guest", format!("lib @ file://{inner}")), ("visitor", "lib @ git+ssh://git@127.0.0.1:1/x.git".to_owned())]
    {
        let wheel = package(name, "1.0", &[&requires], &[]);
        std::fs::write(machine.path("repo").join(&wheel.name), &wheel.bytes).unwrap();
    }
    let lock = |source: &str| {
        format!(
            "[[package]]\nname = \"lib\"\nversion = \"1.0\"\ndescription = \"\"\noptional = false\npython-versions = \"*\"\nfiles = []\n\
             {source}\n[metadata]\nlock-version = \"2.0\"\npython-versions = \"*\"\ncontent-hash = \"x\"\n"
        )
    };
    let poetry = "[tool.poetry]\nname = \"app\"\nversion = \"1\"\npackage-mode = false\n[tool.poetry.dependencies]\nlib = \"*\"\n";
    let project =
        |more: &str| format!("[project]\nname = 'mine'\nversion = '1'\ndependencies = ['lib', 'app']\n{more}");
    let cases: Vec<(&str, Vec<(&str, String)>)> = vec![
        ("plain", vec![]),
        ("overrides in uv.toml", vec![("uv.toml", "override-dependencies = ['lib @ file://ROOT/repo/evil']\n".into())]),
        (
            "overrides of a project",
            vec![
                ("Dockerfile", SYNC.into()),
                ("pyproject.toml", project("[tool.uv]\noverride-dependencies = ['lib @ file://ROOT/repo/evil']\n")),
            ],
        ),
        (
            "a project's uv.toml",
            vec![
                ("Dockerfile", SYNC.into()),
                ("pyproject.toml", project("")),
                ("uv.toml", "constraint-dependencies = ['lib @ git+file://ROOT/repo/evil']\n".into()),
            ],
        ),
        (
            "sources of a project",
            vec![
                ("Dockerfile", SYNC.into()),
                ("pyproject.toml", project("[tool.uv.sources]\nlib = { path = 'evil' }\napp = { git = 'file://ROOT/repo/evil' }\n")),
            ],
        ),
        (
            "a workspace",
            vec![
                ("Dockerfile", SYNC.into()),
                ("pyproject.toml", project("[tool.uv.workspace]\nmembers = ['evil']\n[tool.uv.sources]\nlib = { workspace = true }\n")),
            ],
        ),
        (
            "what builds shall have",
            vec![
                ("Dockerfile", SYNC.into()),
                ("pyproject.toml", project("[tool.uv]\nno-build = false\n[tool.uv.extra-build-dependencies]\nlib = ['lib @ file://ROOT/repo/evil']\n")),
            ],
        ),
        ("an interpreter", vec![("uv.toml", "python-preference = 'only-system'\n[pip]\npython = 'ROOT/repo/bin/python'\n".into())]),
        ("a version file", vec![(".python-version", "ROOT/repo/bin/python\n".into())]),
        ("constraints on a folder", vec![("requirements.txt", "lib\n-c c.txt\n".into()), ("c.txt", "lib @ file://ROOT/repo/evil\n".into())]),
        ("constraints on git", vec![("requirements.txt", "app\n-c c.txt\n".into()), ("c.txt", "lib @ git+ssh://git@127.0.0.1:1/x.git\n".into())]),
        ("constraints on a server", vec![("requirements.txt", "lib\n-c http://HOST/c.txt\n".into())]),
        ("editable", vec![("requirements.txt", "-e ./evil\n-e ./old\n".into())]),
        ("no binaries", vec![("requirements.txt", "sourceonly\nlib\n--no-binary :all:\n".into())]),
        ("no binary of one", vec![("Dockerfile", UV.into()), ("requirements.txt", "sourceonly\n--no-binary sourceonly\n".into())]),
        ("links to archives", vec![("requirements.txt", "lib\n--find-links .\n--no-index\n".into())]),
        ("a wheel that wants a folder", vec![("requirements.txt", "./guest-1.0-py3-none-any.whl\n".into())]),
        ("a wheel that wants git", vec![("requirements.txt", "./visitor-1.0-py3-none-any.whl\n".into())]),
        ("a lock's folder", vec![("Dockerfile", POETRY.into()), ("pyproject.toml", poetry.into()), ("poetry.lock", lock("[package.source]\ntype = \"directory\"\nurl = \"evil\"\n"))]),
        ("a lock's git", vec![("Dockerfile", POETRY.into()), ("pyproject.toml", poetry.into()), ("poetry.lock", lock("[package.source]\ntype = \"git\"\nurl = \"file://ROOT/repo/evil\"\nreference = \"main\"\nresolved_reference = \"0\"\n"))]),
        ("a lock's index", vec![("Dockerfile", POETRY.into()), ("pyproject.toml", poetry.into()), ("poetry.lock", lock("[package.source]\ntype = \"legacy\"\nurl = \"file://ROOT/repo\"\nreference = \"x\"\n"))]),
        (
            "a lock of pip's",
            vec![
                ("Dockerfile", "FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nRUN uv pip sync --system pylock.toml\n".into()),
                ("pylock.toml", "lock-version = '1.0'\ncreated-by = 'x'\n[[packages]]\nname = 'lib'\ndirectory = { path = './evil', editable = true }\n".into()),
            ],
        ),
    ];
    // An archive that would be built, for `--find-links`.
    std::fs::write(machine.path("repo/lib-9.tar.gz"), archive(&machine)).unwrap();
    for (name, texts) in &cases {
        let texts: Vec<(&str, &str)> = texts.iter().map(|(file, text)| (*file, text.as_str())).collect();
        machine.repository(&texts);
        for words in ["check context:.", "plan context:. -o ROOT/out", "plan index:ROOT/image.index -o ROOT/out"] {
            let (code, said) =
                machine.run(words, &[("VIRTUAL_ENV", "ROOT/repo/.venv"), ("CONDA_PREFIX", "ROOT/repo/.venv")]);
            assert!(!machine.mark().exists(), "{name}, {words}: {said}");
            assert!((0..=3).contains(&code) && !said.contains("panicked"), "{name}, {words}: {said}");
            // What would have to be built is known by nobody here.
            let is_known = matches!(
                *name,
                "plain" | "an interpreter" | "a version file" | "overrides in uv.toml" | "what builds shall have"
            );
            assert!(is_known || code != 0 || !words.starts_with("check"), "{name}: {said}");
        }
        let written: Vec<_> =
            std::fs::read_dir(machine.path("repo")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!written.iter().any(|name| name == "x" || name == "__pycache__"), "{name}: {written:?}");
    }
}

/// A source distribution whose `setup.py` leaves a mark.
fn archive(machine: &Machine) -> Vec<u8> {
    let text = format!("open('{}', 'a').write('archive')\n", machine.mark().display());
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, text) in
        [("lib-9/setup.py", text.as_str()), ("lib-9/PKG-INFO", "Metadata-Version: 2.1\nName: lib\nVersion: 9\n")]
    {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, Path::new(path), text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

#[test]
fn an_override_on_a_repository_is_told_with_its_line() {
    if !has_uv() {
        return;
    }
    let machine = Machine::new(index(files(), false));
    machine.repository(&[
        ("requirements.txt", "app\n-c c.txt\n"),
        ("c.txt", "# of us\nlib @ git+ssh://git@127.0.0.1:1/x.git\n"),
    ]);
    let (code, said) = machine.run("check context:.", &[]);
    assert!(code == 3 && said.contains("c.txt:2"), "{code}: {said}");
    // What nothing requires bounds nothing.
    machine
        .repository(&[("requirements.txt", "lib\n-c c.txt\n"), ("c.txt", "other @ git+ssh://git@127.0.0.1:1/x.git\n")]);
    assert_eq!(machine.run("check context:.", &[]).0, 0);
}

#[test]
fn a_variable_has_a_value_of_the_dockerfile_or_none() {
    if !has_uv() {
        return;
    }
    let machine = Machine::new(index(files(), false));
    let asked = |what: &str| machine.server.requests().iter().any(|request| request.target.contains(what));
    for text in [
        "--index-url http://HOST/x/${CI_TOKEN}/simple\nlib\n",
        "--extra-index-url http://HOST/x/${CI_TOKEN}/simple\nlib\n",
        "lib @ http://HOST/${CI_TOKEN}/lib-1.0-py3-none-any.whl\n",
        "lib\n-c http://HOST/${CI_TOKEN}/c.txt\n",
        "lib\n--find-links http://HOST/${CI_TOKEN}/\n",
    ] {
        for dockerfile in [PIP, UV] {
            machine.repository(&[("Dockerfile", dockerfile), ("requirements.txt", text)]);
            let (code, said) = machine.run("check context:.", &[("CI_TOKEN", "hunter2")]);
            assert!(code == 3 && said.contains("requirements.txt:") && said.contains("CI_TOKEN"), "{text}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
    machine.repository(&[("Dockerfile", SYNC), ("pyproject.toml", "[project]\nname = 'm'\nversion = '1'\ndependencies = ['lib']\n[[tool.uv.index]]\nurl = 'http://HOST/y/${CI_TOKEN}/simple'\n")]);
    let _ = machine.run("check context:.", &[("CI_TOKEN", "hunter2")]);
    assert!(!asked("hunter2"));
    // Given by the user for this very build, it counts.
    let text = PIP.replace("RUN", "ARG CI_TOKEN\nRUN");
    machine.repository(&[
        ("Dockerfile", &text),
        ("requirements.txt", "--index-url http://HOST/x/${CI_TOKEN}/simple\nlib\n"),
    ]);
    let _ = machine.run("check context:. --build-arg CI_TOKEN=given", &[]);
    assert!(asked("/x/given/simple/lib"));
}

#[test]
fn credentials_stay_with_their_origin() {
    if !has_uv() {
        return;
    }
    // A second server that the repository names.
    let other = index(files(), false);
    let machine = Machine::new(index(files(), true));
    let own = "http://user:hunter2@HOST/simple";
    machine.repository(&[
        ("Dockerfile", UV),
        ("requirements.txt", &format!("--extra-index-url http://{}/simple\napp\n", other.host())),
    ]);
    machine
        .write("home/.netrc", "machine localhost login user password hunter2\ndefault login user password hunter2\n");
    let (_, said) = machine.run("check context:.", &[("UV_DEFAULT_INDEX", own)]);
    assert!(!other.requests().is_empty(), "{said}");
    let told = |server: &Server| server.requests().iter().any(|request| request.header("authorization").is_some());
    assert!(!told(&other), "{:?}", other.requests());
    machine.repository(&[]);
    let (code, said) = machine.run("check context:.", &[("UV_DEFAULT_INDEX", own)]);
    assert!(code == 0 && told(&machine.server), "{said}");
    // By its name alone an index of the repository gets nothing of the user's.
    let project = format!(
        "[project]\nname = 'm'\nversion = '1'\ndependencies = ['lib']\n[tool.uv]\npackage = false\n[[tool.uv.index]]\nname = 'private'\n\
         url = 'http://{}/simple'\ndefault = true\n[tool.uv.sources]\nlib = {{ index = 'private' }}\n",
        other.host()
    );
    machine.repository(&[("Dockerfile", SYNC), ("pyproject.toml", &project)]);
    let (_, said) = machine.run(
        "check context:.",
        &[("UV_INDEX_PRIVATE_USERNAME", "user"), ("UV_INDEX_PRIVATE_PASSWORD", "hunter2"), ("UV_DEFAULT_INDEX", own)],
    );
    assert!(!told(&other), "{said}");
}

#[test]
fn a_netrc_serves_its_host_on_this_machine() {
    if !has_uv() {
        return;
    }
    let machine = Machine::new(index(files(), true));
    machine.repository(&[]);
    assert_ne!(machine.run("check context:.", &[]).0, 0, "it wants credentials");
    machine.write("home/.netrc", "machine 127.0.0.1 login user password hunter2\n");
    let (code, said) = machine.run("check context:.", &[]);
    assert_eq!(code, 0, "{said}");
    // One of the repository is nobody's.
    std::fs::remove_file(machine.path("home/.netrc")).unwrap();
    machine.write("repo/netrc", "machine 127.0.0.1 login user password hunter2\n");
    assert_ne!(machine.run("check context:.", &[("NETRC", "ROOT/repo/netrc")]).0, 0);
    assert_ne!(machine.run("check context:.", &[("NETRC", "netrc")]).0, 0);
}

#[test]
fn a_redirect_to_another_port_loses_the_credentials() {
    if !has_uv() {
        return;
    }
    let elsewhere = index(files(), false);
    let to = elsewhere.host();
    // Its pages are its own, its files lead elsewhere.
    let machine = Machine::new(index_with(files(), true, move |request, bytes| {
        (!bytes.is_empty()).then(|| reply(302).header("Location", format!("http://{to}{}", request.target)))
    }));
    machine.repository(&[]);
    let (code, said) = machine.run("check context:.", &[("UV_DEFAULT_INDEX", "http://user:hunter2@HOST/simple")]);
    let requests = elsewhere.requests();
    assert!(code == 0 && !requests.is_empty(), "{said}");
    assert!(requests.iter().all(|request| request.header("authorization").is_none()), "{requests:?}");
}

#[test]
fn a_keyring_is_asked_for_the_users_own_indexes() {
    if !has_uv() {
        return;
    }
    let other = index(files(), true);
    let machine = Machine::new(index(files(), true));
    let log = machine.path("log").display().to_string();
    machine.program("tools/keyring", &format!("#!/bin/sh\necho \"$*\" >> {log}\necho hunter2\n"));
    machine
        .repository(&[("requirements.txt", &format!("--extra-index-url http://user@{}/simple\nlib\n", other.host()))]);
    let environment = [("UV_DEFAULT_INDEX", "http://user@HOST/simple"), ("UV_KEYRING_PROVIDER", "subprocess")];
    let _ = machine.run("check context:.", &environment);
    let asked = std::fs::read_to_string(machine.path("log")).unwrap();
    assert!(asked.contains(&machine.server.host()) && !asked.contains(&other.host()), "{asked}");
    assert!(!machine.mark().exists(), "the repository's own is not run");
    machine.repository(&[]);
    let (code, said) = machine.run("check context:.", &environment);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn an_index_on_a_server_may_bound_as_a_file_may() {
    if !has_uv() {
        return;
    }
    let list = [files(), vec![package("lib", "0.5", &[], &[])]].concat();
    let constraints = Server::new(|request, _| match request.target.as_str() {
        "/good.txt" => ok("lib<1\n"),
        "/git.txt" => ok("lib @ git+ssh://git@127.0.0.1:1/x.git\n"),
        "/more.txt" => ok("-r /etc/passwd\n"),
        _ => reply(404),
    });
    let machine = Machine::new(index(list, false));
    for (name, code, says) in
        [("good", 0, "0.5"), ("git", 3, "git.txt:1"), ("more", 2, "no further file"), ("gone", 2, "found 404")]
    {
        machine.repository(&[("requirements.txt", &format!("lib\n-c http://{}/{name}.txt\n", constraints.host()))]);
        let (found, said) = machine.run("check context:.", &[]);
        assert_eq!(found, code, "{name}: {said}");
        let (_, audit) = machine.run("audit context:. --format json", &[]);
        assert!(said.contains(says) || audit.contains(says), "{name}: {said}{audit}");
    }
}
