//! `slimwright verify`: a rebuilt image against the original.

use crate::base::Digest;
use crate::cli::failure::{Failure, Result};
use crate::cli::imports;
use crate::cli::input::{self, Input, Look};
use crate::cli::locate::locate;
use crate::cli::options::{self, Asked, Plain, Source};
use crate::cli::output::print;
use crate::cli::pipeline;
use crate::cli::progress::Bar;
use crate::facts::Facts;
use crate::image::{Account, Image, Progress as _, Target};
use crate::imports::Compared;
use crate::layer::content_digest;
use crate::report::{self, json};
use crate::rules::{self, Finding, Rule};
use crate::verify::{self, Check, Promise};
use std::collections::BTreeSet;
use std::fs::DirEntry;
use std::path::{Path, PathBuf};

struct Settings {
    before: Input,
    after: Input,
    /// What an image's own account names.
    rules: Vec<Rule>,
    /// The plan's folder.
    plan: Option<PathBuf>,
    /// Whether the images may be run.
    run: bool,
    /// Per cent.
    tolerance: f64,
    look: Look,
    format: Plain,
}

/// Runs the command.
pub fn run(args: options::Verify) -> Result<()> {
    let settings = Settings::new(args)?;
    let mut settings = settings;
    // The image says whether it is to be compared by an account of its own.
    let after = pipeline::image(&settings.after)?;
    let account = Account::of(&after.config).filter(|account| !account.is_empty());
    // Whether anything imports a module that only the old build had.
    settings.before.options.limits.sources |= settings.plan.is_some() || account.is_some();
    settings.before.keeping_cache(|| verify(&settings, &after, account.as_ref()))
}

impl Settings {
    fn new(args: options::Verify) -> Result<Self> {
        let look = Look::new(&args.print, true);
        if !args.tolerance.is_finite() || args.tolerance < 0.0 {
            let error = anyhow::anyhow!("--tolerance {}: expected per cent, 0 or more", args.tolerance);
            return Err(Failure::usage(error));
        }
        let after = locate(Source { target: args.after, ..args.source.clone() })?;
        let source = locate(args.source)?;
        let (mut before, mut after) = input::pair((source, after), &Asked::default())?;
        before.options.digests = !args.sizes_only;
        after.options.digests = !args.sizes_only;
        let rules = pipeline::rules(args.profiles.profiles.as_deref())?;
        Ok(Self {
            before,
            rules,
            after,
            tolerance: args.tolerance,
            plan: args.plan,
            run: !args.no_run,
            look,
            format: args.format,
        })
    }

    /// What the rules of an account find in the original.
    fn found(&self, account: &Account, before: &Facts<'_>) -> Vec<Finding> {
        let rules: Vec<Rule> = self.rules.iter().filter(|rule| account.rules.contains(&rule.id)).cloned().collect();
        if rules.is_empty() { Vec::new() } else { rules::evaluate(before, &rules) }
    }
}

fn verify(settings: &Settings, after: &Image, account: Option<&Account>) -> Result<()> {
    let plan = settings.plan.as_deref().map(read_promise).transpose()?;
    let before = pipeline::image(&settings.before)?;
    let verification = pipeline::survey(&before, &[], |before| {
        pipeline::survey(after, &[], |after| {
            let promise = match (&plan, account) {
                (Some(plan), Some(account)) => Some(plan.clone().carried_out(account)),
                (Some(plan), None) => Some(plan.clone()),
                (None, Some(account)) => Some(Promise::of_account(account, &settings.found(account, before))),
                (None, None) => None,
            };
            let promise = promise.map(|promise| {
                let accepted = promise.accepted.clone();
                promise.leaving_out(settings.rules.iter().filter(|rule| accepted.contains(&rule.id)))
            });
            let mut verification = verify::verify(before, after, promise.as_ref(), settings.tolerance);
            verification.by_own_account = plan.is_none() && account.is_some();
            let (check, cost) = imports(settings, before, after);
            verification.checks.push(check);
            verification.import_cost = cost;
            verification
        })
    });
    let look = settings.look;
    match settings.format {
        Plain::Json => print(&json(&verification).map_err(Failure::measure)?)?,
        Plain::Text => print(&report::verify(&verification, look.color, look.width, look.details))?,
    }
    if verification.failed() {
        let (after, before) = (&settings.after.text, &settings.before.text);
        let text = match verification.lost() {
            true => format!("{after} lost something that {before} has"),
            false => format!("{after} is not as large as the plan predicts"),
        };
        return Err(Failure::verdict(anyhow::anyhow!(text)));
    }
    Ok(())
}

fn read_promise(folder: &Path) -> Result<Promise> {
    let path = folder.join("plan.json");
    let failed = |error: anyhow::Error| {
        Failure::usage(error.context(crate::base::Text::of_path(&path)))
            .hint("give the folder that `slimwright plan -o` wrote")
    };
    let text = std::fs::read(&path).map_err(|error| failed(error.into()))?;
    let promise = Promise::parse(&text).map_err(|error| failed(error.into()))?;
    Ok(Promise { written: contents(folder), ..promise })
}

/// The contents of the files that the plan wrote.
fn contents(folder: &Path) -> BTreeSet<Digest> {
    const MOST: u64 = 16 << 20;
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().take(100);
    let is_small = |entry: &DirEntry| entry.metadata().is_ok_and(|data| data.is_file() && data.len() <= MOST);
    let read = files.filter(is_small).filter_map(|entry| std::fs::read(entry.path()).ok());
    read.map(|bytes| content_digest(&bytes)).collect()
}

/// Two images of one engine can be run.
fn imports(settings: &Settings, before: &Facts<'_>, after: &Facts<'_>) -> (Check, Option<Compared>) {
    let skipped = |why: &str| (Check::skipped("imports", format!("not tried: {why}")), None);
    let name = |input: &Input| match &input.target {
        Target::Daemon(name) => Some(name.clone()),
        _ => None,
    };
    let (Some(original), Some(rebuilt)) = (name(&settings.before), name(&settings.after)) else {
        return skipped(
            "only images of an engine (docker-daemon:) can be run; there `slimwright imports` measures each",
        );
    };
    if !settings.run {
        return skipped("--no-run");
    }
    let Some(client) = imports::client() else {
        return skipped("neither docker nor podman was found");
    };
    let script = settings.plan.as_deref().and_then(|plan| std::fs::read_to_string(plan.join("smoke_test.py")).ok());
    let bar = Bar::new(settings.before.quiet);
    let trial = imports::Trial { client, before: (&original, before), after: (&rebuilt, after), script };
    let mut check = trial.run(&|text| bar.note(text));
    let cost = trial.cost(&|text| bar.note(text)).unwrap_or_else(|why| {
        check.summary = format!("{}; what imports cost was not measured: {why}", check.summary).into();
        None
    });
    (check, cost)
}
