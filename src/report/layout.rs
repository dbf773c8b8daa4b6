//! Columns, line breaks and colours for a terminal. Widths are columns and not characters: names may be wide.

use crate::base::{ByteSize, count};
use anstyle::{AnsiColor, Style as Ansi};
use unicode_width::UnicodeWidthChar;

/// The columns that a text takes at most: its characters' widths, where a selector of the wide form of the
/// character before it counts as one more.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

fn columns_of(c: char) -> usize {
    if c == '\u{fe0f}' { 1 } else { c.width().unwrap_or(0) }
}

/// `text` in at most `width` columns, the end cut off with `…`.
pub(crate) fn fit(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut out = prefix(text, width.saturating_sub(1)).0.trim_end().to_owned();
    if width > 0 {
        out.push('…');
    }
    out
}

/// `text` in exactly `width` columns, to the left.
pub(crate) fn left(text: &str, width: usize) -> String {
    let mut out = fit(text, width);
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(columns(&out))));
    out
}

/// `text` in exactly `width` columns, to the right.
pub(crate) fn right(text: &str, width: usize) -> String {
    let text = fit(text, width);
    " ".repeat(width.saturating_sub(columns(&text))) + &text
}

/// The longest start of `text` that takes at most `width` columns, and the rest.
fn prefix(text: &str, width: usize) -> (&str, &str) {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += columns_of(c);
        if used > width {
            return text.split_at(at);
        }
    }
    (text, "")
}

/// `text` in lines of at most `width` columns, broken at blanks; a word that is longer is broken anywhere.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(2);
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word = word;
        let last = lines.last().map_or(0, |line| columns(line));
        if last > 0 && last.saturating_add(1 + columns(word)) > width {
            lines.push(String::new());
        }
        loop {
            let (start, rest) = prefix(word, width);
            // Two columns are the least width and the widest character, so that a start is never empty.
            if rest.is_empty() || start.is_empty() {
                break;
            }
            push_word(&mut lines, start);
            lines.push(String::new());
            word = rest;
        }
        push_word(&mut lines, word);
    }
    lines.retain(|line| !line.is_empty());
    lines
}

fn push_word(lines: &mut [String], word: &str) {
    if let Some(line) = lines.last_mut() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
}

/// [`wrap`] in at most `limit` lines; the last one ends with `…` when something was cut off.
pub(crate) fn wrap_to(text: &str, width: usize, limit: usize) -> Vec<String> {
    let mut lines = wrap(text, width);
    if lines.len() > limit {
        lines.truncate(limit);
        if let Some(line) = lines.last_mut() {
            *line = fit(&format!("{line} …"), width);
        }
    }
    lines
}

/// [`wrap_to`] that breaks no command of this program: an option stays beside its value.
pub(super) fn wrap_commands(text: &str, width: usize, limit: usize) -> Vec<String> {
    // A blank that is none to `wrap`, and as wide.
    const GLUE: char = '\u{a0}';
    let glued = [("--accept ", "--accept\u{a0}"), ("slimwright explain ", "slimwright\u{a0}explain\u{a0}")];
    let text = glued.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    wrap_to(&text, width, limit).into_iter().map(|line| line.replace(GLUE, " ")).collect()
}

/// A bar of `share` (0 to 1) in `width` columns, to an eighth of a column.
pub(super) fn bar(share: f64, width: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

/// Whole per cents of `parts` that sum to 100: the largest remainders are rounded up, so each is less than one
/// off. All 0 when there is nothing.
pub(super) fn percents(parts: &[u64]) -> Vec<u64> {
    let total: u128 = parts.iter().map(|part| u128::from(*part)).sum();
    if total == 0 {
        return vec![0; parts.len()];
    }
    let mut out: Vec<u64> = parts.iter().map(|part| (u128::from(*part) * 100 / total) as u64).collect();
    let missing = 100 - out.iter().sum::<u64>() as usize;
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|at| (std::cmp::Reverse(u128::from(parts[*at]) * 100 % total), *at));
    for at in order.into_iter().take(missing) {
        out[at] += 1;
    }
    out
}

/// A per cent for people: what is there but rounds to nothing is `<1 %`.
pub(super) fn percent(value: u64, bytes: u64) -> String {
    if value == 0 && bytes > 0 { "<1 %".to_owned() } else { format!("{value} %") }
}

