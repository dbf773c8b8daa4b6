//! `slimwright.lock`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::budget::{Lock, LockError};

fuzz_target!(|text: &str| {
    match Lock::parse(text, "slimwright.lock") {
        Ok(lock) => {
            let written = lock.render();
            assert_eq!(Lock::parse(&written, "x").expect("what is written can be read"), lock);
        }
        Err(LockError::Damaged { line, .. }) => assert!((1..=text.matches('\n').count() + 1).contains(&line)),
        Err(LockError::Version { found, .. }) => assert_ne!(found, 1),
    }
});
