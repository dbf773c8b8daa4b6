//! Nothing leaves an image or a Dockerfile without a proof that nothing left needs it.

use crate::dockerfile::{action, cpu, dropped, edited, pin, quiet, swap, tools};
use crate::fixture::image;
use slimwright::base::ImagePath;
use slimwright::emit::emit;
use slimwright::facts::Survey;
use slimwright::fs::View;
use slimwright::image::Image;
use slimwright::plan::{self, Carried, Plan, PlanOptions, SystemPackage, Why};
use slimwright::rules;
use slimwright::rules::embedded;

const SITE: &str = "usr/local/lib/python3.11/site-packages";

fn plan_of(image: &Image, options: &PlanOptions) -> Plan {
    let view = View::new(image);
    let survey = Survey::new(&view, &[]);
    let facts = survey.facts(&view);
    let rules = embedded();
    let findings = rules::evaluate(&facts, &rules);
    slimwright::prove::make(&facts, &findings, &rules, options).unwrap()
}

/// A plan for an image with these lines above a base of Debian. `packages` are dpkg's stanzas, of which `automatic` were
/// not asked for by hand.
fn planned(packages: &str, automatic: &[&str], above: &str) -> Plan {
    let base = "Package: libc6\\nStatus: install ok installed\\nPriority: required\\nVersion: 2\\n\\n";
    let marks: String = automatic.iter().map(|name| format!("Package: {name}\\nAuto-Installed: 1\\n\\n")).collect();
    let spec = format!(
        "layer base\nf etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\nf var/lib/dpkg/status = {base}\n\
         layer RUN apt-get install\nf var/lib/dpkg/status = {base}{packages}\n\
         f var/lib/apt/extended_states = {marks}\n{above}"
    );
    plan_of(&image(&spec.replace("SITE", SITE)), &PlanOptions::default())
}

/// An image with these lines above a base of Debian with `libgl1` and what it brings, which were asked for by name.
fn with_libgl(above: &str) -> Image {
    let base = "Package: libc6\\nStatus: install ok installed\\nPriority: required\\nVersion: 2\\n\\n";
    let packages = package("libgl1", "Depends: libglvnd0\\n") + &package("libglvnd0", "");
    let spec = format!(
        "layer base\nf etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\nf var/lib/dpkg/status = {base}\n\
         layer RUN apt-get install -y libgl1\nf var/lib/dpkg/status = {base}{packages}\n\
         f var/lib/apt/extended_states = Package: libglvnd0\\nAuto-Installed: 1\\n\\n\n\
         f usr/lib/x86_64-linux-gnu/libGL.so.1 500000\nf usr/lib/x86_64-linux-gnu/libGLdispatch.so.0 900000\n\
         f var/lib/dpkg/info/libgl1.list = /usr/lib/x86_64-linux-gnu/libGL.so.1\\n\n\
         f var/lib/dpkg/info/libglvnd0.list = /usr/lib/x86_64-linux-gnu/libGLdispatch.so.0\\n\n\
         layer RUN pip install\n{above}"
    );
    image(&spec.replace("SITE", SITE))
}

/// A distribution of OpenCV, whose module needs these libraries.
fn opencv(name: &str, module: &str, needed: &str) -> String {
    let folder = format!("SITE/{}-4.10.dist-info", name.replace('-', "_"));
    format!(
        "f {folder}/METADATA = Name: {name}\\nVersion: 4.10\\n\n\
         f {folder}/RECORD = cv2/__init__.py,,900\\ncv2/{module},,\\n\nf SITE/cv2/{module} = elf\\n{needed}\n"
    )
}

