//! The commands that move files about: `rm`, `mv`, `cp`, `chown`, … Source: POSIX.1-2017, the manual pages of GNU
//! coreutils and shadow.

use super::arguments::Arguments;
use super::error::Result;
use super::run::Outcome;
use super::stage::{Stage, World};
use super::tree::directory;
use super::words::is_special;
use crate::base::{ImagePath, file_name, is_within, parent};
use crate::image::{Gap, GapReason, Writes};
use crate::layer::{Entry, EntryKind};

/// Bytes of a path (PATH_MAX of Linux).
const MAX_PATH: usize = 4_096;

impl Stage {
    /// A word as a path of the image.
    pub(super) fn at(&self, word: &str) -> Option<ImagePath> {
        let path = self.written_at(word)?;
        if !word.split('/').any(|part| part == "..") {
            return Some(path);
        }
        // `..` is the folder above the one that is there, links followed.
        let mut real = match word.starts_with('/') {
            true => ImagePath::default(),
            false => ImagePath::new(&self.tree.resolve(ImagePath::from(self.scope.directory.as_deref()?).as_bytes())),
        };
        let mut at_start = true;
        for part in word.split('/').filter(|part| !matches!(*part, "" | ".")) {
            at_start &= part == "..";
            if part != ".." {
                real = real.join(part.as_bytes());
                continue;
            }
            let folder = self.tree.resolve(real.as_bytes());
            let is_there = self.is_folder(&folder) && !self.tree.is_doubtful(&folder);
            if !at_start && self.is_whole() && !is_there {
                return None;
            }
            real = ImagePath::new(parent(&folder));
        }
        Some(real)
    }

    /// The path of a word as it is written: `..` takes the name before it away.
    pub(super) fn written_at(&self, word: &str) -> Option<ImagePath> {
        // Engines and kernels take no longer one.
        if word.len() > MAX_PATH {
            return None;
        }
        if word.starts_with('/') {
            return Some(ImagePath::from(word));
        }
        Some(ImagePath::from(self.scope.directory.as_deref()?).join(word.as_bytes()))
    }

    /// The paths that a word names.
    pub(super) fn named(&self, word: &str) -> Vec<Vec<u8>> {
        match self.at(word) {
            Some(path) if word.contains(['*', '?', '[']) => self.tree.glob(path.as_bytes()),
            Some(path) if self.tree.exists(path.as_bytes()) => vec![path.as_bytes().to_vec()],
            // Through a link on the way.
            Some(path) => {
                let folder = ImagePath::new(&self.tree.resolve(parent(path.as_bytes())));
                let real = folder.join(file_name(path.as_bytes()));
                if self.tree.exists(real.as_bytes()) { vec![real.as_bytes().to_vec()] } else { Vec::new() }
            }
            None => Vec::new(),
        }
    }

    /// Whether nothing is at a path, for sure: files of packages are not in the tree, nor those of an unknown base.
    fn is_surely_absent(&self, path: &ImagePath) -> bool {
        let is_working = is_within(self.config.working_dir.trim_matches('/').as_bytes(), path.as_bytes());
        !self.tree.exists(path.as_bytes())
            && self.is_whole()
            && self.system.is_none()
            && !self.tree.is_doubtful(path.as_bytes())
            && !is_working
            && !is_special(path.as_bytes())
    }

    /// Whether what a command names, and no pattern, is not there, for sure.
    pub(super) fn is_missing(&self, word: &str) -> bool {
        !word.contains(['*', '?', '[']) && self.at(word).is_some_and(|path| self.is_surely_absent(&path))
    }

    /// Whether nothing can be made at a path, for sure: there is no folder that would have it.
    pub(super) fn is_nowhere(&self, path: &ImagePath) -> bool {
        let folder = parent(path.as_bytes());
        match self.tree.get(folder) {
            Some(entry) => entry.kind != EntryKind::Directory && !self.tree.is_doubtful(folder),
            None => self.is_surely_absent(&ImagePath::new(folder)),
        }
    }

