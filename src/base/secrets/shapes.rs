//! Secrets that are known by their shape, because those who give them out made them so.
//!
//! Source: the token formats that GitHub, GitLab, Slack, AWS, Google, OpenAI, Hugging Face, PyPI, npm, Docker and
//! Stripe document for secret scanning; RFC 7519 (JWT).

/// A beginning, and what is to follow: how many characters at least, and which.
type Shape = (&'static str, usize, fn(u8) -> bool);

const TOKENS: [Shape; 29] = [
    ("ghp_", 6, is_word),
    ("gho_", 6, is_word),
    ("ghu_", 6, is_word),
    ("ghs_", 6, is_word),
    ("ghr_", 6, is_word),
    ("github_pat_", 6, is_word),
    ("glpat-", 6, is_url_safe),
    ("gldt-", 6, is_url_safe),
    ("glptt-", 6, is_url_safe),
    ("glrt-", 6, is_url_safe),
    ("xoxa-", 6, is_url_safe),
    ("xoxb-", 6, is_url_safe),
    ("xoxe-", 6, is_url_safe),
    ("xoxo-", 6, is_url_safe),
    ("xoxp-", 6, is_url_safe),
    ("xoxr-", 6, is_url_safe),
    ("xoxs-", 6, is_url_safe),
    ("xapp-", 6, is_url_safe),
    ("AKIA", 12, is_upper),
    ("ASIA", 12, is_upper),
    ("AIza", 30, is_url_safe),
    ("pypi-AgE", 10, is_url_safe),
    ("dckr_pat_", 6, is_url_safe),
    ("sk_live_", 6, is_word),
    ("rk_live_", 6, is_word),
    ("sk-ant-", 10, is_url_safe),
    ("sk-proj-", 10, is_url_safe),
    ("hvs.", 20, is_url_safe),
    ("AGE-SECRET-KEY-", 10, is_upper),
];

/// Beginnings that words of other meanings have too: what follows is letters and digits alone, and many.
const LONG_TOKENS: [(&str, usize); 4] = [("sk-", 20), ("hf_", 20), ("npm_", 30), ("shpat_", 20)];

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_url_safe(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

fn is_upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

/// Where a token begins in a run of letters, digits, `_`, `-` and `.`.
pub(super) fn token(run: &str) -> Option<usize> {
    if run.len() < 9 {
        return None;
    }
    let begins = |at: usize| !run[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
    let follow =
        |from: usize, fits: &dyn Fn(u8) -> bool| run.as_bytes()[from..].iter().take_while(|b| fits(**b)).count();
    let short = TOKENS.iter().find_map(|(start, least, fits)| {
        run.find(start).filter(|at| begins(*at) && follow(at + start.len(), fits) >= *least)
    });
    let long = || {
        LONG_TOKENS.iter().find_map(|(start, least)| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric();
            run.find(start).filter(|at| begins(*at) && follow(at + start.len(), &fits) >= *least)
        })
    };
    short.or_else(long).or_else(|| web_token(run))
}

/// A JSON web token: two JSON objects in base64, and a signature.
fn web_token(run: &str) -> Option<usize> {
    let at = run.find("eyJ").filter(|at| !run[..*at].ends_with(|c: char| c.is_ascii_alphanumeric()))?;
    let mut parts = run[at..].split('.');
    let long = |part: Option<&str>| part.is_some_and(|part| part.len() >= 6);
    (long(parts.next()) && parts.next().is_some_and(|part| part.starts_with("eyJ"))).then_some(at)
}

/// The private keys in PEM form: from their first dash to their last, or to the end.
pub(super) fn private_keys(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut out = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("-----BEGIN ") {
        let start = from + at;
        let head = &text[start + 11..];
        let is_private = head.find("-----").is_some_and(|end| end < 60 && head[..end].ends_with("PRIVATE KEY"));
        from = start + 11;
        if is_private {
            let end = text[from..].find("-----END ").map(|end| from + end + 9);
            let end = end.and_then(|end| text[end..].find("-----").map(|dashes| end + dashes + 5));
            from = end.unwrap_or(text.len());
            out.push(start..from);
        }
    }
    out
}
