//! What was measured of memory, and two measurements beside one another, for a terminal.

use super::layout::{Tone, fit, left, paint, wrap};
use super::needs::pool_words;
use super::text::{Style, joined};
use crate::base::{Binary, count};
use crate::memory::{Diff, Limit, Measured, Process, Record, Role, Series, Version, pools, time};

/// Processes that are shown of a target.
const MAX_PROCESSES: usize = 12;

/// The measurement as text.
pub fn render(record: &Record, style: Style<'_>) -> String {
    let style = Style { width: style.width.max(60), ..style };
    let mut lines = Vec::new();
    if let Some(host) = &record.host {
        let used = host
            .available
            .map_or("not known".to_owned(), |available| Binary(host.total.saturating_sub(available)).to_string());
        let swap = match host.swap_total {
            0 => "no swap".to_owned(),
            total => format!("swap {} of {}", Binary(total.saturating_sub(host.swap_free)), Binary(total)),
        };
        lines.push(format!("host: {used} of {} in use, {swap}", Binary(host.total)));
    }
    for measured in &record.targets {
        lines.push(String::new());
        target(measured, style, &mut lines);
    }
    joined(lines)
}

fn shown(bytes: Option<u64>) -> String {
    bytes.map_or("not read".to_owned(), |bytes| Binary(bytes).to_string())
}

fn target(measured: &Measured, style: Style<'_>, lines: &mut Vec<String>) {
    let charged = &measured.charged;
    let mut head = vec![measured.target.to_string()];
    head.extend(measured.cgroup.as_ref().map(|cgroup| match cgroup.version {
        Version::V1 => "cgroup v1".to_owned(),
        Version::V2 => "cgroup v2".to_owned(),
    }));
    head.extend(measured.image.as_deref().map(str::to_owned));
    head.extend(measured.age.map(|age| format!("up {}", time(age))));
    if measured.window.samples > 1 {
        head.push(format!("watched {}, {}", time(measured.window.seconds), count(measured.window.samples, "sample")));
    }
    let head = format!("{}   {}", measured.name, head.join(" · "));
    lines.extend(wrap(&head, style.width).iter().map(|line| paint(style.color, Tone::Heading, line)));
    let row = |name: &str, text: String| format!("  {} {text}", left(name, 16));
    if charged.usage.is_some() {
        let limit = match charged.limit {
            Some(Limit::Bytes(bytes)) => format!("limit {}", Binary(bytes)),
            Some(Limit::None) => "no limit".to_owned(),
            None => "limit not read".to_owned(),
        };
        let peak = charged.peak.map_or("peak not read".to_owned(), |peak| format!("peak {}", Binary(peak)));
        lines.push(row("charged", format!("{}   {peak}, {limit}", shown(charged.usage))));
        let parts = [("anonymous", charged.anon), ("shared memory", charged.shmem), ("kernel", charged.kernel)];
        for (name, bytes) in parts {
            lines.push(row(&format!("  {name}"), shown(bytes)));
        }
        let file = format!("{} active, {} inactive", shown(charged.file_active), shown(charged.file_inactive));
        lines.push(row("  page cache", file));
        lines.push(row("swap", shown(charged.swap)));
        lines.push(row("docker stats has", shown(charged.working_set())));
    }
    if let Some(ended) = &measured.ended {
        let code = ended.exit_code.map_or(String::new(), |code| format!(" with exit code {code}"));
        let killed = if measured.oom_killed == Some(true) { ": killed for memory" } else { "" };
        lines.push(row("ended", format!("{} after the first look{code}{killed}", time(ended.after))));
    }
    window(measured, &row, lines);
    trouble(measured, &row, lines);
    processes(measured, style, lines);
    workers(measured, style, lines);
    for unread in &measured.unread {
        let text = format!("not read: {}: {}", unread.what, unread.why.as_str());
        lines.extend(wrap(&text, style.width - 2).into_iter().map(|line| format!("  {line}")));
    }
}

