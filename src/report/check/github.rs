//! Annotations for GitHub: workflow commands, one a line, which the runner reads from a step's output.
//!
//! `::error file=…,line=…,title=…::message`. In the message `%` and line breaks are written in hexadecimal, in a
//! property `:` and `,` as well; nothing else ends either. GitHub shows ten annotations of each kind a step: where there
//! are more, the tenth says how many.

use super::{blame, in_words, name, project_path, sentence, subject, worst_first};
use crate::budget::{Check, Outcome, Place, Verdict};

/// How many annotations of a kind GitHub shows in a step.
pub const ANNOTATIONS: usize = 10;
/// Who is to blame, in an annotation.
const CULPRITS: usize = 5;

/// What an annotation says.
struct Annotation {
    place: Option<Place>,
    title: String,
    message: String,
}

/// One line an annotation: errors, then warnings. Nothing for a check that passed.
pub fn render(verdict: &Verdict) -> String {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for check in worst_first(verdict) {
        match check.outcome {
            Outcome::Fail | Outcome::CouldNotMeasure => errors.push(of_check(verdict, check)),
            Outcome::Warn => warnings.push(of_check(verdict, check)),
            Outcome::Pass => {}
        }
    }
    // A verdict may be worse than each of its checks: what is no pass must show.
    if errors.is_empty() && verdict.outcome > Outcome::Warn {
        let message = format!("{} {}", subject(verdict), in_words(verdict.outcome));
        errors.push(Annotation { place: None, title: "slimwright".to_owned(), message });
    }
    for warning in &verdict.warnings {
        let title = format!("slimwright: {}", warning.id.as_str());
        warnings.push(Annotation { place: warning.location.clone(), title, message: sentence(&warning.message) });
    }
    let mut out = String::new();
    write(&mut out, "error", errors);
    write(&mut out, "warning", warnings);
    out
}

fn of_check(verdict: &Verdict, check: &Check) -> Annotation {
    let mut lines = vec![format!("{}: {}", subject(verdict), sentence(&check.message))];
    lines.extend(blame(check, CULPRITS));
    let title = format!("slimwright: {}", name(&check.title()));
    Annotation { place: check.location.clone(), title, message: lines.join("\n") }
}

fn write(out: &mut String, command: &str, mut all: Vec<Annotation>) {
    if all.len() > ANNOTATIONS {
        let more = all.len() + 1 - ANNOTATIONS;
        all.truncate(ANNOTATIONS - 1);
        let message = format!("{more} more like these are in the log and in the other reports");
        all.push(Annotation { place: None, title: format!("slimwright: {more} more"), message });
    }
    for annotation in all {
        let mut properties = Vec::new();
        if let Some(place) = &annotation.place {
            properties.push(format!("file={}", property(&project_path(&place.file))));
            properties.push(format!("line={},col={}", place.line.max(1), place.column.max(1)));
        }
        properties.push(format!("title={}", property(&annotation.title)));
        out.push_str(&format!("::{command} {}::{}\n", properties.join(","), data(&annotation.message)));
    }
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
