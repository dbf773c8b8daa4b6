//! What may run or not is tried on a copy: what it would change is not known.

use super::error::Result;
use super::script::{Leave, Ran, Setting, Status};
use super::stage::Stage;
use crate::base::ImagePath;
use crate::image::{GapReason, Writes};

/// Steps that a copy of a stage takes, which shares its files.
const TRIAL: usize = 10_000;

impl Stage {
    /// Tries what may run or not: what it would change is a gap, and its variables have no known value any more.
    pub(super) fn maybe(&mut self, setting: Setting<'_>, run: impl FnOnce(&mut Self) -> Result<Ran>) {
        let trial = self.try_out(setting, run);
        self.take_trial(setting, trial, GapReason::Maybe);
    }

    /// Runs something on a copy. With it, whether the build would have failed; `None` where too much was tried already.
    pub(super) fn try_out(
        &self,
        setting: Setting<'_>,
        run: impl FnOnce(&mut Self) -> Result<Ran>,
    ) -> Option<(Self, bool)> {
        if !setting.world.may_try() {
            return None;
        }
        self.tree.work.steps(TRIAL);
        let mut trial = self.clone();
        trial.shell.uncertain = false;
        trial.gaps.clear();
        trial.old_gaps = 0;
        trial.tried = None;
        trial.tree.watch();
        let failed = run(&mut trial).is_err();
        Some((trial, failed))
    }

    pub(super) fn take_trial(&mut self, setting: Setting<'_>, trial: Option<(Self, bool)>, why: GapReason) {
        let Some((mut trial, failed)) = trial else {
            self.gap(setting.place.text, "a condition", GapReason::TooMuch, Writes::Anywhere);
            self.shell.all_unknown = true;
            return;
        };
        // The build would have ended there.
        if trial.shell.leave == Some(Leave::Exit(Status::Failure)) && !self.shell.tolerated {
            return;
        }
        let mut writes = Writes::Within(trial.tree.watched());
        for gap in std::mem::take(&mut trial.gaps) {
            self.take_gap(gap);
        }
        if failed {
            writes = Writes::Anywhere;
        }
        if let Writes::Within(paths) = &writes {
            let is_brought =
                |path: &&ImagePath| self.tree.foreign().contains(*path) || trial.tree.foreign().contains(*path);
            let brought: Vec<ImagePath> = paths.iter().filter(is_brought).cloned().collect();
            self.tree.taint(&brought);
        }
        if writes != Writes::nothing() {
            let command = trial.tried.clone().unwrap_or_else(|| "a condition".to_owned());
            self.gap(setting.place.text, &command, why, writes);
        }
        self.take_variables(&trial);
        self.shell.uncertain |= trial.shell.leave.is_some() || trial.shell.uncertain;
    }

    /// What differs in a trial is not known here.
    pub(super) fn take_variables(&mut self, trial: &Self) {
        self.shell.steps = self.shell.steps.max(trial.shell.steps);
        let (own, other) = (&self.scope.variables, &trial.scope.variables);
        let names = own.keys().chain(other.keys()).filter(|name| own.get(*name) != other.get(*name));
        let names: Vec<String> = names.chain(&trial.shell.unknown).cloned().collect();
        names.into_iter().for_each(|name| self.set_unknown(name));
        self.shell.all_unknown |= trial.shell.all_unknown;
        if self.scope.directory != trial.scope.directory {
            self.scope.directory = None;
        }
        let (own, other) = (&self.shell.functions, &trial.shell.functions);
        let changed = own.keys().chain(other.keys()).filter(|name| own.get(*name) != other.get(*name));
        let changed: Vec<String> = changed.chain(&trial.shell.shadowed).cloned().collect();
        self.shell.shadowed.extend(changed);
        if self.shell.arguments != trial.shell.arguments {
            self.shell.arguments = None;
        }
        if self.shell.input != trial.shell.input {
            self.shell.input = None;
        }
        let other = trial.shell.clone();
        let own = &mut self.shell;
        for (own, other) in
            [(&mut own.stops, other.stops), (&mut own.nounset, other.nounset), (&mut own.pipefail, other.pipefail)]
        {
            *own = own.filter(|value| other == Some(*value));
        }
        own.maybe_exported.extend(own.exported.symmetric_difference(&other.exported).cloned());
        own.maybe_exported.extend(other.maybe_exported);
        own.readonly.extend(other.readonly);
        if own.at_exit != other.at_exit {
            own.at_exit.doubtful = true;
            own.at_exit.scripts.extend(other.at_exit.scripts);
        }
        own.last = Status::Unknown;
    }
}
