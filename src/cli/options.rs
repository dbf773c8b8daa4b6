//! The command line as clap reads it, with its help texts.

mod common;
mod deployment;
mod formats;

pub use common::{Asked, Color, Context, Found, Plain, Print, Profiles, Source};
pub use deployment::{CgroupVersion, Compose, FailOn, Imports, MeantChange, Memory, MemoryAction, MemoryDiff};
pub use formats::{AuditFormat, CheckFormat, DiffFormat};

use super::mistakes;
use crate::base::nearest_name;
use clap::{Args as ClapArgs, CommandFactory as _, Parser, Subcommand, ValueEnum};
use deployment::{COMPOSE_EXAMPLES, IMPORTS_EXAMPLES, MEMORY_EXAMPLES};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Audits container images of Python services, byte by byte, and plans small ones that really install.
#[derive(Debug, Parser)]
#[command(name = "slimwright", version, about, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// `slimwright IMAGE` is `slimwright audit IMAGE`. A word that may be a mistyped command stays what it is.
pub fn with_command(mut words: Vec<OsString>) -> Vec<OsString> {
    let Some(word) = words.get(1).map(|word| word.to_string_lossy().into_owned()) else { return words };
    let commands = Args::command();
    let names: Vec<&str> = commands.get_subcommands().map(clap::Command::get_name).chain(["help"]).collect();
    // Two words are a command and what it is for; what another tool calls so, too.
    let is_followed = || words.get(2).is_some_and(|next| !next.to_string_lossy().starts_with('-'));
    let near = || nearest_name(&word, names.iter().copied()).is_some();
    let mistyped = || (near() || is_followed() || mistakes::synonym(&word).is_some()) && !Path::new(&word).exists();
    let is_target = || word.contains([':', '/', '.']) || !mistyped();
    if !word.starts_with('-') && !names.contains(&word.as_str()) && is_target() {
        words.insert(1, "audit".into());
    }
    words
}

const EXIT_CODES: &str = "\
Exit codes: 0 fine, 1 the verdict is no, 2 usage or configuration, 3 could not measure.
Sizes are `unpacked` (the bytes of the layers' files) unless they say `wire` (compressed); 1 MB = 10^6 bytes.

Start with:
  slimwright my-service:latest                 audits an image of the engine, or of a registry
  slimwright .                                 audits what the Dockerfile here will build
  slimwright plan my-service:latest -o slim/";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say where an image's bytes are, what is wrong with it and what to do
    #[command(after_help = AUDIT_EXAMPLES)]
    Audit(Audit),
    /// Write the files that build a smaller image, and a report with the proof
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(Plan),
    /// Write the small image itself, without an engine
    #[command(after_help = APPLY_EXAMPLES)]
    Apply(Box<Apply>),
    /// Walk about in an image, in the terminal: owners, layers, findings and files, with the plan beside them
    #[command(after_help = EXPLORE_EXAMPLES)]
    Explore(Box<Explore>),
    /// Say who brought a distribution or package in, what it brings, and what it would take to be rid of it
    #[command(after_help = WHY_EXAMPLES)]
    Why(Why),
    /// Compare a rebuilt image with the original: what was lost, and whether the plan's sizes hold
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(Verify),
    /// Hold an image against the limits of slimwright.toml, and say what breaks them
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Box<Check>),
    /// Read Compose files as Docker Compose does, and say what is wrong with their memory
    #[command(after_help = COMPOSE_EXAMPLES)]
    Compose(Compose),
    /// Measure what containers and processes use of memory, and compare two measurements
    #[command(after_help = MEMORY_EXAMPLES, args_conflicts_with_subcommands = true)]
    Memory(Memory),
    /// Run an image's Python, and say what each import costs: time, own memory, shared pages
    #[command(after_help = IMPORTS_EXAMPLES)]
    Imports(Imports),
    /// Explain the difference of two images by its causes
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(Diff),
    /// Record what an audit needs of an image in one small file
    #[command(after_help = INDEX_EXAMPLES)]
    Index(Index),
    /// Explain a rule: why it matters, when not to follow it, what to do
    #[command(after_help = "Example:\n  slimwright explain torch-cuda")]
    Explain(Explain),
    /// List the rules
    Rules(Rules),
    /// Show or empty the cache of layer indexes
    Cache(Cache),
    /// Write a shell's completion script to stdout
    #[command(after_help = COMPLETIONS_HELP)]
    Completions(Completions),
    /// Write the man pages
    #[command(after_help = MAN_HELP)]
    Man(Man),
}