    /// `sure`: whether a failure of the command would end the build.
    pub(super) fn remove(&mut self, program: &str, arguments: &Arguments, sure: bool) -> Outcome {
        let forces = arguments.has(&["-f", "--force"]);
        let deep = arguments.has(&["-r", "-R", "--recursive"]);
        let mut fails = false;
        for word in &arguments.words {
            let Some(own) = self.at(word) else { return Outcome::Unknown(GapReason::Where(word.clone())) };
            let is_pattern = word.contains(['*', '?', '[']);
            let found = self.named(word);
            fails |= found.is_empty() && !forces && self.is_missing(word);
            let real = self.place_of(own.as_bytes());
            let is_file = self.tree.get(real.as_bytes()).is_some_and(|entry| entry.kind != EntryKind::Directory);
            if !is_pattern && (deep || is_file || sure && !self.tree.is_directory(real.as_bytes())) {
                self.forget_gaps(&real);
            }
            for path in found {
                let entries = self.tree.names(&path).len();
                if self.tree.is_directory(&path) && (program == "rmdir" && entries > 0 || program != "rmdir" && !deep) {
                    fails = true;
                    continue;
                }
                if program == "rmdir" && !self.tree.is_directory(&path) {
                    fails = true;
                    continue;
                }
                self.tree.remove(&path);
            }
        }
        if fails { Outcome::Fails } else { Outcome::Done }
    }

    /// A path with the links on the way to it followed, and not the last one.
    pub(super) fn place_of(&self, path: &[u8]) -> ImagePath {
        if path.is_empty() {
            return ImagePath::new(path);
        }
        ImagePath::new(&self.tree.resolve(parent(path))).join(file_name(path))
    }

    /// What this instruction wrote at a path, and nobody knows, is gone with it.
    pub(super) fn forget_gaps(&mut self, path: &ImagePath) {
        let mut gaps = std::mem::take(&mut self.gaps);
        let mut number = 0;
        let old = self.old_gaps;
        gaps.retain_mut(|gap| {
            number += 1;
            match &mut gap.writes {
                Writes::Within(paths) if number > old && !paths.is_empty() => {
                    paths.retain(|own| !is_within(self.place_of(own.as_bytes()).as_bytes(), path.as_bytes()));
                    !paths.is_empty()
                }
                _ => true,
            }
        });
        self.gaps = gaps;
    }

    /// What is not known of one path is not known of another one either that is linked to it, or a copy of it.
    fn carry_gaps(&mut self, from: &[u8], to: &ImagePath) {
        let from = self.place_of(from);
        let carried = |own: &ImagePath| {
            let own = self.place_of(own.as_bytes());
            let inside =
                own.as_bytes().strip_prefix(from.as_bytes()).filter(|_| is_within(own.as_bytes(), from.as_bytes()));
            match inside {
                Some(rest) => Some(ImagePath::new(&[to.as_bytes(), b"/", rest].concat())),
                None => is_within(from.as_bytes(), own.as_bytes()).then(|| to.clone()),
            }
        };
        let mut new = Vec::new();
        for gap in &self.gaps {
            let Writes::Within(paths) = &gap.writes else { continue };
            let paths: Vec<ImagePath> = paths.iter().filter_map(carried).collect();
            if !paths.is_empty() {
                new.push(Gap { writes: Writes::Within(paths), ..gap.clone() });
            }
        }
        new.into_iter().for_each(|gap| self.take_gap(gap));
    }

    pub(super) fn make_directories(&mut self, arguments: &Arguments) -> Outcome {
        let parents = arguments.has(&["-p", "--parents"]);
        let mut fails = false;
        for word in &arguments.words {
            let Some(path) = self.at(word) else { return Outcome::Unknown(GapReason::Where(word.clone())) };
            let real = ImagePath::new(&self.tree.resolve(path.as_bytes()));
            let is_folder = self.is_folder(real.as_bytes());
            let is_below_file = |path: &[u8]| {
                self.tree.get(path).is_some_and(|entry| entry.kind != EntryKind::Directory)
                    && !self.tree.is_doubtful(path)
            };
            let mut above =
                std::iter::successors(Some(parent(real.as_bytes())), |path| (!path.is_empty()).then(|| parent(path)));
            if !parents && self.is_nowhere(&real) || above.any(is_below_file) {
                fails = true;
                continue;
            }
            fails |= self.tree.exists(real.as_bytes()) && !(parents && is_folder);
            if !real.is_root()
                && (is_folder || !self.tree.exists(real.as_bytes()))
                && !self.tree.is_directory(real.as_bytes())
            {
                self.tree.put(directory(real), None);
            }
        }
        if fails { Outcome::Fails } else { Outcome::Done }
    }

