//! From findings to a decision for every distribution, OS package and file, and the image that would result.

mod after;
mod application;
mod availability;
mod base;
mod carried;
mod choice;
mod closure;
mod conda;
mod draft;
mod fates;
mod fit;
mod gpu_system;
mod installed;
mod installer;
mod libraries;
mod predict;
mod reason;
mod scattered;
mod settle;
mod stock;
mod system;
mod trim;
mod vendor;

use crate::base::{ByteSize, CondaId, DistId, FastSet, ImagePath, Size, listed};
use crate::facts::{Facts, Root};
use crate::fs::Owner;
use crate::image::{Config, Image};
use crate::index::{Availability, Verdict};
use crate::python::Distribution;
use crate::python::EnvironmentKind;
use crate::rules::{Finding, Rule, Subject, Tier, actions};
pub use after::{LibraryCheck, Unmet, libraries_after};
use closure::Decisions;
pub(crate) use closure::follows;
pub use conda::{CondaEnvironment, CondaPin};
use predict::Prediction;
pub use reason::Why;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use choice::SystemPackage;
pub use draft::{Anew, Decided, Draft, Intent};
pub use fates::{GonePath, LedgerRow, PlanFate, PlanLedger};
pub use stock::{Stock, Stocked};
pub use trim::Trim;

/// Names that are shown of a list.
const NAMES: usize = 3;

/// The base image that an image tells of itself.
pub fn base_of(facts: &Facts<'_>) -> Option<BaseImage> {
    base::choose(facts, &PlanOptions::default(), None).ok()
}

/// The base image that a plan would build on, by whose name one may be at hand: GPU packages that go take their base with them.
pub fn base_for(facts: &Facts<'_>, findings: &[Finding], rules: &[Rule], options: &PlanOptions) -> Option<BaseImage> {
    base::choose(facts, options, gpu_system::GpuSystem::new(findings, rules, options).as_ref()).ok()
}

/// What the user may choose.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// Rules of tier `confirm` that the user accepts, by id.
    pub accept: Vec<String>,
    /// Rules that the plan must not follow, by id.
    pub skip: Vec<String>,
    /// The base image, where the user names it.
    pub base: Option<String>,
    /// What was found by the name of the base.
    pub at_hand: Option<Arc<AtHand>>,
    /// The name by which the Dockerfile copies from the original image.
    pub original: Option<String>,
    /// Whether the plan is for the user's own Dockerfile, whose stages have what they compile with.
    pub own_dockerfile: bool,
    /// Whether the plan tells what becomes of every file, [`Plan::ledger`].
    pub ledger: bool,
}

/// An image that was found by the base's name, beside the original.
#[derive(Clone, Debug)]
pub struct AtHand {
    /// By which name.
    pub name: String,
    /// The image.
    pub image: Image,
    /// Whether all its entries were read, and not only its configuration.
    pub is_whole: bool,
    /// Where it is, in words: `the engine on this machine`.
    pub place: String,
}

