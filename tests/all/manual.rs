//! Man pages, completions, and the plugin of Docker's command line: made from the flags, read by the programs that they
//! are for, where those are installed.

use assert_cmd::Command as Binary;
use std::path::Path;
use std::process::{Command, Stdio};

fn run(args: &[&str]) -> (i32, String, String) {
    let output = Binary::cargo_bin("slimwright").unwrap().args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The commands, as the help lists them.
fn commands() -> Vec<String> {
    let help = run(&["--help"]).1;
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    // A long description goes on below itself, further to the right.
    let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.map(|line| line.split_whitespace().next().unwrap().to_owned()).filter(|name| name != "help").collect()
}

/// Whether a program that is installed takes the file for well-formed.
fn reads(program: &str, args: &[&str], file: &Path) -> bool {
    match Command::new(program).args(args).arg(file).stdout(Stdio::null()).output() {
        Ok(output) => {
            assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{program}");
            true
        }
        Err(_) => {
            eprintln!("skipped: {program} is not installed");
            false
        }
    }
}

#[test]
fn every_command_has_a_man_page() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("man1");
    let (code, stdout, stderr) = run(&["man", "-o", folder.to_str().unwrap()]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let commands = commands();
    assert!(commands.len() >= 10, "{commands:?}");
    assert!(stdout.starts_with(&format!("wrote {} pages", commands.len() + 1)), "{stdout}");
    for command in &commands {
        let page = folder.join(format!("slimwright-{command}.1"));
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(text.contains(".TH ") && text.contains(".SH NAME") && text.contains(".SH OPTIONS"), "{text}");
        // Every option of the help is in the page.
        let help = run(&[command, "--help"]).1;
        let bare = text.replace('\\', "");
        for word in help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 4) {
            let option = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            assert!(bare.contains(option), "{command}: {option}");
        }
        reads("man", &["--warnings", "-l"], &page);
    }
    assert_eq!(run(&["man"]).1, std::fs::read_to_string(folder.join("slimwright.1")).unwrap());
    // Pages are not overwritten unasked, and beside other files neither.
    assert_eq!(run(&["man", "-o", folder.to_str().unwrap()]).0, 2);
    assert_eq!(run(&["man", "-o", folder.to_str().unwrap(), "--force"]).0, 0);
}

#[test]
fn completion_scripts_parse_and_know_every_command() {
    let dir = tempfile::tempdir().unwrap();
    for (shell, args) in [("bash", &["-n"][..]), ("zsh", &["-n"]), ("fish", &["-n"])] {
        let (code, script, stderr) = run(&["completions", shell]);
        assert_eq!((code, stderr.as_str()), (0, ""));
        for command in commands() {
            assert!(script.contains(&command), "{shell}: {command}");
        }
        let file = dir.path().join(shell);
        std::fs::write(&file, script).unwrap();
        reads(shell, args, &file);
    }
    assert_eq!(run(&["completions", "tcsh"]).0, 2);
}

#[test]
fn bash_completes_commands_and_options() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("slimwright.bash");
    std::fs::write(&file, run(&["completions", "bash"]).1).unwrap();
    let ask = "source \"$0\"; COMP_WORDS=(slimwright \"$@\"); COMP_CWORD=$#; _slimwright slimwright \"${@: -1}\" \"${@: -2:1}\"; echo \"${COMPREPLY[@]}\"";
    let complete = |words: &[&str]| {
        let output = Command::new("bash").arg("-c").arg(ask).arg(&file).args(words).output().ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    };
    let Some(commands) = complete(&["comp"]) else { return };
    assert_eq!(commands, "compose completions");
    assert_eq!(complete(&["audit", "--max"]).unwrap(), "--max-unpacked --max-entries");
}

/// The binary by the name that Docker calls it by.
#[cfg(unix)]
fn plugin(dir: &Path) -> std::path::PathBuf {
    let link = dir.join("docker-slimwright");
    std::os::unix::fs::symlink(Binary::cargo_bin("slimwright").unwrap().get_program(), &link).unwrap();
    link
}

#[cfg(unix)]
#[test]
fn docker_is_told_what_the_plugin_is() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(plugin(dir.path())).arg("docker-cli-plugin-metadata").output().unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(metadata["SchemaVersion"], "0.1.0");
    assert_eq!(metadata["Version"], env!("CARGO_PKG_VERSION"));
    // Docker refuses a plugin without a vendor.
    assert!(!metadata["Vendor"].as_str().unwrap().is_empty());
    assert!(!metadata["ShortDescription"].as_str().unwrap().is_empty());
}

#[cfg(unix)]
#[test]
fn as_a_plugin_it_does_the_same_and_goes_by_dockers_name() {
    let dir = tempfile::tempdir().unwrap();
    let plugin = plugin(dir.path());
    let call = |args: &[&str]| {
        let output = Command::new(&plugin).args(args).env_remove("DOCKER_HOST").output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    assert_eq!(call(&["slimwright", "rules"]), run(&["rules"]));
    let (code, help, _) = call(&["slimwright", "audit", "--help"]);
    assert_eq!(code, 0);
    assert!(help.contains("Usage: docker slimwright audit"), "{help}");
    assert_eq!(call(&["help", "slimwright", "audit"]).1, help);
    assert_eq!(call(&["slimwright", "audit"]).0, 2);
    // What docker's options say about the engine arrives, over a second start.
    let (code, _, stderr) =
        call(&["--host", "unix:///nowhere/engine.sock", "slimwright", "audit", "docker-daemon:x", "--no-cache"]);
    assert_eq!(code, 3, "{stderr}");
    assert!(stderr.contains("/nowhere/engine.sock"), "{stderr}");
    let (code, _, stderr) = call(&["--tlsverify", "slimwright", "rules"]);
    assert_eq!(code, 2);
    assert!(stderr.contains("--tlsverify"), "{stderr}");
}

#[cfg(unix)]
#[test]
fn the_plugin_is_linked_and_nothing_of_somebody_elses_is_replaced() {
    let (dir, config) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let binary = dir.path().join("slimwright");
    std::os::unix::fs::symlink(Binary::cargo_bin("slimwright").unwrap().get_program(), &binary).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/install-plugin");
    let install = |args: &[&str]| {
        let output = Command::new(&script).args(args).env("DOCKER_CONFIG", config.path()).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let link = config.path().join("cli-plugins/docker-slimwright");
    for _ in 0..2 {
        assert_eq!(install(&[binary.to_str().unwrap()]), (0, String::new()));
        let output = Command::new(&link).args(["slimwright", "--version"]).output().unwrap();
        assert!(output.status.success());
    }
    assert_eq!(install(&["--remove"]), (0, String::new()));
    assert!(!link.exists());
    std::fs::write(&link, "mine").unwrap();
    for args in [&[binary.to_str().unwrap()][..], &["--remove"]] {
        let (code, stderr) = install(args);
        assert_eq!(code, 2);
        assert!(stderr.contains("hint: "), "{stderr}");
    }
    assert_eq!(std::fs::read_to_string(&link).unwrap(), "mine");
    assert_eq!(install(&["/bin/sh"]).0, 2);
}
