//! What apt and dpkg are told by files, variables and options, and what they run. Source: apt.conf(5), apt-get(8), dpkg(1),
//! invoke-rc.d(8); the Debian policy on maintainer scripts.

use super::super::stage::{Stage, World};
use super::super::tree::PROGRAMS;
use super::super::words::Field;
use super::{Found, shown};
use crate::base::{file_name, parent};
use crate::command::{Command, Means, Tool};
use crate::image::GapReason;
use crate::ospackages::apt_conf_items;

/// Names, and beginnings of names, that say how apt talks, asks, waits and downloads, or that are followed
/// ([`crate::ospackages::read_apt_conf`]).
const KNOWN: [&str; 36] = [
    "acquire::",
    "apt::acquire::",
    "apt::color",
    "apt::get::allow",
    "apt::get::assume-",
    "apt::get::fix-missing",
    "apt::get::force-yes",
    "apt::get::hide",
    "apt::get::quiet",
    "apt::get::show-",
    "apt::get::trivial-only",
    "apt::get::automaticremove::kernels",
    "apt::get::upgrade-allow-new",
    "apt::get::list-cleanup",
    "apt::get::update::sourcelistwarnings",
    "apt::install-recommends",
    "apt::keep-downloaded-packages",
    "apt::neverautoremove",
    "apt::versionedkernelpackages",
    "apt::never-markauto-sections",
    "apt::move-autobit-sections",
    "apt::periodic::",
    "apt::sandbox::user",
    "apt::sandbox::seccomp",
    "apt::status-fd",
    "apt::cache-limit",
    "apt::cache-start",
    "apt::cache-grow",
    "apt::quiet",
    "apt::default-solver",
    "binary::apt::apt::keep-downloaded-packages",
    "binary::apt::apt::color",
    "dpkg::use-pty",
    "dpkg::progress",
    "dpkg::lock::timeout",
    "unattended-upgrade::",
];
/// Of those that are known by their beginning, what runs a program or leads elsewhere.
const NEVER: [&str; 6] = ["proxy-auto-detect", "proxyautodetect", "::invoke", "indextargets", "pkg-acquire", "jobs"];
/// Programs that maintainer scripts look for and the base need not have.
const ASKED: [&str; 12] = [
    "policy-rc.d",
    "systemctl",
    "initctl",
    "runlevel",
    "invoke-rc.d",
    "service",
    "ucf",
    "py3compile",
    "py3clean",
    "python3",
    "perl",
    "insserv",
];
/// Beginnings of such names.
const ASKED_STARTS: [&str; 9] = ["dpkg", "deb-", "update-", "apt-", "systemd-", "fc-", "glib-", "gtk-", "install-"];

impl Stage {
    /// What apt is told, or runs, that is not followed.
    pub(super) fn apt_changed_by(&self, world: &World<'_>, fields: &[Field]) -> Option<GapReason> {
        let variables = [
            "PERL5OPT",
            "PERL5LIB",
            "PERLLIB",
            "DPKG_ROOT",
            "DPKG_ADMINDIR",
            "DPKG_FORCE",
            "DEBCONF_SYSTEMRC",
            "DEBCONFRC",
        ];
        self.any_set(&variables)
            .or_else(|| self.apt_options(world, fields).err())
            .or_else(|| self.apt_files(world).err())
            .or_else(|| self.apt_sources(world, fields).err())
            .or_else(|| self.apt_runs(world))
    }

