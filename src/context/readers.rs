//! Programs that change no file, and what they print where that is known.
//!
//! Each is here with the options that would make it write: with one of those it is a program like any other.

use super::run::known;
use super::script::{Ran, Said, Setting, Status};
use super::stage::Stage;
use super::text::{Lines, filter_lines};

/// Programs that write nothing, whatever their arguments.
const NEVER: [&str; 64] = [
    "echo",
    "printf",
    "true",
    "false",
    "test",
    "[",
    "pwd",
    "ls",
    "cat",
    "which",
    "sleep",
    "nproc",
    "uname",
    "arch",
    "id",
    "whoami",
    "grep",
    "egrep",
    "fgrep",
    "head",
    "tail",
    "wc",
    "diff",
    "cmp",
    "sha256sum",
    "sha1sum",
    "sha512sum",
    "md5sum",
    "cksum",
    "b2sum",
    "printenv",
    "stat",
    "du",
    "df",
    "readlink",
    "realpath",
    "basename",
    "dirname",
    "tr",
    "cut",
    "rev",
    "nl",
    "fold",
    "paste",
    "comm",
    "join",
    "seq",
    "expr",
    "tac",
    "od",
    "getent",
    "hostname",
    "groups",
    "locale",
    "getconf",
    "lsb_release",
    "dpkg-query",
    "apt-cache",
    "lscpu",
    "free",
    "ps",
    "sync",
    "yes",
    "date",
];

impl Stage {
    /// Whether a program writes nothing, whatever its arguments are.
    pub(super) fn never_writes(&self, name: &str) -> bool {
        NEVER.contains(&name)
    }

