//! What an installer puts into an environment, and what it takes out of it.
//!
//! Source: "Recording installed projects" (RECORD, INSTALLER, REQUESTED, direct_url.json), PEP 405 (`pyvenv.cfg`).

use super::ContextError;
use super::KnownDistribution;
use super::described::Description;
use super::error::Result;
use super::installer::{Order, Project, Tool, Upgrades};
use super::run::{Outcome, Place};
use super::sequence;
use super::site::Site;
use super::stage::{Stage, World};
use super::tree::directory;
use crate::base::{ByteSize, Digest, ImagePath, file_name, names, parent};
use crate::image::{GapReason, Writes};
use crate::index::{Request, RequestError, Resolution, Resolved};
use crate::layer::{Entry, EntryKind, distil, is_kept};
use crate::manifest::{Markers, parse_requirement_line};
use crate::python::{is_name, normalize_name, parse_record};
use crate::wheel::{Installation, Installer, Layout, Platform, WheelInfo, predicted_bytecode};
use base64::Engine as _;
use std::collections::{BTreeMap, BTreeSet};

/// Distributions that make environments usable, and that installers leave where they are.
const SEEDS: [&str; 4] = ["pip", "setuptools", "wheel", "uv"];

/// Programs that activate an environment, and what `venv` and uv write into them, in bytes (measured with Python 3.11 and uv
/// 0.13; they differ by the length of the path that is written into them a few times).
const ACTIVATE: [(&str, u64, u64); 7] = [
    ("activate", 1_990, 4_060),
    ("activate.csh", 916, 2_600),
    ("activate.fish", 2_192, 4_170),
    ("Activate.ps1", 9_033, 0),
    ("activate.ps1", 0, 2_760),
    ("activate.nu", 0, 3_840),
    ("activate_this.py", 0, 2_390),
];

/// By how many bytes what is left to chance has to differ for a gap.
const MIN_CHANCE: u64 = 100_000;

/// What uv keeps of the index for each distribution, in bytes (measured: 46 MB for 187 with uv 0.13; predicted of others).
const UV_NOTES: u64 = 246_000;

/// What a project says of itself.
struct Built {
    description: Option<Description>,
    /// Whether its build runs code of its own.
    runs_own_code: bool,
}

impl Stage {
    /// Installs what is ordered.
    pub(super) fn install(&mut self, world: &World<'_>, order: Order, place: &Place<'_>) -> Result<Outcome> {
        let installed = self.installed(&order.site);
        let platform = self.platform(world, &order.site.python);
        let mut order = order;
        order.request.python_full = self.full_version(world, &order.site.python);
        order.request.for_pip = order.tool == Tool::Pip;
        let (resolution, undetermined) = self.resolve(world, &order, &installed, &platform, place)?;
        let known: Vec<Option<KnownDistribution>> =
            resolution.packages.iter().map(|package| world.outside.installed(package)).collect();
        let is_known = |what: &str| {
            let rows = resolution.packages.iter().zip(&known).filter(|(_, known)| known.is_some());
            rows.into_iter().any(|(package, _)| package.name == what)
        };
        // Projects are read before anything is installed: what that does that is not known does not change them.
        let projects: Vec<Built> = order.projects.iter().map(|project| self.read_project(world, project)).collect();
        for (what, why) in resolution.not_predicted.iter().filter(|(what, _)| !is_known(what)) {
            // What builds it is a program like any other.
            let why = GapReason::Distribution { why: why.clone(), site: order.site.site_dir.clone() };
            self.gap(place.text, what, why, Writes::Anywhere);
        }
        resolution.notes.iter().for_each(|note| world.note(note.clone()));
        if order.exact {
            let kept: BTreeSet<&str> = resolution.packages.iter().map(|package| package.normalized.as_str()).collect();
            for name in installed.keys().filter(|name| !kept.contains(name.as_str()) && !SEEDS.contains(&name.as_str()))
            {
                self.uninstall_one(&order.site, name);
            }
        }
        let installer = installer_of(order.tool, installed.get("pip").map(String::as_str));
        let told = |package: &Resolved| {
            let is_it = |what: &str| what.split(' ').next() == Some(&package.name);
            resolution.not_predicted.iter().any(|(what, _)| is_it(what))
        };
        let sequence = self.sequence(world, &order, &resolution.packages, &known, place);
        let mut known = known;
        for at in sequence {
            let (package, known) = (&resolution.packages[at], known[at].take());
            let version = package.version.as_deref().unwrap_or_default();
            let is_there = installed.get(&package.normalized).is_some_and(|known| is_same_version(known, version));
            if is_there && order.upgrades != Upgrades::All {
                continue;
            }
            if !order.site.is_target {
                self.uninstall_one(&order.site, &package.normalized);
            }
            if let Some(known) = known {
                if order.caches {
                    let cache = Writes::at(ImagePath::new(&self.home()));
                    self.gap(place.text, &package.name, GapReason::InstallerCache, cache);
                }
                self.put_known(&order, known);
            } else if package.info.is_some() || !told(package) {
                self.put_distribution(world, &order, &installer, package, place);
            }
        }
        for (project, built) in order.projects.iter().zip(projects) {
            self.install_project(&order, project, built, place);
        }
        let there = self.installed(&order.site);
        let absent = undetermined.into_iter().filter(|name| !there.contains_key(name));
        self.undetermined.extend(absent.map(|name| (order.site.site_dir.clone(), name)));
        self.keep_downloads(&order, &resolution.packages);
        Ok(Outcome::Done)
    }

