//! What is said of a Compose project: its services, what runs in them, and what is wrong.

use super::images::{self, ImagesReport};
use super::layout::{Tone, columns, fit, left, paint, wrap};
use super::needs::{self, NeedsReport};
use super::text::{Style, joined};
use crate::base::{Binary, Text, count, masked_arguments, masked_value, names};
use crate::compose::{Finding, Host, Level, Loaded, Service};
use crate::deploy::Needs;
use crate::workers::{self, Basis, Count, Lever, Start, Worker, Workers};
use crate::yaml::Spot;
use serde::Serialize;
use std::collections::BTreeMap;

/// Version of the JSON form.
pub const COMPOSE_SCHEMA: u32 = 1;

/// A project, as it is reported.
#[derive(Debug, Serialize)]
pub struct ComposeReport {
    /// Version of this form.
    pub schema_version: u32,
    /// The project's name.
    pub project: Text,
    /// The files that were read; those of the project first.
    pub files: Vec<Text>,
    /// How many of them are the project's own, and were not included or extended.
    pub own_files: usize,
    /// How many of them, the last ones, are rules of Prometheus.
    pub rule_files: usize,
    /// The host that services are held against.
    pub host: HostReport,
    /// Services by name.
    pub services: Vec<ServiceReport>,
    /// Findings, the worst first.
    pub findings: Vec<ComposeFinding>,
    /// The images of the services that run; null where they were not asked for.
    pub images: Option<ImagesReport>,
    /// How many findings there are of each level.
    pub counts: BTreeMap<&'static str, usize>,
    /// Commands that use the files that were written.
    #[serde(skip)]
    pub next: Vec<String>,
}

/// The host. Bytes; what is not known is null.
#[derive(Debug, Serialize)]
pub struct HostReport {
    /// Memory.
    pub memory: Option<u64>,
    /// Swap.
    pub swap: Option<u64>,
    /// Processors.
    pub cpus: Option<f64>,
    /// `v1` or `v2`.
    pub cgroup: Option<&'static str>,
    /// From where that is known.
    pub from: Text,
}

/// A service. Bytes; what the file does not say is null.
#[derive(Debug, Serialize)]
pub struct ServiceReport {
    /// Its name.
    pub name: Text,
    /// Where it stands.
    pub place: Spot,
    /// Whether it runs with the profiles that are on.
    pub active: bool,
    /// Its profiles.
    pub profiles: Vec<Text>,
    /// The image.
    pub image: Option<Text>,
    /// The build context, relative to this folder where it is below it.
    pub build: Option<Text>,
    /// The command of the file, as words.
    pub command: Option<Vec<Text>>,
    /// The entry point of the file, as words.
    pub entrypoint: Option<Vec<Text>>,
    /// The environment; secrets are masked. Null has no value.
    pub environment: BTreeMap<Text, Option<Text>>,
    /// Containers; null where each node has one.
    pub replicas: Option<i64>,
    /// The memory limit.
    pub memory_limit: Option<i64>,
    /// Memory and swap together; -1 is without end.
    pub memory_and_swap_limit: Option<i64>,
    /// The reservation.
    pub memory_reservation: Option<i64>,
    /// `mem_swappiness`.
    pub swappiness: Option<i64>,
    /// `shm_size`.
    pub shm_size: Option<i64>,
    /// Processors.
    pub cpus: Option<f64>,
    /// Processes.
    pub pids_limit: Option<i64>,
    /// What runs in it; nothing where that is not known.
    pub runs: Option<Vec<WorkerReport>>,
    /// What a measurement says of it; null without one.
    pub measured: Option<NeedsReport>,
}

/// A program that runs in a service.
#[derive(Debug, Serialize)]
pub struct WorkerReport {
    /// The program and its processes.
    #[serde(flatten)]
    pub worker: Worker,
    /// In words.
    #[serde(skip)]
    pub words: Text,
    /// What can make it take less memory.
    pub levers: Vec<&'static Lever>,
}

