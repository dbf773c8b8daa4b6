//! Rules, and from facts and rules to findings with evidence.
//!
//! A rule is one TOML file, embedded from `profiles/` or of a folder that `--profiles DIR` names, which overrides by id. It
//! is read in one step into what is evaluated ([`Rule`]): globs are compiled, unknown keys and wrong values are errors with
//! file, line and column. A rule carries its own words, so `explain`, the list of rules, reports and plans need no other
//! place. Source of the format: TOML 1.0.
//!
//! One file a family of predicates; [`evaluate`] prepares once what several rules ask for (`Context`) and
//! walks the view once for all `paths` rules together and the entries once for all rules about layers. A
//! finding's subject holds no sizes and no order, so that two runs can be compared; its message holds the names
//! and numbers of this image. Every name that came from the image is escaped where it enters a text.

pub mod actions;
mod check;
mod context;
mod distributions;
mod duplicates;
mod explain;
mod files;
mod finding;
mod glob;
mod gpu;
mod gpu_system;
mod heavy;
mod idle;
mod layers;
mod libraries;
mod load;
mod packages;
mod read;
mod rule;
mod signs;
mod subject;
mod unused;

pub use explain::{explain, explain_own, list};
pub use finding::{Evidence, Finding};
pub use glob::{Glob, GlobSet, Walk};
pub use load::{EMBEDDED, ProfileError, embedded, load, parse};
pub use rule::{Cost, Detect, Installed, PathSet, Replacement, Rule, Severity, Signs, Tier};
pub(crate) use signs::{in_order, kept_member, needed, places};
pub use subject::Subject;

use crate::facts::Facts;
use context::Context;
use heavy::Heavy;

/// Applies all rules. Findings are sorted by severity and bytes (falling), then rule and subject.
pub fn evaluate(facts: &Facts<'_>, rules: &[Rule]) -> Vec<Finding> {
    let context = Context::new(facts, rules);
    let mut findings = files::paths(&context, rules);
    for rule in rules {
        match &rule.detect {
            Detect::DuplicateFamily { members, keep, needs } => {
                findings.extend(duplicates::family(&context, rule, members, keep, needs));
            }
            Detect::GpuBuild { distribution, when, replace, unless } => {
                findings.extend(gpu::builds(&context, rule, distribution, when, replace, unless));
            }
            Detect::UnusedDistributions { except } => findings.extend(unused::unused(&context, rule, except)),
            Detect::HeavyImport { distributions, modules, only, except, costs, lighter } => {
                findings.extend(heavy::imports(
                    &context,
                    rule,
                    distributions,
                    &Heavy { modules, only, except, costs, lighter },
                ));
            }
            Detect::Distributions { names } => findings.extend(distributions::not_needed(&context, rule, names)),
            Detect::BrokenDistribution {} => findings.extend(distributions::broken(&context, rule)),
            Detect::ContestedFiles {} => findings.extend(distributions::contested(&context, rule)),
            Detect::DeadBytes {} => findings.extend(layers::dead(&context, rule)),
            Detect::RewrittenBytes {} => findings.extend(layers::rewritten(&context, rule)),
            Detect::OsPackages { names, leave, of_base, least } => {
                findings.extend(packages::named(&context, rule, (names, leave), (*of_base, *least)));
            }
            Detect::GpuSystem { names, paths, unless, .. } => {
                findings.extend(gpu_system::packages(&context, rule, names, paths, unless));
            }
            Detect::CondaPackages { names, gpu_builds, unless, .. } => {
                findings.extend(packages::conda(&context, rule, (names, *gpu_builds), unless));
            }
            Detect::MissingLibraries {} => findings.extend(libraries::missing(&context, rule)),
            // With all paths, and with what the others found.
            Detect::Paths { .. } | Detect::IdleLibraries { .. } => {}
        }
    }
    doubt_system(&mut findings, rules);
    for rule in rules {
        if let Detect::IdleLibraries { names } = &rule.detect {
            findings.extend(idle::packages(&context, rule, names, (&findings, rules)));
        }
    }
    findings.sort_by(|a, b| {
        let rank = |finding: &Finding| std::cmp::Reverse((finding.severity, finding.bytes));
        let name = |finding: &Finding| finding.subject.to_string();
        (rank(a), &a.rule, name(a), &a.message).cmp(&(rank(b), &b.rule, name(b), &b.message))
    });
    findings
}

/// Whether a name or a relative path matches a glob. A pattern that is no glob matches nothing.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let pattern = std::str::from_utf8(pattern).unwrap_or_default();
    Glob::new(pattern).is_ok_and(|glob| glob.matches(text))
}

/// Where a distribution is a GPU build, the system's packages for GPUs may serve it.
fn doubt_system(findings: &mut [Finding], rules: &[Rule]) {
    let kind = |finding: &Finding| rules.iter().find(|rule| rule.id == finding.rule).map(|rule| &rule.detect);
    let is_build = |finding: &&Finding| matches!(kind(finding), Some(Detect::GpuBuild { .. }));
    let Some(build) = findings.iter().find(is_build).map(|finding| finding.subject.to_string()) else { return };
    for finding in findings.iter_mut() {
        let is_system = matches!(
            rules.iter().find(|rule| rule.id == finding.rule).map(|rule| &rule.detect),
            Some(Detect::GpuSystem { .. })
        );
        if is_system {
            *finding = finding.clone().doubted(Some(format!("{build} is a GPU build")));
        }
    }
}
