//! Finds card numbers: digits in the usual groups, in an issuer's range, with the right check digit.

use super::text::Scan;

/// The ranges of issuers: number of leading digits, from, to, and the possible lengths.
const ISSUERS: &[(u32, u64, u64, &[usize])] = &[
    (1, 4, 4, &[13, 16, 19]),
    (2, 51, 55, &[16]),
    (4, 2221, 2720, &[16]),
    (2, 34, 34, &[15]),
    (2, 37, 37, &[15]),
    (4, 6011, 6011, &[16]),
    (3, 644, 659, &[16]),
    (4, 3528, 3589, &[16]),
    (3, 300, 305, &[14]),
    (2, 36, 36, &[14]),
    (2, 38, 39, &[14]),
    (2, 62, 62, &[16, 19]),
];

/// The ways to group the digits.
pub(super) const GROUPINGS: &[&[usize]] = &[
    &[14],
    &[15],
    &[16],
    &[4, 4, 4, 4],
    &[4, 6, 5],
    &[4, 6, 4],
    &[4, 4, 4, 4, 3],
    &[4, 5, 4],
    &[6, 13],
    &[19],
];

/// The most groups in a grouping.
const GROUPS_MAX: usize = 5;
/// The most bytes of a number that are looked at.
const NUMBER_SEEN: usize = 24;

/// The first card number in the run of digits and separators around this place.
pub(super) fn find(scan: &mut Scan<'_>, at: usize) -> Option<(usize, usize)> {
    let bytes = scan.bytes();
    let is_part = |at: usize| is_digit(bytes, at) || (separates(bytes, at) && is_digit(bytes, at + 1));
    let floor = scan.digits_from.min(at);
    let mut start = at + bytes[at..].iter().take(8).position(u8::is_ascii_digit)?;
    while start > floor
        && (is_digit(bytes, start - 1)
            || (start - 1 > floor && separates(bytes, start - 1) && is_digit(bytes, start - 2)))
    {
        start -= 1;
    }
    let mut group = start;
    // Only up to the first number: a text may hold one beside the other without end.
    while is_part(group) {
        if let Some(end) = number_at(bytes, group) {
            scan.work(end - start + NUMBER_SEEN);
            scan.digits_from = end;
            return Some((group, end));
        }
        while is_digit(bytes, group) {
            group += 1;
        }
        group += usize::from(is_part(group));
    }
    scan.work(NUMBER_SEEN / 4 * (group - start));
    // These digits are not looked at again.
    scan.digits_from = group.max(at + 1);
    None
}

fn is_digit(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_digit)
}

fn separates(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(|byte| is_separator(*byte))
}

/// Whether this byte may stand between the groups of a card number.
pub(super) fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-')
}

/// The end of the card number whose first group begins here; `None` when there is none.
fn number_at(bytes: &[u8], start: usize) -> Option<usize> {
    let within = start.checked_sub(1).map(|before| bytes[before]);
    if within.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+')) {
        return None;
    }
    let mut lengths = [0; GROUPS_MAX];
    let mut ends = [start; GROUPS_MAX];
    let mut at = start;
    let mut separator = None;
    let mut groups = 0;
    while groups < GROUPS_MAX {
        let length = bytes[at..].iter().take(20).take_while(|byte| byte.is_ascii_digit()).count();
        (lengths[groups], ends[groups]) = (length, at + length);
        groups += 1;
        let next = bytes.get(at + length).copied();
        if !separates(bytes, at + length) || !is_digit(bytes, at + length + 1) {
            break;
        }
        if *separator.get_or_insert(next) != next {
            break;
        }
        at += length + 1;
    }
    GROUPINGS.iter().find_map(|grouping| {
        let count = grouping.len();
        let end = *ends.get(count - 1)?;
        let fits = count <= groups && lengths[..count] == **grouping && ends_there(bytes, end);
        (fits && is_card(&bytes[start..end])).then_some(end)
    })
}

fn ends_there(bytes: &[u8], end: usize) -> bool {
    match bytes.get(end) {
        Some(b'_' | b'-') => false,
        Some(b'.') => !is_digit(bytes, end + 1),
        Some(byte) => !byte.is_ascii_alphanumeric(),
        None => true,
    }
}

/// Whether these digits, with or without separators, may be the number of a card.
pub(super) fn is_card(text: &[u8]) -> bool {
    let digits = || text.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| u64::from(byte - b'0'));
    let count = digits().count();
    let first = |places: u32| digits().take(places as usize).fold(0, |number, digit| number * 10 + digit);
    // Ids have 17 to 19 digits. Without groups only the cards of UnionPay are as long.
    if count > 16 && count == text.len() && first(2) != 62 {
        return false;
    }
    let issued = ISSUERS.iter().any(|(places, from, to, lengths)| {
        lengths.contains(&count) && (from..=to).contains(&&first(*places))
    });
    issued && luhn(digits(), count) && digits().any(|digit| digit != 0 && digit != first(1))
}

fn luhn(digits: impl Iterator<Item = u64>, count: usize) -> bool {
    let doubled = |digit: u64| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let sum: u64 = digits
        .enumerate()
        .map(|(place, digit)| if (count - place).is_multiple_of(2) { doubled(digit) } else { digit })
        .sum();
    sum.is_multiple_of(10)
}
