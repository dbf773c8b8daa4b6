//! What each command does.

use super::args::{AuditFormat, CacheAction, Plain};
use super::check::{self, Budget};
use super::failure::{Failure, Result};
use super::imports;
use super::manual;
use super::output::{Destination, Folder, print};
use super::pipeline::{self, Ask, Measured, Planned};
use super::progress::Bar;
use super::settings::{self, AuditSettings, Input, Look, PlanSettings, Settings, VerifySettings, WhySettings};
use crate::base::{ByteSize, escape_path, escape_str};
use crate::budget::Outcome;
use crate::emit::Style;
use crate::facts::{self, Facts};
use crate::image::{Cache, CacheInfo, Progress as _, TargetKind, write_recorded, write_with_environment};
use crate::plan::{self, Draft, PlanError, PlanOptions};
use crate::profile::Rule;
use crate::profile::{explain, list};
use crate::python::normalize_name;
use crate::report::check::audit_sarif;
use crate::report::{self, AuditReport, PlanReport, WhyReport, json, markdown, report_md, text};
use crate::verify::{self, Check, Promise};
use std::collections::BTreeSet;
use std::path::Path;

/// Of how many of the largest distributions a plan's report tells who brought them in.
const HEAVY: usize = 10;

/// Runs a command.
pub fn run(settings: Settings) -> Result<()> {
    let cache = settings.input().map(|input| (input.options.cache.clone(), input.quiet));
    let outcome = run_command(settings);
    if let Some((Some(cache), quiet)) = cache
        && let Err(error) = cache.flush()
    {
        Bar::new(quiet).note(&format!("the cache could not be written: {error}"));
    }
    outcome
}

fn run_command(settings: Settings) -> Result<()> {
    match settings {
        Settings::Audit(settings) => audit(&settings),
        Settings::Plan(settings) => plan(&settings),
        Settings::Why(settings) => why(&settings),
        Settings::Verify(settings) => verify(&settings),
        Settings::Check(settings) => super::check::check(&settings),
        Settings::Diff(settings) => super::diff::diff(&settings),
        Settings::Index(input, destination, environment) => index(&input, &destination, environment),
        Settings::Explain(rule, profiles) => explain_rule(&rule, profiles.as_deref()),
        Settings::Rules(profiles) => print(&list(&pipeline::rules(profiles.as_deref())?)),
        Settings::Cache(CacheAction::Info, cache) => cache_info(&cache.info()),
        Settings::Cache(CacheAction::Clear, cache) => clear_cache(&cache),
        Settings::Completions(shell) => {
            Destination::Stdout.write(|out| Ok(out.write_all(&manual::completions(shell))?))
        }
        Settings::Man(folder) => man(folder.as_ref()),
    }
}

fn man(folder: Option<&Folder>) -> Result<()> {
    let pages = manual::pages().map_err(Failure::usage)?;
    let Some(folder) = folder else {
        return print(&pages.into_iter().map(|(_, text)| text).next().unwrap_or_default());
    };
    folder.write(&pages)?;
    print(&format!("wrote {} pages in {}\n", pages.len(), escape_path(folder.path())))
}

fn cache_info(info: &CacheInfo) -> Result<()> {
    print(&format!(
        "{}\n{} entries, {} of at most {}\n",
        escape_str(&info.folder.display().to_string()),
        info.entries,
        ByteSize(info.bytes),
        ByteSize(info.most_bytes)
    ))
}

fn clear_cache(cache: &Cache) -> Result<()> {
    let folder = cache.info().folder;
    let removed = cache.clear().map_err(|error| {
        Failure::usage(anyhow::Error::new(error).context(format!("{}: cannot clear", folder.display())))
    })?;
    print(&format!("removed {} entries, {}\n", removed.entries, ByteSize(removed.bytes)))
}

fn audit(settings: &AuditSettings) -> Result<()> {
    let rules = pipeline::rules(settings.profiles.as_deref())?;
    let context = settings.input.context.as_ref();
    let budget = context.map(|context| Budget::of_context(&context.folder)).transpose()?.flatten();
    let opened = pipeline::opened(&settings.input)?;
    let dockerfile = settings::dockerfile_of(&settings.input)?;
    let options = PlanOptions { own_dockerfile: dockerfile.is_some(), ..PlanOptions::default() };
    let ask = Ask { rules: &rules, options: &options, style: Style::default(), dockerfile: dockerfile.as_deref() };
    let (report, verdict) = pipeline::measure(
        &opened,
        &settings.input.given,
        &ask,
        |_| Vec::new(),
        |measured| {
            let verdict = budget.as_ref().map(|budget| budget.judge(&rules, &measured)).transpose()?;
            Ok((audit_report(&measured, &rules), verdict))
        },
    )?;
    let look = settings.look;
    let text = match settings.format {
        AuditFormat::Text => {
            let judged =
                verdict.as_ref().map(|verdict| report::check_text(verdict, look.color, look.width, look.details));
            let judged = judged.map_or_else(String::new, |text| format!("\n{text}"));
            screen(&report, &settings.input, look) + &judged
        }
        AuditFormat::Json => json(&report).map_err(Failure::measure)?,
        AuditFormat::Markdown => markdown::render(&report),
        AuditFormat::Sarif => audit_sarif(&report, &rules),
    };
    settings.destination.write(|out| Ok(out.write_all(text.as_bytes())?))?;
    match verdict {
        Some(verdict) if matches!(verdict.outcome, Outcome::Fail | Outcome::CouldNotMeasure) => {
            Err(check::failure(&verdict))
        }
        _ => Ok(()),
    }
}