/// A finding.
#[derive(Clone, Debug, Serialize)]
pub struct ComposeFinding {
    /// Its kind, which `explain` knows.
    pub id: &'static str,
    /// `error`, `warning` or `note`.
    pub level: Level,
    /// The service.
    pub service: Option<Text>,
    /// Where.
    pub place: Option<Spot>,
    /// What is so.
    pub message: Text,
    /// What to do.
    pub advice: Option<Text>,
    /// The line, with a mark.
    #[serde(skip)]
    pub excerpt: Option<String>,
}

impl ComposeReport {
    /// Of a project, its services and their findings.
    pub fn new(
        loaded: &Loaded,
        services: &[Service],
        runs: &[Workers],
        host: &Host,
        from: &str,
        findings: Vec<Finding>,
        rule_files: usize,
    ) -> Self {
        let mut findings: Vec<ComposeFinding> =
            findings.into_iter().map(|finding| of_finding(loaded, finding)).collect();
        findings.sort_by(|one, other| (other.level, &one.place, one.id).cmp(&(one.level, &other.place, other.id)));
        findings.dedup_by(|one, other| (one.id, &one.place, &one.message) == (other.id, &other.place, &other.message));
        let mut counts = BTreeMap::from([("error", 0), ("warning", 0), ("note", 0)]);
        for finding in &findings {
            *counts.entry(finding.level.as_str()).or_default() += 1;
        }
        Self {
            schema_version: COMPOSE_SCHEMA,
            project: (&loaded.name).into(),
            files: loaded.files.names().map(Text::from).collect(),
            own_files: loaded.own,
            rule_files,
            host: HostReport {
                memory: host.memory,
                swap: host.swap,
                cpus: host.cpus,
                cgroup: host.cgroup.map(crate::compose::Cgroup::as_str),
                from: from.into(),
            },
            services: services.iter().zip(runs).map(|(service, runs)| of_service(loaded, service, runs)).collect(),
            findings,
            images: None,
            counts,
            next: Vec::new(),
        }
    }

    /// With what a measurement says of each service, in their order.
    pub fn measured(&mut self, needs: &[Needs]) {
        for (service, needs) in self.services.iter_mut().zip(needs) {
            let limit = service.memory_limit.and_then(|bytes| u64::try_from(bytes).ok());
            service.measured = Some(NeedsReport::new(needs, limit));
        }
    }

    /// The worst level that there is.
    pub fn worst(&self) -> Option<Level> {
        self.findings.iter().map(|finding| finding.level).max()
    }
}

fn of_finding(loaded: &Loaded, finding: Finding) -> ComposeFinding {
    ComposeFinding {
        id: finding.check.id(),
        level: finding.check.level(),
        service: finding.service.as_ref().map(Text::from),
        place: finding.place.map(|place| loaded.files.spot(place)),
        message: finding.message.into(),
        advice: finding.advice.map(Text::from),
        excerpt: finding.place.map(|place| loaded.files.excerpt(place).shown),
    }
}

fn of_service(loaded: &Loaded, service: &Service, runs: &Workers) -> ServiceReport {
    let resources = &service.resources;
    let words = |at: &Option<crate::compose::At<crate::compose::Words>>| {
        let words = &at.as_ref()?.value()?.words;
        Some(masked_arguments(words).into_iter().map(Text::from).collect())
    };
    let int = |at: &Option<crate::compose::At<i64>>| at.as_ref().and_then(|at| at.value().copied());
    let masked = |(name, value): (&String, &Option<String>)| {
        (Text::from(name), value.as_ref().map(|value| Text::from(masked_value(name, value))))
    };
    ServiceReport {
        name: (&service.name).into(),
        place: loaded.files.spot(service.place),
        active: !service.is_off,
        profiles: service.profiles.iter().map(Text::from).collect(),
        image: service.image.as_ref().map(Text::from),
        build: service.build.as_ref().map(|build| Text::from(here(&build.context))),
        command: words(&service.command),
        entrypoint: words(&service.entrypoint),
        environment: service.environment.iter().map(masked).collect(),
        replicas: service.replicas,
        memory_limit: resources.memory().map(|(bytes, _)| bytes),
        memory_and_swap_limit: resources.memory_and_swap().map(|(bytes, _)| bytes),
        memory_reservation: resources.reserved().map(|(bytes, _)| bytes),
        swappiness: int(&resources.swappiness),
        shm_size: int(&resources.shm),
        cpus: resources.processors().map(|(cpus, _)| cpus),
        pids_limit: int(&resources.deploy_pids).or(int(&resources.pids)),
        runs: match runs {
            Workers::Known(all) => Some(all.iter().map(worker_report).collect()),
            Workers::Unknown(_) | Workers::Nothing => None,
        },
        measured: None,
    }
}

