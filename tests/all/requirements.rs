//! Requirements: what is read is read the same when it is written again, because uv reads what is written.

use proptest::prelude::*;
use slimwright::manifest::{LineKind, parse_requirement_line, parse_requirements_file};

fn assert_same(text: &str) {
    let lines = parse_requirements_file(text, &|_| None).unwrap_or_default();
    for line in lines {
        let LineKind::Requirement(mut read) = line.what else { continue };
        read.hashes.clear();
        // Where it comes from is written in other forms, and `-e` is not a part of it.
        if read.from.is_empty() && !read.editable {
            assert_eq!(parse_requirement_line(&read.line()), Ok(read), "{text:?}");
        }
    }
}

#[test]
fn an_arbitrary_version_is_one_word() {
    for (text, fine) in [
        ("a===1.0-local_2", true),
        ("a === 2004d", true),
        ("a===1, ===2", true),
        ("a===", false),
        ("a=== 1 2", false),
        ("a[][=b,===c", false),
        ("a[]===b.zip", false),
        ("a===b/c", false),
        ("a>=1,===é", false),
        ("a[=b===c]", false),
        ("a>=2.7.*,<4", true),
        ("a(>=1)", true),
        ("a~=", false),
    ] {
        let read = parse_requirement_line(text);
        assert_eq!(read.is_ok(), fine, "{text}: {read:?}");
        assert_same(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_is_read_the_same_when_it_is_written_again(
        parts in prop::collection::vec(prop::sample::select(vec![
            "a", "b-c", "D_e", ".", "[", "]", "[]", ",", "x", "==", "===", ">=", "<", "~=", "!=", "1", "2.0", ".*", "rc1", "+l",
            "(", ")", " ", "\t", ";", "@", " @ ", "https://h/p", "/", ".zip", ".whl", "#", "egg=n", "\\", "\n", "-", "_", "'", "\"",
            "python_version", "extra", " and ", "in", "${A}", "--hash=sha256:00", " --hash", "\u{e9}", "\u{a0}", "\u{3000}", ":", "*",
        ]), 1..14),
    ) {
        assert_same(&parts.concat());
    }
}
