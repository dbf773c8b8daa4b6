//! The images of a project's services: how large, what they share, and what could go.

use super::audit::{AuditReport, LayerReport};
use super::layout::{Tone, columns, fit, left, paint, wrap};
use super::text::Style;
use crate::base::{Basis, Binary, ByteSize, Digest, Text, count, names};
use crate::compose::Service;
use crate::rules::Tier;
use serde::Serialize;
use std::collections::BTreeMap;

/// Services that are named in one row.
const SERVICES: usize = 4;

/// The images of the services that run. Bytes (`unpacked`), those of memory apart.
#[derive(Debug, Serialize)]
pub struct ImagesReport {
    /// The images, each once, the largest first; then what was not read.
    pub images: Vec<ServiceImage>,
    /// All layers, those that several images have once: what they take on one disk.
    pub unpacked: u64,
    /// The images, each by itself.
    pub unpacked_each: u64,
    /// What is not shared: each container has its own memory.
    pub memory: MemoryOfAll,
}

/// The memory that all containers may take.
#[derive(Debug, Default, Serialize)]
pub struct MemoryOfAll {
    /// Containers; those of services that run on each node are not counted.
    pub containers: u64,
    /// The sum of the limits of those that have one, in bytes of memory.
    pub limits: u64,
    /// Containers without a limit.
    pub without_limit: u64,
}

/// An image, or why nothing is known of it.
#[derive(Clone, Debug, Serialize)]
pub struct ServiceImage {
    /// The services that run it.
    pub services: Vec<Text>,
    /// The target, as commands take it; null where there is none.
    pub target: Option<Text>,
    /// Why it was not read; null where it was.
    pub why_not: Option<Text>,
    /// What was found; null where it was not read.
    #[serde(flatten)]
    pub found: Option<FoundImage>,
}

/// What an audit found. Bytes (`unpacked`).
#[derive(Clone, Debug, Serialize)]
pub struct FoundImage {
    /// `measured`, or `predicted` from the build context.
    pub basis: Basis,
    /// All bytes of its layers.
    pub unpacked: u64,
    /// Of these, those in layers that no other image of the project has.
    pub own: u64,
    /// What a build context's image has beyond that and nobody can know.
    pub gaps: usize,
    /// What a plan would save; null where there is none.
    pub saving: Option<i64>,
    /// The largest part of what could go; null where nothing is found.
    pub heaviest: Option<HeaviestSaving>,
    /// The command that saves it.
    pub command: Option<Text>,
    /// Its layers: what makes a layer the same one in two images, and bytes.
    #[serde(skip)]
    pub layers: Vec<(String, u64)>,
}

/// The largest part of what could go.
#[derive(Clone, Debug, Serialize)]
pub struct HeaviestSaving {
    /// The rule, or a reason of the plan's own; `explain` knows it.
    pub rule: Text,
    /// `auto` where the plan does it, `confirm` where it asks first, `report-only` where it is for people.
    pub tier: Tier,
    /// What it is about.
    pub what: Text,
    /// Bytes (`unpacked`).
    pub bytes: u64,
}

impl FoundImage {
    /// What an audit says in short. `place` is the build context, where it is one's; `command` makes the one that saves: with a rule
    /// where that must be accepted.
    pub fn new(report: &AuditReport, place: &str, command: impl FnOnce(&HeaviestSaving) -> String) -> Self {
        let heaviest = heaviest(report);
        Self {
            basis: report.image.basis,
            unpacked: report.sizes.unpacked.bytes.0,
            own: 0,
            gaps: report.gaps.len() + usize::from(report.unknown_base.is_some()),
            saving: report.plan.as_ref().map(|plan| plan.saving),
            command: heaviest.as_ref().map(|saving| command(saving).into()),
            heaviest,
            layers: layers(report, place),
        }
    }

    /// Its layers and their bytes: one that it has twice is on disk once.
    fn each_layer(&self) -> BTreeMap<&String, u64> {
        self.layers.iter().map(|(key, bytes)| (key, *bytes)).collect()
    }
}

/// The layers, each with what tells whether another image has it too: its digest; of one that is not made yet the instructions of
/// this context down to it, and their bytes, as BuildKit takes a step from its cache.
fn layers(report: &AuditReport, place: &str) -> Vec<(String, u64)> {
    let mut chain = Digest::of(place.as_bytes());
    let of = |layer: &LayerReport| {
        let bytes = layer.unpacked.bytes.0;
        let step = layer.diff_id.as_ref().or(layer.instruction.as_ref()).map_or("", Text::as_str);
        chain = Digest::of(format!("{chain}\n{bytes} {step}").as_bytes());
        (layer.diff_id.as_ref().map_or_else(|| chain.to_string(), Text::to_string), bytes)
    };
    report.layers.iter().map(of).collect()
}

/// What a plan does by itself first, then what it would be told to do, then what is for people.
fn heaviest(report: &AuditReport) -> Option<HeaviestSaving> {
    let planned = report.plan.iter().flat_map(|plan| &plan.actions).map(|action| HeaviestSaving {
        rule: action.rule.clone(),
        tier: action.tier,
        what: action.title.clone(),
        bytes: action.removed.saturating_sub(action.added),
    });
    let asked = report.plan.iter().flat_map(|plan| &plan.skipped).filter(|skipped| skipped.tier == Some(Tier::Confirm));
    let asked = asked.map(|skipped| HeaviestSaving {
        rule: skipped.rule.clone(),
        tier: Tier::Confirm,
        what: skipped.subject.clone(),
        bytes: skipped.bytes,
    });
    let found = report.findings.iter().map(|finding| HeaviestSaving {
        rule: finding.rule.clone(),
        tier: Tier::ReportOnly,
        what: finding.message.clone(),
        bytes: finding.size.bytes.0,
    });
    let most = |all: Vec<HeaviestSaving>| {
        all.into_iter().filter(|saving| saving.bytes > 0).reduce(|a, b| if b.bytes > a.bytes { b } else { a })
    };
    most(planned.collect()).or_else(|| most(asked.collect())).or_else(|| most(found.collect()))
}

