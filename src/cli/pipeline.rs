//! From an input to facts, findings and a plan.

use super::context;
use super::dockerfile::UserDockerfile;
use super::failure::{Failure, Result};
use super::input::Input;
use super::locate;
use super::options::Followed;
use super::progress::Bar;
use crate::base::{ImagePath, Text, count, did_you_mean, listed};
use crate::conda::{self, ChannelSettings, Channels, Refusal};
use crate::emit::Style;
use crate::emit::edit::{Edits, NAMES};
use crate::facts::Facts;
use crate::facts::Survey;
use crate::fs::View;
use crate::image::Image;
use crate::image::{Layers, Progress, Target, open, open_manifest, open_with_layers};
use crate::index::{self, Availability, ResolveError, Uv, Verdict};
use crate::plan::{self, AtHand, Draft, Intent, Plan, PlanError, PlanOptions};
use crate::programs::Strangers;
use crate::prove::{self, Files};
use crate::python::AskedFor;
use crate::report::{AuditReport, Offered, Offers, offered_choices};
use crate::rules::{self, Finding, Rule};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::Arc;

/// An image, and the world around it where it is a build context's.
pub struct Opened<'i> {
    /// The image. It is kept until the process ends.
    pub image: ManuallyDrop<Image>,
    world: Option<context::World<'i>>,
}

/// Reads the image.
pub fn opened(input: &Input) -> Result<Opened<'_>> {
    match &input.context {
        Some(context) => {
            let (image, world) = context::read(context, &input.options, input.quiet)?;
            Ok(Opened { image: ManuallyDrop::new(image), world: Some(world) })
        }
        None => Ok(Opened { image: image(input)?, world: None }),
    }
}

/// Reads the image. It is kept until the process ends.
pub fn image(input: &Input) -> Result<ManuallyDrop<Image>> {
    if input.context.is_some() {
        return opened(input).map(|opened| opened.image);
    }
    let bar = Bar::new(input.quiet);
    let image = with_layers(input, &bar);
    bar.finish();
    image.map(|(image, _)| image)
}

/// Reads an image that is no build context, with the way back to its bytes.
fn with_layers(input: &Input, progress: &dyn Progress) -> Result<(ManuallyDrop<Image>, Layers)> {
    let read = open_with_layers(&input.target, &input.options, progress);
    // What is read whole, or known from a plan before, has the sources of distributions even where nobody asked: the
    // answer must not depend on where the image is.
    let asked = input.options.limits.sources;
    let read = read.map(|(mut image, layers)| {
        image.layers.iter_mut().for_each(|layer| Arc::make_mut(layer).sources &= asked);
        (ManuallyDrop::new(image), layers)
    });
    read.map_err(|error| locate::not_found(&input.found, &input.text, error))
}

/// Reads the image, for somebody who may want bytes of it; a build context has none.
pub fn opened_with_layers<'i>(input: &'i Input, progress: &dyn Progress) -> Result<(Opened<'i>, Option<Layers>)> {
    if input.context.is_some() {
        return opened(input).map(|opened| (opened, None));
    }
    let (image, layers) = with_layers(input, progress)?;
    Ok((Opened { image, world: None }, Some(layers)))
}

/// Reads the rules.
pub fn rules(dir: Option<&Path>) -> Result<Vec<Rule>> {
    rules::load(dir).map_err(|error| {
        Failure::usage(anyhow::Error::new(error)).hint("`slimwright explain RULE` shows what a rule says")
    })
}

/// The same options with ids alone.
pub fn followed(rules: &[Rule], options: &Followed) -> Result<Followed> {
    let accept = rule_ids("accept", rules, &options.accept)?;
    Ok(Followed { accept, skip: rule_ids("skip", rules, &options.skip)? })
}

