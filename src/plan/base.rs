//! What to build on: the user's word, a label, what the official Python images leave in the environment, or the
//! operating system's own image.
//!
//! A base's bytes are the image's lowest layers where something tells which: a virtual image's own Dockerfile, the history's
//! `CMD`, or a first layer that has an operating system and nothing else. Where nothing does (an image in one layer, a
//! history that was lost), no layer is taken for the base's: what is no package's is copied, and what the base brings is
//! not known.

use super::gpu_system::GpuSystem;
use super::{BaseImage, PlanError, PlanOptions, vendor};
use crate::base::{Basis, count, is_within};
use crate::facts::{Facts, is_package_manager_state};
use crate::fs::{Node, View};
use crate::image::catalogue::{self, PythonTag};
use crate::image::{Config, HistoryRow, Image};
use crate::os::OsInventory;
use crate::python::{Distribution, Inventory};

/// Of a first layer that is an operating system's no more than this part, in per cent, belongs to no package: where the
/// history says that a root file system was put down there, and where it does not tell.
const MAX_UNOWNED: (u64, u64) = (15, 3);

/// So many bytes of such a layer may be nobody's in any case.
const FEW_BYTES: u64 = 1_000_000;

/// What has nothing in it.
const SCRATCH: &str = "scratch";

/// Chooses the base image, and compares what was found by its name.
pub(super) fn choose(
    facts: &Facts<'_>,
    options: &PlanOptions,
    gpu: Option<&GpuSystem<'_>>,
) -> Result<BaseImage, PlanError> {
    let base = tell(facts, options, gpu)?;
    let image = facts.view.image();
    let Some(found) = options.at_hand.as_deref().filter(|found| found.name == base.name) else { return Ok(base) };
    let (own, theirs) = (&image.config.diff_ids, &found.image.config.diff_ids);
    let (how, place, count) = (&base.how, &found.place, theirs.len());
    if count > 0 && count <= image.layers.len() && own.starts_with(theirs) {
        let how = format!("{how}; proven: the diff IDs of the one in {place} are the image's first {count}");
        return Ok(BaseImage { how, layers: count, is_told: true, is_assumed: false, ..base });
    }
    if options.base.is_none() || !found.is_whole || found.image.layers.is_empty() {
        let how = format!("{how}; not proven: the one in {place} is another build");
        return Ok(BaseImage { how, ..base });
    }
    let how = format!("{how}, and read from {place}; the original was built on another one");
    let has_shell = View::new(&found.image).resolve(b"bin/sh").is_some();
    let other = Some(found.image.layers.len());
    Ok(BaseImage { how, other, has_shell, is_told: true, is_assumed: false, ..base })
}

