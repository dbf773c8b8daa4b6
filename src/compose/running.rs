//! The files against what runs: a change of a file counts only once the container is made again.

use super::check::{Check, Finding};
use super::model::Service;
use crate::base::{Binary, Text};
use crate::daemon::Container;
use crate::yaml::Place;

/// The label by which Docker Compose knows a container's project.
pub const PROJECT_LABEL: &str = "com.docker.compose.project";
/// The label by which it knows a container's service.
pub const SERVICE_LABEL: &str = "com.docker.compose.service";

/// The findings about the containers of a project's services.
pub fn running(services: &[Service], containers: &[Container]) -> Vec<Finding> {
    let mut out = Vec::new();
    for service in services {
        let is_own = |container: &&Container| container.labels.get(SERVICE_LABEL) == Some(&service.name);
        for container in containers.iter().filter(is_own) {
            out.extend(killed(service, container));
            if container.running {
                out.extend(limit(service, container));
                out.extend(swap(service, container));
                out.extend(other(service, container));
            }
        }
    }
    out
}

const ADVICE: &str = "`docker compose up -d` makes the container again; `restart` does not";

fn finding(service: &Service, check: Check, place: Place, message: String) -> Option<Finding> {
    let advice = Some(ADVICE.to_owned());
    Some(Finding { check, service: Some(service.name.clone()), place: Some(place), message, advice })
}

fn shown(bytes: i64) -> String {
    match bytes {
        0 => "none".to_owned(),
        -1 => "no end".to_owned(),
        bytes => Binary(bytes.unsigned_abs()).to_string(),
    }
}

fn killed(service: &Service, container: &Container) -> Option<Finding> {
    if !container.oom_killed {
        return None;
    }
    let at = if container.memory > 0 { format!(", whose limit is {}", shown(container.memory)) } else { String::new() };
    let now = match (container.running, container.exit_code) {
        (true, _) => "it runs".to_owned(),
        (false, Some(code)) => format!("it ended with exit code {code}"),
        (false, None) => "it does not run".to_owned(),
    };
    let place = service.resources.memory().map_or(service.place, |(_, place)| place);
    Some(Finding {
        check: Check::KilledForMemory,
        service: Some(service.name.clone()),
        place: Some(place),
        message: format!("the engine says OOMKilled of {}{at}, and {now}", Text::from(&container.name)),
        advice: Some("measure what it needs under a higher limit: slimwright memory NAME --for 10m".to_owned()),
    })
}

fn limit(service: &Service, container: &Container) -> Option<Finding> {
    let told = service.resources.memory();
    let (bytes, place) = told.unwrap_or((0, service.place));
    if bytes == container.memory {
        return None;
    }
    let message = format!(
        "the limit of the file is {}, and that of the running {} is {}",
        shown(bytes),
        Text::from(&container.name),
        shown(container.memory)
    );
    finding(service, Check::LimitNotInForce, place, message)
}

fn swap(service: &Service, container: &Container) -> Option<Finding> {
    let (limit, _) = service.resources.memory().filter(|(bytes, _)| *bytes == container.memory)?;
    let (told, place) = service.resources.memory_and_swap().unwrap_or((limit.saturating_mul(2), service.place));
    // An engine that cannot limit swap says -1, whatever it was given.
    if told == container.memory_swap || container.memory_swap == -1 {
        return None;
    }
    let message = format!(
        "memory and swap together are {} by the file, and {} for the running {}",
        shown(told),
        shown(container.memory_swap),
        Text::from(&container.name)
    );
    finding(service, Check::LimitNotInForce, place, message)
}

fn other(service: &Service, container: &Container) -> Option<Finding> {
    let image = service.image.as_ref().filter(|image| **image != container.image);
    let place = |key: &str| service.node.get(key).map_or(service.place, |node| node.place);
    if let Some(image) = image {
        let message = format!(
            "the file has the image {}, and the running {} has {}",
            Text::from(image),
            Text::from(&container.name),
            Text::from(&container.image)
        );
        return finding(service, Check::NotTheFile, place("image"), message);
    }
    let words = &service.command.as_ref()?.value()?.words;
    if *words == container.command {
        return None;
    }
    let message = format!("the running {} has another command than the file", Text::from(&container.name));
    finding(service, Check::NotTheFile, place("command"), message)
}