/// The ids of the rules that `--accept` or `--skip` name, by id or by the word that reports print: before a long
/// measurement, not after it.
fn rule_ids(option: &'static str, rules: &[Rule], names: &[String]) -> Result<Vec<String>> {
    let mut out = Vec::new();
    for name in names {
        let found = rules_named(rules, name);
        if found.is_empty() {
            let error = PlanError::UnknownRule { option, id: Text::from(name).into() };
            return Err(no_rule(anyhow::anyhow!("{error}"), name, rule_names(rules)));
        }
        out.extend(found.into_iter().map(|rule| rule.id.clone()));
    }
    Ok(out)
}

/// The rule of an id, or all rules of a label.
pub fn rules_named<'r>(rules: &'r [Rule], name: &str) -> Vec<&'r Rule> {
    let by = |test: &dyn Fn(&&Rule) -> bool| rules.iter().filter(test).collect::<Vec<_>>();
    let exactly = by(&|rule| rule.id == name);
    if exactly.is_empty() { by(&|rule| rule.label() == name) } else { exactly }
}

/// All that [`rules_named`] knows.
pub fn rule_names(rules: &[Rule]) -> impl Iterator<Item = &str> {
    rules.iter().flat_map(|rule| [rule.id.as_str(), rule.label()])
}

/// A name that is no rule's, with the one that may be meant.
pub fn no_rule<'k>(error: anyhow::Error, id: &str, known: impl IntoIterator<Item = &'k str>) -> Failure {
    let hint = did_you_mean(id, known);
    Failure::usage(error).hint(hint.unwrap_or_else(|| "`slimwright rules` lists them".to_owned()))
}

/// Why there is no plan.
pub fn plan_failure(error: &PlanError) -> Failure {
    let failure = Failure::usage(anyhow::anyhow!("{error}"));
    match error {
        PlanError::UnknownRule { .. } => failure.hint("`slimwright rules` lists them"),
        PlanError::WouldNotBuild(_) => Failure::measure(anyhow::anyhow!("{error}"))
            .hint("nothing is written; --skip RULE leaves out what a rule wants (`slimwright audit` names the rules)"),
        PlanError::UnknownBase(_) => failure.hint("name it with --base IMAGE, for example --base python:3.11-slim"),
    }
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
    /// The plan and its files, or why there is none.
    pub plan: std::result::Result<&'a Planned, &'a PlanError>,
    /// What it comes to with rules that wait, where that was asked for.
    pub offers: Option<Offers>,
}

impl Measured<'_> {
    /// The report, with the plan or why there is none.
    pub fn report(&self, rules: &[Rule]) -> AuditReport {
        let plan = self.plan.ok().map(|planned| &planned.plan);
        let report = AuditReport::new(self.image, self.view, self.facts, self.findings, rules, plan);
        let report = AuditReport { offers: self.offers.clone(), ..report };
        match self.plan {
            Ok(_) => report,
            Err(error) => report.without_plan(error),
        }
    }
}

/// A plan whose text was read again, and its files.
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Its files, as `(name, text)`; of a plan for the user's own Dockerfile without a Dockerfile.
    pub files: Files,
    /// The edits of the user's own Dockerfile.
    pub edits: Option<Edits>,
}

/// How a plan is made.
#[derive(Clone, Copy)]
pub struct Ask<'s> {
    /// The rules.
    pub rules: &'s [Rule],
    /// What the user chose.
    pub options: &'s PlanOptions,
    /// How the Dockerfile installs.
    pub style: Style,
    /// The Dockerfile to edit, if the plan is for one.
    pub dockerfile: Option<&'s UserDockerfile>,
    /// Who is asked, and of what.
    pub asks: Asks<'s>,
    /// Finds an image by the name of the base.
    pub find_base: Option<&'s FindBase<'s>>,
}