#[test]
fn of_packages_that_would_do_alike_the_one_that_the_original_has_is_named_where_apt_alone_would_take_another() {
    let packages = [
        package("libblas3", "Provides: libblas.so.3\\n"),
        package("math", "Depends: openblas, numpy\\n"),
        package("numpy", "Depends: libblas3 | libblas.so.3\\n"),
        package("openblas", "Provides: libblas.so.3\\n"),
        package("mailer", "Depends: default-agent | mail-agent\\n"),
        package("small-agent", "Provides: mail-agent\\n"),
        package("viewer", "Depends: needed | other\\n"),
        package("needed", ""),
    ]
    .concat();
    let plan = planned(&packages, &["libblas3", "openblas", "small-agent", "needed"], "");
    // Where `math` is looked at first, OpenBLAS meets what NumPy needs. An agent that the repository has may be taken before
    // the one that is here; what is named first comes anyway.
    assert_eq!(installed(&plan), ["libblas3", "mailer", "math", "numpy", "small-agent", "viewer"]);
    let why = |name: &str| plan.system.iter().find(|package| package.name == name).map(|package| package.why.clone());
    assert_eq!(why("libblas3"), Some(Why::Chosen { by: "numpy".into() }));
    assert_eq!(why("small-agent"), Some(Why::Chosen { by: "mailer".into() }));
    assert_eq!(gone(&plan), [""; 0]);
}

#[test]
fn a_library_that_only_what_goes_was_linked_with_is_offered_and_goes_when_it_is_accepted() {
    let cv2 = "f SITE/cv2/__init__.py 900\n";
    let both = opencv("opencv-python", "gui.so", "needed libGL.so.1\\n")
        + &opencv("opencv-python-headless", "own.so", "")
        + cv2;
    let accept = PlanOptions { accept: vec!["unneeded-libraries".into()], ..PlanOptions::default() };
    let offered = plan_of(&with_libgl(&both), &PlanOptions::default());
    assert_eq!(installed(&offered), ["libgl1"]);
    let row = offered.skipped.iter().find(|row| row.rule == "unneeded-libraries").expect("it is offered");
    assert!(row.reason.starts_with("opt in with --accept unneeded-libraries"), "{}", row.reason);
    assert!(row.reason.contains("opencv-python-headless 4.10"), "what is installed anew is named: {}", row.reason);
    assert_eq!(row.bytes, 1_400_000);
    let accepted = plan_of(&with_libgl(&both), &accept);
    assert_eq!(installed(&accepted), [""; 0]);
    let gone: Vec<&str> = accepted.dropped_system.iter().map(|gone| gone.name.as_str()).collect();
    assert_eq!(gone, ["libglvnd0", "libgl1"]);
    assert_eq!(accepted.dropped_system[1].why, Why::LinkedByWhatGoes);
    // What stays and is linked with it keeps it, accepted or not; so does source that opens it by name.
    let linked = both.clone() + "f SITE/draw.so = elf\\nneeded libGL.so.1\\n\n";
    let opened = both.clone() + "f app/gl.py = import ctypes.util\\nctypes.util.find_library('GL')\\n\n";
    let shown = both + "f app/main.py = import cv2\\ncv2.imshow('a', 1)\\n\n";
    for above in [linked, opened, shown] {
        assert_eq!(installed(&plan_of(&with_libgl(&above), &accept)), ["libgl1"], "{above}");
    }
}

fn package(name: &str, more: &str) -> String {
    format!("Package: {name}\\nStatus: install ok installed\\nPriority: optional\\nVersion: 1\\n{more}\\n")
}

fn distribution(name: &str, version: &str, more: &str) -> String {
    let folder = format!("SITE/{}-{version}.dist-info", name.replace('-', "_"));
    let module = name.replace('-', "_");
    format!(
        "f {folder}/METADATA = Name: {name}\\nVersion: {version}\\n{more}\n\
         f {folder}/RECORD = {module}/__init__.py,,\\n\nf SITE/{module}/__init__.py 4000\n"
    )
}

fn copied(plan: &Plan, path: &str) -> bool {
    let path = ImagePath::from(path);
    let has = |item: &plan::CopyItem| {
        item.path == path || item.directory && path.as_bytes().starts_with(&[item.path.as_bytes(), b"/"].concat())
    };
    plan.copies.iter().any(has) || plan.links.iter().any(|link| link.path == path)
}

fn installed(plan: &Plan) -> Vec<&str> {
    plan.system.iter().map(|package| package.name.as_str()).collect()
}

fn gone(plan: &Plan) -> Vec<&str> {
    plan.dropped_system.iter().map(|package| package.name.as_str()).collect()
}

