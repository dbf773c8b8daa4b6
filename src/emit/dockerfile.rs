//! The Dockerfile. No `# syntax` line, so that no front end is pulled; nothing in it needs BuildKit.
//!
//! ```text
//! original      the image as it is: the application is copied from it
//! runtime-base  the base and the OS packages that stay
//! conda         micromamba, and conda's environments that are made anew
//! build         runtime-base (conda, where pip installs into one of these), pip, and what pip makes below /install (or the
//!               virtual environment)
//! pick          what is scattered over the original, by a list
//! (last)        runtime-base, what was installed, the application, the original's configuration
//! ```
//!
//! The distributions are installed at the paths that they have in the original: start scripts, interpreters'
//! search paths and shebang lines stay true.

use super::conda;
use super::install;
use super::lines::{chown, path_of, run, run_but};
use super::quote::{comment, copy_words, is_image_name, is_package_name, is_plain, path_text, shell};
use super::requirements::Requirements;
use super::settings::settings;
use super::{Style, lock, picked};
use crate::base::ImagePath;
use crate::index::Verdict;
use crate::plan::{CopyItem, Picked, Pin, Plan, RPM_PROGRAMS, TargetEnvironment};
use crate::python::{EnvironmentKind, is_name};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Where pip puts the root file system that it installs into, in the build stage.
pub(super) const INSTALL: &str = "/install";

/// The text of the Dockerfile.
pub fn dockerfile(plan: &Plan, requirements: &Requirements, style: Style) -> String {
    let environment = plan.environment.as_ref().filter(|_| !plan.pins.is_empty());
    let mut out = header(plan);
    conda::argument(plan, &mut out);
    original_stage(plan, &mut out);
    runtime_stage(plan, &mut out);
    conda::stage(plan, &mut out);
    if let Some(environment) = environment {
        build_stage(plan, environment, requirements, style, &mut out);
    }
    if let Some(picked) = &plan.picked {
        picked::stage(picked, &mut out);
        as_root(plan, &mut out);
        picked::pick(picked, &mut out);
    }
    out.push_str("\n# The image that runs.\nFROM runtime-base\n");
    conda::copy(plan, &mut out);
    if let Some(environment) = environment {
        copy_environment(environment, &mut out);
    }
    copy_application(plan, &mut out);
    if plan.picked.is_some() {
        picked::copy(&mut out);
    }
    make_links(plan, &mut out);
    set_folders(plan, &mut out);
    out.push_str(&settings(&plan.config));
    out
}

fn header(plan: &Plan) -> String {
    let name = slim_name(&plan.original);
    let mut out = String::from(
        "# Written by slimwright from an audit of the original image; see the comments before you change it.\n",
    );
    let _ = writeln!(out, "# Original:  {}", comment(&plan.original));
    let _ = writeln!(out, "# Build it:  docker build -t {name} .");
    if let Some(environment) = &plan.environment {
        let python = comment(&shell(&python(environment)));
        let run = format!("docker run --rm -i --network none --entrypoint {python} {name} - < smoke_test.py");
        let _ = writeln!(out, "# Test it:   {run}");
    }
    for note in &plan.notes {
        let _ = writeln!(out, "# Note:      {}", comment(note));
    }
    out
}

/// `registry/name:slim` for an image's name.
pub fn slim_name(original: &str) -> String {
    if !is_image_name(original) {
        return "rebuilt:slim".to_owned();
    }
    let name = original.split('@').next().unwrap_or_default();
    let start = name.rfind('/').map_or(0, |slash| slash + 1);
    let end = name[start..].find(':').map_or(name.len(), |colon| start + colon);
    format!("{}:slim", &name[..end])
}

fn original_stage(plan: &Plan, out: &mut String) {
    out.push_str("\n# The image that was audited; the application is copied from it. Another name for it:\n");
    out.push_str("# --build-arg ORIGINAL=NAME\n");
    let name = original_argument(plan);
    let _ = writeln!(out, "ARG ORIGINAL={name}\nFROM ${{ORIGINAL}} AS original");
}

/// What stands for a name that no `FROM` can have.
const NO_NAME: &str = "give-its-name-with-build-arg";

/// The name by which the Dockerfile copies from the original where nothing else is given.
pub fn original_argument(plan: &Plan) -> &str {
    if is_image_name(&plan.original) { &plan.original } else { NO_NAME }
}

