//! `slimwright check`: limits and baseline from files, the verdict, and what is written of it.
//!
//! Files are read before the image is, so that nothing is measured for a configuration that cannot work. The lock is
//! written last, as a whole, and only after a verdict that is no failure.

use crate::base::Text;
use crate::budget::{Baseline, Config, Date, Outcome, Planned, Snapshot, Verdict, evaluate, initial};
use crate::cli::budget::{self, LockFile, minimal};
use crate::cli::budget_files::{BudgetFile, CONFIG, LOCK};
use crate::cli::dockerfile::UserDockerfile;
use crate::cli::failure::{Failure, Result};
use crate::cli::input::{self, Input, Look};
use crate::cli::locate::locate;
use crate::cli::options::{Check as Args, CheckFormat};
use crate::cli::output::Destination;
use crate::cli::pipeline::{self, Ask, Asks, Found};
use crate::cli::progress::Bar;
use crate::emit::Style;
use crate::image::Progress as _;
use crate::plan::{Plan, PlanOptions};
use crate::rules;
use crate::rules::{Rule, Tier};
use clap::ValueEnum as _;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What was typed, checked.
struct Settings {
    /// Which image.
    input: Input,
    config: Config,
    /// Where the configuration is from.
    file: Option<BudgetFile>,
    /// Limits of the command line, as typed.
    limits: Vec<Text>,
    lock: LockFile,
    name: Option<String>,
    mode: Mode,
    /// Whether files may be replaced.
    force: bool,
    options: PlanOptions,
    rules: Vec<Rule>,
    look: Look,
    /// What goes where; stdout first.
    reports: Vec<(CheckFormat, Destination)>,
    today: Date,
}

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let settings = Settings::new(args)?;
    settings.input.keeping_cache(|| check(&settings))
}

/// What to do about the lock, or instead.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Judge,
    Update,
    Tighten,
    Planned,
    Init,
}

impl Settings {
    /// Checks the arguments, and reads the configuration and the lock.
    fn new(mut args: Args) -> Result<Self> {
        let reports = reports(&args)?;
        args.source = locate(args.source)?;
        let rules = pipeline::rules(args.profiles.profiles.as_deref())?;
        args.followed = pipeline::followed(&rules, &args.followed)?;
        let (found, mut config) = configuration(&args)?;
        for limit in &args.limit {
            config = config.with_limit(limit).map_err(|error| Failure::of(true, error))?;
        }
        let beside = found.as_ref().map_or_else(|| BudgetFile::named(Path::new(LOCK)), BudgetFile::lock);
        let lock = LockFile::read(args.lock.as_deref(), beside, args.update || args.init)?;
        let mode = match (args.update, args.tighten, args.planned) {
            _ if args.init => Mode::Init,
            (true, ..) => Mode::Update,
            (_, true, _) => Mode::Tighten,
            (.., true) => Mode::Planned,
            _ => Mode::Judge,
        };
        let mut input = Input::new(args.source, &args.asked)?;
        input.options.whole = !args.trust_contents;
        Ok(Self {
            input,
            config,
            file: found,
            limits: args.limit.iter().map(Text::from).collect(),
            lock,
            name: args.name,
            mode,
            force: args.force,
            options: PlanOptions { accept: args.followed.accept, skip: args.followed.skip, ..PlanOptions::default() },
            rules,
            look: Look::new(&args.print, true),
            reports,
            today: budget::today()?,
        })
    }
}

