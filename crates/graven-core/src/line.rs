//! Step 2 of 8: the one line of JSON that an entry is: written fast, read strictly. Next: the queue of the engine.
//!
//! An entry with only the contract's eight fields is written as serde would write the contract's struct, byte for byte. A
//! stored line is hashed and never rewritten, so reading refuses each line that writing would not give back byte for byte.

pub mod glance;

use crate::entry::cut::{self, blob_of};
use crate::entry::{Agent, Approval, Blob, Detail, Entry, EntryError, Source};
use crate::field::Field;
use crate::input::{InputError, each_member, read_object, require};
use crate::json::cursor::Cursor;
use crate::json::string::write_string;
use crate::text::CUT_MARK;
use crate::tile::ENTRY_BYTES_MAX;
use crate::time::{read_stored, write_time};

/// Why some bytes are not an entry's line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// Not an entry at all.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Longer than any entry's line.
    #[error("{bytes} bytes, and a line has at most {ENTRY_BYTES_MAX}")]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// An entry that may not be recorded.
    #[error("no such entry is ever recorded: {0}")]
    Entry(EntryError),
    /// The fields are in another order.
    #[error("the field `{field}` at byte {offset} stands after `{after}`, where it never is")]
    Order {
        /// Which.
        field: &'static str,
        /// The one before it.
        after: &'static str,
        /// Where.
        offset: usize,
    },
    /// The detail names a blob, but not as the engine does.
    #[error("the field `detail` names a blob in a form that is never written")]
    Marker,
    /// The same entry would be written in other bytes.
    #[error("from byte {offset}, in `{field}`, the line is not as this entry is written")]
    NotAsWritten {
        /// The field there.
        field: &'static str,
        /// The first byte that differs.
        offset: usize,
    },
}

impl From<EntryError> for LineError {
    fn from(error: EntryError) -> LineError {
        LineError::Entry(error)
    }
}

impl Entry {
    /// Appends the entry's line, without a newline.
    ///
    /// A detail that does not fit the line, or that would pass for a marker, comes back as a blob of at most
    /// `blob_bytes_max` bytes; the line then has the marker. So does all that does not fit, if the entry is
    /// [`cut_to_fit`](Entry::cut_to_fit): then no length is an error, and what does not fit the blob either is lost.
    ///
    /// # Errors
    ///
    /// [`EntryError`], when the id or timestamp is not set, the line or the blob is too large, or the entry may not stand in a log at all.
    /// Then nothing was appended.
    pub fn append_line(&self, blob_bytes_max: u64, out: &mut Vec<u8>) -> Result<Option<Blob>, EntryError> {
        self.check_line()?;
        if self.is_cut_to_fit() && cut::is_over(self) {
            return self.append_cut(blob_bytes_max, out);
        }
        let start = out.len();
        if let Some(detail) = self.detail.as_ref().filter(|detail| needs_blob(detail)) {
            return self.append_with_blob(detail, blob_bytes_max, out);
        }
        self.write(self.detail.as_ref().map(Detail::as_str), out)?;
        let bytes = out.len() - start;
        if bytes <= ENTRY_BYTES_MAX {
            return Ok(None);
        }
        out.truncate(start);
        match &self.detail {
            Some(detail) if detail.blob().is_none() => self.append_with_blob(detail, blob_bytes_max, out),
            None if self.is_cut_to_fit() => self.append_cut(blob_bytes_max, out),
            _ => Err(EntryError::LineTooLong { bytes }),
        }
    }

    #[cold]
    fn append_with_blob(
        &self,
        detail: &Detail,
        bytes_max: u64,
        out: &mut Vec<u8>,
    ) -> Result<Option<Blob>, EntryError> {
        let start = out.len();
        // One that begins like the blob of a cut entry becomes longer.
        let blob = blob_of(detail);
        let bytes = blob.text.len() as u64;
        if bytes > bytes_max {
            if self.is_cut_to_fit() {
                return self.append_cut(bytes_max, out);
            }
            return Err(EntryError::DetailTooLarge { bytes, bytes_max });
        }
        let marker = blob.reference().marker();
        self.write(Some(&marker), out)?;
        let bytes = out.len() - start;
        if bytes > ENTRY_BYTES_MAX {
            out.truncate(start);
            if self.is_cut_to_fit() {
                return self.append_cut(bytes_max, out);
            }
            return Err(EntryError::LineTooLong { bytes });
        }
        Ok(Some(blob))
    }