/// The name of the base where nothing else is given.
pub fn base_argument(plan: &Plan) -> &str {
    if is_image_name(&plan.base.name) { &plan.base.name } else { NO_NAME }
}

fn runtime_stage(plan: &Plan, out: &mut String) {
    let _ = writeln!(out, "\n# The base: {}", comment(&plan.base.how));
    if is_image_name(&plan.base.name) {
        let _ = writeln!(out, "FROM {} AS runtime-base", plan.base.name);
    } else {
        let _ = writeln!(out, "# It is called: {}", comment(&plan.base.name));
        let _ = writeln!(out, "ARG BASE={NO_NAME}\nFROM ${{BASE}} AS runtime-base");
    }
    let mut names = Vec::new();
    let mut reasons = String::new();
    for package in &plan.system {
        let line = comment(&format!("{}: {}", package.name, package.why));
        match is_package_name(&package.name) {
            true => names.push(package.name.as_str()),
            false => reasons.push_str("# left out, for it is no package's name:\n"),
        }
        let _ = writeln!(reasons, "#   {line}");
    }
    if !plan.system.is_empty() {
        let _ = write!(out, "\n# OS packages that the original asked for and that something still needs.\n{reasons}");
    }
    if !names.is_empty() {
        as_root(plan, out);
        install_packages(plan, &names, out);
    }
}

/// A base may leave a user behind who must not install anything. Where it does, the original has a user too.
fn as_root(plan: &Plan, out: &mut String) {
    if !plan.config.user.is_empty() {
        out.push_str("# Only for what is installed here; the last stage sets the user that the image runs as.\n# hadolint ignore=DL3002,DL3066\nUSER root\n");
    }
}

fn install_packages(plan: &Plan, names: &[&str], out: &mut String) {
    let list: String = names.iter().map(|name| format!(" \\\n      {name}")).collect();
    if is_alpine(plan) {
        let _ = writeln!(out, "RUN apk add --no-cache{list}");
    } else if let Some(program) = rpm_program(plan) {
        let (ignored, install, clean) = match program {
            "dnf" => ("DL3041", "dnf install -y --setopt=install_weak_deps=0 --nodocs", "dnf clean all"),
            "microdnf" => ("DL3041", "microdnf install -y --setopt=install_weak_deps=0 --nodocs", "microdnf clean all"),
            "tdnf" => ("DL3041", "tdnf install -y", "tdnf clean all"),
            "zypper" => ("DL3037", "zypper --non-interactive install --no-recommends", "zypper clean --all"),
            _ => ("DL3033", "yum install -y", "yum clean all"),
        };
        let _ = writeln!(out, "# hadolint ignore={ignored}\nRUN {install}{list} \\\n && {clean}");
    } else {
        let _ = writeln!(
            out,
            "# hadolint ignore=DL3008\nRUN apt-get update \\\n && apt-get install -y --no-install-recommends{list} \\\n \
             && apt-get clean \\\n && rm -rf /var/lib/apt/lists/*"
        );
    }
}

/// Whether the base's layers, as far as the plan knows them, have a path that a test likes.
fn base_has(plan: &Plan, test: impl Fn(&[u8]) -> bool) -> bool {
    let layers = plan.predicted.layers.iter().take(plan.base.image_layers());
    layers.flat_map(|layer| &layer.entries).any(|entry| test(entry.path.as_bytes()))
}

/// What installs packages of rpm's on the base, if that is what it has.
fn rpm_program(plan: &Plan) -> Option<&'static str> {
    let has = |program: &&str| base_has(plan, |path| path.strip_prefix(b"usr/bin/") == Some(program.as_bytes()));
    let of_base = RPM_PROGRAMS.into_iter().find(has).filter(|_| !has(&"apt-get"));
    of_base.or(plan.rpm_program)
}

fn is_alpine(plan: &Plan) -> bool {
    let lists: [&[u8]; 2] = [b"lib/apk/db/installed", b"usr/lib/apk/db/installed"];
    let mut entries = plan.predicted.layers.iter().flat_map(|layer| &layer.entries);
    plan.base.name.contains("alpine") || entries.any(|entry| lists.contains(&entry.path.as_bytes()))
}

