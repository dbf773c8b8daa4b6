//! The stage that picks what is scattered over the original, by a list: see [`Picked`]. Neither the classic builder nor the
//! image that results needs more for it than `COPY`.

use super::quote::json;
use crate::base::ImagePath;
use crate::plan::Picked;
use std::fmt::Write as _;

/// The lists, beside the Dockerfile: of files, links and single folders, and of folders with all that is in them.
pub const FILES: &str = "copied-files.txt";
pub const FOLDERS: &str = "copied-folders.txt";
/// Where the stage has the lists, the archive, and what is picked.
const LISTS: &str = "/slimwright";
const ARCHIVE: &str = "/slimwright/archive";
const PICKED: &str = "/slimwright/picked";
/// Where the original is, if it cannot pick by itself.
const ORIGINAL: &str = "/slimwright/original";

/// The lists: of what is taken by itself, and of folders that are taken with all that is in them.
pub(super) fn lists(picked: &Picked) -> Vec<(String, String)> {
    let line = |path: &ImagePath| format!("./{}\n", String::from_utf8_lossy(path.as_bytes()));
    let list = |paths: &[ImagePath]| paths.iter().map(line).collect::<String>();
    let lists = [(FILES, list(&picked.paths)), (FOLDERS, list(&picked.folders))];
    lists.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name.to_owned(), text)).collect()
}

/// Where the stage begins. Behind it stands who runs it.
pub(super) fn stage(picked: &Picked, out: &mut String) {
    let _ = write!(
        out,
        "\n# What these files list is in too many places for a COPY each, which would be a layer each.\n# It is picked here, \
         with owners, modes and links as they are. Nothing else of this stage stays.\n"
    );
    let from = if picked.in_original { "original" } else { "runtime-base" };
    let _ = writeln!(out, "FROM {from} AS pick");
}

/// What it does.
pub(super) fn pick(picked: &Picked, out: &mut String) {
    if !picked.in_original {
        let _ = writeln!(out, "COPY --from=original / {ORIGINAL}/");
    }
    let names: Vec<String> = lists(picked).into_iter().map(|(name, _)| name).collect();
    let _ = writeln!(out, "COPY {} {LISTS}/", names.join(" "));
    let root = if picked.in_original { "/" } else { ORIGINAL };
    let tar = &picked.program;
    let mut command = format!("mkdir {PICKED}");
    for name in names {
        // Of a folder's own line what is in it is taken too, but where the list says that all lines are single.
        let single = if name == FILES { "--no-recursion " } else { "" };
        command.push_str(&format!(
            " && {tar} -C {root} {single}-cf {ARCHIVE} -T {LISTS}/{name} && {tar} -C {PICKED} -xpf {ARCHIVE}"
        ));
    }
    let words = ["/bin/sh", "-c", &command].map(json);
    let _ = writeln!(out, "RUN [{}]", words.join(", "));
}

pub(super) fn copy(out: &mut String) {
    let _ = writeln!(out, "\n# What is scattered, in one layer.\nCOPY --from=pick {PICKED}/ /");
}
