//! A plan in two steps: what is decided without looking anything up, and the rest, for which the answers of a package
//! index may be there or not.

mod decided;

pub use decided::{Anew, Decided};

use super::application::{Application, Chooser};
use super::closure::{self, Decisions};
use super::conda::{self, CondaDecisions, CondaEnvironment};
use super::fit::{self, Fits, Swap};
use super::gpu_system::GpuSystem;
use super::installer::{self, Stage};
use super::predict::{Prediction, Taken};
use super::stock::Stock;
use super::system::{self, Question, SystemDecisions};
use super::trim::Trims;
use super::{BaseImage, Plan, PlanError, PlanOptions, TargetEnvironment, availability, base, carried};
use crate::base::{DistId, FastMap, FastSet, ImagePath, PackageId, Text, both, count, file_name};
use crate::conda::{Answer, BuildQuestion};
use crate::context::{KnownConda, KnownDistribution};
use crate::facts::Facts;
use crate::fs::View;
use crate::image::{Config, Image};
use crate::index::{Availability, Verdict, Wanted};
use crate::os::OsInventory;
use crate::python::{EnvironmentKind, normalize_name};
use crate::rules::{Detect, Finding, Rule, Tier};
use crate::wheel::{Libc, Platform, WheelInfo};
use std::collections::{BTreeMap, BTreeSet};

/// How often a plan's choices are made again: a family has no more members.
const MAX_FITS: usize = 8;

/// The decisions of a plan. [`Draft::wanted`] tells what may be looked up; [`Draft::intent`] makes the plan, with the
/// answers as data, as far as it is known without its text.
pub struct Draft<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) findings: &'a [Finding],
    pub(super) rules: &'a [Rule],
    pub(super) options: &'a PlanOptions,
    base: BaseImage,
    /// What the result is started with.
    config: Config,
    /// The environment's position in the inventory, and what it is.
    target: Option<(usize, TargetEnvironment)>,
    decisions: Decisions,
    system: SystemDecisions,
    application: Application,
    /// Environments of conda's that are made anew.
    conda: CondaDecisions,
    /// What rules over paths take out of distributions.
    trims: Trims<'a>,
    told: Told,
}

/// What was asked before, and does not do as it was thought.
#[derive(Clone, Default)]
struct Told {
    /// Environments of conda's that no channel has other builds for, with the reason.
    conda: BTreeMap<ImagePath, String>,
    /// Distributions that no index has in the version that was chosen.
    fits: Fits,
    /// Why nothing can install into the environment that the plan would make anew.
    no_installer: Option<String>,
}

impl<'a> Draft<'a> {
    /// Decides.
    ///
    /// # Errors
    ///
    /// An option names no rule; nothing tells what to build on.
    pub fn new(
        facts: &'a Facts<'a>,
        findings: &'a [Finding],
        rules: &'a [Rule],
        options: &'a PlanOptions,
    ) -> Result<Self, PlanError> {
        Self::leaving(facts, findings, rules, options, Told::default())
    }

