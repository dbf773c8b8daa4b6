//! Environments of conda's with builds for a GPU: what stays in them, what comes as another build, what goes.
//!
//! All that stays is as it is: the same build from the same place. Another build of the same version comes in the place of
//! each that is one for a GPU, or needs what is. Which one that is a channel tells; where none could be asked, the plan
//! says which builds would do, and what they bring is not known.

use crate::base::{CondaId, FastSet, ImagePath, Numbered, Text, count, file_name, is_within, names as join};
use crate::conda::{Answer, BuildQuestion, NewPackage, Placed, Refusal, Spec, Staying};
use crate::context::{KnownConda, KnownFile};
use crate::facts::Facts;
use crate::os::{CondaPackage, is_gpu_build};
use crate::rules::{Detect, Finding, GlobSet, Rule, Tier};
use std::collections::{BTreeMap, BTreeSet};

/// Endings of files that images are published without. What of them was removed is removed again.
const ENDINGS: [&str; 4] = [".a", ".js.map", ".pyc", ".la"];
/// So many paths are removed by name.
const MAX_REMOVED: usize = 60;

/// An environment that is made anew.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CondaEnvironment {
    /// The rule that asks for it.
    pub rule: String,
    /// Where it is.
    pub prefix: ImagePath,
    /// Owner of it, to keep.
    pub uid: u32,
    /// Group of it.
    pub gid: u32,
    /// The platform of its packages: `linux-64`.
    pub subdir: String,
    /// What is to be in it, sorted by name.
    pub pins: Vec<CondaPin>,
    /// What goes, sorted by name: name, version and build, as one text.
    pub gone: Vec<String>,
    /// Where its packages come from: places of channels, the first of most weight.
    pub channels: Vec<String>,
    /// Why it is not known which builds come; none where all are.
    pub open: Option<String>,
    /// Whether packages for every Python are compiled.
    pub compiles: bool,
    /// Endings of files that are removed behind the installation.
    pub without: Vec<String>,
    /// Other paths that are removed.
    pub removed: Vec<ImagePath>,
}

/// A package to install.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CondaPin {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Build; where it is not known which, a pattern of those that would do, or nothing.
    pub build: String,
    /// Where its archive is; empty where that is not known.
    pub url: String,
    /// The archive's MD5 sum; empty where none is known.
    pub md5: String,
    /// Whether it was asked for.
    pub asked_for: bool,
    /// What it takes the place of, as `name version build`.
    pub instead_of: Option<String>,
}

impl CondaEnvironment {
    /// Whether every package is known with its place, so that no solver is needed.
    pub fn is_locked(&self) -> bool {
        self.open.is_none() && self.pins.iter().all(|pin| pin.url.contains("://") && !pin.url.starts_with("file:"))
    }
}

/// What is decided of one environment.
#[derive(Clone, Debug, Default)]
pub(super) struct CondaDecision {
    pub rule: String,
    pub prefix: ImagePath,
    /// Names of what is not wanted.
    avoided: GlobSet,
    /// All of the environment, by position in the inventory.
    all: BTreeSet<CondaId>,
    /// What is for a GPU by its name.
    unwanted: BTreeSet<CondaId>,
    /// What is another build, or goes with those that are.
    builds: BTreeSet<CondaId>,
    /// Of these, those that have to be there in another build.
    wanted: BTreeSet<CondaId>,
    /// What is not needed by anything else.
    roots: BTreeSet<CondaId>,
    /// What stays.
    pub kept: BTreeSet<CondaId>,
    /// The Python in it: `3.11`.
    python: Option<String>,
    /// What came of asking channels.
    new: Vec<NewPackage>,
    /// Why that is not known.
    open: Option<String>,
    /// Files of what comes.
    pub brought: BTreeMap<ImagePath, Placed>,
    without: Vec<String>,
    removed: Vec<ImagePath>,
}

/// All environments that are made anew, and why others are not, by rule.
#[derive(Default)]
pub(super) struct CondaDecisions {
    pub list: Vec<CondaDecision>,
    pub held: BTreeMap<String, String>,
    /// By position in the inventory: the decision about it.
    of: BTreeMap<CondaId, usize>,
}

impl CondaDecisions {
    /// The rule by which a package goes or comes in another build.
    pub(super) fn rule_of(&self, package: CondaId) -> Option<&str> {
        let decision = &self.list[*self.of.get(&package)?];
        (!decision.kept.contains(&package)).then_some(decision.rule.as_str())
    }

