//! Images of the families that people have: whose their files are, and a plan that builds.

use crate::fixture::image;
use slimwright::base::Id;
use slimwright::context::{self, Base, ContextOptions, KnownPackages, Outside};
use slimwright::dockerfile::{Dockerfile, Kind};
use slimwright::emit::Style;
use slimwright::facts::{Owners, Survey, why_package};
use slimwright::fs::{Owner, View};
use slimwright::image::{GapReason, Image, Packages};
use slimwright::index::{Files, Request, RequestError, Resolution};
use slimwright::os::OsInventory;
use slimwright::ospackages::{Installation, PackageRequest, Repositories, RepositoryError, Sources};
use slimwright::plan::{Draft, Plan, PlanOptions};
use slimwright::prove::Evidence;
use slimwright::python::PythonPart;
use slimwright::rules::embedded;
use slimwright::wheel::Platform;
use slimwright::{prove, rules};

/// An image laid out as the official ones of Python are: its own Python in `/usr/local`, in the base, without bytecode.
fn official(above: &str) -> Image {
    let base = "layer ADD rootfs.tar /
        f etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\\n
        f bin/sh 100 mode=755
        f bin/tar 400 mode=755
        d etc
        f etc/passwd 900
        d tmp mode=1777
        d usr/local
        layer RUN build python
        f usr/local/bin/python3.11 14000 mode=755
        l usr/local/bin/python3 -> python3.11
        f usr/local/bin/pydoc3.11 80
        f usr/local/bin/python3.11-config 3000
        f usr/local/lib/libpython3.11.so.1.0 5000000
        f usr/local/lib/python3.11/os.py 39000
        f usr/local/lib/python3.11/json/__init__.py 14000
        f usr/local/lib/python3.11/ensurepip/_bundled/pip.whl 2000000
        f usr/local/lib/python3.11/idlelib/idle.py 400
        f usr/local/lib/python3.11/lib-dynload/_ssl.cpython-311-x86_64-linux-gnu.so 170000
        f usr/local/lib/python3.11/config-3.11-x86_64-linux-gnu/Makefile 80000
        f usr/local/include/python3.11/Python.h 2800
        f usr/local/lib/python3.11/site-packages/README.txt 119
        f usr/local/lib/python3.11/site-packages/pip/__init__.py 350
        f usr/local/lib/python3.11/site-packages/pip-24.0.dist-info/METADATA = Name: pip\\nVersion: 24.0\\n
        f usr/local/lib/python3.11/site-packages/pip-24.0.dist-info/RECORD = pip/__init__.py,,350\\npip-24.0.dist-info/METADATA,,\\n
        empty CMD [\"python3\"]
        env PYTHON_VERSION=3.11.9
        env PYTHON_SHA256=9b
        env PATH=/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n";
    image(&format!("{base}{above}"))
}

fn planned(image: &Image) -> (Plan, Vec<(String, String)>) {
    planned_without(image, &[])
}

fn planned_without(image: &Image, skip: &[&str]) -> (Plan, Vec<(String, String)>) {
    let skip = skip.iter().map(|&id| id.to_owned()).collect();
    let view = View::new(image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let rules = embedded();
    let findings = rules::evaluate(&facts, &rules);
    let options = PlanOptions { ledger: true, skip, ..PlanOptions::default() };
    prove::emitted(Draft::new(&facts, &findings, &rules, &options).unwrap().intent(Vec::new()), Style::Pip)
}

fn text<'f>(files: &'f [(String, String)], name: &str) -> &'f str {
    files.iter().find(|(other, _)| other == name).map(|(_, text)| text.as_str()).unwrap_or_default()
}

/// How many layers an emitted Dockerfile has of its own.
fn layers(text: &str) -> usize {
    let file = Dockerfile::parse(text).unwrap();
    let last = file.stages.len() - 1;
    let makes = |position: &usize| matches!(file.instructions[*position].kind, Kind::Run(_) | Kind::Copy(_));
    // `runtime-base`, which the last stage is made of, too.
    let runtime = file.stage("runtime-base").unwrap();
    let all = file.instructions_of(runtime).into_iter().chain(file.instructions_of(last));
    all.filter(makes).count()
}

#[test]
fn what_a_python_of_nobody_brings_is_its_own_with_its_parts() {
    let written = "layer RUN python -c 'import json'
        f usr/local/lib/python3.11/__pycache__/os.cpython-311.pyc 17000
        f usr/local/lib/python3.11/json/__pycache__/__init__.cpython-311.pyc 6000
        f usr/local/lib/python3.11/sitecustomize.py 40
        f usr/local/lib/python3.11/mine/__init__.py 30
        layer COPY patches
        f usr/local/lib/python3.11/asyncio/base_events.py 70000\n";
    let image = official(written);
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let owners = Owners::new(&view, &survey.python, &survey.os);
    let [python] = survey.python.interpreters.list.as_slice() else { panic!("one Python") };
    assert_eq!((python.title().as_str(), python.prefix.to_string().as_str()), ("Python 3.11", "/usr/local"));
    let lib = "usr/local/lib/python3.11";
    for (path, layer, owner) in [
        (&*format!("{lib}/os.py"), 1, Owner::Interpreter(0)),
        (&format!("{lib}/__pycache__/os.cpython-311.pyc"), 2, Owner::Interpreter(0)),
        (&format!("{lib}/json/__pycache__/__init__.cpython-311.pyc"), 2, Owner::Interpreter(0)),
        (&format!("{lib}/site-packages/README.txt"), 1, Owner::Interpreter(0)),
        (&format!("{lib}/site-packages/pip/__init__.py"), 1, Owner::Distribution(Id::at(0))),
        ("usr/local/bin/python3", 1, Owner::Interpreter(0)),
        // What users put there is theirs: other names, and what takes the place of a module later.
        (&format!("{lib}/sitecustomize.py"), 2, Owner::Application),
        (&format!("{lib}/mine/__init__.py"), 2, Owner::Application),
        (&format!("{lib}/asyncio/base_events.py"), 3, Owner::Application),
    ] {
        assert_eq!(owners.of(path.as_bytes(), layer), owner, "{path}");
    }
    let part = |part| python.parts.get(&part).copied().unwrap_or_default();
    assert_eq!(part(PythonPart::StandardLibrary), 39_000 + 14_000);
    assert_eq!(part(PythonPart::Bytecode), 17_000 + 6_000);
    assert_eq!(part(PythonPart::ExtensionModules), 170_000);
    assert_eq!(part(PythonPart::Interpreter), 5_014_000);
    assert_eq!(part(PythonPart::Ensurepip), 2_000_000);
    assert_eq!(part(PythonPart::Idle), 480);
    assert_eq!(part(PythonPart::Development), 80_000 + 2_800 + 3_000);
    assert_eq!(survey.summary.owners[&Owner::Interpreter(0)].0, python.bytes(), "the ledger counts the same");
}

