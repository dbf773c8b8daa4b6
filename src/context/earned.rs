//! Whether a command surely succeeds. Success is earned: by a program that is there, options that are all known, and paths on which it cannot
//! fail. What has not earned it may fail, and what depends on it may run or not.
//!
//! Source: POSIX.1-2017; the manual pages of GNU coreutils.

use super::arguments::Arguments;
use super::stage::Stage;
use super::words::{Field, is_special};
use crate::base::{ImagePath, file_name, is_within, parent};
use crate::layer::{Entry, EntryKind};

/// How far a command is understood, before it is carried out; the worse ones behind the better ones.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grasp {
    /// It does what it says, and succeeds, or surely fails.
    Sure,
    /// What it says is so behind it; its exit code is not known.
    Does,
    /// It does what it says, or fails.
    Open,
    /// It may do something else: an option or a word that is not followed.
    Other(String),
}

/// Programs whose words are patterns of paths, as the shell hands them on.
const WITH_PATTERNS: [&str; 9] = ["rm", "rmdir", "unlink", "chown", "chgrp", "chmod", "cp", "mv", "install"];
/// Files that a builder mounts while commands run.
const MOUNTED: [&str; 3] = ["etc/hosts", "etc/resolv.conf", "etc/hostname"];

impl Stage {
    /// Whether there is a program by this name, for sure, that can be run.
    pub(super) fn surely_starts(&self, program: &str) -> bool {
        let Some(path) = self.program(program) else { return false };
        let real = self.tree.resolve(&path);
        let runs = |entry: &Entry| {
            matches!(entry.kind, EntryKind::File | EntryKind::Hardlink)
                && (entry.mode & 0o111 != 0 || entry.link.is_some())
        };
        !self.tree.is_doubtful(&real) && !self.tree.is_doubtful(&path) && self.tree.get(&real).is_some_and(runs)
    }

    /// Whether a program is where programs usually are, and `PATH` does not lead there.
    pub(super) fn is_hidden(&self, program: &str) -> bool {
        let is_in = |folder: &str| self.tree.exists(&self.tree.resolve(format!("{folder}/{program}").as_bytes()));
        !program.contains('/') && self.program(program).is_none() && crate::image::DEFAULT_PATH.split(':').any(is_in)
    }

    /// How far a command is understood.
    pub(super) fn grasp(&self, fields: &[Field], name: &str, words: &[String]) -> Grasp {
        let arguments = &words[1..];
        if WITH_PATTERNS.contains(&name) {
            let is_text = |field: &&Field| {
                !field.pattern && field.value.as_deref().is_some_and(|word| word.contains(['*', '?', '[']))
            };
            if let Some(field) = fields[1..].iter().find(is_text) {
                return Grasp::Other(field.written.to_string());
            }
        }
        // Where they go to, or what they take as well, is named by a pattern.
        if let ("cp" | "mv" | "install", Some(field)) = (name, fields.last().filter(|field| field.pattern)) {
            return Grasp::Other(field.written.to_string());
        }
        let grasp = match name {
            "rm" => self.grasp_remove(name, arguments, "rRfv", &["--recursive", "--force", "--verbose"]),
            "rmdir" => self.grasp_remove(name, arguments, "v", &["--verbose"]),
            "unlink" => self.grasp_remove(name, arguments, "", &[]),
            "mkdir" => self.grasp_directories(arguments),
            "touch" => self.grasp_touch(arguments),
            "ln" => self.grasp_link(arguments),
            "chown" | "chgrp" | "chmod" => self.grasp_change(name, arguments),
            "cp" | "mv" => self.grasp_transfer(name, arguments),
            "apt-get" | "apt" => match arguments {
                [verb] if verb == "clean" => Grasp::Sure,
                _ => Grasp::Open,
            },
            _ => Grasp::Open,
        };
        match grasp {
            Grasp::Other(word) => Grasp::Other(word),
            _ if !self.is_root() || !self.surely_starts(&words[0]) => Grasp::Open,
            grasp => grasp,
        }
    }

    /// Whether what is done at a path is done on a file system of the image's, by a name that it takes.
    fn is_plain(&self, path: &ImagePath) -> bool {
        let bytes = path.as_bytes();
        let is_mounted = self.mounted.iter().any(|mount| is_within(bytes, mount.as_bytes()));
        let is_fixed = MOUNTED.iter().any(|file| bytes == file.as_bytes());
        !is_special(bytes)
            && !is_mounted
            && !is_fixed
            && bytes.len() < 4000
            && bytes.split(|b| *b == b'/').all(|part| part.len() <= 255)
    }