    pub(super) fn touch(&mut self, arguments: &Arguments) -> Outcome {
        let mut fails = false;
        for word in &arguments.words {
            let Some(path) = self.at(word) else { return Outcome::Unknown(GapReason::Where(word.clone())) };
            let real = ImagePath::new(&self.tree.resolve(path.as_bytes()));
            if is_special(real.as_bytes()) {
                continue;
            }
            if self.is_nowhere(&real) {
                fails = true;
                continue;
            }
            match self.tree.exists(real.as_bytes()) {
                // Its time is new, so the layer has it whole.
                true => _ = self.touch_again(&[real.as_bytes()]),
                false => self.write_again(real, Vec::new()),
            }
        }
        if fails { Outcome::Fails } else { Outcome::Done }
    }

    /// Files that are written again, of the same size.
    pub(super) fn touch_again(&mut self, paths: &[&[u8]]) -> Outcome {
        for path in paths {
            let is_file = |entry: &Entry| entry.kind == EntryKind::File;
            if let Some(entry) = self.tree.get(path).cloned().filter(is_file) {
                let content = self.tree.content(path).map(<[u8]>::to_vec);
                let was = self.tree.foreign().contains(&entry.path);
                let path = entry.path.clone();
                self.tree.put(entry, content);
                self.tree.set_foreign(&path, was);
            }
        }
        Outcome::Done
    }

    pub(super) fn move_paths(&mut self, arguments: &[String]) -> Outcome {
        self.transfer(arguments, "fvT", true)
    }

    pub(super) fn copy_paths(&mut self, arguments: &[String]) -> Outcome {
        self.transfer(arguments, "rRapfvLdPT", false)
    }

    /// `install`
    pub(super) fn install_files(&mut self, arguments: &[String]) -> Outcome {
        let read = Arguments::parse(arguments, &["-m", "--mode", "-o", "--owner", "-g", "--group"]);
        if read.has(&["-d", "--directory"]) {
            let words = Arguments { words: read.words.clone(), options: vec![("-p".into(), None)] };
            return self.make_directories(&words);
        }
        let plain = |(name, _): &(String, Option<String>)| {
            ["-m", "--mode", "-o", "--owner", "-g", "--group", "-D", "-v", "-p", "-c", "-Dm"].contains(&name.as_str())
        };
        match read.options.iter().all(plain) && !read.has(&["-Dm"]) {
            true => self.transfer(&read.words, "", false),
            false => Outcome::Unknown(GapReason::Program),
        }
    }

    fn transfer(&mut self, arguments: &[String], letters: &str, moves: bool) -> Outcome {
        let (options, words): (Vec<&String>, Vec<&String>) =
            arguments.iter().partition(|word| word.len() > 1 && word.starts_with('-'));
        let known = |option: &&&String| {
            matches!(
                option.as_str(),
                "--" | "--recursive" | "--archive" | "--force" | "--verbose" | "--no-target-directory"
            ) || option.starts_with("--preserve")
                || !option.starts_with("--") && option[1..].chars().all(|c| letters.contains(c))
        };
        if let Some(option) = options.iter().find(|option| !known(option)) {
            return Outcome::Unknown(GapReason::Option((*option).clone()));
        }
        let has = |wanted: &str, long: &str| {
            options
                .iter()
                .any(|option| *option == long || !option.starts_with("--") && option.contains(|c| wanted.contains(c)))
        };
        let links = has("aPd", "--archive") || has("rR", "--recursive") && !has("L", "--dereference");
        let deep = moves || has("rRa", "--recursive") || has("", "--archive");
        let Some((last, sources)) = words.split_last().filter(|(_, sources)| !sources.is_empty()) else {
            return Outcome::Unknown(GapReason::Where("what it copies".into()));
        };
        let Some(target) = self.at(last) else { return Outcome::Unknown(GapReason::Where("its target".into())) };
        let real = ImagePath::new(&self.tree.resolve(target.as_bytes()));
        if is_special(real.as_bytes()) && real.as_bytes() != b"dev/null" {
            return Outcome::Unknown(GapReason::Where((*last).clone()));
        }
        let alone = has("T", "--no-target-directory");
        let into = !alone && (self.tree.is_directory(real.as_bytes()) || last.ends_with('/') || sources.len() > 1);
        let (mut unknown, mut fails): (Option<String>, bool) = (None, false);
        for source in sources {
            let found = self.named(source);
            if found.is_empty() {
                match self.is_missing(source) {
                    true => fails = true,
                    false => _ = unknown.get_or_insert_with(|| (*source).clone()),
                }
            }
            for path in found {
                let from = if links || moves { path.clone() } else { self.tree.resolve(&path) };
                let is_plain = self.tree.exists(&from) && !is_special(&from) && !is_special(&self.tree.resolve(&from));
                let follows = deep
                    && !links
                    && !moves
                    && self.tree.below(&from).any(|(_, entry)| entry.kind == EntryKind::Symlink);
                if !is_plain || follows || self.tree.is_doubtful(&from) {
                    unknown.get_or_insert_with(|| (*source).clone());
                }
                if !is_plain || !deep && self.tree.is_directory(&from) {
                    continue;
                }
                // `cp -r a/. b`
                let is_inside = source.ends_with("/.");
                let to = if into && !is_inside { real.join(file_name(&path)) } else { real.clone() };
                self.transfer_tree(&from, &to, moves);
            }
        }
        match unknown {
            Some(word) => Outcome::Partly(GapReason::Content(word), Writes::at(real)),
            None if fails => Outcome::Fails,
            None => Outcome::Done,
        }
    }

