//! What becomes of every path of the original where a plan is carried out on its own bytes.
//!
//! ```text
//! findings ─► plan's decisions ─► wheels ─► packages ─► paths ─► groups
//!                  ▲                 │
//!                  └─ without rules ─┘  whose wheels cannot be had
//! ```
//!
//! All that a container sees stays, but for what a rule, a distribution or a package that goes has. What the plan wants and
//! cannot be done here stays as a whole, with its reason and its bytes ([`Left`]).

use super::contents::Texts;
use super::error::ApplyError;
use super::fetch::Fetched;
use super::groups::{Sorting, sorted};
use super::install::{self, Installed};
use super::left::Left;
use super::outcome::{Arrangement, Body, Item, Wish, hidden_bytes};
use super::packages::{Question, Removal};
use super::paths::{Owned, Paths, nanos};
use super::reviewed::{ReviewError, Reviewed};
use crate::base::{DistId, ImagePath, PackageId};
use crate::facts::Facts;
use crate::fs::View;
use crate::image::{Account, Layers};
use crate::index::{Availability, Wanted};
use crate::layer::{EntryKind, Limits, content_digest};
use crate::plan::{Anew, Decided, Draft, OverriddenEdge, PlanError, PlanOptions};
use crate::rules::{Detect, Finding, Rule};
use crate::wheel::Platform;
use std::collections::{BTreeMap, BTreeSet};

/// Where wheels come from.
pub trait Wheels {
    /// The wheels of pins, each in its turn, or why there is none.
    fn fetch(&self, wanted: &[Wanted], platform: &Platform) -> Vec<Result<Fetched, String>>;

    /// Whether indexes have pins; nothing where they are not asked.
    fn look_up(&self, _wanted: &[Wanted], _platform: &Platform) -> Vec<Availability> {
        Vec::new()
    }
}

/// What goes, by its reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// How many files and links.
    pub files: u64,
    /// Their bytes (`unpacked`).
    pub bytes: u64,
    /// What comes in their place (`unpacked`).
    pub added: u64,
}

/// What was decided.
#[derive(Default)]
pub struct Decision {
    /// For the outcome.
    pub wish: Wish,
    /// The plan's decisions, as far as they are carried out.
    pub decided: Decided,
    /// What goes of what a container sees, by the rule or the plan's own reason.
    pub gone: BTreeMap<String, Gone>,
    /// What is left.
    pub left: Vec<Left>,
    /// Distributions that came from wheels: `name version (sha256:…)`.
    pub installed: Vec<String>,
    /// Bytes of bytecode that the original has for them, and that is not written.
    pub without_bytecode: u64,
    /// How many layers are the base's.
    pub base_layers: usize,
}

/// What a decision depends on.
pub struct Asking<'a, 'f> {
    /// The way back to the original's bytes.
    pub layers: &'a Layers,
    /// How many of its lowest layers are its base's, by its history.
    pub base_layers: usize,
    /// What is known of it.
    pub facts: &'a Facts<'f>,
    /// What rules found.
    pub findings: &'a [Finding],
    /// The rules.
    pub rules: &'a [Rule],
    /// What the user chose.
    pub options: &'a PlanOptions,
    /// The plan that somebody reviewed, if it is to be kept to.
    pub reviewed: Option<&'a Reviewed>,
    /// Where wheels come from.
    pub wheels: &'a dyn Wheels,
    /// Bounds on what is read.
    pub limits: &'a Limits,
}

