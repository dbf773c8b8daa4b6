//! What to build on: the user's word, a label, what the official Python images leave in the environment, or the
//! operating system's own image.

use super::{BaseImage, PlanError, PlanOptions};
use crate::image::{Config, Image};
use crate::os::OsInventory;

/// Chooses the base image.
pub(super) fn choose(image: &Image, os: &OsInventory, options: &PlanOptions) -> Result<BaseImage, PlanError> {
    let layers = image.base_layers();
    let named = |name: &str, how: String, layers: usize| Ok(BaseImage { name: name.to_owned(), how, layers });
    if let Some(name) = &options.base {
        return named(name, "named with --base".into(), layers.max(1).min(image.layers.len()));
    }
    // A virtual image may have no layers of a base of which only the name is known.
    if let Some(name) = label(&image.config).filter(|_| layers > 0 || !image.gaps.is_empty()) {
        return named(&name, "the image's label org.opencontainers.image.base.name, or its Dockerfile".into(), layers);
    }
    if let Some((name, how)) = official_python(&image.config, os).filter(|_| layers > 0) {
        return named(&name, how, layers);
    }
    match operating_system(os) {
        Some(name) if !image.layers.is_empty() => {
            let how = "the operating system that /etc/os-release names; its packages are installed on it again".into();
            named(&name, how, 1)
        }
        _ => Err(PlanError::UnknownBase(
            "no label, no Python release in the environment and no os-release that is known; name it with --base IMAGE"
                .into(),
        )),
    }
}

fn label(config: &Config) -> Option<String> {
    let name = config.labels.get("org.opencontainers.image.base.name")?;
    is_plain_name(name).then(|| name.clone())
}

/// Only what can stand in a FROM line: names come from the image.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:@".contains(c))
}

/// The official Python images set PYTHON_VERSION (docker-library/python), and are built on Debian or Alpine.
fn official_python(config: &Config, os: &OsInventory) -> Option<(String, String)> {
    let value = config.env.iter().find_map(|pair| pair.strip_prefix("PYTHON_VERSION="))?;
    let release = |key: &str| os.release.get(key).map(String::as_str).unwrap_or_default();
    let variant = match release("ID") {
        "debian" if os.find("libssl-dev").is_some() && os.find("mercurial").is_some() => {
            release("VERSION_CODENAME").to_owned()
        }
        "debian" => format!("slim-{}", release("VERSION_CODENAME")),
        "alpine" => format!("alpine{}", release("VERSION_ID").split('.').take(2).collect::<Vec<_>>().join(".")),
        _ => return None,
    };
    let name = format!("python:{value}-{variant}");
    is_plain_name(&name).then(|| (name, "the image's PYTHON_VERSION and /etc/os-release".into()))
}

fn operating_system(os: &OsInventory) -> Option<String> {
    let release = |key: &str| os.release.get(key).map(String::as_str).unwrap_or_default();
    let name = match release("ID") {
        "debian" => format!("debian:{}-slim", release("VERSION_CODENAME")),
        "ubuntu" => format!("ubuntu:{}", release("VERSION_ID")),
        "alpine" => format!("alpine:{}", release("VERSION_ID")),
        _ => return None,
    };
    (is_plain_name(&name) && !name.ends_with(':') && !name.contains(":-")).then_some(name)
}
