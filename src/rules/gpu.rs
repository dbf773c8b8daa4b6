//! Distributions that were built for a GPU.

use super::context::Context;
use super::signs::{self, in_order, places};
use super::{Evidence, Finding};
use super::{GlobSet, Installed, Replacement, Rule, Signs};
use crate::base::{ByteSize, DistId, ImagePath, Text, count, is_within, parent};
use crate::python::{Distribution, UsedAt};
use std::collections::BTreeSet;

/// Environment variables by which an image says that it wants a GPU (NVIDIA Container Toolkit; CUDA images).
const GPU_VARIABLES: [&str; 4] =
    ["NVIDIA_VISIBLE_DEVICES", "NVIDIA_REQUIRE_CUDA", "NVIDIA_DRIVER_CAPABILITIES", "CUDA_VERSION"];

/// Distributions on a chain of requirements that are named.
const CHAIN: usize = 12;

/// One finding for each installation of the distribution that shows a sign of a GPU build.
pub(super) fn builds(
    context: &Context<'_>,
    rule: &Rule,
    name: &str,
    when: &Installed,
    replace: &Replacement,
    unless: &Signs,
) -> Vec<Finding> {
    let installed: Vec<DistId> = context.facts.python.named(name).map(|(id, _)| id).collect();
    // Who asks one library for a GPU has one, and the others find it, and NVIDIA's libraries with it.
    let present = |name: &str| context.facts.python.named(name).next().is_some();
    let others: Vec<&Signs> = context.gpu.iter().filter(|(name, _)| present(name)).map(|(_, signs)| *signs).collect();
    let asks = |used: &UsedAt<'_>| unless.has(used) || others.iter().any(|signs| signs.has(used));
    let uses = in_order(context.facts.uses.in_application().filter(asks));
    let findings = installed.into_iter().filter_map(|id| {
        let proof = when.proof(context, id);
        (!proof.is_empty()).then(|| finding(context, rule, id, proof, replace, &uses))
    });
    findings.collect()
}

impl Installed {
    /// What shows that it is a GPU build, in words.
    fn proof(&self, context: &Context<'_>, id: DistId) -> Vec<String> {
        let dist = context.distribution(id);
        let mut proof = Vec::new();
        let required = context.requires(id).map(|edge| edge.name.as_str());
        let required: BTreeSet<&str> = required.filter(|name| self.requires.matches(name.as_bytes())).collect();
        proof.extend(of_names("it requires", required));
        let beside = context.distributions().filter(|&(other, neighbour)| {
            other != id
                && neighbour.environment == dist.environment
                && self.beside.matches(neighbour.normalized.as_bytes())
                && context.required_by(other).all(|edge| edge.from == id)
        });
        proof.extend(of_names("beside it is", beside.map(|(_, neighbour)| neighbour.normalized.as_str()).collect()));
        if let Some((_, local)) =
            dist.version.split_once('+').filter(|(_, local)| self.local_version.matches(local.as_bytes()))
        {
            proof.push(format!("its local version is `{}`", Text::from(local)));
        }
        let files = self.files_of(dist);
        if let Some(first) = files.first() {
            let more = if files.len() > 1 { format!(" and {} more", files.len() - 1) } else { String::new() };
            proof.push(format!("it has {}{more}", crate::base::Text::of_bytes(first)));
        }
        if self.always && proof.is_empty() {
            proof.push("it is one by its name".to_owned());
        }
        proof
    }

    fn files_of<'d>(&self, dist: &'d Distribution) -> Vec<&'d [u8]> {
        let relative = dist.files.iter().filter_map(|path| in_site(dist, path));
        relative.filter(|path| self.files.matches(path)).collect()
    }
}

/// `it requires a and 12 more`.
fn of_names(verb: &str, names: BTreeSet<&str>) -> Option<String> {
    let first = names.first()?;
    let more = if names.len() > 1 { format!(" and {} more", names.len() - 1) } else { String::new() };
    Some(format!("{verb} {}{more}", Text::from(*first)))
}

/// A file's path relative to the site directory.
fn in_site<'d>(dist: &Distribution, path: &'d ImagePath) -> Option<&'d [u8]> {
    let site = parent(dist.metadata.as_bytes());
    let path = path.as_bytes();
    is_within(path, site).then(|| path[site.len()..].strip_prefix(b"/").unwrap_or(&path[site.len()..]))
}