/// A plan: what stays, what goes, what is replaced, and what comes of it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The name by which the Dockerfile refers to the original image.
    pub original: String,
    /// The original's configuration.
    pub config: Config,
    /// The base image.
    pub base: BaseImage,
    /// The environment that is rebuilt; `None` when the image has no Python distributions above its base.
    pub environment: Option<TargetEnvironment>,
    /// The roots, sorted by name.
    pub roots: Vec<Root>,
    /// Every distribution to install: the full closure, pinned, sorted by name.
    pub pins: Vec<Pin>,
    /// Distributions of the original that go, sorted by bytes.
    pub dropped: Vec<Dropped>,
    /// Environments of conda's that are made anew.
    pub conda: Vec<CondaEnvironment>,
    /// Requirement edges that the plan overrides on purpose, sorted.
    pub overridden: Vec<OverriddenEdge>,
    /// Requirement edges that are unsatisfied in the original already, as the smoke test must expect them.
    pub unsatisfied_before: Vec<OverriddenEdge>,
    /// OS packages to install on the base, sorted by name: those asked for, not what they pull in.
    pub system: Vec<SystemPackage>,
    /// What installs packages of rpm's in the original, where they are and no layer is the base's: `dnf`.
    pub rpm_program: Option<&'static str>,
    /// OS packages of the original above its base that go, sorted by bytes.
    pub dropped_system: Vec<Dropped>,
    /// Of these, those that were asked for to build with, sorted: a build from source needs them again.
    pub build_system: Vec<String>,
    /// The file by which the application is a project of uv's: `/app/uv.lock`.
    pub uv_project: Option<String>,
    /// What was asked for, and is not among the pins because nobody knows before the build what becomes of it: source
    /// distributions. Sorted.
    pub carried: Vec<Carried>,
    /// Whether it is known of all projects that were built into the original that they have nothing compiled.
    pub pure_projects: bool,
    /// Distributions that stay and that no list names, because they came from a folder or a file; sorted.
    pub unlisted: Vec<String>,
    /// Whether the original has archives or caches of apt's own below `/var/cache/apt`.
    pub package_cache: bool,
    /// Files of the original that a later layer removed, with their bytes (`unpacked`); sorted.
    pub hidden: Vec<(ImagePath, u64)>,
    /// Application files to copy from the original.
    pub copies: Vec<CopyItem>,
    /// Symbolic links of the application outside the copied directories: a copy of a link would follow it.
    pub links: Vec<LinkItem>,
    /// Folders whose owner or mode no copy gives them.
    pub folders: Vec<FolderItem>,
    /// What of the application comes by a list, because it is in too many places for instructions of their own.
    pub picked: Option<Picked>,
    /// What goes of the distributions once they are installed.
    pub trims: Vec<Trim>,
    /// Importable modules of the kept distributions, for the smoke test, sorted by distribution.
    pub smoke_modules: Vec<SmokeModule>,
    /// All top-level modules that the original has: a kept module that fails because another one outside this
    /// set is missing could not be imported before either.
    pub modules_before: Vec<String>,
    /// What the plan does, largest first.
    pub actions: Vec<Action>,
    /// Findings that the plan leaves alone, and why.
    pub skipped: Vec<Skipped>,
    /// Things that the user should know before building.
    pub notes: Vec<String>,
    /// The image that the plan's text makes, as `context` reads it.
    pub predicted: Image,
    /// What becomes of every file of the original, where that was asked for.
    pub ledger: Option<PlanLedger>,
}

impl Plan {
    /// Whether the list of distributions is complete, so that installers are to resolve nothing.
    pub fn is_complete(&self) -> bool {
        self.carried.is_empty()
    }

    /// Bytes of the original of which nobody knows whether the plan's text brings them again.
    pub fn unknown(&self) -> u64 {
        let own = self.actions.iter().filter(|action| action.rule == actions::UNKNOWN);
        own.fold(0, |sum, action| sum.saturating_add(action.removed))
    }
}

/// A requirement that the plan hands on as it was asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Carried {
    /// Normalized name.
    pub name: String,
    /// The requirement as a line of a requirements file: `docopt==0.6.2`.
    pub requirement: String,
    /// Where it is asked for.
    pub source: String,
}

/// The image to build on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseImage {
    /// What `FROM` names.
    pub name: String,
    /// How that is known, in words.
    pub how: String,
    /// How many of the original's layers it stands for.
    pub layers: usize,
    /// Whether something tells that. If not, what the base brings is not known, and no layer is taken for its own.
    pub is_told: bool,
    /// Whether a `RUN` can be carried out on it.
    pub has_shell: bool,
    /// Whether the user names it and what the image's lowest layers have says that it is another one.
    pub is_assumed: bool,
    /// How many layers another image has, which was read, that takes the place of the original's lowest ones.
    pub other: Option<usize>,
}

/// Programs that install packages of rpm's, the one that is preferred first.
pub const RPM_PROGRAMS: [&str; 5] = ["dnf", "microdnf", "tdnf", "zypper", "yum"];

impl BaseImage {
    /// How many layers it has.
    pub fn image_layers(&self) -> usize {
        self.other.unwrap_or(self.layers)
    }
}

