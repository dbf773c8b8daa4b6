//! Build contexts: `context:DIR`, and what lies outside of the folder.

use super::failure::{Failure, Result};
use super::locate::locate_image;
use super::options::Source;
use super::progress::Bar;
use crate::base::{Text, nearest_path};
use crate::conda::{ChannelSettings, Channels, Locked};
use crate::context::{
    self, Base, CondaRequest, ContextOptions, KnownConda, KnownDistribution, KnownFile, KnownPackages, Outside,
};
use crate::facts::Survey;
use crate::fs::View;
use crate::image::{Cache, Image, ImageError, OpenOptions, Progress as _, Target, open, open_manifest};
use crate::index::{self, Files, Request, RequestError, Resolution, Resolved, Uv};
use crate::os::OsInventory;
use crate::ospackages::{self, Installation, PackageRequest, Repositories, RepositoryError, Sources};
use crate::programs::Strangers;
use crate::prove::{Evidence, Live, Told};
use crate::registry::RegistryError;
use crate::wheel::Platform;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A build context as it was asked for.
pub struct ContextInput {
    /// The folder.
    pub folder: PathBuf,
    /// How to read it.
    pub options: ContextOptions,
    /// What images are that it names.
    pub images: BTreeMap<String, Target>,
    /// The image to measure by.
    pub sizes_from: Option<Target>,
}

/// The Dockerfile that is read: the named one, or the folder's.
pub(super) fn dockerfile(folder: &Path, named: Option<&Path>) -> Option<PathBuf> {
    named.map(Path::to_owned).or_else(|| context::dockerfile_in(folder))
}

/// Checks the arguments; `None` where the target is no build context.
pub(super) fn input(source: &Source, target: &Target, asks: bool) -> Result<Option<ContextInput>> {
    let args = &source.context;
    let Some(folder) = target.context().map(Path::to_owned) else {
        let options = [
            ("--file", args.file.is_some()),
            ("--build-arg", !args.build_arg.is_empty()),
            ("--image", !args.image.is_empty()),
            ("--python", args.python.is_some()),
            ("--sizes-from", args.sizes_from.is_some()),
            ("--target-stage", args.target_stage.is_some()),
        ];
        let Some((option, _)) = options.iter().find(|(_, given)| *given) else { return Ok(None) };
        let error = anyhow::anyhow!("{option} is for build contexts, and {} is none", Text::of(target));
        return Err(Failure::usage(error).hint("name the folder that is built from, with context:DIR"));
    };
    if asks {
        let error = anyhow::anyhow!("--requirements and --project are not for build contexts, which say it themselves");
        return Err(Failure::usage(error));
    }
    if let Some(file) = args.file.as_deref().filter(|file| !file.is_absolute() && !file.exists()) {
        let near = nearest_path(&folder.join(file)).filter(|_| folder.is_dir());
        let near = near.or_else(|| nearest_path(file)).filter(|near| near.is_file());
        let hint = near.map(|near| format!("did you mean `--file {}`?", Text::of_path(&near)));
        let error = anyhow::anyhow!("--file {}: expected a Dockerfile, found nothing", Text::of_path(file));
        return Err(Failure::usage(error)
            .hint(hint.unwrap_or_else(|| "its path is from here, as that of `docker build --file`".into())));
    }
    let pair = |option: &str, text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        // As builders do: the value stands in the environment.
        None if option == "build-arg" => Ok((text.clone(), std::env::var(text).unwrap_or_default())),
        _ => Err(Failure::usage(anyhow::anyhow!("--{option} `{text}`: expected NAME=VALUE"))),
    };
    let build_arguments = args.build_arg.iter().map(|text| pair("build-arg", text)).collect::<Result<_>>()?;
    let image = |text: &String| {
        let (name, text) = pair("image", text)?;
        let target = image_target(&format!("image {name}"), &text)?;
        Ok((name, target))
    };
    let sizes_from = args.sizes_from.as_deref().map(|text| image_target("sizes-from", text)).transpose()?;
    let images = args.image.iter().map(image).collect::<Result<_>>()?;
    let platform = source.platform.clone().unwrap_or_else(crate::image::host_platform);
    let python = args.python.clone();
    if let Some(python) = python.as_deref().filter(|python| !is_version(python)) {
        return Err(Failure::usage(anyhow::anyhow!("--python `{python}`: expected a version like 3.11")));
    }
    let (dockerfile, target_stage) = (args.file.clone(), args.target_stage.clone());
    let options = ContextOptions { dockerfile, inline: None, target_stage, build_arguments, platform, python };
    Ok(Some(ContextInput { folder, options, images, sizes_from }))
}

