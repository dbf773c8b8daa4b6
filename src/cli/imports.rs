//! Programs of images, run in the engine that has them: for `verify` what survives in both images is imported, and the original's
//! failures are the baseline; for `imports` a module at a time.

use super::pipeline::interpreter;
use crate::base::Text;
use crate::emit::{SmokeFacts, smoke_script};
use crate::facts::Facts;
use crate::imports::{Compared, PROBE, TOGETHER, Together};
use crate::verify::Check;
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What an image may say while it imports, in bytes on each stream.
const MAX_OUTPUT: u64 = 8 << 20;
/// How long it may take. Importing large frameworks on a busy machine takes minutes.
const DEADLINE: Duration = Duration::from_secs(15 * 60);
/// How long an engine may take to remove a container.
const REMOVAL: Duration = Duration::from_secs(60);

/// How long measuring what imports cost may take in one image.
const MEASURED: Duration = Duration::from_secs(5 * 60);
/// The memory that it may take, in bytes.
const MEASURED_MEMORY: u64 = 4 << 30;

/// What may be run in an engine.
pub(super) struct Trial<'a> {
    /// The engine's own client: `docker` or `podman`.
    pub client: PathBuf,
    /// The original's name in the engine, and its facts.
    pub before: (&'a str, &'a Facts<'a>),
    /// The rebuilt one's.
    pub after: (&'a str, &'a Facts<'a>),
    /// The plan's own smoke test, if there is one.
    pub script: Option<String>,
}

/// The first client on the PATH.
pub(super) fn client() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    ["docker", "podman"].iter().find_map(|name| folders.iter().map(|dir| dir.join(name)).find(|file| file.is_file()))
}

impl Trial<'_> {
    /// Runs both, without a network. `note` is told what is under way.
    pub(super) fn run(&self, note: &dyn Fn(&str)) -> Check {
        match self.try_run(note) {
            Ok(check) => check,
            Err(why) => Check::skipped("imports", format!("not tried: {why}")),
        }
    }

    fn try_run(&self, note: &dyn Fn(&str)) -> io::Result<Check> {
        let script = self.script.clone().unwrap_or_else(|| smoke_script(&self.survivors()));
        let folder = tempfile::tempdir()?;
        // Whoever the image's user is writes there.
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
        note("importing in the original");
        let before = self.import(self.before, &script, folder.path(), &["--record", "/slimwright/before.json"])?;
        if !folder.path().join("before.json").is_file() {
            return Err(io::Error::other(format!("the original gave no baseline: {}", last_line(&before))));
        }
        note("importing in the rebuilt image");
        let after = self.import(self.after, &script, folder.path(), &["--baseline", "/slimwright/before.json"])?;
        let text = String::from_utf8_lossy(&after.stdout).into_owned();
        let failed: Vec<Text> =
            text.lines().filter(|line| line.starts_with("FAILED")).map(crate::base::Text::from).collect();
        let counts = last_line(&after);
        let mut check = Check::of("imports", "", 0, failed);
        check.summary = format!("in the engine: {counts}").into();
        if !after.status.success() && check.losses.is_empty() {
            check = Check::of("imports", "", 0, vec![counts.clone()]);
            check.summary = "the smoke test failed".into();
        }
        Ok(check)
    }

    /// What importing costs in both: the modules of the original's distributions that nothing else requires, all in one interpreter
    /// of each image. Nothing where one of them cannot tell.
    pub(super) fn cost(&self, note: &dyn Fn(&str)) -> io::Result<Option<Compared>> {
        note("measuring what imports cost in the original");
        let before = self.together(self.before, &[])?;
        let good = before.good();
        if good.is_empty() {
            return Ok(None);
        }
        note("measuring what imports cost in the rebuilt image");
        Ok(before.compared(&self.together(self.after, &good)?))
    }

    fn together(&self, (image, facts): (&str, &Facts<'_>), modules: &[&str]) -> io::Result<Together> {
        let python =
            interpreter(facts).ok_or_else(|| io::Error::other("no Python interpreter was found in the image"))?;
        let asked = serde_json::to_string(modules)?;
        let run = Confined {
            client: &self.client,
            image,
            program: &python,
            arguments: &["-", &asked, &MEASURED.as_secs().to_string(), TOGETHER],
            script: PROBE,
            memory: MEASURED_MEMORY,
            deadline: MEASURED + REMOVAL,
        };
        let output = run.output()?;
        if !output.status.success() {
            return Err(io::Error::other(last_line(&output)));
        }
        Together::parse(&output.stdout).map_err(io::Error::other)
    }

    /// Modules of the distributions that both have.
    fn survivors(&self) -> SmokeFacts {
        let (before, after) = (self.before.1, self.after.1);
        let mut modules: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for dist in &before.python.distributions {
            let stays = after.python.named(&dist.normalized).next().is_some();
            if stays && !dist.modules.is_empty() {
                modules.insert(dist.name.clone(), dist.modules.clone());
            }
        }
        SmokeFacts { modules, modules_before: crate::plan::modules_before(before), ..SmokeFacts::default() }
    }

    fn import(
        &self,
        (image, facts): (&str, &Facts<'_>),
        script: &str,
        folder: &Path,
        options: &[&str],
    ) -> io::Result<Output> {
        let python =
            interpreter(facts).ok_or_else(|| io::Error::other("no Python interpreter was found in the image"))?;
        let name = container_name("verify");
        let mut command = Command::new(&self.client);
        command.args(["run", "--rm", "--name", &name, "-i", "--network", "none", "--volume"]);
        command
            .arg(format!("{}:/slimwright", folder.display()))
            .args(["--entrypoint", &python, image, "-"])
            .args(options);
        converse(&self.client, &name, command, script, DEADLINE)
    }
}

/// A program of an image, run in a container of its own: no network, nothing of the image is written to, bounded memory and time.
pub(super) struct Confined<'a> {
    /// The engine's own client.
    pub client: &'a Path,
    /// The image's name or ID in the engine.
    pub image: &'a str,
    /// The program, in the place of the image's entry point.
    pub program: &'a str,
    /// Its arguments.
    pub arguments: &'a [&'a str],
    /// What it reads.
    pub script: &'a str,
    /// The limit on memory, without swap, in bytes.
    pub memory: u64,
    /// How long it may take.
    pub deadline: Duration,
}

