//! `slimwright compose` and `slimwright memory`: what runs, and what files say of it.

use super::common::{Plain, Print};
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use std::path::PathBuf;

pub(super) const COMPOSE_EXAMPLES: &str = "\
Examples:
  slimwright compose                                      the files of this folder, as `docker compose` finds them
  slimwright compose deploy/                              those of another folder
  slimwright compose base.yaml prod.yaml --profile gpu    named files, one laid over the other
  slimwright compose --host-memory '16 GiB' --host-swap '0 B'    held against another host than the engine's
  slimwright compose --format json --no-engine
  slimwright compose --images                             and what the images of the services could do without
  slimwright compose --rules alerts.yml                   and check Prometheus rules
  slimwright compose --measured work.mem                  held against what was measured under work
  slimwright compose --measured work.mem -o deploy/       and an override with limits, rules for Prometheus, their tests

Files that a Compose file names are read below the repository that it is in (--root DIR for another folder), and nothing is
fetched; --images alone asks package indexes and registries for what a build would install. Exit code 1: a finding of the level of --fail-on, or a worse one. Exit code 2: Docker Compose could not read the files.";

pub(super) const MEMORY_EXAMPLES: &str = "\
Examples:
  slimwright memory                                       all running containers, once
  slimwright memory shop-worker-1 --for 10m -o before.mem    over time, under work
  slimwright memory 4711                                  a process and those below it
  slimwright memory /system.slice/worker.service          a cgroup
  slimwright memory diff before.mem after.mem             is that like for like, and what changed

Linux, on the machine where the processes run. Without root, what other users' processes share cannot be read: that is said, and
is not zero. Units are binary, as container engines show memory: 1 MiB = 1048576 bytes.";

/// `slimwright compose`.
#[derive(Debug, ClapArgs)]
pub struct Compose {
    /// Compose files, laid over one another, or one folder; without any, those that `docker compose` would find here; - for stdin
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// A Compose file, as `docker compose -f`; may be repeated, and comes before FILE
    #[arg(long = "file", short, value_name = "FILE")]
    pub more_files: Vec<PathBuf>,
    /// The project's folder, if it is not that of the first file
    #[arg(long, value_name = "DIR")]
    pub project_directory: Option<PathBuf>,
    /// The project's name
    #[arg(long, short, value_name = "NAME")]
    pub project_name: Option<String>,
    /// A profile that is on, * for all; may be repeated
    #[arg(long, value_name = "NAME")]
    pub profile: Vec<String>,
    /// A file of variables in place of .env; may be repeated
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
    /// The folder below which files may be read that a Compose file names, if it is not its repository
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// A file of Prometheus rules that is checked, too; may be repeated
    #[arg(long, value_name = "FILE")]
    pub rules: Vec<PathBuf>,
    /// A measurement of `slimwright memory -o`: what each service and its workers need, and the limits that follow
    #[arg(long, value_name = "FILE")]
    pub measured: Option<PathBuf>,
    /// Write an override with limits from what was measured, rules for Prometheus, and their tests; DIR must be absent or empty
    #[arg(long, short, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Overwrite the files in DIR that are written
    #[arg(long, requires = "output")]
    pub force: bool,
    /// Audit the images of the services that run, too: from the engine where it has them, else predicted from the build context
    #[arg(long)]
    pub images: bool,
    /// Ask no container engine for the host, and for what runs
    #[arg(long)]
    pub no_engine: bool,
    /// The memory of the host, for example "16 GiB", if it is not the engine's
    #[arg(long, value_name = "SIZE")]
    pub host_memory: Option<String>,
    /// The swap of the host; "0 B" for none
    #[arg(long, value_name = "SIZE")]
    pub host_swap: Option<String>,
    /// The processors of the host
    #[arg(long, value_name = "COUNT")]
    pub host_cpus: Option<f64>,
    /// The cgroup version of the host
    #[arg(long, value_name = "VERSION")]
    pub cgroup: Option<CgroupVersion>,
    /// The level of findings from which on the exit code is 1
    #[arg(long, value_name = "LEVEL", default_value = "error")]
    pub fail_on: FailOn,
    /// How to print.
    #[command(flatten)]
    pub print: Print,
    /// What to write: text or json
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Plain,
}

