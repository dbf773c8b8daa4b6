//! The programs that are carried out in thought, one row each; and whether a program is what its name says. A name is trusted where the program came with the base image, with a package of the system's or with
//! an installer; not where an instruction brought or changed it. What changes it from outside is in [`super::settings`].

use super::arguments::Arguments;
use super::earned::is_said;
use super::error::Result;
use super::run::{Outcome, Place, base_name};
use super::stage::{Stage, World};
use crate::base::{ImagePath, file_name};
use crate::command::{Command, Tool, Verb};
use crate::image::GapReason;
use crate::layer::EntryKind;

/// A command that is carried out.
pub(super) struct Call<'c> {
    pub(super) world: &'c World<'c>,
    pub(super) place: &'c Place<'c>,
    /// The program's name, without its folder.
    pub(super) name: &'c str,
    /// What stands behind it.
    pub(super) words: &'c [String],
    /// Whether the build would end where it fails.
    pub(super) sure: bool,
}

/// A program that changes files in a known way.
pub(super) struct Program {
    names: &'static [&'static str],
    /// Whether it reads no input, and prints nothing where it succeeds.
    pub(super) is_quiet: bool,
    /// Whether it takes away or replaces what may be there.
    pub(super) takes_away: fn(&[String]) -> bool,
    /// Carries it out.
    pub(super) carry: Carry,
}

/// A program by its name.
pub(super) fn find(name: &str) -> Option<&'static Program> {
    PROGRAMS.iter().find(|program| program.names.contains(&name))
}

type Carry = fn(&mut Stage, &Call<'_>) -> Result<Outcome>;

const fn row(
    names: &'static [&'static str],
    is_quiet: bool,
    takes_away: fn(&[String]) -> bool,
    carry: Carry,
) -> Program {
    Program { names, is_quiet, takes_away, carry }
}

const ALWAYS: fn(&[String]) -> bool = |_| true;
const NEVER: fn(&[String]) -> bool = |_| false;

/// One row a program, or a few that one method carries out.
const PROGRAMS: [Program; 17] = [
    row(&["rm", "rmdir", "unlink"], true, ALWAYS, |stage, call| {
        Ok(stage.remove(call.name, &Arguments::parse(call.words, &[]), call.sure))
    }),
    row(&["mkdir"], true, NEVER, |stage, call| {
        let long = (&["--parents", "--verbose"][..], &["--mode"][..]);
        let read = Arguments::strict(call.words, ("pv", "m"), long);
        let read = read.unwrap_or_else(|_| Arguments::parse(call.words, &["-m", "--mode"]));
        Ok(stage.make_directories(&read))
    }),
    row(&["touch"], true, NEVER, |stage, call| {
        let valued = ["-d", "-r", "-t", "--date", "--reference"];
        Ok(stage.touch(&Arguments::parse(call.words, &valued)))
    }),
    row(&["mv"], true, ALWAYS, |stage, call| Ok(stage.move_paths(call.words))),
    row(&["cp"], true, ALWAYS, |stage, call| Ok(stage.copy_paths(call.words))),
    row(
        &["install"],
        true,
        |words| !is_said(words, &["-d", "--directory"]),
        |stage, call| Ok(stage.install_files(call.words)),
    ),
    row(
        &["ln"],
        true,
        |words| words.iter().any(|word| word.starts_with('-') && word.contains('f')),
        |stage, call| Ok(stage.link(call.words)),
    ),
    row(&["chown", "chgrp"], true, NEVER, |stage, call| {
        Ok(stage.change_owner(call.name, &Arguments::parse(call.words, &[])))
    }),
    row(&["chmod"], true, NEVER, |stage, call| Ok(stage.change_mode(call.words))),
    row(&["find"], false, ALWAYS, |stage, call| Ok(stage.find_and_remove(call.words))),
    row(
        &["useradd", "adduser", "groupadd", "addgroup", "usermod", "passwd", "chpasswd", "groupmod"],
        false,
        NEVER,
        |stage, call| Ok(stage.add_user(call.name, call.words)),
    ),
    row(&["ldconfig"], true, NEVER, |stage, call| {
        match call.words.iter().find(|word| !matches!(word.as_str(), "-v" | "-p")) {
            None => Ok(stage.touch_again(&[b"etc/ld.so.cache"])),
            Some(word) => Ok(Outcome::Unknown(GapReason::Option(word.clone()))),
        }
    }),
    row(&["tar"], false, NEVER, |stage, call| Ok(stage.packs_or_unpacks(call.world, call.words))),
    row(&["tee"], false, ALWAYS, |stage, call| Ok(stage.tee(call.world, call.words))),
    row(&["sed"], false, ALWAYS, |stage, call| Ok(stage.sed(call.world, call.words))),
    row(
        &["apt-get", "apt", "aptitude"],
        false,
        |words| is_of(words, Tool::Apt, &[Verb::Uninstall, Verb::Clean]),
        |stage, call| stage.by_installer(|stage| stage.apt(call.world, (call.name, call.words), call.place)),
    ),
    row(
        &["apk"],
        false,
        |words| is_of(words, Tool::Apk, &[Verb::Uninstall]),
        |stage, call| stage.by_installer(|stage| stage.apk(call.world, call.words, call.place)),
    ),
];