    /// Whether a package is of an environment that is made anew.
    pub(super) fn has(&self, package: CondaId) -> bool {
        self.of.contains_key(&package)
    }

    /// The environment made anew that is at a prefix.
    pub(super) fn at(&self, prefix: &ImagePath) -> Option<&CondaDecision> {
        self.list.iter().find(|decision| decision.prefix == *prefix)
    }

    /// The rule by which a new file comes.
    pub(super) fn rule_of_new(&self, path: &ImagePath) -> Option<&str> {
        let decision = self.list.iter().find(|decision| decision.brought.contains_key(path))?;
        Some(decision.rule.as_str())
    }

    /// Whether what a package of the original has at a path is there again.
    pub(super) fn brings(&self, facts: &Facts<'_>, package: CondaId, path: &[u8]) -> bool {
        let decision = self.of.get(&package).and_then(|at| self.list.get(*at));
        let is_there = |decision: &CondaDecision| decision.kept.contains(&package) && !decision.takes_away(path);
        let conda = &facts.os.conda;
        decision.is_some_and(is_there) && !conda.is_cache(path) && conda.is_installed(package, path)
    }

    /// Whether a path is a note of conda's own about an environment that is made anew.
    pub(super) fn is_note(&self, path: &[u8]) -> bool {
        let notes = |decision: &CondaDecision| {
            let meta = decision.prefix.join(b"conda-meta");
            is_within(path, meta.as_bytes()) && !matches!(file_name(path), b"pinned" | b"state")
        };
        self.list.iter().any(notes)
    }
}

/// Decides on all environments. `left` are those that no channel has other builds for, with the reason.
pub(super) fn decide(
    facts: &Facts<'_>,
    findings: &[Finding],
    rules: &[Rule],
    follows: &dyn Fn(&Rule, Tier) -> bool,
    base_layers: usize,
    left: &BTreeMap<ImagePath, String>,
) -> CondaDecisions {
    let mut out = CondaDecisions::default();
    for finding in findings {
        let rule = rules.iter().find(|rule| rule.id == finding.rule);
        let Some(rule) = rule.filter(|rule| follows(rule, finding.tier)) else { continue };
        let Detect::CondaPackages { names, gpu_builds: true, only, .. } = &rule.detect else { continue };
        for prefix in &facts.os.conda.prefixes {
            let hold = |out: &mut CondaDecisions, why: String| {
                out.held.entry(rule.id.clone()).or_insert_with(|| format!("left to you: {why}"));
            };
            let Some(decision) = of_prefix(facts, rule, prefix, (names, only)) else { continue };
            match decision {
                _ if is_of_base(facts, prefix, base_layers) => {
                    hold(&mut out, format!("{prefix} is the base image's"));
                }
                Ok(_) if left.contains_key(prefix) => hold(&mut out, left[prefix].clone()),
                Ok(decision) => {
                    let at = out.list.len();
                    out.of.extend(decision.all.iter().map(|package| (*package, at)));
                    out.list.push(decision);
                }
                Err(why) => hold(&mut out, why),
            }
        }
    }
    for decision in &mut out.list {
        decision.remove_again(facts);
    }
    out
}

/// Whether the base that the plan builds on has the environment.
fn is_of_base(facts: &Facts<'_>, prefix: &ImagePath, base_layers: usize) -> bool {
    let meta = prefix.join(b"conda-meta");
    let mut notes = facts.view.below(meta.as_bytes()).filter(|(path, _)| path.ends_with(b".json"));
    notes.any(|(_, node)| (node.entry.0 as usize) < base_layers)
}