    /// Decides, with what is known from an earlier decision.
    fn leaving(
        facts: &'a Facts<'a>,
        findings: &'a [Finding],
        rules: &'a [Rule],
        options: &'a PlanOptions,
        told: Told,
    ) -> Result<Self, PlanError> {
        super::check_ids(rules, options)?;
        let image = facts.view.image();
        let gpu = GpuSystem::new(findings, rules, options);
        let base = base::choose(facts, options, gpu.as_ref())?;
        let is_there = base.is_told && (base.layers > 0 || base.has_shell);
        let base_layers = if is_there { image.base_layers() } else { 0 };
        let config = gpu.as_ref().map_or_else(|| image.config.clone(), |gpu| gpu.without(&image.config));
        let gpu = gpu.map(|gpu| gpu.gone()).unwrap_or_default();
        let follows = |rule: &Rule, tier: Tier| closure::follows(rule, tier, options);
        let target = closure::target_environment(facts, base_layers);
        // What is left of conda's in an image without distributions of its own: the base that the plan builds on has it not.
        let copied = || closure::target_environment(facts, base.layers);
        let is_copied =
            |(_, found): &(usize, TargetEnvironment)| found.kind == EnvironmentKind::Conda && !options.own_dockerfile;
        let target = target.or_else(|| copied().filter(is_copied));
        let mut conda = match options.own_dockerfile {
            true => CondaDecisions::default(),
            false => conda::decide(facts, findings, rules, &follows, base.layers, &told.conda),
        };
        // conda's environments are copied as they are where nothing in them is to change: what is in them another installer
        // cannot make. Where there is no shell, or nothing that installs, nothing can be installed.
        let copies_environment = |(_, target): &(usize, TargetEnvironment)| {
            let has_pip = |decision: &conda::CondaDecision| decision.has_pip(facts);
            let is_kept = target.kind == EnvironmentKind::Conda && !conda.at(&target.prefix).is_some_and(has_pip);
            (is_kept || !base.has_shell || told.no_installer.is_some()) && !options.own_dockerfile
        };
        let rebuilt = target.as_ref().filter(|target| !copies_environment(target));
        let environment = rebuilt.map(|(_, environment)| environment);
        let position = rebuilt.map(|(position, _)| *position);
        let decide = || closure::decide(facts, findings, rules, &follows, (position, base_layers), &told.fits);
        let other = options.at_hand.as_deref().filter(|_| base.other.is_some()).map(|found| &found.image);
        let read_base = || {
            let view = other.map_or_else(|| View::of_lowest(image, base.layers), View::new);
            let os = OsInventory::new(&view);
            (view, os)
        };
        let (mut decisions, (base_view, base_os)) = both(decide, read_base);
        // What the base that goes brought is the other one's matter, but for what something that stays needs.
        let old_packages: BTreeSet<String> = match other {
            Some(_) => {
                let old = OsInventory::new(&View::of_lowest(image, base.layers));
                old.packages.iter().map(|package| package.name.clone()).collect()
            }
            None => BTreeSet::new(),
        };
        let old_layers = other.map(|_| base.layers);
        if !options.own_dockerfile {
            decisions.compiled_elsewhere = closure::compiled_elsewhere(facts, &decisions);
        }
        let open = system::Open::new(facts);
        let idle = idle_libraries(findings, rules, &follows);
        let question = Question {
            facts,
            base: &base_os,
            rules,
            follows: &follows,
            distributions: &decisions,
            gpu: &gpu,
            idle: &idle,
            open,
            left: &old_packages,
            old_layers,
        };
        let mut system = system::decide(&question);
        system.held.append(&mut conda.held);
        system.held.append(&mut decisions.held);
        let dropped: FastSet<&[u8]> = super::followed_paths(findings, rules, &follows);
        conda.list.iter_mut().for_each(|decision| decision.also_without(facts, &dropped));
        let mut chooser =
            Chooser::new(facts, &base_view, base.layers, &base_os, (&decisions, &conda), environment, dropped);
        if other.is_some() {
            chooser.bring_interpreter(environment.and_then(|environment| environment.interpreter.as_ref()));
        }
        let mut application = chooser.choose();
        if !options.own_dockerfile {
            super::scattered::gather(&mut application, facts.view, &base_view);
        }
        if !base.has_shell && !options.own_dockerfile {
            decisions.notes.extend(application.without_a_shell());
        }
        let path =
            image.config.env.iter().filter_map(|pair| pair.strip_prefix("PATH=")).flat_map(|list| list.split(':'));
        let path = path.filter(|folder| !folder.is_empty()).map(ImagePath::from).collect();
        let is_python = |name: &str| name.starts_with("python") || name.starts_with("platform-python");
        let is_packaged = system.install.iter().any(|package| is_python(&package.name));
        let stage = Stage { original: facts.view, base: &base_view, path, is_packaged };
        let rebuilt = environment.filter(|_| !options.own_dockerfile && !decisions.subject.is_empty());
        let wanted = rebuilt.map(|environment| installer::Wanted {
            kind: environment.kind,
            interpreter: environment.interpreter.as_ref(),
            python: &environment.python,
        });
        if let Some(why) = wanted.and_then(|wanted| stage.lacks(wanted)) {
            return Self::leaving(facts, findings, rules, options, Told { no_installer: Some(why), ..told });
        }
        if let (Some(why), Some((_, target))) = (&told.no_installer, &target) {
            decisions.notes.push(format!("nothing could install into {}: {why}", target.prefix));
        }
        let trims = match rebuilt {
            Some(_) => Trims::new((findings, rules), &follows, &|path| {
                let id = facts.python.owner(path).filter(|id| decisions.kept.contains(id))?;
                (!decisions.is_copied(facts, id)).then(|| decisions.is_new(facts, id))
            }),
            None => Trims::default(),
        };
        Ok(Self {
            facts,
            findings,
            rules,
            options,
            base,
            config,
            target,
            decisions,
            system,
            application,
            conda,
            trims,
            told,
        })
    }

