//! From an input to facts, findings and a plan.

use super::failure::{Failure, Result};
use super::progress::Bar;
use super::settings::Input;
use crate::base::ImagePath;
use crate::fs::View;
use crate::image::Image;
use crate::image::{Progress as _, open};
use crate::plan::{self, Plan, PlanError, PlanOptions};
use crate::profile::{self, Rule};
use crate::python::AskedFor;
use crate::rules::Survey;
use crate::rules::{self, Facts, Finding};
use std::mem::ManuallyDrop;
use std::path::Path;

/// Reads the image. It is kept until the process ends.
pub fn image(input: &Input) -> Result<ManuallyDrop<Image>> {
    let bar = Bar::new(input.quiet);
    let image = open(&input.target, &input.options, &bar);
    bar.finish();
    image.map(ManuallyDrop::new).map_err(|error| {
        let hint = error.hint();
        let failure = Failure::measure(anyhow::Error::new(error));
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

/// Reads the rules.
pub fn rules(dir: Option<&Path>) -> Result<Vec<Rule>> {
    profile::load(dir).map_err(|error| {
        Failure::usage(anyhow::Error::new(error)).hint("`slimwright explain RULE` shows what a rule says")
    })
}

/// All that is known of an image, for as long as `then` looks at it.
pub struct Measured<'a> {
    /// The image.
    pub image: &'a Image,
    /// Its merged tree.
    pub view: &'a View<'a>,
    /// What was read of it.
    pub facts: &'a Facts<'a>,
    /// What the rules found.
    pub findings: &'a [Finding],
    /// The plan, or why there is none.
    pub plan: std::result::Result<&'a Plan, &'a PlanError>,
}

/// Measures the image, applies the rules, makes the plan.
pub fn measure<T>(
    image: &Image,
    given: &[AskedFor],
    rules: &[Rule],
    options: &PlanOptions,
    then: impl FnOnce(Measured<'_>) -> T,
) -> T {
    // The process ends soon: what was measured is not given back piece by piece, which takes its time.
    let view = ManuallyDrop::new(View::new(image));
    let survey = ManuallyDrop::new(Survey::new(&view, given));
    let facts = survey.facts(&view);
    let findings = ManuallyDrop::new(rules::evaluate(&facts, rules));
    let plan = ManuallyDrop::new(plan::make(&facts, &findings, rules, options));
    then(Measured { image, view: &view, facts: &facts, findings: &findings, plan: plan.as_ref() })
}

/// The interpreter of the environment that has most bytes.
pub fn interpreter(facts: &Facts<'_>) -> Option<String> {
    let mut bytes = vec![0u64; facts.python.environments.len()];
    for dist in &facts.python.distributions {
        bytes[dist.environment] += dist.bytes;
    }
    let largest = (0..bytes.len()).max_by_key(|&place| (bytes[place], std::cmp::Reverse(place)))?;
    let prefix = facts.python.environments[largest].prefix.as_bytes();
    let places = [prefix, b"usr/local", b"usr"]
        .into_iter()
        .flat_map(|prefix| ["python3", "python"].map(|name| [prefix, b"/bin/", name.as_bytes()].concat()));
    places.into_iter().find(|path| facts.view.resolve(path).is_some()).map(|path| ImagePath::new(&path).to_string())
}

/// Measures the image alone, without rules and without a plan.
pub fn survey<T>(image: &Image, given: &[AskedFor], then: impl FnOnce(&Facts<'_>) -> T) -> T {
    let view = ManuallyDrop::new(View::new(image));
    let survey = ManuallyDrop::new(Survey::new(&view, given));
    then(&survey.facts(&view))
}