const AUDIT_EXAMPLES: &str = "\
Examples:
  slimwright audit docker-daemon:my-service:1.4           one screen, from the engine
  slimwright audit docker://registry.example.org/team/my-service:1.4
  docker save my-service:1.4 | slimwright audit -
  slimwright audit oci:./layout:latest --details          every layer and package, with the proof
  slimwright audit service.tar --format json -o audit.json
  slimwright audit dir:/mnt/rootfs
  slimwright audit context:.                              before the build";

const PLAN_EXAMPLES: &str = "\
Examples:
  slimwright plan service.tar -o slim/
  slimwright plan service.tar -o slim/ --accept development-tools --base python:3.11-slim
  slimwright plan service.tar -o slim/ --style pylock     install from a lock, with uv
  slimwright plan service.tar -o slim/ --force            write over the files of an earlier plan
  slimwright plan service.tar -o slim/ --dockerfile Dockerfile    edit your own Dockerfile
  slimwright plan context:. -o slim/                      the same, before the first build

DIR gets a Dockerfile, requirement files, a lock, smoke_test.py, REPORT.md and plan.json. Whether the pins can still
be installed is looked up with uv (in PATH, or named by UV) in the indexes that uv or pip is configured to use.
With --dockerfile the Dockerfile is yours with the edits made, and Dockerfile.diff has them for `patch -p1` and
`git apply`.";

const APPLY_EXAMPLES: &str = "\
Examples:
  slimwright apply service.tar -o oci:slim/
  slimwright apply service.tar --only deleted-bytes -o oci:slim/
  slimwright apply service.tar --only deleted-bytes --only pip-cache --only apt-lists-and-cache -o oci:slim/
  slimwright apply docker-daemon:my-service --only deleted-bytes -o docker-archive:slim.tar:my-service:slim
  slimwright apply service.tar --only deleted-bytes -o oci:slim/ --dry-run

OUTPUT is oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME:TAG]. What was written is read back and compared
with the prediction before it is at its place. Layers of the base image keep their digests.
Without --only the whole plan is carried out, as far as it can be without a build; what is left is said with its reason.";

const EXPLORE_EXAMPLES: &str = "\
Examples:
  slimwright explore docker-daemon:my-service:1.4
  slimwright explore service.tar --accept development-tools
  slimwright explore context:. --no-resolve               asks no package index

Inside, ? lists the keys: those of dive do what they do there. Space on a finding has the plan follow its rule, or leave
it, and the plan is made again. p writes the files that `slimwright plan` writes for the same choices.";

const WHY_EXAMPLES: &str = "\
Examples:
  slimwright why service.tar torch
  slimwright why service.tar cv2                          who brings the module
  slimwright why service.tar /opt/models                  whose the files are, and what made them
  slimwright why docker-daemon:my-service nvidia-cublas-cu12 --format json";

const VERIFY_EXAMPLES: &str = "\
Examples:
  slimwright verify docker-daemon:my-service docker-daemon:my-service:slim --plan slim/
  slimwright verify before.tar after.tar

Two images of an engine are run as well, without a network, to import what survives: not with --no-run.
Exit code 1: something was lost.";

const INDEX_EXAMPLES: &str = "\
Example:
  slimwright index service.tar -o service.index
  slimwright audit index:service.index

Of the image's environment only the names are recorded, and the values of PATH, PYTHON*, PIP_*, LANG and their like.
A plan from such an index leaves the others out of its Dockerfile and names them there: --env records them too.";

/// `slimwright audit`.
#[derive(Debug, ClapArgs)]
pub struct Audit {
    /// Which image.
    #[command(flatten)]
    pub source: Source,
    /// What was asked for.
    #[command(flatten)]
    pub asked: Asked,
    /// Which rules.
    #[command(flatten)]
    pub profiles: Profiles,
    /// How to print.
    #[command(flatten)]
    pub print: Print,
    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: AuditFormat,
    /// Write to FILE instead of stdout
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Overwrite FILE
    #[arg(long)]
    pub force: bool,
}

/// Which rules a plan follows, beside those that need nobody's consent.
#[derive(Debug, ClapArgs)]
pub struct Followed {
    /// Opt in: let the plan follow this rule; may be repeated
    #[arg(long, value_name = "RULE")]
    pub accept: Vec<String>,
    /// Keep the plan from following this rule; may be repeated
    #[arg(long, value_name = "RULE")]
    pub skip: Vec<String>,
}

