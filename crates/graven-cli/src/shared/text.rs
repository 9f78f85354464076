//! Formats numbers, durations and untrusted text for a terminal.

use std::time::Duration;

use graven_core::text::is_invisible;
use serde::Serialize;

/// A number with commas between the thousands: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and its noun: `1 entry`, `2 entries`.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A number of bytes in a suitable unit.
pub(crate) fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if number < 1024 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A duration in a suitable unit.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1e-3 {
        format!("{:.0} µs", seconds * 1e6)
    } else if seconds < 1.0 {
        format!("{:.1} ms", seconds * 1e3)
    } else if seconds < 120.0 {
        format!("{seconds:.2} s")
    } else {
        format!("{:.0} min {:.0} s", (seconds / 60.0).floor(), seconds % 60.0)
    }
}

/// Makes text safe to print on one line. Control characters, line ends and characters that change the writing direction
/// become escapes, so no text can move the cursor or look like something else. [`Ui`](crate::shared::ui::Ui) does this to
/// all that it prints; what is escaped already stays as it is.
pub(crate) fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        push_safe(&mut safe, character);
    }
    safe
}

/// The same for a text of many lines: its line ends stay.
pub(crate) fn safe_lines(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character == '\n' { safe.push('\n') } else { push_safe(&mut safe, character) }
    }
    safe
}

fn push_safe(safe: &mut String, character: char) {
    if is_invisible(character) {
        safe.push_str(&format!("\\u{{{:x}}}", u32::from(character)));
    } else {
        safe.push(character);
    }
}

/// Makes text safe to print, and cuts it to at most `width` characters.
pub(crate) fn safe_cut(text: &str, width: usize) -> String {
    let safe = safe(text);
    if safe.chars().count() <= width {
        return safe;
    }
    let kept: String = safe.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// An answer as one line of JSON that is safe to print.
pub(crate) fn json(answer: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string(answer).map(|json| safe_json(&json))
}

/// Makes JSON safe to print: what is unsafe becomes `\uXXXX`, which means the same. Such a character stands only in a
/// string.
pub(crate) fn safe_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_invisible(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                safe.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            safe.push(character);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let shown: Vec<String> = [0, 12, 999, 1_000, 123_456, 1_234_567].map(count).into();
        assert_eq!(shown, ["0", "12", "999", "1,000", "123,456", "1,234,567"]);
    }

    #[test]
    fn the_unit_follows_from_the_size() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(u64::MAX), "16384.0 PiB");
        assert_eq!(duration(Duration::from_micros(140)), "140 µs");
        assert_eq!(duration(Duration::from_millis(12)), "12.0 ms");
        assert_eq!(duration(Duration::from_secs(150)), "2 min 30 s");
    }

    #[test]
    fn characters_that_move_the_cursor_are_escaped() {
        assert_eq!(safe("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\u{a}");
        assert_eq!(safe("user\u{202e}txt.exe"), "user\\u{202e}txt.exe");
        assert_eq!(safe("ünïcödé 漢字"), "ünïcödé 漢字");
        assert_eq!(safe(&safe("\u{9b}1m")), "\\u{9b}1m");
        assert_eq!(safe_lines("a\n\u{1b}b\r\n"), "a\n\\u{1b}b\\u{d}\n");
        assert_eq!(safe_cut("abcdef", 4), "abc…");
        assert_eq!(safe_cut("abcd", 4), "abcd");
    }

    #[test]
    fn json_stays_the_same_value() {
        let hostile = "a\u{1b}\u{9b}\u{7f}\u{202e}\u{2066}\u{200f}\u{61c}\u{e0041}é漢";
        let shown = json(&[hostile]).unwrap();
        assert_eq!(shown, "[\"a\\u001b\\u009b\\u007f\\u202e\\u2066\\u200f\\u061c\\udb40\\udc41é漢\"]");
        assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), [hostile]);
    }
}