/// What goes where: stdout once, every file once.
fn reports(args: &Args) -> Result<Vec<(CheckFormat, Destination)>> {
    let mut stdout = None;
    let mut files: BTreeMap<PathBuf, CheckFormat> = BTreeMap::new();
    for text in &args.report {
        let (format, file) = parse_report(text)?;
        if file.as_os_str() == "-" {
            if stdout.replace(format).is_some() || args.format.name != "text" {
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
fn parse_report(text: &str) -> Result<(CheckFormat, PathBuf)> {
    let known: Vec<String> = CheckFormat::value_variants()
        .iter()
        .filter_map(|format| Some(format.to_possible_value()?.get_name().to_owned()))
        .collect();
    let expected = format!("write FORMAT=FILE; formats are {}", known.join(", "));
    let wrong = |what: &str| Failure::usage(anyhow::anyhow!("--report {text}: {what}")).hint(expected.clone());
    let (format, file) = text.split_once('=').ok_or_else(|| wrong("expected FORMAT=FILE"))?;
    let format = CheckFormat::from_str(format, false).map_err(|_| wrong(&format!("`{format}` is no format")))?;
    match file {
        "" => Err(wrong("names no file")),
        file => Ok((format, file.into())),
    }
}

/// The configuration and its file: the named one, the repository's, the build context's, or that of the current folder.
fn configuration(args: &Args) -> Result<(Option<BudgetFile>, Config)> {
    let target = input::target(&args.source.target)?;
    let folder = target.context().filter(|folder| folder.as_os_str() != ".");
    let found = args.config.as_deref().map(BudgetFile::named).or_else(|| BudgetFile::find(folder));
    if args.init {
        let file = found.unwrap_or_else(|| BudgetFile::named(&folder.unwrap_or(Path::new("")).join(CONFIG)));
        // It is written after the measurement: what is in the way is said before.
        Destination::new(Some(file.path.clone()), args.force)?;
        return Ok((Some(file), Config::empty()));
    }
    let Some(file) = found else {
        return match args.limit.is_empty() {
            true => Err(Failure::usage(anyhow::anyhow!("there is no {CONFIG} here, and none was named"))
                .hint(minimal(&args.source.target))),
            false => Ok((None, Config::empty())),
        };
    };
    let config = budget::load(&file)?;
    Ok((Some(file), config))
}

/// Judges.
fn check(settings: &Settings) -> Result<()> {
    let rules = &settings.rules;
    settings.config.check_rules(rules).map_err(|error| Failure::of(true, error))?;
    let opened = pipeline::opened(&settings.input)?;
    let given = &settings.input.given;
    let (snapshot, verdict, limits) = pipeline::find(&opened, given, rules, |found| judge(settings, rules, &found))?;
    for (format, destination) in &settings.reports {
        // What goes into a file has no colours, and is as wide everywhere.
        let look = if destination.is_stdout() { settings.look } else { settings.look.plain() };
        let text = (format.render)(&verdict, look.style(&settings.input)).map_err(Failure::measure)?;
        destination.write(|out| Ok(out.write_all(text.as_bytes())?))?;
    }
    settle(settings, &snapshot, &verdict, limits.as_deref())
}

/// The verdict on the image, or on the plan's, and the configuration that `--init` makes of it.
fn judge(settings: &Settings, rules: &[Rule], found: &Found<'_>) -> Result<(Snapshot, Verdict, Option<String>)> {
    let mut snapshot = Snapshot::new(found.facts, found.findings);
    if let Some(name) = &settings.name {
        snapshot = snapshot.named(name);
    }
    let baseline = match settings.mode {
        // Who agrees to an image's sizes agrees to its growth.
        Mode::Update | Mode::Init => Some(Baseline::of(&snapshot)),
        _ => settings.lock.lock.get(&snapshot).cloned(),
    };
    let is_new = matches!(settings.mode, Mode::Update | Mode::Init);
    let lock = baseline.as_ref().filter(|_| !is_new).map(|_| settings.lock.path.as_path());
    let rests_on = budget::rests_on(settings.file.as_ref(), lock, &settings.limits);
    let limits = (settings.mode == Mode::Init).then(|| initial(&snapshot));
    let config = match (&limits, &settings.file) {
        (Some(limits), Some(file)) => {
            Config::parse(limits, &file.path.display().to_string()).map_err(|error| Failure::of(true, error))?
        }
        _ => settings.config.clone(),
    };
    let evaluate = |snapshot: &Snapshot| {
        let verdict = evaluate(snapshot, &config, baseline.as_ref(), settings.today);
        let verdict = verdict.map_err(|error| Failure::of(true, error))?;
        Ok::<_, Failure>(Verdict { rests_on: rests_on.clone(), ..verdict })
    };
    let dockerfile = UserDockerfile::of_input(&settings.input)?;
    let options = PlanOptions { own_dockerfile: dockerfile.is_some(), ..settings.options.clone() };
    let ask = Ask {
        rules,
        options: &options,
        style: Style::default(),
        dockerfile: dockerfile.as_deref(),
        asks: Asks::of(&settings.input),
        find_base: None,
    };
    if settings.mode == Mode::Planned {
        let plan = found.plan(&ask)?;
        let plan = (*plan).as_ref().map(|planned| &planned.plan).map_err(|error| {
            Failure::measure(anyhow::anyhow!("there is no plan whose image could be judged: {error}"))
        })?;
        let predicted = predicted(settings, rules, plan, &snapshot);
        let verdict = evaluate(&predicted)?;
        return Ok((predicted, verdict, limits));
    }
    let mut verdict = evaluate(&snapshot)?;
    // Who is within the budget needs no plan; of an image with gaps the plan has them, too.
    if matches!(verdict.outcome, Outcome::Warn | Outcome::Fail)
        && found.image.gaps.is_empty()
        && let Ok(pipeline::Planned { plan, .. }) = &*found.plan(&ask)?
    {
        let judged = evaluate(&predicted(settings, rules, plan, &snapshot))?;
        verdict.planned = Some(planned(&judged, plan, rules));
    }
    Ok((snapshot, verdict, limits))
}

/// What the plan leads to. Rules are applied to it only where somebody asks for findings.
fn predicted(settings: &Settings, rules: &[Rule], plan: &Plan, original: &Snapshot) -> Snapshot {
    let names: Vec<&str> = original.names.iter().map(Text::as_str).collect();
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
        broken: broken.map(|check| format!("{}: {}", check.title(), check.message).into()).collect(),
        waiting: waiting.into_iter().map(|(rule, _)| Text::from(rule)).collect(),
    }
}

/// Writes the lock where that was asked for, and ends with the verdict's exit code.
fn settle(settings: &Settings, snapshot: &Snapshot, verdict: &Verdict, limits: Option<&str>) -> Result<()> {
    let bar = Bar::new(settings.input.quiet);
    let file = Text::of_path(&settings.lock.path);
    let writes = matches!(settings.mode, Mode::Update | Mode::Tighten | Mode::Init);
    if matches!(verdict.outcome, Outcome::Fail | Outcome::CouldNotMeasure) {
        let failed = budget::failure(verdict);
        return Err(if writes { failed.hint(format!("{file} was left as it is")) } else { failed });
    }
    let mut lock = settings.lock.lock.clone();
    match settings.mode {
        Mode::Update => lock.set(snapshot),
        Mode::Init => {
            lock.set(snapshot);
            if let (Some(file), Some(text)) = (&settings.file, limits) {
                Destination::File(file.path.clone(), settings.force)
                    .write(|out| Ok(out.write_all(text.as_bytes())?))?;
                bar.note(&format!("wrote {}", Text::of_path(&file.path)));
            }
        }
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
