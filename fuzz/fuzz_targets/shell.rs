//! Scripts of the shell: a tree or an error, and within its bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::dockerfile::sh::{Item, Kind, MAX_DEPTH, Node, parse};

fn depth(script: &[Item]) -> usize {
    let of_node = |node: &Node| match &node.kind {
        Kind::Group(script) | Kind::Subshell(script) | Kind::For { body: script, .. } => 1 + depth(script),
        Kind::While { condition, body, .. } => 1 + depth(condition).max(depth(body)),
        _ => 1,
    };
    let pipelines =
        script.iter().flat_map(|item| std::iter::once(&item.first).chain(item.rest.iter().map(|(_, next)| next)));
    pipelines.flat_map(|pipeline| &pipeline.commands).map(of_node).max().unwrap_or_default()
}

fuzz_target!(|text: &str| {
    if let Ok(script) = parse(text) {
        assert!(depth(&script) <= MAX_DEPTH + 1);
    }
});
