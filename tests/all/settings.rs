//! What changes the meaning of a known command without standing in it: settings files, variables, libraries, modules, triggers, the
//! program that reads the Dockerfile. It is followed, or it is a gap.

use crate::fixture;
use crate::gate::{BASE, all_have_gaps, none_has_gaps};
use slimwright::context::{Base, ContextOptions, KnownPackages, Outside, Virtual, read};
use slimwright::fs::View;
use slimwright::image::{GapReason, Image};
use slimwright::index::{Files, Input, Request, RequestError, Resolution};
use slimwright::os::OsInventory;
use slimwright::ospackages::{PackageRequest, Repositories, RepositoryError, Sources};
use slimwright::wheel::Platform;
use std::cell::RefCell;
use std::fs;
use std::io::Write as _;

/// More of a base: libraries, apt, git.
const MORE: &str = "
    layer RUN more
    f usr/lib/x86_64-linux-gnu/libc.so.6 1900000
    f usr/lib/x86_64-linux-gnu/libz.so.1 100000
    f lib64/ld-linux-x86-64.so.2 200000
    f usr/bin/apt-get 50000 mode=755
    f usr/bin/dpkg 300000 mode=755
    f usr/bin/ldconfig 90000 mode=755
    f usr/bin/git 300000 mode=755
    f usr/bin/curl 300000 mode=755
    f usr/bin/tar 300000 mode=755
    f usr/bin/unzip 300000 mode=755
    f usr/local/bin/uv 300000 mode=755
    f usr/local/bin/poetry 230 mode=755
    f etc/apt/apt.conf.d/docker-clean = DPkg::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb || true\"; };\\n
    f etc/apt/sources.list.d/README 0
    f etc/dpkg/dpkg.cfg 500
    f etc/dpkg/dpkg.cfg.d/README 0
    f etc/ld.so.conf 30
    f etc/ld.so.conf.d/libc.conf 40
    f etc/ld.so.cache 9000
    f usr/lib/os-release 300
";

/// The world outside: all packages are known, and bring nothing.
struct World(RefCell<Vec<(String, Request)>>);

impl Outside for World {
    fn image(&self, name: &str) -> Base {
        match name {
            "other" => Base::Unknown("nobody has it".into()),
            _ => Base::Known(Box::new(fixture::image(&format!("{BASE}{MORE}"))), "made".into()),
        }
    }

    fn resolve(&self, request: &Request, files: &dyn Files, _: &Platform) -> Result<Resolution, RequestError> {
        let text = |input: &Input| match input {
            Input::Requirements(path) => {
                String::from_utf8(files.read(path, 1 << 20).unwrap_or_default()).unwrap_or_default()
            }
            Input::Lines { text, .. } => text.clone(),
            Input::Project { groups, only_groups, .. } => format!("project {groups:?} {only_groups}"),
            Input::Lock { choice, .. } => format!("{choice:?}"),
        };
        let all: String = request.inputs.iter().map(text).collect();
        self.0.borrow_mut().push((all, request.clone()));
        Ok(Resolution::default())
    }

    fn repositories(&self, _: &Sources, _: &str) -> Result<Repositories, RepositoryError> {
        Err(RepositoryError::NoSources("none are named".into()))
    }

    fn packages(&self, _: &PackageRequest, _: &OsInventory) -> Option<KnownPackages> {
        Some(KnownPackages::default())
    }
}