fn window(measured: &Measured, row: &dyn Fn(&str, String) -> String, lines: &mut Vec<String>) {
    let window = &measured.window;
    if window.samples < 2 {
        return;
    }
    let series = |series: &Series| {
        format!(
            "{} to {}, {}, {}",
            Binary(series.least),
            Binary(series.most),
            Binary(series.median),
            Binary(series.p95)
        )
    };
    lines.push(row("over time", "least, most, median, p95".to_owned()));
    for (name, found) in [("  needed", &window.needed), ("  charged", &window.charged), ("  PSS, summed", &window.pss)]
    {
        if let Some(found) = found {
            lines.push(row(name, series(found)));
        }
    }
    if let Some(seconds) = window.cpu_seconds {
        lines.push(row("processors", format!("{seconds:.1} s of {:.0} s", window.seconds)));
    }
}

fn trouble(measured: &Measured, row: &dyn Fn(&str, String) -> String, lines: &mut Vec<String>) {
    let charged = &measured.charged;
    if let Some(kills) = charged.oom_kills.filter(|kills| *kills > 0) {
        let quiet = if measured.oom_killed == Some(false) {
            "; the engine says OOMKilled=false, since its first process lives"
        } else {
            ""
        };
        lines.push(row(
            "killed",
            format!("{} for memory{quiet}", count(kills as usize, "process").replace("processs", "processes")),
        ));
    }
    if let Some(hits) = charged.limit_hits.filter(|hits| *hits > 0) {
        lines.push(row("limit met", count(hits as usize, "time")));
    }
    if let (Some(some), Some(full)) = (charged.pressure_some, charged.pressure_full)
        && (some[1] > 0.0 || full[1] > 0.0)
    {
        lines.push(row("waiting", format!("some {} %, all {} % of the last minute", some[1], full[1])));
    }
}

fn processes(measured: &Measured, style: Style<'_>, lines: &mut Vec<String>) {
    if measured.processes.is_empty() {
        return;
    }
    let head = format!("  {:>8} {:>9} {:>9} {:>9} {:>9}  {:7} command", "pid", "PSS", "private", "swap", "RSS", "");
    lines.push(paint(style.color, Tone::Dim, &head));
    let mut sorted: Vec<&Process> = measured.processes.iter().collect();
    sorted.sort_by_key(|process| std::cmp::Reverse(process.pss.or(process.rss)));
    let cell = |bytes: Option<u64>| bytes.map_or("?".to_owned(), |bytes| Binary(bytes).to_string());
    for process in sorted.iter().take(MAX_PROCESSES) {
        let role = match process.role {
            Role::Alone => "",
            Role::Parent => "parent",
            Role::Worker => "worker",
        };
        let command = shown_command(&process.command);
        let row = format!(
            "  {:>8} {:>9} {:>9} {:>9} {:>9}  {role:7} {command}",
            process.pid,
            cell(process.pss),
            cell(process.private),
            cell(process.swap),
            cell(process.rss)
        );
        lines.push(fit(&row, style.width));
    }
    if sorted.len() > MAX_PROCESSES {
        lines.push(format!("  {:>8} more", sorted.len() - MAX_PROCESSES));
    }
    let sum = |figure: fn(&Process) -> Option<u64>| measured.processes.iter().map(figure).sum::<Option<u64>>();
    let (pss, private, rss) = (sum(|one| one.pss), sum(|one| one.private), sum(|one| one.rss));
    if sorted.len() > 1 {
        let row = format!("  {:>8} {:>9} {:>9} {:>9} {:>9}", "all", cell(pss), cell(private), "", cell(rss));
        lines.push(row);
        let text = match (rss, measured.charged.usage, pss) {
            (Some(rss), Some(usage), Some(pss)) if rss > usage => format!(
                "RSS summed ({}) is above what is charged ({}): it counts shared pages once for each process; PSS summed is {}",
                Binary(rss),
                Binary(usage),
                Binary(pss)
            ),
            (Some(rss), _, None) => format!(
                "what processes share could not be read: together they have at most {}, and at least {}",
                Binary(rss),
                shown(measured.processes.iter().filter_map(|one| one.rss).max())
            ),
            _ => return,
        };
        lines.extend(wrap(&text, style.width - 2).into_iter().map(|line| format!("  {line}")));
    }
}

