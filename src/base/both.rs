//! Work on two cores. Results are in the order of the work, whoever is done first.

use std::ops::Range;
use std::panic::resume_unwind;

/// Fewer pieces than this are not worth a thread.
const FEW: usize = 2_000;

/// Does two things at once.
pub fn both<A, B: Send>(here: impl FnOnce() -> A, there: impl FnOnce() -> B + Send) -> (A, B) {
    std::thread::scope(|scope| {
        let there = scope.spawn(there);
        let here = here();
        (here, there.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// Works on the first and the second half of `0..count` at once; what comes of them is put together.
pub fn in_halves<T: Send>(count: usize, work: impl Fn(Range<usize>) -> Vec<T> + Sync) -> Vec<T> {
    if count < FEW {
        return work(0..count);
    }
    let (mut out, second) = both(|| work(0..count / 2), || work(count / 2..count));
    out.extend(second);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_come_in_order() {
        for count in [0, 1, FEW - 1, FEW, 3 * FEW + 1] {
            assert_eq!(in_halves(count, |range| range.collect()), (0..count).collect::<Vec<_>>());
        }
        assert_eq!(both(|| 1, || "2"), (1, "2"));
    }
}
