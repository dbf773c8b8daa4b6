//! Secrets in what an image, a Dockerfile, a requirements file or an index says. They are masked where such a text is
//! read, once, so that nothing that is shown or written later can have them: neither a report, nor a plan's files, nor a
//! recorded index.
//!
//! What is a secret is told by where it stands (the user and password of a URL, the value of an option, a variable or a
//! key whose name says so, a header) and by its shape (the tokens of well-known services, private keys). What stands
//! nowhere in particular and looks like nothing is not found: a mask is a help, and no licence to publish.

mod names;
mod programs;
mod shapes;
mod urls;
mod values;

pub use names::is_secret_name;
pub use urls::without_credentials;

use std::ops::Range;

/// What stands in the place of a secret.
pub const MASK: &str = "****";

/// A text without what it has of secrets. Masking twice is masking once.
pub fn masked(text: &str) -> String {
    let mut spans = Spans::default();
    urls::find(text, &mut spans);
    values::find(text, &mut spans);
    programs::find(text, &mut spans);
    spans.applied(text)
}

/// [`masked`] for the bytes of a file. What is not UTF-8 stays.
pub fn masked_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.extend_from_slice(masked(chunk.valid()).as_bytes());
        out.extend_from_slice(chunk.invalid());
    }
    out
}

/// The value of a variable, label or key, masked if its name says that it is a secret, and else where it has one.
pub fn masked_value(name: &str, value: &str) -> String {
    let is_secret = is_secret_name(name) && !values::is_harmless(name, value);
    if is_secret { MASK.to_owned() } else { masked(value) }
}

/// `NAME=value`, with its value masked as [`masked_value`] does.
pub fn masked_variable(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, value)) => format!("{name}={}", masked_value(name, value)),
        None => masked(pair),
    }
}

/// The words of a command, also where an option's value is a word of its own.
pub fn masked_arguments(words: &[String]) -> Vec<String> {
    let mut out = Vec::with_capacity(words.len());
    let mut option: Option<&str> = None;
    for (word, is_secret) in words.iter().zip(programs::secret_words(words)) {
        let name = option.take().filter(|_| !word.starts_with('-'));
        out.push(match name {
            _ if is_secret => MASK.to_owned(),
            Some(name) => masked_value(name, word),
            None => masked(word),
        });
        option = word.strip_prefix('-').map(|name| name.trim_start_matches('-')).filter(|name| !name.contains('='));
    }
    out
}

/// Whether a text was masked, or looks as if.
pub fn is_masked(text: &str) -> bool {
    text.contains(MASK)
}