    /// A command that changes nothing; `None` where it may be another.
    pub(super) fn reader(&mut self, setting: Setting<'_>, name: &str, words: &[String]) -> Option<Ran> {
        let arguments = &words[1..];
        if is_question(name, arguments) {
            return Some(Ran::unknown());
        }
        let plain: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let succeeds = |said: String| Some(known(Some(said)));
        match (name, plain.as_slice()) {
            ("echo" | "printf" | "true" | "false" | "test" | "[" | "pwd", _) => {
                let ran = match name {
                    "true" => Ran::quiet(Status::Success),
                    "false" => Ran::quiet(Status::Failure),
                    "test" | "[" => {
                        let end = if name == "[" { plain.len().saturating_sub(1) } else { plain.len() };
                        let words: Vec<Said> = plain[..end].iter().map(|word| Some((*word).to_owned())).collect();
                        Ran::quiet(self.test(&words))
                    }
                    "echo" if !plain.join(" ").contains('\\') && plain.first() != Some(&"-n") => {
                        known(Some(plain.join(" ") + "\n"))
                    }
                    _ => Ran::unknown(),
                };
                Some(ran)
            }
            ("uname", ["-m"]) | ("arch", []) => Some(known(self.machine())),
            ("uname", [] | ["-s"]) => succeeds("Linux\n".into()),
            ("dpkg", ["--print-architecture"]) => succeeds(format!(
                "{}\n",
                debian_architecture(&self.config.architecture, self.config.variant.as_deref())
            )),
            ("whoami", []) | ("id", ["-un"]) if self.is_root() => succeeds("root\n".into()),
            ("id", ["-u" | "-g"]) if self.is_root() => succeeds("0\n".into()),
            ("basename", [path]) => succeeds(format!("{}\n", path.trim_end_matches('/').rsplit('/').next()?)),
            ("dirname", [path]) => {
                let folder = path.trim_end_matches('/').rsplit_once('/').map_or(".", |(folder, _)| folder);
                succeeds(format!("{}\n", if folder.is_empty() { "/" } else { folder }))
            }
            ("seq", numbers) => Some(known(sequence(numbers))),
            ("which", [name]) => Some(self.which(Some(&super::words::Field::known(name)))),
            ("pip" | "pip3", ["cache", "dir"]) => {
                let named = self.variable("PIP_CACHE_DIR").map(str::to_owned);
                let home = String::from_utf8_lossy(&self.home()).into_owned();
                succeeds(format!("{}\n", named.unwrap_or_else(|| format!("/{home}/.cache/pip"))))
            }
            ("uv", ["cache", "dir"]) => succeeds(format!("/{}\n", String::from_utf8_lossy(&self.uv_cache()))),
            ("cat" | "head" | "tail" | "sort" | "uniq" | "grep" | "egrep" | "fgrep", _) => {
                self.lines_of(setting, name, arguments)
            }
            ("awk" | "gawk" | "mawk", [program, ..]) if !program.starts_with('-') || program.starts_with("-F") => {
                let writes = ["system", ">", "|", "getline", "close", "fflush", "@"];
                let dangers = plain.iter().any(|word| writes.iter().any(|sign| word.contains(sign)));
                let options = plain.iter().skip(1).any(|word| word.starts_with('-'));
                (!dangers && !options).then(Ran::unknown)
            }
            ("sed", _) => self.sed_prints(setting, arguments),
            ("find", _) => {
                let zero = plain.contains(&"-print0");
                let found = self.found(arguments)?;
                let paths = found.iter().map(|path| format!("/{}", String::from_utf8_lossy(path)));
                let end = if zero { '\0' } else { '\n' };
                // Elsewhere may be more than is known.
                let doubtful = arguments
                    .first()
                    .and_then(|place| self.at(place))
                    .is_none_or(|place| self.tree.is_doubtful(place.as_bytes()));
                let said: String = paths.map(|path| format!("{path}{end}")).collect();
                let are_there = arguments.iter().take_while(|word| !word.starts_with(['-', '(', '!'])).all(|place| {
                    let path = self.at(place);
                    path.is_some_and(|path| self.tree.exists(&self.tree.resolve(path.as_bytes())))
                });
                Some(if doubtful || !are_there { Ran::unknown() } else { known(Some(said)) })
            }
            ("file", words) => {
                (!words.iter().any(|word| word.starts_with("-C") || word.starts_with("--c"))).then(Ran::unknown)
            }
            ("curl", words) => curl_prints(words).then(Ran::unknown),
            ("wget", words) => wget_prints(words).then(Ran::unknown),
            ("base64" | "base32" | "jq" | "strings", _) => Some(Ran::unknown()),
            ("xxd", words) => (words.iter().filter(|word| !word.starts_with('-')).count() < 2).then(Ran::unknown),
            ("dd", words) => (!words.iter().any(|word| word.starts_with("of="))).then(Ran::unknown),
            ("dpkg", words) => {
                let asks = [
                    "-l",
                    "-s",
                    "-L",
                    "-S",
                    "--list",
                    "--status",
                    "--listfiles",
                    "--search",
                    "--get-selections",
                    "-V",
                    "--verify",
                ];
                let first = words.first()?;
                (asks.contains(first) || first.starts_with("--print")).then(Ran::unknown)
            }
            ("apt-mark", ["showmanual" | "showauto" | "hold" | "showhold" | "auto" | "manual", ..]) => {
                Some(Ran::unknown())
            }
            ("rpm", [first, ..]) if first.starts_with("-q") => Some(Ran::unknown()),
            ("dpkg-query" | "apt-cache", _) => Some(Ran::unknown()),
            (
                "pip" | "pip3",
                ["freeze" | "list" | "check" | "show" | "debug" | "index" | "help" | "inspect" | "hash", ..],
            ) if plain.iter().any(|word| word.starts_with("--log") || word.starts_with("--report")) => None,
            ("pip" | "pip3", ["freeze"]) => {
                Some(Ran { status: Status::Success, ..known(self.freeze(setting.world, &words[0])) })
            }
            _ if NEVER.contains(&name) => Some(Ran::unknown()),
            _ => None,
        }
    }