/// `removed − added` with its sign as a reader of an image's size sees it: what goes has a minus.
pub(crate) fn change(removed: u64, added: u64) -> String {
    match removed.cmp(&added) {
        std::cmp::Ordering::Equal => ByteSize(0).to_string(),
        std::cmp::Ordering::Greater => format!("−{}", ByteSize(removed - added)),
        std::cmp::Ordering::Less => format!("+{}", ByteSize(added - removed)),
    }
}

/// By how much `after` differs from `before`: `−73 %`. Empty when there was nothing.
pub(super) fn relative(before: u64, after: u64) -> String {
    if before == 0 {
        return String::new();
    }
    let sign = if after <= before { '−' } else { '+' };
    // Towards "no change", so that a saving is never made larger.
    format!("{sign}{} %", u128::from(before.abs_diff(after)) * 100 / u128::from(before))
}

/// The same of a plan. Where `unknown` bytes of the original may come again, nobody knows how much it saves.
pub(crate) fn relative_to_plan(before: u64, after: u64, unknown: u64) -> String {
    match unknown {
        0 => relative(before, after),
        _ => format!("not known: {} of the original may come again", ByteSize(unknown)),
    }
}

/// What is added to a figure that so many gaps make too small: ` + 2 gaps`.
pub(crate) fn and_gaps(gaps: usize) -> String {
    match gaps {
        0 => String::new(),
        gaps => format!(" + {}", count(gaps, "gap")),
    }
}

/// What a piece of text is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Heading,
    Name,
    Error,
    Warning,
    Saving,
    Dim,
}

/// `text` in the colour of its tone, if colours are wanted. To be used after the layout.
pub(super) fn paint(color: bool, tone: Tone, text: &str) -> String {
    if !color || text.is_empty() {
        return text.to_owned();
    }
    let style = match tone {
        Tone::Heading | Tone::Name => Ansi::new().bold(),
        Tone::Error => AnsiColor::Red.on_default().bold(),
        Tone::Warning => AnsiColor::Yellow.on_default(),
        Tone::Saving => AnsiColor::Green.on_default(),
        Tone::Dim => Ansi::new().dimmed(),
    };
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_never_wider_than_asked() {
        for text in ["one two three", "aaaaaaaaaaaaaaaaaaaaaaaa b", "日本語の名前 日本語", "", "   x   "] {
            for width in 2..20 {
                assert!(wrap(text, width).iter().all(|line| columns(line) <= width), "{text} {width}");
                assert!(columns(&fit(text, width)) <= width, "{text} {width}");
                assert_eq!(columns(&left(text, width)), width);
                assert_eq!(columns(&right(text, width)), width);
                assert!(wrap_to(text, width, 1).iter().all(|line| columns(line) <= width), "{text} {width}");
            }
        }
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap_to("one two three", 7, 1), ["one tw…"]);
    }

    #[test]
    fn per_cents_sum_to_a_hundred() {
        assert_eq!(percents(&[1, 1, 1]), [34, 33, 33]);
        assert_eq!(percents(&[999_999, 1]), [100, 0]);
        assert_eq!(percents(&[0, 0]), [0, 0]);
        assert_eq!(percents(&[u64::MAX, u64::MAX]), [50, 50]);
        assert_eq!((percent(0, 1), percent(0, 0)), ("<1 %".to_owned(), "0 %".to_owned()));
    }

    #[test]
    fn a_saving_has_a_minus_and_is_not_rounded_up() {
        assert_eq!(
            (change(3_000, 1_000), change(1, 2_001), change(5, 5)),
            ("−2.0 kB".into(), "+2.0 kB".into(), "0 B".into())
        );
        assert_eq!(relative(1_000, 279), "−72 %");
        assert_eq!(relative(1_000, 1_200), "+20 %");
        assert_eq!(relative(0, 5), "");
        assert_eq!(relative_to_plan(1_000, 279, 0), "−72 %");
        assert_eq!(relative_to_plan(1_000, 279, 500), "not known: 500 B of the original may come again");
    }

    #[test]
    fn bars_grow_by_eighths() {
        assert_eq!((bar(0.0, 4), bar(1.0, 4), bar(0.5, 3)), (String::new(), "████".into(), "█▌".into()));
    }
}
