//! Temporary names: `<name>.<process id>-<16 hex digits>.tmp`.

/// The name of the file that a temporary name stands for; `None` when it is not a temporary name.
pub fn temporary_of(name: &str) -> Option<&str> {
    let (of, unique) = name.strip_suffix(".tmp")?.rsplit_once('.')?;
    let (process, random) = unique.split_once('-')?;
    let is_process = !process.is_empty() && process.bytes().all(|digit| digit.is_ascii_digit());
    let is_random = random.len() == 16 && random.bytes().all(|digit| digit.is_ascii_hexdigit());
    (is_process && is_random && !of.is_empty()).then_some(of)
}

#[cfg(test)]
mod tests {
    use super::temporary_of;

    #[test]
    fn a_temporary_name_says_what_it_stands_for() {
        assert_eq!(temporary_of("graven.json.17-0123456789abcdef.tmp"), Some("graven.json"));
        let others = [
            "checkpoint.tmp",
            "checkpoint.17.tmp",
            "checkpoint.17-0123456789abcde.tmp",
            "checkpoint.17-0123456789abcdeg.tmp",
            "checkpoint.-0123456789abcdef.tmp",
            ".17-0123456789abcdef.tmp",
            "checkpoint.17-0123456789abcdef",
        ];
        others.iter().for_each(|name| assert_eq!(temporary_of(name), None, "{name}"));
    }
}