/// Who is asked of what a plan is to install.
#[derive(Clone, Copy)]
pub enum Asks<'s> {
    /// Nobody.
    Nobody,
    /// The package index, of what the plan puts in the place of something else.
    Choices(&'s Input),
    /// Package indexes and conda's channels, of all that is to be installed.
    All(&'s Input),
}

impl<'s> Asks<'s> {
    /// Of a build context the package index is asked anyway; of an image nobody is, unless the user wants a plan.
    pub fn of(input: &'s Input) -> Self {
        if input.context.is_some() { Asks::Choices(input) } else { Asks::Nobody }
    }
}

/// Finds an image by a base's name; none where nobody here has it.
pub type FindBase<'s> = dyn Fn(&str) -> Result<Option<AtHand>> + 's;

/// What was measured, before a plan is made.
pub struct Found<'a> {
    /// The image.
    pub image: &'a Image,
    /// The world around a build context.
    world: Option<&'a context::World<'a>>,
    /// What was read of it.
    pub facts: &'a Facts<'a>,
    /// What the rules found.
    pub findings: &'a [Finding],
}

/// Measures the image and applies the rules.
pub fn find<T>(opened: &Opened<'_>, given: &[AskedFor], rules: &[Rule], then: impl FnOnce(Found<'_>) -> T) -> T {
    // The process ends soon: what was measured is not given back piece by piece, which takes its time.
    let view = ManuallyDrop::new(View::new(&opened.image));
    let survey = ManuallyDrop::new(Survey::new(&view, given));
    let facts = survey.facts(&view);
    let findings = ManuallyDrop::new(rules::evaluate(&facts, rules));
    then(Found { image: &opened.image, world: opened.world.as_ref(), facts: &facts, findings: &findings })
}

impl Found<'_> {
    /// With a plan, or why there is none.
    pub fn measured<'m>(&'m self, plan: &'m std::result::Result<Planned, PlanError>) -> Measured<'m> {
        let (facts, findings) = (self.facts, self.findings);
        Measured { image: self.image, view: facts.view, facts, findings, plan: plan.as_ref(), offers: None }
    }

    /// What a plan comes to with the rules that it leaves to the user: a plan for each choice, as many as a page has. Not of a
    /// build context, whose plans ask package indexes.
    fn offers(&self, ask: &Ask<'_>, plan: &Plan) -> Result<Option<Offers>> {
        if self.world.is_some() {
            return Ok(None);
        }
        let rules = Offers::waiting(plan);
        let mut plans = Vec::new();
        for accepted in offered_choices(rules.len()) {
            if accepted.is_empty() {
                plans.push(Offered::new(accepted, plan));
                continue;
            }
            let accept = accepted.iter().map(|at| rules[*at].0.to_string()).collect();
            let options = PlanOptions { accept, ledger: false, ..ask.options.clone() };
            let made = ManuallyDrop::into_inner(self.plan(&Ask { options: &options, ..*ask })?);
            // What cannot be planned is not told, and so not computed.
            plans.extend(made.ok().map(|made| Offered::new(accepted, &made.plan)));
        }
        Ok(Some(Offers { rules, plans }))
    }

    /// Makes the plan.
    pub fn plan(&self, ask: &Ask<'_>) -> Result<ManuallyDrop<std::result::Result<Planned, PlanError>>> {
        let mut options = ask.options.clone();
        if let Some(find) = ask.find_base {
            let of_plan = || plan::base_for(self.facts, self.findings, ask.rules, &options);
            let name = options.base.clone().or_else(|| of_plan().map(|base| base.name));
            options.at_hand = name.map(|name| find(&name)).transpose()?.flatten().map(Arc::new);
        }
        let draft =
            Draft::new(self.facts, self.findings, ask.rules, &options).and_then(|draft| fitted(draft, ask.asks));
        let (draft, answers) = match (draft, ask.asks) {
            (Err(error), _) => return Ok(ManuallyDrop::new(Err(error))),
            (Ok(draft), Asks::Nobody | Asks::Choices(_)) => (draft, Vec::new()),
            (Ok(draft), Asks::All(input)) => match with_channels(draft, input) {
                Ok(draft) => {
                    let answers = look_up(&draft, input);
                    (draft, answers)
                }
                Err(error) => return Ok(ManuallyDrop::new(Err(error))),
            },
        };
        let intent = draft.intent(answers);
        let Some(dockerfile) = ask.dockerfile else {
            let (plan, files) = prove::emitted(intent, ask.style);
            return Ok(ManuallyDrop::new(builds(Planned { plan, files, edits: None })));
        };
        let told = self.world.map(context::World::take_told).unwrap_or_default();
        let attempt = |edits: &Edits| {
            let live = self.world.map(|world| world.live(&told));
            let (before, target_stage) = (dockerfile.text(), dockerfile.target_stage());
            prove::Attempt::new(&intent, &prove::Edited { before, edits, target_stage, live }, ask.style)
        };
        let mut edits = dockerfile.edits(intent.plan(), ask.rules, None)?;
        let mut made = attempt(&edits);
        if edits.change_installs
            && let Some(why) = in_the_way(&made, &intent)
        {
            edits = dockerfile.edits(intent.plan(), ask.rules, Some(why))?;
            made = attempt(&edits);
        }
        let (plan, mut files) = made.settle(intent);
        self.world.into_iter().for_each(context::World::finish);
        files.retain(|(name, _)| name != "Dockerfile");
        Ok(ManuallyDrop::new(builds(Planned { plan, files, edits: Some(edits) })))
    }
}

