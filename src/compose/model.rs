//! What of a project decides about memory: its services, as typed values with places.

use super::build::{Build, build};
use super::dotenv;
use super::error::ComposeError;
use super::load::Loaded;
use super::value::{self, Reading, Words, list};
use crate::yaml::{Node, Place, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub struct At<T> {
    /// What it comes to.
    pub reading: Reading<T>,
    /// Where it stands.
    pub place: Place,
    /// Where it was a text: `"-1"` is read otherwise than `-1` by some versions.
    pub is_text: bool,
}

impl<T> At<T> {
    /// The value, where there is one.
    pub fn value(&self) -> Option<&T> {
        self.reading.value()
    }
}

/// A service.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Where its key stands.
    pub place: Place,
    /// Whether a profile turns it off.
    pub is_off: bool,
    /// Its profiles.
    pub profiles: Vec<String>,
    /// The image.
    pub image: Option<String>,
    /// Where the image's name stands.
    pub image_place: Option<Place>,
    /// The platform that is asked for.
    pub platform: Option<String>,
    /// How the image is built.
    pub build: Option<Build>,
    /// The command, where the file has one.
    pub command: Option<At<Words>>,
    /// The entry point, where the file has one.
    pub entrypoint: Option<At<Words>>,
    /// The environment, that of `env_file` included. Nothing for variables without a value.
    pub environment: BTreeMap<String, Option<String>>,
    /// Containers: `scale`, `deploy.replicas`, else 1; nothing where that is not known (`deploy.mode: global`).
    pub replicas: Option<i64>,
    /// What it says of memory and processors.
    pub resources: Resources,
    /// The service as it is after merging.
    pub node: Node,
}

impl Service {
    /// The name of its image, as Compose gives it where the file has none.
    pub fn image_name(&self, project: &str) -> Option<String> {
        let named = self.image.clone().filter(|name| !name.is_empty());
        named.or_else(|| self.build.as_ref().map(|_| format!("{project}-{}", self.name)))
    }
}

/// What a service says of memory and processors. Bytes.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    /// `mem_limit`.
    pub limit: Option<At<i64>>,
    /// `memswap_limit`.
    pub swap_limit: Option<At<i64>>,
    /// `mem_reservation`.
    pub reservation: Option<At<i64>>,
    /// `mem_swappiness`; Compose reads it as a size.
    pub swappiness: Option<At<i64>>,
    /// `shm_size`.
    pub shm: Option<At<i64>>,
    /// `oom_kill_disable`.
    pub oom_kill_disable: Option<At<bool>>,
    /// `oom_score_adj`.
    pub oom_score: Option<At<i64>>,
    /// `pids_limit`.
    pub pids: Option<At<i64>>,
    /// `cpus`.
    pub cpus: Option<At<f64>>,
    /// `scale`.
    pub scale: Option<At<i64>>,
    /// `deploy.replicas`.
    pub deploy_replicas: Option<At<i64>>,
    /// Where `deploy.resources.limits` stands.
    pub deploy_limits: Option<Place>,
    /// `deploy.resources.limits.memory`.
    pub deploy_limit: Option<At<i64>>,
    /// `deploy.resources.limits.cpus`.
    pub deploy_cpus: Option<At<f64>>,
    /// `deploy.resources.limits.pids`.
    pub deploy_pids: Option<At<i64>>,
    /// Where `deploy.resources.reservations` stands.
    pub deploy_reservations: Option<Place>,
    /// `deploy.resources.reservations.memory`.
    pub deploy_reservation: Option<At<i64>>,
    /// Where `deploy.resources.reservations.cpus` stands.
    pub deploy_reserved_cpus: Option<Place>,
}

impl Resources {
    /// The limit that Compose gives to the engine, in bytes: that of the service's key or of `deploy`. 0 and less are none.
    pub fn memory(&self) -> Option<(i64, Place)> {
        let one = |at: &Option<At<i64>>| at.as_ref().and_then(|at| Some((*at.value()?, at.place)));
        one(&self.deploy_limit).or_else(|| one(&self.limit)).filter(|(bytes, _)| *bytes > 0)
    }

