//! A plan that somebody reviewed (`plan -o DIR`), to be carried out as it is: for this image, with these distributions, and
//! nothing beside it. The decisions are made again from the image, with the plan's choice of rules, and held against
//! `plan.json`: what is decided now and not in the plan is not done, and what the plan has and nothing here asks for is an
//! error. So neither an edit nor another version of the rules gets past who reviewed it.

use super::left::Left;
use crate::base::{Digest, Hint, Text, count, names};
use crate::facts::Facts;
use crate::image::Image;
use crate::plan::{Anew, Decided};
use crate::python::normalize_name;
use crate::verify::Promise;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The largest file of a plan that is read, in bytes.
const MAX_BYTES: u64 = 256 << 20;

/// A plan that was read back.
#[derive(Clone, Debug, Default)]
pub struct Reviewed {
    place: String,
    promise: Promise,
    has_ledger: bool,
    platform: String,
    diff_ids: Vec<String>,
    /// Rules that it was told to follow.
    pub accept: Vec<String>,
    /// Rules that it was told not to follow.
    pub skip: Vec<String>,
    pins: BTreeMap<String, Pin>,
}

/// Why a plan is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// It cannot be read.
    #[error("{place}: {why}")]
    Unreadable {
        /// The file.
        place: Text,
        /// Why.
        why: String,
    },
    /// It does not tell what it is for.
    #[error("{place}: it does not tell of which image it is a plan")]
    Untold {
        /// The file.
        place: Text,
    },
    /// It is for another image.
    #[error("{place}: it is a plan for another image: {what}")]
    OtherImage {
        /// The file.
        place: Text,
        /// In what they differ.
        what: String,
    },
    /// A file was edited.
    #[error("{place}: it was edited after the plan was written, and apply does not read it: it carries out plan.json")]
    Edited {
        /// The file.
        place: Text,
    },
    /// It has something that is not done here.
    #[error("{place}: {what}")]
    NotFollowed {
        /// The file.
        place: Text,
        /// What.
        what: String,
    },
}

impl Hint for ReviewError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreadable { .. } => "give the folder that `slimwright plan -o` wrote".to_owned(),
            Self::Untold { .. } => {
                "an image without diff IDs, or a plan of an older slimwright: write it again with `slimwright plan`"
                    .to_owned()
            }
            Self::OtherImage { .. } => "name the image that was planned for, or write a plan for this one".to_owned(),
            Self::Edited { .. } => {
                "`slimwright plan --skip RULE` leaves a rule out, --accept RULE takes one in; or build the edited text"
                    .to_owned()
            }
            Self::NotFollowed { .. } => {
                "write the plan again with this version and these --profiles; --skip RULE leaves a rule out".to_owned()
            }
        })
    }
}

#[derive(Clone, Debug, Deserialize)]
struct Pin {
    name: String,
    version: String,
    #[serde(default)]
    index: Option<String>,
    #[serde(rename = "instead-of", default)]
    instead_of: Option<String>,
    #[serde(default)]
    availability: Option<Availability>,
}

#[derive(Clone, Debug, Deserialize)]
struct Availability {
    #[serde(default)]
    file: Option<File>,
}

#[derive(Clone, Debug, Deserialize)]
struct File {
    #[serde(default)]
    sha256: Option<String>,
}

#[derive(Deserialize)]
struct Document {
    platform: String,
    #[serde(rename = "diff-ids", default)]
    diff_ids: Vec<String>,
    #[serde(default)]
    followed: Followed,
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    ledger: Option<serde::de::IgnoredAny>,
    pins: Vec<Pin>,
}

#[derive(Default, Deserialize)]
struct Followed {
    accept: Vec<String>,
    skip: Vec<String>,
}

