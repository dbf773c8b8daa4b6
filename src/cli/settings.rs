//! From what was typed to what is meant: checked here, so that nothing is measured for a command line that
//! cannot work.

use super::args::{
    Args, Asked, Audit, AuditFormat, CacheAction, Color, Command, Plain, Plan, Print, Source, Style, Verify, Why,
};
use super::check::CheckSettings;
use super::context::{self, ContextInput};
use super::diff::DiffSettings;
use super::dockerfile::UserDockerfile;
use super::failure::{Failure, Result};
use super::given;
use super::output::{Destination, Folder};
use crate::base::{escape_path, parse_byte_size};
use crate::emit;
use crate::image::{CACHE_BYTES, Cache, OpenOptions, Target};
use crate::plan::PlanOptions;
use crate::python::AskedFor;
use clap_complete::Shell;
use std::io::IsTerminal as _;
use std::path::PathBuf;

/// What to do.
pub enum Settings {
    /// Report.
    Audit(AuditSettings),
    /// Write a plan.
    Plan(PlanSettings),
    /// Explain a distribution.
    Why(WhySettings),
    /// Compare two images.
    Verify(VerifySettings),
    /// Judge.
    Check(Box<CheckSettings>),
    /// Explain a difference.
    Diff(DiffSettings),
    /// Record an image.
    Index(Input, Destination, bool),
    /// Explain a rule of a folder's and the built-in ones.
    Explain(String, Option<PathBuf>),
    /// List them.
    Rules(Option<PathBuf>),
    /// Show or empty the cache.
    Cache(CacheAction, Cache),
    /// Write a shell's completion script.
    Completions(Shell),
    /// Write the man pages into a folder, or the first one to stdout.
    Man(Option<Folder>),
}

/// Which image, and how to read it.
pub struct Input {
    /// As it was typed.
    pub text: String,
    /// Which image.
    pub target: Target,
    /// How to read it.
    pub options: OpenOptions,
    /// What the user says is asked for.
    pub given: Vec<AskedFor>,
    /// Whether to keep stderr empty.
    pub quiet: bool,
    /// The build context, if that is the target.
    pub context: Option<ContextInput>,
}

/// How to print text.
#[derive(Clone, Copy)]
pub struct Look {
    /// Whether to colour.
    pub color: bool,
    /// Columns.
    pub width: usize,
    /// Whether to print everything.
    pub details: bool,
}

/// For `audit`.
pub struct AuditSettings {
    /// Which image.
    pub input: Input,
    /// A folder with rules.
    pub profiles: Option<PathBuf>,
    /// How to print.
    pub look: Look,
    /// What to write.
    pub format: AuditFormat,
    /// Where to.
    pub destination: Destination,
}

/// For `plan`.
pub struct PlanSettings {
    /// Which image.
    pub input: Input,
    /// A folder with rules.
    pub profiles: Option<PathBuf>,
    /// How to print.
    pub look: Look,
    /// What to follow.
    pub options: PlanOptions,
    /// How the Dockerfile installs.
    pub style: emit::Style,
    /// Whether to look pins up.
    pub resolve: bool,
    /// The user's own Dockerfile, to be edited.
    pub dockerfile: Option<Box<UserDockerfile>>,
    /// Where to.
    pub folder: Folder,
}

/// For `verify`.
pub struct VerifySettings {
    /// The original.
    pub before: Input,
    /// The rebuilt image.
    pub after: Input,
    /// The plan's folder.
    pub plan: Option<PathBuf>,
    /// Whether the images may be run.
    pub run: bool,
    /// Per cent.
    pub tolerance: f64,
    /// How to print.
    pub look: Look,
    /// What to write.
    pub format: Plain,
}

/// For `why`.
pub struct WhySettings {
    /// Which image.
    pub input: Input,
    /// The distribution, as it was typed.
    pub package: String,
    /// How to print.
    pub look: Look,
    /// What to write.
    pub format: Plain,
}

impl Settings {
    /// Checks the arguments.
    pub fn new(args: Args) -> Result<Self> {
        match args.command {
            Command::Audit(audit) => Ok(Self::Audit(audit_settings(audit)?)),
            Command::Plan(plan) => Ok(Self::Plan(plan_settings(plan)?)),
            Command::Index(index) => {
                let destination = Destination::new(Some(index.output), index.force)?;
                let none = Asked { requirements: Vec::new(), project: None };
                Ok(Self::Index(with_sources(input(index.source, &none)?), destination, index.env))
            }
            Command::Verify(verify) => Ok(Self::Verify(verify_settings(verify)?)),
            Command::Check(check) => Ok(Self::Check(Box::new(CheckSettings::new(*check)?))),
            Command::Diff(diff) => Ok(Self::Diff(DiffSettings::new(diff)?)),
            Command::Why(why) => Ok(Self::Why(why_settings(why)?)),
            Command::Explain(explain) => Ok(Self::Explain(explain.rule, explain.profiles.profiles)),
            Command::Rules(rules) => Ok(Self::Rules(rules.profiles.profiles)),
            Command::Cache(args) => match cache()? {
                Some(cache) => Ok(Self::Cache(args.action, cache)),
                None => Err(Failure::usage(anyhow::anyhow!("there is no folder for a cache")).hint(CACHE_HINT)),
            },
            Command::Completions(completions) => Ok(Self::Completions(completions.shell)),
            Command::Man(man) => Ok(Self::Man(man.output.map(|folder| Folder::new(folder, man.force)).transpose()?)),
        }
    }

