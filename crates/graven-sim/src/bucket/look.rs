//! Reads a bucket without the code that ships: by the names and formats in `docs/SCALE.md`, and without a list.

use graven_core::checkpoint::Checkpoint;
use graven_core::hash::{Hash, leaf_hash};
use graven_core::note::VerifierKey;
use graven_core::tree::Tree;
use serde_json::Value;

use super::Objects;

/// What stands in the place of a head when its epoch is closed.
pub(crate) const END: &[u8] = b"end\n";

/// What a look may find wrong.
pub(crate) type Found<T> = Result<T, String>;

/// An object that must be there.
pub(crate) fn there<'a>(objects: &'a Objects, name: &str) -> Found<&'a [u8]> {
    objects.get(name).map(|bytes| &bytes[..]).ok_or_else(|| format!("{name} is not there"))
}

/// The lines of a packed object, each without its newline.
pub(crate) fn lines(packed: &[u8], name: &str) -> Found<Vec<Vec<u8>>> {
    let bytes = zstd::decode_all(packed).map_err(|error| format!("{name}: {error}"))?;
    let Some(whole) = bytes.strip_suffix(b"\n") else { return Err(format!("{name} has no whole lines")) };
    Ok(whole.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect())
}

/// A JSON object.
pub(crate) fn json(bytes: &[u8], name: &str) -> Found<Value> {
    serde_json::from_slice(bytes).map_err(|error| format!("{name}: {error}"))
}

/// A number of a JSON object.
pub(crate) fn number(value: &Value, key: &str) -> Found<u64> {
    value[key].as_u64().ok_or_else(|| format!("{key} is no number in {value}"))
}

/// A signed head.
pub(crate) fn head(bytes: &[u8], key: &VerifierKey, name: &str) -> Found<(u64, Hash)> {
    let (checkpoint, _) = Checkpoint::open(bytes, key).map_err(|error| format!("{name}: {error}"))?;
    Ok((checkpoint.size, checkpoint.root))
}

/// The lines of the entries of a head: those between these indexes, shipped by this epoch.
pub(crate) fn entries(
    objects: &Objects,
    folder: &str,
    epoch: u64,
    (first, end): (u64, u64),
) -> Found<Vec<Vec<u8>>> {
    if first == end {
        return Ok(Vec::new());
    }
    let one = format!("{folder}/tail/{epoch}/{first}-{end}.jsonl.zst");
    let parts = if objects.contains_key(&one) {
        vec![one]
    } else {
        let name = format!("{folder}/tail/{epoch}/{first}-{end}.json");
        serde_json::from_slice(there(objects, &name)?).map_err(|error| format!("{name}: {error}"))?
    };
    let mut all = Vec::new();
    for part in parts {
        all.append(&mut lines(there(objects, &part)?, &part)?);
    }
    if all.len() as u64 == end - first {
        return Ok(all);
    }
    Err(format!("the entries {first}-{end} of epoch {epoch} are {} lines", all.len()))
}

/// The leaf hashes of all entries under the heads of a bucket, by all of its epochs: what anybody can restore.
pub(crate) fn restore(objects: &Objects, folder: &str, key: &VerifierKey) -> Found<Vec<Hash>> {
    let mut leaves: Vec<Hash> = Vec::new();
    for epoch in 0.. {
        let name = format!("{folder}/epochs/{epoch}");
        let Some(taken) = objects.get(&name) else { break };
        let mut first = number(&json(taken, &name)?, "size")?;
        for k in 0.. {
            let name = format!("{folder}/heads/{epoch}/{k}");
            let Some(bytes) = objects.get(&name).filter(|bytes| **bytes != END) else { break };
            let (size, root) = head(bytes, key, &name)?;
            let lines = entries(objects, folder, epoch, (first, size))?;
            for (index, line) in (first..).zip(&lines) {
                match leaves.get(index as usize) {
                    None if index == leaves.len() as u64 => leaves.push(leaf_hash(line)),
                    Some(known) if *known == leaf_hash(line) => {}
                    _ => return Err(format!("{name}: entry {index} is another one, or there is a gap")),
                }
            }
            if leaves.len() as u64 != size || root_of(&leaves) != root {
                return Err(format!("{name} is not over the {} entries that are restored", leaves.len()));
            }
            first = size;
        }
    }
    Ok(leaves)
}

/// The root over leaf hashes.
pub(crate) fn root_of(leaves: &[Hash]) -> Hash {
    leaves.iter().copied().collect::<Tree>().root()
}
