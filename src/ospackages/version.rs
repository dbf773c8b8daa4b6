//! Versions of packages, and which is the later one.
//!
//! Source: deb-version(7); apk-package(5) ("Package versions"), apk-world(5) for the operators.

use crate::os::PackageManager;
use std::cmp::Ordering;

/// Compares two versions as their package manager does.
pub fn compare(manager: PackageManager, left: &str, right: &str) -> Ordering {
    match manager {
        PackageManager::Dpkg => compare_debian(left, right),
        PackageManager::Apk => compare_alpine(left, right),
    }
}

/// Compares two of dpkg's versions: `[epoch:]upstream[-revision]`. What is no number before the colon is no epoch.
pub fn compare_debian(left: &str, right: &str) -> Ordering {
    let (left, right) = (debian_parts(left), debian_parts(right));
    let by_epoch = compare_number(left.0, right.0);
    by_epoch.then_with(|| compare_part(left.1, right.1)).then_with(|| compare_part(left.2, right.2))
}

/// Epoch, upstream version, revision.
fn debian_parts(version: &str) -> (&[u8], &[u8], &[u8]) {
    let version = version.trim().as_bytes();
    let colon = version.iter().position(|&byte| byte == b':');
    let (epoch, rest) = match colon {
        Some(colon) if version[..colon].iter().all(u8::is_ascii_digit) => (&version[..colon], &version[colon + 1..]),
        _ => (&b""[..], version),
    };
    match rest.iter().rposition(|&byte| byte == b'-') {
        Some(dash) => (epoch, &rest[..dash], &rest[dash + 1..]),
        None => (epoch, rest, b""),
    }
}

/// Compares text and numbers in turn, as they come.
fn compare_part(mut left: &[u8], mut right: &[u8]) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let (text, number, rest) = next_pair(left);
        let (other_text, other_number, other_rest) = next_pair(right);
        let order = compare_text(text, other_text).then_with(|| compare_number(number, other_number));
        if order.is_ne() {
            return order;
        }
        (left, right) = (rest, other_rest);
    }
    Ordering::Equal
}

/// What is no digit, the digits behind it, and the rest.
fn next_pair(bytes: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let digits = bytes.iter().position(u8::is_ascii_digit).unwrap_or(bytes.len());
    let (text, rest) = bytes.split_at(digits);
    let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    (text, &rest[..end], &rest[end..])
}

