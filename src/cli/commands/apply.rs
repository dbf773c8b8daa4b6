//! `slimwright apply`: the small image itself, without an engine.

use crate::apply::{
    Asking, DecideError, Fetched, Form, OUTPUTS, Options, Original, Output, Packing, Reviewed, Wheels, Wish,
};
use crate::base::count;
use crate::cli::budget::epoch;
use crate::cli::failure::{Failure, Result};
use crate::cli::input::{Input, Look};
use crate::cli::locate::locate;
use crate::cli::options::{self, Asked, Plain};
use crate::cli::output::print;
use crate::cli::pipeline;
use crate::cli::progress::Bar;
use crate::facts::Survey;
use crate::fs::View;
use crate::image::{Cache, ImageError, Progress as _, Target, open_with_layers};
use crate::index::{Availability, Uv, Wanted, look_up};
use crate::layer::Compression;
use crate::plan::PlanOptions;
use crate::programs::Strangers;
use crate::registry::{self, Reference};
use crate::report::{self, ApplyReport, DroppedFiles, json};
use crate::rules::{self, Detect, Rule, Tier};
use crate::wheel::Platform;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

struct Settings {
    input: Input,
    /// What the plan follows.
    plan: PlanOptions,
    /// The plan that was reviewed.
    reviewed: Option<Reviewed>,
    /// Where wheels' lists are kept, and wheels.
    cache: Option<Cache>,
    wheels: PathBuf,
    /// That folder, where nothing is to be kept.
    _scratch: Option<tempfile::TempDir>,
    /// The rules, and those that are followed.
    rules: Vec<Rule>,
    only: Vec<String>,
    output: Output,
    /// Whether a registry on this machine may be spoken to without TLS.
    insecure: bool,
    packing: Packing,
    created: Option<String>,
    force: bool,
    dry_run: bool,
    look: Look,
    format: Plain,
}

/// What an output that has no form may mean.
fn output_hint(text: &str) -> String {
    match text.rsplit_once('.') {
        _ if text.contains(':') => format!("write {OUTPUTS}"),
        Some((_, "tar")) => format!("did you mean `docker-archive:{text}` or `oci-archive:{text}`?"),
        _ => format!("did you mean `oci:{text}`?"),
    }
}

/// Runs the command.
pub fn run(args: options::Apply) -> Result<()> {
    let settings = Settings::new(args)?;
    let bar = Bar::new(settings.input.quiet);
    let opened = open_with_layers(&settings.input.target, &settings.input.options, &bar);
    bar.finish();
    let (image, layers) = opened.map_err(|error: ImageError| Failure::of(error.is_usage(), error))?;
    // The process ends soon.
    let image = ManuallyDrop::new(image);
    let view = ManuallyDrop::new(View::new(&image));
    let original = Original { image: &image, layers: &layers, base_layers: image.base_layers() };
    let failed = |error: crate::apply::ApplyError| Failure::of(error.is_usage(), error);
    original.check().map_err(failed)?;
    let (outcome, mut report) = if settings.only.is_empty() {
        settings.whole_plan(&view, &original, &bar)?
    } else {
        let (wish, dropped) = settings.wish(&view, original.base_layers);
        let outcome = original.outcome(&view, wish).map_err(failed)?;
        let report = ApplyReport::new(&view, &outcome, dropped);
        (outcome, report)
    };
    if !settings.dry_run {
        let options = settings.options();
        let applied = original.write(outcome, &options, &bar).map_err(failed)?;
        report = report.with_written(&applied, &settings.output.to_string());
    }
    match settings.format {
        Plain::Json => print(&json(&report).map_err(Failure::measure)?),
        Plain::Text => print(&report::apply(&report, settings.look.color, settings.look.width)),
    }
}

