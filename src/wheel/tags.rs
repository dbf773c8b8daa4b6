//! Which of a version's wheels fits a platform, by the tags in their names. uv tells that for the image's own platform;
//! this is for the other one that a lock may serve.
//!
//! Source: the platform compatibility tags
//! (<https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/>): PEP 425, PEP 600
//! (`manylinux_X_Y`), PEP 656 (`musllinux_X_Y`).

use super::{Libc, Platform};
use crate::manifest::Artifact;

/// The glibc that uv assumes where nothing tells: 2.28.
const USUAL_GLIBC: u32 = 28;

/// The newest musl that wheels are taken for: 1.2.
const MUSL: u32 = 2;

/// The best of some wheels for CPython on a platform: made for its version rather than for any, for its platform
/// rather than for all.
pub(crate) fn best<'a>(wheels: &'a [Artifact], platform: &Platform) -> Option<&'a Artifact> {
    let ranked = wheels.iter().filter_map(|wheel| Some((rank(&wheel.file, platform)?, wheel)));
    ranked.max_by(|(a, x), (b, y)| a.cmp(b).then_with(|| y.file.cmp(&x.file))).map(|(_, wheel)| wheel)
}

/// How well a wheel of this name fits: version of Python and ABI, then platform. `None` when not at all.
fn rank(file: &str, platform: &Platform) -> Option<(u32, u32)> {
    let mut parts = file.strip_suffix(".whl")?.rsplit('-');
    let (platforms, abis, pythons) = (parts.next()?, parts.next()?, parts.next()?);
    let minor: u32 = platform.python.strip_prefix("3.")?.parse().ok()?;
    let python = pythons.split('.').flat_map(|python| abis.split('.').map(move |abi| (python, abi)));
    let python = python.filter_map(|(python, abi)| of_python(python, abi, minor)).max()?;
    let place = platforms.split('.').filter_map(|tag| of_platform(tag, platform)).max()?;
    Some((python, place))
}

fn of_python(python: &str, abi: &str, minor: u32) -> Option<u32> {
    let built_for = |prefix: &str| python.strip_prefix(prefix)?.parse::<u32>().ok().filter(|other| *other <= minor);
    // In pip's order: `cp311-cp311`, `cp311-abi3`, `cp311-none`, `cp310-abi3` and older, `py311-none`, `py3-none`,
    // `py310-none` and older.
    match abi {
        "none" if python == "py3" => Some(500),
        "none" => match (built_for("cp3"), built_for("py3")) {
            (Some(other), _) => (other == minor).then_some(2_000 + 2 * minor - 1),
            (_, Some(other)) if other == minor => Some(501),
            (_, other) => other,
        },
        "abi3" => built_for("cp3").map(|other| 2_000 + 2 * other),
        _ => (abi == format!("cp3{minor}") && python == abi).then_some(10_000),
    }
}

fn of_platform(tag: &str, platform: &Platform) -> Option<u32> {
    if tag == "any" {
        return Some(0);
    }
    let tag = tag.strip_suffix(&format!("_{}", platform.machine()))?;
    let version = |prefix: &str| tag.strip_prefix(prefix)?.parse::<u32>().ok();
    let (found, most) = match platform.libc {
        Libc::Musl => (version("musllinux_1_"), MUSL),
        Libc::Gnu(minor) => {
            let old = [("manylinux2014", 17), ("manylinux2010", 12), ("manylinux1", 5)];
            let named = old.iter().find(|(name, _)| *name == tag).map(|(_, minor)| *minor);
            (named.or_else(|| version("manylinux_2_")), minor.unwrap_or(USUAL_GLIBC))
        }
    };
    found.filter(|found| *found <= most).map(|found| found + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_fitting_wheel_is_chosen() {
        let wheel = |file: &str| Artifact { file: file.into(), url: None, size: None, hashes: Default::default() };
        let names = [
            "a-1-py3-none-any.whl",
            "a-1-cp38-abi3-manylinux_2_17_aarch64.manylinux2014_aarch64.whl",
            "a-1-cp311-cp311-manylinux_2_28_aarch64.whl",
            "a-1-cp311-cp311-manylinux_2_39_aarch64.whl",
            "a-1-1-cp311-cp311-musllinux_1_2_aarch64.whl",
            "a-1-cp312-cp312-manylinux_2_17_aarch64.whl",
            "a-1-cp313-abi3-manylinux_2_17_aarch64.whl",
            "a-1-cp311-cp311-manylinux_2_17_x86_64.whl",
            "a-1-cp311-cp311-win_arm64.whl",
            "a-1-py310-none-any.whl",
            "a-1-py38-none-any.whl",
            "a-1.whl",
            "odd",
        ];
        let wheels: Vec<Artifact> = names.iter().map(|name| wheel(name)).collect();
        let best = |python: &str, libc| {
            let platform = Platform { python: python.into(), architecture: "arm64".into(), libc };
            best(&wheels, &platform).map(|wheel| wheel.file.as_str())
        };
        assert_eq!(best("3.11", Libc::Gnu(Some(36))), Some(names[2]));
        assert_eq!(best("3.11", Libc::Gnu(Some(39))), Some(names[3]));
        assert_eq!(best("3.11", Libc::Gnu(Some(17))), Some(names[1]));
        assert_eq!(best("3.11", Libc::Musl), Some(names[4]));
        assert_eq!(best("3.13", Libc::Gnu(None)), Some(names[6]));
        assert_eq!(best("3.7", Libc::Gnu(None)), Some(names[0]));
        assert_eq!(best("2.7", Libc::Gnu(None)), None);
        let of_python = |python| super::of_python(python, "none", 11);
        let in_order = ["cp311", "py311", "py3", "py310", "py39"].map(of_python);
        assert!(in_order.is_sorted_by(|a, b| a > b), "{in_order:?}");
        assert_eq!((of_python("cp310"), of_python("py312")), (None, None));
        let abi3 = super::of_python("cp311", "abi3", 11);
        assert!(abi3 > of_python("cp311") && of_python("cp311") > super::of_python("cp310", "abi3", 11));
    }
}
