//! conda's environments with builds for a GPU: what a plan makes of them, with and without their channels.

use crate::fixture::image;
use crate::wheels::Zip;
use slimwright::base::ImagePath;
use slimwright::conda::{Answer, ChannelSettings, Channels, Contents, NewPackage, PackedFile, Record, Refusal, ask};
use slimwright::emit::Style;
use slimwright::facts::Survey;
use slimwright::fs::View;
use slimwright::image::{GapReason, Image};
use slimwright::plan::{Draft, Plan, PlanOptions};
use slimwright::prove;
use slimwright::rules;
use slimwright::rules::embedded;
use std::path::Path;

const CHANNEL: &str = "https://conda.example.org/forge";

/// A package of an environment: its record and its files.
fn package(prefix: &str, (name, version, build): (&str, &str, &str), more: &str, files: &[(&str, u64)]) -> String {
    let listed: Vec<String> = files.iter().map(|(path, _)| format!("\"{path}\"")).collect();
    let stem = format!("{name}-{version}-{build}");
    let record = format!(
        "{{\"name\":\"{name}\",\"version\":\"{version}\",\"build\":\"{build}\",\"channel\":\"{CHANNEL}/linux-64\",\
         \"subdir\":\"linux-64\",\"url\":\"{CHANNEL}/linux-64/{stem}.conda\",\"md5\":\"{:032x}\",{more}\"files\":[{}]}}",
        name.len(),
        listed.join(",")
    );
    let own = files.iter().filter(|(_, bytes)| *bytes > 0).map(|(path, bytes)| format!("f {prefix}/{path} {bytes}\n"));
    format!("f {prefix}/conda-meta/{stem}.json = {record}\n{}", own.collect::<String>())
}

/// An environment with a GPU build of PyTorch, what is asked for in more of it, and a distribution of pip's.
fn environment(prefix: &str, more: &str) -> String {
    let site = "lib/python3.11/site-packages";
    let python = package(
        prefix,
        ("python", "3.11.9", "h_0_cpython"),
        "\"depends\":[\"openssl >=3\"],\"requested_spec\":\"python=3.11\",",
        &[("bin/python3.11", 9_000_000), ("bin/python", 0), ("lib/python3.11/os.py", 39_000)],
    );
    let main = format!("{site}/pip/__main__.py");
    let pip = package(prefix, ("pip", "24.0", "pyh_0"), "\"depends\":[\"python\"],", &[(&main, 900)]);
    let openssl =
        package(prefix, ("openssl", "3.2.1", "h_1"), "", &[("lib/libssl.so.3", 4_000_000), ("lib/libssl.a", 0)]);
    let torch = package(
        prefix,
        ("pytorch", "2.3.0", "cuda120_py311h_300"),
        "\"depends\":[\"libcublas\",\"__cuda\",\"python >=3.11,<3.12.0a0\",\"libuv\"],\"requested_spec\":\"pytorch\",",
        &[("lib/libtorch_cuda.so", 90_000_000), ("share/torch.py", 5_000)],
    );
    let cublas = package(
        prefix,
        ("libcublas", "12.4.5", "h_2"),
        "\"depends\":[\"cuda-version >=12\",\"rdma-core\"],",
        &[("lib/libcublas.so.12", 60_000_000)],
    );
    let version = package(prefix, ("cuda-version", "12.4", "h_3"), "", &[("share/cuda-version", 100)]);
    let rdma = package(prefix, ("rdma-core", "51.0", "h_0"), "", &[("lib/librdma.so", 2_000_000)]);
    let uv = package(prefix, ("libuv", "1.48", "h_0"), "", &[("lib/libuv.so", 900_000)]);
    format!(
        "layer COPY {prefix}\n{python}{pip}l {prefix}/bin/python -> python3.11\n{openssl}{torch}{cublas}{version}{rdma}{uv}{more}\
         f {prefix}/conda-meta/history = ==> x <==\\n\n\
         f {prefix}/pkgs/pytorch-2.3.0-cuda120_py311h_300.conda 30000000\n\
         f {prefix}/etc/own.conf 30\n\
         empty CMD [\"bash\"]\n\
         layer RUN pip install six\n\
         f {prefix}/{site}/six.py 34000\n\
         f {prefix}/{site}/six-1.16.0.dist-info/METADATA = Name: six\\nVersion: 1.16.0\\n\n\
         f {prefix}/{site}/six-1.16.0.dist-info/RECORD = six.py,,34000\\nsix-1.16.0.dist-info/METADATA,,\\n\n\
         f {prefix}/{site}/six-1.16.0.dist-info/INSTALLER = pip\\n\n"
    )
}

