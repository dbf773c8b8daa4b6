//! One partition of an image's bytes: whoever tells of them tells the same.

use crate::budget::service;
use crate::fixture::image;
use proptest::prelude::*;
use slimwright::base::Id;
use slimwright::budget::{CauseKind, Diff, Snapshot};
use slimwright::facts::{Part, Summary, Survey};
use slimwright::fs::{Owner, View};
use slimwright::image::Image;
use slimwright::report::AuditReport;
use slimwright::rules::embedded;
use slimwright::rules::evaluate;

const SITE: &str = "usr/local/lib/python3.11/site-packages";

/// What the summary, the audit, and the difference from nothing say of an image agrees. Returns its summary.
fn agreed(subject: &Image) -> Summary {
    let view = View::new(subject);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let summary = &survey.summary;
    let total = subject.unpacked();
    assert_eq!(summary.parts.values().sum::<u64>(), total);
    assert_eq!(summary.owners.values().map(|(bytes, _)| bytes).sum::<u64>(), summary.visible());
    assert_eq!(summary.categories.values().sum::<u64>(), summary.visible());
    assert_eq!(summary.bytes_of(|part| matches!(part, Part::Hidden(_))), summary.dead());
    for (layer, index) in summary.layers.iter().zip(&subject.layers) {
        assert_eq!((layer.total, layer.visible + layer.dead()), (index.unpacked(), index.unpacked()));
        assert_eq!(layer.owners.values().sum::<u64>(), layer.visible);
        assert_eq!(layer.hidden_by.values().sum::<u64>() + layer.shadowed, layer.dead());
    }
    for (id, dist) in survey.python.distributions.pairs() {
        let counted = summary.owners.get(&Owner::Distribution(id)).map_or(0, |(bytes, _)| *bytes);
        assert_eq!(counted, dist.bytes, "{}", dist.name);
    }
    let rules = embedded();
    let findings = evaluate(&facts, &rules);
    let audit = AuditReport::new(subject, &view, &facts, &findings, &rules, None);
    let group = |id: &str| audit.groups.iter().filter(|group| group.id == id).map(|group| group.bytes).sum::<u64>();
    assert_eq!(audit.groups.iter().map(|group| group.bytes).sum::<u64>(), total);
    for id in ["package-manager", "application"] {
        let visible = audit.visible.by_owner.iter().find(|named| named.name == id).map_or(0, |named| named.bytes);
        assert_eq!(visible, group(id), "{id}");
    }
    let nothing = image("layer");
    let empty = View::new(&nothing);
    let before = Survey::new(&empty, &[]);
    let before = Snapshot::new(&before.facts(&empty), &[]);
    let diff = Diff::new(&before, &Snapshot::new(&facts, &findings).with_folders(&facts));
    let cause = |kind| diff.causes.iter().find(|cause| cause.kind == kind).map_or(0, |cause| cause.after);
    assert_eq!(cause(CauseKind::Base), group("base-image"));
    assert_eq!(cause(CauseKind::OsPackages), group("os-packages"));
    assert_eq!(cause(CauseKind::CondaPackages), group("conda-packages"));
    assert_eq!(cause(CauseKind::Caches), group("package-manager"));
    assert_eq!(cause(CauseKind::Application), group("application"));
    assert_eq!(cause(CauseKind::DeadBytes), group("hidden"));
    let distributions = ["gpu-libraries", "distribution", "distributions"].map(group);
    assert_eq!(cause(CauseKind::DistributionsAdded), distributions.iter().sum::<u64>());
    summary.clone()
}

#[test]
fn a_package_managers_bytes_are_told_once_and_a_model_is_the_applications() {
    let summary = agreed(&image(
        "layer ADD rootfs\nf var/lib/dpkg/status-old 4000\nf etc/x 50\nempty CMD [\"bash\"]\n\
         layer RUN apt-get install x\nf var/lib/apt/lists/a 600\nf root/.cache/pip/http/y 30\n\
         f root/.cache/huggingface/hub/model 70000\nf var/cache/app/z 5\n",
    ));
    assert_eq!(summary.base_layers, 1);
    assert_eq!(summary.own(Owner::PackageManager), 630);
    assert_eq!(summary.own(Owner::Application), 70_005);
    assert_eq!((summary.base(), summary.owners[&Owner::Base]), (4050, (4050, 2)));
}

#[test]
fn what_conda_installed_is_no_application_in_a_limit_or_a_difference_either() {
    let record = r#"{"name":"libblas","version":"1.0","build":"0","files":["lib/libblas.so.3"]}"#;
    let conda = format!(
        "layer RUN conda install\nf opt/conda/conda-meta/libblas-1.0-0.json = {record}\nf opt/conda/lib/libblas.so.3 8000\n\
         f opt/own 9\n"
    );
    let summary = agreed(&image(&conda));
    assert_eq!(summary.own(Owner::CondaPackage(Id::at(0))), 8000 + record.len() as u64);
    assert_eq!(summary.own(Owner::Application), 9);
}

#[test]
fn the_measured_service_is_told_alike_by_all() {
    let summary = agreed(&service(""));
    assert_eq!(summary.largest(Owner::os_package), [(Id::at(0), 40_000_000)]);
}

/// Files of all kinds of owner, in layers some of which are the base image's, written again, linked and removed.
fn any_image() -> impl Strategy<Value = Image> {
    let paths = vec![
        format!("{SITE}/a.py"),
        format!("{SITE}/torch/lib.so"),
        "usr/bin/gcc".to_owned(),
        "opt/conda/lib/libblas.so.3".to_owned(),
        "var/lib/apt/lists/x".to_owned(),
        "root/.cache/pip/http/x".to_owned(),
        "root/.cache/huggingface/x".to_owned(),
        "var/cache/app/x".to_owned(),
        "app/main".to_owned(),
    ];
    let step = (prop::sample::select(paths.clone()), prop::sample::select(paths), 0..5u8, 0..5_000u32).prop_map(
        |(path, other, what, bytes)| match what {
            0 => format!("w {path}\n"),
            1 => format!("h {path} -> {other}\n"),
            _ => format!("f {path} {bytes}\n"),
        },
    );
    let dist = |name: &str, file: &str| {
        format!(
            "f {SITE}/{name}-1.dist-info/METADATA = Name: {name}\\nVersion: 1\\n\n\
             f {SITE}/{name}-1.dist-info/RECORD = {file},,\\n\n"
        )
    };
    let known = dist("a", "a.py")
        + &dist("torch", "torch/lib.so")
        + "f var/lib/dpkg/status = Package: gcc\\nVersion: 1\\nStatus: install ok installed\\n\n\
           f var/lib/dpkg/info/gcc.list = /usr/bin/gcc\\n\n\
           f opt/conda/conda-meta/libblas-1-0.json = {\"name\":\"libblas\",\"version\":\"1\",\"files\":[\"lib/libblas.so.3\"]}\n";
    let layer = prop::collection::vec(step, 0..8).prop_map(|steps| steps.concat());
    (prop::collection::vec(layer, 1..5), 0..4usize).prop_map(move |(layers, base)| {
        let mut spec = String::new();
        for (at, layer) in layers.iter().enumerate() {
            spec += &format!("layer RUN {at}\n{}{layer}", if at == 0 { known.as_str() } else { "" });
            if at + 1 == base {
                spec += "empty CMD [\"bash\"]\n";
            }
        }
        image(&spec)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_byte_is_told_once_and_alike_by_all(image in any_image()) {
        agreed(&image);
    }
}
