//! `slimwright why`: who brought a distribution or a package in.

use crate::base::{did_you_mean, escape_str};
use crate::cli::failure::{Failure, Result};
use crate::cli::input::{Input, Look};
use crate::cli::options::{self, Plain};
use crate::cli::output::print;
use crate::cli::pipeline;
use crate::facts::{self, Facts};
use crate::python::normalize_name;
use crate::report::{self, WhyReport, json};

/// Runs the command.
pub fn run(args: options::Why) -> Result<()> {
    let look = Look::new(&args.print, true);
    let input = Input::new(args.source, &args.asked)?;
    input.keeping_cache(|| {
        let name = normalize_name(&args.package);
        let image = pipeline::image(&input)?;
        let report = pipeline::survey(&image, &input.given, |facts| {
            let (found, packages) = (facts::why(facts, &name), facts::why_package(facts, &args.package));
            match found.is_empty() && packages.is_empty() {
                true => Err(not_installed(facts, &args.package, &name)),
                false => Ok(WhyReport::new(&image.name, image.basis, found, packages)),
            }
        })?;
        match args.format {
            Plain::Json => print(&json(&report).map_err(Failure::measure)?),
            Plain::Text => print(&report::why(&report, look.color, look.width, look.details)),
        }
    })
}

fn not_installed(facts: &Facts<'_>, package: &str, name: &str) -> Failure {
    let failure =
        Failure::usage(anyhow::anyhow!("no distribution or package of the image is named `{}`", escape_str(package)));
    if let Some(removed) = facts.python.removed.iter().find(|removed| removed.normalized == name) {
        let layer = removed.removed_by + 1;
        return failure.hint(format!("layer {layer} uninstalled it; its bytes are still in the layers below"));
    }
    let all = facts.python.distributions.iter().map(|dist| dist.normalized.as_str());
    let hint = did_you_mean(name, all).map(|hint| escape_str(&hint));
    failure.hint(hint.unwrap_or_else(|| "`slimwright audit TARGET --details` lists them".to_owned()))
}