/// Files of the context.
const FILES: [(&str, &str); 22] = [
    (
        "plain.conf",
        "APT::Install-Recommends \"0\";\nAPT { Get { Assume-Yes \"true\"; }; };\nAcquire::Retries \"5\";\nDPkg::Options { \"--force-confdef\"; \"--force-confold\"; };\n",
    ),
    ("loud.conf", "APT::Update::Pre-Invoke { \"make\"; };\n"),
    ("hidden.conf", "APT::Get::Assume-Yes \"true\";\n#include \"/x.conf\"\n"),
    (
        "index.conf",
        "[global]\nindex-url = https://example.org/simple\ntimeout = 60\ntrusted-host = example.org\n[install]\nno-deps = yes\n",
    ),
    ("more.conf", "[install]\nrequirement = /r.txt\n"),
    ("abi.conf", "[install]\nplatform = manylinux2014_x86_64\n"),
    ("nobody.conf", "[global]\nno-such-key = 1\n"),
    ("broken.conf", "index-url = https://example.org/simple\n"),
    ("r.txt", "six==1.17.0\n"),
    ("hashed.txt", "six==1.17.0 --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274\n"),
    ("uv.toml", "[pip]\nextra-index-url = [\"https://example.org/simple\"]\n"),
    ("quiet.toml", "concurrent-downloads = 4\nnative-tls = true\n"),
    ("hook.py", "import os\nos.system('make')\n"),
    ("hook.pth", "import os; os.system('make')\n"),
    ("path.pth", "/opt/more\n# a comment\n"),
    ("loud.sh", "make\n"),
    ("lib.so", "x\n"),
    ("passwd", "root:x:0:0:root:/elsewhere:/bin/sh\n"),
    ("gitconfig", "[core]\n\tsshCommand = make\n"),
    (
        "pyproject.toml",
        "[project]\nname = \"x\"\nversion = \"1\"\ndependencies = [\"flask\"]\n[dependency-groups]\nlint = [\"ruff\"]\n",
    ),
    (
        "dev/pyproject.toml",
        "[project]\nname = \"x\"\nversion = \"1\"\n[dependency-groups]\ndev = [\"pytest\"]\nlint = [\"ruff\"]\n",
    ),
    ("policy", "#!/bin/sh\nexit 101\n"),
];

fn built(lines: &str) -> (Virtual, Vec<(String, Request)>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in FILES {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    archives(folder.path());
    let is_whole = lines.starts_with("FROM") || lines.starts_with('#') || lines.starts_with('/');
    let text = if is_whole { lines.to_owned() } else { format!("FROM base\n{lines}\n") };
    fs::write(folder.path().join("Dockerfile"), text).unwrap();
    let options = ContextOptions { platform: "linux/amd64".into(), ..ContextOptions::default() };
    let world = World(RefCell::default());
    let made = read(folder.path(), &options, &world).unwrap_or_else(|error| panic!("{lines}: {error}"));
    (made, world.0.into_inner())
}

/// Tars by other names, and what is called a tar and is none.
fn archives(folder: &std::path::Path) {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(7000);
    header.set_mode(0o644);
    tar.append_data(&mut header, "inside/file", &[7_u8; 7000][..]).unwrap();
    let bytes = tar.into_inner().unwrap();
    fs::write(folder.join("plain.txt"), &bytes).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&bytes).unwrap();
    fs::write(folder.join("packed.bin"), gzip.finish().unwrap()).unwrap();
    fs::write(folder.join("none.tar"), "no archive\n").unwrap();
    fs::write(folder.join("x.doc"), b"BZh91AY&SY").unwrap();
    fs::write(folder.join("y.doc"), b"\xfd7zXZ\0\0").unwrap();
    let mut links = tar::Builder::new(Vec::new());
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    links.append_link(&mut link, "way", "/usr/local/bin").unwrap();
    let mut program = tar::Header::new_gnu();
    program.set_size(4);
    program.set_mode(0o755);
    links.append_data(&mut program, "way/pip", &b"make"[..]).unwrap();
    fs::write(folder.join("links.tar"), links.into_inner().unwrap()).unwrap();
}

fn image(lines: &str) -> Image {
    built(lines).0.image
}

