//! The command lines of package managers, read once: pip, uv, Poetry, PDM, Pipenv, Conda, conda-lock, apt, apk, dnf and zypper.
//!
//! Each tool has one table of its options (`tables`): name, letter, whether a value follows, and what it says ([`Means`]). One
//! parser reads a line by it, and whoever needs the line takes the same answer: the simulation, the edits of a plan, and who
//! asks an image's history for what was asked for. Every word keeps its position, so that an edit finds it in its file.
//!
//! An option that no table has, or that has one which is not followed ([`Means::Open`]), is no error here: [`Command::open`] says
//! which it is, and who reads the command makes a gap of it, or leaves the command alone.
//!
//! Source: the tools' command references and `--help`: pip 26, uv 0.13, Poetry 2, PDM 2, Pipenv 2026, apt 2.6, apk-tools 3, dnf 4 and 5, zypper 1.14.

mod tables;

use std::ops::RangeInclusive;

/// Whose command line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// pip.
    Pip,
    /// `uv pip`.
    UvPip,
    /// uv.
    Uv,
    /// Poetry.
    Poetry,
    /// PDM.
    Pdm,
    /// Pipenv.
    Pipenv,
    /// Conda, Mamba, Micromamba.
    Conda,
    /// conda-lock.
    CondaLock,
    /// apt-get, apt, aptitude.
    Apt,
    /// apk.
    Apk,
    /// dnf, yum, microdnf, tdnf.
    Dnf,
    /// zypper.
    Zypper,
}

/// What a command does, as far as more than one reader asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Installs what is named, or what the project's list names.
    Install,
    /// Adds to a project what is named, and installs it.
    Add,
    /// Installs what a list or lock names, and nothing else.
    Sync,
    /// Takes out what is named.
    Uninstall,
    /// Makes wheels.
    Wheel,
    /// Fetches and installs nothing.
    Download,
    /// Fetches lists of packages.
    Update,
    /// Installs newer versions of what is there.
    Upgrade,
    /// Empties caches.
    Clean,
    /// Any other.
    Other,
}

/// Whether an option takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// It does not.
    Nothing,
    /// It does not, and in a settings file it says the opposite of what it is called: pip's `store_false`.
    Negation,
    /// One value; the last one counts.
    Value,
    /// A value each time; in a settings file several in one, between blanks.
    List,
}

/// What an option says, whatever a tool calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    // What is installed.
    /// A file of requirements.
    Requirements,
    /// A file of constraints.
    Constraints,
    /// A file of overrides.
    Overrides,
    /// A project that is installed as it lies there.
    Editable,
    /// Without what is required.
    NoDeps,
    /// Every file has to have a digest.
    RequireHashes,
    /// One member of a workspace.
    Package,
    /// An extra, or several.
    Extra,
    /// All extras.
    AllExtras,
    /// A group, or several, beside what is installed anyway.
    Group,
    /// All groups.
    AllGroups,
    /// These groups alone.
    OnlyGroup,
    /// Without these groups.
    WithoutGroup,
    /// The group `dev`.
    Dev,
    /// The group `dev` alone.
    OnlyDev,
    /// Without the group `dev`.
    NoDev,
    /// Without the groups that are installed by default.
    NoDefaultGroups,
    /// Without what the project itself needs.
    NoMain,
    /// Without the project itself.
    NoProject,
    /// The project itself alone.
    OnlyProject,
    /// The project as one that is no editable one.
    NoEditable,
    /// Recommended packages too.
    Recommends,
    /// No recommended packages.
    NoRecommends,
    /// The name of a package that stands for those that are added.
    Virtual,

    // From where, and which version.
    /// Where to look, and how to choose between places: handed on by its name.
    Place,
    /// No index is asked: handed on too.
    NoIndex,
    /// Which versions are taken: handed on too.
    Choice,
    /// A host that needs no certificate: a place that changes no file.
    TrustedHost,
    /// Pre-releases too.
    Pre,
    /// Wheels alone.
    OnlyBinary,
    /// No wheels.
    NoBinary,
    /// A release of the system's packages.
    Release,
    /// Newer versions of what is there.
    Upgrade,
    /// How far that goes.
    UpgradeStrategy,
    /// All anew, also what is there in the same version.
    Reinstall,
    /// Between versions: the one that is resolved anyway.
    Preference,

    // Where to.
    /// A folder for modules.
    Target,
    /// A prefix.
    Prefix,
    /// A root.
    Root,
    /// The user's own place.
    User,
    /// The system's own place.
    System,
    /// An interpreter.
    Python,
    /// The environment that is active.
    Active,
    /// A project's folder.
    Project,
    /// A file or folder that is written.
    Output,
    /// A file that tells of what was done.
    Report,
    /// The folder of the cache.
    CacheDir,
    /// No cache.
    NoCache,

    // How.
    /// Nothing is done.
    DryRun,
    /// What is not asked for goes.
    Exact,
    /// What is not asked for stays.
    Inexact,
    /// Bytecode is written.
    Compile,
    /// No bytecode is written.
    NoCompile,
    /// With pip in it.
    Seed,
    /// An environment that sees the system's packages.
    SystemSite,
    /// What nothing needs any more goes too.
    AutoRemove,
    /// A setting, `Name=value`.
    Setting,
    /// A file of settings.
    SettingsFile,

    /// It changes no file of what is installed.
    Harmless,
    /// It may change what is installed, and is not followed.
    Open,
    /// No table has it: whether its value is the next word is not known either.
    Unknown,
}