#[test]
fn what_the_users_own_instructions_put_anywhere_is_copied() {
    let paths = [
        "var/cache/ocr/models/weights.bin",
        "var/log/app/first.log",
        "usr/lib/apk/plugin.bin",
        "run/app/defaults.conf",
        "tmp/seed/data.bin",
        "etc/ssl/certs/company.pem",
        "root/.cache/huggingface/hub/model.bin",
        "root/.cache/pip/model.bin",
        "root/.cache/torch/hub/model.bin",
        "usr/share/nltk_data/corpora/words",
        "var/lib/app/state.db",
    ];
    let files: String = paths.iter().map(|path| format!("f {path} 200000\n")).collect();
    let plan = planned("", &[], &format!("layer COPY files /\n{files}"));
    for path in paths {
        assert!(copied(&plan, path), "{path}: {:?}", plan.copies);
    }
    let kept: u64 = plan.copies.iter().map(|item| item.bytes).sum();
    assert_eq!(kept, 200_000 * paths.len() as u64);
}

#[test]
fn what_an_instruction_put_there_that_also_ran_a_package_manager_is_copied_and_its_leavings_are_not() {
    let ours = ["etc/app.conf", "var/lib/app/state.db", "usr/share/app/table.csv", "opt/app/run"];
    let theirs = [
        "var/cache/apt/pkgcache.bin",
        "var/log/apt/history.log",
        "etc/ssl/certs/ca-certificates.crt",
        "etc/alternatives/README",
        "run/adduser",
        "var/lib/systemd/x",
    ];
    let files: String = ours.iter().chain(&theirs).map(|path| format!("f {path} 2000\n")).collect();
    let plan = planned("", &[], &format!("layer RUN apt-get install -y x && fetch\n{files}"));
    for path in ours {
        assert!(copied(&plan, path), "{path}");
    }
    for path in theirs {
        assert!(!copied(&plan, path), "{path}");
    }
}

#[test]
fn a_bundle_with_the_users_own_certificate_is_copied_though_a_package_made_it() {
    let above = "layer COPY ca.crt /usr/local/share/ca-certificates/\nf usr/local/share/ca-certificates/ca.crt 1000\n\
                 layer RUN apt-get install -y ca-certificates && update-ca-certificates\n\
                 f etc/ssl/certs/ca-certificates.crt 200000\n";
    assert!(copied(&planned("", &[], above), "etc/ssl/certs/ca-certificates.crt"));
}

#[test]
fn what_a_package_recommends_and_may_work_with_stays_and_what_serves_a_desktop_goes() {
    let packages = package("wget", "Recommends: ca-certificates, manpages\\n")
        + &package("ca-certificates", "Depends: openssl\\n")
        + &package("openssl", "")
        + &package("manpages", "");
    let plan = planned(&packages, &["ca-certificates", "openssl", "manpages"], "");
    assert_eq!(installed(&plan), ["ca-certificates", "wget"]);
    assert_eq!(gone(&plan), ["manpages"]);
    let why = &plan.system[0].why;
    assert_eq!(*why, Why::RecommendedBy { by: "wget".into(), root: "wget".into() });
    let text = emit(&plan).into_iter().find(|(name, _)| name == "Dockerfile").unwrap().1;
    assert!(text.contains("ca-certificates \\\n      wget"), "{text}");
}

#[test]
fn the_library_behind_a_chain_of_development_packages_stays_and_what_it_brings_is_not_named() {
    let packages = package("libgl1-mesa-dev", "Section: libdevel\\nDepends: libgl-dev\\n")
        + &package("libgl-dev", "Section: libdevel\\nDepends: libgl1\\n")
        + &package("libgl1", "Depends: libgl1-mesa-dri\\n")
        + &package("libgl1-mesa-dri", "Depends: libllvm15\\n")
        + &package("libllvm15", "");
    let plan = planned(&packages, &["libgl-dev", "libgl1", "libgl1-mesa-dri", "libllvm15"], "");
    assert_eq!(installed(&plan), ["libgl1"]);
    assert_eq!(plan.system[0].why, Why::RuntimeOf("libgl1-mesa-dev".into()));
    assert_eq!(gone(&plan), ["libgl-dev", "libgl1-mesa-dev"]);
}

