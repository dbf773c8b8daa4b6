//! Names of images, and challenges.

use proptest::prelude::*;
use slimwright::base::Hint as _;
use slimwright::registry::{Challenge, Reference, parse_challenges, parse_docker_config, parse_dockercfg};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn parse(text: &str) -> Reference {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn names_are_read_as_docker_reads_them() {
    let rows = [
        // As written, registry, API, repository, tag, as shown.
        ("alpine", "docker.io", "registry-1.docker.io", "library/alpine", "latest", "alpine:latest"),
        ("alpine:3.20", "docker.io", "registry-1.docker.io", "library/alpine", "3.20", "alpine:3.20"),
        ("team/app", "docker.io", "registry-1.docker.io", "team/app", "latest", "team/app:latest"),
        ("docker.io/alpine", "docker.io", "registry-1.docker.io", "library/alpine", "latest", "alpine:latest"),
        ("docker.io/library/alpine", "docker.io", "registry-1.docker.io", "library/alpine", "latest", "alpine:latest"),
        ("index.docker.io/team/app:1", "docker.io", "registry-1.docker.io", "team/app", "1", "team/app:1"),
        ("localhost/x", "localhost", "localhost", "x", "latest", "localhost/x:latest"),
        ("localhost:5000/x", "localhost:5000", "localhost:5000", "x", "latest", "localhost:5000/x:latest"),
        ("localhost:5000/x:v1", "localhost:5000", "localhost:5000", "x", "v1", "localhost:5000/x:v1"),
        ("example.org/x", "example.org", "example.org", "x", "latest", "example.org/x:latest"),
        (
            "example.org:443/a/b/c:T_1.-",
            "example.org:443",
            "example.org:443",
            "a/b/c",
            "T_1.-",
            "example.org:443/a/b/c:T_1.-",
        ),
        ("[::1]:5000/x", "[::1]:5000", "[::1]:5000", "x", "latest", "[::1]:5000/x:latest"),
        ("[::1]/x", "[::1]", "[::1]", "x", "latest", "[::1]/x:latest"),
        ("Host/x", "Host", "Host", "x", "latest", "Host/x:latest"),
        (
            "a__b/c-d.e_f---g",
            "docker.io",
            "registry-1.docker.io",
            "a__b/c-d.e_f---g",
            "latest",
            "a__b/c-d.e_f---g:latest",
        ),
    ];
    for (text, registry, api, repository, tag, shown) in rows {
        let found = parse(text);
        assert_eq!(
            (found.registry(), found.api_host(), found.repository(), found.tag(), found.to_string().as_str()),
            (registry, api, repository, Some(tag), shown),
            "{text}"
        );
        assert_eq!(parse(shown), found, "{text}");
    }
}

#[test]
fn a_digest_stands_alone_or_behind_a_tag() {
    let alone = parse(&format!("example.org/x@{DIGEST}"));
    assert_eq!((alone.tag(), alone.digest().unwrap().to_string()), (None, DIGEST.into()));
    assert_eq!(alone.to_string(), format!("example.org/x@{DIGEST}"));
    let both = parse(&format!("x:1@{DIGEST}"));
    assert_eq!((both.tag(), both.digest().is_some()), (Some("1"), true));
    assert_eq!(both.to_string(), format!("x:1@{DIGEST}"));
}

#[test]
fn what_is_no_name_is_told_with_the_rule_and_the_finding() {
    let long = format!("example.org/{}", "a/".repeat(130) + "a");
    let rows = [
        ("", "lower-case letters", "found nothing"),
        (":1", "lower-case letters", "found nothing"),
        ("https://example.org/x", "without a scheme", "found `https://`"),
        ("Alpine", "lower-case letters", "found `Alpine`"),
        ("example.org/Team/app", "lower-case letters", "found `Team`"),
        ("a//b", "lower-case letters", "found nothing"),
        ("example.org/", "lower-case letters", "found nothing"),
        ("a___b", "lower-case letters", "found `a___b`"),
        ("a..b", "lower-case letters", "found `a..b`"),
        ("-a", "lower-case letters", "found `-a`"),
        ("a\u{e9}b", "lower-case letters", "found `a\u{e9}b`"),
        ("a\x1bb", "lower-case letters", "found `a\\x1bb`"),
        ("a:", "a tag of", "found nothing"),
        ("a:-x", "a tag of", "found `-x`"),
        ("a:b:c", "a tag of", "found `b:c`"),
        ("a@", "64 hexadecimal digits", "found nothing"),
        ("a@sha256:12", "64 hexadecimal digits", "found `sha256:12`"),
        ("a@sha512:12", "64 hexadecimal digits", "found `sha512:12`"),
        ("localhost:0/x", "a port from 1", "found `localhost:0`"),
        ("localhost:65536/x", "a port from 1", "found `localhost:65536`"),
        ("localhost:+1/x", "a port from 1", "found `localhost:+1`"),
        ("example..org/x", "a host name", "found `example..org`"),
        ("-example.org/x", "a host name", "found `-example.org`"),
        ("user:password@example.org/x", "64 hexadecimal digits", "found `example.org/x`"),
        ("[::1/x", "a host name", "found `[::1`"),
        ("[::zz]/x", "a host name", "found `[::zz]`"),
        (&"0123456789abcdef".repeat(4), "a name", "64 hexadecimal digits"),
        (&long, "at most 255", "a longer one"),
    ];
    for (text, expected, found) in rows {
        let error = text.parse::<Reference>().expect_err(text);
        let shown = error.to_string();
        assert!(shown.contains(expected) && shown.contains(found), "{text}: {shown}");
        assert!(error.hint().is_some());
    }
    assert!(format!("a:{}", "t".repeat(129)).parse::<Reference>().is_err());
    assert!(format!("a:{}", "t".repeat(128)).parse::<Reference>().is_ok());
}

fn challenge(scheme: &str, parameters: &[(&str, &str)]) -> Challenge {
    let parameters = parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Challenge { scheme: scheme.into(), parameters }
}

#[test]
fn challenges_are_read_one_by_one() {
    let bearer = challenge(
        "bearer",
        &[
            ("realm", "https://auth.example.org/token"),
            ("service", "example.org"),
            ("scope", "repository:a/b:pull,push"),
        ],
    );
    let text =
        r#"Bearer realm="https://auth.example.org/token",service="example.org",scope="repository:a/b:pull,push""#;
    assert_eq!(parse_challenges(text), std::slice::from_ref(&bearer));
    let spaced = r#" bearer  Realm = "https://auth.example.org/token" , service = example.org , ,scope="repository:a/b:pull,push" "#;
    assert_eq!(parse_challenges(spaced), std::slice::from_ref(&bearer));
    let several =
        format!("Negotiate, Basic realm=\"a \\\"quoted\\\" one\", {text}, Digest qop=\"auth, auth-int\", nonce=x");
    let expected = [
        challenge("negotiate", &[]),
        challenge("basic", &[("realm", "a \"quoted\" one")]),
        bearer,
        challenge("digest", &[("qop", "auth, auth-int"), ("nonce", "x")]),
    ];
    assert_eq!(parse_challenges(&several), expected);
}

#[test]
fn garbage_in_a_challenge_is_passed_over() {
    assert_eq!(parse_challenges(""), []);
    assert_eq!(parse_challenges(" , ,, "), []);
    assert_eq!(parse_challenges("=x, \"\u{e9}\", Basic realm=\"open"), [challenge("basic", &[("realm", "open")])]);
    assert_eq!(parse_challenges("Basic realm=\"x\\"), [challenge("basic", &[("realm", "x")])]);
    assert_eq!(
        parse_challenges("Negotiate YWJj==, Basic"),
        [challenge("negotiate", &[("ywjj", "=")]), challenge("basic", &[])]
    );
    assert!(parse_challenges(&"a,".repeat(100_000)).len() < 100);
    assert!(parse_challenges(&format!("a {}", "b=c,".repeat(100_000)))[0].parameters.len() < 100);
}

#[test]
fn what_is_shown_is_read_as_the_same() {
    let id = "0123456789abcdef".repeat(4);
    let names = ["docker.io/localhost/x", "docker.io/example.org/x", "library/a/b", "docker.io/library/localhost"];
    for name in names.map(str::to_owned).into_iter().chain([format!("library/{id}"), format!("{id}/x")]) {
        assert_eq!(parse(&parse(&name).to_string()), parse(&name), "{name}");
    }
    assert_eq!(parse("docker.io/localhost/x").to_string(), "docker.io/localhost/x:latest");
}

proptest! {
    #[test]
    fn any_name_that_is_read_is_shown_as_the_same(text in "(docker\\.io/|localhost/|library/|a\\.b:1/|\\[::1\\]/)?[a-c.:/@_-]{1,9}") {
        if let Ok(reference) = text.parse::<Reference>() {
            prop_assert_eq!(parse(&reference.to_string()), reference);
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in r#"([A-Za-z=", \\\t/{}:\[\]]|\PC){0,60}"#) {
        _ = text.parse::<Reference>();
        prop_assert!(parse_challenges(&text).len() <= 32);
        _ = parse_docker_config(text.as_bytes());
        _ = parse_dockercfg(text.as_bytes());
    }
}
