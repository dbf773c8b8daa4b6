//! The files of a distribution that is installed anew, where its wheel's own list is known.

use super::TargetEnvironment;
use crate::base::{ImagePath, file_name, parent};
use crate::facts::Facts;
use crate::python::Distribution;
use crate::wheel::{Contents, InstalledFile, Layout};

/// Bytes of bytecode to bytes of source in nearly all distributions, where the original has nothing to go by.
const USUAL: (u64, u64) = (1, 1);

/// The files of `contents`, installed as `name` in the place of `dist`, and their bytecode where the environment has
/// any. Bytecode is predicted: it has the ratio to its source that the original's distribution shows.
pub(super) fn files(
    facts: &Facts<'_>,
    dist: &Distribution,
    contents: &Contents,
    name: &str,
    environment: &TargetEnvironment,
) -> Vec<InstalledFile> {
    let layout = Layout {
        prefix: environment.prefix.clone(),
        site_dir: environment.site_dir.clone(),
        python: environment.python.clone(),
    };
    let mut files = contents.installed(name, &layout, environment.bytecode);
    if environment.bytecode {
        let (bytecode, source) = ratio(facts, dist);
        let tag = format!(".cpython-{}.pyc", environment.python.replace('.', ""));
        let within = |file: &&InstalledFile| crate::base::is_within(file.path.as_bytes(), layout.site_dir.as_bytes());
        let compiled = |file: &InstalledFile| {
            let stem = file_name(file.path.as_bytes()).strip_suffix(b".py")?;
            let path = ImagePath::new(parent(file.path.as_bytes())).join(b"__pycache__");
            let size = u128::from(file.size) * u128::from(bytecode) / u128::from(source.max(1));
            Some(InstalledFile {
                path: path.join(&[stem, tag.as_bytes()].concat()),
                size: u64::try_from(size).unwrap_or(u64::MAX),
                crc32: None,
            })
        };
        files.extend(files.iter().filter(within).filter_map(compiled).collect::<Vec<_>>());
    }
    files
}

/// Bytes of bytecode and of source of a distribution, or, where it shows none, of all of its environment.
pub(super) fn ratio(facts: &Facts<'_>, dist: &Distribution) -> (u64, u64) {
    let source_of = |dist: &Distribution| {
        let source = dist.files.iter().filter(|path| path.as_bytes().ends_with(b".py"));
        let sizes = source.filter_map(|path| facts.view.get(path.as_bytes())).map(|node| facts.view.size(node));
        sizes.fold(0, u64::saturating_add)
    };
    let own = (dist.bytecode, source_of(dist));
    if own.0 > 0 && own.1 > 0 {
        return own;
    }
    let beside = facts.python.distributions.iter().filter(|other| other.environment == dist.environment);
    let all = beside.fold((0u64, 0u64), |sum, other| {
        (sum.0.saturating_add(other.bytecode), sum.1.saturating_add(source_of(other)))
    });
    if all.0 > 0 && all.1 > 0 { all } else { USUAL }
}

/// RECORD of files: paths only, relative to the site directory or absolute.
pub(super) fn record(files: &[InstalledFile], site_dir: &ImagePath) -> Vec<u8> {
    let mut out = Vec::new();
    let site = [site_dir.as_bytes(), b"/"].concat();
    for file in files {
        let path = file.path.as_bytes();
        let inside = path.strip_prefix(site.as_slice());
        let written = inside.map_or_else(|| [b"/", path].concat(), <[u8]>::to_vec);
        if written.iter().any(|byte| b",\"\r\n".contains(byte)) {
            out.push(b'"');
            written.iter().for_each(|&byte| out.extend(std::iter::repeat_n(byte, 1 + usize::from(byte == b'"'))));
            out.push(b'"');
        } else {
            out.extend(written);
        }
        out.extend(b",,\n");
    }
    out
}
