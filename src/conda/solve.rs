//! Other builds for packages of an environment, so that all that stays in it is as it is.
//!
//! This is no solver for conda's problem, which is to choose versions of everything: all but a few packages are given, of
//! these few the version is, and what is found is checked against every requirement of the whole. What fits is a solution,
//! whoever finds it; where none is found, none is claimed not to be.

use super::records::Record;
use super::spec::Spec;
use rattler_conda_version::Version;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

/// Builds that are tried.
const MAX_STEPS: usize = 20_000;

/// A package that stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Staying {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Build.
    pub build: String,
    /// What it needs.
    pub specs: Vec<Spec>,
    /// What others have to be if they are there.
    pub constrains: Vec<Spec>,
}

/// What is asked.
pub struct Problem<'p> {
    /// What stays.
    pub staying: &'p [Staying],
    /// Of what another build is wanted: name and version.
    pub wanted: &'p [(String, String)],
    /// What is there now and has to be another build where it is needed at all: name and version.
    pub before: &'p BTreeMap<String, String>,
    /// Whether a package of this name and build is none that is wanted.
    pub avoids: &'p dyn Fn(&str, &str) -> bool,
}

/// Names that packages need which nobody has looked up yet.
pub fn unknown_names(problem: &Problem<'_>, records: &[Record], known: &BTreeSet<String>) -> BTreeSet<String> {
    let stays: BTreeSet<&str> = problem.staying.iter().map(|package| package.name.as_str()).collect();
    let may_be = |record: &&Record| {
        let wanted = problem.wanted.iter().find(|(name, _)| *name == record.name);
        wanted.is_none_or(|(_, version)| *version == record.version) && !(problem.avoids)(&record.name, &record.build)
    };
    let specs =
        records.iter().filter(may_be).flat_map(|record| record.depends.iter().filter_map(|text| Spec::parse(text)));
    let is_new = |spec: &Spec| {
        !spec.is_virtual()
            && !stays.contains(spec.name.as_str())
            && !known.contains(&spec.name)
            && !(problem.avoids)(&spec.name, "")
    };
    specs.filter(is_new).map(|spec| spec.name).collect()
}

/// Finds builds.
///
/// # Errors
///
/// What there is none of, for a person.
pub fn solve<'r>(problem: &Problem<'_>, records: &'r [Record]) -> Result<Vec<&'r Record>, String> {
    let mut by_name: BTreeMap<&str, Vec<Candidate<'r>>> = BTreeMap::new();
    for record in records {
        by_name.entry(&record.name).or_default().extend(Candidate::new(record));
    }
    for candidates in by_name.values_mut() {
        candidates.sort_by(|a, b| b.rank().cmp(&a.rank()).then_with(|| a.record.file.cmp(&b.record.file)));
    }
    let staying = problem.staying.iter().map(|package| (package.name.as_str(), package)).collect();
    let mut search = Search { problem, by_name, staying, steps: 0, stuck: None };
    let seeds =
        problem.wanted.iter().map(|(name, version)| Goal { name: name.clone(), version: Some(version.clone()) });
    let mut goals: Vec<Goal> = seeds.collect();
    goals.reverse();
    let mut chosen = BTreeMap::new();
    if search.meet(goals, &mut chosen) {
        return Ok(chosen.into_values().map(|candidate| candidate.record).collect());
    }
    Err(match search.stuck {
        _ if search.steps >= MAX_STEPS => "more combinations of builds than are tried".to_owned(),
        Some(goal) => {
            let version = goal.version.map(|version| format!(" {version}")).unwrap_or_default();
            format!("no build of {}{version} that goes with what stays", goal.name)
        }
        None => "nothing that goes together".to_owned(),
    })
}

/// A package that is needed.
#[derive(Clone, Debug)]
struct Goal {
    name: String,
    version: Option<String>,
}

/// A build, read.
#[derive(Clone)]
struct Candidate<'r> {
    record: &'r Record,
    version: Version,
    depends: std::rc::Rc<[Spec]>,
    constrains: std::rc::Rc<[Spec]>,
}

