//! Why something stays, goes, or is replaced. Whatever decides asks for the variant; the sentence is made by `Display`,
//! where somebody reads it.

use crate::base::listed;
use std::fmt;

/// Most names of a list that are shown.
const SHOWN: usize = 4;

/// Why something stays, goes, or is replaced. Names are as their owners wrote them: who prints them escapes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// Asked for by name; where.
    AskedFor(String),
    /// An OS package that was asked for by hand.
    ByHand,
    /// Others that stay require it.
    RequiredBy(Vec<String>),
    /// It has a library that a file which stays is linked with.
    Linked {
        /// `libpq.so.5`.
        library: String,
        /// The file that names it.
        file: String,
    },
    /// The runtime library of a development package that goes.
    RuntimeOf(String),
    /// A runtime library that compiled modules may load; not all of them could be read.
    MayBeLoaded,
    /// A package that stays recommends it, and may do part of its work with it.
    RecommendedBy {
        /// The package that recommends it.
        by: String,
        /// The package to install that brings that one, often the same.
        root: String,
    },
    /// It is what a package that stays takes of several that would do; another one might come by itself.
    Chosen {
        /// The package that needs one of them.
        by: String,
    },
    /// Nobody knows what needs it.
    Kept,
    /// It brings the interpreter that the application runs with.
    Interpreter,
    /// It serves programs that use a GPU, and nothing that stays does.
    GpuOnly,
    /// Only what goes is linked with its libraries.
    LinkedByWhatGoes,
    /// It serves building, not running.
    BuildOnly,
    /// Nothing that stays depends on it.
    NothingNeeds,
    /// Only what goes requires it: who.
    OnlyNeededBy(Vec<String>),
    /// Another distribution has the same modules, and is installed.
    ReplacedBy(String),
    /// Only the GPU build of a distribution needs it.
    CompanyOf(String),
    /// It serves development, not the service.
    Development,
    /// Nobody imports it.
    Unimported,
    /// A requirement that is unmet in the original already: the version that is there, if any.
    UnmetBefore(Option<String>),
}

impl Why {
    /// Whether it goes because it serves building alone.
    pub fn is_build_only(&self) -> bool {
        *self == Self::BuildOnly
    }

    /// Whether it goes because what needed it goes.
    pub fn follows(&self) -> bool {
        matches!(self, Self::OnlyNeededBy(_))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AskedFor(how) => write!(out, "asked for: {how}"),
            Self::ByHand => out.write_str("asked for in the original"),
            Self::RequiredBy(names) => write!(out, "required by {}", listed(names, SHOWN)),
            Self::Linked { library, file } => write!(out, "has {library} of {file}"),
            Self::RuntimeOf(name) => write!(out, "the runtime library of {name}"),
            Self::MayBeLoaded => out.write_str("a runtime library that wheels may load"),
            Self::RecommendedBy { by, .. } => write!(out, "{by} recommends it, and may work with it"),
            Self::Chosen { by } => write!(out, "meets what {by} needs, as in the original: another one would do, too"),
            Self::Kept => out.write_str("is in the original; nobody knows what needs it"),
            Self::Interpreter => out.write_str("brings the Python that the application runs with"),
            Self::GpuOnly => out.write_str("serves a GPU, and nothing that stays uses one"),
            Self::LinkedByWhatGoes => out.write_str("only what goes is linked with it"),
            Self::BuildOnly => out.write_str("serves building, not running"),
            Self::NothingNeeds => out.write_str("nothing that stays depends on it"),
            Self::OnlyNeededBy(names) => {
                write!(out, "only needed by {}", names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", "))
            }
            Self::ReplacedBy(name) => write!(out, "{name} serves in its place"),
            Self::CompanyOf(name) => write!(out, "only a GPU build of {name} needs it"),
            Self::Development => out.write_str("serves development, not the service"),
            Self::Unimported => out.write_str("is imported by nobody"),
            Self::UnmetBefore(None) => out.write_str("unmet in the original already: it is not installed"),
            Self::UnmetBefore(Some(version)) => {
                write!(out, "unmet in the original already: {version} is installed")
            }
        }
    }
}
