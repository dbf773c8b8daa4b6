//! `slimwright.toml` and limits of the command line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::budget::Config;

fuzz_target!(|text: &str| {
    match Config::parse(text, "slimwright.toml") {
        Ok(config) => {
            let limits = config.limits(&["team/service:1", "team/service"], "linux/arm64/v8");
            assert!(limits.bounds.iter().all(|bound| !bound.is_empty()));
            let lines = text.lines().count().max(1);
            assert!(config.accept().iter().all(|accept| (1..=lines).contains(&accept.place.line)));
        }
        Err(error) => {
            let mut place = error.place.split(':').skip(1).map(|number| number.parse::<usize>());
            let line = place.next().expect("a line").expect("a number");
            assert!((1..=text.matches('\n').count() + 1).contains(&line));
            assert!(!error.to_string().contains('\x1b'));
        }
    }
    let _ = Config::empty().with_limit(text);
});
