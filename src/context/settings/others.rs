//! Shells, and programs that fetch, unpack and list: what their variables and settings files add to their command lines. Source:
//! the manuals of bash, dash, git, curl, wget, tar, unzip, grep and xz.

use super::super::stage::{Stage, World};
use super::super::words::Field;
use super::{Found, shown};
use crate::image::GapReason;

/// Variables that change how a shell reads what it gets.
const OF_SHELLS: [&str; 8] =
    ["SHELLOPTS", "BASHOPTS", "GLOBIGNORE", "BASH_XTRACEFD", "BASH_COMPAT", "CDPATH", "IFS", "POSIXLY_CORRECT"];
/// Variables of git's that run something, or lead elsewhere.
const OF_GIT: [&str; 20] = [
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_TEMPLATE_DIR",
    "GIT_EXEC_PATH",
    "GIT_CONFIG",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_PROXY_COMMAND",
    "GIT_ASKPASS",
    "SSH_ASKPASS",
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_EXTERNAL_DIFF",
    "GIT_EDITOR",
    "GIT_PAGER",
    "GIT_ALLOW_PROTOCOL",
];
/// Beginnings of git's settings that run nothing and lead nowhere else.
const PLAIN_OF_GIT: [&str; 22] = [
    "safe.",
    "user.",
    "url.",
    "http.",
    "https.",
    "advice.",
    "init.defaultbranch",
    "core.autocrlf",
    "core.compression",
    "core.filemode",
    "core.longpaths",
    "core.symlinks",
    "core.quotepath",
    "pack.",
    "pull.",
    "push.",
    "protocol.version",
    "fetch.",
    "color.",
    "gc.",
    "clone.defaultremotename",
    "feature.",
];
/// Further ones that only say how fast.
const SPEED_OF_GIT: [&str; 3] = ["index.threads", "checkout.workers", "submodule.fetchjobs"];

impl Stage {
    /// What a shell reads, or is told, before its script.
    pub(super) fn shell_changed_by(&self) -> Option<GapReason> {
        if let Some(why) = self.any_set(&OF_SHELLS) {
            return Some(why);
        }
        let mut names = self.scope.variables.keys().chain(&self.scope.unknown).chain(&self.shell.unknown);
        if let Some(name) = names.find(|name| name.starts_with("BASH_FUNC_")) {
            return Some(GapReason::Environment(name.clone()));
        }
        match self.setting("PS4") {
            Err(why) => return Some(why),
            Ok(Some(value)) if value.contains(['`', '$']) => return Some(GapReason::Environment("PS4".into())),
            Ok(_) => {}
        }
        ["BASH_ENV", "ENV"].into_iter().find_map(|name| {
            let environment = GapReason::Environment(name.to_owned());
            let value = match self.setting(name) {
                Ok(value) => value?,
                Err(why) => return Some(why),
            };
            let is_brought = |path: &[u8]| self.is_brought(path) || self.is_strange(path);
            let is_open = value.contains(['$', '`']) || self.at(value).is_none_or(|path| is_brought(path.as_bytes()));
            is_open.then_some(environment)
        })
    }

    /// Whether an instruction brought what a login shell reads first.
    pub(in super::super) fn has_foreign_profile(&self, world: &World<'_>) -> bool {
        let own = [".profile", ".bash_profile", ".bash_login", ".bashrc"];
        let homes = self.homes(world);
        let own = homes.iter().flat_map(|home| own.iter().map(|name| [&home[..], b"/", name.as_bytes()].concat()));
        own.chain([b"etc/profile".to_vec(), b"etc/bash.bashrc".to_vec()])
            .any(|path| self.is_brought(&path) || self.is_strange(&path))
            || self.changed_below(b"etc/profile.d").next().is_some()
            || self.is_strange(b"etc/profile.d")
    }