/// The image that an option names: with its kind, or a name that is looked for.
pub fn image_target(option: &str, text: &str) -> Result<Target> {
    match locate_image(text)?.parse::<Target>() {
        Ok(Target::Context(_)) => {
            let error = anyhow::anyhow!("--{option}: expected an image, found a build context");
            Err(Failure::usage(error).hint("build it, and name what comes out"))
        }
        Ok(target) => Ok(target),
        Err(error) => Err(Failure::usage(anyhow::anyhow!("--{option}: {error}"))),
    }
}

fn is_version(text: &str) -> bool {
    let mut parts = text.split('.');
    let is_number = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    parts.next() == Some("3") && parts.next().is_some_and(is_number) && parts.all(is_number)
}

/// Reads the build context. The world around it is kept: the edited Dockerfile is read in it, too.
pub(super) fn read<'w>(input: &'w ContextInput, options: &'w OpenOptions, quiet: bool) -> Result<(Image, World<'w>)> {
    let bar = Bar::new(quiet);
    let evidence = input.sizes_from.as_ref().map(|target| evidence(target, input, options, &bar)).transpose()?;
    let world = World {
        input,
        options,
        bar,
        evidence,
        uv: std::cell::OnceCell::new(),
        images: RefCell::default(),
        told: RefCell::default(),
    };
    world.bar.start("reading the build context", None);
    let read = context::read(&input.folder, &input.options, &world);
    world.bar.finish();
    let read = read.map_err(|error| Failure::of(error.is_configuration(), error))?;
    read.notes.iter().for_each(|note| world.bar.note(note));
    Ok((read.image, world))
}

/// What the image to measure by tells.
fn evidence(target: &Target, input: &ContextInput, options: &OpenOptions, bar: &Bar) -> Result<Evidence> {
    let options = OpenOptions { platform: Some(input.options.platform.clone()), ..options.clone() };
    let image = open(target, &options, bar).map_err(|error| Failure::of(error.is_usage(), error))?;
    bar.finish();
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    Ok(Evidence::new(&survey.facts(&view)))
}

/// The machine and the network.
pub(super) struct World<'w> {
    input: &'w ContextInput,
    options: &'w OpenOptions,
    bar: Bar,
    /// What is measured by.
    evidence: Option<Evidence>,
    uv: std::cell::OnceCell<std::result::Result<Uv, index::ResolveError>>,
    /// Images that were asked for.
    images: RefCell<BTreeMap<String, Base>>,
    /// What installers were told.
    told: RefCell<Vec<Told>>,
}

impl World<'_> {
    /// What installers were told so far; it is not told again.
    pub(super) fn take_told(&self) -> Vec<Told> {
        self.told.take()
    }

    /// The build context, for who reads its edited Dockerfile. `told` is what [`World::take_told`] gave.
    pub(super) fn live<'l>(&'l self, told: &'l [Told]) -> Live<'l> {
        Live { folder: &self.input.folder, options: &self.input.options, outside: self, told }
    }

    /// Ends what is shown of the progress.
    pub(super) fn finish(&self) {
        self.bar.finish();
    }

    fn find(&self, name: &str) -> Base {
        let given = self.input.images.iter().find(|(known, _)| is_same_image(known, name));
        if let Some((_, target)) = given {
            let how = format!("given as {target}");
            return match open(target, &self.options(), &self.bar) {
                Ok(image) if image.layers.is_empty() => Base::Missing("it has no layers".into()),
                Ok(image) => Base::Known(Box::new(image), how),
                Err(error) => Base::Missing(error.to_string()),
            };
        }
        if let Some(image) = self.engine(name) {
            return Base::Known(Box::new(image), "read from the engine on this machine".into());
        }
        match self.registry(name) {
            known @ Base::Known(..) => known,
            other => self.lowest_layers(name).unwrap_or(other),
        }
    }

    /// The base image that the image of `--sizes-from` says it was built on: its lowest layers.
    fn lowest_layers(&self, name: &str) -> Option<Base> {
        let (evidence, target) = self.evidence.as_ref().zip(self.input.sizes_from.as_ref())?;
        let how = format!("the lowest layers of {target}, which says that it was built on it");
        Some(Base::Known(Box::new(evidence.base(name)?), how))
    }

    fn options(&self) -> OpenOptions {
        OpenOptions { platform: Some(self.input.options.platform.clone()), ..self.options.clone() }
    }

    fn cache(&self) -> Option<Cache> {
        self.options.cache.clone()
    }

    fn engine(&self, name: &str) -> Option<Image> {
        open(&Target::Daemon(name.to_owned()), &self.options(), &()).ok()
    }

    fn registry(&self, name: &str) -> Base {
        match open_manifest(name, &self.options(), &()) {
            Ok((image, true)) => Base::Known(Box::new(image), "every layer is in the cache".into()),
            Ok((image, false)) => Base::Manifest(Box::new(image)),
            Err(ImageError::Registry(error)) if matches!(*error, RegistryError::NotFound { .. }) => {
                Base::Missing(error.to_string())
            }
            Err(error) => Base::Unknown(format!("neither an engine here nor its registry has it: {error}")),
        }
    }
}