/// `slimwright plan`.
#[derive(Debug, ClapArgs)]
pub struct Plan {
    /// Which image.
    #[command(flatten)]
    pub source: Source,
    /// What was asked for.
    #[command(flatten)]
    pub asked: Asked,
    /// Which rules.
    #[command(flatten)]
    pub profiles: Profiles,
    /// How to print.
    #[command(flatten)]
    pub print: Print,
    /// Where to write; must be absent or empty
    #[arg(long, short, value_name = "DIR")]
    pub output: PathBuf,
    /// Which rules are followed.
    #[command(flatten)]
    pub followed: Followed,
    /// The image to build on, where the plan cannot tell or should not; NAME=TARGET says where it can be read
    #[arg(long, value_name = "IMAGE")]
    pub base: Option<String>,
    /// The name by which the Dockerfile copies from the original image
    #[arg(long, value_name = "NAME")]
    pub original: Option<String>,
    /// How the Dockerfile installs: with pip or uv from requirements files, or with uv from a lock
    #[arg(long, value_name = "STYLE", default_value = "pip")]
    pub style: Style,
    /// Look nothing up in package indexes: sizes of what is new come from the catalogue, nothing is locked
    #[arg(long, visible_alias = "offline")]
    pub no_resolve: bool,
    /// What to write to stdout: a summary, or the whole report (REPORT.md, plan.json, or one page of HTML)
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: PlanFormat,
    /// Your own Dockerfile: DIR gets it with the smallest edits that carry the plan out, and a diff with reasons
    #[arg(long, value_name = "FILE")]
    pub dockerfile: Option<PathBuf>,
    /// The build context of that Dockerfile, if it is not its folder
    #[arg(long, value_name = "DIR", requires = "dockerfile")]
    pub context: Option<PathBuf>,
    /// Overwrite the files of an earlier plan in DIR, and no others
    #[arg(long)]
    pub force: bool,
}

/// `slimwright explore`.
#[derive(Debug, ClapArgs)]
pub struct Explore {
    /// Which image.
    #[command(flatten)]
    pub source: Source,
    /// What was asked for.
    #[command(flatten)]
    pub asked: Asked,
    /// Which rules.
    #[command(flatten)]
    pub profiles: Profiles,
    /// Which rules the plan follows at first.
    #[command(flatten)]
    pub followed: Followed,
    /// Look nothing up in package indexes, neither when a plan is written nor for that of a build context
    #[arg(long, visible_alias = "offline")]
    pub no_resolve: bool,
    /// When to colour
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

/// `slimwright apply`.
#[derive(Debug, ClapArgs)]
pub struct Apply {
    /// Which image.
    #[command(flatten)]
    pub source: Source,
    /// Follow this rule and nothing else of the plan: deleted-bytes drops what layers have and no container sees, and rules over
    /// paths (pip-cache) drop these; may be repeated
    #[arg(long, value_name = "RULE", conflicts_with_all = ["accept", "skip", "plan"])]
    pub only: Vec<String>,
    /// The folder of a plan that was reviewed (plan -o DIR), to be carried out as it is: for this image, and nothing beside it
    #[arg(long, value_name = "DIR", conflicts_with_all = ["accept", "skip"])]
    pub plan: Option<PathBuf>,
    /// Which rules the plan follows.
    #[command(flatten)]
    pub followed: Followed,
    /// Which rules.
    #[command(flatten)]
    pub profiles: Profiles,
    /// Where to write: oci:DIR, oci-archive:FILE, docker-archive:FILE, docker-daemon:NAME or docker://REGISTRY/NAME:TAG
    #[arg(long, short, value_name = "OUTPUT")]
    pub output: String,
    /// How new layers are compressed; gzip, but for a docker-archive nothing is
    #[arg(long, value_name = "WITH")]
    pub compression: Option<Compression>,
    /// How hard: 1 to 9 for gzip (6), 1 to 19 for zstd (3)
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<i32>,
    /// Say what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Overwrite an earlier output
    #[arg(long)]
    pub force: bool,
    /// How to print.
    #[command(flatten)]
    pub print: Print,
    /// What to write to stdout: text or json
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Plain,
}

/// How layers are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// With gzip, which every registry and engine takes
    Gzip,
    /// With zstd: faster and smaller, for Docker from 23 on and others from 2021 on
    Zstd,
    /// Not at all
    None,
}

