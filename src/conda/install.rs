//! What an installer makes of a package's contents in an environment.

use super::archive::{Contents, PackedFile};
use crate::base::ImagePath;
use crate::layer::Entry;
use crate::wheel::predicted_bytecode;

/// Bytes that the record of a package has beside the names of its files: what it says of itself, and for each file its
/// digests and its size. As libmamba and rattler write them.
const RECORD_HEAD: u64 = 1_200;
const RECORD_ROW: u64 = 330;
/// Bytes of a start script that an installer makes, the interpreter's path apart.
const SCRIPT: u64 = 215;

/// A file of an installed package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Where.
    pub path: ImagePath,
    /// Bytes (`unpacked`, predicted; most of them are the archive's own).
    pub size: u64,
}

impl Placed {
    /// As an entry of a layer. Where a link leads to its package's list does not say: it is a file without bytes.
    pub fn entry(&self) -> Entry {
        Entry::file(self.path.clone(), self.size)
    }
}

impl Contents {
    /// The files in an environment at `prefix` with this Python (`3.11`), the package's record among them, which is called
    /// `record`.
    pub fn placed(&self, prefix: &ImagePath, python: Option<&str>, record: &str) -> Vec<Placed> {
        let version = python.unwrap_or("3");
        let site = format!("lib/python{version}/site-packages");
        let place = |path: &str| {
            let inside = path.strip_prefix("site-packages/").map(|rest| format!("{site}/{rest}"));
            let script = || path.strip_prefix("python-scripts/").map(|rest| format!("bin/{rest}"));
            inside.or_else(script).filter(|_| self.any_python).unwrap_or_else(|| path.to_owned())
        };
        let own = prefix.as_bytes().len() + 1;
        let size = |file: &PackedFile| match file.placeholder {
            Some(length) => (file.size + own as u64).saturating_sub(length as u64),
            None => file.size,
        };
        let mut out = Vec::new();
        let mut rows = RECORD_HEAD;
        let mut add = |path: String, size: u64| {
            rows = rows.saturating_add(RECORD_ROW + 2 * path.len() as u64);
            out.push(Placed { path: prefix.join(path.as_bytes()), size });
        };
        for file in &self.files {
            let path = place(&file.path);
            let bytes = if file.link { 0 } else { size(file) };
            if self.any_python
                && let Some((folder, module)) = path.rsplit_once('/').filter(|_| path.ends_with(".py") && !file.link)
            {
                let stem = module.trim_end_matches(".py");
                let tag = version.replace('.', "");
                let compiled = format!("{folder}/__pycache__/{stem}.cpython-{tag}.pyc");
                add(compiled, predicted_bytecode(bytes, version));
            }
            add(path, bytes);
        }
        for script in &self.scripts {
            add(format!("bin/{script}"), SCRIPT + own as u64);
        }
        out.push(Placed { path: prefix.join(format!("conda-meta/{record}.json").as_bytes()), size: rows });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_with_every_python_is_put_below_the_one_that_is_there() {
        let file = |path: &str, size| PackedFile { path: path.into(), size, ..PackedFile::default() };
        let text = PackedFile { placeholder: Some(255), ..file("bin/tool", 1_000) };
        let contents = Contents {
            files: vec![file("site-packages/a/b.py", 100), file("python-scripts/run", 10), text],
            any_python: true,
            scripts: vec!["a".into()],
        };
        let placed = contents.placed(&ImagePath::from("opt/conda"), Some("3.11"), "a-1-0");
        let paths: Vec<String> = placed.iter().map(|file| file.path.to_string()).collect();
        let site = "/opt/conda/lib/python3.11/site-packages/a";
        let expected = [
            format!("{site}/__pycache__/b.cpython-311.pyc"),
            format!("{site}/b.py"),
            "/opt/conda/bin/run".to_owned(),
            "/opt/conda/bin/tool".to_owned(),
            "/opt/conda/bin/a".to_owned(),
            "/opt/conda/conda-meta/a-1-0.json".to_owned(),
        ];
        assert_eq!(paths, expected);
        assert_eq!(placed[3].size, 1_000 - 245);
    }
}