pub(super) const IMPORTS_EXAMPLES: &str = "\
Examples:
  slimwright imports my-service:1.4                       the top-level modules of what nothing else requires
  slimwright imports my-service:1.4 numpy pandas app.tasks    in this order
  slimwright imports shop-worker-1 app.tasks              the image of a running container
  slimwright imports my-service:1.4 torch --memory '4 GiB' --format json

The image's own Python runs in a container of its own: without network, the image read-only, with bounded memory and time. So its
code runs: name only images that you trust to run. A running container is left alone; what was changed in it is not in its image.
Exit code 3: a module that was named could not be imported.";

/// `slimwright imports`.
#[derive(Debug, ClapArgs)]
pub struct Imports {
    /// An image of the container engine, or a container, whose image is taken
    #[arg(value_name = "IMAGE|CONTAINER")]
    pub target: String,
    /// Modules, in the order in which they are imported together; without any, those of distributions that nothing requires
    #[arg(value_name = "MODULE")]
    pub modules: Vec<String>,
    /// The image's interpreter, if it is not the `python3` or `python` of its PATH
    #[arg(long, value_name = "PATH")]
    pub python: Option<String>,
    /// The memory that it may take
    #[arg(long, value_name = "SIZE", default_value = "2 GiB")]
    pub memory: String,
    /// The seconds that it may take
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub time: u64,
    /// How to print.
    #[command(flatten)]
    pub print: Print,
    /// What to write: text or json
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Plain,
}

/// `slimwright memory`.
#[derive(Debug, ClapArgs)]
pub struct Memory {
    /// Compare two measurements instead.
    #[command(subcommand)]
    pub action: Option<MemoryAction>,
    /// Containers by name, ID or service of Compose, process IDs, or cgroups (/PATH); without any, all running containers
    #[arg(value_name = "NAME|PID|CGROUP")]
    pub names: Vec<String>,
    /// How long to look, for example 90s, 10m, 2h; without it once
    #[arg(long = "for", value_name = "TIME")]
    pub duration: Option<String>,
    /// How often to look
    #[arg(long, value_name = "TIME", default_value = "1s")]
    pub every: String,
    /// How to print.
    #[command(flatten)]
    pub print: Print,
    /// What to write: text or json
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Plain,
    /// Keep the measurement in FILE, for `memory diff` and `compose --measured`
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Overwrite FILE
    #[arg(long)]
    pub force: bool,
}

/// What else `memory` does.
#[derive(Debug, Subcommand)]
pub enum MemoryAction {
    /// Compare two measurements, and say whether they are like for like
    #[command(after_help = "Exit code 3: the two were not in the same state, so that less is no saving.")]
    Diff(MemoryDiff),
}

/// `slimwright memory diff`.
#[derive(Debug, ClapArgs)]
pub struct MemoryDiff {
    /// The first measurement
    #[arg(value_name = "BEFORE")]
    pub before: PathBuf,
    /// The second
    #[arg(value_name = "AFTER")]
    pub after: PathBuf,
    /// A difference that is what was changed, and no accident; may be repeated
    #[arg(long, value_name = "WHAT")]
    pub meant: Vec<MeantChange>,
    /// How to print.
    #[command(flatten)]
    pub print: Print,
    /// What to write: text or json
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Plain,
}

/// A difference that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MeantChange {
    /// The number of processes
    Processes,
    /// Which libraries are loaded
    Libraries,
}

/// A version of cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CgroupVersion {
    /// One tree a controller
    V1,
    /// One tree
    V2,
}

/// From which level on findings fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Compose or the engine refuses it, or it is not in force
    Error,
    /// It does something else than it seems to
    Warning,
    /// Any finding
    Note,
    /// None
    Never,
}
