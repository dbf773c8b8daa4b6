//! Compose files: the same values as Docker Compose 2.40.3 (`docker compose config`), every finding at its place, and nothing that
//! a stranger's file can do.

use assert_cmd::Command;
use slimwright::compose::{
    self, Cgroup, Check, Finding, Host, Loaded, PlacedError, Request, SERVICE_LABEL, Service, findings, running,
};
use slimwright::daemon::Container;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A folder with files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

fn request(dir: &Path) -> Request {
    Request { files: vec![dir.to_owned()], ..Request::default() }
}

fn load(files: &[(&str, &str)]) -> Result<(Loaded, Vec<Service>), PlacedError> {
    let dir = folder(files);
    let loaded = compose::load(&request(dir.path()))?;
    let services = compose::services(&loaded)?;
    Ok((loaded, services))
}

/// The only service of a file with this line in it.
fn service(line: &str) -> Service {
    let text = format!("services:\n  a:\n    image: x\n    {line}\n");
    load(&[("compose.yaml", &text)]).unwrap().1.remove(0)
}

fn environment(service: &Service) -> BTreeMap<&str, Option<&str>> {
    service.environment.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect()
}

#[test]
fn sizes_are_read_as_docker_compose_reads_them() {
    for (text, bytes) in [
        ("1g", Some(1 << 30)),
        ("1 GB", Some(1 << 30)),
        ("1GiB", Some(1 << 30)),
        ("1.5gb", Some(1_610_612_736)),
        ("1kib", Some(1024)),
        ("2t", Some(2 << 40)),
        ("1000", Some(1000)),
        ("0x100", Some(256)),
        ("1_000", Some(1000)),
        ("012", Some(10)),
        ("\"1e9\"", Some(1_000_000_000)),
        ("\"1.5\"", Some(1)),
        ("1e9", None),
        ("1.5", None),
        ("08", None),
        ("0", None),
        ("\"0\"", None),
        ("1Gi", None),
        ("\" 1g\"", None),
        ("\"\"", None),
    ] {
        let found = service(&format!("mem_limit: {text}")).resources.memory().map(|(bytes, _)| bytes);
        assert_eq!(found, bytes, "{text}");
    }
    let both = service("memswap_limit: -1").resources.memory_and_swap().map(|(bytes, _)| bytes);
    assert_eq!(both, Some(-1));
    let deployed = |text: &str| {
        service(&format!("deploy: {{resources: {{limits: {{memory: {text}, cpus: '1.5'}}}}, replicas: 3}}"))
    };
    let service = deployed("2G");
    assert_eq!(service.resources.memory().unwrap().0, 2 << 30);
    assert_eq!((service.resources.processors().unwrap().0, service.replicas), (1.5, Some(3)));
    assert_eq!(deployed("512").resources.memory(), None);
    assert_eq!(deployed("'512'").resources.memory().unwrap().0, 512);
}

#[test]
fn values_of_variables_are_those_that_a_container_gets() {
    let text = "services:\n  a:\n    image: x\n    environment:\n      A: 1.10\n      B: 1e9\n      C: 123456789.5\n      D: yes\n      E: 0x10\n      F: 08\n      G: 012\n      H: ~\n      I: 1_000\n      K: true\n      L: ''\n      O: .5\n      P: 0o17\n      Q: 1.0\n      R: 100000.5\n      S: 0.00001\n      T: 1234567.0\n      U: 1e5\n";
    let (_, services) = load(&[("compose.yaml", text)]).unwrap();
    let found = environment(&services[0]);
    for (name, value) in [
        ("A", Some("1.1")),
        ("B", Some("1e+09")),
        ("C", Some("1.234567895e+08")),
        ("D", Some("yes")),
        ("E", Some("16")),
        ("F", Some("8")),
        ("G", Some("10")),
        ("H", None),
        ("I", Some("1000")),
        ("K", Some("true")),
        ("L", Some("")),
        ("O", Some("0.5")),
        ("P", Some("15")),
        ("Q", Some("1")),
        ("R", Some("100000.5")),
        ("S", Some("1e-05")),
        ("T", Some("1.234567e+06")),
        ("U", Some("100000")),
    ] {
        assert_eq!(found[name], value, "{name}");
    }
}

#[test]
fn commands_are_split_as_docker_compose_splits_them() {
    for (text, words, cut) in [
        ("sh -c \"a b\" && echo hi", &["sh", "-c", "a b"][..], true),
        (
            "'echo a\\ b `date` $$(x y) \"a\\\"b\" ''c d'' e#f'",
            &["echo", "a b", "`date`", "$(x y)", "a\"b", "c d", "e#f"],
            false,
        ),
        ("a | b", &["a"], true),
        ("a 2>x", &["a"], true),
        ("'a  \"\" b'", &["a", "", "b"], false),
        ("[\"a && b\", c]", &["a && b", "c"], false),
        ("''", &[], false),
    ] {
        let service = service(&format!("command: {text}"));
        let found = service.command.as_ref().and_then(|at| at.value()).unwrap();
        assert_eq!(
            (&found.words[..], found.cut.is_some()),
            (&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()[..], cut),
            "{text}"
        );
    }
    assert!(service("command: \"a 'b\"").command.unwrap().value().is_none());
    assert!(service("command: null").command.is_none());
}

