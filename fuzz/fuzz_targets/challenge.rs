//! `WWW-Authenticate` headers: bounded, with names in lower case.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::registry::parse_challenges;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let challenges = parse_challenges(&text);
    assert!(challenges.len() <= 32);
    for challenge in challenges {
        assert!(!challenge.scheme.is_empty() && challenge.parameters.len() <= 32);
        assert!(!challenge.scheme.bytes().any(|byte| byte.is_ascii_uppercase()));
        challenge.get("realm");
    }
});