fn worker_report(worker: &Worker) -> WorkerReport {
    let words = worker_words(worker).into();
    let mut worker = worker.clone();
    let escaped = |text: Option<String>| text.map(|text| Text::from(text).to_string());
    (worker.through, worker.config) = (escaped(worker.through), escaped(worker.config));
    worker.settings = escaped(worker.settings);
    if let Basis::File(file) = &worker.basis {
        worker.basis = Basis::File(Text::from(file).to_string());
    }
    WorkerReport { words, levers: workers::levers(&worker), worker }
}

/// `celery worker: 1 + 4 processes, forked after loading`
fn worker_words(worker: &Worker) -> String {
    let parent = if worker.others == 0 { String::new() } else { format!("{} + ", worker.others) };
    let is_made = matches!(worker.basis, Basis::File(_));
    let (number, plural) = match worker.processes {
        Count::Is(1) if worker.others == 0 => ("1".to_owned(), ""),
        Count::Is(number) => (number.to_string(), "es"),
        Count::HostCpus(Some(number)) if is_made => (format!("{number} (from the host's processors)"), "es"),
        Count::HostCpus(Some(number)) => (format!("{number} (the host's processors)"), "es"),
        Count::HostCpus(None) => ("as many as the host's processors".to_owned(), "es"),
        Count::NotKnown => ("?".to_owned(), "es"),
    };
    let start = match worker.start {
        Start::Fork => ", forked",
        Start::ForkAfterLoad => ", forked after loading",
        Start::Spawn => ", spawned",
        Start::Single => "",
    };
    let threads = worker
        .threads
        .filter(|threads| *threads > 1)
        .map_or(String::new(), |threads| format!(", {threads} threads each"));
    let basis = match &worker.basis {
        Basis::Option(_) => String::new(),
        Basis::Variable(name) | Basis::File(name) => format!(", by {name}"),
        Basis::Default => ", by default".to_owned(),
    };
    let through = worker.through.as_ref().map_or(String::new(), |script| format!(", if {script} runs it"));
    format!("{}: {parent}{number} process{plural}{start}{threads}{basis}{through}", worker.program)
}

/// A path from here, where it is below.
pub fn here(path: &str) -> String {
    let current = std::env::current_dir().unwrap_or_default();
    match std::path::Path::new(path).strip_prefix(&current) {
        Ok(rest) if rest.as_os_str().is_empty() => ".".to_owned(),
        Ok(rest) => rest.display().to_string(),
        Err(_) => path.to_owned(),
    }
}

/// The report as text.
pub fn render(report: &ComposeReport, style: Style<'_>) -> String {
    let style = Style { width: style.width.max(60), ..style };
    let mut lines = head(report, style);
    services(report, style, &mut lines);
    report.images.iter().for_each(|found| images::render(found, style, &mut lines));
    measured(report, style, &mut lines);
    findings(report, style, &mut lines);
    if !report.next.is_empty() {
        lines.push(String::new());
        lines.push(paint(style.color, Tone::Heading, "NEXT"));
        lines.extend(report.next.iter().map(|command| format!("  {}", crate::base::Text::from(command))));
    }
    joined(lines)
}

