//! What a virtual image does not know: where, of which command, why, and what of the file system that may concern.

use crate::base::{ByteSize, Escaping, ImagePath, Text, is_within};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write as _};

/// Bytes that a virtual image does not have because nobody can know them before the build.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    /// Where it comes from: `Dockerfile, line 12`.
    pub place: String,
    /// What is not predicted: the command or the base image, as written.
    pub command: String,
    /// Why not.
    pub why: GapReason,
    /// What it may have written, changed or removed.
    pub writes: Writes,
    /// Whether it ran in another stage, of which only results were copied.
    pub copied: bool,
}

/// What of the file system something may have written, changed or removed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Writes {
    /// Anything.
    Anywhere,
    /// Nothing but these paths and what is below them.
    Within(Vec<ImagePath>),
}

impl Writes {
    /// Nothing at all.
    pub fn nothing() -> Self {
        Self::Within(Vec::new())
    }

    /// At a path, or below it.
    pub fn at(path: ImagePath) -> Self {
        Self::Within(vec![path])
    }

    /// Whether it may have touched what is at a path: the path itself, what is below it, or a folder that it is in.
    pub fn may_touch(&self, path: &[u8]) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Within(paths) => {
                paths.iter().any(|own| is_within(own.as_bytes(), path) || is_within(path, own.as_bytes()))
            }
        }
    }

    /// Both.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Within(mut paths), Self::Within(more)) => {
                paths.extend(more);
                paths.sort();
                paths.dedup();
                Self::Within(paths)
            }
            _ => Self::Anywhere,
        }
    }
}

/// Why something is not known. A text in it is escaped when it is shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum GapReason {
    /// A name or path depends on an argument that has no value.
    NoValue,
    /// The base image's name depends on an argument that has no value.
    NoBaseName,
    /// Of an image only the manifest was read; the compressed size that it states, in bytes.
    ManifestOnly(Option<u64>),
    /// An image is not to be had; in the words of who should have it.
    NoImage(String),
    /// The base image has triggers (`ONBUILD`), which are not read.
    Triggers,
    /// The Dockerfile is read by the program of an image that is none of Docker's.
    Frontend(String),
    /// What the base image has decides, and is not known.
    UnknownBase,
    /// What a stage or an image has at the path is not known.
    UnknownSource(String),
    /// The shell is none that is read, or one that the image did not come with.
    Shell,
    /// The text is none that the shell's grammar explains.
    Grammar,
    /// It has more commands, loops or shells in each other than are followed.
    TooMuch,
    /// A word's value is not known before it runs.
    Value(String),
    /// It runs or not, and which of them is not known.
    Maybe,
    /// It runs beside other commands, in no order.
    Background,
    /// A program that nothing is known of.
    Program,
    /// A program of which the image's instructions or an index brought the file: what it does is not known by its name.
    ForeignProgram(String),
    /// A variable changes what known programs do.
    Environment(String),
    /// A file of settings changes what known programs do, in a way that is not followed.
    Settings(String),
    /// A library or module that an instruction brought, and that known programs load.
    Library(String),
    /// A script, whose commands are not known.
    Script,
    /// A Python program.
    PythonProgram,
    /// A program reads a here-document or what another one prints.
    Input,
    /// Something is fetched.
    Fetched,
    /// What a command prints is not known.
    Output(String),
    /// An option or a form of a known program that is not followed.
    Option(String),
    /// Where a word leads is not known.
    Where(String),
    /// What is at a path is not known, or is no ordinary file.
    Content(String),
    /// A file from which something is installed may have been changed by a command that is not known.
    Doubtful(String),
    /// Which Python it installs for is not known.
    NoPython,
    /// As [`Self::NoPython`], and uv may bring one of its own.
    NoPythonForUv,
    /// What it installs is not known.
    Installs,
    /// What it exports, locks or makes is not known.
    Makes,
    /// Which pip a new environment gets is not known.
    WhichPip,
    /// Newer versions of what is there are not looked up.
    Newer,
    /// Packages of a kind that is not looked up: Conda's, RPM's, Node.js's.
    NotLookedUp(Packages),
    /// How large uv's own Python is is not known.
    UvPython,
    /// A distribution's list of files is not known; in the words of who was asked, and for which environment.
    Distribution {
        /// Why, in the words of the index's reader.
        why: String,
        /// The site directory.
        site: ImagePath,
    },
    /// A project's pyproject.toml does not tell its name.
    ProjectName,
    /// Where a project's packages are is not known before it is built.
    ProjectPackages,
    /// Repositories of OS packages; in the words of their reader.
    Repositories(String),
    /// A file or a line of the context cannot be read; why.
    Unreadable(String),
    /// Layers that no instruction of a Dockerfile made.
    NoInstruction,
    /// It is not told which of an image's layers are its base image's.
    WhichLayers,
    /// What the user names as a base is not what the image was built on, and was not read.
    OtherBase,
    /// A plan's Dockerfile would not build; why.
    WouldNotBuild(String),
    /// A command would fail, and the build goes on all the same; why.
    FailsAndGoesOn(String),
    /// A command fails, as far as it is known, and the build ends there.
    EndsBuild,
    /// uv installs into no other Python than a virtual environment's, and there is none.
    NoEnvironment,
    /// The original image does not have a package, and nobody was asked.
    NotInOriginal,
    /// What an installer keeps in its cache.
    InstallerCache,
    /// What is to be installed is not in the context.
    Absent {
        /// What it should be: `the requirements file`.
        what: String,
        /// Its name.
        path: String,
    },
    /// From there on the Dockerfile makes more entries, text or commands than are followed, in all of its stages.
    Work,
    /// What a package of conda's brings is not known; why.
    CondaPackage(String),
    /// Distributions have files of the same paths, and an installer installs them at once.
    Chance {
        /// Which.
        names: String,
        /// Which installer.
        tool: String,
        /// By how many bytes the outcomes differ.
        bytes: u64,
    },
}