/// Whether the base has no interpreter that could install, nor gets one of a package: then the original's does.
fn lacks_python(plan: &Plan, environment: &TargetEnvironment) -> bool {
    let name = base_python(environment);
    let elsewhere = environment.interpreter.as_ref().filter(|path| !is_usual(path));
    let from_packages = elsewhere.is_none() && plan.system.iter().any(|package| package.name.starts_with("python3"));
    let is_it = |path: &[u8]| match elsewhere {
        Some(interpreter) => path == interpreter.as_bytes(),
        None => {
            let inside = path.strip_prefix(b"usr/local/bin/").or(path.strip_prefix(b"usr/bin/"));
            inside.is_some_and(|file| file == name.as_bytes() || file == b"python3")
        }
    };
    // The original's own is no package's, and is copied.
    let holds = |folder: &[u8]| match elsewhere {
        Some(interpreter) => crate::base::is_within(interpreter.as_bytes(), folder),
        None => [&b"usr/local/bin"[..], b"usr/bin"].into_iter().any(|bin| crate::base::is_within(bin, folder)),
    };
    let is_copied = |item: &CopyItem| is_it(item.path.as_bytes()) || item.directory && holds(item.path.as_bytes());
    let is_picked = |picked: &Picked| {
        let files = picked.paths.iter().any(|path| is_it(path.as_bytes()));
        files || picked.folders.iter().any(|folder| holds(folder.as_bytes()))
    };
    let is_absent = environment.kind != EnvironmentKind::Conda && !from_packages && !base_has(plan, is_it);
    is_absent && (plan.copies.iter().any(is_copied) || plan.picked.as_ref().is_some_and(is_picked))
}

fn build_stage(
    plan: &Plan,
    environment: &TargetEnvironment,
    requirements: &Requirements,
    style: Style,
    out: &mut String,
) {
    let names: Vec<&str> = match style {
        Style::Pylock => vec![lock::NAME],
        _ => requirements.files.iter().map(|file| file.name.as_str()).collect(),
    };
    let what = if style == Style::Pylock { lock::NAME } else { "requirements.txt" };
    let _ = write!(
        out,
        "\n# Installs what {what} lists, at the paths of the original. Nothing else of this stage stays.\n"
    );
    let by_original = lacks_python(plan, environment);
    let by_conda = conda::makes(plan, &environment.prefix);
    if by_original {
        out.push_str("# The base has no Python of its own, or it is not told: the original's installs.\n");
    }
    let from = match () {
        () if by_conda => "conda",
        () if by_original => "original",
        () => "runtime-base",
    };
    let _ = writeln!(out, "FROM {from} AS build");
    match () {
        // It is root's already, and what is built from source is built there with what it has.
        () if by_conda => {}
        () if by_original => {
            as_root(plan, out);
            compilers(plan, out);
        }
        () => {
            as_root(plan, out);
            build_tools(plan, environment, out);
        }
    }
    install::settings(style, out);
    for path in &requirements.local {
        let _ = writeln!(out, "# Installed from a local file in the original.");
        let _ = writeln!(out, "COPY --from=original {}", copy_words(path, path));
    }
    let _ = writeln!(out, "COPY {} ./", names.join(" "));
    if style != Style::Pip {
        out.push_str("# uv, for this stage only, of any version that is there.\n");
        run_but(&["DL3013"], &[install::uv_itself(environment)], out);
    }
    let prefix = shell(&path_of(&environment.prefix));
    if environment.kind == EnvironmentKind::Virtual {
        out.push_str("# The virtual environment, at its own path: its scripts name their interpreter.\n");
        let empty = if style == Style::Pip { "" } else { " --without-pip" };
        let anew = by_original.then(|| format!("rm -rf {prefix}"));
        let make = format!("{} -m venv{empty} {prefix}", shell(&base_python(environment)));
        run(&anew.into_iter().chain([make]).collect::<Vec<_>>(), out);
    }
    if names.len() > 1 {
        out.push_str("# What must come from one index alone, before the rest; that file names the index.\n");
    }
    for (position, name) in names.iter().enumerate() {
        let hashed = style != Style::Pylock && requirements.files[position].hashed;
        let is_last = position + 1 == names.len();
        match style {
            Style::Pip => run(&[install::with_pip(environment, name, hashed, plan.is_complete())], out),
            _ => run(&install::with_uv(environment, name, hashed, style, is_last), out),
        }
    }
    if environment.kind == EnvironmentKind::Virtual && style == Style::Pip {
        remove_installers(plan, environment, out);
    }
    trim(plan, environment, out);
    if environment.is_split() {
        set_modules_apart(environment, out);
    }
}

