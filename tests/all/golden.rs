//! Golden files: what outputs are recorded as below `testdata/golden`, and the one way to record them anew.

use similar::TextDiff;
use std::path::Path;

/// Compares with the golden file `testdata/golden/NAME`; with `UPDATE_GOLDEN` in the environment writes it.
pub fn check(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
    }
    let recorded = std::fs::read_to_string(&path).unwrap_or_default();
    if recorded != actual {
        let diff = TextDiff::from_lines(recorded.as_str(), actual).unified_diff().header("recorded", "now").to_string();
        panic!("{name} differs; UPDATE_GOLDEN=1 writes it anew\n{diff}");
    }
}
