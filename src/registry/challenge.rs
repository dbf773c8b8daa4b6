//! `WWW-Authenticate`: how a server wants to be asked (RFC 9110, 11.6.1).

/// Most challenges and most parameters of one that are read.
const MOST: usize = 32;

/// One way to authenticate that a server offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// In lower case: `bearer`, `basic`.
    pub scheme: String,
    /// Names in lower case, and values without their quotes, in order.
    pub parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The first parameter of a name, which is in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The challenges of one header, or of several joined with commas. What cannot be read is passed over: a server
/// may offer something that we do not know next to something that we do.
pub fn parse_challenges(header: &str) -> Vec<Challenge> {
    let mut cursor = Cursor { rest: header };
    let mut found: Vec<Challenge> = Vec::new();
    while found.len() < MOST {
        cursor.skip(|c| c == ',' || c.is_ascii_whitespace());
        if cursor.rest.is_empty() {
            break;
        }
        let word = cursor.token();
        if word.is_empty() {
            cursor.skip(|c| c != ',');
            continue;
        }
        let name = word.to_ascii_lowercase();
        match (cursor.value(), found.last_mut()) {
            (Some(value), Some(challenge)) if challenge.parameters.len() < MOST => {
                challenge.parameters.push((name, value))
            }
            // A parameter of nothing, or one too many.
            (Some(_), _) => {}
            (None, _) => found.push(Challenge { scheme: name, parameters: Vec::new() }),
        }
    }
    found
}

struct Cursor<'h> {
    rest: &'h str,
}

impl<'h> Cursor<'h> {
    /// Takes what fits.
    fn take(&mut self, fits: impl Fn(char) -> bool) -> &'h str {
        let end = self.rest.find(|c| !fits(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn skip(&mut self, fits: impl Fn(char) -> bool) {
        self.take(fits);
    }

    /// A token (RFC 9110, 5.6.2), which may be empty.
    fn token(&mut self) -> &'h str {
        self.take(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~/".contains(c))
    }

    /// `=` and a token or quoted text behind a name, if that is what comes.
    fn value(&mut self) -> Option<String> {
        let equals = self.rest.trim_start_matches([' ', '\t']).strip_prefix('=')?;
        self.rest = equals.trim_start_matches([' ', '\t']);
        let value = match self.rest.strip_prefix('"') {
            Some(rest) => {
                self.rest = rest;
                self.quoted()
            }
            None => self.take(|c| c != ',' && !c.is_ascii_whitespace()).to_owned(),
        };
        Some(value)
    }

    /// Up to the closing quote, or to the end where there is none.
    fn quoted(&mut self) -> String {
        let mut out = String::new();
        let mut characters = self.rest.chars();
        while let Some(c) = characters.next() {
            match c {
                '"' => break,
                '\\' => out.extend(characters.next()),
                c => out.push(c),
            }
        }
        self.rest = characters.as_str();
        out
    }
}
