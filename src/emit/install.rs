//! The commands that install into the build stage, at the paths of the original below a root of their own.
//!
//! pip knows `--root`. uv knows `--prefix`, below which it lays everything out as a virtual environment: what Debian's
//! Python calls `dist-packages` is moved there afterwards.

use super::dockerfile::{INSTALL, base_python, python};
use super::lines::path_of;
use super::quote::shell;
use super::{Style, lock};
use crate::plan::TargetEnvironment;
use crate::python::EnvironmentKind;

/// Where uv is put in the build stage.
const UV: &str = "/opt/uv";

/// Arguments and environment of the build stage, from which the installer knows its index.
pub fn settings(style: Style, out: &mut String) {
    out.push_str(
        "# Another index instead of the default one: --build-arg PIP_INDEX_URL=URL. One with credentials is better\n\
         # mounted, with BuildKit: RUN --mount=type=secret,id=pip,target=/etc/pip.conf and --secret id=pip,src=FILE.\n\
         # A CA of your own: the same with id=ca, target=/run/secrets/ca.pem, and PIP_CERT=/run/secrets/ca.pem before the command.\n\
         ARG PIP_INDEX_URL\n",
    );
    if style != Style::Pip {
        out.push_str("ARG UV_DEFAULT_INDEX=${PIP_INDEX_URL}\n");
    }
    out.push_str(
        "# The stage is thrown away, so nothing has to be kept from the system's own Python (PEP 668). Bytecode is what the installer\n\
         # compiles, and not what it imports itself.\n\
         ENV PIP_BREAK_SYSTEM_PACKAGES=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1\n",
    );
    out.push_str("WORKDIR /build\n");
}

/// pip's command for a requirements file.
pub fn with_pip(environment: &TargetEnvironment, file: &str, hashed: bool, complete: bool) -> String {
    let compile = if environment.bytecode { "" } else { " --no-compile" };
    let hashes = if hashed { " --require-hashes" } else { "" };
    let resolve = if complete { " --no-deps" } else { "" };
    let common = format!("install --no-cache-dir{resolve}{hashes}{compile}");
    let pip = format!("{} -m pip", shell(&python(environment)));
    match environment.kind {
        EnvironmentKind::System | EnvironmentKind::Vendor | EnvironmentKind::Conda => {
            format!("{pip} {common} --ignore-installed --root {INSTALL} -r {file}")
        }
        EnvironmentKind::User => {
            let prefix = shell(&path_of(&environment.prefix));
            format!("PYTHONUSERBASE={prefix} {pip} {common} --ignore-installed --user --root {INSTALL} -r {file}")
        }
        EnvironmentKind::Virtual => format!("{pip} {common} -r {file}"),
        EnvironmentKind::Other => {
            let target = shell(&format!("{INSTALL}{}", path_of(&environment.site_dir)));
            format!("{pip} {common} --target {target} -r {file}")
        }
    }
}

/// The command that brings uv.
pub fn uv_itself(environment: &TargetEnvironment) -> String {
    let python = match environment.kind {
        EnvironmentKind::Conda => shell(&python(environment)),
        _ => shell(&base_python(environment)),
    };
    format!("{python} -m pip install --no-cache-dir --target {UV} uv")
}

/// uv's commands for a requirements file or a lock. After the last one everything is in its place.
pub fn with_uv(environment: &TargetEnvironment, file: &str, hashed: bool, style: Style, is_last: bool) -> Vec<String> {
    let verb = if style == Style::Pylock { "sync" } else { "install --no-deps" };
    let hashes = if hashed { " --require-hashes" } else { "" };
    let compile = if environment.bytecode { " --compile-bytecode" } else { "" };
    let what = if style == Style::Pylock { lock::NAME.to_owned() } else { format!("-r {file}") };
    let (place, prefix) = match environment.kind {
        EnvironmentKind::Virtual => (String::new(), None),
        EnvironmentKind::Other => {
            let target = format!("{INSTALL}{}", path_of(&environment.site_dir));
            (format!(" --target {}", shell(&target)), Some(target))
        }
        _ => {
            let prefix = format!("{INSTALL}{}", path_of(&environment.prefix));
            (format!(" --prefix {}", shell(&prefix)), Some(prefix))
        }
    };
    let python = shell(&python(environment));
    let mut commands =
        vec![format!("{UV}/bin/uv pip {verb} --no-cache{hashes}{compile} --python {python}{place} {what}")];
    let Some(prefix) = prefix.filter(|_| is_last) else { return commands };
    commands.push(format!("rm -f {}", shell(&format!("{prefix}/.lock"))));
    let made = environment.prefix.join(format!("lib/python{}/site-packages", environment.python).as_bytes());
    if environment.kind != EnvironmentKind::Other && made != environment.site_dir {
        let (from, to) =
            (format!("{INSTALL}{}", path_of(&made)), format!("{INSTALL}{}", path_of(&environment.site_dir)));
        let parent = to.rsplit_once('/').map_or("/", |(parent, _)| parent);
        commands.push(format!("mkdir -p {}", shell(parent)));
        commands.push(format!("mv {} {}", shell(&from), shell(&to)));
    }
    commands
}
