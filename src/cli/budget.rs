//! The budget that a verdict rests on: configuration, baseline, day.

use super::budget_files::{BudgetFile, CONFIG};
use super::failure::{Failure, Result};
use super::output::Destination;
use super::pipeline::Measured;
use crate::base::{Text, shell_word};
use crate::budget::{Config, Date, Lock, Outcome, RestsOn, Snapshot, Verdict, day_of, evaluate};
use crate::rules::Rule;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Larger ones are no such files.
const MAX_CONFIG: u64 = 1 << 20;
const MAX_LOCK: u64 = 64 << 20;
/// What a folder without a configuration may begin with.
pub fn minimal(target: &str) -> String {
    format!(
        "`slimwright check {} --init` writes {CONFIG} with limits that the image keeps; or write one, for example \
         `limits.unpacked = \"900 MB\"`, or give --limit 'unpacked=900 MB'",
        shell_word(target)
    )
}

/// The budget of a build context, whose audit ends with the verdict.
pub struct Budget {
    config: Config,
    file: BudgetFile,
    lock: LockFile,
    today: Date,
}

impl Budget {
    /// What `slimwright.toml` and `slimwright.lock` in the folder or the current one say; `None` where there is none.
    pub fn of_context(folder: &Path) -> Result<Option<Self>> {
        let Some(file) = BudgetFile::find(Some(folder)) else { return Ok(None) };
        let lock = LockFile::read(None, file.lock(), false)?;
        Ok(Some(Self { config: load(&file)?, file, lock, today: today()? }))
    }

    /// Judges.
    pub fn judge(&self, rules: &[Rule], measured: &Measured<'_>) -> Result<Verdict> {
        self.config.check_rules(rules).map_err(|error| Failure::of(true, error))?;
        let snapshot = Snapshot::new(measured.facts, measured.findings);
        let baseline = self.lock.lock.get(&snapshot);
        let verdict =
            evaluate(&snapshot, &self.config, baseline, self.today).map_err(|error| Failure::of(true, error))?;
        let lock = baseline.map(|_| self.lock.path.as_path());
        Ok(Verdict { rests_on: rests_on(Some(&self.file), lock, &[]), ..verdict })
    }
}

/// The lock as it was found.
pub struct LockFile {
    /// Where it is, or would be.
    pub path: PathBuf,
    /// What it says; empty where it is not there.
    pub lock: Lock,
    /// Whether it is there.
    pub is_there: bool,
}

impl LockFile {
    /// The named file must be there, unless it is about to be written.
    pub fn read(named: Option<&Path>, beside: BudgetFile, is_written: bool) -> Result<Self> {
        let file = named.map_or(beside, BudgetFile::named);
        let path = file.path.clone();
        match path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound && (named.is_none() || is_written) => {
                return Ok(Self { path, lock: Lock::default(), is_there: false });
            }
            _ => {}
        }
        let text = file
            .read(MAX_LOCK)
            .map_err(|error| Failure::usage(error).hint("`slimwright check TARGET --update` writes it"))?;
        let lock = Lock::parse(&text, &path.display().to_string()).map_err(|error| Failure::of(true, error))?;
        Ok(Self { path, lock, is_there: true })
    }

    /// Writes another one in its place.
    pub fn write(&self, lock: &Lock) -> Result<()> {
        let text = lock.render();
        Destination::File(self.path.clone(), true).write(|out| Ok(out.write_all(text.as_bytes())?))
    }
}

/// Reads the configuration.
pub fn load(file: &BudgetFile) -> Result<Config> {
    let text = file.read(MAX_CONFIG).map_err(|error| Failure::usage(error).hint(minimal("TARGET")))?;
    Config::parse(&text, &file.path.display().to_string()).map_err(|error| Failure::of(true, error))
}

/// What a verdict rests on.
pub fn rests_on(file: Option<&BudgetFile>, lock: Option<&Path>, limits: &[Text]) -> RestsOn {
    let passed_over = file.map(|file| file.passed_over.as_slice()).unwrap_or_default();
    RestsOn {
        configuration: file.map(|file| Text::of_path(&file.path)),
        passed_over: passed_over.iter().map(|path| Text::of_path(path)).collect(),
        limits: limits.to_vec(),
        baseline: lock.map(Text::of_path),
    }
}

/// Today in UTC, or the day that SOURCE_DATE_EPOCH names.
pub fn today() -> Result<Date> {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    Ok(day_of(epoch()?.unwrap_or_else(now)))
}

/// The seconds since 1970 that `SOURCE_DATE_EPOCH` names.
pub fn epoch() -> Result<Option<u64>> {
    let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let seconds = text
        .trim()
        .parse::<u64>()
        .map_err(|_| Failure::usage(anyhow::anyhow!("SOURCE_DATE_EPOCH: expected seconds since 1970, found `{text}`")));
    seconds.map(Some)
}

/// A verdict that is no pass.
pub fn failure(verdict: &Verdict) -> Failure {
    let worst = verdict.checks.iter().filter(|check| check.outcome == verdict.outcome);
    let titles: Vec<String> = worst.map(|check| check.title()).collect();
    let image = &verdict.image;
    match verdict.outcome {
        Outcome::Fail => Failure::verdict(anyhow::anyhow!("{image} is over its budget: {}", titles.join(", "))),
        _ => {
            let failure =
                Failure::measure(anyhow::anyhow!("{image} could not be measured whole: {}", titles.join(", ")));
            match verdict.gaps.is_empty() {
                true => failure,
                false => {
                    failure.hint("`unpredicted = \"allow\"` in the configuration lets what could be predicted count")
                }
            }
        }
    }
}
