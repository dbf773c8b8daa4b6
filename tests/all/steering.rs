//! Nothing that an image, a build context, a Compose file, a rule or a name on the command line brings reaches a terminal or a
//! written file as it is, where it could steer the terminal, turn the text around or begin a line of its own.

use crate::tarballs::{Header, Parts, Store, Tar, docker_new};
use serde_json::json;
use slimwright::base::is_hidden;
use std::path::Path;

/// A terminal's title, letters from right to left, a line of its own, and what begins it.
const EVIL: &str = "a\u{1b}]0;t\u{7}b\u{202e}c\r\n\u{9b}INJECT\u{200b}d";

/// The same, for what is read line by line.
const LINE: &str = "a\u{1b}]0;t\u{7}b\u{202e}c\u{2028}\u{9b}INJECT\u{200b}d";

/// The same in the quotes of TOML, YAML and JSON.
const QUOTED: &str = r#""a\u001b]0;t\u0007b\u202ec\r\n\u009bINJECT\u200bd""#;

/// What of a text would be more than shown: none but the ends of our own lines, tabs of a Dockerfile, and our own colours.
fn raw(text: &str) -> Option<String> {
    let mut plain = text.to_owned();
    while let Some(start) = plain.find("\u{1b}[") {
        let Some(length) = plain[start + 2..].find(|c: char| !c.is_ascii_digit() && c != ';') else { break };
        match plain[start + 2 + length..].starts_with('m') {
            true => plain.replace_range(start..start + 3 + length, ""),
            false => break,
        }
    }
    let at = plain.find(|c| is_hidden(c) && c != '\n').or_else(|| plain.find("\nINJECT"))?;
    let start = plain[..at].char_indices().rev().nth(60).map_or(0, |(start, _)| start);
    Some(plain[start..].chars().take(140).collect())
}