#[test]
fn bytecode_of_the_standard_library_is_made_again_and_never_copied() {
    let names = (0..200).map(|n| format!("f usr/local/lib/python3.11/m{n}/__pycache__/a.cpython-311.pyc 900\n"));
    let sources = (0..200).map(|n| format!("f usr/local/lib/python3.11/m{n}/a.py 2000\n"));
    // Modules by names of the standard library, in as many folders.
    let real = ["json", "email", "asyncio", "http", "urllib", "xml", "logging", "importlib"];
    let bytecode: String = (real.iter())
        .map(|name| format!("f usr/local/lib/python3.11/{name}/__pycache__/x{name}.cpython-311.pyc 900\n"))
        .collect();
    let image = official(&format!("layer RUN pip install x\n{bytecode}f app/main.py = import json\\n\n"));
    let (plan, files) = planned(&image);
    let dockerfile = text(&files, "Dockerfile");
    assert!(!dockerfile.contains("__pycache__"), "{dockerfile}");
    assert!(plan.predicted.gaps.is_empty(), "{:?}", plan.predicted.gaps);
    assert_eq!(image.unpacked() - plan.predicted.unpacked(), 900 * real.len() as u64);
    let kinds: Vec<&str> = plan.actions.iter().flat_map(|action| &action.evidence).map(String::as_str).collect();
    assert!(kinds.iter().any(|line| line.contains("bytecode of Python 3.11")), "{kinds:?}");
    // What is the application's own stays its own.
    let own: String = sources.chain(names).collect();
    let (_, files) = planned(&official(&format!("layer COPY modules\n{own}")));
    assert!(layers(text(&files, "Dockerfile")) <= 40);
}

#[test]
fn what_a_later_layer_writes_again_as_it_is_in_the_base_is_not_copied() {
    let again = "layer COPY --from=builder /usr/local /usr/local
        f usr/local/lib/libpython3.11.so.1.0 5000000
        f usr/local/bin/pydoc3.11 80
        f usr/local/bin/service 700 mode=755\n";
    let (plan, files) = planned(&official(again));
    let dockerfile = text(&files, "Dockerfile");
    assert!(dockerfile.contains("/usr/local/bin/service") && !dockerfile.contains("libpython"), "{dockerfile}");
    assert_eq!(plan.copies.iter().map(|item| item.bytes).sum::<u64>(), 700);
}

/// Files, links and folders in very many places, with owners and modes of their own.
fn scattered(count: usize) -> String {
    let mut out = "layer RUN scatter\nd tmp mode=1777\nf tmp/left 5\n".to_owned();
    for n in 0..count {
        let (uid, mode) = (n % 3 * 1000, if n % 2 == 0 { "640" } else { "755" });
        out.push_str(&format!(
            "d opt/p{n} uid={uid} mode=750\nf opt/p{n}/keep.conf {} uid={uid} mode={mode}\n",
            100 + n
        ));
        out.push_str(&format!(
            "f opt/p{n}/cache.pyc.tmp 10 undigested\nl srv/links/l{n} -> ../../opt/p{n}/keep.conf\n"
        ));
        // Beside something of the base's or a package's, so that no folder is copied as a whole.
        out.push_str(&format!("f usr/share/x{}/own{n} 7\nf etc/part{n}.conf 9\n", n % 7));
    }
    out.push_str("h opt/p0/same.conf -> opt/p0/keep.conf\n");
    out
}

#[test]
fn what_is_scattered_comes_in_few_layers_and_is_predicted_to_the_byte() {
    for count in [1, 5, 30, 400] {
        let image = official(&scattered(count));
        let (plan, files) = planned(&image);
        let dockerfile = text(&files, "Dockerfile");
        assert!(layers(dockerfile) <= 40, "{count}: {dockerfile}");
        assert!(plan.predicted.gaps.is_empty(), "{count}: {:?}", plan.predicted.gaps);
        assert!(plan.notes.iter().all(|note| !note.starts_with("lost")), "{count}: {:?}", plan.notes);
        assert_eq!(plan.picked.is_some(), count > 5, "{count}");
        let (before, after) = (View::new(&image), View::new(&plan.predicted));
        let is_one = |(path, node): &(&[u8], slimwright::fs::Node)| {
            let is_file = before.entry(node.entry).kind != slimwright::layer::EntryKind::Directory;
            is_file && (path.starts_with(b"opt/p") || path.starts_with(b"srv/"))
        };
        for (path, node) in before.iter().filter(is_one) {
            let shown = String::from_utf8_lossy(path);
            let found = after.get(path).unwrap_or_else(|| panic!("{count}: {shown} is gone"));
            let (old, new) = (before.entry(node.entry), after.entry(found.entry));
            assert_eq!(before.size(node), after.size(found), "{shown}");
            if plan.picked.is_some() && old.kind == slimwright::layer::EntryKind::File {
                assert_eq!((old.uid, old.gid, old.mode), (new.uid, new.gid, new.mode), "{count}: {shown}");
            }
        }
    }
}

#[test]
fn the_list_names_each_folder_above_and_the_stage_runs_as_root() {
    let mut image = official(&scattered(60));
    image.config.user = "service".into();
    let (_, files) = planned(&image);
    let (dockerfile, list) = (text(&files, "Dockerfile"), text(&files, "copied-files.txt"));
    let lines: Vec<&str> = list.lines().collect();
    for line in &lines {
        assert!(line.starts_with("./") && !line.contains('\\'), "{line}");
        if let Some((above, _)) = line[2..].rsplit_once('/') {
            assert!(lines.contains(&&*format!("./{above}")), "{above} is listed, so that it keeps its mode");
        }
    }
    let pick = dockerfile.split("AS pick").nth(1).unwrap();
    assert!(pick.starts_with("\n") && pick.find("USER root") < pick.find("RUN ["), "{pick}");
    assert!(dockerfile.contains("COPY --from=pick /slimwright/picked/ /\n"), "{dockerfile}");
}

#[test]
fn an_original_without_a_shell_is_picked_from_by_the_base() {
    let image = official(&format!("{}layer RUN rm /bin/tar\nw bin/tar\n", scattered(60)));
    let (plan, files) = planned(&image);
    let picked = plan.picked.as_ref().unwrap();
    assert!(!picked.in_original);
    let dockerfile = text(&files, "Dockerfile");
    assert!(
        dockerfile.contains("FROM runtime-base AS pick") && dockerfile.contains("COPY --from=original / "),
        "{dockerfile}"
    );
    assert!(plan.predicted.gaps.is_empty(), "{:?}", plan.predicted.gaps);
    assert!(View::new(&plan.predicted).get(b"opt/p59/keep.conf").is_some());
}