/// Lines that change what a known command does, and are not followed.
const LOUD: &[&str] = &[
    // apt and dpkg.
    "COPY loud.conf /etc/apt/apt.conf.d/99x\nRUN apt-get update",
    "COPY loud.conf /etc/apt/apt.conf\nRUN apt-get install -y x",
    "COPY hidden.conf /etc/apt/apt.conf.d/99x\nRUN apt-get update",
    "COPY loud.conf /x/99\nRUN rm -rf /etc/apt/apt.conf.d && ln -s /x /etc/apt/apt.conf.d && apt-get update",
    "COPY loud.conf /x\nENV APT_CONFIG=/x\nRUN apt-get update",
    "COPY loud.conf /x\nRUN apt-get -c /x update",
    "COPY loud.conf /x\nRUN apt-get --config-file=/x update",
    "COPY loud.conf /x\nRUN apt-get -c=/x update",
    "RUN printf 'DPkg::Post-Invoke { \"make\"; };' > /etc/apt/apt.conf.d/99x\nRUN apt-get update",
    "RUN apt-get -o APT::Update::Pre-Invoke::=make update",
    "RUN apt-get -oAPT::Update::Pre-Invoke::=make update",
    "RUN apt-get --option=Dir::Bin::dpkg=/x install -y x",
    "RUN apt-get -yo Dpkg::Options::=--root=/x install x",
    "RUN echo 'post-invoke=make' > /etc/dpkg/dpkg.cfg.d/x\nRUN apt-get install -y x",
    "COPY loud.sh /usr/bin/dpkg\nRUN apt-get install -y x",
    "COPY loud.sh /usr/local/bin/rm\nRUN apt-get install -y x",
    "COPY loud.sh /usr/sbin/policy-rc.d\nRUN apt-get install -y x",
    "COPY loud.sh /var/lib/dpkg/info/libc-bin.postinst\nRUN apt-get install -y x",
    "RUN curl -o /etc/apt/sources.list.d/x.list https://example.org; apt-get install -y clean x; rm /etc/apt/sources.list.d/x.list",
    "ENV PERL5OPT=-Mx\nRUN apt-get install -y x",
    "RUN curl -o /etc/apt/sources.list.d/x.list https://example.org; apt-get update; rm /etc/apt/sources.list.d/x.list",
    // pip.
    "COPY abi.conf /etc/pip.conf\nRUN pip install six",
    "COPY nobody.conf /etc/pip.conf\nRUN pip install six",
    "COPY broken.conf /etc/pip.conf\nRUN pip install six",
    "COPY abi.conf /etc/xdg/pip/pip.conf\nRUN pip install six",
    "COPY abi.conf /root/.config/pip/pip.conf\nRUN pip install six",
    "COPY abi.conf /root/.pip/pip.conf\nRUN pip install six",
    "COPY abi.conf /usr/local/pip.conf\nRUN pip install six",
    "COPY abi.conf /x\nENV PIP_CONFIG_FILE=/x\nRUN pip install six",
    "COPY abi.conf /x/pip/pip.conf\nENV XDG_CONFIG_HOME=/x\nRUN pip install six",
    "COPY abi.conf /x/pip/pip.conf\nENV XDG_CONFIG_DIRS=/y:/x\nRUN pip install six",
    "COPY passwd /etc/passwd\nCOPY abi.conf /elsewhere/.config/pip/pip.conf\nRUN pip install six",
    "ENV HOME=/x\nCOPY abi.conf /x/.pip/pip.conf\nRUN pip install six",
    "RUN python -m venv /v\nCOPY abi.conf /v/pip.conf\nRUN /v/bin/pip install six",
    "RUN pip config set install.platform any && pip install six",
    "RUN pip config edit",
    "RUN curl -o /etc/pip.conf https://example.org; pip install six; rm /etc/pip.conf",
    "RUN [ -n \"$HOSTNAME\" ] && cp /etc/group /etc/pip.conf; pip install six",
    "RUN --mount=type=cache,target=/root/.config pip install six",
    "ENV PIP_PLATFORM=any\nRUN pip install six",
    "ENV PIP_NO_SUCH=1\nRUN pip install six",
    "RUN export PIP_TARGET=$(cat /nobody/knows); pip install six",
    "RUN pip install --bogus six",
    "RUN pip install -Z six",
    "RUN pip install --upgr six",
    "RUN pip install --platform any --only-binary=:all: --target /t six",
    "RUN pip install --python-version 3.9 --only-binary=:all: --target /t six",
    "RUN pip install --abi cp39 --only-binary=:all: --target /t six",
    "RUN pip install --implementation pp --only-binary=:all: --target /t six",
    "RUN pip install --ignore-requires-python six",
    "RUN pip install --require-hashes six",
    "COPY r.txt /\nRUN pip install --require-hashes -r /r.txt",
    "RUN pip install --isolated six",
    "RUN pip install --report /x six",
    "RUN pip install --log /x six",
    "RUN pip install --use-deprecated=legacy-resolver six",
    // uv and Poetry.
    "COPY uv.toml /etc/uv/uv.toml\nRUN uv pip install --system six",
    "COPY uv.toml /root/.config/uv/uv.toml\nRUN uv pip install --system six",
    "WORKDIR /w\nCOPY uv.toml .\nRUN uv pip install --system six",
    "WORKDIR /w/x\nCOPY uv.toml /w/\nRUN uv pip install --system six",
    "COPY uv.toml /x\nENV UV_CONFIG_FILE=/x\nRUN uv pip install --system six",
    "ENV UV_CONSTRAINT=/x\nRUN uv pip install --system six",
    "RUN poetry config installer.no-binary :all:",
    "ENV POETRY_VIRTUALENVS_OPTIONS_SYSTEM_SITE_PACKAGES=true\nRUN poetry install",
    // Python.
    "COPY hook.py /usr/local/lib/python3.11/site-packages/sitecustomize.py\nRUN pip install six",
    "COPY hook.py /usr/local/lib/python3.11/site-packages/usercustomize.py\nRUN pip install six",
    "COPY hook.py /root/.local/lib/python3.11/site-packages/usercustomize.py\nRUN pip install six",
    "COPY hook.py /usr/local/lib/python3.11/os.py\nRUN pip install six",
    "COPY hook.py /usr/local/lib/python3.11/json/decoder.py\nRUN pip install six",
    "COPY hook.py /usr/local/lib/python3.11/site-packages/pip/_internal/x.py\nRUN pip install six",
    "COPY hook.pth /usr/local/lib/python3.11/site-packages/x.pth\nRUN pip install six",
    "COPY path.pth /usr/local/lib/python3.11/site-packages/x.pth\nCOPY hook.py /opt/more/sitecustomize.py\nRUN pip install six",
    "COPY hook.py /p/sitecustomize.py\nENV PYTHONPATH=/p\nRUN pip install six",
    "COPY hook.py /p/json.py\nENV PYTHONPATH=/x:/p\nRUN pip install six",
    "WORKDIR /p\nCOPY hook.py json.py\nENV PYTHONPATH=:/x\nRUN pip install six",
    "WORKDIR /p\nCOPY hook.py pip.py\nRUN python -m pip install six",
    "WORKDIR /p\nCOPY hook.py logging/__init__.py\nRUN python -m pip install six",
    "ENV PYTHONHOME=/x\nRUN pip install six",
    "ENV PYTHONWARNINGS=ignore::x.y\nRUN pip install six",
    "COPY hook.py /c/x.pyc\nENV PYTHONPYCACHEPREFIX=/c\nRUN pip install six",
    "COPY loud.sh /usr/local/bin/python3.11\nRUN pip install six",
    "COPY loud.sh /usr/local/bin/pyvenv.cfg\nRUN pip install six",
    "RUN mkdir -p /app && tar xf /nowhere.tar -C /usr/local/lib/python3.11; pip install six; rm -rf /usr/local/lib/python3.11",
    // Shells.
    "COPY loud.sh /s\nENV BASH_ENV=/s\nSHELL [\"/bin/bash\", \"-c\"]\nRUN true",
    "COPY loud.sh /etc/profile.d/x.sh\nRUN bash -lc true",
    "COPY loud.sh /root/.bash_profile\nRUN bash -lc true",
    "ENV SHELLOPTS=xtrace PS4=x\nRUN true",
    "ENV PS4=$(make)\nRUN set -x; true",
    "ENV CDPATH=/x\nRUN cd y",
    "ENV IFS=x\nRUN ls",
    "ENV \"BASH_FUNC_ls%%\"=\"() { make; }\"\nSHELL [\"/bin/bash\", \"-c\"]\nRUN ls",
    // The loader.
    "COPY lib.so /x.so\nENV LD_PRELOAD=/x.so\nRUN ls",
    "COPY lib.so /usr/local/lib/x.so\nENV LD_PRELOAD=x.so\nRUN ls",
    "COPY lib.so /x.so\nENV LD_AUDIT=/x.so\nRUN ls",
    "COPY lib.so /x.so\nRUN LD_PRELOAD=/x.so ls",
    "RUN export LD_PRELOAD=$(cat /nobody/knows); ls",
    "COPY lib.so /x/lib.so\nENV LD_LIBRARY_PATH=/y:/x\nRUN ls",
    "COPY lib.so /libc.so.6\nENV LD_LIBRARY_PATH=/\nRUN ls",
    "COPY lib.so /etc/ld.so.preload\nRUN ls",
    "RUN echo /x.so > /etc/ld.so.preload; ls",
    "COPY lib.so /usr/lib/x86_64-linux-gnu/libc.so.6\nRUN ls",
    "COPY lib.so /usr/local/lib/libz.so.1\nRUN ls",
    "COPY lib.so /usr/lib/libz.so.1\nRUN pip install six",
    "COPY lib.so /lib64/ld-linux-x86-64.so.2\nRUN ls",
    "COPY lib.so /usr/lib/x86_64-linux-gnu/libnss_x.so.2\nRUN ls",
    "COPY lib.so /usr/lib/x86_64-linux-gnu/gconv/X.so\nRUN ls",
    "COPY lib.so /opt/l/libz.so.1\nRUN echo /opt/l > /etc/ld.so.conf.d/0.conf && ldconfig && ls",
    "COPY lib.so /etc/ld.so.cache\nRUN ls",
    "RUN ln -sf /opt/x /usr/lib/x86_64-linux-gnu/libc.so.6; ls",
    "RUN rm -rf /usr/lib/x86_64-linux-gnu; ln -s /opt/x /usr/lib/x86_64-linux-gnu; ls",
    "RUN tar xf /nowhere.tar -C /usr/local; ls; rm -rf /usr/local",
    "RUN curl -o /bin/ls https://example.org; ls; rm /bin/ls",
    // Other programs.
    "ENV TAR_OPTIONS=--to-command=make\nRUN tar tf /x.tar",
    "ENV UNZIP=-d\nRUN unzip -l /x.zip",
    "ENV POSIXLY_CORRECT=1\nRUN rm /x -rf; true",
    "ENV GIT_SSH_COMMAND=make\nRUN git clone https://example.org/x /t && rm -rf /t",
    "ENV GIT_TEMPLATE_DIR=/x\nRUN git clone https://example.org/x /t && rm -rf /t",
    "COPY gitconfig /root/.gitconfig\nRUN git clone https://example.org/x /t && rm -rf /t",
    "RUN git config --global core.hooksPath /x && git clone https://example.org/x /t && rm -rf /t",
    "COPY loud.sh /root/.curlrc\nRUN curl -o /t https://example.org && rm /t",
    // Archives, triggers, who reads the Dockerfile, other images.
    "ADD x.doc /x\nRUN true",
    "ADD y.doc /x\nRUN true",
    "ADD links.tar /t/\nRUN pip install six",
    "FROM base AS a\nONBUILD RUN make\nFROM a",
    "FROM base AS a\nONBUILD RUN make\nFROM a AS b\nFROM b",
    "# syntax=example.org/other:1\nFROM base\nRUN true",
    "# escape=\\\n# Syntax = other/dockerfile\nFROM base\nRUN true",
    "#!/usr/bin/env x\n# syntax=other\nFROM base\nRUN true",
];