    /// What channels of conda's are to be asked, by the environments whose builds change.
    pub fn questions(&self) -> Vec<BuildQuestion> {
        self.conda.list.iter().filter_map(|decision| decision.question(self.facts)).collect()
    }

    /// With what channels said, in the order of [`Draft::questions`]. Where they have nothing that goes with the rest of an
    /// environment, that stays as it is.
    ///
    /// # Errors
    ///
    /// As for [`Draft::new`].
    pub fn told(mut self, answers: Vec<Answer>) -> Result<Self, PlanError> {
        let facts = self.facts;
        let mut told = self.told.clone();
        let asked = self.conda.list.iter_mut().filter(|decision| decision.question(facts).is_some());
        for (decision, answer) in asked.zip(&answers) {
            if let Err(why) = decision.answered(facts, answer.clone()) {
                told.conda.insert(decision.prefix.clone(), why);
            }
        }
        if told.conda.len() == self.told.conda.len() {
            return Ok(self);
        }
        let again = Self::leaving(facts, self.findings, self.rules, self.options, told)?;
        let rest =
            self.conda.list.iter().zip(answers).filter(|(decision, _)| again.conda.at(&decision.prefix).is_some());
        let rest = rest.map(|(_, answer)| answer).collect();
        again.told(rest)
    }

    /// What the plan puts in the place of something else.
    fn swaps(&self) -> impl Iterator<Item = (DistId, &Swap)> {
        self.decisions.swaps.iter().map(|(id, swap)| (*id, swap))
    }

    /// What package indexes are to be asked before the plan rests on it; of rules that name an index of their own only with
    /// `all`.
    pub fn choices(&self, all: bool) -> Vec<Wanted> {
        let wanted = |(_, swap): (DistId, &Swap)| Wanted {
            name: swap.name.clone(),
            version: swap.version.clone(),
            index: swap.index.clone(),
            measure: false,
        };
        self.swaps().filter(|(_, swap)| all || swap.index.is_none()).map(wanted).collect()
    }

    /// The plan whose choices can be installed, as far as package indexes tell; `ask` looks pins up for a platform.
    ///
    /// # Errors
    ///
    /// As for [`Draft::new`].
    pub fn fitting(
        mut self,
        all: bool,
        ask: &mut dyn FnMut(&[Wanted], &Platform) -> Vec<Availability>,
    ) -> Result<Self, PlanError> {
        for _ in 0..MAX_FITS {
            let wanted = self.choices(all);
            let Some(platform) = self.platform().filter(|_| !wanted.is_empty()) else { break };
            match self.fitted(&wanted, &ask(&wanted, &platform))? {
                Some(other) => self = other,
                None => break,
            }
        }
        Ok(self)
    }

    /// The plan with other choices, where an index does not have one that was made; `answers` are in the order of `asked`.
    ///
    /// # Errors
    ///
    /// As for [`Draft::new`].
    pub fn fitted(&self, asked: &[Wanted], answers: &[Availability]) -> Result<Option<Self>, PlanError> {
        let mut fits = self.told.fits.clone();
        for (wanted, answer) in asked.iter().zip(answers) {
            if !matches!(answer.verdict, Verdict::Gone | Verdict::NoWheel) {
                continue;
            }
            let name = normalize_name(&wanted.name);
            let of_it = |(_, swap): &(DistId, &Swap)| swap.name == wanted.name && swap.version == wanted.version;
            let Some((_, swap)) = self.swaps().find(of_it) else { continue };
            let again = fits.contains_key(&name);
            let fit = fit::fit(self.facts, swap, answer);
            fits.insert(name, if again { fit.or_nothing() } else { fit });
        }
        if fits == self.told.fits {
            return Ok(None);
        }
        let told = Told { fits, ..self.told.clone() };
        Self::leaving(self.facts, self.findings, self.rules, self.options, told).map(Some)
    }

