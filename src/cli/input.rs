//! Which image, and how to read and print it: from what was typed to what is meant.

use super::context::{self, ContextInput};
use super::failure::{Failure, Result};
use super::given;
use super::options::{Asked, Color, Found, Print, Source};
use super::progress::Bar;
use crate::base::{Text, parse_byte_size};
use crate::image::{CACHE_BYTES, Cache, OpenOptions, Progress as _, TARGETS, Target};
use crate::python::AskedFor;
use crate::report::text::Style;
use std::io::IsTerminal as _;

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
    /// Where the target was found, if it was named without its kind.
    pub found: Found,
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

/// The user's cache; none where no folder for it is known.
pub(super) fn cache() -> Result<Option<Cache>> {
    let most_bytes = match std::env::var("SLIMWRIGHT_CACHE_SIZE") {
        Ok(text) => {
            parse_byte_size(&text).map_err(|error| Failure::usage(anyhow::anyhow!("SLIMWRIGHT_CACHE_SIZE: {error}")))?.0
        }
        Err(_) => CACHE_BYTES,
    };
    Ok(Cache::of_user().map(|folder| Cache::new(folder, most_bytes)))
}

impl Input {
    /// Checks the arguments, and reads the files that say what is asked for.
    pub fn new(source: Source, asked: &Asked) -> Result<Self> {
        let target = target(&source.target)?;
        let context = context::input(&source, &target, asked.project.is_some() || !asked.requirements.is_empty())?;
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
        let target = followed(target, &options)?;
        Ok(Self { text: source.target, target, options, given, quiet: source.quiet, context, found: source.found })
    }

    /// A plan asks who imports what; a recording serves plans.
    pub fn with_sources(mut self) -> Self {
        self.options.limits.sources = true;
        self
    }

    /// Does what is to be done with the image. What it leaves in the cache is written, however it ends.
    pub fn keeping_cache<T>(&self, run: impl FnOnce() -> Result<T>) -> Result<T> {
        let outcome = run();
        if let Some(Err(error)) = self.options.cache.as_ref().map(Cache::flush) {
            Bar::new(self.quiet).note(&format!("the cache could not be written: {error}"));
        }
        outcome
    }
}

impl Look {
    /// For a file.
    pub fn plain(self) -> Self {
        Self { color: false, width: 80, ..self }
    }

    /// For text about a target.
    pub fn style<'t>(&self, input: &'t Input) -> Style<'t> {
        let (target, found) = (&input.text, &input.found.origin);
        Style { color: self.color, width: self.width, details: self.details, target, found }
    }

    /// For text that is not about a target.
    pub fn plain_style(&self) -> Style<'static> {
        Style { color: self.color, width: self.width, details: self.details, ..Style::default() }
    }

    /// For text that goes to stdout, or not.
    pub fn new(print: &Print, to_stdout: bool) -> Self {
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
        Self { color, width, details: print.details }
    }
}

/// Which image a text means.
pub(super) fn target(text: &str) -> Result<Target> {
    text.parse().map_err(|error| {
        let hint = match text.strip_prefix("docker:").map(|name| Text::from(name.trim_matches('/'))) {
            Some(name) if !name.is_empty() => {
                format!("did you mean `docker-daemon:{name}` (an engine's image) or `docker://{name}` (a registry's)?")
            }
            _ => format!("write {TARGETS}"),
        };
        Failure::usage(anyhow::anyhow!("TARGET `{text}`: {error}")).hint(hint)
    })
}

/// What the target cannot do is said before anything is read.
fn followed(target: Target, options: &OpenOptions) -> Result<Target> {
    match target.unfollowed(options).first() {
        None => Ok(target),
        Some((option, why)) => {
            let error = anyhow::anyhow!("{}: {option} cannot be followed: {why}", Text::of(&target));
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
        target.unfollowed(&options).iter().any(|(lacked, _)| *lacked == option)
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
    Ok((Input::new(before, asked)?, Input::new(after, asked)?))
}