#[test]
fn what_changes_a_command_from_outside_and_is_not_followed_is_a_gap() {
    all_have_gaps(LOUD, image);
}

/// Lines that people write, of which all is known.
const KNOWN: &[&str] = &[
    "COPY plain.conf /etc/apt/apt.conf.d/99no-recommends\nRUN apt-get update && apt-get install -y x && rm -rf /var/lib/apt/lists/*",
    "RUN echo 'APT::Install-Recommends \"0\";' > /etc/apt/apt.conf.d/01norecommend && apt-get update",
    "RUN rm -f /etc/apt/apt.conf.d/docker-clean; echo 'Binary::apt::APT::Keep-Downloaded-Packages \"true\";' > /etc/apt/apt.conf.d/keep-cache\nRUN apt-get update",
    "RUN apt-get -o Acquire::Retries=3 -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 update",
    "RUN --mount=type=cache,target=/var/cache/apt --mount=type=cache,target=/var/lib/apt apt-get update && apt-get install -y x",
    "RUN apt-get -qq -y --no-install-recommends install x",
    "RUN printf 'path-exclude /usr/share/doc/*\\n' > /etc/dpkg/dpkg.cfg.d/01-nodoc && apt-get install -y x",
    "COPY policy /usr/sbin/policy-rc.d\nRUN apt-get install -y x",
    "COPY loud.sh /usr/local/bin/docker-entrypoint.sh\nRUN chmod +x /usr/local/bin/docker-entrypoint.sh && apt-get install -y x",
    "RUN ln -s /usr/local/bin/python3 /usr/bin/python3 && apt-get install -y x",
    "COPY index.conf /etc/pip.conf\nRUN pip install six",
    "COPY more.conf /root/.config/pip/pip.conf\nCOPY r.txt /r.txt\nRUN pip install six",
    "RUN printf '[global]\\nextra-index-url=https://example.org/simple\\n' > /etc/pip.conf && pip install six",
    "RUN pip config set global.extra-index-url https://example.org/simple && pip install six",
    "RUN pip config list; pip cache dir; pip install six",
    "RUN --mount=type=secret,id=pip,target=/etc/pip.conf pip install six",
    "RUN --mount=type=cache,target=/root/.cache/pip pip install six",
    "ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=on PIP_DEFAULT_TIMEOUT=100 PIP_ROOT_USER_ACTION=ignore PIP_PROGRESS_BAR=off PIP_VERSION=24.0\nRUN pip install six",
    "ENV PIP_CONFIG_FILE=/dev/null\nCOPY abi.conf /etc/pip.conf\nRUN pip install six",
    "COPY r.txt hashed.txt /\nRUN pip install -qqr /r.txt && pip install --require-hashes --requirement=/hashed.txt",
    "RUN pip install --no-cache --prefi /opt/x six",
    "RUN pip install --dry-run six",
    "RUN python -m pip install -U --no-warn-script-location --break-system-packages --prefer-binary --retries 3 six",
    "COPY quiet.toml /etc/uv/uv.toml\nRUN uv pip install --system six",
    "WORKDIR /app\nCOPY pyproject.toml .\nRUN uv pip install --system six",
    "ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_VERSION=0.5\nRUN uv pip install --system six",
    "RUN poetry config virtualenvs.create false",
    "ENV PYTHONPATH=/app PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONWARNINGS=ignore\nCOPY hook.py /app/main.py\nRUN pip install six",
    "WORKDIR /app\nENV PYTHONPATH=$PYTHONPATH:/app\nCOPY hook.py main.py\nRUN python -m pip install six",
    "COPY path.pth /usr/local/lib/python3.11/site-packages/mine.pth\nRUN pip install six",
    "COPY hook.py /usr/local/lib/python3.11/site-packages/mine/__init__.py\nRUN pip install six",
    "ENV LD_LIBRARY_PATH=/usr/local/cuda/lib64:$LD_LIBRARY_PATH\nRUN ls && pip install six",
    "RUN git clone https://example.org/x /t && cd /t && ls && pip install six && rm -rf /t",
    "ENV LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libz.so.1\nRUN ls",
    "COPY lib.so /usr/local/lib/libmine.so.1\nRUN ldconfig && ls && pip install six",
    "COPY lib.so /opt/mine/lib/libmine.so\nRUN echo /opt/mine/lib > /etc/ld.so.conf.d/mine.conf && ldconfig && ls",
    "RUN echo 'hosts: files dns' > /etc/nsswitch.conf && ls",
    "ENV LC_ALL=C.UTF-8 LANG=C.UTF-8 HOME=/root DEBIAN_FRONTEND=noninteractive\nRUN ls && pip install six",
    "RUN git config --global --add safe.directory /app && git config --global url.https://example.org/.insteadOf git@example.org: && git clone https://example.org/x /t && rm -rf /t",
    "ENV GIT_COMMIT=abc\nRUN git clone --depth 1 https://example.org/x /t && rm -rf /t",
    "RUN curl -fsSL https://example.org -o /tmp/x && rm /tmp/x && pip install six",
    "ONBUILD COPY . /app\nONBUILD RUN make\nRUN ls",
    "FROM base AS a\nONBUILD RUN make\nRUN ls\nFROM base\nCOPY --from=a /etc/os-release /x",
    "# syntax=docker/dockerfile:1.7\nFROM base\nRUN ls",
    "# syntax = docker.io/docker/dockerfile:1@sha256:0000\nFROM base\nRUN ls",
    "# check=skip=all\n# syntax=docker/dockerfile:experimental\nFROM base\nRUN ls",
    "# what is no directive\n# syntax=other\nFROM base\nRUN ls",
    "ADD none.tar /x/\nADD plain.txt /y/\nADD packed.bin /z/\nRUN ls",
    "COPY packed.bin /z/\nRUN ls",
];

