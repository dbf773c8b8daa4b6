//! The host that services are held against.

/// What is known of the host that the services run on. Nothing where it is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Host {
    /// Memory, in bytes.
    pub memory: Option<u64>,
    /// Swap, in bytes.
    pub swap: Option<u64>,
    /// Processors.
    pub cpus: Option<f64>,
    /// The version of cgroups that limits memory.
    pub cgroup: Option<Cgroup>,
    /// `vm.swappiness`.
    pub swappiness: Option<i64>,
}

/// A version of cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cgroup {
    /// One tree a controller.
    V1,
    /// One tree.
    V2,
}

impl Cgroup {
    /// `v1`, `v2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}
