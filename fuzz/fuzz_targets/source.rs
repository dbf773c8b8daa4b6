//! Python source, and the text that its signs are kept as: bounded, and the same when read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::source::{MAX_SIGNS, application, decode, encode, library};

fuzz_target!(|bytes: &[u8]| {
    let signs = application(bytes);
    assert!(signs.len() <= MAX_SIGNS);
    assert_eq!(decode(&encode(&signs)), signs);
    assert!(library(bytes, "a").len() <= MAX_SIGNS);
    decode(bytes);
});