    /// Positions of the distributions in the order in which they are installed. Where that is chance, and matters, there is a gap.
    fn sequence(
        &mut self,
        world: &World<'_>,
        order: &Order,
        packages: &[Resolved],
        known: &[Option<KnownDistribution>],
        place: &Place<'_>,
    ) -> Vec<usize> {
        let site = &order.site.site_dir;
        let files = |at: usize| -> Vec<(ImagePath, u64)> {
            match (&known[at], &packages[at].info) {
                (Some(known), _) => {
                    let entries = known.files.iter().map(|file| &file.entry);
                    entries.map(|entry| (entry.path.clone(), entry.size)).collect()
                }
                (None, Some(info)) => {
                    info.contents.files.iter().map(|file| (site.join(&file.path), file.size)).collect()
                }
                (None, None) => Vec::new(),
            }
        };
        let all = || (0..packages.len()).collect();
        let shared = sequence::shared(packages, site, files);
        if shared.names.is_empty() {
            return all();
        }
        if order.tool == Tool::Pip {
            let python = self.full_version(world, &order.site.python).unwrap_or_else(|| order.site.python.clone());
            let markers = Markers::new(&python, &world.options.platform);
            return sequence::of_pip(packages, &markers, order.request.no_deps);
        }
        let all_names: Vec<&str> = shared.names.into_iter().collect();
        let (names, tool) = (names(&all_names, 4), order.tool.name());
        if shared.differ >= MIN_CHANCE {
            let why = GapReason::Chance { names, tool: tool.to_owned(), bytes: shared.differ };
            self.gap(place.text, place.text, why, Writes::Within(shared.tops.into_iter().collect()));
        } else if shared.differ > 0 {
            let differ = ByteSize(shared.differ);
            world.note(format!(
                "{names} have files of the same paths, and {tool} installs them at once: they differ by {differ}"
            ));
        }
        all()
    }

    /// Puts the wheels of what is ordered into a folder: `pip wheel`, `pip download`.
    pub(super) fn store(
        &mut self,
        world: &World<'_>,
        mut order: Order,
        folder: &ImagePath,
        place: &Place<'_>,
    ) -> Result<Outcome> {
        let platform = self.platform(world, &order.site.python);
        order.request.python_full = self.full_version(world, &order.site.python);
        order.request.for_pip = true;
        let (resolution, _) = self.resolve(world, &order, &BTreeMap::new(), &platform, place)?;
        for (what, why) in &resolution.not_predicted {
            let why = GapReason::Distribution { why: why.clone(), site: folder.clone() };
            self.gap(place.text, what, why, Writes::Anywhere);
        }
        for package in &resolution.packages {
            let (Some(info), Some(wheel)) = (&package.info, &package.wheel) else { continue };
            let content = Some(super::origin::of_index(wheel.file.as_bytes()));
            let path = folder.join(wheel.file.as_bytes());
            self.tree.put(Entry { content, ..Entry::file(path, info.contents.wire) }, None);
        }
        for project in &order.projects {
            let what = format!("the project in {}", project.folder);
            self.gap(place.text, &what, GapReason::ProjectPackages, Writes::Anywhere);
        }
        self.keep_downloads(&order, &resolution.packages);
        Ok(Outcome::Done)
    }

