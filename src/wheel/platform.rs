//! For which machine a wheel is chosen.

/// The Python and platform to install for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// `3.11`.
    pub python: String,
    /// As images say it: `amd64`, `arm64`.
    pub architecture: String,
    /// The C library.
    pub libc: Libc,
}

/// The C library of a platform, on which it depends which wheels fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Libc {
    /// glibc, and its minor version where it is known: 36 for 2.36.
    Gnu(Option<u32>),
    /// musl.
    Musl,
}

impl Platform {
    /// The architecture as wheels say it.
    pub(crate) fn machine(&self) -> &str {
        crate::manifest::machine(&self.architecture)
    }

    /// As uv names it.
    pub(crate) fn triple(&self) -> String {
        let architecture = self.machine();
        match self.libc {
            Libc::Musl => format!("{architecture}-unknown-linux-musl"),
            // uv knows these; a glibc runs what was built for an older one.
            Libc::Gnu(Some(minor)) if minor >= 31 => format!("{architecture}-manylinux_2_{}", minor.min(40)),
            Libc::Gnu(Some(28..)) | Libc::Gnu(None) => format!("{architecture}-unknown-linux-gnu"),
            Libc::Gnu(Some(_)) => format!("{architecture}-manylinux_2_17"),
        }
    }

    /// The other one of the two that images are made for most.
    pub(crate) fn other_architecture(&self) -> Option<Self> {
        let architecture = match self.architecture.as_str() {
            "amd64" => "arm64",
            "arm64" => "amd64",
            _ => return None,
        };
        Some(Self { architecture: architecture.into(), ..self.clone() })
    }
}