/// A tilde sorts before the end, letters before what is none.
fn compare_text(left: &[u8], right: &[u8]) -> Ordering {
    let weight = |byte: Option<&u8>| match byte {
        None => 0,
        Some(b'~') => -1,
        Some(&letter) if letter.is_ascii_alphabetic() => i32::from(letter),
        Some(&other) => i32::from(other) + 256,
    };
    let longest = left.len().max(right.len());
    let orders = (0..longest).map(|at| weight(left.get(at)).cmp(&weight(right.get(at))));
    orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Compares digits as numbers of any length; none is zero.
fn compare_number(left: &[u8], right: &[u8]) -> Ordering {
    let significant = |digits: &[u8]| digits.iter().position(|&digit| digit != b'0').unwrap_or(digits.len());
    let (left, right) = (&left[significant(left)..], &right[significant(right)..]);
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// Compares two of apk's versions: `1.2.3a_rc1-r4`.
pub fn compare_alpine(left: &str, right: &str) -> Ordering {
    let (left, right) = (alpine_parts(left), alpine_parts(right));
    for at in 0..=left.len().max(right.len()) {
        let order = left.get(at).unwrap_or(&Part::End).cmp(right.get(at).unwrap_or(&Part::End));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// Whether a version is one of those that begin as another one does: `3.11.6-r0` for `3.11`.
pub fn begins_alpine(version: &str, beginning: &str) -> bool {
    alpine_parts(version).starts_with(&alpine_parts(beginning))
}

/// One part of an Alpine version, in the order in which one kind is later than another: `1_rc1`, `1`, `1-r1`, `1_p1`,
/// `1a`, `1.0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    /// `_alpha`, `_beta`, `_pre`, `_rc` and their number.
    Before(usize, Number<'a>),
    /// The version ends.
    End,
    /// `-r`.
    Revision(Number<'a>),
    /// What cannot be read.
    Other(&'a [u8]),
    /// `_cvs`, `_svn`, `_git`, `_hg`, `_p` and their number.
    After(usize, Number<'a>),
    /// A letter.
    Letter(u8),
    /// A number.
    Digits(Number<'a>),
}

/// Digits: with a zero before them they are a fraction and sort as text, before those without.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Number<'a>(&'a [u8]);

impl Ord for Number<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match self.0.starts_with(b"0") || other.0.starts_with(b"0") {
            true => self.0.cmp(other.0),
            false => self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(other.0)),
        }
    }
}

impl PartialOrd for Number<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

const BEFORE: [&[u8]; 4] = [b"alpha", b"beta", b"pre", b"rc"];
const AFTER: [&[u8]; 5] = [b"cvs", b"svn", b"git", b"hg", b"p"];

fn alpine_parts(version: &str) -> Vec<Part<'_>> {
    let mut rest = version.trim().as_bytes();
    let mut out = Vec::new();
    while let Some(&first) = rest.first() {
        let taken;
        (taken, rest) = match first {
            b'0'..=b'9' => digits(rest, 0, Part::Digits),
            b'.' if rest.get(1).is_some_and(u8::is_ascii_digit) => digits(rest, 1, Part::Digits),
            b'a'..=b'z' => (Part::Letter(first), &rest[1..]),
            b'_' => suffix(rest),
            b'-' if rest.starts_with(b"-r") => digits(rest, 2, Part::Revision),
            _ => (Part::Other(rest), &b""[..]),
        };
        out.push(taken);
    }
    out
}

/// A part of the digits from a place on.
fn digits<'a>(bytes: &'a [u8], from: usize, part: impl Fn(Number<'a>) -> Part<'a>) -> (Part<'a>, &'a [u8]) {
    let end = bytes[from..].iter().position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |end| from + end);
    (part(Number(&bytes[from..end])), &bytes[end..])
}

fn suffix(bytes: &[u8]) -> (Part<'_>, &[u8]) {
    let end = bytes[1..].iter().position(|byte| !byte.is_ascii_lowercase()).map_or(bytes.len(), |end| end + 1);
    let place = |names: &[&[u8]]| names.iter().position(|name| *name == &bytes[1..end]);
    match (place(&BEFORE), place(&AFTER)) {
        (Some(kind), _) => digits(bytes, end, move |number| Part::Before(kind, number)),
        (None, Some(kind)) => digits(bytes, end, move |number| Part::After(kind, number)),
        (None, None) => (Part::Other(bytes), b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_versions_sort_as_deb_version_7_says() {
        let ascending = [
            "0~~",
            "0~~a",
            "0~",
            "0",
            "0a",
            "0+",
            "1.0~beta1~svn1245",
            "1.0~beta1",
            "1.0",
            "1.0-1~bpo12+1",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1+deb12u1",
            "1.0-1.1",
            "1.0-10",
            "1.0a",
            "1.0+dfsg-1",
            "1.0.1",
            "1.2",
            "1.10",
            "1:0.1",
            "2:0",
            "10:0",
        ];
        for (at, left) in ascending.iter().enumerate() {
            for (other, right) in ascending.iter().enumerate() {
                assert_eq!(compare_debian(left, right), at.cmp(&other), "{left} {right}");
            }
        }
        for (left, right) in [("1.0", "0:1.0"), ("1.0", "1.00"), ("1.0-0", "1.0"), ("1.2-", "1.2"), ("", "0")] {
            assert_eq!(compare_debian(left, right), Ordering::Equal, "{left} {right}");
        }
    }

    #[test]
    fn alpine_versions_sort_as_apk_package_5_says() {
        let ascending = [
            "1.0_alpha",
            "1.0_alpha2",
            "1.0_beta",
            "1.0_rc1",
            "1.0",
            "1.0-r0",
            "1.0-r1",
            "1.0-r10",
            "1.0_git20230717",
            "1.0_p1",
            "1.0_p1-r0",
            "1.0a",
            "1.0b",
            "1.0.01",
            "1.0.1",
            "1.0.9",
            "1.0.10",
            "1.1",
            "2",
            "10",
        ];
        for (at, left) in ascending.iter().enumerate() {
            for (other, right) in ascending.iter().enumerate() {
                assert_eq!(compare_alpine(left, right), at.cmp(&other), "{left} {right}");
            }
        }
        assert!(begins_alpine("3.11.6-r0", "3.11") && begins_alpine("3.11", "3.11"));
        assert!(!begins_alpine("3.110", "3.11") && !begins_alpine("3", "3.11"));
    }
}