    /// What is installed, and the names of what is in versions that nobody knows.
    fn resolve(
        &self,
        world: &World<'_>,
        order: &Order,
        installed: &BTreeMap<String, String>,
        platform: &Platform,
        place: &Place<'_>,
    ) -> Result<(Resolution, Vec<String>)> {
        let failed = |source| match source {
            RequestError::Uv(source) => ContextError::NoUv { place: place.text.into(), source },
            source => ContextError::Request { place: place.text.into(), source: Box::new(source) },
        };
        let is_pin =
            |(name, version): &(&String, &String)| is_name(name) && version.parse::<pep440_rs::Version>().is_ok();
        let pins = || installed.iter().filter(is_pin).map(|(name, version)| (name.clone(), version.clone())).collect();
        // An installer leaves what fits where it is; pip's `--upgrade` is for what is asked for by name.
        let stays = !order.exact && matches!(order.upgrades, Upgrades::No | Upgrades::Asked);
        let upgrade = order.upgrades == Upgrades::Asked;
        let installed = if stays { pins() } else { Vec::new() };
        let is_here = |(site, _): &&(ImagePath, String)| stays && *site == order.site.site_dir;
        let present = self.undetermined.iter().filter(is_here).map(|(_, name)| name.clone()).collect();
        let request = Request { installed, present, upgrade, ..order.request.clone() };
        let answer = world.outside.resolve(&request, &self.files(world), platform);
        let resolution = self.or_gap(answer, &request).map_err(failed)?;
        // A repository or an archive need not tell a name.
        let unknown = |package: &&Resolved| package.info.is_none() && is_name(&package.normalized);
        let mut undetermined: Vec<String> =
            resolution.packages.iter().filter(unknown).map(|package| package.normalized.clone()).collect();
        if resolution.packages.is_empty() && !resolution.not_predicted.is_empty() {
            let asked = crate::index::export(&request, &self.files(world), platform).map(|(lines, _)| lines);
            let names = asked.unwrap_or_default();
            let named = names.lines().filter_map(|line| parse_requirement_line(line).ok());
            undetermined.extend(named.map(|requirement| requirement.normalized()).filter(|name| is_name(name)));
        }
        Ok((resolution, undetermined))
    }

    /// An index that does not answer says nothing of the rest of the image: where that is known, what is installed is a gap. An
    /// index that the command names says nothing of what others install either.
    fn or_gap(&self, answer: Result<Resolution, RequestError>, request: &Request) -> Result<Resolution, RequestError> {
        match answer {
            Err(error @ (RequestError::Index { .. } | RequestError::Late(_) | RequestError::Failed(_)))
                if self.is_whole() || !request.places.is_empty() =>
            {
                let not_predicted = vec![("what it installs".to_owned(), error.to_string())];
                Ok(Resolution { not_predicted, ..Resolution::default() })
            }
            answer => answer,
        }
    }

