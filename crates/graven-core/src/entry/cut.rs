//! Cut entries: one that does not fit its line is shortened, and a blob beside the log has the whole of it.
//!
//! Each cut text ends with [`CUT_MARK`]. The blob has what was cut by the names of the fields, in the order of the line, and
//! the detail as text, since the blob's marker stands in its place:
//!
//! ```text
//! {"cut":{"action":"…","detail":"<JSON as text>"}}
//! ```
//!
//! Only the engine writes such blobs. A caller's own detail that begins like one is itself put into one, alone, before it
//! becomes a blob. So what a blob of this form says is never a caller's invention.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

use super::{
    Agent, Approval, Blob, BlobRef, Detail, Entry, EntryError, ID_BYTES_MAX, ON_BEHALF_OF_MAX, Source,
};
use crate::hash::{Hash, sha256};
use crate::json::JsonError;
use crate::json::cursor::Cursor;
use crate::json::string::{escaped_bytes, write_string};
use crate::text::{CUT_MARK, cut as cut_at, cut_in_json};
use crate::tile::ENTRY_BYTES_MAX;
use crate::time;

/// How the blob of a cut entry begins.
const BEGINNING: &str = r#"{"cut":{"#;

/// Names in such a blob of what is no text like the others.
const ID: &str = "id";
const TIMESTAMP: &str = "timestamp";
const DETAIL: &str = "detail";

/// The last principal that a line can have: if there are more, it ends with the mark.
const LAST_BEHALF: &str = "on_behalf_of.7";

/// A text in such a blob, by name.
type Member<'a> = (Cow<'a, str>, Cow<'a, str>);

impl Entry {
    /// Lets a trail cut the entry when it does not fit, instead of refusing it. What was cut is then whole in a blob:
    /// [`restored`](Entry::restored) puts it back. Redaction comes first. Default: such an entry is refused, so that its
    /// caller knows.
    ///
    /// - When the line is too long, the longest texts are cut, all to the same length, and never one of less than 1,500
    ///   bytes of JSON.
    /// - An id is cut at 256 bytes; for an empty one a new one is made. Of more than eight principals in `on_behalf_of`,
    ///   eight stay. A time in a year that no entry can have becomes the nearest one.
    /// - A detail that cannot be kept as JSON, such as one nested more than 126 deep, is kept as the text of that JSON. If
    ///   it cannot even be written, the text says why.
    /// - What is larger than a blob may be is cut in the blob too, with the same mark. Only then is anything lost.
    ///
    /// ```
    /// use graven_core::entry::{CUT_MARK, Category, Entry, Outcome};
    ///
    /// let time = "2026-01-31T12:00:00Z".parse()?;
    /// let said = Entry::new(Category::Session, "x".repeat(100_000), Outcome::Success).id("1").timestamp(time);
    /// let mut line = Vec::new();
    /// assert!(said.append_line(1 << 20, &mut line).is_err());
    ///
    /// let blob = said.clone().cut_to_fit().append_line(1 << 20, &mut line)?.expect("it has the whole action");
    /// let cut = Entry::from_line(&line)?;
    /// assert!(cut.action.ends_with(CUT_MARK));
    /// assert_eq!(cut.restored(&blob.text)?, said);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    #[inline]
    pub fn cut_to_fit(mut self) -> Entry {
        self.cut_to_fit = true;
        if let Some(refused) = self.refused.take() {
            self.detail = Some(refused.as_text());
        }
        self
    }

    pub(crate) fn is_cut_to_fit(&self) -> bool {
        self.cut_to_fit
    }

    /// The entry as it was recorded, from its line and the text of the blob that its detail names: with the detail, and
    /// with the whole of each text that was cut.
    ///
    /// # Errors
    ///
    /// [`JsonError`] when the text is not a detail, so it is not the blob that the line names.
    pub fn restored(mut self, blob: &str) -> Result<Entry, JsonError> {
        let Some(whole) = read(blob, &mut self) else {
            self.detail = Some(Detail::parse(blob)?);
            return Ok(self);
        };
        for (name, whole) in whole.texts {
            let text = self.texts().into_iter().find(|(known, _)| *known == name);
            *text.expect("it was compared above").1 = whole;
        }
        self.id = whole.id.or(self.id);
        self.timestamp = whole.timestamp.or(self.timestamp);
        self.on_behalf_of.extend(whole.others);
        self.detail = whole.detail;
        Ok(self)
    }

