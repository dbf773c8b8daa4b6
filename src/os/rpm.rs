//! Packages of rpm: whose each file is, who needs whom, and what was asked for.

use super::{Declared, Listed, OsInventory, OsPackage};
use crate::base::{FastMap, ImagePath, Problem, clean_path};
use crate::fs::View;
use crate::layer::{is_dnf_history, is_rpm_database};
use crate::rpm::{Reasons, RpmPackage, read, read_history};
use std::collections::BTreeSet;

/// The folders of rpm's database and of dnf's notes.
const FOLDERS: [&[u8]; 6] = [
    b"var/lib/rpm",
    b"usr/lib/sysimage/rpm",
    b"usr/share/rpm",
    b"var/lib/dnf",
    b"usr/lib/sysimage/libdnf5",
    b"usr/lib/sysimage/dnf",
];
/// Each package of images that have no database, in ten fields.
const MANIFEST: &[u8] = b"var/lib/rpmmanifest/container-manifest-2";

/// The packages that rpm's database in an image has; none where there is none that can be read.
pub fn rpm_packages(view: &View<'_>) -> Vec<RpmPackage> {
    database(view, &mut Vec::new())
}

fn database(view: &View<'_>, problems: &mut Vec<Problem>) -> Vec<RpmPackage> {
    let files = FOLDERS.iter().flat_map(|folder| view.below(folder)).filter(|(path, _)| is_rpm_database(path));
    for (path, node) in files {
        let mut problem = |message: String| problems.push(Problem::new(ImagePath::new(path), message));
        let Some(content) = view.contents_of(node) else {
            if view.size(node) > 0 {
                problem("expected rpm's database, found a file that was not read; its packages are not known".into());
            }
            continue;
        };
        let log = view.get(&[path, b"-wal"].concat()).map_or(0, |node| view.size(node));
        if log > 0 {
            problem(format!("expected a database at rest, found {log} bytes in its log that are not in it yet"));
        }
        match read(content) {
            Ok(database) => {
                if database.bad > 0 {
                    problem(format!("expected headers of packages; {} of them are damaged", database.bad));
                }
                if !database.packages.is_empty() {
                    return database.packages;
                }
            }
            Err(error) => problem(format!("{error}; its packages are not known")),
        }
    }
    Vec::new()
}

fn reasons(view: &View<'_>) -> Option<Reasons> {
    let files = FOLDERS.iter().flat_map(|folder| view.below(folder)).filter(|(path, _)| is_dnf_history(path));
    files.filter_map(|(_, node)| read_history(view.contents_of(node)?)).find(|reasons| !reasons.by_hand.is_empty())
}

impl OsInventory {
    pub(super) fn read_rpm(&mut self, view: &View<'_>) -> Vec<Listed> {
        let packages = database(view, &mut self.problems);
        if packages.is_empty() {
            return view.contents(MANIFEST).map(manifest).unwrap_or_default();
        }
        let names = Names::new(&packages);
        let reasons = reasons(view);
        let needs: Vec<BTreeSet<usize>> = (0..packages.len()).map(|at| names.needed_by(&packages, at)).collect();
        let needed: BTreeSet<usize> = needs.iter().flatten().copied().collect();
        let listed = |(at, package): (usize, &RpmPackage)| {
            let noted = reasons.as_ref().and_then(|reasons| reasons.by_hand.get(&package.name));
            // What nobody noted is the base's, or was asked for if nothing else needs it.
            let manual = noted.copied().unwrap_or_else(|| reasons.is_none() && !needed.contains(&at));
            let depends = needs[at].iter().map(|&other| vec![packages[other].name.clone()]);
            let paths = package.paths().map(|path| clean_path(path.as_bytes()).into_owned()).collect();
            let own = OsPackage {
                name: package.name.clone(),
                version: package.version.clone(),
                architecture: package.architecture.clone(),
                manual,
                depends: depends.collect(),
                provides: package.provides.clone(),
                section: package.group.clone(),
                vendor: package.vendor.clone(),
                declared: Declared {
                    installed_size: Some(package.size),
                    recommends: package.recommends.join(", "),
                    ..Declared::default()
                },
                ..OsPackage::default()
            };
            (own, paths)
        };
        packages.iter().enumerate().map(listed).collect()
    }
}

/// Who stands for which name: a capability, else a path, else a package of that name.
struct Names<'p> {
    provided: FastMap<&'p str, usize>,
    paths: FastMap<String, usize>,
}

impl<'p> Names<'p> {
    fn new(packages: &'p [RpmPackage]) -> Self {
        let mut provided: FastMap<&str, usize> = FastMap::default();
        for (at, package) in packages.iter().enumerate() {
            provided.entry(&package.name).or_insert(at);
        }
        for (at, package) in packages.iter().enumerate() {
            package.provides.iter().for_each(|name| _ = provided.entry(name).or_insert(at));
        }
        // Only the paths that somebody asks for.
        let wanted: BTreeSet<&str> = packages
            .iter()
            .flat_map(|package| &package.requires)
            .map(String::as_str)
            .filter(|n| n.starts_with('/'))
            .collect();
        let mut paths = FastMap::default();
        for (at, package) in packages.iter().enumerate().filter(|_| !wanted.is_empty()) {
            for path in package.paths().filter(|path| wanted.contains(path.as_str())) {
                paths.entry(path).or_insert(at);
            }
        }
        Self { provided, paths }
    }

    /// The packages that one needs: of a name with a condition (`(a if b)`) those that it names and that are there.
    fn needed_by(&self, packages: &[RpmPackage], at: usize) -> BTreeSet<usize> {
        let mut out = BTreeSet::new();
        for name in &packages[at].requires {
            let found = self.provided.get(name.as_str()).or_else(|| self.paths.get(name));
            match found {
                Some(&other) => _ = out.insert(other),
                None if name.starts_with('(') => {
                    let words = name.split(|c: char| c == '(' || c == ')' || c.is_whitespace());
                    out.extend(words.filter_map(|word| self.provided.get(word)));
                }
                None => {}
            }
        }
        out.remove(&at);
        out
    }
}

/// Name, version with release, times, vendor, epoch, size, architecture, and more.
fn manifest(text: &[u8]) -> Vec<Listed> {
    let text = String::from_utf8_lossy(text);
    let package = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, version, _, _, vendor, epoch, size, architecture, ..] = fields.as_slice() else { return None };
        let epoch = Some(*epoch).filter(|epoch| !matches!(*epoch, "" | "0" | "(none)"));
        let own = OsPackage {
            name: (*name).to_owned(),
            version: epoch.map_or_else(|| (*version).to_owned(), |epoch| format!("{epoch}:{version}")),
            architecture: (*architecture).to_owned(),
            vendor: (*vendor).to_owned(),
            declared: Declared { installed_size: size.parse().ok(), ..Declared::default() },
            ..OsPackage::default()
        };
        (!name.is_empty()).then_some((own, Vec::new()))
    };
    text.lines().take(super::dpkg::MAX_PACKAGES).filter_map(package).collect()
}
