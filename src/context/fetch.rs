//! Programs of which it is known where they write, and not what: `curl`, `wget`, `tar`, `git clone`, `dd`, and some of Debian's. Each is
//! followed with the options that are known; with any other it may write anywhere.

use super::run::Outcome;
use super::stage::Stage;
use super::words::is_special;
use crate::base::ImagePath;
use crate::image::{GapReason, Writes};
use crate::layer::{Entry, EntryKind};

/// Where a program writes what it fetches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Onto its output.
    Output,
    /// Into a file.
    File(String),
    /// Into a folder, under some name.
    Folder(String),
}

/// The file that `curl` writes; the inner `None` for its output, the outer where an option is not known.
pub(super) fn curl(words: &[&str]) -> Option<Option<Target>> {
    const VALUED: [&str; 24] = [
        "-H",
        "--header",
        "-X",
        "--request",
        "-A",
        "--user-agent",
        "-u",
        "--user",
        "--retry",
        "--retry-delay",
        "--retry-max-time",
        "--connect-timeout",
        "-m",
        "--max-time",
        "--proto",
        "--tls-max",
        "-d",
        "--data",
        "-e",
        "--referer",
        "-r",
        "--range",
        "-x",
        "--cacert",
    ];
    const ALONE: [&str; 17] = [
        "--fail",
        "--silent",
        "--show-error",
        "--location",
        "--insecure",
        "--compressed",
        "--tlsv1.2",
        "--tlsv1.3",
        "--tlsv1",
        "--retry-connrefused",
        "--retry-all-errors",
        "--http1.1",
        "--http2",
        "--head",
        "--create-dirs",
        "--progress-bar",
        "--ipv4",
    ];
    let mut target = None;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "-o" | "--output" => target = Some(Target::File((*words.next()?).to_owned())),
            "-O" | "--remote-name" | "-OJ" | "-JO" => target = Some(Target::Folder(".".to_owned())),
            option if VALUED.contains(&option) => _ = words.next()?,
            option if ALONE.contains(&option) => {}
            option if option.starts_with("--") => {
                let (name, value) = option.split_once('=')?;
                match name {
                    "--output" => target = Some(Target::File(value.to_owned())),
                    name if VALUED.contains(&name) => {}
                    _ => return None,
                }
            }
            option if option.starts_with('-') && option.len() > 1 => {
                let letters = &option[1..];
                let known = letters.trim_end_matches(['o', 'O']);
                if !known.chars().all(|c| "fsSLkvgI#46j0JNi".contains(c)) || letters.len() - known.len() > 1 {
                    return None;
                }
                match letters.chars().last() {
                    Some('o') => target = Some(Target::File((*words.next()?).to_owned())),
                    Some('O') => target = Some(Target::Folder(".".to_owned())),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Some(target.filter(|target| *target != Target::File("-".into()) && *target != Target::File("/dev/null".into())))
}

/// Where `wget` writes; `None` where an option is not known.
pub(super) fn wget(words: &[&str]) -> Option<Target> {
    const VALUED: [&str; 10] =
        ["-t", "--tries", "-T", "--timeout", "--header", "-U", "--user-agent", "--user", "--password", "-w"];
    const ALONE: [&str; 16] = [
        "-q",
        "--quiet",
        "-nv",
        "--no-verbose",
        "--no-check-certificate",
        "-c",
        "--continue",
        "--show-progress",
        "-S",
        "--progress=dot:giga",
        "--https-only",
        "-4",
        "-N",
        "-nc",
        "--no-clobber",
        "--no-hsts",
    ];
    let mut target = Target::Folder(".".into());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let file = match *word {
            "-O" | "--output-document" | "-qO" | "-nvO" => Some((*words.next()?).to_owned()),
            "-P" | "--directory-prefix" => {
                target = Target::Folder((*words.next()?).to_owned());
                None
            }
            "--spider" => return Some(Target::Output),
            option if option.starts_with("-qO") || option.starts_with("-O") => {
                Some(option.trim_start_matches("-q").trim_start_matches("-O").trim_start_matches('O').to_owned())
            }
            option if option.starts_with("--output-document=") => Some(option["--output-document=".len()..].to_owned()),
            option if VALUED.contains(&option) => {
                words.next()?;
                None
            }
            option if ALONE.contains(&option) => None,
            option if VALUED.iter().any(|name| name.starts_with("--") && option.starts_with(&format!("{name}="))) => {
                None
            }
            option if option.starts_with('-') && option.len() > 1 => return None,
            _ => None,
        };
        if let Some(file) = file {
            target = if file == "-" || file == "/dev/null" { Target::Output } else { Target::File(file) };
        }
    }
    Some(target)
}

impl Stage {
    /// What a fetching or unpacking program writes; `None` where it is none of them.
    pub(super) fn tool(&mut self, name: &str, arguments: &[String]) -> Option<Outcome> {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let outcome = match (name, words.as_slice()) {
            ("curl", words) => match curl(words) {
                Some(Some(target)) => self.fetched(&target),
                Some(None) => Outcome::Done,
                None => Outcome::Unknown(GapReason::Fetched),
            },
            ("wget", words) => match wget(words) {
                Some(Target::Output) => Outcome::Done,
                Some(target) => self.fetched(&target),
                None => Outcome::Unknown(GapReason::Fetched),
            },
            ("git", ["clone", rest @ ..]) => self.clone_into(rest),
            ("git", ["config", rest @ ..]) if rest.contains(&"--global") || rest.contains(&"--system") => {
                let home = self.home();
                let path = if rest.contains(&"--system") {
                    b"etc/gitconfig".to_vec()
                } else {
                    [&home[..], b"/.gitconfig"].concat()
                };
                let path = ImagePath::new(&path);
                let old = self.tree.get(path.as_bytes()).map_or(0, |entry| entry.size);
                let more: usize = rest.iter().map(|word| word.len() + 4).sum();
                let words: Vec<&&str> = rest.iter().filter(|word| !word.starts_with("--")).collect();
                let is_plain = matches!(words.as_slice(), [key, _] if super::settings::is_plain_of_git(key));
                // What is plain is no matter to what git does; the first that is not makes the file one that is not known.
                if !is_plain || self.is_brought(path.as_bytes()) {
                    self.tree.put(Entry::file(path, old + more as u64), None);
                } else {
                    let entry = Entry::file(path.clone(), old + more as u64);
                    self.tree.put(entry, None);
                    self.tree.set_foreign(&path, false);
                }
                Outcome::Done
            }
            ("tar", words) => self.tar(words),
            ("unzip", words) => self.unzip(words),
            ("dd", words) => match words.iter().rev().find_map(|word| word.strip_prefix("of=")) {
                Some(file) => self.fetched_as(&Target::File(file.to_owned()), GapReason::Output(file.to_owned())),
                None => Outcome::Done,
            },
            ("sort" | "uniq" | "xxd" | "shuf", words) => {
                let named = words.iter().position(|word| *word == "-o" || *word == "--output");
                let file = match named {
                    Some(at) => words.get(at + 1).copied(),
                    None if name != "sort" => words.iter().filter(|word| !word.starts_with('-')).nth(1).copied(),
                    None => None,
                };
                match file {
                    Some(file) => self.fetched_as(&Target::File(file.to_owned()), GapReason::Output(file.to_owned())),
                    None => Outcome::Unknown(GapReason::Program),
                }
            }
            ("truncate" | "fallocate", _) => match words.last().and_then(|file| self.at(file)) {
                Some(path) => self.only_in(GapReason::Program, vec![path]),
                None => Outcome::Unknown(GapReason::Program),
            },
            ("update-ca-certificates", _) => self.only_in(GapReason::Program, vec![ImagePath::from("etc/ssl")]),
            ("locale-gen", _) => self.only_in(GapReason::Program, vec![ImagePath::from("usr/lib/locale")]),
            ("update-alternatives", ["--install", link, name, target, ..]) => {
                let alternative = format!("/etc/alternatives/{name}");
                self.link_to(link, &alternative);
                self.link_to(&alternative, target);
                Outcome::Done
            }
            ("update-alternatives", ["--set", name, target]) => {
                self.link_to(&format!("/etc/alternatives/{name}"), target);
                Outcome::Done
            }
            ("python" | "python2" | "perl", []) if self.shell.input.as_deref() == Some("") => Outcome::Done,
            _ => return None,
        };
        Some(outcome)
    }

    fn link_to(&mut self, place: &str, target: &str) {
        if let Some(path) = self.at(place) {
            let link = Some(target.as_bytes().into());
            self.tree.put(Entry { kind: EntryKind::Symlink, link, ..Entry::file(path, 0) }, None);
        }
    }

    fn fetched(&mut self, target: &Target) -> Outcome {
        self.fetched_as(target, GapReason::Fetched)
    }

    fn fetched_as(&mut self, target: &Target, why: GapReason) -> Outcome {
        let path = match target {
            Target::Output => return Outcome::Done,
            Target::File(file) => self.at(file),
            Target::Folder(folder) => self.at(folder),
        };
        let Some(path) = path else { return Outcome::Unknown(why) };
        let real = ImagePath::new(&self.tree.resolve(path.as_bytes()));
        if real.as_bytes() == b"dev/null" {
            return Outcome::Done;
        }
        if let Target::File(_) = target
            && !is_special(real.as_bytes())
            && !self.tree.is_directory(real.as_bytes())
        {
            // It is there; how large it is is not known.
            self.tree.put(Entry::file(real.clone(), 0), None);
        }
        self.only_in(why, vec![real])
    }

    /// Something is written at these paths and nowhere else, unless links lead out of them.
    pub(super) fn only_in(&self, why: GapReason, paths: Vec<ImagePath>) -> Outcome {
        let leads_out = |path: &ImagePath| {
            is_special(path.as_bytes())
                || self.tree.get(path.as_bytes()).is_some_and(|entry| entry.kind == EntryKind::Symlink)
                || !path.is_root() && self.tree.is_directory(path.as_bytes()) && {
                    let mut below = self.tree.below(path.as_bytes());
                    below.any(|(_, entry)| matches!(entry.kind, EntryKind::Symlink | EntryKind::Hardlink))
                }
        };
        match paths.iter().any(|path| path.is_root() || leads_out(path)) {
            true => Outcome::Unknown(why),
            false => Outcome::Partly(why, Writes::Within(paths)),
        }
    }

    fn clone_into(&mut self, words: &[&str]) -> Outcome {
        let (mut plain, mut rest) = (Vec::new(), words.iter());
        while let Some(word) = rest.next() {
            match *word {
                "--depth" | "-b" | "--branch" => _ = rest.next(),
                "-q"
                | "--quiet"
                | "--single-branch"
                | "--recursive"
                | "--recurse-submodules"
                | "--progress"
                | "--no-tags" => {}
                option if option.starts_with("--depth=") || option.starts_with("--branch=") => {}
                option if option.starts_with('-') => return Outcome::Unknown(GapReason::Fetched),
                word => plain.push(word),
            }
        }
        let folder = match plain.as_slice() {
            [url] => {
                let name =
                    url.trim_end_matches('/').trim_end_matches(".git").rsplit(['/', ':']).next().unwrap_or_default();
                name.to_owned()
            }
            [_, folder] => (*folder).to_owned(),
            _ => return Outcome::Unknown(GapReason::Fetched),
        };
        match self.at(&folder).filter(|_| !folder.is_empty()) {
            Some(path) => {
                let path = ImagePath::new(&self.tree.resolve(path.as_bytes()));
                self.tree.put(super::tree::directory(path.clone()), None);
                self.only_in(GapReason::Fetched, vec![path])
            }
            None => Outcome::Unknown(GapReason::Fetched),
        }
    }

    /// `tar` that unpacks below a folder, or writes one archive.
    fn tar(&mut self, words: &[&str]) -> Outcome {
        let unknown = || Outcome::Unknown(GapReason::Program);
        let (mut mode, mut file, mut folder) = (None, None, ".".to_owned());
        let mut rest = words.iter().enumerate();
        while let Some((at, word)) = rest.next() {
            let mut value = || rest.next().map(|(_, value)| (*value).to_owned());
            match *word {
                "-C" | "--directory" => match value() {
                    Some(value) => folder = value,
                    None => return unknown(),
                },
                "--exclude" | "-T" | "--files-from" => _ = value(),
                "--strip-components" | "--strip" => _ = value(),
                "--extract" => mode = Some('x'),
                "--no-same-owner" | "--gzip" | "--xz" | "--verbose" | "--no-recursion" => {}
                option if option.starts_with("--strip-components=") || option.starts_with("--strip=") => {}
                option if option.starts_with("--exclude=") => {}
                option if option.starts_with("--directory=") => folder = option["--directory=".len()..].to_owned(),
                option if option.starts_with("--") => return unknown(),
                letters if letters.starts_with('-') || at == 0 => {
                    for letter in letters.trim_start_matches('-').chars() {
                        match letter {
                            'x' | 'c' | 't' => mode = Some(letter),
                            'f' => file = value(),
                            'C' => match value() {
                                Some(value) => folder = value,
                                None => return unknown(),
                            },
                            'z' | 'j' | 'J' | 'v' | 'p' | 'o' | 'm' => {}
                            _ => return unknown(),
                        }
                    }
                }
                _ => {}
            }
        }
        match (mode, file) {
            (Some('t'), _) => Outcome::Done,
            (Some('x'), _) => self.fetched_as(&Target::Folder(folder), GapReason::Program),
            (Some('c'), Some(file)) if file != "-" => self.fetched_as(&Target::File(file), GapReason::Program),
            (Some('c'), _) => Outcome::Done,
            _ => unknown(),
        }
    }

    fn unzip(&mut self, words: &[&str]) -> Outcome {
        let mut folder = ".".to_owned();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            match *word {
                "-d" => match rest.next() {
                    Some(value) => folder = (*value).to_owned(),
                    None => return Outcome::Unknown(GapReason::Program),
                },
                "-l" | "-t" | "-Z" => return Outcome::Done,
                option if option.starts_with('-') && !option[1..].chars().all(|c| "qonj".contains(c)) => {
                    return Outcome::Unknown(GapReason::Program);
                }
                _ => {}
            }
        }
        self.fetched_as(&Target::Folder(folder), GapReason::Program)
    }
}