    /// Which image, for what reads one.
    pub fn input(&self) -> Option<&Input> {
        match self {
            Self::Audit(settings) => Some(&settings.input),
            Self::Plan(settings) => Some(&settings.input),
            Self::Why(settings) => Some(&settings.input),
            Self::Verify(settings) => Some(&settings.before),
            Self::Check(settings) => Some(&settings.input),
            Self::Diff(settings) => Some(&settings.before),
            Self::Index(input, ..) => Some(input),
            _ => None,
        }
    }
}

const CACHE_HINT: &str = "set SLIMWRIGHT_CACHE_DIR, XDG_CACHE_HOME or HOME";

/// The user's cache; none where no folder for it is known.
fn cache() -> Result<Option<Cache>> {
    let most_bytes = match std::env::var("SLIMWRIGHT_CACHE_SIZE") {
        Ok(text) => {
            parse_byte_size(&text).map_err(|error| Failure::usage(anyhow::anyhow!("SLIMWRIGHT_CACHE_SIZE: {error}")))?.0
        }
        Err(_) => CACHE_BYTES,
    };
    Ok(Cache::of_user().map(|folder| Cache::new(folder, most_bytes)))
}

fn audit_settings(audit: Audit) -> Result<AuditSettings> {
    let destination = Destination::new(audit.output, audit.force)?;
    Ok(AuditSettings {
        input: input(audit.source, &audit.asked)?,
        profiles: audit.profiles.profiles,
        look: look(&audit.print, destination.is_stdout()),
        format: audit.format,
        destination,
    })
}

fn plan_settings(mut plan: Plan) -> Result<PlanSettings> {
    let folder = Folder::new(plan.output, plan.force)?;
    // The Dockerfile that is edited is the one that is read.
    if context::folder(&plan.source.target).is_some() && plan.source.context.file.is_none() {
        plan.source.context.file.clone_from(&plan.dockerfile);
    }
    let dockerfile = match &plan.dockerfile {
        Some(path) => {
            let stage = match context::folder(&plan.source.target) {
                Some(_) => plan.source.context.target_stage.clone(),
                None => plan.source.context.target_stage.take(),
            };
            Some(Box::new(UserDockerfile::read(path, plan.context.as_deref(), stage, plan.skip.clone())?))
        }
        None => context_dockerfile(&plan.source, &plan.skip)?,
    };
    Ok(PlanSettings {
        input: with_sources(input(plan.source, &plan.asked)?),
        profiles: plan.profiles.profiles,
        look: look(&plan.print, true),
        options: PlanOptions {
            accept: plan.accept,
            skip: plan.skip,
            base: plan.base,
            original: plan.original,
            own_dockerfile: dockerfile.is_some(),
            ledger: true,
        },
        style: match plan.style {
            Style::Pip => emit::Style::Pip,
            Style::Uv => emit::Style::Uv,
            Style::Pylock => emit::Style::Pylock,
        },
        resolve: !plan.no_resolve,
        dockerfile,
        folder,
    })
}

/// The Dockerfile of a build context, which a plan for it edits.
fn context_dockerfile(source: &Source, skip: &[String]) -> Result<Option<Box<UserDockerfile>>> {
    let Some(folder) = context::folder(&source.target) else { return Ok(None) };
    let stage = source.context.target_stage.clone();
    let Some(path) = context::dockerfile(&folder, source.context.file.as_deref()) else {
        return Err(Failure::usage(anyhow::anyhow!("{}: there is no Dockerfile to edit", folder.display()))
            .hint("a plan for a build context is an edit of its Dockerfile; name it with --file"));
    };
    Ok(Some(Box::new(UserDockerfile::read(&path, Some(&folder), stage, skip.to_vec())?)))
}

