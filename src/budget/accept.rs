//! Accepted findings: those that the user knows of, with a reason and a last day.

use super::config::Accept;
use super::snapshot::FindingSize;
use super::verdict::{Accepted, AcceptedState, Warning, WarningId};
use super::{Date, Snapshot};
use crate::base::Text;

/// What acceptances cover.
pub(super) struct Acceptances {
    /// Each of the configuration, in its order.
    pub(super) accepted: Vec<Accepted>,
    /// What to say of them.
    pub(super) warnings: Vec<Warning>,
    /// For each finding of the snapshot, whether it is covered and does not count.
    covered: Vec<bool>,
}

impl Acceptances {
    pub(super) fn new(snapshot: &Snapshot, accept: &[Accept], today: Date) -> Self {
        let mut out =
            Self { accepted: Vec::new(), warnings: Vec::new(), covered: vec![false; snapshot.findings.len()] };
        for accept in accept {
            out.add(snapshot, accept, today);
        }
        out
    }

    fn add(&mut self, snapshot: &Snapshot, accept: &Accept, today: Date) {
        let is_meant = |finding: &FindingSize| finding.rule == accept.rule && accept.subject.matches(&finding.subject);
        let meant: Vec<usize> = (0..snapshot.findings.len()).filter(|at| is_meant(&snapshot.findings[*at])).collect();
        let state = match accept.expires {
            Some(last) if today > last => AcceptedState::Expired,
            _ if meant.is_empty() => AcceptedState::Unused,
            _ => AcceptedState::Active,
        };
        let (rule, subject) = (Text::from(&accept.rule), Text::from(&accept.subject.text));
        let expires = accept.expires.map(|last| last.to_string().into());
        let warning = match state {
            AcceptedState::Active => None,
            AcceptedState::Expired => {
                let last = expires.clone().unwrap_or_default();
                Some((
                    WarningId::AcceptExpired,
                    format!("the acceptance of {rule} for {subject} ended on {last}: it no longer counts"),
                ))
            }
            AcceptedState::Unused => Some((
                WarningId::AcceptUnused,
                format!("the acceptance of {rule} for {subject} matches no finding: take it out"),
            )),
        };
        let location = Some(accept.place.clone());
        self.warnings.extend(warning.map(|(id, message)| Warning { id, message: message.into(), location }));
        if state == AcceptedState::Active {
            meant.iter().for_each(|at| self.covered[*at] = true);
        }
        self.accepted.push(Accepted {
            rule,
            subject,
            reason: Text::from(&accept.reason),
            expires,
            state,
            findings: meant.iter().map(|at| snapshot.findings[*at].subject.clone()).collect(),
            location: accept.place.clone(),
        });
    }

    /// The findings that count.
    pub(super) fn counted<'s>(&'s self, snapshot: &'s Snapshot) -> impl Iterator<Item = &'s FindingSize> {
        snapshot.findings.iter().zip(&self.covered).filter(|(_, covered)| !**covered).map(|(finding, _)| finding)
    }
}
