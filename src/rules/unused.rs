//! Distributions that nothing requires and nobody imports.
//!
//! Silence is no proof: what is started as a program, loaded as a plugin, named in a string or imported by a name
//! made at run time needs no import that is seen. All but the last are looked for, and the last is named.

use super::context::Context;
use super::signs::{blind_spots, places};
use super::{Evidence, Finding};
use super::{GlobSet, Rule, Tier};
use crate::base::{ByteSize, DistId, Text, count, file_name, is_within, parent};
use crate::python::{Distribution, EnvironmentKind, SourceFile};
use crate::source::Kind;
use std::collections::BTreeSet;

/// One finding for each distribution above the base image. None without the application's source.
pub(super) fn unused(context: &Context<'_>, rule: &Rule, except: &GlobSet) -> Vec<Finding> {
    let mut application = context.facts.uses.in_application();
    if !application.any(|used| used.sign.kind == Kind::Import) {
        return Vec::new();
    }
    let started = Started::of(context);
    let is_unused = |&(id, dist): &(DistId, &Distribution)| {
        let name = dist.normalized.as_bytes();
        is_candidate(context, id, dist)
            && !except.matches(name)
            && !context.tools.iter().any(|names| names.matches(name))
            && !started.may_start(context, dist)
            && !is_imported(context, id, dist)
    };
    context.distributions().filter(is_unused).map(|(id, _)| finding(context, rule, id)).collect()
}

/// Whether it is there because somebody asked for it, and for its modules.
fn is_candidate(context: &Context<'_>, id: DistId, dist: &Distribution) -> bool {
    let environment = context.facts.python.environments.get(dist.environment);
    dist.layer >= context.base_layers
        && !dist.system_owned
        && !dist.editable
        && !dist.modules.is_empty()
        && environment.is_none_or(|environment| environment.kind != EnvironmentKind::Vendor)
        && context.required_by(id).all(|edge| edge.from == id)
        && !dist.files.iter().any(|path| path.as_bytes().ends_with(b".pth"))
}

/// Whether any other source imports one of its modules, or a string of the application's may name one.
fn is_imported(context: &Context<'_>, id: DistId, dist: &Distribution) -> bool {
    let uses = context.facts.uses;
    let imports = |file: &SourceFile| file.owner != Some(id) && context.may_import(file, id);
    let imported = |name: &str| uses.is_named(name) || uses.importers(name).any(imports);
    let site = parent(dist.metadata.as_bytes());
    let top = |path: &crate::base::ImagePath| -> Option<String> {
        let inside = path.as_bytes().strip_prefix(site).filter(|_| is_within(path.as_bytes(), site))?;
        let first = inside.strip_prefix(b"/").unwrap_or(inside).split(|&byte| byte == b'/').next()?;
        String::from_utf8(first.split(|&byte| byte == b'.').next()?.to_vec()).ok()
    };
    let others: BTreeSet<String> = dist.files.iter().filter_map(top).collect();
    dist.modules.iter().chain(&others).any(|name| imported(name))
}

/// What the image starts.
struct Started {
    /// The words of commands and of the environment.
    words: BTreeSet<String>,
    /// Whether scripts of the application's may start anything: they are not read.
    has_scripts: bool,
}

impl Started {
    fn of(context: &Context<'_>) -> Self {
        let config = &context.facts.view.image().config;
        let lists = [config.entrypoint.as_ref(), config.cmd.as_ref(), config.health_check.as_ref().map(|c| &c.test)];
        let mut texts: Vec<&str> = lists.into_iter().flatten().flatten().map(String::as_str).collect();
        texts.extend(config.env.iter().filter_map(|text| text.split_once('=')).map(|(_, value)| value));
        let rows = config.history.iter().filter(|row| !crate::image::Account::is_row(&row.created_by));
        let built = rows.flat_map(|row| row.created_by.split([';', '&', '|']));
        texts.extend(built.filter(|part| !part.contains(" install ") && !part.contains(" uninstall ")));
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        let words = texts.into_iter().flat_map(|text| text.split(|c| !is_word(c))).filter(|word| !word.is_empty());
        Self { words: words.map(str::to_lowercase).collect(), has_scripts: has_scripts(context) }
    }

    /// Whether a distribution may run without an import of it: as a plugin, or as a program.
    fn may_start(&self, context: &Context<'_>, dist: &Distribution) -> bool {
        let path = dist.metadata.join(b"entry_points.txt");
        let entry_points = context.facts.view.contents(path.as_bytes()).unwrap_or_default();
        let text = String::from_utf8_lossy(entry_points);
        let (mut group, mut programs) = (String::new(), Vec::new());
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                name.trim().clone_into(&mut group);
            } else if let Some((name, _)) = line.split_once('=').filter(|_| !line.starts_with(['#', ';'])) {
                if !matches!(group.as_str(), "console_scripts" | "gui_scripts") {
                    return true;
                }
                programs.push(name.trim().to_lowercase());
            }
        }
        let names = dist.modules.iter().map(|module| module.split('.').next().unwrap_or_default().to_lowercase());
        let named = programs.iter().cloned().chain(names).chain([dist.normalized.clone()]);
        (self.has_scripts && !programs.is_empty()) || named.into_iter().any(|name| self.words.contains(&name))
    }
}

fn has_scripts(context: &Context<'_>) -> bool {
    let is_script = |path: &[u8]| {
        let name = file_name(path);
        path.ends_with(b".sh")
            || memchr::memmem::find(name, b"entrypoint").is_some()
            || [&b"Procfile"[..], b"supervisord.conf", b"Makefile"].contains(&name)
    };
    let facts = context.facts;
    let mut paths = facts.view.iter().filter(|(path, node)| is_script(path) && node.data.0 >= context.base_layers);
    let system = [&b"usr/lib"[..], b"usr/share", b"usr/bin", b"usr/sbin", b"etc", b"var", b"lib"];
    paths.any(|(path, _)| {
        facts.python.owner(path).is_none()
            && !facts.os.owners.contains_key(path)
            && !system.iter().any(|dir| is_within(path, dir))
            && memchr::memmem::find(path, b"-packages/").is_none()
    })
}

fn finding(context: &Context<'_>, rule: &Rule, id: DistId) -> Finding {
    let dist = context.distribution(id);
    let uses = context.facts.uses;
    let files = count(uses.application().count(), "file");
    let read = match uses.libraries {
        true => format!("neither the application ({files}) nor another distribution imports it"),
        false => format!("the application ({files}) does not import it; what other distributions import was not read"),
    };
    let mut message = format!("{} ({}): nothing requires it, and {read}", context.title(id), ByteSize(dist.bytes));
    let blind = blind_spots(uses);
    if !blind.is_empty() {
        message.push_str(&format!("; not seen is what is imported by {}", places(&blind)));
    }
    let note = format!("installed by {}; it has the modules {}", context.layer(dist.layer), modules(dist));
    let row = Evidence { location: context.place(id), bytes: dist.bytes, note };
    let mut finding = Finding::new(rule, context.subject(id), message, dist.bytes).with_evidence(vec![row]);
    if !uses.libraries {
        finding.tier = Tier::ReportOnly;
    }
    finding.distributions = vec![id];
    finding
}

fn modules(dist: &Distribution) -> String {
    let shown: Vec<Text> = dist.modules.iter().take(4).map(crate::base::Text::from).collect();
    shown.join(", ")
}
