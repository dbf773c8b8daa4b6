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
mod glob;
mod gpu;
mod gpu_system;
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
pub use glob::{Glob, GlobSet, Walk};
pub use load::{EMBEDDED, ProfileError, embedded, load, parse};
pub use rule::{Detect, Installed, Replacement, Rule, Severity, Signs, Tier};
pub(crate) use signs::{in_order, kept_member, needed, places};
pub use subject::Subject;

use crate::base::{DistId, LayerIdx, Location, PackageId};
use crate::facts::Facts;
use context::Context;

/// Something a rule found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule's id.
    pub rule: String,
    /// The rule's severity.
    pub severity: Severity,
    /// The rule's tier, or a lower one where this image gives a reason to ask first.
    pub tier: Tier,
    /// What it is about, stable from run to run.
    pub subject: Subject,
    /// What was found, in one line, with the names and numbers of this image.
    pub message: String,
    /// Bytes that it concerns (`unpacked`, measured). Findings may overlap: never add them up.
    pub bytes: u64,
    /// The proof, largest first, at most 20 rows.
    pub evidence: Vec<Evidence>,
    /// Rows of evidence that were left out.
    pub more_evidence: usize,
    /// What speaks against following the rule in this image, in words, with places: the reason of a lower tier.
    pub doubts: Vec<String>,
    /// The distributions it concerns.
    pub distributions: Vec<DistId>,
    /// Of a family's members those that go.
    pub goes: Vec<DistId>,
    /// The OS packages it concerns, as positions in the OS inventory.
    pub os_packages: Vec<PackageId>,
    /// The layer it concerns, for findings about layers.
    pub layer: Option<LayerIdx>,
    /// Visible paths it concerns (`Paths` rules), sorted.
    pub paths: Vec<crate::base::ImagePath>,
}

/// One row of proof.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Where, if it is a place in the image.
    pub location: Option<Location>,
    /// Bytes there.
    pub bytes: u64,
    /// What about it.
    pub note: String,
}

/// Rows of evidence that a finding shows.
const EVIDENCE_ROWS: usize = 20;

impl Finding {
    /// A finding of a rule with nothing to show yet.
    fn new(rule: &Rule, subject: Subject, message: impl Into<String>, bytes: u64) -> Self {
        Self {
            rule: rule.id.clone(),
            severity: rule.severity,
            tier: rule.tier,
            subject,
            message: message.into(),
            bytes,
            evidence: Vec::new(),
            more_evidence: 0,
            doubts: Vec::new(),
            distributions: Vec::new(),
            goes: Vec::new(),
            os_packages: Vec::new(),
            layer: None,
            paths: Vec::new(),
        }
    }

    /// With its proof: the largest rows first, the rest counted.
    fn with_evidence(mut self, mut rows: Vec<Evidence>) -> Self {
        rows.sort_by_key(|row| std::cmp::Reverse(row.bytes));
        self.more_evidence = rows.len().saturating_sub(EVIDENCE_ROWS);
        rows.truncate(EVIDENCE_ROWS);
        self.evidence = rows;
        self
    }
}

impl Finding {
    /// With rows of proof before all others.
    fn led_by(mut self, rows: Vec<Evidence>) -> Self {
        self.evidence.splice(0..0, rows);
        self.more_evidence += self.evidence.len().saturating_sub(EVIDENCE_ROWS);
        self.evidence.truncate(EVIDENCE_ROWS);
        self
    }

    /// With something that speaks against the rule: it is not followed unasked.
    fn doubted(mut self, doubt: Option<String>) -> Self {
        if let Some(doubt) = doubt {
            self.doubts.push(doubt);
            self.tier = self.tier.min(Tier::Confirm);
        }
        self
    }
}

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
