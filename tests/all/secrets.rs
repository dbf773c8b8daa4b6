//! What an image says of secrets, and what it has of characters that nobody sees: neither is in any output, in any file of
//! a plan, in a recorded index or in the cache. Through the binary, because it is what people run.

use crate::tarballs::{Packing, Parts, Store, Tar, oci};
use assert_cmd::Command;
use proptest::prelude::*;
use serde_json::json;
use std::path::Path;

const SITE: &str = "usr/local/lib/python3.11/site-packages";

/// Secrets of many kinds, each with this in it.
const SECRET: &str = "Xq7Zw3Kd";

fn distribution(tar: Tar, name: &str, more: &[(&str, String)]) -> Tar {
    let info = format!("{SITE}/{name}-1.0.dist-info");
    let tar = tar
        .file(&format!("{SITE}/{name}.py"), "x = 1\n")
        .file(&format!("{info}/METADATA"), format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"))
        .file(&format!("{info}/RECORD"), format!("{name}.py,,6\n"))
        .file(&format!("{info}/INSTALLER"), "pip\n");
    more.iter().fold(tar, |tar, (file, text)| tar.file(&format!("{info}/{file}"), text))
}

/// An image with secrets wherever one can be, and `odd` in every name.
fn parts(odd: &str) -> Parts {
    let index = format!("https://user:p#{SECRET}/a@pypi.example.org/simple");
    let lower = Tar::new()
        .file("usr/local/bin/python3.11", vec![1; 100])
        .file("usr/local/lib/python3.11/os.py", "x = 1\n")
        .file("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n")
        .file("etc/apt/sources.list", format!("deb https://user:{SECRET}@deb.example.org/debian bookworm main\n"))
        .file("var/lib/dpkg/status", format!("Package: a{odd}\nStatus: install ok installed\nVersion: 1{odd}\nArchitecture: amd64\nInstalled-Size: 9\n\nPackage: gcc-12\nStatus: install ok installed\nVersion: 1{odd}\nArchitecture: amd64\nInstalled-Size: 99999\n"));
    let url = format!("https://user:{SECRET}@files.example.org/from_url-1.0-py3-none-any.whl?token={SECRET}");
    let upper = distribution(Tar::new(), "plain", &[]);
    let upper =
        distribution(upper, "from_url", &[("direct_url.json", json!({"url": url, "archive_info": {}}).to_string())]);
    let git = format!("https://{SECRET}@git.example.org/team/from_git.git");
    let git = json!({"url": git, "vcs_info": {"vcs": "git", "commit_id": "0123abcd", "requested_revision": odd}});
    let upper = distribution(upper, "from_git", &[("direct_url.json", git.to_string())]);
    let named = format!("{SITE}/odd-1.0.dist-info");
    let upper = upper
        .file(&format!("{named}/METADATA"), format!("Name: odd{odd}\nVersion: 1.0{odd}\nRequires-Dist: gone{odd} (>=1)\nRequires-Dist: from-url @ {url}\n"))
        .file(&format!("{named}/RECORD"), format!("odd{odd}.py,,9\n../../../../bin/odd{odd},,\n"))
        .file("app/main.py", "import plain\nimport cv2\n")
        .file("app/requirements.txt", format!("--index-url {index}\nplain==1.0\nfrom-url @ {url}\nfrom-git @ git+https://u:{SECRET}@git.example.org/a@v1\n# token={SECRET}\nodd{odd}==1\n"))
        .file("app/pyproject.toml", format!("[project]\nname = \"x\"\ndependencies = [\"from-url @ {url}\"]\n[[tool.uv.index]]\nurl = \"{index}\"\n[tool.x]\npassword = \"{SECRET}\"\n"))
        .pax(b'x', &[("path", format!("app/{odd}data").as_bytes())])
        .file("app/data", vec![7; 3_000_000])
        .pax(b'x', &[("path", format!("root/.cache/pip/{odd}x").as_bytes())])
        .file("root/.cache/pip/x", vec![7; 4_000_000])
        .pax(b'x', &[("path", format!("app/{odd}link").as_bytes()), ("linkpath", format!("to{odd}").as_bytes())])
        .link("app/link", b'2', "to");
    let mut parts = Parts::new(vec![lower.finish(), upper.finish()]);
    parts.config["config"] = json!({
        "Env": [
            "PATH=/usr/local/bin:/usr/bin:/bin",
            format!("PIP_INDEX_URL={index}"),
            format!("AWS_SECRET_ACCESS_KEY={SECRET}"),
            format!("DATABASE_URL=postgres://app:{SECRET}@db/app"),
            format!("HARMLESS=ghp_{SECRET}{SECRET}"),
            format!("PLAIN=value{odd}"),
            "KEPT=yes",
        ],
        "Entrypoint": ["serve", "--password", SECRET, format!("--api-key={SECRET}"), odd],
        "Cmd": [format!("--token={SECRET}")],
        "WorkingDir": format!("/app{odd}"),
        "User": format!("app{odd}"),
        "Labels": {format!("l{odd}"): odd, "com.example.token": SECRET, "source": format!("https://x:{SECRET}@git.example.org/a")},
        "Volumes": {format!("/v{odd}"): {}},
        "OnBuild": [format!("RUN curl -u user:{SECRET} https://example.org"), format!("RUN echo {odd}")],
        "Healthcheck": {"Test": ["CMD-SHELL", format!("curl -H 'Authorization: Bearer {SECRET}' localhost {odd}")]},
        "StopSignal": format!("TERM{odd}"),
        "Shell": ["/bin/sh", odd],
    });
    parts.config["history"] = json!([
        {"created_by": format!("|1 TOKEN={SECRET} /bin/sh -c apt-get install -y gcc-12 {odd}"), "comment": format!("password={SECRET}")},
        {"created_by": format!("ENV AWS_SECRET_ACCESS_KEY={SECRET}"), "empty_layer": true},
        {"created_by": format!("RUN /bin/sh -c pip install --index-url {index} plain && curl -u a:{SECRET} https://example.org {odd} # buildkit")},
    ]);
    parts
}

/// Runs the program in a folder; what it printed, and its exit code.
fn run(dir: &Path, args: &[&str]) -> (i32, String) {
    let mut command = Command::cargo_bin("slimwright").unwrap();
    command.env("SLIMWRIGHT_CACHE_DIR", dir.join("cache")).current_dir(dir).args(args);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text)
}