/// The Dockerfile of a build context that was read; none where it has none, or where the target is none.
pub(super) fn dockerfile_of(input: &Input) -> Result<Option<Box<UserDockerfile>>> {
    let Some(context) = &input.context else { return Ok(None) };
    let Some(path) = context::dockerfile(&context.folder, context.options.dockerfile.as_deref()) else {
        return Ok(None);
    };
    let stage = context.options.target_stage.clone();
    Ok(Some(Box::new(UserDockerfile::read(&path, Some(&context.folder), stage, Vec::new())?)))
}

fn verify_settings(verify: Verify) -> Result<VerifySettings> {
    let none = Asked { requirements: Vec::new(), project: None };
    let look = look(&verify.print, true);
    if !verify.tolerance.is_finite() || verify.tolerance < 0.0 {
        return Err(Failure::usage(anyhow::anyhow!("--tolerance {}: expected per cent, 0 or more", verify.tolerance)));
    }
    let after = Source { target: verify.after, ..verify.source.clone() };
    let (mut before, mut after) = pair((verify.source, after), &none)?;
    before.options.digests = !verify.sizes_only;
    after.options.digests = !verify.sizes_only;
    Ok(VerifySettings {
        before,
        after,
        tolerance: verify.tolerance,
        plan: verify.plan,
        run: !verify.no_run,
        look,
        format: verify.format,
    })
}

fn why_settings(why: Why) -> Result<WhySettings> {
    let look = look(&why.print, true);
    Ok(WhySettings { input: input(why.source, &why.asked)?, package: why.package, look, format: why.format })
}

pub(super) fn input(source: Source, asked: &Asked) -> Result<Input> {
    let context = context::input(&source, asked.project.is_some() || !asked.requirements.is_empty())?;
    let target = source.target.parse::<Target>().map_err(|error| {
        Failure::usage(anyhow::anyhow!("TARGET `{}`: {error}", source.target))
            .hint("write docker-daemon:NAME, docker://NAME, docker-archive:FILE, oci:DIR[:TAG], oci-archive:FILE, dir:FOLDER, index:FILE, context:DIR, a path or -")
    })?;
    let mut options = OpenOptions {
        platform: source.platform,
        verify: source.verify,
        cache: if source.no_cache { None } else { cache()? },
        insecure: source.insecure,
        ..OpenOptions::default()
    };
    if let Some(text) = source.max_unpacked {
        let size =
            parse_byte_size(&text).map_err(|error| Failure::usage(anyhow::anyhow!("--max-unpacked: {error}")))?;
        options.limits.unpacked = size.0;
    }
    options.limits.entries = source.max_entries.unwrap_or(options.limits.entries);
    let given = given::read(&asked.requirements, asked.project.as_deref())?;
    let target = if context.is_none() { followed(target, &options)? } else { target };
    Ok(Input { text: source.target, target, options, given, quiet: source.quiet, context })
}

/// What the target cannot do is said before anything is read.
fn followed(target: Target, options: &OpenOptions) -> Result<Target> {
    match target.unfollowed(options).first() {
        None => Ok(target),
        Some((option, why)) => {
            let error = anyhow::anyhow!("{}: {option} cannot be followed: {why}", escape_path(&target.path));
            Err(Failure::usage(error).hint(format!("leave {option} out")))
        }
    }
}

/// The inputs of two images. An option is for the one that can follow it, if the other cannot.
pub(super) fn pair((mut before, mut after): (Source, Source), asked: &Asked) -> Result<(Input, Input)> {
    let lacks = |source: &Source, option: &str| {
        let Ok(target) = source.target.parse::<Target>() else { return false };
        let options = OpenOptions {
            platform: source.platform.clone(),
            verify: source.verify,
            insecure: source.insecure,
            ..OpenOptions::default()
        };
        context::folder(&source.target).is_none()
            && target.unfollowed(&options).iter().any(|(lacked, _)| *lacked == option)
    };
    for option in ["--platform", "--verify", "--insecure"] {
        let leave_out = |source: &mut Source| match option {
            "--platform" => source.platform = None,
            "--verify" => source.verify = false,
            _ => source.insecure = false,
        };
        match (lacks(&before, option), lacks(&after, option)) {
            (true, false) => leave_out(&mut before),
            (false, true) => leave_out(&mut after),
            _ => {}
        }
    }
    Ok((input(before, asked)?, input(after, asked)?))
}

/// A plan asks who imports what; a recording serves plans.
fn with_sources(mut input: Input) -> Input {
    input.options.limits.sources = true;
    input
}

pub(super) fn look(print: &Print, to_stdout: bool) -> Look {
    let stdout = std::io::stdout();
    let terminal = to_stdout && stdout.is_terminal();
    let color = match print.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => to_stdout && anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never,
    };
    // Files and pipes get the same bytes everywhere.
    let columns = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let width = terminal.then(columns).flatten().map_or(80, |columns| columns.clamp(60, 100));
    Look { color, width, details: print.details }
}
