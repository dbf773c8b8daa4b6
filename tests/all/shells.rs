//! What is carried out in thought is what a shell does: small scripts, made up at random, are run by the shells of this machine, and their files
//! compared with those that are told of the image. What slimwright says it does not know is not compared.

use crate::fixture::cases;
use crate::gate::{built_in, has_shell};
use slimwright::base::Digest;
use slimwright::base::ImagePath;
use slimwright::fs::View;
use slimwright::image::Writes;
use slimwright::layer::EntryKind;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Numbers that look like chance and are the same every time (xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % limit
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// Makes scripts.
struct Maker {
    chance: Chance,
    bash: bool,
    /// Whether they are about files.
    files: bool,
}

const NAMES: [&str; 4] = ["A", "B", "C", "x"];
const PLAIN: [&str; 16] =
    ["a", "b", "ab", "abc", "head", "true", "1", "2", "10", "010", "0", "x/y.z", "a:b", "a.b.c", "-n", "foo"];
const PATTERNS: [&str; 18] = [
    "a",
    "b",
    "a*",
    "*b",
    "?",
    "*",
    "??",
    "[a-c]",
    "[!a]",
    "[ab]*",
    "*.*",
    "x/*",
    "\"*\"",
    "1*",
    "$A",
    "\"$B\"",
    "[[:alpha:]]",
    "'a'",
];
const EXPRESSIONS: [&str; 26] = [
    "a",
    "b",
    "^a",
    "b$",
    "a$b",
    "a^b",
    "a*",
    "^$",
    ".",
    "[ab]",
    "[^a]",
    "a.c",
    "\\.",
    "*a",
    "a\\+",
    "ab*c",
    "(a)",
    "a|b",
    "\\(a\\)b",
    "a\\|b",
    "a{2}",
    "[[:alpha:]]",
    "x*",
    "a?b",
    "a$",
    "[a-]",
];
const TEXTS: [&str; 8] = [
    "a\\nb\\nc\\nd\\n",
    "abc\\n",
    "a\\n\\nb\\n",
    "b\\na\\nb\\na\\n",
    "",
    "a$b\\na^b\\n",
    "aab\\nabc\\nxay\\n",
    "no newline",
];

impl Maker {
    fn word(&mut self, depth: usize) -> String {
        let name = self.chance.one(&NAMES);
        let plain = self.chance.one(&PLAIN);
        match self.chance.below(if depth == 0 { 20 } else { 30 }) {
            0..=5 => plain.to_owned(),
            6 => format!("\"{plain} {plain}\""),
            7 => format!("'{plain}'"),
            8..=10 => format!("${name}"),
            11..=13 => format!("\"${name}\""),
            14 => format!("${{{name}}}{plain}"),
            15 => self
                .chance
                .one(&["$1", "\"$@\"", "$#", "\"$*\"", "$*", "$@", "\"$2\"", "$?", "~/q", "a:~", "\"\""])
                .to_owned(),
            16 => format!("${{#{name}}}"),
            17 => format!("x{plain}*"),
            18 => self
                .chance
                .one(&["'a b'", "a\\ b", "\"a  b\"", "\"\\$A\"", "'$A'", "\"a\\\\b\"", "'a\\nb'", "{a,b}", "a=b"])
                .to_owned(),
            19 => format!("\"{plain}${{{name}}}\""),
            20 | 21 => {
                let sign = self.chance.one(&[":-", "-", ":+", "+", ":=", "="]);
                let (open, close) = if self.chance.below(2) == 0 { ("\"", "\"") } else { ("", "") };
                let inside = if open.is_empty() { self.word(depth - 1) } else { plain.to_owned() };
                format!("{open}${{{name}{sign}{inside}}}{close}")
            }
            22 | 23 => {
                let sign = self.chance.one(&["%", "%%", "#", "##"]);
                let pattern =
                    self.chance.one(&["a", "b*", "*b", "?", "*", "*.", ".*", "*/", "/*", "[ab]", "\"a\"", "x?"]);
                let quote = self.chance.one(&["\"", ""]);
                format!("{quote}${{{name}{sign}{pattern}}}{quote}")
            }
            24 | 25 => format!("$(({}))", self.sum(depth)),
            26 | 27 => {
                let inside = self.line(depth - 1, false);
                let quote = self.chance.one(&["\"", ""]);
                format!("{quote}$({inside}){quote}")
            }
            28 => format!("$(echo {} {})", self.word(depth - 1), self.word(depth - 1)),
            _ => format!("`echo {plain}`"),
        }
    }

    fn sum(&mut self, depth: usize) -> String {
        match self.chance.below(if depth == 0 { 3 } else { 9 }) {
            0 => self.chance.one(&["0", "1", "2", "7", "010", "0x1f", "9223372036854775807"]).to_owned(),
            1 => self.chance.one(&NAMES).to_owned(),
            2 => format!("${{{}:-3}}", self.chance.one(&NAMES)),
            3 => format!("({})", self.sum(depth - 1)),
            4 => format!("{}{}", self.chance.one(&["-", "!", "+", "~"]), self.sum(depth - 1)),
            5 => format!("{} ? 1 : 2", self.sum(depth - 1)),
            6 => format!("A={}", self.sum(depth - 1)),
            _ => {
                let sign =
                    self.chance.one(&["+", "-", "*", "/", "%", "<", "<=", ">", "==", "!=", "&&", "||", "<<", "&", "|"]);
                format!("{} {sign} {}", self.sum(depth - 1), self.sum(depth - 1))
            }
        }
    }

    fn condition(&mut self, depth: usize) -> String {
        let (a, b) = (self.word(depth.min(1)), self.word(depth.min(1)));
        match self.chance.below(14) {
            0 => "true".into(),
            1 => "false".into(),
            2 => format!("[ \"{}\" = {b} ]", self.chance.one(&["a", "$A", "$B", "1"])),
            3 => format!("[ {a} = {b} ]"),
            4 => format!("[ {a} != {b} ]"),
            5 => format!("[ {} {a} ]", self.chance.one(&["-n", "-z", "-f", "-d", "-e", "!"])),
            6 => format!("[ {a} {} {b} ]", self.chance.one(&["-eq", "-ne", "-lt", "-ge", "==", "-a", "-o"])),
            7 => format!("test -f {}", self.chance.one(&["out", "nofile", "f.txt"])),
            8 => format!("! {}", self.condition(depth.saturating_sub(1))),
            9 => format!(
                "printf '{}' | grep -q{} -e '{}'",
                self.chance.one(&TEXTS),
                self.chance.one(&["", "E", "v", "x", "i", "F"]),
                self.chance.one(&EXPRESSIONS)
            ),
            10 if self.bash => format!(
                "[[ {} {} {} ]]",
                self.chance.one(&["$A", "abc", "\"$B\""]),
                self.chance.one(&["==", "=", "!=", "-eq", "=~"]),
                self.chance.one(&["a*", "\"a*\"", "$A", "1", "[ab]?"])
            ),
            11 => "f1 a".into(),
            12 => format!("[ \"$A\" = {b} -{} -n \"$B\" ]", self.chance.one(&["a", "o"])),
            _ => format!("{{ {}; }}", self.line(depth.saturating_sub(1), false)),
        }
    }

    fn tool(&mut self) -> String {
        let expression = self.chance.one(&EXPRESSIONS);
        match self.chance.below(9) {
            0 => format!(
                "grep {} '{expression}'",
                self.chance.one(&["-v", "-E", "-x", "-i", "-c", "-o", "-F", "-n", "-e a -e"])
            ),
            1 | 2 => format!(
                "sed {} 's/{expression}/{}/{}'",
                self.chance.one(&["-E", "-e", "-r"]),
                self.chance.one(&["X", "[&]", "\\1", "a\\/b", ""]),
                self.chance.one(&["", "g", "p", "2"])
            ),
            3 => format!(
                "sed {}",
                self.chance.one(&[
                    "-n p",
                    "-n '$p'",
                    "1d",
                    "'/a/d'",
                    "'/a/,/b/d'",
                    "'2,3!d'",
                    "'$d'",
                    "'1i x'",
                    "'2a y'",
                    "-n '2p'",
                    "'/b/c z'",
                    "'1,2c z'",
                    "q",
                    "'s/a/b/;s/b/c/'",
                    "'//d'"
                ])
            ),
            4 | 5 => format!(
                "{} {}",
                self.chance.one(&["head", "tail"]),
                self.chance.one(&["-n 1", "-n 2", "-1", "-n +2", "-n -1", "-c 2", "-n0", "-n 1 -q", ""])
            ),
            6 => self
                .chance
                .one(&[
                    "sort", "sort -u", "sort -r", "sort -n", "sort -ru", "uniq", "uniq -c", "uniq -d", "cat", "cat -n",
                    "cat -",
                ])
                .to_owned(),
            7 => self.chance.one(&["tr a b", "cut -c1", "wc -l", "tac", "rev", "tee t.txt"]).to_owned(),
            _ => "xargs echo".to_owned(),
        }
    }

    /// What makes, moves and removes files.
    fn change(&mut self) -> String {
        const PATHS: [&str; 18] = [
            "d", "e", "d/x", "e/y", "d/e", "l", "l/x", "f.txt", "t.txt", "*.txt", "d/*", "nofile", "./d/../g", "d/",
            "l/", "f.txt/", "../w/d", "$A",
        ];
        let (a, b) = (self.chance.one(&PATHS), self.chance.one(&PATHS));
        match self.chance.below(10) {
            0 => format!("mkdir {}{a}", self.chance.one(&["", "-p "])),
            1 => format!("touch {a} {b}"),
            2 | 3 => format!("rm {}{a}", self.chance.one(&["", "-f ", "-rf ", "-r "])),
            4 => format!("mv {a} {b}"),
            5 => format!("cp {}{a} {b}", self.chance.one(&["", "-r ", "-a "])),
            6 => format!("ln -s{} {a} {b}", self.chance.one(&["", "f"])),
            7 => format!("rmdir {a}"),
            8 => format!("cd {a}"),
            _ => {
                format!("{} > {a}", self.chance.one(&["echo foo", "cat f.txt", "cat d/x l/x", "printf abcdef", "ls d"]))
            }
        }
    }

    fn line(&mut self, depth: usize, inside: bool) -> String {
        let name = self.chance.one(&NAMES);
        if self.files && self.chance.below(2) == 0 {
            return self.change();
        }
        let word = self.word(depth.min(2));
        let most = if depth == 0 { 24 } else { 42 };
        match self.chance.below(most) {
            0..=5 => format!("echo {word} {} >> out", self.word(depth.min(1))),
            6 | 7 => format!("{name}={word}"),
            8 => format!(
                "{name}={word} {}",
                self.chance.one(&[":", "true", "f1", "eval 'echo $A >> out'", "f2 b", "echo \"$A\" >> out"])
            ),
            9 => format!("export {name}={word}"),
            10 => format!("unset {}{name}", self.chance.one(&["", "", "-v ", "-f "])),
            11 => format!("set -- {word} {}", self.word(0)),
            12 => self
                .chance
                .one(&[
                    "set -e", "set -u", "set +e", "set +u", "set -eu", "set -ex", "shift", "shift 2", "set -f",
                    "set a b",
                ])
                .to_owned(),
            13 => format!("printf '{}' | {} >> out", self.chance.one(&TEXTS), self.tool()),
            14 => format!("printf '{}' > f.txt; {} f.txt >> out", self.chance.one(&TEXTS), self.tool()),
            15 => format!("{} {word}", self.chance.one(&["f1", "f2"])),
            16 if inside => format!("local {name}{}", self.chance.one(&["", "=a", "=$1", "=\"$B\""])),
            17 => format!(
                "{}{}",
                self.chance.one(&[
                    "break", "continue", "return", "exit", "return 0", "return 1", "exit 0", "break 2", "exit 1"
                ]),
                self.chance.one(&["", "", " 2>/dev/null"])
            ),
            18 => format!("trap {} EXIT", self.chance.one(&["'echo t >> out'", "'echo $A >> out'", "-", "''"])),
            19 => format!("eval 'echo {} >> out'", self.chance.one(&["$A", "a b", "\"$@\""])),
            20 => "false".into(),
            21 => format!("echo {word}"),
            22 => format!("readonly {name}"),
            23 => format!(
                "printf {} {word} {} >> out",
                self.chance.one(&["'%s\\n'", "'%s %s\\n'", "'%d\\n'", "'%5s\\n'", "'a\\tb\\n'", "%s", "'%%\\n'"]),
                self.word(0)
            ),
            24..=26 => format!(
                "if {}; then {}; else {}; fi",
                self.condition(depth - 1),
                self.lines(depth - 1, inside),
                self.lines(depth - 1, inside)
            ),
            27 | 28 => format!(
                "case {word} in {}|{}) {};; {}) {};; esac",
                self.chance.one(&PATTERNS),
                self.chance.one(&PATTERNS),
                self.lines(depth - 1, inside),
                self.chance.one(&PATTERNS),
                self.lines(depth - 1, inside)
            ),
            29 | 30 => {
                format!("for {name} in {word} {}; do {}; done", self.word(depth - 1), self.lines(depth - 1, inside))
            }
            31 => format!("i=0; while [ $i -lt 2 ]; do i=$((i+1)); {}; done", self.lines(depth - 1, inside)),
            32 => format!("({})", self.lines(depth - 1, inside)),
            33 => format!(
                "{{ {}; }}{}",
                self.lines(depth - 1, inside),
                self.chance.one(&["", " >> out", " > out", " | cat >> t.txt", " < /dev/null"])
            ),
            34 | 35 => format!(
                "{} {} {}",
                self.condition(depth - 1),
                self.chance.one(&["&&", "||"]),
                self.line(depth - 1, inside)
            ),
            36 => format!("f1() {{ {}; }}", self.lines(depth - 1, true)),
            37 => format!("f2() {{ {}; }}", self.lines(depth - 1, true)),
            38 => format!(
                "printf '{}' | while read {}{name}; do {}; done",
                self.chance.one(&TEXTS),
                self.chance.one(&["", "-r "]),
                self.lines(depth - 1, inside)
            ),
            39 => format!(
                "{} -c {} s {word}",
                if self.bash { "bash" } else { "sh" },
                self.chance.one(&["'echo \"$A$1\" >> out'", "'[ -n \"$B\" ] && echo y >> out'", "'exit 1'"])
            ),
            40 => format!(
                "echo '{}' > s.sh; . ./s.sh",
                self.chance.one(&[
                    "return 0",
                    "A=9",
                    "echo s >> out; return 1; echo n >> out",
                    "f1",
                    "break",
                    "exit 0"
                ])
            ),
            _ => format!(
                "cat <<E >> out\n{word} ${name} {}\nE\n:",
                self.chance.one(&["\\$A", "\"q\"", "$((1+1))", "$(echo z)"])
            ),
        }
    }

    fn lines(&mut self, depth: usize, inside: bool) -> String {
        let count = 1 + self.chance.below(2);
        let lines: Vec<String> = (0..count).map(|_| self.line(depth, inside)).collect();
        lines.join("\n")
    }

    fn script(&mut self) -> String {
        let count = 2 + self.chance.below(5);
        let lines: Vec<String> = (0..count).map(|_| self.line(3, false)).collect();
        format!("{}\n", lines.join(self.chance.one(&["\n", "; "]))).replace("\n:; ", "\n:\n")
    }
}

/// Files that are not empty, by path, with size and digest. What is empty makes no image larger.
type Things = BTreeMap<String, (u64, Option<Digest>)>;

/// What is in a folder.
fn things(folder: &Path, below: &str, out: &mut Things) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{below}{}", path.file_name().unwrap().to_str().unwrap());
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            things(&path, &format!("{name}/"), out);
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap();
            out.insert(name, (bytes.len() as u64, Some(Digest::of(&bytes))));
        }
    }
}