/// Why nothing is decided.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The plan cannot be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The plan that was reviewed is not carried out.
    #[error(transparent)]
    Review(#[from] ReviewError),
    /// The original cannot be read.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

impl Asking<'_, '_> {
    /// Decides.
    ///
    /// # Errors
    ///
    /// No plan can be made, or the original cannot be read.
    pub fn decide(&self) -> Result<Decision, DecideError> {
        let mut out = Decision::default();
        let (decided, mut wheels) = self.plan(&mut out)?;
        out.base_layers = decided.base_layers.max(self.base_layers);
        let view = self.facts.view;
        let base = (out.base_layers > 0).then(|| View::of_lowest(view.image(), out.base_layers));
        let wanted = decided.packages.keys().copied().collect();
        let question = Question { facts: self.facts, base: base.as_ref(), wanted };
        let mut texts: Vec<Vec<u8>> = question.texts();
        texts.extend(wheels.keys().flat_map(|id| install::texts(self.facts, *id)));
        let read = texts.iter().map(Vec::as_slice);
        let texts = Texts::read(view, self.layers, read, self.limits)?;
        let removal = question.answer(&texts);
        out.left.extend(held(self.facts, &removal));
        let mut paths = Paths::new(self.facts, out.base_layers, base.as_ref());
        // Distributions that cannot be put in their places stay, as do those that go with them.
        let mut done: Vec<Installed> = Vec::new();
        for (id, fetched) in std::mem::take(&mut wheels) {
            done.push(install::install(self.facts, &decided, id, fetched, &texts)?);
        }
        paths.drop_distributions(&decided);
        paths.drop_packages(&removal, &decided);
        paths.drop_files(&decided);
        paths.drop_bytecode();
        out.installed =
            done.iter().map(|one| format!("{} {} (sha256:{})", one.name, one.version, one.sha256)).collect();
        out.without_bytecode = decided.anew.iter().map(|anew| self.facts.python.distributions[anew.id].bytecode).sum();
        let mut of_made: BTreeMap<ImagePath, Owned> = BTreeMap::new();
        let mut made: BTreeMap<ImagePath, Item> = BTreeMap::new();
        let mut archives = Vec::new();
        let mut account = Account::default();
        for mut one in done {
            one.record_what_stays(&paths);
            let added = one.put(&paths, archives.len(), &mut made, &mut of_made).map_err(DecideError::from)?;
            account.installed.push(one.as_installed(self.facts, added));
            out.gone.entry(one.reason.clone()).or_default().added += added;
            archives.push(one.archive);
        }
        for (path, content) in &removal.changed {
            let Some(node) = view.get(path.as_bytes()) else { continue };
            let mut entry = view.entry(node.entry).clone();
            (entry.kind, entry.link) = (EntryKind::File, None);
            (entry.size, entry.content) = (content.len() as u64, Some(content_digest(content)));
            made.insert(
                path.clone(),
                Item { entry, nanos: nanos(view, node.entry), body: Body::Bytes(content[..].into()) },
            );
            of_made.insert(path.clone(), Owned::System);
        }
        paths.drop_folders(&made, &removal);
        sum_up(&paths, &mut out);
        let is_changed = paths.why.iter().any(Option::is_some) || !made.is_empty();
        let hidden = hidden_bytes(view).iter().skip(out.base_layers).any(|bytes| *bytes > 0);
        let stays: Vec<bool> = paths.why.iter().map(Option::is_none).collect();
        let arrangement = match is_changed || hidden {
            true => Arrangement::Grouped(sorted(&Sorting {
                facts: self.facts,
                base_layers: out.base_layers,
                stays: &stays,
                made: &made,
                of_made: &of_made,
            })),
            false => Arrangement::InPlace(vec![false; view.image().layers.len()]),
        };
        account.rules = decided.files.values().filter(|rule| out.gone.contains_key(*rule)).cloned().collect();
        let name = |id: &DistId| self.facts.python.distributions[*id].normalized.clone();
        account.dropped = decided.gone.keys().map(name).collect();
        let edge = |edge: &OverriddenEdge| (edge.distribution.clone(), edge.name.clone());
        account.overridden = decided.overridden.iter().map(edge).collect();
        account.packages = removal.gone.iter().map(|id| self.facts.os.packages[*id].name.clone()).collect();
        out.wish = Wish { stays, arrangement, made, archives, account };
        out.decided = decided;
        Ok(out)
    }

    /// The plan's decisions, without rules whose wheels cannot be had, and the wheels.
    fn plan(&self, out: &mut Decision) -> Result<(Decided, BTreeMap<DistId, Fetched>), DecideError> {
        let mut options = PlanOptions { own_dockerfile: true, ..self.options.clone() };
        if let Some(reviewed) = self.reviewed {
            reviewed.check(self.facts.view.image())?;
        }
        self.skip_other_bases(&mut options, out);
        let mut known: BTreeMap<(String, String, Option<String>), Result<Fetched, String>> = BTreeMap::new();
        let mut as_they_are: BTreeSet<DistId> = BTreeSet::new();
        loop {
            let mut decided = match Draft::new(self.facts, self.findings, self.rules, &options) {
                // Nothing is built on the base here: its name is not needed.
                Err(PlanError::UnknownBase(_)) if options.base.is_none() => {
                    options.base = Some("original".into());
                    continue;
                }
                other => self.fitting(other?)?.decided(),
            };
            let mut kept = Vec::new();
            if let Some(reviewed) = self.reviewed {
                let more = reviewed.not_in_plan(self.facts, &decided);
                if !more.is_empty() {
                    more.into_iter().for_each(|(rule, why)| self.leave(rule, why, &mut options, out));
                    continue;
                }
                let skipped = options.skip.len() > self.options.skip.len();
                reviewed.keep_to(self.facts, &mut decided, skipped, &mut kept)?;
            }
            decided.anew.retain(|anew| !as_they_are.contains(&anew.id));
            self.fetch(&decided, &mut known);
            let mut again = false;
            let mut wheels = BTreeMap::new();
            for anew in &decided.anew {
                let why = match self.wheel_of(anew, &decided, &known) {
                    Ok(fetched) => {
                        if let Some(reviewed) = self.reviewed {
                            reviewed.is_reviewed(self.facts, anew, &fetched.sha256)?;
                        }
                        wheels.insert(anew.id, fetched);
                        continue;
                    }
                    Err(why) => why,
                };
                again = true;
                let dist = &self.facts.python.distributions[anew.id];
                let asks = anew.rule.clone().into_iter().chain(self.rules_of_company(anew, &decided));
                let rules: BTreeSet<String> = asks.filter(|rule| !options.skip.contains(rule)).collect();
                let named = anew.wanted.as_ref().map_or_else(
                    || format!("{} {}", dist.name, dist.version),
                    |wanted| format!("{} {}", wanted.name, wanted.version),
                );
                if rules.is_empty() {
                    as_they_are.insert(anew.id);
                    out.left.push(Left { what: format!("{named}, which lacks files of its own"), why, bytes: 0 });
                    continue;
                }
                for rule in rules {
                    self.leave(rule, format!("{named}: {why}"), &mut options, out);
                }
            }
            if !again {
                out.left.append(&mut kept);
                return Ok((decided, wheels));
            }
        }
    }

    /// Leaves a rule as a whole.
    fn leave(&self, rule: String, why: String, options: &mut PlanOptions, out: &mut Decision) {
        let bytes = self.findings.iter().filter(|found| found.rule == rule).map(|found| found.bytes).sum();
        out.left.push(Left { what: rule.clone(), why, bytes });
        options.skip.push(rule);
    }

    /// With choices that indexes have. A plan that was reviewed has made them.
    fn fitting<'d>(&self, draft: Draft<'d>) -> Result<Draft<'d>, PlanError> {
        match self.reviewed {
            Some(_) => Ok(draft),
            None => draft.fitting(true, &mut |wanted, platform| self.wheels.look_up(wanted, platform)),
        }
    }

    /// Rules that ask for another base: its bytes are not the original's.
    fn skip_other_bases(&self, options: &mut PlanOptions, out: &mut Decision) {
        let skipped = options.skip.clone();
        for rule in self.rules.iter().filter(|rule| !skipped.contains(&rule.id)) {
            let why = match rule.detect {
                Detect::GpuSystem { .. } => "that takes another base: slimwright plan writes a Dockerfile for it",
                Detect::CondaPackages { .. } => {
                    "conda's packages are not installed here: slimwright plan writes a Dockerfile for it"
                }
                _ => continue,
            };
            let found = self
                .findings
                .iter()
                .filter(|finding| finding.rule == rule.id && crate::plan::follows(rule, finding.tier, options));
            let bytes: u64 = found.map(|finding| finding.bytes).sum();
            if bytes > 0 {
                out.left.push(Left { what: rule.id.clone(), why: why.into(), bytes });
                options.skip.push(rule.id.clone());
            }
        }
    }

    fn fetch(
        &self,
        decided: &Decided,
        known: &mut BTreeMap<(String, String, Option<String>), Result<Fetched, String>>,
    ) {
        let wanted: Vec<&Wanted> = decided.anew.iter().filter_map(|anew| anew.wanted.as_ref()).collect();
        let new: Vec<Wanted> = wanted.into_iter().filter(|wanted| !known.contains_key(&key(wanted))).cloned().collect();
        if new.is_empty() {
            return;
        }
        let Some(platform) = &decided.platform else {
            let why = "the image does not tell its version of Python or its architecture";
            known.extend(new.iter().map(|wanted| (key(wanted), Err(why.to_owned()))));
            return;
        };
        let got = self.wheels.fetch(&new, platform);
        known.extend(new.iter().map(key).zip(got));
    }

    fn wheel_of(
        &self,
        anew: &Anew,
        decided: &Decided,
        known: &BTreeMap<(String, String, Option<String>), Result<Fetched, String>>,
    ) -> Result<Fetched, String> {
        let Some(wanted) = &anew.wanted else {
            return Err("it was installed from a URL, a folder or a file, and no index has it".into());
        };
        let dist = &self.facts.python.distributions[anew.id];
        if self.facts.os.conda.owners.contains_key(&dist.metadata.join(b"METADATA")) {
            return Err("conda installed it".into());
        }
        let missing = || Err("it was not looked up".into());
        let fetched = known.get(&key(wanted)).cloned().unwrap_or_else(missing)?;
        install::check(self.facts, decided, anew.id, &fetched)?;
        Ok(fetched)
    }

    /// Rules by which others go that have written over files of a distribution.
    fn rules_of_company(&self, anew: &Anew, decided: &Decided) -> Vec<String> {
        let dists = &self.facts.python.distributions;
        let dist = &dists[anew.id];
        let survivors: BTreeSet<&str> =
            dist.contested.iter().filter_map(|contest| contest.survivor.as_deref()).collect();
        let is_one = |id: &DistId| {
            dists[*id].environment == dist.environment && survivors.contains(dists[*id].normalized.as_str())
        };
        let gone = decided.gone.iter().filter(|(id, _)| is_one(id)).map(|(_, rule)| rule.clone());
        gone.filter(|rule| Decided::is_rule(rule)).collect()
    }
}