/// What becomes of one environment; none where nothing in it is for a GPU. The error is why it stays as it is.
fn of_prefix(
    facts: &Facts<'_>,
    rule: &Rule,
    prefix: &ImagePath,
    (names, only): (&GlobSet, &GlobSet),
) -> Option<Result<CondaDecision, String>> {
    let packages = &facts.os.conda.packages;
    let all: BTreeSet<CondaId> = packages.ids().filter(|at| packages[*at].prefix == *prefix).collect();
    let is_unwanted = |at: &CondaId| names.matches(packages[*at].name.as_bytes());
    let unwanted: BTreeSet<CondaId> = all.iter().copied().filter(is_unwanted).collect();
    let is_build = |at: &CondaId| !unwanted.contains(at) && packages[*at].is_gpu_build();
    let mut builds: BTreeSet<CondaId> = all.iter().copied().filter(is_build).collect();
    if unwanted.is_empty() && builds.is_empty() {
        return None;
    }
    let by_name: BTreeMap<&str, CondaId> = all.iter().map(|at| (packages[*at].name.as_str(), *at)).collect();
    // Who needs what goes, or needs a build for a GPU of what comes as another one, has to be another build too.
    loop {
        let needs = |at: &&CondaId| {
            packages[**at].specs.iter().filter_map(|text| Spec::parse(text)).any(|spec| {
                let Some(other) = by_name.get(spec.name.as_str()) else { return false };
                let asks = spec.build.as_deref().is_some_and(|build| is_gpu_build(&build.replace('*', "_")));
                unwanted.contains(other) || builds.contains(other) && asks
            })
        };
        let more: Vec<CondaId> =
            all.iter().filter(|at| !unwanted.contains(at) && !builds.contains(at)).filter(needs).copied().collect();
        if more.is_empty() {
            break;
        }
        builds.extend(more);
    }
    let required = facts.os.conda.required_by();
    let is_root = |at: &CondaId| packages[*at].requested || required[*at].is_empty();
    if let Some(reason) = needs_gpu(facts, &unwanted, only, &required) {
        return Some(Err(reason));
    }
    let mut roots: BTreeSet<CondaId> = all.iter().copied().filter(is_root).collect();
    // What asks for a GPU's build of something is gone; what it asked for is not.
    let named = |at: &CondaId| packages[*at].depends.iter().filter_map(|name| by_name.get(name.as_str()).copied());
    let of_gone: Vec<CondaId> = roots.iter().filter(|at| unwanted.contains(at)).flat_map(named).collect();
    roots.retain(|at| !unwanted.contains(at));
    roots.extend(of_gone.into_iter().filter(|at| builds.contains(at)));
    let reached = closure(&roots, |at| named(&at).filter(|other| !unwanted.contains(other)).collect());
    let kept: BTreeSet<CondaId> = reached.difference(&builds).copied().collect();
    let is_needed = |at: &CondaId| roots.contains(at) || required[*at].iter().any(|by| kept.contains(by));
    let wanted = builds.iter().copied().filter(|at| reached.contains(at)).filter(is_needed).collect();
    let python = by_name.get("python").map(|at| packages[*at].version.split('.').take(2).collect::<Vec<_>>().join("."));
    let open = (!builds.is_disjoint(&reached)).then(|| "no channel was asked".to_owned());
    let (rule, prefix, avoided) = (rule.id.clone(), prefix.clone(), names.clone());
    let new = CondaDecision {
        rule,
        prefix,
        avoided,
        all,
        unwanted,
        builds,
        wanted,
        roots,
        kept,
        python,
        open,
        ..CondaDecision::default()
    };
    Some(Ok(new))
}

/// What of a GPU's software the image uses by itself, and has no build for the CPU.
fn needs_gpu(
    facts: &Facts<'_>,
    unwanted: &BTreeSet<CondaId>,
    only: &GlobSet,
    required: &Numbered<CondaId, Vec<CondaId>>,
) -> Option<String> {
    let packages = &facts.os.conda.packages;
    let is_used = |at: &&CondaId| {
        only.matches(packages[**at].name.as_bytes())
            && (packages[**at].requested
                || required[**at].iter().any(|by| !unwanted.contains(by))
                || required[**at].is_empty())
    };
    let used: Vec<Text> = unwanted.iter().filter(is_used).map(|at| Text::from(&packages[*at].name)).collect();
    (!used.is_empty()).then(|| format!("{} has no build for the CPU, and is asked for", join(&used, 3)))
}

fn closure(roots: &BTreeSet<CondaId>, next: impl Fn(CondaId) -> Vec<CondaId>) -> BTreeSet<CondaId> {
    let mut out = BTreeSet::new();
    let mut todo: Vec<CondaId> = roots.iter().copied().collect();
    while let Some(at) = todo.pop() {
        if out.insert(at) {
            todo.extend(next(at));
        }
    }
    out
}