/// What a shell leaves in its folder, and what `out` has in it; none where it fails.
fn run(shell: &str, script: &str) -> Option<(Things, String)> {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("w");
    fs::create_dir(&folder).unwrap();
    let status = Command::new("timeout")
        .args(["10", shell, "-c", script])
        .current_dir(&folder)
        .env_clear()
        .envs([("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/root"), ("PYTHON_VERSION", "3.11.9")])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    let mut out = Things::new();
    things(&folder, "", &mut out);
    out.retain(|_, (size, _)| *size > 0);
    let text = fs::read(folder.join("out")).unwrap_or_default();
    status.success().then(|| (out, String::from_utf8_lossy(&text).into_owned()))
}

enum Verdict {
    Same,
    NotKnown,
    Fails,
    Differs(String),
}

fn verdict(shell: &str, script: &str) -> Verdict {
    let Some((real, text)) = run(shell, script) else { return Verdict::Fails };
    let lines = match shell {
        "bash" => format!("SHELL [\"/bin/bash\", \"-c\"]\nWORKDIR /w\nRUN <<'END-OF-IT'\n{script}END-OF-IT\n"),
        _ => format!("WORKDIR /w\nRUN <<'END-OF-IT'\n{script}END-OF-IT\n"),
    };
    let image = built_in(&lines).image;
    let gaps: Vec<&Writes> = image.gaps.iter().map(|gap| &gap.writes).collect();
    if gaps.contains(&&Writes::Anywhere) {
        return Verdict::NotKnown;
    }
    let may_be_written = |name: &str| {
        let path = format!("w/{name}");
        let holds = |doubted: &ImagePath| slimwright::base::is_within(path.as_bytes(), doubted.as_bytes());
        gaps.iter().any(|writes| matches!(writes, Writes::Within(paths) if paths.iter().any(holds)))
    };
    let view = View::new(&image);
    let mut told = Things::new();
    for entry in image.layers.iter().flat_map(|layer| &layer.entries) {
        let path = entry.path.as_bytes();
        let Some(name) = path.strip_prefix(b"w/").filter(|_| view.get(path).is_some()) else { continue };
        if entry.kind == EntryKind::File && entry.size > 0 {
            told.insert(String::from_utf8_lossy(name).into_owned(), (entry.size, entry.content));
        }
    }
    let names: BTreeSet<&String> = real.keys().chain(told.keys()).filter(|name| !may_be_written(name)).collect();
    let differs = |name: &&&String| real.get(**name) != told.get(**name);
    let wrong: Vec<String> = names
        .iter()
        .filter(differs)
        .map(|name| format!("{name}: {:?}, told {:?}", real.get(*name), told.get(*name)))
        .collect();
    if !wrong.is_empty() {
        let wrong = wrong.join("\n");
        return Verdict::Differs(format!("{shell}\n{script}\n{wrong}\nout: {text:?}\ngaps {:?}", image.gaps));
    }
    if gaps.is_empty() { Verdict::Same } else { Verdict::NotKnown }
}

