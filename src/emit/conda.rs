//! Environments of conda's that are made anew: what is in them as `environment.yml` and as an explicit list, and the stage that
//! installs them, at the paths of the original.
//!
//! The explicit list is `conda-linux-64.lock`, as conda-lock calls it: with it no solver chooses anything. Where it is not known
//! what comes there is none, and the solver gets `environment.yml`, in which all that stays is pinned.

use super::lines::{chown, path_of, run};
use super::quote::{breaks_lines, comment, copy_words, path_text, shell};
use crate::base::{ImagePath, Text, file_name, is_within};
use crate::plan::{CondaEnvironment, CondaPin, Plan};
use std::fmt::Write as _;

/// The image that installs.
pub const MICROMAMBA: &str = "mambaorg/micromamba:2.3.3";

/// Its argument, before the first stage.
pub(super) fn argument(plan: &Plan, out: &mut String) {
    if !plan.conda.is_empty() {
        let _ = write!(
            out,
            "\n# The image that installs conda's packages. Another one: --build-arg MICROMAMBA=NAME\nARG MICROMAMBA={MICROMAMBA}\n"
        );
    }
}

/// The files that say what is in the environments, as name and text.
pub(super) fn files(plan: &Plan) -> Vec<(String, String)> {
    let of_one = |environment: &CondaEnvironment| {
        let lock = environment.is_locked().then(|| (lock_name(plan, environment), lock(environment)));
        [(list_name(plan, environment), list(environment))].into_iter().chain(lock).collect::<Vec<_>>()
    };
    plan.conda.iter().flat_map(of_one).collect()
}

/// `-NAME` of an environment, where there are several.
fn suffix(plan: &Plan, environment: &CondaEnvironment) -> String {
    if plan.conda.len() == 1 {
        return String::new();
    }
    let name = String::from_utf8_lossy(file_name(environment.prefix.as_bytes())).into_owned();
    let same = |other: &&CondaEnvironment| file_name(other.prefix.as_bytes()) == name.as_bytes();
    let position = plan.conda.iter().position(|other| other.prefix == environment.prefix).unwrap_or_default();
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    match is_plain && plan.conda.iter().filter(same).count() == 1 {
        true => format!("-{name}"),
        false => format!("-{}", position + 1),
    }
}

fn list_name(plan: &Plan, environment: &CondaEnvironment) -> String {
    format!("environment{}.yml", suffix(plan, environment))
}

fn lock_name(plan: &Plan, environment: &CondaEnvironment) -> String {
    format!("conda{}-{}.lock", suffix(plan, environment), platform(environment))
}

fn platform(environment: &CondaEnvironment) -> &str {
    let is_plain = environment.subdir.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_plain && !environment.subdir.is_empty() { &environment.subdir } else { "linux-64" }
}

/// What a name, a version or a build may have in it: nothing that a list or a shell would read otherwise.
fn is_word(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+!*".contains(c);
    text.chars().all(plain)
}

fn is_place(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(['#', '"', '\'', '\\'])
        && !text.contains(char::is_whitespace)
        && !breaks_lines(text)
}

fn left_out(pin: &CondaPin) -> String {
    format!(
        "# left out, for it is no name, version and build: {}\n",
        comment(&format!("{} {} {}", pin.name, pin.version, pin.build))
    )
}

/// `environment.yml`: all that is in it, with version and build.
pub fn list(environment: &CondaEnvironment) -> String {
    let mut out = format!(
        "# What is in {} without what is for a GPU, every package with its version and build:\n\
         #   micromamba create --prefix {} --file environment.yml\n# * asked for\n",
        comment(&environment.prefix.to_string()),
        comment(&shell(&path_of(&environment.prefix)))
    );
    if let Some(why) = &environment.open {
        let _ = writeln!(
            out,
            "# Which builds come in the place of those for a GPU is the solver's choice: {}",
            comment(why)
        );
    }
    out.push_str("channels:\n");
    for channel in environment.channels.iter().filter(|channel| is_place(channel)) {
        let _ = writeln!(out, "  - {channel}");
    }
    out.push_str("  - nodefaults\ndependencies:\n");
    for pin in &environment.pins {
        if !(is_word(&pin.name) && is_word(&pin.version) && is_word(&pin.build)) || pin.name.is_empty() {
            out.push_str(&left_out(pin));
            continue;
        }
        let build = if pin.build.is_empty() { String::new() } else { format!("={}", pin.build) };
        let asked = if pin.asked_for { "  # *" } else { "" };
        let instead = pin.instead_of.as_ref().map(|old| format!("  # instead of {}", comment(old))).unwrap_or_default();
        let _ = writeln!(out, "  - {}={}{build}{asked}{instead}", pin.name, pin.version);
    }
    out
}