impl CondaDecision {
    /// What channels are to be asked; none where all is known.
    pub(super) fn question(&self, facts: &Facts<'_>) -> Option<BuildQuestion> {
        self.open.as_ref()?;
        let packages = &facts.os.conda.packages;
        let here = |at: &&CondaId| !self.unwanted.contains(at) && !self.builds.contains(at);
        let read = |texts: &[String]| texts.iter().filter_map(|text| Spec::parse(text)).collect::<Vec<Spec>>();
        let staying = |at: &CondaId| {
            let package = &packages[*at];
            Staying {
                name: package.name.clone(),
                version: package.version.clone(),
                build: package.build.clone(),
                specs: read(&package.specs),
                constrains: read(&package.constrains),
            }
        };
        let pair = |at: &CondaId| (cpu_name(&packages[*at].name), packages[*at].version.clone());
        Some(BuildQuestion {
            subdir: self.subdir(facts),
            channels: self.channels(facts),
            staying: self.all.iter().filter(here).map(staying).collect(),
            wanted: self.wanted.iter().map(pair).collect(),
            before: self.builds.iter().map(pair).collect(),
            avoided: self.avoided.clone(),
        })
    }

    /// The platform of most packages.
    fn subdir(&self, facts: &Facts<'_>) -> String {
        let packages = &facts.os.conda.packages;
        let mut names = self.all.iter().map(|at| packages[*at].subdir.as_str());
        let found = names.find(|name| name.starts_with("linux-"));
        let architecture = facts.view.image().config.architecture.as_str();
        found.map_or_else(
            || if architecture == "arm64" { "linux-aarch64" } else { "linux-64" }.to_owned(),
            str::to_owned,
        )
    }

    /// Names and places of its channels: those first of which something is to come, then those of most packages.
    fn channels(&self, facts: &Facts<'_>) -> Vec<(String, Option<String>)> {
        let mut counts: BTreeMap<(&str, Option<&str>), usize> = BTreeMap::new();
        for at in &self.all {
            let package = &facts.os.conda.packages[*at];
            let weight = if self.wanted.contains(at) { 10_000 } else { 1 };
            let is_named = !package.channel.is_empty() && package.channel != "pypi";
            if is_named {
                *counts.entry((&package.channel, package.channel_url())).or_default() += weight;
            }
        }
        let mut rows: Vec<_> = counts.into_iter().collect();
        rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        rows.into_iter().map(|((name, place), _)| (name.to_owned(), place.map(str::to_owned))).collect()
    }

    /// Takes what channels said; the error is why the environment is to stay as it is.
    pub(super) fn answered(&mut self, facts: &Facts<'_>, answer: Answer) -> Result<(), String> {
        match answer {
            Ok(new) => {
                let packages = &facts.os.conda.packages;
                let by_name: BTreeMap<&str, CondaId> =
                    self.all.iter().map(|at| (packages[*at].name.as_str(), *at)).collect();
                let named = |names: Vec<String>| {
                    let places = names.iter().filter_map(|name| by_name.get(name.as_str()).copied());
                    places.filter(|at| !self.builds.contains(at) && !self.unwanted.contains(at)).collect::<Vec<_>>()
                };
                let specs = new.iter().flat_map(|package| &package.record.depends).filter_map(|text| Spec::parse(text));
                let mut roots: BTreeSet<CondaId> = self.roots.difference(&self.builds).copied().collect();
                roots.extend(named(specs.map(|spec| spec.name).collect()));
                self.kept = closure(&roots, |at| named(packages[at].depends.clone()));
                let compiles = self.compiles(facts);
                for package in &new {
                    let record = &package.record;
                    let name = format!("{}-{}-{}", record.name, record.version, record.build);
                    let Ok(contents) = &package.contents else { continue };
                    let placed = contents.placed(&self.prefix, self.python.as_deref(), &name);
                    let placed = placed.into_iter().filter(|file| compiles || !file.path.as_bytes().ends_with(b".pyc"));
                    self.brought.extend(placed.map(|file| (file.path.clone(), file)));
                }
                let (without, removed) = (self.without.clone(), self.removed.clone());
                self.brought.retain(|path, _| !takes_away(&without, &removed, path.as_bytes()));
                (self.new, self.open) = (new, None);
                Ok(())
            }
            Err(Refusal::Unasked(why)) => {
                self.open = Some(why);
                Ok(())
            }
            Err(Refusal::Nothing(what)) => Err(format!("the channels of {} have {what}", self.prefix)),
        }
    }

