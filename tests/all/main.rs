//! All integration tests in one binary: one link, one place for the fixtures.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

/// What the fuzz targets take from libFuzzer.
extern crate self as libfuzzer_sys;

/// A target as a function, in place of the program that libFuzzer makes of it.
#[macro_export]
macro_rules! fuzz_target {
    (|$bytes:ident: &[u8]| $body:block) => {
        pub fn run($bytes: &[u8]) $body
    };
    (|$text:ident: &str| $body:block) => {
        pub fn run(bytes: &[u8]) {
            if let Ok($text) = std::str::from_utf8(bytes) $body
        }
    };
}

mod action;
mod alerts;
mod apply;
mod apt;
mod archives;
mod asks;
mod bases;
mod bounds;
mod budget;
mod cache;
mod choice;
mod cli;
mod compose;
mod conda;
mod conda_plan;
mod containers_storage;
mod context;
mod daemon;
mod diff;
mod dockerfile;
mod docs;
mod elf;
mod emit;
mod evidence;
mod explore;
mod facts;
mod families;
mod fixture;
mod fuzzing;
#[path = "../../fuzz/fuzz_targets"]
#[allow(unused_attributes, unused_imports, reason = "to cargo-fuzz they are programs without `main`")]
mod fuzz_targets {
    pub mod asked_for;
    pub mod budget_config;
    pub mod budget_lock;
    pub mod challenge;
    pub mod command;
    pub mod compose;
    pub mod context;
    pub mod databases;
    pub mod docker_config;
    pub mod dockerfile;
    pub mod imports;
    pub mod inspect;
    pub mod locks;
    pub mod manifest;
    pub mod metadata;
    pub mod packages;
    pub mod pylock;
    pub mod record;
    pub mod recorded;
    pub mod reference;
    pub mod requirement;
    pub mod requirements;
    pub mod rpm;
    pub mod shell;
    pub mod source;
    pub mod sources;
    pub mod tar_index;
    pub mod tar_split;
    pub mod toc;
    pub mod versions;
    pub mod zip;
}
mod gallery;
mod gate;
mod golden;
mod harm;
mod hostile;
mod html;
mod imports;
mod install;
mod installs;
mod killed;
mod layers;
mod manual;
mod memory;
mod merge;
mod newcomer;
mod order;
mod os;
mod outputs;
mod prove;
mod python;
mod reads;
mod report;
mod repositories;
mod repository;
mod requests;
mod requirements;
mod resolve;
mod reviewed;
mod rpm;
mod rule_files;
mod rules;
mod secrets;
#[path = "../registry/server.rs"]
#[expect(dead_code, reason = "the tests of registries use the rest")]
mod server;
mod settings;
mod shells;
mod stacks;
mod steering;
mod strangers;
mod tar_split;
mod tarballs;
mod tars;
mod toc;
mod trim;
mod uses;
mod verify;
mod view;
mod wheels;
mod why;
mod workers;
mod zips;
