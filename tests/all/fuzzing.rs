//! The fuzz targets of `fuzz/` compile, and hold for what is no damage at all. To fuzz them takes cargo-fuzz and time.

use crate::fuzz_targets as all;
use std::collections::BTreeSet;

macro_rules! targets {
    ($($name:ident)*) => {
        [$((stringify!($name), all::$name::run as fn(&[u8]))),*]
    };
}

#[test]
fn every_fuzz_target_takes_what_is_harmless() {
    let targets = targets![asked_for budget_config budget_lock challenge command compose context databases docker_config dockerfile imports inspect locks manifest metadata packages pylock record recorded reference requirement requirements rpm shell source sources tar_index tar_split toc versions zip];
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/fuzz_targets");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<String> = targets.iter().map(|(name, _)| format!("{name}.rs")).collect();
    assert_eq!(files.collect::<BTreeSet<String>>(), names, "targets, and those that are compiled here");
    let every_byte: Vec<u8> = (0..=255).collect();
    let inputs: [&[u8]; 8] = [
        b"",
        b"\0\0\0\0",
        b"flask[async]>=3.0; python_version > '3.8'\n-r more.txt\n",
        b"FROM python:3.11-slim\nRUN pip install flask && rm -rf /x\n",
        b"pip install -r requirements.txt\n",
        b"{\"a\": [1, {\"b\": null}]}\n",
        b"[limits]\nunpacked = '1 GB'\n",
        &every_byte,
    ];
    for (_, run) in targets {
        inputs.iter().for_each(|input| run(input));
    }
}
