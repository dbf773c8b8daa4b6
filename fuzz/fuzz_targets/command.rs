//! Command lines of package managers: every word has its position, once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::command::Command;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let words: Vec<&str> = text.split(' ').collect();
    let Some(read) = Command::read(&words) else { return };
    read.verb();
    assert_eq!(read.words.len(), read.places.len());
    for (word, at) in read.words.iter().zip(&read.places) {
        assert_eq!(word, words[*at]);
    }
    for given in &read.options {
        assert!(*given.at.end() < words.len() && !read.places.contains(given.at.start()));
    }
});