    /// The texts that may be cut, by name, in the order of the line. Not the id: by it the entry is found.
    fn texts(&mut self) -> Vec<(&'static str, &mut String)> {
        const BEHALF: [&str; ON_BEHALF_OF_MAX] = [
            "on_behalf_of.0",
            "on_behalf_of.1",
            "on_behalf_of.2",
            "on_behalf_of.3",
            "on_behalf_of.4",
            "on_behalf_of.5",
            "on_behalf_of.6",
            "on_behalf_of.7",
        ];
        let mut texts = vec![
            ("action", Some(&mut self.action)),
            ("principal", self.principal.as_mut()),
            ("okr_id", self.okr_id.as_mut()),
            ("okr_run_id", self.okr_run_id.as_mut()),
            ("relay_id", self.relay_id.as_mut()),
            ("session_id", self.session_id.as_mut()),
            ("trace_id", self.trace_id.as_mut()),
            ("span_id", self.span_id.as_mut()),
            ("request_id", self.request_id.as_mut()),
            ("resource", self.resource.as_mut()),
        ];
        if let Some(Source { ip, user_agent, service, host }) = self.source.as_deref_mut() {
            texts.extend([
                ("source.ip", ip.as_mut()),
                ("source.user_agent", user_agent.as_mut()),
                ("source.service", service.as_mut()),
                ("source.host", host.as_mut()),
            ]);
        }
        if let Some(Agent { id, instance, model, version }) = self.agent.as_deref_mut() {
            texts.extend([
                ("agent.id", id.as_mut()),
                ("agent.instance", instance.as_mut()),
                ("agent.model", model.as_mut()),
                ("agent.version", version.as_mut()),
            ]);
        }
        texts.extend(BEHALF.into_iter().zip(self.on_behalf_of.iter_mut().map(Some)));
        texts.extend([
            ("intent_id", self.intent_id.as_mut()),
            ("reason", self.reason.as_mut()),
            ("recorded_by", self.recorded_by.as_mut()),
        ]);
        if let Some(Approval { by, rule, .. }) = self.approval.as_deref_mut() {
            texts.extend([("approval.by", by.as_mut()), ("approval.rule", rule.as_mut())]);
        }
        texts.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
    }
}

/// Whether an entry has something that no line can have, whatever its length: it is to be cut.
pub(crate) fn is_over(entry: &Entry) -> bool {
    entry.id.as_ref().is_some_and(|id| id.len() > ID_BYTES_MAX)
        || entry.on_behalf_of.len() > ON_BEHALF_OF_MAX
        || entry.timestamp.is_some_and(|timestamp| !time::is_in_range(&timestamp))
}

/// The id under which a trail stores an entry that it may cut: the first bytes of one that is too long.
pub fn stored_id(id: &str) -> Cow<'_, str> {
    if id.len() <= ID_BYTES_MAX {
        return id.into();
    }
    format!("{}{CUT_MARK}", cut_at(id, ID_BYTES_MAX - CUT_MARK.len())).into()
}

/// Cuts an entry: what no line can have, and then the longest texts, all to the same length in JSON. The entry that comes
/// back has no detail: the blob has it, and the whole of everything that was cut. There is no blob if it may not even
/// have its own names.
pub(crate) fn cut(entry: &Entry, blob_bytes_max: u64) -> Result<(Entry, Option<Blob>), EntryError> {
    let (mut cut, mut members) = bounded(entry);
    let mut line = Vec::new();
    let longest_marker = BlobRef { sha256: Hash::from_bytes([0; 32]), bytes: u64::MAX }.marker();
    without_texts(&cut).write(Some(&longest_marker), &mut line)?;
    let others = entry.on_behalf_of.get(ON_BEHALF_OF_MAX..).unwrap_or_default();
    let last = (!others.is_empty()).then(|| entry.on_behalf_of[ON_BEHALF_OF_MAX - 1].as_str());
    if let Some(last) = cut.on_behalf_of.last_mut().filter(|_| last.is_some()) {
        last.push_str(CUT_MARK);
    }
    let mut texts = cut.texts();
    let lengths = texts.iter().map(|(_, text)| bytes_in_json(text)).collect();
    let level = level(lengths, ENTRY_BYTES_MAX.saturating_sub(line.len()));
    let mut detail = entry.detail.as_ref().map(|detail| detail.as_str().into());
    for (name, text) in &mut texts {
        if !is_before_detail(name) {
            members.extend(detail.take().map(|detail| (DETAIL.into(), detail)));
        }
        let whole = (bytes_in_json(text) > level).then(|| cut_to(text, level));
        match last.filter(|_| *name == LAST_BEHALF) {
            Some(last) => {
                members.push(((*name).into(), last.into()));
                let numbers = ON_BEHALF_OF_MAX..;
                let others = numbers.zip(others);
                members.extend(others.map(|(number, other)| (behalf(number).into(), other.into())));
            }
            None => members.extend(whole.map(|whole| ((*name).into(), whole.into()))),
        }
    }
    members.extend(detail.map(|detail| (DETAIL.into(), detail)));
    let text = within(members, blob_bytes_max);
    Ok((cut, text.map(blob)))
}

