//! The outside of a plan's text: what the original, the plan and its pins tell.

use super::align::Aligned;
use super::{BASE, MICROMAMBA, ORIGINAL};
use crate::base::{Basis, FastSet, ImagePath};
use crate::context::{
    Base, CondaRequest, ContextOptions, KnownConda, KnownDistribution, KnownLayer, KnownPackages, Outside,
};
use crate::dockerfile::{Dockerfile, Kind};
use crate::image::{HistoryRow, Image};
use crate::index::{Files, Input, Request, RequestError, Resolution, Resolved};
use crate::layer::{Entry, LayerIndex};
use crate::manifest::{LineKind, Requirement, parse_requirements_file, without_secrets};
use crate::os::OsInventory;
use crate::ospackages::{Installation, PackageRequest, Repositories, RepositoryError, Sources};
use crate::plan::{Intent, Stock};
use crate::python::normalize_name;
use crate::wheel::{Contents, Platform, WheelInfo};
use std::path::Path;
use std::sync::Arc;

/// Larger lists are none of a plan's, in bytes.
const MAX_READ: u64 = 16 << 20;

/// A build context, and the world around it.
pub struct Live<'l> {
    /// The folder.
    pub folder: &'l Path,
    /// How it is read.
    pub options: &'l ContextOptions,
    /// What lies outside of it.
    pub outside: &'l dyn Outside,
    /// What installers were told when the folder was read as it is.
    pub told: &'l [Told],
}

/// A distribution that an installer was told of, and by whom.
pub struct Told {
    /// The distribution.
    pub package: Resolved,
    /// Where the installer was sent to, besides the user's own indexes ([`Resolution::places`]).
    pub places: Vec<(String, String)>,
}

/// What a plan's text finds around it.
pub struct Replay<'r> {
    intent: &'r Intent<'r>,
    stock: &'r Stock,
    live: Option<&'r Live<'r>>,
    /// The original as far as the text copies from it.
    original: Option<Image>,
    /// What of the user's own Dockerfile made the original.
    aligned: Aligned,
}

impl<'r> Replay<'r> {
    pub(super) fn new(intent: &'r Intent<'r>, stock: &'r Stock) -> Self {
        Self { intent, stock, live: None, original: None, aligned: Aligned::default() }
    }

    /// With the world around a build context.
    pub(super) fn with(self, live: &'r Live<'r>) -> Self {
        Self { live: Some(live), ..self }
    }

    /// With the layers of instructions that nobody touched.
    pub(super) fn replaying(self, aligned: Aligned) -> Self {
        Self { aligned, ..self }
    }