impl Reviewed {
    /// Reads the folder of a plan, and sees to it that nothing of its text was edited.
    ///
    /// # Errors
    ///
    /// It is no plan, or a file of it is another one than the plan wrote.
    pub fn read(folder: &Path) -> Result<Self, ReviewError> {
        let path = folder.join("plan.json");
        let unreadable = |path: &Path, why: String| ReviewError::Unreadable { place: Text::of_path(path), why };
        let get = |path: &Path| -> Result<Vec<u8>, ReviewError> {
            let failed = |error: std::io::Error| unreadable(path, error.to_string());
            let found = std::fs::metadata(path).map_err(failed)?;
            if !found.is_file() || found.len() > MAX_BYTES {
                return Err(unreadable(path, "expected a file of at most 256 MB".to_owned()));
            }
            std::fs::read(path).map_err(failed)
        };
        let text = get(&path)?;
        let promise = Promise::parse(&text).map_err(|error| unreadable(&path, error.to_string()))?;
        let found: Document = serde_json::from_slice(&text).map_err(|error| unreadable(&path, error.to_string()))?;
        for (name, digest) in &found.files {
            let file = folder.join(name);
            // A name with a folder in it is none that a plan writes.
            let is_own = Path::new(name).file_name().is_some_and(|last| last.to_str() == Some(name));
            if !is_own || Digest::of(&get(&file)?).to_string() != *digest {
                return Err(ReviewError::Edited { place: Text::of_path(&file) });
            }
        }
        let pins = found.pins.into_iter().map(|pin| (normalize_name(&pin.name), pin)).collect();
        Ok(Self {
            place: path.display().to_string(),
            promise,
            has_ledger: found.ledger.is_some(),
            platform: found.platform,
            diff_ids: found.diff_ids,
            accept: found.followed.accept,
            skip: found.followed.skip,
            pins,
        })
    }

    fn place(&self) -> Text {
        self.place.as_str().into()
    }

    /// Whether it is a plan for this image.
    ///
    /// # Errors
    ///
    /// It is one for another, or does not tell.
    pub fn check(&self, image: &Image) -> Result<(), ReviewError> {
        let other = |what: String| Err(ReviewError::OtherImage { place: self.place(), what });
        let own = &image.config.diff_ids;
        if self.diff_ids.is_empty() {
            return Err(ReviewError::Untold { place: self.place() });
        }
        if self.platform != image.platform {
            return other(format!("planned for {}, found {}", Text::from(&self.platform), Text::from(&image.platform)));
        }
        if self.diff_ids.len() != own.len() {
            let (planned, found) = (count(self.diff_ids.len(), "layer"), own.len());
            return other(format!("planned for one of {planned}, found {found}"));
        }
        match self.diff_ids.iter().zip(own).position(|(planned, found)| planned != found) {
            Some(layer) => other(format!(
                "its layer {} was {}, and is {}",
                layer + 1,
                Text::from(&self.diff_ids[layer]),
                Text::from(&own[layer])
            )),
            None => Ok(()),
        }
    }

