//! Heavy imports with a known lighter way: where the application's source imports them, and when.
//!
//! Disk and memory are told apart, since neither follows from the other, and both with their basis: the distribution's bytes are
//! measured in this image, what it and the other one cost is of the rule's catalogue. Nothing is changed: the other one has another
//! interface.

use super::context::{Context, title};
use super::signs::{in_order, is_below, places};
use super::{Cost, Evidence, Finding, GlobSet, Rule};
use crate::base::{Binary, ByteSize, DistId, count};
use crate::python::UsedAt;
use crate::source::Kind;
use std::collections::BTreeSet;

/// Places that a finding shows.
const ROWS: usize = 8;

/// What a rule of this kind says beside its distributions.
pub(super) struct Heavy<'r> {
    pub(super) modules: &'r [String],
    pub(super) only: &'r GlobSet,
    pub(super) except: &'r GlobSet,
    pub(super) costs: &'r Cost,
    pub(super) lighter: &'r Cost,
}

/// One finding for each distribution that is installed and that the application imports.
pub(super) fn imports(context: &Context<'_>, rule: &Rule, names: &GlobSet, heavy: &Heavy<'_>) -> Vec<Finding> {
    let named = |used: &UsedAt<'_>| heavy.modules.iter().any(|module| is_below(&used.sign.name, module));
    let all: Vec<UsedAt<'_>> = context.facts.uses.in_application().filter(named).collect();
    let of = |kinds: &[Kind]| -> Vec<UsedAt<'_>> {
        in_order(all.iter().copied().filter(|used| kinds.contains(&used.sign.kind)))
    };
    let uses = of(&[Kind::Use]);
    let is = |globs: &GlobSet, used: &UsedAt<'_>| globs.matches(used.sign.name.as_bytes());
    let is_limited = !heavy.only.is_empty();
    if uses.iter().any(|used| is(heavy.except, used))
        || is_limited && (uses.is_empty() || !uses.iter().all(|used| is(heavy.only, used)))
    {
        return Vec::new();
    }
    let (early, late) = (of(&[Kind::Early]), of(&[Kind::Late]));
    // What was recorded by an earlier version does not tell when an import runs.
    let others = if early.is_empty() && late.is_empty() { of(&[Kind::Import, Kind::Use]) } else { Vec::new() };
    let places: Vec<UsedAt<'_>> = first_of_each(early.iter().chain(&late).chain(&others).copied());
    if places.is_empty() {
        return Vec::new();
    }
    let installed = context.distributions().filter(|(_, dist)| names.matches(dist.normalized.as_bytes()));
    installed.map(|(id, _)| finding(context, rule, id, heavy, &places)).collect()
}

/// Of each file the first place: when it is loaded before when it is needed.
fn first_of_each<'u>(uses: impl Iterator<Item = UsedAt<'u>>) -> Vec<UsedAt<'u>> {
    let mut seen = BTreeSet::new();
    uses.filter(|used| seen.insert(&used.file.location.path)).collect()
}

fn finding(context: &Context<'_>, rule: &Rule, id: DistId, heavy: &Heavy<'_>, all: &[UsedAt<'_>]) -> Finding {
    let dist = context.distribution(id);
    let number = |kind: Kind| all.iter().filter(|used| used.sign.kind == kind).count();
    let (early, late) = (number(Kind::Early), number(Kind::Late));
    let when = match (early, late) {
        (0, 0) => String::new(),
        (_, 0) => ", when loaded".to_owned(),
        (0, _) => ", when it is needed".to_owned(),
        _ => format!(", {early} of them when loaded"),
    };
    let (costs, lighter) = (heavy.costs, heavy.lighter);
    let message = format!(
        "{} ({}): {} of the application import{} it{when} ({}); lighter is {}: {} on disk in place of {}, {} of memory in place of {}",
        context.title(id),
        ByteSize(dist.bytes),
        count(all.len(), "file"),
        if all.len() == 1 { "s" } else { "" },
        places(all),
        lighter.name,
        ByteSize(lighter.disk),
        ByteSize(costs.disk),
        Binary(lighter.memory),
        Binary(costs.memory),
    );
    let row = |used: &UsedAt<'_>| Evidence { location: Some(used.file.location.clone()), bytes: 0, note: used.line() };
    let note = |note: String| Evidence { location: None, bytes: 0, note };
    let mut rows: Vec<Evidence> = all.iter().take(ROWS).map(row).collect();
    rows.push(note(format!("catalogue: {}", cost(costs))));
    rows.push(note(format!("catalogue: {}", cost(lighter))));
    rows.push(note(lazily(costs, early > 0, late > 0)));
    let installed =
        Evidence { location: context.place(id), bytes: dist.bytes, note: "installed here (measured)".into() };
    let mut finding =
        Finding::new(rule, context.subject(id), message, dist.bytes).with_evidence(vec![installed]).led_by(rows);
    finding.distributions = vec![id];
    finding
}

/// `tensorflow-cpu 2.21.0: 1.46 GB on disk with all that it requires; 579 MiB of memory by its import, 206 MiB of it each process's own; 7.17 s of processor time`
fn cost(cost: &Cost) -> String {
    format!(
        "{}: {} on disk with all that it requires; {} of memory by its import, {} of it each process's own; {:.2} s of processor time",
        title(&cost.name, &cost.version),
        ByteSize(cost.disk),
        Binary(cost.memory),
        Binary(cost.own),
        cost.seconds
    )
}

/// What an import within the function that needs it saves, and what it loses.
fn lazily(costs: &Cost, early: bool, late: bool) -> String {
    let own = Binary(costs.own);
    let shared = format!(
        "workers that are forked before it then share nothing of it: {own} for each that uses it, and {:.2} s at its first use",
        costs.seconds
    );
    match (early, late) {
        (true, _) => format!(
            "every process that loads the file pays, also one that never uses it; imported within the function that needs it, such a process pays nothing, but {shared}"
        ),
        (false, true) => format!("imported when it is needed: {shared}"),
        (false, false) => format!("not known is when the import runs; when it runs in a function, {shared}"),
    }
}