    /// With what of the original this text copies, itself or by the plan's list.
    pub(super) fn copied_by(self, text: &str) -> Self {
        let of = |file: Dockerfile<'_>| match file.stages.iter().any(|stage| stage.image == "original") {
            true => self.intent.original().clone(),
            false => copied(self.intent, &file),
        };
        let original = Dockerfile::parse(text).ok().map(of);
        Self { original, ..self }
    }

    /// The lowest layers of the original, as an image of their own.
    fn base(&self) -> Image {
        if let Some(other) = self.intent.other_base().filter(|_| self.aligned.base.is_none()) {
            return lowest(other, other.layers.len());
        }
        let original = self.intent.original();
        let layers = match self.aligned.base {
            Some(_) => self.aligned.base_layers,
            None => self.intent.plan().base.layers,
        };
        lowest(original, layers)
    }

    /// The wheel of a pin that is new, of which a build context has been told itself.
    fn wheel(&self, name: &str) -> Option<&WheelInfo> {
        self.intent.wheel(name).filter(|_| self.live.is_none())
    }

    /// Whether a build context has been told of another build: the plan takes this one from an index of its own.
    fn is_of_own_index(&self, name: &str) -> bool {
        let normalized = normalize_name(name);
        let is_it = |pin: &crate::plan::Pin| pin.index.is_some() && normalize_name(&pin.name) == normalized;
        self.live.is_some() && self.intent.plan().pins.iter().any(is_it)
    }

    /// The files of a pin, as far as the plan knows them.
    fn pin(&self, package: &Resolved) -> Option<KnownDistribution> {
        if self.is_of_own_index(&package.name) {
            return None;
        }
        let of_original = || self.stock.files(self.stock.find(&package.name, package.version.as_deref())?);
        self.intent.stand_in(&package.name).or_else(of_original)
    }

    /// What a request names, where it names nothing but versions that the plan or the build context knows.
    fn named(&self, request: &Request, files: &dyn Files) -> Option<Vec<Resolved>> {
        let mut out: Vec<Resolved> = Vec::new();
        let Lines { requirements, places } = lines(request, files)?;
        for requirement in requirements {
            // uv itself, in a stage of which nothing of it is copied.
            if self.live.is_none() && requirement.name == "uv" && requirement.specifiers.is_empty() {
                out.push(Resolved { info: Some(empty_wheel()), name: "uv".into(), ..Resolved::default() });
                continue;
            }
            let version = requirement.specifiers.trim().trim_start_matches('=').trim().to_owned();
            let is_exact = requirement.specifiers.trim().starts_with("==") && !version.contains(['*', ',']);
            if (!is_exact && requirement.from.is_empty()) || requirement.editable || !requirement.marker.is_empty() {
                return None;
            }
            let normalized = normalize_name(&requirement.name);
            let told = self.live.filter(|_| !self.is_of_own_index(&requirement.name)).and_then(|live| {
                // An index that the text does not name any more answers nothing.
                let is_it = |told: &&Told| {
                    let package = &told.package;
                    package.normalized == normalized
                        && package.version.as_deref() == Some(&version)
                        && package.info.is_some()
                        && told.places.iter().all(|place| places.contains(place))
                };
                live.told.iter().find(is_it).map(|told| &told.package)
            });
            let version = Some(version).filter(|version| !version.is_empty());
            out.push(match told {
                Some(told) => Resolved { requested: true, ..told.clone() },
                None if self.wheel(&requirement.name).is_some() => Resolved {
                    name: requirement.name.clone(),
                    normalized,
                    version,
                    requested: true,
                    info: self.wheel(&requirement.name).cloned(),
                    ..Resolved::default()
                },
                None => Resolved {
                    name: requirement.name.clone(),
                    normalized,
                    version,
                    requested: true,
                    reason: "neither the plan nor the original tells what it installs".into(),
                    ..Resolved::default()
                },
            });
        }
        Some(out)
    }
}

/// The lines of a request.
pub(super) struct Lines {
    /// What is asked for.
    pub requirements: Vec<Requirement>,
    /// Where to look: `(option, value)`, without secrets, as [`Resolution::places`] has them.
    places: Vec<(String, String)>,
}

/// The lines of a request; none where something else is asked for.
pub(super) fn lines(request: &Request, files: &dyn Files) -> Option<Lines> {
    let text_of = |path: &Path| String::from_utf8(files.read(path, MAX_READ).ok()?).ok();
    let mut out = Lines { requirements: Vec::new(), places: request.places.clone() };
    for input in &request.inputs {
        let text = match input {
            Input::Requirements(path) => text_of(path)?,
            Input::Lines { text, .. } => text.clone(),
            Input::Lock { path, .. } => {
                out.requirements.extend(locked(&text_of(path)?)?);
                continue;
            }
            Input::Project { .. } => return None,
        };
        for line in parse_requirements_file(&text, &|_| None).ok()? {
            match line.what {
                LineKind::Requirement(requirement) => out.requirements.push(requirement),
                LineKind::Include(_) | LineKind::Constraint(_) => return None,
                LineKind::Option(option, value) => out.places.push((option.to_owned(), value)),
            }
        }
    }
    out.places.iter_mut().for_each(|(_, place)| *place = without_secrets(place));
    Some(out)
}