/// The pools of workers: what each more would cost.
fn workers(measured: &Measured, style: Style<'_>, lines: &mut Vec<String>) {
    for pool in pools(&measured.processes) {
        let text = format!("{}; one more: {}", pool_words(&pool), Binary(pool.worker_private));
        lines.extend(wrap(&text, style.width - 2).into_iter().map(|line| format!("  {line}")));
    }
}

/// `celery -A tasks worker` of `/usr/bin/python3 /usr/local/bin/celery -A tasks worker`.
fn shown_command(words: &[crate::base::Text]) -> String {
    fn name(word: &str) -> &str {
        word.rsplit('/').next().unwrap_or(word)
    }
    let Some((first, rest)) = words.split_first() else { return String::new() };
    let is_python = name(first).starts_with("python");
    let mut shown: Vec<&str> = match rest.first() {
        Some(script) if is_python && !script.starts_with('-') => vec![name(script)],
        Some(script) => vec![name(first), script],
        None => vec![if first.starts_with('/') { name(first) } else { first }],
    };
    shown.extend(rest.iter().skip(1).map(crate::base::Text::as_str));
    shown.join(" ")
}

/// Two measurements as text.
pub fn diff(diff: &Diff, style: Style<'_>) -> String {
    let style = Style { width: style.width.max(60), ..style };
    let mut lines = Vec::new();
    if let Some([before, after]) = diff.host_used {
        lines.push(format!("host in use: {} → {} (total less available: one fact)", Binary(before), Binary(after)));
    }
    for pair in &diff.pairs {
        lines.push(String::new());
        lines.push(paint(style.color, Tone::Heading, &pair.name));
        for change in &pair.changes {
            let (Some(before), Some(after)) = (change.before, change.after) else {
                if change.before.is_some() || change.after.is_some() {
                    let row = format!(
                        "  {} {:>10} → {:>10}",
                        left(change.figure, 15),
                        shown(change.before),
                        shown(change.after)
                    );
                    lines.push(row);
                }
                continue;
            };
            let sign = if after < before { "−" } else { "+" };
            let name = if change.is_part { format!("  {}", change.figure) } else { change.figure.to_owned() };
            let by = if before == after { String::new() } else { format!("{sign}{}", Binary(before.abs_diff(after))) };
            let row = format!(
                "  {} {:>10} → {:>10}  {by}",
                left(&name, 15),
                Binary(before).to_string(),
                Binary(after).to_string()
            );
            lines.push(row);
        }
        for side in &pair.double_counted {
            let text = format!(
                "RSS summed counts shared pages once for each process ({side}: it is above what is charged): it says nothing of memory used"
            );
            lines.extend(wrap(&text, style.width - 2).into_iter().map(|line| format!("  {line}")));
        }
        for doubt in &pair.doubts {
            let text = crate::base::Text::from(&format!("! {doubt}"));
            let wrapped = wrap(&text, style.width - 4);
            lines.extend(
                wrapped
                    .into_iter()
                    .enumerate()
                    .map(|(at, line)| format!("{}{line}", if at == 0 { "  " } else { "    " })),
            );
        }
        let (tone, verdict) = match (pair.is_comparable, pair.is_saving) {
            (true, true) => (Tone::Saving, "like for like, and less"),
            (true, false) => (Tone::Dim, "like for like, and not less"),
            (false, _) => (Tone::Warning, "not like for like: no figure here is a saving"),
        };
        lines.push(format!("  {}", paint(style.color, tone, verdict)));
    }
    for (names, what) in [(&diff.gone, "only before"), (&diff.new, "only after")] {
        if !names.is_empty() {
            lines.push(format!("{what}: {}", crate::base::names(names, 10)));
        }
    }
    joined(lines)
}
