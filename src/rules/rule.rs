//! What a rule says.

use super::GlobSet;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// One rule. A file of a rule is exactly one of these in TOML.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rule {
    /// Kebab-case; names the problem and not the fix; never changes.
    pub id: String,
    /// One line, without a full stop.
    pub summary: String,
    /// The word in the left column of screens; without it that of the kind. See [`Rule::label`].
    pub label: Option<String>,
    /// What a plan does about it, `{}` for the names of what goes; without it the words of the kind.
    pub action: Option<String>,
    /// Why it matters, in a paragraph.
    #[serde(deserialize_with = "paragraph")]
    pub why: String,
    /// What a finding shows as evidence.
    #[serde(deserialize_with = "paragraph")]
    pub evidence: String,
    /// When not to follow it.
    #[serde(deserialize_with = "paragraph")]
    pub when_not: String,
    /// What to do about it.
    #[serde(deserialize_with = "paragraph")]
    pub remedy: String,
    /// Public sources (URLs).
    pub references: Vec<String>,
    /// How bad.
    pub severity: Severity,
    /// Who may act on it.
    pub tier: Tier,
    /// When it fires.
    pub detect: Detect,
}

/// Paths that patterns mean, but for those that others mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathSet {
    /// The patterns.
    pub globs: GlobSet,
    /// And of these not.
    pub except: GlobSet,
}

impl PathSet {
    /// Whether it has a path.
    pub fn has(&self, path: &[u8]) -> bool {
        self.globs.matches(path) && !self.except.matches(path)
    }
}