/// dpkg's status and lists of packages: name, and the one file of each.
fn dpkg(packages: &[(&str, &str)]) -> String {
    let stanza = |(name, _): &(&str, &str)| {
        let essential = if *name == "base-files" { "Essential: yes\\n" } else { "" };
        let depends = if *name == "python3" { "Depends: python3-minimal, python3.11-minimal\\n" } else { "" };
        format!(
            "Package: {name}\\nStatus: install ok installed\\nVersion: 1\\nArchitecture: amd64\\n{essential}{depends}\\n"
        )
    };
    let status: String = packages.iter().map(stanza).collect();
    let lists = packages.iter().map(|(name, file)| format!("f var/lib/dpkg/info/{name}.list = /{file}\\n\n"));
    format!("f var/lib/dpkg/status = {status}\n{}", lists.collect::<String>())
}

/// A service on an image of NVIDIA's, whose Python apt installed.
fn on_cuda(service: &str) -> Image {
    let system = [("base-files", "etc/debian_version")];
    let cuda = [("libcublas-12-4", "usr/local/cuda-12.4/lib64/libcublas.so.12"), ("libnccl2", "usr/lib/libnccl.so.2")];
    let python = [
        ("python3", "usr/bin/py3compile"),
        ("python3-minimal", "usr/bin/python3"),
        ("python3-pip", "usr/bin/pip3"),
        ("python3.11-minimal", "usr/bin/python3.11"),
    ];
    let all = |parts: &[&[(&str, &str)]]| dpkg(&parts.concat().iter().map(|(a, b)| (&**a, &**b)).collect::<Vec<_>>());
    let mut image = image(&format!(
        "layer ADD ubuntu.tar /
         f usr/lib/os-release = ID=ubuntu\\nVERSION_ID=\"22.04\"\\nVERSION_CODENAME=jammy\\n
         f etc/debian_version 13
         f bin/sh 100 mode=755
         f bin/tar 400 mode=755
         {}
         layer RUN apt-get install -y cuda
         f usr/local/cuda-12.4/lib64/libcublas.so.12 400000000
         f usr/lib/libnccl.so.2 90000000
         f usr/local/cuda-12.4/version.json 3000
         f opt/nvidia/nvidia_entrypoint.sh 900 mode=755
         {}
         empty ENTRYPOINT [\"/opt/nvidia/nvidia_entrypoint.sh\"]
         layer RUN apt-get install -y python3
         f usr/bin/python3.11 6000000 mode=755
         f usr/bin/py3compile 12000
         f usr/bin/pip3 200
         l usr/bin/python3 -> python3.11
         {}
         f var/lib/apt/extended_states = Package: python3.11-minimal\\nArchitecture: amd64\\nAuto-Installed: 1\\n\\nPackage: python3\\nArchitecture: amd64\\nAuto-Installed: 1\\n\\n
         layer RUN pip install six
         f usr/local/lib/python3.11/dist-packages/six.py 34000
         f usr/local/lib/python3.11/dist-packages/six-1.16.0.dist-info/METADATA = Name: six\\nVersion: 1.16.0\\n
         f usr/local/lib/python3.11/dist-packages/six-1.16.0.dist-info/RECORD = six.py,,34000\\nsix-1.16.0.dist-info/METADATA,,\\n
         f usr/local/lib/python3.11/dist-packages/six-1.16.0.dist-info/INSTALLER = pip\\n
         {service}
         env NVIDIA_VISIBLE_DEVICES=all
         env NV_CUDA_CUDART_VERSION=12.4.127-1
         env NV_CUDA_LIB_VERSION=12.4.1-1
         env CUDA_VERSION=12.4.1
         env PATH=/usr/local/nvidia/bin:/usr/local/cuda/bin:/usr/local/bin:/usr/bin:/bin
         env LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64
         env SERVICE=1",
        all(&[&system]),
        all(&[&system, &cuda]),
        all(&[&system, &cuda, &python]),
    ));
    image.config.entrypoint = Some(vec!["/opt/nvidia/nvidia_entrypoint.sh".into()]);
    image.config.cmd = Some(vec!["python3".into(), "/app/main.py".into()]);
    image.config.labels.insert("com.nvidia.cudnn.version".into(), "9".into());
    image
}

#[test]
fn without_cuda_the_distribution_is_the_base_and_nothing_of_cuda_stays() {
    let image = on_cuda("layer COPY app\nf app/main.py = import six\\n\n");
    let (plan, files) = planned(&image);
    assert_eq!((&*plan.base.name, plan.base.layers), ("ubuntu:22.04", 1));
    let dockerfile = text(&files, "Dockerfile");
    for gone in ["NVIDIA", "CUDA", "cuda", "nvidia", "LD_LIBRARY_PATH"] {
        assert!(!dockerfile.split("FROM runtime-base\n").nth(1).unwrap().contains(gone), "{gone}: {dockerfile}");
    }
    assert!(dockerfile.contains("PATH=\"/usr/local/bin:/usr/bin:/bin\"") && dockerfile.contains("SERVICE=\"1\""));
    // The interpreter came in for nobody who asked: it is installed because the application runs with it.
    assert!(plan.system.iter().any(|package| package.name == "python3"), "{:?}", plan.system);
    let after = View::new(&plan.predicted);
    assert!(after.iter().all(|(path, _)| !path.starts_with(b"usr/local/cuda") && !path.ends_with(b"libnccl.so.2")));
    assert!(after.get(b"usr/bin/python3.11").is_some() && after.get(b"app/main.py").is_some());
    assert!(plan.predicted.gaps.is_empty(), "{:?}", plan.predicted.gaps);
    assert_eq!(plan.predicted.config.entrypoint, None);
    assert_eq!(plan.predicted.config.cmd, image.config.cmd);
    let cuda = plan.actions.iter().find(|action| action.rule == "gpu-system-packages").unwrap();
    assert!(cuda.removed >= 490_000_000, "{cuda:?}");
    let rules: Vec<&str> = plan.dropped_system.iter().map(|gone| gone.rule.as_str()).collect();
    assert_eq!(rules, ["gpu-system-packages", "gpu-system-packages"]);
}

#[test]
fn where_something_uses_a_gpu_nvidias_image_stays_the_base() {
    let image = on_cuda("layer COPY app\nf app/main.py = import torch\\ntorch.cuda.synchronize()\\n\n");
    let (plan, files) = planned(&image);
    assert_eq!((&*plan.base.name, plan.base.layers), ("nvidia/cuda:12.4.1-runtime-ubuntu22.04", 2));
    let dockerfile = text(&files, "Dockerfile");
    assert!(dockerfile.contains("NVIDIA_VISIBLE_DEVICES=\"all\""), "{dockerfile}");
    assert_eq!(plan.predicted.config.entrypoint, image.config.entrypoint);
    assert!(View::new(&plan.predicted).get(b"usr/lib/libnccl.so.2").is_some());
    // What is built on an image of theirs that sets the entry point is theirs too, where it takes their variables.
    let mut image = image;
    let rows = image.config.history.iter_mut().filter(|row| !row.empty_layer);
    rows.skip(2)
        .take(1)
        .for_each(|row| row.created_by = "RUN apt-get install -y ${NV_CUDNN_PACKAGE} # buildkit".into());
    assert_eq!(planned(&image).0.base.layers, 3);
    let left = plan.skipped.iter().find(|skipped| skipped.rule == "gpu-system-packages").unwrap();
    assert!(left.reason.contains("--accept gpu-system-packages") && left.reason.contains("asks for a GPU"), "{left:?}");
}

/// A package of conda's: its record and its files.
fn conda(name: &str, build: &str, more: &str, files: &[(&str, u64)]) -> String {
    let listed: Vec<String> = files.iter().map(|(path, _)| format!("\"{path}\"")).collect();
    let record = format!(
        "{{\"name\":\"{name}\",\"version\":\"1.0\",\"build\":\"{build}\",\"channel\":\"conda-forge\",{more}\"files\":[{}]}}",
        listed.join(",")
    );
    let own = files.iter().map(|(path, bytes)| format!("f opt/conda/{path} {bytes}\n"));
    format!("f opt/conda/conda-meta/{name}-1.0-{build}.json = {record}\n{}", own.collect::<String>())
}

fn on_conda() -> Image {
    let python = conda(
        "python",
        "h_0_cpython",
        "\"depends\":[\"openssl >=3\"],\"requested_spec\":\"python=3.11\",",
        &[("bin/python3.11", 9_000_000), ("lib/python3.11/os.py", 39_000)],
    );
    let openssl = conda("openssl", "h_1", "", &[("lib/libssl.so.3", 4_000_000), ("lib/libssl.a", 9_000_000)]);
    let torch = conda(
        "pytorch",
        "cuda120_py311h_0",
        "\"depends\":[\"libcublas\",\"__cuda\",\"python\"],",
        &[("lib/libtorch_cuda.so", 90_000_000)],
    );
    let cublas = conda("libcublas", "h_2", "", &[("lib/libcublas.so.12", 60_000_000)]);
    image(&format!(
        "layer ADD debian.tar /
         f etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\\n
         f bin/sh 100 mode=755
         f bin/tar 400 mode=755
         layer COPY /opt/conda
         {python}{openssl}{torch}{cublas}
         f opt/conda/pkgs/python-1.0-h_0_cpython.conda 3000000
         f opt/conda/pkgs/tk-1.0-0/share/x 40
         h opt/conda/share/x -> opt/conda/pkgs/tk-1.0-0/share/x
         f opt/conda/conda-meta/tk-1.0-0.json = {{\"name\":\"tk\",\"version\":\"1.0\",\"build\":\"0\",\"files\":[\"share/x\"]}}
         f opt/conda/lib/python3.11/site-packages/six.py 34000
         f opt/conda/lib/python3.11/site-packages/six-1.16.0.dist-info/METADATA = Name: six\\nVersion: 1.16.0\\n
         f opt/conda/lib/python3.11/site-packages/six-1.16.0.dist-info/RECORD = six.py,,34000\\nsix-1.16.0.dist-info/METADATA,,\\n
         f opt/conda/lib/python3.11/site-packages/six-1.16.0.dist-info/INSTALLER = pip\\n
         empty CMD [\"bash\"]
         layer COPY app
         f app/main.py = import six\\n
         env PATH=/opt/conda/bin:/usr/bin:/bin\n"
    ))
}

/// A distribution whose Python is a package's, and an environment above it that something else made.
fn with_environment(python: &str, above: &str) -> Image {
    image(&format!(
        "layer ADD rootfs.tar /
         f etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\\n
         f bin/sh 100 mode=755
         f bin/tar 400 mode=755
         f var/lib/dpkg/status = Package: dash\\nStatus: install ok installed\\nVersion: 1\\nArchitecture: amd64\\n\\n
         {python}
         empty CMD [\"bash\"]
         layer COPY made elsewhere
         {above}
         env PATH=/opt/venv/bin:/usr/bin:/bin\n"
    ))
}

const SYSTEM_PYTHON: &str = "f usr/bin/python3.11 7000 mode=755
    l usr/bin/python3 -> python3.11
    f usr/lib/python3.11/os.py 39000
    f usr/lib/python3.11/site.py 3000";

const VENV: &str = "f opt/venv/pyvenv.cfg = home = /usr/bin\\nversion = 3.11.2\\n
    l opt/venv/bin/python -> /usr/bin/python3
    f opt/venv/lib/python3.11/site-packages/six.py 34000
    f opt/venv/lib/python3.11/site-packages/six-1.16.0.dist-info/METADATA = Name: six\\nVersion: 1.16.0\\n
    f opt/venv/lib/python3.11/site-packages/six-1.16.0.dist-info/RECORD = six.py,,34000\\nsix-1.16.0.dist-info/METADATA,,\\n";

#[test]
fn an_environment_that_nothing_can_install_into_is_copied_as_it_is() {
    let (plan, files) = planned(&with_environment(SYSTEM_PYTHON, VENV));
    assert!(plan.pins.is_empty() && plan.predicted.gaps.is_empty(), "{:?}", plan.predicted.gaps);
    let why = "nothing could install into /opt/venv: the base's Python has no pip, and no ensurepip with a wheel of it";
    assert!(plan.notes.iter().any(|note| note == why), "{:?}", plan.notes);
    assert!(!text(&files, "Dockerfile").contains("-m venv"), "{}", text(&files, "Dockerfile"));
    let after = View::new(&plan.predicted);
    assert!(after.get(b"opt/venv/lib/python3.11/site-packages/six.py").is_some());
    assert!(text(&files, "smoke_test.py").contains("\"six\""));
    // Debian's package of the wheels is enough for ensurepip, Fedora's too.
    for wheels in ["usr/lib/python3.11/ensurepip/_bundled", "usr/share/python-wheels", "usr/share/python3-wheels"] {
        let seed =
            format!("f usr/lib/python3.11/ensurepip/__init__.py 9000\nf {wheels}/pip-23.0.1-py3-none-any.whl 1700000");
        let (plan, files) = planned(&with_environment(&format!("{SYSTEM_PYTHON}\n{seed}"), VENV));
        assert!(text(&files, "Dockerfile").contains("python3.11 -m venv /opt/venv"), "{wheels}");
        assert_eq!(plan.pins.len(), 1, "{wheels}");
    }
}

#[test]
fn folders_of_a_build_systems_own_are_copied_where_the_base_has_no_python() {
    let folder = "app/server.runfiles/rules_python~~pip~pip_311_six/site-packages";
    let runfiles = format!(
        "f app/server 300 mode=755
         f app/server.runfiles/rules_python~~python~python_3_11/bin/python3.11 9000000 mode=755
         f app/server.runfiles/rules_python~~python~python_3_11/lib/python3.11/os.py 39000
         f {folder}/six.py 34000
         f {folder}/six-1.16.0.dist-info/METADATA = Name: six\\nVersion: 1.16.0\\n
         f {folder}/six-1.16.0.dist-info/RECORD = six.py,,34000\\nsix-1.16.0.dist-info/METADATA,,\\n"
    );
    let (plan, files) = planned(&with_environment("f usr/bin/env 40000", &runfiles));
    assert!(plan.pins.is_empty(), "{}", text(&files, "Dockerfile"));
    assert!(!text(&files, "Dockerfile").contains("pip install"), "{}", text(&files, "Dockerfile"));
    let after = View::new(&plan.predicted);
    for path in ["app/server", &*format!("{folder}/six.py")] {
        assert!(after.get(path.as_bytes()).is_some(), "{path}");
    }
}

#[test]
fn an_environment_of_condas_is_copied_without_its_packages_folder() {
    let image = on_conda();
    let (plan, files) = planned_without(&image, &["conda-gpu-builds"]);
    let after = View::new(&plan.predicted);
    assert!(plan.predicted.gaps.is_empty(), "{:?}", plan.predicted.gaps);
    assert!(after.iter().all(|(path, _)| !path.starts_with(b"opt/conda/pkgs/")));
    for path in ["opt/conda/bin/python3.11", "opt/conda/lib/libssl.a", "opt/conda/lib/python3.11/site-packages/six.py"]
    {
        assert!(after.get(path.as_bytes()).is_some(), "{path}");
    }
    assert!(plan.notes.iter().all(|note| !note.starts_with("lost")), "{:?}", plan.notes);
    let lost = plan.ledger.iter().flat_map(|ledger| &ledger.gone).find(|gone| gone.by == "lost");
    assert_eq!(lost, None, "the bytes of a file in pkgs stay, by their other name");
    // What was linked from there is a file of its own now.
    assert_eq!(after.get(b"opt/conda/share/x").map(|node| after.size(node)), Some(40));
    assert_eq!(image.unpacked() - plan.predicted.unpacked(), 3_000_000);
    assert!(
        plan.pins.is_empty()
            && plan.notes.iter().any(|note| note.starts_with("the environment at /opt/conda is copied as it is: "))
    );
    let gpu = plan.skipped.iter().find(|skipped| skipped.rule == "conda-gpu-builds").unwrap();
    assert_eq!((gpu.bytes >= 150_000_000, gpu.reason == "skipped with --skip"), (true, true));
    assert!(text(&files, "smoke_test.py").contains("\"six\""));
    assert!(layers(text(&files, "Dockerfile")) <= 40);
}

#[test]
fn who_needs_whom_and_what_was_asked_for_stands_in_condas_records() {
    let image = on_conda();
    let view = View::new(&image);
    let os = Survey::new(&view, &[]).os;
    let at = |name: &str| os.conda.packages.pairs().find(|(_, package)| package.name == name).unwrap().0;
    let required_by = os.conda.required_by();
    assert_eq!(required_by[at("openssl")], [at("python")]);
    assert_eq!(required_by[at("libcublas")], [at("pytorch")]);
    assert_eq!(os.conda.packages[at("pytorch")].depends, ["libcublas", "python"]);
    let asked: Vec<&str> = os.conda.packages.iter().filter(|package| package.requested).map(|p| &*p.name).collect();
    assert_eq!(asked, ["python"]);
    assert_eq!(
        os.conda.owners.get(&b"opt/conda/pkgs/tk-1.0-0/share/x"[..]),
        Some(&at("tk")),
        "where the bytes are counted"
    );
    assert!(os.conda.packages[at("pytorch")].is_gpu_build() && !os.conda.packages[at("python")].is_gpu_build());
}

#[test]
fn the_history_tells_what_was_asked_for_where_no_record_does() {
    let history = "==> 2024 <==\\n# cmd: conda install --token secret numpy scipy\\n# update specs: ['numpy', \"conda-forge::scipy>=1\"]\\n==> 2025 <==\\n# remove specs: ['scipy']\\n# update specs: ['Pandas=2']\\n";
    let records: String = ["numpy", "scipy", "pandas", "blas"].map(|name| conda(name, "0", "", &[])).concat();
    let image = image(&format!("layer RUN conda\n{records}f opt/conda/conda-meta/history = {history}\n"));
    let view = View::new(&image);
    let os = Survey::new(&view, &[]).os;
    let asked: Vec<&str> = os.conda.packages.iter().filter(|package| package.requested).map(|p| &*p.name).collect();
    assert_eq!(asked, ["numpy", "pandas"]);
    let kept = slimwright::layer::distil(b"opt/conda/conda-meta/history", history.replace("\\n", "\n").into_bytes());
    assert!(!String::from_utf8(kept).unwrap().contains("secret"));
}

#[test]
fn a_record_is_kept_without_what_nobody_reads_and_without_tokens() {
    let record = r#"{"name":"a","version":"1","build":"0","channel":"https://u:pw@host.example.org/t/tk-1234/main/linux-64","url":"https://u:pw@host.example.org/t/tk-1234/main/linux-64/a-1-0.conda","md5":"00","depends":["b >=1"],"files":["x"],"paths_data":{"paths":[{"_path":"x","sha256":"11"}]},"license":"MIT"}"#;
    let kept = slimwright::layer::distil(b"opt/conda/conda-meta/a-1-0.json", record.into());
    let kept = String::from_utf8(kept).unwrap();
    assert!(!kept.contains("pw") && !kept.contains("tk-1234") && !kept.contains("paths_data"), "{kept}");
    assert!(kept.contains("host.example.org/main/linux-64/a-1-0.conda") && kept.contains("b >=1"), "{kept}");
}

/// Packages of rpm's, as an index keeps a database: a name, and what it requires and has.
fn rpm(packages: &[(&str, &str, &str)]) -> String {
    let line = |(name, requires, file): &(&str, &str, &str)| {
        let (dir, name_of_file) = file.rsplit_once('/').unwrap();
        format!(
            "{{\"name\":\"{name}\",\"version\":\"1-1.el9\",\"size\":1,\"requires\":[{requires}],\"files\":[[\"/{dir}/\",[\"{name_of_file}\"]]]}}\\n"
        )
    };
    format!("{{\"rpm\":1}}\\n{}", packages.iter().map(line).collect::<String>())
}

#[test]
fn a_plan_for_rpm_keeps_the_packages_and_leaves_the_cache() {
    let base = [("bash", "", "usr/bin/bash"), ("dnf", "\"bash\"", "usr/bin/dnf")];
    let more = [("libpq", "\"bash\"", "usr/lib64/libpq.so.5"), ("postgresql", "\"libpq\"", "usr/bin/psql")];
    let image = image(&format!(
        "layer COPY /rootfs/ /
         f usr/lib/os-release = ID=rocky\\nVERSION_ID=\"9.4\"\\n
         f usr/bin/bash 1000
         f usr/bin/dnf 2000
         f var/lib/rpm/rpmdb.sqlite = {}
         empty CMD [\"/bin/bash\"]
         layer RUN dnf install -y postgresql
         f usr/lib64/libpq.so.5 300000
         f usr/bin/psql 700000
         f var/cache/dnf/appstream/repodata/primary.xml.gz 9000000
         f var/log/dnf.log 20000
         f var/lib/rpm/rpmdb.sqlite = {}
         layer COPY app
         f app/main.py = import json\\n\n",
        rpm(&base),
        rpm(&[base, more].concat()),
    ));
    let (plan, files) = planned(&image);
    assert_eq!((&*plan.base.name, plan.base.layers), ("rockylinux:9", 1));
    let dockerfile = text(&files, "Dockerfile");
    let install =
        "RUN dnf install -y --setopt=install_weak_deps=0 --nodocs \\\n      postgresql \\\n && dnf clean all\n";
    assert!(dockerfile.contains(install), "{dockerfile}");
    assert!(plan.predicted.gaps.is_empty(), "{:?}", plan.predicted.gaps);
    let after = View::new(&plan.predicted);
    assert!(after.get(b"usr/lib64/libpq.so.5").is_some() && after.get(b"usr/bin/psql").is_some());
    assert!(after.iter().all(|(path, _)| !path.starts_with(b"var/cache/dnf/")));
    assert_eq!(plan.dropped_system, []);
}

#[test]
fn an_image_with_rpm_is_built_on_the_image_of_its_distribution_that_has_its_installer() {
    for (id, version, installer, name) in [
        ("rocky", "9.4", "dnf", "rockylinux:9"),
        ("rocky", "9.4", "microdnf", "rockylinux:9-minimal"),
        ("almalinux", "8.10", "microdnf", "almalinux:8-minimal"),
        ("fedora", "41", "dnf5", "fedora:41"),
        ("fedora", "41", "microdnf", "registry.fedoraproject.org/fedora-minimal:41"),
        ("amzn", "2", "yum", "amazonlinux:2"),
        ("amzn", "2023", "microdnf", "public.ecr.aws/amazonlinux/amazonlinux:2023-minimal"),
        ("rhel", "9.4", "microdnf", "registry.access.redhat.com/ubi9/ubi-minimal"),
        ("rhel", "9.4", "dnf", "registry.access.redhat.com/ubi9/ubi"),
        ("ol", "9.3", "dnf", "oraclelinux:9"),
        ("ol", "9.3", "microdnf", "oraclelinux:9-slim"),
        ("centos", "7", "yum", "centos:7"),
        ("centos", "9", "dnf", "quay.io/centos/centos:stream9"),
        ("opensuse-leap", "15.6", "zypper", "opensuse/leap:15.6"),
        ("opensuse-tumbleweed", "20241010", "zypper", "opensuse/tumbleweed:latest"),
    ] {
        let file = format!("usr/bin/{installer}");
        let image = image(&format!(
            "layer COPY /rootfs/ /
             f usr/lib/os-release = ID=\"{id}\"\\nVERSION_ID=\"{version}\"\\n
             f usr/bin/bash 1000
             f {file} 2000
             f var/lib/rpm/rpmdb.sqlite = {}
             empty CMD [\"/bin/bash\"]
             layer COPY app
             f app/main.py = import json\\n\n",
            rpm(&[("bash", "", "usr/bin/bash"), (installer, "\"bash\"", &file)]),
        ));
        assert_eq!(planned(&image).0.base.name, name);
    }
}

#[test]
fn where_no_layer_is_told_to_be_the_base_packages_of_rpm_are_installed_by_its_own_program() {
    let packages = [("bash", "", "usr/bin/bash"), ("microdnf", "\"bash\"", "usr/bin/microdnf")];
    for (program, expected) in [("usr/bin/microdnf", "microdnf install -y"), ("usr/bin/other", "dnf install -y")] {
        let image = image(&format!(
            "layer COPY /rootfs/ /
             f usr/lib/os-release = ID=rhel\\nVERSION_ID=\"9.4\"\\n
             f usr/bin/bash 1000
             f {program} 2000
             f opt/agent/lib.so 900000
             f var/lib/rpm/rpmdb.sqlite = {}
             layer COPY app
             f app/main.py = import json\\n\n",
            rpm(&packages),
        ));
        let (plan, files) = planned(&image);
        assert_eq!((plan.base.layers, plan.base.is_told), (0, false));
        let dockerfile = text(&files, "Dockerfile");
        assert!(dockerfile.contains(&format!("RUN {expected}")) && !dockerfile.contains("apt-get"), "{dockerfile}");
    }
}

#[test]
fn why_knows_packages_of_the_system_and_of_conda() {
    let image = on_conda();
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let [openssl] = why_package(&survey.facts(&view), "OpenSSL").try_into().unwrap();
    assert_eq!((openssl.kind, openssl.asked_for), ("conda", false));
    assert_eq!(openssl.chain, ["python 1.0 h_0_cpython", "openssl 1.0 h_1"]);
    assert_eq!(openssl.required_by, ["python 1.0 h_0_cpython"]);
    let image = on_cuda("");
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    let [python] = why_package(&survey.facts(&view), "python3.11-minimal").try_into().unwrap();
    assert_eq!((python.kind, python.bytes, python.asked_for), ("os", 6_000_000, false));
    assert_eq!((python.required_by, python.chain), (vec!["python3 1".into()], Vec::new()));
}

/// An index that was recorded of a stand-in of `scripts/lab/bases`.
fn recorded(name: &str) -> Image {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/{name}.index"));
    slimwright::image::read_recorded(&path, &std::fs::read(&path).unwrap()).unwrap()
}

#[test]
fn a_recorded_image_on_cuda_is_planned_without_it_as_it_was_rebuilt() {
    let image = recorded("cuda");
    let (plan, files) = planned(&image);
    assert_eq!((&*plan.base.name, plan.base.layers), ("ubuntu:22.04", 1));
    assert!(plan.predicted.gaps.is_empty(), "{:?}", plan.predicted.gaps);
    // Rebuilt, the image had 274.6 MB.
    let predicted = plan.predicted.unpacked();
    assert!((272_000_000..277_000_000).contains(&predicted), "{predicted}");
    let dockerfile = text(&files, "Dockerfile");
    assert!(
        layers(dockerfile) <= 40 && !dockerfile.contains("NVIDIA") && !dockerfile.contains("ld.so.cache"),
        "{dockerfile}"
    );
}

#[test]
fn a_recorded_image_of_conda_has_its_packages_and_is_planned_without_the_folder() {
    let image = recorded("conda");
    let view = View::new(&image);
    let survey = Survey::new(&view, &[]);
    assert_eq!((survey.os.conda.packages.len(), survey.os.conda.contested.len()), (21, 1));
    let (plan, files) = planned_without(&image, &["conda-gpu-builds"]);
    assert!(plan.predicted.gaps.is_empty(), "{:?}", plan.predicted.gaps);
    let cache = plan.actions.iter().find(|action| action.rule == "conda-packages-folder").unwrap();
    assert!(cache.removed > 90_000_000, "{cache:?}");
    assert!(layers(text(&files, "Dockerfile")) <= 40);
}

#[test]
fn what_a_team_built_on_an_official_image_is_no_part_of_that_image() {
    let image = official(
        "layer RUN pip install agent
         f usr/local/lib/python3.11/site-packages/agent/__init__.py 5000
         f usr/local/lib/python3.11/site-packages/agent-1.0.dist-info/METADATA = Name: agent\\nVersion: 1.0\\n
         f usr/local/lib/python3.11/site-packages/agent-1.0.dist-info/RECORD = agent/__init__.py,,5000\\nagent-1.0.dist-info/METADATA,,\\n
         f opt/agent/settings.toml 700
         empty ENTRYPOINT [\"/opt/agent/run\"]
         layer COPY app
         f app/main.py = import agent\\n\n",
    );
    let (plan, files) = planned(&image);
    assert_eq!((&*plan.base.name, plan.base.layers), ("python:3.11.9-slim-bookworm", 2));
    assert!(text(&files, "Dockerfile").contains("/opt/"), "{files:?}");
    let after = View::new(&plan.predicted);
    assert!(after.get(b"opt/agent/settings.toml").is_some());
    assert!(after.get(b"usr/local/lib/python3.11/site-packages/agent/__init__.py").is_some());
}

#[test]
fn the_labels_of_red_hats_images_name_the_base_whatever_came_above_it() {
    for (component, name, own_command, base) in [
        ("ubi9-minimal-container", "ubi9-minimal", "CMD [\"/bin/bash\"]", "ubi9/ubi-minimal"),
        ("ubi9-container", "our-service", "CMD [\"/bin/bash\"]", "ubi9/ubi"),
        ("ubi9-micro-container", "ubi9/ubi-micro", "CMD [\"/bin/sh\"]", "ubi9/ubi-micro"),
        (
            "python-311-container",
            "ubi9/python-311",
            "CMD [\"/bin/sh\" \"-c\" \"$STI_SCRIPTS_PATH/usage\"]",
            "ubi9/python-311",
        ),
        ("python-312-minimal-container", "x", "CMD $STI_SCRIPTS_PATH/usage", "ubi9/python-312-minimal"),
    ] {
        let image = image(&format!(
            "layer COPY /rootfs/ /
             f usr/lib/os-release = ID=rhel\\nVERSION_ID=\"9.4\"\\n
             f usr/bin/bash 1000
             f srv/base/note 20
             f var/lib/rpm/rpmdb.sqlite = {}
             empty {own_command}
             label com.redhat.component={component}
             label name={name}
             layer RUN microdnf install dnf
             f usr/bin/dnf 2000
             f var/lib/rpm/rpmdb.sqlite = {}
             empty CMD [\"team\"]
             layer COPY app
             f app/main.py = import json\\n\n",
            rpm(&[("bash", "", "usr/bin/bash")]),
            rpm(&[("bash", "", "usr/bin/bash"), ("dnf", "\"bash\"", "usr/bin/dnf")]),
        ));
        let (plan, _) = planned(&image);
        assert_eq!((plan.base.name, plan.base.layers), (format!("registry.access.redhat.com/{base}"), 1));
    }
}

#[test]
fn a_products_component_is_no_image_of_red_hats_to_build_on() {
    let image = image(&format!(
        "layer COPY /rootfs/ /
         f usr/lib/os-release = ID=rhel\\nVERSION_ID=\"9.4\"\\n
         f usr/bin/bash 1000
         f var/lib/rpm/rpmdb.sqlite = {}
         empty CMD [\"/bin/bash\"]
         label com.redhat.component=python-tool-container
         layer COPY app
         f app/main.py = import json\\n\n",
        rpm(&[("bash", "", "usr/bin/bash"), ("dnf", "\"bash\"", "usr/bin/dnf")]),
    ));
    assert_eq!(planned(&image).0.base.name, "registry.access.redhat.com/ubi9/ubi");
}

#[test]
fn which_image_of_its_distribution_an_image_was_built_on_is_told_by_the_lowest_layers_packages() {
    let minimal = [("bash", "", "usr/bin/bash"), ("microdnf", "\"bash\"", "usr/bin/microdnf")];
    let image = image(&format!(
        "layer COPY /rootfs/ /
         f usr/lib/os-release = ID=rocky\\nVERSION_ID=\"9.4\"\\n
         f usr/bin/bash 1000
         f usr/bin/microdnf 2000
         f var/lib/rpm/rpmdb.sqlite = {}
         empty CMD [\"/bin/bash\"]
         layer RUN microdnf install -y dnf
         f usr/bin/dnf 2000
         f var/lib/rpm/rpmdb.sqlite = {}
         layer COPY app
         f app/main.py = import json\\n\n",
        rpm(&minimal),
        rpm(&[&minimal[..], &[("dnf", "\"bash\"", "usr/bin/dnf")]].concat()),
    ));
    let (plan, files) = planned(&image);
    assert_eq!((&*plan.base.name, plan.base.layers), ("rockylinux:9-minimal", 1));
    assert!(text(&files, "Dockerfile").contains("RUN microdnf install -y"), "{files:?}");
}

/// The world of who reads a plan's folder again: the original, which is what to measure by, too, and no index.
struct Again<'w>(&'w Image, Evidence);

impl Outside for Again<'_> {
    fn image(&self, name: &str) -> Base {
        match self.1.base(name) {
            Some(base) => Base::Known(Box::new(base), "the lowest layers".into()),
            None => Base::Known(Box::new(self.0.clone()), "given".into()),
        }
    }

    fn resolve(&self, _: &Request, _: &dyn Files, _: &Platform) -> Result<Resolution, RequestError> {
        Ok(Resolution::default())
    }

    fn repositories(&self, _: &Sources, _: &str) -> Result<Repositories, RepositoryError> {
        Err(RepositoryError::NoSources("none are read".into()))
    }

    fn measured(
        &self,
        request: &PackageRequest,
        found: Option<&Installation>,
        present: &OsInventory,
    ) -> Option<KnownPackages> {
        self.1.measured(request, found, present)
    }
}

fn read_again(image: &Image, folder: &std::path::Path) -> Image {
    let view = View::new(image);
    let survey = Survey::new(&view, &[]);
    let world = Again(image, Evidence::new(&survey.facts(&view)));
    let options = ContextOptions { platform: "linux/amd64".into(), ..ContextOptions::default() };
    context::read(folder, &options, &world).unwrap().image
}

#[test]
fn what_rpm_installs_is_measured_by_the_image_that_the_user_names() {
    let line = |name: &str, more: &str, file: &str| {
        format!(
            "{{\"name\":\"{name}\",\"version\":\"1-1.el9\",\"size\":1{more},\"files\":[[\"/usr/bin/\",[\"{file}\"]]]}}\\n"
        )
    };
    let base =
        format!("{{\"rpm\":1}}\\n{}{}", line("bash", "", "bash"), line("dnf", ",\"requires\":[\"bash\"]", "dnf"));
    let more =
        line("postgresql", ",\"requires\":[\"bash\",\"libpq\"],\"recommends\":[\"glibc-langs\",\"nowhere\"]", "psql")
            + &line("libpq", ",\"requires\":[\"bash\"]", "pq")
            + &line("glibc-langs", "", "langs");
    let original = image(&format!(
        "layer COPY /rootfs/ /
         f usr/lib/os-release = ID=rocky\\nVERSION_ID=\"9.4\"\\n
         f usr/bin/bash 1000
         f usr/bin/dnf 2000
         f var/lib/rpm/rpmdb.sqlite = {base}
         empty CMD [\"/bin/bash\"]
         layer RUN dnf install -y postgresql
         f usr/bin/pq 300000
         f usr/bin/psql 700000
         f usr/bin/langs 80000
         f var/lib/rpm/rpmdb.sqlite = {base}{more}
         layer COPY app
         f app/main.py = import json\\n\n",
    ));
    // A plan's folder is the plan again.
    let (plan, files) = planned(&original);
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
    let again = read_again(&original, folder.path());
    assert_eq!((&again.gaps[..], again.unpacked()), (&[][..], plan.predicted.unpacked()));
    // What is recommended comes unless the command says otherwise, and what the image has not is not known.
    let built = |words: &str| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Dockerfile"), format!("FROM rockylinux:9\nRUN dnf install -y {words}\n"))
            .unwrap();
        let image = read_again(&original, folder.path());
        let whys: Vec<GapReason> = image.gaps.iter().map(|gap| gap.why.clone()).collect();
        let view = View::new(&image);
        let sizes = ["pq", "psql", "langs"].map(|name| view.get(format!("usr/bin/{name}").as_bytes()).is_some());
        (whys, sizes)
    };
    assert_eq!(built("postgresql"), (vec![], [true, true, true]));
    assert_eq!(built("--setopt=install_weak_deps=0 postgresql"), (vec![], [true, true, false]));
    assert_eq!(built("bash"), (vec![], [false; 3]));
    let unknown = vec![GapReason::NotLookedUp(Packages::Rpm)];
    assert_eq!(built("libpq httpd"), (unknown.clone(), [true, false, false]));
    assert_eq!(built("@development"), (unknown, [false; 3]));
}

#[test]
fn the_pip_of_a_new_environment_is_compiled_whether_the_bases_own_is_or_not() {
    let built = |more: &str| {
        let folder = tempfile::tempdir().unwrap();
        let text = "FROM team/base\nENV PYTHONDONTWRITEBYTECODE=1\nRUN python3 -m venv /opt/venv\n";
        std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
        read_again(&official(more), folder.path())
    };
    let site = "opt/venv/lib/python3.11/site-packages";
    let size = |image: &Image, path: &str| {
        let view = View::new(image);
        view.get(format!("{site}/{path}").as_bytes()).map(|node| view.size(node))
    };
    let bare = built("");
    assert_eq!(bare.gaps, []);
    let compiled = "pip/__pycache__/__init__.cpython-311.pyc";
    assert!(size(&bare, compiled).is_some_and(|size| size > 0));
    // What the base has is what comes.
    let with = built(&format!("layer RUN x\nf usr/local/lib/python3.11/site-packages/{compiled} 4321\n"));
    assert_eq!(size(&with, compiled), Some(4321));
}

#[test]
fn bytecode_that_no_list_of_apks_names_does_not_come_with_its_package() {
    let image = image(
        "layer ADD alpine-minirootfs.tar.gz /
         f etc/os-release = ID=alpine\\nVERSION_ID=3.20.3\\n
         f bin/sh 100 mode=755
         f bin/tar 400 mode=755
         f lib/apk/db/installed = P:musl\\nV:1.2\\nF:lib\\nR:ld-musl.so.1\\n\\n
         f lib/ld-musl.so.1 900000
         f etc/apk/world = musl\\n
         empty CMD [\"/bin/sh\"]
         layer RUN apk add python3
         f usr/bin/python3.11 14000 mode=755
         f usr/lib/python3.11/os.py 39000
         f usr/lib/python3.11/re.py 3000
         f usr/lib/python3.11/__pycache__/re.cpython-311.pyc 2500
         f lib/apk/db/installed = P:musl\\nV:1.2\\nF:lib\\nR:ld-musl.so.1\\n\\nP:python3\\nV:3.11\\nF:usr/bin\\nR:python3.11\\nF:usr/lib/python3.11\\nR:os.py\\nR:re.py\\nF:usr/lib/python3.11/__pycache__\\nR:re.cpython-311.pyc\\n\\n
         f etc/apk/world = musl\\npython3\\n
         layer RUN python3 -m venv /opt/venv
         f usr/lib/python3.11/__pycache__/os.cpython-311.pyc 37000
         layer COPY app
         f app/main.py = import json\\n\n",
    );
    let (plan, _) = planned(&image);
    let after = View::new(&plan.predicted);
    assert_eq!(plan.predicted.gaps, []);
    assert!(after.get(b"usr/lib/python3.11/__pycache__/re.cpython-311.pyc").is_some());
    assert!(after.get(b"usr/lib/python3.11/__pycache__/os.cpython-311.pyc").is_none());
    assert!(after.get(b"usr/lib/python3.11/os.py").is_some());
    assert!(plan.notes.iter().all(|note| !note.starts_with("lost")), "{:?}", plan.notes);
}