    /// Names and versions of what an environment has.
    pub(super) fn installed(&self, site: &Site) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        if site.is_target {
            return out;
        }
        let vendor: &[u8] = b"usr/lib/python3/dist-packages";
        let sees_vendor = site.site_dir.as_bytes().ends_with(b"/dist-packages");
        for folder in std::iter::once(site.site_dir.as_bytes()).chain(sees_vendor.then_some(vendor)) {
            for name in self.tree.names(folder) {
                if let Some((name, version)) = distribution_of(&name) {
                    out.entry(name).or_insert(version);
                }
            }
        }
        out
    }

    /// Takes a distribution out of an environment.
    pub(super) fn uninstall_one(&mut self, site: &Site, normalized: &str) {
        let folder = site.site_dir.as_bytes();
        let is_it = |name: &Vec<u8>| distribution_of(name).is_some_and(|(name, _)| name == normalized);
        let Some(metadata) = self.tree.names(folder).into_iter().find(is_it) else { return };
        let metadata = [folder, b"/", &metadata].concat();
        let record = self.tree.content(&[&metadata[..], b"/RECORD"].concat()).map(<[u8]>::to_vec).unwrap_or_default();
        for row in parse_record(&record).0 {
            let path = match row.path.starts_with(b"/") {
                true => ImagePath::new(&row.path),
                false => site.site_dir.join(&row.path),
            };
            self.tree.remove(path.as_bytes());
            if let Some(compiled) = bytecode_of(path.as_bytes(), &site.python) {
                self.tree.remove(&compiled);
            }
        }
        self.tree.remove(&metadata);
    }

    /// The files of a wheel.
    fn put_distribution(
        &mut self,
        world: &World<'_>,
        order: &Order,
        installer: &Installer,
        package: &Resolved,
        place: &Place<'_>,
    ) {
        let version = package.version.as_deref().unwrap_or_default();
        let Some(info) = &package.info else {
            let reason = if package.reason.is_empty() { "what it installs is not known" } else { &package.reason };
            let why = GapReason::Distribution { why: reason.to_owned(), site: order.site.site_dir.clone() };
            return self.gap(place.text, format!("{} {version}", package.name).trim_end(), why, Writes::Anywhere);
        };
        let site = &order.site;
        let how = Installation {
            layout: Layout {
                prefix: site.prefix.clone(),
                site_dir: site.site_dir.clone(),
                python: site.python.clone(),
            },
            installer: installer.clone(),
            interpreter: site.interpreter.clone(),
            bytecode: order.compiles,
            ratio: world.outside.bytecode_ratio(package),
            requested: package.requested,
            direct_url: package.url.clone(),
        };
        let mut record = String::new();
        let mut metadata = None;
        let mut overwritten = 0u64;
        for installed in info.installed(&package.name, &how) {
            let path = installed.path;
            overwritten = overwritten.saturating_add(self.tree.new_bytes(path.as_bytes()).unwrap_or_default());
            let digest = installed.crc32.map(|crc| token(crc, installed.size));
            let is_bytecode =
                path.as_bytes().ends_with(b".pyc") && file_name(parent(path.as_bytes())) == b"__pycache__";
            if !is_bytecode {
                record.push_str(&row(&path, site, digest, installed.size));
            }
            let content = about(info, &path).map(|text| distil(path.as_bytes(), text.to_vec()));
            if content.is_some() {
                metadata.get_or_insert_with(|| ImagePath::new(parent(path.as_bytes())));
            }
            let mode = if parent(path.as_bytes()).ends_with(b"/bin") { 0o755 } else { 0o644 };
            self.tree.put(Entry { content: digest, mode, ..Entry::file(path, installed.size) }, content);
        }
        if order.tool == Tool::Uv && order.caches && overwritten > 0 {
            // In uv's cache both are whole; what another one overwrites in the environment is linked there no more.
            let unlinked = ImagePath::new(&self.uv_cache()).join(b"archive-v0").join(package.normalized.as_bytes());
            self.tree.put(Entry::file(unlinked, overwritten), None);
        }
        let Some(metadata) = metadata else { return };
        let small = [("INSTALLER", format!("{}\n", order.tool.name())), ("RECORD", record)];
        for (name, text) in small {
            let path = metadata.join(name.as_bytes());
            if let Some(entry) = self.tree.get(path.as_bytes()).cloned() {
                self.tree.put(entry, Some(text.into_bytes()));
            }
        }
    }

    /// What installers keep of what they download.
    fn keep_downloads(&mut self, order: &Order, packages: &[Resolved]) {
        if !order.caches {
            return;
        }
        let home = self.home();
        let folder = match order.tool {
            Tool::Pip => {
                let named = self.variable("PIP_CACHE_DIR").and_then(|folder| self.at(folder));
                named.map_or_else(
                    || [&home[..], b"/.cache/pip/http-v2"].concat(),
                    |folder| [folder.as_bytes(), b"/http-v2"].concat(),
                )
            }
            Tool::Poetry => [&home[..], b"/.cache/pypoetry/artifacts"].concat(),
            Tool::Pdm => [&home[..], b"/.cache/pdm"].concat(),
            // Its cache is hard-linked with the environment, unless it is told to copy, or the cache is mounted. What it
            // notes of the index comes on top.
            Tool::Uv => {
                let notes = ImagePath::new(&self.uv_cache()).join(b"simple-v16/index");
                self.tree.put(Entry::file(notes, UV_NOTES.saturating_mul(packages.len() as u64)), None);
                let copies = self.variable("UV_LINK_MODE") == Some("copy");
                if !copies {
                    return;
                }
                [&self.uv_cache()[..], b"/archive-v0"].concat()
            }
        };
        for package in packages {
            let Some(info) = package.info.as_ref() else { continue };
            if order.tool == Tool::Pip && !info.keepable {
                continue;
            }
            let size = if order.tool == Tool::Uv { info.contents.unpacked() } else { info.contents.wire };
            let path = ImagePath::new(&folder).join(package.normalized.as_bytes());
            self.tree.put(Entry::file(path, size), None);
        }
    }

    /// Makes a virtual environment; `false` where there is one already.
    pub(super) fn make_environment(&mut self, folder: &ImagePath, base: &Site, shares: bool, by_uv: bool) -> bool {
        let settings = folder.join(b"pyvenv.cfg");
        if self.tree.exists(settings.as_bytes()) {
            return false;
        }
        let home = base.interpreter.rsplit_once('/').map_or("/usr/local/bin", |(folder, _)| folder);
        let text = format!(
            "home = {home}\ninclude-system-site-packages = {shares}\nversion = {}\nexecutable = {}\ncommand = {} -m venv {folder}\n",
            base.python, base.interpreter, base.interpreter
        );
        self.write(settings, text.into_bytes(), 0, 0);
        let bin = folder.join(b"bin");
        let first = base.interpreter.clone();
        for (name, target) in
            [("python3", first.as_str()), ("python", "python3"), (&format!("python{}", base.python), "python3")]
        {
            let link = Entry {
                kind: EntryKind::Symlink,
                link: Some(target.as_bytes().into()),
                ..Entry::file(bin.join(name.as_bytes()), 0)
            };
            self.tree.put(link, None);
        }
        for (name, venv, uv) in ACTIVATE {
            let size = if by_uv { uv } else { venv };
            if size > 0 {
                self.tree.put(Entry::file(bin.join(name.as_bytes()), size), None);
            }
        }
        self.tree.put(directory(folder.join(format!("lib/python{}/site-packages", base.python).as_bytes())), None);
        true
    }

    /// Bytecode for all source below a folder.
    pub(super) fn compile_below(&mut self, folder: &[u8], python: &str) {
        self.compile_where(&ImagePath::new(folder), python, |_| true);
    }

    /// Bytecode for the source below a folder that is wanted, which is asked for by its path below the folder and without `.py`.
    pub(super) fn compile_where(&mut self, folder: &ImagePath, python: &str, wanted: impl Fn(&str) -> bool) {
        let start = if folder.is_root() { 0 } else { folder.as_bytes().len() + 1 };
        let is_wanted = |path: &ImagePath| {
            let module = path.as_bytes().strip_suffix(b".py").and_then(|path| path.get(start..));
            module.and_then(|module| std::str::from_utf8(module).ok()).is_some_and(&wanted)
        };
        let sources: Vec<(ImagePath, u64)> = self
            .tree
            .below(folder.as_bytes())
            .filter(|(path, entry)| entry.kind == EntryKind::File && is_wanted(path))
            .map(|(path, entry)| (path.clone(), entry.size))
            .collect();
        for (path, size) in sources {
            let Some(compiled) = bytecode_of(path.as_bytes(), python) else { continue };
            if !self.tree.exists(&compiled) {
                self.tree.put(Entry::file(ImagePath::new(&compiled), predicted_bytecode(size, python)), None);
            }
        }
    }

    fn read_project(&self, world: &World<'_>, project: &Project) -> Built {
        let table = self.project_table(world, &project.folder);
        let own_code = |table: &toml::Table| self.runs_own_code(world, &project.folder, table);
        let runs_own_code = table.as_ref().is_some_and(own_code);
        Built { description: table.as_ref().and_then(Description::read), runs_own_code }
    }

    /// A project of the context: its packages are copied into the environment, or a line leads to them.
    fn install_project(&mut self, order: &Order, project: &Project, built: Built, place: &Place<'_>) {
        let Some(description) = built.description else {
            let what = format!("the project in {}", project.folder);
            return self.gap(place.text, &what, GapReason::ProjectName, Writes::Anywhere);
        };
        if built.runs_own_code {
            let what = format!("the build of the project in {}", project.folder);
            self.gap(place.text, &what, GapReason::Makes, Writes::Anywhere);
        }
        let written = description.name.replace(['-', '.'], "_");
        let metadata = order.site.site_dir.join(format!("{written}-{}.dist-info", description.version).as_bytes());
        let mut paths: Vec<(ImagePath, u64)> = Vec::new();
        let mut lists: Vec<(ImagePath, String)> = Vec::new();
        if project.editable {
            let line = format!("{}\n", project.folder);
            let list =
                order.site.site_dir.join(format!("__editable__.{written}-{}.pth", description.version).as_bytes());
            lists.push((list, line));
        } else {
            let packages = self.packages_of(&project.folder, &written);
            if packages.is_empty() {
                let what = format!("the project {}", description.name);
                self.gap(place.text, &what, GapReason::ProjectPackages, Writes::Anywhere);
            }
            for (root, package) in packages {
                let below = self.tree.below(&package).filter(|(_, entry)| entry.kind == EntryKind::File);
                let plain = below.filter(|(path, _)| !path.as_bytes().ends_with(b".pyc"));
                paths.extend(plain.map(|(path, entry)| {
                    let inside = &path.as_bytes()[if root.is_empty() { 0 } else { root.len() + 1 }..];
                    (order.site.site_dir.join(inside), entry.size)
                }));
            }
        }
        let mut record = String::new();
        for (path, line) in lists {
            let size = line.len() as u64;
            record.push_str(&row(&path, &order.site, None, size));
            let digest = crate::layer::content_digest(line.as_bytes());
            self.remember(digest, line.as_bytes());
            self.tree.put(Entry { content: Some(digest), ..Entry::file(path, size) }, None);
        }
        for (path, size) in paths {
            record.push_str(&row(&path, &order.site, None, size));
            if order.compiles
                && let Some(compiled) = compiled(&path, &order.site)
            {
                self.tree.put(Entry::file(compiled, predicted_bytecode(size, &order.site.python)), None);
            }
            self.tree.put(Entry::file(path, size), None);
        }
        let url =
            format!("{{\"dir_info\": {{\"editable\": {}}}, \"url\": \"file://{}\"}}", project.editable, project.folder);
        let small = [
            ("METADATA", description.metadata.clone()),
            ("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned()),
            ("INSTALLER", format!("{}\n", order.tool.name())),
            ("REQUESTED", String::new()),
            ("direct_url.json", url),
        ];
        for (name, text) in small {
            let path = metadata.join(name.as_bytes());
            record.push_str(&row(&path, &order.site, None, text.len() as u64));
            self.write(path, text.into_bytes(), 0, 0);
        }
        record.push_str(&row(&metadata.join(b"RECORD"), &order.site, None, 0));
        self.write(metadata.join(b"RECORD"), record.into_bytes(), 0, 0);
    }

    /// The packages of a source tree, each with the folder it is in: `src/NAME` or `NAME`.
    fn packages_of(&self, project: &ImagePath, name: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let is_package = |folder: &ImagePath| self.tree.exists(folder.join(b"__init__.py").as_bytes());
        let source = project.join(b"src");
        let in_source =
            self.tree.names(source.as_bytes()).into_iter().map(|name| source.join(&name)).filter(is_package);
        let found: Vec<(Vec<u8>, Vec<u8>)> =
            in_source.map(|package| (source.as_bytes().to_vec(), package.as_bytes().to_vec())).collect();
        if !found.is_empty() {
            return found;
        }
        let own = project.join(name.to_lowercase().as_bytes());
        is_package(&own).then(|| (project.as_bytes().to_vec(), own.as_bytes().to_vec())).into_iter().collect()
    }
}

