//! What changes the meaning of a known command without standing in the command: settings files, variables, libraries and modules that
//! programs load.
//!
//! One rule holds for all of it. What came with the base image, a package or an installer is what its name says. What an
//! instruction brought to a place from where a program, its libraries or its settings are loaded is read where it is
//! known and understood; and it is a gap of every command that loads it where it is not. So is what a command that is not known
//! may have put there ([`super::tree::Tree::is_tainted`]).

mod apt;
mod loader;
mod others;
mod pip;
mod python;
mod uv;

pub(super) use others::is_plain_of_git;

use super::run::base_name;
use super::stage::{Stage, World};
use super::words::Field;
use crate::base::{ImagePath, is_within};
use crate::image::GapReason;
use crate::layer::EntryKind;

/// What a settings file is, as a program finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// There is none, or it came with the base.
    Own,
    /// An instruction brought it, with this text.
    Text(String),
    /// What it has is not known.
    Unknown,
}

impl Stage {
    /// What may change what a program does, and is not followed.
    pub(super) fn changed_by(&self, world: &World<'_>, program: &str, fields: &[Field]) -> Option<GapReason> {
        let name = base_name(program);
        if let Some(why) = self.loads_unknown(world, program) {
            return Some(why);
        }
        let family = super::programs::family(name);
        let is_tool =
            matches!(name, "poetry" | "pdm" | "pipenv" | "virtualenv" | "pip-compile" | "pip-sync" | "pipx" | "hatch");
        if matches!(family, "python" | "pip" | "pypy") || is_tool {
            let why = self.python_changed_by(world, program, is_tool);
            if why.is_some() {
                return why;
            }
        }
        match name {
            "sh" | "bash" | "dash" | "ash" => self.shell_changed_by(),
            "apt-get" | "apt" | "aptitude" | "dpkg" => self.apt_changed_by(world, fields),
            "apk" => self.file_changes(world, &[b"etc/apk/repositories", b"etc/apk/world"]),
            "uv" | "uvx" => self.uv_changed_by(world),
            "pipenv" => self.pipenv_changed_by(world, program),
            "poetry" => self.poetry_changed_by(world),
            _ => self.other_changed_by(world, name, fields),
        }
    }

    /// A variable's value, where it is set to something; the error where it may be set to anything.
    fn setting(&self, name: &str) -> Result<Option<&str>, GapReason> {
        // What a base that nobody has read sets is told with it.
        if self.shell.unknown.contains(name) || self.is_whole() && self.scope.unknown.contains(name) {
            return Err(GapReason::Environment(name.to_owned()));
        }
        Ok(self.variable(name).filter(|value| !value.is_empty()))
    }

    /// The first of these variables that is set, or may be.
    fn any_set(&self, names: &[&str]) -> Option<GapReason> {
        let is_set = |name: &&&str| self.setting(name).map_or(true, |value| value.is_some());
        names.iter().find(is_set).map(|name| GapReason::Environment((*name).to_owned()))
    }

    /// Whether an instruction brought what is at a path, or the folder that it is in under another name.
    pub(super) fn is_brought(&self, path: &[u8]) -> bool {
        let foreign = self.tree.foreign();
        let is_foreign = |path: &[u8]| foreign.contains(path);
        if is_foreign(path) || is_foreign(&self.tree.resolve(path)) {
            return true;
        }
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        ends.map(|end| &path[..end]).any(|folder| {
            is_foreign(folder) && self.tree.get(folder).is_some_and(|entry| entry.kind == EntryKind::Symlink)
        })
    }

    /// Whether what is at a path may be what a command that is not known put there.
    pub(super) fn is_strange(&self, path: &[u8]) -> bool {
        let real = self.tree.resolve(path);
        let is_mounted = |path: &[u8]| self.strange.iter().any(|mount| is_within(path, mount.as_bytes()));
        [path, &real].iter().any(|path| self.tree.is_tainted(path) || is_mounted(path))
    }

    /// Paths below a folder that may be such, mounts among them.
    fn strange_below<'s>(&'s self, folder: &'s [u8]) -> impl Iterator<Item = &'s ImagePath> {
        let mounts = self.strange.iter().filter(move |mount| is_within(mount.as_bytes(), folder));
        self.tree.tainted_below(folder).chain(mounts)
    }

    /// Paths below a folder that an instruction brought, or that may be what a command that is not known put there.
    fn changed_below<'s>(&'s self, folder: &'s [u8]) -> impl Iterator<Item = &'s ImagePath> {
        self.brought_below(folder).chain(self.strange_below(folder))
    }