/// An option as a tool knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its whole name, without dashes.
    pub name: &'static str,
    /// Its letter, if it has one.
    pub letter: Option<char>,
    /// Whether a value follows.
    pub takes: Takes,
    /// What it says.
    pub means: Means,
}

/// An option that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its whole name, with dashes; as it is written, where no table has it.
    pub name: String,
    /// What it says.
    pub means: Means,
    /// Its value.
    pub value: Option<String>,
    /// The positions of its words; the last one has the value.
    pub at: RangeInclusive<usize>,
}

/// A command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Whose.
    pub tool: Tool,
    /// The options, in order.
    pub options: Vec<Given>,
    /// The words that are none, the verb first.
    pub words: Vec<String>,
    /// Their positions.
    pub places: Vec<usize>,
    /// The first option, as it is written, that is not known, or may change what is installed and is not followed.
    pub open: Option<String>,
}

/// Whether a program is called by a name, with or without a version behind it.
fn is_called(program: &str, name: &str) -> bool {
    let rest = program.strip_prefix(name);
    rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

impl Tool {
    /// The tool of a program's words, and how many words call it (`python3 -m pip` are three).
    pub fn of<W: AsRef<str>>(words: &[W]) -> Option<(Self, usize)> {
        let word = |at: usize| words.get(at).map(AsRef::as_ref);
        let name = word(0)?.rsplit('/').next()?;
        if is_called(name, "python") {
            let options = words[1..].iter().take_while(|word| word.as_ref().starts_with('-') && word.as_ref() != "-m");
            let at = 1 + options.count();
            let module = word(at + 1).filter(|_| word(at) == Some("-m"))?;
            return Some((Self::called(module)?, at + 2)).filter(|(tool, _)| tool.is_of_python());
        }
        Some((Self::called(name)?, 1))
    }

    /// Whether Python has it as a module.
    fn is_of_python(self) -> bool {
        !matches!(self, Self::Conda | Self::CondaLock | Self::Apt | Self::Apk | Self::Dnf | Self::Zypper)
    }

    fn called(name: &str) -> Option<Self> {
        Some(match name {
            "uv" => Self::Uv,
            "poetry" => Self::Poetry,
            "pdm" => Self::Pdm,
            "pipenv" => Self::Pipenv,
            "conda" | "mamba" | "micromamba" => Self::Conda,
            "conda-lock" => Self::CondaLock,
            "apt-get" | "apt" | "aptitude" => Self::Apt,
            "apk" => Self::Apk,
            "dnf" | "yum" | "microdnf" | "tdnf" => Self::Dnf,
            "zypper" => Self::Zypper,
            name if is_called(name, "pip") => Self::Pip,
            _ => return None,
        })
    }

    /// The options that a tool knows.
    pub fn options(self) -> impl Iterator<Item = Known> {
        tables::of(self).iter().copied().flatten().flat_map(|&(takes, means, names)| {
            names.split_whitespace().map(move |name| {
                let (name, letter) = name.split_once('/').unwrap_or((name, ""));
                Known { name, letter: letter.chars().next(), takes, means }
            })
        })
    }

    /// An option by its whole name, without dashes.
    pub fn option(self, name: &str) -> Option<Known> {
        self.options().find(|known| known.name == name)
    }

    /// An option by its name, or by the beginning of one that is no other's, where the tool takes that.
    fn named(self, name: &str) -> Option<Known> {
        if let Some(found) = self.option(name) {
            return Some(found);
        }
        let mut fits = self.options().filter(|known| known.name.starts_with(name));
        let abbreviates = matches!(self, Self::Pip | Self::Pdm) && !name.is_empty();
        fits.next().filter(|_| abbreviates && fits.next().is_none())
    }

    fn lettered(self, letter: char) -> Option<Known> {
        self.options().find(|known| known.letter == Some(letter))
    }
}

impl Command {
    /// Reads a program's words; `None` where it is no package manager's. Positions count from the first of these words.
    pub fn read<W: AsRef<str>>(words: &[W]) -> Option<Self> {
        let (tool, called) = Tool::of(words)?;
        let mut out = Self::parse(tool, &words[called..]);
        out.places.iter_mut().for_each(|at| *at += called);
        out.options.iter_mut().for_each(|given| given.at = given.at.start() + called..=given.at.end() + called);
        Some(out)
    }

    /// Reads the words behind a tool's name. `uv pip …` is [`Tool::UvPip`]'s, and its verb is what follows.
    pub fn parse<W: AsRef<str>>(tool: Tool, words: &[W]) -> Self {
        let read = Self::parse_as(tool, words);
        if tool == Tool::Uv && read.words.first().is_some_and(|word| word == "pip") {
            let mut read = Self::parse_as(Tool::UvPip, words);
            read.words.remove(0);
            read.places.remove(0);
            return read;
        }
        read
    }

    fn parse_as<W: AsRef<str>>(tool: Tool, words: &[W]) -> Self {
        let mut out = Self { tool, options: Vec::new(), words: Vec::new(), places: Vec::new(), open: None };
        let mut at = 0;
        while let Some(word) = words.get(at).map(AsRef::as_ref) {
            let first = at;
            at += 1;
            if word == "--" {
                for (more, word) in words.iter().enumerate().skip(at) {
                    out.operand(more, word.as_ref());
                }
                break;
            }
            let mut next = || {
                let value = words.get(at).map(|word| word.as_ref().to_owned());
                at += usize::from(value.is_some());
                value
            };
            let given: Option<Vec<(Known, Option<String>)>> = match word.strip_prefix("--") {
                Some(long) => tool.long(long, &mut next).map(|given| vec![given]),
                None if word.len() > 1 && word.starts_with('-') => tool.letters(&word[1..], &mut next),
                None => {
                    out.operand(first, word);
                    continue;
                }
            };
            let span = first..=at - 1;
            match given {
                Some(all) => {
                    for (Known { name, means, .. }, value) in all {
                        out.give(word, Given { name: format!("--{name}"), means, value, at: span.clone() });
                    }
                }
                None => {
                    out.give(word, Given { name: word.into(), means: Means::Unknown, value: None, at: first..=first })
                }
            }
        }
        out
    }

    fn give(&mut self, word: &str, given: Given) {
        if matches!(given.means, Means::Open | Means::Unknown) {
            self.open.get_or_insert_with(|| word.to_owned());
        }
        self.options.push(given);
    }

    fn operand(&mut self, at: usize, word: &str) {
        self.words.push(word.to_owned());
        self.places.push(at);
    }

    /// What it does.
    pub fn verb(&self) -> Verb {
        let word = |at: usize| self.words.get(at).map_or("", String::as_str);
        match (self.tool, word(0)) {
            (Tool::Pip | Tool::UvPip | Tool::Poetry | Tool::Pdm | Tool::Pipenv | Tool::Apt, "install") => Verb::Install,
            (Tool::Apt, "reinstall") | (Tool::Apk, "add") => Verb::Install,
            (Tool::Conda, "install" | "create" | "env" | "update") | (Tool::CondaLock, "install") => Verb::Install,
            (Tool::UvPip | Tool::Uv | Tool::Poetry | Tool::Pdm | Tool::Pipenv, "sync") => Verb::Sync,
            (Tool::Uv | Tool::Poetry | Tool::Pdm, "add") => Verb::Add,
            (Tool::Pip | Tool::UvPip | Tool::Pipenv, "uninstall") => Verb::Uninstall,
            (Tool::Apt, "remove" | "purge" | "autoremove" | "autopurge" | "auto-remove") => Verb::Uninstall,
            (Tool::Apk, "del") => Verb::Uninstall,
            (Tool::Dnf | Tool::Zypper, "install" | "in") => Verb::Install,
            (Tool::Dnf | Tool::Zypper, "remove" | "erase" | "autoremove" | "rm") => Verb::Uninstall,
            (Tool::Dnf | Tool::Zypper, "makecache" | "refresh" | "ref") => Verb::Update,
            (Tool::Dnf | Tool::Zypper, "upgrade" | "update" | "up" | "dist-upgrade" | "dup") => Verb::Upgrade,
            (Tool::Dnf | Tool::Zypper, "clean" | "cc") => Verb::Clean,
            (Tool::Pip, "wheel") => Verb::Wheel,
            (Tool::Pip, "download") => Verb::Download,
            (Tool::Apt | Tool::Apk, "update") => Verb::Update,
            (Tool::Apt | Tool::Apk, "upgrade") | (Tool::Apt, "dist-upgrade" | "full-upgrade") => Verb::Upgrade,
            (Tool::Apt, "clean" | "autoclean" | "auto-clean") => Verb::Clean,
            (Tool::Pip | Tool::Uv | Tool::Poetry, "cache") => Verb::Clean,
            _ => Verb::Other,
        }
    }

    /// The words behind the verb, each with its position.
    pub fn operands(&self) -> impl Iterator<Item = (usize, &str)> {
        self.places.iter().copied().zip(self.words.iter().map(String::as_str)).skip(1)
    }

    /// What is handed on to who resolves: names with dashes, and values.
    pub fn handed_on(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_one = |means: Means| matches!(means, Means::Place | Means::NoIndex | Means::Choice | Means::TrustedHost);
        self.options.iter().filter(move |given| is_one(given.means)).map(|given| {
            let name = if given.name == "--pypi-url" { "--index-url" } else { &given.name };
            (name, given.value.as_deref().unwrap_or_default())
        })
    }

    /// Whether one of these is said.
    pub fn has(&self, wanted: &[Means]) -> bool {
        self.options.iter().any(|given| wanted.contains(&given.means))
    }

    /// The last value of what says this.
    pub fn value(&self, wanted: Means) -> Option<&str> {
        self.values(wanted).next_back()
    }

    /// The values of what says this, in order.
    pub fn values(&self, wanted: Means) -> impl DoubleEndedIterator<Item = &str> {
        self.options.iter().filter(move |given| given.means == wanted).filter_map(|given| given.value.as_deref())
    }
}

impl Tool {
    /// `--name`, `--name=value`, `--name value`; what stands behind `--`.
    fn long(self, long: &str, next: &mut impl FnMut() -> Option<String>) -> Option<(Known, Option<String>)> {
        let (name, glued) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())));
        let known = self.named(name)?;
        match known.takes {
            Takes::Nothing | Takes::Negation => glued.is_none().then_some((known, None)),
            Takes::Value | Takes::List => Some((known, Some(glued.or_else(next)?))),
        }
    }

    /// Letters, of which the last may have a value.
    fn letters(self, letters: &str, next: &mut impl FnMut() -> Option<String>) -> Option<Vec<(Known, Option<String>)>> {
        let mut out = Vec::new();
        for (at, letter) in letters.char_indices() {
            // `-qq=2` says how quiet apt is.
            if self == Self::Apt && letter == '=' && letters[..at].ends_with('q') {
                return Some(out);
            }
            let known = self.lettered(letter)?;
            if matches!(known.takes, Takes::Nothing | Takes::Negation) {
                out.push((known, None));
                continue;
            }
            let rest = &letters[at + letter.len_utf8()..];
            // optparse takes a `=` for a part of the value.
            let rest = if self == Self::Pip { rest } else { rest.strip_prefix('=').unwrap_or(rest) };
            out.push((known, Some(if rest.is_empty() { next()? } else { rest.to_owned() })));
            break;
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Command {
        let words: Vec<&str> = line.split(' ').collect();
        Command::read(&words).expect("a package manager's line")
    }

    fn shown(line: &str) -> (String, String) {
        let read = read(line);
        let options =
            read.options.iter().map(|given| format!("{}={}", given.name, given.value.as_deref().unwrap_or_default()));
        (options.collect::<Vec<_>>().join(" "), read.words.join(" "))
    }

    #[test]
    fn a_command_line_is_read_as_its_tool_reads_it() {
        for (line, options, words) in [
            ("pip install -qqr a.txt six", "--quiet= --quiet= --requirement=a.txt", "install six"),
            ("pip3.11 install --no-cache six -- -x", "--no-cache-dir=", "install six -x"),
            ("pip install -ra.txt -Ut /x", "--requirement=a.txt --upgrade= --target=/x", "install"),
            ("/usr/bin/python3 -I -m pip --quiet wheel -w=/x .", "--quiet= --wheel-dir==/x", "wheel ."),
            (
                "uv --quiet pip install -p=3.12 --index a=https://b c",
                "--quiet= --python=3.12 --index=a=https://b",
                "install c",
            ),
            ("uv sync --no-binary --package a", "--no-binary= --package=a", "sync"),
            ("poetry -n install --only=main -E a", "--no-interaction= --only=main --extras=a", "install"),
            ("pdm install --produ -G a,b", "--production= --group=a,b", "install"),
            ("pipenv install -d --deploy", "--dev= --deploy=", "install"),
            (
                "apt-get -qq=2 -y -oA::B=c install --target-release=sid a",
                "--quiet= --quiet= --assume-yes= --option=A::B=c --target-release=sid",
                "install a",
            ),
            ("apk add -t .x --no-cache a", "--virtual=.x --no-cache=", "add a"),
        ] {
            assert_eq!(shown(line), (options.to_owned(), words.to_owned()), "{line}");
            assert!(!line.starts_with("pip") || read(line).open.is_none(), "{line}");
        }
    }

    #[test]
    fn what_is_not_known_is_told_as_it_is_written() {
        for (line, word) in [
            ("pip install --bogus six", "--bogus"),
            ("pip install --requirement=a.txt --upgr", "--upgr"),
            ("pip install -Z", "-Z"),
            ("pip install six -r", "-r"),
            ("pip install --pre=1", "--pre=1"),
            ("pip install --python-version=3.9 --abi cp39", "--python-version=3.9"),
            ("uv sync --no-install-package torch", "--no-install-package"),
            ("uv pip install --no-cach a", "--no-cach"),
            ("poetry install --nobody", "--nobody"),
            ("apt-get install --only-upgrade a", "--only-upgrade"),
            ("apk add --bogus a", "--bogus"),
        ] {
            assert_eq!(read(line).open.as_deref(), Some(word), "{line}");
        }
        assert_eq!(Command::read(&["make", "install"]), None);
        assert_eq!(Command::read(&["python3", "setup.py", "-m", "pip"]), None);
    }

    #[test]
    fn every_word_has_its_position() {
        let read = read("python -m pip install -r a.txt six");
        assert_eq!(read.operands().collect::<Vec<_>>(), [(6, "six")]);
        assert_eq!((read.places[0], read.options[0].at.clone()), (3, 4..=5));
        assert_eq!(read.verb(), Verb::Install);
    }

    #[test]
    fn a_table_has_each_option_once() {
        use Tool::{Apk, Apt, Conda, CondaLock, Pdm, Pip, Pipenv, Poetry, Uv, UvPip};
        for tool in [Pip, UvPip, Uv, Poetry, Pdm, Pipenv, Conda, CondaLock, Apt, Apk] {
            let mut names: Vec<&str> = tool.options().map(|known| known.name).collect();
            let mut letters: Vec<char> = tool.options().filter_map(|known| known.letter).collect();
            let all = (names.len(), letters.len());
            names.sort_unstable();
            names.dedup();
            letters.sort_unstable();
            letters.dedup();
            assert_eq!((names.len(), letters.len()), all, "{tool:?}");
        }
    }
}
