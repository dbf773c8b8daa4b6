//! slimwright tells the truth about the container images of Python services, and then makes them small.
//!
//! ```text
//! TARGET ─► image ─► fs ─► python, os ─► rules ─► plan ─► emit ─► text
//!           layers   view  inventory     findings    │              │
//!                                                predicted ◄─ prove ┘  the text is read again
//! ```
//!
//! An [`image::Image`] is an immutable value: a configuration and an ordered list of layer indexes, whether it
//! was read from an archive, read back from a recording, or predicted by a plan. [`fs::View`] merges its layers
//! and knows the fate of every byte; [`fs::Ledger`] sums them up so that nothing is counted twice or not at
//! all. [`python`] and [`os`] say who owns what, and
//! [`facts`] puts that together: one owner for each byte, one [`facts::Summary`] of all, and who brought what in. [`rules`] are data, and turn it
//! into findings with evidence; [`plan`] turns findings into decisions. [`emit`] writes them down so
//! that they can be built, as a Dockerfile of its own or as edits of the user's ([`dockerfile`]), and [`prove`] reads that
//! text as [`context`] reads any other: what it makes is the predicted image. A saving is never a
//! number in a table: it is the ledger before minus the ledger of the predicted image. [`report`] writes the plan down
//! so that it can be read; [`verify`] compares the rebuilt image with the original.
//!
//! [`index`] asks the user's package index, through uv, whether what is pinned is still there, and what its wheels
//! unpack to. The plan takes the answers as data, and is made without them too.
//!
//! [`source`] reads Python source for what it imports and uses; [`layer`] makes an index from a blob, wherever its
//! bytes are; [`registry`] and [`daemon`] fetch bytes and know nothing of images; [`image`] puts them together.
//! Modules import only from those before them:
//!
//! `base`, `yaml`, `manifest`, `http`, `programs`, `dockerfile`, `command`, `registry`, `source`, `rpm`, `layer`, `daemon`, `compose`, `workers`, `memory`, `alerts`, `deploy`, `imports`, `image`, `fs`, `python`, `os`, `facts`, `rules`, `wheel`, `index`, `ospackages`, `conda`, `context`, `plan`, `verify`, `emit`, `prove`, `apply`, `budget`, `report`, `explore`, `cli`.

pub mod alerts;
pub mod apply;
pub mod base;
pub mod budget;
pub mod cli;
pub mod command;
pub mod compose;
pub mod conda;
pub mod context;
pub mod daemon;
pub mod deploy;
pub mod dockerfile;
pub mod emit;
pub mod explore;
pub mod facts;
pub mod fs;
pub mod http;
pub mod image;
pub mod imports;
pub mod index;
pub mod layer;
pub mod manifest;
pub mod memory;
pub mod os;
pub mod ospackages;
pub mod plan;
pub mod programs;
pub mod prove;
pub mod python;
pub mod registry;
pub mod report;
pub mod rpm;
pub mod rules;
pub mod source;
pub mod verify;
pub mod wheel;
pub mod workers;
pub mod yaml;