/// The plan, unless its own text would not build.
fn builds(planned: Planned) -> std::result::Result<Planned, PlanError> {
    match prove::would_not_build(&planned.plan.predicted) {
        Some(why) => Err(PlanError::WouldNotBuild(why.to_owned())),
        None => Ok(planned),
    }
}

/// Why edits of installs are taken back.
fn in_the_way(made: &prove::Attempt, intent: &Intent<'_>) -> Option<String> {
    if let Some(why) = made.would_not_build() {
        return Some(format!("with other installs it would not build: {}", Text::from(why)));
    }
    let back = made.comes_back(intent);
    let back: Vec<&str> = back.iter().map(String::as_str).collect();
    (!back.is_empty()).then(|| format!("another instruction would still install {}", Text::from(&listed(&back, NAMES))))
}

/// Audits what is named: measures it, and makes a plan, for which nobody is asked of an image. For a page what becomes of every
/// file is kept, and what the plan comes to with rules that wait.
pub fn audit<T>(
    input: &Input,
    rules: &[Rule],
    is_page: bool,
    then: impl FnOnce(Measured<'_>) -> Result<T>,
) -> Result<T> {
    let opened = opened(input)?;
    let dockerfile = UserDockerfile::of_input(input)?;
    let options = PlanOptions { own_dockerfile: dockerfile.is_some(), ledger: is_page, ..PlanOptions::default() };
    let ask = Ask {
        rules,
        options: &options,
        style: Style::default(),
        dockerfile: dockerfile.as_deref(),
        asks: Asks::of(input),
        find_base: None,
    };
    find(&opened, &input.given, rules, |found| {
        let plan = found.plan(&ask)?;
        let offers = match plan.as_ref().ok().filter(|_| is_page) {
            Some(planned) => found.offers(&ask, &planned.plan)?,
            None => None,
        };
        then(Measured { offers, ..found.measured(&plan) })
    })
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

/// Finds an image by the name of a plan's base: where the user says that it is, or in the same place as the original.
pub fn base_at_hand(input: &Input, name: &str, told: Option<&(String, Target)>) -> Result<Option<AtHand>> {
    let found = |image: Image, is_whole: bool, place: String| AtHand { name: name.to_owned(), image, is_whole, place };
    if let Some((_, target)) = told.filter(|(named, _)| named == name) {
        let image = open(target, &input.options, &()).map_err(|error| Failure::of(error.is_usage(), error))?;
        return Ok(Some(found(image, true, target.to_string())));
    }
    Ok(match &input.target {
        Target::Daemon(_) => {
            let image = open(&Target::Daemon(name.to_owned()), &input.options, &()).ok();
            image.map(|image| found(image, true, "the engine".to_owned()))
        }
        Target::Registry(_) => {
            let image = open_manifest(name, &input.options, &()).ok();
            image.map(|(image, is_whole)| found(image, is_whole, "its registry".to_owned()))
        }
        _ => None,
    })
}

/// A draft whose choices can be installed, as far as package indexes tell.
fn fitted<'a>(draft: Draft<'a>, asks: Asks<'_>) -> std::result::Result<Draft<'a>, PlanError> {
    let (input, all) = match asks {
        Asks::Nobody => return Ok(draft),
        Asks::Choices(input) => (input, false),
        Asks::All(input) => (input, true),
    };
    // Who asks for all pins says what is in the way.
    let uv = if draft.choices(all).is_empty() { None } else { uv_of(input).ok() };
    let Some(uv) = uv else { return Ok(draft) };
    draft.fitting(all, &mut |wanted, platform| {
        let bar = Bar::new(input.quiet);
        bar.start(&format!("asking package indexes for {} (uv {})", count(wanted.len(), "pin"), uv.version()), None);
        let found = index::look_up(&uv, wanted, platform, &wheel_options(input));
        bar.finish();
        found
    })
}

fn uv_of(input: &Input) -> std::result::Result<Uv, ResolveError> {
    let strangers = input.context.iter().fold(Strangers::here(), |known, context| known.and(&context.folder));
    Uv::find_outside(&strangers)
}

fn wheel_options(input: &Input) -> crate::wheel::Options {
    crate::wheel::Options::keeping(input.options.cache.clone())
}

/// Asks package indexes for the pins of a plan. Without an answer there is a note, and the plan is made all the same.
fn look_up(draft: &Draft<'_>, input: &Input) -> Vec<Availability> {
    let wanted = draft.wanted();
    if wanted.is_empty() {
        return Vec::new();
    }
    let bar = Bar::new(input.quiet);
    let Some(platform) = draft.platform() else {
        bar.note("nothing was looked up: the image does not tell its version of Python or its architecture");
        return Vec::new();
    };
    let uv = match uv_of(input) {
        Ok(uv) => uv,
        Err(error) => {
            bar.note(&format!(
                "{error}: whether the pins can still be installed was not looked up, figures are from the catalogue"
            ));
            return Vec::new();
        }
    };
    bar.start(&format!("asking package indexes for {} pins (uv {})", wanted.len(), uv.version()), None);
    let found = index::look_up(&uv, &wanted, &platform, &wheel_options(input));
    bar.finish();
    bar.note(&tally(&found, &uv));
    found
}

/// Asks channels of conda's for the builds that are to come.
fn with_channels<'a>(draft: Draft<'a>, input: &Input) -> std::result::Result<Draft<'a>, PlanError> {
    let questions = draft.questions();
    if questions.is_empty() {
        return Ok(draft);
    }
    let bar = Bar::new(input.quiet);
    bar.start("asking conda's channels", None);
    let settings = ChannelSettings::of_user();
    let answers = match Channels::new(wheel_options(input)) {
        Ok(channels) => questions.iter().map(|question| conda::ask(question, &settings, &channels)).collect(),
        Err(why) => vec![Err(Refusal::Unasked(why)); questions.len()],
    };
    bar.finish();
    draft.told(answers)
}

/// How many of each verdict, in one line.
fn tally(found: &[Availability], uv: &Uv) -> String {
    let count = |test: &dyn Fn(&Availability) -> bool| found.iter().filter(|answer| test(answer)).count();
    let is = |verdict: Verdict| count(&|answer| answer.verdict == verdict);
    let rows = [
        (is(Verdict::SourceOnly), "only as source"),
        (is(Verdict::NoWheel), "for another Python or platform only"),
        (is(Verdict::Gone), "gone"),
        (count(&|answer| answer.yanked.is_some()), "yanked"),
        (is(Verdict::Unknown), "not to be looked up"),
    ];
    let others: Vec<String> =
        rows.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let others = if others.is_empty() { String::new() } else { format!("; {}", others.join(", ")) };
    format!("{} of {} pins have a wheel (uv {}){others}", is(Verdict::Wheel), found.len(), uv.version())
}
