//! uv as a subprocess: found, checked, and understood when it fails. How it is run is in [`super::run`].
//!
//! uv is run and not linked, because its maintainers promise stability for its command line alone. Which indexes,
//! credentials and certificates it uses is the user's affair ([`super::user`]), and where uv's settings name no index, pip's
//! are handed on ([`super::pip`]). What would change the meaning of a look-up, and not the place of it (overrides,
//! resolution strategies), is not handed on.

use super::ResolveError;
use super::access::Access;
use super::answers::Answers;
use super::run::{Run, Where};
use super::user::{PLACES, User, named};
use crate::base::{Text, masked};
use crate::manifest::{LockedPackage, parse_lock};
use crate::programs::{MAX_ANSWER, Strangers, beside, converse};
use crate::wheel::Platform;
use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The oldest version whose command line and lock files are those that are used here.
pub const OLDEST: (u64, u64, u64) = (0, 7, 0);

/// How long uv may take to say its version.
const VERSION_WAIT: Duration = Duration::from_secs(20);

/// uv, of a version that will do, and what the user has told it.
#[derive(Clone, Debug, PartialEq)]
pub struct Uv {
    program: PathBuf,
    version: (u64, u64, u64),
    user: Arc<User>,
    /// More of its environment: pip's indexes, those of a request.
    given: Vec<(String, OsString)>,
    access: Access,
    /// What was answered in this run.
    pub(super) answers: Answers,
}

/// What a run of uv came to.
pub(super) enum Outcome {
    /// The packages, and the yanked ones as `(name, version, reason)`.
    Locked(Vec<LockedPackage>, Vec<(String, String, String)>),
    /// It failed, saying so.
    Failed(String),
}

/// Where and how to look.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    /// For which Python and platform.
    pub platform: &'a Platform,
    /// The one index to look in; none for the user's.
    pub index: Option<&'a str>,
    /// Whether to tell the files for all platforms, and not whether there is one for this.
    pub universal: bool,
    /// Whether to prefer the lowest version that fits.
    pub lowest: bool,
    /// When to give up.
    pub deadline: Instant,
}

impl Uv {
    /// The `uv` that the variable `UV` names, the first one in `PATH`, or the one beside this program. Who looks at a repository says whose it is:
    /// [`Uv::find_outside`].
    ///
    /// # Errors
    ///
    /// There is none, it cannot be run, or it is older than [`OLDEST`].
    pub fn find() -> Result<Self, ResolveError> {
        Self::find_outside(&Strangers::none())
    }

    /// As [`Uv::find`]: neither a uv nor an interpreter nor a file of settings that is a stranger's.
    ///
    /// # Errors
    ///
    /// There is none, it cannot be run, or it is older than [`OLDEST`].
    pub fn find_outside(strangers: &Strangers) -> Result<Self, ResolveError> {
        let named = std::env::var_os("UV").filter(|value| !value.is_empty()).map(PathBuf::from);
        match named {
            Some(program) if !program.is_absolute() || strangers.own(&program) => {
                let message = "expected a program with an absolute path outside of the repository".to_owned();
                Err(ResolveError::Unusable { program: crate::base::Text::of_path(&program).into(), message })
            }
            Some(program) => Self::with_user(program, strangers),
            None => Self::first(strangers.program("uv").into_iter().chain(beside("uv")), strangers),
        }
    }

    /// The first that will do; else what is wrong with the first.
    fn first(mut programs: impl Iterator<Item = PathBuf>, strangers: &Strangers) -> Result<Self, ResolveError> {
        let found = Self::with_user(programs.next().ok_or(ResolveError::NoUv)?, strangers);
        found.or_else(|error| programs.find_map(|next| Self::with_user(next, strangers).ok()).ok_or(error))
    }

    /// The uv that is a program.
    ///
    /// # Errors
    ///
    /// It cannot be run, or it is older than [`OLDEST`].
    pub fn at(program: PathBuf) -> Result<Self, ResolveError> {
        Self::with_user(program, &Strangers::none())
    }

