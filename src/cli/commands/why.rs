//! `slimwright why`: who brought a distribution or a package in, whose a file is, and who has a module.

use crate::base::{Text, did_you_mean};
use crate::cli::failure::{Failure, Result};
use crate::cli::input::{Input, Look};
use crate::cli::locate::{is_nothing, locate, looks_like_target};
use crate::cli::options::{self, Plain};
use crate::cli::output::print;
use crate::cli::pipeline;
use crate::facts::{self, Explained, Facts};
use crate::python::normalize_name;
use crate::report::{self, Answer, WhyReport, json};

/// Runs the command.
pub fn run(args: options::Why) -> Result<()> {
    let look = Look::new(&args.print, true);
    if looks_like_target(&args.package) && is_nothing(&args.source.target) {
        let (target, what) = (Text::from(&args.package), Text::from(&args.source.target));
        let error =
            anyhow::anyhow!("`{what}` is no image here or in the engine, and `{target}` is no name of a package");
        return Err(Failure::usage(error).hint(format!("the image comes first: slimwright why {target} {what}")));
    }
    let input = Input::new(locate(args.source)?, &args.asked)?;
    input.keeping_cache(|| {
        let image = pipeline::image(&input)?;
        let report = pipeline::survey(&image, &input.given, |facts| {
            let found = answer(facts, &args.package).ok_or_else(|| not_there(facts, &args.package))?;
            Ok(WhyReport::new(&image.name, image.basis, found))
        })?;
        match args.format {
            Plain::Json => print(&json(&report).map_err(Failure::measure)?),
            Plain::Text => print(&report::why(&report, look.color, look.width, look.details)),
        }
    })
}

/// What there is of a name.
pub fn answer(facts: &Facts<'_>, asked: &str) -> Option<Answer> {
    named(facts, asked).or_else(|| path(facts, asked)).or_else(|| module(facts, asked))
}

/// A distribution or package of that name.
fn named(facts: &Facts<'_>, name: &str) -> Option<Answer> {
    let distributions = facts::why(facts, &normalize_name(name));
    let packages = facts::why_package(facts, name);
    let is_there = !distributions.is_empty() || !packages.is_empty();
    is_there.then(|| Answer { distributions, packages, ..Answer::default() })
}

/// A file or folder, and whose it is.
fn path(facts: &Facts<'_>, text: &str) -> Option<Answer> {
    let path = facts::why_path(facts, text)?;
    let owner = path.owner.as_ref().and_then(|(_, name)| named(facts, name));
    Some(Answer { path: Some(path), ..owner.unwrap_or_default() })
}

/// A module, and the distributions that bring it.
fn module(facts: &Facts<'_>, module: &str) -> Option<Answer> {
    let bringing = facts::bringing(facts, module);
    let distributions: Vec<Explained> = bringing.iter().flat_map(|name| facts::why(facts, name)).collect();
    let module = (!distributions.is_empty()).then(|| Text::from(module))?;
    Some(Answer { module: Some(module), distributions, ..Answer::default() })
}

fn not_there(facts: &Facts<'_>, asked: &str) -> Failure {
    let name = normalize_name(asked);
    let what = if asked.contains('/') { "file or folder" } else { "distribution, package, module or file" };
    let failure = Failure::usage(anyhow::anyhow!("the image has no {what} `{}`", Text::from(asked)));
    if let Some(removed) = facts.python.removed.iter().find(|removed| removed.normalized == name) {
        let layer = removed.removed_by + 1;
        return failure.hint(format!("layer {layer} uninstalled it; its bytes are still in the layers below"));
    }
    let all = facts.python.distributions.iter().map(|dist| dist.normalized.as_str());
    let all = all.chain(facts.os.packages.iter().map(|package| package.name.as_str()));
    let hint = did_you_mean(&name, all).map(|hint| Text::from(&hint));
    failure.hint(hint.unwrap_or_else(|| "`slimwright audit TARGET --details` lists them".into()))
}
