//! What several commands have in common: which image, what was asked for, which rules, how to print.

use crate::image::TARGETS;
use clap::{Args as ClapArgs, ValueEnum};
use std::path::PathBuf;

/// Which image, and how to read it.
#[derive(Clone, Debug, ClapArgs)]
pub struct Source {
    /// Which image, as [`TARGETS`] says.
    #[arg(value_name = "TARGET", help = TARGETS)]
    pub target: String,
    /// Which image of several, for example linux/arm64
    #[arg(long, value_name = "OS/ARCH")]
    pub platform: Option<String>,
    /// Recompute the digests of all layers, and fail if one differs
    #[arg(long)]
    pub verify: bool,
    /// Give up on images that unpack to more than this, for example "40 GB"
    #[arg(long, value_name = "SIZE")]
    pub max_unpacked: Option<String>,
    /// Give up on images with more files, directories and links than this (1000000): each takes about 350 bytes of memory
    #[arg(long, value_name = "COUNT")]
    pub max_entries: Option<usize>,
    /// Read every layer, and keep nothing in the cache
    #[arg(long)]
    pub no_cache: bool,
    /// Speak to a registry on this machine (localhost, 127.0.0.0/8, ::1) without TLS
    #[arg(long)]
    pub insecure: bool,
    /// No progress and no remarks on stderr
    #[arg(long, short)]
    pub quiet: bool,
    /// How a build context is read.
    #[command(flatten)]
    pub context: Context,
    /// Where the target was found, if it was named without its kind.
    #[arg(skip)]
    pub found: Found,
}

/// Where a target without a kind was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// In a word or two, for the first line of a report; empty where the user said it.
    pub origin: String,
    /// Where else it was looked for, a line each, should it not be there either.
    pub tried: Vec<String>,
    /// What may be meant, should it not be there either.
    pub hint: Option<String>,
    /// What may be done about an engine that did not answer.
    pub engine: Option<String>,
}

const CONTEXTS: &str = "Build contexts (context:DIR)";

/// How a build context is read.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Context {
    /// The Dockerfile, if it is not DIR/Dockerfile
    #[arg(long, help_heading = CONTEXTS, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The stage to make, by name or number, if it is not the last one
    #[arg(long, help_heading = CONTEXTS, value_name = "NAME")]
    pub target_stage: Option<String>,
    /// An argument's value (ARG); may be repeated
    #[arg(long, help_heading = CONTEXTS, value_name = "NAME=VALUE")]
    pub build_arg: Vec<String>,
    /// What an image that the Dockerfile names is: any target, for example python:3.11-slim=index:base.index; may be repeated
    #[arg(long, help_heading = CONTEXTS, value_name = "NAME=TARGET")]
    pub image: Vec<String>,
    /// An image to measure by: where the build installs a distribution or OS package that it has in exactly the same version,
    /// the files are as they are there; any target, for example the last release
    #[arg(long, help_heading = CONTEXTS, value_name = "TARGET")]
    pub sizes_from: Option<String>,
    /// The version of Python, where the base image is not known: 3.11
    #[arg(long, help_heading = CONTEXTS, value_name = "VERSION")]
    pub python: Option<String>,
}

/// What the user says is asked for.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Asked {
    /// A requirements file, project file or lock that says what the image was asked to have; may be repeated
    #[arg(long, value_name = "FILE")]
    pub requirements: Vec<PathBuf>,
    /// A project's folder: its pyproject.toml, locks and requirement files say it
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
}

/// Which rules.
#[derive(Debug, ClapArgs)]
pub struct Profiles {
    /// A folder with rules of your own (*.toml); they override the built-in ones by id
    #[arg(long, value_name = "DIR")]
    pub profiles: Option<PathBuf>,
}

/// How to print.
#[derive(Debug, ClapArgs)]
pub struct Print {
    /// When to colour
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// Every layer, every package and the findings' proof as well
    #[arg(long)]
    pub details: bool,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// When stdout is a terminal and NO_COLOR is not set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The formats of `why` and `verify`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Plain {
    /// For a terminal
    Text,
    /// For programs
    Json,
}
