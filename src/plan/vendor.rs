//! Base images that are told by what they have or by what their builders note: images without a shell and without a package
//! manager, Lambda's, and those of buildpacks.
//!
//! Source: GoogleContainerTools/distroless (`/var/lib/dpkg/status.d`), chainguard-dev's apko (`/usr/lib/apk/db`), aws-lambda-base-images
//! (`LAMBDA_TASK_ROOT`, `/var/lang`), buildpacks/spec, platform.md (`io.buildpacks.lifecycle.metadata`).

use crate::base::is_within;
use crate::facts::Facts;
use crate::image::Image;
use serde::Deserialize;

/// Where distroless images note their packages, a file each.
const STATUS_D: &[u8] = b"var/lib/dpkg/status.d";

/// A base of one of these families.
pub(super) struct VendorBase {
    /// What `FROM` names.
    pub name: String,
    /// How that is known.
    pub how: &'static str,
    /// How many of the image's lowest layers it is.
    pub layers: usize,
    /// Whether a `RUN` can be carried out on it.
    pub has_shell: bool,
}

/// The base of an image of one of these families. `told` is how many layers the history says that it has.
pub(super) fn of(facts: &Facts<'_>, told: usize) -> Option<VendorBase> {
    buildpacks(facts.view.image())
        .or_else(|| lambda(facts, told))
        .or_else(|| distroless(facts))
        .or_else(|| apko(facts, told))
}

/// What the builder of a buildpack's image notes: the image that it was put on, and that one's last layer.
fn buildpacks(image: &Image) -> Option<VendorBase> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct RunImage {
        top_layer: String,
        #[serde(default)]
        image: String,
        #[serde(default)]
        reference: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Lifecycle {
        run_image: RunImage,
    }
    let noted: Lifecycle = serde_json::from_str(image.config.labels.get("io.buildpacks.lifecycle.metadata")?).ok()?;
    let last = image.config.diff_ids.iter().position(|id| *id == noted.run_image.top_layer)?;
    let name = [noted.run_image.image, noted.run_image.reference].into_iter().find(|name| !name.is_empty())?;
    let how = "the label io.buildpacks.lifecycle.metadata, which names the run image and its last layer";
    (last < image.layers.len()).then_some(VendorBase { name, how, layers: last + 1, has_shell: true })
}

/// AWS Lambda's image: a function keeps its layout, its entry point and its variables.
fn lambda(facts: &Facts<'_>, told: usize) -> Option<VendorBase> {
    let config = &facts.view.image().config;
    let is_set = |name: &str| config.env.iter().any(|pair| pair.split_once('=').is_some_and(|(key, _)| key == name));
    let lang = facts.python.interpreters.list.iter().find(|found| found.prefix.as_bytes() == b"var/lang")?;
    let is_one = is_set("LAMBDA_TASK_ROOT") && is_set("LAMBDA_RUNTIME_DIR") && told > lang.layer as usize;
    let name = format!("public.ecr.aws/lambda/python:{}", lang.name.trim_start_matches("python"));
    let how = "Lambda's variables, and its Python in /var/lang";
    is_one.then_some(VendorBase { name, how, layers: told, has_shell: true })
}

/// Distroless: packages of Debian's without dpkg. Each of the base's layers notes its packages; the user's come after.
fn distroless(facts: &Facts<'_>) -> Option<VendorBase> {
    let (view, os) = (facts.view, facts.os);
    let has_shell = view.resolve(b"bin/sh").is_some();
    if has_shell || view.get(b"var/lib/dpkg/status").is_some() || os.packages.is_empty() {
        return None;
    }
    let notes = |layer: &crate::layer::LayerIndex| {
        layer
            .entries
            .iter()
            .any(|entry| is_within(entry.path.as_bytes(), STATUS_D) && entry.path.as_bytes() != STATUS_D)
    };
    let last = view.image().layers.iter().rposition(|layer| notes(layer))?;
    let has = |start: &str| os.packages.iter().any(|package| package.name.starts_with(start));
    let kind = match () {
        () if has("python3") => "python3",
        () if has("libgcc-s1") || has("libstdc++6") => "cc",
        () if has("libssl") => "base",
        () => "static",
    };
    let release = os.release.get("VERSION_ID").filter(|_| os.release.get("ID").is_some_and(|id| id == "debian"))?;
    let name = format!("gcr.io/distroless/{kind}-debian{release}:latest");
    let how = "the packages in /var/lib/dpkg/status.d, and no shell";
    Some(VendorBase { name, how, layers: last + 1, has_shell })
}

/// Wolfi's and Chainguard's images, whose packages apko put down: without apk and a shell but in their `-dev` flavours.
fn apko(facts: &Facts<'_>, told: usize) -> Option<VendorBase> {
    let (view, os) = (facts.view, facts.os);
    let is_one = os.release.get("ID").is_some_and(|id| id == "wolfi" || id == "chainguard");
    // apko sets a command without a row of its own in the history.
    let created = view.image().created_by();
    let told = told.max(created.iter().take_while(|by| by.is_some_and(|by| by == "apko")).count());
    let python = os
        .packages
        .iter()
        .find(|package| package.name.starts_with("python-3") || package.name.starts_with("python3"))?;
    let is_base = facts.os.owners.iter().any(|(path, owner)| {
        os.packages[*owner].name == python.name
            && view.get(path.as_bytes()).is_some_and(|node| (node.entry.0 as usize) < told)
    });
    let has_shell = view.resolve(b"bin/sh").is_some();
    let tag = if has_shell { "latest-dev" } else { "latest" };
    let how =
        "the packages of Wolfi with Python among them in the lowest layers; the tag moves to new versions of Python";
    (is_one && is_base).then(|| VendorBase {
        name: format!("cgr.dev/chainguard/python:{tag}"),
        how,
        layers: told,
        has_shell,
    })
}
