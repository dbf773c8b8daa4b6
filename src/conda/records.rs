//! What a channel says of its packages: `repodata.json`, of which the largest has hundreds of megabytes.
//!
//! It is read as a stream, and of all its packages those are kept whose names are wanted.
//!
//! Source: conda-build's and conda-index's `repodata.json`, in which `packages` has archives of the old format and
//! `packages.conda` those of the new one, by the names of their files.

use super::explicit::archive_name;
use crate::base::Text;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;

/// More records of wanted names are no channel's.
const MAX_RECORDS: usize = 200_000;

/// A package of a channel.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Record {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Build.
    #[serde(default)]
    pub build: String,
    /// The builder's count: of builds that fit, the highest is taken.
    #[serde(default)]
    pub build_number: u64,
    /// What it needs.
    #[serde(default)]
    pub depends: Vec<String>,
    /// What others have to be if they are there.
    #[serde(default)]
    pub constrains: Vec<String>,
    /// Bytes of its archive (`wire`).
    #[serde(default)]
    pub size: u64,
    /// The archive's MD5 sum, in hexadecimal digits.
    #[serde(default)]
    pub md5: Option<String>,
    /// The archive's SHA-256 digest, in hexadecimal digits.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Its archive's name.
    #[serde(skip)]
    pub file: String,
    /// Where its archive is.
    #[serde(skip)]
    pub url: String,
}

/// Reads the records of wanted names; `folder` is the place of the channel's platform.
///
/// # Errors
///
/// It is no such file; where, and what was found.
pub fn read_records(input: impl Read, wanted: &BTreeSet<String>, folder: &str) -> Result<Vec<Record>, String> {
    let mut out = Vec::new();
    let mut reader = serde_json::Deserializer::from_reader(std::io::BufReader::with_capacity(256 << 10, input));
    let read = Top { wanted, out: &mut out }.deserialize(&mut reader);
    read.map_err(|error| format!("expected the list of a channel's packages: {}", Text::of(&error)))?;
    for record in &mut out {
        record.url = format!("{}/{}", folder.trim_end_matches('/'), record.file);
    }
    // Of one package in both formats the newer one is enough.
    let stems: BTreeSet<String> =
        out.iter().filter_map(|record| record.file.strip_suffix(".conda").map(str::to_owned)).collect();
    out.retain(|record| record.file.strip_suffix(".tar.bz2").is_none_or(|stem| !stems.contains(stem)));
    Ok(out)
}

struct Top<'t> {
    wanted: &'t BTreeSet<String>,
    out: &'t mut Vec<Record>,
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `packages`")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "packages" | "packages.conda" => {
                    map.next_value_seed(Packages { wanted: self.wanted, out: &mut *self.out })?;
                }
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }
}

struct Packages<'t> {
    wanted: &'t BTreeSet<String>,
    out: &'t mut Vec<Record>,
}

impl<'de> DeserializeSeed<'de> for Packages<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Packages<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of packages by the names of their archives")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(file) = map.next_key::<String>()? {
            let is_wanted = archive_name(&file).is_some_and(|archive| self.wanted.contains(archive.name));
            if !is_wanted || file.contains('/') {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if self.out.len() >= MAX_RECORDS {
                return Err(serde::de::Error::custom("expected fewer builds of the wanted packages"));
            }
            let record = map.next_value::<Record>()?;
            self.out.push(Record { file, ..record });
        }
        Ok(())
    }
}