fn on_debian(layers: &str, application: &str) -> Image {
    image(&format!(
        "layer ADD debian.tar /\nf etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\\n\nf bin/sh 100 mode=755\n\
         f bin/tar 400 mode=755\n{layers}layer COPY app\nf app/main.py = {application}\n\
         env PATH=/opt/conda/bin:/usr/bin:/bin\n"
    ))
}

type Files = Vec<(String, String)>;

fn planned(image: &Image, accept: &[&str], answers: Option<Vec<Answer>>) -> (Plan, Files) {
    let view = View::new(image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let rules = embedded();
    let findings = rules::evaluate(&facts, &rules);
    let accept = accept.iter().map(|&id| id.to_owned()).collect();
    let options = PlanOptions { ledger: true, accept, ..PlanOptions::default() };
    let draft = Draft::new(&facts, &findings, &rules, &options).unwrap();
    let draft = match answers {
        Some(answers) => draft.told(answers).unwrap(),
        None => draft,
    };
    prove::emitted(draft.intent(Vec::new()), Style::Pip)
}

fn file<'f>(files: &'f Files, name: &str) -> Option<&'f str> {
    files.iter().find(|(other, _)| other == name).map(|(_, text)| text.as_str())
}

fn has(plan: &Plan, path: &str) -> bool {
    View::new(&plan.predicted).get(path.as_bytes()).is_some()
}

fn record(name: &str, version: &str, build: &str, depends: &[&str]) -> Record {
    let file = format!("{name}-{version}-{build}.conda");
    Record {
        name: name.into(),
        version: version.into(),
        build: build.into(),
        depends: depends.iter().map(|&text| text.to_owned()).collect(),
        md5: Some("0123456789abcdef0123456789abcdef".into()),
        url: format!("{CHANNEL}/linux-64/{file}"),
        file,
        ..Record::default()
    }
}

fn new(record: Record, files: &[(&str, u64)]) -> NewPackage {
    let file = |(path, size): &(&str, u64)| PackedFile { path: (*path).into(), size: *size, ..PackedFile::default() };
    let contents = Contents { files: files.iter().map(file).collect(), ..Contents::default() };
    NewPackage { record, contents: Ok(contents) }
}