/// pip where the base has none, and how to get a compiler.
fn build_tools(plan: &Plan, environment: &TargetEnvironment, out: &mut String) {
    let listed = |name: &str| plan.system.iter().any(|package| package.name == name);
    let python_from_packages = plan.system.iter().any(|package| package.name.starts_with("python3"));
    let has_pip =
        listed("python3-pip") || listed("py3-pip") || base_has(plan, |path| path.ends_with(b"/pip/__main__.py"));
    let mut tools = Vec::new();
    if python_from_packages && !has_pip {
        tools.push(if is_alpine(plan) { "py3-pip" } else { "python3-pip" });
    }
    let is_apt = !is_alpine(plan) && rpm_program(plan).is_none();
    let needs_venv = environment.kind == EnvironmentKind::Virtual && is_apt && !listed("python3-venv");
    if python_from_packages && needs_venv {
        tools.push("python3-venv");
    }
    if !tools.is_empty() {
        out.push_str("# The base has no Python of its own: the OS package's, and for this stage its installer.\n");
        install_packages(plan, &tools, out);
    }
    compilers(plan, out);
}

/// What a build from source needs: what the original was asked to have for that, where it says; else a compiler. The
/// libraries that the result loads belong to the runtime stage, see [`runtime_stage`]. What is built from source
/// [`Pin::is_compiled`] tells.
fn compilers(plan: &Plan, out: &mut String) {
    let told = |pin: &&Pin| pin.availability.as_ref().is_some_and(|it| it.verdict == Verdict::SourceOnly);
    let from_source: Vec<&str> = plan
        .pins
        .iter()
        .filter(|pin| pin.is_compiled())
        .map(|pin| pin.name.as_str())
        .filter(|name| is_name(name))
        .collect();
    let default = match rpm_program(plan) {
        _ if is_alpine(plan) => ["build-base", "python3-dev"],
        Some(_) => ["gcc", "python3-devel"],
        None => ["build-essential", "python3-dev"],
    };
    if from_source.is_empty() {
        let install = match rpm_program(plan) {
            _ if is_alpine(plan) => "apk add --no-cache".to_owned(),
            Some("zypper") => "zypper --non-interactive install".to_owned(),
            Some(program) => format!("{program} install -y"),
            None => "apt-get update && apt-get install -y --no-install-recommends".to_owned(),
        };
        let _ = writeln!(
            out,
            "# If a package has no wheel for this platform and needs a compiler, uncomment:\n# RUN {install} {}",
            default.join(" ")
        );
        return;
    }
    let known: Vec<&str> = plan.build_system.iter().map(String::as_str).filter(|name| is_package_name(name)).collect();
    let list = comment(&from_source.join(", "));
    let verb = if plan.pins.iter().any(|pin| told(&pin)) { "is" } else { "seems to be" };
    let whence = if known.is_empty() { "a compiler" } else { "what the original built with" };
    let _ = writeln!(out, "# There {verb} no wheel of {list}: made from source, with {whence}, in this stage only.");
    install_packages(plan, if known.is_empty() { &default } else { &known }, out);
}

/// The interpreter that the environment is for. One in `/usr/bin` or `/usr/local/bin` goes by its name, which is the same in any
/// base that has it; one below a prefix of its own (uv's, pyenv's, Lambda's) is where it is in the original.
pub(super) fn base_python(environment: &TargetEnvironment) -> String {
    if let Some(path) = environment.interpreter.as_ref().filter(|path| !is_usual(path)) {
        return path_of(path);
    }
    let digits = |part: &str| !part.is_empty() && part.len() < 4 && part.bytes().all(|b| b.is_ascii_digit());
    let known = environment.python.split_once('.').is_some_and(|(major, minor)| digits(major) && digits(minor));
    if known { format!("python{}", environment.python) } else { "python3".to_owned() }
}

/// Whether an interpreter is where all systems have theirs.
fn is_usual(path: &ImagePath) -> bool {
    [&b"usr/local/bin"[..], b"usr/bin", b"bin"].contains(&crate::base::parent(path.as_bytes()))
}

