//! All integration tests in one binary: one link, one place for the fixtures.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod archives;
mod fixture;
mod hostile;
mod merge;
mod os;
mod python;
mod tarballs;
mod tars;
mod view;