    /// Whether a path can be removed: it is no mount, and has none in it.
    fn is_removable(&self, path: &ImagePath) -> bool {
        let holds = |mount: &[u8]| is_within(mount, path.as_bytes());
        let mounts = self.mounted.iter().any(|mount| holds(mount.as_bytes()));
        self.is_plain(path) && !path.is_root() && !mounts && !MOUNTED.iter().any(|file| holds(file.as_bytes()))
    }

    /// Whether a folder is there for sure.
    pub(super) fn is_folder(&self, path: &[u8]) -> bool {
        let working = self.config.working_dir.trim_matches('/').as_bytes();
        self.tree.is_directory(path) || is_within(working, path)
    }

    /// Whether a file can be written at a path, links followed.
    pub(super) fn can_write(&self, path: &ImagePath) -> bool {
        let real = ImagePath::new(&self.tree.resolve(path.as_bytes()));
        let is_writable = match self.tree.get(real.as_bytes()) {
            Some(entry) => matches!(entry.kind, EntryKind::File | EntryKind::Hardlink),
            None => !self.is_folder(real.as_bytes()) && self.is_folder(parent(real.as_bytes())),
        };
        let is_doubtful = self.tree.is_doubtful(real.as_bytes()) || self.tree.is_doubtful(path.as_bytes());
        self.is_root() && self.is_plain(&real) && is_writable && !is_doubtful
    }

    /// Whether a path is a folder, and no link to one.
    fn is_own_folder(&self, path: &ImagePath) -> bool {
        let real = self.place_of(path.as_bytes());
        self.tree.is_directory(real.as_bytes())
    }

    /// Whether a file can be read.
    pub(super) fn can_read(&self, path: &ImagePath) -> bool {
        let real = self.tree.resolve(path.as_bytes());
        let is_file = |entry: &Entry| {
            matches!(entry.kind, EntryKind::File | EntryKind::Hardlink) && (self.is_root() || entry.mode & 0o004 != 0)
        };
        let is_doubtful = self.tree.is_doubtful(&real) || self.tree.is_doubtful(path.as_bytes());
        !is_special(&real) && !is_doubtful && self.tree.get(&real).is_some_and(is_file)
    }

    fn grasp_remove(&self, name: &str, arguments: &[String], letters: &str, long: &[&str]) -> Grasp {
        let read = match Arguments::strict(arguments, (letters, ""), (long, &[])) {
            Ok(read) => read,
            Err(option) => return Grasp::Other(option),
        };
        let forces = read.has(&["-f", "--force"]);
        let deep = read.has(&["-r", "-R", "--recursive"]);
        let operands = match name {
            "unlink" => read.words.len() == 1,
            _ => forces || !read.words.is_empty(),
        };
        let mut worst = if operands { Grasp::Sure } else { Grasp::Open };
        for word in &read.words {
            // A slash at the end asks for a folder, and no link to one.
            if word.ends_with('/') && !self.at(word).is_some_and(|path| self.is_own_folder(&path)) {
                return Grasp::Open;
            }
            // Neither is ever removed.
            if matches!(word.trim_end_matches('/').rsplit('/').next(), Some("" | "." | "..")) {
                return Grasp::Open;
            }
            let Some(path) = self.at(word) else { return Grasp::Open };
            let real = self.place_of(path.as_bytes());
            if word.contains(['*', '?', '[']) {
                let found = self.tree.glob(path.as_bytes());
                if word.starts_with(['*', '?', '[']) && found.iter().any(|path| file_name(path).starts_with(b"-")) {
                    return Grasp::Other(word.clone());
                }
            }
            worst = worst.max(self.grasp_removal(name, word, &real, (forces, deep)));
        }
        worst
    }

    fn grasp_removal(&self, name: &str, word: &str, path: &ImagePath, (forces, deep): (bool, bool)) -> Grasp {
        let missing = || if forces { Grasp::Sure } else { Grasp::Does };
        if let Some(sign) = word.find(['*', '?', '[']) {
            let folder = self.at(word[..sign].rsplit_once('/').map_or(".", |(folder, _)| folder));
            let found = self.tree.glob(path.as_bytes());
            let is_open = folder.is_none_or(|folder| {
                let real = ImagePath::new(&self.tree.resolve(folder.as_bytes()));
                let has_mount = !real.is_root() && !self.is_removable(&real)
                    || real.is_root() && self.mounted.iter().any(|mount| !mount.is_root());
                has_mount || !deep && self.tree.is_doubtful(real.as_bytes())
            });
            return match () {
                () if is_open || name != "rm" => Grasp::Open,
                () if !deep && found.iter().any(|path| self.tree.is_directory(path)) => Grasp::Open,
                () if found.is_empty() => missing(),
                () => Grasp::Sure,
            };
        }
        let is_doubtful = self.tree.is_doubtful(path.as_bytes());
        let is_folder = self.tree.is_directory(path.as_bytes());
        match self.tree.get(path.as_bytes()).map(|entry| entry.kind) {
            _ if !self.is_removable(path) => Grasp::Open,
            _ if name == "rmdir" => match is_doubtful || !self.tree.exists(path.as_bytes()) {
                true => Grasp::Open,
                false => Grasp::Sure,
            },
            // It fails.
            _ if is_folder && !deep => {
                if is_doubtful {
                    Grasp::Open
                } else {
                    Grasp::Sure
                }
            }
            _ if is_folder => Grasp::Sure,
            Some(_) if is_doubtful && !(forces && deep) => Grasp::Does,
            Some(_) => Grasp::Sure,
            None if deep => missing(),
            None if !is_doubtful && self.is_whole() && self.system.is_none() => missing(),
            None => Grasp::Open,
        }
    }