impl ImagesReport {
    /// Of images and the services that run; what they share is found here.
    pub fn new(mut images: Vec<ServiceImage>, services: &[Service]) -> Self {
        let mut users: BTreeMap<String, (u64, usize)> = BTreeMap::new();
        for image in images.iter().filter_map(|image| image.found.as_ref()) {
            for (key, bytes) in image.each_layer() {
                users.entry(key.clone()).or_insert((bytes, 0)).1 += 1;
            }
        }
        for image in images.iter_mut().filter_map(|image| image.found.as_mut()) {
            let is_own = |key: &String| users.get(key).is_some_and(|(_, images)| *images == 1);
            image.own = image.each_layer().into_iter().filter(|(key, _)| is_own(key)).map(|(_, bytes)| bytes).sum();
        }
        let size = |image: &ServiceImage| image.found.as_ref().map(|found| found.unpacked);
        images.sort_by(|one, other| size(other).cmp(&size(one)).then_with(|| one.services.cmp(&other.services)));
        Self {
            unpacked: users.values().map(|(bytes, _)| bytes).sum::<u64>(),
            unpacked_each: images.iter().filter_map(size).sum(),
            images,
            memory: MemoryOfAll::new(services),
        }
    }
}

impl MemoryOfAll {
    fn new(services: &[Service]) -> Self {
        let mut out = Self::default();
        for service in services.iter().filter(|service| !service.is_off) {
            let containers = service.replicas.and_then(|replicas| u64::try_from(replicas).ok()).unwrap_or(0);
            out.containers += containers;
            match service.resources.memory().and_then(|(bytes, _)| u64::try_from(bytes).ok()) {
                Some(limit) => out.limits = out.limits.saturating_add(limit.saturating_mul(containers)),
                None => out.without_limit += containers,
            }
        }
        out
    }

    fn words(&self) -> String {
        let with = self.containers - self.without_limit;
        let limits = match (with, self.without_limit) {
            (0, _) => "none has a limit".to_owned(),
            (_, 0) => format!("limits of {} together", Binary(self.limits)),
            (_, without) => format!("limits of {} together, {without} without one", Binary(self.limits)),
        };
        format!(
            "memory is not shared so: {}, {limits}",
            count(usize::try_from(self.containers).unwrap_or(0), "container")
        )
    }
}

/// The section of the report on a project.
pub fn render(report: &ImagesReport, style: Style<'_>, lines: &mut Vec<String>) {
    lines.push(String::new());
    lines.push(paint(style.color, Tone::Heading, "IMAGES"));
    let shown: Vec<String> = report
        .images
        .iter()
        .map(|image| names(&image.services.iter().map(Text::to_string).collect::<Vec<_>>(), SERVICES))
        .collect();
    let width = shown.iter().map(|name| columns(name)).max().unwrap_or(0).clamp(8, 30);
    let head = format!("  {} {:>10} {:>10} {:>10}  image", left("services", width), "unpacked", "its own", "can go");
    lines.push(paint(style.color, Tone::Dim, &head));
    let say = |indent: usize, text: &str, lines: &mut Vec<String>| {
        let wrapped = wrap(text, style.width - indent - 2).into_iter().enumerate();
        lines.extend(
            wrapped.map(|(at, line)| format!("{}{line}", " ".repeat(if at == 0 { indent } else { indent + 2 }))),
        );
    };
    for (image, services) in report.images.iter().zip(&shown) {
        let target = image.target.as_ref().map_or("", Text::as_str);
        let Some(found) = &image.found else {
            lines.push(fit(
                &format!("  {} {:>10} {:>10} {:>10}  {target}", left(services, width), "?", "", ""),
                style.width,
            ));
            say(4, &format!("not read: {}", image.why_not.as_ref().map_or("", Text::as_str)), lines);
            continue;
        };
        let bytes = |bytes: u64| ByteSize(bytes).to_string();
        let more = if found.gaps == 0 { "" } else { "+" };
        let saving = match found.saving {
            Some(saving) if saving > 0 => bytes(saving.unsigned_abs()),
            _ => "–".to_owned(),
        };
        let row = format!(
            "  {} {:>10} {:>10} {saving:>10}  {target}{}",
            left(services, width),
            format!("{}{more}", bytes(found.unpacked)),
            bytes(found.own),
            if found.basis == Basis::Predicted { " (predicted)" } else { "" }
        );
        lines.push(fit(&row, style.width));
        if let Some(saving) = &found.heaviest {
            say(4, &format!("most: {} ({}, {})", saving.what, bytes(saving.bytes), saving.rule), lines);
        }
        if let Some(command) = &found.command {
            lines.push(format!("    → {command}"));
        }
    }
    if report.images.iter().any(|image| image.found.is_some()) {
        let each = match report.unpacked_each {
            each if each == report.unpacked => String::new(),
            each => format!(", what they share once; {} if nothing were shared", ByteSize(each)),
        };
        let more = report.images.iter().any(|image| image.found.as_ref().is_some_and(|found| found.gaps > 0));
        let more = if more { "; + stands for what cannot be predicted" } else { "" };
        say(2, &format!("on disk all together: {}{each}{more}", ByteSize(report.unpacked)), lines);
        say(2, &report.memory.words(), lines);
    }
}
