//! What services and their workers need by a measurement, for a terminal and as JSON.

use super::layout::{Tone, paint, wrap};
use super::text::Style;
use crate::base::{Binary, Text, count};
use crate::deploy::Needs;
use crate::memory::{Pool, time};
use serde::Serialize;

/// What a measurement says of a service. Bytes.
#[derive(Clone, Debug, Serialize)]
pub struct NeedsReport {
    /// The limit that follows; null where none does.
    pub proposed_limit: Option<u64>,
    /// The most that one container had: of the working set, or of anonymous and shared memory and swap.
    pub peak: Option<u64>,
    /// Seconds of watching.
    pub seconds: Option<f64>,
    /// Processes that were killed for memory meanwhile.
    pub kills: Option<u64>,
    /// Why no limit follows.
    pub why_none: Option<Text>,
    /// Its workers; null where it has no pool of them, or what processes share could not be read.
    pub workers: Option<WorkersReport>,
}

/// What workers need: `shared + parent_private + n × worker_private`. Bytes.
#[derive(Clone, Debug, Serialize)]
pub struct WorkersReport {
    /// The pool as it was measured.
    #[serde(flatten)]
    pub pool: Pool,
    /// What it needed.
    pub needs: u64,
    /// How many workers the file says.
    pub told: Option<u64>,
    /// What these need.
    pub needs_told: Option<u64>,
    /// How many fit into the limit of the file.
    pub fits: Option<u64>,
}

impl NeedsReport {
    /// Of what is known, and the limit of the file.
    pub fn new(needs: &Needs, limit: Option<u64>) -> Self {
        let proposed = needs.limit.as_ref().ok();
        let workers = needs.pool.as_ref().map(|pool| WorkersReport {
            pool: pool.clone(),
            needs: pool.needs(pool.workers.len() as u64),
            told: needs.told,
            needs_told: needs.told.map(|told| pool.needs(told)),
            fits: limit.map(|limit| pool.fits(limit)),
        });
        Self {
            proposed_limit: proposed.map(|one| one.bytes),
            peak: proposed.map(|one| one.peak),
            seconds: proposed.map(|one| one.seconds),
            kills: proposed.map(|one| one.kills),
            why_none: needs.limit.as_ref().err().map(|why| Text::from(why.to_string())),
            workers,
        }
    }
}

/// `4 workers: parent 25 MiB, shared 95 MiB, 4 × 29 MiB: 237 MiB (RSS summed: 820 MiB)`
pub fn pool_words(pool: &Pool) -> String {
    let workers = pool.workers.len() as u64;
    format!(
        "{}: parent {}, shared {}, {workers} × {}: {} (RSS summed: {})",
        count(pool.workers.len(), "worker"),
        Binary(pool.parent_private),
        Binary(pool.shared),
        Binary(pool.worker_private),
        Binary(pool.needs(workers)),
        Binary(pool.rss)
    )
}

/// The section of the report on a project: name, limit of the file and what is known of each service.
pub fn render(rows: &[(&str, Option<u64>, &NeedsReport)], style: Style<'_>, lines: &mut Vec<String>) {
    if rows.is_empty() {
        return;
    }
    lines.push(String::new());
    lines.push(paint(style.color, Tone::Heading, "WHAT WAS MEASURED"));
    for (name, limit, needs) in rows {
        let now = limit.map_or("no limit".to_owned(), |bytes| format!("limit {}", Binary(bytes)));
        let text = match (needs.proposed_limit, needs.peak, &needs.why_none) {
            (Some(proposed), Some(peak), _) => {
                let watched = needs.seconds.map_or(String::new(), |seconds| format!(" in {}", time(seconds)));
                let killed = match needs.kills {
                    Some(kills) if kills > 0 => format!(", {kills} killed for memory"),
                    _ => String::new(),
                };
                format!("most {}{watched}{killed}; {now} → {}", Binary(peak), Binary(proposed))
            }
            (_, _, Some(why)) => format!("{now} stays: {why}"),
            _ => continue,
        };
        lines.push(format!("  {name}"));
        let mut say = |text: &str| {
            for (at, line) in wrap(text, style.width - 6).into_iter().enumerate() {
                lines.push(format!("{}{line}", if at == 0 { "    " } else { "      " }));
            }
        };
        say(&text);
        if let Some(workers) = &needs.workers {
            say(&pool_words(&workers.pool));
            let told = workers.told.filter(|told| *told != workers.pool.workers.len() as u64);
            if let (Some(told), Some(needs)) = (told, workers.needs_told) {
                say(&format!("the file has {}: {}", count(told as usize, "worker"), Binary(needs)));
            }
        }
    }
}
