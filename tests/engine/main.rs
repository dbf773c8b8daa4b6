//! Comparisons with oracles that are not of our making: what container engines, `umoci`, pip, dpkg and apt say
//! of real images. They need a container engine, `skopeo` and `umoci`; where one is missing a test says
//! `skipped` and passes, but where `CI=true` it fails.
//!
//! The images are that of `scripts/lab/traps`, its base, and those that `SLIMWRIGHT_ORACLE_IMAGES` names
//! (separated by spaces).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod context;
mod daemon;
mod engine;
mod forms;
mod packages;
mod python;
mod rebuild;
mod sizes;
mod styles;
mod system;
mod toc;
mod tree;
