//! Berkeley DB's hash tables, as far as they hold rpm's headers: pages of pairs, whose values stand on chains of other pages.

use super::package::{MAX_HEADER, MAX_PACKAGES, RpmError, big, little};

const MAGIC: u32 = 0x0006_1561;
/// Kinds of page: a hash table's, unsorted or sorted; the metadata.
const HASH: [u8; 2] = [2, 13];
const METADATA: u8 = 8;
/// A value that stands elsewhere.
const OFF_PAGE: u8 = 3;
const PAGE_HEADER: usize = 26;

/// Numbers have the byte order of the machine that wrote them.
#[derive(Clone, Copy)]
struct Order {
    is_big: bool,
}

impl Order {
    fn number(self, bytes: &[u8], at: usize) -> Option<usize> {
        let number = if self.is_big { big(bytes, at) } else { little(bytes, at) };
        number.map(|number| number as usize)
    }

    fn half(self, bytes: &[u8], at: usize) -> Option<usize> {
        let pair: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(usize::from(if self.is_big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }))
    }
}

fn order(bytes: &[u8]) -> Option<Order> {
    let order = match little(bytes, 12)? {
        MAGIC => Order { is_big: false },
        number if number.swap_bytes() == MAGIC => Order { is_big: true },
        _ => return None,
    };
    (bytes.get(25) == Some(&METADATA)).then_some(order)
}

pub(super) fn is_one(bytes: &[u8]) -> bool {
    order(bytes).is_some()
}

/// Every header.
pub(super) fn blobs(bytes: &[u8], each: &mut dyn FnMut(&[u8])) -> Result<(), RpmError> {
    let damaged = || RpmError::new("a damaged file of Berkeley DB");
    let order = order(bytes).ok_or_else(damaged)?;
    let size = order.number(bytes, 20).filter(|size| size.is_power_of_two() && (512..=65_536).contains(size));
    let size = size.ok_or_else(damaged)?;
    let mut left = bytes.len();
    let mut count = 0;
    for page in bytes.chunks_exact(size).skip(1).filter(|page| HASH.contains(&page[25])) {
        let entries = order.half(page, 20).ok_or_else(damaged)?;
        // Keys and values take turns.
        for position in (1..entries).step_by(2) {
            let Some(at) = order.half(page, PAGE_HEADER + 2 * position) else { break };
            // The counter, whose key is 0, is small enough to stand here.
            if page.get(at) != Some(&OFF_PAGE) || count >= MAX_PACKAGES {
                continue;
            }
            count += 1;
            let value =
                (|| chain(bytes, order, size, order.number(page, at + 4)?, order.number(page, at + 8)?, left))();
            left = left.saturating_sub(value.as_ref().map_or(0, Vec::len));
            each(&value.unwrap_or_default());
        }
    }
    Ok(())
}

/// A value of so many bytes on a chain of pages.
fn chain(bytes: &[u8], order: Order, size: usize, first: usize, length: usize, left: usize) -> Option<Vec<u8>> {
    if length > MAX_HEADER.min(left) {
        return None;
    }
    let mut out = Vec::with_capacity(length);
    let mut next = first;
    while out.len() < length {
        let start = next.checked_mul(size)?;
        let page = bytes.get(start..start.checked_add(size)?)?;
        let used = order.half(page, 22)?.min(length - out.len());
        // A page without bytes would go round in circles.
        let part = page.get(PAGE_HEADER..PAGE_HEADER.checked_add(used)?).filter(|part| !part.is_empty())?;
        out.extend(part);
        next = order.number(page, 16)?;
    }
    Some(out)
}