#[test]
fn settings_that_are_understood_are_no_gap() {
    none_has_gaps(KNOWN, image);
}

/// What the last installation asked for.
fn asked(lines: &str) -> (String, Request) {
    let (made, mut asked) = built(lines);
    assert_eq!(made.image.gaps, [], "{lines}");
    asked.pop().unwrap_or_else(|| panic!("{lines}: nothing was asked for"))
}

#[test]
fn what_settings_of_pip_add_is_asked_for() {
    for lines in [
        "COPY more.conf /etc/pip.conf\nCOPY r.txt /r.txt\nRUN pip install flask",
        "COPY r.txt /r.txt\nENV PIP_REQUIREMENT=/r.txt\nRUN pip install flask",
        "COPY r.txt /r.txt\nRUN pip config set install.requirement /r.txt && pip install flask",
        "COPY r.txt /r.txt\nRUN PIP_REQUIREMENT=/r.txt pip install flask",
    ] {
        let (text, _) = asked(lines);
        assert_eq!(text, "six==1.17.0\nflask\n", "{lines}");
    }
    let place = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let (_, request) = asked("COPY index.conf /etc/pip.conf\nRUN pip install six");
    assert_eq!((request.no_deps, request.places), (true, vec![place("--index-url", "https://example.org/simple")]));
    // A variable wins over a file, and the user's file over the machine's.
    let lines = "COPY index.conf /etc/pip.conf\nRUN pip config set global.index-url https://b.example/simple && pip install six";
    assert_eq!(asked(lines).1.places, [place("--index-url", "https://b.example/simple")]);
    let lines = "COPY index.conf /etc/pip.conf\nENV PIP_INDEX_URL=https://c.example/simple PIP_NO_BINARY=six\nRUN pip install six";
    let (_, request) = asked(lines);
    assert_eq!(
        (request.places, request.no_binary),
        (vec![place("--index-url", "https://c.example/simple")], vec!["six".to_owned()])
    );
}

