//! Names of images: what is shown of one is read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::registry::Reference;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let Ok(reference) = text.parse::<Reference>() else { return };
    assert!(reference.tag().is_some() || reference.digest().is_some());
    assert_eq!(reference.to_string().parse::<Reference>().expect("what was shown is read"), reference);
});
