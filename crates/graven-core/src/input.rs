//! Entries that others write: one JSON object each, with the fields in any order.
//!
//! Whitespace is allowed, and `id` and `timestamp` may be absent; `category`, `action` and `outcome` may not. An optional field that
//! is `null` counts as absent (but a `detail` of `null` is kept). A field that no entry has is refused rather than lost.

use chrono::{DateTime, Utc};

use crate::entry::{Agent, Approval, Category, Decision, Detail, Entry, EntryError, Outcome, Source};
use crate::field::{Field, FieldSet, nearest};
use crate::json::cursor::Cursor;
use crate::json::{JsonError, shown};
use crate::time::{self, TimeError};

/// How the text of a timestamp is read.
type ReadTime = fn(&str) -> Result<DateTime<Utc>, TimeError>;

impl Entry {
    /// Reads an entry from a JSON object as a program might write it. Whether it may be recorded is for [`check`](Entry::check).
    /// A server reads what its clients send with [`from_client`](Entry::from_client).
    ///
    /// # Errors
    ///
    /// [`InputError`] says what is wrong and where.
    pub fn from_input(json: &[u8]) -> Result<Entry, InputError> {
        let text = str::from_utf8(json).map_err(|error| InputError::Utf8 { offset: error.valid_up_to() })?;
        let (entry, seen) = read_object(text, time::parse)?;
        require(seen, &[Field::Category, Field::Action, Field::Outcome])?;
        Ok(entry)
    }

    /// Reads an entry that a client sends to a server, as [`from_input`](Entry::from_input) does, and refuses what only
    /// the server may say: `received_at` and `recorded_by`. The server sets them on what this returns.
    ///
    /// # Errors
    ///
    /// [`InputError`]; [`InputError::SetByServer`] when the client has set one of the two.
    pub fn from_client(json: &[u8]) -> Result<Entry, InputError> {
        let entry = Entry::from_input(json)?;
        let set_by_server = [
            (Field::ReceivedAt, entry.received_at.is_some()),
            (Field::RecordedBy, entry.recorded_by.is_some()),
        ];
        match set_by_server.into_iter().find(|(_, is_set)| *is_set) {
            Some((field, _)) => Err(InputError::SetByServer { field: field.name() }),
            None => Ok(entry),
        }
    }
}

/// Why a text is not an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// Not text.
    #[error("not UTF-8 at byte {offset}")]
    Utf8 {
        /// Where.
        offset: usize,
    },
    /// Not JSON, or JSON that cannot be kept.
    #[error("not JSON that can be kept: {0}")]
    Json(JsonError),
    /// JSON, but not an object.
    #[error("an entry is a JSON object, and this is {found}")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// No entry has such a field.
    #[error("unknown field {name:?} at byte {offset}; did you mean `{nearest}`?")]
    UnknownField {
        /// The name; when it has more than 64 characters, the first twelve.
        name: String,
        /// The field whose name is most like it.
        nearest: &'static str,
        /// Where.
        offset: usize,
    },
    /// A client has set a field that only a server sets.
    #[error("the field `{field}` is set by the server that takes the entry, never by a client: leave it out")]
    SetByServer {
        /// Which.
        field: &'static str,
    },
    /// A field is there twice.
    #[error("the field `{field}` a second time at byte {offset}")]
    Doubled {
        /// Which.
        field: &'static str,
        /// Where.
        offset: usize,
    },
    /// A field that must be there is not.
    #[error("the field `{field}` is missing")]
    Missing {
        /// Which.
        field: &'static str,
    },
    /// A field holds another kind of value than it should.
    #[error("the field `{field}` at byte {offset} must be {expected}, and this is {found}")]
    WrongType {
        /// Which.
        field: &'static str,
        /// What it should hold.
        expected: &'static str,
        /// What it holds.
        found: &'static str,
        /// Where.
        offset: usize,
    },
    /// A field holds a value of the right type that it may not have.
    #[error("the field `{field}` at byte {offset}: {reason}")]
    Value {
        /// Which.
        field: &'static str,
        /// Where.
        offset: usize,
        /// Why not.
        reason: EntryError,
    },
}

impl From<JsonError> for InputError {
    fn from(error: JsonError) -> InputError {
        InputError::Json(error)
    }
}

/// These fields must have been there.
pub(crate) fn require(seen: FieldSet, fields: &[Field]) -> Result<(), InputError> {
    match fields.iter().find(|field| !seen.contains(**field)) {
        Some(field) => Err(InputError::Missing { field: field.name() }),
        None => Ok(()),
    }
}

/// Reads all fields that are there, and says which.
pub(crate) fn read_object(text: &str, read_timestamp: ReadTime) -> Result<(Entry, FieldSet), InputError> {
    let mut cursor = Cursor::new(text);
    cursor.skip_whitespace();
    if cursor.peek() != Some(b'{') {
        // Text that is not JSON at all gets that error first.
        let found = kind(&cursor);
        cursor.value()?;
        return Err(InputError::NotAnObject { found });
    }
    let mut entry = Entry::new(Category::Api, String::new(), Outcome::Success);
    let mut seen = FieldSet::default();
    each_member(&mut cursor, |cursor, name, offset| {
        let field = Field::find(name).ok_or_else(|| unknown(name, nearest(name, Field::names()), offset))?;
        if !seen.insert(field) {
            return Err(InputError::Doubled { field: field.name(), offset });
        }
        read_field(cursor, field, read_timestamp, &mut entry)
    })?;
    cursor.end()?;
    Ok((entry, seen))
}