    fn with_user(program: PathBuf, strangers: &Strangers) -> Result<Self, ResolveError> {
        let shown = crate::base::Text::of_path(&program);
        let unusable = |message: String| ResolveError::Unusable { program: shown.clone().into(), message };
        let mut run = Run::bare(&program, strangers).map_err(|error| unusable(no_folder(&error)))?;
        run.command.arg("--version");
        let (status, stdout, stderr) = converse(run.command, "", Instant::now() + VERSION_WAIT).map_err(&unusable)?;
        if !status.success() {
            return Err(unusable(format!("`uv --version` failed: {}", shortened(&stderr))));
        }
        let version = parse_version(&stdout)
            .ok_or_else(|| unusable("expected `uv` and a version from `uv --version`, found another answer".into()))?;
        if version < OLDEST {
            let text = |(a, b, c): (u64, u64, u64)| format!("{a}.{b}.{c}");
            return Err(ResolveError::Old {
                program: shown.clone().into(),
                found: text(version),
                oldest: text(OLDEST),
            });
        }
        let user = User::read(strangers);
        let access = user.access.clone();
        Ok(Self { program, version, user: Arc::new(user), given: Vec::new(), access, answers: Answers::default() })
    }

    /// With more of an environment: `(name, value)`. Indexes that are named there are the only ones.
    #[must_use]
    pub fn with(mut self, environment: Vec<(String, OsString)>) -> Self {
        for (_, value) in environment.iter().filter(|(name, _)| PLACES.contains(&name.as_str())) {
            let words = value.to_str().unwrap_or_default().split([' ', '\n', ',']);
            words.for_each(|word| self.access.add_url(word));
        }
        self.given.extend(environment);
        self
    }

    /// With credentials that stand elsewhere.
    #[must_use]
    pub(super) fn with_access(mut self, add: impl FnOnce(&mut Access)) -> Self {
        add(&mut self.access);
        self
    }

    /// Whether [`Uv::with`] has said where to look.
    pub(super) fn knows_its_index(&self) -> bool {
        self.given.iter().any(|(name, _)| PLACES.contains(&name.as_str()))
    }

    /// Whether a variable is set for it.
    pub(super) fn has_variable(&self, name: &str) -> bool {
        self.user.environment.contains_key(name) || self.given.iter().any(|(other, _)| other == name)
    }

    /// Its program.
    pub(super) fn file(&self) -> &Path {
        &self.program
    }

    /// What [`Uv::with`] added.
    pub(super) fn given(&self) -> &[(String, OsString)] {
        &self.given
    }

    /// What the user has told it.
    pub(super) fn user(&self) -> &User {
        &self.user
    }

    /// The settings of the user's files, unless they are not to count.
    pub(super) fn settings(&self) -> toml::Table {
        if self.given.iter().any(|(name, _)| name == "UV_NO_CONFIG") {
            toml::Table::new()
        } else {
            self.user.settings.clone()
        }
    }

    /// Who may be told which secret.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// The indexes that it looks in, in order; none where it is told of none.
    pub(super) fn indexes(&self) -> Vec<String> {
        let words = |name: &str| {
            let given = self.given.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value);
            let value = given.or_else(|| self.user.environment.get(name)).and_then(|value| value.to_str());
            let words = value.unwrap_or_default().split([' ', '\n']).filter(|word| word.contains("://"));
            words.map(|word| named(word).1.to_owned()).collect::<Vec<_>>()
        };
        let settings = self.settings();
        let listed = settings.get("index").and_then(toml::Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let (usual, extra): (Vec<_>, Vec<_>) =
            listed.iter().partition(|index| index.get("default").and_then(toml::Value::as_bool) == Some(true));
        let urls = |indexes: Vec<&toml::Value>| {
            let urls = indexes.into_iter().filter_map(|index| index.get("url")?.as_str().map(str::to_owned));
            urls.collect::<Vec<_>>()
        };
        let of_variables = ["UV_INDEX", "UV_EXTRA_INDEX_URL"].map(words).concat();
        let default = [words("UV_DEFAULT_INDEX"), words("UV_INDEX_URL"), urls(usual)];
        let default = default.into_iter().find(|found| !found.is_empty()).unwrap_or_default();
        [of_variables, urls(extra), default].concat()
    }