#[test]
fn variables_have_all_their_forms() {
    let dir = folder(&[
        (".env", "SET=s\nEMPTY=\nexport NUM=7\nQ=\"q ${NUM} \\$NUM\"\nS='single $NUM' # why\nL: yaml\n"),
        (
            "compose.yaml",
            "services:\n  a:\n    image: \"i:${SET}\"\n    environment:\n      A: ${NO:-d}${EMPTY:-e}${EMPTY-f}${SET:-g}\n      B: ${SET:+x}${NO:+y}${EMPTY+z}${EMPTY:+w}\n      C: ${NO:-${NO2:-${SET}}}\n      D: $$SET $${SET}\n      E: \"$SET-$NUM.$\"\n      F: $Q|$S|$L\n      G: ${OUT}\n      H: x${UNSET}y\n",
        ),
    ]);
    let environment_of_user = BTreeMap::from([("OUT".to_owned(), "o".to_owned()), ("NUM".to_owned(), "8".to_owned())]);
    let loaded = compose::load(&Request { environment: environment_of_user, ..request(dir.path()) }).unwrap();
    let services = compose::services(&loaded).unwrap();
    let found = environment(&services[0]);
    for (name, value) in [
        ("A", "des"),
        ("B", "xz"),
        ("C", "s"),
        ("D", "$SET ${SET}"),
        ("E", "s-8.$"),
        ("F", "q 8 $NUM|single $NUM|yaml"),
        ("G", "o"),
        ("H", "xy"),
    ] {
        assert_eq!(found[name], Some(value), "{name}");
    }
    assert_eq!(services[0].image.as_deref(), Some("i:s"));
    let unset: Vec<&String> = loaded.unset.keys().collect();
    assert_eq!(unset, ["UNSET"]);
    for (image, words) in [
        ("${A:?say it}", "must have a value: say it"),
        ("${A?}", "must have a value"),
        ("${A", "found `${A`"),
        ("${1}", "found `${1}`"),
        ("${A/b/c}", "found"),
    ] {
        let error =
            load(&[("compose.yaml", &format!("services:\n  a:\n    image: '{image}'\n"))]).unwrap_err().to_string();
        assert!(error.contains("compose.yaml:3:12: services.a.image") && error.contains(words), "{error}");
    }
}

#[test]
fn a_later_file_is_laid_over_an_earlier_one() {
    let (loaded, services) = load(&[
        (
            "compose.yaml",
            "services:\n  a:\n    image: a\n    command: one two\n    environment: {A: 1, B: 2}\n    mem_limit: 1g\n    env_file: [one.env]\n    tmpfs: /x\n    build: ./here\n    deploy: {resources: {limits: {cpus: '1'}}}\n  b: {image: b, mem_limit: 2g}\n  c: {image: c, profiles: [extra]}\n",
        ),
        (
            "compose.override.yaml",
            "services:\n  a:\n    command: [three]\n    environment: [B=3, C]\n    mem_limit: !reset null\n    env_file: two.env\n    build: {target: prod}\n    deploy: {resources: {limits: {memory: 3g}}}\n  b: !override\n    image: bb\n---\nservices:\n  d: {image: d}\n",
        ),
        ("one.env", "X=1\nA=file\n"),
        ("two.env", "X=2\nY=\"$X-${A:-}\"\nZ\n"),
    ])
    .unwrap();
    assert_eq!(loaded.own, 2);
    let names: Vec<(&str, bool)> = services.iter().map(|service| (service.name.as_str(), service.is_off)).collect();
    assert_eq!(names, [("a", false), ("b", false), ("c", true), ("d", false)]);
    let a = &services[0];
    assert_eq!(a.command.as_ref().unwrap().value().unwrap().words, ["three"]);
    let expected = [("A", Some("1")), ("B", Some("3")), ("C", None), ("X", Some("2")), ("Y", Some("2-1"))];
    assert_eq!(environment(a), BTreeMap::from(expected));
    assert_eq!((a.resources.memory().unwrap().0, a.resources.processors().unwrap().0), (3 << 30, 1.0));
    assert!(a.resources.limit.is_none(), "it was reset");
    let build = a.build.as_ref().unwrap();
    assert!(build.context.ends_with("/here") && build.target.as_deref() == Some("prod"), "{build:?}");
    assert_eq!((services[1].image.as_deref(), services[1].resources.memory()), (Some("bb"), None));
}

#[test]
fn anchors_merge_keys_and_their_lists_are_carried_out() {
    let text = "x-base: &base\n  image: base\n  environment: &env {A: 1, B: two}\n  mem_limit: 512m\nx-more: &more {cpus: '0.5', mem_limit: 1g}\nservices:\n  a:\n    <<: *base\n    image: own\n  b:\n    <<: [*more, *base]\n    environment:\n      <<: *env\n      B: mine\n";
    let (loaded, services) = load(&[("compose.yaml", text)]).unwrap();
    assert_eq!((services[0].image.as_deref(), services[0].resources.memory().unwrap().0), (Some("own"), 512 << 20));
    assert_eq!(services[1].resources.memory().unwrap().0, 1 << 30, "the first of the list counts");
    assert_eq!(environment(&services[1]), BTreeMap::from([("A", Some("1")), ("B", Some("mine"))]));
    let place = services[0].resources.memory().unwrap().1;
    assert_eq!(loaded.files.spot(place).line, 4, "a value stands where it is defined");
}