/// Packages that are not looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Packages {
    /// Conda's.
    Conda,
    /// RPM's.
    Rpm,
    /// Node.js's.
    Node,
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What others wrote is in it.
        let mut f = Escaping(f);
        let plain = match self {
            Self::NoValue => "it depends on a variable without a value",
            Self::NoBaseName => "its name depends on an argument without a value; give it with --build-arg",
            Self::ManifestOnly(None) => "only its manifest was read: what it unpacks to is not known",
            Self::ManifestOnly(Some(bytes)) => {
                return write!(
                    f,
                    "only its manifest was read ({} to pull, measured by its manifest): what it unpacks to is not known",
                    ByteSize(*bytes)
                );
            }
            Self::NoImage(why) | Self::Repositories(why) | Self::Unreadable(why) => return f.write_str(why),
            Self::Triggers => "the base image has ONBUILD triggers, which run first",
            Self::Frontend(image) => {
                return write!(f, "the program of {image} reads this Dockerfile, and what it makes of it is not known");
            }
            Self::UnknownBase => "the base image's packages and repositories are not known",
            Self::UnknownSource(name) => return write!(f, "it is not known what `{name}` has there"),
            Self::Shell => "commands of this shell are not read",
            Self::Grammar => "it could not be read as commands of a shell",
            Self::TooMuch => "its commands nest deeper, or loop longer, than is followed",
            Self::Work => "from here on it is more work than is followed, in all stages",
            Self::Value(word) => return write!(f, "the value of {word} is not known"),
            Self::Maybe => "whether it runs is not known",
            Self::Background => "it runs beside other commands, in no order",
            Self::Program => "what this program writes is not known",
            Self::ForeignProgram(path) => {
                return write!(f, "the program {path} did not come with the base or its packages");
            }
            Self::Environment(name) => {
                return write!(f, "the variable {name} may change what it does");
            }
            Self::Settings(path) => {
                return write!(f, "the settings in {path} may change what it does");
            }
            Self::Library(path) => {
                return write!(f, "it may load {path}, which did not come with the base or its packages");
            }
            Self::Script => "what a script does is not known",
            Self::PythonProgram => "what a Python program writes is not known",
            Self::Input => "a program reads it as its input, and what it does then is not known",
            Self::Fetched => "what is fetched is not known before the build",
            Self::Output(file) => return write!(f, "what it writes into {file} is not known"),
            Self::Option(word) => return write!(f, "what {word} does is not followed"),
            Self::Where(word) => return write!(f, "the place of {word} is not known"),
            Self::Content(word) => return write!(f, "the content of {word} is not known"),
            Self::Doubtful(word) => {
                return write!(f, "a command before it, which is not known whole, may have changed {word}");
            }
            Self::NoPython => "which Python it installs for is not known; say which with --python",
            Self::NoPythonForUv => {
                "which Python it installs for is not known; uv may download one of its own. Say which with --python"
            }
            Self::Installs => "what it installs is not known",
            Self::Makes => "what it makes is not known",
            Self::WhichPip => "which pip the environment gets is not known",
            Self::Newer => "which packages have newer versions is not looked up",
            Self::NotLookedUp(Packages::Conda) => "what conda installs is not looked up",
            Self::NotLookedUp(Packages::Rpm) => "what rpm packages bring is not looked up",
            Self::NotLookedUp(Packages::Node) => "what Node.js's installers bring is not looked up",
            Self::UvPython => "the size of uv's own Python is not known",
            Self::Distribution { why, site } => return write!(f, "{why} (for {site})"),
            Self::ProjectName => "its pyproject.toml does not tell its name",
            Self::ProjectPackages => "where its packages are is not known before it is built",
            Self::NoInstruction => {
                "no instruction of this Dockerfile made them: the image was built from another one, or another version"
            }
            Self::WhichLayers => {
                "nothing tells which of the original's layers are its own: what it brings comes on top"
            }
            Self::OtherBase => {
                "the original was built on another image, whose layers stand for it here: what this one has was not read"
            }
            Self::WouldNotBuild(why) => return write!(f, "it would not build: {why}"),
            Self::FailsAndGoesOn(why) => {
                return write!(f, "it seems to fail, and the build goes on all the same: {why}");
            }
            Self::EndsBuild => "as it is read here, it fails, and the build ends there",
            Self::NoEnvironment => {
                "there is no virtual environment, and uv takes none else without --system: it fails, and the build ends there"
            }
            Self::NotInOriginal => {
                "the original image does not have this package, and nothing was asked what it brings"
            }
            Self::CondaPackage(why) => return write!(f, "what this conda package brings is not known: {why}"),
            Self::Chance { names, tool, bytes } => {
                let bytes = ByteSize(*bytes);
                return write!(
                    f,
                    "{names} have files of the same paths, and {tool} installs them at once: which of them stay is chance, \
                     and they differ by up to {bytes}"
                );
            }
            Self::InstallerCache => "what the installer keeps of it in its cache is not known",
            Self::Absent { what, path } => {
                return write!(f, "{what} {path} is not in the context");
            }
        };
        f.write_str(plain)
    }
}