impl Outside for World<'_> {
    fn image(&self, name: &str) -> Base {
        if let Some(known) = self.images.borrow().get(name) {
            return known.clone();
        }
        let found = self.find(name);
        self.images.borrow_mut().insert(name.to_owned(), found.clone());
        found
    }

    fn resolve(
        &self,
        request: &Request,
        files: &dyn Files,
        platform: &Platform,
    ) -> std::result::Result<Resolution, RequestError> {
        let uv = self.uv.get_or_init(|| Uv::find_outside(&Strangers::here().and(&self.input.folder)));
        let uv = match uv {
            Ok(uv) => uv,
            // What the image to measure by has needs no index.
            Err(error) => {
                let known = self.evidence.as_ref().and_then(|evidence| evidence.resolve(request, files));
                return known.ok_or_else(|| RequestError::Uv(error.clone()));
            }
        };
        self.bar.start(&format!("asking package indexes (uv {})", uv.version()), None);
        let options = crate::wheel::Options::keeping(self.cache());
        let found = index::resolve(uv, request, files, platform, &options)?;
        let told = |package: &Resolved| Told { package: package.clone(), places: found.places.clone() };
        self.told.borrow_mut().extend(found.packages.iter().map(told));
        Ok(found)
    }

    fn installed(&self, package: &Resolved) -> Option<KnownDistribution> {
        self.evidence.as_ref()?.installed(package)
    }

    fn bytecode_ratio(&self, package: &Resolved) -> Option<(u64, u64)> {
        self.evidence.as_ref()?.bytecode_ratio(package)
    }

    fn measured(
        &self,
        request: &PackageRequest,
        found: Option<&Installation>,
        present: &OsInventory,
    ) -> Option<KnownPackages> {
        self.evidence.as_ref()?.measured(request, found, present)
    }

    fn conda(&self, request: &CondaRequest<'_>) -> Option<KnownConda> {
        let locked = request.locked.as_ref()?;
        self.bar.start("reading what conda's packages have", None);
        let python = locked.iter().filter_map(Locked::name).find(|archive| archive.name == "python");
        let python = python.map(|archive| archive.version.split('.').take(2).collect::<Vec<_>>().join("."));
        let measured = |package: &Locked| self.evidence.as_ref()?.of_conda(&package.url, request.prefix);
        let (known, rest): (Vec<_>, Vec<_>) =
            locked.iter().map(|package| (package, measured(package))).partition(|(_, files)| files.is_some());
        let rest: Vec<Locked> = rest.into_iter().map(|(package, _)| package.clone()).collect();
        let options = crate::wheel::Options::keeping(self.cache());
        let answers = match Channels::new(options) {
            Ok(channels) => channels.listed(&rest, &ChannelSettings::of_user()),
            Err(why) => vec![Err(why); rest.len()],
        };
        let mut out = KnownConda {
            files: known.into_iter().filter_map(|(_, files)| files).flatten().collect(),
            unknown: Vec::new(),
            packages: locked.iter().map(|package| format!("{}{}", title(package).0, package.url)).collect(),
        };
        for (package, answer) in rest.iter().zip(answers) {
            let (name, record) = title(package);
            match answer {
                Ok(contents) => {
                    let placed = contents.placed(request.prefix, python.as_deref(), record);
                    let placed =
                        placed.iter().filter(|file| request.compiles || !file.path.as_bytes().ends_with(b".pyc"));
                    out.files.extend(placed.map(|file| KnownFile { entry: file.entry(), content: None }));
                }
                Err(why) => out.unknown.push((name.to_owned(), why)),
            }
        }
        Some(out)
    }

    fn repositories(
        &self,
        sources: &Sources,
        architecture: &str,
    ) -> std::result::Result<Repositories, RepositoryError> {
        self.bar.start("asking package repositories", None);
        Repositories::open(
            sources,
            architecture,
            &ospackages::Options { cache: self.cache(), ..ospackages::Options::default() },
        )
    }
}

/// The name of a package, and what its record is called.
fn title(package: &Locked) -> (&str, &str) {
    let file = package.url.rsplit('/').next().unwrap_or_default();
    let stem = file.strip_suffix(".conda").or_else(|| file.strip_suffix(".tar.bz2")).unwrap_or(file);
    (package.name().map_or(stem, |archive| archive.name), stem)
}

/// Whether two names mean one image: `python:3.11`, `docker.io/library/python:3.11`.
fn is_same_image(a: &str, b: &str) -> bool {
    fn short(name: &str) -> String {
        let name = name.strip_prefix("docker.io/").unwrap_or(name);
        let name = name.strip_prefix("library/").unwrap_or(name);
        let has_tag = name.contains('@') || name.rsplit('/').next().is_some_and(|last| last.contains(':'));
        if has_tag { name.to_owned() } else { format!("{name}:latest") }
    }
    short(a) == short(b)
}