/// Moves over an object; hands out the cursor at each member's value, the member's name, and where that stands.
pub(crate) fn each_member<'a>(
    cursor: &mut Cursor<'a>,
    mut member: impl FnMut(&mut Cursor<'a>, &str, usize) -> Result<(), InputError>,
) -> Result<(), InputError> {
    cursor.expect(b'{', "an object")?;
    cursor.skip_whitespace();
    if cursor.take(b'}') {
        return Ok(());
    }
    loop {
        let offset = cursor.offset();
        let name = cursor.string()?;
        cursor.skip_whitespace();
        cursor.expect(b':', "a colon")?;
        cursor.skip_whitespace();
        member(cursor, &name, offset)?;
        cursor.skip_whitespace();
        if !cursor.take(b',') {
            return Ok(cursor.expect(b'}', "a comma or the end of the object")?);
        }
        cursor.skip_whitespace();
    }
}

fn read_field(
    cursor: &mut Cursor<'_>,
    field: Field,
    read_timestamp: ReadTime,
    entry: &mut Entry,
) -> Result<(), InputError> {
    let name = field.name();
    match field {
        Field::Id => entry.id = optional_text(cursor, name)?,
        Field::Timestamp => entry.timestamp = optional(cursor, |cursor| time(cursor, name, read_timestamp))?,
        Field::Category => entry.category = named(cursor, name)?,
        Field::Action => entry.action = text(cursor, name)?,
        Field::Principal => entry.principal = optional_text(cursor, name)?,
        Field::Outcome => entry.outcome = named(cursor, name)?,
        Field::Detail => entry.detail = Some(Detail::from_compact(cursor.value()?)),
        Field::DurationMs => entry.duration_ms = optional(cursor, |cursor| whole_number(cursor, name))?,
        Field::OkrId => entry.okr_id = optional_text(cursor, name)?,
        Field::OkrRunId => entry.okr_run_id = optional_text(cursor, name)?,
        Field::RelayId => entry.relay_id = optional_text(cursor, name)?,
        Field::SessionId => entry.session_id = optional_text(cursor, name)?,
        Field::TraceId => entry.trace_id = optional_text(cursor, name)?,
        Field::SpanId => entry.span_id = optional_text(cursor, name)?,
        Field::RequestId => entry.request_id = optional_text(cursor, name)?,
        Field::Resource => entry.resource = optional_text(cursor, name)?,
        Field::Source => entry.source = optional(cursor, source)?.map(Box::new),
        Field::Agent => entry.agent = optional(cursor, agent)?.map(Box::new),
        Field::OnBehalfOf => entry.on_behalf_of = optional(cursor, principals)?.unwrap_or_default(),
        Field::Phase => entry.phase = optional(cursor, |cursor| named(cursor, name))?,
        Field::IntentId => entry.intent_id = optional_text(cursor, name)?,
        Field::Reason => entry.reason = optional_text(cursor, name)?,
        Field::Count => entry.count = optional(cursor, |cursor| whole_number(cursor, name))?,
        Field::ReceivedAt => entry.received_at = optional(cursor, |cursor| time(cursor, name, time::parse))?,
        Field::RecordedBy => entry.recorded_by = optional_text(cursor, name)?,
        Field::Approval => entry.approval = optional(cursor, approval)?.map(Box::new),
    }
    Ok(())
}

fn source(cursor: &mut Cursor<'_>) -> Result<Source, InputError> {
    const NAMES: [&str; 4] = ["source.ip", "source.user_agent", "source.service", "source.host"];
    let [ip, user_agent, service, host] = four_texts(cursor, "source", NAMES)?;
    Ok(Source { ip, user_agent, service, host })
}

fn agent(cursor: &mut Cursor<'_>) -> Result<Agent, InputError> {
    const NAMES: [&str; 4] = ["agent.id", "agent.instance", "agent.model", "agent.version"];
    let [id, instance, model, version] = four_texts(cursor, "agent", NAMES)?;
    Ok(Agent { id, instance, model, version })
}

fn approval(cursor: &mut Cursor<'_>) -> Result<Approval, InputError> {
    const NAMES: [&str; 4] = ["approval.by", "approval.kind", "approval.rule", "approval.decision"];
    let mut approval = Approval::new(Decision::Asked);
    let mut decided = false;
    four_members(cursor, "approval", NAMES, |cursor, place| {
        let name = NAMES[place];
        match place {
            0 => approval.by = optional_text(cursor, name)?,
            1 => approval.kind = optional(cursor, |cursor| named(cursor, name))?,
            2 => approval.rule = optional_text(cursor, name)?,
            _ => (approval.decision, decided) = (named(cursor, name)?, true),
        }
        Ok(())
    })?;
    if decided { Ok(approval) } else { Err(InputError::Missing { field: NAMES[3] }) }
}