#[test]
fn with_what_its_channel_has_an_environment_is_locked_for_the_cpu() {
    let image = on_debian(&environment("opt/conda", ""), "import six");
    let torch = record("pytorch", "2.3.0", "cpu_py311h_0", &["python >=3.11,<3.12.0a0", "libuv", "sleef"]);
    let answer = vec![
        new(torch, &[("lib/libtorch_cpu.so", 40_000_000), ("share/torch.py", 5_000)]),
        new(record("sleef", "3.6", "h_0", &[]), &[("lib/libsleef.so", 500_000)]),
    ];
    let (plan, files) = planned(&image, &[], Some(vec![Ok(answer)]));
    assert!(plan.predicted.gaps.is_empty(), "{:#?}", plan.predicted.gaps);
    let lock = file(&files, "conda-linux-64.lock").unwrap();
    let archives: Vec<&str> = lock.lines().filter(|line| line.starts_with("https://")).collect();
    let place = |rest: &str| format!("{CHANNEL}/linux-64/{rest}");
    let expected = [
        place("python-3.11.9-h_0_cpython.conda#00000000000000000000000000000006"),
        place("libuv-1.48-h_0.conda#00000000000000000000000000000005"),
        place("openssl-3.2.1-h_1.conda#00000000000000000000000000000007"),
        place("pip-24.0-pyh_0.conda#00000000000000000000000000000003"),
        place("pytorch-2.3.0-cpu_py311h_0.conda#0123456789abcdef0123456789abcdef"),
        place("sleef-3.6-h_0.conda#0123456789abcdef0123456789abcdef"),
    ];
    assert_eq!(archives, expected);
    assert!(lock.contains("@EXPLICIT\n"));
    let list = file(&files, "environment.yml").unwrap();
    assert!(
        list.contains("- pytorch=2.3.0=cpu_py311h_0  # *  # instead of pytorch 2.3.0 cuda120_py311h_300\n"),
        "{list}"
    );
    for (path, there) in [
        ("opt/conda/lib/libtorch_cpu.so", true),
        ("opt/conda/lib/libsleef.so", true),
        ("opt/conda/lib/libssl.so.3", true),
        ("opt/conda/bin/python3.11", true),
        ("opt/conda/etc/own.conf", true),
        ("opt/conda/lib/python3.11/site-packages/six.py", true),
        ("opt/conda/lib/libtorch_cuda.so", false),
        ("opt/conda/lib/libcublas.so.12", false),
        ("opt/conda/lib/librdma.so", false),
        ("opt/conda/conda-meta/libcublas-12.4.5-h_2.json", false),
    ] {
        assert_eq!(has(&plan, path), there, "{path}");
    }
    assert!(View::new(&plan.predicted).iter().all(|(path, _)| !path.starts_with(b"opt/conda/pkgs")));
    let action = plan.actions.iter().find(|action| action.rule == "conda-gpu-builds").unwrap();
    assert!((152_000_000..152_010_000).contains(&action.removed), "{action:?}");
    assert!((40_500_000..40_510_000).contains(&action.added), "{action:?}");
    // What both builds have is not left to anybody.
    assert!(plan.skipped.iter().all(|skipped| skipped.rule != "conda-gpu-builds"), "{:?}", plan.skipped);
    let dockerfile = file(&files, "Dockerfile").unwrap();
    // pip's part comes by pip, and what was removed behind the installation is removed again.
    assert!(file(&files, "requirements.txt").unwrap().contains("six==1.16.0"));
    assert!(dockerfile.contains("FROM conda AS build") && dockerfile.contains("-name '*.a' -delete"), "{dockerfile}");
    assert!(plan.notes.iter().all(|note| !note.starts_with("lost")), "{:?}", plan.notes);
}

#[test]
fn without_a_channel_the_solver_gets_what_stays_and_what_comes_is_not_known() {
    let image = on_debian(&environment("opt/conda", ""), "import six");
    for answers in [None, Some(vec![Err(Refusal::Unasked("no server answers".into()))])] {
        let why = if answers.is_some() { "no server answers" } else { "no channel was asked" };
        let (plan, files) = planned(&image, &[], answers);
        assert_eq!(file(&files, "conda-linux-64.lock"), None);
        let list = file(&files, "environment.yml").unwrap();
        for line in
            ["- pytorch=2.3.0=*cpu*", "- python=3.11.9=h_0_cpython", "- openssl=3.2.1=h_1", &format!("- {CHANNEL}\n")]
        {
            assert!(list.contains(line), "{line}: {list}");
        }
        assert!(!list.contains("libcublas=") && !list.contains("cuda-version="), "{list}");
        let gaps: Vec<_> = plan.predicted.gaps.iter().map(|gap| (gap.command.as_str(), gap.why.clone())).collect();
        assert_eq!(gaps, [("pytorch, built for the CPU", GapReason::CondaPackage(why.to_owned()))]);
        assert!(!has(&plan, "opt/conda/lib/libcublas.so.12") && has(&plan, "opt/conda/lib/libssl.so.3"));
        assert!(
            plan.notes.iter().any(|note| note.contains("pytorch") && note.contains("not known")),
            "{:?}",
            plan.notes
        );
    }
}

#[test]
fn where_no_build_goes_with_what_stays_the_environment_is_copied_as_it_is() {
    let image = on_debian(&environment("opt/conda", ""), "import six");
    let refused = Err(Refusal::Nothing("no build of pytorch 2.3.0 that goes with what stays".into()));
    let (plan, files) = planned(&image, &[], Some(vec![refused]));
    assert!(has(&plan, "opt/conda/lib/libcublas.so.12") && plan.predicted.gaps.is_empty());
    assert_eq!(file(&files, "environment.yml"), None);
    let left = plan.skipped.iter().find(|skipped| skipped.rule == "conda-gpu-builds").unwrap();
    assert!(left.reason.contains("no build of pytorch 2.3.0"), "{left:?}");
}