    /// What the user should know of a base that only `--base` names.
    fn base_is_a_word(&self) -> Option<String> {
        let name = self.options.base.as_ref().filter(|_| !self.options.own_dockerfile)?;
        let own = &self.facts.view.image().config.diff_ids;
        let found = self.options.at_hand.as_deref().filter(|found| found.name == *name);
        let is_proven =
            found.map(|found| &found.image.config.diff_ids).is_some_and(|ids| own.starts_with(ids) && !ids.is_empty());
        if is_proven || self.base.other.is_some() {
            return None;
        }
        let told = base::choose(self.facts, &PlanOptions::default(), None).ok();
        let is_told = told.is_some_and(|told| told.name == *name && told.layers == self.base.layers);
        let counted = match self.base.layers {
            0 => "the plan counts nothing for it".to_owned(),
            layers => format!("the plan counts the original's lowest {} for it", count(layers, "layer")),
        };
        (!is_told).then(|| {
            format!(
                "the original does not say that it was built on {}, which --base names: {counted}. Who reads the plan's folder \
                 again reads that image itself, from an engine, its registry, or --image {0}=TARGET, and the answers differ \
                 by what it has more or less",
                Text::from(name)
            )
        })
    }

    /// How many of the original's lowest layers are the base's; 0 where nothing tells that.
    pub(super) fn base_layers(&self) -> usize {
        if self.base.is_told { self.base.layers } else { 0 }
    }

    /// The distributions that a package index has to have, in the order of their positions in the inventory.
    fn indexed(&self) -> Vec<DistId> {
        let dists = &self.facts.python.distributions;
        let by_name = |id: &DistId| {
            let dist = &dists[*id];
            let is_copied = self.decisions.is_copied(self.facts, *id);
            self.decisions.swaps.contains_key(id) || (dist.direct_url.is_none() && !dist.editable && !is_copied)
        };
        self.decisions.kept.iter().copied().filter(by_name).collect()
    }

    /// What may be looked up.
    pub fn wanted(&self) -> Vec<Wanted> {
        let wanted = |id: DistId| {
            let dist = &self.facts.python.distributions[id];
            let measure = self.decisions.is_new(self.facts, id);
            match self.decisions.swaps.get(&id) {
                Some(swap) => {
                    let (name, version) = (swap.name.clone(), swap.version.clone());
                    Wanted { name, version, index: swap.index.clone(), measure }
                }
                None => Wanted { name: dist.name.clone(), version: dist.version.clone(), index: None, measure },
            }
        };
        self.indexed().into_iter().map(wanted).collect()
    }

    /// What it is to be looked up for; none where the version of Python or the architecture is not known.
    pub fn platform(&self) -> Option<Platform> {
        let (_, environment) = self.target.as_ref()?;
        let config = &self.facts.view.image().config;
        let known = environment.python.contains('.') && !config.architecture.is_empty();
        let libc = libc(self.facts.os, &self.base.name);
        known.then(|| Platform { python: environment.python.clone(), architecture: config.architecture.clone(), libc })
    }

