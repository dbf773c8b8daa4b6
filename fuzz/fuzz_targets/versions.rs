//! Versions of packages are in a total order; requirements are read and shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slimwright::os::PackageManager;
use slimwright::ospackages::{compare, parse_alpine, parse_alpine_provides, parse_debian, parse_debian_provides};
use std::cmp::Ordering;

fuzz_target!(|text: &str| {
    let mut parts = text.splitn(3, '\n');
    let [a, b, c] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    for manager in [PackageManager::Dpkg, PackageManager::Apk] {
        let order = |x, y| compare(manager, x, y);
        assert_eq!(order(a, b), order(b, a).reverse());
        assert_eq!(order(a, a), Ordering::Equal);
        if order(a, b) != Ordering::Greater && order(b, c) != Ordering::Greater {
            assert_ne!(order(a, c), Ordering::Greater);
        }
    }
    for relation in parse_debian(text).into_iter().flatten().chain(parse_alpine(text).0) {
        assert!(!relation.name.is_empty());
        relation.is_met_by(PackageManager::Dpkg, a);
    }
    parse_debian_provides(text);
    parse_alpine_provides(text);
});