    fn transfer_tree(&mut self, from: &[u8], to: &ImagePath, moves: bool) {
        let below: Vec<ImagePath> = self.tree.below(from).map(|(path, _)| path.clone()).collect();
        let all = std::iter::once(ImagePath::new(from)).chain(below);
        for path in all.collect::<Vec<_>>() {
            let Some(entry) = self.tree.get(path.as_bytes()).cloned() else { continue };
            let content = self.tree.content(path.as_bytes()).map(<[u8]>::to_vec);
            let inside = path.as_bytes().get(from.len() + 1..).unwrap_or_default();
            let target = if inside.is_empty() { to.clone() } else { to.join(inside) };
            // A copy of what is linked is a file of its own.
            let entry = match (entry.kind, &entry.link) {
                (EntryKind::Hardlink, Some(link)) if !moves => match self.tree.get(link).cloned() {
                    Some(linked) => linked,
                    None => continue,
                },
                _ => entry,
            };
            self.tree.put(Entry { path: target, ..entry }, content);
        }
        self.carry_gaps(from, to);
        if moves {
            self.forget_gaps(&self.place_of(from));
            self.tree.remove(from);
        }
    }

    /// Where a link goes that is made at a path: into a folder that is there, or one that a link leads to.
    pub(super) fn link_place(&self, path: &ImagePath, target: &str, follows: bool) -> ImagePath {
        let place = self.place_of(path.as_bytes());
        let real = if follows { self.tree.resolve(path.as_bytes()) } else { place.as_bytes().to_vec() };
        match self.tree.is_directory(&real) {
            true => ImagePath::new(&real).join(file_name(target.trim_end_matches('/').as_bytes())),
            false => place,
        }
    }

    pub(super) fn link(&mut self, arguments: &[String]) -> Outcome {
        let arguments = Arguments::parse(arguments, &[]);
        let is_symbolic = arguments.has(&["-s", "--symbolic"]);
        let plain = |(name, _): &(String, Option<String>)| {
            matches!(name.as_str(), "--symbolic" | "--force" | "--verbose" | "--no-dereference")
                || !name.starts_with("--") && name[1..].chars().all(|c| "sfvnT".contains(c))
        };
        if let Some((option, _)) = arguments.options.iter().find(|option| !plain(option)) {
            return Outcome::Unknown(GapReason::Option(option.clone()));
        }
        let [target, place] = arguments.words.as_slice() else {
            return Outcome::Unknown(GapReason::Where("what it links".into()));
        };
        let Some(path) = self.at(place) else { return Outcome::Unknown(GapReason::Where("its target".into())) };
        let path = self.link_place(&path, target, !arguments.has(&["-n", "-T", "--no-dereference"]));
        if self.is_nowhere(&path) {
            return Outcome::Fails;
        }
        if self.tree.exists(path.as_bytes()) && !arguments.has(&["-f", "--force"]) {
            return Outcome::Fails;
        }
        let (kind, link) = match (is_symbolic, self.at(target)) {
            (true, _) => (EntryKind::Symlink, target.as_bytes().to_vec()),
            (false, Some(target)) => (EntryKind::Hardlink, target.as_bytes().to_vec()),
            (false, None) => return Outcome::Unknown(GapReason::Where("what it links".into())),
        };
        let linked = ImagePath::new(&link);
        self.tree.put(Entry { kind, link: Some(link.into()), ..Entry::file(path.clone(), 0) }, None);
        if !is_symbolic {
            self.carry_gaps(linked.as_bytes(), &path);
        }
        Outcome::Done
    }

