//! An image to walk about in: owners, layers and findings to the left, the files to the right, and a plan that is made anew
//! whenever a rule is switched.
//!
//! ```text
//! facts, findings ─► Contents ┐               ┌─► draw
//! plan ───────────► Planned ──┴─► Told ─► State ┤
//!                                   Key ─►      └─► Order ─► whoever reads the image
//! ```
//!
//! [`State`] is a value: keys and answers go in, orders come out, and [`draw`] shows it. Neither knows a terminal, a thread or
//! a file. A total is what a plan says of its own image; nothing here adds actions up. Text of an image is a [`crate::base::Text`]
//! before it is here.

mod contents;
mod keys;
mod lists;
mod planned;
mod state;
mod tree;
mod view;

pub use contents::{Change, Contents, Item, LayerRow, RuleRow, Whose};
pub use keys::{HELP, Key};
pub use lists::Pane;
pub use planned::{Choices, Planned};
pub use state::{About, Order, State, Told};
pub use view::draw;
