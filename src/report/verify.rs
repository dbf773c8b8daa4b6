//! A verification, for a terminal.

use super::imports::cells;
use super::layout::{Tone, left, paint, relative, right, wrap_to};
use super::text::joined;
use crate::base::{ByteSize, count, names};
use crate::imports::{Compared, Cost};
use crate::verify::{Check, Outcome, SizeRow, Verification};

/// Losses of a check and rows of sizes without `--details`.
const ROWS: usize = 10;
/// Columns of a check's name.
const NAME: usize = 19;
const SIZE: usize = 10;
/// Columns of an imported module's name.
const IMPORTED: usize = 26;

/// The verification as text.
pub fn render(verification: &Verification, color: bool, width: usize, details: bool) -> String {
    let page = Page { color, width: width.max(60), rows: if details { usize::MAX } else { ROWS } };
    let mut lines = page.sizes(verification);
    lines.push(String::new());
    lines.extend(verification.checks.iter().flat_map(|check| page.check(check)));
    lines.extend(page.accounted(verification));
    if !verification.sizes.is_empty() {
        lines.extend(page.distributions(&verification.sizes));
    }
    lines.extend(verification.import_cost.iter().flat_map(|cost| page.import_cost(cost)));
    lines.push(String::new());
    lines.extend(page.gone(verification));
    lines.extend(wrap_to(&verdict(verification), page.width, usize::MAX));
    joined(lines)
}

/// "Nothing was lost" is said only where every file was compared.
fn verdict(verification: &Verification) -> String {
    let tree = &verification.tree;
    let differs = verification.checks.iter().any(|check| check.outcome == Outcome::Differs);
    match () {
        () if verification.lost() => "Something was lost: see above.".to_owned(),
        () if verification.failed() => {
            "Nothing was lost, but the image is not as large as the plan predicts: see above.".to_owned()
        }
        () if tree.by_size > 0 => format!(
            "No loss was found, but of {} of {} files ({}) only the sizes could be compared.",
            tree.by_size,
            tree.compared,
            ByteSize(tree.bytes_by_size)
        ),
        () if differs => "Nothing was lost; what is not as it was is above.".to_owned(),
        () => "Nothing was lost.".to_owned(),
    }
}

struct Page {
    color: bool,
    width: usize,
    rows: usize,
}

impl Page {
    fn sizes(&self, verification: &Verification) -> Vec<String> {
        let (before, after) = (verification.before, verification.after);
        let size = |bytes: u64| right(&ByteSize(bytes).to_string(), SIZE);
        let mut out = vec![
            format!("before    {} unpacked, measured", size(before)),
            format!("after     {} unpacked, measured   {}", size(after), relative(before, after)),
        ];
        if let Some(predicted) = verification.predicted {
            let error = (after as f64 - predicted as f64) * 100.0 / (predicted.max(1)) as f64;
            out.insert(1, format!("predicted {} unpacked; measured differs by {error:+.2} %", size(predicted)));
        }
        out
    }

    fn check(&self, check: &Check) -> Vec<String> {
        let (tone, word) = match check.outcome {
            Outcome::Passed => (Tone::Saving, "ok     "),
            Outcome::Differs => (Tone::Dim, "differs"),
            Outcome::Failed => (Tone::Error, "FAILED "),
            Outcome::Skipped => (Tone::Dim, "skipped"),
        };
        let indent = 2 + 7 + 1 + NAME;
        let summary = wrap_to(&check.summary, self.width - indent, usize::MAX);
        let mut lines = summary.into_iter();
        let first = lines.next().unwrap_or_default();
        let mut out = vec![format!("  {} {}{first}", paint(self.color, tone, word), left(check.id, NAME))];
        out.extend(lines.map(|line| " ".repeat(indent) + &line));
        for loss in check.losses.iter().take(self.rows) {
            out.extend(wrap_to(loss, self.width - 10, usize::MAX).into_iter().map(|line| format!("          {line}")));
        }
        if check.losses.len() > self.rows {
            out.push(format!("          and {} more: --details", check.losses.len() - self.rows));
        }
        out
    }

