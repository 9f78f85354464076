//! Splits a name into words.

/// Of a longer name only this many words count, the last ones.
const WORDS_MAX: usize = 24;

/// A name, split into words.
pub(super) struct Words {
    lower: String,
    ends: Vec<usize>,
}

impl Words {
    /// Splits a name: at everything except letters and digits, and where an uppercase letter begins a word.
    pub(super) fn of(name: &str) -> Words {
        let mut lower = String::with_capacity(name.len());
        let mut ends = Vec::new();
        let bytes = name.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            if !byte.is_ascii_alphanumeric() {
                close(&lower, &mut ends);
                continue;
            }
            let before = at.checked_sub(1).map(|before| bytes[before]);
            let after = bytes.get(at + 1);
            let begins = byte.is_ascii_uppercase()
                && (before.is_some_and(|before| !before.is_ascii_uppercase())
                    || after.is_some_and(u8::is_ascii_lowercase));
            if begins {
                close(&lower, &mut ends);
            }
            lower.push(byte.to_ascii_lowercase().into());
        }
        close(&lower, &mut ends);
        Words { lower, ends }
    }

    /// The words, at most the last [`WORDS_MAX`].
    pub(super) fn list(&self) -> Vec<&str> {
        let skipped = self.ends.len().saturating_sub(WORDS_MAX);
        let mut start = if skipped == 0 { 0 } else { self.ends[skipped - 1] };
        let word = |end: &usize| {
            let word = &self.lower[start..*end];
            start = *end;
            word
        };
        self.ends[skipped..].iter().map(word).collect()
    }
}

fn close(lower: &str, ends: &mut Vec<usize>) {
    if ends.last().copied().unwrap_or(0) < lower.len() {
        ends.push(lower.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_every_case() {
        for (name, words) in [
            ("clientSecret", "client secret"),
            ("CLIENT_SECRET", "client secret"),
            ("Client-Secret", "client secret"),
            ("spring.datasource.password", "spring datasource password"),
            ("APIKey", "api key"),
            ("X-API-KEY", "x api key"),
            ("oauth2Token", "oauth2 token"),
            ("__x__", "x"),
            ("", ""),
        ] {
            assert_eq!(Words::of(name).list().join(" "), words, "{name}");
        }
    }
}