    /// Rules by which something is decided that the plan does not have: they are not followed.
    pub fn not_in_plan(&self, facts: &Facts<'_>, decided: &Decided) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        for (id, rule) in decided.gone.iter().filter(|(_, rule)| Decided::is_rule(rule)) {
            let dist = &facts.python.distributions[*id];
            if !self.promise.dropped.contains(&dist.normalized) {
                out.entry(rule.clone()).or_insert_with(|| format!("the plan does not drop {}", dist.name));
            }
        }
        for anew in &decided.anew {
            if let (Some(rule), None) = (&anew.rule, self.pin(facts, anew)) {
                let name = &facts.python.distributions[anew.id].name;
                out.entry(rule.clone()).or_insert_with(|| format!("the plan puts nothing in the place of {name}"));
            }
        }
        out
    }

    fn pin(&self, facts: &Facts<'_>, anew: &Anew) -> Option<&Pin> {
        let own = &facts.python.distributions[anew.id].normalized;
        let name = anew.wanted.as_ref().map_or_else(|| own.clone(), |wanted| normalize_name(&wanted.name));
        let instead = |pin: &Pin| pin.instead_of.as_deref()?.split_whitespace().next().map(normalize_name);
        let pin = self.pins.get(&name)?;
        (name == *own && anew.rule.is_none() || instead(pin).as_ref() == Some(own)).then_some(pin)
    }

    /// Keeps to the plan: its versions and indexes, and of what goes no more than it has.
    ///
    /// # Errors
    ///
    /// What it has beside that nothing here asks for, or what cannot be left out by itself.
    pub fn keep_to(
        &self,
        facts: &Facts<'_>,
        decided: &mut Decided,
        has_left: bool,
        left: &mut Vec<Left>,
    ) -> Result<(), ReviewError> {
        let dists = &facts.python.distributions;
        let not_followed = |what: String| Err(ReviewError::NotFollowed { place: self.place(), what });
        let mut anew = BTreeSet::new();
        for one in &mut decided.anew {
            let Some(pin) = self.pin(facts, one) else {
                return not_followed(format!(
                    "{} is to be installed again, and the plan has no pin for it",
                    dists[one.id].name
                ));
            };
            if let Some(wanted) = &mut one.wanted {
                wanted.version.clone_from(&pin.version);
                wanted.index.clone_from(&pin.index);
            }
            anew.insert(dists[one.id].normalized.clone());
        }
        let gone: BTreeSet<&str> = decided.gone.keys().map(|id| dists[*id].normalized.as_str()).collect();
        if let Some(id) = decided.gone.keys().find(|id| !self.promise.dropped.contains(&dists[**id].normalized)) {
            return not_followed(format!("{} is of no use any more, and the plan keeps it", dists[*id].name));
        }
        let by_conda = |name: &str| {
            let mut found = dists.iter().filter(|dist| dist.normalized == name);
            found.any(|dist| facts.os.conda.owners.contains_key(&dist.metadata.join(b"METADATA")))
        };
        let open: Vec<&str> = self
            .promise
            .dropped
            .iter()
            .map(String::as_str)
            .filter(|name| !gone.contains(name) && !by_conda(name))
            .collect();
        let swaps = self.promise.replaced.iter().chain(&self.promise.rebuilt).filter(|name| !anew.contains(*name));
        let open: Vec<&str> = open.into_iter().chain(swaps.map(String::as_str)).collect();
        // What a rule would have done that is left was told with it.
        if !open.is_empty() && !has_left {
            return not_followed(format!("nothing in the image asks for what the plan does to {}", names(&open, 4)));
        }
        let kept = |name: &String| !self.promise.dropped_system.contains(name);
        let packages: Vec<_> =
            decided.packages.keys().copied().filter(|id| kept(&facts.os.packages[*id].name)).collect();
        for id in packages {
            decided.packages.remove(&id);
            let package = &facts.os.packages[id];
            let what = format!("OS package {}", package.name);
            left.push(Left { what, why: "the plan keeps it".into(), bytes: package.bytes });
        }
        if self.has_ledger {
            let mut kept: BTreeMap<String, u64> = BTreeMap::new();
            decided.files.retain(|path, rule| {
                let goes = self.promise.drops(&path.to_string());
                if !goes {
                    *kept.entry(rule.clone()).or_default() +=
                        facts.view.get(path.as_bytes()).map_or(0, |node| facts.view.size(node));
                }
                goes
            });
            let row = |(rule, bytes): (String, u64)| Left {
                what: format!("{rule}: files that the plan keeps or has anew"),
                why: "they go by no row of its ledger".into(),
                bytes,
            };
            left.extend(kept.into_iter().map(row));
        }
        Ok(())
    }

    /// Whether a wheel is the one that was reviewed, by its digest.
    ///
    /// # Errors
    ///
    /// It is another one.
    pub fn is_reviewed(&self, facts: &Facts<'_>, anew: &Anew, sha256: &str) -> Result<(), ReviewError> {
        let pin = self.pin(facts, anew);
        let planned = pin.and_then(|pin| pin.availability.as_ref()?.file.as_ref()?.sha256.as_deref());
        let Some((pin, planned)) = pin.zip(planned) else { return Ok(()) };
        if planned.eq_ignore_ascii_case(sha256) {
            return Ok(());
        }
        let what = format!(
            "the plan has {} {} with SHA-256 {}, and the index has {sha256} now",
            Text::from(&pin.name),
            Text::from(&pin.version),
            Text::from(planned)
        );
        Err(ReviewError::NotFollowed { place: self.place(), what })
    }
}