impl Confined<'_> {
    /// Runs it.
    pub(super) fn output(&self) -> io::Result<Output> {
        let name = container_name("imports");
        let memory = self.memory.to_string();
        let mut command = Command::new(self.client);
        command.args(["run", "--rm", "--name", &name, "-i", "--pull", "never", "--network", "none", "--read-only"]);
        command.args(["--tmpfs", "/tmp", "--memory", &memory, "--memory-swap", &memory, "--pids-limit", "512"]);
        command.args([
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges",
            "--entrypoint",
            self.program,
            self.image,
        ]);
        command.args(self.arguments);
        converse(self.client, &name, command, self.script, self.deadline)
    }
}

fn container_name(what: &str) -> String {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    format!("slimwright-{what}-{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed))
}

/// Gives a container its script, and what it says. One that does not end in time is removed.
fn converse(client: &Path, name: &str, mut command: Command, script: &str, deadline: Duration) -> io::Result<Output> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let text = script.to_owned();
    // Whoever does not read the script says why on its stderr.
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = bounded_output(child, deadline);
    if output.is_err() {
        // The client is gone; what it started is not.
        let mut remove = Command::new(client);
        remove.args(["rm", "--force", name]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let _ = remove.spawn().and_then(|child| bounded_output(child, REMOVAL));
    }
    let _ = writer.join();
    output
}

/// What a child said, if it ends in time and does not say more than anybody needs; else it is ended.
fn bounded_output(mut child: Child, deadline: Duration) -> io::Result<Output> {
    let (told, failed) = mpsc::channel();
    let stdout = child.stdout.take().map(|pipe| read_bounded(pipe, told.clone()));
    let stderr = child.stderr.take().map(|pipe| read_bounded(pipe, told));
    let end = Instant::now() + deadline;
    let mut open = usize::from(stdout.is_some()) + usize::from(stderr.is_some());
    let mut wrong = None;
    while open > 0 && wrong.is_none() {
        match failed.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(true) => open -= 1,
            Ok(false) => wrong = Some(format!("it printed more than {MAX_OUTPUT} bytes")),
            Err(_) => wrong = Some(format!("it was not done after {} seconds", deadline.as_secs())),
        }
    }
    if let Some(why) = wrong {
        let _ = child.kill();
        let _ = child.wait();
        return Err(io::Error::other(why));
    }
    let text = |reader: Option<JoinHandle<Vec<u8>>>| reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
    Ok(Output { stdout: text(stdout), stderr: text(stderr), status: child.wait()? })
}

/// Reads to the end or to the bound, and tells which of them it was.
fn read_bounded(pipe: impl io::Read + Send + 'static, told: mpsc::Sender<bool>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut out = Vec::new();
        let read = pipe.take(MAX_OUTPUT + 1).read_to_end(&mut out);
        let _ = told.send(read.is_err() || out.len() as u64 <= MAX_OUTPUT);
        out
    })
}

/// The last line of what was said, whichever way.
fn last_line(output: &Output) -> String {
    let last = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(crate::base::Text::from)
    };
    last(&output.stdout).or_else(|| last(&output.stderr)).unwrap_or_else(|| output.status.to_string().into()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(script: &str) -> Child {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        shell.spawn().expect("a shell")
    }

    #[test]
    fn what_an_image_says_and_how_long_it_takes_are_bounded() {
        let whole = bounded_output(started("echo one; echo two >&2"), DEADLINE).expect("an output");
        assert_eq!((&whole.stdout[..], &whole.stderr[..]), (&b"one\n"[..], &b"two\n"[..]));
        let error = bounded_output(started("exec yes"), DEADLINE).expect_err("too much").to_string();
        assert_eq!(error, "it printed more than 8388608 bytes");
        let error =
            bounded_output(started("exec tail -f /dev/null"), Duration::ZERO).expect_err("too long").to_string();
        assert_eq!(error, "it was not done after 0 seconds");
    }
}