#[test]
fn services_are_extended_over_files_and_included_with_their_own_variables() {
    let dir = folder(&[
        (".git/HEAD", ""),
        (
            "app/compose.yaml",
            "name: shop\ninclude:\n  - ../inc/one.yml\n  - path: [../inc/two.yml, ../inc/two.over.yml]\n    env_file: ../inc/x.env\nservices:\n  web:\n    extends: {service: base}\n    environment: {L: web}\n    mem_limit: !reset null\n  base:\n    extends: {file: ../common/c.yml, service: app}\n    image: over\n    mem_limit: 256m\n  z: {image: 'z:${V:-outer}'}\n",
        ),
        (
            "common/c.yml",
            "services:\n  app:\n    image: app\n    env_file: c.env\n    environment: ['L=app', 'K=1']\n    command: serve\n    build: {context: ..}\n    cpus: 2\n",
        ),
        ("common/c.env", "FROMC=1\n"),
        ("inc/one.yml", "services:\n  one: {image: 'one:${V:-none}', env_file: e.env, mem_limit: 2g}\n"),
        ("inc/.env", "V=sub\n"),
        ("inc/e.env", "E=1\n"),
        ("inc/two.yml", "services:\n  two: {image: 'two:${V:-none}', command: x}\n"),
        ("inc/two.over.yml", "services:\n  two: {command: [y, '${W}']}\n"),
        ("inc/x.env", "W=w\n"),
    ]);
    let loaded = compose::load(&request(&dir.path().join("app"))).unwrap();
    let services = compose::services(&loaded).unwrap();
    let of = |name: &str| services.iter().find(|service| service.name == name).unwrap();
    assert_eq!(loaded.name, "shop");
    let web = of("web");
    assert_eq!((web.image.as_deref(), web.resources.memory()), (Some("over"), None));
    assert_eq!(environment(web), BTreeMap::from([("FROMC", Some("1")), ("K", Some("1")), ("L", Some("web"))]));
    assert_eq!(web.command.as_ref().unwrap().value().unwrap().words, ["serve"]);
    assert_eq!(
        std::path::absolute(dir.path()).unwrap().to_str(),
        web.build.as_ref().map(|build| build.context.trim_end_matches("/common/.."))
    );
    assert_eq!(of("base").resources.memory().unwrap().0, 256 << 20);
    assert_eq!(
        (of("one").image.as_deref(), environment(of("one"))),
        (Some("one:sub"), BTreeMap::from([("E", Some("1"))]))
    );
    assert_eq!(of("two").image.as_deref(), Some("two:none"), "a file of variables takes the place of .env");
    assert_eq!(of("two").command.as_ref().unwrap().value().unwrap().words, ["y", "w"]);
    assert_eq!(of("z").image.as_deref(), Some("z:outer"));
}

#[test]
fn with_named_files_the_override_is_not_read_and_that_is_said() {
    let dir = folder(&[
        ("compose.yaml", "services: {a: {image: a}}\n"),
        ("compose.override.yaml", "services: {a: {image: b}}\n"),
        ("docker-compose.yml", "services: {a: {image: c}}\n"),
    ]);
    let named = compose::load(&Request { files: vec![dir.path().join("compose.yaml")], ..Request::default() }).unwrap();
    assert_eq!(compose::services(&named).unwrap()[0].image.as_deref(), Some("a"));
    let names = |loaded: &Loaded| -> Vec<String> {
        loaded.passed_over.iter().map(|path| path.rsplit('/').next().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&named), ["compose.override.yaml"]);
    let found = compose::load(&request(dir.path())).unwrap();
    assert_eq!(compose::services(&found).unwrap()[0].image.as_deref(), Some("b"));
    assert_eq!(names(&found), ["docker-compose.yml"]);
}

#[test]
fn what_docker_compose_cannot_read_is_an_error_at_its_place() {
    for (text, expected) in [
        (
            "services:\n  a: {image: x}\n  a: {image: y}\n",
            "compose.yaml:3:3: the key `a` stands here for the second time; first in line 2",
        ),
        ("services:\n  a: {image: x, 1: y}\n", "compose.yaml:2:17: expected a text as a key, found a number (`1`)"),
        ("services:\n  a: {extends: b}\n  b: {extends: a, image: x}\n", "this leads back to itself: a → b → a"),
        ("services:\n  a: {extends: nobody}\n", "compose.yaml:2:16: services.a.extends: there is no service `nobody`"),
        ("include: [compose.yaml]\nservices: {a: {image: x}}\n", "compose.yaml:1:11: this leads back to itself"),
        ("include: [nope.yaml]\nservices: {a: {image: x}}\n", "compose.yaml:1:11: nope.yaml: is not there"),
        ("include: ['https://example.org/c.yaml']\n", "nothing is fetched"),
        ("services:\n  a: {image: x, env_file: nope.env}\n", "nope.env: is not there"),
        ("services: [a]\n", "compose.yaml:1:11: services: expected a mapping, found a list"),
        ("services: {a: x}\n", "services.a: expected a mapping"),
        ("- a\n", "expected a mapping with `services`, found a list"),
        ("a: [\n", "this is no YAML"),
        ("services:\n\ta: x\n", "this is no YAML"),
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("a: &x [*x]\n", "compose.yaml:1:"),
        ("services: {a: {<<: text, image: x}}\n", "`<<` expects mappings, found a text"),
    ] {
        let error = load(&[("compose.yaml", text)]).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
    let error =
        load(&[("compose.yaml", "services: {a: {image: x}}\n"), (".env", "A=1\nB C=2\n")]).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains(".env:2: expected NAME=value, found a name with a blank"), "{error}");
}

#[test]
fn aliases_in_aliases_and_deep_files_are_bounded() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..12 {
        let before = format!("*a{}, ", at - 1).repeat(10);
        bomb += &format!("a{at}: &a{at} [{}]\n", before.trim_end_matches(", "));
    }
    let error = load(&[("compose.yaml", &bomb)]).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("expected at most 100000 values"), "{error}");
    let deep = format!("a: {}{}", "[".repeat(200), "]".repeat(200));
    let error = load(&[("compose.yaml", &deep)]).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("at most 64 levels"), "{error}");
    let nested = format!("services: {{a: {{image: '{}x{}'}}}}", "${A:-".repeat(200), "}".repeat(200));
    let error = load(&[("compose.yaml", &nested)]).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("too deep"), "{error}");
    let chain: String = (0..200).map(|at| format!("  s{at}: {{extends: s{}}}\n", at + 1)).collect();
    let error =
        load(&[("compose.yaml", &format!("services:\n{chain}  s200: {{image: x}}\n"))]).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("leads back to itself"), "{error}");
    // Each includes the next one twice.
    let files: Vec<(String, String)> = (0..30)
        .map(|at| (format!("f{at}.yml"), format!("include: [f{0}.yml, f{0}.yml]\nservices: {{}}\n", at + 1)))
        .chain([("f30.yml".to_owned(), "services: {a: {image: x}}\n".to_owned())])
        .chain([("compose.yaml".to_owned(), "include: [f0.yml]\nservices: {}\n".to_owned())])
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let error = load(&files).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("at most 500 files"), "{error}");
}

