//! All integration tests in one binary: one link, one place for the fixtures.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod fixture;
mod profile;
mod rules;
mod view;
