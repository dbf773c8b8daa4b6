//! Hash maps keyed by paths. There are hundreds of thousands of look-ups, so the hash is a fast one; a hostile image
//! chooses the paths, so it is seeded from the system's random numbers, which std's own seed comes from.

use foldhash::SharedSeed;
use foldhash::fast::{FoldHasher, SeedableRandomState};
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A map from what an image chose.
pub type FastMap<K, V> = std::collections::HashMap<K, V, Seeded>;
/// A set of what an image chose.
pub type FastSet<K> = std::collections::HashSet<K, Seeded>;

static SEED: LazyLock<(u64, SharedSeed)> = LazyLock::new(|| {
    let random = || RandomState::new().hash_one(0u8);
    (random(), SharedSeed::from_u64(random()))
});

/// No two maps hash alike: what is copied in the order of one table would pile up in another.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A hasher with a random seed.
#[derive(Clone, Debug)]
pub struct Seeded(SeedableRandomState);

impl Default for Seeded {
    fn default() -> Self {
        let step = NEXT.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        Self(SeedableRandomState::with_seed(SEED.0.wrapping_add(step), &SEED.1))
    }
}

impl BuildHasher for Seeded {
    type Hasher = FoldHasher<'static>;

    fn build_hasher(&self) -> Self::Hasher {
        self.0.build_hasher()
    }
}
