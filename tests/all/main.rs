//! All integration tests in one binary: one link, one place for the fixtures.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod action;
mod archives;
mod asks;
mod bounds;
mod budget;
mod cache;
mod choice;
mod cli;
mod conda;
mod context;
mod daemon;
mod diff;
mod dockerfile;
mod docs;
mod elf;
mod emit;
mod fixture;
mod gallery;
mod gate;
mod harm;
mod hostile;
mod installs;
mod manual;
mod merge;
mod order;
mod os;
mod outputs;
mod profile;
mod prove;
mod python;
mod reads;
mod report;
mod repositories;
mod repository;
mod requests;
mod requirements;
mod resolve;
mod rules;
mod secrets;
#[path = "../registry/server.rs"]
#[expect(dead_code, reason = "the tests of registries use the rest")]
mod server;
mod shells;
mod stacks;
mod strangers;
mod tar_split;
mod tarballs;
mod tars;
mod toc;
mod uses;
mod verify;
mod view;
mod wheels;
mod why;
mod zips;