impl Detect {
    /// The paths that a rule over paths means in whatever distribution has them; none where it means nobody's alone.
    pub fn of_distributions(&self) -> Option<PathSet> {
        match self {
            Self::Paths { globs, except, owned, .. } if *owned != Some(false) => {
                Some(PathSet { globs: globs.clone(), except: except.clone() })
            }
            _ => None,
        }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Costs bytes.
    Warning,
    /// Something does not work.
    Error,
}

impl Severity {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Who may act on a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Nobody but the reader: the plan leaves it alone.
    ReportOnly,
    /// The plan does it when the user accepts the rule (`--accept ID`).
    Confirm,
    /// The plan does it.
    Auto,
}

/// The predicates, by the word that `kind` has. Patterns are globs over normalized names or cleaned paths (`*` stays inside a component,
/// `**` crosses them).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
#[expect(clippy::large_enum_variant, reason = "there are a few dozen rules, and nobody moves them about")]
pub enum Detect {
    /// Two or more of these distributions are installed in one environment, and they share files.
    DuplicateFamily {
        /// Normalized names.
        members: Vec<String>,
        /// Which to keep, best first; each with the members it can stand for. `keep` must be members.
        keep: Vec<String>,
        /// Modules and functions of the shared package that only some members have: `name = [members]`. What the
        /// application's source uses decides which member is kept.
        #[serde(default)]
        needs: BTreeMap<String, Vec<String>>,
    },
    /// A distribution is installed in a GPU build.
    GpuBuild {
        /// Normalized name of the distribution.
        distribution: String,
        /// Fires when any of these holds.
        when: Installed,
        /// What the plan installs instead.
        replace: Replacement,
        /// Signs in the application's source that it needs the GPU build: then the plan asks first.
        #[serde(default)]
        unless: Signs,
    },
    /// Distributions that serve development and not the service; fires for each installed one that is not
    /// required by a distribution that stays.
    Distributions {
        /// Globs.
        names: GlobSet,
    },
    /// Distributions that nothing requires and no source imports, in an image with the application's source. Left
    /// out are those that work without an import: plugins, programs that something starts, `.pth` files.
    UnusedDistributions {
        /// Globs over names of more such.
        #[serde(default)]
        except: GlobSet,
    },
    /// A distribution that takes much memory and disk, and for which a lighter one is known: fires where the application's
    /// source imports it. Advice with measured numbers; nothing is changed.
    HeavyImport {
        /// Globs over names of distributions.
        distributions: GlobSet,
        /// What the source imports of them: `google.cloud.aiplatform`.
        modules: Vec<String>,
        /// Globs over dotted names: fires only where all that the source uses of the modules is one of these.
        #[serde(default)]
        only: GlobSet,
        /// Globs over dotted names: what the source uses for which there is no lighter way; then it does not fire.
        #[serde(default)]
        except: GlobSet,
        /// What it costs.
        costs: Cost,
        /// What takes its place, and what that costs.
        lighter: Cost,
    },
    /// A distribution whose RECORD lists files that are gone.
    BrokenDistribution {},
    /// OS packages with libraries that were asked for by name, and that only distributions which other rules take away, or
    /// files which a later layer took away, are linked with.
    IdleLibraries {
        /// Globs over names of OS packages.
        names: GlobSet,
    },
    /// A shared object or program of a distribution or the application needs a library that the image does not have.
    MissingLibraries {},
    /// Files that several distributions claim with different contents, outside the known families.
    ContestedFiles {},
    /// Bytes in a layer that a higher layer deleted, replaced or shadowed.
    DeadBytes {},
    /// Bytes in a layer that a higher layer wrote again unchanged.
    RewrittenBytes {},
    /// Visible paths.
    Paths {
        /// Globs.
        globs: GlobSet,
        /// Of these, not counted.
        #[serde(default)]
        except: GlobSet,
        /// Whether paths of the base image's layers count too: a plan may build on another.
        #[serde(default)]
        of_base: bool,
        /// Only when a distribution or OS package owns the path (true), or only when none does (false).
        #[serde(default)]
        owned: Option<bool>,
        /// Do not report less than this many bytes in all.
        #[serde(default)]
        at_least: u64,
        /// Signs in the application's source that it uses them: then the plan asks first.
        #[serde(default)]
        unless: Signs,
    },
    /// Packages of the system that serve a GPU, those of the base image too. A plan that follows it builds on the
    /// distribution's own image; with them go what the base set for them and its entry point.
    GpuSystem {
        /// Globs over names of OS packages.
        names: GlobSet,
        /// Globs over paths that belong to them: what no package owns there counts too, folders of `PATH` and the like are
        /// left out, and so is an entry point.
        #[serde(default)]
        paths: GlobSet,
        /// Globs over names of environment variables that go with them.
        #[serde(default)]
        variables: GlobSet,
        /// Signs in the application's source that it uses a GPU: then the plan asks first.
        #[serde(default)]
        unless: Signs,
    },
    /// Packages that conda installed.
    CondaPackages {
        /// Globs over names.
        names: GlobSet,
        /// Whether those count too whose build says that it is one for a GPU.
        #[serde(default)]
        gpu_builds: bool,
        /// Globs over names, of these, that have no build for the CPU: where one is asked for, a plan leaves the environment
        /// as it is.
        #[serde(default)]
        only: GlobSet,
        /// Signs in the application's source that it uses a GPU: then the plan asks first.
        #[serde(default)]
        unless: Signs,
    },
    /// OS packages.
    OsPackages {
        /// Globs over names.
        names: GlobSet,
        /// Packages that stay when the named ones go, if they are installed: runtime libraries that
        /// wheels rely on without saying so.
        #[serde(default)]
        leave: GlobSet,
        /// Whether the packages of the base image are meant, instead of those above it.
        #[serde(default)]
        of_base: bool,
        /// With fewer packages than this it does not fire.
        #[serde(default)]
        least: usize,
    },
}

/// Signs in Python source, any of which suffices. Globs; dots are no more than letters to them. What stands under a
/// condition about a GPU is no sign.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Signs {
    /// Dotted names of what is imported: `torch.cuda.*`.
    #[serde(default)]
    pub uses: GlobSet,
    /// Of these, no sign: `torch.cuda.is_available`.
    #[serde(default)]
    pub except: GlobSet,
    /// Methods that are called: `cuda`.
    #[serde(default)]
    pub calls: GlobSet,
    /// Strings: `cuda:*`.
    #[serde(default)]
    pub texts: GlobSet,
    /// Arguments that are true: `use_gpu`.
    #[serde(default)]
    pub flags: GlobSet,
    /// Methods, strings and arguments count in files that import one of these modules.
    #[serde(default)]
    pub modules: Vec<String>,
}