    /// Appends a line with cut texts; the blob has the whole ones and the detail.
    fn append_cut(&self, bytes_max: u64, out: &mut Vec<u8>) -> Result<Option<Blob>, EntryError> {
        let start = out.len();
        let (entry, blob) = cut::cut(self, bytes_max)?;
        let in_place = match (&blob, &self.detail) {
            (Some(blob), _) => Some(blob.reference().marker()),
            (None, Some(_)) => Some(Detail::of_text(CUT_MARK).as_str().to_owned()),
            (None, None) => None,
        };
        entry.write(in_place.as_deref(), out)?;
        assert!(out.len() - start <= ENTRY_BYTES_MAX, "the texts were cut to the room that there is");
        Ok(blob)
    }

    /// Writes every field, in order, with this in place of the detail.
    pub(crate) fn write(&self, detail: Option<&str>, out: &mut Vec<u8>) -> Result<(), EntryError> {
        let id = self.id.as_ref().filter(|id| !id.is_empty()).ok_or(EntryError::NotSet("id"))?;
        let timestamp = self.timestamp.as_ref().ok_or(EntryError::NotSet("timestamp"))?;
        // Room for the names of the contract's fields, the time and the numbers; the rest are the texts themselves.
        out.reserve(224 + id.len() + self.action.len() + detail.map_or(0, str::len));
        out.extend_from_slice(b"{\"id\":");
        write_string(id, out);
        out.extend_from_slice(b",\"timestamp\":\"");
        write_time(timestamp, out);
        out.extend_from_slice(b"\",\"category\":\"");
        out.extend_from_slice(self.category.as_str().as_bytes());
        out.extend_from_slice(b"\",\"action\":");
        write_string(&self.action, out);
        match &self.principal {
            Some(_) => write_text(b",\"principal\":", &self.principal, out),
            None => out.extend_from_slice(b",\"principal\":null"),
        }
        out.extend_from_slice(b",\"outcome\":\"");
        out.extend_from_slice(self.outcome.as_str().as_bytes());
        out.push(b'"');
        if let Some(detail) = detail {
            out.extend_from_slice(b",\"detail\":");
            out.extend_from_slice(detail.as_bytes());
        }
        write_number(b",\"duration_ms\":", self.duration_ms, out);
        self.write_optional(out);
        out.push(b'}');
        Ok(())
    }

    /// Writes the fields that the contract does not have.
    fn write_optional(&self, out: &mut Vec<u8>) {
        write_text(b",\"okr_id\":", &self.okr_id, out);
        write_text(b",\"okr_run_id\":", &self.okr_run_id, out);
        write_text(b",\"relay_id\":", &self.relay_id, out);
        write_text(b",\"session_id\":", &self.session_id, out);
        write_text(b",\"trace_id\":", &self.trace_id, out);
        write_text(b",\"span_id\":", &self.span_id, out);
        write_text(b",\"request_id\":", &self.request_id, out);
        write_text(b",\"resource\":", &self.resource, out);
        if let Some(Source { ip, user_agent, service, host }) = self.source.as_deref() {
            let texts = [("ip", ip), ("user_agent", user_agent), ("service", service), ("host", host)];
            write_object(b",\"source\":", texts, out);
        }
        if let Some(Agent { id, instance, model, version }) = self.agent.as_deref() {
            let texts = [("id", id), ("instance", instance), ("model", model), ("version", version)];
            write_object(b",\"agent\":", texts, out);
        }
        write_texts(b",\"on_behalf_of\":", &self.on_behalf_of, out);
        if let Some(phase) = self.phase {
            out.extend_from_slice(b",\"phase\":\"");
            out.extend_from_slice(phase.as_str().as_bytes());
            out.push(b'"');
        }
        write_text(b",\"intent_id\":", &self.intent_id, out);
        write_text(b",\"reason\":", &self.reason, out);
        write_number(b",\"count\":", self.count, out);
        if let Some(received_at) = &self.received_at {
            out.extend_from_slice(b",\"received_at\":\"");
            write_time(received_at, out);
            out.push(b'"');
        }
        write_text(b",\"recorded_by\":", &self.recorded_by, out);
        if let Some(approval) = self.approval.as_deref() {
            write_approval(approval, out);
        }
    }