    /// Its version: `0.13.9`.
    pub fn version(&self) -> String {
        let (a, b, c) = self.version;
        format!("{a}.{b}.{c}")
    }

    /// Locks requirements, a line each, without what they require. No package is built or downloaded for that.
    pub(super) fn lock(&self, requirements: &str, ask: Ask<'_>) -> Outcome {
        match self.try_lock(requirements, ask) {
            Ok(outcome) => outcome,
            Err(message) => Outcome::Failed(message),
        }
    }

    fn try_lock(&self, requirements: &str, ask: Ask<'_>) -> Result<Outcome, String> {
        let place = ask.index.map_or(Where::Everywhere(&[]), Where::Only);
        let mut run = Run::compile(self, place, None).map_err(|error| no_folder(&error))?;
        let command = &mut run.command;
        command.args(["--no-deps", "--python-version", &ask.platform.python]);
        match ask.universal {
            true => command.arg("--universal"),
            false => command.args(["--no-universal", "--python-platform", &ask.platform.triple()]),
        };
        command.args(["--resolution", if ask.lowest { "lowest" } else { "highest" }]);
        match run.lock_of(requirements, ask.deadline)? {
            Ok((text, stderr)) => {
                let packages = parse_lock(&text).map_err(|error| format!("uv's lock: {error}"))?;
                Ok(Outcome::Locked(packages, yanked(&stderr)))
            }
            Err(stderr) => Ok(Outcome::Failed(stderr)),
        }
    }
}

impl Run {
    /// Runs it to its end: the lock and what was said beside it, or what was said instead of one. The outer error says that
    /// it came to no end.
    pub(super) fn lock_of(
        self,
        requirements: &str,
        deadline: Instant,
    ) -> Result<Result<(String, String), String>, String> {
        let file = self.lock();
        let Self { command, folder: _folder } = self;
        let (status, _, stderr) = converse(command, requirements, deadline)?;
        if !status.success() {
            return Ok(Err(stderr));
        }
        let lock = std::fs::File::open(&file).map_err(|error| format!("uv wrote no lock: {error}"))?;
        let mut text = String::new();
        lock.take(MAX_ANSWER).read_to_string(&mut text).map_err(|error| format!("uv's lock: {error}"))?;
        Ok(Ok((text, stderr)))
    }
}

/// Why there is no place to run it.
pub(super) fn no_folder(error: &std::io::Error) -> String {
    format!("no temporary folder: {error}")
}

/// `uv 0.13.9 (x86_64-unknown-linux-gnu)` as `(0, 13, 9)`.
fn parse_version(text: &str) -> Option<(u64, u64, u64)> {
    let version = text.trim().strip_prefix("uv ")?.split_whitespace().next()?;
    let number = |part: &str| part.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
    let mut parts = version.splitn(3, '.').map(number);
    Some((parts.next()??, parts.next()??, parts.next()??))
}

/// The packages that uv warns of: ``warning: `attrs==21.1.0` is yanked (reason: "…")``.
fn yanked(stderr: &str) -> Vec<(String, String, String)> {
    let row = |line: &str| {
        let (_, rest) = line.split_once('`')?;
        let (pin, rest) = rest.split_once("` is yanked")?;
        let (name, version) = pin.split_once("==")?;
        let reason = rest.split_once("reason: \"").map_or("", |(_, reason)| reason);
        let reason = reason.trim_end().trim_end_matches(')').trim_end_matches('"');
        Some((name.to_owned(), version.to_owned(), cut(&masked(reason), 200)))
    };
    stderr.lines().filter_map(row).collect()
}