fn head(report: &ComposeReport, style: Style<'_>) -> Vec<String> {
    let own: Vec<&str> = report.files.iter().take(report.own_files).map(Text::as_str).collect();
    let more = report.files.len() - own.len() - report.rule_files;
    let more = if more == 0 { String::new() } else { format!(" and {} that they name", count(more, "file")) };
    let off = report.services.iter().filter(|service| !service.active).count();
    let off = if off == 0 { String::new() } else { format!(" ({off} off by profile)") };
    let services = count(report.services.len(), "service");
    let first = format!("{}{more}   project {} · {services}{off}", own.join(" + "), report.project);
    let mut lines: Vec<String> =
        wrap(&first, style.width).iter().map(|line| paint(style.color, Tone::Heading, line)).collect();
    let host = &report.host;
    let mut parts = Vec::new();
    parts.extend(host.memory.map(|memory| format!("{} of memory", Binary(memory))));
    parts.extend(
        host.swap.map(|swap| if swap == 0 { "no swap".to_owned() } else { format!("{} of swap", Binary(swap)) }),
    );
    parts.extend(host.cpus.map(|cpus| format!("{cpus} processors")));
    parts.extend(host.cgroup.map(|version| format!("cgroup {version}")));
    let known = if parts.is_empty() { "not known".to_owned() } else { parts.join(", ") };
    lines.extend(
        wrap(&format!("host ({}): {known}", host.from), style.width - 2).iter().map(|line| format!("  {line}")),
    );
    lines
}

fn measured(report: &ComposeReport, style: Style<'_>, lines: &mut Vec<String>) {
    let of = |service: &'_ ServiceReport| {
        let limit = service.memory_limit.and_then(|bytes| u64::try_from(bytes).ok());
        service.measured.as_ref().map(|_| (shown_name(service), limit))
    };
    let named: Vec<(String, Option<u64>)> = report.services.iter().filter_map(of).collect();
    let found = report.services.iter().filter_map(|service| service.measured.as_ref());
    let rows: Vec<(&str, Option<u64>, &NeedsReport)> =
        named.iter().zip(found).map(|((name, limit), needs)| (name.as_str(), *limit, needs)).collect();
    needs::render(&rows, style, lines);
}

fn services(report: &ComposeReport, style: Style<'_>, lines: &mut Vec<String>) {
    if report.services.is_empty() {
        return;
    }
    lines.push(String::new());
    lines.push(paint(style.color, Tone::Heading, "SERVICES"));
    let name_width =
        report.services.iter().map(|service| columns(&shown_name(service))).max().unwrap_or(0).clamp(4, 24);
    let head = format!("  {} {:>12} {:>12}  image", left("name", name_width), "limit", "with swap");
    lines.push(paint(style.color, Tone::Dim, &head));
    for service in &report.services {
        let limit = service.memory_limit.map_or("none".to_owned(), |bytes| Binary(bytes as u64).to_string());
        let limit = match service.replicas {
            Some(1) => limit,
            Some(replicas) => format!("{replicas} × {limit}"),
            None => format!("each {limit}"),
        };
        let swap = match (service.memory_limit, service.memory_and_swap_limit) {
            (None, _) => String::new(),
            (Some(limit), _) if report.host.swap == Some(0) => Binary(limit as u64).to_string(),
            (Some(_), Some(-1)) => "no end".to_owned(),
            (Some(_), Some(both)) => Binary(both.max(0) as u64).to_string(),
            (Some(limit), None) => Binary(2 * limit as u64).to_string(),
        };
        let image = match (&service.image, &service.build) {
            (Some(image), _) => image.to_string(),
            (None, Some(build)) => format!("built from {build}"),
            (None, None) => "none".to_owned(),
        };
        let row = format!("  {} {limit:>12} {swap:>12}  {image}", left(&shown_name(service), name_width));
        lines.push(fit(&row, style.width));
        for run in service.runs.iter().flatten() {
            let indent = format!("  {} ", " ".repeat(name_width));
            let wrapped = wrap(&run.words, style.width.saturating_sub(indent.len() + 2).max(30));
            let line = |(at, line): (usize, String)| format!("{indent}{}{line}", if at == 0 { "" } else { "  " });
            lines.extend(wrapped.into_iter().enumerate().map(line));
        }
    }
    if style.details {
        levers(report, style, lines);
    }
}

