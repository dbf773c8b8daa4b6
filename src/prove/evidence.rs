//! What an image that the user names tells of a build: where the build installs what that image has, in exactly the same
//! version, its files are those that were measured there.
//!
//! Only an image that the user names is evidence. What a folder, a Dockerfile or a plan in it names is a stranger's word.

use super::replay::{lines, lowest};
use crate::base::ImagePath;
use crate::context::{KnownDistribution, KnownFile, KnownPackages};
use crate::facts::Facts;
use crate::image::Image;
use crate::index::{Files, Input, Request, Resolution, Resolved};
use crate::manifest::Requirement;
use crate::os::OsInventory;
use crate::ospackages::{Installation, PackageRequest};
use crate::plan::{Stock, base_of};
use crate::python::normalize_name;

/// What an image has, to draw on. It owns that: the image may go.
pub struct Evidence {
    /// What the image says of its own base: the name, and its lowest layers.
    base: Option<(String, Image)>,
    stock: Stock,
}

impl Evidence {
    /// Of an image.
    pub fn new(facts: &Facts<'_>) -> Self {
        let image = facts.view.image();
        let base = base_of(facts);
        let layers = base.as_ref().map_or_else(|| image.base_layers(), |base| base.layers);
        let base = base.filter(|base| base.layers > 0).map(|base| (base.name, lowest(image, base.layers)));
        Self { base, stock: Stock::new(facts, layers) }
    }

    /// A base image of this name: the image's lowest layers, where what the image says of its own base is this name.
    pub fn base(&self, name: &str) -> Option<Image> {
        self.base.as_ref().filter(|(own, _)| own == name).map(|(_, image)| image.clone())
    }

    /// What a request installs, where nothing else is asked for than versions without what they require: what the image has of
    /// that is known without asking an index. None where it has none of it, or more is asked for.
    pub fn resolve(&self, request: &Request, files: &dyn Files) -> Option<Resolution> {
        let is_lock = |input: &Input| matches!(input, Input::Lock { .. });
        let alone = request.no_deps || request.inputs.iter().all(is_lock);
        let plain = request.constraints.is_empty() && request.overrides.is_empty() && request.no_binary.is_empty();
        let pins = lines(request, files).filter(|_| alone && plain)?.requirements;
        let packages: Vec<Resolved> = pins.iter().map(pin).collect::<Option<_>>()?;
        let unknown = |package: &&Resolved| self.installed(package).is_none();
        let why = "no index was asked, and the image to measure by does not have it in this version";
        let row = |package: &Resolved| (package.name.clone(), why.to_owned());
        let not_predicted: Vec<(String, String)> = packages.iter().filter(unknown).map(row).collect();
        (not_predicted.len() < packages.len()).then(|| Resolution { packages, not_predicted, ..Resolution::default() })
    }

    /// The files of a distribution, where it is the same version from the same place, and from a wheel with the same files
    /// where that is known.
    pub fn installed(&self, package: &Resolved) -> Option<KnownDistribution> {
        let version = package.version.as_deref();
        if version.is_none() && package.url.is_none() {
            return None;
        }
        let dist = self.stock.find(&package.name, version)?;
        let is_same = dist.direct_url == package.url
            && !package.editable
            && package.info.as_ref().is_none_or(|info| self.stock.is_of_wheel(dist, info));
        is_same.then(|| self.stock.files(dist)).flatten()
    }

    /// The files of a conda package, where the image has it from the same place.
    pub fn of_conda(&self, url: &str, prefix: &ImagePath) -> Option<Vec<KnownFile>> {
        self.stock.of_conda(url, prefix).map(<[KnownFile]>::to_vec)
    }

    /// Bytes of bytecode to bytes of source of what the image has by this name.
    pub fn bytecode_ratio(&self, package: &Resolved) -> Option<(u64, u64)> {
        self.stock.bytecode_ratio(&package.name)
    }

    /// Of the packages that an installation brings those that the image has in exactly the same version; all that the
    /// image would have them be where no index could be read.
    pub fn measured(
        &self,
        request: &PackageRequest,
        found: Option<&Installation>,
        present: &OsInventory,
    ) -> Option<KnownPackages> {
        if request.names.is_empty() {
            return None;
        }
        Some(match found {
            Some(found) => self.stock.measured(request, found, present),
            None => self.stock.packages(request, present),
        })
    }
}

/// One version of a distribution, if nothing else is asked for.
fn pin(requirement: &Requirement) -> Option<Resolved> {
    let version = requirement.specifiers.trim().strip_prefix("==")?.trim();
    let is_one = !version.starts_with('=') && !version.contains(['*', ',']) && requirement.from.is_empty();
    (is_one && !requirement.editable && requirement.marker.is_empty()).then(|| Resolved {
        name: requirement.name.clone(),
        normalized: normalize_name(&requirement.name),
        version: Some(version.to_owned()),
        requested: true,
        ..Resolved::default()
    })
}