/// A docker archive in which everything that has a name has this one.
fn archive(digits: &str) -> Vec<u8> {
    let site = "usr/local/lib/python3.11/site-packages";
    let metadata = |name: &str, more: &str| {
        format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0{LINE}\nLicense: {LINE}\n{more}\n")
    };
    let record = |name: &str| {
        format!(
            "{name}/__init__.py,,3\n\"{name}/{LINE}.py\",,3\n{name}-1.0.dist-info/METADATA,,\n{name}-1.0.dist-info/RECORD,,\n"
        )
    };
    let dist = |tar: Tar, name: &str, more: &str| {
        let info = format!("{site}/{name}-1.0.dist-info");
        tar.file(&format!("{site}/{name}/__init__.py"), "x=1")
            .file(&format!("{site}/{name}/{LINE}.py"), "x=1")
            .file(&format!("{info}/METADATA"), metadata(name, more))
            .file(&format!("{info}/RECORD"), record(name))
            .file(&format!("{info}/INSTALLER"), LINE)
            .file(&format!("{info}/direct_url.json"), format!("{{\"url\": {QUOTED}, \"dir_info\": {{}}}}"))
    };
    let system = Tar::new()
        .file("etc/os-release", format!("ID=debian\nVERSION_CODENAME=bookworm\nPRETTY_NAME=\"Deb{LINE}\"\n"))
        .file(
            "var/lib/dpkg/status",
            format!(
                "Package: gcc{LINE}\nStatus: install ok installed\nVersion: 1{LINE}\nArchitecture: amd64\nDepends: cpp{LINE}\n\n\
                 Package: curl\nStatus: install ok installed\nVersion: 8{LINE}\nArchitecture: amd64\nDepends: gcc{LINE}, libc6\n\n"
            ),
        )
        .file(&format!("var/lib/dpkg/info/gcc{LINE}.list"), format!("/.\n/usr\n/usr/bin\n/usr/bin/gcc{LINE}\n"))
        .file("var/lib/dpkg/info/curl.list", "/.\n/usr/bin/curl\n")
        .file(&format!("usr/bin/gcc{LINE}"), vec![1; 300_000])
        .file("usr/bin/curl", "")
        .file("usr/local/bin/python3.11", vec![2; 600])
        .file("usr/local/lib/python3.11/os.py", "import sys\n")
        .finish();
    let conda = format!(
        "{{\"name\": {QUOTED}, \"version\": {QUOTED}, \"build\": {QUOTED}, \"channel\": {QUOTED}, \"depends\": [{QUOTED}], \"files\": [\"lib/a\"]}}"
    );
    let mut installed = Tar::new();
    installed = dist(
        installed,
        "torch",
        &format!("Requires-Dist: nvidia{LINE} >=1\nRequires-Dist: evil (>=2{LINE})\nProvides-Extra: {LINE}\n"),
    );
    installed = dist(installed, &format!("ev{LINE}il"), &format!("Requires-Dist: torch\nSummary: {LINE}\n"));
    installed = dist(installed, "pytest", "Requires-Dist: nothing\n");
    let installed = installed
        .file(&format!("{site}/broken{LINE}-2.0.dist-info/RECORD"), "gone.py,,\n")
        .file(&format!("root/.cache/pip/http/{EVIL}"), vec![7; 200_000])
        .file(&format!("opt/conda/conda-meta/{LINE}.json"), &conda)
        .file("opt/conda/conda-meta/x-1-0.json", conda)
        .file("opt/conda/lib/a", vec![3; 9_000])
        .file(&format!("tmp/{EVIL}"), vec![4; 300_000])
        .finish();
    let application = Tar::new()
        .file("app/requirements.txt", format!("torch==1.0{LINE}\n-e ./{LINE}\n{LINE}\n"))
        .file(
            "app/pyproject.toml",
            format!("[project]\nname = {QUOTED}\nversion = {QUOTED}\ndependencies = [{QUOTED}, \"torch\"]\n"),
        )
        .file("app/uv.lock", format!("version = 1\n[[package]]\nname = {QUOTED}\nversion = {QUOTED}\n"))
        .file(&format!("app/{EVIL}/{EVIL}.py"), format!("import torch\nimport {LINE}\n"))
        .file(&format!("app/.env{EVIL}"), "API_KEY=sk-0123456789abcdef0123456789abcdef\n")
        .file(&format!("app/{EVIL}.bin"), vec![9; 500_000])
        .file(&format!("app/copy{EVIL}.bin"), vec![9; 500_000])
        .file(&format!("app/.wh.gone{EVIL}"), "")
        .file(&format!("../{EVIL}"), "x")
        .link(&format!("app/link{LINE}"), b'2', EVIL)
        .header(&Header::new(b"usr/bin/gcc", b'?', 0))
        .finish();
    let mut parts = Parts::new(vec![system, installed, application]);
    parts.names = vec![format!("example/app:{digits}"), EVIL.into()];
    parts.config["config"] = json!({
        "Env": [format!("A{EVIL}={EVIL}"), format!("PATH=/usr/local/bin:{EVIL}"), format!("API_TOKEN={EVIL}")],
        "Cmd": ["python3", EVIL], "Entrypoint": [EVIL], "WorkingDir": format!("/app/{EVIL}"), "User": EVIL,
        "Labels": {EVIL: EVIL, "org.opencontainers.image.source": EVIL}, "Volumes": {EVIL: {}}, "StopSignal": EVIL,
        "ExposedPorts": {EVIL: {}}, "Shell": [EVIL], "Healthcheck": {"Test": ["CMD", EVIL]},
    });
    for (row, text) in
        [format!("ADD {EVIL} in / "), format!("RUN pip install torch {EVIL}"), format!("COPY {EVIL} /app")]
            .iter()
            .enumerate()
    {
        parts.config["history"][row] = json!({"created_by": text, "comment": EVIL, "author": EVIL});
    }
    parts.config["os.version"] = EVIL.into();
    parts.config["variant"] = EVIL.into();
    crate::tarballs::archive(&docker_new(&parts))
}

const RULE: &str = r#"
summary = TEXT
why = TEXT
evidence = TEXT
when-not = TEXT
remedy = TEXT
references = ["https://example.org/TEXT"]
severity = "warning"
tier = "auto"
label = "evil"
[detect]
kind = "paths"
globs = ["app/**"]
owned = false
at-least = 1
"#;

const BUDGET: &str = r#"
[limits]
unpacked = "1 B"
[[accept]]
rule = "torch-cuda"
subject = "gcc*"
reason = TEXT
expires = 2099-01-01
"#;

const COMPOSE: &str = "name: TEXT
services:
  TEXT:
    image: TEXT
    command: [TEXT]
    profiles: [TEXT]
    mem_limit: TEXT
    environment: {TEXT: TEXT}
  web:
    image: TEXT
    command: [gunicorn, -w, '8', TEXT]
    mem_limit: 10m
    mem_reservation: 20m
    environment: {TEXT: TEXT}
    build: TEXT
  TEXT2: {mem_limit: 1g}
";

