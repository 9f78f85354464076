//! The names of the objects of an archive. The tree of names is in `docs/SCALE.md`.

use graven_core::tile::Tile;

/// The object at the prefix that names the origin of the first trail.
pub(crate) const FIRST_ORIGIN: &str = "origin";

/// The names of the objects of one trail: all begin with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    folder: String,
}

/// What is named by a range of entries, from the first one to the one after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) first: u64,
    pub(crate) end: u64,
}

impl Span {
    pub(crate) fn entries(self) -> u64 {
        self.end - self.first
    }

    /// Reads `<first>-<end>` as it is printed, and nothing else.
    pub(crate) fn parse(text: &str) -> Option<Span> {
        let (first, end) = text.split_once('-')?;
        let span = Span { first: first.parse().ok()?, end: end.parse().ok()? };
        (span.first < span.end && span.to_string() == text).then_some(span)
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.first, self.end)
    }
}

impl Names {
    pub(crate) fn of(origin: &str) -> Names {
        Names { folder: encode(origin) }
    }

    fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.folder)
    }

    pub(crate) fn meta(&self) -> String {
        self.name("graven.json")
    }

    /// The settings as they were at the beginning of an epoch.
    pub(crate) fn settings(&self, epoch: u64) -> String {
        match epoch {
            0 => self.name("settings.json"),
            epoch => self.name(&format!("settings/{epoch}.json")),
        }
    }

    pub(crate) fn checkpoint(&self) -> String {
        self.name("checkpoint")
    }

    pub(crate) fn closed(&self, epoch: u64) -> String {
        self.name(&format!("closed/{epoch}"))
    }

    pub(crate) fn epoch(&self, number: u64) -> String {
        self.name(&format!("epochs/{number}"))
    }

    pub(crate) fn head(&self, epoch: u64, number: u64) -> String {
        self.name(&format!("heads/{epoch}/{number}"))
    }

    pub(crate) fn boundary(&self, size: u64) -> String {
        self.name(&format!("boundaries/{size}"))
    }

    pub(crate) fn tile(&self, level: u8, index: u64) -> String {
        self.name(&Tile { level, index, width: 256 }.path())
    }

    pub(crate) fn blob(&self, sha256_hex: &str) -> String {
        self.name(&format!("blobs/{sha256_hex}"))
    }

    /// Which range the closed segment of this number has.
    pub(crate) fn segment_number(&self, number: u64) -> String {
        self.name(&format!("segments/{number}"))
    }

    pub(crate) fn manifest(&self, span: Span) -> String {
        self.name(&format!("segments/{span}.json"))
    }

    pub(crate) fn segment(&self, span: Span) -> String {
        self.name(&format!("segments/{span}.jsonl.zst"))
    }

    /// The same, where a writer that was fenced has left another object under that name.
    pub(crate) fn segment_of(&self, epoch: u64, span: Span) -> String {
        self.name(&format!("segments/{span}.{epoch}.jsonl.zst"))
    }

    /// The folder of what an epoch has shipped of no closed segment yet.
    pub(crate) fn tail_folder(&self, epoch: u64) -> String {
        self.name(&format!("tail/{epoch}"))
    }

    pub(crate) fn tail(&self, epoch: u64, span: Span) -> String {
        self.name(&format!("tail/{epoch}/{span}.jsonl.zst"))
    }

    /// The range that the name of packed lines of this trail says; `None` for any other name.
    pub(crate) fn packed_span(&self, name: &str) -> Option<Span> {
        let rest = name.strip_prefix(&self.folder)?.strip_prefix('/')?;
        let mut parts = rest.split('/');
        let plain = match (parts.next()?, parts.next()?, parts.next()) {
            ("segments", last, None) => last,
            ("tail", epoch, Some(last)) if epoch.parse::<u64>().is_ok() => last,
            _ => return None,
        };
        let range = plain.strip_suffix(".jsonl.zst")?;
        // The number of an epoch may follow: see `segment_of`.
        Span::parse(range.split_once('.').map_or(range, |(range, _)| range))
            .filter(|_| parts.next().is_none())
    }

    /// The folder of all closed segments.
    pub(crate) fn segments_folder(&self) -> String {
        self.name("segments")
    }

    /// The folder of all objects of the trail.
    pub(crate) fn folder(&self) -> &str {
        &self.folder
    }

    /// What the entries of a head are in, where they are not in one tail object.
    pub(crate) fn parts(&self, epoch: u64, span: Span) -> String {
        self.name(&format!("tail/{epoch}/{span}.json"))
    }
}

/// An origin as a part of a name: each byte but letters, digits, `-`, `_` and `.` becomes `%` and two hex digits.
pub(crate) fn encode(origin: &str) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(origin.len() + 8);
    for (at, byte) in origin.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || b"-_".contains(&byte) || (byte == b'.' && at > 0);
        if plain {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a string takes everything");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_one_part_of_a_name() {
        assert_eq!(encode("graven.local/5f1c"), "graven.local%2F5f1c");
        assert_eq!(encode("../é%"), "%2E.%2F%C3%A9%25");
    }

    #[test]
    fn only_a_printed_span_is_read() {
        assert_eq!(Span::parse("0-256"), Some(Span { first: 0, end: 256 }));
        for text in ["", "0", "00-1", "1-1", "2-1", "-1", "1-", "1-2-3", "+1-2"] {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }
}