/// Where distributions are installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetEnvironment {
    /// Its prefix: `/usr/local`, `/opt/venv`, `/home/app/.local`.
    pub prefix: ImagePath,
    /// Where modules go: `/usr/local/lib/python3.11/site-packages`.
    pub site_dir: ImagePath,
    /// What kind.
    pub kind: EnvironmentKind,
    /// Its interpreter in the original, behind all links, where it has one.
    pub interpreter: Option<ImagePath>,
    /// `3.11`.
    pub python: String,
    /// Owner of most modules, to keep.
    pub uid: u32,
    /// Group of most modules.
    pub gid: u32,
    /// Owner and group of most of what the distributions have elsewhere: scripts, data.
    pub others: (u32, u32),
    /// Whether the original has bytecode (pip compiles by default, uv does not).
    pub bytecode: bool,
}

impl TargetEnvironment {
    /// Whether the modules have another owner than the rest, so that they come by a copy of their own.
    #[must_use]
    pub fn is_split(&self) -> bool {
        let kinds = [EnvironmentKind::System, EnvironmentKind::Vendor, EnvironmentKind::Virtual];
        kinds.contains(&self.kind) && (self.uid, self.gid) != self.others
    }
}

impl Plan {
    /// Whether a distribution is to be installed, by its normalized name.
    #[must_use]
    pub fn has_pin(&self, normalized: &str) -> bool {
        self.pins.iter().any(|pin| crate::python::normalize_name(&pin.name) == normalized)
    }
}

impl Pin {
    /// The normalized name of what it takes the place of, which may be its own: another build.
    #[must_use]
    pub fn replaces(&self) -> Option<String> {
        self.instead_of.as_deref()?.split_whitespace().next().map(crate::python::normalize_name)
    }
}

/// A distribution to install.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Name as METADATA writes it.
    pub name: String,
    /// Exact version. For an index of CPU builds without local version, so that one file serves all platforms.
    pub version: String,
    /// The index it must come from, if not the user's default one.
    pub index: Option<String>,
    /// A URL to install from, where the original was installed from one.
    pub url: Option<String>,
    /// Whether the original seems to have built it from its source, because there was no wheel.
    pub built_here: bool,
    /// Why it is there.
    pub why: Why,
    /// What it takes the place of, as `name version`, if it is not simply the same distribution.
    pub instead_of: Option<String>,
    /// Predicted installed size.
    pub size: Size,
    /// Whether and from what it can be installed; none where that was not looked up.
    pub availability: Option<Availability>,
}

impl Pin {
    /// Whether it has to be made from its source: the package index tells, or where that was not asked, the original.
    pub fn is_compiled(&self) -> bool {
        match self.availability.as_ref().map(|answer| answer.verdict) {
            Some(Verdict::SourceOnly) => true,
            None | Some(Verdict::Unknown) => self.built_here,
            Some(_) => false,
        }
    }
}

/// A distribution or package that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Installed bytes (`unpacked`, measured).
    pub bytes: u64,
    /// Why.
    pub why: Why,
    /// The rule that asks for it, or `unused-closure`, `unused-packages`.
    pub rule: String,
}

impl Dropped {
    /// Why, and by which rule where that is not plain from the reason.
    pub fn reason(&self) -> String {
        match self.why {
            Why::BuildOnly | Why::NothingNeeds => self.why.to_string(),
            _ => format!("{} ({})", self.why, self.rule),
        }
    }
}

/// A requirement that will not be met, on purpose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OverriddenEdge {
    /// Normalized name of who requires.
    pub distribution: String,
    /// Its version.
    pub version: String,
    /// The requirement as METADATA writes it.
    pub requirement: String,
    /// The required name, normalized.
    pub name: String,
    /// Why that is fine (or, in the original, what is wrong).
    pub why: Why,
}

/// A path to copy from the original image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyItem {
    /// File or whole directory.
    pub path: ImagePath,
    /// Whether it is a directory.
    pub directory: bool,
    /// Owner of all of it.
    pub uid: u32,
    /// Group of all of it.
    pub gid: u32,
    /// Bytes (`unpacked`, measured).
    pub bytes: u64,
}

