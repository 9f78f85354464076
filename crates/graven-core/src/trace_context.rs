//! The header `traceparent` of [W3C Trace Context](https://www.w3.org/TR/trace-context/), read strictly.
//!
//! ```
//! use graven_core::trace_context::TraceContext;
//!
//! let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
//! let context = TraceContext::parse(header.as_bytes()).expect("a good one");
//! assert_eq!(context.trace_id, "0af7651916cd43dd8448eb211c80319c");
//! assert_eq!(context.span_id, "b7ad6b7169203331");
//! ```

/// The bytes of `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`.
const BYTES: usize = 2 + 1 + 32 + 1 + 16 + 1 + 2;

/// The trace that a caller works in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext<'a> {
    /// 32 lower-case hex digits, not all of them zero.
    pub trace_id: &'a str,
    /// 16 lower-case hex digits, not all of them zero: the caller's span, which the standard calls `parent-id`.
    pub span_id: &'a str,
}

impl<'a> TraceContext<'a> {
    /// Reads the value of the header; `None` when it is not valid, and then the standard has a caller ignore it.
    ///
    /// Version `00` has exactly 55 bytes. A later version, but for the invalid `ff`, may have more behind another `-`,
    /// and is read as far as `00` goes. Upper-case digits and ids of only zeros are not valid. No blanks are taken
    /// off: a parser of HTTP has done that.
    pub fn parse(header: &'a [u8]) -> Option<TraceContext<'a>> {
        let (known, more) = header.split_at_checked(BYTES)?;
        let known = str::from_utf8(known).ok()?;
        let mut parts = known.split('-');
        let version = parts.next().filter(|version| is_hex(version, 2) && *version != "ff")?;
        let trace_id = parts.next().filter(|id| is_hex(id, 32) && is_set(id))?;
        let span_id = parts.next().filter(|id| is_hex(id, 16) && is_set(id))?;
        let _flags = parts.next().filter(|flags| is_hex(flags, 2))?;
        let ends_well = more.is_empty() || (version != "00" && more[0] == b'-');
        ends_well.then_some(TraceContext { trace_id, span_id })
    }
}

fn is_hex(part: &str, digits: usize) -> bool {
    part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_set(id: &str) -> bool {
    id.bytes().any(|digit| digit != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn parse(header: &str) -> Option<(&str, &str)> {
        TraceContext::parse(header.as_bytes()).map(|context| (context.trace_id, context.span_id))
    }

    #[test]
    fn the_standards_own_examples_are_read() {
        // Section 3.2.4: a sampled caller, and one that is not; then the header of section 3.3.1.5's vendor.
        assert_eq!(parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), Some((TRACE, SPAN)));
        assert_eq!(parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"), Some((TRACE, SPAN)));
        let other = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        assert_eq!(parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), Some(other));
    }

    #[test]
    fn a_later_version_may_have_more() {
        for version in ["01", "cc", "fe", "0f"] {
            for more in ["", "-", "-what-the-future-will-be-like", "-é"] {
                assert_eq!(parse(&format!("{version}-{TRACE}-{SPAN}-01{more}")), Some((TRACE, SPAN)));
            }
        }
    }

    #[test]
    fn anything_else_is_ignored() {
        let zeros = |count| "0".repeat(count);
        let bad = [
            String::new(),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-011"),
            format!("cc-{TRACE}-{SPAN}-01.more"),
            format!("cc-{TRACE}-{SPAN}-011"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-0g"),
            format!("0-{TRACE}-{SPAN}-01"),
            format!("CC-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{}-01", SPAN.to_uppercase()),
            format!("00-{}-{SPAN}-01", zeros(32)),
            format!("00-{TRACE}-{}-01", zeros(16)),
            format!("00_{TRACE}-{SPAN}-01"),
            format!(" 00-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-01 "),
            format!("00-{TRACE}{SPAN}--01"),
            format!("00-{TRACE}-é{SPAN}-1"),
        ];
        for header in bad {
            assert_eq!(parse(&header), None, "{header:?}");
        }
        assert_eq!(TraceContext::parse(&[0xff; BYTES]), None);
    }
}