/// Every file below a folder, as text; recorded indexes and entries of the cache unpacked.
fn texts(dir: &Path) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for entry in walkdir::WalkDir::new(dir) {
        let entry = entry.unwrap();
        if !entry.file_type().is_file()
            || entry.path().starts_with(dir.join("image"))
            || entry.path().starts_with(dir.join("context"))
        {
            continue;
        }
        let bytes = std::fs::read(entry.path()).unwrap();
        let bytes = match bytes.strip_prefix(b"SLIMIDX\n") {
            Some(rest) => zstd::decode_all(&rest[36..]).unwrap(),
            None => bytes,
        };
        out.push((entry.path().display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    out
}

/// What every command and every format says of an image, and every file that is written.
fn everything(store: &Store, odd: &str) -> Vec<(String, String)> {
    store.folder("image", &oci(&parts(odd), Packing::Gzip));
    store.write("slimwright.toml", "limits.unpacked = \"1 MB\"\nforbid = [\"plain\", \"gcc-*\"]\n");
    let dir = store.path("");
    let image = "oci:image";
    let mut out = Vec::new();
    let mut told = |args: &[&str]| {
        let (code, text) = run(&dir, args);
        assert!(code <= 1, "{args:?} ended with {code}: {text}");
        out.push((args.join(" "), text));
    };
    for format in ["text", "json", "markdown", "sarif"] {
        told(
            &["audit", image, "--details", "--format", format]
                .map(|arg| if format != "text" && arg == "--details" { "-q" } else { arg }),
        );
    }
    told(&["plan", image, "--no-resolve", "--base", "python:3.11-slim", "-o", "plan"]);
    told(&["plan", image, "--no-resolve", "--base", "python:3.11-slim", "-o", "plan-uv", "--style", "uv"]);
    for package in ["plain", "from-url", "from-git"] {
        told(&["why", image, package]);
    }
    let reports = ["json", "markdown", "summary", "github", "gitlab", "junit", "sarif"]
        .map(|kind| format!("--report={kind}=check.{kind}"));
    let mut check = vec!["check", image];
    check.extend(reports.iter().map(String::as_str));
    told(&check);
    told(&["verify", image, image]);
    told(&["verify", image, image, "--format", "json"]);
    told(&["diff", image, image]);
    told(&["index", image, "-o", "needed.index"]);
    told(&["index", image, "-o", "whole.index", "--env"]);
    told(&["audit", "index:whole.index", "--details"]);
    told(&["plan", "index:whole.index", "--no-resolve", "--base", "python:3.11-slim", "-o", "plan-index"]);
    out.extend(texts(&dir));
    out
}

#[test]
fn no_secret_of_an_image_is_in_any_output() {
    let store = Store::new();
    let texts = everything(&store, "");
    assert!(texts.len() > 40, "{}", texts.len());
    for (place, text) in &texts {
        assert!(!text.contains(SECRET), "{place} has the secret: {}", excerpt(text));
    }
    let text = |name: &str| &texts.iter().find(|(place, _)| place.ends_with(&format!("/{name}"))).unwrap().1;
    let dockerfile = text("plan/Dockerfile");
    assert!(dockerfile.contains("KEPT=\"yes\""), "{dockerfile}");
    // An index serves without its credentials, and the comment says how to give them; a secret is named and not set.
    assert!(dockerfile.contains("PIP_INDEX_URL=\"https://pypi.example.org/simple\""), "{dockerfile}");
    assert!(dockerfile.contains("--mount=type=secret: PIP_INDEX_URL"), "{dockerfile}");
    for name in ["AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "HARMLESS"] {
        let line = dockerfile.lines().find(|line| line.contains(name)).unwrap();
        assert!(line.starts_with('#') && line.contains("docker run -e"), "{line}");
    }
    // What is installed from a URL is installed from the same one.
    let requirements = text("plan/requirements.txt");
    assert!(requirements.contains("@ https://files.example.org/from_url-1.0-py3-none-any.whl "), "{requirements}");
    assert!(requirements.contains("@ git+https://git.example.org/team/from_git.git@0123abcd "), "{requirements}");
    // Values that nothing is read from are recorded on request only.
    assert!(!text("needed.index").contains("KEPT=yes") && text("needed.index").contains("KEPT=****"));
    assert!(text("needed.index").contains("PATH=/usr/local/bin") && text("whole.index").contains("KEPT=yes"));
}

fn excerpt(text: &str) -> &str {
    let at = text.find(SECRET).unwrap();
    let start = (0..=at.saturating_sub(120)).rev().find(|at| text.is_char_boundary(*at)).unwrap();
    let end = (at + 60..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    &text[start..end]
}

#[test]
fn a_recorded_index_without_values_says_so_in_the_plan() {
    let store = Store::new();
    store.folder("image", &oci(&parts(""), Packing::Gzip));
    let dir = store.path("");
    assert_eq!(run(&dir, &["index", "oci:image", "-o", "some.index"]).0, 0);
    let plan = ["plan", "index:some.index", "--no-resolve", "--base", "python:3.11-slim", "-o", "plan"];
    assert_eq!(run(&dir, &plan).0, 0);
    let dockerfile = std::fs::read_to_string(store.path("plan/Dockerfile")).unwrap();
    assert!(dockerfile.contains("not recorded (give it with `docker run -e`): ENV KEPT=****"), "{dockerfile}");
}

#[test]
fn no_secret_of_a_build_context_is_in_any_output() {
    let store = Store::new();
    store.write("context/requirements.txt", "plain==1.0\n");
    store.write(
        "context/Dockerfile",
        format!(
            "FROM scratch\nARG TOKEN={SECRET}\nENV API_KEY={SECRET} A=b\nRUN curl -H \"Authorization: Bearer {SECRET}\" https://example.org/a\n\
             RUN wget --password={SECRET} https://u:p/{SECRET}@example.org/x\nADD https://u:{SECRET}@example.org/x.tar /x\n\
             RUN make TOKEN={SECRET}\nLABEL secret={SECRET}\nCMD [\"serve\", \"--password\", \"{SECRET}\"]\n"
        ),
    );
    let dir = store.path("");
    for format in ["text", "json", "markdown", "sarif"] {
        let (code, text) = run(&dir, &["audit", "context:context", "--format", format]);
        assert!(code <= 1 && !text.contains(SECRET), "{format}, {code}: {text}");
    }
    let (code, text) = run(&dir, &["index", "context:context", "-o", "context.index", "--env"]);
    assert_eq!(code, 0, "{text}");
    store.write(
        "context/requirements.txt",
        format!("plain==1.0\n--index-url https://u:{SECRET}@example.org/ --what\nx y {SECRET}@\n"),
    );
    store.write("context/Dockerfile", "FROM python:3.11\nCOPY . .\nRUN pip install -r requirements.txt\n");
    for (place, text) in texts(&dir) {
        assert!(!text.contains(SECRET), "{place} has the secret: {}", excerpt(&text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]

    #[test]
    fn what_nobody_sees_is_made_visible_in_every_output(
        odd in "[\\p{Cf}\\p{Zl}\\p{Zp}\\x{80}-\\x{9f}\\x{e000}-\\x{f8ff}\\x{f0000}-\\x{ffffd}\\x{fe00}-\\x{fe0f}\\x{e0100}-\\x{e01ef}\\x{34f}\\x{3164}]{6,10}",
    ) {
        let store = Store::new();
        for (place, text) in everything(&store, &odd) {
            // Recorded as they are, and escaped when they are shown.
            if place.contains(".index") && !place.contains(' ') || place.contains("/cache/") {
                continue;
            }
            let raw = text.chars().find(|c| odd.contains(*c) || (c.is_control() && !matches!(c, '\n' | '\t')));
            let line = raw.and_then(|raw| text.lines().find(|line| line.contains(raw)));
            prop_assert!(raw.is_none(), "{place} has {raw:?}: {line:?}");
        }
    }
}

#[test]
fn an_edited_dockerfile_keeps_its_lines_and_its_secrets_are_told_without_them() {
    let store = Store::new();
    store.folder("image", &oci(&parts(""), Packing::Gzip));
    let line = format!("RUN pip install --index-url https://user:{SECRET}@pypi.example.org/simple plain");
    store.write(
        "context/Dockerfile",
        format!("FROM python:3.11-slim\nRUN apt-get update && apt-get install -y gcc-12\n{line}\n"),
    );
    let dir = store.path("");
    let plan = [
        "plan",
        "oci:image",
        "--no-resolve",
        "--base",
        "python:3.11-slim",
        "-o",
        "edited",
        "--dockerfile",
        "context/Dockerfile",
    ];
    let (code, printed) = run(&dir, &plan);
    assert!(code == 0 && !printed.contains(SECRET), "{printed}");
    let read = |name: &str| std::fs::read_to_string(store.path("edited").join(name)).unwrap();
    assert!(read("Dockerfile").contains(&format!("https://user:{SECRET}@")), "it has to build");
    for name in ["REPORT.md", "plan.json", "requirements.txt", "smoke_test.py"] {
        assert!(!read(name).contains(SECRET), "{name}");
    }
    assert!(read("REPORT.md").contains("line 3: it has a secret"), "{}", read("REPORT.md"));
}