/// Files, links and folders that come in one layer by a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picked {
    /// Files, links and the folders above them and above `folders`, each by itself; sorted. None needs quotes in a list of
    /// `tar`'s.
    pub paths: Vec<ImagePath>,
    /// Folders with all that is in them; sorted. As little.
    pub folders: Vec<ImagePath>,
    /// Whether the original has a shell and `tar` to pick them; else the base has.
    pub in_original: bool,
    /// That `tar`: `/bin/tar`.
    pub program: String,
}

/// A distribution's modules to import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmokeModule {
    /// Distribution, as in the pins.
    pub distribution: String,
    /// Top-level modules.
    pub modules: Vec<String>,
}

/// Something that the plan does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The rule that asked for it, or a built-in reason (`rebuild`, `unused-closure`).
    pub rule: String,
    /// Its tier.
    pub tier: Tier,
    /// One line: what is done to what.
    pub title: String,
    /// Bytes that the original has for it (`unpacked`, measured). Each byte is counted for one action only,
    /// and all actions with `added` sum to the difference of the two ledgers.
    pub removed: u64,
    /// Bytes that the result has instead (`unpacked`, predicted or catalogue).
    pub added: u64,
    /// Evidence, one line each.
    pub evidence: Vec<String>,
}

/// A finding that the plan leaves alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The rule.
    pub rule: String,
    /// The finding's tier, which may be lower than the rule's.
    pub tier: Tier,
    /// The finding's subject.
    pub subject: Subject,
    /// Bytes it concerns.
    pub bytes: u64,
    /// Why, and how to have it done.
    pub reason: String,
}

/// Why no plan can be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The option names no rule.
    #[error("--{option} {id}: no rule has this id")]
    UnknownRule {
        /// `accept` or `skip`.
        option: &'static str,
        /// The id.
        id: String,
    },
    /// Nothing tells what to build on.
    #[error("the base image is not known: {0}")]
    UnknownBase(String),
    /// The plan's own Dockerfile cannot be read to its end.
    #[error("there is no plan: its Dockerfile would not build: {0}")]
    WouldNotBuild(String),
}

/// A symbolic link to make again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkItem {
    /// Where.
    pub path: ImagePath,
    /// The target as written.
    pub target: Vec<u8>,
}

/// A folder with an owner or a mode of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderItem {
    /// Where.
    pub path: ImagePath,
    /// Owner and group, where they are to be set.
    pub owner: Option<(u32, u32)>,
    /// Permission bits, where they are to be set.
    pub mode: Option<u32>,
}

fn check_ids(rules: &[Rule], options: &PlanOptions) -> Result<(), PlanError> {
    for (option, ids) in [("accept", &options.accept), ("skip", &options.skip)] {
        if let Some(id) = ids.iter().find(|id| rules.iter().all(|rule| rule.id != **id)) {
            return Err(PlanError::UnknownRule { option, id: crate::base::Text::from(id).into() });
        }
    }
    Ok(())
}

/// Paths that a followed rule drops.
fn followed_paths<'a>(
    findings: &'a [Finding],
    rules: &[Rule],
    follows: &dyn Fn(&Rule, Tier) -> bool,
) -> FastSet<&'a [u8]> {
    let followed = |finding: &&Finding| rules.iter().any(|rule| rule.id == finding.rule && follows(rule, finding.tier));
    findings.iter().filter(followed).flat_map(|finding| finding.paths.iter().map(ImagePath::as_bytes)).collect()
}

