//! What a rule found, with its proof.

use super::{Rule, Severity, Subject, Tier};
use crate::base::{DistId, ImagePath, LayerIdx, Location, PackageId};

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
    pub paths: Vec<ImagePath>,
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
pub(super) const EVIDENCE_ROWS: usize = 20;

impl Finding {
    /// A finding of a rule with nothing to show yet.
    pub(super) fn new(rule: &Rule, subject: Subject, message: impl Into<String>, bytes: u64) -> Self {
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
    pub(super) fn with_evidence(mut self, mut rows: Vec<Evidence>) -> Self {
        rows.sort_by_key(|row| std::cmp::Reverse(row.bytes));
        self.more_evidence = rows.len().saturating_sub(EVIDENCE_ROWS);
        rows.truncate(EVIDENCE_ROWS);
        self.evidence = rows;
        self
    }
}

impl Finding {
    /// With rows of proof before all others.
    pub(super) fn led_by(mut self, rows: Vec<Evidence>) -> Self {
        self.evidence.splice(0..0, rows);
        self.more_evidence += self.evidence.len().saturating_sub(EVIDENCE_ROWS);
        self.evidence.truncate(EVIDENCE_ROWS);
        self
    }

    /// With something that speaks against the rule: it is not followed unasked.
    pub(super) fn doubted(mut self, doubt: Option<String>) -> Self {
        if let Some(doubt) = doubt {
            self.doubts.push(doubt);
            self.tier = self.tier.min(Tier::Confirm);
        }
        self
    }
}
