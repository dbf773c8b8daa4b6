//! From the pins of one index to a verdict for each: all at once, and where that fails, those that fail apart.
//!
//! uv names a culprit when it fails, and usually one only. Its words make the search fast, never its result: a pin is
//! found wanting only when a look-up of it alone fails.

use super::uv::{Ask, Outcome, Uv, shortened};
use super::{Availability, Verdict, Wanted};
use crate::manifest::LockedPackage;
use crate::python::normalize_name;
use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::time::Instant;

/// How many packages may be out of reach, each for itself, before the index counts as out of reach.
const MAX_UNREACHED: usize = 3;

/// For how many pins the nearest versions are looked up.
const MAX_NEAR: usize = 20;

/// Why a run failed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// No such version, no such name.
    Gone,
    /// There is one, but nothing of it can be installed here.
    NoWheel,
    /// The index does not let us in, or there is no connection to it at all.
    Away,
    /// A page of it could not be read.
    Unreached,
    /// Something else.
    Other,
}

/// The search in one index.
pub(super) struct Search<'a> {
    uv: &'a Uv,
    ask: Ask<'a>,
    wanted: &'a [&'a Wanted],
    /// The answers, by position in `wanted`.
    found: BTreeMap<usize, Availability>,
}

impl<'a> Search<'a> {
    /// Looks all of them up. The answers are in the order of `wanted`.
    pub(super) fn run(uv: &'a Uv, ask: Ask<'a>, wanted: &'a [&'a Wanted]) -> Vec<Availability> {
        let mut search = Self { uv, ask, wanted, found: BTreeMap::new() };
        let (mut good, bad): (Vec<usize>, Vec<usize>) = (0..wanted.len()).partition(|&at| is_plain(wanted[at]));
        for at in bad {
            search.found.insert(at, Availability::unknown("its name and version are none that an index can have"));
        }
        if ask.index.is_some_and(|index| !is_index(index)) {
            search.give_up(&good, "its index is no URL of HTTP or HTTPS");
            good.clear();
        }
        search.all(good);
        search.add_near();
        let missing = || Availability::unknown("uv's answer does not tell");
        (0..wanted.len()).map(|at| search.found.remove(&at).unwrap_or_else(missing)).collect()
    }

    /// The files of all of them for all platforms, if they can be looked up together: no verdict on any.
    pub(super) fn everywhere(uv: &'a Uv, ask: Ask<'a>, wanted: &'a [&'a Wanted]) -> Vec<Option<LockedPackage>> {
        let plain: Vec<&Wanted> = wanted.iter().copied().filter(|wanted| is_plain(wanted)).collect();
        let text: String = plain.iter().map(|wanted| wanted.line() + "\n").collect();
        if ask.index.is_some_and(|index| !is_index(index)) {
            return vec![None; wanted.len()];
        }
        let packages = match uv.lock(&text, ask) {
            Outcome::Locked(packages, _) => packages,
            Outcome::Failed(_) => Vec::new(),
        };
        let by_name = by_name(&packages);
        let of = |wanted: &&Wanted| by_name.get(&normalize_name(&wanted.name)[..]).filter(|it| wanted.is_met_by(it));
        wanted.iter().map(|wanted| of(wanted).map(|package| (*package).clone())).collect()
    }

    /// Looks up together what can be looked up together.
    fn all(&mut self, mut left: Vec<usize>) {
        let mut unreached = 0;
        while !left.is_empty() {
            let Err(message) = self.lock(&left) else { return };
            let cause = cause_of(&message);
            let is_over = cause == Cause::Away || cause == Cause::Unreached && unreached == MAX_UNREACHED;
            if is_over || self.is_late() {
                return self.give_up(&left, &message);
            }
            let named: Vec<usize> = left.iter().copied().filter(|&at| names(&message, self.wanted[at])).collect();
            unreached += usize::from(cause == Cause::Unreached);
            if cause == Cause::Unreached && named.len() == 1 && left.len() > 1 {
                // Its page alone may be out of reach. If not, the next run tells.
                self.found.insert(named[0], Availability::unknown(&shortened(&message)));
                left.retain(|at| *at != named[0]);
                continue;
            }
            if cause == Cause::Unreached {
                return self.give_up(&left, &message);
            }
            let confirmed: Vec<usize> = named.into_iter().filter(|&at| self.fails_alone(at)).collect();
            if confirmed.is_empty() {
                return self.halves(&left, &message);
            }
            left.retain(|at| !confirmed.contains(at));
        }
    }

    /// Without a culprit that is named: by halves.
    fn halves(&mut self, left: &[usize], message: &str) {
        if self.is_late() {
            return self.give_up(left, message);
        }
        if let [one] = left {
            // Either way it has its answer then.
            self.fails_alone(*one);
            return;
        }
        for half in [&left[..left.len() / 2], &left[left.len() / 2..]] {
            if let Err(message) = self.lock(half) {
                self.halves(half, &message);
            }
        }
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.ask.deadline
    }

    fn give_up(&mut self, left: &[usize], message: &str) {
        let reason = if self.is_late() { "there was no answer in time".to_owned() } else { shortened(message) };
        for &at in left {
            self.found.entry(at).or_insert_with(|| Availability::unknown(&reason));
        }
    }

    /// Runs uv for some of them and notes what it found. The error is what uv said.
    fn lock(&mut self, which: &[usize]) -> Result<(), String> {
        let text: String = which.iter().map(|&at| self.wanted[at].line() + "\n").collect();
        match self.uv.lock(&text, self.ask) {
            Outcome::Failed(message) => Err(message),
            Outcome::Locked(packages, yanked) => {
                let by_name = by_name(&packages);
                for &at in which {
                    let wanted = self.wanted[at];
                    let name = normalize_name(&wanted.name);
                    let package = by_name.get(name.as_str()).filter(|package| wanted.is_met_by(package));
                    let Some(package) = package else { continue };
                    let mut answer = Availability::of(package, self.ask.platform);
                    let reason = yanked.iter().find(|(other, _, _)| normalize_name(other) == name);
                    answer.yanked = reason.map(|(_, _, reason)| reason.clone());
                    self.found.insert(at, answer);
                }
                Ok(())
            }
        }
    }

    /// Whether a pin fails by itself; its verdict is noted then, and its answer if not.
    fn fails_alone(&mut self, at: usize) -> bool {
        let Err(message) = self.lock(&[at]) else { return false };
        let answer = match cause_of(&message) {
            Cause::Gone => Availability { verdict: Verdict::Gone, ..Availability::unknown("") },
            Cause::NoWheel => self.without_wheel(self.wanted[at]),
            Cause::Away | Cause::Unreached | Cause::Other => Availability::unknown(&shortened(&message)),
        };
        self.found.insert(at, answer);
        true
    }

    /// What there is of a pin of which no wheel can be installed here: its source, or nothing.
    fn without_wheel(&self, wanted: &Wanted) -> Availability {
        let source = super::page::source(self.uv, self.ask, &wanted.name, |version| wanted.is_version(version));
        let Some(source) = source else {
            return Availability { verdict: Verdict::NoWheel, ..Availability::unknown("") };
        };
        let (version, yanked) = (Some(source.version.to_string()), source.yanked.then(String::new));
        let sdist = Some(source.file);
        Availability { verdict: Verdict::SourceOnly, version, yanked, sdist, ..Availability::unknown("") }
    }

    /// Adds to what cannot be installed, or should not be, which versions near it can.
    fn add_near(&mut self) {
        let lacks = |answer: &Availability| {
            matches!(answer.verdict, Verdict::Gone | Verdict::NoWheel) || answer.yanked.is_some()
        };
        let ats: Vec<usize> =
            self.found.iter().filter(|(_, answer)| lacks(answer)).map(|(at, _)| *at).take(MAX_NEAR).collect();
        for at in ats {
            if self.is_late() {
                return;
            }
            let (below, above) = crate::base::both(|| self.near(at, "<", false), || self.near(at, ">", true));
            if let Some(answer) = self.found.get_mut(&at) {
                answer.near = below.into_iter().chain(above).collect();
            }
        }
    }

    /// The next version below or above that can be installed.
    fn near(&self, at: usize, operator: &str, lowest: bool) -> Option<String> {
        let wanted = self.wanted[at];
        let line = format!("{}{operator}{}\n", wanted.name, wanted.version);
        match self.uv.lock(&line, Ask { lowest, ..self.ask }) {
            Outcome::Locked(packages, _) => packages.into_iter().find_map(|package| package.version),
            Outcome::Failed(_) => None,
        }
    }
}

