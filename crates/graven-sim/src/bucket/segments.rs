//! What must hold when something of a closed segment is created.

use graven_core::hash::{leaf_hash, sha256};
use serde_json::Value;

use super::Objects;
use super::audit::Audit;
use super::look::{self, Found, json, number, there};

impl Audit {
    /// A packed segment, a manifest, or the number of a segment is created.
    pub(super) fn segment(&mut self, objects: &Objects, name: &str, bytes: &[u8]) -> Found<()> {
        if name.ends_with(".jsonl.zst") {
            // It counts only with a manifest, which has its digest.
            return Ok(());
        }
        match name.strip_suffix(".json") {
            Some(span) => self.manifest(objects, span, bytes),
            None => self.numbered(objects, name, bytes),
        }
    }

    /// A manifest is created: it fits its object, whose entries are under a head.
    fn manifest(&self, objects: &Objects, span: &str, bytes: &[u8]) -> Found<()> {
        let manifest = json(bytes, span)?;
        let (first, end) = (number(&manifest, "first")?, number(&manifest, "end")?);
        let odd = |what: &str| Err(format!("the manifest {span}: {what}"));
        if format!("{first}-{end}") != span || first >= end || end > self.size() {
            return odd("it is about other entries, or they are under no head");
        }
        let name = manifest["object"]["name"].as_str().unwrap_or_default();
        let packed = there(objects, name)?;
        if !is_sum(&manifest["object"], packed) {
            return odd("its object is another one");
        }
        let lines = look::lines(packed, name)?;
        let leaves = &self.leaves[first as usize..end as usize];
        if lines.len() != leaves.len()
            || lines.iter().zip(leaves).any(|(line, leaf)| leaf_hash(line) != *leaf)
        {
            return odd("its object has other entries");
        }
        let unpacked: Vec<u8> = lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect();
        if !is_sum(&manifest["lines"], &unpacked) {
            return odd("its object has other lines");
        }
        let mut at = 0;
        for frame in manifest["frames"].as_array().into_iter().flatten() {
            let length = number(frame, "packed")? as usize;
            let lines = look::lines(packed.get(at..at + length).unwrap_or_default(), span)?;
            let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
            let right =
                number(frame, "entries")? == lines.len() as u64 && number(frame, "bytes")? == bytes as u64;
            if !right {
                return odd("a frame has other lines");
            }
            at += length;
        }
        Ok(())
    }

    /// A segment gets its number: it follows the one before, and everything of it is there.
    fn numbered(&mut self, objects: &Objects, name: &str, bytes: &[u8]) -> Found<()> {
        let span =
            std::str::from_utf8(bytes).ok().and_then(|text| text.strip_suffix('\n')).unwrap_or_default();
        let parsed =
            span.split_once('-').and_then(|(first, end)| Some((first.parse().ok()?, end.parse().ok()?)));
        let Some((first, end)) = parsed else { return Err(format!("segments/{name} has no range")) };
        let _: (u64, u64) = (first, end);
        if name != self.segments.to_string() || first != self.closed_to || end <= first || end > self.size() {
            return Err(format!(
                "segments/{name} is {span}, after {} that end at {}",
                self.segments, self.closed_to
            ));
        }
        there(objects, &format!("{}/segments/{span}.json", self.folder))?;
        there(objects, &format!("{}/boundaries/{end}", self.folder))?;
        (self.segments, self.closed_to) = (self.segments + 1, end);
        self.counts.segments += 1;
        Ok(())
    }
}

/// Whether these are the bytes of which a length and a SHA-256 are given.
fn is_sum(sum: &Value, bytes: &[u8]) -> bool {
    sum["bytes"] == bytes.len() as u64 && sum["sha256"] == sha256(bytes).to_hex()
}