/// A folder with everything that a stranger may write.
fn folder() -> Store {
    let store = Store::new();
    store.write("image.tar", archive("1"));
    store.write("other.tar", archive("2"));
    let text = |text: &str| text.replace("TEXT", QUOTED);
    let one_line = QUOTED.replace(r"\r\n", "");
    store.write(
        "rules/evil-rule.toml",
        format!("id = \"evil-rule\"\n{}", RULE.replace("/TEXT", "").replace("TEXT", &one_line)),
    );
    store.write("bad/evil-rule.toml", format!("id = \"evil-rule\"\n{EVIL} = {QUOTED}\n"));
    store.write("budget.toml", text(BUDGET));
    store.write("broken.toml", format!("[limits]\nunpacked = {QUOTED}\n"));
    store.write("unknown.toml", format!("[limits]\n{QUOTED} = \"1 B\"\n"));
    store.write("compose/compose.yaml", text(COMPOSE).replace("\r\\n", "\\n"));
    store.write("compose-bad/compose.yaml", format!("services:\n  a: {{image: x, {QUOTED}: 1}}\n  {LINE}: [\n"));
    store.write("compose-env/compose.yaml", format!("services:\n  a: {{image: x, mem_limit: {QUOTED}}}\n"));
    store.write("compose-var/compose.yaml", format!("services:\n  a: {{image: 'x${{{LINE}:?{LINE}}}'}}\n"));
    store.write(
        "context/Dockerfile",
        format!(
            "ARG X=\"{LINE}\"\nFROM python:3.11-slim AS base\nARG Y={LINE}\nENV Z=\"{LINE}\" {LINE}=1\nLABEL a=\"{LINE}\" \"{LINE}\"=b\n\
             WORKDIR /app/{LINE}\nCOPY . \"/app/{LINE}/\"\nRUN pip install \"{LINE}\" torch=={LINE}\nRUN {LINE} | tee /x{LINE}\n\
             RUN apt-get install -y gcc{LINE}\nRUN pip install -r {LINE}.txt\nRUN pip install -r requirements.txt\nUSER {LINE}\nCMD [\"{LINE}\"]\n"
        ),
    );
    store.write("context/requirements.txt", format!("torch\n{LINE}\n-r {LINE}.txt\n--index-url http://{LINE}\n"));
    store.write(&format!("context/{}.txt", LINE.replace('/', "_")), format!("requests {LINE}\n"));
    store.write(&format!("context/{}.py", LINE.replace('/', "_")), "import os\n");
    for (name, line) in [
        ("stage", format!("FROM {LINE}")),
        ("copy", format!("FROM scratch\nCOPY --from={LINE} a b")),
        ("missing", format!("FROM scratch\nCOPY {LINE}x /")),
        ("word", format!("FROM scratch\n{LINE} x")),
        ("flag", format!("FROM scratch\nRUN --{LINE}=1 x")),
        ("args", "ARG A\nFROM ${A}".to_owned()),
    ] {
        store.write(&format!("contexts/{name}/Dockerfile"), format!("{line}\n"));
    }
    let record = json!({"Config": EVIL, "RepoTags": [EVIL], "Layers": [EVIL]});
    store.write("manifest.tar", Tar::new().file("manifest.json", json!([record]).to_string()).finish());
    store.write("x.mem", format!("{{\"version\": {QUOTED}}}"));
    store
}