#[test]
fn what_compiles_stays_where_something_is_not_predicted_and_that_is_said() {
    let base = "Package: libc6\\nStatus: install ok installed\\nPriority: required\\nVersion: 2\\n\\n";
    let status = package("gcc", "Recommends: libc6-dev\\n") + &package("libc6-dev", "");
    let spec = format!(
        "layer base\nf etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\nf var/lib/dpkg/status = {base}\n\
         layer RUN apt-get install\nf var/lib/dpkg/status = {base}{status}\n\
         f var/lib/dpkg/info/gcc.list = /usr/bin/gcc\nf usr/bin/gcc 900000\n\
         f var/lib/apt/extended_states = Package: libc6-dev\\nAuto-Installed: 1\\n"
    );
    let mut image = image(&spec);
    assert_eq!(gone(&plan_of(&image, &PlanOptions::default())), ["gcc", "libc6-dev"]);
    image.gaps.push(crate::fixture::gap("netifaces"));
    let plan = plan_of(&image, &PlanOptions::default());
    assert_eq!(gone(&plan), Vec::<&str>::new());
    assert!(plan.actions.iter().all(|action| action.rule != "compilers"), "{:?}", plan.actions);
    let left = plan.skipped.iter().find(|skipped| skipped.rule == "compilers").unwrap();
    assert!(left.bytes >= 900_000 && left.reason.contains("netifaces"), "{left:?}");
    // What another stage made and this one only copies needs no compiler here.
    image.gaps[0].copied = true;
    assert_eq!(gone(&plan_of(&image, &PlanOptions::default())), ["gcc", "libc6-dev"]);
}

#[test]
fn a_gpu_build_takes_its_company_along_and_not_what_asks_the_driver() {
    let above = format!(
        "layer RUN pip install\n{}{}{}f app/main.py = import torch\\n\n",
        distribution("torch", "2.1.1+cu121", "Requires-Dist: nvidia-cublas-cu12\\n"),
        distribution("nvidia-cublas-cu12", "12.1", ""),
        distribution("nvidia-ml-py", "12.5", ""),
    );
    let plan = planned("", &[], &above);
    let pins: Vec<&str> = plan.pins.iter().map(|pin| pin.name.as_str()).collect();
    assert_eq!(pins, ["nvidia-ml-py", "torch"]);
    assert_eq!(plan.dropped.len(), 1);
    assert_eq!(plan.dropped[0].why, Why::CompanyOf("torch".into()));
}

#[test]
fn what_poetry_keeps_of_downloads_goes_in_the_instruction_that_brought_it_and_its_environments_stay() {
    let start = "FROM python:3.11-slim\nCOPY pyproject.toml poetry.lock ./\n";
    let edits = edited(&quiet(), &format!("{start}RUN poetry install --no-root\n"));
    let line = "rm -rf ~/.cache/pypoetry/cache ~/.cache/pypoetry/artifacts\n";
    assert!(edits.text.contains(line), "{}", edits.diff);
    for (lines, why) in [
        ("ENV POETRY_CACHE_DIR=/tmp/poetry\nRUN poetry install\n", "it is elsewhere"),
        ("RUN poetry install && rm -rf /root/.cache\n", "it goes"),
        ("RUN poetry install && poetry cache clear --all pypi\n", "it goes"),
        ("RUN --mount=type=cache,target=/root/.cache/pypoetry poetry install\n", "it is mounted"),
        ("RUN if true; then poetry install; fi\n", "nothing is put behind a condition"),
    ] {
        let edits = edited(&quiet(), &format!("{start}{lines}"));
        assert!(edits.edits.is_empty(), "{why}: {}", edits.diff);
    }
}

