//! rpm's databases: which packages are installed, with their files, what they require and provide, and what dnf says that was
//! asked for.
//!
//! The database is one file, in one of three formats: SQLite (RHEL 9, Fedora, Amazon Linux 2023, Azure Linux), ndb (SUSE) or
//! Berkeley DB's hash (RHEL 7 and 8, Amazon Linux 2). In all three every package is one *header*, a table of tagged values
//! (`header`). Nothing here looks at more than one file's bytes, and nothing in it is believed: every offset and count is
//! checked, no page is read twice, and what is kept is bounded.
//!
//! An index keeps no database but what is read of it: [`distil`] makes a text of its packages, and [`read`] reads that, too.
//!
//! Source: rpm's manual (<https://rpm-software-management.github.io/rpm/manual/format_header.html>, `tags.html`), SQLite's
//! file format (<https://www.sqlite.org/fileformat2.html>), rpm's `lib/backend/ndb/rpmpkg.c`, Berkeley DB's `db_page.h`, and
//! libdnf's `TransactionItemReason`.

mod bdb;
mod header;
mod history;
mod ndb;
mod package;
mod sqlite;

pub use history::{Reasons, distil_history, read_history};
pub use package::{RpmError, RpmPackage};

use package::MAX_PACKAGES;
use serde::Deserialize;

/// Files of all of them.
const MAX_FILES: usize = 2_000_000;
/// Names in the relations of all of them.
const MAX_NAMES: usize = 1_000_000;

/// The first line of what [`distil`] makes.
const DISTILLED: &[u8] = b"{\"rpm\":1}\n";

/// What a database says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// The packages, sorted by name, version and architecture. Keys (`gpg-pubkey`) are none.
    pub packages: Vec<RpmPackage>,
    /// How many headers could not be read, or were more than are read.
    pub bad: usize,
}

/// Reads a database, or what [`distil`] made of one.
///
/// # Errors
///
/// The file is in none of the formats, or damaged where all of it is found from.
pub fn read(bytes: &[u8]) -> Result<Database, RpmError> {
    if let Some(lines) = bytes.strip_prefix(DISTILLED) {
        return read_distilled(lines);
    }
    let mut headers = Headers::default();
    match () {
        () if sqlite::is_one(bytes) => sqlite::Sqlite::new(bytes)?.blobs("Packages", &mut |blob| headers.add(blob))?,
        () if ndb::is_one(bytes) => ndb::blobs(bytes, &mut |blob| headers.add(blob))?,
        () if bdb::is_one(bytes) => bdb::blobs(bytes, &mut |blob| headers.add(blob))?,
        () if bytes.is_empty() => return Err(RpmError::new("an empty file")),
        () => return Err(RpmError::new("another format")),
    }
    Ok(headers.finish())
}

/// What a recorded index keeps of a database: a line for each package. A file that is none says so in its place.
pub fn distil(bytes: &[u8]) -> Vec<u8> {
    let mut out = DISTILLED.to_vec();
    match read(bytes) {
        Ok(database) => {
            for package in &database.packages {
                out.extend(serde_json::to_vec(package).unwrap_or_default());
                out.push(b'\n');
            }
            if database.bad > 0 {
                out.extend(format!("{{\"bad\":{}}}\n", database.bad).into_bytes());
            }
        }
        Err(error) => {
            let text = serde_json::to_string(&error.0).unwrap_or_default();
            out.extend(format!("{{\"error\":{text}}}\n").into_bytes());
        }
    }
    out
}

/// A line that is no package.
#[derive(Deserialize)]
struct Remark {
    #[serde(default)]
    bad: usize,
    error: Option<String>,
}

fn read_distilled(lines: &[u8]) -> Result<Database, RpmError> {
    let mut headers = Headers::default();
    for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice::<RpmPackage>(line) {
            Ok(package) if !package.name.is_empty() => headers.push(package),
            _ => match serde_json::from_slice::<Remark>(line) {
                Ok(Remark { error: Some(error), .. }) => return Err(RpmError(error)),
                Ok(remark) if remark.bad > 0 => headers.bad = headers.bad.saturating_add(remark.bad),
                _ => headers.bad = headers.bad.saturating_add(1),
            },
        }
    }
    Ok(headers.finish())
}

/// The headers of a database, as they are found.
#[derive(Default)]
struct Headers {
    packages: Vec<RpmPackage>,
    bad: usize,
    files: usize,
    names: usize,
}

impl Headers {
    fn add(&mut self, blob: &[u8]) {
        match header::parse(blob) {
            Some(package) if !package.name.is_empty() && !package.version.is_empty() => self.push(package),
            _ => self.bad += 1,
        }
    }

    fn push(&mut self, package: RpmPackage) {
        if package.name == "gpg-pubkey" {
            return;
        }
        self.files += package.files.iter().map(|(_, names)| names.len()).sum::<usize>();
        self.names += package.requires.len() + package.provides.len() + package.recommends.len();
        match self.packages.len() < MAX_PACKAGES && self.files <= MAX_FILES && self.names <= MAX_NAMES {
            true => self.packages.push(package),
            false => self.bad += 1,
        }
    }

    fn finish(mut self) -> Database {
        let key = |package: &RpmPackage| (package.name.clone(), package.version.clone(), package.architecture.clone());
        self.packages.sort_by_cached_key(key);
        Database { packages: self.packages, bad: self.bad }
    }
}
