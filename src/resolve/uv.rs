//! uv as a subprocess: found, checked, run for a bounded time, and understood when it fails.
//!
//! uv is run and not linked, because its maintainers promise stability for its command line alone. Which indexes,
//! credentials and certificates it uses is the user's affair: it reads the user's configuration, and where that
//! names no index of its own, pip's is handed on ([`super::pip`]). What would change the meaning of a look-up, and
//! not the place of it (overrides, resolution strategies), is left out of its environment.

use super::lock::{LockedPackage, parse_lock};
use super::{Platform, ResolveError};
use crate::base::{escape_str, masked};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The oldest version whose command line and lock files are those that are used here.
pub const OLDEST: (u64, u64, u64) = (0, 7, 0);

/// Largest answer that is read, in bytes.
pub(super) const MOST_ANSWER: u64 = 64 << 20;

/// How long uv may take to say its version.
const VERSION_WAIT: Duration = Duration::from_secs(20);

/// Settings of uv's that say how to resolve, not where to look.
pub(super) const STRATEGIES: [&str; 17] = [
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_EXCLUDE",
    "UV_EXCLUDES",
    "UV_BUILD_CONSTRAINT",
    "UV_RESOLUTION",
    "UV_PRERELEASE",
    "UV_FORK_STRATEGY",
    "UV_TORCH_BACKEND",
    "UV_NO_BUILD",
    "UV_NO_BINARY",
    "UV_NO_BUILD_PACKAGE",
    "UV_NO_BINARY_PACKAGE",
    "UV_REQUIRE_HASHES",
    "UV_PYTHON",
    "UV_CUSTOM_COMPILE_COMMAND",
    "UV_SYSTEM_PYTHON",
];

/// What names uv's indexes in its environment.
pub(super) const PLACES: [&str; 6] =
    ["UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX"];

/// uv, of a version that will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uv {
    program: PathBuf,
    version: (u64, u64, u64),
    /// More of its environment: pip's indexes.
    environment: Vec<(String, OsString)>,
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
    /// The `uv` that the variable `UV` names, or the first one in `PATH`.
    ///
    /// # Errors
    ///
    /// There is none, it cannot be run, or it is older than [`OLDEST`].
    pub fn find() -> Result<Self, ResolveError> {
        let named = std::env::var_os("UV").filter(|value| !value.is_empty()).map(PathBuf::from);
        Self::at(named.or_else(|| in_path("uv")).ok_or(ResolveError::NoUv)?)
    }

    /// The uv that is a program.
    ///
    /// # Errors
    ///
    /// It cannot be run, or it is older than [`OLDEST`].
    pub fn at(program: PathBuf) -> Result<Self, ResolveError> {
        let mut command = Command::new(&program);
        command.arg("--version");
        let shown = escape_str(&program.display().to_string());
        let unusable = |message: String| ResolveError::Unusable { program: shown.clone(), message };
        let (status, stdout, stderr) = converse(command, "", Instant::now() + VERSION_WAIT).map_err(unusable)?;
        if !status.success() {
            return Err(unusable(format!("`uv --version` failed: {}", shortened(&stderr))));
        }
        let version = parse_version(&stdout)
            .ok_or_else(|| unusable("expected `uv` and a version from `uv --version`, found another answer".into()))?;
        if version < OLDEST {
            let text = |(a, b, c): (u64, u64, u64)| format!("{a}.{b}.{c}");
            return Err(ResolveError::Old { program: shown.clone(), found: text(version), oldest: text(OLDEST) });
        }
        Ok(Self { program, version, environment: Vec::new() })
    }

    /// With more of an environment: `(name, value)`. Indexes that are named there are the only ones.
    #[must_use]
    pub fn with(mut self, environment: Vec<(String, OsString)>) -> Self {
        self.environment.extend(environment);
        self
    }

    /// Whether [`Uv::with`] has said where to look.
    pub(super) fn knows_its_index(&self) -> bool {
        self.environment.iter().any(|(name, _)| PLACES.contains(&name.as_str()))
    }

    /// What [`Uv::with`] added.
    pub(super) fn environment(&self) -> &[(String, OsString)] {
        &self.environment
    }

    /// A command that runs it.
    pub(super) fn program(&self) -> Command {
        Command::new(&self.program)
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
        // uv would write where the user's configuration says, and read what is there.
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let file = folder.path().join("pylock.toml");
        let mut command = self.command(&file, ask);
        if let Some(index) = ask.index {
            without(&mut command, &PLACES);
            // In the environment, where other users of the machine do not see it.
            command.arg("--no-config").env("UV_DEFAULT_INDEX", index);
        }
        let (status, _, stderr) = converse(command, requirements, ask.deadline)?;
        if !status.success() {
            return Ok(Outcome::Failed(stderr));
        }
        let lock = std::fs::File::open(&file).map_err(|error| format!("uv wrote no lock: {error}"))?;
        let mut text = String::new();
        lock.take(MOST_ANSWER).read_to_string(&mut text).map_err(|error| format!("uv's lock: {error}"))?;
        let packages = parse_lock(&text).map_err(|error| format!("uv's lock: {error}"))?;
        Ok(Outcome::Locked(packages, yanked(&stderr)))
    }

    fn command(&self, file: &Path, ask: Ask<'_>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["pip", "compile", "-", "--format", "pylock.toml", "--no-deps"]);
        command.args(["--no-python-downloads", "--no-progress", "--color", "never", "--no-header", "--no-annotate"]);
        command.args(["--python-version", &ask.platform.python]);
        match ask.universal {
            true => command.arg("--universal"),
            false => command.args(["--no-universal", "--python-platform", &ask.platform.triple()]),
        };
        command.args(["--resolution", if ask.lowest { "lowest" } else { "highest" }]);
        command.arg("--output-file").arg(file);
        without(&mut command, &STRATEGIES);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        // An index that is not there is to be noticed soon, most of all one that not everybody can reach.
        if std::env::var_os("UV_HTTP_RETRIES").is_none() {
            command.env("UV_HTTP_RETRIES", if ask.index.is_some() { "0" } else { "1" });
        }
        command
    }
}