fn agrees(shell: &str) {
    if !has_shell(shell) {
        // Past the harness, which keeps what a test that passes prints by `eprintln!`.
        let mut out = std::io::stderr();
        writeln!(out, "skipped, as there is no {shell} here: what {shell} does is not compared").unwrap();
        return;
    }
    // Other ones, for a search by hand.
    let number =
        |name: &str, default: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (cases, seed) = (u64::from(cases(120)), number("SHELL_SEED", 1));
    let (mut same, mut unknown, mut fails, mut differ) = (0, 0, 0, Vec::new());
    for case in 0..cases {
        let chance = Chance((seed << 32 | case).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        let script = Maker { chance, bash: shell == "bash", files: case % 3 == 0 }.script();
        match verdict(shell, &script) {
            Verdict::Same => same += 1,
            Verdict::NotKnown => unknown += 1,
            Verdict::Fails => fails += 1,
            Verdict::Differs(text) => differ.push(text),
        }
    }
    eprintln!("{shell}: {cases} scripts, {same} the same, {unknown} not known, {fails} fail, {} differ", differ.len());
    differ.sort_by_key(String::len);
    assert!(differ.is_empty(), "{} differ\n{}", differ.len(), differ[..differ.len().min(8)].join("\n----\n"));
    assert!(same * 20 > cases, "too little is known");
}

#[test]
fn dash_does_what_is_told_of_it() {
    agrees("dash");
}

#[test]
fn bash_does_what_is_told_of_it() {
    agrees("bash");
}