impl GapReason {
    /// The same reason with its texts passed through `f`: passwords in them are masked where it is made.
    pub fn map(self, f: &impl Fn(&str) -> String) -> Self {
        match self {
            Self::NoImage(text) => Self::NoImage(f(&text)),
            Self::UnknownSource(text) => Self::UnknownSource(f(&text)),
            Self::Value(text) => Self::Value(f(&text)),
            Self::ForeignProgram(text) => Self::ForeignProgram(f(&text)),
            Self::Frontend(text) => Self::Frontend(f(&text)),
            Self::Environment(text) => Self::Environment(f(&text)),
            Self::Settings(text) => Self::Settings(f(&text)),
            Self::Library(text) => Self::Library(f(&text)),
            Self::Output(text) => Self::Output(f(&text)),
            Self::Option(text) => Self::Option(f(&text)),
            Self::Where(text) => Self::Where(f(&text)),
            Self::Content(text) => Self::Content(f(&text)),
            Self::Doubtful(text) => Self::Doubtful(f(&text)),
            Self::Repositories(text) => Self::Repositories(f(&text)),
            Self::Unreadable(text) => Self::Unreadable(f(&text)),
            Self::CondaPackage(text) => Self::CondaPackage(f(&text)),
            Self::WouldNotBuild(text) => Self::WouldNotBuild(f(&text)),
            Self::FailsAndGoesOn(text) => Self::FailsAndGoesOn(f(&text)),
            Self::Distribution { why, site } => Self::Distribution { why: f(&why), site },
            Self::Absent { what, path } => Self::Absent { what, path: f(&path) },
            other => other,
        }
    }
}

/// A gap as it is shown: sentences.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct GapText {
    /// Where it comes from: `Dockerfile, line 12`.
    pub place: Text,
    /// What is not predicted: the command or the base image.
    pub what: Text,
    /// Why not.
    pub reason: Text,
    /// The paths that it may have written, changed or removed, with all below them; none where that may be any.
    pub writes: Option<Vec<Text>>,
}

impl From<&Gap> for GapText {
    fn from(gap: &Gap) -> Self {
        let writes = match &gap.writes {
            Writes::Anywhere => None,
            Writes::Within(paths) => Some(paths.iter().map(|path| path.to_string().into()).collect()),
        };
        let (place, what) = (gap.place.as_str().into(), gap.command.as_str().into());
        Self { place, what, reason: gap.why.to_string().into(), writes }
    }
}
