//! Why a distribution is there: for a terminal, and as JSON.

use super::layout::{Tone, columns, fit, paint, right, wrap_to};
use super::text::joined;
use crate::base::{Basis, ByteSize, Text, count};
use crate::facts::{Brought, Chain, Cut, Explained, ExplainedPackage, ExplainedPath, Requirer};
use serde::Serialize;

/// Version of the JSON form.
const SCHEMA_VERSION: u32 = 1;
/// Rows of each kind without `--details`.
const ROWS: usize = 8;
/// Columns of a size.
const SIZE: usize = 10;

/// The answer to `slimwright why`.
#[derive(Clone, Debug, Serialize)]
pub struct WhyReport {
    /// Version of this form.
    pub schema_version: u32,
    /// The image's name.
    pub image: Text,
    /// `unpacked`: what all bytes here are.
    pub unit: &'static str,
    /// `measured`, or `predicted` of a build context.
    pub basis: &'static str,
    /// What was found.
    #[serde(flatten)]
    pub answer: Answer,
}

/// What was found of a name.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Answer {
    /// The file or folder, if that is what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<ExplainedPath>,
    /// The module, if that is what was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<Text>,
    /// One for each environment that has a distribution of the name, or that owns the path or brings the module.
    pub distributions: Vec<Explained>,
    /// OS packages and conda packages of the name, or that own the path.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<ExplainedPackage>,
}

impl WhyReport {
    /// A report.
    pub fn new(image: &str, basis: Basis, answer: Answer) -> Self {
        let image = image.to_owned();
        Self { schema_version: SCHEMA_VERSION, image: image.into(), unit: "unpacked", basis: basis.as_str(), answer }
    }
}

/// The report as text. Without `details` long lists are cut, and their rest is counted.
pub fn render(report: &WhyReport, color: bool, width: usize, details: bool) -> String {
    let page = Page { color, width: width.max(60), rows: if details { usize::MAX } else { ROWS } };
    let answer = &report.answer;
    let module = answer.module.iter().map(|module| {
        let brought = count(answer.distributions.len(), "distribution");
        vec![format!("The module {module} is brought by {brought}:")]
    });
    let parts = answer.path.iter().map(|path| page.path(path)).chain(module);
    let parts = parts.chain(answer.distributions.iter().map(|why| page.distribution(why)));
    let parts: Vec<Vec<String>> = parts.chain(answer.packages.iter().map(|why| page.package(why))).collect();
    joined(parts.join(&String::new()))
}

struct Page {
    color: bool,
    width: usize,
    rows: usize,
}

impl Page {
    fn distribution(&self, why: &Explained) -> Vec<String> {
        let name = format!("{} {}", why.name, why.version);
        let (bytes, place) = (ByteSize(why.bytes), &why.environment);
        let facts = format!("   {bytes} unpacked · layer {} · {place}", why.layer);
        let room = self.width.saturating_sub(name.len());
        let mut out = vec![paint(self.color, Tone::Name, &fit(&name, self.width)) + &fit(&facts, room)];
        self.section(&mut out, "WHO ASKED FOR IT", &why.chains, |chain| self.chain(chain));
        self.section(&mut out, "WHO REQUIRES IT", &why.required_by, |requirer| self.requirer(requirer));
        self.section(&mut out, "WHAT ONLY IT BRINGS", &why.brings, |brought| self.brought(brought));
        if let [_, _, ..] = why.brings.as_slice() {
            let bytes = why.brings.iter().map(|brought| brought.bytes).sum();
            out.push(format!("  {} {}", right(&ByteSize(bytes).to_string(), SIZE), "in all, which nothing else needs"));
        }
        let (freeing, others): (Vec<&Cut>, Vec<&Cut>) = why.cuts.iter().partition(|cut| cut.frees_it);
        self.section(&mut out, "ANY ONE OF THESE CUTS FREES IT", &freeing, |cut| self.cut(cut));
        self.section(&mut out, "THESE CUTS FREE OTHERS, BUT NOT IT", &others, |cut| self.cut(cut));
        out.push(String::new());
        out.extend(self.wrapped(&verdict(why)));
        out
    }