    fn grasp_directories(&self, arguments: &[String]) -> Grasp {
        let read = match Arguments::strict(arguments, ("pv", "m"), (&["--parents", "--verbose"], &["--mode"])) {
            Ok(read) => read,
            Err(option) => return Grasp::Other(option),
        };
        let parents = read.has(&["-p", "--parents"]);
        let is_mode = |mode: &str| u32::from_str_radix(mode, 8).is_ok_and(|mode| mode <= 0o7777);
        let can_make = |word: &String| {
            let Some(path) = self.at(word) else { return false };
            let real = ImagePath::new(&self.tree.resolve(path.as_bytes()));
            if !self.is_plain(&real) || self.tree.is_doubtful(real.as_bytes()) {
                return false;
            }
            // One that is there is there, or makes it fail.
            if self.tree.exists(real.as_bytes()) {
                return true;
            }
            let is_link = self.tree.get(self.place_of(path.as_bytes()).as_bytes()).is_some();
            let mut above = parent(real.as_bytes());
            while parents && !above.is_empty() && !self.tree.exists(above) && !self.is_folder(above) {
                above = parent(above);
            }
            !is_link && self.is_folder(above)
        };
        match !read.words.is_empty() && read.values(&["-m", "--mode"]).all(is_mode) && read.words.iter().all(can_make) {
            true => Grasp::Sure,
            false => Grasp::Open,
        }
    }

    fn grasp_touch(&self, arguments: &[String]) -> Grasp {
        let read = match Arguments::strict(arguments, ("am", "drt"), (&[], &["--date", "--reference", "--time"])) {
            Ok(read) => read,
            Err(option) => return Grasp::Other(option),
        };
        let can_touch = |word: &String| {
            self.at(word).is_some_and(|path| self.can_write(&path) || self.tree.is_directory(path.as_bytes()))
        };
        match !read.words.is_empty() && read.options.is_empty() && read.words.iter().all(can_touch) {
            true => Grasp::Sure,
            false => Grasp::Open,
        }
    }

    fn grasp_link(&self, arguments: &[String]) -> Grasp {
        let long = ["--symbolic", "--force", "--verbose", "--no-dereference"];
        let Ok(read) = Arguments::strict(arguments, ("sfvn", ""), (&long, &[])) else { return Grasp::Open };
        let [written, place] = read.words.as_slice() else { return Grasp::Open };
        let (Some(target), Some(path)) = (self.at(written), self.at(place)) else { return Grasp::Open };
        let path = self.link_place(&path, written, !read.has(&["-n", "--no-dereference"]));
        let is_doubtful = self.tree.is_doubtful(path.as_bytes());
        let takes = match self.tree.exists(path.as_bytes()) {
            // Without `-f` it fails.
            true => {
                !read.has(&["-f", "--force"]) || !self.tree.is_directory(path.as_bytes()) && self.is_removable(&path)
            }
            false => self.is_folder(parent(path.as_bytes())),
        };
        let links = read.has(&["-s", "--symbolic"]) || self.can_read(&target) && self.is_plain(&target);
        match takes && links && !is_doubtful && self.is_plain(&path) {
            true => Grasp::Sure,
            false => Grasp::Open,
        }
    }

