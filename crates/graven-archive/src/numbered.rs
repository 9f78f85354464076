//! Objects that are numbered from 0 without holes: the newest one is found by asking for the next, never by a listing,
//! which may lag.

use crate::error::ArchiveError;

/// The newest number; `None` when there is none. `is_there` must be true for each number up to it, and for none after it.
/// Asks about twice the logarithm of the number.
pub(crate) fn newest(
    is_there: impl Fn(u64) -> Result<bool, ArchiveError>,
) -> Result<Option<u64>, ArchiveError> {
    newest_from(0, is_there)
}

/// The same, where it is known that all numbers before `known` are there.
pub(crate) fn newest_from(
    known: u64,
    is_there: impl Fn(u64) -> Result<bool, ArchiveError>,
) -> Result<Option<u64>, ArchiveError> {
    // All before `there` are there, and `gone` is not.
    let (mut there, mut step) = (known, 1);
    let mut gone = loop {
        let asked = there + step - 1;
        if !is_there(asked)? {
            break asked;
        }
        there = asked + 1;
        step *= 2;
    };
    while there < gone {
        let middle = there + (gone - there) / 2;
        if is_there(middle)? {
            there = middle + 1;
        } else {
            gone = middle;
        }
    }
    Ok(there.checked_sub(1))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn the_newest_is_found_with_few_questions() {
        for count in (0..200).chain([1_000_000, 31_000_000]) {
            for known in [0, count / 2, count] {
                let asked = Cell::new(0);
                let is_there = |number| {
                    asked.set(asked.get() + 1);
                    Ok(number < count)
                };
                assert_eq!(newest_from(known, is_there).unwrap(), count.checked_sub(1));
                assert!(asked.get() <= 2 * (count + 2).ilog2() + 2, "{count}: {}", asked.get());
            }
        }
    }
}