fn audit_report(measured: &Measured<'_>, rules: &[Rule]) -> AuditReport {
    let plan = measured.plan.ok().map(|planned| &planned.plan);
    let report = AuditReport::new(measured.image, measured.view, measured.facts, measured.findings, rules, plan);
    match measured.plan {
        Ok(_) => report,
        Err(error) => report.without_plan(error),
    }
}

fn screen(report: &AuditReport, input: &Input, look: Look) -> String {
    let style = text::Style { color: look.color, width: look.width, details: look.details, target: &input.text };
    text::render(report, style)
}

fn plan(settings: &PlanSettings) -> Result<()> {
    let rules = pipeline::rules(settings.profiles.as_deref())?;
    check_rules(&rules, &settings.options)?;
    let opened = pipeline::opened(&settings.input)?;
    let look_up =
        |draft: &Draft<'_>| if settings.resolve { pipeline::look_up(draft, &settings.input) } else { Vec::new() };
    let given = &settings.input.given;
    let ask = Ask {
        rules: &rules,
        options: &settings.options,
        style: settings.style,
        dockerfile: settings.dockerfile.as_deref(),
    };
    let (files, report, edited) = pipeline::measure(&opened, given, &ask, look_up, |measured| {
        let planned = measured.plan.map_err(plan_failure)?;
        let edits = planned.edits.as_ref();
        let edited = edits.map(|edits| text::edits_summary(edits, &planned.plan.actions)).unwrap_or_default();
        Ok((files(&measured, planned)?, audit_report(&measured, &rules), edited))
    })?;
    settings.folder.write(&files)?;
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let written = format!("wrote {} in {}", names.join(", "), settings.folder.path().display());
    let summary = text::plan_summary(&report, style_of(settings));
    print(&format!("{summary}\n{edited}{}\n", escape_str(&written)))
}

fn style_of(settings: &PlanSettings) -> text::Style<'_> {
    let look = settings.look;
    text::Style { color: look.color, width: look.width, details: look.details, target: &settings.input.text }
}

fn files(measured: &Measured<'_>, planned: &Planned) -> Result<Vec<(String, String)>> {
    let Planned { plan, files, edits } = planned;
    let report = PlanReport::new(measured.image, plan)
        .with_heavy(&facts::heaviest(measured.facts, HEAVY))
        .with_libraries(&plan::libraries_after(measured.facts, plan))
        .with_edits(edits.as_ref());
    let mut files = files.clone();
    if let Some(edits) = edits {
        files.insert(0, ("Dockerfile".to_owned(), edits.text.clone()));
        files.insert(1, ("Dockerfile.diff".to_owned(), edits.diff.clone()));
    }
    files.push(("REPORT.md".to_owned(), report_md::render(&report)));
    files.push(("plan.json".to_owned(), json(&report).map_err(Failure::measure)?));
    Ok(files)
}

/// Before a long measurement, not after it.
pub(super) fn check_rules(rules: &[Rule], options: &PlanOptions) -> Result<()> {
    let known = |id: &String| rules.iter().any(|rule| rule.id == *id);
    let asked = options.accept.iter().map(|id| ("accept", id)).chain(options.skip.iter().map(|id| ("skip", id)));
    match asked.into_iter().find(|(_, id)| !known(id)) {
        None => Ok(()),
        Some((option, id)) => Err(plan_failure(&PlanError::UnknownRule { option, id: id.clone() })),
    }
}

fn plan_failure(error: &PlanError) -> Failure {
    let failure = Failure::usage(anyhow::anyhow!("{error}"));
    match error {
        PlanError::UnknownRule { .. } => failure.hint("`slimwright rules` lists them"),
        PlanError::UnknownBase(_) => failure.hint("name it with --base IMAGE, for example --base python:3.11-slim"),
    }
}

