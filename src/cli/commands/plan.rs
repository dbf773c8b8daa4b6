//! `slimwright plan`: the files that build a smaller image, and the report with the proof.

use crate::base::escape_str;
use crate::cli::context;
use crate::cli::dockerfile::UserDockerfile;
use crate::cli::failure::{Failure, Result};
use crate::cli::input::{self, Input, Look};
use crate::cli::options::{self, Source, Style};
use crate::cli::output::{Folder, print};
use crate::cli::pipeline::{self, Ask, Measured, Planned};
use crate::emit;
use crate::facts;
use crate::image::host_platform;
use crate::plan::{self, Draft, PlanOptions};
use crate::report::{PlanReport, json, report_md, text};
use std::path::Path;

/// Of how many of the largest distributions a plan's report tells who brought them in.
const HEAVY: usize = 10;

struct Settings {
    input: Input,
    look: Look,
    options: PlanOptions,
    style: emit::Style,
    /// Whether to look pins up.
    resolve: bool,
    /// The user's own Dockerfile, to be edited.
    dockerfile: Option<Box<UserDockerfile>>,
    folder: Folder,
}

/// Runs the command.
pub fn run(mut args: options::Plan) -> Result<()> {
    let profiles = args.profiles.profiles.take();
    let settings = Settings::new(args)?;
    settings.input.keeping_cache(|| {
        let rules = pipeline::rules(profiles.as_deref())?;
        pipeline::check_rules(&rules, &settings.options)?;
        let opened = pipeline::opened(&settings.input)?;
        let look_up =
            |draft: &Draft<'_>| if settings.resolve { pipeline::look_up(draft, &settings.input) } else { Vec::new() };
        let ask = Ask {
            rules: &rules,
            options: &settings.options,
            style: settings.style,
            dockerfile: settings.dockerfile.as_deref(),
        };
        let given = &settings.input.given;
        let (files, report, edited, again) = pipeline::measure(&opened, given, &ask, look_up, |measured| {
            let planned = measured.plan.map_err(pipeline::plan_failure)?;
            let edits = planned.edits.as_ref();
            let edited = edits.map(|edits| text::edits_summary(edits, &planned.plan.actions)).unwrap_or_default();
            let again = settings.again(planned);
            Ok((files(&measured, planned, again.as_deref())?, measured.report(&rules), edited, again))
        })?;
        settings.folder.write(&files)?;
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let written = format!("wrote {} in {}", names.join(", "), settings.folder.path().display());
        let summary = text::plan_summary(&report, settings.look.style(&settings.input.text));
        let again = again.map_or_else(String::new, |command| format!("read again: {}\n", escape_str(&command)));
        print(&format!("{summary}\n{edited}{}\n{again}", escape_str(&written)))
    })
}

impl Settings {
    fn new(mut args: options::Plan) -> Result<Self> {
        let folder = Folder::new(args.output, args.force)?;
        let target = input::target(&args.source.target)?;
        // The Dockerfile that is edited is the one that is read.
        if target.context().is_some() && args.source.context.file.is_none() {
            args.source.context.file.clone_from(&args.dockerfile);
        }
        let dockerfile = match &args.dockerfile {
            Some(path) => {
                let stage = match target.context() {
                    Some(_) => args.source.context.target_stage.clone(),
                    None => args.source.context.target_stage.take(),
                };
                Some(Box::new(UserDockerfile::read(path, args.context.as_deref(), stage, args.skip.clone())?))
            }
            None => target.context().map(|folder| own_dockerfile(folder, &args.source, &args.skip)).transpose()?,
        };
        Ok(Self {
            input: Input::new(args.source, &args.asked)?.with_sources(),
            look: Look::new(&args.print, true),
            options: PlanOptions {
                accept: args.accept,
                skip: args.skip,
                base: args.base,
                original: args.original,
                own_dockerfile: dockerfile.is_some(),
                ledger: true,
            },
            style: match args.style {
                Style::Pip => emit::Style::Pip,
                Style::Uv => emit::Style::Uv,
                Style::Pylock => emit::Style::Pylock,
            },
            resolve: !args.no_resolve,
            dockerfile,
            folder,
        })
    }

    /// The command that reads the plan's folder again; none where the image cannot be read twice, or has no name for the
    /// build.
    fn again(&self, planned: &Planned) -> Option<String> {
        let (plan, target) = (&planned.plan, self.input.text.as_str());
        let original = emit::original_argument(plan);
        if planned.edits.is_some() || target == "-" || emit::base_argument(plan) == original {
            return None;
        }
        let mut words = vec![format!("context:{}", self.folder.path().display())];
        if plan.predicted.platform != host_platform() {
            words.extend(["--platform".to_owned(), plan.predicted.platform.clone()]);
        }
        let image = format!("{original}={target}");
        words.extend(["--image".to_owned(), image, "--sizes-from".to_owned(), target.to_owned()]);
        let words: Vec<String> = words.iter().map(|word| emit::shell_word(word)).collect();
        Some(format!("slimwright audit {}", words.join(" ")))
    }
}

/// The Dockerfile of a build context, which a plan for it edits.
fn own_dockerfile(folder: &Path, source: &Source, skip: &[String]) -> Result<Box<UserDockerfile>> {
    let stage = source.context.target_stage.clone();
    let Some(path) = context::dockerfile(folder, source.context.file.as_deref()) else {
        return Err(Failure::usage(anyhow::anyhow!("{}: there is no Dockerfile to edit", folder.display()))
            .hint("a plan for a build context is an edit of its Dockerfile; name it with --file"));
    };
    Ok(Box::new(UserDockerfile::read(&path, Some(folder), stage, skip.to_vec())?))
}

fn files(measured: &Measured<'_>, planned: &Planned, again: Option<&str>) -> Result<Vec<(String, String)>> {
    let Planned { plan, files, edits } = planned;
    let report = PlanReport::new(measured.image, plan)
        .with_heavy(&facts::heaviest(measured.facts, HEAVY))
        .with_libraries(&plan::libraries_after(measured.facts, plan))
        .with_edits(edits.as_ref())
        .with_again(again);
    let mut files = files.clone();
    if let Some(edits) = edits {
        files.insert(0, ("Dockerfile".to_owned(), edits.text.clone()));
        files.insert(1, ("Dockerfile.diff".to_owned(), edits.diff.clone()));
    }
    files.push(("REPORT.md".to_owned(), report_md::render(&report)));
    files.push(("plan.json".to_owned(), json(&report).map_err(Failure::measure)?));
    Ok(files)
}