    /// `chown` writes every file of a lower layer again, with all its bytes.
    pub(super) fn change_owner(&mut self, program: &str, arguments: &Arguments) -> Outcome {
        let recursive = arguments.has(&["-R", "--recursive"]);
        let plain = |(name, _): &(String, Option<String>)| {
            matches!(name.as_str(), "--recursive" | "--verbose" | "--silent" | "--quiet" | "--no-dereference")
                || !name.starts_with("--") && name[1..].chars().all(|c| "Rvfhc".contains(c))
        };
        let by_reference = !arguments.options.iter().all(plain);
        let Some((owner, paths)) = arguments.words.split_first().filter(|_| !by_reference) else {
            return Outcome::Unknown(GapReason::Option("--reference".into()));
        };
        let (user, group) = match (program, owner.split_once([':', '.'])) {
            ("chgrp", _) => (None, Some(owner.as_str())),
            (_, Some((user, group))) => {
                (Some(user).filter(|user| !user.is_empty()), Some(group).filter(|group| !group.is_empty()))
            }
            (_, None) => (Some(owner.as_str()), None),
        };
        let uid = user.map(|user| self.number_of("etc/passwd", user));
        let gid = group.map(|group| self.number_of("etc/group", group));
        self.change(
            paths,
            recursive,
            |entry| {
                let changed = Entry { uid: uid.unwrap_or(entry.uid), gid: gid.unwrap_or(entry.gid), ..entry.clone() };
                (changed.uid, changed.gid) != (entry.uid, entry.gid)
            },
            |entry| Entry { uid: uid.unwrap_or(entry.uid), gid: gid.unwrap_or(entry.gid), ..entry },
        )
    }

    pub(super) fn change_mode(&mut self, arguments: &[String]) -> Outcome {
        let recursive =
            arguments.iter().any(|word| word.starts_with('-') && word.contains('R') || word == "--recursive");
        let is_option = |word: &&String| {
            word.starts_with('-') && !word.starts_with("-x") && !word.starts_with("-w") && !word.starts_with("-r")
        };
        let words: Vec<String> = arguments.iter().filter(|word| !is_option(word)).cloned().collect();
        let Some((mode, paths)) = words.split_first() else { return Outcome::Done };
        let Some(new) = modes(mode) else {
            return Outcome::Unknown(GapReason::Option(mode.clone()));
        };
        self.change(
            paths,
            recursive,
            |entry| new(entry) != entry.mode && entry.kind != EntryKind::Symlink,
            |entry| Entry { mode: new(&entry), ..entry },
        )
    }

    fn change(
        &mut self,
        words: &[String],
        recursive: bool,
        differs: impl Fn(&Entry) -> bool,
        changed: impl Fn(Entry) -> Entry,
    ) -> Outcome {
        let (mut missing, mut fails) = (None, false);
        for word in words {
            let found = self.named(word);
            if let Some(path) = self.at(word).filter(|_| found.is_empty() && !word.contains(['*', '?', '['])) {
                let working = self.config.working_dir.trim_matches('/').as_bytes();
                let is_working = self.is_whole() && is_within(working, path.as_bytes());
                fails |= self.is_surely_absent(&path);
                if !is_working && !self.is_surely_absent(&path) {
                    missing = Some((word, path));
                }
            }
            for path in found {
                let own = self.tree.get(&path).cloned();
                let below: Vec<Entry> = if recursive {
                    self.tree.below(&path).map(|(_, entry)| entry.clone()).collect()
                } else {
                    Vec::new()
                };
                for entry in own.into_iter().chain(below) {
                    if entry.kind == EntryKind::Directory || !differs(&entry) {
                        continue;
                    }
                    let content = self.tree.content(entry.path.as_bytes()).map(<[u8]>::to_vec);
                    let (path, was) = (entry.path.clone(), self.tree.foreign().contains(&entry.path));
                    let doubtful = self.tree.is_doubtful(path.as_bytes());
                    self.tree.put(changed(entry), content);
                    self.tree.set_foreign(&path, was);
                    if doubtful {
                        self.tree.doubt(&Writes::at(path));
                    }
                }
            }
        }
        match missing {
            Some((word, path)) => Outcome::Partly(GapReason::Content(word.clone()), Writes::at(path)),
            None if fails => Outcome::Fails,
            None => Outcome::Done,
        }
    }