#[test]
fn compilers_stay_in_a_dockerfile_that_may_compile() {
    let start = "FROM python:3.11-slim\nRUN apt-get update && apt-get install -y --no-install-recommends gcc libpq-dev && rm -rf /var/lib/apt/lists/*\n";
    let kept = [
        "COPY . .\nRUN pip install --no-cache-dir .\n",
        "COPY . .\nRUN pip install --no-cache-dir -e .\n",
        "RUN pip install --no-cache-dir git+https://example.org/x.git\n",
        "RUN pip install --no-cache-dir --no-binary :all: numpy\n",
        "COPY . .\nRUN make install\n",
        "COPY . .\nRUN ./scripts/setup.sh\n",
        "COPY . .\nRUN python setup.py install\n",
        "ARG EXTRA\nRUN pip install --no-cache-dir $EXTRA\n",
        "RUN cmake -B build && cmake --build build\n",
        "RUN git clone https://example.org/x && cd x && ./configure\n",
        "SHELL [\"/usr/bin/pwsh\", \"-c\"]\nRUN anything\n",
        // Inside of a word, whatever the command around it is.
        "COPY . .\nRUN X=$(make)\n",
        "COPY . .\nRUN export X=\"at `make -C lib` now\"\n",
        "COPY . .\nRUN echo ${X:-$(cd lib && make)} > /dev/null\n",
        "COPY . .\nRUN cat <(./configure)\n",
        "COPY . .\nRUN pip install --no-cache-dir flask > $(make log)\n",
        "COPY . .\nRUN find . -name Makefile -execdir make ';'\n",
    ];
    for rest in kept {
        let text = format!("{start}{rest}");
        let edits = edited(&tools(), &text);
        assert!(edits.text.contains(" gcc libpq-dev "), "{rest}\n{}", edits.diff);
    }
    let harmless =
        "RUN export V=\"$(uname -m)-$(. /etc/os-release && echo $ID)\" && find / -name '*.pyc' -exec rm {} +\n";
    let harmless = format!("{start}RUN pip install --no-cache-dir flask\n{harmless}");
    assert!(!edited(&tools(), &harmless).text.contains("gcc"), "{}", edited(&tools(), &harmless).diff);
    let edits = edited(&tools(), &format!("{start}RUN pip install --no-cache-dir flask\nRUN useradd app\n"));
    assert!(!edits.text.contains("gcc") && edits.text.contains("libpq5"), "{}", edits.diff);
    let edits = edited(
        &Plan { pure_projects: true, ..tools() },
        &format!("{start}COPY . .\nRUN pip install --no-cache-dir .\n"),
    );
    assert!(!edits.text.contains("gcc"), "{}", edits.diff);
}

#[test]
fn lists_go_only_where_what_installs_from_them_behind_fetches_its_own() {
    let start = "FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y curl\n";
    // An update that comes later in the same instruction is none for what it installs first.
    let text = format!(
        "{start}RUN apt-get install -y gnupg2 && echo x > /etc/apt/sources.list.d/x.list && apt-get update && apt-get install -y x\n"
    );
    let edits = edited(&quiet(), &text);
    assert!(edits.text.contains("RUN apt-get update \\\n    && apt-get install -y gnupg2"), "{}", edits.text);
    // Where none can be put before it, the lists stay.
    for install in ["[\"apt-get\", \"install\", \"-y\", \"gnupg2\"]", "test -e /x || apt-get install -y gnupg2"] {
        let edits = edited(&quiet(), &format!("{start}RUN {install}\n"));
        let first = edits.text.split("RUN ").nth(1).unwrap();
        assert!(!first.contains("rm -rf /var/lib/apt/lists"), "{install}: {}", edits.text);
    }
}

#[test]
fn an_owner_moves_to_copy_only_where_the_account_is_there_and_copy_brings_all_of_it() {
    let start = "FROM python:3.11-slim\nARG NAME=svc\n";
    for (lines, kept) in [
        // The account is made behind the COPY, by a variable or by a package.
        ("COPY app /srv/app\nRUN adduser -D $NAME\nRUN chown -R ${NAME}:${NAME} /srv/app\n", true),
        ("COPY app /srv/app\nRUN apt-get install -y nginx\nRUN chown -R nginx:nginx /srv/app\n", true),
        // Another folder, which no COPY brings; and one that an earlier command has filled.
        ("RUN adduser -D svc\nCOPY app /srv/app\nRUN chown -R svc:svc /srv/app /var/lib/tor\n", true),
        (
            "RUN adduser -D svc && git clone https://example.org/x /srv/app/x\nCOPY app /srv/app\nRUN chown -R svc:svc /srv/app\n",
            true,
        ),
        (
            "RUN adduser -D svc && mkdir -p /srv/app\nWORKDIR /srv/app\nCOPY app .\nRUN chown -R svc:svc /srv/app\n",
            false,
        ),
        ("RUN adduser -D $NAME\nCOPY app /srv/app\nRUN chown -R $NAME:$NAME /srv/app\n", false),
    ] {
        let edits = edited(&quiet(), &format!("{start}{lines}"));
        let moved = edits.text.contains("COPY --chown=svc:svc");
        assert_eq!(!moved, kept, "{lines}\n{}", edits.diff);
        assert_eq!(edits.text.contains("chown -R"), kept, "{lines}\n{}", edits.diff);
    }
}

