//! What the user should know of look-ups before building.

use super::{NAMES, Pin};
use crate::base::listed;
use crate::index::{Availability, Verdict};
use std::collections::BTreeMap;

/// Notes on pins that cannot be installed as they are, and on what could not be found out; sorted.
pub(super) fn notes(pins: &[Pin]) -> Vec<String> {
    let mut out = Vec::new();
    let mut unknown: BTreeMap<(String, &str), Vec<String>> = BTreeMap::new();
    for (pin, answer) in pins.iter().filter_map(|pin| Some((pin, pin.availability.as_ref()?))) {
        let what = format!("{} {}", pin.name, pin.version);
        let index = pin.index.as_deref().map_or_else(|| "the package index".to_owned(), str::to_owned);
        match answer.verdict {
            Verdict::Gone => out.push(format!(
                "{what} is gone from {index}, so that the plan cannot be built as it is{}",
                near(answer)
            )),
            Verdict::NoWheel => out.push(format!(
                "{what}: {index} has neither a wheel for this Python and platform nor the source{}",
                near(answer)
            )),
            Verdict::SourceOnly => out.push(format!(
                "{what} has no wheel for this Python and platform: the build stage makes it from source, with a compiler"
            )),
            Verdict::Unknown => unknown.entry((index, &answer.reason)).or_default().push(what.clone()),
            Verdict::Wheel if !answer.reason.is_empty() => {
                out.push(format!("{what}: {}; its size is not exact", answer.reason));
            }
            Verdict::Wheel => {}
        }
        if let Some(reason) = &answer.yanked {
            let said = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
            out.push(format!(
                "{what} was yanked by its authors{said}: it still installs, but should not{}",
                near(answer)
            ));
        }
    }
    for ((index, reason), whats) in unknown {
        let names = listed(&whats, NAMES);
        out.push(format!("{names} could not be looked up in {index}: {reason}; figures are predicted without it"));
    }
    let unlocked: Vec<String> = pins.iter().filter(|pin| !is_locked(pin)).map(|pin| pin.name.clone()).collect();
    if !unlocked.is_empty() && pins.iter().any(|pin| pin.availability.is_some()) {
        let names = listed(&unlocked, NAMES);
        out.push(format!("no pylock.cpu.toml is written: no file with a URL and a digest is known of {names}"));
    }
    out.sort();
    out
}

/// Whether a lock can name all files of a pin.
fn is_locked(pin: &Pin) -> bool {
    let files = pin.availability.as_ref().filter(|_| pin.url.is_none()).map(Availability::files).unwrap_or_default();
    !files.is_empty() && files.iter().all(|file| file.url.is_some() && file.sha256().is_some())
}

/// `; the nearest that can be installed is 2.6.2`, or nothing.
fn near(answer: &Availability) -> String {
    match answer.near.as_slice() {
        [] => String::new(),
        [one] => format!("; the nearest version that installs is {one}"),
        many => format!("; the nearest versions that install are {}", many.join(" and ")),
    }
}