/// Whether a package manager's command is one of these.
fn is_of(words: &[String], tool: Tool, verbs: &[Verb]) -> bool {
    verbs.contains(&Command::parse(tool, words).verb())
}

/// The installers that an installer may bring: of other programs an index decides what they do.
const INSTALLERS: [&str; 12] =
    ["pip", "pip3", "uv", "uvx", "poetry", "pdm", "pipenv", "virtualenv", "pip-compile", "pip-sync", "pipx", "hatch"];

impl Stage {
    /// Where a program is, if it is not what its name says.
    pub(super) fn foreign_program(&self, program: &str) -> Option<String> {
        if self.shell.unknown.contains("PATH") || self.scope.unknown.contains("PATH") {
            return Some(program.to_owned());
        }
        let path = ImagePath::new(&self.program(program)?);
        let name = base_name(program);
        let mut here = path;
        for _ in 0..20 {
            let real = self.tree.resolve(crate::base::parent(here.as_bytes()));
            let place = ImagePath::new(&real).join(file_name(here.as_bytes()));
            let entry = self.tree.get(place.as_bytes()).or_else(|| self.tree.get(here.as_bytes()))?;
            let link = entry.link.clone().filter(|_| entry.kind == EntryKind::Symlink);
            let Some(link) = link else {
                let is_strange =
                    |path: &ImagePath| self.tree.foreign().contains(path) || self.is_strange(path.as_bytes());
                let foreign = is_strange(&place) || is_strange(&here);
                return (foreign || self.is_of_an_index(&place, name)).then(|| format!("/{}", self.shown_path(&place)));
            };
            // A link that an instruction made leads to a program of the same family, or it is another one by this name.
            let target = String::from_utf8_lossy(&link).into_owned();
            if self.tree.foreign().contains(&place) && family(base_name(&target)) != family(name) {
                return Some(format!("/{}", self.shown_path(&place)));
            }
            let folder = ImagePath::new(crate::base::parent(place.as_bytes()));
            here = if link.starts_with(b"/") { ImagePath::new(&link) } else { folder.join(&link) };
        }
        Some(program.to_owned())
    }

    fn shown_path(&self, path: &ImagePath) -> String {
        String::from_utf8_lossy(path.as_bytes()).into_owned()
    }

    /// Whether a wheel brought the program, and it is none of the installers.
    fn is_of_an_index(&self, path: &ImagePath, name: &str) -> bool {
        let is_python = family(name).starts_with("python") || INSTALLERS.contains(&name) || family(name) == "pip";
        !is_python && self.tree.is_new_since_base(path.as_bytes())
    }
}

/// `python` of `python3.11`, `pip` of `pip3`.
pub(super) fn family(name: &str) -> &str {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    if matches!(stem, "python" | "pip" | "pypy") { stem } else { name }
}
