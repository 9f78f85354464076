//! What a trail signs: the bytes of `checkpoint`, and the text of `closed`.

use graven_core::checkpoint::Checkpoint;
use graven_core::hash::Hash;
use graven_core::note::SigningKey;

/// Signs a checkpoint: the bytes of its file.
pub(crate) fn sign(checkpoint: &Checkpoint, key: &SigningKey) -> String {
    checkpoint.sign(key).to_string()
}

/// The text of a `closed` note. Its first line keeps it from ever being read as a checkpoint.
pub(crate) fn closed_text(origin: &str, size: u64, root: &Hash) -> String {
    format!("graven/closed/v1\n{origin}\n{size}\n{root}\n")
}