/// The interpreter that sees the environment.
pub(super) fn python(environment: &TargetEnvironment) -> String {
    match environment.kind {
        EnvironmentKind::Virtual | EnvironmentKind::Conda => path_of(&environment.prefix.join(b"bin/python")),
        _ => base_python(environment),
    }
}

/// `venv` brings pip along; it stays only where the plan keeps it.
fn remove_installers(plan: &Plan, environment: &TargetEnvironment, out: &mut String) {
    let kept = |name: &str| plan.has_pin(name);
    // pip last in the list of one command: it removes itself too.
    let gone: Vec<&str> = ["setuptools", "pip"].into_iter().filter(|name| !kept(name)).collect();
    if !gone.is_empty() {
        out.push_str("# Installers that came with the environment and that nothing needs.\n");
        run(&[format!("{} -m pip uninstall -y {}", shell(&python(environment)), gone.join(" "))], out);
    }
}

/// What rules take out of what was installed, in the stage that is thrown away: no layer of the image ever had it.
fn trim(plan: &Plan, environment: &TargetEnvironment, out: &mut String) {
    let place = match environment.kind {
        EnvironmentKind::Virtual => shell(&path_of(&environment.prefix)),
        _ => INSTALL.to_owned(),
    };
    for trim in &plan.trims {
        let _ = writeln!(out, "# Left out of the distributions: slimwright explain {}", comment(&trim.rule));
        let commands: Vec<String> = trim.tests.iter().map(|tests| find_and_delete(&place, tests)).collect();
        run(&commands, out);
    }
}

fn find_and_delete(place: &str, tests: &[String]) -> String {
    let quoted = |word: &String| if word == "!" { word.clone() } else { shell(word) };
    let words: Vec<String> = tests.iter().map(quoted).collect();
    format!("find {place} ! -type d {} -delete", words.join(" "))
}

/// Where modules wait in the build stage that have another owner than what was installed with them.
const MODULES: &str = "/modules";

/// A copy gives all that it copies one owner: modules with another one than the scripts come by a copy of their own.
fn set_modules_apart(environment: &TargetEnvironment, out: &mut String) {
    let site = path_of(&environment.site_dir);
    let root = if environment.kind == EnvironmentKind::Virtual { "" } else { INSTALL };
    out.push_str("# The modules have an owner of their own: they are copied apart from the scripts.\n");
    run(&[format!("mv {} {MODULES}", shell(&format!("{root}{site}")))], out);
}

fn copy_environment(environment: &TargetEnvironment, out: &mut String) {
    out.push_str("# The distributions.\n");
    let split = environment.is_split();
    let (uid, gid) = if split { environment.others } else { (environment.uid, environment.gid) };
    let owner = chown(uid, gid);
    let prefix = format!("{}/", path_of(&environment.prefix));
    let words = match environment.kind {
        EnvironmentKind::Virtual => copy_words(&prefix, &prefix),
        EnvironmentKind::User => copy_words(&format!("{INSTALL}{prefix}"), &prefix),
        EnvironmentKind::Other => {
            let site = format!("{}/", path_of(&environment.site_dir));
            copy_words(&format!("{INSTALL}{site}"), &site)
        }
        // With another owner only what is below the prefix: the directories above it keep theirs.
        _ if !owner.is_empty() && !environment.prefix.is_root() => copy_words(&format!("{INSTALL}{prefix}"), &prefix),
        _ => copy_words(&format!("{INSTALL}/"), "/"),
    };
    let _ = writeln!(out, "COPY --from=build {owner}{words}");
    if split {
        let words = copy_words(&format!("{MODULES}/"), &format!("{}/", path_of(&environment.site_dir)));
        let _ = writeln!(out, "COPY --from=build {}{words}", chown(environment.uid, environment.gid));
    }
}