    /// Memory and swap together, in bytes; -1 for as much swap as there is. Nothing where the file does not say.
    pub fn memory_and_swap(&self) -> Option<(i64, Place)> {
        let at = self.swap_limit.as_ref()?;
        at.value().filter(|bytes| **bytes != 0).map(|bytes| (*bytes, at.place))
    }

    /// The reservation, in bytes.
    pub fn reserved(&self) -> Option<(i64, Place)> {
        let one = |at: &Option<At<i64>>| at.as_ref().and_then(|at| Some((*at.value()?, at.place)));
        one(&self.deploy_reservation).or_else(|| one(&self.reservation)).filter(|(bytes, _)| *bytes > 0)
    }

    /// How many processors it may use.
    pub fn processors(&self) -> Option<(f64, Place)> {
        let one = |at: &Option<At<f64>>| at.as_ref().and_then(|at| Some((*at.value()?, at.place)));
        one(&self.deploy_cpus).or_else(|| one(&self.cpus)).filter(|(cpus, _)| *cpus > 0.0)
    }
}

/// The services of a project, by name.
///
/// # Errors
///
/// A service is no mapping, or a file of variables that it needs cannot be read.
pub fn services(loaded: &Loaded) -> Result<Vec<Service>, ComposeError> {
    let Some(node) = loaded.model.get("services") else { return Ok(Vec::new()) };
    let Some(map) = node.map() else {
        let message = format!("expected a mapping, found {}", node.kind());
        return Err(ComposeError::Shape { place: node.place, path: "services".into(), message });
    };
    map.iter().map(|(name, entry)| service(name, entry.key, &entry.node, loaded)).collect()
}

fn service(name: &str, place: Place, node: &Node, loaded: &Loaded) -> Result<Service, ComposeError> {
    if node.map().is_none() {
        let message = format!("expected a mapping, found {}", node.kind());
        return Err(ComposeError::Shape { place, path: format!("services.{name}"), message });
    }
    let profiles: Vec<String> = list(node.get("profiles"));
    let is_on = |profile: &String| loaded.profiles.iter().any(|on| on == "*" || on == profile);
    let is_off = !profiles.is_empty() && !profiles.iter().any(is_on);
    let resources = resources(node);
    let replicas = match node.at(&["deploy", "mode"]).and_then(Node::text) {
        Some("global" | "global-job") => None,
        _ => {
            let told = resources.scale.as_ref().or(resources.deploy_replicas.as_ref());
            Some(told.and_then(|at| at.value().copied()).unwrap_or(1))
        }
    };
    Ok(Service {
        name: name.to_owned(),
        place,
        is_off,
        profiles,
        image: node.get("image").and_then(Node::scalar),
        image_place: node.get("image").map(|node| node.place),
        platform: node.get("platform").and_then(Node::scalar).filter(|text| !text.is_empty()),
        build: node.get("build").and_then(|node| build(node, loaded)),
        command: words(node, "command"),
        entrypoint: words(node, "entrypoint"),
        environment: environment(name, node, loaded, is_off)?,
        replicas,
        resources,
        node: node.clone(),
    })
}

fn words(node: &Node, key: &str) -> Option<At<Words>> {
    let node = node.get(key)?;
    Some(At { reading: value::command(node)?, place: node.place, is_text: node.text().is_some() })
}

fn at<T>(node: &Node, path: &[&str], read: fn(&Node) -> Reading<T>) -> Option<At<T>> {
    let node = node.at(path)?;
    Some(At { reading: read(node), place: node.place, is_text: node.text().is_some() })
}