/// An object with four optional strings.
fn four_texts(
    cursor: &mut Cursor<'_>,
    object: &'static str,
    names: [&'static str; 4],
) -> Result<[Option<String>; 4], InputError> {
    let mut texts = [const { None }; 4];
    four_members(cursor, object, names, |cursor, place| {
        texts[place] = optional_text(cursor, names[place])?;
        Ok(())
    })?;
    Ok(texts)
}

/// An object with four members, each at most once. Each comes with its full name for errors, such as `source.ip`.
fn four_members<'a>(
    cursor: &mut Cursor<'a>,
    object: &'static str,
    names: [&'static str; 4],
    mut read: impl FnMut(&mut Cursor<'a>, usize) -> Result<(), InputError>,
) -> Result<(), InputError> {
    if cursor.peek() != Some(b'{') {
        return Err(wrong_type(cursor, object, "an object"));
    }
    let mut seen = [false; 4];
    each_member(cursor, |cursor, name, offset| {
        let place = names.iter().position(|known| &known[object.len() + 1..] == name);
        let Some(place) = place else {
            let name = format!("{object}.{name}");
            return Err(unknown(&name, nearest(&name, names.into_iter()), offset));
        };
        if std::mem::replace(&mut seen[place], true) {
            return Err(InputError::Doubled { field: names[place], offset });
        }
        read(cursor, place)
    })
}

fn principals(cursor: &mut Cursor<'_>) -> Result<Vec<String>, InputError> {
    let name = Field::OnBehalfOf.name();
    if !cursor.take(b'[') {
        return Err(wrong_type(cursor, name, "an array of strings"));
    }
    let mut principals = Vec::new();
    cursor.skip_whitespace();
    if cursor.take(b']') {
        return Ok(principals);
    }
    loop {
        principals.push(text(cursor, name)?);
        cursor.skip_whitespace();
        if !cursor.take(b',') {
            cursor.expect(b']', "a comma or the end of the array")?;
            return Ok(principals);
        }
        cursor.skip_whitespace();
    }
}

/// `null` stands for a field that is absent.
fn optional<'a, T>(
    cursor: &mut Cursor<'a>,
    read: impl FnOnce(&mut Cursor<'a>) -> Result<T, InputError>,
) -> Result<Option<T>, InputError> {
    if cursor.word("null") { Ok(None) } else { read(cursor).map(Some) }
}

fn optional_text(cursor: &mut Cursor<'_>, field: &'static str) -> Result<Option<String>, InputError> {
    optional(cursor, |cursor| text(cursor, field))
}

fn text(cursor: &mut Cursor<'_>, field: &'static str) -> Result<String, InputError> {
    if cursor.peek() != Some(b'"') {
        return Err(wrong_type(cursor, field, "a string"));
    }
    Ok(cursor.string()?.into_owned())
}

/// A string that is the name of something.
fn named<T: std::str::FromStr<Err = EntryError>>(
    cursor: &mut Cursor<'_>,
    field: &'static str,
) -> Result<T, InputError> {
    let offset = cursor.offset();
    if cursor.peek() != Some(b'"') {
        return Err(wrong_type(cursor, field, "a string"));
    }
    cursor.string()?.parse().map_err(|reason| InputError::Value { field, offset, reason })
}

fn time(cursor: &mut Cursor<'_>, field: &'static str, read: ReadTime) -> Result<DateTime<Utc>, InputError> {
    const EXPECTED: &str = "a time such as \"2026-01-31T23:59:59.250Z\"";
    let offset = cursor.offset();
    if cursor.peek() != Some(b'"') {
        return Err(wrong_type(cursor, field, EXPECTED));
    }
    let found = "another string";
    read(&cursor.string()?).map_err(|error| match error {
        TimeError::Form => InputError::WrongType { field, expected: EXPECTED, found, offset },
        TimeError::Year => InputError::Value { field, offset, reason: EntryError::Year(field) },
    })
}

fn whole_number(cursor: &mut Cursor<'_>, field: &'static str) -> Result<u64, InputError> {
    const EXPECTED: &str = "a whole number from 0 to 18446744073709551615";
    let offset = cursor.offset();
    if !matches!(cursor.peek(), Some(b'-' | b'0'..=b'9')) {
        return Err(wrong_type(cursor, field, EXPECTED));
    }
    let found = "another number";
    cursor.number()?.parse().map_err(|_| InputError::WrongType { field, expected: EXPECTED, found, offset })
}

fn unknown(name: &str, nearest: &'static str, offset: usize) -> InputError {
    InputError::UnknownField { name: shown(name), nearest, offset }
}

fn wrong_type(cursor: &Cursor<'_>, field: &'static str, expected: &'static str) -> InputError {
    InputError::WrongType { field, expected, found: kind(cursor), offset: cursor.offset() }
}

/// What kind of value seems to start here.
fn kind(cursor: &Cursor<'_>) -> &'static str {
    match cursor.peek() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "true or false",
        Some(b'n') => "null",
        Some(b'-' | b'0'..=b'9') => "a number",
        _ => "no value",
    }
}