    /// What is gone or changed and is no loss.
    fn accounted(&self, verification: &Verification) -> Vec<String> {
        let tree = &verification.tree;
        let mut out = Vec::new();
        if tree.by_plan.0 > 0 {
            let by = if verification.by_own_account {
                "by the image's own account (slimwright apply)"
            } else {
                "by the plan"
            };
            out.push(format!("{by}: {} paths, {}", tree.by_plan.0, ByteSize(tree.by_plan.1)));
        }
        if !tree.made_anew.is_empty() {
            let classes: Vec<String> =
                tree.made_anew.iter().map(|(class, count)| format!("{} ({count})", class.as_str())).collect();
            out.push(format!("as in every rebuild: {}", classes.join(", ")));
        }
        let lines = out.iter().flat_map(|text| wrap_to(text, self.width - 2, usize::MAX));
        lines.map(|line| format!("  {line}")).collect()
    }

    fn distributions(&self, rows: &[SizeRow]) -> Vec<String> {
        let title = "PREDICTED AND MEASURED, THE LARGEST ERROR FIRST";
        let mut out = vec![String::new(), paint(self.color, Tone::Heading, title)];
        for row in rows.iter().take(self.rows) {
            let size = |bytes: u64| right(&ByteSize(bytes).to_string(), SIZE);
            let measured = row.measured.map_or_else(|| right("none", SIZE), size);
            let name = left(&row.title, self.width - 2 * SIZE - 6);
            out.push(format!("  {name} {} {measured}", size(row.predicted)));
        }
        if rows.len() > self.rows {
            out.push(format!("  and {} more: --details", rows.len() - self.rows));
        }
        out
    }

    /// What importing costs in both.
    fn import_cost(&self, cost: &Compared) -> Vec<String> {
        let title =
            format!("importing {} in one interpreter, measured in both", count(cost.modules as usize, "module"));
        let title = title.to_uppercase();
        let head = format!("  {} {:>9} {:>10} {:>10}", left("", IMPORTED), "processor", "own", "files");
        let mut out =
            vec![String::new(), paint(self.color, Tone::Heading, &title), paint(self.color, Tone::Dim, &head)];
        let row = |name: &str, cost: &Cost| format!("  {} {}", left(name, IMPORTED), cells(cost));
        out.push(row("before", &cost.before));
        out.push(row("after", &cost.after));
        for module in cost.rows.iter().take(self.rows) {
            out.push(row(&format!("{}, before", module.name), &module.before));
            out.push(row("  after", &module.after));
        }
        if cost.rows.len() > self.rows {
            out.push(format!("  and {} more: --details", cost.rows.len() - self.rows));
        }
        let mut note = "own: memory that each process has for itself; files: pages that all processes share. Seconds are of a processor, the least of two runs; models, and what is loaded at first use, come on top.".to_owned();
        if !cost.not_in_both.is_empty() {
            note.push_str(&format!(
                " Not counted, since one of the images cannot import it: {}.",
                names(&cost.not_in_both, 5)
            ));
        }
        if cost.left_out > 0 {
            note.push_str(&format!(" {} more were not tried.", cost.left_out));
        }
        out.extend(wrap_to(&note, self.width - 2, usize::MAX).into_iter().map(|line| format!("  {line}")));
        out
    }

    fn gone(&self, verification: &Verification) -> Vec<String> {
        let mut out = Vec::new();
        for (word, names) in [("gone", &verification.gone), ("new", &verification.new)] {
            if !names.is_empty() {
                let most = if self.rows == usize::MAX { names.len() } else { self.rows };
                let more = names.len().saturating_sub(most);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let text = format!("{word}: {}{more}", names[..names.len().min(most)].join(", "));
                out.extend(wrap_to(&text, self.width, usize::MAX));
            }
        }
        if !out.is_empty() {
            out.push(String::new());
        }
        out
    }
}
