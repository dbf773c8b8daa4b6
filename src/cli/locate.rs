//! What is meant by a target that is named without its kind: a file or folder that is there, a build context, an image of
//! the engine or of Podman's store, or one of a registry. In this order, and the first one that is there.
//!
//! A name that only looks like one that the engine has goes to no registry: somebody else may own what was mistyped.

use super::failure::{Failure, Result};
use super::options::{Found, Source};
use super::progress::Bar;
use crate::base::{Hint as _, Text, nearest_name, nearest_path, split_tag};
use crate::context;
use crate::daemon::{DaemonError, Engine};
use crate::image::{Form, ImageError, KINDS, Local, Progress as _, Target, has_in_containers_storage};
use crate::registry::Reference;
use std::path::{Path, PathBuf};

/// Ends of the names of files, which are no images of an engine.
const FILES: [&str; 12] =
    [".tar", ".tgz", ".gz", ".zst", ".index", ".oci", ".img", ".json", ".toml", ".txt", ".yml", ".yaml"];

/// A target with its kind.
struct Located {
    /// With its kind before it.
    target: String,
    /// The Dockerfile, if that was named.
    dockerfile: Option<PathBuf>,
    found: Found,
}

/// Writes the kind of a target before it, where the user did not.
pub fn locate(mut source: Source) -> Result<Source> {
    if let Some(located) = find(&source.target)? {
        let (text, target) = (Text::from(&source.target), Text::from(&located.target));
        let nowhere = if located.found.tried.is_empty() { "" } else { "neither here nor in the engine; read " };
        Bar::new(source.quiet).note(&format!("{text}: {nowhere}{} ({target})", located.found.origin));
        source.target = located.target;
        source.context.file = source.context.file.or(located.dockerfile);
        source.found = located.found;
    }
    Ok(source)
}

/// The same of a target of an option, which is an image.
pub fn locate_image(text: &str) -> Result<String> {
    Ok(find(text)?.map_or_else(|| text.to_owned(), |located| located.target))
}

/// Looks for a target that has no kind. `None`: it has one, or is a file or folder that holds an image.
fn find(text: &str) -> Result<Option<Located>> {
    match text.parse::<Target>() {
        Ok(Target::Local(local)) if local.form.is_some() || local.path.as_os_str() == "-" => Ok(None),
        Ok(Target::Local(local)) if local.path.exists() => match built_from(&local) {
            None => no_image(&local.path).map(|()| None),
            located => Ok(located),
        },
        Ok(Target::Daemon(name)) if name.starts_with("//") => {
            let error =
                anyhow::anyhow!("TARGET `{}`: an engine's image has no slashes before its name", Text::from(text));
            Err(Failure::usage(error)
                .hint(format!("did you mean `docker-daemon:{}`?", Text::from(name.trim_start_matches('/')))))
        }
        Ok(Target::Local(local)) => named(text, &local.path),
        // What is wrong with it is said where it is used.
        _ => Ok(None),
    }
}

/// A folder to build from, or the Dockerfile of one.
fn built_from(local: &Local) -> Option<Located> {
    let (folder, dockerfile) = match local.path.is_dir() {
        true if is_context(&local.path) => (local.path.as_path(), None),
        false if is_dockerfile(&local.path) => (local.path.parent()?, Some(local.path.clone())),
        _ => return None,
    };
    // Not every name can be written behind a kind.
    let target = match folder.to_str()? {
        "" => "context:.".to_owned(),
        folder => format!("context:{folder}"),
    };
    let found = Found { origin: "a build context".into(), ..Found::default() };
    Some(Located { target, dockerfile, found })
}

/// A folder with a Dockerfile, or a project's without one, that is no image itself.
fn is_context(folder: &Path) -> bool {
    let project = || ["pyproject.toml", "uv.lock", "requirements.txt"].iter().any(|name| folder.join(name).is_file());
    (context::dockerfile_in(folder).is_some() || project()) && !Form::is_image(folder)
}

/// Builders know these names.
fn is_dockerfile(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let named =
        |word: &str| name == word || name.starts_with(&format!("{word}.")) || name.ends_with(&format!(".{word}"));
    path.is_file() && (named("dockerfile") || named("containerfile"))
}

