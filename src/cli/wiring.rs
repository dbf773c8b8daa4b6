//! The doors of the other modules that the commands go through.

use crate::base::Digest;
use crate::fs::{Ledger, Owner, View};
use crate::image::Image;
use crate::os::OsInventory;
use crate::profile::Rule;
use crate::python::{Graph, Inventory};
use crate::rules::Facts;
use std::io::Write;

#[derive(Debug, thiserror::Error)]
#[error("{0}: not readable in this build")]
pub struct ImageError(String);

pub struct Target(String);

impl std::str::FromStr for Target {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("is empty".to_owned()) } else { Ok(Self(text.to_owned())) }
    }
}

pub struct OpenOptions {
    pub platform: Option<String>,
    pub verify: bool,
    pub max_unpacked: u64,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { platform: None, verify: false, max_unpacked: 1 << 40 }
    }
}

pub trait Progress: Sync {
    fn start(&self, what: &str, bytes: Option<u64>);
    fn advance(&self, bytes: u64);
    fn finish(&self);
}

pub fn open(target: &Target, options: &OpenOptions, progress: &dyn Progress) -> Result<Image, ImageError> {
    progress.start("layer", options.verify.then_some(options.max_unpacked));
    progress.advance(options.platform.iter().count() as u64);
    Err(ImageError(target.0.clone()))
}

pub fn write_recorded(image: &Image, out: &mut impl Write) -> std::io::Result<()> {
    out.write_all(image.name.as_bytes())
}

pub struct Survey {
    python: Inventory,
    graph: Graph,
    os: OsInventory,
    ledger: Ledger,
}

impl Survey {
    pub fn new(view: &View<'_>) -> Self {
        let mut python = Inventory::new(view);
        let graph = Graph::new(&mut python, &view.image().platform, &[]);
        let ledger = Ledger::new(view, |_, _| Owner::Application);
        let _ = Digest::of(b"");
        Self { python, graph, os: OsInventory::new(view), ledger }
    }
    pub fn facts<'a>(&'a self, view: &'a View<'a>) -> Facts<'a> {
        Facts { view, ledger: &self.ledger, python: &self.python, graph: &self.graph, os: &self.os }
    }
}

pub fn explain(rule: &Rule) -> String {
    format!("{}\n", rule.id)
}

pub fn list(rules: &[Rule]) -> String {
    rules.iter().map(|rule| format!("{}\n", rule.id)).collect()
}
