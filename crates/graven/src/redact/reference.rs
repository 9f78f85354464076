//! Passes over the name of a resource, such as `arn:aws:secretsmanager:eu-west-1:123456789012:secret:payments-9kQzTf`:
//! the words in it name no secret.

use super::text::Scan;

/// Notes where the ARN or URN ends whose `rn:` is at this place.
pub(super) fn pass(scan: &mut Scan<'_>, at: usize) {
    let bytes = scan.bytes();
    let Some(start) = at.checked_sub(1).filter(|start| matches!(bytes[*start], b'a' | b'u')) else { return };
    let within = start.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_alphanumeric());
    if within || at < scan.resource_until {
        return;
    }
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b":/-_.*+@%~".contains(byte);
    let length = bytes[at..].iter().take_while(|byte| is_part(byte)).count();
    scan.work(length);
    let end = at + length;
    // A name before an equals sign is that of a value.
    scan.resource_until = match bytes.get(end) {
        Some(b'=') => {
            bytes[at..end].iter().rposition(|byte| matches!(byte, b':' | b'/')).map_or(at, |last| at + last)
        }
        _ => end,
    };
}