#[test]
fn what_has_no_build_for_the_cpu_and_is_asked_for_keeps_the_environment() {
    let cupy = package(
        "opt/conda",
        ("cupy", "13.0", "py311h_0"),
        "\"requested_spec\":\"cupy\",",
        &[("lib/cupy.so", 9_000_000)],
    );
    let (plan, files) = planned(&on_debian(&environment("opt/conda", &cupy), "import six"), &[], None);
    assert_eq!(file(&files, "environment.yml"), None);
    let left = plan.skipped.iter().find(|skipped| skipped.rule == "conda-gpu-builds").unwrap();
    assert!(left.reason.contains("cupy has no build for the CPU"), "{left:?}");
}

#[test]
fn an_application_that_asks_for_a_gpu_is_asked_about_first() {
    let image = on_debian(&environment("opt/conda", ""), "import torch\\ntorch.zeros(1, device='cuda:0')\\n");
    let (plan, files) = planned(&image, &[], None);
    assert_eq!(file(&files, "environment.yml"), None);
    let left = plan.skipped.iter().find(|skipped| skipped.rule == "conda-gpu-builds").unwrap();
    assert!(left.reason.contains("--accept conda-gpu-builds"), "{left:?}");
    let (_, files) = planned(&image, &["conda-gpu-builds"], None);
    assert!(file(&files, "environment.yml").is_some());
}

#[test]
fn where_only_cudas_libraries_go_no_channel_has_to_be_asked() {
    let layers = environment("opt/conda", "");
    // Nothing in it is a GPU's build: CUDA's libraries were asked for by themselves.
    let layers = layers.replace("cuda120_py311h_300", "cpu_py311h_0").replace("\"libcublas\",\"__cuda\",", "");
    let layers =
        layers.replace("\"depends\":[\"cuda-version", "\"requested_spec\":\"libcublas\",\"depends\":[\"cuda-version");
    let (plan, files) = planned(&on_debian(&layers, "import six"), &[], None);
    assert!(plan.predicted.gaps.is_empty(), "{:?}", plan.predicted.gaps);
    let lock = file(&files, "conda-linux-64.lock").unwrap();
    assert!(lock.contains("pytorch-2.3.0-cpu_py311h_0.conda#") && !lock.contains("libcublas"), "{lock}");
    assert!(!has(&plan, "opt/conda/lib/libcublas.so.12") && has(&plan, "opt/conda/lib/libtorch_cuda.so"));
}

#[test]
fn each_of_several_environments_has_a_list_of_its_own() {
    let layers = environment("opt/conda", "") + &environment("opt/conda/envs/train", "");
    let (plan, files) = planned(&on_debian(&layers, "import six"), &[], None);
    let prefixes: Vec<String> = plan.conda.iter().map(|environment| environment.prefix.to_string()).collect();
    assert_eq!(prefixes, ["/opt/conda", "/opt/conda/envs/train"]);
    assert!(file(&files, "environment-train.yml").is_some() && file(&files, "environment-conda.yml").is_some());
    assert!(
        has(&plan, "opt/conda/envs/train/lib/libssl.so.3") && !has(&plan, "opt/conda/envs/train/lib/libcublas.so.12")
    );
    assert!(has(&plan, "opt/conda/lib/libssl.so.3") && !has(&plan, "opt/conda/lib/libcublas.so.12"));
    // One is in the other, and comes with it.
    let dockerfile = file(&files, "Dockerfile").unwrap();
    assert_eq!(dockerfile.matches("COPY --from=conda").count(), 1, "{dockerfile}");
    assert!(plan.notes.iter().all(|note| !note.starts_with("lost")), "{:?}", plan.notes);
}