/// Files that other commands read, or that stand beside a Dockerfile.
fn no_image(path: &Path) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    let shown = Text::of_path(path);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (what, hint) = if name.contains("compose") && ends(&[".yml", ".yaml"]) {
        (
            "a Compose file",
            format!("`slimwright compose {shown}` reads it, and with --images the images of its services"),
        )
    } else if path.is_file()
        && ends(&["requirements.txt", "requirements.in", ".py", "pyproject.toml", ".lock", "pipfile"])
    {
        (
            "a file that a build reads",
            format!("name the folder that is built from: slimwright {}", Text::of_path(folder)),
        )
    } else if path.is_dir()
        && !Form::is_image(path)
        && std::fs::read_dir(path).is_ok_and(|mut rows| rows.next().is_none())
    {
        ("an empty folder", "name a folder with a Dockerfile, an image, or a file that `docker save` wrote".to_owned())
    } else {
        return Ok(());
    };
    Err(Failure::usage(anyhow::anyhow!("{shown}: expected an image or a build context, found {what}")).hint(hint))
}

/// What is no name of an image, but for the way it is written.
fn rewritten(text: &str) -> Option<String> {
    let address = ["https://", "http://", "docker//", "docker:/"].iter().find_map(|start| text.strip_prefix(start));
    let name = address.unwrap_or(text).trim_matches('/');
    let name = if address.is_some() { name.to_owned() } else { name.to_lowercase() };
    let is_other = address.is_some() || name != text;
    let scheme = if address.is_some() { "docker://" } else { "" };
    (is_other && name.parse::<Reference>().is_ok()).then(|| format!("{scheme}{name}"))
}

/// An image of the engine, else of a registry.
fn named(text: &str, path: &Path) -> Result<Option<Located>> {
    if let Some(meant) = rewritten(text).filter(|_| nearest_path(path).is_none()) {
        let error = anyhow::anyhow!(
            "TARGET `{}`: there is no such file or folder, and no image has such a name",
            Text::from(text)
        );
        return Err(Failure::usage(error).hint(format!("did you mean `{}`?", Text::from(&meant))));
    }
    let Some(reference) = text.parse::<Reference>().ok().filter(|_| !is_path(text, path)) else {
        // Reading it says that there is no such file.
        return near_kind(text).map(|()| None);
    };
    let located = |kind: &str, found| Some(Located { target: format!("{kind}{text}"), dockerfile: None, found });
    let of = |origin: &str| Found { origin: origin.into(), ..Found::default() };
    let (why, hint, engine) = match in_engine(text)? {
        Engines::Has => return Ok(located("docker-daemon:", of("from the engine"))),
        Engines::Stored => return Ok(located("containers-storage:", of("from the store of Podman and Buildah"))),
        Engines::HasNot { why, near, engine } => (why, near, engine),
    };
    near_kind(text)?;
    let near = nearest_path(path);
    // A word without tag or registry is a mistyped path as likely as an image, which may be somebody else's.
    if let Some(near) = near.as_ref().filter(|_| !text.contains([':', '/', '@'])) {
        let error = anyhow::anyhow!("there is no file, folder or image of the engine `{}`", Text::from(text));
        let hint = format!(
            "did you mean `{}`? To read it from a registry write docker://{}",
            Text::of_path(near),
            Text::from(text)
        );
        return Err(Failure::usage(error).hint(hint));
    }
    let near = near.map_or_else(String::new, |near| format!(" (there is {})", Text::of_path(&near)));
    let tried = vec![format!("as a file or folder: there is none{near}"), format!("in an engine: {why}")];
    Ok(located("docker://", Found { origin: format!("from {}", reference.registry()), tried, hint, engine }))
}

/// Not a name of an image: it names a place, or a kind of file.
fn is_path(text: &str, path: &Path) -> bool {
    let starts = ["/", "./", "../", "~"].iter().any(|start| text.starts_with(start));
    let ends = FILES.iter().any(|end| text.ends_with(end));
    let in_folder =
        path.components().count() > 1 && path.components().next().is_some_and(|first| Path::new(&first).is_dir());
    starts || ends || in_folder
}

