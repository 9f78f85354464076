//! One record: a line of the log.

use graven_core::salvage;
use serde_json::{Map, Value};

/// What separates the fields from those that the daemon has added in words (`log_format = ENRICHED`).
const ENRICHED: char = '\u{1d}';

/// Fields with text that others have chosen. The kernel writes them in quotes, or else in hex digits.
const ENCODED: &[&str] = &[
    "acct",
    "cmd",
    "comm",
    "cwd",
    "data",
    "dir",
    "exe",
    "file",
    "grp",
    "key",
    "name",
    "new-disk",
    "old-disk",
    "path",
    "proctitle",
    "sw",
    "vm",
    "watch",
];

/// A record.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) node: Option<String>,
    /// Such as `SYSCALL`.
    pub(super) kind: String,
    /// Seconds and milliseconds since 1970, as they are written.
    pub(super) time: String,
    pub(super) serial: String,
    pub(super) milliseconds: u64,
    /// By name. Text in hex digits is decoded; that of `msg='…'` is an object.
    pub(super) fields: Map<String, Value>,
}

/// Whether a line begins as a record.
pub(crate) fn is_record(line: &[u8]) -> bool {
    str::from_utf8(line).is_ok_and(|line| head(line).is_some())
}

/// Node, type, time, serial and the rest of a line.
fn head(line: &str) -> Option<(Option<&str>, &str, &str, &str, &str)> {
    let line = line.trim_end_matches(['\r', '\n']);
    let (node, line) = match line.strip_prefix("node=") {
        Some(rest) => rest.split_once(' ').map(|(node, rest)| (Some(node), rest))?,
        None => (None, line),
    };
    let (kind, rest) = line.strip_prefix("type=")?.split_once(" msg=audit(")?;
    let (stamp, rest) = rest.split_once("):")?;
    let (time, serial) = stamp.split_once(':')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (seconds, thousandths) = time.split_once('.')?;
    let is_stamp = is_number(seconds) && is_number(thousandths) && is_number(serial);
    (is_stamp && !kind.contains(' ')).then_some((node, kind, time, serial, rest))
}

impl Record {
    /// Reads a line.
    pub(super) fn parse(line: &str) -> Option<Record> {
        let (node, kind, time, serial, rest) = head(line)?;
        let at = salvage::time(time)?;
        let mut fields = Map::new();
        for part in rest.split(ENRICHED) {
            read_fields(part, kind == "EXECVE", &mut fields);
        }
        Some(Record {
            node: node.map(str::to_owned),
            kind: kind.to_owned(),
            time: time.to_owned(),
            serial: serial.to_owned(),
            milliseconds: at.timestamp_millis().try_into().unwrap_or(0),
            fields,
        })
    }

    /// Whether both are of one event.
    pub(super) fn belongs_with(&self, other: &Record) -> bool {
        (&self.serial, &self.time, &self.node) == (&other.serial, &other.time, &other.node)
    }

    /// A field, here or in `msg='…'`. What the kernel does not know is absent.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let inner = || self.fields.get("msg")?.get(name);
        let text = self.fields.get(name).or_else(inner)?.as_str()?;
        (!matches!(text, "" | "?" | "(null)" | "(none)" | "unset" | "4294967295" | "-1")).then_some(text)
    }
}

/// Reads `name=value` up to the end. Words without a name are joined as `text`.
fn read_fields(text: &str, is_execve: bool, fields: &mut Map<String, Value>) {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest.find([' ', '=']).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let Some(value) = behind.strip_prefix('=').filter(|_| !word.is_empty()) else {
            let end = rest.find(' ').unwrap_or(rest.len());
            words.push(&rest[..end]);
            rest = rest[end..].trim_start();
            continue;
        };
        let (value, behind) = read_value(word, value, is_execve);
        insert(fields, word, value);
        rest = behind.trim_start();
    }
    if !words.is_empty() {
        insert(fields, "text", words.join(" ").into());
    }
}

