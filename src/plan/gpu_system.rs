//! Packages of the system for a GPU: whether they go, and what goes with them. They are the base image's: a plan without them
//! builds on another one, so that its variables, folders and entry point have no meaning any more.

use super::PlanOptions;
use super::closure;
use crate::base::PackageId;
use crate::image::Config;
use crate::rules::{Detect, Finding, GlobSet, Rule};
use std::collections::BTreeMap;

/// What a rule found of them.
pub(super) struct GpuSystem<'g> {
    /// Whether the plan follows the rule.
    pub leaves: bool,
    rule: &'g Rule,
    packages: &'g [PackageId],
}

/// Variables that are lists of folders.
const FOLDERS: [&str; 6] = ["PATH", "LD_LIBRARY_PATH", "LIBRARY_PATH", "CPATH", "C_INCLUDE_PATH", "PKG_CONFIG_PATH"];

impl<'g> GpuSystem<'g> {
    pub(super) fn new(findings: &'g [Finding], rules: &'g [Rule], options: &PlanOptions) -> Option<Self> {
        findings.iter().find_map(|finding| {
            let rule = rules.iter().find(|rule| rule.id == finding.rule)?;
            let Detect::GpuSystem { .. } = &rule.detect else { return None };
            let leaves = closure::follows(rule, finding.tier, options) && !options.own_dockerfile;
            Some(Self { leaves, rule, packages: &finding.os_packages })
        })
    }

    /// The packages that go, with the rule.
    pub(super) fn gone(&self) -> BTreeMap<PackageId, String> {
        let packages = self.packages.iter().filter(|_| self.leaves);
        packages.map(|&position| (position, self.rule.id.clone())).collect()
    }

    /// A configuration without what belongs to them.
    pub(super) fn without(&self, config: &Config) -> Config {
        let Detect::GpuSystem { paths, variables, .. } = &self.rule.detect else { return config.clone() };
        if !self.leaves {
            return config.clone();
        }
        let is_theirs = |path: &str| is_theirs(paths, path);
        let env = config.env.iter().filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            if variables.matches(name.as_bytes()) {
                return None;
            }
            if !FOLDERS.contains(&name) {
                return Some(pair.clone());
            }
            let rest: Vec<&str> = value.split(':').filter(|folder| !is_theirs(folder)).collect();
            let is_empty = rest.iter().all(|folder| folder.is_empty());
            (!is_empty).then(|| format!("{name}={}", rest.join(":")))
        });
        let labels = config.labels.iter().filter(|(key, value)| {
            !(key.starts_with("com.nvidia.") || key.as_str() == "maintainer" && value.contains("@nvidia.com"))
        });
        let mut out = config.clone();
        out.env = env.collect();
        out.labels = labels.map(|(key, value)| (key.clone(), value.clone())).collect();
        let program = out.entrypoint.as_ref().and_then(|words| words.first());
        if program.is_some_and(|program| is_theirs(program)) {
            out.entrypoint = None;
        }
        out
    }
}

fn is_theirs(paths: &GlobSet, path: &str) -> bool {
    let path = path.trim_matches('/').as_bytes();
    !path.is_empty() && (paths.matches(path) || paths.matches(&[path, b"/x"].concat()))
}