fn by_name(packages: &[LockedPackage]) -> BTreeMap<&str, &LockedPackage> {
    packages.iter().map(|package| (package.name.as_str(), package)).collect()
}

/// Whether an index may be asked: a lock of a repository may name anything.
fn is_index(index: &str) -> bool {
    let url = reqwest::Url::parse(index).ok();
    url.is_some_and(|url| crate::http::may_speak(&url, crate::http::Reach::Any).is_ok())
}

/// Whether a pin can be written as a requirement: it comes from the image.
fn is_plain(wanted: &Wanted) -> bool {
    crate::python::is_name(&wanted.name) && pep440_rs::Version::from_str(&wanted.version).is_ok()
}

/// Whether a message speaks of a pin.
fn names(message: &str, wanted: &Wanted) -> bool {
    has_name(message, &normalize_name(&wanted.name))
}

/// Whether a normalized name stands in a message as a word.
pub(super) fn has_name(message: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    message.split(|c: char| !is_part(c)).any(|word| normalize_name(word.trim_end_matches('.')) == name)
}

/// What uv's words say. Its sentences may be broken over lines anywhere.
pub(super) fn cause_of(message: &str) -> Cause {
    let words: Vec<&str> = message.split_whitespace().filter(|word| !"×╰─▶│".contains(word)).collect();
    let text = words.join(" ").to_ascii_lowercase();
    let has = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
    const AWAY: [&str; 10] = [
        "could not be queried",
        "unauthorized",
        "forbidden",
        "network was disabled",
        "network connectivity is disabled",
        "did not answer in time",
        "error (connect)",
        "connect error",
        "dns error",
        "certificate",
    ];
    if has(&AWAY) {
        return Cause::Away;
    }
    if has(&["failed to fetch", "request failed after", "error sending request"]) {
        return Cause::Unreached;
    }
    if has(&["has no wheels", "no usable wheels", "no wheel", "requires python", "requires-python", "python version"]) {
        return Cause::NoWheel;
    }
    if has(&["there is no version of", "was not found in the", "were not found in the", "no versions of"]) {
        return Cause::Gone;
    }
    Cause::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(name: &str) -> Wanted {
        Wanted { name: name.into(), version: "1".into(), index: None, measure: false }
    }

    #[test]
    fn uvs_words_are_understood() {
        let gone = "  × No solution found when resolving dependencies:\n  ╰─▶ Because there is no version\n      of a==1 and you";
        assert!(cause_of(gone) == Cause::Gone);
        assert!(
            cause_of("Because a==1 has no wheels with a matching Python ABI tag (e.g., `cp311`)") == Cause::NoWheel
        );
        let denied =
            "a was not found in the package registry\nhint: An index URL (x) could not be queried due to a lack";
        assert!(cause_of(denied) == Cause::Away);
        assert!(
            cause_of("Failed to fetch: x\n  cause: HTTP status server error (502 Bad Gateway)") == Cause::Unreached
        );
        assert!(cause_of("thread 'main' panicked") == Cause::Other);
    }

    #[test]
    fn a_pin_is_named_by_its_whole_name() {
        let message = "Failed to fetch: https://example.org/simple/a-b/, and typing_extensions==4.";
        assert!(names(message, &wanted("A_B")) && names(message, &wanted("typing-extensions")));
        assert!(!names(message, &wanted("a")) && !names(message, &wanted("typing")));
    }
}
