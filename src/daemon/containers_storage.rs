//! The store that Podman, Buildah, Skopeo and CRI-O share (the library `containers/storage`), read in place.
//!
//! ```text
//! DRIVER-images/images.json          images: ID, names, the uppermost layer
//! DRIVER-images/ID/manifest          its manifest; `=BASE64` of their names for other documents, the configuration among them
//! DRIVER-layers/layers.json          layers: ID, the one below, the diff ID
//! DRIVER-layers/ID.tar-split.gz      the tar's headers and padding
//! overlay/ID/diff                    the layer's files, with the driver `overlay`
//! vfs/dir/ID                         all files up to that layer, with the driver `vfs`
//! ```
//!
//! Where it is, `storage.conf` says (containers-storage.conf(5)): of the file that `CONTAINERS_STORAGE_CONF` names, the user's,
//! or the system's. Source: github.com/containers/storage, `images.go`, `layers.go`; what Buildah 1.28 and Skopeo 1.9 write.

use super::endpoint::here;
use super::store::{check, read_small};
use super::{DaemonError, StoredImage, StoredLayer, Surroundings};
use crate::base::{Digest, Text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

const MAX_CONFIG_FILE: u64 = 1 << 20;
const MAX_DOCUMENT: u64 = 16 << 20;
/// Of the lists of all images and layers.
const MAX_LIST: u64 = 256 << 20;
const SYSTEM_CONFIGS: [&str; 2] = ["/etc/containers/storage.conf", "/usr/share/containers/storage.conf"];
const SYSTEM_ROOT: &str = "/var/lib/containers/storage";

/// How a store keeps the files of layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    Overlay,
    Vfs,
}

/// A store on this machine, and those that it adds to itself without writing there.
pub struct ContainersStorage {
    roots: Vec<(PathBuf, Driver)>,
}

/// An image of such a store, as its list has it.
#[derive(Clone, Debug, Deserialize)]
pub struct ListedImage {
    /// Its ID: mostly the digest of its configuration, in hexadecimal digits.
    pub id: String,
    /// The digest of its manifest.
    pub digest: Option<String>,
    /// Its names, with tags.
    pub names: Option<Vec<String>>,
    /// The ID of its uppermost layer; an image of several platforms has none.
    layer: Option<String>,
    /// The store that has it.
    #[serde(skip)]
    root: PathBuf,
}

#[derive(Deserialize)]
struct ListedLayer {
    id: String,
    parent: Option<String>,
    #[serde(rename = "diff-digest")]
    diff_digest: Option<String>,
}

/// A layer, and where it is.
struct Place {
    listed: ListedLayer,
    root: PathBuf,
    driver: Driver,
}

#[derive(Default, Deserialize)]
struct Config {
    #[serde(default)]
    storage: Storage,
}

#[derive(Default, Deserialize)]
struct Storage {
    graphroot: Option<String>,
    rootless_storage_path: Option<String>,
    #[serde(default)]
    options: Options,
}

#[derive(Default, Deserialize)]
struct Options {
    #[serde(default)]
    additionalimagestores: Vec<String>,
}

#[derive(Deserialize)]
struct RawManifest {
    config: Option<RawDescriptor>,
}

#[derive(Deserialize)]
struct RawDescriptor {
    digest: String,
}

impl ContainersStorage {
    /// The store of who runs this.
    ///
    /// # Errors
    ///
    /// Those of [`ContainersStorage::find`].
    pub fn of_this_user() -> Result<Self, DaemonError> {
        here(|around| Self::find(around, rustix::process::geteuid().is_root()))
    }

