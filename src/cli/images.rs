//! The images of a Compose project's services: which they are, and what an audit says of each.

use super::context::ContextInput;
use super::failure::Result;
use super::input::{self, Input};
use super::options::Found;
use super::pipeline;
use crate::base::{Text, is_secret_name, shell_word};
use crate::compose::{Build, Check, Finding, Loaded, NotPredicted, Service};
use crate::context::ContextOptions;
use crate::daemon::Engine;
use crate::image::{OpenOptions, Target, host_platform};
use crate::report::{FoundImage, HeaviestSaving, ImagesReport, ServiceImage, here};
use crate::rules::{self, Rule, Tier};
use std::collections::BTreeMap;

/// A finding is worth a line from here on: bytes.
const LEAST: u64 = 1_000_000;

/// An image that services run, before it is read.
struct Wanted {
    /// The services, by position.
    services: Vec<usize>,
    target: Target,
    /// What the image is called when it is built.
    built: String,
    platform: Option<String>,
    context: Option<(ContextOptions, BTreeMap<String, Target>)>,
}

/// Audits the image of each service that runs, each image once; what is found of each is added to the findings.
pub(super) fn audit(
    loaded: &Loaded,
    services: &[Service],
    engine: Option<&Engine>,
    findings: &mut Vec<Finding>,
) -> Result<ImagesReport> {
    let rules = rules::embedded();
    let (wanted, mut out) = wanted(loaded, services, engine);
    let options = OpenOptions { cache: input::cache()?, ..OpenOptions::default() };
    for one in wanted {
        let named = one.services.iter().map(|&at| Text::from(&services[at].name)).collect();
        let target = Some(Text::from(shown(&one.target)));
        let (found, why_not) = match found(&one, &options, &rules) {
            Ok(found) => (Some(found), None),
            Err(failure) => (None, Some(Text::from(failure.in_words()))),
        };
        if let Some(found) = &found {
            findings.extend(one.services.iter().filter_map(|&at| finding(&services[at], found)));
        }
        out.push(ServiceImage { services: named, target, why_not, found });
    }
    Ok(ImagesReport::new(out, services))
}

/// What is to be read, and the services of which nothing can be.
fn wanted(loaded: &Loaded, services: &[Service], engine: Option<&Engine>) -> (Vec<Wanted>, Vec<ServiceImage>) {
    let mut wanted: Vec<Wanted> = Vec::new();
    let mut not: Vec<ServiceImage> = Vec::new();
    let has = |name: &str| engine.is_some_and(|engine| engine.image_program(name).is_ok());
    for (at, service) in services.iter().enumerate().filter(|(_, service)| !service.is_off) {
        let name = service.image_name(&loaded.name);
        let found = match (&name, &service.build) {
            (Some(name), _) if has(name) => Ok(Wanted {
                services: vec![at],
                target: Target::Daemon(name.clone()),
                built: name.clone(),
                platform: service.platform.clone(),
                context: None,
            }),
            (_, Some(build)) => of_build(build, service, loaded, services, &has)
                .map(|(target, platform, context)| Wanted {
                    services: vec![at],
                    target,
                    built: name.clone().unwrap_or_default(),
                    platform: Some(platform),
                    context: Some(context),
                })
                .map_err(|why| why.to_string()),
            (Some(name), None) => Err(match engine {
                Some(_) => format!("the engine does not have {}: `docker compose pull`", Text::from(name)),
                None => "no engine was asked".to_owned(),
            }),
            (None, None) => continue,
        };
        match found {
            Ok(one) => match wanted.iter_mut().find(|known| {
                (&known.target, &known.platform, &known.context) == (&one.target, &one.platform, &one.context)
            }) {
                Some(known) => known.services.push(at),
                None => wanted.push(one),
            },
            Err(why) => not.push(ServiceImage {
                services: vec![Text::from(&service.name)],
                target: None,
                why_not: Some(Text::from(why)),
                found: None,
            }),
        }
    }
    (wanted, not)
}

type OfBuild = (Target, String, (ContextOptions, BTreeMap<String, Target>));

