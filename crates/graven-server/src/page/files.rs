//! The files of the page: they are in the binary, and a build for development reads them from the disk.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use graven_core::hash::hex;
use rust_embed::RustEmbed;

/// The folder.
#[derive(RustEmbed)]
#[folder = "web/"]
struct Files;

/// A file, as it is served.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) media_type: &'static str,
    /// The beginning of its SHA-256, in quotes.
    pub(super) etag: String,
    pub(super) plain: Bytes,
    pub(super) gzip: Bytes,
}

/// The files that were asked for, by their names. What was compressed is kept; there are only as many as in the folder.
static SERVED: Mutex<Option<HashMap<String, Served>>> = Mutex::new(None);

/// The file of this name, if the folder has it and browsers know its type.
pub(super) fn find(name: &str) -> Option<Served> {
    let media_type = media_type(name)?;
    let file = Files::get(name)?;
    let etag = format!("\"{}\"", hex(&file.metadata.sha256_hash()[..16]));
    let mut served = SERVED.lock().unwrap_or_else(PoisonError::into_inner);
    let served = served.get_or_insert_default();
    if let Some(known) = served.get(name).filter(|known| known.etag == etag) {
        return Some(known.clone());
    }
    let plain = match file.data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => Bytes::from(data),
    };
    let found = Served { media_type, etag, gzip: gzip(&plain), plain };
    served.insert(name.to_owned(), found.clone());
    Some(found)
}

/// The types of the page's files. Others, such as notes for its authors, are not served.
fn media_type(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(plain).and_then(|()| encoder.finish());
    Bytes::from(written.expect("a vector takes everything"))
}
