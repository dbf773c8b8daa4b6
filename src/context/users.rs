//! The commands that add users and groups. Source: the manual pages of shadow, adduser and BusyBox.

use super::arguments::Arguments;
use super::run::Outcome;
use super::stage::Stage;
use super::tree::directory;
use super::words::is_special;
use crate::base::ImagePath;
use crate::image::{GapReason, Writes};
use crate::layer::{Entry, EntryKind};

const WITH_VALUE: [&str; 24] = [
    "-u",
    "-g",
    "-G",
    "-d",
    "-s",
    "-c",
    "-k",
    "-b",
    "-p",
    "-e",
    "--uid",
    "--gid",
    "--home",
    "--home-dir",
    "--shell",
    "--groups",
    "--comment",
    "--gecos",
    "--ingroup",
    "-h",
    "--skel",
    "-K",
    "--base-dir",
    "--password",
];
const ALONE: [&str; 17] = [
    "--system",
    "--create-home",
    "--no-create-home",
    "--disabled-password",
    "--disabled-login",
    "--no-log-init",
    "--quiet",
    "--user-group",
    "--no-user-group",
    "--group",
    "--non-unique",
    "--append",
    "--lock",
    "--unlock",
    "--force",
    "-aG",
    "--allow-bad-names",
];

impl Stage {
    /// `-m`: a home folder with what stands in `/etc/skel`; the databases of users are written again, and their backups.
    pub(super) fn add_user(&mut self, program: &str, arguments: &[String]) -> Outcome {
        let apart: Vec<String> = match program {
            "useradd" | "groupadd" => arguments.iter().flat_map(|word| letters_apart(word)).collect(),
            _ => arguments.to_vec(),
        };
        let read = Arguments::parse(&apart, &WITH_VALUE);
        let is_known = |(option, value): &(String, Option<String>)| {
            WITH_VALUE.contains(&option.as_str())
                || ALONE.contains(&option.as_str())
                || value.is_none()
                    && !option.starts_with("--")
                    && option[1..].chars().all(|c| "mMrNUlofHSDaLe".contains(c))
        };
        let moves_home = program == "usermod" && read.has(&["-m", "-d", "-u", "--home", "--move-home", "--uid"]);
        if let Some((option, _)) = read.options.iter().find(|option| !is_known(option) || moves_home) {
            return Outcome::Unknown(GapReason::Option(option.clone()));
        }
        // The file of last logins has room for every number up to the largest.
        let uid = read.value(&["-u", "--uid"]).and_then(|uid| uid.parse::<u64>().ok()).unwrap_or_default();
        let logs = read.has(&["-l", "--no-log-init"]);
        let databases: [&[u8]; 4] = [b"etc/passwd", b"etc/group", b"etc/shadow", b"etc/gshadow"];
        for path in databases {
            let Some(entry) = self.tree.get(path).cloned() else { continue };
            let backup = ImagePath::new(&[path, b"-"].concat());
            self.tree.put(Entry { path: backup, ..entry.clone() }, None);
            let line = 40 + read.words.last().map_or(0, String::len) as u64;
            let content = self.tree.content(path).map(<[u8]>::to_vec);
            self.tree.put(Entry { size: entry.size + line, content: None, ..entry }, content);
        }
        let Some(name) = read.words.last().filter(|_| program == "useradd" || program == "adduser") else {
            return Outcome::Done;
        };
        let makes_home =
            program == "adduser" && !read.has(&["--no-create-home", "-H"]) || read.has(&["-m", "--create-home"]);
        if makes_home {
            let home = read
                .value(&["-d", "--home", "--home-dir", "-h"])
                .map_or_else(|| format!("/home/{name}"), str::to_owned);
            let home = ImagePath::from(home.as_str());
            let from = read.value(&["-k", "--skel"]).unwrap_or("/etc/skel");
            let Some(from) = self.at(from) else { return Outcome::Unknown(GapReason::Where(from.to_owned())) };
            let from = ImagePath::new(&self.tree.resolve(from.as_bytes()));
            let is_plain = !is_special(from.as_bytes()) && !self.tree.is_doubtful(from.as_bytes());
            if from.is_root()
                || from.as_bytes() != b"etc/skel" && !(is_plain && self.tree.is_directory(from.as_bytes()))
            {
                return Outcome::Partly(GapReason::Content(from.to_string()), Writes::at(home));
            }
            let skeleton: Vec<Entry> = self.tree.below(from.as_bytes()).map(|(_, entry)| entry.clone()).collect();
            self.tree.put(directory(home.clone()), None);
            for entry in skeleton {
                if entry.kind == EntryKind::Symlink && is_special(&self.tree.resolve(entry.path.as_bytes())) {
                    return Outcome::Partly(GapReason::Content(from.to_string()), Writes::at(home));
                }
                let inside = &entry.path.as_bytes()[from.as_bytes().len() + 1..];
                self.tree.put(Entry { path: home.join(inside), uid: 1000, gid: 1000, ..entry.clone() }, None);
            }
        }
        match uid > 100_000 && !logs {
            true => Outcome::Partly(GapReason::Option("-u".into()), Writes::at(ImagePath::from("var/log"))),
            false => Outcome::Done,
        }
    }
}

/// `-m`, `-s` of `-ms`; only the last may take a value, which is the next word.
fn letters_apart(word: &str) -> Vec<String> {
    let letters = word.strip_prefix('-').filter(|rest| rest.len() > 1 && rest.bytes().all(|b| b.is_ascii_alphabetic()));
    let Some((rest, last)) = letters.map(|letters| letters.split_at(letters.len() - 1)) else {
        return vec![word.to_owned()];
    };
    let known = rest.chars().all(|c| "mMrNUlo".contains(c)) && "mMrNUlobcdegGkKpsu".contains(last);
    match known {
        true => rest.chars().map(|c| format!("-{c}")).chain([format!("-{last}")]).collect(),
        false => vec![word.to_owned()],
    }
}