/// What is read to predict what a build makes.
fn of_build(
    build: &Build,
    service: &Service,
    loaded: &Loaded,
    services: &[Service],
    has: &dyn Fn(&str) -> bool,
) -> std::result::Result<OfBuild, NotPredicted> {
    let (folder, dockerfile) = build.folder(loaded)?;
    let mut images = BTreeMap::new();
    for (name, is) in &build.contexts {
        let image = match (is.strip_prefix("docker-image://"), is.strip_prefix("service:")) {
            (Some(image), _) => Some(image.to_owned()),
            (_, Some(other)) => {
                let other = services.iter().find(|service| service.name == other);
                other.and_then(|other| other.image_name(&loaded.name))
            }
            _ => None,
        };
        let image = image.filter(|image| has(image));
        let image = image.ok_or_else(|| NotPredicted::Context { name: name.clone(), is: is.clone() })?;
        images.insert(name.clone(), Target::Daemon(image));
    }
    let host = host_platform();
    let platform = match (&service.platform, &build.platforms[..]) {
        (Some(platform), _) => platform.clone(),
        (None, [only]) => only.clone(),
        (None, _) => host,
    };
    let options = ContextOptions {
        dockerfile,
        inline: build.inline.clone(),
        target_stage: build.target.clone(),
        build_arguments: build.arguments.clone(),
        platform: platform.clone(),
        python: None,
    };
    Ok((Target::Context(folder), platform, (options, images)))
}

fn found(one: &Wanted, options: &OpenOptions, rules: &[Rule]) -> Result<FoundImage> {
    let context = match (&one.target, &one.context) {
        (Target::Context(folder), Some((options, images))) => Some(ContextInput {
            folder: folder.clone(),
            options: options.clone(),
            images: images.clone(),
            sizes_from: None,
        }),
        _ => None,
    };
    let input = Input {
        text: one.target.to_string(),
        target: one.target.clone(),
        options: OpenOptions { platform: one.platform.clone(), ..options.clone() },
        given: Vec::new(),
        quiet: false,
        context,
        found: Found::default(),
    };
    input.keeping_cache(|| {
        let report = pipeline::audit(&input, rules, false, |measured| Ok(measured.report(rules)))?;
        let place = one.context.as_ref().map_or_else(String::new, |_| one.target.to_string());
        Ok(FoundImage::new(&report, &place, |saving| command(one, saving)))
    })
}

/// A target as it is typed from this folder.
fn shown(target: &Target) -> String {
    match target {
        Target::Context(folder) => format!("context:{}", here(&folder.display().to_string())),
        other => other.to_string(),
    }
}

/// The command that saves it, as a shell takes it.
fn command(one: &Wanted, saving: &HeaviestSaving) -> String {
    let is_inline = one.context.as_ref().is_some_and(|(options, _)| options.inline.is_some());
    // A Dockerfile that stands in a Compose file is not edited: the image is planned when it is made.
    let target = if is_inline { Target::Daemon(one.built.clone()) } else { one.target.clone() };
    let target = shell_word(&shown(&target));
    let mut out = if is_inline { "docker compose build && ".to_owned() } else { String::new() };
    out.push_str(&match saving.tier {
        Tier::ReportOnly => format!("slimwright audit {target}"),
        Tier::Auto | Tier::Confirm => format!("slimwright plan {target} -o slim/"),
    });
    if let Some((options, images)) = one.context.as_ref().filter(|_| !is_inline) {
        let mut say = |option: &str, value: &str| out.push_str(&format!(" {option} {}", shell_word(value)));
        options.dockerfile.iter().for_each(|path| say("--file", &here(&path.display().to_string())));
        options.target_stage.iter().for_each(|stage| say("--target-stage", stage));
        for (name, value) in &options.build_arguments {
            // Without a value it is taken from the environment.
            say("--build-arg", &if is_secret_name(name) { name.clone() } else { format!("{name}={value}") });
        }
        images.iter().for_each(|(name, target)| say("--image", &format!("{name}={target}")));
    }
    if let Some(platform) = one.platform.as_ref().filter(|platform| **platform != host_platform()) {
        out.push_str(&format!(" --platform {}", shell_word(platform)));
    }
    if saving.tier == Tier::Confirm {
        out.push_str(&format!(" --accept {}", shell_word(saving.rule.as_str())));
    }
    out
}

/// What a service's image could do without.
fn finding(service: &Service, found: &FoundImage) -> Option<Finding> {
    let saving = found.heaviest.as_ref().filter(|saving| saving.bytes >= LEAST)?;
    let size = |bytes: u64| crate::base::ByteSize(bytes);
    let of = match found.saving {
        Some(all) if all > 0 => format!("{} of its image's {} can go", size(all.unsigned_abs()), size(found.unpacked)),
        _ => format!("its image has {}", size(found.unpacked)),
    };
    let message = format!("{of}, most of it: {} ({}, {})", saving.what, size(saving.bytes), saving.rule);
    let place = service.image_place.or(service.build.as_ref().map(|build| build.place)).unwrap_or(service.place);
    Some(Finding {
        check: Check::ImageSaving,
        service: Some(service.name.clone()),
        place: Some(place),
        message,
        advice: found.command.as_ref().map(ToString::to_string),
    })
}