    /// `--mount=type=bind`: what is bound is there until the commands have run.
    pub(super) fn bind(
        &mut self,
        world: &World<'_>,
        from: Option<&str>,
        source: &str,
        target: &ImagePath,
    ) -> Result<()> {
        if let Some(number) = from.and_then(|name| world.file.stage(name)).filter(|&number| number < self.number) {
            let other = world.stage(number)?;
            let source = other.tree.resolve(source.as_bytes());
            let below: Vec<(ImagePath, Entry)> =
                other.tree.below(&source).map(|(path, entry)| (path.clone(), entry.clone())).collect();
            for (path, entry) in below {
                let inside = &path.as_bytes()[if source.is_empty() { 0 } else { source.len() + 1 }..];
                let content = other.tree.content(path.as_bytes()).map(<[u8]>::to_vec);
                self.remember_from(&other, &entry);
                let to = target.join(inside);
                self.tree.put(Entry { path: to.clone(), ..entry }, content);
                self.tree.set_foreign(&to, other.tree.foreign().contains(&path));
            }
            let doubts = other.gaps.iter().any(|gap| gap.writes.may_touch(&source));
            if doubts {
                self.tree.doubt(&Writes::at(target.clone()));
                self.strange.push(target.clone());
            }
        } else if from.is_some() {
            // Another image's files are not looked up.
            self.tree.doubt(&Writes::at(target.clone()));
            self.strange.push(target.clone());
        } else {
            let source = ImagePath::from(source);
            let below: Vec<Entry> = world.folder.below(source.as_bytes()).map(|(_, entry)| entry.clone()).collect();
            let own = world.folder.get(source.as_bytes()).cloned();
            for entry in own.into_iter().chain(below) {
                let inside = entry.path.as_bytes().get(source.as_bytes().len()..).unwrap_or_default();
                let to = ImagePath::new(&[target.as_bytes(), b"/", inside].concat());
                let content = self.identity_of(&entry);
                self.tree.put(Entry { path: to, content, ..entry }, None);
            }
        }
        Ok(())
    }
}

/// What becomes of an entry's mode.
type NewMode = Box<dyn Fn(&Entry) -> u32>;

/// What a mode makes of an entry's: a number, or `+x` and its like for all.
fn modes(text: &str) -> Option<NewMode> {
    if let Ok(number) = u32::from_str_radix(text, 8) {
        return Some(Box::new(move |_: &Entry| number));
    }
    let at = text.find(['+', '-', '='])?;
    let (who, rest) = text.split_at(at);
    let (sign, what) = rest.split_at(1);
    let shift = |c: char| match c {
        'u' => Some(0o700),
        'g' => Some(0o070),
        'o' => Some(0o007),
        'a' => Some(0o777),
        _ => None,
    };
    let who = if who.is_empty() { 0o777 } else { who.chars().map(shift).try_fold(0, |sum, bits| Some(sum | bits?))? };
    let mut has_conditional = false;
    let bits = |c: char| match c {
        'r' => Some(0o444),
        'w' => Some(0o222),
        'x' => Some(0o111),
        'X' => Some(0o000),
        _ => None,
    };
    let mut sum = 0;
    for c in what.chars() {
        has_conditional |= c == 'X';
        sum |= bits(c)?;
    }
    let (bits, plus) = (sum & who, sign == "+");
    if sign == "=" {
        return None;
    }
    Some(Box::new(move |entry: &Entry| {
        let conditional = if has_conditional && entry.mode & 0o111 != 0 { 0o111 & who } else { 0 };
        if plus { entry.mode | bits | conditional } else { entry.mode & !(bits | conditional) }
    }))
}