    fn path(&self, path: &ExplainedPath) -> Vec<String> {
        let files =
            if path.kind == "folder" { format!(" · {}", count(path.files as usize, "file")) } else { String::new() };
        let facts = format!("   {} unpacked{files} · layer {}", ByteSize(path.bytes), path.layer);
        let room = self.width.saturating_sub(columns(&path.path));
        let mut out = vec![paint(self.color, Tone::Name, &fit(&path.path, self.width)) + &fit(&facts, room)];
        let leads: Vec<&Text> = path.leads_to.iter().collect();
        self.section(&mut out, "WHERE IT LEADS", &leads, |target| self.wrapped(target));
        self.section(&mut out, "WHOSE IT IS", &path.owners, |part| self.sized(part.bytes, &part.owner));
        let made: Vec<&Text> = path.created_by.iter().collect();
        let title = if path.kind == "folder" { "WHAT MADE ITS LAST LAYER" } else { "WHAT MADE THE LAYER" };
        self.section(&mut out, title, &made, |text| self.wrapped(text));
        out
    }

    fn package(&self, why: &ExplainedPackage) -> Vec<String> {
        let name = format!("{} {}", why.name, why.version);
        let place = match &why.environment {
            Some(prefix) => format!("conda package in {prefix}"),
            None => "OS package".to_owned(),
        };
        let facts = format!("   {} unpacked · {place}", ByteSize(why.bytes));
        let room = self.width.saturating_sub(name.len());
        let mut out = vec![paint(self.color, Tone::Name, &fit(&name, self.width)) + &fit(&facts, room)];
        let asked = match why.chain.as_slice() {
            [] => Vec::new(),
            [_] => vec!["it was asked for by hand".to_owned()],
            steps => vec![steps.join(" → ")],
        };
        self.section(&mut out, "WHO ASKED FOR IT", &asked, |chain| self.wrapped(chain));
        self.section(&mut out, "WHO REQUIRES IT", &why.required_by, |name| self.wrapped(name));
        self.section(&mut out, "WHAT IT REQUIRES", &why.requires, |name| self.wrapped(name));
        out
    }

    fn section<T>(&self, out: &mut Vec<String>, title: &str, rows: &[T], lines: impl Fn(&T) -> Vec<String>) {
        if rows.is_empty() {
            return;
        }
        out.extend([String::new(), paint(self.color, Tone::Heading, title)]);
        out.extend(rows.iter().take(self.rows).flat_map(lines));
        if rows.len() > self.rows {
            out.push(format!("  and {} more: --details", rows.len() - self.rows));
        }
    }

    fn wrapped(&self, text: &str) -> Vec<String> {
        let lines = wrap_to(text, self.width - 4, usize::MAX);
        lines.iter().enumerate().map(|(n, line)| format!("{}{line}", if n == 0 { "  " } else { "    " })).collect()
    }

    fn chain(&self, chain: &Chain) -> Vec<String> {
        self.wrapped(&chain.to_string())
    }

    fn requirer(&self, requirer: &Requirer) -> Vec<String> {
        let unmet = if requirer.satisfied { "" } else { ": not met by this version" };
        let Requirer { name, version, requirement, .. } = requirer;
        self.wrapped(&format!("{name} {version} requires {requirement}{unmet}"))
    }

    fn brought(&self, brought: &Brought) -> Vec<String> {
        self.sized(brought.bytes, &format!("{} {}", brought.name, brought.version))
    }

    fn cut(&self, cut: &Cut) -> Vec<String> {
        let text = format!("{}: {}", cut.what, count(cut.distributions, "distribution"));
        self.sized(cut.bytes, &text)
    }

    fn sized(&self, bytes: u64, text: &str) -> Vec<String> {
        let size = right(&ByteSize(bytes).to_string(), SIZE);
        let lines = wrap_to(text, self.width - SIZE - 5, usize::MAX);
        let start = |n: usize| if n == 0 { format!("  {size} ") } else { " ".repeat(SIZE + 5) };
        lines.iter().enumerate().map(|(n, line)| start(n) + line).collect()
    }
}

/// What follows, in a sentence.
fn verdict(why: &Explained) -> String {
    let (roots, name) = (count(why.roots, "root"), &why.name);
    let lead = if why.roots == 1 { "leads" } else { "lead" };
    if why.asked_for.is_some() && why.required_by.is_empty() {
        return format!("{name} is a root, and nothing else requires it: it goes when nobody asks for it any more.");
    }
    if why.cuts.iter().any(|cut| cut.frees_it) {
        return format!("{roots} {lead} to {name}, and every way passes each of the cuts that free it.");
    }
    format!("{roots} {lead} to {name} by ways that have nothing in common: no single cut frees it.")
}