fn resources(node: &Node) -> Resources {
    let limits = ["deploy", "resources", "limits"];
    let reservations = ["deploy", "resources", "reservations"];
    let place = |path: &[&str]| node.at(path).filter(|node| node.map().is_some()).map(|node| node.place);
    Resources {
        limit: at(node, &["mem_limit"], value::bytes),
        swap_limit: at(node, &["memswap_limit"], value::bytes),
        reservation: at(node, &["mem_reservation"], value::bytes),
        swappiness: at(node, &["mem_swappiness"], value::bytes),
        shm: at(node, &["shm_size"], value::bytes),
        oom_kill_disable: at(node, &["oom_kill_disable"], value::boolean),
        oom_score: at(node, &["oom_score_adj"], value::whole),
        pids: at(node, &["pids_limit"], value::whole),
        cpus: at(node, &["cpus"], value::number),
        scale: at(node, &["scale"], value::whole),
        deploy_replicas: at(node, &["deploy", "replicas"], value::whole),
        deploy_limits: place(&limits),
        deploy_limit: at(node, &["deploy", "resources", "limits", "memory"], value::bytes_as_text),
        deploy_cpus: at(node, &["deploy", "resources", "limits", "cpus"], value::number),
        deploy_pids: at(node, &["deploy", "resources", "limits", "pids"], value::whole),
        deploy_reservations: place(&reservations),
        deploy_reservation: at(node, &["deploy", "resources", "reservations", "memory"], value::bytes_as_text),
        deploy_reserved_cpus: node.at(&["deploy", "resources", "reservations", "cpus"]).map(|node| node.place),
    }
}

/// What a container of the service gets: the files of variables in their order, and on top what stands in the file.
fn environment(
    name: &str,
    node: &Node,
    loaded: &Loaded,
    is_off: bool,
) -> Result<BTreeMap<String, Option<String>>, ComposeError> {
    let own = own_environment(node, loaded);
    let mut out: BTreeMap<String, Option<String>> = BTreeMap::new();
    let files = match node.get("env_file") {
        Some(files) => files.list().map_or_else(|| vec![files], |list| list.iter().collect()),
        None => Vec::new(),
    };
    for file in files {
        let Some(path) = file.text().or_else(|| file.get("path")?.text()) else {
            let message = format!("expected a path, found {}", file.kind());
            return Err(ComposeError::Shape { place: file.place, path: format!("services.{name}.env_file"), message });
        };
        let is_required = !matches!(file.get("required").map(value::boolean), Some(Reading::Is(false)));
        // Compose reads nothing for a service that is off.
        if (!is_required || is_off) && !loaded.folder.has(Path::new(""), path) {
            continue;
        }
        let text = loaded.folder.read(Path::new(""), path, Some(file.place))?;
        let read = match file.get("format").and_then(Node::text) {
            Some("raw") => dotenv::read_raw(&text),
            _ => {
                let outside = |name: &str| loaded.variables.get(name).or_else(|| own.get(name)?.as_ref()).cloned();
                dotenv::read(&text, &outside).map_err(|error| ComposeError::Variables {
                    name: path.to_owned(),
                    line: error.line,
                    message: error.message,
                })?
            }
        };
        out.extend(read.into_iter().map(|(name, value)| (name, Some(value))));
    }
    out.extend(own);
    Ok(out)
}

/// What stands in the file itself. A variable without a value has that of the project.
fn own_environment(node: &Node, loaded: &Loaded) -> BTreeMap<String, Option<String>> {
    let outside = |name: &str| loaded.variables.get(name).cloned();
    let of_text = |text: &str| match text.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (text.to_owned(), outside(text)),
    };
    match node.get("environment").map(|node| &node.value) {
        Some(Value::Map(map)) => {
            map.iter().map(|(name, entry)| (name.clone(), entry.node.scalar().or_else(|| outside(name)))).collect()
        }
        Some(Value::List(list)) => list.iter().filter_map(Node::text).map(of_text).collect(),
        _ => BTreeMap::new(),
    }
}