#[test]
fn a_compiler_stays_in_a_stage_that_another_one_compiles_on() {
    let text = "FROM python:3.11-slim AS base\nRUN apt-get update && apt-get install -y gcc libpq-dev && rm -rf /var/lib/apt/lists/*\n\
                FROM base AS build\nRUN pip wheel -w /wheels psycopg2\n\
                FROM base\nCOPY --from=build /opt/x /opt/x\n";
    let edits = edited(&tools(), text);
    assert!(edits.text.contains("gcc libpq-dev"), "{}", edits.diff);
    assert!(
        edits.notes.iter().any(|note| note.contains("the stage of line 3 builds on this one")),
        "{:?}",
        edits.notes
    );
}

fn with_recommended() -> Plan {
    let mut plan = quiet();
    plan.dropped_system = vec![dropped("manpages", Why::NothingNeeds, "unused-packages")];
    let by = |name: &str, root: &str| SystemPackage {
        name: name.into(),
        why: Why::RecommendedBy { by: root.into(), root: root.into() },
        asked_for: false,
        bytes: 1,
    };
    plan.system = vec![by("ca-certificates", "wget"), by("fonts-dejavu-core", "graphviz")];
    plan.actions.push(action("unused-packages"));
    plan
}

#[test]
fn recommended_packages_of_use_are_named_where_the_option_is_added() {
    let text = "FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y wget python3 && rm -rf /var/lib/apt/lists/*\n\
                RUN apt-get update && apt-get install -y graphviz && rm -rf /var/lib/apt/lists/*\n";
    let edits = edited(&with_recommended(), text);
    assert!(
        edits.text.contains("install --no-install-recommends -y wget python3 ca-certificates &&"),
        "{}",
        edits.text
    );
    assert!(edits.text.contains("install --no-install-recommends -y graphviz fonts-dejavu-core &&"), "{}", edits.text);
}

#[test]
fn the_option_against_recommendations_is_not_given_twice_in_any_form() {
    let forms = [
        "RUN apt-get update && apt-get install -y -o APT::Install-Recommends=false wget",
        "RUN apt-get update && apt-get -o APT::Install-Recommends=0 install -y wget",
        "RUN apt-get update && apt-get install --no-install-recommends -y wget",
        "RUN echo 'APT::Install-Recommends \"0\";' > /etc/apt/apt.conf.d/99x\nRUN apt-get update && apt-get install -y wget",
        "COPY apt.conf /etc/apt/apt.conf.d/01norecommend\nRUN apt-get update && apt-get install -y wget",
        "ARG MORE\nRUN apt-get update && apt-get install -y wget $MORE",
        "RUN apt-get update && apt-get install -y wget $(cat pkgs.txt)",
        "RUN if true; then apt-get update && apt-get install -y wget; fi",
    ];
    for form in forms {
        let edits = edited(&with_recommended(), &format!("FROM debian:bookworm-slim\n{form}\n"));
        let before = form.matches("no-install-recommends").count();
        assert_eq!(edits.text.matches("no-install-recommends").count(), before, "{form}\n{}", edits.diff);
    }
}