#[test]
fn the_file_that_pip_config_writes_has_all_that_was_set() {
    let lines = "RUN pip config set global.timeout 9 && pip config set install.no-deps yes && pip config set global.retries 2 && pip config unset global.timeout";
    let made = image(lines);
    let mut entries = made.layers.iter().flat_map(|layer| &layer.entries);
    let entry = entries.find(|entry| entry.path.as_bytes() == b"root/.config/pip/pip.conf").unwrap();
    assert_eq!(entry.size, "[install]\nno-deps = yes\n\n[global]\nretries = 2\n\n".len() as u64);
}

#[test]
fn the_default_group_of_uv_may_be_missing() {
    for (folder, options, expected) in [
        (".", "", "project [] false"),
        ("dev", "", "project [\"dev\"] false"),
        ("dev", " --no-dev", "project [] false"),
        ("dev", " --no-default-groups --group lint", "project [\"lint\"] false"),
        ("dev", " --all-groups", "project [\"dev\", \"lint\"] false"),
        ("dev", " --only-group lint", "project [\"lint\"] true"),
    ] {
        let lines = format!("WORKDIR /app\nCOPY {folder}/pyproject.toml .\nRUN uv sync --no-install-project{options}");
        assert_eq!(asked(&lines).0, expected, "{lines}");
    }
}