/// What can make the services take less memory, each lever once.
fn levers(report: &ComposeReport, style: Style<'_>, lines: &mut Vec<String>) {
    let mut all: BTreeMap<&str, (&Lever, Vec<String>)> = BTreeMap::new();
    for service in &report.services {
        for lever in service.runs.iter().flatten().flat_map(|run| &run.levers) {
            let (_, names) = all.entry(&lever.id).or_insert((lever, Vec::new()));
            if names.last() != Some(&service.name.to_string()) {
                names.push(service.name.to_string());
            }
        }
    }
    if all.is_empty() {
        return;
    }
    lines.push(String::new());
    lines.push(paint(style.color, Tone::Heading, "WHAT CAN MAKE THEM TAKE LESS"));
    for (lever, services) in all.values() {
        let mut say = |first: &str, text: &str| {
            for (at, line) in wrap(text, style.width - 4).into_iter().enumerate() {
                lines.push(format!("{}{line}", if at == 0 { first } else { "    " }));
            }
        };
        say("  ", &format!("{} ({})", lever.what, names(services, 5)));
        say("    ", &format!("measured: {}", lever.measured));
        say("    ", &format!("does nothing when {}", lever.nothing_when));
    }
}

fn shown_name(service: &ServiceReport) -> String {
    if service.active { service.name.to_string() } else { format!("({})", service.name) }
}

/// Services that are named where several have one finding.
const SERVICES: usize = 4;

/// Findings that say the same of several services, together; each by itself where all is shown.
fn groups<'f>(shown: &[&'f ComposeFinding], each: bool) -> Vec<Vec<&'f ComposeFinding>> {
    let mut out: Vec<Vec<&ComposeFinding>> = Vec::new();
    for finding in shown {
        let is_same = |group: &&mut Vec<&ComposeFinding>| {
            let first = group[0];
            !each
                && first.service.is_some()
                && finding.service.is_some()
                && (first.id, &first.message) == (finding.id, &finding.message)
        };
        match out.iter_mut().find(is_same) {
            Some(group) => group.push(finding),
            None => out.push(vec![finding]),
        }
    }
    out
}

fn findings(report: &ComposeReport, style: Style<'_>, lines: &mut Vec<String>) {
    lines.push(String::new());
    if report.findings.is_empty() {
        lines.push("nothing found".to_owned());
        return;
    }
    let shown: Vec<&ComposeFinding> =
        report.findings.iter().filter(|finding| style.details || finding.level > Level::Note).collect();
    let what: Vec<String> = ["error", "warning", "note"]
        .iter()
        .filter_map(|level| report.counts.get(level).filter(|number| **number > 0).map(|number| count(*number, level)))
        .collect();
    if !shown.is_empty() {
        lines.push(paint(style.color, Tone::Heading, "WHAT IS WRONG"));
    }
    for group in groups(&shown, style.details) {
        let finding = group[0];
        let tone = match finding.level {
            Level::Error => Tone::Error,
            Level::Warning => Tone::Warning,
            Level::Note => Tone::Dim,
        };
        let place = finding.place.as_ref().map_or(String::new(), |place| format!("{place}: "));
        let services: Vec<String> =
            group.iter().filter_map(|finding| finding.service.as_ref()).map(Text::to_string).collect();
        let service = if services.is_empty() { String::new() } else { format!("{}: ", names(&services, SERVICES)) };
        let text = format!("{place}{service}{} ({})", finding.message, finding.id);
        for (at, line) in wrap(&text, style.width - 11).into_iter().enumerate() {
            let level = if at == 0 { finding.level.as_str() } else { "" };
            lines.push(format!("  {} {line}", paint(style.color, tone, &left(level, 8))));
        }
        if style.details
            && let Some(excerpt) = &finding.excerpt
        {
            lines.extend(excerpt.lines().map(|line| fit(&format!("           {line}"), style.width)));
        }
        if let Some(advice) = &finding.advice {
            let wrapped = wrap(&format!("→ {advice}"), style.width - 11);
            lines.extend(wrapped.into_iter().map(|line| format!("           {line}")));
        }
    }
    let notes = report.counts.get("note").copied().unwrap_or(0);
    let hint = if notes > 0 && !style.details { "; --details shows the notes" } else { "" };
    lines.push(format!("{}{hint}; `slimwright explain ID` says why", what.join(", ")));
}