/// Reads a value, and says what follows it.
fn read_value<'a>(name: &str, text: &'a str, is_execve: bool) -> (Value, &'a str) {
    for quote in ['"', '\''] {
        let Some((inner, behind)) = text.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) else {
            continue;
        };
        if quote == '\'' && name == "msg" {
            let mut fields = Map::new();
            read_fields(inner, is_execve, &mut fields);
            return (Value::Object(fields), behind);
        }
        return (inner.into(), behind);
    }
    let end = text.find(' ').unwrap_or(text.len());
    let (value, behind) = text.split_at(end);
    let is_argument = || name.starts_with('a') && name[1..].starts_with(|digit: char| digit.is_ascii_digit());
    let is_encoded = ENCODED.contains(&name) || is_execve && is_argument();
    let decoded = if is_encoded { decode(value) } else { None };
    (decoded.unwrap_or_else(|| value.to_owned()).into(), behind)
}

/// The text that hex digits say. Several arguments have a NUL between them, which becomes a blank.
fn decode(hex: &str) -> Option<String> {
    let is_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex.is_empty() || !hex.len().is_multiple_of(2) || !is_hex {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).ok();
    let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(byte).collect();
    let text = String::from_utf8(bytes?).ok()?;
    Some(text.trim_end_matches('\0').replace('\0', " "))
}

/// Adds a field. A second one of a name gets a number: nothing is dropped.
fn insert(fields: &mut Map<String, Value>, name: &str, value: Value) {
    let mut unique = name.to_owned();
    let mut number = 2;
    while fields.contains_key(&unique) {
        unique = format!("{name}#{number}");
        number += 1;
    }
    fields.insert(unique, value);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(text: &str, is_execve: bool) -> Value {
        let mut fields = Map::new();
        read_fields(text, is_execve, &mut fields);
        Value::Object(fields)
    }

    #[test]
    fn values_are_bare_quoted_nested_or_in_hex() {
        assert_eq!(
            fields(
                r#" pid=1 comm="a b" exe=2F62696E2F6C73 key=(null) msg='op=login acct="r" res=failed' x="#,
                false
            ),
            json!({"pid": "1", "comm": "a b", "exe": "/bin/ls", "key": "(null)", "x": "",
                "msg": {"op": "login", "acct": "r", "res": "failed"}})
        );
        assert_eq!(
            fields("proctitle=6C73002D6C00 name=FF name=41", false),
            json!({"proctitle": "ls -l", "name": "FF", "name#2": "A"})
        );
        // Only the arguments of EXECVE are text.
        assert_eq!(fields("argc=2 a0=6C73 a1=\"x\"", true), json!({"argc": "2", "a0": "ls", "a1": "x"}));
        assert_eq!(fields("a0=6C73", false), json!({"a0": "6C73"}));
        assert_eq!(
            fields("avc:  denied  { read } for  pid=7", false),
            json!({"text": "avc: denied { read } for", "pid": "7"})
        );
    }

    #[test]
    fn a_line_is_a_record_by_its_head() {
        let record =
            Record::parse("node=h type=CWD msg=audit(1364481363.243:24287):  cwd=\"/x\"\u{1d}A=\"b\"\r")
                .unwrap();
        assert_eq!(
            (record.node.as_deref(), &*record.serial, record.milliseconds),
            (Some("h"), "24287", 1_364_481_363_243)
        );
        assert_eq!(Value::Object(record.fields), json!({"cwd": "/x", "A": "b"}));
        for line in [
            "",
            "type=CWD",
            "type=A B msg=audit(1364481363.243:1):",
            "type=A msg=audit(x.1:1): ",
            "node=h",
            "type=A msg=audit(1364481363.243:):",
        ] {
            assert!(Record::parse(line).is_none() && !is_record(line.as_bytes()), "{line}");
        }
    }
}