    /// What `pip freeze` prints, where all that is installed is known.
    fn freeze(&self, world: &super::stage::World<'_>, program: &str) -> Said {
        let site = self.site_of(world, program).filter(|_| self.gaps.is_empty() && self.is_whole())?;
        let own = ["pip", "setuptools", "wheel"];
        let rows = self.installed(&site).into_iter().filter(|(name, _)| !own.contains(&name.as_str()));
        Some(rows.map(|(name, version)| format!("{name}=={version}\n")).collect())
    }

    fn machine(&self) -> Said {
        let name = match self.config.architecture.as_str() {
            "amd64" => "x86_64",
            "arm64" => "aarch64",
            "386" => "i686",
            "arm" => "armv7l",
            "ppc64le" | "s390x" | "riscv64" => self.config.architecture.as_str(),
            _ => return None,
        };
        Some(format!("{name}\n"))
    }

    /// Programs that print lines of files or of their input.
    fn lines_of(&mut self, setting: Setting<'_>, name: &str, arguments: &[String]) -> Option<Ran> {
        let lines = Lines::parse(name, arguments, &self.tree.work)?;
        let mut texts = Vec::new();
        if lines.files.is_empty() {
            texts.push(self.shell.input.clone());
        }
        for file in &lines.files {
            if matches!(file.as_str(), "-" | "/dev/stdin") {
                texts.push(self.shell.input.clone());
                continue;
            }
            let paths = self.path_names(&super::words::Field {
                value: Some(file.to_owned()),
                written: file.as_str().into(),
                pattern: file.contains(['*', '?', '[']),
            });
            let Some(paths) = paths else { return Some(Ran::unknown()) };
            for path in paths {
                let text = self.at(&path).and_then(|path| self.text_of(setting.world, path.as_bytes()));
                texts.push(text.and_then(|text| String::from_utf8(text).ok()));
            }
        }
        let texts = texts.into_iter().collect::<Option<Vec<String>>>();
        let is_plain = |texts: &Vec<String>| {
            lines.takes(texts)
                && (name == "cat" || texts.iter().all(|text| self.is_plain_text(text)))
                && (!lines.sorts() || self.sorts_bytes())
        };
        let text = texts.filter(is_plain).map(|texts| texts.concat());
        let Some(text) = text else { return Some(Ran::unknown()) };
        self.tree.work.steps(text.lines().count().saturating_mul(10) + text.len() / 4);
        Some(match filter_lines(&lines, &text) {
            Some((said, status)) => Ran { status, said: Some(said) },
            None => Ran::unknown(),
        })
    }
}

/// `--version` and its like: every program answers and goes.
fn is_question(name: &str, arguments: &[String]) -> bool {
    let [only] = arguments else { return false };
    let family = super::programs::family(name);
    match only.as_str() {
        "--version" => true,
        "-V" => !matches!(name, "tar" | "cpio"),
        // Python reads its input then.
        "-v" | "-version" | "--help" => !matches!(family, "python" | "pypy") && name != "cat" && name != "tee",
        _ => false,
    }
}

fn debian_architecture(architecture: &str, variant: Option<&str>) -> String {
    match (architecture, variant) {
        ("386", _) => "i386".into(),
        ("arm", Some("v5" | "v6")) => "armel".into(),
        ("arm", _) => "armhf".into(),
        ("ppc64le", _) => "ppc64el".into(),
        (other, _) => other.to_owned(),
    }
}

fn sequence(numbers: &[&str]) -> Said {
    let numbers: Option<Vec<i64>> = numbers.iter().map(|number| number.parse().ok()).collect();
    let (first, last) = match numbers?.as_slice() {
        [last] => (1, *last),
        [first, last] => (*first, *last),
        _ => return None,
    };
    let count = last.checked_sub(first)?;
    (count < 10_000).then(|| (first..=last).map(|number| format!("{number}\n")).collect())
}

/// Whether `curl` prints what it fetches, by options that are all known to write nothing.
fn curl_prints(words: &[&str]) -> bool {
    super::fetch::curl(words).is_some_and(|file| file.is_none())
}

fn wget_prints(words: &[&str]) -> bool {
    super::fetch::wget(words).is_some_and(|file| file == super::fetch::Target::Output)
}