fn finding(
    context: &Context<'_>,
    rule: &Rule,
    id: DistId,
    proof: Vec<String>,
    replace: &Replacement,
    uses: &[UsedAt<'_>],
) -> Finding {
    let dist = context.distribution(id);
    let (company, shared) = company(context, id, &replace.company);
    let company_bytes = company.iter().fold(0u64, |sum, &id| sum.saturating_add(context.distribution(id).bytes));
    let bytes = dist.bytes.saturating_add(company_bytes);
    let variable = gpu_variable(context);
    let mut message = format!("{} ({}) is a GPU build: {}", context.title(id), ByteSize(dist.bytes), proof.join("; "));
    if !company.is_empty() {
        let installed = count(company.len(), "distribution");
        message.push_str(&format!("; {installed} of {} that only it needs", ByteSize(company_bytes)));
    }
    if let Some(variable) = &variable {
        message.push_str(&format!("; but the image sets {variable}, so it may be meant for a GPU"));
    }
    if !uses.is_empty() {
        message.push_str(&format!("; but the application asks for a GPU: {}", places(uses)));
    }
    let mut rows = vec![own_row(context, id, &proof, replace)];
    rows.extend(company.iter().map(|&id| company_row(context, id, "")));
    rows.extend(shared.iter().map(|&id| company_row(context, id, ", which something else needs too")));
    let mut finding = Finding::new(rule, context.subject(id), message, bytes).with_evidence(rows);
    finding.distributions = [id].into_iter().chain(company).collect();
    let variable = variable.map(|variable| format!("the image sets {variable}"));
    let asks = (!uses.is_empty()).then(|| format!("the application asks for a GPU: {}", places(uses)));
    finding.led_by(signs::rows(uses)).doubted(variable).doubted(asks)
}

/// The installed company that only `id` needs, and the one that something outside needs too.
fn company(context: &Context<'_>, id: DistId, globs: &GlobSet) -> (Vec<DistId>, Vec<DistId>) {
    let environment = context.distribution(id).environment;
    let all: BTreeSet<DistId> = context
        .distributions()
        .filter(|&(other, dist)| {
            other != id && dist.environment == environment && globs.matches(dist.normalized.as_bytes())
        })
        .map(|(other, _)| other)
        .collect();
    let inside = |other: DistId| other == id || all.contains(&other);
    let needed_outside = |other: &&DistId| context.required_by(**other).any(|edge| !inside(edge.from));
    let mut shared: BTreeSet<DistId> = all.iter().filter(needed_outside).copied().collect();
    let mut todo: Vec<DistId> = shared.iter().copied().collect();
    while let Some(other) = todo.pop() {
        for to in context.requires(other).filter_map(|edge| edge.to) {
            if all.contains(&to) && shared.insert(to) {
                todo.push(to);
            }
        }
    }
    (all.difference(&shared).copied().collect(), shared.into_iter().collect())
}

fn own_row(context: &Context<'_>, id: DistId, proof: &[String], replace: &Replacement) -> Evidence {
    let dist = context.distribution(id);
    let from = replace.index.as_ref().map(|index| format!(" from {}", Text::from(index))).unwrap_or_default();
    let note = format!(
        "{}: {}; {}; the CPU build is {}{from}",
        context.title(id),
        proof.join("; "),
        chain(context, id),
        Text::from(&replace.name)
    );
    Evidence { location: context.place(id), bytes: dist.bytes, note }
}

fn company_row(context: &Context<'_>, id: DistId, what: &str) -> Evidence {
    let edges: Vec<_> = context.required_by(id).collect();
    let note = format!("{}{what}{}", context.title(id), context.required_by_note(&edges));
    Evidence { location: context.place(id), bytes: context.distribution(id).bytes, note }
}

/// `required by easyocr 1.7.1, which is required by app 1`: a shortest way up to something that nobody
/// requires; `asked for by name` or `nothing requires it` for a root.
fn chain(context: &Context<'_>, id: DistId) -> String {
    let mut seen = BTreeSet::from([id]);
    let mut ways: std::collections::VecDeque<Vec<DistId>> = [vec![id]].into();
    let mut longest = Vec::new();
    while let Some(way) = ways.pop_front() {
        let Some(&last) = way.last() else { break };
        let above: Vec<DistId> =
            context.required_by(last).map(|edge| edge.from).filter(|from| seen.insert(*from)).collect();
        if way.len() > longest.len() {
            longest = way.clone();
        }
        if (above.is_empty() && context.required_by(last).next().is_none()) || way.len() >= CHAIN {
            longest = way;
            break;
        }
        ways.extend(above.into_iter().map(|from| way.iter().copied().chain([from]).collect()));
    }
    let above: Vec<String> = longest.iter().skip(1).map(|&id| context.title(id)).collect();
    match (above.is_empty(), context.distribution(id).requested) {
        (true, true) => "asked for by name".to_owned(),
        (true, false) => "nothing requires it".to_owned(),
        (false, _) => format!("required by {}", above.join(", which is required by ")),
    }
}

/// A variable by which the image says that it wants a GPU.
pub(super) fn gpu_variable(context: &Context<'_>) -> Option<Text> {
    let env = &context.facts.view.image().config.env;
    let variables = env.iter().filter_map(|text| text.split_once('='));
    let mut wanted = variables.filter(|(name, value)| {
        GPU_VARIABLES.contains(name) && !value.is_empty() && !matches!(*value, "void" | "none")
    });
    wanted.next().map(|(name, _)| Text::from(name))
}