/// The blob of a detail that does not fit its line, when nothing else was cut.
pub(crate) fn blob_of(detail: &Detail) -> Blob {
    if detail.as_str().starts_with(BEGINNING) {
        return blob(written(&[(DETAIL.into(), detail.as_str().into())]));
    }
    blob(detail.as_str().to_owned())
}

/// The entry without its detail and with what a line can have; and what was cut for that.
fn bounded(entry: &Entry) -> (Entry, Vec<Member<'_>>) {
    let mut bounded = Entry { detail: None, ..entry.clone() };
    let mut members: Vec<Member<'_>> = Vec::new();
    if let Some(id) = entry.id.as_ref().filter(|id| id.len() > ID_BYTES_MAX) {
        bounded.id = Some(stored_id(id).into_owned());
        members.push((ID.into(), id.into()));
    }
    if let Some(timestamp) = entry.timestamp.filter(|timestamp| !time::is_in_range(timestamp)) {
        bounded.timestamp = Some(time::nearest(timestamp));
        members.push((TIMESTAMP.into(), time_text(timestamp).into()));
    }
    bounded.on_behalf_of.truncate(ON_BEHALF_OF_MAX);
    (bounded, members)
}

/// The entry with all texts empty that may be cut, to see how long the rest of its line is.
fn without_texts(entry: &Entry) -> Entry {
    let mut empty = entry.clone();
    empty.texts().into_iter().for_each(|(_, text)| text.clear());
    empty
}

/// Cuts a text to this many bytes in JSON; the whole comes back.
fn cut_to(text: &mut String, level: usize) -> String {
    let mut short = cut_in_json(text, level.saturating_sub(CUT_MARK.len())).to_owned();
    short.push_str(CUT_MARK);
    std::mem::replace(text, short)
}

/// The greatest length to which all texts can be cut so that they have room together.
fn level(mut lengths: Vec<usize>, mut room: usize) -> usize {
    lengths.sort_unstable();
    let mut left = lengths.len();
    for length in lengths {
        let share = room / left;
        if length > share {
            return share;
        }
        (room, left) = (room - length, left - 1);
    }
    usize::MAX
}

fn bytes_in_json(text: &str) -> usize {
    text.chars().map(escaped_bytes).sum()
}

fn blob(text: String) -> Blob {
    Blob { sha256: sha256(text.as_bytes()), text }
}