    /// The store of a user.
    ///
    /// # Errors
    ///
    /// There is none, only somebody else may read it, or its `storage.conf` cannot be read.
    pub fn find(around: &Surroundings<'_>, is_root: bool) -> Result<Self, DaemonError> {
        let config = around.storage_config(is_root)?;
        let rootless = || {
            let data = around.path("XDG_DATA_HOME").or_else(|| Some(around.home.as_ref()?.join(".local/share")))?;
            Some(data.join("containers/storage"))
        };
        let told = match is_root {
            true => config.graphroot.as_ref().map(PathBuf::from),
            false => config.rootless_storage_path.as_ref().map(|path| around.expanded(path)),
        };
        let usual = if is_root { Some(PathBuf::from(SYSTEM_ROOT)) } else { rootless() };
        let own =
            told.or(usual).ok_or_else(|| DaemonError::NoContainersStorage { place: "a user without a home".into() })?;
        Self::open(&own, config.options.additionalimagestores.iter().map(PathBuf::from))
    }

    /// The store below a folder.
    ///
    /// # Errors
    ///
    /// There is none, or only somebody else may read it.
    pub fn open(root: &Path, more: impl IntoIterator<Item = PathBuf>) -> Result<Self, DaemonError> {
        let drivers = |root: &Path| {
            let mut found = Vec::new();
            for driver in [Driver::Overlay, Driver::Vfs] {
                match std::fs::metadata(driver.images(root).join("images.json")) {
                    Ok(_) => found.push((root.to_owned(), driver)),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(DaemonError::open(root, error)),
                }
            }
            Ok(found)
        };
        let mut roots = drivers(root)?;
        for other in more {
            roots.extend(drivers(&other)?);
        }
        if roots.is_empty() {
            return Err(DaemonError::NoContainersStorage { place: root.into() });
        }
        Ok(Self { roots })
    }

    /// All its images.
    ///
    /// # Errors
    ///
    /// A list cannot be read, or is none.
    pub fn images(&self) -> Result<Vec<ListedImage>, DaemonError> {
        let mut all: Vec<ListedImage> = Vec::new();
        for (root, driver) in &self.roots {
            let folder = driver.images(root);
            let images: Vec<ListedImage> = read_json(&folder.join("images.json"), MAX_LIST)?;
            all.extend(images.into_iter().map(|image| ListedImage { root: folder.clone(), ..image }));
        }
        Ok(all)
    }

    /// An image of its list. No layer is read yet.
    ///
    /// # Errors
    ///
    /// It is one of several platforms, a document or a layer is missing, or something is not what its name promises.
    pub fn image(&self, image: &ListedImage) -> Result<StoredImage, DaemonError> {
        let folder = image.root.join(checked(&image.root, &image.id)?);
        let path = folder.join("manifest");
        let manifest: RawManifest = read_json(&path, MAX_DOCUMENT)?;
        let Some(config) = manifest.config else {
            let message = "expected the manifest of an image, found one without a configuration (a list of images?)";
            return Err(DaemonError::shape(path.as_path(), message));
        };
        let digest: Digest = config.digest.parse().map_err(|error| DaemonError::shape(path.as_path(), error))?;
        let path = folder.join(format!("={}", STANDARD.encode(digest.to_string())));
        let config = read_small(&path, MAX_DOCUMENT).map_err(|source| DaemonError::open(&path, source))?;
        check(&path, "the digest of the configuration", digest, Digest::of(&config))?;
        Ok(StoredImage { config, layers: self.layers(image)? })
    }

    /// From the uppermost down, lowest first.
    fn layers(&self, image: &ListedImage) -> Result<Vec<StoredLayer>, DaemonError> {
        let places = self.places()?;
        let mut layers = Vec::new();
        let mut next = image.layer.as_deref();
        while let Some(id) = next.filter(|id| !id.is_empty()) {
            let Some(place) = places.get(id) else {
                let message = format!("expected the layer {}, found none of that ID", Text::from(id));
                return Err(DaemonError::shape(image.root.as_path(), message));
            };
            if layers.len() == places.len() {
                return Err(DaemonError::shape(place.root.as_path(), "layers stand on each other in a circle"));
            }
            layers.push(place.layer()?);
            next = place.listed.parent.as_deref();
        }
        layers.reverse();
        Ok(layers)
    }

