//! Images in a registry: a client of the OCI distribution protocol (distribution-spec v1.1, which is Docker's
//! registry API v2).
//!
//! ```text
//! Reference ─► Client ─► manifest, manifest_by_digest     whole, bounded, verified
//!                     ├► small_blob                       whole, bounded, verified
//!                     ├► blob ─► BlobStream               streamed, resumed, verified by who reads it
//!                     ├► range                            a part: a table of contents
//!                     └► push_blob, push_manifest         in pieces, resumed; the tag last
//! ```
//!
//! A registry is somebody else's machine behind a network that breaks, so three things hold everywhere:
//!
//! * **Nothing hangs or grows.** Every wait has a bound ([`Options::idle`]), every answer that is kept has a
//!   largest size, every retry and redirect is counted.
//! * **Secrets stay where they belong.** Credentials go to the registry they were stored for and to the token
//!   service it names, over verified TLS; with [`Options::insecure`] nothing but this machine is spoken to, at
//!   no hop. No text of an error has a secret or the query of a URL, where signed links keep theirs.
//! * **Bytes are what was asked for.** What is read whole is verified against its digest here. A stream is not:
//!   the indexer digests what it reads anyway, and doing it twice would cost a second processor.
//!
//! The client asks without credentials first. A registry that wants them says how (`WWW-Authenticate`), and only
//! then are the files of Docker and Podman read and their helpers run ([`AuthFiles`]).

mod auth;
mod challenge;
mod client;
mod config;
mod credentials;
mod error;
mod helper;
mod manifest;
mod push;
mod reference;
mod retry;
mod stream;
mod wire;

pub use challenge::{Challenge, parse_challenges};
pub use client::{Client, Options};
pub use config::{AuthConfig, parse_docker_config, parse_dockercfg};
pub use credentials::AuthFiles;
pub use error::RegistryError;
pub use manifest::Manifest;
pub use push::{Outgoing, Pushed};
pub use reference::{Reference, is_tag};
pub use stream::BlobStream;