/// The text of the blob with these members. If they have more than `bytes_max` bytes, the longest are cut; `None` if even
/// their names have more.
fn within(mut members: Vec<Member<'_>>, bytes_max: u64) -> Option<String> {
    let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    let lengths: Vec<usize> = members.iter().map(|(_, text)| bytes_in_json(text)).collect();
    let names = members.iter().map(|(name, _)| name.len() + r#","":"""#.len()).sum::<usize>();
    // One comma less, and the two brackets at the end.
    let room = bytes_max.checked_sub(BEGINNING.len() + names + 1)?;
    let level = level(lengths, room);
    if level < CUT_MARK.len() {
        return None;
    }
    for (_, text) in &mut members {
        if bytes_in_json(text) > level {
            cut_to(text.to_mut(), level);
        }
    }
    Some(written(&members))
}

/// The object in such a blob.
fn written(members: &[Member<'_>]) -> String {
    let mut out = Vec::new();
    for (name, text) in members {
        out.extend_from_slice(if out.is_empty() { BEGINNING.as_bytes() } else { b"," });
        write_string(name, &mut out);
        out.push(b':');
        write_string(text, &mut out);
    }
    out.extend_from_slice(b"}}");
    String::from_utf8(out).expect("strings are UTF-8")
}

/// What a blob says of a cut entry.
#[derive(Default)]
struct Whole {
    id: Option<String>,
    timestamp: Option<DateTime<Utc>>,
    texts: Vec<(&'static str, String)>,
    /// The principals that the line does not have.
    others: Vec<String>,
    detail: Option<Detail>,
}

/// Reads the blob of a cut entry. `None` unless exactly this entry was cut like this: each text in the blob goes on where
/// the cut one in the entry ends.
fn read(blob: &str, entry: &mut Entry) -> Option<Whole> {
    if !blob.starts_with(BEGINNING) {
        return None;
    }
    let (id, timestamp) = (entry.id.clone(), entry.timestamp);
    let mut known = entry.texts().into_iter();
    let mut whole = Whole::default();
    for (place, (name, text)) in members(blob)?.into_iter().enumerate() {
        let is_first = place == usize::from(whole.id.is_some());
        if name == ID && place == 0 {
            whole.id = Some(whole_of(id.as_deref()?, text)?);
        } else if name == TIMESTAMP && is_first && whole.timestamp.is_none() {
            whole.timestamp = Some(whole_time(timestamp?, &text)?);
        } else if name == DETAIL {
            let in_place =
                whole.detail.is_none() && whole.texts.iter().all(|(name, _)| is_before_detail(name));
            whole.detail = Some(restored_detail(&text).filter(|_| in_place)?);
        } else if name == behalf(ON_BEHALF_OF_MAX + whole.others.len())
            && whole.texts.last().is_some_and(|(last, _)| *last == LAST_BEHALF)
        {
            whole.others.push(text.into_owned());
        } else {
            // Forward only: another order, a doubled name and a name that the line does not have are not found.
            let (name, cut) = known.find(|(known, _)| *known == name)?;
            if whole.detail.is_some() && is_before_detail(name) {
                return None;
            }
            whole.texts.push((name, whole_of(cut, text)?));
        }
    }
    Some(whole)
}

/// The whole of a text: the one in the blob goes on where the one in the line was cut. When the blob was too small for it, the
/// one in the line may be the longer one.
fn whole_of(in_line: &str, in_blob: Cow<'_, str>) -> Option<String> {
    let kept = in_line.strip_suffix(CUT_MARK)?;
    if in_blob.starts_with(kept) {
        return Some(in_blob.into_owned());
    }
    let is_shorter = kept.starts_with(in_blob.strip_suffix(CUT_MARK)?);
    is_shorter.then(|| in_line.to_owned())
}

/// The time of which the one in the line is the nearest. When the blob was too small for it, only that one is known.
fn whole_time(in_line: DateTime<Utc>, in_blob: &str) -> Option<DateTime<Utc>> {
    if in_blob.ends_with(CUT_MARK) {
        return Some(in_line);
    }
    let whole = time::read_stored(in_blob).ok().filter(|whole| time_text(*whole) == in_blob)?;
    (!time::is_in_range(&whole) && time::nearest(whole) == in_line).then_some(whole)
}

/// The detail that the blob of a cut entry tells. One that was itself too large for a blob has no end any more: it is the
/// text that is left.
fn restored_detail(text: &str) -> Option<Detail> {
    match Detail::parse(text) {
        Ok(detail) => Some(detail).filter(|detail| detail.as_str() == text),
        Err(_) => text.ends_with(CUT_MARK).then(|| Detail::of_text(text)),
    }
}

/// The members of the blob, if they are written as the engine writes them.
fn members(blob: &str) -> Option<Vec<Member<'_>>> {
    let mut cursor = Cursor::new(&blob[BEGINNING.len()..]);
    let mut members = Vec::new();
    loop {
        let name = cursor.string().ok()?;
        cursor.expect(b':', "a colon").ok()?;
        members.push((name, cursor.string().ok()?));
        if !cursor.take(b',') {
            // Whatever else is wrong with the text, it is not what is written of these members.
            return (written(&members) == blob).then_some(members);
        }
    }
}

/// The name of a principal in `on_behalf_of`.
fn behalf(number: usize) -> String {
    format!("on_behalf_of.{number}")
}

fn time_text(time: DateTime<Utc>) -> String {
    let mut text = Vec::new();
    time::write_time(&time, &mut text);
    String::from_utf8(text).expect("digits and signs are ASCII")
}

/// Whether a field stands before the detail in a line.
fn is_before_detail(name: &str) -> bool {
    matches!(name, "action" | "principal")
}