impl Outside for Replay<'_> {
    fn image(&self, name: &str) -> Base {
        if let Some(live) = self.live {
            return live.outside.image(name);
        }
        let plan = self.intent.plan();
        if let Some(original) = self.original.as_ref().filter(|_| name == ORIGINAL || name == plan.original) {
            return Base::Known(Box::new(original.clone()), "the original".into());
        }
        if name == BASE || name == plan.base.name {
            return Base::Known(Box::new(self.base()), "the lowest layers of the original".into());
        }
        if name == MICROMAMBA || name == crate::emit::MICROMAMBA {
            return Base::Known(Box::new(installer_of_conda(self.intent.original())), "micromamba's own".into());
        }
        // The user's own Dockerfile names its base as it likes: the image's lowest layers are what that was.
        if self.aligned.base.as_deref() == Some(name) {
            return Base::Known(Box::new(self.base()), "the lowest layers of the original".into());
        }
        Base::Unknown("a plan knows the original and its base alone".into())
    }

    fn resolve(&self, request: &Request, files: &dyn Files, platform: &Platform) -> Result<Resolution, RequestError> {
        let named = self.named(request, files).filter(|_| request.no_deps || self.live.is_none());
        let is_known = |package: &Resolved| package.info.is_some();
        let answer = |packages: Vec<Resolved>| {
            let unknown = |package: &&Resolved| !is_known(package) && self.pin(package).is_none();
            let rows = packages.iter().filter(unknown);
            let not_predicted = rows.map(|package| (package.name.clone(), package.reason.clone())).collect();
            Ok(Resolution { not_predicted, packages, ..Resolution::default() })
        };
        match (named, self.live) {
            (Some(packages), Some(live)) if !packages.iter().all(is_known) => {
                live.outside.resolve(request, files, platform).or_else(|error| {
                    if error.is_configuration() {
                        return Err(error);
                    }
                    let reason = |package: Resolved| match is_known(&package) {
                        true => package,
                        false => Resolved { reason: error.to_string(), ..package },
                    };
                    answer(packages.into_iter().map(reason).collect())
                })
            }
            (Some(packages), _) => answer(packages),
            (None, Some(live)) => live.outside.resolve(request, files, platform),
            (None, None) => Ok(Resolution {
                not_predicted: vec![(
                    "an installation".into(),
                    "what it resolves to is not looked up: the plan's own list is not what it installs from".into(),
                )],
                ..Resolution::default()
            }),
        }
    }

    fn repositories(&self, sources: &Sources, architecture: &str) -> Result<Repositories, RepositoryError> {
        match self.live {
            Some(live) => live.outside.repositories(sources, architecture),
            None => Err(RepositoryError::NoSources("a plan knows the original's packages alone".into())),
        }
    }

    fn installed(&self, package: &Resolved) -> Option<KnownDistribution> {
        let measured = self.live.and_then(|live| live.outside.installed(package));
        // A wheel's own list is what a build context is predicted by.
        let pin = || if package.info.is_some() { None } else { self.pin(package) };
        measured.or_else(pin)
    }

    fn bytecode_ratio(&self, package: &Resolved) -> Option<(u64, u64)> {
        match self.live {
            Some(live) => live.outside.bytecode_ratio(package),
            None => self.stock.bytecode_ratio(&package.name),
        }
    }

    fn packages(&self, request: &PackageRequest, present: &OsInventory) -> Option<KnownPackages> {
        self.live.is_none().then(|| self.stock.packages(request, present))
    }

    fn measured(
        &self,
        request: &PackageRequest,
        found: Option<&Installation>,
        present: &OsInventory,
    ) -> Option<KnownPackages> {
        self.live.and_then(|live| live.outside.measured(request, found, present))
    }

    fn conda(&self, request: &CondaRequest<'_>) -> Option<KnownConda> {
        if let Some(live) = self.live {
            return live.outside.conda(request);
        }
        let environment = crate::emit::listed_environment(self.intent.plan(), request.prefix, request.text)?;
        Some(self.intent.environment_of_conda(environment))
    }

    fn layer(&self, instruction: usize) -> Option<&KnownLayer> {
        self.aligned.layers.get(&instruction)
    }
}