    /// `-o Name=value`, `-c FILE`. What is not known of a word is told where it is a value.
    fn apt_options(&self, world: &World<'_>, fields: &[Field]) -> Result<(), GapReason> {
        let words: Vec<&str> = fields.iter().skip(1).map(|field| field.value.as_deref().unwrap_or_default()).collect();
        for given in &Command::parse(Tool::Apt, &words).options {
            let value = given.value.as_deref().unwrap_or_default();
            let open = || GapReason::Option(given.name.clone());
            match given.means {
                Means::Setting => {
                    // What apt does with a blank there is its own.
                    let (name, value) = value.split_once('=').ok_or_else(open)?;
                    if !is_known(name, value) {
                        return Err(GapReason::Option(name.to_owned()));
                    }
                }
                Means::SettingsFile => {
                    let path = self.at(value).filter(|_| !value.is_empty()).ok_or_else(open)?;
                    self.conf_file(world, path.as_bytes())?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn conf_file(&self, world: &World<'_>, path: &[u8]) -> Result<(), GapReason> {
        let place = || GapReason::Settings(shown(path));
        match self.settings_file(world, path) {
            Found::Own => Ok(()),
            Found::Unknown => Err(place()),
            Found::Text(text) => {
                let items = apt_conf_items(&text).ok_or_else(place)?;
                if items.iter().all(|(name, value)| is_known(name, value)) { Ok(()) } else { Err(place()) }
            }
        }
    }

    /// The files of apt's and dpkg's settings, and those that say where packages come from.
    fn apt_files(&self, world: &World<'_>) -> Result<(), GapReason> {
        if let Some(file) = self.setting("APT_CONFIG")? {
            let path = self.at(file).ok_or_else(|| GapReason::Environment("APT_CONFIG".into()))?;
            self.conf_file(world, path.as_bytes())?;
        }
        for file in self.settings_in(b"etc/apt/apt.conf.d")?.into_iter().chain([b"etc/apt/apt.conf".to_vec()]) {
            self.conf_file(world, &file)?;
        }
        for file in self.settings_in(b"etc/dpkg/dpkg.cfg.d")?.into_iter().chain([b"etc/dpkg/dpkg.cfg".to_vec()]) {
            self.dpkg_file(world, &file)?;
        }
        for home in self.homes(world) {
            self.dpkg_file(world, &[&home[..], b"/.dpkg.cfg"].concat())?;
        }
        let database: [&[u8]; 1] = [b"var/lib/dpkg"];
        let brought = database.iter().find_map(|folder| {
            let found = self.changed_below(folder);
            found
                .into_iter()
                .next()
                .map(|path| shown(path.as_bytes()))
                .or_else(|| self.is_strange(folder).then(|| shown(folder)))
        });
        brought.map_or(Ok(()), |path| Err(GapReason::Settings(path)))
    }

    /// The files that say where packages come from: where they are known they are read with them, and pins are told there.
    fn apt_sources(&self, world: &World<'_>, fields: &[Field]) -> Result<(), GapReason> {
        let words = fields.iter().skip(1).filter_map(|field| field.value.as_deref());
        let quiet = ["clean", "autoclean", "remove", "purge", "autoremove", "check", "list"];
        let brings =
            ["install", "reinstall", "update", "upgrade", "dist-upgrade", "full-upgrade", "build-dep", "source"];
        let words: Vec<&str> = words.collect();
        if words.iter().any(|word| quiet.contains(word)) && !words.iter().any(|word| brings.contains(word)) {
            return Ok(());
        }
        let lists = self.settings_in(b"etc/apt/sources.list.d")?.into_iter().chain([b"etc/apt/sources.list".to_vec()]);
        let pins = self.settings_in(b"etc/apt/preferences.d")?.into_iter().chain([b"etc/apt/preferences".to_vec()]);
        for file in lists.chain(pins) {
            if self.settings_file(world, &file) == Found::Unknown {
                return Err(GapReason::Settings(shown(&file)));
            }
        }
        Ok(())
    }

    fn dpkg_file(&self, world: &World<'_>, path: &[u8]) -> Result<(), GapReason> {
        const PLAIN: [&str; 4] = ["path-exclude", "path-include", "no-debsig", "no-pager"];
        let place = || GapReason::Settings(shown(path));
        match self.settings_file(world, path) {
            Found::Own => Ok(()),
            Found::Unknown => Err(place()),
            Found::Text(text) => {
                let is_plain = |line: &str| {
                    let line = line.trim().trim_start_matches('-');
                    let name = line.split([' ', '\t', '=']).next().unwrap_or_default();
                    line.is_empty() || line.starts_with('#') || PLAIN.contains(&name) || is_plain_force(line)
                };
                if text.lines().all(is_plain) { Ok(()) } else { Err(place()) }
            }
        }
    }

    /// Programs and libraries of Python's that maintainer scripts run, and an instruction brought.
    fn apt_runs(&self, world: &World<'_>) -> Option<GapReason> {
        if let Some(why) = self.library_changed(world, b"usr", false) {
            return Some(why);
        }
        for folder in PROGRAMS {
            if self.tree.is_directory(folder) && self.is_strange(folder) {
                return Some(GapReason::ForeignProgram(shown(folder)));
            }
            let strange = self.strange_below(folder).map(|path| (path, true));
            let brought = self.brought_below(folder).map(|path| (path, false));
            let found = strange.chain(brought).find(|(path, strange)| {
                let name = file_name(path.as_bytes());
                let text = String::from_utf8_lossy(name);
                let is_asked = ASKED.contains(&&*text) || ASKED_STARTS.iter().any(|start| text.starts_with(start));
                parent(path.as_bytes()) == folder
                    && (is_asked || self.tree.has_program(name))
                    && (*strange || self.foreign_program(&shown(path.as_bytes())).is_some())
                    && !self.only_ends(world, path.as_bytes())
            });
            if let Some((path, _)) = found {
                return Some(GapReason::ForeignProgram(shown(path.as_bytes())));
            }
        }
        None
    }

    /// Whether a script does nothing but to end: `exit 101`, as `policy-rc.d` is written everywhere.
    fn only_ends(&self, world: &World<'_>, path: &[u8]) -> bool {
        let Some(text) = self.own_text(world, path) else { return false };
        let first = text.lines().next().unwrap_or_default();
        let is_end = |line: &str| {
            let line = line.trim();
            let code = line.strip_prefix("exit").map(str::trim);
            line.is_empty()
                || line.starts_with('#')
                || code.is_some_and(|code| code.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let is_script = !first.starts_with("#!")
            || matches!(first.trim_start_matches("#!").trim(), "/bin/sh" | "/bin/bash" | "/bin/dash");
        is_script && text.lines().skip(usize::from(first.starts_with("#!"))).all(is_end)
    }
}

/// Whether a setting of apt's is known to change nothing that is not followed.
fn is_known(name: &str, value: &str) -> bool {
    let name = name.trim_end_matches("::").to_ascii_lowercase();
    let is_off = matches!(value.to_ascii_lowercase().as_str(), "0" | "false" | "no" | "off" | "");
    let open_ended = [":", "-", "allow", "hide", "progress"];
    let fits = |known: &str| match open_ended.iter().any(|end| known.ends_with(end)) {
        true => name.starts_with(known),
        false => name.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")),
    };
    match name.as_str() {
        _ if value.contains(['\n', '\r']) || name.contains(char::is_whitespace) => false,
        "dpkg::options" => is_plain_force(value.trim_start_matches('-')),
        "apt::install-suggests" | "apt::get::install-suggests" => is_off,
        // Lists that are emptied, or that no file is kept of.
        "dir::cache::pkgcache" | "dir::cache::srcpkgcache" => is_off,
        _ => KNOWN.iter().any(|known| fits(known)) && !NEVER.iter().any(|part| name.contains(part)),
    }
}

/// `force-confold` and its like: which of two settings files stays, and what is no error.
fn is_plain_force(text: &str) -> bool {
    const FORCES: [&str; 10] = [
        "confdef",
        "confold",
        "confnew",
        "confmiss",
        "confask",
        "unsafe-io",
        "overwrite",
        "overwrite-dir",
        "depends",
        "all",
    ];
    let text = text.trim().trim_start_matches('-');
    text.strip_prefix("force-").is_some_and(|forces| forces.split(',').all(|force| FORCES.contains(&force.trim())))
}

#[cfg(test)]
mod tests {
    use super::is_known;

    #[test]
    fn what_apt_is_told_is_known_or_not() {
        for (name, value) in [
            ("APT::Install-Recommends", "0"),
            ("APT::Install-Suggests", "false"),
            ("Acquire::Retries", "5"),
            ("Acquire::http::Proxy", "http://example.org:3142"),
            ("APT::Get::Assume-Yes", "true"),
            ("DPkg::Options::", "--force-confold"),
            ("Dpkg::Use-Pty", "0"),
            ("Binary::apt::APT::Keep-Downloaded-Packages", "true"),
            ("APT::Sandbox::User", "root"),
        ] {
            assert!(is_known(name, value), "{name}");
        }
        for (name, value) in [
            ("APT::Install-Suggests", "true"),
            ("APT::Update::Pre-Invoke::", "make"),
            ("DPkg::Post-Invoke", "make"),
            ("DPkg::Pre-Install-Pkgs::", "make"),
            ("Dpkg::Options::", "--post-invoke=make"),
            ("Dpkg::Options::", "--root=/x"),
            ("Dir::Bin::dpkg", "/x"),
            ("Acquire::http::Proxy-Auto-Detect", "/x"),
            ("Acquire::https::ProxyAutoDetect", "/x"),
            ("APT::Default-Release", "sid"),
            ("APT::Architectures", "arm64"),
            ("Nobody::Knows", "x"),
        ] {
            assert!(!is_known(name, value), "{name}");
        }
    }
}
