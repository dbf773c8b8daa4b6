//! The question for other builds, from the channels' lists to what each of them unpacks to.

use super::archive::Contents;
use super::channel::{ChannelSettings, Channels};
use super::records::Record;
use super::solve::{Problem, Staying, solve, unknown_names};
use crate::os::is_gpu_build;
use crate::rules::GlobSet;
use std::collections::{BTreeMap, BTreeSet};

/// How often lists are read for names that turn up in them.
const MAX_ROUNDS: usize = 6;

/// What needs what is not installed often enough to be looked for at once: reading a long list again takes its time.
const COMPANIONS: [&str; 14] = [
    "cpuonly",
    "pytorch-mutex",
    "libtorch",
    "mkl",
    "intel-openmp",
    "llvm-openmp",
    "_openmp_mutex",
    "openblas",
    "libopenblas",
    "libblas",
    "libuv",
    "sleef",
    "tensorflow-base",
    "_tflow_select",
];

/// A question for the builds of an environment that are not for a GPU.
#[derive(Clone, Debug, Default)]
pub struct BuildQuestion {
    /// The platform: `linux-64`.
    pub subdir: String,
    /// The channels that it was installed from, the one of most that is to change first: name and place.
    pub channels: Vec<(String, Option<String>)>,
    /// What stays.
    pub staying: Vec<Staying>,
    /// Of what another build is wanted: name and version.
    pub wanted: Vec<(String, String)>,
    /// All that is there and does not stay: name and version.
    pub before: BTreeMap<String, String>,
    /// Names of packages that are not wanted.
    pub avoided: GlobSet,
}

/// A package that comes.
#[derive(Clone, Debug, PartialEq)]
pub struct NewPackage {
    /// What its channel says of it. Its place is one that the build can read, where the channel was read from a folder.
    pub record: Record,
    /// What it unpacks to; or why that is not known.
    pub contents: Result<Contents, String>,
}

/// What came of it: the packages, or why there are none.
pub type Answer = Result<Vec<NewPackage>, Refusal>;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The channels could not be asked; why.
    Unasked(String),
    /// They were asked, and have nothing that goes with what stays; what.
    Nothing(String),
}

/// Asks the user's channels.
pub fn ask(question: &BuildQuestion, settings: &ChannelSettings, channels: &Channels) -> Answer {
    let mut places: Vec<(String, Option<&str>)> = Vec::new();
    let mut refused = None;
    for (name, recorded) in &question.channels {
        match settings.place(name, recorded.as_deref()) {
            Ok(place) => places.push((place, recorded.as_deref())),
            Err(why) => refused = Some(why),
        }
    }
    if places.is_empty() {
        return Err(Refusal::Unasked(refused.unwrap_or_else(|| "no record tells its channel".to_owned())));
    }
    let avoids = |name: &str, build: &str| question.avoided.matches(name.as_bytes()) || is_gpu_build(build);
    let problem =
        Problem { staying: &question.staying, wanted: &question.wanted, before: &question.before, avoids: &avoids };
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut records: Vec<Record> = Vec::new();
    let stays: BTreeSet<&str> = question.staying.iter().map(|package| package.name.as_str()).collect();
    let wanted = question.wanted.iter().map(|(name, _)| name.clone()).chain(question.before.keys().cloned());
    let companions = COMPANIONS.iter().filter(|name| !stays.contains(**name)).map(|&name| name.to_owned());
    let mut names: BTreeSet<String> = wanted.chain(companions).collect();
    for _ in 0..MAX_ROUNDS {
        if names.is_empty() {
            break;
        }
        for (place, _) in &places {
            // Of a name the first channel is asked that has it.
            let found = channels.records(place, &question.subdir, &names).map_err(Refusal::Unasked)?;
            found.iter().for_each(|record| _ = names.remove(&record.name));
            known.extend(found.iter().map(|record| record.name.clone()));
            records.extend(found);
        }
        known.append(&mut names);
        names = unknown_names(&problem, &records, &known);
    }
    let found = solve(&problem, &records).map_err(Refusal::Nothing)?;
    let package = |record: &Record| {
        let contents = channels.contents(&record.url, Some(record.size));
        // A folder of this machine is none of the build's: the channel is where the environment had it from.
        let of_folder =
            places.iter().find(|(place, _)| place.starts_with("file:") && record.url.starts_with(place.as_str()));
        let url = match of_folder {
            Some((place, Some(recorded))) => format!("{recorded}{}", &record.url[place.len()..]),
            _ => record.url.clone(),
        };
        NewPackage { record: Record { url, ..record.clone() }, contents }
    };
    Ok(found.into_iter().map(package).collect())
}
