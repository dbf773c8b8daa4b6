//! The files of Docker and Podman, and credential helpers.

use crate::server::{Server, ok, quick, reply};
use slimwright::base::Hint as _;
use slimwright::registry::{AuthFiles, Options, Reference, RegistryError, parse_docker_config, parse_dockercfg};
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// `user:pass/word`, and `other:word`.
const USER: &str = "dXNlcjpwYXNzL3dvcmQ=";
const OTHER: &str = "b3RoZXI6d29yZA==";

/// Options that look through some files, in order, and for helpers in the same folder.
pub fn files(files: &[(&str, &str)]) -> (tempfile::TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        paths.push(path);
    }
    let helper_folder = Some(folder.path().to_owned());
    let options = Options { auth_files: AuthFiles { paths, must_exist: false }, helper_folder, ..quick() };
    (folder, options)
}

/// A registry that wants `user`, or says whom it got.
fn registry() -> Server {
    Server::new(|request, _| match request.header("authorization") {
        Some(basic) if basic == format!("Basic {USER}") => ok(r#"{"schemaVersion":2,"layers":[]}"#),
        Some(other) => reply(403).body(format!(r#"{{"errors":[{{"message":"got {other}"}}]}}"#)),
        None => reply(401).header("WWW-Authenticate", "Basic realm=lab"),
    })
}

/// What the registry says to the credentials that are found.
fn try_files(texts: &[(&str, &str)]) -> Result<(), RegistryError> {
    let server = registry();
    let texts: Vec<(&str, String)> =
        texts.iter().map(|(name, text)| (*name, text.replace("HOST", &server.host()))).collect();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let (_folder, options) = files(&texts);
    server.client_with(options).manifest().map(|_| ())
}

#[test]
fn the_environment_names_the_files() {
    let from = |pairs: &[(&str, &str)]| {
        AuthFiles::from_env(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value)))
    };
    let paths = |texts: &[&str]| texts.iter().map(PathBuf::from).collect::<Vec<_>>();
    let all = [("HOME", "/h"), ("XDG_RUNTIME_DIR", "/r"), ("XDG_CONFIG_HOME", "/c"), ("DOCKER_CONFIG", "/d")];
    let found = from(&all);
    assert!(!found.must_exist);
    let expected = ["/r/containers/auth.json", "/c/containers/auth.json", "/d/config.json", "/h/.dockercfg"];
    assert_eq!(found.paths, paths(&expected));
    let expected = ["/h/.config/containers/auth.json", "/h/.docker/config.json", "/h/.dockercfg"];
    assert_eq!(from(&[("HOME", "/h"), ("DOCKER_CONFIG", "")]).paths, paths(&expected));
    let named = from(&[&all[..], &[("REGISTRY_AUTH_FILE", "/a")]].concat());
    assert_eq!((named.paths, named.must_exist), (paths(&["/a"]), true));
    assert_eq!(from(&[]), AuthFiles::default());
}

#[test]
fn the_first_file_with_credentials_decides() {
    let user = format!(r#"{{"auths":{{"HOST":{{"auth":"{USER}"}}}}}}"#);
    let other = format!(r#"{{"auths":{{"HOST":{{"auth":"{OTHER}"}}}}}}"#);
    let empty = r#"{"auths":{"HOST":{}, "example.org":{"auth":"eDp5"}, "null":null}}"#;
    try_files(&[("a.json", empty), ("b.json", ""), ("c.json", &user), ("d.json", &other)]).unwrap();
    let error = try_files(&[("a.json", &other), ("b.json", &user)]).unwrap_err();
    assert!(error.to_string().contains(OTHER), "{error}");
}

#[test]
fn a_key_is_a_host_or_a_url_or_the_longest_part_of_the_name() {
    for key in ["HOST", "http://HOST", "https://HOST/v1/", "HOST/v2/", "HOST/", "HOST/lab", "HOST/lab/app"] {
        try_files(&[("c.json", &format!(r#"{{"auths":{{"{key}":{{"auth":"{USER}"}}}}}}"#))])
            .unwrap_or_else(|error| panic!("{key}: {error}"));
    }
    for key in ["HOST/la", "HOST/lab/app/more", "HOST0", "example.org", "127.0.0.1"] {
        let error = try_files(&[("c.json", &format!(r#"{{"auths":{{"{key}":{{"auth":"{USER}"}}}}}}"#))]).unwrap_err();
        assert!(matches!(error, RegistryError::Denied { status: 401, .. }), "{key}: {error}");
    }
    let longest = format!(
        r#"{{"auths":{{"HOST":{{"auth":"{OTHER}"}},"HOST/lab":{{"auth":"{USER}"}},"HOST/lab/x":{{"auth":"{OTHER}"}}}}}}"#
    );
    try_files(&[("c.json", &longest)]).unwrap();
    try_files(&[(".dockercfg", &format!(r#"{{"https://HOST/v1/":{{"auth":"{USER}","email":"x"}}}}"#))]).unwrap();
}

#[test]
fn docker_hub_has_several_keys() {
    let hub: Reference = "alpine".parse().unwrap();
    for key in [
        "https://index.docker.io/v1/",
        "docker.io",
        "index.docker.io",
        "registry-1.docker.io",
        "docker.io/library/alpine",
    ] {
        let text = format!(r#"{{"auths":{{"{key}":{{"auth":"{USER}"}}}}}}"#);
        let config = parse_docker_config(text.as_bytes()).unwrap();
        assert!(config.has(&hub), "{key}");
        assert!(!config.has(&"example.org/alpine".parse().unwrap()), "{key}");
    }
    let text = br#"{"credHelpers":{"https://index.docker.io/v1/":"hub","example.org":"other"},"credsStore":"all"}"#;
    let config = parse_docker_config(text).unwrap();
    let helper = |name: &str| config.helper(&name.parse().unwrap());
    assert_eq!(
        (helper("alpine"), helper("example.org/x"), helper("localhost/x")),
        (Some("hub"), Some("other"), Some("all"))
    );
    assert!(parse_dockercfg(br#"{"https://index.docker.io/v1/":{"auth":"eDp5"}}"#).unwrap().has(&hub));
}

#[test]
fn a_damaged_file_is_named_with_the_place_and_without_its_secrets() {
    for (text, place) in [
        ("{\"auths\":\n {\"h\": s3cret}}", "line 2, column 8: expected an object with `auths`"),
        ("{\"auths\":{\"HOST\":\"s3cret\"}}", "line 1, column "),
        ("{\"auths\":{\"HOST\":{\"auth\":", "found the end of the file"),
        ("[7]", "line 1, column 2: expected an object"),
        ("{\"auths\":{\"example.org\":{\"auth\":\"s3cret!\"}}}", "`auth` of `example.org`: expected base64, found"),
        ("{\"auths\":{\"example.org\":{\"auth\":\"czNjcmV0\"}}}", "expected base64 of USER:PASSWORD, found"),
        ("{\"auths\":{\"example.org\":{\"auth\":\"//8=\"}}}", "expected base64 of UTF-8, found"),
        ("{\"credHelpers\":{\"HOST\":[\"s3cret\"]}}", "expected an object"),
    ] {
        let error = try_files(&[("damaged.json", text)]).unwrap_err();
        assert!(matches!(error, RegistryError::AuthFile { .. }), "{error}");
        let shown = error.to_string();
        assert!(shown.contains("damaged.json: ") && shown.contains(place), "{shown}");
        assert!(!shown.contains("s3cret") && !shown.contains("czNjcmV0"), "{shown}");
    }
    let error = try_files(&[(".dockercfg", "{\"HOST\":7}")]).unwrap_err();
    assert!(error.to_string().contains("expected an object with an entry for each registry"), "{error}");
}

#[test]
fn a_file_that_was_named_must_be_there_and_others_need_not() {
    let server = registry();
    let ask = |path: &str, must_exist| {
        let auth_files = AuthFiles { paths: vec![path.into()], must_exist };
        server.client_with(Options { auth_files, ..quick() }).manifest().unwrap_err()
    };
    assert!(matches!(ask("/nowhere/auth.json", false), RegistryError::Denied { .. }));
    let error = ask("/nowhere/auth.json", true);
    assert!(error.to_string().starts_with("/nowhere/auth.json: "), "{error}");
    assert!(error.hint().unwrap().contains("REGISTRY_AUTH_FILE"));
    assert!(matches!(ask("/", false), RegistryError::AuthFile { .. }));
}

#[test]
fn credentials_are_looked_for_only_when_they_are_wanted() {
    let server = Server::new(|_, _| ok(r#"{"schemaVersion":2,"layers":[]}"#));
    let (_folder, options) = files(&[("config.json", "damaged")]);
    server.client_with(options).manifest().unwrap();
}

/// Writes a helper. Another process does it: one that is forked meanwhile by another test would hold the file open,
/// and what is open for writing cannot be run.
fn helper(folder: &Path, name: &str, script: &str) {
    let path = folder.join(format!("docker-credential-{name}"));
    let mut command = Command::new("sh");
    command.args(["-c", "cat >\"$1\" && chmod 700 \"$1\"", "sh"]).arg(path).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("#!/bin/sh\n{script}").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// What the registry says where a helper is configured, and what the helper was asked.
fn try_helper(config: &str, script: &str) -> (Result<(), RegistryError>, String) {
    let server = registry();
    let (folder, options) = files(&[("config.json", &config.replace("HOST", &server.host()))]);
    let asked = folder.path().join("asked");
    helper(folder.path(), "lab", &format!("echo \"$@\" >'{0}'\ncat >>'{0}'\n{script}\n", asked.display()));
    let options = Options { helper_wait: Duration::from_secs(3), ..options };
    let result = server.client_with(options).manifest().map(|_| ());
    let asked = std::fs::read_to_string(asked).unwrap_or_default().replace(&server.host(), "HOST");
    (result, asked)
}

#[test]
fn a_helper_is_asked_for_the_registry() {
    let script = r#"echo '{"ServerURL":"x","Username":"user","Secret":"pass/word"}'"#;
    for config in
        [r#"{"credHelpers":{"HOST":"lab"},"credsStore":"missing"}"#, r#"{"credsStore":"lab","auths":{"HOST":{}}}"#]
    {
        let (result, asked) = try_helper(config, script);
        result.unwrap();
        assert_eq!(asked, "get\nHOST");
    }
}

#[test]
fn a_helper_that_has_nothing_leaves_it_to_the_files() {
    let nothing = "echo 'credentials not found in native keychain'; exit 1";
    let (result, _) = try_helper(&format!(r#"{{"credsStore":"lab","auths":{{"HOST":{{"auth":"{USER}"}}}}}}"#), nothing);
    result.unwrap();
    let (result, _) = try_helper(r#"{"credsStore":"lab"}"#, nothing);
    assert!(matches!(result, Err(RegistryError::Denied { status: 401, .. })));
}

#[test]
fn a_helper_that_fails_matters_only_where_nothing_else_is_known() {
    let failures = [
        ("echo 'no display'; exit 3", "saying `no display`"),
        ("echo s3cret", "expected a JSON object with `Username` and `Secret`"),
        ("sleep 30", "did not answer in time"),
        ("exec >&-; sleep 30", "did not answer in time"),
    ];
    for (script, text) in failures {
        let start = Instant::now();
        let (result, _) = try_helper(r#"{"credsStore":"lab"}"#, script);
        let error = result.unwrap_err();
        assert!(matches!(error, RegistryError::Helper { .. }), "{error}");
        let shown = error.to_string();
        assert!(
            shown.contains("docker-credential-lab") && shown.contains(text) && !shown.contains("s3cret"),
            "{shown}"
        );
        assert!(start.elapsed() < Duration::from_secs(15));
    }
    let auths = format!(r#""auths":{{"HOST":{{"auth":"{USER}"}}}}"#);
    try_helper(&format!(r#"{{"credsStore":"lab",{auths}}}"#), "exit 3").0.unwrap();
    for name in ["not-installed-here", "../lab", "a b"] {
        try_helper(&format!(r#"{{"credsStore":"{name}",{auths}}}"#), "").0.unwrap();
        let error = try_helper(&format!(r#"{{"credsStore":"{name}"}}"#), "").0.unwrap_err();
        assert!(error.to_string().contains(&format!("docker-credential-{name} gave none")), "{error}");
        assert!(error.hint().unwrap().contains(name));
    }
}

#[test]
fn a_public_image_is_read_whatever_a_helper_does() {
    let server = Server::new(|request, _| match request.header("authorization") {
        _ if request.target.starts_with("/token") => ok(r#"{"token":"anyone"}"#),
        Some("Bearer anyone") => ok(r#"{"schemaVersion":2,"layers":[]}"#),
        _ => {
            let host = request.header("host").unwrap();
            reply(401).header("WWW-Authenticate", format!("Bearer realm=\"http://{host}/token\""))
        }
    });
    let (_folder, options) = files(&[("config.json", r#"{"credsStore":"not-installed-here"}"#)]);
    server.client_with(options).manifest().unwrap();
    let token = server.requests()[1].target.clone();
    assert_eq!(token, "/token?scope=repository%3Alab%2Fapp%3Apull");
}

#[test]
fn a_helper_may_have_an_identity_token() {
    let server = Server::new(|request, _| match request.header("authorization") {
        _ if request.target.starts_with("/token") => ok(r#"{"access_token":"good"}"#),
        Some("Bearer good") => ok(r#"{"schemaVersion":2,"layers":[]}"#),
        _ => {
            let host = request.header("host").unwrap();
            reply(401).header("WWW-Authenticate", format!("Bearer realm=\"http://{host}/token\",service=lab"))
        }
    });
    let (folder, options) = files(&[("config.json", r#"{"credsStore":"lab"}"#)]);
    helper(folder.path(), "lab", r#"echo '{"Username":"<token>","Secret":"refresh"}'"#);
    server.client_with(options).manifest().unwrap();
    assert!(server.requests()[1].body.contains("refresh_token=refresh&service=lab"), "{:?}", server.requests()[1]);
}