    /// Programs of which a few variables and files change what they do.
    pub(super) fn other_changed_by(&self, world: &World<'_>, name: &str, fields: &[Field]) -> Option<GapReason> {
        let homes = self.homes(world);
        let at_home =
            |name: &str| homes.iter().map(|home| [&home[..], b"/", name.as_bytes()].concat()).collect::<Vec<_>>();
        let files = |paths: Vec<Vec<u8>>| {
            let brought = |path: &Vec<u8>| self.settings_file(world, path) != Found::Own;
            paths.into_iter().find(brought).map(|path| GapReason::Settings(shown(&path)))
        };
        match name {
            "git" => self.git_changed_by(world, fields),
            "curl" => self.any_set(&["CURL_HOME"]).or_else(|| {
                let mut all = at_home(".curlrc");
                match self.user_settings(world) {
                    Ok(folders) => all.extend(folders.into_iter().map(|folder| [&folder[..], b"/curlrc"].concat())),
                    Err(why) => return Some(why),
                }
                files(all)
            }),
            "wget" => self.any_set(&["WGETRC", "SYSTEM_WGETRC"]).or_else(|| {
                let mut all = at_home(".wgetrc");
                all.push(b"etc/wgetrc".to_vec());
                files(all)
            }),
            "tar" => self.any_set(&["TAR_OPTIONS", "TAPE", "POSIXLY_CORRECT"]),
            "unzip" => self.any_set(&["UNZIP", "UNZIPOPT"]),
            "grep" | "egrep" | "fgrep" => self.any_set(&["GREP_OPTIONS", "POSIXLY_CORRECT"]),
            "find" | "rm" | "cp" | "mv" | "ln" | "mkdir" | "chmod" | "chown" | "chgrp" | "touch" | "install"
            | "sort" | "sed" | "tee" | "env" | "xargs" => self.any_set(&["POSIXLY_CORRECT"]),
            "adduser" | "addgroup" => self
                .any_set(&["PERL5OPT", "PERL5LIB", "PERLLIB"])
                .or_else(|| files(vec![b"etc/adduser.conf".to_vec(), b"usr/local/sbin/adduser.local".to_vec()])),
            "useradd" | "usermod" => files(vec![b"etc/default/useradd".to_vec(), b"etc/login.defs".to_vec()]),
            _ => None,
        }
    }

    fn git_changed_by(&self, world: &World<'_>, fields: &[Field]) -> Option<GapReason> {
        if let Some(why) = self.any_set(&OF_GIT) {
            return Some(why);
        }
        let traced = |name: &&String| {
            name.starts_with("GIT_TRACE") && self.variable(name).is_some_and(|value| value.contains('/'))
        };
        if let Some(name) = self.scope.variables.keys().find(traced) {
            return Some(GapReason::Environment(name.clone()));
        }
        // What is set is told when something else reads it.
        if fields.get(1).and_then(|field| field.value.as_deref()) == Some("config") {
            return None;
        }
        let mut paths: Vec<Vec<u8>> = vec![b"etc/gitconfig".to_vec()];
        paths.extend(self.homes(world).into_iter().map(|home| [&home[..], b"/.gitconfig"].concat()));
        match self.user_settings(world) {
            Ok(folders) => paths.extend(folders.into_iter().map(|folder| [&folder[..], b"/git/config"].concat())),
            Err(why) => return Some(why),
        }
        paths.into_iter().find_map(|path| match self.settings_file(world, &path) {
            Found::Own => None,
            Found::Text(text) if plain_git_settings(&text) => None,
            _ => Some(GapReason::Settings(shown(&path))),
        })
    }
}

/// Whether a setting of git's runs nothing and leads nowhere else.
pub(in super::super) fn is_plain_of_git(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    PLAIN_OF_GIT.iter().chain(&SPEED_OF_GIT).any(|start| key.starts_with(start))
        && !key.contains("cookiefile")
        && !key.ends_with("proxycommand")
}

/// Whether all settings of a file of git's are such.
fn plain_git_settings(text: &str) -> bool {
    let mut section = String::new();
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';'])).all(|line| {
        if let Some(rest) = line.strip_prefix('[') {
            let Some(inner) = rest.strip_suffix(']') else { return false };
            section = inner.split_whitespace().next().unwrap_or_default().to_owned();
            return true;
        }
        let Some((key, value)) = line.split_once('=') else { return false };
        !value.ends_with('\\') && is_plain_of_git(&format!("{section}.{}", key.trim()))
    })
}