#[test]
fn an_installers_cache_option_is_not_given_twice_in_any_form() {
    let forms = [
        "RUN uv pip install --system flask --no-cache-dir",
        "RUN uv pip install --system flask --no-cache",
        "RUN uv --no-cache pip install --system flask",
        "RUN uv pip install -n --system flask",
        "RUN uv pip install --system --cache-dir=/tmp/uv flask",
        "RUN pip --no-cache-dir install flask",
        "RUN pip install --no-cache flask",
        "RUN pip install --no-cach flask",
        "RUN python -m pip --no-cache-dir install flask",
        "RUN PIP_NO_CACHE_DIR=1 pip install flask",
        "ENV PIP_NO_CACHE_DIR=off\nENV PIP_NO_CACHE_DIR=1\nRUN pip install flask",
        "ENV UV_NO_CACHE=1\nRUN uv pip install --system flask",
        "RUN --mount=type=cache,target=/root/.cache/pip pip install flask",
        "RUN [\"pip\", \"install\", \"flask\", \"--no-cache-dir\"]",
    ];
    for form in forms {
        let edits = edited(&quiet(), &format!("FROM python:3.11-slim\n{form}\n"));
        assert!(edits.edits.is_empty(), "{form}\n{}", edits.diff);
    }
    for form in ["RUN pip install flask", "RUN uv pip install --system flask", "RUN [\"pip\", \"install\", \"flask\"]"]
    {
        let edits = edited(&quiet(), &format!("FROM python:3.11-slim\n{form}\n"));
        assert_eq!(edits.edits.len(), 1, "{form}\n{}", edits.diff);
    }
}

#[test]
fn what_cleans_up_later_moves_to_where_it_frees_something_and_does_not_vanish() {
    let text = "FROM debian:bookworm-slim\nRUN apt-get update\nRUN apt-get install -y --no-install-recommends python3\n\
                RUN apt-get clean\nCMD [\"python3\"]\n";
    let edits = edited(&quiet(), text);
    let expected = "FROM debian:bookworm-slim\nRUN apt-get update \\\n    && apt-get install -y --no-install-recommends python3 \\\n    \
                    && apt-get clean \\\n    && rm -rf /var/lib/apt/lists/*\nCMD [\"python3\"]\n";
    assert_eq!(edits.text, expected);
    // Two layers wrote: both clean up.
    let text = "FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y a\nRUN apt-get install -y b\n\
                RUN apt-get clean && rm -rf /var/lib/apt/lists/* && echo done\n";
    let edits = edited(&quiet(), text);
    assert_eq!(edits.text.matches("apt-get clean").count(), 2, "{}", edits.text);
    assert_eq!(edits.text.matches("rm -rf /var/lib/apt/lists/*").count(), 2, "{}", edits.text);
    assert!(edits.text.contains("RUN echo done"), "{}", edits.text);
    // What else is removed there stays removed there.
    let text = "FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y a\nRUN rm -rf /var/lib/apt/lists/* /srv/x\n";
    assert!(edited(&quiet(), text).text.contains("RUN rm -rf /var/lib/apt/lists/* /srv/x"));
    // Under sudo, so must what is added.
    let text = "FROM x\nUSER app\nRUN sudo apt-get update && sudo apt-get install -y a\n";
    assert!(edited(&quiet(), text).text.contains("&& sudo rm -rf /var/lib/apt/lists/*"));
}

#[test]
fn lists_stay_where_something_later_may_read_them() {
    let first = "RUN apt-get update && apt-get install -y a";
    let reads = [
        format!("FROM debian AS base\n{first}\nFROM base AS test\nRUN apt-get install -y b\nFROM base\nCMD [\"x\"]\n"),
        format!("FROM debian\n{first}\nCOPY setup.sh /\nRUN /setup.sh\n"),
        format!("FROM debian\n{first}\nRUN npx playwright install-deps\n"),
        format!(
            "# syntax=docker/dockerfile:1\nFROM debian\nRUN --mount=type=cache,target=/var/lib/apt,sharing=locked {}\n",
            &first[4..]
        ),
    ];
    for text in reads {
        assert_eq!(edited(&quiet(), &text).text, text);
    }
}

#[test]
fn a_removal_is_said_to_free_nothing_only_where_a_lower_layer_has_the_file() {
    let text = "FROM python:3.11-slim\nWORKDIR /srv\nCOPY . .\nRUN wget -q https://example.org/t.tar.gz && tar xzf t.tar.gz && rm -f *.tar.gz\n\
                RUN rm -f /etc/apt/apt.conf.d/docker-clean\nRUN rm -rf local_settings.py && mkdir -p /data\n";
    let noted = |plan: &Plan| -> Vec<String> {
        let notes = edited(plan, text).notes;
        notes.into_iter().filter(|note| note.contains("frees nothing")).collect()
    };
    assert_eq!(noted(&quiet()), Vec::<String>::new());
    let mut plan = quiet();
    plan.hidden = vec![("srv/local_settings.py".into(), 1000), ("srv/old.tar.gz".into(), 3_000_000)];
    let notes = noted(&plan);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains("line 4") && notes[0].contains("3.0 MB"), "{notes:?}");
    assert!(notes[1].contains("line 6") && notes[1].contains("local_settings.py"), "{notes:?}");
}