    /// The image that takes the place of the original's base.
    pub(super) fn other(&self) -> Option<&'a Image> {
        self.options.at_hand.as_deref().filter(|_| self.base.other.is_some()).map(|found| &found.image)
    }

    pub(super) fn prediction<'s>(&'s self, answers: &'s [Availability]) -> Prediction<'s> {
        Prediction {
            facts: self.facts,
            base: &self.base,
            other: self.other(),
            environment: self.target.as_ref().map(|(_, environment)| environment),
            distributions: &self.decisions,
            system: &self.system,
            application: &self.application,
            conda: &self.conda,
            trims: &self.trims,
            answers: self.indexed().into_iter().zip(answers).collect::<BTreeMap<_, _>>(),
        }
    }

    /// What the plan wants. `answers` are in the order of [`Draft::wanted`], or there are none.
    pub fn intent(self, answers: Vec<Availability>) -> Intent<'a> {
        let (facts, decisions, system) = (self.facts, &self.decisions, &self.system);
        let image = facts.view.image();
        let position = self.target.as_ref().map(|(position, _)| *position);
        let prediction = self.prediction(&answers);
        let predicted = prediction.predict();
        let actions = predicted.actions(&prediction, self.findings, self.rules);
        let (overridden, unsatisfied_before) = closure::overridden(facts, decisions);
        let pins = super::pins(facts, decisions, &prediction);
        let rebuilt = position.filter(|_| !decisions.subject.is_empty());
        let mut notes = super::notes(facts, decisions, system, rebuilt, (&self.base, &self.conda));
        notes.extend(availability::notes(&pins));
        notes.extend(self.conda.list.iter().flat_map(|decision| decision.notes(facts)));
        if !self.options.own_dockerfile {
            notes.extend(super::patched_notes(facts, decisions));
        }
        notes.extend(self.base_is_a_word());
        if self.config != image.config {
            notes.push(
                "variables, folders of search paths, labels and an entry point of the base that goes, go too"
                    .to_owned(),
            );
        }
        let plan = Plan {
            original: self.options.original.clone().unwrap_or_else(|| image.name.clone()),
            config: self.config.clone(),
            pins,
            roots: super::roots(facts, decisions),
            dropped: super::dropped_distributions(facts, decisions),
            overridden,
            unsatisfied_before,
            system: system.install.clone(),
            rpm_program: (facts.os.is_rpm && self.base.image_layers() == 0).then(|| rpm_program(facts)),
            dropped_system: system.dropped.clone(),
            build_system: system.build.clone(),
            uv_project: uv_project(facts.view),
            carried: carried::carried(facts),
            unlisted: carried::unlisted(facts, decisions),
            pure_projects: carried::pure_projects(facts),
            package_cache: carried::package_cache(self.findings),
            hidden: carried::hidden(facts),
            copies: self.application.copies.clone(),
            links: self.application.links.clone(),
            folders: self.application.folders.clone(),
            picked: self.application.picked.clone(),
            smoke_modules: super::smoke_modules(facts, decisions, position),
            modules_before: super::modules_before(facts),
            actions,
            skipped: Vec::new(),
            notes,
            predicted: predicted.image,
            ledger: None,
            environment: self.target.as_ref().map(|(_, environment)| environment.clone()),
            base: self.base.clone(),
            conda: self.conda.list.iter().map(|decision| decision.environment(facts)).collect(),
            trims: self.trims.list.clone(),
        };
        let (taken, added) = (predicted.taken, predicted.added);
        drop(prediction);
        Intent { draft: self, plan, taken, added, answers }
    }
}

/// A plan before its text was read: what it wants, and what it would come to if the text did all of it.
pub struct Intent<'a> {
    pub(super) draft: Draft<'a>,
    pub(super) plan: Plan,
    /// Which entries' bytes of the original are to stay, by layer and entry.
    pub(super) taken: Taken,
    /// New files of distributions.
    pub(super) added: FastMap<ImagePath, DistId>,
    answers: Vec<Availability>,
}