impl Tool {
    /// As INSTALLER has it.
    fn name(self) -> &'static str {
        match self {
            Self::Pip => "pip",
            Self::Uv => "uv",
            Self::Poetry => "Poetry",
            Self::Pdm => "pdm",
        }
    }
}

/// `NAME-VERSION.dist-info` and its like: normalized name and version.
fn distribution_of(name: &[u8]) -> Option<(String, String)> {
    let text = std::str::from_utf8(name).ok()?;
    let stem = text.strip_suffix(".dist-info").or_else(|| text.strip_suffix(".egg-info"))?;
    let mut parts = stem.splitn(3, '-');
    let (name, version) = (parts.next()?, parts.next().unwrap_or_default());
    Some((normalize_name(name), version.to_owned()))
}

fn is_same_version(a: &str, b: &str) -> bool {
    match (a.parse::<pep440_rs::Version>(), b.parse::<pep440_rs::Version>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// Who installs, as far as that decides over bytes; `pip` is the version of the environment's.
fn installer_of(tool: Tool, pip: Option<&str>) -> Installer {
    match tool {
        Tool::Pip => {
            let mut parts = pip.unwrap_or_default().split('.').map(|part| part.parse().ok());
            let (major, minor) = (parts.next().flatten(), parts.next().flatten());
            Installer::Pip(major.unwrap_or(24), minor.unwrap_or(0))
        }
        Tool::Uv => Installer::Uv,
        other => Installer::Other(other.name().to_owned()),
    }
}

/// What is known of a file of the wheel that says what it is.
fn about<'i>(info: &'i WheelInfo, path: &ImagePath) -> Option<&'i [u8]> {
    let is_about = file_name(parent(path.as_bytes())).ends_with(b".dist-info") && is_kept(path.as_bytes());
    let content = match file_name(path.as_bytes()) {
        b"METADATA" => &info.metadata,
        b"WHEEL" => &info.wheel,
        b"entry_points.txt" => &info.entry_points,
        b"top_level.txt" => &info.top_level,
        _ => return None,
    };
    is_about.then_some(content)
}