impl From<Compression> for crate::layer::Compression {
    fn from(chosen: Compression) -> Self {
        match chosen {
            Compression::Gzip => Self::Gzip,
            Compression::Zstd => Self::Zstd,
            Compression::None => Self::None,
        }
    }
}

/// `slimwright why`.
#[derive(Debug, ClapArgs)]
pub struct Why {
    /// Which image.
    #[command(flatten)]
    pub source: Source,
    /// The name of a distribution, an OS package or a module, or the path of a file or folder in the image
    #[arg(value_name = "WHAT")]
    pub package: String,
    /// What was asked for.
    #[command(flatten)]
    pub asked: Asked,
    /// How to print.
    #[command(flatten)]
    pub print: Print,
    /// What to write: text or json
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Plain,
}

/// `slimwright verify`.
#[derive(Debug, ClapArgs)]
pub struct Verify {
    /// The original image.
    #[command(flatten)]
    pub source: Source,
    /// The rebuilt image
    #[arg(value_name = "AFTER")]
    pub after: String,
    /// Which rules.
    #[command(flatten)]
    pub profiles: Profiles,
    /// The folder that the plan was written to: its sizes and overrides are compared, its smoke test is run
    #[arg(long, value_name = "DIR")]
    pub plan: Option<PathBuf>,
    /// Do not run the images
    #[arg(long)]
    pub no_run: bool,
    /// By how many per cent the image may differ from the plan's prediction
    #[arg(long, value_name = "PERCENT", default_value_t = crate::verify::TOLERANCE)]
    pub tolerance: f64,
    /// Compare files by size alone, without reading their contents
    #[arg(long)]
    pub sizes_only: bool,
    /// How to print.
    #[command(flatten)]
    pub print: Print,
    /// What to write: text or json
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Plain,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  slimwright check docker-daemon:my-service:pr-12
  slimwright check service.tar --limit 'unpacked=900 MB'
  slimwright check service.tar --init                     write slimwright.toml and slimwright.lock to begin with
  slimwright check service.tar --update                   agree to the sizes that it has now
  slimwright check service.tar --report sarif=out.sarif --report junit=out.xml
  slimwright check service.tar --planned                  would the plan's image pass?

The limits are in slimwright.toml of the current folder, or in the file that --config names; the baseline that growth is
held against is in slimwright.lock beside it. Exit code 1: a limit is broken. Exit code 3: a limit could not be measured.
Acceptances that have an end are held against today's date, or that of SOURCE_DATE_EPOCH.";

const DIFF_EXAMPLES: &str = "\
Examples:
  slimwright diff docker-daemon:my-service:1.4 docker-daemon:my-service:1.5
  slimwright diff before.index after.tar --format markdown
  slimwright diff before.tar after.tar --exit-code        1 when they differ";

/// `slimwright check`.
#[derive(Debug, ClapArgs)]
pub struct Check {
    /// Which image.
    #[command(flatten)]
    pub source: Source,
    /// The file with the limits; without it slimwright.toml of the current folder
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The file with the baselines; without it slimwright.lock beside the configuration
    #[arg(long, value_name = "FILE")]
    pub lock: Option<PathBuf>,
    /// A limit in place of the configuration's, for example 'unpacked=900 MB'; may be repeated
    #[arg(long, value_name = "KEY=SIZE")]
    pub limit: Vec<String>,
    /// The image's name in configuration and lock, where it has none or another one
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Write a slimwright.toml with limits that the image keeps, and its sizes into the lock
    #[arg(long, conflicts_with_all = ["update", "tighten", "planned", "limit"])]
    pub init: bool,
    /// Agree to the image's sizes: write them into the lock, unless another limit is broken
    #[arg(long)]
    pub update: bool,
    /// Lower the lock's sizes to the image's where they are smaller, unless a limit is broken
    #[arg(long, visible_alias = "ratchet", conflicts_with = "update")]
    pub tighten: bool,
    /// Trust layers' tables of contents (eStargz, zstd:chunked) instead of reading such layers whole
    #[arg(long)]
    pub trust_contents: bool,
    /// Judge the image that the plan leads to
    #[arg(long, conflicts_with_all = ["update", "tighten"])]
    pub planned: bool,
    /// Which rules are followed.
    #[command(flatten)]
    pub followed: Followed,
    /// What was asked for.
    #[command(flatten)]
    pub asked: Asked,
    /// Which rules.
    #[command(flatten)]
    pub profiles: Profiles,
    /// How to print.
    #[command(flatten)]
    pub print: Print,
    /// What to write to stdout
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: CheckFormat,
    /// Write the verdict in a format into FILE as well, for example json=verdict.json; may be repeated. A FILE of - is
    /// stdout, in the place of --format
    #[arg(long, value_name = "FORMAT=FILE")]
    pub report: Vec<String>,
    /// Overwrite the FILEs of --report, and with --init the configuration
    #[arg(long)]
    pub force: bool,
}

/// `slimwright diff`.
#[derive(Debug, ClapArgs)]
pub struct Diff {
    /// The first image.
    #[command(flatten)]
    pub source: Source,
    /// The second image
    #[arg(value_name = "AFTER")]
    pub after: String,
    /// What was asked for.
    #[command(flatten)]
    pub asked: Asked,
    /// How to print.
    #[command(flatten)]
    pub print: Print,
    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: DiffFormat,
    /// Write to FILE instead of stdout
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Overwrite FILE
    #[arg(long)]
    pub force: bool,
    /// End with exit code 1 when the images differ
    #[arg(long)]
    pub exit_code: bool,
}

/// What `plan` writes to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For a terminal: what it does, and the commands that follow
    Text,
    /// For programs: plan.json
    Json,
    /// REPORT.md
    Markdown,
    /// For people: one page, which needs nothing else
    Html,
}

