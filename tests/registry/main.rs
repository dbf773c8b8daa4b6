//! Reading from registries: names, faults of servers and networks, credentials, and a real registry. All traffic
//! stays on loopback.

mod auth;
mod credentials;
mod downloads;
mod faults;
mod manifests;
mod parsing;
mod real;
mod server;