/// An image that installs conda's packages, of which nothing but what it installs is copied.
fn installer_of_conda(original: &Image) -> Image {
    let programs = ["bin/sh", "bin/micromamba", "usr/bin/rm", "usr/bin/find"];
    let program = |path: &str| Entry { mode: 0o755, ..Entry::file(ImagePath::from(path), 0) };
    let layer = LayerIndex { entries: programs.map(program).to_vec(), ..LayerIndex::default() };
    let (os, architecture) = (original.config.os.clone(), original.config.architecture.clone());
    let history = vec![HistoryRow { created_by: "micromamba".into(), ..HistoryRow::default() }];
    let env = vec![format!("PATH={}", crate::image::DEFAULT_PATH)];
    let config = crate::image::Config { os, architecture, history, env, ..crate::image::Config::default() };
    Image { layers: vec![Arc::new(layer)], config, gaps: Vec::new(), ..original.shell(original.basis) }
}

/// A wheel without files.
fn empty_wheel() -> WheelInfo {
    let contents = Contents { files: Vec::new(), wire: 0, basis: Basis::Predicted };
    let (metadata, wheel, entry_points, top_level) = Default::default();
    WheelInfo { contents, metadata, wheel, entry_points, top_level, shebangs: Vec::new(), keepable: false }
}

/// The names and versions of a lock of the plan's own.
fn locked(text: &str) -> Option<Vec<Requirement>> {
    let table: toml::Table = text.parse().ok()?;
    let rows = table.get("packages")?.as_array()?;
    let row = |row: &toml::Value| {
        let text = |key: &str| row.get(key)?.as_str().map(str::to_owned);
        Some(Requirement {
            name: text("name")?,
            specifiers: format!("=={}", text("version")?),
            ..Requirement::default()
        })
    };
    rows.iter().map(row).collect()
}

/// The lowest layers of an image, as an image of their own.
pub(super) fn lowest(original: &Image, layers: usize) -> Image {
    let mut image =
        Image { layers: original.layers.iter().take(layers).cloned().collect(), ..original.shell(original.basis) };
    image.config.history = original.history_of_lowest(layers);
    image.config.user = String::new();
    image.config.working_dir = String::new();
    image
}

/// The original in one layer: what this Dockerfile copies of it.
fn copied(intent: &Intent<'_>, file: &Dockerfile<'_>) -> Image {
    let view = intent.facts().view;
    let mut places: Vec<usize> = Vec::new();
    for instruction in &file.instructions {
        let from = instruction.flags.iter().any(|flag| flag.name == "from" && flag.value == "original");
        let Kind::Copy(copy) = &instruction.kind else { continue };
        // All of it is there for the list to pick from.
        for source in copy.sources.iter().filter(|source| from && *source != "/") {
            let path = ImagePath::from(source.as_str());
            places.extend(view.place(path.as_bytes()));
            places.extend(view.places_below(path.as_bytes()));
        }
    }
    if let Some(picked) = &intent.plan().picked {
        places.extend(picked.paths.iter().chain(&picked.folders).filter_map(|path| view.place(path.as_bytes())));
        picked.folders.iter().for_each(|folder| places.extend(view.places_below(folder.as_bytes())));
    }
    places.sort_unstable();
    places.dedup();
    let mut layer = LayerIndex::default();
    let mut there: FastSet<&[u8]> = FastSet::default();
    for (path, node) in places.into_iter().map(|place| view.at(place)) {
        let mut entry = view.entry(node.entry).clone();
        // What it is linked to may not be copied.
        if entry.kind == crate::layer::EntryKind::Hardlink
            && !entry.link.as_deref().is_some_and(|link| there.contains(link))
        {
            entry =
                crate::layer::Entry { kind: crate::layer::EntryKind::File, link: None, size: view.size(node), ..entry };
        }
        there.insert(path);
        if let Some(content) = view.contents_of(node) {
            layer.contents.insert(layer.entries.len() as u32, content.to_vec());
        }
        layer.entries.push(entry);
    }
    let original = intent.original();
    let mut image = Image { gaps: original.gaps.clone(), ..original.shell(original.basis) };
    image.config.history = vec![HistoryRow { created_by: "the original".into(), ..HistoryRow::default() }];
    image.layers = vec![Arc::new(layer)];
    image
}
