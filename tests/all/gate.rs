//! No gate is talked past: what a line of a Dockerfile may write and nobody can know is a gap, however the line is written; and what people
//! write every day, and is known, is none.

use crate::fixture;
use slimwright::base::ImagePath;
use slimwright::context::{Base, ContextOptions, Outside, Virtual, read};
use slimwright::fs::View;
use slimwright::image::{GapReason, Image, Writes};
use slimwright::index::{Files, Input, Request, RequestError, Resolution};
use slimwright::ospackages::{Repositories, RepositoryError, Sources};
use slimwright::wheel::Platform;
use std::cell::RefCell;
use std::fs;

/// A base image with the programs that these lines name.
pub const BASE: &str = "
    layer ADD rootfs.tar /
    f etc/os-release = ID=debian\\nVERSION_CODENAME=bookworm\\n
    f etc/passwd 900
    f etc/group 500
    f etc/skel/.bashrc 500
    l bin/sh -> dash
    f bin/dash 120000 mode=755
    f bin/bash 1200000 mode=755
    f bin/rm 70000 mode=755
    f bin/cp 70000 mode=755
    f bin/dd 70000 mode=755
    f bin/true 30000 mode=755
    f usr/bin/head 40000 mode=755
    f usr/bin/make 200000 mode=755
    f bin/ls 50000 mode=755
    f bin/mkdir 50000 mode=755
    f bin/rmdir 50000 mode=755
    f bin/touch 50000 mode=755
    f bin/chmod 50000 mode=755
    f bin/chown 50000 mode=755
    f bin/ln 50000 mode=755
    f bin/mv 50000 mode=755
    f bin/cat 50000 mode=755
    f bin/grep 50000 mode=755
    f bin/sed 50000 mode=755
    f bin/find 50000 mode=755
    f bin/sort 50000 mode=755
    f bin/tee 50000 mode=755
    f bin/uname 50000 mode=755
    f bin/env 50000 mode=755
    f bin/timeout 50000 mode=755
    f bin/nice 50000 mode=755
    f bin/xargs 50000 mode=755
    f bin/id 50000 mode=755
    f big/of/base 4000
    d tmp mode=1777
    layer RUN build python
    f usr/local/bin/python3.11 6000 mode=755
    l usr/local/bin/python3 -> python3.11
    l usr/local/bin/python -> python3
    f usr/local/bin/pip 230 mode=755
    f usr/local/lib/python3.11/os.py 40000
    f usr/local/lib/python3.11/site-packages/pip/__init__.py 350
    f usr/local/lib/python3.11/site-packages/pip-24.0.dist-info/METADATA = Metadata-Version: 2.1\\nName: pip\\nVersion: 24.0\\n
    empty CMD [\"python3\"]
    env PATH=/usr/local/bin:/usr/bin:/bin
    env PYTHON_VERSION=3.11.9
";

/// The world outside; with it what was asked for, as text.
struct World(RefCell<Vec<String>>);

impl Outside for World {
    fn image(&self, name: &str) -> Base {
        match name {
            "other" => Base::Unknown("nobody has it".into()),
            "triggers" => {
                let mut image = fixture::image(BASE);
                image.config.on_build = vec!["RUN make".into()];
                Base::Known(Box::new(image), "made".into())
            }
            _ => Base::Known(Box::new(fixture::image(BASE)), "made".into()),
        }
    }

    fn resolve(&self, request: &Request, files: &dyn Files, _: &Platform) -> Result<Resolution, RequestError> {
        let text = |input: &Input| match input {
            // What nobody knows is told by who reads.
            Input::Requirements(path) => String::from_utf8(files.read(path, 1 << 20).unwrap_or_default()).unwrap(),
            Input::Lock { path, choice } => format!("{} {choice:?}", path.file_name().unwrap().to_string_lossy()),
            Input::Lines { text, .. } => text.clone(),
            Input::Project { groups, extras, .. } => format!("project {groups:?} {extras:?}"),
        };
        let asked: String = request.inputs.iter().map(text).collect();
        self.0.borrow_mut().push(asked.clone());
        if asked.contains("no-such-thing") {
            let (place, message, suggestion) = ("Dockerfile".into(), "it is asked for".into(), String::new());
            return Err(RequestError::UnknownPackage { place, name: "no-such-thing".into(), message, suggestion });
        }
        Ok(Resolution::default())
    }

    fn repositories(&self, _: &Sources, _: &str) -> Result<Repositories, RepositoryError> {
        Err(RepositoryError::NoSources("none are named".into()))
    }
}

const FILES: [(&str, &str); 12] = [
    ("requirements.txt", "flask==3.0.3\n"),
    ("requirements.in", "flask\n"),
    ("poetry.lock", "[[package]]\nname = \"flask\"\nversion = \"3.0.3\"\n"),
    (
        "uv.lock",
        "version = 1\n[[package]]\nname = \"x\"\nversion = \"1\"\nsource = { virtual = \".\" }\ndependencies = [{ name = \"flask\" }]\n[[package]]\nname = \"flask\"\nversion = \"3.0.3\"\nsource = { registry = \"https://example.org\" }\n",
    ),
    ("pyproject.toml", "[project]\nname = \"x\"\nversion = \"1\"\ndependencies = [\"flask\"]\n"),
    ("true", "#!/bin/sh\ndd if=/dev/zero of=/big\n"),
    ("rm", "#!/bin/sh\ndd if=/dev/zero of=/big\n"),
    ("env.sh", "A=1\nexport B=2\n"),
    ("loud.sh", "head -c 9000000 /dev/zero > /big\n"),
    ("pip.py", "x = 1\n"),
    ("evil.pth", "import os\n"),
    ("lib.so", "x\n"),
];

fn built(lines: &str) -> (Virtual, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in FILES {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let text = if lines.starts_with("FROM") || lines.starts_with('#') {
        lines.to_owned()
    } else {
        format!("FROM base\n{lines}\n")
    };
    fs::write(folder.path().join("Dockerfile"), text).unwrap();
    let options = ContextOptions { platform: "linux/amd64".into(), ..ContextOptions::default() };
    let world = World(RefCell::default());
    let made = read(folder.path(), &options, &world).unwrap_or_else(|error| panic!("{lines}: {error}"));
    (made, world.0.into_inner())
}

fn image(lines: &str) -> Image {
    built(lines).0.image
}

/// What is told of an image that these lines make.
pub fn built_in(lines: &str) -> Virtual {
    built(lines).0
}

/// Whether a shell of this name is on this machine.
pub fn has_shell(name: &str) -> bool {
    std::process::Command::new(name).args(["-c", "exit 0"]).status().is_ok_and(|status| status.success())
}

fn has(image: &Image, path: &str) -> bool {
    View::new(image).get(path.as_bytes()).is_some()
}

/// Lines that may write anything, in each their own way.
const LOUD: &[&str] = &[
    // Branches.
    "RUN false || head -c 900000000 /dev/zero > /big",
    "RUN ! true || dd if=/dev/zero of=/big",
    "RUN test -f /nowhere || make",
    "RUN [ \"$(cat /nobody/knows)\" = a ] && make; true",
    "RUN grep -q x /etc/passwd && make || true",
    "RUN false; head -c 9 /dev/zero > /big",
    "RUN true && { false || make; }",
    "RUN if [ -n \"$HOSTNAME\" ]; then make; fi",
    "RUN case $(date +%s) in *1) make;; *) true;; esac",
    "RUN while ! false; do make; break; done",
    "RUN until grep -q x /etc/group; do make; done",
    "RUN for f in $(ls /); do head -c 9000 /dev/zero > /$f.x; done",
    "RUN (make)",
    "RUN make &",
    "RUN rm /big/of/nothing && rm -rf /x; touch /y & wait",
    "RUN [ -f /etc/os-release ] && make",
    // What fails, and the build goes on.
    "RUN pip install no-such-thing || true",
    "RUN pip download no-such-thing || echo failed",
    "RUN uv pip install --system no-such-thing || pip install flask",
    "RUN pip install no-such-thing; pip install flask",
    "RUN if ! pip install no-such-thing; then ls; fi",
    // Substitutions.
    "RUN touch /a && : $(dd if=/dev/zero of=/big)",
    "RUN echo `dd if=/dev/zero of=/big`",
    "RUN test \"$(dd if=/dev/zero of=/big)\" = a",
    "RUN [ -z \"`dd if=/dev/zero of=/big`\" ] || true",
    "RUN echo ${X:-$(dd if=/dev/zero of=/big)}",
    "RUN A=$(dd if=/dev/zero of=/big) true",
    "RUN export A=\"$(dd if=/dev/zero of=/big)\"",
    "RUN echo hello > /tmp/$(dd if=/dev/zero of=/big)",
    "RUN cat <<EOF > /a\n$(dd if=/dev/zero of=/big)\nEOF",
    "RUN echo $(( $(dd if=/dev/zero of=/big) + 1 ))",
    "RUN cat <(dd if=/dev/zero of=/big)",
    "RUN echo \"a $(echo b; echo $(dd of=/big if=/dev/zero))\"",
    "RUN case \"$(dd if=/dev/zero of=/big)\" in *) ;; esac",
    "RUN for x in $(dd if=/dev/zero of=/big); do :; done",
    // Pipes and input.
    "RUN echo 'dd if=/dev/zero of=/big' | sh",
    "RUN printf 'make\\n' | bash -s",
    "RUN cat /loud.sh | sh",
    "RUN head -c 900 /dev/zero | tee /big",
    "RUN head -c 900 /dev/zero | dd of=/big",
    "RUN ls / | xargs touch",
    "RUN echo /big | xargs dd if=/dev/zero of=/big count=1",
    "RUN yes | head -c 9000 > /big",
    "RUN base64 -d > /big < /etc/passwd",
    // Redirections.
    "RUN head -c 9000 /dev/zero >> /big",
    "RUN head -c 9000 /dev/zero >| /big",
    "RUN head -c 9000 /dev/zero 1> /big",
    "RUN head -c 9000 /dev/zero &> /big",
    "RUN head -c 9000 /dev/zero 1<> /big",
    "RUN date > /stamp",
    "RUN { head -c 9000 /dev/zero; } > /big",
    "RUN exec > /big; head -c 9000 /dev/zero",
    "RUN head -c 9000 /dev/zero 2> /big >&2",
    // Programs that were brought, or mean something else.
    "ENV PATH=/e:$PATH\nCOPY true /e/true\nRUN true | /e/true",
    "ENV PATH=/e\nCOPY true /e/true\nRUN true",
    "COPY true /e/true\nRUN [\"/e/true\"]",
    "COPY rm /bin/rm\nRUN rm -rf /x",
    "COPY rm /usr/local/bin/rm\nRUN rm -rf /x",
    "WORKDIR /w\nCOPY rm .\nENV PATH=.:$PATH\nRUN rm -rf /x",
    "RUN cp /bin/dd /bin/rm\nRUN rm if=/dev/zero of=/big",
    "RUN ln -sf dd /bin/cp\nRUN cp if=/dev/zero of=/big",
    "RUN mv /bin/dd /usr/local/bin/touch\nRUN touch if=/dev/zero of=/big",
    "RUN rm() { dd if=/dev/zero of=/big; }; rm /x",
    "RUN alias ls='dd if=/dev/zero of=/big'; ls",
    "RUN hash -p /bin/dd ls; ls if=/dev/zero of=/big",
    "RUN PATH=$(cat /nobody/knows):$PATH; cp /a /b",
    "COPY true /bin/sh\nRUN ls",
    "SHELL [\"/bin/sh\", \"-c\", \"make\"]\nRUN ls",
    "SHELL [\"/bin/sh\", \"/loud.sh\"]\nRUN ls",
    "SHELL [\"/usr/bin/make\"]\nRUN ls",
    "COPY env.sh /env.sh\nENV BASH_ENV=/env.sh\nSHELL [\"/bin/bash\", \"-c\"]\nRUN ls",
    "COPY lib.so /lib.so\nENV LD_PRELOAD=/lib.so\nRUN ls",
    "COPY lib.so /l/lib.so\nENV LD_LIBRARY_PATH=/l\nRUN ls",
    "WORKDIR /w\nCOPY pip.py .\nRUN python -m pip install flask",
    "COPY pip.py /p/\nENV PYTHONPATH=/p\nRUN pip install flask",
    "COPY evil.pth /usr/local/lib/python3.11/site-packages/\nRUN pip install flask",
    "FROM triggers\nRUN ls",
    // Wrappers.
    "RUN env -S 'make'",
    "RUN sudo make",
    "RUN exec make",
    "RUN find / -name x -exec make \\;",
    "RUN find / -name x -fprint /big",
    "RUN find / -name x -exec rm {} \\; -exec make \\;",
    "RUN find / -name x -prune -o -name y -exec rm -rf {} +",
    "RUN find / -name x -prune -exec rm {} +",
    "RUN trap 'make' EXIT; ls",
    "RUN eval \"ma\"\"ke\"",
    "RUN timeout 10 make",
    "RUN nohup make",
    "RUN command make",
    "RUN busybox dd if=/dev/zero of=/big",
    "RUN sh -c 'sh -c \"make\"'",
    "RUN set -n; ls",
    "RUN python -c 'open(\"/big\", \"w\").write(\"x\" * 10**9)'",
    "RUN echo 'print(1)' | python -v",
    "COPY loud.sh /loud.sh\nRUN . /loud.sh",
    "COPY loud.sh /loud.sh\nRUN sh /loud.sh",
    "COPY loud.sh /loud.sh\nRUN /loud.sh",
    // Files that are none, and options that write.
    "RUN ln -s /dev/zero /z && cp /z /big",
    "RUN cp /dev/zero /big",
    "RUN cp /proc/kcore /big",
    "RUN ln -s /dev/zero /z\nRUN cat /z > /big",
    "RUN mkdir /s && ln -s /dev/zero /s/z && useradd -m -k /s x",
    "RUN useradd -m -k /proc x",
    "RUN useradd -u 1999999999 x",
    "RUN echo x > /proc/self/cwd/big",
    "RUN sort -o /big /dev/zero",
    "RUN uniq /dev/zero /big",
    "RUN file -C -m /etc/passwd",
    "RUN truncate -s 9G /big",
    "RUN fallocate -l 9G /big",
    "RUN sed -n 'w /big' /etc/passwd",
    "RUN sed 's/x/y/w /big' /etc/passwd",
    "RUN sed '1e make' /etc/passwd",
    "RUN awk 'BEGIN { system(\"make\") }'",
    "RUN awk '{ print > \"/big\" }' /etc/passwd",
    "RUN curl -K /loud.sh https://example.org",
    "RUN curl -so /big https://example.org",
    "RUN wget -q https://example.org/big",
    "RUN wget -e robots=off -O- https://example.org",
    "RUN tar xf /a.tar --to-command=make",
    "RUN git clone https://example.org/x",
    "RUN --mount=type=cache,target=/c cp -r /c /x",
    "RUN --mount=type=bind,from=other,target=/c cp -r /c /x",
    "ADD https://example.org/big /big",
    "COPY --from=other / /",
    "RUN <<EOF\nls\nmake\nEOF",
    "RUN <<EOF\n#!/usr/bin/env python3\nopen('/big', 'w')\nEOF",
    "RUN python3 <<EOF\nopen('/big', 'w')\nEOF",
    "RUN ((1)) ; case x in (x) make;; esac",
    "RUN ls; if true; then make",
    "RUN ./configure && make install",
    "RUN python setup.py install",
    // What is not known of a file follows it.
    "RUN head -c 9000 /dev/zero > /a; ln /a /b; rm /a",
    "RUN mkdir /d; head -c 9000 /dev/zero > /d/a; mv /d /e; rm -rf /d",
    "RUN mkdir /d; head -c 9000 /dev/zero > /d/a; cp -r /d /e; rm -rf /d",
    "RUN head -c 9000 /dev/zero > /a; mv /a /b; rm -f /a",
    "RUN head -c 9000 /dev/zero > /a; ln /a /b; ln /b /c; rm /a /b",
    "RUN head -c 9000 /dev/zero > /a; install -m 644 /a /b; rm /a",
    "RUN mkdir /m; ln -s /m /l; head -c 9000 /dev/zero > /l/a; rm -rf /l",
    "FROM base AS a\nRUN head -c 9000 /dev/zero > /big2\nRUN ln /big2 /c\nFROM base\nCOPY --from=a /c /x",
    "FROM base AS a\nRUN mkdir /d; head -c 9000 /dev/zero > /d/f\nRUN mv /d /e\nFROM base\nCOPY --from=a /e /x",
    "FROM base AS a\nRUN mkdir /d; head -c 9000 /dev/zero > /d/f\nRUN cp -r /d /e\nFROM base\nCOPY --from=a /e/f /x",
    "FROM base AS a\nRUN curl -o /t https://example.org && mv /t /u && ln /u /v\nFROM base\nCOPY --from=a /v /x",
    // A removal that may not happen.
    "RUN head -c 9000 /dev/zero > /a; rm --bogus /a; true",
    "RUN head -c 9000 /dev/zero > /a; rm -i /a < /dev/null; true",
    "RUN head -c 9000 /dev/zero > /a; rm /a/; true",
    "RUN head -c 9000 /dev/zero > /dev/stdout | cat > /a",
    "RUN head -c 9000 /dev/zero > /a; rm -r /a/; true",
    "RUN head -c 9000 /dev/zero > /a; unlink /a x; true",
    "RUN mkdir /d; head -c 9000 /dev/zero > /d/a; ln -s /d /l; rm -r /l/; true",
    "RUN mkdir /d; head -c 9000 /dev/zero > /d/a; cd /d; rm -rf .; true",
    "RUN mkdir -p /d/e; head -c 9000 /dev/zero > /d/a; rm -rf /d/e/..; true",
    "RUN find /none || head -c 9000 /dev/zero > /a",
    "RUN head -c 9000 /dev/zero > /a; rm -i /a < /dev/null",
    "RUN head -c 9000 /dev/zero > /a; rm --help /a && true",
    "RUN head -c 9000 /dev/zero > /a; PATH=/x rm /a; true",
    "RUN head -c 9000 /dev/zero > /a; PATH=/x; rm /a",
    "RUN head -c 9000 /dev/zero > /a; pip install --no-such-option six && rm /a; true",
    "RUN head -c 9000 /dev/zero > /a; rm /a > /no/f; true",
    "RUN head -c 9000 /dev/zero > /a; timeout 0.0001 rm /a; true",
    "RUN head -c 9000 /dev/zero > /a; nice -n x rm /a; true",
    "RUN git clone https://example.org/x /t; rm /t; true",
    "RUN wget -P /t https://example.org/x; rm /t; true",
    "RUN cp -r /usr /u; rm -rf '/u*'; true",
    "RUN cp -r /usr /u; rm /u; rm -i -r /u < /dev/null; true",
    "RUN mkdir /u && cp /bin/dd /u/x && find / -name u -o -name y -delete",
    "RUN mkdir /u && ln -s /usr /u/l && cp -rL /u /v",
    "USER 12345\nRUN rm -rf /bin/dd && echo; rm /big/of/base; true",
    // What may fail has not succeeded.
    "RUN umask 888 || make",
    "RUN wait 99999 || make",
    "RUN ulimit -n 99999999999999 || make",
    "RUN printf %d x || make",
    "RUN pwd -X || make",
    "RUN echo x >&- || make",
    "RUN echo x > /dev/full || make",
    "RUN hash nosuchcmd || make",
    "RUN alias nosuch || make",
    "RUN trap : BAD || make",
    "RUN cd /etc /x || make",
    "RUN true < /nosuch || make",
    "RUN (exec 3</nosuch) || make",
    "RUN echo > /no/f || make",
    "RUN : < /nosuch || make",
    "RUN mkdir /no/dir || make",
    "RUN touch /no/f || make",
    "RUN rmdir /etc/passwd || make",
    "RUN chown nosuchuser /etc/passwd || make",
    "RUN mkdir --bogus /x || make",
    "RUN cp /etc /x || make",
    "RUN useradd root || make",
    "RUN nosuch --version || make",
    "RUN [ '(' = ')' ] || make",
    "RUN (export 1x=2) || make",
    "RUN (shift 5) || make",
    "RUN pip install --no-such-option six || make",
    "RUN uv lock --bogus || make",
    "RUN pip install six || make",
    "RUN mkdir -m 99999 /x || make",
    "RUN mkdir -p /etc/passwd || make",
    "RUN mkdir -p /proc/x || make",
    "RUN mkdir /etc/passwd/x || make",
    "RUN touch -d nonsense /x || make",
    "RUN touch /etc/passwd/x || make",
    "RUN ln /etc /x || make",
    "RUN ln -s a /no/dir/b || make",
    "RUN chmod bogus /etc/passwd || make",
    "RUN chmod 644 /nosuch || make",
    "RUN chown root:nosuch /etc/passwd || make",
    "RUN cp /etc/passwd /no/dir/x || make",
    "RUN cp /nosuch /x || make",
    "RUN mv /etc /etc/x || make",
    "RUN rm -f /etc/hosts || make",
    "RUN rm -rf /etc || make",
    "RUN rm -rf /proc/1 || make",
    "RUN rmdir /nosuch || make",
    "RUN unset 1x || make",
    "RUN (set -o pipefail) || make",
    "RUN echo a >&7 || make",
    "RUN echo a > /etc || make",
    "RUN { echo a; } > /no/f || make",
    "RUN { echo a; } >&- || make",
    "RUN echo a 2> /no/f || make",
    "RUN cat < /etc || make",
    "RUN cat /nosuch || make",
    "RUN env nosuch || make",
    "RUN timeout 5 true || make",
    "RUN nosuch || make",
    "RUN command nosuch || make",
    "RUN sh -c \"mkdir /no/dir\" || make",
    "RUN sh -c \"set -e; mkdir /no/dir; true\" || make",
    "RUN (set -e; touch /no/f); [ -f /no/f ] || make",
    "RUN $(echo nosuch) || make",
    "RUN grep -q root /nosuch || make",
    "RUN type nosuch || make",
    "RUN command -v nosuch || make",
    "RUN kill 99999 || make",
    "RUN [ -f /etc/passwd || make",
    "RUN [ a = a ] ] || make",
    "RUN mkdir /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa || make",
    "RUN touch /bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb || make",
    "RUN id nosuch || make",
    "RUN python --version || make",
    "RUN readonly 1x || make",
    "RUN let 0 || make",
    "RUN popd || make",
    "RUN unalias nosuch || make",
    "RUN gosu nosuch true || make",
    "RUN xargs nosuch < /etc/passwd || make",
    "RUN apt-get install -y x || make",
    "RUN ldconfig || make",
    "RUN tee /no/f < /dev/null || make",
    "RUN sed -i s/a/b/ /nosuch || make",
    "RUN ls /nosuch || make",
    "RUN install /nosuch /x || make",
    "RUN test -f /etc/passwd -a || make",
    "RUN touch /f; mkdir -p /f || make",
    "RUN f() { mkdir /no/dir; }; f || make",
    "RUN if mkdir /no/dir; then true; else make; fi",
    "RUN mkdir /no/dir; [ -d /no/dir ] || make",
    "RUN pip install six; [ -d /usr/local/lib/python3.11/site-packages/six ] || make",
    "RUN exec > /dev/full; echo x || make",
    "RUN set -o pipefail; echo x | true || make",
    "RUN --mount=type=cache,target=/c rm -rf /c || make",
    "RUN --mount=type=bind,target=/c touch /c/x || make",
    "RUN ln -s /l /l; mkdir /l/x || make",
    "USER nobody\nRUN mkdir /x || make",
    "USER nobody\nRUN cd /root || make",
    "USER nobody\nRUN touch /x || make",
    "USER nobody\nRUN echo a > /x || make",
    "USER nobody\nRUN chmod 755 /bin/dd || make",
    "USER 12345\nRUN pip install six || make",
    "ARG U\nUSER $U\nRUN mkdir /x || make",
    // What ends a shell, a function or a loop, and what does not.
    "RUN [ \"$(date)\" = x ] || trap 'make' EXIT",
    "RUN [ \"$(date)\" = x ] && trap - EXIT || trap 'make' 0",
    "RUN trap 'make' EXIT; [ \"$(date)\" = x ] && trap - EXIT; true",
    "RUN (trap 'make' EXIT; exit 1) || true",
    "RUN sh -c 'trap make EXIT; exit 1' || true",
    "RUN f() { trap 'make' EXIT; }; f",
    "RUN trap 'exit 0' EXIT; mkdir /no/dir || make; ls",
    "RUN set -e; trap 'make; exit 0' EXIT; false",
    "RUN trap 'make' TERM; kill $$",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN trap 'make' ERR; false; true",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN trap 'make' DEBUG; ls",
    "RUN echo 'return 0' > /f.sh; . /f.sh; make",
    "RUN echo 'return 0' > /f.sh; . /f.sh && make",
    "RUN echo 'f() { return 0; }' > /f.sh; . /f.sh; f; make",
    "RUN break; make",
    "RUN continue; make",
    "RUN f() { break; }; f; make",
    "RUN for i in a; do (break); make; done",
    "RUN for i in a; do break 0; make; done; true",
    "RUN f() { break; }; for i in a; do f; make; done",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN return 0; make",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN exit 1 2; make",
    "RUN { make; exit 1; } & wait",
    "RUN ls() { :; }; unset -f ls; rm() { make; }; unset -f nosuch; rm /x",
    "RUN make() { :; }; unset -f make; make",
    "RUN mkdir() { make; }; [ \"$(date)\" = x ] && unset -f mkdir; mkdir /x",
    "RUN sh -c 'kill $$; rm /big/of/base'; true",
    "RUN (set -u; echo $NOSUCH; rm /big/of/base); make",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN <<EOF\nexport A=\\$((1/0)); exit 1\nmake\nEOF",
    // Values.
    "RUN f() { local A=b; }; A=c; f; [ $A = c ] && make; true",
    "RUN f() { local A; A=b; }; f; [ -z \"$A\" ] && make; true",
    "RUN [ $((010)) = 10 ] || make",
    "RUN [ $((0x10)) -ne 16 ] || make",
    "RUN IFS=,; set -- a b; [ \"$*\" = \"a b\" ] || make",
    "RUN A=/x:~/y; [ \"$A\" = '/x:~/y' ] || make",
    "RUN A=1; A=2 :; [ $A = 2 ] && make; true",
    "RUN A=1; A=2 eval :; [ $A = 2 ] && make; true",
    "RUN case ab in [[:alpha:]]b) make;; esac",
    "RUN case . in [[:punct:]]) make;; esac",
    "RUN readonly A=1; (A=2) || make",
    "RUN printf 'a b\\n' | { read A B; [ \"$B\" = b ] && make; true; }",
    "RUN cat <<EOF > /x; [ -n \"$A\" ] && make; true\n${A:=b}\nEOF",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN A=b; declare -n B=A; B=c; [ $A = c ] && make; true",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN declare -i A; A=1+1; [ $A = 2 ] && make; true",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN declare -u A; A=b; [ $A = B ] && make; true",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN echo abc | { read -n1 A; [ $A = a ] && make; true; }",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN [[ abc = a* ]] && make; true",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN [[ abc =~ ^a.c$ ]] && make; true",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN ((case a in a) make;; esac); true)",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN ((case a in a) true;; esac; make))",
    "RUN ((make); true)",
    "RUN echo abc > /w.x; mkdir /d; cp -r /bin/dd /d; mv /d/* /*.x; true",
    "RUN export A=$(echo b c); [ \"$A\" = 'b c' ] && make; true",
    "RUN <<EOF\nreadonly A\necho \\${A=b} > /x\nmake\nEOF",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN A=(b c); [ ${A[1]} = c ] && make; true",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN printf -v A b; [ $A = b ] && make; true",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN shopt -s expand_aliases; make",
    "ENV A=true\nENV A=false B=$A\nRUN $B && make; true",
    "ARG X='$A'\nENV A=b\nRUN [ \"$X\" = '$A' ] && make; true",
    "ENV A=1\nARG A=2\nRUN [ \"$A\" = 2 ] && make; true",
    "ARG PYTHON_VERSION=3\nRUN [ \"$PYTHON_VERSION\" = 3 ] && make; true",
    // Lines of texts.
    "RUN printf 'a\\nb\\n' > /t; [ \"$(tail -n +2 /t)\" = b ] && make; true",
    "RUN printf 'a\\nb\\n' > /t; [ \"$(head -n -1 /t)\" = a ] && make; true",
    "RUN echo a | grep -q -e a -e zz && make; true",
    "RUN echo a | grep -q -e zz -e a && make; true",
    "RUN echo 'a$b' | grep -q 'a$b' && make; true",
    "RUN echo 'a^b' | grep -q 'a^b' && make; true",
    "RUN [ \"$(echo abcd | sed -E 's/a|ab|abcd//')\" = '' ] && make; true",
    "RUN [ \"$(echo ab | sed 's/x*/-/g')\" = -a-b- ] && make; true",
    // Other stages.
    "FROM base AS b\nRUN make\nFROM base\nCOPY --from=b /opt /opt",
    "FROM base AS b\nCOPY requirements.txt /r/\nRUN make\nFROM base\nCOPY --from=b /r /r",
    "FROM base AS b\nRUN curl -o /o/f https://example.org\nFROM base\nCOPY --from=b /o /x",
    "FROM base AS b\nRUN make\nFROM base\nRUN --mount=from=b,target=/b cp -r /b/x /x",
];

/// Each of the lines makes an image of which not all is known.
pub fn all_have_gaps(lines: &[&str], image: fn(&str) -> Image) {
    let quiet: Vec<&&str> = lines.iter().filter(|lines| image(lines).gaps.is_empty()).collect();
    assert!(quiet.is_empty(), "{quiet:#?}");
}

/// Each of the lines makes an image of which all is known.
pub fn none_has_gaps(lines: &[&str], image: fn(&str) -> Image) {
    let loud: Vec<String> = lines
        .iter()
        .map(|lines| (lines, image(lines).gaps))
        .filter(|(_, gaps)| !gaps.is_empty())
        .map(|(lines, gaps)| {
            let told: Vec<String> = gaps.iter().map(|gap| format!("{}: {}", gap.command, gap.why)).collect();
            format!("{lines}\n    {}", told.join("\n    "))
        })
        .collect();
    assert!(loud.is_empty(), "{}", loud.join("\n"));
}

#[test]
fn no_line_that_may_write_is_passed_over() {
    all_have_gaps(LOUD, image);
}

/// Lines that people write, of which all is known.
const KNOWN: &[&str] = &[
    "RUN set -eux; mkdir -p /app; cd /app; echo hello > greeting; rm -rf /tmp/x",
    "RUN set -eux && touch /a && chmod 644 /a || exit 1",
    "RUN mkdir /x || true",
    "RUN rm -f /nothing || :",
    "RUN grep -q root /etc/passwd || { echo no root >&2; exit 1; }",
    "RUN [ -f /nowhere ] && rm /nowhere || true",
    "RUN if [ -f /etc/os-release ]; then echo there; else make; fi",
    "RUN if [ ! -d /nowhere ]; then mkdir /nowhere; fi",
    "RUN test -f /nowhere && make || echo none",
    "ARG DEV\nRUN if [ \"$DEV\" = \"true\" ]; then make; fi",
    "ARG DEV=false\nRUN if [ \"${DEV:-false}\" = \"true\" ] ; then make; else ls; fi",
    "ARG TARGETARCH\nRUN case \"$TARGETARCH\" in amd64|x86_64) A=x86_64 ;; arm64|aarch64) A=aarch64; make ;; *) exit 1 ;; esac; echo \"$A\" > /arch",
    "RUN case $(uname -m) in x86_64) echo x > /a;; *) make;; esac",
    "RUN [ \"$(dpkg --print-architecture)\" = amd64 ] || make",
    "RUN for d in a b c; do mkdir -p /data/$d; done",
    "RUN rm -rf $(pip cache dir) && tesseract -v || true",
    "RUN python --version && pip --version && ffmpeg -version && node -v",
    "RUN which python; command -v pip; type python; uname -a; nproc; id; env; pwd; date; whoami",
    "RUN ls -la / | head -n 3 && cat /etc/os-release | grep ID",
    "RUN echo \"alias ll='ls -l'\" >> /root/.bashrc",
    "RUN printf '%s\\n' a b > /list && cat /list && sort /list | uniq",
    "RUN find / -name '*.pyc' -delete && find /usr -type d -name __pycache__ -exec rm -rf {} +",
    "RUN find /usr -name '__pycache__' -type d -prune -exec rm -rf {} + && find /opt \\( -name tests -o -name test \\) -prune -exec rm -r {} \\;",
    "RUN find / -name '*.a' | xargs rm -f",
    "RUN find / -name '*.a' -print0 | xargs -0 -r rm -f",
    "RUN useradd -m -u 1000 -s /bin/bash app && chown -R app:app /home/app",
    "RUN groupadd -r app && useradd --no-log-init -r -g app app",
    "RUN useradd -ms /bin/bash app && useradd -rm -d /srv other",
    "RUN addgroup --system app && adduser --system --ingroup app app",
    "RUN ln -sf /usr/local/bin/python3 /usr/bin/python && python --version",
    "RUN ln -s /usr/local/bin/python3.11 /usr/bin/python3.11",
    "RUN cat <<EOF > /etc/app.conf\nname = app\nEOF",
    "RUN <<EOF\nset -e\nmkdir -p /opt/app\necho done\nEOF",
    "RUN <<EOF\n#!/bin/bash -e\nmkdir /x\nEOF",
    "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN echo a | grep a && mkdir /x",
    "SHELL [\"/bin/bash\", \"-euxo\", \"pipefail\", \"-c\"]\nRUN mkdir /x",
    "RUN export A=1 B=\"two words\" && echo $A > /a",
    "RUN A=/x; B=\"${A%/}\"; mkdir -p \"$B\"",
    "RUN bash -c 'mkdir /x && touch /x/y'",
    "RUN [\"mkdir\", \"/x\"]",
    "RUN umask 022 && ulimit -n && sleep 1 && true",
    "RUN (cd /tmp && ls) && ! false",
    "RUN trap 'echo bye' EXIT; ls",
    "RUN wget -qO- https://example.org | wc -c; curl -fsSL https://example.org | sha256sum",
    "RUN curl -fsSL https://example.org/t.tar.gz -o /tmp/t.tar.gz && sha256sum /tmp/t.tar.gz && rm /tmp/t.tar.gz",
    "COPY env.sh /env.sh\nRUN . /env.sh && echo $A$B > /a",
    "RUN . /etc/os-release && echo $VERSION_CODENAME > /codename",
    "COPY requirements.txt .\nRUN sed -i '/torch/d' requirements.txt && pip install -r requirements.txt",
    "COPY requirements.txt .\nRUN grep -v torch requirements.txt > r.txt && pip install -r r.txt",
    "COPY requirements.txt .\nRUN pip install -r requirements.txt && pip check && pip list",
    "ARG PIP_ARGS\nCOPY requirements.txt .\nRUN pip install $PIP_ARGS -r requirements.txt",
    "ENV PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1 PYTHONPATH=/app LD_LIBRARY_PATH=/usr/local/cuda/lib64\nCOPY requirements.txt /app/\nRUN pip install flask",
    "RUN --mount=type=cache,target=/root/.cache/pip pip install flask",
    "RUN --mount=type=bind,source=requirements.txt,target=/tmp/r.txt pip install -r /tmp/r.txt",
    "RUN python -m venv /opt/venv && . /opt/venv/bin/activate && pip install flask",
    "RUN install -d -m 755 /srv/app && tee /srv/app/x < /etc/os-release > /dev/null",
    "RUN echo one two | while read a; do echo $a; done",
    "RUN i=0; while [ $i = 0 ]; do i=1; mkdir /once; done",
    "RUN f() { mkdir -p \"$1\"; }; f /a; f /b",
    "RUN cp -r /etc/skel/. /home/x/ && mv /home/x /home/y",
    "RUN apt-get clean && rm -rf /var/lib/apt/lists/* /tmp/* /var/tmp/*",
    "RUN rm -rf /var/lib/apt/lists/*; rm -rf /tmp/*; true",
    "RUN mkdir -p /x || true",
    "RUN useradd x || true",
    "RUN [ -f x ] && rm x || true",
    "RUN mkdir -p /data /var/log/app; chmod 777 /data; chown root:root /var/log/app; true",
    "RUN mkdir -pm 755 /x/y && touch /x/y/z; ls /x/y",
    "RUN mkdir /a; touch /a/b; cp /a/b /a/c; mv /a/c /a/d; rm /a/d; rmdir /a || true",
    "RUN cd /tmp || exit 1; echo a > /tmp/a; rm /tmp/a",
    "WORKDIR /srv/app\nRUN cd /srv/app; mkdir data; touch data/db.sqlite3; chmod -R a+rwX /srv/app; true",
    "RUN ln -s /etc/passwd /p; ln -sf /etc/group /p; true",
    "RUN curl -o /t https://example.org; rm /t",
    "RUN curl -o /t https://example.org && mv /t /u && rm /u",
    "RUN sh -c 'set -e; mkdir -p /x; touch /x/y'",
    "RUN echo 'export A=1' >> /etc/profile.d/a.sh; echo b > /etc/b.conf; true",
    "RUN groupadd -g 1000 app; useradd -u 1000 -g app -m app; chown -R app:app /home/app; true",
    "RUN adduser --disabled-password --gecos '' app || true",
    "RUN chmod +x /bin/dd || true",
    "RUN export A=b; set -eu; unset A; umask 022; true",
    "RUN find /usr/local -name '*.pyc' -delete; find /usr/local -name __pycache__ -exec rm -rf {} +; true",
    "RUN echo ready > /ready; test -f /ready && cat /ready || make",
    "USER nobody\nWORKDIR /w\nRUN mkdir -p data && touch data/x",
    "RUN pip install six || true",
    "RUN rm -f /etc/nginx/sites-enabled/default || true",
    "RUN update-alternatives --install /usr/bin/python python /usr/local/bin/python3 1",
    "RUN git config --global --add safe.directory /app",
    "RUN export A=\"$(echo b c)\" B=$(echo d) && mkdir -p \"/$A\" /$B",
    "RUN f() { local a=\"$1\"; mkdir -p \"/srv/$a\"; }; f x && f y",
    "RUN f() { [ -n \"$1\" ] || return 1; touch \"/$1\"; }; f a; f b",
    "RUN for i in 1 2 3; do [ $i = 2 ] && break; touch /x$i; done",
    "RUN for i in a b; do case $i in a) continue ;; esac; touch /$i; done",
    "RUN i=0; while [ $i -lt 3 ]; do i=$((i + 1)); touch /n$i; done; [ $i -eq 3 ] || make",
    "RUN tmp=/tmp/build; trap 'rm -rf /tmp/build' EXIT; mkdir -p \"$tmp\"",
    "RUN version=3.11.9; minor=\"${version%.*}\"; mkdir -p /opt/python\"$minor\"; [ \"$minor\" = 3.11 ] || make",
    "RUN url=https://example.org/a.tar.gz; file=\"${url##*/}\"; [ \"$file\" = a.tar.gz ] || make",
    "RUN umask 022; (umask 077; mkdir -p /run/secret); ls",
    "RUN set -eu; : \"${PYTHON_VERSION:?is not set}\"; mkdir /v",
    "RUN printf 'a\\nb\\n' | grep -v '^a$' > /list; [ \"$(head -n 1 /list)\" = b ] || make",
    "RUN echo 'x = 1' > /c && sed -i -E 's/^x = [0-9]+$/x = 2/' /c && { grep -q '^x = 2$' /c || make; }",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN if [[ \"$PYTHON_VERSION\" == 3.* ]]; then mkdir /x; else make; fi",
    "SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN set -eu; declare -r A=b; mkdir -p \"/$A\"",
    "SHELL [\"/bin/bash\", \"-c\"]\nRUN <<EOF\nset -euo pipefail\nexport A=b\nmkdir -p \"/\\$A\"\nEOF",
    "ENV A=/srv B=x\nENV C=$A/$B\nRUN mkdir -p \"$C\" && [ \"$C\" = /srv/x ] || make",
    "RUN time ls && nice -n 5 ls && timeout 5 ls && env A=b ls",
];

#[test]
fn what_people_write_and_is_known_is_no_gap() {
    none_has_gaps(KNOWN, image);
}

#[test]
fn a_case_runs_the_arm_that_fits_and_its_patterns_are_no_commands() {
    let lines = "ARG TARGETARCH\nRUN case \"$TARGETARCH\" in amd64|x86_64) A=x86_64 ;; arm64) A=aarch64 ;; esac; echo \"$A\" > /arch\n";
    let made = image(lines);
    assert_eq!(made.gaps, []);
    let entry = made.layers.iter().flat_map(|layer| &layer.entries).find(|entry| entry.path.as_bytes() == b"arch");
    assert_eq!(entry.map(|entry| entry.size), Some(7));
}

/// The text of the requirements that the last installation asked for.
fn asked(lines: &str) -> String {
    let (made, mut asked) = built(lines);
    assert_eq!(made.image.gaps, [], "{lines}");
    asked.pop().unwrap_or_else(|| panic!("{lines}: nothing was asked for"))
}

#[test]
fn requirements_that_a_command_wrote_are_what_is_installed() {
    for (lines, expected) in [
        ("RUN echo flask==3.0.3 > /r.txt && pip install -r /r.txt", "flask==3.0.3\n"),
        ("COPY <<EOF /r.txt\nflask==3.0.3\nEOF\nRUN pip install -r /r.txt", "flask==3.0.3\n"),
        ("RUN cat <<EOF > /r.txt\nflask\nsix\nEOF\nRUN pip install -r /r.txt", "flask\nsix\n"),
        ("RUN printf 'a==%s\\n' 1 > /r.txt && pip install -r /r.txt", "a==1\n"),
        ("RUN echo six | tee /r.txt && pip install -r /r.txt", "six\n"),
        (
            "COPY requirements.txt /\nRUN echo six >> /requirements.txt && pip install -r /requirements.txt",
            "flask==3.0.3\nsix\n",
        ),
        (
            "COPY requirements.txt /\nRUN sed -i 's/3.0.3/3.1.0/' /requirements.txt && pip install -r /requirements.txt",
            "flask==3.1.0\n",
        ),
        ("COPY requirements.txt /\nRUN sed 's/==.*//' /requirements.txt > /r.txt && pip install -r /r.txt", "flask\n"),
        (
            "COPY requirements.txt /\nRUN echo six > /a && cat /requirements.txt /a > /b && mv /b /c && cp /c /d && pip install -r /d",
            "flask==3.0.3\nsix\n",
        ),
        ("RUN for p in a b; do echo $p >> /r.txt; done; pip install -r /r.txt", "a\nb\n"),
        ("RUN echo six | pip install -r /dev/stdin", "six\n"),
        (
            "FROM base AS r\nRUN echo six > /r.txt\nFROM base\nCOPY --from=r /r.txt /x/\nRUN pip install -r /x/r.txt",
            "six\n",
        ),
    ] {
        assert_eq!(asked(lines), expected, "{lines}");
    }
}

#[test]
fn an_export_is_a_list_wherever_it_is_taken() {
    let lines = "FROM base AS r\nWORKDIR /tmp\nCOPY pyproject.toml poetry.lock ./\nRUN poetry export -f requirements.txt -o requirements.txt --without-hashes\nFROM base\nWORKDIR /srv\nCOPY --from=r /tmp/requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt\n";
    assert_eq!(asked(lines), "flask==3.0.3\n");
    for command in [
        "uv export --frozen > /r.txt && pip install -r /r.txt",
        "uv export -o /r.txt && mv /r.txt /s.txt && pip install -r /s.txt",
        "uv export --frozen | uv pip install --system -r -",
    ] {
        let lines = format!("COPY uv.lock pyproject.toml ./\nRUN {command}");
        assert_eq!(asked(&lines), "flask==3.0.3\n", "{command}");
    }
    let lines = "COPY requirements.in ./\nRUN pip-compile requirements.in && pip install -r requirements.txt";
    assert_eq!(asked(lines), "flask\n");
}

#[test]
fn an_option_of_an_installer_that_is_not_followed_is_a_gap() {
    let lock = "COPY uv.lock pyproject.toml poetry.lock ./\n";
    for (lines, word) in [
        ("RUN uv sync --frozen --no-install-package flask", "--no-install-package"),
        ("RUN uv sync --frozen --nobody-knows", "--nobody-knows"),
        ("RUN uv sync --frozen --all-packages", "--all-packages"),
        ("RUN uv pip install --system --no-sources flask", "--no-sources"),
        ("RUN uv pip install --system --python-version 3.9 flask", "--python-version"),
        ("RUN uv export --no-emit-package flask > /r.txt", ""),
        ("RUN poetry install --no-directory", "--no-directory"),
        ("RUN poetry install --nobody", "--nobody"),
        ("RUN apt-get install -y --only-upgrade curl", "--only-upgrade"),
        ("RUN apt-get install -y --nobody curl", "--nobody"),
        ("RUN apk add --nobody curl", "--nobody"),
        ("RUN apk add --root /rootfs --initdb busybox", "--root"),
        ("RUN apk --repositories-file /r add curl", "--repositories-file"),
        ("RUN pip install --platform any --no-deps flask", "--platform"),
    ] {
        let gaps = image(&format!("{lock}{lines}")).gaps;
        let told = |why: &GapReason| matches!(why, GapReason::Option(told) if told == word);
        assert!(gaps.iter().any(|gap| word.is_empty() || told(&gap.why)), "{lines}: {gaps:?}");
    }
}

#[test]
fn an_installer_is_read_as_it_reads_itself() {
    let lock = "COPY uv.lock pyproject.toml ./\n";
    for (lines, expected) in [
        // Letters in one word, a value behind a sign, options before the verb, the beginning of a name.
        ("RUN printf 'flask\\n' > /r.txt && pip install -qr /r.txt", "flask\n"),
        ("RUN pip --quiet --no-cache install --require-virt flask", "flask\n"),
        ("RUN uv --quiet pip install -nq --system -p=3.11 flask", "flask\n"),
        ("RUN uv pip install --system -r pyproject.toml --extra web", "project [] [\"web\"]"),
        ("RUN uv sync --frozen --no-install-local --no-cache", "uv.lock "),
        ("RUN uv sync --frozen --only-dev --no-cache", "only_groups: [\"dev\"]"),
    ] {
        let text = asked(&format!("{lock}{lines}"));
        assert!(text.contains(expected), "{lines}: {text}");
    }
    assert!(built(&format!("{lock}RUN uv sync --frozen --dry-run")).1.is_empty());
}

#[test]
fn flags_that_a_loop_builds_up_are_read() {
    let lines = "ARG EXTRAS=\"data web\"\nCOPY pyproject.toml uv.lock ./\nRUN set -eu; flags=\"\"; for e in $EXTRAS; do flags=\"$flags --extra $e\"; done; uv sync --frozen --no-install-project --no-cache $flags";
    let text = asked(lines);
    assert!(text.contains("extras: [\"data\", \"web\"]"), "{text}");
    let unknown =
        "COPY uv.lock pyproject.toml ./\nRUN for e in $(ls /); do f=\"$f --extra $e\"; done; uv sync --frozen $f";
    assert!(image(unknown).gaps.iter().any(|gap| matches!(gap.why, GapReason::Value(_))));
}

#[test]
fn what_an_unknown_command_may_have_changed_is_doubted_where_it_is_installed() {
    let lines = "COPY requirements.txt /\nRUN make\nRUN pip install -r /requirements.txt";
    let whys: Vec<GapReason> = image(lines).gaps.into_iter().map(|gap| gap.why).collect();
    assert_eq!(whys, [GapReason::Program, GapReason::Doubtful("/requirements.txt".into())]);
    let later = "RUN make\nCOPY requirements.txt /\nRUN pip install -r /requirements.txt";
    assert_eq!(image(later).gaps.len(), 1, "what was copied behind it is known");
    let elsewhere =
        "COPY requirements.txt /\nRUN curl -o /opt/x https://example.org\nRUN pip install -r /requirements.txt";
    assert_eq!(image(elsewhere).gaps.len(), 1);
}

#[test]
fn a_gap_says_where_it_may_have_written_and_no_stage_takes_over_another_ones() {
    let writes = |lines: &str| image(lines).gaps.into_iter().map(|gap| gap.writes).collect::<Vec<_>>();
    let at = |path: &str| Writes::Within(vec![ImagePath::from(path)]);
    assert_eq!(writes("RUN make"), [Writes::Anywhere]);
    assert_eq!(writes("RUN curl -o /opt/x https://example.org"), [at("opt/x")]);
    assert_eq!(writes("WORKDIR /w\nRUN git clone https://example.org/y/z.git"), [at("w/z")]);
    assert_eq!(writes("RUN curl -o /opt/x --libcurl /y https://example.org"), [Writes::Anywhere]);
    assert_eq!(
        writes("RUN mkdir /d && ln -s /etc /d/e && tar xf /a.tar -C /d"),
        [Writes::Anywhere],
        "through the link"
    );
    let stage = |from: &str| {
        writes(&format!(
            "FROM base AS b\nRUN curl -o /o/f https://example.org\nRUN touch /p\nFROM base\nCOPY --from=b {from} /x\n"
        ))
    };
    assert_eq!(stage("/o"), [at("x")]);
    assert_eq!(stage("/o/f"), [at("x")]);
    assert_eq!(stage("/p"), []);
}

#[test]
fn a_file_that_is_fetched_and_removed_at_once_leaves_nothing_to_know() {
    assert_eq!(image("RUN curl -o /t https://example.org && rm /t").gaps, []);
    assert_eq!(image("RUN curl -o /t https://example.org\nRUN rm /t").gaps.len(), 1, "the layer below keeps it");
    assert_eq!(image("RUN curl -o /t https://example.org && rm /u; true").gaps.len(), 1);
}

#[test]
fn what_surely_fails_ends_the_build() {
    for run in ["cp /none /x", "mv /none /x", "rm /none", "cd /none", "cd /none && make", "cp /bin/dd /none /tmp"] {
        let gaps = image(&format!("RUN {run}")).gaps;
        assert!(gaps.len() == 1 && gaps[0].why == GapReason::EndsBuild, "{run}: {gaps:?}");
    }
    for run in ["cp /none /x || true", "cd /none; true", "if cd /none; then make; fi", "rm -f /none"] {
        assert_eq!(image(&format!("RUN {run}")).gaps, [], "{run}");
    }
}

#[test]
fn what_does_not_run_is_not_there_and_what_may_run_is_told_once() {
    let made =
        image("RUN false && touch /a; true && touch /b; false || touch /c; ! false && touch /d; true || touch /e");
    let there: Vec<bool> = ["a", "b", "c", "d", "e"].iter().map(|path| has(&made, path)).collect();
    assert_eq!((there, made.gaps), (vec![false, true, true, true, false], Vec::new()));
    let maybe = image("RUN grep -q x /etc/passwd && touch /a; true");
    let told: Vec<(&str, &Writes)> = maybe.gaps.iter().map(|gap| (gap.command.as_str(), &gap.writes)).collect();
    assert_eq!(told, [("touch /a", &Writes::Within(vec![ImagePath::from("a")]))]);
    assert!(!has(&maybe, "a"));
    // The build would fail without it.
    assert_eq!(image("RUN grep -q x /etc/passwd && touch /a").gaps, []);
}

#[test]
fn endless_and_deep_scripts_end_and_are_gaps() {
    let deep = format!("RUN {}ls{}", "(".repeat(500), ")".repeat(500));
    let nested = format!("RUN {}true{}", "if true; then ".repeat(300), "; fi".repeat(300));
    let many = format!("RUN {}", "[ -n \"$HOSTNAME\" ] && touch /a; ".repeat(400));
    for lines in [
        deep.as_str(),
        &nested,
        &many,
        "RUN f() { f; }; f",
        "RUN while true; do :; done",
        "RUN for a in 1 2 3 4 5 6 7 8 9; do for b in 1 2 3 4 5 6 7 8 9; do for c in 1 2 3 4 5 6 7 8 9; do for d in 1 2 3 4 5 6 7 8 9; do ls; done; done; done; done",
        "RUN x=a; while true; do x=$x$x$x$x$x$x$x$x; done",
        "RUN eval eval eval eval 'sh -c \"sh -c make\"'",
    ] {
        assert!(!image(lines).gaps.is_empty(), "{}", lines.chars().take(60).collect::<String>());
    }
}
