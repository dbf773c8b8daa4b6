//! `slimwright plan`: the files that build a smaller image, and the report with the proof.

use crate::base::Text;
use crate::cli::context::{self, image_target};
use crate::cli::dockerfile::UserDockerfile;
use crate::cli::failure::{Failure, Result};
use crate::cli::input::{self, Input, Look};
use crate::cli::locate::locate;
use crate::cli::options::{self, PlanFormat, Source, Style};
use crate::cli::output::{Folder, print};
use crate::cli::pipeline::{self, Ask, Asks, Found, Measured, Planned};
use crate::cli::progress::Bar;
use crate::emit;
use crate::facts;
use crate::image::Progress as _;
use crate::image::{Form, Local, Target, host_platform};
use crate::plan::{self, PlanOptions};
use crate::report::{self, AuditReport, PlanReport, json, report_md, text};
use crate::rules::Rule;
use std::path::{Path, PathBuf};

/// Of how many of the largest distributions a plan's report tells who brought them in.
const HEAVY: usize = 10;

struct Settings {
    input: Input,
    look: Look,
    options: PlanOptions,
    style: emit::Style,
    /// Whether to look pins up.
    resolve: bool,
    /// The base that is named, and where it is, if that is said.
    base: Option<(String, Target)>,
    /// The user's own Dockerfile, to be edited.
    dockerfile: Option<Box<UserDockerfile>>,
    folder: Folder,
    /// Where that Dockerfile is built.
    place: PathBuf,
    format: PlanFormat,
}

/// A plan, written down.
struct Made {
    /// The files of its folder.
    files: Vec<(String, String)>,
    /// All that is told of it.
    whole: PlanReport,
    report: AuditReport,
    /// What was edited.
    edited: String,
    /// The command that reads the folder again.
    again: Option<String>,
    /// The commands that build and verify.
    next: Vec<String>,
}

/// Runs the command.
pub fn run(mut args: options::Plan) -> Result<()> {
    let rules = pipeline::rules(args.profiles.profiles.as_deref())?;
    args.followed = pipeline::followed(&rules, &args.followed)?;
    let settings = Settings::new(args)?;
    settings.input.keeping_cache(|| {
        let opened = pipeline::opened(&settings.input)?;
        let made = pipeline::find(&opened, &settings.input.given, &rules, |found| settings.make(&found, &rules))?;
        let Made { files, whole, report, edited, again, next } = made;
        settings.folder.write(&files)?;
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        let written = format!("wrote {} in {}", names.join(", "), settings.folder.path().display());
        let whole = match settings.format {
            PlanFormat::Text => None,
            PlanFormat::Json => Some(json(&whole).map_err(Failure::measure)?),
            PlanFormat::Markdown => Some(report_md::render(&whole)),
            PlanFormat::Html => Some(report::html_plan(&whole)),
        };
        if let Some(whole) = whole {
            Bar::new(settings.input.quiet).note(&written);
            return print(&whole);
        }
        let summary = text::plan_summary(&report, settings.look.style(&settings.input));
        let next: String = next.iter().map(|command| format!("  {}\n", Text::from(command))).collect();
        let again = again.map_or_else(String::new, |command| {
            format!("The plan's folder, read again:\n  {}\n", Text::from(&command))
        });
        print(&format!("{summary}\n{edited}{}\n\nNEXT\n{next}{again}", Text::from(&written)))
    })
}

/// Writes what the command writes, of an image that was measured already; gives what it says of the size.
pub fn write(args: options::Plan, found: &Found<'_>, rules: &[Rule]) -> Result<String> {
    let settings = Settings::new(args)?;
    let made = settings.make(found, rules)?;
    settings.folder.write(&made.files)?;
    let (count, folder) = (made.files.len(), Text::of_path(settings.folder.path()));
    Ok(format!("wrote {count} files in {folder}: {}", made.whole.outcome()))
}

