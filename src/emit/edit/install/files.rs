//! Where the plan's requirements files are when the install runs.

use super::{Found, is_lower};
use crate::dockerfile::{Copy, Kind, Scope};
use crate::emit::edit::EditOptions;
use crate::emit::edit::draft::{Draft, Why};
use crate::emit::edit::pip::words;

/// The places of the plan's files.
pub(super) struct Places {
    /// As the command names them, in the order of installation.
    pub paths: Vec<String>,
    /// Those that are not brought by any instruction yet.
    missing: Vec<String>,
    /// Where these go.
    folder: Option<String>,
    /// The bind mount that brings the user's list, and its target's folder.
    mount: Option<(usize, String)>,
    /// Ways to write the last path, if an instruction brings it already.
    same: Vec<String>,
    /// Whether the file of the plan takes the place of the user's.
    replaces: Vec<String>,
}

impl Places {
    pub(super) fn new(draft: &Draft<'_>, primary: &Found, names: &[String]) -> Self {
        let scope = draft.file.scope(primary.instruction);
        let mount = bind_mount(draft, primary, &scope);
        let known: Vec<Option<String>> = names
            .iter()
            .map(|name| {
                mounted(draft, primary.instruction, &scope, name).or_else(|| brought(draft, primary.instruction, name))
            })
            .collect();
        let folder_of = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
        let folder = match (&mount, known.iter().flatten().next_back()) {
            (Some((_, folder)), _) => Some(folder.clone()),
            (None, Some(path)) => Some(folder_of(path)),
            (None, None) => scope.directory.clone(),
        };
        let place = |(name, known): (&String, &Option<String>)| {
            known.clone().or_else(|| folder.as_ref().map(|folder| format!("{}/{name}", folder.trim_end_matches('/'))))
        };
        let whole: Vec<Option<String>> = names.iter().zip(&known).map(place).collect();
        let moved = changes_directory(draft, primary);
        let shown = |(name, path): (&String, &Option<String>)| match path {
            Some(path) if !moved => shorter(path, &scope),
            Some(path) => path.clone(),
            None => name.clone(),
        };
        let last = known.last().cloned().flatten();
        let same = last.map_or_else(Vec::new, |path| {
            let short = shorter(&path, &scope);
            vec![format!("./{short}"), short, path]
        });
        Self {
            paths: names.iter().zip(&whole).map(shown).collect(),
            missing: names
                .iter()
                .zip(&known)
                .filter(|(_, known)| known.is_none())
                .map(|(name, _)| name.clone())
                .collect(),
            replaces: names
                .iter()
                .zip(&known)
                .filter(|(_, known)| known.is_some())
                .map(|(name, _)| name.clone())
                .collect(),
            folder: folder.filter(|folder| {
                scope.directory.as_ref().is_none_or(|own| own.trim_end_matches('/') != folder.trim_end_matches('/'))
            }),
            mount,
            same,
        }
    }

    /// Whether a path of the user's command is the last of the plan's.
    pub(super) fn is_last(&self, path: &str) -> bool {
        self.same.iter().any(|same| same == path)
    }

    /// Brings what is missing, and says whose place the files take.
    pub(super) fn announce(&self, draft: &mut Draft<'_>, primary: &Found, options: &EditOptions, why: Why) {
        let at = primary.instruction;
        match &self.mount {
            Some((flag, folder)) => {
                let end = draft.file.instructions[at].flags[*flag].span.end;
                let flags = &draft.file.instructions[at].flags;
                let before =
                    if *flag == 0 { draft.file.instructions[at].keyword.end } else { flags[flag - 1].span.end };
                let gap = draft.file.text[before..flags[*flag].span.start].to_owned();
                let gap = if gap.contains('\n') && !gap.contains('#') { gap } else { " ".to_owned() };
                for name in &self.missing {
                    let text =
                        format!("{gap}--mount=type=bind,source={name},target={}/{name}", folder.trim_end_matches('/'));
                    draft.put(at, end..end, text, why.clone());
                }
            }
            None if !self.missing.is_empty() => {
                let keyword = if is_lower(draft, at) { "copy" } else { "COPY" };
                let to = self
                    .folder
                    .as_ref()
                    .map_or_else(|| "./".to_owned(), |folder| format!("{}/", folder.trim_end_matches('/')));
                draft.put_before(at, &format!("{keyword} {} {to}", self.missing.join(" ")), why);
            }
            None => {}
        }
        for name in &self.replaces {
            draft.note(at, if name == "requirements.txt" {
                format!("{name} of the plan takes the place of the build context's; what was asked for is in requirements.in")
            } else {
                format!("put {name} of the plan into the build context")
            });
        }
        if options.context.contains(".dockerignore") {
            draft.note(at, "see that .dockerignore lets the plan's requirements files through");
        }
        for name in self.missing.iter().filter(|name| options.context.contains(*name)) {
            draft.note(at, format!("the build context has a file {name} already: the plan's takes its place"));
        }
    }
}

