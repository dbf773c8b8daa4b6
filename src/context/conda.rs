//! conda, mamba and micromamba. What their solver would choose is not looked up: what an explicit list names is.
//!
//! Source: conda's and micromamba's command references.

use super::ContextError;
use super::known::{CondaRequest, KnownFile};
use super::run::{Outcome, Place};
use super::stage::{Stage, World};
use crate::base::{ImagePath, parent};
use crate::command::{Command, Means, Tool as Line};
use crate::conda::parse_explicit;
use crate::image::{GapReason, Packages, Writes};
use crate::layer::Entry;

impl Stage {
    pub(super) fn conda(
        &mut self,
        world: &World<'_>,
        program: &str,
        words: &[String],
        place: &Place<'_>,
    ) -> Result<Outcome, ContextError> {
        let read = Command::parse(Line::Conda, words);
        let verbs: Vec<&str> = read.words.iter().map(String::as_str).collect();
        match verbs.as_slice() {
            // What is thrown away there came in the same command, or is hidden below. Packages that an environment is linked
            // with stay, with their notes, unless the whole folder goes.
            ["clean", ..] => {
                let is_short = |word: &String| word.starts_with('-') && !word.starts_with("--") && word.contains('f');
                if words.iter().any(|word| word == "--force-pkgs-dirs" || is_short(word))
                    && let Writes::Within(folders) = self.package_folder(program, &read)
                {
                    folders.iter().for_each(|folder| self.forget_gaps(folder));
                }
                return Ok(Outcome::Done);
            }
            ["info" | "list" | "search" | "activate" | "deactivate" | "help", ..]
            | ["env", "list" | "export", ..]
            | [] => {
                return Ok(Outcome::Done);
            }
            ["config", ..] => {
                let path = ImagePath::new(&[&self.home()[..], b"/.condarc"].concat());
                return Ok(Outcome::Partly(GapReason::Makes, Writes::at(path)));
            }
            ["install" | "create" | "update", ..] | ["env", "create" | "update", ..] => {}
            _ => return Ok(not_looked_up()),
        }
        if read.has(&[Means::DryRun]) {
            return Ok(Outcome::Done);
        }
        let files: Vec<&str> = read.values(Means::Requirements).collect();
        let named = if verbs.first() == Some(&"env") { &verbs[2..] } else { &verbs[1..] };
        let ([file], []) = (files.as_slice(), named) else { return Ok(not_looked_up()) };
        if read.open.is_some() || read.words.is_empty() || words.iter().any(|word| word == "--download-only") {
            return Ok(not_looked_up());
        }
        let Some(prefix) = self.conda_prefix(program, &read) else { return Ok(not_looked_up()) };
        let Some(path) = self.at(file) else { return Ok(not_looked_up()) };
        if !self.tree.exists(&self.tree.resolve(path.as_bytes())) {
            let why = self.absent(file, "the list of packages", place)?;
            return Ok(Outcome::Unknown(why));
        }
        let text = self.text_of(world, path.as_bytes()).and_then(|text| String::from_utf8(text).ok());
        let Some(text) = text else { return Ok(Outcome::Unknown(GapReason::Content((*file).to_owned()))) };
        let locked = parse_explicit(&text);
        let platform = world.options.platform.clone();
        let request = CondaRequest {
            prefix: &prefix,
            text: &text,
            locked,
            compiles: !words.iter().any(|word| word == "--no-pyc"),
            platform: &platform,
        };
        let Some(known) = world.outside.conda(&request) else { return Ok(not_looked_up()) };
        let mut history = 400u64;
        for package in &known.packages {
            history = history.saturating_add(60 + package.len() as u64);
        }
        for (package, why) in known.unknown {
            self.gap(place.text, &package, GapReason::CondaPackage(why), Writes::at(prefix.clone()));
        }
        for KnownFile { entry, content } in known.files {
            self.tree.put(entry, content);
        }
        self.tree.put(Entry::file(prefix.join(b"conda-meta/history"), history), None);
        // Archives, and what else of the packages is not linked into the environment.
        let folder = self.package_folder(program, &read);
        self.gap(place.text, "the folder of packages", GapReason::InstallerCache, folder);
        Ok(Outcome::Done)
    }

    /// Where packages are unpacked and kept.
    fn package_folder(&self, program: &str, read: &Command) -> Writes {
        let named =
            self.variable("CONDA_PKGS_DIRS").map(|value| value.split(',').next().unwrap_or_default().to_owned());
        match named {
            Some(place) => self.at(&place).map_or(Writes::Anywhere, Writes::at),
            None => self.conda_root(program, read).map_or(Writes::Anywhere, |root| Writes::at(root.join(b"pkgs"))),
        }
    }

    /// The environment that is installed into.
    pub(super) fn conda_prefix(&self, program: &str, read: &Command) -> Option<ImagePath> {
        if let Some(prefix) = read.value(Means::Prefix) {
            return self.at(prefix);
        }
        let root = self.conda_root(program, read)?;
        match read.value(Means::Target) {
            None | Some("base") => Some(root),
            Some(name) if !name.contains('/') => Some(root.join(b"envs").join(name.as_bytes())),
            Some(_) => None,
        }
    }

    /// Where conda itself is, and its environments are.
    fn conda_root(&self, program: &str, read: &Command) -> Option<ImagePath> {
        let of_program = || {
            let path = self.program(program)?;
            let bin = parent(&path);
            let root = parent(bin);
            (bin.ends_with(b"/bin") && self.tree.exists(&[root, b"/conda-meta"].concat())).then(|| ImagePath::new(root))
        };
        let of_variable = |name: &str| self.variable(name).filter(|value| value.starts_with('/')).map(ImagePath::from);
        let root = read.value(Means::Root).and_then(|root| self.at(root));
        root.or_else(|| of_variable("MAMBA_ROOT_PREFIX")).or_else(of_program).or_else(|| of_variable("CONDA_DIR"))
    }
}

fn not_looked_up() -> Outcome {
    Outcome::Unknown(GapReason::NotLookedUp(Packages::Conda))
}