#[test]
fn what_a_file_names_outside_of_its_repository_is_not_read() {
    let outer = folder(&[("secret.env", "TOKEN=1\n"), ("repo/.git/HEAD", ""), ("repo/app/x.env", "A=1\n")]);
    let repo = outer.path().join("repo");
    std::os::unix::fs::symlink("../../secret.env", repo.join("app/link.env")).unwrap();
    let secret = outer.path().join("secret.env");
    for name in ["../../secret.env", secret.to_str().unwrap(), "link.env"] {
        let text = format!("services:\n  a: {{image: x, env_file: '{name}'}}\n");
        std::fs::write(repo.join("app/compose.yaml"), text).unwrap();
        let loaded = compose::load(&request(&repo.join("app"))).unwrap();
        let error = compose::services(&loaded).map(|_| ()).unwrap_err().to_string();
        assert!(
            error.contains("compose.yaml:2:27") && (error.contains("is outside of") || error.contains("is not there")),
            "{error}"
        );
    }
    // The user may say otherwise.
    let text = "services:\n  a: {image: x, env_file: [../../secret.env, x.env]}\n";
    std::fs::write(repo.join("app/compose.yaml"), text).unwrap();
    let loaded = compose::load(&Request { root: Some(outer.path().to_owned()), ..request(&repo.join("app")) }).unwrap();
    assert_eq!(environment(&compose::services(&loaded).unwrap()[0]).len(), 2);
}

/// What a file gives, as ids with lines and columns.
fn found(text: &str, host: &Host) -> Vec<(&'static str, usize, usize)> {
    let (loaded, services) = load(&[("compose.yaml", text)]).unwrap();
    let mut all = findings(&loaded, &services, host);
    for service in &services {
        let (entrypoint, command) = (words(&service.entrypoint), words(&service.command));
        let setting = slimwright::workers::Setting { environment: &service.environment, cpus: host.cpus };
        all.extend(slimwright::workers::findings(service, &slimwright::workers::read(&entrypoint, &command, setting)));
    }
    all.iter().map(|finding| at(&loaded, finding)).collect()
}

fn words(at: &Option<compose::At<compose::Words>>) -> Vec<String> {
    at.as_ref().and_then(|at| at.value()).map_or_else(Vec::new, |words| words.words.clone())
}

fn at(loaded: &Loaded, finding: &Finding) -> (&'static str, usize, usize) {
    let spot = finding.place.map(|place| loaded.files.spot(place));
    (finding.check.id(), spot.as_ref().map_or(0, |spot| spot.line), spot.map_or(0, |spot| spot.column))
}

/// Lines of a service that is in order, but for what is put behind.
fn one(lines: &str) -> String {
    format!("services:\n  a:\n    image: x\n    {}\n", lines.replace('\n', "\n    "))
}