/// `docker-deamon:x`.
fn near_kind(text: &str) -> Result<()> {
    let Some((word, rest)) = text.split_once(':') else { return Ok(()) };
    let Some(kind) = nearest_name(word, KINDS).filter(|kind| word.len() > 3 && *kind != word) else { return Ok(()) };
    let error = anyhow::anyhow!("TARGET `{}`: `{}` is no kind of target", Text::from(text), Text::from(word));
    Err(Failure::usage(error).hint(format!("did you mean `{kind}:{}`?", Text::from(rest))))
}

/// Whether a text names an image by its kind, its tag or a file that is there: as no package is named.
pub fn looks_like_target(text: &str) -> bool {
    let local = match text.parse::<Target>() {
        Ok(Target::Local(local)) if local.form.is_none() => local,
        Ok(_) => return true,
        Err(_) => return false,
    };
    let is_file = local.path.is_file() && FILES.iter().any(|end| text.ends_with(end));
    is_file || (text.contains(':') && text.parse::<Reference>().is_ok())
}

/// Whether nothing here or in the engine has a name: the first word of `why`, where the second one is a target.
pub fn is_nothing(text: &str) -> bool {
    let is_local = match text.parse::<Target>() {
        Ok(Target::Local(local)) => local.form.is_some() || local.path.exists() || text.contains(':'),
        _ => true,
    };
    !is_local
        && !Engine::connect().and_then(|engine| engine.has(text)).unwrap_or(false)
        && !has_in_containers_storage(text).unwrap_or(false)
}

/// What an engine says of a name.
enum Engines {
    Has,
    /// Podman's store has it, which takes no engine.
    Stored,
    HasNot {
        /// Why.
        why: String,
        /// What may be meant.
        near: Option<String>,
        /// What may be done about an engine that did not answer.
        engine: Option<String>,
    },
}

/// Asks the engine. An image that differs by a typing error, or in the tag alone where none was written, is an error.
fn in_engine(text: &str) -> Result<Engines> {
    let error = match Engine::connect().and_then(|engine| engine.inspect(text)) {
        Ok(_) => return Ok(Engines::Has),
        Err(error) => error,
    };
    if has_in_containers_storage(text).unwrap_or(false) {
        return Ok(Engines::Stored);
    }
    let DaemonError::NoSuchImage { place, similar, .. } = &error else {
        return Ok(Engines::HasNot { why: error.to_string(), near: None, engine: error.hint() });
    };
    let has_tag = text.contains('@') || split_tag(text).1.is_some();
    if similar.name.is_some() || (!has_tag && !similar.is_empty()) {
        let hint = format!("{similar} To read it from a registry write docker://{}", Text::from(text));
        return Err(Failure::of(false, ImageError::from(error)).hint(hint));
    }
    let tags = if similar.is_empty() { String::new() } else { format!("; {similar}") };
    let near = nearest_name(text, similar.tags.iter().map(|tag| &**tag));
    let hint = near.map(|near| format!("did you mean `{}`?", Text::from(near)));
    let why = format!("{place} has no such image{}", tags.trim_end_matches('.'));
    Ok(Engines::HasNot { why, near: hint, engine: None })
}

/// An image that is in no registry either, with all the places where it was looked for.
pub fn not_found(found: &Found, text: &str, error: ImageError) -> Failure {
    if found.tried.is_empty() {
        return Failure::of(error.is_usage(), error);
    }
    // Of an engine that does not answer and a registry that does not have it, one may be what is wrong.
    let either = || [found.engine.clone(), error.hint()].into_iter().flatten().reduce(|a, b| format!("{a}; or {b}"));
    let hint = found.hint.clone().or_else(either);
    let rows = found.tried.iter().cloned().chain([format!("in a registry: {error}")]);
    let name = Text::from(text.strip_prefix("docker://").unwrap_or(text));
    let lines = std::iter::once(format!("no image `{name}` was found")).chain(rows).collect::<Vec<_>>().join("\n");
    let failure = Failure::measure(anyhow::anyhow!(lines));
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