/// What of a text is to be replaced, and by what.
#[derive(Default)]
struct Spans(Vec<(Range<usize>, &'static str)>);

impl Spans {
    fn hide(&mut self, span: Range<usize>) {
        self.0.push((span, MASK));
    }

    fn replace(&mut self, span: Range<usize>, by: &'static str) {
        self.0.push((span, by));
    }

    fn applied(mut self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        self.0.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (span, by) in self.0 {
            if span.start >= at {
                out.push_str(&text[at..span.start]);
                out.push_str(by);
            }
            at = at.max(span.end);
        }
        out + &text[at..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts with one secret, which is `hunter2` with something around it, and what is to be left of them.
    const SECRETS: [(&str, &str); 62] = [
        ("see https://user:hunter2@example.org/a b", "see https://****@example.org/a b"),
        ("https://user:hunter2@ss@example.org/a", "https://****@example.org/a"),
        ("https://hunter2@example.org/simple", "https://****@example.org/simple"),
        ("https://user:@example.org/simple", "https://****@example.org/simple"),
        ("https://user:hun%20ter2@example.org/", "https://****@example.org/"),
        ("https://user:pa#hunter2@example.org/simple x", "https://****@example.org/simple x"),
        ("https://user:pa/hunter2@example.org/simple", "https://****@example.org/simple"),
        ("https://user:pa?hunter2@example.org/simple", "https://****@example.org/simple"),
        ("https://user:12#hunter2@example.org/simple", "https://****@example.org/simple"),
        ("https://user:12/hunter2@example.org/simple", "https://****@example.org/simple"),
        ("https://user:pa@ss/hunter2@example.org/simple", "https://****@example.org/simple"),
        ("https://user:pass/hunter2/@example.org/simple", "https://****@example.org/simple"),
        ("https://user:pa(hunter2)@example.org/simple", "https://****@example.org/simple"),
        ("\"https://user:pa ss hunter2@example.org/simple\" x", "\"https://****@example.org/simple\" x"),
        ("https://a:hunter2@b.org/,https://c:hunter2@d.org/", "https://****@b.org/,https://****@d.org/"),
        ("git+https://u:hunter2@example.org/a/b.git@v1.0#egg=c", "git+https://****@example.org/a/b.git@v1.0#egg=c"),
        ("git+ssh://git:hunter2@example.org/a/b@v1", "git+ssh://****@example.org/a/b@v1"),
        ("`https://example.org/a?token=hunter2`, http://t@h", "`https://example.org/a?…`, http://****@h"),
        ("https://conda.example.org/t/ab-hunter2/c/noarch", "https://conda.example.org/t/****/c/noarch"),
        ("--proxy user:hunter2@proxy", "--proxy ****@proxy"),
        ("--proxy=user:hunter2@proxy.example.org:3128", "--proxy=****@proxy.example.org:3128"),
        ("pip --password hunter2 x", "pip --password **** x"),
        ("pip --password=hunter2 x", "pip --password=**** x"),
        ("pip --password 'hunter2 and' x", "pip --password '****' x"),
        ("tool --api-key hunter2", "tool --api-key ****"),
        ("--build-arg TOKEN=hunter2 .", "--build-arg TOKEN=**** ."),
        ("docker run -e GH_TOKEN=hunter2 x", "docker run -e GH_TOKEN=**** x"),
        ("|2 A=1 PIP_TOKEN=hunter2 /bin/sh -c make", "|2 A=1 PIP_TOKEN=**** /bin/sh -c make"),
        ("ENV DB_PASSWORD hunter2 and more", "ENV DB_PASSWORD ****"),
        ("ENV DB_PASSWORD=\"hunter2 and\" A=b", "ENV DB_PASSWORD=\"****\" A=b"),
        ("export PGPASSWORD=hun\"hunter2\"x; psql", "export PGPASSWORD=****; psql"),
        ("export MYSQL_PWD=hunter2\\ x psql", "export MYSQL_PWD=**** psql"),
        ("${PASSWORD:-hunter2}", "${PASSWORD:-****}"),
        ("curl -u user:hunter2 https://example.org", "curl -u **** https://example.org"),
        ("/usr/bin/curl -s -uuser:hunter2 x", "/usr/bin/curl -s -u**** x"),
        ("wget --http-password=hunter2 x", "wget --http-password=**** x"),
        ("curl --user 'a:hunter2' x", "curl --user '****' x"),
        ("curl -H \"Authorization: Bearer hunter2\" x", "curl -H \"Authorization: ****\" x"),
        ("curl -H 'authorization: hunter2' x", "curl -H 'authorization: ****' x"),
        ("curl -H PRIVATE-TOKEN:hunter2 x", "curl -H PRIVATE-TOKEN:**** x"),
        ("//r.example.org/:_authToken=hunter2", "//r.example.org/:_authToken=****"),
        ("npm config set //r.example.org/:_authToken hunter2", "npm config set //r.example.org/:_authToken ****"),
        ("poetry config pypi-token.a hunter2", "poetry config pypi-token.a ****"),
        ("poetry config http-basic.a user hunter2", "poetry config http-basic.a user ****"),
        ("CMD [\"a\", \"--password\", \"hunter2\"]", "CMD [\"a\", \"--password\", \"****\"]"),
        ("CMD [\"a\" \"--password\" \"hunter2\"]", "CMD [\"a\" \"--password\" \"****\"]"),
        ("RUN [\"curl\", \"-u\", \"a:hunter2\", \"x\"]", "RUN [\"curl\", \"-u\", \"****\", \"x\"]"),
        ("password = hunter2", "password = ****"),
        ("{\"password\": \"hunter2\", \"a\": 1}", "{\"password\": \"****\", \"a\": 1}"),
        ("{\\\"apiKey\\\": \\\"hunter2\\\"}", "{\\\"apiKey\\\": \\\"****\\\"}"),
        ("password: hunter2", "password: ****"),
        ("machine a login b password hunter2", "machine a login b password ****"),
        ("twine upload -u __token__ -p hunter2 dist/*", "twine upload -u __token__ -p **** dist/*"),
        ("echo x && docker login -u a -p hunter2 r", "echo x && docker login -u a -p **** r"),
        ("sshpass -p hunter2 ssh a", "sshpass -p **** ssh a"),
        ("mysql -u root -phunter2 db", "mysql -u root -p**** db"),
        ("echo 'root:hunter2' | chpasswd", "echo '****' | chpasswd"),
        ("x ghp_hunter2hunter2hunter2 y", "x **** y"),
        ("x xoxb-1234-hunter2 y", "x **** y"),
        ("x AKIAIOSFODNN7HUNTER2 y", "x **** y"),
        ("x eyJhbGciOiJI.eyJodW50ZXIy.hunter2-_ y", "x **** y"),
        ("-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY----- x", "**** x"),
    ];

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        for (text, expected) in SECRETS {
            assert_eq!(masked(text), expected, "{text}");
            assert_eq!(masked(expected), expected, "once more");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "no URL",
            "https://example.org/@a",
            "https://example.org:4873/@scope/name",
            "git+https://example.org:8443/a/b.git@v1.0",
            "https://[::1]:8080/a@b",
            "python:3.11-slim@sha256:0123456789abcdef",
            "FROM registry.example.org/team/a:1.4",
            "pkg:pypi/django@1.11.1",
            "PATH=/usr/local/bin:/opt/python@3.11/bin",
            "git@example.org:a/b.git",
            "GPG_KEY=E3FF2839C048B25C084DEBE9B26995E310250568",
            "TOKENIZERS_PARALLELISM=false",
            "MAX_TOKENS=4096",
            "POSTGRES_PASSWORD_FILE=/run/secrets/a",
            "GOOGLE_APPLICATION_CREDENTIALS=/app/key.json",
            "PASSWORD=$PASSWORD TOKEN=${TOKEN} SECRET=$(cat /run/secrets/a)",
            "RUN --mount=type=secret,id=pip,target=/etc/pip.conf pip install -r r.txt",
            "docker build --secret id=pip,src=pip.conf .",
            "docker run -u 1000:1000 --user node:node x",
            "curl -u $USER:$PASSWORD x",
            "secret==1.0",
            "token = \"^1.2\"",
            "keyring==25.0 --hash=sha256:0123456789abcdef",
            "the token: it is not there",
            "scikit-learn sk-learn hf_transfer npm_config_cache",
            "docker login --password-stdin -u a",
            "echo a:b | cat",
        ] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn variables_and_words_are_masked_by_their_names() {
        for (pair, expected) in [
            ("A=b", "A=b"),
            ("AWS_SECRET_ACCESS_KEY=x y", "AWS_SECRET_ACCESS_KEY=****"),
            ("API_KEY=x=y", "API_KEY=****"),
            ("PIP_INDEX_URL=https://a:b@example.org/simple", "PIP_INDEX_URL=https://****@example.org/simple"),
            ("SECRET=", "SECRET="),
            ("LANG=C.UTF-8", "LANG=C.UTF-8"),
        ] {
            assert_eq!(masked_variable(pair), expected);
        }
        let words = ["serve", "--db-password", "a b", "--port", "80", "--token", "--verbose"].map(str::to_owned);
        let curl = ["curl", "-u", "a:b", "-fsS", "x"].map(str::to_owned);
        assert_eq!(masked_arguments(&curl), ["curl", "-u", "****", "-fsS", "x"].map(str::to_owned));
        assert_eq!(masked_arguments(&words)[2..], ["****", "--port", "80", "--token", "--verbose"].map(str::to_owned));
    }

    #[test]
    fn a_url_without_credentials_is_one_to_use() {
        for (url, expected) in [
            ("https://a:b@example.org/x.whl#sha256=00", "https://example.org/x.whl#sha256=00"),
            ("https://****@example.org/x", "https://example.org/x"),
            ("https://example.org/x?raw=1&token=b&c=d#egg=e", "https://example.org/x?raw=1&c=d#egg=e"),
            ("https://example.org/x?sig=b", "https://example.org/x"),
            ("git+ssh://git@example.org/a@v1", "git+ssh://git@example.org/a@v1"),
            ("git+ssh://git:b@example.org/a@v1", "git+ssh://git@example.org/a@v1"),
            ("/a/b", "/a/b"),
        ] {
            assert_eq!(without_credentials(url), expected);
        }
    }

    #[test]
    fn bytes_stay_what_they_are() {
        assert_eq!(masked_bytes(b"\xff https://a:b@c\xfe\n"), b"\xff https://****@c\xfe\n");
    }
}
