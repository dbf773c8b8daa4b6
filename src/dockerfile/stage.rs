//! Stages: which of them the final image is made of, and what is known at an instruction.

use super::arguments::expanded;
use super::{Dockerfile, Instruction, Kind};
use std::collections::{BTreeMap, BTreeSet};

/// One stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The image or stage that it builds on, as written.
    pub image: String,
    /// Its instructions, `FROM` first.
    pub instructions: std::ops::Range<usize>,
    /// The stage that it builds on, if it is one of the file.
    pub parent: Option<usize>,
}

/// What is known where an instruction runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The working directory, absolute; `None` where it depends on what is not known.
    pub directory: Option<String>,
    /// Variables with known values, of `ENV` and of `ARG` defaults.
    pub variables: BTreeMap<String, String>,
    /// The names of all variables of `ENV`.
    pub environment: BTreeSet<String>,
    /// Whether the shell is another one than `sh` and its like.
    pub foreign_shell: bool,
    /// The names of the `ARG`s: without a value they are empty.
    pub declared: BTreeSet<String>,
    /// Variables that have a value which is not known.
    pub unknown: BTreeSet<String>,
    /// Whether all variables of the base are known: one that is not there has no value then, and counts as an empty text.
    pub complete: bool,
    /// The words of `SHELL`; empty where there is none.
    pub shell: Vec<String>,
}

pub(super) fn stages(instructions: &[Instruction]) -> Vec<Stage> {
    let starts: Vec<usize> = instructions
        .iter()
        .enumerate()
        .filter(|(_, instruction)| matches!(instruction.kind, Kind::From { .. }))
        .map(|(position, _)| position)
        .collect();
    let mut out: Vec<Stage> = Vec::new();
    for (position, &start) in starts.iter().enumerate() {
        let end = starts.get(position + 1).copied().unwrap_or(instructions.len());
        let Kind::From { image, name } = &instructions[start].kind else { continue };
        let parent = out.iter().position(|stage| is_called(stage, image));
        out.push(Stage { name: name.clone(), image: image.clone(), instructions: start..end, parent });
    }
    out
}

fn is_called(stage: &Stage, name: &str) -> bool {
    stage.name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name))
}

impl Dockerfile<'_> {
    /// A stage by name or number.
    pub fn stage(&self, name: &str) -> Option<usize> {
        let number = || name.parse().ok().filter(|&number: &usize| number < self.stages.len());
        self.stages.iter().position(|stage| is_called(stage, name)).or_else(number)
    }

    /// A stage and the stages below it, lowest first: their layers are the image's.
    pub fn lineage(&self, stage: usize) -> Vec<usize> {
        let mut out = Vec::new();
        let mut next = Some(stage);
        while let Some(stage) = next.filter(|&stage| stage < self.stages.len()) {
            out.push(stage);
            // A parent stands before its child, so this ends.
            next = self.stages[stage].parent;
        }
        out.reverse();
        out
    }

    /// The stage that an instruction belongs to; `None` before the first.
    pub fn stage_of(&self, instruction: usize) -> Option<usize> {
        self.stages.iter().position(|stage| stage.instructions.contains(&instruction))
    }

    /// The instructions of a stage and the stages below it, in order.
    pub fn instructions_of(&self, stage: usize) -> Vec<usize> {
        self.lineage(stage).into_iter().flat_map(|stage| self.stages[stage].instructions.clone()).collect()
    }

    /// The stage that a `COPY --from=` of an instruction names, if it is one of the file.
    pub fn source_stage(&self, instruction: usize) -> Option<usize> {
        let instruction = self.instructions.get(instruction)?;
        let from = instruction.flags.iter().find(|flag| flag.name == "from")?;
        matches!(instruction.kind, Kind::Copy(_)).then(|| self.stage(&from.value)).flatten()
    }

    /// What is known before an instruction runs. A base image is taken to have no working directory of its own.
    pub fn scope(&self, instruction: usize) -> Scope {
        let mut scope = Scope { directory: Some("/".to_owned()), ..Scope::default() };
        let Some(stage) = self.stage_of(instruction) else { return scope };
        let global = self.global_arguments();
        for position in self.instructions_of(stage).into_iter().take_while(|&position| position < instruction) {
            scope.advance(&self.instructions[position], &global, &BTreeMap::new());
        }
        scope
    }

    /// The instructions whose commands are another shell's than those that are read.
    pub fn in_foreign_shells(&self) -> BTreeSet<usize> {
        let mut out = BTreeSet::new();
        let mut at_end: Vec<bool> = Vec::new();
        for stage in &self.stages {
            // A parent stands before its child.
            let mut is_foreign = stage.parent.and_then(|parent| at_end.get(parent).copied()).unwrap_or_default();
            for position in stage.instructions.clone() {
                if let Some(Kind::Shell(words)) = self.instructions.get(position).map(|instruction| &instruction.kind) {
                    is_foreign = is_foreign_shell(words);
                }
                if is_foreign {
                    out.insert(position);
                }
            }
            at_end.push(is_foreign);
        }
        out
    }

    /// The defaults of the `ARG`s before the first `FROM`.
    pub fn global_arguments(&self) -> BTreeMap<String, String> {
        let end = self.stages.first().map_or(self.instructions.len(), |stage| stage.instructions.start);
        let mut out = BTreeMap::new();
        for instruction in &self.instructions[..end] {
            let Kind::Variables { pairs, .. } = &instruction.kind else { continue };
            for (name, value) in pairs {
                // One may be made of those before it.
                let value = value.as_deref().and_then(|value| expanded(value, &out));
                out.extend(value.map(|value| (name.clone(), value)));
            }
        }
        out
    }
}

