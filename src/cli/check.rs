//! `slimwright check`: limits and baseline from files, the verdict, and what is written of it.
//!
//! Files are read before the image is, so that nothing is measured for a configuration that cannot work. The lock is
//! written last, as a whole, and only after a verdict that is no failure.

use super::args::{Check as Args, Report};
use super::budget_files::{BudgetFile, CONFIG, LOCK};
use super::failure::{Failure, Result};
use super::output::Destination;
use super::pipeline::{self, Ask, Found, Measured};
use super::progress::Bar;
use super::settings::{Input, Look, input, look};
use crate::base::{escape_path, escape_str};
use crate::budget::{
    Baseline, BudgetError, Config, ConfigError, Date, Lock, Outcome, Planned, RestsOn, Snapshot, Verdict, evaluate,
};
use crate::emit::Style;
use crate::image::Progress as _;
use crate::plan::{Plan, PlanOptions};
use crate::profile::{Rule, Tier};
use crate::report;
use crate::report::check as formats;
use crate::rules;
use clap::ValueEnum as _;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Larger ones are no such files.
const MOST_CONFIG: u64 = 1 << 20;
const MOST_LOCK: u64 = 64 << 20;
/// What a folder without a configuration may begin with.
const MINIMAL: &str = "write slimwright.toml, for example `limits.unpacked = \"900 MB\"`, or give --limit 'unpacked=900 MB'; \
                       docs/budget.md has every key";

/// What was typed, checked.
pub struct CheckSettings {
    /// Which image.
    pub input: Input,
    config: Config,
    /// Where the configuration is from.
    file: Option<BudgetFile>,
    /// Limits of the command line, as typed.
    limits: Vec<String>,
    lock: LockFile,
    name: Option<String>,
    mode: Mode,
    options: PlanOptions,
    profiles: Option<PathBuf>,
    look: Look,
    /// What goes where; stdout first.
    reports: Vec<(Report, Destination)>,
    today: Date,
}

/// What to do about the lock, or instead.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Judge,
    Update,
    Tighten,
    Planned,
}

/// The lock as it was found.
struct LockFile {
    path: PathBuf,
    lock: Lock,
    /// Whether it is there.
    is_there: bool,
}

impl CheckSettings {
    /// Checks the arguments, and reads the configuration and the lock.
    pub fn new(args: Args) -> Result<Self> {
        let reports = reports(&args)?;
        let (found, mut config) = configuration(&args)?;
        for limit in &args.limit {
            config = config.with_limit(limit).map_err(config_failure)?;
        }
        let beside = found.as_ref().map_or_else(|| BudgetFile::named(Path::new(LOCK)), BudgetFile::lock);
        let lock = LockFile::read(args.lock.as_deref(), beside, args.update)?;
        let mode = match (args.update, args.tighten, args.planned) {
            (true, ..) => Mode::Update,
            (_, true, _) => Mode::Tighten,
            (.., true) => Mode::Planned,
            _ => Mode::Judge,
        };
        let mut input = input(args.source, &args.asked)?;
        input.options.whole = !args.trust_contents;
        Ok(Self {
            input,
            config,
            file: found,
            limits: args.limit.iter().map(|limit| escape_str(limit)).collect(),
            lock,
            name: args.name,
            mode,
            options: PlanOptions { accept: args.accept, skip: args.skip, ..PlanOptions::default() },
            profiles: args.profiles.profiles,
            look: look(&args.print, true),
            reports,
            today: today()?,
        })
    }
}

/// What goes where: stdout once, every file once.
fn reports(args: &Args) -> Result<Vec<(Report, Destination)>> {
    let mut stdout = None;
    let mut files: BTreeMap<PathBuf, Report> = BTreeMap::new();
    for text in &args.report {
        let (format, file) = parse_report(text)?;
        if file.as_os_str() == "-" {
            if stdout.replace(format).is_some() || args.format != Report::Text {
                return Err(Failure::usage(anyhow::anyhow!("--report {text}: stdout has another format already")));
            }
        } else if files.insert(file, format).is_some() {
            return Err(Failure::usage(anyhow::anyhow!("--report {text}: another report goes into this file already")));
        }
    }
    let mut out = vec![(stdout.unwrap_or(args.format), Destination::Stdout)];
    for (file, format) in files {
        out.push((format, Destination::new(Some(file), args.force)?));
    }
    Ok(out)
}