/// The explicit list.
fn lock(environment: &CondaEnvironment) -> String {
    let mut out = format!(
        "# What is in {} without what is for a GPU. No solver chooses anything:\n\
         #   micromamba create --prefix {} --file {}\n# platform: {}\n@EXPLICIT\n",
        comment(&environment.prefix.to_string()),
        comment(&shell(&path_of(&environment.prefix))),
        "conda-linux-64.lock".replace("linux-64", platform(environment)),
        platform(environment),
    );
    let mut pins: Vec<&CondaPin> = environment.pins.iter().collect();
    // conda wants Python before what it compiles.
    pins.sort_by_key(|pin| (pin.name != "python", pin.name.as_str()));
    for pin in pins {
        if !is_place(&pin.url) {
            out.push_str(&left_out(pin));
            continue;
        }
        let is_digest = pin.md5.len() == 32 && pin.md5.bytes().all(|b| b.is_ascii_hexdigit());
        let digest = if is_digest { format!("#{}", pin.md5) } else { String::new() };
        let _ = writeln!(out, "{}{digest}", pin.url);
    }
    out
}

/// The stage that installs.
pub(super) fn stage(plan: &Plan, out: &mut String) {
    if plan.conda.is_empty() {
        return;
    }
    out.push_str("\n# conda's environments, at their own paths: prefixes are written into their files.\nFROM ${MICROMAMBA} AS conda\n");
    out.push_str("# Only for what is installed here; the last stage sets the user that the image runs as.\n# hadolint ignore=DL3002,DL3066\nUSER root\n");
    out.push_str("SHELL [\"/bin/sh\", \"-c\"]\nWORKDIR /build\n");
    if plan.conda.iter().any(|environment| !environment.is_locked()) {
        out.push_str("# A builder with a GPU gets no builds for it either.\nENV CONDA_OVERRIDE_CUDA=\"\"\n");
    }
    for environment in &plan.conda {
        install(plan, environment, out);
    }
}

fn install(plan: &Plan, environment: &CondaEnvironment, out: &mut String) {
    let name = match environment.is_locked() {
        true => lock_name(plan, environment),
        false => list_name(plan, environment),
    };
    let prefix = shell(&path_of(&environment.prefix));
    let compile = if environment.compiles { "" } else { " --no-pyc" };
    let _ = writeln!(out, "COPY {name} ./");
    let mut commands = vec![
        format!("rm -rf {prefix}"),
        format!("micromamba create --yes{compile} --root-prefix /build/mamba --prefix {prefix} --file {name}"),
    ];
    if !environment.without.is_empty() {
        let tests: Vec<String> = environment.without.iter().map(|ending| format!("-name '*{ending}'")).collect();
        let tests = if tests.len() == 1 { tests.join("") } else { format!("\\( {} \\)", tests.join(" -o ")) };
        commands.push(format!("find {prefix} -type f {tests} -delete"));
    }
    let removed: Vec<String> = environment.removed.iter().filter_map(path_text).map(|path| shell(&path)).collect();
    if !removed.is_empty() {
        commands.push(format!("rm -rf {}", removed.join(" ")));
    }
    run(&commands, out);
}

/// The environments come into the last stage.
pub(super) fn copy(plan: &Plan, out: &mut String) {
    let is_inner = |environment: &CondaEnvironment| {
        let above = |other: &CondaEnvironment| {
            other.prefix != environment.prefix && is_within(environment.prefix.as_bytes(), other.prefix.as_bytes())
        };
        plan.conda.iter().any(above)
    };
    // What is in another one comes with it.
    for environment in plan.conda.iter().filter(|environment| !is_inner(environment)) {
        let path = format!("{}/", path_of(&environment.prefix));
        let _ = writeln!(out, "# What conda installs.");
        let _ =
            writeln!(out, "COPY --from=conda {}{}", chown(environment.uid, environment.gid), copy_words(&path, &path));
    }
}

/// Whether an environment that pip installs into is one of these.
pub(super) fn makes(plan: &Plan, prefix: &ImagePath) -> bool {
    plan.conda.iter().any(|environment| environment.prefix == *prefix)
}

/// The environment at a prefix that this text lists.
pub fn listed<'p>(plan: &'p Plan, prefix: &ImagePath, text: &str) -> Option<&'p CondaEnvironment> {
    let environment = plan.conda.iter().find(|environment| environment.prefix == *prefix)?;
    (list(environment) == text || environment.is_locked() && lock(environment) == text).then_some(environment)
}

/// `name version build`, escaped.
pub fn title(pin: &CondaPin) -> String {
    Text::from(format!("{} {} {}", pin.name, pin.version, pin.build).trim()).into()
}