/// What the image tells of its base, and the user.
fn tell(facts: &Facts<'_>, options: &PlanOptions, gpu: Option<&GpuSystem<'_>>) -> Result<BaseImage, PlanError> {
    let (image, os) = (facts.view.image(), facts.os);
    let told = image.told_base_layers();
    let known = |name: &str, how: &str, layers: usize| {
        let is_told = layers > 0 || image.base.is_some();
        let (name, how) = (name.to_owned(), how.to_owned());
        BaseImage { name, how, layers, is_told, has_shell: true, is_assumed: false, other: None }
    };
    let bare = || usize::from(is_operating_system(facts));
    if options.base.as_deref() == Some(SCRATCH) {
        return from_nothing(os, "named with --base");
    }
    if let Some(name) = &options.base {
        let base = known(name, "named with --base", if told > 0 { told } else { bare() });
        return Ok(BaseImage { is_assumed: contradicts(&base, facts), ..base });
    }
    let how = "the image's label org.opencontainers.image.base.name, or its Dockerfile";
    let label = label(&image.config);
    if label.as_deref() == Some(SCRATCH) && os.packages.is_empty() {
        return from_nothing(os, how);
    }
    // A virtual image may have no layers of a base of which only the name is known.
    if let Some(name) = label.as_deref().filter(|_| told > 0 || !image.gaps.is_empty()) {
        return Ok(known(name, how, told));
    }
    if let Some(found) = vendor::of(facts, told).filter(|found| is_plain_name(&found.name)) {
        return Ok(BaseImage { has_shell: found.has_shell, ..known(&found.name, found.how, found.layers) });
    }
    let official = official_python(&image.config, os);
    if let Some((name, how)) = official.as_ref().filter(|_| told > 0 && has_python(image, told)) {
        let own = layers_until(image, |command| command == r#"CMD ["python3"]"#);
        return Ok(known(name, how, own.filter(|&own| has_python(image, own)).unwrap_or(told)));
    }
    // What has CUDA in it is no distribution's own image: without its packages the one below it is.
    if gpu.is_some_and(|gpu| !gpu.leaves)
        && let Some(name) = cuda(image, os).filter(|_| told > 0)
    {
        let how = "the variables that NVIDIA's images set, and /etc/os-release";
        return Ok(known(&name, how, cuda_layers(image, told)));
    }
    if let Some((name, layers)) = red_hat(image, os).filter(|_| told > 0) {
        return Ok(known(&name, "the labels that Red Hat's images have", layers.unwrap_or(told)));
    }
    let found = operating_system(image, os).filter(|_| !image.layers.is_empty());
    if found.is_some()
        && let Some(more) = more_than_a_system(image)
    {
        return Err(PlanError::UnknownBase(format!(
            "layer 1 has {more}, which no distribution's own image has (the image is squashed, or its base is another); name \
             what to build on with --base IMAGE"
        )));
    }
    if let Some(name) = found.as_ref().filter(|_| is_operating_system(facts)) {
        let how = "the operating system that /etc/os-release names; its packages are installed on it again";
        return Ok(known(name, how, 1));
    }
    let system = || Some((found?, "the operating system that /etc/os-release names".to_owned()));
    let named = label.map(|name| (name, how.to_owned())).or(official).or_else(system);
    match named.filter(|_| !image.layers.is_empty()) {
        Some((name, how)) => Ok(known(&name, &how, 0)),
        None if !image.layers.is_empty() && is_of_no_distribution(os) => from_nothing(
            os,
            "nothing notes an operating system or a package manager: no layer is a base's, and all is copied",
        ),
        None => Err(PlanError::UnknownBase(
            "no label, no Python release in the environment and no os-release that is known; name it with --base IMAGE"
                .into(),
        )),
    }
}

/// Whether nothing notes a distribution whose package manager would bring anything.
fn is_of_no_distribution(os: &OsInventory) -> bool {
    let is_store = os.release.get("ID").is_none_or(|id| id == "nixos" || id == "guix");
    is_store && os.packages.is_empty()
}

/// What was put together from nothing: by Nix, by Bazel, by COPY alone. There is no shell that a `RUN` could count on.
fn from_nothing(os: &OsInventory, how: &str) -> Result<BaseImage, PlanError> {
    if !os.packages.is_empty() {
        return Err(PlanError::UnknownBase(format!(
            "{SCRATCH} has no package manager, and {} of the image could not be installed on it; name an image of its distribution \
             with --base IMAGE",
            count(os.packages.len(), "OS package")
        )));
    }
    let (name, how) = (SCRATCH.to_owned(), how.to_owned());
    Ok(BaseImage { name, how, layers: 0, is_told: true, has_shell: false, is_assumed: false, other: None })
}

/// Whether the image's lowest layers cannot be the base that the user names: another distribution's, or a Python's where they
/// have none or another one. A plan for them would promise what the named image does not bring.
fn contradicts(base: &BaseImage, facts: &Facts<'_>) -> bool {
    const DISTRIBUTIONS: [&str; 7] = ["debian", "ubuntu", "alpine", "amazonlinux", "rockylinux", "almalinux", "fedora"];
    let (image, os) = (facts.view.image(), facts.os);
    if !base.is_told || base.layers == 0 || image.basis != Basis::Measured {
        return false;
    }
    let named = catalogue::short(&base.name);
    let official = official_python(&image.config, os).filter(|_| has_python(image, base.layers));
    let official = official.and_then(|(name, _)| PythonTag::of(&name));
    if let Some(tag) = PythonTag::of(&named) {
        let is_other = official.is_some_and(|own| (own.minor, own.flavour) != (tag.minor, tag.flavour));
        return is_other || !has_python(image, base.layers);
    }
    let repository = |name: &str| name.split(':').next().unwrap_or_default().to_owned();
    let own = operating_system(image, os).map(|name| repository(&name)).unwrap_or_default();
    let named = repository(&named);
    let are_known = [&own, &named].iter().all(|name| DISTRIBUTIONS.contains(&name.as_str()));
    DISTRIBUTIONS.contains(&named.as_str()) && official.is_some() || are_known && own != named
}

/// Whether the first layer has an operating system and nothing else: no Python that no package owns, no distributions of
/// pip's, and hardly a file that is no package's. Where packages tell nothing, the history has to say that a base ends.
fn is_operating_system(facts: &Facts<'_>) -> bool {
    let (view, os) = (facts.view, facts.os);
    let pip = |dist: &Distribution| dist.layer == 0 && !dist.system_owned;
    // What is in one layer with all the rest cannot be told from it.
    if view.image().layers.len() < 2 || facts.python.distributions.iter().any(pip) {
        return false;
    }
    let is_lowest = |(path, node): &(&[u8], Node)| {
        node.entry.0 == 0 && view.holds_bytes(*node) && view.size(*node) > 0 && !os.owners.contains_key(*path)
    };
    if view.iter().filter(is_lowest).any(|(path, _)| is_of_a_user(path)) {
        return false;
    }
    let is_imported = view.image().base_layers() > 0;
    if os.packages.is_empty() {
        return is_imported && !has_python(view.image(), 1);
    }
    let (mut all, mut unowned) = (0u64, 0u64);
    for (path, node) in view.iter().filter(|(_, node)| node.entry.0 == 0 && view.holds_bytes(*node)) {
        let bytes = view.size(node);
        all = all.saturating_add(bytes);
        let is_usual = is_within(path, b"etc") || is_package_manager_state(path);
        if !is_usual && !os.owners.contains_key(path) {
            unowned = unowned.saturating_add(bytes);
        }
    }
    let part = if is_imported { MAX_UNOWNED.0 } else { MAX_UNOWNED.1 };
    let few = if is_imported { FEW_BYTES } else { 0 };
    unowned <= few || u128::from(unowned) * 100 <= u128::from(all) * u128::from(part)
}

/// Whether a path is where no distribution's image has a file: in a folder for what is not the distribution's (Filesystem
/// Hierarchy Standard 3.0), or in one at the root that is none of the standard's. However small, it is somebody's application.
fn is_of_a_user(path: &[u8]) -> bool {
    const LOCAL: [&[u8]; 3] = [b"usr/local", b"opt", b"srv"];
    const STANDARD: &str =
        "bin boot dev etc lib lib32 lib64 libx32 libexec media mnt proc root run sbin sys tmp usr var afs";
    let mut parts = path.split(|&byte| byte == b'/');
    let (top, third) = (parts.next().unwrap_or_default(), parts.nth(1));
    match top {
        // A file at the root itself is a note of who made the image.
        _ if top.len() == path.len() => false,
        // Ubuntu's image has a user, whose folder is a copy of /etc/skel.
        b"home" => third.is_some_and(|name| !name.starts_with(b".")),
        _ => {
            LOCAL.iter().any(|folder| is_within(path, folder))
                || !STANDARD.split(' ').any(|known| known.as_bytes() == top)
        }
    }
}

/// Whether the lowest layers have a Python of their own.
fn has_python(image: &Image, layers: usize) -> bool {
    let view = View::of_lowest(image, layers);
    ["usr/local/bin/python3", "usr/bin/python3"].iter().any(|path| view.resolve(path.as_bytes()).is_some())
}

/// What the lowest layer has that the official image of a distribution has not: Python distributions that no package brought.
fn more_than_a_system(image: &Image) -> Option<String> {
    // Of a virtual image the base's layers are those of the base that it names.
    if image.basis != Basis::Measured || image.layers.len() < 2 && image.base_layers() == 1 {
        return None;
    }
    let lowest = View::of_lowest(image, 1);
    let python = Inventory::new(&lowest);
    let os = OsInventory::new(&lowest);
    let is_packaged = |dist: &&Distribution| {
        let owned = |path: &[u8]| os.owners.contains_key(path);
        let metadata = dist.metadata.as_bytes();
        dist.system_owned || owned(metadata) || lowest.below(metadata).any(|(path, _)| owned(path))
    };
    let dist = python.distributions.iter().find(|dist| !is_packaged(dist) && dist.bytes > 0)?;
    Some(crate::base::Text::from(&format!("{} {} in it", dist.name, dist.version)).into())
}

/// How many layers NVIDIA's image has. Its `runtime` sets an entry point, which ends a base elsewhere; `cudnn` and `devel` are
/// built on that, by instructions that take versions from the variables that they set.
fn cuda_layers(image: &Image, told: usize) -> usize {
    let rows = image.config.history.iter().filter(|row| !row.empty_layer).skip(told);
    let is_own = |created_by: &str| created_by.contains("${NV_") || created_by.contains("$NV_");
    (told + rows.take_while(|row| is_own(&row.created_by)).count()).min(image.layers.len())
}

/// The image of NVIDIA's that an image was built on, by the variables that these set.
fn cuda(image: &Image, os: &OsInventory) -> Option<String> {
    let get = |name: &str| {
        let mut values =
            image.config.env.iter().filter_map(|pair| pair.split_once('=')).filter(|(key, _)| *key == name);
        values.next_back().map(|(_, value)| value)
    };
    get("NV_CUDA_CUDART_VERSION")?;
    let release = |key: &str| os.release.get(key).map(String::as_str).unwrap_or_default();
    let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
    let system = match release("ID") {
        "ubuntu" => format!("ubuntu{}", release("VERSION_ID")),
        "rocky" => format!("rockylinux{}", major(release("VERSION_ID"))),
        "rhel" => format!("ubi{}", major(release("VERSION_ID"))),
        "amzn" => format!("amzn{}", release("VERSION_ID")),
        _ => return None,
    };
    let cudnn = match get("NV_CUDNN_VERSION") {
        Some(version) if version.starts_with('8') => "cudnn8-",
        Some(_) => "cudnn-",
        None => "",
    };
    let tier = match (get("NV_CUDA_NSIGHT_COMPUTE_VERSION").or(get("LIBRARY_PATH")), get("NV_CUDA_LIB_VERSION")) {
        (Some(_), _) => "devel",
        (None, Some(_)) => "runtime",
        (None, None) => "base",
    };
    let name = format!("nvidia/cuda:{}-{cudnn}{tier}-{system}", get("CUDA_VERSION")?);
    is_plain_name(&name).then_some(name)
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

/// How many layers a base image has that ends with a command of its own. What a team built on that and gave another command is
/// no part of it.
fn layers_until(image: &Image, is_its_own: impl Fn(&str) -> bool) -> Option<usize> {
    let rows = &image.config.history;
    let count = |rows: &[HistoryRow]| rows.iter().filter(|row| !row.empty_layer).count();
    let end = rows.iter().position(|row| row.empty_layer && is_its_own(&row.instruction()))?;
    Some(count(&rows[..end])).filter(|&layers| layers > 0 && count(rows) == image.layers.len())
}

/// The image of Red Hat's that an image was built on, which its labels name, and how many layers that has. Who builds on it
/// inherits the labels, and may set `name` to a name of his own.
fn red_hat(image: &Image, os: &OsInventory) -> Option<(String, Option<usize>)> {
    let label = |key: &str| image.config.labels.get(key).map(String::as_str).unwrap_or_default();
    let component = label("com.redhat.component").strip_suffix("-container")?;
    let major = os.release.get("VERSION_ID")?.split('.').next()?;
    // Components of products end with `-container`, too: `python-311`, `python-312-minimal` are these images.
    let version = component.strip_prefix("python-").map(|rest| rest.trim_end_matches("-minimal"));
    if version.is_some_and(|version| !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit())) {
        let own = layers_until(image, |command| command.starts_with("CMD ") && command.ends_with("/usage\"]"));
        let own = own.or_else(|| layers_until(image, |command| command.contains("STI_SCRIPTS_PATH/usage")));
        let registry = match label("name").starts_with("rhel") {
            true => format!("registry.redhat.io/rhel{major}"),
            false => format!("registry.access.redhat.com/ubi{major}"),
        };
        let name = format!("{registry}/{component}");
        return is_plain_name(&name).then_some((name, own));
    }
    let kind = component.strip_prefix("ubi")?.trim_start_matches(|c: char| c.is_ascii_digit());
    matches!(kind, "" | "-minimal" | "-micro" | "-init").then(|| {
        let own = layers_until(image, |command| command.starts_with("CMD "));
        (format!("registry.access.redhat.com/ubi{major}/ubi{kind}"), own)
    })
}

/// The official image of a distribution, as its os-release tells; of several of rpm's the one whose packages the lowest layer has.
fn operating_system(image: &Image, os: &OsInventory) -> Option<String> {
    let release = |key: &str| os.release.get(key).map(String::as_str).unwrap_or_default();
    let version = release("VERSION_ID");
    let major = version.split('.').next().unwrap_or_default();
    let lowest = os.is_rpm.then(|| OsInventory::new(&View::of_lowest(image, 1)));
    let lowest = lowest.as_ref().filter(|lowest| !lowest.packages.is_empty()).unwrap_or(os);
    let has = |names: &[&str]| names.iter().any(|name| lowest.find(name).is_some());
    let has_dnf = has(&["dnf", "dnf5", "yum"]);
    // Of the images of these distributions the minimal ones have microdnf, and the others have not.
    let minimal = if !has_dnf && has(&["microdnf"]) { "-minimal" } else { "" };
    let name = match release("ID") {
        "debian" => format!("debian:{}-slim", release("VERSION_CODENAME")),
        "ubuntu" => format!("ubuntu:{version}"),
        "alpine" => format!("alpine:{version}"),
        "fedora" if !minimal.is_empty() => format!("registry.fedoraproject.org/fedora-minimal:{version}"),
        "fedora" => format!("fedora:{version}"),
        "amzn" if !minimal.is_empty() => format!("public.ecr.aws/amazonlinux/amazonlinux:{version}-minimal"),
        "amzn" => format!("amazonlinux:{version}"),
        "rocky" => format!("rockylinux:{major}{minimal}"),
        "almalinux" => format!("almalinux:{major}{minimal}"),
        "ol" if minimal.is_empty() => format!("oraclelinux:{major}"),
        "ol" => format!("oraclelinux:{major}-slim"),
        "centos" if version == "7" => "centos:7".to_owned(),
        "centos" => format!("quay.io/centos/centos:stream{major}"),
        "photon" => format!("photon:{version}"),
        "rhel" if has_dnf => format!("registry.access.redhat.com/ubi{major}/ubi"),
        "rhel" => format!("registry.access.redhat.com/ubi{major}/ubi-minimal"),
        "opensuse-leap" => format!("opensuse/leap:{version}"),
        "opensuse-tumbleweed" => "opensuse/tumbleweed:latest".to_owned(),
        "sles" => format!("registry.suse.com/bci/bci-base:{version}"),
        "azurelinux" => format!("mcr.microsoft.com/azurelinux/base/core:{version}"),
        "mariner" => format!("mcr.microsoft.com/cbl-mariner/base/core:{version}"),
        "wolfi" => "cgr.dev/chainguard/wolfi-base:latest".to_owned(),
        _ => return None,
    };
    (is_plain_name(&name) && !name.ends_with(':') && !name.contains(":-") && !name.contains("ubi/")).then_some(name)
}