impl Settings {
    fn new(args: options::Apply) -> Result<Self> {
        let output: Output = args
            .output
            .parse()
            .map_err(|error| Failure::usage(anyhow::anyhow!("--output: {error}")).hint(output_hint(&args.output)))?;
        let rules = pipeline::rules(args.profiles.profiles.as_deref())?;
        args.only.iter().try_for_each(|id| check(&rules, id))?;
        let packing = packing(&output, args.compression, args.level)?;
        let created = epoch()?.map(rfc3339).transpose()?;
        // The option may be for the one of both that is a registry.
        let insecure = args.source.insecure;
        let mut source = locate(args.source)?;
        let is_pushed = output.form == Form::Registry;
        source.insecure &= !is_pushed || matches!(source.target.parse(), Ok(Target::Registry(_)));
        let mut input = Input::new(source, &Asked::default())?;
        if args.only.is_empty() {
            input = input.with_sources();
        }
        // What is written must be what is read: nothing that an earlier run remembers, nothing that a table of contents says.
        let cache = input.options.cache.take();
        input.options.whole = true;
        let scratch = match cache {
            Some(_) => None,
            None => Some(tempfile::tempdir().map_err(|error| Failure::measure(anyhow::Error::new(error)))?),
        };
        let kept = cache.as_ref().map(|cache| cache.info().folder.join("wheels"));
        let wheels = kept.or_else(|| scratch.as_ref().map(|folder| folder.path().to_owned())).unwrap_or_default();
        let reviewed = args.plan.as_deref().map(Reviewed::read).transpose();
        let reviewed = reviewed.map_err(|error| Failure::of(true, error))?;
        let followed = reviewed
            .as_ref()
            .map_or(args.followed, |plan| options::Followed { accept: plan.accept.clone(), skip: plan.skip.clone() });
        let followed = pipeline::followed(&rules, &followed)?;
        let plan = PlanOptions { accept: followed.accept, skip: followed.skip, ..PlanOptions::default() };
        let settings = Self {
            input,
            plan,
            reviewed,
            cache,
            wheels,
            _scratch: scratch,
            rules,
            only: args.only,
            output,
            insecure,
            packing,
            created,
            force: args.force,
            dry_run: args.dry_run,
            look: Look::new(&args.print, true),
            format: args.format,
        };
        if !settings.dry_run {
            let checked = settings.output.check(&settings.options().remote(&()));
            checked.map_err(|error| Failure::of(error.is_usage(), error))?;
        }
        Ok(settings)
    }

    /// What the plan comes to.
    fn whole_plan(
        &self,
        view: &View<'_>,
        original: &Original<'_>,
        bar: &Bar,
    ) -> Result<(crate::apply::Outcome, ApplyReport)> {
        let survey = ManuallyDrop::new(Survey::new(view, &[]));
        let facts = survey.facts(view);
        let findings = rules::evaluate(&facts, &self.rules);
        let wheels = Indexes { bar, cache: self.cache.clone(), folder: &self.wheels };
        let asking = Asking {
            layers: original.layers,
            base_layers: original.base_layers,
            facts: &facts,
            findings: &findings,
            rules: &self.rules,
            options: &self.plan,
            reviewed: self.reviewed.as_ref(),
            wheels: &wheels,
            limits: &self.input.options.limits,
        };
        let mut decision = asking.decide().map_err(|error| match error {
            DecideError::Plan(error) => pipeline::plan_failure(&error),
            DecideError::Review(error) => Failure::of(true, error),
            DecideError::Apply(error) => Failure::of(error.is_usage(), error),
        })?;
        let wish = std::mem::take(&mut decision.wish);
        let based = Original { base_layers: decision.base_layers, ..*original };
        let outcome = based.outcome(view, wish).map_err(|error| Failure::of(error.is_usage(), error))?;
        let report = ApplyReport::new(view, &outcome, Vec::new()).with_decision(&decision);
        Ok((outcome, report))
    }

    /// What is to stay, and what goes by each rule over paths.
    fn wish(&self, view: &View<'_>, base_layers: usize) -> (Wish, Vec<DroppedFiles>) {
        let follows = |rule: &&Rule| self.only.contains(&rule.id);
        let is_hidden = |rule: &Rule| matches!(rule.detect, Detect::DeadBytes {} | Detect::RewrittenBytes {});
        let mut wish = match self.rules.iter().filter(follows).any(is_hidden) {
            true => Wish::without_hidden(view, base_layers),
            false => Wish::everything(view),
        };
        let over_paths: Vec<Rule> =
            self.rules.iter().filter(follows).filter(|rule| !is_hidden(rule)).cloned().collect();
        if over_paths.is_empty() {
            return (wish, Vec::new());
        }
        let survey = ManuallyDrop::new(Survey::new(view, &[]));
        let findings = rules::evaluate(&survey.facts(view), &over_paths);
        let mut out = Vec::new();
        for rule in &over_paths {
            let mut row = DroppedFiles { rule: rule.id.clone(), files: 0, bytes: 0, added: 0 };
            let found = findings.iter().filter(|finding| finding.rule == rule.id);
            for path in found.flat_map(|finding| &finding.paths) {
                if wish.drop(view, base_layers, path.as_bytes()) {
                    let node = view.get(path.as_bytes()).filter(|node| view.holds_bytes(*node));
                    row.bytes += node.map_or(0, |node| view.size(node));
                    row.files += 1;
                }
            }
            if row.files > 0 {
                wish.account.rules.insert(rule.id.clone());
            }
            out.push(row);
        }
        (wish, out)
    }

