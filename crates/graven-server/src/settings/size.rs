//! Numbers of bytes as people write them: `64MiB`.

/// The units, from the largest.
const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads a number of bytes: a number and GiB, MiB, KiB or B. A number alone counts bytes.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let wrong =
        || format!("{text:?} is no number of bytes: write a number and KiB, MiB or GiB, such as 64MiB");
    let (number, unit) =
        UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit))).unwrap_or((text, 1));
    let number: u64 = number.trim_end().parse().map_err(|_| wrong())?;
    number.checked_mul(unit).ok_or_else(wrong)
}

/// Writes a number of bytes in the largest unit in which it is whole.
pub(super) fn show(bytes: u64) -> String {
    let whole = UNITS.iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{bytes}B"), |(name, unit)| format!("{}{name}", bytes / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_reads_back() {
        for (text, bytes) in
            [("0B", 0), ("1B", 1), ("1KiB", 1024), ("1025B", 1025), ("64MiB", 64 << 20), ("3GiB", 3 << 30)]
        {
            assert_eq!((parse(text).unwrap(), show(bytes).as_str()), (bytes, text));
        }
        assert_eq!(parse("7").unwrap(), 7);
        for wrong in ["", "MiB", "1.5MiB", "-1", "1MB", "1mib", "99999999999GiB"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