    /// A settings file.
    fn settings_file(&self, world: &World<'_>, path: &[u8]) -> Found {
        if self.is_strange(path) {
            return Found::Unknown;
        }
        let real = self.tree.resolve(path);
        if !self.tree.exists(&real) || self.tree.is_directory(&real) {
            // A link to nothing may lead to what a builder or a command puts there.
            return if super::words::is_special(&real) && self.is_brought(path) { Found::Unknown } else { Found::Own };
        }
        if !self.is_brought(path) {
            return Found::Own;
        }
        self.own_text(world, &real).map_or(Found::Unknown, Found::Text)
    }

    /// The text of a file, as far as no command is told to have put something else there.
    fn own_text(&self, world: &World<'_>, path: &[u8]) -> Option<String> {
        let told = self.doubts.borrow().len();
        let text = self.bytes(world, &ImagePath::new(path));
        // That everything may have been changed is told already.
        self.doubts.borrow_mut().truncate(told);
        String::from_utf8(text.filter(|_| !self.is_strange(path))?).ok()
    }

    /// The settings files in a folder.
    fn settings_in(&self, folder: &[u8]) -> Result<Vec<Vec<u8>>, GapReason> {
        let real = self.tree.resolve(folder);
        if self.is_strange(folder) {
            return Err(GapReason::Settings(shown(folder)));
        }
        let mut out: Vec<Vec<u8>> =
            self.tree.names(&real).into_iter().map(|name| [folder, b"/", &name].concat()).collect();
        out.extend(self.strange_below(folder).map(|path| path.as_bytes().to_vec()));
        out.retain(|path| !self.tree.is_directory(&self.tree.resolve(path)) || self.is_strange(path));
        Ok(out)
    }

    /// The first of these files that an instruction brought.
    fn file_changes(&self, world: &World<'_>, paths: &[&[u8]]) -> Option<GapReason> {
        let is_changed = |path: &&&[u8]| self.settings_file(world, path) != Found::Own;
        paths.iter().find(is_changed).map(|path| GapReason::Settings(shown(path)))
    }

    /// What is below a folder and an instruction brought.
    fn brought_below<'s>(&'s self, folder: &'s [u8]) -> impl Iterator<Item = &'s ImagePath> {
        let from = self.tree.foreign().range(ImagePath::new(folder)..);
        from.take_while(move |path| path.as_bytes().starts_with(folder))
            .filter(move |path| is_within(path.as_bytes(), folder))
    }

    /// The homes that a program may look into: the variable's, and that of the list of users.
    fn homes(&self, world: &World<'_>) -> Vec<Vec<u8>> {
        let mut out = vec![self.home()];
        if self.is_brought(b"etc/passwd")
            && let Some(text) = self.own_text(world, b"etc/passwd")
        {
            let name = if self.is_root() { "root" } else { self.user.as_str() };
            let rows = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
            let own = rows.filter(|row| row.first() == Some(&name) || row.get(2) == Some(&name));
            out.extend(own.filter_map(|row| Some(ImagePath::from(*row.get(5)?).as_bytes().to_vec())));
        }
        out.dedup();
        out
    }

    /// The folders for the settings of a user: `$XDG_CONFIG_HOME`, or `~/.config`.
    fn user_settings(&self, world: &World<'_>) -> Result<Vec<Vec<u8>>, GapReason> {
        Ok(match self.setting("XDG_CONFIG_HOME")?.map(|folder| self.at(folder)) {
            Some(Some(folder)) => vec![folder.as_bytes().to_vec()],
            Some(None) => return Err(GapReason::Environment("XDG_CONFIG_HOME".into())),
            None => self.homes(world).into_iter().map(|home| [&home[..], b"/.config"].concat()).collect(),
        })
    }

    /// The folders for the settings of all users: `$XDG_CONFIG_DIRS`, or `/etc/xdg`.
    fn shared_settings(&self) -> Result<Vec<Vec<u8>>, GapReason> {
        let folders = self.setting("XDG_CONFIG_DIRS")?.unwrap_or("/etc/xdg").split(':');
        let found = folders.filter(|folder| !folder.is_empty()).map(|folder| self.at(folder));
        let found: Option<Vec<ImagePath>> = found.collect();
        let found = found.ok_or_else(|| GapReason::Environment("XDG_CONFIG_DIRS".into()))?;
        Ok(found.into_iter().map(|folder| folder.as_bytes().to_vec()).collect())
    }
}

/// A path as it is shown.
fn shown(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(path))
}