/// Signs of a GPU build, any of which suffices.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Installed {
    /// Being installed at all is the sign (`onnxruntime-gpu`).
    #[serde(default)]
    pub always: bool,
    /// Globs over the names that it requires (its own active `Requires-Dist`): `nvidia-*`.
    #[serde(default)]
    pub requires: GlobSet,
    /// Globs over the names of distributions of the same environment that nothing else requires: what an extra
    /// brought that nobody asks for in metadata (`jax-cuda12-plugin` beside `jax`).
    #[serde(default)]
    pub beside: GlobSet,
    /// Globs over the local version: `cu*`.
    #[serde(default)]
    pub local_version: GlobSet,
    /// Globs over its own files, relative to the site directory: `torch/lib/libtorch_cuda*.so`.
    #[serde(default)]
    pub files: GlobSet,
}

/// What a distribution costs, measured once (basis `catalogue`): CPython 3.11 on x86_64, installed alone with all that it
/// requires, without bytecode, and imported alone in a fresh interpreter.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Cost {
    /// Name of the distribution that was measured.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Installed bytes.
    pub disk: u64,
    /// Bytes of memory by which a process grew: its own, and pages of files, which processes share.
    pub memory: u64,
    /// Of these its own (anonymous), which each process has.
    pub own: u64,
    /// Seconds of processor time.
    pub seconds: f64,
}

/// What is installed instead of a GPU build.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Replacement {
    /// Distribution name (may be the same one).
    pub name: String,
    /// Extras of the original that must not be asked for any more: `and-cuda`.
    #[serde(default)]
    pub drop_extras: Vec<String>,
    /// The package index that has the replacement; none for the user's default index.
    #[serde(default)]
    pub index: Option<String>,
    /// Other distributions that come from that index too when they are installed: `torchvision`, `torchaudio`.
    #[serde(default)]
    pub together: Vec<String>,
    /// Globs over names that go too, unless something that stays requires them: `nvidia-*`, `triton`.
    #[serde(default)]
    pub company: GlobSet,
    /// Installed bytes by public version, where they are known: `"2.1.1" = 700_000_000` (basis: catalogue).
    /// The sum of the sizes of the files in the wheel for CPython 3.11 on x86_64 (`unpacked`), without the
    /// bytecode and the few bytes of metadata that an installer adds.
    #[serde(default)]
    pub sizes: BTreeMap<String, u64>,
    /// Globs over the original's files, relative to the site directory, that the replacement does not have;
    /// used to predict its size for versions that `sizes` does not list.
    #[serde(default)]
    pub without: GlobSet,
    /// Whether the version must change: `"same"` (the public version) is the default; a version otherwise.
    #[serde(default)]
    pub version: Option<String>,
}

/// One line: the line breaks of a TOML text are for its file's reader.
fn paragraph<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

impl Rule {
    /// The word for its findings.
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(self.detect.label())
    }

    /// What a plan does about it, for rules that name things which go; `names` are the names.
    pub fn action(&self, names: &str) -> String {
        let words = self.action.as_deref().or(self.detect.action()).unwrap_or(&self.summary);
        words.replace("{}", names)
    }
}

impl Detect {
    /// The word for findings of a kind.
    fn label(&self) -> &'static str {
        match self {
            Self::DuplicateFamily { .. } => "duplicate",
            Self::GpuBuild { .. } => "gpu",
            Self::Distributions { .. } => "dev",
            Self::UnusedDistributions { .. } => "unused",
            Self::HeavyImport { .. } => "heavy",
            Self::BrokenDistribution {} => "broken",
            Self::MissingLibraries {} => "missing",
            Self::IdleLibraries { .. } => "libraries",
            Self::ContestedFiles {} => "contested",
            Self::DeadBytes {} => "hidden",
            Self::RewrittenBytes {} => "rewritten",
            Self::GpuSystem { .. } => "gpu",
            Self::CondaPackages { .. } => "conda",
            Self::Paths { .. } => "files",
            Self::OsPackages { .. } => "system",
        }
    }

    /// The words for what a plan does about findings of a kind, where a plan does anything.
    fn action(&self) -> Option<&'static str> {
        match self {
            Self::Paths { .. } => Some("leave behind {}"),
            Self::OsPackages { .. } | Self::GpuSystem { .. } | Self::IdleLibraries { .. } => Some("without {}"),
            Self::DuplicateFamily { .. }
            | Self::GpuBuild { .. }
            | Self::Distributions { .. }
            | Self::UnusedDistributions { .. } => Some("drop {}"),
            _ => None,
        }
    }
}