fn is_foreign_shell(words: &[String]) -> bool {
    let program = words.first().map(|word| word.rsplit('/').next().unwrap_or_default()).unwrap_or_default();
    !["sh", "bash", "ash", "dash", "zsh", "ksh"].contains(&program)
}

impl Scope {
    /// Carries an instruction out. `global` are the arguments before the first `FROM`, which an `ARG` without a value
    /// takes its value from; `given` are those that the builder is given, which win over defaults.
    pub fn advance(
        &mut self,
        instruction: &Instruction,
        global: &BTreeMap<String, String>,
        given: &BTreeMap<String, String>,
    ) {
        match &instruction.kind {
            Kind::Workdir(path) => {
                self.directory = self.absolute(path);
            }
            Kind::Variables { environment, pairs } => {
                // All of one instruction have the values from before it.
                let valued = |(name, value): &(String, Option<String>)| {
                    let given = given.get(name).filter(|_| !environment);
                    let value = given.or(value.as_ref()).or_else(|| global.get(name));
                    value.map(|value| self.with_empty(value))
                };
                let values: Vec<Option<Option<String>>> = pairs.iter().map(valued).collect();
                for ((name, _), value) in pairs.iter().zip(values) {
                    if *environment {
                        self.environment.insert(name.clone());
                    } else if self.environment.contains(name) && value.is_none() {
                        continue;
                    }
                    // What stands below wins, an ARG's value over the ENV of the base too (BuildKit, `dispatchArg`; the
                    // builder before it did otherwise).
                    self.unknown.remove(name);
                    self.declared.insert(name.clone());
                    let has_value = value.is_some();
                    match value.flatten() {
                        Some(value) => _ = self.variables.insert(name.clone(), value),
                        None => {
                            let had_value = self.variables.remove(name).is_some();
                            // Without a value it is not set, or as it was.
                            if has_value || had_value {
                                self.unknown.insert(name.clone());
                            }
                        }
                    }
                }
            }
            Kind::Shell(words) => self.set_shell(words),
            _ => {}
        }
    }

    /// A value with those of its variables, of which some may be set nowhere.
    fn with_empty(&self, value: &str) -> Option<String> {
        let found = expanded(value, &self.variables);
        if found.is_some() || !self.complete {
            return found;
        }
        let mut variables = self.variables.clone();
        for rest in value.split('$').skip(1) {
            let name = rest.strip_prefix('{').unwrap_or(rest);
            let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name.len());
            // Those are set to what is not known.
            let is_named = self.environment.contains(&name[..end]) || self.unknown.contains(&name[..end]);
            if end > 0 && !is_named {
                variables.entry(name[..end].to_owned()).or_default();
            }
        }
        expanded(value, &variables)
    }

    /// `SHELL`
    pub fn set_shell(&mut self, words: &[String]) {
        self.shell = words.to_vec();
        self.foreign_shell = is_foreign_shell(words);
    }

    /// A text with its variables' values; `None` where one is not known.
    pub fn expand(&self, text: &str) -> Option<String> {
        expanded(text, &self.variables)
    }

    /// A path with its variables' values, absolute and without `.` and `..`; `None` where that is not known.
    pub fn absolute(&self, path: &str) -> Option<String> {
        let path = expanded(path, &self.variables)?;
        let whole = if path.starts_with('/') { path } else { format!("{}/{path}", self.directory.as_deref()?) };
        // No file system takes a longer one (PATH_MAX of Linux).
        if whole.len() > 4_096 {
            return None;
        }
        let mut parts: Vec<&str> = Vec::new();
        for part in whole.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        Some(format!("/{}", parts.join("/")))
    }
}