/// `json=verdict.json`.
fn parse_report(text: &str) -> Result<(Report, PathBuf)> {
    let known: Vec<String> = Report::value_variants()
        .iter()
        .filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()))
        .collect();
    let expected = format!("write FORMAT=FILE; formats are {}", known.join(", "));
    let wrong = |what: &str| Failure::usage(anyhow::anyhow!("--report {text}: {what}")).hint(expected.clone());
    let (format, file) = text.split_once('=').ok_or_else(|| wrong("expected FORMAT=FILE"))?;
    let format = Report::from_str(format, false).map_err(|_| wrong(&format!("`{format}` is no format")))?;
    match file {
        "" => Err(wrong("names no file")),
        file => Ok((format, file.into())),
    }
}

fn config_failure(error: ConfigError) -> Failure {
    let hint = error.hint.clone();
    let failure = Failure::usage(anyhow::Error::new(error));
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// The configuration and its file: the named one, the repository's, the build context's, or that of the current folder.
fn configuration(args: &Args) -> Result<(Option<BudgetFile>, Config)> {
    let folder = super::context::folder(&args.source.target).filter(|folder| folder.as_os_str() != ".");
    let found = args.config.as_deref().map(BudgetFile::named).or_else(|| BudgetFile::find(folder.as_deref()));
    let Some(file) = found else {
        return match args.limit.is_empty() {
            true => Err(Failure::usage(anyhow::anyhow!("there is no {CONFIG} here, and none was named")).hint(MINIMAL)),
            false => Ok((None, Config::empty())),
        };
    };
    let config = load(&file)?;
    Ok((Some(file), config))
}

fn load(file: &BudgetFile) -> Result<Config> {
    let text = file.read(MOST_CONFIG).map_err(|error| Failure::usage(error).hint(MINIMAL))?;
    Config::parse(&text, &file.path.display().to_string()).map_err(config_failure)
}

/// What a verdict rests on.
fn rests_on(file: Option<&BudgetFile>, lock: Option<&Path>, limits: &[String]) -> RestsOn {
    let passed_over = file.map(|file| file.passed_over.as_slice()).unwrap_or_default();
    RestsOn {
        configuration: file.map(|file| escape_path(&file.path)),
        passed_over: passed_over.iter().map(|path| escape_path(path)).collect(),
        limits: limits.to_vec(),
        baseline: lock.map(escape_path),
    }
}

/// The budget of a build context, whose audit ends with the verdict.
pub struct Budget {
    config: Config,
    file: BudgetFile,
    lock: LockFile,
    today: Date,
}

impl Budget {
    /// What `slimwright.toml` and `slimwright.lock` in the folder or the current one say; `None` where there is none.
    pub fn of_context(folder: &Path) -> Result<Option<Self>> {
        let Some(file) = BudgetFile::find(Some(folder)) else { return Ok(None) };
        let lock = LockFile::read(None, file.lock(), false)?;
        Ok(Some(Self { config: load(&file)?, file, lock, today: today()? }))
    }

    /// Judges.
    pub fn judge(&self, rules: &[Rule], measured: &Measured<'_>) -> Result<Verdict> {
        self.config.check_rules(rules).map_err(config_failure)?;
        let snapshot = Snapshot::new(measured.facts, measured.findings);
        let baseline = self.lock.lock.get(&snapshot);
        let verdict = evaluate(&snapshot, &self.config, baseline, self.today).map_err(budget_failure)?;
        let lock = baseline.map(|_| self.lock.path.as_path());
        Ok(Verdict { rests_on: rests_on(Some(&self.file), lock, &[]), ..verdict })
    }
}

impl LockFile {
    /// The named file must be there, unless it is about to be written.
    fn read(named: Option<&Path>, beside: BudgetFile, is_written: bool) -> Result<Self> {
        let file = named.map_or(beside, BudgetFile::named);
        let path = file.path.clone();
        match path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound && (named.is_none() || is_written) => {
                return Ok(Self { path, lock: Lock::default(), is_there: false });
            }
            _ => {}
        }
        let text = file
            .read(MOST_LOCK)
            .map_err(|error| Failure::usage(error).hint("`slimwright check TARGET --update` writes it"))?;
        let lock = Lock::parse(&text, &path.display().to_string()).map_err(|error| {
            let hint = error.hint();
            Failure::usage(anyhow::Error::new(error)).hint(hint)
        })?;
        Ok(Self { path, lock, is_there: true })
    }

    fn write(&self, lock: &Lock) -> Result<()> {
        let text = lock.render();
        Destination::File(self.path.clone(), true).write(|out| Ok(out.write_all(text.as_bytes())?))
    }
}

