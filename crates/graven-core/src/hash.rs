//! SHA-256, and the two ways in which a Merkle tree uses it.
//!
//! RFC 6962 section 2.1: a leaf is hashed behind the byte 0x00 and a node behind 0x01, so that neither can be
//! taken for the other.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

use crate::base64::{self, Base64Error};

/// A SHA-256 hash. It prints as base64, as all C2SP formats write it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The root of the tree without leaves: the hash of no bytes (RFC 6962 section 2.1).
    pub const EMPTY_TREE: Hash = Hash([
        0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
        0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
    ]);

    /// The hash with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Hash {
        Hash(bytes)
    }

    /// Its 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads the base64 that [`Display`](fmt::Display) writes, and nothing else.
    ///
    /// # Errors
    ///
    /// [`Base64Error`], when the text is not canonical base64 of 32 bytes.
    pub fn parse(base64: &str) -> Result<Hash, Base64Error> {
        let bytes = base64::decode(base64)?;
        let found = bytes.len();
        let bytes = bytes.try_into().map_err(|_| Base64Error::Length { expected: 32, found })?;
        Ok(Hash(bytes))
    }

    /// Its 64 lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }
}

/// The lower-case hexadecimal digits of some bytes.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| hex_digits(*byte).map(char::from)).collect()
}

/// The two digits of a byte.
pub(crate) fn hex_digits(byte: u8) -> [u8; 2] {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&base64::encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// As a string of base64.
impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From a string of canonical base64.
impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        let text = String::deserialize(deserializer)?;
        Hash::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The plain SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

/// The hash of a leaf: SHA-256 of 0x00 and the entry (RFC 6962 section 2.1).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut state = SHA256_START;
    // Only the first block and the last are put together; all between is compressed where it lies.
    let mut last = [[0; 64]; 2];
    let used = match entry.split_first_chunk::<63>() {
        Some((head, rest)) => {
            let mut first = [0; 64];
            first[1..].copy_from_slice(head);
            compress256(&mut state, &[first]);
            let (whole, tail) = rest.as_chunks::<64>();
            compress256(&mut state, whole);
            last[0][..tail.len()].copy_from_slice(tail);
            tail.len()
        }
        None => {
            last[0][1..=entry.len()].copy_from_slice(entry);
            1 + entry.len()
        }
    };
    let blocks = if used < 56 { 1 } else { 2 };
    last[0][used] = 0x80;
    last[blocks - 1][56..].copy_from_slice(&message_bits(1 + entry.len()));
    compress256(&mut state, &last[..blocks]);
    Hash(state_bytes(state))
}

/// The hash of a node: SHA-256 of 0x01 and the hashes of its two children (RFC 6962 section 2.1).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    // The message is always 65 bytes, so its two blocks can be laid out here, padding included, and compressed
    // in one call: a general-purpose hasher spends a good part of its time on keeping its buffer.
    let mut blocks = [[0; 64]; 2];
    blocks[0][0] = 0x01;
    blocks[0][1..33].copy_from_slice(&left.0);
    blocks[0][33..].copy_from_slice(&right.0[..31]);
    blocks[1][0] = right.0[31];
    blocks[1][1] = 0x80;
    blocks[1][56..].copy_from_slice(&message_bits(1 + 2 * 32));
    let mut state = SHA256_START;
    compress256(&mut state, &blocks);
    Hash(state_bytes(state))
}

/// The length of a message in bits, as the last block ends with it.
fn message_bits(bytes: usize) -> [u8; 8] {
    (bytes as u64 * 8).to_be_bytes()
}

fn state_bytes(state: [u32; 8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (four, word) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *four = word.to_be_bytes();
    }
    bytes
}

/// The state in which SHA-256 starts (FIPS 180-4 section 5.3.3).
const SHA256_START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_tree_is_the_hash_of_nothing() {
        assert_eq!(Hash::EMPTY_TREE, sha256(b""));
    }

    #[test]
    fn leaf_and_node_hashes_are_those_of_rfc_6962() {
        // The values that the certificate-transparency projects publish for these inputs.
        assert_eq!(
            leaf_hash(b"").to_hex(),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        assert_eq!(leaf_hash(b"L123456"), sha256(b"\0L123456"));
        let (left, right) = (sha256(b"left"), sha256(b"right"));
        let mut message = vec![0x01];
        message.extend_from_slice(left.as_bytes());
        message.extend_from_slice(right.as_bytes());
        assert_eq!(node_hash(&left, &right), sha256(&message));
        assert_ne!(node_hash(&left, &right), node_hash(&right, &left));
    }

    #[test]
    fn leaves_of_every_length_around_the_blocks_hash_as_a_plain_hasher_says() {
        let bytes: Vec<u8> = (0..70_000).map(|place| (place % 251) as u8).collect();
        for length in (0..700).chain([65_535, 70_000]) {
            let message = [&[0x00], &bytes[..length]].concat();
            assert_eq!(leaf_hash(&bytes[..length]), sha256(&message), "{length} bytes");
        }
    }

    #[test]
    fn a_hash_reads_back_what_it_prints_and_nothing_else() {
        let hash = sha256(b"x");
        assert_eq!(Hash::parse(&hash.to_string()), Ok(hash));
        assert_eq!(Hash::parse("Zm9v"), Err(Base64Error::Length { expected: 32, found: 3 }));
        assert_eq!(Hash::parse(&hash.to_hex()), Err(Base64Error::Length { expected: 32, found: 48 }));
        assert_eq!(hash.to_hex(), "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(json, format!("\"{hash}\""));
        assert_eq!(serde_json::from_str::<Hash>(&json).unwrap(), hash);
    }
}
