//! Names that say that what they stand for is a secret.

/// Words that say it.
const SECRET: [&str; 17] = [
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passcode",
    "pass",
    "pwd",
    "secret",
    "secrets",
    "token",
    "tokens",
    "credential",
    "credentials",
    "creds",
    "apikey",
    "accesskey",
    "authtoken",
];

/// Ends of words that say it: `PGPASSWORD`, `clientsecret`.
const ENDS: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "authkey",
    "credentials",
];

/// Last words of names that say something about a secret and are not it.
const ABOUT: [&str; 57] = [
    "file",
    "files",
    "path",
    "paths",
    "dir",
    "directory",
    "folder",
    "url",
    "uri",
    "endpoint",
    "host",
    "port",
    "name",
    "id",
    "ids",
    "ttl",
    "timeout",
    "expiry",
    "expires",
    "expiration",
    "lifetime",
    "age",
    "length",
    "size",
    "count",
    "limit",
    "max",
    "min",
    "type",
    "algorithm",
    "header",
    "prefix",
    "suffix",
    "format",
    "version",
    "enabled",
    "disabled",
    "required",
    "policy",
    "provider",
    "manager",
    "backend",
    "store",
    "issuer",
    "audience",
    "stdin",
    "helper",
    "parallelism",
    "regex",
    "field",
    "column",
    "hint",
    "server",
    "servers",
    "class",
    "env",
    "method",
];

/// Words before `key` that make it one wherever it stands.
const KINDS_OF_KEYS: [&str; 8] = ["api", "access", "secret", "private", "signing", "encryption", "account", "auth"];

/// Whether the value of a variable, option, key or header of this name is a secret: `GITHUB_TOKEN`, `--db-password`,
/// `apiKey`, `_authToken`. Not `TOKENIZERS_PARALLELISM`, `PASSWORD_FILE`, `GPG_KEY` (which is a public one).
pub fn is_secret_name(name: &str) -> bool {
    if !may_be_secret(name) {
        return false;
    }
    let words = words(name);
    let has = |word: &str| words.iter().any(|own| own == word);
    let private = has("private") || has("secret") || words.iter().any(|word| word.starts_with("pass"));
    let is_public = (has("public") || has("gpg") || has("pgp")) && !private;
    let Some(last) = words.last().filter(|_| !is_public) else { return false };
    if ABOUT.contains(&last.as_str()) {
        return false;
    }
    let says = |word: &String| SECRET.contains(&word.as_str()) || ENDS.iter().any(|end| word.ends_with(end));
    let is_working_directory = words.len() == 1 && last == "pwd";
    let is_key = matches!(last.as_str(), "key" | "keys")
        || words.windows(2).any(|pair| pair[1] == "key" && KINDS_OF_KEYS.contains(&pair[0].as_str()));
    let is_auth = last == "auth" && (name.starts_with('_') || has("basic") || has("http"));
    (words.iter().any(says) && !is_working_directory) || is_key || is_auth
}

/// A quick look that most words do not pass.
pub(super) fn may_be_secret(name: &str) -> bool {
    let looks = |three: &[u8]| {
        let lower = [three[0] | 0x20, three[1] | 0x20, three[2] | 0x20];
        matches!(&lower, b"pas" | b"pwd" | b"tok" | b"sec" | b"key" | b"cre" | b"aut")
    };
    name.len() <= 200 && name.as_bytes().windows(3).any(looks)
}

/// The words of a name, in lower case: `apiKey`, `API_KEY` and `api-key` have the same.
fn words(name: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut before = ' ';
    for c in name.chars() {
        let begins = !before.is_ascii_alphanumeric() || (before.is_ascii_lowercase() && c.is_ascii_uppercase());
        if c.is_ascii_alphanumeric() {
            match out.last_mut().filter(|_| !begins) {
                Some(word) => word.push(c.to_ascii_lowercase()),
                None => out.push(c.to_ascii_lowercase().to_string()),
            }
        }
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::is_secret_name;

    #[test]
    fn names_say_what_they_stand_for() {
        for name in [
            "TOKEN",
            "GITHUB_TOKEN",
            "AWS_SECRET_ACCESS_KEY",
            "API_KEY",
            "apiKey",
            "_authToken",
            "--db-password",
            "PGPASSWORD",
            "MYSQL_PWD",
            "DB_PASS",
            "SECRET_KEY_BASE",
            "API_KEY_V2",
            "GPG_PRIVATE_KEY",
            "GPG_PASSPHRASE",
            "_auth",
            "GOOGLE_CREDENTIALS",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "PATH",
            "PWD",
            "GPG_KEY",
            "GPG_KEYS",
            "SSH_PUBLIC_KEY",
            "TOKENIZERS_PARALLELISM",
            "PASSWORD_FILE",
            "TOKEN_URL",
            "KEYCLOAK_URL",
            "KEY_PREFIX",
            "BYPASS",
            "COMPASS",
            "AUTHOR",
            "KEYBOARD",
            "MONKEY",
            "SECRETARY",
            "PASSENGER_APP_ENV",
            "",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