/// How the Dockerfile installs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Style {
    /// pip, from requirements files
    Pip,
    /// uv, from requirements files
    Uv,
    /// uv, from pylock.cpu.toml
    Pylock,
}

/// `slimwright index`.
#[derive(Debug, ClapArgs)]
pub struct Index {
    /// Which image.
    #[command(flatten)]
    pub source: Source,
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// Record the values of all variables of the image's environment; what looks like a secret is masked all the same
    #[arg(long)]
    pub env: bool,
    /// Overwrite FILE
    #[arg(long)]
    pub force: bool,
}

/// `slimwright explain`.
#[derive(Debug, ClapArgs)]
pub struct Explain {
    /// The rule's id, as `slimwright rules` lists it, or the word that a report prints before its findings
    #[arg(value_name = "RULE")]
    pub rule: String,
    /// Which rules.
    #[command(flatten)]
    pub profiles: Profiles,
}

/// `slimwright cache`.
#[derive(Debug, ClapArgs)]
#[command(after_help = CACHE_HELP)]
pub struct Cache {
    /// What to do
    #[arg(value_name = "ACTION")]
    pub action: CacheAction,
}

const CACHE_HELP: &str = "\
The cache is the folder that SLIMWRIGHT_CACHE_DIR names, or slimwright in XDG_CACHE_HOME or ~/.cache. It is
bounded to 1 GB, or SLIMWRIGHT_CACHE_SIZE (for example \"200 MB\"): what was used longest ago goes first.";

/// What to do with the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CacheAction {
    /// Where it is, how many layers it knows, how many bytes they take
    Info,
    /// Remove every entry
    Clear,
}

/// `slimwright rules`.
#[derive(Debug, ClapArgs)]
pub struct Rules {
    /// Which rules.
    #[command(flatten)]
    pub profiles: Profiles,
}

/// `slimwright completions`.
#[derive(Debug, ClapArgs)]
pub struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

const COMPLETIONS_HELP: &str = "\
Examples:
  slimwright completions bash > ~/.local/share/bash-completion/completions/slimwright
  slimwright completions zsh > ~/.zfunc/_slimwright          a folder of fpath
  slimwright completions fish > ~/.config/fish/completions/slimwright.fish";

/// `slimwright man`.
#[derive(Debug, ClapArgs)]
pub struct Man {
    /// Write every page into DIR, which must be absent or empty; without it the first page goes to stdout
    #[arg(long, short, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Write into a folder with other files, and overwrite the pages in it
    #[arg(long, requires = "output")]
    pub force: bool,
}

const MAN_HELP: &str = "\
Examples:
  slimwright man | man -l -
  slimwright man -o ~/.local/share/man/man1 --force";

#[cfg(test)]
mod tests {
    use super::Args;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }
}
