//! What an image that the user names tells of a build: where the build installs what that image has, in exactly the same
//! version, its files are those that were measured there.
//!
//! Only an image that the user names is evidence. What a folder, a Dockerfile or a plan in it names is a stranger's word.

use super::replay::lowest;
use crate::context::{KnownDistribution, KnownPackages};
use crate::facts::Facts;
use crate::image::Image;
use crate::index::Resolved;
use crate::os::OsInventory;
use crate::ospackages::{Installation, PackageRequest};
use crate::plan::{BaseImage, Stock, base_of};

/// An image, to draw on.
pub struct Evidence<'a> {
    facts: &'a Facts<'a>,
    base: Option<BaseImage>,
    stock: Stock<'a>,
}

impl<'a> Evidence<'a> {
    /// Of an image.
    pub fn new(facts: &'a Facts<'a>) -> Self {
        let image = facts.view.image();
        let base = base_of(facts);
        let layers = base.as_ref().map_or_else(|| image.base_layers(), |base| base.layers);
        Self { facts, base, stock: Stock::new(facts, layers) }
    }

    /// A base image of this name: the image's lowest layers, where what the image says of its own base is this name.
    pub fn base(&self, name: &str) -> Option<Image> {
        let base = self.base.as_ref().filter(|base| base.name == name && base.layers > 0)?;
        Some(lowest(self.facts.view.image(), base.layers))
    }

    /// The files of a distribution, where it is the same version from the same place, and from a wheel with the same files
    /// where that is known.
    pub fn installed(&self, package: &Resolved) -> Option<KnownDistribution> {
        let version = package.version.as_deref();
        if version.is_none() && package.url.is_none() {
            return None;
        }
        let id = self.stock.find(&package.name, version)?;
        let dist = &self.facts.python.distributions[id];
        let is_same = dist.direct_url == package.url
            && !package.editable
            && package.info.as_ref().is_none_or(|info| self.stock.is_of_wheel(id, info));
        is_same.then(|| self.stock.distribution(id)).flatten()
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