#[test]
fn each_finding_has_its_place_and_a_case_in_which_it_is_quiet() {
    let host = Host {
        memory: Some(8 << 30),
        swap: Some(1 << 30),
        cpus: Some(4.0),
        cgroup: Some(Cgroup::V2),
        swappiness: Some(60),
    };
    let v1 = Host { cgroup: Some(Cgroup::V1), ..host.clone() };
    let fine = "mem_limit: 1g\nmemswap_limit: 1g";
    let mut tested = BTreeSet::new();
    let mut fires = |lines: &str, id: &'static str, line: usize, column: usize, host: &Host| {
        let all = found(&one(lines), host);
        assert!(all.contains(&(id, line, column)), "{id} {line}:{column}: {lines:?} gives {all:?}");
        tested.insert(id);
    };
    let quiet = |lines: &str, id: &str, host: &Host| {
        let all = found(&one(lines), host);
        assert!(!all.iter().any(|(found, ..)| *found == id), "{id}: {lines:?} gives {all:?}");
    };
    fires("mem_limit: 1e9", "value-dropped", 4, 16, &host);
    quiet("mem_limit: '1e9'", "value-dropped", &host);
    fires("mem_limit: 1Gi", "value-refused", 4, 16, &host);
    fires("memswap_limit: '-1'", "value-refused", 4, 20, &host);
    fires("deploy: {resources: {limits: {memory: 512}}}", "value-refused", 4, 43, &host);
    quiet(fine, "value-refused", &host);
    fires("mem_limit: 1000", "limit-too-small", 4, 16, &host);
    quiet("mem_limit: 6m", "limit-too-small", &host);
    fires("mem_limit: 1g\ndeploy: {resources: {limits: {memory: 2G}}}", "limits-disagree", 4, 16, &host);
    fires("mem_limit: 1g\ndeploy: {resources: {limits: {cpus: '1'}}}", "limits-disagree", 4, 16, &host);
    fires("pids_limit: 9\ndeploy: {resources: {limits: {memory: 1g}}}", "limits-disagree", 4, 17, &host);
    fires("cpus: 2\ndeploy: {resources: {limits: {memory: 1g}}}", "limits-disagree", 4, 11, &host);
    fires("mem_reservation: 1g\ndeploy: {resources: {reservations: {cpus: '1'}}}", "limits-disagree", 4, 22, &host);
    quiet(
        "mem_limit: 2048M\ncpus: 2.0\ndeploy: {resources: {limits: {memory: 2G, cpus: 2}}}",
        "limits-disagree",
        &host,
    );
    quiet("mem_limit: 2G\ndeploy: {resources: {reservations: {memory: 1G}}}", "limits-disagree", &host);
    fires("scale: 2\ndeploy: {replicas: 3}", "replicas-disagree", 4, 12, &host);
    quiet("scale: 3\ndeploy: {replicas: 3}", "replicas-disagree", &host);
    fires("mem_limit: 1g\nmem_reservation: 2g", "reservation-above-limit", 5, 22, &host);
    quiet("mem_limit: 1g\nmem_reservation: 1g", "reservation-above-limit", &host);
    fires("mem_limit: 1g\nmemswap_limit: 512m", "swap-below-limit", 5, 20, &host);
    quiet(fine, "swap-below-limit", &host);
    fires("memswap_limit: 1g", "swap-without-limit", 4, 20, &host);
    quiet("memswap_limit: 0", "swap-without-limit", &host);
    fires("mem_limit: 1g", "swap-doubles-limit", 4, 16, &host);
    quiet(fine, "swap-doubles-limit", &host);
    quiet("mem_limit: 1g", "swap-doubles-limit", &Host { swap: Some(0), ..host.clone() });
    fires("mem_limit: 1g\nmemswap_limit: -1", "swap-unlimited", 5, 20, &host);
    quiet(fine, "swap-unlimited", &host);
    fires("mem_swappiness: 10", "swappiness-no-effect", 4, 21, &host);
    fires("mem_swappiness: 60", "swappiness-no-effect", 4, 21, &v1);
    fires("mem_swappiness: 60", "swappiness-no-effect", 4, 21, &Host::default());
    quiet("mem_swappiness: 10", "swappiness-no-effect", &v1);
    quiet("mem_swappiness: 60", "swappiness-no-effect", &Host { swappiness: Some(10), ..v1.clone() });
    fires("mem_swappiness: 0", "swappiness-zero", 4, 21, &v1);
    quiet("mem_swappiness: 1", "swappiness-zero", &v1);
    fires("mem_swappiness: 60k", "swappiness-range", 4, 21, &v1);
    quiet("mem_swappiness: 100", "swappiness-range", &v1);
    fires("mem_limit: 3g\nscale: 3", "limits-above-host", 0, 0, &host);
    quiet("mem_limit: 2g\nscale: 4", "limits-above-host", &host);
    quiet("mem_limit: 9g", "limits-above-host", &Host::default());
    fires("mem_limit: 9g", "limit-above-host", 4, 16, &host);
    quiet("mem_limit: 8g", "limit-above-host", &host);
    fires("cpus: 5", "cpus-above-host", 4, 11, &host);
    quiet("cpus: 4", "cpus-above-host", &host);
    fires("mem_limit: 1g\nshm_size: 512m", "shm-in-limit", 5, 15, &host);
    quiet("mem_limit: 1g\nshm_size: 64m", "shm-in-limit", &host);
    fires("mem_limit: 1g\ntmpfs: [/a]", "tmpfs-in-limit", 5, 13, &host);
    quiet("mem_limit: 1g\ntmpfs: /a:size=64m", "tmpfs-in-limit", &host);
    fires("restart: always", "no-limit", 2, 3, &host);
    fires("mem_limit: 0", "no-limit", 4, 16, &host);
    quiet(fine, "no-limit", &host);
    quiet("mem_limit: 1e9", "no-limit", &host);
    fires("mem_reservation: 1g", "reservation-reserves-nothing", 4, 22, &host);
    quiet(fine, "reservation-reserves-nothing", &host);
    fires("deploy: {resources: {reservations: {cpus: '1'}}}", "reserved-cpus-ignored", 4, 47, &host);
    quiet("deploy: {resources: {limits: {cpus: '1'}}}", "reserved-cpus-ignored", &host);
    fires("oom_kill_disable: true", "oom-kill-disable", 4, 23, &host);
    quiet("oom_kill_disable: false", "oom-kill-disable", &host);
    fires("oom_score_adj: 1001", "oom-score-range", 4, 20, &host);
    quiet("oom_score_adj: -1000", "oom-score-range", &host);
    fires("memory: 1g", "unknown-key", 4, 5, &host);
    fires("resources: {limits: {memory: 1g}}", "unknown-key", 4, 5, &host);
    fires("deploy: {limits: {memory: 1g}}", "unknown-key", 4, 14, &host);
    fires("deploy: {resources: {limits: {mem: 1g}}}", "unknown-key", 4, 35, &host);
    quiet("x-memory: 1g", "unknown-key", &host);
    fires("labels: {a: '${NOBODY}'}", "variable-unset", 4, 17, &host);
    quiet("labels: {a: '${NOBODY:-x}'}", "variable-unset", &host);
    fires("command: a && b", "command-cut", 4, 14, &host);
    quiet("command: [sh, -c, a && b]", "command-cut", &host);
    fires("environment: {MALLOC_TRIM_THRESHOLD: 1}", "lever-misspelt", 4, 18, &host);
    quiet("environment: {MALLOC_TRIM_THRESHOLD_: 1}", "lever-misspelt", &host);
    fires("command: celery -A app worker", "workers-from-host", 4, 14, &host);
    quiet("command: celery -A app worker -c 2", "workers-from-host", &host);
    fires("command: ./start.sh", "workers-not-known", 4, 14, &host);
    quiet("command: gunicorn app:app", "workers-not-known", &host);
    fires("cpus: 1\ncommand: gunicorn -w 4 app:app", "workers-above-cpus", 5, 14, &host);
    quiet("cpus: 1\ncommand: gunicorn -w 3 app:app", "workers-above-cpus", &host);
    fires("command: celery worker -c 2 --max-memory-per-child=500", "memory-per-child-unit", 4, 14, &host);
    quiet("command: celery worker -c 2 --max-memory-per-child=500000", "memory-per-child-unit", &host);
    fires(
        "mem_limit: 1g\ncommand: celery worker -c 4 --max-memory-per-child 400000",
        "memory-per-child-above-limit",
        5,
        14,
        &host,
    );
    quiet(
        "mem_limit: 2g\ncommand: celery worker -c 4 --max-memory-per-child 400000",
        "memory-per-child-above-limit",
        &host,
    );
    fires("cpus: 2\ncommand: gunicorn -w 4 app:app", "threads-above-cpus", 5, 14, &host);
    quiet("cpus: 2\nenvironment: [OMP_NUM_THREADS=1]\ncommand: gunicorn -w 4 app:app", "threads-above-cpus", &host);
    fires("command: uvicorn app:app --reload", "reloader", 4, 14, &host);
    quiet("command: uvicorn app:app", "reloader", &host);
    for (text, id, line, column) in [
        ("version: '3'\nservices: {a: {image: x}}\n", "version-ignored", 1, 1),
        ("services:\n  a: {restart: always}\n", "nothing-to-run", 2, 3),
        ("servces: {}\nservices: {a: {image: x}}\n", "unknown-key", 1, 1),
        ("services:\n  a: {image: x, depends_on: [b]}\n", "reference-missing", 2, 30),
        ("services:\n  a: {image: x, depends_on: [a]}\n", "dependency-circle", 2, 29),
    ] {
        assert!(found(text, &host).contains(&(id, line, column)), "{id}: {:?}", found(text, &host));
        tested.insert(id);
    }
    let (loaded, services) = load(&[
        ("compose.yaml", "include: [i.yaml]\nservices:\n  a: {image: x}\n"),
        ("docker-compose.yaml", "services: {}\n"),
        ("i.yaml", "services:\n  a: {image: y}\n"),
    ])
    .unwrap();
    let all: Vec<_> = findings(&loaded, &services, &host).iter().map(|finding| at(&loaded, finding)).collect();
    assert!(all.contains(&("include-conflict", 3, 3)) && all.contains(&("file-passed-over", 0, 0)), "{all:?}");
    tested.extend(["include-conflict", "file-passed-over", "limit-not-in-force", "not-the-file"]);
    tested.extend(["image-saving", "killed-for-memory", "memory-per-child-below-start", "workers-above-limit"]);
    tested.extend(["rule-refused", "metric-unknown", "never-fires", "always-fires", "selects-all", "cache-counted"]);
    let known: BTreeSet<&str> = Check::ALL.iter().map(|check| check.id()).collect();
    assert_eq!(tested, known, "each kind has a case; those of running containers and of rules have tests of their own");
    assert!(Check::ALL.iter().all(|check| check.why().len() > 40 && Check::named(check.id()) == Some(*check)));
}