impl Intent<'_> {
    /// The plan, for who writes its text. Its image and its actions are those that are wanted.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The original.
    pub fn original(&self) -> &Image {
        self.draft.facts.view.image()
    }

    /// The image that takes the place of the original's base, where one does.
    pub fn other_base(&self) -> Option<&Image> {
        self.draft.other()
    }

    /// What was read of the original.
    pub fn facts(&self) -> &Facts<'_> {
        self.draft.facts
    }

    /// What its text may draw on.
    pub fn stock(&self) -> Stock {
        Stock::new(self.draft.facts, self.plan.base.layers)
    }

    /// The wheel of a distribution that is installed in the place of another one, if its list was read.
    pub fn wheel(&self, name: &str) -> Option<&WheelInfo> {
        let (id, _) = self.swap(name)?;
        let at = self.draft.indexed().iter().position(|&other| other == id)?;
        self.answers.get(at)?.info.as_ref()
    }

    /// What stands for a distribution that is installed in the place of another one, of whose wheel nothing is known.
    pub fn stand_in(&self, name: &str) -> Option<KnownDistribution> {
        let (id, _) = self.swap(name)?;
        let (_, environment) = self.draft.target.as_ref()?;
        let files = self.prediction().fresh(id, environment);
        Some(KnownDistribution { prefix: environment.prefix.clone(), site_dir: environment.site_dir.clone(), files })
    }

    fn swap(&self, name: &str) -> Option<(DistId, &Swap)> {
        let normalized = normalize_name(name);
        let (kept, swaps) = (&self.draft.decisions.kept, &self.draft.decisions.swaps);
        let is_it = |(id, swap): &(&DistId, &Swap)| kept.contains(id) && normalize_name(&swap.name) == normalized;
        swaps.iter().find(is_it).map(|(id, swap)| (*id, swap))
    }

    pub(super) fn prediction(&self) -> Prediction<'_> {
        self.draft.prediction(&self.answers)
    }

    /// What an installer brings to an environment of conda's that the plan makes anew: what stays as it is in the original,
    /// what comes as its channel tells.
    pub fn environment_of_conda(&self, environment: &CondaEnvironment) -> KnownConda {
        match self.draft.conda.at(&environment.prefix) {
            Some(decision) => decision.installed(self.stock().conda(&decision.kept), self.facts(), environment),
            None => KnownConda::default(),
        }
    }
}

/// OS packages whose libraries only what goes is linked with, and that go where the user accepts it, with the rule.
fn idle_libraries(
    findings: &[Finding],
    rules: &[Rule],
    follows: &dyn Fn(&Rule, Tier) -> bool,
) -> BTreeMap<PackageId, String> {
    let rule_of = |finding: &Finding| rules.iter().find(|rule| rule.id == finding.rule);
    let is_followed = |finding: &&Finding| {
        let rule = rule_of(finding).filter(|rule| matches!(rule.detect, Detect::IdleLibraries { .. }));
        rule.is_some_and(|rule| follows(rule, finding.tier))
    };
    let rows = |finding: &Finding| finding.os_packages.iter().map(|&at| (at, finding.rule.clone())).collect::<Vec<_>>();
    findings.iter().filter(is_followed).flat_map(rows).collect()
}

/// What installs packages of rpm's in an image: in one without such a program dnf, which a larger image of its distribution has.
fn rpm_program(facts: &Facts<'_>) -> &'static str {
    let is_there = |program: &&str| facts.view.resolve(format!("usr/bin/{program}").as_bytes()).is_some();
    super::RPM_PROGRAMS.into_iter().find(is_there).unwrap_or("dnf")
}

/// The C library of an operating system: musl on Alpine; else glibc, of the version that its package has.
fn libc(os: &OsInventory, base: &str) -> Libc {
    let is_alpine = os.release.get("ID").is_some_and(|id| id == "alpine") || os.find("musl").is_some();
    // Of a base that nobody has read, the name tells.
    if is_alpine || (os.release.is_empty() && base.contains("alpine")) {
        return Libc::Musl;
    }
    let version = os.find("libc6").or_else(|| os.find("glibc")).map(|position| os.packages[position].version.as_str());
    let minor = version.and_then(|version| version.strip_prefix("2.")).map(|rest| {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse().ok()
    });
    Libc::Gnu(minor.flatten())
}

/// A lock of uv's, or a project file with settings for it, in the application.
fn uv_project(view: &View<'_>) -> Option<String> {
    let is_one = |path: &[u8], content: Option<&[u8]>| match file_name(path) {
        b"uv.lock" => content.is_some(),
        b"pyproject.toml" => content.is_some_and(|text| text.windows(8).any(|window| window == b"[tool.uv")),
        _ => false,
    };
    let mut found: Vec<&[u8]> =
        view.iter().filter(|(path, node)| is_one(path, view.contents_of(*node))).map(|(path, _)| path).collect();
    // The lock says more, and the outermost project is the one.
    found.sort_by_key(|path| (path.iter().filter(|&&b| b == b'/').count(), file_name(path) != b"uv.lock", *path));
    found.first().map(|path| crate::base::ImagePath::new(path).to_string())
}