/// Today in UTC, or the day that SOURCE_DATE_EPOCH names.
fn today() -> Result<Date> {
    let seconds = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text.trim().parse::<u64>().map_err(|_| {
            Failure::usage(anyhow::anyhow!("SOURCE_DATE_EPOCH: expected seconds since 1970, found `{text}`"))
        })?,
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
    };
    Ok(Date::of_unix_seconds(seconds))
}

/// Judges.
pub fn check(settings: &CheckSettings) -> Result<()> {
    let rules = pipeline::rules(settings.profiles.as_deref())?;
    settings.config.check_rules(&rules).map_err(config_failure)?;
    super::commands::check_rules(&rules, &settings.options)?;
    let opened = pipeline::opened(&settings.input)?;
    let given = &settings.input.given;
    let (snapshot, verdict) = pipeline::find(&opened, given, &rules, |found| judge(settings, &rules, &found))?;
    for (format, destination) in &settings.reports {
        let text = render(*format, &verdict, settings.look, destination.is_stdout())?;
        destination.write(|out| Ok(out.write_all(text.as_bytes())?))?;
    }
    settle(settings, &snapshot, &verdict)
}

/// The verdict on the image, or on the plan's.
fn judge(settings: &CheckSettings, rules: &[Rule], found: &Found<'_>) -> Result<(Snapshot, Verdict)> {
    let mut snapshot = Snapshot::new(found.facts, found.findings);
    if let Some(name) = &settings.name {
        snapshot = snapshot.named(name);
    }
    let baseline = match settings.mode {
        // Who agrees to an image's sizes agrees to its growth.
        Mode::Update => Some(Baseline::of(&snapshot)),
        _ => settings.lock.lock.get(&snapshot).cloned(),
    };
    let lock = baseline.as_ref().filter(|_| settings.mode != Mode::Update).map(|_| settings.lock.path.as_path());
    let rests_on = rests_on(settings.file.as_ref(), lock, &settings.limits);
    let evaluate = |snapshot: &Snapshot| {
        let verdict = evaluate(snapshot, &settings.config, baseline.as_ref(), settings.today);
        let verdict = verdict.map_err(budget_failure)?;
        Ok::<_, Failure>(Verdict { rests_on: rests_on.clone(), ..verdict })
    };
    let dockerfile = super::settings::dockerfile_of(&settings.input)?;
    let options = PlanOptions { own_dockerfile: dockerfile.is_some(), ..settings.options.clone() };
    let ask = Ask { rules, options: &options, style: Style::default(), dockerfile: dockerfile.as_deref() };
    if settings.mode == Mode::Planned {
        let plan = found.plan(&ask, |_| Vec::new())?;
        let plan = (*plan).as_ref().map(|planned| &planned.plan).map_err(|error| {
            Failure::measure(anyhow::anyhow!("there is no plan whose image could be judged: {error}"))
        })?;
        let predicted = predicted(settings, rules, plan, &snapshot);
        let verdict = evaluate(&predicted)?;
        return Ok((predicted, verdict));
    }
    let mut verdict = evaluate(&snapshot)?;
    // Who is within the budget needs no plan; of an image with gaps the plan has them, too.
    if matches!(verdict.outcome, Outcome::Warn | Outcome::Fail)
        && found.image.gaps.is_empty()
        && let Ok(pipeline::Planned { plan, .. }) = &*found.plan(&ask, |_| Vec::new())?
    {
        let judged = evaluate(&predicted(settings, rules, plan, &snapshot))?;
        verdict.planned = Some(planned(&judged, plan, rules));
    }
    Ok((snapshot, verdict))
}

fn budget_failure(error: BudgetError) -> Failure {
    let hint = error.hint();
    Failure::usage(anyhow::Error::new(error)).hint(hint)
}

/// What the plan leads to. Rules are applied to it only where somebody asks for findings.
fn predicted(settings: &CheckSettings, rules: &[Rule], plan: &Plan, original: &Snapshot) -> Snapshot {
    let names: Vec<&str> = original.names.iter().map(String::as_str).collect();
    let limits = settings.config.limits(&names, &original.platform);
    let asks = settings.mode == Mode::Planned || limits.asks_for_findings();
    let predicted = pipeline::survey(&plan.predicted, &settings.input.given, |facts| {
        let findings = if asks { rules::evaluate(facts, rules) } else { Vec::new() };
        Snapshot::new(facts, &findings)
    });
    predicted.called_as(original)
}

