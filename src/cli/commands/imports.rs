//! `slimwright imports`: what the modules of an image cost, by its own Python in the engine that has it.

use crate::base::{Text, parse_byte_size};
use crate::cli::failure::{Failure, Result};
use crate::cli::imports::{Confined, client};
use crate::cli::input::Look;
use crate::cli::options::{Imports as Args, Plain};
use crate::cli::output::print;
use crate::daemon::Engine;
use crate::imports::{Imports, PROBE, is_module};
use crate::report::{self, json};
use anyhow::anyhow;
use std::time::Duration;

/// The least memory that a Python starts with, in bytes.
const LEAST_MEMORY: u64 = 64 << 20;
/// Seconds beyond those of the probe, in which the container starts and ends.
const GRACE: u64 = 60;

/// Runs the command.
pub fn run(args: Args) -> Result<()> {
    let look = Look::new(&args.print, true);
    if let Some(odd) = args.modules.iter().find(|module| !is_module(module)) {
        let error = anyhow!("`{}` is no name of a module", Text::from(odd));
        return Err(Failure::usage(error).hint("dotted names, as in `import`: numpy, sklearn.ensemble, app.tasks"));
    }
    let memory = parse_byte_size(&args.memory).map_err(|error| Failure::usage(anyhow!("--memory: {error}")))?.0;
    if memory < LEAST_MEMORY {
        return Err(Failure::usage(anyhow!("--memory: expected at least 64 MiB, found {memory} bytes")));
    }
    if args.time == 0 || args.time > 3600 {
        return Err(Failure::usage(anyhow!("--time: expected 1 to 3600 seconds, found {}", args.time)));
    }
    let image = image(&args.target)?;
    let Some(client) = client() else {
        return Err(Failure::measure(anyhow!(
            "neither `docker` nor `podman` is in PATH, and one of them runs the image"
        )));
    };
    let asked = json(&args.modules).map_err(Failure::measure)?.replace('\n', " ");
    let seconds = args.time.to_string();
    let pythons: Vec<&str> = args.python.as_deref().map_or_else(|| vec!["python3", "python"], |python| vec![python]);
    let mut tried = String::new();
    for python in pythons {
        let run = Confined {
            client: &client,
            image: &image.name,
            program: python,
            arguments: &["-", &asked, &seconds],
            script: PROBE,
            memory,
            deadline: Duration::from_secs(args.time + GRACE),
        };
        let output = run.output().map_err(|error| Failure::measure(anyhow!("{}: {error}", image.shown)))?;
        match output.status.code() {
            Some(0) => return show(&Imports::parse(&image.shown, &output.stdout), &args, look),
            // The engine did not find the program, or may not run it.
            Some(126 | 127) => tried = format!("{tried}{}{python}", if tried.is_empty() { "" } else { " and " }),
            Some(137) => {
                let error =
                    anyhow!("{}: the container was killed, most likely at its limit of {}", image.shown, args.memory);
                return Err(Failure::measure(error).hint("--memory gives it more"));
            }
            _ => {
                let text = String::from_utf8_lossy(&output.stderr).into_owned();
                let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
                return Err(Failure::measure(anyhow!("{}: {python} failed: {}", image.shown, Text::from(last))));
            }
        }
    }
    let error = anyhow!("{}: there is no {tried} to be run in it", image.shown);
    Err(Failure::measure(error).hint("--python names the image's interpreter, as in /opt/venv/bin/python"))
}

fn show(found: &std::result::Result<Imports, crate::imports::ImportsError>, args: &Args, look: Look) -> Result<()> {
    let found = found.as_ref().map_err(|error| Failure::measure(anyhow!("{error}")))?;
    match args.format {
        Plain::Json => print(&json(found).map_err(Failure::measure)?)?,
        Plain::Text => print(&report::imports(found, look.plain_style()))?,
    }
    if found.modules.is_empty() {
        return Err(Failure::measure(anyhow!("no distribution in the image has a module to import"))
            .hint("name the modules that you mean"));
    }
    let failed: Vec<String> = match args.modules.is_empty() {
        true => Vec::new(),
        false => found.modules.iter().filter(|one| one.problem.is_some()).map(|one| one.name.to_string()).collect(),
    };
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Failure::measure(anyhow!("not measured: {}", crate::base::names(&failed, 5)))),
    }
}

/// An image of the engine.
struct Chosen {
    /// The name or ID by which it is run.
    name: String,
    /// What the user is told.
    shown: Text,
}

/// The image that a target names: an image of the engine, or that of a container. Nothing else is run.
fn image(target: &str) -> Result<Chosen> {
    let name = target.strip_prefix("docker-daemon:").unwrap_or(target);
    let refused = |why: &str| {
        Failure::usage(anyhow!("{}: {why}", Text::from(target)))
            .hint("imports runs the Python of an image that a container engine has, or of a container's image: docker load, pull or build it first")
    };
    let schemes = ["docker:", "oci:", "oci-archive:", "docker-archive:", "dir:", "context:", "index:"];
    if schemes.iter().any(|scheme| target.starts_with(scheme)) {
        return Err(refused("it is no image of an engine"));
    }
    if name.is_empty() || name.starts_with('-') {
        return Err(refused("it is no name of an image"));
    }
    let engine = Engine::connect().map_err(|error| Failure::of(false, error))?;
    // What is no name of a container is asked for as an image.
    if name == target
        && let Ok(Some(container)) = engine.container(name)
    {
        let shown = format!("{} of container {}", container.image, container.name);
        return Ok(Chosen { name: container.image_id, shown: Text::from(&shown) });
    }
    match engine.inspect(name) {
        Ok(_) => Ok(Chosen { name: name.to_owned(), shown: Text::from(name) }),
        Err(_) if std::path::Path::new(name).exists() => {
            Err(refused("it is a file or folder, and no image of the engine"))
        }
        Err(error) => Err(Failure::of(true, error)),
    }
}