/// What stands for the digest of a wheel's file in a virtual image.
fn token(crc: u32, size: u64) -> Digest {
    Digest::of(format!("crc-32 {crc:08x}, {size} bytes").as_bytes())
}

/// A row of RECORD.
pub(super) fn row(path: &ImagePath, site: &Site, digest: Option<Digest>, size: u64) -> String {
    let inside = [site.site_dir.as_bytes(), b"/"].concat();
    let written = match path.as_bytes().strip_prefix(&inside[..]) {
        Some(relative) => String::from_utf8_lossy(relative).into_owned(),
        None => format!("/{}", String::from_utf8_lossy(path.as_bytes())),
    };
    let quoted =
        if written.contains([',', '"', '\n']) { format!("\"{}\"", written.replace('"', "\"\"")) } else { written };
    let digest =
        digest.map(|digest| format!("sha256={}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest.0)));
    match file_name(path.as_bytes()) {
        b"RECORD" => format!("{quoted},,\n"),
        _ => format!("{quoted},{},{size}\n", digest.unwrap_or_default()),
    }
}

/// The bytecode of a module of the environment.
pub(super) fn compiled(path: &ImagePath, site: &Site) -> Option<ImagePath> {
    let inside = crate::base::is_within(path.as_bytes(), site.site_dir.as_bytes());
    inside.then(|| bytecode_of(path.as_bytes(), &site.python)).flatten().map(|path| ImagePath::new(&path))
}

/// `DIR/__pycache__/NAME.cpython-311.pyc` of `DIR/NAME.py` (PEP 3147).
fn bytecode_of(path: &[u8], python: &str) -> Option<Vec<u8>> {
    let stem = file_name(path).strip_suffix(b".py")?;
    let tag = format!(".cpython-{}.pyc", python.replace('.', ""));
    Some([parent(path), b"/__pycache__/", stem, tag.as_bytes()].concat())
}
