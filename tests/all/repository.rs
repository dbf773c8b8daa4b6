//! What an install command would bring: package indexes on loopback, whole and broken. There is no Alpine to compare with
//! here: its indexes are made by the tests.

use crate::fixture::image;
use crate::repositories::*;
use crate::server::{ok, reply};
use slimwright::fs::View;
use slimwright::image::Cache;
use slimwright::os::{PackageManager, parse_installed, parse_status};
use slimwright::ospackages::*;
use std::cmp::Ordering;

#[test]
fn an_images_own_files_lead_to_what_would_be_installed() {
    let mut files = Files::new();
    let main = packages(
        "libgl1 1.4 Depends=libc6 (>= 2.30), libglx0 (= 1.4);Section=libs\nlibglx0 1.4 Installed-Size=200;Size=70000",
    );
    suite(
        &mut files,
        "bookworm",
        "Acquire-By-Hash: yes\nNo-Support-for-Architecture-all: Packages\n",
        &main,
        &[".gz", ".xz"],
    );
    suite(
        &mut files,
        "bookworm-security",
        "Codename: bookworm-security\n",
        &packages("libgl1 1.4+deb12u1 Depends=libglx0"),
        &[".xz"],
    );
    let server = serve(files);
    let host = server.host();
    let image = image(&format!(
        "layer\nf etc/apt/sources.list.d/debian.sources = Types: deb deb-src\\nURIs: http://{host}/debian\\n# a comment\\nSuites: bookworm bookworm-security\\nComponents: main\\nSigned-By: /usr/share/keyrings/x.gpg\\n
         f etc/apt/sources.list = # deb http://{host}/no no no\\ndeb cdrom:[Debian 12]/ bookworm main\\n
         f etc/apt/apt.conf.d/docker-clean = DPkg::Post-Invoke {{ \"rm -f /var/cache/apt/archives/*.deb || true\"; }};\\nDir::Cache::pkgcache \"\";\\n
         f etc/apt/apt.conf.d/docker-no-languages = Acquire::Languages \"none\";\\n"
    ));
    let sources = Sources::new(&View::new(&image));
    assert_eq!(sources.list.len(), 2, "{sources:?}");
    assert_eq!(sources.ignored.len(), 1);
    let repositories = Repositories::open(&sources, "amd64", &options()).unwrap();
    assert_eq!(repositories.problems, sources.ignored);
    assert_eq!(repositories.requests, 4);
    let asked: Vec<String> = server.requests().into_iter().map(|request| request.target).collect();
    assert!(asked.iter().any(|target| target.contains("/by-hash/SHA256/")), "{asked:?}");
    assert!(!asked.iter().any(|target| target.ends_with(".gz")), "the smallest is asked for: {asked:?}");
    let done = repositories.install(&request(PackageManager::Dpkg, "libgl1"), &installed("libc6 2.36"));
    assert_eq!(names(&done), ["libgl1 1.4+deb12u1", "libglx0 1.4"]);
    assert_eq!(done.unknown, []);
    assert_eq!((done.archives, done.caches), (0, 0));
    assert!(done.lists > main.len() as u64 && done.lists < 2 * main.len() as u64 + 2_000, "{}", done.lists);
    let [gl, glx] = &done.packages[..] else { panic!() };
    assert!(gl.manual && !glx.manual && glx.because == "libgl1");
    assert_eq!((glx.wire, glx.bytes > 150_000, glx.bytes <= 204_800), (70_000, true, true));
    let (parsed, bad) = parse_status(&[gl.stanza.clone(), glx.stanza.clone()].concat());
    assert!(bad.is_empty());
    assert_eq!(parsed[0].depends, [["libglx0"]]);
    assert_eq!(parsed[1].declared.installed_size, Some(204_800));
}

#[test]
fn sources_are_read_in_both_styles() {
    let (list, ignored) = parse_sources_list(
        b"# nothing\n\
          deb [arch=amd64,arm64 signed-by=/usr/share/k.gpg] https://deb.example.org/debian bookworm main contrib # more\n\
          deb-src https://deb.example.org/debian bookworm main\n\
          deb [ trusted=yes ] http://flat.example.org/repo ./\n\
          deb cdrom:[Debian GNU/Linux 12]/ bookworm main\n\
          deb file:///srv/repo bookworm main\n\
          deb tor+http://deb.example.org/debian bookworm main\n\
          deb https://user:hunter2@deb.example.org/debian bookworm\n\
          deb [arch=amd64 https://x\n\
          rpm https://x y z\n\
          deb\n",
        "/etc/apt/sources.list",
    );
    assert_eq!(list.len(), 2);
    assert_eq!(
        (list[0].suite.as_str(), &list[0].components[..]),
        ("bookworm", &["main".to_owned(), "contrib".into()][..])
    );
    assert_eq!(
        (&list[0].architectures[..], list[0].place.as_str()),
        (&["amd64".to_owned(), "arm64".into()][..], "/etc/apt/sources.list:2")
    );
    assert_eq!((list[1].suite.as_str(), list[1].components.len()), ("./", 0));
    let reasons: Vec<String> = ignored.iter().map(|(place, reason)| format!("{place}: {reason}")).collect();
    assert_eq!(reasons.len(), 7, "{reasons:#?}");
    assert!(reasons[0].contains("cdrom") && reasons[1].contains("`file:`") && reasons[2].contains("tor+http"));
    assert!(
        reasons[3].contains("expected a component") && !format!("{reasons:?}{list:?}").contains("hunter2"),
        "{reasons:?}"
    );

    let (list, ignored) = parse_deb822_sources(
        b"Types: deb\nURIs: https://a.example.org/ubuntu\n https://b.example.org/ubuntu\nSuites: noble noble-updates\n\
          Components: main\n universe\nArchitectures: amd64\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n x\n\n\n\
          # off\nTypes: deb\nURIs: https://c.example.org\nSuites: x\nComponents: y\nEnabled: no\n\n\
          Types: deb-src\nURIs: https://d.example.org\nSuites: x\nComponents: y\n\n\
          Types: deb\nURIs: https://e.example.org\n\nnonsense\n",
        "ubuntu.sources",
    );
    let shown: Vec<String> = list.iter().map(|source| format!("{source:?}")).collect();
    assert_eq!(shown[3], "ubuntu.sources:1: https://b.example.org/ubuntu noble-updates main universe");
    assert_eq!((list.len(), list[0].architectures.len()), (4, 1));
    let places: Vec<&str> = ignored.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["ubuntu.sources:15", "ubuntu.sources:26", "ubuntu.sources:29"], "{ignored:?}");

    let (list, ignored) = parse_repositories(
        b"https://deb.example.org/alpine/v3.20/main\n#https://x\n@edge https://deb.example.org/alpine/edge/main\n/media/cdrom/apks\nftp://x/y\n",
        "repositories",
    );
    assert_eq!((list.len(), list[1].tag.as_deref(), ignored.len()), (2, Some("edge"), 2));
}

#[test]
fn what_cannot_be_asked_is_said() {
    let image = image("layer\nf etc/os-release = ID=debian\\n");
    let none = Repositories::open(&Sources::new(&View::new(&image)), "amd64", &options()).unwrap_err();
    assert!(none.to_string().contains("name none"), "{none}");
    let server = debian("a 1");
    let mut sources = sources(&server);
    sources.list[0].architectures = vec!["arm64".into()];
    let other = Repositories::open(&sources, "amd64", &options()).unwrap_err();
    assert!(other.to_string().contains("has none for amd64"), "{other}");
    assert!(server.requests().is_empty());
}

#[test]
fn a_dead_mirror_is_an_error_and_one_of_two_a_problem() {
    let server = debian("a 1");
    let dead = debian("b 1");
    let mut list = sources(&dead);
    drop(dead);
    let error = Repositories::open(&list, "amd64", &options()).unwrap_err();
    let RepositoryError::Unreadable { place, .. } = &error else { panic!("{error}") };
    assert!(place.contains("/debian bookworm"), "{place}");
    list.list.extend(sources(&server).list);
    let repositories = Repositories::open(&list, "amd64", &options()).unwrap();
    assert_eq!(repositories.problems.len(), 1);
    assert_eq!(names(&repositories.install(&request(PackageManager::Dpkg, "a"), &installed("x 1"))), ["a 1"]);
}

/// What a server whose answers are changed leads to.
fn broken(change: impl Fn(&mut Files)) -> String {
    let mut files = Files::new();
    suite(&mut files, "bookworm", "", &packages("a 1"), &[".gz"]);
    change(&mut files);
    let server = serve(files);
    Repositories::open(&sources(&server), "amd64", &options()).unwrap_err().to_string()
}

#[test]
fn what_is_not_what_was_promised_is_refused() {
    const INDEX: &str = "/debian/dists/bookworm/main/binary-amd64/Packages.gz";
    const RELEASE: &str = "/debian/dists/bookworm/InRelease";
    let text = |files: &Files| String::from_utf8(files[RELEASE].clone()).unwrap();
    let flipped = broken(|files| *files.get_mut(INDEX).unwrap().last_mut().unwrap() ^= 1);
    assert!(flipped.contains("Packages.gz: expected sha256:") && flipped.contains("found sha256:"), "{flipped}");
    let longer = broken(|files| files.get_mut(INDEX).unwrap().push(0));
    assert!(longer.contains("expected at most") && longer.contains("bytes"), "{longer}");
    let missing = broken(|files| drop(files.remove(INDEX)));
    assert!(missing.contains("is not there (HTTP 404)"), "{missing}");
    let unsigned = broken(|files| {
        files.insert(RELEASE.into(), b"<html>hello</html>".to_vec());
    });
    assert!(unsigned.contains("expected a list of SHA-256 digests"), "{unsigned}");
    let elsewhere = broken(|files| {
        files.insert(RELEASE.into(), text(files).replace("main/binary", "../binary").into_bytes());
    });
    assert!(elsewhere.contains("expected the component `main` for amd64"), "{elsewhere}");
    // 64 MB of nothing in 64 kB, which the suite says are a few bytes.
    let bomb = gz(&vec![b'\n'; 64 << 20]);
    let bombed = broken(|files| {
        let digest = slimwright::base::Digest::of(&files[INDEX]).hex();
        let length = format!("{:8} main/binary-amd64/Packages.gz", files[INDEX].len());
        let release = text(files).replace(&digest, &slimwright::base::Digest::of(&bomb).hex());
        let release = release.replace(&length, &format!("{} main/binary-amd64/Packages.gz", bomb.len()));
        files.insert(RELEASE.into(), release.into_bytes());
        files.insert(INDEX.into(), bomb.clone());
    });
    assert!(bombed.contains("unpacks to more than it should"), "{bombed}");
    let empty = broken(|files| {
        files.clear();
        suite(files, "bookworm", "", "no stanza\n", &[".xz"]);
    });
    assert!(empty.contains("expected stanzas with `Package` and `Version`"), "{empty}");
    let locked = Repositories::open(&sources(&serve_with(Files::new(), |_, _| Some(reply(401)))), "amd64", &options());
    assert!(locked.unwrap_err().to_string().contains("HTTP 401: passwords"));
}

#[test]
fn passing_failures_and_redirects_are_followed() {
    let mut files = Files::new();
    suite(&mut files, "bookworm", "", &packages("a 1"), &[".gz"]);
    let server = serve_with(files.clone(), |_, number| (number < 2).then(|| reply(503)));
    assert!(Repositories::open(&sources(&server), "amd64", &options()).is_ok());
    let behind = serve(files);
    let host = behind.host();
    let before = serve_with(Files::new(), move |request, _| {
        Some(reply(302).header("Location", format!("http://{host}{}", request.target)))
    });
    assert!(Repositories::open(&sources(&before), "amd64", &options()).is_ok());
    let circle = serve_with(Files::new(), |request, _| Some(reply(302).header("Location", request.target.clone())));
    let error = Repositories::open(&sources(&circle), "amd64", &options()).unwrap_err();
    assert!(error.to_string().contains("redirects"), "{error}");
    assert!(circle.requests().len() < 15);
}

#[test]
fn what_was_read_is_kept_and_asked_for_again_when_it_is_old() {
    let mut files = Files::new();
    suite(&mut files, "bookworm", "", &packages("a 1"), &[".gz"]);
    let server = serve_with(files.clone(), move |request, _| {
        let release = request.target.ends_with("InRelease").then(|| files[&request.target].clone())?;
        let known = request.header("if-none-match") == Some("\"7\"");
        Some(if known { reply(304) } else { ok(release).header("ETag", "\"7\"") })
    });
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::new(folder.path().into(), 1 << 20);
    let options = Options { cache: Some(cache.clone()), ..options() };
    let list = sources(&server);
    let open = |options: &Options| {
        let repositories = Repositories::open(&list, "amd64", options).unwrap();
        cache.flush().unwrap();
        let found = names(&repositories.install(&request(PackageManager::Dpkg, "a"), &installed("x 1")));
        assert_eq!(found, ["a 1"]);
        repositories
    };
    assert_eq!(open(&options).requests, 2);
    let warm = open(&options);
    assert_eq!((warm.requests, warm.downloaded), (0, 0));
    let old = Options { trusted: std::time::Duration::ZERO, ..options.clone() };
    let asked = open(&old);
    assert_eq!((asked.requests, asked.downloaded), (1, 0));
    drop(server);
    let gone = open(&old);
    assert!(gone.problems[0].1.contains("what was read before is used"), "{:?}", gone.problems);
    assert!(open(&options).problems.is_empty());
}

#[test]
fn alternatives_virtual_names_and_versions_are_chosen_as_apt_does() {
    let server = debian(
        "app 1 Depends=one | two, agent, v (>= 2), lib (>= 2);Recommends=extra, nothing | more;Suggests=never\n\
         one 1\ntwo 1\nzz-agent 1 Provides=agent;Priority=important\naa-agent 1 Provides=agent;Priority=optional\n\
         weak 3 Provides=v\nstrong 1 Provides=v (= 2)\nlib 2\nlib 1\nextra 1 Depends=more\nmore 1\nnever 1\n\
         broken 1 Depends=absent (>= 3) | lib (>= 9)\ng++ 12\nonly 1 Provides=role",
    );
    let base = installed("two 1\nlib 1");
    let done = install(&server, "app", &base);
    assert_eq!(names(&done), ["app 1", "extra 1", "lib 2", "more 1", "strong 1", "zz-agent 1"]);
    let lib = done.packages.iter().find(|package| package.name == "lib").unwrap();
    assert_eq!((lib.replaces.as_deref(), lib.manual, lib.because.as_str()), (Some("1"), false, "app"));
    assert_eq!(done.unknown, []);
    let repositories = Repositories::open(&sources(&server), "amd64", &options()).unwrap();
    let without = PackageRequest { recommends: Some(false), ..request(PackageManager::Dpkg, "app") };
    assert_eq!(names(&repositories.install(&without, &base)), ["app 1", "lib 2", "strong 1", "zz-agent 1"]);
    // One that is asked for as well meets the requirement.
    assert!(names(&install(&server, "app aa-agent", &base)).contains(&"aa-agent 1".to_owned()));
    assert!(!names(&install(&server, "app aa-agent", &base)).contains(&"zz-agent 1".to_owned()));
    let broken = install(&server, "broken", &base);
    assert_eq!(broken.unmet[0].0, "absent (>= 3) | lib (>= 9)");
    assert!(broken.unmet[0].1.contains("needed by broken"));
    assert_eq!(names(&install(&server, "g++ role", &base)), ["g++ 12", "only 1"]);
    assert_eq!(install(&server, "two lib=1", &base).marked_manual, ["two", "lib"]);
}

#[test]
fn what_cannot_be_predicted_has_a_reason() {
    let server = debian("a 1\nb 2 Provides=agent\nc 2 Provides=agent");
    let words = "a=3* ./local.deb nothing x* agent a:arm64 $EXTRA b/backports web-server^";
    let done = install(&server, words, &installed("x 1"));
    let reasons: Vec<String> = done.unknown.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
    assert_eq!(reasons.len(), 9, "{reasons:#?}");
    for expected in [
        "a=3*: no index has that version; found 1",
        "./local.deb: it is a file",
        "nothing: no index has it",
        "x*: it is a pattern",
        "agent: it is no package, and c, b and others",
        "a:arm64: it is of another",
        "$EXTRA: what stands for",
        "b/backports: no index has that version",
        "web-server^: it is a task",
    ] {
        assert!(reasons.iter().any(|reason| reason.starts_with(expected)), "{expected}: {reasons:#?}");
    }
    assert!(done.packages.is_empty());
}

#[test]
fn of_equal_providers_apt_takes_the_one_whose_name_it_reads_last() {
    // As apt 2.6 does (`CompareProviders` by the number that a name gets when it is read first, of a package or in a field).
    let of = |lines: &str| names(&install(&debian(lines), "app", &installed("x 1")));
    assert_eq!(of("app 1 Depends=agent\nbb 2 Provides=agent\ncc 2 Provides=agent"), ["app 1", "cc 2"]);
    let spoken_of = "app 1 Depends=agent;Suggests=cc\nbb 2 Provides=agent\ncc 2 Provides=agent";
    assert_eq!(of(spoken_of), ["app 1", "bb 2"]);
    // What is there in an older version is upgraded before anything new comes.
    let choice = "app 1 Depends=bb | cc (>= 2)\nbb 2\ncc 2";
    let with_old = names(&install(&debian(choice), "app", &installed("cc 1")));
    assert_eq!(with_old, ["app 1", "cc 2"]);
}

#[test]
fn versions_can_be_pinned_and_backports_are_for_who_asks() {
    let mut files = Files::new();
    suite(&mut files, "bookworm", "", &packages("a 2\na 1.5-1\na 1"), &[".gz"]);
    suite(
        &mut files,
        "bookworm-backports",
        "NotAutomatic: yes\nButAutomaticUpgrades: yes\n",
        &packages("a 3"),
        &[".gz"],
    );
    let server = serve(files);
    let mut both = sources(&server);
    both.list.push(Source { suite: "bookworm-backports".into(), ..both.list[0].clone() });
    let repositories = Repositories::open(&both, "amd64", &options()).unwrap();
    let base = installed("x 1");
    let get = |request: PackageRequest| names(&repositories.install(&request, &base));
    let of = |names: &str| request(PackageManager::Dpkg, names);
    assert_eq!(get(of("a")), ["a 2"]);
    assert_eq!(get(of("a=1.5*")), ["a 1.5-1"]);
    assert_eq!(get(of("a=1")), ["a 1"]);
    assert_eq!(get(of("a/bookworm-backports")), ["a 3"]);
    assert_eq!(get(PackageRequest { release: Some("bookworm-backports".into()), ..of("a") }), ["a 3"]);
}

#[test]
fn siblings_are_upgraded_and_what_conflicts_goes() {
    let server = debian(
        "gcc-12 2 Depends=base (= 2)\nbase 2\nlibgcc 2 Depends=base (= 2)\n\
         exim 1 Conflicts=mail-agent;Provides=mail-agent\nnano- 1\nvim 1\nnew 1 Breaks=old (<< 5)",
    );
    let base = installed(
        "base 1\nlibgcc 1 Depends=base (= 1)\npostfix 1 Provides=mail-agent\nvim 1\nold 3\nuser 1 Depends=vim",
    );
    let done = install(&server, "gcc-12", &base);
    assert_eq!(names(&done), ["base 2", "gcc-12 2", "libgcc 2"]);
    assert_eq!(done.packages[2].replaces.as_deref(), Some("1"));
    assert_eq!(done.unknown, []);
    let done = install(&server, "exim vim- new", &base);
    assert_eq!(names(&done), ["exim 1", "new 1"]);
    assert_eq!(done.removed, ["old", "postfix", "vim"]);
    assert_eq!(done.unmet.len(), 1, "user needs vim: {:?}", done.unmet);
}

#[test]
fn what_nothing_asks_for_goes() {
    let os = installed(
        "app 1 Depends=lib | other;Suggests=plugin\nlib 1\nplugin 1\norphan 1 Depends=deep\ndeep 1\nbash 5 Essential=yes;Depends=libc\nlibc 2",
    );
    let mut packages = os.packages;
    packages.iter_mut().for_each(|package| package.manual = package.name == "app");
    let named = |positions: Vec<usize>| {
        positions.into_iter().map(|at| packages.as_slice()[at].name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(named(autoremove(PackageManager::Dpkg, &packages)), ["deep", "orphan"]);
    assert_eq!(named(removed_with(PackageManager::Dpkg, &packages, &["lib"])), ["app", "lib"]);
    assert_eq!(named(removed_with(PackageManager::Dpkg, &packages, &["deep", "absent"])), ["deep", "orphan"]);
}

/// `APKINDEX.tar.gz` as Alpine makes it: the signature is a gzip member of its own.
fn apk_archive(index: &str) -> Vec<u8> {
    let tar = |name: &str, bytes: &[u8], end: bool| {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes).unwrap();
        let mut out = builder.into_inner().unwrap();
        out.truncate(if end { out.len() } else { out.len() - 1024 });
        out
    };
    let signature = gz(&tar(".SIGN.RSA.x.rsa.pub", b"x", false));
    let rest = [tar("DESCRIPTION", b"v3.20", false), tar("APKINDEX", index.as_bytes(), true)].concat();
    [signature, gz(&rest)].concat()
}

const ALPINE: &str = "C:Q1x=\nP:python3\nV:3.12.3-r1\nA:x86_64\nS:7000\nI:20000\nT:A language\nD:so:libc.musl-x86_64.so.1 so:libz.so.1\np:cmd:python3=3.12.3-r1 py3.12=3\n\n\
    P:py3-pip\nV:24.0-r2\nA:noarch\nS:900\nI:3000\nD:python3 !py3-old<2\n\n\
    P:zlib\nV:1.3.1-r1\nA:x86_64\nS:50\nI:110\np:so:libz.so.1=1.3.1\n\n\
    P:py3-pip-pyc\nV:24.0-r2\nA:noarch\nS:5\nI:10\ni:py3-pip=24.0-r2 pyc\n\n\
    P:pyc\nV:0-r0\nA:noarch\nS:1\nI:1\n\n\
    P:nginx-a\nV:1-r0\nA:noarch\nS:1\nI:1\np:web\n\n\
    P:nginx-b\nV:1-r0\nA:noarch\nS:1\nI:1\np:web\nk:10\n\nP:bad\n\n";

#[test]
fn an_alpine_image_is_closed_over_its_index() {
    let mut files = Files::new();
    files.insert("/v3.20/main/x86_64/APKINDEX.tar.gz".into(), apk_archive(ALPINE));
    files.insert("/edge/x86_64/APKINDEX.tar.gz".into(), apk_archive("P:zlib\nV:9-r0\nA:x86_64\nS:1\nI:1\n\n"));
    let server = serve(files);
    let text = format!("http://{0}/v3.20/main\n@edge http://{0}/edge\n", server.host());
    let (list, ignored) = parse_repositories(text.as_bytes(), "repositories");
    let sources = Sources { list, ignored, ..Sources::default() };
    let repositories = Repositories::open(&sources, "amd64", &options()).unwrap();
    let base =
        installed_apk("P:musl\nV:1.2.5-r0\nA:x86_64\np:so:libc.musl-x86_64.so.1=1\n\nP:py3-old\nV:1\nA:noarch\n\n");
    let of = |names: &str| request(PackageManager::Apk, names);
    let done = repositories.install(&of("py3-pip~=24"), &base);
    assert_eq!(names(&done), ["py3-pip 24.0-r2", "python3 3.12.3-r1", "zlib 1.3.1-r1"]);
    assert_eq!((done.unknown.len(), &done.removed[..]), (0, &["py3-old".to_owned()][..]));
    assert_eq!(done.packages.iter().map(|package| package.bytes).sum::<u64>(), 23_110, "apk tells bytes");
    assert_eq!((done.lists, done.archives), (0, 0));
    let stanzas: Vec<u8> = done.packages.iter().flat_map(|package| package.stanza.clone()).collect();
    let (parsed, bad) = parse_installed(&stanzas);
    assert_eq!((parsed.len(), bad.len(), parsed[2].package.provides[0].as_str()), (3, 0, "so:libz.so.1"));
    // What comes by itself, and a name for all of it.
    let build = PackageRequest { virtual_name: Some(".build".into()), ..of("py3-pip pyc") };
    let done = repositories.install(&build, &base);
    assert_eq!(
        names(&done),
        [".build 0", "py3-pip 24.0-r2", "py3-pip-pyc 24.0-r2", "pyc 0-r0", "python3 3.12.3-r1", "zlib 1.3.1-r1"]
    );
    let manual: Vec<&str> = done.packages.iter().filter(|p| p.manual).map(|p| p.name.as_str()).collect();
    assert_eq!(manual, [".build"]);
    assert_eq!(names(&repositories.install(&of("zlib@edge"), &base)), ["zlib 9-r0"]);
    assert_eq!(names(&repositories.install(&of("web"), &base)), ["nginx-b 1-r0"]);
    // `-X URI`, besides those of the image; a folder of the machine that builds cannot be asked.
    let more = [format!("http://{}/edge", server.host()), "/packages".into()];
    let more = Sources::default().with_repositories(more.iter().map(String::as_str), "Dockerfile, line 3");
    assert_eq!((more.list.len(), more.ignored.len(), more.list[0].place.as_str()), (1, 1, "Dockerfile, line 3"));
    let with_more = Sources { list: [sources.list.clone(), more.list].concat(), ..sources.clone() };
    let repositories_with = Repositories::open(&with_more, "amd64", &options()).unwrap();
    assert_eq!(names(&repositories_with.install(&of("zlib"), &base)), ["zlib 9-r0"]);
    let unknown = repositories.install(&of("zlib>=2 nothing ./x.apk"), &base).unknown;
    assert_eq!(unknown.len(), 3, "{unknown:?}");
    assert!(unknown.iter().any(|(_, reason)| reason.contains("found 1.3.1-r1")), "{unknown:?}");
}

#[test]
fn passwords_are_not_kept() {
    let kept = |path: &str, text: &str| {
        assert!(slimwright::layer::is_kept(path.as_bytes()), "{path}");
        String::from_utf8(slimwright::layer::distil(path.as_bytes(), text.as_bytes().to_vec())).unwrap()
    };
    let line = kept(
        "etc/apt/sources.list",
        "deb [x=y] https://user:hunter2@deb.example.org/debian a b\ndeb http://x/a@b c d\n",
    );
    assert_eq!(line, "deb [x=y] https://deb.example.org/debian a b\ndeb http://x/a@b c d\n");
    let proxy =
        kept("etc/apt/apt.conf.d/01proxy", "Acquire::http::Proxy \"http://me:hunter2@proxy.example.org:3128\";");
    assert!(!proxy.contains("hunter2") && proxy.contains("proxy.example.org"));
    let long = kept("etc/apk/repositories", &"https://deb.example.org/alpine\n".repeat(20_000));
    assert!(long.len() <= 256 << 10 && long.ends_with('\n'));
    assert!(!slimwright::layer::is_kept(b"etc/apt/auth.conf") && !slimwright::layer::is_kept(b"etc/apt/auth.conf.d/x"));
}

#[test]
fn fields_of_an_index_are_joined_up_to_a_length() {
    let index =
        parse_packages(&b"Package: p\nVersion: 1\nDepends: a\nPre-Depends: c\nBreaks: x\nConflicts: y\n"[..]).unwrap();
    let declared = &index.packages("p")[0].declared;
    assert_eq!((declared.depends.as_str(), declared.conflicts.as_str()), ("c, a", "x, y"));
    let head = "Package: p\nVersion: 1\n";
    let long = [
        format!("{head}{}", "Depends: a\n".repeat(200_000)),
        format!("{head}{}", "Pre-Depends: a\n".repeat(200_000)),
        format!("{head}Provides: a{}", "\n b,".repeat(200_000)),
        format!("{head}Recommends: {}", "b,".repeat(200_000)),
    ];
    for text in long {
        let error = parse_packages(text.as_bytes()).unwrap_err();
        assert_eq!(error, "a field of a package is longer than 262144 bytes");
    }
    let described = format!("{head}Description: a{}\n", "\n b".repeat(200_000));
    assert_eq!(parse_packages(described.as_bytes()).unwrap().len(), 1);
    let apk = format!("P:p\nV:1\nD:{}\n", "b ".repeat(200_000));
    assert!(parse_apkindex(apk.as_bytes()).unwrap_err().contains("longer than 262144 bytes"));
}

#[test]
fn parsers_take_any_bytes() {
    let release = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSuite: x\nSHA256:\n e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 3 main/binary-amd64/Packages.gz\n-----BEGIN PGP SIGNATURE-----\n";
    let index = packages("a 1 Depends=b (>= 1) | c, d;Provides=x (= 1), y");
    let seeds: [&[u8]; 6] = [
        release,
        index.as_bytes(),
        ALPINE.as_bytes(),
        b"deb [arch=a,b] http://x/y c d\n@tag http://x\n",
        b"Types: deb\nURIs: http://x\n http://y\nSuites: a b/\nComponents: c\nEnabled: yes\n",
        b"APT { Install-Recommends \"0\"; }; Acquire::GzipIndexes \"true\"; # x\n/* y */ a { b { \"c\"; }; };",
    ];
    crate::python::mangled(&seeds, |bytes| {
        let _ = parse_release(bytes);
        for index in [parse_packages(bytes), parse_apkindex(bytes)].into_iter().flatten() {
            for name in ["a", "x", "python3", ""] {
                assert!(index.packages(name).iter().all(|record| record.name == name));
                index.providers(name);
            }
        }
        let _ = apkindex(bytes);
        parse_sources_list(bytes, "x");
        parse_deb822_sources(bytes, "x");
        parse_repositories(bytes, "x");
        read_apt_conf(bytes, &mut Settings::default());
        let text = String::from_utf8_lossy(bytes);
        parse_debian(&text);
        parse_alpine(&text);
    });
}

#[test]
fn every_package_of_an_index_is_found_by_its_names() {
    let lines: String = (0..2_000).map(|n| format!("pkg-{n} 1.{n} Provides=also-{n}, shared\n")).collect();
    let index = parse_packages(packages(&lines).as_bytes()).unwrap();
    assert_eq!(index.len(), 2_000);
    for n in 0..2_000 {
        let found = index.packages(&format!("pkg-{n}"));
        assert_eq!((found.len(), found[0].version.clone()), (1, format!("1.{n}")));
        assert_eq!(index.providers(&format!("also-{n}"))[0].name, format!("pkg-{n}"));
    }
    assert_eq!(index.providers("shared").len(), 2_000);
    assert!(index.packages("pkg-").is_empty() && index.packages("zz").is_empty() && index.packages("").is_empty());
}

proptest::proptest! {
    /// For any three versions: one order, whoever is asked first, and no circle.
    #[test]
    fn versions_are_in_a_total_order(a in "[0-9a-c.~+:_r-]{0,9}", b in "[0-9a-c.~+:_r-]{0,9}", c in "[0-9a-c.~+:_r-]{0,9}") {
        for manager in [PackageManager::Dpkg, PackageManager::Apk] {
            let order = |x: &str, y: &str| compare(manager, x, y);
            proptest::prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
            proptest::prop_assert_eq!(order(&a, &a), Ordering::Equal);
            if order(&a, &b) != Ordering::Greater && order(&b, &c) != Ordering::Greater {
                proptest::prop_assert_ne!(order(&a, &c), Ordering::Greater);
            }
        }
    }
}
