//! conda, mamba, micromamba and conda-lock. What a solver would choose is not looked up: what an explicit list or a lock file
//! names is.
//!
//! Source: conda's, micromamba's and conda-lock's command references.

use super::error::Result;
use super::installer::open;
use super::known::{CondaRequest, KnownFile};
use super::run::{Outcome, Place};
use super::stage::{Stage, World};
use crate::base::{ImagePath, file_name, parent};
use crate::command::{Command, Means, Tool as Line};
use crate::conda::{parse_explicit, parse_lock, subdir};
use crate::image::{GapReason, Packages, Writes};
use crate::layer::Entry;

/// The shell that micromamba's images name. Source: mamba-org/micromamba-docker: it ends with `exec bash -o pipefail -c "$@"`.
const SHELL_OF_MICROMAMBA: &str = "usr/local/bin/_dockerfile_shell.sh";

/// What is installed of a file.
struct List<'l> {
    /// Who installs.
    program: &'l str,
    /// Its command line.
    read: &'l Command,
    /// The file, as the command names it.
    file: &'l str,
    /// The environment.
    prefix: ImagePath,
    /// Which categories of a lock file of conda-lock's, where the file may be one.
    wanted: Option<&'l dyn Fn(&str) -> bool>,
    /// Whether modules are compiled.
    compiles: bool,
}

impl Stage {
    pub(super) fn conda(
        &mut self,
        world: &World<'_>,
        program: &str,
        words: &[String],
        place: &Place<'_>,
    ) -> Result<Outcome> {
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
        // libmamba reads lock files of conda-lock's, by their names, and installs what is of the category `main`.
        let by_libmamba =
            file_name(program.as_bytes()) != b"conda" && !words.iter().any(|word| word.starts_with("--category"));
        let is_lock = by_libmamba && ["-lock.yml", "-lock.yaml"].iter().any(|end| file.ends_with(end));
        let is_main = |category: &str| category == "main";
        let compiles = !words.iter().any(|word| word == "--no-pyc");
        let wanted = is_lock.then_some(&is_main as &dyn Fn(&str) -> bool);
        self.conda_installs(world, &List { program, read: &read, file, prefix, wanted, compiles }, place)
    }

    /// `conda-lock install`: what a lock file has is installed by conda, and what is pip's by pip.
    pub(super) fn conda_lock(&mut self, world: &World<'_>, words: &[String], place: &Place<'_>) -> Result<Outcome> {
        let read = Command::parse(Line::CondaLock, words);
        let verbs: Vec<&str> = read.words.iter().map(String::as_str).collect();
        if let Some(why) = open(&read) {
            return Ok(why);
        }
        let file = match verbs.as_slice() {
            ["install"] => "conda-lock.yml",
            ["install", file] => file,
            [] => return Ok(Outcome::Done),
            _ => return Ok(Outcome::Unknown(GapReason::Makes)),
        };
        let Some(prefix) = self.conda_prefix("conda", &read) else { return Ok(not_looked_up()) };
        let extras: Vec<&str> = read.values(Means::Extra).collect();
        let has_dev = !read.has(&[Means::NoDev]);
        let is_wanted = |name: &str| name == "main" || name == "dev" && has_dev || extras.contains(&name);
        let list = List { program: "conda", read: &read, file, prefix, wanted: Some(&is_wanted), compiles: true };
        self.conda_installs(world, &list, place)
    }

    /// Installs what a file lists.
    fn conda_installs(&mut self, world: &World<'_>, list: &List<'_>, place: &Place<'_>) -> Result<Outcome> {
        let List { file, prefix, .. } = list;
        let Some(path) = self.at(file) else { return Ok(not_looked_up()) };
        if !self.tree.exists(&self.tree.resolve(path.as_bytes())) {
            let why = self.absent(file, "the list of packages", place)?;
            return Ok(Outcome::Unknown(why));
        }
        let text = self.text_of(world, path.as_bytes()).and_then(|text| String::from_utf8(text).ok());
        let Some(text) = text else { return Ok(Outcome::Unknown(GapReason::Content((*file).to_owned()))) };
        let platform = world.options.platform.clone();
        let mut locked = parse_explicit(&text);
        let mut requirements = Vec::new();
        if let Some(is_wanted) = list.wanted.filter(|_| locked.is_none()) {
            let Some(subdir) = subdir(&platform) else { return Ok(not_looked_up()) };
            match parse_lock(file, text.clone(), subdir, is_wanted) {
                Ok(lock) => (locked, requirements) = (Some(lock.archives), lock.requirements),
                Err(why) => return Ok(Outcome::Unknown(GapReason::CondaPackage(why))),
            }
        }
        let request = CondaRequest { prefix, text: &text, locked, compiles: list.compiles, platform: &platform };
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
        let folder = self.package_folder(list.program, list.read);
        self.gap(place.text, "the folder of packages", GapReason::InstallerCache, folder);
        if requirements.is_empty() {
            return Ok(Outcome::Done);
        }
        let mut words = vec![format!("{}/bin/python", prefix)];
        words.extend(["-m", "pip", "install", "--no-deps"].map(str::to_owned));
        words.extend(requirements);
        self.installer(world, &words, place)
    }

    /// Whether a shell is the script that runs the commands of micromamba's own images, as the base has it.
    pub(super) fn is_shell_of_micromamba(&self, words: &[String]) -> bool {
        let [program] = words else { return false };
        let path = SHELL_OF_MICROMAMBA.as_bytes();
        program.strip_prefix('/') == Some(SHELL_OF_MICROMAMBA)
            && self.variable("MAMBA_EXE").is_some()
            && self.tree.exists(path)
            && !self.tree.is_new_since_base(path)
            && !self.tree.is_doubtful(path)
    }

    /// What that script does where it is told to: the environment's programs are found first.
    pub(super) fn activate_micromamba(&mut self) {
        let root = self.variable("MAMBA_ROOT_PREFIX").unwrap_or("/opt/conda").to_owned();
        let prefix = match self.variable("ENV_NAME").filter(|name| *name != "base") {
            Some(name) => format!("{root}/envs/{name}"),
            None => root,
        };
        let path = self.variable("PATH").unwrap_or_default().to_owned();
        self.assign("PATH", Some(format!("{prefix}/bin:{path}")));
        self.assign("CONDA_PREFIX", Some(prefix));
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
