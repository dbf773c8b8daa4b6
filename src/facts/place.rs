//! Whose a file or folder of an image is.

use super::{Facts, Owners};
use crate::base::{FastMap, ImagePath, LayerIdx, Text};
use crate::fs::{Node, Owner};
use crate::layer::EntryKind;
use serde::Serialize;

/// Owners that are told of one folder, the largest.
const MAX_OWNERS: usize = 1_000;

/// Whose one path is. Bytes are unpacked and visible; texts are escaped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExplainedPath {
    /// The path.
    pub path: Text,
    /// Where it leads, if it is a link or below one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leads_to: Option<Text>,
    /// `file` or `folder`.
    pub kind: &'static str,
    /// Its bytes; of a folder with all that is below it.
    pub bytes: u64,
    /// How many files these are.
    pub files: u64,
    /// The highest layer that brought any of it, counted from 1.
    pub layer: u32,
    /// What made that layer, where the history tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<Text>,
    /// Who owns it, the largest first.
    pub owners: Vec<OwnedPart>,
    /// The one owner, by name, where all of it is one distribution's or package's.
    #[serde(skip)]
    pub owner: Option<(Owner, Text)>,
}

/// What one owner has of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OwnedPart {
    /// Name and version, or what it is that no package owns.
    pub owner: Text,
    /// Bytes.
    pub bytes: u64,
    /// Files.
    pub files: u64,
}

/// Explains the path that a text names, if the image has it.
pub fn why_path(facts: &Facts<'_>, text: &str) -> Option<ExplainedPath> {
    let view = facts.view;
    let resolved = view.resolve(text.as_bytes()).filter(|path| !path.is_empty())?;
    let owners = Owners::new(view, facts.python, facts.os);
    let mut parts: FastMap<Owner, (u64, u64)> = FastMap::default();
    let mut top: LayerIdx = 0;
    let mut count = |path: &[u8], node: Node| {
        let entry = view.entry(node.entry);
        top = top.max(node.entry.0);
        if matches!(entry.kind, EntryKind::File | EntryKind::Hardlink | EntryKind::Symlink) {
            let bytes = if view.holds_bytes(node) { view.size(node) } else { 0 };
            let part = parts.entry(owners.of(path, node.entry.0)).or_default();
            *part = (part.0 + bytes, part.1 + 1);
        }
    };
    let own = view.get(&resolved);
    let is_file = own.is_some_and(|node| view.entry(node.entry).kind != EntryKind::Directory);
    own.into_iter().for_each(|node| count(&resolved, node));
    view.below(&resolved).for_each(|(path, node)| count(path, node));
    let mut parts: Vec<(Owner, (u64, u64))> = parts.into_iter().collect();
    parts.sort_unstable_by_key(|(owner, (bytes, files))| (std::cmp::Reverse((*bytes, *files)), *owner));
    let written = format!("/{}", text.trim_matches('/'));
    let path = ImagePath::new(&resolved).to_string();
    let created_by = view.image().created_by().get(top as usize).copied().flatten().map(Text::from);
    Some(ExplainedPath {
        leads_to: (written != path).then(|| Text::of_bytes(path.as_bytes())),
        path: Text::from(&written),
        kind: if is_file { "file" } else { "folder" },
        bytes: parts.iter().map(|(_, (bytes, _))| bytes).sum(),
        files: parts.iter().map(|(_, (_, files))| files).sum(),
        layer: top as u32 + 1,
        created_by,
        owner: match parts.as_slice() {
            [(owner, _)] => name(facts, *owner).map(|name| (*owner, name)),
            _ => None,
        },
        owners: parts
            .iter()
            .take(MAX_OWNERS)
            .map(|(owner, (bytes, files))| OwnedPart { owner: described(facts, *owner), bytes: *bytes, files: *files })
            .collect(),
    })
}

/// The distributions that bring a module, `cv2` or `google.protobuf`, by their normalized names.
pub fn bringing(facts: &Facts<'_>, module: &str) -> Vec<String> {
    let below = |known: &str| known == module || known.strip_prefix(module).is_some_and(|rest| rest.starts_with('.'));
    let above = |known: &str| module.strip_prefix(known).is_some_and(|rest| rest.starts_with('.'));
    let brings = |test: &dyn Fn(&str) -> bool| {
        let all = facts.python.distributions.iter();
        let mut names: Vec<String> = all
            .filter(|dist| dist.modules.iter().any(|known| test(known)))
            .map(|dist| dist.normalized.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    };
    let exactly = brings(&below);
    if exactly.is_empty() { brings(&above) } else { exactly }
}

/// What it is called where it is explained.
fn name(facts: &Facts<'_>, owner: Owner) -> Option<Text> {
    match owner {
        Owner::Distribution(id) => facts.python.distributions.get(id).map(|dist| Text::from(&dist.normalized)),
        Owner::OsPackage(id) => facts.os.packages.get(id).map(|package| Text::from(&package.name)),
        Owner::CondaPackage(id) => facts.os.conda.packages.get(id).map(|package| Text::from(&package.name)),
        _ => None,
    }
}

fn described(facts: &Facts<'_>, owner: Owner) -> Text {
    let title = facts.owner(owner);
    match owner {
        Owner::OsPackage(_) => format!("{title} (OS package)").into(),
        Owner::CondaPackage(_) => format!("{title} (conda package)").into(),
        Owner::Distribution(_) | Owner::Interpreter(_) => title,
        Owner::Base | Owner::PackageManager | Owner::Application => format!("no package; {title}").into(),
    }
}
