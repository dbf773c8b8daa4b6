//! A Compose file: an error with a place, or services whose findings have places within the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::compose::{Host, Request, findings, load, services};

fuzz_target!(|bytes: &[u8]| {
    let Ok(folder) = tempfile::tempdir() else { return };
    let file = folder.path().join("compose.yaml");
    if std::fs::write(&file, bytes).is_err() {
        return;
    }
    let request = Request { files: vec![file], root: Some(folder.path().to_owned()), ..Request::default() };
    let Ok(loaded) = load(&request) else { return };
    let Ok(all) = services(&loaded) else { return };
    for service in &all {
        // What is built is looked for below the root, and nowhere else.
        if let Some(Ok((found, _))) = service.build.as_ref().map(|build| build.folder(&loaded)) {
            let root = std::fs::canonicalize(folder.path()).expect("it was made");
            assert!(std::fs::canonicalize(found).expect("it was found").starts_with(root));
        }
    }
    for finding in findings(&loaded, &all, &Host::default()) {
        if let Some(place) = finding.place {
            let spot = loaded.files.spot(place);
            assert!(spot.line >= 1 && spot.column >= 1);
        }
    }
});