fn copy_application(plan: &Plan, out: &mut String) {
    let mut items: Vec<&CopyItem> = plan.copies.iter().collect();
    items.sort_by(|a, b| a.path.cmp(&b.path));
    let listed = plan.picked.iter().flat_map(|picked| picked.paths.iter().chain(&picked.folders));
    let listed: Vec<&ImagePath> = listed.filter(|path| path.as_bytes().starts_with(b"etc/")).collect();
    let has = |path: &str| {
        let mut all = items.iter().map(|item| &item.path).chain(listed.iter().copied());
        all.any(|other| other.as_bytes() == path.as_bytes())
    };
    let needs_accounts = !matches!(plan.config.user.split(':').next(), None | Some("" | "0" | "root"));
    let accounts: Vec<&str> = ["etc/group", "etc/passwd"].into_iter().filter(|path| !has(path)).collect();
    if needs_accounts && !accounts.is_empty() && !has("etc") {
        out.push_str("\n# The accounts, for the user that the image runs as.\n");
        let files: Vec<String> = accounts.iter().map(|path| format!("/{path}")).collect();
        let _ = writeln!(out, "COPY --from=original {} /etc/", files.join(" "));
    }
    if !items.is_empty() {
        out.push_str("\n# The application, and what else no package owns.\n");
    }
    let mut rest = items.as_slice();
    while let Some((first, _)) = rest.split_first() {
        let together = rest.iter().take_while(|item| goes_along(first, item)).count().max(1);
        copy_together(&rest[..together], out);
        rest = &rest[together..];
    }
}

/// Whether two files can be copied by one instruction, which is one layer: an image has 127 at most.
fn goes_along(first: &CopyItem, other: &CopyItem) -> bool {
    let plain = |item: &CopyItem| !item.directory && path_text(&item.path).is_some_and(|text| is_plain(&text));
    let place = |item: &CopyItem| (crate::base::parent(item.path.as_bytes()).to_vec(), item.uid, item.gid);
    plain(first) && plain(other) && place(first) == place(other)
}

fn copy_together(items: &[&CopyItem], out: &mut String) {
    let Some(first) = items.first() else { return };
    let owner = chown(first.uid, first.gid);
    if items.len() > 1 {
        let names: Vec<String> = items.iter().filter_map(|item| path_text(&item.path)).collect();
        let folder = names[0].rsplit_once('/').map_or("", |(folder, _)| folder);
        let _ = writeln!(out, "COPY --from=original {owner}{} {folder}/", names.join(" "));
        return;
    }
    let Some(text) = path_text(&first.path).filter(|text| text != "/") else {
        let path = comment(&first.path.to_string());
        let _ = writeln!(out, "# left out, for a Dockerfile cannot name it (copy its directory instead): {path}");
        return;
    };
    let text = if first.directory { text + "/" } else { text };
    let _ = writeln!(out, "COPY --from=original {owner}{}", copy_words(&text, &text));
}

/// Folders get the owners and modes that no copy gives them.
fn set_folders(plan: &Plan, out: &mut String) {
    let mut by_command: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in &plan.folders {
        let Some(path) = path_text(&folder.path) else { continue };
        let owner = folder.owner.map(|(uid, gid)| format!("chown {uid}:{gid}"));
        let mode = folder.mode.map(|mode| format!("chmod {mode:o}"));
        // A mode is set last: a change of the owner may take bits away.
        for command in owner.into_iter().chain(mode) {
            by_command.entry(command).or_default().push(shell(&path));
        }
    }
    let mut commands: Vec<String> =
        by_command.into_iter().map(|(command, paths)| format!("{command} {}", paths.join(" "))).collect();
    commands.sort_by_key(|command| command.starts_with("chmod"));
    if !commands.is_empty() {
        out.push_str("# Folders with an owner or a mode of their own.\n");
        run(&commands, out);
    }
}

/// Links are made again: a copy of a link would copy what it leads to.
fn make_links(plan: &Plan, out: &mut String) {
    let mut commands = Vec::new();
    for link in &plan.links {
        let target = std::str::from_utf8(&link.target).ok().filter(|target| !target.is_empty());
        let (Some(path), Some(target)) = (path_text(&link.path), target) else {
            let _ = writeln!(
                out,
                "# left out, for a Dockerfile cannot name it: the link {}",
                comment(&link.path.to_string())
            );
            continue;
        };
        let dir = path.rsplit_once('/').map_or("/", |(dir, _)| if dir.is_empty() { "/" } else { dir });
        commands.push(format!("mkdir -p {} && ln -sfn {} {}", shell(dir), shell(target), shell(&path)));
    }
    if !commands.is_empty() {
        out.push_str("# Symbolic links.\n");
        run(&commands, out);
    }
}
