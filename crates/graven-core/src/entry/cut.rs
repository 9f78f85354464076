//! Cut texts: an entry whose texts do not fit its line is shortened, and a blob beside the log has the whole texts.
//!
//! Each cut text ends with [`CUT_MARK`]. The blob has the texts by the names of their fields, in the order of the line, and the
//! detail as text, since the blob's marker stands in its place:
//!
//! ```text
//! {"cut":{"action":"…","detail":"<JSON as text>"}}
//! ```
//!
//! Only the engine writes such blobs. A caller's own detail that begins like one is itself put into one, alone, before it
//! becomes a blob. So what a blob of this form says is never a caller's invention.

use super::{Agent, Approval, Blob, Detail, Entry, ON_BEHALF_OF_MAX, Source};
use crate::hash::sha256;
use crate::json::JsonError;
use crate::json::cursor::Cursor;
use crate::json::string::{escaped_bytes, write_string};
use crate::text::cut_in_json;
use crate::tile::ENTRY_BYTES_MAX;

/// What a text ends with that was cut.
pub const CUT_MARK: &str = "…[cut]";

/// How the blob of a cut entry begins.
const BEGINNING: &str = r#"{"cut":{"#;

/// The name of the detail in such a blob.
const DETAIL: &str = "detail";

impl Entry {
    /// Lets a trail cut the texts of the entry when its line is too long, instead of refusing it. The whole texts are
    /// then in a blob: [`restored`](Entry::restored) puts them back. Redaction comes first.
    ///
    /// The longest texts are cut, all to the same length, and never one of less than 1,500 bytes of JSON. Default: such
    /// an entry is refused, so that its caller knows.
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
    pub fn cut_to_fit(mut self) -> Entry {
        self.cut_to_fit = true;
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
        match read(blob, &mut self) {
            Some((texts, detail)) => {
                for (name, whole) in texts {
                    let text = self.texts().into_iter().find(|(known, _)| *known == name);
                    *text.expect("it was compared above").1 = whole;
                }
                self.detail = detail;
            }
            None => self.detail = Some(Detail::parse(blob)?),
        }
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

/// Cuts the longest texts of an entry. `room` is how many bytes of the line all texts may have together, as JSON without
/// their quotes. The blob has the whole texts and the detail.
pub(crate) fn cut(entry: &Entry, room: usize) -> (Entry, Blob) {
    let mut cut = entry.clone();
    let detail = cut.detail.take();
    let mut texts = cut.texts();
    let level = level(texts.iter().map(|(_, text)| bytes_in_json(text)).collect(), room);
    let mut members = Members::default();
    let mut detail = detail.as_ref();
    for (name, text) in &mut texts {
        if !is_before_detail(name) {
            members.add_detail(detail.take());
        }
        if bytes_in_json(text) > level {
            members.add(name, text);
            text.truncate(cut_in_json(text, level.saturating_sub(CUT_MARK.len())).len());
            text.push_str(CUT_MARK);
        }
    }
    members.add_detail(detail);
    (cut, members.finish())
}

/// The blob of a detail that does not fit its line, when nothing else was cut.
pub(crate) fn blob_of(detail: &Detail) -> Blob {
    if detail.as_str().starts_with(BEGINNING) {
        let mut members = Members::default();
        members.add_detail(Some(detail));
        return members.finish();
    }
    blob(detail.as_str().to_owned())
}

/// How many bytes are left for texts in a line that has this many without any.
pub(crate) fn room(line_without_texts: usize) -> usize {
    ENTRY_BYTES_MAX.saturating_sub(line_without_texts)
}

/// The entry with all texts empty that may be cut, to see how long the rest of its line is.
pub(crate) fn without_texts(entry: &Entry) -> Entry {
    let mut empty = Entry { detail: None, ..entry.clone() };
    empty.texts().into_iter().for_each(|(_, text)| text.clear());
    empty
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

/// The members of the object in such a blob.
#[derive(Default)]
struct Members(Vec<u8>);

impl Members {
    fn add(&mut self, name: &str, text: &str) {
        self.0.extend_from_slice(if self.0.is_empty() { BEGINNING.as_bytes() } else { b"," });
        write_string(name, &mut self.0);
        self.0.push(b':');
        write_string(text, &mut self.0);
    }

    fn add_detail(&mut self, detail: Option<&Detail>) {
        if let Some(detail) = detail {
            self.add(DETAIL, detail.as_str());
        }
    }

    fn finish(mut self) -> Blob {
        self.0.extend_from_slice(b"}}");
        blob(String::from_utf8(self.0).expect("strings are UTF-8"))
    }
}

/// The whole texts by name, and the detail.
type Whole = (Vec<(&'static str, String)>, Option<Detail>);

/// Reads the blob of a cut entry. `None` unless exactly this entry was cut like this: each text in the blob goes on where
/// the cut one in the entry ends.
fn read(blob: &str, entry: &mut Entry) -> Option<Whole> {
    if !blob.starts_with(BEGINNING) {
        return None;
    }
    let mut known = entry.texts().into_iter();
    let mut texts: Vec<(&'static str, String)> = Vec::new();
    let mut detail = None;
    for (name, text) in members(blob)? {
        if name == DETAIL {
            let in_place = detail.is_none() && texts.iter().all(|(name, _)| is_before_detail(name));
            detail = Some(Detail::parse(&text).ok().filter(|detail| in_place && detail.as_str() == text)?);
            continue;
        }
        // Forward only: another order, a doubled name and a name that the line does not have are not found.
        let (name, cut) = known.find(|(known, _)| *known == name)?;
        let kept = cut.strip_suffix(CUT_MARK)?;
        if !text.starts_with(kept) || (detail.is_some() && is_before_detail(name)) {
            return None;
        }
        texts.push((name, text));
    }
    Some((texts, detail))
}

/// The members of the blob, if they are written as the engine writes them.
fn members(blob: &str) -> Option<Vec<(String, String)>> {
    let mut cursor = Cursor::new(&blob[BEGINNING.len()..]);
    let mut members = Vec::new();
    let mut again = Members::default();
    loop {
        let name = cursor.string().ok()?;
        cursor.expect(b':', "a colon").ok()?;
        let text = cursor.string().ok()?;
        again.add(&name, &text);
        members.push((name.into_owned(), text.into_owned()));
        if !cursor.take(b',') {
            // Whatever else is wrong with the text, it is not what is written of these members.
            return (again.finish().text == blob).then_some(members);
        }
    }
}

/// Whether a field stands before the detail in a line.
fn is_before_detail(name: &str) -> bool {
    matches!(name, "action" | "principal")
}