#[test]
fn a_limit_of_the_file_that_is_not_in_force_is_found() {
    let (_, services) =
        load(&[("compose.yaml", "services:\n  worker: {image: app, mem_limit: 2g, command: [celery, worker]}\n")])
            .unwrap();
    let container = |memory: i64, memory_swap: i64, image: &str, command: &[&str]| Container {
        name: "shop-worker-1".to_owned(),
        labels: BTreeMap::from([(SERVICE_LABEL.to_owned(), "worker".to_owned())]),
        running: true,
        memory,
        memory_swap,
        image: image.to_owned(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        ..Container::default()
    };
    let ids = |container: Container| -> Vec<(&str, String)> {
        running(&services, &[container]).into_iter().map(|finding| (finding.check.id(), finding.message)).collect()
    };
    let (two, command) = (2_i64 << 30, ["celery", "worker"]);
    assert_eq!(ids(container(two, 2 * two, "app", &command)), []);
    assert_eq!(ids(container(two, -1, "app", &command)), [], "an engine without accounting of swap");
    let none = ids(container(0, 0, "app", &command));
    assert_eq!(
        none[0],
        (
            "limit-not-in-force",
            "the limit of the file is 2 GiB, and that of the running shop-worker-1 is none".to_owned()
        )
    );
    assert_eq!(ids(container(two, two, "app", &command))[0].0, "limit-not-in-force");
    assert_eq!(ids(container(two, 2 * two, "old", &command))[0].0, "not-the-file");
    assert_eq!(ids(container(two, 2 * two, "app", &["celery"]))[0].0, "not-the-file");
    let ended =
        Container { running: false, oom_killed: true, exit_code: Some(137), ..container(two, two, "old", &command) };
    assert_eq!(
        ids(ended),
        [(
            "killed-for-memory",
            "the engine says OOMKilled of shop-worker-1, whose limit is 2 GiB, and it ended with exit code 137"
                .to_owned()
        )]
    );
    let other = Container { labels: BTreeMap::new(), ..container(0, 0, "app", &command) };
    assert_eq!(ids(other), []);
}

/// Exit code, stdout, stderr.
fn run(dir: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("slimwright").unwrap();
    let output = command
        .arg("compose")
        .args(args)
        .arg("--no-engine")
        .current_dir(dir)
        .env("MY_API_TOKEN", "hunter2")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_json_is_what_the_schema_says() {
    let text = "services:\n  a:\n    image: x\n    mem_limit: 1g\n    command: celery -A x worker -c 4\n    environment: {A: b, C: }\n  b: {build: ., profiles: [x], command: gunicorn x}\n  c: {image: x, command: ./run.sh}\n";
    let dir = folder(&[("compose.yaml", text)]);
    let (_, stdout, stderr) = run(dir.path(), &["--format", "json", "--fail-on", "never"]);
    assert!(!stdout.is_empty(), "{stderr}");
    super::report::validate("compose", &stdout);
}

#[test]
fn images_of_services_are_audited_once_and_share_their_layers() {
    let dockerfile = "FROM scratch AS common\nCOPY large /large\nFROM common AS web\nARG WHAT=none\nCOPY ${WHAT} /web\nFROM common AS worker\nCOPY small /worker\n";
    let text = "name: shop\nservices:\n  web: {build: {context: app, target: web, args: [WHAT=small]}, mem_limit: 64m, scale: 2}\n  twin: {build: {context: app, target: web, args: {WHAT: small}}}\n  worker: {build: {context: ./app, target: worker}, mem_limit: 32m}\n  text: {build: {context: app, dockerfile_inline: \"FROM scratch\\nCOPY small /small\\n\"}}\n  more: {build: {context: app, additional_contexts: {lib: ./other}}}\n  far: {build: https://git.example.org/a.git}\n  out: {build: ../elsewhere}\n  gone: {build: nowhere}\n  two: {build: {context: app, dockerfile: Dockerfile, dockerfile_inline: FROM scratch}}\n  bad: {build: {context: app, target: nothing}}\n  bare: {build: other}\n  db: {image: db}\n  off: {image: x, profiles: [p]}\n";
    let large = "l".repeat(5000);
    let dir = folder(&[
        ("compose.yaml", text),
        ("app/Dockerfile", dockerfile),
        ("app/large", &large),
        ("app/small", "smal"),
        ("other/x", ""),
    ]);
    let (code, stdout, stderr) = run(dir.path(), &["--images", "--format", "json", "--fail-on", "never"]);
    assert_eq!(code, 0, "{stderr}");
    super::report::validate("compose", &stdout);
    let value: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let images = &value["images"];
    let of = |service: &str| {
        let has = |image: &&serde_json::Value| image["services"].as_array().unwrap().contains(&service.into());
        images["images"].as_array().unwrap().iter().find(has).unwrap().clone()
    };
    let web = of("web");
    assert_eq!(web["services"], serde_json::json!(["twin", "web"]), "one build, one image");
    assert_eq!((&web["unpacked"], &web["own"]), (&5004.into(), &4.into()), "an argument chose the file");
    assert_eq!(web["basis"], "predicted");
    assert_eq!(web["target"], "context:app");
    assert_eq!(of("worker")["own"], 4);
    assert_eq!(of("text")["unpacked"], 4, "the Dockerfile that stands in the Compose file, and not the folder's");
    // 5000 once, 4 each of web, worker and text.
    assert_eq!((&images["unpacked"], &images["unpacked_each"]), (&5012.into(), &10_012.into()));
    assert_eq!(
        images["memory"],
        serde_json::json!({"containers": 13, "limits": (2 * 64 + 32) << 20, "without_limit": 10})
    );
    for (service, why) in [
        ("more", "the additional context `lib`"),
        ("far", "its context is elsewhere (https://git.example.org/a.git)"),
        ("out", "is outside of the folder below which files are read"),
        ("gone", "nowhere is not there"),
        ("bare", "other/Dockerfile is not there"),
        ("two", "both `dockerfile` and `dockerfile_inline`"),
        ("bad", "nothing"),
        ("db", "no engine was asked"),
    ] {
        let image = of(service);
        assert!(image["why_not"].as_str().unwrap().contains(why), "{image}");
        assert!(image.get("unpacked").is_none(), "{image}");
    }
    assert!(!stdout.contains("\"off\"]"), "a service that is off has no image here");
    let (_, text, _) = run(dir.path(), &["--images", "--fail-on", "never"]);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("on disk all together: 5.0 kB, what they share once; 10 kB if nothing were shared"),
        "{text}"
    );
    let (_, text, _) = run(dir.path(), &["--fail-on", "never"]);
    assert!(!text.contains("IMAGES"), "{text}");
}

#[test]
fn a_heavy_saving_of_a_services_image_is_a_finding_with_its_command() {
    let text = "services:\n  a:\n    build:\n      context: app dir\n      args: {API_TOKEN: x, N: 1}\n";
    let cache = "c".repeat(3_000_000);
    let dir = folder(&[
        ("compose.yaml", text),
        ("app dir/Dockerfile", "FROM scratch\nCOPY cache /root/.cache/pip/http/x\n"),
        ("app dir/cache", &cache),
    ]);
    let (_, stdout, stderr) = run(dir.path(), &["--images", "--format", "json", "--fail-on", "never"]);
    let value: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let findings = value["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["id"] == "image-saving");
    let finding = finding.unwrap_or_else(|| panic!("{stdout}{stderr}"));
    assert_eq!(finding["place"]["line"], 4);
    assert!(finding["message"].as_str().unwrap().contains("3.0 MB"), "{finding}");
    let command = finding["advice"].as_str().unwrap();
    assert!(command.starts_with("slimwright "), "{command}");
    assert!(command.contains("'context:app dir'") && command.contains("--build-arg API_TOKEN"), "{command}");
    assert!(command.contains("'N=1'"), "{command}");
}

#[test]
fn the_command_has_exit_codes_and_shows_no_secret() {
    let dir = folder(&[
        (
            "compose.yaml",
            "services:\n  a:\n    image: x\n    mem_limit: 1e9\n    command: serve --token ${MY_API_TOKEN}\n    environment: [MY_API_TOKEN, DB_PASSWORD=geheim]\n",
        ),
        ("fine/compose.yaml", "services: {a: {image: x, mem_limit: 1g, memswap_limit: 1g}}\n"),
    ]);
    let (code, text, error) = run(dir.path(), &[]);
    assert_eq!(code, 1, "{text}{error}");
    assert!(text.contains("error    compose.yaml:4:16: a: `mem_limit` is a number with a point"), "{text}");
    let (code, json, _) = run(dir.path(), &["--format", "json", "--fail-on", "never"]);
    assert_eq!(code, 0);
    for text in [&text, &json] {
        assert!(!text.contains("hunter2") && !text.contains("geheim"), "{text}");
    }
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["findings"][0]["place"], serde_json::json!({"file": "compose.yaml", "line": 4, "column": 16}));
    assert_eq!(run(dir.path(), &["fine"]).0, 0);
    assert_eq!(run(dir.path(), &["fine", "--fail-on", "warning"]).0, 0);
    assert_eq!(run(dir.path(), &["fine", "--host-memory", "512 MiB", "--fail-on", "warning"]).0, 1);
    let (code, text, error) = run(dir.path(), &["nowhere.yaml"]);
    assert_eq!((code, text.as_str()), (2, ""), "{error}");
    let explained = Command::cargo_bin("slimwright").unwrap().args(["explain", "value-dropped"]).output().unwrap();
    assert!(String::from_utf8(explained.stdout).unwrap().contains("forgotten"));
}

#[test]
fn a_dockerfile_and_mounts_say_what_runs() {
    let dir = folder(&[
        (
            "compose.yaml",
            "services:
  plain: {build: app}
  mounted: {build: app, volumes: ['./other.py:/srv/conf.py:ro']}
  early: {build: {context: app, target: base}}
  rewritten: {build: {context: app, dockerfile: Other}}
  inline:
    build: {context: app, dockerfile_inline: \"FROM x\\nCOPY conf.py /c.py\\nCMD gunicorn -c /c.py app\"}
  configured:
    image: x
    working_dir: /w
    command: gunicorn app
    configs: [{source: conf, target: /w/gunicorn.conf.py}]
configs:
  conf: {content: 'workers = 9'}
",
        ),
        ("other.py", "workers = 6\n"),
        (
            "app/Dockerfile",
            "ARG N=5
FROM x AS base
ENV A=1
WORKDIR /srv
COPY run.sh /usr/local/bin/
COPY *.py ./
ENTRYPOINT [\"run.sh\"]
CMD [\"base\"]
FROM base AS final
ARG N
ENV COUNT=$N
CMD [\"final\"]
",
        ),
        (
            "app/run.sh",
            "#!/bin/sh\nif [ \"$1\" = base ]; then exec gunicorn -w 1 app; fi\nexec gunicorn -c conf.py app\n",
        ),
        ("app/conf.py", "import os\nworkers = int(os.environ['COUNT']) if 'COUNT' in os.environ else 4\n"),
        ("app/Other", "FROM x\nCOPY conf.py /c.py\nRUN sed -i s/4/8/ /c.py\nCMD gunicorn -c /c.py app\n"),
    ]);
    let (_, stdout, stderr) = run(dir.path(), &["--format", "json", "--fail-on", "never"]);
    let value: serde_json::Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}"));
    let processes = |name: &str| {
        let services = value["services"].as_array().unwrap();
        let service = services.iter().find(|service| service["name"] == name).unwrap();
        service["runs"][0]["processes"].clone()
    };
    assert_eq!(processes("plain"), serde_json::json!({"is": 5}));
    assert_eq!(processes("mounted"), serde_json::json!({"is": 6}));
    assert_eq!(processes("early"), serde_json::json!({"is": 1}));
    assert_eq!(processes("rewritten"), serde_json::json!("not-known"), "a command makes another text of it");
    assert_eq!(processes("inline"), serde_json::json!({"is": 4}));
    assert_eq!(processes("configured"), serde_json::json!({"is": 9}));
    super::report::validate("compose", &stdout);
}

#[test]
fn what_a_service_names_must_be_there() {
    let ids = |text: &str| -> Vec<(&'static str, String)> {
        let (loaded, services) = load(&[("compose.yaml", text)]).unwrap();
        let found = findings(&loaded, &services, &Host::default());
        let is_ours = |finding: &&Finding| {
            matches!(finding.check, Check::ReferenceMissing | Check::DependencyCircle | Check::NothingToRun)
        };
        found.iter().filter(is_ours).map(|finding| (finding.check.id(), finding.message.clone())).collect()
    };
    let missing = |what: &str| vec![("reference-missing", format!("there is no {what}"))];
    assert_eq!(ids("services: {a: {image: x, depends_on: [b]}}"), missing("service `b`"));
    assert_eq!(ids("services: {a: {image: x, depends_on: {b: {condition: service_started, required: false}}}}"), []);
    assert_eq!(ids("services: {a: {image: x, networks: [n, default]}}"), missing("network `n`"));
    assert_eq!(
        ids("services: {a: {image: x, volumes: ['data:/d', './x:/x', '/y:/y', '/anonymous']}}"),
        missing("volume `data`")
    );
    assert_eq!(
        ids("services: {a: {image: x, volumes: [{type: volume, source: data, target: /d}]}}\nvolumes: {data: }"),
        []
    );
    assert_eq!(
        ids("services: {a: {image: x, secrets: [{source: s}], configs: [c]}}\nconfigs: {c: {content: x}}"),
        missing("secret `s`")
    );
    assert_eq!(ids("services: {a: {image: x, profiles: [p], depends_on: [b]}}"), [], "it does not run");
    assert_eq!(
        ids(
            "services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [c]}, c: {image: x, depends_on: [a]}}"
        ),
        [("dependency-circle", "services wait for one another: a → b → c → a".to_owned())]
    );
    assert_eq!(ids("services: {a: {image: x, depends_on: [b, c]}, b: {image: x, depends_on: [c]}, c: {image: x}}"), []);
    assert_eq!(ids("services: {a: {image: ''}}")[0].0, "nothing-to-run");
}