impl<'r> Candidate<'r> {
    /// None where something in it is not read.
    fn new(record: &'r Record) -> Option<Self> {
        let all = |texts: &[String]| texts.iter().map(|text| Spec::parse(text)).collect::<Option<Vec<Spec>>>();
        Some(Self {
            version: Version::from_str(&record.version).ok()?,
            depends: all(&record.depends)?.into(),
            constrains: all(&record.constrains)?.into(),
            record,
        })
    }

    fn rank(&self) -> (&Version, u64) {
        (&self.version, self.record.build_number)
    }
}

type Chosen<'r> = BTreeMap<String, Candidate<'r>>;

struct Search<'s, 'r> {
    problem: &'s Problem<'s>,
    by_name: BTreeMap<&'r str, Vec<Candidate<'r>>>,
    staying: BTreeMap<&'s str, &'s Staying>,
    steps: usize,
    /// The goal that was met by nothing.
    stuck: Option<Goal>,
}

impl<'r> Search<'_, 'r> {
    fn meet(&mut self, mut goals: Vec<Goal>, chosen: &mut Chosen<'r>) -> bool {
        let Some(goal) = goals.pop() else { return true };
        if chosen.contains_key(&goal.name) || self.staying.contains_key(goal.name.as_str()) {
            return self.meet(goals, chosen);
        }
        let mut candidates = self.by_name.get(goal.name.as_str()).cloned().unwrap_or_default();
        candidates
            .retain(|candidate| goal.version.as_deref().is_none_or(|version| candidate.record.version == version));
        // What was there comes in the same version, if it can.
        let before = self.problem.before.get(&goal.name);
        candidates.sort_by_key(|candidate| before.is_some_and(|version| *version != candidate.record.version));
        for candidate in candidates {
            self.steps += 1;
            if self.steps >= MAX_STEPS {
                return false;
            }
            if !self.fits(&candidate, chosen) {
                continue;
            }
            let needs = candidate.depends.iter().filter(|spec| !spec.is_virtual());
            let needs = needs.map(|spec| Goal { name: spec.name.clone(), version: None });
            let rest: Vec<Goal> = goals.iter().cloned().chain(needs).collect();
            let mut with = chosen.clone();
            with.insert(goal.name.clone(), candidate);
            if self.meet(rest, &mut with) {
                *chosen = with;
                return true;
            }
        }
        self.stuck.get_or_insert(goal);
        false
    }

    /// Whether a build goes with all that stays and all that was chosen.
    fn fits(&self, new: &Candidate<'r>, chosen: &Chosen<'r>) -> bool {
        let record = new.record;
        if (self.problem.avoids)(&record.name, &record.build) {
            return false;
        }
        let holds = |spec: &Spec, needed: bool| {
            if spec.is_virtual() {
                return spec.name != "__cuda" || !needed;
            }
            let stays = self.staying.get(spec.name.as_str()).map(|package| (&package.version, &package.build));
            let chosen = chosen.get(&spec.name).map(|other| (&other.record.version, &other.record.build));
            match stays.or(chosen) {
                Some((version, build)) => spec.matches(version, build),
                None => !needed || !(self.problem.avoids)(&spec.name, ""),
            }
        };
        let is_asked = |specs: &[Spec]| {
            let mut about = specs.iter().filter(|spec| spec.name == record.name);
            about.all(|spec| spec.matches(&record.version, &record.build))
        };
        new.depends.iter().all(|spec| holds(spec, true))
            && new.constrains.iter().all(|spec| holds(spec, false))
            && self.staying.values().all(|package| is_asked(&package.specs) && is_asked(&package.constrains))
            && chosen.values().all(|other| is_asked(&other.depends) && is_asked(&other.constrains))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, version: &str, build: &str, number: u64, depends: &[&str]) -> Record {
        let depends = depends.iter().map(|&text| text.to_owned()).collect();
        let file = format!("{name}-{version}-{build}.conda");
        Record {
            name: name.into(),
            version: version.into(),
            build: build.into(),
            build_number: number,
            depends,
            file,
            ..Record::default()
        }
    }

    fn staying(name: &str, version: &str, build: &str, specs: &[&str]) -> Staying {
        let specs = specs.iter().filter_map(|text| Spec::parse(text)).collect();
        Staying { name: name.into(), version: version.into(), build: build.into(), specs, constrains: Vec::new() }
    }

    fn run(staying: &[Staying], wanted: &[(&str, &str)], records: &[Record]) -> Result<Vec<String>, String> {
        let wanted: Vec<(String, String)> = wanted.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let before = wanted.iter().cloned().collect();
        let avoids = |name: &str, build: &str| name.starts_with("cuda") || crate::os::is_gpu_build(build);
        let problem = Problem { staying, wanted: &wanted, before: &before, avoids: &avoids };
        let found = solve(&problem, records)?;
        Ok(found.into_iter().map(|record| format!("{} {} {}", record.name, record.version, record.build)).collect())
    }

    #[test]
    fn the_build_with_the_highest_number_that_goes_with_what_stays_is_taken() {
        let here = [staying("python", "3.11.9", "h1", &[]), staying("libblas", "3.9.0", "20_mkl", &[])];
        let records = [
            record("pytorch", "2.3.0", "cuda120_py311", 300, &["python >=3.11,<3.12.0a0", "cuda-version"]),
            record("pytorch", "2.3.0", "cpu_generic_py311", 2, &["python >=3.11,<3.12.0a0", "libblas * *openblas"]),
            record("pytorch", "2.3.0", "cpu_mkl_py311", 102, &["python >=3.11,<3.12.0a0", "libblas * *mkl", "sleef"]),
            record("pytorch", "2.3.0", "cpu_mkl_py312", 202, &["python >=3.12,<3.13.0a0"]),
            record("pytorch", "2.4.0", "cpu_mkl_py311", 1, &[]),
            record("sleef", "3.5", "h0", 0, &[]),
            record("sleef", "3.6", "h0", 0, &["__glibc >=2.17"]),
        ];
        let found = run(&here, &[("pytorch", "2.3.0")], &records);
        assert_eq!(found, Ok(vec!["pytorch 2.3.0 cpu_mkl_py311".into(), "sleef 3.6 h0".into()]));
    }

    #[test]
    fn what_does_not_go_together_is_not_claimed() {
        let here = [staying("vision", "1", "h", &["pytorch 2.3.0 cuda*"])];
        let records = [record("pytorch", "2.3.0", "cpu_py311", 0, &[])];
        let found = run(&here, &[("pytorch", "2.3.0")], &records);
        assert_eq!(found, Err("no build of pytorch 2.3.0 that goes with what stays".into()));
        let records = [record("pytorch", "2.3.0", "cpu_py311", 0, &["__cuda"])];
        assert!(run(&[], &[("pytorch", "2.3.0")], &records).is_err());
    }

    #[test]
    fn a_choice_that_leads_nowhere_is_taken_back() {
        let records = [
            record("a", "1", "h", 0, &["b", "c"]),
            record("b", "2", "h", 0, &["c >=2"]),
            record("b", "1", "h", 0, &[]),
            record("c", "1", "h", 0, &[]),
        ];
        assert_eq!(run(&[], &[("a", "1")], &records), Ok(vec!["a 1 h".into(), "b 1 h".into(), "c 1 h".into()]));
    }

    #[test]
    fn a_selector_of_builds_may_change_its_version() {
        let records = [
            record("tensorflow", "2.12", "mkl_py311", 0, &["_tflow_select 2.3.0 mkl", "tensorflow-base 2.12 mkl_1"]),
            record("_tflow_select", "2.1.0", "gpu", 0, &[]),
            record("_tflow_select", "2.3.0", "mkl", 0, &[]),
            record("tensorflow-base", "2.12", "mkl_1", 0, &[]),
        ];
        let found = run(&[], &[("tensorflow", "2.12")], &records);
        let expected = ["_tflow_select 2.3.0 mkl", "tensorflow 2.12 mkl_py311", "tensorflow-base 2.12 mkl_1"];
        assert_eq!(found, Ok(expected.map(str::to_owned).to_vec()));
    }
}
