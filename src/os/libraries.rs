//! Which libraries the shared objects and programs of an image need, and who has them.
//!
//! Looked at is what no OS package owns: what the distributions and the application brought. What OS packages need is
//! for their package manager to know. A library is looked for where the dynamic loader looks: in the folders that the
//! file names, in `LD_LIBRARY_PATH`, in the system's folders. One that is anywhere else in the image may be loaded by hand
//! before (as the CUDA libraries of wheels are), so it is not missing. What is opened by name at run time (dlopen,
//! ctypes) is written nowhere and cannot be seen.
//!
//! Source: ld.so(8).

use super::OsInventory;
use crate::base::{FastMap, ImagePath, LayerIdx, PackageId, clean_path, file_name, parent};
use crate::fs::View;
use crate::layer::{Linkage, is_library_name, may_be_linked};
use std::borrow::Cow;

/// What is linked in an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Libraries {
    /// Every library that a file outside the OS packages needs, by file and name.
    pub needs: Vec<Need>,
    /// Shared objects of which it is not known what they need.
    pub unread: usize,
}

/// A library that a file needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// The shared object or program.
    pub file: ImagePath,
    /// The layer that it is in.
    pub layer: LayerIdx,
    /// The library's name: `libpq.so.5`.
    pub library: ImagePath,
    /// Who has it.
    pub provider: Provider,
}

/// Who has a library.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provider {
    /// An OS package.
    Package(PackageId),
    /// A file of the image that no OS package owns.
    File(ImagePath),
    /// Nobody that is known, and there are OS packages whose files are not told apart.
    NotKnown,
    /// Nobody: the file cannot be loaded.
    Nobody,
}

impl Libraries {
    /// Looks at all files of an image.
    pub fn new(view: &View<'_>, os: &OsInventory) -> Self {
        let mut linked = Vec::new();
        let mut unread = 0;
        let mut places = Places::new(view);
        for (path, node) in view.iter().filter(|(_, node)| view.holds_bytes(*node)) {
            match view.contents_of(node).and_then(Linkage::decode) {
                Some(linkage) => {
                    if let Some(soname) = &linkage.soname {
                        places.add(soname.clone(), path);
                    }
                    linked.push((path, node.data.0, linkage));
                }
                None => unread += usize::from(path.ends_with(b".so") && may_be_linked(view.entry(node.entry))),
            }
        }
        let nobody = if os.has_unlisted(view) { Provider::NotKnown } else { Provider::Nobody };
        let mut needs = Vec::new();
        for (path, layer, linkage) in linked.iter().filter(|(path, ..)| !os.owners.contains_key(*path)) {
            for library in &linkage.needed {
                let provider = match places.find(path, linkage, library) {
                    None => nobody.clone(),
                    Some(found) => match os.owners.get(found) {
                        Some(&package) => Provider::Package(package),
                        None => Provider::File(ImagePath::new(found)),
                    },
                };
                needs.push(Need {
                    file: ImagePath::new(path),
                    layer: *layer,
                    library: ImagePath::new(library),
                    provider,
                });
            }
        }
        needs.sort();
        needs.dedup();
        Self { needs, unread }
    }
}

/// Where libraries are, by name.
struct Places<'v> {
    view: &'v View<'v>,
    by_name: FastMap<Cow<'v, [u8]>, Vec<&'v [u8]>>,
    /// `LD_LIBRARY_PATH` of the image.
    extra: Vec<Vec<u8>>,
}

/// The folders that the loader looks into without being told, and those below them that distributions of Linux tell it.
const SYSTEM: [&[u8]; 5] = [b"lib", b"lib64", b"usr/lib", b"usr/lib64", b"usr/local/lib"];

impl<'v> Places<'v> {
    fn new(view: &'v View<'v>) -> Self {
        let mut by_name: FastMap<Cow<'v, [u8]>, Vec<&'v [u8]>> = FastMap::default();
        for (path, _) in view.iter() {
            if is_library_name(path) {
                by_name.entry(Cow::Borrowed(file_name(path))).or_default().push(path);
            }
        }
        let env = view.image().config.env.iter();
        let extra = env.filter_map(|pair| pair.strip_prefix("LD_LIBRARY_PATH=")).flat_map(|value| value.split(':'));
        let extra = extra.filter(|dir| !dir.is_empty()).map(|dir| clean_path(dir.as_bytes()).into_owned()).collect();
        Self { view, by_name, extra }
    }

    fn add(&mut self, soname: Vec<u8>, path: &'v [u8]) {
        let places = self.by_name.entry(Cow::Owned(soname)).or_default();
        if !places.contains(&path) {
            places.push(path);
        }
    }

    fn find(&self, file: &[u8], linkage: &Linkage, library: &[u8]) -> Option<&'v [u8]> {
        if library.contains(&b'/') {
            return self.view.get(&clean_path(library)).map(|node| self.view.path(node).as_bytes());
        }
        let places = self.by_name.get(library)?;
        let folder = parent(file);
        let told = linkage.search.iter().map(|dir| expand(dir, folder)).chain(self.extra.iter().cloned());
        let named = |dir: Vec<u8>| places.iter().copied().find(|place| parent(place) == dir);
        let told = told.into_iter().find_map(named);
        told.or_else(|| places.iter().copied().find(|place| is_system(parent(place))))
            .or_else(|| places.iter().copied().find(|place| parent(place) == folder))
            .or_else(|| places.first().copied())
    }
}

/// A folder with `$ORIGIN` replaced, cleaned.
fn expand(dir: &[u8], origin: &[u8]) -> Vec<u8> {
    let rest = dir.strip_prefix(b"$ORIGIN").or_else(|| dir.strip_prefix(b"${ORIGIN}"));
    match rest {
        Some(rest) => clean_path(&[origin, rest].concat()).into_owned(),
        None => clean_path(dir).into_owned(),
    }
}

fn is_system(dir: &[u8]) -> bool {
    SYSTEM.contains(&dir) || SYSTEM.contains(&parent(dir))
}