fn pins(facts: &Facts<'_>, decisions: &Decisions, prediction: &Prediction<'_>) -> Vec<Pin> {
    let dists = &facts.python.distributions;
    let pin = |&id: &DistId| {
        let dist = &dists[id];
        let swap = decisions.swaps.get(&id);
        let asked = decisions.roots.iter().find(|(root, _)| *root == id).map(|(_, root)| root.how.clone());
        let why = asked.map_or_else(|| Why::RequiredBy(required_by(facts, decisions, id)), Why::AskedFor);
        Pin {
            name: swap.map_or_else(|| dist.name.clone(), |swap| swap.name.clone()),
            version: swap.map_or_else(|| dist.version.clone(), |swap| swap.version.clone()),
            index: swap.and_then(|swap| swap.index.clone()),
            url: if swap.is_some() { None } else { dist.direct_url.clone().filter(|url| !url.starts_with("file:")) },
            built_here: swap.is_none() && dist.built_here,
            why,
            instead_of: swap.map(|_| format!("{} {}", dist.name, dist.version)),
            size: prediction.size_of(id),
            availability: prediction.answers.get(&id).map(|answer| (*answer).clone()),
        }
    };
    let from_index = decisions.kept.iter().filter(|id| !decisions.is_copied(facts, **id));
    let mut pins: Vec<Pin> = from_index.map(pin).collect();
    pins.sort_by_key(|pin| crate::python::normalize_name(&pin.name));
    pins
}