    /// What was removed behind the first installation is removed again.
    fn remove_again(&mut self, facts: &Facts<'_>) {
        let conda = &facts.os.conda;
        let kept = |at: &CondaId| self.kept.contains(at);
        let missing: Vec<&ImagePath> = conda.missing.iter().filter(|(_, at)| kept(at)).map(|(path, _)| path).collect();
        let there: Vec<&ImagePath> = conda.owners.iter().filter(|(_, at)| kept(at)).map(|(path, _)| path).collect();
        for ending in ENDINGS {
            let ends = |path: &&&ImagePath| path.as_bytes().ends_with(ending.as_bytes());
            if missing.iter().any(|path| ends(&path)) && !there.iter().any(|path| ends(&path)) {
                self.without.push(ending.to_owned());
            }
        }
        let mut removed: BTreeSet<ImagePath> = BTreeSet::new();
        for path in missing {
            if self.without.iter().any(|ending| path.as_bytes().ends_with(ending.as_bytes())) {
                continue;
            }
            let mut top: &[u8] = path.as_bytes();
            for folder in crate::base::ancestors(path.as_bytes()) {
                if folder == self.prefix.as_bytes() || facts.view.get(folder).is_some() {
                    break;
                }
                top = folder;
            }
            removed.insert(ImagePath::new(top));
        }
        self.removed = removed.into_iter().collect();
    }

    /// Also without these endings, which a rule drops.
    pub(super) fn also_without(&mut self, facts: &Facts<'_>, dropped: &FastSet<&[u8]>) {
        let conda = &facts.os.conda;
        for ending in [".a", ".js.map"] {
            let is_it = |path: &&&[u8]| {
                let is_kept = || conda.owners.get(**path).is_some_and(|package| self.kept.contains(package));
                path.ends_with(ending.as_bytes()) && !conda.is_cache(path) && is_kept()
            };
            if dropped.iter().any(|path| is_it(&path)) && !self.without.iter().any(|own| own == ending) {
                self.without.push(ending.to_owned());
            }
        }
    }

    fn takes_away(&self, path: &[u8]) -> bool {
        takes_away(&self.without, &self.removed, path)
    }

    /// Whether packages for every Python are compiled in the original, or there are none.
    fn compiles(&self, facts: &Facts<'_>) -> bool {
        let conda = &facts.os.conda;
        let of_any_python = |at: &CondaId| self.kept.contains(at) && conda.packages[*at].subdir == "noarch";
        let has = |ending: &str| {
            let mut paths = conda.owners.iter().filter(|(_, at)| of_any_python(at));
            paths.any(|(path, _)| path.as_bytes().ends_with(ending.as_bytes()) && !conda.is_cache(path.as_bytes()))
        };
        !has(".py") || has(".pyc")
    }

    /// Whether pip is in it, so that what pip installed can be installed again.
    pub(super) fn has_pip(&self, facts: &Facts<'_>) -> bool {
        self.kept.iter().any(|at| facts.os.conda.packages[*at].name == "pip")
    }

    /// Notes for the user.
    pub(super) fn notes(&self, facts: &Facts<'_>) -> Vec<String> {
        let mut out = Vec::new();
        let prefix = &self.prefix;
        if let Some(why) = &self.open {
            let names: Vec<Text> =
                self.wanted.iter().map(|at| Text::from(&facts.os.conda.packages[*at].name)).collect();
            out.push(format!(
                "{prefix}: which build of {} comes is up to the solver, and what it brings is not known: {}",
                join(&names, 4),
                Text::from(why)
            ));
        }
        let unknown: Vec<&NewPackage> = self.new.iter().filter(|package| package.contents.is_err()).collect();
        if let Some(first) = unknown.first() {
            let why = first.contents.as_ref().err().cloned().unwrap_or_default();
            let names: Vec<Text> = unknown.iter().map(|package| Text::from(&package.record.name)).collect();
            out.push(format!("{prefix}: what {} unpacks to is not known: {}", join(&names, 4), Text::from(&why)));
        }
        if self.removed.len() > MAX_REMOVED {
            let more = count(self.removed.len() - MAX_REMOVED, "path");
            out.push(format!("{prefix}: {more} of packages that the original has removed come back"));
        }
        let of_folder = self.kept.iter().find(|at| facts.os.conda.packages[**at].url.starts_with("file:"));
        if let Some(at) = of_folder {
            let package = Text::from(&facts.os.conda.packages[*at].name);
            out.push(format!("{prefix}: {package} was installed from a folder, which the build has to find"));
        }
        out
    }