#[test]
fn where_the_environment_has_no_pip_what_pip_installed_is_copied() {
    let layers = environment("opt/conda", "").replace("\"name\":\"pip\"", "\"name\":\"tip\"");
    let (plan, files) = planned(&on_debian(&layers, "import six"), &[], None);
    assert!(plan.pins.is_empty() && has(&plan, "opt/conda/lib/python3.11/site-packages/six.py"));
    assert!(!file(&files, "Dockerfile").unwrap().contains("AS build"));
    assert_eq!(plan.predicted.gaps.len(), 1, "{:?}", plan.predicted.gaps);
}

/// A package of a channel: what its archive is called, the number of its build, what it needs, and its files.
type Offered<'o> = (&'o str, u64, &'o [&'o str], &'o [(&'o str, u64)]);

/// A channel in a folder.
fn channel(folder: &Path, packages: &[Offered<'_>]) {
    let place = folder.join("linux-64");
    std::fs::create_dir_all(&place).unwrap();
    let mut rows = Vec::new();
    for (stem, number, depends, files) in packages {
        let mut parts = stem.rsplitn(3, '-');
        let (build, version, name) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let paths: Vec<_> = files
            .iter()
            .map(|(path, size)| serde_json::json!({"_path": path, "path_type": "hardlink", "size_in_bytes": size}))
            .collect();
        let paths = serde_json::json!({"paths_version": 1, "paths": paths}).to_string();
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(paths.len() as u64);
        tar.append_data(&mut header, "info/paths.json", paths.as_bytes()).unwrap();
        let info = zstd::encode_all(&tar.into_inner().unwrap()[..], 3).unwrap();
        let info_name = format!("info-{stem}.tar.zst");
        let archive = Zip::new(false).file("metadata.json", b"{}").file(&info_name, &info).finish(b"");
        let size = archive.len();
        std::fs::write(place.join(format!("{stem}.conda")), archive).unwrap();
        rows.push((
            format!("{stem}.conda"),
            serde_json::json!({"name": name, "version": version, "build": build, "build_number": number, "depends": depends,
                "size": size, "md5": "ffffffffffffffffffffffffffffffff", "sha256": "00"}),
        ));
    }
    let rows: serde_json::Map<String, serde_json::Value> = rows.into_iter().collect();
    let list =
        serde_json::json!({"info": {"subdir": "linux-64"}, "packages": {}, "packages.conda": rows, "removed": []});
    std::fs::write(place.join("repodata.json.zst"), zstd::encode_all(list.to_string().as_bytes(), 3).unwrap()).unwrap();
}

#[test]
fn a_channel_that_the_users_settings_name_tells_builds_and_what_they_unpack_to() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("forge");
    channel(
        &folder,
        &[
            ("pytorch-2.3.0-cuda120_py311h_301", 301, &["python >=3.11,<3.12.0a0", "libcublas"], &[]),
            ("pytorch-2.3.0-cpu_py311h_0", 0, &["python >=3.11,<3.12.0a0"], &[]),
            (
                "pytorch-2.3.0-cpu_py311h_1",
                1,
                &["python >=3.11,<3.12.0a0", "sleef >=3.5"],
                &[("lib/libtorch_cpu.so", 41_000_000)],
            ),
            ("pytorch-2.3.0-cpu_py312h_9", 9, &["python >=3.12,<3.13.0a0"], &[]),
            ("sleef-3.6-h_0", 0, &["__glibc >=2.17"], &[("lib/libsleef.so", 500_000)]),
            ("sleef-3.4-h_0", 0, &[], &[]),
        ],
    );
    let image = on_debian(&environment("opt/conda", ""), "import six");
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let rules = embedded();
    let findings = rules::evaluate(&facts, &rules);
    let options = PlanOptions::default();
    let draft = Draft::new(&facts, &findings, &rules, &options).unwrap();
    let questions = draft.questions();
    assert_eq!(questions.len(), 1);
    let settings =
        ChannelSettings { channels: vec![format!("file://{}", folder.display())], ..ChannelSettings::default() };
    let channels = Channels::new(slimwright::wheel::Options::default()).unwrap();
    let answer = ask(&questions[0], &settings, &channels);
    let found: Vec<(String, u64)> = answer
        .clone()
        .unwrap()
        .iter()
        .map(|package| {
            (package.record.file.clone(), package.contents.as_ref().unwrap().files.iter().map(|f| f.size).sum())
        })
        .collect();
    assert_eq!(
        found,
        [("pytorch-2.3.0-cpu_py311h_1.conda".to_owned(), 41_000_000), ("sleef-3.6-h_0.conda".to_owned(), 500_000)]
    );
    let (plan, files) = prove::emitted(draft.told(vec![answer]).unwrap().intent(Vec::new()), Style::Pip);
    assert!(plan.predicted.gaps.is_empty(), "{:?}", plan.predicted.gaps);
    // The build reads the channel where the environment had it from, not a folder of this machine.
    let lock = file(&files, "conda-linux-64.lock").unwrap();
    assert!(
        lock.contains(&format!("{CHANNEL}/linux-64/pytorch-2.3.0-cpu_py311h_1.conda#ffffffffffffffffffffffffffffffff")),
        "{lock}"
    );
    assert!(has(&plan, "opt/conda/lib/libtorch_cpu.so"));
    // Nobody is asked whom neither the user names nor everybody knows.
    let refused = ask(&questions[0], &ChannelSettings::default(), &channels);
    assert!(matches!(&refused, Err(Refusal::Unasked(why)) if why.contains("CONDA_CHANNELS")), "{refused:?}");
}