    fn places(&self) -> Result<HashMap<String, Place>, DaemonError> {
        let mut places = HashMap::new();
        for (root, driver) in &self.roots {
            for name in ["layers.json", "volatile-layers.json"] {
                let path = driver.layers(root).join(name);
                if name != "layers.json" && !path.exists() {
                    continue;
                }
                for listed in read_json::<Vec<ListedLayer>>(&path, MAX_LIST)? {
                    places.entry(listed.id.clone()).or_insert(Place { listed, root: root.clone(), driver: *driver });
                }
            }
        }
        Ok(places)
    }
}

impl Driver {
    fn images(self, root: &Path) -> PathBuf {
        root.join(format!("{self}-images"))
    }

    fn layers(self, root: &Path) -> PathBuf {
        root.join(format!("{self}-layers"))
    }
}

impl std::fmt::Display for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Overlay => "overlay",
            Self::Vfs => "vfs",
        })
    }
}

impl Place {
    fn layer(&self) -> Result<StoredLayer, DaemonError> {
        let folder = self.driver.layers(&self.root);
        let id = checked(&folder, &self.listed.id)?;
        let Some(diff_id) = &self.listed.diff_digest else {
            let message =
                format!("layer {id}: expected the digest of its tar (diff-digest), found none: it was pulled in parts");
            return Err(DaemonError::shape(folder.as_path(), message));
        };
        let diff_id = diff_id.parse().map_err(|error| DaemonError::shape(folder.as_path(), error))?;
        let files = match self.driver {
            Driver::Overlay => self.root.join("overlay").join(id).join("diff"),
            Driver::Vfs => self.root.join("vfs/dir").join(id),
        };
        StoredLayer::new(diff_id, folder.join(format!("{id}.tar-split.gz")), files)
    }
}

impl Surroundings<'_> {
    /// The file that decides where the store is; nothing, where there is none.
    fn storage_config(&self, is_root: bool) -> Result<Storage, DaemonError> {
        let home = || self.path("XDG_CONFIG_HOME").or_else(|| Some(self.home.as_ref()?.join(".config")));
        let own = || home().map(|folder| folder.join("containers/storage.conf")).filter(|_| !is_root);
        let system = || SYSTEM_CONFIGS.iter().map(PathBuf::from).find(|path| (self.exists)(path));
        let told = self.path("CONTAINERS_STORAGE_CONF");
        let Some(path) = told.or_else(|| own().filter(|path| (self.exists)(path))).or_else(system) else {
            return Ok(Storage::default());
        };
        let bytes = read_small(&path, MAX_CONFIG_FILE).map_err(|source| DaemonError::open(&path, source))?;
        let text = String::from_utf8_lossy(&bytes);
        let config: Config = toml::from_str(&text).map_err(|error| DaemonError::shape(path.as_path(), error))?;
        Ok(config.storage)
    }

    /// `$HOME`, `$USER` and `$UID`, which such a path may have.
    fn expanded(&self, path: &str) -> PathBuf {
        let home = self.home.as_ref().map(|home| home.to_string_lossy().into_owned()).unwrap_or_default();
        let uid = rustix::process::getuid().as_raw().to_string();
        let user = self.path("USER").map(|user| user.to_string_lossy().into_owned()).unwrap_or_default();
        path.replace("$HOME", &home).replace("$UID", &uid).replace("$USER", &user).into()
    }
}

/// An ID becomes part of a path.
fn checked<'i>(place: &Path, id: &'i str) -> Result<&'i str, DaemonError> {
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(DaemonError::shape(place, format!("expected an ID, found `{}`", Text::from(id))));
    }
    Ok(id)
}

fn read_json<T: DeserializeOwned>(path: &Path, most: u64) -> Result<T, DaemonError> {
    let bytes = read_small(path, most).map_err(|source| DaemonError::open(path, source))?;
    serde_json::from_slice(&bytes).map_err(|error| DaemonError::shape(path, error))
}
