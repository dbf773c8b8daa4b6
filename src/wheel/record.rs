//! How RECORD writes a path: relative to the site directory, a field of CSV.
//!
//! Source: recording installed projects
//! (<https://packaging.python.org/en/latest/specifications/recording-installed-packages/>).

use std::borrow::Cow;

/// A path from the site directory: `six.py`, `../../../bin/torchrun`.
pub(super) fn relative<'p>(path: &'p [u8], site: &[u8]) -> Cow<'p, [u8]> {
    if let Some(inside) = path.strip_prefix(site).and_then(|rest| rest.strip_prefix(b"/")) {
        return Cow::Borrowed(inside);
    }
    let parts = |text: &'p [u8]| text.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let own = parts(path);
    let site: Vec<&[u8]> = site.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).collect();
    let common = own.iter().zip(&site).take_while(|(a, b)| a == b).count();
    Cow::Owned([b"../".repeat(site.len() - common), own[common..].join(&b'/')].concat())
}

/// A field, in quotes where it has to be.
pub(super) fn quoted(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.iter().any(|byte| b",\"\r\n".contains(byte)) {
        return Cow::Borrowed(text);
    }
    let mut out = vec![b'"'];
    text.iter().for_each(|&byte| out.extend(std::iter::repeat_n(byte, 1 + usize::from(byte == b'"'))));
    out.push(b'"');
    Cow::Owned(out)
}