/// uv's own words about a failure, in one line: without its decoration, cut, and without secrets.
pub(super) fn shortened(stderr: &str) -> String {
    // Its sentences may be broken over lines anywhere.
    let whole = stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let has = |phrase: &str| whole.contains(phrase);
    // What uv concludes from them says nothing of the wall.
    if has("401 Unauthorized") {
        return "it asks for credentials, and was given none that it takes (401)".to_owned();
    }
    if has("403 Forbidden") {
        return "it refuses to answer (403): a wall is between, or the credentials are for something else".to_owned();
    }
    let untrusted = has("peer certificate") || has("UnknownIssuer");
    let more = if untrusted { "; SSL_CERT_FILE names a file of your own CA, outside of the repository" } else { "" };
    let decoration = |c: char| c.is_whitespace() || "×╰─▶│├".contains(c);
    let lines = stderr.lines().map(|line| line.trim_matches(decoration)).filter(|line| !line.is_empty());
    let strip = |line: &str| {
        let line = line.strip_prefix("error: ").or_else(|| line.strip_prefix("cause: ")).unwrap_or(line);
        line.trim_start_matches("Caused by: ").to_owned()
    };
    let told = |line: &&str| !line.starts_with("warning:") && !line.starts_with("hint:");
    // How often it tried, and how long, says nothing of the index.
    let counted = |line: &String| line.starts_with("Request failed after");
    let words: Vec<String> = lines.filter(told).map(strip).filter(|line| !counted(line)).collect();
    // The first says what, the last why; what is between repeats both.
    let text = match words.as_slice() {
        [] => "it said nothing".to_owned(),
        [first, .., last] if first.len() + last.len() < 160 && words.len() > 3 => format!("{first}: {last}"),
        few => few.join(" "),
    };
    cut(&masked(&text), 240) + more
}

pub(super) fn cut(text: &str, most: usize) -> String {
    let text = Text::from(text);
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(parse_version("uv 0.13.9 (x86_64-unknown-linux-gnu)\n"), Some((0, 13, 9)));
        assert_eq!(parse_version("uv 0.7.0"), Some((0, 7, 0)));
        assert_eq!(parse_version("uv 1.0.0-rc.1"), Some((1, 0, 0)));
        assert_eq!((parse_version("pip 24.0"), parse_version("uv x"), parse_version("")), (None, None, None));
    }

    #[test]
    fn a_failure_is_told_in_a_line() {
        let stderr = "error: Failed to fetch: https://u:p@127.0.0.1:1/simple/bar/\n  cause: error sending request\n  \
                      cause: client error (Connect)\n  cause: Connection refused\n";
        assert_eq!(shortened(stderr), "Failed to fetch: https://****@127.0.0.1:1/simple/bar/: Connection refused");
        let old = "  × No solution found when resolving dependencies:\n  ╰─▶ Because there is no version of a==1";
        assert_eq!(
            shortened(old),
            "No solution found when resolving dependencies: Because there is no version of a==1"
        );
    }

    #[test]
    fn a_wall_is_told_as_one() {
        let hint = |what: &str| {
            format!(
                "error: No solution found when resolving dependencies\n  cause: Because six was not found in the package registry and \
                 you require six==1.16.0, we can conclude that your requirements are unsatisfiable.\n\nhint: An index URL \
                 (http://127.0.0.1:1/simple) could not be queried due to {what}"
            )
        };
        let told = shortened(&hint("a lack of valid authentication credentials (401\n  Unauthorized)"));
        assert_eq!(told, "it asks for credentials, and was given none that it takes (401)");
        assert!(shortened(&hint("a 403 Forbidden error")).starts_with("it refuses to answer (403)"));
        let untrusted =
            "error: Failed to fetch: https://a.example/simple/\n  cause: invalid peer certificate: UnknownIssuer";
        assert!(shortened(untrusted).ends_with("SSL_CERT_FILE names a file of your own CA, outside of the repository"));
    }

    #[test]
    fn yanked_packages_are_named_with_their_reasons() {
        let stderr =
            "Resolved 2 packages\nwarning: `a==1` is yanked (reason: \"bad (very)\")\nwarning: `b==2` is yanked\n";
        let row = |name: &str, version: &str, reason: &str| (name.to_owned(), version.to_owned(), reason.to_owned());
        assert_eq!(yanked(stderr), [row("a", "1", "bad (very)"), row("b", "2", "")]);
    }
}