fn carried() -> Carried {
    Carried {
        name: "docopt".into(),
        requirement: "docopt==0.6.2".into(),
        source: "/srv/requirements.txt, line 4".into(),
    }
}

/// The plan of [`swap`] for an image of which docopt is not predicted.
fn open_plan() -> Plan {
    let mut plan = swap();
    plan.predicted.gaps.push(crate::fixture::gap("docopt"));
    plan
}

const REQUIREMENTS: &str = "FROM python:3.11-slim\nWORKDIR /srv\nCOPY requirements.txt ./\nRUN pip install --no-cache-dir -r requirements.txt\n";

#[test]
fn what_is_not_predicted_is_carried_over_and_resolved() {
    let mut plan = open_plan();
    plan.carried = vec![carried()];
    plan.overridden.clear();
    let edits = edited(&plan, REQUIREMENTS);
    assert!(!edits.text.contains("--no-deps"), "{}", edits.diff);
    let list = emit(&plan).into_iter().find(|(name, _)| name == "requirements.txt").unwrap().1;
    assert!(list.lines().any(|line| line.starts_with("docopt==0.6.2  # ")), "{list}");
    assert!(!list.contains("--no-deps"), "{list}");
}

#[test]
fn a_list_that_would_lose_something_takes_no_ones_place() {
    // What docopt requires is not known, and resolving would bring back what the plan drops.
    let mut plan = open_plan();
    plan.carried = vec![carried()];
    assert_eq!(edited(&plan, REQUIREMENTS).text, REQUIREMENTS);
    // Nobody knows what the gap stands for.
    assert_eq!(edited(&open_plan(), REQUIREMENTS).text, REQUIREMENTS);
    // A project of a requirements file came from a folder.
    let mut plan = swap();
    plan.unlisted = vec!["shared".into()];
    assert_eq!(edited(&plan, REQUIREMENTS).text, REQUIREMENTS);
    assert!(edited(&plan, REQUIREMENTS).notes.iter().any(|note| note.contains("shared came from a folder")));
    // An index of its own asks for two commands, of which neither would have it.
    let mut plan = cpu();
    plan.unlisted = vec!["shared".into()];
    assert_eq!(edited(&plan, REQUIREMENTS).text, REQUIREMENTS);
}

#[test]
fn the_one_that_serves_in_the_place_of_another_is_named_when_that_one_goes() {
    let mut plan = quiet();
    plan.pins = vec![pin("onnxruntime", "1.20.0", None, None), pin("rembg", "2", None, None)];
    plan.pins[0].why = Why::AskedFor("kept for all of its family".into());
    plan.dropped = vec![dropped("onnxruntime-gpu", Why::ReplacedBy("onnxruntime".into()), "onnxruntime-duplicates")];
    plan.actions.push(action("onnxruntime-duplicates"));
    let edits = edited(&plan, "FROM python:3.11-slim\nRUN pip install --no-cache-dir rembg onnxruntime-gpu\n");
    assert!(!edits.text.contains("onnxruntime-gpu"), "{}", edits.text);
    assert!(edits.text.contains("-r requirements.txt"), "{}", edits.text);
}

#[test]
fn nothing_is_decided_by_the_text_of_a_reason() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut todo = vec![root];
    let mut found = Vec::new();
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                todo.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
            for field in ["why", "reason", "title", "message", "subject"] {
                for test in ["starts_with(", "ends_with(", "contains(\"", "strip_suffix(", "strip_prefix("] {
                    if line.contains(&format!(".{field}.{test}")) {
                        found.push(format!("{}: .{field}.{test}", path.display()));
                    }
                }
            }
        }
    }
    // The recorded form of an image has one list of problems, in which the first words tell what could not be read.
    found.retain(|one| !one.contains("image/recorded.rs: .message."));
    assert_eq!(found, Vec::<String>::new());
}
