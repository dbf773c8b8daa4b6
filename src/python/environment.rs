//! Python environments: prefixes with a `site-packages` or `dist-packages` directory.

use crate::base::ImagePath;
use serde::{Deserialize, Serialize};

/// One environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// The prefix: `/usr/local`, `/opt/venv`, `/root/.local`.
    pub prefix: ImagePath,
    /// Its directories with distributions, sorted: `/usr/local/lib/python3.11/site-packages`.
    pub site_dirs: Vec<ImagePath>,
    /// `(3, 11)` where the path or `pyvenv.cfg` tells.
    pub python: Option<(u32, u32)>,
    /// `3.11.7` where `pyvenv.cfg`, the image's `PYTHON_VERSION` or the interpreter's package tells.
    pub python_full: Option<String>,
    /// What kind.
    pub kind: EnvironmentKind,
}

/// Kinds of environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnvironmentKind {
    /// `/usr/local/lib/pythonX.Y/site-packages`, or Debian's `/usr/local/lib/pythonX.Y/dist-packages`.
    System,
    /// The distribution's own: `/usr/lib/python3/dist-packages`, `/usr/lib/pythonX.Y/site-packages`.
    Vendor,
    /// A virtual environment (`pyvenv.cfg`).
    Virtual,
    /// `~/.local`.
    User,
    /// conda (`conda-meta`).
    Conda,
    /// Any other directory (`pip install --target`, a vendored tree).
    Other,
}