pub(super) fn without(command: &mut Command, names: &[&str]) {
    for name in names {
        command.env_remove(name);
    }
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // What lies in the folder that one happens to be in is not run.
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(program)).find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// `uv 0.13.9 (x86_64-unknown-linux-gnu)` as `(0, 13, 9)`.
fn parse_version(text: &str) -> Option<(u64, u64, u64)> {
    let version = text.trim().strip_prefix("uv ")?.split_whitespace().next()?;
    let number = |part: &str| part.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
    let mut parts = version.splitn(3, '.').map(number);
    Some((parts.next()??, parts.next()??, parts.next()??))
}

/// Runs a command with an input until it ends or the deadline has come. The error says in words what went wrong.
pub(super) fn converse(
    mut command: Command,
    input: &str,
    deadline: Instant,
) -> Result<(ExitStatus, String, String), String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("it could not be started: {error}"))?;
    let finished = talk(&mut child, input, deadline);
    if finished.is_err() {
        // Whatever it was doing, nobody waits for it any more. It may just have ended.
        let _ = child.kill();
        let _ = child.wait();
    }
    finished
}

fn talk(child: &mut Child, input: &str, deadline: Instant) -> Result<(ExitStatus, String, String), String> {
    let late = || "uv did not answer in time".to_owned();
    let (stdin, input) = (child.stdin.take(), input.to_owned());
    // One that does not read says why on stderr.
    std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let left = || deadline.saturating_duration_since(Instant::now());
    let stdout = stdout.recv_timeout(left()).map_err(|_| late())?;
    let stderr = stderr.recv_timeout(left()).map_err(|_| late())?;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok((status, stdout, stderr)),
            Ok(None) if left().is_zero() => return Err(late()),
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn reader(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            // What came before a failure is all there is.
            let _ = stream.take(MOST_ANSWER).read_to_end(&mut bytes);
        }
        let _ = send.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receive
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
    cut(&masked(&text), 240)
}

pub(super) fn cut(text: &str, most: usize) -> String {
    let text = escape_str(text);
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
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
    fn yanked_packages_are_named_with_their_reasons() {
        let stderr =
            "Resolved 2 packages\nwarning: `a==1` is yanked (reason: \"bad (very)\")\nwarning: `b==2` is yanked\n";
        let row = |name: &str, version: &str, reason: &str| (name.to_owned(), version.to_owned(), reason.to_owned());
        assert_eq!(yanked(stderr), [row("a", "1", "bad (very)"), row("b", "2", "")]);
    }
}
