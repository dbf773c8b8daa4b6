//! What each command does.

use super::args::{CacheAction, Format};
use super::failure::{Failure, Result};
use super::output::{Destination, print};
use super::pipeline::{self, Measured};
use super::progress::Bar;
use super::settings::{AuditSettings, Input, Look, PlanSettings, Settings};
use crate::base::{ByteSize, escape_str};
use crate::image::{Cache, CacheInfo, Progress as _, write_recorded};
use crate::plan::{Plan, PlanError, PlanOptions};
use crate::profile::Rule;
use crate::profile::{explain, list};
use crate::report::{AuditReport, PlanReport, json, markdown, report_md, text};
use std::path::Path;

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
        Settings::Index(input, destination) => index(&input, &destination),
        Settings::Explain(rule, profiles) => explain_rule(&rule, profiles.as_deref()),
        Settings::Rules(profiles) => print(&list(&pipeline::rules(profiles.as_deref())?)),
        Settings::Cache(CacheAction::Info, cache) => cache_info(&cache.info()),
        Settings::Cache(CacheAction::Clear, cache) => clear_cache(&cache),
    }
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
    let image = pipeline::image(&settings.input)?;
    let report = pipeline::measure(&image, &rules, &PlanOptions::default(), |measured| audit_report(&measured, &rules));
    let text = match settings.format {
        Format::Text => screen(&report, &settings.input, settings.look),
        Format::Json => json(&report).map_err(Failure::measure)?,
        Format::Markdown => markdown::render(&report),
    };
    settings.destination.write(|out| Ok(out.write_all(text.as_bytes())?))
}

fn audit_report(measured: &Measured<'_>, rules: &[Rule]) -> AuditReport {
    let plan = measured.plan.ok();
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
    let image = pipeline::image(&settings.input)?;
    let (files, report) = pipeline::measure(&image, &rules, &settings.options, |measured| {
        let plan = measured.plan.map_err(plan_failure)?;
        Ok((files(&measured, plan)?, audit_report(&measured, &rules)))
    })?;
    settings.folder.write(&files)?;
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let written = format!("wrote {} in {}", names.join(", "), settings.folder.path().display());
    let summary = text::plan_summary(&report, style_of(settings));
    print(&format!("{summary}\n{}\n", escape_str(&written)))
}

fn style_of(settings: &PlanSettings) -> text::Style<'_> {
    let look = settings.look;
    text::Style { color: look.color, width: look.width, details: look.details, target: &settings.input.text }
}

fn files(measured: &Measured<'_>, plan: &Plan) -> Result<Vec<(String, String)>> {
    let report = PlanReport::new(measured.image, plan);
    let mut files = crate::emit::emit(plan);
    files.push(("REPORT.md".to_owned(), report_md::render(&report)));
    files.push(("plan.json".to_owned(), json(&report).map_err(Failure::measure)?));
    Ok(files)
}

/// Before a long measurement, not after it.
fn check_rules(rules: &[Rule], options: &PlanOptions) -> Result<()> {
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

fn index(input: &Input, destination: &Destination) -> Result<()> {
    let image = pipeline::image(input)?;
    destination.write(|mut out| Ok(write_recorded(&image, &mut out)?))
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
