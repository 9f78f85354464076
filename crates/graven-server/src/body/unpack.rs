//! Unpacks bodies that are compressed: within the bounds of those that are not, whatever they say of their length.

use std::io::Read;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use tokio::sync::OwnedSemaphorePermit;

use super::{Room, SMALL_BYTES, Taken, UNIT_BYTES, too_large};
use crate::problem::{Kind, Problem};

/// How a body was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    AsItIs,
    Gzip,
}

impl Room {
    /// Reads a whole body that may be compressed by gzip, of at most `bytes_max` bytes before and after.
    ///
    /// # Errors
    /// As [`read`](Room::read); `BadParameter` for what is not gzip.
    pub(crate) async fn read_unpacked(
        &self,
        headers: &HeaderMap,
        body: Body,
        bytes_max: usize,
    ) -> Result<(Bytes, Taken), Problem> {
        let packing = packing(headers.get(header::CONTENT_ENCODING))?;
        let (body, mut taken) = self.read_as_sent(headers, body, bytes_max).await?;
        if packing == Packing::AsItIs {
            return Ok((body, taken));
        }
        let (room, place) = (self.clone(), self.unpacking().await);
        let unpack = move || {
            let _place = place;
            room.unpack(&body, bytes_max, &mut taken).map(|unpacked| (unpacked, taken))
        };
        tokio::task::spawn_blocking(unpack).await.unwrap_or_else(|panic| {
            tracing::error!(error = panic.to_string(), "unpacking a body panicked");
            Err(Problem::fault())
        })
    }

    /// A place to unpack a body, until it is dropped. It waits for one, which nobody has for long: no client has a part in
    /// that. `None` never comes.
    pub(crate) async fn unpacking(&self) -> Option<OwnedSemaphorePermit> {
        // It fails only when it is closed, and nobody closes it.
        Arc::clone(&self.unpacking).acquire_owned().await.ok()
    }

    /// It asks for room before each part, so that a body that grows without end takes no more memory than another.
    fn unpack(&self, packed: &[u8], bytes_max: usize, taken: &mut Taken) -> Result<Bytes, Problem> {
        let mut gzip = MultiGzDecoder::new(packed);
        let (mut whole, mut part) = (Vec::new(), vec![0; UNIT_BYTES.min(SMALL_BYTES)]);
        loop {
            let read = gzip.read(&mut part).map_err(|error| {
                Problem::new(Kind::BadParameter, format!("the body is not whole gzip: {error}"))
            })?;
            if read == 0 {
                return Ok(Bytes::from(whole));
            }
            let bytes = whole.len() + read;
            if bytes > bytes_max {
                return Err(too_large(bytes_max));
            }
            self.grow(taken, bytes)?;
            whole.extend_from_slice(&part[..read]);
        }
    }
}

fn packing(encoding: Option<&HeaderValue>) -> Result<Packing, Problem> {
    match encoding.map(HeaderValue::as_bytes) {
        None => Ok(Packing::AsItIs),
        Some(name) if name.eq_ignore_ascii_case(b"identity") => Ok(Packing::AsItIs),
        Some(name) if name.eq_ignore_ascii_case(b"gzip") => Ok(Packing::Gzip),
        Some(_) => {
            let message = "of the Content-Encodings only gzip is taken here";
            Err(Problem::new(Kind::UnsupportedMediaType, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::tests::room;
    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    }

    #[test]
    fn what_grows_without_end_is_given_up_at_the_bound_or_where_there_is_no_room() {
        let bomb = packed(&vec![0; 8 << 20]);
        assert!(bomb.len() < SMALL_BYTES, "{}", bomb.len());
        let mut taken = Taken::default();
        let refused = room(1_024).unpack(&bomb, 1 << 20, &mut taken).unwrap_err();
        assert!(refused.is(Kind::TooLarge) && taken.bytes <= 2 << 20, "{refused:?} {taken:?}");
        let refused = room(16).unpack(&bomb, 16 << 20, &mut Taken::default()).unwrap_err();
        assert!(refused.is(Kind::Busy), "{refused:?}");
        assert_eq!(room(256).unpack(&bomb, 8 << 20, &mut Taken::default()).unwrap().len(), 8 << 20);
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let whole = packed(b"some text that is long enough");
        for bad in [&whole[..whole.len() - 1], &whole[..12], b"plain".as_slice(), b""] {
            let refused = room(16).unpack(bad, 1 << 20, &mut Taken::default()).unwrap_err();
            assert!(refused.is(Kind::BadParameter), "{refused:?}");
        }
        // A file of gzip may have several parts.
        let two = [whole.clone(), whole].concat();
        assert_eq!(room(16).unpack(&two, 1 << 20, &mut Taken::default()).unwrap().len(), 58);
    }
}
