//! Reads the bodies of requests: within a bound each, a bound for all together, and a time.

mod unpack;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::problem::{Kind, Problem};
use crate::settings::Limits;

/// A body of at most this length always has room, so that large ones keep nobody from recording.
const SMALL_BYTES: usize = 64 << 10;

/// The room is counted in these.
const UNIT_BYTES: usize = 64 << 10;

/// How long a whole body may take.
const WHOLE_MAX: Duration = Duration::from_secs(300);

/// How much more memory than its body the events of a body take, at most and about, while they are recorded.
const TIMES: usize = 4;

/// How many bodies may be unpacked at a time. What cannot ask for room as it goes takes no more than this many times the most
/// of one body.
const UNPACKING: usize = 4;

/// The memory for bodies. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    units: Arc<Semaphore>,
    unpacking: Arc<Semaphore>,
    /// The most bytes of all bodies together.
    all: usize,
    /// The most bytes of one body that is read whole.
    bytes_max: usize,
    /// How long a client may send nothing in the middle of a body.
    pause: Duration,
}

/// A part of it that a body has taken.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    units: Vec<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Room {
    pub(crate) fn new(limits: &Limits) -> Room {
        let number = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let units = (number(limits.bodies_bytes) / UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        Room {
            units: Arc::new(Semaphore::new(units)),
            unpacking: Arc::new(Semaphore::new(UNPACKING)),
            all: units * UNIT_BYTES,
            bytes_max: number(limits.body_bytes),
            pause: limits.body_pause,
        }
    }

    /// The most bytes of one body that is read whole.
    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// The most bytes of one body that is turned into events as a whole, unpacked.
    pub(crate) fn events_bytes_max(&self) -> usize {
        self.bytes_max.min(self.all / TIMES)
    }

    /// Makes sure that there is room for the events of a body of this length.
    ///
    /// # Errors
    /// As [`grow`](Room::grow).
    pub(crate) fn grow_for_events(&self, taken: &mut Taken, bytes: usize) -> Result<(), Problem> {
        // Small bodies always have room, and so have their events.
        if bytes <= SMALL_BYTES { Ok(()) } else { self.grow(taken, bytes * TIMES) }
    }

    /// Makes sure that `taken` is enough for this number of bytes. It never waits, so that no two bodies wait for each other.
    ///
    /// # Errors
    /// `Busy` when there is not so much room.
    pub(crate) fn grow(&self, taken: &mut Taken, bytes: usize) -> Result<(), Problem> {
        if bytes <= SMALL_BYTES.max(taken.bytes) {
            return Ok(());
        }
        let units = (bytes - taken.bytes).div_ceil(UNIT_BYTES);
        let more = u32::try_from(units).ok().and_then(|units| {
            // It is never closed, so the only error is that there is no room.
            Arc::clone(&self.units).try_acquire_many_owned(units).ok()
        });
        let more = more.ok_or_else(|| {
            Problem::new(Kind::Busy, "too many large bodies are being read: try again, or send smaller ones")
        })?;
        taken.units.push(more);
        taken.bytes += units * UNIT_BYTES;
        Ok(())
    }

    /// Reads a whole body of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// `TooLarge`; `Busy`; `BadParameter` when the client stops sending.
    pub(crate) async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
        bytes_max: usize,
    ) -> Result<(Bytes, Taken), Problem> {
        refuse_encoded(headers)?;
        self.read_as_sent(headers, body, bytes_max).await
    }

    /// Reads a whole body, whatever its encoding.
    async fn read_as_sent(
        &self,
        headers: &HeaderMap,
        body: Body,
        bytes_max: usize,
    ) -> Result<(Bytes, Taken), Problem> {
        let mut taken = Taken::default();
        let announced = announced(headers).unwrap_or(0);
        if announced > bytes_max as u64 {
            return Err(too_large(bytes_max));
        }
        self.grow(&mut taken, announced as usize)?;
        let bytes = self.read_all(body, announced as usize, bytes_max, &mut taken).await?;
        Ok((bytes, taken))
    }

    async fn read_all(
        &self,
        mut body: Body,
        announced: usize,
        bytes_max: usize,
        taken: &mut Taken,
    ) -> Result<Bytes, Problem> {
        let whole_until = Instant::now() + WHOLE_MAX;
        let Some(first) = self.next(&mut body, whole_until).await? else { return Ok(Bytes::new()) };
        let Some(mut more) = self.next(&mut body, whole_until).await? else {
            return if first.len() > bytes_max { Err(too_large(bytes_max)) } else { Ok(first) };
        };
        let mut whole = BytesMut::with_capacity(announced.max(first.len()));
        whole.extend_from_slice(&first);
        loop {
            if whole.len() + more.len() > bytes_max {
                return Err(too_large(bytes_max));
            }
            self.grow(taken, whole.len() + more.len())?;
            whole.extend_from_slice(&more);
            match self.next(&mut body, whole_until).await? {
                Some(bytes) => more = bytes,
                None => return Ok(whole.freeze()),
            }
        }
    }

    /// The next bytes of a body; `None` at its end.
    async fn next(&self, body: &mut Body, whole_until: Instant) -> Result<Option<Bytes>, Problem> {
        // One timer for both: most bodies come at once, and a timer costs more than they do.
        let pause_until = Instant::now().checked_add(self.pause);
        let until = pause_until.map_or(whole_until, |until| until.min(whole_until));
        while !body.is_end_stream() {
            let frame = tokio::time::timeout_at(until, body.frame()).await;
            let too_slow = |_| too_slow(if until < whole_until { self.pause } else { WHOLE_MAX });
            let Some(frame) = frame.map_err(too_slow)? else { return Ok(None) };
            let frame = frame.map_err(|error| {
                Problem::new(Kind::BadParameter, format!("the body ended before its end: {error}"))
            })?;
            // Trailers say nothing that is needed.
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

/// A body is taken as it is: what is compressed could grow without end.
///
/// # Errors
/// `UnsupportedMediaType` for a body with an encoding.
pub(crate) fn refuse_encoded(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            let message = "no Content-Encoding is taken here: send the body as it is";
            Err(Problem::new(Kind::UnsupportedMediaType, message))
        }
        _ => Ok(()),
    }
}

/// The length that a request says its body has.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(Kind::TooLarge, format!("the body may have at most {bytes_max} bytes: send it in parts"))
}

fn too_slow(time: Duration) -> Problem {
    Problem::new(Kind::BadParameter, format!("the body did not come within {} s", time.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: usize = 16 * UNIT_BYTES;

    pub(super) fn room(units: usize) -> Room {
        Room {
            units: Arc::new(Semaphore::new(units)),
            unpacking: Arc::new(Semaphore::new(1)),
            all: units * UNIT_BYTES,
            bytes_max: LARGE,
            pause: Duration::ZERO,
        }
    }

    #[test]
    fn large_bodies_leave_room_for_small_ones() {
        let room = room(64);
        let mut taken: Vec<Taken> = Vec::new();
        for _ in 0..4 {
            taken.push(Taken::default());
            room.grow(taken.last_mut().unwrap(), LARGE).unwrap();
        }
        assert_eq!(room.grow(&mut Taken::default(), SMALL_BYTES + 1).unwrap_err().status(), 503);
        room.grow(&mut Taken::default(), SMALL_BYTES).unwrap();
        // What was taken is enough as long as the body does not grow.
        room.grow(&mut taken[0], LARGE).unwrap();
        assert!(room.grow(&mut taken[0], LARGE + 1).is_err());
        taken.pop();
        room.grow(&mut Taken::default(), LARGE).unwrap();
    }
}
