//! The form that dpkg's, apt's and apk's databases have: records, with an empty line behind each.

/// Records with the empty line behind each.
pub fn stanzas(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memmem::find(rest, b"\n\n").map_or(rest.len(), |at| at + 2);
        let (stanza, after) = rest.split_at(end);
        rest = after;
        Some(stanza)
    })
}