    fn grasp_change(&self, name: &str, arguments: &[String]) -> Grasp {
        let long = ["--recursive", "--verbose", "--silent", "--quiet", "--changes", "--no-dereference"];
        let letters = if name == "chmod" { "Rvfc" } else { "Rvfch" };
        let is_mode = |word: &String| word.starts_with("-x") || word.starts_with("-w") || word.starts_with("-r");
        let read = match Arguments::strict(arguments, (letters, ""), (&long, &[])) {
            Ok(read) => read,
            Err(_) if arguments.iter().any(is_mode) => return Grasp::Open,
            Err(option) => return Grasp::Other(option),
        };
        let Some((who, paths)) = read.words.split_first().filter(|(_, paths)| !paths.is_empty()) else {
            return Grasp::Open;
        };
        let is_known = |database: &str, who: &str| {
            who.is_empty() || who == "root" || who.parse::<u32>().is_ok() || {
                let text = self.tree.content(database.as_bytes()).map(String::from_utf8_lossy).unwrap_or_default();
                text.lines().any(|line| line.split(':').next() == Some(who))
            }
        };
        let known = match (name, who.split_once(':')) {
            ("chmod", _) => u32::from_str_radix(who, 8).is_ok_and(|mode| mode <= 0o7777) || is_symbolic_mode(who),
            ("chgrp", _) => is_known("etc/group", who),
            (_, Some((user, group))) => is_known("etc/passwd", user) && is_known("etc/group", group),
            (_, None) => is_known("etc/passwd", who),
        };
        let is_there = |word: &String| {
            let found = self.named(word);
            let is_good = |path: &Vec<u8>| {
                let place = ImagePath::new(path);
                let target = self.tree.resolve(path);
                self.is_plain(&place)
                    && !self.tree.is_doubtful(path)
                    && self.tree.exists(&target)
                    && !is_special(&target)
            };
            !found.is_empty() && found.iter().all(is_good)
        };
        if known && paths.iter().all(is_there) { Grasp::Sure } else { Grasp::Open }
    }

    fn grasp_transfer(&self, name: &str, arguments: &[String]) -> Grasp {
        let letters = if name == "cp" { "rRapfvdPT" } else { "fvT" };
        let Ok(read) = Arguments::strict(arguments, (letters, ""), (&["--recursive", "--archive", "--force"], &[]))
        else {
            return Grasp::Open;
        };
        let Some((last, sources)) = read.words.split_last().filter(|(_, sources)| !sources.is_empty()) else {
            return Grasp::Open;
        };
        let Some(target) = self.at(last) else { return Grasp::Open };
        let target = ImagePath::new(&self.tree.resolve(target.as_bytes()));
        let deep = name == "mv" || read.has(&["-r", "-R", "-a", "--recursive", "--archive"]);
        let into = self.is_folder(target.as_bytes()) && !read.has(&["-T"]);
        let is_good = |path: &Vec<u8>| {
            let from = ImagePath::new(path);
            let real = self.tree.resolve(path);
            let to = if into { target.join(file_name(path)) } else { target.clone() };
            let is_folder = self.tree.is_directory(&real);
            let fits = match self.tree.exists(to.as_bytes()) {
                true => {
                    is_folder == self.tree.is_directory(to.as_bytes()) && name == "cp"
                        || !is_folder && !self.tree.is_directory(to.as_bytes())
                }
                false => self.is_folder(parent(to.as_bytes())),
            };
            let apart = !is_within(to.as_bytes(), path) && !is_within(path, to.as_bytes());
            self.tree.exists(&real)
                && !is_special(&real)
                && !self.tree.is_doubtful(path)
                && (name == "cp" || self.is_removable(&from))
                && self.is_plain(&to)
                && !self.tree.is_doubtful(to.as_bytes())
                && (deep || !is_folder)
                && fits
                && apart
        };
        let all_good = sources.iter().all(|word| {
            let found = self.named(word);
            let inner = word.ends_with('.') || found.len() > 1 && !into;
            // What is not there makes it fail.
            !inner && (!found.is_empty() || self.is_missing(word)) && found.iter().all(is_good)
        });
        let ends = !last.ends_with('/') || into;
        if all_good && ends && (into || sources.len() == 1) { Grasp::Sure } else { Grasp::Open }
    }
}

/// Whether a command takes away or replaces what may be there, so that it matters whether it does.
pub(super) fn takes_away(name: &str, words: &[String]) -> bool {
    match super::programs::find(name) {
        Some(program) => (program.takes_away)(&words[1..]),
        None => is_said(&words[1..], &["uninstall", "remove", "purge", "clean", "prune", "sync"]),
    }
}

/// Whether one of these words is there.
pub(super) fn is_said(words: &[String], wanted: &[&str]) -> bool {
    words.iter().any(|word| wanted.contains(&word.as_str()))
}

/// `u+x,g-w`
fn is_symbolic_mode(text: &str) -> bool {
    let part = |part: &str| {
        let rest = part.trim_start_matches(['u', 'g', 'o', 'a']);
        rest.starts_with(['+', '-', '=']) && rest[1..].chars().all(|c| "rwxXst".contains(c))
    };
    text.split(',').all(part)
}
