//! Reading from registries and pushing to them: names, faults of servers and networks, credentials, and a real registry. All traffic
//! stays on loopback.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod auth;
mod credentials;
mod downloads;
mod faults;
mod images;
mod manifests;
mod parsing;
mod pushing;
mod real;
mod server;
#[path = "../all/tarballs.rs"]
#[expect(dead_code, reason = "fixtures that other tests use")]
mod tarballs;