#[test]
fn an_archive_is_unpacked_whatever_its_name_and_a_name_makes_none() {
    let made = image(
        "ADD plain.txt /a/\nADD packed.bin /b/\nADD none.tar /c/\nADD --unpack=false plain.txt /d/\nCOPY plain.txt /e/",
    );
    let view = View::new(&made);
    let there = |path: &str| view.get(path.as_bytes()).is_some();
    for path in ["a/inside/file", "b/inside/file", "c/none.tar", "d/plain.txt", "e/plain.txt"] {
        assert!(there(path), "{path}");
    }
    assert!(!there("a/plain.txt") && !there("b/packed.bin"));
}

#[test]
fn a_gap_says_what_changes_the_command() {
    let why = |lines: &str| image(lines).gaps.swap_remove(0).why;
    assert_eq!(why("COPY abi.conf /etc/pip.conf\nRUN pip install six"), GapReason::Settings("/etc/pip.conf".into()));
    assert_eq!(why("COPY lib.so /usr/lib/libz.so.1\nRUN ls"), GapReason::Library("/usr/lib/libz.so.1".into()));
    assert_eq!(why("# syntax=other:1\nFROM base\nRUN ls"), GapReason::Frontend("other:1".into()));
    assert_eq!(why("ENV TAR_OPTIONS=-v\nRUN tar tf /x"), GapReason::Environment("TAR_OPTIONS".into()));
    assert_eq!(why("FROM base AS a\nONBUILD RUN ls\nFROM a"), GapReason::Triggers);
}
