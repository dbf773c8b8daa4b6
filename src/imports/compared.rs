//! What the same modules cost in two images: all in one interpreter of each, in one order.

use super::cost::{Cost, ImportsError, MAX_ROWS, Row, ended, last_document};
use crate::base::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the modules of one image cost together.
#[derive(Clone, Debug, PartialEq)]
pub struct Together {
    /// Modules in order, with what each cost after those before it; why one was not measured.
    pub modules: Vec<(String, Result<Cost, String>)>,
    /// How many modules were left out, where none was asked for.
    pub left_out: u64,
}

/// What the modules that both images can import cost in each. Bytes and seconds; sums of what each module cost after those before it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// How many modules.
    pub modules: u64,
    /// In the original.
    pub before: Cost,
    /// In the rebuilt image.
    pub after: Cost,
    /// Modules whose memory or time differs most, the largest difference first.
    pub rows: Vec<ComparedRow>,
    /// Modules that could not be imported in one of them.
    pub not_in_both: Vec<Text>,
    /// Modules that were not tried.
    pub left_out: u64,
}

/// A module.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedRow {
    /// Its name.
    pub name: Text,
    /// In the original.
    pub before: Cost,
    /// In the rebuilt image.
    pub after: Cost,
}

#[derive(Deserialize)]
struct Told {
    left_out: u64,
    in_order: Vec<Row>,
    in_order_ended: String,
}

impl Together {
    /// Reads what the probe printed last, where it was told to import all together.
    ///
    /// # Errors
    ///
    /// It is not what the probe prints, or the interpreter did not come to its end.
    pub fn parse(stdout: &[u8]) -> Result<Self, ImportsError> {
        let told: Told = last_document(stdout)?;
        if told.in_order.len() > MAX_ROWS {
            return Err(ImportsError(format!("found more than {MAX_ROWS} rows")));
        }
        if let Some(why) = ended(&told.in_order_ended, "") {
            return Err(ImportsError(why));
        }
        let modules = told.in_order.into_iter().map(|row| {
            let cost = row.cost();
            (row.module, row.problem.map_or(Ok(cost), Err))
        });
        Ok(Self { modules: modules.collect(), left_out: told.left_out })
    }

    /// The modules that could be imported.
    pub fn good(&self) -> Vec<&str> {
        self.modules.iter().filter(|(_, cost)| cost.is_ok()).map(|(name, _)| name.as_str()).collect()
    }

    /// With the same modules of another image; nothing where there is none in both.
    pub fn compared(&self, after: &Self) -> Option<Compared> {
        let other: BTreeMap<&str, &Result<Cost, String>> =
            after.modules.iter().map(|(name, cost)| (name.as_str(), cost)).collect();
        let (mut rows, mut not_in_both) = (Vec::new(), Vec::new());
        for (name, cost) in &self.modules {
            match (cost, other.get(name.as_str())) {
                (Ok(before), Some(Ok(after))) => {
                    rows.push(ComparedRow { name: Text::from(name), before: *before, after: *after });
                }
                _ => not_in_both.push(Text::from(name)),
            }
        }
        let (before, after) = (sum(rows.iter().map(|row| row.before)), sum(rows.iter().map(|row| row.after)));
        let modules = rows.len() as u64;
        rows.retain(ComparedRow::differs);
        rows.sort_by(|one, other| (other.weight(), &one.name).cmp(&(one.weight(), &other.name)));
        (modules > 0).then_some(Compared { modules, before, after, rows, not_in_both, left_out: self.left_out })
    }
}

impl ComparedRow {
    fn weight(&self) -> u64 {
        let memory = self.before.anonymous.abs_diff(self.after.anonymous) + self.before.file.abs_diff(self.after.file);
        // A tenth of a second counts as much as a mebibyte.
        memory + ((self.before.cpu_seconds - self.after.cpu_seconds).abs() * 10.0 * f64::from(1 << 20)) as u64
    }

    /// Whether it differs by more than two runs of one image do.
    fn differs(&self) -> bool {
        self.weight() >= 2 << 20
    }
}

fn sum(costs: impl Iterator<Item = Cost>) -> Cost {
    costs.fold(Cost { cpu_seconds: 0.0, anonymous: 0, file: 0 }, |sum, cost| Cost {
        cpu_seconds: sum.cpu_seconds + cost.cpu_seconds,
        anonymous: sum.anonymous.saturating_add(cost.anonymous),
        file: sum.file.saturating_add(cost.file),
    })
}