#[test]
fn a_channel_that_cannot_be_read_is_no_answer() {
    let image = on_debian(&environment("opt/conda", ""), "import six");
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let rules = embedded();
    let findings = rules::evaluate(&facts, &rules);
    let options = PlanOptions::default();
    let question = Draft::new(&facts, &findings, &rules, &options).unwrap().questions().remove(0);
    let channels = || Channels::new(slimwright::wheel::Options::default()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("forge");
    let settings =
        ChannelSettings { channels: vec![format!("file://{}", folder.display())], ..ChannelSettings::default() };
    let said = |what: &str| match ask(&question, &settings, &channels()) {
        Err(Refusal::Unasked(why)) => assert!(why.contains(what), "{why}"),
        other => panic!("{other:?}"),
    };
    said("no list of packages");
    std::fs::create_dir_all(folder.join("linux-64")).unwrap();
    for (text, what) in [
        ("[]", "expected the list"),
        ("{\"packages\": 3}", "expected the list"),
        ("{\"packages\": {", "expected the list"),
    ] {
        std::fs::write(folder.join("linux-64/repodata.json"), text).unwrap();
        said(what);
    }
    std::fs::write(folder.join("linux-64/repodata.json"), "{\"packages\": {}}").unwrap();
    assert!(matches!(ask(&question, &settings, &channels()), Err(Refusal::Nothing(_))));
    // A package whose archive cannot be read is one of which it is not known what it brings.
    let row = "{\"packages.conda\": {\"pytorch-2.3.0-cpu_py311h_0.conda\": {\"name\":\"pytorch\",\"version\":\"2.3.0\",\"build\":\"cpu_py311h_0\"}}}";
    std::fs::write(folder.join("linux-64/repodata.json"), row).unwrap();
    let answer = ask(&question, &settings, &channels());
    assert!(answer.as_ref().unwrap()[0].contents.is_err());
    let (plan, files) = planned(&image, &[], Some(vec![answer]));
    assert!(file(&files, "conda-linux-64.lock").is_some());
    assert!(matches!(plan.predicted.gaps[0].why, GapReason::CondaPackage(_)), "{:?}", plan.predicted.gaps);
}

#[test]
fn an_environment_of_the_base_stays_the_bases() {
    let image = on_debian(&environment("opt/conda", ""), "import six");
    let mut image = image;
    image.config.labels.insert("org.opencontainers.image.base.name".into(), "registry.example.org/conda:1".into());
    let (plan, files) = planned(&image, &[], None);
    assert_eq!((file(&files, "environment.yml"), plan.base.name.as_str()), (None, "registry.example.org/conda:1"));
    let left = plan.skipped.iter().find(|skipped| skipped.rule == "conda-gpu-builds").unwrap();
    assert!(left.reason.contains("/opt/conda is the base image's"), "{left:?}");
    assert!(plan.predicted.unpacked() > 0 && ImagePath::from("opt/conda").as_bytes() == b"opt/conda");
}