    fn options(&self) -> Options {
        Options {
            output: self.output.clone(),
            force: self.force,
            packing: self.packing,
            created: self.created.clone(),
            limits: self.input.options.limits,
            registry: registry::Options { insecure: self.insecure, ..registry::Options::default() },
            mount_from: self.mount_from(),
        }
    }

    /// The repository of the original, where it is in the registry that the outcome goes to.
    fn mount_from(&self) -> Option<String> {
        let Target::Registry(name) = &self.input.target else { return None };
        let name: Reference = name.parse().ok()?;
        let to: Reference = self.output.name.as_deref()?.parse().ok()?;
        let is_same = self.output.form == Form::Registry && name.registry() == to.registry();
        (is_same && name.repository() != to.repository()).then(|| name.repository().to_owned())
    }
}

/// The package indexes of the user, asked through uv.
struct Indexes<'i> {
    bar: &'i Bar,
    cache: Option<Cache>,
    folder: &'i Path,
}

impl Wheels for Indexes<'_> {
    fn fetch(&self, wanted: &[Wanted], platform: &Platform) -> Vec<std::result::Result<Fetched, String>> {
        let uv = match Uv::find_outside(&Strangers::here()) {
            Ok(uv) => uv,
            Err(error) => return wanted.iter().map(|_| Err(error.to_string())).collect(),
        };
        self.bar.start(&format!("fetching {}", count(wanted.len(), "wheel")), None);
        let options = crate::wheel::Options::keeping(self.cache.clone());
        let found = crate::apply::fetch(&uv, wanted, platform, &options, self.folder);
        self.bar.finish();
        found
    }

    fn look_up(&self, wanted: &[Wanted], platform: &Platform) -> Vec<Availability> {
        let Ok(uv) = Uv::find_outside(&Strangers::here()) else { return Vec::new() };
        self.bar.start(&format!("asking package indexes for {}", count(wanted.len(), "pin")), None);
        let found = look_up(&uv, wanted, platform, &crate::wheel::Options::keeping(self.cache.clone()));
        self.bar.finish();
        found
    }
}

/// Whether a rule can be followed by what is there: without an installer and without a package manager.
fn check(rules: &[Rule], id: &str) -> Result<()> {
    let Some(rule) = rules.iter().find(|rule| rule.id == id) else {
        let error = anyhow::anyhow!("--only {}: no rule has this id", crate::base::Text::from(id));
        return Err(pipeline::no_rule(error, id, rules.iter().map(|rule| rule.id.as_str())));
    };
    let why = match rule.detect {
        _ if rule.tier == Tier::ReportOnly => "it is for you to judge, and nothing follows it by itself",
        Detect::DeadBytes {} | Detect::RewrittenBytes {} | Detect::Paths { .. } => return Ok(()),
        _ => "what it asks for is no matter of files alone",
    };
    let failure = Failure::usage(anyhow::anyhow!("--only {}: apply cannot follow it: {why}", rule.id));
    Err(failure.hint(match rule.tier {
        Tier::ReportOnly => format!("slimwright explain {}", rule.id),
        _ => "`slimwright plan` writes a Dockerfile that follows it".to_owned(),
    }))
}

/// What is asked for, where the form can have it.
fn packing(output: &Output, compression: Option<options::Compression>, level: Option<i32>) -> Result<Packing> {
    let chosen = compression.map_or_else(|| output.usual_compression(), Compression::from);
    if chosen == Compression::Zstd && matches!(output.form, Form::DockerArchive | Form::Engine) {
        let error = anyhow::anyhow!("--compression zstd: archives for engines have no layers in zstd");
        return Err(Failure::usage(error).hint("write an oci-archive, or compress with gzip"));
    }
    let most = match chosen {
        Compression::None => 0,
        Compression::Gzip => 9,
        Compression::Zstd => 19,
    };
    match level {
        None => Ok(Packing::usual(chosen)),
        Some(level) if (1..=most).contains(&level) => Ok(Packing { compression: chosen, level }),
        Some(level) if most == 0 => {
            Err(Failure::usage(anyhow::anyhow!("--level {level}: nothing is compressed")).hint("name a --compression"))
        }
        Some(level) => Err(Failure::usage(anyhow::anyhow!("--level {level}: expected 1 to {most}"))),
    }
}

fn rfc3339(seconds: u64) -> Result<String> {
    let time = jiff::Timestamp::from_second(i64::try_from(seconds).unwrap_or(i64::MAX));
    time.map(|time| time.to_string()).map_err(|error| Failure::usage(anyhow::anyhow!("SOURCE_DATE_EPOCH: {error}")))
}