    /// Reads a line that [`append_line`](Entry::append_line) would write, and nothing else. The category may be `trail`.
    ///
    /// # Errors
    ///
    /// [`LineError`] says what is wrong and where.
    pub fn from_line(line: &[u8]) -> Result<Entry, LineError> {
        if line.len() > ENTRY_BYTES_MAX {
            return Err(LineError::TooLong { bytes: line.len() });
        }
        let text = str::from_utf8(line).map_err(|error| InputError::Utf8 { offset: error.valid_up_to() })?;
        let (mut entry, seen) = read_object(text, read_stored)?;
        require(
            seen,
            &[Field::Id, Field::Timestamp, Field::Category, Field::Action, Field::Principal, Field::Outcome],
        )?;
        if let Some(detail) = entry.detail.take() {
            entry.detail = Some(detail.read_from_line().ok_or(LineError::Marker)?);
        }
        let mut written = Vec::with_capacity(line.len());
        entry.check_line()?;
        entry.write(entry.detail.as_ref().map(Detail::as_str), &mut written)?;
        if written == line { Ok(entry) } else { Err(difference(text, &written)) }
    }
}

/// Whether a detail cannot stand in any line.
fn needs_blob(detail: &Detail) -> bool {
    detail.is_lookalike() || detail.as_str().len() > ENTRY_BYTES_MAX
}

fn write_text<const N: usize>(name: &[u8; N], text: &Option<String>, out: &mut Vec<u8>) {
    if let Some(text) = text {
        out.extend_from_slice(name);
        write_string(text, out);
    }
}

fn write_number<const N: usize>(name: &[u8; N], number: Option<u64>, out: &mut Vec<u8>) {
    if let Some(number) = number {
        out.extend_from_slice(name);
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }
}

fn write_texts(name: &[u8], texts: &[String], out: &mut Vec<u8>) {
    let mut before = b'[';
    for text in texts {
        if before == b'[' {
            out.extend_from_slice(name);
        }
        out.push(before);
        write_string(text, out);
        before = b',';
    }
    if !texts.is_empty() {
        out.push(b']');
    }
}

fn write_object(name: &[u8], texts: [(&str, &Option<String>); 4], out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.push(b'{');
    let mut first = true;
    for (name, text) in texts {
        if let Some(text) = text {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            write_string(name, out);
            out.push(b':');
            write_string(text, out);
        }
    }
    out.push(b'}');
}

fn write_approval(approval: &Approval, out: &mut Vec<u8>) {
    let Approval { by, kind, rule, decision } = approval;
    out.extend_from_slice(b",\"approval\":{");
    let start = out.len();
    write_text(b",\"by\":", by, out);
    if let Some(kind) = kind {
        out.extend_from_slice(b",\"kind\":\"");
        out.extend_from_slice(kind.as_str().as_bytes());
        out.push(b'"');
    }
    write_text(b",\"rule\":", rule, out);
    out.extend_from_slice(b",\"decision\":\"");
    out.extend_from_slice(decision.as_str().as_bytes());
    out.extend_from_slice(b"\"}");
    // The first member has no comma before it.
    out.remove(start);
}

/// Says in which way a line differs from the one that its entry would be written as.
#[cold]
fn difference(line: &str, written: &[u8]) -> LineError {
    let mut fields = Vec::new();
    let mut cursor = Cursor::new(line);
    cursor.skip_whitespace();
    let members = each_member(&mut cursor, |cursor, name, offset| {
        fields.extend(Field::find(name).map(|field| (field, offset)));
        cursor.value().map(drop).map_err(InputError::from)
    });
    assert!(members.is_ok(), "the line was read before");
    if let Some([after, field]) = fields.array_windows().find(|[before, after]| before.0 > after.0) {
        return LineError::Order { field: field.0.name(), after: after.0.name(), offset: field.1 };
    }
    let same = line.as_bytes().iter().zip(written).take_while(|(found, expected)| found == expected).count();
    let field = fields.iter().rev().find(|(_, start)| *start <= same).map_or(Field::Id, |(field, _)| *field);
    LineError::NotAsWritten { field: field.name(), offset: same }
}