    /// What an installer brings, with the files of what stays.
    pub(super) fn installed(
        &self,
        kept: Vec<KnownFile>,
        facts: &Facts<'_>,
        environment: &CondaEnvironment,
    ) -> KnownConda {
        let mut files = kept;
        files.extend(self.brought.values().map(|file| KnownFile { entry: file.entry(), content: None }));
        let mut unknown: Vec<(String, String)> = Vec::new();
        for package in &self.new {
            if let Err(why) = &package.contents {
                unknown.push((package.record.name.clone(), why.clone()));
            }
        }
        if let Some(why) = &self.open {
            let names = self.wanted.iter().map(|at| cpu_name(&facts.os.conda.packages[*at].name));
            unknown.extend(names.map(|name| (format!("{name}, built for the CPU"), why.clone())));
        }
        let packages = environment.pins.iter().map(|pin| format!("{}{}", pin.name, pin.url)).collect();
        KnownConda { files, unknown, packages }
    }

    /// The environment as it is to be.
    pub(super) fn environment(&self, facts: &Facts<'_>) -> CondaEnvironment {
        let packages = &facts.os.conda.packages;
        let mut pins: Vec<CondaPin> = self.kept.iter().map(|at| kept_pin(&packages[*at])).collect();
        let title = |package: &CondaPackage| format!("{} {} {}", package.name, package.version, package.build);
        let old =
            |name: &str| self.builds.iter().map(|at| &packages[*at]).find(|package| cpu_name(&package.name) == name);
        for NewPackage { record, .. } in &self.new {
            pins.push(CondaPin {
                name: record.name.clone(),
                version: record.version.clone(),
                build: record.build.clone(),
                url: record.url.clone(),
                md5: record.md5.clone().unwrap_or_default(),
                asked_for: old(&record.name).is_some_and(|package| package.requested),
                instead_of: old(&record.name).map(title),
            });
        }
        if self.open.is_some() {
            let open = |at: &CondaId| CondaPin {
                name: cpu_name(&packages[*at].name),
                build: cpu_build(&packages[*at]),
                url: String::new(),
                md5: String::new(),
                instead_of: Some(title(&packages[*at])),
                ..kept_pin(&packages[*at])
            };
            pins.extend(self.wanted.iter().map(open));
        }
        pins.sort_by(|a, b| a.name.cmp(&b.name));
        let comes: BTreeSet<&str> = pins.iter().map(|pin| pin.name.as_str()).collect();
        let goes = |at: &&CondaId| !self.kept.contains(at) && !comes.contains(packages[**at].name.as_str());
        let channels = self.channels(facts);
        let meta = self.prefix.join(b"conda-meta");
        let owner = [&self.prefix, &meta].into_iter().find_map(|path| facts.view.get(path.as_bytes()));
        let owner = owner.map(|node| facts.view.entry(node.entry));
        let mut removed = self.removed.clone();
        removed.truncate(MAX_REMOVED);
        CondaEnvironment {
            rule: self.rule.clone(),
            prefix: self.prefix.clone(),
            uid: owner.map_or(0, |entry| entry.uid),
            gid: owner.map_or(0, |entry| entry.gid),
            subdir: self.subdir(facts),
            gone: self.all.iter().filter(goes).map(|at| title(&packages[*at])).collect(),
            pins,
            channels: channels.into_iter().map(|(name, place)| place.unwrap_or(name)).collect(),
            open: self.open.clone(),
            compiles: self.compiles(facts),
            without: self.without.clone(),
            removed,
        }
    }
}

/// Whether a path is removed behind the installation.
fn takes_away(without: &[String], removed: &[ImagePath], path: &[u8]) -> bool {
    without.iter().any(|ending| path.ends_with(ending.as_bytes()))
        || removed.iter().take(MAX_REMOVED).any(|gone| is_within(path, gone.as_bytes()))
}

fn kept_pin(package: &CondaPackage) -> CondaPin {
    CondaPin {
        name: package.name.clone(),
        version: package.version.clone(),
        build: package.build.clone(),
        url: package.url.clone(),
        md5: package.md5.clone(),
        asked_for: package.requested,
        instead_of: None,
    }
}

/// What the CPU's build of a package is called, where the GPU's has a name of its own: `faiss-gpu`.
fn cpu_name(name: &str) -> String {
    name.strip_suffix("-gpu").map_or_else(|| name.to_owned(), |stem| format!("{stem}-cpu"))
}

/// A pattern of the builds for the CPU: conda-forge and PyTorch's channel call them `cpu`, Anaconda's own of TensorFlow by
/// the library that they compute with. Nothing where the build tells nothing.
fn cpu_build(package: &CondaPackage) -> String {
    match () {
        () if !package.is_gpu_build() || package.name.ends_with("-gpu") => String::new(),
        () if package.name.starts_with("tensorflow") && package.build.starts_with("gpu_") => "mkl_*".into(),
        () => "*cpu*".into(),
    }
}