fn key(wanted: &Wanted) -> (String, String, Option<String>) {
    (wanted.name.clone(), wanted.version.clone(), wanted.index.clone())
}

/// Packages that stay, by their reason.
fn held(facts: &Facts<'_>, removal: &Removal) -> Vec<Left> {
    let mut by_reason: BTreeMap<&str, Vec<PackageId>> = BTreeMap::new();
    removal.held.iter().for_each(|(id, why)| by_reason.entry(why).or_default().push(*id));
    let row = |(why, ids): (&str, Vec<PackageId>)| {
        let names: Vec<&str> = ids.iter().map(|id| facts.os.packages[*id].name.as_str()).collect();
        let bytes = ids.iter().fold(0u64, |sum, id| sum.saturating_add(facts.os.packages[*id].bytes));
        let many = if names.len() == 1 { "OS package" } else { "OS packages" };
        Left { what: format!("{many} {}", crate::base::names(&names, 4)), why: why.to_owned(), bytes }
    };
    by_reason.into_iter().map(row).collect()
}

/// What goes, by its reason, and what would go and is the base's.
fn sum_up(paths: &Paths<'_, '_>, out: &mut Decision) {
    let view = paths.facts.view;
    for (place, (_, node)) in view.iter().enumerate() {
        let Some(why) = &paths.why[place] else { continue };
        if view.entry(node.entry).kind == EntryKind::Directory {
            continue;
        }
        let sum = out.gone.entry(why.reason.to_string()).or_default();
        sum.files += 1;
        sum.bytes += if view.holds_bytes(node) { view.size(node) } else { 0 };
    }
    for (reason, (files, bytes)) in &paths.of_base {
        let what = format!("{reason}: {} of the base's layers", crate::base::count(*files as usize, "file"));
        let why = "to take it out of a layer that stays frees nothing".into();
        out.left.push(Left { what, why, bytes: *bytes });
    }
}
