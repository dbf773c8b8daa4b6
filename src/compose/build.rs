//! How the image of a service is built, as far as that decides what is in it.
//!
//! Source: compose-spec, `build.md`. What decides nothing of the files in the image (`cache_from`, `labels`, `secrets`, `ssh`, …) is
//! not read.

use super::folder::{clean, is_remote};
use super::load::Loaded;
use super::value::list;
use crate::base::{Found, Text};
use crate::yaml::{Node, Place, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// How a service's image is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// The context: absolute, unless it is a URL.
    pub context: String,
    /// The Dockerfile, relative to the context, if it is not `Dockerfile`.
    pub dockerfile: Option<String>,
    /// The Dockerfile's text, where it stands in the Compose file (`dockerfile_inline`).
    pub inline: Option<String>,
    /// The stage, if it is not the last one.
    pub target: Option<String>,
    /// Arguments. Those without a value have that of the project's variable; those without one there are left out, as Compose does.
    pub arguments: BTreeMap<String, String>,
    /// Contexts beside the own one, by the names that the Dockerfile has for them: a path, `docker-image://NAME`, `service:NAME`, a URL.
    pub contexts: BTreeMap<String, String>,
    /// The platforms that it is built for; none for that of the engine.
    pub platforms: Vec<String>,
    /// Where it stands.
    pub place: Place,
}

/// Why it is not known what a build makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotPredicted {
    /// The context is a URL or a repository, and nothing is fetched.
    Remote(String),
    /// The context, or the Dockerfile, is outside of the folder below which files are read.
    Outside(String),
    /// It is not there.
    Missing(String),
    /// Both `dockerfile` and `dockerfile_inline`: Compose refuses that.
    TwoDockerfiles,
    /// Another context, which is no image that the engine has.
    Context {
        /// The Dockerfile's name for it.
        name: String,
        /// What it is.
        is: String,
    },
}

impl fmt::Display for NotPredicted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(context) => {
                write!(f, "its context is elsewhere ({}), and nothing is fetched", Text::from(context))
            }
            Self::Outside(path) => {
                write!(
                    f,
                    "{} is outside of the folder below which files are read: --root names another one",
                    Text::from(path)
                )
            }
            Self::Missing(path) => write!(f, "{} is not there", Text::from(path)),
            Self::TwoDockerfiles => {
                write!(f, "it has both `dockerfile` and `dockerfile_inline`, which Docker Compose refuses")
            }
            Self::Context { name, is } => write!(
                f,
                "what the additional context `{}` ({}) brings is not predicted",
                Text::from(name),
                Text::from(is)
            ),
        }
    }
}

/// Reads `build`; nothing where it is neither a text nor a mapping.
pub(super) fn build(node: &Node, loaded: &Loaded) -> Option<Build> {
    let here = || {
        let folder = std::path::absolute(&loaded.directory).unwrap_or_else(|_| loaded.directory.clone());
        clean(&folder).unwrap_or(folder).display().to_string()
    };
    let empty = Build {
        context: String::new(),
        dockerfile: None,
        inline: None,
        target: None,
        arguments: BTreeMap::new(),
        contexts: BTreeMap::new(),
        platforms: Vec::new(),
        place: node.place,
    };
    if let Some(context) = node.text() {
        return Some(Build { context: context.to_owned(), ..empty });
    }
    node.map()?;
    let text = |key: &str| node.get(key).and_then(Node::scalar).filter(|text| !text.is_empty());
    let known = |(name, value): (String, Option<String>)| {
        let value = value.or_else(|| loaded.variables.get(&name).cloned());
        Some((name, value?))
    };
    Some(Build {
        context: text("context").unwrap_or_else(here),
        dockerfile: text("dockerfile"),
        inline: text("dockerfile_inline"),
        target: text("target"),
        arguments: pairs(node.get("args")).into_iter().filter_map(known).collect(),
        contexts: pairs(node.get("additional_contexts"))
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect(),
        platforms: list(node.get("platforms")),
        ..empty
    })
}

/// A mapping, or a list of `NAME=VALUE`.
fn pairs(node: Option<&Node>) -> Vec<(String, Option<String>)> {
    let of_text = |text: String| match text.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (text, None),
    };
    match node.map(|node| &node.value) {
        Some(Value::Map(map)) => map.iter().map(|(name, entry)| (name.clone(), entry.node.scalar())).collect(),
        Some(Value::List(list)) => list.iter().filter_map(Node::scalar).map(of_text).collect(),
        _ => Vec::new(),
    }
}

impl Build {
    /// The folder that it is built from, and its Dockerfile where that is not the folder's own.
    ///
    /// # Errors
    ///
    /// The context is no folder that may be read, or the Dockerfile no file.
    pub fn folder(&self, loaded: &Loaded) -> Result<(PathBuf, Option<PathBuf>), NotPredicted> {
        if is_remote(&self.context) {
            return Err(NotPredicted::Remote(self.context.clone()));
        }
        if self.inline.is_some() && self.dockerfile.is_some() {
            return Err(NotPredicted::TwoDockerfiles);
        }
        let folder = Path::new(&self.context);
        let found = |path: &Path, wanted: Found| match loaded.folder.find(path) {
            None => Err(NotPredicted::Outside(path.display().to_string())),
            Some(found) if found == Some(wanted) => Ok(()),
            Some(_) => Err(NotPredicted::Missing(path.display().to_string())),
        };
        found(folder, Found::Directory)?;
        if self.inline.is_some() {
            return Ok((folder.to_owned(), None));
        }
        // Compose knows no other default name.
        let path = folder.join(self.dockerfile.as_deref().unwrap_or("Dockerfile"));
        let path = clean(&path).unwrap_or(path);
        found(&path, Found::File)?;
        Ok((folder.to_owned(), self.dockerfile.as_ref().map(|_| path)))
    }
}