fn required_by(facts: &Facts<'_>, decisions: &Decisions, id: DistId) -> Vec<String> {
    let from =
        facts.graph.required_by(id).map(|edge| edge.from).filter(|from| decisions.kept.contains(from) && *from != id);
    let mut names: Vec<&str> = from.map(|from| facts.python.distributions[from].name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(str::to_owned).collect()
}

fn roots(facts: &Facts<'_>, decisions: &Decisions) -> Vec<Root> {
    let mut roots: Vec<Root> = decisions
        .roots
        .iter()
        .filter(|(id, _)| !decisions.is_copied(facts, *id))
        .map(|(id, root)| match decisions.swaps.get(id) {
            Some(swap) => {
                let drops =
                    swap.replacement.as_ref().map(|replacement| replacement.drop_extras.clone()).unwrap_or_default();
                let extras = root.extras.iter().filter(|extra| !drops.contains(extra)).cloned().collect();
                Root {
                    name: swap.name.clone(),
                    version: swap.version.clone(),
                    extras,
                    specifiers: String::new(),
                    ..root.clone()
                }
            }
            None => root.clone(),
        })
        .collect();
    roots.sort_by_key(|root| crate::python::normalize_name(&root.name));
    roots
}

fn dropped_distributions(facts: &Facts<'_>, decisions: &Decisions) -> Vec<Dropped> {
    let dropped = |(&id, gone): (&DistId, &closure::Gone)| {
        let dist = &facts.python.distributions[id];
        Dropped {
            name: dist.name.clone(),
            version: dist.version.clone(),
            bytes: dist.bytes,
            why: gone.why.clone(),
            rule: gone.rule.clone(),
        }
    };
    let mut out: Vec<Dropped> = decisions.gone.iter().map(dropped).collect();
    out.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    out
}

/// Modules of what stays; of an environment that is copied as it is (its position), of all in it.
fn smoke_modules(facts: &Facts<'_>, decisions: &Decisions, copied: Option<usize>) -> Vec<SmokeModule> {
    let module = |&id: &DistId| {
        let dist = &facts.python.distributions[id];
        let swap = decisions.swaps.get(&id);
        let distribution = swap.map_or_else(|| dist.name.clone(), |swap| swap.name.clone());
        // Modules that only the GPU build has (torch's `nvfuser`) nobody can import from the other one.
        let without = swap.and_then(|swap| swap.replacement.as_ref()).map(|replacement| &replacement.without);
        let stays = |module: &&String| {
            let path = format!("{}/__init__.py", module.replace('.', "/"));
            without.is_none_or(|without| !without.matches(path.as_bytes()))
        };
        SmokeModule { distribution, modules: dist.modules.iter().filter(stays).cloned().collect() }
    };
    let dists = facts.python.distributions.pairs();
    let copied = dists.filter(|(_, dist)| decisions.subject.is_empty() && Some(dist.environment) == copied);
    let copied: Vec<DistId> = copied.map(|(id, _)| id).collect();
    let stays = decisions.kept.iter().chain(&copied);
    let mut out: Vec<SmokeModule> = stays.map(module).filter(|module| !module.modules.is_empty()).collect();
    out.sort_by(|a, b| a.distribution.cmp(&b.distribution));
    out
}

/// All top-level modules of an image's distributions, sorted.
pub fn modules_before(facts: &Facts<'_>) -> Vec<String> {
    let all = facts.python.distributions.iter().flat_map(|dist| dist.modules.iter());
    let top: BTreeSet<String> = all.filter_map(|module| module.split('.').next()).map(str::to_owned).collect();
    top.into_iter().collect()
}

fn notes(
    facts: &Facts<'_>,
    decisions: &Decisions,
    system: &system::SystemDecisions,
    target: Option<usize>,
    (base, conda): (&BaseImage, &conda::CondaDecisions),
) -> Vec<String> {
    let mut notes = decisions.notes.clone();
    notes.extend(system.notes.iter().cloned());
    let dists = &facts.python.distributions;
    for id in &decisions.kept {
        if decisions.is_copied(facts, *id) {
            let dist = &dists[*id];
            let why = match decisions.compiled_elsewhere.contains(id) && !dist.is_local() {
                true => "is no wheel of a package index, and the image has no compiler that tells how it was built",
                false => "was installed from a folder or a file, not by name",
            };
            let (name, version) = (&dist.name, &dist.version);
            notes.push(format!("{name} {version} {why}: what it installed is copied from the original"));
        }
    }
    notes.extend(others(facts, decisions, target, (base, conda)));
    notes.sort();
    notes.dedup();
    notes
}

/// Notes on what is copied as it is beside the environment that is rebuilt: other environments above the base, and interpreters
/// that no package brings.
fn others(
    facts: &Facts<'_>,
    decisions: &Decisions,
    target: Option<usize>,
    (base, conda): (&BaseImage, &conda::CondaDecisions),
) -> Vec<String> {
    let dists = &facts.python.distributions;
    let above: Vec<&Distribution> = closure::above_base(facts, base.layers).map(|(_, dist)| dist).collect();
    let mut notes = Vec::new();
    for (position, environment) in facts.python.environments.iter().enumerate() {
        let is_conda = environment.kind == EnvironmentKind::Conda;
        let here = || above.iter().filter(|dist| dist.environment == position);
        let is_there = here().next().is_some() || is_conda && dists.iter().any(|dist| dist.environment == position);
        if Some(position) == target || !is_there || conda.at(&environment.prefix).is_some() {
            continue;
        }
        let mut bytes = here().fold(0u64, |sum, dist| sum.saturating_add(dist.bytes));
        if is_conda {
            let packages = facts.os.conda.packages.pairs();
            let packages = packages.filter(|(_, package)| package.prefix == environment.prefix);
            let of = |(id, _): (CondaId, _)| facts.summary.owners.get(&Owner::CondaPackage(id)).map_or(0, |sum| sum.0);
            bytes = dists.iter().filter(|dist| dist.environment == position).map(|dist| dist.bytes).sum();
            bytes = packages.map(of).fold(bytes, u64::saturating_add);
        }
        let (prefix, bytes) = (&environment.prefix, ByteSize(bytes));
        notes.push(format!("the environment at {prefix} is copied as it is: {bytes}"));
    }
    let copied = facts
        .python
        .interpreters
        .list
        .iter()
        .filter(|one| one.layer as usize >= base.layers && !decisions.subject.is_empty());
    notes.extend(copied.map(|interpreter| {
        let (title, prefix, bytes) = (interpreter.title(), &interpreter.prefix, ByteSize(interpreter.bytes()));
        format!("{title} at {prefix} is no package's and not the base's: it is copied as it is, {bytes}")
    }));
    notes
}

/// Notes on files of distributions that were changed by hand.
fn patched_notes(facts: &Facts<'_>, decisions: &Decisions) -> Vec<String> {
    let mut patched: BTreeMap<DistId, Vec<String>> = BTreeMap::new();
    for (id, path) in closure::patched(facts, decisions) {
        patched.entry(id).or_default().push(path.to_string());
    }
    let note = |(id, paths): (DistId, Vec<String>)| {
        let dist = &facts.python.distributions[id];
        let names = listed(&paths, NAMES);
        let what = format!("{} {}: {names}", dist.name, dist.version);
        format!("{what} was changed after it was installed, and is copied from the original as it is there")
    };
    patched.into_iter().map(note).collect()
}