/// Runs the program; everything that it says, and where it said it.
fn said(folder: &Path, args: &[&str]) -> (i32, Vec<(&'static str, String)>) {
    let mut command = assert_cmd::Command::cargo_bin("slimwright").unwrap();
    command.env("SLIMWRIGHT_CACHE_DIR", folder.join("cache")).env("SLIMWRIGHT_UV", "/nowhere/uv").env("COLUMNS", "100");
    command.env("DOCKER_HOST", "unix:///nowhere/docker.sock").env_remove("SLIMWRIGHT_TEST_DOCKER");
    let output = command.current_dir(folder).args(args).timeout(std::time::Duration::from_secs(60)).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let code = output.status.code().unwrap_or(-1);
    (code, vec![("stdout", text(output.stdout)), ("stderr", text(output.stderr))])
}

/// Runs what is written a command a line; `EVIL` is the name. Each must end with one of the codes before it.
fn try_all(folder: &Path, commands: &str) {
    let mut faults = Vec::new();
    for line in commands.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (codes, words) = line.split_once(' ').unwrap();
        let words: Vec<String> = words.split(' ').map(|word| word.replace("EVIL", EVIL)).collect();
        let (code, texts) = said(folder, &words.iter().map(String::as_str).collect::<Vec<_>>());
        if !codes.split('|').any(|wanted| wanted == code.to_string()) {
            faults.push(format!("{line}\n    ended with {code}: {texts:?}"));
        }
        for (stream, text) in texts {
            faults.extend(raw(&text).map(|found| format!("{line}\n    {stream}: {found:?}")));
        }
    }
    assert!(faults.is_empty(), "{} of them:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn no_report_of_a_hostile_image_prints_a_name_as_it_is() {
    let store = folder();
    try_all(
        store.0.path(),
        "0 audit image.tar --details
         0 audit image.tar --color always
         0 audit image.tar --details --profiles rules
         0 audit image.tar --format json
         0 audit image.tar --format html
         0 audit image.tar --format sarif --profiles rules
         0 audit image.tar --format markdown --profiles rules
         0 diff image.tar other.tar
         0 diff image.tar other.tar --format markdown
         0 diff image.tar other.tar --format json
         0 diff image.tar other.tar --format html
         0|1 verify image.tar other.tar --no-run
         0|1 verify image.tar other.tar --no-run --format json
         0 why image.tar torch
         0 why image.tar torch --format json
         0 why image.tar curl
         0 why image.tar EVIL
         0 why image.tar /app
         0 why image.tar /tmp
         0 why image.tar /app/EVIL
         2 why image.tar no-EVIL
         2 why image.tar /no/EVIL
         0 index image.tar -o image.index
         0 audit index:image.index --details
         2 audit image.tar@EVIL
         0 apply image.tar --only pip-cache --dry-run -o oci:out",
    );
}

#[test]
fn no_error_and_no_gap_of_a_hostile_text_prints_it_as_it_is() {
    let store = folder();
    try_all(
        store.0.path(),
        "0|2|3 audit context:context --details --image python:3.11-slim=image.tar
         0|2|3 audit context:context --format json --image python:3.11-slim=image.tar
         0|2|3 audit context:context --format html --image python:3.11-slim=image.tar
         1|2|3 check context:context --limit unpacked=1B --image python:3.11-slim=image.tar
         0 audit context:contexts/stage
         0 audit context:contexts/copy
         2|3 audit context:contexts/missing
         2|3 audit context:contexts/word
         0|2|3 audit context:contexts/flag
         0 audit context:contexts/args --build-arg A=EVIL
         2 audit context:context --target-stage EVIL
         2 audit context:EVIL
         2|3 audit EVIL
         2|3 audit docker-daemon:EVIL
         2|3 audit docker://EVIL
         2|3 audit index:EVIL
         2|3 audit manifest.tar
         2 audit EVIL:x
         2 audit image.tar --profiles bad
         2 audit image.tar --profiles EVIL
         2 audit image.tar --requirements EVIL
         2 audit image.tar --platform EVIL
         2 audit image.tar --format EVIL
         2 audit image.tar --EVIL
         2 explain EVIL
         0 explain evil-rule --profiles rules
         0 rules --profiles rules
         1 check image.tar --config budget.toml --name EVIL
         1 check image.tar --config budget.toml --report markdown=-
         1 check image.tar --config budget.toml --report github=-
         1 check image.tar --config budget.toml --report junit=-
         1 check image.tar --config budget.toml --report sarif=-
         1 check image.tar --config budget.toml --report gitlab=-
         1 check image.tar --config budget.toml --report json=-
         2 check image.tar --config broken.toml
         2 check image.tar --config unknown.toml
         2 check image.tar --config EVIL
         2 check image.tar --limit EVIL=EVIL
         2 check image.tar --init --config new/EVIL.toml
         0|1|2 compose compose --no-engine
         0|1|2 compose compose --no-engine --format json
         2 compose compose-bad --no-engine
         0|1|2 compose compose-env --no-engine
         2 compose compose-var --no-engine
         2 compose EVIL
         2|3 memory EVIL
         2|3 memory diff x.mem EVIL
         2|3 memory diff x.mem x.mem
         2 apply image.tar --only EVIL --dry-run -o oci:out
         2 apply image.tar --only pip-cache --dry-run -o EVIL
         2|3 plan image.tar -o EVIL --accept EVIL
         0|2 plan image.tar -o EVIL
         2 EVIL.tar",
    );
}

#[test]
fn no_file_of_a_plan_has_a_name_as_it_is() {
    let store = folder();
    try_all(
        store.0.path(),
        "0 plan image.tar -o slim --force\n0 plan image.tar -o slim2 --dockerfile context/Dockerfile",
    );
    let mut faults = Vec::new();
    for folder in ["slim", "slim2"] {
        for file in std::fs::read_dir(store.path(folder)).unwrap() {
            let path = file.unwrap().path();
            if let Ok(text) = std::fs::read_to_string(&path) {
                // The edited copy of the user's own file, and its difference, keep what the user wrote.
                if path
                    .file_name()
                    .is_some_and(|name| folder == "slim" || name != "Dockerfile" && name != "Dockerfile.diff")
                {
                    faults.extend(raw(&text).map(|found| format!("{}: {found:?}", path.display())));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
