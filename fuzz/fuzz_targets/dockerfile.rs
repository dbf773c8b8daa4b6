//! Dockerfiles: what is read is tiled by its pieces, and every span is within the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::dockerfile::{Dockerfile, Kind};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = Dockerfile::text(bytes) else { return };
    let Ok(file) = Dockerfile::parse(text) else { return };
    let tiled: String = file.pieces().into_iter().map(|piece| &text[piece]).collect();
    assert_eq!(tiled, text);
    for (position, instruction) in file.instructions.iter().enumerate() {
        file.scope(position);
        file.source_stage(position);
        let Kind::Run(run) = &instruction.kind else { continue };
        let mut at = instruction.span.start;
        for token in &run.tokens {
            assert!(token.span.start >= at && token.span.end <= instruction.span.end);
            assert!(!text[token.span.clone()].is_empty());
            at = token.span.end;
        }
        for command in &run.commands {
            assert!(command.words.iter().all(|word| command.tokens.contains(word)));
        }
    }
});