fn planned(judged: &Verdict, plan: &Plan, rules: &[Rule]) -> Planned {
    let broken = judged.checks.iter().filter(|check| check.outcome > Outcome::Warn);
    let mut waiting: BTreeMap<&str, u64> = BTreeMap::new();
    for skipped in plan.skipped.iter().filter(|skipped| skipped.tier == Tier::Confirm) {
        if rules.iter().any(|rule| rule.id == skipped.rule) {
            *waiting.entry(&skipped.rule).or_default() += skipped.bytes;
        }
    }
    let mut waiting: Vec<(&str, u64)> = waiting.into_iter().collect();
    waiting.sort_by_key(|(rule, bytes)| (Reverse(*bytes), *rule));
    Planned {
        unpacked: judged.unpacked,
        outcome: judged.outcome,
        broken: broken.map(|check| format!("{}: {}", check.title(), check.message)).collect(),
        waiting: waiting.into_iter().map(|(rule, _)| escape_str(rule)).collect(),
    }
}

/// The verdict in a format. What goes into a file has no colours, and is as wide everywhere.
fn render(format: Report, verdict: &Verdict, look: Look, is_stdout: bool) -> Result<String> {
    let (color, width) = if is_stdout { (look.color, look.width) } else { (false, 80) };
    Ok(match format {
        Report::Text => report::check_text(verdict, color, width, look.details),
        Report::Json => report::json(verdict).map_err(Failure::measure)?,
        Report::Markdown => formats::markdown(verdict, formats::COMMENT),
        Report::Summary => formats::markdown(verdict, formats::SUMMARY),
        Report::Github => formats::github(verdict),
        Report::Sarif => formats::sarif(verdict),
        Report::Junit => formats::junit(verdict),
        Report::Gitlab => formats::gitlab(verdict),
    })
}

/// Writes the lock where that was asked for, and ends with the verdict's exit code.
fn settle(settings: &CheckSettings, snapshot: &Snapshot, verdict: &Verdict) -> Result<()> {
    let bar = Bar::new(settings.input.quiet);
    let file = escape_path(&settings.lock.path);
    let writes = matches!(settings.mode, Mode::Update | Mode::Tighten);
    if matches!(verdict.outcome, Outcome::Fail | Outcome::CouldNotMeasure) {
        let failed = failure(verdict);
        return Err(if writes { failed.hint(format!("{file} was left as it is")) } else { failed });
    }
    let mut lock = settings.lock.lock.clone();
    match settings.mode {
        Mode::Update => lock.set(snapshot),
        Mode::Tighten if lock.get(snapshot).is_none() => {
            let (image, platform) = (&snapshot.repository, &snapshot.platform);
            return Err(Failure::usage(anyhow::anyhow!(
                "{file}: there is no baseline for {image} ({platform}) to tighten"
            ))
            .hint("`slimwright check TARGET --update` writes one"));
        }
        Mode::Tighten => {
            lock.tighten(snapshot);
        }
        Mode::Judge | Mode::Planned => return Ok(()),
    }
    if lock == settings.lock.lock && settings.lock.is_there {
        bar.note(&format!("{file} is as it was"));
        return Ok(());
    }
    settings.lock.write(&lock)?;
    bar.note(&format!("wrote {file}"));
    Ok(())
}

/// A verdict that is no pass.
pub(super) fn failure(verdict: &Verdict) -> Failure {
    let worst = verdict.checks.iter().filter(|check| check.outcome == verdict.outcome);
    let titles: Vec<String> = worst.map(|check| check.title()).collect();
    let image = &verdict.image;
    match verdict.outcome {
        Outcome::Fail => Failure::verdict(anyhow::anyhow!("{image} is over its budget: {}", titles.join(", "))),
        _ => {
            let failure =
                Failure::measure(anyhow::anyhow!("{image} could not be measured whole: {}", titles.join(", ")));
            match verdict.gaps.is_empty() {
                true => failure,
                false => {
                    failure.hint("`unpredicted = \"allow\"` in the configuration lets what could be predicted count")
                }
            }
        }
    }
}
