//! Folders of archives that a request names: what uv may look into, and what stands there.

use super::super::files::Unread;
use super::names::{is_wheel, pin_of_wheel};
use super::{Gatherer, Kind, MAX_ARCHIVES, cleaned, of_url};
use crate::manifest::{Direct, Requirement};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

impl Gatherer<'_> {
    /// A folder with the archives of another one, and nothing else.
    pub(super) fn archives(&mut self, path: &Path) -> Result<Option<String>, String> {
        let is_archive = |path: &&PathBuf| {
            let name = path.to_string_lossy();
            [".whl", ".tar.gz", ".zip"].iter().any(|end| name.ends_with(end))
        };
        let found = self.disk.list(path);
        let mut archives = found.iter().filter(is_archive).take(MAX_ARCHIVES).peekable();
        if archives.peek().is_none() {
            return Err("which archives are there is not known".into());
        }
        let failed = |error: std::io::Error| format!("no temporary folder: {error}");
        let folder = tempfile::tempdir().map_err(failed)?;
        let (mut count, mut stored) = (0, BTreeMap::<String, Vec<Requirement>>::new());
        for archive in archives {
            let name = archive.file_name().unwrap_or_default();
            match (self.disk.on_disk(archive), pin_of_wheel(&name.to_string_lossy())) {
                (Ok(real), _) => {
                    std::os::unix::fs::symlink(real, folder.path().join(name)).map_err(failed)?;
                    count += 1;
                }
                (Err(Unread::Indexed), Some(pin)) => stored.entry(pin.normalized()).or_default().push(pin),
                (Err(error), _) => return Err(error.to_string()),
            }
        }
        // What an earlier command took from the index is looked up there, in the version that it took.
        self.looks_up_stored |= !stored.is_empty();
        let (place, markers) = (self.disk.shown(path), self.markers.clone());
        for pin in stored.into_values().filter(|pins| pins.len() == 1).flatten() {
            let added = self.out.bounds.add(Kind::Constraint, pin, place.clone(), &markers);
            added.map_err(|error| error.to_string())?;
        }
        if count == 0 {
            return Ok(None);
        }
        let shown = folder.path().display().to_string();
        self.out.archives.push(folder);
        Ok(Some(shown))
    }

    /// What a lock has in files: where they are on this machine, or nothing where they are not read.
    pub(super) fn local_files(&mut self) {
        let disk = self.disk;
        let real = |folder: &Path, path: &str| disk.on_disk(&cleaned(&folder.join(of_url(path))));
        for locked in &mut self.out.pins {
            for pin in locked.pins.pins.iter_mut().filter(|pin| pin.path.as_deref().is_some_and(is_wheel)) {
                let found = pin.path.take().map(|path| real(&locked.folder, &path));
                pin.path = found.and_then(Result::ok).map(|path| path.display().to_string());
            }
        }
        for locked in &mut self.out.packages {
            for package in &mut locked.packages {
                package.local.retain_mut(|(_, path)| {
                    let found = real(&locked.folder, path).ok();
                    found.inspect(|found| *path = found.display().to_string()).is_some()
                });
                if let Some(Direct::Local { path, .. }) = &mut package.direct
                    && is_wheel(path)
                {
                    match real(&locked.folder, path) {
                        Ok(found) => *path = found.display().to_string(),
                        Err(_) => package.direct = None,
                    }
                }
            }
        }
    }
}