fn why(settings: &WhySettings) -> Result<()> {
    let name = normalize_name(&settings.package);
    let image = pipeline::image(&settings.input)?;
    let report = pipeline::survey(&image, &settings.input.given, |facts| match facts::why(facts, &name) {
        found if found.is_empty() => Err(not_installed(facts, &settings.package, &name)),
        found => Ok(WhyReport::new(&image.name, image.basis, found)),
    })?;
    let look = settings.look;
    match settings.format {
        Plain::Json => print(&json(&report).map_err(Failure::measure)?),
        Plain::Text => print(&report::why(&report, look.color, look.width, look.details)),
    }
}

fn verify(settings: &VerifySettings) -> Result<()> {
    let promise = settings.plan.as_deref().map(read_promise).transpose()?;
    let (before, after) = (pipeline::image(&settings.before)?, pipeline::image(&settings.after)?);
    let verification = pipeline::survey(&before, &[], |before| {
        pipeline::survey(&after, &[], |after| {
            let mut verification = verify::verify(before, after, promise.as_ref(), settings.tolerance);
            verification.checks.push(imports(settings, before, after));
            verification
        })
    });
    let look = settings.look;
    match settings.format {
        Plain::Json => print(&json(&verification).map_err(Failure::measure)?)?,
        Plain::Text => print(&report::verify(&verification, look.color, look.width, look.details))?,
    }
    if verification.failed() {
        let text = format!("{} lost something that {} has", settings.after.text, settings.before.text);
        return Err(Failure::verdict(anyhow::anyhow!(text)));
    }
    Ok(())
}

fn read_promise(folder: &Path) -> Result<Promise> {
    let path = folder.join("plan.json");
    let failed = |error: anyhow::Error| {
        Failure::usage(error.context(path.display().to_string()))
            .hint("give the folder that `slimwright plan -o` wrote")
    };
    let text = std::fs::read(&path).map_err(|error| failed(error.into()))?;
    Promise::parse(&text).map_err(|error| failed(error.into()))
}

/// Two images of one engine can be run.
fn imports(settings: &VerifySettings, before: &Facts<'_>, after: &Facts<'_>) -> Check {
    let name = |input: &Input| {
        let is_engine = input.target.kind == Some(TargetKind::Daemon);
        input.target.reference.clone().filter(|_| is_engine)
    };
    let (Some(original), Some(rebuilt)) = (name(&settings.before), name(&settings.after)) else {
        return Check::skipped("imports", "not tried: only images of an engine (docker-daemon:) can be run");
    };
    if !settings.run {
        return Check::skipped("imports", "not tried: --no-run");
    }
    let Some(client) = imports::client() else {
        return Check::skipped("imports", "not tried: neither docker nor podman was found");
    };
    let script = settings.plan.as_deref().and_then(|plan| std::fs::read_to_string(plan.join("smoke_test.py")).ok());
    let bar = Bar::new(settings.before.quiet);
    let trial = imports::Trial { client, before: (&original, before), after: (&rebuilt, after), script };
    trial.run(&|text| bar.note(text))
}

fn not_installed(facts: &Facts<'_>, package: &str, name: &str) -> Failure {
    let failure = Failure::usage(anyhow::anyhow!("no distribution of the image is named `{}`", escape_str(package)));
    if let Some(removed) = facts.python.removed.iter().find(|removed| removed.normalized == name) {
        let layer = removed.removed_by + 1;
        return failure.hint(format!("layer {layer} uninstalled it; its bytes are still in the layers below"));
    }
    let all = facts.python.distributions.iter().map(|dist| dist.normalized.as_str());
    let near: BTreeSet<&str> = all.filter(|known| is_near(known, name)).collect();
    match near.into_iter().take(5).collect::<Vec<_>>().as_slice() {
        [] => failure.hint("`slimwright audit TARGET --details` lists them"),
        near => failure.hint(format!("did you mean {}?", escape_str(&near.join(" or ")))),
    }
}

fn index(input: &Input, destination: &Destination, environment: bool) -> Result<()> {
    let image = pipeline::image(input)?;
    let write = if environment { write_with_environment } else { write_recorded };
    destination.write(|mut out| Ok(write(&image, &mut out)?))
}

fn explain_rule(id: &str, profiles: Option<&Path>) -> Result<()> {
    let rules = pipeline::rules(profiles)?;
    match rules.iter().find(|rule| rule.id == id) {
        Some(rule) => print(&explain(rule)),
        None => {
            let near: Vec<&str> =
                rules.iter().map(|rule| rule.id.as_str()).filter(|known| is_near(known, id)).collect();
            let failure = Failure::usage(anyhow::anyhow!("no rule has the id `{id}`"));
            Err(match near.as_slice() {
                [] => failure.hint("`slimwright rules` lists them"),
                near => failure.hint(format!("did you mean {}?", near.join(" or "))),
            })
        }
    }
}

/// Whether two ids share a word that says something.
fn is_near(known: &str, asked: &str) -> bool {
    asked.split(['-', '_', ' ']).any(|word| word.len() > 2 && known.split('-').any(|part| part.starts_with(word)))
}