/// Relative to the working directory, where the file is in it.
fn shorter(path: &str, scope: &Scope) -> String {
    let own = scope.directory.as_deref().map(|own| own.trim_end_matches('/'));
    let inside = own.and_then(|own| path.strip_prefix(own)?.strip_prefix('/')).filter(|rest| !rest.contains('/'));
    inside.unwrap_or(path).to_owned()
}

fn changes_directory(draft: &Draft<'_>, primary: &Found) -> bool {
    let Some(run) = draft.run(primary.instruction) else { return true };
    run.commands[..primary.command].iter().any(|command| matches!(words(run, command).first(), Some(&("cd" | "pushd"))))
}

/// Where an earlier `COPY` of the same stage puts a file of the context's top.
fn brought(draft: &Draft<'_>, before: usize, name: &str) -> Option<String> {
    let stage = draft.file.stage_of(before)?;
    let earlier = draft.file.instructions_of(stage).into_iter().take_while(|&position| position < before);
    earlier.filter_map(|position| copied(draft, position, name)).last()
}

fn copied(draft: &Draft<'_>, position: usize, name: &str) -> Option<String> {
    let instruction = &draft.file.instructions[position];
    let Kind::Copy(copy) = &instruction.kind else { return None };
    if instruction.flags.iter().any(|flag| flag.name == "from") {
        return None;
    }
    let whole = copy.sources.iter().any(|source| is_context(source));
    if !whole && !copy.sources.iter().any(|source| is_source(source, name)) {
        return None;
    }
    let to = draft.file.scope(position).absolute(&copy.destination)?;
    Some(if whole || is_folder(copy) { format!("{}/{name}", to.trim_end_matches('/')) } else { to })
}

fn is_context(source: &str) -> bool {
    matches!(source, "." | "./" | "/" | "*" | "./*")
}

fn is_source(source: &str, name: &str) -> bool {
    let source = source.trim_start_matches("./").trim_start_matches('/');
    source == name
        || (source.contains(['*', '?'])
            && !source.contains('/')
            && crate::rules::matches(source.as_bytes(), name.as_bytes()))
}

fn is_folder(copy: &Copy) -> bool {
    let several = copy.sources.len() > 1 || copy.sources.iter().any(|source| source.contains(['*', '?']));
    several
        || copy.destination.ends_with('/')
        || matches!(copy.destination.as_str(), "." | "..")
        || copy.destination.ends_with("/.")
}

/// Source and target of a bind mount from the build context.
fn bind(value: &str) -> Option<(String, String)> {
    let part = |names: &[&str]| {
        value.split(',').find_map(|part| {
            let (name, value) = part.split_once('=')?;
            names.contains(&name).then(|| value.to_owned())
        })
    };
    let is_bind = part(&["type"]).is_none_or(|kind| kind == "bind") && part(&["from"]).is_none();
    let target = part(&["target", "dst", "destination"]).filter(|_| is_bind)?;
    Some((part(&["source", "src"]).unwrap_or_else(|| ".".to_owned()), target))
}

/// The first bind mount of a single file that the install reads.
fn bind_mount(draft: &Draft<'_>, primary: &Found, scope: &Scope) -> Option<(usize, String)> {
    let flags = draft.file.instructions[primary.instruction].flags.iter().enumerate();
    let mounts = flags.filter(|(_, flag)| flag.name == "mount").filter_map(|(at, flag)| Some((at, bind(&flag.value)?)));
    let wanted: Vec<String> = primary.pip.files().filter_map(|(_, _, path)| scope.absolute(path)).collect();
    mounts
        .filter_map(|(at, (_, target))| Some((at, scope.absolute(&target)?)))
        .find(|(_, target)| wanted.contains(target))
        .map(|(at, target)| (at, target.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned())))
}

fn mounted(draft: &Draft<'_>, instruction: usize, scope: &Scope, name: &str) -> Option<String> {
    let flags = draft.file.instructions[instruction].flags.iter().filter(|flag| flag.name == "mount");
    flags.filter_map(|flag| bind(&flag.value)).find_map(|(source, target)| {
        let target = scope.absolute(&target)?;
        if is_context(&source) {
            return Some(format!("{}/{name}", target.trim_end_matches('/')));
        }
        is_source(&source, name).then_some(target)
    })
}