impl Settings {
    fn make(&self, found: &Found<'_>, rules: &[Rule]) -> Result<Made> {
        let find_base = |name: &str| pipeline::base_at_hand(&self.input, name, self.base.as_ref());
        let ask = Ask {
            rules,
            options: &self.options,
            style: self.style,
            dockerfile: self.dockerfile.as_deref(),
            asks: if self.resolve { Asks::All(&self.input) } else { Asks::Nobody },
            find_base: self.dockerfile.is_none().then_some(&find_base as &pipeline::FindBase<'_>),
        };
        let plan = found.plan(&ask)?;
        let measured = found.measured(&plan);
        let planned = measured.plan.map_err(pipeline::plan_failure)?;
        let edits = planned.edits.as_ref();
        let edited = edits.map(|edits| text::edits_summary(edits, &planned.plan.actions)).unwrap_or_default();
        let (again, next) = (self.again(planned), self.next(planned));
        let files = with_diff(planned);
        let whole = whole(&measured, planned, &self.options, &files, (again.as_deref(), &next));
        let files = with_reports(files, &whole)?;
        Ok(Made { files, whole, report: measured.report(rules), edited, again, next })
    }

    fn new(mut args: options::Plan) -> Result<Self> {
        let folder = Folder::new(args.output, args.force)?;
        args.source = locate(args.source)?;
        let target = input::target(&args.source.target)?;
        // The Dockerfile that is edited is the one that is read.
        if target.context().is_some() && args.source.context.file.is_none() {
            args.source.context.file.clone_from(&args.dockerfile);
        }
        let beside = args.dockerfile.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        let place = args.context.as_deref().or(target.context()).or(beside).unwrap_or(Path::new(".")).to_owned();
        let dockerfile = match &args.dockerfile {
            Some(path) => {
                let stage = match target.context() {
                    Some(_) => args.source.context.target_stage.clone(),
                    None => args.source.context.target_stage.take(),
                };
                Some(Box::new(UserDockerfile::read(path, args.context.as_deref(), stage, args.followed.skip.clone())?))
            }
            None => {
                target.context().map(|folder| own_dockerfile(folder, &args.source, &args.followed.skip)).transpose()?
            }
        };
        let base = args
            .base
            .as_deref()
            .and_then(|text| text.split_once('='))
            .map(|(name, text)| Ok::<_, Failure>((name.to_owned(), image_target("base", text)?)));
        let base = base.transpose()?;
        Ok(Self {
            input: Input::new(args.source, &args.asked)?.with_sources(),
            look: Look::new(&args.print, true),
            options: PlanOptions {
                accept: args.followed.accept,
                skip: args.followed.skip,
                base: base.as_ref().map(|(name, _)| name.clone()).or(args.base),
                at_hand: None,
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
            base,
            dockerfile,
            folder,
            place,
            format: args.format,
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
        Some(command("slimwright audit", words.iter().map(String::as_str)))
    }

    /// The commands that build the image, and compare it with the original.
    fn next(&self, planned: &Planned) -> Vec<String> {
        let (mut target, folder) = (self.input.text.clone(), self.folder.path().display().to_string());
        let name = emit::slim_name(&planned.plan.original);
        let mut out = Vec::new();
        if let Target::Local(Local { form: None | Some(Form::DockerArchive), path, .. }) = &self.input.target
            && path.is_file()
            && planned.edits.is_none()
        {
            out.push(command("docker load -i", [&*path.to_string_lossy()]));
            let original = emit::original_argument(&planned.plan);
            if original == planned.plan.original {
                // Images of an engine are run as well.
                target = format!("docker-daemon:{original}");
            }
        }
        match &planned.edits {
            None => out.push(command("docker build -t", [name.as_str(), &folder])),
            Some(edits) => {
                let place = self.place.display().to_string();
                let files: Vec<String> = edits.files.iter().map(|name| format!("{folder}/{name}")).collect();
                if !files.is_empty() {
                    out.push(command("cp -i", files.iter().map(String::as_str).chain([place.as_str()])));
                }
                let file = format!("{folder}/Dockerfile");
                out.push(command("docker build -t", [name.as_str(), "-f", &file, &place]));
            }
        }
        if self.input.target.context().is_none() && target != "-" {
            let after = format!("docker-daemon:{name}");
            out.push(command("slimwright verify", [target.as_str(), &after, "--plan", &folder]));
        }
        out
    }
}

/// A command that a shell can be given.
fn command<'w>(program: &str, words: impl IntoIterator<Item = &'w str>) -> String {
    words.into_iter().fold(program.to_owned(), |line, word| line + " " + &crate::base::shell_word(word))
}

/// The Dockerfile of a build context, which a plan for it edits.
fn own_dockerfile(folder: &Path, source: &Source, skip: &[String]) -> Result<Box<UserDockerfile>> {
    let stage = source.context.target_stage.clone();
    let Some(path) = context::dockerfile(folder, source.context.file.as_deref()) else {
        return Err(Failure::usage(anyhow::anyhow!(
            "{}: there is no Dockerfile to edit",
            crate::base::Text::of_path(folder)
        ))
        .hint("a plan for a build context is an edit of its Dockerfile; name it with --file"));
    };
    Ok(Box::new(UserDockerfile::read(&path, Some(folder), stage, skip.to_vec())?))
}

/// All that is told of a plan whose files are these.
fn whole(
    measured: &Measured<'_>,
    planned: &Planned,
    options: &PlanOptions,
    files: &[(String, String)],
    (again, next): (Option<&str>, &[String]),
) -> PlanReport {
    let Planned { plan, edits, .. } = planned;
    PlanReport::new(measured.image, plan)
        .with_files(options, files)
        .with_heavy(&facts::heaviest(measured.facts, HEAVY))
        .with_libraries(&plan::libraries_after(measured.facts, plan))
        .with_edits(edits.as_ref())
        .with_again(again)
        .with_next(next)
}

/// The files that build the image.
fn with_diff(planned: &Planned) -> Vec<(String, String)> {
    let Planned { files, edits, .. } = planned;
    let mut files = files.clone();
    if let Some(edits) = edits {
        files.insert(0, ("Dockerfile".to_owned(), edits.text.clone()));
        files.insert(1, ("Dockerfile.diff".to_owned(), edits.diff.clone()));
    }
    files
}

/// And those that tell of it.
fn with_reports(mut files: Vec<(String, String)>, report: &PlanReport) -> Result<Vec<(String, String)>> {
    files.push(("REPORT.md".to_owned(), report_md::render(report)));
    files.push(("plan.json".to_owned(), json(report).map_err(Failure::measure)?));
    Ok(files)
}
